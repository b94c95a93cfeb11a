//! Uploads: files out of `multipart/form-data` (RFC 7578) or a raw body, as the bytes come.
//!
//! No I/O: the caller feeds chunks and asks for events.

mod kind;
mod parts;

use books::Mapping;
use bytes::Bytes;
use job::Limits;

pub use self::kind::Kind;
pub(crate) use self::parts::{CLIENT_REF, KEEP_FAILED};
use self::parts::{Parts, Text};
use crate::error::ApiError;
use crate::request;

/// Longest boundary, in bytes (RFC 2046, 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The next step in receiving an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Feed the next chunk, or say that there is none.
    NeedMore,
    /// A file begins; its name is empty when the client did not say.
    File {
        /// The client's name for the file, without control characters.
        name: String,
    },
    /// The file's next bytes.
    Bytes(Bytes),
    /// All files have been received.
    Done,
}

/// An upload being received.
#[derive(Debug)]
pub struct Upload {
    meter: Meter,
    format: Format,
    failed: Option<ApiError>,
}

/// Counts of what has been received, with their limits.
#[derive(Debug)]
struct Meter {
    kind: Kind,
    max_file: usize,
    max_files: usize,
    max_body: usize,
    received: usize,
    files: usize,
    file_bytes: usize,
}

#[derive(Debug)]
enum Format {
    Raw(Raw),
    Parts(Box<Parts>),
    Undeclared(Undeclared),
}

/// A body whose `Content-Type` is not that of an upload, or names no boundary: clients that set one
/// type for all their requests send forms like that. Its first line shows whether it is one.
#[derive(Debug)]
struct Undeclared {
    head: Vec<u8>,
    ended: bool,
    /// The error for a body that is no upload.
    refusal: ApiError,
}

#[derive(Debug, Default)]
struct Raw {
    chunk: Option<Bytes>,
    ended: bool,
}

impl Upload {
    /// Begins to read a body with this `Content-Type`.
    ///
    /// # Errors
    /// `MISSING_PARAMETER` without a content type, `UNSUPPORTED_MEDIA_TYPE` for one that no client
    /// has sent a form under.
    pub fn new(kind: Kind, content_type: &str, limits: &Limits) -> Result<Self, ApiError> {
        let essence = essence(content_type);
        if essence.is_empty() {
            return Err(kind.missing());
        }
        let format = if essence == "multipart/form-data" {
            match multer::parse_boundary(content_type) {
                Ok(boundary) => Format::Parts(Box::new(Parts::new(boundary))),
                Err(_) => {
                    let problem = "names no boundary, which multipart/form-data needs";
                    Format::undeclared(ApiError::invalid("Content-Type", problem))
                }
            }
        } else if essence == "application/json" {
            Format::undeclared(kind.unsupported())
        } else if kind.takes_body_type(&essence) {
            Format::Raw(Raw::default())
        } else {
            return Err(kind.unsupported());
        };
        let (max_file, max_files) = match kind {
            Kind::Csv => (limits.max_csv_bytes, 1),
            Kind::Photos => (limits.max_photo_bytes, limits.max_photos),
        };
        Ok(Self {
            meter: Meter {
                kind,
                max_file,
                max_files,
                max_body: limits.max_body_bytes,
                received: 0,
                files: 0,
                file_bytes: 0,
            },
            format,
            failed: None,
        })
    }

    /// Takes the next chunk of the body.
    pub fn feed(&mut self, chunk: Bytes) {
        if let Err(error) = self.meter.receive(chunk.len()) {
            self.failed = Some(error);
            return;
        }
        match &mut self.format {
            Format::Raw(raw) => raw.chunk = Some(chunk),
            Format::Parts(parts) => parts.feed(chunk),
            Format::Undeclared(undeclared) => undeclared.head.extend_from_slice(&chunk),
        }
    }

    /// Ends the body.
    pub fn end(&mut self) {
        match &mut self.format {
            Format::Raw(raw) => raw.ended = true,
            Format::Parts(parts) => parts.end(),
            Format::Undeclared(undeclared) => undeclared.ended = true,
        }
    }

    /// Whether it is known how the body is to be read; as long as it is not, call [`Self::feed`] or
    /// [`Self::end`]. Ask this before anything is written for the upload.
    ///
    /// # Errors
    /// `UNSUPPORTED_MEDIA_TYPE` or `INVALID_REQUEST` when the `Content-Type` is not that of an
    /// upload and the body is no form, `FILE_TOO_LARGE`.
    pub fn is_recognised(&mut self) -> Result<bool, ApiError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let Format::Undeclared(undeclared) = &mut self.format else {
            return Ok(true);
        };
        match undeclared.boundary() {
            Some(Ok(boundary)) => {
                let mut parts = Parts::new(boundary);
                parts.feed(std::mem::take(&mut undeclared.head).into());
                if undeclared.ended {
                    parts.end();
                }
                self.format = Format::Parts(Box::new(parts));
                Ok(true)
            }
            Some(Err(error)) => {
                self.failed = Some(error.clone());
                Err(error)
            }
            None => Ok(false),
        }
    }

    /// Returns the next event of the bytes received so far. After [`Event::NeedMore`] call
    /// [`Self::feed`] or [`Self::end`]; after [`Event::Done`] there is nothing more.
    ///
    /// # Errors
    /// `FILE_TOO_LARGE`, `BATCH_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE`, `MISSING_PARAMETER`,
    /// `INVALID_REQUEST`. The upload is then over.
    #[expect(
        clippy::should_implement_trait,
        reason = "no iterator: it fails, and asks for more"
    )]
    pub fn next(&mut self) -> Result<Event, ApiError> {
        if !self.is_recognised()? {
            return Ok(Event::NeedMore);
        }
        let event = match &mut self.format {
            Format::Raw(raw) => raw.next(&mut self.meter),
            Format::Parts(parts) => parts.next(&mut self.meter),
            Format::Undeclared(_) => Ok(Event::NeedMore),
        };
        if let Err(error) = &event {
            self.failed = Some(error.clone());
        }
        event
    }
}

