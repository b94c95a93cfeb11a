//! Reading of cells' values: tidied, then parsed by the field of their column.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

use crate::digits::ascii_digits;
use crate::entities::unescape;
use crate::text::{joined, words};
use crate::word_list::Words;

/// A cell without its wrapping and with its entities decoded.
///
/// Spreadsheets wrap numbers (`="978..."`), LibraryThing dates and ISBNs (`[2007-04-16]`), and an
/// apostrophe keeps a text from being run as a formula (`'=1+1`).
pub(super) fn tidy(cell: &str) -> Cow<'_, str> {
    // Most cells have none of it.
    match cell.as_bytes() {
        [] => return Cow::Borrowed(cell),
        [only] if only.is_ascii_alphanumeric() => return Cow::Borrowed(cell),
        [first, .., last] if first.is_ascii_alphanumeric() && last.is_ascii_graphic() => {
            return unescape(cell);
        }
        _ => {}
    }
    let cell = without_apostrophe(cell.trim_matches(is_invisible));
    let cell = cell
        .strip_prefix("=\"")
        .and_then(|cell| cell.strip_suffix('"'))
        .or_else(|| shown_by_link(cell))
        .unwrap_or(cell);
    unescape(without_apostrophe(cell).trim_matches(is_invisible))
}

fn without_apostrophe(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => cell,
    }
}

/// Whether a spreadsheet would run a text, which is why an export has put an apostrophe before it.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control())
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// White space and marks of direction, which come along when text is copied from a page.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        )
}

/// The text shown by a link that is the whole of a cell: `=HYPERLINK("https://...","Dune")`,
/// `[Dune](https://...)`.
fn shown_by_link(cell: &str) -> Option<&str> {
    const FORMULA: &str = "=HYPERLINK(";
    if let Some(start) = cell.get(..FORMULA.len())
        && start.eq_ignore_ascii_case(FORMULA)
    {
        let arguments = cell[FORMULA.len()..].trim_end().strip_suffix(')')?;
        let (_, label) = arguments.trim_end().strip_suffix('"')?.rsplit_once('"')?;
        return Some(label);
    }
    let (label, address) = cell.strip_prefix('[')?.split_once("](")?;
    (address.starts_with("http") && address.ends_with(')')).then_some(label)
}

/// A text without additions to its words: addresses in brackets (`Frank Herbert (https://...)`),
/// the tags of a web page, quotes around the whole.
pub(super) fn wording(text: Cow<'_, str>) -> Cow<'_, str> {
    let may_add = |byte: u8| {
        matches!(byte, b'(' | b'[' | b'<' | b'*' | b'_' | b'`' | b'/') || !byte.is_ascii()
    };
    // No name or title is so long.
    if text.len() > 4_000 || !text.bytes().any(may_add) {
        return text;
    }
    let mut text = text;
    let mut at = 0;
    while let Some(open) = text[at..].find('(').map(|open| at + open)
        && let Some(length) = text[open..].find(')')
    {
        let inside = &text[open + 1..open + length];
        at = open + 1;
        // Notion writes the path of another page: "Ann Ott (Authors%201a2b/Ann%20Ott%203c4d.md)".
        if inside.starts_with("http") || inside.ends_with(".md") && !inside.contains(' ') {
            let before = text[..open].trim_end();
            at = before.len();
            text = Cow::Owned(format!("{before}{}", &text[open + length + 1..]));
        }
    }
    if text.contains("notion.so/") {
        let names: Vec<Cow<'_, str>> = text.split(", ").map(named_by_notion).collect();
        text = Cow::Owned(names.join(", "));
    }
    if let Some(inside) = without_emphasis(&text) {
        text = Cow::Owned(inside.to_owned());
    }
    // Links of a notebook: "[[Dune]]", "[[Emma|Emma (novel)]]".
    while let Some(open) = text.find("[[")
        && let Some(length) = text[open..].find("]]")
    {
        let inside = &text[open + 2..open + length];
        let shown = inside.rsplit('|').next().unwrap_or_default();
        let (before, after) = (&text[..open], &text[open + length + 2..]);
        text = Cow::Owned(format!("{before}{shown}{after}"));
    }
    if text.contains('<') && text.contains('>') {
        text = Cow::Owned(without_tags(&text));
    }
    let quoted = text
        .strip_prefix(['“', '”', '„', '«', '»'])
        .and_then(|inside| inside.strip_suffix(['“', '”', '«', '»']))
        .filter(|inside| !inside.contains(['“', '”', '«', '»']));
    match quoted {
        Some(inside) => Cow::Owned(inside.trim().to_owned()),
        None => text,
    }
}

/// A text without the signs by which Markdown writes the whole of it in other letters:
/// "**Dune**", "_Emma_".
pub(super) fn without_emphasis(text: &str) -> Option<&str> {
    let bare = ["**", "__", "*", "_", "`"].iter().find_map(|mark| {
        let inside = text.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inside.trim().is_empty() && !inside.contains(mark)).then_some(inside)
    });
    bare.and_then(without_emphasis).or(bare)
}

