//! Sends requests to the metadata providers: rate limit, circuit breaker, retries, time-outs.
//!
//! A fault that passes is waited for: a request is sent again, with back-off, until it is answered
//! or the provider has not answered anybody for the patience that the operator has for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use books::{Endpoints, Provider, Reader, Record};

use crate::cadence::Forecast;
use crate::document::Outage;
use crate::effects::{Effects, HttpError, Request, Response, StoreError, send_within};
use crate::provider::{ProviderState, RateLimit, retry_after};
use crate::time::{Time, millis};

/// The pause before a failed request is sent again the first time; it doubles each time.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause before a failed request is sent again, while the provider answers others.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(4);

/// Number of failures, while the provider answers others, after which a request for one book has
/// failed.
const MAX_ATTEMPTS: u32 = 24;

/// Number of failures, while the provider answers others, after which a request for many books is
/// split.
const ATTEMPTS_OF_BATCH: u32 = 3;

/// Number of refusals of the requests themselves, in a row, after which no request waits for the
/// provider.
const MAX_REJECTIONS: u32 = 5;

/// Pause of a request before it looks again whether another has shown that the provider is well
/// again.
const PROBE_PAUSE: Duration = Duration::from_millis(100);

/// Length from which on a wait is shown to those who watch the job.
const VISIBLE_WAIT: Duration = Duration::from_secs(1);

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

/// Configuration of the metadata providers: addresses, limits and time-outs.
#[derive(Clone, Debug)]
pub struct Enrichment {
    /// The addresses of the providers.
    pub endpoints: Endpoints,
    /// The `User-Agent` of requests: names the application and a contact.
    pub user_agent: String,
    /// Time-out of one request.
    pub timeout: Duration,
    /// Longest time without an answer of a provider before a job goes on without it.
    pub patience: Duration,
    /// Largest number of requests in flight at the same time.
    pub concurrency: usize,
    /// Rate limit of Open Library.
    pub open_library: RateLimit,
    /// Rate limit of Google Books.
    pub google_books: RateLimit,
}

