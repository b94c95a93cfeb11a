//! Errors of requests, as clients read them.

mod body;
mod code;

use std::time::Duration;

use http::StatusCode;
use http::header::{ALLOW, HeaderMap, HeaderValue, RETRY_AFTER};
use job::{JobId, Remedy, Time};
use serde_json::{Map, Value};

pub(crate) use self::body::Failed;
use self::body::{Error, Metadata};
pub use self::code::Code;
use crate::envelope::json;
use crate::time::Iso;

/// A refusal or failure, with everything its answer says.
///
/// The message is for people: what was wrong and what to do. It quotes no secret and no more than
/// a few words of the request.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The code, for programs.
    pub code: Code,
    /// Message for people.
    pub message: String,
    /// Facts, by name; no value is null.
    pub details: Map<String, Value>,
    /// Time to wait before the request is sent again.
    pub retry_after: Option<Duration>,
    /// The provider that failed.
    pub provider: Option<&'static str>,
    /// Id of the request, which the log line has, too.
    pub request_id: Option<Box<str>>,
    /// The methods that the route has, for `Allow`.
    pub allow: Option<&'static str>,
}

impl ApiError {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Map::new(),
            retry_after: None,
            provider: None,
            request_id: None,
            allow: None,
        }
    }

    fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The error for a malformed `field` of the request; `problem` completes the sentence "`field`
    /// ...".
    pub fn invalid(field: &str, problem: impl std::fmt::Display) -> Self {
        let message = format!("{field} {problem}");
        Self::new(Code::InvalidRequest, message).detail("field", field)
    }

    /// The error for a `field` that has two values.
    pub fn said_twice(field: &str) -> Self {
        Self::invalid(field, "is there twice")
    }

    /// The error for a body that cannot be read at all; `problem` completes the sentence "The body
    /// ...".
    pub fn invalid_body(problem: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidRequest, format!("The body {problem}")).detail("field", "body")
    }

    /// The error for an absent `field`; `what` says what belongs there.
    pub fn missing(field: &str, what: impl std::fmt::Display) -> Self {
        Self::new(
            Code::MissingParameter,
            format!("{field} is missing: {what}"),
        )
        .detail("field", field)
    }

    /// The error for item `index` of `list`, or the only one, that is not an ISBN.
    pub fn invalid_isbn(field: &str, index: Option<usize>, problem: books::IsbnError) -> Self {
        let place = index.map_or_else(|| field.to_owned(), |index| format!("{field}[{index}]"));
        let error =
            Self::new(Code::InvalidIsbn, format!("{place}: {problem}")).detail("field", place);
        match index {
            Some(index) => error.detail("index", index),
            None => error,
        }
    }

    /// The error for a `field` without items.
    pub fn empty_batch(field: &str) -> Self {
        Self::new(
            Code::EmptyBatch,
            format!("{field} is empty: send at least one"),
        )
        .detail("field", field)
    }

    /// The error for a `field` with `count` items, more than `limit`.
    pub fn batch_too_large(field: &str, count: usize, limit: usize) -> Self {
        Self::new(
            Code::BatchTooLarge,
            format!(
                "{field} has {count} items, at most {limit} are allowed: send several requests"
            ),
        )
        .detail("field", field)
        .detail("count", count)
        .detail("limit", limit)
    }

    /// The error for a token that is missing, wrong, expired, or another job's: which of these is
    /// not told.
    pub fn unauthorized() -> Self {
        Self::new(
            Code::Unauthorized,
            "The token is missing, wrong or expired: send the authToken that the creation of this job answered with",
        )
    }

    /// The error for an operator's token that is missing or wrong.
    pub fn not_the_operator() -> Self {
        Self::new(
            Code::Unauthorized,
            "The operator's token is missing or wrong: send it as Authorization: Bearer",
        )
    }

    /// The error for a page whose origin may not connect.
    pub fn forbidden_origin() -> Self {
        Self::new(
            Code::Forbidden,
            "Pages of this origin may not connect: it is not on the server's list of origins",
        )
    }

    /// The error for a job that does not exist, or no more.
    pub fn no_such_job(id: &JobId) -> Self {
        Self::new(
            Code::NotFound,
            "No job with this id, or its results have expired",
        )
        .detail("jobId", id.as_str())
    }

    /// The error for a route that does not exist.
    pub fn no_such_route() -> Self {
        Self::new(
            Code::NotFound,
            "There is nothing at this address: see /openapi.json for the routes",
        )
    }

    /// The error for a book that no provider knows.
    pub fn no_such_book(isbn: books::Isbn) -> Self {
        Self::new(Code::NotFound, "No provider knows a book with this ISBN")
            .detail("isbn", isbn.to_string())
    }

    /// The error for a route that has other methods: `allow`, comma-separated.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let mut error = Self::new(
            Code::MethodNotAllowed,
            format!("This address has other methods: {allow}"),
        );
        error.allow = Some(allow);
        error
    }

    /// The error for a jobId of the client that names another job.
    pub fn job_exists(id: &JobId) -> Self {
        Self::new(
            Code::JobExists,
            "There is another job with this jobId: choose a new one",
        )
        .detail("jobId", id.as_str())
    }

    /// The error for an `Idempotency-Key` that was used for another content.
    pub fn idempotency_key_reused() -> Self {
        Self::new(
            Code::IdempotencyKeyReused,
            "This Idempotency-Key was used for a request with another content: send each request with a key of its own",
        )
    }

    /// The error for results of a job that has not ended.
    pub fn not_ready(id: &JobId, retry_after: Duration) -> Self {
        Self::new(
            Code::NotReady,
            "The job has not ended yet: follow its status, then ask again",
        )
        .detail("jobId", id.as_str())
        .after(retry_after)
    }

    /// The error for the cancellation of a job that has ended before, with this status.
    pub fn job_ended(id: &JobId, status: &str) -> Self {
        Self::new(
            Code::JobEnded,
            format!("The job had ended before, {status}: there is nothing to cancel"),
        )
        .detail("jobId", id.as_str())
        .detail("status", status)
    }

    /// The error for a retry of a job that has nothing of what is to be tried again: it says what
    /// can be done instead.
    pub fn nothing_to_retry(id: &JobId, remedy: Remedy) -> Self {
        let message = if !remedy.photos.is_empty() {
            "There is no book to try again: send the photos that could not be looked at in a new scan"
        } else if remedy.file.is_some() {
            "There is no book to try again, because nothing of the file was read: send the file again"
        } else if remedy.unaskable > 0 {
            "There is nothing that may succeed now: the books that were not looked up have titles \
             that say too little without an author; download them with only=failed, add what is \
             missing, and import the file"
        } else {
            "There is nothing to try again: no book of this job has such an outcome"
        };
        let mut error = Self::new(Code::EmptyBatch, message).detail("jobId", id.as_str());
        if !remedy.photos.is_empty() {
            error = error.detail("photosToSend", remedy.photos);
        }
        if let Some(name) = remedy.file {
            error = error.detail("fileToSend", name);
        }
        if remedy.unaskable > 0 {
            error = error.detail("booksToMend", remedy.unaskable);
        }
        error
    }

    /// The error for a number that no book of the job has.
    pub fn no_such_index(id: &JobId, index: u32) -> Self {
        Self::new(Code::NotFound, "This job has no book of this number")
            .detail("jobId", id.as_str())
            .detail("index", index)
    }

    /// The error for a chosen book that no provider knows.
    pub fn nothing_to_choose() -> Self {
        let message = "No provider knows such a book, so nothing was changed: choose another one";
        Self::new(Code::NotFound, message)
    }

    /// The error for a title alone that too many books may have.
    pub fn title_too_short() -> Self {
        Self::missing("author", "this title alone may be many books'")
    }

    /// The error for a choice beyond the largest number of books that can be chosen for a job.
    pub fn too_many_choices(limit: usize) -> Self {
        Self::new(
            Code::BatchTooLarge,
            format!(
                "At most about {limit} books of one job can be chosen: mend the others in a file"
            ),
        )
        .detail("limit", limit)
    }

    /// The error for a retry of a job that is being tried again already, or was, with other
    /// outcomes: by `other`.
    pub fn tried_again(other: &JobId) -> Self {
        Self::new(
            Code::JobExists,
            "This job was tried again before, and not for the same: try that job again instead",
        )
        .detail("jobId", other.as_str())
    }

    /// The error for `what` ("The file", "Photo 2", "The body") over `limit` bytes.
    pub fn too_large(what: &str, limit: usize) -> Self {
        Self::new(
            Code::FileTooLarge,
            match limit >> 20 {
                0 => format!(
                    "{what} is too large: at most {} kB are allowed",
                    limit >> 10
                ),
                mb => format!("{what} is too large: at most {mb} MB are allowed"),
            },
        )
        .detail("maxBytes", limit)
    }

    /// The error for an image of more pixels than are decoded; `message` says so.
    pub fn too_many_pixels(message: impl Into<String>) -> Self {
        Self::new(Code::FileTooLarge, message)
    }

    /// The error for a body of another type than the route takes; `message` says which it takes.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(Code::UnsupportedMediaType, message)
    }

    /// The error for a page's request to an address that speaks WebSocket only.
    pub fn upgrade_required() -> Self {
        Self::new(
            Code::UpgradeRequired,
            "This address speaks WebSocket: connect through the edge, which passes sockets on to it",
        )
    }

    /// The error when too many jobs of one address are under way.
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(
            Code::RateLimitExceeded,
            "Too many jobs of this address are under way: wait for one to end",
        )
        .after(retry_after)
    }

    /// The error for a bug; the log has a line with `request_id` that says which.
    pub fn internal(request_id: impl Into<Box<str>>) -> Self {
        let mut error = Self::new(
            Code::InternalError,
            "Something went wrong on our side: try again, and report metadata.requestId if it persists",
        );
        error.request_id = Some(request_id.into());
        error
    }

    /// The error when no provider gave an answer, and one failed.
    pub fn provider_failed() -> Self {
        Self::new(
            Code::ApiError,
            "The metadata providers failed: try again later",
        )
    }

    /// The error when no provider answered in time.
    pub fn provider_timed_out() -> Self {
        Self::new(
            Code::NetworkError,
            "The metadata providers did not answer in time: try again later",
        )
    }

    /// The error when `provider` failed so often that its circuit breaker is open.
    pub fn circuit_open(provider: &'static str, retry_after: Duration) -> Self {
        let mut error = Self::new(
            Code::CircuitOpen,
            format!("{provider} is not available at the moment: try again later"),
        )
        .after(retry_after);
        error.provider = Some(provider);
        error
    }

    /// The error when the store fails.
    pub fn store_unavailable(retry_after: Duration) -> Self {
        Self::new(
            Code::ServiceBusy,
            "The server's storage does not answer at the moment: try again shortly",
        )
        .after(retry_after)
    }

    /// The error when there is no capacity for another job now.
    pub fn busy(retry_after: Duration) -> Self {
        Self::new(
            Code::ServiceBusy,
            "The server has no room for another job now: try again later",
        )
        .after(retry_after)
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// `Allow`, `Retry-After` and `Upgrade`, where they belong.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(seconds) = self.retry_seconds() {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.code == Code::UpgradeRequired {
            headers.insert(http::header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        headers
    }

    /// Time to wait before the request is sent again, in seconds, rounded up so that no client
    /// comes too early.
    fn retry_seconds(&self) -> Option<u64> {
        self.retry_after
            .map(|wait| u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
    }

    /// Time to wait before the request is sent again, in ms.
    pub(crate) fn retry_millis(&self) -> Option<u64> {
        self.retry_after
            .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
    }

    /// The facts, with what apps in the field look up there: when to try again, and who failed.
    pub(crate) fn client_details(&self) -> Map<String, Value> {
        let mut details = self.details.clone();
        let mut tell = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                details.insert(name.to_owned(), value);
            }
        };
        tell("retryAfter", self.retry_seconds().map(Value::from));
        tell("retryAfterMs", self.retry_millis().map(Value::from));
        tell("provider", self.provider.map(Value::from));
        details
    }

    /// The body of the response that is made at `at`.
    pub fn body(&self, at: Time) -> Vec<u8> {
        json(&Failed {
            success: false,
            data: (),
            error: Error {
                code: self.code,
                message: &self.message,
                retryable: self.code.retryable(),
                retry_after: self
                    .retry_seconds()
                    .filter(|_| self.code != Code::CircuitOpen),
                provider: self.provider,
                retry_after_ms: self
                    .retry_millis()
                    .filter(|_| self.code == Code::CircuitOpen),
                details: self.client_details(),
            },
            metadata: Metadata {
                timestamp: Iso(at),
                request_id: self.request_id.as_deref(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: &ApiError) -> Value {
        serde_json::from_slice(&error.body(Time(0))).unwrap()
    }

    #[test]
    fn every_code_has_the_contracts_status() {
        let table = Code::ALL.map(|code| {
            let name = serde_json::to_value(code).unwrap();
            assert_eq!(name, code.name());
            format!("{} {}", code.status().as_u16(), code.name())
        });
        assert_eq!(
            table.join("\n"),
            "400 INVALID_REQUEST\n400 MISSING_PARAMETER\n400 INVALID_ISBN\n400 EMPTY_BATCH\n\
             400 BATCH_TOO_LARGE\n401 UNAUTHORIZED\n403 FORBIDDEN\n404 NOT_FOUND\n\
             405 METHOD_NOT_ALLOWED\n409 JOB_EXISTS\n422 IDEMPOTENCY_KEY_REUSED\n409 NOT_READY\n409 JOB_ENDED\n413 FILE_TOO_LARGE\n\
             415 UNSUPPORTED_MEDIA_TYPE\n426 UPGRADE_REQUIRED\n429 RATE_LIMIT_EXCEEDED\n\
             500 INTERNAL_ERROR\n502 API_ERROR\n504 NETWORK_ERROR\n503 CIRCUIT_OPEN\n\
             503 SERVICE_BUSY"
        );
    }

    #[test]
    fn waits_are_told_in_seconds_rounded_up() {
        let error = ApiError::rate_limited(Duration::from_millis(1_001));
        assert_eq!(error.headers()[RETRY_AFTER], "2");
        assert_eq!(body(&error)["error"]["retryAfter"], 2);
        assert_eq!(body(&error)["error"]["retryable"], true);
    }

    #[test]
    fn an_open_circuit_names_its_provider() {
        let error = ApiError::circuit_open("openlibrary", Duration::from_millis(1_500));
        let body = body(&error);
        assert_eq!(body["error"]["provider"], "openlibrary");
        assert_eq!(body["error"]["retryAfterMs"], 1_500);
        assert_eq!(error.headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn methods_and_request_ids_are_told() {
        assert_eq!(ApiError::method_not_allowed("GET").headers()[ALLOW], "GET");
        let error = ApiError::internal("r-1");
        assert_eq!(body(&error)["metadata"]["requestId"], "r-1");
        assert!(error.headers().is_empty());
    }
}
