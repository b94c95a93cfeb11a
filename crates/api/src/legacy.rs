//! Status documents of the first apps, which poll: bare, without an envelope.

use job::{Item, MadeBy, Pipeline, Report, Root, Stage, Time};
use serde::Serialize;

use crate::envelope::{Answered, Metadata, json};
use crate::scan::{PhotoQuality, SeenBook, Suggestion};
use crate::status::{Document, current_title, failure_message};
use crate::ws::{ImportError, ImportedBook};

/// The stages of a scan, as the first app names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ScanStage {
    /// Accepted, not begun.
    Uploading,
    /// The photos are being looked at.
    Analyzing,
    /// The books are being looked up.
    Enriching,
    /// Completed: every item is final.
    Complete,
    /// Failed or canceled.
    Error,
}

impl ScanStage {
    /// Builds the document of this job.
    pub fn of(root: &Root) -> Self {
        match root.stage {
            Stage::Receiving | Stage::Queued => Self::Uploading,
            Stage::Analyzing => Self::Analyzing,
            // The app of these scans sets its bar back at a stage that it does not know.
            Stage::Enriching if root.made_by == MadeBy::UnnamedScan => Self::Analyzing,
            Stage::Enriching => Self::Enriching,
            Stage::Complete => Self::Complete,
            Stage::Error | Stage::Canceled => Self::Error,
        }
    }
}

/// The reason why a job ended without success, as one text; `None` while it runs, and when it has
/// completed.
pub(crate) fn problem(root: &Root) -> Option<&str> {
    match root.stage {
        Stage::Error => Some(failure_message(root)),
        Stage::Canceled => Some("Job canceled"),
        _ => None,
    }
}

/// The response to `GET /scan/status/{jobId}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScanStatus<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// The current stage.
    pub stage: ScanStage,
    /// Progress in [0, 1]; never decreases.
    pub progress: f64,
    /// Time since the job's creation, in whole seconds; stands still when the job is over.
    pub elapsed_time: u64,
    /// Number of books seen so far.
    pub books_detected: u32,
    /// The result of a completed scan, else null.
    pub result: Option<ScanResult<'a>>,
    /// The reason why the job failed, else null.
    pub error: Option<&'a str>,
}

/// The result of a completed scan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(inline))]
pub struct ScanResult<'a> {
    /// The books that were seen.
    pub books: Vec<SeenBook<'a>>,
    /// Hints for better photos.
    pub suggestions: Vec<Suggestion<'a>>,
    /// Quality of the photos.
    pub metadata: PhotoQuality,
}

impl<'a> ScanStatus<'a> {
    /// Builds the document of this job at `now`.
    pub fn of(root: &'a Root, items: &'a [Item], report: &'a Report, now: Time) -> Self {
        let elapsed = if root.stage.is_terminal() {
            root.elapsed()
        } else {
            now.since(root.created)
        };
        Self {
            job_id: root.id.as_str(),
            stage: ScanStage::of(root),
            progress: root.progress(),
            elapsed_time: elapsed.as_secs(),
            books_detected: root.recognized_books(),
            result: (root.stage == Stage::Complete).then(|| ScanResult {
                books: items
                    .iter()
                    .filter_map(|item| SeenBook::of(root, item))
                    .collect(),
                suggestions: Suggestion::all(report),
                metadata: PhotoQuality::of(root, report),
            }),
            error: problem(root),
        }
    }
}

/// State of a job, as `GET /api/job-state/{jobId}` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, schemars(rename = "JobStateStatus"))]
pub enum State {
    /// The job is not over.
    Running,
    /// Completed: every item is final.
    Complete,
    /// The job failed.
    Failed,
    /// A client stopped the job.
    Canceled,
}

/// The response to `GET /api/job-state/{jobId}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobState<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// The kind of job.
    pub pipeline: crate::status::Pipeline,
    /// State of the job.
    pub status: State,
    /// Number of items in all; 0 until they are known.
    pub total_count: u32,
    /// Number of items that are final.
    pub processed_count: u32,
    /// The title most lately looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_title: Option<&'a str>,
    /// Version of the document: grows with each change.
    pub version: u64,
    /// Time of the job's creation, in ms since the Unix epoch.
    pub start_time: u64,
    /// Time of the last progress, in ms since the Unix epoch.
    pub last_update_time: u64,
    /// The reason why the job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

impl<'a> JobState<'a> {
    /// Builds the document of this job.
    pub fn of(root: &'a Root) -> Self {
        Self {
            job_id: root.id.as_str(),
            pipeline: root.pipeline.into(),
            status: match root.stage {
                Stage::Complete => State::Complete,
                Stage::Error => State::Failed,
                Stage::Canceled => State::Canceled,
                _ => State::Running,
            },
            total_count: root.total,
            processed_count: root.processed(),
            current_title: current_title(root),
            version: root.seq,
            start_time: root.created.0,
            last_update_time: root.updated.0,
            error: problem(root),
        }
    }
}

