//! The webhook's messages that a job has ended, or waits for a provider for long.

use job::{Notice, Root, Stage};
use serde::Serialize;

use crate::accepted::retry_of;
use crate::envelope::json;
use crate::failure::FailureCode;
use crate::origin::Origin;
use crate::status::{Pipeline, Status, Urls, is_zero};
use crate::time::Iso;

/// The body of a message.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "WebhookMessage"))]
pub(crate) struct Message<'a> {
    /// Type of the event.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Time of the event.
    timestamp: Iso,
    /// The job.
    data: Job<'a>,
}

/// The data of a message: a job.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "WebhookJob"))]
struct Job<'a> {
    job_id: &'a str,
    /// The kind of job.
    pipeline: Pipeline,
    status: Status,
    /// Number of items of the results.
    total_count: u32,
    /// Number of items that were found.
    success_count: u32,
    /// Number of items that were not found.
    failure_count: u32,
    /// Number of items, among those not found, that no provider has answered about.
    #[serde(skip_serializing_if = "is_zero")]
    unanswered: u32,
    /// URL of the results: absolute where the operator has said under which origin the server is
    /// known, else relative to it.
    results_url: String,
    /// The client's own name for the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ref: Option<&'a str>,
    /// The job that this one tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<&'a str>,
    /// The reason why the job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureCode>,
    /// The provider that the job waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<&'a str>,
    /// The time at which it is asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<Iso>,
}

/// Spells the message about this job; `origin` is that of the server, as far as it is known.
#[must_use]
pub fn body(end: &Root, notice: Notice, origin: &Origin) -> Vec<u8> {
    let counts = end.counts();
    let (kind, at, waiting) = match notice {
        Notice::Waiting(since) => ("job.waiting", since, end.waiting(since)),
        Notice::Ended => {
            let kind = match end.stage {
                Stage::Error => "job.failed",
                Stage::Canceled => "job.canceled",
                _ => "job.completed",
            };
            (kind, end.updated, None)
        }
    };
    json(&Message {
        kind,
        timestamp: Iso(at),
        data: Job {
            job_id: end.id.as_str(),
            pipeline: end.pipeline.into(),
            status: Status::of(end),
            total_count: counts.total,
            success_count: counts.succeeded,
            failure_count: counts.failed,
            unanswered: counts.unanswered,
            results_url: origin.url(&Urls::of(&end.id).results_url),
            client_ref: Some(end.client_ref.as_str()).filter(|name| !name.is_empty()),
            retry_of: retry_of(end),
            error: end.failure.as_ref().map(|failure| failure.code.into()),
            waiting_for: waiting.map(|(provider, _)| provider),
            waits_until: waiting.map(|(_, until)| Iso(until)),
        },
    })
}
