//! The stage of a scan that reads the lettering on spines, where no vision model looks at a photo.
//!
//! Reading computes for seconds. It is done in steps of a fraction of a second, between which the
//! lease is renewed, a cancellation is seen and progress is committed. Where a run's time is over
//! before all is read, the next one goes on from there. What is read is stored with the photo's
//! report; the books are identified by the component that may ask a catalogue.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use vision::VisionKind;

use crate::cadence::Forecast;
use crate::compute::{QueueTurn, Work};
use crate::document::{Component, Failure, FailureCode, PhotoStep, Pipeline, Root, Stage};
use crate::effects::{Effects, Turn};
use crate::lettering::{Lettering, PausedReading, go_closer};
use crate::photo::{PhotoReport, StepResult, decode, image_failure, interrupted, part_is_missing};
use crate::run::{Run, read_upload};
use crate::storage::Stop;
use crate::work::{StageOutcome, Worker};

/// Part of a run's budget reserved for committing what was read.
const COMMIT_TIME: Duration = Duration::from_secs(4);

/// The time that reading the spines of a photo takes, about, on a machine that does nothing else.
const TIME_TO_READ: Duration = Duration::from_secs(7);

/// The time that a step takes on a machine that does nothing else.
const LONGEST_STEP: Duration = Duration::from_millis(500);

/// The longest time, besides a step, between two looks whether a client cancels: such a client is
/// answered within a second, on clouds too, where runs that wait look seldom.
const CANCEL_LOOK: Duration = Duration::from_millis(300);

/// Factor by which a step may take longer than any before without the lease being lost.
const SLOWER: u32 = 4;

/// Number of runs that read one photo at most, minutes where a run has 25 s. Each does one step at
/// least, of about thirty.
const MAX_RUNS: u8 = 20;

/// Reads the lettering on photos.
pub trait SpineReader {
    /// The reading of one photo.
    type Reading: SpineReading;

    /// Begins with an upright photo: three bytes (red, green, blue) a pixel, row by row. Goes on
    /// from where a reading of it was `paused`, if it was.
    ///
    /// # Errors
    /// When it cannot be read at all; the text is for the log.
    fn begin(
        &self,
        width: usize,
        height: usize,
        rgb: Vec<u8>,
        paused: Option<&[u8]>,
    ) -> Result<Self::Reading, String>;
}

/// The reading of one photo, in steps.
pub trait SpineReading {
    /// Does the next piece of work, at most about 0.4 s of it. Answers how much of all is done, 1
    /// when nothing is left.
    ///
    /// # Errors
    /// When the reading cannot go on; the text is for the log.
    fn step(&mut self) -> Result<f32, String>;

    /// The state of the reading, for another run to go on with; `None` when it cannot be stored.
    fn pause(&self) -> Option<Vec<u8>>;

    /// Ends the reading; returns what has been read so far.
    fn finish(self) -> Lettering;
}

/// How the reading of a photo ended in a run.
enum Read {
    /// All is read.
    Whole(Lettering),
    /// The time of the run is over.
    Paused(PausedReading),
    /// The time is over, and nobody goes on: what was read until then.
    Cut(Lettering),
    /// The reading cannot go on; the text is for the log.
    Failed(String),
}

/// The worker for the stage of a scan that reads spines.
#[derive(Clone, Copy, Debug)]
pub struct SpineStage<R> {
    /// Does the reading.
    pub reader: R,
}

impl<E: Effects, R: SpineReader> Worker<E> for SpineStage<R> {
    fn handles(&self, root: &Root) -> bool {
        root.pipeline == Pipeline::AiScan
            && root.stage == Stage::Analyzing
            && root.next_component() == Component::Reader
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        let mut has_read = false;
        while let Some(index) = run.root.next_photo(PhotoStep::Read) {
            // Where runs are short each photo has one for itself.
            if has_read && run.engine.settings.run_budget.is_some() {
                return Ok(StageOutcome::HandOver);
            }
            has_read = true;
            // Before the attempt is counted: waiting is no attempt.
            let takes = run.time_to_decode(index) + TIME_TO_READ;
            let Some(mut turn) = run.wait_to_compute(Work::Reading, takes).await? else {
                return Ok(StageOutcome::HandOver);
            };
            let stepped = match run.begin_photo(index, takes).await? {
                true => {
                    let read = self.photo(run, index, &mut turn).await;
                    run.engine.end_turn(turn).await;
                    read?
                }
                false => {
                    run.engine.end_turn(turn).await;
                    let report = run.photo_report(index).await?;
                    StepResult::Over(or_failed(report, interrupted(takes)))
                }
            };
            run.commit_photo(index, stepped, |_| {}).await?;
        }
        Ok(StageOutcome::NextStage)
    }
}

