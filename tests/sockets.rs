//! WebSockets of three generations: who gets one, what it is told, what its messages are answered.

use crate::app;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use app::http::Response;
use app::socket::{Socket, Told};
use app::{App, Job, LIBRARY, LIBRARY_ROWS, Setup, eventually, program};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault};
use tungstenite::Message;

/// The answer to a handshake that is refused.
fn refused(app: &App, query: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = app
        .request("GET", &format!("/ws/progress?{query}"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send()
}

/// Long enough to be met in the middle.
fn slow() -> App {
    Setup::new()
        .provider_delay(Duration::from_millis(300))
        .start()
}

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

macro_rules! fixture {
    ($name:literal) => {
        fixture(include_str!(concat!("fixtures/ws-", $name, ".json")))
    };
}

/// Every key of a fixture is there with its type, except `optional` ones.
fn assert_has_keys(message: &Value, fixture: &Value, optional: &[&str]) {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    for (key, expected) in fixture.as_object().unwrap() {
        match message.get(key) {
            Some(value) => {
                assert_eq!(kind(value), kind(expected), "{key} in {message}");
                if expected.is_object() {
                    assert_has_keys(value, expected, optional);
                }
            }
            None => assert!(
                optional.contains(&key.as_str()),
                "{key} is not in {message}"
            ),
        }
    }
}

fn assert_never_back(progress: impl Iterator<Item = f64>) {
    let progress: Vec<f64> = progress.collect();
    assert!(progress.is_sorted(), "{progress:?}");
}

#[test]
fn schema_1_follows_an_import_and_ends_with_its_books() {
    let app = App::start();
    let job = app.import(LIBRARY);
    let mut socket = Socket::open(
        app.address(),
        &format!("jobId={}&token={}", job.id, job.token),
        &[],
    );
    assert_eq!(socket.protocol, None);
    let (messages, code) = socket.rest();
    assert_eq!(code, 1000);
    let (last, before) = messages.split_last().unwrap();
    assert_has_keys(last, &fixture!("v1-job-complete"), &[]);
    assert_eq!(last["payload"]["totalProcessed"], Value::Null);
    let books = last["payload"]["books"].as_array().unwrap();
    let results = app.results(&job);
    assert_eq!(books.len(), results["books"].as_array().unwrap().len());
    assert_eq!(
        last["payload"]["successCount"],
        results["enrichmentSucceeded"]
    );
    assert!(!before.is_empty());
    for message in before {
        match message["type"].as_str().unwrap() {
            "job_started" => assert_has_keys(message, &fixture!("v1-job-started"), &[]),
            "job_progress" => {
                assert_has_keys(
                    message,
                    &fixture!("v1-job-progress"),
                    &["currentTitle", "currentItem"],
                );
            }
            other => panic!("{other} before the end"),
        }
        assert_eq!(message["version"], "1.0.0");
        assert_eq!(message["jobId"], job.id.as_str());
    }
    assert_never_back(
        before
            .iter()
            .filter_map(|message| message["payload"]["progress"].as_f64()),
    );
}

#[test]
fn schema_2_follows_an_import_and_ends_with_a_summary() {
    let app = App::start();
    let job = app.import(LIBRARY);
    let offered = format!("other, bookstrack-auth.{}", job.token);
    let mut socket = Socket::open(
        app.address(),
        &format!("jobId={}", job.id),
        &[("sec-websocket-protocol", &offered)],
    );
    assert_eq!(
        socket.protocol.as_deref(),
        Some(format!("bookstrack-auth.{}", job.token).as_str())
    );
    let (messages, code) = socket.rest();
    assert_eq!(code, 1000);
    let last = messages.last().unwrap();
    assert_has_keys(last, &fixture!("v2-job-complete"), &[]);
    assert_eq!(last["version"], "2.0.0");
    let processed = last["payload"]["summary"]["totalProcessed"]
        .as_u64()
        .unwrap();
    assert!(processed > 700 && processed <= LIBRARY_ROWS, "{last}");
    let ends = messages.iter().filter(|m| m["type"] == "job_complete");
    assert_eq!(ends.count(), 1);
}

#[test]
fn the_first_apps_schema_says_only_progress() {
    let app = App::start();
    let job = app.import(LIBRARY);
    let query = format!("jobId={}&token={}&schema=legacy", job.id, job.token);
    let (messages, code) = Socket::open(app.address(), &query, &[]).rest();
    assert_eq!(code, 1000);
    for message in &messages {
        assert_has_keys(message, &fixture!("legacy-progress"), &["currentWorkId"]);
        assert_eq!(message["type"], "progress");
    }
    let last = &messages.last().unwrap()["data"];
    assert_eq!(last["currentStatus"], "Complete");
    assert_eq!(last["progress"], 1.0);
    assert_eq!(last["processedItems"], last["totalItems"]);
    assert_never_back(
        messages
            .iter()
            .map(|m| m["data"]["progress"].as_f64().unwrap()),
    );
}

#[test]
fn who_comes_in_the_middle_is_told_the_state_and_who_comes_late_the_end() {
    let app = App::start();
    app.hold_look_ups_at(400);
    let job = app.import(LIBRARY);
    app.wait_for_books(&job, 1);
    let query = format!("jobId={}&token={}", job.id, job.token);
    let mut early = Socket::open(app.address(), &query, &[]);
    assert_eq!(early.json()["type"], "job_started");
    let first = early.json();
    assert_eq!(first["type"], "job_progress");
    assert!(first["payload"]["processedCount"].as_u64().unwrap() > 0);
    app.go_on();
    let (messages, code) = early.rest();
    assert_eq!(
        (messages.last().unwrap()["type"].as_str(), code),
        (Some("job_complete"), 1000)
    );
    let (late, code) = Socket::open(app.address(), &query, &[]).rest();
    assert_eq!((late.len(), code), (2, 1000));
    assert_eq!(late[0]["type"], "job_started");
    assert_eq!(late[1]["payload"], messages.last().unwrap()["payload"]);
}

#[test]
fn every_message_of_a_client_has_its_answer() {
    let app = App::start();
    app.hold_look_ups();
    let job = app.import(LIBRARY);
    let query = format!("jobId={}&token={}", job.id, job.token);
    let mut socket = Socket::open(app.address(), &query, &[]);
    socket.say(r#"{"type":"ready"}"#);
    assert_has_keys(&socket.until("ready_ack"), &fixture!("v1-ready-ack"), &[]);
    socket.say(r#"{"type":"ping","payload":{"clientTime":1769850902100}}"#);
    let pong = socket.until("pong");
    assert_has_keys(&pong, &fixture!("v1-pong"), &[]);
    assert_eq!(pong["payload"]["clientTime"], 1_769_850_902_100_u64);
    for ignored in [
        r#"{"type":"ack","seq":3}"#,
        r#"{"type":"of_next_year","x":{}}"#,
    ] {
        socket.say(ignored);
    }
    socket.say(r#"{"type":"sync_request"}"#);
    let resuming = loop {
        let message = socket.until("job_progress");
        if message["payload"]["userMessage"] == "Resuming..." {
            break message;
        }
    };
    assert_has_keys(
        &resuming,
        &fixture!("v1-job-progress"),
        &["currentTitle", "currentItem"],
    );
    socket.say("PING");
    while socket.next() != Told::Raw("PONG".to_owned()) {}
    // Once more, and late.
    socket.say(r#"{"type":"ready"}"#);
    socket.until("ready_ack");
}

#[test]
fn a_socket_can_cancel_its_job() {
    let app = App::start();
    app.hold_look_ups();
    let job = app.import(LIBRARY);
    let query = format!("jobId={}&token={}&schema=2.0.0", job.id, job.token);
    let mut socket = Socket::open(app.address(), &query, &[]);
    socket.say(r#"{"type":"cancel"}"#);
    let (messages, code) = socket.rest();
    assert_eq!(code, 1000);
    let last = messages.last().unwrap();
    assert_has_keys(last, &fixture!("v1-error"), &["details"]);
    assert_eq!(last["payload"]["code"], "E_CANCELED");
    assert_eq!(app.status(&job)["status"], "canceled");
}

#[test]
fn who_may_not_see_the_job_gets_no_socket() {
    let app = App::start();
    app.hold_look_ups();
    let (job, other) = (
        app.import(LIBRARY),
        app.import(b"Title,Author\nEmma,Jane Austen\n"),
    );
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (query, protocol) in [
        (format!("jobId={}", job.id), ""),
        (format!("jobId={}&token={}", job.id, other.token), ""),
        (format!("jobId={}&token={}x", job.id, job.token), ""),
        (format!("jobId={}", job.id), "bookstrack-auth.wrong"),
        // The subprotocol is what counts when there are both.
        (
            format!("jobId={}&token={}", job.id, job.token),
            "bookstrack-auth.",
        ),
    ] {
        let headers = [("sec-websocket-protocol", protocol)];
        let answer = refused(&app, &query, &headers[usize::from(protocol.is_empty())..]);
        answer.error(401, "UNAUTHORIZED");
    }
    refused(&app, &format!("jobId={unknown}&token={}", job.token), &[]).error(404, "NOT_FOUND");
    refused(&app, "", &[]).error(400, "MISSING_PARAMETER");
    let known = format!("jobId={}&token={}", job.id, job.token);
    for malformed in [
        format!("{known}&schema=3.0.0"),
        format!("{known}&encoding=xml"),
        "jobId=a%20b".to_owned(),
        format!("jobId={0},{0}&token={1},{1}", job.id, job.token),
        format!("jobId={}", vec!["x"; 21].join(",")),
    ] {
        refused(&app, &malformed, &[]).error(400, "INVALID_REQUEST");
    }
    let evil = refused(&app, &known, &[("origin", "https://evil.example")]);
    assert_eq!(evil.status(), 403, "{}", evil.text());
    let good = [("origin", "http://localhost:5173")];
    Socket::open(app.address(), &known, &good).until("job_progress");
    // No upgrade, no socket.
    let plain = app.get(&format!("/ws/progress?{known}"));
    assert_eq!(plain.status(), 426, "{}", plain.text());
    assert!(
        plain.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("edge")
    );
}

#[test]
fn an_open_socket_keeps_its_token_alive() {
    let app = Setup::new()
        .variable("provider_timeout_s", "60")
        .tuning("token_life=7200")
        .start();
    app.hold_look_ups();
    let (watched, other) = (app.import(LIBRARY), app.import(LIBRARY));
    let query = |job: &Job| format!("jobId={}&token={}", job.id, job.token);
    let mut socket = Socket::open(app.address(), &query(&watched), &[]);
    eventually("a token that nobody uses expires", || {
        let status = app.request("GET", &other.status_url);
        status.bearer(&other.token).send().status() == 401
    });
    refused(&app, &query(&other), &[]).error(401, "UNAUTHORIZED");
    Socket::open(app.address(), &query(&watched), &[]).json();
    socket.say(r#"{"type":"cancel"}"#);
    assert_eq!(socket.rest().1, 1000);
}

#[test]
fn what_is_no_message_closes_the_socket() {
    let app = App::start();
    app.hold_look_ups();
    let job = app.import(LIBRARY);
    let query = format!("jobId={}&token={}", job.id, job.token);
    let malformed: [Message; 5] = [
        "{".into(),
        "[]".into(),
        r#"{"type":7}"#.into(),
        "PONG".into(),
        vec![0xFF, 0xFE, 0x00].into(),
    ];
    for message in malformed {
        let mut socket = Socket::open(app.address(), &query, &[]);
        socket.say(message.clone());
        let error = socket.until("error");
        assert_has_keys(&error, &fixture!("v1-error"), &["details"]);
        assert_eq!(socket.rest(), (vec![], 1002), "{message:?}");

        let legacy = format!("{query}&schema=legacy");
        let mut socket = Socket::open(app.address(), &legacy, &[]);
        socket.say(message);
        let (messages, code) = socket.rest();
        assert_eq!(code, 1002);
        assert!(messages.iter().all(|message| message["type"] == "progress"));
    }
    let mut socket = Socket::open(app.address(), &query, &[]);
    socket.say("x".repeat(65 << 10));
    assert_eq!(socket.rest().1, 1009);
}

fn start_legacy(app: &App, id: &str) {
    let body = json!({"jobId": id, "workIds": ["9780439708180", "9780743273565"]});
    let answer = app.request("POST", "/api/enrichment/start").json(&body);
    assert_eq!(answer.send().status(), 200);
}

#[test]
fn the_first_app_connects_before_its_job_exists() {
    let app = App::start();
    app.hold_look_ups();
    let mut socket = Socket::open(app.address(), "jobId=my-own-name", &[]);
    // Nothing depends on it, and it is answered.
    socket.say(r#"{"type":"ready"}"#);
    assert_eq!(socket.json()["type"], "ready_ack");
    for _ in 0..5 {
        socket.say("PING");
        assert_eq!(socket.next(), Told::Raw("PONG".to_owned()));
    }
    start_legacy(&app, "my-own-name");
    let first = socket.json();
    app.go_on();
    let (mut messages, code) = socket.rest();
    messages.insert(0, first);
    assert_eq!(code, 1000);
    assert!(
        messages
            .iter()
            .all(|m| m["type"] == "progress" && m["jobId"] == "my-own-name")
    );
    assert_eq!(
        messages.last().unwrap()["data"]["currentStatus"],
        "Complete"
    );
}

#[test]
fn the_first_app_scans_a_shelf() {
    let app = App::start();
    app.sandbox.gemini().behave(Fault::Hold.always());
    app.hold_look_ups();
    let mut socket = Socket::open(app.address(), "jobId=first-app", &[]);
    for _ in 0..5 {
        socket.say("PING");
        assert_eq!(socket.next(), Told::Raw("PONG".to_owned()));
    }
    let ready = app.request("POST", "/scan/ready/first-app").send();
    assert_eq!(ready.status(), 200);
    let photo = include_bytes!("data/bookshelf-13.jpg");
    let upload = app.request("POST", "/scan?jobId=first-app");
    assert_eq!(upload.body("image/jpeg", &photo[..]).send().status(), 202);
    // Of what it waits for it is told before that is there.
    let looking = socket.json();
    app.sandbox.gemini().behave(Behaviour::default());
    let enriching = socket.json();
    app.go_on();
    let (rest, code) = socket.rest();
    let messages = [vec![looking, enriching], rest].concat();
    assert_eq!(code, 1000);
    let (last, before) = messages.split_last().unwrap();
    assert_has_keys(last, &fixture!("legacy-complete"), &[]);
    let books = last["data"]["result"]["books"].as_array().unwrap();
    assert_eq!(last["data"]["result"]["totalDetected"], books.len());
    assert!(!books.is_empty(), "{last}");
    assert!(before.iter().all(|m| m["data"].get("result").is_none()));
    assert_never_back(
        messages
            .iter()
            .map(|m| m["data"]["progress"].as_f64().unwrap()),
    );
}

#[test]
fn a_job_that_does_not_come_or_needs_a_token_closes_the_waiting_socket() {
    let app = Setup::new().variable("socket_hold_s", "0.3").start();
    let mut socket = Socket::open(app.address(), "jobId=never", &[]);
    assert_eq!(socket.rest(), (vec![], 1008));

    let app = slow();
    let mut socket = Socket::open(app.address(), "jobId=with-a-token", &[]);
    app.enrich(&json!({"jobId": "with-a-token", "barcodes": ["9780439708180"]}));
    assert_eq!(socket.rest(), (vec![], 1008));

    let app = Setup::new().variable("legacy_tokenless", "false").start();
    refused(&app, "jobId=anything", &[]).error(401, "UNAUTHORIZED");
    start_legacy(&app, "tokenless");
    refused(&app, "jobId=tokenless", &[]).error(401, "UNAUTHORIZED");
}

#[test]
fn the_first_app_hears_a_sign_of_life_while_nothing_happens() {
    let app = Setup::new()
        .variable("provider_timeout_s", "60")
        .tuning("heartbeat=100")
        .start();
    app.hold_look_ups();
    start_legacy(&app, "slow");
    let mut socket = Socket::open(app.address(), "jobId=slow", &[]);
    let mut messages = Vec::new();
    let is_alive = |message: &&Value| message["data"]["keepAlive"] == true;
    while messages.iter().filter(is_alive).count() < 3 {
        messages.push(socket.json());
    }
    app.go_on();
    messages.extend(socket.rest().0);
    assert_never_back(
        messages
            .iter()
            .map(|m| m["data"]["progress"].as_f64().unwrap()),
    );
}

#[test]
fn message_pack_says_the_same_in_binary() {
    let app = App::start();
    app.hold_look_ups();
    let job = app.import(LIBRARY);
    let query = format!("jobId={}&token={}&encoding=msgpack", job.id, job.token);
    let mut socket = Socket::open(app.address(), &query, &[]);
    let ping = json!({"type": "ping", "payload": {"clientTime": 5}});
    socket.say(rmp_serde::to_vec(&ping).unwrap());
    let pong = loop {
        match socket.next() {
            Told::Packed(message) if message["type"] == "pong" => break message,
            Told::Packed(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(pong["payload"]["clientTime"], 5);
    app.go_on();
    let mut packed = Vec::new();
    let code = loop {
        match socket.next() {
            Told::Packed(message) => packed.push(message),
            Told::Closed(code) => break code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1000);
    let query = format!("jobId={}&token={}", job.id, job.token);
    let (json, _) = Socket::open(app.address(), &query, &[]).rest();
    let (packed, json) = (packed.last().unwrap(), json.last().unwrap());
    assert_eq!(packed["payload"], json["payload"]);
}

#[test]
fn one_socket_follows_several_jobs() {
    let app = slow();
    let jobs = [LIBRARY, b"Title,Author\nEmma,Jane Austen\n", LIBRARY].map(|csv| app.import(csv));
    let list = |of: fn(&Job) -> &str| jobs.each_ref().map(of).join(",");
    let query = format!(
        "jobId={}&token={}&schema=2.0.0",
        list(|job| &job.id),
        list(|job| &job.token)
    );
    let (messages, code) = Socket::open(app.address(), &query, &[]).rest();
    assert_eq!(code, 1000);
    for job in &jobs {
        let own: Vec<&Value> = messages
            .iter()
            .filter(|m| m["jobId"] == job.id.as_str())
            .collect();
        let (last, before) = own.split_last().unwrap();
        assert_eq!(last["type"], "job_complete");
        assert!(
            before
                .iter()
                .all(|message| message["type"] != "job_complete")
        );
        assert_never_back(
            before
                .iter()
                .filter_map(|m| m["payload"]["progress"].as_f64()),
        );
    }
    // Another job's token in its place.
    let [first, second, _] = &jobs;
    let query = format!("jobId={},{}&token={1},{1}", first.id, second.id);
    let swapped = query.replace(
        &format!("token={}", second.id),
        &format!("token={}", second.token),
    );
    refused(&app, &swapped, &[]).error(401, "UNAUTHORIZED");
}

#[test]
fn one_event_stream_follows_several_jobs_and_resumes() {
    let app = slow();
    app.hold_look_ups_at(400);
    let jobs = [LIBRARY, b"Title,Author\nEmma,Jane Austen\n"].map(|csv| app.import(csv));
    let path = format!(
        "/api/v2/imports/stream?jobIds={},{}",
        jobs[0].id, jobs[1].id
    );
    let mut first = app.stream(&path);
    let mut events = Vec::new();
    for job in &jobs {
        let is_told = |event: &app::sse::Event| event.data["jobId"] == job.id.as_str();
        while !events.iter().any(is_told) {
            events.push(first.event().unwrap());
        }
    }
    drop(first);
    app.go_on();
    let last = events.last().unwrap().id.clone();
    let resume = |id: &str| app.request("GET", &path).header("last-event-id", id);
    let mut second = app::sse::Stream::open(resume(&last));
    events.extend(second.rest());
    assert!(second.is_finished());
    let positions: Vec<Vec<u64>> = events
        .iter()
        .map(|event| event.id.split(',').map(|n| n.parse().unwrap()).collect())
        .collect();
    for pair in positions.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert!(
            before != after && before.iter().zip(after).all(|(b, a)| b <= a),
            "{pair:?}"
        );
    }
    for job in &jobs {
        let mut own = events
            .iter()
            .filter(|event| event.data["jobId"] == job.id.as_str());
        let ends = own.clone().filter(|event| event.is_terminal());
        assert_eq!(ends.count(), 1);
        assert!(own.next_back().unwrap().is_terminal());
    }
    let last = &events.last().unwrap().id;
    assert_eq!(resume(last).send().status(), 204);
    app.get("/api/v2/imports/stream?jobIds=unknown")
        .error(404, "NOT_FOUND");
}

/// Ended with the test that started it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_host_that_ends_tells_its_sockets() {
    // Builds and compiles what the next one serves.
    drop(App::start());
    let state = tempfile::tempdir().unwrap();
    let compiled = concat!(env!("CARGO_TARGET_TMPDIR"), "/app/compiled");
    std::os::unix::fs::symlink(compiled, state.path().join("compiled")).unwrap();
    let child = Command::new(program("host"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["up", "--no-build", "--listen", "127.0.0.1:0", "--state-dir"])
        .arg(state.path())
        .stdout(Stdio::piped())
        .spawn();
    let mut process = Process(child.unwrap());
    let mut line = String::new();
    let stdout = process.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let address = line.trim().rsplit('/').next().unwrap().parse().unwrap();

    let mut socket = Socket::open(address, "jobId=never", &[]);
    let terminate = Command::new("kill")
        .arg(process.0.id().to_string())
        .status();
    assert!(terminate.unwrap().success());
    assert_eq!(socket.rest(), (vec![], 1012));
    assert!(process.0.wait().unwrap().success());
}
