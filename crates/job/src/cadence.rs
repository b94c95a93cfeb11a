//! Forecasts of a job's next commit, and when a watcher looks for it. Pure: times come in as
//! arguments.
//!
//! A run says with each commit when the next one may be expected: a [`Forecast`], which the root
//! holds as a [`Due`]. How long answers take is a [`LatencyEstimate`], kept with each provider. A
//! watcher asks its [`PollPacer`] how long to sleep before it looks at the store again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings::Settings;
use crate::time::{Time, millis};

/// Expected time of the commit after the current one, counted from the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forecast {
    /// No forecast.
    Unknown,
    /// One commit, after this long.
    In(Duration),
    /// Any of several rounds of answers; which is the last cannot be told.
    Rounds {
        /// The time until the answers that are waited for now.
        first: Duration,
        /// The time that each further round takes.
        each: Duration,
    },
}

impl Forecast {
    /// The forecast when each round of answers takes this long, if that is known.
    pub(crate) fn from_latency(each: Option<Duration>) -> Self {
        match each {
            Some(each) => Self::Rounds { first: each, each },
            None => Self::Unknown,
        }
    }

    /// The forecast of a commit at `now`, as the root holds it.
    pub(crate) fn due(self, now: Time) -> Due {
        match self {
            Self::Unknown => Due::default(),
            Self::In(time) => Due {
                at: Some(now.plus(time)),
                every: 0,
            },
            Self::Rounds { first, each } => Due {
                at: Some(now.plus(first)),
                every: u32::try_from(each.as_millis()).unwrap_or(0).max(1),
            },
        }
    }
}

/// The time at which the next commit is due: the fields `due` and `due_every` of a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// First time at which the next commit may come.
    pub(crate) at: Option<Time>,
    /// Interval, in milliseconds, of the later times at which the commit may come when it has not
    /// come at `at`; 0: unknown.
    pub(crate) every: u32,
}

/// Number of rounds after which a late commit is no longer expected.
const MAX_ROUNDS: u32 = 6;

impl Due {
    /// The distance from `now` to the nearest time at which the commit may come; `None` when
    /// nothing is known (any more). `committed` is the time of the last commit.
    pub(crate) fn distance(self, committed: Time, now: Time) -> Option<Duration> {
        let at = self.at?;
        let each = Duration::from_millis(u64::from(self.every));
        let late = now.since(at);
        if now < at {
            Some(at.since(now))
        } else if each.is_zero() {
            let expected = at.since(committed);
            (late <= expected / 8).then_some(late)
        } else {
            let into = Duration::from_millis(millis(late) % millis(each));
            (late < each * MAX_ROUNDS).then(|| into.min(each - into))
        }
    }
}

/// A moving average of how long answers take, in microseconds; 0: unknown. Each new measurement
/// counts for an eighth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LatencyEstimate(u64);

impl LatencyEstimate {
    /// The average; `None` before the first measurement.
    pub(crate) fn get(self) -> Option<Duration> {
        (self.0 > 0).then(|| Duration::from_micros(self.0))
    }

    /// Takes a measurement.
    pub(crate) fn record(&mut self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        self.0 = match self.0 {
            0 => took,
            before => (before.saturating_mul(7).saturating_add(took)) / 8,
        };
    }
}

/// Usual oversleeping, because clocks are coarse. More means that the machine is busy.
const NORMAL_OVERSLEEP: Duration = Duration::from_millis(2);
/// Divisor of the silence before an unforeseen commit: within that part of it the commit is
/// noticed.
const UNFORESEEN_FRACTION: u32 = 40;
/// The least such divisor, for a job that has been silent for ten seconds and more.
const SILENT_FRACTION: u32 = 4;
/// Factor by which the longest pause grows for a job that has long been silent.
const SILENT_FACTOR: u32 = 16;
/// The longest pause, unless news is looked for even more rarely.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Divisor of a commit's distance from the nearest time at which it was expected: within that part
/// of it a foreseen commit is noticed.
const FORESEEN_FRACTION: u32 = 4;

