//! Limits on the requests and event streams that one client may have under way.
//!
//! A client's stream has a place among the streams, and one upstream as long as an answer of the
//! application is read for it alone or for others, too. An answer holds an instance, so without a
//! cap streams would shut everything else out, status polling first. A stream for which there is no
//! room is passed on with `X-Stream-Budget: 0`: the application answers with the current state and
//! ends, and a browser's `EventSource` becomes a poller. One that has a place, but none upstream,
//! may still join the stream of others.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::{ClientKey, Full, Limiter, Permit};

/// The header that is `0` where there is no room for one more stream.
pub const STREAM_BUDGET: HeaderName = HeaderName::from_static("x-stream-budget");

const EVENT_STREAM: &str = "text/event-stream";

/// The media type of a `Content-Type`, without parameters.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

/// Whether a `Content-Type` is that of an event stream.
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|media_type| media_type.eq_ignore_ascii_case(EVENT_STREAM))
}

/// Whether an `Accept` header names event streams. `*/*` does not: nobody gets one unasked.
#[must_use]
pub fn names_event_stream(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let essence = range.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(EVENT_STREAM)
    })
}

/// Whether the response to a request may be an event stream: a request that makes something can ask
/// to follow it.
#[must_use]
pub fn accepts_event_stream(method: &Method, headers: &HeaderMap) -> bool {
    matches!(*method, Method::GET | Method::POST)
        && headers.get_all(ACCEPT).iter().any(|value| {
            // An application may read what is no ASCII, so this must, too.
            names_event_stream(&String::from_utf8_lossy(value.as_bytes()))
        })
}

/// The target of a stream, for a limit on streams of the same: its path, and the value of `jobIds`
/// where one path stands for several jobs. Whatever else a query says makes it no other stream.
#[must_use]
pub fn stream_target(uri: &Uri) -> String {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let jobs = query.find(|(name, _)| name == "jobIds");
    let jobs = jobs.map_or_else(String::new, |(_, jobs)| format!("?{jobs}"));
    format!("{}{jobs}", uri.path())
}

/// Limits for one client; its share of all ([`Limiter::acquire`]) is a limit besides.
#[derive(Clone, Copy, Debug)]
pub struct PerClient {
    /// Number of requests under way, streams not counted.
    pub requests: usize,
    /// Number of event streams.
    pub streams: usize,
    /// Number of event streams of one target, that is of one job, whichever clients have them.
    pub streams_per_target: usize,
}

/// The requests and event streams that an application has under way.
#[derive(Debug)]
pub struct Admission {
    requests: Limiter<ClientKey>,
    streams: Limiter<ClientKey>,
    streams_by_target: Limiter<String>,
    upstreams: Limiter<ClientKey>,
    denied: AtomicU64,
}

/// What the limits on event streams count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamCounts {
    /// Number of event streams of clients that are open.
    pub open: usize,
    /// Number of answers of the application that event streams, or WebSockets, are fed from.
    pub upstream: usize,
    /// Number of requests so far that were passed on as having no room for a stream.
    pub denied: u64,
}

/// The limits for all clients together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Number of requests under way, streams not counted.
    pub requests: usize,
    /// Number of event streams of clients.
    pub streams: usize,
    /// Number of answers of the application that event streams, or WebSockets, are fed from.
    pub upstreams: usize,
}

/// The permits that an admitted request holds until it is over: a place among its client's
/// requests, or one among the streams, which is none among the requests.
#[derive(Debug, Default)]
pub struct Held {
    _request: Option<Permit<ClientKey>>,
    place: Option<StreamPlace>,
    upstream: Option<Permit<ClientKey>>,
}

/// A place among the streams of clients.
#[derive(Debug)]
pub struct StreamPlace {
    _of_client: Permit<ClientKey>,
    /// The permit for its target; only a `GET` has one, because each `POST` may start a stream of
    /// something new.
    _of_target: Option<Permit<String>>,
}

/// Whether a request is to be answered with a stream.
#[derive(Debug)]
enum Stream {
    /// The request asked for one, and there is room.
    Granted(Held),
    /// The request asked for one; there is room only if others follow the same.
    Short(StreamPlace),
    /// The request asked for one; there is no room, or an edge in front has said so already.
    Denied,
    /// The request did not ask, but the response may turn out to be one.
    Possible,
    /// The response cannot be one.
    Never,
}

