//! Analysis of the photos of a scan: their decoding, the outcome of each, and the one list of books
//! merged from all.

use std::collections::HashMap;
use std::time::Duration;

use books::{Found, Recognised, Shelf, SpinesFound};
use serde::{Deserialize, Serialize};
use vision::{
    BoundingBox, Detection, ImageError, MAX_TITLE, Photo, Quality, Severity, Suggestion,
    SuggestionKind,
};

use crate::cadence::Forecast;
use crate::compute::{self, QueueTurn};
use crate::document::{
    Failure, FailureCode, Item, Part, PhotoState, PhotoStatus, PhotoStep, Report, Root, ScanCounts,
    Stage, Upload,
};
use crate::effects::Effects;
use crate::keys;
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

/// The confidence of a spine whose words name no book: to be reviewed.
const CONFIDENCE_OF_WORDS: f32 = 0.3;

/// Least confidence of a line that is listed for review.
const SURE: f32 = 0.8;

/// Number of spines read for each book identified from which on a photo counts as a bad one.
const SPINES_FOR_A_BOOK: usize = 3;

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

/// The look-up's outcome for a book named, or not named, by its spine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Named {
    title: String,
    author: String,
    found: Found,
}

/// The lettering of one photo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lettering {
    /// The lines, and which of them belong together.
    pub shelf: Shelf,
    /// Position and confidence of each line of the shelf, in its order.
    pub lines: Vec<ReadLine>,
}

/// Position and confidence of a line that was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadLine {
    /// The line's position on the photo.
    pub bounding_box: BoundingBox,
    /// Confidence in its letters, 0 to 1.
    pub confidence: f32,
}

impl Lettering {
    /// The detections on the photo: the books that spines name, and the text on other spines.
    pub(crate) fn detections(&self, found: &SpinesFound) -> Vec<(Detection, Named)> {
        let books = found.books.iter().map(|book| self.book(book));
        let unknown = found.unknown.iter().filter_map(|&spine| {
            let outcome = if found.complete {
                Found::NotFound
            } else {
                Found::Error
            };
            self.unknown(spine, outcome)
        });
        books.chain(unknown).collect()
    }

    fn book(&self, book: &Recognised) -> (Detection, Named) {
        let spine = self.shelf.spines.get(book.spine);
        let on_spine = spine.map_or(&[][..], |spine| &spine.lines);
        let title = shorten(&book.record.work.title, MAX_TITLE);
        let authors: Vec<&str> = book
            .record
            .authors
            .iter()
            .map(|a| a.name.as_str())
            .collect();
        let author = shorten(&authors.join(", "), vision::MAX_AUTHOR);
        let lines = book.lines.iter().chain(on_spine);
        self.detection(
            title,
            author,
            book.confidence,
            lines,
            Found::Record(Box::new(book.record.clone())),
        )
    }

    /// A spine that names no book, if enough on it is sure.
    fn unknown(&self, spine: usize, outcome: Found) -> Option<(Detection, Named)> {
        let spine = self.shelf.spines.get(spine)?;
        let is_sure = |at: &&usize| self.lines.get(**at).is_some_and(|l| l.confidence >= SURE);
        let lines: Vec<usize> = spine.lines.iter().filter(is_sure).copied().collect();
        let text = |at: &usize| Some(self.shelf.lettering.get(*at)?.text.trim());
        let texts: Vec<&str> = lines.iter().filter_map(text).collect();
        let text = texts.join(" ");
        let words = text
            .split_whitespace()
            .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 3);
        (words.count() >= 2).then(|| {
            let title = shorten(&text, MAX_TITLE);
            self.detection(
                title,
                String::new(),
                CONFIDENCE_OF_WORDS,
                lines.iter(),
                outcome,
            )
        })
    }

    fn detection<'a>(
        &self,
        title: String,
        author: String,
        confidence: f32,
        lines: impl Iterator<Item = &'a usize>,
        found: Found,
    ) -> (Detection, Named) {
        let boxes = lines.filter_map(|at| Some(self.lines.get(*at)?.bounding_box));
        let detection = Detection {
            title: title.clone(),
            author: author.clone(),
            isbn: None,
            confidence,
            bounding_box: around(boxes),
            photo: 0,
        };
        (
            detection,
            Named {
                title,
                author,
                found,
            },
        )
    }

    /// A hint for a better photo, when little of what was read named a book.
    pub(crate) fn hint(&self, found: &SpinesFound) -> Option<Suggestion> {
        let books = found.books.len();
        (found.complete && found.unknown.len() + books >= SPINES_FOR_A_BOOK * books.max(1))
            .then(go_closer)
    }
}

