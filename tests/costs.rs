//! What jobs cost, in counts that do not depend on time: `bench` measures the rest.

use crate::app;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use app::{App, Job, LIBRARY, Setup, count};
use serde_json::{Value, json};

/// Bytes of a body, as it comes over the line without its framing.
fn length(app: &App, path: &str) -> usize {
    app.get(path).body.len()
}

#[test]
fn components_stay_small() {
    drop(App::start());
    for (component, most) in [
        ("scan", 3_000_000),
        ("reader", 8 << 20),
        ("enrichment", 7 << 18),
        ("status", 7 << 18),
        ("relay", 17 << 16),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../target/wasm32-wasip2/component")
            .join(format!("{component}.wasm"));
        let size = file.metadata().unwrap().len();
        assert!(size <= most, "{component}: {size}");
    }
}

#[test]
fn an_import_s_stream_is_short_whatever_its_size_and_little_is_written_twice() {
    for csv in [LIBRARY.to_vec(), stand_ins::library(10_000)] {
        let app = Setup::new()
            .provider_delay(Duration::from_millis(5))
            .start();
        let job = app.import(&csv);
        let streamed = length(&app, &job.sse_url);
        app.finish(&job);
        app::eventually("what is left is cleared away", || {
            let keys = app.job_keys();
            !keys.iter().any(|key| key.contains("/lease"))
        });
        let results = app.result_bytes();
        let written = app.store_count("bytes_written");
        println!("{streamed} streamed, {written} written, {results} of results");
        assert!(streamed <= 25_000, "{streamed}");
        assert!(written <= 4 * results, "{written} of {results}");
    }
}

#[test]
fn an_enrichment_of_a_hundred_books_is_a_handful_of_operations() {
    let app = App::start();
    let csv = String::from_utf8(stand_ins::library(200)).unwrap();
    let isbns: Vec<&str> = csv
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 13)
        .take(100)
        .collect();
    let cleared = |job: &Job| {
        app::eventually("what is left is cleared away", || {
            app.job_keys()
                .iter()
                .filter(|key| key.contains(&job.id))
                .count()
                <= 3
        });
    };
    // The secret and the providers' states are made once.
    let first = app.enrich(&json!({"barcodes": isbns[..1]}));
    app.finish(&first);
    cleared(&first);
    let asked = || app.sandbox.open_library().count() + app.sandbox.google_books().count();
    let (before, sets, deletes) = (asked(), app.store_count("sets"), app.store_count("deletes"));
    let job = app.enrich(&json!({"barcodes": isbns}));
    let streamed = length(&app, &job.sse_url);
    let requests = asked() - before;
    cleared(&job);
    let sets = app.store_count("sets") - sets;
    let deletes = app.store_count("deletes") - deletes;
    println!("{requests} requests, {sets} sets, {deletes} deletes, {streamed} bytes");
    assert!(requests <= 4, "{requests}");
    // One or two more where the machine is so slow that the lease is renewed.
    assert!(sets <= 16, "{sets}");
    assert!(deletes <= 6, "{deletes}");
    assert!(streamed <= 4_096, "{streamed}");
}

/// Number of requests to Open Library and to Google Books so far.
fn asked(app: &App) -> [u64; 2] {
    [
        app.sandbox.open_library().count(),
        app.sandbox.google_books().count(),
    ]
}

/// Imports to the end, and until what providers said is remembered if they were asked.
fn import_and_remember(app: &App, csv: &[u8]) -> (Job, Value) {
    let before = asked(app);
    let (sets, bytes) = (app.store_count("sets"), app.store_count("bytes_written"));
    let began = Instant::now();
    let job = app.import(csv);
    app.follow(&job);
    let took = began.elapsed();
    if asked(app) != before {
        let logged = format!("\"jobId\":\"{}\"", job.id);
        app::eventually("the run that asked is over", || {
            let logs = app.logs();
            let mut runs = logs.lines().filter(|line| line.contains(&logged));
            runs.any(|line| {
                line.contains("\"component\":\"enrichment\"") && line.contains("\"event\":\"run\"")
            })
        });
    }
    println!(
        "{:?} requests, {took:?}, {} sets, {} bytes",
        std::array::from_fn::<u64, 2, _>(|at| asked(app)[at] - before[at]),
        app.store_count("sets") - sets,
        app.store_count("bytes_written") - bytes,
    );
    let status = app.status(&job);
    (job, status)
}

