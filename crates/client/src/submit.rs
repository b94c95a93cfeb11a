//! Submission of jobs, so that none is lost and none started twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Response, StatusCode, request};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::body::Body;
use crate::client::Shared;
use crate::counters::Ending;
use crate::http::{EVENT_STREAM, escaped, is_event_stream};
use crate::strategy::{LONGEST_PAUSE, StreamEnd};
use crate::stream::Stream;
use crate::{Accepted, Client, Error, Mode, Transport, Watch};

/// Number of times that something is submitted again when its answer was lost; its
/// `Idempotency-Key` makes all of them one job.
pub(crate) const RESUBMISSIONS: u32 = 5;

/// A photo of a bookshelf: JPEG, PNG or WebP, at most 10 MB.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The bytes of the file.
    pub bytes: Bytes,
}

impl Photo {
    /// The media type that a photo's first bytes suggest. The server looks for itself; this only
    /// keeps proxies content.
    pub(crate) fn media_type(&self) -> &'static str {
        match self.bytes.as_ref() {
            [0xff, 0xd8, ..] => "image/jpeg",
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => "image/webp",
            _ => "application/octet-stream",
        }
    }
}

/// A job to be submitted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Submission {
    /// A library as CSV or a workbook, at most 8 MB and 10,000 rows.
    Import(Bytes),
    /// A library as for [`Self::Import`], with the meanings of some columns.
    MappedImport {
        /// The file.
        file: Bytes,
        /// The meanings of columns.
        mapping: Mapping,
    },
    /// A scan of 1 to 5 photos.
    Scan(Vec<Photo>),
    /// An enrichment of 1 to 1,500 ISBNs.
    Enrich(Vec<String>),
    /// An enrichment of 1 to 1,500 books of which at least the title or the ISBN is known.
    Books(Vec<BookQuery>),
}

/// The data that a book is looked up by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookQuery {
    /// Title of the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// First author of the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// ISBN-13 or ISBN-10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
}

/// Options of a submission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmitOptions {
    /// The name of the user's action: whoever submits again under the same key gets the same job,
    /// for as long as it is kept. Random unless given.
    pub key: Option<String>,
    /// A text of the caller, at most 256 characters, that the server's webhook says when the job
    /// ends.
    pub client_ref: Option<String>,
    /// Whether photos of a scan that cannot be looked at are kept as long as the job, so that a
    /// retry looks at them again.
    pub keep_failed_photos: bool,
}

impl SubmitOptions {
    /// The query with what is not a header.
    fn query(&self) -> String {
        let name = self.client_ref.as_ref();
        let name = name.map(|name| format!("clientRef={}", escaped(name)));
        let keeps = (self.keep_failed_photos).then(|| "keepFailedPhotos=true".to_owned());
        let parameters: Vec<String> = name.into_iter().chain(keeps).collect();
        match parameters.is_empty() {
            true => String::new(),
            false => format!("?{}", parameters.join("&")),
        }
    }
}

impl Submission {
    /// Whether the submission is a library.
    fn is_import(&self) -> bool {
        matches!(self, Self::Import(_) | Self::MappedImport { .. })
    }
}

/// Fields, or `ignore`, by the headers or numbers of a file's columns.
pub type Mapping = BTreeMap<String, String>;

/// The header with a [`Mapping`].
const MAPPING: &str = "x-import-mapping";

/// The media type of a library by its first bytes; the server looks for itself.
fn library_type(file: &[u8]) -> &'static str {
    if !file.starts_with(b"PK\x03\x04") {
        "text/csv"
    } else if file
        .windows(12)
        .take(100)
        .any(|window| window == b"opendocument")
    {
        "application/vnd.oasis.opendocument.spreadsheet"
    } else {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    }
}

