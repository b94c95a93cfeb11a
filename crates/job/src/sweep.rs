//! Deleting expired jobs, some after each run, and telling whether the store has capacity for
//! another one.

mod holdings;
mod room;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::holdings::Wanted;
use crate::delete::{KeyOwner, key_owner};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::memory;
use crate::settings::Settings;
use crate::storage::{is_past_cleanup, repair};
use crate::time::Time;

/// Interval at which the keys are listed.
const INTERVAL: Duration = Duration::from_secs(600);

/// Interval after which a sweep that has not seen all jobs is continued, or the operator's webhook
/// is told of what it has not heard yet.
const INTERVAL_WHEN_UNFINISHED: Duration = Duration::from_secs(10);

/// Interval at which a full store is listed again: for a client that holds most itself, or for all
/// when nothing can go.
const INTERVAL_WHEN_FULL: Duration = Duration::from_secs(5);

/// The number of jobs that one sweep inspects while there is capacity, and the most that it
/// deletes, where keys are scarce: somebody waits for it.
const JOBS_PER_SWEEP: usize = 50;

/// [`JOBS_PER_SWEEP`] of a sweep that nobody waits for, as long as it takes less than
/// [`LONGEST_SWEEP`]: with [`INTERVAL_WHEN_UNFINISHED`] 50 a second. More of them when there are
/// more than [`SWEEPS_PER_ROUND`] times as many jobs.
const JOBS_PER_LONG_SWEEP: usize = 500;

/// The largest number of sweeps that inspect all jobs, unless the store is slow.
const SWEEPS_PER_ROUND: usize = 20;

/// Time after which a sweep that has inspected [`JOBS_PER_SWEEP`] jobs leaves the rest to the next.
const LONGEST_SWEEP: Duration = Duration::from_secs(1);

/// The bytes that are freed when the store is full: as many as a large library has.
pub(crate) const FREED_AT_ONCE: u64 = 8 << 20;

/// Length from which on the list of clients that were refused begins anew.
const MAX_REFUSED: usize = 4 << 10;

/// Time for which others leave the work to a sweep that has begun. One that fails, or whose process
/// dies, leaves it to the next.
const LONGEST_CLAIM: Duration = Duration::from_secs(10);

/// Number of keys that a running job may need: so many are reserved for it.
pub const KEYS_PER_JOB: usize = 25;

/// The retention of a job that is not accepted yet: longer than clocks jump.
pub(crate) const UNACCEPTED_RETENTION: Duration = Duration::from_secs(2 * 3600);

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
    /// Number of ended jobs of which the operator's webhook is still to be told.
    #[serde(default, skip_serializing_if = "is_zero")]
    untold: usize,
    /// The time at which a sweep has begun that nobody has seen the end of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed: Option<Time>,
    /// The clients that no room was made for because each held most itself, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The time at which the first of them was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_since: Option<Time>,
    /// Whether no room could be made for anybody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    refuses_all: bool,
    /// The time at which a sweep has last deleted anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    freed: Option<Time>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Use of the store, as the last sweep has counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreUse {
    /// Number of keys, with those reserved for running jobs.
    pub keys: usize,
    /// Time of the count; `None` when there was no sweep yet.
    pub counted: Option<Time>,
    /// Number of ended jobs of which the operator's webhook was still to be told then.
    pub untold: usize,
    /// The most keys that the store may have, where they are limited.
    pub max_keys: Option<usize>,
}

/// Reads what the last sweep has counted.
///
/// # Errors
/// When the store fails.
pub(crate) async fn store_use<E: Effects>(
    effects: &E,
    settings: &Settings,
) -> Result<StoreUse, StoreError> {
    let stored = effects.get(keys::SWEEP).await?;
    let state = stored.and_then(|bytes| serde_json::from_slice::<SweepState>(&bytes).ok());
    Ok(StoreUse {
        keys: state.as_ref().map_or(0, |state| state.keys),
        untold: state.as_ref().map_or(0, |state| state.untold),
        counted: state.map(|state| state.at),
        max_keys: settings.max_keys,
    })
}

