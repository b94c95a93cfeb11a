// A small server that says what the contract's fixtures say, and misbehaves on demand. The job
// moves only when a test moves it. No inner doc comments: the documentation's example includes this
// file, too.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) const JOB: &str = "550e8400-e29b-41d4-a716-446655440000";
pub(crate) const TOKEN: &str = "0b6f5f6e-3f0a-4a86-9a53-6f4b5c1d2e3f";

pub(crate) fn fixture(name: &str) -> String {
    let path = format!("{}/../../tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let path_from_cli = format!("{}/../tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path)
        .or_else(|_| std::fs::read_to_string(path_from_cli))
        .unwrap()
}

fn json_fixture(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

/// The treatment of requests for streams.
#[allow(
    dead_code,
    reason = "not every program that includes this file tries everything"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    Work,
    /// The stream ends unfinished after so many events.
    CutAfter(usize),
    /// The stream says nothing more after so many events, and stays open.
    HangAfter(usize),
    /// The stream ends before its first byte.
    Empty,
    /// The server sends no answer at all, as behind a proxy that waits for the end.
    Silent,
    /// The response has headers, and then nothing.
    Mute,
    /// The response is a proxy's page.
    Html,
    /// The stream has an event whose data is not JSON.
    Garbage,
    Status(StatusCode),
    /// The response is `204`: the client has had everything.
    NoContent,
}

#[derive(Debug, Clone)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

struct State {
    /// All events of the job.
    script: Vec<Event>,
    streams: Streams,
    attached: bool,
    status_works: bool,
    requests: Vec<String>,
    submissions: Vec<(String, Bytes)>,
    keys: Vec<Option<String>>,
    retry_ms: u64,
}

struct Shared {
    state: Mutex<State>,
    /// Number of events of the script that have happened.
    now: watch::Sender<usize>,
}

pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<JoinHandle<()>>,
}

fn event(fixture_name: &str) -> Event {
    let text = fixture(fixture_name);
    let field = |name: &str| {
        let line = text.lines().find_map(|line| {
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(": "))
        });
        line.unwrap().to_owned()
    };
    Event {
        id: field("id"),
        name: field("event"),
        data: serde_json::from_str(&field("data")).unwrap(),
    }
}

fn canceled() -> Event {
    let mut event = event("sse-failed.txt");
    event.id = "30".into();
    event.data["status"] = "canceled".into();
    event.data["error"] = json!({"code": "E_CANCELED", "message": "canceled", "userMessage": "Canceled.", "retryable": false});
    event
}

#[allow(
    dead_code,
    reason = "not every program that includes this file tries everything"
)]
impl Server {
    /// A server with one job, an import that will be waiting, at 50, at 100 of 150 books, and
    /// complete.
    pub(crate) async fn start() -> Self {
        let mut halfway = event("sse-processing.txt");
        halfway.id = "9".into();
        halfway.data["processedCount"] = 50.into();
        halfway.data["progress"] = 0.33.into();
        halfway.data["message"] = "Enriching (50/150): The Hobbit".into();
        let script = vec![
            event("sse-initialized.txt"),
            halfway,
            event("sse-processing.txt"),
            event("sse-completed.txt"),
        ];
        let state = State {
            script,
            streams: Streams::Work,
            attached: true,
            status_works: true,
            requests: vec![],
            submissions: vec![],
            keys: vec![],
            retry_ms: 20,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            now: watch::Sender::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut server = Self {
            address: listener.local_addr().unwrap(),
            shared,
            running: None,
        };
        server.serve(listener);
        server
    }

    fn serve(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.running = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                let connection = hyper::server::conn::http1::Builder::new();
                connections.spawn(async move {
                    let _ = connection
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        }));
    }

