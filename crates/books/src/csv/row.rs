//! What one row says about a book.

use super::Row;
use super::columns::{Columns, Dialect, Field, unwrapped};
use crate::date::{PartialDate, year};
use crate::name::{NameOrder, distinct, first_last, names_in, split_names};
use crate::series::split_series;
use crate::text::{clean, non_empty, words};
use crate::{Format, Imported, Isbn, IsbnError, ReadingStatus, Series, Source, Wanted};

const MAX_TITLE: usize = 500;
const MAX_NAME: usize = 300;
const MAX_SHELVES: usize = 50;

impl Columns {
    /// The book of a row, and what is wrong with its ISBN when it has one but none that is valid.
    /// Texts are cleaned and cut to their limits.
    pub(super) fn row(&self, row: u32, fields: &[String]) -> (Row, Option<IsbnError>) {
        let get = |field| self.get(fields, field);
        let text = |field| non_empty(get(field), MAX_NAME);
        let (title, series) = self.title(fields);
        let authors = self.authors(fields);
        let (isbn, bad_isbn) = self.isbn(fields);
        let publication = get(Field::Publication);
        let year_of = |field| {
            let text = get(field);
            year(text).or_else(|| PartialDate::parse(text).map(|date| date.year))
        };
        let wanted = Wanted {
            title,
            author: authors.first().cloned().unwrap_or_default(),
            isbn,
            work_id: None,
            series: None,
        };
        let imported = Imported {
            row,
            authors,
            series,
            // "Ace (1990), Edition: Reprint, Paperback, 535 pages"
            publisher: text(Field::Publisher)
                .or_else(|| non_empty(publication.split(['(', ',']).next()?, MAX_NAME)),
            year: year_of(Field::Year),
            original_year: year_of(Field::OriginalYear),
            pages: count(get(Field::Pages)).filter(|pages| (1..100_000).contains(pages)),
            format: Format::parse(get(Field::Binding)).or_else(|| Format::parse(publication)),
            source: self.source(fields),
        };
        (Row { wanted, imported }, bad_isbn)
    }

