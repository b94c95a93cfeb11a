//! Who may write for a job: at most one run at a time, as far as a store without atomic
//! operations allows it.
//!
//! **Invariant:** a holder writes only while more than [`Settings::write_delay`] of its lease is
//! left, and a claimant takes over only when the lease has run out that long ago. So the last
//! write of the old holder has taken effect before the first look of the new one.
use crate::effects::{Effects, StoreError, Time};
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::retry::read_fresh;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::time::Duration;

/// How much longer than usual a lease may be made to last.
pub const MAX_EXTENSION: Duration = Duration::from_secs(6);

/// What lies under [`keys::lease`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseDoc {
    /// Whose it is.
    pub epoch: Epoch,
    /// From then on it is nobody's.
    pub expires: Time,
}

/// How a lease looks to somebody who does not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Its holder may be writing.
    Live,
    /// Nobody writes any more.
    Expired,
    /// It lasts longer than a lease can: some clock has jumped. Only watching it tells.
    Implausible,
}

impl LeaseDoc {
    /// How this lease looks at `now`.
    #[must_use]
    pub fn liveness(&self, now: Time, settings: &Settings) -> Liveness {
        if now > self.expires.plus(settings.write_delay) {
            Liveness::Expired
        } else if self.expires > now.plus(settings.lease + MAX_EXTENSION + settings.write_delay) {
            Liveness::Implausible
        } else {
            Liveness::Live
        }
    }
}

