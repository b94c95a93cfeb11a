//! The server's features and limits, as V3 clients ask for them.

use serde::Serialize;

use crate::capabilities::{Capabilities as Own, Enforced, Features as OwnFeatures};

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
    /// Search by meaning: no.
    pub semantic_search: bool,
    /// Books like a book: no.
    pub similar_books: bool,
    /// Recommendations: no.
    pub weekly_recommendations: bool,
    /// Event streams.
    pub sse_streaming: bool,
    /// Enrichment of many books.
    pub batch_enrichment: bool,
    /// Imports of CSV files.
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
    /// Searches by meaning a minute: there are none.
    pub semantic_search_rpm: u32,
    /// Searches a minute, all clients together: as often as Open Library may be asked.
    pub text_search_rpm: u32,
    /// Data rows of a CSV file.
    pub csv_max_rows: usize,
    /// Photos of one scan.
    pub batch_max_photos: usize,
    /// Every other limit.
    #[serde(flatten)]
    pub own: &'a Enforced,
}

impl<'a> Capabilities<'a> {
    /// The capabilities of a server that may ask Open Library so often a minute.
    pub fn of(own: &'a Own, text_search_rpm: u32) -> Self {
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