    /// Stops the server as `kill -9` would: every connection breaks.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
    }

    /// Starts the server again, with the same job, at the same address.
    pub(crate) async fn restart(&mut self) {
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => return self.serve(listener),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the next event of the script happen.
    pub(crate) fn advance(&self) {
        let last = self.state(|state| state.script.len() - 1);
        self.shared
            .now
            .send_modify(|now| *now = (*now + 1).min(last));
    }

    /// Lets the last event of the script happen.
    pub(crate) fn finish(&self) {
        let last = self.state(|state| state.script.len() - 1);
        self.shared.now.send_modify(|now| *now = last);
    }

    /// Makes the job fail next.
    pub(crate) fn fail(&self) {
        self.end_with(event("sse-failed.txt"));
    }

    /// Makes the job stall next.
    pub(crate) fn stall(&self) {
        self.end_with(event("sse-timeout.txt"));
    }

    /// Adds events of finished books, then the end.
    pub(crate) fn with_books(self, books: usize) -> Self {
        self.state(|state| {
            let mut end = state.script.split_off(1);
            for index in 0..books {
                let mut book = event("sse-book.txt");
                book.id = format!("18.{}", index + 1);
                book.data["index"] = index.into();
                state.script.push(book);
            }
            state.script.extend(end.pop());
        });
        self
    }

    fn end_with(&self, event: Event) {
        let now = *self.shared.now.borrow();
        self.state(|state| {
            state.script.truncate(now + 1);
            state.script.push(event);
        });
        self.advance();
    }

    pub(crate) fn streams(&self, streams: Streams) {
        self.state(|state| state.streams = streams);
    }

    /// Sets whether submissions are answered with the job's stream when asked to.
    pub(crate) fn attached(&self, attached: bool) {
        self.state(|state| state.attached = attached);
    }

    pub(crate) fn status_works(&self, works: bool) {
        self.state(|state| state.status_works = works);
    }

    /// The requests so far: method, path, and, of a stream, the event that it resumes after.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state(|state| state.requests.clone())
    }

    pub(crate) fn count(&self, request: &str) -> usize {
        self.requests()
            .iter()
            .filter(|seen| seen.starts_with(request))
            .count()
    }

    /// Content types and bodies of the submissions.
    pub(crate) fn submissions(&self) -> Vec<(String, Bytes)> {
        self.state(|state| state.submissions.clone())
    }

    /// Idempotency keys of the submissions.
    pub(crate) fn keys(&self) -> Vec<Option<String>> {
        self.state(|state| state.keys.clone())
    }

    fn state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.shared.state.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

type TestResponse = Response<Either<Full<Bytes>, Pieces>>;

/// A body that a task writes; an `Err` breaks the connection in the middle of it.
struct Pieces(mpsc::Receiver<Result<Bytes, std::io::Error>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

fn plain(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> TestResponse {
    let builder = Response::builder()
        .status(status)
        .header("content-type", content_type);
    builder.body(Either::Left(Full::new(body.into()))).unwrap()
}

fn json_answer(status: StatusCode, body: &Value) -> TestResponse {
    plain(status, "application/json", body.to_string())
}

fn refusal(status: StatusCode, code: &str, message: &str) -> TestResponse {
    let mut body = json_fixture("error.json");
    body["error"]["code"] = code.into();
    body["error"]["message"] = message.into();
    json_answer(status, &body)
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<TestResponse, Infallible> {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    let body = body
        .collect()
        .await
        .map(|b| b.to_bytes())
        .unwrap_or_default();
    let last_id = header("last-event-id");
    let stream_asked = header("accept").as_deref() == Some("text/event-stream");
    let path = head.uri.path().to_owned();
    let (streams, attached, status_works) = {
        let mut state = shared.state.lock().unwrap();
        let resume = last_id
            .as_ref()
            .map(|id| format!(" after {id}"))
            .unwrap_or_default();
        state
            .requests
            .push(format!("{} {path}{resume}", head.method));
        if head.method == Method::POST {
            state.keys.push(header("idempotency-key"));
            state
                .submissions
                .push((header("content-type").unwrap_or_default(), body.clone()));
        }
        (state.streams, state.attached, state.status_works)
    };
    let job = format!("/api/v2/imports/{JOB}");
    Ok(match (head.method.as_str(), path.as_str()) {
        ("POST", "/api/v2/imports") if body.is_empty() => refusal(
            StatusCode::BAD_REQUEST,
            "MISSING_PARAMETER",
            "The file is empty",
        ),
        ("POST", submit @ ("/api/v2/imports" | "/api/batch-scan" | "/api/batch-enrich")) => {
            let accepted = json_fixture(match submit {
                "/api/v2/imports" => "import-accepted.json",
                "/api/batch-scan" => "scan-accepted.json",
                _ => "enrich-accepted.json",
            });
            if attached && stream_asked {
                stream(shared, streams, None, Some(accepted["data"].clone())).await
            } else {
                json_answer(StatusCode::ACCEPTED, &accepted)
            }
        }
        ("GET", path) if path == format!("{job}/stream") => {
            stream(shared, streams, last_id, None).await
        }
        ("GET", path) if path == job && !status_works => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_BUSY", "Busy")
        }
        ("GET", path) if path == job => {
            let now = *shared.now.borrow();
            let etag = format!("\"{now}\"");
            if header("if-none-match").as_ref() == Some(&etag) {
                plain(StatusCode::NOT_MODIFIED, "application/json", "")
            } else {
                let data = shared.state.lock().unwrap().script[now].data.clone();
                let mut answer = json_answer(
                    StatusCode::OK,
                    &json!({"success": true, "data": data, "metadata": {}}),
                );
                answer.headers_mut().insert("etag", etag.parse().unwrap());
                answer
                    .headers_mut()
                    .insert("retry-after", "0".parse().unwrap());
                answer
            }
        }
        ("GET", path) if path == format!("{job}/results") => {
            let over = *shared.now.borrow() + 1 == shared.state.lock().unwrap().script.len();
            if over {
                plain(
                    StatusCode::OK,
                    "application/json",
                    fixture("results-import.json"),
                )
            } else {
                refusal(
                    StatusCode::CONFLICT,
                    "NOT_READY",
                    "The job is still running",
                )
            }
        }
        ("DELETE", path) if path == format!("/v1/jobs/{JOB}") => {
            if header("authorization") != Some(format!("Bearer {TOKEN}")) {
                refusal(
                    StatusCode::UNAUTHORIZED,
                    "UNAUTHORIZED",
                    "This token is not the job's",
                )
            } else {
                let now = *shared.now.borrow();
                {
                    let mut state = shared.state.lock().unwrap();
                    state.script.truncate(now + 1);
                    state.script.push(canceled());
                }
                shared.now.send_modify(|now| *now += 1);
                plain(StatusCode::OK, "application/json", fixture("canceled.json"))
            }
        }
        _ => json_answer(StatusCode::NOT_FOUND, &json_fixture("error.json")),
    })
}

async fn stream(
    shared: Arc<Shared>,
    streams: Streams,
    last_id: Option<String>,
    accepted: Option<Value>,
) -> TestResponse {
    match streams {
        Streams::Silent => std::future::pending().await,
        Streams::Html => {
            return plain(StatusCode::OK, "text/html", "<h1>Welcome to the hotel</h1>");
        }
        Streams::Status(status) => return plain(status, "text/plain", "no"),
        Streams::NoContent => return plain(StatusCode::NO_CONTENT, "text/plain", ""),
        Streams::Work
        | Streams::HangAfter(_)
        | Streams::CutAfter(_)
        | Streams::Empty
        | Streams::Mute
        | Streams::Garbage => {}
    }
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        // An error only says that the client has gone.
        let _ = tell(shared, streams, last_id, accepted, sender).await;
    });
    let builder = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
    builder.body(Either::Right(Pieces(receiver))).unwrap()
}

