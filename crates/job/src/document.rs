//! The documents of a job as the store holds them.

use std::collections::BTreeMap;
use std::time::Duration;

use books::{Found, Imported, Mapping, Near, Problem, Reading, Record, Wanted};
use serde::{Deserialize, Serialize};
use vision::{Detection, Quality, Suggestion};

use crate::cadence::Due;
use crate::id::{Epoch, JobId};
use crate::settings::Settings;
use crate::time::{Time, millis};

/// The largest value that is written, in bytes: leaves room for an encoding below the 1 MB of the
/// platforms.
pub const MAX_VALUE_BYTES: usize = 900_000;

/// The kind of request that created a job. The names are stored, and part of what an
/// `Idempotency-Key` is derived with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MadeBy {
    /// `POST /api/v2/imports`
    Imports,
    /// `POST /api/import/csv-gemini`, of the first apps.
    CsvGemini,
    /// `POST /api/batch-scan`
    BatchScan,
    /// `POST /scan`, of the first app.
    Scan,
    /// `POST /scan` without a name for the job, of the very first app.
    #[serde(rename = "scan-unnamed")]
    UnnamedScan,
    /// `POST /api/scan-bookshelf`
    ScanBookshelf,
    /// `POST /api/scan-bookshelf/batch`
    ScanBookshelfBatch,
    /// `POST /api/batch-enrich`
    BatchEnrich,
    /// `POST /api/enrichment/start`, of the first apps.
    EnrichmentStart,
    /// `POST /api/enrichment/batch`, of the first apps.
    EnrichmentBatch,
    /// `POST /v3/jobs/imports`
    V3Imports,
    /// `POST /v3/jobs/scans`
    V3Scans,
    /// `POST /v3/jobs/enrichment`
    V3Enrichment,
    /// A kind of request that this version does not know.
    #[serde(other)]
    Other,
}

impl MadeBy {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imports => "imports",
            Self::CsvGemini => "csv-gemini",
            Self::BatchScan => "batch-scan",
            Self::Scan => "scan",
            Self::UnnamedScan => "scan-unnamed",
            Self::ScanBookshelf => "scan-bookshelf",
            Self::ScanBookshelfBatch => "scan-bookshelf-batch",
            Self::BatchEnrich => "batch-enrich",
            Self::EnrichmentStart => "enrichment-start",
            Self::EnrichmentBatch => "enrichment-batch",
            Self::V3Imports => "v3-imports",
            Self::V3Scans => "v3-scans",
            Self::V3Enrichment => "v3-enrichment",
            Self::Other => "other",
        }
    }
}

/// The kind of a job, which decides its stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pipeline {
    /// Read a CSV file, look its books up.
    CsvImport,
    /// Look at photos, look up the books seen on them.
    AiScan,
    /// Look up the books of a request.
    BatchEnrichment,
}

impl Pipeline {
    /// The name that clients and the store read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CsvImport => "csv_import",
            Self::AiScan => "ai_scan",
            Self::BatchEnrichment => "batch_enrichment",
        }
    }

    /// The stages that a job of this kind goes through, in order.
    #[must_use]
    pub fn stages(self) -> &'static [Stage] {
        match self {
            Self::CsvImport | Self::AiScan => &[Stage::Analyzing, Stage::Enriching],
            Self::BatchEnrichment => &[Stage::Enriching],
        }
    }

    /// The stage that the first run of an accepted job does.
    #[must_use]
    pub fn first_stage(self) -> Stage {
        self.stages()[0]
    }
}

/// The stage a job is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The job's upload is being received: the job is not accepted yet.
    Receiving,
    /// Accepted; no run has begun.
    Queued,
    /// The file is being read, or the photos looked at.
    Analyzing,
    /// Books are being looked up.
    Enriching,
    /// Done: every item is final.
    Complete,
    /// Failed: [`Root::failure`] says why.
    Error,
    /// Canceled by a client.
    Canceled,
}

impl Stage {
    /// Whether this is an outcome: nothing follows it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::Error | Self::Canceled)
    }
}

