//! Requests to the relay: PROTOCOL.md, "Opening", "The stream" and "Client messages".

use crate::{
    answer,
    caller::Caller,
    config::Times,
    headers::{self, EDGE_CAP, EDGE_LABEL, EDGE_ORIGIN, EDGE_PROTOCOL, LAST_EVENT_ID, STREAM_KEY},
    hub::{BlockContent, Continuation, Kind, Reason, Resumed, Subscriber},
    metrics::Metrics,
    outbox::Delivery,
    parking::{PARKED, Parked, Parking},
    position::Position,
    room::EventRoom,
    sse::{Block, EventStream},
    upstream::{Body, Upstream},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prometheus_client::metrics::counter::Counter;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Largest size, in bytes, of the relay's response to a message, or of a refusal that is passed on.
const MAX_REPLY: usize = 4 * 1024 * 1024;
const MAX_REFUSAL: usize = 64 * 1024;
/// Longest reason of a close frame: 125 bytes less the code (RFC 6455 section 5.5).
const MAX_REASON: usize = 123;
const MAX_KEY: usize = 256;

/// A client's session: the facts that every request about it repeats.
#[derive(Debug)]
pub(crate) struct Session {
    uri: Uri,
    headers: HeaderMap,
}

/// The relay's acceptance of a session.
pub(crate) struct Accepted {
    /// The subprotocol to accept.
    pub(crate) protocol: Option<HeaderValue>,
    /// Key of the stream: those of equal keys may be shared.
    pub(crate) key: Option<String>,
    /// The label under which the socket is counted.
    pub(crate) label: Option<String>,
    /// Name of a class of waiting sockets, and how many of them may wait at the same time.
    pub(crate) cap: Option<(String, usize)>,
    /// Whether the edge offered to park the stream.
    pub(crate) may_park: bool,
    /// The body with the messages.
    pub(crate) stream: EventStream,
}

/// The outcome of opening a session's stream.
pub(crate) enum Opened {
    /// A stream.
    Accepted(Box<Accepted>),
    /// All events have been sent already (`204`).
    Over,
    /// A refusal that trying again does not change, as the client may see it.
    Refused(Response<Body>),
    /// No response came, or an error that may pass.
    Unavailable(Response<Body>),
}

/// One instruction of the relay about a client.
#[derive(Debug)]
pub(crate) enum Instruction {
    /// Delivery of a message.
    Delivery(Delivery<Message>),
    /// Close of the socket.
    Close(CloseFrame),
    /// Parking of the stream: the application has nothing to send for a while.
    Park(Parked),
}

/// The error when the relay did not keep to the protocol.
#[derive(Debug, thiserror::Error)]
#[error("the relay broke the protocol: {0}")]
pub(crate) struct Broken(&'static str);

/// The reason why a message could not be posted, as the close that follows from it.
pub(crate) enum Unposted {
    /// A failure that a retry does not change.
    Close(CloseFrame),
    /// A failure after which a retry may succeed.
    Later,
}

/// A close frame with one of the edge's own reasons.
pub(crate) fn close(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code,
        reason: reason.into(),
    }
}

/// Whether an answer of this status may be another one later.
pub(crate) fn may_change(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

/// A client of the relay component.
pub(crate) struct Relay {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) secret: Option<HeaderValue>,
    pub(crate) path: String,
    pub(crate) max_event: usize,
    pub(crate) event_room: EventRoom,
    pub(crate) answer_within: Duration,
    pub(crate) parking: Arc<Parking>,
}

impl Relay {
    /// The session that a handshake asks for; `None` when its query does not fit into a URI.
    pub(crate) fn session(&self, handshake: &Request<()>, caller: &Caller) -> Option<Session> {
        let uri = match handshake.uri().query() {
            Some(query) => format!("{}?{query}", self.path).parse().ok()?,
            None => self.path.parse().ok()?,
        };
        let theirs = handshake.headers();
        let mut headers = HeaderMap::new();
        headers::copy(theirs, &mut headers, |name| {
            [
                header::HOST,
                header::USER_AGENT,
                header::AUTHORIZATION,
                header::COOKIE,
                headers::TRACEPARENT,
                headers::TRACESTATE,
            ]
            .contains(name)
        });
        if let Some(origin) = theirs.get(header::ORIGIN) {
            headers.insert(EDGE_ORIGIN, origin.clone());
        }
        let offered: Vec<&[u8]> = theirs
            .get_all(header::SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if !offered.is_empty() {
            headers.insert(
                EDGE_PROTOCOL,
                HeaderValue::from_bytes(&offered.join(&b", "[..])).ok()?,
            );
        }
        headers::add_caller(&mut headers, caller, self.secret.as_ref());
        Some(Session { uri, headers })
    }

    fn request(
        &self,
        session: &Session,
        method: Method,
        accept: &'static str,
        body: Bytes,
    ) -> Request<Body> {
        let mut request = Request::new(answer::whole(body));
        *request.method_mut() = method;
        *request.uri_mut() = session.uri.clone();
        *request.headers_mut() = session.headers.clone();
        request
            .headers_mut()
            .insert(header::ACCEPT, HeaderValue::from_static(accept));
        request
    }

    /// Opens a session's stream, or resumes it after `last_id`, and offers to park it.
    pub(crate) async fn open(
        &self,
        session: &Session,
        last_id: Option<&str>,
        may_park: bool,
    ) -> Opened {
        let mut request = self.request(session, Method::GET, "text/event-stream", Bytes::new());
        let may_park = may_park && self.parking.offer(request.headers_mut(), true);
        if let Some(id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            request.headers_mut().insert(LAST_EVENT_ID, id);
        }
        let response =
            match tokio::time::timeout(self.answer_within, self.upstream.call(request)).await {
                Err(_) => return Opened::Unavailable(answer::no_upstream(false)),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the relay cannot be reached");
                    return Opened::Unavailable(answer::no_upstream(true));
                }
                Ok(Ok(response)) => response,
            };
        let status = response.status();
        if status == StatusCode::OK && admission::is_event_stream(response.headers()) {
            return Opened::Accepted(Box::new(accepted(
                response,
                may_park,
                self.max_event,
                self.event_room.clone(),
            )));
        }
        if status == StatusCode::NO_CONTENT {
            return Opened::Over;
        }
        let refusal = refusal(response, self.answer_within).await;
        if status.is_client_error() && !may_change(status) {
            Opened::Refused(refusal)
        } else {
            Opened::Unavailable(refusal)
        }
    }

    /// Posts one client message and returns what to send back.
    pub(crate) async fn post(
        &self,
        session: &Session,
        message: &Message,
    ) -> Result<Vec<Instruction>, Unposted> {
        let (body, content_type) = match message {
            Message::Binary(bytes) => (bytes.clone(), "application/msgpack"),
            Message::Text(text) => (text.clone().into(), "text/plain; charset=utf-8"),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                return Ok(Vec::new());
            }
        };
        let mut request = self.request(session, Method::POST, "application/json", body);
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let exchange = async {
            let response = self
                .upstream
                .call(request)
                .await
                .map_err(|_| Unposted::Later)?;
            let status = response.status();
            if status != StatusCode::OK {
                return Ok((status, Bytes::new()));
            }
            let body = Limited::new(response.into_body(), MAX_REPLY)
                .collect()
                .await;
            match body {
                Ok(body) => Ok((status, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => Err(Unposted::Close(close(
                    CloseCode::Error,
                    "the answer is too large",
                ))),
                Err(_) => Err(Unposted::Later),
            }
        };
        let (status, body) = match tokio::time::timeout(self.answer_within, exchange).await {
            Err(_) => return Err(Unposted::Later),
            Ok(answer) => answer?,
        };
        match status {
            StatusCode::OK => replies(&body).map_err(|error| {
                let trace = headers::trace_id(&session.headers);
                tracing::error!(traceId = trace, %error, "an answer to a client message");
                Unposted::Close(close(CloseCode::Error, "server error"))
            }),
            StatusCode::NO_CONTENT => Ok(Vec::new()),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Unposted::Close(close(CloseCode::Size, "message too big")))
            }
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::NOT_IMPLEMENTED => {
                Err(Unposted::Close(close(CloseCode::Error, "server error")))
            }
            later if may_change(later) => Err(Unposted::Later),
            no if no.is_client_error() => Err(Unposted::Close(close(CloseCode::Policy, "refused"))),
            _ => Err(Unposted::Close(close(CloseCode::Error, "server error"))),
        }
    }
}

