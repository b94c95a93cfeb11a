//! Counting events in a moving window of time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The events of the last `length` of time.
#[derive(Debug)]
pub(crate) struct Window {
    length: Duration,
    events: VecDeque<Instant>,
}

impl Window {
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            length,
            events: VecDeque::new(),
        }
    }

    /// Number of events in the window that ends `now`.
    pub(crate) fn count(&mut self, now: Instant) -> u64 {
        while let Some(oldest) = self.events.front() {
            if now.saturating_duration_since(*oldest) < self.length {
                break;
            }
            self.events.pop_front();
        }
        self.events.len() as u64
    }

    /// Records an event, unless there are already `limit` of them.
    pub(crate) fn admit(&mut self, now: Instant, limit: u64) -> bool {
        let admitted = self.count(now) < limit;
        if admitted {
            self.events.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_the_window_one_by_one() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut window = Window::new(Duration::from_secs(1));
        assert!(window.admit(at(0), 2));
        assert!(window.admit(at(500), 2));
        assert!(!window.admit(at(999), 2));
        assert!(window.admit(at(1_000), 2));
        assert!(!window.admit(at(1_400), 2));
        assert_eq!(window.count(at(1_600)), 1);
        assert_eq!(window.count(at(5_000)), 0);
    }
}
