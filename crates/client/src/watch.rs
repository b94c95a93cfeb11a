//! Following one job over whatever transport works.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::body::Body;
use crate::client::{Attempt, Shared};
use crate::counters::Ending;
use crate::http::{EVENT_STREAM, is_event_stream};
use crate::outage::Outage;
use crate::sse::Frame;
use crate::strategy::{LONGEST_PAUSE, Step, Strategy, StreamEnd};
use crate::stream::Stream;
use crate::wire::index_of;
use crate::{Client, Error, Event, JobId, Snapshot, Status, Transport};

/// An update from a watch.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "handled one at a time, never kept in numbers"
)]
pub enum Update {
    /// An event of the job.
    Event(Event),
    /// Progress comes by this transport from here on.
    Using(Transport),
    /// The server cannot be reached; it is asked again after the pause.
    Lost {
        /// The failure that was seen.
        reason: String,
        /// Time until the next attempt.
        pause: Duration,
    },
}

/// A job's progress, from the first event to the last, across cut streams, restarts of the server
/// and changes of transport. Progress never goes back.
///
/// Dropping it stops watching and leaves the job alone.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    job: JobId,
    books: bool,
    strategy: Strategy,
    phase: Phase,
    updates: VecDeque<Update>,
    attempt: Option<Attempt>,
    announced: Option<Transport>,
    last_id: Option<HeaderValue>,
    etag: Option<HeaderValue>,
    /// The snapshot with the most progress so far.
    seen: Option<Snapshot>,
    /// How long the server has been away; absent before its first sign of life.
    outage: Option<Outage>,
}

/// The content of an event id: number of the job's state, and number of books that had been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    seq: u64,
    books: u64,
}

impl Position {
    /// Parses `18` or `18.100`; `None` for an id of another kind.
    fn parse(id: &str) -> Option<Self> {
        let (seq, books) = id.split_once('.').unwrap_or((id, "0"));
        Some(Self {
            seq: seq.parse().ok()?,
            books: books.parse().ok()?,
        })
    }
}

#[derive(Debug)]
enum Phase {
    Waiting { until: Instant, step: Step },
    Streaming(Box<Stream>),
    Over,
}

impl Watch {
    pub(crate) fn new(client: &Client, job: JobId, books: bool) -> Self {
        let shared = Arc::clone(&client.shared);
        let strategy = Strategy::new(shared.mode, shared.timing);
        let step = strategy.begin(shared.streams_blocked());
        Self {
            shared,
            job,
            books,
            strategy,
            phase: Phase::Waiting {
                until: Instant::now(),
                step,
            },
            updates: VecDeque::new(),
            attempt: None,
            announced: None,
            last_id: None,
            etag: None,
            seen: None,
            outage: None,
        }
    }

    /// Follows a job that was accepted just now.
    pub(crate) fn submitted(client: &Client, job: JobId) -> Self {
        Self {
            outage: Some(Outage::over(Instant::now())),
            ..Self::new(client, job, false)
        }
    }

    /// Goes on with the stream that answered the submission.
    pub(crate) fn attached(client: &Client, job: JobId, stream: Stream, attempt: Attempt) -> Self {
        Self {
            phase: Phase::Streaming(Box::new(stream)),
            attempt: Some(attempt),
            ..Self::submitted(client, job)
        }
    }

    /// Continues after an event that another watch has had, such as that of a program that has
    /// ended since: see [`Watch::last_event_id`].
    #[must_use]
    pub fn after(self, last_event_id: &str) -> Self {
        Self {
            last_id: HeaderValue::from_str(last_event_id).ok(),
            // Whoever has an event id has reached this server before.
            outage: Some(Outage::over(Instant::now())),
            ..self
        }
    }