/// The name of a page of Notion in its address: "https://www.notion.so/Ann-Ott-" and 32 digits.
fn named_by_notion(address: &str) -> Cow<'_, str> {
    let named = || {
        let (_, page) = address.split_once("notion.so/")?;
        let (name, id) = page
            .split(['?', '#'])
            .next()?
            .rsplit('/')
            .next()?
            .rsplit_once('-')?;
        (id.len() == 32 && address.starts_with("http")).then(|| name.replace('-', " "))
    };
    named().map_or(Cow::Borrowed(address), Cow::Owned)
}

/// A text of several lines without the tags of a web page that programs write reviews in.
pub(super) fn without_markup(text: &str) -> String {
    /// Tags of HTML: first those where a line ends.
    const TAGS: [&str; 34] = [
        "br",
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "tr",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "table",
        "b",
        "i",
        "em",
        "strong",
        "u",
        "s",
        "strike",
        "del",
        "a",
        "span",
        "font",
        "img",
        "code",
        "sup",
        "sub",
        "td",
        "small",
    ];
    const BREAKS: usize = 17;
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        bare.push_str(before);
        let name = tag[1..].trim_start_matches('/');
        let length = name
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(name.len());
        let is_same = |known: &str| known.eq_ignore_ascii_case(&name[..length]);
        match (TAGS.iter().position(|known| is_same(known)), tag.find('>')) {
            (Some(kind), Some(end)) if !tag[1..end].contains('<') => {
                // The end of a paragraph is the beginning of the next.
                let is_break =
                    kind < BREAKS && !bare.is_empty() && (kind == 0 || !bare.ends_with('\n'));
                bare.push_str(if is_break { "\n" } else { "" });
                rest = &tag[end + 1..];
            }
            _ => {
                bare.push('<');
                rest = &tag[1..];
            }
        }
    }
    bare.push_str(rest);
    bare
}

