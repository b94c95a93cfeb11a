//! Streams that have nothing to say for now, kept without an answer of the application:
//! PROTOCOL.md, "Parked streams".

use crate::{
    answer,
    backoff::Backoff,
    config::Times,
    headers::{EDGE_PARK, EDGE_PARKED, EDGE_SECRET},
    metrics::{Metrics, Outcome},
    session::may_change,
    upstream::{Body, Upstream},
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, sleep, timeout},
};

/// The event by which a stream is left to the edge for a while.
pub(crate) const PARKED: &str = "parked";
/// The largest number of streams that one request asks about.
const MAX_ASKED: usize = 100;
/// The largest number of requests at the same time.
const MAX_QUESTIONS: usize = 4;
/// Largest size, in bytes, of an answer about one stream.
const MAX_ANSWER: usize = 16 * 1024;
/// Interval at which the edge looks whether it is time to ask about one of the streams.
const TICK: Duration = Duration::from_millis(50);
/// The part of a stream's pause that it may be asked about early, together with others.
const EARLY: u32 = 4;
/// The longest pause of a stream.
const LONGEST: Duration = Duration::from_secs(15);
/// Time between two streams that are opened again because of the same answer.
const APART: Duration = Duration::from_millis(50);
/// The longest time that one of them waits for that.
const LONGEST_APART: Duration = Duration::from_secs(2);
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

/// What becomes of a parked stream.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It stays parked.
    Stay(Parked),
    /// It is to be opened again, after this time: not all at once.
    Open(Duration),
    /// The application has been away for too long.
    GivenUp,
}

/// The outcome of a question.
enum Answer {
    Told(Vec<Option<Parked>>),
    /// None, or one that may be another later.
    Later,
    /// The application cannot be asked.
    Unknown,
}

/// A stream that waits to be asked about.
struct Waiting {
    due: Instant,
    /// The time from which on it is asked about together with one that is due.
    early: Instant,
    stream: String,
    verdict: oneshot::Sender<Verdict>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Whether a task asks about them.
    is_watched: bool,
    /// No stream is parked before.
    closed_until: Option<Instant>,
}

/// All streams that are parked, whatever their kind.
pub(crate) struct Parking {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) secret: Option<HeaderValue>,
    /// The relay's path.
    pub(crate) path: Uri,
    pub(crate) metrics: Arc<Metrics>,
    times: Times,
    questions: Semaphore,
    state: Mutex<State>,
}

