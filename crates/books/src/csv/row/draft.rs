//! The book of a row while it is read, and what is listed of cells that are not kept as they stand.

use super::cells::Cells;
use crate::IsbnError;
use crate::csv::Row;
use crate::csv::columns::Column;
use crate::csv::field::Field;
use crate::csv::values::{has_words_beside_number, without_markup};
use crate::date::{PartialDate, says_more};
use crate::text::{clean, quoted, words};

/// The longest review or note (characters).
const MAX_PROSE: usize = 20_000;

/// The most warnings that a row lists one by one.
const MAX_WARNINGS: usize = 20;

/// The book of a row, and the problems with the row.
#[derive(Debug, Default)]
pub(in crate::csv) struct Draft {
    pub row: Row,
    warnings: Vec<String>,
    /// Number of warnings beyond those.
    more_warnings: usize,
    /// The fault of the row's ISBN, when it has one but none that is valid.
    pub bad_isbn: Option<IsbnError>,
    /// Whether a cell shows the error of a spreadsheet's formula.
    pub has_broken_cells: bool,
}

impl Draft {
    pub(in crate::csv) fn warn(&mut self, warning: String) {
        if self.warnings.contains(&warning) {
            return;
        }
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        } else {
            self.more_warnings += 1;
        }
    }

    /// All warnings; of those beyond the most that are kept, their number.
    pub(in crate::csv) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        if self.more_warnings > 0 {
            warnings.push(format!("and {} warnings more", self.more_warnings));
        }
        warnings
    }

    /// Lists a cell, with what became of it.
    pub(in crate::csv) fn list(&mut self, column: &Column, text: &str, what: &str) {
        let (name, text) = (column.reading_name(), quoted(text, 60));
        self.warn(format!("{name} {text}{what}"));
    }

    /// Lists the words beside a number, and a second year, which are not kept with it.
    pub(in crate::csv) fn only_number(&mut self, column: &Column, text: &str) {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        let years = (text.split(|c: char| !c.is_ascii_digit()))
            .filter(|digits| digits.len() == 4 && digits.starts_with(['1', '2']));
        let is_date = || PartialDate::parse(text).is_some() && !says_more(text);
        // "1815-16"
        let is_span = || {
            let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let ends = text.split_once(['-', '–', '/']);
            ends.is_some_and(|(from, to)| from.len() == 4 && is_digits(from) && is_digits(to))
                && PartialDate::parse(text).is_none()
        };
        if has_words_beside_number(text) && !is_date() || years.count() > 1 || is_span() {
            self.list(column, text, ": only the number is kept");
        }
    }

    /// Lists a cell that can be read, in a row where another cell said something else.
    pub(in crate::csv) fn not_taken(&mut self, column: &Column, text: &str) {
        self.list(
            column,
            text,
            " was not taken: another column says otherwise",
        );
    }

    pub(in crate::csv) fn not_understood(&mut self, column: &Column, text: &str) {
        (column.not_understood).set(column.not_understood.get().saturating_add(1));
        self.list(column, text, " was not understood");
    }

    /// Cuts a text to its limit, and records that as a problem.
    pub(super) fn cut(&mut self, text: &str, max: usize, what: &str) -> String {
        let cut = clean(text, max);
        if text.len() > max && text.chars().count() > max && clean(text, usize::MAX) != cut {
            self.warn(format!("{what} cut to {max} characters"));
        }
        cut
    }

    /// Lists the cells of a field, of which the first is kept, that say something else.
    pub(super) fn only_first(&mut self, cells: &Cells<'_>, field: Field) {
        let mut all = cells.all(field);
        let Some((_, first)) = all.next() else {
            return;
        };
        for (column, text) in all.filter(|(_, text)| *text != first) {
            if words(text) != words(first) || words(text).is_empty() {
                self.not_taken(column, text);
            }
        }
    }

    /// The first value that can be read; cells that cannot, or say something else, are listed.
    pub(super) fn first_read<'c, T: PartialEq>(
        &mut self,
        cells: impl Iterator<Item = (&'c Column, &'c str)>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let mut first = None;
        for (column, text) in cells {
            match read(text) {
                Some(value) if first.as_ref().is_some_and(|first| *first != value) => {
                    self.not_taken(column, text);
                }
                Some(value) => {
                    self.only_number(column, text);
                    first = Some(value);
                }
                None if text == "0" => {}
                None => self.not_understood(column, text),
            }
        }
        first
    }

    /// Texts of several lines, one after the other.
    pub(super) fn prose<'c>(
        &mut self,
        texts: impl Iterator<Item = &'c str>,
        what: &str,
    ) -> Option<String> {
        let mut all = String::new();
        for text in texts {
            if !all.is_empty() {
                all.push_str("\n\n");
            }
            all.push_str(text);
        }
        if all.is_empty() {
            return None;
        }
        let bare = without_markup(&all);
        let lines: Vec<String> = bare.lines().map(|line| clean(line, usize::MAX)).collect();
        let prose = lines.join("\n").trim().to_owned();
        if prose.is_empty() && !all.trim().is_empty() {
            self.warn(format!("{what} has no text: {}", quoted(&all, 60)));
        }
        match prose.char_indices().nth(MAX_PROSE) {
            Some((end, _)) => {
                self.warn(format!("{what} cut to {MAX_PROSE} characters"));
                Some(prose[..end].to_owned())
            }
            None => Some(prose).filter(|prose| !prose.is_empty()),
        }
    }
}
