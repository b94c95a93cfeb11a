//! Responses of the edge itself, in the form of the application's own errors.

use crate::upstream::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use time::{OffsetDateTime, macros::format_description};

/// A body of these bytes.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An error response. `code` is for programs, `message` for people.
pub(crate) fn refuse(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let retryable = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let now = OffsetDateTime::now_utc()
        .format(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        ))
        .unwrap_or_default();
    let body = json!({
        "success": false,
        "data": null,
        "error": {"code": code, "message": message, "retryable": retryable, "details": {}},
        "metadata": {"timestamp": now},
    });
    let mut response = Response::new(whole(body.to_string()));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        // As on every answer of the application.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// The response when there are too many of something at the same time, in all: 503, as the
/// application's own.
pub fn busy(message: &str) -> Response<Body> {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_BUSY", message)
}

/// The response when there are too many of something at the same time, of one client: 429.
pub fn too_many(message: &str) -> Response<Body> {
    refuse(
        StatusCode::TOO_MANY_REQUESTS,
        "RATE_LIMIT_EXCEEDED",
        message,
    )
}

/// The response to a request for a site that is not served here: 421.
#[must_use]
pub fn misdirected() -> Response<Body> {
    refuse(
        StatusCode::MISDIRECTED_REQUEST,
        "INVALID_REQUEST",
        "no site of this name is served here",
    )
}

/// The response when the upstream did not answer, or not in time, or nonsense.
pub(crate) fn no_upstream(in_time: bool) -> Response<Body> {
    if in_time {
        refuse(
            StatusCode::BAD_GATEWAY,
            "NETWORK_ERROR",
            "the application cannot be reached; try again",
        )
    } else {
        refuse(
            StatusCode::GATEWAY_TIMEOUT,
            "NETWORK_ERROR",
            "the application did not answer in time; try again",
        )
    }
}
