//! Sends requests to the metadata providers: circuit breaker, retries, time-outs.
//!
//! A fault that passes is waited for: a request is sent again, with back-off, until it is answered
//! or the provider has not answered anybody for the patience that the operator has for it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use books::{Endpoints, Provider, Reader, Record};

use super::sessions::{Place, ProviderSession, ProviderSessions, Queueing, RETRY_PAUSE_MAX, dice};
use crate::document::Outage;
use crate::effects::{Effects, HttpError, Request, Response, StoreError, send_within};
use crate::provider::{RateLimit, retry_after};

/// The pause before a failed request is sent again the first time; it doubles each time.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Number of failures, while the provider answers others, after which a request for one book has
/// failed.
const MAX_ATTEMPTS: u32 = 24;

/// Number of failures, while the provider answers others, after which a request for many books is
/// split.
const ATTEMPTS_OF_BATCH: u32 = 3;

/// Time for which nothing but refusals of the requests themselves is waited out: a filter that
/// blocks for seconds, a release. After it no request waits for the provider.
const REJECTED_FOR: Duration = Duration::from_secs(20);

/// Number of refusals after which a request is refused for what it asks: while others are answered,
/// while none is, and while none is and it asks for one book only.
const REJECTIONS: [u32; 3] = [2, 3, 4];

/// Time that Open Library gives its index. What that has found by then is the answer, and nothing
/// says that it is a part.
const CUT_AFTER: Duration = Duration::from_millis(9_500);

/// Pause of a request before it looks again whether another has shown that the provider is well
/// again.
const PROBE_PAUSE: Duration = Duration::from_millis(100);

/// Length from which on a wait is shown to those who watch the job.
const VISIBLE_WAIT: Duration = Duration::from_secs(1);

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
    fn limits(&self) -> [(Provider, RateLimit); 2] {
        [
            (Provider::OpenLibrary, self.open_library),
            (Provider::GoogleBooks, self.google_books),
        ]
    }

    /// Loads the providers' states for look-ups while a client waits: nobody waits for a provider
    /// that fails.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions<E: Effects>(&self, effects: &E) -> Result<ProviderSessions, StoreError> {
        let none = (&BTreeMap::new(), &BTreeMap::new());
        ProviderSessions::load(
            effects,
            self.limits(),
            Queueing::Ticket,
            Duration::ZERO,
            none,
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
        let (limits, queueing) = (self.limits(), Queueing::Share { job });
        ProviderSessions::load(effects, limits, queueing, self.patience, (asked, outages)).await
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
                    session.answered(took, now, effects.monotonic());
                    let is_cut = question.provider == Provider::OpenLibrary && took >= CUT_AFTER;
                    return match is_cut {
                        true => Reply::Part(records),
                        false => Reply::Answered(records),
                    };
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
                    let monotonic = effects.monotonic();
                    let since = *session.rejected_since.get_or_insert(monotonic);
                    let is_unwanted = monotonic.saturating_sub(since) >= REJECTED_FOR;
                    if is_unwanted {
                        // It does not want us: no waiting helps.
                        session.waited = sessions.patience;
                    }
                    if is_unwanted || sessions.patience.is_zero() {
                        return Reply::Failed;
                    }
                    let [with_others, alone, of_one] = REJECTIONS;
                    let most = match (answers_others, question.books) {
                        (true, _) => with_others,
                        (false, 2..) => alone,
                        (false, _) => of_one,
                    };
                    if attempts >= most {
                        // One of its books may be what a filter does not let through.
                        return match question.books {
                            2.. => Reply::Split,
                            _ => Reply::Failed,
                        };
                    }
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
    /// An answer that may lack some of what the provider knows.
    Part(Vec<Record>),
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
    /// Rejected with this status: the same request may never be answered.
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
            (403 | 429, None) if says(&response.body, &FOR_TODAY) => {
                Fault::Refused(Some(A_QUOTA_LASTS))
            }
            (400 | 403, None) if says(&response.body, &FOR_KEY) => {
                Fault::Refused(Some(A_QUOTA_LASTS))
            }
            (403, told) if says(&response.body, &TOO_FAST) => Fault::Refused(told),
            (429, told) => Fault::Refused(told),
            (503, Some(told)) => Fault::Refused(Some(told)),
            (408 | 500..=599, _) => Fault::Failed(format!("status {}", response.status)),
            (status, _) => Fault::Rejected(status),
        }),
        Err(HttpError::TimedOut) => Err(Fault::TimedOut),
        Err(error) => Err(Fault::Failed(error.to_string())),
    }
}

/// Pause after a provider's quota of a day is used up, or its key is refused.
const A_QUOTA_LASTS: Duration = Duration::from_secs(3600);

/// Words of refusals by Google: the day's quota is used up.
const FOR_TODAY: [&str; 3] = ["PerDay", "per day", "dailyLimitExceeded"];

/// The key is refused, or its project: no request will do until somebody mends that.
const FOR_KEY: [&str; 6] = [
    "keyInvalid",
    "keyExpired",
    "accessNotConfigured",
    "ipRefererBlocked",
    "API_KEY_",
    "SERVICE_DISABLED",
];

/// Google's words for requests that come too often.
const TOO_FAST: [&str; 2] = ["rateLimitExceeded", "userRateLimitExceeded"];

/// Whether a refusal has one of these words.
fn says(body: &[u8], words: &[&str]) -> bool {
    let text = String::from_utf8_lossy(body);
    words.iter().any(|word| text.contains(word))
}

/// The part of a URL that may be logged: queries can carry keys.
fn host_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
