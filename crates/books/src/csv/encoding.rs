//! Guessing of the encoding that a file does not tell.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, IBM866, ISO_8859_15, KOI8_R, MACINTOSH, SHIFT_JIS,
    WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1257,
    X_MAC_CYRILLIC,
};

use super::headers;

/// Number of a file's bytes that are looked at for a guess.
const SAMPLE: usize = 256 * 1024;
/// Number of its first bytes that may be its header.
const HEADER: usize = 4 * 1024;

/// Code page 850 above ASCII: what Excel saves as "CSV (MS-DOS)" in Western Europe.
const CODE_PAGE_850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// Code page 852 above ASCII: the same in Central Europe.
const CODE_PAGE_852: &str = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";

/// An encoding that a file can be in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Guess {
    Standard(&'static Encoding),
    /// A code page of MS-DOS: its name, and its characters above ASCII.
    CodePage(&'static str, &'static str),
}

const IBM850: Guess = Guess::CodePage("IBM850", CODE_PAGE_850);
const IBM852: Guess = Guess::CodePage("IBM852", CODE_PAGE_852);

impl Guess {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Standard(encoding) => encoding.name(),
            Self::CodePage(name, _) => name,
        }
    }

    /// The text of these bytes; what cannot be read is U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Standard(encoding) => encoding.decode_without_bom_handling(bytes).0,
            Self::CodePage(_, characters) => {
                let high: Vec<char> = characters.chars().collect();
                let decoded = bytes.iter().map(|byte| match byte.checked_sub(0x80) {
                    Some(at) => high.get(usize::from(at)).copied().unwrap_or('\u{fffd}'),
                    None => char::from(*byte),
                });
                Cow::Owned(decoded.collect())
            }
        }
    }
}

/// The encodings that a header in a known language can tell apart.
const CANDIDATES: [&Encoding; 15] = [
    WINDOWS_1252,
    WINDOWS_1250,
    WINDOWS_1251,
    GBK,
    SHIFT_JIS,
    BIG5,
    EUC_KR,
    EUC_JP,
    MACINTOSH,
    KOI8_R,
    IBM866,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1257,
    X_MAC_CYRILLIC,
];

/// The encodings of Cyrillic letters that a detector takes for each other.
const CYRILLIC: [&Encoding; 3] = [WINDOWS_1251, KOI8_R, IBM866];

/// A text of which all lines, or some, are not UTF-8, and the likeliest encoding of these.
pub(super) fn decode(bytes: &[u8]) -> (Cow<'_, str>, Guess) {
    let whole = guess(bytes);
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let is_utf_8 = |line: &[u8]| !line.is_ascii() && std::str::from_utf8(line).is_ok();
    let is_of_bytes = match whole {
        Guess::Standard(encoding) => encoding.is_single_byte(),
        Guess::CodePage(..) => true,
    };
    if !is_of_bytes || !lines().any(is_utf_8) {
        return (whole.decode(bytes), whole);
    }
    let others: Vec<&[u8]> = lines().filter(|line| !is_utf_8(line)).collect();
    let other = guess(&others.concat());
    let decoded = lines().map(|line| match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => other.decode(line),
    });
    (Cow::Owned(decoded.collect()), other)
}

