//! Photos of shelves in, books out: what is seen on the way, what it costs, and what goes wrong.

use crate::app;
use crate::photos;
use crate::shape;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use app::http::Response;
use app::sse::Event;
use app::{App, Job, Setup, assert_in_order, eventually, statuses};
use photos::{ISBNS, SHELF, form, half_a_shelf, quarter_of_a_shelf_and_barcode};
use serde_json::{Value, json};
use shape::{assert_event_like, assert_like};
use stand_ins::{Behaviour, Fault, Quirk, When};

/// How sure the stand-ins are of the sample shelf's books.
const CONFIDENCES: [f64; 13] = [
    0.97, 0.98, 0.88, 0.93, 0.98, 0.82, 0.94, 0.57, 0.71, 0.96, 0.89, 0.99, 0.95,
];

/// The application with Gemini alone, so that nobody helps out when it fails.
fn gemini_only() -> Setup {
    Setup::new().variable("openai_model", "")
}

fn scan(app: &App, photos: &[&[u8]]) -> Job {
    scan_by(app, photos, "")
}

/// A scan by the vision provider that a client names.
fn scan_by(app: &App, photos: &[&[u8]], provider: &str) -> Job {
    let request = app.request("POST", "/api/batch-scan");
    let request = request.header("x-ai-provider", provider);
    Job::of(&form(request, photos).send().data(202))
}

fn books(results: &Value) -> &[Value] {
    results["books"].as_array().unwrap()
}

fn titles(results: &Value) -> BTreeSet<String> {
    let title = |book: &Value| book["title"].as_str().unwrap().to_owned();
    books(results).iter().map(title).collect()
}

/// What is printed on the sample shelf, as its list spells it.
fn shelf_titles() -> BTreeSet<String> {
    let list: Vec<Value> = serde_json::from_str(include_str!("data/bookshelf-13.json")).unwrap();
    let title = |book: &Value| book["title"].as_str().unwrap().to_owned();
    list.iter().map(title).collect()
}

fn upload_keys(app: &App) -> Vec<String> {
    let mut keys = app.job_keys();
    keys.retain(|key| key.contains("/up/"));
    keys
}

/// Texts of scans are searched for these words by apps in the field, and quote no title.
fn assert_quiet(document: &Value) {
    let message = document["message"].as_str().unwrap();
    let lower = message.to_lowercase();
    let failed = document["status"] == "failed";
    assert_eq!(failed, message.starts_with("Error:"), "{message}");
    assert!(
        failed || !(lower.contains("error") || lower.contains("fail")),
        "{message}"
    );
    for title in shelf_titles() {
        assert!(!message.contains(&title), "{message}");
    }
}

/// Whether a box lies in the photo.
fn assert_in_photo(bounding_box: &Value) {
    let n = |name: &str| bounding_box[name].as_f64().unwrap();
    assert!(
        n("x1") >= 0.0 && n("y1") >= 0.0 && n("x2") <= 1.0 && n("y2") <= 1.0,
        "{bounding_box}"
    );
    assert!(n("width") > 0.0 && n("height") > 0.0, "{bounding_box}");
    assert!(
        (n("x") + n("width") - n("x2")).abs() < 1e-3,
        "{bounding_box}"
    );
    assert!(
        (n("y") + n("height") - n("y2")).abs() < 1e-3,
        "{bounding_box}"
    );
}

/// The failed job's event, which says what its status document, its polling document and its
/// other spelling say.
fn assert_failed(app: &App, job: &Job, code: &str) -> Value {
    let events = app.follow(job);
    assert_in_order(&events);
    let event = events.last().unwrap();
    assert_eq!(event.name, "failed", "{event:?}");
    assert_eq!(event.data["status"], "failed");
    let error = &event.data["error"];
    assert_eq!(error["code"], code, "{error}");
    assert_event_like(&event.data, "sse-failed.txt");
    let status = app.get(&job.status_url);
    assert_like(&status.json(), "status-failed.json");
    let status = status.data(200);
    assert_quiet(&status);
    assert_eq!(status["error"], *error);
    assert_eq!(status["stage"], "error");
    let said = error["userMessage"].as_str().unwrap();
    assert!(said.len() > 20 && said.ends_with('.'), "{said}");
    assert_eq!(status["message"], format!("Error: {said}"));

    let polled = app.get(&format!("/scan/status/{}", job.id)).json();
    assert_eq!(polled["stage"], "error");
    assert_eq!(polled["error"], said);
    assert_eq!(polled["result"], Value::Null);
    let mut photoscan = app.stream(&format!("{}?events=photoscan", job.sse_url));
    let last = photoscan.rest().pop().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["error"]),
        ("photoscan.failed", &json!(said))
    );
    assert_eq!(upload_keys(app), Vec::<String>::new());
    error.clone()
}

