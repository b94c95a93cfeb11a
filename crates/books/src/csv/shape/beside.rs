//! Tables beside each other.

use std::ops::Range;

use super::{SHELF, Shaped, places};
use crate::csv::field::Field::{Title, TitleAndAuthor};
use crate::csv::headers;
use crate::csv::records::{Format, Record, Records};
use crate::csv::table::{DELIMITERS, MAX_HEADER};

/// Tables beside each other, with or without an empty column between them, as one below the other.
/// What stands above each is the shelf, or the status, of its books.
pub(super) fn of_tables_side_by_side(text: &str, max_rows: usize) -> Option<Shaped> {
    /// Number of records among which the header is looked for.
    const LINES: usize = 6;
    let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ']);
    let first = text.lines().next()?;
    if first.len() > MAX_HEADER {
        return None;
    }
    let delimiter = DELIMITERS
        .into_iter()
        .max_by_key(|delimiter| first.bytes().filter(|byte| byte == delimiter).count())?;
    let mut records = Records::new(text, Format::quoted(delimiter));
    let mut record = Record::default();
    let mut above: Vec<Vec<String>> = Vec::new();
    let (names, tables) = loop {
        if above.len() >= LINES || !records.read(&mut record) {
            return None;
        }
        let names: Vec<String> = record.fields().map(|name| name.trim().to_owned()).collect();
        match tables(&names) {
            Some(tables) => break (names, tables),
            None => above.push(names),
        }
    };
    let mut rows = vec![Vec::new(); tables.len()];
    let mut left = max_rows + 1;
    let mut number = above.len() + 1;
    while left > 0 && records.read(&mut record) {
        number += 1;
        let is_filled = |at: usize| !record.get(at).trim().is_empty();
        // Text between them or behind them: then they are one table.
        let is_within = |at: usize| tables.iter().any(|table| table.contains(&at));
        if (0..record.count()).any(|at| is_filled(at) && !is_within(at)) {
            return None;
        }
        for (table, rows) in tables.iter().zip(&mut rows) {
            if table.clone().any(is_filled) {
                let cells: Vec<String> =
                    table.clone().map(|at| record.get(at).to_owned()).collect();
                rows.push((number, cells));
                left = left.saturating_sub(1);
            }
        }
    }
    let mut all = Vec::new();
    let places: Vec<_> = (tables.iter())
        .map(|table| places(&mut all, &names[table.clone()]))
        .collect();
    let label_of = |table: &Range<usize>| {
        let line = above.last().map(Vec::as_slice).unwrap_or_default();
        let cells = table.clone().filter_map(|at| line.get(at));
        let filled: Vec<&String> = cells.filter(|cell| !cell.is_empty()).collect();
        match filled.as_slice() {
            [label] => (*label).clone(),
            _ => String::new(),
        }
    };
    let labels: Vec<String> = tables.iter().map(label_of).collect();
    let are_labelled = labels.iter().all(|label| !label.is_empty());
    let told = above.len() - usize::from(are_labelled);
    let mut shaped = Shaped::with_room(text.len() * 2);
    for (at, line) in above[..told].iter().enumerate() {
        shaped.push(at + 1, line);
    }
    let shelf = are_labelled.then_some(SHELF);
    shaped.push(above.len() + 1, all.iter().map(String::as_str).chain(shelf));
    for ((rows, places), label) in rows.iter().zip(&places).zip(&labels) {
        for (number, row) in rows {
            let mut cells = vec![""; all.len()];
            for (place, cell) in places.iter().zip(row) {
                cells[*place] = cell;
            }
            cells.extend(are_labelled.then_some(label.as_str()));
            shaped.push(*number, cells);
        }
    }
    Some(shaped)
}

/// The columns of each of several tables, all of which have titles.
fn tables(names: &[String]) -> Option<Vec<Range<usize>>> {
    let first = names.iter().find(|name| !name.is_empty())?;
    // To know a title's name is expensive, and each line here has cells of books.
    if !names.iter().any(String::is_empty) && names.iter().filter(|name| *name == first).count() < 2
    {
        return None;
    }
    let is_title = |name: &String| {
        let meaning = headers::known_meaning(name);
        meaning.is_some_and(|meaning| matches!(meaning.field, Title | TitleAndAuthor))
    };
    let mut tables: Vec<Range<usize>> = Vec::new();
    let (mut start, mut has_titles) = (0, false);
    for at in 0..=names.len() {
        let is_gap = names.get(at).is_none_or(String::is_empty);
        let is_again = at > start + 1 && names.get(at) == Some(first);
        if !is_gap && !is_again {
            continue;
        }
        let columns = start..at;
        start = at + usize::from(is_gap);
        if columns.is_empty() {
            continue;
        }
        let own = names[columns.clone()].iter().any(is_title);
        match tables.last_mut() {
            // "Title,Author,,Rating" is one table.
            Some(last) if !own || !has_titles => last.end = columns.end,
            _ => tables.push(columns),
        }
        has_titles |= own;
    }
    // Two columns of one name are not yet two tables.
    let are_apart = |pair: &[Range<usize>]| {
        let (one, other) = (&names[pair[0].clone()], &names[pair[1].clone()]);
        pair[0].end < pair[1].start || other.iter().all(|name| one.contains(name))
    };
    (tables.len() > 1 && tables.windows(2).all(are_apart)).then_some(tables)
}
