//! Format and year of the edition that a row names.

use std::cell::RefCell;

use super::MAX_NAME;
use super::cells::Cells;
use super::draft::Draft;
use crate::Format;
use crate::csv::field::Field;
use crate::csv::values::unbracketed;
use crate::date::{PartialDate, year};
use crate::numeral::roman;
use crate::text::{joined, words};

/// The formats that cells were read as: a column says the same few again and again, and nothing
/// but a reading of the whole list tells that a text is none.
#[derive(Debug, Default)]
pub(in crate::csv) struct Formats(RefCell<Vec<(String, Option<Format>)>>);

impl Formats {
    /// The most texts that are remembered.
    const MOST: usize = 20;

    fn of(&self, text: &str) -> Option<Format> {
        let mut known = self.0.borrow_mut();
        if let Some((_, format)) = known.iter().find(|(other, _)| other == text) {
            return *format;
        }
        let format = Format::parse(text);
        if known.len() < Self::MOST {
            known.push((text.to_owned(), format));
        }
        format
    }
}

/// The format, else the binding as it stands in the file.
pub(super) fn format_of(
    formats: &Formats,
    cells: &Cells<'_>,
    publication: &str,
    draft: &mut Draft,
) -> (Option<Format>, Option<String>) {
    let says_nothing = |text: &str| {
        matches!(
            joined(text).as_str(),
            "book" | "unknownbinding" | "print" | "ean13" | "ean" | "upca" | "qrcode" | "isbn"
        )
    };
    let given = (cells.all(Field::Format)).filter(|(_, text)| !says_nothing(text));
    let given: Vec<_> = (given.map(|(column, text)| (column, text, formats.of(text)))).collect();
    let format = (given.iter().find_map(|(.., format)| *format))
        // Not the publisher, whose name may hold a "CD".
        .or_else(|| publication.split(',').skip(1).find_map(Format::parse));
    let binding = given.first().map(|(_, text, _)| *text);
    let binding = binding.filter(|_| format.is_none());
    for (column, text, own) in given {
        let is_kept = match format {
            Some(_) => own == format,
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
    let before_christ = || {
        [
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
        .map(|year| -year)
    };
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
        .or_else(before_christ)
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

#[cfg(test)]
mod tests {
    use crate::csv::read_csv;
    use crate::tally::counted;

    /// Reads so many rows; returns how often words were taken out of a text, and how often the list
    /// of formats was read.
    fn cost(rows: usize) -> [usize; 2] {
        let mut csv = "Book Id,Title,Author,Author l-f,My Rating,Average Rating,Publisher,Binding,\
            Number of Pages,Year Published,Date Read,Date Added,Exclusive Shelf,Read Count\n"
            .to_owned();
        for row in 0..rows {
            let binding = ["Paperback", "Velvet"][row % 2];
            csv.push_str(&format!(
                "{row},Harbour {row},Ann Ott,\"Ott, Ann\",4,3.90,Pod Press,{binding},200,1950,\
                2021/01/10,2020/01/10,read,1\n"
            ));
        }
        let before = ["words", "formats"].map(counted);
        let library = read_csv(csv.as_bytes(), rows).unwrap();
        let after = ["words", "formats"].map(counted);
        assert_eq!(library.books.len(), rows);
        [0, 1].map(|at| after[at] - before[at])
    }

    #[test]
    fn a_row_costs_few_readings_of_its_texts() {
        // What is read once for all files.
        cost(2);
        let [few, many] = [200, 400].map(cost);
        let [words, formats] = [0, 1].map(|at| many[at] - few[at]);
        assert!(words <= 200 * 20, "{words}");
        assert_eq!(formats, 0);
    }
}
