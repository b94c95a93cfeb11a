//! The first stage of a scan: analyse the photos one by one, then merge what is on them into one
//! list.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vision::{
    Detection, HttpPost, ImageError, Photo, Prepared, Quality, Reading, Vision, VisionFailure,
};

use crate::analyze::CsvAnalysis;
use crate::cadence::Forecast;
use crate::compute::Admission;
use crate::document::{
    Failure, FailureCode, Item, Part, PhotoState, PhotoStatus, Pipeline, Report, Root, ScanCounts,
    Stage,
};
use crate::effects::{Effects, HttpError, Request, send_within};
use crate::enrich::first_wave;
use crate::keys;
use crate::plan::wave_size;
use crate::provider::retry_after;
use crate::run::{Run, read_upload};
use crate::storage::{Stop, to_json};
use crate::work::{StageOutcome, Worker};

/// How often a photo is tried whose analysis is interrupted by the end of its run.
const MAX_ATTEMPTS: u8 = 3;

/// The longest time that one step of a photo's analysis takes, for a million pixels: the lease is
/// extended by it, and a run that dies meanwhile blocks its job for as long.
const TIME_FOR_MEGAPIXEL: Duration = Duration::from_millis(100);

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
    /// Google's.
    pub gemini: Option<Vision>,
    /// One that speaks OpenAI's protocol.
    pub openai: Option<Vision>,
    /// Which of the two is asked when a client does not say.
    pub prefer_openai: bool,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Detections from this confidence on need no review.
    pub confidence_threshold: f32,
}

/// The outcome of one photo: the value that [`PhotoState::part`] names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PhotoReport {
    detections: Vec<Detection>,
    quality: Option<Quality>,
    failure: Option<Failure>,
    /// The model named only some of the books.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_cut: bool,
}

impl Scan {
    /// The model for a job that asked for `choice`; `None` when barcodes are all there is.
    fn model(&self, choice: &str) -> Option<&Vision> {
        let default = if self.prefer_openai {
            self.openai.as_ref().or(self.gemini.as_ref())
        } else {
            self.gemini.as_ref().or(self.openai.as_ref())
        };
        match choice {
            "barcode" => None,
            "gemini" | "gemini-flash" => self.gemini.as_ref().or(default),
            "openai" => self.openai.as_ref().or(default),
            _ => default,
        }
    }

    /// The models to ask for a job that asked for `choice`, the second when the first fails.
    fn models(&self, choice: &str) -> impl Iterator<Item = &Vision> {
        let first = self.model(choice);
        let others = [self.gemini.as_ref(), self.openai.as_ref()];
        let is_other =
            move |other: &&Vision| first.is_some_and(|first| !std::ptr::eq(first, *other));
        first
            .into_iter()
            .chain(others.into_iter().flatten().filter(is_other))
    }

    async fn look<E: Effects>(&self, run: &Run<'_, E>, index: usize) -> Result<PhotoReport, Stop> {
        let failed = |failure: Failure, quality| PhotoReport {
            detections: Vec::new(),
            quality,
            failure: Some(failure),
            is_cut: false,
        };
        let Some(bytes) = read_upload(run, index).await? else {
            return Ok(failed(
                Failure::internal("a part of the photo is missing"),
                None,
            ));
        };
        let size = bytes.len();
        let prepared = self.prepare(run, bytes).await;
        run.leave_compute().await;
        let prepared = match prepared? {
            Ok(prepared) => prepared,
            Err(error) => return Ok(failed(image_failure(&error), None)),
        };
        let mut detections = prepared.barcodes.clone();
        let mut is_cut = false;
        let quality = Some(prepared.quality);
        let choice = run.root.uploaded.provider.clone();
        if self.model(&choice).is_some() {
            match run
                .guarded(async { Ok(self.see(run, &choice, &prepared, size).await) })
                .await?
            {
                Ok(reading) => {
                    if reading.is_cut {
                        run.engine.effects.log(
                            "vision-cut",
                            serde_json::json!({"level": "warn", "jobId": run.root.id,
                                "photo": index, "books": reading.books.len()}),
                        );
                    }
                    is_cut = reading.is_cut;
                    detections.extend(reading.books);
                }
                // The barcodes are certain even if the model failed.
                Err(failure) if detections.is_empty() => return Ok(failed(failure, quality)),
                Err(_) => {}
            }
        } else if detections.is_empty() && choice != "barcode" {
            return Ok(failed(not_configured(), quality));
        }
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        for detection in &mut detections {
            detection.photo = index;
        }
        Ok(PhotoReport {
            detections,
            quality,
            failure: None,
            is_cut,
        })
    }

