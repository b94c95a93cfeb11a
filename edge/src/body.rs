//! Bodies with a limit on silence, and bodies that hold a value until they are over.

use crate::upstream::{Body, BodyError};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// Time of the last movement on a connection.
#[derive(Clone)]
pub(crate) struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub(crate) fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits until nothing has moved for this long.
    pub(crate) async fn silent_for(&self, silence: Duration) {
        loop {
            let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + silence;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A body that records when each part of it comes.
pub(crate) struct NotedBody<B> {
    pub(crate) inner: B,
    pub(crate) activity: Activity,
}

impl<B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin> http_body::Body for NotedBody<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_ready() {
            self.activity.touch();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The error when the other side of a body stopped sending.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {0:?}")]
pub(crate) struct Stalled(Duration);

/// A body that fails when no byte comes for too long.
pub(crate) struct IdleTimeoutBody {
    inner: Body,
    silence: Duration,
    timer: Pin<Box<Sleep>>,
}

impl IdleTimeoutBody {
    pub(crate) fn new(inner: Body, silence: Duration) -> Self {
        Self {
            inner,
            silence,
            timer: Box::pin(tokio::time::sleep(silence)),
        }
    }
}

impl http_body::Body for IdleTimeoutBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let silence = self.silence;
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.timer.as_mut().reset(Instant::now() + silence);
            return Poll::Ready(frame);
        }
        self.timer
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(BodyError::new(Stalled(silence)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The way in which a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// All of the body was taken.
    Complete,
    /// The reader left before.
    Abandoned,
}

/// A body that calls `ended` once, when it is over.
pub fn when_over<E: 'static>(
    body: UnsyncBoxBody<Bytes, E>,
    ended: impl FnOnce(BodyEnd) + Send + 'static,
) -> UnsyncBoxBody<Bytes, E> {
    ObservedBody {
        body,
        ended: Some(Box::new(ended)),
    }
    .boxed_unsync()
}

struct ObservedBody<E> {
    body: UnsyncBoxBody<Bytes, E>,
    ended: Option<Box<dyn FnOnce(BodyEnd) + Send>>,
}

impl<E> ObservedBody<E> {
    fn end(&mut self, end: BodyEnd) {
        if let Some(ended) = self.ended.take() {
            ended(end);
        }
    }
}

impl<E> http_body::Body for ObservedBody<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(None) = polled {
            self.end(BodyEnd::Complete);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<E> Drop for ObservedBody<E> {
    fn drop(&mut self) {
        let end = match http_body::Body::is_end_stream(&self.body) {
            true => BodyEnd::Complete,
            false => BodyEnd::Abandoned,
        };
        self.end(end);
    }
}

/// A value that is dropped a little later than its holder, unless [`Self::over`] was called.
pub(crate) struct Linger<T: Send + 'static> {
    held: Option<T>,
    longer: Duration,
}

impl<T: Send + 'static> Linger<T> {
    pub(crate) fn new(held: T, longer: Duration) -> Self {
        Self {
            held: Some(held),
            longer,
        }
    }

    /// Gives the value back: there is no need to hold it longer.
    pub(crate) fn over(mut self) -> Option<T> {
        self.held.take()
    }
}

impl<T: Send + 'static> Drop for Linger<T> {
    fn drop(&mut self) {
        let (held, longer) = (self.held.take(), self.longer);
        if longer.is_zero() {
            return;
        }
        if let (Some(held), Ok(runtime)) = (held, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                tokio::time::sleep(longer).await;
                drop(held);
            });
        }
    }
}
