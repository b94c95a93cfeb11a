//! Division of a text into its header and its body.

use super::decode::{empty, parse_failed};
use super::field::Field;
use super::records::{Format, MAX_FIELDS, Record, Records};
use super::{CsvError, Mapping, content, headers};
use crate::text::words;

/// Longest line, in bytes, that can be a header.
const MAX_HEADER: usize = 64 * 1024;
/// Number of lines that may stand above the header: a title, a date, a note.
const MAX_LINES_ABOVE: usize = 20;
/// Number of records from which the format of a file is told.
const SAMPLE: usize = 200;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

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
    /// Whether the text was written of the cells of a workbook.
    pub is_sheet: bool,
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
    /// Headers that the reader's mapping names, comparable.
    pub headers: Vec<String>,
    /// The highest number of a column that the mapping names.
    pub columns: usize,
}

impl Hints {
    pub(super) fn new(mapping: &Mapping, is_sheet: bool) -> Self {
        let number = |name: &String| name.trim_start_matches('#').parse::<usize>().ok();
        Self {
            is_sheet,
            headers: (mapping.keys())
                .filter(|name| number(name).is_none())
                .map(|name| words(name).concat())
                .filter(|key| !key.is_empty())
                .collect(),
            columns: mapping.keys().filter_map(number).max().unwrap_or(0),
        }
    }

    fn names(&self, header: &str) -> bool {
        !self.headers.is_empty() && self.headers.contains(&words(header).concat())
    }

