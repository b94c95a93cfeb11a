//! Cells of authors that are more than names: a program's list, and people who only helped.

use crate::name::first_last;
use crate::text::{joined, words};
use crate::word_list::{Words, is_in};

/// What people do for a book who are not its authors, as it stands in front of their names.
static HELP: Words = Words::new(
    "trans transl translated translator translators translation traduit traduite traduction traduzione \
    traduzido traducido tradotto trad ubers uebers ubersetzt uebersetzt vertaald tlum przel przekl пер перевод illus \
    illustrated illustrations illustrator ill ills illustriert illustre ilustrado ilustraciones foreword introduction \
    intro preface afterword vorwort nachwort narrated narrator read gelesen gesprochen vert vertaling cev ceviren \
    overs oversatt pictures photographs bilder zeichnungen fotos photos dessins images",
);

/// Names of the values that are a person's name, and of those that are what they did.
const NAME_KEYS: [&str; 8] = [
    "name",
    "fullname",
    "author",
    "authorname",
    "displayname",
    "personalname",
    "label",
    "value",
];
const ROLE_KEYS: [&str; 4] = ["role", "type", "contribution", "job"];

/// The names in a list as programs write it, separated by semicolons: `["Ann Ott", "Bo Lind"]`,
/// `['Ann Ott']`, `{"Ann Ott",Homer}`, `[{"name": "Ann Ott"}]`.
pub(super) fn listed(text: &str) -> Option<String> {
    let text = text.trim();
    // "Ott, Ann:Lind, Bo:", as Kindle writes it.
    if let Some(names) = text.strip_suffix(':').filter(|names| names.contains(", ")) {
        return Some(names.replace(':', "; "));
    }
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let is_list = inside('[', ']').is_some_and(|list| {
        let list = list.trim_start();
        list.starts_with(['"', '\'', '{'])
    });
    if !is_list && inside('{', '}').is_none_or(|list| list.trim().is_empty()) {
        return None;
    }
    let values = values(text)?;
    let has_keys = values.iter().any(|(key, _)| key.is_some());
    let mut names: Vec<String> = Vec::new();
    for (key, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
        let Some(key) = key else {
            if !has_keys {
                names.push(value);
            }
            continue;
        };
        let key = joined(&key);
        if NAME_KEYS.contains(&key.as_str()) {
            names.push(value);
        } else if ROLE_KEYS.contains(&key.as_str())
            && value.contains(char::is_alphabetic)
            && let Some(name) = names.last_mut()
        {
            *name = with_role(name, &value);
        }
    }
    (!names.is_empty()).then(|| names.join("; "))
}

/// A person's name with what else than to write the person did, as [`without_helpers`] reads it.
pub(super) fn with_role(name: &str, role: &str) -> String {
    match words(role).first() {
        _ if writes(role) => name.to_owned(),
        Some(first) if is_help(first) => format!("{first}: {}", first_last(name)),
        _ => format!("{name} ({role})"),
    }
}

/// Whether a role is that of an author: "Co-Author", "Writer", not "Author of introduction".
pub(super) fn writes(role: &str) -> bool {
    static AUTHORS: Words = Words::new(
        "author authors coauthor writer writers written autor autora autorin auteur autrice autore verfasser \
        verfasserin",
    );
    let words = words(role);
    let is_author = |word: &String| AUTHORS.has(word);
    let is_of = |word: &String| matches!(word.as_str(), "of" | "de" | "du" | "do" | "der" | "des");
    let at = words.iter().position(is_author);
    at.is_some_and(|at| !words.get(at + 1).is_some_and(is_of))
}

fn is_help(word: &str) -> bool {
    HELP.has(&joined(word))
}