/// The component that does a part of a job's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// Reads files, looks at photos.
    Scan,
    /// Reads the lettering on spines.
    Reader,
    /// Looks books up.
    Enrichment,
}

/// Stable, machine-readable reasons for which jobs fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The file has no data rows.
    ECsvEmpty,
    /// The file is not a list of books.
    ECsvParseFailed,
    /// The file has more rows than the limit.
    ECsvTooManyRows,
    /// No book in the file or on the photos.
    ENoBooksFound,
    /// A photo cannot be decoded.
    EImageInvalid,
    /// No vision provider is configured, and no photo has a barcode.
    EVisionNotConfigured,
    /// The vision provider refused or answered nonsense.
    EVisionFailed,
    /// Gemini did not answer in time.
    EGeminiTimeout,
    /// A vision provider other than Gemini did not answer in time.
    EVisionTimeout,
    /// The look-ups could not be done.
    EEnrichmentFailed,
    /// Stopped by a client.
    ECanceled,
    /// The job made no progress: no worker could be started.
    ETimeout,
    /// A bug of the application, or damage to its store.
    EInternal,
}

/// The reason why a job failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The code, for programs.
    pub code: FailureCode,
    /// A technical message.
    pub message: String,
    /// A sentence that a reader of books understands.
    pub user_message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Further facts, by name; no value is null.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl Failure {
    /// A failure without details.
    #[must_use]
    pub fn new(
        code: FailureCode,
        message: impl Into<String>,
        user_message: impl Into<String>,
        retryable: bool,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            user_message: user_message.into(),
            retryable,
            details: serde_json::Map::new(),
        }
    }

    /// Adds one more fact to the details of the failure.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// A failure for which the application is to blame.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(
            FailureCode::EInternal,
            message,
            "Something went wrong on our side. Please try again.",
            true,
        )
    }
}

/// An immutable value that belongs to the job, as the root names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The key of the value.
    pub key: String,
    /// Number of items in the value.
    pub count: u32,
    /// The size of the value in bytes.
    pub bytes: u32,
}

/// An uploaded file, in chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The prefix of the keys of the file's chunks: [`crate::keys::upload`].
    pub key: String,
    /// The client's name for the file; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Number of chunks in the store.
    pub chunks: u32,
    /// Bytes in all.
    pub bytes: u64,
    /// Estimated time to decode or read the file, in milliseconds; 0 when it is not known.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub takes_ms: u32,
    /// The meanings of a library's columns that the client states.
    #[serde(default, skip_serializing_if = "Mapping::is_empty")]
    pub mapping: Mapping,
}

/// Whether an estimated time is not known.
fn is_unknown(time: &u32) -> bool {
    *time == 0
}

impl Upload {
    /// The key of chunk `chunk`.
    #[must_use]
    pub fn chunk(&self, chunk: u32) -> String {
        format!("{}.{chunk}", self.key)
    }

    /// Estimated time to decode or read the file; 0 when it is not known.
    pub(crate) fn takes(&self) -> Duration {
        Duration::from_millis(self.takes_ms.into())
    }
}

/// The outcome of an import's rows; with the created books they add up to all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Number of data rows of the file.
    pub rows: u32,
    /// Number of rows that name a book which an earlier row named.
    pub duplicates: u32,
    /// Number of rows that could not be read.
    pub rejected: u32,
}

/// The state of a photo's analysis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoStatus {
    /// Not analysed to the end yet.
    #[default]
    Pending,
    /// Analysed.
    Complete,
    /// Could not be analysed.
    Failed,
}

/// The next step of a photo whose analysis has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoStep {
    /// Look for barcodes, and ask a vision model.
    #[default]
    Look,
    /// Read the lettering on the spines.
    Read,
    /// Look up which books the lettering names.
    Identify,
}

