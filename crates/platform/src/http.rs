//! `wasi:http` requests and responses, as the components and the engine need them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use api::query::Query;
use futures::future::{Either, select};
use http::header::{CONTENT_LENGTH, HeaderMap};
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    RequestOptions, ResponseOutparam, Scheme,
};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use job::effects::{HttpError, MAX_RESPONSE_BYTES, Request, Response};

use crate::poll;

/// Headers that say who asks, or which request this is.
const SAID_ONCE: [&str; 5] = [
    "authorization",
    "x-auth-token",
    "idempotency-key",
    "x-client-ref",
    "x-import-mapping",
];
/// Number of bytes that are read at once.
const READ_SIZE: u64 = 64 << 10;
/// Time for which the body of a refused request is read.
const DRAIN: Duration = Duration::from_secs(2);
/// Interval at which a stream that says nothing looks whether its client is still there.
const DISCONNECT_POLL: Duration = Duration::from_millis(500);
/// Pause of an abort, so that what was flushed has left: dropped at once with it, the client would
/// get nothing at all.
const ABORT_DELAY: Duration = Duration::from_millis(100);

/// A request whose body is still on the way.
pub struct Incoming {
    /// The method as it was sent: methods are case-sensitive.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The parameters of the query.
    pub query: Query,
    headers: Vec<(String, Vec<u8>)>,
    request: IncomingRequest,
}

impl Incoming {
    /// Takes the parts of the platform's request.
    #[must_use]
    pub fn new(request: IncomingRequest) -> Self {
        let method = match request.method() {
            Method::Get => "GET".to_owned(),
            Method::Head => "HEAD".to_owned(),
            Method::Post => "POST".to_owned(),
            Method::Put => "PUT".to_owned(),
            Method::Delete => "DELETE".to_owned(),
            Method::Connect => "CONNECT".to_owned(),
            Method::Options => "OPTIONS".to_owned(),
            Method::Trace => "TRACE".to_owned(),
            Method::Patch => "PATCH".to_owned(),
            // Methods are case-sensitive (RFC 9110, 9.1): `get` is another one than `GET`.
            Method::Other(other) => other,
        };
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Self {
            method,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query: Query::parse(query),
            headers: request.headers().entries(),
            request,
        }
    }

    /// The first header of this (lower-case) name, when it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The first header, of those that say who asks or which request this is, that has two values
    /// or one that is no text. A proxy in front of the application may have believed another of
    /// the two than the application would.
    #[must_use]
    pub(crate) fn ambiguous_header(&self) -> Option<&'static str> {
        SAID_ONCE.into_iter().find(|name| {
            let values = self
                .headers
                .iter()
                .filter(|(n, _)| n.eq_ignore_ascii_case(name));
            let mut values = values.map(|(_, value)| value);
            let first = values.next();
            self.has_binary_header(name) || values.any(|value| Some(value) != first)
        })
    }

    /// Whether there is a header of this name that is no text.
    #[must_use]
    pub fn has_binary_header(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(n, value)| n.eq_ignore_ascii_case(name) && std::str::from_utf8(value).is_err())
    }

    /// Scheme and authority under which the request reached this application.
    #[must_use]
    pub fn scheme_and_authority(&self) -> (&'static str, String) {
        let scheme = match self.request.scheme() {
            Some(Scheme::Https) => "https",
            Some(Scheme::Http | Scheme::Other(_)) | None => "http",
        };
        let host = || self.header("host").map(str::to_owned);
        let authority = self.request.authority().or_else(host);
        (scheme, authority.unwrap_or_default())
    }

    /// The body, to be read chunk by chunk; empty when it was taken before.
    #[must_use]
    pub fn body(&self) -> Body {
        let parts = self.request.consume().ok().and_then(|body| {
            let stream = body.stream().ok()?;
            Some((stream, body))
        });
        Body { parts }
    }
}

/// A body on its way in.
pub struct Body {
    // Dropped in this order: the stream is a child of the body.
    parts: Option<(InputStream, IncomingBody)>,
}

/// The error when the client has left, or a body broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

impl Body {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`Disconnected`] when the body breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Disconnected> {
        loop {
            let Some((stream, _)) = &self.parts else {
                return Ok(None);
            };
            match stream.read(READ_SIZE) {
                Ok(bytes) if bytes.is_empty() => poll::ready(stream.subscribe()).await,
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => {
                    self.parts = None;
                    return Ok(None);
                }
                Err(StreamError::LastOperationFailed(_)) => {
                    self.parts = None;
                    return Err(Disconnected);
                }
            }
        }
    }
}

