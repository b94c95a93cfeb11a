//! A job's work as a chain of runs: starting one, working, handing over to the next.

use serde_json::json;

use crate::document::{Component, Event, Failure, FailureCode, HandOver, Root, Stage};
use crate::effects::{DispatchError, Effects, RunRequest, StoreError};
use crate::engine::Engine;
use crate::feed::Feed;
use crate::handover::{Created, Settlement};
use crate::id::JobId;
use crate::keys;
use crate::lease::Lease;
use crate::memory::Learned;
use crate::run::Run;
use crate::storage::{Stop, read_end, read_root, repair};
use crate::time::millis;

/// The outcome of a stage's work in one run.
#[derive(Debug)]
pub enum StageOutcome {
    /// The stage is done, and the root says which one is next.
    NextStage,
    /// The run's time budget is used up.
    HandOver,
    /// The job is over, with this outcome.
    Finished(Stage, Option<Failure>),
}

/// The work of one or more stages.
///
/// [`Engine::run`] asks [`Worker::handles`] whether the worker does the job's next stage, and calls
/// [`Worker::work`] if so; both again after each [`StageOutcome::NextStage`]. A stage that no
/// worker of this component handles is handed over to the component that has one. A worker makes
/// progress by commits of the [`Run`]; after a crash the next run calls the same worker with the
/// last committed root, so all work since then is done again.
///
/// The test `the_life_of_a_job` in `tests/engine.rs` shows a worker that needs two runs.
#[expect(async_fn_in_trait, reason = "single-threaded, as the effects are")]
pub trait Worker<E: Effects> {
    /// Whether this worker does what the job needs next.
    fn handles(&self, root: &Root) -> bool;

    /// Works until the stage is done, the budget is used up or something stops the run.
    ///
    /// # Errors
    /// [`Stop`] says what stopped the run.
    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop>;

    /// Writes down what a run has learned of books, when nobody waits for it any more. Only who
    /// asks providers learns anything; components that do not need no code for it.
    async fn remember(&self, _engine: Engine<'_, E>, _learned: Learned) {}
}

/// The way in which a run gets its job.
#[derive(Debug)]
enum Start<'a> {
    /// The same invocation has created the job; a client may be listening there.
    Created(Box<Root>, Lease, Option<&'a Feed>),
    /// The run before hands over.
    HandedOver(HandOver),
    /// An inspection found that no run works on the job.
    Revived,
}

impl Start<'_> {
    /// The name in the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Created(..) => "created",
            Self::HandedOver(_) => "handed-over",
            Self::Revived => "revived",
        }
    }
}

/// The way in which a run ended, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Finished,
    NotFinished,
    AlreadyEnded,
    HandedOver,
    HandOverFailed,
    LeaseLost,
    StoreFailed,
    NotBegun,
    NothingToDo,
}

impl Ending {
    fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::NotFinished => "not-finished",
            Self::AlreadyEnded => "already-ended",
            Self::HandedOver => "handed-over",
            Self::HandOverFailed => "hand-over-failed",
            Self::LeaseLost => "lease-lost",
            Self::StoreFailed => "store-failed",
            Self::NotBegun => "not-begun",
            Self::NothingToDo => "nothing-to-do",
        }
    }
}

/// The outcome of a run: how it ended, the job as it left it, and what went wrong.
#[derive(Debug)]
struct RunOutcome {
    ending: Ending,
    root: Option<Root>,
    error: Option<String>,
    /// Whether that was a store without room.
    is_store_full: bool,
}

impl RunOutcome {
    fn new(ending: Ending) -> Self {
        Self {
            ending,
            root: None,
            error: None,
            is_store_full: false,
        }
    }

    fn with_root(self, root: Root) -> Self {
        Self {
            root: Some(root),
            ..self
        }
    }

    fn with_stop(self, stop: &Stop) -> Self {
        Self {
            is_store_full: matches!(stop, Stop::Store(error) if error.is_full()),
            ..self.with_error(stop)
        }
    }

    fn with_error(self, error: impl ToString) -> Self {
        Self {
            error: Some(error.to_string()),
            ..self
        }
    }
}

/// A run that still has its job: the application has no component that reads spines.
struct NoReader<'f, E>(Box<Run<'f, E>>);

