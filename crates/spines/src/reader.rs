//! The reading of one photo, in steps.

use serde::{Deserialize, Serialize};

use crate::SpinesError;
use crate::detect::{Detection, Pass};
use crate::engine::{Detector, Recogniser};
use crate::paused::{Paused, PausedStage};
use crate::place::Place;
use crate::raster::Raster;
use crate::recognise::{RecognisedText, crop_width, read};

/// A line of text on the photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The text as read, letter by letter: no word is guessed.
    pub text: String,
    /// Mean probability of its letters, 0 to 1.
    pub confidence: f32,
    /// The place of the line on the photo, and the direction in which it runs.
    pub place: Place,
}

/// Progress of the reading of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Regions of text are looked for.
    Detecting {
        /// Number of tiles that have been looked at.
        done: usize,
        /// Number of tiles of all passes.
        of: usize,
    },
    /// The regions are read, the largest first.
    Reading {
        /// Number of regions that have been read.
        done: usize,
        /// Number of regions that were found.
        of: usize,
    },
    /// The reading is over.
    Finished,
}

/// Limit of what one step reads, in pixels along the lines: about 0.25 s in WebAssembly.
const STEP_WIDTH: usize = 3_000;

/// Share of their area from which on two rectangles are the same region, seen twice.
const SAME_REGION: f32 = 0.7;

/// Confidence from which on a reading with [`SURE_LETTERS`] is not tried the other way round.
const SURE: f32 = 0.93;
const SURE_LETTERS: usize = 4;

/// Ratio of length to height below which the text of a region may run in four directions.
const NEARLY_SQUARE: f32 = 1.5;

/// Least confidence of a reading: others are noise.
const LEAST_CONFIDENCE: f32 = 0.5;

/// Reads the lines of text on a photo, step by step, so that a caller can do other things between
/// the steps.
///
/// 1. [`Reader::new`], and [`add_upright_pass`](Reader::add_upright_pass) if there is time for two
///    passes;
/// 2. [`step`](Reader::step) until it returns [`Progress::Finished`], or until time is up;
/// 3. [`finish`](Reader::finish): the lines that have been read so far; or
///    [`pause`](Reader::pause), for another to [`resume`](Reader::resume).
///
/// A step is one tile of detection or a few lines: about 0.3 s in WebAssembly, less natively. The
/// memory in use is that of the raster, three bytes a pixel beside it, and 30 MB of the engine.
pub struct Reader {
    raster: Raster,
    detector: Detector,
    recogniser: Recogniser,
    stage: Stage,
    upright_too: bool,
    /// The regions once all passes are over, largest first.
    regions: Vec<Place>,
    lines: Vec<Line>,
    /// Number of upright spines that were surer when read downwards, less those surer upwards: if
    /// positive, those that follow are tried downwards first.
    downwards: i32,
}

enum Stage {
    Detecting(Detection),
    /// Reading the region with this number.
    Reading(usize),
}

impl Reader {
    /// Begins with a photo.
    ///
    /// # Errors
    ///
    /// When the embedded models cannot be loaded.
    pub fn new(raster: Raster) -> Result<Self, SpinesError> {
        Ok(Self {
            stage: Stage::Detecting(Detection::new(&raster, Pass::Turned)),
            detector: Detector::load()?,
            recogniser: Recogniser::load()?,
            raster,
            upright_too: false,
            regions: Vec::new(),
            lines: Vec::new(),
            downwards: 0,
        })
    }

    /// Goes on with a reading of the same photo that has been paused. What another version of the
    /// reader has stored may be of no use; the photo is then read from the start.
    ///
    /// # Errors
    ///
    /// When the embedded models cannot be loaded.
    pub fn resume(raster: Raster, paused: &[u8]) -> Result<Self, SpinesError> {
        let paused = Paused::decode(paused, &raster);
        let mut reader = Self::new(raster)?;
        let Some(paused) = paused else {
            return Ok(reader);
        };
        reader.stage = match paused.stage {
            PausedStage::Detecting(pass) => match Detection::resume(&reader.raster, pass) {
                Some(detection) => Stage::Detecting(detection),
                None => return Ok(reader),
            },
            PausedStage::Reading(next) => Stage::Reading(next),
        };
        reader.upright_too = paused.upright_too;
        reader.regions = paused.regions;
        reader.lines = paused.lines;
        reader.downwards = paused.downwards;
        Ok(reader)
    }

    /// The state of the reading, compressed: some 100 kB while regions are looked for, a tenth of
    /// that afterwards. `None` in the rare case that it is larger than a value should be.
    #[must_use]
    pub fn pause(&self) -> Option<Vec<u8>> {
        let stage = match &self.stage {
            Stage::Detecting(detection) => PausedStage::Detecting(detection.pause()),
            Stage::Reading(next) => PausedStage::Reading(*next),
        };
        let paused = Paused {
            size: (self.raster.width(), self.raster.height()),
            stage,
            upright_too: self.upright_too,
            regions: self.regions.clone(),
            lines: self.lines.clone(),
            downwards: self.downwards,
        };
        paused.encode()
    }