    fn title(&self, fields: &[String]) -> (String, Option<Series>) {
        let title = clean(self.get(fields, Field::Title), MAX_TITLE);
        let (mut title, mut series) = split_series(&title);
        if let Some(name) = non_empty(self.get(fields, Field::Series), 200) {
            let position = non_empty(self.get(fields, Field::SeriesPosition), 20);
            // "Dune (1)", as LibraryThing writes it.
            let (name, series_position) =
                match name.strip_suffix(')').and_then(|s| s.rsplit_once(" (")) {
                    Some((name, number)) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                        (name.to_owned(), Some(number.to_owned()))
                    }
                    _ => (name, None),
                };
            series.get_or_insert(Series {
                name,
                position: position.or(series_position),
            });
        }
        let subtitle = clean(self.get(fields, Field::Subtitle), MAX_TITLE);
        if !title.is_empty() && !subtitle.is_empty() && !title.ends_with(&subtitle) {
            title = clean(&format!("{title}: {subtitle}"), MAX_TITLE);
        }
        (title, series)
    }

    fn authors(&self, fields: &[String]) -> Vec<String> {
        let author = self.get(fields, Field::Author);
        let more = self.get(fields, Field::MoreAuthors);
        let mut names = match self.dialect {
            Dialect::Goodreads => vec![clean(author, MAX_NAME)],
            Dialect::StoryGraph => names_in(author, NameOrder::FirstLast),
            Dialect::LibraryThing => vec![first_last(author)],
            Dialect::Generic => split_names(author),
        };
        match self.dialect {
            Dialect::LibraryThing => names.extend(more.split('|').map(first_last)),
            Dialect::Generic => names.extend(split_names(more)),
            Dialect::Goodreads | Dialect::StoryGraph => {
                names.extend(names_in(more, NameOrder::FirstLast))
            }
        }
        if names.iter().all(|name| name.is_empty()) {
            names.push(first_last(self.get(fields, Field::AuthorLastFirst)));
        }
        distinct(names)
    }

    /// The first valid ISBN of a row; the first error when there is something else instead.
    fn isbn(&self, fields: &[String]) -> (Option<Isbn>, Option<IsbnError>) {
        let mut error = None;
        for field in [Field::Isbn13, Field::Isbn, Field::Isbn10, Field::IsbnOrId] {
            let text = self.get(fields, field);
            if unwrapped(text).is_empty() {
                continue;
            }
            match Isbn::parse(text) {
                Ok(isbn) => return (Some(isbn), None),
                // StoryGraph's own id, or a shop's.
                Err(IsbnError::Characters | IsbnError::Length) if field == Field::IsbnOrId => {}
                Err(wrong) => error = error.or(Some(wrong)),
            }
        }
        let others = self.get(fields, Field::Isbns).split([',', ';', ' ']);
        match others.take(20).find_map(|text| Isbn::parse(text).ok()) {
            Some(isbn) => (Some(isbn), None),
            None => (None, error),
        }
    }

    fn source(&self, fields: &[String]) -> Source {
        let get = |field| self.get(fields, field);
        let day = |field| PartialDate::parse(get(field)).and_then(PartialDate::day);
        let mut labels: Vec<String> = Vec::new();
        for field in [Field::Shelves, Field::Tags, Field::Collections] {
            labels.extend(
                get(field)
                    .split([',', ';'])
                    .filter_map(|text| non_empty(text, 100)),
            );
        }
        let dates_read = periods(get(Field::DatesRead));
        let date_read = day(Field::DateRead).or_else(|| {
            let last = dates_read.iter().max_by_key(|period| ends(period))?;
            Some(ends(last).to_owned())
        });
        let reading_status = status(get(Field::Status))
            .or_else(|| labels.iter().find_map(|label| status(label)))
            .or_else(|| date_read.as_ref().map(|_| ReadingStatus::Read));
        let mut shelves: Vec<String> = Vec::new();
        let exclusive = get(Field::Status);
        if self.dialect == Dialect::Goodreads && status(exclusive).is_none() {
            shelves.extend(non_empty(exclusive, 100));
        }
        for label in labels {
            let is_said = status(&label).is_some() || label.eq_ignore_ascii_case("your library");
            if !is_said && !shelves.contains(&label) && shelves.len() < MAX_SHELVES {
                shelves.push(label);
            }
        }
        let id = |field| {
            Some(unwrapped(get(field)))
                .filter(|id| (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()))
                .map(str::to_owned)
        };
        let (goodreads_id, librarything_id) = match self.dialect {
            Dialect::Goodreads => (id(Field::BookId), None),
            Dialect::LibraryThing => (None, id(Field::BookId)),
            Dialect::StoryGraph | Dialect::Generic => (id(Field::GoodreadsId), None),
        };
        Source {
            user_rating: rating(get(Field::Rating)),
            reading_status,
            date_read,
            dates_read,
            date_added: day(Field::DateAdded),
            read_count: count(get(Field::ReadCount)).filter(|times| (1..10_000).contains(times)),
            shelves,
            goodreads_id,
            librarything_id,
        }
    }
}

/// A rating above 0 (which means "none") and at most 5; other scales are not guessed.
fn rating(text: &str) -> Option<f64> {
    let stars = text.chars().filter(|c| matches!(c, '★' | '⭐')).count();
    let value = match stars {
        0 => text.replace(',', ".").parse::<f64>().ok()?,
        stars => stars as f64,
    };
    (value > 0.0 && value <= 5.0).then_some((value * 100.0).round() / 100.0)
}

fn count(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(|c: char| c.is_alphabetic() || c.is_whitespace() || c == '.');
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

fn status(text: &str) -> Option<ReadingStatus> {
    match words(&clean(text, 100)).join(" ").as_str() {
        "read" | "finished" | "completed" | "done" | "read but unowned" => {
            Some(ReadingStatus::Read)
        }
        "currently reading" | "reading" | "in progress" => Some(ReadingStatus::CurrentlyReading),
        "to read" | "want to read" | "tbr" | "unread" | "planned" => Some(ReadingStatus::ToRead),
        "did not finish" | "dnf" | "abandoned" | "gave up" => Some(ReadingStatus::DidNotFinish),
        _ => None,
    }
}

/// "2023/01/15-2023/02/01, 2024/05/06" as ISO 8601 days and intervals.
fn periods(text: &str) -> Vec<String> {
    let day = |text: &str| PartialDate::parse(text).and_then(PartialDate::day);
    text.split(',')
        .take(100)
        .filter_map(|period| {
            let period = period.trim();
            match period.split_once('-') {
                Some((from, to)) if period.contains('/') => match (day(from), day(to)) {
                    (Some(from), Some(to)) => Some(format!("{from}/{to}")),
                    (from, to) => to.or(from),
                },
                _ => day(period),
            }
        })
        .collect()
}

fn ends(period: &str) -> &str {
    period.rsplit('/').next().unwrap_or(period)
}
