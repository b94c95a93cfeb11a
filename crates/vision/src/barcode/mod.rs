//! Finds ISBN barcodes at any angle by reading along lines in twelve directions, on the photo and
//! on two reductions of it: the full size resolves small codes, the reductions average noise away
//! in large ones.
//!
//! A general barcode library reads rows and columns of a two-valued image and stops at the first
//! code; here most codes stand askew, several are in one photo, and only ISBNs matter.

mod ean13;
mod edges;

use std::collections::BTreeMap;

use books::Isbn;

use crate::detection::BoundingBox;
use crate::raster::Gray;
use edges::EdgeFinder;

/// Number of directions over half a turn. A line may be 7.5 degrees off: it then still crosses all
/// bars of a code that is at least an eighth as high as it is wide.
const DIRECTIONS: usize = 12;

/// Distances between lines in pixels of each level, the full size first. The smallest code that is
/// resolved there is some 40 pixels high.
const LINE_DISTANCES: [f32; 3] = [7.0, 6.0, 4.0];

/// Length of the smallest code worth trying, in pixels: modules of a smaller one are below
/// resolution.
const MIN_LENGTH: f32 = 95.0;

/// Number of lines that have to agree on an ISBN. One could be chance; its check digit alone is
/// passed by every tenth misreading.
const MIN_LINES: usize = 2;

/// A barcode that was read.
pub(crate) struct Barcode {
    pub isbn: Isbn,
    /// The box around the lines on which the code was read, in the photo as it is stored.
    pub bounding_box: BoundingBox,
}

/// One line on which a code was read, in fractions of the photo.
struct DecodedLine {
    /// Identity of the line (width of the level, direction, place): two readings of one line agree
    /// by nature.
    line: (usize, usize, usize),
    from: (f32, f32),
    to: (f32, f32),
}

/// Every ISBN in the photo, each once, at the place where most scan lines read it. `pulse` is
/// called before each line, for the caller to renew its lease.
pub(crate) fn read(photo: &Gray, pulse: &mut dyn FnMut()) -> Vec<Barcode> {
    let mut readings: BTreeMap<Isbn, Vec<DecodedLine>> = BTreeMap::new();
    let mut reduced;
    let mut level = photo;
    for (reductions, distance) in LINE_DISTANCES.into_iter().enumerate() {
        read_level(level, distance, reductions > 0, &mut readings, pulse);
        reduced = level.halved();
        level = &reduced;
    }
    // Those that most lines agree on come first.
    let mut found: Vec<(usize, Barcode)> = Vec::with_capacity(readings.len());
    for (isbn, mut lines) in readings {
        lines.dedup_by_key(|reading| reading.line);
        let lines = largest_cluster(lines);
        let bounding_box = enclose(&lines);
        let place = found.partition_point(|(more, _)| *more >= lines.len());
        found.insert(place, (lines.len(), Barcode { isbn, bounding_box }));
    }
    let mut codes: Vec<Barcode> = Vec::new();
    for (lines, code) in found {
        // Where a better read code is, another one is a misreading of it.
        let misread = codes.iter().any(|better| {
            better.bounding_box.overlap(&code.bounding_box) > 0.5 * code.bounding_box.area()
        });
        if lines >= MIN_LINES && !misread {
            codes.push(code);
        }
    }
    codes
}

/// The readings of one copy of a code: of a code that is in the photo twice, the copy that more
/// lines have read.
fn largest_cluster(lines: Vec<DecodedLine>) -> Vec<DecodedLine> {
    let middle = |l: &DecodedLine| ((l.from.0 + l.to.0) / 2.0, (l.from.1 + l.to.1) / 2.0);
    let length = |l: &DecodedLine| (l.from.0 - l.to.0).hypot(l.from.1 - l.to.1);
    let mut clusters: Vec<Vec<DecodedLine>> = Vec::new();
    for line in lines {
        let near = clusters.iter_mut().find(|cluster| {
            let (a, b) = (middle(&cluster[0]), middle(&line));
            (a.0 - b.0).hypot(a.1 - b.1) <= length(&line)
        });
        match near {
            Some(cluster) => cluster.push(line),
            None => clusters.push(vec![line]),
        }
    }
    clusters
        .into_iter()
        .max_by_key(Vec::len)
        .unwrap_or_default()
}

fn enclose(lines: &[DecodedLine]) -> BoundingBox {
    let ends = || lines.iter().flat_map(|line| [line.from, line.to]);
    let least = ends().fold((1.0f32, 1.0f32), |a, b| (a.0.min(b.0), a.1.min(b.1)));
    let most = ends().fold((0.0f32, 0.0f32), |a, b| (a.0.max(b.0), a.1.max(b.1)));
    BoundingBox::new(least, most)
}

