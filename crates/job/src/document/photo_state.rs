//! How far the analysis of each photo of a scan is.

use serde::{Deserialize, Serialize};

use super::absent::is_default;
use super::failure::FailureCode;
use super::part::Part;

/// The state of a photo's analysis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoStatus {
    /// Not analysed to the end yet.
    #[default]
    Pending,
    /// Analysed.
    Complete,
    /// Could not be analysed.
    Failed,
}

/// The next step of a photo whose analysis has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoStep {
    /// Look for barcodes, and ask a vision model.
    #[default]
    Look,
    /// Read the lettering on the spines.
    Read,
    /// Look up which books the lettering names.
    Identify,
}

/// One photo of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoState {
    /// The state of its analysis.
    pub status: PhotoStatus,
    /// The next step, while the analysis is pending.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: PhotoStep,
    /// Progress of the step, in percent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub done: u8,
    /// Number of attempts at the step, the current one included; a run that survives an attempt
    /// ends it.
    pub attempts: u8,
    /// Number of books found on the photo.
    pub found: u32,
    /// The value that holds what was found on the photo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The reason why the analysis failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<FailureCode>,
    /// Whether the model named only some of the books on the photo.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl PhotoState {
    /// The state of a photo whose analysis failed for this reason.
    pub(crate) fn failed(code: FailureCode) -> Self {
        Self {
            status: PhotoStatus::Failed,
            code: Some(code),
            ..Self::default()
        }
    }

    /// Progress of the photo's analysis, 0 to 1.
    pub(super) fn progress(&self) -> f64 {
        match (self.status, self.step) {
            (PhotoStatus::Complete | PhotoStatus::Failed, _) => 1.0,
            (PhotoStatus::Pending, PhotoStep::Look) => 0.0,
            (PhotoStatus::Pending, PhotoStep::Read) => 0.8 * f64::from(self.done.min(100)) / 100.0,
            (PhotoStatus::Pending, PhotoStep::Identify) => 0.8,
        }
    }
}

/// The totals of a scan's photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanCounts {
    /// Number of books found on all photos, before those found twice were merged.
    pub detected: u32,
    /// Number of books whose confidence is good enough not to be reviewed.
    pub approved: u32,
    /// The confidence from which on a book need not be reviewed, as configured at that time.
    #[serde(default)]
    pub threshold: f32,
}
