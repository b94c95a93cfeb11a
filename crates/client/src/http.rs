//! Requests and responses: connections, time limits, sizes, the envelope.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DATE, ETAG, LOCATION, RETRY_AFTER, USER_AGENT,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, request,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::body::Body;
use crate::error::root_cause;
use crate::sse::Parser;
use crate::{ApiError, Error, Timing};

/// Largest size of a response in bytes: the results of 10,000 books with descriptions have about 20
/// MB.
const MAX_ANSWER: usize = 128 << 20;

/// Least rate of an upload that is waited for, in bytes a second: less than that of any line that
/// photos are sent over in earnest.
const SLOWEST_UPLOAD: u64 = 128 << 10;

/// Largest number of redirections that one request follows.
const MAX_REDIRECTIONS: usize = 5;

pub(crate) const EVENT_STREAM: &str = "text/event-stream";

#[derive(Debug)]
pub(crate) struct Http {
    client: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    origin: String,
    url: Url,
    timing: Timing,
    /// Whether this server has ever answered.
    reached: AtomicBool,
}

/// The `data` of a successful response, and the headers that matter.
#[derive(Debug)]
pub(crate) struct Payload<T> {
    pub data: T,
    pub etag: Option<HeaderValue>,
    pub retry_after: Option<Duration>,
}

impl<T> Payload<T> {
    fn new(headers: &HeaderMap, data: T) -> Self {
        Self {
            data,
            etag: headers.get(ETAG).cloned(),
            retry_after: retry_after(headers),
        }
    }
}

#[derive(Deserialize)]
struct Success<T> {
    data: T,
}

#[derive(Deserialize)]
struct Failure {
    error: ApiError,
}

