//! Detection of edges: the places where light turns to dark and back along a line of samples.

/// Number of samples in a block; the local contrast is that of five blocks around.
const BLOCK: usize = 32;

/// The part of the local contrast by which a turn must reverse to count, and by at least
/// [`MIN_TURN`].
const TURN: f32 = 0.16;

/// The least turn in luma that counts: noise alone makes smaller ones.
const MIN_TURN: f32 = 9.0;

/// Finds edges by turning points: between a peak and a trough that differ enough lies one edge,
/// where the luma crosses the middle between the two. So a bar that blur has made faint keeps its
/// edges, and uneven light does not move them.
#[derive(Default)]
pub(super) struct EdgeFinder {
    ranges: Vec<(u8, u8)>,
    turns: Vec<i32>,
    /// Positions of the edges in samples, in order, alternately to dark and to light.
    pub edges: Vec<f32>,
    /// Whether `edges[0]` goes from light to dark.
    pub first_is_to_dark: bool,
}

impl EdgeFinder {
    /// Replaces what was found with the edges of `samples`.
    pub(super) fn find(&mut self, samples: &[u8]) {
        self.edges.clear();
        self.thresholds(samples);
        let Some(&first) = samples.first() else {
            return;
        };
        let first = i32::from(first);
        let (mut low, mut high) = ((0, first), (0, first));
        // None until the first turn: then whether the line is rising, from `low` to `high`.
        let mut rising = None;
        for block in 0..self.turns.len() {
            let turn = self.turns[block];
            let begin = block * BLOCK;
            for (i, &value) in (begin..).zip(samples[begin..].iter().take(BLOCK)) {
                let value = i32::from(value);
                if rising != Some(false) {
                    if value > high.1 {
                        high = (i, value);
                    } else if high.1 - value >= turn {
                        if rising == Some(true) {
                            self.edge(samples, low.0, high.0);
                        }
                        rising = Some(false);
                        low = (i, value);
                        continue;
                    }
                }
                if rising != Some(true) {
                    if value < low.1 {
                        low = (i, value);
                    } else if value - low.1 >= turn {
                        if rising == Some(false) {
                            self.edge(samples, high.0, low.0);
                        }
                        rising = Some(true);
                        high = (i, value);
                    }
                }
            }
        }
        match rising {
            Some(true) => self.edge(samples, low.0, high.0),
            Some(false) => self.edge(samples, high.0, low.0),
            None => {}
        }
    }

    fn edge(&mut self, samples: &[u8], from: usize, to: usize) {
        let (start, end) = (i32::from(samples[from]), i32::from(samples[to]));
        let to_dark = end < start;
        // Twice the luma, from the middle upwards: the middle itself may lie between two values.
        let above = |i: usize| 2 * i32::from(samples[i]) - start - end;
        let Some(after) = (from + 1..=to).find(|i| (above(*i) < 0) == to_dark && above(*i) != 0)
        else {
            return;
        };
        if self.edges.is_empty() {
            self.first_is_to_dark = to_dark;
        }
        let (a, b) = (above(after - 1) as f32, above(after) as f32);
        self.edges.push((after - 1) as f32 + a / (a - b));
    }

    fn thresholds(&mut self, samples: &[u8]) {
        let range = |block: &[u8]| {
            let low = block.iter().copied().fold(255, u8::min);
            (low, block.iter().copied().fold(0, u8::max))
        };
        self.ranges.clear();
        self.ranges.extend(samples.chunks(BLOCK).map(range));
        let ranges = &self.ranges;
        self.turns.clear();
        self.turns.extend((0..ranges.len()).map(|i| {
            let around = &ranges[i.saturating_sub(2)..ranges.len().min(i + 3)];
            let low = around.iter().map(|range| range.0).fold(255, u8::min);
            let high = around.iter().map(|range| range.1).fold(0, u8::max);
            let contrast = f32::from(high.saturating_sub(low));
            (contrast * TURN).max(MIN_TURN).ceil() as i32
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edges(samples: &[u8]) -> (Vec<f32>, bool) {
        let mut finder = EdgeFinder::default();
        finder.find(samples);
        (finder.edges, finder.first_is_to_dark)
    }

    #[test]
    fn an_edge_is_where_the_middle_is_crossed() {
        let (found, to_dark) = edges(&[200, 200, 200, 150, 50, 20, 20, 20, 110, 200, 200]);
        assert_eq!(found, [3.4, 8.0]);
        assert!(to_dark);
    }

    #[test]
    fn a_bar_that_blur_has_made_faint_keeps_its_edges() {
        let (found, _) = edges(&[220, 220, 220, 140, 180, 100, 30, 30, 30]);
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_flat_or_noisy_line_has_no_edges() {
        assert!(edges(&[]).0.is_empty());
        assert!(edges(&[77; 300]).0.is_empty());
        let noise: Vec<u8> = (0..300).map(|i| 100 + (i * 7 % 5) as u8).collect();
        assert!(edges(&noise).0.is_empty());
    }

    proptest! {
        #[test]
        fn edges_are_in_order_and_inside_any_line(
            runs in prop::collection::vec((any::<u8>(), 1..70usize), 0..40),
        ) {
            let samples: Vec<u8> =
                runs.iter().flat_map(|(value, length)| vec![*value; *length]).collect();
            let (found, _) = edges(&samples);
            prop_assert!(found.is_sorted());
            prop_assert!(found.iter().all(|at| *at >= 0.0 && *at < samples.len() as f32));
        }
    }
}
