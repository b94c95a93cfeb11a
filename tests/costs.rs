//! What jobs cost, in counts that do not depend on time: `bench` measures the rest.

use crate::app;

use std::path::Path;
use std::time::Duration;

use app::{App, LIBRARY, Setup};
use serde_json::json;

/// Bytes of a body, as it comes over the line without its framing.
fn length(app: &App, path: &str) -> usize {
    app.get(path).body.len()
}

#[test]
fn components_stay_small() {
    drop(App::start());
    for (component, most) in [
        ("scan", 3 << 20),
        ("reader", 8 << 20),
        ("enrichment", 7 << 18),
        ("status", 3 << 19),
        ("relay", 1 << 20),
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
    // The secret and the providers' states are made once.
    app.finish(&app.enrich(&json!({"barcodes": isbns[..1]})));
    let asked = || app.sandbox.open_library().count() + app.sandbox.google_books().count();
    let (before, sets, deletes) = (asked(), app.store_count("sets"), app.store_count("deletes"));
    let job = app.enrich(&json!({"barcodes": isbns}));
    let streamed = length(&app, &job.sse_url);
    let requests = asked() - before;
    app::eventually("what is left is cleared away", || {
        app.job_keys()
            .iter()
            .filter(|key| key.contains(&job.id))
            .count()
            <= 3
    });
    let sets = app.store_count("sets") - sets;
    let deletes = app.store_count("deletes") - deletes;
    println!("{requests} requests, {sets} sets, {deletes} deletes, {streamed} bytes");
    assert!(requests <= 4, "{requests}");
    // One or two more where the machine is so slow that the lease is renewed.
    assert!(sets <= 16, "{sets}");
    assert!(deletes <= 6, "{deletes}");
    assert!(streamed <= 4_096, "{streamed}");
}
