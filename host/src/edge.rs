//! WebSockets, for an application that has a relay: the edge in the same process, so that one port
//! serves everything.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use edge::{BodyError, BoxError, Caller, Config, Edge, Upstream};
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::App;
use crate::variables::Variables;

/// The variable with the secret that relay and edge share; an application that declares it has a
/// relay.
pub const SECRET_VARIABLE: &str = "edge_secret";

/// The secret that was configured, or made; `None` for an application without a relay.
pub fn secret(variables: &Variables) -> Option<String> {
    let secret = variables.expand(&format!("{{{{ {SECRET_VARIABLE} }}}}"));
    secret.ok().filter(|secret| !secret.is_empty())
}

/// A random secret.
///
/// # Errors
/// When the system has no randomness.
pub fn random_secret() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no randomness for a secret")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The relay component as the upstream of the edge.
struct Relay(Arc<App>);

impl Upstream for Relay {
    fn call(
        &self,
        request: Request<edge::Body>,
    ) -> BoxFuture<'static, Result<Response<edge::Body>, BoxError>> {
        let app = self.0.clone();
        Box::pin(async move {
            let request = request
                .map(|body| body.map_err(|error| Error::InternalError(Some(error.to_string()))));
            let request = request.map(BodyExt::boxed_unsync);
            Ok(match app.clients().feed(&app, request).await {
                Some(response) => response.map(|body| body.map_err(BodyError::new).boxed_unsync()),
                None => edge::busy("too many streams are open; try again"),
            })
        })
    }
}

/// The edge in front of the application's relay. It is given only handshakes: everything else is
/// the host's own.
#[derive(Clone)]
pub struct Sockets(Edge);

impl Sockets {
    /// The edge in front of `app`, which believes its headers because of `secret`. When the edge
    /// ends, sockets have the time `drain` to close.
    ///
    /// # Errors
    /// When the secret is not visible ASCII.
    pub fn new(app: Arc<App>, secret: String, drain: Duration) -> anyhow::Result<Self> {
        let mut config = Config {
            secret: Some(secret),
            // A platform's limit on how long an answer lasts is what its clients see.
            mends_budgets: false,
            ..Config::default()
        };
        config.times.drain = drain;
        // The host's own, which its metrics tell.
        let streams = app.clients().stream_limits();
        config.limits.streams = streams.all;
        config.limits.upstream_streams = streams.upstream;
        Ok(Self(Edge::new(config, Relay(app))?))
    }

    /// The edge's counts, in the Prometheus text format; `app` admits the event streams.
    pub(crate) fn metrics(&self, app: &App) -> String {
        self.0.metrics_of(app.clients().stream_counts())
    }

    /// Whether a request asks for a socket.
    pub(crate) fn are_asked_for(&self, request: &Request<Incoming>) -> bool {
        self.0.is_asked_for(request)
    }

    /// Answers a handshake, and serves the socket on its connection if it is accepted.
    pub(crate) async fn open(
        &self,
        request: Request<Incoming>,
        caller: &Caller,
    ) -> Response<WasiBody> {
        let response = self.0.upgrade(request, caller).await;
        response.map(|body| {
            body.map_err(|error| Error::InternalError(Some(error.to_string())))
                .boxed_unsync()
        })
    }

    /// Whether an answer is a stream that clients may share.
    pub(crate) fn is_shareable(&self, method: &Method, response: &Response<WasiBody>) -> bool {
        self.0.is_shareable(method, response)
    }

    /// Offers in the head of a request to keep its stream while it has nothing to say.
    pub(crate) fn offer_to_park(&self, headers: &mut HeaderMap) {
        self.0.offer_to_park(headers);
    }

    /// The stream of one client that shares an answer with others; see [`Edge::share`].
    pub(crate) fn share(
        &self,
        head: &Parts,
        caller: &Caller,
        response: Response<WasiBody>,
        may_lead: bool,
    ) -> Response<WasiBody> {
        let response = response.map(|body| body.map_err(BodyError::new).boxed_unsync());
        let response = self.0.share(head, caller, response, may_lead);
        response.map(|body| {
            body.map_err(|error| Error::InternalError(Some(error.to_string())))
                .boxed_unsync()
        })
    }

    /// Closes all sockets with 1012.
    pub(crate) async fn shut_down(&self) {
        self.0.shut_down().await;
    }
}
