//! Admission of work that takes much processor time or memory. CPU-bound work: only so many photos
//! are decoded, and large files read, at the same time; the rest wait in a queue.
//!
//! Work that computes for seconds cannot renew its lease as often as it likes, and many of its kind
//! at once slow each other down until leases expire and the work is done again. So each asks for a
//! slot first. The same queue, under another key, bounds how many large answers are in memory. The
//! queue is one small document, shared by all runs: first come, first served. It is approximate,
//! because a store without atomic operations forgets entries that are written at the same moment:
//! such an entry is written again, with its old place, when its job next looks. What cannot be read
//! or written counts as admitted.
//!
//! Reading spines, which takes many times as long as a photo's decoding, has a queue of its own
//! with one slot less: whoever else computes does not wait behind it, and is never without a
//! processor.
//!
//! **Invariant:** waiting costs a job nothing but time. The lease is renewed meanwhile, a run whose
//! budget is short hands over, and the job keeps its place.

use std::time::Duration;

use futures::FutureExt;
use serde::{Deserialize, Serialize};

use crate::cadence::Forecast;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::run::Run;
use crate::settings::Settings;
use crate::storage::Stop;
use crate::time::Time;

/// The longest queue that is kept; later jobs are admitted, so that the document stays small.
const MAX_ENTRIES: usize = 500;

/// A job that computes, or waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    job: JobId,
    /// Time of its arrival: the queue is in this order.
    since: Time,
    /// Time after which the job is taken for gone, unless it renews its entry.
    until: Time,
}

/// The document under [`keys::COMPUTE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Queue {
    entries: Vec<Entry>,
}

impl Queue {
    fn read(bytes: Option<&[u8]>) -> Self {
        bytes
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default()
    }

    /// Drops the entries of jobs that are gone. One that is to last longer than an entry can is of
    /// a clock that has jumped.
    fn expire(&mut self, now: Time, life: Duration) {
        let latest = now.plus(life * 2);
        self.entries
            .retain(|entry| now < entry.until && entry.until <= latest);
    }

    /// Enters a job that came at `since`, or renews its entry; whether that changed the queue
    /// enough to be written.
    fn enter(&mut self, job: &JobId, since: Time, now: Time, life: Duration) -> bool {
        let until = now.plus(life);
        let has_room = self.entries.len() < MAX_ENTRIES;
        match self.entries.iter_mut().find(|entry| entry.job == *job) {
            Some(entry) if entry.until.since(now) > life / 2 => false,
            Some(entry) => {
                entry.until = until;
                true
            }
            None if has_room => {
                self.entries.push(Entry {
                    job: job.clone(),
                    since,
                    until,
                });
                true
            }
            None => false,
        }
    }

    /// Whether a job is among the first `slots`, or not in the queue at all.
    fn admits(&self, job: &JobId, slots: usize) -> bool {
        let Some(own) = self.entries.iter().find(|entry| entry.job == *job) else {
            return true;
        };
        let is_before = |entry: &&Entry| (entry.since, &entry.job) < (own.since, &own.job);
        self.entries.iter().filter(is_before).count() < slots
    }

    /// Time of a job's arrival, if it is in the queue.
    fn since(&self, job: &JobId) -> Option<Time> {
        let own = self.entries.iter().find(|entry| entry.job == *job);
        own.map(|entry| entry.since)
    }
}

/// Kind of computation, and so the queue that a job stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Decoding photos, reading large files: a second or two.
    Short,
    /// Reading spines: many seconds for each photo.
    Reading,
}

impl Work {
    fn key(self) -> &'static str {
        match self {
            Self::Short => keys::COMPUTE,
            Self::Reading => keys::READING,
        }
    }

    fn slots(self, settings: &Settings) -> usize {
        match self {
            Self::Short => settings.compute_slots,
            Self::Reading => settings.compute_slots.saturating_sub(1).max(1),
        }
    }
}

/// The outcome of waiting for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The job may compute; call [`Run::leave_compute`] afterwards.
    Admitted,
    /// The run's budget is better spent by the next run.
    HandOver,
}

/// Whether a job may go on after one look at the queue.
enum Look {
    Admitted,
    Waits,
}

