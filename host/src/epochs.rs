//! Time slices: a component that computes yields after a millisecond, so that events that it has
//! caused, and other instances, wait no longer than that behind it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread::Thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

const SLICE: Duration = Duration::from_millis(1);

/// Ends the time slices of an engine's instances, by its epochs. While none computes, nothing
/// ticks: an idle host uses no processor time.
pub(crate) struct EpochScheduler {
    ticking: Arc<Ticking>,
    ticker: Thread,
    zero: Instant,
}

#[derive(Default)]
struct Ticking {
    /// A slice has begun since the last tick.
    wanted: AtomicBool,
    over: AtomicBool,
}

/// When an instance's time slice began, in microseconds since [`EpochScheduler::zero`].
#[derive(Default)]
pub(crate) struct Slice(Arc<AtomicU64>);

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
        })
    }

    /// Installs an epoch callback on `store`. What its instance does must be driven by
    /// [`Self::run_in_slices`] with the slice that this returns.
    pub(crate) fn slice_store<T>(&self, store: &mut Store<T>) -> Slice {
        let slice = Slice::default();
        let (zero, at) = (self.zero, slice.0.clone());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let began = Duration::from_micros(at.load(Ordering::Relaxed));
            Ok(if zero.elapsed().saturating_sub(began) < SLICE / 2 {
                // The epoch ended while it waited.
                UpdateDeadline::Continue(1)
            } else {
                // The waker runs after other ready tasks have run, and time-outs have been looked
                // at.
                UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
            })
        });
        slice
    }

    /// Runs `work` on an instance, in time slices.
    pub(crate) async fn run_in_slices<F: Future>(&self, slice: &Slice, work: F) -> F::Output {
        let mut work = pin!(work);
        std::future::poll_fn(|context| -> Poll<F::Output> {
            let now = u64::try_from(self.zero.elapsed().as_micros()).unwrap_or(u64::MAX);
            slice.0.store(now, Ordering::Relaxed);
            if !self.ticking.wanted.swap(true, Ordering::AcqRel) {
                self.ticker.unpark();
            }
            work.as_mut().poll(context)
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
