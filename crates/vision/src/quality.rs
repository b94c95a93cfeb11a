//! The quality of a photo, measured from its pixels, and hints for a better one.

use serde::{Deserialize, Serialize};

use crate::raster::{Rgb, luma};

/// Measurements of one photo, all of its reduced copy (see [`crate::LONGEST_SIDE`]), which is what
/// a vision model gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// Blur, 0 (sharp) to 1 (nothing but blur): how much of the variation between neighbours a
    /// further blur would leave (Crété-Roffet et al., "The blur effect", 2007), of the better
    /// direction of the worse axis.
    pub blur: f32,
    /// Mean luma, 0 to 255.
    pub brightness: f32,
    /// Contrast: the luma that 95 of 100 pixels stay below, minus the one that 5 stay below.
    pub contrast: f32,
    /// Fraction of the photo that is clipped to white.
    pub clipped: f32,
    /// Number of clipped spots that look like a reflection: bounded, and neither a speck nor a
    /// wall.
    pub glare_spots: u32,
    /// Longest side of the reduced copy in pixels.
    pub longest_side: u32,
}

/// Severity of a problem with a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The photo can be used as it is.
    Low,
    /// Some books will be missed.
    Medium,
    /// Most books will be missed.
    High,
}

/// Kind of a problem with a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuggestionKind {
    /// The photo is out of focus, or was moved.
    Blur,
    /// The photo has too little light.
    Dark,
    /// The photo has too much light.
    Bright,
    /// The photo has reflections.
    Glare,
    /// The photo has little contrast.
    Contrast,
    /// The photo has too few pixels.
    Resolution,
}

/// A hint for the next photo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Kind of the problem.
    #[serde(rename = "type")]
    pub kind: SuggestionKind,
    /// Severity on the worst photo.
    pub severity: Severity,
    /// Advice for the person with the camera, in a sentence.
    pub message: String,
    /// Number of spots that reflect; for other kinds, number of photos with the problem.
    pub affected_count: u32,
}

/// Grade of a photo, in all or in one respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// The photo can be used as it is.
    Good,
    /// Some books will be missed.
    Fair,
    /// Most books will be missed.
    Poor,
}

impl Quality {
    /// The grade of the whole: the worst of lighting, sharpness and resolution.
    pub fn image_quality(&self) -> Grade {
        grade(self.worst_of(&ALL))
    }

    /// The grade of exposure, contrast and glare.
    pub fn lighting(&self) -> Grade {
        use SuggestionKind::{Bright, Contrast, Dark, Glare};
        grade(self.worst_of(&[Dark, Bright, Glare, Contrast]))
    }

    /// The grade of focus and motion.
    pub fn sharpness(&self) -> Grade {
        grade(self.worst_of(&[SuggestionKind::Blur]))
    }

    /// Advice on the next photo, the most important first.
    pub fn suggestions(&self) -> Vec<Suggestion> {
        suggestions(std::slice::from_ref(self))
    }

    /// The worst of several photos in every respect, for the one grade that a job has for all of
    /// them; `None` without photos.
    pub fn worst(photos: &[Self]) -> Option<Self> {
        photos.iter().copied().reduce(|a, b| Self {
            blur: a.blur.max(b.blur),
            brightness: if (a.brightness - MIDDLE).abs() > (b.brightness - MIDDLE).abs() {
                a.brightness
            } else {
                b.brightness
            },
            contrast: a.contrast.min(b.contrast),
            clipped: a.clipped.max(b.clipped),
            glare_spots: a.glare_spots.max(b.glare_spots),
            longest_side: a.longest_side.min(b.longest_side),
        })
    }

    fn worst_of(&self, kinds: &[SuggestionKind]) -> Option<Severity> {
        kinds.iter().filter_map(|kind| self.severity(*kind)).max()
    }

    fn severity(&self, kind: SuggestionKind) -> Option<Severity> {
        use Severity::{High, Low, Medium};
        let above = |value: f32, [low, medium, high]: [f32; 3]| match value {
            v if v >= high => Some(High),
            v if v >= medium => Some(Medium),
            v if v >= low => Some(Low),
            _ => None,
        };
        match kind {
            SuggestionKind::Blur => above(self.blur, [0.42, 0.5, 0.6]),
            SuggestionKind::Dark => above(-self.brightness, [-65.0, -50.0, -30.0]),
            SuggestionKind::Bright => above(self.brightness, [205.0, 220.0, 235.0]),
            SuggestionKind::Contrast => above(-self.contrast, [-80.0, -55.0, -30.0]),
            SuggestionKind::Resolution => {
                above(-(self.longest_side as f32), [-1200.0, -900.0, -500.0])
            }
            SuggestionKind::Glare if self.glare_spots == 0 => None,
            SuggestionKind::Glare => above(self.clipped, [0.0, 0.04, 0.12]),
        }
    }

    pub(crate) fn measure(photo: &Rgb) -> Self {
        let gray: Vec<u8> = photo.data.chunks_exact(3).map(luma).collect();
        let mut histogram = [0u32; 256];
        for v in &gray {
            histogram[usize::from(*v)] += 1;
        }
        let total = gray.len().max(1) as f32;
        let brightness = histogram
            .iter()
            .enumerate()
            .map(|(v, n)| v as f32 * *n as f32)
            .sum::<f32>();
        let percentile = |fraction: f32| {
            let mut seen = 0.0;
            let reached = |n: &u32| {
                seen += *n as f32;
                seen >= fraction * total
            };
            histogram.iter().position(reached).unwrap_or(255) as f32
        };
        let clipped: f32 = histogram[usize::from(CLIPPED)..]
            .iter()
            .map(|n| *n as f32)
            .sum();
        let along_x = blur(&gray, photo.height, photo.width, photo.width, 1);
        let along_y = blur(&gray, photo.width, photo.height, 1, photo.width);
        Self {
            blur: along_x.max(along_y),
            brightness: brightness / total,
            contrast: percentile(0.95) - percentile(0.05),
            clipped: clipped / total,
            glare_spots: glare_spots(&gray, photo.width, photo.height),
            longest_side: photo.width.max(photo.height) as u32,
        }
    }
}

