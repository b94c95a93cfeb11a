//! What people do for a book, as it stands beside their names.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::MAX_NAME;
use super::word::{begins_with_given_name, is_dotted, is_title};
use crate::text::{clean, words};

/// Names of what people do for a book, as they stand in brackets or behind a comma.
const ROLES: &str = "author authors edited translated written compiled retold selected autor autorin auteur autrice autore autora verfasser writer \
    goodreads editor editors ed eds hrsg hg herausgeber herausgeberin editeur directeur \
    translator translators translation trans transl tr trad traducteur traductrice traductor \
    traductora traduttore traduttrice tradutor tradutora traduction ubersetzer ubersetzerin ubers \
    uebersetzer vertaler oversetter oversattare tlumacz tlumaczenie przeklad przekladatel \
    illustrator illustrations illustrated ill illus illustrateur illustratrice ilustrador \
    ilustradora illustratore zeichner photographer photographs fotograf narrator reader read \
    sprecher sprecherin narrateur narrador narratore lektor vorleser foreword introduction intro \
    afterword preface vorwort nachwort prologue prologo contributor contributors mitwirkender \
    herausgegeben traduit traduite traduzido traducido tradotto ubersetzt uebersetzt illustriert illustre \
    ilustrado illustrato vertaald edite editado curato \
    adapter adaptor adapted adaptation compiler comp artist penciller penciler inker colorist \
    colourist letterer cover mangaka story art creator series pseudonym pseud pen name verf text texte texto testo tekst \
    pictures pics bilder fotos dessin dessins scenario cev ceviren overs \
    автор переводчик перевод редактор иллюстратор составитель \
    著 著者 作者 作 译 译者 訳 訳者 翻訳 编 编者 编著 編 編者 編著 编译 絵 画 文 原作 主编 监修 監修 지음 옮김 저 역 저자 역자 글 그림 \
    지은이 옮긴이 엮은이 그린이 감수";

/// Whether each word is a role or belongs to one, as in "illustrated by".
pub(super) fn is_role(text: &str) -> bool {
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    let roles = WORDS.get_or_init(|| words(ROLES).into_iter().collect());
    let words = words(text);
    let is_known = |word: &String| {
        roles.contains(word)
            || matches!(word.as_str(), "by" | "and" | "par" | "von" | "of" | "with")
    };
    !words.is_empty() && words.iter().all(is_known)
}

/// A name without its country (`[英]`) or role ("edited by") in front and its roles and years
/// behind.
pub(super) fn without_roles(name: &str) -> String {
    let mut name = name.trim();
    for by in [" by ", " von ", " par ", " por ", " da ", " de ", " przez "] {
        if let Some((role, who)) = name.split_once(by)
            && role.split(' ').count() < 3
            && is_role(role)
            && (!begins_with_given_name(role)
                || role.ends_with('.')
                || role.starts_with(char::is_lowercase))
        {
            name = who.trim();
        }
    }
    // "Hrsg. Ana Roy", "Editor: Ana Roy"
    if let Some((role, who)) = name.split_once(' ')
        && role.ends_with(['.', ':'])
        && role.chars().count() > 2
        && !is_dotted(role)
        && is_role(role)
        && !is_role(who)
    {
        name = who.trim();
    }
    for others in [
        " et al.",
        " et al",
        " et. al.",
        " u. a.",
        " u.a.",
        " and others",
        " ほか",
        " 他",
        " и др.",
    ] {
        name = name.strip_suffix(others).unwrap_or(name).trim_end();
    }
    // Goodreads marks those who have an account: "Ott, Nan*".
    name = name.trim_end_matches(['*', '†', '¹', '²', '³']).trim_end();
    // A catalogue's full stop: "Lind, Bo."
    if let Some(bare) = name.strip_suffix('.')
        && let Some(last) = bare.rsplit([' ', '.']).next()
        && last.chars().count() > 3
        && begins_with_given_name(last)
    {
        name = bare;
    }
    while let Some(rest) = name.strip_prefix(['[', '［', '【', '〔', '(', '（'])
        && let Some((country, rest)) = rest.split_once([']', '］', '】', '〕', ')', '）'])
        && country.chars().count() <= 8
        && !rest.trim().is_empty()
    {
        name = rest.trim();
    }
    loop {
        let before = match name.char_indices().next_back() {
            Some((at, ')' | ']' | '）' | '］' | '】')) => name[..at]
                .rfind(['(', '[', '（', '［', '【'])
                .map(|open| (&name[..open], &name[open..at])),
            // "东野圭吾著"
            Some((at, '著' | '译' | '訳' | '編' | '编' | '譯'))
                if name[..at].chars().count() > 2
                    && !name[..at].ends_with([' ', '・', '\u{3000}']) =>
            {
                Some(name.split_at(at))
            }
            // "村上春樹 著"
            Some((_, last)) if !last.is_ascii() => name
                .rfind([' ', '\u{3000}', '・'])
                .map(|space| name.split_at(space)),
            _ => None,
        };
        match before {
            Some((rest, role))
                if !rest.trim().is_empty()
                    && (is_role(role) || is_span_of_years(role) || is_addition(role)) =>
            {
                name = rest.trim();
            }
            _ => break,
        }
    }
    clean(name, MAX_NAME)
}

/// Whether what stands in brackets behind a name is no part of it: titles, and the number by which
/// a program tells people of one name apart.
fn is_addition(brackets: &str) -> bool {
    let words = words(brackets);
    let is_number = |word: &String| word.len() < 3 && word.bytes().all(|b| b.is_ascii_digit());
    !words.is_empty()
        && brackets.starts_with(['(', '['])
        && (words.iter().all(|word| is_title(word)) || words.iter().all(is_number))
}

/// Whether a text is a span of years, like "1927-2014", "1965-" or "b. 1950".
pub(super) fn is_span_of_years(part: &str) -> bool {
    let digits = part.chars().filter(char::is_ascii_digit).count();
    let letters = part.chars().filter(|c| c.is_alphabetic()).count();
    let is_before_christ =
        || matches!(words(part).last(), Some(era) if matches!(era.as_str(), "bc" | "bce"));
    // "active 8th century B.C."
    let is_active = || {
        let words = words(part);
        let begins = |word: &String| {
            matches!(
                word.as_str(),
                "active" | "fl" | "flourished" | "born" | "died" | "century"
            )
        };
        digits > 0 && words.iter().any(begins)
    };
    letters <= 4 && (digits >= 4 || digits > 0 && is_before_christ()) || is_active()
}
