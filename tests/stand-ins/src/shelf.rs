//! Books that the vision stand-ins see in a picture.

use std::io::Cursor;
use std::sync::Arc;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader};

use crate::catalogue::stable_hash;
use crate::seed::{self, NamedBook};

/// A book on a picture.
#[derive(Clone, Debug)]
pub(crate) struct Detection {
    pub title: String,
    pub author: String,
    pub confidence: f64,
    /// Edges of its box: top, left, bottom, right in 0..1 of the picture.
    pub corners: [f64; 4],
}

/// A decoded picture, reduced to what identifies it.
#[derive(Debug)]
pub(crate) struct Picture {
    pub width: u32,
    pub height: u32,
    fingerprint: Fingerprint,
    /// Hash of the file's bytes.
    hash: u64,
    /// Whether the picture is blank.
    blank: bool,
}

/// The reason why a picture is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum PictureError {
    #[error("the data is no picture of a known type")]
    Undecodable,
    #[error("the data is not of the type that the request names")]
    OtherType,
}

/// A fingerprint of a picture: for each of 16 rows of a 17 x 16 miniature, where it gets brighter
/// from left to right. It survives resizing and re-encoding.
type Fingerprint = [u16; 16];

/// The sample shelf's fingerprint; a test holds it against the file.
const SHELF: Fingerprint = [
    6, 6, 24611, 39, 3703, 30835, 31843, 32355, 31603, 13171, 30827, 32099, 30515, 32547, 61219,
    6131,
];

/// Number of bits, of 256, by which another encoding of the same picture may differ. Unrelated
/// pictures differ in about 128.
const TOLERANCE: u32 = 40;

/// Boxes of the sample shelf's books in the order of its list (top, left, bottom, right in
/// thousandths, measured on the picture), each with the legibility of the spine.
const SHELF_BOOKS: [([u16; 4], f64); 13] = [
    ([324, 118, 380, 515], 0.97),
    ([379, 108, 483, 537], 0.98),
    ([483, 112, 551, 538], 0.88),
    ([548, 104, 638, 536], 0.93),
    ([635, 103, 723, 541], 0.98),
    ([720, 114, 810, 552], 0.82),
    ([319, 536, 814, 644], 0.94),
    ([345, 640, 794, 668], 0.57),
    ([315, 660, 793, 721], 0.71),
    ([294, 710, 802, 783], 0.96),
    ([328, 771, 797, 825], 0.89),
    ([233, 828, 815, 930], 0.99),
    ([294, 920, 827, 992], 0.95),
];

impl Picture {
    /// Decodes a picture of this MIME type (`image/jpeg`, `image/png`, `image/webp`).
    ///
    /// # Errors
    /// When it is no such picture, or is damaged.
    pub(crate) fn decode(mime_type: &str, bytes: &[u8]) -> Result<Self, PictureError> {
        let format = image::guess_format(bytes).map_err(|_| PictureError::Undecodable)?;
        if ImageFormat::from_mime_type(mime_type) != Some(format) {
            return Err(PictureError::OtherType);
        }
        let image = ImageReader::with_format(Cursor::new(bytes), format).decode();
        let image = image.map_err(|_| PictureError::Undecodable)?;
        let (fingerprint, blank) = fingerprint(&image);
        Ok(Self {
            width: image.width(),
            height: image.height(),
            fingerprint,
            hash: stable_hash(&[bytes]),
            blank,
        })
    }

    fn is_sample_shelf(&self) -> bool {
        let pairs = self.fingerprint.iter().zip(&SHELF);
        pairs.map(|(a, b)| (a ^ b).count_ones()).sum::<u32>() <= TOLERANCE
    }
}

fn fingerprint(image: &DynamicImage) -> (Fingerprint, bool) {
    let small = image
        .resize_exact(17, 16, FilterType::Triangle)
        .into_luma8();
    let bits = std::array::from_fn(|y| {
        let pixel = |x: u32| small.get_pixel(x, y as u32).0[0];
        (0..16).fold(0, |row, x| row << 1 | u16::from(pixel(x + 1) > pixel(x)))
    });
    let darkest = small.pixels().map(|p| p.0[0]).min().unwrap_or_default();
    let brightest = small.pixels().map(|p| p.0[0]).max().unwrap_or_default();
    (bits, brightest - darkest < 8)
}

