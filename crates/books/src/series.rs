//! Series, and the place of a volume in one, as titles spell them.

use crate::Series;
use crate::numeral::{number, ordinal, place_number};
use crate::text::{clean, words};
use crate::word_list::{Words, is_in};

/// Words that are followed by a volume's number.
static LABELS: Words = Words::new(
    "book books volume volumes vol vols part parts pt band bd buch tome tomo teil deel \
    libro livre no number nr issue episode bind",
);

/// Labels that also count the parts of one book, so that the name before them need not be a series.
const PART_LABELS: [&str; 5] = ["part", "parts", "pt", "teil", "episode"];

/// Further labels, which are words of their own elsewhere in a title.
static LABELS_AT_THE_END: Words = Words::new(
    "tomes tomos teile bande bucher livres libros libri delen del dil osa tom cilt kitap \
    kniha ksiega czesc kotet bog bok kirja parte partie том книга часть volym volumen \
    volumul svazek кн частина τομοσ bk n",
);

/// Those of them that are plurals: "3 tomes" are several books.
const PLURALS: &str =
    "tomes tomos teile bande bucher livres libros libri livros delen boeken bocker boger";

/// Words between the first and the last of several places.
const UP_TO: [&str; 9] = ["and", "to", "a", "bis", "y", "e", "tot", "till", "through"];

/// Whether a comparable word announces a volume's number.
pub(crate) fn is_label(word: &str) -> bool {
    LABELS.has(word)
}

/// Whether a comparable word announces a number at the end of a text.
pub(crate) fn is_label_at_the_end(word: &str) -> bool {
    is_label(word) || LABELS_AT_THE_END.has(word)
}

/// Whether a comparable word behind a number says that these are volumes: "3 livros".
pub(crate) fn counts_volumes(word: &str) -> bool {
    is_label(word) || is_in(PLURALS, word)
}

/// The place of a book in a series: of one volume, or of several in one book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    /// Reads "2", "02", "two", "1.5", "1-3".
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let trimmed = text.trim_start_matches('0');
        if !is_position(text) {
            let words = words(text);
            let [word] = words.as_slice() else {
                return None;
            };
            return number(word).map(|number| Self(number.to_string()));
        }
        let trimmed = trimmed.strip_suffix(".0").unwrap_or(trimmed);
        Some(Self(match trimmed {
            "" => "0".to_owned(),
            trimmed => trimmed
                .replace(['\u{2013}', ',', '&'], "-")
                .replace(' ', ""),
        }))
    }

    /// Whether the book holds several volumes.
    pub(crate) fn is_range(&self) -> bool {
        self.0.contains('-')
    }

    pub(crate) fn is_first(&self) -> bool {
        self.0 == "1"
    }

    /// The volume as it is written in a title.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes the mark of a volume off the end of comparable words: "vol 2", "book two", "part 1 of 3".
pub(crate) fn take_mark(words: &mut Vec<String>) -> Option<Place> {
    take_mark_of(words, &mut false)
}

/// [`take_mark`], which also notes whether the mark is that of a part of a book.
pub(crate) fn take_mark_of(words: &mut Vec<String>, is_part: &mut bool) -> Option<Place> {
    let (at, place) = mark(words)?;
    *is_part |= PART_LABELS.contains(&words[at].as_str());
    if at == 0 {
        return None;
    }
    words.truncate(at);
    Some(place)
}

/// Whether words end with the mark of a part of a book: "part 1".
pub(crate) fn ends_with_part(words: &[String]) -> bool {
    mark(words).is_some_and(|(at, _)| PART_LABELS.contains(&words[at].as_str()))
}

/// Position at which the mark of a volume begins that ends the words, and its number.
fn mark(words: &[String]) -> Option<(usize, Place)> {
    if let Some(place) = words.last().and_then(|word| counted_in_chinese(word)) {
        return Some((words.len() - 1, place));
    }
    if let Some(place) = words.last().and_then(|word| joined_to_its_label(word)) {
        return Some((words.len() - 1, place));
    }
    let at = words.iter().rposition(|word| is_label_at_the_end(word))?;
    let place = match &words[at + 1..] {
        // "Zweiter Band", "Second Book"
        [] => {
            let before = at.checked_sub(1)?;
            // "2. osa"
            let is_digits = words[before].bytes().all(|b| b.is_ascii_digit());
            let place =
                match is_digits && LABELS_AT_THE_END.has(&words[at]) && !is_in(PLURALS, &words[at])
                {
                    true => words[before].clone(),
                    false => ordinal(&words[before])?.to_string(),
                };
            return Some((before, Place(place)));
        }
        [only] => place_number(only)?.to_string(),
        [the, only] if the == "the" => place_number(only)?.to_string(),
        [one, of, all] if of == "of" => {
            number(all)?;
            number(one)?.to_string()
        }
        // "1-3", "1, 2 and 3", "1 bis 3"
        [from, .., to] => {
            let is_listed =
                |word: &String| number(word).is_some() || UP_TO.contains(&word.as_str());
            if !words[at + 1..].iter().all(is_listed) {
                return None;
            }
            format!("{}-{}", number(from)?, number(to)?)
        }
    };
    Some((at, Place(place)))
}

