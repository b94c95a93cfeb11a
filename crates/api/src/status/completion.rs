//! The end of a completed job: its counts, and where its results are.

use job::{Root, millis};
use serde::Serialize;

use super::{Urls, is_zero};
use crate::time::Iso;

/// The summary of a completed job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Counts that every job has.
    #[serde(flatten)]
    pub counts: SummaryCounts,
    /// Counts that only a scan has.
    #[serde(flatten)]
    pub scan: Option<ScanSummary>,
}

/// The counts of every completed job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SummaryCounts {
    /// Number of items that are final.
    pub total_processed: u32,
    /// Number of items that were found.
    pub success_count: u32,
    /// Number of items that were not found.
    pub failure_count: u32,
    /// Number of items, among those not found, that no provider has answered about: a later job may
    /// find them. Absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub unanswered: u32,
    /// Time from creation to the end, in ms.
    pub duration: u64,
    /// Name of the results.
    pub resource_id: String,
}

impl SummaryCounts {
    /// The counts of the job with this root.
    pub fn of(root: &Root) -> Self {
        Self {
            total_processed: root.processed(),
            success_count: root.succeeded,
            failure_count: root.failed,
            unanswered: root.unanswered,
            duration: millis(root.elapsed()),
            resource_id: format!("job-results:{}", root.id),
        }
    }
}

impl Summary {
    /// The summary of the job with this root.
    pub fn of(root: &Root) -> Self {
        Self {
            counts: SummaryCounts::of(root),
            scan: ScanSummary::of(root),
        }
    }
}

/// Further counts of a completed scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScanSummary {
    /// Number of photos that have been looked at.
    pub photos_processed: u32,
    /// Number of books seen, those counted twice that are on two photos.
    pub books_detected: u32,
    /// Number of different books.
    pub books_unique: u32,
    /// Number of books that a provider knows.
    pub books_enriched: u32,
    /// `booksEnriched` once more, under the name that older apps read.
    pub enriched_count: u32,
    /// Counts of detections by confidence.
    #[serde(flatten)]
    pub review: Review,
}

impl ScanSummary {
    /// Counts the photos and books of this job; `None` when it is not a scan.
    pub fn of(root: &Root) -> Option<Self> {
        (root.pipeline == job::Pipeline::AiScan).then(|| Self {
            photos_processed: root.processed_photos(),
            books_detected: root.scan.unwrap_or_default().detected,
            books_unique: root.total,
            books_enriched: root.succeeded,
            enriched_count: root.succeeded,
            review: Review::of(root),
        })
    }
}

/// Numbers of books of a scan that are certain, and that somebody should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Number of different books.
    pub total_detected: u32,
    /// Number of books that are certain enough.
    pub approved: u32,
    /// Number of books that somebody should look at: those with `toReview`.
    pub needs_review: u32,
}

impl Review {
    /// Counts the books of this scan that are to be reviewed.
    pub fn of(root: &Root) -> Self {
        let total = root.counts().total;
        let approved = root.scan.unwrap_or_default().approved.min(total);
        // Before any is looked up, those that were seen with too little confidence.
        let needs_review = root.to_review.unwrap_or(total - approved).min(total);
        Self {
            total_detected: total,
            approved: total - needs_review,
            needs_review,
        }
    }
}

/// Fields of completed jobs only.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    /// Time of the end.
    pub completed_at: Iso,
    /// Expiry of the results.
    pub expires_at: Iso,
    /// URL of the results, relative to the server's origin.
    pub results_url: String,
    /// Counts of the job.
    pub summary: Summary,
}

impl Completion {
    /// Describes the end of this job; `None` when it has not completed.
    pub fn of(root: &Root) -> Option<Self> {
        (root.stage == job::Stage::Complete).then(|| Self {
            completed_at: Iso(root.updated),
            expires_at: Iso(root.expires),
            results_url: Urls::of(&root.id).results_url,
            summary: Summary::of(root),
        })
    }
}
