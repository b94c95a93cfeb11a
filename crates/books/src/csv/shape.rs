//! Tables in other shapes, written as usual ones: other ends of lines, a line for each field,
//! columns aligned by blanks, a column for each status, tables that share a file.

mod below;
mod beside;
mod sideways;

pub(super) use below::of_tables_below;
use beside::of_tables_side_by_side;
use sideways::of_table_on_its_side;

use super::headers;
use super::notes::of_notes;
use super::records::{Format, Record, Records, push_record};
use super::status::{status, yes_or_no};
use super::table::{DELIMITERS, MAX_HEADER};
use crate::text::joined;

/// The name of the column with what a sheet is called, or what stands above a table: the shelf, or
/// the status, of its books.
pub(super) const SHELF: &str = "Sheet (shelf)";

/// A table written anew, and the number that each of its records has in the user's file: that of
/// its line, where the file has no records.
#[derive(Default)]
pub(super) struct Shaped {
    pub text: String,
    pub numbers: Vec<u32>,
    /// Headings that say nothing of single books.
    pub lines_above: Vec<String>,
    /// What stands in place of empty records: rows that are no books.
    pub others: Vec<(u32, String)>,
    /// Whether the books stood in columns, by which they are numbered.
    pub was_on_its_side: bool,
}

impl Shaped {
    pub(super) fn with_room(length: usize) -> Self {
        Self {
            text: String::with_capacity(length),
            ..Self::default()
        }
    }

    pub(super) fn push(
        &mut self,
        number: usize,
        fields: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        push_record(&mut self.text, fields);
        self.numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
    }
}

/// The place of each of these columns among those of all tables, which get the new ones; of two of
/// one name each has its own.
pub(super) fn places(all: &mut Vec<String>, names: &[String]) -> Vec<usize> {
    // "Finished" is "Date Read", and no rating of ten is one of five.
    let field = |name: &String| {
        let meaning = headers::known_meaning(name)?;
        let field = Some(meaning.field).filter(|field| !field.adds_up())?;
        Some((field, headers::scale_in(name)))
    };
    let mut places: Vec<usize> = Vec::new();
    for name in names {
        let find = |is_same: &dyn Fn(&String) -> bool| {
            let mut columns = all.iter().enumerate();
            let is_free = |at: &usize| !places.contains(at);
            let found = columns.find(|(at, other)| is_free(at) && is_same(other));
            found.map(|(at, _)| at)
        };
        let key = joined(name);
        let place = find(&|other| !key.is_empty() && joined(other) == key).or_else(|| {
            let said = field(name)?;
            find(&|other| field(other) == Some(said))
        });
        places.push(place.unwrap_or(all.len()));
        if place.is_none() {
            all.push(name.clone());
        }
    }
    places
}

/// A record's cells at the places of their columns among so many, then what stands behind these,
/// then cells behind the record's last column, which are told as such.
pub(super) fn arranged<'r>(
    record: &'r Record,
    places: &[usize],
    width: usize,
    behind: Option<&'r str>,
) -> Vec<&'r str> {
    let mut cells = vec![""; width];
    cells.extend(behind);
    for (at, cell) in record.fields().enumerate() {
        match places.get(at) {
            Some(place) => cells[*place] = cell,
            None if !cell.trim().is_empty() => cells.push(cell),
            None => {}
        }
    }
    cells
}

/// The text with usual ends of lines, if it has none and others.
pub(super) fn with_line_ends(text: &str) -> Option<String> {
    const ENDS: [char; 4] = ['\u{2028}', '\u{2029}', '\u{85}', '\u{1e}'];
    let inside = text.trim_matches(['\u{feff}', '\n', '\r', ' ']);
    let is_other = !inside.contains(['\n', '\r']) && inside.contains(ENDS);
    is_other.then(|| inside.replace(ENDS, "\n"))
}

