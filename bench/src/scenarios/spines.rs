//! Scans of shelves without any vision provider: what they read and name, and what that costs.

#[path = "../../../crates/spines/examples/shelf/truth.rs"]
mod truth;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use serde_json::Value;
use stand_ins::NamedBook;
use tokio::time::sleep;

use super::{importing, sample};
use crate::app::{App, CompiledApp, Setup};
use crate::client::{Work, ms};
use crate::figures::{Figure, Report, Statistic};
use truth::{Book, Truth, is_read, words};

/// The photo of the project, and what is on it.
const SAMPLE: &[u8] = include_bytes!("../../../tests/data/bookshelf-13.jpg");
const SAMPLE_BOOKS: &str = include_str!("../../../tests/data/bookshelf-13.json");

/// Number of made-up works that the catalogue has beside the known ones.
const MADE_UP: usize = 10_000;

/// Number of scans that are under way at the same time.
const SCANS: usize = 10;

/// Time-out of a scan.
const SCAN_TIMEOUT: Duration = Duration::from_secs(300);

/// Time within which the sample shelf is certainly not read to its end.
const READING: Duration = Duration::from_secs(3);

/// Pause between two looks at a job.
const PAUSE: Duration = Duration::from_millis(20);

/// Photos of shelves with the books on them.
pub(super) struct Shelves(Vec<Photo>);

struct Photo {
    name: String,
    jpeg: Bytes,
    books: Vec<Book>,
}

/// The outcome of a scan, in numbers.
#[derive(Default)]
struct Counts {
    books: usize,
    read: usize,
    identified: usize,
    accepted: usize,
    wrong: usize,
}

impl Shelves {
    /// The sample shelf, and the photos of a folder that its `ground-truth.json` names.
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let mut photos = vec![Photo {
            name: "the sample shelf".to_owned(),
            jpeg: Bytes::from_static(SAMPLE),
            books: serde_json::from_str(SAMPLE_BOOKS)?,
        }];
        if let Some(folder) = folder {
            let read = |name: &str| {
                let path = folder.join(name);
                std::fs::read(&path).with_context(|| path.display().to_string())
            };
            let truth: Truth = serde_json::from_slice(&read(truth::FILE)?)?;
            for (name, books) in truth {
                let jpeg = read(&name)?.into();
                photos.push(Photo { name, jpeg, books });
            }
        }
        Ok(Self(photos))
    }

    fn books(&self) -> Vec<NamedBook> {
        let named = |book: &Book| NamedBook {
            title: book.title.clone(),
            author: book.author.clone(),
        };
        let books = self.0.iter().flat_map(|photo| &photo.books);
        books.map(named).collect()
    }

    /// An application that reads these shelves: its Open Library lists their books, unless they are
    /// `unlisted`, and ten thousand others, made up of the words and the authors of these and of
    /// the sample library, that are more popular.
    fn setup(&self, is_listed: bool) -> anyhow::Result<Setup> {
        let books = self.books();
        let mut known = stand_ins::sample_books()?;
        known.extend(books.iter().cloned());
        let mut more_books = made_up(&known);
        let mut unlisted_books = Vec::new();
        match is_listed {
            true => more_books.extend(books),
            false => unlisted_books = books,
        }
        Ok(Setup {
            reads_spines: true,
            counted: true,
            more_books,
            unlisted_books,
            ..Setup::default()
        })
    }
}

/// Works of one to five words from anywhere in the titles of others, each by an author of theirs.
fn made_up(books: &[NamedBook]) -> Vec<NamedBook> {
    let known: HashSet<Vec<String>> = books.iter().map(|book| words(&book.title)).collect();
    let vocabulary: Vec<&str> = (books.iter())
        .flat_map(|book| book.title.split_whitespace())
        .collect();
    // The same at every start.
    let mut state = 0x9e37_79b9_u32;
    let mut any = |of: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % of
    };
    std::iter::repeat_with(|| {
        let title: Vec<&str> = (0..=any(5))
            .map(|_| vocabulary[any(vocabulary.len())])
            .collect();
        NamedBook {
            title: title.join(" "),
            author: books[any(books.len())].author.clone(),
        }
    })
    .filter(|book| !known.contains(&words(&book.title)))
    .take(MADE_UP)
    .collect()
}

fn scanning(jpeg: &Bytes) -> Work {
    Work {
        path: "/api/batch-scan",
        kind: "image/jpeg",
        body: jpeg.clone(),
    }
}

