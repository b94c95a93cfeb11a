//! Routes and documents of generation V3, for present-day clients and the published SDK.
//!
//! One more spelling of the same jobs: a job made here is read by every other generation, and the
//! other way round. Errors of these routes are problem documents: [`ApiError::problem`].
//!
//! [`ApiError::problem`]: crate::ApiError::problem

mod book;
mod capabilities;

use job::Root;
use serde::Serialize;

pub use book::{Book, CoverUrls, Enriched, EnrichedBook, LiteBook, ResultBook, Search};
pub use capabilities::Capabilities;

use crate::accepted::retry_of;
use crate::failure::FailureCode;
use crate::number::Whole;
use crate::origin::Origin;
use crate::status;
use crate::time::Iso;

/// Prefix of every path of this generation.
pub const PREFIX: &str = "/v3/";

/// The kind of job that a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `/v3/jobs/imports`
    Imports,
    /// `/v3/jobs/scans`
    Scans,
    /// `/v3/jobs/enrichment`
    Enrichment,
}

impl Kind {
    /// The kind with this name in paths.
    pub fn parse(segment: &str) -> Option<Self> {
        match segment {
            "imports" => Some(Self::Imports),
            "scans" => Some(Self::Scans),
            "enrichment" => Some(Self::Enrichment),
            _ => None,
        }
    }

    /// The name in paths.
    pub fn segment(self) -> &'static str {
        match self {
            Self::Imports => "imports",
            Self::Scans => "scans",
            Self::Enrichment => "enrichment",
        }
    }

    /// Whether a job belongs under this kind's path.
    pub fn is_of(self, root: &Root) -> bool {
        self == Self::from(root.pipeline)
    }
}

impl From<job::Pipeline> for Kind {
    fn from(pipeline: job::Pipeline) -> Self {
        match pipeline {
            job::Pipeline::CsvImport => Self::Imports,
            job::Pipeline::AiScan => Self::Scans,
            job::Pipeline::BatchEnrichment => Self::Enrichment,
        }
    }
}

/// The kind of job as clients of V3 name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobType {
    /// A library from a CSV file.
    CsvImport,
    /// Books on photos.
    BookshelfScan,
    /// Books of a request.
    BatchEnrichment,
}

impl From<job::Pipeline> for JobType {
    fn from(pipeline: job::Pipeline) -> Self {
        match pipeline {
            job::Pipeline::CsvImport => Self::CsvImport,
            job::Pipeline::AiScan => Self::BookshelfScan,
            job::Pipeline::BatchEnrichment => Self::BatchEnrichment,
        }
    }
}

/// The state of a job as clients of V3 name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, schemars(rename = "V3Status"))]
pub enum Status {
    /// Accepted, not begun.
    Queued,
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
    /// The state of a job.
    pub fn of(root: &Root) -> Self {
        match status::Status::of(root) {
            status::Status::Initialized => Self::Queued,
            status::Status::Processing => Self::Processing,
            status::Status::Completed => Self::Completed,
            status::Status::Failed => Self::Failed,
            status::Status::Canceled => Self::Canceled,
        }
    }

    /// The name that clients read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// The path of a job's status document.
fn status_path(root: &Root) -> String {
    let kind = Kind::from(root.pipeline).segment();
    format!("{PREFIX}jobs/{kind}/{}", root.id)
}

/// The URL of a job's results.
pub(crate) fn results_url(root: &Root, origin: &Origin) -> String {
    origin.url(&format!("{}/results", status_path(root)))
}

/// `data` of the `202` of every route that makes a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3Accepted"))]
pub struct Accepted<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// Always `queued`.
    pub status: Status,
    /// URL of the event stream.
    pub stream_url: String,
    /// URL of the event stream, under the name of the generation before.
    pub sse_url: String,
    /// URL of the WebSocket; the token is its subprotocol.
    pub websocket_url: String,
    /// URL of the status document.
    pub status_url: String,
    /// URL of the results, when the job has ended.
    pub results_url: String,
    /// The job that this one tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<&'a str>,
    /// Indices, from 0, of the photos that a retried scan could not look at and has not kept. Send
    /// them again in a new scan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub photos_to_send: Vec<usize>,
    /// The job's token, which cancels the job and opens its WebSocket.
    pub token: &'a str,
    /// The token, under the name of the generation before.
    pub auth_token: &'a str,
}

impl<'a> Accepted<'a> {
    /// The answer to the creation of a job, and to each repetition of it.
    pub fn of(root: &'a Root, token: &'a str, origin: &Origin) -> Self {
        let status = status_path(root);
        let stream_url = origin.url(&format!("{status}/stream"));
        Self {
            job_id: root.id.as_str(),
            status: Status::Queued,
            sse_url: stream_url.clone(),
            stream_url,
            websocket_url: origin.socket_url(&format!("/ws/progress?jobId={}", root.id)),
            results_url: results_url(root, origin),
            status_url: origin.url(&status),
            retry_of: retry_of(root),
            photos_to_send: match root.retry {
                Some(_) => root.lost_photos().collect(),
                None => Vec::new(),
            },
            token,
            auth_token: token,
        }
    }
}

/// The reason why a job failed, with code and message only.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "V3JobError"))]
pub struct JobError<'a> {
    /// The code, for programs.
    pub code: FailureCode,
    /// A sentence for people.
    pub message: &'a str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl<'a> JobError<'a> {
    /// The failure of a job; `None` when it has not failed.
    pub fn of(root: &'a Root) -> Option<Self> {
        let failure = root.failure.as_ref()?;
        Some(Self {
            code: failure.code.into(),
            message: &failure.user_message,
            retryable: failure.retryable,
        })
    }
}

/// The status document: `data` of `GET /v3/jobs/{kind}/{jobId}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3JobStatus"))]
pub struct JobStatus<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// The kind of job.
    #[serde(rename = "type")]
    pub kind: JobType,
    /// State of the job.
    pub status: Status,
    /// Progress in [0, 1]; never decreases.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub progress: Whole,
    /// Number of items that are final.
    pub processed_count: u32,
    /// Number of items in all; 0 until they are known.
    pub total_count: u32,
    /// The job that this one tries again: its counts are of what is tried, its results are whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<&'a str>,
    /// Time of the job's creation.
    pub start_time: Iso,
    /// Time of the job's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_time: Option<Iso>,
    /// The reason why the job failed or was canceled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError<'a>>,
}

impl<'a> JobStatus<'a> {
    /// The status of a job.
    pub fn of(root: &'a Root) -> Self {
        Self {
            job_id: root.id.as_str(),
            kind: root.pipeline.into(),
            status: Status::of(root),
            progress: Whole(root.progress()),
            processed_count: root.processed(),
            total_count: root.total,
            retry_of: retry_of(root),
            start_time: Iso(root.created),
            completed_time: root.stage.is_terminal().then_some(Iso(root.updated)),
            error: JobError::of(root),
        }
    }
}
