//! The commit protocol: everything that writes a root or an end, each behind a fence.

use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::Run;
use crate::cadence::{Due, Forecast};
use crate::document::{Event, Failure, Part, Root, Stage, VERSION};
use crate::effects::Effects;
use crate::keys;
use crate::storage::{Stop, delete_leftovers, encode_root, groups, is_damaged, read_root};
use crate::time::Time;

/// Number of segments above which neighbours are merged.
const MAX_SEGMENTS: usize = 14;

impl<E: Effects> Run<'_, E> {
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
        let mut next = self.root.clone();
        change(&mut next);
        self.commit_root(forecast, next).await
    }

    /// Commits `next`. It knows nothing of the change, so that a component has the code of it once.
    async fn commit_root(&mut self, forecast: Forecast, mut next: Root) -> Result<(), Stop> {
        let wait = self.pause_before_commit();
        if wait > Duration::ZERO {
            self.guarded(async {
                self.engine.effects.sleep(wait).await;
                Ok(())
            })
            .await?;
        }
        if next.segments.len() > MAX_SEGMENTS {
            let obsolete = self.merge_segments(&mut next.segments, false).await?;
            next.leftovers
                .extend(obsolete.into_iter().map(|part| part.key));
        }
        self.renew_when_due().await?;
        self.check_canceled().await?;
        self.fence().await?;
        let now = self.engine.effects.now();
        next.v = VERSION;
        next.touch(now, self.engine.settings);
        next.seq = self.root.seq + 1;
        next.epoch = self.lease.epoch().clone();
        next.set_due(forecast.due(now));
        next.fresh_until = now.plus(self.engine.settings.lease);
        self.note_run(&mut next, now);
        self.note_commit(&mut next, now);
        self.publish_root(next).await?;
        self.last_commit = Some(self.engine.effects.monotonic());
        self.notify(&self.root).await;
        self.delete_leftovers_of_commit().await;
        Ok(())
    }

    /// Notes in `next`, the first root of this run, that it has begun.
    fn note_run(&self, next: &mut Root, now: Time) {
        let Some(event) = self.begun_by.filter(|_| next.epoch != self.root.epoch) else {
            return;
        };
        let after = now.since(next.created).saturating_sub(self.elapsed());
        next.course.note(after, event(next.epoch.term));
    }

    /// Notes in `next` what its commit is of.
    fn note_commit(&self, next: &mut Root, now: Time) {
        let after = now.since(next.created);
        let event = match next.stage {
            Stage::Analyzing => Event::Analyzed(next.processed_photos().into()),
            _ => Event::LookedUp(next.processed().into()),
        };
        next.course.note(after, event);
        let waits = |root: &Root, name: &str| {
            let outage = root.outages.get(name);
            outage.is_some_and(|outage| outage.waits_until.is_some())
        };
        let mut course = std::mem::take(&mut next.course);
        for name in next.outages.keys() {
            if waits(next, name) && !waits(&self.root, name) {
                course.note(after, Event::Waits(name));
            }
        }
        next.course = course;
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
    ///
    /// Boxed, so that a component has the code of it once.
    pub(crate) fn finish(
        &mut self,
        stage: Stage,
        failure: Option<Failure>,
    ) -> LocalBoxFuture<'_, Result<Root, Stop>> {
        self.write_end(stage, failure).boxed_local()
    }

    async fn write_end(&mut self, stage: Stage, failure: Option<Failure>) -> Result<Root, Stop> {
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
            _ => self.finish_library(&mut end, &segments, false).await?,
        };
        self.delete_uploads().await?;
        end.segments = segments;
        end.uploads.clone_from(&self.root.uploads);
        end.forget_uploads();
        end.leftovers
            .extend(obsolete.into_iter().chain(replaced).map(|part| part.key));
        end.stage = stage;
        // What nobody reached is in the results, and a retry does it.
        if end.unreached() == 0 {
            end.leftovers
                .extend(end.plan.drain(..).map(|part| part.key));
        }
        let has_results = end.results() > 0;
        if stage == Stage::Error && !has_results {
            end.leftovers.extend(end.report.take().map(|part| part.key));
        }
        let photos = end.photos.iter_mut().filter_map(|photo| photo.part.take());
        end.leftovers.extend(photos.map(|part| part.key));
        end.leftovers.push(keys::cancel(&self.root.id));
        end.leftovers.push(keys::lease(&self.root.id));
        let now = self.engine.effects.now();
        end.v = VERSION;
        end.touch(now, self.engine.settings);
        if stage != Stage::Complete && end.uploads.is_empty() && !has_results {
            let settings = self.engine.settings;
            let retention = settings.failed_retention.min(settings.retention);
            end.expires = end.updated.plus(retention);
        }
        end.seq = self.root.seq + 1;
        end.epoch = self.lease.epoch().clone();
        end.failure = failure;
        end.set_due(Due::default());
        end.fresh_until = now;
        self.note_run(&mut end, now);
        let bytes = encode_root(&end)?;
        // Nothing comes between the check and the write that it is for.
        let claim = self.tells.then(|| self.lease.epoch());
        let note = async || self.engine.note_for_webhook(&end.id, claim).await;
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
        self.renew_when_due().await?;
        let ready = self.fence().await;
        if let Err(Stop::Lost | Stop::Ended) = ready {
            self.delete_unreferenced().await;
        }
        ready
    }
}
