//! The server's features and limits: `GET /api/v2/capabilities` and `GET /health`.

use job::{Settings, millis};
use serde::Serialize;

use crate::book::Provider;
use crate::request::MAX_IDEMPOTENCY_KEY;
use crate::scan::short;
use crate::status::POLL;

/// `data` of `GET /api/v2/capabilities`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Capabilities {
    /// Version of the application.
    pub version: &'static str,
    /// The configured features.
    pub features: Features,
    /// The limits that are enforced.
    pub limits: Enforced,
}

/// The configured features.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// The sources of metadata.
    pub metadata_providers: Vec<Provider>,
    /// The vision providers, by their names in `X-AI-Provider`; `barcode` is built in, and `spines`
    /// reads the text on spines without asking anybody.
    pub vision_providers: Vec<&'static str>,
    /// The ways in which progress can be followed.
    pub transports: Vec<Transport>,
    /// Whether scans can keep the photos that could not be looked at, for a retry: always true.
    pub keep_failed_photos: bool,
    /// Whether providers are local stand-ins with made-up data.
    pub sandbox: bool,
}

/// A way in which progress can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// `GET .../stream`.
    Sse,
    /// `GET /api/v2/imports/{jobId}`.
    Polling,
    /// `GET /ws/progress`, behind an edge.
    Websocket,
}

/// Limits on what clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Largest size of a CSV file, in bytes.
    pub max_csv_bytes: usize,
    /// Largest number of data rows of a CSV file.
    pub max_csv_rows: usize,
    /// Largest number of items of an enrichment request.
    pub max_batch_items: usize,
    /// Longest title in an enrichment request, in characters.
    pub max_title_chars: usize,
    /// Longest author in an enrichment request, in characters.
    pub max_author_chars: usize,
    /// Longest ISBN in an enrichment request, in characters, hyphens included.
    pub max_isbn_chars: usize,
    /// Largest number of photos of one scan.
    pub max_photos: usize,
    /// Largest size of one photo, in bytes.
    pub max_photo_bytes: usize,
    /// Largest number of pixels of one photo, in millions.
    pub max_photo_megapixels: u32,
    /// Largest size of a request's body, in bytes.
    pub max_body_bytes: usize,
    /// Largest size of a JSON request, in bytes.
    pub max_json_bytes: usize,
    /// Largest number of jobs of one client address that are under way at the same time, about; 0:
    /// any number.
    pub max_jobs_per_client: usize,
}

impl From<&job::Limits> for Limits {
    fn from(limits: &job::Limits) -> Self {
        Self {
            max_csv_bytes: limits.max_csv_bytes,
            max_csv_rows: limits.max_csv_rows,
            max_batch_items: limits.max_batch_items,
            max_title_chars: limits.max_title_chars,
            max_author_chars: limits.max_author_chars,
            max_isbn_chars: limits.max_isbn_chars,
            max_photos: limits.max_photos,
            max_photo_bytes: limits.max_photo_bytes,
            max_photo_megapixels: limits.max_photo_megapixels,
            max_body_bytes: limits.max_body_bytes,
            max_json_bytes: limits.max_json_bytes,
            max_jobs_per_client: limits.max_jobs_per_client,
        }
    }
}

/// The limits and durations that are enforced.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Enforced {
    /// Limits on what clients send.
    #[serde(flatten)]
    pub limits: Limits,
    /// Longest `Idempotency-Key`, in characters.
    pub max_idempotency_key_chars: usize,
    /// Time for which results are kept, in ms.
    pub retention_ms: u64,
    /// Lifetime of a token, in ms.
    pub token_life_ms: u64,
    /// Time without progress after which a job is given up, in ms.
    pub stall_ms: u64,
    /// Longest silence of a stream, in ms.
    pub heartbeat_ms: u64,
    /// Longest duration of a response to a stream, in ms; absent: until the job is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_budget_ms: Option<u64>,
    /// Recommended interval of polls, in ms.
    pub poll_ms: u64,
    /// Number of books whose provider records are remembered, so that a library that is imported
    /// again asks nobody; 0: none, as where keys or writes are scarce.
    pub remembered_books: usize,
    /// Confidence, 0 to 1, below which a detected book is to be reviewed.
    pub confidence_threshold: f64,
}

impl Capabilities {
    /// Reports what a server with these settings enforces.
    pub fn of(
        version: &'static str,
        features: Features,
        settings: &Settings,
        confidence_threshold: f32,
    ) -> Self {
        Self {
            version,
            features,
            limits: Enforced {
                limits: Limits::from(&settings.limits),
                max_idempotency_key_chars: MAX_IDEMPOTENCY_KEY,
                retention_ms: millis(settings.retention),
                token_life_ms: millis(settings.token_life),
                stall_ms: millis(settings.stall),
                heartbeat_ms: millis(settings.heartbeat),
                stream_budget_ms: settings.stream_budget.map(millis),
                poll_ms: millis(POLL),
                remembered_books: settings.remembered_books(),
                confidence_threshold: short(confidence_threshold),
            },
        }
    }
}

/// `data` of `GET /health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// Always `ok`: a server that responds is alive.
    pub status: &'static str,
    /// Version of the application.
    pub version: &'static str,
}

impl Health {
    /// Reports that the server is alive.
    pub fn of(version: &'static str) -> Self {
        Self {
            status: "ok",
            version,
        }
    }
}
