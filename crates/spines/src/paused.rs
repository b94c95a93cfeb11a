//! A reading that has been interrupted, as it is stored until another process goes on with it.

use std::io::Read;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use serde::{Deserialize, Serialize};

use crate::detect::PausedPass;
use crate::place::Place;
use crate::raster::Raster;
use crate::reader::Line;

/// The form of what is stored. Raise it with any change of the fields, of the tiles or of the
/// models: a reading goes on only with what it has begun with.
const FORM: u8 = 1;

/// Limit of what is stored, in bytes.
const MAX_STORED: usize = 400_000;

/// Limit of the regions and lines in it, in bytes: a thousand of both have a tenth of that.
const MAX_REGIONS: u64 = 1_000_000;

/// Limit of the lines: more than a bookcase has.
const MAX_LINES: usize = 4_000;

/// The state of a reading.
#[derive(Serialize, Deserialize)]
pub(crate) struct Paused {
    /// Width and height of the photo.
    pub(crate) size: (usize, usize),
    pub(crate) stage: PausedStage,
    pub(crate) upright_too: bool,
    pub(crate) regions: Vec<Place>,
    pub(crate) lines: Vec<Line>,
    pub(crate) downwards: i32,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum PausedStage {
    Detecting(PausedPass),
    /// The number of the region that is next.
    Reading(usize),
}

impl Paused {
    /// The state, compressed; `None` when that is too large to be stored.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let plain = postcard::to_allocvec(self).ok()?;
        let mut bytes = vec![FORM];
        // Most of a photo is not text.
        DeflateEncoder::new(plain.as_slice(), Compression::fast())
            .read_to_end(&mut bytes)
            .ok()?;
        (bytes.len() <= MAX_STORED).then_some(bytes)
    }

    /// The state of a reading of this photo; `None` when it is not one.
    pub(crate) fn decode(bytes: &[u8], raster: &Raster) -> Option<Self> {
        let bytes = bytes.strip_prefix(&[FORM])?;
        let size = (raster.width(), raster.height());
        let most = (size.0 * size.1) as u64 + MAX_REGIONS;
        let mut plain = Vec::new();
        DeflateDecoder::new(bytes)
            .take(most)
            .read_to_end(&mut plain)
            .ok()?;
        let paused: Self = postcard::from_bytes(&plain).ok()?;
        let is_whole = paused.lines.len() <= MAX_LINES
            && paused.regions.iter().all(Place::is_finite)
            && (paused.lines.iter())
                .all(|line| line.place.is_finite() && line.confidence.is_finite());
        (paused.size == size && is_whole).then_some(paused)
    }
}
