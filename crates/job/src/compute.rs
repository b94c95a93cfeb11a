//! Admission of work that takes much processor time or memory. CPU-bound work: only so many photos
//! are decoded, and large files read, at the same time; the rest wait in a queue.
//!
//! Work that computes for seconds cannot renew its lease as often as it likes, and many of its kind
//! at once slow each other down until leases expire and the work is done again. So each asks for a
//! slot first. The same queue, under another key, bounds how many large answers are in memory. Each
//! client has its share, and work that takes long leaves a slot to shorter work. The queue is one
//! small document, shared by all runs. It is approximate,
//! because a store without atomic operations forgets entries that are written at the same moment:
//! such an entry is written again, with its old place, when its job next looks. What cannot be read
//! or written counts as admitted.
//!
//! Reading spines, which takes many times as long as a photo's decoding, has a queue of its own
//! with one slot less: whoever else computes does not wait behind it, and is never without a
//! processor.
//!
//! **Invariant:** waiting costs a job nothing but time. The lease is renewed meanwhile, a run whose
//! budget is short hands over, and the job keeps its place. Nor does it cost others memory: who has
//! received an upload, or has computed before, hands over to a run that waits with empty hands.
//! Those who wait would otherwise have the memory that those who compute need.

mod queue;

use std::time::Duration;

use futures::FutureExt;

use crate::cadence::Forecast;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::run::Run;
use crate::secret::Client;
use crate::settings::Settings;
use crate::storage::Stop;
use crate::time::millis;

use queue::{Queue, Slots, Standing, Ticket};

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

    fn slots(self, settings: &Settings) -> Slots {
        let less = settings.compute_slots.saturating_sub(1).max(1);
        let all = match self {
            Self::Short => settings.compute_slots,
            Self::Reading => less,
        };
        Slots { all, long: less }
    }
}

/// A place in one of the queues. Who has one is admitted, or waits for it; give it back by
/// [`Engine::end_turn`].
#[derive(Debug)]
pub struct QueueTurn {
    /// The queue's document.
    key: &'static str,
    slots: Slots,
    ticket: Ticket,
    /// Time for which the queue keeps the place unless it is renewed.
    life: Duration,
    /// Monotonic time since which it has waited in vain, once that has been logged.
    waits_since: Option<Duration>,
}

impl QueueTurn {
    /// Estimated time to read a library of so many bytes on a machine that does nothing else: a
    /// second and a half for a megabyte, as of an export of 10,000 rows. However small a workbook
    /// is, it is worth the wait: what it unpacks to is not known before it is read.
    #[must_use]
    pub fn time_to_read(bytes: u64, is_workbook: bool) -> Duration {
        let (micros, least) = match is_workbook {
            true => (bytes * 4, LONG_ENOUGH_TO_WAIT),
            false => (bytes * 3 / 2, Duration::ZERO),
        };
        Duration::from_micros(micros).clamp(least, Duration::from_secs(4))
    }

    /// Estimated time to decode a photo of so many pixels on a machine that does nothing else.
    #[must_use]
    pub fn time_to_decode(pixels: u64) -> Duration {
        Duration::from_nanos(pixels * 36)
    }

    /// A line for the log about the wait in a queue.
    fn line(&self) -> serde_json::Value {
        let queue = match self.key {
            keys::READING => "reading",
            keys::MEMORY_QUEUE => "memory",
            _ => "compute",
        };
        serde_json::json!({"queue": queue, "turn": self.ticket.token})
    }
}

