//! Limits of the host's clients: requests, event streams, uploads.
//!
//! The rules are those of [`admission`]; this says how many of everything a host with so many
//! instances has, and holds what a request was given as long as its instance lives.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use admission::{
    Admission, ClientKey, Full, Held, PerClient, ResponseAction, StreamCounts, StreamPlace, Ticket,
    is_private, parse_address,
};
use bytes::Bytes;
use edge::{
    BodyEnd, Caller, EDGE_CLIENT, EDGE_PARK, EDGE_SECRET, LocalNames, SESSION_PATH, TrustedProxies,
    Upload, UploadTimes, Uploads, when_over,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::{App, INSTANCE_WAIT};
use crate::edge::Sockets;
use crate::memory::Asker;

/// Number of uploads that may be under way at a time.
const UPLOADS: usize = 256;

/// Numbers of streams that may be open at a time. An address is an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Number of event streams of clients, in all. The more are open, the fewer one address may
    /// have: at most four times the number that is still free.
    pub all: usize,
    /// Number of answers of the application that event streams and WebSockets are fed from; each
    /// holds an instance.
    pub upstream: usize,
    /// Number of event streams of one client address, if there is a limit besides.
    pub per_address: Option<usize>,
    /// Number of event streams of one path, that is of one job, if there is a limit besides.
    pub per_target: Option<usize>,
}

impl StreamLimits {
    /// The usual limits of a host with so many instances: a tenth is left to everything else.
    #[must_use]
    pub fn of(instances: u32) -> Self {
        Self {
            all: 20_000,
            upstream: instances as usize * 9 / 10,
            per_address: None,
            per_target: None,
        }
    }
}

/// The trusted proxies, and the limits of clients.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Numbers of event streams that may be open at a time.
    pub streams: StreamLimits,
    /// Time limits of a request's body.
    pub upload: UploadTimes,
    /// The proxies in front whose headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// The names that a request from this machine may have in `Host`, besides addresses and
    /// `localhost`: a page of any other site can make its own name stand for this machine.
    pub local_names: LocalNames,
}

/// The client and the permits that an instance holds for its request until it ends, or its response
/// has been taken whole.
#[derive(Clone, Default)]
pub(crate) struct Hold {
    /// The client, if the request is a client's.
    asker: Option<Asker>,
    work: Work,
    share: Arc<Mutex<Option<Share>>>,
}

/// An instance's part of the room for runs, shared with the one that goes on with its work.
pub(crate) type RunRoom = Arc<OwnedSemaphorePermit>;

/// What an instance does for its request.
#[derive(Clone, Default)]
pub(crate) enum Work {
    /// It answers, and ends.
    #[default]
    Answer,
    /// It may run a job after its answer.
    AnswerAndRun,
    /// It runs a job, because the application has asked itself for that; with the room of the
    /// instance that asked, if it has some, which gives it away when it ends.
    Run(Option<RunRoom>),
}

enum Share {
    Asked(Ticket),
    Answered(Held),
}

impl Hold {
    fn of(client: Option<ClientKey>) -> Self {
        Self {
            asker: client.map(|client| Asker {
                client,
                is_answered: Arc::default(),
            }),
            ..Self::default()
        }
    }

    fn of_client(client: ClientKey, work: Work) -> Self {
        Self {
            work,
            ..Self::of(Some(client))
        }
    }

    /// Of a request of the application to itself: for a run, that is.
    pub(crate) fn of_run(room: Option<RunRoom>) -> Self {
        Self {
            work: Work::Run(room),
            ..Self::default()
        }
    }

    /// What the instance does for the request.
    pub(crate) fn work(&self) -> &Work {
        &self.work
    }

    /// The client that the request counts for; `None` when the application itself asks.
    pub(crate) fn asker(&self) -> Option<Asker> {
        self.asker.clone()
    }

    fn put(&self, share: Share) {
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = Some(share);
    }

