//! Results documents, written in pieces: ten thousand books are never in memory together.
//!
//! ```text
//! begin
//! for each of lists(): open, item for every item of the page, close
//! end
//! ```
//! An enrichment has two lists of the same items: they are read twice.

use std::ops::Range;

use job::{Pipeline, Report, Root};
use serde::Serialize;

use crate::book::EnrichedBook;
use crate::envelope::{Answered, Metadata, json};
use crate::error::ApiError;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::scan::{Metadata as ScanMetadata, Photo, Shown, Suggestion};
use crate::status::{Review, Status, is_zero};
use crate::v3;

/// The part of a job's books that a client asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Number of books to skip.
    pub offset: u32,
    /// Largest number of books to return; `None`: all.
    pub limit: Option<u32>,
}

impl Page {
    /// Indices of the page's items within the job.
    pub fn range(self, root: &Root) -> Range<u32> {
        let total = root.results();
        let start = self.offset.min(total);
        let end = self
            .limit
            .map_or(total, |limit| start.saturating_add(limit).min(total));
        start..end
    }
}

/// A list of a results document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `enrichedBooks`: the books as they were asked for, with work, edition and authors.
    EnrichedBooks,
    /// `books`: the books, with all fields at one level.
    Books,
}

/// The generation of clients for which a results document is spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// V2 and before: the list is `books`.
    #[default]
    V2,
    /// V3: the list is `results`.
    V3,
    /// V3 with a short form of the books.
    V3Lite,
}

impl Form {
    /// The form that a V2 request asks for by `format` in its query.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a format that does not exist.
    pub fn v2(format: Option<&str>) -> Result<Self, ApiError> {
        match format {
            None | Some("json") => Ok(Self::V2),
            Some(_) => Err(ApiError::invalid("format", "must be json or csv")),
        }
    }

    /// The form that a V3 request asks for by `format` in its query.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a format that does not exist.
    pub fn v3(format: Option<&str>) -> Result<Self, ApiError> {
        match format {
            None | Some("full" | "json") => Ok(Self::V3),
            Some("lite") => Ok(Self::V3Lite),
            Some(_) => Err(ApiError::invalid(
                "format",
                "must be full, lite, json or csv",
            )),
        }
    }
}

/// Writes one results document.
#[derive(Debug)]
pub struct Writer<'a> {
    root: &'a Root,
    /// Report of the job's first stage.
    report: &'a Report,
    form: Form,
    /// The page that the client asked for.
    page: Option<Page>,
    list: List,
    /// Whether nothing of the open list has been written.
    first: bool,
    /// Number of items of the open list of which all is lost.
    lost: u32,
}

impl<'a> Writer<'a> {
    /// Spells the results of this job, which has ended; `report` is that of its first stage, `page`
    /// what the client asked for, if it did.
    pub fn new(root: &'a Root, report: &'a Report, page: Option<Page>) -> Self {
        Self {
            root,
            report,
            form: Form::V2,
            page,
            list: List::Books,
            first: true,
            lost: 0,
        }
    }

