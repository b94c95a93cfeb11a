//! From bytes to text, and from text to a header and a body.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{CsvError, CsvErrorKind, columns};

/// A header line longer than this is no header (bytes).
const MAX_HEADER: usize = 64 * 1024;
const MAX_COLUMNS: usize = 512;

fn parse_failed(row: Option<u32>, message: String, user_message: &str) -> CsvError {
    CsvError::new(CsvErrorKind::ParseFailed, row, message, user_message)
}

fn empty() -> CsvError {
    CsvError::new(
        CsvErrorKind::Empty,
        None,
        "the file is empty".to_owned(),
        "This file is empty.",
    )
}

/// The text of a file, in whichever of the usual encodings it is.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, CsvError> {
    if let Some(kind) = other_kind(bytes) {
        return Err(parse_failed(
            None,
            format!("the file is {kind}, not CSV"),
            &format!("This file is {kind}. Please export your library as a CSV file."),
        ));
    }
    let (encoding, bom) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (Some(encoding), length),
        None => (utf_16_without_bom(bytes), 0),
    };
    let bytes = &bytes[bom..];
    let text = match encoding {
        // A cut or damaged character becomes U+FFFD.
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
        None => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(error) if is_utf_8_but_for_damage(bytes, &error) => String::from_utf8_lossy(bytes),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
        },
    };
    if text.trim().is_empty() {
        return Err(empty());
    }
    if is_binary(&text) {
        return Err(parse_failed(
            None,
            "the file holds binary data, not CSV".to_owned(),
            "This file is not a CSV file. Please export your library as CSV.",
        ));
    }
    Ok(text)
}

/// What a file is by its first bytes, if it is a well-known thing that is no CSV, as in "a JPEG
/// image". Sixteen bytes are enough.
#[must_use]
pub fn other_kind(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| {
        bytes
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    if starts(b"\xff\xd8\xff") {
        Some("a JPEG image")
    } else if starts(b"\x89PNG\r\n\x1a\n") {
        Some("a PNG image")
    } else if starts(b"GIF8") {
        Some("a GIF image")
    } else if starts(b"RIFF") && at(8, b"WEBP") {
        Some("a WebP image")
    } else if at(4, b"ftyp") {
        Some("a photo or video")
    } else if starts(b"%PDF-") {
        Some("a PDF document")
    } else if starts(b"PK\x03\x04") {
        Some("a ZIP archive or an Excel workbook")
    } else if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        Some("an Excel workbook")
    } else if starts(b"\x1f\x8b") {
        Some("a gzip archive")
    } else if starts(b"SQLite format 3\0") {
        Some("a database")
    } else {
        None
    }
}

/// UTF-16 of mostly Latin text has a zero in every other byte.
fn utf_16_without_bom(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(512) & !1];
    if sample.len() < 4 {
        return None;
    }
    let zeros = |parity: usize| {
        let zeros = sample
            .iter()
            .skip(parity)
            .step_by(2)
            .filter(|byte| **byte == 0);
        zeros.count() * 2
    };
    let (even, odd) = (zeros(0), zeros(1));
    if odd * 10 > sample.len() * 8 && even * 10 < sample.len() {
        Some(UTF_16LE)
    } else if even * 10 > sample.len() * 8 && odd * 10 < sample.len() {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// A file cut inside a character, or with one damaged byte among many good characters, is not
/// Windows-1252: there, nearly every non-ASCII byte would be an error.
fn is_utf_8_but_for_damage(bytes: &[u8], error: &std::str::Utf8Error) -> bool {
    let good = bytes[..error.valid_up_to()]
        .iter()
        .filter(|byte| **byte >= 0xc2)
        .count();
    error.error_len().is_none() && error.valid_up_to() > 0 || good >= 8
}

fn is_binary(text: &str) -> bool {
    let mut controls = 0;
    let mut all = 0;
    for c in text.chars().take(4_096) {
        all += 1;
        match c {
            '\0' => return true,
            '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' => {}
            c if c.is_control() || c == '\u{fffd}' => controls += 1,
            _ => {}
        }
    }
    // A little damage is no reason to refuse a small file.
    controls > 4 && controls * 20 > all
}

/// A header and what follows it.
pub(super) struct Table<'a> {
    /// Names of the columns as they stand in the file.
    pub header: Vec<String>,
    /// The records after the header.
    pub body: &'a str,
    delimiter: u8,
    quoting: bool,
}

