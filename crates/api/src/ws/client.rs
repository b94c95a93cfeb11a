//! Messages of clients.

use serde::Deserialize;
use serde_json::{Number, Value};

/// Greatest depth of nesting in a binary message, as `serde_json` has it for texts; deeper is
/// malformed.
const MAX_DEPTH: usize = 128;

/// A message from a client.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientMessage {
    /// The client is ready to receive.
    Ready,
    /// The client measures the round-trip time.
    Ping {
        /// The client's clock, to be echoed.
        client_time: Option<Number>,
    },
    /// A ping of the first app: a text that is not JSON.
    RawPing,
    /// The client wants the current state.
    SyncRequest,
    /// The client wants the job stopped.
    Cancel,
    /// The client has had everything up to this sequence number.
    Ack(u64),
    /// A message of a later generation, which is ignored.
    Ignored,
    /// A message that cannot be read, and what is wrong with it: the socket is closed with 1002.
    Malformed(&'static str),
}

impl ClientMessage {
    /// Reads a message in JSON.
    pub fn parse(bytes: &[u8]) -> Self {
        if bytes == b"PING" {
            return Self::RawPing;
        }
        match serde_json::from_slice(bytes) {
            Ok(value) => Self::of(value),
            Err(_) => Self::Malformed("a message must be JSON"),
        }
    }

    /// Reads a message in MessagePack.
    pub fn parse_packed(bytes: &[u8]) -> Self {
        let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
        reader.set_max_depth(MAX_DEPTH);
        match Value::deserialize(&mut reader) {
            Ok(value) => Self::of(value),
            Err(_) => Self::Malformed("a binary message must be MessagePack"),
        }
    }

    fn of(value: Value) -> Self {
        let Value::Object(message) = value else {
            return Self::Malformed("a message must be a JSON object");
        };
        let Some(Value::String(kind)) = message.get("type") else {
            return Self::Malformed("a message must have a type, a string");
        };
        match kind.as_str() {
            "ready" => Self::Ready,
            "ping" => Self::Ping {
                client_time: match message.get("payload").and_then(|p| p.get("clientTime")) {
                    Some(Value::Number(time)) => Some(time.clone()),
                    _ => None,
                },
            },
            "sync_request" => Self::SyncRequest,
            "cancel" => Self::Cancel,
            "ack" => match message.get("seq").and_then(Value::as_u64) {
                Some(seq) => Self::Ack(seq),
                None => Self::Ignored,
            },
            _ => Self::Ignored,
        }
    }
}
