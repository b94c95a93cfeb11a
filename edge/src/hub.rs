//! Upstream streams and their listeners: PROTOCOL.md, "Sharing", and resumption. The same for
//! sockets and for event streams: what differs is a [`Kind`].

use crate::{
    backoff::Backoff,
    body::Linger,
    config::Times,
    metrics::Metrics,
    outbox::{Delivery, Outbox, Outgoing},
    parking::{Parked, Parking, Verdict},
    position::Position,
    room::SlowReader,
    sse::{Block, EventStream, Next},
};
use admission::{ClientKey, Permit};
use prometheus_client::metrics::counter::Counter;
use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

/// Pause between checks whether a listener can join the shared stream that it waits for.
const JOIN_PAUSE: Duration = Duration::from_millis(50);

/// Mean pause between checks for room to open a parked stream again.
const ROOM_PAUSE: Duration = Duration::from_millis(250);

/// Number of times in a row that a parked stream may be opened without news; then it stays open.
const MAX_FRUITLESS: u32 = 2;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A kind of stream: what its clients are sent, and how the application is asked for it.
pub(crate) trait Kind: Send + Sync + Sized + 'static {
    /// What a client is sent.
    type Message: Clone + Send + Sync + 'static;
    /// The end of a client's stream.
    type End: Clone + Send + Sync + 'static;
    /// What a client asked for, with its credentials.
    type Request: Send + Sync + 'static;
    /// State of reading one upstream stream.
    type Reader: Send + 'static;

    /// Whether a newcomer has been told all that only its own answer tells before that answer's
    /// first block.
    const JOINS_AT_ONCE: bool;
    /// Whether a stream is read only as fast as the fastest of its listeners takes it. Where it is
    /// read at once, a listener that is too slow is let go even when it is the only one.
    const WAITS_FOR_READERS: bool;

    /// Whether clients see the ids: then a client joins the others only where they are exactly as
    /// far, so that no counter of the ids that it sees goes down.
    const SHOWS_IDS: bool;

    /// Asks for what comes after `last_id` on the stream of this key; `may_park`: the stream may be
    /// left to the edge again.
    fn resume(
        &self,
        request: &Self::Request,
        key: Option<&str>,
        last_id: Option<&str>,
        may_park: bool,
    ) -> impl Future<Output = Resumed<Self>> + Send;

    /// Begins to read another answer, which tells so many ends of what the stream is about.
    fn go_on(&self, reader: &mut Self::Reader, ends: usize);

    /// Reads a block; `may_park`: the answer that it belongs to may be parked.
    fn read(&self, reader: &mut Self::Reader, block: &Block, may_park: bool) -> BlockContent<Self>;

    /// The end of clients' streams when the upstream stream has ended, cleanly or not; `None` when
    /// it is to be resumed.
    fn ended(&self, reader: &mut Self::Reader, is_clean: bool) -> Option<Self::End>;

    /// The end of a client's stream for a reason of the edge's own.
    fn end(&self, reason: Reason) -> Self::End;

    /// The streams that are parked.
    fn parking(&self) -> &Arc<Parking>;

    /// The message that shows clients that the edge is there while the upstream stream is not, if
    /// there is one.
    fn keep_alive(&self) -> Option<Delivery<Self::Message>>;

    /// Time without a block after which a stream counts as lost.
    fn silence(&self, times: &Times) -> Duration;

    /// The counter of upstream streams that were lost.
    fn lost(metrics: &Metrics) -> &Counter;
}

/// The content of one block of an event stream, for all clients that share the stream.
pub(crate) enum BlockContent<K: Kind> {
    /// Nothing for clients.
    Nothing,
    /// A message, and the id to resume after, if it has one.
    Delivery(Delivery<K::Message>, Option<String>),
    /// The end of the stream.
    End(K::End),
    /// The stream is to be parked.
    Parked(Parked),
}

/// The answer to a request for the rest of a stream.
pub(crate) enum Resumed<K: Kind> {
    /// The stream goes on.
    Stream(Continuation),
    /// It goes on for this listener, on a stream of another key.
    Moved(Box<AcceptedStream<K>>),
    /// The stream is complete.
    Over,
    /// The credentials of this listener were refused.
    Refused,
    /// No response, or an error that may pass.
    Unavailable,
}

