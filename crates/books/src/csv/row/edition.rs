//! Format and year of the edition that a row names.

use super::MAX_NAME;
use super::cells::Cells;
use super::draft::Draft;
use crate::Format;
use crate::csv::field::Field;
use crate::csv::values::unbracketed;
use crate::date::{PartialDate, year};
use crate::text::words;

/// The format, else the binding as it stands in the file.
pub(super) fn format_of(
    cells: &Cells<'_>,
    publication: &str,
    draft: &mut Draft,
) -> (Option<Format>, Option<String>) {
    let says_nothing = |text: &str| {
        matches!(
            words(text).concat().as_str(),
            "book" | "unknownbinding" | "print" | "ean13" | "ean" | "upca" | "qrcode" | "isbn"
        )
    };
    let given = || (cells.all(Field::Format)).filter(|(_, text)| !says_nothing(text));
    let format = given()
        .map(|(_, text)| text)
        // Not the publisher, whose name may hold a "CD".
        .chain(publication.split(',').skip(1))
        .find_map(Format::parse);
    let binding = given().map(|(_, text)| text).next();
    let binding = binding.filter(|_| format.is_none());
    for (column, text) in given() {
        let is_kept = match format {
            Some(_) => Format::parse(text) == format,
            None => binding.is_some_and(|binding| words(binding) == words(text)),
        };
        if !is_kept {
            draft.not_taken(column, text);
        }
    }
    let binding = binding.map(|text| draft.cut(text, MAX_NAME, "binding"));
    (format, binding.filter(|text| !text.is_empty()))
}

pub(in crate::csv) fn year_of(text: &str) -> Option<i32> {
    let text = unbracketed(text);
    let before_christ = [
        "BC",
        "BCE",
        "B.C.",
        "v. Chr.",
        "av. J.-C.",
        "a.C.",
        "до н. э.",
    ]
    .iter()
    .find_map(|mark| text.strip_suffix(mark))
    .and_then(|text| year(text.trim()))
    .map(|year| -year);
    // "2001 (1999)"
    let first = text.split_once(" (").map_or(text, |(first, _)| first);
    year(text)
        .or(before_christ)
        .or_else(|| PartialDate::parse(text).map(|date| date.year))
        .or_else(|| year(first))
}
