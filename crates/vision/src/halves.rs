//! Division of a photo in two, for models that cannot name all books on it in one answer.

use crate::detection::{BoundingBox, Detection};
use crate::prepare::{Photo, Prepared};
use crate::probe::ImageError;

/// Overlap of the halves, as a fraction of the photo, so that no book is cut by the line between
/// them.
const OVERLAP: f32 = 0.12;

/// One part of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Half {
    /// The part as JPEG, as [`Prepared::jpeg`] is the whole.
    pub jpeg: Vec<u8>,
    /// Width of `jpeg` in pixels.
    pub width: u32,
    /// Height of `jpeg` in pixels.
    pub height: u32,
    /// Position of the part on the photo.
    pub region: BoundingBox,
}

impl Half {
    /// Moves books that were seen on this part to their places on the whole photo.
    #[must_use]
    pub fn on_the_whole(&self, mut seen: Vec<Detection>) -> Vec<Detection> {
        let region = &self.region;
        let (width, height) = (region.x2 - region.x1, region.y2 - region.y1);
        for detection in &mut seen {
            let place = detection.bounding_box;
            let x = |x: f32| region.x1 + x * width;
            let y = |y: f32| region.y1 + y * height;
            detection.bounding_box =
                BoundingBox::new((x(place.x1), y(place.y1)), (x(place.x2), y(place.y2)));
        }
        seen
    }
}

/// The two halves of a prepared photo, side by side or one above the other, whichever is longer;
/// they overlap a little.
///
/// # Errors
/// [`ImageError`] when the photo cannot be decoded or encoded.
pub fn halves(prepared: &Prepared) -> Result<[Half; 2], ImageError> {
    let photo = Photo::decode(&prepared.jpeg)?;
    let middle = 0.5;
    let (before, after) = (middle + OVERLAP / 2.0, middle - OVERLAP / 2.0);
    let regions = if prepared.width >= prepared.height {
        [
            BoundingBox::new((0.0, 0.0), (before, 1.0)),
            BoundingBox::new((after, 0.0), (1.0, 1.0)),
        ]
    } else {
        [
            BoundingBox::new((0.0, 0.0), (1.0, before)),
            BoundingBox::new((0.0, after), (1.0, 1.0)),
        ]
    };
    let [first, second] = regions.map(|region| {
        let (jpeg, width, height) = photo.part(&region)?.jpeg()?;
        Ok(Half {
            jpeg,
            width,
            height,
            region,
        })
    });
    Ok([first?, second?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::MIN_SIDE;

    fn prepared(width: u32, height: u32) -> Prepared {
        let pixels: Vec<u8> = (0..width * height).map(|n| (n % 251) as u8).collect();
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
        drop(writer);
        crate::prepare(&png).unwrap()
    }

    #[test]
    fn halves_are_of_the_longer_side_and_overlap() {
        let side = MIN_SIDE;
        for (width, height) in [(side * 2, side), (side, side * 2)] {
            let [first, second] = halves(&prepared(width, height)).unwrap();
            for half in [&first, &second] {
                let longer = if width > height {
                    half.width
                } else {
                    half.height
                };
                assert!(
                    (side + 1..side * 2 - side / 2).contains(&longer),
                    "{longer}"
                );
            }
            assert!(first.region.overlap(&second.region) > 0.1);
            let seen = Detection {
                title: "Babel".into(),
                author: String::new(),
                isbn: None,
                confidence: 1.0,
                bounding_box: BoundingBox::default(),
                photo: 0,
            };
            let seen = second.on_the_whole(vec![seen]);
            assert_eq!(seen[0].bounding_box, second.region);
        }
    }
}