impl<E: Effects> Run<'_, E> {
    /// Waits for a slot. While it waits, the job commits now and then, so that its watchers see
    /// that it is alive.
    ///
    /// # Errors
    /// [`Stop::Lost`], [`Stop::Canceled`], and those of a commit.
    pub(crate) async fn wait_to_compute(&mut self, work: Work) -> Result<Admission, Stop> {
        let settings = self.engine.settings;
        let came = self.engine.effects.now();
        let began = self.engine.effects.monotonic();
        // A quarter of the budget may be waited for; the next run has all of it again.
        let limit = settings.run_budget.map(|budget| began + budget / 4);
        let sign_of_life = settings.heartbeat.min(settings.stall / 4);
        loop {
            let until = self.engine.effects.monotonic() + sign_of_life;
            let until = limit.map_or(until, |limit| limit.min(until));
            let admitted = self
                .guarded(async { Ok(self.wait_in_queue(work, came, until).await) })
                .await?;
            if admitted {
                return Ok(Admission::Admitted);
            }
            self.commit(Forecast::Unknown, |_| {}).await?;
            if limit.is_some_and(|limit| self.engine.effects.monotonic() >= limit) {
                return Ok(Admission::HandOver);
            }
        }
    }

    /// Waits until this job is admitted, up to (monotonic) `until`; whether it is.
    async fn wait_in_queue(&self, work: Work, came: Time, until: Duration) -> bool {
        let effects = self.engine.effects;
        loop {
            if let Look::Admitted = self.look_at_queue(work, came).await {
                return true;
            }
            if effects.monotonic() >= until {
                return false;
            }
            effects.sleep(self.engine.settings.retry).await;
        }
    }

    /// Enters or renews this job's place in the queue.
    async fn look_at_queue(&self, work: Work, came: Time) -> Look {
        let slots = work.slots(self.engine.settings);
        let engine = self.engine;
        engine
            .look_at_queue(work.key(), &self.root.id, came, slots)
            .await
    }

    /// Extends the slot of a job that came at this time.
    pub(crate) async fn renew_compute(&self, work: Work, came: Time) {
        self.look_at_queue(work, came).await;
    }

    /// Gives the slot back.
    pub(crate) async fn leave_compute(&self, work: Work) {
        self.engine.leave_queue(work.key(), &self.root.id).await;
    }

    /// A function for work that computes without waiting: called often, it renews the lease and the
    /// slot when it is time. The stores of platforms answer within the call; of one that does not,
    /// nothing is renewed.
    pub(crate) fn pulse(&self, work: Work) -> impl FnMut() + '_ {
        let (effects, settings) = (self.engine.effects, self.engine.settings);
        let came = effects.now();
        let mut last = effects.monotonic();
        move || {
            let now = effects.monotonic();
            if now.saturating_sub(last) >= settings.lease_renew {
                last = now;
                // Whether the lease is lost is found out when the work is done.
                let _ = self.renew_lease().now_or_never();
                let _ = self.look_at_queue(work, came).now_or_never();
            }
        }
    }
}

/// Number of invocations that may hold a large answer in memory at the same time.
const LARGE_ANSWERS: usize = 2;

/// A place in one of the queues, of an invocation that is no run of a job: see
/// [`Engine::wait_for_turn`].
#[derive(Debug)]
pub struct QueueTurn {
    /// The queue's document.
    key: &'static str,
    slots: usize,
    /// The invocation's name in the queue.
    token: JobId,
    came: Time,
}