/// The response to `GET /v1/csv/status/{jobId}`: the status document, and in `data` what the app's
/// import screen reads there: an error as a text, and the books of an import that has completed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "ImportStatusAnswer"))]
pub(crate) struct ImportStatusAnswer<'a> {
    #[cfg_attr(test, schemars(extend("const" = true)))]
    success: bool,
    #[serde(flatten)]
    document: Document<'a>,
    data: ImportStatus<'a>,
    metadata: Metadata,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ImportStatus<'a> {
    #[cfg_attr(test, schemars(extend("const" = true)))]
    success: bool,
    #[serde(flatten)]
    document: DocumentWithoutError<'a>,
    /// The reason why the job failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// The books of an import that has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    books: Option<Vec<ImportedBook<'a>>>,
    /// Problems with the rows of an import that has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<ImportError<'a>>>,
}

/// A status document without its error, which is elsewhere in the response.
#[derive(Serialize)]
struct DocumentWithoutError<'a>(Document<'a>);

#[cfg(test)]
impl schemars::JsonSchema for DocumentWithoutError<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DocumentWithoutError".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = Document::json_schema(generator);
        if let Some(properties) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
            properties.remove("error");
        }
        schema
    }
}

/// A status document around the books of a job that has completed, which are spelled one by one
/// ([`BookList`]): however many there are, they are never in memory together.
#[derive(Debug)]
pub struct AroundBooks {
    /// Everything up to the first book.
    pub before: Vec<u8>,
    /// Everything after the last.
    pub after: Vec<u8>,
}

impl AroundBooks {
    /// Cuts a document at its list of books, which is empty. A text of a reader does not look like
    /// the list: quotes in it are escaped.
    fn cut(mut document: Vec<u8>) -> Option<Self> {
        const EMPTY: &[u8] = br#""books":[]"#;
        let at = document.windows(EMPTY.len()).position(|w| w == EMPTY)?;
        let after = document.split_off(at + EMPTY.len() - 1);
        let before = document;
        Some(Self { before, after })
    }

    /// The body of `GET /v1/csv/status/{jobId}` of an import that has completed; `None` for others,
    /// which are told by [`import_status`].
    pub fn of_import(root: &Root, report: &Report, answered: Answered) -> Option<Self> {
        Self::cut(import_status(root, report, answered))
    }

    /// The body of `GET /scan/status/{jobId}` of a scan that has completed; `None` for others,
    /// which are told by [`ScanStatus`].
    pub fn of_scan(root: &Root, report: &Report, now: Time) -> Option<Self> {
        Self::cut(json(&ScanStatus::of(root, &[], report, now)))
    }
}

/// The books of a status document, as they are spelled one after the other.
#[derive(Debug, Default)]
pub struct BookList {
    has_begun: bool,
}

impl BookList {
    /// Spells the next book; nothing for an item that is no book of this kind of job.
    pub fn next(&mut self, root: &Root, item: &Item) -> Vec<u8> {
        let book = match root.pipeline {
            Pipeline::AiScan => SeenBook::of(root, item).map(|book| json(&book)),
            _ => Some(json(&ImportedBook::of(item))),
        };
        let Some(mut book) = book else {
            return Vec::new();
        };
        if std::mem::replace(&mut self.has_begun, true) {
            book.insert(0, b',');
        }
        book
    }
}

/// The body of `GET /v1/csv/status/{jobId}`, with the list of books of an import that has completed
/// still empty. Any job has one; only an import has books there.
pub fn import_status(root: &Root, report: &Report, answered: Answered) -> Vec<u8> {
    let has_books = root.stage == Stage::Complete && root.pipeline == Pipeline::CsvImport;
    json(&ImportStatusAnswer {
        success: true,
        document: Document::of(root),
        data: ImportStatus {
            success: true,
            document: DocumentWithoutError(Document {
                error: None,
                ..Document::of(root)
            }),
            error: problem(root),
            books: has_books.then(Vec::new),
            errors: has_books.then(|| ImportError::all(report)),
        },
        metadata: answered.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_cut_at_its_list_and_at_no_text_that_looks_like_it() {
        let document = json(&serde_json::json!({
            "a": "\"books\":[]",
            "books": [],
            "errors": [],
        }));
        let AroundBooks { before, after } = AroundBooks::cut(document.clone()).unwrap();
        assert!(before.ends_with(br#","books":["#), "{before:?}");
        assert_eq!(after, br#"],"errors":[]}"#);
        assert_eq!([before, after].concat(), document);
        assert!(AroundBooks::cut(b"{}".to_vec()).is_none());
    }
}
