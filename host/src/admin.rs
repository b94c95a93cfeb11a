//! The administrator's listener, for looking into a running host, `GET /metrics` (Prometheus) and
//! `GET /counters`, and for making it misbehave: `PUT /faults` with the faults of `--fault`, apart
//! by white space, which replace those there are.

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
use crate::edge::Sockets;
use crate::kv::FaultPlan;
use crate::metrics::{self, Metrics};

/// Largest body, in bytes: faults are a few words.
const MAX_BODY: usize = 4 << 10;

/// The metrics that the listener serves.
pub enum Served {
    /// A running application, with the sockets of its edge.
    Application(Arc<App>, Option<Sockets>),
    /// Metrics from log files.
    Logs(Arc<Metrics>),
}

/// Answers on `listener` for ever. It should be one that only this machine reaches.
pub async fn serve(listener: TcpListener, served: Served) {
    let served = Arc::new(served);
    while let Ok((stream, _)) = listener.accept().await {
        let served = served.clone();
        let service = service_fn(move |request| {
            let served = served.clone();
            async move { Ok::<_, Infallible>(served.answer(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Served {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path(), self) {
            (&Method::GET, "/metrics", _) => text(metrics::CONTENT_TYPE, self.metrics()),
            (&Method::GET, "/counters", Self::Application(app, _)) => {
                match serde_json::to_string_pretty(&app.counters().snapshot()) {
                    Ok(json) => text("application/json", json),
                    Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
                }
            }
            (&Method::PUT, "/faults", Self::Application(app, _)) => match faults(request).await {
                Some(plan) => {
                    app.misbehave(plan);
                    status(StatusCode::NO_CONTENT)
                }
                None => status(StatusCode::BAD_REQUEST),
            },
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn metrics(&self) -> String {
        match self {
            Self::Logs(metrics) => metrics.text(None),
            Self::Application(app, sockets) => {
                let text = app.metrics().text(Some(&app.counters().snapshot()));
                match sockets {
                    Some(sockets) => metrics::joined(text, &sockets.metrics()),
                    None => text,
                }
            }
        }
    }
}

fn text(content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    let content_type = header::HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
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