impl<E: Effects> Engine<'_, E> {
    /// A place in the queue of those who are to hold a large answer in memory.
    #[must_use]
    pub fn memory_turn(&self) -> QueueTurn {
        self.turn(keys::MEMORY_QUEUE, LARGE_ANSWERS)
    }

    /// A place in the queue of those who are to read a large file.
    #[must_use]
    pub fn compute_turn(&self) -> QueueTurn {
        self.turn(keys::COMPUTE, self.settings.compute_slots)
    }

    fn turn(&self, key: &'static str, slots: usize) -> QueueTurn {
        QueueTurn {
            key,
            slots,
            token: JobId::from_bytes(self.effects.random()),
            came: self.effects.now(),
        }
    }

    /// Waits for a turn, up to `limit`; whether it has come. Call [`Self::end_turn`] in either
    /// case, when the memory is free again or the work done.
    pub async fn wait_for_turn(&self, turn: &QueueTurn, limit: Duration) -> bool {
        let until = self.effects.monotonic() + limit;
        loop {
            let look = self.look_at_queue(turn.key, &turn.token, turn.came, turn.slots);
            if let Look::Admitted = look.await {
                return true;
            }
            if self.effects.monotonic() >= until {
                return false;
            }
            self.effects.sleep(self.settings.retry).await;
        }
    }

    /// Gives the turn to the next.
    pub async fn end_turn(&self, turn: QueueTurn) {
        self.leave_queue(turn.key, &turn.token).await;
    }

    /// Enters or renews a place in a queue; whether it is among the first `slots`.
    async fn look_at_queue(&self, key: &str, token: &JobId, came: Time, slots: usize) -> Look {
        let (effects, life) = (self.effects, self.settings.lease);
        let Ok(bytes) = effects.get(key).await else {
            return Look::Admitted;
        };
        let now = effects.now();
        let mut queue = Queue::read(bytes.as_deref());
        queue.expire(now, life);
        let since = queue.since(token).unwrap_or(came);
        if queue.enter(token, since, now, life) {
            self.write_queue(key, &queue).await;
        }
        match queue.admits(token, slots) {
            true => Look::Admitted,
            false => Look::Waits,
        }
    }

    async fn leave_queue(&self, key: &str, token: &JobId) {
        let Ok(bytes) = self.effects.get(key).await else {
            return;
        };
        let mut queue = Queue::read(bytes.as_deref());
        let before = queue.entries.len();
        queue.entries.retain(|entry| entry.job != *token);
        if queue.entries.len() < before {
            self.write_queue(key, &queue).await;
        }
    }

    async fn write_queue(&self, key: &str, queue: &Queue) {
        // What is not written is written with the next look.
        if let Ok(bytes) = serde_json::to_vec(queue) {
            let _ = self.effects.set(key, &bytes).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(3);

    fn id(name: &str) -> JobId {
        JobId::parse(name).unwrap()
    }

    fn at(ms: u64) -> Time {
        Time(1_000_000 + ms)
    }

    #[test]
    fn the_first_that_came_compute_and_the_rest_wait_in_order() {
        let mut queue = Queue::default();
        for (name, came) in [("c", 3), ("a", 1), ("d", 4), ("b", 2)] {
            assert!(queue.enter(&id(name), at(came), at(5), LIFE));
        }
        let admitted = |queue: &Queue| {
            ["a", "b", "c", "d"]
                .into_iter()
                .filter(|name| queue.admits(&id(name), 2))
                .collect::<Vec<_>>()
        };
        assert_eq!(admitted(&queue), ["a", "b"]);
        queue.entries.retain(|entry| entry.job != id("a"));
        assert_eq!(
            admitted(&queue),
            ["a", "b", "c"],
            "who is not in the queue is free to try"
        );
        assert!(!queue.admits(&id("d"), 2));
    }

    #[test]
    fn who_dies_is_forgotten_after_a_lease_and_a_clock_that_jumped_holds_nobody() {
        let mut queue = Queue::default();
        queue.enter(&id("dead"), at(0), at(0), LIFE);
        queue.enter(&id("future"), at(0), at(3_600_000), LIFE);
        queue.enter(&id("late"), at(2_000), at(2_000), LIFE);
        queue.expire(at(3_000), LIFE);
        assert_eq!(queue.since(&id("dead")), None);
        assert_eq!(queue.since(&id("future")), None);
        assert_eq!(queue.since(&id("late")), Some(at(2_000)));
    }

    #[test]
    fn an_entry_is_renewed_when_half_of_its_life_is_over() {
        let mut queue = Queue::default();
        assert!(queue.enter(&id("a"), at(0), at(0), LIFE));
        assert!(!queue.enter(&id("a"), at(0), at(1_000), LIFE));
        assert!(queue.enter(&id("a"), at(0), at(1_500), LIFE));
        queue.expire(at(4_000), LIFE);
        assert_eq!(queue.since(&id("a")), Some(at(0)), "with its old place");
    }

    #[test]
    fn the_document_stays_small_and_damage_counts_as_nothing() {
        let mut queue = Queue::default();
        for number in 0..MAX_ENTRIES + 10 {
            queue.enter(&id(&format!("job-{number}")), at(0), at(0), LIFE);
        }
        assert_eq!(queue.entries.len(), MAX_ENTRIES);
        assert!(queue.admits(&id("another"), 2));
        assert_eq!(Queue::read(Some(b"\x00{")), Queue::default());
        assert_eq!(Queue::read(None), Queue::default());
    }
}
