//! Workbooks (`.xlsx`, `.ods`): a sheet as the text of a table.
//!
//! A workbook is a ZIP archive, and a small one may hold gigabytes: everything is unpacked once
//! and counted before anything is kept. What was counted is then read once: no sheet is another
//! one's part.

mod cost;
mod joined;

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{Cursor, Read, Seek, SeekFrom};

use calamine::{Data, DataRef, Ods, Reader, SheetVisible, Xlsx};

use self::cost::Cost;
use super::decode::parse_failed;
use super::field::{Field, IDENTITIES};
use super::records::{COMMAS, MAX_FIELDS, push_field};
use super::table::{Hints, Table};
use super::{CsvError, headers};

/// Largest number of bytes that all parts of a workbook may unpack to.
const MAX_UNPACKED: u64 = 64 << 20;
/// Longest text of a sheet, in bytes; after so many bytes of all sheets no further one is read.
const MAX_TEXT: usize = 24 << 20;
const MAX_PARTS: usize = 2_000;
const MAX_SHEETS: usize = 64;
/// Numbers of rows and columns of the largest sheet.
const ROWS: u32 = 1 << 20;
const COLUMNS: u32 = 1 << 14;
/// Number of empty cells between a cell and the table from which on it is no part of it: somebody
/// once wrote something at the end of the sheet.
const FAR: u32 = 64;
const NO_SUCH_PLACE: &str = "a cell is said to be where no sheet has one";

/// A sheet of a workbook as comma-separated text.
pub(super) struct Sheet {
    pub text: String,
    pub name: String,
    /// Whether the text is that of several sheets.
    pub is_joined: bool,
    /// The sheets that were not read.
    pub others: Vec<String>,
    /// Whether one of them may have books.
    pub others_have_books: bool,
    /// The lines above the headers of the second sheet that was read, and of further ones.
    pub lines_above: Vec<String>,
    /// The kind of workbook.
    pub kind: &'static str,
}

/// Whether a file is a ZIP archive, as workbooks are.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The first sheet of a workbook that is most like a list of books, else the first that is not
/// empty.
///
/// Of a sheet with many more rows than `max_rows` not all are read, but more than `max_rows`.
///
/// # Errors
/// When the archive is no workbook, is damaged, or would be too large.
pub(super) fn sheet(bytes: &[u8], max_rows: usize) -> Result<Sheet, CsvError> {
    let kind = measure(bytes)?;
    let read = RefCell::default();
    let mut workbook = Workbook::open(kind, Parts::new(bytes, &read))?;
    read.replace(Some(Vec::new()));
    let mut known = HashSet::new();
    let names: Vec<String> = (workbook.sheets().iter())
        .filter(|sheet| sheet.visible == SheetVisible::Visible)
        .filter(|sheet| known.insert(sheet.name.clone()))
        .map(|sheet| sheet.name.clone())
        .collect();
    let mut size = 0;
    let mut next = |name: &str| -> Result<Option<String>, CsvError> {
        if size > MAX_TEXT {
            return Ok(None);
        }
        let text = text_of(&mut workbook, name, max_rows)?;
        size += text.len();
        Ok(Some(text))
    };
    let mut best: Option<(Likeness, &String, String)> = None;
    let mut others_have_books = names.len() > MAX_SHEETS;
    for name in names.iter().take(MAX_SHEETS) {
        let Some(text) = next(name)? else {
            others_have_books = true;
            break;
        };
        let likeness = Likeness::of(&text);
        if text.trim().is_empty() || best.as_ref().is_some_and(|(best, ..)| likeness <= *best) {
            continue;
        }
        best = Some((likeness, name, text));
        if likeness == Likeness::Books {
            break;
        }
    }
    let (likeness, name, text) = best.ok_or_else(super::decode::empty)?;
    let after = names.iter().position(|other| other == name).unwrap_or(0) + 1;
    let mut list = match likeness {
        Likeness::Books => joined::List::of(name, &text),
        _ => None,
    };
    let mut others = Vec::new();
    for (at, other) in names.iter().enumerate().filter(|(_, other)| *other != name) {
        let is_read = match &mut list {
            Some(list) if (after..MAX_SHEETS).contains(&at) => match next(other)? {
                Some(rows) => Likeness::of(&rows) == Likeness::Books && list.add(other, &rows)?,
                None => {
                    others_have_books = true;
                    false
                }
            },
            _ => false,
        };
        if !is_read {
            others.push(other.clone());
        }
    }
    let joined = list.filter(|list| list.sheets.len() > 1);
    let is_joined = joined.is_some();
    let (text, read, lines_above) = match joined {
        Some(list) => (list.text()?, list.sheets.join(", "), list.lines_above),
        None => (text, name.clone(), Vec::new()),
    };
    Ok(Sheet {
        others,
        others_have_books,
        lines_above,
        text,
        name: read,
        is_joined,
        kind: match kind {
            Kind::Excel => "Excel workbook",
            Kind::OpenDocument => "OpenDocument spreadsheet",
        },
    })
}

