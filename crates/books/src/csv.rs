//! Library exports: Goodreads, StoryGraph, LibraryThing, and any table with a title column.
//!
//! A reader returns what it could read *and* what was wrong. A damaged row costs that row; only
//! a file that is no list of books fails as a whole.

mod columns;
mod content;
mod decode;
mod encoding;
mod field;
mod headers;
mod heading;
mod json;
mod label;
mod line;
mod mending;
mod notes;
mod people;
mod quotes;
mod rating;
mod reading;
mod realign;
mod records;
mod row;
mod shape;
mod shelf;
mod status;
mod table;
mod times;
mod values;
mod workbook;

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Imported, Wanted};
use columns::Columns;
pub use columns::{ADDED_COLUMNS, Mapping, check_meaning};
use decode::Decoded;
pub use decode::other_kind;
pub use field::field_names;
pub use reading::{Certainty, ColumnReading, Reading};
use records::{Format, Record, Records};
use shelf::Shelf;
use table::{Hints, Table};

/// Number of rows in one file that may be cut out because their quote never ends: each time the
/// rest of the file is read again.
const MAX_UNCLOSED: usize = 16;
/// Number of times its own length of a file that may be read again because a quote ended rows
/// later.
const MAX_REREAD: usize = 4;

/// A book of a library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The book to look up.
    pub wanted: Wanted,
    /// The other data of the row.
    pub imported: Imported,
}

/// A row that names a book which an earlier row has named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedRow {
    /// Number of the record in the file, from 1; the header is 1.
    pub row: u32,
    /// The row's cells as they stand in the file; empty where there was no room for all rows of the
    /// book.
    pub cells: Vec<String>,
}

/// A problem with a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// Number of the record in the file, from 1; the header is 1.
    pub row: u32,
    /// ISBN as it stands in the file, cut to 40 characters; empty when there is none.
    pub isbn: String,
    /// Title, empty when there is none.
    pub title: String,
    /// The problem, for people.
    pub error: String,
    /// Whether the row was left out; else its book was kept.
    pub rejected: bool,
    /// The row's cells as they stand in the file; empty when there was no room for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<String>,
}

/// A file's books. Always `rows == books.len() + duplicates + rejected()`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Library {
    /// Number of data rows; empty lines do not count.
    pub rows: u32,
    /// The different books, in file order.
    pub books: Vec<Row>,
    /// Number of rows of a book that an earlier row has, merged into it: the same ISBN, or the same
    /// title and author. Each is listed among the problems.
    pub duplicates: u32,
    /// The cells of each book's row as they stand in the file; empty when there was no room for
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Vec<String>>,
    /// The further rows of each book, which were merged into it. Where there was no room for all
    /// rows of a book, it has none here and none in `cells`: merged, it has what they say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<Vec<RepeatedRow>>,
    /// The first thousand problems, in file order.
    pub problems: Vec<Problem>,
    /// The interpretation of the file: its separator and columns.
    #[serde(default)]
    pub reading: Reading,
}

impl Library {
    /// Number of rows that were left out as damaged.
    pub fn rejected(&self) -> u32 {
        let kept = u32::try_from(self.books.len()).unwrap_or(u32::MAX);
        self.rows
            .saturating_sub(kept.saturating_add(self.duplicates))
    }
}

/// The reason why a file as a whole is not a list of books.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CsvError {
    /// Kind of the failure.
    pub kind: CsvErrorKind,
    /// Number of the record at fault, from 1, if it is one.
    pub row: Option<u32>,
    /// Technical message: what was found and what was expected.
    pub message: String,
    /// A sentence on what was found and what was expected, for a reader of books.
    pub user_message: String,
    /// The interpretation of the file, when nothing but a column that names its books is missing.
    pub reading: Option<Box<Reading>>,
}

/// The kinds of [`CsvError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvErrorKind {
    /// The file has no bytes, or a header without rows: `E_CSV_EMPTY`.
    Empty,
    /// The file is no table with known columns: `E_CSV_PARSE_FAILED`.
    ParseFailed,
    /// The file has more rows than allowed: `E_CSV_TOO_MANY_ROWS`.
    TooManyRows,
    /// The file has rows, but every one is damaged: `E_NO_BOOKS_FOUND`.
    NoBooks,
    /// The reader's mapping does not fit the file.
    Mapping,
}

