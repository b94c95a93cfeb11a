//! Reads every photo of a folder and says what became of the titles on it:
//!
//! ```sh
//! cargo run --release -p spines --example shelf -- [--upright] [--lines] [--library EXPORT] FOLDER
//! ```
//!
//! What a person can read on the photos is in the folder's `ground-truth.json`, as [`truth`] says;
//! photos that are not in there are only timed.
//!
//! Books are identified among those of all photos and of a library export (any that the
//! application imports). They are searched for as Open Library's search works: exact words, and of
//! the works that have enough of them the twenty most popular, the photographed ones counting as
//! the least. "Wrong" are accepted books that are not on the photo; "wrong without" are those that
//! are accepted when the photo's own books are taken out of the catalogue.

mod truth;

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use books::{Author, Edition, Lettering, Provider, Reach, Recognised, Record, Shelf, Spine, Work};
use spines::{Line, Progress, Raster, Reader};
use truth::{Book, Truth, is_read, words};

/// Number of works of an answer that are looked at.
const CANDIDATES: usize = 20;

struct Options {
    upright: bool,
    lines: bool,
    library: Option<String>,
    folder: String,
}

struct Timed {
    lines: Vec<Line>,
    size: (usize, usize),
    whole: Duration,
    longest_step: Duration,
}

/// The records that the search knows, the most popular first.
struct Catalogue(Vec<(Record, HashSet<String>)>);

#[derive(Default)]
struct Counts {
    books: usize,
    read: usize,
    identified: usize,
    wrong: usize,
    wrong_without: usize,
    queries: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read(std::env::args().skip(1))?;
    let folder = Path::new(&options.folder);
    let truth: Truth = match std::fs::read(folder.join(truth::FILE)) {
        Ok(json) => serde_json::from_slice(&json)?,
        Err(_) => Truth::new(),
    };
    let mut known = Vec::new();
    if let Some(library) = &options.library {
        let library = books::read_csv(&std::fs::read(library)?, usize::MAX)?;
        known.extend(library.books.into_iter().map(|row| Book {
            title: row.wanted.title,
            author: row.wanted.author,
        }));
    }
    known.extend(truth.values().flatten().cloned());
    let catalogue = Catalogue::new(&known);

    let mut photos: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "jpg" || e == "png"))
        .collect();
    photos.sort();
    let mut total = Counts::default();
    println!(
        "{:20} books  read  identified  wrong  wrong without  queries  longest    whole",
        "photo"
    );
    for path in &photos {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let timed = time(&std::fs::read(path)?, options.upright)?;
        if options.lines {
            print_lines(&timed.lines);
        }
        let books = truth.get(name.as_ref()).map_or(&[][..], Vec::as_slice);
        let counts = count_titles(&timed, books, &catalogue);
        println!(
            "{name:20} {counts}  {:5.2} s  {:5.2} s",
            timed.longest_step.as_secs_f32(),
            timed.whole.as_secs_f32(),
        );
        total.add(&counts);
    }
    println!("{:20} {total}", format!("of {} works", known.len()));
    if let Some(mebibytes) = peak_memory() {
        println!("peak memory {mebibytes} MiB, photos and their decoding included");
    }
    Ok(())
}

/// Size of the module's memory in MiB. It never shrinks, so its size at the end is its peak.
#[cfg(target_arch = "wasm32")]
fn peak_memory() -> Option<usize> {
    Some(core::arch::wasm32::memory_size(0) / 16)
}

/// Peak of the process's memory in MiB, where the system tells.
#[cfg(not(target_arch = "wasm32"))]
fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024)
}

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut upright, mut lines, mut library, mut folder) = (false, false, None, None);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--upright" => upright = true,
                "--lines" => lines = true,
                "--library" => library = arguments.next(),
                _ => folder = Some(argument),
            }
        }
        Ok(Self {
            upright,
            lines,
            library,
            folder: folder.ok_or("usage: shelf [--upright] [--lines] [--library EXPORT] FOLDER")?,
        })
    }
}

fn time(bytes: &[u8], upright: bool) -> Result<Timed, Box<dyn Error>> {
    let (width, height, rgb) = vision::Photo::decode(bytes)?.into_rgb();
    let raster = Raster::new(width, height, rgb).ok_or("an empty photo")?;
    let begun = Instant::now();
    let mut reader = Reader::new(raster)?;
    if upright {
        reader.add_upright_pass();
    }
    let mut longest_step = begun.elapsed();
    loop {
        let step = Instant::now();
        let progress = reader.step()?;
        longest_step = longest_step.max(step.elapsed());
        if progress == Progress::Finished {
            break;
        }
    }
    Ok(Timed {
        lines: reader.finish(),
        size: (width, height),
        whole: begun.elapsed(),
        longest_step,
    })
}

