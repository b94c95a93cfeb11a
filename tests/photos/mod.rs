//! Photos to upload: real, drawn and broken ones, and the request that carries them.

#![allow(dead_code, reason = "every test file uses another part of it")]

use std::io::Write;

use crate::app::http::Request;
use crate::app::{App, Job};
use crate::scene::{Placed, Scene};

/// A shelf with 13 books.
pub(crate) const SHELF: &[u8] = include_bytes!("../data/bookshelf-13.jpg");

/// The ISBNs on [`barcodes`].
pub(crate) const ISBNS: [&str; 3] = ["9780743273565", "9780063021426", "9791032305690"];

/// Photos as the parts of a form.
pub(crate) fn form(request: Request, photos: &[&[u8]]) -> Request {
    request.body("multipart/form-data; boundary=edge", body(photos))
}

/// The body of [`form`].
pub(crate) fn body(photos: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, photo) in photos.iter().enumerate() {
        let head = format!(
            "--edge\r\ncontent-disposition: form-data; name=\"photos\"; filename=\"{index}.jpg\"\r\n\
             content-type: image/jpeg\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(photo);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}

/// A scan of these photos that asks no vision model.
pub(crate) fn scan_barcodes(app: &App, photos: &[&[u8]]) -> Job {
    let request = app.request("POST", "/api/batch-scan");
    let request = request.header("x-ai-provider", "barcode");
    Job::of(&form(request, photos).send().data(202))
}

/// Three barcodes of books, each at another angle, before a shelf.
pub(crate) fn barcodes() -> Vec<u8> {
    let mut scene = Scene::shelf(1300, 900, 11);
    let places = [
        ((300.0, 250.0), 37.0),
        ((950.0, 300.0), 90.0),
        ((650.0, 700.0), 200.0),
    ];
    for (isbn, (at, angle)) in ISBNS.into_iter().zip(places) {
        let placed = Placed {
            at,
            module: 2.6,
            angle,
            perspective: 0.15,
            height: 50.0,
        };
        scene.barcode(isbn, placed);
    }
    scene.jpeg(80)
}

/// The right quarter of [`SHELF`], and beside it the barcode of another book.
pub(crate) fn quarter_of_a_shelf_and_barcode(isbn: &str) -> Vec<u8> {
    const BESIDE: usize = 400;
    let quarter = right_half(&half_a_shelf());
    let photo = vision::Photo::decode(&quarter).unwrap();
    let (width, height, rgb) = photo.into_rgb();
    let mut wider = Vec::with_capacity((width + BESIDE) * height * 3);
    for row in rgb.chunks(width * 3) {
        wider.extend_from_slice(row);
        wider.extend_from_slice(&[200; BESIDE * 3]);
    }
    let mut scene = Scene::from_rgb(width + BESIDE, height, wider);
    let placed = Placed {
        at: ((width + BESIDE / 2) as f32, height as f32 / 2.0),
        module: 3.0,
        angle: 0.0,
        perspective: 0.0,
        height: 50.0,
    };
    scene.barcode(isbn, placed);
    scene.jpeg(90)
}

/// The right half of [`SHELF`]: seven books, read in half the time.
pub(crate) fn half_a_shelf() -> Vec<u8> {
    right_half(SHELF)
}

fn right_half(photo: &[u8]) -> Vec<u8> {
    let prepared = vision::prepare(photo).unwrap();
    let [_, right] = vision::halves(&prepared).unwrap();
    right.jpeg
}

/// Coloured spines, which the vision stand-ins take for other books than those of another seed.
pub(crate) fn spines(seed: u64) -> Vec<u8> {
    Scene::shelf(640, 480, seed).jpeg(80)
}

/// So many photos of 12 megapixels and about 4 MB, as telephones take them: with a sensor's noise.
pub(crate) fn large(count: usize) -> Vec<Vec<u8>> {
    const WIDTH: usize = 4000;
    let mut scene = Scene::shelf(WIDTH, 3000, 5);
    scene.degrade(0.0, 9.0);
    (0..count)
        .map(|n| {
            // Something on it that is on no other.
            let start = (1000 * WIDTH + 700 * n) * 3;
            for row in 0..800 {
                let at = start + row * WIDTH * 3;
                scene.rgb[at..at + 1500].fill(250);
            }
            scene.jpeg(90)
        })
        .collect()
}

/// 20,000 x 20,000 black pixels in about 50 KB.
pub(crate) fn bomb() -> Vec<u8> {
    const SIDE: u32 = 20_000;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![0; SIDE as usize / 8];
    for _ in 0..SIDE {
        stream.write_all(&row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}

/// A photo of one colour: as many pixels as are looked at, in few bytes.
pub(crate) fn flat() -> Vec<u8> {
    const SIDE: u32 = 8_000;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![200; SIDE as usize * 3];
    for _ in 0..SIDE {
        stream.write_all(&row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}

/// A WebP whose header announces an animation of one frame.
pub(crate) fn animation() -> Vec<u8> {
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&name[..], &length, content].concat()
    };
    let side = &255u32.to_le_bytes()[..3];
    let header = [&[2, 0, 0, 0], side, side].concat();
    let frame = [&[0; 6][..], side, side, &[100, 0, 0, 0]].concat();
    let chunks = [
        chunk(b"VP8X", &header),
        chunk(b"ANIM", &[255, 255, 255, 255, 0, 0]),
        chunk(b"ANMF", &frame),
    ]
    .concat();
    chunk(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}
