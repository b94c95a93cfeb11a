//! Requests that are odd, too much, or never done: each is answered as what it is or cut, and the
//! next client is served.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use stand_ins::Fault;

use crate::app::{App, Job, Setup, TIME_LIMIT, connect, eventually};
use crate::photos;

/// The rest of the head of a handshake, but for the line that ends it.
const UPGRADE: &str = "upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nconnection: upgrade, close\r\n\r\n";

/// Sends bytes as they are, in the pieces in which they come; what is answered.
fn raw(app: &App, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    stream.set_write_timeout(Some(TIME_LIMIT)).unwrap();
    for piece in pieces {
        // A server may answer, and close, before it has read everything.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    let answers = answer.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| &answer[..3]).collect()
}

/// Nothing is under way any more, and the next client is served.
fn assert_well(app: &App, after: &str) {
    eventually(&format!("no instance is left after {after}"), || {
        let counters = app.counters();
        let mut components = counters["components"].as_object().unwrap().values();
        components.all(|component| component["instances_live"] == 0)
    });
    assert_eq!(app.get("/health").status(), 200, "after {after}");
}

#[test]
fn heads_that_no_client_sends_are_refused() {
    let app = App::start();
    let end = "connection: close\r\n\r\n";
    // A head that ends has its body, too.
    let ask = |head: &str| match head.contains("\r\n\r\n") {
        true => raw(&app, &[head.as_bytes()]),
        false => raw(&app, &[head.as_bytes(), end.as_bytes()]),
    };
    for (what, head, expected) in [
        (
            "two lengths",
            "POST /api/batch-enrich HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n".to_owned(),
            &["400"][..],
        ),
        (
            "a length and chunks",
            "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            &["400", "415"],
        ),
        (
            "chunks twice",
            "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            &["400"],
        ),
        (
            "another coding",
            "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\n".to_owned(),
            &["400", "501"],
        ),
        (
            "another coding before chunks",
            "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\n\
             transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            &["501"],
        ),
        (
            "a URL with a user",
            "GET http://a:b@localhost/health HTTP/1.1\r\nhost: localhost\r\n".to_owned(),
            &["400"],
        ),
        (
            "a URL that is not of HTTP",
            "GET ftp://localhost/health HTTP/1.1\r\nhost: localhost\r\n".to_owned(),
            &["400"],
        ),
        (
            "a socket for two hosts",
            format!("GET /ws/progress HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n{UPGRADE}"),
            &["400"],
        ),
        (
            "a socket for another site",
            format!("GET /ws/progress HTTP/1.1\r\nhost: evil.example\r\n{UPGRADE}"),
            &["421"],
        ),
        (
            "a folded line",
            "GET /health HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\n".to_owned(),
            &["400"],
        ),
        (
            "a space before the colon",
            "GET /health HTTP/1.1\r\nhost : localhost\r\n".to_owned(),
            &["400"],
        ),
        (
            "a NUL in a header",
            "GET /health HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n".to_owned(),
            &["400"],
        ),
        (
            "a header without a name",
            "GET /health HTTP/1.1\r\nhost: localhost\r\n: a\r\n".to_owned(),
            &["400"],
        ),
        ("no path", "GET  HTTP/1.1\r\nhost: localhost\r\n".to_owned(), &["400"]),
        (
            "an absolute form of another host",
            "GET http://evil.example/health HTTP/1.1\r\nhost: localhost\r\n".to_owned(),
            &["400", "421"],
        ),
        (
            "the form of a tunnel",
            "CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n".to_owned(),
            &["400", "404", "405"],
        ),
        (
            "the form of a server",
            "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n".to_owned(),
            &["200", "204", "400", "404"],
        ),
        (
            "a version to come",
            "GET /health HTTP/3.0\r\nhost: localhost\r\n".to_owned(),
            &["400", "505"],
        ),
        (
            "a thousand fields",
            format!(
                "GET /health HTTP/1.1\r\nhost: localhost\r\n{}",
                "x: y\r\n".repeat(1_000)
            ),
            &["400", "431"],
        ),
        (
            "a megabyte of one field",
            format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n", "y".repeat(1 << 20)),
            &["400", "431"],
        ),
        (
            "a megabyte of a path",
            format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n", "y".repeat(1 << 20)),
            &["400", "414", "431"],
        ),
    ] {
        let answer = ask(&head);
        let got = statuses(&answer);
        // What is too long may be cut before it is answered.
        let is_long = head.len() > 100_000 && got.is_empty();
        assert!(
            is_long || got.len() == 1 && expected.contains(&got[0]),
            "{what}: {got:?}"
        );
        assert!(!answer.contains("evil.example"), "{what}: {answer}");
    }
    let preface = raw(
        &app,
        &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"],
    );
    assert!(!preface.contains(" 200 "), "{preface}");
    assert_well(&app, "odd heads");
}

#[test]
fn a_path_is_one_path_however_it_is_written() {
    let app = App::start();
    let job = app.enrich(&json!({"barcodes": ["9780743273565"]}));
    app.finish(&job);
    for target in [
        "/%69nternal/enrichment/x/run",
        "//internal/enrichment/x/run",
        "/./internal/enrichment/x/run",
        "/api/../internal/enrichment/x/run",
        "/internal%2fenrichment%2fx%2frun",
        "/INTERNAL/enrichment/x/run",
        "/ws/session%00",
        "/ws//session",
        "/ws/%73ession?jobId=x",
    ] {
        for method in ["GET", "POST"] {
            let answer = app.request(method, target).send();
            let status = answer.status();
            assert!(
                [404, 405, 426].contains(&status),
                "{method} {target}: {status}"
            );
        }
    }
    let id = &job.id;
    for target in [
        format!("/api/v2/imports/{id}%00"),
        format!("/api/v2/imports/{id}%0d%0ax:y"),
        format!("/api/v2/imports/{id};x"),
        format!("/api/v2/imports/..%2f{id}"),
        format!("/api/v2/imports/%{id}"),
    ] {
        let status = app.get(&target).status();
        assert!([400, 404].contains(&status), "{target}: {status}");
    }
    // What asks for parts, or for the place after the end of everything, gets what there is.
    let ranged = app.request("GET", &job.results_url);
    let ranged = ranged.header("range", "bytes=0-1,5-,-9").send();
    assert_eq!(ranged.json()["success"], true);
    for last in [
        "18446744073709551615",
        "99999999999999999999999",
        "-1",
        "1;1;1",
        "\u{e9}",
        &"9".repeat(10_000),
        "",
    ] {
        let request = app
            .request("GET", &job.sse_url)
            .header("last-event-id", last);
        let status = request.send().status();
        assert!([200, 204, 400].contains(&status), "{last:.20}: {status}");
    }
}

/// A body in chunks, each with `extension`.
fn chunked(body: &[u8], size: usize, extension: &str) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(size) {
        chunks.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

const POST_CHUNKS: &[u8] = b"POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\n\
    connection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn chunks_may_be_tiny_but_say_little_besides() {
    let app = App::start();
    let body = json!({"barcodes": vec!["9780743273565"; 1]}).to_string();
    let padded = format!("{}{body}", " ".repeat(200_000));
    let tiny = raw(&app, &[POST_CHUNKS, &chunked(padded.as_bytes(), 1, "")]);
    assert_eq!(statuses(&tiny), ["202"], "{tiny}");
    let extended = chunked(body.as_bytes(), 8, &format!(";x={}", "y".repeat(100_000)));
    let extended = raw(&app, &[POST_CHUNKS, &extended]);
    assert!(!statuses(&extended).contains(&"202"), "{extended}");
    for size in ["ffffffffffffffffff", "-1", "0x5", "+5", "5 5", ""] {
        let answer = raw(
            &app,
            &[POST_CHUNKS, size.as_bytes(), b"\r\nabcde\r\n0\r\n\r\n"],
        );
        assert!(!statuses(&answer).contains(&"202"), "{size}: {answer}");
        assert!(!statuses(&answer).contains(&"500"), "{size}: {answer}");
    }
    assert_well(&app, "odd chunks");
}

#[test]
fn requests_on_one_connection_are_answered_one_after_the_other() {
    let app = App::start();
    const ASKED: usize = 500;
    let one = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let last = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = raw(&app, &[&one.repeat(ASKED - 1), last]);
    assert_eq!(statuses(&answer), vec!["200"; ASKED]);
    let peak = app.counters()["components"]["status"]["instances_peak"].clone();
    assert!(peak.as_u64().unwrap() < 10, "{peak} at the same time");
}

#[test]
fn what_is_compressed_is_not_unpacked() {
    let app = App::start();
    for coding in ["gzip", "br", "deflate", "zstd"] {
        let request = app
            .request("POST", "/api/batch-enrich")
            .header("content-encoding", coding);
        let body = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".repeat(1_000);
        let answer = request.body("application/json", body).send();
        assert!((400..500).contains(&answer.status()), "{coding}");
    }
    assert_eq!(app.job_keys(), [""; 0]);
}

#[test]
fn json_that_is_deep_or_says_a_thing_twice_is_refused() {
    let app = App::start();
    let post = |path: &str, body: String| {
        let request = app.request("POST", path);
        request.body("application/json", body).send()
    };
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(50_000), close.repeat(50_000));
    for path in [
        "/api/batch-enrich",
        "/api/v2/books/enrich",
        "/api/enrichment/start",
        "/api/scan-bookshelf/batch",
        "/api/scan-bookshelf/cancel",
        "/api/token/refresh",
    ] {
        for body in [
            deep("[", "]"),
            deep("{\"books\":", "}"),
            "{\"jobId\": \"a\", \"jobId\": \"b\"}".to_owned(),
            "{\"jobId\": 1e999}".to_owned(),
            "{\"jobId\": \"\\ud800\"}".to_owned(),
            "\u{feff}{}".to_owned(),
            "null".to_owned(),
        ] {
            let answer = post(path, body.clone());
            assert!(
                (400..500).contains(&answer.status()),
                "{path}: {} for {body:.40}",
                answer.status()
            );
        }
    }
    let twice = r#"{"Title": "title", "Title": "ignore"}"#;
    let mapped = app
        .request("POST", "/api/v2/imports")
        .header("x-import-mapping", twice)
        .body("text/csv", "Title\nEmma\n");
    mapped.send().error(400, "INVALID_REQUEST");
    assert_eq!(app.job_keys(), [""; 0]);
}