/// A run's copy of a provider's state, and what it has asked since it was read.
pub(super) struct ProviderSession {
    pub(super) state: ProviderState,
    limit: RateLimit,
    asked: u32,
    timed_out: u32,
    changed: bool,
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
    is_probing: bool,
    /// Number of answers so far.
    answers: u32,
    /// Number of refusals of requests themselves since the last answer.
    rejections: u32,
    /// Time without an answer before this run began.
    waited: Duration,
    /// Monotonic time since which no request has been answered.
    silent_since: Option<Duration>,
    /// Time until which requests wait.
    waits_until: Option<Time>,
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
    fn reserve(&mut self, monotonic: Duration) -> Duration {
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
    fn silent_for(&self, monotonic: Duration) -> Duration {
        let since = self.silent_since.unwrap_or(monotonic);
        self.waited + monotonic.saturating_sub(since)
    }

    fn begin_silence(&mut self, monotonic: Duration) {
        self.silent_since.get_or_insert(monotonic);
    }

    fn answered(&mut self, took: Duration) {
        self.state.record_latency(took);
        self.state.record_success();
        self.answers += 1;
        self.rejections = 0;
        self.waited = Duration::ZERO;
        self.silent_since = None;
        self.waits_until = None;
    }
}

/// A request's place in the rate, which is given back unless the request is sent: its run may end,
/// and drop it, while it waits.
struct Place<'a> {
    session: &'a RefCell<ProviderSession>,
    is_used: bool,
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
enum Queueing {
    /// Of a job, which asks much and for long, one run after the other: it has a share of the rate.
    Share { job: String },
    /// Of a single look-up, which asks once, while its client waits: it takes a numbered place.
    Ticket,
}

/// A run's copies of the providers' states, shared by all its requests in flight.
pub struct ProviderSessions {
    sessions: BTreeMap<&'static str, RefCell<ProviderSession>>,
    queueing: Queueing,
    /// Longest time without an answer before a provider is given up.
    patience: Duration,
    /// Whether a wait has begun that watchers were not shown yet.
    has_new_wait: Cell<bool>,
    /// The task that tells the others, while there is nothing to tell.
    unheard: Cell<Option<Waker>>,
}

impl ProviderSessions {
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
            (waited > Duration::ZERO).then(|| Outage {
                waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                waits_until: session.waits_until.filter(|until| *until > effects.now()),
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
    fn note_change(&self) {
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
                let taken = std::mem::take(&mut session.taken);
                let job = match &self.queueing {
                    Queueing::Share { job } => (job.as_str(), goes_on),
                    Queueing::Ticket => ("", false),
                };
                let (limit, paced) = (session.limit, session.paced);
                let runs = session.state.merge(stored, limit, taken, job, paced, now);
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
    async fn take_ticket<E: Effects>(
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
fn dice<E: Effects>(effects: &E) -> f64 {
    let [a, b, ..] = effects.random();
    f64::from(u16::from_le_bytes([a, b])) / f64::from(u16::MAX)
}

fn hexadecimal(bytes: [u8; 16]) -> String {
    bytes[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The answers that a wave waits for.
#[derive(Clone, Copy, Default)]
pub(super) struct Awaited {
    /// Monotonic time at which all answers to the requests sent so far are expected.
    pub(super) until: Duration,
    /// Expected latency of the slowest provider for one request; zero when it is not known.
    pub(super) each: Duration,
}

/// One request on its way.
pub(super) struct Question {
    pub(super) provider: Provider,
    pub(super) request: Request,
    pub(super) reader: Reader,
    /// Number of books that the request asks for.
    pub(super) books: usize,
}

/// A `GET` of this URL, with the `User-Agent` of the application.
pub(super) fn get(enrichment: &Enrichment, url: String) -> Request {
    let mut request = Request::get(url);
    request.headers = vec![
        ("user-agent".to_owned(), enrichment.user_agent.clone()),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    request
}

/// Whether a request may go out.
enum Admission {
    /// The request may go out after this time, when its place in the rate comes.
    After(Duration),
    /// The circuit breaker is open for this long.
    BreakerOpen(Duration),
    /// Refused for now: another request tests whether the provider is well again.
    ProbeUnderWay,
    /// The job has sent as many requests as it may.
    UsedUp,
}

impl Enrichment {
    fn limit(&self, provider: Provider) -> RateLimit {
        match provider {
            Provider::OpenLibrary => self.open_library,
            Provider::GoogleBooks => self.google_books,
        }
    }

    /// Loads the providers' states for look-ups while a client waits: nobody waits for a provider
    /// that fails.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions<E: Effects>(&self, effects: &E) -> Result<ProviderSessions, StoreError> {
        self.open_sessions(
            effects,
            Queueing::Ticket,
            Duration::ZERO,
            &BTreeMap::new(),
            &BTreeMap::new(),
        )
        .await
    }

    /// Loads the providers' states for a run of this job; `asked` is what it has asked them before,
    /// `outages` how long they have not answered it.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn sessions_of_run<E: Effects>(
        &self,
        effects: &E,
        job: String,
        asked: &BTreeMap<String, u32>,
        outages: &BTreeMap<String, Outage>,
    ) -> Result<ProviderSessions, StoreError> {
        let queueing = Queueing::Share { job };
        self.open_sessions(effects, queueing, self.patience, asked, outages)
            .await
    }

    async fn open_sessions<E: Effects>(
        &self,
        effects: &E,
        queueing: Queueing,
        patience: Duration,
        asked: &BTreeMap<String, u32>,
        outages: &BTreeMap<String, Outage>,
    ) -> Result<ProviderSessions, StoreError> {
        let mut sessions = BTreeMap::new();
        for provider in [Provider::OpenLibrary, Provider::GoogleBooks] {
            let name = provider.name();
            let state = ProviderState::load(effects, name).await?;
            let (limit, now) = (self.limit(provider), effects.now());
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
                rejections: 0,
                waited: Duration::from_millis(waited),
                silent_since: None,
                waits_until: None,
                state,
            };
            sessions.insert(name, RefCell::new(session));
        }
        Ok(ProviderSessions {
            sessions,
            queueing,
            patience,
            has_new_wait: Cell::new(false),
            unheard: Cell::default(),
        })
    }

    /// Sends a request until it is answered, or there is no hope that it will be.
    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "the session is dropped before the pause that follows a failure"
    )]
    pub(super) async fn ask<E: Effects>(
        &self,
        effects: &E,
        sessions: &ProviderSessions,
        question: &Question,
        until: Option<Duration>,
        awaited: &Cell<Awaited>,
    ) -> Reply {
        let session = sessions.of(question.provider);
        let left = || until.map(|until| until.saturating_sub(effects.monotonic()));
        let pause = async |time: Duration| {
            effects
                .sleep(left().map_or(time, |left| time.min(left)))
                .await;
        };
        let mut attempts = 0;
        let answers = session.borrow().answers;
        loop {
            if left() == Some(Duration::ZERO) {
                return Reply::OutOfTime;
            }
            let is_given_up = |wait: Duration| {
                let silent = session.borrow().silent_for(effects.monotonic());
                silent + wait > sessions.patience
            };
            let admission = self.admit(effects, sessions, question.provider).await;
            let is_probe = match admission {
                Admission::UsedUp => return Reply::Refused,
                Admission::BreakerOpen(wait) => {
                    if is_given_up(wait) {
                        return if attempts > 0 {
                            Reply::Failed
                        } else {
                            Reply::Refused
                        };
                    }
                    session.borrow_mut().begin_silence(effects.monotonic());
                    // Those who wait together do not come back together.
                    let wait = wait + Duration::from_millis(300).mul_f64(dice(effects));
                    let ends = effects.now().plus(wait);
                    let before = session.borrow_mut().waits_until.replace(ends);
                    let is_news = before.is_none_or(|before| ends.since(before) >= VISIBLE_WAIT);
                    if wait >= VISIBLE_WAIT && is_news {
                        sessions.has_new_wait.set(true);
                    }
                    pause(wait).await;
                    continue;
                }
                Admission::ProbeUnderWay => {
                    pause(PROBE_PAUSE).await;
                    continue;
                }
                Admission::After(wait) => {
                    let each = session.borrow().state.latency().unwrap_or_default();
                    let before = awaited.get();
                    awaited.set(Awaited {
                        until: before.until.max(effects.monotonic() + wait + each),
                        each: before.each.max(each),
                    });
                    if sessions.patience.is_zero() && wait > self.timeout {
                        session.borrow_mut().asked -= 1;
                        return Reply::Refused;
                    }
                    let mut place = Place {
                        session,
                        is_used: false,
                    };
                    if wait > Duration::ZERO {
                        pause(wait).await;
                        let is_closed = session.borrow().state.open_for(effects.now()).is_some();
                        if is_closed || left() == Some(Duration::ZERO) {
                            continue;
                        }
                    }
                    place.is_used = true;
                    let mut session = session.borrow_mut();
                    let is_probe = session.state.is_half_open(effects.now());
                    session.is_probing |= is_probe;
                    is_probe
                }
            };
            attempts += 1;
            let sent = effects.monotonic();
            let limit = left().map_or(self.timeout, |left| left.min(self.timeout));
            let result = send_within(effects, limit, question.request.clone()).await;
            let took = effects.monotonic().saturating_sub(sent);
            let mut session = session.borrow_mut();
            if is_probe {
                session.is_probing = false;
            }
            let (now, dice) = (effects.now(), dice(effects));
            let fault = match classify(result, &question.reader) {
                Ok(records) => {
                    session.answered(took);
                    return Reply::Answered(records);
                }
                // The run's time is over, not the provider's.
                Err(Fault::TimedOut) if limit < self.timeout => return Reply::OutOfTime,
                Err(fault) => fault,
            };
            effects.log(
                "provider-failed",
                serde_json::json!({"level": "warn", "url": host_of(&question.request.url),
                    "message": fault.to_string()}),
            );
            session.begin_silence(effects.monotonic());
            // The others are to leave it alone, too, however long this run asks nothing.
            session.changed = true;
            sessions.note_change();
            let answers_others = session.answers > answers;
            let given_up = |session: &ProviderSession| {
                session.silent_for(effects.monotonic()) > sessions.patience
            };
            match fault {
                Fault::Refused(told) => {
                    session.state.record_refusal(now, told, dice);
                    if sessions.patience.is_zero() {
                        return Reply::Refused;
                    }
                    // The breaker is waited for.
                    continue;
                }
                Fault::Rejected(_) => {
                    session.state.record_failure(now, dice);
                    session.rejections += 1;
                    if session.rejections >= MAX_REJECTIONS {
                        // It does not want us: no waiting helps.
                        session.waited = sessions.patience;
                    }
                    return Reply::Failed;
                }
                Fault::TimedOut => {
                    session.state.record_timeout(now, dice);
                    session.timed_out += 1;
                    if question.books > 1 && !sessions.patience.is_zero() {
                        return Reply::Split;
                    }
                }
                Fault::Failed(_) => {
                    session.state.record_failure(now, dice);
                    if answers_others && question.books > 1 && attempts >= ATTEMPTS_OF_BATCH {
                        return Reply::Split;
                    }
                }
            }
            let is_hopeless = match sessions.patience.is_zero() {
                true => attempts > 1 || session.timed_out > 0,
                false => given_up(&session) || answers_others && attempts >= MAX_ATTEMPTS,
            };
            if is_hopeless {
                return Reply::Failed;
            }
            drop(session);
            let doubled = RETRY_PAUSE * 2_u32.saturating_pow((attempts - 1).min(8));
            pause(doubled.min(RETRY_PAUSE_MAX).mul_f64(0.5 + dice / 2.0)).await;
        }
    }

    /// Takes a place for a request, if one may go out.
    async fn admit<E: Effects>(
        &self,
        effects: &E,
        sessions: &ProviderSessions,
        provider: Provider,
    ) -> Admission {
        let session = sessions.of(provider);
        {
            let mut session = session.borrow_mut();
            let now = effects.now();
            if session.asked >= session.limit.max_per_job {
                return Admission::UsedUp;
            }
            if let Some(left) = session.state.open_for(now) {
                return Admission::BreakerOpen(left);
            }
            if session.state.is_half_open(now) && session.is_probing {
                return Admission::ProbeUnderWay;
            }
            session.asked += 1;
            session.changed = true;
            sessions.note_change();
            if sessions.queueing != Queueing::Ticket {
                return Admission::After(session.reserve(effects.monotonic()));
            }
        }
        Admission::After(
            sessions
                .take_ticket(effects, session, provider.name())
                .await,
        )
    }
}

/// The final outcome of a request.
pub(super) enum Reply {
    Answered(Vec<Record>),
    Failed,
    Refused,
    /// The request asked for too much: each half of it may be answered.
    Split,
    /// The run has no time left to ask.
    OutOfTime,
}

/// The reason why a request got no records.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The provider refuses requests for now, for the given time if it says one.
    #[error("it refuses requests for now")]
    Refused(Option<Duration>),
    /// Rejected with this status: the same request will never be answered.
    #[error("status {0}")]
    Rejected(u16),
    #[error("no answer in time")]
    TimedOut,
    /// A failure that may pass: a retry may succeed.
    #[error("{0}")]
    Failed(String),
}

fn classify(result: Result<Response, HttpError>, reader: &Reader) -> Result<Vec<Record>, Fault> {
    match result {
        Ok(response) if response.status == 200 => reader
            .read(&response.body)
            .map_err(|error| Fault::Failed(error.to_string())),
        Ok(response) => Err(match (response.status, retry_after(&response)) {
            (429, None) if is_for_today(&response.body) => Fault::Refused(Some(A_QUOTA_LASTS)),
            (429, told) => Fault::Refused(told),
            (503, Some(told)) => Fault::Refused(Some(told)),
            (408 | 500..=599, _) => Fault::Failed(format!("status {}", response.status)),
            (status, _) => Fault::Rejected(status),
        }),
        Err(HttpError::TimedOut) => Err(Fault::TimedOut),
        Err(error) => Err(Fault::Failed(error.to_string())),
    }
}

/// Pause after a provider's quota of a day is used up.
const A_QUOTA_LASTS: Duration = Duration::from_secs(3600);

/// Whether a refusal by Google says that the day's quota is used up.
fn is_for_today(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    ["PerDay", "per day", "dailyLimitExceeded"]
        .iter()
        .any(|word| text.contains(word))
}

/// The part of a URL that may be logged: queries can carry keys.
fn host_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