/// Hints for a text that was made from the cells of a sheet.
fn sheet_hints() -> Hints {
    Hints {
        is_sheet: true,
        ..Hints::default()
    }
}

/// How much a sheet is like a list of books.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// It has no rows, or nothing of a list.
    None,
    /// A list by its content alone.
    List,
    /// It has titles, of books or of something else.
    Titles,
    /// It has titles and authors, or ISBNs.
    Books,
}

impl Likeness {
    fn of(text: &str) -> Self {
        let has_rows = |after: usize| {
            let mut lines = text.lines().skip(after + 1);
            lines.any(|line| line.contains(char::is_alphanumeric))
        };
        let named = text.lines().take(20).enumerate().filter_map(|(at, line)| {
            let field =
                |cell: &str| headers::known_meaning(cell.trim_matches('"')).map(|it| it.field);
            let cells = line.split(',').take(MAX_FIELDS);
            let fields: Vec<Field> = cells.clone().filter_map(field).collect();
            let has = |field| fields.contains(&field);
            let has_author =
                has(Field::Author) || has(Field::AuthorLastFirst) || has(Field::LastName);
            let is_title = |cell: &str| field(cell) == Some(Field::Title);
            if let Some(column) = cells.clone().position(is_title)
                && !has_words(text, at, column)
            {
                return None;
            }
            match fields.len() > 1 && has_rows(at) {
                true if has(Field::Isbn) || has_author && has(Field::Title) => Some(Self::Books),
                true if fields.iter().any(|field| IDENTITIES.contains(field)) => Some(Self::Titles),
                _ => None,
            }
        });
        named
            .max()
            .unwrap_or_else(|| match Table::new(text, &sheet_hints()) {
                Ok(table) if !table.body.trim().is_empty() => Self::List,
                _ => Self::None,
            })
    }
}

/// Whether a column has cells of words below this line: those of a count of books are numbers.
fn has_words(text: &str, line: usize, column: usize) -> bool {
    let mut sample = super::table::sample(text, COMMAS)
        .into_iter()
        .skip(line + 1);
    sample.any(|record| record.get(column).contains(char::is_alphabetic))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Excel,
    OpenDocument,
}

/// A workbook's bytes, in which no part is read again once all that is known of the sheets is read.
struct Parts<'a> {
    bytes: Cursor<&'a [u8]>,
    /// Where the parts begin that were read since.
    read: &'a RefCell<Option<Vec<u64>>>,
}

impl<'a> Parts<'a> {
    fn new(bytes: &'a [u8], read: &'a RefCell<Option<Vec<u64>>>) -> Self {
        Self {
            bytes: Cursor::new(bytes),
            read,
        }
    }
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl Seek for Parts<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        if let (SeekFrom::Start(at), Some(read)) = (to, &mut *self.read.borrow_mut()) {
            if read.contains(&at) {
                return Err(std::io::Error::other("two of its sheets are one part"));
            }
            read.push(at);
        }
        self.bytes.seek(to)
    }
}

/// An opened workbook. (`calamine::Sheets` would link the readers of older kinds as well.)
enum Workbook<'a> {
    Excel(Box<Xlsx<Parts<'a>>>),
    OpenDocument(Ods<Parts<'a>>),
}

impl<'a> Workbook<'a> {
    fn open(kind: Kind, parts: Parts<'a>) -> Result<Self, CsvError> {
        Ok(match kind {
            Kind::Excel => Self::Excel(Box::new(Xlsx::new(parts).map_err(damaged)?)),
            Kind::OpenDocument => Self::OpenDocument(Ods::new(parts).map_err(damaged)?),
        })
    }

    fn sheets(&self) -> &[calamine::Sheet] {
        match self {
            Self::Excel(workbook) => workbook.sheets_metadata(),
            Self::OpenDocument(workbook) => workbook.sheets_metadata(),
        }
    }
}

/// The kind of a workbook whose parts, unpacked, are within bounds.
fn measure(bytes: &[u8]) -> Result<Kind, CsvError> {
    // Parts may be read again here; another type than the workbook's would link the reader twice.
    let read = RefCell::default();
    let mut archive = zip::ZipArchive::new(Parts::new(bytes, &read)).map_err(damaged)?;
    if archive.len() > MAX_PARTS {
        return Err(too_large());
    }
    let mut kind = None;
    let mut cost = Cost::default();
    let mut unpacked = 0;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(damaged)?;
        let name = part.name().map_err(damaged)?.into_owned();
        match name.as_str() {
            "xl/workbook.xml" => kind = Some(Kind::Excel),
            "content.xml" => kind = kind.or(Some(Kind::OpenDocument)),
            _ => {}
        }
        // What a part says of its size may be a lie.
        unpacked += cost.add(&name, &mut part.take(MAX_UNPACKED - unpacked + 1))?;
        if unpacked > MAX_UNPACKED {
            return Err(too_large());
        }
    }
    kind.ok_or_else(|| {
        parse_failed(
            None,
            "the file is a ZIP archive, not CSV".to_owned(),
            "This file is a ZIP archive. Please unpack it and import the CSV file in it.",
        )
    })
}