/// An admitted request.
#[derive(Debug)]
pub struct Ticket {
    admission: Arc<Admission>,
    client: ClientKey,
    limits: PerClient,
    target: Option<String>,
    request: Permit<ClientKey>,
    stream: Stream,
}

/// The action to take on a response.
#[derive(Debug)]
pub enum ResponseAction {
    /// Pass it on, and hold the permits until it is over.
    Pass(Held),
    /// Drop it and ask again, with the headers [marked](Ticket::mark): it is a stream that was not
    /// asked for as one, and there is no room.
    Repeat(Ticket),
}

impl Admission {
    /// Makes the limits for all clients together.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            requests: Limiter::new(limits.requests),
            streams: Limiter::new(limits.streams),
            streams_by_target: Limiter::new(limits.streams),
            upstreams: Limiter::new(limits.upstreams),
            denied: AtomicU64::new(0),
        })
    }

    /// The numbers that the limits on event streams are compared with.
    #[must_use]
    pub fn stream_counts(&self) -> StreamCounts {
        StreamCounts {
            open: self.streams.held(),
            upstream: self.upstreams.held(),
            denied: self.denied.load(Ordering::Relaxed),
        }
    }

    /// Admits a request of `client`, and finds room for a stream if it asks for one.
    ///
    /// # Errors
    /// When the client has too many requests under way, or all clients together have.
    pub fn admit(
        self: &Arc<Self>,
        client: ClientKey,
        limits: PerClient,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Ticket, Full> {
        let request = self.requests.acquire(client, limits.requests)?;
        let target = (*method == Method::GET).then(|| stream_target(uri));
        let stream = if headers
            .get(STREAM_BUDGET)
            .is_some_and(|budget| budget == "0")
        {
            Stream::Denied
        } else if accepts_event_stream(method, headers) {
            self.stream(client, limits, target.as_deref())
        } else if target.is_some() {
            Stream::Possible
        } else {
            Stream::Never
        };
        Ok(Ticket {
            admission: self.clone(),
            client,
            limits,
            target,
            request,
            stream,
        })
    }

    fn stream(&self, client: ClientKey, limits: PerClient, target: Option<&str>) -> Stream {
        let Some(place) = self.place(client, limits, target) else {
            return Stream::Denied;
        };
        match self.upstreams.acquire(client, usize::MAX) {
            Ok(upstream) => Stream::Granted(Held {
                _request: None,
                place: Some(place),
                upstream: Some(upstream),
            }),
            Err(_) => Stream::Short(place),
        }
    }

    fn place(
        &self,
        client: ClientKey,
        limits: PerClient,
        target: Option<&str>,
    ) -> Option<StreamPlace> {
        let of_client = self.streams.acquire(client, limits.streams).ok()?;
        let most = limits.streams_per_target;
        let of_target = target
            .map(|target| self.streams_by_target.acquire(target.to_owned(), most))
            .transpose()
            .ok()?;
        Some(StreamPlace {
            _of_client: of_client,
            _of_target: of_target,
        })
    }

    /// Takes a place upstream for a response that many clients share. Each client was limited when
    /// it was admitted; the shared responses together count as one more client.
    ///
    /// # Errors
    /// When there is no room.
    pub fn feed(&self) -> Result<Held, Full> {
        let feeds = ClientKey::of(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(Held {
            upstream: Some(self.upstreams.acquire(feeds, usize::MAX)?),
            ..Held::default()
        })
    }
}

impl Ticket {
    /// Tells the application, in the request's headers, when there is no room for a stream. True if
    /// it did.
    pub fn mark(&self, headers: &mut HeaderMap) -> bool {
        let is_denied = matches!(self.stream, Stream::Denied | Stream::Short(_));
        if is_denied {
            self.admission.denied.fetch_add(1, Ordering::Relaxed);
            headers.insert(STREAM_BUDGET, HeaderValue::from_static("0"));
        }
        is_denied
    }

    /// Whether [`Self::settle`] may ask for the request to be repeated.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        matches!(self.stream, Stream::Possible)
    }

    /// Decides on the response, by its headers.
    #[must_use]
    pub fn settle(mut self, answer: &HeaderMap) -> ResponseAction {
        if !is_event_stream(answer) {
            return ResponseAction::Pass(Held::request(self.request));
        }
        if matches!(self.stream, Stream::Possible) {
            let target = self.target.as_deref();
            self.stream = self.admission.stream(self.client, self.limits, target);
            if !matches!(self.stream, Stream::Granted(_)) {
                return ResponseAction::Repeat(self);
            }
        }
        ResponseAction::Pass(match self.stream {
            Stream::Granted(held) => held,
            Stream::Short(place) => Held {
                place: Some(place),
                ..Held::request(self.request)
            },
            Stream::Possible | Stream::Denied | Stream::Never => Held::request(self.request),
        })
    }
}

