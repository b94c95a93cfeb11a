//! Photos in base64 in a JSON body, decoded as they come: neither the body nor the base64 is ever
//! in memory whole, nor are the photos where they are taken out meanwhile.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use job::{JobId, Limits};
use serde::de::{Deserialize, Deserializer, Visitor};

use crate::error::ApiError;
use crate::request::{self, BatchDocument};

/// Longest string, in bytes, that stays in the document.
const SHORT: usize = 1 << 10;
/// Longest document, in bytes, that is left when long strings are taken out.
const LONGEST_DOCUMENT: usize = 64 << 10;
/// Number of base64 characters that are decoded at a time: whole quads.
const BLOCK: usize = 16 << 10;

/// A reader of `{"jobId", "images": [{"index", "data": "<base64>"}]}`.
///
/// Long strings are taken out of the document and decoded; their numbers stand in it instead. What
/// is left is read as any other request.
pub struct PhotoBatch<'a> {
    limits: &'a Limits,
    length: usize,
    document: Vec<u8>,
    state: State,
    photos: Vec<Photo>,
}

enum State {
    Outside,
    /// Inside a string that begins at this place in the document.
    Short {
        begin: usize,
        escaped: bool,
    },
    /// Inside a string whose characters are taken out of the document.
    Long(Escape),
}

/// Position within an escape sequence of JSON.
#[derive(Clone, Copy)]
enum Escape {
    None,
    Begun,
    /// Number of hexadecimal digits seen, of four, and their value.
    Unicode(u8, u32),
}

/// A batch of photos that has arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedBatch {
    /// The client's name for the job.
    pub id: JobId,
    /// The photos, in the order of their indices.
    pub photos: Vec<ReceivedPhoto>,
    /// Whether photos that cannot be looked at are kept as long as the job, if the body says so.
    pub keep_failed: Option<bool>,
    /// The client's own name for the job, which messages repeat.
    pub client_ref: Option<String>,
}

/// A photo of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedPhoto {
    /// The number under which [`PhotoBatch::take`] has returned its beginning.
    pub taken: Option<usize>,
    /// Its bytes from there on: all, if nothing was taken.
    pub rest: Vec<u8>,
}

