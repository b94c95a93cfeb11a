//! Event streams that many clients share: PROTOCOL.md, "Event streams of many clients".

use crate::{
    body::Linger,
    config::Times,
    ends::{self, Ends},
    headers::{EDGE_PARK, EDGE_POSITION, EDGE_SNAPSHOTS, LAST_EVENT_ID},
    hub::{AcceptedStream, BlockContent, Continuation, Kind, Reason, Resumed, Streams, Subscriber},
    mend::{self, CutShort, HEARTBEAT},
    metrics::Metrics,
    outbox::{Delivery, Outgoing},
    parking::{PARKED, Parked, Parking},
    position::Position,
    room::EventRoom,
    session::{stream_key, visible},
    sse::{Block, EventStream},
    upstream::{Body, BodyError, Upstream},
};
use admission::{ClientKey, STREAM_BUDGET};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use prometheus_client::metrics::counter::Counter;
use std::{sync::Arc, time::Duration};
use tokio::select;
use tokio_util::sync::CancellationToken;

/// The kind of upstream stream whose messages are server-sent events, for [`Streams`] to share
/// among clients.
pub(crate) struct Events {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) max_event: usize,
    pub(crate) event_room: EventRoom,
    pub(crate) answer_within: Duration,
    pub(crate) mends_budgets: bool,
    pub(crate) parking: Arc<Parking>,
}

/// A client's request for a stream.
pub(crate) struct EventsRequest {
    uri: Uri,
    headers: HeaderMap,
}

/// How a client's stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The body is complete.
    Clean,
    /// The body breaks off, so that the client reconnects.
    Cut,
}

/// State of reading one upstream stream.
pub(crate) struct EventReader {
    ends: Ends,
    /// The events that a later event about the same job replaces.
    snapshots: Vec<String>,
    position: Position,
    opening: Opening,
    ends_with_retry: bool,
    is_mended: bool,
    mends_budgets: bool,
}

/// Whether clients have yet to get the block that sets the reconnection time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// The clients have got nothing yet: the block is for them.
    First,
    /// The stream was resumed, and the clients know the time.
    Again,
    Done,
}

impl EventReader {
    /// A reader of an answer with this head, whose client has everything up to `position`.
    fn of(answer: &HeaderMap, position: Position, opening: Opening) -> Self {
        Self {
            ends: Ends::of(answer),
            snapshots: ends::names(answer, &EDGE_SNAPSHOTS),
            position,
            opening,
            ends_with_retry: false,
            is_mended: true,
            mends_budgets: false,
        }
    }

    fn read(&mut self, block: &Block, may_park: bool) -> BlockContent<Events> {
        let fields = block.fields();
        let said = |slot, id: Option<Position>, text| {
            let delivery = Delivery {
                message: block.bytes(),
                slot,
                id: id.map(Arc::new),
                room: block.room(),
            };
            BlockContent::Delivery(delivery, text)
        };
        let opening = std::mem::replace(&mut self.opening, Opening::Done);
        if fields.retry && fields.id.is_none() && fields.data.is_none() {
            self.ends_with_retry = opening != Opening::Again;
            let is_told = match opening {
                Opening::First => true,
                Opening::Again => false,
                Opening::Done => !self.mends_budgets,
            };
            return match is_told {
                true => said(None, None, None),
                false => BlockContent::Nothing,
            };
        }
        self.ends_with_retry = false;
        if fields.data.is_none() {
            return said(Some(Arc::from("comment")), None, None);
        }
        if may_park && fields.event == PARKED && fields.id.is_none() {
            let parked = fields.data.as_deref().and_then(Parked::read);
            return parked.map_or(BlockContent::End(End::Cut), BlockContent::Parked);
        }
        let is_end = self.ends.count(&fields.event);
        let Some(id) = fields.id else {
            return said(None, None, None);
        };
        let Some(position) = Position::parse(&id) else {
            tracing::error!("an event of a shared stream has an id that is no list of counters");
            return BlockContent::End(End::Cut);
        };
        let subject = self.position.first_behind(&position);
        self.position.advance(&position);
        // An end may say no more than that there is none to come.
        if subject.is_none() && is_end {
            return said(None, None, None);
        }
        let slot = self.snapshots.contains(&fields.event).then_some(subject);
        let slot = slot.flatten().map(|subject| subject.to_string().into());
        said(slot, Some(position), Some(id))
    }

