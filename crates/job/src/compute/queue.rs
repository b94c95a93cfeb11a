//! The queue of work that takes much of the machine: one small document, shared by all who wait.
//!
//! Fair queueing: every share, which is a client where clients are known, has its own time, which
//! goes on by what its work takes; work is done in the order in which it would be over if all
//! shares were served at the same pace. So small work does not wait for all the large work that
//! came before, and much work of one client waits for itself.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::JobId;
use crate::time::{Time, millis};

/// Largest number of entries that are kept. Everybody who waits reads them at each look, and keeps
/// the memory that this takes: it is what hundreds who wait cost. They last for longer than the
/// others, who wait outside, look away.
const MAX_ENTRIES: usize = 64;

/// Largest number of shares of which it is kept how far ahead they are.
const MAX_SHARES: usize = 128;

/// Length, in milliseconds, above which work is long, and leaves one place to shorter work.
const LONG: u64 = 1_000;

/// Numbers of works that may be done at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) all: usize,
    /// Number of them for work that is [`LONG`].
    pub(super) long: usize,
}

/// A place in the queue, as the one who waits for it knows it.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) token: JobId,
    /// The client whose share of the machine this place uses; empty where clients are not known.
    pub(super) share: String,
    pub(super) came: Time,
    /// Estimated time of the work on a machine that does nothing else.
    pub(super) takes: Duration,
    /// Place in the order of the queue, given at the first look: an entry that the store has lost
    /// is written again with it, and who waits outside comes in before those who came later.
    pub(super) place: Option<u64>,
    pub(super) is_admitted: bool,
}

/// A job that computes, or waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    job: JobId,
    since: Time,
    /// Time after which the entry is dropped, unless it was renewed.
    until: Time,
    #[serde(default)]
    share: String,
    /// Estimated time of the work, in milliseconds.
    #[serde(default)]
    takes: u64,
    /// Time at which the work would be over, by the clock of the queue.
    #[serde(default)]
    place: u64,
    #[serde(default)]
    computes: bool,
}

impl Entry {
    fn is_long(&self) -> bool {
        self.takes > LONG
    }

    /// What entries are ordered by.
    fn order(&self) -> (u64, Time, &JobId) {
        (self.place, self.since, &self.job)
    }
}

/// The document that lists all who compute or wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Queue {
    entries: Vec<Entry>,
    /// Clock of the queue: the milliseconds that each share has been served since the queue was
    /// last empty.
    #[serde(default)]
    now: u64,
    /// Shares that are ahead of the clock, each with the milliseconds that it has been, or is to
    /// be, served.
    #[serde(default)]
    ahead: BTreeMap<String, u64>,
}

/// Whether a job may compute, or has to wait for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Admitted,
    /// The job waits: this number of others come first.
    Waits(usize),
}

/// Estimated time of the work, in milliseconds.
fn takes(ticket: &Ticket) -> u64 {
    millis(ticket.takes).max(1)
}

impl Queue {
    pub(super) fn read(bytes: Option<&[u8]>) -> Self {
        bytes
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default()
    }

    /// Drops the entries of those that are gone. One that is to last longer than an entry can is of
    /// a clock that has jumped.
    pub(super) fn expire(&mut self, now: Time, life: Duration) {
        let latest = now.plus(life * 2);
        self.entries
            .retain(|entry| now < entry.until && entry.until <= latest);
        self.forget();
    }

    /// Forgets what shares were served when nobody waits.
    fn forget(&mut self) {
        if self.entries.is_empty() {
            *self = Self::default();
        }
        let now = self.now;
        self.ahead.retain(|_, ahead| *ahead > now);
        while self.ahead.len() > MAX_SHARES {
            let least = self.ahead.iter().min_by_key(|(_, ahead)| **ahead);
            if let Some(share) = least.map(|(share, _)| share.clone()) {
                self.ahead.remove(&share);
            }
        }
    }

