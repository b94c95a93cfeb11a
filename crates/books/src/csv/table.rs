//! Division of a text into its header and its body.

mod delimiter;
mod description;
mod format;
mod header;

use super::decode::{empty, parse_failed};
use super::records::{Format, MAX_FIELDS, Record, Records};
use super::{CsvError, Mapping, content};
use crate::text::joined;
use delimiter::declared_delimiter;
pub(super) use delimiter::with_commas;
use format::{format, record_end};
use header::{Header, names};

/// Longest line, in bytes, that can be a header.
pub(super) const MAX_HEADER: usize = 64 * 1024;
/// Number of lines that may stand above the header: a title, a date, a note.
const MAX_LINES_ABOVE: usize = 20;
/// Number of records from which the format of a file is told.
const SAMPLE: usize = 200;

/// Signs between fields.
pub(super) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The header of a text, and the records below it.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// Names of the columns as they stand in the file; `None` when it begins with its first book.
    pub header: Option<Vec<String>>,
    /// Number of the record that is the header; 0 without one.
    pub header_row: u32,
    /// Lines above the header.
    pub lines_above: Vec<String>,
    /// The rows above the header, each with its number: a sheet may have been sorted with it.
    pub rows_above: Vec<(u32, Record)>,
    /// Whether the text was made from the cells of a sheet.
    pub is_sheet: bool,
    /// The record below the header that says what the columns hold.
    pub description: Option<Record>,
    /// The records after the header.
    pub body: &'a str,
    pub format: Format,
}

/// What is known of a text's columns before it is read.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Whether the text was written of the cells of a workbook, so that nothing of its separators
    /// is guessed.
    pub is_sheet: bool,
    /// Whether the first record is known to name the columns.
    pub has_header: bool,
    /// Headers that the reader's mapping names, in the form for comparison.
    pub headers: Vec<String>,
    /// The highest number of a column that the mapping names.
    pub columns: usize,
}

impl Hints {
    pub(super) fn new(mapping: &Mapping, is_sheet: bool) -> Self {
        let number = |name: &String| name.trim_start_matches('#').parse::<usize>().ok();
        Self {
            is_sheet,
            has_header: false,
            headers: (mapping.keys())
                .filter(|name| number(name).is_none())
                .map(|name| joined(name))
                .filter(|key| !key.is_empty())
                .collect(),
            columns: mapping.keys().filter_map(number).max().unwrap_or(0),
        }
    }

    fn names(&self, header: &str) -> bool {
        !self.headers.is_empty() && self.headers.contains(&joined(header))
    }

    /// Whether a record has all headers that the mapping names.
    fn are_all_among(&self, names: &[String]) -> bool {
        let has = |header: &String| names.iter().any(|name| joined(name) == *header);
        !self.headers.is_empty() && self.headers.iter().all(has)
    }
}

impl<'a> Table<'a> {
    pub(super) fn new(text: &'a str, hints: &Hints) -> Result<Self, CsvError> {
        let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ']);
        let (declared, text) = match declared_delimiter(text) {
            _ if hints.is_sheet => (Some(b','), text),
            // Excel's own note on the delimiter.
            Some((delimiter, rest)) => (Some(delimiter), rest),
            None => (None, text),
        };
        let delimiters = || {
            DELIMITERS
                .into_iter()
                .filter(move |delimiter| declared.is_none_or(|declared| declared == *delimiter))
        };
        let is_absent = |delimiter: &u8| !head(text).as_bytes().contains(delimiter);
        // With any that is absent, each line is one field.
        let absent = delimiters().find(is_absent);
        if hints.has_header {
            let header = Header::first(text, b',').ok_or_else(empty)?;
            let mut table = header.table(text)?;
            table.is_sheet = true;
            return Ok(table);
        }
        let headers = delimiters()
            .filter(|delimiter| absent == Some(*delimiter) || !is_absent(delimiter))
            .filter_map(|delimiter| Header::find(text, delimiter, hints));
        // The first of equals.
        let best = headers.reduce(|best, next| {
            if next.rank() > best.rank() {
                next
            } else {
                best
            }
        });
        let mut table = match best {
            Some(header) => header.table(text)?,
            None => {
                let end = record_end(text);
                if end > MAX_HEADER {
                    return Err(parse_failed(
                        Some(1),
                        format!(
                            "row 1: the header is {end} bytes long, at most {MAX_HEADER} are expected"
                        ),
                        "This file does not look like a list of books: its first line is far too long.",
                    ));
                }
                let first = &text[..end];
                if first.matches(DELIMITERS.map(char::from)).count() >= MAX_FIELDS {
                    let fields = first.split(DELIMITERS.map(char::from)).count();
                    return Err(too_many_columns(1, fields));
                }
                let formats = delimiters().map(|delimiter| format(text, delimiter, 0));
                let format = content::format_of_list(text, formats, hints);
                let sorted = format.and_then(|format| Header::far_below(text, format.delimiter));
                match (sorted, format) {
                    (Some(table), _) => table,
                    (None, Some(format)) if content::has_unknown_header(&sample(text, format)) => {
                        let mut first = Record::default();
                        let mut records = Records::new(text, format);
                        records.read(&mut first);
                        Self {
                            header: Some(names(&first)),
                            header_row: 1,
                            lines_above: Vec::new(),
                            rows_above: Vec::new(),
                            is_sheet: false,
                            description: None,
                            body: &text[records.position()..],
                            format,
                        }
                    }
                    (None, Some(format)) => Self {
                        header: None,
                        header_row: 0,
                        lines_above: Vec::new(),
                        rows_above: Vec::new(),
                        is_sheet: false,
                        description: None,
                        body: text,
                        format,
                    },
                    (None, None) => return Err(no_list(first)),
                }
            }
        };
        table.is_sheet = hints.is_sheet;
        if text.trim().is_empty() {
            return Err(empty());
        }
        Ok(table)
    }