impl<'a, E: Effects> Engine<'a, E> {
    /// Works on a job that this invocation has created, once it is settled that the name is its
    /// own. `feed` gets every committed root and is closed when this run's part is done.
    pub async fn run_created(
        &self,
        created: Created,
        feed: Option<&Feed>,
        worker: &impl Worker<E>,
    ) {
        let id = created.root.id.clone();
        let mut ended = None;
        match created.settle(*self).await {
            Ok(Some((root, lease))) => {
                let start = Start::Created(Box::new(root), lease, feed);
                ended = self.run_logged(&id, start, worker).await;
            }
            Ok(None) => self.effects.log("made-twice", json!({"jobId": id})),
            // The next inspection starts it.
            Err(error) => self.effects.log(
                "not-settled",
                json!({"level": "warn", "jobId": id, "message": error.to_string()}),
            ),
        }
        if let Some(feed) = feed {
            feed.close();
        }
        self.finish_up(ended).await;
    }

    /// Works on a job until this run's part is done: the next run after the one that hands over,
    /// or, without a hand-over, a revival. Logs one line when it ends.
    pub async fn run(&self, id: &JobId, hand_over: Option<HandOver>, worker: &impl Worker<E>) {
        let start = hand_over.map_or(Start::Revived, Start::HandedOver);
        let ended = self.run_logged(id, start, worker).await;
        self.finish_up(ended).await;
    }

    /// Does what is left to do at the end of a run, for which nobody waits: `ended` is the job, if
    /// this run has ended it.
    async fn finish_up(&self, ended: Option<Root>) {
        self.sweep_when_due().await;
        if let Some(end) = ended {
            self.clear_after(&end).await;
            self.deliver_webhook_once_more(&end).await;
        }
    }

    /// Deletes what the end of a job has left, when every end that it might have has taken effect:
    /// perhaps nobody inspects it for hours.
    async fn clear_after(&self, end: &Root) {
        if end.leftovers.is_empty() {
            return;
        }
        self.effects.sleep(self.settings.write_delay * 2).await;
        if let Ok(Some(end)) = read_end(self.effects, &end.id).await {
            // What cannot be deleted now is deleted by an inspection, or swept.
            let _ = repair(self.effects, end).await;
        }
    }

    /// Runs, logs one line, and returns the job if this run has ended it.
    async fn run_logged(
        &self,
        id: &JobId,
        start: Start<'_>,
        worker: &impl Worker<E>,
    ) -> Option<Root> {
        let began = self.effects.monotonic();
        let how = start.name();
        let outcome = self.run_stages(id, start, worker).await;
        let mut line = json!({
            "jobId": id, "start": how, "outcome": outcome.ending.name(),
            "durationMs": millis(self.effects.monotonic().saturating_sub(began)),
            "costs": self.effects.take_costs(),
        });
        if let Some(root) = &outcome.root {
            line["pipeline"] = json!(root.pipeline);
            line["stage"] = json!(root.stage);
            line["items"] = json!(root.processed());
        }
        if let Some(error) = outcome.error {
            line["level"] = json!("warn");
            line["message"] = json!(error);
        }
        self.effects.log("run", line);
        if outcome.is_store_full {
            // The next run finds room.
            let client = outcome.root.as_ref().map_or("", |root| &root.client);
            self.make_room(Some(client), false).await;
        }
        (outcome.root).filter(|root| root.stage.is_terminal())
    }

    async fn run_stages(
        &self,
        id: &JobId,
        start: Start<'_>,
        worker: &impl Worker<E>,
    ) -> RunOutcome {
        let mut run = match self.acquire(id, start).await {
            Ok(Some(run)) => run,
            Ok(None) => return RunOutcome::new(Ending::NothingToDo),
            Err(stop) => return RunOutcome::new(Ending::NotBegun).with_stop(&stop),
        };
        if run.root.stage == Stage::Receiving {
            // Only the creator writes uploads, and it is gone: no client was told of this job.
            if let Err(stop) = self.delete_unreferenced_uploads(id).await {
                return self.handle_stop(run, stop).await;
            }
            let failure = Failure::internal("the upload broke off");
            return self.finish(run, Stage::Error, Some(failure)).await;
        }
        if let Some(failure) = run.root.pending_failure.clone() {
            let stage = match failure.code {
                FailureCode::ECanceled => Stage::Canceled,
                _ => Stage::Error,
            };
            return self.finish(run, stage, Some(failure)).await;
        }
        if run.is_crash_looping() {
            return self.finish(run, Stage::Error, Some(no_worker())).await;
        }
        loop {
            if !worker.handles(&run.root) {
                let outcome = match self.hand_over(run).await {
                    Ok(outcome) => outcome,
                    Err(NoReader(back)) => {
                        run = *back;
                        match run.do_without_reader().await {
                            Ok(()) => continue,
                            Err(stop) => self.handle_stop(run, stop).await,
                        }
                    }
                };
                return outcome;
            }
            let outcome = worker.work(&mut run).await;
            let learned = std::mem::take(&mut run.learned);
            let outcome = match outcome {
                Ok(StageOutcome::NextStage) => continue,
                Ok(StageOutcome::HandOver) => {
                    // The next run may go on with it.
                    worker.remember(*self, learned).await;
                    return match self.hand_over(run).await {
                        Ok(outcome) => outcome,
                        Err(NoReader(run)) => {
                            RunOutcome::new(Ending::HandOverFailed).with_root(run.root)
                        }
                    };
                }
                Ok(StageOutcome::Finished(stage, failure)) => {
                    self.finish(run, stage, failure).await
                }
                Err(stop) => self.handle_stop(run, stop).await,
            };
            // Nobody waits for it any more.
            worker.remember(*self, learned).await;
            return outcome;
        }
    }

