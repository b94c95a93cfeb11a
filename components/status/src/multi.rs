//! The progress of several jobs on one stream: `GET /api/v2/imports/stream?jobIds=a,b,c`. The
//! events are those of each job's own stream; an id holds the positions of all, in order.

use std::pin::pin;

use api::error::ApiError;
use api::request;
use api::sse::{self, Spelling};
use futures::future::{Either, select};
use futures::stream::{StreamExt, select_all, unfold};
use http::header::HeaderMap;
use job::JobId;
use job::effects::{Clock, Log};
use job::observer::{Observer, Position, Step};
use job::provider::in_millis;
use job::watch::{Look, Next, Watcher};
use platform::stream::{headers, spelling};
use platform::{Answer, Exchange, Gone, Writer};
use serde_json::json;

use crate::{query, see};

/// The most jobs of one stream.
const MAX_JOBS: usize = 20;

/// One job of the stream.
struct Followed {
    id: JobId,
    look: Look,
    observer: Observer,
}

/// Why a stream ended.
enum End {
    /// Every job is over, or was given up.
    Over,
    /// The client went away.
    Left,
    /// The budget is used up.
    Budget,
}

pub async fn serve(x: &mut Exchange) -> Result<Option<Answer>, ApiError> {
    let query = query(x);
    let ids = job_ids(query.get("jobIds"))?;
    let spelling = spelling(x);
    let last = x
        .request
        .header("last-event-id")
        .or_else(|| query.get("lastEventId"))
        .and_then(|id| positions(id, ids.len()));
    let mut jobs = Vec::with_capacity(ids.len());
    for (n, id) in ids.into_iter().enumerate() {
        let look = see(x, &id).await?;
        let Some(root) = look.root() else {
            return Err(ApiError::no_such_job(&id));
        };
        x.authorize(root, false, None).await?;
        let last = last.as_ref().and_then(|last| last.get(n).copied());
        let mut observer = Observer::new(last, spelling.books, x.spin.now(), &x.config.settings);
        if root.stage.is_terminal() {
            observer.believe(root, false);
        }
        jobs.push(Followed { id, look, observer });
    }
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id.clone()).collect();
    let mut told: Vec<Position> = jobs.iter().map(|job| job.observer.position()).collect();
    jobs.retain(|job| match &job.look {
        Look::Ended(end) => !job.observer.has_everything(end),
        _ => true,
    });
    if jobs.is_empty() {
        return Ok(Some(Answer {
            status: 204,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }));
    }
    let Some(mut writer) = x.stream(200, headers()) else {
        return Ok(None);
    };
    let (end, events) = follow(x, &mut writer, spelling, &ids, jobs, &mut told).await;
    match end {
        End::Over | End::Left => writer.finish().await,
        End::Budget => {
            // A client that has left needs to know nothing.
            let _ = writer.write(&sse::retry(sse::RETRY_SOON)).await;
            writer.cut().await;
        }
    }
    x.spin.log(
        "stream-ended",
        json!({
            "jobIds": ids, "transport": "sse", "durationMs": in_millis(x.took()),
            "events": events, "costs": x.spin.costs(),
        }),
    );
    Ok(None)
}

fn job_ids(list: Option<&str>) -> Result<Vec<JobId>, ApiError> {
    let list = list.ok_or_else(|| ApiError::missing("jobIds", "name the jobs to follow"))?;
    let mut ids = Vec::new();
    for id in list.split(',') {
        let id = request::job_id(id)?;
        if ids.contains(&id) {
            return Err(ApiError::invalid("jobIds", "names a job twice"));
        }
        if ids.len() == MAX_JOBS {
            let problem = format!("must name at most {MAX_JOBS} jobs");
            return Err(ApiError::invalid("jobIds", problem));
        }
        ids.push(id);
    }
    Ok(ids)
}

/// Reads an event id of a stream of so many jobs; `None` when it is none.
fn positions(id: &str, jobs: usize) -> Option<Vec<Position>> {
    let positions: Option<Vec<Position>> = id.split(',').map(Position::parse).collect();
    positions.filter(|positions| positions.len() == jobs)
}

/// Says what there is to say of each job, as it comes.
async fn follow(
    x: &Exchange,
    writer: &mut Writer,
    spelling: Spelling,
    ids: &[JobId],
    jobs: Vec<Followed>,
    told: &mut [Position],
) -> (End, u32) {
    let (spin, config) = (&x.spin, &x.config);
    let deadline = config
        .settings
        .stream_budget
        .map(|budget| spin.monotonic() + budget);
    let mut news = select_all(jobs.into_iter().map(|job| {
        let watcher = Watcher::new(
            spin,
            &config.settings,
            &config.keyring,
            job.id,
            job.observer,
            job.look,
        );
        unfold(watcher, |mut watcher| async move {
            match watcher.next().await {
                Next::Say(saying) => {
                    watcher.said(&saying);
                    Some((saying, watcher))
                }
                Next::Gone | Next::Over => None,
            }
        })
        .boxed_local()
    }));
    let mut events = 0;
    if let Err(Gone) = writer.write(&sse::retry(sse::RETRY)).await {
        return (End::Left, events);
    }
    loop {
        let next = match deadline {
            None => news.next().await,
            Some(deadline) => {
                let left = deadline.saturating_sub(spin.monotonic());
                match select(news.next(), pin!(spin.sleep(left))).await {
                    Either::Left((next, _)) => next,
                    Either::Right(((), _)) => return (End::Budget, events),
                }
            }
        };
        let Some(saying) = next else {
            return (End::Over, events);
        };
        if let Some(position) = position(saying.step)
            && let Some(n) = ids.iter().position(|id| *id == saying.root.id)
            && let Some(told) = told.get_mut(n)
        {
            *told = position;
        }
        let bytes = with_id(&spelling.spell(&saying), told, spelling.books);
        if let Err(Gone) = writer.write(&bytes).await {
            return (End::Left, events);
        }
        events += 1;
    }
}

fn position(step: Step) -> Option<Position> {
    match step {
        Step::Initialized(at)
        | Step::Processing(at)
        | Step::Book(at, _)
        | Step::Ended(at)
        | Step::TimedOut(at) => Some(at),
        Step::Heartbeat => None,
    }
}

/// An event of one job's own stream, under the positions of all.
fn with_id(event: &[u8], told: &[Position], books: bool) -> Vec<u8> {
    let end_of_id = event.iter().position(|byte| *byte == b'\n');
    let (Some(at), true) = (end_of_id, event.starts_with(b"id: ")) else {
        return event.to_vec();
    };
    let ids: Vec<String> = told.iter().map(|position| position.id(books)).collect();
    let mut bytes = format!("id: {}", ids.join(",")).into_bytes();
    bytes.extend_from_slice(event.get(at..).unwrap_or_default());
    bytes
}