    /// Decodes a photo and takes from it what is needed. The lease is renewed between and within
    /// the steps, because nothing else can happen while pixels are computed.
    async fn prepare<E: Effects>(
        &self,
        run: &Run<'_, E>,
        bytes: Vec<u8>,
    ) -> Result<Result<Prepared, ImageError>, Stop> {
        let time = match vision::probe(&bytes) {
            Ok(probe) => time_to_look(probe.width, probe.height),
            Err(error) => return Ok(Err(error)),
        };
        run.renew_for(time).await?;
        let mut pulse = run.pulse();
        let mut photo = match Photo::decode_with(&bytes, &mut pulse) {
            Ok(photo) => photo,
            Err(error) => return Ok(Err(error)),
        };
        drop(bytes);
        run.renew_for(time).await?;
        let barcodes = photo.barcodes_with(&mut pulse);
        photo.forget_barcodes();
        run.renew_for(time).await?;
        let quality = photo.quality();
        let prepared = photo.jpeg().map(|(jpeg, width, height)| Prepared {
            jpeg,
            width,
            height,
            quality,
            barcodes,
        });
        run.renew_for(Duration::ZERO).await?;
        Ok(prepared)
    }

    /// What the models see on a photo: the chosen one, or the other when that one fails.
    async fn see<E: Effects>(
        &self,
        run: &Run<'_, E>,
        choice: &str,
        prepared: &Prepared,
        size: usize,
    ) -> Result<Reading, Failure> {
        let mut first = None;
        for model in self.models(choice) {
            if first.is_some() && self.time_for(run) < LEAST_TIMEOUT {
                break;
            }
            match self.see_all(run, model, prepared, size).await {
                Ok(reading) => return Ok(reading),
                Err(failure) => {
                    log_failure(run, &failure);
                    first.get_or_insert(failure);
                }
            }
        }
        Err(first.unwrap_or_else(not_configured))
    }

