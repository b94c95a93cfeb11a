//! The lease of a job: a time-bounded lock with a fencing epoch. At most one run writes for a job
//! at a time, as far as a store without atomic operations allows it.
//!
//! **Invariant:** a holder writes only while more than [`Settings::write_delay`] of its lease is
//! left, and a claimant takes over only when the lease expired that long ago. So the last write of
//! the old holder has taken effect before the first read of the new one.

use std::cell::Cell;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::settings::Settings;
use crate::time::Time;

/// The most that a lease may be extended for what its holder does without renewing it.
const MAX_EXTENSION: Duration = Duration::from_secs(6);

/// The most that a lease lasts longer where renewals are late.
const MAX_RESERVE: Duration = Duration::from_secs(6);

/// The longest time that a lease lasts from its renewal.
pub(crate) fn longest(settings: &Settings) -> Duration {
    settings.lease + MAX_EXTENSION + MAX_RESERVE
}

/// The document under [`keys::lease`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseDoc {
    /// The holder's epoch.
    pub epoch: Epoch,
    /// Expiry, by the wall clock.
    pub expires: Time,
}

/// The state of a lease as it appears to a process that does not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// The holder may be writing.
    Live,
    /// The lease has expired, and no write of its holder is under way any more.
    Expired,
    /// The lease expires later than a lease can: a clock has jumped. Only watching it tells.
    Implausible,
}

impl LeaseDoc {
    /// The state of this lease at `now`.
    pub(crate) fn liveness(&self, now: Time, settings: &Settings) -> Liveness {
        if now > self.expires.plus(settings.write_delay) {
            Liveness::Expired
        } else if self.expires > now.plus(longest(settings) + settings.write_delay) {
            Liveness::Implausible
        } else {
            Liveness::Live
        }
    }
}

