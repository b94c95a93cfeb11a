//! `wasi:http/outgoing-handler`: requests that a component sends.

mod pending;

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use admission::canonical;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri, header};
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use tower_service::Service;
use url::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::pending::{AnswerBody, Pending};
use crate::allowed_hosts::AllowedHosts;
use crate::app::App;
use crate::body::IdleTimeoutBody;
use crate::clients::{Hold, RunRoom};
use crate::kv::fault::{Dice, Faults};
use crate::traces::{Span, TraceHeaders};
use crate::window::Window;

/// The time-out when a component names none, as in Spin.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Time for which a connection to a provider is kept for the next request.
const KEEP_IDLE: Duration = Duration::from_secs(30);

/// The connections, budgets and faults that all instances share.
pub(crate) struct Outbound {
    client: Client<HttpsConnector<Connector>, WasiBody>,
    this_hour: Mutex<Window>,
    limit_per_hour: Option<u64>,
    faults: Faults,
    dice: Dice,
}

impl Outbound {
    pub(crate) fn new(limit_per_hour: Option<u64>, faults: Faults) -> anyhow::Result<Self> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector(tcp));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .build(connector);
        Ok(Self {
            client,
            this_hour: Mutex::new(Window::new(Duration::from_secs(3_600))),
            limit_per_hour,
            faults,
            dice: Dice::default(),
        })
    }

    fn admit(&self) -> bool {
        self.limit_per_hour.is_none_or(|limit| {
            self.this_hour
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .admit(Instant::now(), limit)
        })
    }

    async fn send(
        &self,
        request: Request<WasiBody>,
        options: &RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let plan = self.faults.plan();
        if !plan.outbound_delay.is_zero() {
            tokio::time::sleep(plan.outbound_delay).await;
        }
        if self.dice.roll(plan.outbound_fail) {
            return Err(Error::ConnectionTerminated);
        }
        let connect = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let answer = CONNECT_TIMEOUT.scope(connect, self.client.request(request));
        let response = timeout(first_byte, answer)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| code(&error))?;
        Ok(response.map(|body| body.map_err(Error::from).boxed_unsync()))
    }
}

tokio::task_local! {
    /// The connect time-out of the request that a task sends: the client connects inside that task
    /// and has no other way to be told.
    static CONNECT_TIMEOUT: Duration;
}

/// Whether an address is that of a neighbour on the same link, as a cloud's service of metadata and
/// credentials is, of such a service elsewhere, or of nobody: also where it is written as an
/// address of IPv6.
fn is_beside(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(v4) => {
            let is_this_network = v4.octets()[0] == 0;
            is_this_network || v4.is_multicast() || v4.is_broadcast() || has_credentials(v4)
        }
        IpAddr::V6(v6) => match v6.segments() {
            // AWS and Google Cloud keep a range each, then Oracle Cloud, Alibaba Cloud, Linode and
            // Scaleway an address.
            [0xfd00, 0x0ec2, ..]
            | [0xfd20, 0x00ce, ..]
            | [0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
            | [0xfd00, 0x0100, 0, 0, 0, 0, 0x0100, 0x0200]
            | [0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1]
            | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042] => true,
            [0x64, 0xff9b, 1, ..] => translated(v6).into_iter().any(has_credentials),
            _ => v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast(),
        },
    }
}

/// Whether an address is on the link, where most clouds have their service, or that of Alibaba
/// Cloud, Oracle Cloud or Azure.
fn has_credentials(v4: Ipv4Addr) -> bool {
    v4.is_link_local()
        || matches!(
            v4.octets(),
            [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16]
        )
}

/// What an address of a network's own translator (RFC 8215) may stand for: the address tells
/// nobody how long its prefix is, so by each length of RFC 6052.
fn translated(v6: Ipv6Addr) -> [Ipv4Addr; 4] {
    let bytes = v6.octets();
    // The ninth byte belongs to no address.
    [
        [6, 7, 9, 10],
        [7, 9, 10, 11],
        [9, 10, 11, 12],
        [12, 13, 14, 15],
    ]
    .map(|places| Ipv4Addr::from(places.map(|place| bytes[place])))
}

/// Names that lead to no neighbour: whoever answers for a name must not choose one. An operator who
/// means one writes its address.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move { others(resolving.await?) })
    }
}

