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
/// greedily).
fn decode(positions: &Positions) -> RecognisedText {
    let mut text = String::new();
    let (mut sum, mut count, mut letters, mut before) = (0.0, 0, 0, 0);
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
        if class != before && class != 0 {
            // A class of its own stands for the space between words.
            let sign = CLASSES.split('\n').nth(class).unwrap_or_default();
            text.push_str(sign);
            letters += usize::from(sign.chars().any(char::is_alphanumeric));
            sum += probability;
            count += 1;
        }
        before = class;
    }
    RecognisedText {
        text: text.trim().to_owned(),
        confidence: if count == 0 { 0.0 } else { sum / count as f32 },
        letters,
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
}
