//! The progress stream as bytes: server-sent events in exactly the form that deployed parsers read.
//!
//! `\n` line ends, one space after the colon, `id`, `event`, `data` in this order, and `data` one
//! line of ASCII: a client in the field decodes each network chunk by itself.

mod data;

use std::io;
use std::time::Duration;

use job::{Item, JobId, Notification, Pipeline, Position, Root, Stage, Step, Time};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use sha2::{Digest, Sha256};

use self::data::MAX_STORED_IN_EVENT;
pub use self::data::{
    BookEvent, Completed, Failed, FailedInShort, Initialized, PhotoscanFailed, Processing,
    ResultEvent, TimedOut, V3Completed, V3Event,
};
use crate::error::{ApiError, Code};
use crate::number::Whole;
use crate::origin::Origin;
use crate::scan::Shown;
use crate::status::Status;
use crate::v3::ResultBook;

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

/// The position of a reader of several jobs in one whose end it has been told, or that is gone: no
/// job comes as far. It stays when nobody knows any more what the job had told.
pub const OVER: Position = Position {
    seq: 1_000_000_000,
    books: 1_000_000_000,
};

/// Whether a reader at this position has been told [the end](OVER).
#[must_use]
pub fn is_over(at: Position) -> bool {
    at.seq >= OVER.seq
}

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
    /// The key of the stream of these jobs, each given with the time of its creation: streams with
    /// equal keys say the same under the same ids.
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
