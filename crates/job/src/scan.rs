//! The first stage of a scan: analyse the photos one by one, then merge what is on them into one
//! list.

use std::time::Duration;

use vision::{HttpPost, PhotoReading, Prepared, Vision, VisionChoice, VisionFailure, VisionKind};

use crate::analyze::CsvAnalysis;
use crate::cadence::Forecast;
use crate::compute::{QueueTurn, Work};
use crate::document::{
    Component, Failure, FailureCode, PhotoState, PhotoStatus, PhotoStep, Pipeline, Root, Stage,
};
use crate::effects::{Effects, HttpError, Request, send_within};
use crate::photo::{self, PhotoReport, StepResult, image_failure, interrupted, part_is_missing};
use crate::provider::retry_after;
use crate::run::{Run, read_upload};
use crate::storage::Stop;
use crate::work::{StageOutcome, Worker};

/// The time that a photo takes besides the model's answer: reading, decoding, two commits.
const OVERHEAD: Duration = Duration::from_secs(4);

/// The shortest time that is worth asking a model.
const LEAST_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before a model is asked again that does not say how long to wait.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The longest `Retry-After` of a model that is waited for.
const RETRY_AFTER_MAX_WAIT: Duration = Duration::from_secs(8);

/// The vision providers as configured: the worker for the first stage of a scan.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The models that can be asked.
    pub models: Vec<Vision>,
    /// Whether the application has a component that reads spines.
    pub reads_spines: bool,
    /// The provider that is asked when a client names none, if it is configured.
    pub preferred: VisionKind,
    /// Time-out of one answer.
    pub timeout: Duration,
    /// Confidence from which on a detection needs no review.
    pub confidence_threshold: f32,
}

/// A way to read the books on a photo.
enum Viewer<'a> {
    Model(&'a Vision),
    Spines,
}

/// The outcome of looking at a photo.
enum Look {
    Books(PhotoReading, String),
    /// The models failed, and the application reads the spines itself.
    ToRead(Option<Failure>),
    Failed(Failure),
}

impl Scan {
    /// The configured providers, in the order in which they are asked.
    pub fn kinds(&self) -> impl Iterator<Item = VisionKind> {
        let others = VisionKind::all().filter(|kind| *kind != self.preferred);
        let all = std::iter::once(self.preferred).chain(others);
        all.filter(|kind| self.viewer(*kind).is_some())
    }