#[test]
fn thirteen_books_are_read_off_the_sample_shelf() {
    let app = App::start();
    app.sandbox.gemini().behave(Fault::Hold.always());
    app.hold_look_ups();
    let answer = form(app.request("POST", "/api/batch-scan"), &[SHELF]).send();
    assert_like(&answer.json(), "scan-accepted.json");
    let job = Job::of(&answer.data(202));
    let mut stream = app.stream(&job.sse_url);
    let (mut events, mut polled) = (Vec::<Event>::new(), Vec::new());
    // Each stage lasts until who polls and who streams have seen it.
    let mut see = |stage: &str| {
        while events
            .last()
            .is_none_or(|event| event.data["stage"] != stage)
        {
            match stream.event() {
                Some(event) => events.push(event),
                None => {
                    let last = events.last().map(|event| event.id.as_str());
                    stream = app.resume(&job.sse_url, last);
                }
            }
        }
        eventually(stage, || {
            polled.push(app.status(&job));
            polled.last().unwrap()["stage"] == stage
        });
    };
    see("analyzing");
    app.sandbox.gemini().behave(Behaviour::default());
    see("enriching");
    app.go_on();
    see("complete");
    assert_eq!(stream.event(), None);

    assert_in_order(&events);
    let seen = |documents: &[&Value]| -> BTreeSet<String> {
        let stage = |document: &&Value| document["stage"].as_str().unwrap().to_owned();
        documents.iter().map(stage).collect()
    };
    let expected = ["analyzing", "complete", "enriching"].map(String::from);
    let stages = seen(&events.iter().map(|event| &event.data).collect::<Vec<_>>());
    assert!(stages.is_superset(&expected.clone().into()), "{stages:?}");
    let stages = seen(&polled.iter().collect::<Vec<_>>());
    assert!(stages.is_superset(&expected.into()), "{stages:?}");
    for document in polled.iter().chain(events.iter().map(|event| &event.data)) {
        assert_quiet(document);
        let progress = document["progress"].as_f64().unwrap();
        match document["stage"].as_str().unwrap() {
            "queued" => assert!((progress - 0.1).abs() < 1e-9),
            "analyzing" => assert!((0.1..=0.5).contains(&progress), "{progress}"),
            "enriching" => assert!((0.5..=0.95).contains(&progress), "{progress}"),
            _ => assert!((progress - 1.0).abs() < 1e-9),
        }
        // How many there are is known when the photo has been looked at.
        let unknown = ["queued", "analyzing"].contains(&document["stage"].as_str().unwrap());
        assert_eq!(
            document["totalCount"],
            if unknown { 0 } else { 13 },
            "{document}"
        );
    }
    let completed = events.last().unwrap();
    assert_eq!(completed.name, "completed");
    assert_event_like(&completed.data, "sse-completed-scan.txt");

    let answer = app.get(&format!("/v1/scan/results/{}", job.id));
    assert_like(&answer.json(), "results-scan.json");
    let results = answer.data(200);
    assert_eq!(results, app.results(&job));
    assert_eq!(titles(&results), shelf_titles());
    for (book, confidence) in books(&results).iter().zip(CONFIDENCES) {
        assert_in_photo(&book["boundingBox"]);
        assert_eq!(book["confidence"], confidence, "{book}");
        assert_eq!(book["enrichment"]["status"], book["enrichmentStatus"]);
        let found = book["enrichmentStatus"] == "success";
        assert_eq!(found, book["enrichment"]["work"].is_object(), "{book}");
    }
    assert!(
        statuses(&results)["success"] >= 11,
        "{:?}",
        statuses(&results)
    );
    assert_eq!(
        (&results["approved"], &results["needsReview"]),
        (&json!(12), &json!(1))
    );
    assert_eq!(
        results["photos"],
        json!([{"index": 0, "status": "complete", "booksFound": 13}])
    );
    assert_eq!(results["metadata"]["modelUsed"], "gemini-3.5-flash-lite");

    let asked = app.sandbox.gemini().requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].path,
        "/v1beta/models/gemini-3.5-flash-lite:generateContent"
    );
    assert_eq!(asked[0].query, "", "no key in the URL");
    let keys = app.job_keys();
    println!("keys afterwards: {keys:?}");
    assert_eq!(upload_keys(&app), Vec::<String>::new());
}

/// The application with nobody to ask, which reads spines itself.
fn reading() -> Setup {
    Setup::new()
        .variable("gemini_api_key", "")
        .variable("openai_model", "")
        .variable("spines", "true")
}

/// The books of a scan that a provider knows, each of which is on the sample shelf.
fn assert_on_shelf(results: &Value) -> usize {
    let shelf = shelf_titles();
    let known = books(results)
        .iter()
        .filter(|book| book["enrichmentStatus"] == "success");
    known
        .inspect(|book| {
            let title = book["title"].as_str().unwrap();
            assert!(shelf.contains(title), "{book}");
            let review = &book["enrichment"]["work"]["reviewStatus"];
            assert_eq!(*review, "verified", "{book}");
        })
        .count()
}

#[test]
fn spines_are_read_without_any_provider() {
    let app = reading().start();
    let capabilities = app.get("/api/v2/capabilities").data(200);
    let providers = &capabilities["features"]["visionProviders"];
    assert_eq!(*providers, json!(["barcode", "spines"]));
    let job = scan(&app, &[&half_a_shelf()]);
    assert_in_order(&app.follow(&job));
    let results = app.results(&job);
    assert_eq!(results["metadata"]["modelUsed"], "spines");
    assert!(assert_on_shelf(&results) >= 3, "{:?}", titles(&results));
    for book in books(&results) {
        assert_in_photo(&book["boundingBox"]);
        let sure = book["enrichmentStatus"] == "success";
        assert!(sure || book["enrichmentStatus"] == "not_found", "{book}");
        assert_eq!(book["confidence"].as_f64().unwrap() >= 0.6, sure, "{book}");
    }
    let known = assert_on_shelf(&results);
    assert_eq!(results["approved"], known);
    assert_eq!(results["needsReview"], books(&results).len() - known);
    assert_eq!(
        app.sandbox.gemini().count() + app.sandbox.openai().count(),
        0
    );
    assert_eq!(upload_keys(&app), Vec::<String>::new());
    let queries = app.sandbox.open_library().requests();
    assert!(queries.len() <= 8, "{} requests", queries.len());
}

