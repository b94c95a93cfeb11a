//! A listener of its own for looking into a running host: `GET /counters`.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::app::App;

/// Serves the counters of `app` for ever. The listener should be one that only this machine reaches.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        let service = service_fn(move |request| {
            let response = answer(&app, &request);
            async move { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(app: &App, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let found = (request.method(), request.uri().path()) == (&Method::GET, "/counters");
    let json = if found {
        serde_json::to_vec_pretty(&app.counters().snapshot()).ok()
    } else {
        None
    };
    match json {
        Some(json) => {
            let mut response = Response::new(Full::from(json));
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                header::HeaderValue::from_static("application/json"),
            );
            response
        }
        None => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}