impl Parking {
    pub(crate) fn new(
        upstream: Arc<dyn Upstream>,
        secret: Option<HeaderValue>,
        path: Uri,
        times: Times,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            upstream,
            secret,
            path,
            times,
            metrics,
            questions: Semaphore::new(MAX_QUESTIONS),
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers in a request for a stream to keep it while it has nothing to say; `any`: even if it
    /// has a budget of time. False when nothing is offered now.
    pub(crate) fn offer(&self, headers: &mut HeaderMap, any: bool) -> bool {
        headers.remove(EDGE_PARK);
        let closed_until = self.state().closed_until;
        let is_open = closed_until.is_none_or(|until| until <= Instant::now());
        if is_open {
            let offer = if any { "any" } else { "unlimited" };
            headers.insert(EDGE_PARK, HeaderValue::from_static(offer));
        }
        is_open
    }

    /// Keeps a stream until the application has been asked about it.
    pub(crate) async fn keep(self: &Arc<Self>, parked: Parked) -> Verdict {
        let (sender, verdict) = oneshot::channel();
        let pause = Duration::from_millis(parked.after).clamp(TICK, LONGEST);
        let now = Instant::now();
        {
            let mut state = self.state();
            state.waiting.push(Waiting {
                due: now + pause,
                early: now + pause - pause / EARLY,
                stream: parked.stream,
                verdict: sender,
            });
            if !std::mem::replace(&mut state.is_watched, true) {
                tokio::spawn(self.clone().watch());
            }
        }
        self.metrics.streams_parked.inc();
        let _counted = Counted(&self.metrics);
        verdict.await.unwrap_or(Verdict::Open(Duration::ZERO))
    }

    /// Asks about the streams, those that are due at nearly the same time together, until there are
    /// none.
    async fn watch(self: Arc<Self>) {
        loop {
            sleep(TICK).await;
            let now = Instant::now();
            let mut due: Vec<Waiting> = {
                let mut state = self.state();
                state.waiting.retain(|stream| !stream.verdict.is_closed());
                if state.waiting.is_empty() {
                    state.is_watched = false;
                    state.waiting = Vec::new();
                    return;
                }
                match state.waiting.iter().any(|stream| stream.due <= now) {
                    true => state
                        .waiting
                        .extract_if(.., |stream| stream.early <= now)
                        .collect(),
                    false => Vec::new(),
                }
            };
            while !due.is_empty() {
                let rest = due.split_off(due.len().min(MAX_ASKED));
                let batch = std::mem::replace(&mut due, rest);
                tokio::spawn(self.clone().ask(batch));
            }
        }
    }

    /// Asks about some streams, until there is an answer or no patience left.
    async fn ask(self: Arc<Self>, mut batch: Vec<Waiting>) {
        let mut backoff = Backoff::new(&self.times);
        let answers = loop {
            if !backoff.wait().await {
                for waiting in batch {
                    let _ = waiting.verdict.send(Verdict::GivenUp);
                }
                return;
            }
            batch.retain(|waiting| !waiting.verdict.is_closed());
            if batch.is_empty() {
                return;
            }
            let (outcome, answer) = match self.question(&batch).await {
                Answer::Told(answers) if answers.len() == batch.len() => {
                    ("answered", Some(Some(answers)))
                }
                Answer::Later => ("later", None),
                Answer::Told(_) | Answer::Unknown => ("unknown", Some(None)),
            };
            let outcome = Outcome { outcome };
            self.metrics.questions.get_or_create(&outcome).inc();
            if let Some(answers) = answer {
                break answers;
            }
        };
        let Some(answers) = answers else {
            let until = Instant::now() + CLOSED;
            let closed_before = self.state().closed_until.replace(until);
            if closed_before.is_none() {
                tracing::warn!("the application cannot be asked about parked streams");
            }
            return open_again(batch);
        };
        let mut opened = Vec::new();
        for (waiting, answer) in batch.into_iter().zip(answers) {
            match answer {
                Some(parked) => drop(waiting.verdict.send(Verdict::Stay(parked))),
                None => opened.push(waiting),
            }
        }
        open_again(opened);
    }

    async fn question(&self, batch: &[Waiting]) -> Answer {
        let Ok(_turn) = self.questions.acquire().await else {
            return Answer::Later;
        };
        let names: Vec<&str> = batch.iter().map(|waiting| &*waiting.stream).collect();
        let Ok(question) = serde_json::to_vec(&names) else {
            return Answer::Unknown;
        };
        let mut request: Request<Body> = Request::new(answer::whole(question));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        // The question is no client's, so it is asked for no host of theirs.
        headers.insert(header::HOST, HeaderValue::from_static("edge"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(EDGE_PARKED, HeaderValue::from(names.len()));
        if let Some(secret) = &self.secret {
            headers.insert(EDGE_SECRET, secret.clone());
        }
        let exchange = async {
            let Ok(response) = self.upstream.call(request).await else {
                return Answer::Later;
            };
            if may_change(response.status()) {
                return Answer::Later;
            }
            if response.status() != StatusCode::OK {
                return Answer::Unknown;
            }
            let body = Limited::new(response.into_body(), names.len() * MAX_ANSWER);
            match body.collect().await {
                Ok(body) => {
                    serde_json::from_slice(&body.to_bytes()).map_or(Answer::Unknown, Answer::Told)
                }
                Err(error) if error.is::<LengthLimitError>() => Answer::Unknown,
                Err(_) => Answer::Later,
            }
        };
        let answer = timeout(self.times.handshake, exchange).await;
        answer.unwrap_or(Answer::Later)
    }
}

/// Lets streams be opened again, one after the other.
fn open_again(streams: Vec<Waiting>) {
    let all = (APART * u32::try_from(streams.len().saturating_sub(1)).unwrap_or(u32::MAX))
        .min(LONGEST_APART);
    for stream in streams {
        let _ = stream
            .verdict
            .send(Verdict::Open(all.mul_f64(fastrand::f64())));
    }
}

/// A stream that is counted among the parked.
struct Counted<'a>(&'a Metrics);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.streams_parked.dec();
    }
}