impl Upload {
    /// The columns' mapping from the part `mapping`; complete once all files have been received.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is no JSON object of texts.
    pub fn mapping(&self) -> Result<Mapping, ApiError> {
        match self.text(Text::Mapping) {
            Some(json) if !json.is_empty() => request::mapping(json),
            _ => Ok(Mapping::new()),
        }
    }

    /// Whether the part `keepFailedPhotos` says so; `None` without one. Complete once all files
    /// have been received.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is neither true nor false.
    pub fn keep_failed_photos(&self) -> Result<Option<bool>, ApiError> {
        match self.text(Text::KeepFailed) {
            Some(text) if !text.is_empty() => {
                let text = String::from_utf8_lossy(text);
                request::keep_failed_photos(Some(&text)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The client's own name for the job from the part `clientRef`; empty without one. Complete
    /// once all files have been received.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is too long, or no UTF-8.
    pub fn client_ref(&self) -> Result<String, ApiError> {
        request::client_ref_of_bytes(self.text(Text::ClientRef).unwrap_or_default())
    }

    /// The bytes of a part that is a text.
    fn text(&self, text: Text) -> Option<&[u8]> {
        match &self.format {
            Format::Parts(parts) => parts.text(text),
            Format::Raw(_) | Format::Undeclared(_) => None,
        }
    }
}

impl Meter {
    fn receive(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.received = self.received.saturating_add(bytes);
        if self.received > self.max_body {
            return Err(ApiError::too_large("The body", self.max_body));
        }
        Ok(())
    }

    fn file(&mut self, name: String) -> Result<Event, ApiError> {
        if self.files == self.max_files {
            let field = match self.kind {
                Kind::Csv => "file",
                Kind::Photos => "photos",
            };
            let count = self.files + 1;
            return Err(ApiError::batch_too_large(field, count, self.max_files));
        }
        self.files += 1;
        self.file_bytes = 0;
        Ok(Event::File { name })
    }

    fn bytes(&mut self, chunk: Bytes) -> Result<Event, ApiError> {
        self.file_bytes = self.file_bytes.saturating_add(chunk.len());
        if self.file_bytes > self.max_file {
            let what = match self.kind {
                Kind::Csv => "The file".to_owned(),
                Kind::Photos => format!("Photo {}", self.files),
            };
            return Err(ApiError::too_large(&what, self.max_file));
        }
        Ok(Event::Bytes(chunk))
    }

    fn broken(&self, error: &multer::Error) -> ApiError {
        if self.received == 0 {
            return self.kind.missing();
        }
        match error {
            multer::Error::IncompleteStream
            | multer::Error::IncompleteHeaders
            | multer::Error::IncompleteFieldData { .. } => ApiError::invalid_body(
                "ends in the middle: it has no closing boundary, or another than Content-Type names",
            ),
            _ => ApiError::invalid_body("is not multipart/form-data (RFC 7578)"),
        }
    }
}

impl Format {
    fn undeclared(refusal: ApiError) -> Self {
        Self::Undeclared(Undeclared {
            head: Vec::new(),
            ended: false,
            refusal,
        })
    }
}

impl Undeclared {
    /// The boundary that the first line shows, or why there is none; `None` when more bytes are
    /// needed to tell.
    fn boundary(&self) -> Option<Result<String, ApiError>> {
        let refused = || Some(Err(self.refusal.clone()));
        let begins_like_one = self.head.iter().zip(b"--").all(|(a, b)| a == b);
        if !begins_like_one || self.ended && self.head.is_empty() {
            return refused();
        }
        let line = self.head.iter().take(MAX_BOUNDARY + 3);
        let Some(length) = line.clone().position(|byte| *byte == b'\r') else {
            let is_too_long = line.count() == MAX_BOUNDARY + 3;
            return if is_too_long || self.ended {
                refused()
            } else {
                None
            };
        };
        let boundary = &self.head[..length][2.min(length)..];
        let is_token = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        match std::str::from_utf8(boundary) {
            // Two hyphens at the end are those of a form without parts.
            Ok(text)
                if !text.is_empty() && !text.ends_with("--") && boundary.iter().all(is_token) =>
            {
                Some(Ok(text.to_owned()))
            }
            _ => refused(),
        }
    }
}

impl Raw {
    fn next(&mut self, meter: &mut Meter) -> Result<Event, ApiError> {
        if self.chunk.is_some() && meter.files == 0 {
            return meter.file(String::new());
        }
        match self.chunk.take() {
            Some(chunk) => meter.bytes(chunk),
            None if self.ended && meter.received == 0 => {
                Err(ApiError::missing("body", "it is empty: send the file"))
            }
            None if self.ended => Ok(Event::Done),
            None => Ok(Event::NeedMore),
        }
    }
}

/// A media type without parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}
