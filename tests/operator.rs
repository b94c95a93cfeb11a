//! What an operator sees of everybody's jobs, and does to them.

use crate::app;

use app::http::Request;
use app::{App, Job, LIBRARY, Setup, eventually};
use serde_json::{Value, json};
use stand_ins::Fault;

const TOKEN: &str = "of-the-operator-of-the-test";
const SHELF: &[u8] = include_bytes!("../components/status/sandbox/shelf.jpg");
/// A title and a file that only one reader has.
const TITLE: &str = "A Title That Nobody Else May See";
const FILE: &str = "my-private-shelf.csv";

fn watched() -> Setup {
    Setup::new().variable("operator_token", TOKEN)
}

fn ask(app: &App, method: &str, path: &str) -> Request {
    let path = format!("/api/v2/operator{path}");
    app.request(method, &path).bearer(TOKEN)
}

fn overview(app: &App) -> Value {
    ask(app, "GET", "").send().data(200)
}

/// The job of this name, as the operator's list has it.
fn listed(app: &App, job: &Job) -> Value {
    let jobs = overview(app)["jobs"].take();
    let jobs = jobs.as_array().unwrap();
    let found = jobs.iter().find(|listed| listed["jobId"] == job.id);
    found
        .unwrap_or_else(|| panic!("{} of {jobs:#?}", job.id))
        .clone()
}

/// A job whose look-ups are never answered.
fn endless(app: &App) -> Job {
    app.sandbox.open_library().behave(Fault::Hang.always());
    // No other job here asks for it: it is not remembered.
    app.enrich(&json!({"barcodes": ["9780306406157"]}))
}