impl<E: Effects> Run<'_, E> {
    /// Waits for a slot for work that `takes` about so long; `None` when the next run had better
    /// wait on, because of this one's budget or of the memory that it holds. While it waits, the
    /// job commits now and then, so that its watchers see that it is alive.
    ///
    /// # Errors
    /// [`Stop::Lost`], [`Stop::Canceled`], and those of a commit.
    pub(crate) async fn wait_to_compute(
        &mut self,
        work: Work,
        takes: Duration,
    ) -> Result<Option<QueueTurn>, Stop> {
        let settings = self.engine.settings;
        let mut turn = QueueTurn {
            key: work.key(),
            slots: work.slots(settings),
            ticket: Ticket {
                token: self.root.id.clone(),
                // A client that is not known may be many: each job is on its own then.
                share: match self.root.client.as_str() {
                    "" => self.root.id.to_string(),
                    client => client.to_owned(),
                },
                came: self.engine.effects.now(),
                takes,
                place: Some(self.root.queue_place).filter(|place| *place > 0),
                is_admitted: false,
            },
            life: settings.lease,
            waits_since: None,
        };
        let began = self.engine.effects.monotonic();
        // A quarter of the budget may be waited for; the next run has all of it again.
        let limit = settings.run_budget.map(|budget| budget / 4);
        let limit = match self.holds_memory {
            true => Some(limit.map_or(HELD_WHILE_WAITING, |limit| limit.min(HELD_WHILE_WAITING))),
            false => limit,
        };
        let limit = limit.map(|limit| began + limit);
        let sign_of_life = settings.heartbeat.min(settings.stall / 4);
        loop {
            let until = self.engine.effects.monotonic() + sign_of_life;
            let until = limit.map_or(until, |limit| limit.min(until));
            let admitted = self
                .guarded(async { Ok(self.engine.wait_until(&mut turn, until).await) })
                .await?;
            if admitted {
                self.holds_memory = true;
                // The next commit says so.
                self.root.queue_place = 0;
                return Ok(Some(turn));
            }
            let place = turn.ticket.place.unwrap_or_default();
            self.commit(Forecast::Unknown, |root| root.queue_place = place)
                .await?;
            if limit.is_some_and(|limit| self.engine.effects.monotonic() >= limit) {
                return Ok(None);
            }
        }
    }

    /// A function for work that computes without waiting: called often, it renews the lease and the
    /// slot when it is time. The stores of platforms answer within the call; of one that does not,
    /// nothing is renewed.
    pub(crate) fn pulse<'t>(&'t self, turn: &'t mut QueueTurn) -> impl FnMut() + 't {
        let (effects, settings) = (self.engine.effects, self.engine.settings);
        let mut last = effects.monotonic();
        move || {
            let now = effects.monotonic();
            if now.saturating_sub(last) >= settings.lease_renew {
                last = now;
                // Whether the lease is lost is found out when the work is done.
                let _ = self.renew_lease().now_or_never();
                let _ = self.engine.renew_turn(turn).now_or_never();
            }
        }
    }
}

/// Time for which a run that holds memory waits for its turn itself.
const HELD_WHILE_WAITING: Duration = Duration::from_secs(1);

/// Number of invocations that may hold a large answer in memory at the same time.
const LARGE_ANSWERS: usize = 2;

impl<E: Effects> Engine<'_, E> {
    /// A place in the queue of those who are to hold so many bytes of an answer in memory.
    #[must_use]
    pub fn memory_turn(&self, client: Option<&Client>, bytes: u64) -> QueueTurn {
        let slots = Slots {
            all: LARGE_ANSWERS,
            long: LARGE_ANSWERS,
        };
        // A megabyte counts as much as a second.
        let takes = Duration::from_micros(bytes);
        self.turn(keys::MEMORY_QUEUE, slots, client, takes)
    }

    /// A place in the queue of those who are to compute about so long, as
    /// [`QueueTurn::time_to_read`] says.
    #[must_use]
    pub fn compute_turn(&self, client: Option<&Client>, takes: Duration) -> QueueTurn {
        let slots = Work::Short.slots(self.settings);
        self.turn(keys::COMPUTE, slots, client, takes)
    }

    fn turn(
        &self,
        key: &'static str,
        slots: Slots,
        client: Option<&Client>,
        takes: Duration,
    ) -> QueueTurn {
        let token = JobId::from_bytes(self.effects.random());
        QueueTurn {
            key,
            slots,
            ticket: Ticket {
                share: client.map_or_else(|| token.to_string(), |client| client.0.clone()),
                token,
                came: self.effects.now(),
                takes,
                place: None,
                is_admitted: false,
            },
            life: self.settings.lease,
            waits_since: None,
        }
    }

    /// Waits for a turn, up to `limit`; whether it has come. Call [`Self::end_turn`] in either
    /// case, when the memory is free again or the work done.
    pub async fn wait_for_turn(&self, turn: &mut QueueTurn, limit: Duration) -> bool {
        let until = self.effects.monotonic() + limit;
        self.wait_until(turn, until).await
    }

    /// Waits for a turn to read a file, up to `limit`, as [`Self::wait_for_turn`] does. Nothing
    /// renews it while the file is read, so it lasts for twice the time that this takes.
    pub async fn wait_to_read(&self, turn: &mut QueueTurn, limit: Duration) -> bool {
        let has_turn = self.wait_for_turn(turn, limit).await;
        if has_turn {
            self.renew_turn_for(turn, turn.ticket.takes * 2).await;
        }
        has_turn
    }

    /// Waits until the turn has come, up to (monotonic) `until`; whether it has.
    async fn wait_until(&self, turn: &mut QueueTurn, until: Duration) -> bool {
        loop {
            let look = self.look_at_queue(turn).await;
            let now = self.effects.monotonic();
            let Standing::Waits(ahead) = look else {
                if let Some(since) = turn.waits_since.take() {
                    let mut line = turn.line();
                    line["waitedMs"] = millis(now.saturating_sub(since)).into();
                    self.effects.log("turn-came", line);
                }
                return true;
            };
            if turn.waits_since.is_none() {
                turn.waits_since = Some(now);
                self.effects.log("turn-awaited", turn.line());
            }
            if now >= until {
                return false;
            }
            let (pause, life) = pace(self.settings, turn.slots, ahead);
            // Until it is renewed the place lasts as long as it was said to before.
            let pause = pause.min(turn.life / 2);
            turn.life = life;
            self.effects
                .sleep(pause.min(until.saturating_sub(now)))
                .await;
        }
    }

    /// Ends the turn: the next in the queue has it. Does nothing when the store fails; the turn
    /// then ends by itself when its time is over.
    pub async fn end_turn(&self, turn: QueueTurn) {
        if turn.waits_since.is_some() {
            self.effects.log("turn-given-up", turn.line());
        }
        let Ok(bytes) = self.effects.get(turn.key).await else {
            return;
        };
        let mut queue = Queue::read(bytes.as_deref());
        if queue.leave(&turn.ticket) {
            self.write_queue(turn.key, &queue).await;
        }
    }

    /// Keeps the turn for longer.
    pub(crate) async fn renew_turn(&self, turn: &mut QueueTurn) {
        self.look_at_queue(turn).await;
    }

    /// Keeps the turn for `time` longer than usual: for work that nothing renews it during.
    pub(crate) async fn renew_turn_for(&self, turn: &mut QueueTurn, time: Duration) {
        turn.life = self.settings.lease + time;
        self.look_at_queue(turn).await;
    }

    /// Enters or renews a place in a queue; whether its turn has come.
    async fn look_at_queue(&self, turn: &mut QueueTurn) -> Standing {
        let Ok(bytes) = self.effects.get(turn.key).await else {
            return Standing::Admitted;
        };
        let now = self.effects.now();
        let mut queue = Queue::read(bytes.as_deref());
        queue.expire(now, longest_life(self.settings));
        let (look, changed) = queue.look(&mut turn.ticket, now, turn.life, turn.slots);
        if look == Standing::Admitted {
            turn.life = self.settings.lease;
        }
        if changed {
            self.write_queue(turn.key, &queue).await;
        }
        look
    }

    async fn write_queue(&self, key: &str, queue: &Queue) {
        // What is not written is written with the next look.
        if let Ok(bytes) = serde_json::to_vec(queue) {
            let _ = self.effects.set(key, &bytes).await;
        }
    }
}