    fn viewer(&self, kind: VisionKind) -> Option<Viewer<'_>> {
        match kind {
            VisionKind::Spines => self.reads_spines.then_some(Viewer::Spines),
            kind => {
                let model = self.models.iter().find(|model| model.kind() == kind);
                model.map(Viewer::Model)
            }
        }
    }

    /// The viewers for the photos of this job, in the order in which they are tried when one fails.
    fn viewers(&self, root: &Root) -> Vec<Viewer<'_>> {
        let chosen = match VisionChoice::of_name(&root.uploaded.provider) {
            VisionChoice::Barcode => return Vec::new(),
            VisionChoice::Any => None,
            VisionChoice::Kind(kind) => Some(kind),
        };
        let others = self.kinds().filter(|kind| Some(*kind) != chosen);
        (chosen.into_iter().chain(others))
            .filter_map(|kind| self.viewer(kind))
            .collect()
    }

    async fn look<E: Effects>(
        &self,
        run: &Run<'_, E>,
        index: usize,
        mut turn: QueueTurn,
    ) -> Result<StepResult, Stop> {
        let prepared = self.prepare(run, index, &mut turn).await;
        run.engine.end_turn(turn).await;
        let (prepared, size) = match prepared? {
            Ok(prepared) => prepared,
            Err(failure) => {
                return Ok(StepResult::Over(PhotoReport {
                    failure: Some(failure),
                    ..PhotoReport::default()
                }));
            }
        };
        let mut report = PhotoReport {
            detections: prepared.barcodes.clone(),
            quality: Some(prepared.quality),
            ..PhotoReport::default()
        };
        if VisionChoice::of_name(&run.root.uploaded.provider) == VisionChoice::Barcode {
            return Ok(StepResult::Over(report));
        }
        match run
            .guarded(async { Ok(self.look_at_photo(run, &prepared, size).await) })
            .await?
        {
            Look::Books(reading, model) => {
                if reading.is_cut {
                    run.engine.effects.log(
                        "vision-cut",
                        serde_json::json!({"level": "warn", "jobId": run.root.id,
                            "photo": index, "books": reading.books.len()}),
                    );
                }
                report.is_cut = reading.is_cut;
                report.model = model;
                report.detections.extend(reading.books);
            }
            Look::ToRead(failure) => {
                report.failure = failure;
                return Ok(StepResult::Next(PhotoStep::Read, report));
            }
            // The barcodes are certain even if the model failed.
            Look::Failed(failure) if report.detections.is_empty() => {
                report.failure = Some(failure);
            }
            Look::Failed(_) => {}
        }
        Ok(StepResult::Over(report))
    }

    /// Reads and decodes a photo, and takes its barcodes, its quality and a smaller JPEG for the
    /// models. The answer has the size of the upload, too.
    async fn prepare<E: Effects>(
        &self,
        run: &Run<'_, E>,
        index: usize,
        turn: &mut QueueTurn,
    ) -> Result<Result<(Prepared, usize), Failure>, Stop> {
        let Some(bytes) = read_upload(run, index).await? else {
            return Ok(Err(part_is_missing()));
        };
        let size = bytes.len();
        let mut decoded = match photo::decode(run, bytes, turn).await? {
            Ok(decoded) => decoded,
            Err(error) => return Ok(Err(image_failure(&error))),
        };
        let (barcodes, quality) = decoded.look(run, turn).await?;
        let prepared = decoded.photo.jpeg().map(|(jpeg, width, height)| Prepared {
            jpeg,
            width,
            height,
            quality,
            barcodes,
        });
        run.renew_for(Duration::ZERO).await?;
        Ok(match prepared {
            Ok(prepared) => Ok((prepared, size)),
            Err(error) => Err(image_failure(&error)),
        })
    }

    /// Looks at a photo with the chosen viewer, or with the next one when that one fails.
    async fn look_at_photo<E: Effects>(
        &self,
        run: &Run<'_, E>,
        prepared: &Prepared,
        size: usize,
    ) -> Look {
        let mut failures = Vec::new();
        let mut cut: Option<(PhotoReading, String)> = None;
        for viewer in self.viewers(&run.root) {
            let model = match viewer {
                Viewer::Model(model) => model,
                Viewer::Spines if cut.is_some() => break,
                Viewer::Spines => return Look::ToRead(in_one(failures)),
            };
            let is_first = failures.is_empty() && cut.is_none();
            if !is_first && self.time_for(run) < LEAST_TIMEOUT {
                continue;
            }
            match self.ask_model(run, model, prepared, size).await {
                Ok(reading) => {
                    let reading = (reading, model.model().to_owned());
                    if !reading.0.is_cut {
                        return Look::Books(reading.0, reading.1);
                    }
                    // Another model may name them all.
                    cut = Some(match cut {
                        Some(before) if before.0.books.len() >= reading.0.books.len() => before,
                        _ => reading,
                    });
                }
                Err(failure) => {
                    log_failure(run, &failure);
                    failures.push(failure);
                }
            }
        }
        match cut {
            Some((reading, model)) => Look::Books(reading, model),
            None => Look::Failed(in_one(failures).unwrap_or_else(not_configured)),
        }
    }

    /// Asks one model for the books on a photo. When it comes to its limit before it has named all
    /// books, it is asked for each half of the photo.
    async fn ask_model<E: Effects>(
        &self,
        run: &Run<'_, E>,
        model: &Vision,
        prepared: &Prepared,
        size: usize,
    ) -> Result<PhotoReading, Failure> {
        let whole = match self.ask(run, model, prepared, size).await {
            Ok(reading) if !reading.is_cut => return Ok(reading),
            Ok(reading) => Ok(reading.books),
            Err((VisionFailure::Cut, failure)) => Err(failure),
            Err((_, failure)) => return Err(failure),
        };
        let mut is_cut = false;
        let mut seen = Vec::new();
        let halves = vision::halves(prepared).into_iter().flatten();
        for half in halves {
            let part = Prepared {
                jpeg: half.jpeg.clone(),
                width: half.width,
                height: half.height,
                ..prepared.clone()
            };
            match self.ask(run, model, &part, size).await {
                Ok(reading) => {
                    is_cut |= reading.is_cut;
                    seen.push(half.on_the_whole(reading.books));
                }
                Err((_, failure)) => {
                    log_failure(run, &failure);
                    is_cut = true;
                }
            }
        }
        if seen.is_empty() {
            is_cut = true;
        }
        match whole {
            Ok(books) => seen.push(books),
            Err(failure) if seen.is_empty() => return Err(failure),
            Err(_) => {}
        }
        Ok(PhotoReading {
            books: vision::merge(seen),
            is_cut,
        })
    }

    async fn ask<E: Effects>(
        &self,
        run: &Run<'_, E>,
        model: &Vision,
        prepared: &Prepared,
        size: usize,
    ) -> Result<PhotoReading, (VisionFailure, Failure)> {
        let HttpPost { url, headers, body } = model.request(prepared);
        let request = Request {
            method: "POST",
            url,
            headers,
            body,
        };
        let limit = self.time_for(run);
        let until = run.engine.effects.monotonic() + limit;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let left = until.saturating_sub(run.engine.effects.monotonic());
            let result = send_within(run.engine.effects, left, request.clone()).await;
            let (failure, pause) = match result {
                Ok(response) => {
                    let read = model.read(
                        response.status,
                        &response.body,
                        (prepared.width, prepared.height),
                    );
                    match read {
                        Ok(reading) => return Ok(reading),
                        Err(failure) => {
                            let told = match &failure {
                                VisionFailure::RateLimited { retry_after } => *retry_after,
                                _ => None,
                            };
                            (failure, retry_after(&response).or(told))
                        }
                    }
                }
                Err(HttpError::TimedOut) => {
                    let failure = VisionFailure::Server {
                        status: 504,
                        message: "no answer in time".to_owned(),
                    };
                    return Err((failure, timed_out(model, limit, size)));
                }
                Err(HttpError::Failed(reason)) => {
                    run.engine.effects.log(
                        "vision-unreachable",
                        serde_json::json!({"level": "warn", "jobId": run.root.id, "message": reason}),
                    );
                    let message = "it cannot be reached".to_owned();
                    let status = 502;
                    (VisionFailure::Server { status, message }, None)
                }
            };
            let pause = pause.unwrap_or(RETRY_PAUSE);
            let fits = pause <= RETRY_AFTER_MAX_WAIT
                && run.engine.effects.monotonic() + pause + LEAST_TIMEOUT <= until;
            if attempt > 1 || !failure.passes_soon() || !fits {
                let refused = refused(model, &failure, size);
                return Err((failure, refused));
            }
            run.engine.effects.sleep(pause).await;
        }
    }

    /// The time that a model may take: its own limit, within what is left of the run's budget.
    fn time_for<E: Effects>(&self, run: &Run<'_, E>) -> Duration {
        match run.engine.settings.run_budget {
            None => self.timeout,
            Some(budget) => budget
                .saturating_sub(run.elapsed() + Duration::from_secs(1))
                .min(self.timeout),
        }
    }
}

