//! Why a job, or a photo of one, failed.

use serde::{Deserialize, Serialize};

/// Stable, machine-readable reasons for which jobs fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The file has no data rows.
    ECsvEmpty,
    /// The file is not a list of books.
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
    /// Stopped by a client.
    ECanceled,
    /// The job made no progress: no worker could be started.
    ETimeout,
    /// A bug of the application, or damage to its store.
    EInternal,
}

/// The reason why a job failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The code, for programs.
    pub code: FailureCode,
    /// A technical message.
    pub message: String,
    /// A sentence that a reader of books understands.
    pub user_message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Further facts, by name; no value is null.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl Failure {
    /// A failure without details.
    #[must_use]
    pub fn new(
        code: FailureCode,
        message: impl Into<String>,
        user_message: impl Into<String>,
        retryable: bool,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            user_message: user_message.into(),
            retryable,
            details: serde_json::Map::new(),
        }
    }

    /// Adds one more fact to the details of the failure.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// A failure for which the application is to blame.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(
            FailureCode::EInternal,
            message,
            "Something went wrong on our side. Please try again.",
            true,
        )
    }
}
