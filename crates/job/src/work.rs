//! A job's work as a chain of runs: starting one, working, handing over to the next.
use crate::document::{Failure, FailureCode, Root, Stage};
use crate::effects::{Effects, HttpError, Request, StoreError, send_within};
use crate::feed::Feed;
use crate::handover::{Created, HandOver, Settled, settle};
use crate::id::JobId;
use crate::keys;
use crate::lease::Lease;
use crate::provider::in_millis;
use crate::retry::patiently;
use crate::run::Run;
use crate::secret::Keyring;
use crate::settings::{RunMode, Settings};
use crate::storage::{Stop, read_end, read_root, repair};
use serde_json::json;
use std::time::Duration;

/// How long the caller of a route that works before it answers stays on the line.
const INLINE_PATIENCE: Duration = Duration::from_secs(1);

/// How long the caller of a route that answers first waits for the answer.
const START_PATIENCE: Duration = Duration::from_secs(2);

/// The header that carries the run key.
pub const RUN_KEY_HEADER: &str = "x-run-key";

/// What a stage's work came to.
#[derive(Debug)]
pub enum Done {
    /// The stage is done, and the root says which is next.
    NextStage,
    /// The budget is used up.
    HandOver,
    /// The job is over.
    Finished(Stage, Option<Failure>),
}

/// Something that does one or more stages.
#[expect(async_fn_in_trait, reason = "single-threaded, as the effects are")]
pub trait Worker<E: Effects> {
    /// Whether it does what this job needs next.
    fn does(&self, root: &Root) -> bool;
    /// Works until the stage is done, the budget used up or something stops it.
    async fn work(&self, run: &mut Run<'_, E>) -> Result<Done, Stop>;
}

/// How a run comes by its job.
#[derive(Debug)]
pub enum Start<'a> {
    /// It made the job and holds its lease; somebody may be beside it who is told of every commit.
    Holding(Box<Root>, Lease, Option<&'a Feed>),
    /// Another run hands over.
    Given(HandOver),
    /// Somebody noticed that nobody works on it.
    Revive,
}

/// Works on a job that this invocation has made, once it is sure that it has. `feed` is told of every
/// commit, and closed when this run's part is done.
pub async fn begin<E: Effects>(
    e: &E,
    settings: &Settings,
    keyring: &Keyring,
    created: Created,
    feed: Option<&Feed>,
    worker: &impl Worker<E>,
) {
    let id = created.root.id.clone();
    match created.settle(e, settings).await {
        Ok(Some((root, lease))) => {
            let start = Start::Holding(Box::new(root), lease, feed);
            run(e, settings, keyring, &id, start, worker).await;
        }
        Ok(None) => e.log("made-twice", json!({"jobId": id})),
        // Whoever looks at the job next starts it.
        Err(error) => e.log(
            "not-settled",
            json!({"level": "warn", "jobId": id, "message": error.to_string()}),
        ),
    }
    if let Some(feed) = feed {
        feed.close();
    }
}

/// Works on a job until this run's part is done. Logs one line when it ends.
pub async fn run<E: Effects>(
    e: &E,
    settings: &Settings,
    keyring: &Keyring,
    id: &JobId,
    start: Start<'_>,
    worker: &impl Worker<E>,
) {
    let began = e.monotonic();
    let how = match &start {
        Start::Holding(..) => "created",
        Start::Given(_) => "handed-over",
        Start::Revive => "revived",
    };
    let outcome = attempt(e, settings, keyring, id, start, worker).await;
    let mut line = json!({
        "jobId": id, "start": how, "outcome": outcome.0,
        "durationMs": in_millis(e.monotonic().saturating_sub(began)),
        "costs": e.costs(),
    });
    if let Some(root) = outcome.1 {
        line["pipeline"] = json!(root.pipeline);
        line["stage"] = json!(root.stage);
        line["items"] = json!(root.processed());
    }
    if let Some(error) = outcome.2 {
        line["level"] = json!("warn");
        line["message"] = json!(error);
    }
    e.log("run", line);
}

type Outcome = (&'static str, Option<Root>, Option<String>);

async fn attempt<E: Effects>(
    e: &E,
    settings: &Settings,
    keyring: &Keyring,
    id: &JobId,
    start: Start<'_>,
    worker: &impl Worker<E>,
) -> Outcome {
    let mut run = match take(e, settings, id, start).await {
        Ok(Some(run)) => run,
        Ok(None) => return ("nothing-to-do", None, None),
        Err(stop) => return ("not-begun", None, Some(stop.to_string())),
    };
    if run.root.stage == Stage::Receiving {
        // Only the creator writes uploads, and it is gone: nobody was told of this job.
        if let Err(stop) = delete_unnamed_uploads(e, id).await {
            return stopped(e, run, stop).await;
        }
        return finish(
            run,
            Stage::Error,
            Some(Failure::internal("the upload broke off")),
        )
        .await;
    }
    if let Some(failure) = run.root.verdict.clone() {
        let stage = match failure.code {
            FailureCode::ECanceled => Stage::Canceled,
            _ => Stage::Error,
        };
        return finish(run, stage, Some(failure)).await;
    }
    if run.is_hopeless() {
        return finish(run, Stage::Error, Some(no_worker())).await;
    }
    loop {
        if !worker.does(&run.root) {
            return hand_over(e, settings, keyring, run).await;
        }
        match worker.work(&mut run).await {
            Ok(Done::NextStage) => {}
            Ok(Done::HandOver) => return hand_over(e, settings, keyring, run).await,
            Ok(Done::Finished(stage, failure)) => return finish(run, stage, failure).await,
            Err(stop) => return stopped(e, run, stop).await,
        }
    }
}

async fn take<'a, E: Effects>(
    e: &'a E,
    settings: &'a Settings,
    id: &JobId,
    start: Start<'a>,
) -> Result<Option<Run<'a, E>>, Stop> {
    let (lease, seq) = match start {
        Start::Holding(root, lease, feed) => {
            return Ok(Some(Run::new(e, settings, *root, lease).heard_by(feed)));
        }
        Start::Given(HandOver { epoch, seq, made }) => {
            let settled = match made {
                None => Settled::Ours,
                Some(made) => settle(e, settings, &made).await?,
            };
            let lease = match settled {
                Settled::Ours => Lease::accept(e, id, &epoch, settings).await?,
                Settled::Under(lease) => Some(lease),
                Settled::Theirs => None,
            };
            (lease, seq)
        }
        Start::Revive => {
            let Some(root) = read_root(e, id).await? else {
                return Ok(None);
            };
            if let Some(end) = ended(e, settings, &root).await? {
                repair(e, end).await?;
                return Ok(None);
            }
            (
                Lease::claim(e, id, settings, root.epoch.term).await?,
                root.seq,
            )
        }
    };
    let Some(lease) = lease else {
        return Ok(None);
    };
    let until = e.monotonic() + settings.write_delay * 2;
    loop {
        match patiently(e, settings, async || read_root(e, id).await).await? {
            Some(root) if root.seq >= seq => {
                if ended(e, settings, &root).await?.is_some() {
                    lease.release(e).await?;
                    return Ok(None);
                }
                return Ok(Some(Run::new(e, settings, root, lease)));
            }
            _ if e.monotonic() >= until => return Ok(None),
            _ => e.sleep(settings.retry).await,
        }
    }
}