    /// The results document of another generation.
    #[must_use]
    pub fn in_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// The job.
    pub fn root(&self) -> &'a Root {
        self.root
    }

    /// Indices of the items that are to be written.
    pub fn range(&self) -> Range<u32> {
        self.page.unwrap_or_default().range(self.root)
    }

    /// The lists that the document has, in order.
    pub fn lists(&self) -> &'static [List] {
        match self.root.pipeline {
            Pipeline::BatchEnrichment if self.form != Form::V3Lite => {
                &[List::EnrichedBooks, List::Books]
            }
            _ => &[List::Books],
        }
    }

    /// Spells everything before the lists.
    pub fn begin(&self) -> Vec<u8> {
        let mut bytes = br#"{"success":true,"data":"#.to_vec();
        let head = Head {
            job_id: self.root.id.as_str(),
            status: Status::of(self.root),
            failure: self.root.failure.as_ref().map(Failure::from),
        };
        bytes.extend(open_object(&head));
        match self.root.pipeline {
            Pipeline::CsvImport => bytes.extend(more_fields(&Counts::of(self.root))),
            Pipeline::AiScan => bytes.extend(more_fields(&Review::of(self.root))),
            Pipeline::BatchEnrichment => {}
        }
        bytes
    }

    /// Spells the beginning of a list.
    pub fn open(&mut self, list: List) -> &'static [u8] {
        self.list = list;
        self.first = true;
        self.lost = 0;
        match list {
            List::EnrichedBooks => br#","enrichedBooks":["#,
            List::Books => match self.form {
                Form::V2 => br#","books":["#,
                Form::V3 | Form::V3Lite => br#","results":["#,
            },
        }
    }

    /// Spells the next item of the open list.
    pub fn item(&mut self, item: &job::Item) -> Vec<u8> {
        self.lost += u32::from(item.is_lost());
        let mut bytes = if std::mem::take(&mut self.first) {
            Vec::new()
        } else {
            vec![b',']
        };
        bytes.extend(match self.list {
            List::EnrichedBooks => json(&EnrichedBook::of(item)),
            List::Books => match self.form {
                Form::V2 => json(&Shown::of(self.root, item)),
                Form::V3 => json(&v3::ResultBook::of(self.root, item)),
                Form::V3Lite => json(&v3::LiteBook::of(self.root, item)),
            },
        });
        bytes
    }

    /// Spells the end of the open list.
    pub fn close(&self) -> &'static [u8] {
        b"]"
    }

    /// Spells everything after the lists.
    pub fn end(&self, retention: std::time::Duration, answered: Answered) -> Vec<u8> {
        let report = self.report;
        let mut bytes = Vec::new();
        match self.root.pipeline {
            Pipeline::CsvImport => bytes.extend(more_fields(&ImportTail {
                errors: report.problems.iter().map(RowProblem::from).collect(),
                reading: report.reading.as_ref().map(Reading::from),
            })),
            Pipeline::AiScan => bytes.extend(more_fields(&ScanTail {
                photos: Photo::of(self.root),
                suggestions: Suggestion::all(report),
                metadata: ScanMetadata::of(self.root, report),
            })),
            Pipeline::BatchEnrichment => {}
        }
        bytes.extend_from_slice(br#"},"metadata":"#);
        let end = self.range().end;
        let total = self.root.results();
        bytes.extend(json(&ResultsMetadata {
            metadata: answered.into(),
            cached: true,
            ttl: format!("{} hours", retention.as_secs() / 3600),
            total: self.page.map(|_| total),
            next_offset: self.page.map(|_| end).filter(|end| *end < total),
            lost: self.lost,
            report_lost: report.is_lost,
        }));
        bytes.push(b'}');
        bytes
    }
}

/// Spells an object without its closing brace.
fn open_object(object: &impl Serialize) -> Vec<u8> {
    let mut bytes = json(object);
    bytes.pop();
    bytes
}

/// Spells an object's fields, to follow those of another: without its braces, behind a comma.
fn more_fields(object: &impl Serialize) -> Vec<u8> {
    let mut bytes = open_object(object);
    if let Some(brace) = bytes.first_mut() {
        *brace = b',';
    }
    bytes
}

/// The first fields of results.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    job_id: &'a str,
    status: Status,
    /// The reason why the job failed; absent when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure<'a>>,
}

/// Counts of an import's rows and books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Number of different books in the file.
    pub books_created: u32,
    /// Number of books that were there before and were changed: always 0.
    pub books_updated: u32,
    /// Number of rows that name a book which an earlier row named.
    pub duplicates_skipped: u32,
    /// Number of books that a provider knows.
    pub enrichment_succeeded: u32,
    /// Number of books that no provider knows, or has answered about.
    pub enrichment_failed: u32,
    /// Number of books, among those not found, that no provider has answered about, with those that
    /// nobody looked up before the job was stopped; absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub unanswered: u32,
    /// Number of books that somebody should look at: those with `toReview`. Absent when there are
    /// none.
    #[serde(skip_serializing_if = "is_zero")]
    pub to_review: u32,
    /// Number of data rows of the file.
    pub rows: u32,
    /// Number of rows that could not be read.
    pub rows_rejected: u32,
}

impl Counts {
    /// Counts the rows and books of this import.
    pub fn of(root: &Root) -> Self {
        let rows = root.rows.unwrap_or_default();
        let counts = root.counts();
        Self {
            books_created: counts.total,
            books_updated: 0,
            duplicates_skipped: rows.duplicates,
            enrichment_succeeded: counts.succeeded,
            enrichment_failed: counts.failed,
            unanswered: counts.unanswered,
            to_review: root.to_review.unwrap_or_default(),
            rows: rows.rows,
            rows_rejected: rows.rejected,
        }
    }
}