impl<'a> PhotoBatch<'a> {
    /// A reader of the body of one request.
    pub fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            length: 0,
            document: Vec::new(),
            state: State::Outside,
            photos: Vec::new(),
        }
    }

    /// Reads the body's next bytes.
    ///
    /// # Errors
    /// `FILE_TOO_LARGE`, `BATCH_TOO_LARGE`.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), ApiError> {
        self.length += bytes.len();
        if self.length > self.limits.max_body_bytes {
            return Err(ApiError::too_large(
                "The request",
                self.limits.max_body_bytes,
            ));
        }
        while let Some((&byte, rest)) = bytes.split_first() {
            if let (State::Long(Escape::None), Some(photo)) = (&self.state, self.photos.last_mut())
            {
                // The fast path: nearly all of a body is photos' data.
                let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
                let end = end.unwrap_or(bytes.len());
                photo.push(&bytes[..end], self.limits.max_photo_bytes);
                bytes = &bytes[end..];
                if let Some((&byte, rest)) = bytes.split_first() {
                    self.state = match byte {
                        b'"' => self.end_long(),
                        _ => State::Long(Escape::Begun),
                    };
                    bytes = rest;
                }
                continue;
            }
            self.byte(byte)?;
            bytes = rest;
        }
        Ok(())
    }

    /// Number of bytes of photos in memory.
    pub fn held(&self) -> usize {
        self.photos.iter().map(|photo| photo.bytes.len()).sum()
    }

    /// Takes out what has been decoded of photos and was not taken before: numbers of photos, each
    /// with its next bytes. Numbers count from 0, and never go back.
    pub fn take(&mut self) -> Vec<(usize, Vec<u8>)> {
        let photos = self.photos.iter_mut().enumerate();
        let filled = photos.filter(|(_, photo)| !photo.bytes.is_empty());
        let taken = filled.map(|(number, photo)| {
            photo.taken += photo.bytes.len();
            (number, std::mem::take(&mut photo.bytes))
        });
        taken.collect()
    }

    fn byte(&mut self, byte: u8) -> Result<(), ApiError> {
        match &mut self.state {
            State::Outside if byte.is_ascii_whitespace() => {
                if self.document.last() != Some(&b' ') {
                    self.document.push(b' ');
                }
            }
            State::Outside => {
                if byte == b'"' {
                    self.state = State::Short {
                        begin: self.document.len(),
                        escaped: false,
                    };
                }
                self.document.push(byte);
            }
            State::Short { begin, escaped } => {
                let begin = *begin;
                self.document.push(byte);
                if *escaped {
                    *escaped = false;
                } else if byte == b'\\' {
                    *escaped = true;
                } else if byte == b'"' {
                    self.state = State::Outside;
                } else if self.document.len() - begin > SHORT {
                    return self.take_out(begin);
                }
            }
            State::Long(escape) => {
                let (next, meant) = escape.next(byte);
                *escape = next;
                if let (Some(meant), Some(photo)) = (meant, self.photos.last_mut()) {
                    photo.push(&[meant], self.limits.max_photo_bytes);
                }
            }
        }
        match self.document.len() > LONGEST_DOCUMENT {
            true => Err(ApiError::too_large(
                "The request without its photos",
                LONGEST_DOCUMENT,
            )),
            false => Ok(()),
        }
    }

    /// Takes the string that begins at `begin` out of the document.
    fn take_out(&mut self, begin: usize) -> Result<(), ApiError> {
        if self.photos.len() >= self.limits.max_photos {
            let count = self.photos.len() + 1;
            return Err(ApiError::batch_too_large(
                "images",
                count,
                self.limits.max_photos,
            ));
        }
        let string = self.document.split_off(begin);
        self.photos.push(Photo::default());
        self.state = State::Long(Escape::None);
        // These bytes were counted when they were first read.
        self.length -= string.len() - 1;
        self.feed(&string[1..])
    }

    fn end_long(&mut self) -> State {
        if let Some(photo) = self.photos.last_mut() {
            photo.decode(self.limits.max_photo_bytes);
        }
        let number = self.photos.len() - 1;
        self.document
            .extend_from_slice(number.to_string().as_bytes());
        State::Outside
    }

    /// The batch, when all of it has arrived.
    ///
    /// # Errors
    /// `INVALID_REQUEST`, `MISSING_PARAMETER`, `EMPTY_BATCH`, `BATCH_TOO_LARGE`, `FILE_TOO_LARGE`.
    pub fn end(self) -> Result<ReceivedBatch, ApiError> {
        let BatchDocument {
            id,
            images,
            keep_failed,
            client_ref,
        } = request::scan_batch_document(&self.document, self.limits)?;
        let mut photos: Vec<Option<Photo>> = self.photos.into_iter().map(Some).collect();
        let images = images.into_iter().enumerate().map(|(index, data)| {
            let field = format!("images[{index}].data");
            let (number, photo) = match data {
                None => return Err(ApiError::missing(&field, "send the photo in base64")),
                Some(Data::Text(text)) => {
                    let mut photo = Photo::default();
                    photo.push(text.as_bytes(), self.limits.max_photo_bytes);
                    photo.decode(self.limits.max_photo_bytes);
                    (0, Some(photo))
                }
                Some(Data::TakenOut(number)) => {
                    (number, photos.get_mut(number).and_then(Option::take))
                }
            };
            let photo = photo.ok_or_else(|| ApiError::invalid(&field, "must be a string"))?;
            photo.end(number).map_err(|fault| match fault {
                Fault::TooLarge => {
                    let what = format!("Photo {}", index + 1);
                    ApiError::too_large(&what, self.limits.max_photo_bytes)
                }
                Fault::NotBase64 => ApiError::invalid(&field, "is not base64 (RFC 4648, padded)"),
            })
        });
        Ok(ReceivedBatch {
            id,
            photos: images.collect::<Result<_, _>>()?,
            keep_failed,
            client_ref,
        })
    }
}

impl Escape {
    /// Returns the position after a byte, and the byte that the sequence stands for, if it is
    /// complete.
    fn next(self, byte: u8) -> (Self, Option<u8>) {
        // Stands for everything that is no base64.
        const OTHER: Option<u8> = Some(b'?');
        match self {
            Self::None => (Self::None, Some(byte)),
            Self::Begun => match byte {
                b'u' => (Self::Unicode(0, 0), None),
                b'n' | b'r' | b't' | b'f' => (Self::None, Some(b' ')),
                b'/' => (Self::None, Some(b'/')),
                _ => (Self::None, OTHER),
            },
            Self::Unicode(digits, value) => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    return (Self::None, OTHER);
                };
                let value = value << 4 | digit;
                match digits {
                    3 => (Self::None, u8::try_from(value).ok().or(OTHER)),
                    _ => (Self::Unicode(digits + 1, value), None),
                }
            }
        }
    }
}

