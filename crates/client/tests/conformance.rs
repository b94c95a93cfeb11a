//! The scenarios that all clients share: see `clients/conformance`. Node plays them; where it is
//! missing they are skipped, unless `CONFORMANCE_TESTS=required`.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use client::{
    BookQuery, Choice, Client, Error, Event, JobId, Mapping, Mode, Options, Photo, Submission,
    SubmitOptions, Timing, Transport, Update, Watch,
};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Number of scenarios played at once: most of the time is spent waiting.
const TOGETHER: usize = 6;

/// Size of a large upload: more than buffers between here and there take.
const LARGE: usize = 6 << 20;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scenario {
    name: String,
    #[serde(rename = "do")]
    what: String,
    mode: String,
    books: bool,
    page_size: u64,
    timing: HashMap<String, u64>,
    abort_when: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    id: String,
    #[serde(rename = "baseURL")]
    base_url: String,
    job: Job,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    id: JobId,
    token: String,
    last_event_id: Option<String>,
}

/// The process that plays scenarios; it ends with the test.
struct Player {
    process: Child,
    url: String,
}

impl Player {
    /// Starts the player; `None` without Node.
    fn start() -> Option<Self> {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../clients/conformance/server.mjs"
        );
        let process = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = process.ok()?;
        let mut url = String::new();
        BufReader::new(process.stdout.take()?)
            .read_line(&mut url)
            .unwrap();
        Some(Self {
            process,
            url: url.trim().to_owned(),
        })
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_comes_out_as_it_should() {
    let Some(player) = Player::start() else {
        assert!(
            std::env::var("CONFORMANCE_TESTS").is_err(),
            "Node is required"
        );
        eprintln!("skipped: Node 20, which plays the scenarios, is not installed");
        return;
    };
    let scenarios: Vec<Scenario> =
        serde_json::from_value(ask(&player.url, "GET", "scenarios", String::new()).await).unwrap();
    assert!(scenarios.len() > 50);
    let mut running = JoinSet::new();
    let mut failures = Vec::new();
    for scenario in scenarios {
        if running.len() >= TOGETHER {
            failures.extend(running.join_next().await.unwrap().unwrap());
        }
        running.spawn(play(scenario, player.url.clone()));
    }
    while let Some(played) = running.join_next().await {
        failures.extend(played.unwrap());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Plays one scenario; returns what went wrong.
async fn play(scenario: Scenario, server: String) -> Option<String> {
    let name = scenario.name.replace(' ', "%20");
    let run = ask(&server, "POST", &format!("runs/{name}"), String::new()).await;
    let run: Run = serde_json::from_value(run).unwrap();
    let client = Client::with(&run.base_url, options(&scenario)).unwrap();
    let mut outcome = json!({"progress": [], "end": null, "books": [], "error": null, "lost": false, "transports": []});
    let abort = async {
        match &scenario.abort_when {
            Some(count) => {
                let path = format!("runs/{}/met/{}", run.id, count.replace(' ', "/"));
                ask(&server, "GET", &path, String::new()).await;
            }
            None => std::future::pending().await,
        }
    };
    let patience = tokio::time::sleep(Duration::from_secs(60));
    tokio::select! {
        done = act(&client, &scenario, &run.job, &mut outcome) => {
            if let Err(error) = done {
                outcome["error"] = failure(&error);
            }
        }
        () = abort => {}
        () = patience => return Some(format!("{}: hangs", scenario.name)),
    }
    let path = format!("runs/{}/outcome", run.id);
    let verdict = ask(&server, "POST", &path, outcome.to_string()).await;
    let problems = verdict["problems"].as_array().unwrap();
    (!problems.is_empty()).then(|| format!("{}: {problems:?}", scenario.name))
}

fn options(scenario: &Scenario) -> Options {
    let limit = |name: &str| Duration::from_millis(scenario.timing[name]);
    Options {
        mode: match scenario.mode.as_str() {
            "sse" => Mode::Sse,
            "poll" => Mode::Poll,
            _ => Mode::Auto,
        },
        timing: Timing {
            connect: limit("connect"),
            request: limit("request"),
            first_byte: limit("firstByte"),
            idle: limit("idle"),
            poll: limit("poll"),
            retry: limit("retry"),
            max_backoff: limit("maxBackoff"),
            longest_outage: limit("longestOutage"),
            stream_support: limit("streamSupport"),
        },
    }
}

async fn act(
    client: &Client,
    scenario: &Scenario,
    job: &Job,
    outcome: &mut Value,
) -> Result<(), Error> {
    let csv = Bytes::from_static(b"Title,Author\nBabel,R. F. Kuang\n");
    let mapping = Mapping::from([("Título".to_owned(), "title".to_owned())]);
    let number = |title: &str| title.split(' ').nth(1)?.parse::<u64>().ok();
    let submission = match scenario.what.as_str() {
        "cancel" => {
            let canceled = client.cancel(&job.id, Some(&job.token)).await?;
            outcome["end"] = canceled.status.to_string().into();
            return Ok(());
        }
        "status" => {
            outcome["progress"] = json!([client.status(&job.id).await?.processed_count]);
            return Ok(());
        }
        "whole results" => {
            let results = client.results(&job.id).await?;
            outcome["found"] = results.other["enrichmentSucceeded"].clone();
            outcome["books"] = results.books.iter().map(|b| number(&b.title)).collect();
            return Ok(());
        }
        "results" => {
            let (mut books, mut next) = (Vec::new(), Some(0));
            while let Some(offset) = next {
                let page = client.page(&job.id, offset, scenario.page_size).await?;
                books.extend(page.results.books);
                outcome["found"] = page.results.other["enrichmentSucceeded"].clone();
                next = page.next;
            }
            outcome["books"] = books.iter().map(|b| number(&b.title)).collect();
            return Ok(());
        }
        "search" => {
            let found = client.search("Book & café, 100 %", 2, 20).await?;
            outcome["books"] = found.results.iter().map(|b| number(&b.title)).collect();
            return Ok(());
        }
        "look up" => {
            let book = client.look_up("9780439708180").await?;
            outcome["books"] = json!([number(&book.title)]);
            return Ok(());
        }
        "capabilities" => {
            let limits = client.capabilities().await?.limits;
            outcome["books"] = (0..limits["maxPhotos"].as_u64().unwrap()).collect();
            return Ok(());
        }
        "choose" => {
            let choice = Choice::Candidate(1);
            let book = client.choose(&job.id, Some(&job.token), 0, &choice).await?;
            outcome["books"] = json!([number(&book.title)]);
            return Ok(());
        }
        "rows" => {
            let rows = client.rows(&job.id, "not_found,warnings").await?.rows;
            outcome["books"] = rows.iter().map(|row| json!(row.index)).collect();
            return Ok(());
        }
        "rows csv" => {
            let table = client.rows_csv(&job.id, "not_found,warnings").await?;
            let titles = table.split("Book ").skip(1);
            let number = |title: &str| json!(title[..1].parse::<u64>().unwrap());
            outcome["books"] = titles.map(number).collect();
            return Ok(());
        }
        "retry" => {
            let accepted = client.retry(&job.id, Some(&job.token), &["not_found"]);
            let accepted = accepted.await?;
            if !accepted.photos_to_send.is_empty() {
                outcome["books"] = json!(accepted.photos_to_send);
            }
            let watch = client.watch(&accepted.job_id);
            return follow(watch, scenario, outcome).await;
        }
        "preview" => {
            let preview = client.preview(&csv, &mapping).await?;
            let books = preview.other["books"].as_array().unwrap();
            let title = |book: &Value| number(book["title"].as_str().unwrap());
            outcome["books"] = books.iter().map(title).collect();
            return Ok(());
        }
        "submit csv" => Submission::Import(csv),
        "submit large csv" => Submission::Import(Bytes::from(vec![b'x'; LARGE])),
        "submit in the background" => {
            let options = SubmitOptions {
                key: Some("mine".to_owned()),
                client_ref: Some("phone 7 & é".to_owned()),
                ..SubmitOptions::default()
            };
            let mapped = Submission::MappedImport { file: csv, mapping };
            let watch = client.submit_with(&mapped, &options).await?.watch;
            return follow(watch, scenario, outcome).await;
        }
        "submit a photo in the background" => {
            let options = SubmitOptions {
                key: Some("mine".to_owned()),
                keep_failed_photos: true,
                ..SubmitOptions::default()
            };
            let bytes = Bytes::from_static(b"\xff\xd8one\r\n");
            let photo = Submission::Scan(vec![Photo { bytes }]);
            let watch = client.submit_with(&photo, &options).await?.watch;
            return follow(watch, scenario, outcome).await;
        }
        "submit mapped csv" => Submission::MappedImport { file: csv, mapping },
        "submit photos" => {
            let photos = [&b"\xff\xd8one\r\n"[..], b"\xff\xd8two\r\n"];
            let photos = photos.map(|bytes| Photo {
                bytes: Bytes::from_static(bytes),
            });
            let options = SubmitOptions {
                keep_failed_photos: true,
                ..SubmitOptions::default()
            };
            let photos = Submission::Scan(photos.to_vec());
            let watch = client.submit_with(&photos, &options).await?.watch;
            return follow(watch, scenario, outcome).await;
        }
        "submit books" => Submission::Enrich(vec!["9780439708180".into()]),
        "submit named books" => {
            let book = BookQuery {
                title: Some("Babel".to_owned()),
                author: Some("R. F. Kuang".to_owned()),
                isbn: None,
            };
            let options = SubmitOptions {
                key: Some("mine".to_owned()),
                client_ref: Some("phone 7 & é".to_owned()),
                ..SubmitOptions::default()
            };
            let books = Submission::Books(vec![book]);
            let watch = client.submit_with(&books, &options).await?.watch;
            return follow(watch, scenario, outcome).await;
        }
        _ => {
            let watch = if scenario.books {
                client.watch_books(&job.id)
            } else {
                client.watch(&job.id)
            };
            let watch = match &job.last_event_id {
                Some(id) => watch.after(id),
                None => watch,
            };
            return follow(watch, scenario, outcome).await;
        }
    };
    follow(client.submit(&submission).await?.watch, scenario, outcome).await
}

async fn follow(mut watch: Watch, scenario: &Scenario, outcome: &mut Value) -> Result<(), Error> {
    let mut push = |list: &str, value: Value| {
        outcome[list].as_array_mut().unwrap().push(value);
    };
    let (mut end, mut lost) = (None, false);
    let result = loop {
        let update = match watch.next().await.transpose() {
            Ok(Some(update)) => update,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        match update {
            // A submission that is answered with the stream itself is one, too.
            Update::Using(transport) => push(
                "transports",
                if transport == Transport::Poll {
                    "poll"
                } else {
                    "sse"
                }
                .into(),
            ),
            Update::Lost { .. } => lost = true,
            Update::Event(Event::Progress(snapshot)) => {
                push("progress", snapshot.processed_count.into());
                match scenario.what.as_str() {
                    "leave" => break Ok(()),
                    "abort" => {
                        let pause = Duration::from_millis(20);
                        assert!(tokio::time::timeout(pause, watch.next()).await.is_err());
                        break Ok(());
                    }
                    _ => {}
                }
            }
            Update::Event(Event::Completed(snapshot) | Event::Failed(snapshot)) => {
                push("progress", snapshot.processed_count.into());
                end = Some(snapshot.status.to_string());
            }
            Update::Event(Event::Timeout(_)) => end = Some("timeout".to_owned()),
            Update::Event(Event::Book(book)) => push("books", book["index"].clone()),
            _ => {}
        }
    };
    outcome["lost"] = lost.into();
    outcome["end"] = end.into();
    result
}

fn failure(error: &Error) -> Value {
    let mut failure = match error {
        Error::Api(api) => json!({
            "kind": if error.is_gone() { "gone" } else { "refused" },
            "status": api.status,
            "code": api.code,
            "retryAfter": api.retry_after.map(|pause| pause.as_millis() as u64),
        }),
        Error::Unreachable { .. } | Error::TimedOut { .. } => json!({"kind": "unreachable"}),
        _ => json!({"kind": "protocol"}),
    };
    failure["message"] = error.to_string().into();
    failure
}

async fn ask(server: &str, method: &str, path: &str, body: String) -> Value {
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder()
        .method(method)
        .uri(format!("{server}/{path}"))
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}
