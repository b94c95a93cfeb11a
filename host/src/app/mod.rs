//! A loaded application, and the handling of a request.

mod bindings;
mod instance;
mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use edge::{LocalNames, TrustedProxies, UploadTimes};
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wasmtime::Engine;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme as WasiScheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use self::instance::Instance;
use crate::allowed_hosts::AllowedHosts;
use crate::body::LimitedBody;
use crate::clients::{ClientSettings, Clients, Hold, RunRoom, StreamLimits, Work};
use crate::counters::Counters;
use crate::edge::Sockets;
use crate::epochs::EpochScheduler;
use crate::kv::fault::Faults;
use crate::kv::{FaultPlan, KvBackend};
use crate::limits::Limits;
use crate::logs::Log;
use crate::memory::MemoryPool;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::routes::Router;
use crate::traces::{Span, TraceHeaders, Traces};

/// Time for which handlers, and the spans of traces, may go on after a signal to end.
pub const DRAIN: Duration = Duration::from_secs(3);

/// Time for which a request waits for an instance when all are in use.
pub(crate) const INSTANCE_WAIT: Duration = Duration::from_secs(2);

/// The same, of a run that goes on for no other: it is asked for again when somebody next looks at
/// the job, and who asks holds an instance meanwhile.
const RUN_WAIT: Duration = Duration::from_millis(50);

/// Settings of an application.
pub struct Settings {
    /// The platform's limits.
    pub limits: Limits,
    /// Faults of storage and network.
    pub fault: FaultPlan,
    /// Number of instances at a time. A request that finds no room is answered 503. Those that may
    /// run jobs leave an eighth of them to all others.
    pub max_instances: u32,
    /// Bytes of memory that all instances may have together, beyond what they begin with.
    pub memory: usize,
    /// The trusted proxies, and the limits of clients.
    pub clients: ClientSettings,
    /// Whether somebody may ask what the application does and costs: whether its logs are read for
    /// that, the keys of the store counted, which takes memory for each, and whether faults can be
    /// set later.
    pub is_observed: bool,
    /// The traces of requests, if somebody collects them.
    pub traces: Option<Traces>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            fault: FaultPlan::default(),
            max_instances: 1_000,
            memory: 256 << 20,
            clients: ClientSettings {
                streams: StreamLimits::of(1_000),
                upload: UploadTimes::default(),
                trusted_proxies: TrustedProxies::default(),
                local_names: LocalNames::default(),
            },
            is_observed: false,
            traces: None,
        }
    }
}

/// An application, ready to answer requests.
pub struct App {
    router: Router,
    components: BTreeMap<String, Component>,
    engine: Engine,
    epochs: Arc<EpochScheduler>,
    limits: Limits,
    store: Arc<dyn KvBackend>,
    outbound: Outbound,
    faults: Faults,
    counters: Arc<Counters>,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    room: Arc<Semaphore>,
    /// The part of the room for what may run a job, and last for minutes: what the application
    /// asks of itself, and the `POST`s of clients, whose instances may go on after the answer. A
    /// run that hands over gives its part to the next.
    run_room: Arc<Semaphore>,
    max_instances: u32,
    is_ending: AtomicBool,
    memory: MemoryPool,
    clients: Clients,
    address: OnceLock<SocketAddr>,
}

/// The room of one instance.
struct Room {
    _all: OwnedSemaphorePermit,
    run: Option<RunRoom>,
}

struct Component {
    id: Arc<str>,
    pre: ProxyPre<Instance>,
    environment: Vec<(String, String)>,
    variables: Arc<BTreeMap<String, String>>,
    allowed_hosts: Arc<AllowedHosts>,
    stores: Arc<BTreeSet<String>>,
    stdout: Log,
    stderr: Log,
}

