//! Recognition of the books on a photo of a bookshelf, as pure functions: no I/O, no clock.
//!
//! [`probe`] recognises an upload and refuses what cannot be used before anything is decoded;
//! [`prepare`] decodes it once and yields everything that is needed of it: an upright JPEG for a
//! vision model, free of metadata, the measured [`Quality`], and the ISBN barcodes. [`Vision`]
//! spells the request to a vision model and reads its answer. [`merge`] makes one list of what
//! barcodes and models have found on all photos of a job.

mod answer;
mod barcode;
mod choice;
mod decode;
mod detection;
mod halves;
mod merge;
mod orientation;
mod prepare;
mod probe;
mod provider;
mod quality;
mod raster;

pub use answer::{DEFAULT_CONFIDENCE, MAX_AUTHOR, MAX_BOOKS, MAX_TITLE};
pub use choice::{VisionChoice, VisionKind};
pub use detection::{BoundingBox, Detection};
pub use halves::{Half, halves};
pub use merge::{merge, without};
pub use prepare::{MAX_JPEG_BYTES, Photo, Prepared, prepare};
pub use probe::{ImageError, ImageKind, MAX_PIXELS, MEMORY_BUDGET, MIN_SIDE, Probe, probe};
pub use provider::{HttpPost, PhotoReading, Vision, VisionFailure};
pub use quality::{Grade, Quality, Severity, Suggestion, SuggestionKind, suggestions};
pub use raster::LONGEST_SIDE;
