//! Refusals and failures of V3 routes: problem documents (RFC 9457), with the error object that
//! the SDK's types name inside.

use job::Time;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::envelope::json;
use crate::error::{ApiError, Code};
use crate::time::Iso;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "ProblemDocument"))]
pub(crate) struct Problem<'a> {
    /// URL of a page about this kind of problem, relative to the server.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem, for people.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// Explanation of this error for people: what was wrong, and what to do.
    detail: &'a str,
    /// The path that was asked for.
    instance: &'a str,
    /// The code, for programs.
    code: Code,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Time to wait before the request is sent again, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Facts, by name; no value is null.
    #[serde(skip_serializing_if = "Map::is_empty")]
    details: Map<String, Value>,
    #[cfg_attr(test, schemars(extend("const" = false)))]
    success: bool,
    /// The short form of the error, as the SDK names it.
    error: Short<'a>,
    metadata: Metadata<'a>,
}

/// A short form of an error, where the SDK's types have it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "ProblemError"))]
struct Short<'a> {
    code: Code,
    message: &'a str,
    retryable: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "ProblemMetadata"))]
struct Metadata<'a> {
    timestamp: Iso,
    /// The request's id, as in `X-Request-ID`.
    request_id: &'a str,
}

impl ApiError {
    /// The body of this error on a V3 route, answered at `at` to the request `request_id`;
    /// `instance` is the path that was asked for.
    pub fn problem(&self, at: Time, instance: &str, request_id: &str) -> Vec<u8> {
        let code = self.code;
        let retryable = code.retryable();
        json(&Problem {
            kind: format!("/v3/docs#{}", code.name()),
            title: self.status().canonical_reason().unwrap_or("Error"),
            status: self.status().as_u16(),
            detail: &self.message,
            instance,
            code,
            retryable,
            retry_after_ms: self.retry_millis(),
            details: self.client_details(),
            success: false,
            error: Short {
                code,
                message: &self.message,
                retryable,
            },
            metadata: Metadata {
                timestamp: Iso(at),
                request_id,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_problem_says_the_same_to_every_reader() {
        let error = ApiError::busy(Duration::from_millis(1500));
        let body = error.problem(Time(0), "/v3/jobs/imports", "r-1");
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["type"], "/v3/docs#SERVICE_BUSY");
        assert_eq!(problem["title"], "Service Unavailable");
        assert_eq!(problem["status"], 503);
        assert_eq!(problem["instance"], "/v3/jobs/imports");
        assert_eq!(problem["retryAfterMs"], 1500);
        assert_eq!(problem["code"], problem["error"]["code"]);
        assert_eq!(problem["detail"], problem["error"]["message"]);
        assert_eq!(problem["metadata"]["requestId"], "r-1");
    }
}