    /// Enters or renews what `ticket` stands for, and lets it compute when it is its turn. The
    /// second answer is whether that changed the queue enough to be written.
    pub(super) fn look(
        &mut self,
        ticket: &mut Ticket,
        now: Time,
        life: Duration,
        slots: Slots,
    ) -> (Standing, bool) {
        let is_own = |entry: &Entry| entry.job == ticket.token;
        let found = self.entries.iter().position(is_own);
        let is_new = found.is_none();
        let at = match found {
            Some(at) => at,
            None => {
                let (place, is_noted) = self.place(ticket);
                ticket.place = Some(place);
                if !self.has_room_for(ticket, place) {
                    // Who computes already goes on.
                    let look = match ticket.is_admitted {
                        true => Standing::Admitted,
                        false => Standing::Waits(MAX_ENTRIES),
                    };
                    return (look, is_noted);
                }
                self.enter(ticket, place, now.plus(life))
            }
        };
        let entry = &mut self.entries[at];
        ticket.place = Some(entry.place);
        let is_due = entry.until.since(now) <= life / 2;
        if is_due {
            entry.until = now.plus(life);
        }
        let was_computing = entry.computes;
        entry.computes |= ticket.is_admitted;
        let look = self.turn(at, slots);
        if look == Standing::Admitted && !self.entries[at].computes {
            self.entries[at].computes = true;
            self.serve(self.entries[at].takes);
        }
        ticket.is_admitted = look == Standing::Admitted;
        let changed = is_new || is_due || self.entries[at].computes != was_computing;
        (look, changed)
    }

    /// The place of who is not in the queue: the one given before, unless the clock has begun anew.
    /// The second answer is whether others of the same share are put behind it by that.
    fn place(&mut self, ticket: &Ticket) -> (u64, bool) {
        let ahead = self.ahead.get(&ticket.share).copied().unwrap_or_default();
        let ahead = ahead.max(self.now);
        let new = ahead + takes(ticket);
        let place = ticket.place.map_or(new, |place| place.min(new));
        // A share of one job's own has no other job to be put behind this one.
        let is_noted = ticket.place != Some(place) && ticket.share != ticket.token.as_str();
        if is_noted {
            self.ahead.insert(ticket.share.clone(), place);
        }
        (place, is_noted)
    }

    /// Whether there is room for one more at this place. In a full queue who would be last gives
    /// way.
    fn has_room_for(&mut self, ticket: &Ticket, place: u64) -> bool {
        if self.entries.len() < MAX_ENTRIES {
            return true;
        }
        let waiting = (0..self.entries.len()).filter(|at| !self.entries[*at].computes);
        let last = waiting.max_by_key(|at| self.entries[*at].order());
        let own = (place, ticket.came, &ticket.token);
        let gives_way = last.filter(|at| self.entries[*at].order() > own);
        gives_way.map(|at| self.entries.swap_remove(at)).is_some()
    }

    fn enter(&mut self, ticket: &Ticket, place: u64, until: Time) -> usize {
        self.entries.push(Entry {
            job: ticket.token.clone(),
            since: ticket.came,
            until,
            share: ticket.share.clone(),
            takes: takes(ticket),
            place,
            computes: false,
        });
        self.entries.len() - 1
    }

    /// The time goes on by what all shares that want something get of this work.
    fn serve(&mut self, takes: u64) {
        let shares: HashSet<&str> = self.entries.iter().map(|e| e.share.as_str()).collect();
        self.now += takes / (shares.len() as u64).max(1);
    }

    /// Whether entry `at` may compute beside those that do.
    fn turn(&self, at: usize, slots: Slots) -> Standing {
        let own = &self.entries[at];
        if own.computes {
            return Standing::Admitted;
        }
        let computing = || self.entries.iter().filter(|entry| entry.computes);
        let mut free = slots.all.saturating_sub(computing().count());
        let long = computing().filter(|entry| entry.is_long()).count();
        let mut free_for_long = slots.long.saturating_sub(long);
        let before = |entry: &&Entry| !entry.computes && entry.order() < own.order();
        let mut first: Vec<&Entry> = Vec::new();
        for entry in self.entries.iter().filter(before) {
            let place = first.partition_point(|known| known.order() <= entry.order());
            first.insert(place, entry);
        }
        for entry in first.iter().copied().chain([own]) {
            let has_slot = free > 0 && (free_for_long > 0 || !entry.is_long());
            if !has_slot {
                continue;
            }
            if entry.job == own.job {
                return Standing::Admitted;
            }
            free -= 1;
            free_for_long -= usize::from(entry.is_long());
        }
        Standing::Waits(first.len())
    }