impl Http {
    pub(crate) fn new(address: &str, timing: Timing) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Address {
            address: address.to_owned(),
            reason: reason.to_owned(),
        };
        // DNS has names of letters beyond ASCII in a form of its own.
        let international = Some(address).filter(|address| !address.is_ascii());
        let ascii = international.and_then(|address| Url::parse(address).ok());
        let uri: Uri = ascii
            .as_ref()
            .map_or(address, Url::as_str)
            .trim_end_matches('/')
            .parse()
            .map_err(|e: http::uri::InvalidUri| wrong(&e.to_string()))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("it has the form http://host:port or https://host"));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(wrong("only http and https are spoken"));
        }
        if authority.as_str().contains('@') || uri.path() != "/" || uri.query().is_some() {
            return Err(wrong("it is a scheme, a host and a port, nothing else"));
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timing.connect));
        let builder = HttpsConnectorBuilder::new();
        // Reading the system's certificates takes longer than a request to a local server.
        let builder = if scheme == "https" {
            builder
                .with_provider_and_native_roots(ring::default_provider())
                .map_err(|e| wrong(&e.to_string()))?
        } else {
            let tls = rustls::ClientConfig::builder_with_provider(ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(|e| wrong(&e.to_string()))?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            builder.with_tls_config(tls)
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
        let origin = format!("{scheme}://{authority}").to_ascii_lowercase();
        let url = Url::parse(&origin).map_err(|e| wrong(&e.to_string()))?;
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            client,
            origin,
            url,
            timing,
            reached: AtomicBool::new(false),
        })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether this server has ever answered.
    pub(crate) fn reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, path: &str) -> request::Builder {
        Request::get(format!("{}{path}", self.origin))
    }

    pub(crate) fn post(&self, path: &str) -> request::Builder {
        Request::post(format!("{}{path}", self.origin))
    }

    pub(crate) fn put(&self, path: &str) -> request::Builder {
        Request::put(format!("{}{path}", self.origin))
    }

    pub(crate) fn delete(&self, path: &str) -> request::Builder {
        Request::delete(format!("{}{path}", self.origin))
    }

    /// Sends a request, and returns as soon as the response's headers are there. `limit` holds
    /// between any two signs of life, so that a slow upload is not cut off. Redirections are
    /// followed within the origin, which alone may learn tokens, and only those that leave the
    /// method as it is.
    pub(crate) async fn send(
        &self,
        request: request::Builder,
        body: Body,
        limit: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = request.body(()).map_err(|e| self.protocol(e))?;
        for _ in 0..=MAX_REDIRECTIONS {
            let sent = request.clone().map(|()| body.clone());
            let response = self.exchange(sent, limit).await?;
            match self.moved(&request, &response)? {
                Some(uri) => *request.uri_mut() = uri,
                None => return Ok(response),
            }
        }
        Err(self.unreachable(&std::io::Error::other("it redirects in circles")))
    }

    /// The address that a response sends a request to instead.
    fn moved<T>(
        &self,
        request: &Request<()>,
        response: &Response<T>,
    ) -> Result<Option<Uri>, Error> {
        let location = response.headers().get(LOCATION);
        let redirects = response.status().is_redirection();
        let location =
            location.filter(|_| redirects && response.status() != StatusCode::NOT_MODIFIED);
        let Some(location) = location.and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let to = Url::parse(&request.uri().to_string()).and_then(|asked| asked.join(location));
        let Ok(mut to) = to else {
            return Err(self.protocol(format!("it redirects to {location}")));
        };
        let follows = match response.status() {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method() == Method::GET,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => false,
        };
        if !follows || to.origin() != self.url.origin() {
            return Err(self.protocol(format!("it redirects to {to}")));
        }
        to.set_fragment(None);
        let uri = to.as_str().parse();
        uri.map(Some).map_err(|e| self.protocol(e))
    }

    async fn exchange(
        &self,
        mut request: Request<Body>,
        limit: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let body = request.body();
        let taken = body.taken();
        // The end of an upload is still in the system's buffers when the connection has taken it.
        let limit = limit + Duration::from_secs(body.len() / SLOWEST_UPLOAD);
        let user_agent = concat!("bookstrack-client/", env!("CARGO_PKG_VERSION"));
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(user_agent));
        // Who names no encoding is content with any (RFC 9110, 12.5.3), and this client decodes
        // none.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = self.client.request(request);
        tokio::pin!(answer);
        loop {
            let before = taken.get();
            match tokio::time::timeout(limit, &mut answer).await {
                Ok(answer) => {
                    self.reached.fetch_or(answer.is_ok(), Ordering::Relaxed);
                    return answer.map_err(|e| self.unreachable(&e));
                }
                Err(_) if taken.get() > before => {}
                Err(_) => return Err(self.timed_out(limit)),
            }
        }
    }

    /// Sends a request, and reads a response in the envelope; `304` has no data.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        request: request::Builder,
        body: Body,
    ) -> Result<Payload<Option<T>>, Error> {
        self.payload(self.head(request, body).await?).await
    }

    /// Sends a request for a response in the envelope.
    pub(crate) async fn head(
        &self,
        request: request::Builder,
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        let request = request.header(ACCEPT, "application/json");
        self.send(request, body, self.timing.request).await
    }

    /// Reads a response in the envelope; `304` has no data.
    pub(crate) async fn payload<T: DeserializeOwned>(
        &self,
        response: Response<Incoming>,
    ) -> Result<Payload<Option<T>>, Error> {
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Payload::new(response.headers(), None));
        }
        let headers = response.headers().clone();
        Ok(Payload::new(&headers, Some(self.read(response).await?)))
    }

    /// Sends a request as [`Http::call`] does, without conditional headers: the response has data.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        request: request::Builder,
        body: Body,
    ) -> Result<T, Error> {
        let answer = self.call(request, body).await?;
        answer
            .data
            .ok_or_else(|| self.protocol("304 without a condition"))
    }

    /// Sends a request, and reads the body of a response without the envelope.
    pub(crate) async fn fetch(&self, request: request::Builder) -> Result<Bytes, Error> {
        let response = self
            .send(request, Body::default(), self.timing.request)
            .await?;
        if response.status().is_success() {
            return self.collect(response.into_body()).await;
        }
        match self.read::<serde::de::IgnoredAny>(response).await {
            Err(error) => Err(error),
            Ok(_) => Err(self.protocol("a refusal that is none")),
        }
    }

    /// Reads the `data` of a response in the envelope.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        response: Response<Incoming>,
    ) -> Result<T, Error> {
        let (head, body) = response.into_parts();
        let bytes = self.collect(body).await?;
        if head.status.is_success() {
            let success: Result<Success<T>, _> = serde_json::from_slice(&bytes);
            return success.map(|success| success.data).map_err(|error| {
                let broken = !error.is_data() && has_type(&head.headers, "application/json");
                if broken {
                    self.unreachable(&std::io::Error::other("the answer broke off"))
                } else {
                    self.protocol(error)
                }
            });
        }
        let bytes = if is_event_stream(&head.headers) {
            event_data(&bytes).into()
        } else {
            bytes
        };
        match serde_json::from_slice::<Failure>(&bytes) {
            Ok(Failure { mut error }) => {
                error.status = head.status.as_u16();
                error.retry_after = retry_after(&head.headers);
                if error.message.is_empty() {
                    error.message = format!("the server answered {}", head.status);
                }
                Err(Error::Api(error))
            }
            // Not ours, but gateways speak so while the server behind them restarts.
            Err(_) if head.status.is_server_error() || is_for_later(head.status) => {
                Err(Error::Unreachable {
                    server: self.origin.clone(),
                    reason: format!("a gateway answers {}", head.status),
                    retry_after: retry_after(&head.headers),
                })
            }
            Err(_) => {
                Err(self.protocol(format!("status {} without an error envelope", head.status)))
            }
        }
    }

    async fn collect(&self, body: Incoming) -> Result<Bytes, Error> {
        let mut body = Limited::new(body, MAX_ANSWER);
        let mut bytes = BytesMut::new();
        // For each piece: how long the largest result takes depends on the line.
        let limit = self.timing.request;
        loop {
            let piece = match tokio::time::timeout(limit, body.frame()).await {
                Err(_) => return Err(self.timed_out(limit)),
                Ok(None) => return Ok(bytes.freeze()),
                Ok(Some(piece)) => piece,
            };
            let piece = piece.map_err(|e| {
                if e.is::<LengthLimitError>() {
                    self.protocol("endless answer")
                } else {
                    self.unreachable(&*e)
                }
            })?;
            if let Ok(data) = piece.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
    }

    pub(crate) fn timed_out(&self, after: Duration) -> Error {
        Error::TimedOut {
            server: self.origin.clone(),
            after,
        }
    }

    pub(crate) fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        Error::Unreachable {
            server: self.origin.clone(),
            reason: root_cause(error),
            retry_after: None,
        }
    }

    pub(crate) fn protocol(&self, what: impl ToString) -> Error {
        Error::Protocol {
            server: self.origin.clone(),
            what: what.to_string(),
        }
    }
}

