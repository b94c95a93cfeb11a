//! Limits that scenarios are held against: what a native server does at best with the same
//! libraries.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

use crate::client::ms;

/// An event of the size that the application's have.
fn event(number: usize) -> Bytes {
    let data = "x".repeat(400);
    Bytes::from(format!("id: {number}\nevent: processing\ndata: {data}\n\n"))
}

/// A server of event streams in the memory of one process: hyper and a broadcast channel.
pub(crate) struct Broadcast {
    address: SocketAddr,
    news: broadcast::Sender<Bytes>,
}

impl Broadcast {
    /// Starts the server.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (news, _) = broadcast::channel::<Bytes>(64);
        let sender = news.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Best effort, as everywhere: a platform without it is slower.
                let _ = stream.set_nodelay(true);
                let sender = sender.clone();
                let service = service_fn(move |_: Request<hyper::body::Incoming>| {
                    let news = sender.subscribe();
                    async move { Ok::<_, Infallible>(answer(news)) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, news })
    }

    /// Sends so many events to so many streams, one every `pause`; returns for each event and
    /// stream the ms from sending to reading.
    pub(crate) async fn measure(
        &self,
        streams: usize,
        events: usize,
        pause: Duration,
    ) -> anyhow::Result<Vec<f64>> {
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http::<http_body_util::Empty<Bytes>>();
        let (sent, _) = broadcast::channel::<Instant>(64);
        let mut readers = Vec::new();
        for _ in 0..streams {
            let request = Request::get(format!("http://{}/", self.address));
            let request = request.body(http_body_util::Empty::new())?;
            let mut body = client.request(request).await?.into_body();
            let mut sent = sent.subscribe();
            readers.push(tokio::spawn(async move {
                let mut late = Vec::new();
                for _ in 0..events {
                    body.frame().await.context("an event")??;
                    let now = Instant::now();
                    late.push(ms(now - sent.recv().await?));
                }
                anyhow::Ok(late)
            }));
        }
        for number in 0..events {
            tokio::time::sleep(pause).await;
            // Everybody listens, or the readers fail.
            let _ = sent.send(Instant::now());
            let _ = self.news.send(event(number));
        }
        let mut late = Vec::new();
        for reader in readers {
            late.extend(reader.await??);
        }
        Ok(late)
    }
}

fn answer(
    news: broadcast::Receiver<Bytes>,
) -> Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>> {
    let events = unfold(news, |mut news| async move {
        let event = news.recv().await.ok()?;
        Some((Ok(Frame::data(event)), news))
    });
    let mut response = Response::new(StreamBody::new(events));
    let kind = hyper::header::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert("content-type", kind);
    response
}

/// Half the time that a WebSocket message takes to a native echo and back, in ms.
pub(crate) async fn echo(messages: usize) -> anyhow::Result<Vec<f64>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (sink, stream) = tokio_tungstenite::accept_async(stream).await?.split();
        stream.forward(sink).await?;
        anyhow::Ok(())
    });
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{address}/"), stream).await?;
    let mut times = Vec::new();
    for number in 0..messages {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let text = String::from_utf8(event(number).to_vec())?;
        let start = Instant::now();
        futures::SinkExt::send(&mut socket, Message::text(text)).await?;
        socket.next().await.context("an echo")??;
        times.push(ms(start.elapsed()) / 2.0);
    }
    server.abort();
    Ok(times)
}

/// Time, in ms, to write these values to SQLite as the host's store does, one transaction each.
pub(crate) fn sqlite(
    dir: &std::path::Path,
    values: &[&[u8]],
    rounds: u32,
) -> anyhow::Result<Vec<f64>> {
    let database = rusqlite::Connection::open(dir.join("limit.db"))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "NORMAL")?;
    database.execute(
        "CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, v BLOB NOT NULL)",
        (),
    )?;
    let mut times = Vec::new();
    for round in 0..rounds {
        let start = Instant::now();
        for (n, value) in values.iter().enumerate() {
            database.execute(
                "INSERT INTO t VALUES (?1, ?2)",
                (format!("{round}.{n}"), value),
            )?;
        }
        times.push(ms(start.elapsed()));
    }
    Ok(times)
}
