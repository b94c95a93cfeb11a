//! A reader's own data on a book, as an imported library has them.

use books::Imported;
use job::Item;
use serde::Serialize;

use super::chosen;
use crate::number::Whole;

/// A reader's own data on a book, as an imported library has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Source<'a> {
    /// The title as it stands in the file, where the book's is only a part of it:
    /// `Dune (Dune, #1)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// The series, and the book's place in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Series<'a>>,
    /// Binding or medium: a known one (`Hardcover`, `Paperback`, `E-book`, `Audiobook`,
    /// `Mass Market`), else as the file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'a str>,
    /// Year in which the work was first published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_year: Option<i32>,
    /// The reader's rating: above 0, at most 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_rating: Option<Whole>,
    /// The reader's progress: read, being read, to be read, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_status: Option<ReadingStatus>,
    /// Day on which the book was last finished, `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_read: Option<&'a str>,
    /// Days of all readings, unless `dateRead` says it all: `yyyy`, `yyyy-mm`, `yyyy-mm-dd`, or two
    /// of these with a slash between them (ISO 8601 interval).
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub dates_read: &'a [String],
    /// Start of the last reading: `yyyy-mm-dd`, `yyyy-mm` or `yyyy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_started: Option<&'a str>,
    /// Day on which the reader gave the book up: `yyyy-mm-dd`, `yyyy-mm` or `yyyy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_stopped: Option<&'a str>,
    /// Day on which the book came into the library: `yyyy-mm-dd`, `yyyy-mm` or `yyyy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_added: Option<&'a str>,
    /// Number of readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_count: Option<u32>,
    /// The reader's own shelves, tags and collections, without those that only say the status.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub shelves: &'a [String],
    /// The reader's review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<&'a str>,
    /// The reader's private notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<&'a str>,
    /// Number of copies that the reader owns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_copies: Option<u32>,
    /// Amazon's number of the book, where that is no ISBN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asin: Option<&'a str>,
    /// Goodreads book id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodreads_id: Option<&'a str>,
    /// LibraryThing book id.
    #[serde(rename = "librarythingId", skip_serializing_if = "Option::is_none")]
    pub librarything_id: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// Spells the reader's own data; `None` when there are none.
    pub(super) fn of(imported: &'a Imported, item: &'a Item) -> Option<Self> {
        let source = &imported.source;
        let all = Self {
            title: (imported.given_title.as_deref()).or_else(|| {
                // The book has the title of what was chosen.
                let given = chosen(item).map(|_| item.wanted.title.as_str());
                given.filter(|title| !title.is_empty())
            }),
            series: imported.series.as_ref().map(|series| Series {
                name: &series.name,
                position: series.position.as_deref(),
            }),
            format: (imported.format.map(books::Format::name)).or(imported.binding.as_deref()),
            original_year: imported.original_year,
            user_rating: source.user_rating.map(Whole),
            reading_status: source.reading_status.map(ReadingStatus::from),
            date_read: source.date_read.as_deref(),
            dates_read: &source.dates_read,
            date_started: source.date_started.as_deref(),
            date_stopped: source.date_stopped.as_deref(),
            date_added: source.date_added.as_deref(),
            read_count: source.read_count,
            shelves: &source.shelves,
            review: source.review.as_deref(),
            notes: source.notes.as_deref(),
            owned_copies: source.owned_copies,
            asin: source.asin.as_deref(),
            goodreads_id: source.goodreads_id.as_deref(),
            librarything_id: source.librarything_id.as_deref(),
        };
        (all != Self::default()).then_some(all)
    }
}

/// A series and the place of a book in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Series<'a> {
    /// Name of the series.
    pub name: &'a str,
    /// Place as the file says it: `1`, `1.5`, `1-3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<&'a str>,
}

/// A reader's progress with a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReadingStatus {
    /// Finished: read to the end.
    Read,
    /// Being read.
    CurrentlyReading,
    /// Planned to be read.
    ToRead,
    /// Given up before the end.
    DidNotFinish,
}

impl From<books::ReadingStatus> for ReadingStatus {
    fn from(status: books::ReadingStatus) -> Self {
        match status {
            books::ReadingStatus::Read => Self::Read,
            books::ReadingStatus::CurrentlyReading => Self::CurrentlyReading,
            books::ReadingStatus::ToRead => Self::ToRead,
            books::ReadingStatus::DidNotFinish => Self::DidNotFinish,
        }
    }
}
