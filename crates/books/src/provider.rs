//! Requests to the metadata providers, and the reading of their answers.

pub(crate) mod google_books;
pub(crate) mod open_library;

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::{Number, Value};

use crate::Wanted;
use crate::entities::unescape;
use crate::name::{is_nobody, other_search_phrase, other_umlauts, pen_names, search_word};
use crate::text::{non_empty, words};

const MAX_TITLE: usize = 500;
const MAX_NAME: usize = 300;
const MAX_DESCRIPTION: usize = 2_000;
const MAX_SUBJECTS: usize = 8;
const MAX_AUTHORS: usize = 20;
/// Largest number of other names of a work's authors: famous ones have a hundred.
const MAX_ALIASES: usize = 100;
const MAX_ISBNS: usize = 10;

/// The spellings of the family name of a wanted book's author, the best first.
fn author_spellings(wanted: &Wanted) -> Vec<String> {
    let Some(word) = author_word(wanted) else {
        return Vec::new();
    };
    let author = unescape(&wanted.author);
    let others = pen_names(&author);
    let others = others.iter().filter_map(|name| search_word(name));
    let mut spellings = vec![word.clone()];
    let all = (other_search_phrase(&author).into_iter())
        .chain(other_umlauts(&word))
        .chain(others);
    for spelling in all {
        if !spellings.contains(&spelling) {
            spellings.push(spelling);
        }
    }
    spellings
}

/// The word to search an author by, when an author is wanted.
fn author_word(wanted: &Wanted) -> Option<String> {
    if is_nobody(&wanted.author) {
        return None;
    }
    search_word(&unescape(&wanted.author))
}

/// Reads a value of any shape: of the wrong type counts as absent, so that one odd field does
/// not spoil a whole answer.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(read_leniently(Value::deserialize(deserializer)?))
}

/// Reads the items of a list that have the right type; also a single item without a list.
fn lenient_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let items = match Value::deserialize(deserializer)? {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        single => vec![single],
    };
    Ok(items.into_iter().filter_map(read_leniently).collect())
}

/// Reads a value; also a number that is written as a text, and a text as a number.
fn read_leniently<T: DeserializeOwned>(value: Value) -> Option<T> {
    let other = match &value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::String(text) if may_be_number(text) => match text.trim().parse() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Null,
        },
        _ => return serde_json::from_value(value).ok(),
    };
    let read = serde_json::from_value(value).ok();
    read.or_else(|| serde_json::from_value(other).ok())
}

/// Whether a text may be a number. Most are none, which a parser says more slowly.
fn may_be_number(text: &str) -> bool {
    text.len() < 20
        && text
            .trim_start()
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// Reads the texts of a list as [`lenient_list`] does, without a tree of values between: works have
/// hundreds of ISBNs, and authors of names.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let mut texts = Vec::new();
    deserializer.deserialize_any(TextVisitor {
        texts: &mut texts,
        is_list: true,
    })?;
    Ok(texts)
}

/// A text, or the texts of a list, each added to those before.
struct TextVisitor<'a> {
    texts: &'a mut Vec<String>,
    /// Whether a list counts; one within a list does not.
    is_list: bool,
}

impl<'de> DeserializeSeed<'de> for TextVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.is_list {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        loop {
            let next = TextVisitor {
                texts: &mut *self.texts,
                is_list: false,
            };
            if list.next_element_seed(next)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.texts.push(text.to_owned());
        Ok(())
    }

    fn visit_string<E>(self, text: String) -> Result<(), E> {
        self.texts.push(text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.texts.push(number.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.texts.push(number.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.texts
            .extend(Number::from_f64(number).map(|number| number.to_string()));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
}

/// Reads an answer. One that says a thing twice is read once more as a tree, in which the last word
/// counts: nobody else's book is to suffer for it.
fn read_answer<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    // A list would do for an object whose fields come in its order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(serde_json::Error::custom("no object"));
    }
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_value(serde_json::from_slice::<Value>(body)?))
}

/// A handful of subjects for people, out of lists that machines have filled as well.
fn subjects<'a>(all: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    const MACHINE: [&str; 12] = [
        "accessible book",
        "protected daisy",
        "in library",
        "large type books",
        "reading level",
        "new york times",
        "overdrive",
        "internet archive",
        "lending library",
        "open library",
        "general",
        "fiction general",
    ];
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for subject in all.into_iter().take(100) {
        let Some(subject) = non_empty(subject, 80) else {
            continue;
        };
        let key = words(&subject).join(" ");
        // "nyt:combined-print=2014", "series:Dune"
        let is_tag = subject.contains('=') || subject.contains(':') && !subject.contains(' ');
        if key.is_empty()
            || is_tag
            || MACHINE.iter().any(|text| {
                let rest = key.strip_prefix(text);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            })
            || seen.contains(&key)
        {
            continue;
        }
        seen.push(key);
        kept.push(subject);
        if kept.len() == MAX_SUBJECTS {
            break;
        }
    }
    kept
}

