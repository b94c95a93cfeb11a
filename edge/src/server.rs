//! Accepting connections, and closing them.

use crate::{
    Edge, Shared,
    answer::{self, Asked},
    body::{Linger, when_over},
    caller::Caller,
    client_stream::{ClientStream, Presence},
    connections::OpenConnection,
    events::Newcomer,
    handshake::{Connection, Lifetime, is_handshake},
    head::{LARGEST_HEAD, head_error, in_origin_form},
    headers::{self, EDGE_PARK},
    upstream::Body,
};
use admission::ClientKey;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use std::{convert::Infallible, future::Future, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};

/// Pause after which a listener that cannot accept (no file descriptors, say) tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Sets a socket's options so that the kernel drops a peer that has vanished, or takes nothing of
/// what it was sent.
fn tune(stream: &TcpStream, silence: Duration) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(silence / 2)
        .with_interval(silence / 4);
    let tuned = stream
        .set_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keepalive));
    #[cfg(target_os = "linux")]
    let tuned = tuned.and_then(|()| socket.set_tcp_user_timeout(Some(silence)));
    if let Err(error) = tuned {
        tracing::debug!(%error, "a connection keeps the system's own settings");
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Edge {
    /// Serves clients until `shutdown` is done: then sockets are closed with 1012, event streams
    /// cut so that their clients come back, and what is still open after
    /// [`Times::drain`](crate::Times::drain) is dropped.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        self.accept_all(listener, None, shutdown).await;
    }

    /// [`serve`](Self::serve) over TLS.
    pub async fn serve_tls(
        &self,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        self.accept_all(listener, Some(TlsAcceptor::from(tls)), shutdown)
            .await;
    }

    async fn accept_all(
        &self,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let lifetime = Lifetime::default();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let (stream, address) = select! {
                () = &mut shutdown => break,
                accepted = accept(&listener) => accepted,
            };
            let Some(place) = self.connection_place(address) else {
                tracing::debug!("too many connections");
                continue;
            };
            let (edge, tls, connection_lifetime) = (self.clone(), tls.clone(), lifetime.clone());
            let abort = lifetime.abort.clone();
            lifetime.tasks.spawn(async move {
                edge.shared.metrics.connections_open.inc();
                let place = Arc::new(place);
                let served =
                    edge.serve_connection(stream, &place, address, tls, connection_lifetime);
                let served = abort.run_until_cancelled(served);
                select! {
                    _ = served => {}
                    () = place.closed() => tracing::debug!("a silent connection makes room"),
                }
                edge.shared.metrics.connections_open.dec();
            });
        }
        drop(listener);
        lifetime.end(self.shared.config.times.drain).await;
    }

    /// A permit for a new connection, if there is one. A trusted proxy may have any number.
    fn connection_place(&self, address: IpAddr) -> Option<OpenConnection> {
        let Shared {
            config,
            connections,
            ..
        } = &*self.shared;
        let per_client = match config.trusted_proxies.has(address) {
            true => usize::MAX,
            false => config.limits.connections_per_address,
        };
        let place = connections.open(ClientKey::of(address), per_client);
        place.ok()
    }

    /// Whether a request asks for a WebSocket where there is one. What asks for one elsewhere is an
    /// ordinary request.
    pub fn is_asked_for<B>(&self, request: &Request<B>) -> bool {
        let path = request.uri().path();
        is_handshake(request)
            && self
                .shared
                .config
                .socket_paths
                .iter()
                .any(|known| known == path)
    }

    /// Answers a handshake that came to a server of another kind, from `caller`, by HTTP. If the
    /// answer is `101` and that server lets hyper upgrade the connection, the socket is served in a
    /// task of its own until [`shut_down`](Self::shut_down).
    pub async fn upgrade(&self, request: Request<Incoming>, caller: &Caller) -> Response<Body> {
        let Shared {
            gate, handed_over, ..
        } = &*self.shared;
        gate.admit(request, caller, handed_over).await
    }

    /// Whether an answer that came from the application without this edge is a stream to be
    /// [shared](Self::share).
    pub fn is_shareable<B>(&self, method: &Method, response: &Response<B>) -> bool {
        crate::events::is_shareable(method, response)
    }

    /// Lets the client of a [shareable](Self::is_shareable) answer follow the stream that others
    /// follow already, until [`shut_down`](Self::shut_down). `request` is what `caller` sent; the
    /// edge sends it to the application again when the stream is cut and has to be resumed.
    /// `may_lead`: others may follow this answer; otherwise it ends early, unless there is a stream
    /// that it can join.
    pub fn share(
        &self,
        request: &Parts,
        caller: &Caller,
        response: Response<Body>,
        may_lead: bool,
    ) -> Response<Body> {
        let Shared {
            config,
            secret,
            events,
            handed_over,
            ..
        } = &*self.shared;
        let mut headers = request.headers.clone();
        headers::clean_request(&mut headers);
        headers::add_caller(&mut headers, caller, secret.as_ref());
        let newcomer = Newcomer {
            client: ClientKey::of(caller.address),
            may_park: request.headers.contains_key(EDGE_PARK),
            uri: request.uri.clone(),
            headers,
            permit: Linger::new((), Duration::ZERO),
            may_lead,
            max_unread: config.limits.unread_events,
            shutdown: handed_over.shutdown.clone(),
        };
        let mut response = events.share(newcomer, response);
        headers::clean_response(response.headers_mut());
        response
    }

    /// Offers in the head of a request, whose answer may be [shared](Self::share), to keep the
    /// stream while it has nothing to say.
    pub fn offer_to_park(&self, headers: &mut HeaderMap) {
        self.shared.events.kind.offer(headers);
    }

    /// Closes the sockets that came by [`upgrade`](Self::upgrade) with 1012, and cuts the streams
    /// of [`share`](Self::share); what is still open after
    /// [`Times::drain`](crate::Times::drain) is dropped. There can be no others afterwards.
    pub async fn shut_down(&self) {
        let drain = self.shared.config.times.drain;
        self.shared.handed_over.end(drain).await;
    }

    async fn serve_connection(
        &self,
        stream: TcpStream,
        place: &Arc<OpenConnection>,
        address: IpAddr,
        tls: Option<TlsAcceptor>,
        lifetime: Lifetime,
    ) {
        let times = &self.shared.config.times;
        tune(&stream, times.silence);
        let is_tls = tls.is_some();
        let stream = ClientStream::new(stream);
        let presence = Presence::of(stream.clone(), times.shut_down);
        let io: Connection = match tls {
            None => Either::Left(stream),
            Some(tls) => match tokio::time::timeout(times.request_head, tls.accept(stream)).await {
                Ok(Ok(stream)) => Either::Right(Box::new(stream)),
                Ok(Err(_)) | Err(_) => return,
            },
        };
        let shutdown = lifetime.shutdown.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let (busy, presence) = (place.busy(), &presence);
            let (edge, lifetime) = (self.clone(), lifetime.clone());
            presence.asks();
            let request = in_origin_form(request);
            // In a box of its own: the connection keeps what it is as long as it lasts.
            Box::pin(async move {
                let proxies = &edge.shared.config.trusted_proxies;
                let caller = Caller::of(address, is_tls, request.headers(), proxies);
                let asked = Asked::of(request.uri(), request.headers());
                let response = match edge.is_misdirected(address, request.headers()) {
                    true => answer::misdirected(),
                    false => edge.answer(request, &caller, &lifetime).await,
                };
                let response = asked.complete(response, answer::whole);
                presence.is_answered(response.headers());
                Ok::<_, Infallible>(when_over(response, move |_| drop(busy)))
            })
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(times.request_head)
            .max_buf_size(LARGEST_HEAD)
            .half_close(true)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let serving = async {
            select! {
                ended = &mut connection => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        let ended = select! {
            ended = serving => ended,
            () = presence.left() => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection");
        }
    }

    /// Whether a request asks this machine, from itself, for a site that is not served here.
    fn is_misdirected(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let names = self.shared.config.local_names.as_ref();
        names.is_some_and(|names| names.refuse(peer, headers.get(header::HOST)))
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        caller: &Caller,
        lifetime: &Lifetime,
    ) -> Response<Body> {
        let config = &self.shared.config;
        let path = request.uri().path();
        if path == config.session_path {
            return answer::refuse(StatusCode::NOT_FOUND, "NOT_FOUND", "no such route");
        }
        if self.is_asked_for(&request) {
            let (parts, body) = request.into_parts();
            if let Some(refusal) = head_error(&parts) {
                return refusal;
            }
            let request = Request::from_parts(parts, body);
            return self.shared.gate.admit(request, caller, lifetime).await;
        }
        self.shared
            .proxy
            .forward(request, caller, &lifetime.shutdown)
            .await
    }

    /// Serves `GET /metrics` until `shutdown` is done. Not for the public.
    pub async fn serve_metrics(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let tasks = TaskTracker::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let stop = CancellationToken::new();
        loop {
            let (stream, address) = select! {
                () = &mut shutdown => break,
                accepted = accept(&listener) => accepted,
            };
            let (edge, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let response = match edge.is_misdirected(address, request.headers()) {
                        true => answer::misdirected(),
                        false => edge.metrics_answer(&request),
                    };
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(edge.shared.config.times.request_head)
                    .serve_connection(TokioIo::new(stream), service);
                let _ = stop.run_until_cancelled(connection).await;
            });
        }
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }

    fn metrics_answer(&self, request: &Request<Incoming>) -> Response<Body> {
        if request.method() != Method::GET || request.uri().path() != "/metrics" {
            return answer::refuse(StatusCode::NOT_FOUND, "NOT_FOUND", "only GET /metrics");
        }
        let mut response = Response::new(answer::whole(self.metrics()));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        );
        response
    }
}
