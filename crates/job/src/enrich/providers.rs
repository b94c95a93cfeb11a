//! Sends requests to the metadata providers: rate limit, circuit breaker, retries, time-outs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use books::{Lookup, Provider, Search};

use super::Enrichment;
use crate::cadence::Forecast;
use crate::effects::{Effects, HttpError, Request, Response, StoreError, Time, send_within};
use crate::provider::{ProviderState, RETRY_AFTER_MAX_WAIT, RateLimit, retry_after};

/// What a provider means that has had too many requests and does not say for how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The pause before a failed request is tried once more.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A provider's state as a run has it in hand.
pub(super) struct ProviderSession {
    pub(super) state: ProviderState,
    limit: RateLimit,
    asked: u32,
    timed_out: u32,
    pub(super) changed: bool,
}

impl ProviderSession {
    /// Whether as many requests as may be in flight could go out now without waiting, and one more.
    pub(super) fn has_spare(&self, concurrency: usize, now: Time) -> bool {
        let needed = u32::try_from(concurrency).unwrap_or(u32::MAX);
        self.state.available(self.limit, now) > f64::from(needed)
    }
}

/// The providers' states as a run has them in hand, shared by all requests in flight.
pub struct ProviderSessions(pub(super) BTreeMap<&'static str, RefCell<ProviderSession>>);

impl ProviderSessions {
    /// Requests made, by provider.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, u32> {
        self.0
            .iter()
            .map(|(name, session)| ((*name).to_owned(), session.borrow().asked))
            .filter(|(_, asked)| *asked > 0)
            .collect()
    }

    /// Whether a provider did not answer in time.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
            .values()
            .any(|session| session.borrow().timed_out > 0)
    }

    /// How long until the first provider's breaker closes, if one is open.
    #[must_use]
    pub fn open<E: Effects>(&self, effects: &E) -> Option<(&'static str, Duration)> {
        self.0.iter().find_map(|(name, session)| {
            Some((*name, session.borrow().state.open_for(effects.now())?))
        })
    }

    /// As [`first_wave`].
    pub(super) fn first_wave(&self) -> Forecast {
        let session = self.0.get(Provider::OpenLibrary.name());
        Forecast::from_latency(session.and_then(|session| session.borrow().state.latency()))
    }

    /// Tells the other runs what has become of the providers.
    pub async fn save<E: Effects>(&self, effects: &E) {
        for (name, session) in &self.0 {
            if !std::mem::take(&mut session.borrow_mut().changed) {
                continue;
            }
            // Approximate by design: a lost update costs politeness, not correctness.
            let stored = ProviderState::load(effects, name).await.unwrap_or_default();
            let state = session.borrow().state.merged(&stored);
            if state.save(effects, name).await.is_ok() {
                session.borrow_mut().state = state;
            }
        }
    }
}

/// When the first wave of a job may be expected of which no request has been sent yet.
pub(crate) async fn first_wave<E: Effects>(effects: &E) -> Forecast {
    let state = ProviderState::load(effects, Provider::OpenLibrary.name()).await;
    Forecast::from_latency(state.unwrap_or_default().latency())
}

/// The answers that a wave waits for.
#[derive(Clone, Copy, Default)]
pub(super) struct Awaited {
    /// When (monotonic) all are expected to what has been sent.
    pub(super) until: Duration,
    /// How long the slowest provider takes for one; zero when nothing is known.
    pub(super) each: Duration,
}

impl Enrichment {
    fn limit(&self, provider: Provider) -> RateLimit {
        match provider {
            Provider::OpenLibrary => self.open_library,
            Provider::GoogleBooks => self.google_books,
        }
    }

    /// Reads what is known of the providers; `asked` is what the job has asked them before.
    ///
    /// # Errors
    /// The store's.
    pub async fn sessions<E: Effects>(
        &self,
        effects: &E,
        asked: &BTreeMap<String, u32>,
    ) -> Result<ProviderSessions, StoreError> {
        let mut sessions = BTreeMap::new();
        for provider in [Provider::OpenLibrary, Provider::GoogleBooks] {
            let name = provider.name();
            sessions.insert(
                name,
                RefCell::new(ProviderSession {
                    state: ProviderState::load(effects, name).await?,
                    limit: self.limit(provider),
                    asked: asked.get(name).copied().unwrap_or(0),
                    timed_out: 0,
                    changed: false,
                }),
            );
        }
        Ok(ProviderSessions(sessions))
    }