    /// Adds a second detection pass, over the upright photo: it doubles the time for detection and
    /// finds about three titles more in a hundred. No effect once regions are being read.
    pub fn add_upright_pass(&mut self) {
        self.upright_too = true;
    }

    /// Progress of the reading.
    pub fn progress(&self) -> Progress {
        match &self.stage {
            Stage::Detecting(detection) => {
                // Both passes have as many tiles.
                let tiles = detection.tiles();
                let before = match detection.pass() {
                    Pass::Turned => 0,
                    Pass::Upright => tiles,
                };
                Progress::Detecting {
                    done: before + detection.tiles_done(),
                    of: tiles * (1 + usize::from(self.upright_too)),
                }
            }
            Stage::Reading(next) if *next < self.regions.len() => Progress::Reading {
                done: *next,
                of: self.regions.len(),
            },
            Stage::Reading(_) => Progress::Finished,
        }
    }

    /// Does the next piece of work.
    ///
    /// # Errors
    ///
    /// When the engine fails; what was read before is kept for [`finish`](Self::finish).
    pub fn step(&mut self) -> Result<Progress, SpinesError> {
        match &mut self.stage {
            Stage::Detecting(detection) if !detection.is_complete() => {
                detection.step(&self.detector, &self.raster)?;
            }
            Stage::Detecting(detection) => {
                self.regions.extend(detection.regions());
                self.stage = if self.upright_too && detection.pass() == Pass::Turned {
                    Stage::Detecting(Detection::new(&self.raster, Pass::Upright))
                } else {
                    let regions = largest_first(std::mem::take(&mut self.regions));
                    self.regions = largest_first(whole_lines(regions));
                    Stage::Reading(0)
                };
            }
            Stage::Reading(next) => {
                let from = *next;
                let mut width = 0;
                while width < STEP_WIDTH && *next < self.regions.len() {
                    width += 2 * crop_width(&self.regions[*next]);
                    *next += 1;
                }
                for at in from..*next {
                    let region = self.regions[at];
                    let line = self.read(&region)?;
                    self.lines.extend(line);
                }
            }
        }
        Ok(self.progress())
    }

    /// Ends the reading; returns the lines read so far, in the order of their size.
    pub fn finish(self) -> Vec<Line> {
        self.lines
    }

    /// Reads a region in every direction that its text may run.
    fn read(&mut self, region: &Place) -> Result<Option<Line>, SpinesError> {
        let stands = region.angle.abs() > 45.0 && region.angle.abs() < 135.0;
        let runs_down = region.angle > 0.0;
        let against = stands && runs_down != (self.downwards >= 0);
        let quarters: &[i32] = match (region.length < NEARLY_SQUARE * region.height, against) {
            (true, _) => &[0, 1, 2, 3],
            (false, true) => &[2, 0],
            (false, false) => &[0, 2],
        };
        let mut best: Option<(RecognisedText, Place)> = None;
        for &quarters in quarters {
            let place = region.turned(quarters);
            let reading = read(&self.recogniser, &self.raster, &place)?;
            let is_sure = reading.confidence >= SURE && reading.letters >= SURE_LETTERS;
            if best
                .as_ref()
                .is_none_or(|(best, _)| reading.confidence > best.confidence)
            {
                best = Some((reading, place));
            }
            if is_sure {
                break;
            }
        }
        let Some((reading, place)) = best else {
            return Ok(None);
        };
        if reading.letters == 0 || reading.confidence < LEAST_CONFIDENCE {
            return Ok(None);
        }
        if stands && reading.confidence >= SURE && reading.letters >= SURE_LETTERS {
            self.downwards += if place.angle > 0.0 { 1 } else { -1 };
        }
        Ok(Some(Line {
            text: reading.text,
            confidence: reading.confidence,
            place,
        }))
    }
}

/// Sorts regions by size, largest first, and drops the smaller of two that are the same.
fn largest_first(mut regions: Vec<Place>) -> Vec<Place> {
    regions.sort_by(|a, b| b.area().total_cmp(&a.area()));
    let mut kept: Vec<Place> = Vec::with_capacity(regions.len());
    for region in regions {
        if kept
            .iter()
            .all(|other| other.intersection_over_union(&region) <= SAME_REGION)
        {
            kept.push(region);
        }
    }
    kept
}

/// Joins regions that are parts of one line: wide letters and thin ones between them part a word.
fn whole_lines(mut regions: Vec<Place>) -> Vec<Place> {
    let mut at = 0;
    while let Some(region) = regions.get(at).copied() {
        let mut others = regions.iter().enumerate().skip(at + 1);
        let joined = others.find_map(|(other, place)| Some((other, region.line_with(place)?)));
        match joined {
            // A longer line may reach what its parts did not.
            Some((other, line)) => {
                regions.remove(other);
                regions[at] = line;
            }
            None => at += 1,
        }
    }
    regions
}