/// An answer that goes on with a stream.
pub(crate) struct Continuation {
    pub(crate) stream: EventStream,
    /// Whether the edge offered to park the stream.
    pub(crate) may_park: bool,
    /// Number of ends that it tells.
    pub(crate) ends: usize,
}

/// Why the edge ends a client's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client has left too much unread.
    Unread,
    /// The client may not go on.
    Refused,
    /// The stream is complete.
    Over,
    /// The application has been away for too long.
    GivenUp,
}

/// One client as its stream sees it.
///
/// Locks are taken in this order: `hub`, an audience, `outbox`.
pub(crate) struct Subscriber<K: Kind> {
    number: u64,
    client: ClientKey,
    this: Weak<Self>,
    kind: Arc<K>,
    /// What the client asked for.
    pub(crate) request: K::Request,
    outbox: Mutex<Outbox<K::Message, K::End>>,
    changed: Notify,
    let_go: Notify,
    hub: Mutex<Option<Arc<Hub<K>>>>,
    /// Whether the client is gone: then it follows no other stream either.
    is_gone: AtomicBool,
    /// The permit, held until there is news, under the relay's limit on sockets that wait for
    /// something to exist.
    waiting: Mutex<Option<Permit<ClientKey>>>,
}

impl<K: Kind> Subscriber<K> {
    /// A subscriber whose client has everything up to `position`.
    pub(crate) fn new(
        kind: Arc<K>,
        client: ClientKey,
        request: K::Request,
        position: Position,
        max_unread: usize,
        waiting: Option<Permit<ClientKey>>,
    ) -> Arc<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Arc::new_cyclic(|this| Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            client,
            this: this.clone(),
            kind,
            request,
            outbox: Mutex::new(Outbox::new(max_unread, position)),
            changed: Notify::new(),
            let_go: Notify::new(),
            hub: Mutex::new(None),
            is_gone: AtomicBool::new(false),
            waiting: Mutex::new(waiting),
        })
    }

    /// Passes a message on to the client; false when its stream has ended, and it is to get no
    /// more.
    pub(crate) fn deliver(&self, delivery: &Delivery<K::Message>) -> bool {
        if delivery.id.is_some() {
            lock(&self.waiting).take();
        }
        let mut delivery = delivery.clone();
        let room = delivery.room.take();
        delivery.room = room.map(|room| room.held_by(self.number, self.client, self.this.clone()));
        let mut outbox = lock(&self.outbox);
        if outbox.deliver(delivery).is_err() {
            outbox.abandon(self.kind.end(Reason::Unread));
        }
        let listens = !outbox.is_closing();
        drop(outbox);
        self.changed.notify_one();
        listens
    }

    /// Ends the client's stream after what waits.
    pub(crate) fn close(&self, end: K::End) {
        lock(&self.outbox).close(end);
        self.changed.notify_one();
    }

    /// Takes the next thing to send to the client.
    pub(crate) fn pop(&self) -> Option<Outgoing<K::Message, K::End>> {
        let mut outbox = lock(&self.outbox);
        let was_full = outbox.is_full();
        let next = outbox.pop();
        let has_room = was_full && !outbox.is_full();
        drop(outbox);
        if has_room && let Some(hub) = &*lock(&self.hub) {
            hub.changed.notify_one();
        }
        next
    }

    fn is_full(&self) -> bool {
        lock(&self.outbox).is_full()
    }

    /// Waits until the client is to be let go because it is slow, and others wait.
    pub(crate) async fn until_let_go(&self) {
        self.let_go.notified().await;
    }

    /// Waits until there may be something to send.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Removes the client for good.
    pub(crate) fn go(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
        self.leave();
    }

    /// Removes the client from its stream; one that nobody listens to any more is dropped.
    fn leave(&self) {
        if let Some(hub) = lock(&self.hub).take() {
            lock(&hub.audience).members.remove(&self.number);
            hub.changed.notify_one();
        }
    }

    /// Moves this client from its own stream to a shared one, as soon as the own one has brought it
    /// as far as the shared one is.
    ///
    /// This happens under the shared stream's lock, so that whatever comes later reaches the
    /// newcomer, and whatever came before it has.
    fn merge_into(self: &Arc<Self>, shared: &Arc<Hub<K>>) -> Merge {
        let mut place = lock(&self.hub);
        let Some(own) = place.as_ref() else {
            return Merge::Done;
        };
        let mut audience = lock(&shared.audience);
        if audience.is_over {
            return Merge::Over;
        }
        let outbox = lock(&self.outbox);
        let is_behind = !outbox.position().reaches(&audience.position);
        let is_ahead = K::SHOWS_IDS && !audience.position.reaches(outbox.position());
        drop(outbox);
        if is_behind || is_ahead {
            return Merge::NotYet;
        }
        audience.members.insert(self.number, self.clone());
        drop(audience);
        lock(&own.audience).members.remove(&self.number);
        *place = Some(shared.clone());
        Merge::Done
    }
}