/// The reasons why a string is no photo.
#[derive(Clone, Copy)]
enum Fault {
    TooLarge,
    NotBase64,
}

/// A photo on its way out of base64, perhaps as a `data:` URL.
#[derive(Default)]
struct Photo {
    /// Base64 characters that have not been decoded yet.
    pending: Vec<u8>,
    has_begun: bool,
    is_in_url: bool,
    is_padded: bool,
    /// Number of bytes that have been taken out.
    taken: usize,
    bytes: Vec<u8>,
    fault: Option<Fault>,
}

impl Photo {
    fn push(&mut self, mut text: &[u8], most: usize) {
        const URL: &[u8] = b"data:";
        if self.fault.is_some() {
            return;
        }
        if !self.has_begun {
            self.has_begun = true;
            // A long string begins with more than a data URL's first letters.
            self.is_in_url = text.starts_with(URL);
        }
        if self.is_in_url {
            let Some(comma) = text.iter().position(|byte| *byte == b',') else {
                return;
            };
            self.is_in_url = false;
            text = &text[comma + 1..];
        }
        for &byte in text {
            // Some encoders wrap lines.
            if byte.is_ascii_whitespace() {
                continue;
            }
            if self.is_padded && byte != b'=' {
                self.fault = Some(Fault::NotBase64);
                return;
            }
            self.is_padded |= byte == b'=';
            self.pending.push(byte);
            if self.pending.len() == BLOCK {
                self.decode(most);
            }
        }
    }

    /// Decodes the pending base64; a photo of more than `most` bytes is given up.
    fn decode(&mut self, most: usize) {
        if self.fault.is_none() {
            let decoded = BASE64_STANDARD.decode_vec(&self.pending, &mut self.bytes);
            self.fault = match decoded {
                Err(_) => Some(Fault::NotBase64),
                Ok(()) if self.taken + self.bytes.len() > most => Some(Fault::TooLarge),
                Ok(()) => None,
            };
        }
        self.pending.clear();
        if self.fault.is_some() {
            self.bytes = Vec::new();
        }
    }

    fn end(self, number: usize) -> Result<ReceivedPhoto, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(ReceivedPhoto {
                taken: (self.taken > 0).then_some(number),
                rest: self.bytes,
            }),
        }
    }
}

/// The data of an image: in the document, or the number of a string that has been taken out.
#[derive(Debug)]
pub(crate) enum Data {
    Text(String),
    TakenOut(usize),
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfData;

