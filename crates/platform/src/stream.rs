//! A job's progress on its way to one client, as server-sent events.

use std::pin::pin;
use std::time::Duration;

use api::query::Query;
use api::sse::{self, Spelling};
use futures::future::{Either, select};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use job::JobId;
use job::effects::{Clock, Log};
use job::provider::in_millis;
use job::watch::{Next, Watcher};
use serde_json::json;

use crate::exchange::Exchange;
use crate::http::{Gone, Writer};
use crate::spin::Spin;

/// Why a stream ended.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The job is over, or this watcher was given up.
    Over,
    /// The job is no more.
    Gone,
    /// The client went away.
    Left,
    /// The budget is used up.
    Budget,
}

/// What a stream has carried.
#[derive(Default)]
struct Carried {
    events: u32,
    bytes: usize,
}

/// How one client is told of a job.
pub struct Telling {
    /// In which words.
    pub spelling: Spelling,
    /// What comes before anything that the job says.
    pub opening: Vec<u8>,
    /// How long the answer may last, from the request on; `None`: until the job is over.
    pub budget: Option<Duration>,
    /// How soon the client should come back when that is not long enough.
    pub come_back: Duration,
    /// By which name the log calls this way of being told.
    pub transport: &'static str,
}

/// What every event stream is answered with.
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

/// The words that a request asks for.
#[must_use]
pub fn spelling(x: &Exchange) -> Spelling {
    let query = Query::parse(&x.request.query);
    Spelling {
        books: query.flag("books"),
        photoscan: query.get("events") == Some("photoscan"),
        stall: x.config.settings.stall,
    }
}

/// Writes what the watcher has to say until there is no more to say, nobody to say it to, or no
/// time. Only a stream that has said everything is finished as it should be: what is cut short is
/// to be continued.
pub async fn follow(
    x: &Exchange,
    id: &JobId,
    mut watcher: Watcher<'_, Spin>,
    mut writer: Writer,
    telling: Telling,
) {
    let mut carried = Carried::default();
    let end = say(x, &mut watcher, &mut writer, &telling, &mut carried).await;
    match end {
        End::Over | End::Gone | End::Left => writer.finish().await,
        End::Budget => {
            // A client that has left needs to know nothing.
            let _ = writer.write(&sse::retry(telling.come_back)).await;
            writer.cut().await;
        }
    }
    x.spin.log(
        "stream-ended",
        json!({
            "jobId": id, "transport": telling.transport, "outcome": end.as_str(),
            "durationMs": in_millis(x.took()), "events": carried.events,
            "bytes": carried.bytes, "looks": watcher.looks(), "costs": x.spin.costs(),
        }),
    );
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Gone => "gone",
            Self::Left => "left",
            Self::Budget => "budget",
        }
    }
}

async fn say(
    x: &Exchange,
    watcher: &mut Watcher<'_, Spin>,
    writer: &mut Writer,
    telling: &Telling,
    carried: &mut Carried,
) -> End {
    if writer.write(&sse::retry(sse::RETRY)).await.is_err() {
        return End::Left;
    }
    if !telling.opening.is_empty() && writer.write(&telling.opening).await.is_err() {
        return End::Left;
    }
    loop {
        let left = telling.budget.map(|budget| budget.saturating_sub(x.took()));
        let next = {
            let next = pin!(watcher.next());
            match left {
                None => next.await,
                Some(left) => match select(next, pin!(x.spin.sleep(left))).await {
                    Either::Left((next, _)) => next,
                    Either::Right(((), _)) => return End::Budget,
                },
            }
        };
        let saying = match next {
            Next::Say(saying) => saying,
            Next::Gone => return End::Gone,
            Next::Over => return End::Over,
        };
        let bytes = telling.spelling.spell(&saying);
        if let Err(Gone) = writer.write(&bytes).await {
            return End::Left;
        }
        carried.events += 1;
        carried.bytes += bytes.len();
        watcher.said(&saying);
    }
}