impl Kind for Relay {
    type Message = Message;
    type End = CloseFrame;
    type Request = Session;
    type Reader = ();

    const JOINS_AT_ONCE: bool = true;
    const WAITS_FOR_READERS: bool = false;
    const SHOWS_IDS: bool = false;

    async fn resume(
        &self,
        session: &Session,
        _key: Option<&str>,
        last_id: Option<&str>,
        may_park: bool,
    ) -> Resumed<Self> {
        match self.open(session, last_id, may_park).await {
            Opened::Accepted(accepted) => Resumed::Stream(Continuation {
                stream: accepted.stream,
                may_park: accepted.may_park,
                ends: 1,
            }),
            Opened::Over => Resumed::Over,
            Opened::Refused(_) => Resumed::Refused,
            Opened::Unavailable(_) => Resumed::Unavailable,
        }
    }

    /// A socket is over with its close.
    fn go_on(&self, (): &mut (), _ends: usize) {}

    fn read(&self, (): &mut (), block: &Block, may_park: bool) -> BlockContent<Self> {
        match read(block) {
            Ok(None) => BlockContent::Nothing,
            Ok(Some((Instruction::Delivery(delivery), id))) => BlockContent::Delivery(delivery, id),
            Ok(Some((Instruction::Close(frame), _))) => BlockContent::End(frame),
            Ok(Some((Instruction::Park(parked), _))) if may_park => BlockContent::Parked(parked),
            Ok(Some((Instruction::Park(_), _))) => BlockContent::Nothing,
            Err(error) => {
                tracing::error!(%error, "a session stream");
                BlockContent::End(close(CloseCode::Error, "server error"))
            }
        }
    }