    /// Gets the lease and the root that `start` leads to; `None` when there is nothing to do.
    async fn acquire<'f>(&self, id: &JobId, start: Start<'f>) -> Result<Option<Run<'f, E>>, Stop>
    where
        'a: 'f,
    {
        let Engine {
            effects, settings, ..
        } = *self;
        let (lease, seq, event): (_, _, fn(u64) -> Event<'static>) = match start {
            Start::Created(root, lease, feed) => {
                return Ok(Some(Run::new(*self, *root, lease).of_creator(feed)));
            }
            Start::HandedOver(HandOver { epoch, seq, made }) => {
                let settled = match made {
                    None => Settlement::Ours,
                    Some(made) => self.settle(&made).await?,
                };
                let lease = match settled {
                    Settlement::Ours => Lease::take_over(*self, id, &epoch).await?,
                    Settlement::Under(lease) => Some(lease),
                    Settlement::Theirs => None,
                };
                (lease, seq, Event::HandedOver)
            }
            Start::Revived => {
                let Some(root) = read_root(effects, id).await? else {
                    return Ok(None);
                };
                if let Some(end) = self.find_end(&root).await? {
                    self.deliver_webhook(&end, None).await;
                    repair(effects, end).await?;
                    return Ok(None);
                }
                let lease = Lease::claim(*self, id, root.epoch.term).await?;
                (lease, root.seq, Event::Claimed)
            }
        };
        let Some(lease) = lease else {
            return Ok(None);
        };
        let until = effects.monotonic() + settings.write_delay * 2;
        loop {
            match self
                .retry_briefly(async || read_root(effects, id).await)
                .await?
            {
                Some(root) if root.seq >= seq => {
                    if self.find_end(&root).await?.is_some() {
                        lease.release(effects).await?;
                        return Ok(None);
                    }
                    return Ok(Some(Run::new(*self, root, lease).begun_by(event)));
                }
                _ if effects.monotonic() >= until => return Ok(None),
                _ => effects.sleep(settings.retry).await,
            }
        }
    }

    /// Reads the end of a job that has one.
    async fn find_end(&self, root: &Root) -> Result<Option<Root>, StoreError> {
        if root.stage.is_terminal() {
            return Ok(Some(root.clone()));
        }
        self.retry_briefly(async || read_end(self.effects, &root.id).await)
            .await
    }

    async fn finish(
        &self,
        mut run: Run<'_, E>,
        stage: Stage,
        failure: Option<Failure>,
    ) -> RunOutcome {
        let finished = match run.finish(stage, failure).await {
            // The results are lost. That is an outcome, too, and needs none of them.
            Err(Stop::Damaged(what)) if stage == Stage::Complete => {
                let failure = self.data_lost(&run.root, &what);
                run.finish(Stage::Error, Some(failure)).await
            }
            finished => finished,
        };
        match finished {
            Ok(root) => {
                self.log_end(&root);
                self.deliver_webhook(&root, Some(&root.epoch)).await;
                RunOutcome::new(Ending::Finished).with_root(root)
            }
            Err(Stop::Ended) => RunOutcome::new(Ending::AlreadyEnded),
            Err(stop) => {
                run.survive().await;
                RunOutcome::new(Ending::NotFinished).with_stop(&stop)
            }
        }
    }

    /// The failure of a job of which a stored value is missing or unreadable. Which one, by its
    /// key, is for the log only.
    fn data_lost(&self, root: &Root, what: &str) -> Failure {
        self.effects.log(
            "data-lost",
            json!({"level": "error", "jobId": root.id, "message": what}),
        );
        Failure::internal("data of the job was lost")
    }

    fn log_end(&self, root: &Root) {
        let mut line = json!({
            "jobId": root.id, "pipeline": root.pipeline, "outcome": root.stage,
            "durationMs": millis(root.elapsed()), "items": root.total,
            "succeeded": root.succeeded, "failed": root.failed, "commits": root.seq,
            "requests": root.requests, "remembered": root.remembered,
        });
        if let Some(failure) = &root.failure {
            line["code"] = json!(failure.code);
            line["message"] = json!(failure.message);
        }
        self.effects.log("job-ended", line);
    }

    async fn handle_stop(&self, run: Run<'_, E>, stop: Stop) -> RunOutcome {
        if matches!(stop, Stop::Lost | Stop::Store(_)) {
            run.survive().await;
        }
        match stop {
            Stop::Canceled => self.finish(run, Stage::Canceled, Some(canceled())).await,
            Stop::Damaged(what) => {
                let failure = self.data_lost(&run.root, &what);
                self.finish(run, Stage::Error, Some(failure)).await
            }
            Stop::Ended => {
                run.delete_unreferenced().await;
                let id = run.root.id.clone();
                if let Ok(Some(end)) = read_end(self.effects, &id).await {
                    let _ = repair(self.effects, end).await;
                }
                RunOutcome::new(Ending::AlreadyEnded)
            }
            Stop::Lost => {
                run.delete_unreferenced().await;
                RunOutcome::new(Ending::LeaseLost).with_root(run.root)
            }
            Stop::Store(_) => RunOutcome::new(Ending::StoreFailed)
                .with_root(run.root)
                .with_stop(&stop),
        }
    }

    async fn hand_over<'f>(&self, run: Run<'f, E>) -> Result<RunOutcome, NoReader<'f, E>> {
        let given = HandOver {
            epoch: run.epoch().clone(),
            seq: run.root.seq,
            made: None,
        };
        Ok(match self.start(&run.root, Some(&given)).await {
            Ok(()) => RunOutcome::new(Ending::HandedOver).with_root(run.root),
            // Nobody has the lease.
            Err(error) if error.is_no_route() && run.root.next_component() == Component::Reader => {
                self.effects.log(
                    "no-reader",
                    json!({"level": "warn", "jobId": run.root.id,
                        "message": "there is no component `reader`"}),
                );
                return Err(NoReader(Box::new(run)));
            }
            // The lease expires; the next inspection starts the next run.
            Err(error) => RunOutcome::new(Ending::HandOverFailed)
                .with_root(run.root)
                .with_error(error),
        })
    }

    /// Has another invocation work on a job that this one has created.
    ///
    /// # Errors
    /// When the run could not be started; it may run all the same.
    pub async fn dispatch_created(&self, created: &Created) -> Result<(), DispatchError> {
        self.start(&created.root, Some(&created.hand_over())).await
    }

    /// Has another invocation do the job's next stage.
    ///
    /// # Errors
    /// When the run could not be started; it may run all the same.
    pub(crate) async fn start(
        &self,
        root: &Root,
        hand_over: Option<&HandOver>,
    ) -> Result<(), DispatchError> {
        let request = RunRequest {
            root,
            hand_over,
            run_key: self.keyring.run_key(&root.id),
            mode: self.settings.run_mode,
        };
        self.effects.start_run(request).await
    }

    /// Ends a job that no run works on without doing its work: it was canceled, or its upload
    /// never arrived, or no run could be started. `None` when another process has the lease.
    ///
    /// # Errors
    /// As of a run that finishes a job.
    pub(crate) async fn end_without_worker(
        &self,
        root: Root,
        stage: Stage,
        failure: Failure,
    ) -> Result<Option<Root>, Stop> {
        let Some(lease) = Lease::claim(*self, &root.id, root.epoch.term).await? else {
            return Ok(None);
        };
        let id = root.id.clone();
        let Some(root) = read_root(self.effects, &id).await? else {
            return Ok(None);
        };
        if let Some(end) = self.find_end(&root).await? {
            lease.release(self.effects).await?;
            return Ok(Some(end));
        }
        let end = Run::new(*self, root, lease)
            .begun_by(Event::Claimed)
            .told_of_by_another()
            .finish(stage, Some(failure))
            .await?;
        self.log_end(&end);
        self.have_webhook_delivered(&end).await;
        Ok(Some(end))
    }

    /// Deletes upload chunks of a job whose root does not name them.
    async fn delete_unreferenced_uploads(&self, id: &JobId) -> Result<(), Stop> {
        let uploads = keys::uploads(id);
        for key in self.effects.keys().await? {
            if key.starts_with(&uploads) {
                self.effects.delete(&key).await?;
            }
        }
        Ok(())
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

pub(crate) fn no_worker() -> Failure {
    Failure::new(
        FailureCode::ETimeout,
        "no progress, and no worker could be started",
        "This took too long. Please try again later.",
        true,
    )
}
