//! Results as rows: the whole library in the columns of Goodreads, or those rows that somebody may
//! want to mend, as they stood in the imported file.
//!
//! ```text
//! begin, item for every item of the job, end
//! ```
//! Nothing but what is written now is in memory.

use std::borrow::Cow;
use std::collections::HashSet;

use books::{ADDED_COLUMNS, Isbn, ReadingStatus};
use job::{Item, Report, Root};
use serde::Serialize;

use crate::book::{Book, EnrichmentStatus, chosen};
use crate::envelope::{Answered, Metadata, json};
use crate::error::ApiError;
use crate::query::Query;
use crate::status::Status;

/// The media type of rows as JSON.
pub const ROWS_TYPE: &str = "application/vnd.bookstrack.rows+json";

/// Format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table, RFC 4180.
    Csv,
    /// A JSON object.
    Json,
}

/// The kinds of rows that a client asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// Rows that could not be read, and books that no provider has answered about.
    pub failed: bool,
    /// Books that no provider knows.
    pub not_found: bool,
    /// Rows with a warning.
    pub warnings: bool,
    /// Books of which a person should say which they are.
    pub review: bool,
    /// Every book.
    pub all: bool,
}

/// The export that a query asks for by `format` and `only`; `None` when it asks for the results
/// document.
///
/// # Errors
/// `INVALID_REQUEST`
pub fn asked(query: &Query) -> Result<Option<(Format, RowFilter)>, ApiError> {
    let mut only = RowFilter::default();
    for name in query
        .get("only")
        .into_iter()
        .flat_map(|list| list.split(','))
    {
        match name.trim() {
            "failed" => only.failed = true,
            "not_found" => only.not_found = true,
            "warnings" => only.warnings = true,
            "review" => only.review = true,
            "all" => only.all = true,
            _ => {
                let names =
                    "must be failed, not_found, warnings, review or all, or several of them";
                return Err(ApiError::invalid("only", names));
            }
        }
    }
    let format = match query.get("format") {
        Some("csv") => Format::Csv,
        None | Some("json") => Format::Json,
        Some(_) if only == RowFilter::default() => return Ok(None),
        Some(_) => return Err(ApiError::invalid("format", "must be csv or json with only")),
    };
    if only == RowFilter::default() {
        only.all = true;
    }
    if format == Format::Json && only.all {
        return Ok(None);
    }
    for name in ["offset", "limit"] {
        if query.get(name).is_some() {
            return Err(ApiError::invalid(name, "does not go with only or csv"));
        }
    }
    Ok(Some((format, only)))
}

/// A column of an export.
struct Column<'a> {
    name: Cow<'a, str>,
    /// The field that the column holds, as a mapping spells it.
    field: Option<&'a str>,
    /// Whether days in the column are written in an order that a part of the file may not tell.
    has_day_order: bool,
}

/// Columns of an exported library, with the fields of an import that they hold: those of Goodreads
/// first.
const GOODREADS: &[(&str, &str)] = &[
    ("Book Id", "goodreadsId"),
    ("Title", "title"),
    ("Author", "author"),
    ("Author l-f", ""),
    ("Additional Authors", "moreAuthors"),
    ("ISBN", "isbn10"),
    ("ISBN13", "isbn"),
    ("My Rating", "rating"),
    ("Average Rating", ""),
    ("Publisher", "publisher"),
    ("Binding", "format"),
    ("Number of Pages", "pages"),
    ("Year Published", "year"),
    ("Original Publication Year", "originalYear"),
    ("Date Read", "dateRead"),
    ("Date Added", "dateAdded"),
    ("Bookshelves", "shelves"),
    ("Bookshelves with positions", ""),
    ("Exclusive Shelf", "status"),
    ("My Review", "review"),
    ("Spoiler", ""),
    ("Private Notes", "notes"),
    ("Read Count", "readCount"),
    ("Owned Copies", "ownedCopies"),
    ("Series", "series"),
    ("Series Number", "seriesPosition"),
    ("Dates Read", "datesRead"),
    ("Date Started", "dateStarted"),
    ("Stopped Date", "dateStopped"),
    ("Work Id", "workId"),
    ("ASIN", "asin"),
    ("LibraryThing Id", "librarythingId"),
];
/// Columns of a list of books that was no file, with their fields.
const SHORT: &[(&str, &str)] = &[("Title", "title"), ("Author", "author"), ("ISBN13", "isbn")];

