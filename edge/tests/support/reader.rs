//! A client of event streams.

use super::{Served, within};
use bytes::Bytes;
use http::{Request, request::Builder};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One open stream, as its chunks come.
pub(crate) struct Reader {
    pub(crate) body: Incoming,
    pub(crate) status: u16,
}

impl Reader {
    pub(crate) async fn open(edge: &Served, target: &str, headers: &[(&str, &str)]) -> Self {
        Self::ask(edge, Request::get(target), headers).await
    }

    pub(crate) async fn ask(edge: &Served, request: Builder, headers: &[(&str, &str)]) -> Self {
        let stream = TcpStream::connect(edge.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = request.header("host", "x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = within(sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()))
            .await
            .unwrap();
        let status = response.status().as_u16();
        for name in response.headers().keys() {
            let name = name.as_str();
            assert!(
                !name.starts_with("x-edge-") && name != "stream-key",
                "{name}"
            );
        }
        Self {
            body: response.into_body(),
            status,
        }
    }

    /// The next chunk; `None` at a clean end.
    pub(crate) async fn chunk(&mut self) -> Option<Result<String, hyper::Error>> {
        loop {
            match within(self.body.frame()).await? {
                Ok(frame) => match frame.into_data() {
                    Ok(data) => return Some(Ok(String::from_utf8(data.to_vec()).unwrap())),
                    Err(_) => continue,
                },
                Err(error) => return Some(Err(error)),
            }
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        self.chunk().await.expect("not the end").expect("not cut")
    }

    /// The next chunk that is no heartbeat: on a busy machine some may come before it.
    pub(crate) async fn text_after_heartbeats(&mut self) -> String {
        loop {
            let text = self.text().await;
            if text != ": heartbeat\n\n" {
                return text;
            }
        }
    }

    /// The next block, in however many chunks a large one comes.
    pub(crate) async fn block(&mut self) -> String {
        let mut block = self.text().await;
        while !block.ends_with("\n\n") {
            block.push_str(&self.text().await);
        }
        block
    }

    /// Everything until the end, which is clean or not.
    pub(crate) async fn rest(&mut self) -> (String, bool) {
        let mut all = String::new();
        loop {
            match self.chunk().await {
                None => return (all, true),
                Some(Ok(text)) => all.push_str(&text),
                Some(Err(_)) => return (all, false),
            }
        }
    }
}

/// An event as it is written.
pub(crate) fn event(id: usize, event: &str, data: &str) -> String {
    format!("id: {id}\nevent: {event}\ndata: {data}\n\n")
}
