//! Types of the crates below that clients see, described here so that those crates need to know
//! nothing of descriptions. `remote` makes the compiler compare them: a variant or field that is
//! not there, or a variant that is missing here, does not compile.

use job::document;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

/// The kind of job.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "document::Pipeline", rename_all = "snake_case")]
pub(crate) enum Pipeline {
    /// Read a CSV file, look its books up.
    CsvImport,
    /// Look at photos, look up the books seen on them.
    AiScan,
    /// Look up the books of a request.
    BatchEnrichment,
}

/// How far a job is.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "document::Stage", rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Never told: jobs that are still received are told of as queued.
    #[schemars(skip)]
    Receiving,
    /// Accepted; no run has begun.
    Queued,
    /// The file is being read, or the photos looked at.
    Analyzing,
    /// Books are being looked up.
    Enriching,
    /// Done: every item is final.
    Complete,
    /// Failed.
    Error,
    /// Stopped by a client.
    Canceled,
}

/// Stable, machine-readable reasons for which jobs fail.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "document::FailureCode", rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::enum_variant_names, reason = "clients read them so")]
pub(crate) enum FailureCode {
    /// The file has no data rows.
    ECsvEmpty,
    /// The file is not a list of books; `details.row` says where, the header is row 1.
    ECsvParseFailed,
    /// The file has more rows than the limit.
    ECsvTooManyRows,
    /// Nothing in the file or on the photos is a book.
    ENoBooksFound,
    /// A photo cannot be decoded.
    EImageInvalid,
    /// There is no vision provider, and no photo has a barcode.
    EVisionNotConfigured,
    /// The vision provider refused or answered nonsense.
    EVisionFailed,
    /// Gemini did not answer in time.
    EGeminiTimeout,
    /// Another vision provider did not answer in time.
    EVisionTimeout,
    /// The look-ups could not be done.
    EEnrichmentFailed,
    /// Stopped by a client.
    ECanceled,
    /// No progress, and no worker could be started.
    ETimeout,
    /// A bug.
    EInternal,
}

/// Why a job failed.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "document::Failure", rename_all = "camelCase")]
pub(crate) struct Failure {
    /// For programs.
    #[schemars(with = "FailureCode")]
    code: document::FailureCode,
    /// Technical.
    message: String,
    /// A sentence that a reader of books understands.
    user_message: String,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Facts, by name; no value is null.
    #[serde(skip_serializing_if = "Map::is_empty")]
    details: Map<String, Value>,
}

/// How far the analysis of a photo is.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "document::PhotoStatus", rename_all = "snake_case")]
pub(crate) enum PhotoStatus {
    /// It has not been looked at, or not to the end.
    Pending,
    /// Done.
    Complete,
    /// It could not be analysed.
    Failed,
}

/// Limits on what clients send.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "job::Limits", rename_all = "camelCase")]
pub(crate) struct Limits {
    /// Bytes of a CSV file.
    max_csv_bytes: usize,
    /// Data rows of a CSV file.
    max_csv_rows: usize,
    /// Items of an enrichment request.
    max_batch_items: usize,
    /// Characters of a title in an enrichment request.
    max_title_chars: usize,
    /// Characters of an author in an enrichment request.
    max_author_chars: usize,
    /// Characters of an ISBN in an enrichment request, hyphens included.
    max_isbn_chars: usize,
    /// Photos of one scan.
    max_photos: usize,
    /// Bytes of one photo.
    max_photo_bytes: usize,
    /// Pixels of one photo, in millions.
    max_photo_megapixels: u32,
    /// Bytes of a request body in all.
    max_body_bytes: usize,
    /// Bytes of a JSON request.
    max_json_bytes: usize,
    /// Jobs of one client address that are under way at the same time, about; 0: any number.
    max_jobs_per_client: usize,
}

