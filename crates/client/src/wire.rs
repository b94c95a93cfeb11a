//! The server's documents, as far as a client needs to know them. Unknown fields are kept in
//! `other`, so that what is passed on (as JSON, say) is whole.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// A job's name: 1 to 100 characters of `[A-Za-z0-9_-]`, so it fits a path or a file name as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct JobId(String);

impl JobId {
    /// The id as the server spelled it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JobId {
    type Error = Error;

    fn try_from(id: String) -> Result<Self, Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=100).contains(&id.len()) && id.bytes().all(allowed) {
            Ok(Self(id))
        } else {
            Err(Error::JobId(id))
        }
    }
}

impl FromStr for JobId {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self, Error> {
        id.to_owned().try_into()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, not begun.
    Initialized,
    /// The job is running.
    Processing,
    /// Completed: every item is final.
    Completed,
    /// The job failed.
    Failed,
    /// A client canceled the job.
    Canceled,
    /// The cancellation has not taken effect yet.
    Canceling,
    /// A state that this client does not know; treated as running.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Whether this status is a job's last.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The answer to a submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The id of the new job.
    pub job_id: JobId,
    /// The token that cancels the job; a secret. Absent for jobs that need none.
    #[serde(default, skip_serializing)]
    pub auth_token: Option<String>,
    /// Kind of job: `csv_import`, `ai_scan` or `batch_enrichment`.
    #[serde(default)]
    pub pipeline: Option<String>,
    /// The photos, from 0, that a retry of a scan cannot look at again: to be sent anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub photos_to_send: Vec<usize>,
}

/// Books that have some words, the best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResults {
    /// Number of works in all.
    pub total: u64,
    /// The hits of this page, in a short form.
    pub results: Vec<SearchHit>,
    /// Further fields: the works and editions of the hits.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A hit of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchHit {
    /// ISBN of the edition; empty when unknown.
    #[serde(default)]
    pub isbn: String,
    /// Title of the work.
    pub title: String,
    /// Names of the authors, first author first.
    #[serde(default)]
    pub authors: Vec<String>,
    /// URL of the cover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<String>,
    /// Further fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The features and limits of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Version of the application.
    pub version: String,
    /// What is configured.
    pub features: Map<String, Value>,
    /// Every limit that is enforced.
    pub limits: Map<String, Value>,
}

/// A page of the results of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The results, of whose books only those of this page.
    pub results: Results,
    /// The offset of the next page; `None` after the last.
    pub next: Option<u64>,
}

/// Rows of an import that somebody may want to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rows {
    /// The columns of the imported file.
    pub columns: Vec<String>,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
}

/// A row of [`Rows`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Number of the record in its file, from 1; else of the book in the job, from 1.
    pub row: u64,
    /// Number of its book among the job's, from 0; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The reason why the row is here: `rejected`, `not_found`, `failed` or `warning`.
    pub kind: String,
    /// The reason why the row is here, for people.
    pub problem: String,
    /// Cells of the row under the columns; there may be more or fewer.
    pub cells: Vec<String>,
}

/// The state of a job at one moment. A snapshot contains everything of earlier ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The id of the job.
    pub job_id: JobId,
    /// The state of the job.
    pub status: Status,
    /// Progress in [0, 1]; never decreases.
    pub progress: f64,
    /// Number of items that are final.
    pub processed_count: u64,
    /// Number of items in all; 0 until the upload has been read.
    pub total_count: u64,
    /// The stage: `queued`, `analyzing`, `enriching`, `complete`, `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// A sentence for people on what is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Title of the last finished book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_title: Option<String>,
    /// Number of items found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_count: Option<u64>,
    /// Number of items not found, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_count: Option<u64>,
    /// Time since the start, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_ms: Option<u64>,
    /// The server's estimate of the remaining time, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
    /// The reason why the job failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Fields that this client has no use for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The reason why a job failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobError {
    /// The code: `E_...`, stable.
    pub code: String,
    /// A technical message.
    #[serde(default)]
    pub message: String,
    /// A sentence that a reader of books understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_message: Option<String>,
    /// Whether the same job may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// Further fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The number of the book in a `book` event, from 0.
pub(crate) fn index_of(book: &Value) -> Option<u64> {
    book["index"].as_u64()
}

/// One event of a watched job.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `initialized` or `processing`: the job is waiting or running.
    Progress(Snapshot),
    /// `completed`: the last event.
    Completed(Snapshot),
    /// `failed`: the last event; also of a canceled job.
    Failed(Snapshot),
    /// `timeout`: the last event, although the job may go on: it has made no progress for minutes.
    Timeout(Value),
    /// `book`: a finished item; only when asked for
    /// ([`Client::watch_books`](crate::Client::watch_books)).
    Book(Value),
}

