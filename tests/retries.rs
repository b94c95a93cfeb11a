//! Trying again what a job did not find.

use crate::app;

use app::http::Response;
use app::{
    App, Job, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, assert_in_order, count, eventually,
    statuses,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use stand_ins::{Fault, Quirk, When};

use crate::photos::{self, SHELF};

pub(crate) fn retry(app: &App, job: &Job, body: &Value) -> Response {
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

/// Whoever asks for a retry several times at the same moment has one, with one token.
#[test]
fn retries_that_are_asked_for_at_once_are_one() {
    let app = Setup::new().start();
    let rows: String = (0..40)
        .map(|n| format!("Nobody Wrote This Qwz{n},Nobody\n"))
        .collect();
    let job = app.import(format!("Title,Author\n{rows}").as_bytes());
    app.follow(&job);
    let body = json!({"only": ["not_found"]});
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let clients = [(); 6].map(|()| {
            let (app, job, body) = (&app, &job, &body);
            scope.spawn(move || retry(app, job, body))
        });
        clients.map(|client| client.join().unwrap()).into()
    });
    let jobs: Vec<Job> = (answers.iter())
        .map(|answer| Job::of(&answer.data(202)))
        .collect();
    assert!(jobs.iter().all(|other| *other == jobs[0]), "{jobs:?}");
    app.follow(&jobs[0]);
    assert_eq!(count(&app.results(&jobs[0]), "booksCreated"), 40);
    for wrong in [
        json!({"only": ["nonsense"]}),
        json!({"only": "error"}),
        json!({"only": [7]}),
        json!({"only": ["error", "Not_Found"]}),
        json!([]),
    ] {
        retry(&app, &job, &wrong).error(400, "INVALID_REQUEST");
    }
    retry(&app, &job, &json!({"only": []})).error(400, "EMPTY_BATCH");
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

/// Starts a scan of these photos that keeps those that fail, with the flag as part of the form.
fn keeping_scan(app: &App, photos: &[&[u8]]) -> Job {
    let flag =
        "--edge\r\ncontent-disposition: form-data; name=\"keepFailedPhotos\"\r\n\r\ntrue\r\n";
    let mut body = flag.as_bytes().to_vec();
    body.extend(photos::body(photos));
    let request = app.request("POST", "/api/batch-scan");
    let request = request.body("multipart/form-data; boundary=edge", body);
    Job::of(&request.send().data(202))
}

/// A photo that failed is kept until its job expires if the client wants that, and a retry looks at
/// it again; what was found on the others is carried over.
#[test]
fn a_photo_that_was_kept_is_looked_at_again() {
    let mut app = Setup::new().variable("openai_model", "").start();
    let marker = b"marker of a photo that is kept";
    let failing = [&photos::spines(1)[..], marker].concat();
    let refuses = || Fault::from(Quirk::Refuse);
    app.sandbox.gemini().behave(refuses().first(1));
    let job = keeping_scan(&app, &[&failing, SHELF]);
    app.follow(&job);
    let before = app.results(&job);
    assert_eq!(before["photos"][0]["status"], "failed", "{before}");
    assert!(before["photos"][0]["toSend"].is_null(), "{before}");
    let found = before["books"].as_array().unwrap().len();
    assert_eq!(found, 13);
    assert_eq!(app.uploads(), 1, "the photo that failed, and no other");
    let asked = app.sandbox.gemini().count();

    // It fails once more, is kept by the retry, and the retry is retried. Another model is asked by
    // now, but what is known is from the one before.
    app.set_variable("gemini_model", "gemini-4-flash");
    app.kill();
    app.start_again();
    app.sandbox.gemini().behave(refuses().first(1));
    let accepted = retry(&app, &job, &json!({})).data(202);
    assert!(accepted["photosToSend"].is_null(), "{accepted}");
    let again = Job::of(&accepted);
    assert_in_order(&app.follow(&again));
    assert_eq!(app.sandbox.gemini().count(), asked + 1);
    let results = app.results(&again);
    assert_eq!(results["books"], before["books"]);
    let model = |results: &Value| results["metadata"]["modelUsed"].clone();
    assert_eq!(model(&before), "gemini-3.5-flash-lite");
    assert_eq!(model(&results), model(&before));
    assert_eq!(results["photos"][0]["error"], "E_VISION_FAILED");
    assert_eq!(app.uploads(), 2);
    let repeated = retry(
        &app,
        &job,
        &json!({"only": ["failed_photos", "error", "circuit_open"]}),
    );
    assert_eq!(repeated.data(202), accepted);

    let third = retry(&app, &again, &json!({"only": ["failed_photos"]})).data(202);
    let third = Job::of(&third);
    let events = app.follow(&third);
    assert_in_order(&events);
    assert_eq!(events.last().unwrap().name, "completed");
    assert_eq!(app.sandbox.gemini().count(), asked + 2, "one photo, once");
    let after = app.results(&third);
    let books = after["books"].as_array().unwrap();
    assert!(books.len() > found, "{after}");
    assert_eq!(books[..found], before["books"].as_array().unwrap()[..]);
    assert!(books[found..].iter().all(|book| book["photoIndex"] == 0));
    assert_eq!(after["photos"][0]["status"], "complete", "{after}");
    assert_eq!(after["photos"][1]["status"], "complete", "{after}");
    // Nothing is left to try, and of the three jobs two still keep the photo.
    assert_eq!(app.uploads(), 2);
    assert_eq!(retry(&app, &third, &json!({})).status(), 400);
    for job in [&job, &again, &third] {
        app.delete_scan(job);
    }
    assert_eq!(app.uploads(), 0);
    // Once the store has tidied up.
    eventually("nothing of it is on the disk", || {
        let files = std::fs::read_dir(app.state()).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        files.all(|path| {
            let bytes = std::fs::read(&path).unwrap_or_default();
            !bytes.windows(marker.len()).any(|part| part == marker)
        })
    });
}

/// A photo that failed and was not kept is one to send again; no other is.
#[test]
fn a_photo_that_was_not_kept_is_to_be_sent_again() {
    let app = Setup::new().variable("openai_model", "").start();
    let gemini = app.sandbox.gemini();
    gemini.behave(Fault::from(Quirk::Refuse).first(1));
    let request = app.request("POST", "/api/batch-scan");
    let request = photos::form(request, &[&photos::spines(1), SHELF]);
    let job = Job::of(&request.send().data(202));
    app.follow(&job);
    let results = app.results(&job);
    assert_eq!(results["photos"][0]["status"], "failed", "{results}");
    assert_eq!(results["photos"][0]["toSend"], true, "{results}");
    assert!(results["photos"][1]["toSend"].is_null(), "{results}");
}

/// A scan of which every photo failed has no results, but can be tried again; without the flag the
/// answer says which photos to send.
#[test]
fn a_scan_that_failed_is_tried_again_with_its_photos() {
    let mut app = Setup::new()
        .variable("openai_model", "")
        .tuning("failed_retention=1")
        .start();
    app.sandbox
        .gemini()
        .behave(Fault::from(Quirk::Refuse).always());
    let photo = photos::spines(2);
    let forgetful = Job::of(
        &photos::form(app.request("POST", "/api/batch-scan"), &[&photo])
            .send()
            .data(202),
    );
    app.follow(&forgetful);
    let path = "/v3/jobs/scans?keepFailedPhotos=true";
    let kept = photos::form(app.request("POST", path), &[&photo]).send();
    let kept = kept.data(202);
    let kept = Job {
        status_url: format!("/api/v2/imports/{}", kept["jobId"].as_str().unwrap()),
        results_url: format!(
            "/api/v2/imports/{}/results",
            kept["jobId"].as_str().unwrap()
        ),
        ..Job::of(&kept)
    };
    app.follow(&kept);
    assert_eq!(app.status(&kept)["status"], "failed");
    app.kill();
    app.start_again();
    app.sandbox
        .gemini()
        .behave(Fault::from(Quirk::Refuse).first(0));
    let again = Job::of(&retry(&app, &kept, &json!({})).data(202));
    app.follow(&again);
    let results = app.results(&again);
    assert!(
        !results["books"].as_array().unwrap().is_empty(),
        "{results}"
    );
    assert_eq!(results["photos"][0]["status"], "complete");
    for wrong in ["yes", "2"] {
        let path = format!("/api/batch-scan?keepFailedPhotos={wrong}");
        let refused = photos::form(app.request("POST", &path), &[&photo]).send();
        refused.error(400, "INVALID_REQUEST");
    }
    assert_eq!(app.uploads(), 1);
}

/// Books that nobody reached before their job was canceled are done by its retry.
#[test]
fn a_retry_of_a_canceled_job_does_what_nobody_reached() {
    let app = Setup::new()
        .variable("provider_timeout_s", "60")
        .tuning("wave_items=30")
        .start();
    app.hold_look_ups_at(200);
    let job = app.import(LIBRARY);
    app.wait_for_books(&job, 30);
    let cancel = app
        .request("DELETE", &job.status_url)
        .bearer(&job.token)
        .send();
    assert!(cancel.status() < 300, "{}", cancel.text());
    eventually("an end", || app.status(&job)["status"] == "canceled");
    app.go_on();
    let before = app.results(&job);
    let (books, pending) = (before["books"].as_array().unwrap(), "pending");
    let is_done = |book: &&Value| book["enrichmentStatus"] != pending;
    let done = books.iter().take_while(is_done).count();
    assert!(done >= 30 && (done as u64) < LIBRARY_ROWS, "{done}");
    // Those that nobody reached are in the results, counted, and in the file of what failed.
    assert_adds_up(&before, LIBRARY_ROWS);
    let left = books.len() - done;
    assert!(books[done..].iter().all(|book| !is_done(&book)));
    assert!(count(&before, "unanswered") as usize >= left);
    let failed = app.get(&format!("{}?format=csv&only=failed", job.results_url));
    let failed = failed.text();
    let canceled = failed.matches(",Not looked up: canceled,").count();
    assert_eq!(canceled, left, "{}", &failed[..failed.len().min(500)]);
    assert!(
        failed.contains("Bookshelves with positions"),
        "the columns of the file"
    );
    let whole = app.get(&format!("{}?format=csv&only=all", job.results_url));
    let again = app.import(whole.text().as_bytes());
    app.follow(&again);
    let again = app.results(&again);
    assert_eq!(again["booksCreated"], before["booksCreated"]);
    let rows = rows(&app.get(&format!("{}?only=failed", job.results_url)));
    let rows = rows
        .iter()
        .filter(|row| row["problem"] == "Not looked up: canceled");
    assert_eq!(rows.count(), left);

    // Those that nobody reached are none that nobody knows.
    let unknown = retry(&app, &job, &json!({"only": ["not_found"]}));
    let again = match unknown.status() {
        400 => Job::of(&retry(&app, &job, &json!({})).data(202)),
        _ => {
            let second = Job::of(&unknown.data(202));
            app.follow(&second);
            Job::of(&retry(&app, &second, &json!({})).data(202))
        }
    };
    app.follow(&again);
    let after = app.results(&again);
    assert_adds_up(&after, LIBRARY_ROWS);
    assert!(after["unanswered"].is_null(), "{:?}", statuses(&after));
    assert_eq!(readers_own(&after), readers_own(&before));
    assert!(count(&after, "enrichmentSucceeded") >= 730);
}

/// Whether photos are kept is a part of what a client asks for: with and without it are two
/// requests. A library has no photos, so there the parameter means nothing.
#[test]
fn a_key_is_of_one_request_and_whether_photos_are_kept_belongs_to_it() {
    let app = Setup::new().start();
    let scan = |query: &str| {
        let path = format!("/api/batch-scan{query}");
        let request = app
            .request("POST", &path)
            .header("idempotency-key", "shelf");
        photos::form(request, &[SHELF]).send()
    };
    let first = scan("?keepFailedPhotos=true").data(202);
    assert_eq!(scan("?keepFailedPhotos=1").data(202), first);
    for other in ["", "?keepFailedPhotos=false"] {
        scan(other).error(422, "IDEMPOTENCY_KEY_REUSED");
    }
    let batch = |keeps: Option<bool>, query: &str| {
        let mut body = json!({
            "jobId": "batch-of-one-shelf",
            "images": [{"data": BASE64_STANDARD.encode(SHELF)}],
        });
        if let Some(keeps) = keeps {
            body["keepFailedPhotos"] = json!(keeps);
        }
        let path = format!("/api/scan-bookshelf/batch{query}");
        app.request("POST", &path).json(&body).send()
    };
    // What the body says goes before what the address says.
    let first = batch(Some(false), "?keepFailedPhotos=true").data(202);
    assert_eq!(batch(None, "").data(202), first);
    assert_eq!(batch(Some(true), "").status(), 409);
    assert_eq!(batch(None, "?keepFailedPhotos=true").status(), 409);

    let import = app.request("POST", "/api/v2/imports?keepFailedPhotos=perhaps");
    let imported = import.body("text/csv", b"title,author\nDune,Frank Herbert\n".to_vec());
    imported.send().data(202);
    let capabilities = app.request("GET", "/api/v2/capabilities").send().data(200);
    assert_eq!(capabilities["features"]["keepFailedPhotos"], true);
}

/// What can never succeed is not tried, and the answer says what to do instead.
#[test]
fn a_retry_that_could_not_succeed_is_refused_with_a_remedy() {
    let app = Setup::new().start();
    let job = app.import(b"Title,Author\nIt,\n");
    app.follow(&job);
    let results = app.results(&job);
    let book = &results["books"][0];
    assert_eq!(book["enrichmentStatus"], "error", "{book}");
    assert_eq!(book["nothingToAskBy"], true, "{book}");
    let failed = app.get(&format!("{}?format=csv&only=failed", job.results_url));
    assert!(
        failed.text().contains("too little without an author"),
        "{}",
        failed.text()
    );
    for body in [
        json!({}),
        json!({"only": ["error", "not_found"], "unknown": 1}),
    ] {
        let refused = retry(&app, &job, &body).error(400, "EMPTY_BATCH");
        assert_eq!(refused["details"]["booksToMend"], 1, "{refused}");
    }
    // Nothing was read of a file that is no list of books.
    let job = app.import(b"nothing\nof books\n");
    app.follow(&job);
    let refused = retry(&app, &job, &json!({})).error(400, "EMPTY_BATCH");
    assert_eq!(refused["details"]["fileToSend"], "library.csv", "{refused}");
}

/// A format or a kind of rows that does not exist is refused as everything else is.
#[test]
fn rows_are_asked_for_by_names_that_exist() {
    let app = Setup::new().start();
    let job = app.import(b"Title,Author\nNobody Wrote This Qwz,Nobody\n");
    app.follow(&job);
    let v3 = format!("/v3/jobs/imports/{}/results", job.id);
    for path in [&job.results_url, &v3] {
        for wrong in [
            "format=xml",
            "only=some",
            "only=failed&format=xml",
            "only=failed&limit=1",
        ] {
            let refused = app.get(&format!("{path}?{wrong}"));
            assert_eq!(refused.status(), 400, "{path}?{wrong}: {}", refused.text());
            // In V3 a problem document, which holds the envelope's `error`, too.
            let body: Value = serde_json::from_str(&refused.text()).unwrap();
            assert_eq!(body["error"]["code"], "INVALID_REQUEST");
            assert_eq!(body["success"], false);
        }
        let one = app.get(&format!("{path}?only=failed%2Cnot_found&format=json"));
        assert_eq!(rows(&one).len(), 1);
    }
}

/// The rows that an answer lists as JSON, which has a media type of its own.
fn rows(answer: &Response) -> Vec<Value> {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let media_type = answer.header("content-type");
    assert_eq!(media_type, Some("application/vnd.bookstrack.rows+json"));
    let mut answer: Value = serde_json::from_str(&answer.text()).unwrap();
    serde_json::from_value(answer["data"]["rows"].take()).unwrap()
}
