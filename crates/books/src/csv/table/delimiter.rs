//! The signs between fields.

use super::{DELIMITERS, MAX_HEADER};
use crate::csv::headers;
use crate::csv::records::push_record;

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
