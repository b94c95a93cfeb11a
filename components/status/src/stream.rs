//! The progress stream.

use std::pin::pin;
use std::time::Duration;

use api::error::ApiError;
use api::sse::{self, Spelling};
use futures::future::{Either, select};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use job::effects::{Clock, Log};
use job::observer::{Observer, Position};
use job::provider::in_millis;
use job::watch::{Look, Next, Watcher};
use platform::{Answer, Exchange, Gone, Writer};
use serde_json::json;

use crate::{query, see};

/// Where something in front of the application has no room for another stream, it asks for one
/// that ends at once: the client polls then.
const BUDGET_HEADER: &str = "x-stream-budget";
/// How soon such a client comes back.
const RETRY_POLLING: Duration = Duration::from_secs(2);

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

pub async fn serve(x: &mut Exchange, id: &str) -> Result<Option<Answer>, ApiError> {
    let id = api::request::job_id(id)?;
    let look = match see(x, &id).await {
        // An EventSource takes any error for final: this one is not.
        Err(error) if error.code == api::Code::ServiceBusy => return come_back(x).await,
        look => look?,
    };
    let Some(root) = look.root() else {
        return Err(ApiError::no_such_job(&id));
    };
    x.authorize(root, false, None).await?;
    let query = query(x);
    let spelling = Spelling {
        books: query.flag("books"),
        photoscan: query.get("events") == Some("photoscan"),
        stall: x.config.settings.stall,
    };
    let last = x
        .request
        .header("last-event-id")
        .or_else(|| query.get("lastEventId"))
        .and_then(Position::parse);
    let mut observer = Observer::new(last, spelling.books, x.spin.now(), &x.config.settings);
    if let Look::Ended(end) = &look {
        observer.believe(end, false);
        if observer.has_everything(end) {
            return Ok(Some(Answer {
                status: 204,
                headers: HeaderMap::new(),
                body: Vec::new(),
            }));
        }
    }
    let turned_away = x.request.header(BUDGET_HEADER) == Some("0");
    let budget = if turned_away {
        Some(Duration::ZERO)
    } else {
        x.config.settings.stream_budget
    };
    let Some(mut writer) = x.stream(200, headers()) else {
        return Ok(None);
    };
    let (spin, config) = (&x.spin, &x.config);
    let mut watcher = Watcher::new(
        spin,
        &config.settings,
        &config.keyring,
        id.clone(),
        observer,
        look,
    );
    let mut carried = Carried::default();
    let deadline = budget.map(|budget| spin.monotonic() + budget);
    let end = follow(
        &mut watcher,
        &mut writer,
        spelling,
        deadline,
        spin,
        &mut carried,
    )
    .await;
    let looks = watcher.looks();
    match end {
        End::Over | End::Gone | End::Left => writer.finish(),
        End::Budget => {
            let retry = if turned_away {
                RETRY_POLLING
            } else {
                sse::RETRY_SOON
            };
            // A client that has left needs to know nothing.
            let _ = writer.write(&sse::retry(retry)).await;
            writer.cut().await;
        }
    }
    spin.log(
        "stream-ended",
        json!({
            "jobId": id, "transport": "sse", "outcome": end.as_str(),
            "durationMs": in_millis(x.took()), "events": carried.events,
            "bytes": carried.bytes, "looks": looks, "costs": spin.costs(),
        }),
    );
    Ok(None)
}

/// What every event stream is answered with.
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

/// Begins a stream only to say that the client should try again.
async fn come_back(x: &mut Exchange) -> Result<Option<Answer>, ApiError> {
    if let Some(mut writer) = x.stream(200, headers()) {
        // A client that has left needs to know nothing.
        let _ = writer.write(&sse::retry(RETRY_POLLING)).await;
        writer.cut().await;
    }
    Ok(None)
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

/// Says what the watcher has to say until there is no more to say, nobody to say it to, or no time.
async fn follow(
    watcher: &mut Watcher<'_, platform::Spin>,
    writer: &mut Writer,
    spelling: Spelling,
    deadline: Option<Duration>,
    clock: &impl Clock,
    carried: &mut Carried,
) -> End {
    if writer.write(&sse::retry(sse::RETRY)).await.is_err() {
        return End::Left;
    }
    loop {
        let left = deadline.map(|deadline| deadline.saturating_sub(clock.monotonic()));
        let next = {
            let next = pin!(watcher.next());
            match left {
                None => next.await,
                Some(left) => match select(next, pin!(clock.sleep(left))).await {
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
        let bytes = spelling.spell(&saying);
        if let Err(Gone) = writer.write(&bytes).await {
            return End::Left;
        }
        carried.events += 1;
        carried.bytes += bytes.len();
        watcher.said(&saying);
    }
}