/// Writes one export.
pub struct Export<'a> {
    root: &'a Root,
    report: &'a Report,
    format: Format,
    only: RowFilter,
    columns: Vec<Column<'a>>,
    /// Positions in the file of columns that an earlier export has added.
    added: Vec<usize>,
    /// Index of the problem that comes next in file order.
    next_problem: usize,
    is_first: bool,
    /// ISBNs that books of the library have of their own, and those given to others since.
    isbns: HashSet<Isbn>,
}

/// The reason why a row is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The row could not be read.
    Rejected,
    /// The look-up succeeded, and no provider knows the book.
    NotFound,
    /// The look-up failed: no provider has answered about the book.
    Failed,
    /// A provider knows a book that may be another.
    Doubtful,
    /// The row's book is in the library; something in it was left out or doubtful.
    Warning,
}

/// A row of an export that is an object.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ExportedRow<'a> {
    /// Number of the record in the imported file, from 1; where there was no file, of the book in
    /// the job, from 1.
    row: u32,
    /// Number of the book among the job's, from 0; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    /// The reason why the row is exported, for programs.
    kind: Kind,
    /// The reason why the row is exported, for people.
    problem: String,
    /// Cells of the row under `columns`; there may be more or fewer.
    cells: Vec<Cow<'a, str>>,
}

/// The rows that somebody may want to mend.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ExportHead<'a> {
    /// The job's name.
    job_id: &'a str,
    /// The job's outcome.
    status: Status,
    /// The columns of the imported file.
    columns: Vec<&'a str>,
}

