//! Reductions of a photo, on which everything else works, filled row by row so that a decoder that
//! yields rows never needs the whole photo in memory.

/// Longest side, in pixels, of a photo for a vision model. OpenAI reduces anything larger to this
/// itself, Gemini cuts images into 768-pixel tiles; at 2048 a spine of a fully photographed shelf
/// of 40 books is still 50 pixels wide, enough to read its title, and a JPEG of that size stays
/// under 1 MB.
pub const LONGEST_SIDE: u32 = 2048;

/// Number of pixels above which the luma plane is halved.
const MAX_LUMA: u64 = 17_000_000;

/// A grey image: one byte per pixel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gray {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

/// A colour image: three bytes per pixel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rgb {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

impl Gray {
    /// The image at half its width and height.
    pub(crate) fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut data = Vec::with_capacity(width * height);
        for rows in self.data.chunks_exact((2 * self.width).max(1)).take(height) {
            let (upper, lower) = rows.split_at(self.width);
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            data.extend(pairs.map(|(a, b)| {
                let sum = [a[0], a[1], b[0], b[1]].map(u16::from).iter().sum::<u16>();
                (sum / 4) as u8
            }));
        }
        Self {
            width,
            height,
            data,
        }
    }
}

impl Rgb {
    /// The image at half its width and height.
    pub(crate) fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let mut data = Vec::with_capacity(width * height * 3);
        let sample = |x: usize, y: usize, channel: usize| {
            let (x, y) = (x.min(self.width - 1), y.min(self.height - 1));
            u16::from(self.data[(y * self.width + x) * 3 + channel])
        };
        for y in 0..height {
            for x in 0..width {
                for c in 0..3 {
                    let (x, y) = (2 * x, 2 * y);
                    let sum = sample(x, y, c)
                        + sample(x + 1, y, c)
                        + sample(x, y + 1, c)
                        + sample(x + 1, y + 1, c);
                    data.push((sum / 4) as u8);
                }
            }
        }
        Self {
            width,
            height,
            data,
        }
    }
}

/// Takes the rows of a photo from top to bottom.
pub(crate) struct Raster {
    luma: Luma,
    color: Color,
    width: usize,
}

/// The size in bytes of a raster of a photo with these dimensions.
pub(crate) fn bytes(width: u32, height: u32) -> u64 {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let factor = luma_factor(width, height) as u64;
    pixels((width, height)) / (factor * factor) + 3 * pixels(fit(width, height))
}

/// The size with the same shape whose longest side is at most [`LONGEST_SIDE`].
fn fit(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= LONGEST_SIDE {
        return (width, height);
    }
    let scale = |side: u32| {
        let scaled = u64::from(side) * u64::from(LONGEST_SIDE) / u64::from(longest);
        (scaled as u32).max(1)
    };
    (scale(width), scale(height))
}

fn luma_factor(width: u32, height: u32) -> usize {
    if u64::from(width) * u64::from(height) > MAX_LUMA {
        2
    } else {
        1
    }
}

impl Raster {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let (out_width, out_height) = fit(width, height);
        let factor = luma_factor(width, height);
        let (width, height) = (width as usize, height as usize);
        Self {
            luma: Luma::new(width, height, factor),
            color: Color::new(width, height, out_width as usize, out_height as usize),
            width,
        }
    }

    /// Takes the next row, as `width * 3` bytes; what is more or less than the announced size is
    /// ignored.
    pub(crate) fn push(&mut self, rgb: &[u8]) {
        if rgb.len() == self.width * 3 {
            self.luma.push(rgb);
            self.color.push(rgb);
        }
    }

    /// Ends the photo; rows that were never pushed are black.
    pub(crate) fn finish(self) -> (Gray, Rgb) {
        (self.luma.finish(), self.color.finish())
    }
}

/// The ITU-R BT.601 luma of a colour.
pub(crate) fn luma(rgb: &[u8]) -> u8 {
    ((u32::from(rgb[0]) * 77 + u32::from(rgb[1]) * 150 + u32::from(rgb[2]) * 29) >> 8) as u8
}

struct Luma {
    factor: usize,
    width: usize,
    height: usize,
    sums: Vec<u16>,
    rows_in_sums: usize,
    data: Vec<u8>,
}

impl Luma {
    fn new(width: usize, height: usize, factor: usize) -> Self {
        let (width, height) = (width / factor, height / factor);
        Self {
            factor,
            width,
            height,
            sums: vec![0; if factor == 1 { 0 } else { width }],
            rows_in_sums: 0,
            data: Vec::with_capacity(width * height),
        }
    }

    fn push(&mut self, rgb: &[u8]) {
        if self.data.len() == self.width * self.height {
            return;
        }
        if self.factor == 1 {
            self.data.extend(rgb.chunks_exact(3).map(luma));
            return;
        }
        for (sum, pixels) in self.sums.iter_mut().zip(rgb.chunks_exact(3 * self.factor)) {
            *sum += pixels
                .chunks_exact(3)
                .map(|p| u16::from(luma(p)))
                .sum::<u16>();
        }
        self.rows_in_sums += 1;
        if self.rows_in_sums == self.factor {
            let area = (self.factor * self.factor) as u16;
            self.data
                .extend(self.sums.iter().map(|sum| (sum / area) as u8));
            self.sums.fill(0);
            self.rows_in_sums = 0;
        }
    }

