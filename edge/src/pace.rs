//! Detection of readers that are gone, as against slow ones.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that notices when its peer takes what was stuck: bytes that leave a full send
/// buffer have been received.
pub(crate) struct Paced<S> {
    inner: S,
    stuck: bool,
    moved: bool,
    taken: usize,
}

impl<S> Paced<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            stuck: false,
            moved: false,
            taken: 0,
        }
    }

    /// Whether the peer has taken anything since this was last asked.
    pub(crate) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Number of bytes that the peer has made room for since this was last asked.
    pub(crate) fn taken(&mut self) -> usize {
        std::mem::take(&mut self.taken)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let was_stuck = std::mem::replace(&mut self.stuck, true);
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.stuck = false;
        self.moved |= was_stuck;
        self.taken += if was_stuck { written } else { 0 };
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