/// Whether a client has gone over to a shared stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merge {
    /// The client follows the shared stream, or has left.
    Done,
    /// The client is not as far as the shared stream, or ahead of it where that shows.
    NotYet,
    /// Nobody can follow the shared stream any more.
    Over,
}

impl<K: Kind> SlowReader for Subscriber<K> {
    fn let_go(&self) {
        lock(&self.outbox).abandon(self.kind.end(Reason::Unread));
        self.leave();
        self.let_go.notify_one();
        self.changed.notify_one();
    }
}

/// One upstream stream and its listeners.
struct Hub<K: Kind> {
    key: Option<String>,
    audience: Mutex<Audience<K>>,
    /// Notified when a listener leaves, or has room again.
    changed: Notify,
}

struct Audience<K: Kind> {
    members: BTreeMap<u64, Arc<Subscriber<K>>>,
    position: Position,
    last_id: Option<String>,
    is_over: bool,
}

impl<K: Kind> Hub<K> {
    fn new(key: Option<String>, first: &Arc<Subscriber<K>>, last_id: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            key,
            audience: Mutex::new(Audience {
                members: BTreeMap::from([(first.number, first.clone())]),
                position: lock(&first.outbox).position().clone(),
                last_id,
                is_over: false,
            }),
            changed: Notify::new(),
        })
    }

    /// Passes on one message; `false` when all listeners have it already.
    fn deliver(&self, delivery: &Delivery<K::Message>, last_id: Option<String>) -> bool {
        let mut audience = lock(&self.audience);
        if let Some(id) = &delivery.id {
            if !audience.position.advance(id) {
                return false;
            }
            audience.last_id = last_id;
        }
        // Whoever is cut, and yet to notice, must not set the pace for the others.
        let members = &mut audience.members;
        members.retain(|_, member| member.deliver(delivery));
        delivery.id.is_some()
    }

    /// Ends the stream for everybody.
    fn close(&self, end: &K::End) {
        let mut audience = lock(&self.audience);
        audience.is_over = true;
        for member in std::mem::take(&mut audience.members).into_values() {
            member.close(end.clone());
        }
    }

    /// Ends the stream for one of its listeners.
    fn dismiss(&self, member: &Subscriber<K>, end: K::End) {
        lock(&self.audience).members.remove(&member.number);
        member.close(end);
    }

    fn is_over(&self) -> bool {
        lock(&self.audience).is_over
    }

    /// Ends the stream if nobody listens; nobody can join after that.
    fn end_if_unused(&self) -> bool {
        let mut audience = lock(&self.audience);
        audience.is_over |= audience.members.is_empty();
        audience.is_over
    }

    async fn wait_until_unused(&self) {
        while !self.end_if_unused() {
            self.changed.notified().await;
        }
    }

    /// Waits until somebody can take more: all of them together are as slow as the fastest. False
    /// when nobody listens any more.
    async fn wait_for_room(&self) -> bool {
        let is_stuck = || {
            let audience = lock(&self.audience);
            audience.members.values().all(|member| member.is_full())
        };
        loop {
            if self.end_if_unused() {
                return false;
            }
            if !is_stuck() {
                return true;
            }
            self.changed.notified().await;
        }
    }

    /// The credentials for the next request (the most recently authorised), and the position to
    /// resume after.
    fn resume_credentials(&self) -> Option<(Arc<Subscriber<K>>, Option<String>)> {
        let audience = lock(&self.audience);
        let (_, member) = audience.members.last_key_value()?;
        Some((member.clone(), audience.last_id.clone()))
    }
}

