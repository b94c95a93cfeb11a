//! The last message of a job that has completed, in schemas 1.0.0 and 2.0.0.
//!
//! One message serves every shipped decoder: those of 1.0.0 read the flat fields, those of 2.0.0
//! `summary` and `expiresAt`, and one build reads the end of a scan in snake case.

use job::{Item, Report, Root, millis};
use serde::Serialize;

use crate::book::{Book, EnrichedBook};
use crate::scan::{Metadata, SeenBook};
use crate::status::{Pipeline, Review, ScanSummary, SummaryCounts, Urls};
use crate::time::Iso;

/// Data of `job_complete` in schema 2.0.0: results are fetched over HTTP.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobSummary"))]
pub(super) struct Summarised<'a> {
    pipeline: Pipeline,
    summary: SocketSummary,
    /// Expiry of the results.
    expires_at: Iso,
    #[serde(flatten)]
    scan: Option<ScanEnd<'a>>,
}

impl<'a> Summarised<'a> {
    pub(super) fn of(root: &'a Root, report: &'a Report) -> Self {
        Self {
            pipeline: root.pipeline.into(),
            summary: SocketSummary::of(root),
            expires_at: Iso(root.expires),
            scan: ScanEnd::of(root, report),
        }
    }
}

/// Data of `job_complete` in schema 1.0.0: full results, as the fields that each pipeline's decoder
/// reads.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobComplete"))]
pub(super) struct Complete<'a> {
    success_count: u32,
    failure_count: u32,
    /// Duration, in whole seconds.
    duration: u64,
    #[serde(flatten)]
    summarised: Summarised<'a>,
    #[serde(flatten)]
    results: Results<'a>,
}

impl<'a> Complete<'a> {
    pub(super) fn of(root: &'a Root, items: &'a [Item], report: &'a Report) -> Self {
        Self {
            success_count: root.succeeded,
            failure_count: root.failed,
            duration: millis(root.elapsed()) / 1000,
            summarised: Summarised::of(root, report),
            results: Results::of(root, items, report),
        }
    }
}

/// A summary as every decoder of 2.0.0 reads it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SocketSummary {
    #[serde(flatten)]
    counts: SummaryCounts,
    #[serde(flatten)]
    detected: Detected,
}

impl SocketSummary {
    fn of(root: &Root) -> Self {
        Self {
            counts: SummaryCounts::of(root),
            detected: match ScanSummary::of(root) {
                Some(summary) => Detected::Scan {
                    summary,
                    snake: SnakeReview::of(root),
                },
                None => Detected::NoScan {
                    total_detected: NotAScan::None,
                },
            },
        }
    }
}

/// Counts of detected books. An app reads every summary as a scan's first, and must fail there when
/// it is none: a text in the place of the number makes it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Detected {
    Scan {
        #[serde(flatten)]
        summary: ScanSummary,
        #[serde(flatten)]
        snake: SnakeReview,
    },
    NoScan {
        total_detected: NotAScan,
    },
}

#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum NotAScan {
    /// The job is no scan.
    None,
}

/// Numbers of books detected and to be looked at, in snake case, as one build of the app reads
/// them.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SnakeReview {
    total_detected: u32,
    needs_review: u32,
}

impl SnakeReview {
    fn of(root: &Root) -> Self {
        let review = Review::of(root);
        Self {
            total_detected: review.total_detected,
            needs_review: review.needs_review,
        }
    }
}

/// Fields of a scan's end, in camel case and in snake case.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ScanEnd<'a> {
    #[serde(flatten)]
    review: Review,
    #[serde(flatten)]
    snake: SnakeReview,
    #[serde(rename = "resultsUrl")]
    results_url: String,
    #[serde(rename = "results_url")]
    snake_results_url: String,
    #[serde(rename = "modelUsed")]
    model_used: &'a str,
    #[serde(rename = "model_used")]
    snake_model_used: &'a str,
}

impl<'a> ScanEnd<'a> {
    /// The end of a scan; `None` for another job.
    fn of(root: &Root, report: &'a Report) -> Option<Self> {
        let results_url = Urls::of(&root.id).results_url;
        let model_used = Metadata::of(root, report).model_used;
        (root.pipeline == job::Pipeline::AiScan).then(|| Self {
            review: Review::of(root),
            snake: SnakeReview::of(root),
            snake_results_url: results_url.clone(),
            results_url,
            model_used,
            snake_model_used: model_used,
        })
    }
}

/// Full results of a job.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged, rename_all_fields = "camelCase")]
#[cfg_attr(test, schemars(rename = "SocketResults"))]
enum Results<'a> {
    Import {
        books: Vec<ImportedBook<'a>>,
        errors: Vec<ImportError<'a>>,
        success_rate: String,
    },
    Scan {
        books: Vec<SeenBook<'a>>,
    },
    Enrichment {
        total_processed: u32,
        enriched_books: Vec<EnrichedBook<'a>>,
    },
}

impl<'a> Results<'a> {
    fn of(root: &Root, items: &'a [Item], report: &'a Report) -> Self {
        match root.pipeline {
            job::Pipeline::AiScan => Self::Scan {
                books: items
                    .iter()
                    .filter_map(|item| SeenBook::of(root, item))
                    .collect(),
            },
            job::Pipeline::CsvImport => Self::Import {
                books: items.iter().map(ImportedBook::of).collect(),
                errors: ImportError::all(report),
                success_rate: format!("{}/{}", root.succeeded, root.total),
            },
            job::Pipeline::BatchEnrichment => Self::Enrichment {
                total_processed: root.processed(),
                enriched_books: items.iter().map(EnrichedBook::of).collect(),
            },
        }
    }
}

/// An imported book as the apps' import screens read it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedBook<'a> {
    title: &'a str,
    /// The authors in one text; empty when there are none.
    author: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    isbn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cover_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publication_year: Option<i32>,
}

impl<'a> ImportedBook<'a> {
    pub(crate) fn of(item: &'a Item) -> Self {
        let book = Book::of(item);
        Self {
            title: book.title,
            author: book.authors.join(", "),
            cover_url: book.cover_url,
            publisher: book.publisher,
            publication_year: book.publication_year(),
            isbn: book.isbn,
        }
    }
}

/// A problem with a row, as the apps' import screens read it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImportError<'a> {
    title: &'a str,
    error: &'a str,
}

impl<'a> ImportError<'a> {
    pub(crate) fn all(report: &'a Report) -> Vec<Self> {
        let problems = report.problems.iter();
        problems
            .map(|problem| Self {
                title: &problem.title,
                error: &problem.error,
            })
            .collect()
    }
}
