//! The progress stream as bytes: server-sent events in exactly the form that deployed parsers read.
//!
//! `\n` line ends, one space after the colon, `id`, `event`, `data` in this order, and `data` one
//! line of ASCII: a client in the field decodes each network chunk by itself.

use std::io;
use std::time::Duration;

use job::{Item, JobId, Notification, Pipeline, Position, Root, Stage, Step, Time, millis};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, Code};
use crate::failure::{Failure, FailureCode};
use crate::number::Whole;
use crate::origin::Origin;
use crate::scan::Shown;
use crate::status::{Completion, JobFields, Photos, Status, current_title};
use crate::time::Iso;
use crate::v3::{self, JobError, ResultBook};

/// Reconnection time with which a stream begins.
pub const RETRY: Duration = Duration::from_millis(5000);
/// Reconnection time before a stream is cut whose job is not over.
pub const RETRY_SOON: Duration = Duration::from_millis(250);
/// A comment that keeps the connection open.
pub const HEARTBEAT: &[u8] = b": heartbeat\n\n";

/// Names of the events that end a job's stream.
pub const ENDS: &str =
    "completed, failed, canceled, timeout, photoscan.completed, photoscan.failed";

/// The names of the events that a later one of the same job replaces.
pub const SNAPSHOTS: &str = "initialized, processing, progress, photoscan.progress";

/// Reads an event id of a stream of `jobs` jobs: the reader's position in each, in order. `None`
/// when it is malformed.
pub fn positions(id: &str, jobs: usize) -> Option<Vec<Position>> {
    let positions: Option<Vec<Position>> = id.split(',').map(Position::parse).collect();
    positions.filter(|positions| positions.len() == jobs)
}

/// Spells the line that sets the client's reconnection time.
pub fn retry(after: Duration) -> Vec<u8> {
    format!("retry: {}\n\n", after.as_millis()).into_bytes()
}

/// Spells one event. `id` and `name` are single lines without control characters.
pub fn event(id: &str, name: &str, data: &impl Serialize) -> Vec<u8> {
    let mut bytes = format!("id: {id}\nevent: {name}\ndata: ").into_bytes();
    bytes.extend_from_slice(&ascii_json(data));
    bytes.extend_from_slice(b"\n\n");
    bytes
}

/// Spells the first event of a stream that answers the request for its job: its data is that of a
/// `202`. Such an event has no id: it is no state of the job, and nobody resumes after it.
pub fn accepted(data: &impl Serialize) -> Vec<u8> {
    let mut bytes = b"event: accepted\ndata: ".to_vec();
    bytes.extend_from_slice(&ascii_json(data));
    bytes.extend_from_slice(b"\n\n");
    bytes
}

/// Spells a refusal for clients that read nothing but events: one event without an id that says
/// that the stream has failed. `jobs` are those that were asked for.
pub fn refusal(generation: &Generation, jobs: &[JobId], error: &ApiError) -> Vec<u8> {
    let job_id = jobs.first().map_or("", JobId::as_str);
    let name = match generation {
        Generation::Photoscan => "photoscan.failed",
        Generation::V2 | Generation::V3(_) => "failed",
    };
    let reason = match generation {
        Generation::Photoscan => RefusalReason::Text(&error.message),
        Generation::V2 | Generation::V3(_) => RefusalReason::Object {
            code: error.code,
            message: &error.message,
            user_message: &error.message,
            retryable: error.code.retryable(),
        },
    };
    let data = Refusal {
        job_id,
        status: Status::Failed,
        progress: Whole(0.0),
        processed_count: 0,
        total_count: 0,
        error: reason,
    };
    let mut bytes = format!("event: {name}\ndata: ").into_bytes();
    bytes.extend_from_slice(&ascii_json(&data));
    bytes.extend_from_slice(b"\n\n");
    bytes
}

/// The data of the `failed` event of a refused stream.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "RefusalEvent"))]
pub(crate) struct Refusal<'a> {
    job_id: &'a str,
    status: Status,
    progress: Whole,
    processed_count: u32,
    total_count: u32,
    error: RefusalReason<'a>,
}

/// The reason why a stream is refused: a text in the vocabulary of `photoscan`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged, rename_all_fields = "camelCase")]
enum RefusalReason<'a> {
    Text(&'a str),
    Object {
        code: Code,
        message: &'a str,
        user_message: &'a str,
        retryable: bool,
    },
}

/// JSON on one line, with `\uXXXX` for everything outside ASCII.
pub fn ascii_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Ascii);
    value
        .serialize(&mut serializer)
        .expect("our own types serialise, and a Vec takes every byte");
    bytes
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii()) {
            let (ascii, foreign) = rest.split_at(at);
            writer.write_all(ascii.as_bytes())?;
            let end = foreign
                .find(|c: char| c.is_ascii())
                .unwrap_or(foreign.len());
            let (foreign, after) = foreign.split_at(end);
            for unit in foreign.encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after;
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

/// The generation whose names and shapes a stream's events have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `initialized`, `processing`, `completed`, `failed`, `book`.
    V2,
    /// The names of [`Self::V2`], but those of scans are spelled `photoscan.*`.
    Photoscan,
    /// `progress`, `completed`, `failed`, `canceled`, `result`, with URLs on this origin.
    V3(Origin),
}