impl<'a> Export<'a> {
    /// Begins the export of an ended job; `report` is its first stage's.
    pub fn new(root: &'a Root, report: &'a Report, format: Format, only: RowFilter) -> Self {
        let named = |list: &'static [(&str, &str)]| {
            let column = |(name, field): &(&'static str, &'static str)| Column {
                name: Cow::Borrowed(*name),
                field: Some(*field),
                has_day_order: false,
            };
            list.iter().map(column).collect::<Vec<_>>()
        };
        let reading = report.reading.as_ref();
        let columns = match reading.filter(|reading| !reading.columns.is_empty()) {
            _ if only.all => named(GOODREADS),
            Some(reading) => original(reading),
            None if root.pipeline == job::Pipeline::CsvImport => named(GOODREADS),
            None => named(SHORT),
        };
        Self {
            root,
            report,
            format,
            only,
            columns,
            added: (reading.into_iter())
                .flat_map(|reading| reading.columns.iter().enumerate())
                .filter(|(_, column)| is_added(column))
                .map(|(at, _)| at)
                .collect(),
            next_problem: 0,
            is_first: true,
            isbns: HashSet::new(),
        }
    }

    /// Whether [`Self::note`] is to be told every item before the first is written.
    pub fn needs_notes(&self) -> bool {
        self.only.all
    }

    /// Takes note of an item that will be written.
    pub fn note(&mut self, item: &Item) {
        self.isbns.extend(as_chosen(item).wanted.isbn);
    }

    /// Spells everything before the rows.
    pub fn begin(&self) -> Vec<u8> {
        match self.format {
            Format::Csv => {
                let added = ADDED_COLUMNS.iter().filter(|_| !self.only.all);
                let names = added.map(|name| Cow::Borrowed(*name));
                line(names.chain(self.columns.iter().map(|column| column.name.clone())))
            }
            Format::Json => {
                let mut bytes = br#"{"success":true,"data":"#.to_vec();
                bytes.extend(json(&ExportHead {
                    job_id: self.root.id.as_str(),
                    status: Status::of(self.root),
                    columns: self.columns.iter().map(|column| &*column.name).collect(),
                }));
                bytes.pop();
                bytes.extend_from_slice(br#","rows":["#);
                bytes
            }
        }
    }

    /// Spells item `index` of the job, if it is asked for, after the rows that come before it.
    pub fn item(&mut self, index: u32, item: &Item) -> Vec<u8> {
        if self.only.all {
            return self.whole(item);
        }
        let row = item
            .imported
            .as_ref()
            .map_or(index + 1, |imported| imported.row);
        let mut bytes = self.problems_before(row);
        let problem = self.report.problems.get(self.next_problem);
        let warning = problem.filter(|problem| problem.row == row && item.imported.is_some());
        if warning.is_some() {
            self.next_problem += 1;
        }
        let status = EnrichmentStatus::of(item);
        let kind = match status {
            EnrichmentStatus::NotFound if self.only.not_found => Kind::NotFound,
            EnrichmentStatus::Pending | EnrichmentStatus::Error | EnrichmentStatus::CircuitOpen
                if self.only.failed =>
            {
                Kind::Failed
            }
            EnrichmentStatus::NotFound if self.only.review && item.is_to_be_reviewed() => {
                Kind::NotFound
            }
            _ if self.only.review && item.is_to_be_reviewed() => Kind::Doubtful,
            _ if warning.is_some() && self.only.warnings => Kind::Warning,
            _ => return bytes,
        };
        let mut problem = match kind {
            Kind::Warning => String::new(),
            Kind::Doubtful => doubt(item),
            _ => status.problem().unwrap_or_default().to_owned(),
        };
        if let Some(warning) = warning {
            if !problem.is_empty() {
                problem.push_str("; ");
            }
            problem.push_str(&warning.error);
        }
        let kept = [
            &item.cells[..],
            warning.map_or(&[], |warning| &warning.cells[..]),
        ];
        let kept = kept.into_iter().find(|cells| !cells.is_empty());
        let cells: Vec<Cow<'_, str>> = match kept {
            Some(cells) => (self.own_cells(cells).enumerate())
                .map(|(at, cell)| self.unambiguous(at, cell, item))
                .collect(),
            None => (self.columns.iter())
                .map(|column| Cow::Owned(value(column.field.unwrap_or_default(), item)))
                .collect(),
        };
        bytes.extend(self.row(ExportedRow {
            row,
            index: Some(index),
            kind,
            problem,
            cells,
        }));
        bytes
    }

    /// Spells everything after the items.
    pub fn end(&mut self, answered: Answered) -> Vec<u8> {
        let mut bytes = match self.only.all {
            true => Vec::new(),
            false => self.problems_before(u32::MAX),
        };
        if self.format == Format::Json {
            bytes.extend_from_slice(br#"]},"metadata":"#);
            bytes.extend(json(&Metadata::from(answered)));
            bytes.push(b'}');
        }
        bytes
    }

    /// The cells of a row without those that an earlier export has added.
    fn own_cells<'c>(&self, cells: &'c [String]) -> impl Iterator<Item = &'c str> {
        let cells = cells.iter().enumerate();
        cells
            .filter(|(at, _)| !self.added.contains(at))
            .map(|(_, cell)| cell.as_str())
    }

    /// A cell as it stood in the file, or its value where only the whole file tells how the cell is
    /// to be read.
    fn unambiguous<'i>(&self, at: usize, cell: &'i str, item: &Item) -> Cow<'i, str> {
        let column = self.columns.get(at).filter(|column| column.has_day_order);
        let read = column.map(|column| value(column.field.unwrap_or_default(), item));
        match read.filter(|read| !read.is_empty()) {
            Some(read) => Cow::Owned(read),
            None => Cow::Borrowed(cell),
        }
    }

    /// Spells the rows without a book of their own that come before this one in the file.
    fn problems_before(&mut self, row: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let report = self.report;
        while let Some(problem) = report.problems.get(self.next_problem)
            && problem.row < row
        {
            self.next_problem += 1;
            let kind = match problem.rejected {
                true if self.only.failed => Kind::Rejected,
                false if self.only.warnings => Kind::Warning,
                _ => continue,
            };
            let cells = match problem.cells.is_empty() {
                false => self.own_cells(&problem.cells).map(Cow::Borrowed).collect(),
                true => (self.columns.iter())
                    .map(|column| match column.field {
                        Some("title") => Cow::Borrowed(&*problem.title),
                        Some("isbn" | "isbnOrId") => Cow::Borrowed(&*problem.isbn),
                        _ => Cow::Borrowed(""),
                    })
                    .collect(),
            };
            bytes.extend(self.row(ExportedRow {
                row: problem.row,
                index: None,
                kind,
                problem: problem.error.clone(),
                cells,
            }));
        }
        bytes
    }

    fn row(&mut self, row: ExportedRow<'_>) -> Vec<u8> {
        let is_first = std::mem::take(&mut self.is_first);
        match self.format {
            Format::Csv => {
                let added = [Cow::Owned(row.row.to_string()), Cow::Owned(row.problem)];
                line(added.into_iter().chain(row.cells))
            }
            Format::Json => {
                let mut bytes = if is_first { Vec::new() } else { vec![b','] };
                bytes.extend(json(&row));
                bytes
            }
        }
    }

    /// Spells a book of the library, with what the provider knows of its edition.
    fn whole(&mut self, item: &Item) -> Vec<u8> {
        let item = &*as_chosen(item);
        let book = Book::of(item);
        // Two books with one number would be taken for one.
        let found = match &item.found {
            Some(books::Found::Record(record)) => record.edition.isbn(),
            _ => None,
        };
        let isbn = (item.wanted.isbn).or_else(|| found.filter(|isbn| self.isbns.insert(*isbn)));
        let cells = GOODREADS.iter().map(|(_, field)| {
            let known = |text: Option<String>| text.unwrap_or_default();
            let own = || value(field, item);
            Cow::<str>::Owned(match *field {
                "isbn" => known(isbn.map(|isbn| isbn.to_string())),
                "isbn10" => known(isbn.and_then(|isbn| isbn.isbn10())),
                "title" if item.imported.is_none() => book.title.to_owned(),
                "author" if own().is_empty() => {
                    known(book.authors.first().map(|a| (*a).to_owned()))
                }
                "moreAuthors" if value("author", item).is_empty() => {
                    book.authors.get(1..).unwrap_or_default().join(", ")
                }
                "publisher" if own().is_empty() => known(book.publisher.map(str::to_owned)),
                "pages" if own().is_empty() => known(book.page_count.map(|n| n.to_string())),
                "year" if own().is_empty() => known(book.publication_year().map(|n| n.to_string())),
                _ => own(),
            })
        });
        line(cells)
    }
}

