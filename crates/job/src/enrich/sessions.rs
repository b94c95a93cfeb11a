//! What a run knows of the metadata providers, and its share of their rates: how much may go out,
//! and what the runs tell each other.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use books::Provider;

use crate::cadence::Forecast;
use crate::document::Outage;
use crate::effects::{Effects, StoreError};
use crate::provider::{AskedSince, ProviderState, RateLimit};
use crate::time::{Time, millis};

/// The longest pause before a failed request is sent again, while the provider answers others.
pub(super) const RETRY_PAUSE_MAX: Duration = Duration::from_secs(4);

/// Interval at which the runs tell each other how much they ask.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Delay until they do so for the second time.
const SYNC_FIRST: Duration = Duration::from_millis(200);

/// The share of a burst that a run may use before it has heard of the others.
const UNHEARD_SHARE: f64 = 1.0 / 4.0;

/// Number of requests that all runs together have in flight, apart from one for each run.
const IN_FLIGHT_OF_ALL: usize = 64;

/// The share of a burst that single look-ups use: some of those that come at the same moment are
/// given the same place.
const TICKETS_SHARE: f64 = 0.7;

/// Number of times that a single look-up takes its place again when somebody has overwritten it.
const MAX_TICKET_ROUNDS: u32 = 12;

/// A run's copy of a provider's state, and what it has asked since it was read.
pub(super) struct ProviderSession {
    pub(super) state: ProviderState,
    pub(super) limit: RateLimit,
    pub(super) asked: u32,
    pub(super) timed_out: u32,
    pub(super) changed: bool,
    /// Whether the other runs have been told that this one asks.
    is_known: bool,
    /// Number of requests that this run may send at once, as of `refilled` (monotonic).
    tokens: f64,
    refilled: Duration,
    /// This run's share of the rate, 0 to 1.
    share: f64,
    /// Number of runs that ask, this one among them.
    askers: usize,
    /// Number of requests sent since this run last told the others.
    taken: f64,
    /// Number of times that this run has told the others.
    syncs: u32,
    /// The state's pace when this run last told the others.
    paced: f64,
    /// The provider's health, as last logged by this run or read from the store.
    health: (&'static str, f64),
    /// Whether a request is under way that tests whether the provider is well again.
    pub(super) is_probing: bool,
    /// Number of answers so far.
    pub(super) answers: u32,
    /// Monotonic time of the first refusal of a request itself since the last answer.
    pub(super) rejected_since: Option<Duration>,
    /// Time without an answer before this run began.
    pub(super) waited: Duration,
    /// Monotonic time since which no request has been answered.
    silent_since: Option<Duration>,
    /// Time until which requests wait.
    pub(super) waits_until: Option<Time>,
}

impl ProviderSession {
    fn limit(&self) -> RateLimit {
        self.limit.share(self.share * self.state.pace())
    }

    fn available(&self, monotonic: Duration) -> f64 {
        let limit = self.limit();
        let passed = monotonic.saturating_sub(self.refilled).as_secs_f64();
        passed
            .mul_add(limit.per_second, self.tokens)
            .min(limit.burst)
    }

    /// Whether as many requests as may be in flight could go out now without waiting, and one more.
    pub(super) fn has_spare<E: Effects>(&self, concurrency: usize, effects: &E) -> bool {
        let needed = u32::try_from(concurrency).unwrap_or(u32::MAX);
        self.available(effects.monotonic()) > f64::from(needed)
            && self.state.open_for(effects.now()).is_none()
    }

    /// Takes a place for a request; answers how long to wait before it goes out.
    pub(super) fn reserve(&mut self, monotonic: Duration) -> Duration {
        self.tokens = self.available(monotonic) - 1.0;
        self.refilled = monotonic;
        self.taken += 1.0;
        let rate = self.limit().per_second;
        if self.tokens >= 0.0 || rate <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-self.tokens / rate).unwrap_or(RETRY_PAUSE_MAX)
    }

    /// Gives back the place of a request that is not sent.
    fn give_back(&mut self) {
        self.asked -= 1;
        self.tokens += 1.0;
        self.taken -= 1.0;
        self.changed = true;
    }

    /// Time without an answer, that before this run included.
    pub(super) fn silent_for(&self, monotonic: Duration) -> Duration {
        let since = self.silent_since.unwrap_or(monotonic);
        self.waited + monotonic.saturating_sub(since)
    }

    pub(super) fn begin_silence(&mut self, monotonic: Duration) {
        self.silent_since.get_or_insert(monotonic);
    }

    pub(super) fn answered(&mut self, took: Duration, now: Time, monotonic: Duration) {
        self.state.record_latency(took);
        self.answers += 1;
        self.rejected_since = None;
        self.waited = Duration::ZERO;
        if self.state.open_for(now).is_some() {
            // Asked before the breaker opened: those who wait go on waiting.
            self.silent_since = Some(monotonic);
        } else {
            self.state.record_success();
            self.silent_since = None;
            self.waits_until = None;
        }
    }
}

