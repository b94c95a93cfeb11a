//! The books of a job, with their outcomes, and the report on everything else.

use books::{Found, Imported, Near, NearReason, Problem, Reading, Record, RepeatedRow, Wanted};
use serde::{Deserialize, Serialize};
use vision::{Detection, Quality, Suggestion};

/// One book of a job: what is looked up, and the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The book to look up.
    pub wanted: Wanted,
    /// The other data that the imported file has on the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// The cells of its row as they stand in the imported file, while somebody may want to mend
    /// them: of a book that no provider knows, or that is not looked up yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<String>,
    /// The further rows of the file that name the book, as long as somebody may want to mend them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<RepeatedRow>,
    /// The place on a photo where the book was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// Records that a person may choose from, when the book was not found or doubtfully: out of
    /// answers that came anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Near>,
    /// The way in which a person has said which book it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<ChosenBy>,
    /// The outcome; in the plan only of a book that its spine has named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

impl Item {
    /// An item to look up.
    #[must_use]
    pub fn wanted(wanted: Wanted) -> Self {
        Self {
            wanted,
            imported: None,
            cells: Vec::new(),
            repeated: Vec::new(),
            detection: None,
            candidates: Vec::new(),
            choice: None,
            found: None,
        }
    }

    /// A placeholder for a book whose data is lost, so that the other books keep their numbers.
    #[must_use]
    pub fn lost() -> Self {
        Self {
            found: Some(Found::Error),
            ..Self::wanted(Wanted::default())
        }
    }

    /// Whether all of it is lost, and nobody has said which book it is.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        // Comparing whole items would take 10 KB of code.
        matches!(self.found, Some(Found::Error))
            && self.choice.is_none()
            && self.detection.is_none()
            && self.imported.is_none()
            && self.wanted.title.is_empty()
            && self.wanted.isbn.is_none()
            && self.wanted.work_id.is_none()
    }

    /// A book seen on a photo.
    #[must_use]
    pub fn detected(detection: Detection) -> Self {
        Self {
            wanted: Wanted {
                title: detection.title.clone(),
                author: detection.author.clone(),
                isbn: detection.isbn,
                work_id: None,
                series: None,
            },
            imported: None,
            cells: Vec::new(),
            repeated: Vec::new(),
            detection: Some(detection),
            candidates: Vec::new(),
            choice: None,
            found: None,
        }
    }

    /// The record that a provider has of it, when one has.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match &self.found {
            Some(Found::Record(record)) => Some(record),
            _ => None,
        }
    }

    /// The book to look up, with all that the file says to find it by.
    #[must_use]
    pub fn to_look_up(&self) -> Wanted {
        let imported = self.imported.as_ref();
        Wanted {
            series: (self.wanted.series.clone())
                .or_else(|| imported.and_then(|imported| imported.series.clone())),
            ..self.wanted.clone()
        }
    }

    /// Whether no provider has answered about the book: also when nobody has looked it up yet.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self.found, None | Some(Found::Error | Found::CircuitOpen))
    }

    /// Whether nobody can be asked about the book, now or later: it has no number, and a title that
    /// says too little to accept an answer.
    #[must_use]
    pub fn is_unaskable(&self) -> bool {
        self.is_unanswered() && !books::is_askable(&self.to_look_up())
    }

    /// The match, where it is no candidate: it may be chosen, too, by the number behind them.
    #[must_use]
    pub fn own_match(&self) -> Option<Near> {
        let record = self.record()?;
        let is_offered = self.candidates.iter().any(|near| near.is_same_as(record));
        (!is_offered).then(|| Near {
            record: record.clone(),
            reason: NearReason::Unsure,
        })
    }

    /// Whether a person should say which book it is: nobody knows it, or the match is doubtful, and
    /// nobody has chosen yet.
    #[must_use]
    pub fn is_to_be_reviewed(&self) -> bool {
        self.choice.is_none()
            && match &self.found {
                Some(Found::NotFound) => true,
                Some(Found::Record(record)) => {
                    record.matched.is_some_and(|matched| matched.is_doubtful())
                }
                _ => false,
            }
    }

    /// Whether a provider knows the book.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self.found, Some(Found::Record(_)))
    }
}

/// The way in which a person has said which book an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// One of its candidates.
    Candidate,
    /// The ISBN of an edition.
    Isbn,
    /// The key of a work.
    Work,
    /// Title and author.
    TitleAuthor,
    /// None of the books that providers know.
    None,
}

/// The first stage's report on everything but the items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rejected rows, and warnings about kept ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// For an import: how its file was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// For a scan: hints for better photos.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
    /// For a scan: the worst of its photos in every respect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// For a scan: the vision model that looked at it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Whether the store has lost the report; a retry keeps that in mind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_lost: bool,
}

/// An outcome of an item that may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All providers that were asked about the book failed.
    Error,
    /// No provider could be asked: their circuit breakers were open.
    CircuitOpen,
    /// All providers answered that they do not know the book.
    NotFound,
    /// The photos could not be looked at: no item's outcome, but that of those to come.
    FailedPhotos,
}

impl Outcome {
    /// The outcomes that may be others at any later time.
    pub const PASSING: [Self; 3] = [Self::Error, Self::CircuitOpen, Self::FailedPhotos];

    /// The outcome of an item; `None` when it was found.
    #[must_use]
    pub fn of(item: &Item) -> Option<Self> {
        match item.found {
            Some(Found::Record(_)) => None,
            Some(Found::NotFound) => Some(Self::NotFound),
            Some(Found::CircuitOpen) => Some(Self::CircuitOpen),
            Some(Found::Error) | None => Some(Self::Error),
        }
    }

    /// Whether an item is tried again with these outcomes; `only_askable`: not when it was looked
    /// up and nobody can be asked about it.
    pub(crate) fn is_among(only: &[Self], item: &Item, only_askable: bool) -> bool {
        // A book that nobody has looked up yet may be one of a photo that is looked at again.
        let is_new = item.found.is_none() && only.contains(&Self::FailedPhotos);
        // What a person has said of a book is not asked again.
        item.choice.is_none()
            && (is_new || Self::of(item).is_some_and(|outcome| only.contains(&outcome)))
            && !(only_askable && item.found.is_some() && item.is_unaskable())
    }
}
