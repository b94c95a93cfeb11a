//! Analysis of the photos of a scan: their decoding, the outcome of each, and the one list of books
//! merged from all.

use std::collections::HashMap;
use std::time::Duration;

use books::{Found, Near};
use serde::{Deserialize, Serialize};
use vision::{Detection, ImageError, Photo, Quality, Suggestion};

use crate::cadence::Forecast;
use crate::compute::QueueTurn;
use crate::document::{
    Failure, FailureCode, Item, Part, PhotoState, PhotoStatus, PhotoStep, Report, Root, ScanCounts,
    Stage, Upload,
};
use crate::effects::Effects;
use crate::keys;
use crate::lettering::{Lettering, Named, PausedReading};
use crate::memory;
use crate::plan::wave_size;
use crate::provider::first_wave;
use crate::run::Run;
use crate::storage::{Stop, to_json};
use crate::work::StageOutcome;

/// Number of attempts at a step of a photo's analysis that is interrupted by the end of its run.
const MAX_ATTEMPTS: u8 = 3;

/// Number of attempts at a step of a photo that takes a moment: what ends one of those is mostly an
/// overload, which passes. Bounded all the same, should it be the photo.
const MAX_ATTEMPTS_OF_SHORT: u8 = 12;

/// Length below which a step is short: that of a telephone's photo.
const SHORT: Duration = Duration::from_millis(500);

fn max_attempts(takes: Duration) -> u8 {
    if takes < SHORT {
        MAX_ATTEMPTS_OF_SHORT
    } else {
        MAX_ATTEMPTS
    }
}

/// The longest time that one step of a photo's analysis takes, for a million pixels: the lease is
/// extended by it, and a run that dies meanwhile blocks its job for as long.
const TIME_FOR_MEGAPIXEL: Duration = Duration::from_millis(100);

/// The pixels of a photo of which nothing is known.
const USUAL_PIXELS: u64 = 12_000_000;

/// The outcome of one photo so far: the value that [`PhotoState::part`] names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PhotoReport {
    pub(crate) detections: Vec<Detection>,
    pub(crate) quality: Option<Quality>,
    pub(crate) failure: Option<Failure>,
    /// Whether only some of the books on the photo were named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_cut: bool,
    /// The vision model that looked at the photo; empty for barcodes alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) model: String,
    /// The reading of the spines, while it is to go on in another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<PausedReading>,
    /// The text on the spines, until the books are identified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lettering: Option<Lettering>,
    /// The results of the look-up by words, for those detections that come from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) named: Vec<Named>,
    /// A hint for a better photo, besides what its quality says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<Suggestion>,
}

/// A decoded photo.
pub(crate) struct Decoded {
    pub(crate) photo: Photo,
    /// The longest time that a step of what is done with it takes.
    step: Duration,
}

/// Decodes a photo, when it is its `turn`. The lease is renewed before, meanwhile and after,
/// because nothing else can happen while pixels are computed.
pub(crate) async fn decode<E: Effects>(
    run: &Run<'_, E>,
    bytes: Vec<u8>,
    turn: &mut QueueTurn,
) -> Result<Result<Decoded, ImageError>, Stop> {
    let step = match vision::probe(&bytes) {
        Ok(probe) => time_to_look(probe.width, probe.height),
        Err(error) => return Ok(Err(error)),
    };
    run.renew_for(step).await?;
    let photo = Photo::decode_with(&bytes, &mut run.pulse(turn));
    run.renew_for(step).await?;
    Ok(photo.map(|photo| Decoded { photo, step }))
}

impl Decoded {
    /// The barcodes and the quality, which only the full resolution shows. Can be asked once.
    pub(crate) async fn look<E: Effects>(
        &mut self,
        run: &Run<'_, E>,
        turn: &mut QueueTurn,
    ) -> Result<(Vec<Detection>, Quality), Stop> {
        let barcodes = self.photo.barcodes_with(&mut run.pulse(turn));
        self.photo.forget_barcodes();
        run.renew_for(self.step).await?;
        let quality = self.photo.quality();
        run.renew_for(self.step).await?;
        Ok((barcodes, quality))
    }
}

fn time_to_look(width: u32, height: u32) -> Duration {
    let pixels = u64::from(width) * u64::from(height);
    TIME_FOR_MEGAPIXEL.mul_f64(pixels as f64 / 1e6)
}

/// The result of one step of a photo's analysis.
pub(crate) enum StepResult {
    /// The photo is done.
    Over(PhotoReport),
    /// The step is done, and this one is next.
    Next(PhotoStep, PhotoReport),
}

