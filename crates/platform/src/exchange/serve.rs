//! What comes before and after a component's handler, and the components' entry point.

use std::cell::RefCell;

use api::cors::Origins;
use api::error::ApiError;
use http::header::{HeaderMap, HeaderValue};
use job::JobId;
use job::effects::{Clock, Entropy, Log};
use serde_json::json;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

use super::{Exchange, REQUEST_ID, STORE_RETRY_AFTER, failure};
use crate::config::{self, Config, ConfigError, origins};
use crate::http::{Incoming, Responder};
use crate::{Spin, client, poll};

/// Runs a component's handler on a request: opens the store, reads the configuration, responds to
/// preflights, and for a handler that did not respond.
pub fn serve(
    component: &'static str,
    request: IncomingRequest,
    out: ResponseOutparam,
    handler: impl AsyncFnOnce(&mut Exchange),
) {
    poll::run(async move {
        let request = Incoming::new(request);
        let responder = Responder::new(out);
        let trace = request
            .header(admission::TRACEPARENT)
            .and_then(admission::TraceParent::parse)
            .map(|parent| parent.trace_id.to_owned());
        let spin = match Spin::open(component, trace.clone()) {
            Ok(spin) => spin,
            Err(error) => {
                let mut line = json!({"level": "error", "component": component,
                    "event": "no-store", "message": error.to_string()});
                if let Some(trace) = trace {
                    line["traceId"] = trace.into();
                }
                eprintln!("{line}");
                return responder
                    .send(500, api::cors::security_headers(), b"")
                    .await;
            }
        };
        let began = spin.monotonic();
        let mut headers = api::cors::security_headers();
        let (cors, origin) = (origins(), request.header("origin"));
        let request_id = request
            .header("x-request-id")
            .and_then(api::request::request_id)
            .map_or_else(
                || JobId::from_bytes(spin.random()).to_string(),
                str::to_owned,
            );
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(REQUEST_ID, id);
        }
        if request.method == "OPTIONS" {
            headers.extend(cors.preflight(origin));
            return responder.send(204, headers, b"").await;
        }
        headers.extend(cors.headers(origin));
        let is_safe = matches!(request.method.as_str(), "GET" | "HEAD");
        // Whatever is asked of this component may be asked of a provider.
        let costs = !is_safe || component == "enrichment";
        if costs && is_of_foreign_page(&request, &cors) {
            let refusal = ApiError::forbidden_origin();
            let answer = failure(&refusal, spin.now(), &request.path, &request_id);
            headers.extend(answer.headers);
            return responder.send(answer.status, headers, &answer.body).await;
        }
        if let Some(name) = request.ambiguous_header() {
            let refusal = ApiError::invalid(name, "is there twice, or is no text");
            let answer = failure(&refusal, spin.now(), &request.path, &request_id);
            headers.extend(answer.headers);
            return responder.send(answer.status, headers, &answer.body).await;
        }
        // Who only looks at a job, and does so often, needs none of the variables checked here.
        let looks = component == "status" && is_safe && request.path != "/health";
        let config = async {
            if !looks {
                config::check()?;
            }
            Config::read(&spin, cors).await
        };
        let config = match config.await {
            Ok(config) => config,
            Err(error) => {
                return unable(&spin, responder, headers, request_id, &request.path, &error).await;
            }
        };
        let mut exchange = Exchange {
            spin,
            config,
            request,
            request_id,
            responder: Some(responder),
            refused: RefCell::default(),
            headers,
            began,
        };
        handler(&mut exchange).await;
        if exchange.responder.is_some() {
            let error = exchange.internal("the handler did not answer");
            let answer = exchange.failure(&error);
            exchange.send(answer).await;
        }
    });
}

/// Whether the request is of a page that may not start work here: browsers send some requests
/// before they ask whether they may. Pages that this application serves itself may, whatever they
/// are served as. A picture's request names no origin, but says that it is another site's, or of
/// another host of this one.
fn is_of_foreign_page(request: &Incoming, cors: &Origins) -> bool {
    let Some(page) = request.header("origin") else {
        let site = request.header("sec-fetch-site").unwrap_or_default();
        return matches!(site, "cross-site" | "same-site");
    };
    let own = client::origin(request);
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    let is_own = own.is_some_and(|own| host(&own).is_some() && host(&own) == host(page));
    !is_own && !cors.allow(page)
}

/// Responds when the application cannot handle any request.
async fn unable(
    spin: &Spin,
    responder: Responder,
    mut headers: HeaderMap,
    id: String,
    path: &str,
    error: &ConfigError,
) {
    let (event, error_answer) = match error {
        ConfigError::Settings(_) | ConfigError::Variable(_) => {
            ("misconfigured", ApiError::internal(id.clone()))
        }
        ConfigError::Store(_) => (
            "store-failed",
            ApiError::store_unavailable(STORE_RETRY_AFTER),
        ),
    };
    spin.log(
        event,
        json!({"level": "error", "requestId": id, "message": error.to_string()}),
    );
    let answer = failure(&error_answer, spin.now(), path, &id);
    headers.extend(answer.headers);
    responder.send(answer.status, headers, &answer.body).await;
}

/// Defines a component by `async fn handle(exchange: &mut Exchange)`.
#[macro_export]
macro_rules! component {
    ($name:literal, $handle:path) => {
        struct Component;

        impl $crate::wasi::exports::http::incoming_handler::Guest for Component {
            fn handle(
                request: $crate::wasi::http::types::IncomingRequest,
                out: $crate::wasi::http::types::ResponseOutparam,
            ) {
                $crate::exchange::serve($name, request, out, $handle);
            }
        }

        $crate::wasi::http::proxy::export!(Component with_types_in $crate::wasi);
    };
}
