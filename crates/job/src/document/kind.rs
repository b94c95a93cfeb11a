//! What a job is, and how far it is.

use serde::{Deserialize, Serialize};

/// The kind of request that created a job. The names are stored, and part of what an
/// `Idempotency-Key` is derived with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MadeBy {
    /// `POST /api/v2/imports`
    Imports,
    /// `POST /api/import/csv-gemini`, of the first apps.
    CsvGemini,
    /// `POST /api/batch-scan`
    BatchScan,
    /// `POST /scan`, of the first app.
    Scan,
    /// `POST /scan` without a name for the job, of the very first app.
    #[serde(rename = "scan-unnamed")]
    UnnamedScan,
    /// `POST /api/scan-bookshelf`
    ScanBookshelf,
    /// `POST /api/scan-bookshelf/batch`
    ScanBookshelfBatch,
    /// `POST /api/batch-enrich`
    BatchEnrich,
    /// `POST /api/enrichment/start`, of the first apps.
    EnrichmentStart,
    /// `POST /api/enrichment/batch`, of the first apps.
    EnrichmentBatch,
    /// `POST /v3/jobs/imports`
    V3Imports,
    /// `POST /v3/jobs/scans`
    V3Scans,
    /// `POST /v3/jobs/enrichment`
    V3Enrichment,
    /// A kind of request that this version does not know.
    #[serde(other)]
    Other,
}

impl MadeBy {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imports => "imports",
            Self::CsvGemini => "csv-gemini",
            Self::BatchScan => "batch-scan",
            Self::Scan => "scan",
            Self::UnnamedScan => "scan-unnamed",
            Self::ScanBookshelf => "scan-bookshelf",
            Self::ScanBookshelfBatch => "scan-bookshelf-batch",
            Self::BatchEnrich => "batch-enrich",
            Self::EnrichmentStart => "enrichment-start",
            Self::EnrichmentBatch => "enrichment-batch",
            Self::V3Imports => "v3-imports",
            Self::V3Scans => "v3-scans",
            Self::V3Enrichment => "v3-enrichment",
            Self::Other => "other",
        }
    }
}

/// The kind of a job, which decides its stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pipeline {
    /// Read a CSV file, look its books up.
    CsvImport,
    /// Look at photos, look up the books seen on them.
    AiScan,
    /// Look up the books of a request.
    BatchEnrichment,
}

impl Pipeline {
    /// The name that clients and the store read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CsvImport => "csv_import",
            Self::AiScan => "ai_scan",
            Self::BatchEnrichment => "batch_enrichment",
        }
    }

    /// The stages that a job of this kind goes through, in order.
    #[must_use]
    pub fn stages(self) -> &'static [Stage] {
        match self {
            Self::CsvImport | Self::AiScan => &[Stage::Analyzing, Stage::Enriching],
            Self::BatchEnrichment => &[Stage::Enriching],
        }
    }

    /// The stage that the first run of an accepted job does.
    #[must_use]
    pub fn first_stage(self) -> Stage {
        self.stages()[0]
    }
}

/// The stage a job is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The job's upload is being received: the job is not accepted yet.
    Receiving,
    /// Accepted; no run has begun.
    Queued,
    /// The file is being read, or the photos looked at.
    Analyzing,
    /// Books are being looked up.
    Enriching,
    /// Done: every item is final.
    Complete,
    /// Failed: [`Root::failure`] says why.
    Error,
    /// Canceled by a client.
    Canceled,
}

impl Stage {
    /// Whether this is an outcome: nothing follows it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::Error | Self::Canceled)
    }
}

/// The component that does a part of a job's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// Reads files, looks at photos.
    Scan,
    /// Reads the lettering on spines.
    Reader,
    /// Looks books up.
    Enrichment,
}
