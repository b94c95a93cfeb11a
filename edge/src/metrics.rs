//! Metrics of the edge, in the Prometheus text format.

use crate::config::Limits;
use admission::StreamCounts;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError, atomic::Ordering},
};

/// Largest number of labels, which the relay names; more are counted together, so that it cannot
/// fill the memory.
const MAX_LABELS: usize = 16;

/// The code under which the end of a socket is counted, which may be the client's own: those that
/// the protocol leaves to applications count as one.
pub(crate) fn counted_code(code: u16) -> u16 {
    match code {
        1000..=1015 => code,
        3000..=3999 => 3000,
        _ => 4000,
    }
}

/// The names under which a socket is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Label {
    pub(crate) label: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Closed {
    pub(crate) label: String,
    pub(crate) code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Traffic {
    pub(crate) label: String,
    /// Direction of a message: `in`, from the client, or `out`, to it.
    pub(crate) direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Status {
    pub(crate) status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: &'static str,
}

/// All counters of one edge.
pub(crate) struct Metrics {
    registry: Registry,
    labels: Mutex<BTreeSet<String>>,
    pub(crate) sockets_open: Family<Label, Gauge>,
    pub(crate) sockets: Family<Label, Counter>,
    pub(crate) closes: Family<Closed, Counter>,
    pub(crate) durations: Family<Label, Histogram>,
    pub(crate) messages: Family<Traffic, Counter>,
    pub(crate) bytes: Family<Traffic, Counter>,
    pub(crate) handshakes_refused: Family<Status, Counter>,
    upstream_sessions: Gauge,
    pub(crate) resumptions: Counter,
    pub(crate) requests: Family<Status, Counter>,
    streams_open: Gauge,
    upstream_streams: Gauge,
    pub(crate) streams_mended: Counter,
    streams_over_budget: Counter,
    pub(crate) streams_parked: Gauge,
    pub(crate) questions: Family<Outcome, Counter>,
    pub(crate) connections_open: Gauge,
}

impl Metrics {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut registry = Registry::with_prefix("edge");
        for (name, help, limit) in [
            ("sockets_max", "WebSockets there may be", limits.sockets),
            (
                "streams_max",
                "Event streams of clients there may be",
                limits.streams,
            ),
            (
                "upstream_sessions_max",
                "Relay streams there may be",
                limits.upstream_sessions,
            ),
            (
                "upstream_streams_max",
                "Answers that event streams are fed from there may be",
                limits.upstream_streams,
            ),
        ] {
            let gauge = Gauge::<i64>::default();
            gauge.set(i64::try_from(limit).unwrap_or(i64::MAX));
            registry.register(name, help, gauge);
        }
        let durations = Family::new_with_constructor(
            (|| Histogram::new(exponential_buckets(0.1, 4.0, 9))) as fn() -> _,
        );
        let metrics = Self {
            labels: Mutex::default(),
            sockets_open: Family::default(),
            sockets: Family::default(),
            closes: Family::default(),
            durations,
            messages: Family::default(),
            bytes: Family::default(),
            handshakes_refused: Family::default(),
            upstream_sessions: Gauge::default(),
            resumptions: Counter::default(),
            requests: Family::default(),
            streams_open: Gauge::default(),
            upstream_streams: Gauge::default(),
            streams_mended: Counter::default(),
            streams_over_budget: Counter::default(),
            streams_parked: Gauge::default(),
            questions: Family::default(),
            connections_open: Gauge::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        r.register(
            "sockets_open",
            "WebSockets open now",
            metrics.sockets_open.clone(),
        );
        r.register("sockets", "WebSockets accepted", metrics.sockets.clone());
        r.register(
            "socket_closes",
            "WebSockets ended, by close code (1006: without one)",
            metrics.closes.clone(),
        );
        r.register(
            "socket_duration_seconds",
            "How long WebSockets were open",
            metrics.durations.clone(),
        );
        r.register(
            "socket_messages",
            "WebSocket messages, from (in) and to (out) clients",
            metrics.messages.clone(),
        );
        r.register(
            "socket_bytes",
            "Payload bytes of those messages",
            metrics.bytes.clone(),
        );
        r.register(
            "handshakes_refused",
            "Handshakes refused, by status",
            metrics.handshakes_refused.clone(),
        );
        r.register(
            "upstream_sessions_open",
            "Relay streams open now",
            metrics.upstream_sessions.clone(),
        );
        r.register(
            "upstream_sessions_lost",
            "Relay streams that broke off",
            metrics.resumptions.clone(),
        );
        r.register(
            "requests",
            "Proxied requests, by status",
            metrics.requests.clone(),
        );
        r.register(
            "streams_open",
            "Event streams of clients open now",
            metrics.streams_open.clone(),
        );
        r.register(
            "upstream_streams_open",
            "Answers of the application open now that event streams are fed from",
            metrics.upstream_streams.clone(),
        );
        r.register(
            "streams_mended",
            "Resumptions of proxied event streams",
            metrics.streams_mended.clone(),
        );
        r.register(
            "streams_over_budget",
            "Event streams passed on without a budget",
            metrics.streams_over_budget.clone(),
        );
        r.register(
            "streams_parked",
            "Streams, of sockets too, that are kept without an answer of the application",
            metrics.streams_parked.clone(),
        );
        r.register(
            "parked_questions",
            "Questions about parked streams, by outcome: answered, later (asked again), unknown",
            metrics.questions.clone(),
        );
        r.register(
            "connections_open",
            "Client connections open now",
            metrics.connections_open.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    /// The label to count under: the relay's, unless there are too many of them.
    pub(crate) fn label(&self, wanted: Option<String>) -> Label {
        let wanted = wanted.unwrap_or_else(|| "none".to_owned());
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        let known = labels.contains(&wanted)
            || (labels.len() < MAX_LABELS && labels.insert(wanted.clone()));
        Label {
            label: if known { wanted } else { "other".to_owned() },
        }
    }

    /// All counters in the Prometheus text format, with what the limits count.
    pub(crate) fn text(&self, streams: StreamCounts, upstream_sessions: usize) -> String {
        for (gauge, count) in [
            (&self.streams_open, streams.open),
            (&self.upstream_streams, streams.upstream),
            (&self.upstream_sessions, upstream_sessions),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let denied = self.streams_over_budget.inner();
        denied.store(streams.denied, Ordering::Relaxed);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_limited() {
        let metrics = Metrics::new(&Limits::default());
        for n in 0..MAX_LABELS {
            assert_eq!(metrics.label(Some(n.to_string())).label, n.to_string());
        }
        assert_eq!(metrics.label(Some("one-more".into())).label, "other");
        assert_eq!(metrics.label(Some("3".into())).label, "3");
    }

    #[test]
    fn a_client_makes_no_series_of_its_own() {
        let counted: BTreeSet<u16> = (1..=u16::MAX).map(counted_code).collect();
        assert!(
            counted.contains(&1000) && counted.len() <= 18,
            "{counted:?}"
        );
    }

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new(&Limits::default());
        metrics
            .closes
            .get_or_create(&Closed {
                label: "v1".into(),
                code: 1000,
            })
            .inc();
        let streams = StreamCounts {
            open: 3,
            upstream: 2,
            denied: 7,
        };
        let text = metrics.text(streams, 5);
        for line in [
            "edge_socket_closes_total{label=\"v1\",code=\"1000\"} 1\n",
            "edge_streams_open 3\n",
            "edge_upstream_streams_open 2\n",
            "edge_upstream_sessions_open 5\n",
            "edge_streams_over_budget_total 7\n",
            "edge_streams_max 20000\n",
            "edge_sockets_max 20000\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
