//! The application within the limits of the platforms it is deployed to, each with its own profile.

use crate::app;
use crate::photos;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use app::{App, Job, Setup, assert_adds_up, assert_in_order, count, eventually, statuses};
use serde_json::{Value, json};
use stand_ins::Fault;

/// Clouds take their time: commits are a second apart, and a scan hands over after each photo.
const TIME_LIMIT: Duration = Duration::from_secs(120);

fn on(platform: &str) -> Setup {
    Setup::new()
        .argument("--platform")
        .argument(platform)
        .variable("profile", platform)
        .variable("contact", "tests@example.org")
}

fn is_over(status: &Value) -> bool {
    !matches!(
        status["status"].as_str(),
        Some("initialized" | "processing")
    )
}

/// Polls to the end.
fn finish(app: &App, job: &Job) -> Value {
    let start = Instant::now();
    let mut before = 0.0;
    loop {
        let answer = app.get(&job.status_url);
        if answer.status() != 503 {
            let status = answer.data(200);
            let now = status["progress"].as_f64().unwrap();
            assert!(now >= before, "{now} after {before}");
            before = now;
            if is_over(&status) {
                return status;
            }
        }
        assert!(start.elapsed() < TIME_LIMIT, "it does not end");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Does `work` and answers with it the most keys that a job had meanwhile.
fn counting_keys<T>(app: &App, work: impl FnOnce() -> T) -> (T, usize) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let most = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                let mut jobs: BTreeMap<String, usize> = BTreeMap::new();
                for key in app.job_keys() {
                    let id = key.split('/').nth(1).unwrap_or_default().to_owned();
                    *jobs.entry(id).or_default() += 1;
                }
                most = jobs.values().copied().max().unwrap_or(0).max(most);
                thread::sleep(Duration::from_millis(3));
            }
            most
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, most.join().unwrap())
    })
}

/// The sum, or the most, of one count over all components.
fn over_components(counters: &Value, pick: impl Fn(&Value) -> u64, most: bool) -> u64 {
    let components = counters["components"].as_object().unwrap();
    let each = components.values().map(pick);
    if most {
        each.max().unwrap_or(0)
    } else {
        each.sum()
    }
}

/// How close the application came to the limits, none of which it has hit.
fn high_water(platform: &str, app: &App, keys_per_job: usize) {
    let counters = app.counters();
    let storage = |name: &'static str| move |c: &Value| count(&c["storage"], name);
    let outbound = counters["outbound"].as_object().unwrap();
    let provided: u64 = outbound
        .iter()
        .filter(|(host, _)| *host != "self")
        .map(|(_, n)| n.as_u64().unwrap())
        .sum();
    println!(
        "{platform}: {keys_per_job} keys per job, {} keys in all, largest value {} bytes, \
         {} writes per second, {provided} outbound requests, longest handler {} ms",
        counters["keys_peak"],
        over_components(&counters, storage("largest_value"), true),
        counters["writes_per_second_peak"],
        over_components(&counters, |c| count(c, "handler_longest_ms"), true),
    );
    assert_eq!(
        over_components(&counters, |c| count(c, "failed"), false),
        0,
        "{counters}"
    );
    assert_eq!(
        over_components(&counters, storage("errors"), false),
        0,
        "{counters}"
    );
    assert_eq!(count(&counters, "outbound_refused"), 0);
    assert!(keys_per_job <= 25);
}

fn import_and_scan(platform: &str) {
    let app = on(platform).start();
    let (start, csv) = (Instant::now(), stand_ins::library(1_500));
    let (_, keys) = counting_keys(&app, || {
        let import = app.import(&csv);
        let five: Vec<Vec<u8>> = (1..=5).map(photos::spines).collect();
        let five: Vec<&[u8]> = five.iter().map(Vec::as_slice).collect();
        let request = app.request("POST", "/api/batch-scan");
        let scan = Job::of(&photos::form(request, &five).send().data(202));
        assert_eq!(finish(&app, &import)["status"], "completed");
        assert_eq!(finish(&app, &scan)["status"], "completed");
        let results = app.results(&import);
        assert_adds_up(&results, 1_500);
        let success = statuses(&results)["success"];
        assert!(success >= 1_400, "{:?}", statuses(&results));
        let results = app.results(&scan);
        let photos = results["photos"].as_array().unwrap();
        assert!(
            photos.iter().all(|photo| photo["status"] == "complete"),
            "{photos:?}"
        );
    });
    assert_eq!(app.uploads(), 0);
    println!("{platform}: import and scan in {:?}", start.elapsed());
    high_water(platform, &app, keys);
}