/// The reason why a person should look at a book that was found.
fn doubt(item: &Item) -> String {
    let record = item.record();
    let title = record.map(books::Record::title).unwrap_or_default();
    let author = record.and_then(|record| record.authors.first());
    match author {
        Some(author) => format!("May be another book: {title}, {}", author.name),
        None => format!("May be another book: {title}"),
    }
}

/// An item as its library has it when a person has said which book it is: with that book's title,
/// authors and numbers, so that an import finds it again.
fn as_chosen(item: &Item) -> Cow<'_, Item> {
    let Some(record) = chosen(item) else {
        return Cow::Borrowed(item);
    };
    let mut item = item.clone();
    item.wanted.title = record.title().to_owned();
    item.wanted.isbn = record.edition.isbn().or(item.wanted.isbn);
    item.wanted.work_id.clone_from(&record.work.open_library_id);
    let authors = record.authors.iter().map(|author| author.name.clone());
    let authors: Vec<String> = authors.collect();
    if let Some(first) = authors.first() {
        item.wanted.author.clone_from(first);
    }
    if let Some(imported) = &mut item.imported {
        imported.given_title = None;
        imported.series = None;
        imported.authors = authors;
        // What is known of the edition goes before what the file says of another.
        if record.edition.publisher.is_some() {
            imported.publisher = None;
        }
        if record.edition.pages.is_some() {
            imported.pages = None;
        }
        if record.edition.published.is_some() {
            imported.year = None;
        }
    }
    Cow::Owned(item)
}

