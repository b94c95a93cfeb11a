//! A loaded application, and what happens to one request.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme as WasiScheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::bindings::fermyon::spin as spin_bindings;
use crate::clock::{Monotonic, MonotonicOf};
use crate::counters::Counters;
use crate::kv::fault::{Dice, Faults, Faulty};
use crate::kv::interface::{Stores, StoresView};
use crate::kv::{FaultPlan, Guard, KvBackend};
use crate::limits::Limits;
use crate::logs::Log;
use crate::manifest::{self, Manifest, Route};
use crate::outbound::{Hooks, Outbound};
use crate::routes::Router;
use crate::streams::{StreamLimits, Streams};
use crate::turns::Turns;
use crate::variables::{self, Variables};

/// How an application is run.
pub struct Settings {
    /// What the platform allows.
    pub limits: Limits,
    /// How storage and network misbehave.
    pub fault: FaultPlan,
    /// How many instances there may be at a time. A request that finds no room is answered 500, as by Spin.
    pub max_instances: u32,
    /// How many event streams there may be at a time.
    pub streams: StreamLimits,
    /// How long a request's body may stand still while it is waited for.
    pub idle: Duration,
    /// Whether the keys there are get counted, which takes memory for each, and faults can come later.
    pub is_observed: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            limits: Limits::default(),
            fault: FaultPlan::default(),
            max_instances: 1_000,
            streams: StreamLimits::of(1_000),
            idle: Duration::from_secs(30),
            is_observed: false,
        }
    }
}

/// An application, ready to answer requests.
pub struct App {
    router: Router,
    components: BTreeMap<String, Component>,
    engine: Engine,
    turns: Arc<Turns>,
    limits: Limits,
    store: Arc<dyn KvBackend>,
    outbound: Outbound,
    faults: Faults,
    counters: Arc<Counters>,
    room: Arc<Semaphore>,
    max_instances: u32,
    streams: Streams,
    address: OnceLock<SocketAddr>,
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
    /// Loads what `manifest` describes; compiled code and logs are kept in `state_dir`.
    ///
    /// Compiling takes seconds; it must not run on a thread that others wait for.
    pub async fn load(
        manifest: &Manifest,
        variables: &Variables,
        backend: Arc<dyn KvBackend>,
        state_dir: &Path,
        settings: Settings,
    ) -> anyhow::Result<Arc<App>> {
        let counters = Arc::new(Counters::default());
        let engine = crate::engine::engine(settings.max_instances)?;
        let linker = linker(&engine)?;

        let routes = manifest.triggers().iter().filter_map(|t| match &t.route {
            Route::Pattern(pattern) => Some((pattern.as_str(), t.component.as_str())),
            Route::Private { .. } => None,
        });
        let router = Router::new(routes)?;

        let mut components = BTreeMap::new();
        for (id, described) in &manifest.components {
            let component = load_component(
                id, described, manifest, variables, &engine, &linker, state_dir,
            )
            .with_context(|| format!("component `{id}`"))?;
            components.insert(id.clone(), component);
        }

        let mut store = backend;
        let faults = Faults::new(settings.fault);
        if settings.is_observed || settings.fault != FaultPlan::default() {
            store = Arc::new(Faulty {
                inner: store,
                faults: faults.clone(),
                dice: Dice::default(),
            });
        }
        if settings.is_observed || settings.limits.bound_storage() {
            let guard = Guard::new(
                store,
                settings.limits.clone(),
                counters.clone(),
                &["default"],
            );
            store = Arc::new(guard.await.context("cannot list the keys of the store")?);
        }

        Ok(Arc::new(App {
            router,
            components,
            turns: Arc::new(Turns::of(&engine)?),
            engine,
            store,
            outbound: Outbound::new(settings.limits.outbound_per_hour, faults.clone())?,
            faults,
            limits: settings.limits,
            counters,
            room: Arc::new(Semaphore::new(settings.max_instances as usize)),
            max_instances: settings.max_instances,
            streams: Streams::new(
                settings.streams,
                settings.max_instances,
                settings.idle,
                crate::edge::secret(variables).as_deref(),
            ),
            address: OnceLock::new(),
        }))
    }

