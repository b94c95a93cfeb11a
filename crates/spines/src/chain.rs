//! Grouping of lines by spines.

use serde::{Deserialize, Serialize};

use crate::Line;
use crate::place::Place;

/// Lines on one axis, and what stands close beside them; both as positions in the list of lines.
///
/// A chain is what can be said of a spine without knowing books: its title and author may be one
/// chain, or two that are each other's neighbours. Lines of a neighbouring spine can be among
/// [`beside`](Self::beside), hardly ever among [`lines`](Self::lines).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Positions of the lines on the axis, in the direction of reading.
    pub lines: Vec<usize>,
    /// Parallel lines closer than a line's height, in the order of the list.
    pub beside: Vec<usize>,
}

/// The largest angle between lines of one axis, in degrees.
const PARALLEL: f32 = 14.0;

/// The longest gap between two lines on one axis, in heights of the higher.
const GAP: f32 = 8.0;

/// The longest gap between two lines on one axis, as a fraction of the photo's longest side.
const GAP_OF_PHOTO: f32 = 0.25;

/// Groups the lines of a photo of this size. Each line is in the [`Chain::lines`] of one chain.
pub fn chains(lines: &[Line], width: usize, height: usize) -> Vec<Chain> {
    let longest_gap = GAP_OF_PHOTO * width.max(height) as f32;
    let mut chain_of: Vec<usize> = (0..lines.len()).collect();
    let mut beside = Vec::new();
    for (i, a) in lines.iter().enumerate() {
        for (j, b) in lines.iter().enumerate().take(i) {
            match relation(&a.place, &b.place, longest_gap) {
                Relation::OnOneAxis => {
                    let (from, to) = (chain_of[i], chain_of[j]);
                    for chain in &mut chain_of {
                        if *chain == from {
                            *chain = to;
                        }
                    }
                }
                Relation::Beside => beside.push((i, j)),
                Relation::None => {}
            }
        }
    }
    let mut chains: Vec<Chain> = Vec::new();
    for first in 0..lines.len() {
        let mut members: Vec<usize> = (0..lines.len())
            .filter(|&at| chain_of[at] == first)
            .collect();
        let Some(&largest) = members.first() else {
            continue;
        };
        let along = lines[largest].place.along();
        let position = |at: &usize| {
            let place = &lines[*at].place;
            place.x * along.0 + place.y * along.1
        };
        members.sort_by(|a, b| position(a).total_cmp(&position(b)));
        let mut neighbours: Vec<usize> = beside
            .iter()
            .flat_map(|&(i, j)| [(i, j), (j, i)])
            .filter(|&(here, there)| chain_of[here] == first && chain_of[there] != first)
            .map(|(_, there)| there)
            .collect();
        neighbours.sort_unstable();
        neighbours.dedup();
        chains.push(Chain {
            lines: members,
            beside: neighbours,
        });
    }
    chains
}

enum Relation {
    OnOneAxis,
    Beside,
    None,
}

fn relation(a: &Place, b: &Place, longest_gap: f32) -> Relation {
    // Against each other is parallel as well: what was read upside down still has its place.
    let turned = (a.angle - b.angle).rem_euclid(180.0);
    if turned.min(180.0 - turned) > PARALLEL {
        return Relation::None;
    }
    let (ax, ay) = if a.length >= b.length { a } else { b }.along();
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let (along, across) = ((dx * ax + dy * ay).abs(), (dy * ax - dx * ay).abs());
    let gap_along = along - (a.length + b.length) / 2.0;
    let gap_across = across - (a.height + b.height) / 2.0;
    let (lower, higher) = (a.height.min(b.height), a.height.max(b.height));
    let overlaps = -gap_across.max(-lower) >= lower / 2.0;
    if overlaps && gap_along <= (GAP * higher).min(longest_gap) {
        Relation::OnOneAxis
    } else if gap_across <= higher && gap_along <= higher {
        Relation::Beside
    } else {
        Relation::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, x: f32, y: f32, length: f32, height: f32, angle: f32) -> Line {
        Line {
            text: text.to_owned(),
            confidence: 1.0,
            place: Place {
                x,
                y,
                length,
                height,
                angle,
            },
        }
    }

    fn texts(lines: &[Line]) -> Vec<(Vec<&str>, Vec<&str>)> {
        let of = |at: &Vec<usize>| at.iter().map(|&at| lines[at].text.as_str()).collect();
        chains(lines, 1000, 800)
            .iter()
            .map(|chain| (of(&chain.lines), of(&chain.beside)))
            .collect()
    }

    #[test]
    fn lines_on_one_axis_are_a_chain_in_reading_order() {
        // A spine that is read downwards, leaning by 6 degrees, and its neighbour, read upwards.
        let lines = [
            line("BABEL", 104.0, 300.0, 200.0, 40.0, 88.0),
            line("KUANG", 100.0, 500.0, 100.0, 30.0, 94.0),
            line("EMMA", 200.0, 300.0, 200.0, 40.0, -90.0),
            line("AUSTEN", 200.0, 520.0, 120.0, 30.0, -90.0),
        ];
        assert_eq!(
            texts(&lines),
            [
                (vec!["BABEL", "KUANG"], vec![]),
                (vec!["AUSTEN", "EMMA"], vec![])
            ]
        );
    }

    #[test]
    fn a_second_line_of_a_title_is_beside_the_first() {
        let lines = [
            line("THE BODY KEEPS", 100.0, 300.0, 300.0, 30.0, 90.0),
            line("THE SCORE", 65.0, 300.0, 200.0, 30.0, 90.0),
            line("far away", 65.0, 700.0, 50.0, 30.0, 90.0),
            line("lies across", 100.0, 560.0, 80.0, 30.0, 0.0),
        ];
        let chains = texts(&lines);
        assert_eq!(chains[0], (vec!["THE BODY KEEPS"], vec!["THE SCORE"]));
        assert_eq!(chains[1].0[0], "THE SCORE");
        assert!(chains.iter().any(|(lines, _)| lines == &["lies across"]));
    }

    #[test]
    fn every_line_is_in_one_chain() {
        let mut random = 7u32;
        let mut next = |below: f32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as f32 / (1 << 24) as f32 * below
        };
        for count in 0..60 {
            let lines: Vec<Line> = (0..count)
                .map(|_| {
                    let length = 5.0 + next(200.0);
                    line(
                        "x",
                        next(1000.0),
                        next(800.0),
                        length,
                        5.0 + next(40.0),
                        next(360.0) - 180.0,
                    )
                })
                .collect();
            let mut seen: Vec<usize> = chains(&lines, 1000, 800)
                .into_iter()
                .flat_map(|chain| chain.lines)
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }
    }
}
