//! WebSockets, for an application that has a relay: the edge in the same process, so that one port serves everything.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use edge::{BodyError, BoxError, Config, Edge, Upstream};
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::App;
use crate::variables::Variables;

/// The variable by which an application says that it has a relay: what relay and edge share.
pub const SECRET_VARIABLE: &str = "edge_secret";

/// Headers by which the edge says who the client is. It sees only this process.
const ORIGINS: [&str; 5] = [
    "x-edge-client",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "forwarded",
];

/// The secret that was configured, or made; `None` for an application without a relay.
pub fn secret(variables: &Variables) -> Option<String> {
    let secret = variables.expand(&format!("{{{{ {SECRET_VARIABLE} }}}}"));
    secret.ok().filter(|secret| !secret.is_empty())
}

/// A secret that nobody knows.
///
/// # Errors
/// When the system has no randomness.
pub fn random_secret() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no randomness for a secret")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The application, answering the edge's requests about sockets and no others.
struct Relay {
    app: Arc<App>,
    path: String,
}

impl Upstream for Relay {
    fn call(
        &self,
        mut request: Request<edge::Body>,
    ) -> BoxFuture<'static, Result<Response<edge::Body>, BoxError>> {
        let app = self.app.clone();
        let is_session = request.uri().path() == self.path;
        Box::pin(async move {
            if !is_session {
                let mut response =
                    Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
                *response.status_mut() = StatusCode::NOT_FOUND;
                return Ok(response);
            }
            for name in ORIGINS {
                request.headers_mut().remove(name);
            }
            let request = request
                .map(|body| body.map_err(|error| Error::InternalError(Some(error.to_string()))));
            let response = app.handle(request, (Ipv4Addr::LOCALHOST, 0).into()).await;
            Ok(response.map(|body| body.map_err(BodyError::new).boxed_unsync()))
        })
    }
}

/// The edge, listening where only this process has reason to connect: a handshake that arrives at the host's own port
/// is passed on to it there with the connection it came on.
#[derive(Clone)]
pub struct Sockets {
    address: SocketAddr,
    paths: Arc<[String]>,
    stop: CancellationToken,
    serving: TaskTracker,
}

impl Sockets {
    /// Starts the edge in front of `app`, which knows it by `secret`. When it ends it gives sockets `drain` to close.
    ///
    /// # Errors
    /// When there is no port, or the secret is not visible ASCII.
    pub async fn start(app: Arc<App>, secret: String, drain: Duration) -> anyhow::Result<Sockets> {
        let mut config = Config {
            secret: Some(secret),
            ..Config::default()
        };
        // All have the address of this process.
        config.limits.sockets_per_address = config.limits.sockets;
        config.limits.connections_per_address = config.limits.connections;
        config.times.drain = drain;
        let paths = config.socket_paths.clone().into();
        let relay = Relay {
            app,
            path: config.session_path.clone(),
        };
        let edge = Edge::new(config, relay)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, serving) = (CancellationToken::new(), TaskTracker::new());
        let stopped = stop.clone().cancelled_owned();
        serving.spawn(async move { edge.serve(listener, stopped).await });
        serving.close();
        Ok(Sockets {
            address,
            paths,
            stop,
            serving,
        })
    }

    /// Whether a request asks for a socket.
    pub(crate) fn are_asked_for(&self, request: &Request<Incoming>) -> bool {
        let says = |name, token: &str| {
            let values = request.headers().get_all(name).iter();
            values
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|item| item.trim().eq_ignore_ascii_case(token))
        };
        request.method() == Method::GET
            && request.version() == Version::HTTP_11
            && says(header::CONNECTION, "upgrade")
            && says(header::UPGRADE, "websocket")
            && self.paths.iter().any(|path| path == request.uri().path())
    }

    /// Passes a handshake on to the edge, and its connection if the edge accepts it.
    pub(crate) async fn open(&self, request: Request<Incoming>) -> Response<WasiBody> {
        match self.pass_on(request).await {
            Ok(response) => response.map(|body| body.map_err(Error::from).boxed_unsync()),
            Err(error) => {
                tracing::error!("the edge: {error:#}");
                let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
                let mut response = Response::new(body);
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }

    async fn pass_on(&self, mut request: Request<Incoming>) -> anyhow::Result<Response<Incoming>> {
        let from_client = hyper::upgrade::on(&mut request);
        let stream = TcpStream::connect(self.address).await?;
        // Events are small and must not wait for more.
        stream.set_nodelay(true)?;
        let (mut edge, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!("a handshake: {error}");
            }
        });
        let mut response = edge.send_request(request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let from_edge = hyper::upgrade::on(&mut response);
            tokio::spawn(async move {
                if let Ok((client, edge)) = tokio::try_join!(from_client, from_edge) {
                    let (mut client, mut edge) = (TokioIo::new(client), TokioIo::new(edge));
                    // Who breaks the connection off is the edge's to notice.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut edge).await;
                }
            });
        }
        Ok(response)
    }

    /// Closes all sockets with 1012.
    pub(crate) async fn shut_down(&self) {
        self.stop.cancel();
        self.serving.wait().await;
    }
}
