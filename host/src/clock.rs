//! `wasi:clocks/monotonic-clock` with waits that end when they should. Those of `wasmtime-wasi` are
//! tokio's, which go by whole milliseconds and end up to two of them late: too late for who looks
//! every millisecond.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures_timer::Delay;
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

/// The last part of a longer wait, which ends exactly; exactness for all of it would cost more.
const EXACT: Duration = Duration::from_millis(3);

/// The longest wait that ends exactly. Two milliseconds are little of a longer one: it ends with
/// others of the same millisecond, which is cheaper.
const SHORT: Duration = Duration::from_millis(20);

/// The shortest wait that ends at a moment which it shares with others.
const LONG: Duration = Duration::from_millis(500);

/// Interval of the moments at which long waits end: silent jobs wake the host together instead of
/// one after the other.
const GRID: Duration = Duration::from_millis(64);

/// Names [`Monotonic`] to the linker, for an instance of any lifetime.
pub(crate) struct MonotonicLink;

impl HasData for MonotonicLink {
    type Data<'a> = Monotonic<'a>;
}

/// One instance's clock, with the table that its resources are in.
pub(crate) struct Monotonic<'a> {
    /// The time at which the clock showed zero.
    pub(crate) zero: Instant,
    pub(crate) table: &'a mut ResourceTable,
}

impl monotonic_clock::Host for Monotonic<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.zero.elapsed().as_nanos())?)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let left = Duration::from_nanos(when).saturating_sub(self.zero.elapsed());
        self.wait(left)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.wait(Duration::from_nanos(duration))
    }
}

impl Monotonic<'_> {
    fn wait(&mut self, time: Duration) -> wasmtime::Result<Resource<DynPollable>> {
        let until = Instant::now().checked_add(time);
        let until = match time >= LONG {
            true => until.and_then(shared),
            false => until,
        };
        let wait = self.table.push(Wait {
            until,
            is_short: time <= SHORT,
            yields_left: if time.is_zero() { 2 } else { 0 },
        })?;
        subscribe(self.table, wait)
    }
}

/// The first moment of the grid that is not before a time.
fn shared(until: Instant) -> Option<Instant> {
    static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);
    let grid = GRID.as_nanos();
    let over = until.saturating_duration_since(*ZERO).as_nanos() % grid;
    let late = u64::try_from((grid - over) % grid).ok()?;
    until.checked_add(Duration::from_nanos(late))
}

struct Wait {
    /// Time of the end; `None` is later than can be expressed.
    until: Option<Instant>,
    is_short: bool,
    /// Number of times that a wait for no time still yields to other tasks. It does so twice: the
    /// first poll only reports whether it is ready, which components ask before they wait.
    yields_left: u8,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Wait {
    async fn ready(&mut self) {
        let Some(until) = self.until else {
            return std::future::pending().await;
        };
        let left = || until.saturating_duration_since(Instant::now());
        if let Some(others) = self.yields_left.checked_sub(1) {
            self.yields_left = others;
            tokio::task::yield_now().await;
        }
        if !self.is_short {
            return tokio::time::sleep_until(until.into()).await;
        }
        if left() > EXACT {
            tokio::time::sleep_until((until - EXACT).into()).await;
        }
        if !left().is_zero() {
            Delay::new(left()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_end_together_and_never_early() {
        let now = Instant::now() + LONG;
        let ends: Vec<Instant> = (0..128)
            .map(|at| now + Duration::from_millis(at))
            .map(|until| {
                let end = shared(until).unwrap();
                assert!(end >= until && end - until < GRID, "{:?}", end - until);
                end
            })
            .collect();
        let moments: std::collections::BTreeSet<_> = ends.iter().collect();
        assert!(moments.len() <= 3, "{}", moments.len());
    }
}
