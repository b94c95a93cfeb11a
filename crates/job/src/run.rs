//! A run: one holder of a job's lease, what it reads and the values that it writes.
//!
//! **Invariant:** what belongs to a job is what its root names. A run writes new values under names
//! that only its epoch uses, then publishes a root that names them; nothing that a root names is
//! rewritten, and it is deleted only after a root that does not name it.

mod attempts;
mod commit;

use std::future::Future;
use std::time::Duration;

use futures::future::{Either, select};
use serde::de::DeserializeOwned;

use crate::document::{Event, Item, MAX_VALUE_BYTES, Part, Root};
use crate::effects::{Effects, StoreError, Turn};
use crate::engine::Engine;
use crate::feed::Feed;
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::lease::Lease;
use crate::memory::Learned;
use crate::settings::Settings;
use crate::storage::{Stop, decode, encode};

/// The number of claims in a row without a commit after which a job is given up.
const MAX_CLAIMS_WITHOUT_COMMIT: u64 = 10;
/// Divisor of the time that work has taken: after that part of it a run looks again whether a
/// client cancels.
const CANCEL_LOOK_DIVISOR: u32 = 4;
/// Divisor of the time that work has taken: by that part of it the lease is renewed for longer.
const EXTENSION_DIVISOR: u32 = 2;

/// One run of a job: the holder of its lease, and the only one who writes for it.
///
/// The engine makes a run when it has the lease, and gives it to a [`Worker`](crate::Worker). The
/// worker reads `root`, writes new values under names of this run's epoch (`write_part`,
/// `write_items`), and then makes them part of the job by `commit`, which publishes a root that
/// names them. Whatever takes time is done inside `guarded`, which renews the lease meanwhile and
/// ends the work when the lease is lost or a client cancels; what computes without waiting calls
/// `pulse`. The engine ends the job by `finish`, or hands root and lease to the next run.
///
/// Before each root and before the end a run checks the fence: there is no end, the root in the
/// store is the one it knows, and the lease is its own. A write that fails may have been applied,
/// so it is repeated only after the fence has been checked again.
///
/// The test `the_life_of_a_job` in `tests/engine.rs` shows two runs of one job.
pub struct Run<'a, E> {
    pub(crate) engine: Engine<'a, E>,
    /// The job as this run last wrote or read it.
    pub(crate) root: Root,
    lease: Lease,
    /// The listener in the same invocation, which gets every committed root.
    feed: Option<&'a Feed>,
    /// Whether this invocation has received an upload or computed, and so holds more memory than a
    /// new one: what an instance has once grown to it keeps.
    pub(crate) holds_memory: bool,
    /// Whether it has begun an attempt at a file or photo, and not ended it.
    pub(crate) is_trying: bool,
    /// How this run has got the job, unless it is the first of all.
    begun_by: Option<fn(u64) -> Event<'static>>,
    /// Whether this run tells the operator's webhook of the job's end.
    tells: bool,
    /// Number of values that this epoch has written.
    parts: u32,
    /// The keys written since the last commit: no root names them yet.
    unreferenced: Vec<String>,
    /// The books about which this run has learned something: written to the memory after its work.
    pub(crate) learned: Learned,
    began: Duration,
    last_commit: Option<Duration>,
}

impl<'a, E: Effects> Run<'a, E> {
    /// A run on a job whose root is known, under a lease that it has just got.
    #[must_use]
    pub(crate) fn new(engine: Engine<'a, E>, root: Root, lease: Lease) -> Self {
        Self {
            engine,
            lease,
            feed: None,
            holds_memory: false,
            is_trying: false,
            begun_by: None,
            tells: true,
            // The creation has written the parts that its root names under the same epoch.
            parts: u32::try_from(named_parts(&root)).unwrap_or(u32::MAX),
            unreferenced: Vec::new(),
            learned: Learned::default(),
            began: engine.effects.monotonic(),
            last_commit: None,
            root,
        }
    }

    /// Makes it the run of the invocation that created the job; the listener gets every committed
    /// root.
    #[must_use]
    pub(crate) fn of_creator(mut self, feed: Option<&'a Feed>) -> Self {
        self.feed = feed;
        self.holds_memory = true;
        self
    }