/// A slow machine, or a busy one, takes longer for a photo than a run may take. Each run reads on a
/// little at least. What is certain, a barcode, is kept from the first run on.
#[test]
fn a_photo_is_read_by_as_many_runs_as_it_takes() {
    let app = reading().tuning("run_budget=2000").start();
    let job = scan(&app, &[&quarter_of_a_shelf_and_barcode(ISBNS[0])]);
    assert_in_order(&app.follow(&job));
    let mut runs = app.runs("reader", &job);
    runs.retain(|run| run["outcome"] == "handed-over");
    assert!(runs.len() >= 2, "{runs:?}");

    let results = app.results(&job);
    let with_barcode = books(&results)
        .iter()
        .find(|book| book["isbn"] == ISBNS[0])
        .expect("the book with the barcode");
    assert_eq!(with_barcode["title"], "The Great Gatsby");
    assert_eq!(with_barcode["confidence"], 1.0);
    assert_in_photo(&with_barcode["boundingBox"]);
    let titles = titles(&results);
    let read = |title: &str| titles.iter().any(|spine| spine.contains(title));
    assert!(read("THE BODY KEEPS THE SCORE"), "{titles:?}");
}

/// Of a spine that names no book for sure, a person says which of the candidates it is.
#[test]
fn a_spine_that_names_no_book_is_chosen_from_what_was_found_by_its_words() {
    let app = reading().start();
    let job = scan(&app, &[SHELF]);
    app.follow(&job);
    let results = app.results(&job);
    let is_meant = |candidate: &Value| candidate["authors"][0] == "Laurie Frankel";
    let offered = |book: &Value| {
        let candidates = book["candidates"].as_array()?;
        assert!(candidates.len() <= 3, "{book}");
        candidates.iter().position(is_meant)
    };
    let unsure = books(&results).iter().enumerate();
    let mut unsure = unsure.filter_map(|(at, book)| Some((at, book, offered(book)?)));
    let (index, spine, candidate) = unsure.next().expect("a spine with candidates");
    assert_eq!(spine["toReview"], true, "{spine}");
    assert_eq!(spine["candidates"][candidate]["reason"], "unsure");
    assert_in_photo(&spine["boundingBox"]);

    let choose = |collection: &str, body: &Value| {
        let path = format!("{collection}/{}/books/{index}", job.id);
        let request = app.request("PUT", &path).bearer(&job.token);
        request.json(body).send().data(200)
    };
    let title = "This Is How It Always Is";
    let chosen = choose("/v3/jobs/scans", &json!({ "candidate": candidate }));
    assert_eq!(
        (&chosen["title"], &chosen["choice"]),
        (&json!(title), &json!("candidate"))
    );
    let chosen = &app.results(&job)["books"][index];
    assert_eq!(chosen["title"], title);
    assert_eq!(chosen["enrichmentStatus"], "success");
    assert_eq!(chosen["boundingBox"], spine["boundingBox"]);
    let taken_back = choose("/v3/jobs/scans", &Value::Null);
    assert_eq!(taken_back["title"], spine["title"]);
    assert_eq!(taken_back["status"], "not_found");
}

#[test]
fn spines_are_read_where_the_provider_fails_and_where_a_client_asks_for_it() {
    let app = gemini_only().variable("spines", "true").start();
    let providers = &app.get("/api/v2/capabilities").data(200)["features"]["visionProviders"];
    assert_eq!(*providers, json!(["barcode", "gemini", "spines"]));
    let refuses = Fault::Status {
        code: 403,
        retry_after: None,
    };
    app.sandbox.gemini().behave(refuses.always());
    let half = half_a_shelf();
    // What cannot be decoded is nobody's to read.
    let damaged = &SHELF[..SHELF.len() / 2];
    let job = scan(&app, &[&half, damaged]);
    assert_eq!(app.follow(&job).last().unwrap().name, "completed");
    assert_eq!(app.sandbox.gemini().count(), 1);
    let results = app.results(&job);
    assert_eq!(results["metadata"]["modelUsed"], "spines");
    assert!(assert_on_shelf(&results) >= 3, "{:?}", titles(&results));
    assert_eq!(results["photos"][1]["error"], "E_IMAGE_INVALID");

    app.sandbox.gemini().reset();
    let job = scan_by(&app, &[&half], "spines");
    assert_eq!(app.follow(&job).last().unwrap().name, "completed");
    assert_eq!(app.sandbox.gemini().count(), 0);
    assert_eq!(app.results(&job)["metadata"]["modelUsed"], "spines");
}

#[test]
fn a_cancellation_stops_the_reading_of_spines() {
    let app = reading().start();
    let job = scan(&app, &[SHELF, SHELF]);
    eventually("the first photo is being read", || {
        app.status(&job)["progress"].as_f64().unwrap() > 0.11
    });
    let asked = Instant::now();
    let path = format!("/v1/jobs/{}", job.id);
    let answer = app.request("DELETE", &path).bearer(&job.token).send();
    println!("canceled in {:?}", asked.elapsed());
    assert_eq!(answer.data(200)["status"], "canceled");
    assert_eq!(upload_keys(&app), Vec::<String>::new());
}

