//! Requests and responses: connections, time limits, sizes, the envelope.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use serde::Deserialize;
use serde::de::DeserializeOwned;

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

pub(crate) const EVENT_STREAM: &str = "text/event-stream";

#[derive(Debug)]
pub(crate) struct Http {
    client: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    origin: String,
    timing: Timing,
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
        let uri: Uri = address
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
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            client,
            origin: format!("{scheme}://{authority}").to_ascii_lowercase(),
            timing,
        })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
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
    /// between any two signs of life, so that a slow upload is not cut off.
    pub(crate) async fn send(
        &self,
        request: request::Builder,
        body: Body,
        limit: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let taken = body.taken();
        // The end of an upload is still in the system's buffers when the connection has taken it.
        let limit = limit + Duration::from_secs(body.len() / SLOWEST_UPLOAD);
        let user_agent = concat!("bookstrack-client/", env!("CARGO_PKG_VERSION"));
        let request = request.header(USER_AGENT, user_agent).body(body);
        let answer = self.client.request(request.map_err(|e| self.protocol(e))?);
        tokio::pin!(answer);
        loop {
            let before = taken.get();
            match tokio::time::timeout(limit, &mut answer).await {
                Ok(answer) => return answer.map_err(|e| self.unreachable(&e)),
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
        let request = request.header(ACCEPT, "application/json");
        let response = self.send(request, body, self.timing.request).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Payload::new(response.headers(), None));
        }
        let headers = response.headers().clone();
        Ok(Payload::new(&headers, Some(self.read(response).await?)))
    }

    /// Sends a request without conditions, as [`Http::call`] does.
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
            let success: Success<T> =
                serde_json::from_slice(&bytes).map_err(|e| self.protocol(e))?;
            return Ok(success.data);
        }
        let bytes = if is_event_stream(&head.headers) {
            event_data(&bytes).into()
        } else {
            bytes
        };
        match serde_json::from_slice::<Failure>(&bytes) {
            Ok(Failure { error }) => {
                let retry_after = retry_after(&head.headers);
                Err(Error::Api(ApiError {
                    status: head.status.as_u16(),
                    retry_after,
                    ..error
                }))
            }
            // Not ours, but gateways speak so while the server behind them restarts.
            Err(_) if head.status.is_server_error() => Err(Error::Unreachable {
                server: self.origin.clone(),
                reason: format!("a gateway answers {}", head.status),
            }),
            Err(_) => {
                Err(self.protocol(format!("status {} without an error envelope", head.status)))
            }
        }
    }

    async fn collect(&self, body: Incoming) -> Result<Bytes, Error> {
        let work = async {
            let body = Limited::new(body, MAX_ANSWER)
                .collect()
                .await
                .map_err(|e| {
                    if e.is::<LengthLimitError>() {
                        self.protocol("endless answer")
                    } else {
                        self.unreachable(&*e)
                    }
                })?;
            Ok(body.to_bytes())
        };
        // Generous: it covers the whole body of the largest result.
        let limit = self.timing.request * 4;
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(self.timed_out(limit)),
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

/// Reads `Retry-After` in seconds: the contract has no dates here.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    media_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(EVENT_STREAM))
}
