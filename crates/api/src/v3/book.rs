//! A book as V3 spells it.

use job::{Item, Root};
use serde::Serialize;

use crate::book::{Book as FlatBook, BookProvider, EnrichmentStatus, Source};
use crate::choice::Choosing;
use crate::scan::{Frame, SeenBook};

/// A book. Fields that nobody knows are absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3Book"))]
pub struct Book<'a> {
    /// ISBN with 13 digits; empty when unknown.
    pub isbn: String,
    /// ISBN with 10 digits, where there is such a form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn10: Option<String>,
    /// Title.
    pub title: &'a str,
    /// Subtitle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<&'a str>,
    /// Authors, first author first.
    pub authors: Vec<&'a str>,
    /// Publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<&'a str>,
    /// Date of publication: `yyyy`, `yyyy-mm` or `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_date: Option<String>,
    /// A description of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// Number of pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_count: Option<u32>,
    /// A handful of subjects.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub categories: &'a [String],
    /// Language: ISO 639-1 where there is such a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
    /// URL of the cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<&'a str>,
    /// URL of a small cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<String>,
    /// URLs of the cover in several sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_urls: Option<CoverUrls>,
    /// Kind of the server that the cover comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_source: Option<CoverSource>,
    /// Open Library work key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_key: Option<&'a str>,
    /// Open Library edition key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition_key: Option<&'a str>,
    /// The provider that knows the book; for a book that none knows, the provider that is asked
    /// first.
    pub provider: BookProvider,
    /// Completeness of the record, 0 to 100: title 10, authors 20, ISBN 15, cover 15, description
    /// 15, and 5 each for publisher, date, pages, categories and language.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub quality: u8,
    /// The reader's own data on the book, in an import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source<'a>>,
}

/// Kind of the server that a cover comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CoverSource {
    /// A provider's server.
    External,
}

/// URLs of a cover in three sizes; the same URL where its server has but one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CoverUrls {
    /// URL of a size for a page of its own.
    pub large: String,
    /// URL of a size for a card.
    pub medium: String,
    /// URL of a size for a list.
    pub small: String,
}

impl CoverUrls {
    /// The sizes of a cover: Open Library's covers have three, told apart by a letter.
    fn of(url: &str) -> Self {
        let sized = |size: &str| match url.strip_suffix("-L.jpg") {
            Some(start) => format!("{start}-{size}.jpg"),
            None => url.to_owned(),
        };
        Self {
            large: sized("L"),
            medium: sized("M"),
            small: sized("S"),
        }
    }
}

impl<'a> Book<'a> {
    /// The book of an item.
    pub fn of(item: &'a Item) -> Self {
        let flat = FlatBook::of(item);
        let record = item.record();
        let cover_urls = flat.cover_url.map(CoverUrls::of);
        let mut book = Self {
            isbn: flat.isbn.unwrap_or_default(),
            isbn10: flat.isbn10,
            title: flat.title,
            subtitle: record.and_then(|record| {
                let edition = record.edition.subtitle.as_deref();
                edition.or(record.work.subtitle.as_deref())
            }),
            authors: flat.authors,
            publisher: flat.publisher,
            published_date: flat.published_date,
            description: flat.description,
            page_count: flat.page_count,
            categories: flat.categories,
            language: flat.language,
            cover_url: flat.cover_url,
            thumbnail_url: cover_urls.as_ref().map(|urls| urls.small.clone()),
            cover_source: cover_urls.is_some().then_some(CoverSource::External),
            cover_urls,
            work_key: record.and_then(|record| record.work.open_library_id.as_deref()),
            edition_key: record.and_then(|record| record.edition.open_library_id.as_deref()),
            provider: record.map_or(BookProvider::OpenLibrary, |record| record.provider.into()),
            quality: 0,
            source: flat.source,
        };
        book.quality = book.completeness();
        book
    }

    /// The points of the fields that are present.
    fn completeness(&self) -> u8 {
        let parts = [
            (!self.title.is_empty(), 10),
            (!self.authors.is_empty(), 20),
            (!self.isbn.is_empty(), 15),
            (self.cover_url.is_some(), 15),
            (self.description.is_some(), 15),
            (self.publisher.is_some(), 5),
            (self.published_date.is_some(), 5),
            (self.page_count.is_some(), 5),
            (!self.categories.is_empty(), 5),
            (self.language.is_some(), 5),
        ];
        let points = parts.into_iter().filter(|(there, _)| *there);
        points.map(|(_, points)| points).sum()
    }
}

/// A book of a job's results.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3ResultBook"))]
pub struct ResultBook<'a> {
    /// The book.
    #[serde(flatten)]
    pub book: Book<'a>,
    /// The outcome of the look-up.
    pub status: EnrichmentStatus,
    /// Number of the record in the file of an import; the header is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The choice that a person has, or has made.
    #[serde(flatten)]
    pub choosing: Choosing<'a>,
    /// Position on a photo, in a scan.
    #[serde(flatten)]
    pub seen: Option<Sighting<'a>>,
}

