//! Traces of jobs, as a collector receives them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault};

use crate::app::{App, Job, LIBRARY, Setup, eventually};
use crate::webhooks::Receiver;

/// A client's trace, and the span in which it asks.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

/// ISBNs that no sample has, so that a provider is asked about them.
const UNKNOWN: [&str; 3] = ["9780000000002", "9780000000019", "9780000000026"];

/// The spans that a collector has received, by their ids.
struct Spans(BTreeMap<String, Value>);

impl Spans {
    fn of(collector: &Receiver) -> Self {
        let mut spans = BTreeMap::new();
        for message in collector.messages() {
            assert_eq!(message.path, "/v1/traces");
            let request: Value = serde_json::from_slice(&message.body).unwrap();
            let resource = &request["resourceSpans"][0];
            let service = attribute(&resource["resource"], "service.name");
            assert_eq!(service, Some("bookstrack"));
            for span in resource["scopeSpans"][0]["spans"].as_array().unwrap() {
                let id = span["spanId"].as_str().unwrap().to_owned();
                let twice = spans.insert(id, span.clone());
                assert!(twice.is_none(), "{span}");
            }
        }
        Self(spans)
    }

    fn in_trace(mut self, trace: &str) -> Self {
        self.0.retain(|_, span| span["traceId"] == trace);
        self
    }

    fn named(&self, name: &str) -> Vec<&Value> {
        let all = self.0.values();
        all.filter(|span| span["name"].as_str().unwrap().starts_with(name))
            .collect()
    }

    /// The names of a span and of all that it is below.
    fn path<'a>(&'a self, span: &'a Value) -> Vec<&'a str> {
        let mut path = vec![span["name"].as_str().unwrap()];
        let mut at = span;
        while let Some(parent) = self.0.get(at["parentSpanId"].as_str().unwrap_or_default()) {
            path.insert(0, parent["name"].as_str().unwrap());
            at = parent;
        }
        assert_eq!(at["parentSpanId"], CLIENT, "{at}");
        path
    }
}

fn attribute<'a>(of: &'a Value, key: &str) -> Option<&'a str> {
    let all = of["attributes"].as_array()?;
    let found = all.iter().find(|attribute| attribute["key"] == key)?;
    found["value"]["stringValue"].as_str()
}

fn import_traced(app: &App, flags: &str) -> Job {
    let request = app.request("POST", "/api/v2/imports");
    let request = request.header("traceparent", &format!("00-{TRACE}-{CLIENT}-{flags}"));
    let job = Job::of(
        &request
            .form("file", "library.csv", LIBRARY)
            .send()
            .data(202),
    );
    app.finish(&job);
    job
}

fn traced(collector: &Receiver) -> App {
    let endpoint = format!("http://{}", collector.address);
    let setup = Setup::new().argument("--otlp").argument(&endpoint);
    setup.start()
}

