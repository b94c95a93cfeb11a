//! A finished item as clients read it.
//!
//! An import keeps the title and authors that its reader gave: it is the reader's library, and a
//! match by title means that the provider agrees. A request is answered with the provider's title,
//! which is what it asked for. What the provider does not know is filled in from the file.

use books::{Edition, Found, Imported, Record, Work};
use job::Item;
use serde::Serialize;

use crate::choice::Choosing;
use crate::number::Whole;

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

/// Binding or medium of an edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Format {
    /// Bound in boards.
    Hardcover,
    /// Soft cover of any size but mass market; also the format of an edition whose binding is
    /// unknown.
    Paperback,
    /// Electronic text.
    #[serde(rename = "E-book")]
    Ebook,
    /// Spoken, on any medium.
    Audiobook,
    /// Pocket-size paperback.
    #[serde(rename = "Mass Market")]
    MassMarket,
}

impl From<Option<books::Format>> for Format {
    fn from(format: Option<books::Format>) -> Self {
        match format {
            Some(books::Format::Hardcover) => Self::Hardcover,
            Some(books::Format::Paperback) | None => Self::Paperback,
            Some(books::Format::Ebook) => Self::Ebook,
            Some(books::Format::Audiobook) => Self::Audiobook,
            Some(books::Format::MassMarket) => Self::MassMarket,
        }
    }
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
    /// days with a slash between them (ISO 8601 interval).
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

impl<'a> Source<'a> {
    /// Spells the reader's own data; `None` when there are none.
    fn of(imported: &'a Imported, item: &'a Item) -> Option<Self> {
        let source = &imported.source;
        let all = Self {
            title: (imported.given_title.as_deref()).or_else(|| {
                // The book's is another.
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

    /// The reason why there is no metadata, for people; `None` when there is some.
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Success => None,
            Self::Pending => Some("Not looked up"),
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
    /// Confidence that the record is the book's: 1 when number, title and author all agree, below
    /// 0.7 when one of them differs.
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
            choosing: Choosing::of(item),
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

/// A work as clients know it. Ids that no provider of ours has are empty, never absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkObject<'a> {
    /// Title, never empty.
    pub title: &'a str,
    /// A handful of subjects.
    pub subject_tags: &'a [String],
    /// Year of first publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_publication_year: Option<i32>,
    /// Open Library work key.
    #[serde(rename = "openLibraryWorkID", skip_serializing_if = "Option::is_none")]
    pub open_library_work_id: Option<&'a str>,
    /// Goodreads work ids.
    #[serde(rename = "goodreadsWorkIDs")]
    pub goodreads_work_ids: [&'a str; 0],
    /// Amazon numbers.
    #[serde(rename = "amazonASINs")]
    pub amazon_asins: [&'a str; 0],
    /// LibraryThing work ids.
    #[serde(rename = "librarythingIDs")]
    pub librarything_ids: &'a [String],
    /// Google Books volume ids.
    #[serde(rename = "googleBooksVolumeIDs")]
    pub google_books_volume_ids: Vec<&'a str>,
    /// Quality by a provider that is not asked: always 0.
    pub isbndb_quality: u8,
    /// Whether somebody should look at the book.
    pub review_status: ReviewStatus,
    /// The provider that knows the work.
    pub primary_provider: Provider,
    /// The providers whose data is in the work.
    pub contributors: [Provider; 1],
    /// Whether the work was inferred from an edition: always false.
    pub synthetic: bool,
    /// URL of the cover.
    #[serde(rename = "coverImageURL", skip_serializing_if = "Option::is_none")]
    pub cover_image_url: Option<&'a str>,
    /// A description of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
}

/// Whether somebody should look at a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ReviewStatus {
    /// No review is needed.
    Verified,
    /// The confidence of the detection is below the threshold: somebody should look at it.
    NeedsReview,
}

impl<'a> WorkObject<'a> {
    /// The work of this record.
    pub fn of(record: &'a Record, review_status: ReviewStatus) -> Self {
        let Work {
            title,
            open_library_id,
            first_published,
            subjects,
            description,
            librarything_ids,
            ..
        } = &record.work;
        Self {
            title,
            subject_tags: subjects,
            first_publication_year: *first_published,
            open_library_work_id: open_library_id.as_deref(),
            goodreads_work_ids: [],
            amazon_asins: [],
            librarything_ids,
            google_books_volume_ids: record
                .edition
                .google_volume_id
                .as_deref()
                .into_iter()
                .collect(),
            isbndb_quality: 0,
            review_status,
            primary_provider: record.provider.into(),
            contributors: [record.provider.into()],
            synthetic: false,
            cover_image_url: record.work.cover_url.as_deref().or(record.cover_url()),
            description: description.as_deref(),
        }
    }
}

/// An edition as clients know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EditionObject<'a> {
    /// The ISBN that was asked for, or the edition's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// Every ISBN in both its forms.
    pub isbns: Vec<String>,
    /// Title on the cover, else of the work.
    pub title: &'a str,
    /// Publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<&'a str>,
    /// Date of publication: `yyyy`, `yyyy-mm` or `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication_date: Option<&'a str>,
    /// Number of pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_count: Option<u32>,
    /// Binding or medium; an unknown one is a paperback.
    pub format: Format,
    /// URL of the cover.
    #[serde(rename = "coverImageURL", skip_serializing_if = "Option::is_none")]
    pub cover_image_url: Option<&'a str>,
    /// Language: ISO 639-1 where there is such a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
    /// The provider that knows the edition.
    pub primary_provider: Provider,
    /// The providers whose data is in the edition.
    pub contributors: [Provider; 1],
    /// Open Library edition key.
    #[serde(
        rename = "openLibraryEditionID",
        skip_serializing_if = "Option::is_none"
    )]
    pub open_library_edition_id: Option<&'a str>,
    /// Amazon numbers.
    #[serde(rename = "amazonASINs")]
    pub amazon_asins: [&'a str; 0],
    /// Google Books volume ids.
    #[serde(rename = "googleBooksVolumeIDs")]
    pub google_books_volume_ids: Vec<&'a str>,
    /// LibraryThing ids.
    #[serde(rename = "librarythingIDs")]
    pub librarything_ids: [&'a str; 0],
    /// Quality by a provider that is not asked: always 0.
    pub isbndb_quality: u8,
}

impl<'a> EditionObject<'a> {
    /// The edition of this record.
    pub fn of(record: &'a Record) -> Self {
        let edition: &Edition = &record.edition;
        Self {
            isbn: edition.isbn().map(|isbn| isbn.to_string()),
            isbns: edition.isbn_forms(),
            title: record.title(),
            publisher: edition.publisher.as_deref(),
            publication_date: edition.published.as_deref(),
            page_count: record.pages(),
            format: edition.format.into(),
            cover_image_url: record.cover_url(),
            language: edition.language.as_deref(),
            primary_provider: record.provider.into(),
            contributors: [record.provider.into()],
            open_library_edition_id: edition.open_library_id.as_deref(),
            amazon_asins: [],
            google_books_volume_ids: edition.google_volume_id.as_deref().into_iter().collect(),
            librarything_ids: [],
            isbndb_quality: 0,
        }
    }
}

/// An author as clients know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuthorObject<'a> {
    /// Name, never empty.
    pub name: &'a str,
    /// Always `Unknown`: the providers do not say.
    pub gender: &'static str,
    /// Open Library author key.
    #[serde(rename = "openLibraryID", skip_serializing_if = "Option::is_none")]
    pub open_library_id: Option<&'a str>,
}

impl<'a> AuthorObject<'a> {
    /// The authors of this record.
    pub fn of(record: &'a Record) -> Vec<Self> {
        record
            .authors
            .iter()
            .map(|author| Self {
                name: &author.name,
                gender: "Unknown",
                open_library_id: author.open_library_id.as_deref(),
            })
            .collect()
    }
}

/// Work, edition and authors of a found book.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Enriched<'a> {
    /// The work.
    pub work: WorkObject<'a>,
    /// The edition.
    pub edition: EditionObject<'a>,
    /// The authors.
    pub authors: Vec<AuthorObject<'a>>,
}

impl<'a> Enriched<'a> {
    /// Spells this record of a provider.
    pub fn of(record: &'a Record) -> Self {
        Self {
            work: WorkObject::of(record, ReviewStatus::Verified),
            edition: EditionObject::of(record),
            authors: AuthorObject::of(record),
        }
    }
}

/// An item of a batch enrichment: the book that was asked for, and its metadata. Title, author and
/// ISBN are those of the request where it had them, so that a client finds its book again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EnrichedBook<'a> {
    /// Title.
    pub title: &'a str,
    /// First author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<&'a str>,
    /// ISBN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// Whether a provider knows the book.
    pub success: bool,
    /// The metadata that a provider has of the book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enriched: Option<Enriched<'a>>,
    /// The reason why there is no metadata, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

impl<'a> EnrichedBook<'a> {
    /// Spells this item of a job.
    pub fn of(item: &'a Item) -> Self {
        let given = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        let record = item.record();
        Self {
            title: given(&item.wanted.title)
                .or_else(|| record.map(Record::title))
                .unwrap_or_default(),
            author: given(&item.wanted.author)
                .or_else(|| Some(record?.authors.first()?.name.as_str())),
            isbn: (item.wanted.isbn.or(isbn(item))).map(|isbn| isbn.to_string()),
            success: record.is_some(),
            enriched: record.map(Enriched::of),
            error: EnrichmentStatus::of(item).problem(),
        }
    }
}

/// The response to a single look-up: the book's fields, and the work, edition and authors they were
/// made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LookedUp<'a> {
    /// The book, with all fields at one level.
    #[serde(flatten)]
    pub book: Book<'a>,
    /// The work of the book.
    pub work: WorkObject<'a>,
    /// The edition of the book.
    pub edition: EditionObject<'a>,
    /// The authors of the book.
    pub author_details: Vec<AuthorObject<'a>>,
}

impl<'a> LookedUp<'a> {
    /// Spells this item of a look-up; `None` when no provider knows it.
    pub fn of(item: &'a Item) -> Option<Self> {
        let Enriched {
            work,
            edition,
            authors,
        } = Enriched::of(item.record()?);
        Some(Self {
            book: Book::of(item),
            work,
            edition,
            author_details: authors,
        })
    }
}
