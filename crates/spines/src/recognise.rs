//! Recognition of a region's text: the region is cropped, turned to horizontal and read by the
//! recogniser.

use crate::SpinesError;
use crate::engine::{Planes, Positions, Recogniser};
use crate::place::Place;
use crate::raster::Raster;

/// The recogniser's classes in order, one a line; the first is "no letter".
const CLASSES: &str = include_str!("../models/rec-latin.txt");

/// The height of text that the recogniser was trained on, in pixels.
const HEIGHT: usize = 48;

/// The longest crop: 40 times as long as high. Longer lines are squeezed.
const MAX_WIDTH: usize = 40 * HEIGHT;

/// Factor of the network's input widths: it shrinks its input by eight along the line.
const GRAIN: usize = 8;

/// Odds from which on a space is read between two letters. Of two words without it neither is
/// found; the halves of a word with one too many are put together when they are compared: half as
/// likely is enough.
const SPACE: f32 = 0.5;

/// Ratio of probabilities from which on what looks like `B` behind a small letter is `ß`: there, a
/// capital is less likely by more than this.
const SHARP_S: f32 = 0.1;

/// A text that was read, and the confidence in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RecognisedText {
    pub text: String,
    /// Mean probability of the letters; 0 without any.
    pub confidence: f32,
    /// Number of letters and digits among its characters.
    pub letters: usize,
}

/// Width of the crop of a place, in pixels, which tells the cost of reading it.
pub(crate) fn crop_width(place: &Place) -> usize {
    let width = place.length / place.height.max(1.0) * HEIGHT as f32;
    (width as usize)
        .clamp(GRAIN, MAX_WIDTH)
        .next_multiple_of(GRAIN)
}

/// Reads the text at a place, along the direction of the place.
pub(crate) fn read(
    recogniser: &Recogniser,
    raster: &Raster,
    place: &Place,
) -> Result<RecognisedText, SpinesError> {
    let positions = recogniser.run(crop(raster, place))?;
    Ok(decode(&positions))
}

/// The pixels at a place, turned to horizontal and scaled to the recogniser's height.
fn crop(raster: &Raster, place: &Place) -> Planes {
    let width = crop_width(place);
    let (ax, ay) = place.along();
    let (step_x, step_y) = (place.length / width as f32, place.height / HEIGHT as f32);
    // Where the crop is smaller than the photo, several samples make a pixel.
    let samples = |step: f32| (step.ceil() as usize).clamp(1, 8);
    let (across_x, across_y) = (samples(step_x), samples(step_y));
    let part = 1.0 / (across_x * across_y) as f32;
    let plane = width * HEIGHT;
    let mut values = vec![0.0; 3 * plane];
    for y in 0..HEIGHT {
        for x in 0..width {
            let mut color = [0.0; 3];
            for j in 0..across_y {
                for i in 0..across_x {
                    let u = x as f32 + (i as f32 + 0.5) / across_x as f32;
                    let v = y as f32 + (j as f32 + 0.5) / across_y as f32;
                    let (l, h) = (
                        u * step_x - place.length / 2.0,
                        v * step_y - place.height / 2.0,
                    );
                    let sample =
                        raster.sample(place.x + ax * l - ay * h, place.y + ay * l + ax * h);
                    for (sum, value) in color.iter_mut().zip(sample) {
                        *sum += value;
                    }
                }
            }
            for channel in 0..3 {
                // The network was trained on blue, green, red.
                values[channel * plane + y * width + x] = color[2 - channel] * part / 127.5 - 1.0;
            }
        }
    }
    Planes {
        width,
        height: HEIGHT,
        values,
    }
}

/// Decodes the recogniser's output: the most probable class of each position, each run of the same
/// class once, without the blanks between them (connectionist temporal classification, decoded
/// greedily). Spaces that are spread over several positions are found by their sum.
fn decode(positions: &Positions) -> RecognisedText {
    let class_of = |sign: &str| CLASSES.split('\n').position(|class| class == sign);
    let (space, sharp_s) = (class_of(" "), class_of("ß"));
    let mut text = String::new();
    let (mut sum, mut count, mut letters, mut before) = (0.0, 0, 0, 0);
    let mut gap = Gap::default();
    for probabilities in positions
        .probabilities
        .chunks_exact(positions.classes.max(1))
    {
        let best = probabilities
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1));
        let Some((class, probability)) = best else {
            continue;
        };
        let of = |class: Option<usize>| class.and_then(|class| probabilities.get(class).copied());
        if class == 0 {
            gap.add(of(space).unwrap_or_default() / probability);
        } else {
            if class != before {
                // A class of its own stands for the space between words.
                let mut sign = CLASSES.split('\n').nth(class).unwrap_or_default();
                let is_inside = text.ends_with(char::is_lowercase);
                if sign == "B" && is_inside && of(sharp_s) >= Some(SHARP_S * probability) {
                    sign = "ß";
                }
                if gap.has_space() && sign != " " && !text.is_empty() && !text.ends_with(' ') {
                    text.push(' ');
                }
                text.push_str(sign);
                letters += usize::from(sign.chars().any(char::is_alphanumeric));
                sum += probability;
                count += 1;
            }
            gap = Gap::default();
        }
        before = class;
    }
    RecognisedText {
        text: text.trim().to_owned(),
        confidence: if count == 0 { 0.0 } else { sum / count as f32 },
        letters,
    }
}

