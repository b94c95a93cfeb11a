//! Streams that answer the request for their job.

use crate::app;

use std::time::Duration;

use app::http::Request;
use app::sse::{Event, Frame, Stream};
use app::{App, Job, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, assert_in_order};
use serde_json::{Value, json};
use stand_ins::Fault;

/// Sends a request for a job and reads the answer as far as it names the job.
fn attach(request: Request) -> (Job, Stream) {
    let mut stream = Stream::open(request);
    assert_eq!(stream.frame(), Some(Frame::Retry(5000)));
    let Some(Frame::Accepted(accepted)) = stream.frame() else {
        panic!("the job is named first");
    };
    (Job::of(&accepted), stream)
}

fn import(app: &App, query: &str, csv: &[u8]) -> (Job, Stream) {
    let request = app.request("POST", &format!("/api/v2/imports{query}"));
    attach(request.body("text/csv", csv))
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

fn books(events: &[Event]) -> Vec<&Value> {
    let books = events.iter().filter(|event| event.name == "book");
    books.map(|event| &event.data["book"]).collect()
}

/// Checks that the events are those of a whole job, each book once, and that nothing is left to
/// say.
fn assert_whole(app: &App, job: &Job, query: &str, events: &[Event]) {
    assert_in_order(events);
    let last = events.last().unwrap();
    assert_eq!(last.name, "completed");
    let again = app
        .request("GET", &format!("{}{query}", job.sse_url))
        .header("last-event-id", &last.id);
    assert_eq!(
        again.send().status(),
        204,
        "the ids are those of the job's own stream"
    );
    if query.contains("books") {
        let results = app.results(job);
        assert_eq!(json!(books(events)), results["books"]);
    }
}

#[test]
fn an_import_is_answered_with_its_own_stream() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(20))
        .start();
    let (job, mut stream) = import(&app, "", LIBRARY);
    let events = stream.rest();
    assert!(stream.is_finished());
    // Whoever hears the end finds the results.
    assert_adds_up(&app.results(&job), LIBRARY_ROWS);
    assert_whole(&app, &job, "", &events);
    assert_eq!((&*events[0].name, &*events[0].id), ("initialized", "1"));
}

#[test]
fn an_enrichment_is_told_from_the_run_itself() {
    let app = App::start();
    let isbns: Vec<String> = String::from_utf8(stand_ins::library(200))
        .unwrap()
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 13)
        .map(str::to_owned)
        .take(100)
        .collect();
    for path in ["/api/batch-enrich", "/v1/enrichment/batch"] {
        let before = app.store_count("gets");
        let request = app.request("POST", path);
        let (job, mut stream) = attach(request.json(&json!({"barcodes": isbns})));
        let events = stream.rest();
        let gets = app.store_count("gets") - before;
        assert!(stream.is_finished());
        // A state that is soon followed by the next may be left out.
        let told = names(&events);
        let ["initialized", states @ .., "completed"] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!(!states.is_empty(), "{told:?}");
        assert!(
            states.iter().all(|state| *state == "processing"),
            "{told:?}"
        );
        assert_whole(&app, &job, "", &events);
        // The run's own looks: the stream needs none, however long it lasts.
        println!("{gets} gets");
        assert!(gets <= 40, "{gets}");
    }
}

#[test]
fn a_scan_is_answered_with_its_own_stream() {
    let app = App::start();
    let shelf = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../components/status/sandbox/shelf.jpg"
    ));
    let request = app.request("POST", "/api/batch-scan?events=photoscan");
    let (job, mut stream) = attach(request.body("image/jpeg", shelf.unwrap()));
    let events = stream.rest();
    assert!(stream.is_finished());
    assert_eq!(events.last().unwrap().name, "photoscan.completed");
    assert!(app.results(&job)["books"].as_array().unwrap().len() > 3);
}

#[test]
fn no_stream_answers_a_request_that_does_not_name_one() {
    let app = App::start();
    let post = || app.request("POST", "/api/v2/imports");
    let csv = stand_ins::library(3);
    for accept in ["*/*", "application/json"] {
        let answer = post().header("accept", accept).body("text/csv", &*csv);
        answer.send().data(202);
    }
    let refused = post()
        .header("accept", "text/event-stream")
        .body("image/png", "no library");
    refused.send().error(415, "UNSUPPORTED_MEDIA_TYPE");
    let legacy = app
        .request("POST", "/api/import/csv-gemini")
        .header("accept", "text/event-stream")
        .body("text/csv", csv)
        .send();
    assert_eq!(legacy.status(), 202);
    assert_eq!(legacy.header("content-type"), Some("application/json"));
}

