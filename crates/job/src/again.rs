//! Trying again what a job did not find: a new job that carries over what was found and looks up
//! the rest.
//!
//! The new job's *library* is every item of the job before, in order; its plan are those of them
//! whose outcome is tried again, in the same order. When it ends, what it has found takes their
//! place, so the library is whole at any time, and nothing that a root names is rewritten.

use futures::TryStreamExt;

use crate::content::ContentDigest;
use crate::create::{CreateError, Creation, NewJob};
use crate::document::{Item, MAX_VALUE_BYTES, MadeBy, Outcome, Part, Retry, Root};
use crate::effects::Effects;
use crate::engine::Engine;
use crate::handover::Created;
use crate::id::JobId;
use crate::keys;
use crate::plan::wave_size;
use crate::run::Run;
use crate::secret::Keyring;
use crate::storage::{Stop, to_json};

/// The reasons why a job is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The job has no item whose outcome is among those to be retried.
    #[error("there is nothing to try again")]
    Nothing,
    /// The new job could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
}

impl From<Stop> for RetryError {
    fn from(stop: Stop) -> Self {
        Self::Create(stop.into())
    }
}

impl Keyring {
    /// The name of the job that tries this ended one again: there is one at a time.
    #[must_use]
    pub fn retry_id(&self, ended: &Root, made_by: MadeBy) -> JobId {
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
        // Both readings must agree about what is tried again.
        let choices = self.choices(ended).await.map_err(Stop::from)?;
        let mut parts = self.items_with(ended, &choices);
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
            None => None,
            Some(_) => match self.report(ended).await {
                Ok(report) => Some(to_json(&report)?),
                // What was said of the file is lost, not the books.
                Err(Stop::Damaged(_)) => None,
                Err(stop) => return Err(stop.into()),
            },
        };
        let creation = Creation::reserve(*self, new).await?;
        let (mut root, lease) = creation.begin().await?;
        let mut run = Run::new(*self, root.clone(), lease);
        let written = async {
            root.plan = run.write_items(keys::plan, &plan).await?;
            if let Some(report) = report {
                root.report = Some(run.write_part(keys::report, 1, &report).await?);
            }
            // As few parts as will do: those of a job that was canceled are many and small. The
            // first run goes on under this epoch, and numbers its segments anew.
            let mut library = Vec::new();
            let mut parts = self.items_with(ended, &choices);
            let (mut gathered, mut bytes) = (Vec::new(), 0);
            while let Some(items) = parts.try_next().await? {
                let more = to_json(&items)?.len();
                if bytes + more > MAX_VALUE_BYTES {
                    library.extend(run.write_items(keys::library, &gathered).await?);
                    gathered.clear();
                    bytes = 0;
                }
                bytes += more;
                gathered.extend(items);
            }
            if !gathered.is_empty() {
                library.extend(run.write_items(keys::library, &gathered).await?);
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

    /// Puts what this job has found into the library that it carries over, if it carries one. When
    /// a part is lost, a job that was stopped keeps the library as it was.
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
