//! Cells of series, and of places in them.

use crate::Series;
use crate::numeral::number;
use crate::series::{series, trailing_brackets, without_series_word};
use crate::text::{joined, non_empty, words};

/// The longest name of a series, and the longest place in one (characters).
pub(super) const MAX_SERIES: usize = 200;
pub(super) const MAX_PLACE: usize = 20;
/// Number of parts of a cell among which the first series is looked for.
const MAX_PARTS: usize = 20;

/// The first series of a cell, and the place in it when it says one: "Dune (1)", "Dune #1; Arrakis
/// #3", "Saga, tom 4", "Book 7 of Salt".
pub(super) fn series_in(text: &str) -> Option<(String, Option<String>)> {
    let first = first_series(text).trim();
    // "Salt #3 of 5"
    let first = match first.rsplit_once(" of ") {
        Some((before, all)) if before.contains('#') && is_place(all) => before,
        _ => first,
    };
    if let Some((name, inside)) = trailing_brackets(first)
        && let Some(number) = volume(inside)
    {
        return Some((non_empty(name, MAX_SERIES)?, place(&number)));
    }
    let (name, position) = match name_and_volume(first) {
        Some((name, number)) => (name.to_owned(), Some(number)),
        None => match series(first, "") {
            Some(Series {
                name,
                position: Some(position),
            }) => (name, Some(position)),
            _ => return name_and_number(first).or(Some((non_empty(first, MAX_SERIES)?, None))),
        },
    };
    let name = name.trim_end_matches([' ', '/', '-', '–', ',', ':', '.']);
    Some((
        non_empty(name, MAX_SERIES)?,
        position.as_deref().and_then(place),
    ))
}

/// The first of several series in a cell: "Dune #1; Arrakis #3", "Dune, Book 1, Arrakis, Book 3".
pub(super) fn first_series(text: &str) -> &str {
    let first = text.split([';', '|']).next().unwrap_or_default();
    let is_end = |at: usize| {
        let is_counted = first[..at]
            .rsplit_once('#')
            .is_some_and(|(_, number)| is_place(number.trim()))
            || name_and_volume(first[..at].trim_end()).is_some()
            // "Salt Saga (Book 3), Harbour Tales (Book 2)"
            || trailing_brackets(first[..at].trim_end())
                .is_some_and(|(_, inside)| volume(inside).is_some());
        is_counted
            && first[at + 1..]
                .trim_start()
                .starts_with(char::is_alphabetic)
    };
    let end = first
        .match_indices([',', '/'])
        .take(MAX_PARTS)
        .map(|(at, _)| at)
        .find(|at| is_end(*at));
    &first[..end.unwrap_or(first.len())]
}

/// The number of a volume: "3", "#3", "tom 3", "第3巻".
fn volume(text: &str) -> Option<String> {
    let text = of_all(text.trim().trim_start_matches(['#', '№', '第']).trim());
    let number = match text.rsplit_once([' ', '.', '\u{a0}']) {
        Some((label, word)) if is_volume_label(label) => match number(&word.to_lowercase()) {
            // "Book Five"
            Some(number) if !is_place(word) => return Some(number.to_string()),
            _ => word,
        },
        _ => text.trim_end_matches(['巻', '卷', '册', '冊', '集', '部', '권']),
    };
    is_place(number).then(|| number.to_owned())
}

/// Splits a series from a volume that a word announces: behind it, or in front of it.
fn name_and_volume(text: &str) -> Option<(&str, String)> {
    // "シリーズ 第3巻"
    if let Some((name, counted)) = text.rsplit_once('第')
        && !name.trim().is_empty()
        && let Some(number) = volume(counted)
    {
        return Some((name, number));
    }
    // "#4 in the Salt series", "Book 7 of Salt"
    for between in [" of ", " in ", " von ", " aus ", " de ", " di "] {
        if let Some((counted, name)) = text.split_once(between)
            && counted.starts_with(|c: char| c == '#' || c.is_alphabetic())
            && let Some(number) = volume(counted)
        {
            let name = name.strip_prefix("the ").unwrap_or(name);
            return Some((name.strip_suffix(" series").unwrap_or(name), number));
        }
    }
    // "Saga, tom 4", "Saga t. 4", "Saga, n° 4"
    let (before, number) = text.rsplit_once(' ')?;
    let (name, label) = before.rsplit_once(' ')?;
    let number = number.trim_end_matches('.');
    (is_place(number) && is_volume_label(label)).then(|| (name, number.to_owned()))
}

/// Whether a word announces the number of a volume in the series that it stands behind.
fn is_volume_label(word: &str) -> bool {
    const LABELS: &str = "t tom tomi tomos cz czesc cast dil svazek knjiga kniha konyv kotet cilt osa del n no номер книга \
        том часть кн т ч volym volum vuelta numero numer";
    let word = joined(word);
    crate::series::is_label(&word) || LABELS.split_whitespace().any(|label| joined(label) == word)
}

/// Whether a text is a place in a series, in digits: "3", "1.5", "1-3".
fn is_place(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() < 12
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '–' | ' '))
}

