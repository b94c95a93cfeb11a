//! Telling an operator's server that a job has ended. Its signatures are checked by the library of
//! the specification's authors.

use crate::app;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use app::{App, Job, Setup, eventually};
use hyper::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The answer of a receiver that takes messages and never answers.
const HANGS: &str = "";

/// A message as it came.
#[derive(Clone)]
struct Message {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
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
struct Receiver {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
    /// The head of its answers.
    answer: Arc<Mutex<String>>,
}

impl Receiver {
    fn start(answer: &str) -> Self {
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

    fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    fn setup(&self) -> Setup {
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
