//! The choice of the next transport, and of the pause before: a pure state machine. Clock, network
//! and randomness come from the watch that drives it.

use std::time::Duration;

use crate::Timing;

/// The transports that a client may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Streams; polling while streams do not get through.
    #[default]
    Auto,
    /// Streams only.
    Sse,
    /// Polling only.
    Poll,
}

/// The way in which an attempt to stream ended before the job did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// The stream sent something, and then ended or broke.
    Cut,
    /// The stream ended before it sent anything, or the server said that it is busy.
    Useless,
    /// No byte, or no further one, came in time.
    Silent,
    /// The response was none of this contract's streams.
    Refused,
    /// No connection could be made.
    Unreachable,
}

/// The next attempt, after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Stream,
    /// Ask for the status to learn whether only streams are in trouble.
    Probe,
    Poll,
}

/// Longest pause that a server is granted.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Number of fruitless attempts in a row after which a probe shows whether streams get through at
/// all.
const DOUBT: u32 = 3;

#[derive(Debug)]
pub(crate) struct Strategy {
    mode: Mode,
    timing: Timing,
    /// The pause that the last stream asked for.
    retry: Option<Duration>,
    failures: u32,
    /// Whether of the last stream nothing came, no connection or no byte.
    mute: bool,
    /// Whether the status was answered although nothing came of streams.
    answered: bool,
}

impl Strategy {
    pub(crate) fn new(mode: Mode, timing: Timing) -> Self {
        Self {
            mode,
            timing,
            retry: None,
            failures: 0,
            mute: false,
            answered: false,
        }
    }

    /// Chooses the first attempt; `blocked`: streams are known not to get through.
    pub(crate) fn begin(&self, blocked: bool) -> Step {
        match self.mode {
            Mode::Poll => Step::Poll,
            Mode::Auto if blocked => Step::Poll,
            Mode::Auto | Mode::Sse => Step::Stream,
        }
    }

    /// Records the pause that the stream asked for.
    pub(crate) fn set_retry(&mut self, retry: Duration) {
        let retry = retry.max(Duration::from_millis(100));
        self.retry = Some(retry.min(self.timing.max_backoff));
    }