fn print_lines(lines: &[Line]) {
    for Line {
        text,
        confidence,
        place,
    } in lines
    {
        println!(
            "  {confidence:.2}  {:4.0} x {:3.0} at {:4.0},{:4.0} by {:4.0}: {text}",
            place.length, place.height, place.x, place.y, place.angle
        );
    }
}

fn count_titles(timed: &Timed, books: &[Book], catalogue: &Catalogue) -> Counts {
    let (width, height) = timed.size;
    let shelf = Shelf {
        lettering: (timed.lines.iter())
            .map(|line| Lettering {
                text: line.text.clone(),
                height: line.place.height,
            })
            .collect(),
        spines: spines::chains(&timed.lines, width, height)
            .into_iter()
            .map(|chain| Spine {
                lines: chain.lines,
                beside: chain.beside,
            })
            .collect(),
    };
    let words: Vec<String> = (timed.lines.iter())
        .flat_map(|line| words(&line.text))
        .collect();
    let is_one_of_them = |recognised: &Recognised| {
        books
            .iter()
            .any(|book| book.is_titled(&recognised.record.work.title))
    };
    let mut counts = Counts {
        books: books.len(),
        ..Counts::default()
    };
    let recognised = shelf.recognise(&catalogue.candidates(&shelf, &[], &mut counts.queries));
    for book in books {
        let is_read = is_read(&book.title, &words);
        let is_found = recognised
            .iter()
            .any(|other| book.is_titled(&other.record.work.title));
        counts.read += usize::from(is_read);
        counts.identified += usize::from(is_found);
        match (is_read, is_found) {
            (false, false) => println!("  not read: {}", book.title),
            (true, false) => println!("  read, not identified: {}", book.title),
            (_, true) => {}
        }
    }
    for wrong in recognised.iter().filter(|other| !is_one_of_them(other)) {
        counts.wrong += 1;
        print_wrong("wrong", wrong, &shelf);
    }
    let without = catalogue.candidates(&shelf, books, &mut 0);
    for wrong in shelf.recognise(&without) {
        counts.wrong_without += 1;
        print_wrong("wrong without the right one", &wrong, &shelf);
    }
    counts
}

fn print_wrong(how: &str, recognised: &Recognised, shelf: &Shelf) {
    let text = |at: &usize| shelf.lettering[*at].text.as_str();
    let texts: Vec<&str> = recognised.lines.iter().map(text).collect();
    let title = &recognised.record.work.title;
    println!("  {how}: {title} for {texts:?}");
}

impl Catalogue {
    fn new(books: &[Book]) -> Self {
        let record = |book: &Book| Record {
            provider: Provider::OpenLibrary,
            work: Work {
                title: book.title.clone(),
                ..Work::default()
            },
            edition: Edition::default(),
            authors: vec![Author {
                name: book.author.clone(),
                open_library_id: None,
            }],
            aliases: Vec::new(),
            matched: None,
        };
        let entry = |book| {
            let record: Record = record(book);
            let words = words(&format!("{} {}", book.title, book.author));
            (record, words.into_iter().collect())
        };
        Self(books.iter().map(entry).collect())
    }

    /// The answers of the search for each spine: first by its axis, then with its neighbours.
    fn candidates(&self, shelf: &Shelf, but: &[Book], queries: &mut usize) -> Vec<Vec<Record>> {
        (0..shelf.spines.len())
            .map(|spine| {
                [Reach::Large, Reach::Axis, Reach::Neighbours]
                    .into_iter()
                    .filter_map(|reach| shelf.query(spine, reach))
                    .flat_map(|query| {
                        *queries += 1;
                        let has_enough = |words: &HashSet<String>| {
                            let found = query.words().iter().filter(|word| words.contains(*word));
                            found.count() >= query.at_least()
                        };
                        (self.0.iter())
                            .filter(|(record, _)| {
                                !but.iter().any(|book| book.is_titled(&record.work.title))
                            })
                            .filter(|(_, words)| has_enough(words))
                            .take(CANDIDATES)
                            .map(|(record, _)| record.clone())
                            .collect::<Vec<_>>()
                    })
                    .collect()
            })
            .collect()
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.books += other.books;
        self.read += other.read;
        self.identified += other.identified;
        self.wrong += other.wrong;
        self.wrong_without += other.wrong_without;
        self.queries += other.queries;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:5}  {:4}  {:10}  {:5}  {:13}  {:7}",
            self.books, self.read, self.identified, self.wrong, self.wrong_without, self.queries
        )
    }
}