    fn ended(&mut self, is_clean: bool) -> Option<End> {
        let as_it_came = match is_clean {
            true => End::Clean,
            false => End::Cut,
        };
        if self.ends.are_all_told() {
            return Some(End::Clean);
        }
        let is_the_budget = self.ends_with_retry && !self.mends_budgets;
        let may_be_all = is_clean && !self.ends.are_known() && !self.ends_with_retry;
        if !self.is_mended || is_the_budget || may_be_all {
            return Some(as_it_came);
        }
        self.opening = Opening::Again;
        self.ends_with_retry = false;
        None
    }
}

impl Kind for Events {
    type Message = Bytes;
    type End = End;
    type Request = EventsRequest;
    type Reader = EventReader;

    /// The first block sets a client's reconnection time.
    const JOINS_AT_ONCE: bool = false;
    const WAITS_FOR_READERS: bool = true;
    const SHOWS_IDS: bool = true;

    async fn resume(
        &self,
        request: &EventsRequest,
        key: Option<&str>,
        last_id: Option<&str>,
        may_park: bool,
    ) -> Resumed<Self> {
        let mut again = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *again.uri_mut() = request.uri.clone();
        let headers = again.headers_mut();
        headers.clone_from(&request.headers);
        headers.remove(LAST_EVENT_ID);
        // Whoever asked when there was no room follows a stream that has some.
        headers.remove(STREAM_BUDGET);
        headers.remove(EDGE_PARK);
        let may_park = may_park && self.offer(headers);
        if let Some(id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT_ID, id);
        }
        let answer = tokio::time::timeout(self.answer_within, self.upstream.call(again)).await;
        let Ok(Ok(response)) = answer else {
            return Resumed::Unavailable;
        };
        match response.status() {
            StatusCode::OK if mend::is_mendable(&Method::GET, &response) => {
                match stream_key(response.headers()) {
                    Some(told) if key == Some(&*told) => Resumed::Stream(Continuation {
                        may_park,
                        ends: ends::left(response.headers()),
                        stream: self.stream(response.into_body()),
                    }),
                    Some(told) => self.moved(told, last_id, may_park, response),
                    // It only says when to ask again.
                    None => Resumed::Unavailable,
                }
            }
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND | StatusCode::GONE => Resumed::Over,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Resumed::Unavailable
            }
            status if status.is_server_error() => Resumed::Unavailable,
            _ => Resumed::Refused,
        }
    }

    fn go_on(&self, reader: &mut EventReader, ends: usize) {
        reader.ends.begin_again(ends);
    }

    fn read(&self, reader: &mut EventReader, block: &Block, may_park: bool) -> BlockContent<Self> {
        reader.read(block, may_park)
    }

    fn ended(&self, reader: &mut EventReader, is_clean: bool) -> Option<End> {
        reader.ended(is_clean)
    }

    fn end(&self, reason: Reason) -> End {
        match reason {
            Reason::Over => End::Clean,
            Reason::Unread | Reason::Refused | Reason::GivenUp => End::Cut,
        }
    }

    fn parking(&self) -> &Arc<Parking> {
        &self.parking
    }

    fn keep_alive(&self) -> Option<Delivery<Bytes>> {
        Some(Delivery {
            message: HEARTBEAT,
            slot: Some(Arc::from("comment")),
            id: None,
            room: None,
        })
    }

    fn silence(&self, times: &Times) -> Duration {
        times.response_body
    }

    fn lost(metrics: &Metrics) -> &Counter {
        &metrics.streams_mended
    }
}

impl Events {
    /// Offers in a request to keep the stream while it has nothing to say; false when nothing is
    /// offered now.
    pub(crate) fn offer(&self, headers: &mut HeaderMap) -> bool {
        self.parking.offer(headers, self.mends_budgets)
    }

    /// The answer to a resumption that is on a stream of another key.
    fn moved(
        &self,
        key: String,
        last_id: Option<&str>,
        may_park: bool,
        response: Response<Body>,
    ) -> Resumed<Self> {
        let (parts, body) = response.into_parts();
        let had = last_id.and_then(Position::parse).unwrap_or_default();
        let begins = placed(&parts.headers).map(|(_, position)| position);
        // One that begins later, or nobody knows where, may leave something out.
        if !begins.is_some_and(|begins| had.reaches(&begins)) {
            return Resumed::Refused;
        }
        let mut reader = EventReader::of(&parts.headers, had, Opening::Again);
        reader.mends_budgets = self.mends_budgets;
        Resumed::Moved(Box::new(AcceptedStream {
            key: Some(key),
            may_lead: true,
            is_placed: true,
            last_id: last_id.map(str::to_owned),
            may_park,
            stream: self.stream(body),
            reader,
        }))
    }

