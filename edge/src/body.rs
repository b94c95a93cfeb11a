//! Bodies that do not wait for ever.

use crate::upstream::{Body, BodyError};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// When something last moved.
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
    pub(crate) async fn ceased(&self, silence: Duration) {
        loop {
            let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + silence;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// The other side of a body stopped sending.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {0:?}")]
pub(crate) struct Stalled(Duration);

/// A body that fails when nothing comes for too long, and notes when something does.
pub(crate) struct IdleTimeoutBody {
    inner: Body,
    silence: Duration,
    timer: Pin<Box<Sleep>>,
    activity: Activity,
}

impl IdleTimeoutBody {
    pub(crate) fn new(inner: Body, silence: Duration, activity: Activity) -> Self {
        Self {
            inner,
            silence,
            timer: Box::pin(tokio::time::sleep(silence)),
            activity,
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
            self.activity.touch();
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