#[test]
fn fermyon_cloud_takes_an_import_and_a_scan() {
    import_and_scan("fermyon-cloud");
}

#[test]
fn akamai_functions_takes_an_import_and_a_scan() {
    import_and_scan("akamai-functions");
}

/// Everything three times as fast: handlers are killed after 10 s, work hands over before that,
/// streams end and are resumed. The job takes longer than a handler may, however fast the machine
/// is; that budgets end some seconds before is for a slow one.
fn outlive_handlers(platform: &str) {
    let app = on(platform)
        .argument("--limit")
        .argument("handler=10s")
        .variable("provider_timeout_s", "2")
        .tuning(
            "run_budget=7000 stream_budget=6000 commit_interval=150 wave_items=40 \
             lease=2500 lease_renew=700 write_delay=350 look_max=200 retry=200",
        )
        .provider_delay(Duration::from_millis(500))
        .start();
    let job = app.import(&stand_ins::library(1_000));
    let (start, mut events, mut streams) = (Instant::now(), Vec::new(), 0);
    while events
        .last()
        .is_none_or(|event: &app::sse::Event| !event.is_terminal())
    {
        assert!(start.elapsed() < TIME_LIMIT, "it does not end");
        let last = events.last().map(|event| event.id.clone());
        let path = format!("{}?books=1", job.sse_url);
        events.extend(app.resume(&path, last.as_deref()).rest());
        streams += 1;
    }
    assert_in_order(&events);
    let results = app.results(&job);
    assert_adds_up(&results, 1_000);
    let said: Vec<&Value> = events
        .iter()
        .filter(|event| event.name == "book")
        .map(|event| &event.data["book"])
        .collect();
    let books: Vec<&Value> = results["books"].as_array().unwrap().iter().collect();
    assert_eq!(said, books, "each book once");
    let counters = app.counters();
    let runs = count(&counters["components"]["enrichment"], "requests");
    println!(
        "{platform}: {runs} runs, {streams} streams, longest handler {} ms of 10000",
        over_components(&counters, |c| count(c, "handler_longest_ms"), true)
    );
    assert!(runs >= 2 && streams >= 2);
    assert_eq!(
        over_components(&counters, |c| count(c, "failed"), false),
        0,
        "{counters}"
    );
}

#[test]
fn fermyon_cloud_ends_handlers_and_jobs_go_on() {
    outlive_handlers("fermyon-cloud");
}

#[test]
fn akamai_functions_ends_handlers_and_jobs_go_on() {
    outlive_handlers("akamai-functions");
}

#[test]
fn a_line_of_commas_is_refused_within_little_memory() {
    let app = on("akamai-functions").start();
    // One row as long as a library may be.
    let mut csv = b"Title,Author\n".to_vec();
    csv.resize(8 << 20, b',');
    let request = app.request("POST", "/api/v2/imports");
    let job = Job::of(&request.body("text/csv", csv).send().data(202));
    let status = finish(&app, &job);
    assert_eq!(status["status"], "failed", "{status}");
    assert_ne!(status["error"]["code"], "E_TIMEOUT", "{status}");
    assert_eq!(status["error"]["retryable"], false, "{status}");
    let failed = over_components(
        &app.counters(),
        |component| count(component, "failed"),
        false,
    );
    assert_eq!(failed, 0, "no run dies of it");
}

fn jobs(app: &App) -> BTreeSet<String> {
    let keys = app.job_keys();
    keys.iter()
        .map(|key| key.split('/').nth(1).unwrap().to_owned())
        .collect()
}