/// The smallest box around others.
fn around(boxes: impl Iterator<Item = BoundingBox>) -> BoundingBox {
    let both = |a: BoundingBox, b: BoundingBox| {
        BoundingBox::new(
            (a.x1.min(b.x1), a.y1.min(b.y1)),
            (a.x2.max(b.x2), a.y2.max(b.y2)),
        )
    };
    boxes.reduce(both).unwrap_or_default()
}

fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The advice for a photo on which little was read.
pub(crate) fn go_closer() -> Suggestion {
    Suggestion {
        kind: SuggestionKind::Resolution,
        severity: Severity::Medium,
        message: "Only few spines could be read. Go closer: one shelf at a time, straight from the front."
            .to_owned(),
        affected_count: 1,
    }
}

/// A decoded photo, with the barcodes and the quality that only its full resolution shows.
pub(crate) struct Decoded {
    pub(crate) photo: Photo,
    pub(crate) barcodes: Vec<Detection>,
    pub(crate) quality: Quality,
}

/// Decodes a photo and looks for barcodes, when it is its `turn`. The lease is renewed between
/// and within the steps, because nothing else can happen while pixels are computed.
pub(crate) async fn decode<E: Effects>(
    run: &Run<'_, E>,
    bytes: Vec<u8>,
    turn: &mut QueueTurn,
) -> Result<Result<Decoded, ImageError>, Stop> {
    let time = match vision::probe(&bytes) {
        Ok(probe) => time_to_look(probe.width, probe.height),
        Err(error) => return Ok(Err(error)),
    };
    run.renew_for(time).await?;
    let mut pulse = run.pulse(turn);
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
    Ok(Ok(Decoded {
        photo,
        barcodes,
        quality,
    }))
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
            .unwrap_or_else(|| compute::time_to_decode(USUAL_PIXELS))
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
        if attempts >= max_attempts(takes) {
            return Ok(false);
        }
        self.commit(Forecast::Unknown, |root| {
            if let Some(photo) = root.photos.get_mut(index) {
                photo.attempts += 1;
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
                    done: 0,
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
        match next {
            Some(PhotoStep::Look | PhotoStep::Read) => Ok(()),
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
        let told = reports.iter().find(|report| !report.model.is_empty());
        let model = told.map_or(model, |report| &report.model).to_owned();
        let mut suggestions = vision::suggestions(&qualities);
        let hint = reports.iter().find_map(|report| report.hint.clone());
        // Its kind may be there already, measured.
        suggestions.extend(hint.filter(|hint| suggestions.iter().all(|s| s.kind != hint.kind)));
        let named: HashMap<(String, String), Found> = reports
            .iter_mut()
            .flat_map(|report| std::mem::take(&mut report.named))
            .map(|named| ((named.title, named.author), named.found))
            .collect();
        let detections = vision::merge(
            reports
                .into_iter()
                .map(|report| report.detections)
                .collect(),
        );
        if detections.is_empty() {
            return Ok(StageOutcome::Finished(Stage::Error, Some(no_books())));
        }
        let report = Report {
            suggestions,
            quality: Quality::worst(&qualities),
            model,
            ..Report::default()
        };
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
            Item {
                found: known.cloned(),
                ..Item::detected(detection)
            }
        };
        let items: Vec<Item> = detections.into_iter().map(item).collect();
        let plan = self.write_items(keys::plan, &items).await?;
        let report: Part = self.write_part(keys::report, 1, &to_json(&report)?).await?;
        let wave = wave_size(items.len(), self.engine.settings.wave_items);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let expect = first_wave(self.engine.effects).await;
        self.commit(expect, |root| {
            root.stage = Stage::Enriching;
            root.total = count(items.len());
            root.plan = plan;
            root.wave = wave;
            root.report = Some(report);
            root.scan = Some(ScanCounts {
                detected: count(seen),
                approved: count(approved),
                threshold,
            });
        })
        .await?;
        Ok(StageOutcome::NextStage)
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

fn no_books() -> Failure {
    Failure::new(
        FailureCode::ENoBooksFound,
        "no book was detected on any photo",
        "We could not find a book in this picture. Try one with the spines in focus and more light.",
        false,
    )
}

fn no_reader() -> Failure {
    Failure::new(
        FailureCode::EVisionNotConfigured,
        "the application has no component `reader`: deploy it as spin.toml describes it, or set the \
         variable spines to false",
        "Book recognition is not set up correctly. Please tell whoever runs this service.",
        false,
    )
}

#[cfg(test)]
mod tests {
    use books::{Author, Edition, Lettering as Text, Provider, Record, Spine, Work as Book};

    use super::*;

    #[test]
    fn an_overload_does_not_use_up_the_attempts_at_a_telephone_s_photo() {
        let attempts =
            |megapixels: u64| max_attempts(compute::time_to_decode(megapixels * 1_000_000));
        assert_eq!([3, 12].map(attempts), [MAX_ATTEMPTS_OF_SHORT; 2]);
        assert_eq!([24, 64].map(attempts), [MAX_ATTEMPTS; 2]);
    }

    /// Spines of lines, each with its confidence, one below the other.
    fn lettering(spines: &[&[(&str, f32)]]) -> Lettering {
        let mut lettering = Lettering::default();
        for (row, lines) in spines.iter().enumerate() {
            let first = lettering.lines.len();
            for (column, (text, confidence)) in lines.iter().enumerate() {
                let (x, y) = (column as f32 / 10.0, row as f32 / 10.0);
                lettering.shelf.lettering.push(Text {
                    text: (*text).to_owned(),
                    height: 10.0,
                });
                lettering.lines.push(ReadLine {
                    bounding_box: BoundingBox::new((x, y), (x + 0.1, y + 0.1)),
                    confidence: *confidence,
                });
            }
            lettering.shelf.spines.push(Spine {
                lines: (first..lettering.lines.len()).collect(),
                beside: Vec::new(),
            });
        }
        lettering
    }

    fn found(lettering: &Lettering, titles: &[(&str, &str)], complete: bool) -> SpinesFound {
        let record = |(title, author): &(&str, &str)| Record {
            provider: Provider::OpenLibrary,
            work: Book {
                title: (*title).to_owned(),
                ..Book::default()
            },
            edition: Edition::default(),
            authors: vec![Author {
                name: (*author).to_owned(),
                open_library_id: None,
            }],
            aliases: Vec::new(),
            matched: None,
        };
        let records: Vec<Record> = titles.iter().map(record).collect();
        let spines = lettering.shelf.spines.len();
        let books = lettering.shelf.recognise(&vec![records; spines]);
        let is_named = |spine: &usize| books.iter().any(|book| book.spine == *spine);
        SpinesFound {
            unknown: (0..spines).filter(|spine| !is_named(spine)).collect(),
            books,
            complete,
        }
    }

    #[test]
    fn a_book_is_called_what_its_record_says_and_is_where_its_lines_are() {
        let lettering = lettering(&[&[("WOLF HALL", 0.99), ("MANTEL", 0.97)]]);
        let found = found(&lettering, &[("Wolf Hall", "Hilary Mantel")], true);
        let detections = lettering.detections(&found);
        let [(book, named)] = detections.as_slice() else {
            panic!("{detections:?}");
        };
        assert_eq!(
            (book.title.as_str(), book.author.as_str()),
            ("Wolf Hall", "Hilary Mantel")
        );
        assert!(book.confidence > 0.8);
        assert_eq!(book.bounding_box, BoundingBox::new((0.0, 0.0), (0.2, 0.1)));
        assert!(matches!(named.found, Found::Record(_)));
        assert_eq!(lettering.hint(&found), None);
    }

    #[test]
    fn a_spine_that_names_no_book_is_its_sure_words_to_be_reviewed() {
        let lettering = lettering(&[
            &[("Gärten in Wien", 0.95), ("Xq?lr", 0.55)],
            &[("9", 0.99)],
            &[("SOME WORDS", 0.6)],
        ]);
        for (complete, outcome) in [(true, Found::NotFound), (false, Found::Error)] {
            let found = found(&lettering, &[], complete);
            let detections = lettering.detections(&found);
            let [(spine, named)] = detections.as_slice() else {
                panic!("{detections:?}");
            };
            assert_eq!(spine.title, "Gärten in Wien");
            assert_eq!(spine.author, "");
            assert!(spine.confidence < 0.5);
            assert_eq!(spine.bounding_box, BoundingBox::new((0.0, 0.0), (0.1, 0.1)));
            assert_eq!(named.found, outcome);
            // Without an answer nobody knows whether the photo is to blame.
            assert_eq!(lettering.hint(&found).is_some(), complete);
        }
    }
}
