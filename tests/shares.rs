//! What one client gets of what there is: event streams, and jobs under way.

use crate::app;

use std::time::{Duration, Instant};

use app::http::{Request, Stalled};
use app::sse::{Frame, Stream};
use app::{App, Job, Setup, eventually};
use serde_json::{Value, json};
use stand_ins::Fault;

/// An application whose jobs do not end.
fn waiting(setup: Setup) -> App {
    let app = setup.variable("provider_timeout_s", "60").start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    app
}

fn enrich(app: &App) -> Request {
    let books = json!({"barcodes": ["9780743273565"]});
    app.request("POST", "/api/batch-enrich").json(&books)
}

/// Everything a stream says that nobody has room for: where the job is, and when to come back.
fn assert_over_the_cap(mut stream: Stream) {
    let frames: Vec<Frame> = std::iter::from_fn(|| stream.frame()).collect();
    assert!(!stream.is_finished(), "the job is not over: {frames:?}");
    assert_eq!(frames.first(), Some(&Frame::Retry(5000)));
    assert_eq!(frames.last(), Some(&Frame::Retry(2000)));
    let told = frames.iter().any(|frame| match frame {
        Frame::Event(event) => matches!(&*event.name, "initialized" | "processing"),
        _ => false,
    });
    assert!(told, "{frames:?}");
}

fn assert_open(stream: &mut Stream) {
    assert_eq!(stream.frame(), Some(Frame::Retry(5000)));
    assert!(matches!(stream.frame(), Some(Frame::Event(_))));
}

/// Opens the job's stream until there is room for it again.
fn reopened(app: &App, job: &Job) {
    eventually("there is room again", || {
        let mut stream = app.stream(&job.sse_url);
        let frames: Vec<Option<Frame>> = (0..3).map(|_| stream.frame()).collect();
        // The job says nothing more, so a stream that is kept open beats.
        matches!(frames.last(), Some(Some(Frame::Heartbeat)))
    });
}

#[test]
fn beyond_the_streams_of_one_address_a_client_polls() {
    let setup = Setup::new().tuning("heartbeat=100");
    let app = waiting(setup.argument("--max-streams-per-address=2"));
    let jobs: Vec<Job> = (0..3)
        .map(|_| Job::of(&enrich(&app).send().data(202)))
        .collect();
    let mut open: Vec<Stream> = jobs[..2]
        .iter()
        .map(|job| app.stream(&job.sse_url))
        .collect();
    open.iter_mut().for_each(assert_open);
    assert_over_the_cap(app.stream(&jobs[2].sse_url));
    // Nobody is let in by saying that he was let in, nor by not asking for a stream as one.
    let request = app.request("GET", &jobs[2].sse_url);
    assert_over_the_cap(Stream::open(request.header("x-stream-budget", "1")));
    let unasked = app.get(&jobs[2].sse_url);
    let body = String::from_utf8(unasked.body).unwrap();
    assert!(body.ends_with("retry: 2000\n\n"), "{body}");
    let several = format!(
        "/api/v2/imports/stream?jobIds={},{}",
        jobs[0].id, jobs[1].id
    );
    assert_over_the_cap(app.stream(&several));
    for job in &jobs {
        assert_eq!(app.get(&job.status_url).status(), 200);
    }
    drop(open);
    reopened(&app, &jobs[2]);
}

#[test]
fn beyond_the_streams_of_one_job_or_in_all_a_client_polls() {
    for (limit, is_of_job) in [
        ("--max-streams-per-job=1", true),
        ("--max-streams=1", false),
    ] {
        let app = waiting(Setup::new().argument(limit));
        let [one, other] = [0, 1].map(|_| Job::of(&enrich(&app).send().data(202)));
        let mut open = app.stream(&one.sse_url);
        assert_open(&mut open);
        assert_over_the_cap(app.stream(&one.sse_url));
        // However it is asked for.
        assert_over_the_cap(app.stream(&format!("{}?books=1&x=2", one.sse_url)));
        let mut second = app.stream(&other.sse_url);
        if is_of_job {
            assert_open(&mut second);
        } else {
            assert_over_the_cap(second);
        }
        assert_eq!(app.get(&one.status_url).status(), 200);
    }
}

