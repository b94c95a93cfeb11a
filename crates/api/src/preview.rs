//! Preview of an import: its result, before it is made.

use books::{Library, Row};
use job::{Item, Limits};
use serde::Serialize;

use crate::book::Book;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::results::RowProblem;

/// Number of books that a preview shows.
const BOOKS: usize = 20;
/// Number of rejected rows and warnings that it shows; the counts include all.
const PROBLEMS: usize = 100;
/// Number of books with an ISBN that one request to a provider looks up.
const ISBNS_A_REQUEST: usize = 20;
/// Number of requests a second that a provider permits.
const REQUESTS_A_SECOND: f64 = 3.0;

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
    /// Whether a person should look at the reading of the file.
    pub uncertain: bool,
    /// The reason why the import would fail as a whole; absent when it would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure<'a>>,
    /// Separator and columns of the file; absent with a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading<'a>>,
    /// The first 20 books as they would be imported.
    pub books: Vec<Book<'a>>,
    /// The first 100 rejected rows, merged rows and warnings.
    pub errors: Vec<RowProblem<'a>>,
    /// The look-ups that the books would need.
    pub lookups: Lookups,
    /// Names that a mapping may give to columns, besides `ignore`.
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
    /// Number of requests to providers, at least.
    pub requests: u32,
    /// Seconds that these requests take at least.
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
    pub fn of(library: &'a Library, items: &'a [Item]) -> Self {
        Self {
            rows: library.rows,
            books_found: count(library.books.len()),
            duplicates_merged: library.duplicates,
            rows_rejected: library.rejected(),
            uncertain: library.reading.is_uncertain(),
            failure: None,
            reading: Some(Reading::from(&library.reading)),
            books: items.iter().map(Book::of).collect(),
            errors: (library.problems.iter().take(PROBLEMS))
                .map(RowProblem::from)
                .collect(),
            lookups: Lookups::of(library),
            fields: books::field_names().collect(),
        }
    }
}

impl<'a> Preview<'a> {
    /// A preview of a file whose import would fail.
    #[must_use]
    pub fn failed(failure: &'a job::Failure) -> Self {
        Self {
            rows: 0,
            books_found: 0,
            duplicates_merged: 0,
            rows_rejected: 0,
            uncertain: true,
            failure: Some(Failure::from(failure)),
            reading: None,
            books: Vec::new(),
            errors: Vec::new(),
            lookups: Lookups::default(),
            fields: books::field_names().collect(),
        }
    }
}

impl Lookups {
    fn of(library: &Library) -> Self {
        let has_number = |row: &&Row| row.wanted.isbn.is_some() || row.wanted.work_id.is_some();
        let by_number = library.books.iter().filter(has_number).count();
        let by_title = library.books.len() - by_number;
        let requests = by_number.div_ceil(ISBNS_A_REQUEST) + by_title;
        Self {
            by_number: count(by_number),
            by_title: count(by_title),
            requests: count(requests),
            seconds: (requests as f64 / REQUESTS_A_SECOND).ceil() as u32,
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads an uploaded file as an import would.
///
/// # Errors
/// The failure that the import would have.
pub fn read(
    bytes: &[u8],
    mapping: &books::Mapping,
    limits: &Limits,
) -> Result<Library, job::Failure> {
    books::read_library(bytes, limits.max_csv_rows, mapping)
        .map_err(|error| job::failure_of(&error))
}
