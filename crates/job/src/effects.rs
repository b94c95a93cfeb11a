//! The effects that the engine needs from its platform. `platform` implements these for Spin, the
//! simulation for tests; nothing else in this crate does I/O, tells the time or rolls dice.
//!
//! All futures are single-threaded: a WASI 0.2 component has one thread, and so has a simulation.
#![expect(
    async_fn_in_trait,
    reason = "implementations are single-threaded; no caller needs the futures to be Send"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::document::{HandOver, Notice, Root};
use crate::settings::RunMode;
use crate::time::{Time, millis};

/// Failure of an operation of the store; the text is for the log. The operation may have taken
/// effect all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

impl StoreError {
    /// Whether the store is full, by the words of SQLite, of Redis and of file systems. One that
    /// says so in words of its own cannot be told from one that is busy: no job goes because of it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        ["is full", "maxmemory", "No space left"]
            .iter()
            .any(|words| self.0.contains(words))
    }
}

/// A key-value store without atomic operations: Spin's `fermyon:spin/key-value`.
///
/// The engine assumes that a `set` takes effect, or is lost, within
/// [`crate::Settings::write_delay`].
pub trait Store {
    /// The value under `key`, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes `value` under `key`, whatever was there.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Removes `key`; succeeds when it is not there.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// Every key of the store. Slow on some platforms: only the sweeper asks.
    async fn keys(&self) -> Result<Vec<String>, StoreError>;
}

/// An outbound request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The absolute URL.
    pub url: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for `GET`.
    pub body: Vec<u8>,
}

impl Request {
    /// A `GET` without headers.
    #[must_use]
    pub fn get(url: String) -> Self {
        Self {
            method: "GET",
            url,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body, up to [`MAX_RESPONSE_BYTES`].
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The longest body an [`Http`] implementation reads before it gives up on an answer: 8 MiB.
pub const MAX_RESPONSE_BYTES: usize = 8 << 20;

/// The reason why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The server did not respond within the time that the caller allowed.
    #[error("no answer in time")]
    TimedOut,
    /// The connection or the response failed (refused, reset, not resolved, not allowed, too long);
    /// the text is for the log.
    #[error("{0}")]
    Failed(String),
}

/// Outbound HTTP.
pub trait Http {
    /// Sends a request and reads the whole answer. Dropping the future abandons it.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;
}

/// The clocks of the platform: wall-clock time, monotonic time, sleep.
pub trait Clock {
    /// Wall-clock time, the same for all processes up to a small skew; may jump.
    fn now(&self) -> Time;
    /// Time since some moment before this run began; never goes back.
    fn monotonic(&self) -> Duration;
    /// Completes after `duration`. Dropping the future cancels it.
    async fn sleep(&self, duration: Duration);
    /// Lets other work of this process proceed before the caller computes on.
    async fn yield_to_io(&self, turn: Turn);
}

/// The party to be let proceed by [`Clock::yield_to_io`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Other requests of this process.
    Others,
    /// Other requests, and the bytes that a listener in the caller's own invocation has just
    /// written: they are to reach its connection.
    OwnListener,
}

/// Randomness fit for secrets.
pub trait Entropy {
    /// 16 random bytes.
    fn random(&self) -> [u8; 16];
}

/// Events worth a line in the log.
pub trait Log {
    /// One structured line: `event` names it, `fields` is a JSON object with its facts.
    fn log(&self, event: &str, fields: serde_json::Value);
    /// The invocation's costs since they were last taken, to be told in a line.
    fn take_costs(&self) -> Costs;
}

/// The operations that an invocation has asked of the platform, in the whole or since some line of
/// the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    /// Number of values read.
    pub gets: u32,
    /// Number of values written.
    pub sets: u32,
    /// Number of values deleted.
    pub deletes: u32,
    /// Number of listings of all keys.
    pub lists: u32,
    /// Number of those operations that failed.
    pub failures: u32,
    /// Bytes written.
    pub bytes_written: u64,
    /// Number of outbound requests, those to the application itself included.
    pub requests: u32,
    /// Those to others, by origin, status and milliseconds to two digits, as in
    /// `https://openlibrary.org 200 1200`. The status is `none` without a whole answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: BTreeMap<String, u32>,
}