/// Takes room for an answer of the application; it is free again when what is returned is dropped.
pub(crate) type TakeRoom = Box<dyn Fn() -> Option<Box<dyn Send>> + Send + Sync>;

/// The upstream streams of one kind, by their keys.
pub(crate) struct Streams<K: Kind> {
    pub(crate) kind: Arc<K>,
    pub(crate) times: Times,
    pub(crate) metrics: Arc<Metrics>,
    /// Takes room for one more answer of the application, if there is any.
    room: TakeRoom,
    shared: Mutex<HashMap<String, Arc<Hub<K>>>>,
}

/// An answer that has been accepted as a stream.
pub(crate) struct AcceptedStream<K: Kind> {
    /// Streams of equal keys may be shared.
    pub(crate) key: Option<String>,
    /// Whether others may follow this answer; else its client can only join what others follow.
    pub(crate) may_lead: bool,
    /// Whether it is known what its client has; else it shares no stream until that shows.
    pub(crate) is_placed: bool,
    /// The id that the answer begins after, if it says so.
    pub(crate) last_id: Option<String>,
    /// Whether the edge offered to park the stream.
    pub(crate) may_park: bool,
    pub(crate) stream: EventStream,
    pub(crate) reader: K::Reader,
}

impl<K: Kind> Streams<K> {
    pub(crate) fn new(
        kind: Arc<K>,
        times: Times,
        metrics: Arc<Metrics>,
        room: TakeRoom,
    ) -> Arc<Self> {
        Arc::new(Self {
            room,
            kind,
            times,
            metrics,
            shared: Mutex::default(),
        })
    }

    /// Delivers a stream that was just accepted to its subscriber, or lets it join the stream that
    /// is there already. `permit` is held as long as the answer is read, and lingers when the
    /// client leaves it, not when it goes over to another stream or is parked: an application
    /// notices that as soon as a client goes, and a crowd that comes at the same moment needs the
    /// room.
    pub(crate) fn attach(
        self: &Arc<Self>,
        subscriber: &Arc<Subscriber<K>>,
        answer: AcceptedStream<K>,
        permit: Linger<impl Send + 'static>,
    ) {
        let hub = Hub::new(answer.key, subscriber, answer.last_id);
        *lock(&subscriber.hub) = Some(hub.clone());
        let newcomer = Newcomer {
            subscriber: subscriber.clone(),
            may_lead: answer.may_lead,
        };
        let (mut join, unplaced) = match answer.is_placed {
            true => (self.find_place(&hub, newcomer), None),
            false => (None, Some(newcomer)),
        };
        if K::JOINS_AT_ONCE && self.joins(&hub, &mut join) {
            return;
        }
        let feed = Feed {
            hub,
            join,
            unplaced,
            streams: self.clone(),
            reader: answer.reader,
            may_park: answer.may_park,
            last_delivery: Instant::now(),
        };
        tokio::spawn(feed.run(answer.stream, permit));
    }

    /// The stream of the same key that a newcomer is to join, if there is one; else others may join
    /// its own.
    fn find_place(&self, own: &Arc<Hub<K>>, newcomer: Newcomer<K>) -> Option<Joining<K>> {
        let key = own.key.as_ref()?;
        let mut shared = lock(&self.shared);
        if let Some(hub) = shared.get(key).filter(|hub| !hub.is_over()).cloned() {
            return Some(Joining { hub, newcomer });
        }
        if newcomer.may_lead {
            shared.insert(key.clone(), own.clone());
        }
        None
    }

