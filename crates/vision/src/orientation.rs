//! Orientation of the camera, as EXIF tells it.

use crate::BoundingBox;
use crate::raster::Rgb;

/// The transformation that makes a stored photo upright: first swap the axes, then mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orientation {
    swap: bool,
    mirror_x: bool,
    mirror_y: bool,
}

impl Orientation {
    /// Reads an EXIF block that begins with its TIFF header; upright when that says nothing usable.
    pub(crate) fn from_exif(exif: &[u8]) -> Self {
        let tag = exif::Reader::new()
            .read_raw(exif.to_vec())
            .ok()
            .and_then(|exif| {
                let field = exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?;
                field.value.get_uint(0)
            });
        Self::from_tag(tag.unwrap_or(1))
    }

    /// Reads the value of the EXIF tag 0x0112.
    fn from_tag(tag: u32) -> Self {
        let (swap, mirror_x, mirror_y) = match tag {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self {
            swap,
            mirror_x,
            mirror_y,
        }
    }

    pub(crate) fn size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.swap {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// A box of the stored photo as a box of the upright one.
    pub(crate) fn upright_box(self, stored: &BoundingBox) -> BoundingBox {
        let point = |x: f32, y: f32| {
            let (x, y) = self.size((x, y));
            let mirror = |yes: bool, v: f32| if yes { 1.0 - v } else { v };
            (mirror(self.mirror_x, x), mirror(self.mirror_y, y))
        };
        BoundingBox::new(point(stored.x1, stored.y1), point(stored.x2, stored.y2))
    }

    pub(crate) fn upright(self, stored: Rgb) -> Rgb {
        if self == Self::default() {
            return stored;
        }
        let (width, height) = self.size((stored.width, stored.height));
        let mut data = Vec::with_capacity(stored.data.len());
        for y in 0..height {
            for x in 0..width {
                let x = if self.mirror_x { width - 1 - x } else { x };
                let y = if self.mirror_y { height - 1 - y } else { y };
                let (x, y) = self.size((x, y));
                let at = (y * stored.width + x) * 3;
                data.extend_from_slice(&stored.data[at..at + 3]);
            }
        }
        Rgb {
            width,
            height,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 3 x 2 photo with the pixels 1 2 3 / 4 5 6.
    fn stored() -> Rgb {
        Rgb {
            width: 3,
            height: 2,
            data: (1..=6).flat_map(|v| [v; 3]).collect(),
        }
    }

    #[test]
    fn every_orientation_turns_pixels_and_boxes_the_same_way() {
        let expected: [(u32, &[u8]); 8] = [
            (1, &[1, 2, 3, 4, 5, 6]),
            (2, &[3, 2, 1, 6, 5, 4]),
            (3, &[6, 5, 4, 3, 2, 1]),
            (4, &[4, 5, 6, 1, 2, 3]),
            (5, &[1, 4, 2, 5, 3, 6]),
            (6, &[4, 1, 5, 2, 6, 3]),
            (7, &[6, 3, 5, 2, 4, 1]),
            (8, &[3, 6, 2, 5, 1, 4]),
        ];
        for (tag, pixels) in expected {
            let orientation = Orientation::from_tag(tag);
            let upright = orientation.upright(stored());
            let got: Vec<u8> = upright.data.iter().step_by(3).copied().collect();
            assert_eq!(got, pixels, "orientation {tag}");
            // The box of the pixel 1 lies where the pixel 1 went.
            let at = got.iter().position(|v| *v == 1).unwrap();
            let (w, h) = (upright.width as f32, upright.height as f32);
            let (x, y) = ((at % upright.width) as f32, (at / upright.width) as f32);
            let moved = orientation.upright_box(&BoundingBox::new((0.0, 0.0), (1.0 / 3.0, 0.5)));
            let close = |a: f32, b: f32| (a - b).abs() < 1e-6;
            assert!(
                close(moved.x1, x / w)
                    && close(moved.y1, y / h)
                    && close(moved.x2, (x + 1.0) / w)
                    && close(moved.y2, (y + 1.0) / h),
                "orientation {tag}: {moved:?}"
            );
        }
    }

    #[test]
    fn a_useless_exif_block_means_upright() {
        for exif in [&b""[..], b"II*\0", b"not exif at all", &[0xff; 64]] {
            assert_eq!(Orientation::from_exif(exif), Orientation::default());
        }
    }
}
