//! A small application that speaks PROTOCOL.md, with an edge in front of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses its part, and fails where it cannot go on"
)]

pub(crate) mod reader;

use bytes::Bytes;
use edge::{Config, Edge, HttpUpstream};
use futures::{SinkExt, StreamExt, channel::mpsc};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    select,
    sync::{oneshot, watch},
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest},
};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Time-out of everything that tests wait for, long enough for a busy machine.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Entry {
    pub event: String,
    pub data: String,
}

/// A stream of the application: its n-th entry has the id n.
pub(crate) struct Topic {
    entries: Mutex<Vec<Entry>>,
    version: watch::Sender<usize>,
}

impl Topic {
    pub(crate) fn say(&self, event: &str, data: impl Into<String>) {
        let mut entries = self.entries.lock().unwrap();
        entries.push(Entry {
            event: event.into(),
            data: data.into(),
        });
        self.version.send_replace(entries.len());
    }
}

/// A request as the application saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) struct World {
    topics: Mutex<HashMap<String, Arc<Topic>>>,
    pub seen: Mutex<Vec<Seen>>,
    cuts: watch::Sender<usize>,
    clean_cuts: AtomicBool,
    /// Number of streams open now, and the most that ever were.
    pub streams: AtomicUsize,
    /// Whether to answer everything with 503.
    pub is_down: AtomicBool,
    /// The token to refuse from now on.
    pub revoked: Mutex<Option<String>>,
    /// Number of requests whose heads have come.
    pub begun: AtomicUsize,
    /// Number of requests whose handler or body was dropped before its end.
    pub aborted: AtomicUsize,
    /// Whether questions about parked streams are answered 404.
    pub knows_no_parking: AtomicBool,
    /// Number of questions about parked streams that are answered 503 from now on.
    pub refused_questions: AtomicUsize,
    /// Whether every parked stream is called, for nothing.
    pub calls_in_vain: AtomicBool,
    /// The most streams that it serves at a time; others are answered 503.
    pub most_streams: AtomicUsize,
    /// The key of all streams, whatever is asked for.
    pub key: Mutex<Option<String>>,
    /// The topic of which it knows nothing any more: its streams are answered 404.
    pub forgotten: Mutex<Option<String>>,
    /// Whether answers with streams are held, as that of `/held` is.
    pub holds_streams: AtomicBool,
    /// Lets one held answer go.
    pub released: tokio::sync::Notify,
}

impl World {
    pub(crate) fn topic(&self, name: &str) -> Arc<Topic> {
        let new = || {
            Arc::new(Topic {
                entries: Mutex::default(),
                version: watch::Sender::new(0),
            })
        };
        self.topics
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_insert_with(new)
            .clone()
    }

    /// Whether it knows nothing of a topic any more.
    fn forgets(&self, name: &str) -> bool {
        self.forgotten.lock().unwrap().as_deref() == Some(name)
    }

    /// Breaks off all open streams.
    pub(crate) fn cut(&self, cleanly: bool) {
        self.clean_cuts.store(cleanly, SeqCst);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn seen(&self, method: &Method, prefix: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.method == *method && seen.target.starts_with(prefix))
            .cloned()
            .collect()
    }
}

struct Open(Arc<World>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, SeqCst);
    }
}

struct Abort(Arc<World>, bool);

impl Drop for Abort {
    fn drop(&mut self) {
        if !self.1 {
            self.0.aborted.fetch_add(1, SeqCst);
        }
    }
}

fn parameters(target: &str) -> HashMap<String, String> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.into(), v.into()))
        .collect()
}

