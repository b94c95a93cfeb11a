//! Requests good and bad, each with the answer that the contract gives it.

use crate::app;

use std::path::Path;

use app::http::Response;
use app::{App, Job, LIBRARY, Setup, assert_adds_up, count, eventually};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault, When, library};

const NOBODY: &str = "550e8400-e29b-41d4-a716-446655440000";

fn upload(app: &App, csv: &[u8]) -> Response {
    app.request("POST", "/api/v2/imports")
        .form("file", "library.csv", csv)
        .send()
}

#[test]
fn uploads_that_are_none_are_refused_and_leave_nothing_behind() {
    let app = App::start();
    let post = |content_type: &str, body: &[u8]| {
        let request = app.request("POST", "/api/v2/imports");
        request.body(content_type, body).send()
    };
    let empty = app.request("POST", "/api/v2/imports").send();
    empty.error(400, "MISSING_PARAMETER");
    let error = post("text/csv", b"").error(400, "MISSING_PARAMETER");
    assert_eq!(error["details"]["field"], "body");
    let error = post("multipart/form-data; boundary=edge", b"").error(400, "MISSING_PARAMETER");
    assert_eq!(error["details"]["field"], "file");
    let other = app
        .request("POST", "/api/v2/imports")
        .form("photo", "a.csv", b"Title\nDune\n");
    let error = other.send().error(400, "MISSING_PARAMETER");
    assert_eq!(error["details"]["field"], "file");
    post("application/json", b"{}").error(415, "UNSUPPORTED_MEDIA_TYPE");
    let jpeg = upload(&app, include_bytes!("data/bookshelf-13.jpg"));
    let error = jpeg.error(415, "UNSUPPORTED_MEDIA_TYPE");
    assert!(
        error["message"].as_str().unwrap().contains("a JPEG image"),
        "{error}"
    );

    post("multipart/form-data", b"--edge--\r\n").error(400, "INVALID_REQUEST");
    post("multipart/form-data; boundary=edge", b"Title\nDune\n").error(400, "INVALID_REQUEST");
    let unfinished = b"--edge\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nTitle\nDune";
    post("multipart/form-data; boundary=edge", unfinished).error(400, "INVALID_REQUEST");
    post("multipart/form-data; boundary=other", unfinished).error(400, "INVALID_REQUEST");

    let large = vec![b'x'; 9 << 20];
    let error = upload(&app, &large).error(413, "FILE_TOO_LARGE");
    assert_eq!(error["details"]["maxBytes"], 8 << 20);
    assert_eq!(error["retryable"], false);
    post("text/csv", &large).error(413, "FILE_TOO_LARGE");
    assert_eq!(app.job_keys(), [""; 0]);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_upload_leaves_nothing_behind() {
    let app = App::start();
    let sent = vec![b'x'; 3 << 20];
    let request = app.request("POST", "/api/v2/imports");
    request.body("text/csv", sent).leave_in_the_middle(7 << 20);
    eventually("pieces of the upload were written", || {
        app.store_count("sets") > 2
    });
    eventually("and are deleted", || app.job_keys().is_empty());
}

/// Imports a file that fails as a whole: its job's error.
fn failure(app: &App, csv: &[u8], code: &str) -> Value {
    let job = Job::of(&upload(app, csv).data(202));
    let status = app.finish(&job);
    assert_eq!(status["status"], "failed", "{status}");
    let error = &status["error"];
    assert_eq!(error["code"], code, "{error}");
    assert_eq!(error["retryable"], false);
    assert!(
        error["userMessage"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    let events = app.follow(&job);
    assert_eq!((events[0].name.as_str(), events.len()), ("failed", 1));
    assert_eq!(events[0].data["error"], *error);
    let results = app.get(&job.results_url).data(200);
    assert_eq!(
        (&results["status"], &results["books"]),
        (&json!("failed"), &json!([]))
    );
    assert_eq!(app.uploads(), 0);
    error.clone()
}

#[test]
fn files_that_are_no_libraries_fail_with_a_reason() {
    let app = App::start();
    failure(&app, b"", "E_CSV_EMPTY");
    failure(&app, b"Title,Author\n", "E_CSV_EMPTY");
    let error = failure(&app, b"a,b,c\n1,2,3\n", "E_CSV_PARSE_FAILED");
    assert_eq!(error["details"]["row"], 1);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("a,b,c"), "{message}");
    let binary = b"\x01\x02\0\0\x03Dune\0\0\0Herbert\x04\0\0\0\0\0\0";
    let error = failure(&app, binary, "E_CSV_PARSE_FAILED");
    assert!(
        error["message"].as_str().unwrap().contains("binary"),
        "{error}"
    );
    let long = [b"Title,".as_slice(), &vec![b'x'; 100 << 10], b"\nDune,1\n"].concat();
    let job = Job::of(&upload(&app, &long).data(202));
    let status = app.finish(&job);
    assert!(
        matches!(status["status"].as_str(), Some("completed" | "failed")),
        "{status}"
    );
    let mut rows = String::from("Title,Author\n");
    for n in 0..10_001 {
        rows += &format!("Book {n},Author {n}\n");
    }
    failure(&app, rows.as_bytes(), "E_CSV_TOO_MANY_ROWS");
    failure(&app, b"Title,Author\n,\"\"x\n,y\n", "E_NO_BOOKS_FOUND");
}

#[test]
fn a_damaged_row_does_not_spoil_the_others() {
    let app = App::start();
    let csv = b"Title,Author,ISBN\nDune,Frank Herbert,\nToo,many,1,2,3\nBabel,R. F. Kuang,123\n";
    let job = app.import(csv);
    assert_eq!(app.finish(&job)["status"], "completed");
    let results = app.results(&job);
    assert_adds_up(&results, 3);
    assert_eq!(
        (
            count(&results, "rowsRejected"),
            count(&results, "booksCreated")
        ),
        (1, 2)
    );
    let errors = results["errors"].as_array().unwrap();
    let facts: Vec<_> = errors
        .iter()
        .map(|e| (count(e, "row"), &e["rejected"]))
        .collect();
    assert_eq!(facts, [(3, &json!(true)), (4, &json!(false))]);
    for error in errors {
        for field in ["isbn", "title", "error"] {
            assert!(error[field].is_string(), "{error}");
        }
    }
}

#[test]
fn every_usual_encoding_and_separator_is_read() {
    let app = App::start();
    let text = "Title;Author\nCien años de soledad;Gabriel García Márquez\n";
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let windows: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for file in [utf16, windows, bom, text.replace(';', "\t").into_bytes()] {
        let job = app.import(&file);
        app.finish(&job);
        let results = app.results(&job);
        assert_adds_up(&results, 1);
        assert_eq!(results["books"][0]["title"], "Cien años de soledad");
    }
    let request = app
        .request("POST", "/api/v2/imports")
        .body("text/csv; charset=utf-8", text);
    let job = Job::of(&request.send().data(202));
    assert_eq!(app.finish(&job)["totalCount"], 1, "as a raw body, too");
}

#[test]
fn unknown_jobs_and_routes_are_not_found() {
    let app = App::start();
    for path in [
        "/api/v2/imports/{}",
        "/api/v2/imports/{}/stream",
        "/api/v2/imports/{}/results",
        "/v1/jobs/{}/results",
        "/v1/csv/results/{}",
        "/v1/csv/status/{}",
    ] {
        let error = app.get(&path.replace("{}", NOBODY)).error(404, "NOT_FOUND");
        assert_eq!(error["details"]["jobId"], NOBODY);
        app.get(&path.replace("{}", "not!an!id"))
            .error(400, "INVALID_REQUEST");
    }
    for path in ["/api/v2/imports/{}", "/v1/jobs/{}"] {
        let request = app
            .request("DELETE", &path.replace("{}", NOBODY))
            .bearer("x");
        request.send().error(404, "NOT_FOUND");
    }
    for path in [
        "/api/v3/imports",
        "/nowhere",
        "/api/v2/imports/a/b",
        "/api",
        "/internal",
    ] {
        app.get(path).error(404, "NOT_FOUND");
    }
    for component in ["scan", "enrichment"] {
        let path = format!("/internal/{component}/{NOBODY}/run");
        app.request("POST", &path).send().error(404, "NOT_FOUND");
        let request = app.request("POST", &path).header("x-run-key", "guessed");
        request.send().error(404, "NOT_FOUND");
        app.get(&path).error(404, "NOT_FOUND");
    }
}

#[test]
fn other_methods_are_refused_with_those_that_are_allowed() {
    let app = App::start();
    let job = format!("/api/v2/imports/{NOBODY}");
    for (method, path, allow) in [
        ("GET", "/api/v2/imports", "POST"),
        ("DELETE", "/api/batch-enrich", "POST"),
        ("GET", "/v1/enrichment/batch", "POST"),
        ("PUT", "/api/v2/books/enrich", "POST"),
        ("POST", &job, "GET, DELETE"),
        ("DELETE", &format!("{job}/stream"), "GET"),
        ("PATCH", &format!("{job}/results"), "GET"),
        ("GET", &format!("/v1/jobs/{NOBODY}"), "DELETE"),
        ("POST", "/health", "GET"),
        ("POST", "/api/v2/capabilities", "GET"),
    ] {
        let answer = app.request(method, path).send();
        answer.error(405, "METHOD_NOT_ALLOWED");
        let expected = format!("{allow}, OPTIONS");
        assert_eq!(answer.header("allow"), Some(&*expected), "{method} {path}");
    }
}

#[test]
fn pages_of_allowed_origins_may_call() {
    let app = App::start();
    let ask = |method: &str, path: &str, origin: &str| {
        app.request(method, path).header("origin", origin).send()
    };
    for origin in [
        "capacitor://localhost",
        "http://localhost:5173",
        "http://127.0.0.1:8080",
    ] {
        for path in [
            "/health",
            "/nowhere",
            &format!("/api/v2/imports/{NOBODY}/stream"),
        ] {
            let answer = ask("GET", path, origin);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            let exposed = answer.header("access-control-expose-headers").unwrap();
            assert!(
                exposed.starts_with("Retry-After, ETag, X-Request-ID"),
                "{exposed}"
            );
        }
        for path in [
            "/api/v2/imports",
            "/api/batch-enrich",
            &format!("/v1/jobs/{NOBODY}"),
        ] {
            let answer = ask("OPTIONS", path, origin);
            assert_eq!((answer.status(), answer.body.len()), (204, 0));
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            let methods = answer.header("access-control-allow-methods");
            assert_eq!(methods, Some("GET, POST, PUT, DELETE, OPTIONS"));
            let headers = answer.header("access-control-allow-headers").unwrap();
            for header in [
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-None-Match",
                "Last-Event-ID",
                "X-Client-Ref",
                "X-Import-Mapping",
            ] {
                assert!(headers.contains(header), "{headers}");
            }
            assert_eq!(answer.header("access-control-max-age"), Some("86400"));
        }
    }
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
    ] {
        for method in ["GET", "OPTIONS"] {
            let answer = ask(method, "/health", origin);
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    let native = app.get("/health");
    assert_eq!(native.header("access-control-allow-origin"), None);
    assert_eq!(native.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn books_are_enriched_in_batches() {
    let app = App::start();
    // The same book three times: by two spellings of its number, and by its name.
    let barcodes = ["9780525540670", "0-525-54067-9", "9780000000002"];
    let job = app.enrich(&json!({ "barcodes": barcodes }));
    let status = app.finish(&job);
    assert_eq!(
        (count(&status, "totalCount"), count(&status, "successCount")),
        (2, 1)
    );
    let results = app.results(&job);
    let books = results["enrichedBooks"].as_array().unwrap();
    assert_eq!(books[0]["enriched"]["work"]["title"], "Long Bright River");
    assert_eq!(books[1]["success"], false);

    let id = "550E8400-E29B-41d4-a716-446655440000";
    let body = json!({"jobId": id, "books": [
        {"title": "Long Bright River", "author": "Liz Moore"},
        {"isbn": "9780593230381"},
        {"title": "No such book", "author": "Nobody", "isbn": "not an ISBN"},
    ]});
    let post = |path: &str| app.request("POST", path).json(&body).send();
    let accepted = post("/v1/enrichment/batch").data(202);
    assert_eq!(
        (&accepted["jobId"], &accepted["totalCount"]),
        (&json!(id), &json!(3))
    );
    let job = Job::of(&accepted);
    let error = post("/api/batch-enrich").error(409, "JOB_EXISTS");
    assert_eq!(error["details"]["jobId"], id);
    app.finish(&job);
    let results = app.results(&job);
    let found: Vec<bool> = results["enrichedBooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|book| book["success"] == true)
        .collect();
    assert_eq!(found, [true, true, false]);
    post("/api/batch-enrich").error(409, "JOB_EXISTS");
}

#[test]
fn batches_that_are_none_are_refused() {
    let app = App::start();
    let books = |book: Value| json!({ "books": [book] });
    let many = vec!["9780525540670"; 1_501];
    let long = |length: usize| "x".repeat(length);
    let good = json!([{"title": "Dune"}]);
    for (body, code, field) in [
        (json!({"barcodes": []}), "EMPTY_BATCH", "barcodes"),
        (json!({"books": []}), "EMPTY_BATCH", "books"),
        (json!({"barcodes": many}), "BATCH_TOO_LARGE", "barcodes"),
        (
            json!({"barcodes": ["9780525540670", "9780525540671"]}),
            "INVALID_ISBN",
            "barcodes[1]",
        ),
        (json!({"barcodes": ["123"]}), "INVALID_ISBN", "barcodes[0]"),
        (json!({}), "MISSING_PARAMETER", "barcodes"),
        (
            json!({"barcodes": ["9780525540670"], "books": good}),
            "INVALID_REQUEST",
            "barcodes",
        ),
        (json!({"barcodes": [1]}), "INVALID_REQUEST", "barcodes[0]"),
        (
            books(json!({"author": "Nobody"})),
            "MISSING_PARAMETER",
            "books[0].title",
        ),
        (
            books(json!({"title": long(501)})),
            "INVALID_REQUEST",
            "books[0].title",
        ),
        (
            books(json!({"title": "a", "author": long(301)})),
            "INVALID_REQUEST",
            "books[0].author",
        ),
        (
            books(json!({"title": "a", "isbn": long(18)})),
            "INVALID_REQUEST",
            "books[0].isbn",
        ),
        (
            json!({"jobId": "a/b", "books": good}),
            "INVALID_REQUEST",
            "jobId",
        ),
        (
            json!({"jobId": long(101), "books": good}),
            "INVALID_REQUEST",
            "jobId",
        ),
        (json!([]), "INVALID_REQUEST", "body"),
    ] {
        let answer = app.request("POST", "/api/batch-enrich").json(&body).send();
        let error = answer.error(400, code);
        assert_eq!(error["details"]["field"], field, "{error}");
    }
    let post = |body: &str| {
        app.request("POST", "/api/batch-enrich")
            .body("application/json", body)
    };
    post("").send().error(400, "MISSING_PARAMETER");
    post("{\"barcodes\": [")
        .send()
        .error(400, "INVALID_REQUEST");
    post(&long(9 << 20)).send().error(413, "FILE_TOO_LARGE");
    for (body, code) in [
        (json!({}), "MISSING_PARAMETER"),
        (json!({"barcode": "9780525540671"}), "INVALID_ISBN"),
        (json!({"barcode": ""}), "INVALID_ISBN"),
    ] {
        let answer = app
            .request("POST", "/api/v2/books/enrich")
            .json(&body)
            .send();
        answer.error(400, code);
    }
    assert_eq!(app.job_keys(), [""; 0]);
}

#[test]
fn the_server_says_what_it_can_and_which_limits_it_enforces() {
    let app = Setup::new().variable("confidence_threshold", "0.7").start();
    let health = app.get("/health").data(200);
    assert!(health["version"].is_string(), "{health}");
    let capabilities = app.get("/api/v2/capabilities").data(200);
    assert_eq!(capabilities["version"], health["version"]);
    for (limit, value) in [
        ("maxCsvBytes", 8 << 20),
        ("maxCsvRows", 10_000),
        ("maxBatchItems", 1_500),
        ("maxTitleChars", 500),
        ("maxAuthorChars", 300),
        ("maxIsbnChars", 17),
        ("maxPhotos", 5),
        ("maxPhotoBytes", 10 << 20),
    ] {
        assert_eq!(capabilities["limits"][limit], value, "{limit}");
    }
    assert_eq!(capabilities["limits"]["confidenceThreshold"], 0.7);
    assert_eq!(capabilities["features"]["sandbox"], true);
}

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The data of a fixture of the stream.
fn event_fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap()).unwrap()
}

/// Where `actual` lacks a key of `expected` or has it with another type. Of a list, every element
/// that is expected has its like.
fn difference(expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            expected
                .iter()
                .find_map(|(key, value)| match actual.get(key) {
                    None => Some(format!(".{key} is missing")),
                    Some(actual) => difference(value, actual).map(|rest| format!(".{key}{rest}")),
                })
        }
        (Value::Array(expected), Value::Array(actual)) => expected.iter().find_map(|value| {
            let all: Vec<_> = actual
                .iter()
                .map(|actual| difference(value, actual))
                .collect();
            let none_is_like = all.iter().all(Option::is_some);
            none_is_like
                .then(|| format!("[]{}", all.into_iter().flatten().next().unwrap_or_default()))
        }),
        (Value::Null, _) => None,
        (expected, actual) => {
            let same = std::mem::discriminant(expected) == std::mem::discriminant(actual);
            (!same).then(|| format!(" is {actual}, not like {expected}"))
        }
    }
}

#[track_caller]
fn assert_like(expected: &Value, actual: &Value) {
    if let Some(difference) = difference(expected, actual) {
        panic!("{difference} in {actual}");
    }
}

#[test]
fn answers_have_every_field_of_the_fixtures() {
    let app = Setup::new().tuning("wave_items=40").start();
    // Books with everything that a library says of a book, a bad ISBN and a damaged row besides.
    let mut csv = library(200);
    for line in LIBRARY.split_inclusive(|byte| *byte == b'\n') {
        if String::from_utf8_lossy(line).contains(",to-reread") {
            csv.extend_from_slice(line);
        }
    }
    csv.extend_from_slice(b"1,Untitled,Nobody,,,1234567890\n");
    let header = csv.split(|byte| *byte == b'\n').next().unwrap();
    let fields = header.split(|byte| *byte == b',').count();
    csv.extend_from_slice(",".repeat(fields + 5).as_bytes());
    csv.push(b'\n');

    // Of the last wave, that is of the last of these rows.
    let last = Fault::Hold.when(When::Isbn(9_780_142_437_209));
    app.sandbox.open_library().behave(last);
    let accepted = upload(&app, &csv).json();
    assert_like(&fixture("import-accepted.json"), &accepted);
    let job = Job::of(&accepted["data"]);
    app.wait_for_books(&job, 40);
    assert_like(
        &fixture("status-processing.json"),
        &app.get(&job.status_url).json(),
    );
    let mut stream = app.stream(&format!("{}?books=1", job.sse_url));
    app.sandbox.open_library().behave(Behaviour::default());
    let events = stream.rest();
    for (name, file) in [
        ("processing", "sse-processing.txt"),
        ("book", "sse-book.txt"),
        ("completed", "sse-completed.txt"),
    ] {
        let mut named = events.iter().filter(|event| event.name == name);
        let like = named.find(|event| difference(&event_fixture(file), &event.data).is_none());
        assert!(like.is_some(), "no event is like {file}: {events:?}");
    }
    assert_like(
        &fixture("status-completed.json"),
        &app.get(&job.status_url).json(),
    );
    assert_like(
        &fixture("results-import.json"),
        &app.get(&job.results_url).json(),
    );
    let answer = app
        .request("DELETE", &job.status_url)
        .bearer(&job.token)
        .send();
    assert_like(&fixture("canceled.json"), &answer.json());

    let job = Job::of(&upload(&app, b"a,b,c\n1,2,3\n").data(202));
    app.finish(&job);
    assert_like(
        &fixture("status-failed.json"),
        &app.get(&job.status_url).json(),
    );
    let failed = app.follow(&job);
    assert_like(&event_fixture("sse-failed.txt"), &failed[0].data);
    let missing = app.get(&format!("/api/v2/imports/{NOBODY}"));
    assert_like(&fixture("error.json"), &missing.json());

    let books = json!({"books": [
        {"title": "Long Bright River", "author": "Liz Moore"}, {"title": "No such book"},
    ]});
    let accepted = app
        .request("POST", "/api/batch-enrich")
        .json(&books)
        .send()
        .json();
    assert_like(&fixture("enrich-accepted.json"), &accepted);
    let job = Job::of(&accepted["data"]);
    app.finish(&job);
    assert_like(
        &fixture("results-enrichment.json"),
        &app.get(&job.results_url).json(),
    );
}
