//! Jobs that fail or are canceled, as every generation of clients hears of it.

use serde_json::{Value, json};
use stand_ins::Fault;

use super::{CSV, NO_BOOKS, import, look_ups, photo, text, wall};
use crate::app::http::Request;
use crate::app::socket::Socket;
use crate::app::sse::Stream;
use crate::app::{App, Job, eventually};

/// How a job ended.
struct Ended {
    job: Job,
    /// Its kind, as V3 names it.
    kind: &'static str,
    /// `failed` or `canceled`, as documents say it.
    status: &'static str,
    code: &'static str,
}

/// An import that cannot be read, a scan of a wall, an import that is canceled while its first
/// book is looked up.
fn ended(app: &App) -> Vec<Ended> {
    let failed = |request: Request, kind, code| Ended {
        job: Job::of(&request.send().data(202)),
        kind,
        status: "failed",
        code,
    };
    let table = failed(
        import(app, "/api/v2/imports", NO_BOOKS),
        "imports",
        "E_CSV_PARSE_FAILED",
    );
    let blank = failed(wall(app, "/api/batch-scan"), "scans", "E_NO_BOOKS_FOUND");
    app.finish(&blank.job);
    look_ups(app, Fault::Hang.always());
    let asked = app.sandbox.open_library().count();
    let canceled = Ended {
        job: app.import(CSV),
        kind: "imports",
        status: "canceled",
        code: "E_CANCELED",
    };
    eventually("a book is looked up", || {
        app.sandbox.open_library().count() > asked
    });
    let job = &canceled.job;
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    assert_eq!(cancel.send().data(200)["status"], "canceled");
    app.finish(&table.job);
    vec![table, blank, canceled]
}

#[test]
fn every_generation_hears_of_a_job_that_fails_or_is_canceled() {
    let app = App::start();
    for ended in ended(&app) {
        polled(&app, &ended);
        streamed(&app, &ended);
        for schema in ["1.0.0", "2.0.0"] {
            in_an_envelope(&app, &ended, schema);
        }
        in_the_first_apps_words(&app, &ended);
        in_the_words_of_v3(&app, &ended);
    }
}

fn polled(app: &App, ended: &Ended) {
    let Ended {
        job,
        kind,
        status,
        code,
    } = ended;
    let v2 = app.get(&job.status_url).data(200);
    assert_eq!(
        (text(&v2, "status"), text(&v2["error"], "code")),
        (*status, *code)
    );
    let csv = app.get(&format!("/v1/csv/status/{}", job.id)).data(200);
    assert_eq!(text(&csv, "status"), *status);
    assert!(text(&csv, "error").len() > 10, "{csv}");
    let state = app.request("GET", &format!("/api/job-state/{}", job.id));
    let state = state.bearer(&job.token).send().json();
    assert_eq!(text(&state, "status"), *status);
    assert!(text(&state, "error").len() > 10, "{state}");
    if *kind == "scans" {
        let scan = app.get(&format!("/scan/status/{}", job.id)).json();
        assert_eq!(text(&scan, "stage"), "error");
        assert!(text(&scan, "error").len() > 10, "{scan}");
    }
    let v3 = app.get(&format!("/v3/jobs/{kind}/{}", job.id)).data(200);
    assert_eq!(
        (text(&v3, "status"), text(&v3["error"], "code")),
        (*status, *code)
    );
    // What it has read is there: nothing, of a job that fails before it asks for a book.
    let results = app.get(&job.results_url).data(200);
    assert_eq!(text(&results, "status"), *status);
    let books = results["books"].as_array().unwrap();
    let read = if *status == "canceled" { 4 } else { 0 };
    assert_eq!(books.len(), read, "{results}");
    assert!(
        books
            .iter()
            .all(|book| book["enrichmentStatus"] == "pending")
    );
}

fn streamed(app: &App, ended: &Ended) {
    let Ended {
        job,
        kind,
        status,
        code,
    } = ended;
    let last = |path: &str| {
        let mut stream = Stream::open(app.request("GET", path));
        let last = stream.rest().pop().unwrap();
        assert!(stream.is_finished());
        last
    };
    let v2 = last(&job.sse_url);
    assert_eq!(v2.name, "failed");
    assert_eq!(
        (text(&v2.data, "status"), text(&v2.data["error"], "code")),
        (*status, *code)
    );
    let v3 = last(&format!("/v3/jobs/{kind}/{}/stream", job.id));
    assert_eq!(v3.name, *status);
    assert_eq!(text(&v3.data["error"], "code"), *code);
    if *kind == "scans" {
        let photos = last(&format!("{}?events=photoscan", job.sse_url));
        assert_eq!(photos.name, "photoscan.failed");
        assert!(text(&photos.data, "error").len() > 10);
    }
}

