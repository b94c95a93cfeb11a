//! The protocol of creating a job: its name, its first root and lease, its acceptance.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::document::{Course, MadeBy, Pipeline, Root, Stage, Uploaded, VERSION};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::handover::Created;
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::lease::Lease;
use crate::secret::Client;
use crate::storage::{Stop, delete_parts_missing_from, encode_root, existing, read_root};
use crate::sweep::{FREED_AT_ONCE, UNACCEPTED_RETENTION};

/// Longest silence of a job while its upload is being received.
pub(super) const UPLOAD_FRESHNESS: Duration = Duration::from_secs(120);

/// The name of a job that is to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Made up by the application: no other creation has it.
    Ours(JobId),
    /// Chosen by a client, or derived from a client's key: other requests may be creating a job
    /// under it at the same moment.
    Contended(JobId),
}

impl Name {
    /// The job id.
    #[must_use]
    pub fn id(&self) -> &JobId {
        match self {
            Self::Ours(id) | Self::Contended(id) => id,
        }
    }

    fn is_contended(&self) -> bool {
        matches!(self, Self::Contended(_))
    }
}

/// A job that is to be created.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The job's name.
    pub name: Name,
    /// The kind of job.
    pub pipeline: Pipeline,
    /// The kind of request that creates the job.
    pub made_by: MadeBy,
    /// Whether the client is given a token.
    pub token: bool,
    /// The client, if its jobs are counted.
    pub client: Option<Client>,
    /// The vision provider that the client asks for; empty for the configured one.
    pub provider: String,
    /// The client's own name for the job, repeated to the operator's webhook; may be empty.
    pub client_ref: String,
}

/// The reasons why no job was created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Another job with this name exists: its root.
    #[error("there is a job of this name")]
    Exists(Box<Root>),
    /// The store has no capacity for another job now.
    #[error("the store is full")]
    StoreFull,
    /// The store failed.
    #[error("{0}")]
    Store(StoreError),
    /// A bug of the application; the text is for the log.
    #[error("{0}")]
    Internal(String),
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Stop> for CreateError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Store(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// The creation of one job: every write that others can see, each of which a contended name
/// guards.
///
/// **Invariant:** under a contended name each write of the root or the lease follows a check that
/// no other creation was accepted. So a creation that has settled its name cannot be overwritten
/// by one that began at the same moment and went on later.
pub(crate) struct Creation<'a, E> {
    engine: Engine<'a, E>,
    pub(super) new: NewJob,
    /// An expired job that had the name; others may be deleting it at this very moment.
    expired: Option<Root>,
    /// The root of another creation under this name that has not been accepted.
    rival: Option<Root>,
    /// The bytes that the store has taken of it since it last had room made.
    pub(super) taken: Cell<u64>,
}

impl<'a, E: Effects> Creation<'a, E> {
    /// Frees the name from an expired job, and makes sure that the store has capacity.
    pub(crate) async fn reserve(engine: Engine<'a, E>, new: &NewJob) -> Result<Self, CreateError> {
        let mut creation = Self {
            engine,
            new: new.clone(),
            expired: None,
            rival: None,
            taken: Cell::new(0),
        };
        creation.rival = creation.check_name(None).await?;
        if new.name.is_contended() {
            creation.expired = engine.release_name(new.name.id()).await?;
        }
        if engine.settings.max_keys.is_none()
            || engine.store_has_capacity_for(creation.client()).await?
        {
            Ok(creation)
        } else {
            Err(CreateError::StoreFull)
        }
    }

    /// Fails when the name is contended and a job other than `own` has been accepted under it. One
    /// that is only being received is the answer.
    pub(super) async fn check_name(
        &self,
        own: Option<&Epoch>,
    ) -> Result<Option<Root>, CreateError> {
        let Name::Contended(id) = &self.new.name else {
            return Ok(None);
        };
        let standing = self
            .engine
            .read_fresh(async || existing(self.engine.effects, id).await);
        match standing.await? {
            Some(root) if root.stage != Stage::Receiving && Some(&root.epoch) != own => {
                Err(CreateError::Exists(Box::new(root)))
            }
            standing => Ok(standing),
        }
    }