/// The positions between two letters: the odds that one space is there rather than none.
#[derive(Default)]
struct Gap {
    odds: f32,
    /// The odds of a space that ends at the last position.
    ending: f32,
}

impl Gap {
    /// Adds a position at which a space has these odds against nothing.
    fn add(&mut self, odds: f32) {
        self.ending = (1.0 + self.ending) * odds;
        self.odds += self.ending;
    }

    fn has_space(&self) -> bool {
        self.odds >= SPACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(classes: &[(usize, f32)]) -> Positions {
        let all = CLASSES.split('\n').count();
        let mut probabilities = vec![0.0; all * classes.len()];
        for (at, &(class, probability)) in classes.iter().enumerate() {
            probabilities[at * all + class] = probability;
        }
        Positions {
            classes: all,
            probabilities,
        }
    }

    fn class(sign: &str) -> usize {
        CLASSES.split('\n').position(|c| c == sign).unwrap()
    }

    #[test]
    fn doubled_positions_are_one_letter_and_a_blank_parts_two() {
        let (a, n, space) = (class("A"), class("n"), class(" "));
        let reading = decode(&positions(&[
            (0, 0.9),
            (a, 0.9),
            (a, 0.8),
            (n, 0.7),
            (0, 0.6),
            (n, 0.8),
            (space, 1.0),
            (a, 0.6),
        ]));
        assert_eq!(reading.text, "Ann A");
        assert_eq!(reading.letters, 4);
        assert!((reading.confidence - 0.8).abs() < 1e-5);
        assert_eq!(decode(&positions(&[(0, 1.0)])), RecognisedText::default());
    }

    /// The text of single letters with positions between them at which a space has these
    /// probabilities.
    fn spaced(text: &[(&str, &[f32])]) -> String {
        let (mut of, mut spaces) = (Vec::new(), Vec::new());
        for &(sign, gap) in text {
            of.push((class(sign), 0.9));
            for &probability in gap {
                spaces.push((of.len(), probability));
                of.push((0, 1.0 - probability));
            }
        }
        let mut positions = positions(&of);
        for (at, probability) in spaces {
            positions.probabilities[at * positions.classes + class(" ")] = probability;
        }
        decode(&positions).text
    }

    #[test]
    fn a_space_that_no_position_is_sure_of_parts_two_words() {
        assert_eq!(spaced(&[("R", &[0.36, 0.08, 0.0]), ("D", &[])]), "R D");
        assert_eq!(spaced(&[("R", &[0.25, 0.0, 0.25]), ("D", &[])]), "R D");
        assert_eq!(spaced(&[("R", &[0.25]), ("D", &[])]), "RD");
        // What is left of one letter's gap is none of the next.
        assert_eq!(spaced(&[("R", &[0.25]), ("E", &[0.25]), ("D", &[])]), "RED");
        // One that is read already is not read twice, and none begins a line.
        assert_eq!(spaced(&[("R", &[0.45]), (" ", &[0.45]), ("D", &[])]), "R D");
        let mut leading = positions(&[(0, 0.6), (class("D"), 0.9)]);
        leading.probabilities[class(" ")] = 0.4;
        assert_eq!(decode(&leading).text, "D");
    }

    #[test]
    fn a_capital_b_behind_a_small_letter_may_be_a_sharp_s() {
        let after = |before: &str, sharp_s: f32| {
            let mut positions = positions(&[(class(before), 0.9), (class("B"), 0.8)]);
            positions.probabilities[positions.classes + class("ß")] = sharp_s;
            decode(&positions).text
        };
        assert_eq!(after("u", 0.1), "uß");
        assert_eq!(after("u", 0.01), "uB", "two words that were read as one");
        assert_eq!(after("U", 0.1), "UB");
        assert_eq!(after(" ", 0.1), "B");
    }
}
