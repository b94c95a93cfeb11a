//! Books that were seen on photos, and the outcome and quality of the photos.
//!
//! Title and author are the provider's when the book was found: print on a spine is set in
//! capitals, cut off and misread. Of a book that nobody knows they are what was read.

use books::Record;
use job::{Item, Report, Root, millis};
use serde::Serialize;
use vision::{BoundingBox, Detection, Grade};

use crate::book::{
    AuthorObject, EditionObject, EnrichmentStatus, ListedBook, Provider, ReviewStatus, WorkObject,
    isbn,
};
use crate::choice::Choosing;
use crate::failure::FailureCode;
use crate::time::Iso;

/// An item as its job's results show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Shown<'a> {
    /// A book of an import or enrichment.
    Listed(Box<ListedBook<'a>>),
    /// A book of a scan.
    Seen(Box<SeenBook<'a>>),
}

impl<'a> Shown<'a> {
    /// Spells an item of this job.
    pub fn of(root: &Root, item: &'a Item) -> Self {
        match SeenBook::of(root, item) {
            Some(seen) => Self::Seen(Box::new(seen)),
            None => Self::Listed(Box::new(ListedBook::of(item))),
        }
    }
}

/// A rectangle in fractions of the photo, spelled both ways that clients know.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Frame {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width, as a fraction of the photo's.
    pub width: f64,
    /// Height, as a fraction of the photo's.
    pub height: f64,
    /// Left edge.
    pub x1: f64,
    /// Upper edge.
    pub y1: f64,
    /// Right edge.
    pub x2: f64,
    /// Lower edge.
    pub y2: f64,
}

impl From<BoundingBox> for Frame {
    fn from(from: BoundingBox) -> Self {
        let [x1, y1, x2, y2] = [from.x1, from.y1, from.x2, from.y2].map(short);
        Self {
            x: x1,
            y: y1,
            width: shorten(x2 - x1),
            height: shorten(y2 - y1),
            x1,
            y1,
            x2,
            y2,
        }
    }
}

/// Rounds to four decimals: a pixel of the largest photo.
pub(crate) fn short(value: f32) -> f64 {
    shorten(f64::from(value))
}

fn shorten(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// A book that was seen on a photo.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SeenBook<'a> {
    /// Title; empty when it was not read and nobody knows the book.
    pub title: &'a str,
    /// First author; empty when unknown.
    pub author: &'a str,
    /// ISBN of the detection, else of the edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// Confidence in the detection, 0 to 1.
    pub confidence: f64,
    /// Position on its photo.
    pub bounding_box: Frame,
    /// Index of its photo in the job, from 0.
    pub photo_index: u32,
    /// The outcome of the look-up.
    pub enrichment_status: EnrichmentStatus,
    /// URL of the cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<&'a str>,
    /// Publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<&'a str>,
    /// Year of the edition, else of the work's first publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication_year: Option<i32>,
    /// The choice that a person has, or has made.
    #[serde(flatten)]
    pub choosing: Choosing<'a>,
    /// The look-up's outcome and the metadata.
    pub enrichment: SeenEnrichment<'a>,
}

/// The outcome of the look-up of a book that was seen, and its metadata.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SeenEnrichment<'a> {
    /// The outcome of the look-up.
    pub status: EnrichmentStatus,
    /// The work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkObject<'a>>,
    /// The edition; none when nobody knows the book.
    pub editions: Vec<EditionObject<'a>>,
    /// The authors.
    pub authors: Vec<AuthorObject<'a>>,
    /// The provider that knows the book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Whether the metadata was known before: always false.
    pub cached_result: bool,
}

impl<'a> SeenBook<'a> {
    /// Spells an item of this job; `None` when it was not seen on a photo.
    pub fn of(root: &Root, item: &'a Item) -> Option<Self> {
        let detection = item.detection.as_ref()?;
        let record = item.record();
        let status = EnrichmentStatus::of(item);
        let (title, author) = names(detection, record);
        Some(Self {
            title,
            author,
            isbn: isbn(item).map(|isbn| isbn.to_string()),
            confidence: short(detection.confidence),
            bounding_box: detection.bounding_box.into(),
            photo_index: detection.photo,
            enrichment_status: status,
            cover_url: record.and_then(Record::cover_url),
            publisher: record.and_then(|record| record.edition.publisher.as_deref()),
            publication_year: record.and_then(year),
            choosing: Choosing::of(item, root.is_to_review(item)),
            enrichment: SeenEnrichment {
                status,
                work: record.map(|record| WorkObject::of(record, review(root, detection))),
                editions: record.map(EditionObject::of).into_iter().collect(),
                authors: record.map(AuthorObject::of).unwrap_or_default(),
                provider: record.map(|record| record.provider.into()),
                cached_result: false,
            },
        })
    }
}

fn names<'a>(detection: &'a Detection, record: Option<&'a Record>) -> (&'a str, &'a str) {
    let author = record
        .and_then(|record| record.authors.first())
        .map_or(detection.author.as_str(), |author| &author.name);
    (record.map_or(&detection.title, Record::title), author)
}

fn year(record: &Record) -> Option<i32> {
    record.edition.year().or(record.work.first_published)
}

/// Whether a detection is to be looked at by somebody: its confidence is below the job's threshold.
fn review(root: &Root, detection: &Detection) -> ReviewStatus {
    if detection.confidence < root.scan.unwrap_or_default().threshold {
        ReviewStatus::NeedsReview
    } else {
        ReviewStatus::Verified
    }
}

/// State of a photo's analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PhotoStatus {
    /// The photo has not been analysed to the end yet.
    Pending,
    /// The photo has been analysed.
    Complete,
    /// The photo could not be analysed.
    Failed,
}

