//! Configuration: names, limits and times. Every field has a default that suits one machine in
//! front of one application.

use crate::{caller::TrustedProxies, local_names::LocalNames, upload::UploadTimes};
use std::time::Duration;

/// The usual path of the relay, under which only an edge asks.
pub const SESSION_PATH: &str = "/ws/session";

/// The configuration of an [`Edge`](crate::Edge).
#[derive(Clone, Debug)]
pub struct Config {
    /// The secret that is sent upstream as `X-Edge-Secret`. Without it the application has no
    /// reason to believe who the client is.
    pub secret: Option<String>,
    /// The paths where a WebSocket handshake is accepted. An upgrade anywhere else is an ordinary
    /// request.
    pub socket_paths: Vec<String>,
    /// The relay's path upstream. Clients cannot reach it through the edge.
    pub session_path: String,
    /// The proxies in front whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub trusted_proxies: TrustedProxies,
    /// The names that requests from this machine may ask for; `None`: any.
    pub local_names: Option<LocalNames>,
    /// Whether clients of an event stream do not notice that the application ends its answer early,
    /// after a trailing `retry:`. Otherwise they are told, and come back by themselves.
    pub mends_budgets: bool,
    /// Limits on what clients may have.
    pub limits: Limits,
    /// Time limits and intervals.
    pub times: Times,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            secret: None,
            socket_paths: vec!["/ws/progress".into()],
            session_path: SESSION_PATH.into(),
            trusted_proxies: TrustedProxies::default(),
            local_names: None,
            mends_budgets: true,
            limits: Limits::default(),
            times: Times::default(),
        }
    }
}

/// Limits on the number and size of everything. An address is an IPv4 address or an IPv6 /64.
/// Where all clients together have a limit, one address may hold at most four times what is left
/// of it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Number of client connections of any kind.
    pub connections: usize,
    /// Number of client connections of one address. Beyond both limits, silent ones are closed for
    /// new ones.
    pub connections_per_address: usize,
    /// Number of proxied requests under way, those with a place among the event streams not
    /// counted. Each may hold an instance of the application.
    pub requests: usize,
    /// Number of proxied requests of one address under way, those with a place among the event
    /// streams not counted. Each may hold an instance of the application.
    pub requests_per_address: usize,
    /// Number of WebSockets.
    pub sockets: usize,
    /// Number of WebSockets of one address.
    pub sockets_per_address: usize,
    /// Largest size of one message from a client, in bytes.
    pub message_bytes: usize,
    /// Number of messages of one client that wait to be posted before the edge stops reading from
    /// it.
    pub waiting_messages: usize,
    /// Number of undroppable messages that wait for one slow client before it is closed.
    pub unread_messages: usize,
    /// Bytes of large messages and events, over 64 KB, that are on their way to clients.
    pub event_room: usize,
    /// Number of requests under way whose body is large, or of unknown length, and has not come
    /// whole.
    pub uploads: usize,
    /// Number of upstream streams for WebSockets. Each holds an instance of the application, which
    /// runs about 1,000.
    pub upstream_sessions: usize,
    /// Number of event streams of clients.
    pub streams: usize,
    /// Number of event streams of one address.
    pub streams_per_address: usize,
    /// Number of event streams of one path, that is of one job.
    pub streams_per_target: usize,
    /// Number of upstream answers that event streams are fed from: one answer for all streams that
    /// say the same. Each holds an instance of the application, which runs about 1,000.
    pub upstream_streams: usize,
    /// Number of events that wait for one slow client, and that no later one replaces, before it is
    /// cut off.
    pub unread_events: usize,
    /// Largest size of one request body, in bytes.
    pub body_bytes: usize,
    /// Largest size of one event of an upstream stream, in bytes.
    pub event_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32_768,
            connections_per_address: 1_024,
            requests: 512,
            requests_per_address: 256,
            sockets: 20_000,
            sockets_per_address: 512,
            message_bytes: 64 * 1024,
            waiting_messages: 16,
            unread_messages: 256,
            event_room: 64 * 1024 * 1024,
            uploads: 256,
            upstream_sessions: 400,
            streams: 20_000,
            streams_per_address: 512,
            streams_per_target: 20_000,
            upstream_streams: 400,
            unread_events: 1_024,
            body_bytes: 64 * 1024 * 1024,
            event_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Time limits and intervals. Tests scale these; nothing else tells the time.
#[derive(Clone, Debug)]
pub struct Times {
    /// The time from an open connection to the end of the request's head, and for a TLS handshake.
    pub request_head: Duration,
    /// The time that a request's body may take.
    pub upload: UploadTimes,
    /// The time from a request to the upstream's response head.
    pub response_head: Duration,
    /// The time between two pieces of a response's body.
    pub response_body: Duration,
    /// The time after a client has left until the application has most likely noticed: what the
    /// client had counts as under way until then.
    pub abandoned: Duration,
    /// The time that an answer has to begin once its client has shut down its writing side.
    pub shut_down: Duration,
    /// The time that a WebSocket handshake may take, the relay's answer included.
    pub handshake: Duration,
    /// The time between two WebSocket pings.
    pub ping: Duration,
    /// The time without a sign of life after which a client is dropped.
    pub silence: Duration,
    /// The time for which a client may take nothing of the large messages that wait for it, while
    /// others wait for their room.
    pub crowded: Duration,
    /// The time for a client to answer a close, and for an unread message to leave before one.
    pub close: Duration,
    /// The time for a client to close a socket by itself whose stream has ended well (1000): it may
    /// still be fetching what it was told of, and take our close for the end of that.
    pub linger: Duration,
    /// The time without a word of the relay after which a stream counts as lost.
    pub session_silence: Duration,
    /// The time between two heartbeats to the client of an event stream whose upstream is away.
    pub heartbeat: Duration,
    /// The pause after the first failed attempt to resume. Each further one doubles it.
    pub retry_first: Duration,
    /// The longest pause between two attempts to resume.
    pub retry_longest: Duration,
    /// The time from the loss of an upstream until the edge gives up.
    pub give_up_after: Duration,
    /// The time from a shutdown until what is still open is dropped.
    pub drain: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            request_head: Duration::from_secs(10),
            upload: UploadTimes::default(),
            response_head: Duration::from_secs(60),
            response_body: Duration::from_secs(60),
            abandoned: Duration::from_secs(1),
            shut_down: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            ping: Duration::from_secs(30),
            silence: Duration::from_secs(75),
            crowded: Duration::from_secs(3),
            close: Duration::from_secs(5),
            linger: Duration::from_secs(10),
            session_silence: Duration::from_secs(45),
            heartbeat: Duration::from_secs(15),
            retry_first: Duration::from_millis(100),
            retry_longest: Duration::from_secs(5),
            give_up_after: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}
