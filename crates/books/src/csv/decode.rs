//! Decoding of a file's bytes to text.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::{CsvError, CsvErrorKind, encoding, headers, mending};

pub(super) fn parse_failed(row: Option<u32>, message: String, user_message: &str) -> CsvError {
    CsvError::new(CsvErrorKind::ParseFailed, row, message, user_message)
}

pub(super) fn empty() -> CsvError {
    CsvError::new(
        CsvErrorKind::Empty,
        None,
        "the file is empty".to_owned(),
        "This file is empty.",
    )
}

/// The text of a file, and how it was encoded.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub text: Cow<'a, str>,
    /// Name of the encoding, after the WHATWG standard where that knows it.
    pub encoding: &'static str,
    /// Whether the encoding was guessed, because the bytes leave a choice.
    pub is_guessed: bool,
    /// Number of places in the text that had been encoded twice.
    pub repaired: u32,
}

/// Decodes a file, whichever encoding it has.
pub(super) fn text(bytes: &[u8]) -> Result<Decoded<'_>, CsvError> {
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
    let wide = utf_32(bytes);
    let bytes = &bytes[bom..];
    let (text, encoding, is_guessed) = match (wide, encoding) {
        // Its byte order mark begins with that of UTF-16.
        (Some(text), _) => (Cow::Owned(text), "UTF-32", false),
        // A cut or damaged character becomes U+FFFD.
        (None, Some(encoding)) => {
            let text = encoding.decode_without_bom_handling(bytes).0;
            (text, encoding.name(), false)
        }
        (None, None) => match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), "UTF-8", false),
            Err(error) if is_utf_8_but_for_damage(bytes, &error) => {
                (String::from_utf8_lossy(bytes), "UTF-8", false)
            }
            Err(_) => {
                let (text, guess) = encoding::decode(bytes);
                (text, guess.name(), true)
            }
        },
    };
    // The end of a file as old systems mark it.
    let text = match text.trim_end_matches(['\u{1a}', '\0']).len() {
        end if end < text.len() => Cow::Owned(text[..end].to_owned()),
        _ => text,
    };
    if text.trim().is_empty() {
        return Err(empty());
    }
    // A program's zeros between the letters of a table.
    let text = match text.matches('\0').count() {
        zeros if zeros > 0 && zeros * 5 < text.len() && names_columns(&text) => {
            Cow::Owned(text.replace('\0', ""))
        }
        _ => text,
    };
    if is_binary(&text) {
        return Err(parse_failed(
            None,
            "the file holds binary data, not CSV".to_owned(),
            "This file is not a CSV file. Please export your library as CSV.",
        ));
    }
    if let Some(kind) = other_text(&text) {
        return Err(parse_failed(
            None,
            format!("the file is {kind}, not CSV"),
            &format!("This file is {kind}. Please export your library as a CSV file."),
        ));
    }
    let (text, repaired) = match mending::repaired(&text) {
        Some((text, repaired)) => (Cow::Owned(text), repaired),
        None => (text, 0),
    };
    Ok(Decoded {
        text,
        encoding,
        is_guessed,
        repaired,
    })
}

/// The type of a file that is certainly no CSV, with its article ("a JPEG image"), by its first
/// sixteen bytes; `None` when they are of no such type.
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
    } else if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        Some("an Excel workbook of before 2007")
    } else if starts(b"\x1f\x8b") {
        Some("a gzip archive")
    } else if starts(b"SQLite format 3\0") {
        Some("a database")
    } else {
        None
    }
}

/// Recognises a text that has a form of its own and is no table.
fn other_text(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let begins = |with: &str| {
        text.get(..with.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(with))
    };
    if begins("<!doctype html") || begins("<html") || begins("<table") {
        Some("a web page, such as one that asks to log in")
    } else if begins("{\\rtf") {
        Some("a text with formats (RTF)")
    } else if begins("<?xml") {
        Some("an XML document")
    } else if begins("TY  - ") {
        Some("a list of references in RIS")
    } else if begins("%0 ") || begins("%A ") || begins("%T ") {
        Some("a list of references in EndNote's form")
    } else if begins("=LDR ") || begins("LDR ") {
        Some("a library's records in MARC")
    } else if begins("@")
        && text.split_once('{').is_some_and(|(kind, _)| {
            kind.len() < 20 && kind[1..].bytes().all(|byte| byte.is_ascii_alphabetic())
        })
    {
        Some("a list of references in BibTeX")
    } else if text.lines().take(200).any(|line| line == "==========") {
        Some("a Kindle's list of clippings")
    } else {
        None
    }
}