    /// Lets a listener go over to the shared stream that it waits for, if it is as far; when that
    /// stream is over, another takes its place. True when the listener needs its own no more.
    fn joins(&self, own: &Arc<Hub<K>>, join: &mut Option<Joining<K>>) -> bool {
        let Some(Joining { hub, newcomer }) = join.take() else {
            return false;
        };
        match newcomer.subscriber.merge_into(&hub) {
            Merge::Done => return true,
            Merge::NotYet => *join = Some(Joining { hub, newcomer }),
            Merge::Over => *join = self.find_place(own, newcomer),
        }
        false
    }

    /// Lets a listener go on with an answer that is on a stream of another key than those it shared
    /// one with. False when there is no room for the answer.
    fn move_on(self: &Arc<Self>, member: &Arc<Subscriber<K>>, answer: AcceptedStream<K>) -> bool {
        let Some(room) = (self.room)() else {
            return false;
        };
        member.leave();
        self.attach(member, answer, Linger::new(room, Duration::ZERO));
        // It may have gone while it was asked for, or since.
        if member.is_gone.load(Ordering::SeqCst) {
            member.leave();
        }
        true
    }

    fn forget(&self, hub: &Arc<Hub<K>>) {
        if let Some(key) = &hub.key {
            let mut shared = lock(&self.shared);
            if shared.get(key).is_some_and(|there| Arc::ptr_eq(there, hub)) {
                shared.remove(key);
            }
        }
    }
}

/// A listener that has begun to follow a stream of its own.
struct Newcomer<K: Kind> {
    subscriber: Arc<Subscriber<K>>,
    may_lead: bool,
}

/// A listener that leaves its own stream for a shared one.
struct Joining<K: Kind> {
    hub: Arc<Hub<K>>,
    newcomer: Newcomer<K>,
}

/// The task that reads one upstream stream.
struct Feed<K: Kind> {
    hub: Arc<Hub<K>>,
    /// The stream that this one's listener joins when it has come far enough.
    join: Option<Joining<K>>,
    /// The listener, while it is not known what its client has.
    unplaced: Option<Newcomer<K>>,
    streams: Arc<Streams<K>>,
    reader: K::Reader,
    /// Whether the answer that is read may be parked.
    may_park: bool,
    /// Time of the last message to the listeners.
    last_delivery: Instant,
}

/// Why a stream is read no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The listener follows another stream.
    Joined,
    /// The stream has ended, or nobody listens any more.
    Ended,
}

/// The reasons why reading a stream stopped.
enum Stopped {
    /// No listener needs this stream any more.
    Over(Over),
    /// The stream broke off; `healthy` when it had brought a message or lasted.
    Lost { healthy: bool },
    /// The application parks the stream; `news` when it had brought a message.
    Parked { parked: Parked, news: bool },
}

/// The reasons why a block is the last that is read of a stream.
enum Last {
    Over(Over),
    Parked(Parked),
}

impl<K: Kind> Feed<K> {
    async fn run(mut self, mut stream: EventStream, permit: Linger<impl Send + 'static>) {
        let mut permit = Some(permit);
        let mut room = None;
        let mut backoff: Option<Backoff> = None;
        // Number of times in a row that the stream was parked and opened without news.
        let mut fruitless = 0;
        let over = loop {
            let healthy = match self.follow(stream).await {
                Stopped::Over(over) => break over,
                Stopped::Lost { healthy } => {
                    K::lost(&self.streams.metrics).inc();
                    if healthy {
                        fruitless = 0;
                    }
                    healthy
                }
                Stopped::Parked { parked, news } => {
                    // The answer has ended, and others have room.
                    if let Some(permit) = permit.take() {
                        permit.over();
                    }
                    drop(room.take());
                    let since = Instant::now();
                    room = match self.keep(parked, fruitless).await {
                        Ok(taken) => Some(taken),
                        Err(over) => break over,
                    };
                    fruitless = match news || since.elapsed() >= self.streams.times.retry_longest {
                        true => 0,
                        false => fruitless + 1,
                    };
                    true
                }
            };
            if healthy {
                backoff = None;
            }
            let backoff = backoff.get_or_insert_with(|| Backoff::new(&self.streams.times));
            let may_park = fruitless < MAX_FRUITLESS;
            match self.resume(backoff, may_park).await {
                Some(answer) => {
                    self.streams.kind.go_on(&mut self.reader, answer.ends);
                    (stream, self.may_park) = (answer.stream, answer.may_park);
                }
                None => break Over::Ended,
            }
        };
        self.streams.forget(&self.hub);
        if over == Over::Joined
            && let Some(permit) = permit
        {
            permit.over();
        }
    }

