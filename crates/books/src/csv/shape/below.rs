//! Tables below each other in one file, each with a header of its own.

use super::{SHELF, Shaped, arranged, places};
use crate::ReadingStatus;
use crate::csv::notes::heading;
use crate::csv::records::{MAX_FIELDS, Record, Records};
use crate::csv::status::{status, status_of_tag};
use crate::csv::table::Table;
use crate::csv::{content, headers};
use crate::text::words;

/// Most tables in a file.
const MAX_TABLES: usize = 200;

/// How many times its length a text may get by the columns of other tables.
const MAX_GROWTH: usize = 4;

/// A table: the record of its header, counted from the first header, its names, the place of each
/// of its columns among those of all tables, and what stands above it.
struct Part {
    at: usize,
    names: Vec<String>,
    places: Vec<usize>,
    label: Option<(usize, String)>,
}

/// The rows of all tables under the columns of all of them. What stands above each is the shelf, or
/// the status, of its books; above a single table it is one only if it is a status.
pub(in crate::csv) fn of_tables_below(table: &Table<'_>) -> Option<Shaped> {
    let names = table
        .header
        .clone()
        .filter(|_| table.rows_above.is_empty())?;
    let header = usize::try_from(table.header_row).unwrap_or(1);
    let first = header + usize::from(table.description.is_some());
    let mut all = names.clone();
    let mut parts = vec![Part {
        at: 0,
        places: (0..names.len()).collect(),
        label: (table.lines_above.last())
            .filter(|line| !line.contains(", "))
            .map(|line| (0, label(line))),
        names,
    }];
    let mut records = Records::new(table.body, table.format);
    let mut record = Record::default();
    let mut at = 0;
    let mut above = None;
    while records.read(&mut record) {
        at += 1;
        let mut filled = record
            .fields()
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        let Some(cell) = filled.next().filter(|_| !record.is_ruler()) else {
            continue;
        };
        if filled.next().is_none() {
            above = Some((at, label(cell)));
            continue;
        }
        let label = above.take();
        // Not "#".
        let mut names = record
            .fields()
            .filter(|name| name.contains(char::is_alphabetic));
        if !names.next().is_some_and(headers::is_in_table) || !is_header(&record) {
            continue;
        }
        let names = record.cells();
        let places = places(&mut all, &names);
        parts.push(Part {
            at,
            names,
            places,
            label,
        });
        if all.len() + 1 >= MAX_FIELDS || parts.len() > MAX_TABLES {
            return None;
        }
    }
    let is_status = |label: &str| match parts.len() {
        // "Reading" may be what the file is about.
        1 => status_of_tag(label)
            .or_else(|| status(label).filter(|told| *told == ReadingStatus::Read))
            .is_some_and(|_| !has_status(table)),
        _ => status(label).is_some(),
    };
    let are_labelled = parts.len() > 1 && parts.iter().all(|part| part.label.is_some());
    let is_shelf = |label: &String| !label.is_empty() && (are_labelled || is_status(label));
    let shelves: Vec<Option<String>> = (parts.iter())
        .map(|part| {
            part.label
                .as_ref()
                .map(|(_, label)| label)
                .filter(|label| is_shelf(label))
                .cloned()
        })
        .collect();
    let has_shelves = shelves.iter().any(Option::is_some);
    let is_other = |part: &Part| {
        !part
            .names
            .iter()
            .map(|name| words(name))
            .eq(parts[0].names.iter().map(|name| words(name)))
    };
    if !has_shelves && !parts.iter().any(is_other) {
        return None;
    }
    let mut shaped = Shaped::with_room(table.body.len() * 2);
    shaped.lines_above.clone_from(&table.lines_above);
    if shelves[0].is_some() {
        shaped.lines_above.pop();
    }
    let shelf = has_shelves.then_some(SHELF);
    shaped.push(header, all.iter().map(String::as_str).chain(shelf));
    if let Some(description) = &table.description {
        shaped.push(first, description.fields());
    }
    let mut records = Records::new(table.body, table.format);
    let (mut at, mut part) = (0, 0);
    while records.read(&mut record) {
        // Many columns, and few cells in each row.
        if shaped.text.len() > MAX_GROWTH * (table.body.len() + (1 << 16)) {
            return None;
        }
        at += 1;
        let number = first + at;
        match parts.get(part + 1) {
            Some(next) if next.at == at => {
                part += 1;
                let names: Vec<&str> = (next.names.iter().map(|name| name.trim()))
                    .filter(|name| !name.is_empty())
                    .collect();
                let error = format!(
                    "a further header, not a book: the rows below are read by it ({})",
                    names.join(", ")
                );
                shaped.push(number, [""]);
                let record = u32::try_from(shaped.numbers.len()).unwrap_or(u32::MAX);
                shaped.others.push((record, error));
                continue;
            }
            Some(Part {
                label: Some((line, label)),
                ..
            }) if *line == at => {
                if shelves[part + 1].is_none() {
                    shaped.lines_above.push(label.clone());
                }
                continue;
            }
            _ => {}
        }
        if record.is_empty() || record.is_ruler() {
            shaped.push(number, [""]);
            continue;
        }
        let shelf = has_shelves.then(|| shelves[part].as_deref().unwrap_or_default());
        let cells = arranged(&record, &parts[part].places, all.len(), shelf);
        shaped.push(number, cells);
    }
    Some(shaped)
}

/// What a heading says.
fn label(line: &str) -> String {
    let name = heading(line).map_or(line, |(_, name)| name);
    name.trim_matches(['*', '_', ' ']).to_owned()
}

/// Whether a record between books is nothing but names of columns.
fn is_header(record: &Record) -> bool {
    let names: Vec<String> = record.cells();
    let filled = names.iter().filter(|name| !name.trim().is_empty());
    let known = filled
        .clone()
        .filter(|name| headers::known_meaning(name).is_some())
        .count();
    known > 1 && known * 2 > filled.count() && content::names_columns(&names, 2)
}

/// Whether each row of a table says whether it was read.
fn has_status(table: &Table<'_>) -> bool {
    use crate::csv::field::Field::{DateRead, Progress, Read, Shelves, Status, StatusMark};
    let mut names = table.header.iter().flatten();
    names.any(|name| {
        let meaning = headers::known_meaning(name);
        meaning.is_some_and(|meaning| {
            matches!(
                meaning.field,
                DateRead | Progress | Read | Shelves | Status | StatusMark
            )
        })
    })
}
