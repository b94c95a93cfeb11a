//! A finished item as clients read it.
//!
//! An import keeps the title and authors that its reader gave: it is the reader's library, and a
//! match by title means that the provider agrees. A request is answered with the provider's title,
//! which is what it asked for. What the provider does not know is filled in from the file.

mod objects;
mod source;

use books::{Found, Imported, Record};
use job::Item;
use serde::Serialize;

pub use self::objects::{
    AuthorObject, EditionObject, Enriched, EnrichedBook, Format, LookedUp, ReviewStatus, WorkObject,
};
pub use self::source::{ReadingStatus, Series, Source};
use crate::choice::Choosing;

/// The source of a book's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Provider {
    /// Open Library (openlibrary.org).
    #[serde(rename = "openlibrary")]
    OpenLibrary,
    /// The volumes API of Google Books.
    #[serde(rename = "google-books")]
    GoogleBooks,
}

impl From<books::Provider> for Provider {
    fn from(provider: books::Provider) -> Self {
        match provider {
            books::Provider::OpenLibrary => Self::OpenLibrary,
            books::Provider::GoogleBooks => Self::GoogleBooks,
        }
    }
}

impl Provider {
    /// The name for people of the provider that is called `name` in documents of the store.
    pub(crate) fn title_of(name: &str) -> &'static str {
        match name {
            "google-books" => "Google Books",
            _ => "Open Library",
        }
    }
}

/// A metadata provider in the spelling of a flat book's `provider`, and of V3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BookProvider {
    /// Open Library (openlibrary.org).
    OpenLibrary,
    /// The volumes API of Google Books.
    GoogleBooks,
}

impl From<books::Provider> for BookProvider {
    fn from(provider: books::Provider) -> Self {
        match provider {
            books::Provider::OpenLibrary => Self::OpenLibrary,
            books::Provider::GoogleBooks => Self::GoogleBooks,
        }
    }
}

/// The outcome of an item's look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnrichmentStatus {
    /// The look-up is not done yet.
    Pending,
    /// A provider knows the book.
    Success,
    /// No provider knows the book.
    NotFound,
    /// The providers that were asked did not answer.
    Error,
    /// The providers could not be asked: their circuit breakers were open.
    CircuitOpen,
}

impl EnrichmentStatus {
    /// Spells the outcome of an item of a job.
    pub fn of(item: &Item) -> Self {
        match &item.found {
            None => Self::Pending,
            Some(Found::Record(_)) => Self::Success,
            Some(Found::NotFound) => Self::NotFound,
            Some(Found::Error) => Self::Error,
            Some(Found::CircuitOpen) => Self::CircuitOpen,
        }
    }

    /// The reason why there is no metadata of an item, for people; `None` when there is some.
    pub fn problem(item: &Item) -> Option<&'static str> {
        match Self::of(item) {
            Self::Success => None,
            Self::Pending => Some("Not looked up"),
            Self::Error if item.is_lost() => Some("Its result and its title are lost"),
            Self::Error if item.is_unaskable() => {
                Some("Not looked up: the title says too little without an author")
            }
            Self::NotFound => Some("Not found by any provider"),
            Self::Error => Some("The metadata providers did not answer"),
            Self::CircuitOpen => Some("The metadata providers are not available at the moment"),
        }
    }
}

/// The record of an item that a person has said to be this book: then it counts more than the data
/// of the reader's file.
pub(crate) fn chosen(item: &Item) -> Option<&Record> {
    item.choice.and_then(|_| item.record())
}

/// The ISBN of an item: that of the book that was chosen, else the one asked for, else its
/// edition's.
pub(crate) fn isbn(item: &Item) -> Option<books::Isbn> {
    chosen(item)
        .and_then(|record| record.edition.isbn())
        .or(item.wanted.isbn)
        .or_else(|| item.record().and_then(|record| record.edition.isbn()))
}

/// The identifier or the texts by which a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The ISBN of the edition.
    Isbn,
    /// Title and author, or a title that is distinctive by itself.
    TitleAuthor,
    /// The key of the work.
    Work,
}

impl From<books::MatchedBy> for MatchedBy {
    fn from(by: books::MatchedBy) -> Self {
        match by {
            books::MatchedBy::Isbn => Self::Isbn,
            books::MatchedBy::TitleAuthor => Self::TitleAuthor,
            books::MatchedBy::Work => Self::Work,
        }
    }
}

fn hundredths(confidence: f32) -> f64 {
    (f64::from(confidence) * 100.0).round() / 100.0
}

