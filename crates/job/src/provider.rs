//! How a provider is treated: rate, breaker, budget. One small document per provider is shared by
//! all runs; the last writer wins, so it is wrong by as much as the runs in flight did.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cadence::LatencyEstimate;
use crate::effects::{Effects, Response, StoreError, Time};
use crate::keys;

/// Failures in a row that open the breaker.
const OPENING_FAILURES: u32 = 5;

/// How long it stays open.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// Successes that close it again.
const CLOSING_SUCCESSES: u32 = 2;

/// How much a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests a second in the long run.
    pub per_second: f64,
    /// Requests at once after a pause.
    pub burst: f64,
    /// Requests of one job.
    pub max_per_job: u32,
}

/// A provider that asks for no more patience than this is waited for; else it counts as open.
pub(crate) const RETRY_AFTER_MAX_WAIT: Duration = Duration::from_secs(10);

/// What is remembered of a provider between runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProviderState {
    /// Failures since the last success.
    #[serde(default)]
    failures: u32,
    /// The breaker is open until then; 0 when it is closed.
    #[serde(default)]
    open_until: Time,
    /// Successes since the breaker was half open.
    #[serde(default)]
    successes: u32,
    /// Requests that may go out at once as of `filled`.
    #[serde(default)]
    tokens: f64,
    /// When `tokens` was reckoned.
    #[serde(default)]
    filled: Time,
    /// The provider asked for this much patience: nothing goes out before.
    #[serde(default)]
    hold_until: Time,
    /// How long an answer takes until a run has read it, about; 0: nothing is known.
    #[serde(default)]
    answer_us: LatencyEstimate,
}

impl ProviderState {
    /// As the store has it; a provider of which nothing is known is trusted.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load<E: Effects>(effects: &E, name: &str) -> Result<Self, StoreError> {
        Ok(effects
            .get(&keys::provider(name))
            .await?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default())
    }

    /// Tells the other runs.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn save<E: Effects>(&self, effects: &E, name: &str) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).map_err(|error| StoreError(error.to_string()))?;
        effects.set(&keys::provider(name), &bytes).await
    }

    /// How long the breaker stays open; `None` when a request may go out.
    #[must_use]
    pub(crate) fn open_for(&self, now: Time) -> Option<Duration> {
        // A clock that has jumped must not close a provider for longer than it ever is.
        let left = self.open_until.since(now);
        (left > Duration::ZERO && left <= MAX_RETRY_AFTER.max(OPEN_FOR)).then_some(left)
    }

    /// How many requests could go out now at once; less than nothing when some wait.
    #[must_use]
    pub(crate) fn available(&self, limit: RateLimit, now: Time) -> f64 {
        if self.filled == Time::default() || self.filled > now {
            return limit.burst;
        }
        let passed = now.since(self.filled).as_secs_f64();
        passed
            .mul_add(limit.per_second, self.tokens)
            .min(limit.burst)
    }

    /// Takes a place for a request; answers how long to wait before it goes out.
    pub(crate) fn reserve(&mut self, limit: RateLimit, now: Time) -> Duration {
        self.tokens = self.available(limit, now);
        self.filled = now;
        self.tokens -= 1.0;
        let queue = if self.tokens >= 0.0 || limit.per_second <= 0.0 {
            Duration::ZERO
        } else {
            Duration::try_from_secs_f64(-self.tokens / limit.per_second).unwrap_or(OPEN_FOR)
        };
        let held = self.hold_until.since(now);
        // A clock that has jumped must not hold everybody for longer than patience is asked for.
        queue.max(if held <= OPEN_FOR {
            held
        } else {
            Duration::ZERO
        })
    }

    /// The provider asked for a little patience.
    pub(crate) fn hold(&mut self, now: Time, time: Duration) {
        self.hold_until = now.plus(time.min(RETRY_AFTER_MAX_WAIT));
    }

    /// What two runs know together: what keeps the provider from being asked counts.
    #[must_use]
    pub(crate) fn merged(&self, other: &Self) -> Self {
        Self {
            open_until: self.open_until.max(other.open_until),
            ..self.clone()
        }
    }

    /// How long an answer takes until it is read, about; `None` when nothing is known.
    #[must_use]
    pub(crate) fn latency(&self) -> Option<Duration> {
        self.answer_us.get()
    }

    /// An answer took so long.
    pub(crate) fn record_latency(&mut self, took: Duration) {
        self.answer_us.record(took);
    }

    /// A request was answered as it should.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        if self.open_until != Time::default() {
            self.successes += 1;
            if self.successes >= CLOSING_SUCCESSES {
                self.open_until = Time::default();
                self.successes = 0;
            }
        }
    }

    /// A request was not answered in time: two of them in a row say what five failures do, because
    /// each costs so much time.
    pub(crate) fn timed_out(&mut self, now: Time) {
        self.failures += OPENING_FAILURES / 2;
        self.failed(now);
    }

    /// A request failed. While the breaker is half open, one failure opens it again.
    pub(crate) fn failed(&mut self, now: Time) {
        self.failures += 1;
        let half_open = self.open_until != Time::default();
        self.successes = 0;
        if half_open || self.failures >= OPENING_FAILURES {
            self.failures = 0;
            self.open_until = now.plus(OPEN_FOR);
        }
    }

    /// The provider asked to be left alone for a while.
    pub(crate) fn refused_for(&mut self, now: Time, time: Duration) {
        self.successes = 0;
        self.open_until = now.plus(time.min(MAX_RETRY_AFTER));
    }
}