/// A simulated model that reads spines: the sample shelf's on the sample shelf, on any other
/// picture some books of the sample library, always the same for the same file, and none on a blank
/// one.
pub(crate) struct Eye {
    shelf: Arc<[NamedBook]>,
    library: Arc<[NamedBook]>,
}

impl Eye {
    pub(crate) fn open() -> anyhow::Result<Self> {
        Ok(Self {
            shelf: seed::shelf()?.into(),
            library: seed::library_spines()?.into(),
        })
    }

    pub(crate) fn look(&self, picture: &Picture) -> Vec<Detection> {
        if picture.is_sample_shelf() {
            let books = self.shelf.iter().zip(SHELF_BOOKS);
            return books
                .map(|(spine, (corners, confidence))| Detection {
                    title: spine.title.clone(),
                    author: spine.author.clone(),
                    confidence,
                    corners: corners.map(|n| f64::from(n) / 1000.0),
                })
                .collect();
        }
        if picture.blank {
            return Vec::new();
        }
        let count = 4 + picture.hash as usize % 7;
        let width = 0.96 / count as f64;
        let mut seen = Vec::new();
        (0u64..)
            .map(|n| stable_hash(&[&picture.hash.to_string(), &n.to_string()]))
            .filter(|hash| {
                let book = *hash as usize % self.library.len();
                let new = !seen.contains(&book);
                seen.push(book);
                new
            })
            .take(count)
            .enumerate()
            .map(|(n, hash)| {
                let spine = &self.library[hash as usize % self.library.len()];
                let left = 0.02 + width * n as f64;
                Detection {
                    title: spine.title.clone(),
                    author: spine.author.clone(),
                    confidence: 0.5 + (hash >> 32) as f64 % 50.0 / 100.0,
                    corners: [0.1, left, 0.9, left + width * 0.95],
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    const SAMPLE: &[u8] = include_bytes!("../../data/bookshelf-13.jpg");

    fn jpeg(image: &DynamicImage, quality: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode_image(image)
            .unwrap();
        bytes
    }

    #[test]
    fn the_sample_shelf_is_known_again_small_and_badly_compressed() {
        let sample = image::load_from_memory(SAMPLE).unwrap();
        assert_eq!(fingerprint(&sample).0, SHELF, "update SHELF");
        let eye = Eye::open().unwrap();
        let sample = sample.thumbnail(1024, 1024);
        for (width, quality) in [(1024, 85), (640, 40), (333, 70)] {
            let small = sample.resize(width, width, FilterType::CatmullRom);
            let bytes = jpeg(&small, quality);
            let picture = Picture::decode("image/jpeg", &bytes).unwrap();
            assert_eq!(eye.look(&picture).len(), 13, "{width} {quality}");
        }
        for other in [
            sample.rotate90(),
            sample.fliph(),
            sample.crop_imm(0, 0, 500, 768),
        ] {
            let (bits, _) = fingerprint(&other);
            let away: u32 = bits
                .iter()
                .zip(&SHELF)
                .map(|(a, b)| (a ^ b).count_ones())
                .sum();
            assert!(away > 2 * TOLERANCE, "{away}");
        }
    }

    #[test]
    fn any_other_picture_shows_the_same_few_books_each_time() {
        let eye = Eye::open().unwrap();
        let gradient = |shift: u32| {
            image::RgbImage::from_fn(300, 200, |x, y| {
                image::Rgb([(x + shift) as u8, y as u8, (x * y) as u8])
            })
        };
        let titles = |shift| {
            let bytes = jpeg(&gradient(shift).into(), 80);
            let picture = Picture::decode("image/jpeg", &bytes).unwrap();
            let books = eye.look(&picture);
            books.into_iter().map(|book| book.title).collect::<Vec<_>>()
        };
        assert!((4..=10).contains(&titles(0).len()));
        assert_eq!(titles(0), titles(0));
        assert_ne!(titles(0), titles(99));
    }

    #[test]
    fn what_is_no_picture_of_the_stated_type_is_refused() {
        let decode = |mime, bytes| Picture::decode(mime, bytes).map(|_| ());
        assert_eq!(decode("image/png", SAMPLE), Err(PictureError::OtherType));
        assert_eq!(decode("text/plain", SAMPLE), Err(PictureError::OtherType));
        assert_eq!(
            decode("image/jpeg", b"hello"),
            Err(PictureError::Undecodable)
        );
        assert_eq!(decode("image/jpeg", b""), Err(PictureError::Undecodable));
    }
}