#[test]
fn beyond_the_cap_a_job_is_made_and_its_stream_says_when_to_come_back() {
    let app = waiting(Setup::new().argument("--max-streams=1"));
    let request = |accept| enrich(&app).header("accept", accept);
    let mut open = Stream::open(request("text/event-stream"));
    assert_eq!(open.frame(), Some(Frame::Retry(5000)));
    for accept in ["text/event-stream", "\u{e9}, text/event-stream"] {
        let mut stream = Stream::open(request(accept));
        let frames: Vec<Frame> = std::iter::from_fn(|| stream.frame()).collect();
        assert!(!stream.is_finished());
        assert_eq!(frames.last(), Some(&Frame::Retry(2000)));
        let accepted = frames.iter().find_map(|frame| match frame {
            Frame::Accepted(data) => Some(Job::of(data)),
            _ => None,
        });
        let job = accepted.unwrap_or_else(|| panic!("{frames:?}"));
        assert_eq!(app.get(&job.status_url).status(), 200);
    }
}

/// What the edge asks for a socket on this job.
fn fed(app: &App, job: &Job) -> Request {
    let query = format!("jobId={}&token={}", job.id, job.token);
    app.request("GET", &format!("/ws/session?{query}"))
        .header("accept", "text/event-stream")
}

#[test]
fn what_feeds_sockets_is_for_the_edge_alone() {
    let app = waiting(Setup::new().variable("edge_secret", "of-the-test"));
    let job = Job::of(&enrich(&app).send().data(202));
    for request in [
        fed(&app, &job),
        fed(&app, &job).header("x-edge-secret", "of-nobody"),
        fed(&app, &job).header("x-stream-budget", "0"),
        app.request("GET", "/ws/session?jobId=not-there-yet"),
        app.request("POST", &format!("/ws/session?jobId={}", job.id))
            .json(&json!({"type": "ready"})),
    ] {
        request.send().error(404, "NOT_FOUND");
    }
    let known = fed(&app, &job).header("x-edge-secret", "of-the-test");
    assert_eq!(known.open().0.status, 200);
}

#[test]
fn beyond_the_cap_another_edge_is_told_to_wait() {
    let setup = Setup::new().variable("edge_secret", "of-the-test");
    let app = waiting(setup.argument("--max-streams=1"));
    let job = Job::of(&enrich(&app).send().data(202));
    let mut open = app.stream(&job.sse_url);
    assert_open(&mut open);
    let unasked = format!("/ws/session?jobId={}&token={}", job.id, job.token);
    for request in [fed(&app, &job), app.request("GET", &unasked)] {
        let refused = request.header("x-edge-secret", "of-the-test").send();
        refused.error(503, "SERVICE_BUSY");
    }
}

/// A library whose upload stands still after its first megabyte.
fn stalled(app: &App) -> Stalled {
    stalled_of(app.request("POST", "/api/v2/imports"))
}

fn stalled_of(request: Request) -> Stalled {
    let csv = b"title,author\n".repeat(80_000);
    let length = csv.len() * 2;
    request.body("text/csv", csv).stall(length)
}

#[test]
fn an_upload_counts_from_its_beginning() {
    let app = waiting(Setup::new().tuning("max_jobs_per_client=2"));
    // One after the other: of two at the same moment one may be forgotten.
    let _first = stalled(&app);
    eventually("the first is being received", || app.uploads() == 1);
    let _second = stalled(&app);
    eventually("the second is being received", || app.uploads() == 2);
    let upload = app.request("POST", "/api/v2/imports");
    let upload = upload.form("file", "a.csv", &stand_ins::library(3));
    upload.send().error(429, "RATE_LIMIT_EXCEEDED");
    enrich(&app).send().error(429, "RATE_LIMIT_EXCEEDED");
}

#[test]
fn an_upload_that_stands_still_is_broken_off() {
    let app = Setup::new().argument("--idle-timeout=300ms").start();
    stalled(&app).answer().error(400, "INVALID_REQUEST");
    assert_eq!(app.job_keys(), [""; 0]);
}

