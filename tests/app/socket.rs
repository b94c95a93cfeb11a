//! A WebSocket client.

use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use crate::app::TIME_LIMIT;

/// A message or a close, as a client reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Json(Value),
    Packed(Value),
    Raw(String),
    Closed(u16),
}

/// An open socket.
pub(crate) struct Socket {
    inner: WebSocket<TcpStream>,
    /// The subprotocol that was chosen.
    pub protocol: Option<String>,
    /// Jobs that it follows and whose end it has not been told.
    open_jobs: usize,
}

/// Whether a message is the last one about a job, in any schema.
fn is_end(message: &Value) -> bool {
    let status = message["data"]["currentStatus"].as_str();
    match message["type"].as_str() {
        Some("job_complete") => true,
        Some("error") => message["payload"]["code"] != "PROTOCOL_ERROR",
        _ => {
            status.is_some_and(|status| status == "Complete" || status == "Job canceled")
                || message["data"]["error"].is_string()
        }
    }
}

impl Socket {
    pub(crate) fn open(address: SocketAddr, query: &str, headers: &[(&'static str, &str)]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        Self::over(stream, query, headers).unwrap()
    }

    /// Opens a socket on a connection; an error is the status that refuses it.
    pub(crate) fn over(
        stream: TcpStream,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let address = stream.peer_addr().unwrap();
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        let url = format!("ws://{address}/ws/progress?{query}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        let (inner, response) = match tungstenite::client(request, stream) {
            Ok(opened) => opened,
            Err(HandshakeError::Failure(Error::Http(refusal))) => {
                return Err(refusal.status().as_u16());
            }
            Err(error) => panic!("{error}"),
        };
        let protocol = response.headers().get("sec-websocket-protocol");
        let ids = query.split('&').find_map(|pair| {
            let (name, ids) = pair.split_once('=')?;
            matches!(name, "jobId" | "jobIds").then_some(ids)
        });
        Ok(Self {
            open_jobs: ids.map_or(0, |ids| ids.split(',').count()),
            inner,
            protocol: protocol.map(|value| value.to_str().unwrap().to_owned()),
        })
    }

    pub(crate) fn say(&mut self, message: impl Into<Message>) {
        self.inner.send(message.into()).unwrap();
    }

    /// Sends a message to a server that may have closed the socket; answers whether it was sent.
    pub(crate) fn try_say(&mut self, message: impl Into<Message>) -> bool {
        self.inner.send(message.into()).is_ok()
    }

    pub(crate) fn next(&mut self) -> Told {
        loop {
            return match self.inner.read().unwrap() {
                Message::Text(text) => serde_json::from_str(&text)
                    .map_or_else(|_| Told::Raw(text.to_string()), Told::Json),
                Message::Binary(bytes) => Told::Packed(rmp_serde::from_slice(&bytes).unwrap()),
                Message::Close(frame) => Told::Closed(frame.unwrap().code.into()),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
        }
    }

    pub(crate) fn json(&mut self) -> Value {
        match self.next() {
            Told::Json(value) => value,
            other => panic!("{other:?}"),
        }
    }

    /// The next message of this type; what comes before it is progress.
    pub(crate) fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.json();
            if message["type"] == kind {
                return message;
            }
            let known = ["job_started", "job_progress", "progress"];
            assert!(
                known.contains(&message["type"].as_str().unwrap()),
                "{message}"
            );
        }
    }

    /// Closes the socket; answers the code that the server closes it with.
    pub(crate) fn close(mut self) -> u16 {
        let normal = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.inner.close(Some(normal)).unwrap();
        self.rest().1
    }

    /// Reads everything up to the close, and its code. As apps do, it closes the socket by itself
    /// when the last of its jobs has ended.
    pub(crate) fn rest(&mut self) -> (Vec<Value>, u16) {
        let mut messages = Vec::new();
        loop {
            match self.next() {
                Told::Json(message) | Told::Packed(message) => {
                    self.open_jobs -= usize::from(is_end(&message));
                    messages.push(message);
                    if self.open_jobs == 0 {
                        // The server may have closed it first.
                        let normal = CloseFrame {
                            code: CloseCode::Normal,
                            reason: "".into(),
                        };
                        let _ = self.inner.close(Some(normal));
                    }
                }
                Told::Raw(text) => panic!("{text}"),
                Told::Closed(code) => return (messages, code),
            }
        }
    }
}