/// The likeliest encoding of a text that is not UTF-8.
///
/// A detector knows the letters of languages; the names of columns are words that are known
/// letter by letter, and words tell encodings that the detector leaves out, for browsers never
/// meet them: Mac Roman and code page 850.
pub(super) fn guess(bytes: &[u8]) -> Guess {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let detected = Guess::Standard(detector.guess(None, Utf8Detection::Deny));
    let others = CANDIDATES.iter().map(|encoding| Guess::Standard(encoding));
    let all = || {
        std::iter::once(detected)
            .chain(others.clone())
            .chain([IBM850, IBM852])
    };
    let header = &bytes[..bytes.len().min(HEADER)];
    let known = |guess: Guess| known_headers(&guess.decode(header));
    let best = all().map(known).max().unwrap_or(0);
    if best > known(detected) {
        // The first of equals that is also the best text.
        return best_text(all().filter(|guess| known(*guess) == best), sample).unwrap_or(detected);
    }
    let relatives: &[Guess] = match detected {
        // Its neighbours have the same letters in other places.
        Guess::Standard(encoding) if CYRILLIC.contains(&encoding) => &[
            Guess::Standard(WINDOWS_1251),
            Guess::Standard(KOI8_R),
            Guess::Standard(X_MAC_CYRILLIC),
        ],
        _ => &[
            Guess::Standard(WINDOWS_1252),
            Guess::Standard(ISO_8859_15),
            Guess::Standard(MACINTOSH),
            IBM850,
            IBM852,
        ],
    };
    let all = std::iter::once(detected).chain(relatives.iter().copied());
    let likely = all.filter(|guess| known(*guess) == best);
    if is_turkish(sample) && known(Guess::Standard(WINDOWS_1254)) == best {
        return Guess::Standard(WINDOWS_1254);
    }
    if is_western(sample) && known(Guess::Standard(WINDOWS_1252)) == best {
        return Guess::Standard(WINDOWS_1252);
    }
    best_text(likely, sample).unwrap_or(detected)
}

/// Whether a text in Windows-1252, by far the commonest encoding that a file does not tell, has few
/// letters beyond ASCII, which stand in words and are those of one of its languages: too few for a
/// detector.
fn is_western(sample: &[u8]) -> bool {
    const LANGUAGES: [&str; 5] = [
        "åæøéÅÆØ",
        "äöüßåéÄÖÜÅ",
        "àâçèéêëîïôùûœÉ",
        "áéíóúñü",
        "àèéìòù",
    ];
    /// Number of different letters that a detector can tell languages from.
    const MANY: usize = 3;
    let text = Guess::Standard(WINDOWS_1252).decode(sample);
    let mut letters: Vec<char> = Vec::new();
    for letter in text.chars().filter(|c| !c.is_ascii() && c.is_alphabetic()) {
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    let is_of = |language: &&str| letters.iter().all(|letter| language.contains(*letter));
    let signs = text.chars().filter(|c| !c.is_ascii() && !c.is_alphabetic());
    let are_signs = |c: char| {
        matches!(
            c,
            '‘' | '’' | '“' | '”' | '–' | '—' | '…' | '€' | '½' | '¼' | '¾' | '•' | '\u{a0}'
        )
    };
    !letters.is_empty()
        && letters.len() < MANY
        && LANGUAGES.iter().any(is_of)
        && signs.into_iter().all(are_signs)
        && likeness(&text) > 0
}

/// Whether the letters beyond ASCII are Turkish ones, and stand where Turkish has them: the same
/// bytes are letters of Icelandic, and of languages of Central Europe.
fn is_turkish(sample: &[u8]) -> bool {
    let text = Guess::Standard(WINDOWS_1254).decode(sample);
    let mut before = ' ';
    let mut own = Vec::new();
    for c in text.chars() {
        let is_letter = !c.is_ascii() && c.is_alphabetic();
        // No word begins with it.
        if is_letter && !"çğıöşüâîûÇĞİÖŞÜ".contains(c)
            || matches!(c, 'ğ' | 'Ğ') && !before.is_alphabetic()
        {
            return false;
        }
        if "ğışĞİŞ".contains(c) && !own.contains(&c) {
            own.push(c);
        }
        before = c;
    }
    own.len() > 1 || own.contains(&'ğ')
}

/// The guess whose text looks most like words; the first of several.
fn best_text(guesses: impl Iterator<Item = Guess>, sample: &[u8]) -> Option<Guess> {
    guesses
        .map(|guess| (guess, likeness(&guess.decode(sample))))
        // `max_by_key` would take the last of equals.
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(guess, _)| guess)
}

/// A score of the known headers with other than ASCII letters in a text's first lines.
fn known_headers(text: &str) -> usize {
    let lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    lines
        .take(4)
        .map(|line| {
            line.split([',', ';', '\t', '|'])
                .map(|cell| cell.trim_matches(['"', ' ']))
                .filter(|cell| !cell.is_ascii() && headers::known_meaning(cell).is_some())
                // "Szerzõ" is nearly "Szerző".
                .map(|cell| 2 + usize::from(headers::is_spelled_so(cell)))
                .sum()
        })
        .max()
        .unwrap_or(0)
}

