//! A run: one holder of a job's lease, and how it writes.
//!
//! **Invariant:** what belongs to a job is what its root names. A run writes new values under names
//! that only its epoch uses, then publishes a root that names them; nothing that a root names is
//! rewritten,
//! and it is deleted only after a root that does not name it.

use std::future::Future;
use std::time::Duration;

use futures::future::{Either, select};
use serde::de::DeserializeOwned;

use crate::cadence::{Due, Forecast};
use crate::document::{Failure, Item, MAX_VALUE_BYTES, Part, Root, Stage, VERSION};
use crate::effects::{Effects, StoreError, Turn};
use crate::engine::Engine;
use crate::feed::Feed;
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::lease::Lease;
use crate::memory::Memory;
use crate::settings::Settings;
use crate::storage::{
    Stop, decode, delete_leftovers, encode, encode_root, groups, is_damaged, read_root,
};

/// Number of segments above which neighbours are merged.
const MAX_SEGMENTS: usize = 16;

/// The number of claims in a row without a commit after which a job is given up.
const MAX_CLAIMS_WITHOUT_COMMIT: u64 = 10;
/// The fraction of the time that work has taken after which it is looked again whether a client
/// cancels it.
const PATIENT_FRACTION: u32 = 4;

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
pub struct Run<'a, E> {
    pub(crate) engine: Engine<'a, E>,
    /// The job as this run last wrote or read it.
    pub(crate) root: Root,
    lease: Lease,
    /// The listener in the same invocation, which gets every committed root.
    feed: Option<&'a Feed>,
    /// Number of values that this epoch has written.
    parts: u32,
    /// The keys written since the last commit: no root names them yet.
    unreferenced: Vec<String>,
    /// The books about which this run has learned something: written to the memory after its work.
    pub(crate) learned: Vec<Memory>,
    began: Duration,
    last_commit: Option<Duration>,
}

impl<'a, E: Effects> Run<'a, E> {
    /// A run on a job whose root is known, under a lease that it has just got.
    #[must_use]
    pub(crate) fn new(engine: Engine<'a, E>, root: Root, lease: Lease) -> Self {
        Self {
            engine,
            root,
            lease,
            feed: None,
            parts: 0,
            unreferenced: Vec::new(),
            learned: Vec::new(),
            began: engine.effects.monotonic(),
            last_commit: None,
        }
    }