/// The keys of one job.
#[derive(Default)]
struct JobKeys {
    keys: Vec<String>,
    rooted: bool,
    ended: bool,
    /// Whether the operator's webhook is still to be told of the job.
    has_pending_webhook: bool,
    /// Whether this sweep has deleted them: a run that tells of the job would write its root again.
    is_deleted: Cell<bool>,
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
    /// Whether the store has capacity for one more job of a client that is not known. Sweeps when
    /// it is time, or when there seems to be none. Where keys are not scarce there is always
    /// capacity, and [`Self::sweep_when_due`] is enough.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn store_has_capacity(&self) -> Result<bool, StoreError> {
        self.store_has_capacity_for("").await
    }

    /// Whether the store has capacity for one more job of this client, as
    /// [`Self::store_has_capacity`] says. When it is full, ended jobs of whoever holds most go.
    pub(crate) async fn store_has_capacity_for(&self, client: &str) -> Result<bool, StoreError> {
        let (state, is_due) = self.sweep_state(client).await?;
        match is_due {
            true => {
                let swept = self.sweep_now(state, Wanted::Keys(client)).await?;
                Ok(swept.has_capacity(self.settings))
            }
            false => Ok(state.has_capacity(self.settings)),
        }
    }

    /// Sweeps when it is time, unless keys are scarce: then creations do. For the end of a run:
    /// nobody waits for it any more.
    pub(crate) async fn sweep_when_due(&self) {
        if self.settings.max_keys.is_some() {
            return;
        }
        let Ok((state, true)) = self.sweep_state("").await else {
            return;
        };
        // Whoever listens to the run beside is told of its end first.
        self.effects.sleep(self.settings.retry).await;
        // Others that end now leave it to this one.
        let claimed = state.claimed(self.effects.now());
        if claimed.save(self.effects).await.is_ok() {
            // What fails now is swept the next time: the claim lasts no longer than a sweep.
            let _ = self.sweep_now(state, Wanted::Nothing).await;
        }
    }

    /// Sweeps after the store has failed a write, unless one was a moment ago: where the disk is
    /// full of what has expired, no job is created, so none ends whose run would sweep. Where keys
    /// are scarce, creations do.
    pub(crate) async fn sweep_after_failure(&self) {
        if self.settings.max_keys.is_none() {
            self.make_room(None, false).await;
        }
    }

    /// Sweeps for a write that the store has failed: when it is time, or when the store is full for
    /// this `client`. If nothing has expired then, ended jobs of whoever holds most go. Whether the
    /// write may be tried again soon: something has gone, is going, or went a moment ago and may
    /// still have to leave the disk. More goes only after that moment, unless the client `has_used`
    /// what it was given.
    pub(crate) async fn make_room(&self, client: Option<&str>, has_used: bool) -> bool {
        let Engine {
            effects, settings, ..
        } = *self;
        let asker = client.unwrap_or_default();
        let Ok((state, _)) = self.sweep_state(asker).await else {
            return false;
        };
        let now = effects.now();
        let is_open = state.may_make_room_for(asker, now);
        let is_coming = !has_used && is_recent(state.freed, now, settings.write_delay * 3);
        let may_help = client.is_some() && state.claimed.is_none() && is_open && !is_coming;
        let last = state.claimed.unwrap_or_default().max(state.at);
        if is_recent(Some(last), now, INTERVAL_WHEN_FULL) && !may_help {
            return is_open || is_coming;
        }
        // Others that fail now leave it to this one. Where not even that can be noted, they do the
        // same at the same time, so each takes little.
        let is_noted = state.claimed(now).save(effects).await.is_ok();
        let wanted = match client {
            Some(client) if is_noted => Wanted::Bytes(client, JOBS_PER_LONG_SWEEP),
            Some(client) => Wanted::Bytes(client, 1),
            None => Wanted::Nothing,
        };
        let swept = self.sweep_now(state, wanted).await;
        swept.is_ok_and(|state| {
            state.freed == Some(state.at) || state.may_make_room_for(asker, state.at)
        })
    }

    /// What the last sweep saw, and whether the next one is due when this client asks.
    async fn sweep_state(&self, client: &str) -> Result<(SweepState, bool), StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let now = effects.now();
        let state: SweepState = effects
            .get(keys::SWEEP)
            .await?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let interval = if !state.has_capacity(settings) && !state.may_make_room_for(client, now) {
            INTERVAL_WHEN_FULL
        } else if settings.max_keys.is_some() {
            // The count is as old as the last sweep, so where keys are scarce every creation
            // counts.
            Duration::ZERO
        } else if state.after.is_some() || state.untold > 0 {
            INTERVAL_WHEN_UNFINISHED
        } else {
            INTERVAL
        };
        let is_due = state.at > now || now.since(state.at) >= interval;
        let is_under_way = is_recent(state.claimed, now, LONGEST_CLAIM);
        Ok((state, is_due && !is_under_way))
    }

    /// Sweeps, and makes room for what is wanted; returns what is to be seen then.
    async fn sweep_now(
        &self,
        state: SweepState,
        wanted: Wanted<'_>,
    ) -> Result<SweepState, StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let now = effects.now();
        let all = effects.keys().await?;
        memory::sweep(*self, &all, now).await?;
        let jobs = group_by_job(all);
        let swept = async {
            let mut state = self.sweep(&jobs, state, now).await?;
            // What has expired may have been enough: the next refusal tells.
            let is_full = match wanted {
                Wanted::Bytes(..) => state.keys == jobs.total,
                Wanted::Keys(_) | Wanted::Nothing => !state.has_capacity(settings),
            };
            if is_full {
                self.evict(&jobs, &mut state, wanted).await?;
            }
            Ok(state)
        };
        let swept = swept.await;
        // Where there is none any more, nothing is to be told. The others are told of what is left,
        // also by a sweep that fails.
        let untold: Vec<&JobId> = match settings.webhook {
            Some(_) => jobs.with_pending_webhook().collect(),
            None => Vec::new(),
        };
        self.have_webhooks_delivered(&untold).await;
        let mut state = swept?;
        state.untold = untold.len();
        state.save(effects).await?;
        Ok(state)
    }

    /// Deletes some of the jobs that have expired. Jobs are inspected in turn, a few with each
    /// sweep and only when one of them can have expired; all of them are inspected when the
    /// store would else have no capacity.
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
            claimed: None,
            refuses_all: false,
            ..last
        };
        if !is_recent(state.refused_since, now, INTERVAL_WHEN_FULL) {
            (state.refused, state.refused_since) = (None, None);
        }
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
        let most = match settings.max_keys {
            Some(_) => JOBS_PER_SWEEP,
            None => JOBS_PER_LONG_SWEEP.max(jobs.by_id.len() / SWEEPS_PER_ROUND),
        };
        let began = effects.monotonic();
        let is_long = || effects.monotonic().saturating_sub(began) >= LONGEST_SWEEP;
        let (mut looked, mut deleted) = (0, 0);
        for (id, held) in jobs.by_id.range((start, Bound::Unbounded)) {
            let is_done = looked >= most || looked >= JOBS_PER_SWEEP && is_long();
            let enough = is_done && state.has_capacity(settings);
            if enough || deleted == most {
                break;
            }
            looked += 1;
            match key_owner(effects, id, held.ended).await? {
                KeyOwner::Job(root) if now < root.expires => {
                    state.next = state.next.min(root.expires);
                    let has_leftovers = held.keys.iter().any(|key| root.leftovers.contains(key));
                    // Nobody has inspected it since its end.
                    if held.ended && has_leftovers && is_past_cleanup(&root, now) {
                        let _ = repair(effects, *root).await;
                    }
                }
                KeyOwner::NewerVersion => {}
                KeyOwner::Job(_)
                    if held.has_pending_webhook
                        && state.has_capacity(settings)
                        && self.is_still_to_be_told(id).await? => {}
                KeyOwner::Job(_) | KeyOwner::Damaged | KeyOwner::Nothing => {
                    self.delete_swept_job(id, held, &mut state).await?;
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

    /// Deletes a job that has expired, and logs it if the operator's webhook has not been told of
    /// its end.
    async fn delete_swept_job(
        &self,
        id: &JobId,
        held: &JobKeys,
        state: &mut SweepState,
    ) -> Result<(), StoreError> {
        if held.has_pending_webhook && self.is_still_to_be_told(id).await? {
            let line = serde_json::json!({"level": "warn", "jobId": id, "message": "no room"});
            self.effects.log("webhook-given-up", line);
        }
        held.is_deleted.set(true);
        self.delete_expired_job(id, &held.keys).await?;
        state.keys = state.keys.saturating_sub(held.reserved());
        state.freed = Some(state.at);
        Ok(())
    }
}

impl SweepState {
    /// The state that is stored before a sweep that begins now, so that other runs begin none.
    fn claimed(&self, now: Time) -> Self {
        Self {
            claimed: Some(now),
            ..self.clone()
        }
    }

    async fn save<E: Effects>(&self, effects: &E) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        effects.set(keys::SWEEP, &bytes).await
    }

    fn has_capacity(&self, settings: &Settings) -> bool {
        let room = |max| self.keys + KEYS_PER_JOB <= max;
        settings.max_keys.is_none_or(room)
    }

    /// Whether a sweep may make room for this client in a store that was full at the last one.
    fn may_make_room_for(&self, client: &str, now: Time) -> bool {
        let mut refused = self.refused.iter().flat_map(|refused| refused.lines());
        let is_refused = is_recent(self.refused_since, now, INTERVAL_WHEN_FULL)
            && refused.any(|refused| refused == client);
        !self.refuses_all && !is_refused
    }

    /// Notes that no room is made for this client for a while, because it holds most itself.
    fn refuse(&mut self, client: &str) {
        let refused = self.refused.get_or_insert_default();
        if refused.len() > MAX_REFUSED {
            refused.clear();
        }
        refused.push_str(client);
        refused.push('\n');
        self.refused_since.get_or_insert(self.at);
    }
}

/// Whether this was less than `interval` ago; what a clock that has jumped says was not.
fn is_recent(at: Option<Time>, now: Time, interval: Duration) -> bool {
    at.is_some_and(|at| at <= now && now.since(at) < interval)
}

/// The keys of the store, by job.
struct KeysByJob {
    by_id: BTreeMap<JobId, JobKeys>,
    /// Number of keys, those kept free for running jobs included.
    total: usize,
    /// Keys of the pages of remembered books.
    pages: Vec<String>,
}

impl KeysByJob {
    /// The ended jobs that are left of which the operator's webhook is still to be told.
    fn with_pending_webhook(&self) -> impl Iterator<Item = &JobId> {
        let is_untold =
            |held: &JobKeys| held.ended && held.has_pending_webhook && !held.is_deleted.get();
        let jobs = self.by_id.iter();
        jobs.filter(move |(_, held)| is_untold(held))
            .map(|(id, _)| id)
    }
}

fn group_by_job(keys: Vec<String>) -> KeysByJob {
    let mut by_id: BTreeMap<JobId, JobKeys> = BTreeMap::new();
    let (mut total, mut pages) = (0, Vec::new());
    for key in keys {
        match keys::owner(&key) {
            Some(id) => {
                let held = by_id.entry(id.clone()).or_default();
                held.rooted |= key == keys::root(&id);
                held.ended |= key == keys::end(&id);
                held.has_pending_webhook |=
                    key == keys::webhook(&id) || key == keys::webhook_wait(&id);
                held.keys.push(key);
            }
            None => {
                total += 1;
                if keys::is_books_page(&key) {
                    pages.push(key);
                }
            }
        }
    }
    total += by_id.values().map(JobKeys::reserved).sum::<usize>();
    KeysByJob {
        by_id,
        total,
        pages,
    }
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
