//! The lettering on the spines of books, read from a photo without asking anybody, as pure
//! functions: no I/O, no clock.
//!
//! A [`Reader`] takes a [`Raster`] and works in steps of a fraction of a second: it looks for
//! regions of text, tile by tile, and then reads them, the largest first. What comes out are
//! [`Line`]s: text, how sure it is, where it is and in which direction it runs. They are what is
//! printed, in no order, and do not say what is a title; [`chains`] puts those of one spine
//! together.
//!
//! Two neural networks of PaddleOCR (PP-OCRv6 tiny) are embedded, 4.1 MB; see `models/NOTICE`.
//! They read Latin script, one close shelf at a time.

mod chain;
mod detect;
mod engine;
mod paused;
mod place;
mod raster;
mod reader;
mod recognise;

pub use chain::{Chain, chains};
pub use place::Place;
pub use raster::Raster;
pub use reader::{Line, Progress, Reader};

/// The reason why a photo cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpinesError {
    /// The engine refused a model or an input.
    #[error("the engine that reads spines failed: {0}")]
    Engine(String),
}
