//! Time slices: a component that computes yields after a millisecond, so that events that it has
//! caused, and other instances, wait no longer than that behind it.

use std::num::NonZero;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::Thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

use crate::memory::Asker;
use crate::turns::{Computing, Turn, Turns};

const SLICE: Duration = Duration::from_millis(1);

/// Ends the time slices of an engine's instances, by its epochs. While none computes, nothing
/// ticks: an idle host uses no processor time.
pub(crate) struct EpochScheduler {
    ticking: Arc<Ticking>,
    ticker: Thread,
    zero: Instant,
    turns: Turns,
    instances: AtomicU64,
}

#[derive(Default)]
struct Ticking {
    /// Whether a slice has begun since the last tick.
    wanted: AtomicBool,
    over: AtomicBool,
}

/// An instance's time slice.
pub(crate) struct Slice(Arc<Sliced>);

struct Sliced {
    /// Beginning of the slice, in microseconds since [`EpochScheduler::zero`].
    began: AtomicU64,
    /// The instance's number.
    number: u64,
    asker: Option<Asker>,
    /// The turn that the instance has while it computes for longer than a slice.
    turn: Mutex<Option<Turn>>,
}

impl Sliced {
    /// The one for whom the instance computes.
    fn computing(&self) -> Computing {
        match &self.asker {
            Some(asker) if !asker.is_answered.load(Ordering::Relaxed) => {
                Computing::Client(asker.client)
            }
            _ => Computing::Application(self.number),
        }
    }

    fn turn(&self) -> MutexGuard<'_, Option<Turn>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EpochScheduler {
    /// Starts the thread that advances the epochs.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let ticking = Arc::new(Ticking::default());
        let engine = engine.clone();
        let shared = ticking.clone();
        let tick = move || {
            while !shared.over.load(Ordering::Acquire) {
                if !shared.wanted.swap(false, Ordering::AcqRel) {
                    std::thread::park();
                    continue;
                }
                std::thread::sleep(SLICE);
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new().name("epochs".to_owned());
        Ok(Self {
            ticking,
            ticker: thread.spawn(tick)?.thread().clone(),
            zero: Instant::now(),
            turns: Turns::new(std::thread::available_parallelism().map_or(1, NonZero::get)),
            instances: AtomicU64::new(0),
        })
    }

    /// Installs an epoch callback on `store`. The instance's work for `asker` must be driven by
    /// [`Self::run_in_slices`] with the slice that this returns.
    pub(crate) fn slice_store<T>(&self, store: &mut Store<T>, asker: Option<Asker>) -> Slice {
        let slice = Arc::new(Sliced {
            began: AtomicU64::new(0),
            number: self.instances.fetch_add(1, Ordering::Relaxed),
            asker,
            turn: Mutex::default(),
        });
        let (zero, turns, sliced) = (self.zero, self.turns.clone(), slice.clone());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let began = Duration::from_micros(sliced.began.load(Ordering::Relaxed));
            if zero.elapsed().saturating_sub(began) < SLICE / 2 {
                // The epoch ended while it waited.
                return Ok(UpdateDeadline::Continue(1));
            }
            let (turns, sliced) = (turns.clone(), sliced.clone());
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(async move {
                    // The waker runs after other ready tasks have run, and time-outs have been
                    // looked at.
                    tokio::task::yield_now().await;
                    let turn = turns.take(sliced.computing()).await;
                    *sliced.turn() = Some(turn);
                }),
            ))
        });
        Slice(slice)
    }

    /// Runs `work` on an instance, in time slices.
    pub(crate) async fn run_in_slices<F: Future>(&self, slice: &Slice, work: F) -> F::Output {
        let mut work = pin!(work);
        let micros = || u64::try_from(self.zero.elapsed().as_micros()).unwrap_or(u64::MAX);
        std::future::poll_fn(|context| -> Poll<F::Output> {
            let began = micros();
            slice.0.began.store(began, Ordering::Relaxed);
            if !self.ticking.wanted.swap(true, Ordering::AcqRel) {
                self.ticker.unpark();
            }
            let polled = work.as_mut().poll(context);
            self.turns
                .charge(slice.0.computing(), micros().saturating_sub(began));
            let turn = slice.0.turn().take();
            drop(turn);
            polled
        })
        .await
    }
}

impl Drop for EpochScheduler {
    fn drop(&mut self) {
        self.ticking.over.store(true, Ordering::Release);
        self.ticker.unpark();
    }
}
