//! Streams that an edge keeps while they have nothing to say (edge/PROTOCOL.md, "Parked streams").

use std::time::Duration;

use job::{Silence, Time, millis};
use serde::{Deserialize, Serialize};

use crate::ws::Schema;
use crate::ws::frame::Encoding;

/// The largest number of streams that one request asks about.
pub const MAX_ASKED: usize = 100;
/// The largest size, in bytes, of a request about so many.
pub const MAX_REQUEST: usize = MAX_ASKED * 1_024;

/// State of a parked stream, from which the relay tells whether there may be news: `stream` of a
/// [`Parked`], which is an opaque text to the edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedStream {
    /// The job's silence.
    pub silence: Silence,
    /// The format of keep-alives, if the stream is a socket's.
    pub socket: Option<ParkedSocket>,
}

/// The format of one socket's messages, and how long its token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedSocket {
    /// The schema of the messages.
    pub schema: Schema,
    /// The encoding of the messages.
    pub encoding: Encoding,
    /// Time at which the stream is opened again whatever its job does: its token is to be extended.
    pub until: Time,
}

/// The event that parks a stream, for the edge.
#[derive(Debug, Serialize)]
pub struct Parked {
    /// Milliseconds until the edge asks about the stream.
    after: u64,
    stream: String,
    /// Blocks of the stream, to be passed on to its clients at once.
    #[serde(skip_serializing_if = "String::is_empty")]
    say: String,
}

impl ParkedStream {
    /// Reads what an edge has kept; `None` when it comes from another version.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Spells the stream for the edge, which asks about it after `pause`.
    #[must_use]
    pub fn parked(&self, pause: Duration, say: String) -> Parked {
        let stream = serde_json::to_string(self).expect("our own types serialise");
        let after = millis(pause);
        Parked { after, stream, say }
    }
}

/// The last event of an answer whose stream is parked: the edge asks about it after `pause`.
#[must_use]
pub fn event(stream: &ParkedStream, pause: Duration) -> Vec<u8> {
    let parked = stream.parked(pause, String::new());
    let data = serde_json::to_string(&parked).expect("our own types serialise");
    format!("event: parked\ndata: {data}\n\n").into_bytes()
}
