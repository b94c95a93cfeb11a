//! Tests of preparing photos, and of refusing everything that is no photo.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod scene;

use image_webp::{ColorType, WebPEncoder};
use jpeg_encoder::SamplingFactor;
use proptest::prelude::*;
use scene::{Placed, Scene};
use vision::{Grade, ImageError, ImageKind, MAX_JPEG_BYTES, Photo, prepare, probe};

const SHELF: &[u8] = include_bytes!("../../../tests/data/bookshelf-13.jpg");

fn png(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    drop(writer);
    bytes
}

fn webp(scene: &Scene) -> Vec<u8> {
    let mut bytes = Vec::new();
    WebPEncoder::new(&mut bytes)
        .encode(
            &scene.rgb,
            scene.width as u32,
            scene.height as u32,
            ColorType::Rgb8,
        )
        .unwrap();
    bytes
}

fn scene_png(scene: &Scene) -> Vec<u8> {
    png(
        scene.width as u32,
        scene.height as u32,
        png::ColorType::Rgb,
        &scene.rgb,
    )
}

/// The header of a PNG of any size, and no pixels.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn jpeg_header(width: u16, height: u16, marker: u8) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, marker, 0, 17, 8];
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
    bytes
}

fn webp_header(flags: u8, canvas: u32, inner: u16) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
    bytes.extend([flags, 0, 0, 0]);
    bytes.extend(&(canvas - 1).to_le_bytes()[..3]);
    bytes.extend(&(canvas - 1).to_le_bytes()[..3]);
    bytes.extend(b"VP8 \x20\0\0\0\x10\0\0\x9d\x01\x2a");
    bytes.extend(inner.to_le_bytes());
    bytes.extend(inner.to_le_bytes());
    bytes
}

fn red_left_blue_right() -> Scene {
    let rgb = (0..64 * 48)
        .flat_map(|i| {
            if i % 64 < 32 {
                [220, 20, 20]
            } else {
                [20, 20, 220]
            }
        })
        .collect();
    Scene::from_rgb(64, 48, rgb)
}

/// The colours of the middles of the left, upper, right and lower edge of a prepared photo.
fn edges(bytes: &[u8]) -> [char; 4] {
    let prepared = prepare(bytes).unwrap();
    let mut decoder = jpeg_decoder::Decoder::new(&prepared.jpeg[..]);
    let pixels = decoder.decode().unwrap();
    let (w, h) = (prepared.width as usize, prepared.height as usize);
    let color = |x: usize, y: usize| {
        let at = (y * w + x) * 3;
        if pixels[at] > pixels[at + 2] {
            'r'
        } else {
            'b'
        }
    };
    [
        color(2, h / 2),
        color(w / 2 - 3, 2),
        color(w - 3, h / 2),
        color(w / 2 - 3, h - 3),
    ]
}

#[test]
fn images_are_recognised_by_content() {
    let scene = red_left_blue_right();
    for (bytes, kind) in [
        (scene.jpeg(80), ImageKind::Jpeg),
        (scene_png(&scene), ImageKind::Png),
        (webp(&scene), ImageKind::WebP),
    ] {
        let probed = probe(&bytes).unwrap();
        assert_eq!((probed.kind, probed.width, probed.height), (kind, 64, 48));
        assert_eq!(edges(&bytes)[..3], ['r', 'r', 'b'], "{kind:?}");
    }
    let shelf = probe(&SHELF[..4096]).unwrap();
    assert_eq!((shelf.width, shelf.height), (2048, 1536));
}