/// The place in a word that begins with its label, as comics have it: "T05", "v2", "Bd3".
fn joined_to_its_label(word: &str) -> Option<Place> {
    let digits = ["vol", "bd", "t", "v"]
        .iter()
        .find_map(|label| word.strip_prefix(label))?;
    let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    Place::parse(digits).filter(|_| is_number)
}

/// The place that a word with a Chinese, Japanese or Korean counter is: "2巻", "第2卷", "2권", "第二巻".
fn counted_in_chinese(word: &str) -> Option<Place> {
    if word.is_ascii() {
        return None;
    }
    // The Korean one as comparable words have it, in its letters.
    const COUNTERS: [&str; 9] = [
        "巻",
        "卷",
        "\u{1100}\u{116f}\u{11ab}",
        "册",
        "冊",
        "部",
        "集",
        "編",
        "篇",
    ];
    let word = word.strip_prefix('第').unwrap_or(word);
    let counted = COUNTERS
        .iter()
        .find_map(|counter| word.strip_suffix(counter));
    if is_in(HALVES, counted.unwrap_or(word)) {
        return Some(Place(counted.unwrap_or(word).to_owned()));
    }
    let digits = counted?;
    if let Some(number) = chinese_number(digits) {
        return Some(Place(number.to_string()));
    }
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    Place::parse(digits).filter(|_| is_number)
}

/// What volumes are called where a work has two or three: "upper", "middle", "lower".
const HALVES: &str = "上 中 下 前 後";

/// A Chinese number from 1 to 19.
fn chinese_number(word: &str) -> Option<usize> {
    let (tens, unit) = match word.strip_prefix('十') {
        Some("") => return Some(10),
        Some(unit) => (10, unit),
        None => (0, word),
    };
    let units = "一二三四五六七八九";
    let at = units.match_indices(unit).next()?.0 / '一'.len_utf8();
    (unit.chars().count() == 1).then_some(tens + at + 1)
}

/// The place that these words name, if they name nothing else: "Book Two", "Books 1 to 4".
pub(crate) fn only_mark(words: &[String]) -> Option<Place> {
    mark(words)
        .filter(|(at, _)| *at == 0)
        .map(|(_, place)| place)
}

/// A subtitle that only names a series and the place in it: "Mistborn, Book 2", "Book 2 of
/// Mistborn", "Book Two"; its name is empty in the last case.
pub(crate) fn note(subtitle: &[String]) -> Option<(Vec<String>, Place)> {
    if let Some((at, place)) = mark(subtitle) {
        let is_part = PART_LABELS.contains(&subtitle[at].as_str());
        if at > 0 && is_part {
            return None;
        }
        return Some((subtitle[..at].to_vec(), place));
    }
    // "Book 2 of the Mistborn Trilogy"
    match subtitle {
        [label, which, of, name @ ..]
            if is_label(label) && matches!(of.as_str(), "of" | "in") && !name.is_empty() =>
        {
            let place = Place(number(which)?.to_string());
            Some((without_series_word(name), place))
        }
        _ => None,
    }
}

/// The name of a series without the words that only say that it is one.
pub(crate) fn without_series_word(name: &[String]) -> Vec<String> {
    let mut name = name;
    if let [first, rest @ ..] = name
        && first == "the"
        && !rest.is_empty()
    {
        name = rest;
    }
    while let [rest @ .., last] = name
        && !rest.is_empty()
        && matches!(
            last.as_str(),
            "series" | "trilogy" | "saga" | "cycle" | "chronicles" | "quartet" | "duology"
        )
    {
        name = rest;
    }
    name.to_vec()
}

/// A title without its series, and the series: "The Poppy War (The Poppy War, #1)".
///
/// Only brackets at the end that name a number, say "series", or repeat the title are taken for
/// a series; of several ("Discworld, #1; Rincewind, #1") the first.
pub(crate) fn split_series(title: &str) -> (String, Option<Series>) {
    let title = title.trim();
    if let Some((before, inside)) = trailing_brackets(title)
        && let Some(series) = series(inside, before)
    {
        // "Title (Series, #1) (Penguin Classics)" has its series further in; that is rare, and
        // matching ignores brackets anyway.
        return (before.to_owned(), Some(series));
    }
    (title.to_owned(), None)
}

/// The text before the last brackets, and what they hold, if the title ends with brackets and
/// is more than that.
pub(crate) fn trailing_brackets(title: &str) -> Option<(&str, &str)> {
    let (open, close) = match title.chars().next_back()? {
        ')' => ('(', ')'),
        ']' => ('[', ']'),
        _ => return None,
    };
    let mut depth = 0u32;
    for (at, c) in title.char_indices().rev() {
        if c == close {
            depth += 1;
        } else if c == open {
            depth -= 1;
            if depth == 0 {
                let before = title[..at].trim_end();
                let inside = &title[at + 1..title.len() - 1];
                return (!before.is_empty()).then_some((before, inside));
            }
        }
    }
    None
}