/// Waits for a job's end; returns its last status.
async fn finish(app: &App, accepted: &Value) -> anyhow::Result<Value> {
    let path = accepted["statusUrl"].as_str().context("statusUrl")?;
    let end = Instant::now() + SCAN_TIMEOUT;
    loop {
        let mut status: Value = serde_json::from_slice(&app.client.get(path).await?.body)?;
        let status = status["data"].take();
        match status["status"].as_str() {
            Some("completed") => return Ok(status),
            Some("processing" | "initialized" | "accepted") if Instant::now() < end => {}
            _ => anyhow::bail!("{status}"),
        }
        sleep(PAUSE).await;
    }
}

/// Scans one photo; returns its results and how long it took.
async fn scan(app: &App, jpeg: &Bytes) -> anyhow::Result<(Value, Duration)> {
    let began = Instant::now();
    let accepted = app.client.submit(&scanning(jpeg)).await?;
    finish(app, &accepted).await?;
    let wall = began.elapsed();
    let path = accepted["resultsUrl"].as_str().context("resultsUrl")?;
    let mut results: Value = serde_json::from_slice(&app.client.get(path).await?.body)?;
    Ok((results["data"].take(), wall))
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.books += other.books;
        self.read += other.read;
        self.identified += other.identified;
        self.accepted += other.accepted;
        self.wrong += other.wrong;
    }

    /// Counts what is right in a scan's results.
    fn count(&mut self, photo: &Photo, results: &Value) -> anyhow::Result<()> {
        let found = results["books"].as_array().context("books")?;
        let title = |found: &Value| found["title"].as_str().unwrap_or_default().to_owned();
        let accepted: Vec<String> = (found.iter())
            .filter(|found| found["enrichmentStatus"] == "success")
            .map(title)
            .collect();
        let text = |name: &str| {
            let texts = found.iter().filter_map(|found| found[name].as_str());
            texts.flat_map(words).collect::<Vec<_>>()
        };
        let text = [text("title"), text("author")].concat();
        for book in &photo.books {
            let is_identified = accepted.iter().any(|title| book.is_titled(title));
            self.identified += usize::from(is_identified);
            self.read += usize::from(is_identified || is_read(&book.title, &text));
        }
        for title in &accepted {
            if !photo.books.iter().any(|book| book.is_titled(title)) {
                eprintln!("taken for another book: {title}");
                self.wrong += 1;
            }
        }
        self.books += photo.books.len();
        self.accepted += accepted.len();
        Ok(())
    }
}

/// The largest size in MiB that the memory of an instance of this component has had.
async fn memory(app: &App, component: &str) -> anyhow::Result<f64> {
    let counters = app.counters().await?;
    let bytes = counters["components"][component]["memory_peak"].as_u64();
    Ok(sample(bytes.context("memory_peak")?) / f64::from(1 << 20))
}

/// Runs the scenarios that are wanted.
pub(super) async fn run(
    compiled: &CompiledApp,
    wanted: &impl Fn(&str) -> bool,
    shelves: &Shelves,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    if wanted("spines-photos") {
        photos(compiled, shelves, report).await?;
    }
    if wanted("spines-unlisted") {
        unlisted(compiled, shelves, report).await?;
    }
    if wanted("spines-large") {
        large(compiled, shelves, report).await?;
    }
    if wanted("spines-cancel") {
        cancel(compiled, shelves, rounds, report).await?;
    }
    if wanted("spines-load") {
        load(compiled, shelves, report).await?;
    }
    if wanted("spines-budget") {
        budget(compiled, shelves, report).await?;
    }
    Ok(())
}

