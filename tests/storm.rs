//! A storm of requests that are wrong in every way a seeded generator thinks of: none is the
//! server's fault, and nothing of them stays.
//!
//! `STORM_REQUESTS` (10,000 if not set) says how many: 200,000 take some ten minutes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use app::socket::Socket;
use app::{App, Job, TIME_LIMIT, eventually};
use base64::Engine as _;
use serde_json::{Value, json};
use tungstenite::Message;

const THREADS: u64 = 8;
const SOCKETS: usize = 60;

/// SplitMix64: the same seed, the same storm.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Changes some bytes, cuts, repeats and inserts.
    fn spoil(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => {
                    let junk = self.bytes(20);
                    bytes.splice(at..at, junk);
                }
                2 => {
                    let to = at + self.below(bytes.len() - at + 1);
                    let piece = bytes[at..to].to_vec();
                    bytes.splice(at..at, piece);
                }
                3 => {
                    let token = self.of(TOKENS);
                    bytes.splice(at..at, token.bytes());
                }
                _ => {
                    let byte = self.next().to_le_bytes()[0];
                    if let Some(there) = bytes.get_mut(at) {
                        *there = byte;
                    }
                }
            }
        }
        bytes
    }

    /// What can stand in a header: mostly no control characters, which are refused before anything
    /// is read.
    fn line(&mut self, from: &str) -> Vec<u8> {
        let mut line = match self.below(3) {
            0 => self.bytes(60),
            _ => self.spoil(from.as_bytes().to_vec()),
        };
        let may_control = self.one_in(20);
        line.retain(|byte| match byte {
            b'\r' | b'\n' | 0 => false,
            0..32 | 127 => may_control,
            _ => true,
        });
        line
    }

    /// The same for a request's target, where most bytes must be written as `%` and two digits.
    fn target(&mut self, from: &str) -> Vec<u8> {
        let line = self.line(from);
        let is_raw = self.one_in(20);
        let written = |byte: u8| match byte {
            b'!'..=b'~' if !b"\"<>\\^`{|}".contains(&byte) => vec![byte],
            _ if is_raw => vec![byte],
            _ => format!("%{byte:02x}").into_bytes(),
        };
        line.into_iter().flat_map(written).collect()
    }
}

const TOKENS: &[&str] = &[
    "\"",
    "{",
    "[",
    "[[[[[[[[[[[[[[[[",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\u{0}",
    "\r\n",
    "\r\n\r\n",
    "--edge",
    "--edge--\r\n",
    ",,,,",
    ";",
    "%00",
    "%",
    "%ff",
    "../",
    "<script>",
    "=",
    "&",
    "'",
    "\u{feff}",
    "\u{202e}",
    "9780743273565",
    "data:image/jpeg;base64,",
];

const METHODS: &[&str] = &[
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW",
];

const PATHS: &[&str] = &[
    "/",
    "/app.js",
    "/openapi.json",
    "/health",
    "/nothing",
    "/api/v2/imports",
    "/api/v2/capabilities",
    "/api/batch-scan",
    "/scan",
    "/scan?jobId=a-job",
    "/scan/status/a-job",
    "/api/scan-bookshelf",
    "/api/scan-bookshelf/batch",
    "/api/import/csv-gemini",
    "/api/batch-enrich",
    "/v1/enrichment/batch",
    "/api/v2/books/enrich",
    "/api/enrichment/start",
    "/api/enrichment/batch",
    "/ws/session",
    "/ws/progress",
    "/api/v2/imports/a-job",
    "/api/v2/imports/a-job/stream",
    "/api/v2/imports/a-job/results",
    "/api/v2/imports/stream?jobIds=a,b",
    "/scan/ready/a-job",
    "/api/enrichment/cancel",
    "/api/scan-bookshelf/cancel",
    "/api/job-state/a-job",
    "/api/token/refresh",
    "/v1/csv/cancel/a-job",
    "/v1/csv/results/a-job",
    "/v1/csv/status/a-job",
    "/v1/jobs/a-job",
    "/v1/jobs/a-job/results",
    "/v1/scan/results/a-job",
    "/internal/scan/a-job/run",
    "/internal/enrichment/a-job/run",
    "/.well-known/spin/health",
];

const QUERIES: &[&str] = &[
    "offset=1&limit=10",
    "jobId=a-job",
    "jobIds=a,b,c",
    "books=1",
    "lastEventId=5.6",
    "events=photoscan",
    "schema=2.0.0&token=x&jobId=a-job",
];

