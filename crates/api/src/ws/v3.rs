//! The messages of schema `v3`, which the published SDK reads: no envelope.

use job::{Root, Time};
use serde::Serialize;
use serde_json::Number;

use crate::envelope::json;
use crate::failure::FailureCode;
use crate::number::Whole;
use crate::status::{Completion, current_title, failure_message, message};
use crate::time::Iso;
use crate::v3::{JobError, Status};

/// A message; the fields of its type are flattened into it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "V3{T}Message"))]
struct Message<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<&'a str>,
    #[cfg_attr(test, schemars(with = "u64"))]
    timestamp: Time,
    #[serde(flatten)]
    fields: T,
}

fn wrap(root: Option<&Root>, now: Time, kind: &'static str, fields: impl Serialize) -> Vec<u8> {
    json(&Message {
        kind,
        job_id: root.map(|root| root.id.as_str()),
        timestamp: now,
        fields,
    })
}

/// Counts of a job's items.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "SocketCounts"))]
struct Counts {
    status: Status,
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    progress: Whole,
    processed_count: u32,
    total_count: u32,
}

impl Counts {
    fn of(root: &Root) -> Self {
        Self {
            status: Status::of(root),
            progress: Whole(root.progress()),
            processed_count: root.processed(),
            total_count: root.total,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "SocketProgress"))]
struct ProgressMessage<'a> {
    #[serde(flatten)]
    counts: Counts,
    /// Message for people.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_book: Option<CurrentBook<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<bool>,
}

/// The book most lately looked up.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CurrentBook<'a> {
    title: &'a str,
}

/// Spells the job's progress; `keep_alive` when nothing has changed.
pub(super) fn progress(root: &Root, now: Time, keep_alive: bool) -> Vec<u8> {
    let fields = ProgressMessage {
        counts: Counts::of(root),
        message: message(root),
        current_book: current_title(root).map(|title| CurrentBook { title }),
        keep_alive: keep_alive.then_some(true),
    };
    wrap(Some(root), now, "progress", fields)
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "SocketCompletion"))]
struct Complete {
    #[serde(flatten)]
    counts: Counts,
    success_count: u32,
    failure_count: u32,
    /// Time of the end.
    completed_at: Iso,
    /// Expiry of the results.
    expires_at: Iso,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "SocketFailure"))]
struct Failed<'a> {
    #[serde(flatten)]
    counts: Option<Counts>,
    error: Error<'a>,
}

/// The reason why the job failed, or the error in a client's message.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
#[cfg_attr(test, schemars(rename = "SocketFailureReason"))]
enum Error<'a> {
    Job(JobError<'a>),
    Protocol {
        code: &'a str,
        message: &'a str,
        retryable: bool,
    },
}

/// Spells the message at the job's end.
pub(super) fn ended(root: &Root, now: Time) -> Vec<u8> {
    let counts = Counts::of(root);
    match Completion::of(root) {
        Some(completion) => {
            let fields = Complete {
                counts,
                success_count: root.succeeded,
                failure_count: root.failed,
                completed_at: completion.completed_at,
                expires_at: completion.expires_at,
            };
            wrap(Some(root), now, "job_complete", fields)
        }
        None => {
            let error = JobError::of(root).unwrap_or(JobError {
                code: FailureCode::EInternal,
                message: failure_message(root),
                retryable: false,
            });
            let fields = Failed {
                counts: Some(counts),
                error: Error::Job(error),
            };
            wrap(Some(root), now, "error", fields)
        }
    }
}

/// Spells the error for a malformed message of the client.
pub(super) fn protocol_error(root: Option<&Root>, now: Time, problem: &str) -> Vec<u8> {
    let fields = Failed {
        counts: None,
        error: Error::Protocol {
            code: "PROTOCOL_ERROR",
            message: problem,
            retryable: false,
        },
    };
    wrap(root, now, "error", fields)
}

/// Spells the reply to `ready`.
pub(super) fn ready_ack(root: Option<&Root>, now: Time) -> Vec<u8> {
    wrap(root, now, "ready_ack", Nothing {})
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "SocketAck"))]
struct Nothing {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "SocketPong"))]
struct Pong<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<f64>"))]
    client_time: Option<&'a Number>,
}

/// Spells the reply to `ping`, with the client's time.
pub(super) fn pong(root: Option<&Root>, now: Time, client_time: Option<&Number>) -> Vec<u8> {
    wrap(root, now, "pong", Pong { client_time })
}

/// The schemas of the messages, by `type`.
#[cfg(test)]
pub(super) fn described(generator: &mut schemars::SchemaGenerator) -> serde_json::Value {
    serde_json::json!({
        "progress": generator.subschema_for::<Message<ProgressMessage>>(),
        "job_complete": generator.subschema_for::<Message<Complete>>(),
        "error": generator.subschema_for::<Message<Failed>>(),
        "ready_ack": generator.subschema_for::<Message<Nothing>>(),
        "pong": generator.subschema_for::<Message<Pong>>(),
    })
}
