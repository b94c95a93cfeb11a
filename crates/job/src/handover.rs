//! How a job passes from one run to the next, and from the request that created it to its first run.

use serde::{Deserialize, Serialize};

use crate::document::{Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::id::Epoch;
use crate::keys;
use crate::lease::{self, Lease, LeaseDoc, Liveness};
use crate::retry::{read_fresh, retry_briefly};
use crate::settings::Settings;
use crate::storage::{delete_parts_missing_from, encode_root, read_root};

/// What a run tells the next one. It is assumed to arrive at most once: nothing on the way repeats a
/// `POST`. (Revivals may come as often as they like: they claim the lease.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandOver {
    /// The lease it gives away.
    pub epoch: Epoch,
    /// Its last commit: a store that agrees late may not show it yet.
    pub seq: u64,
    /// The job, when it was just made under a contended name: it is not settled yet whose that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Box<Root>>,
}

/// An accepted job, to be worked on by the run that made it.
#[derive(Debug)]
pub struct Created {
    /// The job.
    pub root: Root,
    /// Its lease. Of a contended name it is only asked for: [`Created::settle`] tells.
    pub(crate) lease: Lease,
    pub(crate) contended: bool,
}

impl Created {
    /// What another run needs to take the job over from the invocation that made it.
    #[must_use]
    pub fn hand_over(&self) -> HandOver {
        HandOver {
            epoch: self.lease.epoch().clone(),
            seq: self.root.seq,
            made: self.contended.then(|| Box::new(self.root.clone())),
        }
    }

    /// The lease, once it is sure that no one else made a job of this name at the same moment.
    /// Costs nothing for names that this application made.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle<E: Effects>(
        self,
        effects: &E,
        settings: &Settings,
    ) -> Result<Option<(Root, Lease)>, StoreError> {
        if !self.contended {
            return Ok(Some((self.root, self.lease)));
        }
        let lease = match settle(effects, settings, &self.root).await? {
            Settlement::Ours => self.lease,
            Settlement::Under(lease) => lease,
            Settlement::Theirs => return Ok(None),
        };
        Ok(match lease.renew(effects, settings).await? {
            true => Some((self.root, lease)),
            false => None,
        })
    }
}

/// Whose job of a contended name stands.
pub(crate) enum Settlement {
    /// The one that was made.
    Ours,
    /// The same, written again under this lease: its own was gone.
    Under(Lease),
    /// Another, or somebody goes on with this one.
    Theirs,
}

/// Waits until it is sure whether it is this job that was `made` under its name, which others may
/// have been using at the same moment. Somebody who was only making one and overwrote it may be dead
/// by now: then it is written again.
///
/// # Errors
/// The store's, when it goes on failing for longer than leases last.
pub(crate) async fn settle<E: Effects>(
    effects: &E,
    settings: &Settings,
    made: &Root,
) -> Result<Settlement, StoreError> {
    let until = effects.monotonic() + settings.lease * 4;
    let mut claimed: Option<Lease> = None;
    loop {
        effects.sleep(settings.write_delay * 2).await;
        let read = async || read_root(effects, &made.id).await;
        match retry_briefly(effects, settings, read).await? {
            Some(root) if root.epoch == made.epoch => {
                return Ok(claimed.map_or(Settlement::Ours, Settlement::Under));
            }
            Some(root) if root.stage != Stage::Receiving => {
                delete_parts_missing_from(effects, made, Some(&root)).await;
                return Ok(Settlement::Theirs);
            }
            Some(_) | None => {}
        }
        if let Err(error) = write_again(effects, settings, made, &mut claimed).await
            && effects.monotonic() >= until
        {
            return Err(error);
        }
    }
}

/// Writes the root of a job again that is `made`, if nobody else may be writing it; or claims its
/// lease for the next time, unless somebody has it.
async fn write_again<E: Effects>(
    effects: &E,
    settings: &Settings,
    made: &Root,
    claimed: &mut Option<Lease>,
) -> Result<(), StoreError> {
    let epoch = claimed.as_ref().map_or(&made.epoch, Lease::epoch);
    let doc = read_fresh(effects, settings, async || {
        lease::read(effects, &made.id).await
    })
    .await?;
    let now = effects.now();
    let may_write = |doc: &LeaseDoc| match doc.epoch == *epoch {
        true => now.plus(settings.write_delay * 2) < doc.expires,
        // Another creator's: that one, too, sees what stands before it goes on.
        false => doc.epoch.term == made.epoch.term && doc.liveness(now, settings) == Liveness::Live,
    };
    if doc.as_ref().is_some_and(may_write) {
        return effects
            .set(&keys::root(&made.id), &encode_root(made)?)
            .await;
    }
    if let Some(lease) = Lease::claim(effects, &made.id, settings, made.epoch.term).await? {
        *claimed = Some(lease);
    }
    Ok(())
}
