//! One WebSocket, from its upgrade to its end.

use crate::{
    backoff::Backoff,
    config::{Limits, Times},
    hub::Subscriber,
    metrics::{Closed, Label, Metrics, Traffic, counted_code},
    outbox::Outgoing,
    pace::Paced,
    room::Room,
    session::{Instruction, Relay, Unposted, close},
};
use futures::{Sink, Stream, future::BoxFuture};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    select,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

/// Size of a socket's read buffer in bytes: ten thousand idle sockets have as many of these, and
/// client messages are short.
const READ_BUFFER: usize = 1024;

/// Bytes a second that a client must take of a large message, after [`LARGE_MESSAGE_GRACE`].
const SLOWEST_READER: u64 = 64 * 1024;
const LARGE_MESSAGE_GRACE: Duration = Duration::from_secs(15);

/// The parts that a socket needs beside its connection.
pub(crate) struct Socket {
    pub(crate) subscriber: Arc<Subscriber<Relay>>,
    pub(crate) relay: Arc<Relay>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) label: Label,
    pub(crate) limits: Limits,
    pub(crate) times: Times,
    pub(crate) shutdown: CancellationToken,
}

/// The latest thing to happen on a socket's connection.
enum SocketEvent {
    Received(Message),
    Flushed,
    Failed(tungstenite::Error),
    Gone,
}

/// A socket whose last message has been sent, and the time until which its client may close it.
struct Closing {
    frame: CloseFrame,
    until: Instant,
}

/// The way in which a socket ends.
enum End {
    /// The edge closes the socket, and its connection can still be read.
    Close(CloseFrame),
    /// The edge closes the socket because what the client sent cannot be read further.
    Unreadable(CloseFrame),
    /// The client closed the socket, with this code.
    Closed(u16),
    /// The connection is gone: there is nothing left to close.
    Gone,
}

struct SocketConnection<S> {
    ws: WebSocketStream<Paced<S>>,
    unflushed: bool,
    /// The room that a large message holds until it has left, and the time by which it must have.
    leaving: Option<(Room, Instant)>,
    traffic: Count,
}

/// Counters looked up once for each socket, not for each message.
struct Count {
    messages_in: prometheus_client::metrics::counter::Counter,
    messages_out: prometheus_client::metrics::counter::Counter,
    bytes_in: prometheus_client::metrics::counter::Counter,
    bytes_out: prometheus_client::metrics::counter::Counter,
}

