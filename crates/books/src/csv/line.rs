//! Lists with a book in each line, as people write them.

mod marks;
mod sides;
mod whole;

use std::borrow::Cow;

pub(super) use marks::{is_footnote, is_point, number_before, of_box, without_mark, without_note};
pub(super) use sides::{Habits, Lines, sentence};

use super::row::number_in;
use super::values::without_emphasis;
use crate::date::PartialDate;
use crate::name::{begins_with_given_name, likeness};
use crate::series::trailing_brackets;
use crate::{Isbn, IsbnError, ReadingStatus};
use marks::{without_bullet, without_circle, without_rating, without_status};
use sides::{three_parts, title_and_author};
use whole::{citation, quoted, year};

/// A book that is one line of a list: `1. Dune by Frank Herbert`, `Frank Herbert - Dune`.
#[derive(Default)]
pub(super) struct Line {
    pub title: String,
    pub author: String,
    /// The line's ISBN, or the fault of a line that is nothing but a number.
    pub isbn: Option<Result<Isbn, IsbnError>>,
    /// Rating out of five, of the stars that follow the book on its line.
    pub rating: Option<f64>,
    /// The status that a check box or words beside the book say.
    pub status: Option<ReadingStatus>,
    /// The day in front of the book, or behind it.
    pub day: Option<PartialDate>,
    pub publisher: String,
    pub year: Option<i32>,
}

/// A line without what stands in front of its book and behind it.
struct Bare<'l> {
    text: &'l str,
    rating: Option<f64>,
    status: Option<ReadingStatus>,
    day: Option<PartialDate>,
}

impl<'l> Bare<'l> {
    fn of(line: &'l str, habits: Habits) -> Self {
        let (line, is_read) = without_bullet(line);
        let line = without_circle(line)
            .filter(|_| habits.has_circles)
            .unwrap_or(line);
        // In either order.
        let (line, last) = without_status(line, habits.has_statuses);
        let (line, rating) = without_rating(line);
        let (line, status) = match last {
            Some(_) => (line, last),
            None => without_status(line, habits.has_statuses),
        };
        let (line, day) = without_day(line);
        Self {
            text: line,
            rating,
            status: status.or(is_read.map(of_box)),
            day,
        }
    }
}

impl Line {
    pub(super) fn read(line: &str, habits: Habits) -> Self {
        let line = in_one_line(line);
        let Bare {
            text: whole,
            rating,
            status,
            day,
        } = Bare::of(&line, habits);
        let whole = without_emphasis(whole).unwrap_or(whole);
        let found = number_in(whole);
        let rest = found.as_ref().map_or(whole, |(_, rest)| rest.as_str());
        let mut read = Self {
            rating,
            status,
            day,
            isbn: match &found {
                Some((isbn, _)) => Some(Ok(*isbn)),
                None => is_bare_number(whole).then(|| Isbn::find(whole)),
            },
            ..Self::default()
        };
        if read.isbn.is_some() && rest == whole {
            return read;
        }
        if let Some(cited) = citation(rest) {
            read.title = cited.title.to_owned();
            read.author = cited.author.trim().to_owned();
            read.publisher = cited.publisher.to_owned();
            read.year = cited.year;
            return read;
        }
        let (text, year) = without_year(rest);
        let parts = three_parts(text).map(|parts| (parts, super::status::status(parts.2)));
        let (title, author) = match parts {
            Some(((title, author, third), told)) if told.is_some() || habits.has_three_parts => {
                match told {
                    Some(status) => read.status = Some(status),
                    None => third.clone_into(&mut read.publisher),
                }
                (title, author)
            }
            _ => quoted(text)
                .or_else(|| title_and_author(text, habits))
                .unwrap_or((text, "")),
        };
        // "Emma (1815) by Jane Austen"
        let (title, of_title) = without_year(title);
        let is_quote = |c: char| matches!(c, '"' | '“' | '”' | '„' | '«' | '»' | '_');
        let title = title.trim_end_matches([',', ';', ' ']).trim();
        let bare = title.trim_matches(|c: char| c.is_whitespace() || is_quote(c));
        // `"A Problem from Hell": America and the Age of Genocide`
        let is_partly_quoted = bare.contains(is_quote) && bare.len() < title.len();
        let title = if is_partly_quoted { title } else { bare };
        let author = without_end(author.trim());
        read.title = without_emphasis(title).unwrap_or(title).to_owned();
        read.author = without_emphasis(author).unwrap_or(author).to_owned();
        let in_brackets = text
            .strip_suffix(')')
            .and_then(|text| text.rsplit_once(", "));
        let in_brackets = in_brackets.and_then(|(_, last)| self::year(last));
        read.year = year.or(of_title).or(in_brackets);
        read
    }

