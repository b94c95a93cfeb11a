//! How many event streams there may be. Each holds an instance as long as it is open, so without a
//! cap streams would shut everything else out, status polling first.
//!
//! A stream for which there is no room is passed on with `X-Stream-Budget: 0`: the application
//! answers with the current state and ends, and a browser's `EventSource` becomes a poller.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::limits::{Limiter, Permit, address_key, held, stream_target};
use edge::{EDGE_CLIENT, EDGE_SECRET, STREAM_BUDGET, accepts_event_stream, is_event_stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::App;
use crate::body::IdleTimeoutBody;

/// How many streams may be open at a time. An address is an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Event streams and the streams that WebSockets are fed from, in all.
    pub all: usize,
    /// Event streams of one client address. Not given: two thirds of all, and all for an address of
    /// no public network, which is most likely a proxy that stands for many.
    pub per_address: Option<usize>,
    /// Event streams of one path, that is of one job. Not given: as of one address.
    pub per_target: Option<usize>,
}

impl StreamLimits {
    /// The usual ones of a host with so many instances: a tenth is left to everything else.
    #[must_use]
    pub fn of(instances: u32) -> Self {
        Self {
            all: instances as usize * 9 / 10,
            per_address: None,
            per_target: None,
        }
    }

    fn share(&self, given: Option<usize>, address: IpAddr) -> usize {
        given.unwrap_or(match is_private(address) {
            true => self.all,
            false => self.all * 2 / 3,
        })
    }
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Counts the streams of one application, and what else its clients have under way.
pub(crate) struct Streams {
    limits: StreamLimits,
    max_instances: usize,
    idle: Duration,
    in_flight: Limiter<IpAddr>,
    by_address: Limiter<IpAddr>,
    by_target: Limiter<String>,
    edge_secret: Option<[u8; 32]>,
}

struct Room {
    _of_address: Permit<IpAddr>,
    _of_target: Option<Permit<String>>,
}

impl Streams {
    /// Whoever shows `edge_secret` is believed who the client is. A request's body may stand still
    /// for `idle`.
    pub(crate) fn new(
        limits: StreamLimits,
        max_instances: u32,
        idle: Duration,
        edge_secret: Option<&str>,
    ) -> Self {
        Self {
            limits,
            max_instances: max_instances as usize,
            idle,
            in_flight: Limiter::new(usize::MAX),
            by_address: Limiter::new(limits.all),
            by_target: Limiter::new(limits.all),
            edge_secret: edge_secret.map(|secret| Sha256::digest(secret).into()),
        }
    }

    fn address(&self, headers: &HeaderMap, connected: IpAddr) -> IpAddr {
        // Digests are compared, so that the time this takes tells nothing of the secret.
        let shown = headers
            .get(EDGE_SECRET)
            .map(|shown| <[u8; 32]>::from(Sha256::digest(shown)));
        let told = || headers.get(EDGE_CLIENT)?.to_str().ok()?.parse().ok();
        match (shown, self.edge_secret) {
            (Some(shown), Some(secret)) if shown == secret => told().unwrap_or(connected),
            _ => connected,
        }
    }

    /// Room for one more stream. What a request that makes a job streams is a new job, so only
    /// streams that are asked for with `GET` have a target.
    fn room(&self, method: &Method, target: &str, address: IpAddr) -> Option<Room> {
        let most = self.limits.share(self.limits.per_address, address);
        let of_address = self.by_address.acquire(address_key(address), most).ok()?;
        let most = self.limits.share(self.limits.per_target, address);
        let of_target = match *method == Method::GET {
            true => Some(self.by_target.acquire(target.to_owned(), most).ok()?),
            false => None,
        };
        Some(Room {
            _of_address: of_address,
            _of_target: of_target,
        })
    }

    /// Answers what the edge asks for its sockets; `None` when it would be a stream for which there
    /// is no room.
    pub(crate) async fn feed(
        &self,
        app: &Arc<App>,
        request: Request<WasiBody>,
    ) -> Option<Response<WasiBody>> {
        const EDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        // One stream feeds many sockets, and how many sockets a client has is the edge's to limit.
        let room = match *request.method() == Method::GET {
            true => Some(Room {
                _of_address: self.by_address.acquire(EDGE.ip(), usize::MAX).ok()?,
                _of_target: None,
            }),
            false => None,
        };
        let response = app.handle(request, EDGE).await;
        Some(match room {
            Some(room) => response.map(|body| held(body, room)),
            None => response,
        })
    }

    /// Answers a client's request; one for a stream only if there is room for it.
    pub(crate) async fn answer(
        &self,
        app: &Arc<App>,
        mut request: Request<Incoming>,
        client: SocketAddr,
    ) -> Response<WasiBody> {
        let method = request.method().clone();
        let target = stream_target(request.uri());
        let address = self.address(request.headers(), client.ip());
        // Slow uploads and slow readers hold instances, too; those of one client must leave room.
        // What turns out to be a stream with a place among the streams does not count here.
        let most = match is_private(address) {
            true => usize::MAX,
            false => self.max_instances.div_ceil(5),
        };
        let Ok(in_flight) = self.in_flight.acquire(address_key(address), most) else {
            let refusal = edge::too_many("too many requests of this address at the same time");
            return refusal.map(|body| {
                body.map_err(|error| Error::InternalError(Some(error.to_string())))
                    .boxed_unsync()
            });
        };
        let mut room = None;
        // An edge in front may have refused it already.
        let mut is_refused = request
            .headers()
            .get(STREAM_BUDGET)
            .is_some_and(|budget| budget == "0");
        if accepts_event_stream(&method, request.headers()) && !is_refused {
            room = self.room(&method, &target, address);
            if room.is_none() {
                is_refused = true;
                refuse(request.headers_mut());
            }
        }
        let mut again = (method == Method::GET && room.is_none() && !is_refused).then(|| {
            let body = Empty::<Bytes>::new().map_err(|never| -> Error { match never {} });
            let mut again = Request::new(body);
            (*again.method_mut(), *again.uri_mut()) = (method.clone(), request.uri().clone());
            *again.headers_mut() = request.headers().clone();
            again.headers_mut().remove(header::CONTENT_LENGTH);
            again
        });
        let request = request.map(|body| IdleTimeoutBody::new(body, self.idle));
        let mut response = app.handle(request, client).await;
        if !is_event_stream(response.headers()) {
            return response.map(|body| held(body, in_flight));
        }
        if let Some(mut again) = again.take() {
            // A stream that was not asked for as one.
            room = self.room(&method, &target, address);
            if room.is_none() {
                refuse(again.headers_mut());
                response = app.handle(again, client).await;
            }
        }
        match room {
            Some(room) => response.map(|body| held(body, room)),
            None => response.map(|body| held(body, in_flight)),
        }
    }
}

fn refuse(headers: &mut HeaderMap) {
    headers.insert(STREAM_BUDGET, HeaderValue::from_static("0"));
}