/// A request's place in the rate, which is given back unless the request is sent: its run may end,
/// and drop it, while it waits.
pub(super) struct Place<'a> {
    pub(super) session: &'a RefCell<ProviderSession>,
    pub(super) is_used: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_used {
            self.session.borrow_mut().give_back();
        }
    }
}

/// The rule by which requests find their place in a provider's rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Queueing {
    /// Of a job, which asks much and for long, one run after the other: it has a share of the rate.
    Share { job: String },
    /// Of a single look-up, which asks once, while its client waits: it takes a numbered place.
    Ticket,
}

/// A run's copies of the providers' states, shared by all its requests in flight.
pub struct ProviderSessions {
    sessions: BTreeMap<&'static str, RefCell<ProviderSession>>,
    pub(super) queueing: Queueing,
    /// Longest time without an answer before a provider is given up.
    pub(super) patience: Duration,
    /// Whether a wait has begun that watchers were not shown yet.
    pub(super) has_new_wait: Cell<bool>,
    /// The task that tells the others, while there is nothing to tell.
    unheard: Cell<Option<Waker>>,
}

impl ProviderSessions {
    /// Loads the states of the providers that have these limits; `before` is what was asked of each
    /// before, and how long it has not answered.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn load<E: Effects>(
        effects: &E,
        limits: [(Provider, RateLimit); 2],
        queueing: Queueing,
        patience: Duration,
        before: (&BTreeMap<String, u32>, &BTreeMap<String, Outage>),
    ) -> Result<Self, StoreError> {
        let (asked, outages) = before;
        let mut sessions = BTreeMap::new();
        for (provider, limit) in limits {
            let name = provider.name();
            let state = ProviderState::load(effects, name).await?;
            let now = effects.now();
            let job = match &queueing {
                Queueing::Share { job } => job.as_str(),
                Queueing::Ticket => "",
            };
            let askers = state.others(job, now) + 1;
            let share = 1.0 / f64::from(u32::try_from(askers).unwrap_or(u32::MAX));
            let waited = outages.get(name).map_or(0, |outage| outage.waited_ms);
            let session = ProviderSession {
                limit,
                asked: asked.get(name).copied().unwrap_or(0),
                timed_out: 0,
                changed: false,
                is_known: false,
                tokens: (state.available(limit, now) * share).min(limit.burst * UNHEARD_SHARE),
                refilled: effects.monotonic(),
                share,
                askers,
                taken: 0.0,
                syncs: 0,
                paced: state.pace(),
                health: state.health(now),
                is_probing: false,
                answers: 0,
                rejected_since: None,
                waited: Duration::from_millis(waited),
                silent_since: None,
                waits_until: None,
                state,
            };
            sessions.insert(name, RefCell::new(session));
        }
        Ok(Self {
            sessions,
            queueing,
            patience,
            has_new_wait: Cell::new(false),
            unheard: Cell::default(),
        })
    }

    pub(super) fn of(&self, provider: Provider) -> &RefCell<ProviderSession> {
        // There is one for each: `sessions` makes them.
        &self.sessions[provider.name()]
    }

    /// Number of requests this run may have in flight, at most `concurrency` and less when other
    /// runs ask: a rate without limit is no reason for a hundred jobs to have as many as that each.
    pub(super) fn most_in_flight(&self, concurrency: usize) -> usize {
        let askers = self
            .sessions
            .values()
            .map(|session| session.borrow().askers);
        (IN_FLIGHT_OF_ALL / askers.max().unwrap_or(1).max(1)).clamp(1, concurrency.max(1))
    }

    /// Requests made, by provider.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u32> {
        self.sessions
            .iter()
            .map(|(name, session)| ((*name).to_owned(), session.borrow().asked))
            .filter(|(_, asked)| *asked > 0)
            .collect()
    }

    /// Whether a provider did not answer in time.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.sessions
            .values()
            .any(|session| session.borrow().timed_out > 0)
    }

    /// The first provider whose circuit breaker is open, and the time until it closes.
    #[must_use]
    pub fn open<E: Effects>(&self, effects: &E) -> Option<(&'static str, Duration)> {
        self.sessions.iter().find_map(|(name, session)| {
            Some((*name, session.borrow().state.open_for(effects.now())?))
        })
    }

    /// Whether a wait has begun since the last call.
    pub(super) fn take_new_wait(&self) -> bool {
        self.has_new_wait.take()
    }

    /// The providers that answer nothing, each with the time since its last answer.
    pub(super) fn outages<E: Effects>(&self, effects: &E) -> BTreeMap<String, Outage> {
        let monotonic = effects.monotonic();
        let outage = |session: &ProviderSession| {
            let waited = session.silent_for(monotonic);
            let waits_until = session.waits_until.filter(|until| *until > effects.now());
            (waited > Duration::ZERO || waits_until.is_some()).then(|| Outage {
                waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                waits_until,
            })
        };
        self.sessions
            .iter()
            .filter_map(|(name, session)| Some(((*name).to_owned(), outage(&session.borrow())?)))
            .collect()
    }

    /// The forecast of a job's first commit.
    pub(super) fn first_wave(&self) -> Forecast {
        let session = self.sessions.get(Provider::OpenLibrary.name());
        Forecast::from_latency(session.and_then(|session| session.borrow().state.latency()))
    }

    /// Exchanges with the other runs, again and again, how much each of them asks.
    pub(super) async fn keep_syncing<E: Effects>(&self, effects: &E, interval: Duration) {
        // Those that began at the same moment overwrite each other, and do not the next time.
        let mut pause = SYNC_FIRST;
        loop {
            self.wait_for_change().await;
            self.sync(effects, true).await;
            let pause = std::mem::replace(&mut pause, SYNC_EVERY).max(interval);
            effects.sleep(pause.mul_f64(0.5 + dice(effects))).await;
        }
    }

    /// Waits until something is asked, or refused, of which the others do not know: a run that only
    /// waits for answers need not wake up.
    async fn wait_for_change(&self) {
        poll_fn(|context| {
            let mut sessions = self.sessions.values();
            if sessions.any(|session| session.borrow().changed) {
                return Poll::Ready(());
            }
            self.unheard.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Notes that something was asked, or refused, of which the others do not know.
    pub(super) fn note_change(&self) {
        if let Some(waker) = self.unheard.take() {
            waker.wake();
        }
    }

    /// Saves the providers' states for the other runs, with the note that this run asks no more.
    pub async fn save<E: Effects>(&self, effects: &E) {
        self.sync(effects, false).await;
    }

    async fn sync<E: Effects>(&self, effects: &E, goes_on: bool) {
        for (name, session) in &self.sessions {
            {
                let mut session = session.borrow_mut();
                let leaves = !goes_on && session.is_known;
                if !std::mem::take(&mut session.changed) && !leaves {
                    continue;
                }
                session.is_known = goes_on;
            }
            // Approximate by design: a lost update costs politeness, not correctness.
            let stored = ProviderState::load(effects, name).await.unwrap_or_default();
            let (now, monotonic) = (effects.now(), effects.monotonic());
            let state = {
                let mut session = session.borrow_mut();
                let session = &mut *session;
                let (job, goes_on) = match &self.queueing {
                    Queueing::Share { job } => (job.as_str(), goes_on),
                    Queueing::Ticket => ("", false),
                };
                let asked = AskedSince {
                    job,
                    goes_on,
                    requests: std::mem::take(&mut session.taken),
                    paced: session.paced,
                };
                let limit = session.limit;
                let runs = session.state.merge(stored, limit, &asked, now);
                session.paced = session.state.pace();
                session.share = 1.0 / f64::from(u32::try_from(runs).unwrap_or(u32::MAX));
                session.askers = runs;
                // What was written is read by the others, and theirs by this run, the next time.
                let most = match session.syncs {
                    0 => session.available(monotonic),
                    _ => limit.burst,
                };
                session.syncs += 1;
                session.tokens = (session.state.available(limit, now) * session.share).min(most);
                session.refilled = monotonic;
                let health = session.state.health(now);
                if std::mem::replace(&mut session.health, health) != health {
                    let open = session.state.open_for(now).unwrap_or_default();
                    effects.log(
                        "provider-state",
                        serde_json::json!({"provider": name, "breaker": health.0,
                            "openMs": millis(open), "pace": health.1}),
                    );
                }
                session.state.clone()
            };
            let _ = state.save(effects, name).await;
        }
    }

    /// Takes a place for a single look-up: how long to wait before it goes out. Of several that
    /// write at the same moment one is remembered; the others see that, and take theirs after it.
    pub(super) async fn take_ticket<E: Effects>(
        &self,
        effects: &E,
        session: &RefCell<ProviderSession>,
        name: &str,
    ) -> Duration {
        let ticket = hexadecimal(effects.random());
        let limit = session.borrow().limit;
        let limit = RateLimit {
            burst: (limit.burst * TICKETS_SHARE).max(1.0),
            ..limit
        };
        let mut wait = Duration::ZERO;
        let began = effects.monotonic();
        for round in 0..MAX_TICKET_ROUNDS {
            let Ok(mut state) = ProviderState::load(effects, name).await else {
                break;
            };
            if round > 0 && state.has(&ticket) {
                break;
            }
            wait = state.reserve(limit, &ticket, effects.now());
            if state.save(effects, name).await.is_err() {
                break;
            }
            let pause = Duration::from_millis(2).mul_f64(1.0 + 8.0 * dice(effects));
            effects.sleep(pause).await;
        }
        wait.saturating_sub(effects.monotonic().saturating_sub(began))
    }
}

/// A random number from 0 to 1.
pub(super) fn dice<E: Effects>(effects: &E) -> f64 {
    let [a, b, ..] = effects.random();
    f64::from(u16::from_le_bytes([a, b])) / f64::from(u16::MAX)
}

fn hexadecimal(bytes: [u8; 16]) -> String {
    bytes[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
