//! The WebSocket messages of three generations, spelled from the same job document.
//!
//! Who may connect and when something is said is the relay's and the observer's.

mod client;
mod complete;
mod legacy;

use job::Notification;
use job::Step;
use job::{Item, Pipeline, Report, Root, Stage, Time};
use serde::Serialize;
use serde_json::{Map, Number, Value};

pub use client::ClientMessage;
pub use legacy::keep_alive as legacy_keep_alive;

use crate::envelope::json;
use crate::error::ApiError;
use crate::failure::FailureCode;
use crate::number::Whole;
use crate::status::{Summary, current_title, message, waiting_until, why};
use crate::time::Iso;
use complete::Complete;

/// A larger message of a client closes the socket with 1009.
pub const MAX_MESSAGE: usize = 64 << 10;

/// Which generation a client is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schema {
    /// The first app: everything is `progress`.
    Legacy,
    /// `1.0.0`: full results in the last message.
    V1,
    /// `2.0.0`: a summary in the last message.
    V2,
}

impl Schema {
    /// What a handshake asks for: `schema` of the query, else by how it brought its token.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a schema that does not exist.
    pub fn choose(
        schema: Option<&str>,
        subprotocol_token: bool,
        query_token: bool,
    ) -> Result<Self, ApiError> {
        match schema {
            Some("legacy") => Ok(Self::Legacy),
            Some("1.0.0") => Ok(Self::V1),
            Some("2.0.0") => Ok(Self::V2),
            Some(_) => Err(ApiError::invalid(
                "schema",
                "must be legacy, 1.0.0 or 2.0.0",
            )),
            None if subprotocol_token => Ok(Self::V2),
            None if query_token => Ok(Self::V1),
            None => Ok(Self::Legacy),
        }
    }

    /// As queries spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::V1 => "1.0.0",
            Self::V2 => "2.0.0",
        }
    }

    /// Whether the last message of this job holds its items.
    pub fn wants_items(self, root: &Root) -> bool {
        root.stage == Stage::Complete
            && match self {
                Self::Legacy => root.pipeline == Pipeline::AiScan,
                Self::V1 => true,
                Self::V2 => false,
            }
    }

    /// What a step of the observer is in this schema; `None` when it says nothing of it. `items`
    /// and `report` are read only for an end that [`Self::wants_items`].
    pub fn spell(
        self,
        notification: &Notification,
        items: &[Item],
        report: &Report,
        now: Time,
    ) -> Option<Vec<u8>> {
        let root = &notification.root;
        match notification.step {
            Step::Initialized(_) => Some(self.started(root, now)),
            Step::Processing(_) => Some(self.progress(root, now)),
            Step::Ended(_) => Some(self.ended(root, items, report, now)),
            Step::Book(..) | Step::TimedOut(_) | Step::Heartbeat => None,
        }
    }

    /// The job has not begun.
    pub fn started(self, root: &Root, now: Time) -> Vec<u8> {
        if self == Self::Legacy {
            return self.progress(root, now);
        }
        self.wrap(
            root,
            now,
            "job_started",
            &Started {
                total_count: root.total,
                estimated_duration: estimated_seconds(root),
                metadata: StartedMetadata {
                    file_name: Some(root.uploaded.name.as_str()).filter(|name| !name.is_empty()),
                    file_size: (root.uploaded.files > 0).then_some(root.uploaded.bytes),
                },
            },
        )
    }

    /// How far the job is.
    pub fn progress(self, root: &Root, now: Time) -> Vec<u8> {
        self.progress_saying(root, now, user_message(root))
    }

    /// The current state for a client that asks for it.
    pub fn resuming(self, root: &Root, now: Time) -> Vec<u8> {
        self.progress_saying(root, now, "Resuming...")
    }

    fn progress_saying(self, root: &Root, now: Time, user_message: &str) -> Vec<u8> {
        if self == Self::Legacy {
            return legacy::progress(root, now);
        }
        self.wrap(
            root,
            now,
            "job_progress",
            &Progress {
                progress: Whole(root.progress()),
                status: message(root),
                processed_count: root.processed(),
                total_count: root.total,
                current_title: current_title(root),
                user_message,
                waiting_until: waiting_until(root),
            },
        )
    }

    /// The job is over. `items` and `report` are read only when [`Self::wants_items`].
    pub fn ended(self, root: &Root, items: &[Item], report: &Report, now: Time) -> Vec<u8> {
        match self {
            Self::Legacy if self.wants_items(root) => legacy::scanned(root, items, report, now),
            Self::Legacy => legacy::progress(root, now),
            _ if root.stage != Stage::Complete => self.failed(root, now),
            Self::V2 => self.wrap(
                root,
                now,
                "job_complete",
                &Summarised {
                    pipeline: root.pipeline.into(),
                    summary: Summary::of(root),
                    expires_at: Iso(root.expires),
                },
            ),
            Self::V1 => self.wrap(
                root,
                now,
                "job_complete",
                &Complete::of(root, items, report),
            ),
        }
    }

    fn failed(self, root: &Root, now: Time) -> Vec<u8> {
        let Some(failure) = &root.failure else {
            return self.error(Some(root), now, "E_INTERNAL", why(root), false);
        };
        self.wrap(
            root,
            now,
            "error",
            &Failed {
                code: FailureCode::from(failure.code),
                message: &failure.message,
                user_message: &failure.user_message,
                affected_items: [],
                retryable: failure.retryable,
                details: Some(&failure.details).filter(|details| !details.is_empty()),
            },
        )
    }

    /// Something is wrong with what the client sent; `root` is the job, if there is one yet.
    pub fn protocol_error(self, root: Option<&Root>, now: Time, problem: &str) -> Option<Vec<u8>> {
        (self != Self::Legacy).then(|| self.error(root, now, "PROTOCOL_ERROR", problem, false))
    }

    fn error(
        self,
        root: Option<&Root>,
        now: Time,
        code: &str,
        message: &str,
        retryable: bool,
    ) -> Vec<u8> {
        self.wrap_maybe(
            root,
            now,
            "error",
            &Failed {
                code,
                message,
                user_message: message,
                affected_items: [],
                retryable,
                details: None,
            },
        )
    }

    /// The answer to `ready`.
    pub fn ready_ack(self, root: Option<&Root>, now: Time) -> Vec<u8> {
        match self {
            Self::Legacy => legacy::ready_ack(now),
            _ => self.wrap_maybe(root, now, "ready_ack", &Stamped { timestamp: now }),
        }
    }

    /// The answer to `ping`, with what the client sent.
    pub fn pong(self, root: Option<&Root>, now: Time, client_time: Option<&Number>) -> Vec<u8> {
        self.wrap_maybe(
            root,
            now,
            "pong",
            &Pong {
                timestamp: now,
                client_time,
            },
        )
    }

    fn wrap(self, root: &Root, now: Time, kind: &str, payload: &impl Serialize) -> Vec<u8> {
        self.wrap_maybe(Some(root), now, kind, payload)
    }

    fn wrap_maybe(
        self,
        root: Option<&Root>,
        now: Time,
        kind: &str,
        payload: &impl Serialize,
    ) -> Vec<u8> {
        json(&Message {
            kind,
            job_id: root.map(|root| root.id.as_str()),
            pipeline: root.map(|root| root.pipeline.into()),
            timestamp: now,
            version: match self {
                Self::Legacy => None,
                Self::V1 | Self::V2 => Some(self.name()),
            },
            payload: Payload {
                kind,
                fields: payload,
            },
        })
    }
}