/// A score of the text's likeness to words: letters beside letters count for it; signs and capitals
/// inside words, and mixed scripts, against it.
fn likeness(text: &str) -> i64 {
    let mut likeness = 0;
    let mut before = ' ';
    let mut accents_in_a_row = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        if !c.is_ascii() {
            let in_word = before.is_alphabetic() && after.is_alphabetic();
            let is_latin = c < '\u{250}';
            let beside_ascii = before.is_ascii_alphabetic() || after.is_ascii_alphabetic();
            likeness += match c {
                c if is_punctuation(before, c, after) => 1,
                '\u{fffd}' => -10,
                '’' | '‘' if in_word => 1,
                c if c.is_control() => -4,
                c if !c.is_alphabetic() => {
                    if in_word {
                        -2
                    } else {
                        0
                    }
                }
                c if c.is_uppercase() && before.is_lowercase() => -2,
                c if c.is_lowercase() && after.is_ascii_uppercase() => -2,
                // No word but "à" and "é" is a single letter of these.
                _ if is_latin && !before.is_alphabetic() && !after.is_alphabetic() => -1,
                _ if is_latin && accents_in_a_row >= 2 => -1,
                _ if !is_latin && beside_ascii => -2,
                _ => 1,
            };
        }
        let is_accent = !c.is_ascii() && c < '\u{250}' && c.is_alphabetic();
        accents_in_a_row = if is_accent { accents_in_a_row + 1 } else { 0 };
        before = c;
    }
    likeness
}

