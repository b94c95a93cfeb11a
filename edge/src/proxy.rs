//! Everything that is not a WebSocket: a reverse proxy for the one upstream.

use crate::{
    answer,
    body::{Activity, IdleTimeoutBody},
    config::{Limits, Times},
    headers::{self, Client, STREAM_BUDGET},
    limits::{Limiter, Permit, address_key, held, stream_target},
    mend::{Mender, is_mendable},
    metrics::{Metrics, Status},
    sse::{accepts_event_stream, is_event_stream},
    upstream::{Body, BodyError, BoxError, Upstream},
};
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, request::Parts,
};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use std::{net::IpAddr, sync::Arc};
use tokio::select;
use tokio_util::sync::CancellationToken;

/// Forwards requests.
pub(crate) struct Proxy {
    upstream: Arc<dyn Upstream>,
    secret: Option<HeaderValue>,
    limits: Limits,
    times: Times,
    metrics: Arc<Metrics>,
    requests_by_address: Limiter<IpAddr>,
    streams_by_address: Limiter<IpAddr>,
    streams_by_target: Limiter<String>,
}

type StreamPermit = (Permit<IpAddr>, Option<Permit<String>>);

/// What is wrong with a request's head, if anything.
fn objection(parts: &Parts) -> Option<Response<Body>> {
    let bad = |message| {
        Some(answer::refuse(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST",
            message,
        ))
    };
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Some(answer::refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "not through this proxy",
        ));
    }
    if !parts.uri.path().starts_with('/') {
        return bad("the request target must be a path");
    }
    // RFC 9112 section 3.2: a request without Host, or with two, is answered 400.
    match parts.headers.get_all(header::HOST).iter().count() {
        1 => None,
        0 if parts.version < Version::HTTP_11 => None,
        _ => bad("exactly one Host header is required"),
    }
}