/// The text of a file in UTF-32, which its byte order mark tells.
fn utf_32(bytes: &[u8]) -> Option<String> {
    let read = match bytes.get(..4)? {
        [0xff, 0xfe, 0, 0] => u32::from_le_bytes,
        [0, 0, 0xfe, 0xff] => u32::from_be_bytes,
        _ => return None,
    };
    let (units, _) = bytes[4..].as_chunks::<4>();
    let characters = units.iter().map(|unit| char::from_u32(read(*unit)));
    Some(characters.map(|c| c.unwrap_or('\u{fffd}')).collect())
}

/// Whether the first line, without zeros, names two columns or more.
fn names_columns(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let first = first.unwrap_or_default().replace('\0', "");
    let cells = first.split([',', ';', '\t', '|']);
    let known = |cell: &&str| {
        let cell = cell.trim_matches(['"', ' ', '\u{feff}']);
        cell.len() < 100 && headers::known_meaning(cell).is_some()
    };
    cells.take(100).filter(known).count() > 1
}

/// Recognises UTF-16 without a byte order mark: in any script, separators and ends of lines have a
/// zero, and all in the same half of a character.
fn utf_16_without_bom(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(512) & !1];
    let zeros = |parity: usize| {
        let half = sample.iter().skip(parity).step_by(2);
        half.filter(|byte| **byte == 0).count()
    };
    let encoding = match (zeros(0), zeros(1)) {
        (even, odd) if odd > 1 && even * 8 < odd => UTF_16LE,
        (even, odd) if even > 1 && odd * 8 < even => UTF_16BE,
        _ => return None,
    };
    let (text, _) = encoding.decode_without_bom_handling(sample);
    (!is_binary(&text)).then_some(encoding)
}

/// Whether a text is UTF-8 but for damage. A file cut inside a character, or with one damaged byte
/// among many good characters, is not Windows-1252: there, nearly every non-ASCII byte would be an
/// error.
fn is_utf_8_but_for_damage(bytes: &[u8], error: &std::str::Utf8Error) -> bool {
    let good = bytes[..error.valid_up_to()]
        .iter()
        .filter(|byte| **byte >= 0xc2)
        .count();
    error.error_len().is_none() && error.valid_up_to() > 0 || good >= 8
}

fn is_binary(text: &str) -> bool {
    let mut controls = 0;
    let mut zeros = 0;
    let mut all = 0;
    for c in text.chars().take(4_096) {
        all += 1;
        match c {
            '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' => {}
            '\0' => zeros += 1,
            c if c.is_control() || c == '\u{fffd}' => controls += 1,
            _ => {}
        }
    }
    // A little damage is no reason to refuse a small file.
    zeros * 20 > all || controls > 4 && controls * 20 > all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        text(bytes).unwrap().text.into_owned()
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
        let russian = "Название,Автор\nИдиот,Фёдор Достоевский\n";
        assert_eq!(decoded(&utf_16(russian, u16::to_le_bytes)), russian);
        assert_eq!(decoded(&utf_16(russian, u16::to_be_bytes)), russian);
        let japanese = "書名\t著者\n雪国\t川端康成\n";
        assert_eq!(decoded(&utf_16(japanese, u16::to_le_bytes)), japanese);
        assert_eq!(
            decoded(b"Title\nLes Mis\xe9rables \x93x\x94\n"),
            "Title\nLes Misérables “x”\n"
        );
        let wide = |text: &str, unit: fn(u32) -> [u8; 4]| -> Vec<u8> {
            text.chars().flat_map(|c| unit(u32::from(c))).collect()
        };
        let little = [&b"\xff\xfe\0\0"[..], &wide(csv, u32::to_le_bytes)].concat();
        let big = [&b"\0\0\xfe\xff"[..], &wide(csv, u32::to_be_bytes)].concat();
        assert_eq!(decoded(&little), csv);
        assert_eq!(decoded(&big), csv);
        assert_eq!(
            decoded(b"Title,Author\0,Rating\nEm\0ma,Jane Austen,5\n\0\0\0\n"),
            "Title,Author,Rating\nEmma,Jane Austen,5\n\n"
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
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
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
}
