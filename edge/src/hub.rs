//! Upstream streams and their listeners: PROTOCOL.md, "Sharing", and resumption.

use crate::{
    backoff::Backoff,
    config::Times,
    metrics::Metrics,
    outbox::{Delivery, Outbox, Outgoing},
    position::Position,
    session::{self, Instruction, Opened, Relay, Session, close},
    sse::{Block, EventStream, Next},
};
use admission::{ClientKey, Permit};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{select, sync::Notify, time::Instant};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One socket as its stream sees it.
///
/// Locks are taken in this order: `hub`, an audience, `outbox`.
pub(crate) struct Subscriber {
    number: u64,
    /// The session that the socket asked for.
    pub(crate) session: Session,
    outbox: Mutex<Outbox>,
    changed: Notify,
    hub: Mutex<Option<Arc<Hub>>>,
    /// The permit, held until there is news, under the relay's limit on sockets that wait for
    /// something to exist.
    waiting: Mutex<Option<Permit<ClientKey>>>,
}

impl Subscriber {
    pub(crate) fn new(
        session: Session,
        max_unread: usize,
        waiting: Option<Permit<ClientKey>>,
    ) -> Arc<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            session,
            outbox: Mutex::new(Outbox::new(max_unread)),
            changed: Notify::new(),
            hub: Mutex::new(None),
            waiting: Mutex::new(waiting),
        })
    }

    /// Carries out an instruction of the relay.
    pub(crate) fn follow(&self, instruction: &Instruction) {
        match instruction {
            Instruction::Delivery(delivery) => self.deliver(delivery),
            Instruction::Close(frame) => self.close(frame.clone()),
        }
    }

    fn deliver(&self, delivery: &Delivery) {
        if delivery.id.is_some() {
            lock(&self.waiting).take();
        }
        let mut outbox = lock(&self.outbox);
        if outbox.deliver(delivery).is_err() {
            outbox.abandon(close(CloseCode::Again, "too much unread"));
        }
        drop(outbox);
        self.changed.notify_one();
    }

    /// Closes the socket after what waits.
    pub(crate) fn close(&self, frame: CloseFrame) {
        lock(&self.outbox).close(frame);
        self.changed.notify_one();
    }

    /// Takes the next thing to send to the client.
    pub(crate) fn pop(&self) -> Option<Outgoing> {
        lock(&self.outbox).pop()
    }

    /// Waits until there may be something to send.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Removes the socket; a stream that nobody listens to any more is dropped.
    pub(crate) fn leave(&self) {
        if let Some(hub) = lock(&self.hub).take() {
            lock(&hub.audience).members.remove(&self.number);
            hub.left.notify_one();
        }
    }

    /// Moves this socket from its own stream to a shared one, as soon as the own one has brought it
    /// as far as the shared one is. False when it is not there yet, or the shared one is over.
    ///
    /// This happens under the shared stream's lock, so that whatever comes later reaches the
    /// newcomer, and whatever came before it has.
    fn merge_into(self: &Arc<Self>, shared: &Arc<Hub>) -> bool {
        let mut place = lock(&self.hub);
        let Some(own) = place.as_ref() else {
            return true;
        };
        let mut audience = lock(&shared.audience);
        if audience.is_over || !lock(&self.outbox).position().reaches(&audience.position) {
            return false;
        }
        audience.members.insert(self.number, self.clone());
        drop(audience);
        lock(&own.audience).members.remove(&self.number);
        *place = Some(shared.clone());
        true
    }
}

/// One upstream stream and its listeners.
struct Hub {
    key: Option<String>,
    audience: Mutex<Audience>,
    left: Notify,
}

#[derive(Default)]
struct Audience {
    members: BTreeMap<u64, Arc<Subscriber>>,
    position: Position,
    last_id: Option<String>,
    is_over: bool,
}

