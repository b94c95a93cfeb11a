//! Metrics for an operator's monitoring, in the Prometheus text format.
//!
//! [`Metrics`] counts what the application's components say of themselves: every line of their logs
//! is an event as JSON ([`Metrics::observe`]). So the same numbers can be had of an application
//! that runs elsewhere, from the log files that Spin keeps ([`follow`]). A running host adds what
//! it measures itself: requests, instances, storage and look-ups.

pub mod follow;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use serde_json::Value;

use crate::counters::Snapshot;

/// The `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Time after which a job whose end has not been seen is forgotten: no job lasts a day.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Largest number of jobs under way that are told apart.
const MAX_RUNNING: usize = 100_000;

type Labels = Vec<(&'static str, String)>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// Counts since the host or the reading of the logs began.
pub struct Metrics {
    registry: Registry,
    created: Family<Labels, Counter>,
    ended: Family<Labels, Counter>,
    durations: Histograms,
    items: Family<Labels, Counter>,
    lookups: Family<Labels, Counter>,
    remembered: Counter,
    runs: Family<Labels, Counter>,
    run_durations: Histograms,
    streams: Family<Labels, Counter>,
    webhook_deliveries: Family<Labels, Counter>,
    storage: Family<Labels, Counter>,
    storage_written: Family<Labels, Counter>,
    events: Family<Labels, Counter>,
    running: Gauge,
    oldest: Gauge,
    outbound: Histograms,
    under_way: Mutex<BTreeMap<String, Instant>>,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.05, 2.0, 16))
}

fn text(line: &Value, field: &str) -> String {
    line[field].as_str().unwrap_or("unknown").to_owned()
}

fn number(line: &Value, field: &str) -> u64 {
    line[field].as_u64().unwrap_or_default()
}

fn duration(line: &Value) -> f64 {
    Duration::from_millis(number(line, "durationMs")).as_secs_f64()
}

impl Default for Metrics {
    fn default() -> Self {
        let histograms = || Family::new_with_constructor(seconds as fn() -> Histogram);
        let mut metrics = Self {
            registry: Registry::with_prefix("bookstrack"),
            created: Family::default(),
            ended: Family::default(),
            durations: histograms(),
            items: Family::default(),
            lookups: Family::default(),
            remembered: Counter::default(),
            runs: Family::default(),
            run_durations: histograms(),
            streams: Family::default(),
            webhook_deliveries: Family::default(),
            storage: Family::default(),
            storage_written: Family::default(),
            events: Family::default(),
            running: Gauge::default(),
            oldest: Gauge::default(),
            outbound: histograms(),
            under_way: Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "jobs_created",
            "Jobs accepted, by pipeline",
            self.created.clone(),
        );
        r.register(
            "jobs_ended",
            "Jobs ended, by pipeline, outcome and, if they failed, code",
            self.ended.clone(),
        );
        r.register_with_unit(
            "job_duration",
            "From a job's creation to its end, by pipeline",
            Unit::Seconds,
            self.durations.clone(),
        );
        r.register(
            "items",
            "Books of ended jobs, by pipeline and result (found or missed)",
            self.items.clone(),
        );
        r.register(
            "lookups",
            "Requests to metadata providers by ended jobs, by provider",
            self.lookups.clone(),
        );
        r.register(
            "remembered",
            "Books that nobody had to be asked about",
            self.remembered.clone(),
        );
        r.register(
            "runs",
            "Runs of jobs, by component, start (created, handed-over, revived) and outcome",
            self.runs.clone(),
        );
        r.register_with_unit(
            "run_duration",
            "How long runs took, by component",
            Unit::Seconds,
            self.run_durations.clone(),
        );
        r.register(
            "streams_ended",
            "Event streams and sockets' feeds ended, by transport and outcome",
            self.streams.clone(),
        );
        r.register(
            "webhook_deliveries",
            "Attempts to tell the webhook of a job's end, by outcome (delivered, failed, given-up)",
            self.webhook_deliveries.clone(),
        );
        r.register(
            "storage_operations",
            "Key-value operations of runs and streams, by component and operation",
            self.storage.clone(),
        );
        r.register_with_unit(
            "storage_written",
            "Bytes of values written by runs, by component",
            Unit::Bytes,
            self.storage_written.clone(),
        );
        r.register(
            "events",
            "Lines that components logged, by component, event and level",
            self.events.clone(),
        );
        r.register(
            "jobs_running",
            "Jobs created here whose end has not been seen here",
            self.running.clone(),
        );
        r.register_with_unit(
            "oldest_running_job",
            "Age of the oldest of those jobs",
            Unit::Seconds,
            self.oldest.clone(),
        );
        r.register_with_unit(
            "outbound_duration",
            "From a request to a provider to the head of its answer, by host and status",
            Unit::Seconds,
            self.outbound.clone(),
        );
    }

