//! What becomes of jobs and requests when the metadata providers misbehave.

use crate::app;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use app::{App, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, assert_in_order, count, statuses};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault, library};

/// Both providers misbehave.
fn behave(app: &App, behaviour: &Behaviour) {
    app.sandbox.open_library().behave(behaviour.clone());
    app.sandbox.google_books().behave(behaviour.clone());
}

fn status(code: u16, retry_after: Option<&str>) -> Fault {
    Fault::Status {
        code,
        retry_after: retry_after.map(str::to_owned),
    }
}

/// Imports to the end, which must be `completed`.
fn import(app: &App, csv: &[u8], rows: u64) -> Value {
    let job = app.import(csv);
    let events = app.follow(&job);
    assert_in_order(&events);
    assert_eq!(events.last().unwrap().name, "completed");
    let results = app.results(&job);
    assert_adds_up(&results, rows);
    results
}

/// Checks that nobody could be asked for any book, and that each is as the file said.
fn assert_kept(results: &Value) {
    for book in results["books"].as_array().unwrap() {
        let status = book["enrichmentStatus"].as_str().unwrap();
        assert!(matches!(status, "error" | "circuit_open"), "{book}");
        assert!(
            book["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        assert!(book["authors"][0].is_string(), "{book}");
        assert!(book["source"].is_object(), "{book}");
        assert!(book.get("provider").is_none(), "{book}");
    }
    assert_eq!(results["enrichmentSucceeded"], 0);
}

/// Checks that these are the results of forty books as healthy providers give them.
fn assert_undisturbed(results: &Value) {
    let healthy = import(&App::start(), &library(40), 40);
    assert_eq!(results["books"], healthy["books"]);
    assert!(
        statuses(results)["success"] >= 35,
        "{:?}",
        statuses(results)
    );
}

#[test]
fn without_providers_an_import_ends_soon_with_what_the_file_said() {
    // Nothing listens on the first port of all.
    let app = Setup::new()
        .variable("open_library_base_url", "http://127.0.0.1:1")
        .variable("google_books_base_url", "http://127.0.0.1:1")
        .start();
    let began = Instant::now();
    let results = import(&app, LIBRARY, LIBRARY_ROWS);
    println!("over in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_kept(&results);
    let pages = results["books"].as_array().unwrap();
    assert!(pages.iter().any(|book| book["pageCount"].is_number()));
}

/// Imports forty books while both providers have this fault.
fn import_despite(fault: Fault) {
    let app = Setup::new().variable("provider_timeout_s", "0.3").start();
    behave(&app, &fault.clone().always());
    let results = import(&app, &library(40), 40);
    assert_kept(&results);
    let asked = app.sandbox.open_library().count() + app.sandbox.google_books().count();
    assert!(
        (1..=40).contains(&asked),
        "{asked} requests to providers with {fault:?}"
    );
}

#[test]
fn a_hanging_provider_does_not_hang_an_import() {
    import_despite(Fault::Hang);
}

#[test]
fn a_provider_that_stalls_in_the_middle_does_not_hang_an_import() {
    import_despite(Fault::Stall);
}

#[test]
fn garbage_from_a_provider_does_not_fail_an_import() {
    import_despite(Fault::Garbage);
}

#[test]
fn half_an_answer_does_not_fail_an_import() {
    import_despite(Fault::HalfJson);
}

#[test]
fn an_answer_that_is_cut_short_does_not_fail_an_import() {
    import_despite(Fault::CutShort);
}

#[test]
fn a_provider_that_drops_connections_does_not_fail_an_import() {
    import_despite(Fault::Reset);
}

#[test]
fn a_provider_with_server_errors_does_not_fail_an_import() {
    import_despite(status(500, None));
}

#[test]
fn a_provider_that_forbids_does_not_fail_an_import() {
    import_despite(status(403, None));
}

#[test]
fn a_provider_that_redirects_does_not_fail_an_import() {
    import_despite(status(302, None));
}

#[test]
fn a_provider_that_wants_an_hour_of_rest_gets_it() {
    let app = Setup::new()
        .variable("open_library_rate", "4")
        .variable("open_library_burst", "8")
        .start();
    behave(&app, &status(429, Some("3600")).always());
    let results = import(&app, &library(400), 400);
    assert_kept(&results);
    // What was in flight at the same time, and then nothing.
    let asked = app.sandbox.open_library().count();
    assert!(asked <= 8, "{asked}");
    import(&app, &library(3), 3);
    assert_eq!(
        app.sandbox.open_library().count(),
        asked,
        "another job does not ask either"
    );
}

#[test]
fn a_provider_that_asks_for_a_pause_is_asked_again_after_it() {
    let app = App::start();
    app.sandbox
        .open_library()
        .behave(status(429, Some("1")).first(1));
    let results = import(&app, &library(40), 40);
    assert_undisturbed(&results);
    let seen = app.sandbox.open_library().requests();
    let again = seen
        .iter()
        .skip(1)
        .find(|request| request.query == seen[0].query);
    let pause = again.expect("it is asked again").at_ms - seen[0].at_ms;
    assert!(pause >= 1000, "after {pause} ms");
}

#[test]
fn a_failed_request_is_tried_once_more() {
    let app = App::start();
    app.sandbox
        .open_library()
        .behave(status(503, None).first(1));
    let results = import(&app, &library(40), 40);
    assert_undisturbed(&results);
}

#[test]
fn slow_providers_only_take_longer() {
    let app = App::start();
    behave(&app, &Behaviour::slow(Duration::from_millis(700)));
    let results = import(&app, &library(40), 40);
    assert_undisturbed(&results);
}

#[test]
fn one_provider_helps_out_for_the_other() {
    let app = App::start();
    app.sandbox
        .open_library()
        .behave(status(500, None).always());
    let results = import(&app, &library(10), 10);
    let books = results["books"].as_array().unwrap();
    let mut providers: BTreeMap<&str, u32> = BTreeMap::new();
    for book in books {
        *providers
            .entry(book["provider"].as_str().unwrap_or("none"))
            .or_default() += 1;
    }
    assert!(
        providers.get("google_books").is_some_and(|n| *n >= 5),
        "{providers:?}"
    );
    assert!(!providers.contains_key("open_library"), "{providers:?}");
}

#[test]
fn works_of_which_no_edition_is_told_are_found_all_the_same() {
    let app = App::start();
    app.sandbox
        .open_library()
        .behave(Fault::NoEditions.always());
    let results = import(&app, &library(40), 40);
    let healthy = import(&App::start(), &library(40), 40);
    for (bare, whole) in std::iter::zip(
        results["books"].as_array().unwrap(),
        healthy["books"].as_array().unwrap(),
    ) {
        for field in ["enrichmentStatus", "title", "authors", "match", "source"] {
            assert_eq!(bare[field], whole[field], "{field} of {bare}");
        }
        // The reader's own number stays; without editions nobody knows another.
        if whole["match"] == "isbn" {
            assert_eq!(bare["isbn"], whole["isbn"]);
        }
    }
    assert!(statuses(&results)["success"] >= 35);
}

#[test]
fn another_book_than_the_one_asked_for_is_not_taken() {
    let app = App::start();
    // Nobody but Google Books answers, and what it lists is something else.
    app.sandbox
        .open_library()
        .behave(status(500, None).always());
    app.sandbox.google_books().behave(Fault::OtherBook.always());
    let results = import(&app, &library(10), 10);
    assert!(app.sandbox.google_books().count() >= 5);
    assert_eq!(results["enrichmentSucceeded"], 0);
    for book in results["books"].as_array().unwrap() {
        assert!(book.get("provider").is_none(), "{book}");
        assert_ne!(book["isbn"], "9780000000002");
        for other in ["Annual Report on Fisheries", "Knots for Beginners"] {
            assert!(!book.to_string().contains(other), "{book}");
        }
    }
}

/// The service lists as many works as a request asks for, a hundred when it does not say.
#[test]
fn requests_for_many_titles_ask_for_as_many_works() {
    let app = App::start();
    let results = import(&app, LIBRARY, LIBRARY_ROWS);
    assert!(statuses(&results)["success"] >= 730);
    let seen = app.sandbox.open_library().requests();
    let limits = seen.iter().map(|request| {
        let pairs = request.query.split('&');
        let limit = pairs.filter_map(|pair| pair.strip_prefix("limit=")).next();
        limit.expect("a limit").parse::<u32>().unwrap()
    });
    let most = limits.max().unwrap();
    assert!((101..=500).contains(&most), "{most}");
}

/// Open Library lets its index take ten seconds; what it would still answer is no fault.
#[test]
fn a_time_out_is_longer_than_the_service_s_own() {
    let manifest = include_str!("../spin.toml");
    let line = manifest
        .lines()
        .find(|line| line.starts_with("provider_timeout_s"));
    let default = line.and_then(|line| line.split('"').nth(1)).unwrap();
    assert!(default.parse::<f64>().unwrap() > 10.5, "{default}");
}

#[test]
fn requests_say_who_asks() {
    let app = Setup::new()
        .variable("contact", "library@example.org")
        .start();
    import(&app, &library(10), 10);
    for request in app.sandbox.open_library().requests() {
        let agent = request
            .headers
            .iter()
            .find(|(name, _)| name == "user-agent");
        let agent = &agent.expect("a User-Agent").1;
        assert!(agent.starts_with("bookstrack/"), "{agent}");
        assert!(agent.contains("library@example.org"), "{agent}");
    }
}

const KNOWN: &str = "9780525540670";
/// Valid, and nobody's.
const UNKNOWN: &str = "9780000000002";

fn look_up(app: &App, isbn: &str) -> app::http::Response {
    let request = app.request("POST", "/api/v2/books/enrich");
    request.json(&json!({ "barcode": isbn })).send()
}

#[test]
fn one_book_is_looked_up_while_the_client_waits() {
    let app = App::start();
    let answer = look_up(&app, "978-0-525-54067-0");
    let book = answer.data(200);
    assert_eq!(book["isbn"], KNOWN);
    assert_eq!(book["title"], "Long Bright River");
    assert_eq!(book["authors"], json!(["Liz Moore"]));
    for object in ["work", "edition"] {
        assert!(book[object].is_object(), "{book}");
    }
    assert_eq!(book["authorDetails"][0]["name"], "Liz Moore");
    let body = answer.json();
    for (name, value) in book.as_object().unwrap() {
        assert_eq!(body[name], *value, "{name} is there at the top level too");
    }
    let error = look_up(&app, UNKNOWN).error(404, "NOT_FOUND");
    assert_eq!(error["details"]["isbn"], UNKNOWN);
    assert!(app.job_keys().is_empty());
}

#[test]
fn one_book_that_cannot_be_looked_up_says_why() {
    let app = Setup::new().variable("provider_timeout_s", "0.3").start();
    behave(&app, &Fault::Hang.always());
    let error = look_up(&app, KNOWN).error(504, "NETWORK_ERROR");
    assert_eq!(error["retryable"], true);

    let app = App::start();
    behave(&app, &status(500, None).always());
    look_up(&app, KNOWN).error(502, "API_ERROR");
    // Five failures in a row open a breaker, and a request is tried twice.
    let open = (0..5)
        .map(|_| look_up(&app, KNOWN))
        .find(|answer| answer.status() == 503);
    let open = open.expect("the breaker opens");
    let error = open.error(503, "CIRCUIT_OPEN");
    assert!(error["provider"].is_string(), "{error}");
    let left = count(&error, "retryAfterMs");
    assert!((1..=60_000).contains(&left), "{left}");
    let seconds: u64 = open.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(seconds, left.div_ceil(1000));
    let asked = app.sandbox.open_library().count();
    look_up(&app, KNOWN).error(503, "CIRCUIT_OPEN");
    assert_eq!(app.sandbox.open_library().count(), asked, "nobody is asked");
}