/// The usual table of a text in another shape; `None` when it has none of these. Of more than
/// `max_rows` rows, one more is enough to be too many.
pub(super) fn as_table(text: &str, max_rows: usize) -> Option<Shaped> {
    of_fields_in_lines(text, max_rows)
        .or_else(|| of_aligned_columns(text))
        .or_else(|| of_sheet(text, max_rows))
        .or_else(|| of_notes(text, max_rows))
}

/// The same for a sheet, whose cells are what they are.
pub(super) fn of_sheet(text: &str, max_rows: usize) -> Option<Shaped> {
    of_board(text, max_rows)
        .or_else(|| of_table_on_its_side(text, max_rows))
        .or_else(|| of_tables_side_by_side(text, max_rows))
}

/// A line of the form "Title: Dune".
pub(super) fn named_value(line: &str) -> Option<(&str, &str)> {
    /// Longest name, in bytes.
    const MAX_NAME: usize = 60;
    let (name, value) = line.split_once([':', '：', '='])?;
    let name = name.trim_start_matches(['-', '*', ' ']).trim();
    (!name.is_empty() && name.len() <= MAX_NAME).then(|| (name, value.trim()))
}

/// Records one below the other, each field in a line of its own behind its name, as a table.
pub(super) fn of_fields_in_lines(text: &str, max_rows: usize) -> Option<Shaped> {
    /// Number of lines by which the shape is told.
    const LINES: usize = 200;
    let text = text.trim_start_matches('\u{feff}');
    // Three dashes are around the fields of a note.
    let is_blank = |line: &str| line.chars().all(|c| c == '-');
    let lines = || text.lines().map(str::trim).filter(|line| !is_blank(line));
    let is_known = |line: &&str| {
        named_value(line).is_some_and(|(name, _)| headers::known_meaning(name).is_some())
    };
    let first = lines().next()?;
    if !is_known(&first) {
        return None;
    }
    let (mut all, mut known) = (0, 0);
    let mut names: Vec<String> = Vec::new();
    for line in lines().take(LINES) {
        all += 1;
        if is_known(&line) {
            known += 1;
            let name = named_value(line)?.0.to_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let tells_book = names.iter().any(|name| headers::names_book(name));
    if names.len() < 2 || !tells_book || known * 4 < all * 3 {
        return None;
    }
    let mut columns: Vec<String> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut numbers = Vec::new();
    let mut last = None;
    let mut is_after_blank = false;
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if is_blank(line) {
            is_after_blank = true;
            continue;
        }
        // Text that goes on may have a colon, too.
        let field = named_value(line).filter(|(name, _)| {
            columns.iter().any(|known| known.eq_ignore_ascii_case(name))
                || headers::known_meaning(name).is_some()
                || last.is_none()
        });
        let Some((name, value)) = field else {
            if let (Some(row), Some(at)) = (rows.last_mut(), last)
                && let Some(cell) = row.get_mut::<usize>(at)
            {
                cell.push('\n');
                cell.push_str(line);
            }
            continue;
        };
        let known = columns
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name));
        let at = known.unwrap_or(columns.len());
        if known.is_none() {
            columns.push(name.to_owned());
        }
        let is_taken = |row: &Vec<String>| row.get(at).is_some_and(|cell| !cell.is_empty());
        let is_next = rows
            .last()
            .is_none_or(|row| is_taken(row) && (at == 0 || is_after_blank));
        if is_next {
            if rows.len() > max_rows {
                break;
            }
            rows.push(Vec::new());
            numbers.push(number + 1);
        }
        is_after_blank = false;
        last = Some(at);
        if let Some(row) = rows.last_mut() {
            if row.len() <= at {
                row.resize(at + 1, String::new());
            }
            if row[at].is_empty() {
                value.clone_into(&mut row[at]);
            } else if !value.is_empty() {
                row[at] = format!("{}; {value}", row[at]);
            }
        }
    }
    let mut table = Shaped::with_room(text.len() + text.len() / 4);
    table.push(1, &columns);
    for (row, number) in rows.iter().zip(numbers) {
        table.push(number, row);
    }
    Some(table)
}