    /// Counts the event in a line of a component's log. Lines without an event are ignored.
    pub fn observe(&self, line: &[u8]) {
        if line.first() != Some(&b'{') {
            return;
        }
        let Ok(line) = serde_json::from_slice::<Value>(line) else {
            return;
        };
        let Some(event) = line["event"].as_str() else {
            return;
        };
        let component = ("component", text(&line, "component"));
        let labels = vec![
            component.clone(),
            ("event", event.to_owned()),
            ("level", text(&line, "level")),
        ];
        self.events.get_or_create(&labels).inc();
        match event {
            "job-created" => self.job_created(&line),
            "job-ended" => self.job_ended(&line),
            "run" => {
                let labels = vec![
                    component.clone(),
                    ("start", text(&line, "start")),
                    ("outcome", text(&line, "outcome")),
                ];
                self.runs.get_or_create(&labels).inc();
                self.run_durations
                    .get_or_create(&vec![component.clone()])
                    .observe(duration(&line));
            }
            "stream-ended" => {
                let labels = vec![
                    ("transport", text(&line, "transport")),
                    ("outcome", text(&line, "outcome")),
                ];
                self.streams.get_or_create(&labels).inc();
            }
            "webhook-delivered" | "webhook-failed" | "webhook-given-up" => {
                let outcome = event.strip_prefix("webhook-").unwrap_or(event);
                let labels = vec![("outcome", outcome.to_owned())];
                self.webhook_deliveries.get_or_create(&labels).inc();
            }
            _ => {}
        }
        self.costs(component, &line["costs"]);
    }

    fn job_created(&self, line: &Value) {
        let labels = vec![("pipeline", text(line, "pipeline"))];
        self.created.get_or_create(&labels).inc();
        let mut under_way = self.under_way();
        if under_way.len() < MAX_RUNNING {
            under_way.insert(text(line, "jobId"), Instant::now());
        }
    }

    fn job_ended(&self, line: &Value) {
        self.under_way().remove(&text(line, "jobId"));
        let pipeline = ("pipeline", text(line, "pipeline"));
        let labels = vec![
            pipeline.clone(),
            ("outcome", text(line, "outcome")),
            ("code", line["code"].as_str().unwrap_or("none").to_owned()),
        ];
        self.ended.get_or_create(&labels).inc();
        self.durations
            .get_or_create(&vec![pipeline.clone()])
            .observe(duration(line));
        for (result, field) in [("found", "succeeded"), ("missed", "failed")] {
            let labels = vec![pipeline.clone(), ("result", result.to_owned())];
            self.items
                .get_or_create(&labels)
                .inc_by(number(line, field));
        }
        for (provider, requests) in line["requests"].as_object().into_iter().flatten() {
            self.lookups
                .get_or_create(&vec![("provider", provider.clone())])
                .inc_by(requests.as_u64().unwrap_or_default());
        }
        self.remembered.inc_by(number(line, "remembered"));
    }

