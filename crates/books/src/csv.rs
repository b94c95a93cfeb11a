//! Library exports: Goodreads, StoryGraph, LibraryThing, and any table with a title column.
//!
//! A reader returns what it could read *and* what was wrong. A damaged row costs that row; only
//! a file that is no list of books fails as a whole.

mod columns;
mod decode;
mod row;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::matching::{BookKeys, same_book_key};
use crate::text::clean;
use crate::{Imported, Isbn, Wanted};
use columns::Columns;
use decode::Table;
pub use decode::other_kind;

/// How many problems a [`Library`] lists; its counters know of all.
const MAX_PROBLEMS: usize = 1_000;
/// How often one file may have a row that is cut out because its quote never ends: each time the
/// rest of the file is read again.
const MAX_UNCLOSED: usize = 16;

/// A book of a library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What to look up.
    pub wanted: Wanted,
    /// What the file says besides.
    pub imported: Imported,
}

/// Something wrong with a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// Number of the record in the file, from 1; the header is 1.
    pub row: u32,
    /// ISBN as it stands in the file, cut to 40 characters; empty when there is none.
    pub isbn: String,
    /// Title, empty when there is none.
    pub title: String,
    /// What is wrong, for people.
    pub error: String,
    /// Whether the row was left out; else its book was kept.
    pub rejected: bool,
}

/// A file's books. Always `rows == books.len() + duplicates + rejected()`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Library {
    /// Data rows; empty lines do not count.
    pub rows: u32,
    /// The different books, in file order.
    pub books: Vec<Row>,
    /// Rows of a book that an earlier row has: the same ISBN, or the same title and author.
    pub duplicates: u32,
    /// The first thousand things that were wrong, in file order.
    pub problems: Vec<Problem>,
}

impl Library {
    /// Number of rows that were left out as damaged.
    pub fn rejected(&self) -> u32 {
        let kept = u32::try_from(self.books.len()).unwrap_or(u32::MAX);
        self.rows
            .saturating_sub(kept.saturating_add(self.duplicates))
    }
}

/// Why a file as a whole is not a list of books.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CsvError {
    /// What kind of failure it is.
    pub kind: CsvErrorKind,
    /// The record at fault, from 1, if it is one.
    pub row: Option<u32>,
    /// What was found and what was expected; technical.
    pub message: String,
    /// The same for a reader of books.
    pub user_message: String,
}

/// The kinds of [`CsvError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvErrorKind {
    /// No bytes, or a header without rows: `E_CSV_EMPTY`.
    Empty,
    /// Not a table with known columns: `E_CSV_PARSE_FAILED`.
    ParseFailed,
    /// More rows than allowed: `E_CSV_TOO_MANY_ROWS`.
    TooManyRows,
    /// Rows, but every one damaged: `E_NO_BOOKS_FOUND`.
    NoBooks,
}

impl CsvError {
    fn new(kind: CsvErrorKind, row: Option<u32>, message: String, user_message: &str) -> Self {
        Self {
            kind,
            row,
            message,
            user_message: user_message.to_owned(),
        }
    }
}

/// Reads a library export of at most `max_rows` data rows.
///
/// UTF-8, UTF-16 or Windows-1252, with or without byte order mark; comma, semicolon, tab or bar.
/// Takes time and memory in proportion to the file.
pub fn read_csv(bytes: &[u8], max_rows: usize) -> Result<Library, CsvError> {
    let text = decode::text(bytes)?;
    let table = Table::new(&text)?;
    let columns = Columns::new(&table)?;
    let mut reader = Reader {
        shelf: Shelf::default(),
        max_rows,
        row: 1,
    };
    let mut rest = table.body;
    for _ in 0..MAX_UNCLOSED {
        match reader.read(rest, &table, &columns)? {
            Some(after) => rest = after,
            None => return reader.shelf.finish(),
        }
    }
    reader.reject_rest(rest)?;
    reader.shelf.finish()
}

struct Reader {
    shelf: Shelf,
    max_rows: usize,
    /// Number of the last record.
    row: u32,
}

impl Reader {
    /// Reads records to the end, or to one whose quote is never closed: that row is rejected,
    /// and what follows its first line is returned.
    fn read<'a>(
        &mut self,
        body: &'a str,
        table: &Table<'_>,
        columns: &Columns,
    ) -> Result<Option<&'a str>, CsvError> {
        let mut reader = table.reader(body);
        let mut record = csv::ByteRecord::new();
        let failed = |row: u32, error: csv::Error| {
            CsvError::new(
                CsvErrorKind::ParseFailed,
                Some(row),
                format!("row {row}: {error}"),
                "This file cannot be read as a table.",
            )
        };
        loop {
            let start = reader.position().byte();
            if !reader
                .read_byte_record(&mut record)
                .map_err(|error| failed(self.row + 1, error))?
            {
                return Ok(None);
            }
            // The text was UTF-8 and is cut at ASCII characters only: nothing is lost here.
            let fields: Vec<String> = record
                .iter()
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect();
            let is_last = reader.position().byte() >= body.len() as u64;
            if is_last && let Some(after) = after_unclosed(body, start) {
                self.next_row()?;
                self.shelf.reject(
                    self.row,
                    &columns.isbn_text(&fields),
                    &columns.title_text(&fields),
                    "a quoted field is never closed",
                );
                return Ok(Some(after));
            }
            self.row = self.row.saturating_add(1);
            if fields.iter().all(|field| field.trim().is_empty()) {
                continue;
            }
            self.row -= 1;
            self.next_row()?;
            self.shelf.add(self.row, columns, &fields);
        }
    }

    fn next_row(&mut self) -> Result<(), CsvError> {
        if self.shelf.library.rows as usize >= self.max_rows {
            let most = self.max_rows;
            return Err(CsvError::new(
                CsvErrorKind::TooManyRows,
                None,
                format!("more than {most} rows"),
                &format!("This file has too many books: {most} can be imported at once."),
            ));
        }
        self.row = self.row.saturating_add(1);
        self.shelf.library.rows += 1;
        Ok(())
    }

    /// Gives up on telling the rows apart: the rest counts as one.
    fn reject_rest(&mut self, rest: &str) -> Result<(), CsvError> {
        if !rest.trim().is_empty() {
            self.next_row()?;
            self.shelf.reject(
                self.row,
                "",
                "",
                "too many quoted fields that are never closed",
            );
        }
        Ok(())
    }
}