#[test]
fn one_client_has_so_many_requests_under_way() {
    let setup = Setup::new().variable("edge_secret", "of-the-test");
    // A fifth of the instances for one client.
    let app = setup.argument("--max-instances=10").start();
    let of = |request: Request, client: &str| {
        let request = request.header("x-edge-secret", "of-the-test");
        request.header("x-edge-client", client)
    };
    let health = |client: &str| of(app.request("GET", "/health"), client).send();
    let upload = || stalled_of(of(app.request("POST", "/api/v2/imports"), "192.0.2.1"));
    let open = [upload(), upload()];
    // Asked of the host, for a request of the client's own would take the place of the second.
    eventually("both are under way", || {
        app.counters()["components"]["scan"]["instances_live"] == 2
    });
    health("192.0.2.1").error(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(health("192.0.2.2").status(), 200);
    assert_eq!(health("10.0.0.1").status(), 200);
    drop(open);
    eventually("there is room again", || {
        health("192.0.2.1").status() == 200
    });
}

#[test]
fn runs_leave_room_for_requests_and_for_sockets_behind_an_edge() {
    let setup = Setup::new().tuning("stall=1000");
    let setup = setup.variable("edge_secret", "of-the-test");
    let app = setup.argument("--max-instances=16").start();
    app.hold_look_ups();
    let mut jobs = Vec::new();
    // Some go on in the instance that has received them, others hand over to another.
    let refused = loop {
        assert!(jobs.len() < 16);
        let request = match jobs.len() % 2 {
            0 => enrich(&app),
            _ => {
                let library = stand_ins::library(2);
                let request = app.request("POST", "/api/v2/imports");
                request.form("file", "library.csv", &library)
            }
        };
        let answer = request.send();
        if answer.status() != 202 {
            break answer;
        }
        jobs.push(Job::of(&answer.data(202)));
    };
    refused.error(503, "SERVICE_BUSY");
    let of_an_edge = |query: &str| {
        let request = app.request("POST", &format!("/ws/session{query}"));
        request.header("x-edge-secret", "of-the-test")
    };
    let parked = of_an_edge("").header("x-edge-parked", "0").json(&json!([]));
    assert_eq!(parked.send().text(), "[]");
    let query = format!("?jobId={}&token={}", jobs[0].id, jobs[0].token);
    let said = of_an_edge(&query).json(&json!({"type": "ping"})).send();
    assert_eq!(said.status(), 200, "{}", said.text());
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        assert_eq!(app.get("/health").status(), 200);
        for job in &jobs {
            let status = app.status(job);
            let under_way = ["initialized", "processing"].map(Value::from);
            assert!(under_way.contains(&status["status"]), "{status}");
        }
    }
    app.go_on();
    for job in &jobs {
        eventually("it is done", || app.status(job)["status"] == "completed");
    }
    enrich(&app).send().data(202);
}

#[test]
fn a_proxy_stands_for_many_clients() {
    let setup = Setup::new()
        .variable("profile", "fermyon-cloud")
        .tuning("max_keys=0");
    let app = waiting(setup.variable("edge_secret", "of-the-test"));
    let of = |client: &str| {
        let request = enrich(&app).header("x-edge-client", client);
        request.header("x-edge-secret", "of-the-test").send()
    };
    for _ in 0..21 {
        of("10.0.0.1").data(202);
    }
    for _ in 0..20 {
        of("192.0.2.1").data(202);
    }
    of("192.0.2.1").error(429, "RATE_LIMIT_EXCEEDED");
}

#[test]
fn look_ups_and_searches_count_for_their_client() {
    // Answered at once; nothing says sooner that they are over than their time does.
    let setup = Setup::new().tuning("max_jobs_per_client=3");
    let app = setup.variable("edge_secret", "of-the-test").start();
    let book = |address: &str| {
        app.request("POST", "/api/v2/books/enrich")
            .header("x-edge-client", address)
            .header("x-edge-secret", "of-the-test")
            .json(&json!({"barcode": "9780525540670"}))
            .send()
    };
    let get = |path: &str, address: &str| {
        app.request("GET", path)
            .header("x-edge-client", address)
            .header("x-edge-secret", "of-the-test")
            .send()
    };
    book("192.0.2.1").data(200);
    let answer = get("/v3/books/9780525540670", "192.0.2.1");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    get("/api/v2/search?q=river", "192.0.2.1").data(200);
    book("192.0.2.1").error(429, "RATE_LIMIT_EXCEEDED");
    let answer = get("/v3/books/9780525540670", "192.0.2.1");
    assert_eq!(answer.status(), 429, "{}", answer.text());
    get("/api/v2/search?q=river", "192.0.2.1").error(429, "RATE_LIMIT_EXCEEDED");
    // Another client has a share of its own.
    book("192.0.2.2").data(200);
}

