//! Trying again what a job did not find.

use crate::app;

use app::http::Response;
use app::{App, Job, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, count, statuses};
use serde_json::{Value, json};
use stand_ins::{Fault, When};

fn retry(app: &App, job: &Job, body: &Value) -> Response {
    let path = format!("/api/v2/imports/{}/retry", job.id);
    app.request("POST", &path)
        .bearer(&job.token)
        .json(body)
        .send()
}

/// Titles, authors and what the reader says: what a retry must not change.
fn readers_own(results: &Value) -> Vec<Value> {
    let books = results["books"].as_array().unwrap().iter();
    books
        .map(|book| json!([book["title"], book["authors"], book["row"], book["source"]]))
        .collect()
}

/// The providers are down for half of an import; afterwards the rest is done, and nothing twice.
#[test]
fn what_was_not_answered_is_tried_again_and_nothing_else() {
    let mut app = Setup::new().variable("provider_patience_s", "0").start();
    let down = || Fault::Status {
        code: 503,
        retry_after: None,
    };
    app.sandbox
        .open_library()
        .behave(down().when(When::After(8)));
    app.sandbox.google_books().behave(down().always());
    let first = app.import(LIBRARY);
    app.follow(&first);
    let before = app.results(&first);
    assert_adds_up(&before, LIBRARY_ROWS);
    let (missing, found) = (
        count(&before, "unanswered"),
        count(&before, "enrichmentSucceeded"),
    );
    println!("before: {:?}", statuses(&before));
    assert!(missing > 50 && found > 50, "{:?}", statuses(&before));

    app.sandbox.open_library().behave(down().first(0));
    app.sandbox.google_books().behave(down().first(0));
    app.set_variable("provider_patience_s", "60");
    app.kill();
    app.start_again();
    let asked = app.sandbox.open_library().count();
    let accepted = retry(&app, &first, &json!({})).data(202);
    assert_eq!(accepted["retryOf"], first.id);
    let second = Job::of(&accepted);
    // The same request again is the same job, with the same token.
    let again = retry(&app, &first, &json!({"only": ["circuit_open", "error"]})).data(202);
    assert_eq!(Job::of(&again), second);
    let other = retry(&app, &first, &json!({"only": ["error"]}));
    assert_eq!(other.status(), 409, "{}", other.text());
    assert_eq!(other.json()["error"]["details"]["jobId"], second.id);
    let events = app.follow(&second);
    let completed = &events.last().unwrap().data;
    assert_eq!(completed["totalCount"], missing, "{completed}");
    let again = retry(&app, &first, &json!({})).data(202);
    assert_eq!(Job::of(&again), second);

    let after = app.results(&second);
    println!("after: {:?}", statuses(&after));
    assert_adds_up(&after, LIBRARY_ROWS);
    assert_eq!(readers_own(&after), readers_own(&before));
    assert!(after["unanswered"].is_null(), "nothing is left of them");
    assert!(count(&after, "enrichmentSucceeded") >= 730);
    for (old, new) in std::iter::zip(
        before["books"].as_array().unwrap(),
        after["books"].as_array().unwrap(),
    ) {
        if old["enrichmentStatus"] == "success" {
            assert_eq!(old, new);
        }
    }
    println!(
        "{} requests to Open Library for {missing} books",
        app.sandbox.open_library().count() - asked
    );
    // The first job's results are as they were, and so is what goes with them.
    assert_eq!(app.results(&first), before);
    assert_eq!(after["errors"], before["errors"]);
    let status = app.status(&second);
    assert_eq!(status["retryOf"], first.id);
    // What is complete has nothing left to be tried, and says so.
    let nothing = retry(&app, &second, &json!({}));
    assert_eq!(nothing.status(), 400, "{}", nothing.text());
    assert_eq!(nothing.json()["error"]["code"], "EMPTY_BATCH");
}

#[test]
fn a_retry_needs_the_token_and_an_ended_job() {
    let app = Setup::new().start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let running = app.enrich(&json!({"barcodes": ["9780441013593"]}));
    assert_eq!(retry(&app, &running, &json!({})).status(), 409);
    let path = format!("/api/v2/imports/{}/retry", running.id);
    assert_eq!(app.request("POST", &path).send().status(), 401);
    assert_eq!(app.request("GET", &path).send().status(), 405);
    let wrong = path.replace("/api/v2/imports", "/v3/jobs/scans");
    let wrong = app.request("POST", &wrong).bearer(&running.token);
    assert_eq!(wrong.send().status(), 404);
    let cancel = app.request("DELETE", &running.status_url);
    cancel.bearer(&running.token).send();
}

/// Books that nobody knew are asked for again when somebody wants that, though it is remembered.
#[test]
fn what_nobody_knew_is_asked_again_on_demand() {
    let app = Setup::new().start();
    let body = json!({"books": [
        {"title": "Nobody Ever Wrote This Qwzx", "author": "Nobody Known"},
        {"isbn": "9780063021426"},
    ]});
    let first = app.enrich(&body);
    app.follow(&first);
    let asked = app.sandbox.open_library().count();
    let second = Job::of(&retry(&app, &first, &json!({"only": ["not_found"]})).data(202));
    let events = app.follow(&second);
    assert_eq!(events.last().unwrap().data["totalCount"], 1);
    assert!(app.sandbox.open_library().count() > asked);
    let results = app.results(&second);
    let enriched = results["enrichedBooks"].as_array().unwrap();
    let found: Vec<bool> = enriched
        .iter()
        .map(|book| book["success"].as_bool().unwrap())
        .collect();
    assert_eq!(found, [false, true]);
}
