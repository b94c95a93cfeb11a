//! A request of a component until it is over, whichever way that is.

use std::fmt::Display;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::App;
use crate::traces::Span;

/// A request that is under way. It is counted, and its span ends, once: with the end of its answer,
/// with an error, or when this is dropped, because the component waits no longer.
pub(super) struct Pending(Option<Begun>);

struct Begun {
    app: Arc<App>,
    span: Span,
    provider: Option<(String, Instant)>,
    status: Option<StatusCode>,
}

impl Pending {
    pub(super) fn new(app: Arc<App>, span: Span) -> Self {
        Self(Some(Begun {
            app,
            span,
            provider: None,
            status: None,
        }))
    }

    /// The request goes to the provider at this host and port, now.
    pub(super) fn goes_to(&mut self, provider: &str) {
        if let Some(begun) = &mut self.0 {
            begun.provider = Some((provider.to_owned(), Instant::now()));
        }
    }

    /// The head of the answer has come.
    pub(super) fn answered(&mut self, status: StatusCode) {
        if let Some(begun) = &mut self.0 {
            begun.status = Some(status);
        }
    }

    pub(super) fn failed(&mut self, error: &Error) {
        if let Some(begun) = self.0.take() {
            begun.count(None);
            begun.span.failed(begun.status, kind(error), error);
        }
    }

    fn whole(&mut self) {
        if let Some(begun) = self.0.take() {
            begun.count(begun.status);
            if let Some(status) = begun.status {
                begun.span.answered(status, true);
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(begun) = self.0.take() else {
            return;
        };
        begun.count(None);
        // A run that works before it answers is not waited for.
        if begun.provider.is_some() {
            let why: &dyn Display = &"the component waits no longer";
            begun.span.failed(begun.status, "canceled", why);
        }
    }
}

impl Begun {
    fn count(&self, status: Option<StatusCode>) {
        if let Some((provider, asked)) = &self.provider {
            let status = status.map(|status| status.as_u16());
            let metrics = self.app.metrics();
            metrics.outbound(provider, status, asked.elapsed());
        }
    }
}

/// The kind of an error, of few: OpenTelemetry's `error.type`.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::ConnectionTimeout | Error::ConnectionReadTimeout => "timeout",
        Error::ConnectionRefused => "connection_refused",
        Error::ConnectionTerminated => "connection_terminated",
        Error::DnsError { .. } => "name_resolution_error",
        Error::TlsCertificateError | Error::TlsProtocolError => "tls_error",
        Error::HttpProtocolError => "http_protocol_error",
        Error::HttpRequestDenied | Error::ConnectionLimitReached => "denied",
        // OpenTelemetry's name for what has none.
        _ => "_OTHER",
    }
}

/// The body of an answer, with whose end the request is over.
pub(super) struct AnswerBody {
    body: WasiBody,
    pending: Pending,
}

impl AnswerBody {
    pub(super) fn new(body: WasiBody, mut pending: Pending) -> Self {
        if body.is_end_stream() {
            pending.whole();
        }
        Self { body, pending }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Err(error))) => self.pending.failed(error),
            Poll::Ready(None) => self.pending.whole(),
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.pending.whole(),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
