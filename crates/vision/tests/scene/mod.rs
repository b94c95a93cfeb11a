//! Drawn photos: a background, barcodes in front, and what a camera adds.

use barcoders::sym::ean13::EAN13;

pub(crate) struct Scene {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
    random: u64,
}

/// Position of a drawn barcode, and the view of it.
#[derive(Clone, Copy)]
pub(crate) struct Placed {
    /// Position of the middle in pixels.
    pub at: (f32, f32),
    /// Width of a module in pixels, in the middle of the code.
    pub module: f32,
    /// Angle clockwise, in degrees.
    pub angle: f32,
    /// Factor by which the right end appears larger than the left, less 1.
    pub perspective: f32,
    /// Height of the bars in modules: 60 is usual.
    pub height: f32,
}

impl Scene {
    /// Books of all colours with stripes and lettering-like bars, none of which is a barcode.
    pub(crate) fn shelf(width: usize, height: usize, seed: u64) -> Self {
        let mut scene = Self {
            width,
            height,
            rgb: vec![60; width * height * 3],
            random: seed | 1,
        };
        let mut left = 0;
        while left < width {
            let spine = 25 + scene.next(60) as usize;
            let color = [0; 3].map(|_: u8| 30 + scene.next(180) as u8);
            let ink = [0; 3].map(|_: u8| scene.next(256) as u8);
            let right = (left + spine).min(width);
            let mut y = height / 20;
            while y < height {
                let letter = 2 + scene.next(9) as usize;
                let written = scene.next(3) > 0 && y > height / 6 && y < height * 5 / 6;
                for row in y..(y + letter).min(height) {
                    for x in left..right {
                        let inset = x > left + spine / 4 && x < left + spine * 3 / 4;
                        let rgb = if written && inset { ink } else { color };
                        let at = (row * width + x) * 3;
                        scene.rgb[at..at + 3].copy_from_slice(&rgb);
                    }
                }
                y += letter;
            }
            left = right;
        }
        scene
    }

    pub(crate) fn from_rgb(width: usize, height: usize, rgb: Vec<u8>) -> Self {
        Self {
            width,
            height,
            rgb,
            random: 1,
        }
    }

    /// Prints a code (12 or 13 digits) on white, with its quiet zones.
    pub(crate) fn barcode(&mut self, digits: &str, placed: Placed) {
        const QUIET: f32 = 10.0;
        let modules = EAN13::new(digits).expect("valid digits").encode();
        let (sin, cos) = placed.angle.to_radians().sin_cos();
        let half = (47.5 + QUIET) * (1.0 + placed.perspective.abs());
        let reach = half.hypot(placed.height) * placed.module;
        let clamp = |v: f32, most: usize| v.clamp(0.0, most as f32) as usize;
        let rows = clamp(placed.at.1 - reach, self.height)..clamp(placed.at.1 + reach, self.height);
        let columns =
            clamp(placed.at.0 - reach, self.width)..clamp(placed.at.0 + reach, self.width);
        for y in rows {
            for x in columns.clone() {
                // Nine samples a pixel: where each lies in the code, in modules from its middle.
                let (mut light, mut inside) = (0.0, 0);
                for sample in 0..9 {
                    let dx = x as f32 + (sample % 3) as f32 / 3.0 + 0.17 - placed.at.0;
                    let dy = y as f32 + (sample / 3) as f32 / 3.0 + 0.17 - placed.at.1;
                    let u = (dx * cos + dy * sin) / placed.module;
                    let v = (dy * cos - dx * sin) / placed.module;
                    let depth = 1.0 - placed.perspective * u / 95.0;
                    let (u, v) = (u * depth, v * depth);
                    if u.abs() > 47.5 + QUIET || v.abs() > placed.height / 2.0 + 4.0 {
                        continue;
                    }
                    inside += 1;
                    let module = (u + 47.5).floor();
                    let dark = v.abs() <= placed.height / 2.0
                        && (0.0..95.0).contains(&module)
                        && modules[module as usize] == 1;
                    light += if dark { 35.0 } else { 225.0 };
                }
                if inside > 0 {
                    let at = (y * self.width + x) * 3;
                    for value in &mut self.rgb[at..at + 3] {
                        let behind = f32::from(*value) * (9 - inside) as f32;
                        *value = ((light + behind) / 9.0) as u8;
                    }
                }
            }
        }
    }

    /// Adds the blur of a lens out of focus (standard deviation in pixels), then a sensor's noise
    /// (standard deviation in luma).
    pub(crate) fn degrade(&mut self, blur: f32, noise: f32) {
        if blur > 0.0 {
            let radius = (blur * 3.0).ceil() as isize;
            let kernel: Vec<f32> = (-radius..=radius)
                .map(|i| (-(i * i) as f32 / (2.0 * blur * blur)).exp())
                .collect();
            self.convolve(&kernel, 3, self.width, self.width * 3, self.height);
            self.convolve(&kernel, self.width * 3, self.height, 3, self.width);
        }
        for at in 0..self.rgb.len() {
            // Three uniform values make nearly a normal one.
            let sum: f32 = (0..3).map(|_| self.next(1000) as f32 / 1000.0).sum();
            let value = f32::from(self.rgb[at]) + (sum - 1.5) * 2.0 * noise;
            self.rgb[at] = value.clamp(0.0, 255.0) as u8;
        }
    }

    fn convolve(&mut self, kernel: &[f32], step: usize, length: usize, line: usize, lines: usize) {
        let total: f32 = kernel.iter().sum();
        let radius = kernel.len() / 2;
        for start in (0..lines).flat_map(|i| (0..3).map(move |channel| i * line + channel)) {
            let old: Vec<u8> = (0..length).map(|i| self.rgb[start + i * step]).collect();
            for i in 0..length {
                let sum: f32 = kernel
                    .iter()
                    .enumerate()
                    .map(|(k, weight)| {
                        let at = (i + k).saturating_sub(radius).min(length - 1);
                        f32::from(old[at]) * weight
                    })
                    .sum();
                self.rgb[start + i * step] = (sum / total) as u8;
            }
        }
    }

    pub(crate) fn jpeg(&self, quality: u8) -> Vec<u8> {
        self.jpeg_with(quality, |_| {})
    }

    pub(crate) fn jpeg_with(
        &self,
        quality: u8,
        configure: impl FnOnce(&mut jpeg_encoder::Encoder<&mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, quality);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        configure(&mut encoder);
        let (width, height) = (self.width as u16, self.height as u16);
        encoder
            .encode(&self.rgb, width, height, jpeg_encoder::ColorType::Rgb)
            .expect("a valid size");
        jpeg
    }

    /// Returns a pseudo-random number below `below` (xorshift64*).
    fn next(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }
}