/// Position of a book on a photo, with the fields that the apps' scan screens read besides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Sighting<'a> {
    /// Confidence in the detection, 0 to 1.
    pub confidence: f64,
    /// Position on its photo.
    pub bounding_box: Frame,
    /// Index of its photo in the job, from 0.
    pub photo_index: u32,
    /// First author; empty when unknown.
    pub author: &'a str,
    /// The outcome of the look-up.
    pub enrichment_status: EnrichmentStatus,
    /// Year of the edition, else of the work's first publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication_year: Option<i32>,
}

impl<'a> ResultBook<'a> {
    /// The result of a job's item.
    pub fn of(root: &Root, item: &'a Item) -> Self {
        let seen = SeenBook::of(root, item);
        let mut book = Book::of(item);
        if let Some(seen) = &seen {
            book.title = seen.title;
        }
        Self {
            book,
            status: EnrichmentStatus::of(item),
            row: item.imported.as_ref().map(|imported| imported.row),
            choosing: Choosing::of(item, root.is_to_review(item)),
            seen: seen.map(|seen| Sighting {
                confidence: seen.confidence,
                bounding_box: seen.bounding_box,
                photo_index: seen.photo_index,
                author: seen.author,
                enrichment_status: seen.enrichment_status,
                publication_year: seen.publication_year,
            }),
        }
    }
}

/// A short form of a book of a job's results: `format=lite`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3LiteBook"))]
pub struct LiteBook<'a> {
    /// Title.
    pub title: &'a str,
    /// Authors, first author first.
    pub authors: Vec<&'a str>,
    /// ISBN with 13 digits; empty when unknown.
    pub isbn: String,
    /// URL of the cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<&'a str>,
    /// The outcome of the look-up.
    pub status: EnrichmentStatus,
}

impl<'a> LiteBook<'a> {
    /// The result of a job's item in short.
    pub fn of(root: &Root, item: &'a Item) -> Self {
        let ResultBook { book, status, .. } = ResultBook::of(root, item);
        Self {
            title: book.title,
            authors: book.authors,
            isbn: book.isbn,
            cover_url: book.cover_url,
            status,
        }
    }
}

/// `data` of a synchronous `POST /v3/books/enrich`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3Enriched"))]
pub struct Enriched<'a> {
    /// The books that a provider knows, in the request's order.
    pub books: Vec<EnrichedBook<'a>>,
    /// Number of books that were found.
    pub found: usize,
    /// Number of books that were asked for.
    pub requested: usize,
    /// ISBNs that no provider knows, or about which none answered.
    pub not_found: Vec<String>,
}

/// A book that was asked for by its ISBN.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "V3EnrichedBook"))]
pub struct EnrichedBook<'a> {
    /// The book.
    #[serde(flatten)]
    pub book: Book<'a>,
    /// Whether the book can be searched by meaning: always false.
    pub vectorized: bool,
}

impl<'a> Enriched<'a> {
    /// The answer about items that have been looked up.
    pub fn of(items: &'a [Item]) -> Self {
        let (found, missing): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| item.succeeded());
        let book = |item| EnrichedBook {
            book: Book::of(item),
            vectorized: false,
        };
        let isbn = |item: &Item| Some(item.wanted.isbn?.to_string());
        Self {
            found: found.len(),
            requested: items.len(),
            books: found.into_iter().map(book).collect(),
            not_found: missing.into_iter().filter_map(isbn).collect(),
        }
    }
}

/// `data` of `GET /v3/books/search`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "V3Search"))]
pub struct Search<'a> {
    /// The hits on this page, best first.
    pub books: Vec<Book<'a>>,
    /// Number of hits in all, as the provider counts them.
    pub total: u64,
    /// The query that was made.
    pub query: Query<'a>,
    /// Position of this page in the hits.
    pub pagination: Pagination,
}

/// The query of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "V3Query"))]
pub struct Query<'a> {
    /// The words that were searched for.
    pub q: &'a str,
    /// Always `text`.
    pub mode: Mode,
}

/// Method of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, schemars(rename = "V3SearchMode"))]
pub enum Mode {
    /// Search by the words of title and author.
    Text,
}

/// The position of a page in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3Pagination"))]
pub struct Pagination {
    /// Always `offset`.
    #[serde(rename = "type")]
    pub kind: PaginationKind,
    /// Number of the page, from 1.
    pub page: u32,
    /// Largest number of entries of a page.
    pub limit: u32,
    /// Number of pages in all.
    pub total_pages: u64,
    /// Whether there is a page after this one.
    pub has_next: bool,
    /// Whether there is a page before this one.
    pub has_prev: bool,
}

/// The way in which pages are addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PaginationKind {
    /// By a page's number.
    Offset,
}

impl<'a> Search<'a> {
    /// The answer to a search for `q` whose page `page` of at most `limit` hits are `items`.
    pub fn of(q: &'a str, items: &'a [Item], total: u64, page: u32, limit: u32) -> Self {
        let total_pages = total.div_ceil(u64::from(limit.max(1)));
        Self {
            books: items.iter().map(Book::of).collect(),
            total,
            query: Query {
                q,
                mode: Mode::Text,
            },
            pagination: Pagination {
                kind: PaginationKind::Offset,
                page,
                limit,
                total_pages,
                has_next: u64::from(page) < total_pages,
                has_prev: page > 1,
            },
        }
    }
}