impl Event {
    /// The event as a stream names and spells it. `None` for a name that this client does not know.
    pub(crate) fn parse(name: &str, data: &str) -> Result<Option<Self>, serde_json::Error> {
        Ok(Some(match name {
            "initialized" | "processing" => Self::Progress(serde_json::from_str(data)?),
            "completed" => Self::Completed(serde_json::from_str(data)?),
            "failed" => Self::Failed(serde_json::from_str(data)?),
            "timeout" => Self::Timeout(serde_json::from_str(data)?),
            "book" => {
                let book: Value = serde_json::from_str(data)?;
                if index_of(&book).is_none() {
                    return Err(serde_json::Error::custom("a book without its number"));
                }
                Self::Book(book)
            }
            _ => return Ok(None),
        }))
    }

    /// Whether no event follows this one.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Completed(_) | Self::Failed(_) | Self::Timeout(_)
        )
    }

    /// The event's name on a stream.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Progress(snapshot) if snapshot.status == Status::Initialized => "initialized",
            Self::Progress(_) => "processing",
            Self::Completed(_) => "completed",
            Self::Failed(_) => "failed",
            Self::Timeout(_) => "timeout",
            Self::Book(_) => "book",
        }
    }
}

/// Makes of a polled state the event that a stream would have sent.
impl From<Snapshot> for Event {
    fn from(snapshot: Snapshot) -> Self {
        match snapshot.status {
            Status::Completed => Self::Completed(snapshot),
            Status::Failed | Status::Canceled => Self::Failed(snapshot),
            _ => Self::Progress(snapshot),
        }
    }
}

/// The results of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// The id of the job.
    pub job_id: JobId,
    /// State of the job: `completed`, or `canceled` when these are the results so far.
    pub status: Status,
    /// The books, in the order of the upload.
    #[serde(default)]
    pub books: Vec<Book>,
    /// The other fields, which depend on the kind of job.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A book, with the fields that imports, scans and enrichments share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Book {
    /// Title; empty when unknown.
    #[serde(default)]
    pub title: String,
    /// ISBN-13 or ISBN-10, digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// The authors of an imported or enriched book.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// The author of a book that was seen on a photo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The outcome of the look-up: `success`, `not_found`, `error`, `circuit_open` or `pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrichment_status: Option<String>,
    /// Publisher's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Date of publication: ISO date, month or year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_date: Option<String>,
    /// The year of publication of a book that was seen on a photo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publication_year: Option<i32>,
    /// Confidence in the detection, in [0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Whether a person should say which book it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_review: bool,
    /// The way in which a person has said so: `candidate`, `isbn`, `work`, `title_author`, `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// Books that it may be, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// Further fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A book that a provider knows and that may be the wanted one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Title of the candidate.
    pub title: String,
    /// Names of the authors, first author first.
    #[serde(default)]
    pub authors: Vec<String>,
    /// Year of the edition, else of the first publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// ISBN of the edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// The reason why it was not taken: `other_book_of_number`, `unsure`, `other_author`,
    /// `other_title`, `other`.
    pub reason: String,
    /// Whether it is the match that the book has now, which is doubtful: chosen, it is confirmed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_match: bool,
    /// Further fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A person's decision which book a book of an ended job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// One of its candidates, from 0.
    Candidate(u32),
    /// The edition with this ISBN.
    Isbn(String),
    /// The work with this key at Open Library.
    WorkKey(String),
    /// The book with this title and author.
    Title {
        /// Title of the book.
        title: String,
        /// First author of the book.
        author: String,
    },
    /// None of the books that providers know.
    None,
}

impl Choice {
    /// The choice as the server reads it.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Candidate(number) => serde_json::json!({"candidate": number}),
            Self::Isbn(isbn) => serde_json::json!({"isbn": isbn}),
            Self::WorkKey(key) => serde_json::json!({"workKey": key}),
            Self::Title { title, author } => serde_json::json!({"title": title, "author": author}),
            Self::None => Value::Null,
        }
    }
}

/// The outcome of a cancellation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// The id of the job.
    pub job_id: JobId,
    /// State of the job: `canceled`, or `completed` when the job was quicker; `canceling` while
    /// that is still open.
    pub status: Status,
    /// A sentence for people on the outcome.
    #[serde(default)]
    pub message: String,
}