impl<E: Effects> Run<'_, E> {
    /// Estimated time to decode a photo.
    pub(crate) fn time_to_decode(&self, index: usize) -> Duration {
        let told = self.root.uploads.get(index).map(Upload::takes);
        told.filter(|time| !time.is_zero())
            .unwrap_or_else(|| QueueTurn::time_to_decode(USUAL_PIXELS))
    }

    /// Counts an attempt at a step of a photo that takes about so long; `false` when there have
    /// been too many.
    pub(crate) async fn begin_photo(
        &mut self,
        index: usize,
        takes: Duration,
    ) -> Result<bool, Stop> {
        let attempts = self
            .root
            .photos
            .get(index)
            .map_or(0, |photo| photo.attempts);
        if self.deadly(attempts).await? >= max_attempts(takes) {
            return Ok(false);
        }
        self.begin_attempt(attempts, |root, attempts| {
            if let Some(photo) = root.photos.get_mut(index) {
                photo.attempts = attempts;
            }
        })
        .await?;
        Ok(true)
    }

    /// The report that earlier steps have written of a photo; an empty one before the first.
    pub(crate) async fn photo_report(&self, index: usize) -> Result<PhotoReport, Stop> {
        match self
            .root
            .photos
            .get(index)
            .and_then(|photo| photo.part.as_ref())
        {
            Some(part) => self.read_part(part).await,
            None => Ok(PhotoReport::default()),
        }
    }

    /// Commits the result of a step of a photo's analysis. `change` is made of the root by the same
    /// commit. The photo itself is deleted when nothing needs it any more.
    pub(crate) async fn commit_photo(
        &mut self,
        index: usize,
        stepped: StepResult,
        change: impl FnOnce(&mut Root),
    ) -> Result<(), Stop> {
        let (next, mut report) = match stepped {
            StepResult::Over(report) => (None, report),
            StepResult::Next(step, report) => (Some(step), report),
        };
        if next != Some(PhotoStep::Read) {
            report.paused = None;
        }
        for detection in &mut report.detections {
            detection.photo = u32::try_from(index).unwrap_or(u32::MAX);
        }
        let part = self
            .write_part(keys::report, report.detections.len(), &to_json(&report)?)
            .await?;
        let status = match (next, &report.failure) {
            (Some(_), _) => PhotoStatus::Pending,
            (None, None) => PhotoStatus::Complete,
            (None, Some(_)) => PhotoStatus::Failed,
        };
        let code = report.failure.as_ref().filter(|_| next.is_none());
        let code = code.map(|failure| failure.code);
        self.commit(Forecast::Unknown, |root| {
            if let Some(photo) = root.photos.get_mut(index) {
                root.leftovers
                    .extend(photo.part.take().map(|part| part.key));
                *photo = PhotoState {
                    status,
                    step: next.unwrap_or_default(),
                    // A step that another run goes on with keeps its progress.
                    done: if next == Some(photo.step) {
                        photo.done
                    } else {
                        0
                    },
                    // Of a photo that is done, how often it was tried last.
                    attempts: if next.is_some() { 0 } else { photo.attempts },
                    found: part.count,
                    part: Some(part),
                    code,
                    is_cut: report.is_cut,
                };
            }
            change(root);
        })
        .await?;
        self.is_trying = false;
        match next {
            Some(PhotoStep::Look | PhotoStep::Read) => Ok(()),
            Some(PhotoStep::Identify) | None if self.root.keeps_photo(index) => Ok(()),
            Some(PhotoStep::Identify) | None => self.delete_upload(index).await,
        }
    }

    /// Merges the detections of all photos into one list and writes the plan of its look-ups.
    /// Detections from the confidence `threshold` on need no review.
    pub(crate) async fn conclude_photos(
        &mut self,
        threshold: f32,
        model: &str,
    ) -> Result<StageOutcome, Stop> {
        let mut reports = Vec::new();
        for index in 0..self.root.photos.len() {
            reports.push(self.photo_report(index).await?);
        }
        let seen = reports
            .iter()
            .map(|report| report.detections.len())
            .sum::<usize>();
        let mut qualities: Vec<Quality> =
            reports.iter().filter_map(|report| report.quality).collect();
        let failures: Vec<Failure> = reports
            .iter()
            .filter_map(|report| report.failure.clone())
            .collect();
        let retry = self.root.retry.as_ref();
        let is_first = retry.is_none_or(|retry| retry.library.is_empty());
        let looked_at = retry.map_or(reports.len(), |retry| retry.photos.len());
        if is_first
            && failures.len() == looked_at
            && let Some(failure) = failures.into_iter().next()
        {
            return Ok(StageOutcome::Finished(Stage::Error, Some(failure)));
        }
        let told = reports.iter().find(|report| !report.model.is_empty());
        let told = told.map(|report| report.model.clone());
        let mut suggestions = vision::suggestions(&qualities);
        let hint = reports.iter_mut().find_map(|report| report.hint.take());
        let named: HashMap<(String, String), (Found, Vec<Near>)> = reports
            .iter_mut()
            .flat_map(|report| std::mem::take(&mut report.named))
            .map(|named| ((named.title, named.author), (named.found, named.near)))
            .collect();
        let photos = reports.into_iter().map(|report| report.detections);
        let mut detections = vision::merge(photos.collect());
        if is_first && detections.is_empty() {
            return Ok(StageOutcome::Finished(Stage::Error, Some(no_books(hint))));
        }
        // Its kind may be there already, measured.
        suggestions.extend(hint.filter(|hint| suggestions.iter().all(|s| s.kind != hint.kind)));
        let is_retry = self.root.retry.is_some();
        let mut report = Report::default();
        if is_retry {
            let known = self.detections_of_library().await?;
            detections = vision::without(detections, known);
            if let Some(part) = &self.root.report {
                report = self.read_part(part).await?;
                qualities.extend(report.quality);
                // Their photos are looked at no more.
                suggestions.retain(|new| report.suggestions.iter().all(|old| old.kind != new.kind));
            }
        }
        report.suggestions.extend(suggestions);
        report.quality = Quality::worst(&qualities);
        // When the photos failed again, what the library has is still from the model before.
        if let Some(model) = told {
            report.model = model;
        } else if report.model.is_empty() {
            model.clone_into(&mut report.model);
        }
        let approved = detections
            .iter()
            .filter(|detection| detection.confidence >= threshold)
            .count();
        let item = |detection: Detection| {
            // A barcode is certain, and is looked up.
            let known = match detection.isbn {
                None => named.get(&(detection.title.clone(), detection.author.clone())),
                Some(_) => None,
            };
            let (found, candidates) = known.cloned().unzip();
            Item {
                found,
                candidates: candidates.unwrap_or_default(),
                ..Item::detected(detection)
            }
        };
        let items: Vec<Item> = detections.into_iter().map(item).collect();
        let (plan, library) = match is_retry {
            true => self.add_to_library(&items).await?,
            false => (self.write_items(keys::plan, &items).await?, Vec::new()),
        };
        let report: Part = self.write_part(keys::report, 1, &to_json(&report)?).await?;
        let planned: u32 = (self.root.plan.iter().chain(&plan))
            .map(|part| part.count)
            .sum();
        let wave = wave_size(planned as usize, self.engine.settings.wave_items);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let expect = first_wave(self.engine.effects).await;
        let expect = memory::first_wave(self.engine, expect).await;
        self.commit(expect, |root| {
            root.stage = Stage::Enriching;
            root.total = planned;
            root.plan.extend(plan);
            root.wave = wave;
            root.leftovers
                .extend(root.report.take().map(|part| part.key));
            root.report = Some(report);
            if let Some(retry) = &mut root.retry {
                retry.library.extend(library);
            }
            let before = root.scan.unwrap_or_default();
            root.scan = Some(ScanCounts {
                detected: before.detected + count(seen),
                approved: before.approved + count(approved),
                threshold,
            });
        })
        .await?;
        Ok(match planned {
            // No photo that was looked at again shows another book.
            0 => StageOutcome::Finished(Stage::Complete, None),
            _ => StageOutcome::NextStage,
        })
    }

    /// Ends the reading of spines where no component of the application does it: the photos that
    /// wait for it are left with what was seen before.
    pub(crate) async fn do_without_reader(&mut self) -> Result<(), Stop> {
        while let Some(index) = self.root.next_photo(PhotoStep::Read) {
            let mut report = self.photo_report(index).await?;
            if report.detections.is_empty() {
                report.failure.get_or_insert_with(no_reader);
            } else {
                report.failure = None;
            }
            self.commit_photo(index, StepResult::Over(report), |_| {})
                .await?;
        }
        Ok(())
    }
}