#[test]
fn an_application_without_a_reader_says_so() {
    // A deployment's manifest that was not updated, but its variables were.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    let manifest = std::fs::read_to_string(format!("{root}spin.toml")).unwrap();
    let mut manifest: toml::Table = manifest.parse().unwrap();
    let components = manifest["component"].as_table_mut().unwrap();
    components.remove("reader");
    for (_, component) in components {
        let source = component["source"].as_str().unwrap();
        component["source"] = format!("{root}{source}").into();
    }
    let routes = manifest["trigger"]["http"].as_array_mut().unwrap();
    routes.retain(|route| route["component"].as_str() != Some("reader"));
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("spin.toml");
    std::fs::write(&path, manifest.to_string()).unwrap();
    let app = reading()
        .argument("--file")
        .argument(path.to_str().unwrap())
        .start();
    let error = assert_failed(&app, &scan(&app, &[SHELF]), "E_VISION_NOT_CONFIGURED");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("reader") && message.contains("spines"),
        "{message}"
    );
    assert_eq!(error["retryable"], false);
}

#[test]
fn barcodes_are_read_without_any_provider() {
    let app = Setup::new()
        .variable("gemini_api_key", "")
        .variable("openai_model", "")
        .start();
    let job = scan(&app, &[&photos::barcodes()]);
    assert_eq!(app.finish(&job)["status"], "completed");
    let results = app.results(&job);
    let isbns: BTreeSet<&str> = books(&results)
        .iter()
        .map(|book| book["isbn"].as_str().unwrap())
        .collect();
    assert_eq!(isbns, ISBNS.into());
    for book in books(&results) {
        assert_eq!(book["confidence"], 1.0);
        assert_in_photo(&book["boundingBox"]);
    }
    assert_eq!(results["metadata"]["modelUsed"], "barcode");

    let error = assert_failed(&app, &scan(&app, &[SHELF]), "E_VISION_NOT_CONFIGURED");
    let message = error["message"].as_str().unwrap();
    for variable in ["gemini_api_key", "openai_base_url", "openai_model"] {
        assert!(message.contains(variable), "{message}");
    }
    assert_eq!(error["retryable"], false);

    // One photo with barcodes is enough.
    let job = scan(&app, &[SHELF, &photos::barcodes()]);
    assert_eq!(app.finish(&job)["status"], "completed");
    let results = app.results(&job);
    assert_eq!(results["photos"][0]["error"], "E_VISION_NOT_CONFIGURED");
    assert_eq!(books(&results).len(), 3);
    assert_eq!(
        app.sandbox.gemini().count() + app.sandbox.openai().count(),
        0
    );
}

#[test]
fn five_large_photos_are_looked_at_in_128_megabytes() {
    // More than other platforms take in one request.
    let app = Setup::new()
        .argument("--platform")
        .argument("local")
        .argument("--limit")
        .argument("memory=134217728")
        .start();
    let large = photos::large(5);
    let sizes: Vec<usize> = large.iter().map(Vec::len).collect();
    assert!(
        sizes
            .iter()
            .all(|size| (3_500_000..6_000_000).contains(size)),
        "{sizes:?}"
    );
    let all: Vec<&[u8]> = large.iter().map(Vec::as_slice).collect();

    let began = Instant::now();
    let job = scan(&app, &all);
    let accepted = began.elapsed();
    let stored = app.store_count("bytes_written");
    assert!(stored >= sizes.iter().sum::<usize>() as u64, "{stored}");
    // Looking at them may take a busy machine longer than a test waits for anything else.
    assert_eq!(app.follow(&job).last().unwrap().name, "completed");
    let results = app.results(&job);
    let photos = results["photos"].as_array().unwrap();
    assert!(
        photos.iter().all(|photo| photo["status"] == "complete"),
        "{photos:?}"
    );
    let sent: Vec<usize> = app
        .sandbox
        .gemini()
        .requests()
        .iter()
        .map(|r| r.body_len)
        .collect();
    println!(
        "photos of {sizes:?} bytes: 202 after {accepted:?}, {stored} bytes stored, over after {:?}; \
         requests to the provider, base64 included: {sent:?} bytes",
        began.elapsed()
    );
    assert_eq!(sent.len(), 5);
    // Base64 makes four characters of three bytes.
    assert!(
        sent.iter().all(|bytes| bytes / 4 * 3 < 1_000_000),
        "{sent:?}"
    );
    assert_eq!(upload_keys(&app), Vec::<String>::new());
    let counters = app.counters();
    assert_eq!(counters["components"]["scan"]["failed"], 0);
    let largest = counters["components"]["scan"]["storage"]["largest_value"].as_u64();
    assert!(largest.unwrap() <= 900_000, "{largest:?}");

    let job = scan_by(&app, &[&large[0], &photos::barcodes()], "barcode");
    assert_eq!(app.finish(&job)["status"], "completed");
    let job = scan_by(&app, &[&large[0]], "barcode");
    let status = app.finish(&job);
    println!(
        "12 megapixels, no model asked: over {} ms after creation",
        status["elapsedMs"]
    );
}