/// The longest time a provider's `Retry-After` is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What `Retry-After` says, in seconds; the HTTP-date form (RFC 9110, 10.2.3) counts as a minute,
/// because the clocks of two parties need not agree.
#[must_use]
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header("retry-after")?.trim();
    Some(match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds).min(MAX_RETRY_AFTER),
        Err(_) => OPEN_FOR,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::millis;

    const LIMIT: RateLimit = RateLimit {
        per_second: 2.0,
        burst: 3.0,
        max_per_job: 10,
    };

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut state = ProviderState::default();
        let now = Time(1_000_000);
        let waits: Vec<u64> = (0..6).map(|_| millis(state.reserve(LIMIT, now))).collect();
        assert_eq!(waits, [0, 0, 0, 500, 1000, 1500]);
        let later = now.plus(Duration::from_secs(10));
        assert_eq!(state.reserve(LIMIT, later), Duration::ZERO);
    }

    #[test]
    fn five_failures_open_the_breaker_and_two_successes_close_it() {
        let mut state = ProviderState::default();
        let now = Time(1_000_000);
        for _ in 0..4 {
            state.failed(now);
            assert_eq!(state.open_for(now), None);
        }
        state.failed(now);
        assert_eq!(state.open_for(now), Some(OPEN_FOR));
        let later = now.plus(OPEN_FOR);
        assert_eq!(state.open_for(later), None, "half open");
        state.succeeded();
        state.failed(later);
        assert_eq!(
            state.open_for(later),
            Some(OPEN_FOR),
            "one failure opens a half-open breaker"
        );
        let later = later.plus(OPEN_FOR);
        state.succeeded();
        state.succeeded();
        state.failed(later);
        assert_eq!(state.open_for(later), None, "closed: it takes five again");
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let mut state = ProviderState::default();
        for _ in 0..20 {
            state.failed(Time(5));
            state.failed(Time(5));
            state.succeeded();
        }
        assert_eq!(state.open_for(Time(5)), None);
    }

    #[test]
    fn two_timeouts_open_the_breaker() {
        let mut state = ProviderState::default();
        state.timed_out(Time(5));
        assert_eq!(state.open_for(Time(5)), None);
        state.timed_out(Time(5));
        assert_eq!(state.open_for(Time(5)), Some(OPEN_FOR));
    }

    #[test]
    fn nothing_goes_out_while_the_provider_asks_for_patience() {
        let mut state = ProviderState::default();
        let now = Time(1_000_000);
        state.hold(now, Duration::from_secs(5));
        assert_eq!(state.reserve(LIMIT, now), Duration::from_secs(5));
        let later = now.plus(Duration::from_secs(5));
        assert_eq!(state.reserve(LIMIT, later), Duration::ZERO);
    }

    #[test]
    fn what_either_of_two_runs_has_learned_counts() {
        let mut refused = ProviderState::default();
        refused.refused_for(Time(1_000), Duration::from_secs(30));
        let merged = ProviderState::default().merged(&refused);
        assert_eq!(merged.open_for(Time(1_000)), Some(Duration::from_secs(30)));
    }

    #[test]
    fn an_endless_retry_after_is_cut() {
        let response = Response {
            status: 429,
            headers: vec![("retry-after".into(), u64::MAX.to_string())],
            body: Vec::new(),
        };
        assert_eq!(retry_after(&response), Some(MAX_RETRY_AFTER));
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_close_a_provider_for_ever() {
        let mut state = ProviderState::default();
        for _ in 0..5 {
            state.failed(Time(10_000_000));
        }
        assert_eq!(state.open_for(Time(1)), None);
    }

    #[test]
    fn what_answers_take_follows_what_they_took() {
        let mut state = ProviderState::default();
        assert_eq!(state.latency(), None);
        state.record_latency(Duration::from_millis(80));
        assert_eq!(state.latency(), Some(Duration::from_millis(80)));
        state.record_latency(Duration::from_millis(160));
        assert_eq!(state.latency(), Some(Duration::from_millis(90)));
    }
}
