//! Metrics for an operator's monitoring, in the Prometheus text format.
//!
//! [`Metrics`] counts what the application's components say of themselves: every line of their logs
//! is an event as JSON ([`Metrics::observe`]). So the same numbers can be had of an application
//! that runs elsewhere, from the log files that Spin keeps ([`follow`]). A running host adds what
//! it measures itself: requests, instances, storage and look-ups.

pub mod follow;
mod own;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use serde_json::Value;
use url::Url;

use crate::counters::Snapshot;

/// The `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Time after which a job whose end has not been seen is forgotten: no job lasts a day.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Time after which a turn is forgotten that has neither come nor been given up: most likely
/// whoever waited for it was killed.
const TURN_FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);

/// Longest time, in milliseconds, for which a breaker can be open.
const MAX_OPEN_MS: u64 = 3_600_000;

/// Largest number of jobs under way, and of turns waited for, that are told apart.
const MAX_RUNNING: usize = 100_000;

/// Largest number of requests that a line tells of as one.
const MOST_ALIKE: u64 = 100_000;

type Labels = Vec<(&'static str, String)>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// The kinds of jobs, and the codes with which they fail. To Prometheus a counter that appears with
/// its first event has not grown, so those that totals and alerts are made of begin at zero.
const PIPELINES: [&str; 3] = ["ai_scan", "batch_enrichment", "csv_import"];
const FAILURES: [&str; 12] = [
    "E_CSV_EMPTY",
    "E_CSV_PARSE_FAILED",
    "E_CSV_TOO_MANY_ROWS",
    "E_ENRICHMENT_FAILED",
    "E_GEMINI_TIMEOUT",
    "E_IMAGE_INVALID",
    "E_INTERNAL",
    "E_NO_BOOKS_FOUND",
    "E_TIMEOUT",
    "E_VISION_FAILED",
    "E_VISION_NOT_CONFIGURED",
    "E_VISION_TIMEOUT",
];

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
    storage_failures: Family<Labels, Counter>,
    breakers: Family<Labels, Gauge>,
    paces: Family<Labels, Gauge<f64, AtomicU64>>,
    waiting: Family<Labels, Gauge>,
    waits: Histograms,
    seen: Mutex<Seen>,
    /// Whether what lines say of requests to providers is counted: a host counts them itself, also
    /// those of handlers that trap.
    asked_in_lines: bool,
}

/// The state that the events tell of: it stands until another event changes it or its time is
/// over.
#[derive(Default)]
struct Seen {
    /// Times at which the jobs under way were created.
    jobs: BTreeMap<String, SystemTime>,
    /// Times at which jobs ended: of two components' logs the one with the end may be read first.
    ended: BTreeMap<String, SystemTime>,
    /// Times until which the breakers of providers are open.
    breakers: BTreeMap<String, SystemTime>,
    /// The queue of each turn that is waited for, and the time since which it is.
    turns: BTreeMap<String, (String, SystemTime)>,
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

/// The time at which a line was written.
fn at(line: &Value) -> SystemTime {
    let at = line["at"].as_str().map(humantime::parse_rfc3339);
    at.and_then(Result::ok).unwrap_or_else(SystemTime::now)
}

/// The provider's host and port, the status and the duration of requests that a line tells of as
/// alike: `https://openlibrary.org 200 1200`.
fn alike_requests(told: &str) -> Option<(String, Option<u16>, Duration)> {
    let mut words = told.split(' ');
    let (origin, status, ms) = (words.next()?, words.next()?, words.next()?);
    let origin: Url = origin.parse().ok()?;
    let provider = format!("{}:{}", origin.host_str()?, origin.port_or_known_default()?);
    let status = status.parse().ok();
    Some((provider, status, Duration::from_millis(ms.parse().ok()?)))
}

fn since(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
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
            storage_failures: Family::default(),
            breakers: Family::default(),
            paces: Family::default(),
            waiting: Family::default(),
            waits: histograms(),
            seen: Mutex::default(),
            asked_in_lines: false,
        };
        metrics.register();
        for outcome in ["delivered", "failed", "given-up"] {
            let labels = vec![("outcome", outcome.to_owned())];
            metrics.webhook_deliveries.get_or_create(&labels).inc_by(0);
        }
        for pipeline in PIPELINES {
            let failures = FAILURES.map(|code| ("error", code));
            let others = [("complete", "none"), ("canceled", "E_CANCELED")];
            let labels = vec![("pipeline", pipeline.to_owned())];
            metrics.created.get_or_create(&labels).inc_by(0);
            for (outcome, code) in failures.into_iter().chain(others) {
                metrics
                    .ended
                    .get_or_create(&ended_as(pipeline, outcome, code))
                    .inc_by(0);
            }
        }
        metrics
    }
}

/// The labels of jobs that ended.
fn ended_as(pipeline: &str, outcome: &str, code: &str) -> Labels {
    vec![
        ("pipeline", pipeline.to_owned()),
        ("outcome", outcome.to_owned()),
        ("code", code.to_owned()),
    ]
}