/// Measures one scan after the other.
async fn photos(
    compiled: &CompiledApp,
    shelves: &Shelves,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = "spines-photos";
    let app = compiled.start(shelves.setup(true)?).await?;
    let (mut wall, mut cpu, mut counts) = (vec![], vec![], Counts::default());
    for photo in &shelves.0 {
        let before = app.cpu()?;
        let (results, time) = scan(&app, &photo.jpeg).await?;
        cpu.push(ms(app.cpu()? - before));
        wall.push(ms(time));
        let mut own = Counts::default();
        own.count(photo, &results)?;
        eprintln!(
            "{}: {} books, {} read, {} identified, {} others",
            photo.name, own.books, own.read, own.identified, own.wrong
        );
        counts.add(&own);
    }
    for (what, part, all) in [
        ("books read", counts.read, counts.books),
        ("books identified", counts.identified, counts.books),
        ("accepted for another book", counts.wrong, counts.accepted),
    ] {
        let what = format!("{what}: {part} of {all}");
        let share = 100.0 * sample(part) / sample(all).max(1.0);
        report.add(Figure::of(name, what, "%", &[share]));
    }
    let figure = Figure::of(name, "a photo: POST to completed", "ms", &wall);
    report.add(figure.goal(Statistic::P50, 8_000.0));
    report.add(Figure::of(name, "a photo: processor time", "ms", &cpu));
    let figure = Figure::of(
        name,
        "memory of the reader",
        "MB",
        &[memory(&app, "reader").await?],
    );
    report.add(figure.goal(Statistic::Max, 64.0));
    Ok(())
}

/// Counts the books that are accepted when the catalogue has none of those on the photos.
async fn unlisted(
    compiled: &CompiledApp,
    shelves: &Shelves,
    report: &mut Report,
) -> anyhow::Result<()> {
    let app = compiled.start(shelves.setup(false)?).await?;
    let mut accepted = vec![];
    for photo in &shelves.0 {
        let (results, _) = scan(&app, &photo.jpeg).await?;
        let found = results["books"].as_array().context("books")?;
        let found = found
            .iter()
            .filter(|book| book["enrichmentStatus"] == "success");
        let titles: Vec<&Value> = found.map(|book| &book["title"]).collect();
        if !titles.is_empty() {
            eprintln!("taken for another book: {titles:?}");
        }
        accepted.push(sample(titles.len()));
    }
    let all: f64 = accepted.iter().sum();
    let what = format!("accepted on a photo, in all {all}");
    report.add(Figure::of("spines-unlisted", what, "", &accepted));
    Ok(())
}

/// Measures photos of 12 and 64 megapixels with a platform's memory.
async fn large(
    compiled: &CompiledApp,
    shelves: &Shelves,
    report: &mut Report,
) -> anyhow::Result<()> {
    for (megapixels, width, height) in [(12, 4_000, 3_000), (64, 9_232, 6_924)] {
        let app = compiled
            .start(Setup {
                arguments: &["--limit", "memory=134217728"],
                ..shelves.setup(true)?
            })
            .await?;
        let jpeg = enlarged(SAMPLE, width, height)?.into();
        let (results, time) = scan(&app, &jpeg).await?;
        let mut counts = Counts::default();
        counts.count(&shelves.0[0], &results)?;
        let what = |what: &str| format!("{megapixels} megapixels: {what}");
        let add = |what, unit, value| Figure::of("spines-large", what, unit, &[value]);
        report.add(add(what("POST to completed"), "ms", ms(time)));
        report.add(add(what("books identified"), "", sample(counts.identified)));
        for component in ["scan", "reader"] {
            let size = memory(&app, component).await?;
            let figure = add(what(&format!("memory of {component}")), "MB", size);
            report.add(figure.goal(Statistic::Max, 128.0));
        }
    }
    Ok(())
}

/// A photo, enlarged.
fn enlarged(jpeg: &[u8], width: u16, height: u16) -> anyhow::Result<Vec<u8>> {
    let (w, h, rgb) = vision::Photo::decode(jpeg)?.into_rgb();
    let (new_w, new_h) = (usize::from(width), usize::from(height));
    let mut pixels = Vec::with_capacity(new_w * new_h * 3);
    for y in 0..new_h {
        for x in 0..new_w {
            let at = (y * h / new_h * w + x * w / new_w) * 3;
            pixels.extend_from_slice(&rgb[at..at + 3]);
        }
    }
    let mut enlarged = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut enlarged, 60);
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)?;
    Ok(enlarged)
}