    /// Whether a record has all headers that the mapping names.
    fn are_all_among(&self, names: &[String]) -> bool {
        let has = |header: &String| names.iter().any(|name| words(name).concat() == *header);
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

fn declared_delimiter(text: &str) -> Option<(u8, &str)> {
    let (first, rest) = text.split_once('\n')?;
    match first
        .trim_matches(['\r', '"'])
        .strip_prefix("sep=")?
        .as_bytes()
    {
        [delimiter] => Some((*delimiter, rest)),
        _ => None,
    }
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

/// A record that names columns.
struct Header {
    delimiter: u8,
    /// Number of the record, from 1.
    row: u32,
    names: Vec<String>,
    /// Position at which the header begins, in bytes.
    start: usize,
    /// Number of columns without a name behind the last that has one.
    unnamed: usize,
    /// Number of columns whose meaning is known for certain.
    known: usize,
    /// Position at which the header ends and the body begins, in bytes.
    end: usize,
}

impl Header {
    /// Finds the record among the first of a text that names the most columns.
    fn find(text: &str, delimiter: u8, hints: &Hints) -> Option<Self> {
        let format = Format {
            delimiter,
            quoting: true,
            escaping: false,
        };
        let mut records = Records::new("", format);
        let mut best: Option<Self> = None;
        let mut at = 0;
        for row in 1..=MAX_LINES_ABOVE as u32 + 1 {
            let rest = &text[at..];
            // An unpaired quote in a header would swallow the file: it ends with its line.
            let skipped = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
            let line_end = record_end(&rest[skipped..]);
            if line_end > MAX_HEADER || line_end == 0 {
                break;
            }
            let line = &rest[skipped..skipped + line_end];
            let mut record = Record::default();
            records.restart(line);
            records.read(&mut record);
            if let Some(unwrapped) = unwrapped(&record, format) {
                record = unwrapped;
            }
            let start = at + skipped;
            at = start + line_end;
            let names = names(&record);
            let is_known =
                |name: &&String| headers::known_meaning(name).is_some() || hints.names(name);
            let known = names.iter().filter(is_known).count();
            let is_best = best.as_ref().is_none_or(|best| known > best.known);
            let names_columns =
                || content::names_columns(&names, row) || hints.are_all_among(&names);
            if known > 0 && is_best && names_columns() {
                best = Some(Self {
                    delimiter,
                    row,
                    unnamed: record.count() - names.len(),
                    names,
                    start,
                    known,
                    end: at,
                });
            }
        }
        best
    }

    /// The table of a list whose header was sorted into its rows: a record of nothing but names of
    /// columns.
    fn far_below(text: &str, delimiter: u8) -> Option<Table<'_>> {
        let format = format(text, delimiter, 0);
        let mut records = Records::new(text, format);
        let mut record = Record::default();
        let mut row = 0;
        while records.read(&mut record) {
            row += 1;
            let names = names(&record);
            let is_known = |name: &String| {
                name.is_empty() || name.len() < 60 && headers::known_meaning(name).is_some()
            };
            let known = names.iter().filter(|name| !name.is_empty()).count();
            if known < 2 || !names.iter().all(is_known) || !content::names_columns(&names, row) {
                continue;
            }
            let end = records.position();
            let line = text[record.start..end].trim_start_matches(['\r', '\n']);
            let header = Self {
                delimiter,
                row,
                unnamed: record.count() - names.len(),
                names,
                start: end - line.len(),
                known,
                end,
            };
            return (header.table(text).ok()).filter(|table| !table.rows_above.is_empty());
        }
        None
    }

    /// The rows of the list among the records above the header, each with its number, and the other
    /// lines there: most lines of several cells are rows, from the first on, or none is.
    fn above(&self, text: &str, body: &str, format: Format) -> (Vec<String>, Vec<(u32, Record)>) {
        let filled = |record: &Record| {
            let cells = record.fields().filter(|cell| !cell.trim().is_empty());
            cells.count()
        };
        let below = sample(body, format).iter().map(filled).min();
        let named = self.names.iter().filter(|name| !name.is_empty()).count();
        let needed = below.unwrap_or(named).clamp(2.min(named), named);
        let fields: Vec<Option<Field>> = (self.names.iter())
            .map(|name| headers::known_meaning(name).map(|meaning| meaning.field))
            .collect();
        let is_row = |record: &Record| {
            filled(record) >= needed
                && record.count() <= self.names.len() + self.unnamed
                && content::fit(&fields, record)
        };
        let mut above = Vec::new();
        let mut records = Records::new(&text[..self.start], format);
        let mut record = Record::default();
        while records.read(&mut record) {
            let row = u32::try_from(above.len() + 1).unwrap_or(u32::MAX);
            above.push((row, std::mem::take(&mut record)));
        }
        let wide = above
            .iter()
            .filter(|(_, record)| filled(record) > 1)
            .count();
        let fitting = above.iter().filter(|(_, record)| is_row(record)).count();
        let are_rows = match named {
            0 | 1 => false,
            // "Owner,Nan Ott": two cells are like those of a book by chance.
            2 => fitting > 0 && fitting == wide,
            _ => fitting * 2 > wide,
        };
        let first = match are_rows {
            true => above.iter().position(|(_, record)| is_row(record)),
            false => None,
        };
        let rows = above.split_off(first.unwrap_or(above.len()));
        let said = |(_, record): &(u32, Record)| {
            let cells: Vec<&str> = (record.fields().map(str::trim))
                .filter(|cell| !cell.is_empty())
                .collect();
            crate::text::clean(&cells.join(", "), 300)
        };
        (above.iter().take(MAX_LINES_ABOVE).map(said).collect(), rows)
    }

    /// Names the column of the rows' numbers, which some programs leave out of the header.
    fn name_the_first(&mut self, body: &str) {
        let width = self.names.len() + 1;
        let sample = sample(body, format(body, self.delimiter, 0));
        let is_numbered = |row: &Record| {
            row.count() == width
                && !row.get(0).is_empty()
                && row.get(0).trim().bytes().all(|byte| byte.is_ascii_digit())
        };
        let ends = sample
            .iter()
            .filter(|row| !row.get(width - 1).trim().is_empty());
        if sample.len() > 1
            && self.unnamed == 0
            && ends.count() * 2 > sample.len()
            && sample.iter().all(is_numbered)
            && sample[0].get(0) != sample[1].get(0)
        {
            self.names.insert(0, String::new());
        }
    }

    /// Keeps columns without a name at the end that have cells in every other row: most have none.
    fn keep_filled(&mut self, body: &str) {
        if self.unnamed == 0 || self.names.len() + self.unnamed >= MAX_FIELDS {
            return;
        }
        let sample = sample(body, format(body, self.delimiter, 0));
        let is_filled = |at: &usize| {
            let filled = sample.iter().filter(|row| !row.get(*at).trim().is_empty());
            filled.count() * 2 >= sample.len().max(1)
        };
        let named = self.names.len();
        let last = (named..named + self.unnamed).rev().find(is_filled);
        if let Some(last) = last {
            self.names.resize(last + 1, String::new());
        }
    }

    fn rank(&self) -> (usize, usize) {
        (self.known, self.names.len())
    }

    fn table<'a>(mut self, text: &'a str) -> Result<Table<'a>, CsvError> {
        self.keep_filled(&text[self.end..]);
        self.name_the_first(&text[self.end..]);
        if self.names.len() > MAX_FIELDS - 1 {
            return Err(too_many_columns(self.row, self.names.len()));
        }
        let body = &text[self.end..];
        let format = format(body, self.delimiter, self.names.len());
        let (lines_above, rows_above) = self.above(text, body, format);
        Ok(Table {
            format,
            header: Some(self.names),
            header_row: self.row,
            lines_above,
            rows_above,
            is_sheet: false,
            body,
        })
    }
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

/// Signs that separate fields where a comma is written otherwise, or in old programs.
const UNUSUAL_DELIMITERS: [char; 6] = ['，', '；', '｜', '¦', '^', '~'];

/// The text with commas for an unusual sign between its fields, and that sign; `None` when it has
/// none.
pub(super) fn with_commas(text: &str) -> Option<(String, char)> {
    let header = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?
        .trim_start_matches('\u{feff}');
    if header.len() > MAX_HEADER || header.contains(DELIMITERS.map(char::from)) {
        return None;
    }
    let bare = |field: &str| field.trim().trim_matches('"').to_owned();
    let is_known = |field: &str| headers::known_meaning(&bare(field)).is_some();
    let delimiter = UNUSUAL_DELIMITERS
        .into_iter()
        .find(|sign| header.split(*sign).filter(|field| is_known(field)).count() > 1)?;
    let mut commas = String::with_capacity(text.len() + text.len() / 4);
    for line in text.trim_start_matches('\u{feff}').lines() {
        for (at, field) in line.split(delimiter).enumerate() {
            if at > 0 {
                commas.push(',');
            }
            commas.push('"');
            commas.push_str(&bare(field).replace('"', "\"\""));
            commas.push('"');
        }
        commas.push('\n');
    }
    Some((commas, delimiter))
}

/// The names of columns in a record. Columns without a name at the end are an exporter's slip.
fn names(record: &Record) -> Vec<String> {
    let mut names: Vec<String> = record.fields().map(|name| name.trim().to_owned()).collect();
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

/// The quoting of a text with this delimiter; `width` is that of its header, 0 when it has none.
fn format(body: &str, delimiter: u8, width: usize) -> Format {
    let plain = Format {
        delimiter,
        // LibraryThing writes tabs without quoting, and quotes that mean nothing; programs that
        // do quote tab-separated fields double the quotes inside.
        quoting: delimiter != b'\t' || quotes_are_paired(body),
        escaping: false,
    };
    if !plain.quoting || width == 0 || !body.contains("\\\"") {
        return plain;
    }
    // Programs that write as MySQL does escape quotes instead of doubling them.
    let escaping = Format {
        escaping: true,
        ..plain
    };
    let torn = |format| {
        let sample = sample(body, format);
        sample
            .iter()
            .filter(|record| record.count() != width)
            .count()
    };
    if torn(escaping) < torn(plain) {
        escaping
    } else {
        plain
    }
}

/// Position at which the first record ends: at a line end outside quotes.
fn record_end(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => return at,
            // An unpaired quote in the header would swallow the file.
            _ if at > MAX_HEADER => break,
            _ => {}
        }
    }
    text.find(['\n', '\r']).unwrap_or(text.len())
}

/// Whether each field that begins with a quote also ends with one, before a tab or line end.
fn quotes_are_paired(body: &str) -> bool {
    let mut fields = body
        .split(['\t', '\n'])
        .map(|field| field.trim_end_matches('\r'));
    fields.all(|field| {
        let opens = field.starts_with('"');
        let closes = field.len() > 1 && field.ends_with('"');
        opens == closes && field.bytes().filter(|byte| *byte == b'"').count() % 2 == 0
    })
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
