//! Detection of regions of text: the photo goes through the detector in tiles, and rectangles are
//! drawn around what it marks.

use rten_imageproc::{Point, PointF, Polygon, RetrievalMode, find_contours, min_area_rect};
use rten_tensor::NdTensorView;
use serde::{Deserialize, Serialize};

use crate::SpinesError;
use crate::engine::{Detector, Planes};
use crate::place::Place;
use crate::raster::Raster;

/// The longest side of a tile. The first layers of the network need about 45 bytes a pixel, and a
/// tile takes about 0.3 s in WebAssembly.
const MAX_TILE: usize = 544;

/// Factor of the network's input sizes: it halves its input five times.
const GRAIN: usize = 32;

/// Overlap of neighbouring tiles, in pixels.
const OVERLAP: usize = 64;

/// The width of a tile's border inside of the photo that is ignored: text that is cut there looks
/// different.
const UNSURE_BORDER: usize = 32;

/// The probability (of 255) from which on a pixel belongs to a region.
const THRESHOLD: u8 = 77;

/// The mean probability of a region of text, of 255.
const LEAST_MEAN: f32 = 128.0;

/// Least height of a widened region, in pixels: letters in lower ones are too small to be read,
/// and each costs up to four readings.
const LEAST_HEIGHT: f32 = 12.0;

/// Factor of area by circumference by which regions are widened: the network marks the core of a
/// line. It was trained with 1.4, which cuts the letters of spines too tightly.
const WIDENING: f32 = 1.7;

/// Orientation of the photo for a pass: most text on spines runs along them, and the network reads
/// horizontal text best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pass {
    /// Turned by 90 degrees clockwise: what runs upwards runs to the right.
    Turned,
    /// The photo as it is.
    Upright,
}

/// One detection pass over the photo: a map of probabilities that fills tile by tile.
pub(crate) struct Detection {
    pass: Pass,
    width: usize,
    height: usize,
    columns: Vec<Span>,
    rows: Vec<Span>,
    next: usize,
    map: Vec<u8>,
}

/// A pass that has been interrupted between two tiles.
#[derive(Serialize, Deserialize)]
pub(crate) struct PausedPass {
    pass: Pass,
    next: usize,
    map: Vec<u8>,
}

/// Position of a tile along one side, and the part of it that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: usize,
    length: usize,
    sure_from: usize,
    sure_to: usize,
}

impl Detection {
    pub(crate) fn new(raster: &Raster, pass: Pass) -> Self {
        let (width, height) = match pass {
            Pass::Turned => (raster.height(), raster.width()),
            Pass::Upright => (raster.width(), raster.height()),
        };
        Self {
            pass,
            width,
            height,
            columns: spans(width),
            rows: spans(height),
            next: 0,
            map: vec![0; width * height],
        }
    }

    /// Goes on with a pass over the same photo; `None` when it cannot be over this one.
    pub(crate) fn resume(raster: &Raster, paused: PausedPass) -> Option<Self> {
        let mut detection = Self::new(raster, paused.pass);
        let fits = paused.next <= detection.tiles() && paused.map.len() == detection.map.len();
        (detection.next, detection.map) = (paused.next, paused.map);
        fits.then_some(detection)
    }

    pub(crate) fn pause(&self) -> PausedPass {
        PausedPass {
            pass: self.pass,
            next: self.next,
            map: self.map.clone(),
        }
    }

    pub(crate) fn pass(&self) -> Pass {
        self.pass
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.next == self.tiles()
    }

    pub(crate) fn tiles(&self) -> usize {
        self.columns.len() * self.rows.len()
    }

    pub(crate) fn tiles_done(&self) -> usize {
        self.next
    }

    /// Runs the detector on the next tile.
    pub(crate) fn step(&mut self, detector: &Detector, raster: &Raster) -> Result<(), SpinesError> {
        let column = self.columns[self.next % self.columns.len()];
        let row = self.rows[self.next / self.columns.len()];
        self.next += 1;
        let found = detector.run(self.tile(raster, column, row))?;
        for y in row.sure_from..row.sure_to {
            let from = (y - row.start) * column.length;
            for x in column.sure_from..column.sure_to {
                let probability = found[from + x - column.start].clamp(0.0, 1.0);
                let at = &mut self.map[y * self.width + x];
                *at = (*at).max((probability * 255.0) as u8);
            }
        }
        Ok(())
    }

    /// The pixels of a tile, normalised as the network was trained; black outside of the photo.
    fn tile(&self, raster: &Raster, column: Span, row: Span) -> Planes {
        const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
        const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
        let plane = column.length * row.length;
        let mut values = vec![0.0; 3 * plane];
        for y in 0..row.length.min(self.height - row.start) {
            for x in 0..column.length.min(self.width - column.start) {
                let (px, py) = (column.start + x, row.start + y);
                let pixel = match self.pass {
                    Pass::Turned => raster.pixel(py, self.width - 1 - px),
                    Pass::Upright => raster.pixel(px, py),
                };
                for channel in 0..3 {
                    // The network was trained on blue, green, red.
                    let value = f32::from(pixel[2 - channel]) / 255.0;
                    values[channel * plane + y * column.length + x] =
                        (value - MEAN[channel]) / DEVIATION[channel];
                }
            }
        }
        Planes {
            width: column.length,
            height: row.length,
            values,
        }
    }

    /// The rectangles around what the detector has marked, in the photo's own coordinates.
    pub(crate) fn regions(&self) -> Vec<Place> {
        let mask: Vec<bool> = self.map.iter().map(|p| *p >= THRESHOLD).collect();
        let mask = NdTensorView::from_data([self.height, self.width], mask.as_slice());
        find_contours(mask, RetrievalMode::External)
            .iter()
            .filter_map(|contour| self.region(contour))
            .collect()
    }