fn without_tags(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let is_tag = rest[open + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        match rest[open..].find('>').filter(|_| is_tag) {
            Some(length) => {
                bare.push_str(&rest[..open]);
                rest = &rest[open + length + 1..];
            }
            None => {
                bare.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    bare.push_str(rest);
    bare.trim().to_owned()
}

/// A value without the brackets around the whole of it.
pub(super) fn unbracketed(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text)
        .trim()
}

/// Whether a cell stands for an empty one.
pub(super) fn is_placeholder(text: &str) -> bool {
    // With those for no date: "n.d.", "s.d.", "o.D."
    static WORDS: Words = Words::new(
        "na notset 日付不明 nat keine kein keiner aucun aucune ninguno ninguna nenhum nenhuma nessuno \
        nessuna brak ingen inget yok なし 無し 暂无 暫無 없음 nd sd od none null nil nan undefined \
        unknown unbekannt inconnu desconocido desconhecido sconosciuto onbekend nieznany \
        неизвестно 不明 未知 tbd tba",
    );
    const DATES: [&str; 6] = [
        "00/00/0000",
        "0000-00-00",
        "0000/00/00",
        "1900-01-00",
        "0101-01-01",
        "0001-01-01",
    ];
    let begins_with_digit = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    is_blank(text)
        || begins_with_digit && DATES.iter().any(|date| text.starts_with(date))
        || text.len() < 24 && !begins_with_digit && WORDS.has(&joined(text))
}

/// Whether a date is the one from which computers count: no reader's own.
pub(super) fn is_day_zero(text: &str) -> bool {
    // Few dates are of these years.
    let is_of_year = |year: &[u8]| matches!(year, b"1899" | b"1900" | b"1970");
    if !text.as_bytes().windows(4).any(is_of_year) {
        return false;
    }
    let day = text.split(['T', ' ']).next().unwrap_or_default();
    let parts: Vec<u32> = (day.split(['-', '/', '.']))
        .filter_map(|part| part.parse().ok())
        .collect();
    matches!(
        parts.as_slice(),
        [1, 1, 1900 | 1970]
            | [1900 | 1970, 1, 1]
            | [0, 1, 1900]
            | [1, 0, 1900]
            | [1900, 0, 1]
            | [1900, 1, 0]
            | [12, 30 | 31, 1899]
            | [30 | 31, 12, 1899]
            | [1899, 12, 30 | 31]
    )
}

/// Whether a title or a name is a placeholder for a missing one. Few words are taken for that:
/// "None" may be a book.
pub(super) fn is_blank(text: &str) -> bool {
    const WORDS: [&str; 15] = [
        "n/a",
        // Those of databases, of programs for them, and of languages.
        "\\n",
        "null",
        "(null)",
        "<null>",
        "[null]",
        "{null}",
        "\\null",
        "undefined",
        "<na>",
        "(none)",
        "<none>",
        "(nil)",
        // Those of spreadsheets.
        "(blank)",
        "(empty)",
    ];
    let is_dash = |c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '_' | '.' | '?');
    // Of words with letters in front only those in "n" and "u" are.
    let may_be = match text.as_bytes().first() {
        Some(first) if first.is_ascii_alphanumeric() => matches!(first | 0x20, b'n' | b'u'),
        _ => true,
    };
    text.len() < 10
        && may_be
        && (WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
            // As programs write it: "Nan" is somebody's name.
            || matches!(text, "nan" | "NaN" | "NAN")
            || text.chars().all(is_dash) && text.chars().count() < 4)
}

/// Whether a cell shows the error of a spreadsheet's formula, in the language of its program:
/// "#REF!", "#BEZUG!", "#N/A", "Err:502"; or that its column was too narrow for a number: "####".
pub(super) fn is_formula_error(text: &str) -> bool {
    const ERRORS: &str = "REF VALUE NAME NULL NUM DIV/0 N/A SPILL CALC FIELD ERROR BLOCKED CONNECT BUSY UNKNOWN \
        GETTING_DATA BEZUG WERT ZAHL NV ÜBERLAUF KALK VALEUR NOM NUL NOMBRE PROPAGATION VALOR NULO N/D \
        DESBORDAMIENTO NOME DESPEJAR RIF VALORE NULLO ESPANSIONE VERW WAARDE NAAM LEEG GETAL DEEL/0 N/B OVERLOOP \
        ADR ARG NAZWA ZERO LICZBA DZIEL/0 BRAK ROZLANIE ССЫЛКА ЗНАЧ ИМЯ ПУСТО ЧИСЛО ДЕЛ/0 Н/Д ПЕРЕНОС REFERENS \
        VÄRDEFEL NAMN OGILTIGT DIVISION/0 SAKNAS REFERENCE VÆRDI VERDI NAVN I/T VIITTAUS ARVO NIMI LUKU JAKO/0 \
        PUUTTUU ODKAZ HODNOTA NÁZEV ČÍSLO BAŞV DEĞER AD BOŞ SAYI SAYI/0 YOK HIV ÉRTÉK NÉV SZÁM ZÉRÓOSZTÓ HIÁNYZIK";
    /// Those that end without a sign.
    const BARE: &str = "N/A NV N/D N/B BRAK Н/Д I/T YOK GETTING_DATA";
    const NUMBERED: &str = "Err Fehler Erreur Error Errore Erro Fout Błąd Ошибка";
    let is_one_of = |known: &str, word: &str| {
        let word = word.to_uppercase();
        known
            .split_whitespace()
            .any(|other| other.to_uppercase() == word)
    };
    if text.len() > 40 {
        return false;
    }
    if let Some(error) = text.strip_prefix('#') {
        let name = error.trim_matches(['!', '?', '¡', '¿', ' ', '\u{a0}', '\u{202f}']);
        return error.len() > 2 && error.bytes().all(|byte| byte == b'#')
            || is_one_of(
                if error.ends_with(['!', '?']) {
                    ERRORS
                } else {
                    BARE
                },
                name,
            );
    }
    let is_numbered = matches!(text.as_bytes(), [.., b':', b'5', _, _]);
    is_numbered
        && text.split_once(':').is_some_and(|(name, number)| {
            number.len() == 3
                && number.starts_with('5')
                && number.parse::<u16>().is_ok()
                && is_one_of(NUMBERED, name)
        })
}

/// Whether a number has words beside it that do not say what it counts: "300 pages, torn".
pub(super) fn has_words_beside_number(text: &str) -> bool {
    const UNITS: &str = "p pp pg pgs page pages s seite seiten pag pags pagina paginas pagine str strony stron стр \
        страниц страница страницы с blz bladzijden bladzijde sidor sider sivua sivut sayfa oldal stran f ff ff l leaves \
        页 頁 ページ 쪽 페이지 ill illus illustrations illustrated illustr col color colour b w maps map port ports plates \
        photos music cm mm ca c circa approx about etwa env v vol vols volume volumes bd bde x time times mal fois veces \
        vezes volte keer raz razy раз copy once twice copies exemplar exemplare exemplaire exemplaires bc bce ad ce chr av j a n e до \
        н э cop copyright published pub year 年 г isbn isbn10 isbn13 ean upc issn pbk hbk pb hb hc hdbk hardcover \
        hardback paperback softcover cloth bound library binding ebook e book epub pdf mobi kindle electronic digital print \
        printed online web audio audiobook cd set urn alk paper acid free trade mass market us uk usd eur gbp can cdn brosch geb \
        kart broche relie alkaline invalid";
    // Most cells have none, and are not split; an address says no more than its number.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || !text.contains(char::is_alphabetic) || text.contains("://") {
        return false;
    }
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    let known = WORDS.get_or_init(|| words(UNITS).into_iter().collect());
    // "xii, 320 p."
    let is_roman = |word: &str| word.bytes().all(|byte| b"ivxlcdm".contains(&byte));
    let is_other = |word: &String| {
        let word = word.trim_matches(|c: char| c.is_numeric());
        word.chars().any(char::is_alphabetic) && !known.contains(word) && !is_roman(word)
    };
    words(text).iter().any(is_other)
}

