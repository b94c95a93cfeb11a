//! Photos of books, and a model of a vision model that knows them.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use job::{Lettering, ReadLine, Scan, SpineReader, SpineReading, SpineStage};
use serde_json::json;
use vision::{BoundingBox, Vision, VisionKind};

/// The address of the simulated vision model.
pub(crate) const MODEL: &str = "http://model";
/// Number of different photos.
pub(crate) const PHOTOS: usize = 4;
/// Number of books on each photo besides the one that is on all of them.
const BOOKS: [usize; PHOTOS] = [0, 3, 1, 6];

struct Photo {
    png: Vec<u8>,
    /// The photo in base64, as the model is sent it.
    base64: String,
}

static ALL: LazyLock<Vec<Photo>> = LazyLock::new(|| {
    (0..PHOTOS)
        .map(|n| {
            let png = draw(n);
            let base64 = vision::prepare(&png)
                .map(|prepared| STANDARD.encode(&prepared.jpeg))
                .unwrap_or_default();
            Photo { png, base64 }
        })
        .collect()
});

/// Draws a photo: as small as one may be, and of another gray than the others.
fn draw(n: usize) -> Vec<u8> {
    const SIDE: u32 = vision::MIN_SIDE;
    let gray = u8::try_from(n * 50).unwrap_or(u8::MAX);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Grayscale);
    let drawn = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&[gray; (SIDE * SIDE) as usize]));
    assert!(drawn.is_ok(), "memory does not fail");
    bytes
}

/// One of the photos.
pub(crate) fn photo(n: usize) -> Vec<u8> {
    ALL[n].png.clone()
}

/// The configuration of vision: with or without reading spines, which may come first.
pub(crate) fn scan(reads_spines: bool, spines_first: bool) -> Scan {
    Scan {
        models: vec![Vision::OpenAi {
            base_url: MODEL.to_owned(),
            api_key: None,
            model: "simulated".to_owned(),
            reasoning_effort: None,
        }],
        reads_spines,
        preferred: match spines_first {
            true => VisionKind::Spines,
            false => VisionKind::OpenAi,
        },
        timeout: Duration::from_secs(4),
        confidence_threshold: 0.6,
    }
}

fn titles(photo: usize) -> Vec<String> {
    let own = (0..BOOKS[photo]).map(|n| format!("Volume {photo}{n} of the Shelf"));
    ["The Book on Every Photo".to_owned()]
        .into_iter()
        .chain(own)
        .collect()
}

/// Whether a book of this title is on some photo; a spine that names no known book is its words.
pub(crate) fn has(title: &str) -> bool {
    let title = title.strip_suffix(" Some Body").unwrap_or(title);
    (0..PHOTOS).any(|photo| titles(photo).iter().any(|other| other == title))
}

/// The records that Open Library finds by the words on a spine: every book of every shelf, but the
/// one that it does not have.
pub(crate) fn by_words() -> Vec<String> {
    (0..PHOTOS)
        .flat_map(titles)
        .filter(|title| title != "Volume 31 of the Shelf")
        .map(|title| json!({"title": title, "author_name": ["Some Body"]}).to_string())
        .collect()
}

/// A model of the reader of spines: it knows the photos.
pub(crate) const SPINES: SpineStage<Spines> = SpineStage { reader: Spines };

/// The simulated reader of spines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spines;

/// The reading of one photo, of which every step reads one book.
pub(crate) struct Spine {
    titles: Vec<String>,
    read: usize,
}

impl SpineReader for Spines {
    type Reading = Spine;

    fn begin(
        &self,
        _: usize,
        _: usize,
        rgb: Vec<u8>,
        paused: Option<&[u8]>,
    ) -> Result<Spine, String> {
        let gray = usize::from(rgb.first().copied().unwrap_or_default());
        let titles = titles((gray + 25) / 50 % PHOTOS);
        let read = paused.and_then(<[u8]>::first).copied();
        Ok(Spine {
            titles,
            read: read.map_or(0, usize::from),
        })
    }
}

impl SpineReading for Spine {
    fn step(&mut self) -> Result<f32, String> {
        self.read += 1;
        Ok(self.read as f32 / self.titles.len() as f32)
    }

    fn pause(&self) -> Option<Vec<u8>> {
        u8::try_from(self.read).ok().map(|read| vec![read])
    }

    fn finish(self) -> Lettering {
        let read = &self.titles[..self.read];
        let line = |text: &str| books::Lettering {
            text: text.to_owned(),
            height: 10.0,
        };
        let texts = read
            .iter()
            .flat_map(|title| [line(title), line("Some Body")]);
        let lettering: Vec<_> = texts.collect();
        let place = ReadLine {
            bounding_box: BoundingBox::default(),
            confidence: 1.0,
        };
        Lettering {
            lines: vec![place; lettering.len()],
            shelf: books::Shelf {
                lettering,
                spines: (0..read.len())
                    .map(|n| books::Spine {
                        lines: vec![2 * n, 2 * n + 1],
                        beside: Vec::new(),
                    })
                    .collect(),
            },
        }
    }
}

/// The model's answer about the photo in a request.
pub(crate) fn describe(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let books: Vec<_> = ALL
        .iter()
        .position(|photo| text.contains(&photo.base64))
        .map(titles)
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(n, title)| {
            json!({"title": title, "author": "Some Body", "isbn": "", "confidence": 0.9,
                "box": [0, n * 100, 1000, n * 100 + 90]})
        })
        .collect();
    let content = json!({"books": books}).to_string();
    json!({"choices": [{"finish_reason": "stop", "message": {"content": content}}]}).to_string()
}