/// The pace at which a watcher looks at the store.
///
/// The pause is short near the time at which a commit is due, and grows with the silence of the
/// job otherwise, between [`Settings::look_min`] and [`Settings::look_max`], and beyond it when a
/// job has long been silent. When sleeping takes much longer than asked for, the machine is busy
/// and all pauses grow.
#[derive(Clone, Debug)]
pub(crate) struct PollPacer {
    min: Duration,
    max: Duration,
    /// Monotonic time of the last delivery of news.
    last_news: Duration,
    /// Length of the job's silence at that time.
    earlier_silence: Duration,
    /// Lower limit of all pauses while the machine is busy.
    congestion: Duration,
}

impl PollPacer {
    /// The pace of a watcher that connects at `now` to a job that has been silent for `silence`.
    pub(crate) fn new(settings: &Settings, now: Duration, silence: Duration) -> Self {
        Self {
            min: settings.look_min,
            max: settings.look_max,
            last_news: now,
            // More would change nothing: the pause is the longest by then.
            earlier_silence: silence.min(settings.look_max * SILENT_FACTOR * UNFORESEEN_FRACTION),
            congestion: Duration::ZERO,
        }
    }

    /// The pause before the next look; `distance` is [`Due::distance`], if a run works on the job.
    pub(crate) fn next_pause(&self, distance: Option<Duration>, now: Duration) -> Duration {
        let silence = now.saturating_sub(self.last_news) + self.earlier_silence;
        let (pause, longest) = match distance {
            Some(distance) => (distance / FORESEEN_FRACTION, self.max),
            None => (part_of(silence), longest_pause(self.max)),
        };
        pause
            .clamp(self.min, longest)
            .max(self.congestion.min(self.max))
    }

    /// Records that news was delivered at `now`.
    pub(crate) fn record_news(&mut self, now: Duration) {
        self.last_news = now;
        self.earlier_silence = Duration::ZERO;
    }

    /// Records that a pause took so much longer than it was to take.
    pub(crate) fn record_oversleep(&mut self, late: Duration) {
        let strain = late.saturating_sub(NORMAL_OVERSLEEP).min(self.max);
        self.congestion = (self.congestion * 7 + strain * 4) / 8;
    }
}

/// The pause before the next look at a job that has been silent for so long, and of which nothing
/// is foreseen.
pub(crate) fn pause_in_silence(silence: Duration, settings: &Settings) -> Duration {
    part_of(silence).clamp(settings.look_min, longest_pause(settings.look_max))
}

/// The longest pause for a job of which no commit is foreseen; `max` is that for one of which some
/// is.
fn longest_pause(max: Duration) -> Duration {
    (max * SILENT_FACTOR).min(LONGEST_PAUSE).max(max)
}