/// One photo of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoState {
    /// The state of its analysis.
    pub status: PhotoStatus,
    /// The next step, while the analysis is pending.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: PhotoStep,
    /// Progress of the step, in percent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub done: u8,
    /// Number of attempts at the step, the current one included; a run that survives an attempt
    /// ends it.
    pub attempts: u8,
    /// Number of books found on the photo.
    pub found: u32,
    /// The value that holds what was found on the photo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The reason why the analysis failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<FailureCode>,
    /// Whether the model named only some of the books on the photo.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl PhotoState {
    /// Progress of the photo's analysis, 0 to 1.
    fn progress(&self) -> f64 {
        match (self.status, self.step) {
            (PhotoStatus::Complete | PhotoStatus::Failed, _) => 1.0,
            (PhotoStatus::Pending, PhotoStep::Look) => 0.0,
            (PhotoStatus::Pending, PhotoStep::Read) => 0.8 * f64::from(self.done.min(100)) / 100.0,
            (PhotoStatus::Pending, PhotoStep::Identify) => 0.8,
        }
    }
}

/// The totals of a scan's photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanCounts {
    /// Number of books found on all photos, before those found twice were merged.
    pub detected: u32,
    /// Number of books whose confidence is good enough not to be reviewed.
    pub approved: u32,
    /// The confidence from which on a book need not be reviewed, as configured at that time.
    #[serde(default)]
    pub threshold: f32,
}

/// Whether a value is left out of the document.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A provider that answers nothing, as a job sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Time, in milliseconds, for which the provider has answered nothing while the job wanted to
    /// ask.
    pub waited_ms: u64,
    /// Time until which the job waits before it asks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Time>,
}

/// The root of a job: its manifest. At most 8 KB; each commit replaces it as a whole.
///
/// A root names every value that belongs to the job: its uploads, the plan, the segments with
/// finished items, the report, and what is still to be deleted. The creation writes the first one
/// before anything else, in [`Stage::Receiving`]; accepting the job makes it [`Stage::Queued`],
/// with `seq` 1. From then on only the holder of the lease writes it, with `seq` one higher each
/// time, until [`Stage::Complete`], [`Stage::Error`] or [`Stage::Canceled`]. The final root is also
/// written as the job's end, which is believed over every root.
///
/// All names and values keep their spelling: stores hold roots of earlier versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Root {
    /// Version of this layout. A reader that meets a higher one leaves the job alone.
    pub v: u32,
    /// The job's id.
    pub id: JobId,
    /// The kind of job.
    pub pipeline: Pipeline,
    /// The kind of request that created the job: a repetition of the request is the same job only
    /// if it is of the same kind.
    #[serde(rename = "route")]
    pub made_by: MadeBy,
    /// Whether the job's creation answered with a token.
    pub token: bool,
    /// The generation of the job's first token, so that jobs that have one name after the other
    /// have other tokens; 0 in jobs of earlier versions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub first_token: u32,
    /// The pseudonym of the client that created the job; empty when the client is not counted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// A digest of the request's content; empty in jobs of earlier versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// Time of the job's creation.
    pub created: Time,
    /// Time of its last progress.
    pub updated: Time,
    /// Expiry: from then on the job does not exist.
    pub expires: Time,
    /// The stage that the job is in.
    pub stage: Stage,
    /// The sequence number: one higher with each commit.
    pub seq: u64,
    /// The epoch of the writer.
    pub epoch: Epoch,
    /// Number of items in all; 0 until the file or the photos have been read.
    #[serde(default)]
    pub total: u32,
    /// Number of items that were found.
    #[serde(default)]
    pub succeeded: u32,
    /// Number of items that were not found.
    #[serde(default)]
    pub failed: u32,
    /// The title that was looked up last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The work key or the ISBN of the item that was looked up last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_id: String,
    /// Uploaded files that are not deleted yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<Upload>,
    /// Number and bytes of what was uploaded at first, and the first file's name.
    #[serde(default)]
    pub uploaded: Uploaded,
    /// The items to look up, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<Part>,
    /// Number of items of a wave (batch): waves begin at multiples of it, whichever run does them.
    #[serde(default)]
    pub wave: u32,
    /// Number of attempts at the file's analysis. Absent until the first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attempts: u8,
    /// The finished items, in the order of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Part>,
    /// The value that holds the first stage's report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Part>,
    /// The row counts of an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<RowCounts>,
    /// The photos of a scan, in the order of the upload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<PhotoState>,
    /// The counts of a scan, once its first photo is looked at; they are 0 until all photos have
    /// been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanCounts>,
    /// The client's own name for the job, repeated to the operator's webhook.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_ref: String,
    /// For a job that retries another: the results that it carries over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Outbound requests so far, by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, u32>,
    /// Number of items, among those not found, that no provider has answered about.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unanswered: u32,
    /// Number of items whose outcome was remembered, without asking any provider.
    #[serde(default, skip_serializing_if = "is_default")]
    pub remembered: u32,
    /// The providers that answer nothing at present, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outages: BTreeMap<String, Outage>,
    /// Time, in milliseconds, that runs have worked on the next items without having them done in
    /// time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_ms: u64,
    /// Earliest time at which the next commit is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Milliseconds between the later times at which the next commit is expected, when it has not
    /// come at `due`; 0: unknown.
    #[serde(default)]
    pub due_every: u32,
    /// Time until which the writer is known to be alive.
    pub fresh_until: Time,
    /// The failure that the job is about to end with. Its uploads may be deleted already, so it
    /// could not be found again.
    #[serde(rename = "verdict", default, skip_serializing_if = "Option::is_none")]
    pub pending_failure: Option<Failure>,
    /// The reason why the job failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Keys that are still to be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<String>,
}