    /// Reads the rows: those above the header, then those of the body.
    pub(super) fn rows(&self) -> Rows<'_, 'a> {
        Rows {
            above: self.rows_above.iter(),
            body: Records::new(self.body, self.format),
        }
    }

    /// The first rows, from which the contents of columns are told.
    pub(super) fn sample(&self) -> Vec<Record> {
        let mut rows: Vec<Record> = (self.rows_above.iter().take(SAMPLE))
            .map(|(_, record)| record.clone())
            .collect();
        rows.extend(sample(self.body, self.format));
        rows
    }
}

/// Reads the rows of a table.
pub(super) struct Rows<'t, 'a> {
    above: std::slice::Iter<'t, (u32, Record)>,
    body: Records<'a>,
}

impl Rows<'_, '_> {
    /// Reads the next row; false at the end.
    pub(super) fn read(&mut self, record: &mut Record) -> bool {
        match self.above.next() {
            Some((_, row)) => {
                record.clone_from(row);
                true
            }
            None => self.body.read(record),
        }
    }
}

/// The error for a file that is no list of books.
pub(super) fn no_list(first_line: &str) -> CsvError {
    let found = crate::text::clean(first_line, 300);
    parse_failed(
        Some(1),
        format!("row 1: no column named like a title; found: {found}"),
        "This file does not look like a list of books: it has no title column.",
    )
}

fn too_many_columns(row: u32, columns: usize) -> CsvError {
    let most = MAX_FIELDS - 1;
    parse_failed(
        Some(row),
        format!("row {row}: {columns} columns, at most {most} are expected"),
        "This file does not look like a list of books: it has far too many columns.",
    )
}

/// The part of a text that is searched for a header.
fn head(text: &str) -> &str {
    let end = text.floor_char_boundary((MAX_LINES_ABOVE + 1) * (MAX_HEADER + 2));
    &text[..end]
}

pub(super) fn sample(text: &str, format: Format) -> Vec<Record> {
    let mut records = Records::new(text, format);
    let mut sample = Vec::new();
    let mut record = Record::default();
    while sample.len() < SAMPLE && records.position() < MAX_HEADER * 4 && records.read(&mut record)
    {
        sample.push(std::mem::take(&mut record));
    }
    sample
}

/// The record that a whole line in quotes holds, as Excel saves a file whose separator it did not
/// know: `"Title,""Author"",Year"`.
pub(super) fn unwrapped(record: &Record, format: Format) -> Option<Record> {
    let line = record.get(0);
    if record.count() != 1 || !line.contains(char::from(format.delimiter)) {
        return None;
    }
    let mut inner = Record::default();
    (Records::new(line, format).read(&mut inner) && inner.count() > 1).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::CsvErrorKind;

    #[test]
    fn the_delimiter_is_the_one_that_makes_known_columns() {
        for (line, delimiter, columns) in [
            ("Title,Author,ISBN", b',', 3),
            ("Title;Author, last first;ISBN", b';', 3),
            ("Title\tPrimary Author\tISBN", b'\t', 3),
            ("Title|Author|ISBN", b'|', 3),
            ("sep=;\nTitle;Author", b';', 2),
            ("\"Title\";\"Author;s\"", b';', 2),
            ("Title", b',', 1),
            ("Title,Author,,", b',', 2),
        ] {
            let table = Table::new(line, &Hints::default()).unwrap();
            assert_eq!(table.format.delimiter, delimiter, "{line}");
            assert_eq!(table.header.unwrap().len(), columns, "{line}");
        }
    }

    #[test]
    fn a_header_has_bounds() {
        let long = "x".repeat(100 * 1024);
        let error = Table::new(&long, &Hints::default()).err().unwrap();
        assert_eq!(
            (error.kind, error.row),
            (CsvErrorKind::ParseFailed, Some(1))
        );
        assert!(error.message.contains("102400 bytes"), "{}", error.message);
        let wide = "a,".repeat(1_000).replace("a,", "a,b,");
        let error = Table::new(&wide, &Hints::default()).err().unwrap();
        assert!(error.message.contains("columns"), "{}", error.message);
        // A header with an unpaired quote ends with its line.
        let table = Table::new("Title,\"Author\nDune,Frank Herbert\n", &Hints::default()).unwrap();
        assert!(table.body.contains("Dune"));
    }
}
