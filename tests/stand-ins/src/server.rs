//! One provider on one loopback port: HTTP, misbehaviour on demand, and a log of what was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::behaviour::{Behaviour, Fault, Quirk};
use crate::catalogue::stable_hash;

/// Size of the largest request body, in bytes; the real vision providers stop at about this size.
const MAX_BODY: usize = 20 * 1024 * 1024;
/// Number of requests that are remembered one by one; the count goes on.
const MAX_SEEN: usize = 10_000;

/// A request, as the protocols see it.
pub(crate) struct Request {
    pub method: Method,
    pub path: String,
    /// Decoded query parameters in their order.
    pub parameters: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Length of the request target in bytes.
    pub uri_len: usize,
}

impl Request {
    /// A header's value; `None` when absent or no text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first query parameter of this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Response of a protocol.
#[derive(Debug)]
pub(crate) struct ProtocolResponse {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl ProtocolResponse {
    pub(crate) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self::new(status, "application/json; charset=UTF-8", body)
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", body.as_bytes().to_vec())
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// One provider's protocol: a pure function from request to answer.
pub(crate) trait Provider: Send + Sync {
    fn answer(&self, request: &Request, quirk: Option<Quirk>) -> ProtocolResponse;
    /// The provider's own page or document behind a status.
    fn error(&self, status: u16) -> ProtocolResponse;
    /// Changes an answer as a fault does that only this provider has.
    fn falsify(&self, _fault: &Fault, _answer: &mut Value) {}
}

/// The leaky bucket of nginx (`limit_req`), which stands before Open Library: requests beyond the
/// rate fill it, and it leaks at the rate. Those that find more than `delay` in it are held up
/// until they are at the rate; those that would make it more than `burst` are answered with 429,
/// which does not say when to come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests a second in the long run.
    pub per_second: f64,
    /// Number of requests that the bucket holds.
    pub burst: u32,
    /// Number of requests in the bucket that are not held up.
    pub delay: u32,
}

impl RateLimit {
    /// The limit of Open Library for each address.
    pub const OPEN_LIBRARY: Self = Self {
        per_second: 3.0,
        burst: 25,
        delay: 10,
    };
}

/// Speed of a server: delay, jitter and rate limit of every request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    pub delay: Duration,
    pub jitter: Duration,
    pub seed: u64,
    pub rate: Option<RateLimit>,
}

/// A request that a server has seen.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Method: `GET` or `POST`.
    pub method: String,
    /// Path without the query, not decoded.
    pub path: String,
    /// Query without the question mark, not decoded.
    pub query: String,
    /// Headers, with names in lower case; the values of `authorization` and `x-goog-api-key` are
    /// left out.
    pub headers: Vec<(String, String)>,
    /// Time since the server started, in milliseconds.
    pub at_ms: u64,
    /// Size of the request's body, in bytes.
    pub body_len: usize,
}

/// A running stand-in. It listens on 127.0.0.1 until it is dropped.
///
/// Other processes steer and count with `POST /__behave` (a [`Behaviour`] as JSON),
/// `GET /__requests` and `POST /__reset`, which are neither counted nor delayed.
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    provider: Box<dyn Provider>,
    pace: Pace,
    started: Instant,
    state: Mutex<State>,
    /// Number of behaviours that there have been.
    behaviours: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    since_behaviour: u64,
    count: u64,
    seen: VecDeque<Seen>,
    behaves_since: Option<Instant>,
    last_answer: Option<Instant>,
    /// Number of requests in the bucket at `leaked`.
    excess: f64,
    leaked: Option<Instant>,
    refused: u64,
}

impl Server {
    pub(crate) async fn start(
        port: u16,
        pace: Pace,
        provider: impl Provider + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("listening on 127.0.0.1:{port}"))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            provider: Box::new(provider),
            pace,
            started: Instant::now(),
            state: Mutex::default(),
            behaviours: watch::Sender::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            addr,
            shared,
            accepting,
        })
    }

    /// The address on which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL, `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Sets the treatment of requests from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.behave(behaviour);
    }

    /// The requests seen since the start or the last [`Server::reset`], oldest first; the last
    /// 10,000 of them.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state().seen.iter().cloned().collect()
    }

    /// Number of requests seen since the start or the last [`Server::reset`].
    pub fn count(&self) -> u64 {
        self.shared.state().count
    }

    /// Number of requests that the rate limit has refused since the start or the last
    /// [`Server::reset`].
    pub fn refused(&self) -> u64 {
        self.shared.state().refused
    }

    /// Time of the last answer since the start or the last [`Server::reset`].
    pub fn last_answer(&self) -> Option<Instant> {
        self.shared.state().last_answer
    }

    /// Forgets the requests and is healthy again.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Aborting this task drops the set, and with it every connection.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            // Out of file descriptors, most likely: some connection has to end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

