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
    /// A [`bit`] for each field that has a cell.
    fields: u64,
    /// The cells that show the error of a spreadsheet's formula instead of a value.
    pub(super) broken: Vec<(&'a Column, Cow<'a, str>)>,
}

/// The bit of a field among all of them.
const fn bit(field: Field) -> u64 {
    1 << field as u64
}

impl<'a> Cells<'a> {
    pub(super) fn of(columns: &'a Columns, record: &'a Record) -> Self {
        Self::of_fields(columns, record, |_| true)
    }

    /// The cells of some fields.
    pub(super) fn of_fields(
        columns: &'a Columns,
        record: &'a Record,
        is_wanted: fn(Field) -> bool,
    ) -> Self {
        let mut broken = Vec::new();
        let cells = columns
            .columns
            .iter()
            .enumerate()
            .filter_map(|(at, column)| {
                let field = column.field.filter(|field| is_wanted(*field))?;
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
        let rank = |column: &Column| (column.certainty != Certainty::Given, !column.is_whole);
        let mut by_rank: Vec<(&Column, Field, Cow<'_, str>)> =
            Vec::with_capacity(columns.columns.len());
        let mut fields = 0;
        for cell in cells {
            fields |= bit(cell.1);
            let at = by_rank.partition_point(|(column, ..)| rank(column) <= rank(cell.0));
            by_rank.insert(at, cell);
        }
        Self {
            cells: by_rank,
            fields,
            broken,
        }
    }

    pub(in crate::csv) fn all(&self, field: Field) -> impl Iterator<Item = (&'a Column, &str)> {
        // Most fields have no cell in a row, and each is asked for.
        let cells = match self.fields & bit(field) {
            0 => &[][..],
            _ => &self.cells,
        };
        (cells.iter())
            .filter(move |(_, known, _)| *known == field)
            .map(|(column, _, text)| (*column, &**text))
    }

    pub(super) fn first(&self, field: Field) -> &str {
        self.all(field).next().map_or("", |(_, text)| text)
    }
}