/// A problem with a row of an imported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Problem"))]
pub struct RowProblem<'a> {
    /// Number of the record in the file, from 1; the header is 1.
    pub row: u32,
    /// ISBN as it stands in the file, cut to 40 characters; empty when there is none.
    pub isbn: &'a str,
    /// Title, empty when there is none.
    pub title: &'a str,
    /// The problem, for people.
    pub error: &'a str,
    /// Whether the row was left out; else its book was kept.
    pub rejected: bool,
}

impl<'a> From<&'a books::Problem> for RowProblem<'a> {
    fn from(problem: &'a books::Problem) -> Self {
        Self {
            row: problem.row,
            isbn: &problem.isbn,
            title: &problem.title,
            error: &problem.error,
            rejected: problem.rejected,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ImportTail<'a> {
    errors: Vec<RowProblem<'a>>,
    /// The interpretation of the file; absent for an import of an earlier version.
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<Reading<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ScanTail<'a> {
    photos: Vec<Photo>,
    suggestions: Vec<Suggestion<'a>>,
    metadata: ScanMetadata<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ResultsMetadata {
    #[serde(flatten)]
    metadata: Metadata,
    /// Always true: results are written once and kept.
    cached: bool,
    /// Time for which they are kept.
    ttl: String,
    /// Number of books in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u32>,
    /// The next page's offset; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<u32>,
    /// Number of the books here that the store has lost: they are without a title, and keep the
    /// others' numbers as they were. Absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    lost: u32,
    /// Whether the store has lost what was said of the rows of the file, or of the photos. Absent
    /// when not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    report_lost: bool,
}

/// Results documents in one piece, for their description: they are written in several.
#[cfg(test)]
pub(crate) mod whole {
    use schemars::JsonSchema;
    use serde::Serialize;

    use super::{Counts, Head, ImportTail, ResultsMetadata, ScanTail};
    use crate::book::{EnrichedBook, ListedBook};
    use crate::scan::SeenBook;
    use crate::status::Review;
    use crate::v3;

    /// The body of a response with results.
    #[derive(JsonSchema, Serialize)]
    #[schemars(rename = "{T}Answer")]
    pub(crate) struct Response<T> {
        #[schemars(extend("const" = true))]
        success: bool,
        data: T,
        metadata: ResultsMetadata,
    }

    /// The results of an import.
    #[derive(JsonSchema, Serialize)]
    pub(crate) struct ImportResults<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        #[serde(flatten)]
        counts: Counts,
        books: Vec<ListedBook<'a>>,
        #[serde(flatten)]
        tail: ImportTail<'a>,
    }

    /// The results of a scan.
    #[derive(JsonSchema, Serialize)]
    pub(crate) struct ScanResults<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        #[serde(flatten)]
        review: Review,
        books: Vec<SeenBook<'a>>,
        #[serde(flatten)]
        tail: ScanTail<'a>,
    }

    /// The results of an import, in V3.
    #[derive(JsonSchema, Serialize)]
    pub(crate) struct V3ImportResults<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        #[serde(flatten)]
        counts: Counts,
        results: Vec<v3::ResultBook<'a>>,
        #[serde(flatten)]
        tail: ImportTail<'a>,
    }

    /// The results of a scan, in V3.
    #[derive(JsonSchema, Serialize)]
    pub(crate) struct V3ScanResults<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        #[serde(flatten)]
        review: Review,
        results: Vec<v3::ResultBook<'a>>,
        #[serde(flatten)]
        tail: ScanTail<'a>,
    }

    /// The results of an enrichment, in V3.
    #[derive(JsonSchema, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct V3EnrichmentResults<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        enriched_books: Vec<EnrichedBook<'a>>,
        results: Vec<v3::ResultBook<'a>>,
    }

    /// The results of a job, with a short form of its books.
    #[derive(JsonSchema, Serialize)]
    pub(crate) struct V3LiteResults<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        #[serde(flatten)]
        counts: Option<Counts>,
        #[serde(flatten)]
        review: Option<Review>,
        #[serde(flatten)]
        import: Option<ImportTail<'a>>,
        #[serde(flatten)]
        scan: Option<ScanTail<'a>>,
        results: Vec<v3::LiteBook<'a>>,
    }

    /// The results of an enrichment.
    #[derive(JsonSchema, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct EnrichmentResults<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        enriched_books: Vec<EnrichedBook<'a>>,
        books: Vec<ListedBook<'a>>,
    }
}
