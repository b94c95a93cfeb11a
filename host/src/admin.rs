//! The administrator's listener, for looking into a running host, `GET /metrics` (Prometheus) and
//! `GET /counters`, and for making it misbehave: `PUT /faults` with the faults of `--fault`, apart
//! by white space, which replace those there are. Faults are taken from this machine only: whoever
//! may look at the metrics of a service is not to end it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::LocalNames;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::app::App;
use crate::edge::Sockets;
use crate::kv::FaultPlan;
use crate::metrics::{self, Metrics};

/// Largest body, in bytes: faults are a few words.
const MAX_BODY: usize = 4 << 10;

/// Time that a client may take for a request's head; also the time for which an idle connection is
/// kept: longer than between two looks of a monitoring system.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Pause after which a listener that cannot accept (no file descriptors, say) tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The metrics that the listener serves.
pub enum Served {
    /// A running application, with the sockets of its edge.
    Application(Arc<App>, Option<Sockets>),
    /// Metrics from log files.
    Logs(Arc<Metrics>),
}

/// Answers on `listener` for ever. It should be one that only this machine reaches; a request from
/// this machine must ask for an address, `localhost` or one of these names.
pub async fn serve(listener: TcpListener, served: Served, names: LocalNames) {
    let listened = Arc::new((served, names));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let listened = listened.clone();
        let service = service_fn(move |request| {
            let listened = listened.clone();
            async move {
                let (served, names) = &*listened;
                Ok::<_, Infallible>(served.answer_from(peer.ip(), names, request).await)
            }
        });
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
}

impl Served {
    /// Answers a request from `peer`, unless a page of another site sends it.
    async fn answer_from(
        &self,
        peer: IpAddr,
        names: &LocalNames,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        match names.refuse(peer, request.headers().get(header::HOST)) {
            true => status(StatusCode::MISDIRECTED_REQUEST),
            false => self.answer(peer, request).await,
        }
    }

    async fn answer(&self, peer: IpAddr, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path(), self) {
            (&Method::GET, "/metrics", _) => text(metrics::CONTENT_TYPE, self.metrics()),
            (&Method::GET, "/counters", Self::Application(app, _)) => {
                match serde_json::to_string_pretty(&app.counters().snapshot()) {
                    Ok(json) => text("application/json", json),
                    Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
                }
            }
            (&Method::PUT, "/faults", Self::Application(app, _)) if is_here(peer) => {
                match faults(request).await {
                    Some(plan) => {
                        app.misbehave(plan);
                        status(StatusCode::NO_CONTENT)
                    }
                    None => status(StatusCode::BAD_REQUEST),
                }
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn metrics(&self) -> String {
        match self {
            Self::Logs(metrics) => metrics.text(None),
            Self::Application(app, sockets) => {
                let text = app.metrics().text(Some(&app.counters().snapshot()));
                match sockets {
                    Some(sockets) => metrics::joined(text, &sockets.metrics(app)),
                    None => text,
                }
            }
        }
    }
}

/// Whether a request comes from this machine, not from another one or another container.
fn is_here(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// A page that made its name stand for this machine would otherwise read what is counted, and
    /// make the host misbehave: to the browser it is its own site.
    #[tokio::test]
    async fn a_page_of_another_site_reads_and_changes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = Served::Logs(Arc::new(Metrics::default()));
        let names = ["monitor.example".to_owned()].into_iter().collect();
        tokio::spawn(serve(listener, served, names));
        for (request, expected) in [
            ("GET /metrics HTTP/1.1\r\nhost: evil.example", "421"),
            ("PUT /faults HTTP/1.1\r\nhost: evil.example:1234", "421"),
            ("GET /metrics HTTP/1.1\r\nhost: localhost:9000", "200"),
            ("GET /metrics HTTP/1.1\r\nhost: 127.0.0.1", "200"),
            ("GET /metrics HTTP/1.1\r\nhost: monitor.example", "200"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("{request}\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let status = answer.split(' ').nth(1);
            assert_eq!(status, Some(expected), "{request}: {answer}");
        }
    }
}