    fn take(&self) -> Option<Share> {
        self.share
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Gives back what the request holds.
    pub(crate) fn release(&self) {
        drop(self.take());
    }

    /// Decides whether the response goes to the client, which keeps the request's permits then, or
    /// the request is sent again: with the ticket that is returned.
    fn settle(&self, answer: &HeaderMap) -> Option<Ticket> {
        let ticket = match self.take()? {
            Share::Asked(ticket) => ticket,
            answered @ Share::Answered(_) => {
                self.put(answered);
                return None;
            }
        };
        match ticket.settle(answer) {
            ResponseAction::Pass(held) => {
                self.put(Share::Answered(held));
                None
            }
            ResponseAction::Repeat(ticket) => Some(ticket),
        }
    }

    /// Takes the place that the client of a stream has, wherever the stream is fed from, and says
    /// whether there is room for its own answer to last.
    fn take_place(&self) -> Option<(StreamPlace, bool)> {
        match &mut *self.share.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Share::Answered(held)) => {
                let may_lead = held.is_stream();
                Some((held.take_place()?, may_lead))
            }
            Some(Share::Asked(_)) | None => None,
        }
    }
}

/// Admits the requests of one application's clients.
pub(crate) struct Clients {
    settings: ClientSettings,
    max_instances: usize,
    admission: Arc<Admission>,
    uploads: Uploads,
    edge_secret: Option<[u8; 32]>,
}

fn wasi(response: Response<edge::Body>) -> Response<WasiBody> {
    response.map(|body| {
        body.map_err(|error| Error::InternalError(Some(error.to_string())))
            .boxed_unsync()
    })
}

impl Clients {
    /// Makes the limits. A request that shows `edge_secret` is believed who its client is.
    pub(crate) fn new(
        settings: ClientSettings,
        max_instances: u32,
        edge_secret: Option<&str>,
    ) -> Self {
        Self {
            admission: Admission::new(admission::Limits {
                requests: max_instances as usize,
                streams: settings.streams.all,
                upstreams: settings.streams.upstream,
            }),
            settings,
            max_instances: max_instances as usize,
            uploads: Uploads::new(UPLOADS),
            edge_secret: edge_secret.map(|secret| Sha256::digest(secret).into()),
        }
    }

    pub(crate) fn trusted_proxies(&self) -> &TrustedProxies {
        &self.settings.trusted_proxies
    }

    pub(crate) fn stream_limits(&self) -> StreamLimits {
        self.settings.streams
    }

    /// The numbers that [`Self::stream_limits`] are compared with.
    pub(crate) fn stream_counts(&self) -> StreamCounts {
        self.admission.stream_counts()
    }

    /// Whether a request is sent by the edge in front.
    fn is_edge(&self, headers: &HeaderMap) -> bool {
        // Digests are compared, so that the time this takes tells nothing of the secret.
        let shown = headers
            .get(EDGE_SECRET)
            .map(|shown| <[u8; 32]>::from(Sha256::digest(shown)));
        shown.is_some() && shown == self.edge_secret
    }

    /// What the instance of a client's request may do. An edge in front sends what its sockets say,
    /// and asks about the streams that it keeps, whose jobs take all the room of runs at times.
    fn work(&self, parts: &http::request::Parts) -> Work {
        let is_relayed = parts.uri.path() == SESSION_PATH && self.is_edge(&parts.headers);
        match parts.method == Method::POST && !is_relayed {
            true => Work::AnswerAndRun,
            false => Work::Answer,
        }
    }

    /// The client of a request from `peer`, as the connection, a trusted proxy or an edge says.
    pub(crate) fn caller(&self, headers: &HeaderMap, peer: IpAddr) -> Caller {
        let mut caller = Caller::of(peer, false, headers, &self.settings.trusted_proxies);
        let told = headers.get(EDGE_CLIENT).and_then(|told| told.to_str().ok());
        if let Some(address) = told.and_then(parse_address)
            && self.is_edge(headers)
        {
            caller.address = address;
        }
        caller
    }

