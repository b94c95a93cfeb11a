//! What one client does to all others: requests that hold something, or mean something else than
//! they say.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use stand_ins::Fault;

use crate::app::http::Request;
use crate::app::socket::Socket;
use crate::app::{App, Job, Setup, TIME_LIMIT, connect, eventually};
use crate::photos::{self, SHELF};

/// An application whose jobs do not end.
fn waiting(setup: Setup) -> App {
    let app = setup.variable("provider_timeout_s", "60").start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    app
}

fn enrich(app: &App) -> Request {
    let books = json!({"barcodes": ["9780743273565"]});
    app.request("POST", "/api/batch-enrich").json(&books)
}

/// Sends bytes as they are; the connection.
fn begin(app: &App, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// What is answered, up to the end of the connection.
fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}

#[test]
fn a_method_is_the_one_that_is_written() {
    let app = waiting(Setup::new());
    let job = Job::of(&enrich(&app).send().data(202));
    for (method, target) in [
        ("get", job.sse_url.as_str()),
        ("Get", &job.status_url),
        ("post", "/api/batch-enrich"),
        ("delete", &job.status_url),
        ("options", "/api/v2/imports"),
    ] {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             connection: close\r\ncontent-length: 0\r\n\r\n",
            app.address(),
            job.token
        );
        let answer = answer(begin(&app, &request));
        assert_eq!(status(&answer), "405", "{method} {target}: {answer}");
    }
    assert_eq!(app.status(&job)["jobId"], json!(job.id));
}

#[test]
fn a_request_asks_for_one_site_that_is_served_here() {
    let app = App::start();
    let ask = |hosts: &str| {
        let request = format!("GET /health HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        let answer = answer(begin(&app, &request));
        status(&answer).to_owned()
    };
    for (hosts, expected) in [
        ("host: localhost\r\n", "200"),
        ("host: localhost:3000\r\n", "200"),
        ("host: app.localhost\r\n", "200"),
        ("host: 127.0.0.1:3000\r\n", "200"),
        ("host: [::1]:3000\r\n", "200"),
        ("host: localhost\r\nhost: localhost\r\n", "400"),
        ("host: localhost\r\nhost: evil.example\r\n", "400"),
        ("", "400"),
        ("host: a/../b\r\n", "400"),
        ("host: user@localhost\r\n", "400"),
        // A page of this name that made it stand for this machine.
        ("host: evil.example\r\n", "421"),
        ("host: localhost.evil.example:3000\r\n", "421"),
        (
            "host: evil.example\r\nx-forwarded-host: localhost\r\n",
            "421",
        ),
        ("host: evil.example\r\nx-edge-secret: guess\r\n", "421"),
    ] {
        assert_eq!(ask(hosts), expected, "{hosts}");
    }
    let named = Setup::new().argument("--local-name=app.example").start();
    let request = "GET /health HTTP/1.1\r\nhost: app.example\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&answer(begin(&named, request))), "200");
}

#[test]
fn a_foreign_page_starts_no_work() {
    let app = App::start();
    let csv = stand_ins::library(3);
    let upload = || {
        app.request("POST", "/api/v2/imports")
            .form("file", "a.csv", &csv)
    };
    let json = r#"{"barcodes": ["9780743273565"]}"#;
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
    ] {
        let refused = upload().header("origin", origin).send();
        refused.error(403, "FORBIDDEN");
        let plain = app
            .request("POST", "/api/batch-enrich")
            .body("text/plain", json);
        plain
            .header("origin", origin)
            .send()
            .error(403, "FORBIDDEN");
    }
    assert_eq!(app.job_keys(), [""; 0]);
    let own = format!("http://{}", app.address());
    let searches = [
        "/api/v2/search?q=river",
        "/v3/books/search?q=river",
        "/v1/search/title?q=river",
        "/search/title?q=river",
        "/v1/search/isbn?isbn=9780743273565",
        "/search/isbn?isbn=9780743273565",
        "/v1/search/advanced?title=river",
        "/search/advanced?title=river",
        "/v3/books/9780743273565",
    ];
    let asked = |path: &str, header: (&str, &str)| {
        let request = app.request("GET", path).header(header.0, header.1);
        request.send().status()
    };
    for path in searches {
        // A picture names no origin.
        for header in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(asked(path, header), 403, "{path} {header:?}");
        }
        let head = app
            .request("HEAD", path)
            .header("origin", "https://evil.example");
        assert_eq!(head.send().status(), 403, "{path}");
    }
    assert_eq!(app.sandbox.open_library().count(), 0);
    // Nor is a provider kept from those who ask for themselves: apps, pages, whoever types it in.
    for header in [
        ("user-agent", "an app"),
        ("origin", "capacitor://localhost"),
        ("origin", &own),
        ("sec-fetch-site", "none"),
        ("sec-fetch-site", "same-origin"),
    ] {
        assert_eq!(asked(searches[0], header), 200, "{header:?}");
    }
    let of_app = app
        .request("GET", searches[0])
        .header("origin", "capacitor://localhost")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(of_app.send().status(), 200);
    for origin in ["capacitor://localhost", "http://localhost:5173", &own] {
        upload().header("origin", origin).send().data(202);
    }
    // A page may look as before; whether it may read is for CORS.
    let look = app
        .request("GET", "/health")
        .header("origin", "https://evil.example");
    assert_eq!(look.send().status(), 200);
}

