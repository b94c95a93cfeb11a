//! Shared state of a metadata provider: token bucket, circuit breaker, runs that ask. One small
//! document per provider is shared by everybody who asks it; the last writer wins, so it is wrong
//! by as much as those in flight did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cadence::{Forecast, LatencyEstimate};
use crate::effects::{Effects, Response, StoreError};
use crate::keys;
use crate::time::Time;

/// Number of failures in a row that open the breaker.
const OPENING_FAILURES: u32 = 5;

/// Time for which the breaker stays open after it opened for the first time; each time that it
/// opens again without having been closed it stays open twice as long.
const OPEN_FIRST: Duration = Duration::from_secs(2);

/// Longest time for which the breaker stays open, unless the provider itself asks for more.
const OPEN_MAX: Duration = Duration::from_secs(60);

/// Number of successes that close it again.
const CLOSING_SUCCESSES: u32 = 2;

/// Time after which a run that has not shown itself is no longer counted among those that send
/// requests.
const RUN_COUNTED_FOR: Duration = Duration::from_secs(15);

/// The least share of the configured rate that refusals lead to.
const LEAST_PACE: f64 = 0.125;

/// Share of the configured rate by which an answer raises it again.
const PACE_STEP: f64 = 0.1;

/// What a run has asked a provider since it last said so in the store.
pub(crate) struct AskedSince<'a> {
    pub(crate) job: &'a str,
    /// Whether the job goes on asking.
    pub(crate) goes_on: bool,
    /// Number of requests for which it took places.
    pub(crate) requests: f64,
    /// The share of the rate that was known then.
    pub(crate) paced: f64,
}

/// Token-bucket limit on the requests to a provider.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests a second in the long run.
    pub per_second: f64,
    /// Largest number of requests at once after a pause.
    pub burst: f64,
    /// Largest number of requests of one job.
    pub max_per_job: u32,
}

impl RateLimit {
    /// The limit for one of several jobs that ask at the same time, or at a provider that has
    /// refused some requests.
    #[must_use]
    pub(crate) fn share(self, share: f64) -> Self {
        Self {
            per_second: self.per_second * share,
            burst: self.burst * share,
            ..self
        }
    }
}

/// The state of a provider that runs share through the store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProviderState {
    /// Number of failures since the last success.
    #[serde(default)]
    failures: u32,
    /// Time until which the breaker is open; 0 when it is closed.
    #[serde(default)]
    open_until: Time,
    /// Number of times that the breaker has opened since it was closed.
    #[serde(default, skip_serializing_if = "is_zero")]
    opened: u32,
    /// Number of successes since the breaker was half open.
    #[serde(default)]
    successes: u32,
    /// Number of requests that may go out at once as of `filled`.
    #[serde(default)]
    tokens: f64,
    /// Time at which `tokens` was counted.
    #[serde(default)]
    filled: Time,
    /// Average latency of an answer until a run has read it; 0: unknown.
    #[serde(default)]
    answer_us: LatencyEstimate,
    /// Share of the configured rate at which the provider is asked: refusals lower it. 0: all of
    /// it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pace: f64,
    /// The jobs that ask the provider at present, and when a run of theirs was seen last. A job has
    /// one entry: its next run takes over the share of the one before, however that ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    runs: BTreeMap<String, Time>,
    /// Single look-ups that have lately been given a place, each with the time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tickets: BTreeMap<String, Time>,
}

/// The state of a provider as an operator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderStatus {
    /// Name of the provider, as the store has it.
    pub name: &'static str,
    /// State of its circuit breaker.
    pub breaker: Breaker,
    /// Time until which the breaker stays open, if it is.
    pub open_until: Option<Time>,
    /// Number of failures since the last success.
    pub failures: u32,
    /// Share of the configured rate at which it is asked; refusals lower it.
    pub pace: f64,
    /// Average latency of its answers; `None` when it is not known.
    pub latency: Option<Duration>,
    /// Names of the jobs that ask it at present.
    pub jobs: Vec<String>,
    /// Number of single look-ups that were given a place lately.
    pub look_ups: usize,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Requests go out.
    Closed,
    /// One request is to show that the provider is well again.
    HalfOpen,
    /// No request goes out.
    Open,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_nothing(number: &f64) -> bool {
    *number == 0.0
}