const MIDDLE: f32 = 130.0;

const ALL: [SuggestionKind; 6] = [
    SuggestionKind::Blur,
    SuggestionKind::Dark,
    SuggestionKind::Bright,
    SuggestionKind::Glare,
    SuggestionKind::Contrast,
    SuggestionKind::Resolution,
];

/// The grade of a photo whose worst problem is so severe.
fn grade(worst: Option<Severity>) -> Grade {
    match worst {
        None | Some(Severity::Low) => Grade::Good,
        Some(Severity::Medium) => Grade::Fair,
        Some(Severity::High) => Grade::Poor,
    }
}

/// Hints for better photos, over all of a job: each kind once, the most important first.
pub fn suggestions(photos: &[Quality]) -> Vec<Suggestion> {
    let all: Vec<Suggestion> = ALL
        .into_iter()
        .filter_map(|kind| {
            let affected: Vec<_> = photos
                .iter()
                .filter_map(|photo| Some((photo, photo.severity(kind)?)))
                .collect();
            let severity = affected.iter().map(|(_, severity)| *severity).max()?;
            let affected_count = match kind {
                SuggestionKind::Glare => affected.iter().map(|(photo, _)| photo.glare_spots).sum(),
                _ => affected.len() as u32,
            };
            Some(Suggestion {
                kind,
                severity,
                message: advice(kind).to_owned(),
                affected_count,
            })
        })
        .collect();
    let of = |severity| {
        (all.iter())
            .filter(move |suggestion| suggestion.severity == severity)
            .cloned()
    };
    (of(Severity::High).chain(of(Severity::Medium)))
        .chain(of(Severity::Low))
        .collect()
}

fn advice(kind: SuggestionKind) -> &'static str {
    match kind {
        SuggestionKind::Blur => {
            "The photo is blurred. Hold the camera still and tap a spine to focus on it."
        }
        SuggestionKind::Dark => "The photo is dark. Turn on a light or open a curtain.",
        SuggestionKind::Bright => {
            "The photo is overexposed. Turn the flash off, or tap a bright spine before you take it."
        }
        SuggestionKind::Glare => {
            "Some spines reflect light. Try a photo without flash, or from a little to the side."
        }
        SuggestionKind::Contrast => {
            "Spines and titles hardly differ in brightness. More light, or a clean lens, helps."
        }
        SuggestionKind::Resolution => {
            "The photo has few pixels. Go closer, or send it in its original size."
        }
    }
}

/// Number of pixels to each side that are blurred over.
const BLUR_RADIUS: usize = 4;

/// Least difference between neighbours that counts as an edge and not as noise.
const NOISE: i32 = 6;

/// The blur effect along lines of `length` pixels that are `step` apart in memory; 0 where there
/// are no edges to judge.
fn blur(gray: &[u8], lines: usize, length: usize, line_step: usize, step: usize) -> f32 {
    let window = 2 * BLUR_RADIUS + 1;
    if length <= window + 1 {
        return 0.0;
    }
    let (mut variation, mut lost) = (0i64, 0i64);
    // Every other line says the same in half the time.
    for line in (0..lines).step_by(2) {
        let at = |i: usize| i32::from(gray[line * line_step + i * step]);
        for i in BLUR_RADIUS + 1..length - BLUR_RADIUS {
            let own = (at(i) - at(i - 1)).abs();
            if own < NOISE {
                continue;
            }
            // A box blur's difference is that of the values entering and leaving the window.
            let blurred = (at(i + BLUR_RADIUS) - at(i - 1 - BLUR_RADIUS)).abs();
            let own = own * window as i32;
            variation += i64::from(own);
            lost += i64::from((own - blurred).max(0));
        }
    }
    if variation == 0 {
        return 0.0;
    }
    1.0 - lost as f32 / variation as f32
}

/// The luma from which on a pixel counts as clipped.
const CLIPPED: u8 = 250;

/// Side of the cells in which glare is looked for, in pixels.
const CELL: usize = 16;

fn glare_spots(gray: &[u8], width: usize, height: usize) -> u32 {
    let (columns, rows) = (width / CELL, height / CELL);
    let clipped = |cell: usize| {
        let (x, y) = (cell % columns * CELL, cell / columns * CELL);
        let count = (y..y + CELL)
            .flat_map(|y| &gray[y * width + x..y * width + x + CELL])
            .filter(|v| **v >= CLIPPED)
            .count();
        count * 10 >= CELL * CELL * 6
    };
    let mut open: Vec<bool> = (0..columns * rows).map(clipped).collect();
    let mut spots = 0;
    for start in 0..open.len() {
        let mut size = 0;
        let mut todo = vec![start];
        while let Some(cell) = todo.pop() {
            if !std::mem::take(&mut open[cell]) {
                continue;
            }
            size += 1;
            let (x, y) = (cell % columns, cell / columns);
            todo.extend((x > 0).then(|| cell - 1));
            todo.extend((x + 1 < columns).then(|| cell + 1));
            todo.extend((y > 0).then(|| cell - columns));
            todo.extend((y + 1 < rows).then(|| cell + columns));
        }
        // Larger than a tenth of the photo is a wall or overexposure, not a reflection.
        if size >= 2 && size * 10 <= open.len() {
            spots += 1;
        }
    }
    spots
}
