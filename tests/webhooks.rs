//! Telling an operator's server that a job has ended. Its signatures are checked by the library of
//! the specification's authors.

use crate::app;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use app::http::Request;
use app::{App, Job, LIBRARY, Setup, eventually};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use stand_ins::{Fault, When};
use standardwebhooks::Webhook;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The answer of a receiver that takes messages and never answers.
const HANGS: &str = "";

/// A message as it came.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) path: String,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// What it says, if its signature is right.
    fn verified(&self) -> Value {
        let webhook = Webhook::new(SECRET).unwrap();
        webhook.verify(&self.body, &self.headers).unwrap();
        serde_json::from_slice(&self.body).unwrap()
    }

    fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().unwrap()
    }
}

/// An operator's server.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
    /// The head of its answers.
    answer: Arc<Mutex<String>>,
}

impl Receiver {
    pub(crate) fn start(answer: &str) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), answer)
    }

    fn start_at(address: SocketAddr, answer: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            messages: Arc::default(),
            answer: Arc::new(Mutex::new(answer.to_owned())),
        };
        let (messages, answer) = (receiver.messages.clone(), receiver.answer.clone());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (messages, answer) = (messages.clone(), answer.clone());
                thread::spawn(move || {
                    let mut connection = connection.unwrap();
                    let Some(message) = read(&connection) else {
                        return;
                    };
                    messages.lock().unwrap().push(message);
                    let head = answer.lock().unwrap().clone();
                    if head == HANGS {
                        // Until the application has given up, or is dead.
                        let _ = connection.read(&mut [0]);
                        return;
                    }
                    let end = "content-length: 0\r\nconnection: close\r\n\r\n";
                    let _ = connection.write_all(format!("HTTP/1.1 {head}\r\n{end}").as_bytes());
                });
            }
        });
        receiver
    }

    /// An address at which nobody listens.
    fn address_of_nobody() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    fn answers(&self, head: &str) {
        head.clone_into(&mut self.answer.lock().unwrap());
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::new()
            .variable("webhook_url", &format!("http://{}", self.address))
            .variable("webhook_path", "/hooks/books")
            .variable("webhook_secret", SECRET)
    }
}

fn read(connection: &TcpStream) -> Option<Message> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.insert(
            HeaderName::from_bytes(name.to_lowercase().as_bytes()).ok()?,
            HeaderValue::from_str(value.trim()).ok()?,
        );
    }
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length") {
        body.resize(length.to_str().ok()?.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    } else {
        // In chunks.
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk).ok()?;
            if length == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }
    Some(Message {
        path,
        headers,
        body,
    })
}

fn enrich(app: &App) -> Job {
    let request = app.request("POST", "/api/batch-enrich?clientRef=phone%207");
    let body = json!({"barcodes": ["9780063021426"]});
    Job::of(&request.json(&body).send().data(202))
}

#[test]
fn the_end_of_a_job_is_posted_with_a_signature() {
    let receiver = Receiver::start("204 No Content");
    let setup = receiver.setup();
    let app = setup
        .variable("public_url", "https://books.example.com")
        .start();
    let job = enrich(&app);
    app.follow(&job);
    eventually("a message", || !receiver.messages().is_empty());
    let message = &receiver.messages()[0];
    assert_eq!(message.path, "/hooks/books");
    let said = message.verified();
    assert_eq!(said["type"], "job.completed");
    assert_eq!(said["data"]["jobId"], job.id);
    assert_eq!(said["data"]["clientRef"], "phone 7");
    assert_eq!(said["data"]["successCount"], 1);
    let absolute = format!("https://books.example.com{}", job.results_url);
    assert_eq!(said["data"]["resultsUrl"], absolute);
    eventually("nothing is left to be told", || {
        !app.job_keys().iter().any(|key| key.ends_with("/webhook"))
    });
    assert!(app.logs().contains("webhook-delivered"));
    assert!(!app.logs().contains("MfKQ9r8"));
    let long = format!("/api/batch-enrich?clientRef={}", "x".repeat(257));
    let refused = app
        .request("POST", &long)
        .json(&json!({"barcodes": ["9780441013593"]}));
    assert_eq!(refused.send().status(), 400);
}

