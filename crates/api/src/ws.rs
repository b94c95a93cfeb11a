//! The WebSocket messages of four generations, spelled from the same job document.
//!
//! Who may connect and when something is said is the relay's and the observer's.

mod client;
mod complete;
pub mod frame;
mod handshake;
mod legacy;
mod v3;

use job::Notification;
use job::Step;
use job::{Item, Pipeline, Report, Root, Stage, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub use client::ClientMessage;
pub(crate) use complete::{ImportError, ImportedBook};
pub use handshake::{Handshake, SocketJob};

use crate::envelope::json;
use crate::error::ApiError;
use crate::failure::FailureCode;
use crate::number::Whole;
use crate::status::{current_title, failure_message, message, waiting_until};
use crate::time::Iso;
use complete::{Complete, Summarised};

/// Largest message of a client, in bytes; a larger one closes the socket with 1009.
pub const MAX_MESSAGE: usize = 64 << 10;

/// The message schema of a client: one for each generation of apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Schema {
    /// Messages of the first app: all are `progress`.
    Legacy,
    /// Messages of `1.0.0`: full results in the last one.
    V1,
    /// Messages of `2.0.0`: a summary in the last one.
    V2,
    /// Messages of `v3`, as the published SDK has them, without an envelope.
    V3,
}

/// The place in a handshake where the job's token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// The handshake has no token.
    Nowhere,
    /// In `token` of the query.
    Query,
    /// In the subprotocol `bookstrack-auth.{token}`.
    PrefixedProtocol,
    /// In a subprotocol by itself.
    BareProtocol,
}

impl Schema {
    /// Chooses the schema that a handshake asks for: `schema` of the query, else by the token's
    /// place.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a schema that does not exist.
    pub fn choose(schema: Option<&str>, token: TokenPlace) -> Result<Self, ApiError> {
        match (schema, token) {
            (Some("legacy"), _) => Ok(Self::Legacy),
            (Some("1.0.0"), _) => Ok(Self::V1),
            (Some("2.0.0"), _) => Ok(Self::V2),
            (Some("v3"), _) => Ok(Self::V3),
            (Some(_), _) => Err(ApiError::invalid(
                "schema",
                "must be legacy, 1.0.0, 2.0.0 or v3",
            )),
            (None, TokenPlace::BareProtocol) => Ok(Self::V3),
            (None, TokenPlace::PrefixedProtocol) => Ok(Self::V2),
            (None, TokenPlace::Query) => Ok(Self::V1),
            (None, TokenPlace::Nowhere) => Ok(Self::Legacy),
        }
    }

