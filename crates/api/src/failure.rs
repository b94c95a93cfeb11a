//! Failures of jobs, as clients read them.

use serde::Serialize;
use serde_json::{Map, Value};

/// Stable, machine-readable reasons for which jobs fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The file has no data rows.
    ECsvEmpty,
    /// The file is not a list of books; `details.row` says where, the header is row 1.
    ECsvParseFailed,
    /// The file has more rows than the limit.
    ECsvTooManyRows,
    /// No book in the file or on the photos.
    ENoBooksFound,
    /// A photo cannot be decoded.
    EImageInvalid,
    /// No vision provider is configured, and no photo has a barcode.
    EVisionNotConfigured,
    /// The vision provider refused or answered nonsense.
    EVisionFailed,
    /// Gemini did not answer in time.
    EGeminiTimeout,
    /// A vision provider other than Gemini did not answer in time.
    EVisionTimeout,
    /// The look-ups could not be done.
    EEnrichmentFailed,
    /// A client stopped the job.
    ECanceled,
    /// The job made no progress, and no worker could be started.
    ETimeout,
    /// A bug of the application, or damage to its store.
    EInternal,
}

impl From<job::FailureCode> for FailureCode {
    fn from(code: job::FailureCode) -> Self {
        use job::FailureCode as Code;
        match code {
            Code::ECsvEmpty => Self::ECsvEmpty,
            Code::ECsvParseFailed => Self::ECsvParseFailed,
            Code::ECsvTooManyRows => Self::ECsvTooManyRows,
            Code::ENoBooksFound => Self::ENoBooksFound,
            Code::EImageInvalid => Self::EImageInvalid,
            Code::EVisionNotConfigured => Self::EVisionNotConfigured,
            Code::EVisionFailed => Self::EVisionFailed,
            Code::EGeminiTimeout => Self::EGeminiTimeout,
            Code::EVisionTimeout => Self::EVisionTimeout,
            Code::EEnrichmentFailed => Self::EEnrichmentFailed,
            Code::ECanceled => Self::ECanceled,
            Code::ETimeout => Self::ETimeout,
            Code::EInternal => Self::EInternal,
        }
    }
}

/// The reason why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Failure<'a> {
    /// The code, for programs.
    pub code: FailureCode,
    /// Technical message.
    pub message: &'a str,
    /// A sentence that a reader of books understands.
    pub user_message: &'a str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Facts, by name; no value is null.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: &'a Map<String, Value>,
}

impl<'a> From<&'a job::Failure> for Failure<'a> {
    fn from(failure: &'a job::Failure) -> Self {
        Self {
            code: failure.code.into(),
            message: &failure.message,
            user_message: &failure.user_message,
            retryable: failure.retryable,
            details: &failure.details,
        }
    }
}
