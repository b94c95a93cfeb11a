//! The place of a line of text: a rectangle at any angle.

use serde::{Deserialize, Serialize};

/// A point or a direction, in pixels of the photo: x to the right, y down.
pub(crate) type Vector = (f32, f32);

/// The largest angle between parts of one line, in degrees.
const BENT: f32 = 5.0;

/// Least ratio between the heights of parts of one line: a part without long letters is lower.
const LOWER: f32 = 0.7;

/// The farthest that the axes of parts of one line are apart, in heights of the lower.
const ASIDE: f32 = 0.25;

/// A rectangle at any angle, in pixels of the photo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Distance of the centre from the left edge.
    pub x: f32,
    /// Distance of the centre from the upper edge.
    pub y: f32,
    /// Extent in the direction of `angle`.
    pub length: f32,
    /// The extent across the direction of reading.
    pub height: f32,
    /// The direction of reading in degrees, from -180 to 180: 0 is to the right, 90 is down.
    pub angle: f32,
}

impl Place {
    /// The unit vector along the line.
    pub(crate) fn along(&self) -> Vector {
        let (sin, cos) = self.angle.to_radians().sin_cos();
        (cos, sin)
    }

    /// Returns this place with text that runs at another angle, turned by a multiple of 90 degrees.
    pub(crate) fn turned(&self, quarters: i32) -> Self {
        let angle = self.angle + 90.0 * quarters as f32;
        let angle = (angle + 180.0).rem_euclid(360.0) - 180.0;
        let (length, height) = if quarters % 2 == 0 {
            (self.length, self.height)
        } else {
            (self.height, self.length)
        };
        Self {
            length,
            height,
            angle,
            ..*self
        }
    }

    /// The corners in order.
    pub fn corners(&self) -> [(f32, f32); 4] {
        let (ax, ay) = self.along();
        let corner = |along: f32, across: f32| {
            let (l, h) = (self.length / 2.0 * along, self.height / 2.0 * across);
            (self.x + ax * l - ay * h, self.y + ay * l + ax * h)
        };
        [
            corner(-1.0, -1.0),
            corner(1.0, -1.0),
            corner(1.0, 1.0),
            corner(-1.0, 1.0),
        ]
    }

    /// The place of the line of which both are parts, when they overlap along it; `None` when they
    /// are of two lines.
    pub(crate) fn line_with(&self, other: &Self) -> Option<Self> {
        let reach = (self.length + other.length) / 2.0 + self.height.min(other.height);
        let turned = (self.angle - other.angle).rem_euclid(180.0);
        let (lower, higher) = (self.height.min(other.height), self.height.max(other.height));
        if (self.x - other.x).abs().max((self.y - other.y).abs()) > reach
            || turned.min(180.0 - turned) > BENT
            || lower < LOWER * higher
        {
            return None;
        }
        let (long, short) = if self.length >= other.length {
            (self, other)
        } else {
            (other, self)
        };
        let (ax, ay) = long.along();
        let (dx, dy) = (short.x - long.x, short.y - long.y);
        let (along, across) = (dx * ax + dy * ay, dy * ax - dx * ay);
        if across.abs() > ASIDE * lower || along.abs() > (long.length + short.length) / 2.0 {
            return None;
        }
        let both = |a: f32, b: f32, shift: f32| {
            let (from, to) = ((-a).min(shift - b), a.max(shift + b));
            ((from + to) / 2.0, to - from)
        };
        let (l, length) = both(long.length / 2.0, short.length / 2.0, along);
        let (h, height) = both(long.height / 2.0, short.height / 2.0, across);
        Some(Self {
            x: long.x + ax * l - ay * h,
            y: long.y + ay * l + ax * h,
            length,
            height,
            angle: long.angle,
        })
    }

    pub(crate) fn is_finite(&self) -> bool {
        [self.x, self.y, self.length, self.height, self.angle]
            .iter()
            .all(|value| value.is_finite())
    }

    pub(crate) fn area(&self) -> f32 {
        self.length * self.height
    }

    /// The area that two places have in common, as a fraction of all they cover.
    pub(crate) fn intersection_over_union(&self, other: &Self) -> f32 {
        let reach = |p: &Self| p.length.hypot(p.height) / 2.0;
        if (self.x - other.x).hypot(self.y - other.y) >= reach(self) + reach(other) {
            return 0.0;
        }
        let common = area(&clip(self.corners().to_vec(), &other.corners()));
        common / (self.area() + other.area() - common).max(f32::EPSILON)
    }
}

