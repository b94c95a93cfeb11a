//! Repair of rows with a comma too many, because a title or a name holds one unquoted.

use super::columns::{Columns, is_day};
use super::field::Field;
use super::records::Record;
use super::row::year_of;
use super::status::{status, yes_or_no};
use super::values::{Rating, count, is_placeholder, tidy};
use crate::Isbn;
use crate::name::{NameOrder, order_in};

/// Largest number of additional commas of a row that are taken for part of a text.
const MAX_EXTRA: usize = 6;
/// Largest number of columns of a table whose columns are tried one after the other.
const MAX_WIDTH: usize = 64;
/// Number of columns that are tried.
const MAX_TRIED: usize = 12;

/// A row put together again.
pub(super) struct Realigned {
    pub record: Record,
    /// The field that had been split, whole again.
    pub whole: String,
}

impl Columns {
    /// Repairs a row that is too long, if the other cells say beyond doubt which text had been
    /// split.
    pub(super) fn realigned(&self, record: &Record, delimiter: u8) -> Option<Realigned> {
        let mut fields: Vec<&str> = record.fields().collect();
        let width = self.columns.len();
        if record.count() != fields.len() {
            return None;
        }
        while fields.len() > width && fields.last().is_some_and(|field| field.trim().is_empty()) {
            fields.pop();
        }
        let extra = fields.len().checked_sub(width)?;
        if !(1..=MAX_EXTRA).contains(&extra) {
            return None;
        }
        let delimiter = char::from(delimiter).to_string();
        let joined = |from: usize, to: usize| fields[from..=to].join(&delimiter);
        // A comma in a text has a space behind it, one between fields has none.
        let spaced: Vec<usize> = (1..fields.len())
            .filter(|at| fields[*at].starts_with(' ') && !fields[*at].trim().is_empty())
            .collect();
        if spaced.len() == extra {
            let mut merged: Vec<String> = Vec::new();
            let mut whole = String::new();
            for (at, field) in fields.iter().enumerate() {
                match merged.last_mut().filter(|_| spaced.contains(&at)) {
                    Some(before) => {
                        before.push_str(&delimiter);
                        before.push_str(field);
                        whole.clone_from(before);
                    }
                    None => merged.push((*field).to_owned()),
                }
            }
            if self.fit(&merged).is_some() {
                return Some(Realigned {
                    record: Record::of(merged.iter().map(String::as_str)),
                    whole,
                });
            }
        }
        if width > MAX_WIDTH {
            return None;
        }
        let torn_at = |at: usize| {
            let mut merged: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            merged.splice(at..=at + extra, [joined(at, at + extra)]);
            // Without a cell that has a form of its own nobody can tell.
            (self.fit(&merged)? > 0).then_some(merged)
        };
        let is_text = |at: &usize| {
            let field = self.columns[*at].field;
            field.is_some_and(|field| field.is_wording() || field.is_prose())
        };
        let candidates: Vec<(usize, Vec<String>)> = (0..width)
            .filter(is_text)
            .take(MAX_TRIED)
            .filter_map(|at| Some((at, torn_at(at)?)))
            .collect();
        let is_name = |(at, merged): &&(usize, Vec<String>)| {
            let field = self.columns[*at].field;
            matches!(field, Some(Field::Author | Field::AuthorLastFirst))
                && order_in(&merged[*at]) == Some(NameOrder::LastFirst)
        };
        let (at, merged) = candidates
            .iter()
            .find(is_name)
            .or_else(|| candidates.first())?;
        Some(Realigned {
            record: Record::of(merged.iter().map(String::as_str)),
            whole: merged[*at].clone(),
        })
    }

    /// Number of cells that have the form of their column; `None` when one has not.
    fn fit(&self, fields: &[String]) -> Option<usize> {
        let mut fitting = 0;
        for (column, cell) in self.columns.iter().zip(fields) {
            let text = tidy(cell);
            let Some(field) = column.field.filter(|field| field.has_form()) else {
                continue;
            };
            if text.is_empty() || is_placeholder(&text) {
                continue;
            }
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            let fits = match field {
                Field::Isbn => Isbn::find(&text).is_ok(),
                Field::IsbnOrId => Isbn::find(&text).is_ok() || !text.contains(' '),
                Field::Rating => Rating::read(&text).is_some() && Isbn::parse(&text).is_err(),
                Field::Pages | Field::ReadCount => count(&text).is_some(),
                Field::Year | Field::OriginalYear => year_of(&text).is_some(),
                Field::GoodreadsId | Field::BookId => is_number,
                _ => is_day(&text) || yes_or_no(&text).is_some() || status(&text).is_some(),
            };
            if !fits {
                return None;
            }
            fitting += 1;
        }
        Some(fitting)
    }
}