    fn stream(&self, body: Body) -> EventStream {
        EventStream::new(body, self.max_event, self.event_room.clone())
    }
}

/// Whether an answer is a stream that clients may share.
pub(crate) fn is_shareable<B>(method: &Method, response: &Response<B>) -> bool {
    mend::is_mendable(method, response) && stream_key(response.headers()).is_some()
}

/// The id, and the position, that an answer says it begins after.
fn placed(answer: &HeaderMap) -> Option<(&str, Position)> {
    let id = visible(answer, &EDGE_POSITION)?;
    Some((id, Position::parse(id)?))
}

/// A client that has asked for a stream, with what it has.
pub(crate) struct Newcomer<P: Send + 'static> {
    pub(crate) client: ClientKey,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Permit that is held as long as the answer to its own request is read.
    pub(crate) permit: Linger<P>,
    /// Whether there is room for its own answer to last; else it can only join what others follow.
    pub(crate) may_lead: bool,
    /// Whether the edge offered to park the stream.
    pub(crate) may_park: bool,
    pub(crate) max_unread: usize,
    pub(crate) shutdown: CancellationToken,
}

impl Streams<Events> {
    /// Answers with a stream that follows the shared one of the answer's key; for an answer that is
    /// [shareable](is_shareable).
    pub(crate) fn share<P: Send + 'static>(
        self: &Arc<Self>,
        newcomer: Newcomer<P>,
        response: Response<Body>,
    ) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        let key = stream_key(&parts.headers).unwrap_or_default();
        let verified = placed(&parts.headers);
        let is_placed = verified.is_some();
        let (told, position) = verified.unzip();
        let position = position.unwrap_or_default();
        let last_id = told
            .or_else(|| visible(&newcomer.headers, &LAST_EVENT_ID))
            .map(str::to_owned);
        let mut reader = EventReader::of(&parts.headers, position.clone(), Opening::First);
        reader.is_mended = newcomer.may_lead;
        reader.mends_budgets = self.kind.mends_budgets && newcomer.may_lead;
        parts.headers.remove(header::CONTENT_LENGTH);
        let request = EventsRequest {
            uri: newcomer.uri,
            headers: newcomer.headers,
        };
        let kind = self.kind.clone();
        let subscriber = Subscriber::new(
            kind,
            newcomer.client,
            request,
            position,
            newcomer.max_unread,
            None,
        );
        let answer = AcceptedStream {
            key: Some(key),
            may_lead: newcomer.may_lead,
            is_placed,
            last_id,
            may_park: newcomer.may_park,
            stream: self.kind.stream(body),
            reader,
        };
        self.attach(&subscriber, answer, newcomer.permit);
        let listener = Listener {
            subscriber,
            shutdown: newcomer.shutdown,
        };
        let chunks = stream::unfold(Some(listener), |listener| async move {
            let listener = listener?;
            match listener.chunk().await? {
                Ok(chunk) => Some((Ok(Frame::data(chunk)), Some(listener))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Response::from_parts(parts, StreamBody::new(chunks).boxed_unsync())
    }
}

/// One client that follows a stream.
struct Listener {
    subscriber: Arc<Subscriber<Events>>,
    shutdown: CancellationToken,
}

impl Listener {
    /// The next chunk of the body; `None` at a clean end.
    async fn chunk(&self) -> Option<Result<Bytes, BodyError>> {
        loop {
            match self.subscriber.pop() {
                Some(Outgoing::Message(bytes, _room)) => return Some(Ok(bytes)),
                Some(Outgoing::Close(End::Clean)) => return None,
                Some(Outgoing::Close(End::Cut)) => {
                    // What was sent just before leaves first: a body that fails is not flushed.
                    tokio::task::yield_now().await;
                    return Some(Err(BodyError::new(CutShort)));
                }
                None => {}
            }
            select! {
                () = self.subscriber.changed() => {}
                () = self.shutdown.cancelled() => return Some(Err(BodyError::new(CutShort))),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.subscriber.go();
    }
}