fn is_too_large(error: &BoxError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Proxy {
    pub(crate) fn new(
        upstream: Arc<dyn Upstream>,
        secret: Option<HeaderValue>,
        limits: Limits,
        times: Times,
        metrics: Arc<Metrics>,
    ) -> Self {
        let streams = limits.streams;
        Self {
            upstream,
            secret,
            limits,
            times,
            metrics,
            requests_by_address: Limiter::new(usize::MAX),
            streams_by_address: Limiter::new(streams),
            streams_by_target: Limiter::new(streams),
        }
    }

    /// Answers one request with the upstream's answer.
    pub(crate) async fn forward(
        &self,
        request: Request<Body>,
        client: &Client,
        shutdown: &CancellationToken,
    ) -> Response<Body> {
        // The server underneath reads a body of two framings as chunked, but does not tell that
        // there were two. A proxy before this one may have read the other; so that nothing can
        // follow such a body, no chunked request leaves its connection open (RFC 9112 section 6.1).
        let must_close = request.headers().contains_key(header::TRANSFER_ENCODING);
        let mut response = self.exchange(request, client, shutdown).await;
        if must_close {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.metrics
            .requests
            .get_or_create(&Status {
                status: response.status().as_u16(),
            })
            .inc();
        response
    }

    async fn exchange(
        &self,
        request: Request<Body>,
        client: &Client,
        shutdown: &CancellationToken,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        if let Some(refusal) = objection(&parts) {
            return refusal;
        }
        let Ok(in_flight) = self.requests_by_address.acquire(
            address_key(client.address),
            self.limits.requests_per_address,
        ) else {
            return answer::too_many("too many requests of this address at the same time");
        };
        if http_body::Body::size_hint(&body).lower() > self.limits.body_bytes as u64 {
            return self.too_large();
        }
        // The authority of an absolute target overrides Host: RFC 9112 section 3.2.2.
        if let Some(host) = parts
            .uri
            .authority()
            .and_then(|host| HeaderValue::from_str(host.as_str()).ok())
        {
            parts.headers.insert(header::HOST, host);
        }
        let Some(path_and_query) = parts.uri.path_and_query().cloned() else {
            return answer::refuse(
                StatusCode::BAD_REQUEST,
                "INVALID_REQUEST",
                "the request has no target",
            );
        };
        parts.uri = Uri::from(path_and_query);
        parts.version = Version::HTTP_11;
        headers::clean_request(&mut parts.headers);
        headers::introduce(&mut parts.headers, client, self.secret.as_ref());

        let mut permit = None;
        if accepts_event_stream(&parts.method, &parts.headers) {
            permit = self.stream_permit(&parts, client);
            if permit.is_none() {
                self.deny_budget(&mut parts);
            }
        }
        let activity = Activity::now();
        let is_over_budget = parts.headers.contains_key(STREAM_BUDGET);
        let body = IdleTimeoutBody::new(body, self.times.request_body, activity.clone());
        let body = Limited::new(body, self.limits.body_bytes)
            .map_err(BodyError)
            .boxed_unsync();
        let mut response = match self
            .call(Request::from_parts(parts.clone(), body), &activity)
            .await
        {
            Ok(response) => response,
            Err(refusal) => return refusal,
        };
        let is_unasked = parts.method == Method::GET && is_event_stream(response.headers());
        if is_unasked && permit.is_none() && !is_over_budget {
            // A stream that was not asked for as one.
            permit = self.stream_permit(&parts, client);
            if permit.is_none() {
                self.deny_budget(&mut parts);
                let again = Request::from_parts(
                    parts.clone(),
                    Empty::new().map_err(|never| match never {}).boxed_unsync(),
                );
                response = match self.call(again, &Activity::now()).await {
                    Ok(response) => response,
                    Err(refusal) => return refusal,
                };
            }
        }
        let permit = permit.filter(|_| is_event_stream(response.headers()));
        let silence = self.times.response_body;
        response = match permit {
            Some(permit) if is_mendable(&parts.method, &response) => Mender {
                upstream: self.upstream.clone(),
                uri: parts.uri,
                headers: parts.headers,
                times: self.times.clone(),
                max_event: self.limits.event_bytes,
                metrics: self.metrics.clone(),
                shutdown: shutdown.clone(),
            }
            .mend(response, permit),
            Some(permit) => response.map(|body| {
                let body = IdleTimeoutBody::new(body, silence, Activity::now()).boxed_unsync();
                held(body, permit)
            }),
            None => response.map(|body| {
                let body = IdleTimeoutBody::new(body, silence, Activity::now()).boxed_unsync();
                held(body, in_flight)
            }),
        };
        headers::clean_response(response.headers_mut());
        response
    }

    async fn call(
        &self,
        request: Request<Body>,
        activity: &Activity,
    ) -> Result<Response<Body>, Response<Body>> {
        select! {
            response = self.upstream.call(request) => response.map_err(|error| {
                if is_too_large(&error) {
                    return self.too_large();
                }
                tracing::warn!(%error, "the upstream did not answer");
                answer::no_upstream(true)
            }),
            () = activity.ceased(self.times.response_head) => Err(answer::no_upstream(false)),
        }
    }

    /// Room for one more stream. What a `POST` streams may be new with each, so only what a `GET`
    /// asks for has a target.
    fn stream_permit(&self, parts: &Parts, client: &Client) -> Option<StreamPermit> {
        let by_address = self
            .streams_by_address
            .acquire(address_key(client.address), self.limits.streams_per_address)
            .ok()?;
        let by_target = match parts.method == Method::GET {
            true => Some(
                self.streams_by_target
                    .acquire(stream_target(&parts.uri), self.limits.streams_per_target)
                    .ok()?,
            ),
            false => None,
        };
        Some((by_address, by_target))
    }

    fn deny_budget(&self, parts: &mut Parts) {
        self.metrics.streams_over_budget.inc();
        parts
            .headers
            .insert(STREAM_BUDGET, HeaderValue::from_static("0"));
    }

    fn too_large(&self) -> Response<Body> {
        let message = format!(
            "a request body has at most {} bytes",
            self.limits.body_bytes
        );
        answer::refuse(StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE", &message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> Option<StatusCode> {
        objection(&request.body(()).unwrap().into_parts().0).map(|response| response.status())
    }

    #[test]
    fn odd_heads_are_refused() {
        let get = || Request::get("/x");
        assert_eq!(status(get().header("host", "a")), None);
        assert_eq!(status(get()), Some(StatusCode::BAD_REQUEST));
        assert_eq!(status(get().version(Version::HTTP_10)), None);
        assert_eq!(
            status(get().header("host", "a").header("host", "a")),
            Some(StatusCode::BAD_REQUEST)
        );
        assert_eq!(
            status(Request::options("*").header("host", "a")),
            Some(StatusCode::BAD_REQUEST)
        );
        assert_eq!(
            status(Request::trace("/").header("host", "a")),
            Some(StatusCode::METHOD_NOT_ALLOWED)
        );
        assert_eq!(
            status(Request::connect("a:1").header("host", "a")),
            Some(StatusCode::METHOD_NOT_ALLOWED)
        );
        for accept in ["Text/Event-Stream", "\u{e9}, text/event-stream"] {
            let request = get().header("accept", accept.as_bytes()).body(());
            assert!(accepts_event_stream(
                &Method::GET,
                request.unwrap().headers()
            ));
        }
    }
}