    /// Says how it has got the job, for the job's course.
    #[must_use]
    pub(crate) fn begun_by(mut self, event: fn(u64) -> Event<'static>) -> Self {
        self.begun_by = Some(event);
        self
    }

    /// Leaves it to another run to tell the operator's webhook of the job's end.
    #[must_use]
    pub(crate) fn told_of_by_another(mut self) -> Self {
        self.tells = false;
        self
    }

    /// Publishes the root just written, and yields so that it reaches those who listen before this
    /// run computes on.
    async fn notify(&self, root: &Root) {
        let turn = match self.feed {
            Some(feed) => {
                feed.publish(root).await;
                Turn::OwnListener
            }
            None => Turn::Others,
        };
        self.engine.effects.yield_to_io(turn).await;
    }

    /// The time since this run began.
    #[must_use]
    pub(crate) fn elapsed(&self) -> Duration {
        self.engine.effects.monotonic().saturating_sub(self.began)
    }

    /// Whether something that takes `time` still fits the run's budget.
    #[must_use]
    pub(crate) fn has_time_for(&self, time: Duration) -> bool {
        self.engine
            .settings
            .run_budget
            .is_none_or(|budget| fits(budget, self.elapsed(), time))
    }

    /// Monotonic time at which a run that must keep `reserve` of its budget has to stop; `None`
    /// when it has no budget.
    #[must_use]
    pub(crate) fn deadline(&self, reserve: Duration) -> Option<Duration> {
        let budget = self.engine.settings.run_budget?;
        Some(self.began + usable(budget, reserve))
    }

    /// Time for which this run may go on when all it does is wait: it has nothing to lose, so it
    /// may use what others keep back for the end of their budget. `None` when it has no budget.
    #[must_use]
    pub(crate) fn time_to_wait(&self) -> Option<Duration> {
        let budget = self.engine.settings.run_budget?;
        Some(time_to_wait(budget, self.elapsed()))
    }

    /// Whether so many claims of the lease in a row have led to no commit that the job is given up.
    #[must_use]
    pub(crate) fn is_crash_looping(&self) -> bool {
        is_crash_looping(self.lease.epoch(), &self.root.epoch)
    }

    /// The lease, for whoever goes on with the job.
    pub(crate) fn into_lease(self) -> Lease {
        self.lease
    }

    /// The epoch of the lease.
    pub(crate) fn epoch(&self) -> &Epoch {
        self.lease.epoch()
    }

    /// Does `work` and renews the lease meanwhile. Drops the work when the lease is lost or a
    /// client cancels the job.
    ///
    /// # Errors
    /// Those of `work`; [`Stop::Lost`], [`Stop::Canceled`].
    pub(crate) async fn guarded<T>(
        &self,
        work: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, Stop> {
        let work = std::pin::pin!(work);
        let guard = std::pin::pin!(self.guard());
        match select(work, guard).await {
            Either::Left((result, _)) => result,
            Either::Right((stop, _)) => Err(stop),
        }
    }

    /// Renews the lease, and looks whether a client cancels, the more rarely the longer the work
    /// has taken: what waits for a provider costs little, and a lease that is longer than usual
    /// loses no more when its run dies than half of the time that the work has taken, and what
    /// renewals have been late before.
    async fn guard(&self) -> Stop {
        let settings = self.engine.settings;
        let began = self.engine.effects.monotonic();
        loop {
            let now = self.engine.effects.monotonic();
            // The work may begin when it is due already.
            if now >= self.lease.due() {
                let extension = (now - began) / EXTENSION_DIVISOR;
                match self.lease.renew_for(self.engine, extension).await {
                    Ok(true) => {}
                    Ok(false) => return Stop::Lost,
                    // The store may recover before the lease runs out; the fence tells.
                    Err(_) => {}
                }
            }
            let now = self.engine.effects.monotonic();
            let left = self.lease.due().saturating_sub(now);
            let pause = pause_of_guard(now - began, left, settings);
            self.engine.effects.sleep(pause).await;
            if let Ok(Some(_)) = self.engine.effects.get(&keys::cancel(&self.root.id)).await {
                return Stop::Canceled;
            }
        }
    }

    /// Renews the lease when it is time. Work that only reads and writes the store calls this
    /// between its steps, because nothing renews the lease meanwhile.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub(crate) async fn renew_when_due(&self) -> Result<(), Stop> {
        if self.engine.effects.monotonic() < self.lease.due() {
            return Ok(());
        }
        self.renew_for(Duration::ZERO).await
    }