impl<E: Effects> Worker<E> for Scan {
    fn handles(&self, root: &Root) -> bool {
        root.pipeline == Pipeline::AiScan
            && matches!(root.stage, Stage::Queued | Stage::Analyzing)
            && root.next_component() == Component::Scan
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        if run.root.stage == Stage::Queued {
            let step = match self.viewers(&run.root).first() {
                Some(Viewer::Spines) => PhotoStep::Read,
                Some(Viewer::Model(_)) | None => PhotoStep::Look,
            };
            run.commit(Forecast::Unknown, |root| {
                root.stage = Stage::Analyzing;
                root.photos
                    .resize(root.uploads.len(), PhotoState::default());
                let pending = |photo: &&mut PhotoState| photo.status == PhotoStatus::Pending;
                for photo in root.photos.iter_mut().filter(pending) {
                    photo.step = step;
                }
                let counts = root.scan.get_or_insert_default();
                counts.threshold = self.confidence_threshold;
            })
            .await?;
            if step == PhotoStep::Read {
                return Ok(StageOutcome::NextStage);
            }
        }
        let mut looked = 0;
        while let Some(index) = run.root.next_photo(PhotoStep::Look) {
            if looked > 0 && !run.has_time_for(self.timeout + OVERHEAD) {
                return Ok(StageOutcome::HandOver);
            }
            looked += 1;
            // Before the attempt is counted: waiting is no attempt.
            let takes = run.time_to_decode(index);
            let Some(turn) = run.wait_to_compute(Work::Short, takes).await? else {
                return Ok(StageOutcome::HandOver);
            };
            let stepped = if run.begin_photo(index, takes).await? {
                self.look(run, index, turn).await?
            } else {
                run.engine.end_turn(turn).await;
                StepResult::Over(PhotoReport {
                    failure: Some(interrupted(takes)),
                    ..PhotoReport::default()
                })
            };
            run.commit_photo(index, stepped, |_| {}).await?;
        }
        if run.root.next_component() != Component::Scan {
            return Ok(StageOutcome::NextStage);
        }
        let model = match self.viewers(&run.root).first() {
            Some(Viewer::Model(model)) => model.model(),
            Some(Viewer::Spines) => VisionKind::Spines.name(),
            None => VisionChoice::Barcode.name(),
        };
        run.conclude_photos(self.confidence_threshold, model).await
    }
}