async fn tell(
    shared: Arc<Shared>,
    streams: Streams,
    last_id: Option<String>,
    accepted: Option<Value>,
    sender: mpsc::Sender<Result<Bytes, std::io::Error>>,
) -> Result<(), mpsc::error::SendError<Result<Bytes, std::io::Error>>> {
    let cut = || Err(std::io::Error::other("cut"));
    match streams {
        Streams::Mute => {
            sender.closed().await;
            return Ok(());
        }
        Streams::Empty => return sender.send(cut()).await,
        _ => {}
    }
    let retry = shared.state.lock().unwrap().retry_ms;
    sender
        .send(Ok(format!("retry: {retry}\n\n: heartbeat\n\n").into()))
        .await?;
    if let Some(accepted) = &accepted {
        sender
            .send(Ok(format!("event: accepted\ndata: {accepted}\n\n").into()))
            .await?;
    }
    if streams == Streams::Garbage {
        sender
            .send(Ok("id: 2\nevent: processing\ndata: {\"jobId\": \n\n".into()))
            .await?;
        sender.closed().await;
        return Ok(());
    }
    let mut news = shared.now.subscribe();
    let mut sent = 0;
    let script = || shared.state.lock().unwrap().script.clone();
    // Books are all delivered; of snapshots, the latest.
    let mut next = match script()
        .iter()
        .position(|event| Some(&event.id) == last_id.as_ref())
    {
        Some(position) => position + 1,
        None => 0,
    };
    loop {
        let now = *news.borrow_and_update();
        let script = script();
        for (index, event) in script.iter().enumerate().take(now + 1).skip(next) {
            let Event { id, name, data } = event;
            if index < now && name != "book" {
                continue;
            }
            if streams == Streams::HangAfter(sent) {
                sender.closed().await;
                return Ok(());
            }
            if streams == Streams::CutAfter(sent) {
                sender.send(Ok("retry: 5\n\n".into())).await?;
                return sender.send(cut()).await;
            }
            sender
                .send(Ok(
                    format!("id: {id}\nevent: {name}\ndata: {data}\n\n").into()
                ))
                .await?;
            sent += 1;
        }
        next = next.max(now + 1);
        if next >= script.len() {
            return Ok(());
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return Ok(()) },
            () = sender.closed() => return Ok(()),
        }
    }
}
