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
    sync::{Notify, Semaphore, oneshot},
    time::{Instant, sleep_until, timeout},
};

/// The event by which the application parks a stream: the last of its answer.
pub(crate) const PARKED: &str = "parked";
/// The largest number of streams that one request asks about.
const MAX_ASKED: usize = 100;
/// The largest number of requests at the same time.
const MAX_QUESTIONS: usize = 4;
/// Largest size, in bytes, of an answer about one stream.
const MAX_ANSWER: usize = 16 * 1024;
/// The shortest time between two looks whether it is time to ask about one of the streams.
const TICK: Duration = Duration::from_millis(50);
/// One in so many of a stream's pause: by that much it may be asked about early, together with
/// others.
const EARLY_SHARE: u32 = 4;
/// The longest pause of a stream.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Mean time between two of the streams that are opened again because of the same answer: all that
/// one can be about ([`MAX_ASKED`]) are opened within two seconds.
const OPENING_INTERVAL: Duration = Duration::from_millis(20);
/// Time for which no stream is parked when the application cannot be asked about those that are.
const SUSPENSION: Duration = Duration::from_secs(60);

/// What the application says about a stream that it parks.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Parked {
    /// Milliseconds until it is asked about.
    after: u64,
    /// The application's name for the stream: only the application reads it.
    stream: String,
    /// Blocks of the stream, to be passed on to its clients at once.
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
    /// The stream stays parked, with what its client has now.
    Stay(Parked),
    /// The stream is to be opened again after this time, since not all are opened at once.
    Open(Duration),
    /// The application has been away for too long.
    GivenUp,
}

/// The outcome of a request about parked streams.
enum QuestionOutcome {
    /// For each stream, what it stays parked with; `None`: it is to be opened again.
    Answered(Vec<Option<Parked>>),
    /// No response, or an error that may pass.
    Later,
    /// The application cannot be asked.
    Unknown,
}

/// A stream that waits to be asked about.
struct Waiting {
    due: Instant,
    /// Earliest time to ask about it, together with a stream that is due.
    early: Instant,
    stream: String,
    verdict: oneshot::Sender<Verdict>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// When the task that asks about the waiting streams looks again; `None`: there is no task.
    next_look: Option<Instant>,
    /// Time until which no stream is parked.
    suspended_until: Option<Instant>,
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
    /// Tells the task that a stream is due before it would look.
    is_due_earlier: Notify,
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
            is_due_earlier: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers in a request for a stream to keep it while it has nothing to say; `any`: even if it
    /// has a budget of time. False when nothing is offered now.
    pub(crate) fn offer(&self, headers: &mut HeaderMap, any: bool) -> bool {
        headers.remove(EDGE_PARK);
        let suspended_until = self.state().suspended_until;
        let is_open = suspended_until.is_none_or(|until| until <= Instant::now());
        if is_open {
            let offer = if any { "any" } else { "unlimited" };
            headers.insert(EDGE_PARK, HeaderValue::from_static(offer));
        }
        is_open
    }

    /// Keeps a stream until the application has been asked about it.
    pub(crate) async fn keep(self: &Arc<Self>, parked: Parked) -> Verdict {
        let (sender, verdict) = oneshot::channel();
        let pause = Duration::from_millis(parked.after).clamp(TICK, LONGEST_PAUSE);
        let due = Instant::now() + pause;
        {
            let mut state = self.state();
            state.waiting.push(Waiting {
                due,
                early: due - pause / EARLY_SHARE,
                stream: parked.stream,
                verdict: sender,
            });
            match state.next_look {
                None => {
                    state.next_look = Some(due);
                    tokio::spawn(self.clone().watch(due));
                }
                Some(next) if due < next => {
                    state.next_look = Some(due);
                    self.is_due_earlier.notify_one();
                }
                Some(_) => {}
            }
        }
        self.metrics.streams_parked.inc();
        let _counted = ParkedCount(&self.metrics);
        verdict.await.unwrap_or(Verdict::Open(Duration::ZERO))
    }

