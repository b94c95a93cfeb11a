//! Trying again what a job did not find: a new job that carries over what was found and looks up
//! the rest.
//!
//! The new job's *library* is every item of the job before, in order, those included that nobody
//! reached before it was stopped; its plan are those of them whose outcome is tried again, in the
//! same order. Books that nobody can be asked about stay as they are. When it ends, what it has
//! found takes their place, so the library is whole at any time, and nothing that a root names is
//! rewritten. Photos that are looked at again are copied: the job before may expire first. Books on
//! them that the library has not are added to both.

use std::time::Duration;

use futures::TryStreamExt;
use serde_json::json;
use vision::Detection;

use crate::content::ContentDigest;
use crate::create::{CreateError, Creation, NewJob};
use crate::document::{
    FailureCode, Item, MAX_VALUE_BYTES, MadeBy, Outcome, Part, PhotoState, Pipeline, Retry, Root,
    Stage, Upload,
};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::handover::Created;
use crate::id::JobId;
use crate::keys;
use crate::plan::wave_size;
use crate::run::Run;
use crate::secret::Keyring;
use crate::storage::{Stop, existing, to_json};

/// Number of retries of one job that may be stopped, each of which leaves its place to the next.
const MAX_STOPPED: usize = 16;

/// Time for which a retry is created while the store fails.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The reasons why a job is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The job has no item whose outcome is among those to be retried.
    #[error("there is nothing to try again")]
    Nothing(Remedy),
    /// The new job could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
}

/// What a person can do where a retry can do nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// Indices of photos that can be sent again: their books are not known, and they are not kept,
    /// or not whole.
    pub photos: Vec<usize>,
    /// Name of the file that can be sent again, because nothing of it was read; it may be empty.
    pub file: Option<String>,
    /// Number of books that nobody can be asked about: their titles say too little without an
    /// author.
    pub unaskable: u32,
}

impl Remedy {
    fn of(ended: &Root) -> Self {
        let is_unread = ended.pipeline == Pipeline::CsvImport
            && ended.stage != Stage::Complete
            && ended.results() == 0;
        Self {
            photos: ended.lost_photos().collect(),
            file: is_unread.then(|| ended.uploaded.name.clone()),
            unaskable: 0,
        }
    }
}

impl From<Stop> for RetryError {
    fn from(stop: Stop) -> Self {
        Self::Create(stop.into())
    }
}

impl Keyring {
    /// The name of the job in which its client tries this ended one again: there is one at a time.
    #[must_use]
    pub fn retry_id(&self, ended: &Root, made_by: MadeBy) -> JobId {
        // No client's key holds a space.
        let key = format!("retry {} {}", ended.id, ended.epoch);
        self.derived_id(made_by, &key, None)
    }

    /// The name of the job in which the same is tried once more, after the job of this name was
    /// stopped.
    #[must_use]
    pub fn retry_id_after(&self, stopped: &JobId, made_by: MadeBy) -> JobId {
        self.derived_id(made_by, &format!("retry after {stopped}"), None)
    }

    /// The name of the job in which the operator tries this ended one again: what the operator
    /// chooses does not bind the client.
    #[must_use]
    pub fn operators_retry_id(&self, ended: &Root, made_by: MadeBy) -> JobId {
        let key = format!("operator's retry {} {}", ended.id, ended.epoch);
        self.derived_id(made_by, &key, None)
    }
}

/// The outcomes among these that the job can have: it has failed photos only if it has kept them.
fn possible(ended: &Root, only: &[Outcome]) -> Vec<Outcome> {
    let has_photos = ended.kept_photos().next().is_some();
    let is_possible = |outcome: &&Outcome| **outcome != Outcome::FailedPhotos || has_photos;
    only.iter().filter(is_possible).copied().collect()
}

/// Whether the job may have something of these outcomes. Its counts tell without a look at its
/// results; of a job that was stopped they do not tell what nobody reached.
fn may_have(ended: &Root, only: &[Outcome]) -> bool {
    let counts = ended.counts();
    ended.stage != Stage::Complete
        || only.iter().any(|outcome| match outcome {
            Outcome::Error | Outcome::CircuitOpen => counts.unanswered > 0,
            Outcome::NotFound => counts.failed > counts.unanswered,
            Outcome::FailedPhotos => true,
        })
}

impl ContentDigest {
    /// The digest of a request to try these outcomes of a job again.
    #[must_use]
    pub fn of_retry(ended: &Root, only: &[Outcome]) -> String {
        let names = serde_json::to_vec(&(&ended.id, &ended.epoch, possible(ended, only)));
        Self::of(&names.unwrap_or_default())
    }
}