/// If the text from `start` on, which was read as one record, has a quote that is never closed
/// and goes over several lines: what follows its first line.
fn after_unclosed(body: &str, start: u64) -> Option<&str> {
    let record = body
        .get(usize::try_from(start).ok()?..)?
        .trim_start_matches(['\r', '\n']);
    let (_, after) = record.split_once('\n')?;
    let quotes = record.bytes().filter(|byte| *byte == b'"').count();
    (quotes % 2 == 1 && !after.trim().is_empty()).then_some(after)
}

/// The library as it fills.
#[derive(Default)]
struct Shelf {
    library: Library,
    by_isbn: HashMap<Isbn, usize>,
    /// Places in a series at which a title of an author was seen, and the book at each.
    by_title: HashMap<String, HashMap<String, usize>>,
}

impl Shelf {
    fn add(&mut self, row: u32, columns: &Columns, fields: &[String]) {
        let isbn = || columns.isbn_text(fields);
        let title = || columns.title_text(fields);
        if let Err(error) = columns.check_width(fields) {
            return self.reject(row, &isbn(), &title(), &error);
        }
        if let Some(other) = columns.other_than_book(fields) {
            return self.reject(row, &isbn(), &title(), &format!("{other}, not a book"));
        }
        let (book, bad_isbn) = columns.row(row, fields);
        if book.wanted.title.is_empty() && book.wanted.isbn.is_none() {
            let error = match bad_isbn {
                Some(error) => format!("{error}, and no title"),
                None => "no title and no ISBN".to_owned(),
            };
            return self.reject(row, &isbn(), "", &error);
        }
        let keys = same_book_key(&book.wanted);
        let position = (book.imported.series.as_ref())
            .and_then(|series| series.position.clone())
            .unwrap_or_default();
        if let Some(at) = self.seen(&keys, &position) {
            self.library.duplicates += 1;
            // The same book, once with and once without an ISBN.
            let kept = &mut self.library.books[at].wanted;
            if kept.isbn.is_none()
                && let Some(isbn) = keys.isbn
            {
                kept.isbn = Some(isbn);
                self.by_isbn.insert(isbn, at);
            }
            return;
        }
        let at = self.library.books.len();
        if let Some(isbn) = keys.isbn {
            self.by_isbn.insert(isbn, at);
        }
        if let Some(key) = keys.title_author {
            self.by_title.entry(key).or_default().insert(position, at);
        }
        if let Some(error) = bad_isbn {
            self.note(row, &isbn(), &book.wanted.title, &error.to_string(), false);
        }
        self.library.books.push(book);
    }

    /// The book that was there before: the same ISBN, or the same title and author unless both
    /// rows name different places in a series.
    fn seen(&self, keys: &BookKeys, position: &str) -> Option<usize> {
        if let Some(at) = keys.isbn.and_then(|isbn| self.by_isbn.get(&isbn)) {
            return Some(*at);
        }
        let positions = self.by_title.get(keys.title_author.as_ref()?)?;
        let same = positions.get(position).or_else(|| positions.get(""));
        let any = || positions.values().min().filter(|_| position.is_empty());
        same.or_else(any).copied()
    }

    fn reject(&mut self, row: u32, isbn: &str, title: &str, error: &str) {
        self.note(row, isbn, title, error, true);
    }

    fn note(&mut self, row: u32, isbn: &str, title: &str, error: &str, rejected: bool) {
        if self.library.problems.len() < MAX_PROBLEMS {
            self.library.problems.push(Problem {
                row,
                isbn: clean(isbn, 40),
                title: clean(title, 500),
                error: error.to_owned(),
                rejected,
            });
        }
    }

    fn finish(self) -> Result<Library, CsvError> {
        let library = self.library;
        if library.rows == 0 {
            return Err(CsvError::new(
                CsvErrorKind::Empty,
                None,
                "a header and no rows".to_owned(),
                "This file has no books in it.",
            ));
        }
        if library.books.is_empty() {
            let first = library.problems.first();
            let detail = first.map_or(String::new(), |problem| {
                format!("; row {}: {}", problem.row, problem.error)
            });
            return Err(CsvError::new(
                CsvErrorKind::NoBooks,
                first.map(|problem| problem.row),
                format!("none of {} rows is a book{detail}", library.rows),
                "No books could be read from this file: every row is damaged.",
            ));
        }
        Ok(library)
    }
}
