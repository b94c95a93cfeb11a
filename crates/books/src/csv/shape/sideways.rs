//! A table on its side: the names of its fields in the first column, a book in each other one.

use super::{Shaped, of_fields_in_lines};
use crate::csv::field::IDENTITIES;
use crate::csv::headers;
use crate::csv::records::{Format, MAX_FIELDS, Record, Records};
use crate::csv::table::{DELIMITERS, MAX_HEADER};

/// Most fields that a book has there.
const MAX_ROWS: usize = 100;
/// Number of lines among which the first of several cells is.
const LINES: usize = 6;
/// Number of fields among which most names are known.
const TELLING: usize = 8;

/// The usual table of one on its side.
pub(super) fn of_table_on_its_side(text: &str, max_rows: usize) -> Option<Shaped> {
    let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ']);
    let first: Vec<&str> = text.lines().take(LINES).collect();
    if first.iter().any(|line| line.len() > MAX_HEADER) {
        return None;
    }
    let has = |delimiter: &u8| {
        let mut lines = first.iter();
        lines.any(|line| line.as_bytes().contains(delimiter))
    };
    (DELIMITERS.into_iter().filter(has)).find_map(|delimiter| turned(text, delimiter, max_rows))
}

fn turned(text: &str, delimiter: u8, max_rows: usize) -> Option<Shaped> {
    let mut records = Records::new(text, Format::quoted(delimiter));
    let mut record = Record::default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut lines_above = Vec::new();
    let mut fields = Vec::new();
    let (mut named, mut width) = (0, 0);
    let (mut has_books, mut is_stacked) = (false, false);
    while records.read(&mut record) {
        if rows.len() == MAX_ROWS || record.count() >= MAX_FIELDS {
            return None;
        }
        let cells = record.cells();
        let Some((name, values)) = cells.split_first() else {
            continue;
        };
        let name = name.trim();
        let is_known = |name: &String| headers::known_meaning(name).is_some();
        let meaning = headers::known_meaning(name).filter(|_| !name.is_empty());
        let is_again = rows.iter().any(|row| row[0].trim() == name);
        if let Some(meaning) = meaning {
            let names_book = IDENTITIES.contains(&meaning.field);
            // A header: "Title, Author".
            let others = values.iter().filter(|value| is_known(value)).count();
            if (names_book || rows.is_empty()) && (others > 1 || others * 2 >= values.len()) {
                return None;
            }
            is_stacked |= is_again;
            has_books |= names_book;
            if !fields.contains(&meaning.field) {
                fields.push(meaning.field);
            }
        } else if values.is_empty() {
            lines_above.extend((!name.is_empty()).then(|| name.to_owned()));
            continue;
        }
        named += usize::from(!name.is_empty() && !is_again);
        width = width.max(cells.len());
        rows.push(cells);
        if rows.len() >= TELLING && fields.len() * 2 < named {
            return None;
        }
    }
    if !has_books || fields.len() < 2 || fields.len() * 2 < named {
        return None;
    }
    if is_stacked {
        // A record below the other.
        let mut line = |text| {
            records.restart(text);
            match records.read(&mut record) {
                true => format!("{}: {}\n", record.get(0), record.get(1)),
                false => "\n".to_owned(),
            }
        };
        let lines: String = text.lines().map(&mut line).collect();
        return of_fields_in_lines(&lines, max_rows).filter(|_| width == 2);
    }
    let mut table = Shaped::with_room(text.len() + text.len() / 2);
    for column in 0..width {
        let cells = || {
            rows.iter()
                .map(|row| row.get(column).map_or("", String::as_str))
        };
        if column == 0 || cells().any(|cell| !cell.trim().is_empty()) {
            table.push(column + 1, cells());
        }
    }
    table.lines_above = lines_above;
    table.was_on_its_side = true;
    Some(table)
}
