//! Deleting expired jobs, a few with each creation, and telling whether the store has capacity for
//! another one.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Root, Uploaded};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::memory;
use crate::settings::Settings;
use crate::storage::{delete_uploads, encode_root, is_damaged, read_end, read_root};
use crate::time::Time;

/// Interval at which the keys are listed.
const INTERVAL: Duration = Duration::from_secs(600);

/// Interval after which a sweep that has not seen all jobs is continued.
const INTERVAL_WHEN_UNFINISHED: Duration = Duration::from_secs(10);

/// Interval at which a full store is listed again.
const INTERVAL_WHEN_FULL: Duration = Duration::from_secs(5);

/// The number of jobs that one sweep inspects while there is capacity, and the most that it
/// deletes.
const MAX_JOBS_PER_SWEEP: usize = 50;

/// Number of keys that a running job may need: so many are reserved for it.
pub const KEYS_PER_JOB: usize = 25;

/// The retention of a job that is not accepted yet: longer than clocks jump.
pub(crate) const UNACCEPTED_RETENTION: Duration = Duration::from_secs(2 * 3600);

/// Time for which an ended job is kept whatever the store needs: its client is about to fetch the
/// results.
const EVICTION_GRACE: Duration = Duration::from_secs(60);

/// The document under [`keys::SWEEP`]: what the last sweep saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SweepState {
    at: Time,
    /// The number of keys, with those reserved for running jobs.
    keys: usize,
    /// The job after which the sweep stopped and the next continues; `None` when it had seen all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<JobId>,
    /// The earliest expiry of the jobs inspected in this round and of those created since.
    #[serde(default)]
    next: Time,
}

/// The keys of one job.
#[derive(Default)]
struct JobKeys {
    keys: Vec<String>,
    rooted: bool,
    ended: bool,
    /// Whether the operator's webhook is still to be told of the job's end.
    has_pending_webhook: bool,
}

impl JobKeys {
    /// The keys to count for this job: a running one may still need more.
    fn reserved(&self) -> usize {
        match self.rooted && !self.ended {
            true => self.keys.len().max(KEYS_PER_JOB),
            false => self.keys.len(),
        }
    }
}

