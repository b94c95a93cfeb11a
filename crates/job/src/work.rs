//! A job's work as a chain of runs: starting one, working, handing over to the next.
use crate::document::{Failure, FailureCode, Root, Stage};
use crate::effects::{Effects, HttpError, Request, StoreError, send_within};
use crate::feed::Feed;
use crate::handover::{Created, HandOver, Settlement, settle};
use crate::id::JobId;
use crate::keys;
use crate::lease::Lease;
use crate::provider::in_millis;
use crate::retry::retry_briefly;
use crate::run::Run;
use crate::secret::Keyring;
use crate::settings::{RunMode, Settings};
use crate::storage::{Stop, read_end, read_root, repair};
use serde_json::json;
use std::time::Duration;

/// How long the caller of a route that works before it answers stays on the line.
const INLINE_START_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the caller of a route that answers first waits for the answer.
const START_TIMEOUT: Duration = Duration::from_secs(2);

/// The header that carries the run key.
pub const RUN_KEY_HEADER: &str = "x-run-key";

/// What a stage's work came to.
#[derive(Debug)]
pub enum StageOutcome {
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
    fn handles(&self, root: &Root) -> bool;
    /// Works until the stage is done, the budget used up or something stops it.
    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop>;
}

/// How a run comes by its job.
#[derive(Debug)]
pub enum Start<'a> {
    /// It made the job and holds its lease; somebody may be beside it who is told of every commit.
    Created(Box<Root>, Lease, Option<&'a Feed>),
    /// Another run hands over.
    HandedOver(HandOver),
    /// Somebody noticed that nobody works on it.
    Revived,
}