/// Google Books is asked once for each book that Open Library does not know, and nobody when the
/// same library comes again.
#[test]
fn a_library_that_is_imported_again_asks_nobody() {
    let app = App::start();
    let (first, status) = import_and_remember(&app, LIBRARY);
    let total = count(&status, "totalCount");
    let results = app.results(&first);
    let [open_library, google_books] = asked(&app);
    assert!(
        open_library <= 16,
        "{open_library} requests to Open Library"
    );
    let of_google = |book: &&Value| {
        book["provider"] == "google_books" || book["enrichmentStatus"] == "not_found"
    };
    let books = results["books"].as_array().unwrap();
    let lacking = books.iter().filter(of_google).count();
    let seen = app.sandbox.google_books().requests();
    let questions: BTreeSet<&str> = seen.iter().map(|seen| seen.query.as_str()).collect();
    assert_eq!(questions.len() as u64, google_books, "no question twice");
    assert_eq!(lacking as u64, google_books, "one for each book");
    assert!(count(&results, "enrichmentSucceeded") >= 748, "{status}");

    let (second, status) = import_and_remember(&app, LIBRARY);
    assert_eq!(asked(&app), [open_library, google_books], "nobody is asked");
    assert_eq!(count(&status, "remembered"), total);
    assert_eq!(app.results(&second)["books"], results["books"]);
}

/// A first import asks Open Library in batches, two for each wave, and Google Books once for each
/// book that it lacks: 16 requests without a key for it, 41 where a job may ask it 25 times. What
/// nobody was asked about then is not called unknown.
#[test]
fn what_a_first_import_asks_has_its_bounds() {
    for (variable, value, of_google) in [
        ("google_books_api_key", "", 0),
        ("google_books_per_job", "25", 25),
    ] {
        let app = Setup::new().variable(variable, value).start();
        let job = app.import(LIBRARY);
        app.follow(&job);
        let [open_library, google_books] = asked(&app);
        let results = app.results(&job);
        println!("{open_library} and {google_books} requests");
        assert!(
            open_library <= 16,
            "{open_library} requests to Open Library"
        );
        assert_eq!(google_books, of_google);
        let unanswered = results["unanswered"].as_u64().unwrap_or(0);
        assert_eq!(unanswered > 0, of_google > 0, "{unanswered} not asked");
    }
}

/// Of a library that shares half of its books with one before, only the others are asked for.
#[test]
fn of_a_library_that_is_half_known_the_other_half_is_asked_for() {
    let app = App::start();
    let lines: Vec<&str> = std::str::from_utf8(LIBRARY).unwrap().lines().collect();
    let half = lines[..=lines.len() / 2].join("\n");
    let (_, status) = import_and_remember(&app, half.as_bytes());
    let known = count(&status, "totalCount");
    let first = asked(&app);
    let (whole, status) = import_and_remember(&app, LIBRARY);
    assert_eq!(count(&status, "remembered"), known);
    let seen = app.sandbox.google_books().requests();
    let questions: BTreeSet<&str> = seen.iter().map(|seen| seen.query.as_str()).collect();
    assert_eq!(questions.len(), seen.len(), "no question twice");
    assert!(asked(&app)[0] - first[0] <= 16, "{:?}", asked(&app));
    assert!(count(&app.results(&whole), "enrichmentSucceeded") >= 748);
}

/// However many jobs there are, an operator's look reads 16 documents of clients' jobs, those of
/// two providers, the sweep's, the secret, and each job that it shows.
#[test]
fn what_an_operator_sees_is_a_bounded_number_of_reads() {
    const TOKEN: &str = "of-the-operator-who-counts";
    let app = Setup::new().variable("operator_token", TOKEN).start();
    for _ in 0..60 {
        let job = app.enrich(&json!({"barcodes": ["9780743273565"]}));
        app.finish(&job);
    }
    let count = |name: &str| app.store_count(name);
    // Runs that end read and write, too.
    let costs = (0..10).map(|_| {
        let before = [count("gets"), count("sets"), count("lists")];
        let look = app.request("GET", "/api/v2/operator").bearer(TOKEN).send();
        let jobs = look.data(200)["jobs"].take();
        assert_eq!(jobs.as_array().unwrap().len(), 50);
        let after = [count("gets"), count("sets"), count("lists")];
        [
            after[0] - before[0],
            after[1] - before[1],
            after[2] - before[2],
        ]
    });
    let [gets, sets, lists] = costs.min().unwrap();
    println!("{gets} gets, {sets} sets, {lists} lists");
    assert!(gets <= 70, "{gets}");
    assert_eq!((sets, lists), (0, 0));
}