/// The files that a client sent to create the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// Name of the first file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Number of files.
    #[serde(default)]
    pub files: u32,
    /// Bytes in all.
    #[serde(default)]
    pub bytes: u64,
    /// The vision provider that the client asked for; empty for the configured one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
}

/// The version of the layout that this code writes.
pub(crate) const VERSION: u32 = 1;

impl Root {
    /// The stage that the next run does.
    #[must_use]
    pub fn next_stage(&self) -> Stage {
        match self.stage {
            Stage::Queued if self.retry.is_some() => Stage::Enriching,
            Stage::Queued => self.pipeline.first_stage(),
            stage => stage,
        }
    }

    /// The component that does the next step. Photos are looked at before spines are read, and all
    /// are read before books are identified: each component has its turn once.
    #[must_use]
    pub fn next_component(&self) -> Component {
        let awaits = |step: PhotoStep| {
            let pending = |photo: &&PhotoState| photo.status == PhotoStatus::Pending;
            self.photos
                .iter()
                .filter(pending)
                .any(|photo| photo.step == step)
        };
        match self.next_stage() {
            Stage::Enriching => Component::Enrichment,
            _ if awaits(PhotoStep::Look) => Component::Scan,
            _ if awaits(PhotoStep::Read) => Component::Reader,
            _ if awaits(PhotoStep::Identify) => Component::Enrichment,
            _ => Component::Scan,
        }
    }

    /// The first photo that waits for this step.
    pub(crate) fn next_photo(&self, step: PhotoStep) -> Option<usize> {
        let waits = |photo: &PhotoState| photo.status == PhotoStatus::Pending && photo.step == step;
        self.photos.iter().position(waits)
    }

    /// Items that are final.
    #[must_use]
    pub fn processed(&self) -> u32 {
        self.succeeded.saturating_add(self.failed)
    }

