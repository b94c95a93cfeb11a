//! The codes of errors.

use http::StatusCode;
use serde::Serialize;

/// Stable, machine-readable reasons for which requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(test, schemars(rename = "ErrorCode"))]
pub enum Code {
    /// Body or parameter malformed; details name the field.
    InvalidRequest,
    /// A required field or file is absent.
    MissingParameter,
    /// An ISBN with bad length, characters or check digit, where a request consists of ISBNs.
    InvalidIsbn,
    /// The batch has no items.
    EmptyBatch,
    /// More items than the limit.
    BatchTooLarge,
    /// The token is missing, wrong, expired, or another job's.
    Unauthorized,
    /// The page's origin may not connect.
    Forbidden,
    /// No such job, or it has expired; or no such route.
    NotFound,
    /// The route has other methods.
    MethodNotAllowed,
    /// The client's jobId names another job.
    JobExists,
    /// The `Idempotency-Key` was used for another content.
    IdempotencyKeyReused,
    /// The results were asked for before the job ended.
    NotReady,
    /// The job to be canceled has ended already.
    JobEnded,
    /// File, photo or body over its limit.
    FileTooLarge,
    /// Neither a CSV file nor an image that can be decoded.
    UnsupportedMediaType,
    /// The address speaks WebSocket only, and was asked for as a page.
    UpgradeRequired,
    /// Too many requests of one address.
    RateLimitExceeded,
    /// A bug of the application.
    InternalError,
    /// A provider failed in a synchronous call.
    ApiError,
    /// A provider timed out in a synchronous call.
    NetworkError,
    /// A provider's breaker is open in a synchronous call.
    CircuitOpen,
    /// An admission limit is reached.
    ServiceBusy,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 22] = [
        Self::InvalidRequest,
        Self::MissingParameter,
        Self::InvalidIsbn,
        Self::EmptyBatch,
        Self::BatchTooLarge,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::JobExists,
        Self::IdempotencyKeyReused,
        Self::NotReady,
        Self::JobEnded,
        Self::FileTooLarge,
        Self::UnsupportedMediaType,
        Self::UpgradeRequired,
        Self::RateLimitExceeded,
        Self::InternalError,
        Self::ApiError,
        Self::NetworkError,
        Self::CircuitOpen,
        Self::ServiceBusy,
    ];

    /// The HTTP status of the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest
            | Self::MissingParameter
            | Self::InvalidIsbn
            | Self::EmptyBatch
            | Self::BatchTooLarge => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::JobExists | Self::NotReady | Self::JobEnded => StatusCode::CONFLICT,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::FileTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::RateLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ApiError => StatusCode::BAD_GATEWAY,
            Self::NetworkError => StatusCode::GATEWAY_TIMEOUT,
            Self::CircuitOpen | Self::ServiceBusy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The name that clients read.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::MissingParameter => "MISSING_PARAMETER",
            Self::InvalidIsbn => "INVALID_ISBN",
            Self::EmptyBatch => "EMPTY_BATCH",
            Self::BatchTooLarge => "BATCH_TOO_LARGE",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::JobExists => "JOB_EXISTS",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::NotReady => "NOT_READY",
            Self::JobEnded => "JOB_ENDED",
            Self::FileTooLarge => "FILE_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::UpgradeRequired => "UPGRADE_REQUIRED",
            Self::RateLimitExceeded => "RATE_LIMIT_EXCEEDED",
            Self::InternalError => "INTERNAL_ERROR",
            Self::ApiError => "API_ERROR",
            Self::NetworkError => "NETWORK_ERROR",
            Self::CircuitOpen => "CIRCUIT_OPEN",
            Self::ServiceBusy => "SERVICE_BUSY",
        }
    }

    /// Whether the same request may succeed later.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::NotReady
                | Self::RateLimitExceeded
                | Self::InternalError
                | Self::ApiError
                | Self::NetworkError
                | Self::CircuitOpen
                | Self::ServiceBusy
        )
    }
}
