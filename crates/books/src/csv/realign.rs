//! Repair of rows with a comma too many, because a title or a name holds one unquoted.

use super::columns::{Column, Columns, is_day};
use super::field::Field;
use super::rating::Rating;
use super::records::Record;
use super::row::year_of;
use super::status::{status, yes_or_no};
use super::values::{count, is_formula_error, is_placeholder, tidy};
use crate::Isbn;
use crate::name::{NameOrder, begins_with_given_name, order_in};
use crate::text::quoted;

/// Largest number of additional commas of a row that are taken for part of a text.
const MAX_EXTRA: usize = 6;
/// Largest number of columns of a table whose columns are tried one after the other.
const MAX_WIDTH: usize = 64;
/// Number of characters behind a row's last column that its remark repeats; the row's cells have
/// all.
const MAX_SURPLUS: usize = 1_000;
/// Number of columns that are tried.
const MAX_TRIED: usize = 12;

/// A row put together again.
pub(super) struct Realigned {
    pub record: Record,
    /// The part of the row that a reader should look at.
    pub remark: String,
}

/// The remark about a field that had been split, and is whole again.
fn whole(text: &str) -> String {
    format!(
        "{} was read as one field: the row has more separators than the header",
        quoted(text, 100)
    )
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
        let extra = fields.len().checked_sub(width).filter(|extra| *extra > 0)?;
        if extra > MAX_EXTRA {
            return self.with_surplus(&fields, delimiter);
        }
        let separator = char::from(delimiter).to_string();
        let joined = |from: usize, to: usize| fields[from..=to].join(&separator);
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
                        before.push_str(&separator);
                        before.push_str(field);
                        whole.clone_from(before);
                    }
                    None => merged.push((*field).to_owned()),
                }
            }
            if self.fit(&merged).is_some() {
                return Some(Realigned {
                    record: Record::of(merged.iter().map(String::as_str)),
                    remark: self::whole(&whole),
                });
            }
        }
        if width > MAX_WIDTH {
            return self.with_surplus(&fields, delimiter);
        }
        let torn_at = |at: usize| {
            let mut merged: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            merged.splice(at..=at + extra, [joined(at, at + extra)]);
            // Without a cell that has a form of its own nobody can tell.
            (self.fit(&merged)? > 0).then_some(merged)
        };
        // "4,5" without quotes
        let is_digit = |at: usize| {
            fields.get(at).is_some_and(|field| {
                field.trim().len() == 1 && field.trim().bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let is_rating = |column: &Column| column.field == Some(Field::Rating);
        if let Some(at) = self.columns.iter().position(is_rating)
            && (delimiter, extra) == (b',', 1)
            && is_digit(at)
            && is_digit(at + 1)
            && let Some(merged) = torn_at(at)
        {
            return Some(Realigned {
                record: Record::of(merged.iter().map(String::as_str)),
                remark: whole(&merged[at]),
            });
        }
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
        let torn = (candidates.iter().find(is_name)).or_else(|| candidates.first());
        if let Some((at, merged)) = torn {
            return Some(Realigned {
                record: Record::of(merged.iter().map(String::as_str)),
                remark: whole(&merged[*at]),
            });
        }
        self.with_surplus(&fields, delimiter)
    }

    /// The row with what stands behind its last column: in that column, if it holds texts or
    /// labels, else left out. `None` if what names the book is not believable so.
    fn with_surplus(&self, fields: &[&str], delimiter: u8) -> Option<Realigned> {
        let width = self.columns.len();
        let separator = char::from(delimiter).to_string();
        let (own, surplus) = fields.split_at_checked(width)?;
        let mut own: Vec<String> = own.iter().map(|field| (*field).to_owned()).collect();
        let surplus = surplus.join(&separator);
        let is_title = |column: &Column| column.field == Some(Field::Title);
        if let Some(at) = self.columns.iter().position(is_title)
            && !self.has_a_name(&own)
        {
            // "Dawn,dusk,Nan Ott": the author tells that the title was split.
            let end = at + fields.len() - width;
            let mut torn: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            torn.splice(at..=end, [fields[at..=end].join(&separator)]);
            if self.has_a_name(&torn) && self.is_believable(&torn) {
                return Some(Realigned {
                    record: Record::of(torn.iter().map(String::as_str)),
                    remark: whole(&torn[at]),
                });
            }
        }
        if !self.is_believable(&own) {
            return None;
        }
        let is_open = |field: Field| {
            field.is_prose() || matches!(field, Field::Tags | Field::Shelves | Field::MoreAuthors)
        };
        let last = self.columns.last().and_then(|column| column.field);
        let remark = match (own.last_mut(), last.is_some_and(is_open)) {
            (Some(last), true) => {
                last.push_str(&separator);
                last.push_str(&surplus);
                whole(last)
            }
            _ => format!(
                "{} is not used: the row has more fields than the header",
                quoted(&surplus, MAX_SURPLUS)
            ),
        };
        Some(Realigned {
            record: Record::of(own.iter().map(String::as_str)),
            remark,
        })
    }

    /// The row of two records, the last field of the first and the first of the second being one
    /// text with the end of a line in it, if nothing else makes books of them.
    pub(super) fn joined(&self, first: &Record, second: &Record) -> Option<Record> {
        /// Words and signs at which no title ends.
        const OPEN: &str = "of the and a an in on to for with by from or at und der die das den dem des von im le la les \
            de du et des un une el los las y del e il lo gli di da o os do и в на & - – — : ,";
        let width = self.columns.len();
        let torn = first.count().checked_sub(1)?;
        let is_text = |column: &Column| {
            (column.field).is_some_and(|field| field.is_wording() || field.is_prose())
        };
        if width < 3 || first.count() + second.count() != width + 1 || torn + 1 == width {
            return None;
        }
        if !self.columns.get(torn).is_some_and(is_text) {
            return None;
        }
        let (before, after) = (first.get(torn).trim(), second.get(0).trim());
        if before.is_empty() || after.is_empty() {
            return None;
        }
        let mut cells: Vec<String> = first.fields().map(str::to_owned).collect();
        cells[torn] = format!("{before} {after}");
        cells.extend(second.fields().skip(1).map(str::to_owned));
        let last = before.split_whitespace().next_back().unwrap_or_default();
        let last = last.to_lowercase();
        let goes_on = after.starts_with(char::is_lowercase)
            || before.ends_with([',', ':', '-', '–', '—', '&'])
            || OPEN.split_whitespace().any(|word| word == last);
        // Of two lines that are each a row neither is a part of the other, unless it says so.
        let is_one = goes_on && torn == 0 || torn > 0 && !self.is_believable(&second.cells());
        (is_one && self.is_believable(&cells) && self.fit(&cells)? > 0)
            .then(|| Record::of(cells.iter().map(String::as_str)))
    }

    /// Whether a cell of an author is like a name.
    fn has_a_name(&self, cells: &[String]) -> bool {
        let is_name = |cell: &str| order_in(cell).is_some() || begins_with_given_name(cell);
        let mut columns = self.columns.iter().zip(cells);
        columns.any(|(column, cell)| {
            matches!(column.field, Some(Field::Author | Field::AuthorLastFirst)) && is_name(cell)
        })
    }

    /// Whether title, author and ISBN can be those of a book, and each cell with a form has it.
    pub(super) fn is_believable(&self, cells: &[String]) -> bool {
        let is_short = |cell: &str, most: usize| cell.chars().take(most + 1).count() <= most;
        let (mut title, mut author, mut number) = (false, None, false);
        for (column, cell) in self.columns.iter().zip(cells) {
            let cell = cell.trim();
            match column.field {
                Some(Field::Title) => {
                    title |= cell.chars().any(char::is_alphanumeric) && is_short(cell, 250);
                }
                Some(Field::Author | Field::AuthorLastFirst | Field::LastName) => {
                    let is_name = cell.chars().any(char::is_alphabetic)
                        && !cell.contains(|c: char| c.is_ascii_digit())
                        && is_short(cell, 100);
                    author = Some(author == Some(true) || is_name);
                }
                Some(Field::Isbn) => number |= Isbn::find(&tidy(cell)).is_ok(),
                _ => {}
            }
        }
        (title && author != Some(false) || number) && self.fit(cells).is_some()
    }

    /// Number of cells that have the form of their column; `None` when one has not.
    fn fit(&self, fields: &[String]) -> Option<usize> {
        let mut fitting = 0;
        for (column, cell) in self.columns.iter().zip(fields) {
            let text = tidy(cell);
            let Some(field) = column.field.filter(|field| field.has_form()) else {
                continue;
            };
            if text.is_empty() || is_placeholder(&text) || is_formula_error(&text) {
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
