//! The messages of the first app: all are `progress`.

use job::{Item, Report, Root, Stage, Time};
use serde::Serialize;

use crate::book::{AuthorObject, Book, BookProvider, EditionObject, EnrichmentStatus, WorkObject};
use crate::envelope::json;
use crate::legacy::problem;
use crate::scan::{Frame, Metadata, SeenBook, Suggestion};
use crate::status::{Review, current_id, message};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "LegacyReadyAck"))]
struct Ack {
    #[serde(rename = "type")]
    kind: &'static str,
    #[cfg_attr(test, schemars(with = "u64"))]
    timestamp: Time,
}

/// Spells the reply to `ready`.
pub(super) fn ready_ack(now: Time) -> Vec<u8> {
    json(&Ack {
        kind: "ready_ack",
        timestamp: now,
    })
}

/// Spells the job's progress; `Complete` or an error text at its end.
pub(super) fn progress(root: &Root, now: Time) -> Vec<u8> {
    wrap(root, now, Data::of(root))
}

/// Spells the end of a scan, with its books.
pub(super) fn scanned(root: &Root, items: &[Item], report: &Report, now: Time) -> Vec<u8> {
    let data = Data {
        result: Some(ScanResult::of(root, items, report)),
        ..Data::of(root)
    };
    wrap(root, now, data)
}

/// Spells the last progress again, for legacy clients that have heard nothing for 10 s.
pub(super) fn keep_alive(root: &Root, now: Time) -> Vec<u8> {
    let data = Data {
        keep_alive: Some(true),
        ..Data::of(root)
    };
    wrap(root, now, data)
}

fn wrap(root: &Root, now: Time, data: Data) -> Vec<u8> {
    json(&Message {
        kind: "progress",
        job_id: root.id.as_str(),
        timestamp: now,
        data,
    })
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "LegacyMessage"))]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    job_id: &'a str,
    #[cfg_attr(test, schemars(with = "u64"))]
    timestamp: Time,
    data: Data<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "LegacyData"))]
struct Data<'a> {
    progress: f64,
    processed_items: u32,
    total_items: u32,
    current_status: String,
    /// The work key or the ISBN of the item that was looked up last.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_work_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ScanResult<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<bool>,
}

impl<'a> Data<'a> {
    fn of(root: &'a Root) -> Self {
        Self {
            progress: root.progress(),
            processed_items: root.processed(),
            total_items: root.total,
            current_status: match root.stage {
                Stage::Complete => "Complete".to_owned(),
                _ => message(root),
            },
            current_work_id: current_id(root),
            result: None,
            error: problem(root),
            keep_alive: None,
        }
    }
}

/// The result of a scan, for the first app.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "LegacyScanResult"))]
struct ScanResult<'a> {
    #[serde(flatten)]
    review: Review,
    books: Vec<SeenItem<'a>>,
    suggestions: Vec<Suggestion<'a>>,
    metadata: Metadata<'a>,
}

impl<'a> ScanResult<'a> {
    fn of(root: &Root, items: &'a [Item], report: &'a Report) -> Self {
        Self {
            review: Review::of(root),
            books: items
                .iter()
                .filter_map(|item| SeenItem::of(root, item))
                .collect(),
            suggestions: Suggestion::all(report),
            metadata: Metadata::of(root, report),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct SeenItem<'a> {
    title: &'a str,
    author: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    isbn: Option<String>,
    confidence: f64,
    bounding_box: Frame,
    enrichment: Enrichment<'a>,
}

/// A provider's metadata of a book that was seen: builds until November read `apiData`, later ones
/// the work, its editions and its authors.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "LegacyEnrichment"))]
struct Enrichment<'a> {
    status: EnrichmentStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_data: Option<ApiData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<WorkObject<'a>>,
    editions: Vec<EditionObject<'a>>,
    authors: Vec<AuthorObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<BookProvider>,
    cached_result: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ApiData<'a> {
    title: &'a str,
    authors: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    isbn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cover_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publication_year: Option<i32>,
}

impl<'a> SeenItem<'a> {
    fn of(root: &Root, item: &'a Item) -> Option<Self> {
        let seen = SeenBook::of(root, item)?;
        let book = Book::of(item);
        Some(Self {
            title: seen.title,
            author: seen.author,
            isbn: seen.isbn.clone(),
            confidence: seen.confidence,
            bounding_box: seen.bounding_box,
            enrichment: Enrichment {
                status: seen.enrichment_status,
                provider: book.provider,
                api_data: item.succeeded().then_some(ApiData {
                    title: book.title,
                    authors: book.authors,
                    isbn: book.isbn,
                    cover_url: book.cover_url,
                    publisher: book.publisher,
                    publication_year: seen.publication_year,
                }),
                work: seen.enrichment.work,
                editions: seen.enrichment.editions,
                authors: seen.enrichment.authors,
                cached_result: seen.enrichment.cached_result,
            },
        })
    }
}

/// The schemas of the messages, by `type`.
#[cfg(test)]
pub(super) fn described(generator: &mut schemars::SchemaGenerator) -> serde_json::Value {
    serde_json::json!({
        "progress": generator.subschema_for::<Message>(),
        "ready_ack": generator.subschema_for::<Ack>(),
    })
}