impl<E: Effects> Engine<'_, E> {
    /// The retry of this name, or the next one where it was canceled or has failed: a name for a
    /// new retry, and the job that has it, if there is one. Nothing is changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn own_retry(
        &self,
        mut id: JobId,
        made_by: MadeBy,
    ) -> Result<(JobId, Option<Root>), StoreError> {
        for _ in 0..MAX_STOPPED {
            let look = async || self.look(&id).await;
            match self.retry_briefly(look).await?.root() {
                Some(root) if matches!(root.stage, Stage::Canceled | Stage::Error) => {
                    id = self.keyring.retry_id_after(&id, made_by);
                }
                Some(root) if root.stage != Stage::Receiving => {
                    let root = root.clone();
                    return Ok((id, Some(root)));
                }
                _ => break,
            }
        }
        Ok((id, None))
    }

    /// The retry of this name, which somebody else has asked for, if it is as good as one's own:
    /// of the same request (`content` is its digest) and the same `client_ref`, under way or
    /// complete. Nothing is changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn retry_of_another(
        &self,
        id: &JobId,
        content: &str,
        client_ref: &str,
    ) -> Result<Option<Root>, StoreError> {
        let state = self.retry_briefly(async || self.look(id).await).await?;
        let root = state.root().filter(|root| {
            root.content == content
                && root.client_ref == client_ref
                && !matches!(root.stage, Stage::Canceled | Stage::Error)
        });
        Ok(root.cloned())
    }

    /// Creates a job that looks up again what `ended` did not find, as far as its outcome is one of
    /// `only`, and carries everything else over. A store that fails is asked again for a while.
    ///
    /// # Errors
    /// [`RetryError`]; nothing of the job is left then.
    pub async fn retry(
        &self,
        new: &NewJob,
        ended: &Root,
        only: &[Outcome],
    ) -> Result<Created, RetryError> {
        let until = self.effects.monotonic() + TIME_LIMIT;
        loop {
            match self.create_retry(new, ended, only).await {
                // A second creation under the name leads to the same job, as a second request does.
                Err(RetryError::Create(CreateError::Store(_)))
                    if self.effects.monotonic() < until =>
                {
                    self.effects.sleep(self.settings.retry).await;
                }
                created => return created,
            }
        }
    }

    async fn create_retry(
        &self,
        new: &NewJob,
        ended: &Root,
        only: &[Outcome],
    ) -> Result<Created, RetryError> {
        let content = ContentDigest::of_retry(ended, only);
        let only = possible(ended, only);
        if !may_have(ended, &only) {
            return Err(RetryError::Nothing(Remedy::of(ended)));
        }
        // Reading the results is dear, and a repeated request needs none of them.
        let standing = existing(self.effects, new.name.id()).await;
        if let Some(root) = standing.map_err(Stop::from)?
            && root.stage != Stage::Receiving
        {
            return Err(CreateError::Exists(Box::new(root)).into());
        }
        let looks_again = only.contains(&Outcome::FailedPhotos);
        let photos = ended.kept_photos().filter(|_| looks_again);
        let photos: Vec<u32> = photos.filter_map(|at| u32::try_from(at).ok()).collect();
        let (mut plan, mut succeeded, mut unanswered, mut unaskable) = (Vec::new(), 0, 0, 0);
        // Both readings must agree about what is tried again.
        let choices = self.choices(ended).await.map_err(Stop::from)?;
        let mut parts = self.items_with(ended, &choices);
        while let Some(items) = parts.try_next().await? {
            for item in items {
                if Outcome::is_among(&only, &item, true) {
                    plan.push(Item {
                        found: None,
                        ..item
                    });
                } else if item.succeeded() {
                    succeeded += 1;
                } else if item.is_unanswered() {
                    unanswered += 1;
                    unaskable += u32::from(item.is_unaskable());
                }
            }
        }
        if plan.is_empty() && photos.is_empty() {
            return Err(RetryError::Nothing(Remedy {
                unaskable,
                ..Remedy::of(ended)
            }));
        }
        let report = match &ended.report {
            None => None,
            Some(_) => Some(to_json(&self.report(ended).await?)?),
        };
        let creation = Creation::reserve(*self, new).await?;
        let (mut root, lease) = creation.begin().await?;
        let mut run = Run::new(*self, root.clone(), lease);
        let written = async {
            root.photos = ended.photos_of_retry();
            let photos = run.copy_photos(ended, &photos, &mut root).await?;
            if plan.is_empty() && photos.is_empty() {
                return Ok(false);
            }
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
                only,
                library,
                only_askable: true,
                photos,
                succeeded,
                unanswered,
            });
            Ok::<bool, Stop>(true)
        };
        match written.await {
            Ok(true) => {}
            Ok(false) => {
                creation.discard(&root).await;
                // The retry's own list: it has those whose copy is not whole.
                return Err(RetryError::Nothing(Remedy {
                    photos: root.lost_photos().collect(),
                    ..Remedy::default()
                }));
            }
            Err(stop) => {
                let error = CreateError::from(stop);
                creation.fail(&root, &error).await;
                return Err(error.into());
            }
        }
        let lease = run.into_lease();
        root.content = content;
        // Of a scan not known until its photos are looked at.
        let looks_again = (root.retry.as_ref()).is_some_and(|retry| !retry.photos.is_empty());
        let planned = if looks_again { 0 } else { plan.len() };
        root.total = u32::try_from(planned).unwrap_or(u32::MAX);
        root.wave = wave_size(plan.len(), self.settings.wave_items);
        root.uploaded = ended.uploaded.clone();
        root.rows = ended.rows;
        root.scan = ended.scan;
        Ok(creation.accept(root, lease).await?)
    }
}