    /// Records that an event, or a status, has come.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.answered = false;
    }

    /// Decides what follows a stream that ended. `jitter` is uniform in [0, 1): clients that lost
    /// one server do not come back as one.
    pub(crate) fn stream_ended(&mut self, end: StreamEnd, jitter: f64) -> (Duration, Step) {
        if end == StreamEnd::Cut {
            self.succeeded();
            return (
                self.spread(self.retry.unwrap_or(self.timing.retry), jitter),
                Step::Stream,
            );
        }
        self.failures = self.failures.saturating_add(1);
        self.mute = matches!(end, StreamEnd::Unreachable | StreamEnd::Silent);
        let doubtful = match end {
            StreamEnd::Silent | StreamEnd::Refused => true,
            StreamEnd::Useless => self.failures >= DOUBT,
            StreamEnd::Unreachable => self.answered || self.failures >= DOUBT,
            StreamEnd::Cut => false,
        };
        if self.mode == Mode::Auto && doubtful {
            return (Duration::ZERO, Step::Probe);
        }
        (self.backoff(jitter), Step::Stream)
    }

    /// Whether a probe that was answered says that streams do not get through. Where nothing came
    /// of them it takes two: the network may have come back between stream and probe.
    pub(crate) fn blames_streams(&mut self) -> bool {
        !self.mute || std::mem::replace(&mut self.answered, true)
    }

    /// Decides what follows a probe that failed too: the server is at fault, not its streams.
    pub(crate) fn probe_failed(&mut self, jitter: f64) -> (Duration, Step) {
        (self.backoff(jitter), Step::Stream)
    }

    /// Decides what follows a poll, or a probe, that was answered; `blocked`: streams are still
    /// held to be in trouble.
    pub(crate) fn polled(
        &mut self,
        retry_after: Option<Duration>,
        blocked: bool,
    ) -> (Duration, Step) {
        self.failures = 0;
        let pause = retry_after.unwrap_or(self.timing.poll);
        let pause = pause.clamp(Duration::from_millis(100), LONGEST_PAUSE);
        let polling = match self.mode {
            Mode::Auto => blocked,
            Mode::Sse => false,
            Mode::Poll => true,
        };
        (pause, if polling { Step::Poll } else { Step::Stream })
    }

    /// Decides what follows a poll that failed.
    pub(crate) fn poll_failed(&mut self, jitter: f64) -> (Duration, Step) {
        self.failures = self.failures.saturating_add(1);
        (self.backoff(jitter), Step::Poll)
    }

    /// Lengthens a pause by up to a quarter: never earlier than the server asked for.
    fn spread(&self, pause: Duration, jitter: f64) -> Duration {
        pause.mul_f64(1.0 + jitter / 4.0)
    }

    fn backoff(&self, jitter: f64) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = self
            .timing
            .retry
            .saturating_mul(1 << doublings)
            .min(self.timing.max_backoff);
        self.spread(pause, jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strategy(mode: Mode) -> Strategy {
        Strategy::new(
            mode,
            Timing {
                retry: Duration::from_secs(1),
                max_backoff: Duration::from_secs(15),
                ..Timing::default()
            },
        )
    }

    #[test]
    fn a_cut_stream_is_resumed_when_the_server_said() {
        let mut it = strategy(Mode::Auto);
        assert_eq!(
            it.stream_ended(StreamEnd::Cut, 0.0),
            (Duration::from_secs(1), Step::Stream)
        );
        it.set_retry(Duration::from_millis(250));
        for _ in 0..10 {
            let (pause, step) = it.stream_ended(StreamEnd::Cut, 0.99);
            assert_eq!(step, Step::Stream);
            assert!(
                pause >= Duration::from_millis(250) && pause < Duration::from_millis(313),
                "{pause:?}"
            );
        }
        it.set_retry(Duration::from_secs(86_400));
        assert_eq!(
            it.stream_ended(StreamEnd::Cut, 0.0).0,
            Duration::from_secs(15)
        );
    }

    #[test]
    fn an_absent_server_is_asked_ever_more_rarely_and_its_streams_are_not_blamed() {
        let mut it = strategy(Mode::Auto);
        let pauses: Vec<_> = (0..7)
            .map(|_| match it.stream_ended(StreamEnd::Unreachable, 0.0) {
                (_, Step::Probe) => it.probe_failed(0.0),
                next => next,
            })
            .collect();
        let seconds = [1, 2, 4, 8, 15, 15, 15].map(|s| (Duration::from_secs(s), Step::Stream));
        assert_eq!(pauses, seconds);
        it.succeeded();
        assert_eq!(
            it.stream_ended(StreamEnd::Unreachable, 0.0).0,
            Duration::from_secs(1)
        );
    }

    #[test]
    fn a_network_that_comes_back_between_stream_and_probe_is_not_blamed_on_streams() {
        let mut it = strategy(Mode::Auto);
        assert_eq!(it.stream_ended(StreamEnd::Silent, 0.0).1, Step::Probe);
        assert!(!it.blames_streams());
        assert_eq!(it.polled(None, false).1, Step::Stream);
        it.succeeded();
        assert_eq!(it.stream_ended(StreamEnd::Silent, 0.0).1, Step::Probe);
        assert!(!it.blames_streams());
        assert_eq!(it.stream_ended(StreamEnd::Silent, 0.0).1, Step::Probe);
        assert!(it.blames_streams());
    }

    #[test]
    fn streams_without_a_connection_are_blamed_when_the_status_is_answered_twice() {
        let mut it = strategy(Mode::Auto);
        for step in [Step::Stream, Step::Stream, Step::Probe] {
            assert_eq!(it.stream_ended(StreamEnd::Unreachable, 0.0).1, step);
        }
        assert!(!it.blames_streams());
        assert_eq!(it.polled(None, false).1, Step::Stream);
        assert_eq!(it.stream_ended(StreamEnd::Unreachable, 0.0).1, Step::Probe);
        assert!(it.blames_streams());
    }

    #[test]
    fn streams_are_given_up_only_when_the_status_works() {
        for end in [StreamEnd::Silent, StreamEnd::Refused] {
            let mut it = strategy(Mode::Auto);
            assert_eq!(it.stream_ended(end, 0.0), (Duration::ZERO, Step::Probe));
            assert_eq!(it.probe_failed(0.0).1, Step::Stream);
            assert_eq!(it.stream_ended(end, 0.0).1, Step::Probe);
            assert_eq!(it.polled(None, true).1, Step::Poll);
        }
    }

    #[test]
    fn a_stream_that_says_nothing_three_times_is_doubted() {
        let mut it = strategy(Mode::Auto);
        let steps: Vec<_> = (0..3)
            .map(|_| it.stream_ended(StreamEnd::Useless, 0.0).1)
            .collect();
        assert_eq!(steps, [Step::Stream, Step::Stream, Step::Probe]);
    }

    #[test]
    fn forced_streams_never_poll_and_forced_polling_never_streams() {
        let mut it = strategy(Mode::Sse);
        assert_eq!(it.begin(true), Step::Stream);
        for end in [
            StreamEnd::Cut,
            StreamEnd::Silent,
            StreamEnd::Refused,
            StreamEnd::Useless,
            StreamEnd::Unreachable,
        ] {
            assert_eq!(it.stream_ended(end, 0.0).1, Step::Stream);
        }
        let mut it = strategy(Mode::Poll);
        assert_eq!(it.begin(false), Step::Poll);
        assert_eq!(it.polled(None, false), (Timing::default().poll, Step::Poll));
        assert_eq!(it.poll_failed(0.0).1, Step::Poll);
    }

    #[test]
    fn polling_obeys_the_server_within_reason_and_ends_when_streams_may_work_again() {
        let mut it = strategy(Mode::Auto);
        assert_eq!(it.begin(true), Step::Poll);
        assert_eq!(
            it.polled(Some(Duration::from_secs(5)), true),
            (Duration::from_secs(5), Step::Poll)
        );
        assert_eq!(
            it.polled(Some(Duration::ZERO), true).0,
            Duration::from_millis(100)
        );
        assert_eq!(
            it.polled(Some(Duration::from_secs(86_400)), true).0,
            Duration::from_secs(60)
        );
        assert_eq!(it.polled(None, false).1, Step::Stream);
    }
}
