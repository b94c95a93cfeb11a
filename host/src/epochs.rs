//! Time slices: a component that computes yields after a millisecond, unless the host is crowded.
//! So events that it has caused, and other instances, wait no longer than that behind it.
//!
//! Where clients keep jobs that have been accepted from half of the processors, a job computes for
//! longer when it gets to it, or hundreds of clients that each want a little would hold it up until
//! its lease expires. Jobs that wait only for one another have short slices: events come between
//! them.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::memory::Asker;
use crate::ticker::Ticker;
use crate::turns::{Computing, LONGEST_TURN, Turn, Turns, long_turns};

const SLICE: Duration = Duration::from_millis(1);

/// The least and the greatest length of a job's slice on a crowded host.
const LONG_SLICE: RangeInclusive<Duration> = Duration::from_millis(10)..=LONGEST_TURN;

/// What jobs lack of half of the processors, between two slices of one of them, from which on the
/// host is crowded.
const CROWDED: Duration = Duration::from_millis(4);

/// The length of a job's slice on a crowded host, after a wait in which jobs have computed for
/// `of_jobs`, all together; `None` if the host is not crowded. It gives jobs what they lacked:
/// one that waited for other jobs alone lacked nothing.
fn long_slice(waited: Duration, of_jobs: Duration, processors: usize) -> Option<Duration> {
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    let lacking = waited.saturating_sub(of_jobs * 2 / processors);
    (lacking >= CROWDED).then(|| lacking.clamp(*LONG_SLICE.start(), *LONG_SLICE.end()))
}

/// Ends the time slices of an engine's instances, by its epochs. While none computes, nothing
/// ticks: an idle host uses no processor time.
pub(crate) struct EpochScheduler {
    ticking: Ticking,
    zero: Instant,
    processors: usize,
    turns: Turns,
    /// The right to a long slice.
    long: Arc<Semaphore>,
    instances: AtomicU64,
}

struct Ticking {
    /// Number of instances that compute. As long as there is one, ticks come: a single one could
    /// come before the instance has set its deadline, if the system lets others run meanwhile.
    computing: Mutex<usize>,
    ticker: Ticker,
}

impl Ticking {
    /// Lets the epochs tick until what this returns is dropped.
    fn begin(&self) -> Ticks<'_> {
        let mut computing = self.computing();
        if *computing == 0 {
            self.ticker.run();
        }
        *computing += 1;
        Ticks(self)
    }

    fn computing(&self) -> MutexGuard<'_, usize> {
        self.computing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the epochs tick until it is dropped.
struct Ticks<'t>(&'t Ticking);

impl Drop for Ticks<'_> {
    fn drop(&mut self) {
        let mut computing = self.0.computing();
        *computing -= 1;
        if *computing == 0 {
            self.0.ticker.stop();
        }
    }
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
    /// The right to a long slice, and its length, while it lasts.
    long: Mutex<Option<(OwnedSemaphorePermit, Duration)>>,
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

    fn long(&self) -> MutexGuard<'_, Option<(OwnedSemaphorePermit, Duration)>> {
        self.long.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the instance may compute before it yields.
    fn slice(&self) -> Duration {
        self.long().as_ref().map_or(SLICE, |(_, length)| *length)
    }
}