impl<R: SpineReader> SpineStage<R> {
    async fn photo<E: Effects>(
        &self,
        run: &mut Run<'_, E>,
        index: usize,
        turn: &mut QueueTurn,
    ) -> Result<StepResult, Stop> {
        let mut report = run.photo_report(index).await?;
        let Some(bytes) = read_upload(run, index).await? else {
            return Ok(StepResult::Over(or_failed(report, part_is_missing())));
        };
        let mut decoded = match decode(run, bytes, turn).await? {
            Ok(decoded) => decoded,
            Err(error) => return Ok(StepResult::Over(or_failed(report, image_failure(&error)))),
        };
        if report.quality.is_none() {
            let (barcodes, quality) = decoded.look(run, turn).await?;
            report.detections = barcodes;
            report.quality = Some(quality);
        }
        let (width, height, rgb) = decoded.photo.into_rgb();
        let paused = report.paused.take();
        let runs = paused.as_ref().map_or(0, |paused| paused.runs);
        let state = paused.and_then(|paused| BASE64_STANDARD.decode(paused.state).ok());
        let read = match self.reader.begin(width, height, rgb, state.as_deref()) {
            Ok(reading) => {
                run.read_spines(index, reading, runs.saturating_add(1), turn)
                    .await?
            }
            Err(error) => Read::Failed(error),
        };
        let (lettering, is_cut) = match read {
            Read::Whole(lettering) => (lettering, false),
            Read::Cut(lettering) => (lettering, true),
            Read::Paused(paused) => {
                report.paused = Some(paused);
                return Ok(StepResult::Next(PhotoStep::Read, report));
            }
            Read::Failed(error) => {
                return Ok(StepResult::Over(engine_failed(run, report, error)));
            }
        };
        report.model = VisionKind::Spines.name().to_owned();
        report.is_cut = is_cut;
        if lettering.shelf.lettering.is_empty() {
            let report = match is_cut {
                true => or_failed(report, too_slow()),
                false => PhotoReport {
                    failure: None,
                    hint: Some(go_closer()),
                    ..report
                },
            };
            return Ok(StepResult::Over(report));
        }
        report.failure = None;
        report.lettering = Some(lettering);
        Ok(StepResult::Next(PhotoStep::Identify, report))
    }
}

impl<E: Effects> Run<'_, E> {
    /// Reads step by step, until all is read or the time is up of this run, which is the photo's
    /// first, second, ... of `runs`.
    async fn read_spines<R: SpineReading>(
        &mut self,
        index: usize,
        mut reading: R,
        runs: u8,
        turn: &mut QueueTurn,
    ) -> Result<Read, Stop> {
        let effects = self.engine.effects;
        let settings = self.engine.settings;
        let deadline = self.deadline(COMMIT_TIME);
        let tell_every = settings.lease_renew.max(settings.commit_interval);
        let look_every = settings.cancel_look.min(CANCEL_LOOK);
        let (mut looked, mut renewed) = (effects.monotonic(), effects.monotonic());
        let mut reported = renewed;
        // The lease outlives a step that takes far longer than those before, as some do on a busy
        // machine.
        let mut longest = LONGEST_STEP;
        self.renew_for(longest * SLOWER).await?;
        loop {
            let began = effects.monotonic();
            let done = match reading.step() {
                Ok(done) => done,
                Err(error) => return Ok(Read::Failed(error)),
            };
            longest = longest.max(effects.monotonic().saturating_sub(began));
            effects.yield_to_io(Turn::Others).await;
            let now = effects.monotonic();
            if done >= 1.0 {
                self.renew_for(Duration::ZERO).await?;
                return Ok(Read::Whole(reading.finish()));
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                // Compressing the state takes about as long as a step.
                self.renew_for(longest).await?;
                let state = (runs < MAX_RUNS).then(|| reading.pause()).flatten();
                return Ok(match state {
                    Some(state) => Read::Paused(PausedReading {
                        runs,
                        state: BASE64_STANDARD.encode(state),
                    }),
                    None => Read::Cut(reading.finish()),
                });
            }
            if now >= renewed + settings.lease_renew {
                self.renew_for(longest * SLOWER).await?;
                self.engine.renew_turn(turn).await;
                renewed = now;
            }
            if now >= reported + tell_every {
                let done = (done * 100.0) as u8;
                let forecast = Forecast::In(tell_every);
                self.commit(forecast, |root| {
                    if let Some(photo) = root.photos.get_mut(index) {
                        // A run that died may have been further.
                        photo.done = photo.done.max(done);
                    }
                })
                .await?;
                (reported, looked) = (now, now);
            } else if now >= looked + look_every {
                self.check_canceled().await?;
                looked = now;
            }
        }
    }
}

/// Adds a failure to a report that has no detections; the barcodes of another stand by themselves.
fn or_failed(mut report: PhotoReport, failure: Failure) -> PhotoReport {
    if report.detections.is_empty() {
        report.failure.get_or_insert(failure);
    } else {
        // The barcodes are certain.
        report.failure = None;
    }
    report
}

fn engine_failed<E: Effects>(run: &Run<'_, E>, report: PhotoReport, error: String) -> PhotoReport {
    run.engine.effects.log(
        "spines-failed",
        serde_json::json!({"level": "warn", "jobId": run.root.id, "message": error}),
    );
    or_failed(report, Failure::internal("the spines could not be read"))
}

fn too_slow() -> Failure {
    Failure::new(
        FailureCode::EVisionTimeout,
        "the time of all runs was over before anything was read",
        "Reading this picture took too long. Please try one of fewer books.",
        true,
    )
}