    fn ended(&self, (): &mut (), _is_clean: bool) -> Option<CloseFrame> {
        None
    }

    fn end(&self, reason: Reason) -> CloseFrame {
        match reason {
            Reason::Unread => close(CloseCode::Again, "too much unread"),
            Reason::Refused => close(CloseCode::Policy, "refused"),
            Reason::Over => close(CloseCode::Normal, ""),
            Reason::GivenUp => close(CloseCode::Again, "try again later"),
        }
    }

    fn parking(&self) -> &Arc<Parking> {
        &self.parking
    }

    fn keep_alive(&self) -> Option<Delivery<Message>> {
        None
    }

    fn silence(&self, times: &Times) -> Duration {
        times.session_silence
    }

    fn lost(metrics: &Metrics) -> &Counter {
        &metrics.resumptions
    }
}

impl Subscriber<Relay> {
    /// Carries out an instruction of the relay.
    pub(crate) fn follow(&self, instruction: &Instruction) {
        match instruction {
            Instruction::Delivery(delivery) => {
                self.deliver(delivery);
            }
            Instruction::Close(frame) => self.close(frame.clone()),
            // Only a stream says so.
            Instruction::Park(_) => {}
        }
    }
}

/// The value of a header that may be read as text, if there is one.
pub(crate) fn visible<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
}

/// The key of what may be shared.
pub(crate) fn stream_key(headers: &HeaderMap) -> Option<String> {
    let key = visible(headers, &STREAM_KEY)?;
    (key.len() <= MAX_KEY).then(|| key.to_owned())
}

fn accepted(
    response: Response<Body>,
    may_park: bool,
    max_event: usize,
    room: EventRoom,
) -> Accepted {
    let headers = response.headers();
    let label = visible(headers, &EDGE_LABEL).filter(|label| {
        label.len() <= 32
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    });
    let cap = visible(headers, &EDGE_CAP).and_then(|cap| {
        let (name, most) = cap.split_once(';')?;
        Some((name.trim().to_owned(), most.trim().parse().ok()?))
    });
    Accepted {
        protocol: headers.get(EDGE_PROTOCOL).cloned(),
        key: stream_key(headers),
        label: label.map(str::to_owned),
        cap,
        may_park,
        stream: EventStream::new(response.into_body(), max_event, room),
    }
}