/// The data of the one event with which a request for a stream may be refused: the error.
fn event_data(bytes: &[u8]) -> String {
    let frames = Parser::default().push(bytes).unwrap_or_default();
    let first = frames.into_iter().next();
    first.map(|frame| frame.data).unwrap_or_default()
}

/// A value of a query's parameter: everything but letters, digits and `-._~` percent-encoded.
pub(crate) fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// Whether a gateway says with a status that the server behind it may answer later.
fn is_for_later(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    )
}

/// Reads `Retry-After`: seconds, or a time by the server's clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim());
    let value = text(RETRY_AFTER)?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    let now = text(DATE).and_then(|now| httpdate::parse_http_date(now).ok());
    let now = now.unwrap_or_else(SystemTime::now);
    Some(at.duration_since(now).unwrap_or_default())
}

pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    has_type(headers, EVENT_STREAM)
}

fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    media_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_time_by_the_servers_clock_or_seconds() {
        let asked = |headers: &[(HeaderName, &str)]| {
            let value = |&(ref name, value): &(HeaderName, &str)| {
                (name.clone(), HeaderValue::from_str(value).unwrap())
            };
            retry_after(&headers.iter().map(value).collect())
        };
        let (now, later) = (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:50:07 GMT",
        );
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(asked(&[(RETRY_AFTER, " 7 ")]), seconds(7));
        assert_eq!(asked(&[(DATE, now), (RETRY_AFTER, later)]), seconds(30));
        assert_eq!(asked(&[(DATE, later), (RETRY_AFTER, now)]), seconds(0));
        assert_eq!(asked(&[(RETRY_AFTER, now)]), seconds(0));
        for text in ["", "-5", "soon", "1.5"] {
            assert_eq!(asked(&[(RETRY_AFTER, text)]), None, "{text}");
        }
    }

    #[test]
    fn redirections_are_followed_within_the_origin() {
        let moved = |server: &str, method: &Method, status: u16, location: &str| {
            let http = Http::new(server, Timing::default()).unwrap();
            let request = Request::builder().method(method.clone());
            let request = request.uri(format!("{server}/a/b")).body(()).unwrap();
            let response = Response::builder()
                .status(status)
                .header(LOCATION, location);
            let moved = http.moved(&request, &response.body(()).unwrap());
            moved.map(|uri| uri.map(|uri| uri.to_string()))
        };
        let (get, post) = (Method::GET, Method::POST);
        for (server, location, to) in [
            ("http://host:8080", "/b?c=1", "http://host:8080/b?c=1"),
            ("http://host:8080", "b#c", "http://host:8080/a/b"),
            ("http://host:8080", "?c", "http://host:8080/a/b?c"),
            (
                "http://host:8080",
                "HTTP://Host:8080/b",
                "http://host:8080/b",
            ),
            ("http://host:80", "//host/b", "http://host/b"),
            ("http://Host", "http://host:80/b", "http://host/b"),
            ("http://127.1", "http://127.0.0.1/b", "http://127.0.0.1/b"),
            (
                "http://[::1]:8080",
                "http://[0:0::1]:8080/b",
                "http://[::1]:8080/b",
            ),
        ] {
            let followed = moved(server, &post, 308, location).unwrap();
            assert_eq!(followed.as_deref(), Some(to), "{server} {location}");
            assert_eq!(
                moved(server, &get, 301, location).unwrap().as_deref(),
                Some(to)
            );
        }
        assert_eq!(moved("http://host", &get, 304, "/b").unwrap(), None);
        for (method, status, to, named) in [
            (&post, 302, "/c", "http://host/c"),
            (&post, 303, "c", "http://host/a/c"),
            (&get, 303, "/c", "http://host/c"),
            (&get, 307, "http://host:8080/", "http://host:8080/"),
            (&get, 307, "https://host/", "https://host/"),
            (&get, 307, "//other/", "http://other/"),
            (&get, 307, "http://host@other/", "http://host@other/"),
            (&get, 307, "http://:/", "http://:/"),
        ] {
            let error = moved("http://host", method, status, to).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