impl<'a> Table<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, CsvError> {
        let mut text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ']);
        let mut declared = None;
        // Excel's own note on the delimiter.
        if let Some((first, rest)) = text.split_once('\n')
            && let Some(delimiter) = first.trim_matches(['\r', '"']).strip_prefix("sep=")
            && let &[delimiter] = delimiter.as_bytes()
        {
            declared = Some(delimiter);
            text = rest;
        }
        let end = record_end(text);
        if end > MAX_HEADER {
            return Err(parse_failed(
                Some(1),
                format!("row 1: the header is {end} bytes long, at most {MAX_HEADER} are expected"),
                "This file does not look like a list of books: its first line is far too long.",
            ));
        }
        let (line, body) = text.split_at(end);
        let (delimiter, header) = [b',', b';', b'\t', b'|']
            .into_iter()
            .filter(|delimiter| declared.is_none_or(|declared| declared == *delimiter))
            .map(|delimiter| (delimiter, names(line, delimiter)))
            // The first of equals is a comma; `max_by_key` takes the last.
            .rev()
            .max_by_key(|(_, names)| (columns::known(names), names.len()))
            .ok_or_else(empty)?;
        if header.len() > MAX_COLUMNS {
            return Err(parse_failed(
                Some(1),
                format!(
                    "row 1: {} columns, at most {MAX_COLUMNS} are expected",
                    header.len()
                ),
                "This file does not look like a list of books: it has far too many columns.",
            ));
        }
        // LibraryThing writes tabs without quoting, and quotes that mean nothing; programs that
        // do quote tab-separated fields double the quotes inside.
        let quoting = delimiter != b'\t' || quotes_are_paired(body);
        Ok(Self {
            header,
            body,
            delimiter,
            quoting,
        })
    }

    /// Reads records of this table's kind.
    pub(super) fn reader<'b>(&self, body: &'b str) -> csv::Reader<&'b [u8]> {
        csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .quoting(self.quoting)
            .has_headers(false)
            .flexible(true)
            .from_reader(body.as_bytes())
    }
}

fn names(line: &str, delimiter: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(line.as_bytes());
    let first = reader.records().next().and_then(Result::ok);
    let mut names: Vec<String> = first
        .map(|record| record.iter().map(|name| name.trim().to_owned()).collect())
        .unwrap_or_default();
    // Columns without a name at the end are an exporter's slip.
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

/// Where the first record ends: at a line end outside quotes.
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

    fn decoded(bytes: &[u8]) -> String {
        text(bytes).unwrap().into_owned()
    }

    fn utf_16(text: &str, unit: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn every_usual_encoding_is_read() {
        let csv = "Title,Author\nLes Misérables,Victor Hugo\n";
        assert_eq!(decoded(csv.as_bytes()), csv);
        assert_eq!(decoded(&[b"\xef\xbb\xbf", csv.as_bytes()].concat()), csv);
        let little = utf_16(csv, u16::to_le_bytes);
        let big = utf_16(csv, u16::to_be_bytes);
        assert_eq!(decoded(&[b"\xff\xfe", &little[..]].concat()), csv);
        assert_eq!(decoded(&[b"\xfe\xff", &big[..]].concat()), csv);
        assert_eq!(decoded(&little), csv);
        assert_eq!(decoded(&big), csv);
        assert_eq!(
            decoded(b"Title\nLes Mis\xe9rables \x93x\x94\n"),
            "Title\nLes Misérables “x”\n"
        );
        // Cut in the middle of a character.
        assert_eq!(
            decoded(b"Title\nLes Mis\xc3\xa9rabl\xc3"),
            "Title\nLes Misérabl\u{fffd}"
        );
    }

    #[test]
    fn other_files_are_named() {
        for (bytes, name) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], "JPEG"),
            (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
            (b"PK\x03\x04\x14\0", "Excel"),
            (b"%PDF-1.7\n", "PDF"),
            (b"\0\x01\x02\x03\x04\x05", "binary"),
            (b"abc\0def", "binary"),
        ] {
            let error = text(bytes).unwrap_err();
            assert_eq!(error.kind, CsvErrorKind::ParseFailed);
            assert!(error.message.contains(name), "{}", error.message);
        }
        for bytes in [&b""[..], b" \r\n\n", b"\xef\xbb\xbf", b"\xff\xfe"] {
            assert_eq!(text(bytes).unwrap_err().kind, CsvErrorKind::Empty);
        }
    }

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
            let table = Table::new(line).unwrap();
            assert_eq!(table.delimiter, delimiter, "{line}");
            assert_eq!(table.header.len(), columns, "{line}");
        }
    }

    #[test]
    fn a_header_has_bounds() {
        let long = "x".repeat(100 * 1024);
        let error = Table::new(&long).err().unwrap();
        assert_eq!(
            (error.kind, error.row),
            (CsvErrorKind::ParseFailed, Some(1))
        );
        assert!(error.message.contains("102400 bytes"), "{}", error.message);
        let error = Table::new(&"a,".repeat(1_000).replace("a,", "a,b,"))
            .err()
            .unwrap();
        assert!(error.message.contains("columns"), "{}", error.message);
        // A header with an unpaired quote ends with its line.
        let table = Table::new("Title,\"Author\nDune,Frank Herbert\n").unwrap();
        assert!(table.body.contains("Dune"));
    }
}