    fn region(&self, contour: &[Point]) -> Option<Place> {
        let points: Vec<PointF> = contour.iter().map(|p| p.to_f32()).collect();
        let rect = min_area_rect(&points)?;
        // Contours run through the centres of pixels.
        let (width, height) = (rect.width() + 1.0, rect.height() + 1.0);
        let up = rect.up_axis();
        let along = if width >= height {
            (-up.y, up.x)
        } else {
            (up.x, up.y)
        };
        let (length, height) = (width.max(height), width.min(height));
        let more = 2.0 * WIDENING * length * height / (2.0 * (length + height));
        if height + more < LEAST_HEIGHT || self.mean_inside(contour) < LEAST_MEAN {
            return None;
        }
        let (x, y) = (rect.center().x + 0.5, rect.center().y + 0.5);
        let ((x, y), along) = match self.pass {
            Pass::Turned => ((y, self.width as f32 - x), (along.1, -along.0)),
            Pass::Upright => ((x, y), along),
        };
        let place = Place {
            x,
            y,
            length: length + more,
            height: height + more,
            angle: along.1.atan2(along.0).to_degrees(),
        };
        place.is_finite().then_some(place)
    }

    fn mean_inside(&self, contour: &[Point]) -> f32 {
        let (mut sum, mut count) = (0u64, 0u64);
        let mut add = |x: i32, y: i32| {
            sum += u64::from(self.map[y as usize * self.width + x as usize]);
            count += 1;
        };
        for point in Polygon::new(contour).fill_iter() {
            add(point.x, point.y);
        }
        for point in contour {
            add(point.x, point.y);
        }
        sum as f32 / count.max(1) as f32
    }
}

/// Cuts a side into as few tiles as possible, of the same length.
fn spans(side: usize) -> Vec<Span> {
    let count = side
        .saturating_sub(OVERLAP)
        .div_ceil(MAX_TILE - OVERLAP)
        .max(1);
    let length = side
        .saturating_sub(OVERLAP)
        .div_ceil(count)
        .saturating_add(OVERLAP)
        .min(side.max(GRAIN))
        .next_multiple_of(GRAIN);
    (0..count)
        .map(|i| {
            let last = side.saturating_sub(length);
            let start = if count == 1 {
                0
            } else {
                last * i / (count - 1)
            };
            let end = (start + length).min(side);
            Span {
                start,
                length,
                sure_from: if i == 0 { 0 } else { start + UNSURE_BORDER },
                sure_to: if i + 1 == count {
                    end
                } else {
                    end - UNSURE_BORDER
                },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(width: usize, height: usize, pass: Pass) -> Detection {
        let raster = Raster::new(width, height, vec![0; width * height * 3]).unwrap();
        Detection::new(&raster, pass)
    }

    #[test]
    fn a_marked_bar_is_widened_and_has_its_place_in_the_upright_photo() {
        // 60 x 10 marked pixels: 600 of area by 140 of circumference, times 1.7 to either side.
        let more = 2.0 * WIDENING * 600.0 / 140.0;
        for pass in [Pass::Upright, Pass::Turned] {
            let mut detection = detection(200, 120, pass);
            for y in 30..40 {
                for x in 20..80 {
                    let width = detection.width;
                    detection.map[y * width + x] = 250;
                }
            }
            let regions = detection.regions();
            let [region] = regions.as_slice() else {
                panic!("{regions:?}");
            };
            let (x, y, stands) = match pass {
                Pass::Upright => (50.0, 35.0, false),
                // What is at the left of the turned photo is at the bottom of the upright one.
                Pass::Turned => (35.0, 120.0 - 50.0, true),
            };
            assert!(
                (region.x - x).abs() < 0.6 && (region.y - y).abs() < 0.6,
                "{region:?}"
            );
            assert!((region.length - 60.0 - more).abs() < 1.0, "{region:?}");
            assert!((region.height - 10.0 - more).abs() < 1.0, "{region:?}");
            assert_eq!(
                (region.angle.abs() - 90.0).abs() < 1.0,
                stands,
                "{region:?}"
            );
        }
    }

    #[test]
    fn what_is_too_low_to_be_read_is_no_region() {
        for (height, count) in [(4, 0), (5, 1)] {
            let mut detection = detection(200, 120, Pass::Turned);
            for y in 30..30 + height {
                let from = y * detection.width;
                detection.map[from + 20..from + 80].fill(250);
            }
            assert_eq!(detection.regions().len(), count, "{height}");
        }
    }

    #[test]
    fn any_map_makes_regions_without_a_panic() {
        let mut random = 1u32;
        for round in 0..200 {
            let (width, height) = (1 + round % 40, 1 + round * 7 % 50);
            let mut detection = detection(width, height, Pass::Upright);
            for value in &mut detection.map {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = if random >> 30 <= (round % 4) as u32 {
                    255
                } else {
                    0
                };
            }
            for region in detection.regions() {
                assert!(region.is_finite() && region.height >= LEAST_HEIGHT);
                assert!(region.length >= region.height);
            }
        }
    }

    #[test]
    fn tiles_cover_every_pixel_and_stay_small() {
        for side in (1..3000)
            .step_by(7)
            .chain([31, 32, 33, 544, 545, 2048, 1536])
        {
            let spans = spans(side);
            let mut covered = 0;
            for span in &spans {
                assert!(span.length <= MAX_TILE && span.length % GRAIN == 0);
                assert!(span.sure_from <= covered, "gap at {covered} of {side}");
                assert!(span.sure_from >= span.start);
                assert!(span.sure_to <= span.start + span.length);
                covered = span.sure_to;
            }
            assert_eq!(covered, side);
        }
    }
}
