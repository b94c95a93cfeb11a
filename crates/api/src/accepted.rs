//! Responses to accepted requests for a job.

use job::{JobId, Pipeline, Root};
use serde::Serialize;

use crate::status::{Status, Urls};

/// `data` of the `202` of every V2 route that makes a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Accepted<'a> {
    /// Always true for an enrichment, which repeats here what its envelope says; absent of other
    /// jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// The job's name.
    pub job_id: &'a str,
    /// Token that opens the job.
    pub auth_token: &'a str,
    /// The token once more, under the name that older clients read.
    pub token: &'a str,
    /// URLs under which the job is followed.
    #[serde(flatten)]
    pub urls: Urls,
    /// State of the job; of a scan `processing`, since it begins at once.
    pub status: Status,
    /// The kind of job.
    pub pipeline: crate::status::Pipeline,
    /// Number of photos; absent of jobs that are no scans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_photos: Option<u32>,
    /// Number of items that are final, 0; absent of jobs that are no enrichments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed_count: Option<u32>,
    /// Number of items in all; absent of jobs that are no enrichments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_count: Option<u32>,
    /// The job that this one tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<&'a str>,
    /// Indices, from 0, of the photos that a retried scan could not look at and has not kept. Send
    /// them again in a new scan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub photos_to_send: Vec<usize>,
    /// Message for people.
    pub message: &'static str,
}

/// The job that this one tries again.
pub(crate) fn retry_of(root: &Root) -> Option<&str> {
    root.retry.as_ref().map(|retry| retry.of.as_str())
}

impl<'a> Accepted<'a> {
    /// Builds the answer for this job; a repeated request is answered alike, however long ago the
    /// job was accepted.
    pub fn of(root: &'a Root, token: &'a str) -> Self {
        let enrichment = root.pipeline == Pipeline::BatchEnrichment;
        Self {
            success: enrichment.then_some(true),
            job_id: root.id.as_str(),
            auth_token: token,
            token,
            urls: Urls::of(&root.id),
            status: match root.pipeline {
                Pipeline::AiScan => Status::Processing,
                Pipeline::CsvImport | Pipeline::BatchEnrichment => Status::Initialized,
            },
            pipeline: root.pipeline.into(),
            total_photos: (root.pipeline == Pipeline::AiScan).then_some(root.uploaded.files),
            processed_count: enrichment.then_some(0),
            total_count: enrichment.then_some(root.total),
            retry_of: retry_of(root),
            photos_to_send: match root.retry {
                Some(_) => root.lost_photos().collect(),
                None => Vec::new(),
            },
            message: match root.pipeline {
                _ if root.retry.is_some() => "Trying again started",
                Pipeline::CsvImport => "CSV import started",
                Pipeline::AiScan => "Scan started",
                Pipeline::BatchEnrichment => "Batch enrichment started",
            },
        }
    }
}

/// A stage of a scan as the first app draws it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyStage {
    /// Name of the stage.
    pub name: &'static str,
    /// Typical duration, in s.
    pub typical_duration: u32,
    /// Progress at its end, in [0, 1].
    pub progress: f64,
}

/// The typical stages of a scan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyPlan {
    /// The stages, in order.
    pub stages: [LegacyStage; 4],
    /// Shortest and longest estimate of the total duration, in s.
    pub estimated_range: [u32; 2],
}

const LEGACY_PLAN: LegacyPlan = LegacyPlan {
    stages: [
        LegacyStage {
            name: "uploading",
            typical_duration: 2,
            progress: 0.1,
        },
        LegacyStage {
            name: "analyzing",
            typical_duration: 30,
            progress: 0.5,
        },
        LegacyStage {
            name: "enriching",
            typical_duration: 8,
            progress: 0.95,
        },
        LegacyStage {
            name: "complete",
            typical_duration: 0,
            progress: 1.0,
        },
    ],
    estimated_range: [20, 60],
};

/// The response to `POST /scan`, without an envelope.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyScan<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// The stages that the scan passes.
    #[serde(flatten)]
    pub plan: LegacyPlan,
}

impl<'a> LegacyScan<'a> {
    /// Builds the answer for this job.
    pub fn of(id: &'a JobId) -> Self {
        Self {
            job_id: id.as_str(),
            plan: LEGACY_PLAN,
        }
    }
}