/// Asks for a job of one book; `None` when there is no room.
fn ask(app: &App) -> Option<Job> {
    let before = jobs(app);
    let request = app.request("POST", "/api/batch-enrich");
    let answer = request.json(&json!({"barcodes": ["9780439708180"]})).send();
    if answer.status() == 202 {
        return Some(Job::of(&answer.data(202)));
    }
    assert_eq!(answer.error(503, "SERVICE_BUSY")["retryable"], true);
    assert!(answer.header("retry-after").is_some());
    let new: Vec<String> = jobs(app).difference(&before).cloned().collect();
    assert_eq!(new, Vec::<String>::new(), "nothing half-exists");
    None
}

/// A tenth of Fermyon Cloud's keys.
#[test]
fn a_store_without_room_refuses_jobs_and_ended_ones_make_room() {
    const KEYS: u64 = 100;
    let app = on("fermyon-cloud")
        .argument("--limit")
        .argument(&format!("keys={KEYS}"))
        .tuning(&format!("max_keys={KEYS} commit_interval=20"))
        .start();
    let mut minutes = 0;
    let mut later = || {
        minutes += 1;
        app.misbehave(&format!("clock-ahead={minutes}m"));
    };

    // Every job that runs is kept room for.
    app.sandbox.open_library().behave(Fault::Hang.always());
    app.sandbox.google_books().behave(Fault::Hang.always());
    let running: Vec<Job> = std::iter::from_fn(|| ask(&app)).collect();
    println!("{} jobs run at a time in {KEYS} keys", running.len());
    assert_eq!(running.len(), 3);
    app.sandbox.open_library().reset();
    app.sandbox.google_books().reset();
    for job in &running {
        assert_eq!(finish(&app, job)["status"], "completed");
    }

    // Those that have ended make room: the oldest of whoever has most of them goes first.
    for _ in 0..40 {
        later();
        let job = ask(&app).expect("an ended job makes room");
        assert_eq!(finish(&app, &job)["status"], "completed");
        eventually("it is cleared up", || {
            let keys = app.job_keys();
            let prefix = format!("job/{}", job.id);
            keys.iter().filter(|key| key.starts_with(&prefix)).count() <= 3
        });
    }
    println!("{} jobs in {} keys", jobs(&app).len(), app.job_keys().len());
    app.get(&running[0].status_url).error(404, "NOT_FOUND");

    // A day later they have expired.
    app.misbehave("clock-ahead=25h");
    let job = ask(&app).expect("there is room");
    assert_eq!(finish(&app, &job)["status"], "completed");
    let counters = app.counters();
    assert!(count(&counters, "keys_peak") <= KEYS, "{counters}");
    assert_eq!(
        over_components(&counters, |c| count(&c["storage"], "errors"), false),
        0
    );
}

/// One client takes every place there is, then asks without a pause; another comes later.
#[test]
fn who_comes_later_to_a_full_store_is_not_kept_out() {
    const KEYS: u64 = 100;
    let app = on("fermyon-cloud")
        .argument("--limit")
        .argument(&format!("keys={KEYS}"))
        .tuning(&format!(
            "max_keys={KEYS} commit_interval=20 max_jobs_per_client=20"
        ))
        .start();
    let ask = |from: u8| {
        let request = app.request("POST", "/api/batch-enrich");
        let request = request.from(Ipv4Addr::new(127, 0, 0, from));
        request.json(&json!({"barcodes": ["9780439708180"]})).send()
    };
    eventually("there is no place for another job", || {
        let answer = ask(2);
        let is_made = answer.status() == 202;
        if is_made {
            finish(&app, &Job::of(&answer.data(202)));
        }
        !is_made
    });
    let keys = app.job_keys();
    assert!(keys.len() > 50, "{keys:?}");
    let (begun, is_over) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) && begun.elapsed() < TIME_LIMIT {
                ask(2);
            }
        });
        for _ in 0..2 {
            let job = Job::of(&ask(3).data(202));
            assert_eq!(finish(&app, &job)["status"], "completed");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