/// The spelling of one client's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// Whether ids count books, too.
    pub books: bool,
    /// The vocabulary of names.
    pub generation: Generation,
    /// Time without progress after which a job's stream is given up.
    pub stall: Duration,
}

impl Spelling {
    /// The name of what streams of these jobs, each with the time of its creation, can share: those
    /// with the same key say the same.
    pub fn stream_key<'a>(&self, jobs: impl IntoIterator<Item = (&'a JobId, Time)>) -> String {
        let words = match &self.generation {
            Generation::V2 => "v2".to_owned(),
            Generation::Photoscan => "photoscan".to_owned(),
            Generation::V3(origin) => format!("v3 {}", origin.url("/")),
        };
        let mut digest = Sha256::new();
        digest.update(format!("sse {words} {}", self.books));
        // A job may have the name of one that was deleted.
        for (id, created) in jobs {
            digest.update(format!("\n{} {}", id.as_str(), created.0));
        }
        let bytes = digest.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The id of a stream that is at these positions of its jobs, in order.
    pub fn id(&self, positions: &[Position]) -> String {
        let each: Vec<String> = positions.iter().map(|at| at.id(self.books)).collect();
        each.join(",")
    }

    /// Whether the last event of this job holds its items, if they are not too many.
    pub fn wants_items(&self, root: &Root) -> bool {
        let stored = root.result_bytes();
        matches!(self.generation, Generation::V3(_))
            && root.stage == Stage::Complete
            && stored <= MAX_STORED_IN_EVENT
    }

    /// Spells a notification for a stream; `positions` are those of its jobs, in order, once it is
    /// delivered. `items` are read only for an end that [`Self::wants_items`].
    pub fn spell(
        &self,
        notification: &Notification,
        items: &[Item],
        positions: &[Position],
    ) -> Vec<u8> {
        let root = &notification.root;
        let id = self.id(positions);
        if let Generation::V3(origin) = &self.generation {
            return v3_event(self, notification, items, &id, origin);
        }
        let photoscan =
            self.generation == Generation::Photoscan && root.pipeline == Pipeline::AiScan;
        let name = |plain, of_photoscan| if photoscan { of_photoscan } else { plain };
        match notification.step {
            Step::Initialized(_) => event(
                &id,
                name("initialized", "photoscan.progress"),
                &Initialized::of(root),
            ),
            Step::Processing(_) => event(
                &id,
                name("processing", "photoscan.progress"),
                &Processing::of(root),
            ),
            Step::Book(_, index) => match &notification.item {
                Some(item) => event(
                    &id,
                    "book",
                    &BookEvent {
                        index,
                        book: Shown::of(root, item),
                    },
                ),
                None => Vec::new(),
            },
            Step::Ended(_) => match (Completed::of(root), photoscan) {
                (Some(completed), _) => {
                    event(&id, name("completed", "photoscan.completed"), &completed)
                }
                (None, false) => event(&id, "failed", &Failed::of(root)),
                (None, true) => event(&id, "photoscan.failed", &PhotoscanFailed::of(root)),
            },
            Step::TimedOut(_) => event(&id, "timeout", &TimedOut::of(root, self.stall)),
            Step::Heartbeat => HEARTBEAT.to_vec(),
        }
    }
}

/// Spells an event in the vocabulary of V3.
fn v3_event(
    spelling: &Spelling,
    notification: &Notification,
    items: &[Item],
    id: &str,
    origin: &Origin,
) -> Vec<u8> {
    let root = &notification.root;
    match notification.step {
        Step::Initialized(_) | Step::Processing(_) => {
            event(id, "progress", &V3Event::of(root, Processing::of(root)))
        }
        Step::Book(_, index) => match &notification.item {
            Some(item) => event(
                id,
                "result",
                &ResultEvent {
                    index,
                    book: ResultBook::of(root, item),
                },
            ),
            None => Vec::new(),
        },
        Step::Ended(_) => match Completed::of(root) {
            Some(completed) => event(
                id,
                "completed",
                &V3Event::of(root, V3Completed::of(completed, root, items, origin)),
            ),
            None if root.stage == Stage::Canceled => {
                event(id, "canceled", &V3Event::of(root, FailedInShort::of(root)))
            }
            None => event(id, "failed", &V3Event::of(root, FailedInShort::of(root))),
        },
        Step::TimedOut(_) => event(
            id,
            "timeout",
            &V3Event::of(root, TimedOut::of(root, spelling.stall)),
        ),
        Step::Heartbeat => HEARTBEAT.to_vec(),
    }
}

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
    fn of(root: &Root, event: T) -> Self {
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
const MAX_STORED_IN_EVENT: u64 = 256 << 10;

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
    fn of(
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
    fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            error: JobError::of(root).unwrap_or(JobError {
                code: FailureCode::EInternal,
                message: crate::status::failure_message(root),
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
    fn of(root: &'a Root) -> Self {
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
    fn of(root: &'a Root) -> Self {
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
    fn of(root: &'a Root) -> Option<Self> {
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
    fn of(root: &'a Root) -> Self {
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
    fn of(root: &'a Root) -> Self {
        Self {
            base: JobFields::of(root),
            error: match root.stage {
                Stage::Canceled => "Job canceled",
                _ => crate::status::failure_message(root),
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
    fn of(root: &'a Root, stall: Duration) -> Self {
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