impl<E: Effects> Engine<'_, E> {
    /// Whether the store has capacity for one more job. Sweeps when it is time, or when there seems
    /// to be none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn store_has_capacity(&self) -> Result<bool, StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let now = effects.now();
        let state: SweepState = effects
            .get(keys::SWEEP)
            .await?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let interval = if !state.has_capacity(settings) {
            INTERVAL_WHEN_FULL
        } else if settings.max_keys.is_some() {
            // The count is as old as the last sweep, so where keys are scarce every creation
            // counts.
            Duration::ZERO
        } else if state.after.is_some() {
            INTERVAL_WHEN_UNFINISHED
        } else {
            INTERVAL
        };
        if state.at <= now && now.since(state.at) < interval {
            return Ok(state.has_capacity(settings));
        }
        let all = effects.keys().await?;
        memory::sweep(*self, &all, now).await?;
        let jobs = group_by_job(all);
        self.deliver_webhooks(jobs.with_pending_webhook()).await;
        let mut state = self.sweep(&jobs, state, now).await?;
        if !state.has_capacity(settings) {
            self.evict(&jobs, &mut state, now).await?;
        }
        let bytes = serde_json::to_vec(&state).unwrap_or_default();
        effects.set(keys::SWEEP, &bytes).await?;
        Ok(state.has_capacity(settings))
    }

    /// Deletes some of the jobs that have expired. Jobs are inspected in turn, a few with each
    /// sweep and only when one of them can have expired; all of them when there is no capacity
    /// otherwise.
    async fn sweep(
        &self,
        jobs: &KeysByJob,
        last: SweepState,
        now: Time,
    ) -> Result<SweepState, StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let mut state = SweepState {
            at: now,
            keys: jobs.total,
            ..last
        };
        // A clock that has jumped must not stop all sweeps.
        let latest = now.plus(UNACCEPTED_RETENTION.min(settings.retention));
        if state.after.is_none() {
            if now < state.next && state.next <= latest {
                return Ok(state);
            }
            state.next = latest;
        }
        if jobs.by_id.values().any(|held| !held.rooted) {
            // A root may take effect later than what it owns.
            effects.sleep(settings.write_delay).await;
        }
        let start = state.after.take().map_or(Bound::Unbounded, Bound::Excluded);
        let (mut looked, mut deleted) = (0, 0);
        for (id, held) in jobs.by_id.range((start, Bound::Unbounded)) {
            let enough = looked >= MAX_JOBS_PER_SWEEP && state.has_capacity(settings);
            if enough || deleted == MAX_JOBS_PER_SWEEP {
                break;
            }
            looked += 1;
            match key_owner(effects, id, held.ended).await? {
                KeyOwner::Job(expires) if now < expires => state.next = state.next.min(expires),
                KeyOwner::NewerVersion => {}
                KeyOwner::Job(_) | KeyOwner::Damaged | KeyOwner::Nothing => {
                    self.delete_job(id, held).await?;
                    state.keys = state.keys.saturating_sub(held.reserved());
                    deleted += 1;
                }
            }
            state.after = Some(id.clone());
        }
        if state.after.as_ref() == jobs.by_id.keys().next_back() || looked == 0 {
            state.after = None;
        }
        if deleted > 0 {
            effects.log(
                "swept",
                serde_json::json!({"jobs": deleted, "keys": state.keys}),
            );
        }
        Ok(state)
    }

    /// Deletes all keys of an expired job.
    async fn delete_job(&self, id: &JobId, held: &JobKeys) -> Result<(), StoreError> {
        let shared = shared_names(id);
        for key in held.keys.iter().filter(|key| !shared.contains(key)) {
            self.effects.delete(key).await?;
        }
        let there = shared.iter().filter(|key| held.keys.contains(key));
        self.delete_expired(id, there).await
    }

    /// Makes room in a full store: of the client whose ended jobs hold most keys, the oldest goes
    /// first. So no client takes the capacity of others by what it leaves behind.
    async fn evict(
        &self,
        jobs: &KeysByJob,
        state: &mut SweepState,
        now: Time,
    ) -> Result<(), StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let mut holders: BTreeMap<String, Holder> = BTreeMap::new();
        for (id, held) in jobs.by_id.iter().filter(|(_, held)| held.ended) {
            let Some(end) = read_end(effects, id).await? else {
                continue;
            };
            if end.expired(now) {
                continue;
            }
            let holder = holders.entry(end.client.clone()).or_default();
            holder.keys += held.keys.len();
            if now.since(end.updated) >= EVICTION_GRACE {
                holder.jobs.push(end);
            }
        }
        for holder in holders.values_mut() {
            holder
                .jobs
                .sort_by_key(|end| std::cmp::Reverse(end.updated));
        }
        let mut evicted = 0;
        while !state.has_capacity(settings) && evicted < MAX_JOBS_PER_SWEEP {
            let with_jobs = holders
                .values_mut()
                .filter(|holder| !holder.jobs.is_empty());
            let Some(holder) = with_jobs.max_by_key(|holder| holder.keys) else {
                break;
            };
            let Some(mut end) = holder.jobs.pop() else {
                break;
            };
            let Some(held) = jobs.by_id.get(&end.id) else {
                continue;
            };
            // It expires now: both documents say that there is no job any more.
            end.expires = now;
            let bytes = encode_root(&end)?;
            effects.set(&keys::root(&end.id), &bytes).await?;
            effects.set(&keys::end(&end.id), &bytes).await?;
            self.delete_job(&end.id, held).await?;
            holder.keys = holder.keys.saturating_sub(held.keys.len());
            state.keys = state.keys.saturating_sub(held.reserved());
            evicted += 1;
        }
        if evicted > 0 {
            effects.log(
                "evicted",
                serde_json::json!({"level": "warn", "jobs": evicted, "keys": state.keys}),
            );
        }
        Ok(())
    }

    /// Deletes a job that has ended, with its results: from now on there is no such job. What a
    /// crash in between leaves is deleted by the next sweep.
    ///
    /// # Errors
    /// When the store fails: the job may be gone already.
    pub async fn delete_ended(&self, end: &Root) -> Result<(), StoreError> {
        let effects = self.effects;
        let expired = Root {
            expires: effects.now(),
            ..end.clone()
        };
        let bytes = encode_root(&expired)?;
        for key in [keys::end(&end.id), keys::root(&end.id)] {
            effects.set(&key, &bytes).await?;
        }
        self.delete_parts(end).await?;
        if self.is_recent(end) {
            // What is left says that there was a job of this name, until that is swept, or the next
            // one takes its place: that one has another token.
            let left = encode_root(&nameless(expired))?;
            effects.set(&keys::root(&end.id), &left).await?;
            let [names @ .., _] = shared_names(&end.id);
            return self.delete_expired(&end.id, names.iter()).await;
        }
        let names = shared_names(&end.id);
        self.delete_expired(&end.id, names.iter()).await
    }

    /// Deletes everything that no other job's names are for.
    async fn delete_parts(&self, root: &Root) -> Result<(), StoreError> {
        delete_uploads(self.effects, root).await?;
        let photos = root.photos.iter().filter_map(|photo| photo.part.as_ref());
        let parts = root.segments.iter().chain(&root.plan).chain(&root.report);
        let library = root.retry.iter().flat_map(|retry| &retry.library);
        for part in parts.chain(photos).chain(library) {
            self.effects.delete(&part.key).await?;
        }
        Ok(())
    }

    /// Deletes the keys of an expired job that a new job of its name uses, too: each right after a
    /// read that still shows the expired one.
    async fn delete_expired(
        &self,
        id: &JobId,
        keys: impl Iterator<Item = &String>,
    ) -> Result<(), StoreError> {
        let effects = self.effects;
        for key in keys {
            let gone = match self
                .read_fresh(async || key_owner(effects, id, true).await)
                .await?
            {
                KeyOwner::Job(expires) => effects.now() >= expires,
                KeyOwner::Damaged => true,
                // A creation may be about to write its root.
                KeyOwner::Nothing => *key != keys::root(id),
                KeyOwner::NewerVersion => false,
            };
            if gone {
                effects.delete(key).await?;
            }
        }
        Ok(())
    }

    /// Frees a name that an expired job has, whose end would be believed over everything that a new
    /// job does. Its root stays and is overwritten by the new one. Returns the job, if there was
    /// one: other processes may be deleting it at this very moment.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn release_name(&self, id: &JobId) -> Result<Option<Root>, StoreError> {
        let effects = self.effects;
        let old = match read_end(effects, id).await? {
            Some(end) => Some(end),
            None => read_root(effects, id).await?,
        };
        let Some(old) = old.filter(|old| old.expired(effects.now())) else {
            return Ok(None);
        };
        self.delete_parts(&old).await?;
        let [names @ .., _] = shared_names(id);
        self.delete_expired(id, names.iter()).await?;
        Ok(Some(old))
    }
}