impl CsvError {
    fn new(kind: CsvErrorKind, row: Option<u32>, message: String, user_message: &str) -> Self {
        Self {
            kind,
            row,
            message,
            user_message: user_message.to_owned(),
            reading: None,
        }
    }

    /// The error with all that is known of its file, if it tells the columns.
    fn of_file(mut self, file: &Reading) -> Self {
        if let Some(reading) = &mut self.reading {
            let columns = std::mem::take(&mut reading.columns);
            **reading = Reading {
                columns,
                ..file.clone()
            };
        }
        self
    }

    fn mapping(message: String) -> Self {
        let user_message = format!("The columns were not named as the file has them: {message}.");
        Self::new(CsvErrorKind::Mapping, None, message, &user_message)
    }
}

/// Reads a library of at most `max_rows` data rows, whatever program wrote it.
///
/// # Errors
/// [`CsvError`]: the file as a whole is not a list of books.
pub fn read_csv(bytes: &[u8], max_rows: usize) -> Result<Library, CsvError> {
    read_library(bytes, max_rows, &Mapping::new())
}

/// Reads a library of at most `max_rows` data rows; `mapping` has the reader's own meanings of its
/// columns.
///
/// Takes time and memory in proportion to the file.
///
/// # Errors
/// [`CsvError`]: the file as a whole is not a list of books, or the mapping does not fit it.
pub fn read_library(bytes: &[u8], max_rows: usize, mapping: &Mapping) -> Result<Library, CsvError> {
    let sheet = match workbook::is_archive(bytes) {
        true => Some(workbook::sheet(bytes, max_rows)?),
        false => None,
    };
    let decoded = match &sheet {
        Some(sheet) => Decoded {
            text: Cow::Borrowed(&sheet.text),
            encoding: sheet.kind,
            is_guessed: false,
            repaired: 0,
        },
        None => decode::text(bytes)?,
    };
    let json = match sheet.is_none() && json::is_json(&decoded.text) {
        true => Some(json::list(&decoded.text, max_rows)?),
        false => None,
    };
    let is_text = sheet.is_none() && json.is_none();
    let lines = (is_text.then(|| shape::with_line_ends(&decoded.text))).flatten();
    let text = lines.as_deref().unwrap_or(&decoded.text);
    let shaped = match &sheet {
        Some(sheet) => shape::of_sheet(&sheet.text, max_rows),
        None if is_text => shape::as_table(text, max_rows),
        None => None,
    };
    let unusual = match is_text && shaped.is_none() {
        true => table::with_commas(text),
        false => None,
    };
    let text = match (&json, &shaped, &unusual) {
        (Some(list), ..) => &list.text,
        (None, Some(table), _) => &table.text,
        (None, None, Some((text, _))) => text,
        (None, None, None) => text,
    };
    let single = match is_text {
        true => quotes::of_single_ones(text),
        false => None,
    };
    let text = single.as_deref().unwrap_or(text);
    let hints = Hints {
        has_header: json.is_some(),
        ..Hints::new(
            mapping,
            sheet.is_some() || json.is_some() || shaped.is_some(),
        )
    };
    let as_it_is = Table::new(text, &hints)?;
    let aligned = quotes::without_blanks(text, as_it_is.format);
    let as_it_is = match &aligned {
        Cow::Borrowed(_) => as_it_is,
        Cow::Owned(aligned) => Table::new(aligned, &hints)?,
    };
    let mended = quotes::mended(&aligned, as_it_is.format);
    let table = match &mended {
        Cow::Borrowed(_) => as_it_is,
        Cow::Owned(mended) => Table::new(mended, &hints)?,
    };
    if has_far_too_many_rows(&table, max_rows) {
        return Err(too_many_rows(max_rows));
    }
    let delimiter = match (&unusual, table.format.delimiter) {
        (Some((_, sign)), _) => sign.to_string(),
        (None, b'\t') => "tab".to_owned(),
        (None, delimiter) => char::from(delimiter).to_string(),
    };
    let below = match &sheet {
        // Arranged by the first sheet's header.
        Some(sheet) if sheet.is_joined => None,
        _ if json.is_some() => None,
        _ => shape::of_tables_below(&table),
    };
    let table = match &below {
        Some(below) => Table::new(
            &below.text,
            &Hints {
                has_header: true,
                ..Hints::default()
            },
        )?,
        None => table,
    };
    let mut shelf = Shelf::default();
    for shaped in shaped.iter().chain(&below) {
        shelf.renumber(&shaped.numbers);
    }
    let reading = Reading {
        program: None,
        encoding: match (&json, &shaped) {
            (Some(_), _) => format!("JSON in {}", decoded.encoding),
            (None, Some(table)) if table.was_on_its_side => format!(
                "a table on its side, its rows numbered by columns ({})",
                decoded.encoding
            ),
            (None, _) => decoded.encoding.to_owned(),
        },
        encoding_guessed: decoded.is_guessed,
        repaired: decoded.repaired,
        delimiter: (is_text && shaped.is_none()).then_some(delimiter),
        sheet: sheet.as_ref().map(|sheet| sheet.name.clone()),
        other_sheets: (sheet.as_ref().map(|sheet| &sheet.others))
            .or(json.as_ref().map(|list| &list.others))
            .map_or(Vec::new(), Clone::clone),
        other_sheets_have_books: sheet.as_ref().is_some_and(|sheet| sheet.others_have_books),
        header_row: Some(shelf.in_file(table.header_row)).filter(|row| *row > 0),
        lines_above: (table.lines_above.iter())
            .chain(sheet.iter().flat_map(|sheet| &sheet.lines_above))
            .chain(
                shaped
                    .iter()
                    .chain(&below)
                    .flat_map(|shaped| &shaped.lines_above),
            )
            .cloned()
            .collect(),
        columns: Vec::new(),
    };
    let columns = Columns::new(&table, mapping).map_err(|error| error.of_file(&reading))?;
    let mut reader = Reader {
        shelf,
        others: below
            .iter()
            .flat_map(|shaped| &shaped.others)
            .cloned()
            .collect(),
        max_rows,
        row: 0,
        unclosed: 0,
        rereadable: table.body.len().saturating_mul(MAX_REREAD),
    };
    for (row, record) in &table.rows_above {
        reader.row = row - 1;
        if !record.is_empty() && !record.is_ruler() {
            reader.next_row()?;
            (reader.shelf).add(*row, &columns, record, table.format, None);
        }
    }
    reader.row = table.header_row;
    if let Some(description) = &table.description {
        reader.next_row()?;
        let error = "what the columns are to hold, not a book";
        (reader.shelf).reject_row(reader.row, &columns, description, error);
    }
    let mut rest = table.body;
    while reader.unclosed < MAX_UNCLOSED {
        match reader.read(rest, &table, &columns)? {
            Some(after) => rest = after,
            None => {
                rest = "";
                break;
            }
        }
    }
    reader.reject_rest(rest)?;
    let reading = Reading {
        program: columns.program_name().map(str::to_owned),
        delimiter: reading.delimiter.filter(|_| !columns.is_list),
        columns: columns.reading(),
        ..reading
    };
    finish(reader.shelf.library, reading)
}

