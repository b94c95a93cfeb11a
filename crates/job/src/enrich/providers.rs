//! Sends requests to the metadata providers: rate limit, circuit breaker, retries, time-outs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use books::{Lookup, Provider, Search};

use super::Enrichment;
use crate::cadence::{Expect, after_answers};
use crate::effects::{Effects, HttpError, Request, Response, StoreError, Time, send_within};
use crate::provider::{Manners, PATIENCE, ProviderState, retry_after};

/// What a provider means that has had too many requests and does not say for how long.
const UNTOLD_PATIENCE: Duration = Duration::from_secs(60);

/// The pause before a failed request is tried once more.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A provider's state as a run has it in hand.
pub(super) struct Desk {
    pub(super) state: ProviderState,
    manners: Manners,
    asked: u32,
    timed_out: u32,
    pub(super) changed: bool,
}

impl Desk {
    /// Whether as many requests as may be in flight could go out now without waiting, and one more.
    pub(super) fn has_spare(&self, concurrency: usize, now: Time) -> bool {
        let needed = u32::try_from(concurrency).unwrap_or(u32::MAX);
        self.state.spare(self.manners, now) > f64::from(needed)
    }
}

/// The providers' states as a run has them in hand, shared by all requests in flight.
pub struct Desks(pub(super) BTreeMap<&'static str, RefCell<Desk>>);

impl Desks {
    /// Requests made, by provider.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, u32> {
        self.0
            .iter()
            .map(|(name, desk)| ((*name).to_owned(), desk.borrow().asked))
            .filter(|(_, asked)| *asked > 0)
            .collect()
    }

    /// Whether a provider did not answer in time.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0.values().any(|desk| desk.borrow().timed_out > 0)
    }

    /// How long until the first provider's breaker closes, if one is open.
    #[must_use]
    pub fn open<E: Effects>(&self, e: &E) -> Option<(&'static str, Duration)> {
        self.0
            .iter()
            .find_map(|(name, desk)| Some((*name, desk.borrow().state.open_for(e.now())?)))
    }

    /// As [`first_wave`].
    pub(super) fn first_wave(&self) -> Expect {
        let desk = self.0.get(Provider::OpenLibrary.name());
        after_answers(desk.and_then(|desk| desk.borrow().state.answers_in()))
    }

    /// Tells the other runs what has become of the providers.
    pub async fn save<E: Effects>(&self, e: &E) {
        for (name, desk) in &self.0 {
            if !std::mem::take(&mut desk.borrow_mut().changed) {
                continue;
            }
            // Approximate by design: a lost update costs politeness, not correctness.
            let stored = ProviderState::load(e, name).await.unwrap_or_default();
            let state = desk.borrow().state.merged(&stored);
            if state.save(e, name).await.is_ok() {
                desk.borrow_mut().state = state;
            }
        }
    }
}

/// When the first wave of a job may be expected of which no request has been sent yet.
pub(crate) async fn first_wave<E: Effects>(e: &E) -> Expect {
    let state = ProviderState::load(e, Provider::OpenLibrary.name()).await;
    after_answers(state.unwrap_or_default().answers_in())
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
    fn manners(&self, provider: Provider) -> Manners {
        match provider {
            Provider::OpenLibrary => self.open_library,
            Provider::GoogleBooks => self.google_books,
        }
    }

    /// Reads what is known of the providers; `asked` is what the job has asked them before.
    ///
    /// # Errors
    /// The store's.
    pub async fn desks<E: Effects>(
        &self,
        e: &E,
        asked: &BTreeMap<String, u32>,
    ) -> Result<Desks, StoreError> {
        let mut desks = BTreeMap::new();
        for provider in [Provider::OpenLibrary, Provider::GoogleBooks] {
            let name = provider.name();
            desks.insert(
                name,
                RefCell::new(Desk {
                    state: ProviderState::load(e, name).await?,
                    manners: self.manners(provider),
                    asked: asked.get(name).copied().unwrap_or(0),
                    timed_out: 0,
                    changed: false,
                }),
            );
        }
        Ok(Desks(desks))
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
        e: &E,
        desk: &RefCell<Desk>,
        request: Request,
        until: Option<Duration>,
        awaited: &Cell<Awaited>,
    ) -> Asked {
        let left = |e: &E| match until {
            Some(until) => until.saturating_sub(e.monotonic()).min(self.timeout),
            None => self.timeout,
        };
        for attempt in 0..2 {
            if left(e) == Duration::ZERO {
                return Asked::Refused;
            }
            let wait = {
                let mut desk = desk.borrow_mut();
                if desk.state.open_for(e.now()).is_some() || desk.asked >= desk.manners.per_job {
                    return Asked::Refused;
                }
                desk.asked += 1;
                desk.changed = true;
                let manners = desk.manners;
                desk.state.take(manners, e.now())
            };
            let each = desk.borrow().state.answers_in().unwrap_or_default();
            let before = awaited.get();
            awaited.set(Awaited {
                until: before.until.max(e.monotonic() + wait + each),
                each: before.each.max(each),
            });
            if wait > Duration::ZERO {
                e.sleep(until.map_or(wait, |until| wait.min(until.saturating_sub(e.monotonic()))))
                    .await;
                if desk.borrow().state.open_for(e.now()).is_some() {
                    desk.borrow_mut().asked -= 1;
                    return Asked::Refused;
                }
            }
            let sent = e.monotonic();
            let result = send_within(e, left(e), request.clone()).await;
            let timed_out = matches!(result, Err(HttpError::TimedOut));
            let mut pause = RETRY_PAUSE;
            match classify(result) {
                Verdict::Good(body) => {
                    let mut desk = desk.borrow_mut();
                    desk.state.answered_in(e.monotonic().saturating_sub(sent));
                    desk.changed = true;
                    return Asked::Answered(body);
                }
                Verdict::Later(time) => {
                    if time > PATIENCE || attempt > 0 {
                        desk.borrow_mut().state.refused_for(e.now(), time);
                        return Asked::Refused;
                    }
                    desk.borrow_mut().state.hold(e.now(), time);
                    pause = Duration::ZERO;
                }
                Verdict::Bad(reason, again) => {
                    e.log(
                        "provider-failed",
                        serde_json::json!({"level": "warn", "url": host_of(&request.url), "message": reason}),
                    );
                    let mut desk = desk.borrow_mut();
                    if timed_out {
                        desk.state.timed_out(e.now());
                        desk.timed_out += 1;
                        return Asked::Failed;
                    }
                    desk.state.failed(e.now());
                    if !again {
                        return Asked::Failed;
                    }
                }
            }
            if attempt == 0 {
                e.sleep(pause).await;
            }
        }
        Asked::Failed
    }
}

pub(super) enum Asked {
    Answered(Vec<u8>),
    Failed,
    Refused,
}

enum Verdict {
    Good(Vec<u8>),
    Later(Duration),
    /// Whether the same request may fare better.
    Bad(String, bool),
}

fn classify(result: Result<Response, HttpError>) -> Verdict {
    match result {
        Ok(response) if response.status == 200 => Verdict::Good(response.body),
        Ok(response) if matches!(response.status, 429 | 503) => match retry_after(&response) {
            Some(time) => Verdict::Later(time),
            None if response.status == 429 => Verdict::Later(UNTOLD_PATIENCE),
            None => Verdict::Bad(format!("status {}", response.status), true),
        },
        Ok(response) => Verdict::Bad(
            format!("status {}", response.status),
            response.status >= 500,
        ),
        Err(error) => Verdict::Bad(error.to_string(), true),
    }
}

/// The part of a URL that may be logged: queries can carry keys.
fn host_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