/// A language as ISO 639-1, from that or from the three-letter codes of libraries (MARC).
fn language(code: &str) -> Option<String> {
    const TWO_LETTERS: [(&str, &str); 58] = [
        ("afr", "af"),
        ("alb", "sq"),
        ("ara", "ar"),
        ("arm", "hy"),
        ("baq", "eu"),
        ("bel", "be"),
        ("ben", "bn"),
        ("bul", "bg"),
        ("cat", "ca"),
        ("chi", "zh"),
        ("cze", "cs"),
        ("dan", "da"),
        ("deu", "de"),
        ("dut", "nl"),
        ("eng", "en"),
        ("est", "et"),
        ("fin", "fi"),
        ("fra", "fr"),
        ("fre", "fr"),
        ("geo", "ka"),
        ("ger", "de"),
        ("gle", "ga"),
        ("glg", "gl"),
        ("gre", "el"),
        ("heb", "he"),
        ("hin", "hi"),
        ("hrv", "hr"),
        ("hun", "hu"),
        ("ice", "is"),
        ("ind", "id"),
        ("ita", "it"),
        ("jpn", "ja"),
        ("kor", "ko"),
        ("lat", "la"),
        ("lav", "lv"),
        ("lit", "lt"),
        ("mac", "mk"),
        ("may", "ms"),
        ("nld", "nl"),
        ("nor", "no"),
        ("per", "fa"),
        ("pol", "pl"),
        ("por", "pt"),
        ("rum", "ro"),
        ("rus", "ru"),
        ("slo", "sk"),
        ("slv", "sl"),
        ("spa", "es"),
        ("srp", "sr"),
        ("swe", "sv"),
        ("tam", "ta"),
        ("tel", "te"),
        ("tha", "th"),
        ("tur", "tr"),
        ("ukr", "uk"),
        ("urd", "ur"),
        ("vie", "vi"),
        ("wel", "cy"),
    ];
    let code = code.trim().to_ascii_lowercase();
    let code = code.rsplit('/').next()?.split(['-', '_']).next()?;
    if !(2..=3).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    // "und", "mul", "zxx": unknown, several, none.
    if matches!(code, "und" | "mul" | "zxx") {
        return None;
    }
    let short = TWO_LETTERS.iter().find(|(long, _)| *long == code);
    Some(short.map_or(code, |(_, short)| short).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_two_letters_where_there_are_two() {
        for (code, iso) in [
            ("eng", Some("en")),
            ("/languages/ger", Some("de")),
            ("en", Some("en")),
            ("pt-BR", Some("pt")),
            ("ENG", Some("en")),
            ("grc", Some("grc")),
            ("und", None),
            ("", None),
            ("english", None),
        ] {
            assert_eq!(language(code).as_deref(), iso, "{code}");
        }
    }

    #[test]
    fn subjects_are_few_different_and_meant_for_people() {
        let all = [
            "Fiction",
            "fiction",
            "nyt:combined-print-fiction=2014-01-05",
            "series:Dune",
            "Accessible book",
            "In library",
            "Deserts -- Fiction",
            " ",
        ]
        .map(String::from);
        assert_eq!(subjects(&all), ["Fiction", "Deserts -- Fiction"]);
        let many: Vec<String> = (0..50).map(|n| format!("subject {n}")).collect();
        assert_eq!(subjects(&many).len(), MAX_SUBJECTS);
    }

    #[derive(Deserialize, Debug, PartialEq)]
    struct Both {
        #[serde(deserialize_with = "texts")]
        texts: Vec<String>,
        #[serde(deserialize_with = "lenient_list")]
        list: Vec<String>,
    }

    #[test]
    fn texts_are_read_as_from_a_tree() {
        for value in [
            r#"["a", "", "9780525540670", 7, -7, 1.5, 1.0, 1e30, null, true, ["b"], {"c": ["d"]}]"#,
            r#""a""#,
            "18446744073709551615",
            "-3",
            "2.50",
            "null",
            "false",
            r#"{"a": {"b": [1]}}"#,
            "[]",
            r#"[["a"], "\u00e9\n"]"#,
        ] {
            let json = format!(r#"{{"texts": {value}, "list": {value}}}"#);
            let Both { texts, list } = serde_json::from_str(&json).unwrap();
            assert_eq!(texts, list, "{value}");
            let tree: Value = serde_json::from_str(&json).unwrap();
            let Both { texts, .. } = serde_json::from_value(tree).unwrap();
            assert_eq!(texts, list, "{value}");
        }
    }
}