#[test]
fn what_the_vision_provider_does_wrong_is_told() {
    let app = gemini_only().start();
    let status = |code, retry_after: Option<&str>| Fault::Status {
        code,
        retry_after: retry_after.map(str::to_owned),
    };
    // What goes wrong, what becomes of it, whether trying again may help, how often it was asked.
    let cases = [
        ("5xx twice", status(503, None), true, 2),
        ("429 twice", status(429, Some("0")), true, 2),
        ("a long pause asked for", status(429, Some("3600")), true, 1),
        ("a wrong key", status(403, None), false, 1),
        ("a safety block", Quirk::Refuse.into(), false, 1),
        ("a filtered answer", Quirk::Filtered.into(), false, 1),
        ("a withheld answer", Quirk::Recite.into(), false, 1),
        ("the quota of a day", Quirk::QuotaUsedUp.into(), true, 1),
        ("prose", Quirk::Nonsense.into(), true, 2),
        ("bytes", Fault::Garbage, true, 2),
        ("half a document", Fault::HalfJson, true, 2),
        ("a cut transfer", Fault::CutShort, true, 2),
        ("a closed connection", Fault::Reset, true, 2),
    ];
    for (what, fault, retryable, asked) in cases {
        println!("{what}");
        app.sandbox.gemini().reset();
        app.sandbox.gemini().behave(fault.always());
        let error = assert_failed(&app, &scan(&app, &[SHELF]), "E_VISION_FAILED");
        println!("  {error}");
        assert_eq!(error["retryable"], retryable, "{what}");
        assert_eq!(
            error["details"]["apiEndpoint"], "gemini.generateContent",
            "{what}"
        );
        assert!(!error.to_string().contains(stand_ins::API_KEY));
        assert_eq!(app.sandbox.gemini().count(), asked, "{what}");
    }
    app.sandbox
        .gemini()
        .behave(Fault::from(Quirk::Empty).always());
    assert_failed(&app, &scan(&app, &[SHELF]), "E_NO_BOOKS_FOUND");

    for fault in [status(429, Some("1")), status(500, None)] {
        app.sandbox.gemini().reset();
        app.sandbox.gemini().behave(fault.first(1));
        let job = scan(&app, &[SHELF]);
        assert_eq!(app.finish(&job)["status"], "completed");
        assert_eq!(app.results(&job)["totalDetected"], 13);
        assert_eq!(app.sandbox.gemini().count(), 2);
    }
}

#[test]
fn the_second_vision_provider_is_asked_when_the_first_fails() {
    let app = App::start();
    for fault in [
        Fault::from(Quirk::Recite),
        Quirk::QuotaUsedUp.into(),
        Quirk::Refuse.into(),
        Fault::Status {
            code: 503,
            retry_after: None,
        },
    ] {
        app.sandbox.gemini().behave(fault.clone().always());
        app.sandbox.openai().reset();
        let job = scan(&app, &[SHELF]);
        assert_eq!(app.finish(&job)["status"], "completed", "{fault:?}");
        assert_eq!(app.results(&job)["totalDetected"], 13, "{fault:?}");
        assert_eq!(app.sandbox.openai().count(), 1, "{fault:?}");
    }
    app.sandbox
        .openai()
        .behave(Fault::from(Quirk::Blind).always());
    let error = assert_failed(&app, &scan(&app, &[SHELF]), "E_VISION_FAILED");
    assert_eq!(error["details"]["apiEndpoint"], "gemini.generateContent");
    let error = assert_failed(&app, &scan_by(&app, &[SHELF], "openai"), "E_VISION_FAILED");
    assert!(
        error["message"].as_str().unwrap().contains("mmproj"),
        "{error}"
    );
}

#[test]
fn models_of_today_are_asked_as_they_want_to_be() {
    for (name, model) in [
        ("gemini_model", "gemini-3.8-flash"),
        ("gemini_model", "gemini-4-flash"),
        ("gemini_model", "gemini-flash-latest"),
        ("openai_model", "gpt-6-luna"),
        ("openai_model", "qwen3-vl"),
    ] {
        let app = Setup::new().variable(name, model).start();
        let provider = name.trim_end_matches("_model");
        let job = scan_by(&app, &[SHELF], provider);
        assert_eq!(app.finish(&job)["status"], "completed", "{model}");
        let results = app.results(&job);
        assert_eq!(results["totalDetected"], 13, "{model}");
        assert_eq!(results["metadata"]["modelUsed"], model);
        let right = places(&app.results(&scan_finished(&app)));
        for (title, (x, y)) in places(&results) {
            let away = (x - right[&title].0).hypot(y - right[&title].1);
            assert!(away < 0.01, "{model}: {title} is {away} away");
        }
    }
    let app = gemini_only()
        .variable("gemini_model", "gemini-2.5-flash")
        .start();
    let error = assert_failed(&app, &scan(&app, &[SHELF]), "E_VISION_FAILED");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("gemini_model") && message.contains("no longer"),
        "{message}"
    );
}

#[test]
fn what_a_thinking_model_answers_among_its_thoughts_is_read() {
    let app = App::start();
    app.sandbox
        .openai()
        .behave(Fault::from(Quirk::Thought).always());
    let job = scan_by(&app, &[SHELF], "openai");
    assert_eq!(app.finish(&job)["status"], "completed");
    assert_eq!(app.results(&job)["totalDetected"], 13);
    let app = Setup::new().variable("gemini_api_key", "").start();
    app.sandbox
        .openai()
        .behave(Fault::from(Quirk::OnlyThought).always());
    let error = assert_failed(&app, &scan(&app, &[SHELF]), "E_VISION_FAILED");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("openai_reasoning_effort"), "{message}");
}

