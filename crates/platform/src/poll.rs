//! Waiting for WASI pollables as futures on Spin's executor.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use spin_executor::{CancelOnDropToken, push_waker_and_get_token};
use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

/// Whether a pollable became ready: the executor polls futures for other reasons, too.
struct Flag {
    ready: AtomicBool,
    waker: Mutex<Waker>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.ready.store(true, Ordering::Relaxed);
        self.waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wake_by_ref();
    }
}

/// Completes when `pollable` is ready. Dropping the future drops the pollable.
pub async fn ready(pollable: Pollable) {
    if pollable.ready() {
        return;
    }
    let mut waiting = Waiting::New(Some(pollable));
    poll_fn(move |context| match &mut waiting {
        Waiting::New(pollable) => {
            let flag = Arc::new(Flag {
                ready: AtomicBool::new(false),
                waker: Mutex::new(context.waker().clone()),
            });
            if let Some(pollable) = pollable.take() {
                let token = push_waker_and_get_token(pollable, Waker::from(flag.clone()));
                waiting = Waiting::For(flag, CancelOnDropToken::from(token));
            }
            Poll::Pending
        }
        Waiting::For(flag, _) => {
            if flag.ready.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            flag.waker
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(context.waker());
            Poll::Pending
        }
    })
    .await;
}

enum Waiting {
    New(Option<Pollable>),
    For(
        Arc<Flag>,
        #[expect(dead_code, reason = "held to cancel on drop")] CancelOnDropToken,
    ),
}

/// Completes after `duration`.
pub async fn sleep(duration: Duration) {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    ready(monotonic_clock::subscribe_duration(nanos)).await;
}

/// Runs a handler to its end. Spin's executor waits for pollables and hears of nothing else: parts
/// of the handler that wake each other are polled again here, before it waits.
pub fn run(handler: impl Future<Output = ()>) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut handler = pin!(handler);
    spin_executor::run(poll_fn(|_| {
        loop {
            woken.0.store(false, Ordering::Relaxed);
            let state = handler.as_mut().poll(&mut Context::from_waker(&waker));
            if state.is_ready() || !woken.0.load(Ordering::Relaxed) {
                return state;
            }
        }
    }));
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
