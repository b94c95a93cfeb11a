//! Continuation of event streams that the upstream cuts: PROTOCOL.md, "Event streams that are not
//! sockets".

use crate::{
    backoff::Backoff,
    config::Times,
    ends::{self, Ends},
    headers::LAST_EVENT_ID,
    metrics::Metrics,
    room::EventRoom,
    sse::{Block, EventStream, Next},
    upstream::{Body, BodyError, Upstream},
};
use bytes::Bytes;
use futures::{future::BoxFuture, stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use std::sync::Arc;
use tokio::{
    select,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// The error of a stream that cannot go on: the client is to see a broken transfer and ask for
/// itself.
#[derive(Debug, thiserror::Error)]
#[error("the event stream broke off")]
pub(crate) struct CutShort;

/// The requests and limits with which a cut stream is continued.
pub(crate) struct Mender {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) times: Times,
    pub(crate) max_event: usize,
    pub(crate) event_room: EventRoom,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: CancellationToken,
}

/// Whether a response is a stream that can be mended: what is compressed cannot be read.
pub(crate) fn is_mendable<B>(method: &Method, response: &Response<B>) -> bool {
    *method == Method::GET
        && response.status() == StatusCode::OK
        && admission::is_event_stream(response.headers())
        && !response.headers().contains_key(header::CONTENT_ENCODING)
}

impl Mender {
    /// Replaces the body by one that outlives the upstream's.
    pub(crate) fn mend(self, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let ends = Ends::of(&parts.headers);
        let mended = Mended {
            phase: Phase::Reading(self.stream(body), Instant::now()),
            ends,
            last_id: None,
            last_event: None,
            has_begun: false,
            ends_with_retry: false,
            has_news: true,
            backoff: None,
            last_written: Instant::now(),
            mender: Arc::new(self),
        };
        let chunks = stream::unfold(mended, |mut mended| async move {
            let chunk = mended.next_chunk().await?;
            Some((chunk.map(Frame::data), mended))
        });
        Response::from_parts(parts, StreamBody::new(chunks).boxed_unsync())
    }

    fn stream(&self, body: Body) -> EventStream {
        EventStream::new(body, self.max_event, self.event_room.clone())
    }

    fn request(&self, last_id: Option<&str>) -> Request<Body> {
        let mut request = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            request.headers_mut().insert(LAST_EVENT_ID, id);
        }
        request
    }
}

/// The outcome of asking for the rest of a stream.
enum Resumed {
    /// The stream goes on, and tells so many ends.
    Stream(EventStream, usize),
    Over,
    Cut,
}

impl Mender {
    /// Asks for the rest until there is a response or the time is up.
    async fn ask(&self, backoff: &mut Backoff, last_id: Option<&str>) -> Resumed {
        while backoff.wait().await {
            let within = backoff
                .deadline()
                .min(Instant::now() + self.times.response_head);
            let Ok(Ok(response)) =
                timeout_at(within, self.upstream.call(self.request(last_id))).await
            else {
                continue;
            };
            match response.status() {
                StatusCode::OK if is_mendable(&Method::GET, &response) => {
                    let ends = ends::left(response.headers());
                    return Resumed::Stream(self.stream(response.into_body()), ends);
                }
                StatusCode::NO_CONTENT | StatusCode::NOT_FOUND | StatusCode::GONE => {
                    return Resumed::Over;
                }
                StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS => {}
                status if status.is_server_error() => {}
                _ => return Resumed::Cut,
            }
        }
        Resumed::Cut
    }
}

struct Mended {
    mender: Arc<Mender>,
    phase: Phase,
    ends: Ends,
    last_id: Option<String>,
    /// The last event that the client got.
    last_event: Option<Block>,
    has_begun: bool,
    ends_with_retry: bool,
    /// Whether the present upstream body has brought anything new.
    has_news: bool,
    backoff: Option<Backoff>,
    last_written: Instant,
}

enum Phase {
    Reading(EventStream, Instant),
    Resuming(BoxFuture<'static, (Backoff, Resumed)>),
    Ended,
}

impl Mended {
    async fn next_chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        let chunk = loop {
            match &mut self.phase {
                Phase::Ended => return None,
                Phase::Reading(stream, since) => {
                    let silence = self.mender.times.response_body;
                    let next = select! {
                        () = self.mender.shutdown.cancelled() => {
                            break Err(BodyError::new(CutShort));
                        }
                        next = stream.next(silence) => next,
                    };
                    let lived = since.elapsed();
                    match next {
                        Next::Block(block) => {
                            if let Some(bytes) = self.pass_on(block) {
                                break Ok(bytes);
                            }
                        }
                        Next::Ended | Next::Cut(_) if self.ends.are_all_told() => return None,
                        Next::Ended if !self.ends.are_known() && !self.ends_with_retry => {
                            return None;
                        }
                        Next::Ended | Next::Cut(_) => {
                            self.has_news |= lived >= self.mender.times.retry_longest;
                            if self.last_event.is_some() && self.last_id.is_none() {
                                break Err(BodyError::new(CutShort));
                            }
                            self.resume();
                        }
                    }
                }
                Phase::Resuming(resumed) => {
                    let heartbeat = self.last_written + self.mender.times.heartbeat;
                    let (backoff, resumed) = select! {
                        () = self.mender.shutdown.cancelled() => {
                            break Err(BodyError::new(CutShort));
                        }
                        () = sleep_until(heartbeat) => break Ok(HEARTBEAT),
                        resumed = resumed => resumed,
                    };
                    self.backoff = Some(backoff);
                    match resumed {
                        Resumed::Stream(stream, ends) => {
                            self.ends.begin_again(ends);
                            self.phase = Phase::Reading(stream, Instant::now());
                        }
                        Resumed::Over => return None,
                        Resumed::Cut => break Err(BodyError::new(CutShort)),
                    }
                }
            }
        };
        if chunk.is_err() {
            self.phase = Phase::Ended;
        }
        self.last_written = Instant::now();
        Some(chunk)
    }

    /// The part of a block that the client gets; `None` when it gets none.
    fn pass_on(&mut self, block: Block) -> Option<Bytes> {
        if block.is_only_retry() {
            self.ends_with_retry = true;
            return (!std::mem::replace(&mut self.has_begun, true)).then(|| block.bytes());
        }
        self.has_begun = true;
        self.ends_with_retry = false;
        let fields = block.fields();
        if fields.data.is_some() {
            self.ends.count(&fields.event);
            let is_repeated = !self.has_news && self.last_event.as_ref() == Some(&block);
            if is_repeated {
                return None;
            }
            self.has_news = true;
            self.last_event = Some(block.clone());
        }
        if fields.id.is_some() {
            self.last_id = fields.id.filter(|id| !id.is_empty());
        }
        Some(block.bytes())
    }

    /// Begins to ask for the rest.
    fn resume(&mut self) {
        let mut backoff = match self.backoff.take() {
            Some(backoff) if !self.has_news => backoff,
            _ => Backoff::new(&self.mender.times),
        };
        self.has_news = false;
        self.ends_with_retry = false;
        self.mender.metrics.streams_mended.inc();
        let (mender, last_id) = (self.mender.clone(), self.last_id.clone());
        self.phase = Phase::Resuming(Box::pin(async move {
            let resumed = mender.ask(&mut backoff, last_id.as_deref()).await;
            (backoff, resumed)
        }));
    }
}
