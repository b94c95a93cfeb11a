//! Traces of what the application does, for an OpenTelemetry collector: spans of requests, of the
//! runs of components that answer them, and of the requests that components send.
//!
//! A run is the child of the request that it answers, and the requests that it sends are its
//! children, among them those that start other runs. So the trace of one import is one tree. What
//! components log becomes events of their run's span.

mod export;
mod headers;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use serde_json::Value;

use self::export::{Exporter, Target};
pub(crate) use self::headers::TraceHeaders;
use crate::app::DRAIN;

/// Most bytes of a text in a span: thousands of spans wait for a collector that is down, and
/// clients say what is in them.
const LONGEST_TEXT: usize = 1_000;

/// The beginnings of traces, and the way of their spans to the collector.
///
/// Which requests have a trace, and how long spans are gathered, is what `OTEL_TRACES_SAMPLER` and
/// `OTEL_BSP_*` say; a request whose client has decided already has what it decided.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Exports spans of the application `name` to the `collector` of the command line, a URL below
    /// which it takes traces at `/v1/traces`, or to the one that OpenTelemetry's variables name, as
    /// `variable` tells them; `None` where neither does, or traces are switched off. Must be called
    /// within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// A variable that cannot be understood, or asks for what there is not: gRPC.
    pub fn export(
        name: &str,
        collector: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(target) = Target::read(collector, &variable)? else {
            return Ok(None);
        };
        if let Some(warning) = target.warning() {
            tracing::warn!("{warning}");
        }
        let exporter = Exporter::new(target).context("cannot export traces")?;
        let mut resource = Resource::builder();
        let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let named = variable("OTEL_SERVICE_NAME").unwrap_or_default();
        if named.is_empty() && !attributes.contains("service.name=") {
            resource = resource.with_service_name(name.to_owned());
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer("host");
        Ok(Some(Self { provider, tracer }))
    }

    /// Sends the spans that have ended and not been sent.
    pub async fn flush(&self) {
        let provider = self.provider.clone();
        let sent = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(DRAIN));
        if !matches!(sent.await, Ok(Ok(()))) {
            tracing::warn!("the last spans of traces could not be sent");
        }
    }

    /// The span of a request to the application, in the trace that it names, or one of its own.
    pub(crate) fn request(
        &self,
        method: &Method,
        path: &str,
        route: &str,
        named: Option<&TraceHeaders>,
    ) -> Span {
        let parent = Parent::of(named);
        // A name is one of few, whatever a client makes up.
        let (method, verb) = match method.as_str() {
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH" | "CONNECT"
            | "TRACE" => (method.as_str(), method.as_str()),
            _ => ("_OTHER", "HTTP"),
        };
        let attributes = vec![
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("url.path", shortened(path)),
        ];
        let name = format!("{verb} {route}");
        Span::start(&self.tracer, SpanKind::Server, name, &parent, attributes)
    }
}

/// A text for a span, without what is beyond [`LONGEST_TEXT`].
fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_TEXT)].to_owned()
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

/// A span under way, or nothing where nobody wants traces. It ends with its last clone at the
/// latest.
#[derive(Clone, Default)]
pub(crate) struct Span(Option<Begun>);

#[derive(Clone)]
struct Begun {
    tracer: SdkTracer,
    context: Context,
    /// What vendors have said of the trace.
    state: Option<HeaderValue>,
    /// Whether the span has its job's name: OpenTelemetry wants an attribute once.
    has_job: Arc<AtomicBool>,
}

/// What a span is below: a span here or elsewhere, or nothing.
struct Parent {
    context: Context,
    state: Option<HeaderValue>,
}

impl Parent {
    fn of(named: Option<&TraceHeaders>) -> Self {
        Self {
            context: named.map_or_else(Context::new, TraceHeaders::context),
            state: named.and_then(TraceHeaders::state).cloned(),
        }
    }
}

impl Begun {
    fn as_parent(&self) -> Parent {
        Parent {
            context: self.context.clone(),
            state: self.state.clone(),
        }
    }
}

impl Span {
    fn start(
        tracer: &SdkTracer,
        kind: SpanKind,
        name: String,
        parent: &Parent,
        attributes: Vec<KeyValue>,
    ) -> Self {
        let builder = tracer.span_builder(name).with_kind(kind);
        let builder = builder.with_attributes(attributes);
        let span = tracer.build_with_context(builder, &parent.context);
        Self(Some(Begun {
            tracer: tracer.clone(),
            context: Context::new().with_span(span),
            state: parent.state.clone(),
            has_job: Arc::default(),
        }))
    }

    /// The span of a run of a component that answers this request.
    pub(crate) fn run(&self, component: &str) -> Self {
        let Some(begun) = &self.0 else {
            return Self::default();
        };
        let attributes = vec![KeyValue::new("component.id", component.to_owned())];
        let name = format!("run {component}");
        Self::start(
            &begun.tracer,
            SpanKind::Internal,
            name,
            &begun.as_parent(),
            attributes,
        )
    }

