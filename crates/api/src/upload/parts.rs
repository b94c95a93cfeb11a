//! Reading of forms.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::Stream;
use futures::channel::mpsc;
use multer::{Field, Multipart};

use super::kind::Kind;
use super::{Event, Meter};
use crate::error::ApiError;
use crate::request::{self, MAX_CLIENT_REF};

/// Largest number of bytes between two parts: their headers, and whatever precedes the first.
const MAX_PART_HEADERS: usize = 16 << 10;
/// Largest number of parts of one request, whatever they are.
const MAX_PARTS: usize = 64;

/// Name of the part of an import with the meanings of its columns.
const MAPPING: &str = "mapping";
/// Name of the part of a scan that asks for photos to be kept that could not be looked at.
pub(crate) const KEEP_FAILED: &str = "keepFailedPhotos";
/// Name of the part that holds the client's own name for the job.
pub(crate) const CLIENT_REF: &str = "clientRef";

/// A part that is a text, and may be there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Mapping,
    KeepFailed,
    ClientRef,
}

impl Text {
    /// The text that a part of this name is.
    fn named(kind: Kind, name: &str) -> Option<Self> {
        match (kind, name) {
            (Kind::Csv, MAPPING) => Some(Self::Mapping),
            (Kind::Photos, KEEP_FAILED) => Some(Self::KeepFailed),
            (_, CLIENT_REF) => Some(Self::ClientRef),
            _ => None,
        }
    }

    /// Largest size, in bytes.
    fn max_bytes(self) -> usize {
        match self {
            Self::Mapping => 16 << 10,
            // `false`, and some blanks.
            Self::KeepFailed => 16,
            Self::ClientRef => MAX_CLIENT_REF * 4,
        }
    }

    fn too_long(self) -> ApiError {
        match self {
            Self::Mapping => ApiError::invalid(MAPPING, "is longer than 16 KB"),
            Self::KeepFailed => ApiError::invalid(KEEP_FAILED, "must be true or false"),
            Self::ClientRef => request::client_ref_too_long(),
        }
    }
}

/// The use of a part of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    File,
    Text(Text),
    /// Something to skip.
    Other,
}

/// A form being received.
#[derive(Debug)]
pub(super) struct Parts {
    chunks: Option<mpsc::UnboundedSender<Result<Bytes, Infallible>>>,
    multipart: Multipart<'static>,
    field: Option<Field<'static>>,
    use_of_field: Use,
    /// The texts so far; the part that is being read is the last one.
    texts: Vec<(Text, Vec<u8>)>,
    parts: usize,
    /// Number of bytes fed since the last part ended, while no next one has begun.
    between: usize,
}

impl Parts {
    /// Makes a parser for a body with this boundary. It reads from a channel: bytes go in one chunk
    /// at a time, and it is polled in between, so that it never holds more than one.
    pub(super) fn new(boundary: String) -> Self {
        let (sender, receiver) = mpsc::unbounded();
        Self {
            chunks: Some(sender),
            multipart: Multipart::new(receiver, boundary),
            field: None,
            use_of_field: Use::Other,
            texts: Vec::new(),
            parts: 0,
            between: 0,
        }
    }

    /// The bytes of a text; `None` as long as there is no such part.
    pub(super) fn text(&self, text: Text) -> Option<&[u8]> {
        let found = self.texts.iter().find(|(other, _)| *other == text);
        found.map(|(_, bytes)| bytes.as_slice())
    }

    /// Ends the form.
    pub(super) fn end(&mut self) {
        self.chunks = None;
    }

    pub(super) fn feed(&mut self, chunk: Bytes) {
        self.between = self.between.saturating_add(chunk.len());
        if let Some(chunks) = &self.chunks {
            // Fails only when the reader is gone, and it is ours.
            let _ = chunks.unbounded_send(Ok(chunk));
        }
    }

    pub(super) fn next(&mut self, meter: &mut Meter) -> Result<Event, ApiError> {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let Some(field) = &mut self.field else {
                match self.multipart.poll_next_field(&mut cx) {
                    Poll::Pending if self.between > MAX_PART_HEADERS => {
                        return Err(ApiError::invalid_body(
                            "has a part with too long headers, or does not begin with its boundary",
                        ));
                    }
                    Poll::Pending => return Ok(Event::NeedMore),
                    Poll::Ready(Err(error)) => return Err(meter.broken(&error)),
                    Poll::Ready(Ok(None)) if meter.files == 0 => return Err(meter.kind.missing()),
                    Poll::Ready(Ok(None)) => return Ok(Event::Done),
                    Poll::Ready(Ok(Some(field))) => match self.begin(field, meter)? {
                        Some(file) => return Ok(file),
                        None => continue,
                    },
                }
            };
            match Pin::new(field).poll_next(&mut cx) {
                Poll::Pending => {
                    self.between = 0;
                    return Ok(Event::NeedMore);
                }
                Poll::Ready(None) => {
                    self.field = None;
                    self.between = 0;
                }
                Poll::Ready(Some(Err(error))) => return Err(meter.broken(&error)),
                Poll::Ready(Some(Ok(chunk))) => match (self.use_of_field, self.texts.last_mut()) {
                    (Use::File, _) => return meter.bytes(chunk),
                    (Use::Text(text), Some((_, bytes))) => {
                        if bytes.len() + chunk.len() > text.max_bytes() {
                            return Err(text.too_long());
                        }
                        bytes.extend_from_slice(&chunk);
                    }
                    _ => {}
                },
            }
        }
    }

    /// Begins a part: a file, a text, or something to skip.
    fn begin(
        &mut self,
        field: Field<'static>,
        meter: &mut Meter,
    ) -> Result<Option<Event>, ApiError> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(ApiError::invalid_body(format!(
                "has too many parts: at most {MAX_PARTS} are allowed"
            )));
        }
        let name = field.name().unwrap_or_default();
        self.use_of_field = match Text::named(meter.kind, name) {
            _ if meter.kind.takes_field(name) => Use::File,
            Some(text) => Use::Text(text),
            None => Use::Other,
        };
        if let Use::Text(text) = self.use_of_field {
            if self.text(text).is_some() {
                return Err(ApiError::said_twice(name));
            }
            self.texts.push((text, Vec::new()));
        }
        let suits = field
            .content_type()
            .is_none_or(|mime| meter.kind.takes_part_type(mime.essence_str()));
        let name = field.file_name().unwrap_or_default();
        let name = name.chars().filter(|c| !c.is_control()).collect();
        self.field = Some(field);
        match (self.use_of_field == Use::File, suits) {
            (false, _) => Ok(None),
            (true, false) => Err(meter.kind.unsupported()),
            (true, true) => meter.file(name).map(Some),
        }
    }
}
