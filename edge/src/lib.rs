//! Terminates WebSockets for an application that speaks only HTTP, and is its reverse proxy, so
//! that one address serves a client both ways.
//!
//! The application's relay decides what a socket may see and what is said on it; the edge asks it
//! over HTTP. PROTOCOL.md is the contract between the two. The edge knows nothing of what the
//! messages are about. Start at [`Edge`]; its limits and times are in [`Config`].
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let upstream = edge::HttpUpstream::new(&"http://127.0.0.1:3001".parse()?)?;
//! let edge = edge::Edge::new(edge::Config::default(), upstream)?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! edge.serve(listener, async { let _ = tokio::signal::ctrl_c().await; }).await;
//! # Ok(()) }
//! ```
//!
//! A program that contains the application implements [`Upstream`] instead of using
//! [`HttpUpstream`]; one that serves HTTP itself hands handshakes over with [`Edge::upgrade`].

mod answer;
mod backoff;
mod body;
mod caller;
mod client_stream;
mod config;
mod connections;
mod ends;
mod events;
mod handshake;
mod head;
mod headers;
mod hub;
mod local_names;
mod mend;
mod metrics;
mod outbox;
mod pace;
mod parking;
mod position;
mod proxy;
mod room;
mod server;
mod session;
mod socket;
mod sse;
mod tls;
mod upload;
mod upstream;

pub use answer::{Asked, busy, misdirected, too_many};
pub use body::{BodyEnd, when_over};
pub use caller::{Caller, TrustedProxies, is_host};
pub use client_stream::{ClientStream, Presence};
pub use config::{Config, Limits, SESSION_PATH, Times};
pub use connections::{Busy, Connections, OpenConnection, raise_open_files};
pub use head::{LARGEST_HEAD, head_error, in_origin_form};
pub use headers::{EDGE_CLIENT, EDGE_PARK, EDGE_SECRET};
pub use local_names::LocalNames;
pub use tls::tls;
pub use upload::{Upload, UploadError, UploadPlace, UploadTimes, Uploads};
pub use upstream::{Body, BodyError, BoxError, HttpUpstream, Upstream, UpstreamError};

use admission::{Admission, ClientKey, Limiter, StreamCounts};
use std::{net::Ipv4Addr, sync::Arc};

/// The reason why an edge cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The secret cannot be sent in a header.
    #[error("the secret must be visible ASCII")]
    Secret,
    /// The session path is no path.
    #[error("the session path must begin with / and have no query")]
    SessionPath,
}

/// One edge. Clones are the same edge: their limits and metrics are common.
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    metrics: Arc<metrics::Metrics>,
    connections: Connections,
    gate: handshake::Gate,
    proxy: proxy::Proxy,
    secret: Option<http::HeaderValue>,
    events: Arc<hub::Streams<events::Events>>,
    /// The clients whose requests another server has accepted and given to this edge.
    handed_over: handshake::Lifetime,
}

impl Edge {
    /// An edge in front of `upstream`.
    ///
    /// # Errors
    /// When the configuration contradicts itself.
    pub fn new(config: Config, upstream: impl Upstream) -> Result<Self, ConfigError> {
        let secret = config
            .secret
            .as_deref()
            .map(|secret| {
                let mut value =
                    http::HeaderValue::from_str(secret).map_err(|_| ConfigError::Secret)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let session_path = config.session_path.parse::<http::Uri>();
        let session_path = session_path.map_err(|_| ConfigError::SessionPath)?;
        if !config.session_path.starts_with('/') || session_path.query().is_some() {
            return Err(ConfigError::SessionPath);
        }
        let upstream: Arc<dyn Upstream> = Arc::new(upstream);
        let event_room = room::EventRoom::new(config.limits.event_room, config.times.crowded);
        let metrics = Arc::new(metrics::Metrics::new(&config.limits));
        let (limits, times) = (config.limits.clone(), config.times.clone());
        let parking = parking::Parking::new(
            upstream.clone(),
            secret.clone(),
            session_path,
            times.clone(),
            metrics.clone(),
        );
        let relay = Arc::new(session::Relay {
            parking: parking.clone(),
            upstream: upstream.clone(),
            secret: secret.clone(),
            path: config.session_path.clone(),
            max_event: config.limits.event_bytes,
            event_room: event_room.clone(),
            answer_within: config.times.handshake,
        });
        let events = events::Events {
            parking: parking.clone(),
            upstream: upstream.clone(),
            max_event: limits.event_bytes,
            event_room,
            answer_within: times.response_head,
            mends_budgets: config.mends_budgets,
        };
        let admission = Admission::new(admission::Limits {
            requests: limits.requests,
            streams: limits.streams,
            upstreams: limits.upstream_streams,
        });
        let room = admission.clone();
        let room: hub::TakeRoom =
            Box::new(move || Some(Box::new(room.feed().ok()?) as Box<dyn Send>));
        let events = hub::Streams::new(Arc::new(events), times.clone(), metrics.clone(), room);
        let sessions = Limiter::new(limits.upstream_sessions);
        let (room, all) = (
            sessions.clone(),
            ClientKey::of(Ipv4Addr::UNSPECIFIED.into()),
        );
        let room: hub::TakeRoom =
            Box::new(move || Some(Box::new(room.acquire(all, usize::MAX).ok()?) as Box<dyn Send>));
        let streams = hub::Streams::new(relay, times.clone(), metrics.clone(), room);
        let gate = handshake::Gate::new(streams, sessions, limits.clone());
        let connections = Connections::new(limits.connections);
        let proxy = proxy::Proxy {
            upstream,
            secret: secret.clone(),
            uploads: Uploads::new(limits.uploads),
            limits,
            times,
            metrics: metrics.clone(),
            events: events.clone(),
            admission,
        };
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                metrics,
                connections,
                gate,
                proxy,
                secret,
                events,
                handed_over: handshake::Lifetime::default(),
            }),
        })
    }

    /// The counts in the Prometheus (OpenMetrics) text format.
    pub fn metrics(&self) -> String {
        self.metrics_of(self.shared.proxy.admission.stream_counts())
    }

    /// The same where another server admits the event streams, and so counts them.
    pub fn metrics_of(&self, streams: StreamCounts) -> String {
        let Shared { metrics, gate, .. } = &*self.shared;
        metrics.text(streams, gate.upstream_sessions())
    }
}