impl App {
    /// The routes.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The counters of the application's costs.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The metrics for an operator's monitoring.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The traces, if somebody collects them.
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.as_ref()
    }

    /// Sets the faults of storage, network and clock from now on. Storage has them only if the
    /// application is observed or had faults from the beginning.
    pub fn misbehave(&self, plan: FaultPlan) {
        self.faults.replace(plan);
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Tells the application the address it is reached at, for requests to itself. Only the first
    /// call counts.
    pub fn set_local_addr(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// The address the application is reached at.
    pub fn local_addr(&self) -> SocketAddr {
        const UNKNOWN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
        self.address.get().copied().unwrap_or(UNKNOWN)
    }

    /// Waits until no handler runs any more, but no longer than `limit`. True if none does. Those
    /// that run get no answer from the application itself: what they would begin goes on when the
    /// store's next host starts.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.is_ending.store(true, Ordering::Relaxed);
        let all = self.room.acquire_many(self.max_instances);
        tokio::time::timeout(limit, all).await.is_ok()
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Answers a request of a client, if it may have one more.
    pub async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        client: SocketAddr,
        sockets: Option<&Sockets>,
    ) -> Response<WasiBody> {
        self.clients.answer(self, request, client, sockets).await
    }

    /// Answers one request.
    ///
    /// The handler may go on after the response has been sent, and after this future has been
    /// dropped.
    pub async fn handle<B>(
        self: &Arc<Self>,
        request: Request<B>,
        client: SocketAddr,
    ) -> Response<WasiBody>
    where
        B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
    {
        self.handle_holding(request, client, Hold::default()).await
    }

    /// Answers a request as [`Self::handle`] does, giving back what `hold` holds when the handler
    /// has ended.
    pub(crate) async fn handle_holding<B>(
        self: &Arc<Self>,
        request: Request<B>,
        client: SocketAddr,
        hold: Hold,
    ) -> Response<WasiBody>
    where
        B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
    {
        let path = request.uri().path();
        if let Some(own) = path.strip_prefix("/.well-known/spin/") {
            return match own {
                "health" => plain(StatusCode::OK, "OK"),
                _ => plain(StatusCode::NOT_FOUND, ""),
            };
        }
        let Some(found) = self.router.find(path) else {
            return plain(StatusCode::NOT_FOUND, "");
        };
        let Some(component) = self.components.get(&found.route.component) else {
            return plain(StatusCode::NOT_FOUND, "");
        };
        let (mut parts, body) = request.into_parts();
        let Some(uri) = absolute(&parts, self.local_addr()) else {
            return plain(
                StatusCode::BAD_REQUEST,
                "the Host header is missing or invalid",
            );
        };
        let named = TraceHeaders::read(&parts.headers);
        let span = self.traces.as_ref().map_or_else(Span::default, |traces| {
            let route = &found.route.raw;
            traces.request(&parts.method, uri.path(), route, named.as_ref())
        });
        span.write_into(&mut parts.headers);
        found.set_headers(&mut parts.headers, &uri, client);
        parts.uri = uri;
        let response = self.respond(component, parts, body, hold, &span).await;
        span.answered(response.status(), false);
        response
    }

    /// Answers a request with a component.
    async fn respond<B>(
        self: &Arc<Self>,
        component: &Component,
        parts: http::request::Parts,
        body: B,
        hold: Hold,
        span: &Span,
    ) -> Response<WasiBody>
    where
        B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
    {
        let trace = TraceHeaders::read(&parts.headers).map(|trace| trace.id());
        let announced = body.size_hint().lower();
        if self
            .limits
            .request_body
            .is_some_and(|limit| announced > limit)
        {
            return plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the platform's limit on request bodies",
            );
        }
        let body = LimitedBody::new(
            body.map_err(Into::into).boxed_unsync(),
            self.limits.request_body,
            || Error::HttpRequestBodySize(None),
        );

        if self.is_ending.load(Ordering::Relaxed) {
            return busy("the application is shutting down");
        }
        let Some(room) = self.room_for(&hold).await else {
            let (id, most) = (&component.id, self.max_instances);
            match hold.work() {
                Work::Run(_) => self.counters.run_without_room(id),
                Work::Answer | Work::AnswerAndRun => self.counters.rejected(id),
            }
            match hold.work() {
                Work::Answer => tracing::error!(
                    traceId = trace,
                    "{id}: no room for a request, of {most} instances (SPIN_MAX_INSTANCE_COUNT)",
                ),
                Work::AnswerAndRun | Work::Run(_) => {
                    tracing::warn!(traceId = trace, "{id}: no room for a run");
                }
            }
            return busy("too many requests are under way; try again");
        };
        let request = Request::from_parts(parts, body);
        match self.run(component, request, room, hold, span).await {
            Ok(response) => response.map(|body| {
                LimitedBody::new(body, self.limits.response_body, || {
                    Error::HttpResponseBodySize(None)
                })
                .boxed_unsync()
            }),
            Err(error) => {
                tracing::error!(traceId = trace, "{}: {error:#}", component.id);
                plain(StatusCode::INTERNAL_SERVER_ERROR, "")
            }
        }
    }

    /// Waits for room for an instance.
    async fn room_for(&self, hold: &Hold) -> Option<Room> {
        let room = async {
            let run = match hold.work() {
                Work::Answer => None,
                Work::Run(Some(given)) => Some(given.clone()),
                Work::AnswerAndRun | Work::Run(None) => {
                    let room = self.run_room.clone().acquire_owned();
                    Some(Arc::new(room.await.ok()?))
                }
            };
            let all = self.room.clone().acquire_owned().await.ok()?;
            Some(Room { _all: all, run })
        };
        let wait = match hold.work() {
            Work::Run(None) => RUN_WAIT,
            // Whoever hands over makes room soon.
            Work::Answer | Work::AnswerAndRun | Work::Run(Some(_)) => INSTANCE_WAIT,
        };
        tokio::time::timeout(wait, room).await.ok()?
    }

    async fn run(
        self: &Arc<Self>,
        component: &Component,
        mut request: Request<LimitedBody>,
        room: Room,
        hold: Hold,
        span: &Span,
    ) -> anyhow::Result<Response<WasiBody>> {
        let span = span.run(&component.id);
        span.write_into(request.headers_mut());
        let trace = TraceHeaders::read(request.headers());
        let trace_id = trace.as_ref().map(TraceHeaders::id);
        let mut store = self.instance_store(component, &hold, &room, trace, span.clone());
        let shortage = store.data_mut().memory.shortage();
        let (of_answer, of_handler) = (shortage.clone(), shortage);
        let scheme = match request.uri().scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => WasiScheme::Https,
            _ => WasiScheme::Http,
        };
        let epochs = self.epochs.clone();
        let slice = epochs.install_slices(&mut store, hold.asker());
        let request = store
            .data_mut()
            .http()
            .new_incoming_request(scheme, request)?;
        let (sender, response) = oneshot::channel();
        let outparam = store.data_mut().http().new_response_outparam(sender)?;

        let pre = component.pre.clone();
        let id = component.id.clone();
        let counters = self.counters.clone();
        let limit = self.limits.handler;
        let started = Instant::now();
        counters.started(&id);
        let handler = async move {
            let handling = async {
                let proxy = pre.instantiate_async(&mut store).await?;
                proxy
                    .wasi_http_incoming_handler()
                    .call_handle(&mut store, request, outparam)
                    .await
            };
            let handling = epochs.run_in_slices(&slice, handling);
            let handling = async {
                tokio::select! {
                    result = handling => result.map_err(anyhow::Error::from),
                    () = of_handler.ended() => Err(anyhow::anyhow!("gave its memory to others")),
                }
            };
            let result = match limit {
                None => handling.await,
                Some(limit) => match tokio::time::timeout(limit, handling).await {
                    Ok(result) => result,
                    Err(_) => Err(anyhow::anyhow!(
                        "stopped after {limit:?}, the platform's limit"
                    )),
                },
            };
            let memory = store.data().memory.size();
            counters.ended(&id, started.elapsed(), memory, result.is_err());
            span.end(result.as_ref().err().map(|error| error as _));
            // Only now is there room for another instance.
            drop(store);
            drop(room);
            hold.release();
            result
        };
        let handler = tokio::spawn(handler);

        let id = component.id.clone();
        match response.await {
            Ok(response) => {
                tokio::spawn(async move {
                    match handler.await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => {
                            tracing::error!(
                                traceId = trace_id,
                                "{id}: after the response began: {error:#}"
                            );
                        }
                        Err(panic) => tracing::error!(traceId = trace_id, "{id}: {panic}"),
                    }
                });
                Ok(response.context("the component answered with an error")?)
            }
            Err(_) => {
                if let Err(error) = handler.await? {
                    if of_answer.is_starved() {
                        let id = &component.id;
                        tracing::warn!(traceId = trace_id, "{id}: no memory for it: {error:#}");
                        return Ok(busy("too much is under way; try again"));
                    }
                    return Err(error);
                }
                self.counters.failed(&component.id);
                anyhow::bail!("the component answered nothing")
            }
        }
    }
}

/// The request's URI with scheme and authority, from the URI itself or the Host header; `None` if
/// they are not valid or disagree. Clients of HTTP/1.0 need not name a host: the `own` address is
/// meant.
fn absolute(parts: &http::request::Parts, own: SocketAddr) -> Option<Uri> {
    let from_header = match parts.headers.get(header::HOST) {
        Some(value) => Some(value.to_str().ok()?.parse::<Authority>().ok()?),
        None => None,
    };
    let authority = match (from_header, parts.uri.authority()) {
        (Some(header), Some(uri)) if header != *uri => return None,
        (Some(header), _) => header,
        (None, Some(uri)) => uri.clone(),
        (None, None) => own.to_string().parse().ok()?,
    };
    let mut uri = parts.uri.clone().into_parts();
    uri.scheme.get_or_insert(Scheme::HTTP);
    uri.authority = Some(authority);
    Uri::from_parts(uri).ok()
}

/// The response when there is no room for a request now.
fn busy(message: &'static str) -> Response<WasiBody> {
    edge::busy(message).map(|body| {
        body.map_err(|error| Error::InternalError(Some(error.to_string())))
            .boxed_unsync()
    })
}

fn plain(status: StatusCode, text: &'static str) -> Response<WasiBody> {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
