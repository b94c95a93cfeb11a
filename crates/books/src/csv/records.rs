//! Reading and writing of the records of delimited text.

use csv_core::ReadRecordResult;

/// Largest number of fields that are kept; more are only counted: a line of commas costs what it
/// weighs.
pub(super) const MAX_FIELDS: usize = 512;

/// Separator and quoting of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub delimiter: u8,
    pub quoting: bool,
    /// Whether a quote in a quoted field is written `\"` instead of `""`.
    pub escaping: bool,
}

impl Format {
    /// Fields that are quoted where they need it.
    pub(super) const fn quoted(delimiter: u8) -> Self {
        Self {
            delimiter,
            quoting: true,
            escaping: false,
        }
    }
}

/// The format in which [`push_record`] writes.
pub(super) const COMMAS: Format = Format::quoted(b',');

/// Writes a record of quoted fields.
pub(super) fn push_record(text: &mut String, fields: impl IntoIterator<Item = impl AsRef<str>>) {
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_field(text, field.as_ref());
    }
    text.push('\n');
}

/// Writes a quoted field.
pub(super) fn push_field(text: &mut String, field: &str) {
    text.push('"');
    text.push_str(&field.replace('"', "\"\""));
    text.push('"');
}

/// One record's fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
    kept: usize,
    count: usize,
    /// Position of the record's first byte in the text.
    pub start: usize,
}

impl Record {
    /// A record of these fields.
    pub(super) fn of<'f>(fields: impl Iterator<Item = &'f str>) -> Self {
        let mut record = Self::default();
        for field in fields.take(MAX_FIELDS) {
            record.text.push_str(field);
            record.ends.push(record.text.len());
        }
        record.kept = record.ends.len();
        record.count = record.kept;
        record
    }

    /// Whether the record only draws a line, as below the header of a table in Markdown: `---|---`.
    pub(super) fn is_ruler(&self) -> bool {
        let is_line = |c: char| matches!(c, '-' | ':' | '=' | '_' | '+' | '─' | '—');
        let mut cells = (self.fields().map(str::trim))
            .filter(|cell| !cell.is_empty())
            .peekable();
        cells.peek().is_some() && cells.all(|cell| cell.len() > 2 && cell.chars().all(is_line))
    }

    /// Number of fields, also of those that are not kept.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The field at this place; empty when there is none.
    pub(super) fn get(&self, at: usize) -> &str {
        if at >= self.kept {
            return "";
        }
        let start = match at {
            0 => 0,
            at => self.ends[at - 1],
        };
        self.text.get(start..self.ends[at]).unwrap_or_default()
    }

    /// The fields that are kept.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        (0..self.kept).map(|at| self.get(at))
    }

    /// The fields that are kept, without empty ones at the end.
    pub(super) fn cells(&self) -> Vec<String> {
        let mut cells: Vec<String> = self.fields().map(str::to_owned).collect();
        while cells.last().is_some_and(String::is_empty) {
            cells.pop();
        }
        cells
    }

    /// Whether the record has as many fields as the header, or more that are empty.
    pub(super) fn is_as_wide(&self, width: usize) -> bool {
        self.count >= width
            && self.count == self.kept
            && (width..self.count).all(|at| self.get(at).trim().is_empty())
    }

    /// Whether all of the record's fields are empty.
    pub(super) fn is_empty(&self) -> bool {
        self.count == self.kept && self.fields().all(|field| field.trim().is_empty())
    }
}

/// Reads a text's records one after the other.
pub(super) struct Records<'a> {
    text: &'a str,
    at: usize,
    reader: csv_core::Reader,
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a str, format: Format) -> Self {
        let reader = csv_core::ReaderBuilder::new()
            .delimiter(format.delimiter)
            .quoting(format.quoting)
            .escape(format.escaping.then_some(b'\\'))
            .build();
        Self {
            text,
            at: 0,
            reader,
        }
    }

    /// Begins again with another text in the same format: making a reader costs more than a line.
    pub(super) fn restart(&mut self, text: &'a str) {
        self.text = text;
        self.at = 0;
        self.reader.reset();
    }

    /// Position up to which the text has been read, in bytes.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Reads the next record that is not an empty line; false at the end.
    pub(super) fn read(&mut self, record: &mut Record) -> bool {
        let (mut output, mut kept, mut more) = (0, 0, 0);
        record.start = self.at;
        let mut bytes = std::mem::take(&mut record.text).into_bytes();
        bytes.resize(1_024, 0);
        let is_record = loop {
            if bytes.len() == output {
                bytes.resize((2 * output).max(1_024), 0);
            }
            let input = &self.text.as_bytes()[self.at..];
            let mut uncounted = [0; 64];
            let ends = if kept < MAX_FIELDS {
                record.ends.resize(MAX_FIELDS, 0);
                &mut record.ends[kept..]
            } else {
                &mut uncounted[..]
            };
            let (result, read, written, ended) =
                self.reader.read_record(input, &mut bytes[output..], ends);
            self.at += read;
            output += written;
            if kept < MAX_FIELDS {
                kept += ended;
            } else {
                more += ended;
            }
            match result {
                ReadRecordResult::Record => {
                    record.kept = kept;
                    record.count = kept + more;
                    break true;
                }
                ReadRecordResult::End => {
                    record.kept = 0;
                    record.count = 0;
                    break false;
                }
                ReadRecordResult::InputEmpty
                | ReadRecordResult::OutputFull
                | ReadRecordResult::OutputEndsFull => {}
            }
        };
        // The text was UTF-8 and is cut at ASCII characters only. It is looked at once for all
        // fields.
        bytes.truncate(output);
        record.text = String::from_utf8(bytes).unwrap_or_default();
        is_record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, format: Format) -> Vec<Vec<String>> {
        let mut records = Records::new(text, format);
        let mut record = Record::default();
        let mut all = Vec::new();
        while records.read(&mut record) {
            all.push(record.fields().map(str::to_owned).collect());
        }
        all
    }

    #[test]
    fn records_end_with_any_line_end() {
        for text in [
            "a,b\nc,\"d\ne\"",
            "a,b\r\nc,\"d\ne\"\r\n",
            "a,b\r\rc,\"d\ne\"\r",
        ] {
            assert_eq!(all(text, COMMAS), [["a", "b"], ["c", "d\ne"]], "{text:?}");
        }
        assert!(all("", COMMAS).is_empty());
    }

    #[test]
    fn quotes_may_be_escaped() {
        let escaping = Format {
            escaping: true,
            ..COMMAS
        };
        let text = r#""The \"Best\" of, Them",x"#;
        assert_eq!(all(text, escaping), [[r#"The "Best" of, Them"#, "x"]]);
    }

    #[test]
    fn a_wide_record_is_counted_and_costs_what_it_weighs() {
        let text = format!("{}\nx,y", ",".repeat(1_000_000));
        let mut records = Records::new(&text, COMMAS);
        let mut record = Record::default();
        assert!(records.read(&mut record));
        assert_eq!(record.count(), 1_000_001);
        assert!(record.ends.capacity() + record.text.capacity() < 10_000);
        assert!(records.read(&mut record));
        assert_eq!((record.count(), record.get(1)), (2, "y"));
        assert!(!records.read(&mut record));
    }
}
