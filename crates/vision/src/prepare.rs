//! Preparation of a photo: one decoding for barcodes, quality and the vision model's JPEG.

use crate::barcode;
use crate::decode::{Decoded, decode};
use crate::detection::{BoundingBox, Detection};
use crate::orientation::Orientation;
use crate::probe::ImageError;
use crate::quality::Quality;
use crate::raster::{Gray, Rgb};

/// Limit of [`Prepared::jpeg`] in bytes: a value of the smallest platform's store, with room for an
/// encoding around it.
pub const MAX_JPEG_BYTES: usize = 900_000;

/// JPEG qualities, tried in turn until the photo fits; text stays legible down to the last.
const JPEG_QUALITIES: [u8; 4] = [85, 75, 60, 45];

/// The parts of a photo that the rest of a job needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The photo as JPEG: upright, without EXIF or any other metadata, the longest side at most
    /// [`crate::LONGEST_SIDE`], at most [`MAX_JPEG_BYTES`].
    pub jpeg: Vec<u8>,
    /// Width of `jpeg` in pixels.
    pub width: u32,
    /// Height of `jpeg` in pixels.
    pub height: u32,
    /// The photo's quality, measured from its pixels.
    pub quality: Quality,
    /// The ISBN barcodes of the photo, each once, with `photo` 0.
    pub barcodes: Vec<Detection>,
}

/// Decodes a photo once and makes all parts that a job needs. See [`Photo`] for the pieces.
///
/// # Errors
/// `ImageError` says why it cannot be decoded, or is not to be.
pub fn prepare(bytes: &[u8]) -> Result<Prepared, ImageError> {
    let mut photo = Photo::decode(bytes)?;
    let barcodes = photo.barcodes();
    photo.forget_barcodes();
    let (jpeg, width, height) = photo.jpeg()?;
    Ok(Prepared {
        jpeg,
        width,
        height,
        quality: photo.quality(),
        barcodes,
    })
}

/// A decoded photo, upright.
///
/// A JPEG is decoded at 1/2, 1/4 or 1/8 of its size when it would not fit
/// [`crate::MEMORY_BUDGET`] otherwise (4:2:0 baseline: from about 20 megapixels), PNG rows are
/// reduced as they come; of both, and of WebP, only a gray plane (at most 17 megapixels) and a
/// colour copy of at most [`crate::LONGEST_SIDE`] are kept.
pub struct Photo {
    luma: Gray,
    color: Rgb,
    orientation: Orientation,
}

impl Photo {
    /// Decodes JPEG, PNG or WebP.
    ///
    /// # Errors
    /// `ImageError` says why it cannot be decoded, or is not to be.
    pub fn decode(bytes: &[u8]) -> Result<Self, ImageError> {
        Self::decode_with(bytes, &mut || {})
    }

    /// Decodes JPEG, PNG or WebP, and calls `pulse` every now and then: decoding may take seconds.
    ///
    /// # Errors
    /// As of [`Photo::decode`].
    pub fn decode_with(bytes: &[u8], pulse: &mut dyn FnMut()) -> Result<Self, ImageError> {
        let Decoded {
            luma,
            color,
            orientation,
        } = decode(bytes, pulse)?;
        Ok(Self {
            luma,
            color: orientation.upright(color),
            orientation,
        })
    }

    /// Every ISBN barcode (EAN-13 that begins with 978 or 979) at any angle, each ISBN once.
    pub fn barcodes(&self) -> Vec<Detection> {
        self.barcodes_with(&mut || {})
    }

    /// Does the same as [`Self::barcodes`], with a `pulse` as of [`Self::decode_with`].
    pub fn barcodes_with(&self, pulse: &mut dyn FnMut()) -> Vec<Detection> {
        barcode::read(&self.luma, pulse)
            .into_iter()
            .map(|code| Detection {
                title: String::new(),
                author: String::new(),
                isbn: Some(code.isbn),
                confidence: 1.0,
                bounding_box: self.orientation.upright_box(&code.bounding_box),
                photo: 0,
            })
            .collect()
    }

    /// Frees the memory that only [`Self::barcodes`] needs; afterwards that finds none.
    pub fn forget_barcodes(&mut self) {
        self.luma = Gray {
            width: 0,
            height: 0,
            data: Vec::new(),
        };
    }

    /// A part of the photo; without barcodes.
    pub(crate) fn part(&self, region: &BoundingBox) -> Result<Self, ImageError> {
        let at = |share: f32, of: usize| ((share * of as f32).round() as usize).min(of);
        let (left, right) = (
            at(region.x1, self.color.width),
            at(region.x2, self.color.width),
        );
        let (top, bottom) = (
            at(region.y1, self.color.height),
            at(region.y2, self.color.height),
        );
        if left >= right || top >= bottom {
            return Err(ImageError::Damaged("a part of it is empty".to_owned()));
        }
        let rows = self.color.data.chunks_exact(self.color.width * 3);
        let rows = rows.skip(top).take(bottom - top);
        Ok(Self {
            luma: Gray {
                width: 0,
                height: 0,
                data: Vec::new(),
            },
            color: Rgb {
                width: right - left,
                height: bottom - top,
                data: rows
                    .flat_map(|row| &row[left * 3..right * 3])
                    .copied()
                    .collect(),
            },
            orientation: self.orientation,
        })
    }

    /// Width, height and pixels (red, green, blue) of the upright photo, at most
    /// [`crate::LONGEST_SIDE`] long.
    pub fn into_rgb(self) -> (usize, usize, Vec<u8>) {
        (self.color.width, self.color.height, self.color.data)
    }

    /// The photo's sharpness, exposure and glare.
    pub fn quality(&self) -> Quality {
        Quality::measure(&self.color)
    }

    /// The photo for a vision model, with its width and height; see [`Prepared::jpeg`].
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn jpeg(&self) -> Result<(Vec<u8>, u32, u32), ImageError> {
        for quality in JPEG_QUALITIES {
            let jpeg = encode(&self.color, quality)?;
            if jpeg.len() <= MAX_JPEG_BYTES {
                return Ok((jpeg, self.color.width as u32, self.color.height as u32));
            }
        }
        // Only noise is left that big; at half the size it compresses fourfold.
        let half = self.color.halved();
        let jpeg = encode(&half, JPEG_QUALITIES[3])?;
        Ok((jpeg, half.width as u32, half.height as u32))
    }
}

fn encode(color: &Rgb, quality: u8) -> Result<Vec<u8>, ImageError> {
    let mut jpeg = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder
        .encode(
            &color.data,
            color.width as u16,
            color.height as u16,
            jpeg_encoder::ColorType::Rgb,
        )
        .map_err(|e| ImageError::Damaged(format!("cannot be encoded again: {e}")))?;
    Ok(jpeg)
}
