//! The data of each event of a job's stream, in the shapes of all generations.

use std::time::Duration;

use job::{Item, Pipeline, Root, Stage, millis};
use serde::Serialize;

use super::ascii_json;
use crate::failure::{Failure, FailureCode};
use crate::number::Whole;
use crate::origin::Origin;
use crate::scan::Shown;
use crate::status::{Completion, JobFields, Photos, Status, current_title, failure_message};
use crate::time::Iso;
use crate::v3::{self, JobError, ResultBook};

/// Data of `progress`, `failed`, `canceled` and `timeout` of V3: the event of V2 with its times
/// under the names of that generation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3{T}"))]
pub struct V3Event<T> {
    #[serde(flatten)]
    event: T,
    /// Time of the job's creation.
    started_at: Iso,
    /// Time of the state in the event.
    timestamp: Iso,
}

impl<T> V3Event<T> {
    pub(super) fn of(root: &Root, event: T) -> Self {
        Self {
            event,
            started_at: Iso(root.created),
            timestamp: Iso(root.updated),
        }
    }
}

/// Largest size, in bytes, of the books in a `completed` event of V3.
const MAX_BOOKS_IN_EVENT: usize = 64 << 10;
/// Largest size, in bytes, of stored items that are read to see whether they fit.
pub(super) const MAX_STORED_IN_EVENT: u64 = 256 << 10;

/// Data of `completed` of V3.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "CompletedWithBooks"))]
pub struct V3Completed<'a> {
    #[serde(flatten)]
    completed: Completed<'a>,
    /// The books, when they fit in 64 KB; else they are fetched from `resultsUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    books: Option<Vec<ResultBook<'a>>>,
    /// The books of a scan once more, under the name that the apps read.
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<ResultBook<'a>>>,
}

impl<'a> V3Completed<'a> {
    pub(super) fn of(
        mut completed: Completed<'a>,
        root: &'a Root,
        items: &'a [Item],
        origin: &Origin,
    ) -> Self {
        completed.completion.results_url = v3::results_url(root, origin);
        let is_whole = items.len() == root.results() as usize;
        let books: Vec<ResultBook> = items
            .iter()
            .map(|item| ResultBook::of(root, item))
            .collect();
        let fits = is_whole && ascii_json(&books).len() <= MAX_BOOKS_IN_EVENT;
        let books = fits.then_some(books);
        let is_scan = root.pipeline == Pipeline::AiScan;
        Self {
            completed,
            results: books.clone().filter(|_| is_scan),
            books,
        }
    }
}

/// Data of `failed` and `canceled` of V3.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailedInShort<'a> {
    #[serde(flatten)]
    base: JobFields<'a>,
    /// The reason, in a sentence for people.
    error: JobError<'a>,
}

impl<'a> FailedInShort<'a> {
    pub(super) fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            error: JobError::of(root).unwrap_or(JobError {
                code: FailureCode::EInternal,
                message: failure_message(root),
                retryable: false,
            }),
        }
    }
}

/// Data of `result` of V3: an item is final.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ResultEvent<'a> {
    /// Index of the item in the job, from 0.
    pub index: u32,
    /// The item, as the job's results show it.
    pub book: ResultBook<'a>,
}

/// Data of `initialized`: the job has not begun.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "InitializedEvent"))]
pub struct Initialized<'a> {
    /// Fields of every event.
    #[serde(flatten)]
    pub base: JobFields<'a>,
    /// Counts of photos; absent of jobs that are no scans.
    #[serde(flatten)]
    pub photos: Option<Photos>,
    /// Time of this state.
    pub updated_at: Iso,
}

impl<'a> Initialized<'a> {
    pub(super) fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            photos: Photos::of(root),
            updated_at: Iso(root.updated),
        }
    }
}

