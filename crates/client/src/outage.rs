//! The time for which a server has been away.

use std::time::Duration;

use tokio::time::Instant;

/// Time in which a server was asked in vain since its last sign of life. Time in which this program
/// stood still, because its device slept for example, does not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    away: Duration,
    at: Instant,
    pause: Duration,
}

impl Outage {
    /// No outage: the server gave a sign of life `now`.
    pub(crate) fn over(now: Instant) -> Self {
        Self {
            away: Duration::ZERO,
            at: now,
            pause: Duration::ZERO,
        }
    }

    /// Counts an attempt that failed, and that began after the last pause and may have lasted for
    /// `limit`. Returns the time for which the server will have been away after the next `pause`.
    pub(crate) fn failed(&mut self, now: Instant, pause: Duration, limit: Duration) -> Duration {
        self.away += (now - self.at).min(self.pause + limit);
        self.at = now;
        self.pause = pause;
        self.away + pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_nobody_asked_is_no_outage() {
        let s = Duration::from_secs;
        let begin = Instant::now();
        let mut outage = Outage::over(begin);
        assert_eq!(outage.failed(begin + s(3), s(1), s(30)), s(4));
        assert_eq!(outage.failed(begin + s(6), s(15), s(30)), s(21));
        // Suspended for an hour, in the pause or while an answer was waited for.
        assert_eq!(outage.failed(begin + s(3606), s(15), s(30)), s(66));
        assert_eq!(outage.failed(begin + s(3651), s(2), s(30)), s(98));
    }
}