/// A table whose columns are aligned by blanks, with commas.
fn of_aligned_columns(text: &str) -> Option<Shaped> {
    let text = text.trim_start_matches('\u{feff}');
    let header = text.lines().find(|line| !line.trim().is_empty())?;
    if header.len() > MAX_HEADER || header.contains([',', ';', '\t', '|']) {
        return None;
    }
    // Where each name begins, in characters.
    let mut starts = Vec::new();
    let mut blanks = 2;
    for (at, c) in header.chars().enumerate() {
        if c != ' ' && blanks > 1 {
            starts.push(at);
        }
        blanks = if c == ' ' { blanks + 1 } else { 0 };
    }
    let names: Vec<&str> = cut(header, &starts)?;
    let known = names
        .iter()
        .filter(|name| headers::known_meaning(name).is_some());
    if names.len() < 2 || known.count() < 2 {
        return None;
    }
    let mut table = Shaped::with_room(text.len() + text.len() / 4);
    for (number, line) in text.lines().enumerate() {
        // A line that fits no column is kept whole.
        let cells = cut(line, &starts).unwrap_or_else(|| {
            let cells = line.split("  ").map(str::trim);
            cells.filter(|cell| !cell.is_empty()).collect()
        });
        if !line.trim().is_empty() {
            table.push(number + 1, cells);
        }
    }
    Some(table)
}

/// The cells of a line that begin at these characters; `None` when a text goes over a border.
fn cut<'l>(line: &'l str, starts: &[usize]) -> Option<Vec<&'l str>> {
    let mut borders = Vec::new();
    let mut before = ' ';
    for (number, (at, c)) in line.char_indices().enumerate() {
        if starts.get(borders.len()) == Some(&number) {
            if before != ' ' {
                return None;
            }
            borders.push(at);
        }
        before = c;
    }
    let ends = borders.iter().skip(1).copied().chain([line.len()]);
    let cells = borders
        .iter()
        .zip(ends)
        .map(|(start, end)| line[*start..end].trim());
    Some(cells.collect())
}

/// A board, whose columns are statuses with a title in each cell, as a list of titles.
fn of_board(text: &str, max_rows: usize) -> Option<Shaped> {
    let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ']);
    let header = text.lines().next()?;
    if header.len() > MAX_HEADER {
        return None;
    }
    let delimiter = DELIMITERS
        .into_iter()
        .find(|delimiter| header.as_bytes().contains(delimiter))?;
    let mut records = Records::new(text, Format::quoted(delimiter));
    let mut record = Record::default();
    records.read(&mut record);
    let names: Vec<String> = record.fields().map(|name| name.trim().to_owned()).collect();
    let statuses: Vec<_> = (names.iter().filter(|name| !name.is_empty()))
        .map(|name| status(name))
        .collect();
    let mut different: Vec<_> = statuses.iter().flatten().collect();
    different.dedup();
    if statuses.len() < 2 || statuses.contains(&None) || different.len() < 2 {
        return None;
    }
    let mut books: Vec<(usize, usize, String)> = Vec::new();
    let (mut marks, mut row) = (0, 1);
    while books.len() <= max_rows && records.read(&mut record) {
        row += 1;
        for (at, cell) in record.fields().enumerate() {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            let is_mark = cell.chars().count() < 2
                || yes_or_no(cell).is_some()
                || crate::date::PartialDate::parse(cell).is_some();
            marks += usize::from(is_mark || names.get(at).is_none_or(String::is_empty));
            books.push((at, row, cell.to_owned()));
        }
    }
    if books.is_empty() || marks * 10 > books.len() {
        return None;
    }
    let mut table = Shaped::with_room(text.len() * 2);
    table.push(1, ["Title", "Status"]);
    let mut by_column = vec![Vec::new(); names.len() + 1];
    for (column, row, book) in &books {
        // Cells behind the last name come last.
        by_column[(*column).min(names.len())].push((row, book));
    }
    for (at, books) in by_column.into_iter().enumerate() {
        for (row, book) in books {
            table.push(*row, std::iter::once(book).chain(names.get(at)));
        }
    }
    Some(table)
}
