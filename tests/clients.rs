//! Every shipped client reads what the running application says: the table beside this file says
//! who decodes what, the modules how jobs end for them and what they may do without a token.

mod ends;
mod names;
mod table;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault};

use crate::app::http::{Request, Response};
use crate::app::socket::{Socket, Told};
use crate::app::sse::Stream;
use crate::app::{App, Job, Setup, eventually};
use crate::photos::SHELF;
use table::Table;

const CSV: &[u8] = b"Title,Author,ISBN13,My Rating,Exclusive Shelf\n\
    Babel,R. F. Kuang,9780063021426,4,read\n\
    The Great Gatsby,F. Scott Fitzgerald,9780743273565,5,to-read\n\
    Nobody Knows This,Nobody,,,\n,Nobody,,,\nEmma,Jane Austen,123,,\n";
const NO_BOOKS: &[u8] = b"a,b\n1,2\n";
const ISBNS: [&str; 2] = ["9780743273565", "9780439708180"];
/// An ISBN that no provider knows.
const UNKNOWN: &str = "9789999999991";

/// What the application has answered, by the names of the table.
#[derive(Default)]
struct Answers(BTreeMap<String, Vec<Value>>);

impl Answers {
    fn add(&mut self, name: &str, value: Value) {
        self.0.entry(name.to_owned()).or_default().push(value);
    }

    /// Notes the body of an answer with this status, and answers it.
    fn note(&mut self, name: &str, status: u16, request: Request) -> Value {
        let response = request.send();
        assert_eq!(response.status(), status, "{name}: {}", response.text());
        let value = body(&response);
        self.add(name, value.clone());
        value
    }

    /// Notes everything that a socket says to its end.
    fn note_socket(&mut self, mut socket: Socket, schema: &str, kind: &str) {
        let (messages, code) = socket.rest();
        assert_eq!(code, 1000);
        for message in messages {
            let what = match text(&message, "type") {
                "progress" if schema == "legacy" => String::new(),
                "job_started" => " started".to_owned(),
                "job_progress" | "progress" => " progress".to_owned(),
                "job_complete" if schema == "v3" => " end".to_owned(),
                "job_complete" => format!(" end ({kind})"),
                other => format!(" {other}"),
            };
            self.add(&format!("socket {schema}{what}"), message);
        }
    }
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}

fn photo(app: &App, path: &str) -> Request {
    app.request("POST", path).body("image/jpeg", SHELF)
}

/// A photo of a wall: nothing can be read from it.
fn wall(app: &App, path: &str) -> Request {
    const WALL: &str = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAKklEQVR42u3MQREAAAwCIPunNYIh9ttBANKj\
                        CAQCgUAgEAgEAoFAIPgeDDTJAOKBqtZEAAAAAElFTkSuQmCC";
    let photo = BASE64_STANDARD.decode(WALL).unwrap();
    app.request("POST", path).body("image/png", photo)
}

/// A photo as the body of `/api/scan-bookshelf/batch`.
fn photos_in_base64(id: &str) -> Value {
    json!({"jobId": id, "images": [{"index": 0, "data": BASE64_STANDARD.encode(SHELF)}]})
}

fn import(app: &App, path: &str, csv: &[u8]) -> Request {
    app.request("POST", path).form("file", "library.csv", csv)
}

/// The path of an absolute URL of this application.
fn path<'a>(app: &App, url: &'a str) -> &'a str {
    let origin = format!("http://{}", app.address());
    url.strip_prefix(&origin)
        .unwrap_or_else(|| panic!("{url} is on {origin}"))
}

/// How look-ups of books are answered from now on.
fn look_ups(app: &App, behaviour: Behaviour) {
    app.sandbox.open_library().behave(behaviour);
}

/// Lets no book be found, nor missed, until [`go_on`]: there is something to be seen before the
/// end, however slow the machine is.
fn hold(app: &App) {
    look_ups(app, Fault::Hold.always());
}

fn go_on(app: &App) {
    look_ups(app, Behaviour::default());
}