/// A book with everything at one level: imports and enrichments.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Book<'a> {
    /// The ISBN asked for, else the edition's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// The ISBN once more, under a name that says its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn13: Option<String>,
    /// The ISBN with 10 digits, where there is such a form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn10: Option<String>,
    /// Title; empty only for a book that nobody knows and that was asked for by a number.
    pub title: &'a str,
    /// Authors, first author first.
    pub authors: Vec<&'a str>,
    /// Publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<&'a str>,
    /// Date of publication: `yyyy`, `yyyy-mm` or `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_date: Option<String>,
    /// A description of the content, or null.
    pub description: Option<&'a str>,
    /// Number of pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_count: Option<u32>,
    /// A handful of subjects of the book.
    pub categories: &'a [String],
    /// Language: ISO 639-1 where there is such a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
    /// URL of the edition's cover, else of the work's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<&'a str>,
    /// The provider that knows the book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<BookProvider>,
    /// The outcome of the look-up.
    pub enrichment_status: EnrichmentStatus,
    /// The data that the provider's record and the book have in common; absent when there is no
    /// record, or it is of an earlier version.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matched: Option<MatchedBy>,
    /// Confidence that the record is the book's: 1 when number, title and author all agree, and
    /// 0.7 or less when a person should look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub match_confidence: Option<f64>,
    /// Number of the record in the file of an import; the header is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The reader's own data on the book, in an import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source<'a>>,
}

impl<'a> Book<'a> {
    /// Spells this item of a job.
    pub fn of(item: &'a Item) -> Self {
        let record = item.record();
        let edition = record.map(|record| &record.edition);
        let work = record.map(|record| &record.work);
        let imported = item.imported.as_ref();
        let isbn = isbn(item);
        Self {
            isbn: isbn.map(|isbn| isbn.to_string()),
            isbn13: isbn.map(|isbn| isbn.to_string()),
            isbn10: isbn.and_then(|isbn| isbn.isbn10()),
            title: title(item),
            authors: authors(item),
            publisher: edition
                .and_then(|edition| edition.publisher.as_deref())
                .or_else(|| imported?.publisher.as_deref()),
            published_date: edition
                .and_then(|edition| edition.published.clone())
                .or_else(|| imported?.year.map(|year| format!("{year:04}"))),
            description: work.and_then(|work| work.description.as_deref()),
            page_count: edition
                .and_then(|edition| edition.pages)
                .or_else(|| imported?.pages)
                .or_else(|| record?.pages()),
            categories: work.map_or(&[], |work| &work.subjects),
            language: edition.and_then(|edition| edition.language.as_deref()),
            cover_url: record.and_then(Record::cover_url),
            provider: record.map(|record| record.provider.into()),
            enrichment_status: EnrichmentStatus::of(item),
            matched: record.and_then(|record| Some(record.matched?.by.into())),
            match_confidence: record
                .and_then(|record| Some(hundredths(record.matched?.confidence))),
            row: imported.map(|imported| imported.row),
            source: imported.and_then(|imported| Source::of(imported, item)),
        }
    }
}

impl Book<'_> {
    /// Year of [`Self::published_date`].
    pub fn publication_year(&self) -> Option<i32> {
        self.published_date.as_deref()?.get(..4)?.parse().ok()
    }
}

/// A book of a job's results, with the fields under which the apps' import screens read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ListedBook<'a> {
    /// The book.
    #[serde(flatten)]
    pub book: Book<'a>,
    /// The authors in one text; empty when there are none.
    pub author: String,
    /// Year of publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication_year: Option<i32>,
    /// The choice that a person has, or has made.
    #[serde(flatten)]
    pub choosing: Choosing<'a>,
}

impl<'a> ListedBook<'a> {
    /// The book of an item.
    pub fn of(item: &'a Item) -> Self {
        let book = Book::of(item);
        Self {
            author: book.authors.join(", "),
            publication_year: book.publication_year(),
            choosing: Choosing::of(item, item.is_to_be_reviewed()),
            book,
        }
    }
}

fn title(item: &Item) -> &str {
    let given = item.wanted.title.as_str();
    match item.record() {
        Some(record) if item.choice.is_some() => record.title(),
        Some(record) if item.imported.is_none() || given.is_empty() => record.title(),
        _ => given,
    }
}

fn authors(item: &Item) -> Vec<&str> {
    let given = || -> Vec<&str> {
        match &item.imported {
            Some(Imported { authors, .. }) if !authors.is_empty() => {
                authors.iter().map(String::as_str).collect()
            }
            _ => Some(item.wanted.author.as_str())
                .filter(|author| !author.is_empty())
                .into_iter()
                .collect(),
        }
    };
    let known = || -> Vec<&str> {
        item.record()
            .map(|record| record.authors.iter().map(|author| author.name.as_str()))
            .into_iter()
            .flatten()
            .collect()
    };
    let (first, second) = if item.imported.is_some() && chosen(item).is_none() {
        (given(), known())
    } else {
        (known(), given())
    };
    if first.is_empty() { second } else { first }
}
