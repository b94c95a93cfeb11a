//! A book as a work, an edition and authors: single look-ups, scans and batch enrichments.

use books::{Edition, Record, Work};
use job::Item;
use serde::Serialize;

use super::{Book, EnrichmentStatus, Provider, isbn};

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
            error: EnrichmentStatus::problem(item),
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
