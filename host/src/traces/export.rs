//! The way to the collector: OTLP over HTTP, in the JSON that Protocol Buffers define.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Where spans go, and how long that may take.
#[derive(Debug, PartialEq)]
pub(super) struct Target {
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
    /// Whether that is what the variables ask for, or say nothing against.
    speaks_json: bool,
}

impl Target {
    /// Reads the settings of OpenTelemetry's variables. Those for traces alone win, and the
    /// `collector` of the command line, a URL below which traces are taken, wins over their
    /// addresses. `None`: nobody wants traces.
    pub(super) fn read(
        collector: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<Self>> {
        // To OpenTelemetry an empty variable is none.
        let read = |name: &str| variable(name).filter(|value| !value.is_empty());
        let set = |name: &str| {
            read(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
                .or_else(|| read(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let below = |url: &str| format!("{}/v1/traces", url.trim_end_matches('/'));
        let address = collector
            .filter(|collector| !collector.is_empty())
            .map(below)
            .or_else(|| read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
            .or_else(|| read("OTEL_EXPORTER_OTLP_ENDPOINT").map(|url| below(&url)));
        let is_off = read("OTEL_SDK_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true"));
        let exporter = read("OTEL_TRACES_EXPORTER").unwrap_or_else(|| "otlp".to_owned());
        let Some(address) = address.filter(|_| !is_off && exporter != "none") else {
            return Ok(None);
        };
        if exporter != "otlp" {
            bail!("OTEL_TRACES_EXPORTER is {exporter}: the host exports by otlp, or with none not");
        }
        let uri = address
            .parse::<Uri>()
            .ok()
            .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
            .with_context(|| {
                format!("the endpoint for OTLP is no http:// or https:// URL: {address}")
            })?;
        let speaks_json = match set("PROTOCOL").as_deref() {
            None | Some("http/json") => true,
            // Nearly every collector takes both, at the same address.
            Some("http/protobuf") => false,
            Some(other) => {
                bail!("OTEL_EXPORTER_OTLP_PROTOCOL is {other}: the host speaks http/json")
            }
        };
        let timeout = match set("TIMEOUT") {
            None => Duration::from_secs(10),
            Some(millis) => Duration::from_millis(
                millis
                    .parse()
                    .context("OTEL_EXPORTER_OTLP_TIMEOUT is no number of milliseconds")?,
            ),
        };
        let mut headers = HeaderMap::new();
        for header in set("HEADERS").unwrap_or_default().split(',') {
            if header.trim().is_empty() {
                continue;
            }
            // They may hold secrets, which are not for the log.
            let invalid = "OTEL_EXPORTER_OTLP_HEADERS is no list of name=value";
            let (name, value) = header.split_once('=').context(invalid)?;
            let value = percent_decode_str(value.trim()).collect::<Vec<u8>>();
            headers.insert(
                HeaderName::try_from(name.trim()).context(invalid)?,
                HeaderValue::from_bytes(&value).context(invalid)?,
            );
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Some(Self {
            uri,
            headers,
            timeout,
            speaks_json,
        }))
    }

    /// The warning that is due when another protocol is asked for than is spoken.
    pub(super) fn warning(&self) -> Option<String> {
        (!self.speaks_json).then(|| {
            let uri = &self.uri;
            format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf, but the host sends http/json to \
                 {uri}: most collectors take it there, too"
            )
        })
    }
}

/// Sends spans to a collector.
#[derive(Debug)]
pub(super) struct Exporter {
    target: Target,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Spans are exported by a thread that is none of the runtime's.
    runtime: Handle,
    resource: Json,
    /// Whether the last export failed, so that a collector that is down is logged once.
    has_failed: Arc<AtomicBool>,
}

impl Exporter {
    pub(super) fn new(target: Target) -> anyhow::Result<Self> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            target,
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime: Handle::current(),
            resource: json!({}),
            has_failed: Arc::default(),
        })
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let body = request(&self.resource, &batch).to_string();
        let mut request = Request::post(self.target.uri.clone());
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.target.headers);
        }
        let request = request
            .body(Full::from(body))
            .map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?;
        let sent = self.client.request(request);
        let sent = self.runtime.spawn(outcome(sent, self.target.timeout)).await;
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(ended) => Some(ended.to_string()),
        };
        let had_failed = self.has_failed.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            None => Ok(()),
            Some(failure) => {
                if !had_failed {
                    tracing::warn!("the collector of traces takes none: {failure}");
                }
                Err(OTelSdkError::InternalFailure(failure))
            }
        }
    }

    fn set_resource(&mut self, resource: &Resource) {
        let attributes = resource
            .iter()
            .map(|(key, value)| attribute(key.as_str(), value));
        self.resource = json!({"attributes": attributes.collect::<Vec<_>>()});
    }
}

/// The outcome of a request to the collector.
async fn outcome<B, E: std::error::Error>(
    sent: impl Future<Output = Result<http::Response<B>, E>>,
    limit: Duration,
) -> Result<(), String> {
    match timeout(limit, sent).await {
        Ok(Ok(response)) if response.status().is_success() => Ok(()),
        Ok(Ok(response)) if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Err("it does not take http/json, which the host speaks".to_owned())
        }
        Ok(Ok(response)) => Err(format!("it answers {}", response.status())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it does not answer within {limit:?}")),
    }
}

/// An `ExportTraceServiceRequest`.
fn request(resource: &Json, spans: &[SpanData]) -> Json {
    let spans: Vec<Json> = spans.iter().map(span).collect();
    json!({"resourceSpans": [{
        "resource": resource,
        "scopeSpans": [{"scope": {"name": "host"}, "spans": spans}],
    }]})
}

