//! The channel from a run to a listener in the same invocation: each root as the run has just
//! written it, without a look at the store.
//!
//! **Invariant:** a run never waits for its listener. A feed holds the last root only: a slow
//! listener misses states of the job, and nothing that the next root does not say, too.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::document::Root;

/// A feed of one job, from one run to one listener.
#[derive(Debug, Default)]
pub struct Feed {
    latest: RefCell<Option<Root>>,
    over: Cell<bool>,
    listener: RefCell<Option<Waker>>,
}

impl Feed {
    /// Publishes a root. A listener that waits has its turn before the run goes on.
    pub(crate) async fn publish(&self, root: &Root) {
        self.latest.replace(Some(root.clone()));
        let mut passed = !self.wake();
        poll_fn(|context| {
            if std::mem::replace(&mut passed, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Ends the feed: the run is over. The job may go on all the same.
    pub(crate) fn close(&self) {
        self.over.set(true);
        self.wake();
    }

    fn wake(&self) -> bool {
        let listener = self.listener.take();
        let waits = listener.is_some();
        if let Some(listener) = listener {
            listener.wake();
        }
        waits
    }

    /// Waits for the last root that was published and not returned yet; `None` when the feed has
    /// ended.
    pub(crate) async fn next(&self) -> Option<Root> {
        poll_fn(|context| match self.latest.take() {
            Some(root) => Poll::Ready(Some(root)),
            None if self.over.get() => Poll::Ready(None),
            None => {
                self.listener.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use futures::future::join;
    use serde_json::json;

    use super::*;

    fn at(seq: u64) -> Root {
        let root = json!({
            "v": 1, "id": "a", "pipeline": "csv_import", "route": "imports", "token": true,
            "created": 0, "updated": 0, "expires": 0, "stage": "queued", "seq": seq,
            "epoch": {"term": 1, "nonce": "0"}, "fresh_until": 0,
        });
        serde_json::from_value(root).unwrap()
    }

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = poll(future.as_mut()) {
                return value;
            }
        }
    }

    #[test]
    fn a_listener_hears_each_state_before_the_run_goes_on() {
        let feed = Feed::default();
        let done = Cell::new(0);
        let run = async {
            for seq in 1..=3 {
                feed.publish(&at(seq)).await;
                done.set(seq);
            }
            feed.close();
        };
        let listener = async {
            let mut heard = Vec::new();
            while let Some(root) = feed.next().await {
                heard.push((root.seq, done.get()));
            }
            heard
        };
        let (heard, ()) = block_on(join(listener, run));
        assert_eq!(heard, [(1, 0), (2, 1), (3, 2)]);
    }

    #[test]
    fn nobody_listens_and_the_run_goes_on() {
        let feed = Feed::default();
        block_on(async {
            feed.publish(&at(1)).await;
            feed.publish(&at(2)).await;
        });
        feed.close();
        assert_eq!(block_on(feed.next()).map(|root| root.seq), Some(2));
        assert_eq!(block_on(feed.next()), None);
    }

    #[test]
    fn a_listener_that_gives_up_loses_nothing() {
        let feed = Feed::default();
        assert!(poll(feed.next()).is_pending());
        block_on(feed.publish(&at(7)));
        assert_eq!(block_on(feed.next()).map(|root| root.seq), Some(7));
    }
}
