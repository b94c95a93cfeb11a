//! Results as rows: the whole library in the columns of Goodreads, or those rows that somebody may
//! want to mend, as they stood in the imported file.
//!
//! ```text
//! begin, item for every item of the job, end
//! ```
//! Nothing but what is written now is in memory.

mod columns;
mod line;

use std::borrow::Cow;
use std::collections::HashSet;

use books::{ADDED_COLUMNS, Isbn};
use job::{Item, Report, Root};
use serde::Serialize;

use self::columns::{Column, GOODREADS, SHORT, as_certain, as_chosen, is_added, original, value};
use self::line::line;
use crate::book::{Book, EnrichmentStatus};
use crate::envelope::{Answered, Metadata, json};
use crate::error::ApiError;
use crate::query::Query;
use crate::status::Status;

/// The media type of rows as JSON.
pub const ROWS_TYPE: &str = "application/vnd.bookstrack.rows+json";

/// The beginning of a table to mend, by which spreadsheets know UTF-8. A library has none: other
/// programs would take it for a part of the first column's name.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The number of rows that a problem names.
const MAX_ROWS_NAMED: usize = 100;

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
    /// Numbers of rows that are written, or will not be, with an earlier row of their book.
    repeated: HashSet<u32>,
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
            repeated: HashSet::new(),
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
                let names = line(names.chain(self.columns.iter().map(|c| c.name.clone())));
                match self.only.all {
                    true => names,
                    false => [BYTE_ORDER_MARK.as_bytes(), &names].concat(),
                }
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
            return self.library_line(item);
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
        let kind = match EnrichmentStatus::of(item) {
            EnrichmentStatus::NotFound if self.only.not_found => Kind::NotFound,
            EnrichmentStatus::Pending | EnrichmentStatus::Error | EnrichmentStatus::CircuitOpen
                if self.only.failed =>
            {
                Kind::Failed
            }
            EnrichmentStatus::NotFound if self.only.review && self.root.is_to_review(item) => {
                Kind::NotFound
            }
            _ if self.only.review && self.root.is_to_review(item) => Kind::Doubtful,
            _ if warning.is_some() && self.only.warnings => Kind::Warning,
            _ => return bytes,
        };
        let mut problem = match kind {
            Kind::Warning => String::new(),
            Kind::Doubtful => doubt(item),
            _ => self.reason(item),
        };
        let reason = problem.clone();
        // Rows of the book that are in this one: there was no room for the cells of all of them.
        let merged = item.repeated.iter().filter(|other| other.cells.is_empty());
        let merged: Vec<u32> = match kind {
            Kind::Warning => Vec::new(),
            _ => merged.map(|other| other.row).collect(),
        };
        if !merged.is_empty() {
            problem.push_str(&format!("; {} of the file", rows(&merged)));
        }
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
        let kept = kept.filter(|_| merged.is_empty());
        let cells: Vec<Cow<'_, str>> = match kept {
            Some(cells) => self.cells_to_mend(cells, item),
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
        // A warning says of the book what it says of the one row.
        let repeated = (item.repeated.iter()).filter(|_| kind != Kind::Warning);
        for repeated in repeated {
            self.repeated.insert(repeated.row);
            if repeated.cells.is_empty() {
                continue;
            }
            bytes.extend(self.row(ExportedRow {
                row: repeated.row,
                index: Some(index),
                kind,
                problem: format!("{reason}; the same book as row {row}"),
                cells: self.cells_to_mend(&repeated.cells, item),
            }));
        }
        bytes
    }

    /// The reason why a book was not found.
    fn reason(&self, item: &Item) -> String {
        let reason = EnrichmentStatus::problem(item).unwrap_or_default();
        let stopped = match self.root.stage {
            job::Stage::Canceled => ": canceled",
            job::Stage::Error => ": the job failed",
            _ => "",
        };
        match item.found {
            None => format!("{reason}{stopped}"),
            Some(_) => reason.to_owned(),
        }
    }

    /// The cells of a row of the file, as they are to be mended.
    fn cells_to_mend<'c>(&self, cells: &'c [String], item: &Item) -> Vec<Cow<'c, str>> {
        let cells = self.own_cells(cells).enumerate();
        cells
            .map(|(at, cell)| self.unambiguous(at, cell, item))
            .collect()
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
            if self.repeated.contains(&problem.row) {
                continue;
            }
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
    fn library_line(&mut self, item: &Item) -> Vec<u8> {
        let item = &*as_certain(item);
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
                "title" if item.imported.is_none() || own().is_empty() => book.title.to_owned(),
                "author" if own().is_empty() => {
                    known(book.authors.first().map(|a| (*a).to_owned()))
                }
                "moreAuthors" if value("author", item).is_empty() => {
                    book.authors.get(1..).unwrap_or_default().join(", ")
                }
                "workId" if own().is_empty() => known(found_work(item).map(str::to_owned)),
                "notes" if item.is_lost() => {
                    known(EnrichmentStatus::problem(item).map(str::to_owned))
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

/// Names rows, or as many as fit a cell of a spreadsheet.
fn rows(numbers: &[u32]) -> String {
    let (named, others) = numbers.split_at(numbers.len().min(MAX_ROWS_NAMED));
    let mut named: Vec<_> = named.iter().map(ToString::to_string).collect();
    if !others.is_empty() {
        named.push(format!("{} more", others.len()));
    }
    let last = named.pop().unwrap_or_default();
    match named.is_empty() {
        true => format!("with row {last}"),
        false => format!("with rows {} and {last}", named.join(", ")),
    }
}

/// The work that an item was found to be, at Open Library.
fn found_work(item: &Item) -> Option<&str> {
    match &item.found {
        Some(books::Found::Record(record)) => record.work.open_library_id.as_deref(),
        _ => None,
    }
}

/// The reason why a person should look at a book that was found.
fn doubt(item: &Item) -> String {
    let record = item.record();
    let Some(title) = record.map(books::Record::title) else {
        return "Not read for sure".to_owned();
    };
    let author = record.and_then(|record| record.authors.first());
    match author {
        Some(author) => format!("May be another book: {title}, {}", author.name),
        None => format!("May be another book: {title}"),
    }
}

/// Exports in one piece, for their description: they are written in several.
#[cfg(test)]
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
mod tests;