#[test]
fn without_a_token_there_is_no_operator() {
    let app = App::start();
    for (method, path) in [
        ("GET", ""),
        ("GET", "/jobs/a"),
        ("DELETE", "/jobs/a"),
        ("POST", "/jobs/a/retry"),
    ] {
        let answer = ask(&app, method, path).send();
        assert_eq!(answer.status(), 404, "{method} {path}: {}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "NOT_FOUND");
    }
    assert!(app.job_keys().is_empty());
}

#[test]
fn a_wrong_token_is_refused_and_never_logged() {
    let app = watched().start();
    let job = app.enrich(&json!({"barcodes": ["9780743273565"]}));
    app.finish(&job);
    for shown in ["", "of-another", &TOKEN[1..], &job.token] {
        for (method, path) in [
            ("GET", String::new()),
            ("DELETE", format!("/jobs/{}", job.id)),
            ("POST", format!("/jobs/{}/retry", job.id)),
        ] {
            let path = format!("/api/v2/operator{path}");
            let answer = app.request(method, &path).bearer(shown).send();
            assert_eq!(answer.status(), 401, "{shown}: {}", answer.text());
        }
    }
    overview(&app);
    let logs = app.logs();
    assert!(logs.contains("operator-refused"));
    assert!(!logs.contains(TOKEN) && !logs.contains("of-another"));
}

#[test]
fn a_token_that_is_too_short_is_refused_and_not_quoted() {
    let app = Setup::new()
        .variable("operator_token", "short-and-easy")
        .start();
    assert_eq!(app.get("/api/v2/imports/a").status(), 500);
    let logs = app.logs();
    assert!(logs.contains("misconfigured") && logs.contains("operator_token"));
    assert!(!logs.contains("short-and-easy"), "{logs}");
}

#[test]
fn jobs_of_everybody_are_listed_and_nothing_of_theirs() {
    let app = watched().start();
    let csv = format!("Title,Author,ISBN\n{TITLE},Jane Reader,\nBabel,R. F. Kuang,9780063021426\n");
    let form = app
        .request("POST", "/api/v2/imports")
        .form("file", FILE, csv.as_bytes());
    let import = Job::of(&form.send().data(202));
    app.finish(&import);
    let photo = app
        .request("POST", "/api/batch-scan")
        .body("image/jpeg", SHELF);
    let scan = Job::of(&photo.send().data(202));
    app.finish(&scan);
    let hopeless = app
        .request("POST", "/api/v2/imports")
        .form("file", FILE, b"a,b\n1,2\n");
    let failed = Job::of(&hopeless.send().data(202));
    app.finish(&failed);
    let running = endless(&app);
    let canceled = endless(&app);
    let cancel = app
        .request("DELETE", &canceled.status_url)
        .bearer(&canceled.token);
    assert_eq!(cancel.send().status(), 200);

    let job = listed(&app, &import);
    assert_eq!(job["pipeline"], "csv_import");
    assert_eq!(
        (&job["status"], &job["totalCount"]),
        (&json!("completed"), &json!(2))
    );
    assert_eq!(job["processedCount"], 2);
    assert!(job["duration"].as_u64().unwrap() > 0, "{job}");
    let job = listed(&app, &scan);
    assert_eq!(
        (&job["pipeline"], &job["status"], &job["photos"]),
        (&json!("ai_scan"), &json!("completed"), &json!(1))
    );
    let job = listed(&app, &failed);
    assert_eq!(
        (&job["status"], &job["code"]),
        (&json!("failed"), &json!("E_CSV_PARSE_FAILED"))
    );
    assert_eq!(listed(&app, &running)["stage"], "enriching");
    assert_eq!(listed(&app, &canceled)["status"], "canceled");

    let seen = overview(&app);
    println!("{seen:#}");
    let [open_library, google] = [&seen["providers"][0], &seen["providers"][1]];
    assert_eq!(
        (&open_library["name"], &google["name"]),
        (&json!("openlibrary"), &json!("google-books"))
    );
    assert!(seen["store"]["countedAt"].is_string(), "{}", seen["store"]);
    assert_eq!(seen["settings"]["retentionMs"], 86_400_000);
    let mut texts = vec![seen.to_string()];
    for job in [&import, &scan, &failed, &running, &canceled] {
        let timeline = ask(&app, "GET", &format!("/jobs/{}", job.id)).send();
        assert_eq!(timeline.header("cache-control"), Some("no-store"));
        assert_eq!(timeline.status(), 200);
        texts.push(timeline.text());
    }
    // Its course: when its runs began, and what they committed.
    let detail = ask(&app, "GET", &format!("/jobs/{}", import.id)).send();
    let detail = detail.data(200);
    let course = detail["course"].as_array().unwrap();
    let events: Vec<&str> = course
        .iter()
        .map(|m| m["event"].as_str().unwrap())
        .collect();
    assert!(
        events.contains(&"handed-over") && events.contains(&"looked-up"),
        "{detail:#}"
    );
    let times: Vec<&str> = course.iter().map(|m| m["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{detail:#}");
    assert!(
        times[0] >= detail["job"]["createdAt"].as_str().unwrap(),
        "{detail:#}"
    );
    assert_eq!(course.last().unwrap()["done"], 2, "{detail:#}");
    for text in &texts {
        for secret in [
            TITLE,
            "Jane Reader",
            "Babel",
            "Gatsby",
            FILE,
            TOKEN,
            &import.token,
            &scan.token,
            "9780743273565",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn a_job_is_ended_and_another_tried_again() {
    let app = watched().start();
    let running = endless(&app);
    let path = format!("/jobs/{}", running.id);
    eventually("its run holds the lease", || {
        ask(&app, "GET", &path).send().data(200)["leasedUntil"].is_string()
    });
    let ended = ask(&app, "DELETE", &path).send().data(200);
    assert_eq!(
        (&ended["status"], &ended["jobId"]),
        (&json!("canceled"), &json!(running.id))
    );
    assert_eq!(app.status(&running)["status"], "canceled");
    let timeline = ask(&app, "GET", &path).send().data(200);
    assert!(timeline["commits"].as_u64().unwrap() >= 2, "{timeline}");
    assert!(timeline["leasedUntil"].is_null(), "{timeline}");

    app.sandbox.open_library().behave(Fault::Hang.first(0));
    let form = app
        .request("POST", "/api/v2/imports")
        .form("file", FILE, LIBRARY);
    let import = Job::of(&form.send().data(202));
    app.finish(&import);
    let again = ask(&app, "POST", &format!("/jobs/{}/retry", import.id))
        .json(&json!({"only": ["not_found"]}));
    let again = again.send();
    assert!(!again.text().contains("oken"), "{}", again.text());
    let again = again.data(202);
    assert_eq!(again["retryOf"], import.id);
    // Its client, who asks for the same, is answered with the same job, and may follow it.
    let own = app
        .request("POST", &format!("/api/v2/imports/{}/retry", import.id))
        .bearer(&import.token)
        .json(&json!({"only": ["not_found"]}));
    let own = Job::of(&own.send().data(202));
    assert_eq!(again["jobId"], own.id);
    app.finish(&own);
    assert_eq!(listed(&app, &own)["retryOf"], import.id);
    // The operator has not decided for the client what else is tried again.
    let other = app
        .request("POST", &format!("/api/v2/imports/{}/retry", import.id))
        .bearer(&import.token)
        .json(&json!({"only": ["not_found", "error"]}));
    let other = Job::of(&other.send().data(202));
    assert_ne!(other.id, own.id);
    app.finish(&other);
    // Nor for whom messages about the job are.
    let again = ask(&app, "POST", &format!("/jobs/{}/retry", other.id))
        .json(&json!({"only": ["not_found"]}));
    let again = again.send().data(202);
    let named = app
        .request("POST", &format!("/api/v2/imports/{}/retry", other.id))
        .bearer(&other.token)
        .header("x-client-ref", "phone 7")
        .json(&json!({"only": ["not_found"]}));
    let named = Job::of(&named.send().data(202));
    assert_ne!(again["jobId"], named.id);
    app.finish(&named);
    let running = endless(&app);
    let early = ask(&app, "POST", &format!("/jobs/{}/retry", running.id)).send();
    assert_eq!(early.status(), 409, "{}", early.text());
}