/// A mapping as JSON that fits a header: everything beyond ASCII is escaped.
fn ascii_json(mapping: &Mapping) -> String {
    let json = serde_json::to_string(mapping).unwrap_or_default();
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

/// The result of importing a file, before it is imported.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Number of data rows of the file.
    pub rows: u32,
    /// Number of different books in the file.
    pub books_found: u32,
    /// Number of rows merged into an earlier one of the same book.
    pub duplicates_merged: u32,
    /// Number of rows that could not be read.
    pub rows_rejected: u32,
    /// Whether a person should check how the file was read.
    pub uncertain: bool,
    /// The other fields: how the file was read, the first books, problems with rows.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A job that the server has accepted.
#[derive(Debug)]
pub struct Submitted {
    /// The new job's id and token.
    pub accepted: Accepted,
    /// A watch on the new job, from its beginning.
    pub watch: Watch,
}

/// The way in which one attempt to submit ended without a response.
enum SubmitFailure {
    /// A repetition would end in the same way.
    Final(Error),
    /// The connection broke, or nothing came; `silent`: although a stream was asked for and the
    /// server has the request.
    NoResponse { error: Error, silent: bool },
}

impl From<Error> for SubmitFailure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unreachable { .. } | Error::TimedOut { .. } => Self::NoResponse {
                error,
                silent: false,
            },
            error => Self::Final(error),
        }
    }
}

impl Shared {
    /// Pauses before the next submission, after `tries` whose responses were lost.
    pub(crate) async fn pause_before_resubmission(&self, tries: u32, error: &Error) {
        let pause = self
            .timing
            .retry
            .saturating_mul(1 << (tries - 1))
            .min(self.timing.max_backoff);
        let pause = pause.mul_f64(1.0 + fastrand::f64() / 4.0);
        let asked = error.retry_after().unwrap_or_default();
        tokio::time::sleep(pause.max(asked.min(LONGEST_PAUSE))).await;
    }
}

