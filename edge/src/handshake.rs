//! The handshake, from a client's upgrade request to a running socket: PROTOCOL.md, "Opening".

use crate::{
    answer,
    body::Linger,
    caller::Caller,
    client_stream::ClientStream,
    config::{Limits, Times},
    headers,
    hub::{AcceptedStream, Streams, Subscriber},
    metrics::{Metrics, Status},
    position::Position,
    session::{Opened, Relay},
    socket::Socket,
    upstream::Body,
};
use admission::{ClientKey, Full, Limiter, Permit};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The connection below an upgraded request.
pub(crate) type Connection =
    tokio_util::either::Either<ClientStream, Box<tokio_rustls::server::TlsStream<ClientStream>>>;

/// Accepts WebSockets.
pub(crate) struct Gate {
    relay: Arc<Relay>,
    streams: Arc<Streams<Relay>>,
    limits: Limits,
    times: Times,
    metrics: Arc<Metrics>,
    sockets: Limiter<ClientKey>,
    /// The sockets that wait for something to exist, by the name of their limit.
    waiting: Mutex<HashMap<String, Limiter<ClientKey>>>,
    upstream_sessions: Limiter<ClientKey>,
}

/// The sockets of one server, and when they are to end.
#[derive(Clone, Default)]
pub(crate) struct Lifetime {
    pub(crate) tasks: TaskTracker,
    /// The signal for sockets to end in order.
    pub(crate) shutdown: CancellationToken,
    /// The signal for sockets to end at once.
    pub(crate) abort: CancellationToken,
}

impl Lifetime {
    /// Ends all sockets, by force those that have not ended after `drain`.
    pub(crate) async fn end(&self, drain: Duration) {
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(drain, self.tasks.wait())
            .await
            .is_err()
        {
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Whether a request asks for a WebSocket at all.
pub(crate) fn is_handshake<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(request.headers(), &header::CONNECTION, "upgrade")
        && has_token(request.headers(), &header::UPGRADE, "websocket")
}

/// The reasons why a request is not a WebSocket handshake.
enum Malformed {
    Version,
    Request(&'static str),
}

impl From<Malformed> for Response<Body> {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Version => {
                let message = "WebSocket version 13 only";
                let mut refusal =
                    answer::refuse(StatusCode::UPGRADE_REQUIRED, "INVALID_REQUEST", message);
                refusal.headers_mut().insert(
                    header::SEC_WEBSOCKET_VERSION,
                    HeaderValue::from_static("13"),
                );
                refusal
            }
            Malformed::Request(message) => {
                answer::refuse(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
            }
        }
    }
}

/// The `Sec-WebSocket-Accept` value for the client's key: RFC 6455 section 4.2.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Malformed> {
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(Malformed::Version);
    }
    if headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0")
    {
        return Err(Malformed::Request("a handshake has no body"));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(Malformed::Request(
            "exactly one Sec-WebSocket-Key is required",
        ));
    };
    let malformed = Malformed::Request("Sec-WebSocket-Key is malformed");
    if !BASE64_STANDARD
        .decode(key)
        .is_ok_and(|nonce| nonce.len() == 16)
    {
        return Err(malformed);
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| malformed)
}

/// The response when there are too many of something: in all, or of this client.
fn refuse(full: Full, what: &str) -> Response<Body> {
    match full {
        Full::All => answer::busy(&format!("too many {what}; try again")),
        Full::Key => answer::too_many(&format!("too many {what} from this address; try again")),
    }
}

impl Gate {
    /// Number of the relay's streams that sockets are fed from.
    pub(crate) fn upstream_sessions(&self) -> usize {
        self.upstream_sessions.held()
    }

    /// A gate whose sockets are fed from `streams`; `upstream_sessions` has the room for these.
    pub(crate) fn new(
        streams: Arc<Streams<Relay>>,
        upstream_sessions: Limiter<ClientKey>,
        limits: Limits,
    ) -> Self {
        Self {
            relay: streams.kind.clone(),
            times: streams.times.clone(),
            metrics: streams.metrics.clone(),
            sockets: Limiter::new(limits.sockets),
            waiting: Mutex::default(),
            upstream_sessions,
            limits,
            streams,
        }
    }