#[test]
fn one_client_has_so_many_jobs_under_way() {
    let setup = Setup::new().tuning("max_jobs_per_client=2");
    let app = waiting(setup.variable("edge_secret", "of-the-test"));
    let keyed = || enrich(&app).header("idempotency-key", "the-first");
    let first = Job::of(&keyed().send().data(202));
    Job::of(&enrich(&app).send().data(202));

    let before = app.job_keys();
    let photo = include_bytes!("data/bookshelf-13.jpg");
    let upload = |path: &str| app.request("POST", path);
    for request in [
        enrich(&app),
        upload("/api/v2/imports").form("file", "a.csv", &stand_ins::library(3)),
        upload("/api/batch-scan").form("photos", "a.jpg", photo),
        enrich(&app).header("x-forwarded-for", "192.0.2.1"),
        enrich(&app).header("x-edge-client", "192.0.2.1"),
        enrich(&app)
            .header("x-edge-client", "192.0.2.1")
            .header("x-edge-secret", "of-nobody"),
        enrich(&app).header("spin-client-addr", "192.0.2.1:80"),
    ] {
        let refused = request.send();
        refused.error(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(refused.header("retry-after"), Some("10"));
    }
    assert_eq!(app.job_keys(), before, "nothing is left of what is refused");
    // The same request again is the same job, and looking is free.
    assert_eq!(Job::of(&keyed().send().data(202)), first);
    assert_eq!(app.status(&first)["jobId"], json!(first.id));

    // Another client, as the edge says.
    let of = |client: &str| {
        let request = enrich(&app).header("x-edge-client", client);
        request.header("x-edge-secret", "of-the-test").send()
    };
    of("2001:db8::1").data(202);
    of("2001:db8::2").data(202);
    of("2001:db8:0:0:3::1").error(429, "RATE_LIMIT_EXCEEDED");
    of("2001:db8:0:1::1").data(202);
    of("::ffff:192.0.2.33").data(202);
    of("192.0.2.33").data(202);
    of("::ffff:c000:221").error(429, "RATE_LIMIT_EXCEEDED");

    let cancel = app.request("DELETE", &first.status_url);
    cancel.bearer(&first.token).send().data(200);
    enrich(&app).send().data(202);
    enrich(&app).send().error(429, "RATE_LIMIT_EXCEEDED");
}

/// The request with the key may turn out to be for a job of another name: the key's own job, which
/// counts already, admits no other.
#[test]
fn the_key_of_a_job_under_way_admits_no_job_of_another_name() {
    let app = waiting(Setup::new().tuning("max_jobs_per_client=1"));
    let keyed = |body: String| {
        let request = app.request("POST", "/api/batch-enrich");
        let request = request.header("idempotency-key", "one");
        request.body("application/json", body).send()
    };
    let named = |id: Option<&str>| {
        let mut body = json!({"barcodes": ["9780743273565"]});
        if let Some(id) = id {
            body["jobId"] = json!(id);
        }
        // So long that its client is admitted before its name is known.
        format!("{body}{}", " ".repeat(100_000))
    };
    let first = Job::of(&keyed(json!({"barcodes": ["9780743273565"]}).to_string()).data(202));
    let before = app.job_keys();
    for id in ["second", "third"] {
        keyed(named(Some(id))).error(429, "RATE_LIMIT_EXCEEDED");
    }
    assert_eq!(app.job_keys(), before);
    assert_eq!(
        Job::of(&keyed(named(None)).data(202)),
        first,
        "it is repeated"
    );
}
