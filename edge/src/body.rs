//! Bodies with a limit on silence, and bodies that hold a value until they are over.

use crate::upstream::{Body, BodyError};
use bytes::Bytes;
use http::{Response, header};
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
    /// The reader left before the end of the body.
    Abandoned,
}

/// A response that calls `ended` once, when its body is over.
pub fn when_over<E: 'static>(
    response: Response<UnsyncBoxBody<Bytes, E>>,
    ended: impl FnOnce(BodyEnd) + Send + 'static,
) -> Response<UnsyncBoxBody<Bytes, E>> {
    let length = response.headers().get(header::CONTENT_LENGTH);
    let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
    response.map(|body| {
        ObservedBody {
            body,
            left,
            ended: Some(Box::new(ended)),
        }
        .boxed_unsync()
    })
}

struct ObservedBody<E> {
    body: UnsyncBoxBody<Bytes, E>,
    /// Number of bytes that are still to come, where the head says how many there are: the reader
    /// then asks for no end after the last of them.
    left: Option<u64>,
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
        match &polled {
            Poll::Ready(None) => self.end(BodyEnd::Complete),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.left = self.left.map(|left| left.saturating_sub(bytes));
            }
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
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
        let is_whole = self.left == Some(0) || http_body::Body::is_end_stream(&self.body);
        let end = if is_whole {
            BodyEnd::Complete
        } else {
            BodyEnd::Abandoned
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::mpsc;

    use futures::stream;
    use http_body_util::StreamBody;

    use super::*;

    /// How a response ends whose reader takes so many frames of two bytes and leaves.
    async fn end_after(frames: usize, length: Option<&str>) -> BodyEnd {
        let frame = || Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"ab")));
        let body = StreamBody::new(stream::iter([frame(), frame()])).boxed_unsync();
        let mut response = Response::new(body);
        if let Some(length) = length {
            let length = length.parse().unwrap();
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length);
        }
        let (said, heard) = mpsc::channel();
        let mut body = when_over(response, move |end| said.send(end).unwrap()).into_body();
        for _ in 0..frames {
            let _ = body.frame().await;
        }
        drop(body);
        heard.recv().unwrap()
    }

    #[tokio::test]
    async fn a_response_is_complete_when_all_of_it_was_taken_that_its_head_announces() {
        for (frames, length, expected) in [
            (1, None, BodyEnd::Abandoned),
            (2, None, BodyEnd::Abandoned),
            (3, None, BodyEnd::Complete),
            (1, Some("4"), BodyEnd::Abandoned),
            (2, Some("4"), BodyEnd::Complete),
            (0, Some("0"), BodyEnd::Complete),
        ] {
            let end = end_after(frames, length).await;
            assert_eq!(end, expected, "{frames} of {length:?}");
        }
    }
}
