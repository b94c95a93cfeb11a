//! The last message of schema 1.0.0: full results.

use job::{Item, Pipeline, Report, Root};
use serde::Serialize;

use crate::book::{Book, EnrichedBook};
use crate::results::RowProblem;
use crate::scan::SeenBook;
use crate::status::{Review, millis};

/// The end in schema 1.0.0.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobComplete"))]
pub(super) struct Complete<'a> {
    pipeline: crate::status::Pipeline,
    success_count: u32,
    failure_count: u32,
    /// In whole seconds.
    duration: u64,
    /// For people.
    summary: String,
    #[serde(flatten)]
    results: Results<'a>,
}

/// Full results: once under `results`, once as the fields that the pipeline's decoder reads.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged, rename_all_fields = "camelCase")]
#[cfg_attr(test, schemars(rename = "SocketResults"))]
enum Results<'a> {
    Import {
        results: ImportResults<'a>,
        books: Vec<ImportedBook<'a>>,
        errors: Vec<ImportError<'a>>,
        success_rate: String,
    },
    Scan {
        #[serde(flatten)]
        review: Review,
        books: Vec<SeenBook<'a>>,
        results: ScanResults<'a>,
    },
    Enrichment {
        total_processed: u32,
        enriched_books: Vec<EnrichedBook<'a>>,
        results: EnrichmentResults<'a>,
    },
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "SocketImportResults"))]
struct ImportResults<'a> {
    books: Vec<Book<'a>>,
    errors: Vec<RowProblem<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ImportedBook<'a> {
    title: &'a str,
    author: &'a str,
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
    fn of(book: &Book<'a>) -> Self {
        Self {
            title: book.title,
            author: book.authors.first().copied().unwrap_or_default(),
            isbn: book.isbn.clone(),
            cover_url: book.cover_url,
            publisher: book.publisher,
            publication_year: book.publication_year(),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ImportError<'a> {
    title: &'a str,
    error: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "SocketScanResults"))]
struct ScanResults<'a> {
    books: Vec<SeenBook<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "SocketEnrichmentResults"))]
struct EnrichmentResults<'a> {
    enriched_books: Vec<EnrichedBook<'a>>,
}

impl<'a> Complete<'a> {
    pub(super) fn of(root: &Root, items: &'a [Item], report: &'a Report) -> Self {
        let (summary, results) = match root.pipeline {
            Pipeline::AiScan => {
                let books: Vec<SeenBook> = items
                    .iter()
                    .filter_map(|item| SeenBook::of(root, item))
                    .collect();
                let results = Results::Scan {
                    review: Review::of(root),
                    results: ScanResults {
                        books: books.clone(),
                    },
                    books,
                };
                let noun = if root.total == 1 { "book" } else { "books" };
                (
                    format!("{} {noun} found on your shelf", root.total),
                    results,
                )
            }
            Pipeline::CsvImport => {
                let books: Vec<Book> = items.iter().map(Book::of).collect();
                let results = Results::Import {
                    books: books.iter().map(ImportedBook::of).collect(),
                    results: ImportResults {
                        books,
                        errors: report.problems.iter().map(RowProblem::from).collect(),
                    },
                    errors: report
                        .problems
                        .iter()
                        .map(|problem| ImportError {
                            title: &problem.title,
                            error: &problem.error,
                        })
                        .collect(),
                    success_rate: format!("{}/{}", root.succeeded, root.total),
                };
                (
                    format!("Added {} books to your library", root.succeeded),
                    results,
                )
            }
            Pipeline::BatchEnrichment => {
                let enriched_books: Vec<EnrichedBook> =
                    items.iter().map(EnrichedBook::of).collect();
                let results = Results::Enrichment {
                    total_processed: root.processed(),
                    results: EnrichmentResults {
                        enriched_books: enriched_books.clone(),
                    },
                    enriched_books,
                };
                (
                    format!("{} of {} books enriched", root.succeeded, root.total),
                    results,
                )
            }
        };
        Self {
            pipeline: root.pipeline.into(),
            success_count: root.succeeded,
            failure_count: root.failed,
            duration: millis(root.elapsed()) / 1000,
            summary,
            results,
        }
    }
}
