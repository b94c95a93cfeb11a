//! Bodies that do not wait for ever.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

/// A body that breaks off when nothing of it has come for some time while it was waited for: a client's, whose handler
/// holds an instance, or a server's, for which a handler waits.
pub(crate) struct Patient<B> {
    body: B,
    patience: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl<B> Patient<B> {
    pub(crate) fn new(body: B, patience: Duration) -> Patient<B> {
        Patient {
            body,
            patience,
            silence: None,
        }
    }
}

impl<B> Body for Patient<B>
where
    B: Body<Data = Bytes, Error: Into<Error>> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silence = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let patience = self.patience;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        silence
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
