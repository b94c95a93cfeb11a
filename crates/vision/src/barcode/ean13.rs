//! Reads an ISBN from the widths of bars and spaces (ISO/IEC 15420, EAN-13).
//!
//! Every ISBN begins with 978 or 979. That fixes the parity of the left half, which a general
//! reader has to guess, and leaves ten patterns for a digit instead of twenty; so bars that are
//! blurred into each other can still be told apart, and other products' codes do not fit.

use books::Isbn;

/// Number of bars and spaces of an EAN-13: guards of 3, 5 and 3, and 4 for each of 12 digits.
pub(super) const ELEMENTS: usize = 59;

/// The width of a code in modules.
pub(super) const MODULES: f32 = 95.0;

/// Widths of the left odd ("L") pattern of each digit; even ("G") is its mirror image, right
/// ("R") has the same widths in the other colours.
const PATTERNS: [[u8; 4]; 10] = [
    [3, 2, 1, 1],
    [2, 2, 2, 1],
    [2, 1, 2, 2],
    [1, 4, 1, 1],
    [1, 1, 3, 2],
    [1, 2, 3, 1],
    [1, 1, 1, 4],
    [1, 3, 1, 2],
    [1, 2, 1, 3],
    [3, 1, 1, 2],
];

/// The parities of digits 2 to 7 when the first digit is 9: true is even.
const PARITY_OF_9: [bool; 6] = [false, true, true, false, true, false];

/// Largest distance of a digit from its pattern, in squared modules. One module between two
/// elements that is misjudged costs 3.
const MAX_DIGIT_ERROR: f32 = 1.4;

/// Largest mean of these distances over all digits.
const MAX_MEAN_ERROR: f32 = 0.6;

/// Reads a code from the positions of the edges around its [`ELEMENTS`] alternating elements, the
/// first of them dark, in either direction.
pub(super) fn read(edges: &[f32; ELEMENTS + 1]) -> Option<Isbn> {
    let module = (edges[ELEMENTS] - edges[0]) / MODULES;
    if !parts_fit(edges, module) {
        return None;
    }
    let widths: [f32; ELEMENTS] = std::array::from_fn(|i| edges[i + 1] - edges[i]);
    let guards_fit = [0, 1, 2, 27, 28, 29, 30, 31, 56, 57, 58]
        .iter()
        .all(|i| (0.3..=2.0).contains(&(widths[*i] / module)));
    if !guards_fit {
        return None;
    }
    let bias = ink_spread(&widths).clamp(-0.5 * module, 0.5 * module);
    let mut widths: [f32; ELEMENTS] = std::array::from_fn(|i| {
        if i % 2 == 0 {
            widths[i] - bias
        } else {
            widths[i] + bias
        }
    });
    decode(&widths, module).or_else(|| {
        widths.reverse();
        decode(&widths, module)
    })
}

/// Whether guards and halves have the right lengths: a quick check that refuses almost everything
/// that is no barcode.
fn parts_fit(edges: &[f32; ELEMENTS + 1], module: f32) -> bool {
    let near = |from: usize, to: usize, modules: f32, tolerance: f32| {
        let length = edges[to] - edges[from];
        (length - modules * module).abs() <= tolerance * modules * module
    };
    near(0, 3, 3.0, 0.35)
        && near(56, 59, 3.0, 0.35)
        && near(27, 32, 5.0, 0.35)
        && near(3, 27, 42.0, 0.12)
        && near(32, 56, 42.0, 0.12)
}

/// Width in pixels by which bars appear too wide, from the guards, where every element is one
/// module.
fn ink_spread(widths: &[f32; ELEMENTS]) -> f32 {
    let mean = |at: &[usize]| at.iter().map(|i| widths[*i]).sum::<f32>() / at.len() as f32;
    (mean(&[0, 2, 28, 30, 56, 58]) - mean(&[1, 27, 29, 31, 57])) / 2.0
}