    /// Progress in [0, 1], in hundredths; 1 only when complete. Of a scan the upload is a tenth,
    /// the photos' analysis goes to a half, the look-ups to 0.95.
    #[must_use]
    pub fn progress(&self) -> f64 {
        let share = |done: u32, all: u32| match all {
            0 => 0.0,
            all => f64::from(done.min(all)) / f64::from(all),
        };
        let looked_up = share(self.processed(), self.total);
        let progress = match self.pipeline {
            _ if self.stage == Stage::Complete => return 1.0,
            _ if self.retry.is_some() => looked_up,
            Pipeline::AiScan if self.stage == Stage::Receiving => 0.0,
            Pipeline::AiScan if self.total > 0 => 0.45_f64.mul_add(looked_up, 0.5),
            Pipeline::AiScan => {
                let done: f64 = self.photos.iter().map(PhotoState::progress).sum();
                0.4_f64.mul_add(done / (self.photos.len() as f64).max(1.0), 0.1)
            }
            Pipeline::CsvImport | Pipeline::BatchEnrichment => looked_up,
        };
        ((progress * 100.0).round() / 100.0).min(0.99)
    }

    /// Photos whose analysis has ended, well or not.
    #[must_use]
    pub fn processed_photos(&self) -> u32 {
        let ended = |photo: &&PhotoState| photo.status != PhotoStatus::Pending;
        u32::try_from(self.photos.iter().filter(ended).count()).unwrap_or(u32::MAX)
    }

    /// Books recognised so far: on the photos looked at, then without those found twice.
    #[must_use]
    pub fn recognized_books(&self) -> u32 {
        if self.total > 0 {
            return self.total;
        }
        self.photos.iter().map(|photo| photo.found).sum()
    }

    /// Time from creation to the last progress.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.updated.since(self.created)
    }

    /// The provider that the job waits for, and until when; `None` when it does not wait.
    #[must_use]
    pub fn waiting(&self, now: Time) -> Option<(&str, Time)> {
        if self.stage != Stage::Enriching {
            return None;
        }
        self.outages
            .iter()
            .filter_map(|(name, outage)| {
                let until = outage.waits_until.filter(|until| now < *until)?;
                Some((name.as_str(), until))
            })
            .min_by_key(|(_, until)| *until)
    }

    /// An estimate of the time that is left, from the progress so far; `None` before there is any.
    #[must_use]
    pub fn eta(&self) -> Option<Duration> {
        let done = self.processed();
        if self.stage.is_terminal() {
            return Some(Duration::ZERO);
        }
        if done == 0 || self.total == 0 {
            return None;
        }
        let left = u64::from(self.total.saturating_sub(done));
        Some(Duration::from_millis(
            millis(self.elapsed()).saturating_mul(left) / u64::from(done),
        ))
    }

    /// The time at which the next commit is due.
    pub(crate) fn due(&self) -> Due {
        Due {
            at: self.due,
            every: self.due_every,
        }
    }

    /// Says when the next commit is due.
    pub(crate) fn set_due(&mut self, due: Due) {
        (self.due, self.due_every) = (due.at, due.every);
    }

    /// The number of items in the segments; item `n` of the job is the `n`th of them.
    #[must_use]
    pub fn stored(&self) -> u32 {
        self.segments.iter().map(|part| part.count).sum()
    }

    /// Whether the job has expired: it ended, or last made progress, so long ago.
    #[must_use]
    pub fn expired(&self, now: Time) -> bool {
        now >= self.expires
    }

    /// Marks progress at `now`.
    pub(crate) fn touch(&mut self, now: Time, settings: &Settings) {
        self.updated = now.max(self.updated);
        self.expires = self.updated.plus(settings.retention);
    }
}

/// The state that a run passes to the next one.
///
/// The receiver moves through up to three states: with `made` set, it first waits until it is
/// settled whose job the name has; then it waits until the store shows the lease of `epoch`, which
/// it takes over; then until the store shows a root of at least `seq`.
///
/// A hand-over is assumed to arrive at most once: nothing on the way repeats a `POST`. Requests
/// that revive a job may come as often as they like, because they claim the lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandOver {
    /// The epoch of the lease that is given away.
    pub epoch: Epoch,
    /// Sequence number of the last commit of the run that hands over: a slow store may not show it
    /// yet.
    pub seq: u64,
    /// The job as it was created, when its name is contended and not settled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Box<Root>>,
}