    async fn follow(&mut self, mut stream: EventStream) -> Stopped {
        let since = Instant::now();
        let silence = self.streams.kind.silence(&self.streams.times);
        let mut healthy = false;
        loop {
            if K::WAITS_FOR_READERS && !self.hub.wait_for_room().await {
                return Stopped::Over(Over::Ended);
            }
            let next = {
                let mut next = std::pin::pin!(stream.next(silence));
                loop {
                    select! {
                        () = self.hub.wait_until_unused() => return Stopped::Over(Over::Ended),
                        next = &mut next => break next,
                        () = sleep(JOIN_PAUSE), if self.join.is_some() => {
                            if self.streams.joins(&self.hub, &mut self.join) {
                                return Stopped::Over(Over::Joined);
                            }
                        }
                    }
                }
            };
            let is_clean = next == Next::Ended;
            match next {
                Next::Block(block) => match self.pass_on(&block) {
                    Ok(news) => healthy |= news,
                    Err(Last::Over(over)) => return Stopped::Over(over),
                    Err(Last::Parked(parked)) => {
                        return Stopped::Parked {
                            parked,
                            news: healthy,
                        };
                    }
                },
                Next::Ended | Next::Cut(_) => {
                    if let Some(end) = self.streams.kind.ended(&mut self.reader, is_clean) {
                        self.hub.close(&end);
                        return Stopped::Over(Over::Ended);
                    }
                    healthy |= since.elapsed() >= self.streams.times.retry_longest;
                    return Stopped::Lost { healthy };
                }
            }
        }
    }

    /// Passes a block of the stream on, and tells whether it held a new message; an error when the
    /// stream is over with it, or has nothing more to say for now.
    fn pass_on(&mut self, block: &Block) -> Result<bool, Last> {
        let news = match self
            .streams
            .kind
            .read(&mut self.reader, block, self.may_park)
        {
            BlockContent::Nothing => false,
            BlockContent::Delivery(delivery, id) => {
                self.last_delivery = Instant::now();
                let shows_place = id.as_deref().is_some_and(shows_place);
                let news = self.hub.deliver(&delivery, id);
                if shows_place && let Some(newcomer) = self.unplaced.take() {
                    self.join = self.streams.find_place(&self.hub, newcomer);
                }
                news
            }
            BlockContent::End(end) => {
                self.hub.close(&end);
                return Err(Last::Over(Over::Ended));
            }
            BlockContent::Parked(parked) => return Err(Last::Parked(parked)),
        };
        match self.streams.joins(&self.hub, &mut self.join) {
            true => Err(Last::Over(Over::Joined)),
            false => Ok(news),
        }
    }

    /// Keeps the stream without an answer of the application, until that says that there may be
    /// news: then it is to be resumed, with the room that is returned.
    async fn keep(&mut self, mut parked: Parked, fruitless: u32) -> Result<Box<dyn Send>, Over> {
        let streams = self.streams.clone();
        let parking = streams.kind.parking();
        let pause = loop {
            match self.while_parked(parking.keep(parked)).await? {
                Verdict::Stay(next) => {
                    for block in Block::all_of(&next.say) {
                        if let Err(Last::Over(over)) = self.pass_on(&block) {
                            return Err(over);
                        }
                    }
                    parked = next;
                }
                Verdict::Open(pause) => break pause,
                Verdict::GivenUp => {
                    self.hub.close(&streams.kind.end(Reason::GivenUp));
                    return Err(Over::Ended);
                }
            }
        };
        // A stream that was opened without news is opened more slowly each time.
        let slower = streams.times.retry_first * (2_u32.pow(fruitless.min(6)) - 1);
        self.while_parked(sleep(pause + slower.min(streams.times.retry_longest)))
            .await?;
        let room = loop {
            if let Some(room) = (streams.room)() {
                break room;
            }
            self.while_parked(sleep(ROOM_PAUSE.mul_f64(0.5 + fastrand::f64())))
                .await?;
        };
        // As of a stream that was cut: what its beginning tells has been told.
        match streams.kind.ended(&mut self.reader, false) {
            None => Ok(room),
            Some(end) => {
                self.hub.close(&end);
                Err(Over::Ended)
            }
        }
    }

