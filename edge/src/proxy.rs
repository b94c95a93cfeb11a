//! A reverse proxy for the one upstream: everything that is not a WebSocket.

use crate::{
    answer,
    body::{Activity, BodyEnd, IdleTimeoutBody, Linger, NotedBody, when_over},
    caller::Caller,
    config::{Limits, Times},
    events::{Events, Newcomer, is_shareable},
    head::head_error,
    headers::{self, EDGE_PARK},
    hub::Streams,
    mend::{Mender, is_mendable},
    metrics::{Metrics, Status},
    upload::{Upload, UploadError, Uploads},
    upstream::{Body, BodyError, BoxError, Upstream},
};
use admission::{Admission, ClientKey, Held, PerClient, ResponseAction};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::sync::{Arc, OnceLock};
use tokio::select;
use tokio_util::sync::CancellationToken;

/// The proxy: forwards requests and answers between clients and the application.
pub(crate) struct Proxy {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) secret: Option<HeaderValue>,
    pub(crate) limits: Limits,
    pub(crate) times: Times,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) events: Arc<Streams<Events>>,
    pub(crate) uploads: Uploads,
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

/// The response to a request whose body did not come as it should.
fn bad_upload(error: UploadError) -> Response<Body> {
    match error {
        UploadError::Broken => answer::refuse(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST",
            "the request's body broke off or is malformed",
        ),
        UploadError::Crowded => {
            answer::busy("the request's body came slowly, and others wait; try again")
        }
        UploadError::Idle(_) | UploadError::TooSlow | UploadError::TooLong(_) => answer::refuse(
            StatusCode::REQUEST_TIMEOUT,
            "INVALID_REQUEST",
            "the request's body took too long",
        ),
    }
}