/// The relay's refusal as the client may see it.
async fn refusal(response: Response<Body>, within: Duration) -> Response<Body> {
    let (theirs, body) = response.into_parts();
    if !theirs.status.is_client_error() && !theirs.status.is_server_error() {
        return answer::no_upstream(true);
    }
    let body = match tokio::time::timeout(within, Limited::new(body, MAX_REFUSAL).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) | Err(_) => return answer::no_upstream(true),
    };
    let mut response = Response::new(answer::whole(body));
    *response.status_mut() = theirs.status;
    headers::copy(&theirs.headers, response.headers_mut(), |name| {
        [
            header::CONTENT_TYPE,
            header::CACHE_CONTROL,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            header::ALLOW,
            header::VARY,
        ]
        .contains(name)
            || name.as_str().starts_with("access-control-")
    });
    response
}

#[derive(Deserialize)]
struct WireClose {
    code: u16,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireReply {
    Text(String),
    Binary(String),
    Close(WireClose),
}

fn close_frame(wire: WireClose) -> Result<CloseFrame, Broken> {
    let may_be_sent = matches!(wire.code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !may_be_sent || wire.reason.len() > MAX_REASON {
        return Err(Broken("a close code or reason that may not be sent"));
    }
    Ok(CloseFrame {
        code: wire.code.into(),
        reason: wire.reason.into(),
    })
}

fn binary(base64: &str) -> Result<Message, Broken> {
    let bytes = BASE64_STANDARD
        .decode(base64)
        .map_err(|_| Broken("a binary message is not base64"))?;
    Ok(Message::binary(bytes))
}

fn replies(body: &[u8]) -> Result<Vec<Instruction>, Broken> {
    let wire: Vec<WireReply> = serde_json::from_slice(body)
        .map_err(|_| Broken("an answer is not an array of messages"))?;
    wire.into_iter()
        .map(|reply| {
            let message = match reply {
                WireReply::Close(wire) => return Ok(Instruction::Close(close_frame(wire)?)),
                WireReply::Text(text) => Message::text(text),
                WireReply::Binary(base64) => binary(&base64)?,
            };
            Ok(Instruction::Delivery(Delivery {
                message,
                slot: None,
                id: None,
                room: None,
            }))
        })
        .collect()
}

/// Reads one block of a session stream: what it says, and the `id` to resume after.
fn read(block: &Block) -> Result<Option<(Instruction, Option<String>)>, Broken> {
    let fields = block.fields();
    let Some(data) = fields.data else {
        return Ok(None);
    };
    let (kind, is_state) = match fields
        .event
        .split_once('/')
        .map_or(&*fields.event, |(kind, _slot)| kind)
    {
        "state" => ("message", true),
        "binary-state" => ("binary", true),
        _ => (&*fields.event, false),
    };
    let message = match kind {
        "" | "message" => Message::text(data),
        "binary" => binary(&data)?,
        "close" => {
            let wire = serde_json::from_str(&data)
                .map_err(|_| Broken("a close is not code and reason"))?;
            return Ok(Some((Instruction::Close(close_frame(wire)?), None)));
        }
        PARKED => {
            let parked =
                Parked::read(&data).ok_or(Broken("a stream that is parked is not told"))?;
            return Ok(Some((Instruction::Park(parked), None)));
        }
        _ => return Ok(None),
    };
    let id = match &fields.id {
        Some(id) => Some(Arc::new(
            Position::parse(id).ok_or(Broken("an id is not a list of counters"))?,
        )),
        None => None,
    };
    let slot = is_state.then(|| Arc::from(&*fields.event));
    Ok(Some((
        Instruction::Delivery(Delivery {
            message,
            slot,
            id,
            room: block.room(),
        }),
        fields.id,
    )))
}