/// Whether a table has more than `max_rows` rows, also if each is in two lines: known before every
/// cell of millions is looked at for what its column means. Of rows that a sheet has ready for
/// further books there may be more, but not any number.
fn has_far_too_many_rows(table: &Table<'_>, max_rows: usize) -> bool {
    let (most, most_ready) = (max_rows.saturating_mul(2), max_rows.saturating_mul(10));
    let mut records = table.rows();
    let mut record = Record::default();
    let (mut rows, mut ready) = (0, 0);
    while rows <= most && ready <= most_ready && records.read(&mut record) {
        if record.is_empty() || record.is_ruler() {
            continue;
        }
        match columns::may_be_unfilled(&record) {
            true => ready += 1,
            false => rows += 1,
        }
    }
    rows > most || ready > most_ready
}

fn too_many_rows(most: usize) -> CsvError {
    CsvError::new(
        CsvErrorKind::TooManyRows,
        None,
        format!("more than {most} rows"),
        &format!("This file has too many books: {most} can be imported at once."),
    )
}

struct Reader {
    shelf: Shelf,
    /// What stands in place of empty records, in order.
    others: VecDeque<(u32, String)>,
    max_rows: usize,
    /// Number of the last record.
    row: u32,
    /// Number of rows whose quote is never closed.
    unclosed: usize,
    /// Number of bytes that may still be read again.
    rereadable: usize,
}