impl ProviderState {
    /// Reads the stored state; a provider of which nothing is known is trusted.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn load<E: Effects>(effects: &E, name: &str) -> Result<Self, StoreError> {
        Ok(effects
            .get(&keys::provider(name))
            .await?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default())
    }

    /// Writes the state, for all who ask the provider.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn save<E: Effects>(&self, effects: &E, name: &str) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).map_err(|error| StoreError(error.to_string()))?;
        effects.set(&keys::provider(name), &bytes).await
    }

    /// Time until the breaker lets a request through; `None` when it is closed.
    #[must_use]
    pub(crate) fn open_for(&self, now: Time) -> Option<Duration> {
        // A clock that has jumped must not close a provider for longer than it ever is.
        let left = self.open_until.since(now);
        (left > Duration::ZERO && left <= MAX_RETRY_AFTER.max(OPEN_MAX)).then_some(left)
    }

    /// What the breaker does, and the share of the configured rate that is asked, for the log.
    pub(crate) fn health(&self, now: Time) -> (&'static str, f64) {
        let breaker = match self.breaker(now) {
            Breaker::Open => "open",
            Breaker::HalfOpen => "half-open",
            Breaker::Closed => "closed",
        };
        (breaker, self.pace())
    }

    /// The state of the circuit breaker.
    fn breaker(&self, now: Time) -> Breaker {
        match (self.open_for(now), self.is_half_open(now)) {
            (Some(_), _) => Breaker::Open,
            (None, true) => Breaker::HalfOpen,
            (None, false) => Breaker::Closed,
        }
    }

    /// Whether one request is to show that the provider is well again.
    #[must_use]
    pub(crate) fn is_half_open(&self, now: Time) -> bool {
        self.open_until != Time::default() && self.open_for(now).is_none()
    }

    /// The state as an operator sees it.
    pub(crate) fn status(&self, name: &'static str, now: Time) -> ProviderStatus {
        let is_recent = |at: &Time| now.since(*at) < RUN_COUNTED_FOR;
        let jobs = self.runs.iter().filter(|(_, seen)| is_recent(seen));
        ProviderStatus {
            name,
            breaker: self.breaker(now),
            open_until: self.open_for(now).map(|_| self.open_until),
            failures: self.failures,
            pace: self.pace(),
            latency: self.latency(),
            jobs: jobs.map(|(job, _)| job.clone()).collect(),
            look_ups: self.tickets.values().filter(|at| is_recent(at)).count(),
        }
    }

    /// The share of the configured rate at which it is asked.
    #[must_use]
    pub(crate) fn pace(&self) -> f64 {
        if self.pace > 0.0 {
            self.pace.min(1.0)
        } else {
            1.0
        }
    }

    /// Number of requests that could go out now at once; negative when some wait.
    #[must_use]
    pub(crate) fn available(&self, limit: RateLimit, now: Time) -> f64 {
        if self.filled == Time::default() || self.filled > now {
            return limit.burst;
        }
        let passed = now.since(self.filled).as_secs_f64();
        passed
            .mul_add(limit.per_second * self.pace(), self.tokens)
            .min(limit.burst)
    }

    /// Takes tokens for `taken` requests, whenever they go out.
    fn take(&mut self, limit: RateLimit, taken: f64, now: Time) {
        self.tokens = self.available(limit, now) - taken;
        self.filled = now;
    }

    /// Takes a place for the single look-up that is called `ticket`, unless it has one; answers how
    /// long to wait before it goes out. Whether nobody has overwritten it meanwhile is to be looked
    /// at again.
    pub(crate) fn reserve(&mut self, limit: RateLimit, ticket: &str, now: Time) -> Duration {
        self.tickets
            .retain(|_, at| now.since(*at) < RUN_COUNTED_FOR);
        self.take(limit, 1.0, now);
        self.tickets.insert(ticket.to_owned(), now);
        let rate = limit.per_second * self.pace();
        if self.tokens >= 0.0 || rate <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-self.tokens / rate).unwrap_or(OPEN_MAX)
    }

    /// Whether the place of the look-up called `ticket` is still recorded.
    pub(crate) fn has(&self, ticket: &str) -> bool {
        self.tickets.contains_key(ticket)
    }

    /// Merges what a run knows with what the store has. Returns how many ask at present.
    pub(crate) fn merge(
        &mut self,
        stored: Self,
        limit: RateLimit,
        asked: &AskedSince<'_>,
        now: Time,
    ) -> usize {
        let paced = asked.paced;
        // What the bucket refused to several at the same time is one refusal.
        let pace = match self.pace() < paced {
            true => stored.pace().min(self.pace()),
            false => (stored.pace() + self.pace() - paced).min(1.0),
        };
        self.open_until = self.open_until.max(stored.open_until);
        self.opened = self.opened.max(stored.opened);
        self.tokens = stored.tokens;
        self.filled = stored.filled;
        self.tickets = stored.tickets;
        self.runs = stored.runs;
        self.pace = pace;
        self.take(limit, asked.requests, now);
        self.runs
            .retain(|_, seen| now.since(*seen) < RUN_COUNTED_FOR);
        match asked.goes_on {
            true => self.runs.insert(asked.job.to_owned(), now),
            false => self.runs.remove(asked.job),
        };
        self.runs.len().max(1)
    }

    /// Number of other jobs that ask at present.
    pub(crate) fn others(&self, job: &str, now: Time) -> usize {
        let is_other = |(name, seen): &(&String, &Time)| {
            name.as_str() != job && now.since(**seen) < RUN_COUNTED_FOR
        };
        self.runs.iter().filter(is_other).count()
    }

    /// Average latency of an answer until it is read; `None` when it is not known.
    #[must_use]
    pub(crate) fn latency(&self) -> Option<Duration> {
        self.answer_us.get()
    }

    /// Records that an answer took so long.
    pub(crate) fn record_latency(&mut self, took: Duration) {
        self.answer_us.record(took);
    }

    /// Records that a request was answered as it should.
    pub(crate) fn record_success(&mut self) {
        self.failures = 0;
        self.pace = (self.pace() + PACE_STEP).min(1.0);
        if self.open_until != Time::default() {
            self.successes += 1;
            if self.successes >= CLOSING_SUCCESSES {
                self.open_until = Time::default();
                self.successes = 0;
                self.opened = 0;
            }
        }
    }

    /// Records that a request was not answered in time: two of them in a row count as five failures
    /// do, because each costs so much time.
    pub(crate) fn record_timeout(&mut self, now: Time, dice: f64) {
        self.failures += OPENING_FAILURES / 2;
        self.record_failure(now, dice);
    }

    /// Records that a request failed. While the breaker is half open, one failure opens it again.
    pub(crate) fn record_failure(&mut self, now: Time, dice: f64) {
        self.failures += 1;
        if self.is_half_open(now) || self.failures >= OPENING_FAILURES {
            self.open(now, None, dice);
        }
    }

    /// Records that the provider refused a request; `retry_after` is how long it wants to be left
    /// alone.
    pub(crate) fn record_refusal(&mut self, now: Time, retry_after: Option<Duration>, dice: f64) {
        // Those that were in flight together are one refusal.
        if self.open_for(now).is_none() {
            self.pace = (self.pace() / 2.0).max(LEAST_PACE);
            self.open(now, retry_after, dice);
        } else if let Some(retry_after) = retry_after {
            self.open_until = self
                .open_until
                .max(now.plus(retry_after.min(MAX_RETRY_AFTER)));
        }
    }

    /// Opens the breaker; `dice`, from 0 to 1, keeps those who wait for it from coming back
    /// together.
    fn open(&mut self, now: Time, retry_after: Option<Duration>, dice: f64) {
        let doubled = OPEN_FIRST * 2_u32.saturating_pow(self.opened.min(8));
        let time = match retry_after {
            Some(retry_after) => {
                retry_after.min(MAX_RETRY_AFTER) + Duration::from_millis(250).mul_f64(dice)
            }
            None => doubled.min(OPEN_MAX).mul_f64(0.75 + dice / 4.0),
        };
        self.failures = 0;
        self.successes = 0;
        self.opened = self.opened.saturating_add(1);
        self.open_until = now.plus(time);
    }
}