impl Hub {
    fn new(key: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            key,
            audience: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// Passes on one message; `false` when all listeners have it already.
    fn deliver(&self, delivery: &Delivery, last_id: Option<String>) -> bool {
        let mut audience = lock(&self.audience);
        if let Some(id) = &delivery.id {
            if !audience.position.advance(id) {
                return false;
            }
            audience.last_id = last_id;
        }
        for member in audience.members.values() {
            member.deliver(delivery);
        }
        delivery.id.is_some()
    }

    /// Ends the stream for everybody.
    fn close(&self, frame: &CloseFrame) {
        let mut audience = lock(&self.audience);
        audience.is_over = true;
        for member in std::mem::take(&mut audience.members).into_values() {
            member.close(frame.clone());
        }
    }

    /// Ends the stream for one of its listeners.
    fn dismiss(&self, member: &Subscriber, frame: CloseFrame) {
        lock(&self.audience).members.remove(&member.number);
        member.close(frame);
    }

    /// Ends the stream if nobody listens; nobody can join after that.
    fn end_if_unused(&self) -> bool {
        let mut audience = lock(&self.audience);
        audience.is_over |= audience.members.is_empty();
        audience.is_over
    }

    async fn wait_until_unused(&self) {
        while !self.end_if_unused() {
            self.left.notified().await;
        }
    }

    /// The credentials for the next request (the most recently authorised), and the position to
    /// resume after.
    fn resume_credentials(&self) -> Option<(Arc<Subscriber>, Option<String>)> {
        let audience = lock(&self.audience);
        let (_, member) = audience.members.last_key_value()?;
        Some((member.clone(), audience.last_id.clone()))
    }
}

/// The upstream streams of an edge, by session key.
pub(crate) struct Streams {
    pub(crate) relay: Arc<Relay>,
    pub(crate) times: Times,
    pub(crate) metrics: Arc<Metrics>,
    shared: Mutex<HashMap<String, Arc<Hub>>>,
}

impl Streams {
    pub(crate) fn new(relay: Arc<Relay>, times: Times, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            relay,
            times,
            metrics,
            shared: Mutex::default(),
        })
    }

    /// Delivers a stream that was just accepted to its subscriber, or lets it join the stream that
    /// is there already.
    pub(crate) fn attach(
        self: &Arc<Self>,
        subscriber: &Arc<Subscriber>,
        key: Option<String>,
        stream: EventStream,
        permit: Permit<ClientKey>,
    ) {
        let mut shared = lock(&self.shared);
        let existing = key.as_ref().and_then(|key| shared.get(key)).cloned();
        let hub = Hub::new(if existing.is_some() { None } else { key });
        lock(&hub.audience)
            .members
            .insert(subscriber.number, subscriber.clone());
        *lock(&subscriber.hub) = Some(hub.clone());
        if let Some(key) = &hub.key {
            shared.insert(key.clone(), hub.clone());
        }
        drop(shared);
        let join = existing.map(|existing| (existing, subscriber.clone()));
        if let Some((existing, newcomer)) = &join
            && newcomer.merge_into(existing)
        {
            return;
        }
        let feed = Feed {
            hub,
            join,
            streams: self.clone(),
        };
        tokio::spawn(async move {
            let _permit = permit;
            feed.streams.metrics.upstream_streams.inc();
            feed.run(stream).await;
            feed.streams.metrics.upstream_streams.dec();
        });
    }

    fn forget(&self, hub: &Arc<Hub>) {
        if let Some(key) = &hub.key {
            let mut shared = lock(&self.shared);
            if shared.get(key).is_some_and(|there| Arc::ptr_eq(there, hub)) {
                shared.remove(key);
            }
        }
    }
}

/// The task that reads one upstream stream.
struct Feed {
    hub: Arc<Hub>,
    /// The stream that this one's listener joins when it has come far enough.
    join: Option<(Arc<Hub>, Arc<Subscriber>)>,
    streams: Arc<Streams>,
}

/// The reasons why reading a stream stopped.
enum Stopped {
    /// No listener needs this stream any more.
    Over,
    /// The stream broke off; `healthy` when it had been good for something.
    Lost { healthy: bool },
}

impl Feed {
    async fn run(&self, mut stream: EventStream) {
        let mut backoff: Option<Backoff> = None;
        while let Stopped::Lost { healthy } = self.follow(stream).await {
            if healthy {
                backoff = None;
            }
            let backoff = backoff.get_or_insert_with(|| Backoff::new(&self.streams.times));
            self.streams.metrics.resumptions.inc();
            match self.resume(backoff).await {
                Some(resumed) => stream = resumed,
                None => break,
            }
        }
        self.streams.forget(&self.hub);
    }

    async fn follow(&self, mut stream: EventStream) -> Stopped {
        let since = Instant::now();
        let mut healthy = false;
        loop {
            let next = select! {
                () = self.hub.wait_until_unused() => return Stopped::Over,
                next = stream.next(self.streams.times.session_silence) => next,
            };
            match next {
                Next::Block(block) => match self.pass_on(&block) {
                    Some(news) => healthy |= news,
                    None => return Stopped::Over,
                },
                Next::Ended | Next::Cut(_) => {
                    healthy |= since.elapsed() >= self.streams.times.retry_longest;
                    return Stopped::Lost { healthy };
                }
            }
        }
    }

    /// Passes a block of the stream on; `None` when the stream is over with it, else whether it
    /// held a new message.
    fn pass_on(&self, block: &Block) -> Option<bool> {
        let news = match session::read(block) {
            Ok(None) => false,
            Ok(Some((Instruction::Delivery(delivery), id))) => self.hub.deliver(&delivery, id),
            Ok(Some((Instruction::Close(frame), _))) => {
                self.hub.close(&frame);
                return None;
            }
            Err(error) => {
                tracing::error!(%error, "a session stream");
                self.hub.close(&close(CloseCode::Error, "server error"));
                return None;
            }
        };
        match &self.join {
            Some((existing, newcomer)) if newcomer.merge_into(existing) => None,
            Some(_) | None => Some(news),
        }
    }

    async fn resume(&self, backoff: &mut Backoff) -> Option<EventStream> {
        let Streams { relay, .. } = &*self.streams;
        loop {
            let in_time = select! {
                () = self.hub.wait_until_unused() => return None,
                in_time = backoff.wait() => in_time,
            };
            if !in_time {
                self.hub.close(&close(CloseCode::Again, "try again later"));
                return None;
            }
            // Each listener resumes with its own credentials: whose were refused is out, and the
            // next one tries.
            while let Some((member, last_id)) = self.hub.resume_credentials() {
                let asked = relay.open(&member.session, last_id.as_deref());
                let opened = select! {
                    () = self.hub.wait_until_unused() => return None,
                    opened = tokio::time::timeout_at(backoff.deadline(), asked) => opened,
                };
                match opened {
                    Ok(Opened::Accepted(accepted)) => return Some(accepted.stream),
                    Ok(Opened::Over) => {
                        self.hub.close(&close(CloseCode::Normal, ""));
                        return None;
                    }
                    Ok(Opened::Refused(_)) => {
                        self.hub
                            .dismiss(&member, close(CloseCode::Policy, "refused"));
                    }
                    Ok(Opened::Unavailable(_)) | Err(_) => break,
                }
            }
        }
    }
}