/// The lease of `id` as it is in the store; damage counts as none.
pub(crate) async fn read<E: Effects>(
    effects: &E,
    id: &JobId,
) -> Result<Option<LeaseDoc>, StoreError> {
    let bytes = effects.get(&keys::lease(id)).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// A lease that this run holds.
#[derive(Debug)]
pub struct Lease {
    id: JobId,
    epoch: Epoch,
    /// Monotonic, so that no jump of the wall clock makes it last longer.
    expires: Cell<Duration>,
}

impl Lease {
    /// The claim that this lease is.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Takes the lease of a job that this invocation is making.
    ///
    /// # Errors
    /// The store's.
    pub async fn create<E: Effects>(
        effects: &E,
        id: &JobId,
        epoch: Epoch,
        settings: &Settings,
    ) -> Result<Self, StoreError> {
        let lease = Self::new(effects, id, epoch, settings);
        lease.write(effects, settings.lease).await?;
        Ok(lease)
    }

    /// Takes the lease if it is free: looks, writes, waits, and believes what it then reads. `None`
    /// when somebody else holds it or was later.
    ///
    /// # Errors
    /// The store's.
    pub async fn claim<E: Effects>(
        effects: &E,
        id: &JobId,
        settings: &Settings,
        least_term: u64,
    ) -> Result<Option<Self>, StoreError> {
        let old = read_fresh(effects, settings, async || read(effects, id).await).await?;
        if let Some(old) = &old {
            match old.liveness(effects.now(), settings) {
                Liveness::Live => return Ok(None),
                Liveness::Expired => {}
                Liveness::Implausible => {
                    effects
                        .sleep(settings.lease + MAX_EXTENSION + settings.write_delay)
                        .await;
                    let now =
                        read_fresh(effects, settings, async || read(effects, id).await).await?;
                    if now.as_ref() != Some(old) {
                        return Ok(None);
                    }
                }
            }
        }
        let term = old.map_or(least_term, |old| old.epoch.term.max(least_term));
        let lease = Self::new(effects, id, Epoch::after(term, effects), settings);
        // If this fails it may have taken effect all the same: what is read back tells.
        let _ = lease.write(effects, settings.lease).await;
        // Another claimant may have looked just before our write took effect; its own write has
        // taken effect a delay after that look.
        effects.sleep(settings.write_delay * 2).await;
        Ok(match lease.renew(effects, settings).await? {
            true => Some(lease),
            false => None,
        })
    }

    /// Takes the lease over from a run that gave it away and writes no more. `None` when it is no
    /// longer that run's. On stores that agree late, or fail, it waits a little for the giver's
    /// lease.
    ///
    /// # Errors
    /// The store's.
    pub async fn take_over<E: Effects>(
        effects: &E,
        id: &JobId,
        given: &Epoch,
        settings: &Settings,
    ) -> Result<Option<Self>, StoreError> {
        let until = effects.monotonic() + settings.write_delay * 2;
        let own = Epoch::after(given.term, effects);
        loop {
            let problem =
                match read_fresh(effects, settings, async || read(effects, id).await).await {
                    // Its own it is when a write failed that took effect.
                    Ok(Some(doc)) if doc.epoch == *given || doc.epoch == own => {
                        let lease = Self::new(effects, id, own.clone(), settings);
                        match lease.write(effects, settings.lease).await {
                            Ok(()) => return Ok(Some(lease)),
                            Err(error) => Some(error),
                        }
                    }
                    Ok(Some(doc)) if doc.epoch.term > given.term => return Ok(None),
                    Ok(_) => None,
                    Err(error) => Some(error),
                };
            if effects.monotonic() >= until {
                return problem.map_or(Ok(None), Err);
            }
            effects.sleep(settings.retry).await;
        }
    }

    /// Gives the lease of a job back that turned out to have ended before it was claimed.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn release<E: Effects>(self, effects: &E) -> Result<(), StoreError> {
        effects.delete(&keys::lease(&self.id)).await
    }

    /// A lease that is about to be written for the first time.
    fn new<E: Effects>(effects: &E, id: &JobId, epoch: Epoch, settings: &Settings) -> Self {
        Self {
            id: id.clone(),
            epoch,
            expires: Cell::new(effects.monotonic() + settings.lease),
        }
    }

    async fn write<E: Effects>(&self, effects: &E, life: Duration) -> Result<(), StoreError> {
        let expires = effects.monotonic() + life;
        let doc = LeaseDoc {
            epoch: self.epoch.clone(),
            expires: effects.now().plus(life),
        };
        let bytes = serde_json::to_vec(&doc).map_err(|error| StoreError(error.to_string()))?;
        effects.set(&keys::lease(&self.id), &bytes).await?;
        self.expires.set(expires);
        Ok(())
    }

    /// Whether enough of the lease is left for one more write.
    #[must_use]
    pub fn write_still_fits(&self, now: Duration, settings: &Settings) -> bool {
        now + settings.write_delay < self.expires.get()
    }

    /// Whether the store still says that the lease is this run's. A write may follow at once.
    ///
    /// # Errors
    /// The store's; also when it is too slow to believe what it says.
    pub async fn is_ours<E: Effects>(
        &self,
        effects: &E,
        settings: &Settings,
    ) -> Result<bool, StoreError> {
        let doc = read_fresh(effects, settings, async || read(effects, &self.id).await).await?;
        Ok(doc.is_some_and(|doc| doc.epoch == self.epoch))
    }

    /// Makes the lease last a whole lease from now on. `false` when it is lost: somebody else has
    /// it, or too little of it was left to write.
    ///
    /// # Errors
    /// The store's; the lease is then as it was.
    pub async fn renew<E: Effects>(
        &self,
        effects: &E,
        settings: &Settings,
    ) -> Result<bool, StoreError> {
        self.renew_for(effects, settings, Duration::ZERO).await
    }

    /// [`Self::renew`], for up to [`MAX_EXTENSION`] longer than a lease: before work that cannot be
    /// interrupted.
    ///
    /// # Errors
    /// The store's; the lease is then as it was.
    pub async fn renew_for<E: Effects>(
        &self,
        effects: &E,
        settings: &Settings,
        extra: Duration,
    ) -> Result<bool, StoreError> {
        if !self.is_ours(effects, settings).await?
            || !self.write_still_fits(effects.monotonic(), settings)
        {
            return Ok(false);
        }
        self.write(effects, settings.lease + extra.min(MAX_EXTENSION))
            .await?;
        Ok(true)
    }
}