    /// The span of a request that this run sends to `host`, which its headers then tell of.
    pub(crate) fn lookup(&self, method: &Method, host: &str, headers: &mut HeaderMap) -> Self {
        let Some(begun) = &self.0 else {
            return Self::default();
        };
        // A component may name a parent of its own.
        let parent = match TraceHeaders::read(headers) {
            Some(named) => Parent::of(Some(&named)),
            None => begun.as_parent(),
        };
        let host = if host.is_empty() { "self" } else { host };
        let attributes = vec![
            KeyValue::new("http.request.method", method.to_string()),
            KeyValue::new("server.address", host.to_owned()),
        ];
        let name = format!("{method} {host}");
        let span = Self::start(&begun.tracer, SpanKind::Client, name, &parent, attributes);
        span.write_into(headers);
        span
    }

    /// Writes the span into a request's headers: spans of whoever answers it have it as parent.
    pub(crate) fn write_into(&self, headers: &mut HeaderMap) {
        if let Some(begun) = &self.0 {
            let span = begun.context.span().span_context().clone();
            TraceHeaders::of(&span, begun.state.clone()).write_into(headers);
        }
    }

    /// Adds a line of a component's log as an event, if it is one.
    pub(crate) fn log(&self, line: &[u8]) {
        let Some(begun) = &self.0 else {
            return;
        };
        let span = begun.context.span();
        if !span.is_recording() || line.first() != Some(&b'{') {
            return;
        }
        let Ok(Value::Object(line)) = serde_json::from_slice(line) else {
            return;
        };
        let Some(event) = line.get("event").and_then(Value::as_str) else {
            return;
        };
        if let Some(job) = line.get("jobId").and_then(Value::as_str)
            && !begun.has_job.swap(true, Ordering::Relaxed)
        {
            span.set_attribute(KeyValue::new("job.id", shortened(job)));
        }
        let attributes = line.iter().filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) => shortened(text).into(),
                Value::Bool(flag) => (*flag).into(),
                Value::Number(number) => match number.as_i64() {
                    Some(number) => number.into(),
                    None => number.as_f64()?.into(),
                },
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            };
            (!matches!(name.as_str(), "event" | "traceId" | "component"))
                .then(|| KeyValue::new::<_, opentelemetry::Value>(name.clone(), value))
        });
        span.add_event(shortened(event), attributes.collect());
    }

    /// Ends the span with the status of a response. One that says that the server failed is an
    /// error, and to whoever sent the request, one that says that the request was wrong, too.
    pub(crate) fn answered(&self, status: StatusCode, is_own: bool) {
        let Some(begun) = &self.0 else {
            return;
        };
        let span = begun.context.span();
        let code = i64::from(status.as_u16());
        span.set_attribute(KeyValue::new("http.response.status_code", code));
        if status.is_server_error() || (is_own && status.is_client_error()) {
            span.set_attribute(KeyValue::new("error.type", code.to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }

    /// Ends the span of a request that has no whole answer: a head at most. `kind` is one of few.
    pub(crate) fn failed(
        &self,
        head: Option<StatusCode>,
        kind: &'static str,
        error: &dyn fmt::Display,
    ) {
        let Some(begun) = &self.0 else {
            return;
        };
        let span = begun.context.span();
        if let Some(status) = head {
            let code = i64::from(status.as_u16());
            span.set_attribute(KeyValue::new("http.response.status_code", code));
        }
        span.set_attribute(KeyValue::new("error.type", kind));
        self.end(Some(error));
    }

    /// Ends the span, as failed if there is an error.
    pub(crate) fn end(&self, error: Option<&dyn fmt::Display>) {
        let Some(begun) = &self.0 else {
            return;
        };
        let span = begun.context.span();
        if let Some(error) = error {
            span.set_status(Status::error(shortened(&error.to_string())));
        }
        span.end();
    }

    /// Whether there is a span at all.
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SpanData, SpanExporter};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    fn kept() -> (Traces, Kept) {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(kept.clone())
            .build();
        let tracer = provider.tracer("host");
        (Traces { provider, tracer }, kept)
    }

    #[test]
    fn a_span_is_small_whatever_a_client_sends() {
        let (traces, kept) = kept();
        let long = "\u{e9}".repeat(30_000);
        let method = Method::from_bytes("M".repeat(60_000).as_bytes()).unwrap();
        let span = traces.request(&method, &format!("/{long}"), "/...", None);
        let line = serde_json::json!({"event": "asked", "jobId": long, "note": long});
        span.log(line.to_string().as_bytes());
        span.end(Some(&long));
        let spans = kept.0.lock().unwrap();
        let [span] = &spans[..] else {
            panic!("{} spans", spans.len());
        };
        let events = span.events.iter();
        let values = events
            .flat_map(|event| &event.attributes)
            .chain(&span.attributes);
        let mut lengths: Vec<usize> = values.map(|one| one.value.as_str().len()).collect();
        lengths.push(span.name.len());
        if let Status::Error { description } = &span.status {
            lengths.push(description.len());
        }
        assert_eq!(lengths.len(), 8, "{span:?}");
        assert!(lengths.iter().all(|length| *length <= 2_000), "{lengths:?}");
        let method = KeyValue::new("http.request.method", "_OTHER");
        assert!(span.attributes.contains(&method));
    }
}
