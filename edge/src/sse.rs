//! Reading event streams, as the HTML standard, "Server-sent events", has them.

use crate::{
    room::{EventRoom, Room, Taken},
    upstream::Body,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use std::{borrow::Cow, time::Duration};

/// One block of a stream: everything up to and including the empty line that ends it.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    bytes: Bytes,
    /// The share of the room for large events that a large one takes.
    room: Option<Room>,
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Block {}

/// Largest size, in bytes, of an event that is passed on without asking whether there is room.
const SMALL_EVENT: usize = 64 * 1024;

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
    /// The blocks of a text that is made of whole ones.
    pub(crate) fn all_of(text: &str) -> impl Iterator<Item = Self> {
        text.split_inclusive("\n\n").map(|block| Self {
            bytes: Bytes::copy_from_slice(block.as_bytes()),
            room: None,
        })
    }

    /// The block as it came.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The room to be held until the block has left.
    pub(crate) fn room(&self) -> Option<Room> {
        self.room.clone()
    }

    /// Reads the fields; what is not UTF-8 is replaced, as the standard says.
    pub(crate) fn fields(&self) -> Fields {
        let text = String::from_utf8_lossy(&self.bytes);
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

    /// Whether the block sets only the reconnection time.
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

    fn next(&mut self) -> Option<Bytes> {
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
            return Some(block);
        }
        if self.scanned < self.buffer.len() {
            self.scanned = self.buffer.len();
            self.line_is_empty = false;
            self.after_cr = false;
        }
        None
    }
}

/// The next thing on a stream.
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
    all_room: EventRoom,
    /// The room of the event that is being read.
    room: Taken,
}

impl EventStream {
    /// Reads `body` as blocks; large ones take their part of `all_room`.
    pub(crate) fn new(body: Body, max_block: usize, all_room: EventRoom) -> Self {
        Self {
            body,
            splitter: Splitter::new(),
            max_block,
            all_room,
            room: Taken::default(),
        }
    }

    /// Takes room for what has come of a large event; false when there is none.
    async fn make_room(&mut self) -> bool {
        let length = self.splitter.buffer.len();
        length <= SMALL_EVENT || self.all_room.grow(&mut self.room, length).await
    }

    /// The next block. Loses nothing when it is dropped before it is done.
    pub(crate) async fn next(&mut self, silence: Duration) -> Next {
        loop {
            if !self.make_room().await {
                return Next::Cut("too many large events are on their way".into());
            }
            if let Some(bytes) = self.splitter.next() {
                let is_large = bytes.len() > SMALL_EVENT;
                let room = is_large.then(|| self.all_room.hold(std::mem::take(&mut self.room)));
                if self.splitter.buffer.len() <= SMALL_EVENT {
                    self.room = Taken::default();
                }
                return Next::Block(Block { bytes, room });
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
                blocks.push(block.to_vec());
            }
        }
        blocks
    }

    fn block(bytes: &[u8]) -> Block {
        Block {
            bytes: Bytes::copy_from_slice(bytes),
            room: None,
        }
    }

    fn fields(text: &'static str) -> Fields {
        block(text.as_bytes()).fields()
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
        assert!(block(b"retry: 250\n\n").is_only_retry());
        assert!(!block(b"retry: 250\ndata: x\n\n").is_only_retry());
    }

    proptest! {
        #[test]
        fn where_the_pieces_end_does_not_matter(
            text in "(id: [0-9]{1,3}(\n|\r\n)|data: [a-z]{0,5}(\n|\r\n)|\n|\r\n){0,20}",
            cuts in prop::collection::vec(0..200usize, 0..10)
        ) {
            let read = |pieces: &[&[u8]]| -> Vec<Fields> {
                split(pieces).into_iter().map(|bytes| block(&bytes).fields()).collect()
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