fn decode(widths: &[f32; ELEMENTS], module: f32) -> Option<Isbn> {
    let mut digits = [9u8; 13];
    let mut error = 0.0;
    for place in 1..13 {
        let left = place <= 6;
        let at = if left {
            3 + (place - 1) * 4
        } else {
            32 + (place - 7) * 4
        };
        let own = [widths[at], widths[at + 1], widths[at + 2], widths[at + 3]];
        let sum: f32 = own.iter().sum();
        if (sum / (7.0 * module) - 1.0).abs() > 0.25 {
            return None;
        }
        let own = own.map(|w| w * 7.0 / sum);
        let mirrored = left && PARITY_OF_9[place - 1];
        let candidates = match place {
            1 => 7..8,
            2 => 8..10,
            _ => 0..10,
        };
        let (digit, distance) = candidates
            .map(|digit| {
                let mut pattern = PATTERNS[usize::from(digit)];
                if mirrored {
                    pattern.reverse();
                }
                (digit, distance(&own, &pattern))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))?;
        if distance > MAX_DIGIT_ERROR {
            return None;
        }
        error += distance;
        digits[place] = digit;
    }
    if error > 12.0 * MAX_MEAN_ERROR {
        return None;
    }
    let text: String = digits.iter().map(|d| char::from(b'0' + d)).collect();
    Isbn::parse(&text).ok()
}

/// Squared distance of the elements, and of neighbouring pairs, from a pattern: the latter run from
/// edge to like edge and do not change when bars spread.
fn distance(widths: &[f32; 4], pattern: &[u8; 4]) -> f32 {
    let off: [f32; 4] = std::array::from_fn(|i| widths[i] - f32::from(pattern[i]));
    let square = |v: f32| v * v;
    off.iter().map(|v| square(*v)).sum::<f32>() * 0.5
        + square(off[0] + off[1])
        + square(off[1] + off[2])
        + square(off[2] + off[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use barcoders::sym::ean13::EAN13;
    use proptest::prelude::*;

    /// The edges of a code as an independent encoder draws it, with bars that are wider by
    /// `spread` modules than they should be, and modules that grow by `tilt` towards the right.
    fn edges(digits: &str, scale: f32, spread: f32, tilt: f32) -> [f32; ELEMENTS + 1] {
        let modules = EAN13::new(digits).unwrap().encode();
        let mut edges = [0.0; ELEMENTS + 1];
        for (i, run) in modules.chunk_by(|a, b| a == b).enumerate() {
            let spread = if i % 2 == 0 { spread } else { -spread };
            let perspective = 1.0 + tilt * (i as f32 / 29.0 - 1.0);
            edges[i + 1] = edges[i] + (run.len() as f32 + spread) * scale * perspective;
        }
        edges
    }

    fn mirrored(edges: [f32; ELEMENTS + 1]) -> [f32; ELEMENTS + 1] {
        std::array::from_fn(|i| edges[ELEMENTS] - edges[ELEMENTS - i])
    }

    #[test]
    fn other_products_are_not_books() {
        for digits in [
            "4006381333931",
            "5901234123457",
            "9771234567003",
            "9790060115615",
        ] {
            let edges = edges(digits, 3.0, 0.0, 0.0);
            assert_eq!(
                (read(&edges), read(&mirrored(edges))),
                (None, None),
                "{digits}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_isbn_is_read_in_both_directions_spread_and_scaled(
            tail in 0u64..1_000_000_000,
            scale in 1.0f32..20.0,
            spread in -0.35f32..0.35,
            tilt in -0.1f32..0.1,
        ) {
            let body = format!("978{tail:09}");
            let edges = edges(&body, scale, spread, tilt);
            let isbn = read(&edges);
            let digits = isbn.map(|isbn| isbn.as_str()[..12].to_owned());
            prop_assert_eq!(digits, Some(body));
            prop_assert_eq!(read(&mirrored(edges)), isbn);
        }

        #[test]
        fn arbitrary_edges_never_panic(
            edges in prop::collection::vec(prop::num::f32::ANY, ELEMENTS + 1),
        ) {
            let _ = read(&edges.try_into().unwrap());
        }
    }
}
