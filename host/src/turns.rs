//! Turns: how long a component computes before others get theirs. Events that it has caused wait that long behind it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread::Thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

const TURN: Duration = Duration::from_millis(1);

/// Ends the turns of an engine's instances. While none computes, nothing ticks: a host that has nothing to do does
/// nothing.
pub(crate) struct Turns {
    ticking: Arc<Ticking>,
    ticker: Thread,
    zero: Instant,
}

#[derive(Default)]
struct Ticking {
    /// A turn has begun since the last tick.
    wanted: AtomicBool,
    over: AtomicBool,
}

/// When an instance's turn began, in microseconds since [`Turns::zero`].
#[derive(Default)]
pub(crate) struct Turn(Arc<AtomicU64>);

impl Turns {
    /// Starts the thread that does it.
    pub(crate) fn of(engine: &Engine) -> std::io::Result<Self> {
        let ticking = Arc::new(Ticking::default());
        let engine = engine.clone();
        let shared = ticking.clone();
        let tick = move || {
            while !shared.over.load(Ordering::Acquire) {
                if !shared.wanted.swap(false, Ordering::AcqRel) {
                    std::thread::park();
                    continue;
                }
                std::thread::sleep(TURN);
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new().name("turns".to_owned());
        Ok(Self {
            ticking,
            ticker: thread.spawn(tick)?.thread().clone(),
            zero: Instant::now(),
        })
    }

    /// Lets `store`'s instance compute in turns, if what it does is [`Self::taken`] with what this answers.
    pub(crate) fn limit<T>(&self, store: &mut Store<T>) -> Turn {
        let turn = Turn::default();
        let (zero, at) = (self.zero, turn.0.clone());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let began = Duration::from_micros(at.load(Ordering::Relaxed));
            Ok(if zero.elapsed().saturating_sub(began) < TURN / 2 {
                // The epoch ended while it waited.
                UpdateDeadline::Continue(1)
            } else {
                // The waker runs after other tasks have had their turn, and time-outs are looked at.
                UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
            })
        });
        turn
    }

    /// Does `work` on an instance, in turns.
    pub(crate) async fn taken<F: Future>(&self, turn: &Turn, work: F) -> F::Output {
        let mut work = pin!(work);
        std::future::poll_fn(|context| -> Poll<F::Output> {
            let now = u64::try_from(self.zero.elapsed().as_micros()).unwrap_or(u64::MAX);
            turn.0.store(now, Ordering::Relaxed);
            if !self.ticking.wanted.swap(true, Ordering::AcqRel) {
                self.ticker.unpark();
            }
            work.as_mut().poll(context)
        })
        .await
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.ticking.over.store(true, Ordering::Release);
        self.ticker.unpark();
    }
}