impl EpochScheduler {
    /// Starts the thread that advances the epochs.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::on(engine, processors)
    }

    fn on(engine: &Engine, processors: usize) -> std::io::Result<Self> {
        let engine = engine.clone();
        let ticker = Ticker::start("epochs", SLICE, move || engine.increment_epoch())?;
        Ok(Self {
            ticking: Ticking {
                computing: Mutex::default(),
                ticker,
            },
            zero: Instant::now(),
            processors,
            turns: Turns::new(processors),
            long: Arc::new(Semaphore::new(long_turns(processors))),
            instances: AtomicU64::new(0),
        })
    }

    /// Installs an epoch callback on `store`. The instance's work for `asker` must be driven by
    /// [`Self::run_in_slices`] with the slice that this returns.
    pub(crate) fn install_slices<T>(&self, store: &mut Store<T>, asker: Option<Asker>) -> Slice {
        let slice = Arc::new(Sliced {
            began: AtomicU64::new(0),
            number: self.instances.fetch_add(1, Ordering::Relaxed),
            asker,
            turn: Mutex::default(),
            long: Mutex::default(),
        });
        let (zero, turns, sliced) = (self.zero, self.turns.clone(), slice.clone());
        let (long, processors) = (self.long.clone(), self.processors);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let began = Duration::from_micros(sliced.began.load(Ordering::Relaxed));
            let computed = zero.elapsed().saturating_sub(began);
            if computed < sliced.slice() - SLICE / 2 {
                // The epoch ended while it waited, or the slice is long.
                return Ok(UpdateDeadline::Continue(1));
            }
            let (turns, sliced, long) = (turns.clone(), sliced.clone(), long.clone());
            let yielded = Instant::now();
            // What it has just computed is charged after this.
            let of_jobs = turns.of_jobs() + computed;
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(async move {
                    // The waker runs after other ready tasks have run, and time-outs have been
                    // looked at.
                    tokio::task::yield_now().await;
                    let turn = turns.take(sliced.computing()).await;
                    *sliced.turn() = Some(turn);
                    if matches!(sliced.computing(), Computing::Application(_)) {
                        let of_jobs = turns.of_jobs().saturating_sub(of_jobs);
                        let length = long_slice(yielded.elapsed(), of_jobs, processors);
                        *sliced.long() = length.and_then(|length| {
                            let permit = long.try_acquire_owned().ok()?;
                            Some((permit, length))
                        });
                    }
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
            let ticks = self.ticking.begin();
            let polled = work.as_mut().poll(context);
            drop(ticks);
            self.turns
                .charge(slice.0.computing(), micros().saturating_sub(began));
            let turn = slice.0.turn().take();
            drop(turn);
            let long = slice.0.long().take();
            drop(long);
            polled
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::mpsc;

    use admission::ClientKey;
    use wasmtime::Module;

    use super::*;

    /// Counts in its global `g`, for ever:
    /// `(loop (global.set 0 (i64.add (global.get 0) (i64.const 1))) (br 0))`.
    const COUNTER: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x06\x06\x01\x7e\
        \x01\x42\0\x0b\x07\x09\x02\x01g\x03\0\x01f\0\0\x0a\x10\x01\x0e\0\x03\x40\x23\0\x42\x01\
        \x7c\x24\0\x0c\0\x0b\x0b";

    /// How far an instance counts meanwhile.
    async fn count(
        epochs: Arc<EpochScheduler>,
        module: Module,
        client: Option<u8>,
        time: Duration,
    ) -> i64 {
        let asker = client.map(|client| Asker {
            client: ClientKey::of(IpAddr::from([192, 0, 2, client])),
            is_answered: Arc::default(),
        });
        let mut store = Store::new(module.engine(), ());
        let slice = epochs.install_slices(&mut store, asker);
        let instance = wasmtime::Instance::new_async(&mut store, &module, &[]);
        let instance = instance.await.unwrap();
        let endless = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        let work = epochs.run_in_slices(&slice, endless.call_async(&mut store, ()));
        assert!(tokio::time::timeout(time, work).await.is_err());
        let counted = instance.get_global(&mut store, "g").unwrap();
        counted.get(&mut store).unwrap_i64()
    }

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_job_makes_up_for_what_jobs_lacked_of_half_while_it_waited() {
        for (waited, of_jobs, processors, slice) in [
            (3, 0, 1, None),
            (4, 0, 1, Some(10)),
            (40, 0, 1, Some(40)),
            (40, 0, 2, Some(40)),
            (400, 0, 1, Some(50)),
            // Of other jobs alone, and of as many as have half.
            (40, 40, 1, None),
            (40, 40, 2, None),
            (40, 80, 2, None),
            (40, 80, 4, None),
            // Of others and clients.
            (40, 10, 1, Some(20)),
            (40, 25, 1, None),
            (19, 9, 1, None),
            (40, 25, 2, Some(15)),
            (40, 37, 2, None),
            (40, 40, 4, Some(20)),
            (60, 60, 3, Some(20)),
        ] {
            let got = long_slice(MS(waited), MS(of_jobs), processors);
            assert_eq!(got, slice.map(MS), "{waited} {of_jobs} {processors}");
        }
    }

    /// How many of so many slices of a job are long.
    async fn long_of(epochs: Arc<EpochScheduler>, module: Module, slices: usize) -> usize {
        let mut store = Store::new(module.engine(), ());
        let slice = epochs.install_slices(&mut store, None);
        let instance = wasmtime::Instance::new_async(&mut store, &module, &[]);
        let instance = instance.await.unwrap();
        let endless = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        let mut work = pin!(endless.call_async(&mut store, ()));
        let (mut all, mut long) = (0, 0);
        let counted = std::future::poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            all += 1;
            long += usize::from(slice.0.long().is_some());
            match all < slices {
                true => polled.map(drop),
                false => Poll::Ready(()),
            }
        });
        epochs.run_in_slices(&slice, counted).await;
        long
    }

    /// Each of them waits for nine others, far longer than it takes to be crowded.
    #[test]
    fn jobs_that_wait_for_one_another_have_short_slices() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(async {
            let engine = crate::engine::engine(100).unwrap();
            let epochs = Arc::new(EpochScheduler::on(&engine, 1).unwrap());
            let module = Module::new(&engine, COUNTER).unwrap();
            let begin = |_| tokio::spawn(long_of(epochs.clone(), module.clone(), 40));
            let mut long = 0;
            for job in (0..10).map(begin).collect::<Vec<_>>() {
                long += job.await.unwrap();
            }
            // The machine may let others run between two slices.
            assert!(long < 200, "{long} of 400 are long");
        });
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_job_is_not_held_up_by_a_crowd_of_clients() {
        let engine = crate::engine::engine(100).unwrap();
        let epochs = Arc::new(EpochScheduler::start(&engine).unwrap());
        let module = Module::new(&engine, COUNTER).unwrap();
        let time = Duration::from_secs(3);
        let begin = |client| {
            let counting = count(epochs.clone(), module.clone(), client, time);
            tokio::spawn(counting)
        };
        let clients: Vec<_> = (0..40).map(|client| begin(Some(client))).collect();
        let job = begin(None);
        let mut all = 0;
        for client in clients {
            all += client.await.unwrap();
        }
        let (job, client) = (job.await.unwrap(), all / 40);
        assert!(
            job > client * 2,
            "the job counts to {job}, a client to {client}"
        );
    }

    /// The processor time that this thread has had: it does not go on while the machine lets others
    /// run.
    fn processor_time() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap()
    }

    /// Requests that compute for less than a slice wait for no turn, and are many.
    #[test]
    fn a_job_has_half_of_a_processor_beside_a_crowd_of_short_requests() {
        const TIME: Duration = Duration::from_secs(2);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let crowds = Arc::new(AtomicU64::new(0));
        let all = runtime.block_on(async {
            let engine = crate::engine::engine(100).unwrap();
            let epochs = Arc::new(EpochScheduler::on(&engine, 1).unwrap());
            let module = Module::new(&engine, COUNTER).unwrap();
            let began = processor_time();
            // So few that the job waits for less than its longest slice, on a busy machine, too.
            for _ in 0..20 {
                let crowds = crowds.clone();
                tokio::spawn(async move {
                    loop {
                        let began = processor_time();
                        let computed = || processor_time() - began;
                        while computed() < SLICE / 2 {}
                        let micros = u64::try_from(computed().as_micros()).unwrap();
                        crowds.fetch_add(micros, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                    }
                });
            }
            count(epochs, module, None, TIME).await;
            processor_time() - began
        });
        let crowds = Duration::from_micros(crowds.load(Ordering::Relaxed));
        assert!(crowds < all * 7 / 10, "{crowds:?} of {all:?}");
    }

    /// Nobody else begins a slice meanwhile, on the only processor.
    #[test]
    fn a_long_slice_ends_on_one_processor() {
        let (said, heard) = mpsc::channel();
        // Were it not to end, this thread would not either.
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().build().unwrap().block_on(async {
                let engine = crate::engine::engine(100).unwrap();
                let epochs = Arc::new(EpochScheduler::on(&engine, 1).unwrap());
                let module = Module::new(&engine, COUNTER).unwrap();
                let time = Duration::from_millis(500);
                let begin = |client| count(epochs.clone(), module.clone(), client, time);
                let crowd: Vec<_> = (0..10).map(|n| tokio::spawn(begin(Some(n)))).collect();
                assert!(begin(None).await > 0);
                for client in crowd {
                    assert!(client.await.unwrap() > 0);
                }
            });
            said.send(()).unwrap();
        });
        let ended = heard.recv_timeout(Duration::from_secs(30));
        assert!(ended.is_ok(), "an instance has not yielded for 30 s");
    }
}