pub(crate) fn part_is_missing() -> Failure {
    Failure::internal("a part of the photo is missing")
}

pub(crate) fn image_failure(error: &ImageError) -> Failure {
    Failure::new(
        FailureCode::EImageInvalid,
        error.to_string(),
        error.user_message(),
        false,
    )
}

pub(crate) fn interrupted(takes: Duration) -> Failure {
    let attempts = max_attempts(takes);
    Failure::new(
        FailureCode::EInternal,
        format!("the analysis of the photo was interrupted {attempts} times"),
        "Something went wrong on our side while we looked at this picture. Please try again.",
        true,
    )
}

/// The failure of a scan that found nothing. Who has looked may know what would help.
fn no_books(hint: Option<Suggestion>) -> Failure {
    let hint = hint.map(|hint| hint.message);
    let advice = hint.as_deref().unwrap_or(
        "We could not find a book in this picture. Try one with the spines in focus and more light.",
    );
    Failure::new(
        FailureCode::ENoBooksFound,
        "no book was detected on any photo",
        advice,
        false,
    )
}

fn no_reader() -> Failure {
    Failure::new(
        FailureCode::EVisionNotConfigured,
        "there is no component `reader`: deploy it, or set the variable spines to false",
        "Book recognition is not set up correctly. Please tell whoever runs this service.",
        false,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_does_not_use_up_the_attempts_at_a_telephone_s_photo() {
        let attempts =
            |megapixels: u64| max_attempts(QueueTurn::time_to_decode(megapixels * 1_000_000));
        assert_eq!([3, 12].map(attempts), [MAX_ATTEMPTS_OF_SHORT; 2]);
        assert_eq!([24, 64].map(attempts), [MAX_ATTEMPTS; 2]);
    }
}
