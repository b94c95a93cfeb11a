//! The routes of the first apps, which poll, choose their jobs' names and decode strictly.

use crate::app;
use crate::photos;
use crate::shape;

use std::time::Duration;

use app::http::{Request, Response};
use app::{App, Job, Setup, eventually, statuses};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use photos::{SHELF, form};
use serde_json::{Value, json};
use shape::assert_like;
use stand_ins::{Behaviour, Fault};

/// An app's name for its job.
const ID: &str = "550E8400-e29b-41d4-a716-446655440000";

/// A job that answered without URLs.
fn job(id: &str) -> Job {
    let status_url = format!("/api/v2/imports/{id}");
    Job {
        id: id.to_owned(),
        token: String::new(),
        sse_url: format!("{status_url}/stream"),
        results_url: format!("{status_url}/results"),
        status_url,
    }
}

fn scan(app: &App, id: &str) -> Response {
    let request = app.request("POST", &format!("/scan?jobId={id}"));
    request.body("image/jpeg", SHELF).send()
}

fn post(app: &App, path: &str, body: &Value) -> Response {
    app.request("POST", path).json(body).send()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The envelope's data, which its top level repeats.
fn twice(answer: &Response, status: u16) -> Value {
    assert_eq!(answer.status(), status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["success"], true);
    let data = body["data"].clone();
    for (name, value) in data.as_object().unwrap() {
        assert_eq!(body[name], *value, "{name}");
    }
    data
}

fn upload_keys(app: &App) -> Vec<String> {
    let mut keys = app.job_keys();
    keys.retain(|key| key.contains("/up/"));
    keys
}

fn slow_model(app: &App, seconds: u64) {
    app.sandbox
        .gemini()
        .behave(Behaviour::slow(Duration::from_secs(seconds)));
}

fn until_asked(app: &App) {
    eventually("the model is asked", || app.sandbox.gemini().count() == 1);
}

#[test]
fn the_first_app_polls_a_scan_from_upload_to_books() {
    let app = App::start();
    // Each stage lasts until it has been seen.
    app.sandbox.gemini().behave(Fault::Hold.always());
    app.hold_look_ups();
    let ready = app.request("POST", &format!("/scan/ready/{ID}")).send();
    assert_eq!(ready.json(), json!({"success": true, "jobId": ID}));
    app.get(&format!("/scan/status/{ID}"))
        .error(404, "NOT_FOUND");

    let accepted = app
        .request("POST", &format!("/scan?jobId={ID}"))
        .header("x-ai-provider", "gemini-flash")
        .body("image/jpeg", SHELF)
        .send();
    assert_eq!(accepted.status(), 202);
    let expected: Value =
        serde_json::from_str(include_str!("fixtures/legacy-scan-accepted.json")).unwrap();
    let mut expected = expected;
    expected["jobId"] = json!(ID);
    assert_eq!(accepted.json(), expected);

    let mut polled: Vec<Value> = Vec::new();
    eventually("the scan ends", || {
        let answer = app.get(&format!("/scan/status/{ID}"));
        assert_eq!(answer.status(), 200);
        polled.push(answer.json());
        let stage = text(&polled.last().unwrap()["stage"]);
        match stage {
            "analyzing" => app.sandbox.gemini().behave(Behaviour::default()),
            "enriching" => app.go_on(),
            _ => {}
        }
        ["complete", "error"].contains(&stage)
    });
    let progress: Vec<f64> = polled
        .iter()
        .map(|p| p["progress"].as_f64().unwrap())
        .collect();
    assert!(progress.is_sorted(), "{progress:?}");
    let mut stages: Vec<&str> = polled.iter().map(|p| text(&p["stage"])).collect();
    stages.dedup();
    // The first is over in milliseconds.
    stages.retain(|stage| *stage != "uploading");
    assert_eq!(stages, ["analyzing", "enriching", "complete"]);
    let (last, before) = polled.split_last().unwrap();
    for document in before {
        assert_like(document, "legacy-scan-status.json");
        assert_eq!(
            (&document["result"], &document["error"]),
            (&Value::Null, &Value::Null)
        );
    }
    assert_like(last, "legacy-scan-status-complete.json");
    assert_eq!(last["booksDetected"], 13);
    let result = &last["result"];
    assert_eq!(result["books"].as_array().unwrap().len(), 13);
    assert_eq!(result["metadata"]["readableCount"], 13);
    assert!(statuses(result)["success"] >= 11, "{:?}", statuses(result));

    let ready = app.request("POST", &format!("/scan/ready/{ID}")).send();
    assert_eq!(
        (ready.status(), &ready.json()["success"]),
        (200, &json!(true))
    );
    assert_eq!(upload_keys(&app), Vec::<String>::new());
    // No token was given out, so none is asked for.
    let state = app.get(&format!("/api/job-state/{ID}"));
    assert_eq!(
        (state.status(), &state.json()["status"]),
        (200, &json!("complete"))
    );
}

#[test]
fn an_upload_that_is_repeated_starts_nothing() {
    let app = App::start();
    slow_model(&app, 1);
    let bookshelf = |id: &str| {
        let request = app.request("POST", &format!("/api/scan-bookshelf?jobId={id}"));
        request.body("image/jpeg", SHELF).send()
    };
    let batch = |id: &str| {
        let data = BASE64_STANDARD.encode(SHELF);
        let body = json!({"jobId": id, "images": [{"index": 0, "data": data}]});
        post(&app, "/api/scan-bookshelf/batch", &body)
    };
    let first = scan(&app, "one").json();
    let token = twice(&bookshelf("two"), 202)["token"].clone();
    let other = twice(&batch("three"), 202)["token"].clone();
    eventually("the models are asked", || app.sandbox.gemini().count() == 3);
    assert_eq!(scan(&app, "one").json(), first);
    assert_eq!(twice(&bookshelf("two"), 202)["token"], token);
    for id in ["one", "two", "three"] {
        assert_eq!(app.finish(&job(id))["status"], "completed");
    }
    // Nor does it when the job is over.
    assert_eq!(scan(&app, "one").json(), first);
    assert_eq!(twice(&batch("three"), 202)["token"], other);
    assert_eq!(app.sandbox.gemini().count(), 3);
    assert_eq!(upload_keys(&app), Vec::<String>::new());

    // Another route's job is in the way.
    scan(&app, "two").error(409, "JOB_EXISTS");
    bookshelf("one").error(409, "JOB_EXISTS");
    batch("one").error(409, "JOB_EXISTS");
    let books = json!({"jobId": "one", "workIds": ["OL1W"]});
    post(&app, "/api/enrichment/start", &books).error(409, "JOB_EXISTS");
    post(
        &app,
        "/api/enrichment/start",
        &json!({"jobId": "four", "workIds": ["x"]}),
    );
    scan(&app, "four").error(409, "JOB_EXISTS");
    assert_eq!(app.sandbox.gemini().count(), 3);
}

#[test]
fn bookshelves_come_raw_in_forms_and_in_base64() {
    let app = App::start();
    let raw = app
        .request("POST", "/api/scan-bookshelf")
        .body("image/*", SHELF)
        .send();
    assert_like(&raw.json(), "legacy-scan-bookshelf-accepted.json");
    let raw = twice(&raw, 202);
    assert_eq!(raw["token"], raw["authToken"]);
    let multipart = app
        .request("POST", &format!("/api/scan-bookshelf?jobId={ID}"))
        .body(
            "multipart/form-data; boundary=edge",
            [
                b"--edge\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\
                  content-type: image/jpeg\r\n\r\n",
                SHELF,
                b"\r\n--edge--\r\n",
            ]
            .concat(),
        )
        .send();
    let multipart = twice(&multipart, 202);
    assert_eq!(multipart["jobId"], ID, "as given");

    // The second is the first.
    let spines = BASE64_STANDARD.encode(photos::spines(3));
    let shelf = format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(SHELF));
    let images = json!([{"index": 1, "data": spines}, {"index": 0, "data": shelf}]);
    let batch = post(
        &app,
        "/api/scan-bookshelf/batch",
        &json!({"jobId": "batch", "images": images}),
    );
    assert_like(&batch.json(), "legacy-scan-batch-accepted.json");
    let batch = twice(&batch, 202);
    assert_eq!(batch["totalPhotos"], 2);

    for accepted in [&raw, &multipart] {
        let job = job(text(&accepted["jobId"]));
        assert_eq!(app.finish(&job)["status"], "completed");
        assert_eq!(app.results(&job)["totalDetected"], 13);
    }
    let batch = job("batch");
    assert_eq!(app.finish(&batch)["status"], "completed");
    let results = app.results(&batch);
    assert_eq!(results["photos"][0]["booksFound"], 13);
    assert_like(
        &app.get("/scan/status/batch").json(),
        "legacy-scan-status-complete.json",
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_its_reason() {
    let app = Setup::new().any_body().start();
    let image = |path: &str| app.request("POST", path).body("image/jpeg", SHELF).send();
    let long = format!("/scan?jobId={}", "x".repeat(101));
    for path in [
        "/scan?jobId=a/b",
        "/scan?jobId=a%2Fb",
        "/scan?jobId=a%20b",
        &long,
        "/api/scan-bookshelf?jobId=../secret",
    ] {
        let error = image(path).error(400, "INVALID_REQUEST");
        assert_eq!(error["details"]["field"], "jobId", "{path}: {error}");
    }
    app.get("/scan/status/a%2Fb").error(400, "INVALID_REQUEST");
    app.get("/scan/status/a/b").error(404, "NOT_FOUND");
    app.get("/scan").error(405, "METHOD_NOT_ALLOWED");
    let raw = |bytes: &[u8]| {
        let request = app.request("POST", &format!("/scan?jobId={ID}"));
        request.body("image/jpeg", bytes).send()
    };
    raw(b"").error(400, "MISSING_PARAMETER");
    raw(b"Dear diary").error(415, "UNSUPPORTED_MEDIA_TYPE");
    raw(&photos::bomb()).error(413, "FILE_TOO_LARGE");
    raw(&[SHELF, &vec![0; 11 << 20]].concat()).error(413, "FILE_TOO_LARGE");

    let shelf = BASE64_STANDARD.encode(SHELF);
    let batch = |images: Value| {
        post(
            &app,
            "/api/scan-bookshelf/batch",
            &json!({"jobId": ID, "images": images}),
        )
    };
    let one = json!({"data": shelf});
    let error = batch(json!([one, {"index": 1, "data": "?!"}])).error(400, "INVALID_REQUEST");
    assert_eq!(error["details"]["field"], "images[1].data", "{error}");
    batch(json!([{"data": BASE64_STANDARD.encode("Dear diary")}]))
        .error(415, "UNSUPPORTED_MEDIA_TYPE");
    batch(json!([{"data": ""}])).error(415, "UNSUPPORTED_MEDIA_TYPE");
    batch(json!([{"index": 0}])).error(400, "MISSING_PARAMETER");
    batch(json!([one, one, one, one, one, one])).error(400, "BATCH_TOO_LARGE");
    batch(json!([])).error(400, "EMPTY_BATCH");
    let error = batch(json!([{"data": 7}])).error(400, "INVALID_REQUEST");
    assert_eq!(error["details"]["field"], "images[0].data", "{error}");
    post(&app, "/api/scan-bookshelf/batch", &json!({"images": [one]}))
        .error(400, "MISSING_PARAMETER");
    let slash = json!({"jobId": "a/b", "images": [one]});
    post(&app, "/api/scan-bookshelf/batch", &slash).error(400, "INVALID_REQUEST");
    // Refused uploads leave no photo, and their names are free.
    assert_eq!(upload_keys(&app), Vec::<String>::new());
    assert_eq!(scan(&app, ID).status(), 202);
    assert_eq!(app.finish(&job(ID))["status"], "completed");
}

#[test]
fn jobs_are_canceled_with_the_token_in_header_or_body() {
    let app = App::start();
    app.sandbox.gemini().behave(Fault::Hang.always());
    let bookshelf = |id: &str| {
        let request = app.request("POST", &format!("/api/scan-bookshelf?jobId={id}"));
        twice(&request.body("image/jpeg", SHELF).send(), 202)["token"].clone()
    };
    let (first, second) = (bookshelf("first"), bookshelf("second"));
    let path = "/api/scan-bookshelf/cancel";
    post(&app, path, &json!({"jobId": "first", "token": second})).error(401, "UNAUTHORIZED");
    post(&app, path, &json!({"jobId": "nobody", "token": second})).error(404, "NOT_FOUND");
    post(&app, path, &json!({"token": second})).error(400, "MISSING_PARAMETER");

    let in_body = post(&app, path, &json!({"jobId": "first", "token": first}));
    assert_like(&in_body.json(), "canceled.json");
    assert_eq!(twice(&in_body, 200)["status"], "canceled");
    let bearer = app.request("POST", path).bearer(text(&second));
    let bearer = bearer.json(&json!({"jobId": "second"})).send();
    assert_eq!(twice(&bearer, 200)["cleanup"]["uploadsDeleted"], 1);
    assert_eq!(upload_keys(&app), Vec::<String>::new());
    let polled = app.get("/scan/status/first").json();
    assert_eq!(
        (&polled["stage"], &polled["error"]),
        (&json!("error"), &json!("Job canceled"))
    );
    // Whoever cancels again hears the same.
    let again = post(&app, path, &json!({"jobId": "first", "token": first}));
    assert_eq!(twice(&again, 200)["status"], "canceled");

    // The name that an app chose suffices, as it always has.
    bookshelf("by-name");
    let by_name = post(&app, path, &json!({"jobId": "by-name"}));
    assert_eq!(twice(&by_name, 200)["status"], "canceled");

    // A job without a token is its name's.
    app.sandbox.open_library().behave(Fault::Hang.always());
    let start = json!({"jobId": "third", "workIds": ["9780743273565"]});
    twice(&post(&app, "/api/enrichment/start", &start), 200);
    let canceled = post(&app, "/api/enrichment/cancel", &json!({"jobId": "third"}));
    assert_eq!(twice(&canceled, 200)["status"], "canceled");
    let state = app.get("/api/job-state/third").json();
    assert_eq!(state["status"], "canceled");
}

#[test]
fn a_name_alone_cancels_nothing_where_the_operator_does_not_allow_it() {
    let app = Setup::new()
        .variable("legacy_tokenless", "false")
        .variable("provider_timeout_s", "60")
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let start = json!({"jobId": "nameless", "workIds": ["9780743273565"]});
    twice(&post(&app, "/api/enrichment/start", &start), 200);
    let by_name = post(
        &app,
        "/api/enrichment/cancel",
        &json!({"jobId": "nameless"}),
    );
    by_name.error(401, "UNAUTHORIZED");
    let deleted = app.request("DELETE", &job("nameless").status_url).send();
    deleted.error(401, "UNAUTHORIZED");
    assert_ne!(app.status(&job("nameless"))["status"], "canceled");
}

/// The ten digits of a thirteen-digit ISBN that begins with 978.
fn isbn_10(isbn: &str) -> String {
    let body = &isbn[3..12];
    let sum: u32 = (2..=10)
        .rev()
        .zip(body.chars())
        .map(|(weight, digit)| weight * digit.to_digit(10).unwrap())
        .sum();
    match (11 - sum % 11) % 11 {
        10 => format!("{body}X"),
        check => format!("{body}{check}"),
    }
}

#[test]
fn works_are_enriched_by_whatever_names_them() {
    let app = App::start();
    scan(&app, "shelf");
    app.finish(&job("shelf"));
    let shelf = app.results(&job("shelf"));
    let known: Vec<(&str, &str)> = shelf["books"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|book| {
            let work = book["enrichment"]["work"]["openLibraryWorkID"].as_str()?;
            Some((
                book["isbn"]
                    .as_str()
                    .filter(|isbn| isbn.starts_with("978"))?,
                work,
            ))
        })
        .collect();
    let ids = [
        known[0].1.to_owned(),
        isbn_10(known[1].0),
        known[2].0.to_owned(),
        "no such thing".to_owned(),
    ];
    let answer = post(
        &app,
        "/api/enrichment/start",
        &json!({"jobId": ID, "workIds": ids}),
    );
    let started = twice(&answer, 200);
    let counts = (&started["processedCount"], &started["totalCount"]);
    assert_eq!(
        (&started["jobId"], counts),
        (&json!(ID), (&json!(0), &json!(4)))
    );
    // Repeated, it is the same job.
    let again = post(
        &app,
        "/api/enrichment/start",
        &json!({"jobId": ID, "workIds": ids}),
    );
    assert_eq!(twice(&again, 200), started);
    let status = app.finish(&job(ID));
    assert_eq!(status["status"], "completed");
    assert_eq!(
        (&status["successCount"], &status["failureCount"]),
        (&json!(3), &json!(1))
    );
    let results = app.get(&job(ID).results_url);
    assert_like(&results.json(), "results-enrichment.json");
    let found: Vec<Value> = results.data(200)["books"]
        .as_array()
        .unwrap()
        .iter()
        .map(|book| book["enrichmentStatus"].clone())
        .collect();
    assert_eq!(found, ["success", "success", "success", "not_found"]);

    let books = json!([{"title": "The Luminaries", "author": "Eleanor Catton"}]);
    let batch = post(
        &app,
        "/api/enrichment/batch",
        &json!({"jobId": "batch", "books": books}),
    );
    let started = twice(&batch, 202);
    assert_eq!(started["totalCount"], 1);
    assert_eq!(app.finish(&job("batch"))["successCount"], 1);
    assert!(opens(&app, "batch", text(&started["token"])));

    let start = |body: Value| post(&app, "/api/enrichment/start", &body);
    start(json!({"workIds": ["OL1W"]})).error(400, "MISSING_PARAMETER");
    start(json!({"jobId": "five"})).error(400, "MISSING_PARAMETER");
    start(json!({"jobId": "five", "workIds": []})).error(400, "EMPTY_BATCH");
    start(json!({"jobId": "five", "workIds": vec!["x"; 1501]})).error(400, "BATCH_TOO_LARGE");
    let batch = post(&app, "/api/enrichment/batch", &json!({"books": books}));
    batch.error(400, "MISSING_PARAMETER");
}

/// Two books.
const CSV: &[u8] = b"Title,Author\nThe Luminaries,Eleanor Catton\nBabel,R. F. Kuang\n";

fn csv_gemini(app: &App) -> Value {
    let request = app.request("POST", "/api/import/csv-gemini");
    let accepted = twice(&request.form("file", "books.csv", CSV).send(), 202);
    assert_eq!(accepted["token"], accepted["authToken"]);
    assert!(text(&accepted["token"]).len() >= 32);
    assert!(accepted["message"].is_string());
    accepted
}

#[test]
fn csv_files_are_imported_without_gemini() {
    let app = App::start();
    let accepted = csv_gemini(&app);
    let id = text(&accepted["jobId"]);
    app.finish(&job(id));
    let status = app.get(&format!("/v1/csv/status/{id}"));
    assert_like(&status.json(), "status-completed.json");
    let status = status.data(200);
    assert_eq!(status["books"].as_array().unwrap().len(), 2);
    assert_eq!(status["errors"], json!([]));
    assert_eq!(
        (&status["status"], &status["totalCount"]),
        (&json!("completed"), &json!(2))
    );
    let results = app.get(&format!("/v1/csv/results/{id}"));
    assert_like(&results.json(), "results-import.json");
    assert_eq!(app.sandbox.gemini().count(), 0);

    app.sandbox.open_library().behave(Fault::Hang.always());
    let accepted = csv_gemini(&app);
    let cancel = || {
        app.request(
            "POST",
            &format!("/v1/csv/cancel/{}", text(&accepted["jobId"])),
        )
    };
    cancel().bearer("wrong").send().error(401, "UNAUTHORIZED");
    let canceled = cancel().bearer(text(&accepted["token"])).send();
    assert_like(&canceled.json(), "canceled.json");
    assert_eq!(twice(&canceled, 200)["status"], "canceled");
    app.get("/v1/csv/cancel/x").error(405, "METHOD_NOT_ALLOWED");
    app.get("/v1/csv/status/nobody").error(404, "NOT_FOUND");
    let empty = app
        .request("POST", "/api/import/csv-gemini")
        .form("other", "x.csv", CSV);
    empty.send().error(400, "MISSING_PARAMETER");
}

#[test]
fn a_jobs_state_is_shown_to_whoever_has_its_token() {
    let app = App::start();
    slow_model(&app, 1);
    let request = app.request("POST", "/api/batch-scan");
    let job = Job::of(&form(request, &[SHELF]).send().data(202));
    let other = csv_gemini(&app);
    until_asked(&app);
    let path = format!("/api/job-state/{}", job.id);
    let state = |token: &str| app.request("GET", &path).bearer(token).send();
    app.get(&path).error(401, "UNAUTHORIZED");
    state("").error(401, "UNAUTHORIZED");
    state(text(&other["token"])).error(401, "UNAUTHORIZED");
    app.get("/api/job-state/nobody").error(404, "NOT_FOUND");

    let check = |status: &str| {
        let answer = state(&job.token);
        assert_eq!(answer.status(), 200);
        let state = answer.json();
        assert_eq!(
            (&state["jobId"], &state["pipeline"]),
            (&json!(job.id), &json!("ai_scan"))
        );
        assert_eq!(state["status"], status, "{state}");
        let n = |name: &str| {
            state[name]
                .as_u64()
                .unwrap_or_else(|| panic!("{name} in {state}"))
        };
        assert!(n("processedCount") <= n("totalCount"));
        assert!(n("lastUpdateTime") >= n("startTime"));
        // Milliseconds since 1970: a year that has not been yet when this was written, at least.
        assert!(n("startTime") > 1_700_000_000_000);
    };
    check("running");
    app.finish(&job);
    check("complete");
    // Whichever is asked.
    app.sandbox.gemini().behave(Fault::Garbage.always());
    app.sandbox.openai().behave(Fault::Garbage.always());
    scan(&app, "broken");
    app.finish(&self::job("broken"));
    let failed = app.get("/api/job-state/broken").json();
    assert_eq!(failed["status"], "failed");
    assert!(text(&failed["error"]).ends_with('.'), "{failed}");
}

fn refresh(app: &App, id: &str, token: &str) -> Response {
    post(
        app,
        "/api/token/refresh",
        &json!({"jobId": id, "oldToken": token}),
    )
}

fn opens(app: &App, id: &str, token: &str) -> bool {
    let request: Request = app.request("GET", &format!("/api/job-state/{id}"));
    let answer = request.bearer(token).send();
    if answer.status() != 200 {
        answer.error(401, "UNAUTHORIZED");
        return false;
    }
    true
}

#[test]
fn tokens_are_renewed_in_the_last_half_hour_of_their_life() {
    // Half an hour, and ten seconds in which it is too early.
    let app = Setup::new().tuning("token_life=1810000").start();
    let accepted = csv_gemini(&app);
    let (id, old) = (text(&accepted["jobId"]), text(&accepted["token"]));
    refresh(&app, id, old).error(401, "UNAUTHORIZED");
    refresh(&app, id, "wrong").error(401, "UNAUTHORIZED");
    refresh(&app, "nobody", old).error(401, "UNAUTHORIZED");
    post(&app, "/api/token/refresh", &json!({"jobId": id})).error(400, "MISSING_PARAMETER");
    assert!(opens(&app, id, old));
    let mut answer = None;
    eventually("the token can be renewed", || {
        let now = refresh(&app, id, old);
        let renewed = now.status() == 200;
        answer = renewed.then_some(now);
        renewed
    });
    let renewed = twice(&answer.unwrap(), 200);
    assert_eq!(
        (&renewed["jobId"], &renewed["expiresIn"]),
        (&json!(id), &json!(1810))
    );
    let new = text(&renewed["token"]);
    assert_ne!(new, old);
    assert!(opens(&app, id, new));
    assert!(!opens(&app, id, old), "the old one is void");
    refresh(&app, id, old).error(401, "UNAUTHORIZED");
    refresh(&app, id, new).error(401, "UNAUTHORIZED");
}

#[test]
fn a_token_opens_nothing_after_its_life() {
    let app = Setup::new().tuning("token_life=1500").start();
    let accepted = csv_gemini(&app);
    let (id, token) = (text(&accepted["jobId"]), text(&accepted["token"]));
    eventually("the token expires", || !opens(&app, id, token));
    refresh(&app, id, token).error(401, "UNAUTHORIZED");
    let path = format!("/v1/csv/cancel/{id}");
    app.request("POST", &path)
        .bearer(token)
        .send()
        .error(401, "UNAUTHORIZED");
}