    fn per_client(&self, address: IpAddr) -> PerClient {
        let limits = self.settings.streams;
        PerClient {
            // Slow uploads and slow readers hold instances, too; those of one client must leave
            // room. What comes from no public network is a proxy most likely.
            requests: match is_private(address) {
                true => usize::MAX,
                false => self.max_instances.div_ceil(5),
            },
            streams: limits.per_address.unwrap_or(usize::MAX),
            streams_per_target: limits.per_target.unwrap_or(usize::MAX),
        }
    }

    /// Whether a request asks this machine, from itself, for a site that is not served here: a page
    /// elsewhere has made its name stand for this machine ("DNS rebinding").
    fn is_rebound(&self, caller: &Caller, peer: IpAddr, headers: &HeaderMap) -> bool {
        !self.is_edge(headers) && self.settings.local_names.refuse(peer, caller.host.as_ref())
    }

    /// Answers a request of the edge for its sockets; `None` when it would be a stream for which
    /// there is no room.
    pub(crate) async fn feed(
        &self,
        app: &Arc<App>,
        request: Request<WasiBody>,
    ) -> Option<Response<WasiBody>> {
        const EDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let told = request.headers().get(EDGE_CLIENT);
        let client = told.and_then(|told| parse_address(told.to_str().ok()?));
        let hold = Hold::of(client.map(ClientKey::of));
        if *request.method() == Method::GET {
            hold.put(Share::Answered(self.admission.feed().ok()?));
        }
        let response = app.handle_holding(request, EDGE, hold.clone()).await;
        Some(holding(response, hold))
    }

    /// The client of a request from `peer`, unless it is refused whatever it asks for.
    fn known_caller(
        &self,
        parts: &http::request::Parts,
        peer: IpAddr,
    ) -> Result<Caller, Box<Response<edge::Body>>> {
        if let Some(head_error) = edge::head_error(parts) {
            return Err(Box::new(head_error));
        }
        let caller = self.caller(&parts.headers, peer);
        match self.is_rebound(&caller, peer, &parts.headers) {
            true => Err(Box::new(edge::misdirected())),
            false => Ok(caller),
        }
    }

    /// Answers a request for a socket.
    pub(crate) async fn open_socket(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        sockets: &Sockets,
    ) -> Response<WasiBody> {
        let (parts, body) = request.into_parts();
        match self.known_caller(&parts, peer) {
            Ok(caller) => {
                let request = Request::from_parts(parts, body);
                sockets.open(request, &caller).await
            }
            Err(refusal) => wasi(*refusal),
        }
    }

