//! Workbooks (`.xlsx`, `.ods`): a sheet as the text of a table.
//!
//! A workbook is a ZIP archive, and a small one may hold gigabytes: everything is unpacked once
//! into nothing and counted before anything is kept.

use std::io::{Cursor, Read};

use calamine::{Data, DataRef, Ods, Reader, SheetVisible, Sheets, Xlsx};

use super::decode::parse_failed;
use super::{CsvError, headers};

/// Largest number of bytes that all parts of a workbook may unpack to.
const MAX_UNPACKED: u64 = 64 << 20;
/// Longest text of a sheet, in bytes.
const MAX_TEXT: usize = 24 << 20;
/// Largest number of cells of an OpenDocument sheet, whose format repeats cells by a number.
const MAX_CELLS: u64 = 2_000_000;
const MAX_PARTS: usize = 2_000;
const MAX_SHEETS: usize = 64;

/// A sheet of a workbook as comma-separated text.
pub(super) struct Sheet {
    pub text: String,
    pub name: String,
    /// The sheets that were not read.
    pub others: Vec<String>,
    /// The kind of workbook.
    pub kind: &'static str,
}

/// Whether a file is a ZIP archive, as workbooks are.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The first sheet of a workbook that has books, else the first that is not empty.
///
/// # Errors
/// When the archive is no workbook, is damaged, or would be too large.
pub(super) fn sheet(bytes: &[u8]) -> Result<Sheet, CsvError> {
    let kind = measure(bytes)?;
    let mut workbook = match kind {
        Kind::Excel => Sheets::Xlsx(Xlsx::new(Cursor::new(bytes)).map_err(damaged)?),
        Kind::OpenDocument => Sheets::Ods(Ods::new(Cursor::new(bytes)).map_err(damaged)?),
    };
    let names: Vec<String> = (workbook.sheets_metadata().iter())
        .filter(|sheet| sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .take(MAX_SHEETS)
        .collect();
    let mut first = None;
    let mut best = None;
    for name in &names {
        let text = text_of(&mut workbook, name)?;
        if names_books(&text) {
            best = Some((name.clone(), text));
            break;
        }
        if first.is_none() && !text.trim().is_empty() {
            first = Some((name.clone(), text));
        }
    }
    let (name, text) = best.or(first).ok_or_else(super::decode::empty)?;
    Ok(Sheet {
        others: names.into_iter().filter(|other| *other != name).collect(),
        text,
        name,
        kind: match kind {
            Kind::Excel => "Excel workbook",
            Kind::OpenDocument => "OpenDocument spreadsheet",
        },
    })
}

/// Whether one of a sheet's first lines names columns.
fn names_books(text: &str) -> bool {
    text.lines().take(20).any(|line| {
        let known = |cell: &&str| headers::known_meaning(cell.trim_matches('"')).is_some();
        line.split(',').filter(known).count() > 1
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Excel,
    OpenDocument,
}

/// The kind of a workbook whose parts, unpacked, are within bounds.
fn measure(bytes: &[u8]) -> Result<Kind, CsvError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > MAX_PARTS {
        return Err(too_large());
    }
    let mut kind = None;
    let mut unpacked = 0;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(damaged)?;
        let name = part.name().map_err(damaged)?.into_owned();
        match name.as_str() {
            "xl/workbook.xml" => kind = Some(Kind::Excel),
            "content.xml" => kind = kind.or(Some(Kind::OpenDocument)),
            _ => {}
        }
        let is_content = name == "content.xml";
        // What a part says of its size may be a lie.
        let mut part = part.take(MAX_UNPACKED - unpacked + 1);
        if is_content {
            let mut content = Vec::new();
            part.read_to_end(&mut content).map_err(damaged)?;
            unpacked += content.len() as u64;
            if cells_of(&content) > MAX_CELLS {
                return Err(too_large());
            }
            if !is_balanced(&content) {
                return Err(damaged("an element of its content is not closed"));
            }
        } else {
            let mut places = Places::default();
            unpacked += std::io::copy(&mut part, &mut places).map_err(damaged)?;
            if places.is_beyond && name.starts_with("xl/worksheets/") {
                return Err(damaged("a cell is said to be where no sheet has one"));
            }
        }
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

/// The places of cells in a part of a workbook (`r="B2"`, `ref="A1:B2"`), read as it is unpacked.
///
/// The reader of workbooks multiplies them without a check.
#[derive(Default)]
struct Places {
    /// The last three bytes.
    before: [u8; 3],
    is_inside: bool,
    letters: u8,
    digits: u8,
    /// Whether one has more letters or digits than the last cell of any sheet, `XFD1048576`.
    is_beyond: bool,
}

impl std::io::Write for Places {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            let is_start = matches!(self.before, [b'r' | b'f', b'=', b'"']);
            if is_start {
                (self.is_inside, self.letters, self.digits) = (true, 0, 0);
            }
            match byte {
                b'"' => self.is_inside = false,
                b'A'..=b'Z' | b'a'..=b'z' => self.letters = self.letters.saturating_add(1),
                b'0'..=b'9' => self.digits = self.digits.saturating_add(1),
                _ => (self.letters, self.digits) = (0, 0),
            }
            self.is_beyond |= self.is_inside && (self.letters > 3 || self.digits > 7);
            self.before = [self.before[1], self.before[2], *byte];
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether each element of an XML text is closed. The reader of OpenDocument waits for the end of a
/// table for ever when there is none.
fn is_balanced(xml: &[u8]) -> bool {
    let find = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|at| at == what);
    let mut open: Vec<&[u8]> = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        rest = &rest[at + 1..];
        let end: &[u8] = match rest {
            [b'!', b'-', b'-', ..] => b"-->",
            [b'!', b'[', ..] => b"]]>",
            [b'?', ..] => b"?>",
            [b'!', ..] => b">",
            _ => b"",
        };
        if !end.is_empty() {
            match find(rest, end) {
                Some(at) => rest = &rest[at + end.len()..],
                None => return false,
            }
            continue;
        }
        // A ">" in the value of an attribute ends nothing.
        let mut quote = None;
        let end = rest.iter().position(|byte| match (quote, *byte) {
            (None, b'>') => true,
            (None, b'"' | b'\'') => {
                quote = Some(*byte);
                false
            }
            (Some(open), byte) if open == byte => {
                quote = None;
                false
            }
            _ => false,
        });
        let Some(end) = end else {
            return false;
        };
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix(b"/") {
            if open.pop() != Some(name.trim_ascii_end()) {
                return false;
            }
        } else if !tag.ends_with(b"/") {
            let is_end = |byte: &u8| byte.is_ascii_whitespace();
            open.push(&tag[..tag.iter().position(is_end).unwrap_or(tag.len())]);
        }
    }
    open.is_empty()
}

/// The largest number of cells that a sheet of OpenDocument unpacks to when repeated cells are
/// written out.
fn cells_of(content: &[u8]) -> u64 {
    let repeats = |tag: &[u8], attribute: &[u8]| -> u64 {
        let found = tag
            .windows(attribute.len())
            .position(|window| window == attribute);
        let digits = found.map_or(&b""[..], |at| &tag[at + attribute.len()..]);
        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
        let number = digits.fold(0u64, |number, digit| {
            number
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        });
        number.max(1)
    };
    let mut cells = 0u64;
    let mut rows = 1;
    let mut widest = 0u64;
    let mut width = 0u64;
    // Empty rows are written out as well, if there is another below them.
    let mut gap = 0u64;
    for tag in content.split(|byte| *byte == b'<') {
        let end = tag
            .iter()
            .position(|byte| *byte == b'>')
            .unwrap_or(tag.len());
        let tag = &tag[..end];
        if tag.starts_with(b"table:table-row") {
            rows = repeats(tag, b"number-rows-repeated=\"");
            width = 0;
            if tag.ends_with(b"/") {
                gap = gap.saturating_add(rows);
            }
        } else if tag.starts_with(b"table:table-cell")
            || tag.starts_with(b"table:covered-table-cell")
        {
            let is_empty = tag.ends_with(b"/") && !tag.windows(6).any(|window| window == b"value=");
            if !is_empty {
                width = width.saturating_add(repeats(tag, b"number-columns-repeated=\""));
            }
        } else if tag.starts_with(b"/table:table-row") && width > 0 {
            // Rows are as wide as the widest.
            widest = widest.max(width);
            let rows = rows.saturating_add(gap);
            cells = cells.saturating_add(rows.saturating_mul(widest));
            gap = 0;
        } else if tag.starts_with(b"/table:table-row") {
            gap = gap.saturating_add(rows);
        } else if tag.trim_ascii_end() == b"/table:table" {
            (gap, widest) = (0, 0);
        }
    }
    cells
}

/// A sheet's cells as comma-separated text.
fn text_of(workbook: &mut Sheets<Cursor<&[u8]>>, name: &str) -> Result<String, CsvError> {
    let mut writer = Writer::default();
    match workbook {
        Sheets::Xlsx(workbook) => {
            // Cell by cell: a sheet's range would be a rectangle as large as its last cell says.
            let mut cells = workbook.worksheet_cells_reader(name).map_err(damaged)?;
            while let Some(cell) = cells.next_cell().map_err(damaged)? {
                let (row, column) = cell.get_position();
                let value = match cell.get_value() {
                    DataRef::SharedString(text) => (*text).to_owned(),
                    value => text_of_cell(&Data::from(value.clone())),
                };
                writer.cell(row, column, &value)?;
            }
        }
        workbook => {
            let range = workbook.worksheet_range(name).map_err(damaged)?;
            let (top, left) = range.start().unwrap_or_default();
            for (row, column, value) in range.used_cells() {
                writer.cell(
                    top + u32::try_from(row).unwrap_or(u32::MAX),
                    left + u32::try_from(column).unwrap_or(u32::MAX),
                    &text_of_cell(value),
                )?;
            }
        }
    }
    Ok(writer.text)
}

fn text_of_cell(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
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
    column: u32,
}

impl Writer {
    fn cell(&mut self, row: u32, column: u32, value: &str) -> Result<(), CsvError> {
        if value.is_empty() {
            return Ok(());
        }
        while self.row < row {
            // An empty row counts, so that a row's number is the spreadsheet's.
            if self.text.is_empty() || self.text.ends_with('\n') {
                self.text.push_str("\"\"");
            }
            self.text.push('\n');
            self.row += 1;
            self.column = 0;
            self.check()?;
        }
        while self.column < column {
            self.text.push(',');
            self.column += 1;
        }
        self.text.push('"');
        self.text.push_str(&value.replace('"', "\"\""));
        self.text.push('"');
        self.check()
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