/// Each item of two bytes takes seventy, of which there are more than the host has memory for.
#[test]
fn a_list_of_millions_costs_what_is_kept_of_it() {
    let app = Setup::new().argument("--memory=64").start();
    for (path, field, item) in [
        ("/api/batch-enrich", "books", "{}"),
        ("/api/batch-enrich", "barcodes", "\"\""),
        ("/v3/jobs/enrichment", "books", "{}"),
        ("/v3/books/enrich", "isbns", "\"\""),
        ("/api/enrichment/start", "workIds", "\"\""),
    ] {
        let items = format!("{item},").repeat(2_700_000);
        let body = format!("{{\"jobId\":\"much\",\"{field}\":[{items}{item}]}}");
        let answer = app.request("POST", path).body("application/json", body);
        let answer = answer.send();
        assert_eq!(answer.status(), 400, "{path} {field}: {}", answer.text());
        assert!(answer.text().contains("BATCH_TOO_LARGE"), "{path} {field}");
        assert!(answer.text().contains("2700001"), "{path} {field}");
    }
    assert_eq!(app.job_keys(), [""; 0]);
}

/// What the component `status` has cost, when its answers are over.
fn costs_of_status(app: &App) -> Value {
    let costs = || app.counters()["components"]["status"].clone();
    eventually("the answers are over", || costs()["instances_live"] == 0);
    costs()
}