impl Costs {
    /// Counts a request that is over, unless it was to a route of the application itself.
    pub fn ask(&mut self, url: &str, status: Option<u16>, took: Duration) {
        let Some((scheme, rest)) = url.split_once("://") else {
            return;
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let ms = two_digits(millis(took));
        let alike = format!("{scheme}://{authority} {status} {ms}");
        *self.asked.entry(alike).or_default() += 1;
    }
}

/// A number to its first two digits: as many requests as there may be are told in few words.
fn two_digits(number: u64) -> u64 {
    let mut unit = 1;
    while number / unit >= 100 {
        unit *= 10;
    }
    (number + unit / 2) / unit * unit
}

/// A request to another invocation of the application to do a job's next stage.
#[derive(Clone, Debug)]
pub struct RunRequest<'a> {
    /// The job; [`Root::next_component`] says who is to work on it.
    pub root: &'a Root,
    /// The lease and position that the run before passes on; `None` revives the job.
    pub hand_over: Option<&'a HandOver>,
    /// Proof that the application itself asks: [`Keyring::is_run_key`](crate::Keyring::is_run_key).
    pub run_key: String,
    /// Whether the run is acknowledged before or after it has worked.
    pub mode: RunMode,
}

/// The reason why a run could not be started; the text is for the log. It may run all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DispatchError(pub String);

impl DispatchError {
    /// The error when the request for a run is answered with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self(format!("status {status}"))
    }

    /// Whether the application has no component that does what the job needs, or the component does
    /// not take the request for the application's own.
    #[must_use]
    pub fn is_no_route(&self) -> bool {
        *self == Self::status(404)
    }

    /// Whether there was no room for a run, as there may be later.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        [429, 503].map(Self::status).contains(self)
    }
}

/// Starting runs in other invocations of the application.
pub trait Dispatch {
    /// Asks for a run. With [`RunMode::Background`] this waits until the run is acknowledged, with
    /// [`RunMode::Inline`] no longer than it takes to send the request.
    async fn start_run(&self, request: RunRequest<'_>) -> Result<(), DispatchError>;

    /// Spells the webhook's message about a job; empty where no webhook is configured.
    fn spell_message(&self, _root: &Root, _notice: Notice) -> Vec<u8> {
        Vec::new()
    }
}

/// All effects at once.
pub trait Effects: Store + Http + Clock + Entropy + Log + Dispatch {}

impl<T: Store + Http + Clock + Entropy + Log + Dispatch> Effects for T {}

/// Returns the output of `work`, or `None` when it takes longer than `limit`. Work that needs no
/// waiting is done whatever the limit.
pub async fn within<C: Clock, T>(
    clock: &C,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let work = std::pin::pin!(work);
    let sleep = std::pin::pin!(clock.sleep(limit));
    match futures::future::select(work, sleep).await {
        futures::future::Either::Left((answer, _)) => Some(answer),
        futures::future::Either::Right(((), _)) => None,
    }
}

/// The answer to a request; [`HttpError::TimedOut`] when there is none within `limit`.
pub(crate) async fn send_within<E: Clock + Http>(
    effects: &E,
    limit: Duration,
    request: Request,
) -> Result<Response, HttpError> {
    within(effects, limit, effects.send(request))
        .await
        .unwrap_or(Err(HttpError::TimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_went_alike_are_told_once() {
        let mut costs = Costs::default();
        for (url, status, ms) in [
            ("https://books.example/a?b=://", Some(200), 1_234),
            ("https://books.example/c", Some(200), 1_151),
            ("https://books.example?d", Some(429), 1_234),
            ("https://books.example", None, 12_000),
            ("http://127.0.0.1:9/e", Some(200), 99),
            ("/internal/scan/f/run", Some(202), 1),
        ] {
            costs.ask(url, status, Duration::from_millis(ms));
        }
        let told = serde_json::to_value(&costs).unwrap();
        assert_eq!(
            told["asked"],
            serde_json::json!({
                "https://books.example 200 1200": 2,
                "https://books.example 429 1200": 1,
                "https://books.example none 12000": 1,
                "http://127.0.0.1:9 200 99": 1,
            })
        );
        let none = serde_json::to_value(Costs::default()).unwrap();
        assert!(none.get("asked").is_none(), "{none}");
    }
}