impl Reader {
    /// Reads records to the end, or to one whose quote is never closed: of that row the first line
    /// is read, and what follows is returned.
    fn read<'a>(
        &mut self,
        body: &'a str,
        table: &Table<'_>,
        columns: &Columns,
    ) -> Result<Option<&'a str>, CsvError> {
        let mut records = Records::new(body, table.format);
        let mut ahead = Records::new("", table.format);
        let mut next = Record::default();
        let mut record = Record::default();
        while records.read(&mut record) {
            let is_last = records.position() >= body.len();
            if is_last && let Some(after) = after_unclosed(body, record.start) {
                self.unclosed += 1;
                self.next_row()?;
                let error = "a quoted field is never closed";
                let line = &body[record.start..body.len() - after.len()];
                self.add_torn(line, table, columns, error);
                return Ok(Some(after));
            }
            let raw = &body[record.start..records.position()];
            if let Some((line, after)) = swallowed_rows(raw, &record, table, columns)
                && self.rereadable >= raw.len()
            {
                self.rereadable -= raw.len();
                self.next_row()?;
                let error = "a quoted field is not closed in its line";
                self.add_torn(line, table, columns, error);
                return Ok(Some(&body[records.position() - after..]));
            }
            if record.is_empty() || record.is_ruler() || columns.is_unfilled(&record) {
                match self.others.pop_front_if(|(row, _)| *row == self.row + 1) {
                    Some((_, error)) => {
                        self.next_row()?;
                        self.shelf.reject(self.row, &error);
                    }
                    None => self.row = self.row.saturating_add(1),
                }
                continue;
            }
            self.next_row()?;
            if record.count() < columns.columns.len() {
                ahead.restart(&body[records.position()..]);
                if ahead.read(&mut next)
                    && let Some(whole) = columns.joined(&record, &next)
                {
                    let remark = "a line ends within a field: read with the next line".to_owned();
                    (self.shelf).add(self.row, columns, &whole, table.format, Some(remark));
                    records.read(&mut next);
                    self.row = self.row.saturating_add(1);
                    continue;
                }
            }
            let inner = table::unwrapped(&record, table.format);
            let inner = inner.filter(|_| columns.columns.len() > 1);
            let row = inner.as_ref().unwrap_or(&record);
            let is_cut = is_last
                && table.format.quoting
                && !table.format.escaping
                && raw.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
            let remark = is_cut.then(|| "the file ends within a quoted field".to_owned());
            self.shelf.add(self.row, columns, row, table.format, remark);
        }
        Ok(None)
    }

    /// Adds the book of a line in which a quote is not closed, if what names it is believable; else
    /// rejects the line.
    fn add_torn(&mut self, line: &str, table: &Table<'_>, columns: &Columns, error: &str) {
        let line = line.trim_matches(['\r', '\n']);
        let width = columns.columns.len();
        let mut quoted = Record::default();
        Records::new(line, table.format).read(&mut quoted);
        let literal = torn_cells(line, table);
        let is_whole = |record: &Record| columns.is_believable(&record.cells());
        if quoted.is_as_wide(width) && is_whole(&quoted) {
            // The quote is the last cell's.
            let remark = format!("{error}: read to the end of the line");
            (self.shelf).add(self.row, columns, &quoted, table.format, Some(remark));
            return;
        }
        let bare = Record::of(literal.iter().map(|cell| without_stray_quote(cell)));
        let realigned = match bare.count() > width {
            true => columns.realigned(&bare, table.format.delimiter),
            false => None,
        };
        let (whole, moved) = match realigned {
            Some(realigned) => (realigned.record, Some(realigned.remark)),
            None => (bare, None),
        };
        if whole.count() > usize::from(width > 1) && whole.count() <= width && is_whole(&whole) {
            let mut remark = format!("{error}: read without it");
            if let Some(moved) = moved {
                remark = format!("{remark}; {moved}");
            }
            (self.shelf).add(self.row, columns, &whole, table.format, Some(remark));
        } else {
            let record = Record::of(literal.iter().map(String::as_str));
            self.shelf.reject_row(self.row, columns, &record, error);
        }
    }

    fn next_row(&mut self) -> Result<(), CsvError> {
        if self.shelf.library.rows as usize >= self.max_rows {
            return Err(too_many_rows(self.max_rows));
        }
        self.row = self.row.saturating_add(1);
        self.shelf.library.rows += 1;
        Ok(())
    }

    /// Rejects the rest as one row, since its rows cannot be told apart.
    fn reject_rest(&mut self, rest: &str) -> Result<(), CsvError> {
        if !rest.trim().is_empty() {
            self.next_row()?;
            let error = "too many quoted fields that are never closed";
            self.shelf.reject(self.row, error);
        }
        Ok(())
    }
}