    fn finish(mut self) -> Gray {
        self.data.resize(self.width * self.height, 0);
        Gray {
            width: self.width,
            height: self.height,
            data: self.data,
        }
    }
}

/// Reduces by averaging areas: each output pixel is the mean of what it covers, in lengths of
/// 1/output of a source pixel, so that no weight is rounded.
struct Color {
    height: usize,
    out_width: usize,
    out_height: usize,
    /// The output column where each source column begins, and how much of it lies there.
    columns: Vec<(u32, u32)>,
    row: Vec<u32>,
    sums: Vec<f32>,
    y: usize,
    data: Vec<u8>,
}

impl Color {
    fn new(width: usize, height: usize, out_width: usize, out_height: usize) -> Self {
        let columns = if (width, height) == (out_width, out_height) {
            Vec::new()
        } else {
            (0..width).map(|x| split(x, width, out_width)).collect()
        };
        Self {
            height,
            out_width,
            out_height,
            columns,
            row: vec![0; (out_width + 1) * 3],
            sums: vec![0.0; out_width * 3],
            y: 0,
            data: Vec::with_capacity(out_width * out_height * 3),
        }
    }

    fn push(&mut self, rgb: &[u8]) {
        if self.y == self.height {
            return;
        }
        let y = self.y;
        self.y += 1;
        if self.columns.is_empty() {
            self.data.extend_from_slice(rgb);
            return;
        }
        self.row.fill(0);
        let whole = self.out_width as u32;
        for (pixel, &(column, here)) in rgb.chunks_exact(3).zip(&self.columns) {
            let at = column as usize * 3;
            for (channel, &value) in pixel.iter().enumerate() {
                self.row[at + channel] += u32::from(value) * here;
                self.row[at + 3 + channel] += u32::from(value) * (whole - here);
            }
        }
        let (out_y, here) = split(y, self.height, self.out_height);
        let next = self.out_height as u32 - here;
        for (sum, &value) in self.sums.iter_mut().zip(&self.row) {
            *sum += value as f32 * here as f32;
        }
        let ends_row = next > 0 || (y + 1) * self.out_height == (out_y as usize + 1) * self.height;
        if ends_row {
            let area = self.columns.len() as f32 * self.height as f32;
            for (sum, &value) in self.sums.iter_mut().zip(&self.row) {
                self.data.push((*sum / area + 0.5) as u8);
                *sum = value as f32 * next as f32;
            }
        }
    }

    fn finish(mut self) -> Rgb {
        self.data.resize(self.out_width * self.out_height * 3, 0);
        Rgb {
            width: self.out_width,
            height: self.out_height,
            data: self.data,
        }
    }
}

/// The cell in which source cell `at` of `from` begins, among `to <= from` output cells, and how
/// much of it, in units of 1/`to`, lies in that cell; the rest lies in the next.
fn split(at: usize, from: usize, to: usize) -> (u32, u32) {
    let begin = at * to;
    let cell = begin / from;
    let here = ((cell + 1) * from - begin).min(to);
    (cell as u32, here as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduce(width: u32, height: u32, pixel: impl Fn(u32, u32) -> u8) -> (Gray, Rgb) {
        let mut raster = Raster::new(width, height);
        for y in 0..height {
            let row: Vec<u8> = (0..width).flat_map(|x| [pixel(x, y); 3]).collect();
            raster.push(&row);
        }
        raster.finish()
    }

    #[test]
    fn a_small_photo_is_kept_as_it_is() {
        let (gray, rgb) = reduce(40, 30, |x, y| (x * y % 256) as u8);
        assert_eq!((rgb.width, rgb.height), (40, 30));
        assert_eq!((gray.width, gray.height), (40, 30));
        for (i, p) in rgb.data.chunks(3).enumerate() {
            assert_eq!(u32::from(p[0]), (i as u32 % 40) * (i as u32 / 40) % 256);
        }
    }

    #[test]
    fn a_flat_photo_stays_flat_at_any_ratio() {
        for (w, h) in [(2049, 17), (3000, 200), (4032, 302), (5000, 64), (64, 5000)] {
            let (gray, rgb) = reduce(w, h, |_, _| 200);
            assert_eq!(rgb.width.max(rgb.height), 2048);
            assert_eq!(rgb.data.len(), rgb.width * rgb.height * 3);
            assert!(rgb.data.iter().all(|v| *v == 200), "{w}x{h}");
            assert_eq!(gray.data.len(), gray.width * gray.height);
        }
    }

    #[test]
    fn reduction_keeps_the_place_and_the_mean() {
        // A ramp stays a ramp: each output pixel is the mean of the source it covers.
        let (_, rgb) = reduce(4096, 20, |x, _| (x / 16) as u8);
        for x in 0..2048 {
            assert_eq!(u32::from(rgb.data[x * 3]), x as u32 * 2 / 16);
        }
    }

    #[test]
    fn a_very_large_photo_has_its_luma_halved() {
        let (gray, _) = reduce(5000, 4000, |x, _| if x % 2 == 0 { 0 } else { 200 });
        assert_eq!((gray.width, gray.height), (2500, 2000));
        assert!(gray.data.iter().all(|v| (99..=100).contains(v)));
    }
}
