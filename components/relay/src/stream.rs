//! `GET /ws/session`: the messages to a socket, from the state of its jobs to their ends.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use api::error::ApiError;
use api::parked::{self, ParkedSocket, ParkedStream};
use api::ws::frame::{self, COMMENT, Close, Lasting, Phase, SocketPosition};
use api::ws::{Handshake, Schema};
use futures::TryStreamExt;
use futures::future::{Either, select};
use futures::stream::{Stream, StreamExt};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use job::effects::{Clock, Log, within};
use job::{
    Engine, Inspection, Item, Next, Notification, QueueTurn, Report, Root, Settings, Step, Stop,
    Watcher, millis,
};
use platform::{Disconnected, Exchange, Response, Spin, Writer, client, stream};
use serde_json::json;

use crate::session;
use crate::token;

/// Longest silence of a session stream: an edge gives up one that is silent for longer, and the
/// first apps expect a sign of life this often.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);
/// Size in bytes from which on results take their turn to be in memory.
const LARGE_RESULTS: u64 = 1 << 20;
/// Time that is given to the delivery of large results, with a second more for each megabyte.
const LEAST_DELIVERY: Duration = Duration::from_secs(5);
/// The least time for which a stream is parked before its token is looked after.
const SHORTEST_PARKING: Duration = Duration::from_secs(30);
/// The class of sockets that wait for their jobs to appear, and how many of them an edge admits.
const WAITING: &str = "waiting;100";

/// The reason why a stream ended.
enum End {
    /// The socket is to be closed with this code.
    Close(Close),
    /// The edge went away.
    Left,
    /// The budget is used up; the edge asks again.
    Budget,
    /// The job is silent: the edge parks the stream.
    Parked,
    /// The store does not give the values that are needed; the edge asks again.
    Broken(String),
    /// Large results are read too slowly, and others wait for the memory that they are in.
    Slow,
}

impl From<Disconnected> for End {
    fn from(Disconnected: Disconnected) -> Self {
        Self::Left
    }
}

pub(crate) async fn serve(
    exchange: &mut Exchange,
    session: Handshake,
    hold: Duration,
) -> Result<Option<Response>, ApiError> {
    let jobs = &session.jobs;
    let last = exchange
        .request
        .header("last-event-id")
        .and_then(|id| frame::parse_id(id, jobs.len()));
    let is_new = last.is_none();
    let told = last.unwrap_or_else(|| vec![SocketPosition::default(); jobs.len()]);
    let is_over = |told: &SocketPosition| told.phase == Phase::Over;
    let mut looks = Vec::new();
    for (job, told) in jobs.iter().zip(&told) {
        let inspection = match session::look(exchange, job).await {
            // It has been deleted since its end: the others go on.
            Err(error) if error.code == api::Code::NotFound && is_over(told) => Inspection::Missing,
            inspection => inspection?,
        };
        exchange.engine().revive_or_repair(&inspection).await;
        looks.push(inspection);
    }
    // One socket can wait for one job, and only for one that it has not seen.
    let waits = is_new && looks.as_slice() == [Inspection::Missing];
    if !waits {
        for ((job, told), inspection) in jobs.iter().zip(&told).zip(&looks) {
            if *inspection == Inspection::Missing && !is_over(told) {
                return Err(ApiError::no_such_job(&job.id));
            }
        }
    }
    if told.iter().all(is_over) {
        return Ok(Some(Response {
            status: 204,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }));
    }
    let schema = session.schema_of(looks.iter().filter_map(Inspection::root));
    let Some(writer) = exchange.stream(200, headers(&session, schema, waits)) else {
        return Ok(None);
    };
    let settings = Settings {
        heartbeat: exchange.config.settings.heartbeat.min(HEARTBEAT),
        ..exchange.config.settings.clone()
    };
    let mut session_stream = SessionStream {
        exchange,
        session: &session,
        schema,
        deadline: settings
            .stream_budget
            .map(|budget| exchange.spin.monotonic() + budget),
        settings: &settings,
        writer,
        told,
        events: 0,
        bytes: 0,
    };
    let end = session_stream.tell(looks, waits.then_some(hold)).await;
    session_stream.finish(end).await;
    Ok(None)
}

