//! Five hundred hostile clients of every kind beside twenty honest ones: what the host costs, and
//! what the honest ones notice.
//!
//! `SIEGE_SECONDS` (20 if not set) says how long; the figures are printed:
//! `cargo test --release --test siege -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use app::http::Request;
use app::socket::Socket;
use app::{App, Job, Setup, try_connect};
use serde_json::json;

const WORKBOOK: &[u8] = include_bytes!("../crates/api/tests/uploads/excel-workbook.xlsx");
const PHOTO: &[u8] = include_bytes!("data/bookshelf-13.jpg");

/// What all hostile clients know.
struct Siege {
    to: SocketAddr,
    /// A finished job with much to say.
    big: Job,
    over: AtomicBool,
}

impl Siege {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while self.goes_on() && Instant::now() < until {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A connection that sends `bytes`; `None` when it is not wanted.
    fn begin(&self, from: Ipv4Addr, bytes: &[u8]) -> Option<TcpStream> {
        let mut stream = open(from, self.to)?;
        stream.write_all(bytes).ok()?;
        Some(stream)
    }
}

fn open(from: Ipv4Addr, to: SocketAddr) -> Option<TcpStream> {
    let stream = try_connect(from, to).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    Some(stream)
}

fn head(method: &str, target: &str, more: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n").into_bytes()
}

/// One hostile client's round.
type Attack = fn(&Siege, Ipv4Addr);

/// The kinds, and how many clients there are of each.
const KINDS: &[(&str, usize, Attack)] = &[
    ("says nothing", 50, |siege, from| {
        let _silent = open(from, siege.to);
        siege.rest(Duration::from_secs(60));
    }),
    ("drips a head", 30, |siege, from| {
        let stream = siege.begin(from, b"GET /health HTTP/1.1\r\nx: ");
        drip(siege, stream, b"a");
    }),
    ("drips a body", 40, |siege, from| {
        let more = "content-type: application/json\r\ncontent-length: 8000000\r\n";
        let stream = siege.begin(from, &head("POST", "/api/batch-enrich", more));
        drip(siege, stream, b" ");
    }),
    ("sends 50 MB but for the end", 20, |siege, from| {
        let more = "content-type: application/json\r\ncontent-length: 52000000\r\n";
        let target = "/api/scan-bookshelf/batch";
        let Some(mut stream) = siege.begin(from, &head("POST", target, more)) else {
            return;
        };
        for _ in 0..50 {
            if !siege.goes_on() || stream.write_all(&vec![b' '; 1_000_000]).is_err() {
                return;
            }
        }
        drip(siege, Some(stream), b" ");
    }),
    ("opens streams and leaves", 40, |siege, from| {
        let request = head("GET", &siege.big.sse_url, "accept: text/event-stream\r\n");
        drop(siege.begin(from, &request));
        siege.rest(Duration::from_millis(50));
    }),
    ("asks for streams in lower case", 20, |siege, from| {
        let stream = siege.begin(from, &head("get", &siege.big.sse_url, ""));
        read_slowly(siege, stream);
    }),
    ("follows and reads nothing", 45, |siege, from| {
        let target = format!("{}?books=1", siege.big.sse_url);
        let _open = siege.begin(from, &head("GET", &target, ""));
        siege.rest(Duration::from_secs(30));
    }),
    ("opens sockets and reads nothing", 35, |siege, from| {
        let schema = ["legacy", "1.0.0", "2.0.0"][usize::from(from.octets()[3]) % 3];
        let query = format!(
            "jobId={}&token={}&schema={schema}",
            siege.big.id, siege.big.token
        );
        let target = format!("/ws/progress?{query}");
        let _open = siege.begin(from, &head("GET", &target, UPGRADE));
        siege.rest(Duration::from_secs(20));
    }),
    ("waits for jobs that are not there", 30, |siege, from| {
        if let Some(stream) = open(from, siege.to) {
            let query = format!("jobId=nothing-{}", fastrand::u64(..));
            let socket = std::panic::catch_unwind(|| Socket::over(stream, &query, &[]));
            siege.rest(Duration::from_secs(10));
            drop(socket);
        }
    }),
    ("sends a line of commas", 10, |siege, from| {
        let more = "content-type: text/csv\r\ncontent-length: 8000000\r\n";
        if let Some(mut stream) = siege.begin(from, &head("POST", "/api/v2/imports", more)) {
            let _ = stream.write_all(&vec![b','; 8_000_000]);
            read_slowly(siege, Some(stream));
        }
    }),
    ("sends what is refused", 30, |siege, from| {
        let more = "content-type: text/html\r\ncontent-length: 50000000\r\n";
        let stream = siege.begin(from, &head("POST", "/api/v2/imports", more));
        drip(siege, stream, &[b'x'; 10_000]);
    }),
    ("sends flat photos of 64 megapixels", 10, |siege, from| {
        let request = Request::new(siege.to, "POST", "/api/batch-scan").from(from);
        let _ = request.form("photos", "a.png", flat_photo()).try_send();
        siege.rest(Duration::from_secs(5));
    }),
    ("asks for results and reads slowly", 30, |siege, from| {
        let stream = siege.begin(from, &head("GET", &siege.big.results_url, ""));
        read_slowly(siege, stream);
    }),
    ("makes jobs that fail", 20, |siege, from| {
        let request = Request::new(siege.to, "POST", "/api/v2/imports").from(from);
        let _ = request.body("text/csv", "nonsense\n1\n").try_send();
    }),
    ("looks up and searches", 20, |siege, from| {
        let word = fastrand::u32(..);
        let search = format!("/api/v2/search?q=river{word}");
        let _ = Request::new(siege.to, "GET", &search).from(from).try_send();
        let request = Request::new(siege.to, "POST", "/api/v2/books/enrich").from(from);
        let _ = request
            .json(&json!({"barcode": "9780525540670"}))
            .try_send();
    }),
    ("uploads slowly and steadily", 20, |siege, from| {
        let more = "content-type: text/csv\r\ncontent-length: 8000000\r\n";
        let stream = siege.begin(from, &head("POST", "/api/v2/imports", more));
        // More than the rate below which an upload makes room for others.
        drip(siege, stream, &[b'a'; 40_000]);
    }),
    ("asks for previews of large files", 10, |siege, from| {
        let request = Request::new(siege.to, "POST", "/api/v2/imports/preview").from(from);
        let _ = request.body("text/csv", large_file()).try_send();
    }),
    ("asks for previews of workbooks", 10, |siege, from| {
        let request = Request::new(siege.to, "POST", "/api/v2/imports/preview").from(from);
        let _ = request.form("file", "a.xlsx", WORKBOOK).try_send();
    }),
    ("sends lists of millions", 10, |siege, from| {
        let request = Request::new(siege.to, "POST", "/api/batch-enrich").from(from);
        let items = "{},".repeat(2_700_000);
        let body = format!("{{\"books\":[{items}{{}}]}}");
        let _ = request.body("application/json", body).try_send();
    }),
    (
        "opens sockets of which each is another stream",
        20,
        |siege, from| {
            let request = Request::new(siege.to, "POST", "/api/batch-enrich").from(from);
            let books = json!({"barcodes": ["9780743273565"]});
            let answer = request.json(&books).try_send();
            let Some(answer) = answer.filter(|answer| answer.status() == 202) else {
                return siege.rest(Duration::from_secs(1));
            };
            let own = Job::of(&answer.data(202));
            let (ids, tokens) = (
                [&own.id, &siege.big.id].map(String::as_str),
                [&own.token, &siege.big.token].map(String::as_str),
            );
            let mut open = Vec::new();
            for schema in ["legacy", "1.0.0", "2.0.0", "v3"] {
                let (ids, tokens) = (ids.join(","), tokens.join(","));
                let target = format!("/ws/progress?jobIds={ids}&tokens={tokens}&schema={schema}");
                open.push(siege.begin(from, &head("GET", &target, UPGRADE)));
            }
            siege.rest(Duration::from_secs(5));
        },
    ),
];

const UPGRADE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The largest library that is read.
fn large_file() -> Vec<u8> {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| stand_ins::library(10_000)).clone()
}