    pub(super) fn request(&self, search: &Search, lookup: &Lookup) -> Request {
        let mut request = Request::get(search.request(lookup).url);
        request.headers = vec![
            ("user-agent".to_owned(), self.user_agent.clone()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        request
    }

    pub(super) async fn ask<E: Effects>(
        &self,
        effects: &E,
        session: &RefCell<ProviderSession>,
        request: Request,
        until: Option<Duration>,
        awaited: &Cell<Awaited>,
    ) -> Reply {
        let left = |effects: &E| match until {
            Some(until) => until.saturating_sub(effects.monotonic()).min(self.timeout),
            None => self.timeout,
        };
        for attempt in 0..2 {
            if left(effects) == Duration::ZERO {
                return Reply::Refused;
            }
            let wait = {
                let mut session = session.borrow_mut();
                if session.state.open_for(effects.now()).is_some()
                    || session.asked >= session.limit.max_per_job
                {
                    return Reply::Refused;
                }
                session.asked += 1;
                session.changed = true;
                let limit = session.limit;
                session.state.reserve(limit, effects.now())
            };
            let each = session.borrow().state.latency().unwrap_or_default();
            let before = awaited.get();
            awaited.set(Awaited {
                until: before.until.max(effects.monotonic() + wait + each),
                each: before.each.max(each),
            });
            if wait > Duration::ZERO {
                effects
                    .sleep(until.map_or(wait, |until| {
                        wait.min(until.saturating_sub(effects.monotonic()))
                    }))
                    .await;
                if session.borrow().state.open_for(effects.now()).is_some() {
                    session.borrow_mut().asked -= 1;
                    return Reply::Refused;
                }
            }
            let sent = effects.monotonic();
            let result = send_within(effects, left(effects), request.clone()).await;
            let timed_out = matches!(result, Err(HttpError::TimedOut));
            let mut pause = RETRY_PAUSE;
            match classify(result) {
                Classified::Success(body) => {
                    let mut session = session.borrow_mut();
                    session
                        .state
                        .record_latency(effects.monotonic().saturating_sub(sent));
                    session.changed = true;
                    return Reply::Answered(body);
                }
                Classified::RetryLater(time) => {
                    if time > RETRY_AFTER_MAX_WAIT || attempt > 0 {
                        session.borrow_mut().state.refused_for(effects.now(), time);
                        return Reply::Refused;
                    }
                    session.borrow_mut().state.hold(effects.now(), time);
                    pause = Duration::ZERO;
                }
                Classified::Failure(reason, again) => {
                    effects.log(
                        "provider-failed",
                        serde_json::json!({"level": "warn", "url": host_of(&request.url), "message": reason}),
                    );
                    let mut session = session.borrow_mut();
                    if timed_out {
                        session.state.timed_out(effects.now());
                        session.timed_out += 1;
                        return Reply::Failed;
                    }
                    session.state.failed(effects.now());
                    if !again {
                        return Reply::Failed;
                    }
                }
            }
            if attempt == 0 {
                effects.sleep(pause).await;
            }
        }
        Reply::Failed
    }
}

pub(super) enum Reply {
    Answered(Vec<u8>),
    Failed,
    Refused,
}

enum Classified {
    Success(Vec<u8>),
    RetryLater(Duration),
    /// Whether the same request may fare better.
    Failure(String, bool),
}

fn classify(result: Result<Response, HttpError>) -> Classified {
    match result {
        Ok(response) if response.status == 200 => Classified::Success(response.body),
        Ok(response) if matches!(response.status, 429 | 503) => match retry_after(&response) {
            Some(time) => Classified::RetryLater(time),
            None if response.status == 429 => Classified::RetryLater(DEFAULT_RETRY_AFTER),
            None => Classified::Failure(format!("status {}", response.status), true),
        },
        Ok(response) => Classified::Failure(
            format!("status {}", response.status),
            response.status >= 500,
        ),
        Err(error) => Classified::Failure(error.to_string(), true),
    }
}

/// The part of a URL that may be logged: queries can carry keys.
fn host_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