    /// Answers a handshake, and starts the socket if it is accepted.
    pub(crate) async fn admit(
        &self,
        request: Request<Incoming>,
        caller: &Caller,
        lifetime: &Lifetime,
    ) -> Response<Body> {
        let mut response = match self.accept(request, caller, lifetime).await {
            Ok(response) => return response,
            Err(refusal) => refusal,
        };
        self.metrics
            .handshakes_refused
            .get_or_create(&Status {
                status: response.status().as_u16(),
            })
            .inc();
        // What the client sends next may be meant for the socket that it did not get.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// A permit for the stream that a socket is fed from. Most sockets need one only until they
    /// have joined a stream that is there already, so that it is worth waiting for.
    async fn session_permit(&self, client: ClientKey) -> Result<Permit<ClientKey>, Response<Body>> {
        let sessions = &self.upstream_sessions;
        let free = poll_fn(|cx| sessions.poll_acquire(&client, usize::MAX, cx));
        match tokio::time::timeout(self.times.handshake, free).await {
            Ok(permit) => Ok(permit),
            Err(_) => sessions
                .acquire(client, usize::MAX)
                .map_err(|full| refuse(full, "streams are open")),
        }
    }

    fn waiting_permit(
        &self,
        name: String,
        most: usize,
        client: ClientKey,
    ) -> Result<Permit<ClientKey>, Full> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = waiting.entry(name).or_insert_with(|| Limiter::new(most));
        limiter.acquire(client, most)
    }

    async fn accept(
        &self,
        mut request: Request<Incoming>,
        caller: &Caller,
        lifetime: &Lifetime,
    ) -> Result<Response<Body>, Response<Body>> {
        let accept = accept_key(request.headers())?;
        let client = ClientKey::of(caller.address);
        let place = self
            .sockets
            .acquire(client, self.limits.sockets_per_address)
            .map_err(|full| refuse(full, "sockets are open"))?;
        let permit = self.session_permit(client).await?;
        let upgrade = hyper::upgrade::on(&mut request);
        let request = request.map(|_| ());
        let session = self.relay.session(&request, caller).ok_or_else(|| {
            answer::refuse(
                StatusCode::BAD_REQUEST,
                "INVALID_REQUEST",
                "the query or a header is malformed",
            )
        })?;
        let accepted = match self.relay.open(&session, None, true).await {
            Opened::Accepted(accepted) => accepted,
            Opened::Over => return Err(answer::no_upstream(true)),
            Opened::Refused(refusal) | Opened::Unavailable(refusal) => return Err(refusal),
        };
        if let Some(protocol) = &accepted.protocol
            && !protocol.to_str().is_ok_and(|protocol| {
                has_token(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL, protocol)
            })
        {
            let trace = headers::trace_id(request.headers());
            tracing::error!(
                traceId = trace,
                "the relay chose a subprotocol that was not offered"
            );
            return Err(answer::no_upstream(true));
        }
        let cap = match accepted.cap {
            Some((name, most)) => Some(
                self.waiting_permit(name, most, client)
                    .map_err(|full| refuse(full, "sockets are waiting"))?,
            ),
            None => None,
        };
        let subscriber = Subscriber::new(
            self.relay.clone(),
            client,
            session,
            Position::default(),
            self.limits.unread_messages,
            cap,
        );
        let answer = AcceptedStream {
            key: accepted.key,
            may_lead: true,
            is_placed: true,
            last_id: None,
            may_park: accepted.may_park,
            stream: accepted.stream,
            reader: (),
        };
        let permit = Linger::new(permit, Duration::ZERO);
        self.streams.attach(&subscriber, answer, permit);
        let socket = Socket {
            subscriber,
            relay: self.relay.clone(),
            metrics: self.metrics.clone(),
            label: self.metrics.label(accepted.label),
            limits: self.limits.clone(),
            times: self.times.clone(),
            shutdown: lifetime.shutdown.clone(),
        };
        let (abort, upgrade_within) = (lifetime.abort.clone(), self.times.handshake);
        lifetime.tasks.spawn(async move {
            let _place = place;
            let subscriber = socket.subscriber.clone();
            if let Ok(Ok(upgraded)) = tokio::time::timeout(upgrade_within, upgrade).await {
                abort.run_until_cancelled(run(socket, upgraded)).await;
            }
            subscriber.go();
        });

        let mut response = Response::new(answer::whole(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(protocol) = accepted.protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        Ok(response)
    }
}

/// Serves a socket once the HTTP machinery below it has been freed: an idle socket is to cost
/// little.
async fn run(socket: Socket, upgraded: Upgraded) {
    match upgraded.downcast::<TokioIo<Connection>>() {
        Ok(parts) => {
            socket
                .run(parts.io.into_inner(), parts.read_buf.to_vec())
                .await
        }
        Err(upgraded) => socket.run(TokioIo::new(upgraded), Vec::new()).await,
    }
}