/// Reads the lease of `id`; a damaged document counts as none.
pub(crate) async fn read<E: Effects>(
    effects: &E,
    id: &JobId,
) -> Result<Option<LeaseDoc>, StoreError> {
    let bytes = effects.get(&keys::lease(id)).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// A lease that this run holds.
///
/// A run gets its lease in one of three ways: [`Lease::create`] for a job that it is creating,
/// [`Lease::take_over`] from a run that hands over, [`Lease::claim`] when the last holder is
/// silent. It then calls [`Lease::renew`] well before the lease expires, and asks
/// [`Lease::is_ours`] and [`Lease::write_still_fits`] before each write of the root. It never
/// gives a lease up by itself: a run that ends the job deletes the lease with the rest, one that
/// hands over writes nothing more, one that dies lets it expire.
///
/// The test `the_life_of_a_job` in `tests/engine.rs` shows a lease that expires and is claimed.
#[derive(Debug)]
pub(crate) struct Lease {
    id: JobId,
    epoch: Epoch,
    /// Monotonic time of the expiry, so that no jump of the wall clock makes the lease last longer.
    expires: Cell<Duration>,
    /// Monotonic time at which the next renewal is expected.
    due: Cell<Duration>,
    /// The time by which it lasts longer, so that the next renewal may be late.
    reserve: Cell<Duration>,
}

/// How much longer than it needs to a lease lasts that is renewed `late`, from a store that takes
/// `slow` for an answer. Where much else computes, the next renewal may come as late, and a commit
/// needs some answers; work whose lease expires is done again, by one more run. Half of the `last`
/// reserve stays: who is late now and then may be so again.
fn reserve(late: Duration, slow: Duration, last: Duration) -> Duration {
    (late * 2 + slow * 4).max(last / 2).min(MAX_RESERVE)
}

impl Lease {
    /// The fencing epoch: no other claim has it.
    #[must_use]
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Creates the lease of a job that this invocation is creating.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn create<E: Effects>(
        engine: Engine<'_, E>,
        id: &JobId,
        epoch: Epoch,
    ) -> Result<Self, StoreError> {
        let lease = Self::new(engine, id, epoch);
        lease.write(engine, Duration::ZERO).await?;
        Ok(lease)
    }

    /// Claims the lease if it has expired: reads it, writes it, waits, and believes what it then
    /// reads. `None` when another process holds it or claimed it later. The new term is above
    /// `least_term`.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn claim<E: Effects>(
        engine: Engine<'_, E>,
        id: &JobId,
        least_term: u64,
    ) -> Result<Option<Self>, StoreError> {
        let Engine {
            effects, settings, ..
        } = engine;
        let old = engine.read_fresh(async || read(effects, id).await).await?;
        if let Some(old) = &old {
            match old.liveness(effects.now(), settings) {
                Liveness::Live => return Ok(None),
                Liveness::Expired => {}
                Liveness::Implausible => {
                    effects
                        .sleep(longest(settings) + settings.write_delay)
                        .await;
                    let now = engine.read_fresh(async || read(effects, id).await).await?;
                    if now.as_ref() != Some(old) {
                        return Ok(None);
                    }
                }
            }
        }
        let term = old.map_or(least_term, |old| old.epoch.term.max(least_term));
        let lease = Self::new(engine, id, Epoch::after(term, effects.random()));
        // A write that reports an error may have been applied: what is read back tells.
        let _ = lease.write(engine, Duration::ZERO).await;
        // Another claimant may have read just before our write took effect; its own write has
        // taken effect a write delay after that read.
        effects.sleep(settings.write_delay * 2).await;
        lease.settled(engine).await
    }

    /// The lease, renewed after a wait that has settled whose it is: no renewal was due meanwhile.
    /// `None` when it is another run's, or too little of it is left.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn settled<E: Effects>(
        self,
        engine: Engine<'_, E>,
    ) -> Result<Option<Self>, StoreError> {
        self.due.set(Duration::MAX);
        let is_ours = self.renew(engine).await?;
        Ok(is_ours.then_some(self))
    }

    /// Takes the lease over from a run that gave it away and writes no more. `None` when another
    /// run has claimed it since. On stores that are slow to agree, or fail, this waits up to two
    /// write delays for the giver's lease to appear.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn take_over<E: Effects>(
        engine: Engine<'_, E>,
        id: &JobId,
        given: &Epoch,
    ) -> Result<Option<Self>, StoreError> {
        let Engine {
            effects, settings, ..
        } = engine;
        let until = effects.monotonic() + settings.write_delay * 2;
        let own = Epoch::after(given.term, effects.random());
        loop {
            let asked = effects.monotonic();
            let answer = engine.read_fresh(async || read(effects, id).await).await;
            let slow = effects.monotonic().saturating_sub(asked);
            let problem = match answer {
                // Our own epoch appears when an earlier write reported an error but was applied.
                Ok(Some(doc)) if doc.epoch == *given || doc.epoch == own => {
                    let lease = Self::new(engine, id, own.clone());
                    // Much is read before the first renewal.
                    lease
                        .reserve
                        .set(reserve(Duration::ZERO, slow, Duration::ZERO));
                    match lease.write(engine, Duration::ZERO).await {
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

    /// Deletes the lease of a job that turned out to have ended before the lease was claimed.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn release<E: Effects>(self, effects: &E) -> Result<(), StoreError> {
        effects.delete(&keys::lease(&self.id)).await
    }

    /// A lease that has not been written yet.
    fn new<E: Effects>(engine: Engine<'_, E>, id: &JobId, epoch: Epoch) -> Self {
        Self {
            id: id.clone(),
            epoch,
            expires: Cell::new(engine.effects.monotonic() + engine.settings.lease),
            due: Cell::new(Duration::MAX),
            reserve: Cell::default(),
        }
    }

    async fn write<E: Effects>(
        &self,
        Engine {
            effects, settings, ..
        }: Engine<'_, E>,
        extension: Duration,
    ) -> Result<(), StoreError> {
        let life = settings.lease + extension + self.reserve.get();
        let began = effects.monotonic();
        let doc = LeaseDoc {
            epoch: self.epoch.clone(),
            expires: effects.now().plus(life),
        };
        let bytes = serde_json::to_vec(&doc).map_err(|error| StoreError(error.to_string()))?;
        effects.set(&keys::lease(&self.id), &bytes).await?;
        self.expires.set(began + life);
        // Whatever is tuned, there is time for a second attempt.
        let usable = settings.lease.saturating_sub(settings.write_delay);
        self.due
            .set(began + settings.lease_renew.min(usable / 2) + extension);
        Ok(())
    }

    /// Monotonic time at which the lease is to be renewed.
    #[must_use]
    pub(crate) fn due(&self) -> Duration {
        self.due.get()
    }

    /// Whether a write that begins at `now` takes effect before the lease expires.
    #[must_use]
    pub(crate) fn write_still_fits(&self, now: Duration, settings: &Settings) -> bool {
        now + settings.write_delay < self.expires.get()
    }

    /// Whether the store still names this run as the holder. A write may follow at once.
    ///
    /// # Errors
    /// When the store fails, or is too slow for its answer to be believed.
    pub(crate) async fn is_ours<E: Effects>(
        &self,
        engine: Engine<'_, E>,
    ) -> Result<bool, StoreError> {
        let doc = engine
            .read_fresh(async || read(engine.effects, &self.id).await)
            .await?;
        Ok(doc.is_some_and(|doc| doc.epoch == self.epoch))
    }

    /// Renews the lease for its full length. `false` when it is lost: another run has it, or too
    /// little of it was left for a write.
    ///
    /// # Errors
    /// When the store fails; the lease is then as it was.
    pub(crate) async fn renew<E: Effects>(
        &self,
        engine: Engine<'_, E>,
    ) -> Result<bool, StoreError> {
        self.renew_for(engine, Duration::ZERO).await
    }

    /// Renews the lease as [`Self::renew`] does, for up to [`MAX_EXTENSION`] longer: the next
    /// renewal is expected so much later.
    ///
    /// # Errors
    /// When the store fails; the lease is then as it was.
    pub(crate) async fn renew_for<E: Effects>(
        &self,
        engine: Engine<'_, E>,
        wanted: Duration,
    ) -> Result<bool, StoreError> {
        let now = || engine.effects.monotonic();
        let began = now();
        let late = began.saturating_sub(self.due.get());
        if !self.is_ours(engine).await? || !self.write_still_fits(now(), engine.settings) {
            return Ok(false);
        }
        let slow = now() - began;
        self.reserve.set(reserve(late, slow, self.reserve.get()));
        self.write(engine, wanted.min(MAX_EXTENSION)).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Local settings: a lease of 3 s, a write delay of 0.5 s; at most 12 s longer.
    #[test]
    fn a_lease_is_live_until_a_write_delay_after_its_expiry_and_implausible_beyond_its_length() {
        let settings = Settings::local();
        let now = Time(1_000_000);
        for (expires, expected) in [
            (now.0 - 10_000, Liveness::Expired),
            (now.0 - 501, Liveness::Expired),
            (now.0 - 500, Liveness::Live),
            (now.0, Liveness::Live),
            (now.0 + 3_000, Liveness::Live),
            (now.0 + 15_500, Liveness::Live),
            (now.0 + 15_501, Liveness::Implausible),
            (u64::MAX, Liveness::Implausible),
        ] {
            let lease = LeaseDoc {
                epoch: Epoch::default(),
                expires: Time(expires),
            };
            assert_eq!(lease.liveness(now, &settings), expected, "{expires}");
        }
    }

    #[test]
    fn a_lease_lasts_longer_where_renewals_are_late_or_slow() {
        let [none, second, minute] = [0, 1, 60].map(Duration::from_secs);
        assert_eq!(reserve(none, none, none), none);
        assert_eq!(reserve(second, none, none), second * 2);
        assert_eq!(reserve(none, second, none), second * 4);
        assert_eq!(reserve(none, none, second * 4), second * 2);
        assert_eq!(reserve(second, none, second * 3), second * 2);
        assert_eq!(reserve(minute, none, none), MAX_RESERVE);
    }

    /// A second and a half late, and then up to what the longest reserve bears.
    #[test]
    fn a_lease_whose_renewals_are_late_again_and_again_never_lapses() {
        for settings in [Settings::local(), Settings::cloud()] {
            let usual = settings.lease - settings.lease_renew - settings.write_delay;
            let mut longer = Duration::ZERO;
            let mut late = usual - Duration::from_millis(1);
            for renewal in 0..20 {
                assert!(late < usual + longer, "renewal {renewal}, {late:?} late");
                longer = reserve(late, Duration::ZERO, longer);
                late = (late + Duration::from_secs(1)).min(usual + MAX_RESERVE / 10 * 9);
            }
            // Not every renewal is as late.
            assert_eq!(reserve(Duration::ZERO, Duration::ZERO, longer), longer / 2);
        }
    }

    #[test]
    fn a_write_fits_as_long_as_more_than_a_write_delay_is_left() {
        let lease = Lease {
            id: JobId::from_bytes([1; 16]),
            epoch: Epoch::default(),
            expires: Cell::new(Duration::from_millis(3_000)),
            due: Cell::new(Duration::from_millis(1_000)),
            reserve: Cell::default(),
        };
        let settings = Settings::local();
        let fits = |at| lease.write_still_fits(Duration::from_millis(at), &settings);
        assert!(fits(0));
        assert!(fits(2_499));
        assert!(!fits(2_500));
        assert!(!fits(9_000));
    }
}
