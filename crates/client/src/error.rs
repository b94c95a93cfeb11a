//! Errors between this client and a server.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The reason why a request or a watch did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's address is not an `http://` or `https://` origin.
    #[error("{address:?} is no server address: {reason}")]
    Address {
        /// The address that was given.
        address: String,
        /// The reason why the text is no address.
        reason: String,
    },
    /// The job id is not 1 to 100 characters of `[A-Za-z0-9_-]`.
    #[error("{0:?} is no job id: 1 to 100 letters, digits, _ and - are")]
    JobId(String),
    /// No connection could be made, or it broke before a response came.
    #[error("cannot reach {server}: {reason}")]
    Unreachable {
        /// The server's origin.
        server: String,
        /// The deepest cause the network stack gave.
        reason: String,
        /// The pause that a gateway asked for in the server's place.
        retry_after: Option<Duration>,
    },
    /// The server was silent for longer than [`Timing::request`](crate::Timing::request).
    #[error("{server} did not answer within {after:?}")]
    TimedOut {
        /// The server's origin.
        server: String,
        /// The time-out that has passed.
        after: Duration,
    },
    /// The server refused, and said why in the envelope.
    #[error("{0}")]
    Api(ApiError),
    /// The response is none of this API: a wrong address, or a proxy's own page.
    #[error("{server} does not answer like a bookstrack server: {what}")]
    Protocol {
        /// The server's origin.
        server: String,
        /// The fault of the response.
        what: String,
    },
}

/// The `error` object of the envelope, with the status it came with.
#[derive(Debug, Clone, PartialEq, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message} ({code})")]
pub struct ApiError {
    /// HTTP status of the answer.
    #[serde(skip)]
    pub status: u16,
    /// The code, stable and machine-readable, `NOT_FOUND` for example.
    pub code: String,
    /// A sentence for people.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    /// Whether the same request may succeed later.
    #[serde(default, deserialize_with = "or_default")]
    pub retryable: bool,
    /// The pause that `Retry-After` asked for.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// Facts by name, which depend on the code: the field that was wrong, for example.
    #[serde(default)]
    pub details: Value,
}

/// A value that may be `null`.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Error {
    /// Whether the same request may succeed later: the server is away, busy or restarting.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Api(error) => error.retryable || error.status >= 500 || error.status == 429,
            Self::Address { .. } | Self::JobId(_) | Self::Protocol { .. } => false,
        }
    }

    /// Whether there is no such job, or its results have expired.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(error.status, 404 | 410))
    }

    /// The pause that the server asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(error) => error.retry_after,
            Self::Unreachable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The innermost cause: the outer ones only say that a request failed.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