/// The answer to a raw `PING`.
pub const RAW_PONG: &str = "PONG";

fn user_message(root: &Root) -> &'static str {
    match (root.stage, root.pipeline) {
        (Stage::Receiving | Stage::Queued, _) => "Waiting to start...",
        (Stage::Analyzing, Pipeline::AiScan) => "Looking for books...",
        (Stage::Analyzing, _) => "Reading your library...",
        (Stage::Enriching, _) => "Finding cover art and details...",
        (Stage::Complete | Stage::Error | Stage::Canceled, _) => "Done",
    }
}

/// How long a job mostly takes in all, in s: never 0.
fn estimated_seconds(root: &Root) -> u64 {
    match root.pipeline {
        Pipeline::AiScan => 40,
        Pipeline::CsvImport | Pipeline::BatchEnrichment => 2 + u64::from(root.total) / 20,
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "{T}Message"))]
struct Message<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<crate::status::Pipeline>,
    #[cfg_attr(test, schemars(with = "u64"))]
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    payload: Payload<'a, T>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "{T}Payload"))]
struct Payload<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    fields: &'a T,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobStarted"))]
struct Started<'a> {
    total_count: u32,
    /// In seconds.
    estimated_duration: u64,
    metadata: StartedMetadata<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct StartedMetadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobProgress"))]
struct Progress<'a> {
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    progress: Whole,
    status: String,
    processed_count: u32,
    total_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_title: Option<&'a str>,
    user_message: &'a str,
    /// Until when the job waits for a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_until: Option<Iso>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobError"))]
struct Failed<'a, C> {
    code: C,
    message: &'a str,
    user_message: &'a str,
    affected_items: [&'a str; 0],
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "ReadyAck"))]
struct Stamped {
    #[cfg_attr(test, schemars(with = "u64"))]
    timestamp: Time,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Pong<'a> {
    #[cfg_attr(test, schemars(with = "u64"))]
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<f64>"))]
    client_time: Option<&'a Number>,
}

/// The end in schema 2.0.0.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobSummary"))]
struct Summarised {
    pipeline: crate::status::Pipeline,
    summary: Summary,
    expires_at: Iso,
}

/// A message as MessagePack, for sockets that ask for it: the same keys and values.
pub fn packed(message: &[u8]) -> Vec<u8> {
    let value: Value = serde_json::from_slice(message).expect("our own messages are JSON");
    rmp_serde::to_vec(&value).expect("everything in JSON has a form in MessagePack")
}

/// The schemas of the messages, by generation and `type`.
#[cfg(test)]
pub(crate) fn described(generator: &mut schemars::SchemaGenerator) -> Value {
    let started = generator.subschema_for::<Message<Started>>();
    let progress = generator.subschema_for::<Message<Progress>>();
    let error = generator.subschema_for::<Message<Failed<String>>>();
    let acknowledged = generator.subschema_for::<Message<Stamped>>();
    let pong = generator.subschema_for::<Message<Pong>>();
    let of = |complete: schemars::Schema| {
        serde_json::json!({
            "job_started": started, "job_progress": progress, "job_complete": complete,
            "error": error, "ready_ack": acknowledged, "pong": pong,
        })
    };
    serde_json::json!({
        "legacy": legacy::described(generator),
        Schema::V1.name(): of(generator.subschema_for::<Message<Complete>>()),
        Schema::V2.name(): of(generator.subschema_for::<Message<Summarised>>()),
    })
}
