//! What a workbook costs its reader, found out before it is read.
//!
//! The reader of workbooks believes what a file says: how often a cell is repeated, how many texts
//! follow, where a cell is. Each part is unpacked once and its tags are looked at; nothing is kept.

use std::collections::HashMap;
use std::io::Read;

use super::{NO_SUCH_PLACE, damaged, too_large};
use crate::csv::CsvError;

/// Largest number of cells that an OpenDocument sheet may have, whose format repeats cells by a
/// number. Each takes some 50 bytes.
const MAX_CELLS: u64 = 1_000_000;
/// Largest number of bytes in these cells.
const MAX_CELL_BYTES: u64 = 64 << 20;
/// Number of columns at which the reader stops to repeat cells.
const MAX_COLUMNS: u64 = 16_384;
/// Largest number of texts that cells share.
const MAX_TEXTS: u64 = 1_000_000;
/// Largest number of elements of one name, but for those of rows and their texts.
const MAX_ELEMENTS: usize = 100_000;
/// Largest number of names of elements.
const MAX_NAMES: usize = 2_000;
/// Largest number of tags and entities of all parts: each is an event of the reader. A sheet of
/// 10,000 rows and 40 columns has 2.6 million.
const MAX_MARKS: u64 = 5_000_000;
/// Longest tag, in bytes.
const MAX_TAG: usize = 1 << 20;
/// Number of bytes that are unpacked at a time.
const CHUNK: usize = 64 << 10;

/// The cost of all parts of a workbook.
#[derive(Default)]
pub(super) struct Cost {
    /// Number of elements by name.
    elements: HashMap<String, usize>,
    texts: u64,
    marks: u64,
}

impl Cost {
    /// Adds a part, and returns the number of bytes to which it unpacks.
    ///
    /// # Errors
    /// When reading it would take too much, or it is damaged in a way that its reader does not
    /// bear.
    pub(super) fn add(&mut self, name: &str, part: &mut impl Read) -> Result<u64, CsvError> {
        let name = name.to_ascii_lowercase();
        // Parts of other names, such as pictures, may look like anything.
        let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
        let mut content = (name == "content.xml").then(Content::default);
        let mut unread = Vec::new();
        let mut unpacked = 0;
        loop {
            let before = unread.len();
            // As much again, so that the beginning of a long tag is looked at a few times only.
            part.by_ref()
                .take(before.max(CHUNK) as u64)
                .read_to_end(&mut unread)
                .map_err(damaged)?;
            let start = unpacked - before as u64;
            unpacked += (unread.len() - before) as u64;
            let is_end = unread.len() == before;
            // Whatever the part's name is: a sheet may have any.
            let marks = unread[before..]
                .iter()
                .filter(|byte| matches!(byte, b'<' | b'&'));
            self.marks += marks.count() as u64;
            if self.marks > MAX_MARKS {
                return Err(too_large());
            }
            let mut at = 0;
            while let Some(open) = unread[at..].iter().position(|byte| *byte == b'<') {
                at += open;
                let rest = &unread[at + 1..];
                let Some(length) = length(rest) else {
                    break;
                };
                let tag = &rest[..length];
                match tag {
                    // Where these end, readers do not agree.
                    [b'!', b'-', b'-', b'>', ..] | [b'!', b'-', b'-', b'-', b'>', ..] | [b'?']
                        if is_xml =>
                    {
                        return Err(damaged("a comment does not end"));
                    }
                    [b'!', b'-', b'-', ..] | [b'!', b'[', ..] | [b'?', ..] => {}
                    [b'!', ..] if is_xml => return Err(damaged("it declares a type")),
                    [b'!', ..] => {}
                    _ => {
                        self.count(tag, is_xml)?;
                        if let Some(content) = &mut content {
                            content.tag(tag, start + at as u64)?;
                        }
                    }
                }
                at += length + 2;
            }
            at = at.min(unread.len());
            let is_open = unread[at..].first() == Some(&b'<');
            unread.drain(..if is_open { at } else { unread.len() });
            if unread.len() > MAX_TAG || (is_end && is_open) {
                if is_xml {
                    return Err(damaged("a tag does not end"));
                }
                unread.clear();
            }
            if is_end {
                break;
            }
        }
        if content.is_some_and(|content| !content.open.is_empty()) {
            return Err(not_closed());
        }
        Ok(unpacked)
    }