/// Works on a job that this invocation has made, once it is sure that it has. `feed` is told of every
/// commit, and closed when this run's part is done.
pub async fn run_created<E: Effects>(
    effects: &E,
    settings: &Settings,
    keyring: &Keyring,
    created: Created,
    feed: Option<&Feed>,
    worker: &impl Worker<E>,
) {
    let id = created.root.id.clone();
    match created.settle(effects, settings).await {
        Ok(Some((root, lease))) => {
            let start = Start::Created(Box::new(root), lease, feed);
            run(effects, settings, keyring, &id, start, worker).await;
        }
        Ok(None) => effects.log("made-twice", json!({"jobId": id})),
        // Whoever looks at the job next starts it.
        Err(error) => effects.log(
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
    effects: &E,
    settings: &Settings,
    keyring: &Keyring,
    id: &JobId,
    start: Start<'_>,
    worker: &impl Worker<E>,
) {
    let began = effects.monotonic();
    let how = match &start {
        Start::Created(..) => "created",
        Start::HandedOver(_) => "handed-over",
        Start::Revived => "revived",
    };
    let outcome = run_stages(effects, settings, keyring, id, start, worker).await;
    let mut line = json!({
        "jobId": id, "start": how, "outcome": outcome.0,
        "durationMs": in_millis(effects.monotonic().saturating_sub(began)),
        "costs": effects.costs(),
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
    effects.log("run", line);
}

type Outcome = (&'static str, Option<Root>, Option<String>);

async fn run_stages<E: Effects>(
    effects: &E,
    settings: &Settings,
    keyring: &Keyring,
    id: &JobId,
    start: Start<'_>,
    worker: &impl Worker<E>,
) -> Outcome {
    let mut run = match acquire(effects, settings, id, start).await {
        Ok(Some(run)) => run,
        Ok(None) => return ("nothing-to-do", None, None),
        Err(stop) => return ("not-begun", None, Some(stop.to_string())),
    };
    if run.root.stage == Stage::Receiving {
        // Only the creator writes uploads, and it is gone: nobody was told of this job.
        if let Err(stop) = delete_unnamed_uploads(effects, id).await {
            return handle_stop(effects, run, stop).await;
        }
        return finish(
            run,
            Stage::Error,
            Some(Failure::internal("the upload broke off")),
        )
        .await;
    }
    if let Some(failure) = run.root.pending_failure.clone() {
        let stage = match failure.code {
            FailureCode::ECanceled => Stage::Canceled,
            _ => Stage::Error,
        };
        return finish(run, stage, Some(failure)).await;
    }
    if run.is_crash_looping() {
        return finish(run, Stage::Error, Some(no_worker())).await;
    }
    loop {
        if !worker.handles(&run.root) {
            return hand_over(effects, settings, keyring, run).await;
        }
        match worker.work(&mut run).await {
            Ok(StageOutcome::NextStage) => {}
            Ok(StageOutcome::HandOver) => return hand_over(effects, settings, keyring, run).await,
            Ok(StageOutcome::Finished(stage, failure)) => return finish(run, stage, failure).await,
            Err(stop) => return handle_stop(effects, run, stop).await,
        }
    }
}

async fn acquire<'a, E: Effects>(
    effects: &'a E,
    settings: &'a Settings,
    id: &JobId,
    start: Start<'a>,
) -> Result<Option<Run<'a, E>>, Stop> {
    let (lease, seq) = match start {
        Start::Created(root, lease, feed) => {
            return Ok(Some(
                Run::new(effects, settings, *root, lease).with_feed(feed),
            ));
        }
        Start::HandedOver(HandOver { epoch, seq, made }) => {
            let settled = match made {
                None => Settlement::Ours,
                Some(made) => settle(effects, settings, &made).await?,
            };
            let lease = match settled {
                Settlement::Ours => Lease::take_over(effects, id, &epoch, settings).await?,
                Settlement::Under(lease) => Some(lease),
                Settlement::Theirs => None,
            };
            (lease, seq)
        }
        Start::Revived => {
            let Some(root) = read_root(effects, id).await? else {
                return Ok(None);
            };
            if let Some(end) = find_end(effects, settings, &root).await? {
                repair(effects, end).await?;
                return Ok(None);
            }
            (
                Lease::claim(effects, id, settings, root.epoch.term).await?,
                root.seq,
            )
        }
    };
    let Some(lease) = lease else {
        return Ok(None);
    };
    let until = effects.monotonic() + settings.write_delay * 2;
    loop {
        match retry_briefly(effects, settings, async || read_root(effects, id).await).await? {
            Some(root) if root.seq >= seq => {
                if find_end(effects, settings, &root).await?.is_some() {
                    lease.release(effects).await?;
                    return Ok(None);
                }
                return Ok(Some(Run::new(effects, settings, root, lease)));
            }
            _ if effects.monotonic() >= until => return Ok(None),
            _ => effects.sleep(settings.retry).await,
        }
    }
}

/// The end of a job that has one.
async fn find_end<E: Effects>(
    effects: &E,
    settings: &Settings,
    root: &Root,
) -> Result<Option<Root>, StoreError> {
    if root.stage.is_terminal() {
        return Ok(Some(root.clone()));
    }
    retry_briefly(effects, settings, async || {
        read_end(effects, &root.id).await
    })
    .await
}

async fn finish<E: Effects>(run: Run<'_, E>, stage: Stage, failure: Option<Failure>) -> Outcome {
    let (effects, settings) = (run.effects, run.settings);
    match run.finish(stage, failure).await {
        Ok(root) => {
            log_end(effects, settings, &root);
            ("finished", Some(root), None)
        }
        Err(Stop::Ended) => ("already-ended", None, None),
        Err(stop) => ("not-finished", None, Some(stop.to_string())),
    }
}

fn log_end<E: Effects>(effects: &E, _settings: &Settings, root: &Root) {
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
    effects.log("job-ended", line);
}

async fn handle_stop<E: Effects>(effects: &E, run: Run<'_, E>, stop: Stop) -> Outcome {
    match stop {
        Stop::Canceled => finish(run, Stage::Canceled, Some(canceled())).await,
        Stop::Damaged(what) => finish(run, Stage::Error, Some(Failure::internal(what))).await,
        Stop::Ended => {
            run.delete_unreferenced().await;
            let id = run.root.id.clone();
            if let Ok(Some(end)) = read_end(effects, &id).await {
                let _ = repair(effects, end).await;
            }
            ("already-ended", None, None)
        }
        Stop::Lost => {
            run.delete_unreferenced().await;
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
    effects: &E,
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
    match start(effects, settings, keyring, &root, Some(&given)).await {
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
    effects: &E,
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
        RunMode::Background => START_TIMEOUT,
        RunMode::Inline => INLINE_START_TIMEOUT,
    };
    match send_within(effects, patience, request).await {
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
    effects: &E,
    settings: &Settings,
    root: Root,
    stage: Stage,
    failure: Failure,
) -> Result<Option<Root>, Stop> {
    let Some(lease) = Lease::claim(effects, &root.id, settings, root.epoch.term).await? else {
        return Ok(None);
    };
    let id = root.id.clone();
    let Some(root) = read_root(effects, &id).await? else {
        return Ok(None);
    };
    if let Some(end) = find_end(effects, settings, &root).await? {
        lease.release(effects).await?;
        return Ok(Some(end));
    }
    let end = Run::new(effects, settings, root, lease)
        .finish(stage, Some(failure))
        .await?;
    log_end(effects, settings, &end);
    Ok(Some(end))
}

/// Deletes upload chunks of a job whose root does not name them.
async fn delete_unnamed_uploads<E: Effects>(effects: &E, id: &JobId) -> Result<(), Stop> {
    let uploads = keys::uploads(id);
    for key in effects.keys().await? {
        if key.starts_with(&uploads) {
            effects.delete(&key).await?;
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