/// The addresses that are no [neighbour](is_beside)'s.
fn others(
    addresses: impl Iterator<Item = SocketAddr>,
) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    let others: Vec<_> = addresses
        .filter(|address| !is_beside(address.ip()))
        .collect();
    match others.is_empty() {
        true => Err(io::Error::other(
            "the name leads to no address that may be asked",
        )),
        false => Ok(others.into_iter()),
    }
}

/// TCP with the request's connect time-out.
#[derive(Clone)]
struct Connector(HttpConnector<Resolver>);

type Boxed = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = <HttpConnector<Resolver> as Service<Uri>>::Response;
    type Error = Boxed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Boxed>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Boxed>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = CONNECT_TIMEOUT
            .try_with(|limit| *limit)
            .unwrap_or(DEFAULT_TIMEOUT);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(ConnectTimedOut.into()),
            }
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("connecting took too long")]
struct ConnectTimedOut;

/// The error code that fits an error best.
fn code(error: &hyper_util::client::legacy::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<ConnectTimedOut>() {
            return Error::ConnectionTimeout;
        }
        if error.is::<rustls::Error>() {
            return match error.downcast_ref() {
                Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
                return match tls {
                    rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                    _ => Error::TlsProtocolError,
                };
            }
            if error.kind() == std::io::ErrorKind::ConnectionRefused {
                return Error::ConnectionRefused;
            }
        }
        // How hyper-util's connector reports a name that does not resolve; it exports no type for
        // it.
        if error.to_string() == "dns error" {
            return Error::DnsError {
                rcode: Some("address not available".to_owned()),
                info_code: Some(0),
            };
        }
        cause = error.source();
    }
    if error.is_connect() {
        Error::ConnectionRefused
    } else {
        Error::HttpProtocolError
    }
}

/// The outbound requests of one instance.
pub(crate) struct Hooks {
    pub(crate) app: Arc<App>,
    pub(crate) component: Arc<str>,
    pub(crate) allowed: Arc<AllowedHosts>,
    /// The trace of the request that the instance answers, to which its outbound requests belong.
    pub(crate) trace: Option<TraceHeaders>,
    /// The span of the instance.
    pub(crate) span: Span,
    /// The instance's part of the room for runs.
    pub(crate) run_room: Option<RunRoom>,
}