/// What the routes of the first apps say of a finished job lists all its books.
#[test]
fn the_books_of_a_status_document_are_never_in_memory_together() {
    let app = App::start();
    let job = app.import(&stand_ins::library(9_000));
    assert_eq!(app.finish(&job)["status"], "completed");
    let memory = || costs_of_status(&app)["memory_peak"].as_u64().unwrap();
    let results = app.results(&job);
    let of_results = memory();
    let path = format!("/v1/csv/status/{}", job.id);
    let answer = app.get(&path);
    let books = answer.json()["data"]["books"].clone();
    assert_eq!(
        books.as_array().map(Vec::len),
        results["books"].as_array().map(Vec::len)
    );
    let of_status = memory();
    assert!(
        of_status <= of_results + (1 << 20),
        "{of_status} bytes for the status, {of_results} for the results"
    );
}

#[test]
fn whoever_has_the_books_of_a_status_document_is_told_so_before_they_are_read() {
    let app = App::start();
    let import = app.import(&stand_ins::library(2));
    let photo = include_bytes!("data/bookshelf-13.jpg");
    let scan = app.request("POST", "/api/batch-scan");
    let scan = Job::of(&scan.form("photos", "a.jpg", photo).send().data(202));
    for (path, job) in [("/v1/csv/status/", import), ("/scan/status/", scan)] {
        assert_eq!(app.finish(&job)["status"], "completed");
        let ask = || app.request("GET", &format!("{path}{}", job.id));
        let etag = ask().send().header("etag").unwrap().to_owned();
        // Of the answers alone: the other components' runs may still go on.
        let gets = || costs_of_status(&app)["storage"]["gets"].as_u64().unwrap();
        let before = gets();
        let again = ask().header("if-none-match", &etag).send();
        assert_eq!((again.status(), again.header("etag")), (304, Some(&*etag)));
        let read = gets() - before;
        assert!(read <= 3, "{path}: {read} values");
        ask().header("if-none-match", "\"another\"").send().json();
    }
}