    /// Adds a listener that gets every committed root.
    #[must_use]
    pub(crate) fn with_feed(mut self, feed: Option<&'a Feed>) -> Self {
        self.feed = feed;
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

    /// Whether the last claims of the lease, more than a job is worth, have led to no commit.
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

    async fn guard(&self) -> Stop {
        let Settings {
            cancel_look,
            lease_renew,
            ..
        } = *self.engine.settings;
        let began = self.engine.effects.monotonic();
        let mut renewed = began;
        loop {
            let now = self.engine.effects.monotonic();
            let until_renewal = (renewed + lease_renew).saturating_sub(now);
            // Work that has taken long may take longer: whoever cancels it waits a quarter of what
            // it has taken, and what waits for a provider costs no more than its lease.
            let pause = cancel_look.max((now - began) / PATIENT_FRACTION);
            let pause = pause.min(until_renewal).max(cancel_look.min(lease_renew));
            self.engine.effects.sleep(pause).await;
            if let Ok(Some(_)) = self.engine.effects.get(&keys::cancel(&self.root.id)).await {
                return Stop::Canceled;
            }
            if self.engine.effects.monotonic() >= renewed + self.engine.settings.lease_renew {
                match self.lease.renew(self.engine).await {
                    Ok(true) => renewed = self.engine.effects.monotonic(),
                    Ok(false) => return Stop::Lost,
                    // The store may recover before the lease runs out; the fence tells.
                    Err(_) => {}
                }
            }
        }
    }

    /// Renews the lease when half of it is used: between the steps of work that only reads and
    /// writes the store, which nothing else renews it beside.
    ///
    /// # Errors
    /// [`Stop::Lost`].
    pub(crate) async fn renew_if_half_spent(&self) -> Result<(), Stop> {
        let soon = self.engine.effects.monotonic() + self.engine.settings.lease / 2;
        if self.lease.write_still_fits(soon, self.engine.settings) {
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

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
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

    /// Writes root or end, right after the fence was checked. A write that fails may have been
    /// applied, or may be yet: the same is written again as long as no other run has the lease,
    /// because then none can have written meanwhile.
    async fn write_fenced(&self, key: &str, value: &[u8]) -> Result<(), Stop> {
        let mut writes = 1;
        while let Err(error) = self.engine.effects.set(key, value).await {
            self.pause_before_retry(error).await?;
            if !self.may_write().await? {
                return Err(Stop::Lost);
            }
            writes += 1;
        }
        if writes > 1 {
            // The next run goes on as soon as it sees one of these writes: none may take effect
            // after that.
            self.engine
                .effects
                .sleep(self.engine.settings.write_delay)
                .await;
        }
        Ok(())
    }

    /// Makes `next` the job's root.
    async fn publish_root(&mut self, next: Root) -> Result<(), Stop> {
        let bytes = encode_root(&next)?;
        // Whether this fails or not, there may be a root that names them from now on.
        self.unreferenced.clear();
        self.write_fenced(&keys::root(&next.id), &bytes).await?;
        self.root = next;
        Ok(())
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
        self.renew_if_half_spent().await
    }

    /// Deletes everything that was uploaded, as [`Self::delete_upload`] does.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn delete_uploads(&mut self) -> Result<(), Stop> {
        for index in 0..self.root.uploads.len() {
            self.delete_upload(index).await?;
        }
        Ok(())
    }

    /// Checks that this run may write.
    async fn fence(&self) -> Result<(), Stop> {
        // A damaged end is no outcome; the end of this run will replace it.
        if let Some(end) = self.get(&keys::end(&self.root.id)).await?
            && !is_damaged(&end)
        {
            return Err(Stop::Ended);
        }
        let root =
            self.retry_while_leased(async || read_root(self.engine.effects, &self.root.id).await);
        match root.await? {
            Some(root) if root.stage.is_terminal() => return Err(Stop::Ended),
            Some(root) if root.seq == self.root.seq && root.epoch == self.root.epoch => {}
            Some(_) | None => return Err(Stop::Lost),
        }
        match self.may_write().await? {
            true => Ok(()),
            false => Err(Stop::Lost),
        }
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
            self.renew_if_half_spent().await?;
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
            self.renew_if_half_spent().await?;
            parts.push(self.write_part(name, count, &bytes).await?);
        }
        Ok(parts)
    }

    /// The time to wait before the next commit, so that commits keep their least distance.
    pub(crate) fn pause_before_commit(&self) -> Duration {
        let next = self.last_commit.map_or(Duration::ZERO, |last| {
            last + self.engine.settings.commit_interval
        });
        next.saturating_sub(self.engine.effects.monotonic())
    }

    /// Commits a change of the root. The values that it names must have been written before.
    /// `forecast` says when the next commit may be expected.
    ///
    /// # Errors
    /// [`Stop`]: the change was then applied as a whole, or not at all.
    pub(crate) async fn commit(
        &mut self,
        forecast: Forecast,
        change: impl FnOnce(&mut Root),
    ) -> Result<(), Stop> {
        let wait = self.pause_before_commit();
        if wait > Duration::ZERO {
            self.guarded(async {
                self.engine.effects.sleep(wait).await;
                Ok(())
            })
            .await?;
        }
        let mut next = self.root.clone();
        change(&mut next);
        if next.segments.len() > MAX_SEGMENTS {
            let obsolete = self.merge_segments(&mut next.segments, false).await?;
            next.leftovers
                .extend(obsolete.into_iter().map(|part| part.key));
        }
        self.renew_if_half_spent().await?;
        self.check_canceled().await?;
        self.fence().await?;
        let now = self.engine.effects.now();
        next.v = VERSION;
        next.touch(now, self.engine.settings);
        next.seq = self.root.seq + 1;
        next.epoch = self.lease.epoch().clone();
        next.set_due(forecast.due(now));
        next.fresh_until = now.plus(self.engine.settings.lease);
        self.publish_root(next).await?;
        self.last_commit = Some(self.engine.effects.monotonic());
        self.notify(&self.root).await;
        self.delete_leftovers_of_commit().await;
        Ok(())
    }

    /// Deletes what the last commit made superfluous. The root lists it until the next commit, so
    /// that after a crash the next run deletes it again.
    async fn delete_leftovers_of_commit(&mut self) {
        let mut kept = Vec::new();
        for key in std::mem::take(&mut self.root.leftovers) {
            if self.engine.effects.delete(&key).await.is_err() {
                kept.push(key);
            }
        }
        self.root.leftovers = kept;
    }

    /// Merges neighbouring segments up to the size of a value: all of them, or, while the job goes
    /// on, only as many as needed. Returns the parts that are no longer named.
    async fn merge_segments(
        &mut self,
        segments: &mut Vec<Part>,
        all: bool,
    ) -> Result<Vec<Part>, Stop> {
        let mut merged = Vec::new();
        let mut obsolete = Vec::new();
        for group in groups(segments) {
            match group {
                [one] => merged.push(one.clone()),
                [] => {}
                many if !all && many.len() < MAX_SEGMENTS / 4 => merged.extend_from_slice(many),
                many => {
                    let mut bytes = vec![b'['];
                    let mut count = 0;
                    for part in many {
                        let value = self
                            .read_value(&part.key)
                            .await?
                            .ok_or_else(|| Stop::Damaged(format!("{} is missing", part.key)))?;
                        let inner = value
                            .strip_prefix(b"[")
                            .and_then(|rest| rest.strip_suffix(b"]"))
                            .ok_or_else(|| Stop::Damaged(format!("{} is no list", part.key)))?;
                        if bytes.len() > 1 && !inner.is_empty() {
                            bytes.push(b',');
                        }
                        bytes.extend_from_slice(inner);
                        count += part.count as usize;
                    }
                    bytes.push(b']');
                    merged.push(self.write_part(keys::segment, count, &bytes).await?);
                    obsolete.extend_from_slice(many);
                }
            }
        }
        *segments = merged;
        Ok(obsolete)
    }

    /// Ends the job: merges the results, deletes the uploads, writes `end`, then the root, then
    /// deletes what is left.
    ///
    /// # Errors
    /// [`Stop`]: this run has not given the job its outcome then.
    pub(crate) async fn finish(
        &mut self,
        stage: Stage,
        failure: Option<Failure>,
    ) -> Result<Root, Stop> {
        self.check_may_finish().await?;
        if let Some(failure) = &failure {
            self.record_pending_failure(failure).await?;
        }
        let mut end = self.root.clone();
        let mut segments = std::mem::take(&mut end.segments);
        end.pending_failure = None;
        end.leftovers.extend_from_slice(&self.unreferenced);
        // A job may fail because a segment is lost, so a failure is written without reading any.
        let obsolete = match stage {
            Stage::Complete => self.merge_segments(&mut segments, true).await?,
            _ => Vec::new(),
        };
        let replaced = match stage {
            Stage::Complete => self.finish_library(&mut end, &segments, true).await?,
            Stage::Canceled => self.finish_library(&mut end, &segments, false).await?,
            _ => Vec::new(),
        };
        self.delete_uploads().await?;
        end.segments = segments;
        end.uploads.clear();
        end.leftovers
            .extend(obsolete.into_iter().chain(replaced).map(|part| part.key));
        end.leftovers
            .extend(end.plan.drain(..).map(|part| part.key));
        if end.report.is_some() && stage == Stage::Error {
            end.leftovers.extend(end.report.take().map(|part| part.key));
        }
        let photos = end.photos.iter_mut().filter_map(|photo| photo.part.take());
        end.leftovers.extend(photos.map(|part| part.key));
        end.leftovers.push(keys::cancel(&self.root.id));
        end.leftovers.push(keys::lease(&self.root.id));
        let now = self.engine.effects.now();
        end.v = VERSION;
        end.touch(now, self.engine.settings);
        if stage == Stage::Error {
            let settings = self.engine.settings;
            let retention = settings.failed_retention.min(settings.retention);
            end.expires = end.updated.plus(retention);
        }
        end.seq = self.root.seq + 1;
        end.epoch = self.lease.epoch().clone();
        end.stage = stage;
        end.failure = failure;
        end.set_due(Due::default());
        end.fresh_until = now;
        let bytes = encode_root(&end)?;
        // Nothing comes between the check and the write that it is for.
        let note = async || self.engine.note_for_webhook(&end.id).await;
        self.retry_while_leased(note).await?;
        self.check_may_finish().await?;
        self.write_fenced(&keys::end(&end.id), &bytes).await?;
        // The job has its outcome. What cannot be deleted now is deleted by a later inspection.
        let root = keys::root(&end.id);
        let written = self
            .retry_while_leased(async || self.engine.effects.set(&root, &bytes).await)
            .await;
        // A listener may ask for the results at once, and finds them.
        self.notify(&end).await;
        // Parts of a library are named by every end that this job might have: an inspection deletes
        // those that the one end does not name.
        if written.is_ok() && end.retry.is_none() {
            let _ = delete_leftovers(self.engine.effects, &mut end).await;
        }
        Ok(end)
    }

    /// Records the failure in the root before the uploads that show it are deleted.
    async fn record_pending_failure(&mut self, failure: &Failure) -> Result<(), Stop> {
        let has_uploads = self.root.uploads.iter().any(|upload| upload.chunks > 0);
        if !has_uploads || self.root.pending_failure.is_some() {
            return Ok(());
        }
        let now = self.engine.effects.now();
        let mut next = self.root.clone();
        next.touch(now, self.engine.settings);
        next.seq += 1;
        next.epoch = self.lease.epoch().clone();
        next.fresh_until = now.plus(self.engine.settings.lease);
        next.pending_failure = Some(failure.clone());
        // It names none of them.
        let unreferenced = std::mem::take(&mut self.unreferenced);
        self.publish_root(next).await?;
        self.unreferenced = unreferenced;
        Ok(())
    }

    /// Checks that this run may end the job; if not, deletes what it has written.
    async fn check_may_finish(&self) -> Result<(), Stop> {
        self.renew_if_half_spent().await?;
        let ready = self.fence().await;
        if let Err(Stop::Lost | Stop::Ended) = ready {
            self.delete_unreferenced().await;
        }
        ready
    }
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
