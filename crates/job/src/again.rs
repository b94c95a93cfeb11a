//! Trying again what a job did not find: a new job that carries over what was found and looks up
//! the rest.
//!
//! The new job's *library* is every item of the job before, in order; its plan are those of them
//! whose outcome is tried again, in the same order. When it ends, what it has found takes their
//! place, so the library is whole at any time, and nothing that a root names is rewritten.

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use books::Found;

use crate::content::ContentDigest;
use crate::create::{CreateError, Creation, NewJob};
use crate::document::{Item, Part, Root};
use crate::effects::Effects;
use crate::engine::Engine;
use crate::handover::Created;
use crate::id::JobId;
use crate::keys;
use crate::plan::wave_size;
use crate::run::Run;
use crate::secret::Keyring;
use crate::storage::{Stop, to_json};

/// An outcome of an item that may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No provider answered about the book.
    Error,
    /// No provider could be asked about the book.
    CircuitOpen,
    /// No provider knows the book.
    NotFound,
}

impl Outcome {
    /// What may succeed at any time.
    pub const UNANSWERED: [Self; 2] = [Self::Error, Self::CircuitOpen];

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

    fn is_among(only: &[Self], item: &Item) -> bool {
        Self::of(item).is_some_and(|outcome| only.contains(&outcome))
    }
}

/// What a job carries over that tries again what another did not find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// The job that it tries again.
    pub of: JobId,
    /// The outcomes that are tried again: item `n` of the plan is the `n`th item of the library
    /// that has one of them.
    pub only: Vec<Outcome>,
    /// Every item of the job before, in order; once this job has ended, with what it has found.
    pub library: Vec<Part>,
    /// Items of the library that were found before.
    pub succeeded: u32,
    /// Those that nobody has answered about and that are not tried again.
    #[serde(default)]
    pub unanswered: u32,
}

/// The items of a whole library by their outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    /// All of them.
    pub total: u32,
    /// Those that were found.
    pub succeeded: u32,
    /// Those that were not.
    pub failed: u32,
    /// Those of them that nobody has answered about.
    pub unanswered: u32,
}

/// The reasons why a job is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// No item has an outcome that is to be tried again.
    #[error("there is nothing to try again")]
    Nothing,
    /// No job could be created.
    #[error(transparent)]
    Create(#[from] CreateError),
}

impl From<Stop> for RetryError {
    fn from(stop: Stop) -> Self {
        Self::Create(stop.into())
    }
}

impl Root {
    /// The parts that hold the job's results: its library if it has carried one over and has ended.
    pub(crate) fn result_parts(&self) -> &[Part] {
        match &self.retry {
            Some(retry) if self.stage.is_terminal() => &retry.library,
            _ => &self.segments,
        }
    }

    /// The number of items that the results have.
    #[must_use]
    pub fn results(&self) -> u32 {
        self.result_parts().iter().map(|part| part.count).sum()
    }

    /// The size of the results as they are stored.
    #[must_use]
    pub fn result_bytes(&self) -> u64 {
        (self.result_parts().iter())
            .map(|part| u64::from(part.bytes))
            .sum()
    }

    /// The items of the results by their outcome: of a job that carries others over, with those.
    #[must_use]
    pub fn counts(&self) -> ItemCounts {
        let own = ItemCounts {
            total: self.total,
            succeeded: self.succeeded,
            failed: self.failed,
            unanswered: self.unanswered,
        };
        let Some(retry) = &self.retry else {
            return own;
        };
        let total = retry.library.iter().map(|part| part.count).sum();
        let succeeded = retry.succeeded + self.succeeded;
        ItemCounts {
            total,
            succeeded,
            failed: u32::saturating_sub(total, succeeded),
            unanswered: retry.unanswered + self.unanswered,
        }
    }
}

impl Keyring {
    /// The name of the job that tries this ended one again: there is one at a time.
    #[must_use]
    pub fn retry_id(&self, ended: &Root, made_by: crate::MadeBy) -> JobId {
        // No client's key holds a space.
        let key = format!("retry {} {}", ended.id, ended.epoch);
        self.derived_id(made_by, &key, None)
    }
}

/// The digest of a request to try these outcomes of a job again.
#[must_use]
pub fn content_of_retry(ended: &Root, only: &[Outcome]) -> String {
    let names = serde_json::to_vec(&(&ended.id, &ended.epoch, only));
    ContentDigest::of(&names.unwrap_or_default())
}

