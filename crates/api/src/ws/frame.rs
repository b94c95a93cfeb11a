//! The relay's messages to the edge: events of a session stream, answers to a message
//! (edge/PROTOCOL.md).

use base64::{Engine, prelude::BASE64_STANDARD};
use job::Position;
use serde::{Deserialize, Serialize};

/// Encoding of a socket's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// JSON in text messages.
    Json,
    /// MessagePack in binary messages.
    MessagePack,
}

impl Encoding {
    /// The encoding's name, as queries spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MessagePack => "msgpack",
        }
    }
}

/// Whether an event that a slow client has not read yet is kept when the next comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The next state of the job with this number replaces it.
    State(usize),
    /// The event is kept.
    Message,
}

/// Spells one message as an event. A message without an id is not part of what a socket resumes
/// after.
pub fn event(encoding: Encoding, lasting: Lasting, id: Option<&str>, message: &[u8]) -> Vec<u8> {
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
            event.extend_from_slice(BASE64_STANDARD.encode(super::packed(message)).as_bytes());
        }
    }
    event.extend_from_slice(b"\n\n");
    event
}

/// A comment that keeps a stream alive.
pub const COMMENT: &[u8] = b": \n\n";

/// Code and reason with which a socket is closed: RFC 6455 section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Close {
    code: u16,
    reason: &'static str,
}

impl Close {
    /// The close of a socket whose jobs are all over.
    pub const OVER: Self = Self::new(1000, "");
    /// The close of a socket whose client did not keep to the protocol.
    pub const PROTOCOL: Self = Self::new(1002, "protocol error");
    /// The close of a socket whose job never appeared.
    pub const NO_JOB: Self = Self::new(1008, "no such job");
    /// The close of a socket whose job appeared and needs a token.
    pub const NOT_ALLOWED: Self = Self::new(1008, "this job needs its token");
    /// The close of a socket whose job makes no progress.
    pub const STALLED: Self = Self::new(1013, "no progress; try again later");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// Spells the close as the last event of a stream.
    pub fn event(self) -> String {
        format!("event: close\ndata: {}\n\n", serde_json::json!(self))
    }
}

/// One reply to the client that sent a message.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// A text message.
    Text(String),
    /// A binary message, in base64.
    Binary(String),
    /// A close frame, after which nothing follows.
    Close(Close),
}

impl Reply {
    /// A reply with one of the protocol's messages.
    pub fn message(encoding: Encoding, message: &[u8]) -> Self {
        match encoding {
            Encoding::Json => Self::Text(String::from_utf8_lossy(message).into_owned()),
            Encoding::MessagePack => Self::Binary(BASE64_STANDARD.encode(super::packed(message))),
        }
    }
}

/// Position of a socket in the messages about one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketPosition {
    /// The job's sequence number.
    pub seq: u64,
    /// The phase: a counter beside `seq`, because an end may have the number of the state before.
    pub phase: Phase,
}

/// The messages that a socket has been sent about a job, besides its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No message yet.
    #[default]
    Fresh,
    /// The first message, which says what job it is.
    Started,
    /// The last message, at the job's end.
    Over,
}

impl SocketPosition {
    /// The position from which an observer continues.
    pub fn position(self) -> Position {
        Position {
            seq: self.seq,
            books: 0,
        }
    }
}

/// The id of an event: for each job in order its sequence number and its phase, as in `18.1,4.2`.
pub fn id(positions: &[SocketPosition]) -> String {
    let each: Vec<String> = positions
        .iter()
        .map(|at| format!("{}.{}", at.seq, at.phase as u8))
        .collect();
    each.join(",")
}

/// Reads an event id of a stream of `jobs` jobs; `None` when it is malformed.
pub fn parse_id(text: &str, jobs: usize) -> Option<Vec<SocketPosition>> {
    let positions: Option<Vec<SocketPosition>> = text
        .split(',')
        .map(|one| {
            let (seq, phase) = one.split_once('.')?;
            Some(SocketPosition {
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
    positions.filter(|positions| positions.len() == jobs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_message_is_one_event() {
        let said = br#"{"type":"ready"}"#;
        let lasting = event(Encoding::Json, Lasting::Message, Some("7.1"), said);
        assert_eq!(
            text(&lasting),
            "id: 7.1\nevent: message\ndata: {\"type\":\"ready\"}\n\n"
        );
        let state = event(Encoding::Json, Lasting::State(3), None, said);
        assert!(text(&state).starts_with("event: state/3\ndata: {"));
        let packed = event(Encoding::MessagePack, Lasting::State(0), None, said);
        assert_eq!(
            text(&packed),
            "event: binary-state/0\ndata: gaR0eXBlpXJlYWR5\n\n"
        );
    }

    #[test]
    fn a_close_has_a_code_and_a_reason() {
        let close = Close::NO_JOB.event();
        let data = close.strip_prefix("event: close\ndata: ").unwrap();
        assert_eq!(data, "{\"code\":1008,\"reason\":\"no such job\"}\n\n");
    }

    #[test]
    fn what_is_no_id_is_not_taken_for_one() {
        for text in [
            "",
            ",",
            "1",
            "1.",
            ".1",
            "1.3",
            "1.01",
            "1.0,",
            "1.0 ",
            "-1.0",
            "x.0",
            "1.0.0",
            "99999999999999999999.0",
        ] {
            assert_eq!(parse_id(text, text.split(',').count()), None, "{text:?}");
        }
        assert_eq!(parse_id("1.0,2.0", 1), None);
        assert_eq!(parse_id("1.0", 2), None);
    }

    proptest! {
        #[test]
        fn an_id_says_how_far_each_job_is(positions in prop::collection::vec((any::<u64>(), 0..3u8), 1..20)) {
            let positions: Vec<SocketPosition> = positions
                .into_iter()
                .map(|(seq, phase)| SocketPosition {
                    seq,
                    phase: [Phase::Fresh, Phase::Started, Phase::Over][usize::from(phase)],
                })
                .collect();
            prop_assert_eq!(parse_id(&id(&positions), positions.len()), Some(positions));
        }

        #[test]
        fn any_id_is_read_without_a_panic(text in ".*", jobs in 0..5usize) {
            let _ = parse_id(&text, jobs);
        }
    }
}