    /// The id of the last event so far: with the job's id and token, all that needs to be stored to
    /// go on later.
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_id.as_ref()?.to_str().ok()
    }

    /// The id of the watched job.
    pub fn job(&self) -> &JobId {
        &self.job
    }

    /// Waits for the next update; `None` after the job's last event or an error. Errors are final:
    /// whatever time may heal is tried again before, for as long as
    /// [`Timing::longest_outage`](crate::Timing::longest_outage) says.
    ///
    /// The future may be dropped and asked for again without losing anything.
    pub async fn next(&mut self) -> Option<Result<Update, Error>> {
        loop {
            if let Some(update) = self.updates.pop_front() {
                return Some(Ok(update));
            }
            let done = match &mut self.phase {
                Phase::Over => return None,
                Phase::Waiting { until, step } => {
                    let step = *step;
                    sleep_until(*until).await;
                    match step {
                        Step::Stream => self.connect().await,
                        Step::Probe | Step::Poll => self.poll(step).await,
                    }
                }
                Phase::Streaming(stream) => match stream.next().await {
                    Ok(frame) => self.take(frame),
                    Err(end) => {
                        if let Some(retry) = stream.retry(self.shared.timing.retry) {
                            self.strategy.set_retry(retry);
                        }
                        if end == StreamEnd::Cut {
                            self.outage = Some(Outage::over(Instant::now()));
                        }
                        self.stream_ended(end, self.explain(end))
                    }
                },
            };
            if let Err(error) = done {
                self.phase = Phase::Over;
                return Some(Err(error));
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let Shared { http, timing, .. } = &*shared;
        self.begin(Transport::Sse);
        let books = if self.books { "?books=1" } else { "" };
        let mut request = http
            .get(&format!("/api/v2/imports/{}/stream{books}", self.job))
            .header(ACCEPT, EVENT_STREAM);
        if let Some(id) = &self.last_id {
            request = request.header("last-event-id", id);
        }
        let response = match http.send(request, Body::default(), timing.first_byte).await {
            Ok(response) => response,
            Err(error @ Error::TimedOut { .. }) => {
                return self.stream_ended(StreamEnd::Silent, error);
            }
            // The server redirects elsewhere, or is none of this API.
            Err(error @ Error::Protocol { .. }) => {
                return self.stream_ended(StreamEnd::Refused, error);
            }
            Err(error) => return self.stream_ended(StreamEnd::Unreachable, error),
        };
        // Any answer shows that the server can be reached.
        self.outage
            .get_or_insert_with(|| Outage::over(Instant::now()));
        match response.status() {
            StatusCode::OK if is_event_stream(response.headers()) => {
                let stream = Stream::new(response, timing.first_byte, timing.idle);
                self.phase = Phase::Streaming(Box::new(stream));
                Ok(())
            }
            // "You have it all": the status says it once more.
            StatusCode::NO_CONTENT => {
                self.end(Ending::Finished);
                self.wait((Duration::ZERO, Step::Poll));
                Ok(())
            }
            status if status.is_success() => {
                self.stream_ended(StreamEnd::Refused, self.explain(StreamEnd::Refused))
            }
            _ => match http.read::<Value>(response).await {
                Err(error @ Error::Api(_)) if !error.is_transient() => {
                    self.end(Ending::Refused);
                    Err(error)
                }
                Err(error @ Error::Api(_)) => self.stream_ended(StreamEnd::Useless, error),
                Err(error @ (Error::Unreachable { .. } | Error::TimedOut { .. })) => {
                    self.stream_ended(StreamEnd::Useless, error)
                }
                Err(error) => self.stream_ended(StreamEnd::Refused, error),
                Ok(_) => self.stream_ended(StreamEnd::Refused, self.explain(StreamEnd::Refused)),
            },
        }
    }

    fn take(&mut self, frame: Frame) -> Result<(), Error> {
        let Ok(event) = Event::parse(&frame.event, &frame.data) else {
            return self.stream_ended(StreamEnd::Refused, self.explain(StreamEnd::Refused));
        };
        // Something between, or the server, may repeat what was told. The last event counts all the
        // same, and so does what is further than all that was told: a server that lost its store
        // counts from 1 again.
        let (id, delivered) = (Position::parse(&frame.id), self.delivered());
        let counts = match &event {
            Some(Event::Progress(snapshot)) => self
                .seen
                .as_ref()
                .is_some_and(|seen| snapshot.progress > seen.progress),
            Some(Event::Book(book)) => index_of(book) >= Some(delivered),
            Some(Event::Completed(_) | Event::Failed(_) | Event::Timeout(_)) => true,
            None => false,
        };
        let known = !counts && id.is_some_and(|id| self.position().is_some_and(|last| id <= last));
        let forgets_books = self.books && id.is_some_and(|id| id.books < delivered);
        if !known
            && !forgets_books
            && let Ok(id) = HeaderValue::from_str(&frame.id)
            && !id.is_empty()
        {
            self.last_id = Some(id);
        }
        self.strategy.succeeded();
        self.outage = Some(Outage::over(Instant::now()));
        let Some(event) = event.filter(|_| !known) else {
            return Ok(());
        };
        self.shared.note_stream_support(true);
        let goes_back = match &event {
            Event::Progress(snapshot) => self
                .seen
                .as_ref()
                .is_some_and(|seen| snapshot.progress < seen.progress),
            Event::Book(book) => index_of(book) < Some(delivered),
            Event::Completed(_) | Event::Failed(_) | Event::Timeout(_) => false,
        };
        if !goes_back {
            self.push_event(event);
        }
        Ok(())
    }

    /// The position of the last event.
    fn position(&self) -> Option<Position> {
        Position::parse(self.last_event_id()?)
    }

    /// The number of books that have been delivered.
    fn delivered(&self) -> u64 {
        self.position().map_or(0, |last| last.books)
    }

    async fn poll(&mut self, step: Step) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let http = &shared.http;
        if step == Step::Poll {
            self.begin(Transport::Poll);
        }
        let mut request = http.get(&format!("/api/v2/imports/{}", self.job));
        if let Some(etag) = &self.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let answer = async {
            let response = http.head(request, Body::default()).await?;
            // Any answer shows that the server can be reached.
            self.outage
                .get_or_insert_with(|| Outage::over(Instant::now()));
            http.payload::<Snapshot>(response).await
        };
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error) if error.is_transient() => {
                let jitter = fastrand::f64();
                let (pause, next) = match step {
                    Step::Poll => self.strategy.poll_failed(jitter),
                    Step::Stream | Step::Probe => self.strategy.probe_failed(jitter),
                };
                return self.lost(error, pause, next);
            }
            Err(error) => {
                self.end(Ending::Refused);
                return Err(error);
            }
        };
        self.outage = Some(Outage::over(Instant::now()));
        let blames_streams = step == Step::Probe && self.strategy.blames_streams();
        if blames_streams {
            shared.note_stream_support(false);
        }
        let ended = matches!(&answer.data, Some(snapshot) if snapshot.status.is_terminal());
        if blames_streams || ended {
            self.begin(Transport::Poll);
        }
        if let Some(snapshot) = answer.data {
            if self.books
                && snapshot.status.is_terminal()
                && let Err(error) = self.add_missing_books(snapshot.status).await
            {
                if !error.is_transient() {
                    return Err(error);
                }
                let (pause, next) = self.strategy.poll_failed(fastrand::f64());
                return self.lost(error, pause, next);
            }
            self.etag = answer.etag;
            if self.is_news(&snapshot) {
                if self.attempt.is_some() {
                    self.push_event(snapshot.into());
                } else {
                    // The stream is asked once more: nothing has changed yet.
                    self.seen = Some(snapshot.clone());
                    if self.announced.is_none() {
                        self.announced = Some(Transport::Poll);
                        self.updates.push_back(Update::Using(Transport::Poll));
                    }
                    self.updates.push_back(Update::Event(snapshot.into()));
                }
            }
        }
        if !matches!(self.phase, Phase::Over) {
            let next = self
                .strategy
                .polled(answer.retry_after, shared.streams_blocked());
            self.wait(next);
        }
        Ok(())
    }

    /// Fetches the books that no stream has brought from the results: polling brings none.
    async fn add_missing_books(&mut self, end: Status) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Found {
            books: Vec<Value>,
        }
        let shared = Arc::clone(&self.shared);
        let first = self.delivered();
        let path = format!("/api/v2/imports/{}/results?offset={first}", self.job);
        let answer = shared.http.ask(shared.http.get(&path), Body::default());
        let books = match answer.await {
            Ok(Found { books }) => books,
            // A job that failed has none.
            Err(error @ Error::Api(_)) if end != Status::Completed && !error.is_transient() => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for (index, book) in (first..).zip(books) {
            let told = Position {
                seq: self.position().map_or(0, |last| last.seq),
                books: index + 1,
            };
            self.last_id = HeaderValue::from_str(&format!("{}.{}", told.seq, told.books)).ok();
            self.push_event(Event::Book(json!({"index": index, "book": book})));
        }
        Ok(())
    }

    /// Whether a polled status is newer than what is known: another transport may have been
    /// quicker.
    fn is_news(&self, snapshot: &Snapshot) -> bool {
        let Some(seen) = &self.seen else { return true };
        let position = |s: &Snapshot| {
            (
                s.status,
                s.stage.clone(),
                s.processed_count,
                s.total_count,
                s.message.clone(),
            )
        };
        snapshot.status.is_terminal()
            || (snapshot.progress >= seen.progress && position(snapshot) != position(seen))
    }

    fn push_event(&mut self, event: Event) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        attempt.event();
        if self.announced != Some(attempt.transport) {
            self.announced = Some(attempt.transport);
            self.updates.push_back(Update::Using(attempt.transport));
        }
        match &event {
            Event::Progress(snapshot) => self.seen = Some(snapshot.clone()),
            _ if event.is_last() => {
                attempt.end(Ending::Finished);
                self.phase = Phase::Over;
            }
            _ => {}
        }
        self.updates.push_back(Update::Event(event));
    }

    /// Decides what follows a stream that ended; `error` is what the watch ends with when all
    /// attempts fail.
    fn stream_ended(&mut self, end: StreamEnd, error: Error) -> Result<(), Error> {
        self.end(end.into());
        let (pause, step) = self.strategy.stream_ended(end, fastrand::f64());
        if matches!(end, StreamEnd::Cut) || step == Step::Probe {
            self.wait((pause, step));
            return Ok(());
        }
        self.lost(error, pause, step)
    }

    fn lost(&mut self, error: Error, pause: Duration, step: Step) -> Result<(), Error> {
        let pause = pause.max(error.retry_after().unwrap_or_default().min(LONGEST_PAUSE));
        // Fail fast if the server was never reached.
        let never = self.outage.is_none()
            && matches!(error, Error::Unreachable { .. } | Error::TimedOut { .. });
        let (now, timing) = (Instant::now(), &self.shared.timing);
        let outage = self.outage.get_or_insert_with(|| Outage::over(now));
        if never || outage.failed(now, pause, timing.request) > timing.longest_outage {
            return Err(error);
        }
        self.updates.push_back(Update::Lost {
            reason: error.to_string(),
            pause,
        });
        self.wait((pause, step));
        Ok(())
    }

    fn explain(&self, end: StreamEnd) -> Error {
        let http = &self.shared.http;
        match end {
            StreamEnd::Cut | StreamEnd::Useless | StreamEnd::Unreachable => Error::Unreachable {
                server: http.origin().to_owned(),
                reason: "the stream ended early".to_owned(),
                retry_after: None,
            },
            StreamEnd::Silent => http.timed_out(self.shared.timing.idle),
            StreamEnd::Refused => http.protocol("its stream is not one of this API"),
        }
    }

    fn wait(&mut self, (pause, step): (Duration, Step)) {
        self.phase = Phase::Waiting {
            until: Instant::now() + pause,
            step,
        };
    }

    /// Begins to use a transport: polling goes on as one use, each stream is one of its own.
    fn begin(&mut self, transport: Transport) {
        let polling = self
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.transport == Transport::Poll);
        if !(polling && transport == Transport::Poll) {
            // The old use must have ended before the new one counts.
            self.attempt = None;
            self.attempt = Some(self.shared.begin(transport));
        }
    }

    fn end(&mut self, ending: Ending) {
        if let Some(mut attempt) = self.attempt.take() {
            attempt.end(ending);
        }
    }
}

impl From<StreamEnd> for Ending {
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Cut | StreamEnd::Useless => Self::Cut,
            StreamEnd::Silent => Self::Silent,
            StreamEnd::Refused => Self::Refused,
            StreamEnd::Unreachable => Self::Unreachable,
        }
    }
}