    /// What one model sees. When it comes to its limit before it has named all books, it is asked
    /// for each half of the photo.
    async fn see_all<E: Effects>(
        &self,
        run: &Run<'_, E>,
        model: &Vision,
        prepared: &Prepared,
        size: usize,
    ) -> Result<Reading, Failure> {
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
        Ok(Reading {
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
    ) -> Result<Reading, (VisionFailure, Failure)> {
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
        root.pipeline == Pipeline::AiScan && matches!(root.stage, Stage::Queued | Stage::Analyzing)
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        if run.root.stage == Stage::Queued {
            run.commit(Forecast::Unknown, |root| {
                root.stage = Stage::Analyzing;
                root.photos = vec![PhotoState::default(); root.uploads.len()];
            })
            .await?;
        }
        let mut looked = 0;
        while let Some(index) = run
            .root
            .photos
            .iter()
            .position(|photo| photo.status == PhotoStatus::Pending)
        {
            if looked > 0 && !run.has_time_for(self.timeout + OVERHEAD) {
                return Ok(StageOutcome::HandOver);
            }
            looked += 1;
            // Before the attempt is counted: waiting is no attempt.
            if run.wait_to_compute().await? == Admission::HandOver {
                return Ok(StageOutcome::HandOver);
            }
            self.photo(run, index).await?;
        }
        self.conclude(run).await
    }
}

impl Scan {
    /// Analyses one photo and commits what it came to.
    async fn photo<E: Effects>(&self, run: &mut Run<'_, E>, index: usize) -> Result<(), Stop> {
        let attempts = run.root.photos.get(index).map_or(0, |photo| photo.attempts);
        let report = if attempts >= MAX_ATTEMPTS {
            PhotoReport {
                detections: Vec::new(),
                quality: None,
                failure: Some(interrupted()),
                is_cut: false,
            }
        } else {
            run.commit(Forecast::Unknown, |root| {
                if let Some(photo) = root.photos.get_mut(index) {
                    photo.attempts += 1;
                }
            })
            .await?;
            self.look(run, index).await?
        };
        let part = run
            .write_part(keys::report, report.detections.len(), &to_json(&report)?)
            .await?;
        let (status, code) = match &report.failure {
            None => (PhotoStatus::Complete, None),
            Some(failure) => (PhotoStatus::Failed, Some(failure.code)),
        };
        run.commit(Forecast::Unknown, |root| {
            if let Some(photo) = root.photos.get_mut(index) {
                *photo = PhotoState {
                    status,
                    found: part.count,
                    part: Some(part),
                    code,
                    is_cut: report.is_cut,
                    ..photo.clone()
                };
            }
        })
        .await?;
        run.delete_upload(index).await
    }

    /// Merges the detections of all photos into one list and writes the plan of its look-ups.
    async fn conclude<E: Effects>(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        let mut reports = Vec::new();
        for photo in &run.root.photos {
            if let Some(part) = &photo.part {
                reports.push(run.read_part::<PhotoReport>(part).await?);
            }
        }
        let seen = reports
            .iter()
            .map(|report| report.detections.len())
            .sum::<usize>();
        let qualities: Vec<Quality> = reports.iter().filter_map(|report| report.quality).collect();
        let failures: Vec<Failure> = reports
            .iter()
            .filter_map(|report| report.failure.clone())
            .collect();
        if failures.len() == reports.len()
            && let Some(failure) = failures.into_iter().next()
        {
            return Ok(StageOutcome::Finished(Stage::Error, Some(failure)));
        }
        let detections = vision::merge(
            reports
                .into_iter()
                .map(|report| report.detections)
                .collect(),
        );
        if detections.is_empty() {
            return Ok(StageOutcome::Finished(Stage::Error, Some(no_books())));
        }
        let model = self
            .model(&run.root.uploaded.provider)
            .map_or("barcode", Vision::model);
        let report = Report {
            suggestions: vision::suggestions(&qualities),
            quality: Quality::worst(&qualities),
            model: model.to_owned(),
            ..Report::default()
        };
        let approved = detections
            .iter()
            .filter(|detection| detection.confidence >= self.confidence_threshold)
            .count();
        let items: Vec<Item> = detections.into_iter().map(Item::detected).collect();
        let plan = run.write_items(keys::plan, &items).await?;
        let report: Part = run.write_part(keys::report, 1, &to_json(&report)?).await?;
        let wave = wave_size(items.len(), run.engine.settings.wave_items);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let expect = first_wave(run.engine.effects).await;
        run.commit(expect, |root| {
            root.stage = Stage::Enriching;
            root.total = count(items.len());
            root.plan = plan;
            root.wave = wave;
            root.report = Some(report);
            root.scan = Some(ScanCounts {
                detected: count(seen),
                approved: count(approved),
                threshold: self.confidence_threshold,
            });
        })
        .await?;
        Ok(StageOutcome::NextStage)
    }
}

fn time_to_look(width: u32, height: u32) -> Duration {
    let pixels = u64::from(width) * u64::from(height);
    TIME_FOR_MEGAPIXEL.mul_f64(pixels as f64 / 1e6)
}

fn log_failure<E: Effects>(run: &Run<'_, E>, failure: &Failure) {
    run.engine.effects.log(
        "vision-failed",
        serde_json::json!({"level": "warn", "jobId": run.root.id, "message": failure.message}),
    );
}

fn image_failure(error: &ImageError) -> Failure {
    Failure::new(
        FailureCode::EImageInvalid,
        error.to_string(),
        error.user_message(),
        false,
    )
}

fn no_books() -> Failure {
    Failure::new(
        FailureCode::ENoBooksFound,
        "no book was detected on any photo",
        "We could not find a book in this picture. Try one with the spines in focus and more light.",
        false,
    )
}

fn not_configured() -> Failure {
    Failure::new(
        FailureCode::EVisionNotConfigured,
        "no vision provider is configured and the photo has no ISBN barcode: set the variable \
         gemini_api_key, or openai_base_url and openai_model (and openai_api_key if the server asks for one)",
        "This service can only read barcodes so far. Take a photo of the barcodes on the back of the books.",
        false,
    )
}

fn endpoint(model: &Vision) -> &'static str {
    match model {
        Vision::Gemini { .. } => "gemini.generateContent",
        Vision::OpenAi { .. } => "openai.chatCompletions",
    }
}

fn with_facts(failure: Failure, model: &Vision, size: usize) -> Failure {
    let megabytes = size as f64 / 1e6;
    failure
        .detail("apiEndpoint", endpoint(model))
        .detail("photoSize", format!("{megabytes:.1}MB"))
}

fn timeout_code(model: Option<&Vision>) -> FailureCode {
    match model {
        Some(Vision::Gemini { .. }) => FailureCode::EGeminiTimeout,
        _ => FailureCode::EVisionTimeout,
    }
}

const TOO_SLOW: &str = "AI analysis took too long. Please try again with a clearer photo.";

fn timed_out(model: &Vision, limit: Duration, size: usize) -> Failure {
    let failure = Failure::new(
        timeout_code(Some(model)),
        format!("the vision request timed out after {} s", limit.as_secs()),
        TOO_SLOW,
        true,
    );
    with_facts(failure, model, size)
}

fn interrupted() -> Failure {
    Failure::new(
        FailureCode::EInternal,
        format!("the analysis of the photo was interrupted {MAX_ATTEMPTS} times"),
        "Something went wrong on our side while we looked at this picture. Please try again.",
        true,
    )
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
