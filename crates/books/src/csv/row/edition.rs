//! Format and year of the edition that a row names.

use super::MAX_NAME;
use super::cells::Cells;
use super::draft::Draft;
use crate::Format;
use crate::csv::field::Field;
use crate::csv::values::unbracketed;
use crate::date::{PartialDate, year};
use crate::numeral::roman;
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

/// The year of a book's edition or first publication.
pub(in crate::csv) fn year_of(text: &str) -> Option<i32> {
    /// Years of printed books.
    const PLAUSIBLE: std::ops::Range<i32> = 1_400..2_100;
    let text = unbracketed(text);
    let before_christ = [
        "B.C.E.",
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
    let is_day = || text.matches(['/', '-']).count() == 2;
    // "MCMXCIX"
    let in_roman = || {
        let year = roman(&text.trim_matches(['.', '©', ' ']).to_lowercase())?;
        i32::try_from(year)
            .ok()
            .filter(|year| PLAUSIBLE.contains(year))
    };
    // "36526" is how a spreadsheet may show 2000-01-01.
    let of_serial = || {
        let is_serial = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        let serial = text.parse().ok().filter(|_| is_serial)?;
        PartialDate::from_serial(serial).map(|date| date.year)
    };
    // "2001 (1999)", "1999-2000", "1999, c1965"
    let first = || {
        let bare = text.trim_start_matches(['c', '©', ' ']);
        let (digits, rest) = bare.split_at_checked(4)?;
        let ends = rest.starts_with([' ', ',', ';', '-', '–', '/', '[', '(']);
        year(digits).filter(|year| ends && PLAUSIBLE.contains(year))
    };
    let year = year(text)
        .or(before_christ)
        .or_else(|| PartialDate::parse(text).map(|date| date.year))
        .or_else(in_roman)
        .or_else(of_serial)
        .or_else(first)?;
    // Of the Buddhist calendar, as in Thailand.
    Some(match year {
        2_443..2_643 => year - 543,
        // Of the Persian one: no book is dated to the day so early.
        1_300..1_450 if is_day() => year + 621,
        year => year,
    })
}