/// Whether a sign stands where texts have it: a dash between blanks, quotes around words.
fn is_punctuation(before: char, sign: char, after: char) -> bool {
    let is_end = |c: char| !c.is_alphanumeric();
    match sign {
        '–' | '—' => before == ' ' && after == ' ',
        '“' | '‘' | '„' | '«' => is_end(before) && !after.is_whitespace(),
        '”' | '»' | '…' => !before.is_whitespace() && is_end(after),
        '€' | '£' | '½' | '¼' | '¾' => !before.is_alphabetic() && !after.is_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(bytes: &[u8]) -> (String, &'static str) {
        let guess = guess(bytes);
        (guess.decode(bytes).into_owned(), guess.name())
    }

    #[test]
    fn encodings_of_spreadsheets_are_recognised() {
        for (text, encoding) in [
            (
                "Titel;Autor\nDie Übung;Jürgen Köhler\nGröße;Anke Groß\n",
                WINDOWS_1252,
            ),
            (
                "ID;Tytuł;Autor;ISBN\n1;Ślepy żółw;Łukasz Wójcik;\n2;Zażółć;Ewa Gęś;\n",
                WINDOWS_1250,
            ),
            (
                "Title,Author\nŚlepy żółw,Łukasz Wójcik\nZażółć gęślą jaźń,Ewa Gęś\n",
                WINDOWS_1250,
            ),
            ("Название;Автор\nТихий берег;Михаил Булгар\n", WINDOWS_1251),
            (
                "Title,Author\nТихий берег и другие рассказы,Михаил Булгар\n",
                WINDOWS_1251,
            ),
            (
                "Title,Author\nТихий берег и другие рассказы,Михаил Булгар\n",
                KOI8_R,
            ),
            ("Название;Автор\nТихий берег;Михаил Булгар\n", IBM866),
            (
                "Title,Author,ISBN\n一九八五,乔治·奥威,9780102375701\n活下去的人们和他们的故事,余花,\n",
                GBK,
            ),
            ("书名,作者\n活下去,余花\n", GBK),
            ("書名,作者\n活下去的人們,余花\n", BIG5),
            ("タイトル,著者\n緑の家,村野春樹\n", SHIFT_JIS),
            ("Title,Author\nノルウェイの雨,村野春樹\n", SHIFT_JIS),
            ("제목,저자\n소년이 간다,한감\n", EUC_KR),
            ("Τίτλος;Συγγραφέας\nΗ θάλασσα;Νίκος Κάζας\n", WINDOWS_1253),
            (
                "Başlık;Yazar\nKırmızı Saçlı Şehir;Orhan Pınar\n",
                WINDOWS_1254,
            ),
            (
                "Title,Author\nThe Trial,Franz Kafka\nKorku,Oğuz Atay\n",
                WINDOWS_1254,
            ),
            ("Title,Author\nIşık ve Şehir,Ann Ott\n", WINDOWS_1254),
            ("Title,Author\nNový dům,Karel Čapek\n", WINDOWS_1250),
        ] {
            let bytes = encoding.encode(text).0;
            let (decoded, name) = guessed(&bytes);
            assert_eq!(decoded, text, "{name} for {}", encoding.name());
        }
        // Excel on a Mac, and "CSV (MS-DOS)".
        let mac = b"Title,Author\rLes Mis\x8erables,Victor Hug\r\x86ber den Flu\xa7,J\x9arg Wei\xa7\rNi\x96o,Jos\x8e Mu\x96oz\r";
        let (text, name) = guessed(mac);
        assert!(
            text.contains("Über den Fluß,Jörg Weiß\rNiño,José Muñoz"),
            "{text}"
        );
        assert_eq!(name, "macintosh");
        let (text, name) = guessed(
            b"Titel;Autor\r\nDie \x9abung;J\x81rgen K\x94hler\r\nGr\x94\xe1e;Ren\x82 Mu\xa4oz\r\n",
        );
        assert!(
            text.contains("Die Übung;Jürgen Köhler\r\nGröße;René Muñoz"),
            "{text}"
        );
        assert_eq!(name, "IBM850");
        for (bytes, text, encoding) in [
            (
                &b"\x8d\xe0\xe7\xe2\xe0\xed\xe8\xe5;\x80\xe2\xf2\xee\xf0\n\x92\xe8\xf5\xe8\xe9 \xe1\xe5\xf0\xe5\xe3;\x8c\xe8\xf5\xe0\xe8\xeb \x81\xf3\xeb\xe3\xe0\xf0\n"[..],
                "Тихий берег;Михаил Булгар",
                "x-mac-cyrillic",
            ),
            (
                b"Title,Author\n\x92\xe8\xf5\xe8\xe9 \xe1\xe5\xf0\xe5\xe3 \xe8 \xe4\xf0\xf3\xe3\xe8\xe5 \xf0\xe0\xf1\xf1\xea\xe0\xe7\xfb \xec\xee\xf0\xdf\xea\xe0,\x8c\xe8\xf5\xe0\xe8\xeb \x81\xf3\xeb\xe3\xe0\xf0\n",
                "Тихий берег и другие рассказы моряка,Михаил Булгар",
                "x-mac-cyrillic",
            ),
            (
                b"Title,Author\n\x97lepy \xbe\xa2\x88w,\x9dukasz W\xa2jcik\nZa\xbe\xa2\x88\x86 g\xa9\x98l\xa5 ja\xab\xe4,Ewa G\xa9\x98\n",
                "Ślepy żółw,Łukasz Wójcik\nZażółć gęślą jaźń,Ewa Gęś",
                "IBM852",
            ),
            (
                b"Title,Author\nMi\xf0k\xf8 ir \xfemoni\xf8 istorija,\xc8eslovas \xdeukauskas\n\xd0iaur\xebs v\xebjas,\xdeemait\xeb\n",
                "Miškų ir žmonių istorija,Česlovas Žukauskas\nŠiaurės vėjas,Žemaitė",
                "windows-1257",
            ),
            (
                b"Pavadinimas;\xc1vertinimas\n\xd0iaur\xebs v\xebjas;5\n",
                "Pavadinimas;Įvertinimas\nŠiaurės vėjas;5",
                "windows-1257",
            ),
        ] {
            let (decoded, name) = guessed(bytes);
            assert!(decoded.contains(text), "{name}: {decoded}");
            assert_eq!(name, encoding);
        }
    }

    #[test]
    fn code_pages_are_complete() {
        assert_eq!(CODE_PAGE_850.chars().count(), 128);
        assert_eq!(CODE_PAGE_852.chars().count(), 128);
    }
}
