//! Books seen on photos, and their positions.

use books::Isbn;
use serde::{Deserialize, Serialize};

/// A rectangle in fractions of the upright photo: 0,0 is the top left, 1,1 the bottom right
/// corner, and `x1 <= x2`, `y1 <= y2`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Left edge.
    pub x1: f32,
    /// Upper edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Lower edge.
    pub y2: f32,
}

impl Default for BoundingBox {
    /// A box of the whole photo.
    fn default() -> Self {
        Self {
            x1: 0.0,
            y1: 0.0,
            x2: 1.0,
            y2: 1.0,
        }
    }
}

impl BoundingBox {
    /// Makes a box of two opposite corners in any order; parts outside the photo are cut off, and
    /// what is not a number is 0.
    pub fn new((xa, ya): (f32, f32), (xb, yb): (f32, f32)) -> Self {
        let inside = |v: f32| if v.is_nan() { 0.0 } else { v.clamp(0.0, 1.0) };
        let [xa, ya, xb, yb] = [xa, ya, xb, yb].map(inside);
        Self {
            x1: xa.min(xb),
            y1: ya.min(yb),
            x2: xa.max(xb),
            y2: ya.max(yb),
        }
    }

    /// Area, as a fraction of the photo's.
    pub fn area(&self) -> f32 {
        (self.x2 - self.x1) * (self.y2 - self.y1)
    }

    /// The area common to both, in fractions of the photo's area.
    pub fn overlap(&self, other: &Self) -> f32 {
        let width = self.x2.min(other.x2) - self.x1.max(other.x1);
        let height = self.y2.min(other.y2) - self.y1.max(other.y1);
        width.max(0.0) * height.max(0.0)
    }
}

/// A book that a barcode or a vision model has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// The title as printed on the book; empty when only its barcode was read.
    pub title: String,
    /// The author as printed; empty when it could not be read.
    pub author: String,
    /// The ISBN, from a barcode, or printed and read by a model.
    pub isbn: Option<Isbn>,
    /// Confidence, 0 to 1; 1 for a barcode, whose check digit has confirmed it.
    pub confidence: f32,
    /// The box around the book on its photo.
    pub bounding_box: BoundingBox,
    /// The number of the photo in the job, from 0.
    pub photo: u32,
}
