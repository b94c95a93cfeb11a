//! The documents of a job as the store holds them.

mod absent;
mod course;
mod failure;
mod item;
mod kind;
mod part;
mod photo_state;
mod photos;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::absent::is_default;
pub use self::course::{Course, Event, Moment};
pub use self::failure::{Failure, FailureCode};
pub use self::item::{ChosenBy, Item, Outcome, Report};
pub use self::kind::{Component, MadeBy, Pipeline, Stage};
pub(crate) use self::part::parts;
pub use self::part::{Part, Upload, Uploaded};
pub use self::photo_state::{PhotoState, PhotoStatus, PhotoStep, ScanCounts};
use crate::cadence::Due;
use crate::id::{Epoch, JobId};
use crate::settings::Settings;
use crate::time::{Time, millis};

/// The largest value that is written, in bytes: leaves room for an encoding below the 1 MB of the
/// platforms.
pub const MAX_VALUE_BYTES: usize = 900_000;

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
/// The test `the_life_of_a_job` in `tests/engine.rs` shows the root from the first to the last.
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
    /// Term of the lease under which the first attempt at the current step began.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tried_since: u64,
    /// Place of the job in the queue that it waits in: the next run goes on waiting there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub queue_place: u64,
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
    /// Number of finished items that a person should look at: of the results, when the job has
    /// ended. Absent before the first, and in jobs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_review: Option<u32>,
    /// Number of items whose outcome was remembered, without asking any provider.
    #[serde(default, skip_serializing_if = "is_default")]
    pub remembered: u32,
    /// The providers that answer nothing at present, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outages: BTreeMap<String, Outage>,
    /// Time since which the job waits for a provider for long, as the webhook is told; absent while
    /// it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_wait: Option<Time>,
    /// Time, in milliseconds, that runs have worked on the next items without having them done in
    /// time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_ms: u64,
    /// The moments of the job's course that an operator is shown; none in jobs of earlier versions.
    #[serde(default, skip_serializing_if = "Course::is_empty")]
    pub course: Course,
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
    /// Whether `failed` and `unanswered` count those that nobody reached; in no stored root.
    #[serde(skip)]
    pub counts_unreached: bool,
}

/// The bytes of a root and an end of usual size.
const ROOT_AND_END: u64 = 4_096;

/// The version of the layout that this code writes.
pub(crate) const VERSION: u32 = 1;