fn socket(app: &App, query: &str, protocol: Option<&str>) -> Vec<Value> {
    let header = protocol.map(|protocol| ("sec-websocket-protocol", protocol));
    let (messages, code) = Socket::open(app.address(), query, header.as_slice()).rest();
    assert_eq!(code, 1000);
    messages
}

/// The apps of 1.0.0 and 2.0.0 ignore an error, or take the close after it for success: they look
/// for the beginning of a progress text.
fn in_an_envelope(app: &App, ended: &Ended, schema: &str) {
    let Job { id, token, .. } = &ended.job;
    let messages = socket(
        app,
        &format!("jobId={id}&token={token}&schema={schema}"),
        None,
    );
    let [started, .., progress, error] = &messages[..] else {
        panic!("{messages:?}")
    };
    assert_eq!(started["type"], "job_started");
    assert_eq!(progress["type"], "job_progress");
    assert!(
        text(&progress["payload"], "status").starts_with("Error: "),
        "{progress}"
    );
    assert_eq!(error["type"], "error");
    assert_eq!(text(&error["payload"], "code"), ended.code);
}

fn in_the_first_apps_words(app: &App, ended: &Ended) {
    let Job { id, token, .. } = &ended.job;
    let messages = socket(
        app,
        &format!("jobId={id}&token={token}&schema=legacy"),
        None,
    );
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "progress");
    assert!(text(&last["data"], "error").len() > 10, "{last}");
}

fn in_the_words_of_v3(app: &App, ended: &Ended) {
    let Job { id, token, .. } = &ended.job;
    let messages = socket(app, &format!("jobId={id}"), Some(token));
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "error");
    assert_eq!(
        (text(last, "status"), text(&last["error"], "code")),
        (ended.status, ended.code)
    );
    assert!(text(&last["error"], "message").len() > 10, "{last}");
}

/// A job is the same job under every generation's routes.
#[test]
fn a_job_made_by_v3_is_read_by_every_other_generation() {
    let app = App::start();
    let made = photo(&app, "/v3/jobs/scans").send().data(202);
    let id = text(&made, "jobId");
    let token = text(&made, "token");
    let events = app.stream(&format!("/api/v2/imports/{id}/stream")).rest();
    let v2 = events.last().unwrap();
    assert_eq!(v2.name, "completed");
    let results = app.get(text(&v2.data, "resultsUrl")).data(200);
    assert_eq!(results["books"].as_array().unwrap().len(), 13);
    let v1 = app.get(&format!("/v1/scan/results/{id}")).data(200);
    assert_eq!(v1["books"], results["books"]);
    let first = app.get(&format!("/scan/status/{id}")).json();
    assert_eq!(first["stage"], "complete");
    assert_eq!(first["result"]["books"].as_array().unwrap().len(), 13);
    let legacy = socket(
        &app,
        &format!("jobId={id}&token={token}&schema=legacy"),
        None,
    );
    let end = &legacy.last().unwrap()["data"];
    assert_eq!(end["currentStatus"], "Complete");
    assert_eq!(end["result"]["books"].as_array().unwrap().len(), 13);
    // And the other way round.
    let old = photo(&app, "/scan").send();
    let old: Value = serde_json::from_slice(&old.body).unwrap();
    let path = format!("/v3/jobs/scans/{}", text(&old, "jobId"));
    let events = Stream::open(app.request("GET", &format!("{path}/stream"))).rest();
    assert_eq!(events.last().unwrap().name, "completed");
    let results = app.get(&format!("{path}/results")).data(200);
    assert_eq!(results["results"].as_array().unwrap().len(), 13);
    let other = json!({"isbns": ["9780743273565"]});
    let made = app
        .request("POST", "/v3/jobs/enrichment")
        .json(&other)
        .send()
        .data(202);
    let elsewhere = app.get(&format!("/v3/jobs/imports/{}", text(&made, "jobId")));
    assert_eq!(elsewhere.status(), 404, "it is of another kind");
}