/// Splits a cell of a column of series into name and place: "Salt Saga 5", "Salt Saga II", "#7 Salt
/// Saga".
fn name_and_number(text: &str) -> Option<(String, Option<String>)> {
    let (name, place) = match text.strip_prefix('#') {
        Some(rest) => {
            let (place, name) = rest.split_once(' ')?;
            (name, place)
        }
        None => text.rsplit_once(' ')?,
    };
    let place = of_all(place);
    let is_roman =
        |word: &str| word.len() > 1 && word.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'));
    let is_digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let known = number(&place.to_lowercase()).filter(|number| (1..=60).contains(number))?;
    // "Salz / 2"
    let name = name.trim_end_matches([' ', '/', '-', '–', ',', ':']);
    (is_digits(place) || is_roman(place))
        .then(|| Some((non_empty(name, MAX_SERIES)?, Some(known.to_string()))))?
}

/// Whether two names are of one series: one may say less, as "Salt" of "The Salt Saga".
pub(super) fn is_same_series(a: &str, b: &str) -> bool {
    let bare = |name: &str| without_series_word(&words(name)).join(" ");
    let (a, b) = (bare(a), bare(b));
    a == b || a.starts_with(&format!("{b} ")) || b.starts_with(&format!("{a} "))
}

/// Whether two places in a series are one: "3" and "03", "1-3" and "01 – 03".
pub(in crate::csv) fn is_same_place(a: &str, b: &str) -> bool {
    let bare = |place: &str| {
        let ends = place.split(['-', '–']).map(|end| {
            let end = end.trim().to_lowercase().replace(',', ".");
            match number(&end) {
                Some(number) => number.to_string(),
                None => end.trim_start_matches('0').to_owned(),
            }
        });
        ends.collect::<Vec<_>>()
    };
    bare(a) == bare(b)
}

/// The place in a text that says the number of all places, too: "1 of 3", "2/5".
fn of_all(text: &str) -> &str {
    let first = text.split([' ', '/']).next().unwrap_or_default();
    let rest = text[first.len()..].trim_start_matches([' ', '/']);
    let all = rest.rsplit(' ').next().unwrap_or_default();
    let is_of_all = is_place(first)
        && all.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(rest.split(' ').next(), Some("of" | "von" | "de" | "sur"))
        || text.contains('/') && is_place(first) && is_place(rest);
    match is_of_all {
        true => first,
        false => text,
    }
}

/// A place in a series without its sign and the fraction of a number column: "1", "1.5", "1-3".
pub(super) fn place(text: &str) -> Option<String> {
    // "1 : Salt"
    let text = text.split(" : ").next().unwrap_or_default();
    let text = of_all(text.trim().trim_start_matches('#'));
    // "Book 1", "Bd. 2"
    if let Some((label, number)) = text.rsplit_once(' ')
        && is_volume_label(label)
        && let Some(number) = volume(text).or_else(|| Some(number.to_owned()))
    {
        return non_empty(&number, MAX_PLACE);
    }
    let text = text
        .strip_suffix(".0")
        .or(text.strip_suffix(".00"))
        .unwrap_or(text);
    non_empty(text, MAX_PLACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_in_a_cell_of_their_own() {
        for (text, name, position) in [
            ("Dune", "Dune", None),
            ("Dune (1)", "Dune", Some("1")),
            ("Lernmaterialien(2)", "Lernmaterialien", Some("2")),
            (
                "The Ash Saga: The First Trilogy (#1.0)",
                "The Ash Saga: The First Trilogy",
                Some("1"),
            ),
            ("Dune #1; Arrakis #3", "Dune", Some("1")),
            ("Dune, Book 2", "Dune", Some("2")),
        ] {
            let (read, place) = series_in(text).unwrap();
            assert_eq!((&*read, place.as_deref()), (name, position), "{text}");
        }
        for (text, name, position) in [
            ("Salt Saga 5", "Salt Saga", Some("5")),
            ("Salt Saga II", "Salt Saga", Some("2")),
            ("#7 Salt Saga", "Salt Saga", Some("7")),
            ("Wiedźmin (tom 1)", "Wiedźmin", Some("1")),
            ("Wiedźmin t. 4", "Wiedźmin", Some("4")),
            ("Saga, část 3", "Saga", Some("3")),
            ("Мир (книга 2)", "Мир", Some("2")),
            ("シリーズ 第3巻", "シリーズ", Some("3")),
            ("#4 in the Salt series", "Salt", Some("4")),
            ("Book 7 of Salt", "Salt", Some("7")),
            ("Salt, n° 5", "Salt", Some("5")),
            ("Salt [6]", "Salt", Some("6")),
            ("Salt #3 of 5", "Salt", Some("3")),
            ("Salt (Book Five)", "Salt", Some("5")),
            ("Book Five of Salt", "Salt", Some("5")),
            ("Salt Saga, Bd. 1.5", "Salt Saga", Some("1.5")),
            ("Les Rois maudits, tome 3", "Les Rois maudits", Some("3")),
            ("The Wheel of Time", "The Wheel of Time", None),
            ("Kids of 99", "Kids of 99", None),
            ("Warhammer 40000", "Warhammer 40000", None),
            ("Chapter I", "Chapter I", None),
        ] {
            let (read, place) = series_in(text).unwrap();
            assert_eq!((&*read, place.as_deref()), (name, position), "{text}");
        }
        assert_eq!(series_in(" ; x"), None);
    }
}
