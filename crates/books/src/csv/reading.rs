//! The interpretation of an imported file: for a reader to check, and to correct.

use serde::{Deserialize, Serialize};

use crate::text::{clean, words};

/// The most values that a column's reading shows.
const MAX_SAMPLES: usize = 3;
/// The longest of them (characters).
const MAX_SAMPLE: usize = 60;
/// Number of bytes of the values that the reading of a file shows.
const MAX_SAMPLE_BYTES: usize = 20_000;

/// The values of the columns of a file, as far as its reading shows them.
#[derive(Default)]
pub(super) struct Samples {
    bytes: usize,
}

impl Samples {
    /// Adds a cell to its column's samples, if it differs and there is room.
    pub(super) fn add(&mut self, samples: &mut Vec<String>, cell: &str) {
        // Most columns that have few samples say the same in every row.
        let is_known = || samples.iter().any(|sample| sample == cell);
        if samples.len() >= MAX_SAMPLES || self.bytes >= MAX_SAMPLE_BYTES || is_known() {
            return;
        }
        let mut sample = clean(cell, MAX_SAMPLE);
        // One character more may be white space.
        if sample.len() < cell.len() && clean(cell, MAX_SAMPLE + 2) != sample {
            sample.push('…');
        }
        if !sample.is_empty()
            && !samples.contains(&sample)
            && self.bytes + sample.len() <= MAX_SAMPLE_BYTES
        {
            self.bytes += sample.len();
            samples.push(sample);
        }
    }
}

/// Certainty of the meaning of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Guessed from the column's content.
    Guessed,
    /// Likely: the header resembles a known one.
    Likely,
    /// Certain: the header is a known one.
    Certain,
    /// Given by the reader.
    Given,
}

/// The interpretation of a column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnReading {
    /// Header of the column as it stands in the file; its number, from 1, in a file without a
    /// header.
    pub name: String,
    /// The field that the column holds, as a mapping spells it; absent when the column is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Certainty of `field`; absent when the column is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// Interpretation of its values, where they can be read in several ways: "day before month",
    /// "out of 10", "family name first".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<String>,
    /// Number of rows in which the column is not empty.
    pub filled: u32,
    /// First values of the column that differ, as they stand in the file: at most three, each cut
    /// to 60 characters, and 20,000 bytes in all columns together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<String>,
    /// Whether its values can be read in several ways, and too little tells in which: dates of
    /// which each could have day or month first, a scale that a single rating tells.
    #[serde(default, skip_serializing_if = "is_false")]
    pub doubtful: bool,
    /// Number of its cells that were not understood; each is listed with its row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_understood: u32,
}

/// The interpretation of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Reading {
    /// The program that exported the file; absent when it could be any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The encoding of the file's text, as the WHATWG standard names it, or the kind of workbook.
    pub encoding: String,
    /// Whether the encoding was guessed, for the file does not say.
    #[serde(skip_serializing_if = "is_false")]
    pub encoding_guessed: bool,
    /// Number of places in its text that had been encoded twice and were repaired.
    #[serde(skip_serializing_if = "is_zero")]
    pub repaired: u32,
    /// The separator of fields: `,`, `;`, `|` or `tab`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// The sheet of a workbook that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Sheets of the workbook that were not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_sheets: Vec<String>,
    /// Whether one of those sheets has books.
    #[serde(skip_serializing_if = "is_false")]
    pub other_sheets_have_books: bool,
    /// Number of the record that names the columns; absent in a file without a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u32>,
    /// Lines above the header that name no books.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines_above: Vec<String>,
    /// Columns of the file, in order.
    pub columns: Vec<ColumnReading>,
}

impl Reading {
    /// Whether a person should check the reading before books are made of the file.
    pub fn is_uncertain(&self) -> bool {
        let is_doubtful = |column: &ColumnReading| {
            column.doubtful
                || column.not_understood > 1 && column.not_understood > column.filled / 2
                || matches!(
                    column.certainty,
                    Some(Certainty::Guessed | Certainty::Likely)
                )
        };
        self.header_row.is_none()
            || self.encoding_guessed
            || self.other_sheets_have_books
            || self.columns.iter().any(is_doubtful)
            || self.may_lack_the_author()
            || self.lists_other_things()
    }

    /// Whether a column says that the file lists people, films or music.
    fn lists_other_things(&self) -> bool {
        const TELLING: [&str; 14] = [
            "email",
            "e mail",
            "email address",
            "phone",
            "phone number",
            "telephone",
            "director",
            "directors",
            "artist",
            "album",
            "letterboxd uri",
            "track",
            "imdb id",
            "runtime",
        ];
        let is_telling = |column: &ColumnReading| {
            column.field.is_none() && TELLING.contains(&words(&column.name).join(" ").as_str())
        };
        let tells_book = |column: &ColumnReading| {
            column.field.as_deref().is_some_and(|field| {
                field.contains("isbn") || field.starts_with("author") || field.starts_with("series")
            })
        };
        self.columns.iter().any(is_telling) && !self.columns.iter().any(tells_book)
    }

    /// Whether nothing but a title tells the books, and a column that is not used may have their
    /// authors.
    fn may_lack_the_author(&self) -> bool {
        const TELLING: [&str; 10] = [
            "author",
            "authorLastFirst",
            "authorFirstName",
            "authorLastName",
            "moreAuthors",
            "titleAndAuthor",
            "isbn",
            "isbnOrId",
            "identifiers",
            "workId",
        ];
        let fields: Vec<&str> = (self.columns.iter())
            .filter_map(|column| column.field.as_deref())
            .collect();
        let is_unused = |column: &ColumnReading| column.field.is_none() && column.filled > 0;
        fields.contains(&"title")
            && !fields.iter().any(|field| TELLING.contains(field))
            && self.columns.iter().any(is_unused)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}