    /// Renews the lease; `false` when it is lost.
    pub(crate) async fn renew_lease(&self) -> Result<bool, StoreError> {
        self.lease.renew(self.engine).await
    }

    /// Renews the lease before something that keeps this run from renewing it for about `time`.
    ///
    /// # Errors
    /// [`Stop::Lost`]; [`Stop::Store`] when the store fails for as long as the lease lasts.
    pub(crate) async fn renew_for(&self, time: Duration) -> Result<(), Stop> {
        let renew = async || self.lease.renew_for(self.engine, time).await;
        match self.retry_while_leased(renew).await? {
            true => Ok(()),
            false => Err(Stop::Lost),
        }
    }

    /// Repeats a store operation that fails, as long as a write still fits the lease. Use only for
    /// idempotent operations.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn retry_while_leased<T>(
        &self,
        mut ask: impl AsyncFnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            match ask().await {
                Err(error) => self.pause_before_retry(error).await?,
                answer => return answer,
            }
        }
    }

    /// Waits before a failed operation is repeated; returns its error when the lease leaves no
    /// time.
    async fn pause_before_retry(&self, error: StoreError) -> Result<(), StoreError> {
        self.engine.effects.sleep(self.engine.settings.retry).await;
        if self.write_still_fits() {
            Ok(())
        } else {
            Err(error)
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.retry_while_leased(async || self.engine.effects.get(key).await)
            .await
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.retry_while_leased(async || self.engine.effects.delete(key).await)
            .await
    }

    /// Whether the lease is still this run's and leaves time for a write.
    async fn may_write(&self) -> Result<bool, StoreError> {
        let is_ours = async || self.lease.is_ours(self.engine).await;
        Ok(self.retry_while_leased(is_ours).await? && self.write_still_fits())
    }

    fn write_still_fits(&self) -> bool {
        self.lease
            .write_still_fits(self.engine.effects.monotonic(), self.engine.settings)
    }

    /// Deletes an uploaded file that is not read again. The root names it until the next commit, so
    /// that after a crash the next run deletes it again.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn delete_upload(&mut self, index: usize) -> Result<(), Stop> {
        if let Some(upload) = self.root.uploads.get(index) {
            for chunk in 0..upload.chunks {
                self.delete(&upload.chunk(chunk)).await?;
            }
        }
        if let Some(upload) = self.root.uploads.get_mut(index) {
            upload.chunks = 0;
        }
        self.renew_when_due().await
    }

    /// Deletes everything that was uploaded, as [`Self::delete_upload`] does, but photos that are
    /// kept.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn delete_uploads(&mut self) -> Result<(), Stop> {
        for index in 0..self.root.uploads.len() {
            if !self.root.keeps_photo(index) {
                self.delete_upload(index).await?;
            }
        }
        Ok(())
    }

    /// Checks that no client has canceled the job.
    ///
    /// # Errors
    /// [`Stop::Canceled`]; [`Stop::Store`] when the store fails.
    pub(crate) async fn check_canceled(&self) -> Result<(), Stop> {
        match self.get(&keys::cancel(&self.root.id)).await? {
            Some(_) => Err(Stop::Canceled),
            None => Ok(()),
        }
    }

    /// Writes a value under a name of this run's epoch and returns how the root names it.
    ///
    /// # Errors
    /// [`Stop::Store`] when the store refuses; [`Stop::Damaged`] when the value is too large.
    pub(crate) async fn write_part(
        &mut self,
        name: impl FnOnce(&JobId, &Epoch, u32) -> String,
        count: usize,
        bytes: &[u8],
    ) -> Result<Part, Stop> {
        if bytes.len() > MAX_VALUE_BYTES {
            return Err(Stop::Damaged(format!("a value of {} bytes", bytes.len())));
        }
        let key = name(&self.root.id, self.lease.epoch(), self.parts);
        self.parts += 1;
        self.unreferenced.push(key.clone());
        self.retry_while_leased(async || self.engine.effects.set(&key, bytes).await)
            .await?;
        Ok(Part {
            key,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        })
    }

    /// Reads the value under a key that the root names. Another run has written it: a store that is
    /// slow to agree may show it a little later than the root.
    ///
    /// # Errors
    /// [`Stop::Lost`] while it waits; [`Stop::Store`] when the store fails.
    pub(crate) async fn read_value(&self, key: &str) -> Result<Option<Vec<u8>>, Stop> {
        let until = self.engine.effects.monotonic() + self.engine.settings.write_delay * 2;
        loop {
            self.renew_when_due().await?;
            // An answer may be slow, and shows the store as it was when it was asked.
            let asked = self.engine.effects.monotonic();
            let value = self.get(key).await?;
            if value.is_some() || asked >= until {
                return Ok(value);
            }
            self.engine.effects.sleep(self.engine.settings.retry).await;
        }
    }

    /// Reads and decodes a part, as [`Self::read_value`] does.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when it is not there or not what it should be; as [`Self::read_value`].
    pub(crate) async fn read_part<T: DeserializeOwned>(&self, part: &Part) -> Result<T, Stop> {
        decode(part, self.read_value(&part.key).await?)
    }

    /// Deletes the values that this run has written and no root names.
    pub(crate) async fn delete_unreferenced(&self) {
        for key in &self.unreferenced {
            // What cannot be deleted now goes with the job.
            let _ = self.engine.effects.delete(key).await;
        }
    }

    /// Writes items under as many values as their size needs.
    ///
    /// # Errors
    /// As [`Self::write_part`].
    pub(crate) async fn write_items(
        &mut self,
        name: fn(&JobId, &Epoch, u32) -> String,
        items: &[Item],
    ) -> Result<Vec<Part>, Stop> {
        let mut parts = Vec::new();
        for (count, bytes) in encode(items)? {
            self.renew_when_due().await?;
            parts.push(self.write_part(name, count, &bytes).await?);
        }
        Ok(parts)
    }
}