#[test]
fn every_client_decodes_what_it_is_answered() {
    // Each job asks for one book after the other: there is something to see before its end.
    let app = Setup::new()
        .provider_delay(Duration::from_millis(200))
        .tuning("remember_books=0 wave_items=1")
        .start();
    let mut answers = Answers::default();
    jobs_of_apps(&app, &mut answers);
    failures_of_apps(&app, &mut answers);
    searches(&app, &mut answers);
    sockets(&app, &mut answers);
    v3(&app, &mut answers);
    let problems = Table::read().problems(&answers.0);
    assert!(problems.is_empty(), "{problems:#?}");
}

/// What the apps are answered over HTTP, and on event streams.
fn jobs_of_apps(app: &App, answers: &mut Answers) {
    let get = |path: &str| app.request("GET", path);
    let post = |path: &str| app.request("POST", path);

    hold(app);
    let unnamed = answers.note("POST /scan", 202, photo(app, "/scan"));
    let unnamed = text(&unnamed, "jobId").to_owned();
    answers.note("POST /scan/ready", 200, post("/scan/ready/first"));
    answers.note("POST /scan?jobId=", 202, photo(app, "/scan?jobId=first"));
    let shelf = photo(app, "/api/scan-bookshelf?jobId=shelf");
    let shelf = answers.note("POST /api/scan-bookshelf", 202, shelf);
    let batch = post("/api/scan-bookshelf/batch").json(&photos_in_base64("batch"));
    answers.note("POST /api/scan-bookshelf/batch", 202, batch);
    let scanned = answers.note("POST /api/batch-scan", 202, photo(app, "/api/batch-scan"));
    let scanned = Job::of(&scanned["data"]);

    let name = "POST /api/v2/imports";
    let imported = answers.note(name, 202, import(app, "/api/v2/imports", CSV));
    let imported = Job::of(&imported["data"]);
    let name = "POST /api/import/csv-gemini";
    let old = answers.note(name, 202, import(app, "/api/import/csv-gemini", CSV));
    let status = format!("/v1/csv/status/{}", text(&old, "jobId"));
    answers.note("GET /v1/csv/status (running)", 200, get(&status));
    let mut photos = app.stream(text(&shelf, "sseUrl"));
    go_on(app);

    let barcodes = json!({"barcodes": ISBNS});
    let name = "POST /api/batch-enrich";
    let enriched = answers.note(name, 202, post("/api/batch-enrich").json(&barcodes));
    let enriched = Job::of(&enriched["data"]);
    answers.note(name, 202, post("/v1/enrichment/batch").json(&barcodes));
    let works = json!({"jobId": "works", "workIds": ISBNS});
    let name = "POST /api/enrichment/start";
    answers.note(name, 200, post("/api/enrichment/start").json(&works));
    let books = json!({"jobId": "books", "books": [{"title": "Babel"}]});
    let name = "POST /api/enrichment/batch";
    answers.note(name, 202, post("/api/enrichment/batch").json(&books));
    let name = "POST /api/v2/books/enrich";
    answers.note(
        name,
        200,
        post("/api/v2/books/enrich").json(&json!({"barcode": ISBNS[0]})),
    );

    for event in photos.rest() {
        answers.add(&event.name, event.data);
    }
    let mut bars = Vec::new();
    eventually("the scan without a name ends", || {
        let status = get(&format!("/scan/status/{unnamed}"));
        let now = answers.note("GET /scan/status", 200, status);
        // How far the very first app draws its bar at each stage that it knows; at any other it
        // lets the bar fall.
        bars.push(match text(&now, "stage") {
            "uploading" => 1,
            "analyzing" => 3,
            "complete" => 10,
            _ => 0,
        });
        now["stage"] == "complete"
    });
    assert!(bars.is_sorted(), "its bar never falls: {bars:?}");
    for job in [&imported, &scanned, &enriched] {
        for event in app.stream(&job.sse_url).rest() {
            answers.add("stream", event.data);
        }
        answers.note("GET /api/v2/imports", 200, get(&job.status_url));
        answers.note(
            "GET /api/v2/imports",
            200,
            get(&format!("/v1/jobs/{}/status", job.id)),
        );
        let state = get(&format!("/api/job-state/{}", job.id));
        answers.note("GET /api/job-state", 200, state.bearer(&job.token));
    }
    for alias in [
        "/api/v2/imports/{}/results",
        "/v1/jobs/{}/results",
        "/v1/csv/results/{}",
    ] {
        answers.note(
            "GET results (import)",
            200,
            get(&alias.replace("{}", &imported.id)),
        );
    }
    for alias in ["/api/v2/imports/{}/results", "/v1/scan/results/{}"] {
        answers.note(
            "GET results (scan)",
            200,
            get(&alias.replace("{}", &scanned.id)),
        );
    }
    answers.note("GET results (enrichment)", 200, get(&enriched.results_url));
    let completed = get(&format!("/v1/csv/status/{}", imported.id));
    let completed = answers.note("GET /v1/csv/status (completed)", 200, completed);
    assert_eq!(
        completed["data"]["books"].as_array().unwrap().len(),
        4,
        "{completed}"
    );
    let capabilities = answers.note("GET /api/v2/capabilities", 200, get("/api/v2/capabilities"));
    let features = &capabilities["data"]["features"];
    let metadata = json!(["openlibrary", "google-books"]);
    assert_eq!(features["metadataProviders"], metadata);
    assert_eq!(
        features["visionProviders"],
        json!(["barcode", "gemini", "openai"])
    );
    let both = format!("{},{}", imported.id, scanned.id);
    for event in app
        .stream(&format!("/api/v2/imports/stream?jobIds={both}"))
        .rest()
    {
        answers.add("stream", event.data);
    }
}