impl Hooks {
    /// The span of a request, of which the request tells whoever is asked.
    fn lookup(&self, request: &mut Request<WasiBody>) -> Span {
        if !self.span.is_some() {
            return Span::default();
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        let method = request.method().clone();
        self.span.lookup(&method, &host, request.headers_mut())
    }
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let app = self.app.clone();
        let component = self.component.clone();
        let allowed = self.allowed.clone();
        let span = self.lookup(&mut request);
        let trace = self.trace.clone();
        if let Some(trace) = &trace
            && TraceHeaders::read(request.headers()).is_none()
        {
            trace.write_into(request.headers_mut());
        }
        let trace = trace.map(|trace| trace.id());
        let run_room = self.run_room.clone();
        Box::new(async move {
            let options = options.unwrap_or_default();
            let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
            let mut pending = Pending::new(app.clone(), span);
            let sender = Sender {
                app: &app,
                component: &component,
                allowed: &allowed,
                trace: trace.as_deref(),
                run_room,
            };
            let response = match sender.dispatch(request, &options, &mut pending).await {
                Ok(response) => response,
                Err(error) => {
                    pending.failed(&error);
                    return Err(error);
                }
            };
            pending.answered(response.status());
            let response = response.map(|body| {
                let body = IdleTimeoutBody::new(body, between_bytes).boxed_unsync();
                AnswerBody::new(body, pending).boxed_unsync()
            });
            let done: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

/// The instance that sends a request, and the id of the trace that it belongs to, for the log.
struct Sender<'a> {
    app: &'a Arc<App>,
    component: &'a str,
    allowed: &'a AllowedHosts,
    trace: Option<&'a str>,
    run_room: Option<RunRoom>,
}

impl Sender<'_> {
    async fn dispatch(
        self,
        mut request: Request<WasiBody>,
        options: &RequestOptions,
        pending: &mut Pending,
    ) -> Result<Response<WasiBody>, Error> {
        let Self {
            app,
            component,
            allowed,
            trace,
            run_room,
        } = self;
        let counters = app.counters();
        let host = request.uri().host().unwrap_or_default();
        // An SDK that cannot send a relative URL without an authority sends `:80`; others say
        // `self.alt`.
        if host.is_empty() || host == "self.alt" {
            if !allowed.allows_self() {
                counters.outbound_refused();
                tracing::warn!(
                    traceId = trace,
                    "{component}: request to the application itself refused; its allowed_outbound_hosts lack \"http://self\""
                );
                return Err(Error::HttpRequestDenied);
            }
            counters.outbound("self");
            return to_self(app, request, options, run_room).await;
        }

        let url: Url = request
            .uri()
            .to_string()
            .parse()
            .map_err(|_| Error::HttpRequestUriInvalid)?;
        let place = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        if !allowed.allows(&url) {
            counters.outbound_refused();
            tracing::warn!(
                traceId = trace,
                "{component}: request to {place} refused; its allowed_outbound_hosts lack \"{}://{place}\"",
                url.scheme()
            );
            return Err(Error::HttpRequestDenied);
        }
        let outbound = app.outbound();
        if !outbound.admit() {
            counters.outbound_refused();
            tracing::warn!(
                traceId = trace,
                "{component}: request to {place} refused; the platform's hourly limit is reached"
            );
            return Err(Error::ConnectionLimitReached);
        }
        counters.outbound(&place);
        // The client makes its own.
        request.headers_mut().remove(header::HOST);
        pending.goes_to(&place);
        outbound.send(request, options).await
    }
}

/// Sends a request to the application itself as if it had come in from outside.
async fn to_self(
    app: &Arc<App>,
    request: Request<WasiBody>,
    options: &RequestOptions,
    run_room: Option<RunRoom>,
) -> Result<Response<WasiBody>, Error> {
    let address = app.local_addr();
    let authority: Authority = address
        .to_string()
        .parse()
        .map_err(|_| Error::HttpRequestUriInvalid)?;
    let (mut parts, body) = request.into_parts();
    let mut uri = parts.uri.into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority.clone());
    if uri.path_and_query.is_none() {
        uri.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    }
    parts.uri = Uri::from_parts(uri).map_err(|_| Error::HttpRequestUriInvalid)?;
    let host = header::HeaderValue::from_str(authority.as_str());
    parts.headers.insert(
        header::HOST,
        host.map_err(|_| Error::HttpRequestUriInvalid)?,
    );
    let request = Request::from_parts(parts, body);

    // A task of its own: the request has been made even if its sender does not wait for the answer.
    let app = app.clone();
    let answer = tokio::spawn(async move {
        app.handle_holding(request, address, Hold::of_run(run_room))
            .await
    });
    let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
    timeout(first_byte, answer)
        .await
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(|error| Error::InternalError(Some(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_no_neighbour() {
        let others = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| {
                let address: IpAddr = text.parse().unwrap();
                SocketAddr::new(address, 0)
            });
            let others = others(addresses).map_err(|_| ());
            others.map(|others| {
                others
                    .map(|other| other.ip().to_string())
                    .collect::<Vec<_>>()
            })
        };
        for beside in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1::a9:fea9:fe00:0",
            "64:ff9b:1:6464:64:c800::",
            "2002:a9fe:a9fe::1",
            "2001:0:4136:e378:8000:63bf:5601:5601",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:100::100:200",
            "fd00:a9fe:a9fe::1",
            "fd00:42::42",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "::ffff:100.100.100.200",
            "fe80::1",
            "0.1.2.3",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            assert_eq!(others(&[beside]), Err(()), "{beside}");
            let left = others(&[beside, "192.0.2.1", "10.0.0.1", "2001:db8::1"]);
            let expected = ["192.0.2.1", "10.0.0.1", "2001:db8::1"];
            assert_eq!(left, Ok(expected.map(str::to_owned).into()), "{beside}");
        }
        // A network of one's own is none of these, nor is one that carries such an address.
        for own in [
            "fd00::1",
            "100.64.0.1",
            "64:ff9b::192.0.2.1",
            "64:ff9b:1::10.0.0.1",
            "fd00:c1::1",
            "fd00:42::43",
            "2001:db8::a9fe:a9fe",
            "::1",
        ] {
            assert_eq!(others(&[own]).map(|left| left.len()), Ok(1), "{own}");
        }
    }
}
