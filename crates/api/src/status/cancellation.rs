//! The answer to a request to cancel a job.

use job::Root;
use serde::{Serialize, Serializer};

use super::Status;

/// The outcome of a request to cancel a job: `data` of `DELETE`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Canceled<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// The job's outcome, or `canceling`.
    pub status: CancelStatus,
    /// The outcome, for people.
    pub message: &'static str,
    /// Number of items that are final.
    pub processed_count: u32,
    /// Number of items in all.
    pub total_count: u32,
    /// Counts of the data that was deleted.
    pub cleanup: Cleanup,
}

/// A job's outcome, or `canceling` while it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum CancelStatus {
    /// The worker has not stopped yet: `canceling`.
    #[serde(serialize_with = "canceling")]
    #[cfg_attr(test, schemars(with = "Canceling"))]
    Canceling,
    /// The job has ended, with this state.
    Ended(Status),
}

/// The status of a job that is being canceled.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Canceling {
    /// The worker has not stopped yet.
    #[expect(dead_code, reason = "only described")]
    Canceling,
}

fn canceling<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("canceling")
}

/// The data that canceling a job deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cleanup {
    /// Number of uploaded files that were deleted.
    pub uploads_deleted: u32,
    /// `uploadsDeleted` once more, under the name that older apps read.
    pub r2_objects_deleted: u32,
    /// Whether all uploads are deleted.
    pub kv_cache_cleared: bool,
}

impl<'a> Canceled<'a> {
    /// Builds the answer for a job after its cancellation was asked for.
    pub fn of(root: &'a Root) -> Self {
        let over = root.stage.is_terminal();
        let deleted = if over { root.uploaded.files } else { 0 };
        Self {
            job_id: root.id.as_str(),
            status: if over {
                CancelStatus::Ended(Status::of(root))
            } else {
                CancelStatus::Canceling
            },
            message: match root.stage {
                job::Stage::Canceled => "Job canceled",
                job::Stage::Complete => "The job had completed before it could be canceled",
                job::Stage::Error => "The job had ended before it could be canceled",
                _ => "The job is being canceled",
            },
            processed_count: root.processed(),
            total_count: root.total,
            cleanup: Cleanup {
                uploads_deleted: deleted,
                r2_objects_deleted: deleted,
                kv_cache_cleared: over && root.leftovers.is_empty(),
            },
        }
    }
}
