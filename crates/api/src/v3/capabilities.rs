//! The server's features and limits, as V3 clients ask for them.

use serde::Serialize;

use crate::capabilities::{Capabilities as OwnCapabilities, Enforced, Features as OwnFeatures};

/// The body of `GET /v3/capabilities`: no envelope. Also beside `data` in the answer of
/// `GET /api/v2/capabilities`, where clients of that generation read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "V3Capabilities"))]
pub struct Capabilities<'a> {
    /// The features that are available.
    pub features: Features<'a>,
    /// The limits that are enforced.
    pub limits: Limits<'a>,
    /// Version of the application.
    pub version: &'static str,
}

/// The features that are available, under the names that the SDK knows, and everything else that is
/// configured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "V3Features"))]
pub struct Features<'a> {
    /// Whether books can be searched by meaning: always false.
    pub semantic_search: bool,
    /// Whether similar books can be asked for: always false.
    pub similar_books: bool,
    /// Whether there are recommendations: always false.
    pub weekly_recommendations: bool,
    /// Whether there are event streams.
    pub sse_streaming: bool,
    /// Whether many books can be enriched in a job.
    pub batch_enrichment: bool,
    /// Whether CSV files can be imported.
    pub csv_import: bool,
    /// The configured features.
    #[serde(flatten)]
    pub own: &'a OwnFeatures,
}

/// The limits that are enforced, under the names that the SDK knows, and every other limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "V3Limits"))]
pub struct Limits<'a> {
    /// Number of searches by meaning a minute: always 0.
    pub semantic_search_rpm: u32,
    /// Number of searches a minute of all clients together: as many as Open Library may be asked.
    pub text_search_rpm: u32,
    /// Largest number of data rows of a CSV file.
    pub csv_max_rows: usize,
    /// Largest number of photos of one scan.
    pub batch_max_photos: usize,
    /// Every other limit.
    #[serde(flatten)]
    pub own: &'a Enforced,
}

impl<'a> Capabilities<'a> {
    /// The capabilities of a server that may ask Open Library so often a minute.
    pub fn of(own: &'a OwnCapabilities, text_search_rpm: u32) -> Self {
        Self {
            features: Features {
                semantic_search: false,
                similar_books: false,
                weekly_recommendations: false,
                sse_streaming: true,
                batch_enrichment: true,
                csv_import: true,
                own: &own.features,
            },
            limits: Limits {
                semantic_search_rpm: 0,
                text_search_rpm,
                csv_max_rows: own.limits.limits.max_csv_rows,
                batch_max_photos: own.limits.limits.max_photos,
                own: &own.limits,
            },
            version: own.version,
        }
    }
}
