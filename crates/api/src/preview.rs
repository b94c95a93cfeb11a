//! Preview of an import: its result, before it is made.

use books::{Library, Row, Search};
use job::{Enrichment, Item, Limits};
use serde::Serialize;

use crate::book::Book;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::results::RowProblem;

/// Number of books that a preview shows.
const BOOKS: usize = 20;
/// Number of rejected rows and warnings that it shows; the counts include all.
const PROBLEMS: usize = 100;

/// The result of importing a file. No job is made and no provider is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Preview<'a> {
    /// Number of data rows of the file.
    pub rows: u32,
    /// Number of different books in the file.
    pub books_found: u32,
    /// Number of rows of a book that an earlier row has, merged into it.
    pub duplicates_merged: u32,
    /// Number of rows that could not be read.
    pub rows_rejected: u32,
    /// Whether a person should look at the reading of the file: it is uncertain, or more than half
    /// of the rows were rejected.
    pub uncertain: bool,
    /// The reason why the import would fail as a whole; absent when it would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure<'a>>,
    /// Separator and columns of the file; with a failure only if nothing but a column that names
    /// the books is missing, or the mapping does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading<'a>>,
    /// The first 20 books as they would be imported.
    pub books: Vec<Book<'a>>,
    /// The first 100 rejected rows, merged rows and warnings.
    pub errors: Vec<RowProblem<'a>>,
    /// Number of rejected rows, merged rows and warnings in all; counted up to a thousand.
    pub problems: u32,
    /// The look-ups that the books would need.
    pub lookups: Lookups,
    /// Names that a mapping may give to columns, besides `ignore`. One of dates may be followed by
    /// their order (`dateRead:day-first`, `month-first` or `year-first`), a rating by its scale
    /// (`rating:20`).
    pub fields: Vec<&'static str>,
}

/// An estimate of the look-ups that books need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Lookups {
    /// Number of books that are looked up by a number.
    pub by_number: u32,
    /// Number of books that are looked up by title and author.
    pub by_title: u32,
    /// Number of requests, about: many books go into one. Books that were looked up before need
    /// none, and those that Open Library lacks may need one more each.
    pub requests: u32,
    /// Seconds that these requests take at the configured rate, about.
    pub seconds: u32,
}

/// The items of the books that a preview shows.
#[must_use]
pub fn items(library: &Library) -> Vec<Item> {
    let first = library.books.iter().take(BOOKS).cloned();
    first
        .map(|Row { wanted, imported }| Item {
            imported: Some(imported),
            ..Item::wanted(wanted)
        })
        .collect()
}

impl<'a> Preview<'a> {
    /// A preview of `library`, the first of whose books are `items`.
    #[must_use]
    pub fn of(library: &'a Library, items: &'a [Item], providers: &Enrichment) -> Self {
        Self {
            rows: library.rows,
            books_found: count(library.books.len()),
            duplicates_merged: library.duplicates,
            rows_rejected: library.rejected(),
            uncertain: library.reading.is_uncertain() || library.rejected() > library.rows / 2,
            failure: None,
            reading: Some(Reading::from(&library.reading)),
            books: items.iter().map(Book::of).collect(),
            errors: (library.problems.iter().take(PROBLEMS))
                .map(RowProblem::from)
                .collect(),
            problems: count(library.problems.len()),
            lookups: Lookups::of(library, providers),
            fields: books::field_names().collect(),
        }
    }
}

impl<'a> Preview<'a> {
    /// A preview of a file whose import would fail.
    #[must_use]
    pub fn failed(unreadable: &'a Unreadable) -> Self {
        Self {
            rows: 0,
            books_found: 0,
            duplicates_merged: 0,
            rows_rejected: 0,
            uncertain: true,
            failure: Some(Failure::from(&unreadable.failure)),
            reading: unreadable.reading.as_deref().map(Reading::from),
            books: Vec::new(),
            errors: Vec::new(),
            problems: 0,
            lookups: Lookups::default(),
            fields: books::field_names().collect(),
        }
    }
}

impl Lookups {
    fn of(library: &Library, providers: &Enrichment) -> Self {
        let wanted = library.books.iter().map(|row| row.wanted.clone());
        let (by_number, by_title): (Vec<_>, Vec<_>) =
            wanted.partition(|wanted| wanted.isbn.is_some() || wanted.work_id.is_some());
        let (numbers, titles) = (count(by_number.len()), count(by_title.len()));
        // As the first round of an import packs them.
        let packed = |wanted| Search::new(wanted, &providers.endpoints).next().len();
        let requests = packed(by_number) + packed(by_title);
        let rate = providers.open_library;
        let waiting = (requests as f64 - rate.burst).max(0.0);
        Self {
            by_number: numbers,
            by_title: titles,
            requests: count(requests),
            seconds: ((waiting / rate.per_second).ceil() as u32).max(u32::from(requests > 0)),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A file whose import would fail.
#[derive(Debug)]
pub struct Unreadable {
    failure: job::Failure,
    reading: Option<Box<books::Reading>>,
}

/// Reads an uploaded file as an import would.
///
/// # Errors
/// The failure that the import would have.
pub fn read(
    bytes: &[u8],
    mapping: &books::Mapping,
    limits: &Limits,
) -> Result<Library, Unreadable> {
    books::read_library(bytes, limits.max_csv_rows, mapping).map_err(|error| Unreadable {
        failure: job::Failure::from(&error),
        reading: error.reading,
    })
}

#[cfg(test)]
mod tests {
    use books::Wanted;
    use job::RateLimit;

    use super::*;

    fn lookups(by_title: usize, per_second: f64) -> Lookups {
        let row = |at: usize| Row {
            wanted: Wanted {
                title: format!("The Wind in the Willows {at}"),
                author: "Kenneth Grahame".to_owned(),
                ..Wanted::default()
            },
            ..Row::default()
        };
        let library = Library {
            books: (0..by_title).map(row).collect(),
            ..Library::default()
        };
        let limit = RateLimit {
            per_second,
            burst: 20.0,
            max_per_job: 1_000,
        };
        let providers = Enrichment {
            open_library: limit,
            google_books: limit,
            endpoints: books::Endpoints::default(),
            user_agent: String::new(),
            timeout: std::time::Duration::from_secs(1),
            patience: std::time::Duration::from_secs(1),
            concurrency: 8,
        };
        Lookups::of(&library, &providers)
    }

    #[test]
    fn titles_are_counted_by_the_request_and_time_by_the_configured_rate() {
        let few = lookups(30, 3.0);
        assert_eq!((few.by_title, few.requests, few.seconds), (30, 2, 1));
        let many = lookups(10_000, 3.0);
        assert!((250..400).contains(&many.requests), "{many:?}");
        assert_eq!(many.seconds, (many.requests - 20).div_ceil(3));
        assert_eq!(lookups(10_000, 1.0).seconds, many.requests - 20);
        assert_eq!(lookups(0, 3.0), Lookups::default());
    }
}
