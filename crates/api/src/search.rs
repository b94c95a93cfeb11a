//! Responses to searches: the same hits in the shape of each generation.

use job::Item;
use serde::Serialize;

use crate::book::{AuthorObject, Book, EditionObject, ReviewStatus, WorkObject};

/// Number of hits on a page, unless a request says another.
pub const PAGE: u32 = 20;
/// Largest number of hits that a request may ask for at once.
pub const MAX_PAGE: u32 = 100;

/// Search results, as the apps' search tab reads them: `data` of `/v1/search/*`, `/search/*` and
/// `/api/v2/search`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SearchResults<'a> {
    /// The works found, best first.
    pub works: Vec<WorkObject<'a>>,
    /// The edition of each work that fits best.
    pub editions: Vec<EditionObject<'a>>,
    /// The authors of the works, each once.
    pub authors: Vec<AuthorObject<'a>>,
    /// Number of works in this response.
    pub result_count: usize,
    /// Number of works in all, as the provider counts them.
    pub total_results: u64,
}

impl<'a> SearchResults<'a> {
    /// The answer of one page of hits.
    pub fn of(items: &'a [Item], total: u64) -> Self {
        let records: Vec<_> = items.iter().filter_map(Item::record).collect();
        let mut authors: Vec<AuthorObject> = Vec::new();
        for author in records.iter().flat_map(|record| AuthorObject::of(record)) {
            if !authors.contains(&author) {
                authors.push(author);
            }
        }
        Self {
            works: records
                .iter()
                .map(|record| WorkObject::of(record, ReviewStatus::Verified))
                .collect(),
            editions: records
                .iter()
                .map(|record| EditionObject::of(record))
                .collect(),
            authors,
            result_count: records.len(),
            total_results: total,
        }
    }
}

/// Search results with the fields that only `GET /api/v2/search` adds: its own client reads them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SearchResultsV2<'a> {
    /// The fields that every app reads.
    #[serde(flatten)]
    pub shared: SearchResults<'a>,
    /// The hits in a short form.
    pub results: Vec<Hit<'a>>,
    /// Number of works in all.
    pub total: u64,
    /// Always `text`.
    pub mode: &'static str,
    /// The words that were searched for.
    pub query: &'a str,
    /// Duration of the search, in ms.
    pub latency_ms: u64,
}

/// A hit in a short form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "SearchHit"))]
pub struct Hit<'a> {
    /// ISBN of the edition; empty when unknown.
    pub isbn: String,
    /// Title.
    pub title: &'a str,
    /// Authors, first author first.
    pub authors: Vec<&'a str>,
    /// URL of the cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<&'a str>,
    /// Score of the hit: 1 for the first, less for each after it: the provider says no more than
    /// the order.
    pub relevance_score: f64,
    /// Always `text`.
    pub match_type: &'static str,
}

impl<'a> SearchResultsV2<'a> {
    /// The answer to a search for `query` that took so many milliseconds.
    pub fn of(query: &'a str, items: &'a [Item], total: u64, latency_ms: u64) -> Self {
        let hits = items.iter().enumerate().map(|(at, item)| {
            let book = Book::of(item);
            Hit {
                isbn: book.isbn.unwrap_or_default(),
                title: book.title,
                authors: book.authors,
                cover_url: book.cover_url,
                relevance_score: 1.0 / (1.0 + at as f64),
                match_type: "text",
            }
        });
        Self {
            results: hits.collect(),
            shared: SearchResults::of(items, total),
            total,
            mode: "text",
            query,
            latency_ms,
        }
    }
}
