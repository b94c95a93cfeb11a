//! A reader's own meanings of columns.

use std::collections::BTreeMap;

use super::Column;
use crate::csv::CsvError;
use crate::csv::field::Field;
use crate::csv::reading::Certainty;
use crate::text::{clean, words};

/// A reader's own meanings of columns: the field's name, or `ignore`, by the column's header or its
/// number from 1. `#2` is the second column whatever the headers say.
pub type Mapping = BTreeMap<String, String>;

pub(super) fn apply(mapping: &Mapping, columns: &mut [Column]) -> Result<(), CsvError> {
    let positions = columns.len();
    let position = |number: &str| {
        let number = number.parse::<usize>().ok()?;
        number.checked_sub(1).filter(|at| *at < positions)
    };
    let numbered = |name: &str| name.strip_prefix('#').and_then(position);
    // A number tells one column, a name all that have it: so the number has the last word.
    let (by_number, by_name): (Vec<_>, Vec<_>) =
        (mapping.iter()).partition(|(name, _)| numbered(name).is_some());
    for (name, field) in by_name.into_iter().chain(by_number) {
        let wanted = words(name).concat();
        let is_named = |column: &Column| {
            column.name == *name || !wanted.is_empty() && words(&column.name).concat() == wanted
        };
        let named = || {
            (0..columns.len())
                .filter(|at| is_named(&columns[*at]))
                .collect()
        };
        let meant: Vec<usize> = numbered(name).map_or_else(named, |at| vec![at]);
        let meant = match meant.is_empty() {
            true => position(name).into_iter().collect(),
            false => meant,
        };
        if meant.is_empty() {
            return Err(CsvError::mapping(format!(
                "there is no column {:?}",
                clean(name, 100)
            )));
        }
        let field = match Field::by_name(field.trim()) {
            Some(field) => Some(field),
            None if field.trim().eq_ignore_ascii_case("ignore") => None,
            None => {
                return Err(CsvError::mapping(format!(
                    "there is no field {:?}",
                    clean(field, 100)
                )));
            }
        };
        for at in meant {
            give(columns, at, field);
        }
    }
    Ok(())
}

/// Gives a column the reader's own meaning. One that was only guessed to mean the same changes
/// places with it, and is taken for what that column was, if it was guessed, too.
fn give(columns: &mut [Column], at: usize, field: Option<Field>) {
    let was_guessed = columns[at].certainty == Certainty::Guessed;
    let before = columns[at].field.filter(|_| was_guessed);
    columns[at].field = field;
    columns[at].certainty = Certainty::Given;
    if field.is_none_or(Field::adds_up) {
        return;
    }
    for column in columns.iter_mut() {
        if column.field == field && column.certainty == Certainty::Guessed {
            column.field = before;
        }
    }
}
