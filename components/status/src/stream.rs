//! The progress stream, of one job or of several: the events are those of each job's own stream, an
//! id holds where the reader is in each.

use std::time::Duration;

use api::error::ApiError;
use api::parked::{self, ParkedStream};
use api::sse::{self, Spelling};
use api::v3::Kind;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use job::effects::Clock;
use job::{Inspection, JobId, Observer, Position, Silence, StoreLag, Time};
use platform::stream::{self, RETRY_POLLING, StreamOptions, follow, headers, spelling};
use platform::{Access, Exchange, Response};

use crate::inspect;

/// The header that names for an edge the events that end a stream: a runtime that fails may end the
/// body as if all were well.
const EDGE_TERMINAL: HeaderName = HeaderName::from_static("x-edge-terminal");
/// Tells an edge how many such events the stream tells, if not one.
const EDGE_ENDS: HeaderName = HeaderName::from_static("x-edge-ends");
/// Tells an edge which events a later one replaces.
const EDGE_SNAPSHOTS: HeaderName = HeaderName::from_static("x-edge-snapshots");
/// Tells an edge the id that the answer begins after.
const EDGE_POSITION: HeaderName = HeaderName::from_static("x-edge-position");
/// Tells an edge which streams say the same.
const STREAM_KEY: HeaderName = HeaderName::from_static("stream-key");

/// Answers with the stream of these jobs, or with its refusal in the form that a stream's client
/// reads; `kind`: the jobs must be of this kind.
pub(crate) async fn serve(
    exchange: &mut Exchange,
    ids: &[JobId],
    kind: Option<Kind>,
) -> Result<Option<Response>, ApiError> {
    match stream_of(exchange, ids, kind).await {
        Err(error) if is_read_as_events(exchange) => {
            let generation = spelling(exchange).generation;
            let body = sse::refusal(&generation, ids, &error);
            let mut answer = exchange.failure(&error);
            answer.body = body;
            Ok(Some(answer.header(CONTENT_TYPE, "text/event-stream")))
        }
        answer => answer,
    }
}

/// Whether the client parses the body of a refusal as events, and looks at nothing else, as the
/// apps do; a browser looks at the status.
fn is_read_as_events(exchange: &Exchange) -> bool {
    let header = |name| exchange.request.header(name);
    let is_browser = header("sec-fetch-mode").is_some() || header("sec-fetch-dest").is_some();
    !is_browser && exchange.accepts_event_stream()
}