/// One book of a job: what is looked up, and the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The book to look up.
    pub wanted: Wanted,
    /// The other data that the imported file has on the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// The cells of its row as they stand in the imported file, while somebody may want to mend
    /// them: of a book that no provider knows, or that is not looked up yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<String>,
    /// The place on a photo where the book was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// Records that a person may choose from, when the book was not found or doubtfully: out of
    /// answers that came anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Near>,
    /// The way in which a person has said which book it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<ChosenBy>,
    /// The outcome; in the plan only of a book that its spine has named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

impl Item {
    /// An item to look up.
    #[must_use]
    pub fn wanted(wanted: Wanted) -> Self {
        Self {
            wanted,
            imported: None,
            cells: Vec::new(),
            detection: None,
            candidates: Vec::new(),
            choice: None,
            found: None,
        }
    }

    /// A book seen on a photo.
    #[must_use]
    pub fn detected(detection: Detection) -> Self {
        Self {
            wanted: Wanted {
                title: detection.title.clone(),
                author: detection.author.clone(),
                isbn: detection.isbn,
                work_id: None,
                series: None,
            },
            imported: None,
            cells: Vec::new(),
            detection: Some(detection),
            candidates: Vec::new(),
            choice: None,
            found: None,
        }
    }

    /// The record that a provider has of it, when one has.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match &self.found {
            Some(Found::Record(record)) => Some(record),
            _ => None,
        }
    }

    /// The book to look up, with all that the file says to find it by.
    #[must_use]
    pub fn to_look_up(&self) -> Wanted {
        let imported = self.imported.as_ref();
        Wanted {
            series: (self.wanted.series.clone())
                .or_else(|| imported.and_then(|imported| imported.series.clone())),
            ..self.wanted.clone()
        }
    }

    /// Whether no provider has answered about the book.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self.found, Some(Found::Error | Found::CircuitOpen))
    }

    /// Whether a person should say which book it is: nobody knows it, or the match is doubtful, and
    /// nobody has chosen yet.
    #[must_use]
    pub fn is_to_be_reviewed(&self) -> bool {
        self.choice.is_none()
            && match &self.found {
                Some(Found::NotFound) => true,
                Some(Found::Record(record)) => {
                    record.matched.is_some_and(|matched| matched.is_doubtful())
                }
                _ => false,
            }
    }

    /// Whether a provider knows the book.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self.found, Some(Found::Record(_)))
    }
}

/// The way in which a person has said which book an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// One of its candidates.
    Candidate,
    /// The ISBN of an edition.
    Isbn,
    /// The key of a work.
    Work,
    /// Title and author.
    TitleAuthor,
    /// None of the books that providers know.
    None,
}

/// The first stage's report on everything but the items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rejected rows, and warnings about kept ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// For an import: how its file was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// For a scan: hints for better photos.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
    /// For a scan: the worst of its photos in every respect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// For a scan: the vision model that looked at it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
}

/// An outcome of an item that may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All providers that were asked about the book failed.
    Error,
    /// No provider could be asked: their circuit breakers were open.
    CircuitOpen,
    /// All providers answered that they do not know the book.
    NotFound,
}

impl Outcome {
    /// The outcomes that a later look-up may change at any time.
    pub const UNANSWERED: [Self; 2] = [Self::Error, Self::CircuitOpen];

    /// The outcome of an item; `None` when it was found.
    #[must_use]
    pub fn of(item: &Item) -> Option<Self> {
        match item.found {
            Some(Found::Record(_)) => None,
            Some(Found::NotFound) => Some(Self::NotFound),
            Some(Found::CircuitOpen) => Some(Self::CircuitOpen),
            Some(Found::Error) | None => Some(Self::Error),
        }
    }

    pub(crate) fn is_among(only: &[Self], item: &Item) -> bool {
        // What a person has said of a book is not asked again.
        item.choice.is_none() && Self::of(item).is_some_and(|outcome| only.contains(&outcome))
    }
}