/// The pause for a job that has been silent for so long: a fortieth of it at first, for whoever
/// waits for a commit that may come at any time, a quarter of it in the end.
fn part_of(silence: Duration) -> Duration {
    let seconds = u32::try_from(silence.as_secs()).unwrap_or(u32::MAX);
    let fraction =
        (UNFORESEEN_FRACTION / seconds.max(1)).clamp(SILENT_FRACTION, UNFORESEEN_FRACTION);
    silence / fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Time of a job's last commit in the tests.
    const COMMITTED: Time = Time(1_000);

    /// Settings whose bounds do not show.
    fn pacer() -> PollPacer {
        let settings = Settings {
            look_min: Duration::ZERO,
            look_max: MS(250),
            ..Settings::local()
        };
        PollPacer::new(&settings, MS(0), MS(2_000))
    }

    /// The pause `after` so many ms; 100 ms follow from the silence alone.
    fn pause(forecast: Forecast, after: u64) -> u64 {
        let now = Time(COMMITTED.0 + after);
        let distance = forecast.due(COMMITTED).distance(COMMITTED, now);
        millis(pacer().next_pause(distance, MS(0)))
    }

    #[test]
    fn the_closer_a_commit_is_the_closer_a_watcher_looks() {
        let forecast = Forecast::In(MS(100));
        let pauses = [0, 40, 80, 96, 100, 104, 112].map(|after| pause(forecast, after));
        assert_eq!(pauses, [25, 15, 5, 1, 0, 1, 3]);
        assert_eq!(
            pause(forecast, 113),
            100,
            "it is late, and nobody knows how late"
        );
    }

    #[test]
    fn a_commit_that_comes_with_answers_is_looked_for_when_they_come() {
        let forecast = Forecast::Rounds {
            first: MS(30),
            each: MS(80),
        };
        for round in 0..6 {
            let due = 30 + 80 * round;
            let pauses = [due, due + 20, due + 40, due + 60].map(|after| pause(forecast, after));
            assert_eq!(pauses, [0, 5, 10, 5], "{round}");
        }
        assert_eq!(pause(forecast, 30 + 80 * 6), 100);
    }

    #[test]
    fn without_a_forecast_the_pause_follows_the_silence() {
        assert_eq!(pause(Forecast::Unknown, 0), 100);
        assert_eq!(pause(Forecast::from_latency(None), 0), 100);
        assert_eq!(pause(Forecast::In(MS(0)), 0), 0);
        assert_eq!(pause(Forecast::In(MS(0)), 1), 100);
        let mut pacer = pacer();
        pacer.record_news(MS(1_000));
        for (now, pause) in [
            (1_000, 0),
            (1_400, 10),
            (2_000, 25),
            (3_000, 100),
            (5_000, 400),
            (11_000, 2_500),
            (90_000, 4_000),
        ] {
            assert_eq!(pacer.next_pause(None, MS(now)), MS(pause), "{now}");
        }
    }

    #[test]
    fn a_pause_is_never_shorter_than_the_shortest_nor_longer_than_the_longest() {
        let settings = Settings::local();
        let pacer = PollPacer::new(&settings, MS(0), MS(0));
        assert_eq!(pacer.next_pause(None, MS(0)), settings.look_min);
        let silent = PollPacer::new(&settings, MS(0), Duration::MAX);
        assert_eq!(
            silent.next_pause(None, MS(0)),
            LONGEST_PAUSE.min(settings.look_max * SILENT_FACTOR)
        );
        let rare = Settings {
            look_max: LONGEST_PAUSE * 2,
            ..Settings::local()
        };
        let rare = PollPacer::new(&rare, MS(0), Duration::MAX);
        assert_eq!(rare.next_pause(None, MS(0)), LONGEST_PAUSE * 2);
        let late = Some(Duration::MAX);
        assert_eq!(silent.next_pause(late, MS(0)), settings.look_max);
    }

    #[test]
    fn who_oversleeps_sleeps_longer_and_recovers() {
        let mut pacer = pacer();
        pacer.record_news(MS(0));
        pacer.record_oversleep(MS(2));
        assert_eq!(pacer.next_pause(None, MS(0)), MS(0), "usual");
        pacer.record_oversleep(MS(42));
        assert_eq!(pacer.next_pause(None, MS(0)), MS(20));
        for _ in 0..40 {
            pacer.record_oversleep(MS(9_000));
        }
        assert_eq!(pacer.next_pause(None, MS(0)), MS(250), "the longest");
        for _ in 0..80 {
            pacer.record_oversleep(MS(0));
        }
        assert!(pacer.next_pause(None, MS(0)) < MS(1));
    }

    #[test]
    fn an_estimate_follows_what_answers_took() {
        let mut estimate = LatencyEstimate::default();
        assert_eq!(estimate.get(), None);
        estimate.record(MS(80));
        assert_eq!(estimate.get(), Some(MS(80)));
        estimate.record(MS(160));
        assert_eq!(estimate.get(), Some(MS(90)));
        estimate.record(Duration::ZERO);
        estimate.record(Duration::MAX);
        assert!(estimate.get().is_some());
    }
}