/// One import is one tree of spans: the client's request, the runs, those that they hand over to,
/// and the look-ups of each; providers are told the span of the look-up that asks them.
#[test]
fn an_import_is_one_trace_from_its_request_to_its_lookups() {
    let collector = Receiver::start("200 OK");
    let app = traced(&collector);
    let job = import_traced(&app, "01");
    let mut spans = Spans(BTreeMap::new());
    eventually("the trace arrives", || {
        spans = Spans::of(&collector).in_trace(TRACE);
        !spans.named("run enrichment").is_empty() && !spans.named("POST /api/v2/imports").is_empty()
    });
    let lookups = spans.named("GET 127.0.0.1");
    assert!(!lookups.is_empty());
    for lookup in &lookups {
        assert_eq!(
            spans.path(lookup),
            [
                "POST /api/v2/imports",
                "run scan",
                "POST self",
                "POST /internal/enrichment/...",
                "run enrichment",
                "GET 127.0.0.1"
            ]
        );
    }
    for span in spans.0.values() {
        let (start, end) = (&span["startTimeUnixNano"], &span["endTimeUnixNano"]);
        assert!(start.as_str().unwrap() <= end.as_str().unwrap(), "{span}");
        assert_eq!(span["status"], serde_json::json!({}), "{span}");
        spans.path(span);
    }
    for run in spans.named("run ") {
        assert_eq!(attribute(run, "job.id"), Some(job.id.as_str()), "{run}");
        let events = run["events"].as_array().unwrap();
        assert!(events.iter().any(|event| event["name"] == "run"), "{run}");
    }
    for span in spans.0.values() {
        let keys = span["attributes"].as_array().unwrap().iter();
        let mut keys: Vec<&str> = keys.map(|one| one["key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        assert!(keys.is_sorted_by(|a, b| a < b), "twice the same: {span}");
    }
    // What providers were told.
    let mut asked = app.sandbox.open_library().requests();
    asked.extend(app.sandbox.google_books().requests());
    assert_eq!(asked.len(), lookups.len());
    for request in asked {
        let told = request
            .headers
            .iter()
            .find(|(name, _)| name == "traceparent");
        let told: Vec<&str> = told.unwrap().1.split('-').collect();
        assert_eq!(told[1], TRACE);
        assert!(lookups.iter().any(|lookup| lookup["spanId"] == told[2]));
    }
    // No token, key or query is in any of it.
    let all = serde_json::to_string(&spans.0).unwrap();
    for secret in [&job.token, "isbn:", "?"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

/// A client that wants none of its trace kept is heard, and a collector that refuses harms nobody.
#[test]
fn a_trace_that_is_not_sampled_is_passed_on_and_not_exported() {
    let collector = Receiver::start("503 Service Unavailable");
    let app = traced(&collector);
    import_traced(&app, "00");
    let untraced = app.import(LIBRARY);
    app.finish(&untraced);
    let mut spans = Spans(BTreeMap::new());
    eventually("the other import's trace arrives", || {
        spans = Spans::of(&collector);
        !spans.named("run enrichment").is_empty()
    });
    assert!(spans.in_trace(TRACE).0.is_empty());
    for request in app.sandbox.open_library().requests() {
        let told = request
            .headers
            .iter()
            .find(|(name, _)| name == "traceparent");
        let told = &told.unwrap().1;
        assert_eq!(told.ends_with("-00"), told.contains(TRACE), "{told}");
    }
}

/// A look-up that its run gives up is in the trace, and is none that went well.
#[test]
fn a_lookup_that_is_not_answered_is_an_error_of_its_trace() {
    let collector = Receiver::start("200 OK");
    let endpoint = format!("http://{}", collector.address);
    let setup = Setup::new().argument("--otlp").argument(&endpoint);
    let setup = setup.variable("provider_timeout_s", "0.2");
    let app = setup.variable("provider_patience_s", "20").start();
    for ((fault, kind, has_head), isbn) in [
        (Fault::Hang, "canceled", false),
        (Fault::Stall, "canceled", true),
        (Fault::Reset, "http_protocol_error", false),
    ]
    .into_iter()
    .zip(UNKNOWN)
    {
        app.sandbox.open_library().behave(fault.clone().always());
        let job = app.enrich(&json!({"barcodes": [isbn]}));
        eventually(&format!("the error of {fault:?} is told"), || {
            let spans = Spans::of(&collector);
            spans.named("GET 127.0.0.1").iter().any(|lookup| {
                let keys = lookup["attributes"].as_array().unwrap().iter();
                let head = keys.filter(|one| one["key"] == "http.response.status_code");
                lookup["status"]["code"] == 2
                    && attribute(lookup, "error.type") == Some(kind)
                    && head.count() == usize::from(has_head)
            })
        });
        app.sandbox.open_library().behave(Behaviour::default());
        app.finish(&job);
    }
}

/// What vendors say of a client's trace goes with it, to providers too, whether the host exports
/// traces or not; a header of a later version is spelled in the one that is known.
#[test]
fn a_trace_is_passed_on_with_its_state() {
    let collector = Receiver::start("200 OK");
    let state = "congo=t61rcWkgMzE, rojo@1=00f0==";
    for app in [traced(&collector), App::start()] {
        for (n, version) in ["00", "cc"].into_iter().enumerate() {
            let extra = if version == "00" { "" } else { "-more" };
            let parent = format!("{version}-{TRACE}-{CLIENT}-01{extra}");
            let request = app.request("POST", "/api/batch-enrich");
            let request = request
                .header("traceparent", &parent)
                .header("tracestate", state);
            let books = json!({"barcodes": [UNKNOWN[n]]});
            app.finish(&Job::of(&request.json(&books).send().data(202)));
        }
        let asked = app.sandbox.open_library().requests();
        assert!(asked.len() >= 2);
        for request in asked {
            let header = |name: &str| {
                let mut found = request.headers.iter().filter(|(n, _)| n == name);
                let only = found.next().map(|(_, value)| value.clone());
                assert!(found.next().is_none(), "{name} is there once");
                only.unwrap_or_default()
            };
            let parent = header("traceparent");
            assert!(parent.starts_with(&format!("00-{TRACE}-")), "{parent}");
            assert_eq!(parent.len(), 55, "{parent}");
            assert_eq!(header("tracestate"), state);
        }
    }
}

/// What the host itself says of a request that failed is found by the request's trace.
#[test]
fn a_host_s_errors_have_the_trace_of_their_request() {
    let setup = Setup::new().argument("--limit").argument("handler=1ms");
    let app = setup.start();
    let request = app.request("POST", "/api/v2/imports");
    let request = request.header("traceparent", &format!("00-{TRACE}-{CLIENT}-01"));
    assert_eq!(
        request.form("file", "library.csv", LIBRARY).send().status(),
        500
    );
    eventually("the host says so", || {
        let logs = app.logs();
        logs.lines()
            .any(|line| line.contains("the platform's limit") && line.contains(TRACE))
    });
}