#[test]
fn what_cannot_be_used_is_refused_with_its_reason() {
    let refused = |bytes: &[u8]| {
        let error = probe(bytes).unwrap_err();
        assert_eq!(
            prepare(bytes).unwrap_err(),
            error,
            "probe and prepare disagree"
        );
        assert!(error.user_message().ends_with('.') && error.user_message().len() > 20);
        error
    };
    assert_eq!(refused(b""), ImageError::Empty);
    assert_eq!(
        refused(b"Dear diary, this is shelf.jpg"),
        ImageError::NotAnImage(None)
    );
    assert_eq!(refused(b"GIF89a....."), ImageError::NotAnImage(Some("GIF")));
    assert_eq!(
        refused(b"\0\0\0\x18ftypheic\0\0"),
        ImageError::NotAnImage(Some("HEIC"))
    );
    assert_eq!(refused(&webp_header(2, 640, 640)), ImageError::Animated);
    assert!(matches!(
        refused(&webp_header(0, 640, 16_000)),
        ImageError::Damaged(_)
    ));
    assert!(matches!(
        refused(&png_header(20_000, 20_000)),
        ImageError::TooLarge { .. }
    ));
    assert!(matches!(
        refused(&png_header(8_001, 8_000)),
        ImageError::TooLarge { .. }
    ));
    assert!(matches!(
        refused(&png_header(8_000, 0)),
        ImageError::TooSmall { .. }
    ));
    assert!(matches!(
        refused(&png_header(u32::MAX, u32::MAX)),
        ImageError::TooLarge { .. }
    ));
    assert!(matches!(
        refused(&jpeg_header(65_535, 65_535, 0xc0)),
        ImageError::TooLarge { .. }
    ));
    assert!(matches!(
        refused(&jpeg_header(640, 480, 0xc3)),
        ImageError::Unsupported(_)
    ));
    assert!(matches!(
        refused(&jpeg_header(640, 480, 0xc9)),
        ImageError::Unsupported(_)
    ));
    assert!(matches!(
        refused(&jpeg_header(640, 480, 0xc0)[..12]),
        ImageError::Truncated(_)
    ));
}

#[test]
fn a_large_jpeg_is_decoded_scaled_unless_it_is_progressive() {
    assert!(
        probe(&jpeg_header(9248, 6920, 0xc0)).is_ok(),
        "64 megapixels baseline"
    );
    // All coefficients of a progressive JPEG have to be kept, whatever its output's size.
    let progressive = probe(&jpeg_header(9248, 6920, 0xc2)).unwrap_err();
    assert!(matches!(progressive, ImageError::TooLarge { .. }));
    assert!(
        probe(&jpeg_header(5712, 4284, 0xc2)).is_ok(),
        "24 megapixels progressive"
    );
    assert!(probe(&webp_header(0, 9000, 9000)).is_err());
    assert!(probe(&webp_header(0, 4000, 4000)).is_ok());
}

/// Phones put the film of a moving photo behind its picture.
#[test]
fn what_is_behind_a_jpeg_does_not_count() {
    let mut random = 1_u32;
    let film = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    });
    let mut moving = SHELF.to_vec();
    moving.extend(film.take(6 << 20));
    let scan_headers = moving.windows(2).filter(|w| w == b"\xff\xda").count();
    assert!(scan_headers > 70, "{scan_headers}");
    assert_eq!(prepare(&moving).unwrap().jpeg, prepare(SHELF).unwrap().jpeg);
}

/// Each of them is a pass over the whole photo, and may be of a few bytes.
#[test]
fn a_jpeg_of_thousands_of_scans_is_refused() {
    let whole = Scene::shelf(200, 150, 5).jpeg_with(70, |encoder| {
        encoder.set_progressive_scans(4);
    });
    let first = whole.windows(2).position(|w| w == b"\xff\xda").unwrap();
    let (head, scans) = whole[..whole.len() - 2].split_at(first);
    assert!(prepare(&whole).is_ok());
    // Wherever the decoder's buffer ends.
    for padding in 0..8 {
        let comment = [&[0xff, 0xfe, 0, 2 + padding][..], &vec![0; padding.into()]].concat();
        let mut many = head.to_vec();
        for _ in 0..2_000 {
            many.extend_from_slice(scans);
            many.extend_from_slice(&comment);
        }
        many.extend(b"\xff\xd9");
        let error = prepare(&many).unwrap_err();
        assert!(error.to_string().contains("scans"), "{error}");
    }
}