    /// Asks about the streams, those that are due at nearly the same time together, until there are
    /// none. Whoever adds a stream when there are none begins another task, so this one must not
    /// look again after it has said that there are none.
    async fn watch(self: Arc<Self>, first_look: Instant) {
        let mut next_look = Some(first_look);
        while let Some(next) = next_look {
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.is_due_earlier.notified() => {
                    next_look = self.state().next_look;
                    continue;
                }
            }
            let now = Instant::now();
            let mut due: Vec<Waiting> = {
                let mut state = self.state();
                state.waiting.retain(|stream| !stream.verdict.is_closed());
                let due = match state.waiting.iter().any(|stream| stream.due <= now) {
                    true => (state.waiting)
                        .extract_if(.., |stream| stream.early <= now)
                        .collect(),
                    false => Vec::new(),
                };
                let first = state.waiting.iter().map(|stream| stream.due).min();
                next_look = first.map(|first| first.max(now + TICK));
                state.next_look = next_look;
                if first.is_none() {
                    state.waiting = Vec::new();
                }
                due
            };
            while !due.is_empty() {
                let rest = due.split_off(due.len().min(MAX_ASKED));
                let batch = std::mem::replace(&mut due, rest);
                tokio::spawn(self.clone().ask(batch));
            }
        }
    }

    /// Asks about some streams, until there is an answer or the time for retries is over.
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
                QuestionOutcome::Answered(answers) if answers.len() == batch.len() => {
                    ("answered", Some(Some(answers)))
                }
                QuestionOutcome::Later => ("later", None),
                QuestionOutcome::Answered(_) | QuestionOutcome::Unknown => ("unknown", Some(None)),
            };
            let outcome = Outcome { outcome };
            self.metrics.questions.get_or_create(&outcome).inc();
            if let Some(answers) = answer {
                break answers;
            }
        };
        let Some(answers) = answers else {
            let now = Instant::now();
            let before = self.state().suspended_until.replace(now + SUSPENSION);
            if before.is_none_or(|until| until <= now) {
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

    async fn question(&self, batch: &[Waiting]) -> QuestionOutcome {
        let Ok(_turn) = self.questions.acquire().await else {
            return QuestionOutcome::Later;
        };
        let names: Vec<&str> = batch.iter().map(|waiting| &*waiting.stream).collect();
        let Ok(question) = serde_json::to_vec(&names) else {
            return QuestionOutcome::Unknown;
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
                return QuestionOutcome::Later;
            };
            if may_change(response.status()) {
                return QuestionOutcome::Later;
            }
            if response.status() != StatusCode::OK {
                return QuestionOutcome::Unknown;
            }
            let body = Limited::new(response.into_body(), names.len() * MAX_ANSWER);
            match body.collect().await {
                Ok(body) => serde_json::from_slice(&body.to_bytes())
                    .map_or(QuestionOutcome::Unknown, QuestionOutcome::Answered),
                Err(error) if error.is::<LengthLimitError>() => QuestionOutcome::Unknown,
                Err(_) => QuestionOutcome::Later,
            }
        };
        let answer = timeout(self.times.handshake, exchange).await;
        answer.unwrap_or(QuestionOutcome::Later)
    }
}

/// Lets streams be opened again, one after the other.
fn open_again(streams: Vec<Waiting>) {
    let others = u32::try_from(streams.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let all = OPENING_INTERVAL * others;
    for stream in streams {
        let _ = stream
            .verdict
            .send(Verdict::Open(all.mul_f64(fastrand::f64())));
    }
}

/// Counts a stream among the parked until it is dropped.
struct ParkedCount<'a>(&'a Metrics);

impl Drop for ParkedCount<'_> {
    fn drop(&mut self) {
        self.0.streams_parked.dec();
    }
}

#[cfg(test)]
mod tests;