    fn costs(&self, component: (&'static str, String), costs: &Value) {
        for (operation, field) in [
            ("get", "gets"),
            ("set", "sets"),
            ("delete", "deletes"),
            ("list", "lists"),
        ] {
            let labels = vec![component.clone(), ("operation", operation.to_owned())];
            let count = number(costs, field);
            if count > 0 {
                self.storage.get_or_create(&labels).inc_by(count);
            }
        }
        let written = number(costs, "bytesWritten");
        if written > 0 {
            self.storage_written
                .get_or_create(&vec![component])
                .inc_by(written);
        }
    }

    /// Counts a request to a provider; `status` is `none` when it was not answered.
    pub(crate) fn outbound(&self, host: &str, status: Option<u16>, took: Duration) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.outbound
            .get_or_create(&vec![("host", host.to_owned()), ("status", status)])
            .observe(took.as_secs_f64());
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The metrics as text; with a running host's own counts, if `host` has them.
    pub fn text(&self, host: Option<&Snapshot>) -> String {
        {
            let mut under_way = self.under_way();
            under_way.retain(|_, since| since.elapsed() < FORGOTTEN_AFTER);
            self.running
                .set(i64::try_from(under_way.len()).unwrap_or(i64::MAX));
            let oldest = under_way.values().map(Instant::elapsed).max();
            let oldest = oldest.unwrap_or_default().as_secs();
            self.oldest.set(i64::try_from(oldest).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        match host {
            Some(snapshot) => joined(text, &host_text(snapshot)),
            None => text,
        }
    }
}

/// Joins two expositions into one.
pub(crate) fn joined(mut first: String, second: &str) -> String {
    const END: &str = "# EOF\n";
    first.truncate(first.strip_suffix(END).map_or(first.len(), str::len));
    first + second
}

/// A host's own counts of the moment.
fn host_text(snapshot: &Snapshot) -> String {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
    struct Of {
        component: String,
    }
    let mut registry = Registry::with_prefix("host");
    let requests = Family::<Of, Counter>::default();
    let rejected = Family::<Of, Counter>::default();
    let failed = Family::<Of, Counter>::default();
    let instances = Family::<Of, Gauge>::default();
    let refused = Counter::<u64>::default();
    for (id, component) in &snapshot.components {
        let of = Of {
            component: id.clone(),
        };
        requests.get_or_create(&of).inc_by(component.requests);
        rejected.get_or_create(&of).inc_by(component.rejected);
        failed.get_or_create(&of).inc_by(component.failed);
        let live = i64::try_from(component.instances_live).unwrap_or(i64::MAX);
        instances.get_or_create(&of).set(live);
    }
    refused.inc_by(snapshot.outbound_refused);
    registry.register(
        "component_requests",
        "Requests given to a component",
        requests,
    );
    registry.register(
        "component_rejected",
        "Requests refused because too many instances were live",
        rejected,
    );
    registry.register(
        "component_failed",
        "Handlers that trapped, were stopped at a limit or answered nothing",
        failed,
    );
    registry.register("instances", "Instances live now", instances);
    registry.register(
        "outbound_refused",
        "Requests of components refused: not allowed, or beyond a limit",
        refused,
    );
    let mut text = String::new();
    let _ = encode(&mut text, &registry);
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }

    #[test]
    fn a_job_is_counted_from_its_creation_to_its_end() {
        let metrics = Metrics::default();
        let observe = |line: Value| metrics.observe(line.to_string().as_bytes());
        observe(
            json!({"component": "scan", "event": "job-created", "level": "info",
            "jobId": "a", "pipeline": "csv_import"}),
        );
        has(&metrics.text(None), "bookstrack_jobs_running 1");
        observe(
            json!({"component": "enrichment", "event": "run", "level": "info", "jobId": "a",
            "start": "handed-over", "outcome": "finished", "durationMs": 40,
            "costs": {"gets": 7, "sets": 3, "bytesWritten": 900}}),
        );
        observe(
            json!({"component": "enrichment", "event": "job-ended", "level": "info",
            "jobId": "a", "pipeline": "csv_import", "outcome": "complete", "durationMs": 300,
            "succeeded": 748, "failed": 19, "remembered": 5, "requests": {"openlibrary": 16}}),
        );
        let text = metrics.text(None);
        for line in [
            "bookstrack_jobs_running 0",
            "bookstrack_jobs_created_total{pipeline=\"csv_import\"} 1",
            "bookstrack_jobs_ended_total{pipeline=\"csv_import\",outcome=\"complete\",code=\"none\"} 1",
            "bookstrack_job_duration_seconds_count{pipeline=\"csv_import\"} 1",
            "bookstrack_items_total{pipeline=\"csv_import\",result=\"found\"} 748",
            "bookstrack_items_total{pipeline=\"csv_import\",result=\"missed\"} 19",
            "bookstrack_lookups_total{provider=\"openlibrary\"} 16",
            "bookstrack_remembered_total 5",
            "bookstrack_runs_total{component=\"enrichment\",start=\"handed-over\",outcome=\"finished\"} 1",
            "bookstrack_storage_operations_total{component=\"enrichment\",operation=\"get\"} 7",
            "bookstrack_storage_written_bytes_total{component=\"enrichment\"} 900",
        ] {
            has(&text, line);
        }
    }

    #[test]
    fn attempts_at_the_webhook_are_counted_by_their_outcome() {
        let metrics = Metrics::default();
        for event in ["failed", "failed", "delivered", "given-up", "state-lost"] {
            let event = format!("webhook-{event}");
            let line = json!({"component": "scan", "event": event, "level": "info", "jobId": "a"});
            metrics.observe(line.to_string().as_bytes());
        }
        let text = metrics.text(None);
        let name = "bookstrack_webhook_deliveries_total";
        for (outcome, count) in [("failed", 2), ("delivered", 1), ("given-up", 1)] {
            has(&text, &format!("{name}{{outcome=\"{outcome}\"}} {count}"));
        }
        assert_eq!(text.matches(&format!("{name}{{")).count(), 3);
    }

    #[test]
    fn what_is_no_event_is_not_counted() {
        let metrics = Metrics::default();
        let before = metrics.text(None);
        for line in [
            &b""[..],
            b"{",
            b"panicked at",
            b"{\"event\":5}",
            b"[1]",
            b"{}",
            b"\xff",
        ] {
            metrics.observe(line);
        }
        assert_eq!(metrics.text(None), before);
    }

    #[test]
    fn two_expositions_end_once() {
        let snapshot = Snapshot::default();
        let text = Metrics::default().text(Some(&snapshot));
        assert!(text.ends_with("# EOF\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
        has(&text, "host_outbound_refused_total 0");
    }
}