/// The values of a list of texts or of objects, each with its name; `None` if a quote is open.
fn values(text: &str) -> Option<Vec<(Option<String>, String)>> {
    let mut values = Vec::new();
    let mut key = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        if first.is_whitespace() || matches!(first, '[' | ']' | '{' | '}' | ',' | ':') {
            if matches!(first, ',' | '{' | '}') {
                key = None;
            }
            rest = after;
            continue;
        }
        let value;
        (value, rest) = match first {
            '"' | '\'' => quoted(after, first)?,
            _ => {
                let end = rest.find([',', ':', ']', '}']).unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        match rest.trim_start().strip_prefix(':') {
            Some(after) if key.is_none() => {
                key = Some(value);
                rest = after;
            }
            _ => values.push((key.take(), value)),
        }
    }
    Some(values)
}

/// The text up to the quote that ends it, and what follows.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c if c == quote => return Some((value, &text[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

/// The authors of a cell, and what is said of people who only helped: "Homer, trans. Ann Ott".
pub(super) fn without_helpers(cell: &str) -> Option<(String, Vec<String>)> {
    // Most cells are one name; and who helps alone in a cell stands for the author.
    if !cell
        .bytes()
        .any(|byte| matches!(byte, b'(' | b',' | b';' | b'/' | b'.'))
    {
        return None;
    }
    let mut helpers = Vec::new();
    let mut authors = String::with_capacity(cell.len());
    let mut rest = cell;
    while let Some(open) = rest.find('(')
        && let Some(length) = rest[open..].find(')')
    {
        let inside = &rest[open + 1..open + length];
        authors.push_str(&rest[..open]);
        if is_helper(inside) {
            helpers.push(inside.to_owned());
            authors.truncate(authors.trim_end().len());
        } else {
            authors.push_str(&rest[open..=open + length]);
        }
        rest = &rest[open + length + 1..];
    }
    authors.push_str(rest);
    let mut kept = String::with_capacity(authors.len());
    for part in authors.split_inclusive([',', ';', '/']) {
        let bare = part.trim_end_matches([',', ';', '/']).trim();
        if is_helper(bare) {
            helpers.push(bare.to_owned());
        } else if let Some((at, _)) =
            (bare.match_indices(". ")).find(|(at, _)| says_by(&bare[at + 2..]) == Some(true))
        {
            // "Ann Ott. Translated by Bo Lind, Cy Poe"
            helpers.push(bare[at + 2..].to_owned());
            kept.push_str(&bare[..at]);
            kept.push_str(&part[part.trim_end_matches([',', ';', '/']).len()..]);
        } else {
            kept.push_str(part);
        }
    }
    let kept = kept.trim_end_matches([',', ';', '/', ' ']);
    (!helpers.is_empty() && kept.contains(char::is_alphabetic)).then(|| (kept.to_owned(), helpers))
}

/// Whether a text is a person and what they did: "trans. Ann Ott", "illustrated by Ann Ott".
fn is_helper(text: &str) -> bool {
    says_by(text).is_some()
}

/// Whether such a text has a word like "by"; `None` if it is none.
fn says_by(text: &str) -> Option<bool> {
    /// Number of words by which a helper is told.
    const WORDS: usize = 6;
    let mut parts = text.split_whitespace().take(WORDS + 1);
    let first = parts.next()?;
    // "Aus dem Englischen von Ann Ott"
    let is_from = || {
        let begin = text.get(..8).unwrap_or_default().to_lowercase();
        matches!(begin.as_str(), "aus dem " | "aus der " | "from the")
    };
    if !is_help(first) && !is_from() {
        return None;
    }
    let is_by = |word: &str| is_in("by von par por da di de door przez", word);
    let rest: Vec<&str> = parts.collect();
    match rest
        .iter()
        .position(|word| is_by(word))
        .filter(|at| *at < 4)
    {
        Some(by) => (by + 1 < rest.len()).then_some(true),
        None => (first.ends_with(['.', ':']) && !rest.is_empty()).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_programs_are_names() {
        for (text, names) in [
            ("['Ann Ott', 'Bo Lind']", Some("Ann Ott; Bo Lind")),
            ("[\"Ann Ott\"]", Some("Ann Ott")),
            (
                "['Ann Ott', \"Flann O'Lind\"]",
                Some("Ann Ott; Flann O'Lind"),
            ),
            ("[\"Ann \\\"A.\\\" Ott\"]", Some("Ann \"A.\" Ott")),
            ("[{\"name\": \"Ann Ott\", \"id\": 3}]", Some("Ann Ott")),
            (
                "[{'id': 1, 'name': 'Ann Ott'}, {'name': 'Bo Lind', 'role': 'Illustrator'}]",
                Some("Ann Ott; illustrator: Bo Lind"),
            ),
            ("{\"Ann Ott\",Homer}", Some("Ann Ott; Homer")),
            ("{\"name\": \"Ann Ott\"}", Some("Ann Ott")),
            ("[Ann Ott]", None),
            ("[]", None),
            ("{}", None),
            ("[英] Ann Ott", None),
            ("Ann Ott", None),
            ("[\"", None),
            ("[\"]", None),
            ("[{\"id\": 3}]", None),
        ] {
            assert_eq!(listed(text).as_deref(), names, "{text}");
        }
    }

    #[test]
    fn people_who_helped_are_no_authors() {
        for (cell, authors, helpers) in [
            ("Homer, trans. Ann Ott", "Homer", "trans. Ann Ott"),
            ("Bo Lind, illus. Ann Ott", "Bo Lind", "illus. Ann Ott"),
            (
                "Homer (Translated by Ann Ott)",
                "Homer",
                "Translated by Ann Ott",
            ),
            ("Bo Lind (trad. Ann Ott)", "Bo Lind", "trad. Ann Ott"),
            (
                "Lind, Bo; translated and edited by Ann Ott",
                "Lind, Bo",
                "translated and edited by Ann Ott",
            ),
        ] {
            let (kept, helped) = without_helpers(cell).unwrap();
            assert_eq!(kept, authors, "{cell}");
            assert_eq!(helped, [helpers], "{cell}");
        }
        for cell in [
            "Translated by Ann Ott",
            "Bo Lind (Translator)",
            "Lind, Bo",
            "Ill, Bo",
            "",
            "(",
        ] {
            assert_eq!(without_helpers(cell), None, "{cell}");
        }
    }
}