/// Both who may have their results in memory ask for several, more than the system takes for them,
/// and read the beginning.
#[test]
fn who_reads_large_results_too_slowly_leaves_their_memory_to_others() {
    let app = Setup::new().variable("edge_secret", "of-the-test").start();
    let library = stand_ins::library(9_000);
    let jobs: Vec<Job> = (0..4).map(|_| app.import(&library)).collect();
    for job in &jobs {
        assert_eq!(app.finish(job)["status"], "completed");
    }
    let begin = |jobs: &[Job]| {
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        let tokens: Vec<&str> = jobs.iter().map(|job| job.token.as_str()).collect();
        let query = format!("jobIds={}&tokens={}", ids.join(","), tokens.join(","));
        let head = format!("GET /ws/session?{query}&schema=1.0.0 HTTP/1.1\r\nhost: localhost\r\n");
        let mut stream = TcpStream::connect(app.address()).unwrap();
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        write!(
            stream,
            "{head}x-edge-secret: of-the-test\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    };
    // Open until the end: who leaves by itself is not let go.
    let mut slow = Vec::new();
    let let_go = || app.log_lines("the results are read too slowly");
    let mut before_these = 0;
    eventually("another waits for its turn and has everything", || {
        // On a slow machine those before may have been let go before the other has come, and the
        // other itself may be read too slowly.
        slow.clear();
        before_these = let_go();
        slow.extend([begin(&jobs), begin(&jobs)]);
        for stream in &mut slow {
            stream.read_exact(&mut [0; 100_000]).unwrap();
        }
        let before = app.log_lines("turn-came");
        let mut results = Vec::new();
        begin(&jobs[..1]).read_to_end(&mut results).unwrap();
        let is_whole = results.len() > 1_500_000 && results.ends_with(b"0\r\n\r\n");
        is_whole && app.log_lines("turn-came") > before
    });
    eventually("both have been let go", || {
        let_go() >= before_these + slow.len()
    });
    assert_well(&app, "slow readers");
}

#[test]
fn no_more_of_a_body_is_held_than_of_a_small_one_before_its_client_is_admitted() {
    let app = Setup::new()
        .tuning("max_jobs_per_client=1")
        .variable("provider_timeout_s", "60")
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    app.enrich(&json!({"barcodes": ["9780743273565"]}));
    for path in [
        "/api/batch-enrich",
        "/v1/enrichment/batch",
        "/api/enrichment/start",
        "/api/enrichment/batch",
        "/v3/jobs/enrichment",
        "/v3/books/enrich",
    ] {
        let request = app.request("POST", path);
        let begun = request.body("application/json", vec![b' '; 200_000]);
        let refused = begun.stall(8_000_000).answer();
        assert_eq!(refused.status(), 429, "{path}: {}", refused.text());
    }
}

#[test]
fn what_says_little_is_short() {
    let app = App::start();
    let job = app.import(&stand_ins::library(2));
    assert_eq!(app.finish(&job)["status"], "completed");
    let retry = format!("/api/v2/imports/{}/retry", job.id);
    let v3_retry = format!("/v3/jobs/imports/{}/retry", job.id);
    let choose = format!("/api/v2/imports/{}/books/0", job.id);
    let v3_choose = format!("/v3/jobs/imports/{}/books/0", job.id);
    for (method, path) in [
        ("POST", "/api/scan-bookshelf/cancel"),
        ("POST", "/api/enrichment/cancel"),
        ("POST", "/api/token/refresh"),
        ("POST", "/api/v2/books/enrich"),
        ("POST", &retry),
        ("POST", &v3_retry),
        ("PUT", &choose),
        ("PUT", &v3_choose),
    ] {
        let long = json!({"jobId": "a", "more": "a".repeat(100_000)});
        let answer = app.request(method, path).bearer(&job.token);
        let answer = answer.json(&long).send();
        assert_eq!(answer.status(), 413, "{method} {path}: {}", answer.text());
        assert!(answer.text().contains("FILE_TOO_LARGE"), "{method} {path}");
    }
}

#[test]
fn names_with_control_characters_stay_data() {
    let app = App::start();
    let csv = stand_ins::library(2);
    for name in [
        "a\0b.csv",
        "a\x1b[31m.csv",
        "..\\..\\a.csv",
        "../../a.csv",
        "a\u{202e}vsc.csv",
    ] {
        let form = app.request("POST", "/api/v2/imports");
        let answer = form.form("file", name, &csv).send();
        let status = answer.status();
        assert!([202, 400].contains(&status), "{name:?}: {status}");
        if status == 202 {
            let job = Job::of(&answer.data(202));
            assert_eq!(app.finish(&job)["status"], "completed", "{name:?}");
        }
    }
    assert!(!app.logs().contains('\x1b'), "a terminal is not addressed");
}

/// The memory of the host that is its own, in MB.
fn memory(app: &App) -> u64 {
    let status = format!("/proc/{}/status", app.process_id());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[test]
#[cfg(target_os = "linux")]
fn bodies_that_never_end_take_no_more_than_there_is_for_all() {
    let app = Setup::new().argument("--memory=64").start();
    let to = app.address();
    let head = "POST /api/scan-bookshelf/batch HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 52000000\r\n\r\n";
    let (done, most) = thread::scope(|scope| {
        let senders: Vec<_> = (0..10)
            .map(|sender| {
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(to).unwrap();
                    let patience = Some(Duration::from_secs(3));
                    stream.set_write_timeout(patience).unwrap();
                    let begin =
                        format!("{head}{{\"jobId\":\"of-{sender}\",\"images\":[{{\"data\":\"");
                    stream.write_all(begin.as_bytes()).unwrap();
                    for megabyte in 1..=48 {
                        let mut piece = vec![b'A'; 1 << 20];
                        if megabyte % 12 == 0 {
                            piece.extend_from_slice(b"\"},{\"data\":\"");
                        }
                        if stream.write_all(&piece).is_err() {
                            break;
                        }
                    }
                    stream
                })
            })
            .collect();
        let mut most = 0;
        while !senders.iter().all(|sender| sender.is_finished()) {
            most = most.max(memory(&app));
            // Beside them others are served.
            assert_eq!(app.get("/health").status(), 200);
            thread::sleep(Duration::from_millis(20));
        }
        let done: Vec<TcpStream> = senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect();
        (done, most)
    });
    assert!(most < 250, "{most} MB");
    let csv = stand_ins::library(20);
    let job = app.import(&csv);
    assert_eq!(app.finish(&job)["status"], "completed");
    drop(done);
    assert_well(&app, "bodies without an end");
}

/// A batch's job may be named behind its photos, which wait in the store until then.
#[test]
#[cfg(target_os = "linux")]
fn batches_of_photos_wait_outside_of_memory_and_arrive_whole() {
    let app = Setup::new().argument("--memory=1000").start();
    let to = app.address();
    assert_eq!(app.get("/health").status(), 200);
    let before = memory(&app);
    let head = "POST /api/scan-bookshelf/batch HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 52000000\r\n\r\n\
                {\"images\":[{\"data\":\"";
    // One after the other: the store has to write all of it.
    let send = |_| {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        for megabyte in 1..=40 {
            let mut piece = vec![b'A'; 1 << 20];
            if megabyte % 10 == 0 {
                piece.extend_from_slice(b"\"},{\"data\":\"");
            }
            stream.write_all(&piece).unwrap();
        }
        stream
    };
    let unfinished: Vec<TcpStream> = (0..5).map(send).collect();
    let more = memory(&app) - before;
    assert!(more < 80, "{more} MB more than {before} MB");
    drop(unfinished);

    // Beside them, and after: the photos of a batch are whole, and in their order.
    let padded = |photo: &[u8], bytes: usize| [photo, &vec![0; bytes]].concat();
    let shelf = padded(include_bytes!("data/bookshelf-13.jpg"), 3 << 20);
    let other = padded(&photos::spines(3), 2 << 20);
    let data = |photo: &[u8]| BASE64_STANDARD.encode(photo);
    let body = json!({
        "images": [{"index": 1, "data": data(&other)}, {"index": 0, "data": data(&shelf)}],
        "jobId": "a-large-batch",
    });
    let post = |body: &Value| {
        let request = app.request("POST", "/api/scan-bookshelf/batch");
        request.json(body).send()
    };
    let first = post(&body).data(202);
    assert_eq!(post(&body).data(202), first);
    let mut cut = body.clone();
    cut["images"][0]["data"] = json!(data(&other[..other.len() - 1]));
    post(&cut).error(409, "JOB_EXISTS");
    cut["jobId"] = json!("no/name");
    post(&cut).error(400, "INVALID_REQUEST");
    let url = "/api/v2/imports/a-large-batch".to_owned();
    let job = Job {
        id: "a-large-batch".to_owned(),
        token: first["token"].as_str().unwrap().to_owned(),
        sse_url: format!("{url}/stream"),
        results_url: format!("{url}/results"),
        status_url: url,
    };
    assert_eq!(app.finish(&job)["status"], "completed");
    let photos = &app.results(&job)["photos"];
    assert_eq!(photos[0]["booksFound"], 13, "{photos}");
    eventually("nothing else stays", || {
        app.job_keys()
            .iter()
            .all(|key| key.contains("a-large-batch"))
    });
}

/// Begins the preview of a library of almost eight megabytes; the rest of it.
#[cfg(target_os = "linux")]
fn begin_preview(app: &App, client: u8) -> (TcpStream, Vec<u8>) {
    let review = "r".repeat(800);
    let mut csv = "Title,Author,My Review\n".to_owned();
    for book in 0..9_500 {
        csv += &format!("A title {book},An Author,{review}\n");
    }
    let rest = csv.split_off(csv.len() - 100);
    let head = format!(
        "POST /api/v2/imports/preview HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        csv.len() + rest.len()
    );
    let mut stream = connect(Ipv4Addr::new(127, 0, 2, client), app.address());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(csv.as_bytes()).unwrap();
    (stream, rest.into_bytes())
}

#[test]
#[cfg(target_os = "linux")]
fn large_files_of_previews_wait_outside_of_memory_and_leave_nothing() {
    const PREVIEWS: usize = 12;
    let app = App::start();
    assert_eq!(app.get("/health").status(), 200);
    let before = memory(&app);
    let mut begun: Vec<(TcpStream, Vec<u8>)> = (1..=PREVIEWS)
        .map(|client| begin_preview(&app, u8::try_from(client).unwrap()))
        .collect();
    eventually("all but the ends of the files are stored", || {
        let keys = app.job_keys();
        keys.iter().filter(|key| key.contains("/up/")).count() >= PREVIEWS * 7
    });
    let held = memory(&app).saturating_sub(before);
    assert!(held < 60, "{held} MB for {PREVIEWS} previews");
    let (mut stream, rest) = begun.pop().unwrap();
    stream.write_all(&rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.200}");
    assert!(answer.contains("\"rows\":9500"), "{answer:.400}");
    // The others leave.
    drop(begun);
    eventually("nothing is left of them", || app.job_keys().is_empty());
    assert_well(&app, "previews");
}

#[test]
fn a_body_that_is_only_announced_takes_no_memory() {
    let app = Setup::new().argument("--memory=64").start();
    let head = "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 8000000\r\n\r\n ";
    let begin = |client| {
        let mut stream = connect(Ipv4Addr::new(127, 0, 1, client), app.address());
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let bodies: Vec<TcpStream> = (1..20).map(begin).collect();
    eventually("all are being read", || {
        let counters = app.counters();
        counters["components"]["enrichment"]["instances_live"].as_u64() >= Some(19)
    });
    let body = " ".repeat(4_000_000) + r#"{"barcodes": ["9780743273565"]}"#;
    let request = app.request("POST", "/api/batch-enrich");
    request.body("application/json", body).send().data(202);
    for stream in &bodies {
        stream.set_nonblocking(true).unwrap();
        let answered = stream.peek(&mut [0]);
        let kind = answered.map_err(|error| error.kind());
        assert_eq!(kind, Err(std::io::ErrorKind::WouldBlock), "it was ended");
    }
}

#[test]
fn a_job_that_was_accepted_gives_its_memory_to_no_request() {
    let app = Setup::new()
        .argument("--memory=64")
        .variable("openai_model", "")
        .variable("vision_timeout_s", "120")
        .start();
    app.sandbox.gemini().behave(Fault::Hang.always());
    let scan = app
        .request("POST", "/api/batch-scan")
        .from(Ipv4Addr::new(127, 0, 0, 2));
    let job = Job::of(&photos::form(scan, &[photos::SHELF]).send().data(202));
    eventually("the model is asked", || app.sandbox.gemini().count() > 0);
    // More than there is, of clients of which each wants less than the photo takes.
    let head = "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 8000000\r\n\r\n";
    let begin = |client| {
        let mut stream = connect(Ipv4Addr::new(127, 0, 1, client), app.address());
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(&vec![b' '; 2_000_000]);
        stream
    };
    let bodies: Vec<TcpStream> = (1..13).map(begin).collect();
    let failed = |component: &str| {
        let counters = app.counters();
        counters["components"][component]["failed"].as_u64()
    };
    eventually("somebody has to do without memory", || {
        failed("enrichment") > Some(0) || failed("scan") > Some(0)
    });
    assert_eq!(failed("scan"), Some(0));
    app.sandbox.gemini().behave(stand_ins::Behaviour::default());
    drop(bodies);
    let stop = app.request("DELETE", &job.status_url).bearer(&job.token);
    assert!(matches!(stop.send().status(), 200 | 202));
}

#[test]
fn a_client_that_leaves_half_a_connection_open_is_answered() {
    let app = App::start();
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let body = "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let began = Instant::now();
    assert_well(&app, "half a connection");
    assert!(began.elapsed() < Duration::from_secs(20));
}
