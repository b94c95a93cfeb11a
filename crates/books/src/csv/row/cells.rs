//! The cells of a row that mean something.

use std::borrow::Cow;

use crate::csv::columns::{Column, Columns};
use crate::csv::field::Field;
use crate::csv::people::listed;
use crate::csv::reading::Certainty;
use crate::csv::records::Record;
use crate::csv::values::{is_blank, is_day_zero, is_formula_error, is_placeholder, tidy, wording};

/// The cells of a row that mean something and are not empty.
pub(in crate::csv) struct Cells<'a> {
    cells: Vec<(&'a Column, Field, Cow<'a, str>)>,
    /// The cells that show the error of a spreadsheet's formula instead of a value.
    pub(super) broken: Vec<(&'a Column, Cow<'a, str>)>,
}

impl<'a> Cells<'a> {
    pub(super) fn of(columns: &'a Columns, record: &'a Record) -> Self {
        let mut broken = Vec::new();
        let cells = columns
            .columns
            .iter()
            .enumerate()
            .filter_map(|(at, column)| {
                let field = column.field?;
                let mut text = tidy(record.get(at));
                if is_formula_error(&text) {
                    broken.push((column, text));
                    return None;
                }
                if field.is_wording() {
                    text = wording(text);
                }
                if matches!(
                    field,
                    Field::Author | Field::MoreAuthors | Field::AuthorLastFirst
                ) && let Some(names) = listed(&text)
                {
                    text = names.into();
                }
                let says_nothing = match field {
                    // "Na" is somebody's name.
                    Field::Author => {
                        is_blank(&text)
                            || text.eq_ignore_ascii_case("none")
                            || text.len() > 5 && is_placeholder(&text)
                    }
                    Field::Title | Field::Subtitle | Field::FirstName | Field::LastName => {
                        is_blank(&text)
                    }
                    Field::Shelves | Field::Tags | Field::Review | Field::Notes => {
                        is_blank(&text) || matches!(&*text, "[]" | "{}")
                    }
                    field if field.is_date() => is_placeholder(&text) || is_day_zero(&text),
                    _ => is_placeholder(&text),
                };
                (!text.is_empty() && !says_nothing).then_some((column, field, text))
            });
        // Of two columns of a field the one that the reader has named is first.
        // "Overall rating" comes before those of plot and style.
        let mut by_rank: [Vec<_>; 4] = Default::default();
        for cell in cells {
            let is_guessed = cell.0.certainty != Certainty::Given;
            let rank = 2 * usize::from(is_guessed) + usize::from(!cell.0.is_whole);
            by_rank[rank].push(cell);
        }
        let cells = by_rank.into_iter().flatten().collect();
        Self { cells, broken }
    }

    pub(in crate::csv) fn all(&self, field: Field) -> impl Iterator<Item = (&'a Column, &str)> {
        (self.cells.iter())
            .filter(move |(_, known, _)| *known == field)
            .map(|(column, _, text)| (*column, &**text))
    }

    pub(super) fn first(&self, field: Field) -> &str {
        self.all(field).next().map_or("", |(_, text)| text)
    }
}