/// A cell without the quotes around it, or the one that has no partner.
fn without_stray_quote(cell: &str) -> &str {
    let inside = cell
        .strip_prefix('"')
        .and_then(|cell| cell.strip_suffix('"'));
    match inside {
        Some(inside) => inside,
        None if cell.matches('"').count().is_multiple_of(2) => cell,
        None => (cell.strip_prefix('"').or_else(|| cell.strip_suffix('"'))).unwrap_or(cell),
    }
}

/// The cells of a line whose quotes mean nothing.
fn torn_cells(line: &str, table: &Table<'_>) -> Vec<String> {
    let format = Format {
        quoting: false,
        ..table.format
    };
    let mut record = Record::default();
    Records::new(line, format).read(&mut record);
    record.cells()
}

/// The text after the first line of the record at `start`, if that record has a quote that is never
/// closed and goes over several lines.
fn after_unclosed(body: &str, start: usize) -> Option<&str> {
    let record = body.get(start..)?.trim_start_matches(['\r', '\n']);
    let (_, after) = record.split_once(['\n', '\r'])?;
    let quotes = record.bytes().filter(|byte| *byte == b'"').count();
    (quotes % 2 == 1 && !after.trim().is_empty()).then_some(after)
}

/// The first line of a record whose quote took the rows behind it for a part of its field, and how
/// many bytes follow that line: the next line is a row of its own, as wide as the header, or the
/// first line is.
fn swallowed_rows<'a>(
    raw: &'a str,
    record: &Record,
    table: &Table<'_>,
    columns: &Columns,
) -> Option<(&'a str, usize)> {
    let width = columns.columns.len();
    let lines = raw.trim_start_matches(['\r', '\n']);
    if width < 2 || record.is_as_wide(width) && !opens_again(lines, table.format) {
        return None;
    }
    let (first, after) = lines.split_once(['\n', '\r'])?;
    let after = after.trim_start_matches(['\r', '\n']);
    let next = after.split(['\n', '\r']).next()?;
    // Most records are of one line, and a reader of records is expensive to make.
    if next.trim().is_empty() {
        return None;
    }
    let mut row = Record::default();
    let is_row = Records::new(next, table.format).read(&mut row) && row.is_as_wide(width);
    // A row by itself, whose last cell is no text of several lines.
    let mut is_whole = || {
        let ends_in_prose = (columns.columns.last())
            .and_then(|column| column.field)
            .is_none_or(|field| field.is_prose());
        let is_read = Records::new(first, table.format).read(&mut row);
        !ends_in_prose && is_read && row.is_as_wide(width) && columns.is_believable(&row.cells())
    };
    (is_row || is_whole()).then_some((first, after.len()))
}

/// Whether the quote that seems to close a field of several lines is one that opens a field: it
/// stands behind a separator and before a text.
fn opens_again(record: &str, format: Format) -> bool {
    if !format.quoting || !record.bytes().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return false;
    }
    let delimiter = char::from(format.delimiter);
    let (mut is_quoted, mut before, mut has_lines) = (false, delimiter, false);
    let mut chars = record.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
            }
            '"' if is_quoted => {
                let is_text = |next: &char| *next != delimiter && !matches!(next, '\n' | '\r');
                if has_lines && before == delimiter && chars.peek().is_some_and(is_text) {
                    return true;
                }
                is_quoted = false;
            }
            '"' if before == delimiter || matches!(before, '\n' | '\r') => {
                (is_quoted, has_lines) = (true, false);
            }
            '\n' | '\r' => has_lines = true,
            _ => {}
        }
        before = c;
    }
    false
}

fn finish(mut library: Library, reading: Reading) -> Result<Library, CsvError> {
    library.reading = reading;
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
