//! A client of the application: requests, jobs and their streams, with the time of everything.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::app::TIME_LIMIT;

/// A request that makes a job.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// Path and query.
    pub path: &'static str,
    /// Media type of the body.
    pub kind: &'static str,
    /// The body.
    pub body: Bytes,
}

/// A whole response.
pub(crate) struct WholeResponse {
    /// HTTP status.
    pub status: u16,
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

/// The events of a stream, with their times.
#[derive(Debug, Default)]
pub(crate) struct StreamLog {
    /// Size of the body, in bytes.
    pub bytes: usize,
    /// Number of events that had come when the outcome was known.
    pub events: usize,
    /// Latency in ms of each event but the first, from the commit that it reports. The first
    /// reports the state before the stream.
    pub latencies: Vec<f64>,
    /// Time at which each count of finished books was first received.
    pub first_read: BTreeMap<u64, Instant>,
    /// Time at which the first book was received.
    pub first_book: Option<Instant>,
    /// The name of the last event.
    pub outcome: String,
}

/// A client with connections that are used again.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the server at `address`.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { address, http }
    }

    /// The address of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(self.http.request(request.body(Full::new(body))?).await?)
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<WholeResponse> {
        let response = self.open(method, path, headers, body).await?;
        let etag = response.headers().get("etag");
        Ok(WholeResponse {
            status: response.status().as_u16(),
            etag: etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned),
            body: response.into_body().collect().await?.to_bytes(),
        })
    }

    /// Sends a `GET`.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<WholeResponse> {
        self.ask("GET", path, &[], Bytes::new()).await
    }

    /// Makes a job; returns the `data` of its `202`.
    pub(crate) async fn submit(&self, work: &Work) -> anyhow::Result<Value> {
        let headers = [("content-type", work.kind)];
        let answer = self
            .ask("POST", work.path, &headers, work.body.clone())
            .await?;
        ensure!(answer.status == 202, "status {}", answer.status);
        let mut answer: Value = serde_json::from_slice(&answer.body)?;
        Ok(answer["data"].take())
    }

    /// Makes a job and follows its own stream to the outcome.
    pub(crate) async fn submit_and_follow(&self, work: &Work) -> anyhow::Result<StreamLog> {
        let accepted = self.submit(work).await?;
        self.follow(accepted["sseUrl"].as_str().context("sseUrl")?)
            .await
    }

    /// Makes a job and follows it on the response itself to the outcome.
    pub(crate) async fn attach(&self, work: &Work) -> anyhow::Result<StreamLog> {
        self.attach_with(work, &[]).await
    }

    /// Makes a job of a photo that no vision model looks at, only its barcodes are read, and
    /// follows it to the outcome.
    pub(crate) async fn read_barcodes(&self, photo: &Work) -> anyhow::Result<StreamLog> {
        self.attach_with(photo, &[("x-ai-provider", "barcode")])
            .await
    }

    async fn attach_with(&self, work: &Work, more: &[(&str, &str)]) -> anyhow::Result<StreamLog> {
        let mut headers = vec![("content-type", work.kind), ("accept", "text/event-stream")];
        headers.extend(more);
        let response = self
            .open("POST", work.path, &headers, work.body.clone())
            .await?;
        read(response).await
    }

    /// Follows a stream to its end.
    pub(crate) async fn follow(&self, path: &str) -> anyhow::Result<StreamLog> {
        read(self.open("GET", path, &[], Bytes::new()).await?).await
    }

    /// Opens a stream on a connection of its own from one of this machine's own addresses; returns
    /// its body. `after` is the id of the last event that the client has had.
    pub(crate) async fn hold_from(
        &self,
        from: Ipv4Addr,
        path: &str,
        after: Option<&str>,
    ) -> anyhow::Result<Incoming> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = socket.connect(self.address).await?;
        let io = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        let mut request = Request::get(path)
            .header("host", self.address.to_string())
            .header("accept", "text/event-stream");
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Full::<Bytes>::default())?;
        let response = sender.send_request(request).await?;
        ensure!(response.status() == 200, "status {}", response.status());
        Ok(response.into_body())
    }

    /// Opens a stream, and reads of it only its first event.
    pub(crate) async fn hold(&self, path: &str) -> anyhow::Result<Response<Incoming>> {
        let mut response = self.open("GET", path, &[], Bytes::new()).await?;
        ensure!(response.status() == 200, "status {}", response.status());
        response.body_mut().frame().await.context("an event")??;
        Ok(response)
    }
}

async fn read(response: Response<Incoming>) -> anyhow::Result<StreamLog> {
    ensure!(response.status() == 200, "status {}", response.status());
    let mut body = response.into_body();
    let mut log = StreamLog::default();
    let mut text = String::new();
    let end = Instant::now() + TIME_LIMIT;
    while let Some(frame) = tokio::time::timeout_at(end.into(), body.frame()).await? {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let now = SystemTime::now();
        log.bytes += data.len();
        text.push_str(std::str::from_utf8(&data)?);
        while let Some(at) = text.find("\n\n") {
            let event: String = text.drain(..at + 2).collect();
            log.record(&event, now)?;
        }
    }
    match log.outcome.as_str() {
        "completed" | "failed" => Ok(log),
        other => bail!("the stream ended after {other:?}"),
    }
}

impl StreamLog {
    fn record(&mut self, event: &str, now: SystemTime) -> anyhow::Result<()> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let Some(name) = field("event: ").filter(|name| *name != "accepted") else {
            return Ok(());
        };
        if name == "book" {
            self.first_book.get_or_insert_with(Instant::now);
        }
        let data: Value = serde_json::from_str(field("data: ").unwrap_or("null"))?;
        let at = data["updatedAt"].as_str().or(data["completedAt"].as_str());
        if self.events > 0
            && let Some(at) = at.and_then(since_midnight)
        {
            self.latencies.push(lateness(at, now)?);
        }
        if let Some(processed) = data["processedCount"].as_u64() {
            self.first_read
                .entry(processed)
                .or_insert_with(Instant::now);
        }
        self.events += 1;
        name.clone_into(&mut self.outcome);
        Ok(())
    }
}

const DAY: f64 = 86_400_000.0;

/// Time in ms between the time that a document states, in whole ms since midnight, and `now`. The
/// stated time is rounded down, by half a millisecond on average, which is taken off: it is not the
/// stream's fault.
fn lateness(since_midnight: u64, now: SystemTime) -> anyhow::Result<f64> {
    let now = now.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3;
    #[expect(clippy::cast_precision_loss, reason = "ms of a day")]
    let then = since_midnight as f64 + 0.5;
    // A little early is rounding, not a day.
    Ok((now - then + 1_000.0).rem_euclid(DAY) - 1_000.0)
}

/// Parses `2026-01-31T09:15:02.125Z` as milliseconds since midnight.
fn since_midnight(time: &str) -> Option<u64> {
    let clock = time.split_once('T')?.1.strip_suffix('Z')?;
    let mut parts = clock.split([':', '.']).map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    Some(((next()? * 60 + next()?) * 60 + next()?) * 1000 + next()?)
}

/// Converts a time to ms.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_told_across_midnight_and_less_than_nothing_is_rounding() {
        let at = |ms: u64| UNIX_EPOCH + Duration::from_millis(ms);
        let noon = since_midnight("2026-01-31T12:00:00.250Z").unwrap();
        assert_eq!(lateness(noon, at(43_200_252)).unwrap(), 1.5);
        assert_eq!(lateness(noon, at(43_200_250)).unwrap(), -0.5);
        assert_eq!(lateness(86_399_999, at(86_400_001)).unwrap(), 1.5);
    }
}
