//! Streams that have nothing to say for now, kept without an answer of the application:
//! PROTOCOL.md, "Parked streams".

use crate::{
    answer,
    headers::{EDGE_PARK, EDGE_PARKED, EDGE_SECRET},
    metrics::Metrics,
    upstream::{Body, Upstream},
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

/// The largest number of streams that one request asks about.
const MOST_ASKED: usize = 100;
/// Largest size, in bytes, of an answer about one stream.
const MAX_ANSWER: usize = 16 * 1024;
/// Interval at which the edge looks whether it is time to ask about one of the streams.
const TICK: Duration = Duration::from_millis(50);
/// The part of a stream's pause that it may be asked about early, together with others.
const EARLY: u32 = 4;
/// The longest pause of a stream.
const LONGEST: Duration = Duration::from_secs(15);
/// Time for which no stream is parked when the application cannot be asked about those that are.
const CLOSED: Duration = Duration::from_secs(60);

/// A stream that is kept, as the application says.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Parked {
    /// Milliseconds until it is asked about.
    after: u64,
    /// What the application recognises it by.
    stream: String,
    /// Blocks for those who follow it.
    #[serde(default)]
    pub(crate) say: String,
}

impl Parked {
    /// Reads the data of an event that parks its stream.
    pub(crate) fn read(data: &str) -> Option<Self> {
        serde_json::from_str(data).ok()
    }
}

/// A stream that waits to be asked about.
struct Waiting {
    due: Instant,
    /// The time from which on it is asked about together with one that is due.
    early: Instant,
    stream: String,
    answer: oneshot::Sender<Parked>,
}

#[derive(Default)]
struct Lot {
    waiting: Vec<Waiting>,
    /// Whether a task asks about them.
    is_kept: bool,
    closed_until: Option<Instant>,
}

/// All streams that are parked, whatever their kind.
pub(crate) struct Parking {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) secret: Option<HeaderValue>,
    /// The relay's path.
    pub(crate) path: Uri,
    pub(crate) answer_within: Duration,
    pub(crate) metrics: Arc<Metrics>,
    lot: Mutex<Lot>,
}

impl Parking {
    pub(crate) fn new(
        upstream: Arc<dyn Upstream>,
        secret: Option<HeaderValue>,
        path: Uri,
        answer_within: Duration,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            upstream,
            secret,
            path,
            answer_within,
            metrics,
            lot: Mutex::default(),
        })
    }

    fn lot(&self) -> MutexGuard<'_, Lot> {
        self.lot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers in a request for a stream to keep it while it has nothing to say; `any`: even if it
    /// has a budget of time.
    pub(crate) fn offer(&self, headers: &mut HeaderMap, any: bool) {
        headers.remove(EDGE_PARK);
        let closed_until = self.lot().closed_until;
        if closed_until.is_none_or(|until| until <= Instant::now()) {
            let offer = if any { "any" } else { "unlimited" };
            headers.insert(EDGE_PARK, HeaderValue::from_static(offer));
        }
    }

    /// Keeps a stream until the application has been asked about it; `None` when it is to be
    /// opened again.
    pub(crate) async fn keep(self: &Arc<Self>, parked: Parked) -> Option<Parked> {
        let (sender, answer) = oneshot::channel();
        let (pause, now) = (
            Duration::from_millis(parked.after).min(LONGEST),
            Instant::now(),
        );
        {
            let mut lot = self.lot();
            lot.waiting.push(Waiting {
                due: now + pause,
                early: now + pause - pause / EARLY,
                stream: parked.stream,
                answer: sender,
            });
            if !std::mem::replace(&mut lot.is_kept, true) {
                tokio::spawn(self.clone().watch());
            }
        }
        self.metrics.streams_parked.inc();
        let _counted = Counted(&self.metrics);
        answer.await.ok()
    }

    /// Asks about the streams, those that are due at nearly the same time together, until there are
    /// none.
    async fn watch(self: Arc<Self>) {
        loop {
            sleep(TICK).await;
            let now = Instant::now();
            let mut due = {
                let mut lot = self.lot();
                lot.waiting.retain(|stream| !stream.answer.is_closed());
                if lot.waiting.is_empty() {
                    lot.is_kept = false;
                    lot.waiting = Vec::new();
                    return;
                }
                match lot.waiting.iter().any(|stream| stream.due <= now) {
                    true => lot
                        .waiting
                        .extract_if(.., |stream| stream.early <= now)
                        .collect(),
                    false => Vec::new(),
                }
            };
            while !due.is_empty() {
                let rest = due.split_off(due.len().min(MOST_ASKED));
                let batch = std::mem::replace(&mut due, rest);
                tokio::spawn(self.clone().ask(batch));
            }
        }
    }

    /// Asks about some streams. Those about which there is no answer are opened again: their
    /// senders are dropped.
    async fn ask(self: Arc<Self>, batch: Vec<Waiting>) {
        let names: Vec<&str> = batch.iter().map(|waiting| &*waiting.stream).collect();
        let answers = match serde_json::to_vec(&names) {
            Ok(question) => self.answers(question, names.len()).await,
            Err(_) => None,
        };
        let Some(answers) = answers.filter(|answers| answers.len() == batch.len()) else {
            tracing::debug!("the application cannot be asked about parked streams");
            self.lot().closed_until = Some(Instant::now() + CLOSED);
            return;
        };
        for (waiting, answer) in batch.into_iter().zip(answers) {
            if let Some(parked) = answer {
                let _ = waiting.answer.send(parked);
            }
        }
    }

    async fn answers(&self, question: Vec<u8>, number: usize) -> Option<Vec<Option<Parked>>> {
        let mut request: Request<Body> = Request::new(answer::whole(question));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        // One connection of the application is as good as another.
        headers.insert(header::HOST, HeaderValue::from_static("edge"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(EDGE_PARKED, HeaderValue::from(number));
        if let Some(secret) = &self.secret {
            headers.insert(EDGE_SECRET, secret.clone());
        }
        let exchange = async {
            let response = self.upstream.call(request).await.ok()?;
            if response.status() != StatusCode::OK {
                return None;
            }
            let body = Limited::new(response.into_body(), number * MAX_ANSWER);
            let body = body.collect().await.ok()?.to_bytes();
            serde_json::from_slice(&body).ok()
        };
        timeout(self.answer_within, exchange).await.ok().flatten()
    }
}

/// A stream that is counted among the parked.
struct Counted<'a>(&'a Metrics);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.streams_parked.dec();
    }
}