type Body = UnsyncBoxBody<Bytes, Broken>;

/// The error that closes a connection in the middle, as the server was told.
#[derive(Debug, thiserror::Error)]
#[error("the stand-in was told to close the connection")]
struct Broken;

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // A failure here costs latency, not correctness.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| handle(request, Arc::clone(&shared)));
    // Clients that go away, and the failures we make ourselves, both end here.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn handle(
    request: http::Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Broken> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(response(shared.provider.error(413))),
    };
    let query = parts.uri.query().unwrap_or_default();
    if let Some(answer) = shared.admin(&parts.method, parts.uri.path(), &body) {
        return Ok(response(answer));
    }

    let arrival = shared.arrive(Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.to_owned(),
        headers: visible(&parts.headers),
        at_ms: shared.started.elapsed().as_millis() as u64,
        body_len: body.len(),
    });
    if !arrival.delay.is_zero() {
        tokio::time::sleep(arrival.delay).await;
    }
    if arrival.is_refused {
        return Ok(response(shared.provider.error(429)));
    }

    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        parameters: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: parts.headers,
        body,
        uri_len: parts.uri.to_string().len(),
    };
    let quirk = match arrival.fault {
        Some(Fault::Vision(quirk)) => Some(quirk),
        _ => None,
    };
    let answered = async {
        let shared = Arc::clone(&shared);
        if request.body.is_empty() {
            return shared.provider.answer(&request, quirk);
        }
        // Decoding a picture takes long enough to hold up every other connection.
        let answer = move || shared.provider.answer(&request, quirk);
        let answer = tokio::task::spawn_blocking(answer).await;
        answer.unwrap_or_else(|_| ProtocolResponse::html(500, "the stand-in failed"))
    };
    if arrival.fault == Some(Fault::Hold) {
        let mut behaviours = shared.behaviours.subscribe();
        let _ = behaviours.wait_for(|now| *now != arrival.behaviours).await;
    }
    match arrival.fault {
        None | Some(Fault::Vision(_) | Fault::Hold) => {
            let answer = answered.await;
            shared.state().last_answer = Some(Instant::now());
            Ok(response(answer))
        }
        Some(Fault::Status { code, retry_after }) => {
            let answer = shared.provider.error(code);
            Ok(response(match retry_after {
                Some(value) => answer.with_header("retry-after", &value),
                None => answer,
            }))
        }
        Some(Fault::Garbage) => {
            let garbage = b"\xff\xfe\0\x01<<<not json>>>\x80".repeat(8);
            Ok(response(ProtocolResponse::new(
                200,
                "application/json",
                garbage,
            )))
        }
        Some(Fault::HalfJson) => {
            let mut answer = answered.await;
            answer.body.truncate(answer.body.len() / 2);
            Ok(response(answer))
        }
        Some(fault @ (Fault::NoEditions | Fault::OtherBook)) => {
            let mut answer = answered.await;
            if let Ok(mut body) = serde_json::from_slice(&answer.body) {
                shared.provider.falsify(&fault, &mut body);
                answer.body = body.to_string().into_bytes();
            }
            Ok(response(answer))
        }
        Some(Fault::CutShort) => Ok(half_sent(answered.await, true)),
        Some(Fault::Stall) => Ok(half_sent(answered.await, false)),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Reset) => Err(Broken),
    }
}

/// The decision about a request when it arrived.
struct Arrival {
    fault: Option<Fault>,
    /// Number of behaviours that there had been.
    behaviours: u64,
    delay: Duration,
    is_refused: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn behave(&self, behaviour: Behaviour) {
        let mut state = self.state();
        state.behaviour = behaviour;
        state.since_behaviour = 0;
        state.behaves_since = Some(Instant::now());
        self.behaviours.send_modify(|behaviours| *behaviours += 1);
    }

    fn reset(&self) {
        *self.state() = State::default();
        self.behaviours.send_modify(|behaviours| *behaviours += 1);
    }

    fn arrive(&self, seen: Seen) -> Arrival {
        let mut state = self.state();
        state.count += 1;
        state.since_behaviour += 1;
        let mut delay = self.pace.delay + self.jitter(state.count);
        let mut fault = None;
        let age = state
            .behaves_since
            .map_or(Duration::ZERO, |since| since.elapsed());
        if state
            .behaviour
            .applies_to(state.since_behaviour, age, &seen.query)
        {
            delay += Duration::from_millis(state.behaviour.delay_ms);
            fault = state.behaviour.fault.clone();
        }
        if state.seen.len() == MAX_SEEN {
            state.seen.pop_front();
        }
        state.seen.push_back(seen);
        let admitted = match self.pace.rate {
            Some(rate) => state.admit(rate, Instant::now()),
            None => Some(Duration::ZERO),
        };
        state.refused += u64::from(admitted.is_none());
        Arrival {
            fault,
            behaviours: *self.behaviours.borrow(),
            // A refusal comes at once.
            delay: admitted.map_or(Duration::ZERO, |held_up| delay + held_up),
            is_refused: admitted.is_none(),
        }
    }

