//! Turns at computing: as many at a time as there are processors, and those who have computed least
//! come first. Work that takes no longer than a time slice needs none, so short requests wait for
//! nobody.
//!
//! Half of the time is for clients, half for the application's own work, that is for jobs which
//! have been accepted, as long as both want it: a job must renew its lease and come to its end,
//! however many clients ask for something meanwhile.
//!
//! Within each half, start-time fair queueing: a client's time goes on by what it computes, the
//! common time by what all compute, and whoever waits is placed at the later of the two.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use admission::ClientKey;
use tokio::sync::oneshot;

/// Most time, in microseconds, by which a client may have computed more than others: what it has
/// had for itself while others wanted nothing does not count for long.
const MAX_AHEAD: u64 = 1_000_000;

/// The longest time for which a computation may keep its turn.
pub(crate) const LONGEST_TURN: Duration = Duration::from_millis(50);

/// Number of computations that may keep their turns for long at a time.
pub(crate) const fn long_turns(processors: usize) -> usize {
    processors.div_ceil(2)
}

/// Number of clients that are remembered before those that are not ahead are forgotten.
const REMEMBERED: usize = 1_000;

/// The party that computes: a client, or the application itself in the instance of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Computing {
    Client(ClientKey),
    Application(u64),
}

/// The turns of one host.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Mutex<State>>);

struct State {
    free: usize,
    next: u64,
    clients: Half,
    jobs: Half,
    /// Microseconds by which jobs have computed longer than clients.
    lead: i64,
    /// Most microseconds by which jobs or clients may have computed more than the other half: what
    /// all long turns take at a time, or the other half would not get back all of it.
    max_lead: i64,
    /// Microseconds for which jobs have computed, all in all.
    of_jobs: u64,
}

/// The queue of one half of the time: the clients', or the jobs'.
#[derive(Default)]
struct Half {
    now: u64,
    times: HashMap<Computing, u64>,
    /// Waiting computations, by the time that their party has had, then by arrival.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<Turn>>,
}

impl Half {
    fn charge(&mut self, who: Computing, micros: u64) {
        // Time goes on even while those who wait are always new, or others would wait for ever.
        self.now += micros / (self.waiting.len() as u64 + 1);
        let now = self.now;
        let time = self.times.entry(who).or_default();
        *time = ((*time).max(now) + micros).min(now + MAX_AHEAD);
        if self.times.len() > REMEMBERED {
            self.times.retain(|_, time| *time > now);
        }
    }

    fn wait(&mut self, who: Computing, arrival: u64) -> oneshot::Receiver<Turn> {
        let time = self.times.get(&who).copied().unwrap_or_default();
        let (give, turn) = oneshot::channel();
        self.waiting.insert((time.max(self.now), arrival), give);
        turn
    }

    fn pop_first(&mut self) -> Option<oneshot::Sender<Turn>> {
        let ((time, _), next) = self.waiting.pop_first()?;
        self.now = self.now.max(time);
        Some(next)
    }
}

impl State {
    fn half(&mut self, who: Computing) -> &mut Half {
        match who {
            Computing::Client(_) => &mut self.clients,
            Computing::Application(_) => &mut self.jobs,
        }
    }

    /// Removes the waiting computation that gets the next turn.
    fn pop_first(&mut self) -> Option<oneshot::Sender<Turn>> {
        let (first, second) = match self.lead <= 0 {
            true => (&mut self.jobs, &mut self.clients),
            false => (&mut self.clients, &mut self.jobs),
        };
        first.pop_first().or_else(|| second.pop_first())
    }
}

/// The right to compute, until it is dropped; `None`: it has been passed on.
pub(crate) struct Turn(Option<Turns>);