/// The longest time a provider's `Retry-After` is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The time that `Retry-After` asks for, in seconds or as a date (RFC 9110, 10.2.3). The clocks of
/// two parties need not agree: a date is compared with the provider's own `Date`, and counts as a
/// minute without one.
#[must_use]
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header("retry-after")?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    }
    let until = seconds_of_date(value)?;
    match response.header("date").and_then(seconds_of_date) {
        Some(now) => {
            let left = until.checked_sub(now).filter(|left| *left > 0)?;
            Some(Duration::from_secs(left).min(MAX_RETRY_AFTER))
        }
        None => Some(OPEN_MAX),
    }
}

/// The seconds since 1970 of a date like "Sun, 06 Nov 1994 08:49:37 GMT".
fn seconds_of_date(text: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut parts = text.split_once(", ")?.1.split(' ');
    let number = |text: &str| text.parse::<u64>().ok();
    let day = number(parts.next()?).filter(|day| (1..=31).contains(day))?;
    let name = parts.next().filter(|name| name.len() == 3)?;
    let month = u64::try_from(MONTHS.find(name)? / 3).ok()?;
    let year = number(parts.next()?).filter(|year| (1970..10_000).contains(year))?;
    let mut clock = parts.next()?.split(':').map(number);
    let mut unit = || clock.next()?.filter(|value| *value <= 60);
    let (hour, minute, second) = (unit()?, unit()?, unit()?);
    // Years that begin in March end with the day that not all of them have.
    let (years, months) = match month {
        0 | 1 => (year - 1, month + 10),
        _ => (year, month - 2),
    };
    let leap_days = years / 4 - years / 100 + years / 400;
    let days = years * 365 + leap_days + (months * 153 + 2) / 5 + day - 1;
    // The first of January 1970.
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The forecast of a job's first wave, before any of its requests has been sent.
pub(crate) async fn first_wave<E: Effects>(effects: &E) -> Forecast {
    let state = ProviderState::load(effects, books::Provider::OpenLibrary.name()).await;
    Forecast::from_latency(state.unwrap_or_default().latency())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit {
        per_second: 2.0,
        burst: 3.0,
        max_per_job: 10,
    };
    const NOW: Time = Time(1_000_000);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut state = ProviderState::default();
        let waits: Vec<u128> = (0..6)
            .map(|n| state.reserve(LIMIT, &n.to_string(), NOW).as_millis())
            .collect();
        assert_eq!(waits, [0, 0, 0, 500, 1000, 1500]);
        assert!(state.has("5") && !state.has("6"));
        let later = NOW.plus(Duration::from_secs(10));
        assert_eq!(state.reserve(LIMIT, "6", later), Duration::ZERO);
    }

    #[test]
    fn failures_in_a_row_open_the_breaker_longer_each_time_and_successes_close_it() {
        let mut state = ProviderState::default();
        let mut now = NOW;
        for _ in 0..4 {
            state.record_failure(now, 1.0);
            assert_eq!(state.open_for(now), None);
        }
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            state.record_failure(now, 1.0);
            assert_eq!(state.open_for(now), Some(Duration::from_secs(seconds)));
            now = now.plus(Duration::from_secs(seconds));
            assert!(state.is_half_open(now));
        }
        state.record_success();
        state.record_failure(now, 1.0);
        assert!(state.open_for(now).is_some(), "half open: one is enough");
        now = now.plus(OPEN_MAX);
        state.record_success();
        state.record_success();
        state.record_failure(now, 1.0);
        assert_eq!(state.open_for(now), None, "closed: it takes five again");
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let mut state = ProviderState::default();
        for _ in 0..20 {
            state.record_failure(NOW, 1.0);
            state.record_failure(NOW, 1.0);
            state.record_success();
        }
        assert_eq!(state.open_for(NOW), None);
    }

    #[test]
    fn two_timeouts_open_the_breaker() {
        let mut state = ProviderState::default();
        state.record_timeout(NOW, 1.0);
        assert_eq!(state.open_for(NOW), None);
        state.record_timeout(NOW, 1.0);
        assert!(state.open_for(NOW).is_some());
    }

    fn asked(job: &str, goes_on: bool) -> AskedSince<'_> {
        AskedSince {
            job,
            goes_on,
            requests: 1.0,
            paced: 1.0,
        }
    }

    #[test]
    fn a_refusal_slows_everybody_down_and_answers_make_it_good() {
        let mut state = ProviderState::default();
        state.record_refusal(NOW, None, 0.0);
        state.record_refusal(NOW, None, 0.0);
        assert_eq!(state.pace(), 0.5, "two at the same time are one");
        assert_eq!(state.open_for(NOW), Some(Duration::from_millis(1_500)));
        state.record_refusal(NOW, Some(Duration::from_secs(30)), 0.0);
        assert_eq!(state.open_for(NOW), Some(Duration::from_secs(30)));
        let mut other = ProviderState::default();
        assert_eq!(other.merge(state.clone(), LIMIT, &asked("b", true), NOW), 1);
        assert_eq!(other.pace(), 0.5);
        assert!(other.open_for(NOW).is_some());
        for _ in 0..6 {
            state.record_success();
        }
        assert_eq!(state.pace(), 1.0);
    }

    #[test]
    fn jobs_are_counted_until_they_leave_or_fall_silent() {
        let mut state = ProviderState::default();
        let merge = |state: &mut ProviderState, job: &str, asks, now| {
            let stored = state.clone();
            state.merge(stored, LIMIT, &asked(job, asks), now)
        };
        assert_eq!(merge(&mut state, "a", true, NOW), 1);
        assert_eq!(merge(&mut state, "b", true, NOW), 2);
        assert_eq!(state.available(LIMIT, NOW), 1.0, "what both took is gone");
        assert_eq!(merge(&mut state, "b", true, NOW), 2, "its next run");
        assert_eq!((state.others("b", NOW), state.others("c", NOW)), (1, 2));
        assert_eq!(merge(&mut state, "a", false, NOW), 1);
        let later = NOW.plus(RUN_COUNTED_FOR);
        assert_eq!(merge(&mut state, "c", true, later), 1);
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
    fn a_date_is_a_time_by_the_clock_of_whoever_says_it() {
        let told = |value: &str, date: Option<&str>| {
            let mut headers = vec![("retry-after".to_owned(), value.to_owned())];
            headers.extend(date.map(|date| ("date".to_owned(), date.to_owned())));
            retry_after(&Response {
                status: 503,
                headers,
                body: Vec::new(),
            })
        };
        assert_eq!(
            seconds_of_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(
            seconds_of_date("Thu, 29 Feb 2024 00:00:00 GMT"),
            Some(1_709_164_800)
        );
        assert_eq!(seconds_of_date("Thu, 01 Jan 1970 00:00:01 GMT"), Some(1));
        let now = Some("Sat, 28 Nov 2026 00:59:58 GMT");
        let soon = "Sat, 28 Nov 2026 01:00:03 GMT";
        assert_eq!(told(soon, now), Some(Duration::from_secs(5)));
        assert_eq!(told(soon, None), Some(OPEN_MAX));
        assert_eq!(told(soon, Some("soon")), Some(OPEN_MAX));
        let past = "Sat, 28 Nov 2026 00:00:00 GMT";
        for nonsense in [past, "-5", "", "soon", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(told(nonsense, now), None, "{nonsense}");
        }
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_close_a_provider_for_ever() {
        let mut state = ProviderState::default();
        for _ in 0..5 {
            state.record_failure(Time(10_000_000), 1.0);
        }
        assert_eq!(state.open_for(Time(1)), None);
    }

    #[test]
    fn documents_of_the_version_before_are_read() {
        let old =
            r#"{"failures":0,"open_until":0,"successes":0,"tokens":9.0,"filled":5,"hold_until":0}"#;
        let state: ProviderState = serde_json::from_str(old).unwrap();
        assert_eq!(state.pace(), 1.0);
        assert_eq!(state.available(LIMIT, Time(5)), 3.0);
    }
}
