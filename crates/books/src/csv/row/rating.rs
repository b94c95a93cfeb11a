//! The rating of a row.

use super::cells::Cells;
use super::draft::Draft;
use crate::ReadingStatus;
use crate::csv::columns::Columns;
use crate::csv::field::Field;
use crate::csv::rating::{Rating, has_remark, letter_grade, middle_of_scale};
use crate::csv::reading::Certainty;
use crate::csv::status::status;
use crate::csv::times::ONLY_STATUS;

/// Whether a rating is filled stars only, which do not say out of how many they are.
fn is_bare_stars(text: &str) -> bool {
    text.starts_with(['★', '⭐', '*'])
        && !text.contains(|c: char| c.is_alphanumeric() || matches!(c, '☆' | '✩'))
}

impl Columns {
    /// The rating, of at most 5, and the cells of a column of ratings or remarks that are none.
    pub(super) fn rating<'a>(
        &self,
        cells: &'a Cells<'_>,
        reading_status: Option<ReadingStatus>,
        draft: &mut Draft,
    ) -> (Option<f64>, Vec<&'a str>) {
        let mut rating = None;
        let mut remarks = Vec::new();
        let hundredths = |value: f64| (value * 100.0).round() / 100.0;
        for field in [Field::Rating, Field::RatingOrNotes] {
            for (column, text) in cells.all(field) {
                if column.is_part && column.certainty != Certainty::Given {
                    draft.list(column, text, " is for a part of the book: not taken");
                    continue;
                }
                // "DNF 45%" is no rating of 45%.
                let is_status = text.starts_with(char::is_alphabetic) && status(text).is_some();
                let value = match Rating::read(text).filter(|_| !is_status) {
                    None if column.is_letter => letter_grade(text),
                    None if column.has_words => middle_of_scale(text),
                    Some(Rating::None) => {
                        if has_remark(text) {
                            remarks.push(text);
                        }
                        continue;
                    }
                    // All stars of three or four.
                    Some(Rating::Share(share)) if column.scale < 5.0 && is_bare_stars(text) => {
                        Some((share * 25.0 / column.scale).min(5.0))
                    }
                    Some(Rating::Share(share)) => Some(share * 5.0),
                    Some(Rating::Plain(grade)) if column.is_grade => (1.0..=6.0)
                        .contains(&grade)
                        .then_some((6.0 - grade).max(0.5)),
                    Some(Rating::Plain(value)) if value > 0.0 && value <= column.scale => {
                        Some(value * 5.0 / column.scale)
                    }
                    _ => None,
                };
                // A tiny share would come out as no rating.
                let value = value.map(hundredths).filter(|value| *value > 0.0);
                if value.is_some() && !column.is_letter && has_remark(text) {
                    remarks.push(text);
                }
                match value {
                    Some(value) => match rating {
                        None => rating = Some(value),
                        Some(other) if other == value => {}
                        Some(_) => draft.not_taken(column, text),
                    },
                    None if field == Field::RatingOrNotes => remarks.push(text),
                    None => match status(text) {
                        // "DNF"; "DNF 45%" says more than its status.
                        Some(_) if text.contains(|c: char| c.is_numeric()) => {
                            draft.list(column, text, ONLY_STATUS);
                        }
                        Some(status) if Some(status) != reading_status => {
                            draft.not_taken(column, text);
                        }
                        Some(_) => {}
                        None => draft.not_understood(column, text),
                    },
                }
            }
        }
        (rating, remarks)
    }
}
