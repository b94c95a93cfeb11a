//! Values of the store as a root names them: the parts of a job, and the files that were uploaded.

use std::ops::Range;
use std::time::Duration;

use books::Mapping;
use serde::{Deserialize, Serialize};

use super::absent::is_default;

/// An immutable value that belongs to the job, as the root names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The key of the value.
    pub key: String,
    /// Number of items in the value.
    pub count: u32,
    /// The size of the value in bytes.
    pub bytes: u32,
}

/// An uploaded file, in chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The prefix of the keys of the file's chunks: [`crate::keys::upload`].
    pub key: String,
    /// The client's name for the file; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Number of chunks in the store.
    pub chunks: u32,
    /// Bytes in all.
    pub bytes: u64,
    /// Estimated time to decode or read the file, in milliseconds; 0 when it is not known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub takes_ms: u32,
    /// The meanings of a library's columns that the client states.
    #[serde(default, skip_serializing_if = "Mapping::is_empty")]
    pub mapping: Mapping,
}

impl Upload {
    /// The key of chunk `chunk`.
    #[must_use]
    pub fn chunk(&self, chunk: u32) -> String {
        format!("{}.{chunk}", self.key)
    }

    /// Estimated time to decode or read the file; 0 when it is not known.
    pub(crate) fn takes(&self) -> Duration {
        Duration::from_millis(self.takes_ms.into())
    }
}

/// The files that a client sent to create the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// Name of the first file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Number of files.
    #[serde(default)]
    pub files: u32,
    /// Bytes in all.
    #[serde(default)]
    pub bytes: u64,
    /// The vision provider that the client asked for; empty for the configured one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// Whether photos that could not be looked at are kept as long as the job, for a retry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_failed: bool,
}

/// The parts that hold items of `range`, each with the range within it that is wanted.
pub(crate) fn parts(all: &[Part], range: &Range<u32>) -> Vec<(Part, Range<usize>)> {
    let mut first = 0;
    let mut parts = Vec::new();
    for part in all {
        let next = first + part.count;
        let from = range.start.max(first);
        let to = range.end.min(next);
        if from < to {
            parts.push((part.clone(), (from - first) as usize..(to - first) as usize));
        }
        first = next;
    }
    parts
}