/// The sample shelf, looked at by Gemini.
fn scan_finished(app: &App) -> Job {
    let job = scan_by(app, &[SHELF], "gemini");
    assert_eq!(app.finish(&job)["status"], "completed");
    job
}

#[test]
fn a_provider_that_takes_too_long_is_given_up() {
    let app = gemini_only().variable("vision_timeout_s", "1").start();
    app.sandbox.gemini().behave(Fault::Hang.always());
    let error = assert_failed(&app, &scan(&app, &[SHELF]), "E_GEMINI_TIMEOUT");
    assert_eq!(error["retryable"], true);
    assert_eq!(error["details"]["apiEndpoint"], "gemini.generateContent");
    assert_eq!(error["details"]["photoSize"], "0.4MB");

    let app = Setup::new()
        .variable("vision_timeout_s", "1")
        .variable("gemini_api_key", "")
        .start();
    for behaviour in [
        Behaviour::slow(Duration::from_secs(5)),
        Fault::Stall.always(),
    ] {
        app.sandbox.openai().behave(behaviour);
        let error = assert_failed(&app, &scan_by(&app, &[SHELF], "openai"), "E_VISION_TIMEOUT");
        assert_eq!(error["retryable"], true);
    }
}

/// The middles of the boxes, by title.
fn places(results: &Value) -> BTreeMap<String, (f64, f64)> {
    let place = |book: &Value| {
        let n = |name: &str| book["boundingBox"][name].as_f64().unwrap();
        let title = book["title"].as_str().unwrap().to_owned();
        (title, (n("x1") + n("x2"), n("y1") + n("y2")))
    };
    books(results).iter().map(place).collect()
}

#[test]
fn sloppy_answers_are_read_for_what_they_are_worth() {
    let app = App::start();
    let look = |quirk: Option<Quirk>| {
        let fault = quirk.map(Fault::from);
        app.sandbox.gemini().behave(Behaviour {
            fault,
            ..Behaviour::default()
        });
        let job = scan(&app, &[SHELF]);
        assert_eq!(app.finish(&job)["status"], "completed", "{quirk:?}");
        app.results(&job)
    };
    let right = look(None);
    for quirk in [
        Quirk::Fence,
        Quirk::Pixels,
        Quirk::Fractions,
        Quirk::Duplicates,
    ] {
        let results = look(Some(quirk));
        assert_eq!(titles(&results), titles(&right), "{quirk:?}");
        let right = places(&right);
        for (title, (x, y)) in places(&results) {
            let away = (x - right[&title].0).hypot(y - right[&title].1);
            assert!(away < 0.01, "{quirk:?}: {title} is {away} away");
        }
    }
    // What a limit has cut is asked for in halves, which are other photos to the stand-in.
    app.sandbox.gemini().reset();
    let cut = titles(&look(Some(Quirk::Truncate)));
    assert!(cut.intersection(&titles(&right)).count() >= 3, "{cut:?}");
    assert_eq!(app.sandbox.gemini().count(), 3);
    // Every third of thirteen, beginning with the first, has none.
    let named = titles(&look(Some(Quirk::EmptyTitles)));
    assert_eq!(named.len(), 8);
    assert!(named.is_subset(&titles(&right)));
    let unsure = look(Some(Quirk::NoConfidence));
    assert!(books(&unsure).iter().all(|book| book["confidence"] == 0.5));
    assert_eq!(
        (&unsure["approved"], &unsure["needsReview"]),
        (&json!(0), &json!(13))
    );
}

#[test]
fn a_photo_that_fails_does_not_fail_the_others() {
    let app = gemini_only().start();
    app.sandbox
        .gemini()
        .behave(Fault::from(Quirk::Refuse).first(1));
    let (first, last) = (photos::spines(1), photos::spines(2));
    // Its header is in order, the rest is missing: nobody is asked about it.
    let damaged = &SHELF[..SHELF.len() / 2];
    let job = scan(&app, &[&first, damaged, SHELF, &last]);
    let events = app.follow(&job);
    assert_in_order(&events);
    let completed = events.last().unwrap();
    assert_eq!(completed.name, "completed");
    assert_eq!(completed.data["processedPhotos"], 4);
    let results = app.results(&job);
    let photos = results["photos"].as_array().unwrap();
    assert_eq!(
        photos[0],
        json!({"index": 0, "status": "failed", "booksFound": 0, "error": "E_VISION_FAILED",
            "toSend": true})
    );
    assert_eq!(
        photos[1],
        json!({"index": 1, "status": "failed", "booksFound": 0, "error": "E_IMAGE_INVALID",
            "toSend": true})
    );
    assert_eq!(
        photos[2],
        json!({"index": 2, "status": "complete", "booksFound": 13})
    );
    assert_eq!(photos[3]["status"], "complete");
    assert!(photos[3]["booksFound"].as_u64().unwrap() >= 4);
    let on: BTreeSet<u64> = books(&results)
        .iter()
        .map(|book| book["photoIndex"].as_u64().unwrap())
        .collect();
    assert_eq!(on, [2, 3].into());
    assert_eq!(app.sandbox.gemini().count(), 3);

    let error = assert_failed(&app, &scan(&app, &[damaged]), "E_IMAGE_INVALID");
    assert_eq!(error["retryable"], false);
}