impl Metrics {
    /// Counts of an application of which there is nothing but logs.
    #[must_use]
    pub fn of_logs() -> Self {
        Self {
            asked_in_lines: true,
            ..Self::default()
        }
    }

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
            "Attempts to tell the webhook of a job's end or long wait, by outcome (delivered, failed, given-up)",
            self.webhook_deliveries.clone(),
        );
        r.register(
            "storage_operations",
            "Key-value operations, by component and operation, but those of requests that log \
             nothing: polls, results and other reads",
            self.storage.clone(),
        );
        r.register_with_unit(
            "storage_written",
            "Bytes of values written, by component",
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
        r.register(
            "storage_failures",
            "Those operations that failed, by component",
            self.storage_failures.clone(),
        );
        r.register(
            "provider_breaker_open",
            "Whether a provider is left alone for a while because it fails or refuses (1) or not (0)",
            self.breakers.clone(),
        );
        r.register_with_unit(
            "provider_pace",
            "Share of the configured rate at which a provider is asked; refusals lower it",
            Unit::Other("ratio".to_owned()),
            self.paces.clone(),
        );
        r.register(
            "queue_waiting",
            "Turns waited for, by queue: compute (photos, large files), reading (spines), memory \
             (large answers)",
            self.waiting.clone(),
        );
        r.register_with_unit(
            "queue_wait",
            "How long turns were waited for that did not come at once, by queue",
            Unit::Seconds,
            self.waits.clone(),
        );
        r.register_with_unit(
            "outbound_duration",
            "From a request to a provider to the end of its answer, by host and status; none: it was \
             not answered, or not to the end",
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
            "provider-state" => self.provider_state(&line),
            "turn-awaited" => {
                let waits = (text(&line, "queue"), at(&line));
                let turns = &mut self.seen().turns;
                if turns.len() < MAX_RUNNING {
                    turns.entry(text(&line, "turn")).or_insert(waits);
                }
            }
            "turn-came" | "turn-given-up" => {
                self.seen().turns.remove(&text(&line, "turn"));
                if event == "turn-came" {
                    let waited = Duration::from_millis(number(&line, "waitedMs"));
                    self.waits
                        .get_or_create(&vec![("queue", text(&line, "queue"))])
                        .observe(waited.as_secs_f64());
                }
            }
            _ => {}
        }
        self.costs(component, &line["costs"]);
    }

    fn job_created(&self, line: &Value) {
        let labels = vec![("pipeline", text(line, "pipeline"))];
        self.created.get_or_create(&labels).inc();
        let mut seen = self.seen();
        let (id, created) = (text(line, "jobId"), at(line));
        let has_ended = seen.ended.get(&id).is_some_and(|ended| *ended >= created);
        if !has_ended && seen.jobs.len() < MAX_RUNNING {
            seen.jobs.insert(id, created);
        }
    }

    fn provider_state(&self, line: &Value) {
        let provider = text(line, "provider");
        let labels = vec![("provider", provider.clone())];
        self.paces
            .get_or_create(&labels)
            .set(line["pace"].as_f64().unwrap_or(1.0));
        let until = at(line) + Duration::from_millis(number(line, "openMs").min(MAX_OPEN_MS));
        self.seen().breakers.insert(provider, until);
    }

    fn job_ended(&self, line: &Value) {
        {
            let mut seen = self.seen();
            let (id, ended) = (text(line, "jobId"), at(line));
            seen.jobs.remove(&id);
            if seen.ended.len() < MAX_RUNNING {
                seen.ended.insert(id, ended);
            }
            // A job has its own name in queues.
            seen.turns.remove(&text(line, "jobId"));
        }
        let pipeline = ("pipeline", text(line, "pipeline"));
        let code = line["code"].as_str().unwrap_or("none");
        let labels = ended_as(&pipeline.1, &text(line, "outcome"), code);
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
        let failures = number(costs, "failures");
        if failures > 0 {
            self.storage_failures
                .get_or_create(&vec![component.clone()])
                .inc_by(failures);
        }
        let written = number(costs, "bytesWritten");
        if written > 0 {
            self.storage_written
                .get_or_create(&vec![component])
                .inc_by(written);
        }
        let asked = costs["asked"].as_object().filter(|_| self.asked_in_lines);
        for (alike, times) in asked.into_iter().flatten() {
            if let Some((provider, status, took)) = alike_requests(alike) {
                for _ in 0..times.as_u64().unwrap_or_default().min(MOST_ALIKE) {
                    self.outbound(&provider, status, took);
                }
            }
        }
    }

    /// Counts a request to a provider; without a `status` when no whole answer has come.
    pub(crate) fn outbound(&self, host: &str, status: Option<u16>, took: Duration) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.outbound
            .get_or_create(&vec![("host", host.to_owned()), ("status", status)])
            .observe(took.as_secs_f64());
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what depends on the time.
    fn set_gauges(&self) {
        let mut seen = self.seen();
        seen.jobs.retain(|_, at| since(*at) < FORGOTTEN_AFTER);
        seen.ended.retain(|_, at| since(*at) < FORGOTTEN_AFTER);
        seen.turns
            .retain(|_, (_, at)| since(*at) < TURN_FORGOTTEN_AFTER);
        self.running.set(gauge(seen.jobs.len()));
        let oldest = seen.jobs.values().map(|at| since(*at)).max();
        let oldest = oldest.unwrap_or_default().as_secs();
        self.oldest.set(i64::try_from(oldest).unwrap_or(i64::MAX));
        for queue in ["compute", "reading", "memory"] {
            let waiting = seen.turns.values().filter(|(of, _)| of == queue).count();
            self.waiting
                .get_or_create(&vec![("queue", queue.to_owned())])
                .set(gauge(waiting));
        }
        for (provider, until) in &seen.breakers {
            self.breakers
                .get_or_create(&vec![("provider", provider.clone())])
                .set((*until > SystemTime::now()).into());
        }
    }

    /// The metrics as text; with a running host's own counts, if `host` has them.
    pub fn text(&self, host: Option<&Snapshot>) -> String {
        self.set_gauges();
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        match host {
            Some(snapshot) => joined(text, &own::text(snapshot)),
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
    fn providers_and_queues_are_told_as_they_are_now() {
        let metrics = Metrics::default();
        let observe = |line: Value| metrics.observe(line.to_string().as_bytes());
        let state = |breaker: &str, open: u64, pace: f64, at: SystemTime| {
            let at = humantime::format_rfc3339_millis(at).to_string();
            json!({"component": "enrichment", "event": "provider-state", "level": "info",
                "at": at, "provider": "openlibrary", "breaker": breaker, "openMs": open,
                "pace": pace})
        };
        let now = SystemTime::now();
        let open = "bookstrack_provider_breaker_open{provider=\"openlibrary\"}";
        observe(state("open", 600_000, 0.5, now));
        has(&metrics.text(None), &format!("{open} 1"));
        has(
            &metrics.text(None),
            "bookstrack_provider_pace_ratio{provider=\"openlibrary\"} 0.5",
        );
        observe(state("closed", 0, 1.0, now));
        has(&metrics.text(None), &format!("{open} 0"));
        // Nobody has asked since, and logged that it may be asked.
        observe(state("open", 2_000, 0.5, now - Duration::from_secs(10)));
        has(&metrics.text(None), &format!("{open} 0"));

        let turn = |event: &str, turn: &str, waited: u64| {
            json!({"component": "scan", "event": event, "level": "info", "queue": "compute",
                "turn": turn, "waitedMs": waited})
        };
        let waiting = "bookstrack_queue_waiting{queue=\"compute\"}";
        has(&metrics.text(None), &format!("{waiting} 0"));
        // Whoever waited for it was killed.
        let mut old = turn("turn-awaited", "old", 0);
        let eleven_minutes_ago = SystemTime::now() - Duration::from_secs(660);
        old["at"] = humantime::format_rfc3339(eleven_minutes_ago)
            .to_string()
            .into();
        observe(old);
        has(&metrics.text(None), &format!("{waiting} 0"));
        for id in ["a", "b", "c", "a"] {
            observe(turn("turn-awaited", id, 0));
        }
        has(&metrics.text(None), &format!("{waiting} 3"));
        observe(turn("turn-came", "a", 400));
        observe(turn("turn-given-up", "b", 0));
        observe(json!({"component": "scan", "event": "job-ended", "jobId": "c"}));
        let text = metrics.text(None);
        has(&text, &format!("{waiting} 0"));
        has(
            &text,
            "bookstrack_queue_wait_seconds_count{queue=\"compute\"} 1",
        );
    }

    /// A reader of logs that starts late knows how old the jobs in them are.
    #[test]
    fn the_oldest_job_is_as_old_as_its_line() {
        let metrics = Metrics::default();
        let created = SystemTime::now() - Duration::from_secs(3_600);
        let at = humantime::format_rfc3339_millis(created).to_string();
        let line = json!({"event": "job-created", "jobId": "a", "at": at});
        metrics.observe(line.to_string().as_bytes());
        let text = metrics.text(None);
        let oldest = text
            .lines()
            .find_map(|line| line.strip_prefix("bookstrack_oldest_running_job_seconds "));
        let oldest: u64 = oldest.unwrap().parse().unwrap();
        assert!((3_600..3_700).contains(&oldest), "{oldest}");
        has(&text, "bookstrack_jobs_running 1");

        // Its end is in another component's log, which may be read first.
        let metrics = Metrics::default();
        let ended = json!({"event": "job-ended", "jobId": "a"});
        metrics.observe(ended.to_string().as_bytes());
        metrics.observe(line.to_string().as_bytes());
        has(&metrics.text(None), "bookstrack_jobs_running 0");
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
