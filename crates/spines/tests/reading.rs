//! Tests of the reader on pictures: some drawn here, and one photo of a shelf.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};
use spines::{Line, Progress, Raster, Reader};

const SIDE: usize = 448;

/// A gray wall with lines of text whose middles are at a point, running at an angle in degrees.
fn picture(texts: &[(&str, f32, f32, f32)]) -> Raster {
    let mut rgb = vec![70; SIDE * SIDE * 3];
    for &(text, x, y, angle) in texts {
        let glyphs: Vec<_> = text
            .chars()
            .map(|c| {
                get_raster(c, FontWeight::Bold, RasterHeight::Size32).expect("an ASCII letter")
            })
            .collect();
        let (width, height) = (glyphs[0].width(), 32);
        let length = width * glyphs.len();
        let (sin, cos) = angle.to_radians().sin_cos();
        for py in 0..SIDE {
            for px in 0..SIDE {
                let (dx, dy) = (px as f32 - x, py as f32 - y);
                let along = dx * cos + dy * sin + length as f32 / 2.0;
                let across = dy * cos - dx * sin + height as f32 / 2.0;
                if along < 0.0 || across < 0.0 {
                    continue;
                }
                let (along, across) = (along as usize, across as usize);
                if along < length && across < height {
                    let ink = glyphs[along / width].raster()[across][along % width];
                    for channel in 0..3 {
                        let at = &mut rgb[(py * SIDE + px) * 3 + channel];
                        *at = (*at).max(ink);
                    }
                }
            }
        }
    }
    Raster::new(SIDE, SIDE, rgb).expect("as many pixels as announced")
}