/// Failed, refused and canceled requests of the apps.
fn failures_of_apps(app: &App, answers: &mut Answers) {
    let get = |path: &str| app.request("GET", path);
    let post = |path: &str| app.request("POST", path);

    let failing = app.import(NO_BOOKS);
    for event in app.stream(&failing.sse_url).rest() {
        let name = if event.name == "failed" {
            "stream failed"
        } else {
            "stream"
        };
        answers.add(name, event.data);
    }
    let failed = get(&format!("/v1/csv/status/{}", failing.id));
    let failed = answers.note("GET /v1/csv/status (failed)", 200, failed);
    assert!(
        failed["data"]["error"].is_string() && failed["error"].is_object(),
        "{failed}"
    );
    answers.note("GET /api/v2/imports", 200, get(&failing.status_url));
    let hopeless = Job::of(&wall(app, "/api/batch-scan").send().data(202));
    for event in app
        .stream(&format!("{}?events=photoscan", hopeless.sse_url))
        .rest()
    {
        answers.add(&event.name, event.data);
    }
    answers.note("an error", 404, get("/api/v2/imports/nobody"));
    answers.note("an error", 404, get("/v1/jobs/nobody/status"));
    answers.note("an error", 401, app.request("DELETE", &failing.status_url));
    answers.note(
        "an error",
        400,
        post("/api/batch-enrich").json(&json!({"barcodes": []})),
    );
    answers.note("an error", 404, get("/v1/recommendations/weekly"));
    let refused = |path: &str| {
        let answer = get(path).header("accept", "text/event-stream").send();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let event = answer.text();
        let data = event
            .lines()
            .find_map(|line| line.strip_prefix("data: "))
            .unwrap();
        (event.clone(), serde_json::from_str::<Value>(data).unwrap())
    };
    let (event, data) = refused("/api/v2/imports/nobody/stream");
    assert!(
        event.starts_with("event: failed\n") && event.ends_with("\n\n"),
        "{event}"
    );
    answers.add("stream refused", data);
    let (event, data) = refused("/api/v2/imports/nobody/stream?events=photoscan");
    assert!(event.starts_with("event: photoscan.failed\n"), "{event}");
    answers.add("photoscan refused", data);
    // A browser looks at the status, and its console shows the body.
    get("/api/v2/imports/nobody/stream")
        .header("accept", "text/event-stream")
        .header("sec-fetch-mode", "cors")
        .send()
        .error(404, "NOT_FOUND");

    // Canceled: by name where apps have no token, with one elsewhere.
    look_ups(app, Fault::Hang.always());
    let old = body(&import(app, "/api/import/csv-gemini", CSV).send());
    let cancel = format!("/v1/csv/cancel/{}", text(&old, "jobId"));
    answers.note("POST /v1/csv/cancel", 200, post(&cancel));
    for (route, made) in [("scan-bookshelf", "shelf"), ("enrichment", "works")] {
        let cancel = post(&format!("/api/{route}/cancel"));
        answers.note(
            "POST /v1/csv/cancel",
            200,
            cancel.json(&json!({"jobId": made})),
        );
    }
    let running = app.import(CSV);
    let cancel = format!("/api/v2/jobs/{}/cancel", running.id);
    app.request("DELETE", &cancel)
        .send()
        .error(401, "UNAUTHORIZED");
    let request = app
        .request("DELETE", &cancel)
        .header("x-auth-token", &running.token);
    answers.note("DELETE /api/v2/jobs/cancel", 200, request);
    answers.note("GET /api/v2/imports", 200, get(&running.status_url));
    go_on(app);
}