    /// Takes out what `ticket` stands for; whether that is to be written. Who has not computed is
    /// not put behind others for it the next time.
    pub(super) fn leave(&mut self, ticket: &Ticket) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.job != ticket.token);
        let mut has_left = self.entries.len() < before;
        let ahead = self.ahead.get_mut(&ticket.share);
        let own = ahead.filter(|ahead| !ticket.is_admitted && Some(**ahead) == ticket.place);
        if let Some(ahead) = own {
            *ahead = ahead.saturating_sub(takes(ticket));
            has_left = true;
        }
        self.forget();
        has_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(3);
    const TWO: Slots = Slots { all: 2, long: 1 };
    const ONE: Slots = Slots { all: 1, long: 1 };

    fn at(ms: u64) -> Time {
        Time(1_000_000 + ms)
    }

    fn ticket(name: &str, share: &str, came: u64, takes: u64) -> Ticket {
        Ticket {
            token: JobId::parse(name).unwrap(),
            share: share.to_owned(),
            came: at(came),
            takes: Duration::from_millis(takes),
            place: None,
            is_admitted: false,
        }
    }

    /// Lets all compute one after the other, in the order in which they come into their own.
    fn order(queue: &mut Queue, tickets: &mut Vec<Ticket>, slots: Slots) -> Vec<String> {
        let mut order = Vec::new();
        while !tickets.is_empty() {
            let mut look = |ticket: &mut Ticket| queue.look(ticket, at(9), LIFE, slots).0;
            let turn = (tickets.iter_mut()).position(|ticket| look(ticket) == Standing::Admitted);
            let done = tickets.remove(turn.expect("somebody is first"));
            assert!(queue.leave(&done));
            order.push(done.token.to_string());
        }
        order
    }

    fn enter(queue: &mut Queue, tickets: &mut [Ticket]) {
        for ticket in tickets {
            queue.look(ticket, at(9), LIFE, Slots { all: 0, long: 0 });
        }
    }

    #[test]
    fn the_first_that_came_of_one_client_are_served_first() {
        let mut queue = Queue::default();
        let mut tickets: Vec<Ticket> = [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
            .map(|(name, came)| ticket(name, "client", came, 500))
            .into();
        enter(&mut queue, &mut tickets);
        let looks = [1, 0, 3, 2].map(|n| queue.look(&mut tickets[n], at(9), LIFE, TWO).0);
        let expected = [
            Standing::Admitted,
            Standing::Admitted,
            Standing::Waits(1),
            Standing::Waits(0),
        ];
        assert_eq!(looks, expected);
        assert!(queue.leave(&tickets[0]));
        assert_eq!(
            queue.look(&mut tickets[2], at(9), LIFE, TWO).0,
            Standing::Admitted
        );
    }

    #[test]
    fn who_sends_much_waits_for_himself_and_others_take_turns() {
        let mut queue = Queue::default();
        let mut tickets: Vec<Ticket> = (0..6)
            .map(|n| ticket(&format!("much-{n}"), "much", n, 900))
            .collect();
        enter(&mut queue, &mut tickets);
        tickets.push(ticket("little-0", "little", 7, 900));
        tickets.push(ticket("little-1", "little", 8, 900));
        enter(&mut queue, &mut tickets);
        let order = order(&mut queue, &mut tickets, ONE);
        let place = |name: &str| order.iter().position(|o| o == name).unwrap();
        assert!(place("little-0") <= 1, "{order:?}");
        assert!(place("little-1") <= 3, "{order:?}");
    }

    #[test]
    fn small_work_is_before_large_work_where_clients_are_not_known() {
        let mut queue = Queue::default();
        let mut tickets: Vec<Ticket> = (0..24)
            .map(|n| ticket(&format!("large-{n}"), &format!("large-{n}"), n, 2_300))
            .collect();
        enter(&mut queue, &mut tickets);
        // Some of it has been done.
        let mut done: Vec<Ticket> = tickets.drain(..12).collect();
        order(&mut queue, &mut done, ONE);
        tickets.push(ticket("small", "small", 30, 150));
        enter(&mut queue, &mut tickets);
        assert_eq!(order(&mut queue, &mut tickets, ONE)[0], "small");
    }

    #[test]
    fn large_work_is_done_though_small_work_never_ends() {
        let mut queue = Queue::default();
        let mut large = ticket("large", "large", 0, 2_300);
        queue.look(&mut large, at(9), LIFE, Slots { all: 0, long: 0 });
        for n in 0..1_000 {
            let mut small = ticket(&format!("small-{n}"), &format!("small-{n}"), 1, 150);
            if queue.look(&mut small, at(9), LIFE, ONE).0 != Standing::Admitted {
                assert!(n > 10, "{n}");
                return;
            }
            // The next is there before this one leaves, so that the queue is never empty.
            queue.leave(&small);
        }
        panic!("the large one never had its turn");
    }

    #[test]
    fn long_work_leaves_a_place_to_short_work() {
        let mut queue = Queue::default();
        let mut tickets = [
            ticket("long-0", "a", 0, 5_000),
            ticket("long-1", "b", 1, 5_000),
            ticket("short", "c", 2, 900),
        ];
        let looks = [0, 1, 2].map(|n| queue.look(&mut tickets[n], at(9), LIFE, TWO).0);
        assert_eq!(
            looks,
            [Standing::Admitted, Standing::Waits(0), Standing::Admitted]
        );
        assert_eq!(
            queue.look(&mut tickets[1], at(9), LIFE, TWO).0,
            Standing::Waits(0)
        );
    }

    #[test]
    fn who_dies_is_forgotten_after_a_lease_and_a_clock_that_jumped_holds_nobody() {
        let mut queue = Queue::default();
        for (name, came) in [("dead", 0), ("future", 3_600_000), ("late", 2_000)] {
            queue.look(&mut ticket(name, "a", came, 10), at(came), LIFE, TWO);
        }
        queue.expire(at(3_000), LIFE);
        let left: Vec<&str> = queue.entries.iter().map(|e| e.job.as_str()).collect();
        assert_eq!(left, ["late"]);
    }

    #[test]
    fn an_entry_is_renewed_when_half_of_its_life_is_over_and_a_lost_one_has_its_old_place() {
        let mut queue = Queue::default();
        let mut first = ticket("first", "a", 0, 900);
        let mut own = ticket("own", "a", 0, 900);
        queue.look(&mut first, at(0), LIFE, ONE);
        assert_eq!(
            queue.look(&mut own, at(0), LIFE, ONE),
            (Standing::Waits(0), true)
        );
        assert_eq!(
            queue.look(&mut own, at(1_000), LIFE, ONE),
            (Standing::Waits(0), false)
        );
        assert_eq!(
            queue.look(&mut own, at(1_500), LIFE, ONE),
            (Standing::Waits(0), true)
        );
        let place = own.place;
        queue.leave(&own);
        queue.look(&mut ticket("other", "a", 1, 900), at(1_600), LIFE, ONE);
        queue.look(&mut own, at(1_700), LIFE, ONE);
        assert_eq!(own.place, place);
        // Who computes and is lost computes on.
        queue.leave(&first);
        assert_eq!(
            queue.look(&mut first, at(1_800), LIFE, ONE).0,
            Standing::Admitted
        );
    }

    #[test]
    fn the_document_stays_small_and_who_would_be_last_waits_outside() {
        let mut queue = Queue::default();
        for number in 0..MAX_ENTRIES + 10 {
            let name = format!("job-{number}");
            queue.look(&mut ticket(&name, "much", 0, 10), at(0), LIFE, TWO);
        }
        assert_eq!(queue.entries.len(), MAX_ENTRIES);
        let mut late = ticket("late", "much", 0, 10);
        for is_noted in [true, false] {
            let outside = (Standing::Waits(MAX_ENTRIES), is_noted);
            assert_eq!(queue.look(&mut late, at(0), LIFE, TWO), outside);
        }
        let mut another = ticket("another", "another", 0, 10);
        let (look, changed) = queue.look(&mut another, at(0), LIFE, TWO);
        assert!(
            matches!(look, Standing::Waits(ahead) if ahead < 5),
            "{look:?}"
        );
        assert!(changed);
        assert_eq!(queue.entries.len(), MAX_ENTRIES);
    }

    /// What each of hundreds reads, and holds, at every look.
    #[test]
    fn a_thousand_who_wait_read_little() {
        let mut queue = Queue::default();
        let mut tickets: Vec<Ticket> = (0..1_000)
            .map(|n| ticket(&format!("{n:036}"), &format!("{n:043}"), n, 2_300))
            .collect();
        enter(&mut queue, &mut tickets);
        queue.expire(at(9), LIFE);
        assert_eq!(queue.ahead.len(), MAX_SHARES);
        let bytes = serde_json::to_vec(&queue).unwrap().len();
        assert!(bytes <= 20_000, "{bytes}");
        for ticket in &mut tickets[MAX_ENTRIES..] {
            let (_, changed) = queue.look(ticket, at(9), LIFE, TWO);
            assert!(!changed, "who is outside writes once");
        }
        tickets.reverse();
        let order = order(&mut queue, &mut tickets, TWO);
        assert!(order.is_sorted(), "in the order in which they came");
    }

    #[test]
    fn who_waits_outside_is_no_later_when_the_clock_begins_anew() {
        let mut queue = Queue::default();
        let mut outside = ticket("outside", "a", 0, 10);
        outside.place = Some(1_000_000);
        queue.look(&mut outside, at(0), LIFE, Slots { all: 0, long: 0 });
        let mut later = ticket("later", "b", 1, 10);
        assert_eq!(
            queue.look(&mut later, at(1), LIFE, ONE).0,
            Standing::Waits(1)
        );
    }

    /// The queue is never empty, and who is outside looks seldom.
    #[test]
    fn who_waits_outside_comes_in_before_those_who_come_later() {
        let mut queue = Queue::default();
        let own = |n: usize| ticket(&format!("job-{n:03}"), &format!("job-{n:03}"), 0, 900);
        let mut inside: Vec<Ticket> = (0..MAX_ENTRIES).map(own).collect();
        let mut outside: Vec<Ticket> = (100..110).map(own).collect();
        enter(&mut queue, &mut inside);
        enter(&mut queue, &mut outside);
        for (n, mut done) in inside.into_iter().enumerate() {
            let (look, _) = queue.look(&mut done, at(9), LIFE, ONE);
            assert_eq!(look, Standing::Admitted);
            queue.leave(&done);
            // Somebody else is faster each time.
            enter(&mut queue, &mut [own(200 + n)]);
        }
        enter(&mut queue, &mut outside);
        for ticket in outside {
            let is_inside = queue.entries.iter().any(|entry| entry.job == ticket.token);
            assert!(is_inside, "{ticket:?}");
        }
    }

    #[test]
    fn who_sends_more_than_the_queue_holds_waits_for_himself() {
        let mut queue = Queue::default();
        let mut much: Vec<Ticket> = (0..100)
            .map(|n| ticket(&format!("much-{n:02}"), "much", n, 900))
            .collect();
        enter(&mut queue, &mut much);
        // One computes all the time, so that the clock goes on.
        let mut first = ticket("first", "first", 0, 900);
        assert_eq!(
            queue.look(&mut first, at(9), LIFE, ONE).0,
            Standing::Admitted
        );
        let mut served: Vec<Ticket> = much.drain(..MAX_ENTRIES).collect();
        order(&mut queue, &mut served, TWO);
        assert!(queue.now > 0);
        enter(&mut queue, &mut much);
        much.push(ticket("another", "another", 200, 900));
        enter(&mut queue, &mut much);
        let order = order(&mut queue, &mut much, TWO);
        let place = order.iter().position(|name| name == "another").unwrap();
        assert!(place <= 1, "{order:?}");
        let much = order.iter().filter(|name| *name != "another");
        assert!(much.is_sorted(), "{order:?}");
    }

    #[test]
    fn who_gives_up_is_not_put_behind_others_for_it() {
        let mut queue = Queue::default();
        let mut others = [ticket("a", "a", 0, 900), ticket("b", "b", 0, 900)];
        enter(&mut queue, &mut others);
        for n in 0..3 {
            let mut tries = ticket(&format!("tries-{n}"), "c", n, 4_000);
            enter(&mut queue, std::slice::from_mut(&mut tries));
            assert_eq!(tries.place, Some(4_000));
            assert!(queue.leave(&tries));
        }
    }

    #[test]
    fn a_document_of_an_older_version_is_read_and_damage_counts_as_nothing() {
        let old = br#"{"entries":[{"job":"a","since":1,"until":2}]}"#;
        assert_eq!(Queue::read(Some(old)).entries.len(), 1);
        assert_eq!(Queue::read(Some(b"\x00{")), Queue::default());
        assert_eq!(Queue::read(None), Queue::default());
    }
}
