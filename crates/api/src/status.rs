//! The status document of a job: stage, progress, counts and outcome.

mod cancellation;
mod completion;

use std::time::Duration;

use job::{Root, millis};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use self::cancellation::{CancelStatus, Canceled, Cleanup};
pub use self::completion::{Completion, Review, ScanSummary, Summary, SummaryCounts};
use crate::book::Provider;
use crate::envelope::json;
use crate::failure::Failure;
use crate::number::Whole;
use crate::time::Iso;

/// Time after which a client that polls should look again at a job that runs.
pub const POLL: Duration = Duration::from_secs(2);

/// The kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pipeline {
    /// Read a CSV file, look its books up.
    CsvImport,
    /// Look at photos, look up the books seen on them.
    AiScan,
    /// Look up the books of a request.
    BatchEnrichment,
}

impl From<job::Pipeline> for Pipeline {
    fn from(pipeline: job::Pipeline) -> Self {
        match pipeline {
            job::Pipeline::CsvImport => Self::CsvImport,
            job::Pipeline::AiScan => Self::AiScan,
            job::Pipeline::BatchEnrichment => Self::BatchEnrichment,
        }
    }
}

/// The stage that a job is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Accepted; no run has begun.
    Queued,
    /// The file is being read, or the photos looked at.
    Analyzing,
    /// Books are being looked up.
    Enriching,
    /// Done: every item is final.
    Complete,
    /// The job failed.
    Error,
    /// A client stopped the job.
    Canceled,
}

impl From<job::Stage> for Stage {
    fn from(stage: job::Stage) -> Self {
        match stage {
            // Nobody has been told of a job whose upload is still received.
            job::Stage::Receiving | job::Stage::Queued => Self::Queued,
            job::Stage::Analyzing => Self::Analyzing,
            job::Stage::Enriching => Self::Enriching,
            job::Stage::Complete => Self::Complete,
            job::Stage::Error => Self::Error,
            job::Stage::Canceled => Self::Canceled,
        }
    }
}

/// The state of a job: coarser than its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, not begun.
    Initialized,
    /// Being worked on.
    Processing,
    /// Completed: every item is final.
    Completed,
    /// The job failed.
    Failed,
    /// A client stopped the job.
    Canceled,
}

impl Status {
    /// The status of the job with this root.
    pub fn of(root: &Root) -> Self {
        match root.stage {
            job::Stage::Receiving | job::Stage::Queued => Self::Initialized,
            job::Stage::Analyzing | job::Stage::Enriching => Self::Processing,
            job::Stage::Complete => Self::Completed,
            job::Stage::Error => Self::Failed,
            job::Stage::Canceled => Self::Canceled,
        }
    }
}

/// A sentence for people about a job's stage and progress.
///
/// Apps in the field search the texts of scans for "error" and "fail": only a failed job's has
/// them, and no text of a scan quotes a title.
pub fn message(root: &Root) -> String {
    let scan = root.pipeline == job::Pipeline::AiScan;
    match root.stage {
        job::Stage::Receiving | job::Stage::Queued => "Waiting to start".to_owned(),
        job::Stage::Analyzing if scan => looking(root),
        job::Stage::Analyzing => "Reading the file".to_owned(),
        job::Stage::Enriching => {
            if let Some((provider, _)) = root.waiting(root.updated) {
                let provider = Provider::title_of(provider);
                return format!(
                    "Waiting for {provider} ({}/{})",
                    root.processed(),
                    root.total
                );
            }
            let counts = format!("Enriching ({}/{})", root.processed(), root.total);
            if scan || root.title.is_empty() {
                counts
            } else {
                format!("{counts}: {}", root.title)
            }
        }
        job::Stage::Complete if scan => match root.total {
            1 => "1 book found".to_owned(),
            total => format!("{total} books found"),
        },
        job::Stage::Complete => {
            let found = format!("{} of {} books found", root.succeeded, root.total);
            match root.unanswered {
                0 => found,
                unanswered => format!("{found}, {unanswered} not answered for by any provider"),
            }
        }
        job::Stage::Error => format!("Error: {}", failure_message(root)),
        job::Stage::Canceled => "Job canceled".to_owned(),
    }
}

fn looking(root: &Root) -> String {
    match root.uploaded.files {
        0 | 1 => "Looking at the photo".to_owned(),
        photos => format!(
            "Looking at the photos ({}/{photos})",
            root.processed_photos()
        ),
    }
}

/// The reason why a job failed, as a sentence for people.
pub(crate) fn failure_message(root: &Root) -> &str {
    root.failure
        .as_ref()
        .map_or("Something went wrong on our side.", |failure| {
            &failure.user_message
        })
}

/// Fields of every event and document about a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobFields<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// State of the job.
    pub status: Status,
    /// Progress in [0, 1]; never decreases.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub progress: Whole,
    /// Number of items that are final.
    pub processed_count: u32,
    /// Number of items in all; 0 until they are known.
    pub total_count: u32,
    /// The kind of job.
    pub pipeline: Pipeline,
    /// The current stage.
    pub stage: Stage,
    /// The current stage, for people.
    pub message: String,
    /// Time until which the job waits for a provider that refuses or fails; absent when it does not
    /// wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_until: Option<Iso>,
    /// Number of requests to the metadata providers so far; absent while there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub requests: u32,
    /// Number of books whose outcome was remembered, without asking any provider; absent while
    /// there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub remembered: u32,
    /// Number of books, among those not found, that no provider has answered about; absent while
    /// there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub unanswered: u32,
}