impl Held {
    fn request(permit: Permit<ClientKey>) -> Self {
        Self {
            _request: Some(permit),
            ..Self::default()
        }
    }

    /// Whether this is a place among the streams, and one upstream.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.place.is_some() && self.upstream.is_some()
    }

    /// Takes what the client has as long as it follows its stream, wherever that is fed from; what
    /// is left is held as long as the answer is read.
    #[must_use]
    pub fn take_place(&mut self) -> Option<StreamPlace> {
        self.place.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(streams: usize, upstreams: usize) -> Arc<Admission> {
        Admission::new(Limits {
            requests: 100,
            streams,
            upstreams,
        })
    }

    const LIMITS: PerClient = PerClient {
        requests: 3,
        streams: 2,
        streams_per_target: 2,
    };

    fn client(n: u8) -> ClientKey {
        ClientKey::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)))
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let parse = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        lines.iter().map(parse).collect()
    }

    fn ask(
        admission: &Arc<Admission>,
        client: ClientKey,
        method: &str,
        uri: &str,
        lines: &[(&'static str, &'static str)],
    ) -> Result<Ticket, Full> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let uri = uri.parse().unwrap();
        admission.admit(client, LIMITS, &method, &uri, &headers(lines))
    }

    const ASKED: &[(&str, &str)] = &[("accept", "text/event-stream")];

    fn stream_answer() -> HeaderMap {
        headers(&[("content-type", "text/event-stream; charset=utf-8")])
    }

    fn pass(ticket: Ticket, answer: &HeaderMap) -> Held {
        match ticket.settle(answer) {
            ResponseAction::Pass(held) => held,
            ResponseAction::Repeat(_) => panic!("to be asked again"),
        }
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_asked_for() {
        let target = |uri: &str| stream_target(&uri.parse().unwrap());
        assert_eq!(target("/a/stream"), target("/a/stream?books=1&x=2"));
        assert_ne!(target("/a/stream"), target("/b/stream"));
        assert_eq!(
            target("/stream?jobIds=a,b"),
            target("/stream?x=1&jobIds=%61%2cb&jobIds=c")
        );
        assert_ne!(target("/stream?jobIds=a"), target("/stream?jobIds=b"));
    }

    #[test]
    fn a_stream_has_a_place_of_its_own_and_none_among_the_requests() {
        let admission = admission(100, 100);
        let streams: Vec<Held> = ["/a", "/b"]
            .map(|uri| {
                let ticket = ask(&admission, client(1), "GET", uri, ASKED).unwrap();
                assert!(!ticket.mark(&mut HeaderMap::new()));
                pass(ticket, &stream_answer())
            })
            .into();
        assert!(streams.iter().all(Held::is_stream));
        let requests: Vec<Held> = (0..3)
            .map(|_| {
                let ticket = ask(&admission, client(1), "POST", "/c", &[]).unwrap();
                pass(ticket, &HeaderMap::new())
            })
            .collect();
        let refused = ask(&admission, client(1), "GET", "/c", &[]);
        assert_eq!(refused.err(), Some(Full::Key));
        assert!(ask(&admission, client(2), "GET", "/c", &[]).is_ok());
        drop(requests);
        assert!(ask(&admission, client(1), "GET", "/c", &[]).is_ok());
    }

    #[test]
    fn who_changes_its_address_within_its_network_is_one_client() {
        let admission = admission(100, 100);
        let of = |address: String| ClientKey::of(address.parse().unwrap());
        let v6 = |n: usize| of(format!("2001:db8:1:2:{:x}::{n:x}", n * 4_099));
        let spelled = ["192.0.2.33", "::ffff:192.0.2.33", "64:ff9b::c000:221"];
        let v4 = |n: usize| of(spelled[n % 3].to_owned());
        let clients: [&dyn Fn(usize) -> ClientKey; 2] = [&v6, &v4];
        let ask = |client| ask(&admission, client, "POST", "/c", &[]);
        let mut open = Vec::new();
        for client in clients {
            open.extend((0..3).map(|n| ask(client(n)).unwrap()));
            for n in 3..9 {
                assert_eq!(ask(client(n)).err(), Some(Full::Key));
            }
        }
        assert!(ask(of("2001:db8:1:3::1".to_owned())).is_ok());
    }

    #[test]
    fn beyond_the_streams_a_request_is_marked_and_counts_as_one() {
        let admission = admission(100, 100);
        let _open = ["/a", "/b"].map(|uri| {
            let ticket = ask(&admission, client(1), "GET", uri, ASKED).unwrap();
            pass(ticket, &stream_answer())
        });
        for method in ["GET", "POST"] {
            let ticket = ask(&admission, client(1), method, "/c", ASKED).unwrap();
            let mut sent = HeaderMap::new();
            assert!(ticket.mark(&mut sent));
            assert_eq!(sent[STREAM_BUDGET], "0");
            assert!(!pass(ticket, &stream_answer()).is_stream());
        }
        // No other method, spelled however, is asked to be answered with a stream.
        let ticket = ask(&admission, client(1), "get", "/c", ASKED).unwrap();
        assert!(!ticket.mark(&mut HeaderMap::new()));
        assert!(!pass(ticket, &stream_answer()).is_stream());
    }

    #[test]
    fn a_stream_that_was_not_asked_for_is_asked_for_again() {
        let admission = admission(100, 100);
        let unasked = |uri| ask(&admission, client(1), "GET", uri, &[]).unwrap();
        let _open = ["/a", "/b"].map(|uri| {
            assert!(unasked(uri).may_repeat());
            let held = pass(unasked(uri), &stream_answer());
            assert!(held.is_stream());
            held
        });
        let ResponseAction::Repeat(again) = unasked("/c").settle(&stream_answer()) else {
            panic!("there is room");
        };
        assert!(again.mark(&mut HeaderMap::new()) && !again.may_repeat());
        assert!(!pass(again, &stream_answer()).is_stream());
    }

    #[test]
    fn a_job_has_so_many_streams_whoever_has_them() {
        let admission = admission(100, 100);
        let open = |n, uri| {
            let ticket = ask(&admission, client(n), "GET", uri, ASKED).unwrap();
            pass(ticket, &stream_answer())
        };
        let _open = [open(1, "/a"), open(2, "/a?books=1")];
        assert!(!open(3, "/a").is_stream());
        assert!(open(3, "/b").is_stream());
    }

    #[test]
    fn without_room_upstream_a_stream_keeps_its_place_for_what_others_follow() {
        let admission = admission(100, 1);
        let ask = |n| ask(&admission, client(n), "GET", "/a", ASKED).unwrap();
        let mut leading = pass(ask(1), &stream_answer());
        assert!(leading.is_stream());
        let short = ask(2);
        assert!(short.mark(&mut HeaderMap::new()));
        let mut short = pass(short, &stream_answer());
        assert!(!short.is_stream() && short.take_place().is_some());
        // The place alone leaves the room upstream to others.
        let _place = leading.take_place();
        drop(leading);
        assert!(pass(ask(2), &stream_answer()).is_stream());
    }

    #[test]
    fn who_says_that_there_is_no_room_gets_none() {
        let admission = admission(100, 100);
        let told = [("accept", "text/event-stream"), ("x-stream-budget", "0")];
        let ticket = ask(&admission, client(1), "GET", "/a", &told).unwrap();
        assert!(!ticket.may_repeat());
        assert!(!pass(ticket, &stream_answer()).is_stream());
    }

    #[test]
    fn a_stream_is_the_answer_only_to_who_asks_for_it() {
        for asked in [
            "text/event-stream",
            "application/json, Text/Event-Stream;q=0.9",
        ] {
            assert!(names_event_stream(asked), "{asked}");
        }
        for not in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/event-streams",
        ] {
            assert!(!names_event_stream(not), "{not}");
        }
    }

    #[test]
    fn any_spelling_of_the_media_type_asks_for_a_stream() {
        for accept in ["Text/Event-Stream", "\u{e9}, text/event-stream"] {
            let value = HeaderValue::from_bytes(accept.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(ACCEPT, value)]);
            assert!(accepts_event_stream(&Method::GET, &headers));
        }
    }
}