impl<E: Effects> Run<'_, E> {
    /// Copies these photos of an ended job for another one, whose `root` names them before each is
    /// written. Answers those that were whole: the others have failed, and are to be sent again.
    async fn copy_photos(
        &self,
        ended: &Root,
        photos: &[u32],
        root: &mut Root,
    ) -> Result<Vec<u32>, Stop> {
        if photos.is_empty() {
            return Ok(Vec::new());
        }
        root.uploads = vec![Upload::default(); ended.uploads.len()];
        let mut copied = Vec::new();
        for at in photos {
            let index = *at as usize;
            let (Some(from), Some(to), Some(photo)) = (
                ended.uploads.get(index),
                root.uploads.get_mut(index),
                root.photos.get_mut(index),
            ) else {
                continue;
            };
            *to = Upload {
                key: keys::upload(&root.id, self.epoch(), *at),
                chunks: 0,
                ..from.clone()
            };
            if self.copy_photo(from, to).await? {
                *photo = PhotoState::default();
                copied.push(*at);
                continue;
            }
            for chunk in 0..to.chunks {
                self.delete(&to.chunk(chunk)).await?;
            }
            *to = Upload::default();
            *photo = PhotoState::failed(FailureCode::EInternal);
            let line = json!({"level": "warn", "jobId": ended.id, "photo": index});
            self.engine.effects.log("photo-lost", line);
        }
        if copied.is_empty() {
            root.uploads.clear();
        }
        Ok(copied)
    }

    /// Copies the chunks of a photo. Answers whether all of it was there.
    async fn copy_photo(&self, from: &Upload, to: &mut Upload) -> Result<bool, Stop> {
        let effects = self.engine.effects;
        let mut bytes = 0;
        for chunk in 0..from.chunks {
            self.renew_when_due().await?;
            let read = async || effects.get(&from.chunk(chunk)).await;
            let Some(value) = self.retry_while_leased(read).await? else {
                return Ok(false);
            };
            bytes += value.len() as u64;
            // Counted first: a write that reports an error may have been applied.
            let key = to.chunk(chunk);
            to.chunks += 1;
            let write = async || effects.set(&key, &value).await;
            self.retry_while_leased(write).await?;
        }
        Ok(bytes == from.bytes)
    }

    /// Adds the books that were seen on photos looked at again to the plan and to the library, as
    /// far as it has them not. Answers the parts of both, for the next commit.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when a part is missing; as other writes.
    pub(crate) async fn add_to_library(
        &mut self,
        items: &[Item],
    ) -> Result<(Vec<Part>, Vec<Part>), Stop> {
        let plan = self.write_items(keys::plan, items).await?;
        let items: Vec<Item> = (items.iter().cloned())
            .map(|item| Item {
                found: None,
                ..item
            })
            .collect();
        let library = self.write_items(keys::library, &items).await?;
        Ok((plan, library))
    }

    /// What was seen of the books of the library.
    ///
    /// # Errors
    /// As [`Self::add_to_library`].
    pub(crate) async fn detections_of_library(&self) -> Result<Vec<Detection>, Stop> {
        let mut detections = Vec::new();
        for part in self.root.retry.iter().flat_map(|retry| &retry.library) {
            self.renew_when_due().await?;
            let items: Vec<Item> = self.read_part(part).await?;
            detections.extend(items.into_iter().filter_map(|item| item.detection));
        }
        Ok(detections)
    }

    /// The library with the finished items of these segments in their places: parts that hold none
    /// of them stay as they are. Answers which parts are no longer named, and the number of items
    /// that a person should look at.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when a part is missing; as other writes.
    pub(crate) async fn merge_into_library(
        &mut self,
        retry: &mut Retry,
        segments: &[Part],
    ) -> Result<(Vec<Part>, u32), Stop> {
        let mut merged = Vec::new();
        let mut obsolete = Vec::new();
        let mut to_review = 0;
        let mut segments = segments.iter();
        // The last is the next.
        let mut finished: Vec<Item> = Vec::new();
        let mut unanswered = 0;
        for part in std::mem::take(&mut retry.library) {
            self.renew_when_due().await?;
            let mut items: Vec<Item> = self.read_part(&part).await?;
            let mut is_changed = false;
            for item in &mut items {
                if !retry.tries(item) {
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
                    // Not done: the job was stopped before.
                    None => unanswered += u32::from(item.is_unanswered()),
                }
            }
            to_review += self.root.count_to_review(&items);
            if is_changed {
                merged.extend(self.write_items(keys::segment, &items).await?);
                obsolete.push(part);
            } else {
                merged.push(part);
            }
        }
        retry.library = merged;
        retry.unanswered = unanswered;
        Ok((obsolete, to_review))
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
            Ok((obsolete, to_review)) => {
                end.retry = Some(retry);
                end.to_review = Some(to_review);
                Ok(obsolete)
            }
            Err(Stop::Damaged(_)) if !must_be_whole => {
                end.to_review = None;
                Ok(Vec::new())
            }
            Err(stop) => Err(stop),
        }
    }
}
