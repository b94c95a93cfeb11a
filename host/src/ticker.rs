//! A thread that does something once an interval, while it is wanted.
//!
//! On Linux the kernel's timer wakes it: a component that computes for some microseconds, as those
//! of silent jobs do, arms the timer and disarms it again, and no thread is woken.

use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The thread. It ends when this is dropped.
pub(crate) struct Ticker(Arc<timer::Timer>);

impl Ticker {
    /// Starts the thread, which ticks only while somebody [wants](Self::run) it to.
    ///
    /// # Errors
    /// When the system has no timer or no thread left.
    pub(crate) fn start(
        name: &str,
        interval: Duration,
        tick: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let timer = Arc::new(timer::Timer::new(interval)?);
        let shared = timer.clone();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || {
            while shared.wait() {
                tick();
            }
        })?;
        timer.belongs_to(thread.thread());
        Ok(Self(timer))
    }

    /// Lets it tick, an interval from now for the first time, until it is [stopped](Self::stop).
    pub(crate) fn run(&self) {
        self.0.run();
    }

    /// Ends the ticks; one may still come.
    pub(crate) fn stop(&self) {
        self.0.stop();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::Thread;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    pub(super) struct Timer {
        timer: OwnedFd,
        interval: Timespec,
        over: AtomicBool,
    }

    const NEVER: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };

    impl Timer {
        pub(super) fn new(interval: Duration) -> io::Result<Self> {
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
            let interval = Timespec::try_from(interval).map_err(io::Error::other)?;
            Ok(Self {
                timer,
                interval,
                over: AtomicBool::new(false),
            })
        }

        pub(super) fn belongs_to(&self, _: &Thread) {}

        /// Waits for the next tick; false when there are no more.
        pub(super) fn wait(&self) -> bool {
            let mut expirations = [0; 8];
            // Signals interrupt it; nothing else can go wrong with a timer that is open.
            let _ = rustix::io::read(&self.timer, &mut expirations);
            !self.over.load(Ordering::Acquire)
        }

        pub(super) fn run(&self) {
            self.set(self.interval, self.interval);
        }

        pub(super) fn stop(&self) {
            self.set(NEVER, NEVER);
        }

        pub(super) fn end(&self) {
            self.over.store(true, Ordering::Release);
            let at_once = Timespec {
                tv_sec: 0,
                tv_nsec: 1,
            };
            self.set(at_once, self.interval);
        }

        fn set(&self, first: Timespec, interval: Timespec) {
            let times = Itimerspec {
                it_interval: interval,
                it_value: first,
            };
            let set = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times);
            debug_assert!(set.is_ok(), "{set:?}");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use std::io;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::Thread;
    use std::time::Duration;

    pub(super) struct Timer {
        interval: Duration,
        runs: AtomicBool,
        over: AtomicBool,
        thread: OnceLock<Thread>,
    }

    impl Timer {
        pub(super) fn new(interval: Duration) -> io::Result<Self> {
            Ok(Self {
                interval,
                runs: AtomicBool::new(false),
                over: AtomicBool::new(false),
                thread: OnceLock::new(),
            })
        }

        pub(super) fn belongs_to(&self, thread: &Thread) {
            let _ = self.thread.set(thread.clone());
        }

        /// Waits for the next tick; false when there are no more.
        pub(super) fn wait(&self) -> bool {
            while !self.runs.load(Ordering::Acquire) && !self.over.load(Ordering::Acquire) {
                std::thread::park();
            }
            std::thread::sleep(self.interval);
            !self.over.load(Ordering::Acquire)
        }

        pub(super) fn run(&self) {
            self.runs.store(true, Ordering::Release);
            self.wake();
        }

        pub(super) fn stop(&self) {
            self.runs.store(false, Ordering::Release);
        }

        pub(super) fn end(&self) {
            self.over.store(true, Ordering::Release);
            self.wake();
        }

        fn wake(&self) {
            if let Some(thread) = self.thread.get() {
                thread.unpark();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{TryRecvError, channel};

    use super::*;

    #[test]
    fn it_ticks_while_it_is_wanted_and_ends_with_its_owner() {
        let (sender, ticks) = channel();
        let tick = move || {
            let _ = sender.send(());
        };
        let ticker = Ticker::start("ticks", Duration::from_millis(1), tick).unwrap();
        assert_eq!(ticks.try_recv(), Err(TryRecvError::Empty));
        ticker.run();
        for _ in 0..3 {
            ticks.recv().unwrap();
        }
        ticker.stop();
        let _ = ticks.try_iter().count();
        let mut late = 0;
        while ticks.recv_timeout(Duration::from_millis(20)).is_ok() {
            late += 1;
            assert!(late < 2, "it goes on");
        }
        ticker.run();
        ticks.recv().unwrap();
        drop(ticker);
        // The thread drops its sender when it ends.
        while ticks.recv().is_ok() {}
    }
}