/// The end of a job that has one.
async fn ended<E: Effects>(
    e: &E,
    settings: &Settings,
    root: &Root,
) -> Result<Option<Root>, StoreError> {
    if root.stage.is_terminal() {
        return Ok(Some(root.clone()));
    }
    patiently(e, settings, async || read_end(e, &root.id).await).await
}

async fn finish<E: Effects>(run: Run<'_, E>, stage: Stage, failure: Option<Failure>) -> Outcome {
    let (e, settings) = (run.e, run.settings);
    match run.finish(stage, failure).await {
        Ok(root) => {
            log_end(e, settings, &root);
            ("finished", Some(root), None)
        }
        Err(Stop::Ended) => ("already-ended", None, None),
        Err(stop) => ("not-finished", None, Some(stop.to_string())),
    }
}

fn log_end<E: Effects>(e: &E, _settings: &Settings, root: &Root) {
    let mut line = json!({
        "jobId": root.id, "pipeline": root.pipeline, "outcome": root.stage,
        "durationMs": in_millis(root.elapsed()), "items": root.total,
        "succeeded": root.succeeded, "failed": root.failed, "commits": root.seq,
        "requests": root.requests,
    });
    if let Some(failure) = &root.failure {
        line["code"] = json!(failure.code);
        line["message"] = json!(failure.message);
    }
    e.log("job-ended", line);
}