/// Data of `processing`: the job as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "ProcessingEvent"))]
pub struct Processing<'a> {
    /// Fields of every event.
    #[serde(flatten)]
    pub base: JobFields<'a>,
    /// The title most lately looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_title: Option<&'a str>,
    /// Number of items that were found.
    pub success_count: u32,
    /// Number of items that were not found.
    pub failure_count: u32,
    /// Counts of photos; absent of jobs that are no scans.
    #[serde(flatten)]
    pub photos: Option<Photos>,
    /// Time of this state.
    pub updated_at: Iso,
    /// Time from creation to `updatedAt`, in ms.
    pub elapsed_ms: u64,
    /// Estimate of the remaining time, in ms; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
}

impl<'a> Processing<'a> {
    pub(super) fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            current_title: current_title(root),
            success_count: root.succeeded,
            failure_count: root.failed,
            photos: Photos::of(root),
            updated_at: Iso(root.updated),
            elapsed_ms: millis(root.elapsed()),
            eta_ms: root.eta().map(millis),
        }
    }
}

/// Data of `completed`: the job is over, every item is final.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "CompletedEvent"))]
pub struct Completed<'a> {
    /// Fields of every event.
    #[serde(flatten)]
    pub base: JobFields<'a>,
    /// Number of items that were found.
    pub success_count: u32,
    /// Number of items that were not found.
    pub failure_count: u32,
    /// Counts of photos; absent of jobs that are no scans.
    #[serde(flatten)]
    pub photos: Option<Photos>,
    /// Fields of a completed job.
    #[serde(flatten)]
    pub completion: Completion,
}

impl<'a> Completed<'a> {
    pub(super) fn of(root: &'a Root) -> Option<Self> {
        Some(Self {
            base: JobFields::of(root),
            success_count: root.succeeded,
            failure_count: root.failed,
            photos: Photos::of(root),
            completion: Completion::of(root)?,
        })
    }
}

/// Data of `failed`: the job is over, it failed or was canceled.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "FailedEvent"))]
pub struct Failed<'a> {
    /// Fields of every event.
    #[serde(flatten)]
    pub base: JobFields<'a>,
    /// The reason of the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure<'a>>,
}

impl<'a> Failed<'a> {
    pub(super) fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            error: root.failure.as_ref().map(Failure::from),
        }
    }
}

/// Data of `photoscan.failed`: that of `failed`, with the reason as a sentence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "PhotoscanFailedEvent"))]
pub struct PhotoscanFailed<'a> {
    /// Fields of every event.
    #[serde(flatten)]
    pub base: JobFields<'a>,
    /// The reason, for people.
    pub error: &'a str,
}

impl<'a> PhotoscanFailed<'a> {
    pub(super) fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            error: match root.stage {
                Stage::Canceled => "Job canceled",
                _ => failure_message(root),
            },
        }
    }
}

/// Data of `timeout`: the stream ends because nothing happens; the job may go on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "TimeoutEvent"))]
pub struct TimedOut<'a> {
    /// Always "timeout".
    pub error: &'static str,
    /// Message for people.
    pub message: String,
    /// The job's name.
    pub job_id: &'a str,
    /// State of the job.
    pub last_status: Status,
    /// Progress of the job.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub last_progress: Whole,
}

impl<'a> TimedOut<'a> {
    pub(super) fn of(root: &'a Root, stall: Duration) -> Self {
        let message = match (stall.as_secs(), stall.as_secs() / 60) {
            (seconds, _) if seconds < 60 => format!("No progress for {seconds} seconds"),
            (_, 1) => "No progress for 1 minute".to_owned(),
            (_, minutes) => format!("No progress for {minutes} minutes"),
        };
        Self {
            error: "timeout",
            message,
            job_id: root.id.as_str(),
            last_status: Status::of(root),
            last_progress: Whole(root.progress()),
        }
    }
}

/// Data of `book`: an item is final.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BookEvent<'a> {
    /// Index of the item in the job, from 0.
    pub index: u32,
    /// The item, as the job's results show it.
    pub book: Shown<'a>,
}