    /// Whether a cell of titles has an author behind its title: "Dune by Frank Herbert".
    pub(super) fn names_author(cell: &str) -> bool {
        // "Emma (Jane Austen, 1815)"
        let dated = trailing_brackets(cell).and_then(|(_, inside)| inside.rsplit_once(", "));
        if dated.is_some_and(|(who, last)| who.contains(' ') && self::year(last).is_some()) {
            return true;
        }
        if let Some((title, author, is_by)) = in_two_lines(cell) {
            return likeness(author) > if is_by { 0 } else { 2 } && likeness(title) < 3;
        }
        let line = Self::read(cell, Habits::default());
        // Not "Emma: a Novel", nor the subtitle "A Life, by Many Hands".
        let by = [" by ", " von ", " par ", " - ", " – ", " — "];
        !line.title.is_empty()
            && by.iter().any(|by| cell.contains(by))
            && line.author.contains(' ')
            && (line.author.split_whitespace()).all(|word| !word.starts_with(char::is_lowercase))
    }
}

/// Title and author of a cell with the author in a line of its own, and whether a word is in front
/// of it: "Dune" above "by Frank Herbert".
fn in_two_lines(cell: &str) -> Option<(&str, &str, bool)> {
    let (title, below) = cell.split_once('\n')?;
    let (title, below) = (title.trim(), below.trim());
    let author =
        (["by ", "By ", "von ", "par ", "de ", "di "].iter()).find_map(|by| below.strip_prefix(by));
    let is_whole = !title.is_empty() && !below.is_empty() && !below.contains('\n');
    is_whole.then_some((title, author.unwrap_or(below), author.is_some()))
}

/// The line that such a cell would be.
fn in_one_line(cell: &str) -> Cow<'_, str> {
    match in_two_lines(cell) {
        Some((title, author, true)) => Cow::Owned(format!("{title} by {author}")),
        Some((title, author, false)) => Cow::Owned(format!("{title}\t{author}")),
        None => Cow::Borrowed(cell),
    }
}

/// A line without the day in front of its book or behind it: "2021-03-14 - Emma", "Emma - Jane
/// Austen (14 March 2021)".
fn without_day(line: &str) -> (&str, Option<PartialDate>) {
    const SIGNS: [&str; 4] = [" - ", " – ", ": ", ", "];
    let day = |text: &str| {
        let date = PartialDate::parse(text.trim_matches(['(', ')', '[', ']']))?;
        (date.day().is_some() && date.year >= 1990).then_some(date)
    };
    let in_front = || {
        let mut parts = SIGNS.iter().filter_map(|sign| line.split_once(sign));
        parts.find_map(|(date, text)| Some((text, day(date)?)))
    };
    let behind = || {
        let mut parts =
            (SIGNS.iter().filter_map(|sign| line.rsplit_once(sign))).chain(trailing_brackets(line));
        parts.find_map(|(text, date)| Some((text, day(date)?)))
    };
    if !line.contains(|c: char| c.is_ascii_digit()) {
        return (line, None);
    }
    let found = in_front().or_else(behind);
    found.map_or((line, None), |(text, date)| (text.trim(), Some(date)))
}

