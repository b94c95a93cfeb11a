//! Sends the progress of a job, or of several, to one client as server-sent events.

use std::time::Duration;

use api::sse::{self, Generation, Spelling};
use futures::stream::{StreamExt, TryStreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use job::effects::{Log, within};
use job::{Next, Position, Silence, Step, Watcher, millis};
use serde_json::json;

use crate::exchange::Exchange;
use crate::http::{Disconnected, Writer};
use crate::spin::Spin;

/// The header that a proxy sets to 0 when it has no capacity for another stream: the stream ends at
/// once then, and the client polls.
const BUDGET_HEADER: &str = "x-stream-budget";
/// The header by which an edge offers to keep streams that have nothing to say: `any`, or those
/// that have no budget of time.
const PARK_HEADER: &str = "x-edge-park";
/// Pause after which a client that was refused a stream polls.
pub const RETRY_POLLING: Duration = api::status::POLL;

/// The reason why a stream ended.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Every job is over, or its watcher was given up.
    Over,
    /// A job is not there any more, or the store does not show it; the others are over.
    Missing,
    /// The client went away.
    Left,
    /// The budget of time is used up.
    Budget,
    /// The jobs are silent: the edge parks the stream.
    Parked,
}

/// The events and bytes of a stream, for the log.
#[derive(Default)]
struct Carried {
    events: u32,
    bytes: usize,
}

/// The form of one client's stream: spelling, opening bytes and duration.
pub struct StreamOptions {
    /// The spelling of its events.
    pub spelling: Spelling,
    /// Bytes before the first event.
    pub opening: Vec<u8>,
    /// Longest duration of the response, from the request on; `None`: until the jobs are over.
    pub budget: Option<Duration>,
    /// Pause after which the client should come back when that is not long enough.
    pub reconnect_after: Duration,
    /// The name of the transport in the log.
    pub transport: &'static str,
    /// Spells the event that parks the stream of a silent job, where watchers may leave.
    /// (Components whose watchers stay name none, and have none of it in them.)
    pub park: Option<fn(&Exchange, Silence) -> Vec<u8>>,
}

/// The headers of every event stream.
#[must_use]
pub fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        ),
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ])
}

/// Whether a proxy in front of the application has no capacity for another stream.
#[must_use]
pub fn is_refused(exchange: &Exchange) -> bool {
    exchange.request.header(BUDGET_HEADER) == Some("0")
}

/// The longest duration of a request's stream, and the pause after which its reader should come
/// back then.
#[must_use]
pub fn budget(exchange: &Exchange) -> (Option<Duration>, Duration) {
    if is_refused(exchange) {
        (Some(Duration::ZERO), RETRY_POLLING)
    } else {
        (exchange.config.settings.stream_budget, sse::RETRY_SOON)
    }
}

/// Whether a stream of this budget may be left to an edge when its job is silent for long.
#[must_use]
pub fn may_park(exchange: &Exchange, budget: Option<Duration>) -> bool {
    match exchange.request.header(PARK_HEADER) {
        Some("any") => !is_refused(exchange),
        Some(_) => budget.is_none(),
        None => false,
    }
}

/// The spelling that a request asks for.
#[must_use]
pub fn spelling(exchange: &Exchange) -> Spelling {
    let query = &exchange.request.query;
    Spelling {
        books: query.flag("books"),
        generation: match query.get("events") {
            _ if exchange.is_v3() => Generation::V3(exchange.origin()),
            Some("photoscan") => Generation::Photoscan,
            _ => Generation::V2,
        },
        stall: exchange.config.settings.stall,
    }
}

/// Writes the events of a stream's jobs until all are over, the client has left, or the budget is
/// used up. Only a complete stream is ended as HTTP prescribes: one that is cut is to be continued.
pub async fn follow(
    exchange: &Exchange,
    watchers: Vec<Watcher<'_, Spin>>,
    mut writer: Writer,
    options: StreamOptions,
) {
    let ids: Vec<_> = watchers
        .iter()
        .map(|watcher| watcher.id().clone())
        .collect();
    let mut carried = Carried::default();
    let end = write_events(exchange, watchers, &mut writer, &options, &mut carried)
        .await
        .unwrap_or(End::Left);
    match end {
        End::Over | End::Left | End::Parked => writer.finish().await,
        // Whether a job is gone is told to whoever comes back.
        End::Missing | End::Budget => {
            if let End::Budget = end {
                // A client that has left needs to know nothing.
                let _ = writer.write(&sse::retry(options.reconnect_after)).await;
            }
            // The app that reads these words reconnects quietly after a clean end, and gives up on
            // an error; every other reader takes a clean end for the end of everything.
            match options.spelling.generation {
                Generation::Photoscan => writer.finish().await,
                Generation::V2 | Generation::V3(_) => writer.abort().await,
            }
        }
    }
    exchange.spin.log(
        "stream-ended",
        json!({
            "jobIds": ids, "transport": options.transport, "outcome": end.as_str(),
            "durationMs": millis(exchange.took()), "events": carried.events,
            "bytes": carried.bytes, "costs": exchange.spin.take_costs(),
        }),
    );
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Missing => "gone",
            Self::Left => "left",
            Self::Budget => "budget",
            Self::Parked => "parked",
        }
    }
}

async fn write_events(
    exchange: &Exchange,
    watchers: Vec<Watcher<'_, Spin>>,
    writer: &mut Writer,
    options: &StreamOptions,
    carried: &mut Carried,
) -> Result<End, Disconnected> {
    let are_several = watchers.len() > 1;
    let is_told = |watcher: &Watcher<'_, Spin>| {
        watcher.has_everything() || are_several && sse::is_over(watcher.position())
    };
    let positions = watchers.iter().map(|watcher| match is_told(watcher) {
        true if are_several => sse::OVER,
        _ => watcher.position(),
    });
    let mut positions: Vec<Position> = positions.collect();
    let watchers = watchers.into_iter().enumerate();
    let mut news = Watcher::all(watchers.filter(|(_, watcher)| !is_told(watcher)));
    let mut end = End::Over;
    writer.write(&sse::retry(sse::RETRY)).await?;
    if !options.opening.is_empty() {
        writer.write(&options.opening).await?;
    }
    loop {
        let next = match options.budget {
            None => Some(writer.while_connected(news.next()).await),
            Some(budget) => {
                let left = budget.saturating_sub(exchange.took());
                within(&exchange.spin, left, writer.while_connected(news.next())).await
            }
        };
        let (n, notification) = match next.transpose()? {
            None => return Ok(End::Budget),
            Some(None) => return Ok(end),
            Some(Some((n, Next::Notify(notification)))) => (n, notification),
            Some(Some((_, Next::Silent(silence)))) => {
                if let Some(park) = options.park {
                    writer.write(&park(exchange, *silence)).await?;
                }
                return Ok(End::Parked);
            }
            Some(Some(_)) => {
                end = End::Missing;
                continue;
            }
        };
        if let (Some(position), Some(at)) = (positions.get_mut(n), notification.step.position()) {
            *position = match notification.step {
                Step::Ended(_) if are_several => sse::OVER,
                _ => at,
            };
        }
        let items = match notification.step {
            Step::Ended(_) if options.spelling.wants_items(&notification.root) => {
                let root = &notification.root;
                let items = exchange.engine().items(root, 0..root.results());
                // Without them the results are fetched.
                items.try_concat().await.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let bytes = options.spelling.spell(&notification, &items, &positions);
        writer.write(&bytes).await?;
        carried.events += 1;
        carried.bytes += bytes.len();
    }
}
