//! A progress stream as the strictest client in the field reads it.

use serde_json::Value;

use crate::app::http::{Body, Head, Request};

/// What one chunk of a stream says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Retry(u64),
    Heartbeat,
    Event(Event),
    /// What the answer to a request for a job begins with: the data of its `202`.
    Accepted(Value),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Event {
    /// The id as numbers that can be compared: sequence, and books delivered.
    pub(crate) fn position(&self) -> (u64, u64) {
        let (seq, books) = self.id.split_once('.').unwrap_or((&self.id, "0"));
        (seq.parse().unwrap(), books.parse().unwrap())
    }

    pub(crate) fn progress(&self) -> f64 {
        self.data["progress"].as_f64().unwrap()
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.name.as_str(), "completed" | "failed")
    }
}

/// An open stream.
pub(crate) struct Stream {
    pub head: Head,
    body: Body,
}

impl Stream {
    pub(crate) fn open(request: Request) -> Self {
        Self::of(request.header("accept", "text/event-stream").open())
    }

    /// [`Self::open`] at a server that may die at any moment.
    pub(crate) fn try_open(request: Request) -> Option<Self> {
        let answer = request.header("accept", "text/event-stream").try_open()?;
        Some(Self::of(answer))
    }

    fn of((head, body): (Head, Body)) -> Self {
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        assert_eq!(head.header("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        Self { head, body }
    }

    /// The next frame, which is exactly one chunk; `None` when the stream has ended.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        self.body.chunk().map(|chunk| parse(&chunk))
    }

    /// The next event; `None` when the stream has ended.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            if let Frame::Event(event) = self.frame()? {
                return Some(event);
            }
        }
    }

    /// Reads to the end.
    pub(crate) fn rest(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.event()).collect()
    }

    /// Whether the body was finished, not cut; to be asked when it has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.body.complete
    }
}

/// Exactly the contract's form, or the test fails.
fn parse(chunk: &[u8]) -> Frame {
    assert!(chunk.is_ascii(), "{}", String::from_utf8_lossy(chunk));
    let text = std::str::from_utf8(chunk).unwrap();
    let lines = text.strip_suffix("\n\n").expect("a whole frame in a chunk");
    assert!(!lines.contains("\n\n") && !lines.contains('\r'), "{text:?}");
    let lines: Vec<&str> = lines.split('\n').collect();
    match lines.as_slice() {
        [": heartbeat"] => Frame::Heartbeat,
        [retry] if retry.starts_with("retry: ") => Frame::Retry(retry[7..].parse().unwrap()),
        ["event: accepted", data] => {
            let data = data.strip_prefix("data: ").expect(text);
            Frame::Accepted(serde_json::from_str(data).expect(text))
        }
        [id, name, data] => Frame::Event(Event {
            id: id.strip_prefix("id: ").expect(text).to_owned(),
            name: name.strip_prefix("event: ").expect(text).to_owned(),
            data: serde_json::from_str(data.strip_prefix("data: ").expect(text)).expect(text),
        }),
        _ => panic!("no frame: {text:?}"),
    }
}