/// A job's token, under both its names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Token<'a> {
    /// Token that opens the job.
    pub token: &'a str,
    /// The token once more, under the name that later apps read.
    pub auth_token: &'a str,
}

impl<'a> Token<'a> {
    fn of(token: &'a str) -> Self {
        Self {
            token,
            auth_token: token,
        }
    }
}

/// The response to `POST /api/scan-bookshelf`: with [`crate::envelope::success_with_flat_copy`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyBookshelf<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// Token that opens the job.
    #[serde(flatten)]
    pub token: Token<'a>,
    /// The job's event stream: the app would upload the photo again without it.
    pub sse_url: String,
    /// The stages that the scan passes.
    #[serde(flatten)]
    pub plan: LegacyPlan,
    /// Message for people.
    pub message: &'static str,
}

impl<'a> LegacyBookshelf<'a> {
    /// Builds the answer for this job.
    pub fn of(id: &'a JobId, token: &'a str) -> Self {
        Self {
            job_id: id.as_str(),
            token: Token::of(token),
            sse_url: format!("{}?events=photoscan", Urls::of(id).sse_url),
            plan: LEGACY_PLAN,
            message: "Scan started",
        }
    }
}

/// The response to `POST /api/scan-bookshelf/batch`: with
/// [`crate::envelope::success_with_flat_copy`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyScanBatch<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// Token that opens the job.
    #[serde(flatten)]
    pub token: Token<'a>,
    /// Number of photos in all.
    pub total_photos: u32,
    /// Always `processing`.
    pub status: Status,
    /// Message for people.
    pub message: &'static str,
}

impl<'a> LegacyScanBatch<'a> {
    /// Builds the answer for this job.
    pub fn of(root: &'a Root, token: &'a str) -> Self {
        Self {
            job_id: root.id.as_str(),
            token: Token::of(token),
            total_photos: root.uploaded.files,
            status: Status::Processing,
            message: "Batch scan started",
        }
    }
}

/// The response to `POST /api/import/csv-gemini`: with [`crate::envelope::success_with_flat_copy`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyImport<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// Token that opens the job.
    #[serde(flatten)]
    pub token: Token<'a>,
    /// Message for people.
    pub message: &'static str,
}

impl<'a> LegacyImport<'a> {
    /// Builds the answer for this job.
    pub fn of(id: &'a JobId, token: &'a str) -> Self {
        Self {
            job_id: id.as_str(),
            token: Token::of(token),
            message: "CSV import started",
        }
    }
}

/// The response to `POST /api/enrichment/start`: with [`crate::envelope::success_with_flat_copy`],
/// and status 200, the only one that the first app accepts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyEnrichment<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// Number of items that are final: 0.
    pub processed_count: u32,
    /// Number of items in all.
    pub total_count: u32,
}

impl<'a> LegacyEnrichment<'a> {
    /// Builds the answer for this job.
    pub fn of(root: &'a Root) -> Self {
        Self {
            job_id: root.id.as_str(),
            processed_count: 0,
            total_count: root.total,
        }
    }
}

/// The response to `POST /api/enrichment/batch`: with [`crate::envelope::success_with_flat_copy`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LegacyEnrichmentBatch<'a> {
    /// The job.
    #[serde(flatten)]
    pub job: LegacyEnrichment<'a>,
    /// Token that opens the job.
    #[serde(flatten)]
    pub token: Token<'a>,
}

impl<'a> LegacyEnrichmentBatch<'a> {
    /// Builds the answer for this job.
    pub fn of(root: &'a Root, token: &'a str) -> Self {
        Self {
            job: LegacyEnrichment::of(root),
            token: Token::of(token),
        }
    }
}

/// The response to `POST /scan/ready/{jobId}`, without an envelope.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LegacyReady<'a> {
    /// Always true.
    pub success: bool,
    /// The job's name.
    pub job_id: &'a str,
}

impl<'a> LegacyReady<'a> {
    /// Builds the answer for this job, which need not exist yet.
    pub fn of(id: &'a JobId) -> Self {
        Self {
            success: true,
            job_id: id.as_str(),
        }
    }
}

/// The response to `POST /api/token/refresh`: with [`crate::envelope::success_with_flat_copy`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Refreshed<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// Token that opens the job from now on.
    pub token: &'a str,
    /// Lifetime of the token, in s.
    pub expires_in: u64,
}