/// The part of a convex polygon inside of another (Sutherland and Hodgman).
fn clip(mut polygon: Vec<Vector>, by: &[Vector]) -> Vec<Vector> {
    for (i, &from) in by.iter().enumerate() {
        let to = by[(i + 1) % by.len()];
        // Positive inside: the corners run clockwise as seen with y down.
        let side = |p: Vector| (to.0 - from.0) * (p.1 - from.1) - (to.1 - from.1) * (p.0 - from.0);
        let mut kept = Vec::with_capacity(polygon.len() + 1);
        for (j, &here) in polygon.iter().enumerate() {
            let next = polygon[(j + 1) % polygon.len()];
            let (a, b) = (side(here), side(next));
            if a >= 0.0 {
                kept.push(here);
            }
            if (a >= 0.0) != (b >= 0.0) {
                let t = a / (a - b);
                kept.push((
                    here.0 + (next.0 - here.0) * t,
                    here.1 + (next.1 - here.1) * t,
                ));
            }
        }
        polygon = kept;
    }
    polygon
}

fn area(polygon: &[Vector]) -> f32 {
    let twice: f32 = polygon
        .iter()
        .enumerate()
        .map(|(i, a)| {
            let b = polygon[(i + 1) % polygon.len()];
            a.0 * b.1 - a.1 * b.0
        })
        .sum();
    twice.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(x: f32, y: f32, length: f32, height: f32, angle: f32) -> Place {
        Place {
            x,
            y,
            length,
            height,
            angle,
        }
    }

    #[test]
    fn overlap_is_measured_at_any_angle() {
        let a = place(50.0, 50.0, 40.0, 10.0, 0.0);
        let iou = |b: Place| a.intersection_over_union(&b);
        assert!((iou(a) - 1.0).abs() < 1e-4);
        // Turned by a half it covers the same, by a quarter only the square in the middle.
        assert!((iou(a.turned(2)) - 1.0).abs() < 1e-4);
        let crossed = place(50.0, 50.0, 40.0, 10.0, 90.0);
        assert!((iou(crossed) - 100.0 / 700.0).abs() < 1e-4);
        // Half of it lies beside.
        assert!((iou(place(70.0, 50.0, 40.0, 10.0, 180.0)) - 200.0 / 600.0).abs() < 1e-4);
        assert_eq!(iou(place(50.0, 90.0, 40.0, 10.0, 30.0)), 0.0);
    }

    #[test]
    fn a_quarter_turn_covers_the_same_pixels() {
        let a = place(30.0, 20.0, 50.0, 8.0, 25.0);
        for quarters in -3..4 {
            let b = a.turned(quarters);
            assert!((a.intersection_over_union(&b) - 1.0).abs() < 1e-3);
            assert!((-180.0..=180.0).contains(&b.angle));
        }
        assert_eq!(a.turned(4).angle, a.angle);
    }

    #[test]
    fn parts_of_a_line_that_overlap_are_one_place() {
        for angle in [0.0, 90.0, -70.0, 178.0] {
            // A line that runs to the right, turned about the origin.
            let line = |x: f32, y: f32, length: f32, height: f32| {
                let (sin, cos) = f32::to_radians(angle).sin_cos();
                place(x * cos - y * sin, x * sin + y * cos, length, height, angle)
            };
            let whole = line(100.0, 0.0, 200.0, 20.0);
            let (front, rest) = (line(30.0, 0.0, 60.0, 20.0), line(125.0, 0.0, 150.0, 20.0));
            for (a, b) in [(front, rest), (rest, front), (front.turned(2), rest)] {
                let joined = a.line_with(&b).expect("they are parts of one line");
                assert!((joined.intersection_over_union(&whole) - 1.0).abs() < 1e-3);
            }
            for other in [
                line(140.0, 0.0, 150.0, 20.0),
                line(125.0, 8.0, 150.0, 20.0),
                line(125.0, 0.0, 150.0, 30.0),
                rest.turned(1),
            ] {
                assert_eq!(front.line_with(&other), None, "{other:?}");
            }
        }
    }
}
