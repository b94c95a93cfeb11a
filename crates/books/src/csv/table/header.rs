//! The record that names the columns: where it stands, and what stands above it.

use super::delimiter::delimiter_of_rows;
use super::description::is_description;
use super::format::{format, record_end};
use super::{Hints, MAX_HEADER, MAX_LINES_ABOVE, Table, sample, too_many_columns, unwrapped};
use crate::csv::field::Field;
use crate::csv::records::{Format, MAX_FIELDS, Record, Records};
use crate::csv::{CsvError, content, headers};

/// A record that names columns.
pub(super) struct Header {
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
    pub(super) fn find(text: &str, delimiter: u8, hints: &Hints) -> Option<Self> {
        let format = Format::quoted(delimiter);
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

    /// The first record, which is known to name the columns.
    pub(super) fn first(text: &str, delimiter: u8) -> Option<Self> {
        let mut records = Records::new(text, Format::quoted(delimiter));
        let mut record = Record::default();
        if !records.read(&mut record) {
            return None;
        }
        let names: Vec<String> = record.fields().map(str::to_owned).collect();
        Some(Self {
            delimiter,
            row: 1,
            known: names.len(),
            names,
            start: 0,
            unnamed: 0,
            end: records.position(),
        })
    }

    /// The table of a list whose header was sorted into its rows: a record of nothing but names of
    /// columns.
    pub(super) fn far_below(text: &str, delimiter: u8) -> Option<Table<'_>> {
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
    pub(super) fn above(
        &self,
        text: &str,
        body: &str,
        format: Format,
    ) -> (Vec<String>, Vec<(u32, Record)>) {
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
    pub(super) fn name_the_first(&mut self, body: &str) {
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
    pub(super) fn keep_filled(&mut self, body: &str) {
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

    pub(super) fn rank(&self) -> (usize, usize) {
        (self.known, self.names.len())
    }

    pub(super) fn table<'a>(mut self, text: &'a str) -> Result<Table<'a>, CsvError> {
        self.keep_filled(&text[self.end..]);
        self.name_the_first(&text[self.end..]);
        if self.names.len() > MAX_FIELDS - 1 {
            return Err(too_many_columns(self.row, self.names.len()));
        }
        let mut body = &text[self.end..];
        let delimiter = delimiter_of_rows(body, self.delimiter, self.names.len());
        let format = format(body, delimiter, self.names.len());
        let (lines_above, rows_above) = self.above(text, body, format);
        let mut records = Records::new(body, format);
        let mut first = Record::default();
        let is_read = rows_above.is_empty() && records.read(&mut first);
        let description = Some(first).filter(|first| is_read && is_description(first));
        if description.is_some() {
            body = &body[records.position()..];
        }
        Ok(Table {
            format,
            header: Some(self.names),
            header_row: self.row,
            lines_above,
            rows_above,
            is_sheet: false,
            description,
            body,
        })
    }
}

/// The names of columns in a record. Columns without a name at the end are an exporter's slip.
pub(super) fn names(record: &Record) -> Vec<String> {
    // A quote that is left is another writer's.
    let bare = |name: &str| name.trim().trim_matches('"').to_owned();
    let mut names: Vec<String> = record.fields().map(bare).collect();
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}