impl Root {
    /// The stage that the next run does.
    #[must_use]
    pub fn next_stage(&self) -> Stage {
        match self.stage {
            Stage::Queued if self.only_looks_up() => Stage::Enriching,
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

    /// The job as if no spines were to be read: its next component is the one before.
    pub(crate) fn without_reading(&self) -> Self {
        let mut root = self.clone();
        for photo in &mut root.photos {
            photo.step = PhotoStep::Look;
        }
        root
    }

    /// Items that are final.
    #[must_use]
    pub fn processed(&self) -> u32 {
        self.succeeded.saturating_add(self.failed)
    }

    /// Progress in [0, 1], in hundredths; 1 only when complete. Of a scan the upload is a tenth,
    /// the photos' analysis goes to a half, the look-ups to 0.95; a retry of its books alone has no
    /// analysis. The tenth counts from the beginning: the root of a scan that is being received may
    /// overwrite that of one which has been accepted under the same name, until that is written
    /// again.
    #[must_use]
    pub fn progress(&self) -> f64 {
        let share = |done: u32, all: u32| match all {
            0 => 0.0,
            all => f64::from(done.min(all)) / f64::from(all),
        };
        let looked_up = share(self.processed(), self.total);
        let progress = match self.pipeline {
            _ if self.stage == Stage::Complete => return 1.0,
            Pipeline::AiScan if self.only_looks_up() => 0.9_f64.mul_add(looked_up, 0.1),
            Pipeline::AiScan if self.total > 0 => 0.45_f64.mul_add(looked_up, 0.5),
            Pipeline::AiScan => {
                let is_looked_at = |at: usize| match &self.retry {
                    Some(retry) => retry.photos.iter().any(|photo| *photo as usize == at),
                    None => true,
                };
                let photos = self.photos.iter().enumerate();
                let photos = photos.filter(|(at, _)| is_looked_at(*at));
                let progress: Vec<f64> = photos.map(|(_, photo)| photo.progress()).collect();
                let done: f64 = progress.iter().sum();
                0.4_f64.mul_add(done / (progress.len() as f64).max(1.0), 0.1)
            }
            Pipeline::CsvImport | Pipeline::BatchEnrichment => looked_up,
        };
        ((progress * 100.0).round() / 100.0).min(0.99)
    }

    /// Time from creation to the last progress.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.updated.since(self.created)
    }

    /// The provider that the job waits for, and until when; `None` when it does not wait.
    #[must_use]
    pub fn waiting(&self, now: Time) -> Option<(&str, Time)> {
        // The words on spines are looked up before a scan's analysis is over.
        if !matches!(self.stage, Stage::Analyzing | Stage::Enriching) {
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

    /// Says which providers answer nothing; when there are none, a long wait is over.
    pub(crate) fn set_outages(&mut self, outages: BTreeMap<String, Outage>) {
        if outages.is_empty() {
            self.long_wait = None;
        }
        self.outages = outages;
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

    /// Whether the job is a retry that looks at no photo again: its items are known already.
    fn only_looks_up(&self) -> bool {
        (self.retry.as_ref()).is_some_and(|retry| retry.photos.is_empty())
    }

    /// The number of items in the segments; item `n` of the job is the `n`th of them.
    #[must_use]
    pub fn stored(&self) -> u32 {
        self.segments.iter().map(|part| part.count).sum()
    }

    /// The parts that hold items which the job has done: its library if it has carried one over and
    /// has ended.
    fn done_parts(&self) -> &[Part] {
        match &self.retry {
            Some(retry) if self.stage.is_terminal() => &retry.library,
            _ => &self.segments,
        }
    }

    /// The parts that hold the results of this range, each with the range within it: what the job
    /// has done, then the items of the plan that nobody reached before it was stopped.
    pub(crate) fn result_parts(&self, range: &Range<u32>) -> Vec<(Part, Range<usize>)> {
        let mut found = parts(self.done_parts(), range);
        found.extend(self.planned_parts(&(range.start.max(self.stored())..range.end)));
        found
    }

    /// The parts that say what was asked for in this range of the results; none where the plan does
    /// not belong to them.
    pub(crate) fn planned_parts(&self, range: &Range<u32>) -> Vec<(Part, Range<usize>)> {
        match self.keeps_plan() {
            true => parts(&self.plan, range),
            false => Vec::new(),
        }
    }

    /// Whether the plan belongs to the results: the job was stopped before it had done all of it.
    /// A retry has all its items in its library.
    pub(crate) fn keeps_plan(&self) -> bool {
        matches!(self.stage, Stage::Canceled | Stage::Error) && self.retry.is_none()
    }

    /// Number of items that nobody reached before the job was stopped.
    #[must_use]
    pub(crate) fn unreached(&self) -> u32 {
        match self.keeps_plan() {
            true => {
                u32::saturating_sub(self.plan.iter().map(|part| part.count).sum(), self.stored())
            }
            false => 0,
        }
    }

    /// The number of items that the results have.
    #[must_use]
    pub fn results(&self) -> u32 {
        let done: u32 = self.done_parts().iter().map(|part| part.count).sum();
        done + self.unreached()
    }

    /// The size of the results as they are stored.
    #[must_use]
    pub fn result_bytes(&self) -> u64 {
        let bytes = |(part, items): &(Part, Range<usize>)| {
            u64::from(part.bytes) * items.len() as u64 / u64::from(part.count.max(1))
        };
        self.result_parts(&(0..u32::MAX)).iter().map(bytes).sum()
    }

    /// The parts that the root names.
    pub(crate) fn parts(&self) -> Vec<&Part> {
        let mut parts: Vec<&Part> = Vec::new();
        let library = self.retry.as_ref().map_or(&[][..], |retry| &retry.library);
        for named in [&self.segments[..], &self.plan, library] {
            parts.extend(named);
        }
        parts.extend(&self.report);
        parts.extend(self.photos.iter().filter_map(|photo| photo.part.as_ref()));
        parts
    }

    /// The bytes that an ended job takes, about: what its root names, root and end.
    pub(crate) fn stored_bytes(&self) -> u64 {
        let mut bytes = ROOT_AND_END;
        for part in self.parts() {
            bytes += u64::from(part.bytes);
        }
        for upload in self.uploads.iter().filter(|upload| upload.chunks > 0) {
            bytes += upload.bytes;
        }
        bytes
    }

    /// The items of the results by their outcome: of a job that carries others over, with those; of
    /// one that was stopped, those that nobody reached have failed.
    #[must_use]
    pub fn counts(&self) -> ItemCounts {
        let unreached = match self.counts_unreached {
            true => 0,
            false => self.unreached(),
        };
        let own = ItemCounts {
            total: self.total,
            succeeded: self.succeeded,
            failed: self.failed + unreached,
            unanswered: self.unanswered + unreached,
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

    /// Whether a person should look at a finished item: nobody knows the book, the match is
    /// doubtful, or it was seen with too little confidence; and nobody has chosen yet.
    #[must_use]
    pub fn is_to_review(&self, item: &Item) -> bool {
        let threshold = self.scan.unwrap_or_default().threshold;
        let is_unsure = (item.detection.as_ref()).is_some_and(|seen| seen.confidence < threshold);
        item.found.is_some() && (item.is_to_be_reviewed() || is_unsure && item.choice.is_none())
    }

    /// The number of these items that a person should look at.
    pub(crate) fn count_to_review(&self, items: &[Item]) -> u32 {
        let to_review = items.iter().filter(|item| self.is_to_review(item));
        u32::try_from(to_review.count()).unwrap_or(u32::MAX)
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

/// What a message to the operator's webhook says of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The job has ended.
    Ended,
    /// The job waits for a provider for long, since this time.
    Waiting(Time),
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
    /// Every item of the job before, in order, then those of photos that are looked at again; once
    /// this job has ended, with what it has found.
    pub library: Vec<Part>,
    /// Whether books that nobody can be asked about are left as they are; not in retries that an
    /// earlier version has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_askable: bool,
    /// Indices of the photos that are looked at again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<u32>,
    /// Number of items of the library that were found before.
    pub succeeded: u32,
    /// Number of items of the library that no provider has answered about and that are not tried
    /// again.
    #[serde(default)]
    pub unanswered: u32,
}

impl Retry {
    /// Whether an item of the library is tried again.
    pub(crate) fn tries(&self, item: &Item) -> bool {
        Outcome::is_among(&self.only, item, self.only_askable)
    }
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