        impl Visitor<'_> for OfData {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Data, E> {
                Ok(Data::Text(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Data, E> {
                Ok(Data::TakenOut(
                    usize::try_from(number).unwrap_or(usize::MAX),
                ))
            }
        }
        deserializer.deserialize_any(OfData)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Code;

    type Read = Result<(JobId, Vec<Vec<u8>>), ApiError>;

    fn read(body: &[u8], piece: usize) -> Read {
        let limits = Limits::default();
        let mut batch = PhotoBatch::new(&limits);
        for piece in body.chunks(piece) {
            batch.feed(piece)?;
        }
        let batch = batch.end()?;
        let photos = batch.photos.into_iter();
        Ok((batch.id, photos.map(|photo| photo.rest).collect()))
    }

    /// The same where photos are taken out as they come.
    fn read_taking(body: &[u8], piece: usize) -> Read {
        let limits = Limits::default();
        let mut batch = PhotoBatch::new(&limits);
        let mut taken: Vec<Vec<u8>> = Vec::new();
        for piece in body.chunks(piece) {
            batch.feed(piece)?;
            for (number, bytes) in batch.take() {
                assert!(number + 1 >= taken.len(), "{number} comes late");
                taken.resize(taken.len().max(number + 1), Vec::new());
                taken[number].extend_from_slice(&bytes);
            }
            assert_eq!(batch.held(), 0);
        }
        let batch = batch.end()?;
        let photos = batch.photos.into_iter().map(|photo| {
            let mut whole = photo
                .taken
                .map_or_else(Vec::new, |number| taken[number].clone());
            whole.extend_from_slice(&photo.rest);
            whole
        });
        Ok((batch.id, photos.collect()))
    }

    fn photos(images: &Value) -> Vec<Vec<u8>> {
        let body = json!({"images": images, "jobId": "j"}).to_string();
        read(body.as_bytes(), 1_000).unwrap().1
    }

    fn code(body: &str) -> Code {
        read(body.as_bytes(), 7).unwrap_err().code
    }

    #[test]
    fn base64_comes_as_encoders_write_it() {
        let photo: Vec<u8> = (0..100_000u32).map(|n| (n * 7) as u8).collect();
        let base64 = BASE64_STANDARD.encode(&photo);
        let lines: Vec<&str> = (0..base64.len())
            .step_by(76)
            .map(|at| &base64[at..base64.len().min(at + 76)])
            .collect();
        let escaped = base64.replace('/', "\\/").replace('+', "\\u002B");
        let escaped = format!(
            "{{\"jobId\":\"j\",\"images\":[{{\"data\":\"data:image\\/png;base64,{escaped}\"}}]}}"
        );
        assert_eq!(
            read(escaped.as_bytes(), 999).unwrap().1,
            std::slice::from_ref(&photo)
        );
        for data in [
            base64.clone(),
            format!("data:image/jpeg;base64,{base64}"),
            lines.join("\r\n"),
        ] {
            let images = json!([{"index": 2, "data": "YQ=="}, {"data": data, "index": 1}]);
            assert_eq!(photos(&images), [photo.clone(), b"a".to_vec()]);
        }
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let long = "A".repeat(5_000);
        let padded = format!("AA=={long}");
        for (body, expected) in [
            (
                format!("{{\"jobId\":\"j\",\"images\":[{{\"data\":\"{long}"),
                Code::InvalidRequest,
            ),
            (
                format!("{{\"jobId\":\"j\",\"images\":[{{\"data\":\"{padded}\"}}]}}"),
                Code::InvalidRequest,
            ),
            (
                format!("{{\"jobId\":\"j\",\"images\":[{{\"data\":\"{long}\\n\\q\"}}]}}"),
                Code::InvalidRequest,
            ),
            (
                format!("{{\"jobId\":\"j\",\"images\":[{{\"data\":\"{long}A\"}}]}}"),
                Code::InvalidRequest,
            ),
            (
                format!("{{\"jobId\":\"{long}\",\"images\":[{{\"data\":\"\"}}]}}"),
                Code::InvalidRequest,
            ),
            (format!("{{\"{long}\":1}}"), Code::InvalidRequest),
            (
                "{\"jobId\":\"j\",\"images\":[{\"data\":0}]}".to_owned(),
                Code::InvalidRequest,
            ),
            (
                format!("{{\"jobId\":\"j\",\"images\":[{{\"data\":0}},{{\"data\":\"{long}\"}}]}}"),
                Code::InvalidRequest,
            ),
            (
                "{\"jobId\":\"j\",\"images\":[{\"index\":1 2}]}".to_owned(),
                Code::InvalidRequest,
            ),
            (
                format!(
                    "{{\"images\":[{}]}}",
                    vec![format!("\"{long}\""); 6].join(",")
                ),
                Code::BatchTooLarge,
            ),
            (format!("[{}", "1,".repeat(50_000)), Code::FileTooLarge),
            (" ".repeat(200_000), Code::MissingParameter),
        ] {
            assert_eq!(code(&body), expected, "{body:.60}");
        }
    }

    #[test]
    fn a_photo_that_is_too_large_is_not_kept() {
        let limits = Limits::default();
        for is_taken_out in [false, true] {
            let mut batch = PhotoBatch::new(&limits);
            batch
                .feed(b"{\"jobId\":\"j\",\"images\":[{\"data\":\"")
                .unwrap();
            for _ in 0..15 {
                batch.feed(&vec![b'A'; 1 << 20]).unwrap();
                if is_taken_out {
                    batch.take();
                }
            }
            assert!(batch.photos[0].bytes.is_empty() && batch.document.len() < 100);
            batch.feed(b"\"}]}").unwrap();
            assert_eq!(batch.end().unwrap_err().code, Code::FileTooLarge);
        }
    }

    proptest! {
        #[test]
        fn photos_come_out_as_they_went_in(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4_000), 1..5),
            piece in 1..3_000usize,
        ) {
            let images: Vec<Value> =
                sent.iter().map(|photo| json!({"data": BASE64_STANDARD.encode(photo)})).collect();
            let body = json!({"jobId": "j", "images": images}).to_string();
            for read in [read, read_taking] {
                let (id, photos) = read(body.as_bytes(), piece).unwrap();
                prop_assert_eq!(id.as_str(), "j");
                prop_assert_eq!(&photos, &sent);
            }
        }

        #[test]
        fn any_bytes_are_a_batch_or_refused(
            body in prop::collection::vec(prop::sample::select(b"{}[]\",:\\u0/=A 1\xe9".to_vec()), 0..3_000),
            piece in 1..100usize,
        ) {
            let whole = read(&body, piece);
            prop_assert_eq!(read_taking(&body, piece), whole);
        }
    }
}