/// Whether a column was added by an export of an earlier import.
fn is_added(column: &books::ColumnReading) -> bool {
    ADDED_COLUMNS.contains(&column.name.as_str())
}

/// The columns of an imported file.
fn original(reading: &books::Reading) -> Vec<Column<'_>> {
    let has_header = reading.header_row.is_some();
    let columns = reading.columns.iter();
    columns
        .filter(|column| !is_added(column))
        .map(|column| {
            let field = column.field.as_deref();
            let values = column.values.as_deref().unwrap_or_default();
            let name = match field {
                _ if !has_header => Cow::Owned(match field {
                    Some(field) => field.to_owned(),
                    None => format!("Column {}", column.name),
                }),
                // A few ratings do not tell out of how many they are.
                Some("rating") if values.starts_with("out of") && values != "out of 5" => {
                    let scale = values.trim_start_matches("out of ");
                    match column.name.contains(scale) {
                        true => Cow::Borrowed(&*column.name),
                        false => Cow::Owned(format!("{} ({values})", column.name)),
                    }
                }
                _ => Cow::Borrowed(&*column.name),
            };
            Column {
                name,
                field,
                has_day_order: values.contains("before"),
            }
        })
        .collect()
}

/// Value of an item in a field, as an import reads it again.
fn value(field: &str, item: &Item) -> String {
    let imported = item.imported.as_ref();
    let source = imported.map(|imported| &imported.source);
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
    let year = |year: Option<i32>| year.map_or_else(String::new, |year| year.to_string());
    let series = imported.and_then(|imported| imported.series.as_ref());
    match field {
        "title" => match imported.and_then(|imported| imported.given_title.as_deref()) {
            // With its series, as Goodreads writes it; else a subtitle was added.
            Some(given) if given.starts_with(&item.wanted.title) => given.to_owned(),
            _ => item.wanted.title.clone(),
        },
        "author" => item.wanted.author.clone(),
        "moreAuthors" => {
            let authors = imported.map_or(&[][..], |imported| &imported.authors);
            authors.get(1..).unwrap_or_default().join(", ")
        }
        "isbn" | "isbnOrId" => (item.wanted.isbn).map_or_else(String::new, |isbn| isbn.to_string()),
        "isbn10" => (item.wanted.isbn.and_then(|isbn| isbn.isbn10())).unwrap_or_default(),
        "workId" => text(item.wanted.work_id.as_ref()),
        "rating" => source
            .and_then(|source| source.user_rating)
            .map_or_else(String::new, |rating| rating.to_string()),
        "publisher" => text(imported.and_then(|imported| imported.publisher.as_ref())),
        "format" => imported
            .and_then(|imported| match imported.format {
                Some(format) => Some(format.name().to_owned()),
                None => imported.binding.clone(),
            })
            .unwrap_or_default(),
        "pages" => number(imported.and_then(|imported| imported.pages)),
        "year" => year(imported.and_then(|imported| imported.year)),
        "originalYear" => year(imported.and_then(|imported| imported.original_year)),
        "series" => series.map_or_else(String::new, |series| series.name.clone()),
        "seriesPosition" => text(series.and_then(|series| series.position.as_ref())),
        _ => match source {
            Some(source) => own_value(field, source),
            None => String::new(),
        },
    }
}