    /// The schema's name in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::V1 => "1.0.0",
            Self::V2 => "2.0.0",
            Self::V3 => "v3",
        }
    }

    /// Whether the last message of this job holds its items.
    pub fn wants_items(self, root: &Root) -> bool {
        root.stage == Stage::Complete
            && match self {
                Self::Legacy => root.pipeline == Pipeline::AiScan,
                Self::V1 => true,
                Self::V2 | Self::V3 => false,
            }
    }

    /// Whether the last message of this job holds something of its report.
    pub fn wants_report(self, root: &Root) -> bool {
        let names_the_model = self == Self::V2 && root.pipeline == Pipeline::AiScan;
        self.wants_items(root) || (names_the_model && root.stage == Stage::Complete)
    }

    /// Whether a socket is told what job it follows before anything else, however late it comes.
    pub fn begins_with_started(self) -> bool {
        matches!(self, Self::V1 | Self::V2)
    }

    /// Spells a step of the observer as messages of this schema, in order; none when the schema has
    /// none for it. `items` and `report` are read only for an end that [`Self::wants_items`] and
    /// [`Self::wants_report`].
    pub fn spell(
        self,
        notification: &Notification,
        items: &[Item],
        report: &Report,
        now: Time,
    ) -> Vec<Vec<u8>> {
        let root = &notification.root;
        match notification.step {
            // Where a socket begins with what job it is, that says as much.
            Step::Initialized(_) if self.begins_with_started() => Vec::new(),
            Step::Initialized(_) | Step::Processing(_) => vec![self.progress(root, now)],
            Step::Ended(_) => self.ended(root, items, report, now),
            Step::Book(..) | Step::TimedOut(_) | Step::Heartbeat => Vec::new(),
        }
    }

    /// Spells the first message of a socket that [`Self::begins_with_started`]: the kind and size
    /// of the job.
    pub fn started(self, root: &Root, now: Time) -> Vec<u8> {
        let is_scan = root.pipeline == Pipeline::AiScan;
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
                    photo_count: is_scan.then_some(root.uploaded.files),
                },
            },
        )
    }

    /// Spells the job's progress.
    pub fn progress(self, root: &Root, now: Time) -> Vec<u8> {
        self.progress_with(root, now, message(root), user_message(root), false)
    }

    /// Spells the last state once more, for clients that have heard nothing for 10 s.
    pub fn keep_alive(self, root: &Root, now: Time) -> Vec<u8> {
        self.progress_with(root, now, message(root), user_message(root), true)
    }

    /// Spells the current state for a client that asks for it.
    pub fn resuming(self, root: &Root, now: Time) -> Vec<u8> {
        self.progress_with(root, now, message(root), "Resuming...", false)
    }

    fn progress_with(
        self,
        root: &Root,
        now: Time,
        status: String,
        user_message: &str,
        keep_alive: bool,
    ) -> Vec<u8> {
        match self {
            Self::Legacy if keep_alive => legacy::keep_alive(root, now),
            Self::Legacy => legacy::progress(root, now),
            Self::V3 => v3::progress(root, now, keep_alive),
            Self::V1 | Self::V2 => self.wrap(
                root,
                now,
                "job_progress",
                &ProgressPayload {
                    progress: Whole(root.progress()),
                    status,
                    processed_count: root.processed(),
                    total_count: root.total,
                    current_title: current_title(root),
                    current_item: current_title(root),
                    user_message,
                    waiting_until: waiting_until(root),
                    keep_alive: keep_alive.then_some(true),
                },
            ),
        }
    }

    /// Spells the messages at the job's end. `items` and `report` are read only when
    /// [`Self::wants_items`] and [`Self::wants_report`].
    pub fn ended(self, root: &Root, items: &[Item], report: &Report, now: Time) -> Vec<Vec<u8>> {
        match self {
            Self::Legacy if self.wants_items(root) => {
                vec![legacy::scanned(root, items, report, now)]
            }
            Self::Legacy => vec![legacy::progress(root, now)],
            Self::V3 => vec![v3::ended(root, now)],
            _ if root.stage != Stage::Complete => self.failed(root, now),
            Self::V2 => vec![self.wrap(root, now, "job_complete", &Summarised::of(root, report))],
            Self::V1 => vec![self.wrap(
                root,
                now,
                "job_complete",
                &Complete::of(root, items, report),
            )],
        }
    }

    /// Spells the messages at the end of a failed job. Several apps ignore `error` and look for its
    /// beginning in the text of the progress before.
    fn failed(self, root: &Root, now: Time) -> Vec<Vec<u8>> {
        let told = message(root);
        let told = match told.strip_prefix("Error: ") {
            Some(_) => told,
            None => format!("Error: {told}"),
        };
        let progress = self.progress_with(root, now, told, user_message(root), false);
        let error = match &root.failure {
            None => self.error(Some(root), now, "E_INTERNAL", failure_message(root), false),
            Some(failure) => self.wrap(
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
            ),
        };
        vec![progress, error]
    }

    /// Spells the error for a malformed message of the client; `root` is the job, if there is one
    /// yet.
    pub fn protocol_error(self, root: Option<&Root>, now: Time, problem: &str) -> Option<Vec<u8>> {
        match self {
            Self::Legacy => None,
            Self::V3 => Some(v3::protocol_error(root, now, problem)),
            Self::V1 | Self::V2 => Some(self.error(root, now, "PROTOCOL_ERROR", problem, false)),
        }
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

    /// Spells the reply to `ready`.
    pub fn ready_ack(self, root: Option<&Root>, now: Time) -> Vec<u8> {
        match self {
            Self::Legacy => legacy::ready_ack(now),
            Self::V3 => v3::ready_ack(root, now),
            Self::V1 | Self::V2 => {
                self.wrap_maybe(root, now, "ready_ack", &Stamped { timestamp: now })
            }
        }
    }

    /// Spells the reply to `ping`, with the client's time.
    pub fn pong(self, root: Option<&Root>, now: Time, client_time: Option<&Number>) -> Vec<u8> {
        if self == Self::V3 {
            return v3::pong(root, now, client_time);
        }
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
                Self::V1 | Self::V2 | Self::V3 => Some(self.name()),
            },
            payload: Payload {
                kind,
                fields: payload,
            },
        })
    }
}

/// The reply to a raw `PING`.
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

/// Typical duration of a job in all, in s: never 0.
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
    /// Estimate of the total duration, in seconds.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    photo_count: Option<u32>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "JobProgress"))]
struct ProgressPayload<'a> {
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    progress: Whole,
    status: String,
    processed_count: u32,
    total_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_title: Option<&'a str>,
    /// The title once more, under the name that the apps read.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_item: Option<&'a str>,
    user_message: &'a str,
    /// Time until which the job waits for a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_until: Option<Iso>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<bool>,
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

/// Encodes a message as MessagePack, for sockets that ask for it: the same keys and values.
pub fn packed(message: &[u8]) -> Vec<u8> {
    let value: Value = serde_json::from_slice(message).expect("our own messages are JSON");
    rmp_serde::to_vec(&value).expect("everything in JSON has a form in MessagePack")
}

/// The schemas of the messages, by generation and `type`.
#[cfg(test)]
pub(crate) fn described(generator: &mut schemars::SchemaGenerator) -> Value {
    let started = generator.subschema_for::<Message<Started>>();
    let progress = generator.subschema_for::<Message<ProgressPayload>>();
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
        Schema::V3.name(): v3::described(generator),
    })
}