impl Turns {
    /// Makes turns for so many at a time.
    pub(crate) fn new(processors: usize) -> Self {
        let longest = LONGEST_TURN.as_micros() * long_turns(processors) as u128;
        Self(Arc::new(Mutex::new(State {
            free: processors,
            next: 0,
            clients: Half::default(),
            jobs: Half::default(),
            lead: 0,
            max_lead: i64::try_from(longest).unwrap_or(i64::MAX),
            of_jobs: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a client, or the application, has computed for so many microseconds.
    pub(crate) fn charge(&self, who: Computing, micros: u64) {
        let mut state = self.lock();
        let more = i64::try_from(micros).unwrap_or(i64::MAX);
        let lead = match who {
            Computing::Client(_) => state.lead.saturating_sub(more),
            Computing::Application(_) => {
                state.of_jobs += micros;
                state.lead.saturating_add(more)
            }
        };
        state.lead = lead.clamp(-state.max_lead, state.max_lead);
        state.half(who).charge(who, micros);
    }

    /// The time for which jobs have computed, all of them together.
    pub(crate) fn of_jobs(&self) -> Duration {
        Duration::from_micros(self.lock().of_jobs)
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self, who: Computing) -> Turn {
        loop {
            let turn = {
                let mut state = self.lock();
                if state.free > 0 {
                    state.free -= 1;
                    return Turn(Some(self.clone()));
                }
                let arrival = state.next;
                state.next += 1;
                state.half(who).wait(who, arrival)
            };
            if let Ok(turn) = turn.await {
                return turn;
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else {
            return;
        };
        let mut state = turns.lock();
        let mut turn = Self(Some(turns.clone()));
        while let Some(next) = state.pop_first() {
            match next.send(turn) {
                Ok(()) => return,
                // The receiver was dropped: its computation does not wait any more.
                Err(back) => turn = back,
            }
        }
        turn.0 = None;
        state.free += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::sync::mpsc;

    use super::*;

    fn client(n: u8) -> Computing {
        Computing::Client(ClientKey::of(IpAddr::from([192, 0, 2, n])))
    }

    /// Lets `who` wait for a turn, computes for a millisecond then, and says so.
    fn wait(turns: &Turns, who: Computing, said: &mpsc::UnboundedSender<Computing>) {
        let (turns, said) = (turns.clone(), said.clone());
        tokio::spawn(async move {
            let _turn = turns.take(who).await;
            turns.charge(who, 1_000);
            said.send(who).unwrap();
        });
    }

    #[tokio::test]
    async fn who_has_computed_least_goes_on_first() {
        let turns = Turns::new(1);
        let held = turns.take(client(9)).await;
        let (said, mut heard) = mpsc::unbounded_channel();
        turns.charge(client(1), 5_000);
        for _ in 0..5 {
            wait(&turns, client(1), &said);
            tokio::task::yield_now().await;
        }
        wait(&turns, client(2), &said);
        wait(&turns, Computing::Application(3), &said);
        tokio::task::yield_now().await;
        drop(held);
        let first = [heard.recv().await, heard.recv().await];
        assert_eq!(first, [Some(Computing::Application(3)), Some(client(2))]);
        for _ in 0..5 {
            assert_eq!(heard.recv().await, Some(client(1)));
        }
    }

    /// Takes so many turns one after the other, each of so many microseconds.
    fn compute(
        turns: &Turns,
        who: Computing,
        micros: u64,
        times: usize,
        said: &mpsc::UnboundedSender<Computing>,
    ) {
        let (turns, said) = (turns.clone(), said.clone());
        tokio::spawn(async move {
            for _ in 0..times {
                let turn = turns.take(who).await;
                turns.charge(who, micros);
                // Nobody may listen any more.
                let _ = said.send(who);
                drop(turn);
            }
        });
    }

    #[tokio::test]
    async fn jobs_and_clients_have_half_of_the_time_however_many_there_are() {
        let one = Computing::Application(0);
        for (jobs, clients) in [(1, 200), (200, 1), (30, 30)] {
            let turns = Turns::new(1);
            let held = turns.take(client(255)).await;
            let (said, mut heard) = mpsc::unbounded_channel();
            for n in 0..clients {
                compute(&turns, client(n), 1_000, 100, &said);
            }
            for n in 0..jobs {
                compute(&turns, Computing::Application(n), 1_000, 100, &said);
            }
            tokio::task::yield_now().await;
            drop(held);
            let mut of_jobs = 0;
            for _ in 0..100 {
                let who = heard.recv().await.unwrap();
                of_jobs += usize::from(matches!(who, Computing::Application(_)));
            }
            assert!(
                (45..=55).contains(&of_jobs),
                "{of_jobs} of 100, {jobs} jobs"
            );
        }
        // What one half does not want the other has.
        let turns = Turns::new(1);
        let (said, mut heard) = mpsc::unbounded_channel();
        compute(&turns, one, 1_000, 100, &said);
        compute(&turns, Computing::Application(1), 1_000, 100, &said);
        for _ in 0..200 {
            assert!(heard.recv().await.is_some());
        }
    }

    /// Several jobs wait for each other's long slices, and so their own are as long as can be.
    #[tokio::test]
    async fn jobs_that_compute_for_long_at_once_leave_half_of_the_time_to_clients() {
        let turns = Turns::new(1);
        let held = turns.take(client(255)).await;
        let (said, mut heard) = mpsc::unbounded_channel();
        for n in 0..30 {
            compute(&turns, client(n), 1_000, 100, &said);
        }
        for n in 0..2 {
            compute(&turns, Computing::Application(n), 50_000, 100, &said);
        }
        tokio::task::yield_now().await;
        drop(held);
        let (mut of_jobs, mut of_clients) = (0, 0);
        while of_jobs + of_clients < 1_000 {
            match heard.recv().await.unwrap() {
                Computing::Application(_) => of_jobs += 50,
                Computing::Client(_) => of_clients += 1,
            }
        }
        assert!(of_clients >= 450, "{of_clients} ms, and {of_jobs} of jobs");
    }

    #[tokio::test]
    async fn a_turn_that_nobody_takes_goes_to_the_next() {
        let turns = Turns::new(1);
        let held = turns.take(client(1)).await;
        let (said, mut heard) = mpsc::unbounded_channel();
        let left = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(client(2)).await }
        });
        tokio::task::yield_now().await;
        wait(&turns, client(3), &said);
        tokio::task::yield_now().await;
        left.abort();
        let _ = left.await;
        drop(held);
        assert_eq!(heard.recv().await, Some(client(3)));
        // One that was given to somebody who left before he knew comes back, too.
        let held = turns.take(client(1)).await;
        let mut late = Box::pin(turns.take(client(2)));
        assert!(futures::poll!(&mut late).is_pending());
        drop(held);
        drop(late);
        let _again = turns.take(client(1)).await;
        assert_eq!(turns.lock().free, 0);
    }

    #[tokio::test]
    async fn nobody_is_ahead_for_long() {
        let turns = Turns::new(1);
        for _ in 0..10_000 {
            turns.charge(client(1), 1_000_000);
            turns.charge(client(2), 1);
        }
        let state = turns.lock();
        assert!(state.clients.times[&client(1)] <= state.clients.now + MAX_AHEAD);
        drop(state);
        for n in 0..REMEMBERED as u64 + 10 {
            turns.charge(Computing::Application(n), 1);
        }
        assert!(turns.lock().jobs.times.len() <= REMEMBERED + 1);
    }
}