/// A name given in any of the ways in which a request can say something is told, or refused.
#[test]
fn the_client_s_own_name_is_told_wherever_the_request_has_it() {
    let receiver = Receiver::start("204 No Content");
    let app = receiver.setup().start();
    let books = |name: &str| json!({"barcodes": ["9780063021426"], "clientRef": name});
    let photo: &[u8] = include_bytes!("../components/status/sandbox/shelf.jpg");
    let post = |path: &str| app.request("POST", path);
    let named: Vec<(&str, Request)> = vec![
        ("query é", post("/api/batch-enrich?clientRef=query%20%C3%A9").json(&books("lost"))),
        (
            "beside an empty header",
            post("/api/batch-enrich?clientRef=beside%20an%20empty%20header")
                .header("x-client-ref", "")
                .json(&books("lost")),
        ),
        ("header", post("/api/batch-enrich?clientRef=lost").header("x-client-ref", "header").json(&books("lost"))),
        ("body", post("/api/batch-enrich").json(&books("body"))),
        ("v3 body", post("/v3/jobs/enrichment").json(&json!({"isbns": ["9780063021426"], "clientRef": "v3 body"}))),
        (
            "form",
            post("/api/v2/imports").form_with("file", "a.csv", b"Title,Author\nBabel,R. F. Kuang\n", &[("clientRef", "form")]),
        ),
        ("photos", post("/api/batch-scan").form_with("photos", "a.jpg", photo, &[("clientRef", "photos")])),
        (
            "batch",
            post("/api/scan-bookshelf/batch").json(&json!({
                "jobId": "a-batch", "clientRef": "batch", "images": [{"index": 0, "data": BASE64_STANDARD.encode(photo)}],
            })),
        ),
    ];
    for (name, request) in named {
        assert_eq!(request.send().status(), 202, "{name}");
        eventually(name, || {
            let messages = receiver.messages();
            messages
                .iter()
                .any(|message| message.verified()["data"]["clientRef"] == name)
        });
    }
    let long = "é".repeat(257);
    for refused in [
        post("/api/batch-enrich").json(&books(&long)),
        post("/api/v2/imports").form_with(
            "file",
            "a.csv",
            b"Title\nBabel\n",
            &[("clientRef", &long)],
        ),
    ] {
        let answer = refused.send();
        assert_eq!(answer.status(), 400, "{}", answer.text());
        assert_eq!(answer.json()["error"]["details"]["field"], "clientRef");
    }
    let fits = post("/api/batch-enrich").json(&books(&"é".repeat(256)));
    assert_eq!(fits.send().status(), 202);
}

/// A receiver that fails or sends elsewhere is asked again by whoever looks at the job.
#[test]
fn a_receiver_that_was_down_is_told_later_and_a_redirect_is_not_followed() {
    let elsewhere = Receiver::start("204 No Content");
    let receiver = Receiver::start("500 Internal Server Error");
    let mut app = receiver.setup().start();
    let job = enrich(&app);
    app.follow(&job);
    eventually("a first attempt", || !receiver.messages().is_empty());
    eventually("that failed", || app.logs().contains("webhook-failed"));
    receiver.answers(&format!(
        "307 Temporary Redirect\r\nlocation: http://{}/",
        elsewhere.address
    ));
    // By somebody who comes by, after another start.
    app.kill();
    app.start_again();
    eventually("a second attempt", || {
        app.status(&job);
        receiver.messages().len() > 1
    });
    receiver.answers("204 No Content");
    eventually("a third", || {
        app.status(&job);
        app.logs().contains("webhook-delivered")
    });
    let messages = receiver.messages();
    assert!(
        messages
            .iter()
            .all(|message| message.id() == messages[0].id())
    );
    assert!(
        messages
            .iter()
            .all(|message| message.verified()["data"]["jobId"] == job.id)
    );
    assert!(elsewhere.messages().is_empty());
}