#[test]
fn an_answer_over_its_budget_is_cut_and_the_job_s_own_stream_goes_on_where_it_stopped() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(100))
        .tuning("wave_items=40 stream_budget=400")
        .start();
    let query = "?books=1";
    let (job, mut stream) = import(&app, query, LIBRARY);
    let frames: Vec<Frame> = std::iter::from_fn(|| stream.frame()).collect();
    assert!(!stream.is_finished());
    assert_eq!(frames.last(), Some(&Frame::Retry(250)));
    let mut events: Vec<Event> = Vec::new();
    for frame in frames {
        if let Frame::Event(event) = frame {
            events.push(event);
        }
    }
    while !events.last().is_some_and(Event::is_terminal) {
        let last = events.last().map(|event| event.id.clone());
        let path = format!("{}{query}", job.sse_url);
        events.extend(app.resume(&path, last.as_deref()).rest());
    }
    assert_whole(&app, &job, query, &events);
}

#[test]
fn the_job_goes_on_when_its_client_leaves() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(50))
        .tuning("wave_items=100")
        .start();
    let (job, mut stream) = import(&app, "", LIBRARY);
    stream.event().unwrap();
    drop(stream);
    assert_eq!(app.finish(&job)["status"], "completed");
    let isbns = ["9780063021426", "9780743273565"];
    let request = app.request("POST", "/api/batch-enrich");
    let (job, stream) = attach(request.json(&json!({"barcodes": isbns})));
    drop(stream);
    assert_eq!(app.finish(&job)["status"], "completed");
}

#[test]
fn a_client_that_does_not_read_delays_nothing() {
    let app = App::start();
    // More than the connection holds.
    let (job, mut stream) = import(&app, "?books=1", &stand_ins::library(10_000));
    assert_eq!(app.finish(&job)["status"], "completed");
    let events = stream.rest();
    assert!(stream.is_finished());
    assert_whole(&app, &job, "?books=1", &events);
}

#[test]
fn a_cancellation_ends_the_stream_once() {
    let app = Setup::new().variable("provider_timeout_s", "20").start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let request = app.request("POST", "/api/batch-enrich");
    let (job, mut stream) = attach(request.json(&json!({"barcodes": ["9780063021426"]})));
    assert_eq!(stream.event().unwrap().name, "initialized");
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send().data(200);
    let events = stream.rest();
    assert!(stream.is_finished());
    assert_in_order(&events);
    let last = events.last().unwrap();
    assert_eq!(
        (&*last.name, &last.data["error"]["code"]),
        ("failed", &json!("E_CANCELED"))
    );
}

#[test]
fn a_silent_provider_is_bridged_by_heartbeats() {
    let app = Setup::new()
        .variable("provider_timeout_s", "20")
        .tuning("heartbeat=150")
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let request = app.request("POST", "/api/batch-enrich");
    let (_, mut stream) = attach(request.json(&json!({"barcodes": ["9780063021426"]})));
    let mut beats = 0;
    while beats < 3 {
        beats += usize::from(stream.frame() == Some(Frame::Heartbeat));
    }
}

#[test]
fn the_stream_outlasts_the_run_where_runs_are_short_or_end_with_their_answer() {
    for (mode, tuning) in [
        ("inline", "wave_items=100"),
        // A run keeps back time for a wave that goes badly, here 4 s.
        ("background", "wave_items=60 run_budget=5500"),
    ] {
        let app = Setup::new()
            .provider_delay(Duration::from_millis(100))
            .variable("provider_timeout_s", "1.5")
            .variable("run_mode", mode)
            .tuning(tuning)
            .start();
        let (job, mut stream) = import(&app, "?books=1", &stand_ins::library(1_000));
        let events = stream.rest();
        assert!(stream.is_finished(), "{mode}");
        assert_whole(&app, &job, "?books=1", &events);
    }
}

#[test]
fn the_same_request_again_is_answered_with_the_same_job_s_stream() {
    let app = Setup::new().tuning("write_delay=100 lease=900").start();
    let send = || {
        let request = app
            .request("POST", "/api/v2/imports")
            .header("idempotency-key", "key");
        attach(request.body("text/csv", stand_ins::library(30)))
    };
    let (job, mut stream) = send();
    let (again, mut other) = send();
    assert_eq!(again, job);
    for stream in [&mut stream, &mut other] {
        assert_whole(&app, &job, "", &stream.rest());
        assert!(stream.is_finished());
    }
    let (late, mut stream) = send();
    assert_eq!(late, job);
    assert_eq!(names(&stream.rest()), ["completed"]);
}