/// Whether a count is left out.
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl<'a> JobFields<'a> {
    /// The fields for the job with this root.
    pub fn of(root: &'a Root) -> Self {
        Self {
            job_id: root.id.as_str(),
            status: Status::of(root),
            progress: Whole(root.progress()),
            processed_count: root.processed(),
            total_count: root.total,
            pipeline: root.pipeline.into(),
            stage: root.stage.into(),
            message: message(root),
            waiting_until: waiting_until(root),
            requests: root.requests.values().sum(),
            remembered: root.remembered,
            unanswered: root.unanswered,
        }
    }
}

/// Time until which the job waits for a provider.
pub(crate) fn waiting_until(root: &Root) -> Option<Iso> {
    root.waiting(root.updated).map(|(_, until)| Iso(until))
}

/// Fields of scans only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Photos {
    /// Number of photos that have been looked at.
    pub processed_photos: u32,
    /// Number of photos in all.
    pub total_photos: u32,
    /// Number of different books seen on the photos.
    pub recognized_books: u32,
}

impl Photos {
    /// Counts the photos of this job; `None` when it is not a scan.
    pub fn of(root: &Root) -> Option<Self> {
        (root.pipeline == job::Pipeline::AiScan).then(|| Self {
            processed_photos: root.processed_photos(),
            total_photos: root.uploaded.files,
            recognized_books: root.recognized_books(),
        })
    }
}

/// URLs under which a job is followed: paths relative to the server's origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Urls {
    /// URL of the event stream.
    pub sse_url: String,
    /// URL of the status document.
    pub status_url: String,
    /// URL of the results, when the job has ended.
    pub results_url: String,
    /// URL of the WebSocket.
    pub websocket_url: String,
}

impl Urls {
    /// The URLs of the job with this id.
    pub fn of(id: &job::JobId) -> Self {
        let status_url = format!("/api/v2/imports/{id}");
        Self {
            sse_url: format!("{status_url}/stream"),
            results_url: format!("{status_url}/results"),
            websocket_url: format!("/ws/progress?jobId={id}"),
            status_url,
        }
    }
}

/// The status document: `data` of `GET /api/v2/imports/{jobId}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "StatusDocument"))]
pub struct Document<'a> {
    /// Fields of every event.
    #[serde(flatten)]
    pub base: JobFields<'a>,
    /// The title most lately looked up, or null.
    pub current_title: Option<&'a str>,
    /// Number of items that were found.
    pub success_count: u32,
    /// Number of items that were not found.
    pub failure_count: u32,
    /// Counts of photos; absent of jobs that are no scans.
    #[serde(flatten)]
    pub photos: Option<Photos>,
    /// The job that this one tries again: its counts are of what is tried, its results are whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<&'a str>,
    /// Time of the job's creation.
    pub started_at: Iso,
    /// Time of the last progress.
    pub updated_at: Iso,
    /// Time from creation to the last progress, in ms.
    pub elapsed_ms: u64,
    /// Estimate of the remaining time, in ms; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
    /// Fields of a completed job; absent until it has completed.
    #[serde(flatten)]
    pub completion: Option<Completion>,
    /// The reason why the job failed or was canceled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure<'a>>,
}

impl<'a> Document<'a> {
    /// The document of the job with this root.
    pub fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            current_title: current_title(root),
            success_count: root.succeeded,
            failure_count: root.failed,
            photos: Photos::of(root),
            retry_of: crate::accepted::retry_of(root),
            started_at: Iso(root.created),
            updated_at: Iso(root.updated),
            elapsed_ms: millis(root.elapsed()),
            eta_ms: root.eta().map(millis),
            completion: Completion::of(root),
            error: root.failure.as_ref().map(Failure::from),
        }
    }

    /// Whether the document will not change any more.
    pub fn is_over(&self) -> bool {
        !matches!(self.base.status, Status::Initialized | Status::Processing)
    }

    /// The document as JSON: what its tag is made of, and what an answer holds.
    pub fn spelled(&self) -> Vec<u8> {
        json(self)
    }

    /// A strong entity tag (RFC 9110), quotes included: changes when and only when the document
    /// does.
    pub fn etag(&self) -> String {
        etag_of(&self.spelled())
    }
}

/// The strong entity tag of these bytes (RFC 9110), quotes included.
pub fn etag_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{hex}\"")
}

/// Whether an `If-None-Match` header names this entity tag (RFC 9110, 13.1.2).
pub fn none_match(header: &str, etag: &str) -> bool {
    header.trim() == "*"
        || header
            .split(',')
            .map(|tag| tag.trim())
            .any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The work key or the ISBN most lately looked up, while that says something.
pub(crate) fn current_id(root: &Root) -> Option<&str> {
    (!root.stage.is_terminal() && !root.last_id.is_empty()).then_some(root.last_id.as_str())
}

/// The title most lately looked up, while that says something.
pub(crate) fn current_title(root: &Root) -> Option<&str> {
    (!root.stage.is_terminal() && !root.title.is_empty()).then_some(root.title.as_str())
}