fn log_failure<E: Effects>(run: &Run<'_, E>, failure: &Failure) {
    run.engine.effects.log(
        "vision-failed",
        serde_json::json!({"level": "warn", "jobId": run.root.id, "message": failure.message}),
    );
}

/// The failures of several models as one: the first that may pass, or the first, with what all of
/// them say for the operator.
fn in_one(failures: Vec<Failure>) -> Option<Failure> {
    let messages: Vec<&str> = failures
        .iter()
        .map(|failure| failure.message.as_str())
        .collect();
    let message = messages.join("; ");
    let at = failures.iter().position(|failure| failure.retryable);
    let mut failure = failures.into_iter().nth(at.unwrap_or(0))?;
    failure.message = message;
    Some(failure)
}

fn not_configured() -> Failure {
    Failure::new(
        FailureCode::EVisionNotConfigured,
        "no vision provider is configured and the photo has no ISBN barcode: set the variable \
         gemini_api_key, or openai_base_url and openai_model (and openai_api_key if the server asks for one), \
         or spines to true",
        "This service can only read barcodes so far. Take a photo of the barcodes on the back of the books.",
        false,
    )
}

fn with_facts(failure: Failure, model: &Vision, size: usize) -> Failure {
    let megabytes = size as f64 / 1e6;
    failure
        .detail("apiEndpoint", model.kind().endpoint())
        .detail("photoSize", format!("{megabytes:.1}MB"))
}

fn timeout_code(kind: VisionKind) -> FailureCode {
    match kind {
        VisionKind::Gemini => FailureCode::EGeminiTimeout,
        VisionKind::OpenAi | VisionKind::Spines => FailureCode::EVisionTimeout,
    }
}

const TOO_SLOW: &str = "AI analysis took too long. Please try again with a clearer photo.";

fn timed_out(model: &Vision, limit: Duration, size: usize) -> Failure {
    let failure = Failure::new(
        timeout_code(model.kind()),
        format!("the vision request timed out after {} s", limit.as_secs()),
        TOO_SLOW,
        true,
    );
    with_facts(failure, model, size)
}

fn refused(model: &Vision, failure: &VisionFailure, size: usize) -> Failure {
    let failure = Failure::new(
        FailureCode::EVisionFailed,
        failure.to_string(),
        failure.user_message(),
        failure.is_retryable(),
    );
    with_facts(failure, model, size)
}

/// The first stage of every kind of job that begins with an upload: [`CsvAnalysis`] and [`Scan`].
#[derive(Clone, Debug)]
pub struct FirstStage {
    /// The vision providers, for scans.
    pub scan: Scan,
}

impl<E: Effects> Worker<E> for FirstStage {
    fn handles(&self, root: &Root) -> bool {
        Worker::<E>::handles(&CsvAnalysis, root) || Worker::<E>::handles(&self.scan, root)
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        match run.root.pipeline {
            Pipeline::AiScan => self.scan.work(run).await,
            Pipeline::CsvImport | Pipeline::BatchEnrichment => CsvAnalysis.work(run).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_failures_the_one_that_may_pass_counts_and_all_are_told() {
        let failure = |message: &str, retryable| {
            Failure::new(FailureCode::EVisionFailed, message, message, retryable)
        };
        let one = in_one(vec![failure("retired", false), failure("loading", true)]).unwrap();
        assert_eq!(one.message, "retired; loading");
        assert_eq!(
            (one.user_message.as_str(), one.retryable),
            ("loading", true)
        );
        let both = in_one(vec![failure("retired", false), failure("mmproj", false)]).unwrap();
        assert_eq!(both.message, "retired; mmproj");
        assert_eq!(
            (both.user_message.as_str(), both.retryable),
            ("retired", false)
        );
        assert_eq!(in_one(Vec::new()), None);
    }
}