#[test]
fn a_cut_off_image_is_an_error_wherever_it_is_cut() {
    let scene = Scene::shelf(200, 150, 5);
    for whole in [scene.jpeg(70), scene_png(&scene), webp(&scene)] {
        for part in [0.1, 0.5, 0.9] {
            let cut = &whole[..(whole.len() as f64 * part) as usize];
            let error = prepare(cut).unwrap_err();
            assert!(
                matches!(error, ImageError::Truncated(_) | ImageError::Damaged(_)),
                "{part}: {error}"
            );
        }
    }
}

/// EXIF as cameras write it, with nothing but an orientation and a secret.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"Exif\0\0II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend([0x0e, 0x01, 2, 0, 7, 0, 0, 0, 38, 0, 0, 0]);
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    tiff.extend(b"\0\0\0\0secret\0");
    tiff
}

#[test]
fn photos_are_turned_upright_and_lose_their_metadata() {
    let scene = red_left_blue_right();
    for orientation in 1..=8 {
        let jpeg = scene.jpeg_with(90, |encoder| {
            encoder.add_app_segment(1, exif(orientation)).unwrap();
        });
        let prepared = prepare(&jpeg).unwrap();
        let turned = orientation >= 5;
        assert_eq!(
            prepared.width < prepared.height,
            turned,
            "orientation {orientation}"
        );
        let [left, top, right, bottom] = edges(&jpeg);
        let red = |c: char| c == 'r';
        match orientation {
            1 | 4 => assert!(red(left) && !red(right)),
            2 | 3 => assert!(!red(left) && red(right)),
            5 | 6 => assert!(red(top) && !red(bottom)),
            _ => assert!(!red(top) && red(bottom)),
        }
        assert!(jpeg.windows(6).any(|w| w == b"secret"));
        for hidden in [&b"secret"[..], b"Exif"] {
            assert!(!prepared.jpeg.windows(hidden.len()).any(|w| w == hidden));
        }
    }
}

#[test]
fn every_way_to_store_pixels_gives_the_same_picture() {
    let scene = red_left_blue_right();
    let count = scene.width * scene.height;
    let alpha: Vec<u8> = scene
        .rgb
        .chunks(3)
        .flat_map(|p| [p[0], p[1], p[2], 255])
        .collect();
    let cmyk: Vec<u8> = scene
        .rgb
        .chunks(3)
        .flat_map(|p| [255 - p[0], 255 - p[1], 255 - p[2], 0])
        .collect();
    let mut cmyk_jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut cmyk_jpeg, 90)
        .encode(&cmyk, 64, 48, jpeg_encoder::ColorType::Cmyk)
        .unwrap();
    for (name, bytes) in [
        (
            "4:4:4",
            scene.jpeg_with(80, |e| e.set_sampling_factor(SamplingFactor::F_1_1)),
        ),
        (
            "progressive",
            scene.jpeg_with(80, |e| e.set_progressive(true)),
        ),
        ("CMYK", cmyk_jpeg),
        ("RGBA", png(64, 48, png::ColorType::Rgba, &alpha)),
    ] {
        assert_eq!(edges(&bytes)[..3], ['r', 'r', 'b'], "{name}");
    }
    let transparent = png(64, 48, png::ColorType::Rgba, &vec![0; count * 4]);
    assert!(
        prepare(&transparent).unwrap().quality.brightness > 250.0,
        "on white"
    );
    let gray = png(64, 48, png::ColorType::Grayscale, &vec![100; count]);
    assert!((prepare(&gray).unwrap().quality.brightness - 100.0).abs() < 2.0);
}

