//! Responses of the edge itself, in the form of the application's own errors.

use crate::upstream::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
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
        // Only the application knows whose pages may call. A refusal of the edge gives nothing
        // away, and a page that cannot read it takes it for a broken connection and asks again at
        // once.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "Retry-After, X-Request-ID",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response.extensions_mut().insert(Refusal {
        code: code.to_owned(),
        message: message.to_owned(),
        is_retryable: retryable,
        at: now,
    });
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

/// The error that a response of the edge itself tells.
#[derive(Clone)]
struct Refusal {
    code: String,
    message: String,
    is_retryable: bool,
    at: String,
}

/// The parts of a request that every response to it repeats or follows.
pub struct Asked {
    path: String,
    id: HeaderValue,
    is_last: bool,
}

impl Asked {
    const ID: HeaderName = HeaderName::from_static("x-request-id");

    /// The path, and the client's own id of the request if it is fit to be logged.
    #[must_use]
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
        let own = headers
            .get(Self::ID)
            .filter(|id| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(is_plain));
        let made = || HeaderValue::from_str(&format!("{:032x}", fastrand::u128(..)));
        Self {
            path: uri.path().to_owned(),
            id: own
                .cloned()
                .or_else(|| made().ok())
                .unwrap_or(HeaderValue::from_static("0")),
            // The server underneath reads a body of two framings as chunked, but does not tell that
            // there were two. A proxy in front may have read the other; so that nothing can follow
            // such a body, no chunked request leaves its connection open (RFC 9112 section 6.1).
            is_last: headers.contains_key(header::TRANSFER_ENCODING),
        }
    }

    /// Gives a response the request's id, unless the application has done so, and an error of the
    /// edge itself the form of the application's errors below `/v3`: a problem document (RFC 9457).
    /// After a chunked request the connection ends.
    pub fn complete<B>(
        &self,
        mut response: Response<B>,
        whole: impl FnOnce(Bytes) -> B,
    ) -> Response<B> {
        if !response.headers().contains_key(Self::ID) {
            response.headers_mut().insert(Self::ID, self.id.clone());
        }
        if self.is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        match response.extensions_mut().remove::<Refusal>() {
            Some(refusal) if self.path.starts_with("/v3/") => {
                let body = self.problem(&response, &refusal);
                let kind = HeaderValue::from_static("application/problem+json");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response.map(|_| whole(body.into()))
            }
            _ => response,
        }
    }

    fn problem<B>(&self, response: &Response<B>, refusal: &Refusal) -> String {
        let status = response.status();
        let Refusal {
            code,
            message,
            is_retryable,
            at,
        } = refusal;
        let mut problem = json!({
            "type": format!("/v3/docs#{code}"),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": message,
            "instance": self.path,
            "code": code,
            "retryable": is_retryable,
            "success": false,
            "error": {"code": code, "message": message, "retryable": is_retryable},
            "metadata": {"timestamp": at, "requestId": self.id.to_str().unwrap_or_default()},
        });
        let wait = response.headers().get(header::RETRY_AFTER);
        let wait = wait.and_then(|wait| wait.to_str().ok()?.parse::<u64>().ok());
        if let Some(seconds) = wait {
            problem["retryAfterMs"] = json!(seconds * 1000);
        }
        problem.to_string()
    }
}

/// The response when all clients together have too many of something at the same time: 503, with
/// the application's own code.
pub fn busy(message: &str) -> Response<Body> {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_BUSY", message)
}

/// The response when one client has too many of something at the same time: 429.
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
