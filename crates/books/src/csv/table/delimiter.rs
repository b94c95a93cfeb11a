//! The signs between fields.

use super::{DELIMITERS, MAX_HEADER, sample};
use crate::csv::headers;
use crate::csv::records::{Format, push_record};

pub(super) fn declared_delimiter(text: &str) -> Option<(u8, &str)> {
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

/// The sign between the fields of the rows, where it is another than that of a header of so many
/// names: somebody has typed it above an export.
pub(super) fn delimiter_of_rows(body: &str, of_header: u8, width: usize) -> u8 {
    let share = |delimiter: u8| {
        let rows = sample(body, Format::quoted(delimiter));
        let fitting = rows.iter().filter(|row| row.count() == width);
        (fitting.count() * 10, rows.len())
    };
    let (fitting, all) = share(of_header);
    if width < 2 || fitting > all || all == 0 {
        return of_header;
    }
    let is_of_rows = |delimiter: &u8| {
        let (fitting, all) = share(*delimiter);
        fitting >= all * 9
    };
    (DELIMITERS.into_iter().find(is_of_rows)).unwrap_or(of_header)
}

/// Signs that separate fields where a comma is written otherwise, or in old programs.
const UNUSUAL_DELIMITERS: [char; 11] = [
    '，', '；', '｜', '¦', '^', '~', '؛', '、', '\u{1f}', '\u{1}', ':',
];

/// The text with commas for an unusual sign between its fields, and that sign; `None` when it has
/// none.
pub(in crate::csv) fn with_commas(text: &str) -> Option<(String, char)> {
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
        push_record(&mut commas, line.split(delimiter).map(bare));
    }
    Some((commas, delimiter))
}