/// Reads "Series, #1", "Series #1-3", "Series, Book 2", "Series Vol. 3", "The Series".
pub(crate) fn series(inside: &str, title: &str) -> Option<Series> {
    let first = inside.split(';').next().unwrap_or_default().trim();
    let (name, position) = match first.rsplit_once('#') {
        Some((name, number)) => (name, Some(number.trim().to_owned())),
        None => match first.rsplit_once([' ', '.']) {
            Some((name, last)) if is_position(last) || number(&last.to_lowercase()).is_some() => {
                let name = name.trim_end_matches(['.', ' ']);
                let (before, label) = name.rsplit_once([' ', ',']).unwrap_or(("", name));
                match (is_label(&label.to_lowercase()), is_position(last)) {
                    (true, true) => (before, Some(last.to_owned())),
                    (true, false) => {
                        let place = number(&last.to_lowercase())?;
                        (before, Some(place.to_string()))
                    }
                    (false, true) => return None,
                    // A series called "... One".
                    (false, false) => (first, None),
                }
            }
            _ => (first, None),
        },
    };
    let name = clean(name.trim_end_matches([',', ' ', ':', '-']), 200);
    let position = position.filter(|position| is_position(position));
    if name.is_empty() {
        return None;
    }
    let is_named = || {
        let name = words(&name);
        name.last().is_some_and(|word| word == "series")
            || without_series_word(&name) == without_series_word(&words(title))
    };
    (position.is_some() || is_named()).then(|| Series {
        name,
        position: position.map(|position| clean(&position, 20)),
    })
}

fn is_position(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() <= 20
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '\u{2013}' | ',' | ' ' | '&'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_split_from_titles() {
        let some = |name: &str, position: Option<&str>| {
            Some(Series {
                name: name.into(),
                position: position.map(Into::into),
            })
        };
        for (title, bare, series) in [
            (
                "The Poppy War (The Poppy War, #1)",
                "The Poppy War",
                some("The Poppy War", Some("1")),
            ),
            (
                "Goatsong (The Walled Orchard #1.5)",
                "Goatsong",
                some("The Walled Orchard", Some("1.5")),
            ),
            ("Omnibus (Dune, #1-3)", "Omnibus", some("Dune", Some("1-3"))),
            (
                "Mort (Discworld, #4; Death, #1)",
                "Mort",
                some("Discworld", Some("4")),
            ),
            (
                "Dune (Dune Chronicles, Book 1)",
                "Dune",
                some("Dune Chronicles", Some("1")),
            ),
            ("Saga (Saga Vol. 2)", "Saga", some("Saga", Some("2"))),
            ("Dune [Dune, #1]", "Dune", some("Dune", Some("1"))),
            (
                "Conversations (The Last Interview Series)",
                "Conversations",
                some("The Last Interview Series", None),
            ),
            (
                "Advise and Consent (Advise and Consent)",
                "Advise and Consent",
                some("Advise and Consent", None),
            ),
            ("The Hobbit (Illustrated)", "The Hobbit (Illustrated)", None),
            (
                "Emma (Penguin Classics 1)",
                "Emma (Penguin Classics 1)",
                None,
            ),
            ("(500) Days", "(500) Days", None),
            ("(Dune, #1)", "(Dune, #1)", None),
            ("Open (", "Open (", None),
            ("Close #1)", "Close #1)", None),
            ("Nested (A (B), #2)", "Nested", some("A (B)", Some("2"))),
            ("日本 (日本, #1)", "日本", some("日本", Some("1"))),
            ("", "", None),
        ] {
            assert_eq!(split_series(title), (bare.to_owned(), series), "{title}");
        }
    }

    #[test]
    fn a_volume_has_one_place_however_it_is_written() {
        for text in ["2", "02", "2.0", "two", "II"] {
            assert_eq!(Place::parse(text), Some(Place("2".into())), "{text}");
        }
        for text in ["1-3", "1\u{2013}3", "1, 3"] {
            assert!(Place::parse(text).unwrap().is_range(), "{text}");
        }
        for text in ["", "last", "2 of the best"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
        for (title, rest, place) in [
            ("Salt Sea, Vol. 2", "salt sea", Some("2")),
            ("Salt Sea: Volume Two", "salt sea", Some("2")),
            ("Salt Sea, Part II of III", "salt sea", Some("2")),
            ("Salt Sea, Books 1-3", "salt sea", Some("1-3")),
            ("Volume Two", "volume two", None),
            ("Area 51", "area 51", None),
            ("The Book of Two", "the book of two", None),
        ] {
            let mut words = words(title);
            let place_of = take_mark(&mut words);
            assert_eq!(words.join(" "), rest, "{title}");
            assert_eq!(place_of.as_ref().map(Place::as_str), place, "{title}");
        }
    }
}