/// Value of a field of a reader's own data.
fn own_value(field: &str, source: &books::Source) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let date = |day: &Option<String>| slashed(day.as_deref().unwrap_or_default());
    let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
    match field {
        "goodreadsId" => text(&source.goodreads_id),
        "librarythingId" => text(&source.librarything_id),
        "asin" => text(&source.asin),
        "dateRead" => date(&source.date_read),
        "dateAdded" => date(&source.date_added),
        "dateStarted" => date(&source.date_started),
        "dateStopped" => date(&source.date_stopped),
        "datesRead" => {
            let period = |period: &String| match period.split_once('/') {
                Some((from, to)) => format!("{}-{}", slashed(from), slashed(to)),
                None => slashed(period),
            };
            let periods: Vec<String> = source.dates_read.iter().map(period).collect();
            periods.join(", ")
        }
        "shelves" => source.shelves.join(", "),
        "status" => match source.reading_status {
            Some(ReadingStatus::Read) => "read",
            Some(ReadingStatus::CurrentlyReading) => "currently-reading",
            Some(ReadingStatus::ToRead) => "to-read",
            Some(ReadingStatus::DidNotFinish) => "did-not-finish",
            None => "",
        }
        .to_owned(),
        "review" => text(&source.review),
        "notes" => text(&source.notes),
        "readCount" => number(source.read_count),
        "ownedCopies" => number(source.owned_copies),
        _ => String::new(),
    }
}

/// A day as Goodreads writes it; a month or a year as it is.
fn slashed(date: &str) -> String {
    match date.len() {
        10 => date.replace('-', "/"),
        _ => date.to_owned(),
    }
}

/// A line of a table.
fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> Vec<u8> {
    let mut line = String::new();
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            line.push(',');
        }
        let cell = harmless(&cell);
        if cell.contains(['"', ',', '\n', '\r']) || cell.trim() != cell {
            line.push('"');
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(&cell);
        }
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// Characters that begin a formula in a spreadsheet, also in full width.
const FORMULA_SIGNS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Makes a cell that no spreadsheet takes for a formula: behind an apostrophe, which an import
/// leaves out again. A number that is wrapped so that a spreadsheet leaves it alone (`="978..."`)
/// stays.
fn harmless(cell: &str) -> Cow<'_, str> {
    let number = cell
        .strip_prefix("=\"")
        .and_then(|cell| cell.strip_suffix('"'));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if number.is_some_and(is_number) || !cell.starts_with(FORMULA_SIGNS) {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(format!("'{cell}"))
}

/// Exports in one piece, for their description: they are written in several.
#[cfg(test)]
#[allow(dead_code, reason = "only described")]
pub(crate) mod whole {
    use schemars::JsonSchema;
    use serde::Serialize;

    use super::{ExportHead, ExportedRow};

    /// The rows that somebody may want to mend.
    #[derive(JsonSchema, Serialize)]
    pub(crate) struct Rows<'a> {
        #[serde(flatten)]
        head: ExportHead<'a>,
        rows: Vec<ExportedRow<'a>>,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use books::{Found, Library, read_csv};
    use job::Time;

    use super::*;

    fn root() -> Root {
        serde_json::from_value(serde_json::json!({
            "v": 1, "id": "job", "pipeline": "csv_import", "route": "imports", "token": true,
            "created": 0, "updated": 0, "expires": 1, "stage": "complete", "seq": 9,
            "epoch": {"term": 1, "nonce": "a"}, "fresh_until": 0,
        }))
        .unwrap()
    }