/// Root that stays of a deleted job: it has nothing that the client has said.
fn nameless(root: Root) -> Root {
    Root {
        client: String::new(),
        content: String::new(),
        client_ref: String::new(),
        title: String::new(),
        last_id: String::new(),
        uploaded: Uploaded::default(),
        uploads: Vec::new(),
        plan: Vec::new(),
        segments: Vec::new(),
        report: None,
        photos: Vec::new(),
        scan: None,
        rows: None,
        retry: None,
        requests: BTreeMap::new(),
        failure: None,
        leftovers: Vec::new(),
        ..root
    }
}

impl SweepState {
    fn has_capacity(&self, settings: &Settings) -> bool {
        let room = |max| self.keys + KEYS_PER_JOB <= max;
        settings.max_keys.is_none_or(room)
    }
}

/// The keys that the ended jobs of one client hold.
#[derive(Default)]
struct Holder {
    keys: usize,
    /// Ended jobs of the client that may be evicted, the oldest last.
    jobs: Vec<Root>,
}

/// The keys of the store, by job.
struct KeysByJob {
    by_id: BTreeMap<JobId, JobKeys>,
    /// Number of keys, those kept free for running jobs included.
    total: usize,
}

impl KeysByJob {
    /// The ended jobs of which the operator's webhook is still to be told.
    fn with_pending_webhook(&self) -> impl Iterator<Item = &JobId> {
        let jobs = self.by_id.iter();
        jobs.filter(|(_, held)| held.ended && held.has_pending_webhook)
            .map(|(id, _)| id)
    }
}

fn group_by_job(keys: Vec<String>) -> KeysByJob {
    let mut by_id: BTreeMap<JobId, JobKeys> = BTreeMap::new();
    let mut total = 0;
    for key in keys {
        match keys::owner(&key) {
            Some(id) => {
                let held = by_id.entry(id.clone()).or_default();
                held.rooted |= key == keys::root(&id);
                held.ended |= key == keys::end(&id);
                held.has_pending_webhook |= key == keys::webhook(&id);
                held.keys.push(key);
            }
            None => total += 1,
        }
    }
    total += by_id.values().map(JobKeys::reserved).sum::<usize>();
    KeysByJob { by_id, total }
}

/// The owner of a job's keys.
enum KeyOwner {
    /// A job that expires at this time.
    Job(Time),
    /// A root that cannot be read.
    Damaged,
    /// No job: no root exists.
    Nothing,
    /// A job of a newer version, which this one leaves alone.
    NewerVersion,
}

async fn key_owner<E: Effects>(
    effects: &E,
    id: &JobId,
    ended: bool,
) -> Result<KeyOwner, StoreError> {
    let document: Option<Root> = match ended {
        true => read_end(effects, id).await?,
        false => None,
    };
    let document = match document {
        Some(end) => Some(end),
        None => read_root(effects, id).await?,
    };
    Ok(match document {
        Some(document) => KeyOwner::Job(document.expires),
        None => match effects.get(&keys::root(id)).await? {
            Some(bytes) if is_damaged(&bytes) => KeyOwner::Damaged,
            Some(_) => KeyOwner::NewerVersion,
            None => KeyOwner::Nothing,
        },
    })
}

/// The names of a job that the next job of its name uses, too. The root is the last: until it is
/// deleted the rest has an owner.
fn shared_names(id: &JobId) -> [String; 7] {
    [
        keys::auth(id),
        keys::cancel(id),
        keys::choices(id),
        keys::lease(id),
        keys::webhook(id),
        keys::end(id),
        keys::root(id),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_job_is_kept_room_for_and_an_ended_one_has_what_it_has() {
        let keys = [
            "secret",
            "job/a",
            "job/a/lease",
            "job/b",
            "job/b/end",
            "job/c/seg/1-x.0",
        ];
        let jobs = group_by_job(keys.map(str::to_owned).to_vec());
        assert_eq!(jobs.total, 1 + KEYS_PER_JOB + 2 + 1);
    }
}