    /// The pseudonym of the client; empty when it is not counted.
    fn client(&self) -> &str {
        self.new.client.as_ref().map_or("", |client| &client.0)
    }

    /// Deletes what has expired when this is a failure of the store, and makes room when it is
    /// full; whether the write may be tried again soon.
    pub(super) async fn make_room_after(&self, error: &StoreError) -> bool {
        if !error.is_full() {
            self.engine.sweep_after_failure().await;
            return false;
        }
        let has_used = self.taken.replace(0) >= FREED_AT_ONCE / 2;
        self.engine.make_room(Some(self.client()), has_used).await
    }

    /// Writes the root, unless another job has the name; again for a while where room is made for
    /// it. The time of an accepted job begins then.
    pub(super) async fn write_root(&self, root: &mut Root) -> Result<(), CreateError> {
        let Engine {
            effects, settings, ..
        } = self.engine;
        let until = effects.monotonic() + settings.write_delay * 4;
        loop {
            // The name is checked before the clock is read: the check takes time.
            self.check_name(Some(&root.epoch)).await?;
            if root.stage == Stage::Queued {
                let now = effects.now();
                root.touch(now, settings);
                root.fresh_until = now.plus(settings.lease);
            }
            let bytes = encode_root(root)?;
            let Err(error) = effects.set(&keys::root(&root.id), &bytes).await else {
                return Ok(());
            };
            if !self.make_room_after(&error).await || effects.monotonic() >= until {
                return Err(error.into());
            }
            effects.sleep(settings.retry).await;
        }
    }

    /// Writes a lease, unless another job has the name.
    async fn write_lease(&self, root: &Root) -> Result<Lease, CreateError> {
        self.check_name(Some(&root.epoch)).await?;
        Ok(Lease::create(self.engine, &root.id, root.epoch.clone()).await?)
    }

    /// Writes the first root of the job, then its lease.
    pub(crate) async fn begin(&self) -> Result<(Root, Lease), CreateError> {
        let mut root = first_root(self.engine.effects, &self.new);
        let earlier = self.rival.as_ref().or(self.expired.as_ref());
        root.first_token = self.engine.first_token(root.created, earlier);
        self.write_root(&mut root).await?;
        match self.claim(&root).await {
            Ok(lease) => Ok((root, lease)),
            Err(error) => {
                self.fail(&root, &error).await;
                Err(error)
            }
        }
    }

    async fn claim(&self, root: &Root) -> Result<Lease, CreateError> {
        let Engine {
            effects, settings, ..
        } = self.engine;
        if self.expired.is_some() {
            // Sweepers that have read the expired root may still delete ours. Wait until all such
            // deletions have taken effect, and write the root again if one of them hit it.
            effects.sleep(settings.write_delay * 2).await;
            if read_root(effects, &root.id).await?.is_none() {
                effects
                    .set(&keys::root(&root.id), &encode_root(root)?)
                    .await?;
            }
        }
        self.write_lease(root).await
    }

    /// Accepts the job: from now on clients may be told of it.
    pub(crate) async fn accept(
        &self,
        mut root: Root,
        lease: Lease,
    ) -> Result<Created, CreateError> {
        root.stage = Stage::Queued;
        root.seq = 1;
        match self.write_root(&mut root).await {
            Ok(()) => {
                self.engine.effects.log(
                    "job-created",
                    serde_json::json!({"jobId": root.id, "pipeline": root.pipeline}),
                );
                Ok(Created {
                    root,
                    lease,
                    contended: self.new.name.is_contended(),
                })
            }
            Err(error) => {
                self.fail(&root, &error).await;
                Err(error)
            }
        }
    }

