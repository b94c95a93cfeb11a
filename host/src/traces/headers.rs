//! The headers by which a request says which trace it belongs to (W3C Trace Context).

use admission::TraceParent;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

const TRACEPARENT: HeaderName = HeaderName::from_static(admission::TRACEPARENT);
const TRACESTATE: HeaderName = HeaderName::from_static(admission::TRACESTATE);

/// Most bytes of a trace's state that are passed on, as many as the W3C asks for: providers refuse
/// requests with long heads.
const LONGEST_STATE: usize = 512;

/// A trace as a request names it, and as whoever is asked next is told of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TraceHeaders {
    parent: String,
    state: Option<HeaderValue>,
}

impl TraceHeaders {
    /// The trace that headers name; `None` when they name none, or two.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else {
            return None;
        };
        let parent = TraceParent::parse(parent.to_str().ok()?)?.to_string();
        let states: Vec<&[u8]> = headers
            .get_all(TRACESTATE)
            .iter()
            .map(HeaderValue::as_bytes)
            .filter(|state| !state.is_empty())
            .collect();
        let state = HeaderValue::from_bytes(&states.join(&b","[..])).ok();
        let state = state.filter(|state| (1..=LONGEST_STATE).contains(&state.len()));
        Some(Self { parent, state })
    }

    /// The trace of a span, with the vendors' state that came with it.
    pub(super) fn of(span: &SpanContext, state: Option<HeaderValue>) -> Self {
        let flags = span.trace_flags() & TraceFlags::SAMPLED;
        let parent = format!(
            "00-{}-{}-{:02x}",
            span.trace_id(),
            span.span_id(),
            flags.to_u8()
        );
        Self { parent, state }
    }

    /// Has headers name this trace and no other.
    pub(crate) fn write_into(&self, headers: &mut HeaderMap) {
        if let Ok(parent) = HeaderValue::from_str(&self.parent) {
            headers.insert(TRACEPARENT, parent);
        }
        match &self.state {
            Some(state) => headers.insert(TRACESTATE, state.clone()),
            None => headers.remove(TRACESTATE),
        };
    }

    /// The trace's id, for the log.
    pub(crate) fn id(&self) -> String {
        let parent = TraceParent::parse(&self.parent);
        parent.map_or_else(String::new, |parent| parent.trace_id.to_owned())
    }

    pub(super) fn state(&self) -> Option<&HeaderValue> {
        self.state.as_ref()
    }

    /// The span that is named, as a parent of others.
    pub(super) fn context(&self) -> Context {
        let Some(parent) = TraceParent::parse(&self.parent) else {
            return Context::new();
        };
        let flags = match parent.is_sampled() {
            true => TraceFlags::SAMPLED,
            false => TraceFlags::default(),
        };
        let state = self.state.as_ref().and_then(|state| state.to_str().ok());
        let state: Option<TraceState> = state.and_then(|state| state.parse().ok());
        let (Ok(trace), Ok(span)) = (
            TraceId::from_hex(parent.trace_id),
            SpanId::from_hex(parent.parent_id),
        ) else {
            return Context::new();
        };
        let named = SpanContext::new(trace, span, flags, true, state.unwrap_or_default());
        Context::new().with_remote_span_context(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(parents: &[&str], states: &[&str]) -> Option<TraceHeaders> {
        let named = |name: HeaderName| move |value: &&str| (name.clone(), value.parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.extend(parents.iter().map(named(TRACEPARENT)));
        headers.extend(states.iter().map(named(TRACESTATE)));
        TraceHeaders::read(&headers)
    }

    #[test]
    fn a_trace_is_passed_on_as_it_came() {
        let mut headers = HeaderMap::from_iter([(TRACESTATE, HeaderValue::from_static("x=y"))]);
        let state = "congo=t61rcWkgMzE, rojo@1=00f0==";
        let trace = read(&[PARENT], &[state]).unwrap();
        trace.write_into(&mut headers);
        assert_eq!(headers[TRACEPARENT], PARENT);
        assert_eq!(headers[TRACESTATE], state);
        assert_eq!(trace.id(), PARENT[3..35]);
        let two = read(&[PARENT], &["a=1", "", "b=2"]).unwrap();
        assert_eq!(two.state.unwrap(), "a=1,b=2");
        let later = read(&[&format!("01{}-more", &PARENT[2..])], &[]).unwrap();
        assert_eq!(later.parent, PARENT);
    }

    #[test]
    fn of_a_client_s_state_of_its_trace_others_get_little() {
        for (length, is_kept) in [(0, false), (512, true), (513, false), (60_000, false)] {
            let state = "x".repeat(length);
            let trace = read(&[PARENT], &[&state]).unwrap();
            assert_eq!(trace.state.is_some(), is_kept, "{length}");
            let mut headers = HeaderMap::from_iter([(TRACESTATE, HeaderValue::from_static("y"))]);
            trace.write_into(&mut headers);
            assert_eq!(headers.contains_key(TRACESTATE), is_kept, "{length}");
        }
    }

    #[test]
    fn what_names_no_trace_or_two_is_none() {
        for parents in [&[][..], &["1-1-1-1"], &["x"], &[PARENT, PARENT]] {
            assert_eq!(read(parents, &["a=1"]), None, "{parents:?}");
        }
    }

    #[test]
    fn a_span_below_it_has_its_trace() {
        use opentelemetry::trace::TraceContextExt as _;
        for flags in ["00", "01"] {
            let parent = format!("{}{flags}", &PARENT[..53]);
            let trace = read(&[&parent], &["a=1"]).unwrap();
            let context = trace.context();
            let span = context.span().span_context().clone();
            assert!(span.is_remote() && span.is_sampled() == (flags == "01"));
            assert_eq!(span.trace_state().header(), "a=1");
            assert_eq!(TraceHeaders::of(&span, trace.state.clone()), trace);
        }
    }
}