/// The largest photo that is looked at, in few bytes.
fn flat_photo() -> &'static [u8] {
    static PHOTO: OnceLock<Vec<u8>> = OnceLock::new();
    PHOTO.get_or_init(|| {
        const SIDE: u32 = 8_000;
        let mut photo = Vec::new();
        let mut encoder = png::Encoder::new(&mut photo, SIDE, SIDE);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().unwrap();
        let pixels = vec![200; (SIDE * SIDE * 3) as usize];
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
        photo
    })
}

/// Sends a little now and then, as long as it is taken.
fn drip(siege: &Siege, stream: Option<TcpStream>, drop: &[u8]) {
    let Some(mut stream) = stream else { return };
    while siege.goes_on() && stream.write_all(drop).is_ok() {
        siege.rest(Duration::from_secs(1));
    }
}

fn read_slowly(siege: &Siege, stream: Option<TcpStream>) {
    let Some(mut stream) = stream else { return };
    let mut bytes = [0; 512];
    while siege.goes_on() && stream.read(&mut bytes).is_ok_and(|n| n > 0) {
        siege.rest(Duration::from_millis(500));
    }
}

/// The memory of the host that is not shared with anybody, in MB.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

/// How long the honest clients' requests took, by kind, and what went wrong.
#[derive(Default)]
struct Noticed {
    took: Vec<(&'static str, Duration)>,
    wrong: Vec<String>,
}

impl Noticed {
    /// How often this was done, and the time of one in two and of nineteen in twenty.
    fn times(&self, kind: &str) -> (usize, Duration, Duration) {
        let mut took: Vec<Duration> = self
            .took
            .iter()
            .filter(|t| t.0 == kind)
            .map(|t| t.1)
            .collect();
        took.sort();
        let at = |part: f64| took.get((took.len() as f64 * part) as usize).copied();
        (
            took.len(),
            at(0.5).unwrap_or_default(),
            at(0.95).unwrap_or_default(),
        )
    }
}

const HONEST: &[&str] = &["import", "scan", "socket", "stream", "health"];

/// Twenty clients that do what they are meant to, for so long.
fn honest(to: SocketAddr, time: Duration) -> Noticed {
    let noticed = Arc::new(Mutex::new(Noticed::default()));
    let until = Instant::now() + time;
    thread::scope(|scope| {
        for client in 0..20u8 {
            let noticed = noticed.clone();
            scope.spawn(move || {
                let kind = HONEST[usize::from(client) % HONEST.len()];
                let from = Ipv4Addr::new(127, 2, 0, 1 + client);
                while Instant::now() < until {
                    let began = Instant::now();
                    let done = std::panic::catch_unwind(|| do_once(from, to, kind));
                    let mut noticed = noticed.lock().unwrap();
                    match done {
                        Ok(()) => noticed.took.push((kind, began.elapsed())),
                        Err(why) => {
                            let why = match why.downcast::<String>() {
                                Ok(why) => *why,
                                Err(why) => format!("{:?}", why.downcast_ref::<&str>()),
                            };
                            let wrong = format!("{kind} after {:?}: {why}", began.elapsed());
                            noticed.wrong.push(wrong);
                        }
                    }
                    drop(noticed);
                    thread::sleep(Duration::from_millis(if kind == "scan" {
                        2_000
                    } else {
                        300
                    }));
                }
            });
        }
    });
    Arc::into_inner(noticed).unwrap().into_inner().unwrap()
}

/// Asks again, as clients do, when it is told to.
fn made(request: impl Fn() -> Request) -> Job {
    for _ in 0..20 {
        let answer = request().send();
        if !matches!(answer.status(), 429 | 503) {
            return Job::of(&answer.data(202));
        }
        thread::sleep(Duration::from_millis(500));
    }
    panic!("refused again and again");
}

fn do_once(from: Ipv4Addr, to: SocketAddr, kind: &str) {
    let request = |method: &str, path: &str| Request::new(to, method, path).from(from);
    let get = |path: &str| request("GET", path).send();
    if kind == "health" {
        assert_eq!(get("/health").status(), 200);
        return;
    }
    let job = made(|| match kind {
        "scan" => request("POST", "/api/batch-scan").form("photos", "a.jpg", PHOTO),
        _ => {
            let csv = stand_ins::library(20);
            request("POST", "/api/v2/imports").form("file", "a.csv", &csv)
        }
    });
    match kind {
        "socket" => {
            let query = format!("jobId={}&token={}&schema=2.0.0", job.id, job.token);
            let stream = try_connect(from, to).unwrap();
            let mut socket = Socket::over(stream, &query, &[]).unwrap();
            assert_eq!(socket.rest().1, 1000);
        }
        "stream" => {
            let mut stream = app::sse::Stream::open(request("GET", &job.sse_url));
            stream.rest();
        }
        _ => {}
    }
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let status = get(&job.status_url).data(200)["status"].clone();
        if status == "completed" {
            return;
        }
        assert!(
            matches!(status.as_str(), Some("initialized" | "processing")),
            "{status}"
        );
        assert!(Instant::now() < until, "{status}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What the host has warned of, and how often.
fn complaints(app: &App) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in app.logs().lines() {
        let line = match line.split_once("  WARN ").or(line.split_once(" ERROR ")) {
            Some((_, message)) => message.to_owned(),
            None => {
                let event = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
                if event["code"].is_null() && event["outcome"] != "lease-lost" {
                    continue;
                }
                format!(
                    "{} {} {} {}",
                    event["component"], event["event"], event["outcome"], event["code"]
                )
            }
        };
        *counts.entry(line).or_default() += 1;
    }
    counts
}

#[test]
#[ignore = "measures: it wants both processors for half a minute"]
fn honest_clients_are_served_while_others_attack() {
    let seconds = std::env::var("SIEGE_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(20));
    let app = Setup::new().start();
    let process = app.process_id();
    let to = app.address();
    let big = app.import(&stand_ins::library(9_000));
    app.finish(&big);

    let alone = honest(to, time / 2);
    let before = memory(process);
    let siege = Siege {
        to,
        big,
        over: AtomicBool::new(false),
    };
    let (noticed, most) = thread::scope(|scope| {
        for (n, (_, clients, attack)) in KINDS.iter().enumerate() {
            for client in 0..*clients {
                let siege = &siege;
                // Each kind comes from a few addresses of its own.
                let from = Ipv4Addr::new(127, 1, n as u8, 1 + (client % 4) as u8);
                scope.spawn(move || {
                    while siege.goes_on() {
                        attack(siege, from);
                        siege.rest(Duration::from_millis(20));
                    }
                });
            }
        }
        let watching = scope.spawn(|| {
            let mut most = 0;
            while siege.goes_on() {
                most = most.max(memory(process));
                thread::sleep(Duration::from_millis(50));
            }
            most
        });
        let noticed = honest(to, time);
        siege.over.store(true, Ordering::Relaxed);
        (noticed, watching.join().unwrap())
    });
    let clients: usize = KINDS.iter().map(|kind| kind.1).sum();
    assert_eq!(clients, 500);
    println!(
        "{clients} hostile clients for {time:?}; memory {before} MB before, {most} MB at most"
    );
    let counters = app.counters();
    for (name, component) in counters["components"].as_object().unwrap() {
        let of = |what: &str| component[what].clone();
        println!(
            "{name}: {} requests, at most {} instances, {} rejected, {} failed",
            of("requests"),
            of("instances_peak"),
            of("rejected"),
            of("failed")
        );
    }
    let complaints = complaints(&app);
    for (line, times) in &complaints {
        println!("{times} times: {line}");
    }
    for kind in HONEST {
        let (alone, besieged) = (alone.times(kind), noticed.times(kind));
        let slower = |alone: Duration, besieged: Duration| {
            besieged.as_secs_f64() / alone.as_secs_f64().max(f64::EPSILON)
        };
        println!(
            "{kind}: alone {alone:?}, besieged {besieged:?}: p50 {:.1} times as long, p95 {:.1}",
            slower(alone.1, besieged.1),
            slower(alone.2, besieged.2)
        );
    }
    for line in app
        .logs()
        .lines()
        .filter(|line| line.contains("lease-lost"))
    {
        println!("{line}");
    }
    println!(
        "went wrong: alone {:#?}, besieged {:#?}",
        alone.wrong, noticed.wrong
    );
    assert!(most < 400, "{most} MB");
    assert!(noticed.wrong.is_empty());
    // Who is honest waits, and is not begun again and again.
    let lost: usize = complaints
        .iter()
        .filter(|(line, _)| line.contains("lease-lost"))
        .map(|(_, times)| times)
        .sum();
    assert!(lost <= 5, "{lost} runs lost their lease");
    assert_eq!(app.get("/health").status(), 200);
}
