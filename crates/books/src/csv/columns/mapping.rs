//! A reader's own meanings of columns.

use std::collections::BTreeMap;

use super::Column;
use crate::csv::CsvError;
use crate::csv::field::{Field, field_names};
use crate::csv::reading::Certainty;
use crate::date::DateOrder;
use crate::text::{clean, joined};

/// A reader's own meanings of columns: the field's name, or `ignore`, by the column's header or its
/// number from 1. `#2` is the second column whatever the headers say. A field of dates may say
/// their order (`dateRead:day-first`), and a rating its scale (`rating:20`).
pub type Mapping = BTreeMap<String, String>;

/// The meaning that a reader gives to a column: the field, and how its values are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Meaning {
    /// `None`: the column is not to be used.
    field: Option<Field>,
    order: Option<DateOrder>,
    scale: Option<f64>,
}

/// Names of the orders of day and month.
const ORDERS: [(&str, DateOrder); 3] = [
    ("day-first", DateOrder::DayFirst),
    ("month-first", DateOrder::MonthFirst),
    ("year-first", DateOrder::YearFirst),
];
/// The highest scale of ratings.
const MAX_SCALE: f64 = 1_000.0;

impl Meaning {
    /// Reads `title`, `ignore`, `dateRead:day-first`, `rating:20`.
    fn read(text: &str) -> Result<Self, String> {
        let (name, how) = match text.split_once(':') {
            Some((name, how)) => (name.trim(), Some(how.trim())),
            None => (text.trim(), None),
        };
        let shown = || clean(text, 100);
        let field = match Field::by_name(name) {
            Some(field) => Some(field),
            None if name.eq_ignore_ascii_case("ignore") => None,
            None => {
                let fields: Vec<&str> = field_names().collect();
                return Err(format!(
                    "there is no field {:?}; the fields are ignore, {}",
                    clean(name, 100),
                    fields.join(", ")
                ));
            }
        };
        let mut meaning = Self {
            field,
            ..Self::default()
        };
        match (how, field) {
            (None, _) => {}
            (Some(how), Some(field)) if field.is_date() => {
                let order = ORDERS
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(how));
                let Some((_, order)) = order else {
                    return Err(format!(
                        "{:?}: the order of dates is day-first, month-first or year-first",
                        shown()
                    ));
                };
                meaning.order = Some(*order);
            }
            (Some(how), Some(Field::Rating | Field::RatingOrNotes)) => {
                let scale = how
                    .parse()
                    .ok()
                    .filter(|scale| (1.0..=MAX_SCALE).contains(scale));
                meaning.scale = Some(scale.ok_or_else(|| {
                    format!(
                        "{:?}: the scale of ratings is a number from 1 to {MAX_SCALE}",
                        shown()
                    )
                })?);
            }
            _ => {
                return Err(format!(
                    "{:?}: only fields of dates and ratings say how their values are read, as \
                     dateRead:day-first or rating:20",
                    shown()
                ));
            }
        }
        Ok(meaning)
    }
}

/// Whether a mapping may give this meaning to a column: a field, `ignore`, a date with its order
/// (`dateRead:day-first`) or a rating with its scale (`rating:20`).
///
/// # Errors
/// What is wrong with it, for people.
pub fn check_meaning(meaning: &str) -> Result<(), String> {
    Meaning::read(meaning).map(|_| ())
}

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
    for (name, meaning) in by_name.into_iter().chain(by_number) {
        let wanted = joined(name);
        let is_named = |column: &Column| {
            column.name == *name || !wanted.is_empty() && joined(&column.name) == wanted
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
            return Err(CsvError::mapping(no_such_column(name, columns)));
        }
        let meaning = Meaning::read(meaning).map_err(CsvError::mapping)?;
        for at in meant {
            give(columns, at, meaning.field);
            columns[at].told_order = meaning.order;
            columns[at].told_scale = meaning.scale;
        }
    }
    Ok(())
}

/// The message on a column that the file does not have: it names those that it has.
fn no_such_column(name: &str, columns: &[Column]) -> String {
    /// Number of columns that are named.
    const MANY: usize = 40;
    let named = columns.iter().take(MANY).enumerate();
    let names: Vec<String> = named
        .map(|(at, column)| match column.name.as_str() {
            "" => format!("#{}", at + 1),
            name => clean(name, 60),
        })
        .collect();
    let more = match columns.len().saturating_sub(MANY) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "there is no column {:?}; the columns are {}{more}",
        clean(name, 100),
        names.join(", ")
    )
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