impl From<job::PhotoStatus> for PhotoStatus {
    fn from(status: job::PhotoStatus) -> Self {
        match status {
            job::PhotoStatus::Pending => Self::Pending,
            job::PhotoStatus::Complete => Self::Complete,
            job::PhotoStatus::Failed => Self::Failed,
        }
    }
}

/// A hint for the next photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Suggestion<'a> {
    /// Kind of the problem.
    #[serde(rename = "type")]
    pub kind: SuggestionKind,
    /// Severity on the worst photo.
    pub severity: Severity,
    /// Advice for the person with the camera, in a sentence.
    pub message: &'a str,
    /// Number of spots that reflect; for other kinds, number of photos with the problem.
    pub affected_count: u32,
}

impl<'a> Suggestion<'a> {
    /// Hints for a scan's next photos.
    pub fn all(report: &'a Report) -> Vec<Self> {
        report.suggestions.iter().map(Self::from).collect()
    }
}

impl<'a> From<&'a vision::Suggestion> for Suggestion<'a> {
    fn from(suggestion: &'a vision::Suggestion) -> Self {
        Self {
            kind: suggestion.kind.into(),
            severity: suggestion.severity.into(),
            message: &suggestion.message,
            affected_count: suggestion.affected_count,
        }
    }
}

/// Severity of a problem with a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The photo can be used as it is.
    Low,
    /// Some books will be missed.
    Medium,
    /// Most books will be missed.
    High,
}

impl From<vision::Severity> for Severity {
    fn from(severity: vision::Severity) -> Self {
        match severity {
            vision::Severity::Low => Self::Low,
            vision::Severity::Medium => Self::Medium,
            vision::Severity::High => Self::High,
        }
    }
}

/// Kind of a problem with a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SuggestionKind {
    /// The photo is out of focus, or was moved.
    Blur,
    /// The photo has too little light.
    Dark,
    /// The photo has too much light.
    Bright,
    /// The photo has reflections.
    Glare,
    /// The photo has little contrast.
    Contrast,
    /// The photo has too few pixels.
    Resolution,
}

impl From<vision::SuggestionKind> for SuggestionKind {
    fn from(kind: vision::SuggestionKind) -> Self {
        match kind {
            vision::SuggestionKind::Blur => Self::Blur,
            vision::SuggestionKind::Dark => Self::Dark,
            vision::SuggestionKind::Bright => Self::Bright,
            vision::SuggestionKind::Glare => Self::Glare,
            vision::SuggestionKind::Contrast => Self::Contrast,
            vision::SuggestionKind::Resolution => Self::Resolution,
        }
    }
}

/// The outcome of one photo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Photo {
    /// Index of the photo, from 0.
    pub index: usize,
    /// State of its analysis.
    pub status: PhotoStatus,
    /// Number of books found on the photo.
    pub books_found: u32,
    /// The reason why the analysis failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureCode>,
    /// Whether the model came to its limit before it had named all books on it; absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
    /// Whether its books are not known and it is not kept: no retry can look at it, so it is to be
    /// sent again in a new scan. Absent when not, and before the scan has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_send: bool,
}

impl Photo {
    /// The photos of this scan, in the order of the upload.
    pub fn of(root: &Root) -> Vec<Self> {
        let lost: Vec<usize> = root.lost_photos().collect();
        let has_ended = root.stage.is_terminal();
        root.photos
            .iter()
            .enumerate()
            .map(|(index, photo)| Self {
                index,
                status: photo.status.into(),
                books_found: photo.found,
                error: photo.code.map(FailureCode::from),
                is_cut: photo.is_cut,
                to_send: has_ended && lost.contains(&index),
            })
            .collect()
    }
}

/// Quality of the photos: `good`, `fair` or `poor`, `unknown` when none could be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PhotoQuality {
    /// Overall quality.
    pub image_quality: &'static str,
    /// Quality of exposure, contrast and glare.
    pub lighting: &'static str,
    /// Quality of focus and motion.
    pub sharpness: &'static str,
    /// Number of different books that could be read.
    pub readable_count: u32,
}

impl PhotoQuality {
    /// Describes the quality of this scan's photos.
    pub fn of(root: &Root, report: &Report) -> Self {
        let word = |of: fn(&vision::Quality) -> Grade| match report.quality.as_ref().map(of) {
            Some(Grade::Good) => "good",
            Some(Grade::Fair) => "fair",
            Some(Grade::Poor) => "poor",
            None => "unknown",
        };
        Self {
            image_quality: word(vision::Quality::image_quality),
            lighting: word(vision::Quality::lighting),
            sharpness: word(vision::Quality::sharpness),
            readable_count: root.total,
        }
    }
}

/// Facts on how a scan was done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "ScanMetadata"))]
pub struct Metadata<'a> {
    /// The vision model; `spines` when the application read the spines itself, `barcode` when only
    /// barcodes were read.
    pub model_used: &'a str,
    /// Time from creation to the end, in ms.
    pub processing_time: u64,
    /// Number of books that a provider knows.
    pub enriched_count: u32,
    /// Time of the end.
    pub timestamp: Iso,
    /// Quality of the photos.
    #[serde(flatten)]
    pub quality: PhotoQuality,
}

impl<'a> Metadata<'a> {
    /// Describes this scan.
    pub fn of(root: &Root, report: &'a Report) -> Self {
        Self {
            model_used: match report.model.as_str() {
                "" => "barcode",
                model => model,
            },
            processing_time: millis(root.elapsed()),
            enriched_count: root.succeeded,
            timestamp: Iso(root.updated),
            quality: PhotoQuality::of(root, report),
        }
    }
}
