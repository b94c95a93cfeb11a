//! Reads every photo of a folder and says what became of the titles on it:
//!
//! ```sh
//! cargo run --release -p spines --example shelf -- [--upright] [--lines] FOLDER
//! ```
//!
//! What a person can read on the photos is in the folder's `ground-truth.json`:
//! `{"photo.jpg": [{"title": "...", "author": "..."}]}`; photos that are not in there are only timed.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use spines::{Line, Progress, Raster, Reader};

#[derive(Deserialize)]
struct Book {
    title: String,
}

struct Timed {
    lines: Vec<Line>,
    whole: Duration,
    longest_step: Duration,
    steps: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |name: &str| {
        let before = arguments.len();
        arguments.retain(|argument| argument != name);
        arguments.len() < before
    };
    let (upright, print) = (flag("--upright"), flag("--lines"));
    let [folder] = arguments.as_slice() else {
        return Err("usage: shelf [--upright] [--lines] FOLDER".into());
    };
    let folder = Path::new(folder);
    let truth: BTreeMap<String, Vec<Book>> = match std::fs::read(folder.join("ground-truth.json")) {
        Ok(json) => serde_json::from_slice(&json)?,
        Err(_) => BTreeMap::new(),
    };
    let mut photos: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "jpg" || e == "png"))
        .collect();
    photos.sort();

    let (mut read, mut of) = (0, 0);
    println!("photo                 books  read  lines  steps  longest    whole");
    for path in &photos {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let timed = time(&std::fs::read(path)?, upright)?;
        if print {
            for Line {
                text,
                confidence,
                place,
            } in &timed.lines
            {
                println!(
                    "  {confidence:.2}  {:4.0} x {:3.0} at {:4.0},{:4.0} by {:4.0}: {text}",
                    place.length, place.height, place.x, place.y, place.angle
                );
            }
        }
        let books = truth.get(name.as_ref()).map_or(&[][..], Vec::as_slice);
        let words: Vec<String> = timed
            .lines
            .iter()
            .flat_map(|line| words(&line.text))
            .collect();
        let (found, missed): (Vec<_>, Vec<_>) =
            books.iter().partition(|book| is_read(&book.title, &words));
        println!(
            "{name:20}  {:5}  {:4}  {:5}  {:5}  {:5.2} s  {:5.2} s",
            books.len(),
            found.len(),
            timed.lines.len(),
            timed.steps,
            timed.longest_step.as_secs_f32(),
            timed.whole.as_secs_f32(),
        );
        for book in missed {
            println!("  missed: {}", book.title);
        }
        read += found.len();
        of += books.len();
    }
    println!("{read} of {of} titles read");
    Ok(())
}

fn time(bytes: &[u8], upright: bool) -> Result<Timed, Box<dyn Error>> {
    let (width, height, rgb) = vision::Photo::decode(bytes)?.into_rgb();
    let raster = Raster::new(width, height, rgb).ok_or("an empty photo")?;
    let begun = Instant::now();
    let mut reader = Reader::new(raster)?;
    if upright {
        reader.also_upright();
    }
    let (mut longest_step, mut steps) = (begun.elapsed(), 0);
    loop {
        let step = Instant::now();
        let progress = reader.step()?;
        longest_step = longest_step.max(step.elapsed());
        steps += 1;
        if progress == Progress::Finished {
            break;
        }
    }
    Ok(Timed {
        lines: reader.finish(),
        whole: begun.elapsed(),
        longest_step,
        steps,
    })
}

/// Whether words that hold three quarters of the title's letters were read, each with at most one
/// wrong letter, or two from eight letters on.
fn is_read(title: &str, read: &[String]) -> bool {
    let words = words(title);
    let all: usize = words.iter().map(|word| word.chars().count()).sum();
    let found: usize = words
        .iter()
        .filter(|word| read.iter().any(|other| is_nearly(word, other)))
        .map(|word| word.chars().count())
        .sum();
    4 * found >= 3 * all
}

fn is_nearly(word: &str, read: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (word.chars().collect(), read.chars().collect());
    let allowed = match a.len() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    };
    if a.len().abs_diff(b.len()) > allowed {
        return false;
    }
    // Levenshtein's distance.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(above.min(row[j]) + 1);
            diagonal = above;
        }
    }
    row[b.len()] <= allowed
}

/// The words of at least two letters in lower case, also parted where the case changes inside.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in text.chars() {
        let is_new = !before.is_alphanumeric() || before.is_lowercase() && c.is_uppercase();
        if c.is_alphanumeric() {
            if is_new {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        if !matches!(c, '\'' | '\u{2019}') {
            before = c;
        }
    }
    words.retain(|word| word.chars().count() > 1);
    words
}
