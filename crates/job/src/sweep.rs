//! Clearing away what has expired, a little at each creation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effects::{Effects, StoreError, Time};
use crate::id::JobId;
use crate::keys;
use crate::run::{read_end, read_root};
use crate::settings::Settings;

/// How often the keys are listed.
const INTERVAL: Duration = Duration::from_secs(600);
/// How many jobs one sweep deletes at most.
const MAX_JOBS: usize = 50;
/// How many keys a job needs while it runs.
const KEYS_PER_JOB: usize = 25;

/// What lies under [`keys::SWEEP`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Swept {
    at: Time,
    keys: usize,
}

/// Whether there is room for one more job; sweeps when it is time, or when there seems to be none.
///
/// # Errors
/// The store's.
pub async fn has_room<E: Effects>(e: &E, settings: &Settings) -> Result<bool, StoreError> {
    let now = e.now();
    let swept: Option<Swept> = e
        .get(keys::SWEEP)
        .await?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let room = |keys: usize| {
        settings
            .max_keys
            .is_none_or(|max| keys + KEYS_PER_JOB <= max)
    };
    // Near the limit every creation looks: the count is as old as the last sweep.
    let near = |keys: usize| settings.max_keys.is_some_and(|max| keys * 2 >= max);
    match swept {
        Some(swept) if now.since(swept.at) < INTERVAL && swept.at <= now && !near(swept.keys) => {
            Ok(room(swept.keys))
        }
        _ => Ok(room(sweep(e, settings, now).await?)),
    }
}

/// Deletes some of what has expired; answers how many keys there are then.
async fn sweep<E: Effects>(e: &E, settings: &Settings, now: Time) -> Result<usize, StoreError> {
    let claim = serde_json::to_vec(&Swept { at: now, keys: 0 }).unwrap_or_default();
    e.set(keys::SWEEP, &claim).await?;
    let all = e.keys().await?;
    let mut count = all.len();
    let mut jobs: BTreeMap<JobId, Vec<String>> = BTreeMap::new();
    for key in all {
        if let Some(id) = keys::owner(&key) {
            jobs.entry(id).or_default().push(key);
        }
    }
    let ownerless = jobs
        .iter()
        .any(|(id, keys)| !keys.contains(&keys::root(id)));
    if ownerless {
        // A root may take effect later than what it owns.
        e.sleep(settings.write_delay).await;
    }
    let mut deleted = 0;
    for (id, keys) in jobs {
        if deleted == MAX_JOBS {
            break;
        }
        if is_gone(e, &id, now).await? {
            // The root last: until then the rest has an owner.
            let root = keys::root(&id);
            for key in keys.iter().filter(|key| **key != root) {
                e.delete(key).await?;
            }
            // Somebody may have made a new job of this name meanwhile.
            if keys.contains(&root) && is_gone(e, &id, now).await? {
                e.delete(&root).await?;
            }
            count = count.saturating_sub(keys.len());
            deleted += 1;
        }
    }
    let swept = serde_json::to_vec(&Swept {
        at: now,
        keys: count,
    })
    .unwrap_or_default();
    e.set(keys::SWEEP, &swept).await?;
    if deleted > 0 {
        e.log("swept", serde_json::json!({"jobs": deleted, "keys": count}));
    }
    Ok(count)
}

/// Whether a job has expired, or its root cannot be read, or its keys belong to nobody.
async fn is_gone<E: Effects>(e: &E, id: &JobId, now: Time) -> Result<bool, StoreError> {
    let document = match read_end(e, id).await? {
        Some(end) => Some(end),
        None => read_root(e, id).await?,
    };
    Ok(match document {
        Some(document) => document.expired(now),
        None => e
            .get(&keys::root(id))
            .await?
            .is_none_or(|bytes| is_damaged(&bytes)),
    })
}

/// A document of a newer version is not damaged: it is somebody else's.
fn is_damaged(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_err()
}
