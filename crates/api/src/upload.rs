//! Uploads: files out of `multipart/form-data` (RFC 7578) or a raw body, as the bytes come.
//!
//! No I/O: the caller feeds chunks and asks for events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use books::Mapping;
use bytes::Bytes;
use futures::Stream;
use futures::channel::mpsc;
use job::Limits;
use multer::{Field, Multipart};

use crate::error::ApiError;
use crate::request::{self, MAX_CLIENT_REF};

/// Largest number of bytes between two parts: their headers, and whatever precedes the first.
const MAX_PART_HEADERS: usize = 16 << 10;
/// Longest boundary, in bytes (RFC 2046, 5.1.1).
const MAX_BOUNDARY: usize = 70;
/// Largest number of parts of one request, whatever they are.
const MAX_PARTS: usize = 64;

/// The media types of workbooks.
const WORKBOOKS: [&str; 2] = [
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.spreadsheet",
];
/// Name of the part of an import with the meanings of its columns.
const MAPPING: &str = "mapping";
/// Largest size of the part [`MAPPING`], in bytes.
const MAX_MAPPING: usize = 16 << 10;
/// Name of the part of a scan that asks for photos to be kept that could not be looked at.
pub(crate) const KEEP_FAILED: &str = "keepFailedPhotos";
/// Name of the part that holds the client's own name for the job.
pub(crate) const CLIENT_REF: &str = "clientRef";
/// Largest size of the part [`KEEP_FAILED`], in bytes: `false`, and some blanks.
const MAX_FLAG: usize = 16;

/// The kind of files that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One library: part `file` and perhaps part `mapping`, or a body of CSV or a workbook.
    Csv,
    /// Photos: parts `photos`, `photos[]`, `photo`, `image` or `file`, and perhaps part
    /// `keepFailedPhotos`, or an `image/*` body.
    Photos,
}

impl Kind {
    fn takes_field(self, name: &str) -> bool {
        match self {
            Self::Csv => name == "file",
            Self::Photos => {
                matches!(name, "photos" | "photos[]" | "photo" | "image" | "file")
            }
        }
    }

    /// Whether a file part may have this media type; its content decides.
    fn takes_part_type(self, essence: &str) -> bool {
        match self {
            Self::Csv => {
                essence.starts_with("text/")
                    || WORKBOOKS.contains(&essence)
                    || matches!(
                        essence,
                        "application/vnd.ms-excel"
                            | "application/octet-stream"
                            | "application/csv"
                            | "application/json"
                            | "application/x-ndjson"
                    )
            }
            Self::Photos => essence.starts_with("image/") || essence == "application/octet-stream",
        }
    }

    fn takes_body_type(self, essence: &str) -> bool {
        match self {
            // What clients say of a file that they do not know; its content decides.
            Self::Csv => {
                WORKBOOKS.contains(&essence)
                    || matches!(
                        essence,
                        "text/csv"
                            | "text/plain"
                            | "text/tab-separated-values"
                            | "application/csv"
                            | "application/octet-stream"
                            | "application/vnd.ms-excel"
                            | "application/x-ndjson"
                    )
            }
            Self::Photos => essence.starts_with("image/") || essence == "application/octet-stream",
        }
    }

    fn unsupported(self) -> ApiError {
        ApiError::unsupported_media_type(match self {
            Self::Csv => {
                "Send the library (CSV, JSON, .xlsx or .ods) as multipart/form-data, part \"file\", or as a body of its type"
            }
            Self::Photos => {
                "Send JPEG, PNG or WebP photos as multipart/form-data, parts \"photos\", or one as an image/* body"
            }
        })
    }

    fn missing(self) -> ApiError {
        match self {
            Self::Csv => ApiError::missing("file", "send the CSV file as the part \"file\""),
            Self::Photos => ApiError::missing("photos", "send 1 to 5 photos as parts \"photos\""),
        }
    }
}

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

#[derive(Debug)]
struct Parts {
    chunks: Option<mpsc::UnboundedSender<Result<Bytes, Infallible>>>,
    multipart: Multipart<'static>,
    field: Option<Field<'static>>,
    use_of_field: Use,
    /// The parts so far that are there once: all that are neither files nor skipped.
    said: Vec<Use>,
    mapping: Vec<u8>,
    keep_failed: Vec<u8>,
    client_ref: Vec<u8>,
    parts: usize,
    /// Number of bytes fed since the last part ended, while no next one has begun.
    between: usize,
}