    /// Whether the root is still as this creation has written it: a job that is silent for too long
    /// while it is received may be ended by whoever sees it.
    pub(super) async fn is_unchanged(&self, root: &Root) -> Result<bool, CreateError> {
        let standing = read_root(self.engine.effects, &root.id).await?;
        let is_own =
            |standing: &Root| standing.epoch == root.epoch && standing.stage == Stage::Receiving;
        Ok(standing.as_ref().is_some_and(is_own))
    }

    /// Deletes what has been written of a job that is not accepted for this reason, and makes room
    /// if it was the store.
    pub(crate) async fn fail(&self, root: &Root, error: &CreateError) {
        self.discard(root).await;
        if let CreateError::Store(error) = error {
            self.make_room_after(error).await;
        }
    }

    /// Deletes what has been written of a job that is not accepted. What cannot be deleted now is
    /// swept when the root expires.
    pub(crate) async fn discard(&self, root: &Root) {
        let Engine {
            effects, settings, ..
        } = self.engine;
        // A store that refuses a part of an upload refuses to delete it for a while, too.
        let until = effects.monotonic() + settings.write_delay * 4;
        if self.new.name.is_contended() {
            // The root may be another creation's by now, or accepted after all, so it stays.
            effects.sleep(settings.write_delay).await;
            let standing = async || read_root(effects, &root.id).await;
            if let Ok(standing) = self.retry_until(until, standing).await {
                let delete =
                    async || delete_parts_missing_from(effects, root, standing.as_ref()).await;
                let _ = self.retry_until(until, delete).await;
            }
            return;
        }
        // The root names the rest, so it goes first: if it cannot be deleted, the job may have
        // been accepted after all.
        let delete_root = async || effects.delete(&keys::root(&root.id)).await;
        if self.retry_until(until, delete_root).await.is_ok() {
            let delete = async || {
                delete_parts_missing_from(effects, root, None).await?;
                effects.delete(&keys::lease(&root.id)).await
            };
            let _ = self.retry_until(until, delete).await;
        }
    }

    /// Repeats what can be done twice until it succeeds, or (monotonic) `until`.
    pub(super) async fn retry_until<T>(
        &self,
        until: Duration,
        ask: impl AsyncFn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Engine {
            effects, settings, ..
        } = self.engine;
        loop {
            let answer = ask().await;
            if answer.is_ok() || effects.monotonic() >= until {
                return answer;
            }
            effects.sleep(settings.retry).await;
        }
    }
}

fn first_root<E: Effects>(effects: &E, new: &NewJob) -> Root {
    let now = effects.now();
    Root {
        v: VERSION,
        id: new.name.id().clone(),
        pipeline: new.pipeline,
        made_by: new.made_by,
        token: new.token,
        first_token: 0,
        client: new
            .client
            .as_ref()
            .map_or_else(String::new, |client| client.0.clone()),
        content: String::new(),
        created: now,
        updated: now,
        // Short until the job is accepted: what a broken upload leaves is swept soon.
        expires: now.plus(UNACCEPTED_RETENTION),
        stage: Stage::Receiving,
        seq: 0,
        epoch: Epoch::after(0, effects.random()),
        total: 0,
        succeeded: 0,
        failed: 0,
        title: String::new(),
        last_id: String::new(),
        uploads: Vec::new(),
        uploaded: Uploaded::default(),
        plan: Vec::new(),
        wave: 0,
        attempts: 0,
        tried_since: 0,
        queue_place: 0,
        segments: Vec::new(),
        report: None,
        rows: None,
        photos: Vec::new(),
        scan: None,
        client_ref: new.client_ref.clone(),
        retry: None,
        requests: BTreeMap::new(),
        unanswered: 0,
        to_review: None,
        remembered: 0,
        outages: BTreeMap::new(),
        long_wait: None,
        late_ms: 0,
        course: Course::default(),
        due: None,
        due_every: 0,
        fresh_until: now.plus(UPLOAD_FRESHNESS),
        pending_failure: None,
        failure: None,
        leftovers: Vec::new(),
        counts_unreached: false,
    }
}