impl<E: Effects> Engine<'_, E> {
    /// Creates a job that looks up again what `ended` did not find, as far as its outcome is one of
    /// `only`, and carries everything else over.
    ///
    /// # Errors
    /// [`RetryError`]; nothing of the job is left then.
    pub async fn retry(
        &self,
        new: &NewJob,
        ended: &Root,
        only: &[Outcome],
    ) -> Result<Created, RetryError> {
        let (mut plan, mut succeeded, mut unanswered) = (Vec::new(), 0, 0);
        let mut parts = self.items(ended, 0..ended.results());
        while let Some(items) = parts.try_next().await? {
            for item in items {
                if Outcome::is_among(only, &item) {
                    plan.push(Item {
                        found: None,
                        ..item
                    });
                } else if item.succeeded() {
                    succeeded += 1;
                } else if item.is_unanswered() {
                    unanswered += 1;
                }
            }
        }
        if plan.is_empty() {
            return Err(RetryError::Nothing);
        }
        let report = match &ended.report {
            Some(_) => Some(to_json(&self.report(ended).await?)?),
            None => None,
        };
        let creation = Creation::reserve(*self, new).await?;
        let (mut root, lease) = creation.begin().await?;
        let mut run = Run::new(*self, root.clone(), lease);
        let written = async {
            root.plan = run.write_items(keys::plan, &plan).await?;
            if let Some(report) = report {
                root.report = Some(run.write_part(keys::report, 1, &report).await?);
            }
            let mut library = Vec::new();
            let mut parts = self.items(ended, 0..ended.results());
            while let Some(items) = parts.try_next().await? {
                // The first run goes on under this epoch, and numbers its segments anew.
                library.extend(run.write_items(keys::library, &items).await?);
            }
            root.retry = Some(Retry {
                of: ended.id.clone(),
                only: only.to_vec(),
                library,
                succeeded,
                unanswered,
            });
            Ok::<(), Stop>(())
        };
        if let Err(stop) = written.await {
            creation.discard(&root).await;
            return Err(stop.into());
        }
        let lease = run.into_lease();
        root.content = content_of_retry(ended, only);
        root.total = u32::try_from(plan.len()).unwrap_or(u32::MAX);
        root.wave = wave_size(plan.len(), self.settings.wave_items);
        root.uploaded = ended.uploaded.clone();
        root.rows = ended.rows;
        root.photos.clone_from(&ended.photos);
        root.scan = ended.scan;
        Ok(creation.accept(root, lease).await?)
    }
}

impl<E: Effects> Run<'_, E> {
    /// The library with the finished items of these segments in their places: parts that hold none
    /// of them stay as they are. Answers which parts are no longer named.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when a part is missing; as other writes.
    pub(crate) async fn merge_into_library(
        &mut self,
        retry: &mut Retry,
        segments: &[Part],
    ) -> Result<Vec<Part>, Stop> {
        let mut merged = Vec::new();
        let mut obsolete = Vec::new();
        let mut segments = segments.iter();
        // The last is the next.
        let mut finished: Vec<Item> = Vec::new();
        let mut unanswered = 0;
        for part in std::mem::take(&mut retry.library) {
            self.renew_if_half_spent().await?;
            let mut items: Vec<Item> = self.read_part(&part).await?;
            let mut is_changed = false;
            for item in &mut items {
                if !Outcome::is_among(&retry.only, item) {
                    unanswered += u32::from(item.is_unanswered());
                    continue;
                }
                if finished.is_empty()
                    && let Some(segment) = segments.next()
                {
                    finished = self.read_part(segment).await?;
                    finished.reverse();
                }
                match finished.pop() {
                    Some(found) => {
                        *item = found;
                        is_changed = true;
                    }
                    // Not done: the job was canceled before.
                    None => unanswered += u32::from(item.is_unanswered()),
                }
            }
            if is_changed {
                merged.extend(self.write_items(keys::segment, &items).await?);
                obsolete.push(part);
            } else {
                merged.push(part);
            }
        }
        retry.library = merged;
        retry.unanswered = unanswered;
        Ok(obsolete)
    }

    /// What this job has found takes its place in the library that it carries over, if it does.
    /// When a part is lost, a job that was stopped keeps the library as it was.
    ///
    /// # Errors
    /// As [`Self::merge_into_library`].
    pub(crate) async fn finish_library(
        &mut self,
        end: &mut Root,
        segments: &[Part],
        must_be_whole: bool,
    ) -> Result<Vec<Part>, Stop> {
        let Some(mut retry) = end.retry.clone() else {
            return Ok(Vec::new());
        };
        match self.merge_into_library(&mut retry, segments).await {
            Ok(obsolete) => {
                end.retry = Some(retry);
                Ok(obsolete)
            }
            Err(Stop::Damaged(_)) if !must_be_whole => Ok(Vec::new()),
            Err(stop) => Err(stop),
        }
    }
}