    fn count(&mut self, tag: &[u8], is_xml: bool) -> Result<(), CsvError> {
        if tag.starts_with(b"/") {
            return Ok(());
        }
        let name = name(tag);
        let name = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
        match name {
            b"c" | b"row"
                if attributes(tag).any(|(key, place)| key == b"r" && is_beyond(place)) =>
            {
                return Err(damaged(NO_SUCH_PLACE));
            }
            b"dimension" => {
                for attribute in attributes(tag) {
                    let mut places = attribute.1.split(|byte| *byte == b':');
                    if attribute.0 == b"ref" && places.any(is_beyond) {
                        return Err(damaged(NO_SUCH_PLACE));
                    }
                }
            }
            b"sst" => {
                for (key, value) in attributes(tag) {
                    if key == b"uniqueCount" && number(value).is_ok_and(|texts| texts > MAX_TEXTS) {
                        return Err(too_large());
                    }
                }
            }
            b"si" => {
                self.texts += 1;
                if self.texts > MAX_TEXTS {
                    return Err(too_large());
                }
            }
            // Texts and their lettering.
            b"v"
            | b"f"
            | b"is"
            | b"t"
            | b"r"
            | b"rPr"
            | b"rPh"
            | b"b"
            | b"i"
            | b"u"
            | b"sz"
            | b"color"
            | b"rFont"
            | b"family"
            | b"charset"
            | b"scheme"
            | b"table-row"
            | b"table-cell"
            | b"covered-table-cell"
            | b"p"
            | b"span"
            | b"s"
            | b"a"
            | b"c"
            | b"row" => {}
            // In a picture there is any number of what may be names.
            name if is_xml || name.iter().all(u8::is_ascii_alphanumeric) => {
                let name = &*String::from_utf8_lossy(name);
                if !self.elements.contains_key(name) {
                    if self.elements.len() >= MAX_NAMES {
                        return Err(too_large());
                    }
                    self.elements.insert(name.to_owned(), 0);
                }
                let count = self.elements.get_mut(name);
                let count = count.map_or(0, |count| {
                    *count += 1;
                    *count
                });
                if count > MAX_ELEMENTS {
                    return Err(too_large());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What the tables of an OpenDocument file unpack to when repeated cells are written out.
#[derive(Default)]
struct Content {
    /// The names of the elements that are open. The reader waits for the end of a table for ever
    /// when there is none.
    open: Vec<Vec<u8>>,
    /// How often the row is repeated.
    rows: u64,
    /// Number of cells of the row up to the last that is not empty, and of the empty ones after it.
    width: u64,
    empty: u64,
    /// Number of bytes in its cells.
    bytes: u64,
    /// How often the cell is repeated, and where it begins.
    cell: (u64, u64),
    /// Rows are as wide as the widest of the table.
    widest: u64,
    /// Number of empty rows: they are written out as well if there is another below them.
    gap: u64,
    cells: u64,
    cell_bytes: u64,
}

impl Content {
    fn tag(&mut self, tag: &[u8], at: u64) -> Result<(), CsvError> {
        if let Some(name) = tag.strip_prefix(b"/") {
            if self.open.pop().as_deref() != Some(name.trim_ascii_end()) {
                return Err(not_closed());
            }
            return self.end(name.trim_ascii_end(), at);
        }
        let name = name(tag);
        self.start(name, tag, at)?;
        if tag.ends_with(b"/") {
            return self.end(name, at + tag.len() as u64);
        }
        self.open.push(name.to_vec());
        Ok(())
    }

    fn start(&mut self, name: &[u8], tag: &[u8], at: u64) -> Result<(), CsvError> {
        let repeats = |key: &[u8]| -> Result<u64, CsvError> {
            let mut most = 1;
            for attribute in attributes(tag).filter(|attribute| attribute.0 == key) {
                most = number(attribute.1)?.max(most);
            }
            Ok(most)
        };
        match name {
            b"table:table" => (self.widest, self.gap) = (0, 0),
            b"table:table-row" => {
                self.rows = repeats(b"table:number-rows-repeated")?;
                (self.width, self.empty, self.bytes) = (0, 0, 0);
            }
            b"table:table-cell" | b"table:covered-table-cell" => {
                let repeats = repeats(b"table:number-columns-repeated")?.min(MAX_COLUMNS);
                self.cell = (repeats, at);
                let has_value = attributes(tag)
                    .any(|(key, _)| key.ends_with(b"value") || key.ends_with(b"formula"));
                if tag.ends_with(b"/") && !has_value {
                    self.empty = (self.empty + repeats).min(MAX_COLUMNS);
                } else {
                    self.width = (self.width + self.empty + repeats).min(MAX_COLUMNS);
                    self.empty = 0;
                }
            }
            // So many spaces.
            b"text:s" => {
                let spaces = repeats(b"text:c")?;
                self.bytes = (self.bytes).saturating_add(spaces.saturating_mul(self.cell.0));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &[u8], at: u64) -> Result<(), CsvError> {
        match name {
            b"table:table-cell" | b"table:covered-table-cell" => {
                let (repeats, start) = self.cell;
                let bytes = at.saturating_sub(start).saturating_mul(repeats);
                if self.empty == 0 {
                    self.bytes = self.bytes.saturating_add(bytes);
                }
            }
            b"table:table-row" if self.width > 0 => {
                self.widest = self.widest.max(self.width);
                let rows = self.rows.saturating_add(self.gap);
                self.cells = (self.cells).saturating_add(rows.saturating_mul(self.widest));
                self.cell_bytes =
                    (self.cell_bytes).saturating_add(self.rows.saturating_mul(self.bytes));
                self.gap = 0;
            }
            b"table:table-row" => self.gap = self.gap.saturating_add(self.rows),
            _ => {}
        }
        if self.cells > MAX_CELLS || self.cell_bytes.max(self.bytes) > MAX_CELL_BYTES {
            return Err(too_large());
        }
        Ok(())
    }
}

/// The length of the tag, comment or the like at the beginning of `rest`, without its angle
/// brackets, if it ends there.
fn length(rest: &[u8]) -> Option<usize> {
    let find = |from: usize, what: &[u8]| {
        let found = rest.get(from..)?;
        let found = found.windows(what.len()).position(|at| at == what)?;
        Some(from + found + what.len() - 1)
    };
    match rest {
        [] | [b'!'] | [b'!', b'-'] => None,
        [b'!', b'-', b'-', ..] => find(3, b"-->"),
        [b'!', b'[', ..] => find(2, b"]]>"),
        [b'?', ..] => find(0, b"?>"),
        _ => {
            // A ">" in the value of an attribute ends nothing.
            let mut quote = None;
            rest.iter().position(|byte| match (quote, *byte) {
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
            })
        }
    }
}

fn name(tag: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'/';
    &tag[..tag.iter().position(is_end).unwrap_or(tag.len())]
}

/// The attributes of a tag: what stands before each `=`, and the quoted text after it.
fn attributes(tag: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = &tag[name(tag).len()..];
    std::iter::from_fn(move || {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let key = rest[..equals].trim_ascii();
        let value = rest[equals + 1..].trim_ascii_start();
        let (quote, value) = value.split_first()?;
        let end = value.iter().position(|byte| byte == quote)?;
        rest = &value[end + 1..];
        Some((key, &value[..end]))
    })
}

/// A number as it stands in an attribute.
fn number(value: &[u8]) -> Result<u64, CsvError> {
    let digits = value.strip_prefix(b"+").unwrap_or(value);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(damaged("a number of repetitions is none"));
    }
    Ok(digits.iter().fold(0u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

/// Whether a place has more letters or digits than the last cell of any sheet, `XFD1048576`. The
/// reader multiplies them without a check.
fn is_beyond(place: &[u8]) -> bool {
    let letters = place.iter().filter(|byte| byte.is_ascii_alphabetic());
    let digits = place.iter().filter(|byte| byte.is_ascii_digit());
    letters.count() > 3 || digits.count() > 7
}

fn not_closed() -> CsvError {
    damaged("an element of its content is not closed")
}
