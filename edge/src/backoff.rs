//! Back-off of attempts to reach an upstream that was lost.

use crate::config::Times;
use std::time::Duration;
use tokio::time::Instant;

/// The attempts since one loss: the first at once, then after pauses that double.
pub(crate) struct Backoff {
    until: Instant,
    pause: Duration,
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Starts at the moment of the loss.
    pub(crate) fn new(times: &Times) -> Self {
        Self {
            until: Instant::now() + times.give_up_after,
            pause: Duration::ZERO,
            first: times.retry_first,
            longest: times.retry_longest,
        }
    }

    /// Time at which all attempts are given up.
    pub(crate) fn deadline(&self) -> Instant {
        self.until
    }

    /// Waits until the next attempt is due; `false` when there is to be none.
    pub(crate) async fn wait(&mut self) -> bool {
        // Half of the pause is random, so that the clients of a restarted upstream do not all come
        // back together.
        let due = Instant::now() + self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).clamp(self.first, self.longest);
        let due_in_time = due < self.until;
        tokio::time::sleep_until(due.min(self.until)).await;
        due_in_time
    }
}