impl Proxy {
    /// Answers one request with the upstream's answer.
    pub(crate) async fn forward(
        &self,
        request: Request<Incoming>,
        caller: &Caller,
        shutdown: &CancellationToken,
    ) -> Response<Body> {
        let response = self.exchange(request, caller, shutdown).await;
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
        request: Request<Incoming>,
        caller: &Caller,
        shutdown: &CancellationToken,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        // From here on a body that is refused is drained for a moment.
        let refused = |body| drop(Upload::new(body, self.times.upload.clone(), None));
        if let Some(refusal) = head_error(&parts) {
            refused(body);
            return refusal;
        }
        let Some(path_and_query) = parts.uri.path_and_query().cloned() else {
            refused(body);
            return answer::refuse(
                StatusCode::BAD_REQUEST,
                "INVALID_REQUEST",
                "the request has no target",
            );
        };
        parts.uri = Uri::from(path_and_query);
        parts.version = Version::HTTP_11;
        headers::clean_request(&mut parts.headers);
        headers::add_caller(&mut parts.headers, caller, self.secret.as_ref());
        if parts.method == Method::GET {
            self.events.kind.offer(&mut parts.headers);
        }

        let client = ClientKey::of(caller.address);
        let admitted = self.admission.admit(
            client,
            self.per_client(),
            &parts.method,
            &parts.uri,
            &parts.headers,
        );
        let Ok(ticket) = admitted else {
            refused(body);
            return answer::too_many("too many requests of this address at the same time");
        };
        if http_body::Body::size_hint(&body).lower() > self.limits.body_bytes as u64 {
            refused(body);
            return self.too_large();
        }
        let Ok(place) = self.uploads.place(client, &body).await else {
            refused(body);
            return answer::busy("too many uploads are under way; try again");
        };
        ticket.mark(&mut parts.headers);
        let activity = Activity::now();
        let upload = Upload::new(body, self.times.upload.clone(), place);
        let failure = upload.failure();
        let noted = NotedBody {
            inner: upload,
            activity: activity.clone(),
        };
        let body = Limited::new(noted, self.limits.body_bytes)
            .map_err(BodyError)
            .boxed_unsync();
        let first = Request::from_parts(parts.clone(), body);
        // A client that leaves now has begun something all the same.
        let ticket = Linger::new(ticket, self.times.abandoned);
        let mut response = match self.call(first, &activity, &failure).await {
            Ok(response) => response,
            Err(refusal) => {
                ticket.over();
                return refusal;
            }
        };
        let Some(ticket) = ticket.over() else {
            return answer::no_upstream(true);
        };
        let held = match ticket.settle(response.headers()) {
            ResponseAction::Pass(held) => held,
            ResponseAction::Repeat(ticket) => {
                ticket.mark(&mut parts.headers);
                let again = Request::from_parts(
                    parts.clone(),
                    Empty::new().map_err(|never| match never {}).boxed_unsync(),
                );
                let (activity, no_upload) = (Activity::now(), OnceLock::new());
                response = match self.call(again, &activity, &no_upload).await {
                    Ok(response) => response,
                    Err(refusal) => return refusal,
                };
                match ticket.settle(response.headers()) {
                    ResponseAction::Pass(held) => held,
                    // It is asked for again only once.
                    ResponseAction::Repeat(_) => return answer::no_upstream(true),
                }
            }
        };
        let mut held = held;
        let may_lead = held.is_stream();
        if is_shareable(&parts.method, &response)
            && let Some(place) = held.take_place()
        {
            let newcomer = Newcomer {
                client,
                may_park: parts.headers.contains_key(EDGE_PARK),
                uri: parts.uri,
                headers: parts.headers,
                permit: Linger::new(held, self.times.abandoned),
                may_lead,
                max_unread: self.limits.unread_events,
                shutdown: shutdown.clone(),
            };
            response = self.events.share(newcomer, response);
            headers::clean_response(response.headers_mut());
            return when_over(response, move |_| drop(place));
        }
        if may_lead && is_mendable(&parts.method, &response) {
            let mender = Mender {
                upstream: self.upstream.clone(),
                uri: parts.uri,
                headers: parts.headers,
                times: self.times.clone(),
                max_event: self.limits.event_bytes,
                event_room: self.events.kind.event_room.clone(),
                metrics: self.metrics.clone(),
                shutdown: shutdown.clone(),
            };
            response = mender.mend(response);
        } else {
            let silence = self.times.response_body;
            response = response.map(|body| IdleTimeoutBody::new(body, silence).boxed_unsync());
        }
        headers::clean_response(response.headers_mut());
        self.holding(response, held)
    }

    /// Keeps the permits of a request until it is over; when the client leaves early, until the
    /// application has most likely noticed.
    fn holding(&self, response: Response<Body>, held: Held) -> Response<Body> {
        let held = Linger::new(held, self.times.abandoned);
        when_over(response, move |end| {
            if end == BodyEnd::Complete {
                held.over();
            }
        })
    }

    async fn call(
        &self,
        request: Request<Body>,
        activity: &Activity,
        upload: &OnceLock<UploadError>,
    ) -> Result<Response<Body>, Response<Body>> {
        let trace = headers::trace_id(request.headers()).map(str::to_owned);
        select! {
            response = self.upstream.call(request) => response.map_err(|error| {
                if is_too_large(&error) {
                    return self.too_large();
                }
                if let Some(error) = upload.get() {
                    return bad_upload(*error);
                }
                let trace = trace.as_deref();
                tracing::warn!(traceId = trace, %error, "the upstream did not answer");
                answer::no_upstream(true)
            }),
            () = activity.silent_for(self.times.response_head) => Err(answer::no_upstream(false)),
        }
    }

    fn per_client(&self) -> PerClient {
        PerClient {
            requests: self.limits.requests_per_address,
            streams: self.limits.streams_per_address,
            streams_per_target: self.limits.streams_per_target,
        }
    }

    fn too_large(&self) -> Response<Body> {
        let message = format!(
            "a request body has at most {} bytes",
            self.limits.body_bytes
        );
        answer::refuse(StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE", &message)
    }
}
