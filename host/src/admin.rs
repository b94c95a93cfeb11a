//! A listener of its own for looking into a running host, `GET /counters`, and for making it
//! misbehave: `PUT /faults` with the faults of `--fault`, apart by white space, which replace those
//! there are.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::app::App;
use crate::kv::FaultPlan;

/// Faults are a few words.
const MAX_BODY: usize = 4 << 10;

/// Serves the counters and faults of `app` for ever. The listener should be one that only this
/// machine reaches.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        let service = service_fn(move |request| {
            let app = app.clone();
            async move { Ok::<_, Infallible>(answer(&app, request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(app: &App, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/counters") => {
            match serde_json::to_vec_pretty(&app.counters().snapshot()) {
                Ok(json) => {
                    let mut response = Response::new(Full::from(json));
                    response.headers_mut().insert(
                        header::CONTENT_TYPE,
                        header::HeaderValue::from_static("application/json"),
                    );
                    response
                }
                Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
            }
        }
        (&Method::PUT, "/faults") => match faults(request).await {
            Some(plan) => {
                app.misbehave(plan);
                status(StatusCode::NO_CONTENT)
            }
            None => status(StatusCode::BAD_REQUEST),
        },
        _ => status(StatusCode::NOT_FOUND),
    }
}

async fn faults(request: Request<Incoming>) -> Option<FaultPlan> {
    let body = Limited::new(request.into_body(), MAX_BODY)
        .collect()
        .await
        .ok()?;
    std::str::from_utf8(&body.to_bytes()).ok()?.parse().ok()
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