/// Number of parts that a root names, of those that its creation may have written.
fn named_parts(root: &Root) -> usize {
    let library = root.retry.as_ref().map_or(0, |retry| retry.library.len());
    root.plan.len() + library + usize::from(root.report.is_some())
}

/// The bytes of uploaded file `file`; `None` when a chunk is missing.
pub(crate) async fn read_upload<E: Effects>(
    run: &Run<'_, E>,
    file: usize,
) -> Result<Option<Vec<u8>>, Stop> {
    let Some(upload) = run.root.uploads.get(file) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    for chunk in 0..upload.chunks {
        match run.read_value(&upload.chunk(chunk)).await? {
            Some(part) => bytes.extend_from_slice(&part),
            None => return Ok(None),
        }
    }
    Ok((bytes.len() as u64 == upload.bytes).then_some(bytes))
}

/// Whether something that takes `time` still fits a budget of which `elapsed` has passed.
fn fits(budget: Duration, elapsed: Duration, time: Duration) -> bool {
    elapsed + time <= budget
}

/// The part of a budget that is left for work when `reserve` is kept back, which is never more
/// than a quarter.
fn usable(budget: Duration, reserve: Duration) -> Duration {
    budget.saturating_sub(reserve.min(budget / 4))
}

/// The pause before a run wakes up that has worked for `taken`, and has to renew its lease after
/// `left`. Work that has taken long may take longer: whoever cancels it waits a quarter of what it
/// has taken, but hears in time that it is over, which takes a write delay. Wake-ups are evenly
/// spread, so that the last of them is the renewal's. One that has failed comes again after the
/// shortest pause.
fn pause_of_guard(taken: Duration, left: Duration, settings: &Settings) -> Duration {
    let Settings {
        cancel_look,
        cancel_wait,
        lease_renew,
        write_delay,
        ..
    } = *settings;
    let in_time = cancel_wait.saturating_sub(write_delay).max(cancel_wait / 2);
    let longest = cancel_look.max((taken / CANCEL_LOOK_DIVISOR).min(in_time));
    let wake_ups = left.as_millis().div_ceil(longest.as_millis().max(1));
    match left.is_zero() {
        true => cancel_look.min(lease_renew),
        false => left / u32::try_from(wake_ups.max(1)).unwrap_or(u32::MAX),
    }
}

