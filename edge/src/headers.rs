//! The headers that cross the edge, and those that it adds.

use crate::caller::Caller;
use admission::{STREAM_BUDGET, TraceParent};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, Entry},
};

/// The header with the secret by which the application knows an edge.
pub const EDGE_SECRET: HeaderName = HeaderName::from_static("x-edge-secret");
/// The header with the client's address.
pub const EDGE_CLIENT: HeaderName = HeaderName::from_static("x-edge-client");
pub(crate) const EDGE_PROTOCOL: HeaderName = HeaderName::from_static("x-edge-protocol");
pub(crate) const EDGE_ORIGIN: HeaderName = HeaderName::from_static("x-edge-origin");
pub(crate) const EDGE_LABEL: HeaderName = HeaderName::from_static("x-edge-label");
pub(crate) const EDGE_CAP: HeaderName = HeaderName::from_static("x-edge-cap");
pub(crate) const EDGE_TERMINAL: HeaderName = HeaderName::from_static("x-edge-terminal");
pub(crate) const EDGE_ENDS: HeaderName = HeaderName::from_static("x-edge-ends");
pub(crate) const EDGE_POSITION: HeaderName = HeaderName::from_static("x-edge-position");
pub(crate) const EDGE_SNAPSHOTS: HeaderName = HeaderName::from_static("x-edge-snapshots");
/// The header that offers to keep a stream while it has nothing to say.
pub const EDGE_PARK: HeaderName = HeaderName::from_static("x-edge-park");
pub(crate) const EDGE_PARKED: HeaderName = HeaderName::from_static("x-edge-parked");
pub(crate) const STREAM_KEY: HeaderName = HeaderName::from_static("stream-key");

pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The headers that name the trace which a request belongs to (W3C Trace Context).
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static(admission::TRACEPARENT);
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static(admission::TRACESTATE);

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Hop-by-hop headers: those of RFC 9110 section 7.6.1, and what older software puts on a single
/// connection.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whether a header is for edge and application only.
fn is_private(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-edge-") || *name == STREAM_KEY || *name == STREAM_BUDGET
}

/// Whether a header says where a request came from; the edge says that itself.
fn is_forwarding(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-forwarded-")
        || *name == header::FORWARDED
        || name.as_str() == "x-real-ip"
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// Removes the headers of one connection: the hop-by-hop headers, and those that `Connection`
/// names.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Adds the headers that tell the upstream who asks, and by which scheme and host; they count only
/// with the secret.
pub(crate) fn add_caller(headers: &mut HeaderMap, caller: &Caller, secret: Option<&HeaderValue>) {
    let address = caller.address.to_canonical().to_string();
    let scheme = caller.scheme();
    // An address with colons is written in brackets and quotes: RFC 7239 section 6.
    let node = if address.contains(':') {
        format!("\"[{address}]\"")
    } else {
        address.clone()
    };
    let mut forwarded = format!("for={node};proto={scheme}");
    if let Some(host) = &caller.host {
        forwarded.push_str(&format!(";host=\"{}\"", host.to_str().unwrap_or_default()));
        headers.insert(FORWARDED_HOST, host.clone());
    }
    for (name, value) in [
        (EDGE_CLIENT, &address),
        (FORWARDED_FOR, &address),
        (header::FORWARDED, &forwarded),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if let Some(secret) = secret {
        headers.insert(EDGE_SECRET, secret.clone());
    }
}

/// Removes from a client's request the headers that the upstream is not to see.
pub(crate) fn clean_request(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    remove_where(headers, |name| is_private(name) || is_forwarding(name));
    // The length is told anew from the body, so that it cannot contradict it; the edge itself
    // answers `Expect`.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::EXPECT);
}

/// Removes from the upstream's response the headers that a client is not to see.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    remove_hop_by_hop(headers);
    remove_where(headers, is_private);
}

/// The id of the trace that a request belongs to, for the log.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(TRACEPARENT)?.to_str().ok()?;
    Some(TraceParent::parse(header)?.trace_id)
}

/// Copies all values of some headers.
pub(crate) fn copy(from: &HeaderMap, to: &mut HeaderMap, wanted: impl Fn(&HeaderName) -> bool) {
    for name in from.keys().filter(|name| wanted(name)) {
        if let Entry::Vacant(entry) = to.entry(name) {
            let mut values = from.get_all(name).iter();
            if let Some(first) = values.next() {
                let mut entry = entry.insert_entry(first.clone());
                for value in values {
                    entry.append(value.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn a_client_cannot_speak_as_the_edge() {
        let mut request = headers(&[
            ("x-edge-secret", "guess"),
            ("X-Edge-Anything", "x"),
            ("x-stream-budget", "0"),
            ("stream-key", "k"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
            ("connection", "keep-alive, X-Named"),
            ("x-named", "x"),
            ("te", "trailers"),
            ("content-length", "3"),
            ("expect", "100-continue"),
            ("accept", "text/html"),
        ]);
        clean_request(&mut request);
        assert_eq!(request, headers(&[("accept", "text/html")]));
    }

    #[test]
    fn a_client_is_told_in_every_header_that_names_one() {
        let mut request = headers(&[("host", "app.example:8080")]);
        let client = Caller {
            address: "2001:db8::1".parse().unwrap(),
            is_tls: true,
            host: request.get("host").cloned(),
        };
        add_caller(&mut request, &client, Some(&HeaderValue::from_static("s")));
        let expected = headers(&[
            ("host", "app.example:8080"),
            ("x-forwarded-host", "app.example:8080"),
            ("x-edge-client", "2001:db8::1"),
            ("x-forwarded-for", "2001:db8::1"),
            (
                "forwarded",
                "for=\"[2001:db8::1]\";proto=https;host=\"app.example:8080\"",
            ),
            ("x-forwarded-proto", "https"),
            ("x-edge-secret", "s"),
        ]);
        assert_eq!(request, expected);
    }
}