    /// Waits for something while the stream is parked. Meanwhile its listeners get keep-alives,
    /// join another stream, or leave.
    async fn while_parked<T>(&mut self, something: impl Future<Output = T>) -> Result<T, Over> {
        let Self {
            hub,
            streams,
            join,
            last_delivery,
            ..
        } = self;
        let waiting = async {
            let mut something = std::pin::pin!(something);
            loop {
                select! {
                    () = hub.wait_until_unused() => return Err(Over::Ended),
                    done = &mut something => return Ok(done),
                    () = sleep(JOIN_PAUSE), if join.is_some() => {
                        if streams.joins(hub, join) {
                            return Err(Over::Joined);
                        }
                    }
                }
            }
        };
        with_keep_alives(hub, streams, last_delivery, waiting).await
    }

    /// Asks for the rest until there is an answer or the time for retries is over; the listeners
    /// get keep-alives meanwhile.
    async fn resume(&mut self, backoff: &mut Backoff, may_park: bool) -> Option<Continuation> {
        let Self {
            hub,
            streams,
            last_delivery,
            ..
        } = self;
        let asking = ask(hub, streams, backoff, may_park);
        with_keep_alives(hub, streams, last_delivery, asking).await
    }
}

/// Whether the id of an event shows how far the client is of whom only that was not known: not if
/// it lists positions in several subjects, for the event is news of one.
fn shows_place(id: &str) -> bool {
    !id.contains(',')
}

/// Waits for something; the listeners get keep-alives meanwhile.
async fn with_keep_alives<K: Kind, T>(
    hub: &Hub<K>,
    streams: &Streams<K>,
    last_delivery: &mut Instant,
    something: impl Future<Output = T>,
) -> T {
    let mut something = std::pin::pin!(something);
    let Some(beat) = streams.kind.keep_alive() else {
        return something.await;
    };
    loop {
        select! {
            done = &mut something => return done,
            () = sleep_until(*last_delivery + streams.times.heartbeat) => {
                hub.deliver(&beat, None);
                *last_delivery = Instant::now();
            }
        }
    }
}

async fn ask<K: Kind>(
    hub: &Hub<K>,
    streams: &Arc<Streams<K>>,
    backoff: &mut Backoff,
    may_park: bool,
) -> Option<Continuation> {
    let kind = &streams.kind;
    loop {
        let in_time = select! {
            () = hub.wait_until_unused() => return None,
            in_time = backoff.wait() => in_time,
        };
        if !in_time {
            hub.close(&kind.end(Reason::GivenUp));
            return None;
        }
        // Each listener resumes with its own credentials: whose were refused is out, and the next
        // one tries.
        while let Some((member, last_id)) = hub.resume_credentials() {
            let (key, last_id) = (hub.key.as_deref(), last_id.as_deref());
            let asked = kind.resume(&member.request, key, last_id, may_park);
            let resumed = select! {
                () = hub.wait_until_unused() => return None,
                resumed = tokio::time::timeout_at(backoff.deadline(), asked) => resumed,
            };
            match resumed {
                Ok(Resumed::Stream(answer)) => return Some(answer),
                // Whether that is true of the others, too, only their own requests tell.
                Ok(Resumed::Moved(answer)) => {
                    if !streams.move_on(&member, *answer) {
                        break;
                    }
                }
                Ok(Resumed::Over) => {
                    hub.close(&kind.end(Reason::Over));
                    return None;
                }
                Ok(Resumed::Refused) => hub.dismiss(&member, kind.end(Reason::Refused)),
                Ok(Resumed::Unavailable) | Err(_) => break,
            }
        }
    }
}