fn headers(session: &Handshake, schema: Schema, waits: bool) -> HeaderMap {
    let mut headers = stream::headers();
    let mut set = |name, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-edge-label", Some(schema.name()));
    set("x-edge-protocol", session.protocol.as_deref());
    if waits {
        // What one socket waits for is no stream for others.
        set("x-edge-cap", Some(WAITING));
    } else {
        set("stream-key", session.stream_key(schema).as_deref());
    }
    headers
}

/// One session stream.
struct SessionStream<'a> {
    exchange: &'a Exchange,
    session: &'a Handshake,
    schema: Schema,
    settings: &'a Settings,
    deadline: Option<Duration>,
    writer: Writer,
    told: Vec<SocketPosition>,
    events: u32,
    bytes: usize,
}

impl<'a> SessionStream<'a> {
    /// The engine with this stream's settings.
    fn engine(&self) -> Engine<'a, Spin> {
        let Exchange { spin, config, .. } = self.exchange;
        Engine::new(spin, self.settings, &config.keyring)
    }

    async fn tell(&mut self, mut looks: Vec<Inspection>, hold: Option<Duration>) -> End {
        if let Some(hold) = hold {
            match self.wait(hold).await {
                Ok(inspection) => {
                    self.schema = self.session.schema_of(inspection.root().into_iter());
                    looks = vec![inspection];
                }
                Err(end) => return end,
            }
        }
        match self.follow(looks).await {
            Ok(close) => End::Close(close),
            Err(end) => end,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Disconnected> {
        self.writer.write(bytes).await?;
        self.events += 1;
        self.bytes += bytes.len();
        Ok(())
    }

    /// Waits for the job to appear.
    async fn wait(&mut self, hold: Duration) -> Result<Inspection, End> {
        let (spin, job) = (&self.exchange.spin, &self.session.jobs[0]);
        // A wait that outlasts the budget would begin anew with each request.
        let hold = hold.min(self.settings.stream_budget.unwrap_or(hold));
        let until = spin.monotonic() + hold;
        let mut next_comment = spin.monotonic();
        loop {
            if spin.monotonic() >= next_comment {
                self.write(COMMENT).await?;
                next_comment = spin.monotonic() + self.settings.heartbeat;
            }
            // A store that refuses is asked again.
            if let Ok(inspection) = self.engine().look(&job.id).await
                && let Some(root) = inspection.root()
            {
                return match session::admitted(self.exchange, job, root).await {
                    Ok(true) => Ok(inspection),
                    Ok(false) => Err(End::Close(Close::NOT_ALLOWED)),
                    Err(_) => Err(End::Broken("the token cannot be checked".to_owned())),
                };
            }
            if spin.monotonic() >= until {
                return Err(End::Close(Close::NO_JOB));
            }
            let pause = spin.sleep(self.settings.retry);
            self.writer.while_connected(pause).await?;
        }
    }

    /// The notifications of every job that is not over, each with the job's place on the socket.
    fn news(&self, looks: Vec<Inspection>) -> impl Stream<Item = (usize, Next)> + Unpin + use<'a> {
        let engine = self.engine();
        let jobs = self.session.jobs.iter().zip(self.told.clone()).zip(looks);
        let budget = self.settings.stream_budget;
        // A token that runs out soon is looked after by a stream that stays.
        let may_park = self.session.jobs.len() == 1
            && token::look_interval(self.settings) >= SHORTEST_PARKING
            && stream::may_park(self.exchange, budget);
        let open = jobs
            .enumerate()
            .filter(|(_, ((_, told), _))| told.phase != Phase::Over);
        Watcher::all(open.map(move |(n, ((job, told), inspection))| {
            let last = Some(told.position()).filter(|position| position.seq > 0);
            let observer = engine.observer(last, false);
            let watcher = engine.watch(job.id.clone(), observer, inspection);
            (n, watcher.may_leave(may_park))
        }))
    }

    /// Delivers notifications until there are no more.
    async fn follow(&mut self, looks: Vec<Inspection>) -> Result<Close, End> {
        let mut news = self.news(looks);
        let clock = &self.exchange.spin;
        let mut token_look = clock.monotonic();
        let mut close = Close::OVER;
        loop {
            let now = clock.monotonic();
            if now >= token_look {
                token::extend(self.exchange, self.session).await;
                token_look = now + token::look_interval(self.settings);
            }
            let until = self.deadline.map_or(token_look, |at| at.min(token_look));
            let pause = until.saturating_sub(clock.monotonic());
            let next = self.writer.while_connected(news.next());
            match within(clock, pause, next).await.transpose()? {
                Some(Some((n, Next::Notify(notification)))) => {
                    self.write_step(n, &notification).await?;
                    if matches!(notification.step, Step::TimedOut(_)) {
                        close = Close::STALLED;
                    }
                }
                Some(Some((_, Next::Silent(silence)))) => {
                    let now = self.exchange.spin.now();
                    let pause = silence.pause(now, self.settings);
                    let left = token_look.saturating_sub(clock.monotonic());
                    let socket = Some(ParkedSocket {
                        schema: self.schema,
                        encoding: self.session.encoding,
                        until: now.plus(left),
                    });
                    let silence = *silence;
                    let stream = ParkedStream { silence, socket };
                    self.write(&parked::event(&stream, pause)).await?;
                    return Err(End::Parked);
                }
                // It has been deleted since.
                Some(Some(_)) => return Ok(Close::NO_JOB),
                Some(None) => return Ok(close),
                None if self.deadline.is_some_and(|at| at <= clock.monotonic()) => {
                    return Err(End::Budget);
                }
                None => {}
            }
        }
    }

    async fn write_step(&mut self, index: usize, notification: &Notification) -> Result<(), End> {
        let (schema, encoding) = (self.schema, self.session.encoding);
        let now = self.exchange.spin.now();
        match notification.step {
            Step::Initialized(_) | Step::Processing(_) | Step::Ended(_) => {}
            Step::Heartbeat if schema != Schema::V3 => {
                let message = schema.keep_alive(&notification.root, now);
                let event = frame::event(encoding, Lasting::State(index), None, &message);
                return Ok(self.write(&event).await?);
            }
            Step::Heartbeat => return Ok(self.write(COMMENT).await?),
            Step::Book(..) | Step::TimedOut(_) => return Ok(()),
        }
        let mut turn = self.wait_for_memory(notification).await?;
        let engine = self.engine();
        let (settings, clock) = (self.settings, &self.exchange.spin);
        let writing = async {
            let spelled = contents(engine, schema, notification)
                .await
                .map(|(items, report)| schema.spell(notification, &items, &report, now));
            match spelled {
                Ok(messages) => self.deliver(index, notification, messages).await,
                Err(stop) => Err(End::Broken(stop.to_string())),
            }
        };
        let written = match &mut turn {
            Some(turn) => {
                let limit = longest_delivery(&notification.root);
                let kept = keep(clock, engine, settings, turn);
                match within(clock, limit, select(pin!(writing), pin!(kept))).await {
                    Some(Either::Left((written, _))) => written,
                    Some(Either::Right((never, _))) => match never {},
                    None => Err(End::Slow),
                }
            }
            None => writing.await,
        };
        if let Some(turn) = turn {
            engine.end_turn(turn).await;
        }
        written
    }

    /// Waits for a turn to hold results in memory, if they are large; the socket is kept alive
    /// meanwhile.
    async fn wait_for_memory(
        &mut self,
        notification: &Notification,
    ) -> Result<Option<QueueTurn>, End> {
        let root = &notification.root;
        let bytes = result_bytes(root);
        let holds_results =
            matches!(notification.step, Step::Ended(_)) && self.schema.wants_items(root);
        if !holds_results || bytes < LARGE_RESULTS {
            return Ok(None);
        }
        let engine = self.engine();
        let client = client::counted(self.exchange);
        let mut turn = engine.memory_turn(client.as_ref(), bytes);
        while !engine
            .wait_for_turn(&mut turn, self.settings.heartbeat / 2)
            .await
        {
            if let Err(left) = self.write(COMMENT).await {
                engine.end_turn(turn).await;
                return Err(left.into());
            }
        }
        Ok(Some(turn))
    }

    /// Writes a notification of a job and records that it was delivered.
    async fn deliver(
        &mut self,
        index: usize,
        notification: &Notification,
        mut messages: Vec<Vec<u8>>,
    ) -> Result<(), End> {
        let (encoding, now) = (self.session.encoding, self.exchange.spin.now());
        let (position, over) = match notification.step {
            Step::Initialized(at) | Step::Processing(at) => (at, false),
            Step::Ended(at) => (at, true),
            Step::Book(..) | Step::TimedOut(_) | Step::Heartbeat => return Ok(()),
        };
        let last = messages.pop();
        let told = self.told.get(index).copied().unwrap_or_default();
        if self.schema.begins_with_started() && told.phase == Phase::Fresh {
            let begun = SocketPosition {
                // Where that is all there is to say, the state has been told with it.
                seq: if last.is_none() {
                    position.seq
                } else {
                    told.seq
                },
                phase: Phase::Started,
            };
            let id = self.advance(index, begun);
            let started = self.schema.started(&notification.root, now);
            let event = frame::event(encoding, Lasting::Message, Some(&id), &started);
            self.write(&event).await?;
        }
        for message in messages {
            let event = frame::event(encoding, Lasting::Message, None, &message);
            self.write(&event).await?;
        }
        let Some(last) = last else {
            return Ok(());
        };
        let (phase, lasting) = match over {
            true => (Phase::Over, Lasting::Message),
            false => (Phase::Fresh, Lasting::State(index)),
        };
        let told = self.told.get(index).copied().unwrap_or_default();
        let now_told = SocketPosition {
            seq: position.seq,
            phase: phase.max(told.phase),
        };
        let id = self.advance(index, now_told);
        let event = frame::event(encoding, lasting, Some(&id), &last);
        Ok(self.write(&event).await?)
    }

    /// Records the position of a job's reader, and returns the id of the event that leads there.
    fn advance(&mut self, index: usize, told: SocketPosition) -> String {
        if let Some(place) = self.told.get_mut(index) {
            *place = told;
        }
        frame::id(&self.told)
    }

    async fn finish(mut self, end: End) {
        let (outcome, problem) = match end {
            End::Close(close) => {
                // An edge that has left closes nothing.
                let _ = self.writer.write(close.event().as_bytes()).await;
                ("closed", None)
            }
            End::Left => ("left", None),
            End::Budget => ("budget", None),
            End::Parked => ("parked", None),
            End::Broken(problem) => ("broken", Some(problem)),
            End::Slow => {
                // To wait until it is read is what would keep the memory.
                self.writer = Writer::default();
                let problem = "the results are read too slowly";
                ("broken", Some(problem.to_owned()))
            }
        };
        self.writer.finish().await;
        let level = if problem.is_some() { "warn" } else { "info" };
        self.exchange.spin.log(
            "stream-ended",
            json!({
                "level": level, "jobIds": self.session.job_ids(), "transport": "websocket",
                "schema": self.schema.name(),
                "outcome": outcome, "message": problem,
                "durationMs": millis(self.exchange.took()), "events": self.events,
                "bytes": self.bytes, "costs": self.exchange.spin.take_costs(),
            }),
        );
    }
}