#[test]
fn books_on_several_photos_are_one_book_each() {
    let app = App::start();
    app.sandbox
        .gemini()
        .behave(Fault::from(Quirk::NoConfidence).first(1));
    let job = scan(&app, &[SHELF, SHELF, SHELF]);
    let status = app.finish(&job);
    let summary = &status["summary"];
    assert_eq!(summary["photosProcessed"], 3);
    assert_eq!(
        (&summary["booksDetected"], &summary["booksUnique"]),
        (&json!(39), &json!(13))
    );
    let results = app.results(&job);
    assert_eq!(titles(&results), shelf_titles());
    let confidences: Vec<f64> = books(&results)
        .iter()
        .map(|book| book["confidence"].as_f64().unwrap())
        .collect();
    assert_eq!(confidences, CONFIDENCES, "the surer reading wins");
    assert_eq!(status["recognizedBooks"], 13);
}

#[test]
fn clients_may_choose_the_provider() {
    let app = App::start();
    for (header, gemini, openai) in [
        ("gemini", 1, 0),
        ("gemini-flash", 1, 0),
        ("openai", 0, 1),
        ("barcode", 0, 0),
        ("crystal-ball", 1, 0),
    ] {
        app.sandbox.gemini().reset();
        app.sandbox.openai().reset();
        let job = scan_by(&app, &[SHELF, &photos::barcodes()], header);
        assert_eq!(app.finish(&job)["status"], "completed", "{header}");
        let asked = (app.sandbox.gemini().count(), app.sandbox.openai().count());
        assert_eq!(asked, (2 * gemini, 2 * openai), "{header}");
        let model = app.results(&job)["metadata"]["modelUsed"].clone();
        match (gemini, openai) {
            (1, _) => assert_eq!(model, "gemini-3.5-flash-lite"),
            (_, 1) => assert_ne!(model, "barcode"),
            _ => assert_eq!(model, "barcode"),
        }
    }
    let error = assert_failed(
        &app,
        &scan_by(&app, &[SHELF], "barcode"),
        "E_NO_BOOKS_FOUND",
    );
    assert_eq!(error["retryable"], false);
}

#[test]
fn the_threshold_decides_what_needs_review() {
    let app = Setup::new().variable("confidence_threshold", "0.9").start();
    let job = scan(&app, &[SHELF]);
    let status = app.finish(&job);
    let results = app.results(&job);
    let approved = CONFIDENCES
        .iter()
        .filter(|confidence| **confidence >= 0.9)
        .count();
    assert_eq!(
        (&results["approved"], &results["needsReview"]),
        (&json!(approved), &json!(13 - approved))
    );
    assert_eq!(status["summary"]["approved"], approved);
    let mut reviewed = 0;
    for book in books(&results) {
        if let Some(review) = book["enrichment"]["work"]["reviewStatus"].as_str() {
            let sure = book["confidence"].as_f64().unwrap() >= 0.9;
            assert_eq!(
                review,
                if sure { "verified" } else { "needsReview" },
                "{book}"
            );
            reviewed += 1;
        }
    }
    assert!(reviewed >= 11, "{reviewed}");
}

#[test]
fn a_run_with_little_time_looks_at_one_photo_and_hands_over() {
    // No photo besides the first fits: the model alone may take the minute that is its default.
    let app = Setup::new()
        .tuning("run_budget=20000 lease=60000 lease_renew=20000")
        .start();
    let three = [photos::spines(1), photos::spines(2), photos::spines(3)];
    let job = scan(&app, &[&three[0], &three[1], &three[2]]);
    assert_eq!(app.finish(&job)["status"], "completed");
    let counters = app.counters();
    // The upload, which may have used most of its time, and one run for each photo.
    assert_eq!(counters["components"]["scan"]["requests"], 4, "{counters}");
    assert_eq!(app.sandbox.gemini().count(), 3);
    assert_eq!(upload_keys(&app), Vec::<String>::new());
}

/// Waits until the stand-in has been asked so often.
fn until_asked(app: &App, count: u64) {
    eventually("the model is asked", || {
        app.sandbox.gemini().count() == count
    });
}

/// Leases that run out soon after their holder has died.
const HASTY: &str = "lease=900 lease_renew=300 write_delay=100";

#[test]
fn a_scan_survives_the_end_of_its_process() {
    let mut app = Setup::new().tuning(HASTY).start();
    app.sandbox
        .gemini()
        .behave(Fault::Hang.when(When::First(2)));
    let (first, last) = (photos::spines(1), SHELF);
    let job = scan(&app, &[&first, last]);
    until_asked(&app, 1);
    app.kill();
    assert!(!upload_keys(&app).is_empty());
    app.start_again();
    let mut stream = app.stream(&job.sse_url);
    until_asked(&app, 2);
    app.kill();
    while stream.event().is_some() {}
    assert!(!stream.is_finished());
    app.start_again();
    let events = app.follow(&job);
    assert_eq!(events.last().unwrap().name, "completed");
    let results = app.results(&job);
    // The first photo was cut off twice, which is no fault of its own: it is tried a third time.
    assert_eq!(
        results["photos"][0],
        json!({"index": 0, "status": "complete", "booksFound": 6})
    );
    assert_eq!(
        results["photos"][1],
        json!({"index": 1, "status": "complete", "booksFound": 13})
    );
    assert_eq!(app.sandbox.gemini().count(), 4);
    assert_eq!(upload_keys(&app), Vec::<String>::new());
}