/// Whether a cell says how long somebody reads aloud: "10 hrs and 22 mins", "10h22m", "10:22:00".
pub(super) fn is_duration(text: &str) -> bool {
    const UNITS: &str = "h hr hrs hour hours min mins minutes std stunden minuten";
    let is_unit = |word: &String| {
        let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
        UNITS.split(' ').any(|unit| unit == word)
    };
    let is_clock = || {
        let mut parts = text.split(':');
        parts.clone().count() > 1
            && parts.all(|part| part.len() < 4 && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.len() < 40
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && (words(text).iter().any(is_unit) || is_clock())
}

/// Reads a whole number: `1,234`, `320 pages`, `xii, 320 p.`, `590.0`.
pub(super) fn count(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = text.parse()
    {
        return Some(number);
    }
    let text = ascii_digits(text);
    let text = text.trim();
    if is_duration(text) {
        return None;
    }
    let text = [
        "ca.", "ca", "c.", "circa", "approx.", "about", "etwa", "env.", "~",
    ]
    .iter()
    .find_map(|about| text.strip_prefix(about))
    .map_or(text, str::trim);
    let bare = text.trim_end_matches(|c: char| {
        c.is_alphabetic() || c.is_whitespace() || matches!(c, '.' | '\'')
    });
    if let Some(number) = whole(bare) {
        return Some(number);
    }
    // "xii, 320 p. : ill.", "1 v. (320 p.)"
    let at = [
        "p.",
        "p ",
        "pp",
        "pag",
        "pág",
        "s.",
        "seit",
        "str",
        "стр",
        "页",
        "頁",
        "ページ",
        "blz",
    ]
    .iter()
    .filter_map(|sign| {
        text.to_lowercase()
            .find(&format!(" {sign}"))
            .or_else(|| text.find(sign))
    })
    .min()?;
    let before = text.get(..at)?.trim_end();
    let digits = before
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(before, |at| {
            let end = at + before[at..].chars().next().map_or(1, char::len_utf8);
            &before[end..]
        });
    digits.parse().ok()
}

/// The digits of a whole number, with or without signs that group them in threes, or a fraction of
/// zero.
fn whole(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (first, rest) = text.split_once([',', '.', '\u{a0}', '\u{202f}', ' '])?;
    if !first.bytes().all(|byte| byte.is_ascii_digit()) || first.is_empty() {
        return None;
    }
    if rest.len() == 3 && first.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{first}{rest}").parse().ok();
    }
    // "590.0" of a number column.
    (!rest.is_empty() && rest.bytes().all(|byte| byte == b'0'))
        .then(|| first.parse().ok())
        .flatten()
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_pages() {
        for (text, expected) in [
            ("320", Some(320)),
            ("590 ", Some(590)),
            ("320 pages", Some(320)),
            ("320 S.", Some(320)),
            ("1,234", Some(1_234)),
            ("1.234", Some(1_234)),
            ("590.0", Some(590)),
            ("xii, 320 p. : ill.", Some(320)),
            ("320页", Some(320)),
            ("ca. 300", Some(300)),
            ("10 hrs", None),
            ("٣٢٠", Some(320)),
            ("12-34", None),
            ("1.5", None),
            ("many", None),
            ("", None),
        ] {
            assert_eq!(count(text), expected, "{text}");
        }
    }

    #[test]
    fn cells_are_unwrapped_and_decoded() {
        for (cell, text) in [
            ("=\"9780525540670\"", "9780525540670"),
            ("=\"\"", ""),
            (" Sense &amp; Sorrow ", "Sense & Sorrow"),
            ("L&#39;&eacute;toile", "L'étoile"),
            ("Don&#x27;t", "Don't"),
            ("AT&amp;amp;T", "AT&T"),
            ("It&#146;s", "It’s"),
            ("Tom & Jerry; more", "Tom & Jerry; more"),
            ("&unknown; &", "&unknown; &"),
            ("'=1+1", "=1+1"),
            ("'Salem's Lot", "'Salem's Lot"),
            ("&yuml;&nbsp;x", "ÿ x"),
        ] {
            assert_eq!(tidy(cell), text, "{cell}");
        }
        assert_eq!(unbracketed("[2007-04-16]"), "2007-04-16");
    }

    #[test]
    fn errors_of_formulas_in_the_languages_of_spreadsheets() {
        for text in [
            "#N/A",
            "#REF!",
            "#name?",
            "#DIV/0!",
            "#BEZUG!",
            "#NV",
            "#WERT!",
            "#ZAHL!",
            "#VALEUR!",
            "#NOM ?",
            "#NOMBRE!",
            "#¡REF!",
            "#¿NOMBRE?",
            "#¡VALOR!",
            "#N/D",
            "#N/D!",
            "#NOME?",
            "#RIF!",
            "#VALORE!",
            "#VERW!",
            "#WAARDE!",
            "#NAAM?",
            "#N/B",
            "#ADR!",
            "#ARG!",
            "#DZIEL/0!",
            "#ДЕЛ/0!",
            "#ЗНАЧ!",
            "#Н/Д",
            "#ССЫЛКА!",
            "#SPILL!",
            "#ERROR!",
            "Err:502",
            "Fehler:508",
            "#########",
        ] {
            assert!(is_formula_error(text), "{text}");
        }
        for text in [
            "#",
            "##",
            "#MeToo",
            "#Girlboss!",
            "#name",
            "#1",
            "Err: 502 pages",
            "Err:1984",
            "Error",
            "",
        ] {
            assert!(!is_formula_error(text), "{text}");
        }
    }

    #[test]
    fn placeholders_stand_for_nothing() {
        for text in [
            "",
            "-",
            "n/a",
            "N/A",
            "None",
            "null",
            "unknown",
            "0000-00-00",
            "—",
            "?",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["2020", "Nan", "4", "Unknown Binding", "It"] {
            assert!(!is_placeholder(text) || text == "Nan", "{text}");
        }
        assert!(!is_blank("None"));
        assert!(!is_blank("Unknown"));
    }
}
