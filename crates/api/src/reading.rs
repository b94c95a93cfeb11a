//! The interpretation of an imported file, for a person to check and to correct.

use serde::Serialize;

use crate::status::is_zero;

/// The interpretation of an imported file: its separator and columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Reading<'a> {
    /// The program that exported the file; absent when it could be any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<&'a str>,
    /// The encoding of its text, or the kind of workbook.
    pub encoding: &'a str,
    /// Whether the encoding was guessed, for the file does not say.
    pub encoding_guessed: bool,
    /// Number of places in its text that had been encoded twice and were repaired.
    pub repaired: u32,
    /// The separator of fields: `,`, `;`, `|` or `tab`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<&'a str>,
    /// The sheet of a workbook that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<&'a str>,
    /// Other sheets of the workbook, or other lists of the JSON document, which were not read.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub other_sheets: &'a [String],
    /// Number of the record that names the columns; absent in a file without a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u32>,
    /// Lines above the header that name no books.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub lines_above: &'a [String],
    /// Whether a person should look at the interpretation: no record names the columns, a meaning
    /// or the encoding was guessed, dates or ratings can be read in several ways, most cells of a
    /// column were not understood, another sheet has books, the authors may be in a column that is
    /// not used, or a column says that the file lists people, films or music.
    pub uncertain: bool,
    /// Columns of the file, in order.
    pub columns: Vec<Column<'a>>,
}

/// The interpretation of a column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Column<'a> {
    /// Header of the column as it stands in the file; its number, from 1, in a file without a
    /// header.
    pub name: &'a str,
    /// The field that the column holds, as `mapping` spells it without its order or scale; null
    /// when the column is not used.
    pub field: Option<&'a str>,
    /// Certainty of `field`; absent when the column is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// Interpretation of its values, where they can be read in several ways: `day before month`,
    /// `out of 10`, `family name first`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<&'a str>,
    /// Number of rows in which the column is not empty.
    pub filled: u32,
    /// Number of its cells that were not understood, each of which is listed with its row; absent
    /// when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_understood: u32,
    /// Its first values that differ, as they stand in the file: at most three, each cut to 60
    /// characters, and 20,000 bytes in all columns together.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub samples: &'a [String],
}

/// Certainty of the meaning of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Guessed from the column's content.
    Guessed,
    /// Likely: the header resembles a known one.
    Likely,
    /// Certain: the header is a known one.
    Certain,
    /// Given by the client.
    Given,
}

impl<'a> From<&'a books::Reading> for Reading<'a> {
    fn from(reading: &'a books::Reading) -> Self {
        Self {
            program: reading.program.as_deref(),
            encoding: &reading.encoding,
            encoding_guessed: reading.encoding_guessed,
            repaired: reading.repaired,
            delimiter: reading.delimiter.as_deref(),
            sheet: reading.sheet.as_deref(),
            other_sheets: &reading.other_sheets,
            header_row: reading.header_row,
            lines_above: &reading.lines_above,
            uncertain: reading.is_uncertain(),
            columns: reading.columns.iter().map(Column::from).collect(),
        }
    }
}

impl<'a> From<&'a books::ColumnReading> for Column<'a> {
    fn from(column: &'a books::ColumnReading) -> Self {
        Self {
            name: &column.name,
            field: column.field.as_deref(),
            certainty: column.certainty.map(Certainty::from),
            values: column.values.as_deref(),
            filled: column.filled,
            not_understood: column.not_understood,
            samples: &column.samples,
        }
    }
}

impl From<books::Certainty> for Certainty {
    fn from(certainty: books::Certainty) -> Self {
        match certainty {
            books::Certainty::Guessed => Self::Guessed,
            books::Certainty::Likely => Self::Likely,
            books::Certainty::Certain => Self::Certain,
            books::Certainty::Given => Self::Given,
        }
    }
}