fn span(span: &SpanData) -> Json {
    let events = span.events.iter().map(|event| {
        json!({
            "timeUnixNano": nanoseconds(event.timestamp),
            "name": event.name,
            "attributes": attributes(&event.attributes),
        })
    });
    let mut json = json!({
        "traceId": span.span_context.trace_id().to_string(),
        "spanId": span.span_context.span_id().to_string(),
        "traceState": span.span_context.trace_state().header(),
        "name": span.name,
        "kind": match span.span_kind {
            SpanKind::Internal => 1,
            SpanKind::Server => 2,
            SpanKind::Client => 3,
            SpanKind::Producer => 4,
            SpanKind::Consumer => 5,
        },
        "startTimeUnixNano": nanoseconds(span.start_time),
        "endTimeUnixNano": nanoseconds(span.end_time),
        "attributes": attributes(&span.attributes),
        "droppedAttributesCount": span.dropped_attributes_count,
        "events": events.collect::<Vec<_>>(),
        "droppedEventsCount": span.events.dropped_count,
        "status": match &span.status {
            Status::Unset => json!({}),
            Status::Ok => json!({"code": 1}),
            Status::Error { description } => json!({"code": 2, "message": description}),
        },
    });
    if span.parent_span_id != SpanId::INVALID {
        json["parentSpanId"] = span.parent_span_id.to_string().into();
    }
    json
}

fn attributes(attributes: &[KeyValue]) -> Vec<Json> {
    let attributes = attributes.iter();
    attributes
        .map(|one| attribute(one.key.as_str(), &one.value))
        .collect()
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Bool(flag) => json!({"boolValue": flag}),
        // 64 bits are text: a JSON number may have 53.
        Value::I64(number) => json!({"intValue": number.to_string()}),
        Value::F64(number) => json!({"doubleValue": number}),
        other => json!({"stringValue": other.as_str()}),
    };
    json!({"key": key, "value": value})
}

fn nanoseconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(collector: Option<&str>, variables: &[(&str, &str)]) -> anyhow::Result<Option<Target>> {
        Target::read(collector, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_variables_of_opentelemetry_are_understood() {
        let target = read(Some("http://collector:4318/"), &[]).unwrap().unwrap();
        assert_eq!(target.uri, "http://collector:4318/v1/traces");
        assert_eq!(target.timeout, Duration::from_secs(10));
        let variables = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/in"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "api-key=a%20b, x-team = books",
            ),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "7"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "500"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ];
        let target = read(None, &variables).unwrap().unwrap();
        assert_eq!(target.uri, "https://traces/in");
        assert_eq!(target.timeout, Duration::from_millis(500));
        assert_eq!(target.headers["api-key"], "a b");
        assert_eq!(target.headers["x-team"], "books");
        for (collector, name, value) in [
            ("collector:4318", "", ""),
            ("http://a", "OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("http://a", "OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ] {
            let error = read(Some(collector), &[(name, value)]).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_address_is_what_is_said_most_plainly() {
        let of = |collector, traces, all| {
            let variables = [
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", all),
            ];
            let target = read(collector, &variables).unwrap();
            target.map(|target| target.uri.to_string())
        };
        let (traces, all) = ("http://traces/in", "http://all/");
        for (collector, traces, all, expected) in [
            (
                Some("http://flag"),
                traces,
                all,
                Some("http://flag/v1/traces"),
            ),
            (Some(""), traces, all, Some("http://traces/in")),
            (None, traces, all, Some("http://traces/in")),
            (None, traces, "", Some("http://traces/in")),
            (None, "", all, Some("http://all/v1/traces")),
            (None, "", "", None),
        ] {
            let found = of(collector, traces, all);
            assert_eq!(found.as_deref(), expected, "{collector:?} {traces} {all}");
        }
    }

    #[test]
    fn traces_are_switched_off_as_opentelemetry_says() {
        let is_on = |name, value| {
            let target = read(Some("http://a"), &[(name, value)]).unwrap();
            target.is_some()
        };
        for (name, value, expected) in [
            ("OTEL_SDK_DISABLED", "true", false),
            ("OTEL_SDK_DISABLED", "True", false),
            ("OTEL_SDK_DISABLED", "false", true),
            ("OTEL_SDK_DISABLED", "", true),
            ("OTEL_TRACES_EXPORTER", "none", false),
            ("OTEL_TRACES_EXPORTER", "otlp", true),
            ("OTEL_TRACES_EXPORTER", "", true),
        ] {
            assert_eq!(is_on(name, value), expected, "{name}={value}");
        }
        let error = read(Some("http://a"), &[("OTEL_TRACES_EXPORTER", "zipkin")]).unwrap_err();
        assert!(error.to_string().contains("zipkin"), "{error}");
    }

    /// Who asks for a protocol that is not spoken hears of it.
    #[test]
    fn the_protocol_is_json_and_no_other_in_silence() {
        for name in [
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        ] {
            let of = |value| read(Some("http://a"), &[(name, value)]);
            for value in ["", "http/json"] {
                assert_eq!(of(value).unwrap().unwrap().warning(), None, "{value}");
            }
            let warning = of("http/protobuf").unwrap().unwrap().warning().unwrap();
            assert!(warning.contains("http/json"), "{warning}");
            for value in ["grpc", "HTTP/JSON"] {
                let error = of(value).unwrap_err().to_string();
                assert!(
                    error.contains(value) && error.contains("http/json"),
                    "{error}"
                );
            }
        }
    }
}