impl Client {
    /// Asks for the result that an import of a file would have. No job is made.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn preview(&self, file: &Bytes, mapping: &Mapping) -> Result<Preview, Error> {
        let http = &self.shared.http;
        let request = http
            .post("/api/v2/imports/preview")
            .header(CONTENT_TYPE, library_type(file))
            .header(MAPPING, ascii_json(mapping));
        http.ask(request, Body::new([file.clone()])).await
    }

    /// Starts a job.
    ///
    /// Where streams may be hoped for, the answer to the submission itself is asked to be the job's
    /// stream. A scan or an enrichment asks so only when this server's streams are known to work:
    /// if the answer were held back, photos would be sent twice. Whatever is submitted is submitted
    /// again, as the same job, when its answer is lost.
    ///
    /// # Errors
    /// When the server refuses the submission, or stays unreachable however often it is repeated.
    pub async fn submit(&self, submission: &Submission) -> Result<Submitted, Error> {
        self.submit_with(submission, &SubmitOptions::default())
            .await
    }

    /// Starts a job as [`Client::submit`] does, with options.
    ///
    /// # Errors
    /// As of [`Client::submit`].
    pub async fn submit_with(
        &self,
        submission: &Submission,
        options: &SubmitOptions,
    ) -> Result<Submitted, Error> {
        let shared = &self.shared;
        let streams_work = shared
            .stream_support()
            .map(|stream_support| stream_support.streams_work);
        let idempotency_key = options
            .key
            .clone()
            .unwrap_or_else(|| Uuid::new_v4().to_string());
        let query = options.query();
        let mut attached = match (shared.mode, streams_work) {
            (Mode::Poll, _) | (Mode::Auto, Some(false)) => false,
            (_, Some(true)) => true,
            (Mode::Auto | Mode::Sse, _) => submission.is_import(),
        };
        let (mut connected, mut silence) = (false, false);
        let mut tries = 0;
        loop {
            let (request, body) = self.submission(submission, &query)?;
            let taken = body.taken();
            let request = request.header("idempotency-key", &idempotency_key);
            let lost = match self.try_submit(request, body, attached).await {
                Ok(submitted) => {
                    if silence && !attached {
                        shared.note_stream_support(false);
                    }
                    return Ok(submitted);
                }
                Err(lost) => lost,
            };
            let (error, silent) = match lost {
                SubmitFailure::Final(error) => return Err(error),
                SubmitFailure::NoResponse { error, silent } => (error, silent),
            };
            connected |= taken.get() > 0 || shared.http.reached();
            tries += 1;
            if !connected || tries > RESUBMISSIONS {
                return Err(error);
            }
            silence |= silent;
            attached = false;
            if !silent {
                shared.pause_before_resubmission(tries, &error).await;
            }
        }
    }

    fn submission(
        &self,
        submission: &Submission,
        query: &str,
    ) -> Result<(request::Builder, Body), Error> {
        let http = &self.shared.http;
        let post = |path: &str| http.post(&format!("{path}{query}"));
        let enrich = || post("/api/batch-enrich").header(CONTENT_TYPE, "application/json");
        Ok(match submission {
            Submission::Import(file) => (
                post("/api/v2/imports").header(CONTENT_TYPE, library_type(file)),
                Body::new([file.clone()]),
            ),
            Submission::MappedImport { file, mapping } => (
                post("/api/v2/imports")
                    .header(CONTENT_TYPE, library_type(file))
                    .header(MAPPING, ascii_json(mapping)),
                Body::new([file.clone()]),
            ),
            Submission::Scan(photos) => {
                let (body, content_type) = Body::multipart(photos);
                (
                    post("/api/batch-scan").header(CONTENT_TYPE, content_type),
                    body,
                )
            }
            Submission::Enrich(isbns) => {
                let json = serde_json::json!({ "barcodes": isbns }).to_string();
                (enrich(), Body::new([Bytes::from(json)]))
            }
            Submission::Books(books) => {
                let json = serde_json::json!({ "books": books }).to_string();
                (enrich(), Body::new([Bytes::from(json)]))
            }
        })
    }

    async fn try_submit(
        &self,
        request: request::Builder,
        body: Body,
        attached: bool,
    ) -> Result<Submitted, SubmitFailure> {
        let Shared { http, timing, .. } = &*self.shared;
        if !attached {
            let accepted: Accepted = http.ask(request, body).await?;
            let watch = Watch::submitted(self, accepted.job_id.clone());
            return Ok(Submitted { accepted, watch });
        }
        let first = timing.first_byte;
        let mut attempt = self.shared.begin(Transport::Attached);
        let request = request.header(ACCEPT, EVENT_STREAM);
        let response = match http.send(request, body, first).await {
            Ok(response) => response,
            Err(error) => {
                let silent = matches!(error, Error::TimedOut { .. });
                attempt.end(if silent {
                    Ending::Silent
                } else {
                    Ending::Unreachable
                });
                return Err(if silent {
                    SubmitFailure::NoResponse { error, silent }
                } else {
                    error.into()
                });
            }
        };
        if response.status() != StatusCode::OK || !is_event_stream(response.headers()) {
            attempt.end(Ending::Refused);
            return self.read_accepted(response).await;
        }
        let mut stream = Stream::new(response, first, timing.idle);
        loop {
            match stream.next().await {
                Ok(frame) if frame.event == "accepted" => {
                    let accepted: Accepted = match serde_json::from_str(&frame.data) {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            attempt.end(Ending::Refused);
                            return Err(http.protocol(error).into());
                        }
                    };
                    self.shared.note_stream_support(true);
                    let watch = Watch::attached(self, accepted.job_id.clone(), stream, attempt);
                    return Ok(Submitted { accepted, watch });
                }
                Ok(_) => {}
                Err(end) => {
                    attempt.end(end.into());
                    return Err(self.no_answer(end));
                }
            }
        }
    }

    async fn read_accepted(
        &self,
        response: Response<Incoming>,
    ) -> Result<Submitted, SubmitFailure> {
        let accepted: Accepted = self.shared.http.read(response).await?;
        let watch = Watch::submitted(self, accepted.job_id.clone());
        Ok(Submitted { accepted, watch })
    }

    fn no_answer(&self, end: StreamEnd) -> SubmitFailure {
        let reason = "the answer ended before it named the job".to_owned();
        let error = Error::Unreachable {
            server: self.origin().to_owned(),
            reason,
            retry_after: None,
        };
        SubmitFailure::NoResponse {
            error,
            silent: end == StreamEnd::Silent,
        }
    }
}

#[cfg(test)]
mod mapping_tests {
    use super::*;

    #[test]
    fn a_mapping_fits_a_header() {
        let mapping = Mapping::from([
            ("Titel".to_owned(), "title".to_owned()),
            ("作者 \u{1f4da}".to_owned(), "author".to_owned()),
        ]);
        let json = ascii_json(&mapping);
        assert!(json.is_ascii());
        assert_eq!(serde_json::from_str::<Mapping>(&json).unwrap(), mapping);
    }
}