/// A line without the year behind its book: "Emma (1815)", "Emma, Jane Austen, 1815", "Emma (Jane
/// Austen, 1815)".
fn without_year(line: &str) -> (&str, Option<i32>) {
    let line = line.trim();
    let inside =
        trailing_brackets(line).and_then(|(text, inside)| Some((text, Some(year(inside)?))));
    let behind = || {
        let (text, last) = line.rsplit_once(' ')?;
        let text = text.strip_suffix([',', '-', '–', '.'])?.trim_end();
        // "George Orwell - 1984" and "Orwell, George - 1984" have a title there.
        let signs = [" - ", " – ", ", ", ". ", " by ", " von ", " par ", " de "];
        let has_both = signs.iter().any(|sign| text.contains(sign)) && !is_turned_name(text);
        has_both.then_some((text, Some(year(last)?)))
    };
    inside.or_else(behind).unwrap_or((line, None))
}

/// An author without the full stop of a catalogue behind: "Jane Austen.", not "Kurt Vonnegut Jr.".
fn without_end(author: &str) -> &str {
    match author.strip_suffix('.') {
        Some(bare)
            if bare
                .rsplit([' ', '.'])
                .next()
                .is_some_and(|last| last.len() > 3) =>
        {
            bare
        }
        _ => author,
    }
}

/// Whether a text is one name with the family in front: "Orwell, George", "Le Guin, Ursula K.".
fn is_turned_name(text: &str) -> bool {
    let is_given = |given: &str| {
        let mut words = given.split(' ');
        words.next().is_some_and(begins_with_given_name) && words.all(|word| word.ends_with('.'))
    };
    text.split_once(", ")
        .is_some_and(|(_, given)| is_given(given))
}

/// Whether a line is a number as long as a damaged ISBN, and nothing else.
fn is_bare_number(line: &str) -> bool {
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    digits > 8 && (line.chars()).all(|c| c.is_ascii_digit() || matches!(c, '-' | ' ' | 'X' | 'x'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_a_whole_book() {
        for (line, title, author) in [
            ("Dune", "Dune", ""),
            ("1. Dune by Frank Herbert", "Dune", "Frank Herbert"),
            ("- [ ] Dune", "Dune", ""),
            ("• Dune – Frank Herbert", "Dune", "Frank Herbert"),
            ("1984", "1984", ""),
            ("Stand by Me", "Stand by Me", ""),
            ("Dune, Frank Herbert", "Dune", "Frank Herbert"),
            ("Guns, Germs, and Steel", "Guns, Germs, and Steel", ""),
            ("Der Prozess von Franz Kafka", "Der Prozess", "Franz Kafka"),
        ] {
            let read = Line::read(line, Habits::default());
            assert_eq!((&*read.title, &*read.author), (title, author), "{line}");
        }
        for (line, title, author, rating) in [
            (
                "Dune - Frank Herbert (4/5)",
                "Dune",
                "Frank Herbert",
                Some(4.0),
            ),
            (
                "Dune by Frank Herbert ★★★★½",
                "Dune",
                "Frank Herbert",
                Some(4.5),
            ),
            (
                "\"Dune\" by Frank Herbert [8/10]",
                "Dune",
                "Frank Herbert",
                Some(4.0),
            ),
            ("The Day of 9/11", "The Day of 9/11", "", None),
        ] {
            let read = Line::read(line, Habits::default());
            assert_eq!((&*read.title, &*read.author), (title, author), "{line}");
            assert_eq!(read.rating, rating, "{line}");
        }
        let read = Line::read("978044117271", Habits::default());
        assert_eq!(
            (&*read.title, read.isbn),
            ("", Some(Err(IsbnError::Length)))
        );
        let read = Line::read("Dune (ISBN 978-0-441-17271-9)", Habits::default());
        assert_eq!((&*read.title, read.isbn.is_some()), ("Dune", true));
        let read = Line::read("9780441172719", Habits::default());
        assert_eq!((&*read.title, read.isbn.is_some()), ("", true));
    }
}