#[test]
fn a_canceled_scan_leaves_no_photo_behind() {
    let app = App::start();
    app.sandbox.gemini().behave(Fault::Hang.always());
    let job = scan(&app, &[SHELF, SHELF]);
    until_asked(&app, 1);
    let path = format!("/v1/jobs/{}", job.id);
    app.request("DELETE", &path)
        .send()
        .error(401, "UNAUTHORIZED");
    app.request("DELETE", &path)
        .bearer("wrong")
        .send()
        .error(401, "UNAUTHORIZED");
    let answer = app.request("DELETE", &path).bearer(&job.token).send();
    assert_like(&answer.json(), "canceled.json");
    let canceled = answer.data(200);
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(canceled["cleanup"]["uploadsDeleted"], 2);
    assert_eq!(upload_keys(&app), Vec::<String>::new());
    let last = app.follow(&job).pop().unwrap();
    assert_eq!(last.data["error"]["code"], "E_CANCELED");
    assert_quiet(&last.data);
}

#[test]
fn a_scan_can_be_spelled_photoscan() {
    let app = App::start();
    let job = scan(&app, &[SHELF]);
    let mut stream = app.stream(&format!("{}?events=photoscan", job.sse_url));
    let events: Vec<Event> = stream.rest();
    assert!(stream.is_finished());
    let (last, before) = events.split_last().unwrap();
    assert!(
        before
            .iter()
            .all(|event| event.name == "photoscan.progress"),
        "{before:?}"
    );
    assert_eq!(last.name, "photoscan.completed");
    assert_eq!(last.data["resultsUrl"], job.results_url);
    let summary = &last.data["summary"];
    assert_eq!(summary["totalDetected"], 13);
    assert_eq!(summary["approved"], 12);
    assert_eq!(summary["needsReview"], 1);
    assert!(
        summary["enrichedCount"].as_u64().unwrap() >= 11,
        "{summary}"
    );
    assert!(summary["duration"].is_u64());
}

#[test]
fn every_book_of_a_scan_is_said_once() {
    let app = App::start();
    let job = scan(&app, &[SHELF]);
    let mut stream = app.stream(&format!("{}?books=1", job.sse_url));
    let events = stream.rest();
    assert_in_order(&events);
    let said: Vec<&Value> = events
        .iter()
        .filter(|event| event.name == "book")
        .map(|event| &event.data)
        .collect();
    for (index, data) in said.iter().enumerate() {
        assert_eq!(data["index"], index);
        assert_event_like(data, "sse-book-scan.txt");
    }
    let said: Vec<Value> = said.iter().map(|data| data["book"].clone()).collect();
    assert_eq!(said, books(&app.results(&job)));
}

#[test]
fn photos_that_cannot_be_used_are_refused_at_once() {
    let app = Setup::new().any_body().start();
    let send = |photos: &[&[u8]]| form(app.request("POST", "/api/batch-scan"), photos).send();
    let bomb = photos::bomb();
    assert!((20_000..100_000).contains(&bomb.len()), "{}", bomb.len());
    let huge = [SHELF, &vec![0; 11 << 20][..]].concat();
    let six = [SHELF; 6];
    let not_an_image = "UNSUPPORTED_MEDIA_TYPE";
    let cases: [(&str, Response, u16, &str); 9] = [
        (
            "a text",
            send(&[b"Dear diary, these are my books."]),
            415,
            not_an_image,
        ),
        ("nothing", send(&[b""]), 415, not_an_image),
        (
            "a header cut off",
            send(&[&SHELF[..100]]),
            415,
            not_an_image,
        ),
        (
            "an animation",
            send(&[&photos::animation()]),
            415,
            not_an_image,
        ),
        ("a GIF", send(&[b"GIF89a\x01\0\x01\0"]), 415, not_an_image),
        ("400 megapixels", send(&[&bomb]), 413, "FILE_TOO_LARGE"),
        ("11 MB", send(&[&huge]), 413, "FILE_TOO_LARGE"),
        ("six photos", send(&six), 400, "BATCH_TOO_LARGE"),
        ("no photos", send(&[]), 400, "MISSING_PARAMETER"),
    ];
    for (what, answer, status, code) in cases {
        let error = answer.error(status, code);
        println!("{what}: {status} {error}");
    }
    // The second of two is refused together with the first.
    let error = send(&[SHELF, b"Dear diary"]).error(415, not_an_image);
    assert!(
        error["message"].as_str().unwrap().contains("Photo 2"),
        "{error}"
    );
    let raw = app
        .request("POST", "/api/batch-scan")
        .body("application/pdf", "%PDF-1.7");
    raw.send().error(415, not_an_image);
    let other = app.request("GET", "/api/batch-scan").send();
    other.error(405, "METHOD_NOT_ALLOWED");
    assert_eq!(app.job_keys(), Vec::<String>::new());
    assert_eq!(app.sandbox.gemini().count(), 0);
    assert_eq!(app.counters()["components"]["scan"]["failed"], 0);
}