    /// Answers a client's request; one for a stream only if there is room for it.
    pub(crate) async fn answer(
        &self,
        app: &Arc<App>,
        request: Request<Incoming>,
        peer: SocketAddr,
        sockets: Option<&Sockets>,
    ) -> Response<WasiBody> {
        let times = &self.settings.upload;
        let (mut parts, body) = request.into_parts();
        // A body that is refused is drained for a moment.
        let refused = |body, refusal| {
            drop(Upload::new(body, times.clone(), None));
            wasi(refusal)
        };
        let caller = match self.known_caller(&parts, peer.ip()) {
            Ok(caller) => caller,
            Err(refusal) => return refused(body, *refusal),
        };
        let key = ClientKey::of(caller.address);
        let limits = self.per_client(caller.address);
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let admit = || {
            self.admission
                .admit(key, limits, &method, &uri, &parts.headers)
        };
        let mut admitted = admit();
        let until = Instant::now() + INSTANCE_WAIT;
        // A proxy's clients wait for one another for a moment, as everybody does for an instance.
        while let Err(full) = admitted
            && (full == Full::All || is_private(caller.address))
            && Instant::now() < until
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
            admitted = admit();
        }
        let ticket = match admitted {
            Ok(ticket) => ticket,
            Err(full) => {
                let refusal = match full {
                    Full::All => edge::busy("too many requests are under way; try again"),
                    Full::Key => {
                        edge::too_many("too many requests of this address at the same time")
                    }
                };
                return refused(body, refusal);
            }
        };
        let Ok(place) = self.uploads.place(key, &body).await else {
            return refused(
                body,
                edge::busy("too many uploads are under way; try again"),
            );
        };
        // An edge in front shares by itself.
        let sockets = sockets.filter(|_| method == Method::GET && !self.is_edge(&parts.headers));
        match sockets {
            Some(sockets) => sockets.offer_to_park(&mut parts.headers),
            None if self.is_edge(&parts.headers) => {}
            // Nobody keeps a stream for a client that offers it by itself.
            None => drop(parts.headers.remove(EDGE_PARK)),
        }
        ticket.mark(&mut parts.headers);
        reach(&mut parts, &caller);
        // For a stream that others may follow, and for one that was not asked for as one.
        let head = (sockets.is_some() || ticket.may_repeat()).then(|| parts.clone());
        let client = match self.settings.trusted_proxies.has(peer.ip()) {
            true => SocketAddr::new(caller.address, 0),
            false => peer,
        };
        let upload = Upload::new(body, times.clone(), place);
        let body = upload.map_err(|error| Error::InternalError(Some(error.to_string())));
        let work = self.work(&parts);
        let hold = Hold::of_client(key, work.clone());
        hold.put(Share::Asked(ticket));
        let request = Request::from_parts(parts, body);
        let response = app.handle_holding(request, client, hold.clone()).await;
        let pass_on = |response, hold: Hold| match (sockets, &head) {
            (Some(sockets), Some(head)) => share(sockets, head, &caller, response, hold),
            _ => holding(response, hold),
        };
        let Some(ticket) = hold.settle(response.headers()) else {
            return pass_on(response, hold);
        };
        let Some(mut again) = head.as_ref().map(without_body) else {
            return holding(response, hold);
        };
        // A stream that was not asked for as one, and has no room.
        drop(response);
        ticket.mark(again.headers_mut());
        let hold = Hold::of_client(key, work);
        hold.put(Share::Asked(ticket));
        let response = app.handle_holding(again, client, hold.clone()).await;
        hold.settle(response.headers());
        pass_on(response, hold)
    }
}

/// A request of the same head, without a body.
fn without_body(
    head: &http::request::Parts,
) -> Request<impl Body<Data = Bytes, Error = Error> + Send + 'static> {
    let body = Empty::<Bytes>::new().map_err(|never| -> Error { match never {} });
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    request.headers_mut().remove(header::CONTENT_LENGTH);
    request
}

/// Lets the client of an event stream follow what others of the same key follow, too.
fn share(
    sockets: &Sockets,
    head: &http::request::Parts,
    caller: &Caller,
    response: Response<WasiBody>,
    hold: Hold,
) -> Response<WasiBody> {
    let place = match sockets.is_shareable(&head.method, &response) {
        true => hold.take_place(),
        false => None,
    };
    let response = holding(response, hold);
    let Some((place, may_lead)) = place else {
        return response;
    };
    let response = sockets.share(head, caller, response, may_lead);
    when_over(response, move |_| drop(place))
}

/// Sets the scheme and host that a trusted proxy was asked for, for the application to see.
fn reach(parts: &mut http::request::Parts, caller: &Caller) {
    let Some(host) = &caller.host else {
        return;
    };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return;
    };
    let mut uri = parts.uri.clone().into_parts();
    if !caller.is_tls && parts.headers.get(header::HOST) == Some(host) {
        return;
    }
    uri.scheme = Some(if caller.is_tls {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    });
    uri.authority = Some(authority);
    uri.path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    if let Ok(uri) = Uri::from_parts(uri) {
        parts.uri = uri;
        parts.headers.insert(header::HOST, host.clone());
    }
}

/// Gives back the permits of a request when its response has been taken whole. If the client leaves
/// before, its instance has it until it has noticed, and ends.
fn holding(response: Response<WasiBody>, hold: Hold) -> Response<WasiBody> {
    when_over(response, move |end| {
        if end == BodyEnd::Complete {
            if let Some(asker) = &hold.asker {
                asker.is_answered.store(true, Ordering::Relaxed);
            }
            hold.release();
        }
    })
}