/// The search tab of every generation, and the title screen of the first app.
fn searches(app: &App, answers: &mut Answers) {
    let get = |path: &str| app.request("GET", path);
    for path in ["/v1/search", "/search"] {
        for query in [
            "title?q=gatsby",
            "isbn?isbn=9780743273565",
            "advanced?title=gatsby&author=fitzgerald",
        ] {
            let found = answers.note("GET search", 200, get(&format!("{path}/{query}")));
            assert_ne!(found["data"]["resultCount"], 0, "{path}/{query}");
        }
    }
    let nothing = answers.note(
        "GET search",
        200,
        get(&format!("/v1/search/isbn?isbn={UNKNOWN}")),
    );
    assert_eq!(nothing["data"]["resultCount"], 0, "{nothing}");
    answers.note("an error", 400, get("/v1/search/title?q="));
    let v2 = "/api/v2/search?q=gatsby&mode=text";
    answers.note("GET /api/v2/search", 200, get(v2));
    let page = answers.note(
        "GET /v3/books/search",
        200,
        get("/v3/books/search?q=gatsby&limit=5"),
    );
    assert!(page["data"]["books"].as_array().unwrap().len() <= 5);
    answers.note(
        "a problem",
        400,
        get("/v3/books/search?q=gatsby&mode=semantic"),
    );
}

