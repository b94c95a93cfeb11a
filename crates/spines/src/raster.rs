//! The photo, and samples of it along any direction.

/// An upright photo: three bytes (red, green, blue) per pixel, from top to bottom.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Raster {
    /// A photo of these pixels; `None` when the size is not theirs, or there are none.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Option<Self> {
        let fits =
            width > 0 && width.checked_mul(height)?.checked_mul(3)? == rgb.len() && !rgb.is_empty();
        fits.then_some(Self { width, height, rgb })
    }

    /// The width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    pub(crate) fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// The colour at a point, interpolated between the four pixels around it. Pixel 0 has its
    /// centre at 0.5, and the border goes on outside of the photo.
    pub(crate) fn sample(&self, x: f32, y: f32) -> [f32; 3] {
        let within = |v: f32, side: usize| (v - 0.5).clamp(0.0, (side - 1) as f32);
        let (x, y) = (within(x, self.width), within(y, self.height));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = (
            (left + 1).min(self.width - 1),
            (top + 1).min(self.height - 1),
        );
        let (fx, fy) = (x - left as f32, y - top as f32);
        let corners = [
            (self.pixel(left, top), (1.0 - fx) * (1.0 - fy)),
            (self.pixel(right, top), fx * (1.0 - fy)),
            (self.pixel(left, bottom), (1.0 - fx) * fy),
            (self.pixel(right, bottom), fx * fy),
        ];
        let mut color = [0.0; 3];
        for (pixel, weight) in corners {
            for (sum, value) in color.iter_mut().zip(pixel) {
                *sum += f32::from(value) * weight;
            }
        }
        color
    }
}