/// The pause of one with so many `ahead` until it looks again, and the time for which its place is
/// kept. Whoever is far behind looks seldom, and writes more seldom still: where hundreds wait, the
/// queue would else be written so often that what one writes is lost to another.
fn pace(settings: &Settings, slots: Slots, ahead: usize) -> (Duration, Duration) {
    let turns = u32::try_from(1 + ahead / slots.all.max(1)).unwrap_or(u32::MAX);
    let pause = settings.retry.saturating_mul(turns);
    let pause = pause.min(settings.lease.max(settings.retry));
    (pause, settings.lease + pause * 2)
}

/// The longest time for which a place is kept.
fn longest_life(settings: &Settings) -> Duration {
    settings.lease + settings.lease.max(settings.retry) * 2
}

/// Estimated time from which on work is admitted before it begins.
pub const LONG_ENOUGH_TO_WAIT: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_far_behind_looks_seldom_and_keeps_the_place() {
        for settings in [
            Settings::local(),
            Settings::cloud(),
            Settings::fermyon_cloud(),
        ] {
            let slots = Work::Short.slots(&settings);
            let next = pace(&settings, slots, 0);
            assert_eq!(next.0, settings.retry);
            let mut before = next;
            for ahead in 1..1_000 {
                let (pause, life) = pace(&settings, slots, ahead);
                assert!(pause >= before.0 && life <= longest_life(&settings));
                // It is renewed when half of it is over, and may be looked at a pause later.
                assert!(life / 2 >= pause + settings.lease / 2, "{ahead}");
                before = (pause, life);
            }
            assert_eq!(before, (settings.lease, settings.lease * 3));
        }
    }

    #[test]
    fn a_workbook_is_worth_the_wait_however_small_it_is() {
        assert!(QueueTurn::time_to_read(1, true) >= LONG_ENOUGH_TO_WAIT);
        assert!(QueueTurn::time_to_read(400_000, true) > QueueTurn::time_to_read(1, true));
        assert!(QueueTurn::time_to_read(100_000, false) < LONG_ENOUGH_TO_WAIT);
    }
}