    /// The routes.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// What the application has cost so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Storage, network and clock misbehave like this from now on. Storage does so only if the application is
    /// observed or had faults from the beginning.
    pub fn misbehave(&self, plan: FaultPlan) {
        self.faults.replace(plan);
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Tells the application the address it is reached at, for requests to itself. Only the first call counts.
    pub fn set_local_addr(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// The address the application is reached at.
    pub fn local_addr(&self) -> SocketAddr {
        const UNKNOWN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
        self.address.get().copied().unwrap_or(UNKNOWN)
    }

    /// Waits until no handler runs any more, but no longer than `patience`. True if none does.
    pub async fn drain(&self, patience: Duration) -> bool {
        let all = self.room.acquire_many(self.max_instances);
        tokio::time::timeout(patience, all).await.is_ok()
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Answers a request of a client, who may have so many event streams.
    pub async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        client: SocketAddr,
    ) -> Response<WasiBody> {
        self.streams.answer(self, request, client).await
    }

    /// Answers one request.
    ///
    /// The handler may go on after the response has been sent, and after this future has been dropped.
    pub async fn handle<B>(
        self: &Arc<Self>,
        request: Request<B>,
        client: SocketAddr,
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
        let Some(uri) = absolute(&parts) else {
            return plain(
                StatusCode::BAD_REQUEST,
                "the Host header is missing or invalid",
            );
        };
        found.set_headers(&mut parts.headers, &uri, client);
        parts.uri = uri;

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
        let body = Bounded::new(
            body.map_err(Into::into).boxed_unsync(),
            self.limits.request_body,
            || Error::HttpRequestBodySize(None),
        );

        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            self.counters.rejected(&component.id);
            tracing::error!(
                "{}: no room for a request, {} instances are live (SPIN_MAX_INSTANCE_COUNT)",
                component.id,
                self.max_instances
            );
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "");
        };
        match self
            .run(component, Request::from_parts(parts, body), permit)
            .await
        {
            Ok(response) => response.map(|body| {
                Bounded::new(body, self.limits.response_body, || {
                    Error::HttpResponseBodySize(None)
                })
                .boxed_unsync()
            }),
            Err(error) => {
                tracing::error!("{}: {error:#}", component.id);
                plain(StatusCode::INTERNAL_SERVER_ERROR, "")
            }
        }
    }

    async fn run(
        self: &Arc<Self>,
        component: &Component,
        request: Request<Bounded>,
        permit: OwnedSemaphorePermit,
    ) -> anyhow::Result<Response<WasiBody>> {
        let mut store = self.instance_store(component);
        let turns = self.turns.clone();
        let turn = turns.limit(&mut store);
        let request = store
            .data_mut()
            .http()
            .new_incoming_request(WasiScheme::Http, request)?;
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
            let handling = turns.taken(&turn, handling);
            let result = match limit {
                None => handling.await.map_err(anyhow::Error::from),
                Some(limit) => match tokio::time::timeout(limit, handling).await {
                    Ok(result) => result.map_err(anyhow::Error::from),
                    Err(_) => Err(anyhow::anyhow!(
                        "stopped after {limit:?}, the platform's limit"
                    )),
                },
            };
            counters.ended(&id, started.elapsed(), result.is_err());
            // Only now is there room for another instance.
            drop(store);
            drop(permit);
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
                            tracing::error!("{id}: after the response began: {error:#}")
                        }
                        Err(panic) => tracing::error!("{id}: {panic}"),
                    }
                });
                Ok(response.context("the component answered with an error")?)
            }
            Err(_) => {
                handler.await??;
                self.counters.failed(&component.id);
                anyhow::bail!("the component answered nothing")
            }
        }
    }

    fn instance_store(self: &Arc<Self>, component: &Component) -> Store<Instance> {
        let wasi = WasiCtx::builder()
            .envs(&component.environment)
            .stdout(component.stdout.lines())
            .stderr(component.stderr.lines())
            .wall_clock(self.faults.clone())
            .build();
        let mut limits = StoreLimitsBuilder::new();
        if let Some(bytes) = self.limits.memory {
            limits = limits.memory_size(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        let instance = Instance {
            began: Instant::now(),
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            hooks: Hooks {
                app: self.clone(),
                component: component.id.clone(),
                allowed: component.allowed_hosts.clone(),
            },
            stores: Stores {
                component: component.id.clone(),
                allowed: component.stores.clone(),
                backend: self.store.clone(),
                counters: self.counters.clone(),
                open: 0,
            },
            variables: component.variables.clone(),
            limits: limits.build(),
        };
        let mut store = Store::new(&self.engine, instance);
        store.limiter(|instance| &mut instance.limits);
        store
    }
}

#[allow(
    clippy::too_many_arguments,
    reason = "called once, from where all of these are"
)]
fn load_component(
    id: &str,
    described: &manifest::Component,
    manifest: &Manifest,
    variables: &Variables,
    engine: &Engine,
    linker: &Linker<Instance>,
    state_dir: &Path,
) -> anyhow::Result<Component> {
    let source = manifest.dir.join(&described.source);
    let compiled = crate::engine::load(engine, &source, &state_dir.join("compiled"))?;
    let linked = linker
        .instantiate_pre(&compiled)
        .map_err(anyhow::Error::from)
        .context("it imports something that this host does not have; `spin up` might")?;
    let pre = ProxyPre::new(linked)
        .map_err(anyhow::Error::from)
        .context("it must export wasi:http/incoming-handler@0.2.x")?;

    let hosts = described
        .allowed_outbound_hosts
        .iter()
        .map(|template| variables.expand(template))
        .collect::<Result<Vec<_>, _>>()?;
    let logs = state_dir.join("logs");
    Ok(Component {
        id: id.into(),
        pre,
        environment: described.environment.clone().into_iter().collect(),
        variables: Arc::new(variables.expand_all(&described.variables)?),
        allowed_hosts: Arc::new(AllowedHosts::parse(hosts)?),
        stores: Arc::new(described.key_value_stores.iter().cloned().collect()),
        stdout: Log::open(Some(&logs), id, "stdout")?,
        stderr: Log::open(Some(&logs), id, "stderr")?,
    })
}