/// A receiver that takes a message and does not answer delays no job; when the process is killed
/// between the end of the job and the answer, the message comes again.
#[test]
fn a_receiver_that_hangs_delays_nothing_and_a_killed_host_loses_no_message() {
    let receiver = Receiver::start(HANGS);
    let mut app = receiver.setup().start();
    let job = enrich(&app);
    // It has ended while the receiver still holds the message.
    app.follow(&job);
    assert_eq!(app.status(&job)["status"], "completed");
    eventually("a first attempt", || !receiver.messages().is_empty());
    app.kill();
    receiver.answers("204 No Content");
    app.start_again();
    eventually("a second attempt", || {
        app.status(&job);
        receiver.messages().len() > 1
    });
    eventually("nothing is left to be told", || {
        !app.job_keys().iter().any(|key| key.ends_with("/webhook"))
    });
    let messages = receiver.messages();
    for message in &messages {
        assert_eq!(message.id(), messages[0].id());
        assert_eq!(message.verified()["data"]["jobId"], job.id);
    }
}

/// Many who look at a job whose message is due wait for no receiver, and send it once.
#[test]
fn those_who_look_at_a_job_do_not_wait_for_its_receiver() {
    let receiver = Receiver::start("500 Internal Server Error");
    let app = receiver.setup().start();
    let job = enrich(&app);
    app.follow(&job);
    eventually("a first attempt", || app.logs().contains("webhook-failed"));
    receiver.answers(HANGS);
    // None of those who look now is answered by way of the receiver, which takes 5 s to say
    // nothing.
    thread::scope(|looks| {
        for _ in 0..8 {
            looks.spawn(|| {
                eventually("a second attempt", || {
                    app.status(&job);
                    receiver.messages().len() > 1
                });
            });
        }
    });
    assert!(!app.logs().contains("\"attempt\":2"), "{}", app.logs());
    assert!(
        receiver.messages().len() < 6,
        "{}",
        receiver.messages().len()
    );
}

/// A failed job is kept for minutes only, the message about it for a day.
#[test]
fn a_failed_job_is_told_of_after_it_has_expired() {
    let receiver = Receiver::start("500 Internal Server Error");
    let mut app = receiver.setup().tuning("failed_retention=500").start();
    let job = app.import(b"nothing\nof books\n");
    eventually("its message was tried in vain", || {
        app.logs().contains("webhook-failed")
    });
    eventually("it has expired", || {
        app.request("GET", &job.status_url).send().status() == 404
    });
    // The run that has ended it dies before it tries again.
    app.kill();
    let messages_about_it = || {
        let messages = receiver.messages();
        let are_about_it = messages
            .iter()
            .filter(|message| message.verified()["data"]["jobId"] == job.id);
        are_about_it.count()
    };
    let in_vain = messages_about_it();
    receiver.answers("204 No Content");
    app.start_again();
    eventually("another tells of it", || {
        let other = enrich(&app);
        app.follow(&other);
        thread::sleep(Duration::from_millis(500));
        messages_about_it() > in_vain
    });
    eventually("nothing is left of it", || {
        !app.job_keys()
            .iter()
            .any(|key| key.contains(&job.id) && key.ends_with("/webhook"))
    });
}

/// Nobody listens where messages are to be posted, until later.
#[test]
fn a_receiver_that_is_not_there_yet_is_told_when_it_is() {
    let address = Receiver::address_of_nobody();
    let app = Setup::new()
        .variable("webhook_url", &format!("http://{address}"))
        .variable("webhook_secret", SECRET)
        .start();
    let job = enrich(&app);
    app.follow(&job);
    eventually("an attempt that failed", || {
        app.logs().contains("webhook-failed")
    });
    let receiver = Receiver::start_at(address, "204 No Content");
    eventually("a message", || {
        app.status(&job);
        !receiver.messages().is_empty()
    });
    let message = &receiver.messages()[0];
    assert_eq!(message.path, "/");
    assert_eq!(message.verified()["data"]["resultsUrl"], job.results_url);
}