/// Keeps a turn for as long as this is polled: who is slow to read holds the memory meanwhile.
async fn keep(
    clock: &Spin,
    engine: Engine<'_, Spin>,
    settings: &Settings,
    turn: &mut QueueTurn,
) -> Infallible {
    loop {
        clock.sleep(settings.lease_renew).await;
        engine.wait_for_turn(turn, Duration::ZERO).await;
    }
}

/// Size in bytes of a job's results as they are stored.
fn result_bytes(root: &Root) -> u64 {
    root.segments.iter().map(|part| u64::from(part.bytes)).sum()
}

/// Longest time for which results are in memory until they are written: others wait for it. An edge
/// takes them as fast as they come.
fn longest_delivery(root: &Root) -> Duration {
    LEAST_DELIVERY + Duration::from_micros(result_bytes(root))
}

/// The items and the report that an end holds in this schema; empty for everything else.
async fn contents(
    engine: Engine<'_, Spin>,
    schema: Schema,
    notification: &Notification,
) -> Result<(Vec<Item>, Report), Stop> {
    let root = &notification.root;
    let (mut items, mut report) = (Vec::new(), Report::default());
    if !matches!(notification.step, Step::Ended(_)) {
        return Ok((items, report));
    }
    if schema.wants_items(root) {
        let stored = engine.items(root, 0..root.results());
        items = stored.try_concat().await?;
    }
    if schema.wants_report(root) {
        report = engine.report(root).await?;
    }
    Ok((items, report))
}