/// Measures how long a cancellation in the middle of reading takes to be answered.
async fn cancel(
    compiled: &CompiledApp,
    shelves: &Shelves,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let app = compiled.start(shelves.setup(true)?).await?;
    let mut wall = vec![];
    for round in 0..rounds {
        let accepted = app.client.submit(&scanning(&shelves.0[0].jpeg)).await?;
        let text = |name: &str| accepted[name].as_str().context("accepted");
        let path = text("statusUrl")?;
        // The photo has been decoded, and some of it read.
        loop {
            let status: Value = serde_json::from_slice(&app.client.get(path).await?.body)?;
            if status["data"]["progress"].as_f64().context("progress")? > 0.11 {
                break;
            }
            sleep(PAUSE).await;
        }
        // At another moment each time.
        sleep(READING * round / rounds).await;
        let began = Instant::now();
        let path = format!("/v1/jobs/{}", text("jobId")?);
        let bearer = format!("Bearer {}", text("authToken")?);
        let headers = [("authorization", bearer.as_str())];
        let answer = app
            .client
            .ask("DELETE", &path, &headers, Bytes::new())
            .await?;
        wall.push(ms(began.elapsed()));
        let answer: Value = serde_json::from_slice(&answer.body)?;
        ensure!(answer["data"]["status"] == "canceled", "{answer}");
    }
    let figure = Figure::of("spines-cancel", "DELETE to canceled", "ms", &wall);
    report.add(figure.goal(Statistic::Max, 1_000.0));
    Ok(())
}

/// Measures imports beside ten scans.
async fn load(
    compiled: &CompiledApp,
    shelves: &Shelves,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = "spines-load";
    let app = compiled.start(shelves.setup(true)?).await?;
    let import = importing(stand_ins::library(59));
    let began = Instant::now();
    app.client.submit_and_follow(&import).await?;
    let alone = ms(began.elapsed());
    let began = Instant::now();
    let scans = (0..SCANS).map(|n| {
        let photo = &shelves.0[n % shelves.0.len()];
        scan(&app, &photo.jpeg)
    });
    let scans = async { anyhow::Ok((try_join_all(scans).await?, began.elapsed())) };
    let mut scans = std::pin::pin!(scans);
    let mut imports = vec![];
    let (_, all) = loop {
        let one = async {
            let began = Instant::now();
            app.client.submit_and_follow(&import).await?;
            sleep(Duration::from_millis(500)).await;
            anyhow::Ok(ms(began.elapsed()) - 500.0)
        };
        tokio::select! {
            scans = &mut scans => break scans?,
            one = one => imports.push(one?),
        }
    };
    let figure = Figure::of(
        name,
        "ten scans: until the last is completed",
        "ms",
        &[ms(all)],
    );
    report.add(figure);
    let figure = Figure::of(name, "imports of 59 books beside them", "ms", &imports);
    report.add(figure.against(&[alone]));
    let lost = app.logged("lease-lost")?;
    report.add(Figure::of(name, "leases lost", "", &[sample(lost)]).goal(Statistic::Max, 0.0));
    Ok(())
}

/// Measures a scan of five photos where handlers end after 30 s.
async fn budget(
    compiled: &CompiledApp,
    shelves: &Shelves,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = "spines-budget";
    let app = compiled
        .start(Setup {
            profile: "akamai-functions",
            arguments: &["--platform", "akamai-functions"],
            ..shelves.setup(true)?
        })
        .await?;
    let mut body = Vec::new();
    for photo in shelves.0.iter().cycle().take(5) {
        body.extend_from_slice(
            b"--edge\r\ncontent-disposition: form-data; name=\"photos\"; filename=\"a.jpg\"\r\n\
              content-type: image/jpeg\r\n\r\n",
        );
        body.extend_from_slice(&photo.jpeg);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    let work = Work {
        path: "/api/batch-scan",
        kind: "multipart/form-data; boundary=edge",
        body: body.into(),
    };
    let began = Instant::now();
    let accepted = app.client.submit(&work).await?;
    finish(&app, &accepted).await?;
    let wall = ms(began.elapsed());
    let counters = app.counters().await?;
    let of = |component: &str, what: &str| {
        let count = counters["components"][component][what].as_u64();
        count.map(sample).context("a count")
    };
    report.add(Figure::of(
        name,
        "five photos: POST to completed",
        "ms",
        &[wall],
    ));
    let runs = of("reader", "requests")?;
    report.add(Figure::of(
        name,
        "five photos: runs of the reader",
        "",
        &[runs],
    ));
    let longest = of("reader", "handler_longest_ms")?;
    let figure = Figure::of(name, "five photos: longest run", "ms", &[longest]);
    report.add(figure.goal(Statistic::Max, 30_000.0));
    let lost = app.logged("lease-lost")?;
    let figure = Figure::of(name, "five photos: leases lost", "", &[sample(lost)]);
    report.add(figure.goal(Statistic::Max, 0.0));
    Ok(())
}