    fn jitter(&self, request: u64) -> Duration {
        let most = self.pace.jitter.as_micros() as u64;
        let dice = stable_hash(&[&self.pace.seed.to_string(), &request.to_string()]);
        Duration::from_micros(dice.checked_rem(most + 1).unwrap_or_default())
    }

    fn admin(&self, method: &Method, path: &str, body: &[u8]) -> Option<ProtocolResponse> {
        let answer = match (method, path) {
            (&Method::POST, "/__behave") => match serde_json::from_slice(body) {
                Ok(behaviour) => {
                    self.behave(behaviour);
                    ProtocolResponse::json(200, &json!({"ok": true}))
                }
                Err(error) => ProtocolResponse::json(400, &json!({"error": error.to_string()})),
            },
            (&Method::GET, "/__requests") => {
                let state = self.state();
                ProtocolResponse::json(200, &json!({"count": state.count, "requests": state.seen}))
            }
            (&Method::POST, "/__reset") => {
                self.reset();
                ProtocolResponse::json(200, &json!({"ok": true}))
            }
            _ => return None,
        };
        Some(answer)
    }
}

impl State {
    /// Time for which a request is held up; `None` when it is refused.
    fn admit(&mut self, rate: RateLimit, now: Instant) -> Option<Duration> {
        let excess = match self.leaked {
            Some(then) => {
                let leaked = (now - then).as_secs_f64() * rate.per_second;
                (self.excess - leaked + 1.0).max(0.0)
            }
            None => 0.0,
        };
        if excess > f64::from(rate.burst) {
            return None;
        }
        self.excess = excess;
        self.leaked = Some(now);
        let beyond = (excess - f64::from(rate.delay)).max(0.0);
        Some(Duration::from_secs_f64(beyond / rate.per_second))
    }
}

fn visible(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let secret = name == header::AUTHORIZATION || name == "x-goog-api-key";
            let value = if secret {
                "..."
            } else {
                value.to_str().unwrap_or_default()
            };
            (name.to_string(), value.to_owned())
        })
        .collect()
}

fn response(answer: ProtocolResponse) -> Response<Body> {
    let body = Full::new(Bytes::from(answer.body));
    head(
        answer.status,
        &answer.headers,
        body.map_err(|never: Infallible| match never {})
            .boxed_unsync(),
    )
}

/// A response with half of the announced body, and then a closed or a silent connection.
fn half_sent(answer: ProtocolResponse, close: bool) -> Response<Body> {
    let length = answer.body.len();
    let half = Bytes::from(answer.body).slice(..length / 2);
    let rest = async move {
        if close {
            // At once, the half would be dropped together with the connection.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(Broken)
        } else {
            std::future::pending().await
        }
    };
    let stream = futures::stream::once(std::future::ready(Ok(Frame::data(half))))
        .chain(futures::stream::once(rest));
    let mut response = head(
        answer.status,
        &answer.headers,
        StreamBody::new(stream).boxed_unsync(),
    );
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn head(status: u16, headers: &[(&'static str, String)], body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        // A value that no header can hold comes from a test's own Retry-After.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(*name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_holds_up_what_is_beyond_the_rate_and_refuses_what_it_cannot_hold() {
        let mut state = State::default();
        let rate = RateLimit::OPEN_LIBRARY;
        let start = Instant::now();
        let burst: Vec<Option<u128>> = (0..30)
            .map(|_| Some(state.admit(rate, start)?.as_millis()))
            .collect();
        // The first finds it empty, ten more are not held up, fifteen are, by a third of a second
        // each.
        assert!(burst[..11].iter().all(|held_up| *held_up == Some(0)));
        assert_eq!(burst[11], Some(333));
        assert_eq!(burst[25], Some(5_000));
        assert!(burst[26..].iter().all(Option::is_none), "{burst:?}");
        let later = start + Duration::from_secs(1);
        let more = (0..5).filter_map(|_| state.admit(rate, later)).count();
        assert_eq!(more, 3);
        let much_later = start + Duration::from_secs(60);
        assert_eq!(state.admit(rate, much_later), Some(Duration::ZERO));
    }
}