/// Where metadata comes from.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "books::Provider")]
pub(crate) enum Provider {
    /// openlibrary.org
    #[serde(rename = "openlibrary")]
    OpenLibrary,
    /// The volumes API of Google Books.
    #[serde(rename = "google-books")]
    GoogleBooks,
}

/// Binding or medium of an edition.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "books::Format")]
pub(crate) enum Format {
    /// Bound in boards.
    Hardcover,
    /// Soft cover of any size but mass market; unknown ones too.
    Paperback,
    /// Electronic text.
    #[serde(rename = "E-book")]
    Ebook,
    /// Spoken, on any medium.
    Audiobook,
    /// Pocket-size paperback.
    #[serde(rename = "Mass Market")]
    MassMarket,
}

/// Where a book stands in its reader's life.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "books::ReadingStatus", rename_all = "kebab-case")]
pub(crate) enum ReadingStatus {
    /// Finished.
    Read,
    /// Begun.
    CurrentlyReading,
    /// Planned.
    ToRead,
    /// Given up.
    DidNotFinish,
}

/// A reader's own data about a book.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "books::Source", rename_all = "camelCase")]
pub(crate) struct Source {
    /// The reader's rating: above 0, at most 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<f64>,
    /// Where the book stands in the reader's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ReadingStatus>")]
    reading_status: Option<books::ReadingStatus>,
    /// Day on which it was last finished, `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_read: Option<String>,
    /// Each time it was read, `yyyy-mm-dd` or `yyyy-mm-dd/yyyy-mm-dd` (ISO 8601 interval).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dates_read: Vec<String>,
    /// Day on which it came into the library, `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_added: Option<String>,
    /// How often it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_count: Option<u32>,
    /// The reader's own shelves, tags and collections, without those that only say the status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shelves: Vec<String>,
    /// Goodreads book id.
    #[serde(skip_serializing_if = "Option::is_none")]
    goodreads_id: Option<String>,
    /// LibraryThing book id.
    #[serde(rename = "librarythingId", skip_serializing_if = "Option::is_none")]
    librarything_id: Option<String>,
}

/// Something that is wrong with a row of a file.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "books::Problem")]
pub(crate) struct Problem {
    /// Number of the record in the file, from 1; the header is 1.
    row: u32,
    /// ISBN as it stands in the file, cut to 40 characters; empty when there is none.
    isbn: String,
    /// Title, empty when there is none.
    title: String,
    /// What is wrong, for people.
    error: String,
    /// Whether the row was left out; else its book was kept.
    rejected: bool,
}

/// How much a suggestion matters.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "vision::Severity", rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The photo can be used as it is.
    Low,
    /// Some books will be missed.
    Medium,
    /// Most books will be missed.
    High,
}

/// What is wrong with a photo.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "vision::SuggestionKind", rename_all = "lowercase")]
pub(crate) enum SuggestionKind {
    /// Out of focus or moved.
    Blur,
    /// Too little light.
    Dark,
    /// Too much light.
    Bright,
    /// Reflections.
    Glare,
    /// Everything is about as bright as everything else.
    Contrast,
    /// Too few pixels.
    Resolution,
}

/// Advice for the next photo.
#[derive(JsonSchema, Serialize)]
#[serde(remote = "vision::Suggestion", rename_all = "camelCase")]
pub(crate) struct Suggestion {
    /// What is wrong.
    #[serde(rename = "type")]
    #[schemars(with = "SuggestionKind")]
    kind: vision::SuggestionKind,
    /// How much it matters, on the worst photo.
    #[schemars(with = "Severity")]
    severity: vision::Severity,
    /// What to do, in a sentence for the person with the camera.
    message: String,
    /// How many spots reflect; of anything else, how many photos it is true of.
    affected_count: u32,
}

/// The status of a job that is being canceled.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Canceling {
    /// The worker has not stopped yet.
    Canceling,
}

impl JsonSchema for crate::time::Iso {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "ISO 8601 in UTC with milliseconds",
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
        })
    }
}