async fn stopped<E: Effects>(e: &E, run: Run<'_, E>, stop: Stop) -> Outcome {
    match stop {
        Stop::Canceled => finish(run, Stage::Canceled, Some(canceled())).await,
        Stop::Damaged(what) => finish(run, Stage::Error, Some(Failure::internal(what))).await,
        Stop::Ended => {
            run.clear_unnamed().await;
            let id = run.root.id.clone();
            if let Ok(Some(end)) = read_end(e, &id).await {
                let _ = repair(e, end).await;
            }
            ("already-ended", None, None)
        }
        Stop::Lost => {
            run.clear_unnamed().await;
            ("lease-lost", Some(run.root), None)
        }
        Stop::Store(error) => ("store-failed", Some(run.root), Some(error.to_string())),
    }
}

pub(crate) fn canceled() -> Failure {
    Failure::new(
        FailureCode::ECanceled,
        "canceled by a client",
        "The job was canceled.",
        false,
    )
}

async fn hand_over<E: Effects>(
    e: &E,
    settings: &Settings,
    keyring: &Keyring,
    run: Run<'_, E>,
) -> Outcome {
    let (root, lease) = run.into_parts();
    let given = HandOver {
        epoch: lease.epoch().clone(),
        seq: root.seq,
        made: None,
    };
    match start(e, settings, keyring, &root, Some(&given)).await {
        Ok(()) => ("handed-over", Some(root), None),
        // The lease runs out; whoever looks next starts the next run.
        Err(error) => ("hand-over-failed", Some(root), Some(error.to_string())),
    }
}

/// Asks the component that owns the job's next stage to run it.
///
/// # Errors
/// When it does not take the job; it may do so all the same.
pub async fn start<E: Effects>(
    e: &E,
    settings: &Settings,
    keyring: &Keyring,
    root: &Root,
    given: Option<&HandOver>,
) -> Result<(), HttpError> {
    let component = match root.stage {
        Stage::Queued => component(root.pipeline.first_stage()),
        stage => component(stage),
    };
    let request = Request {
        method: "POST",
        url: format!("/internal/{component}/{}/run", root.id),
        headers: vec![
            (RUN_KEY_HEADER.to_owned(), keyring.run_key(&root.id)),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: given
            .and_then(|given| serde_json::to_vec(given).ok())
            .unwrap_or_default(),
    };
    let patience = match settings.run_mode {
        RunMode::Background => START_PATIENCE,
        RunMode::Inline => INLINE_PATIENCE,
    };
    match send_within(e, patience, request).await {
        Ok(response) if matches!(response.status, 200 | 202) => Ok(()),
        Ok(response) => Err(HttpError::Failed(format!("status {}", response.status))),
        Err(HttpError::TimedOut) if settings.run_mode == RunMode::Inline => Ok(()),
        Err(error) => Err(error),
    }
}

fn component(stage: Stage) -> &'static str {
    match stage {
        Stage::Enriching => "enrichment",
        _ => "scan",
    }
}

/// Takes a job on which nobody works to its end without doing its work: it was canceled, or its
/// upload never arrived, or no worker could be started. `None` when it is not to be had.
///
/// # Errors
/// The store's.
pub async fn end_without_worker<E: Effects>(
    e: &E,
    settings: &Settings,
    root: Root,
    stage: Stage,
    failure: Failure,
) -> Result<Option<Root>, Stop> {
    let Some(lease) = Lease::claim(e, &root.id, settings, root.epoch.term).await? else {
        return Ok(None);
    };
    let id = root.id.clone();
    let Some(root) = read_root(e, &id).await? else {
        return Ok(None);
    };
    if let Some(end) = ended(e, settings, &root).await? {
        lease.release(e).await?;
        return Ok(Some(end));
    }
    let end = Run::new(e, settings, root, lease)
        .finish(stage, Some(failure))
        .await?;
    log_end(e, settings, &end);
    Ok(Some(end))
}

/// Deletes upload chunks of a job whose root does not name them.
async fn delete_unnamed_uploads<E: Effects>(e: &E, id: &JobId) -> Result<(), Stop> {
    let uploads = keys::uploads(id);
    for key in e.keys().await? {
        if key.starts_with(&uploads) {
            e.delete(&key).await?;
        }
    }
    Ok(())
}

pub(crate) fn no_worker() -> Failure {
    Failure::new(
        FailureCode::ETimeout,
        "no progress, and no worker could be started",
        "This took too long. Please try again later.",
        true,
    )
}
