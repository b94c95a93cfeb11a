//! Reading event streams, as the HTML standard, "Server-sent events", has them.

use crate::upstream::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt;
use std::{borrow::Cow, time::Duration};

/// Whether the answer to a request may be an event stream: one that makes something can ask to
/// follow it.
pub fn accepts_event_stream(method: &Method, headers: &HeaderMap) -> bool {
    matches!(*method, Method::GET | Method::POST)
        && headers.get_all(header::ACCEPT).iter().any(|value| {
            // An application may read what is no ASCII, so this must, too.
            String::from_utf8_lossy(value.as_bytes())
                .to_ascii_lowercase()
                .contains("text/event-stream")
        })
}

/// Whether a `Content-Type` says event stream.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// One block of a stream: everything up to and including the empty line that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block(Bytes);

/// The fields of a block that matter to the edge.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The last `id`, if the block has one.
    pub(crate) id: Option<String>,
    /// The last `event`; empty when there is none.
    pub(crate) event: String,
    /// The `data` lines, joined by line feeds; `None` when the block dispatches no event.
    pub(crate) data: Option<String>,
    /// Whether there is a `retry` field.
    pub(crate) retry: bool,
}

impl Block {
    /// The block as it came.
    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Reads the fields; what is not UTF-8 is replaced, as the standard says.
    pub(crate) fn fields(&self) -> Fields {
        let text = String::from_utf8_lossy(&self.0);
        let mut fields = Fields::default();
        for line in text.trim_start_matches('\u{feff}').split(['\n', '\r']) {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "id" if !value.contains('\0') => fields.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut fields.event),
                "retry" => fields.retry = true,
                "data" => match &mut fields.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    none => *none = Some(value.to_owned()),
                },
                _ => {}
            }
        }
        fields
    }

    /// Whether the block says nothing but when to reconnect.
    pub(crate) fn is_only_retry(&self) -> bool {
        let fields = self.fields();
        fields.retry && fields.id.is_none() && fields.data.is_none()
    }
}

/// Cuts bytes into blocks wherever the pieces happen to end.
#[derive(Default)]
struct Splitter {
    buffer: BytesMut,
    scanned: usize,
    line_is_empty: bool,
    after_cr: bool,
}

impl Splitter {
    fn new() -> Self {
        Self {
            line_is_empty: true,
            ..Self::default()
        }
    }

    fn next(&mut self) -> Option<Block> {
        while let Some(length) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.scanned..]) {
            let end = self.scanned + length;
            let is_cr = self.buffer[end] == b'\r';
            let second_half_of_crlf = self.after_cr && length == 0 && !is_cr;
            self.line_is_empty &= length == 0;
            self.scanned = end + 1;
            self.after_cr = is_cr;
            if second_half_of_crlf {
                continue;
            }
            if !std::mem::replace(&mut self.line_is_empty, true) {
                continue;
            }
            // The line feed of a final CR LF is taken along when it is there already; otherwise it
            // opens the next block.
            if is_cr && self.buffer.get(self.scanned) == Some(&b'\n') {
                self.scanned += 1;
                self.after_cr = false;
            }
            let block = self
                .buffer
                .split_to(std::mem::take(&mut self.scanned))
                .freeze();
            return Some(Block(block));
        }
        if self.scanned < self.buffer.len() {
            self.scanned = self.buffer.len();
            self.line_is_empty = false;
            self.after_cr = false;
        }
        None
    }
}

/// What came next on a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A whole block.
    Block(Block),
    /// The body ended as it should. An unfinished block is dropped, as the standard says.
    Ended,
    /// The body was cut short, was silent for too long, or held too large an event.
    Cut(Cow<'static, str>),
}

/// An upstream body read as blocks.
pub(crate) struct EventStream {
    body: Body,
    splitter: Splitter,
    max_block: usize,
}

impl EventStream {
    pub(crate) fn new(body: Body, max_block: usize) -> Self {
        Self {
            body,
            splitter: Splitter::new(),
            max_block,
        }
    }

    /// The next block. Loses nothing when it is dropped before it is done.
    pub(crate) async fn next(&mut self, silence: Duration) -> Next {
        loop {
            if let Some(block) = self.splitter.next() {
                return Next::Block(block);
            }
            if self.splitter.buffer.len() > self.max_block {
                return Next::Cut("an event is too large".into());
            }
            match tokio::time::timeout(silence, self.body.frame()).await {
                Err(_) => return Next::Cut("silent for too long".into()),
                Ok(None) => return Next::Ended,
                Ok(Some(Err(error))) => return Next::Cut(error.to_string().into()),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.splitter.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::new();
        let mut blocks = Vec::new();
        for piece in pieces {
            splitter.buffer.extend_from_slice(piece);
            while let Some(block) = splitter.next() {
                blocks.push(block.0.to_vec());
            }
        }
        blocks
    }

    fn fields(text: &'static str) -> Fields {
        Block(Bytes::from_static(text.as_bytes())).fields()
    }

    #[test]
    fn blocks_end_at_an_empty_line_of_any_kind() {
        assert_eq!(
            split(&[b"a: 1\n\nb: 2\r\n\r\nc: 3\r\rd"]),
            [&b"a: 1\n\n"[..], b"b: 2\r\n\r\n", b"c: 3\r\r"]
        );
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        let event = fields("\u{feff}id: 7\nevent: state\n: no\ndata:one\ndata:  two\nother: x\n\n");
        assert_eq!(event.id.as_deref(), Some("7"));
        assert_eq!(event.event, "state");
        assert_eq!(event.data.as_deref(), Some("one\n two"));
        assert_eq!(fields("data\n\n").data.as_deref(), Some(""));
        assert_eq!(fields("id: a\0b\n\n").id, None);
        assert_eq!(fields(": heartbeat\n\n"), Fields::default());
        assert!(Block(Bytes::from_static(b"retry: 250\n\n")).is_only_retry());
        assert!(!Block(Bytes::from_static(b"retry: 250\ndata: x\n\n")).is_only_retry());
    }

    proptest! {
        #[test]
        fn where_the_pieces_end_does_not_matter(
            text in "(id: [0-9]{1,3}(\n|\r\n)|data: [a-z]{0,5}(\n|\r\n)|\n|\r\n){0,20}",
            cuts in prop::collection::vec(0..200usize, 0..10)
        ) {
            let read = |pieces: &[&[u8]]| -> Vec<Fields> {
                split(pieces).into_iter().map(|block| Block(block.into()).fields()).collect()
            };
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(split(&pieces).concat().len() <= bytes.len(), true);
            prop_assert_eq!(read(&pieces), read(&[bytes]));
        }
    }
}