async fn stream_of(
    exchange: &mut Exchange,
    ids: &[JobId],
    kind: Option<Kind>,
) -> Result<Option<Response>, ApiError> {
    let (query, spelling) = (&exchange.request.query, spelling(exchange));
    let last = exchange
        .request
        .header("last-event-id")
        .or_else(|| query.get("lastEventId"))
        .and_then(|id| sse::positions(id, ids.len()))
        .unwrap_or_default();
    let mut jobs = Vec::with_capacity(ids.len());
    let (mut ends, mut is_there, mut is_verified) = (0, false, true);
    let mut created = Vec::with_capacity(ids.len());
    let (mut told, mut gone) = (Vec::with_capacity(ids.len()), Vec::new());
    let are_several = ids.len() > 1;
    // The ids of several jobs name the position in each of them, so each is to be known.
    let until =
        are_several.then(|| exchange.spin.monotonic() + exchange.config.settings.write_delay * 2);
    for (n, id) in ids.iter().enumerate() {
        let last = last.get(n).copied();
        let Found {
            observer,
            inspection,
            is_sure,
        } = match Found::of(exchange, id, last, until).await {
            // An EventSource takes any error for final: this one is not.
            Err(error) if error.code == api::Code::ServiceBusy => {
                return retry_later(exchange).await;
            }
            found => found?,
        };
        let root = inspection.root();
        match root.filter(|root| kind.is_none_or(|kind| kind.is_of(root))) {
            Some(root) => {
                exchange.authorize(root, Access::Open, None).await?;
                created.push((id, root.created));
                // What a running job does not show yet is verified as it goes.
                is_verified &= is_sure;
                let has_everything =
                    matches!(&inspection, Inspection::Ended(end) if observer.has_everything(end));
                ends += usize::from(!has_everything);
                told.push(match has_everything && are_several {
                    true => sse::OVER,
                    false => observer.position(),
                });
                is_there = true;
            }
            // It was told of, and has been deleted since: the others go on.
            None if inspection == Inspection::Missing && last.is_some_and(|at| at.seq > 0) => {
                created.push((id, Time(0)));
                let had_end = last.is_some_and(sse::is_over);
                if !had_end {
                    ends += 1;
                    gone.push((n, id));
                }
                told.push(if had_end {
                    sse::OVER
                } else {
                    Position::default()
                });
            }
            None => return Err(ApiError::no_such_job(id)),
        }
        jobs.push((observer, inspection));
    }
    if let ([id, ..], false) = (ids, is_there) {
        return Err(ApiError::no_such_job(id));
    }
    if ends == 0 {
        return Ok(Some(Response {
            status: 204,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }));
    }
    let (budget, reconnect_after) = stream::budget(exchange);
    let mut headers = headers();
    headers.insert(EDGE_TERMINAL, HeaderValue::from_static(sse::ENDS));
    if ends != 1 {
        headers.insert(EDGE_ENDS, HeaderValue::from(ends));
    }
    headers.insert(EDGE_SNAPSHOTS, HeaderValue::from_static(sse::SNAPSHOTS));
    let position = Some(spelling.id(&told)).filter(|_| is_verified);
    let key = Some(spelling.stream_key(created));
    for (name, value) in [(EDGE_POSITION, position), (STREAM_KEY, key)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    let Some(writer) = exchange.stream(200, headers) else {
        return Ok(None);
    };
    let engine = exchange.engine();
    let may_park = ids.len() == 1 && stream::may_park(exchange, budget);
    let watchers = ids.iter().zip(jobs).map(|(id, (observer, inspection))| {
        let watcher = engine.watch(id.clone(), observer, inspection);
        watcher.may_leave(may_park)
    });
    let options = StreamOptions {
        opening: farewells(&spelling, told, gone),
        spelling,
        budget,
        reconnect_after,
        transport: "sse",
        park: Some(park),
    };
    follow(exchange, watchers.collect(), writer, options).await;
    Ok(None)
}

/// A job of a stream as it was found, and what its reader has had of it.
struct Found {
    observer: Observer,
    inspection: Inspection,
    /// Whether the job can have told the reader what that claims, or does not know it for sure.
    is_sure: bool,
}

impl Found {
    /// Looks for a job whose reader claims to be at `last`. As long as the store may lag, a job is
    /// neither gone nor behind its reader; on a stream of several jobs that is waited for, up to
    /// (monotonic) `until`.
    async fn of(
        exchange: &Exchange,
        id: &JobId,
        last: Option<Position>,
        until: Option<Duration>,
    ) -> Result<Self, ApiError> {
        loop {
            let lag = match until.is_none_or(|until| exchange.spin.monotonic() < until) {
                true => StoreLag::Possible,
                false => StoreLag::Over,
            };
            let inspection = inspect(exchange, id).await?;
            let had_end = until.is_some() && last.is_some_and(sse::is_over);
            let has = match &inspection {
                Inspection::Ended(end) if had_end => Some(Position {
                    seq: end.seq,
                    books: end.stored(),
                }),
                // There is nothing to watch.
                Inspection::Missing => last.map(|_| sse::OVER),
                _ => last,
            };
            let mut observer = exchange.engine().observer(has, spelling(exchange).books);
            let is_sure = match inspection.root() {
                Some(root) => observer.verify(root, lag),
                None => {
                    let is_new = last.is_none_or(|at| at.seq == 0);
                    is_new || had_end || lag == StoreLag::Over
                }
            };
            if is_sure || until.is_none() {
                return Ok(Self {
                    observer,
                    inspection,
                    is_sure,
                });
            }
            exchange.spin.sleep(exchange.config.settings.retry).await;
        }
    }
}

/// Spells the ends of jobs that are gone and whose reader, which is at these positions, has not
/// been told what became of them.
fn farewells(spelling: &Spelling, mut told: Vec<Position>, gone: Vec<(usize, &JobId)>) -> Vec<u8> {
    let mut events = Vec::new();
    for (n, id) in gone {
        if let Some(position) = told.get_mut(n) {
            *position = sse::OVER;
        }
        let error = ApiError::no_such_job(id);
        let event = sse::refusal(&spelling.generation, std::slice::from_ref(id), &error);
        events.extend_from_slice(format!("id: {}\n", spelling.id(&told)).as_bytes());
        events.extend_from_slice(&event);
    }
    events
}

/// Spells the event that leaves a stream to an edge.
fn park(exchange: &Exchange, silence: Silence) -> Vec<u8> {
    let pause = silence.pause(exchange.spin.now(), &exchange.config.settings);
    let socket = None;
    parked::event(&ParkedStream { silence, socket }, pause)
}

/// Answers with a stream that only says that the client should try again.
async fn retry_later(exchange: &mut Exchange) -> Result<Option<Response>, ApiError> {
    if let Some(mut writer) = exchange.stream(200, headers()) {
        // A client that has left needs to know nothing.
        let _ = writer.write(&sse::retry(RETRY_POLLING)).await;
        writer.abort().await;
    }
    Ok(None)
}
