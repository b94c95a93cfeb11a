//! Makes room in a full store: ended jobs go before they expire.

use super::holdings::{Held, Holdings, Wanted};
use super::{FREED_AT_ONCE, JOBS_PER_SWEEP, JobKeys, KeysByJob, SweepState};
use crate::delete::{KeyOwner, key_owner};
use crate::document::{MAX_VALUE_BYTES, Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::keys;
use crate::storage::{encode_root, read_end};
use crate::time::Time;

/// About the most jobs that are read to find out who holds most: any part of them shows it.
const MAX_READ: usize = 4_000;

/// Number of pages of remembered books that go where not even an ended job's expiry can be written.
/// Together they are larger than a value that just did not fit.
const PAGES_GIVEN_UP: usize = 4;

impl<E: Effects> Engine<'_, E> {
    /// Deletes ended jobs of whoever holds most until there is room for what is wanted.
    pub(super) async fn evict(
        &self,
        jobs: &KeysByJob,
        state: &mut SweepState,
        wanted: Wanted<'_>,
    ) -> Result<(), StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let (client, most) = match wanted {
            Wanted::Nothing => return Ok(()),
            Wanted::Keys(client) => (client, JOBS_PER_SWEEP),
            Wanted::Bytes(client, most) => (client, most),
        };
        let now = effects.now();
        let mut holdings = self.holdings(jobs, wanted, now).await?;
        let mut pages = jobs.pages.iter().take(PAGES_GIVEN_UP);
        let (mut evicted, mut freed) = (0, 0);
        while evicted < most
            && match wanted {
                Wanted::Bytes(..) => freed < FREED_AT_ONCE,
                _ => !state.has_capacity(settings),
            }
        {
            let Some(job) = holdings.take(client, now) else {
                match holdings.is_largest(client) {
                    true => state.refuse(client),
                    false => state.refuses_all = evicted == 0,
                }
                break;
            };
            let held = jobs.by_id.get(&job.id);
            let (Some(held), Some(end)) = (held, read_end(effects, &job.id).await?) else {
                continue;
            };
            self.expire(end, now, &mut pages).await?;
            self.delete_swept_job(&job.id, held, state).await?;
            freed += job.size;
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

    /// What clients hold of what is wanted.
    async fn holdings(
        &self,
        jobs: &KeysByJob,
        wanted: Wanted<'_>,
        now: Time,
    ) -> Result<Holdings, StoreError> {
        let mut holdings = Holdings::default();
        let every = jobs.by_id.len().div_ceil(MAX_READ).max(1);
        let first = now.0 as usize % every;
        for (number, (id, held)) in jobs.by_id.iter().enumerate() {
            if number % every != first {
                continue;
            }
            let KeyOwner::Job(root) = key_owner(self.effects, id, held.ended).await? else {
                continue;
            };
            if root.expired(now) {
                continue;
            }
            let size = match wanted {
                Wanted::Bytes(..) => stored_bytes(&root, held),
                _ => held.reserved() as u64,
            };
            let ended = held.ended.then(|| Held {
                id: id.clone(),
                ended: root.updated,
                size,
                is_untold: held.has_pending_webhook,
            });
            holdings.add(root.client, size, ended);
        }
        Ok(holdings)
    }

    /// Writes that a job has expired: from now on there is none. On a store that does not even take
    /// that, what is remembered of books makes room; a job whose expiry cannot be written stays
    /// whole.
    async fn expire(
        &self,
        mut end: Root,
        now: Time,
        pages: &mut impl Iterator<Item = &String>,
    ) -> Result<(), StoreError> {
        end.expires = now;
        let bytes = encode_root(&end)?;
        for key in [keys::root(&end.id), keys::end(&end.id)] {
            while let Err(error) = self.effects.set(&key, &bytes).await {
                match pages.next() {
                    Some(page) if error.is_full() => self.effects.delete(page).await?,
                    _ => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// The bytes that a job takes, about. The root of one that is being received does not name what has
/// come, which is all but root and lease.
fn stored_bytes(root: &Root, held: &JobKeys) -> u64 {
    match root.stage {
        Stage::Receiving => (held.keys.len().saturating_sub(2) * MAX_VALUE_BYTES) as u64,
        _ => root.stored_bytes(),
    }
}