#[test]
fn a_photo_of_noise_fits_its_limit() {
    let mut noise = Scene::from_rgb(2048, 1400, vec![128; 2048 * 1400 * 3]);
    noise.degrade(0.0, 80.0);
    let prepared = prepare(&noise.jpeg(75)).unwrap();
    assert!(
        prepared.jpeg.len() <= MAX_JPEG_BYTES,
        "{}",
        prepared.jpeg.len()
    );
}

#[test]
fn the_sample_shelf_is_a_good_photo_without_barcodes() {
    let prepared = prepare(SHELF).unwrap();
    assert_eq!(prepared.barcodes, vec![]);
    assert_eq!((prepared.width, prepared.height), (2048, 1536));
    assert!(prepared.jpeg.len() <= MAX_JPEG_BYTES);
    assert_eq!(
        prepared.quality.sharpness(),
        Grade::Good,
        "{:?}",
        prepared.quality
    );
    assert_eq!(
        prepared.quality.lighting(),
        Grade::Good,
        "{:?}",
        prepared.quality
    );
}

#[test]
fn shelves_without_barcodes_have_none() {
    for seed in 0..4 {
        let mut scene = Scene::shelf(700, 500, seed);
        scene.degrade(0.7, 6.0);
        assert_eq!(
            prepare(&scene.jpeg(70)).unwrap().barcodes,
            vec![],
            "seed {seed}"
        );
    }
}

#[test]
fn three_codes_at_three_angles_are_three_books() {
    let mut scene = Scene::shelf(1300, 900, 11);
    let codes = [
        ("9780743273565", (300.0, 250.0), 37.0),
        ("9780063021426", (950.0, 300.0), 90.0),
        ("9791032305690", (650.0, 700.0), 200.0),
    ];
    for (isbn, at, angle) in codes {
        scene.barcode(
            isbn,
            Placed {
                at,
                module: 2.6,
                angle,
                perspective: 0.15,
                height: 50.0,
            },
        );
    }
    // What is no book: a bottle and a magazine.
    let placed = Placed {
        at: (1100.0, 750.0),
        module: 2.6,
        angle: 10.0,
        perspective: 0.0,
        height: 50.0,
    };
    scene.barcode("4006381333931", placed);
    scene.degrade(0.9, 5.0);
    let found = prepare(&scene.jpeg(75)).unwrap().barcodes;
    assert_eq!(found.len(), 3, "{found:?}");
    for (isbn, (x, y), _) in codes {
        let book = found
            .iter()
            .find(|d| d.isbn.unwrap().as_str() == isbn)
            .unwrap();
        assert_eq!((book.confidence, book.title.as_str()), (1.0, ""));
        let place = book.bounding_box;
        let middle = (
            (place.x1 + place.x2) / 2.0 * 1300.0,
            (place.y1 + place.y2) / 2.0 * 900.0,
        );
        assert!(
            (middle.0 - x).hypot(middle.1 - y) < 40.0,
            "{isbn} at {middle:?}"
        );
        assert!(place.area() < 0.12);
    }
}

#[test]
fn a_barcodes_box_is_where_it_is_in_the_upright_photo() {
    let mut scene = Scene::shelf(800, 500, 2);
    let placed = Placed {
        at: (180.0, 120.0),
        module: 2.5,
        angle: 0.0,
        perspective: 0.0,
        height: 50.0,
    };
    scene.barcode("9780743273565", placed);
    let jpeg = scene.jpeg_with(85, |e| e.add_app_segment(1, exif(6)).unwrap());
    let found = prepare(&jpeg).unwrap().barcodes;
    // A quarter turn clockwise takes the upper left to the upper right.
    let place = found[0].bounding_box;
    assert!(place.x1 > 0.6 && place.y2 < 0.5, "{place:?}");
    assert!(place.y2 - place.y1 > 0.2, "{place:?}");
}

