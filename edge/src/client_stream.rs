//! A client's connection that can be watched while its client is answered.
//!
//! A client may shut down its writing side after its request, and read on. One that has left looks
//! the same until something is written to it. So an answer is given a while to begin; one that has
//! begun goes on as long as it is taken. An event stream, which holds an instance of the
//! application and may be silent for long, ends at once.

use http::HeaderMap;
use socket2::SockRef;
use std::{
    io::{self, ErrorKind, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

/// Pause between two looks at a client that has sent more than was read.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A client's TCP connection. Clones are the same connection: one is served, another watched.
#[derive(Clone, Debug)]
pub struct ClientStream(Arc<TcpStream>);

impl ClientStream {
    /// Takes over an accepted connection.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    /// Waits until the client has shut down its writing side.
    async fn shut_down(&self) {
        while let Ok(ready) = self.0.ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                return;
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read_buf(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(drop)),
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write_vectored(slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match SockRef::from(&*self.0).shutdown(Shutdown::Write) {
            // The client was first.
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
            ended => ended,
        })
    }
}

/// What a client on a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// Nothing, or the rest of an answer: reading or writing shows that the client has left.
    Nothing,
    /// The beginning of an answer.
    Answer,
    /// Events.
    Events,
}

/// Whether the client of a connection is still there.
#[derive(Debug)]
pub struct Presence {
    stream: ClientStream,
    grace: Duration,
    awaits: watch::Sender<Awaits>,
}

impl Presence {
    /// Watches the client of `stream`; once it writes no more, an answer has `grace` to begin.
    #[must_use]
    pub fn of(stream: ClientStream, grace: Duration) -> Self {
        Self {
            stream,
            grace,
            awaits: watch::Sender::new(Awaits::Nothing),
        }
    }

    /// Notes that a request is there.
    pub fn asks(&self) {
        self.awaits.send_replace(Awaits::Answer);
    }

    /// Notes that the answer with this head begins.
    pub fn is_answered(&self, head: &HeaderMap) {
        self.awaits
            .send_replace(match admission::is_event_stream(head) {
                true => Awaits::Events,
                false => Awaits::Nothing,
            });
    }

    /// Waits until the client has left, as far as can be told.
    pub async fn left(&self) {
        self.stream.shut_down().await;
        let mut awaits = self.awaits.subscribe();
        loop {
            let now = *awaits.borrow_and_update();
            let changed = match now {
                Awaits::Events => return,
                Awaits::Answer => timeout(self.grace, awaits.changed()).await,
                Awaits::Nothing => Ok(awaits.changed().await),
            };
            if !matches!(changed, Ok(Ok(()))) {
                return;
            }
        }
    }
}