/// The request's URI with scheme and authority, from the URI itself or the Host header; `None` if there is no
/// valid one or the two disagree.
fn absolute(parts: &http::request::Parts) -> Option<Uri> {
    let from_header = match parts.headers.get(header::HOST) {
        Some(value) => Some(value.to_str().ok()?.parse::<Authority>().ok()?),
        None => None,
    };
    let authority = match (from_header, parts.uri.authority()) {
        (Some(header), Some(uri)) if header != *uri => return None,
        (Some(header), _) => header,
        (None, Some(uri)) => uri.clone(),
        (None, None) => return None,
    };
    let mut uri = parts.uri.clone().into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    Uri::from_parts(uri).ok()
}

fn plain(status: StatusCode, text: &'static str) -> Response<WasiBody> {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// What one instance of a component has.
pub(crate) struct Instance {
    began: Instant,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    stores: Stores,
    variables: Arc<BTreeMap<String, String>>,
    limits: StoreLimits,
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

struct StoresOf;

impl wasmtime::component::HasData for StoresOf {
    type Data<'a> = StoresView<'a>;
}

fn linker(engine: &Engine) -> anyhow::Result<Linker<Instance>> {
    let mut linker: Linker<Instance> = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<_, MonotonicOf>(&mut linker, |instance| Monotonic {
        zero: instance.began,
        table: &mut instance.table,
    })?;
    linker.allow_shadowing(false);
    spin_bindings::key_value::add_to_linker::<_, StoresOf>(&mut linker, |instance| StoresView {
        stores: &mut instance.stores,
        table: &mut instance.table,
    })?;
    spin_bindings::variables::add_to_linker::<_, HasSelf<Instance>>(&mut linker, |instance| {
        instance
    })?;
    Ok(linker)
}

impl spin_bindings::variables::Host for Instance {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<String, spin_bindings::variables::Error>> {
        use spin_bindings::variables::Error;
        if let Err(error) = variables::check_name(&name) {
            return Ok(Err(Error::InvalidName(error.to_string())));
        }
        let value = self.variables.get(&name).cloned();
        Ok(
            value
                .ok_or_else(|| Error::Undefined(format!("the component has no variable `{name}`"))),
        )
    }
}

/// A body that fails beyond a limit.
struct Bounded {
    body: WasiBody,
    left: Option<u64>,
    error: fn() -> Error,
}

impl Bounded {
    fn new(body: WasiBody, limit: Option<u64>, error: fn() -> Error) -> Bounded {
        Bounded {
            body,
            left: limit,
            error,
        }
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let (Poll::Ready(Some(Ok(frame))), Some(left)) = (&frame, self.left)
            && let Some(data) = frame.data_ref()
        {
            match left.checked_sub(data.len() as u64) {
                Some(left) => self.left = Some(left),
                None => return Poll::Ready(Some(Err((self.error)()))),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