#[test]
fn quality_is_measured_and_advice_fits_it() {
    const WIDTH: usize = 1000;
    const HEIGHT: usize = 700;
    let measured = |change: &dyn Fn(&mut Scene)| {
        let mut decoder = jpeg_decoder::Decoder::new(SHELF);
        let rgb = decoder.decode().unwrap();
        let rows = rgb.chunks(2048 * 3).skip(400).take(HEIGHT);
        let part = rows
            .flat_map(|row| row[600 * 3..(600 + WIDTH) * 3].to_vec())
            .collect();
        let mut scene = Scene::from_rgb(WIDTH, HEIGHT, part);
        change(&mut scene);
        Photo::decode(&scene.jpeg(85)).unwrap().quality()
    };
    let scale = |factor: f32, plus: f32| {
        move |scene: &mut Scene| {
            for v in &mut scene.rgb {
                *v = (f32::from(*v) * factor + plus).clamp(0.0, 255.0) as u8;
            }
        }
    };
    let kinds = |q: &vision::Quality| -> Vec<String> {
        q.suggestions()
            .iter()
            .map(|s| {
                serde_json::to_value(s.kind)
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let blurred = measured(&|scene| scene.degrade(6.0, 0.0));
    assert_eq!(blurred.sharpness(), Grade::Poor, "{blurred:?}");
    assert!(kinds(&blurred).contains(&"blur".to_owned()));
    let dark = measured(&scale(0.15, 0.0));
    assert_eq!(dark.lighting(), Grade::Poor, "{dark:?}");
    assert!(kinds(&dark).contains(&"dark".to_owned()));
    let bright = measured(&scale(0.5, 170.0));
    assert!(kinds(&bright).contains(&"bright".to_owned()), "{bright:?}");
    let reflecting = measured(&|scene| {
        for (middle_x, middle_y) in [(250.0f32, 300.0f32), (700.0, 450.0)] {
            for y in 0..HEIGHT {
                for x in 0..WIDTH {
                    let distance = (x as f32 - middle_x).hypot(y as f32 - middle_y);
                    let light = (300.0 - distance * 3.0).clamp(0.0, 255.0) as u8;
                    let at = (y * WIDTH + x) * 3;
                    for v in &mut scene.rgb[at..at + 3] {
                        *v = v.saturating_add(light);
                    }
                }
            }
        }
    });
    let before = measured(&|_| {}).glare_spots;
    assert_eq!(reflecting.glare_spots, before + 2, "{reflecting:?}");
    let glare = reflecting
        .suggestions()
        .into_iter()
        .find(|s| s.kind == vision::SuggestionKind::Glare);
    assert_eq!(glare.map(|s| s.affected_count), Some(before + 2));
    let two = vision::suggestions(&[dark, dark]);
    assert_eq!(two[0].affected_count, 2);
    assert_eq!(
        vision::Quality::worst(&[blurred, dark])
            .unwrap()
            .image_quality(),
        Grade::Poor
    );
}

/// Small valid images, as a start for damage.
fn samples() -> Vec<Vec<u8>> {
    let scene = Scene::shelf(70, 50, 9);
    vec![
        scene.jpeg_with(60, |e| e.add_app_segment(1, exif(6)).unwrap()),
        scene.jpeg_with(60, |e| e.set_progressive(true)),
        scene_png(&scene),
        webp(&scene),
    ]
}

proptest! {
    #[test]
    fn damaged_images_never_panic(
        which in 0..4usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = samples().swap_remove(which);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let probed = probe(&bytes);
        // Damage to the header can make a small image a large one; it is tested, not decoded.
        if probed.is_ok_and(|p| u64::from(p.width) * u64::from(p.height) < 1_000_000) {
            let _ = prepare(&bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        magic in prop::sample::select(vec![
            &b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\0\0\0\0WEBPVP8X",
            b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f", b"RIFF\0\0\0\0WEBPVP8 ",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [magic, &rest].concat();
        let _ = probe(&bytes);
    }
}