fn read_level(
    level: &Gray,
    distance: f32,
    also_sharpened: bool,
    readings: &mut BTreeMap<Isbn, Vec<DecodedLine>>,
    pulse: &mut dyn FnMut(),
) {
    if level.width < 2 || level.height < 2 {
        return;
    }
    let mut samples = Vec::new();
    let mut finder = EdgeFinder::default();
    for direction in 0..DIRECTIONS {
        let angle = std::f32::consts::PI * direction as f32 / DIRECTIONS as f32;
        for (number, line) in lines(level, angle, distance).enumerate() {
            let number = (level.width, direction, number);
            pulse();
            line.sample(level, &mut samples);
            for pass in 0..=usize::from(also_sharpened) {
                if pass == 1 {
                    sharpen(&mut samples);
                }
                finder.find(&samples);
                for (isbn, from, to) in codes(&finder) {
                    let place = |at: f32| {
                        let (x, y) = line.at(at);
                        (x / level.width as f32, y / level.height as f32)
                    };
                    readings.entry(isbn).or_default().push(DecodedLine {
                        line: number,
                        from: place(from),
                        to: place(to),
                    });
                }
            }
        }
    }
}

/// Sharpens bars that a lens out of focus has blurred into each other. For samples without much
/// noise, which is sharpened as well.
fn sharpen(samples: &mut [u8]) {
    let mut before = [0i32; 2];
    for i in 2..samples.len().saturating_sub(2) {
        let own = i32::from(samples[i]);
        if i == 2 {
            before = [i32::from(samples[0]), i32::from(samples[1])];
        }
        let around = before[0] + before[1] + i32::from(samples[i + 1]) + i32::from(samples[i + 2]);
        before = [before[1], own];
        // An unsharp mask over five samples, of strength 2.
        let sharp = own + 2 * (own * 4 - around) / 5;
        samples[i] = sharp.clamp(0, 255) as u8;
    }
}

/// The codes along a line, with their first and last edge.
fn codes(finder: &EdgeFinder) -> Vec<(Isbn, f32, f32)> {
    let mut found = Vec::new();
    let mut rest = &finder.edges[..];
    if !finder.first_is_to_dark {
        rest = rest.get(1..).unwrap_or_default();
    }
    while let Some(window) = rest.first_chunk::<{ ean13::ELEMENTS + 1 }>() {
        let (from, to) = (window[0], window[ean13::ELEMENTS]);
        let isbn = (to - from >= MIN_LENGTH)
            .then(|| ean13::read(window))
            .flatten();
        found.extend(isbn.map(|isbn| (isbn, from, to)));
        // The next bar, or the first after the code.
        rest = &rest[if isbn.is_some() {
            ean13::ELEMENTS + 1
        } else {
            2
        }..];
    }
    found
}

/// A straight line through an image, sampled once a pixel.
struct Line {
    start: (f32, f32),
    step: (f32, f32),
    samples: usize,
}

/// The parallel lines at an angle that cover an image.
fn lines(level: &Gray, angle: f32, distance: f32) -> impl Iterator<Item = Line> {
    let (right, bottom) = ((level.width - 1) as f32, (level.height - 1) as f32);
    let step = (angle.cos(), angle.sin());
    let reach = right.hypot(bottom) / 2.0;
    let count = (reach / distance) as i32;
    (-count..=count).filter_map(move |k| {
        let offset = k as f32 * distance;
        let middle = (
            right / 2.0 - step.1 * offset,
            bottom / 2.0 + step.0 * offset,
        );
        // Cut the line to the part where both coordinates are inside.
        let (mut from, mut to) = (-reach, reach);
        for (at, step, end) in [(middle.0, step.0, right), (middle.1, step.1, bottom)] {
            if step.abs() < 1e-6 {
                if !(0.0..=end).contains(&at) {
                    return None;
                }
            } else {
                let (a, b) = (-at / step, (end - at) / step);
                from = from.max(a.min(b));
                to = to.min(a.max(b));
            }
        }
        (to - from >= MIN_LENGTH).then_some(Line {
            start: (middle.0 + step.0 * from, middle.1 + step.1 * from),
            step,
            samples: (to - from) as usize,
        })
    })
}

impl Line {
    fn at(&self, sample: f32) -> (f32, f32) {
        (
            self.start.0 + self.step.0 * sample,
            self.start.1 + self.step.1 * sample,
        )
    }

    fn sample(&self, level: &Gray, samples: &mut Vec<u8>) {
        samples.clear();
        // 16.16 fixed point: bilinear between the four pixels around.
        let fixed = |v: f32| (v * 65536.0) as i64;
        let (mut x, mut y) = (fixed(self.start.0), fixed(self.start.1));
        let (step_x, step_y) = (fixed(self.step.0), fixed(self.step.1));
        let (last_x, last_y) = (level.width as i64 - 2, level.height as i64 - 2);
        for _ in 0..self.samples {
            let column = (x >> 16).clamp(0, last_x);
            let row = (y >> 16).clamp(0, last_y);
            let fx = ((x - (column << 16)) >> 8).clamp(0, 256) as u32;
            let fy = ((y - (row << 16)) >> 8).clamp(0, 256) as u32;
            let at = row as usize * level.width + column as usize;
            let pixels = &level.data[at..at + level.width + 2];
            let pixel = |offset: usize| u32::from(pixels[offset]);
            let upper = pixel(0) * (256 - fx) + pixel(1) * fx;
            let lower = pixel(level.width) * (256 - fx) + pixel(level.width + 1) * fx;
            samples.push(((upper * (256 - fy) + lower * fy + 32768) >> 16) as u8);
            x += step_x;
            y += step_y;
        }
    }
}