/// The use of a part of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    File,
    Mapping,
    KeepFailed,
    ClientRef,
    /// Something to skip.
    Other,
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
            Format::Parts(parts) => parts.chunks = None,
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
                    parts.chunks = None;
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
        match &self.format {
            Format::Parts(parts) if !parts.mapping.is_empty() => request::mapping(&parts.mapping),
            _ => Ok(Mapping::new()),
        }
    }

    /// Whether the part `keepFailedPhotos` says so; `None` without one. Complete once all files
    /// have been received.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is neither true nor false.
    pub fn keep_failed_photos(&self) -> Result<Option<bool>, ApiError> {
        match &self.format {
            Format::Parts(parts) if !parts.keep_failed.is_empty() => {
                let text = String::from_utf8_lossy(&parts.keep_failed);
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
        match &self.format {
            Format::Parts(parts) => request::client_ref_of_bytes(&parts.client_ref),
            Format::Raw(_) | Format::Undeclared(_) => Ok(String::new()),
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

impl Parts {
    /// Makes a parser for a body with this boundary. It reads from a channel: bytes go in one chunk
    /// at a time, and it is polled in between, so that it never holds more than one.
    fn new(boundary: String) -> Self {
        let (sender, receiver) = mpsc::unbounded();
        Self {
            chunks: Some(sender),
            multipart: Multipart::new(receiver, boundary),
            field: None,
            use_of_field: Use::Other,
            said: Vec::new(),
            mapping: Vec::new(),
            keep_failed: Vec::new(),
            client_ref: Vec::new(),
            parts: 0,
            between: 0,
        }
    }

    fn feed(&mut self, chunk: Bytes) {
        self.between = self.between.saturating_add(chunk.len());
        if let Some(chunks) = &self.chunks {
            // Fails only when the reader is gone, and it is ours.
            let _ = chunks.unbounded_send(Ok(chunk));
        }
    }

    fn next(&mut self, meter: &mut Meter) -> Result<Event, ApiError> {
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
                Poll::Ready(Some(Ok(chunk))) if self.use_of_field == Use::File => {
                    return meter.bytes(chunk);
                }
                Poll::Ready(Some(Ok(chunk))) if self.use_of_field == Use::Mapping => {
                    if self.mapping.len() + chunk.len() > MAX_MAPPING {
                        return Err(ApiError::invalid(MAPPING, "is longer than 16 KB"));
                    }
                    self.mapping.extend_from_slice(&chunk);
                }
                Poll::Ready(Some(Ok(chunk))) if self.use_of_field == Use::KeepFailed => {
                    if self.keep_failed.len() + chunk.len() > MAX_FLAG {
                        return Err(ApiError::invalid(KEEP_FAILED, "must be true or false"));
                    }
                    self.keep_failed.extend_from_slice(&chunk);
                }
                Poll::Ready(Some(Ok(chunk))) if self.use_of_field == Use::ClientRef => {
                    if self.client_ref.len() + chunk.len() > MAX_CLIENT_REF * 4 {
                        return Err(request::client_ref_too_long());
                    }
                    self.client_ref.extend_from_slice(&chunk);
                }
                Poll::Ready(Some(Ok(_))) => {}
            }
        }
    }

    /// Begins a part: a file, or something to skip.
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
        self.use_of_field = match (meter.kind, field.name()) {
            (kind, Some(name)) if kind.takes_field(name) => Use::File,
            (Kind::Csv, Some(MAPPING)) => Use::Mapping,
            (Kind::Photos, Some(KEEP_FAILED)) => Use::KeepFailed,
            (_, Some(CLIENT_REF)) => Use::ClientRef,
            _ => Use::Other,
        };
        if !matches!(self.use_of_field, Use::File | Use::Other) {
            if self.said.contains(&self.use_of_field) {
                return Err(ApiError::said_twice(field.name().unwrap_or_default()));
            }
            self.said.push(self.use_of_field);
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

/// A media type without parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}
