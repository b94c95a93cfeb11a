//! What the edge reads: events of a session stream, answers to a message (edge/PROTOCOL.md).

use base64::{Engine, prelude::BASE64_STANDARD};
use job::Position;
use serde::Serialize;

/// How a socket's messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// JSON in text messages.
    Json,
    /// MessagePack in binary messages.
    MessagePack,
}

impl Encoding {
    /// The encoding's name, as queries spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MessagePack => "msgpack",
        }
    }
}

/// What happens to an event that a slow client has not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// The next of this job replaces it.
    State(usize),
    /// It stays.
    Message,
}

/// Spells one message as an event. A message without an id is not part of what a socket resumes
/// after.
pub(crate) fn event(
    encoding: Encoding,
    lasting: Lasting,
    id: Option<&str>,
    message: &[u8],
) -> Vec<u8> {
    let mut event = Vec::with_capacity(message.len() + 64);
    if let Some(id) = id {
        event.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    let name = match (encoding, lasting) {
        (Encoding::Json, Lasting::Message) => "message".to_owned(),
        (Encoding::Json, Lasting::State(slot)) => format!("state/{slot}"),
        (Encoding::MessagePack, Lasting::Message) => "binary".to_owned(),
        (Encoding::MessagePack, Lasting::State(slot)) => format!("binary-state/{slot}"),
    };
    event.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
    match encoding {
        Encoding::Json => event.extend_from_slice(message),
        Encoding::MessagePack => {
            event.extend_from_slice(BASE64_STANDARD.encode(api::ws::packed(message)).as_bytes());
        }
    }
    event.extend_from_slice(b"\n\n");
    event
}

/// A comment that keeps a stream alive.
pub(crate) const COMMENT: &[u8] = b": \n\n";

/// Why a socket is closed: RFC 6455 section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Close {
    code: u16,
    reason: &'static str,
}

impl Close {
    /// The close of a socket whose jobs are all over.
    pub(crate) const OVER: Self = Self::new(1000, "");
    /// The close of a socket whose client did not keep to the protocol.
    pub(crate) const PROTOCOL: Self = Self::new(1002, "protocol error");
    /// The close of a socket whose job never appeared.
    pub(crate) const NO_JOB: Self = Self::new(1008, "no such job");
    /// The close of a socket whose job appeared and needs a token.
    pub(crate) const NOT_ALLOWED: Self = Self::new(1008, "this job needs its token");
    /// The close of a socket whose job makes no progress.
    pub(crate) const STALLED: Self = Self::new(1013, "no progress; try again later");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// Spells the close as the last event of a stream.
    pub(crate) fn event(self) -> String {
        format!("event: close\ndata: {}\n\n", serde_json::json!(self))
    }
}

/// One thing to send back to the client that sent a message.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reply {
    /// A text message.
    Text(String),
    /// A binary message, in base64.
    Binary(String),
    /// The end.
    Close(Close),
}

impl Reply {
    /// A reply with one of the protocol's messages.
    pub(crate) fn message(encoding: Encoding, message: &[u8]) -> Self {
        match encoding {
            Encoding::Json => Self::Text(String::from_utf8_lossy(message).into_owned()),
            Encoding::MessagePack => Self::Binary(BASE64_STANDARD.encode(api::ws::packed(message))),
        }
    }
}

/// How far a socket has been told of one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The job's sequence number.
    pub seq: u64,
    /// The phase: a counter beside `seq`, because an end may have the number of the state before.
    pub phase: Phase,
}

/// How much of a job a socket has been told besides its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Nothing.
    #[default]
    Fresh,
    /// What job it is.
    Started,
    /// Its end.
    Over,
}

impl Told {
    /// The position from which an observer continues.
    pub(crate) fn position(self) -> Position {
        Position {
            seq: self.seq,
            books: 0,
        }
    }
}

/// The id of an event: for each job in order its sequence number and its phase, as in `18.1,4.2`.
pub(crate) fn id(told: &[Told]) -> String {
    let each: Vec<String> = told
        .iter()
        .map(|told| format!("{}.{}", told.seq, told.phase as u8))
        .collect();
    each.join(",")
}

/// Reads an id of a stream of `jobs` jobs; `None` when it is none.
pub(crate) fn parse_id(text: &str, jobs: usize) -> Option<Vec<Told>> {
    let told: Option<Vec<Told>> = text
        .split(',')
        .map(|one| {
            let (seq, phase) = one.split_once('.')?;
            Some(Told {
                seq: Position::parse(seq)?.seq,
                phase: match phase {
                    "0" => Phase::Fresh,
                    "1" => Phase::Started,
                    "2" => Phase::Over,
                    _ => return None,
                },
            })
        })
        .collect();
    told.filter(|told| told.len() == jobs)
}