    /// The items of a library, each with an outcome.
    fn items(library: &Library, found: impl Fn(usize) -> Found) -> Vec<Item> {
        let rows = library.books.iter().zip(&library.cells).enumerate();
        rows.map(|(at, (row, cells))| Item {
            imported: Some(row.imported.clone()),
            cells: cells.clone(),
            found: Some(found(at)),
            ..Item::wanted(row.wanted.clone())
        })
        .collect()
    }

    fn items_of(library: &Library) -> Vec<Item> {
        items(library, |_| Found::NotFound)
    }

    fn export(library: &Library, items: &[Item], format: Format, only: &str) -> String {
        let (root, report) = (
            root(),
            Report {
                problems: library.problems.clone(),
                reading: Some(library.reading.clone()),
                ..Report::default()
            },
        );
        let query = Query::parse(&format!("format=csv&only={only}"));
        let (_, only) = asked(&query).unwrap().unwrap();
        let mut export = Export::new(&root, &report, format, only);
        if export.needs_notes() {
            items.iter().for_each(|item| export.note(item));
        }
        let mut bytes = export.begin();
        for (index, item) in items.iter().enumerate() {
            bytes.extend(export.item(u32::try_from(index).unwrap(), item));
        }
        bytes.extend(export.end(Answered {
            at: Time(0),
            took: Duration::ZERO,
        }));
        String::from_utf8(bytes).unwrap()
    }

    const MIXED: &str = "My Stuff,Title,Author,ISBN,Finished,My Rating\n\
        a,Dune,Frank Herbert,9780441013593,13/05/2024,4\n\
        =cmd(),Nobody Knows,\"Doe, Jane\",,04/05/2024,5\n\
        b,,,12345,,\n\
        \"-c, d\",No Answer,Max Muster,\"=\"\"0525540679\"\"\",,3\n\
        e,,,,,,too,many,cells\n";

    fn mixed() -> (Library, Vec<Item>) {
        let library = read_csv(MIXED.as_bytes(), 100).unwrap();
        let found = |at| match at {
            1 => Found::NotFound,
            2 => Found::Error,
            _ => Found::NotFound,
        };
        let mut items = items(&library, found);
        items.remove(0);
        (library, items)
    }

    #[test]
    fn failed_rows_keep_their_columns_and_say_why_they_are_there() {
        let (library, items) = mixed();
        assert_eq!(
            export(&library, &items, Format::Csv, "failed"),
            "Import row,Import problem,My Stuff,Title,Author,ISBN,Finished,My Rating\r\n\
             4,\"Invalid ISBN (length), and no title\",b,,,12345\r\n\
             5,The metadata providers did not answer,\"'-c, d\",No Answer,Max Muster,\"=\"\"0525540679\"\"\",,3\r\n\
             6,\"9 fields, the header has 6\",e,,,,,,too,many,cells\r\n"
        );
        // The other rows told that the day comes first.
        assert_eq!(
            export(&library, &items, Format::Csv, "not_found"),
            "Import row,Import problem,My Stuff,Title,Author,ISBN,Finished,My Rating\r\n\
             3,Not found by any provider,'=cmd(),Nobody Knows,\"Doe, Jane\",,2024/05/04,5\r\n"
        );
    }