/// Divisor of the length that a body is said to have: when so much has come, it is believed.
const CREDIBLE: usize = 8;

impl Body {
    /// Reads the whole body; `None` when it is longer than `limit` bytes.
    ///
    /// # Errors
    /// [`Disconnected`] when it breaks off.
    pub async fn all(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Disconnected> {
        let mut bytes = Vec::new();
        let is_whole = self.read(&mut bytes, limit, None).await?;
        Ok(is_whole.then_some(bytes))
    }

    /// Reads on into `bytes`, to the end or beyond `limit` bytes in all; whether that was the end.
    /// `expected` is how long the body is said to be: one that grows by doubling takes twice its
    /// size. Memory for all of it is taken when a part has come: what is only announced takes none.
    ///
    /// # Errors
    /// [`Disconnected`] when it breaks off.
    pub(crate) async fn read(
        &mut self,
        bytes: &mut Vec<u8>,
        limit: usize,
        expected: Option<usize>,
    ) -> Result<bool, Disconnected> {
        let expected = expected.unwrap_or_default().min(limit);
        while let Some(chunk) = self.chunk().await? {
            if bytes.len() >= expected / CREDIBLE {
                bytes.reserve_exact(expected.saturating_sub(bytes.len()));
            }
            bytes.extend_from_slice(&chunk);
            if bytes.len() > limit {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Body {
    /// Reads the rest for a moment and discards it: a client that is still sending would else not
    /// see the response.
    pub(crate) async fn drain(mut self) {
        let reading = async { while let Ok(Some(_)) = self.chunk().await {} };
        select(pin!(reading), pin!(poll::sleep(DRAIN))).await;
    }
}

/// The means to respond to a request, once.
pub struct Responder(ResponseOutparam);

impl Responder {
    /// Wraps what the platform gives a handler.
    #[must_use]
    pub fn new(out: ResponseOutparam) -> Self {
        Self(out)
    }

    /// Begins a response whose body is written as it comes.
    #[must_use]
    pub fn stream(self, status: u16, headers: &HeaderMap) -> Writer {
        let fields = Fields::new();
        for (name, value) in headers {
            // Only our own headers come here; one that the platform refuses is left out.
            let _ = fields.append(&name.as_str().to_owned(), &value.as_bytes().to_vec());
        }
        let response = OutgoingResponse::new(fields);
        let _ = response.set_status_code(status);
        let body = response.body().ok();
        ResponseOutparam::set(self.0, Ok(response));
        // The outparam is set before the body is written, or the platform would hold it back.
        let parts = body.and_then(|body| {
            let stream = body.write().ok()?;
            Some((stream, body))
        });
        Writer { parts }
    }

    /// Sends a whole response. The handler may go on working afterwards.
    pub async fn send(self, status: u16, mut headers: HeaderMap, body: &[u8]) {
        if !body.is_empty() {
            headers.insert(CONTENT_LENGTH, body.len().into());
        }
        let mut writer = self.stream(status, &headers);
        // A client that has gone needs no answer.
        let _ = writer.write(body).await;
        writer.finish().await;
    }
}

/// A body on its way out. The default is one that has ended.
#[derive(Default)]
pub struct Writer {
    parts: Option<(OutputStream, OutgoingBody)>,
}

impl Writer {
    /// Writes bytes and flushes them, as one chunk when they fit the platform's window. Waits only
    /// for what was written before.
    ///
    /// # Errors
    /// [`Disconnected`] when the client is not there any more.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Disconnected> {
        let Some((stream, _)) = &self.parts else {
            return Err(Disconnected);
        };
        while !bytes.is_empty() {
            let room = stream.check_write().map_err(|_| Disconnected)?;
            if room == 0 {
                poll::ready(stream.subscribe()).await;
                continue;
            }
            let now = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            stream.write(&bytes[..now]).map_err(|_| Disconnected)?;
            bytes = &bytes[now..];
        }
        stream.flush().map_err(|_| Disconnected)
    }

    /// The result of `work`, if the client stays until then. Without this, a stream would notice
    /// only with its next write that the client has left, and hold an instance until then.
    ///
    /// # Errors
    /// [`Disconnected`] when the client has left.
    pub async fn while_connected<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Disconnected> {
        let mut work = pin!(work);
        // Whoever wakes up for something else notices at once.
        let noticing = poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Pending if !self.is_connected() => Poll::Ready(Err(Disconnected)),
            polled => polled.map(Ok),
        });
        match select(noticing, pin!(self.disconnected())).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(Disconnected),
        }
    }

    async fn disconnected(&self) {
        while self.is_connected() {
            poll::sleep(DISCONNECT_POLL).await;
        }
    }

    fn is_connected(&self) -> bool {
        let stream = self.parts.as_ref().map(|(stream, _)| stream);
        stream.is_some_and(|stream| stream.check_write().is_ok())
    }

    /// Waits until everything written has been sent, or the client has left.
    async fn flushed(&self) {
        if let Some((stream, _)) = &self.parts {
            while let Ok(0) = stream.check_write() {
                poll::ready(stream.subscribe()).await;
            }
        }
    }

    /// Ends the body as HTTP prescribes.
    pub async fn finish(self) {
        self.flushed().await;
        if let Some((stream, body)) = self.parts {
            drop(stream);
            let _ = OutgoingBody::finish(body, None);
        }
    }

    /// Breaks the body off, so that the client sees an interrupted transfer.
    pub async fn abort(self) {
        self.flushed().await;
        if let Some((stream, body)) = self.parts {
            poll::sleep(ABORT_DELAY).await;
            drop(stream);
            drop(body);
        }
    }
}

/// Sends a request and reads the whole response. A URL that begins with `/` is a route of this
/// application.
pub(crate) async fn send(request: Request) -> Result<Response, HttpError> {
    let failed = |what: &str| HttpError::Failed(what.to_owned());
    let (scheme, authority, path) = split_url(&request.url).ok_or_else(|| failed("bad URL"))?;
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields
            .append(name, &value.as_bytes().to_vec())
            .map_err(|_| failed("bad header"))?;
    }
    if !request.body.is_empty() {
        let length = request.body.len().to_string().into_bytes();
        fields
            .append(&"content-length".to_owned(), &length)
            .map_err(|_| failed("bad header"))?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let method = match request.method {
        "POST" => Method::Post,
        _ => Method::Get,
    };
    let set = outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(path)));
    set.map_err(|()| failed("bad URL"))?;
    // A body that is never asked for is none; an empty one would be sent in chunks, which some
    // servers do not take with a GET.
    let body = match request.body.is_empty() {
        true => None,
        false => Some(outgoing.body().map_err(|()| failed("no body"))?),
    };
    let response = outgoing_handler::handle(outgoing, None::<RequestOptions>)
        .map_err(|code| HttpError::Failed(format!("{code:?}")))?;
    if let Some(body) = body {
        let mut writer = Writer {
            parts: body.write().ok().map(|stream| (stream, body)),
        };
        // An error shows in the answer.
        let _ = writer.write(&request.body).await;
        writer.finish().await;
    }
    let answer = loop {
        match response.get() {
            Some(Ok(Ok(answer))) => break answer,
            Some(Ok(Err(code))) => return Err(HttpError::Failed(format!("{code:?}"))),
            Some(Err(())) => return Err(failed("answer taken twice")),
            None => poll::ready(response.subscribe()).await,
        }
    };
    let headers = answer
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(&value).into_owned();
            (name.to_ascii_lowercase(), value)
        })
        .collect();
    let status = answer.status();
    let incoming = answer.consume().map_err(|()| failed("no body"))?;
    let stream = incoming.stream().map_err(|()| failed("no body"))?;
    let mut incoming = Body {
        parts: Some((stream, incoming)),
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = incoming
        .chunk()
        .await
        .map_err(|Disconnected| failed("the answer broke off"))?
    {
        if bytes.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(failed("the answer is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Response {
        status,
        headers,
        body: bytes,
    })
}

/// A URL's scheme, authority and path. Of a path of this application itself the authority is a
/// port without a host, as Spin's own SDK sends it: `wasi:http` wants an authority, and Spin takes
/// this one for none.
fn split_url(url: &str) -> Option<(Scheme, &str, &str)> {
    if url.starts_with('/') {
        return Some((Scheme::Http, ":80", url));
    }
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    Some((scheme, authority, if path.is_empty() { "/" } else { path }))
}