/// A sheet's cells as comma-separated text.
fn text_of(workbook: &mut Workbook<'_>, name: &str, max_rows: usize) -> Result<String, CsvError> {
    // Lines that are no rows of books are no reason to leave books out.
    let mut writer = Writer {
        rows_left: max_rows.saturating_mul(4).saturating_add(1_000),
        ..Writer::default()
    };
    match workbook {
        Workbook::Excel(workbook) => {
            // Cell by cell: a sheet's range would be a rectangle as large as its last cell says.
            let mut cells = workbook.worksheet_cells_reader(name).map_err(damaged)?;
            while let Some(cell) = cells.next_cell().map_err(damaged)? {
                let (row, column) = cell.get_position();
                let value = match cell.get_value() {
                    DataRef::SharedString(text) => (*text).to_owned(),
                    value => text_of_cell(&Data::from(value.clone())),
                };
                if !writer.cell(row, column, &value)? {
                    break;
                }
            }
        }
        Workbook::OpenDocument(workbook) => {
            let range = workbook.worksheet_range(name).map_err(damaged)?;
            let (top, left) = range.start().unwrap_or_default();
            for (row, column, value) in range.used_cells() {
                let row = top.saturating_add(u32::try_from(row).unwrap_or(u32::MAX));
                let column = left.saturating_add(u32::try_from(column).unwrap_or(u32::MAX));
                if !writer.cell(row, column, &text_of_cell(value))? {
                    break;
                }
            }
        }
    }
    Ok(writer.text)
}

fn text_of_cell(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::Error(error) => error.to_string(),
        Data::DateTime(date) if date.is_datetime() && date.as_f64() >= 1.0 => {
            let (year, month, day, ..) = date.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        // A number column's ISBN.
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number:.0}")
        }
        Data::DateTimeIso(date) => date.clone(),
        other => other.to_string(),
    }
}

/// Writes cells, in order, as lines.
#[derive(Default)]
struct Writer {
    text: String,
    row: u32,
    /// Number of fields of the row.
    fields: u32,
    /// Number of columns of the table.
    columns: u32,
    /// The columns that are far from the table, in order, each with its field.
    far: Vec<(u32, u32)>,
    /// Number of rows that may still be written.
    rows_left: usize,
}

impl Writer {
    /// Writes a cell, unless there are too many rows: then the answer is `false`.
    fn cell(&mut self, row: u32, column: u32, value: &str) -> Result<bool, CsvError> {
        if value.is_empty() {
            return Ok(true);
        }
        if row >= ROWS || column >= COLUMNS {
            return Err(damaged(NO_SUCH_PLACE));
        }
        while self.row < row {
            // An empty row counts, so that a row's number is the spreadsheet's.
            if self.text.is_empty() || self.text.ends_with('\n') {
                self.text.push_str("\"\"");
            }
            self.text.push('\n');
            self.row += 1;
            self.fields = 0;
            self.check()?;
        }
        if self.fields == 0 {
            if self.rows_left == 0 {
                return Ok(false);
            }
            self.rows_left -= 1;
        }
        // The first cells decide where the table is.
        let is_far = self.columns > 0 && column > self.columns.saturating_add(FAR);
        let field = match is_far {
            true => match self.far.binary_search_by_key(&column, |(far, _)| *far) {
                Ok(at) => self.far[at].1,
                Err(at) => {
                    self.far.insert(at, (column, self.columns));
                    self.columns
                }
            },
            false => column,
        };
        let separators = match self.fields {
            0 => field,
            fields => (field + 1).saturating_sub(fields).max(1),
        };
        (self.text).extend(std::iter::repeat_n(',', separators as usize));
        self.fields = self.fields.max(field) + 1;
        self.columns = self.columns.max(self.fields);
        push_field(&mut self.text, value);
        self.check()?;
        Ok(true)
    }

    fn check(&self) -> Result<(), CsvError> {
        if self.text.len() > MAX_TEXT {
            return Err(too_large());
        }
        Ok(())
    }
}

fn damaged(error: impl std::fmt::Display) -> CsvError {
    parse_failed(
        None,
        format!("the workbook cannot be read: {error}"),
        "This workbook cannot be opened. Please save it again, or as a CSV file.",
    )
}

fn too_large() -> CsvError {
    parse_failed(
        None,
        "the workbook is too large when it is unpacked".to_owned(),
        "This workbook is too large. Please save the sheet with your books as a CSV file.",
    )
}