#[test]
fn a_refusal_is_answered_at_once_and_its_body_is_not_waited_for() {
    let app = App::start();
    for (target, kind, length, expected) in [
        ("/api/v2/imports", "text/html", 5_000_000, "415"),
        ("/api/batch-enrich", "application/json", 20_000_000, "413"),
    ] {
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n\
             content-length: {length}\r\n\r\n"
        );
        let mut stream = begin(&app, &head);
        if expected == "413" {
            // Too much is noticed when it has come.
            let _ = stream.write_all(&vec![b' '; 9 << 20]);
        }
        let began = Instant::now();
        let answer = answer(stream);
        assert_eq!(status(&answer), expected, "{answer}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
    eventually("nothing is left of them", || {
        let live = app.counters()["components"].as_object().unwrap().clone();
        live.values()
            .all(|component| component["instances_live"] == 0)
    });
}

#[test]
fn a_body_that_drips_is_cut() {
    let app = Setup::new().argument("--idle-timeout=500ms").start();
    let head = "POST /api/batch-enrich HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 100000\r\n\r\n";
    let mut stream = begin(&app, head);
    let began = Instant::now();
    // Never silent for long, and never done.
    while stream.write_all(b" ").is_ok() && began.elapsed() < TIME_LIMIT {
        std::thread::sleep(Duration::from_millis(50));
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
}

#[test]
fn streams_that_are_left_at_once_shut_nobody_out() {
    let app = waiting(Setup::new().argument("--max-instances=30"));
    let job = Job::of(&enrich(&app).send().data(202));
    for round in 0..4 {
        for _ in 0..100 {
            let request = format!(
                "GET {} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n",
                job.sse_url
            );
            drop(begin(&app, &request));
        }
        assert_eq!(app.get("/health").status(), 200, "round {round}");
    }
}

#[test]
fn photos_that_take_long_delay_others_and_fail_nobody() {
    let app = App::start();
    let scan = |photo: &[u8]| {
        let request = app.request("POST", "/api/batch-scan");
        Job::of(&photos::form(request, &[photo]).send().data(202))
    };
    let flat = photos::flat();
    let greedy: Vec<Job> = (0..6).map(|_| scan(&flat)).collect();
    let honest = scan(SHELF);
    let status = finish_patiently(&app, &honest);
    assert_eq!(status["status"], "completed", "{status}");
    assert_eq!(app.results(&honest)["totalDetected"], 13);
    for job in &greedy {
        // They have been looked at: there is nothing on them.
        let status = finish_patiently(&app, job);
        assert_eq!(status["error"]["code"], "E_NO_BOOKS_FOUND", "{status}");
    }
}

#[test]
fn honest_scans_do_not_wait_for_two_dozen_photos_of_64_megapixels() {
    let setup = Setup::new().variable("edge_secret", "of-the-test");
    let app = setup.tuning("compute_slots=2").start();
    let scan = |client: &str, photo: &[u8]| {
        let request = app
            .request("POST", "/api/batch-scan")
            .header("x-edge-client", client)
            .header("x-edge-secret", "of-the-test");
        Job::of(&photos::form(request, &[photo]).send().data(202))
    };
    let flat = photos::flat();
    let greedy: Vec<Job> = (0..24).map(|_| scan("192.0.2.1", &flat)).collect();
    eventually("they wait for each other", || {
        app.log_lines("turn-awaited") >= 20
    });
    let over = || {
        let is_over = |job: &&Job| !is_under_way(&app.status(job));
        greedy.iter().filter(is_over).count()
    };
    // One asks for as much as each of them: it is the next, and not the last.
    for (client, photo, expected) in [
        ("192.0.2.2", SHELF, "completed"),
        ("192.0.2.3", &flat, "failed"),
        ("192.0.2.4", SHELF, "completed"),
    ] {
        let before = over();
        let honest = scan(client, photo);
        let status = finish_patiently(&app, &honest);
        let meanwhile = over() - before;
        println!("{meanwhile} photos before that of {client}");
        assert_eq!(status["status"], expected, "{status}");
        match expected {
            "completed" => assert_eq!(app.results(&honest)["totalDetected"], 13),
            _ => assert_eq!(status["error"]["code"], "E_NO_BOOKS_FOUND", "{status}"),
        }
        assert!(meanwhile <= 6, "{meanwhile} photos came before {client}'s");
    }
}

fn is_under_way(status: &serde_json::Value) -> bool {
    matches!(
        status["status"].as_str(),
        Some("initialized" | "processing")
    )
}

/// Polls to the end, however long that takes.
fn finish_patiently(app: &App, job: &Job) -> serde_json::Value {
    let began = Instant::now();
    loop {
        let status = app.status(job);
        if !is_under_way(&status) {
            return status;
        }
        assert!(began.elapsed() < TIME_LIMIT * 10, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn waiting_sockets_of_one_client_leave_room_for_the_next() {
    let app = App::start();
    let open = |from: u8, n: usize| {
        let query = format!("jobId=nothing-of-this-name-{from}-{n}");
        let from = Ipv4Addr::new(127, 0, 0, from);
        Socket::over(connect(from, app.address()), &query, &[])
    };
    let mut greedy = Vec::new();
    let refused = (0..120).find_map(|n| match open(2, n) {
        Ok(socket) => {
            greedy.push(socket);
            None
        }
        Err(status) => Some(status),
    });
    assert_eq!(refused, Some(429), "{} sockets", greedy.len());
    for n in 0..5 {
        assert!(open(3, n).is_ok(), "another client has room");
    }
}

#[test]
fn silent_connections_make_room_for_those_that_ask() {
    // Three quarters of which are for connections.
    let app = waiting(Setup::new().open_files(1_000));
    let job = Job::of(&enrich(&app).send().data(202));
    let mut stream = app.stream(&job.sse_url);
    assert!(stream.frame().is_some());
    assert!(
        edge::raise_open_files() > 3_000,
        "this process may open too few"
    );
    // More than the host may have in all.
    let silent: Vec<TcpStream> = (0..1_200)
        .filter_map(|_| TcpStream::connect(app.address()).ok())
        .collect();
    let began = Instant::now();
    assert_eq!(app.get("/health").status(), 200);
    assert!(began.elapsed() < Duration::from_secs(25));
    assert!(silent.len() > 1_000);
    // A stream is not silent, however little it says.
    assert!(stream.frame().is_some());
}