/// The results that a job carries over from the job that it retries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// The job that this one retries.
    pub of: JobId,
    /// The outcomes that are tried again: item `n` of the plan is the `n`th item of the library
    /// that has one of them.
    pub only: Vec<Outcome>,
    /// Every item of the job before, in order; once this job has ended, with what it has found.
    pub library: Vec<Part>,
    /// Number of items of the library that were found before.
    pub succeeded: u32,
    /// Number of items of the library that no provider has answered about and that are not tried
    /// again.
    #[serde(default)]
    pub unanswered: u32,
}

/// The items of a whole library by their outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    /// Number of all items.
    pub total: u32,
    /// Number of items that were found.
    pub succeeded: u32,
    /// Number of items that were not found.
    pub failed: u32,
    /// Number of items, among those not found, that no provider has answered about.
    pub unanswered: u32,
}

impl Root {
    /// The parts that hold the job's results: its library if it has carried one over and has ended.
    pub(crate) fn result_parts(&self) -> &[Part] {
        match &self.retry {
            Some(retry) if self.stage.is_terminal() => &retry.library,
            _ => &self.segments,
        }
    }

    /// The number of items that the results have.
    #[must_use]
    pub fn results(&self) -> u32 {
        self.result_parts().iter().map(|part| part.count).sum()
    }

    /// The size of the results as they are stored.
    #[must_use]
    pub fn result_bytes(&self) -> u64 {
        (self.result_parts().iter())
            .map(|part| u64::from(part.bytes))
            .sum()
    }

    /// The items of the results by their outcome: of a job that carries others over, with those.
    #[must_use]
    pub fn counts(&self) -> ItemCounts {
        let own = ItemCounts {
            total: self.total,
            succeeded: self.succeeded,
            failed: self.failed,
            unanswered: self.unanswered,
        };
        let Some(retry) = &self.retry else {
            return own;
        };
        let total = retry.library.iter().map(|part| part.count).sum();
        let succeeded = retry.succeeded + self.succeeded;
        ItemCounts {
            total,
            succeeded,
            failed: u32::saturating_sub(total, succeeded),
            unanswered: retry.unanswered + self.unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(status: PhotoStatus, step: PhotoStep, done: u8) -> PhotoState {
        PhotoState {
            status,
            step,
            done,
            ..PhotoState::default()
        }
    }

    #[test]
    fn each_component_has_its_turn_at_the_photos_once() {
        use PhotoStatus::{Complete, Failed, Pending};
        use PhotoStep::{Identify, Look, Read};
        let turns = [
            (vec![(Pending, Read), (Pending, Look)], Component::Scan),
            (
                vec![(Pending, Identify), (Pending, Read)],
                Component::Reader,
            ),
            (
                vec![(Failed, Look), (Pending, Identify)],
                Component::Enrichment,
            ),
            // What is left is to make one list of all.
            (vec![(Failed, Look), (Complete, Look)], Component::Scan),
        ];
        let stored = include_str!("../tests/fixtures/stored.json");
        let stored: serde_json::Value = serde_json::from_str(stored).unwrap();
        let stored = &stored["root ai_scan analyzing"]["value"];
        for (photos, component) in turns {
            let mut root: Root = serde_json::from_value(stored.clone()).unwrap();
            root.photos = photos
                .iter()
                .map(|(status, step)| photo(*status, *step, 0))
                .collect();
            assert_eq!(root.next_component(), component, "{photos:?}");
        }
    }

    #[test]
    fn progress_moves_while_a_photo_is_read() {
        let states = [
            photo(PhotoStatus::Pending, PhotoStep::Read, 0),
            photo(PhotoStatus::Pending, PhotoStep::Read, 50),
            photo(PhotoStatus::Pending, PhotoStep::Read, 255),
            photo(PhotoStatus::Pending, PhotoStep::Identify, 0),
            photo(PhotoStatus::Complete, PhotoStep::Look, 0),
        ];
        let progress: Vec<f64> = states.iter().map(PhotoState::progress).collect();
        assert_eq!(progress, [0.0, 0.4, 0.8, 0.8, 1.0]);
    }
}