pub(crate) fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn answer(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// `GET /ws/session?topic=&token=&key=&label=&cap=&preamble=` and `GET
/// /events/<topic>?terminal=&ends=&each=&retry=`.
fn stream(world: &Arc<World>, seen: &Seen, name: &str, terminal: &'static str) -> Response<Body> {
    let asked = parameters(&seen.target);
    let topic = world.topic(name);
    let from: usize = seen
        .header("last-event-id")
        .and_then(|id| id.split(',').next()?.parse().ok())
        .unwrap_or(0);
    // The position in a second subject, of which nothing is said.
    let other = asked.get("other");
    let other = other.map_or_else(String::new, |other| format!(",{other}"));
    let is_relay = terminal == "close";
    if !is_relay && asked.contains_key("finish") {
        let entries = topic.entries.lock().unwrap();
        if from == entries.len() && entries.last().is_some_and(|entry| entry.event == terminal) {
            return answer(204, "");
        }
    }
    if world.forgets(name) {
        return answer(404, "no such topic");
    }
    let (mut tx, rx) = mpsc::channel::<Result<Frame<Bytes>, io::Error>>(0);
    if world.streams.fetch_add(1, SeqCst) >= world.most_streams.load(SeqCst) {
        world.streams.fetch_sub(1, SeqCst);
        return answer(503, "no instance is free");
    }
    let (open, world) = (Open(world.clone()), world.clone());
    let each: usize = asked
        .get("each")
        .and_then(|each| each.parse().ok())
        .unwrap_or(usize::MAX);
    let with_retry = asked.contains_key("retry");
    let breaks_off = asked.get("retry").is_some_and(|retry| retry == "cut");
    // It has nothing to say as soon as it has said everything.
    let parks = asked.contains_key("park") && seen.header("x-edge-park").is_some();
    let parked = {
        let say = match is_relay {
            true => "event: state/0\ndata: still\n\n",
            false => ": still\n\n",
        };
        (name.to_owned(), say)
    };
    let no_budget = seen.header("x-stream-budget") == Some("0");
    // A stream of several subjects says the end of each.
    let told = {
        let entries = topic.entries.lock().unwrap();
        let told = entries.iter().take(from);
        told.filter(|entry| entry.event == terminal).count()
    };
    let ends = asked.get("ends").and_then(|ends| ends.parse().ok());
    let ends = ends.map(|ends: usize| ends - told);
    let counters = other.clone();
    let key = world.key.lock().unwrap().clone();
    tokio::spawn(async move {
        let mut ends_left = ends.unwrap_or(1);
        let _open = open;
        let mut version = topic.version.subscribe();
        let mut cuts = world.cuts.subscribe();
        cuts.mark_unchanged();
        let mut at = from;
        let mut sent = 0;
        let data = |text: String| Ok(Frame::data(Bytes::from(text)));
        let first = if is_relay {
            ": hello\n\n"
        } else {
            "retry: 5000\n\n"
        };
        if tx.send(data(first.into())).await.is_err() {
            return;
        }
        loop {
            version.mark_unchanged();
            loop {
                let Some(entry) = topic.entries.lock().unwrap().get(at).cloned() else {
                    break;
                };
                at += 1;
                let is_end = entry.event == terminal;
                ends_left -= usize::from(is_end);
                let is_last = is_end && ends_left == 0;
                let block = if is_relay && is_last {
                    format!("event: close\ndata: {}\n\n", entry.data)
                } else {
                    let Entry { event, data } = entry;
                    format!("id: {at}{counters}\nevent: {event}\ndata: {data}\n\n")
                };
                // A relay's close has no id, so its entry is sent again to whoever resumes after
                // the one before it.
                if tx.send(data(block)).await.is_err() || is_last {
                    return;
                }
                sent += 1;
                if sent == each {
                    if with_retry {
                        let _ = tx.send(data("retry: 250\n\n".into())).await;
                        if breaks_off {
                            let _ = tx.send(Err(io::Error::other("cut"))).await;
                        }
                    } else {
                        // The beginning of an event that never ends.
                        let _ = tx.send(data("id: 999\nevent: half\nda".into())).await;
                        let _ = tx.send(Err(io::Error::other("cut"))).await;
                    }
                    return;
                }
            }
            if no_budget {
                return;
            }
            if parks {
                let (name, say) = &parked;
                let stream = serde_json::json!([name, at, say]).to_string();
                let kept = serde_json::json!({"after": 10, "stream": stream});
                let _ = tx
                    .send(data(format!("event: parked\ndata: {kept}\n\n")))
                    .await;
                return;
            }
            select! {
                _ = version.changed() => {}
                _ = cuts.changed() => {
                    if !world.clean_cuts.load(SeqCst) {
                        let _ = tx.send(Err(io::Error::other("cut"))).await;
                    }
                    return;
                }
                () = std::future::poll_fn(|cx| tx.poll_ready(cx).map(|_| ())), if tx.is_closed() => return,
                () = tokio::time::sleep(Duration::from_millis(20)) => {
                    if tx.is_closed() { return; }
                }
            }
        }
    });
    let mut response = Response::builder().header("content-type", "text/event-stream");
    for (parameter, header) in [
        ("key", "stream-key"),
        ("label", "x-edge-label"),
        ("cap", "x-edge-cap"),
        ("terminal", "x-edge-terminal"),
        ("snapshots", "x-edge-snapshots"),
    ] {
        let value = asked.get(parameter);
        let value = value.map(|value| key.as_ref().filter(|_| parameter == "key").unwrap_or(value));
        if let Some(value) = value {
            response = response.header(header, value);
        }
    }
    if let Some(ends) = ends {
        response = response.header("x-edge-ends", ends);
    }
    if asked.contains_key("position") {
        response = response.header("x-edge-position", format!("{from}{other}"));
    }
    if let Some(protocol) = seen.header("x-edge-protocol") {
        response = response.header(
            "x-edge-protocol",
            protocol.split(',').next().unwrap().trim(),
        );
    }
    response.body(StreamBody::new(rx).boxed_unsync()).unwrap()
}

/// `POST /ws/session` about parked streams.
fn still_parked(world: &World, question: &[u8]) -> Response<Body> {
    let streams: Vec<String> = serde_json::from_slice(question).unwrap();
    let answers = streams.iter().map(|stream| {
        let (name, at, say): (String, usize, String) = serde_json::from_str(stream).unwrap();
        let is_called = world.calls_in_vain.load(SeqCst) || world.forgets(&name);
        let is_silent = !is_called && world.topic(&name).entries.lock().unwrap().len() == at;
        is_silent.then(|| serde_json::json!({"after": 10, "stream": stream, "say": say}))
    });
    answer(
        200,
        serde_json::json!(answers.collect::<Vec<_>>()).to_string(),
    )
}

async fn serve(world: Arc<World>, request: Request<Incoming>) -> Response<Body> {
    world.begun.fetch_add(1, SeqCst);
    let mut abort = Abort(world.clone(), false);
    let (parts, body) = request.into_parts();
    let target = parts.uri.to_string();
    let mut seen = Seen {
        method: parts.method,
        target: target.clone(),
        headers: parts.headers,
        body: Bytes::new(),
    };
    if target == "/early" {
        abort.1 = true;
        return answer(409, "no need for the rest");
    }
    match body.collect().await {
        Ok(body) => seen.body = body.to_bytes(),
        Err(_) => return answer(400, "body broke off"),
    }
    world.seen.lock().unwrap().push(seen.clone());
    if world.is_down.load(SeqCst) {
        abort.1 = true;
        return answer(503, "down");
    }
    let asked = parameters(&target);
    let path = target.split('?').next().unwrap().to_owned();
    let response = match (seen.method.as_str(), path.as_str()) {
        ("GET", "/ws/session") => {
            let token = asked.get("token").cloned().unwrap_or_default();
            if token == "wrong" || world.revoked.lock().unwrap().as_ref() == Some(&token) {
                let mut refusal = answer(401, r#"{"error":"token"}"#);
                refusal
                    .headers_mut()
                    .insert("content-type", "application/json".parse().unwrap());
                refusal
                    .headers_mut()
                    .insert("x-internal", "secret".parse().unwrap());
                refusal
            } else {
                stream(&world, &seen, &asked["topic"], "close")
            }
        }
        ("POST", "/ws/session") if seen.header("x-edge-parked").is_some() => {
            let refused = &world.refused_questions;
            let is_refused = refused.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
            match (world.knows_no_parking.load(SeqCst), is_refused) {
                (true, _) => answer(404, ""),
                (false, Ok(_)) => answer(503, ""),
                (false, Err(_)) => still_parked(&world, &seen.body),
            }
        }
        ("POST", "/ws/session") => match &seen.body[..] {
            b"PING" => answer(200, r#"[{"text":"PONG"}]"#),
            b"two" => answer(200, r#"[{"text":"one"},{"binary":"AAEC"}]"#),
            b"quiet" => answer(204, ""),
            b"bad" => answer(
                200,
                r#"[{"text":"error"},{"close":{"code":1002,"reason":"not JSON"}}]"#,
            ),
            b"nonsense" => answer(200, "{}"),
            b"forbidden" => answer(403, ""),
            other => {
                let kind = seen.header("content-type").unwrap_or("?").to_owned();
                let text = format!("{kind}: {}", other.len());
                answer(200, serde_json::json!([{"text": text}]).to_string())
            }
        },
        ("GET" | "POST", path) if path.starts_with("/events/") => {
            if asked
                .get("token")
                .is_some_and(|token| world.revoked.lock().unwrap().as_ref() == Some(token))
            {
                return answer(401, "no longer");
            }
            if world.holds_streams.load(SeqCst) {
                world.released.notified().await;
            }
            stream(&world, &seen, &path["/events/".len()..], "completed")
        }
        ("GET", "/hang") => std::future::pending().await,
        ("GET", "/held") => {
            world.released.notified().await;
            answer(200, "late")
        }
        ("GET", "/gone") => answer(404, "not here"),
        ("GET", "/private-headers") => {
            let mut response = answer(200, "x");
            for (name, value) in [
                ("x-edge-label", "x"),
                ("stream-key", "x"),
                ("connection", "x-hop"),
                ("x-hop", "1"),
                ("proxy-authenticate", "Basic"),
                ("x-end", "to-end"),
            ] {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        _ => answer(
            200,
            format!("{} {} {}", seen.method, target, seen.body.len()),
        ),
    };
    abort.1 = true;
    response
}

/// The application, which can be killed and started again on the same port.
pub(crate) struct App {
    pub address: SocketAddr,
    pub world: Arc<World>,
    stop: Mutex<Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>>,
}

impl App {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let world = Arc::new(World {
            topics: Mutex::default(),
            seen: Mutex::default(),
            cuts: watch::Sender::new(0),
            clean_cuts: AtomicBool::new(false),
            streams: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            revoked: Mutex::new(None),
            holds_streams: AtomicBool::new(false),
            begun: AtomicUsize::new(0),
            aborted: AtomicUsize::new(0),
            knows_no_parking: AtomicBool::new(false),
            refused_questions: AtomicUsize::new(0),
            calls_in_vain: AtomicBool::new(false),
            most_streams: AtomicUsize::new(usize::MAX),
            key: Mutex::new(None),
            forgotten: Mutex::new(None),
            released: tokio::sync::Notify::new(),
        });
        let app = Self {
            address: listener.local_addr().unwrap(),
            world,
            stop: Mutex::new(None),
        };
        app.run(listener);
        app
    }

    fn run(&self, listener: TcpListener) {
        let world = self.world.clone();
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let stream = select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    _ = &mut stopped => return,
                };
                stream.set_nodelay(true).unwrap();
                let world = world.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let world = world.clone();
                        async move { Ok::<_, Infallible>(serve(world, request).await) }
                    });
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        *self.stop.lock().unwrap() = Some((stop, task));
    }

    /// Stops everything as if the process had been killed.
    pub(crate) async fn kill(&self) {
        let (stop, task) = self.stop.lock().unwrap().take().unwrap();
        drop(stop);
        task.await.unwrap();
    }

    pub(crate) async fn restart(&self) {
        self.run(TcpListener::bind(self.address).await.unwrap());
    }
}

/// An edge that is served until it is dropped or told to stop.
pub(crate) struct Served {
    pub address: SocketAddr,
    pub edge: Edge,
    stop: Option<oneshot::Sender<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Served {
    pub(crate) async fn start(config: Config, app: &App) -> Self {
        let upstream =
            HttpUpstream::new(&format!("http://{}", app.address).parse().unwrap()).unwrap();
        let edge = Edge::new(config, upstream).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn({
            let edge = edge.clone();
            async move {
                let stopped = async { stopped.await.unwrap_or(()) };
                edge.serve(listener, stopped).await;
            }
        });
        Self {
            address,
            edge,
            stop: Some(stop),
            task: Some(task),
        }
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn stopped(&mut self) {
        self.task.take().unwrap().await.unwrap();
    }

    pub(crate) async fn connect(&self, query: &str) -> Socket {
        self.try_connect(query, &[]).await.unwrap().0
    }

    /// A socket of a client with this address, one of this machine.
    pub(crate) async fn connect_from(&self, client: Ipv4Addr, query: &str) -> Socket {
        let request = format!("ws://{}/ws/progress?{query}", self.address);
        let from = TcpSocket::new_v4().unwrap();
        from.bind((client, 0).into()).unwrap();
        let stream = from.connect(self.address).await.unwrap();
        let opened = tokio_tungstenite::client_async(request, stream).await;
        opened.unwrap().0
    }

    pub(crate) async fn try_connect(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Socket, tungstenite::handshake::client::Response), tungstenite::Error> {
        let mut request =
            format!("ws://{}/ws/progress?{query}", self.address).into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await?;
        tokio_tungstenite::client_async(request, stream).await
    }

    /// Sends raw bytes, and returns everything that comes until the edge closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        within(stream.read_to_end(&mut answer)).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) async fn metric(&self, line: &str) -> bool {
        self.edge.metrics().lines().any(|there| there == line)
    }

    /// Waits until a line is among the edge's metrics.
    pub(crate) async fn shows(&self, line: &str) {
        until(|| self.edge.metrics().lines().any(|there| there == line)).await;
    }
}

/// The default configuration with limits that one address may meet in a test.
pub(crate) fn config() -> Config {
    let mut config = Config {
        secret: Some("shared".into()),
        ..Config::default()
    };
    config.limits.sockets_per_address = 20_000;
    config.limits.connections_per_address = 32_000;
    config.times.linger = Duration::from_millis(100);
    config.times.abandoned = Duration::ZERO;
    config.times.shut_down = Duration::from_millis(100);
    config.times.retry_first = Duration::from_millis(5);
    config.times.retry_longest = Duration::from_millis(50);
    config
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(TIME_LIMIT, future)
        .await
        .expect("in time")
}

/// Waits until a condition holds.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// The next message, with pings and pongs left out.
pub(crate) async fn next(socket: &mut Socket) -> Message {
    loop {
        match within(socket.next())
            .await
            .expect("a message")
            .expect("no error")
        {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

pub(crate) async fn text(socket: &mut Socket) -> String {
    match next(socket).await {
        Message::Text(text) => text.to_string(),
        other => panic!("not a text: {other:?}"),
    }
}

pub(crate) async fn close_code(socket: &mut Socket) -> u16 {
    match next(socket).await {
        Message::Close(Some(frame)) => frame.code.into(),
        other => panic!("not a close: {other:?}"),
    }
}

pub(crate) fn status_of(error: tungstenite::Error) -> u16 {
    match error {
        tungstenite::Error::Http(response) => response.status().as_u16(),
        other => panic!("not refused: {other}"),
    }
}

pub(crate) const OVER: &str = r#"{"code":1000,"reason":"over"}"#;