    #[test]
    fn a_mended_file_is_read_as_the_first_was() {
        let (library, items) = mixed();
        let csv = export(&library, &items, Format::Csv, "failed,not_found");
        let mended = csv.replace("b,,,12345", "b,,,9780441013593");
        let again = read_csv(mended.as_bytes(), 100).unwrap();
        let titles = |library: &Library| -> Vec<_> {
            let rows = library.books.iter();
            rows.map(|row| (row.wanted.clone(), row.imported.source.clone()))
                .collect()
        };
        let (before, after) = (titles(&library), titles(&again));
        assert_eq!(after.len(), 3, "{:?}", again.problems);
        assert_eq!((&after[0], &after[2]), (&before[1], &before[2]));
        assert_eq!(after[1].0.isbn, before[0].0.isbn);
        assert_eq!(again.problems.len(), 1);
        let names: Vec<_> = again
            .reading
            .columns
            .iter()
            .filter(|c| c.field.is_none())
            .collect();
        assert_eq!(names.len(), 3, "{names:?}");
        // What fails once more has the same columns again.
        let second = items_of(&again);
        let csv = export(&again, &second, Format::Csv, "failed,not_found");
        assert!(
            csv.starts_with("Import row,Import problem,My Stuff,Title,"),
            "{csv}"
        );
        assert!(
            csv.contains("\r\n2,Not found by any provider,'=cmd(),Nobody Knows,"),
            "{csv}"
        );
        assert!(
            csv.contains("\r\n5,\"11 fields, the header has 8\",e,,,,,,too,many,cells\r\n"),
            "{csv}"
        );
    }

    #[test]
    fn reasons_are_no_titles_of_a_file_that_has_none() {
        let library = read_csv(b"ISBN\n9780441013593\n9780441013594\n", 10).unwrap();
        let items = items(&library, |_| Found::NotFound);
        let csv = export(&library, &items, Format::Csv, "failed,not_found");
        let again = read_csv(csv.as_bytes(), 10).unwrap();
        assert_eq!(again.books.len(), 1, "{csv}");
        assert_eq!(again.books[0].wanted, library.books[0].wanted);
    }

    #[test]
    fn as_an_object_each_row_says_which_book_it_is() {
        let (library, items) = mixed();
        let text = export(&library, &items, Format::Json, "failed,not_found,warnings");
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows = document["data"]["rows"].as_array().unwrap();
        let short: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row["row"].as_u64(),
                    row["kind"].as_str(),
                    row["index"].as_u64(),
                )
            })
            .collect();
        assert_eq!(
            short,
            [
                (Some(3), Some("not_found"), Some(0)),
                (Some(4), Some("rejected"), None),
                (Some(5), Some("failed"), Some(1)),
                (Some(6), Some("rejected"), None),
            ]
        );
    }

    /// Whatever a reading program exports, the library exported here is the same library.
    #[test]
    fn a_whole_library_comes_back_as_it_went() {
        let goodreads = std::fs::read(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/data/goodreads_library_export.csv"
        ));
        let storygraph = "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,Read Count,Moods,Pace,Star Rating,Review,Tags,Owned?\n\
            \"Dune, Part 1\",\"Frank Herbert, Brian Herbert\",,9780441013593,hardcover,read,2023/02/01,2024/01/15,\"2020/01/01-2020/02/01, 2024/01/02-2024/01/15\",2,,,4.25,\"- first\n=second\",\"sci-fi, to buy\",Yes\n\
            -30-,,,,audio,did-not-finish,,,,,,,,,,No\n";
        let own = "Title,Subtitle,Author,Series,Volume,Started,Binding\n\
            The Left Hand,of Darkness,Ursula K. Le Guin,Hainish,4,2021-03,Scroll\n\
            \"Mort (Discworld, #4)\",,Terry Pratchett,,,,\n";
        for csv in [goodreads.unwrap(), storygraph.into(), own.into()] {
            let library = read_csv(&csv, 10_000).unwrap();
            let items = items(&library, |_| Found::NotFound);
            let exported = export(&library, &items, Format::Csv, "all");
            let again = read_csv(exported.as_bytes(), 10_000).unwrap();
            assert_eq!(again.rows as usize, library.books.len());
            for (before, after) in library.books.iter().zip(&again.books) {
                let mut after = after.clone();
                after.imported.row = before.imported.row;
                // With a subtitle of its own it was not the whole title.
                after
                    .imported
                    .given_title
                    .clone_from(&before.imported.given_title);
                assert_eq!(*before, after);
            }
            assert_eq!(again.books.len(), library.books.len());
        }
    }
}
