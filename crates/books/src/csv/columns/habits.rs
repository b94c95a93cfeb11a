//! Habits of lists: an author written once above several books, rows of one cell.

use super::Column;
use crate::csv::field::Field;
use crate::csv::records::Record;

/// Whether a cell stands for the one above it.
pub(super) fn is_ditto(cell: &str) -> bool {
    // Most cells begin with another letter.
    if let Some(first) = cell.bytes().next()
        && first.is_ascii_alphanumeric()
        && !matches!(first | 0x20, b'd' | b'i')
    {
        return false;
    }
    let bare: String = cell
        .chars()
        .filter(|c| !matches!(c, '-' | '–' | ' '))
        .collect();
    matches!(
        bare.to_lowercase().as_str(),
        "\"" | "″"
            | "〃"
            | "''"
            | "”"
            | "\"\""
            | "ditto"
            | "dto."
            | "dto"
            | "idem"
            | "dito"
            | "同上"
    )
}

/// Books below their author, who stands in a column before the titles and only once.
pub(super) struct Groups {
    pub(super) author: usize,
    title: usize,
    last: String,
    named: u32,
    blank: u32,
    /// Whether an author is named twice, or the first book has none: then a blank is a blank.
    is_other: bool,
}

impl Groups {
    pub(super) fn of(columns: &[Column]) -> Option<Self> {
        let at = |field| {
            columns
                .iter()
                .position(|column| column.field == Some(field))
        };
        let (author, title) = (at(Field::Author)?, at(Field::Title)?);
        (author < title).then(|| Self {
            author,
            title,
            last: String::new(),
            named: 0,
            blank: 0,
            is_other: false,
        })
    }

    pub(super) fn add(&mut self, record: &Record) {
        let author = record.get(self.author).trim();
        if record.get(self.title).trim().is_empty() {
            self.is_other |= author.is_empty();
        } else if author.is_empty() {
            self.blank += 1;
            self.is_other |= self.named == 0;
        } else {
            self.is_other |= self.last == author;
            self.named += 1;
            author.clone_into(&mut self.last);
        }
    }

    pub(super) fn are_there(&self) -> bool {
        // One book without an author among many is one without.
        !self.is_other && self.blank > 1 && self.blank * 3 >= self.named
    }
}

/// Rows of a single cell, in a table of three columns or more.
#[derive(Default)]
pub(super) struct LoneCells {
    like_titles: u32,
    others: u32,
    /// Whether the row before has fewer cells than the header: one of them may have been torn.
    is_after_short: bool,
}

impl LoneCells {
    pub(super) fn add(&mut self, record: &Record, width: usize) {
        /// Number of characters of the longest text that is taken for a title.
        const MAX_TITLE: usize = 100;
        let is_lone = record.count() == 1 && width > 2;
        if is_lone && !record.is_empty() {
            let cell = record.get(0).trim();
            let is_title = cell.starts_with(char::is_alphanumeric)
                && !cell.starts_with(char::is_lowercase)
                && cell.contains(char::is_alphabetic)
                && !cell.ends_with(['.', ':', '!', ')', ','])
                && !cell.contains('\n')
                && cell.chars().nth(MAX_TITLE).is_none();
            match is_title && !self.is_after_short {
                true => self.like_titles += 1,
                false => self.others += 1,
            }
        }
        self.is_after_short = !is_lone && record.count() < width;
    }

    /// Whether titles alone in their records are a habit of this file: several, and no other lone
    /// cell.
    pub(super) fn are_there(&self) -> bool {
        self.like_titles > 1 && self.others == 0
    }
}
