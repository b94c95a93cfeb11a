//! The kinds of files that routes take, and the types and parts under which clients send them.

use crate::error::ApiError;

/// The media types of workbooks.
const WORKBOOKS: [&str; 2] = [
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.spreadsheet",
];

/// The kind of files that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One library: part `file` and perhaps part `mapping`, or a body of CSV or a workbook.
    Csv,
    /// Photos: parts `photos`, `photos[]`, `photo`, `image` or `file`, and perhaps part
    /// `keepFailedPhotos`, or an `image/*` body.
    Photos,
}

impl Kind {
    pub(super) fn takes_field(self, name: &str) -> bool {
        match self {
            Self::Csv => name == "file",
            Self::Photos => {
                matches!(name, "photos" | "photos[]" | "photo" | "image" | "file")
            }
        }
    }

    /// Whether a file part may have this media type; its content decides.
    pub(super) fn takes_part_type(self, essence: &str) -> bool {
        match self {
            Self::Csv => {
                essence.starts_with("text/")
                    || WORKBOOKS.contains(&essence)
                    || matches!(
                        essence,
                        "application/vnd.ms-excel"
                            | "application/octet-stream"
                            | "application/csv"
                            | "application/json"
                            | "application/x-ndjson"
                    )
            }
            Self::Photos => essence.starts_with("image/") || essence == "application/octet-stream",
        }
    }

    pub(super) fn takes_body_type(self, essence: &str) -> bool {
        match self {
            // What clients say of a file that they do not know; its content decides.
            Self::Csv => {
                WORKBOOKS.contains(&essence)
                    || matches!(
                        essence,
                        "text/csv"
                            | "text/plain"
                            | "text/tab-separated-values"
                            | "application/csv"
                            | "application/octet-stream"
                            | "application/vnd.ms-excel"
                            | "application/x-ndjson"
                    )
            }
            Self::Photos => essence.starts_with("image/") || essence == "application/octet-stream",
        }
    }

    pub(super) fn unsupported(self) -> ApiError {
        ApiError::unsupported_media_type(match self {
            Self::Csv => {
                "Send the library (CSV, JSON, .xlsx or .ods) as multipart/form-data, part \"file\", or as a body of its type"
            }
            Self::Photos => {
                "Send JPEG, PNG or WebP photos as multipart/form-data, parts \"photos\", or one as an image/* body"
            }
        })
    }

    pub(super) fn missing(self) -> ApiError {
        match self {
            Self::Csv => ApiError::missing("file", "send the CSV file as the part \"file\""),
            Self::Photos => ApiError::missing("photos", "send 1 to 5 photos as parts \"photos\""),
        }
    }
}