/// Time for which a run may go on waiting when it does nothing else: until an eighth after its
/// budget.
fn time_to_wait(budget: Duration, elapsed: Duration) -> Duration {
    (budget + budget / 8).saturating_sub(elapsed)
}

/// Whether the lease was claimed more often since the last commit than a job is worth.
fn is_crash_looping(lease: &Epoch, committed: &Epoch) -> bool {
    lease.term.saturating_sub(committed.term) > MAX_CLAIMS_WITHOUT_COMMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn what_a_run_begins_ends_within_its_budget() {
        for (elapsed, time, expected) in [(0, 20, true), (12, 8, true), (13, 8, false)] {
            let fits = fits(SECONDS(20), SECONDS(elapsed), SECONDS(time));
            assert_eq!(fits, expected, "{time} s after {elapsed} s");
        }
    }

    #[test]
    fn a_reserve_takes_at_most_a_quarter_of_a_budget() {
        for (budget, reserve, expected) in [(20, 3, 17), (20, 5, 15), (20, 9, 15), (4, 9, 3)] {
            let usable = usable(SECONDS(budget), SECONDS(reserve));
            assert_eq!(usable, SECONDS(expected), "{reserve} s of {budget} s");
        }
    }

    /// The wake-ups of a run between two renewals of its lease, the first after `taken`.
    fn wake_ups(mut taken: Duration, mut left: Duration, settings: &Settings) -> Vec<Duration> {
        let mut pauses = Vec::new();
        while !left.is_zero() {
            let pause = pause_of_guard(taken, left, settings);
            taken += pause;
            left = left.saturating_sub(pause);
            pauses.push(pause);
        }
        pauses
    }

    #[test]
    fn a_run_that_waits_wakes_up_for_its_lease_and_in_time_for_who_cancels() {
        let of = |settings: Settings, taken, left| {
            let pauses = wake_ups(SECONDS(taken), SECONDS(left), &settings);
            let longest = pauses.iter().max().copied().unwrap_or_default();
            assert!(
                longest + settings.write_delay.min(settings.cancel_wait / 2)
                    <= settings.cancel_wait
            );
            let total: Duration = pauses.iter().sum();
            assert_eq!(total, SECONDS(left), "the renewal is in time");
            assert!(longest <= settings.cancel_look.max(SECONDS(taken + left) / 4));
            pauses.len()
        };
        // A lease of 9 s is renewed after 7, one of 16 s after 9.
        assert_eq!(of(Settings::local(), 60, 7), 3);
        assert_eq!(of(Settings::cloud(), 60, 9), 6);
        // At first the lease is renewed after one second, and after three.
        assert!(of(Settings::local(), 0, 1) <= 10);
        assert!(of(Settings::cloud(), 0, 3) <= 3);
        let never = Settings {
            cancel_look: Duration::ZERO,
            cancel_wait: Duration::ZERO,
            lease_renew: SECONDS(1),
            ..Settings::local()
        };
        let pause = pause_of_guard(SECONDS(60), SECONDS(7), &never);
        assert!(!pause.is_zero(), "who looks all the time does nothing else");
    }

    #[test]
    fn a_run_that_only_waits_may_stay_an_eighth_longer() {
        for (elapsed, expected) in [(0, 18), (16, 2), (18, 0), (90, 0)] {
            let left = time_to_wait(SECONDS(16), SECONDS(elapsed));
            assert_eq!(left, SECONDS(expected), "after {elapsed} s");
        }
    }

    #[test]
    fn a_job_is_given_up_after_ten_claims_without_a_commit() {
        let epoch = |term| Epoch {
            term,
            ..Epoch::default()
        };
        for (claimed, committed, expected) in [
            (1, 1, false),
            (11, 1, false),
            (12, 1, true),
            (30, 29, false),
            (1, 9, false),
        ] {
            let is_looping = is_crash_looping(&epoch(claimed), &epoch(committed));
            assert_eq!(is_looping, expected, "{claimed} after {committed}");
        }
    }
}