const HEADERS: &[(&str, &str)] = &[
    ("last-event-id", "5.6,7"),
    ("authorization", "Bearer 0123456789abcdef"),
    ("idempotency-key", "a-key"),
    ("accept", "text/event-stream, application/json;q=0.5"),
    ("if-none-match", "W/\"5\", *"),
    ("origin", "http://localhost:8080"),
    ("x-ai-provider", "gemini"),
    ("x-edge-secret", "secret"),
    ("x-edge-client", "2001:db8::1"),
    ("x-stream-budget", "0"),
    ("x-run-key", "0123456789abcdef"),
    ("spin-client-addr", "192.0.2.1:80"),
    ("stream-key", "a-key"),
    ("range", "bytes=0-1"),
    ("cookie", "a=b"),
];

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Bodies that would be taken, with their types, to be spoiled.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let form = |part: &str, content: &[u8]| {
        let head = format!(
            "--edge\r\ncontent-disposition: form-data; name=\"{part}\"; filename=\"a\"\r\n\r\n"
        );
        [head.as_bytes(), content, b"\r\n--edge--\r\n"].concat()
    };
    let photo = &include_bytes!("data/bookshelf-13.jpg")[..20_000];
    let csv = stand_ins::library(3);
    let json = |value: Value| value.to_string().into_bytes();
    vec![
        ("multipart/form-data; boundary=edge", form("file", &csv)),
        ("multipart/form-data; boundary=edge", form("photos", photo)),
        ("text/csv", csv),
        ("image/jpeg", photo.to_vec()),
        (
            "image/png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x10\0\0\0\x10\0\x08\x02\0\0\0".to_vec(),
        ),
        (
            "image/webp",
            b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a\x01\0\x01\0".to_vec(),
        ),
        (
            "application/json",
            json(json!({"jobId": "a-job", "oldToken": "0123456789abcdef"})),
        ),
        (
            "application/json",
            json(json!({"epoch": "1-abc", "seq": 1, "made": null})),
        ),
        (
            "application/json",
            json(json!({"barcodes": ["9780743273565"]})),
        ),
        (
            "application/json",
            json(json!({"barcode": "9780743273565"})),
        ),
        (
            "application/json",
            json(json!({"books": [{"title": "A", "author": "B", "isbn": null}]})),
        ),
        (
            "application/json",
            json(json!({"jobId": "some-works", "workIds": ["OL1W"]})),
        ),
        (
            "application/json",
            json(json!({"jobId": "a-batch", "images": [{"index": 0, "data": base64(photo)}]})),
        ),
        (
            "application/json",
            json(json!({"jobId": "some-books", "books": [{"title": "A"}, {"title": "B"}]})),
        ),
    ]
}

/// Routes that make jobs, and which of the [`seeds`] they take.
const MAKERS: &[(&str, &[usize])] = &[
    ("/api/v2/imports", &[0, 2]),
    ("/api/import/csv-gemini", &[0]),
    ("/api/batch-scan", &[1, 3, 4, 5]),
    ("/scan?jobId=a-scan", &[1, 3, 4, 5]),
    ("/api/scan-bookshelf", &[1, 3]),
    ("/api/scan-bookshelf/batch", &[12]),
    ("/api/batch-enrich", &[8, 10]),
    ("/v1/enrichment/batch", &[8, 10]),
    ("/api/enrichment/batch", &[10, 13]),
    ("/api/enrichment/start", &[11]),
    ("/api/v2/books/enrich", &[9]),
];

/// One request: its bytes, and whether it promises more than it sends.
fn request(dice: &mut Dice, address: SocketAddr, seeds: &[(&str, Vec<u8>)]) -> (Vec<u8>, bool) {
    if dice.one_in(50) {
        let junk = dice.spoil(format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes());
        return (junk, true);
    }
    let (method, path, seed) = match dice.below(5) {
        0 => (
            dice.of(METHODS),
            dice.of(PATHS),
            Some(dice.below(seeds.len())),
        ),
        1 => ("GET", dice.of(PATHS), None),
        2 => ("POST", dice.of(PATHS), Some(dice.below(seeds.len()))),
        _ => {
            let (path, fitting) = MAKERS[dice.below(MAKERS.len())];
            ("POST", path, Some(fitting[dice.below(fitting.len())]))
        }
    };
    let mut target = match dice.below(8) {
        0 => dice.target(path),
        _ => path.as_bytes().to_vec(),
    };
    if dice.one_in(3) {
        target.push(if target.contains(&b'?') { b'&' } else { b'?' });
        let query = dice.of(QUERIES);
        target.extend(dice.target(query));
    }
    let mut bytes = method.as_bytes().to_vec();
    bytes.push(b' ');
    bytes.extend(target);
    bytes.extend(format!(" HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n").bytes());
    for _ in 0..dice.below(4) {
        let (name, value) = HEADERS[dice.below(HEADERS.len())];
        bytes.extend(format!("{name}: ").bytes());
        bytes.extend(dice.line(value));
        bytes.extend(b"\r\n");
    }
    let mut body = Vec::new();
    if let Some(seed) = seed {
        let (kind, seed) = &seeds[seed];
        bytes.extend(b"content-type: ");
        let kind = match dice.one_in(8) {
            true => dice.line(kind),
            false => kind.as_bytes().to_vec(),
        };
        bytes.extend(kind);
        bytes.extend(b"\r\n");
        body = dice.spoil(seed.clone());
    }
    let breaks_off = dice.one_in(40);
    let length = body.len() + if breaks_off { 1 + dice.below(99) } else { 0 };
    bytes.extend(format!("content-length: {length}\r\n\r\n").bytes());
    bytes.extend(body);
    (bytes, breaks_off)
}

