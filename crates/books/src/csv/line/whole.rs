//! Lines that tell title and author by themselves: titles in quotes, citations.

use super::sides::sentence;
use crate::name::likeness;

/// Quotation marks, and those of emphasis.
const QUOTES: [(char, char); 14] = [
    ('"', '"'),
    ('“', '”'),
    ('„', '“'),
    ('„', '”'),
    ('”', '”'),
    ('«', '»'),
    ('»', '«'),
    ('‹', '›'),
    ('_', '_'),
    ('*', '*'),
    ('「', '」'),
    ('『', '』'),
    ('《', '》'),
    ('〈', '〉'),
];

/// Signs and words between a title in quotes and its author.
const BETWEEN: [char; 18] = [
    ' ', ',', ';', ':', '-', '–', '—', '/', '|', '(', ')', '（', '）', '：', '，', '・', '·', '　',
];

/// Title and author of a line whose title is in quotes: `"Emma", Jane Austen`,
/// `《三体》刘慈欣`.
pub(super) fn quoted(line: &str) -> Option<(&str, &str)> {
    QUOTES.iter().find_map(|(open, close)| {
        let (title, beside) = if let Some(rest) = line.strip_prefix(*open) {
            let (title, after) = rest.rsplit_once(*close)?;
            (title, after)
        } else {
            let (before, title) = line.strip_suffix(*close)?.split_once(*open)?;
            (title, before)
        };
        let bare = beside.trim_matches(BETWEEN);
        // Behind a colon a subtitle may stand.
        let is_between = |c: char| BETWEEN.contains(&c) && c != ':';
        let author = ["by ", "By ", "von ", "par ", "de ", "di "]
            .iter()
            .find_map(|by| bare.strip_prefix(by))
            .unwrap_or(bare);
        let is_told = *open > '\u{3000}'
            || author.len() < bare.len()
            || likeness(author) > 0
            || beside.trim().starts_with(is_between)
            || beside.trim().ends_with(is_between);
        let is_short = author.split(' ').count() < 9;
        (is_told && is_short && !author.is_empty() && !title.is_empty())
            .then_some((title.trim(), author))
    })
}

/// A year in which a book may have come out, in four digits.
pub(super) fn year(text: &str) -> Option<i32> {
    let year = text.trim().parse().ok()?;
    (text.len() == 4 && (1450..2040).contains(&year)).then_some(year)
}

/// A book as bibliographies cite it.
pub(super) struct Cited<'l> {
    pub author: &'l str,
    pub title: &'l str,
    pub publisher: &'l str,
    pub year: Option<i32>,
}

/// Reads "Austen, Jane. Emma. London: John Murray, 1815." and "Austen, J. (1815). Emma. John
/// Murray."
pub(super) fn citation(line: &str) -> Option<Cited<'_>> {
    let in_brackets = || {
        let (author, rest) = line.split_once(" (")?;
        let (inside, rest) = rest.split_once(')')?;
        let rest = rest.strip_prefix(['.', ',', ':'])?;
        Some((author, rest.trim(), Some(year(inside)?)))
    };
    let by_colon = || {
        let (author, rest) = line.split_once(": ")?;
        (author.contains(", ") && sentence(author).is_none() && likeness(author) > 2)
            .then_some((author, rest, None))
    };
    let by_stop = || {
        let (author, rest) = sentence(line)?;
        Some((author, rest, None))
    };
    let (author, rest, told) = in_brackets().or_else(by_colon).or_else(by_stop)?;
    let (title, publication) = match sentence(rest) {
        Some(both) => both,
        None if told.is_some() => (rest, ""),
        None => return None,
    };
    let publication = publication.trim_end_matches('.');
    let (before, last) = publication
        .rsplit_once([',', ' '])
        .unwrap_or(("", publication));
    let year = told.or_else(|| year(last.trim_start_matches(['c', '(']).trim_end_matches(')')));
    let publisher = match publication.split_once(": ") {
        Some((_, name)) => name,
        None => publication,
    };
    let publisher = match told {
        Some(_) => publisher,
        None if before.ends_with(',') || publication.contains(", ") => {
            publisher.rsplit_once(',').map_or("", |(name, _)| name)
        }
        None => "",
    };
    // "Great Expectations. Charles Dickens. 1861" is no citation.
    let is_name = likeness(author) > likeness(title)
        || author.contains(", ") && author.split(' ').count() < 9;
    (year.is_some() && is_name).then(|| Cited {
        author,
        title: title.trim_matches(['*', '_', ' ', '.']),
        publisher: publisher.trim(),
        year,
    })
}