impl Count {
    fn new(metrics: &Metrics, label: &Label) -> Self {
        let traffic = |direction| Traffic {
            label: label.label.clone(),
            direction,
        };
        Self {
            messages_in: metrics.messages.get_or_create_owned(&traffic("in")),
            messages_out: metrics.messages.get_or_create_owned(&traffic("out")),
            bytes_in: metrics.bytes.get_or_create_owned(&traffic("in")),
            bytes_out: metrics.bytes.get_or_create_owned(&traffic("out")),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> SocketConnection<S> {
    fn send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        if message.is_text() || message.is_binary() {
            self.traffic.messages_out.inc();
            self.traffic.bytes_out.inc_by(message.len() as u64);
        }
        self.unflushed = true;
        Pin::new(&mut self.ws).start_send(message)
    }

    /// Reads and writes at the same time, so that a client that is slow to read is still heard.
    fn poll_event(&mut self, reading: bool, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        if reading {
            match Pin::new(&mut self.ws).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    return Poll::Ready(SocketEvent::Received(message));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(SocketEvent::Failed(error)),
                Poll::Ready(None) => return Poll::Ready(SocketEvent::Gone),
                Poll::Pending => {}
            }
        }
        if self.unflushed {
            let flushed = Pin::new(&mut self.ws).poll_flush(cx);
            let taken = self.ws.get_mut().taken();
            if let Some((room, _)) = &self.leaving {
                room.note_taken(taken);
            }
            match flushed {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    self.leaving = None;
                    return Poll::Ready(SocketEvent::Flushed);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(SocketEvent::Failed(error)),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    async fn next_event(&mut self, reading: bool) -> SocketEvent {
        poll_fn(|cx| self.poll_event(reading, cx)).await
    }
}

/// The time by which a large message must have left, so that no client holds its memory for ever.
fn leaves_by(message: &Message) -> Instant {
    let time = Duration::from_secs(message.len() as u64 / SLOWEST_READER);
    Instant::now() + LARGE_MESSAGE_GRACE + time
}

fn failure(error: &tungstenite::Error) -> End {
    match error {
        tungstenite::Error::Capacity(_) => {
            End::Unreadable(close(CloseCode::Size, "message too big"))
        }
        tungstenite::Error::Utf8(_) => End::Unreadable(close(CloseCode::Invalid, "not UTF-8")),
        tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => End::Gone,
        tungstenite::Error::Protocol(_) => {
            End::Unreadable(close(CloseCode::Protocol, "protocol error"))
        }
        _ => End::Gone,
    }
}

impl Socket {
    /// Serves the socket until it has ended. `already_read` is what came after the handshake in the
    /// same packets.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, io: S, already_read: Vec<u8>) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(self.limits.message_bytes))
            .max_frame_size(Some(self.limits.message_bytes));
        let ws = WebSocketStream::from_partially_read(
            Paced::new(io),
            already_read,
            Role::Server,
            Some(config),
        )
        .await;
        let began = Instant::now();
        let open = self.metrics.sockets_open.get_or_create_owned(&self.label);
        open.inc();
        self.metrics.sockets.get_or_create(&self.label).inc();
        let mut connection = SocketConnection {
            ws,
            unflushed: false,
            leaving: None,
            traffic: Count::new(&self.metrics, &self.label),
        };
        let end = self.exchange_messages(&mut connection).await;
        self.subscriber.go();
        let code = self.finish(connection, end).await;
        open.dec();
        self.metrics
            .closes
            .get_or_create(&Closed {
                label: self.label.label.clone(),
                code: counted_code(code),
            })
            .inc();
        self.metrics
            .durations
            .get_or_create(&self.label)
            .observe(began.elapsed().as_secs_f64());
    }

    async fn exchange_messages<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut SocketConnection<S>,
    ) -> End {
        let mut waiting: VecDeque<Message> = VecDeque::new();
        let mut posting: Option<BoxFuture<'static, Result<Vec<Instruction>, CloseFrame>>> = None;
        let mut last_heard = Instant::now();
        let mut next_ping = last_heard + self.times.ping;
        let mut closing: Option<Closing> = None;
        loop {
            if !connection.unflushed
                && closing.is_none()
                && let Some(outgoing) = self.subscriber.pop()
            {
                match outgoing {
                    Outgoing::Close(frame) if frame.code == CloseCode::Normal => {
                        let until = Instant::now() + self.times.linger;
                        closing = Some(Closing { frame, until });
                    }
                    Outgoing::Close(frame) => return End::Close(frame),
                    Outgoing::Message(message, room) => {
                        connection.leaving = room.map(|room| (room, leaves_by(&message)));
                        if let Err(error) = connection.send(message) {
                            return failure(&error);
                        }
                    }
                }
            }
            if posting.is_none()
                && let Some(message) = waiting.pop_front()
            {
                posting = Some(Box::pin(self.poster().post(message)));
            }
            let reading = waiting.len() < self.limits.waiting_messages;
            // A client that is not read cannot be heard; its time does not run.
            let silent_since = if reading { last_heard } else { Instant::now() };
            let mut wake = next_ping.min(silent_since + self.times.silence);
            if let Some(closing) = &closing {
                wake = wake.min(closing.until);
            }
            if let Some((_, by)) = connection.leaving {
                wake = wake.min(by);
            }
            let idle = !connection.unflushed;
            select! {
                progress = connection.next_event(reading) => match progress {
                    SocketEvent::Received(message) => {
                        last_heard = Instant::now();
                        match message {
                            Message::Close(frame) => {
                                return End::Closed(frame.map_or(1005, |frame| frame.code.into()));
                            }
                            // The answer is queued inside; flushing sends it.
                            Message::Ping(_) => connection.unflushed = true,
                            Message::Text(_) | Message::Binary(_) => {
                                connection.traffic.messages_in.inc();
                                connection.traffic.bytes_in.inc_by(message.len() as u64);
                                waiting.push_back(message);
                            }
                            Message::Pong(_) | Message::Frame(_) => {}
                        }
                    }
                    SocketEvent::Flushed => {}
                    SocketEvent::Failed(error) => return failure(&error),
                    SocketEvent::Gone => return End::Gone,
                },
                () = self.subscriber.changed(), if idle => {}
                answer = poll_fn(|cx| match &mut posting {
                    Some(posting) => posting.as_mut().poll(cx),
                    None => Poll::Pending,
                }) => {
                    posting = None;
                    if !reading {
                        last_heard = Instant::now();
                    }
                    match answer {
                        Ok(replies) if closing.is_some() => {
                            for instruction in replies {
                                match instruction {
                                    Instruction::Delivery(delivery) => {
                                        if let Err(error) = connection.send(delivery.message) {
                                            return failure(&error);
                                        }
                                    }
                                    Instruction::Close(frame) => return End::Close(frame),
                                    Instruction::Park(_) => {}
                                }
                            }
                        }
                        Ok(replies) => {
                            for instruction in &replies {
                                self.subscriber.follow(instruction);
                            }
                        }
                        Err(frame) if closing.is_some() => return End::Close(frame),
                        Err(frame) => self.subscriber.close(frame),
                    }
                }
                () = sleep_until(wake) => {
                    let now = Instant::now();
                    if let Some(closing) = closing.take_if(|closing| now >= closing.until) {
                        return End::Close(closing.frame);
                    }
                    if connection.leaving.as_ref().is_some_and(|(_, by)| *by <= now) {
                        tracing::debug!("a client takes a large message too slowly");
                        return End::Gone;
                    }
                    if connection.ws.get_mut().has_moved() {
                        last_heard = now;
                    }
                    if reading && now >= last_heard + self.times.silence {
                        tracing::debug!("a client was silent for too long");
                        return End::Gone;
                    }
                    if now >= next_ping {
                        next_ping = now + self.times.ping;
                        // While a message is stuck a ping would only queue up behind it.
                        if idle && let Err(error) = connection.send(Message::Ping(Vec::new().into())) {
                            return failure(&error);
                        }
                    }
                }
                () = self.subscriber.until_let_go() => return End::Gone,
                () = self.shutdown.cancelled() => {
                    return End::Close(close(CloseCode::Restart, "restart"));
                }
            }
        }
    }

    fn poster(&self) -> Poster {
        Poster {
            subscriber: self.subscriber.clone(),
            relay: self.relay.clone(),
            times: self.times.clone(),
        }
    }

    /// Closes what is left of the connection, and returns the code that the socket ended with.
    async fn finish<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut connection: SocketConnection<S>,
        end: End,
    ) -> u16 {
        let deadline = Instant::now() + self.times.close;
        let (frame, readable) = match end {
            End::Gone => return 1006,
            End::Closed(code) => {
                // tungstenite has queued the answering close; it goes out with this.
                connection.unflushed = true;
                let answered = async {
                    while connection.unflushed {
                        if let SocketEvent::Failed(_) | SocketEvent::Gone =
                            connection.next_event(false).await
                        {
                            break;
                        }
                    }
                    let _ = connection.ws.get_mut().shutdown().await;
                };
                self.until_let_go_or(deadline, answered).await;
                return code;
            }
            End::Close(frame) => (frame, true),
            End::Unreadable(frame) => (frame, false),
        };
        let code = frame.code.into();
        if connection.send(Message::Close(Some(frame))).is_err() {
            return code;
        }
        let closing = async {
            while readable || connection.unflushed {
                if let SocketEvent::Failed(_) | SocketEvent::Gone =
                    connection.next_event(readable).await
                {
                    break;
                }
            }
            let mut io = connection.ws.into_inner();
            let _ = io.shutdown().await;
            if !readable {
                // Closing a connection with unread bytes resets it, and the client would never see
                // the close frame.
                let mut unread = [0; 512];
                while io.read(&mut unread).await.is_ok_and(|n| n > 0) {}
            }
        };
        self.until_let_go_or(deadline, closing).await;
        code
    }

    /// Does something as long as there is time for it, and the client is not let go because what
    /// has yet to leave holds the room of others.
    async fn until_let_go_or(&self, deadline: Instant, something: impl Future<Output = ()>) {
        select! {
            _ = timeout_at(deadline, something) => {}
            () = self.subscriber.until_let_go() => {}
        }
    }
}

/// Posts one message, and repeats that until it succeeds or is refused.
struct Poster {
    subscriber: Arc<Subscriber<Relay>>,
    relay: Arc<Relay>,
    times: Times,
}

impl Poster {
    async fn post(self, message: Message) -> Result<Vec<Instruction>, CloseFrame> {
        let mut backoff = Backoff::new(&self.times);
        while backoff.wait().await {
            match self.relay.post(&self.subscriber.request, &message).await {
                Ok(replies) => return Ok(replies),
                Err(Unposted::Close(frame)) => return Err(frame),
                Err(Unposted::Later) => {}
            }
        }
        Err(close(CloseCode::Again, "try again later"))
    }
}