/// Sends a request; what is answered, if anything is.
fn send(address: SocketAddr, bytes: &[u8], breaks_off: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    let mut answer = Vec::new();
    // A server may answer, and close, before it has read everything.
    let _ = stream.write_all(bytes);
    if breaks_off {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Messages of clients, to be spoiled.
fn messages() -> Vec<Vec<u8>> {
    let values = [
        json!({"type": "ready", "jobId": "a-job", "data": {}}),
        json!({"type": "ping", "timestamp": 1_700_000_000_000_u64}),
        json!({"type": "subscribe", "jobIds": ["a-job"], "payload": {"schemaVersion": "2.0.0"}}),
        json!({"type": "cancel", "jobId": "a-job", "token": "0123456789abcdef"}),
    ];
    let packed = values.iter().map(|value| rmp_serde::to_vec(value).unwrap());
    let texts = values.iter().map(|value| value.to_string().into_bytes());
    packed.chain(texts).collect()
}

/// Messages that are none, on sockets that are some.
fn babble(app: &App, dice: &mut Dice) {
    let job = app.import(&stand_ins::library(3));
    let messages = messages();
    for n in 0..SOCKETS {
        let schema = ["legacy", "1.0.0", "2.0.0"][n % 3];
        let format = ["json", "msgpack"][n % 2];
        let query = format!(
            "jobId={}&token={}&schema={schema}&format={format}",
            job.id, job.token
        );
        let query = match dice.one_in(4) {
            true => dice.of(&[
                query.as_str(),
                "jobId=",
                "schema=9&jobId=%ff",
                "token=%00&jobId=a-job",
            ]),
            false => query.as_str(),
        };
        let stream = TcpStream::connect(app.address()).unwrap();
        let mut socket = match Socket::over(stream, query, &[]) {
            Ok(socket) => socket,
            Err(status) => {
                assert!(status < 500, "{query}: {status}");
                continue;
            }
        };
        for _ in 0..5 {
            let message = &messages[dice.below(messages.len())];
            let said = match String::from_utf8(dice.spoil(message.clone())) {
                Ok(text) => socket.try_say(text),
                Err(error) => socket.try_say(Message::binary(error.into_bytes())),
            };
            if !said {
                break;
            }
        }
    }
}

/// Makes jobs until all that was there before has expired and is swept away, a few with each.
fn expire(app: &App) {
    let mut latest = BTreeSet::new();
    let mut minutes = 25 * 60;
    eventually("everything is swept away", || {
        minutes += 11;
        app.misbehave(&format!("clock-ahead={minutes}m"));
        let request = app.request("POST", "/api/batch-enrich");
        let answer = request.json(&json!({"barcodes": ["9780743273565"]})).send();
        // A disk that deletes a thousand keys may be too slow for a write beside it.
        if answer.status() != 503 {
            latest.insert(Job::of(&answer.data(202)).id);
        }
        owners(app).is_subset(&latest)
    });
}

/// The jobs that keys in the store belong to.
fn owners(app: &App) -> BTreeSet<String> {
    let keys = app.job_keys();
    let owners = keys.iter().filter_map(|key| key.split('/').nth(1));
    owners.map(str::to_owned).collect()
}

/// Whether the store holds anything of a job that has not ended.
fn is_running(app: &App, id: &str) -> bool {
    let status = app.get(&format!("/api/v2/imports/{id}"));
    match status.status() {
        200 => matches!(
            status.data(200)["status"].as_str(),
            Some("initialized" | "processing")
        ),
        _ => owners(app).contains(id),
    }
}

/// What is known of these jobs.
fn described(app: &App, ids: &[String]) -> String {
    let (keys, logs) = (app.job_keys(), app.logs());
    let mut described = String::new();
    for id in ids.iter().take(5) {
        let status = app.get(&format!("/api/v2/imports/{id}")).text();
        let keys: Vec<&String> = keys
            .iter()
            .filter(|key| key.contains(id.as_str()))
            .collect();
        described += &format!("\n{id}: {status}, keys {keys:?}");
        for line in logs.lines().filter(|line| line.contains(id.as_str())) {
            described += &format!("\n    {line}");
        }
    }
    format!("{}{described}", ids.len())
}

/// What is said to a request. Where the store is behind, or runs have all the room that they may
/// have, which is nobody's fault, the request is sent again when the answer says.
fn answer(to: SocketAddr, bytes: &[u8], breaks_off: bool) -> String {
    let began = Instant::now();
    loop {
        let answer = String::from_utf8_lossy(&send(to, bytes, breaks_off)).into_owned();
        // The answer to a `HEAD` does not say why, but when to come back.
        let says_so = answer.contains("SERVICE_BUSY") || bytes.starts_with(b"HEAD");
        let is_behind = answer.get(9..12) == Some("503") && says_so;
        let wait = answer.split_once("retry-after: ");
        let wait = wait.and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        match wait.filter(|_| is_behind && began.elapsed() < TIME_LIMIT) {
            Some(seconds) => thread::sleep(Duration::from_secs(seconds)),
            None => return answer,
        }
    }
}

#[test]
fn no_request_is_the_server_s_fault_and_nothing_of_them_stays() {
    let requests = std::env::var("STORM_REQUESTS").ok();
    let requests = requests.map_or(10_000, |number| number.parse().unwrap());
    let app = App::start();
    let named = Mutex::new(BTreeSet::new());
    let statuses = Mutex::new(BTreeMap::<String, u32>::new());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (app, named, statuses) = (&app, &named, &statuses);
            scope.spawn(move || {
                let seeds = seeds();
                for n in (thread..requests).step_by(THREADS as usize) {
                    let mut dice = Dice(n << 20);
                    let (bytes, breaks_off) = request(&mut dice, app.address(), &seeds);
                    let answer = answer(app.address(), &bytes, breaks_off);
                    let status = answer.get(9..12).unwrap_or("none").to_owned();
                    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(600)]);
                    assert!(!status.starts_with('5'), "{n}: {shown}\n{answer}");
                    if let Some((_, id)) = answer.split_once("\"jobId\":\"") {
                        let id = id.split('"').next().unwrap_or_default();
                        named.lock().unwrap().insert(id.to_owned());
                    } else if breaks_off {
                        *statuses
                            .lock()
                            .unwrap()
                            .entry("broken off".to_owned())
                            .or_default() += 1;
                    }
                    *statuses.lock().unwrap().entry(status).or_default() += 1;
                }
            });
        }
    });
    babble(&app, &mut Dice(1));
    let (named, statuses) = (named.into_inner().unwrap(), statuses.into_inner().unwrap());
    println!("{statuses:?}");
    assert_eq!(app.get("/health").status(), 200);

    // Whatever the store holds is a job that a client was told of, and that ends. Hundreds of
    // photos wait for their turns to be decoded: as long as fewer wait, all is well.
    let mut running = Vec::new();
    let mut since = Instant::now();
    loop {
        let most = running.len();
        if most == 0 {
            running.extend(owners(&app));
        }
        running.retain(|id| is_running(&app, id));
        if running.is_empty() {
            break;
        }
        if running.len() < most {
            since = Instant::now();
        }
        if since.elapsed() > TIME_LIMIT {
            panic!("no job ends: {}", described(&app, &running));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let left = owners(&app);
    println!("{} jobs", left.len());
    assert!(left.len() > 100, "the storm reaches the parsers");
    let untold = left.difference(&named).count();
    // Who breaks off has no answer, but may have sent all that a job needs.
    assert!(untold <= 1 + statuses["broken off"] as usize, "{untold}");
    assert_eq!(app.uploads(), 0);
    let others = app.keys();
    let others: Vec<&String> = others
        .iter()
        .filter(|key| !key.starts_with("job/"))
        .collect();
    assert!(others.len() <= 20, "{others:?}");

    let logs = app.logs();
    for fault in [
        "panicked",
        "internal-error",
        "after the response began",
        "answered nothing",
        "no room for a request",
    ] {
        let line = logs.lines().find(|line| line.contains(fault));
        assert_eq!(line, None);
    }
    expire(&app);
}
