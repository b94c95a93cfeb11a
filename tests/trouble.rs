//! The store fails, fills up or is slow for a while, clocks jump, a day goes by: what clients
//! notice of it, and that nothing is lost.

use crate::app;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use app::{
    App, Job, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, assert_in_order, count, eventually,
};
use rusqlite::Connection;
use serde_json::{Value, json};

/// An application with leases that run out soon, whose imports of [`LIBRARY`] stop in the middle
/// until they are to go on.
fn held() -> App {
    held_in_batches_of(40)
}

fn held_in_batches_of(books: u32) -> App {
    let tuning = format!("wave_items={books} lease=900 lease_renew=300 write_delay=150");
    let app = Setup::new()
        .variable("provider_timeout_s", "60")
        .tuning(&tuning)
        .start();
    app.hold_look_ups_at(200);
    app
}

/// The status, as soon as the store can be asked.
fn status(app: &App, job: &Job) -> Value {
    let mut found = None;
    eventually("the status is told", || {
        let answer = app.get(&job.status_url);
        found = (answer.status() != 503).then(|| answer.data(200));
        found.is_some()
    });
    found.unwrap()
}

/// Polls to the end, whatever the store does; nothing goes back.
fn finish(app: &App, job: &Job) -> Value {
    let mut before = 0.0;
    loop {
        let status = status(app, job);
        let now = status["progress"].as_f64().unwrap();
        assert!(now >= before, "{now} after {before}");
        before = now;
        if !matches!(
            status["status"].as_str(),
            Some("initialized" | "processing")
        ) {
            return status;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Lets the job go on to its end, which is as if nothing had happened.
fn assert_whole(app: &App, job: &Job) {
    app.go_on();
    assert_eq!(finish(app, job)["status"], "completed");
    assert_adds_up(&app.results(job), LIBRARY_ROWS);
    let events = app.follow(job);
    assert_in_order(&events);
    assert_eq!(events.last().unwrap().name, "completed");
    assert_eq!(app.uploads(), 0);
}

/// How long it takes until more books are final than now, where the job is held; it goes on to
/// another row.
fn stall(app: &App, job: &Job, row: usize) -> Duration {
    let (start, before) = (Instant::now(), count(&status(app, job), "processedCount"));
    app.hold_look_ups_at(row);
    eventually("it goes on", || {
        count(&status(app, job), "processedCount") > before
    });
    start.elapsed()
}

fn import_through(fault: &str) {
    let app = held();
    let job = app.import(LIBRARY);
    app.wait_for_books(&job, 40);
    app.misbehave(fault);
    let refused = app.request("POST", "/api/v2/imports");
    let refused = refused.form("file", "library.csv", LIBRARY).send();
    let error = refused.error(503, "SERVICE_BUSY");
    assert_eq!(error["retryable"], true);
    assert!(refused.header("retry-after").is_some());
    // Longer than a lease: whoever worked on it has given up.
    eventually("nobody works on it", || {
        let store = Connection::open(app.state().join("sqlite_key_value.db")).unwrap();
        let lease: Vec<u8> = store
            .query_row(
                "SELECT value FROM spin_key_value WHERE key = ?1",
                [format!("job/{}/lease", job.id)],
                |row| row.get(0),
            )
            .unwrap();
        let lease: Value = serde_json::from_slice(&lease).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        count(&lease, "expires") + 200 < now.unwrap().as_millis() as u64
    });
    assert_eq!(
        status(&app, &job)["status"],
        "processing",
        "it can be looked at"
    );
    app.misbehave("");
    println!("{fault}: it goes on after {:?}", stall(&app, &job, 400));
    assert_whole(&app, &job);
}

#[test]
fn a_store_that_is_read_only_for_a_while_only_delays() {
    import_through("store-read-only");
}

#[test]
fn a_store_that_is_full_for_a_while_only_delays() {
    import_through("store-full");
}

#[test]
fn a_store_that_fails_for_a_while_is_busy_to_apps_of_every_origin() {
    let app = App::start();
    let job = app.import(&stand_ins::library(5));
    let before = app.finish(&job);
    app.misbehave("store-fail=1");
    let from_page = |method: &str| {
        app.request(method, &job.status_url)
            .header("origin", "http://localhost:8100")
            .send()
    };
    for answer in [from_page("GET"), from_page("DELETE")] {
        assert_eq!(answer.error(503, "SERVICE_BUSY")["retryable"], true);
        assert!(answer.header("retry-after").is_some());
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("http://localhost:8100"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(from_page("OPTIONS").status(), 204);
    app.misbehave("");
    assert_eq!(app.status(&job), before);
}

#[test]
fn a_store_that_fails_now_and_then_is_asked_again() {
    // The smallest batches that there are: of so many commits some operation fails.
    let app = held_in_batches_of(20);
    let job = app.import(LIBRARY);
    app.wait_for_books(&job, 40);
    let runs = || count(&app.counters()["components"]["enrichment"], "requests");
    let (start, before) = (Instant::now(), runs());
    app.misbehave("store-fail=0.05");
    app.go_on();
    assert_eq!(finish(&app, &job)["status"], "completed");
    app.misbehave("");
    let counters = app.counters();
    println!(
        "one operation of 20 fails: {:?}, {} runs more, {} requests to Open Library",
        start.elapsed(),
        runs() - before,
        app.sandbox.open_library().count(),
    );
    assert!(count(&counters["components"]["enrichment"]["storage"], "errors") > 0);
    assert_whole(&app, &job);
}

#[test]
fn a_slow_store_only_takes_longer() {
    let app = Setup::new()
        .argument("--fault")
        .argument("store-delay=200ms")
        .start();
    let start = Instant::now();
    let job = app.import(LIBRARY);
    assert_eq!(finish(&app, &job)["status"], "completed");
    println!("200 ms an operation: {:?}", start.elapsed());
    app.misbehave("");
    assert_whole(&app, &job);
}

#[test]
fn a_store_file_that_somebody_locks_for_a_while_only_delays() {
    let app = held();
    let job = app.import(LIBRARY);
    app.wait_for_books(&job, 40);
    let other = Connection::open(app.state().join("sqlite_key_value.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asked = app.request("POST", "/api/v2/imports");
    asked
        .form("file", "library.csv", LIBRARY)
        .send()
        .error(503, "SERVICE_BUSY");
    other.execute_batch("ROLLBACK").unwrap();
    println!("locked: it goes on after {:?}", stall(&app, &job, 400));
    assert_whole(&app, &job);
}

/// All clocks jump while a run works, and between two runs.
fn import_despite(jump: &str) {
    let mut app = held();
    let job = app.import(LIBRARY);
    app.wait_for_books(&job, 40);
    app.misbehave(jump);
    let took = stall(&app, &job, 400);
    println!("{jump}, at work: it goes on after {took:?}");
    app.kill();
    app.start_again();
    println!("and back, after a crash: {:?}", stall(&app, &job, 600));
    app.kill();
    app.start_again();
    app.misbehave(jump);
    println!("and there, after a crash: {:?}", stall(&app, &job, 740));
    assert_whole(&app, &job);
}

#[test]
fn clocks_may_jump_ahead_by_an_hour() {
    import_despite("clock-ahead=1h");
}

#[test]
fn clocks_may_jump_back_by_an_hour() {
    import_despite("clock-behind=1h");
}

fn jobs(app: &App) -> BTreeSet<String> {
    let keys = app.job_keys();
    keys.iter()
        .map(|key| key.split('/').nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn results_are_kept_for_a_day_and_cleared_away_after_a_run() {
    const JOBS: usize = 70;
    let app = App::start();
    let body = json!({"barcodes": ["9780439708180"]});
    let all: Vec<Job> = (0..JOBS).map(|_| app.enrich(&body)).collect();
    for job in &all {
        app.finish(job);
    }
    app.misbehave("clock-ahead=23h59m");
    for job in &all {
        assert_eq!(app.status(job)["status"], "completed");
        assert_eq!(app.results(job)["books"].as_array().unwrap().len(), 1);
    }
    app.misbehave("clock-ahead=24h1m");
    for path in [&all[0].status_url, &all[0].results_url, &all[0].sse_url] {
        app.get(path).error(404, "NOT_FOUND");
    }
    let cancel = app.request("DELETE", &all[0].status_url);
    cancel.bearer(&all[0].token).send().error(404, "NOT_FOUND");
    assert_eq!(jobs(&app).len(), JOBS, "nobody has swept");

    // The next run to end clears them away, when its client has its answer.
    app.misbehave("clock-ahead=24h20m");
    let before = app.store_count("deletes");
    let new = app.enrich(&body);
    app.finish(&new);
    eventually("the expired jobs are gone", || jobs(&app).len() == 1);
    assert!(jobs(&app).contains(&new.id));
    println!(
        "{JOBS} jobs swept with {} deletes",
        app.store_count("deletes") - before
    );
}