fn read(raster: Raster) -> Vec<Line> {
    let mut reader = Reader::new(raster).expect("the models load");
    while reader.step().expect("the engine runs") != Progress::Finished {}
    reader.finish()
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn text_is_read_whichever_way_it_runs() {
    for angle in [0.0, 90.0, -90.0, 180.0, 70.0, -110.0, 20.0] {
        let lines = read(picture(&[("METAMORPHOSES", 220.0, 230.0, angle)]));
        let [line] = lines.as_slice() else {
            panic!("at {angle}: {lines:?}");
        };
        assert_eq!(line.text, "METAMORPHOSES", "at {angle}");
        assert!(line.confidence > 0.9, "at {angle}: {line:?}");
        let turned = (line.place.angle - angle).rem_euclid(360.0);
        assert!(turned.min(360.0 - turned) < 3.0, "at {angle}: {line:?}");
        assert!((line.place.x - 220.0).abs() < 8.0 && (line.place.y - 230.0).abs() < 8.0);
        assert!((165.0..215.0).contains(&line.place.length), "{line:?}");
        assert!((20.0..45.0).contains(&line.place.height), "{line:?}");
    }
}

#[test]
fn neighbouring_spines_are_lines_of_their_own() {
    let lines = read(picture(&[
        ("MOBY DICK", 100.0, 220.0, 90.0),
        ("Herman Melville", 160.0, 220.0, 90.0),
        ("EMMA 1815", 260.0, 220.0, -90.0),
    ]));
    let mut texts = texts(&lines);
    texts.sort_unstable();
    assert_eq!(texts, ["EMMA 1815", "Herman Melville", "MOBY DICK"]);
}

#[test]
fn reading_can_end_at_any_step_with_what_is_there() {
    let raster = || {
        picture(&[
            ("A LONG TITLE OF A BOOK", 100.0, 220.0, 90.0),
            ("SHORT", 260.0, 220.0, 90.0),
        ])
    };
    let all = read(raster());
    assert_eq!(
        texts(&all),
        ["A LONG TITLE OF A BOOK", "SHORT"],
        "largest first"
    );
    let mut steps = 0;
    loop {
        let mut reader = Reader::new(raster()).expect("the models load");
        let mut progress = reader.progress();
        for _ in 0..steps {
            progress = reader.step().expect("the engine runs");
        }
        let lines = reader.finish();
        assert!(all.starts_with(&lines), "{lines:?}");
        match progress {
            Progress::Detecting { done, of } => assert!(lines.is_empty() && done <= of),
            Progress::Reading { done, of } => assert!(lines.len() <= done && done < of),
            Progress::Finished => {
                assert_eq!(lines, all);
                break;
            }
        }
        steps += 1;
    }
}

#[test]
fn a_reading_goes_on_from_any_step_as_if_it_had_not_been_paused() {
    let raster = || {
        picture(&[
            ("A LONG TITLE OF A BOOK", 100.0, 220.0, 90.0),
            ("SHORT", 260.0, 220.0, -90.0),
        ])
    };
    let all = read(raster());
    assert_eq!(all.len(), 2);
    let mut reader = Reader::new(raster()).expect("the models load");
    loop {
        let progress = reader.progress();
        let paused = reader.pause().expect("small enough");
        assert!(paused.len() < 20_000, "{} bytes", paused.len());
        reader = Reader::resume(raster(), &paused).expect("the models load");
        assert_eq!(reader.progress(), progress);
        if reader.step().expect("the engine runs") == Progress::Finished {
            break;
        }
    }
    assert_eq!(reader.finish(), all);
}

#[test]
fn what_is_no_reading_of_the_photo_is_read_from_the_start() {
    let raster = || picture(&[("EMMA", 220.0, 220.0, 90.0)]);
    let mut reader = Reader::new(raster()).expect("the models load");
    let start = reader.progress();
    reader.step().expect("the engine runs");
    let paused = reader.pause().expect("small enough");
    let other = Raster::new(SIDE, SIDE - 1, vec![0; SIDE * (SIDE - 1) * 3]).expect("it fits");
    let other = Reader::resume(other, &paused).expect("the models load");
    assert_eq!(other.progress(), start);
    for cut in [0, 1, paused.len() / 2, paused.len() - 1] {
        let reader = Reader::resume(raster(), &paused[..cut]).expect("the models load");
        assert_eq!(reader.progress(), start, "{cut}");
    }
}

#[test]
fn whatever_was_stored_is_read_on_without_a_panic() {
    let raster = || picture(&[("EMMA", 220.0, 220.0, 90.0)]);
    let mut reader = Reader::new(raster()).expect("the models load");
    let mut random = 1u32;
    while reader.step().expect("the engine runs") != Progress::Finished {
        let paused = reader.pause().expect("small enough");
        for _ in 0..8 {
            let mut damaged = paused.clone();
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = random as usize % damaged.len();
            damaged[at] ^= (random >> 24) as u8 | 1;
            let mut reader = Reader::resume(raster(), &damaged).expect("the models load");
            let _ = reader.step();
            reader.finish();
        }
    }
}

#[test]
fn a_second_pass_doubles_the_tiles_and_no_line() {
    let mut reader = Reader::new(picture(&[("NORWEGIAN WOOD", 220.0, 220.0, 0.0)])).expect("loads");
    assert_eq!(reader.progress(), Progress::Detecting { done: 0, of: 1 });
    reader.add_upright_pass();
    assert_eq!(reader.progress(), Progress::Detecting { done: 0, of: 2 });
    while reader.step().expect("the engine runs") != Progress::Finished {}
    assert_eq!(texts(&reader.finish()), ["NORWEGIAN WOOD"]);
}

#[test]
fn pictures_without_text_and_of_odd_sizes_have_no_lines() {
    assert_eq!(read(picture(&[])), []);
    for (width, height) in [(1, 1), (2, 700), (700, 1), (31, 33)] {
        let raster = Raster::new(width, height, vec![9; width * height * 3]).expect("it fits");
        assert_eq!(read(raster), []);
    }
    assert!(Raster::new(2, 2, vec![0; 11]).is_none());
    assert!(Raster::new(0, 2, Vec::new()).is_none());
}

#[test]
fn a_photo_of_a_shelf_gives_its_titles() {
    let photo = vision::Photo::decode(include_bytes!("../../../tests/data/bookshelf-13.jpg"))
        .expect("a photo");
    let (width, height, rgb) = photo.into_rgb();
    let raster = Raster::new(width, height, rgb).expect("as many pixels as announced");
    let mut reader = Reader::new(raster).expect("the models load");
    let mut largest = 0;
    while reader.step().expect("the engine runs") != Progress::Finished {
        largest = largest.max(reader.pause().expect("small enough").len());
    }
    println!("paused, it is {largest} bytes at most");
    assert!(largest < 200_000, "{largest} bytes");
    let lines = reader.finish();
    for text in [
        "THE BODY KEEPS THE SCORE",
        "Conrad Heart of Darkness and Other Tales",
        "Philip Gourevitch",
        "This Is How It Always",
        "LUMINARIES",
        "BABEL",
    ] {
        assert!(
            texts(&lines).contains(&text),
            "{text} in {:#?}",
            texts(&lines)
        );
    }
    assert!(
        lines.iter().any(|line| line.text.starts_with("RODHAM")),
        "what was detected in two parts: {:#?}",
        texts(&lines)
    );
    let babel = lines
        .iter()
        .find(|line| line.text == "BABEL")
        .expect("it is there");
    assert!((babel.place.angle - 90.0).abs() < 6.0, "it runs down");
    assert!(
        babel.place.x > 0.85 * width as f32,
        "at the right end of the shelf"
    );
}