/// What sockets of every generation are told, by jobs of every kind, good and bad.
fn sockets(app: &App, answers: &mut Answers) {
    let jobs = |app: &App| {
        let scan = photo(app, "/api/batch-scan").send().data(202);
        [
            ("import", app.import(CSV)),
            ("enrichment", app.enrich(&json!({"barcodes": ISBNS}))),
            ("scan", Job::of(&scan)),
            ("none", app.import(NO_BOOKS)),
        ]
    };
    type Handshake = fn(&Job) -> (String, String);
    let generations: [(&str, Handshake); 4] = [
        ("legacy", |job| {
            (
                format!("jobId={}&token={}&schema=legacy", job.id, job.token),
                String::new(),
            )
        }),
        ("1.0.0", |job| {
            (
                format!("jobId={}&token={}", job.id, job.token),
                String::new(),
            )
        }),
        ("2.0.0", |job| {
            (
                format!("jobId={}", job.id),
                format!("bookstrack-auth.{}", job.token),
            )
        }),
        ("v3", |job| (format!("jobId={}", job.id), job.token.clone())),
    ];
    for (schema, handshake) in generations {
        let open = |job: &Job| {
            let (query, protocol) = handshake(job);
            let headers = [("sec-websocket-protocol", &*protocol)];
            let headers = &headers[usize::from(protocol.is_empty())..];
            let mut socket = Socket::open(app.address(), &query, headers);
            socket.say(r#"{"type":"ready"}"#);
            socket.say(r#"{"type":"ping","payload":{"clientTime":1}}"#);
            socket
        };
        hold(app);
        let jobs = jobs(app);
        let sockets = jobs.each_ref().map(|(kind, job)| (kind, open(job)));
        go_on(app);
        for (kind, socket) in sockets {
            answers.note_socket(socket, schema, kind);
        }
        // And once more when it is over.
        for (kind, job) in &jobs {
            answers.note_socket(open(job), schema, kind);
        }
    }
    let named = answers.0["socket legacy"].iter();
    let named = named.filter(|message| message["data"]["currentWorkId"].is_string());
    assert_ne!(
        named.count(),
        0,
        "progress names the work that was looked up last"
    );
}

/// What the SDK is answered.
fn v3(app: &App, answers: &mut Answers) {
    let get = |path: &str| app.request("GET", path);
    let post = |path: &str| app.request("POST", path);
    let jobs = [
        ("imports", import(app, "/v3/jobs/imports", CSV)),
        ("scans", photo(app, "/v3/jobs/scans")),
        (
            "enrichment",
            post("/v3/jobs/enrichment").json(&json!({"isbns": ISBNS})),
        ),
        ("imports", import(app, "/v3/jobs/imports", NO_BOOKS)),
    ];
    for (kind, request) in jobs {
        hold(app);
        let made = answers.note("POST /v3/jobs", 202, request)["data"].clone();
        let status = format!("/v3/jobs/{kind}/{}", text(&made, "jobId"));
        assert_eq!(
            path(app, text(&made, "streamUrl")),
            format!("{status}/stream")
        );
        answers.note("GET /v3/jobs", 200, get(&status));
        let mut end = String::new();
        let mut stream = Stream::open(get(path(app, text(&made, "streamUrl"))));
        go_on(app);
        for event in stream.rest() {
            end.clone_from(&event.name);
            answers.add(&format!("v3 {}", event.name), event.data);
        }
        let last = answers.note("GET /v3/jobs", 200, get(&status));
        assert_eq!(last["data"]["status"], end.as_str());
        if end == "completed" {
            answers.note(
                "GET /v3/jobs/results",
                200,
                get(&format!("{status}/results")),
            );
            let lite = format!("{status}/results?format=lite");
            answers.note("GET /v3/jobs/results?format=lite", 200, get(&lite));
        }
        let other = if kind == "scans" { "imports" } else { "scans" };
        let elsewhere = format!("/v3/jobs/{other}/{}", text(&made, "jobId"));
        answers.note("a problem", 404, get(&elsewhere));
        let token = text(&made, "token");
        answers.note(
            "a problem",
            409,
            app.request("DELETE", &status).bearer(token),
        );
        answers.note("a problem", 401, app.request("DELETE", &status));
    }
    look_ups(app, Fault::Hang.always());
    let running = import(app, "/v3/jobs/imports", CSV).send().data(202);
    let status = format!("/v3/jobs/imports/{}", text(&running, "jobId"));
    let canceling = app
        .request("DELETE", &status)
        .bearer(text(&running, "token"));
    answers.note("GET /v3/jobs", 200, canceling);
    for event in Stream::open(get(&format!("{status}/stream"))).rest() {
        answers.add(&format!("v3 {}", event.name), event.data);
    }
    go_on(app);

    answers.note(
        "GET /v3/books",
        200,
        get(&format!("/v3/books/{}", ISBNS[0])),
    );
    answers.note("a problem", 404, get(&format!("/v3/books/{UNKNOWN}")));
    answers.note("a problem", 400, get("/v3/books/12"));
    for name in ["isbns", "barcodes"] {
        let asked = json!({name: [ISBNS[0], UNKNOWN], "includeEmbedding": true});
        let books = post("/v3/books/enrich").json(&asked);
        let books = answers.note("POST /v3/books/enrich", 200, books);
        assert_eq!(
            (&books["data"]["found"], &books["data"]["requested"]),
            (&json!(1), &json!(2))
        );
    }
    let later = json!({"isbns": ISBNS, "async": true});
    answers.note("POST /v3/jobs", 202, post("/v3/books/enrich").json(&later));
    answers.note("GET /v3/capabilities", 200, get("/v3/capabilities"));
    answers.note("a problem", 404, get("/v3/recommendations/weekly"));
    answers.note("a problem", 404, get("/v3/nothing"));
    let named = get("/v3/capabilities")
        .header("x-request-id", "mine-1")
        .send();
    assert_eq!(named.header("x-request-id"), Some("mine-1"));
    let unnamed = get("/v3/capabilities").header("x-request-id", "a b").send();
    assert_ne!(unnamed.header("x-request-id").unwrap(), "a b");
}

/// Apps fetch the results when they hear of the end, and their close handler stops the fetch: the
/// server closes last.
#[test]
fn a_socket_waits_for_its_clients_close() {
    let app = App::start();
    let job = app.import(CSV);
    app.finish(&job);
    let ended = |schema: &str| {
        let query = format!("jobId={}&token={}&schema={schema}", job.id, job.token);
        let mut socket = Socket::open(app.address(), &query, &[]);
        let last = match schema {
            "legacy" => "progress",
            _ => "job_complete",
        };
        socket.until(last);
        (socket, Instant::now())
    };
    thread::scope(|scope| {
        for schema in ["legacy", "1.0.0", "2.0.0", "v3"] {
            let (app, job) = (&app, &job);
            // A phone that fetches for 5 s, and asks meanwhile whether the socket is alive.
            scope.spawn(move || {
                let (mut socket, began) = ended(schema);
                while began.elapsed() < Duration::from_secs(5) {
                    app.results(job);
                    socket.say(r#"{"type":"ping","payload":{"clientTime":1}}"#);
                    assert_eq!(socket.json()["type"], "pong");
                    thread::sleep(Duration::from_millis(200));
                }
                assert_eq!(socket.close(), 1000);
            });
            // One that closes at once, and one that never does.
            scope.spawn(move || {
                let (socket, began) = ended(schema);
                assert_eq!(socket.close(), 1000);
                let took = began.elapsed();
                assert!(took < Duration::from_secs(8), "{took:?}");
            });
            scope.spawn(move || {
                // The server counts from when it has sent the end, which may be read later.
                let before = Instant::now();
                let (mut socket, _) = ended(schema);
                assert_eq!(socket.next(), Told::Closed(1000));
                let took = before.elapsed();
                assert!(took > Duration::from_secs(8), "{took:?}");
            });
        }
    });
}

/// The app that sends several photos keeps no token, and reads 2.0.0.
#[test]
fn tokenless_sockets_speak_what_their_apps_read() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(300))
        .start();
    let batch = app.request("POST", "/api/scan-bookshelf/batch");
    assert_eq!(
        batch.json(&photos_in_base64("several")).send().status(),
        202
    );
    let (messages, _) = Socket::open(app.address(), "jobId=several", &[]).rest();
    assert_eq!(messages[0]["type"], "job_started");
    assert!(messages.iter().all(|message| message["version"] == "2.0.0"));
    // Before its job exists, too.
    let mut early = Socket::open(app.address(), "jobId=shelf", &[]);
    assert_eq!(
        photo(&app, "/api/scan-bookshelf?jobId=shelf")
            .send()
            .status(),
        202
    );
    early.say(r#"{"type":"ready"}"#);
    let (messages, _) = early.rest();
    assert!(
        messages.iter().all(|message| message["version"].is_null()),
        "{messages:?}"
    );
    assert_eq!(
        messages.last().unwrap()["data"]["currentStatus"],
        "Complete"
    );
}