/// A job that has to wait for a provider for long says so, once, and goes on waiting while the
/// receiver does not answer.
#[test]
fn a_long_wait_for_a_provider_is_told_of_once() {
    let receiver = Receiver::start("204 No Content");
    let app = receiver
        .setup()
        .variable("provider_patience_s", "300")
        .start();
    let asks_for_a_minute = || Fault::Status {
        code: 503,
        retry_after: Some("60".to_owned()),
    };
    app.sandbox
        .open_library()
        .behave(asks_for_a_minute().always());
    app.sandbox
        .google_books()
        .behave(asks_for_a_minute().always());
    let job = enrich(&app);
    eventually("a message", || !receiver.messages().is_empty());
    let message = &receiver.messages()[0];
    let said = message.verified();
    assert_eq!(said["type"], "job.waiting", "{said}");
    assert_eq!(said["data"]["jobId"], job.id);
    assert_eq!(said["data"]["status"], "processing");
    assert_eq!(said["data"]["clientRef"], "phone 7");
    assert!(said["data"]["waitingFor"].is_string(), "{said}");
    assert!(said["data"]["waitsUntil"].is_string(), "{said}");
    eventually("it is counted", || {
        let metrics = app.metrics();
        metrics.contains("webhook_deliveries_total{outcome=\"delivered\"} 1")
    });
    eventually("nothing is left to be told", || {
        !app.job_keys().iter().any(|key| key.contains("/webhook"))
    });
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send();
    eventually("the end", || receiver.messages().len() > 1);
    let messages = receiver.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].verified()["type"], "job.canceled");
    assert_ne!(messages[0].id(), messages[1].id());
}

/// What a receiver did not hear of while a job waited it is told later, once it listens.
#[test]
fn a_long_wait_that_was_not_heard_of_is_told_of_later() {
    let receiver = Receiver::start("500 Internal Server Error");
    let mut app = receiver
        .setup()
        .variable("provider_patience_s", "300")
        .start();
    let asks_for_a_minute = Fault::Status {
        code: 503,
        retry_after: Some("60".to_owned()),
    };
    app.sandbox
        .open_library()
        .behave(asks_for_a_minute.clone().always());
    app.sandbox
        .google_books()
        .behave(asks_for_a_minute.always());
    let job = enrich(&app);
    eventually("a first attempt", || !receiver.messages().is_empty());
    eventually("that failed", || app.logs().contains("webhook-failed"));
    app.kill();
    receiver.answers("204 No Content");
    app.start_again();
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send();
    let types = || {
        let messages = receiver.messages();
        let types = messages
            .iter()
            .map(|message| message.verified()["type"].clone());
        types.collect::<Vec<_>>()
    };
    eventually("both are told", || {
        app.status(&job);
        types().contains(&json!("job.canceled")) && types().len() > 2
    });
    let messages = receiver.messages();
    let is_wait = |message: &&Message| message.verified()["type"] == "job.waiting";
    let waits: Vec<&str> = messages.iter().filter(is_wait).map(Message::id).collect();
    assert_eq!(waits, [messages[0].id(); 2]);
}

/// The number of keys of an import of 767 books that was stopped in a long wait, with both messages
/// still to be told and with a choice, as docs/operations.md says.
#[test]
fn a_job_that_was_stopped_in_a_long_wait_has_eight_keys_at_most() {
    let receiver = Receiver::start("500 Internal Server Error");
    let app = receiver
        .setup()
        .variable("provider_patience_s", "300")
        .start();
    let keys_of = |job: &Job| -> Vec<String> {
        let prefix = format!("job/{}", job.id);
        let keys = app.job_keys().into_iter();
        keys.filter(|key| key.starts_with(&prefix)).collect()
    };
    let choose = |job: &Job| {
        let path = format!("/api/v2/imports/{}/books/0", job.id);
        let request = app.request("PUT", &path).bearer(&job.token);
        request.json(&Value::Null).send().data(200);
    };
    let away = || Fault::Status {
        code: 503,
        retry_after: Some("60".to_owned()),
    };
    let open_library = app.sandbox.open_library();
    open_library.behave(away().when(When::After(4)));
    app.sandbox.google_books().behave(away().always());
    let stopped = app.import(LIBRARY);
    eventually("a message of the wait", || !receiver.messages().is_empty());
    let waiting = keys_of(&stopped);
    assert!(waiting.len() <= 7, "{waiting:?}");
    let cancel = app.request("DELETE", &stopped.status_url);
    cancel.bearer(&stopped.token).send();
    eventually("a message of the end", || {
        let messages = receiver.messages();
        let mut types = messages
            .iter()
            .map(|message| message.verified()["type"].clone());
        types.any(|name| name == "job.canceled")
    });
    choose(&stopped);
    eventually("8 keys at most", || keys_of(&stopped).len() <= 8);
    let keys = keys_of(&stopped);
    println!("{keys:?}");
    for part in ["/plan/", "/webhook", "/webhook-wait", "/choices"] {
        assert!(keys.iter().any(|key| key.contains(part)), "{keys:?}");
    }
}
