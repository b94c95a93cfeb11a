//! Starting jobs, so that none is lost and none started twice.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Response, StatusCode, request};
use hyper::body::Incoming;
use uuid::Uuid;

use crate::body::Body;
use crate::client::Shared;
use crate::counters::Ending;
use crate::http::{EVENT_STREAM, is_event_stream};
use crate::strategy::StreamEnd;
use crate::stream::Stream;
use crate::{Accepted, Client, Error, Mode, Transport, Watch};

/// How often something is submitted again when its answer was lost; its `Idempotency-Key` makes all
/// of them one job.
const RESUBMISSIONS: u32 = 5;

/// A photo of a bookshelf: JPEG, PNG or WebP, at most 10 MB.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The file.
    pub bytes: Bytes,
}

impl Photo {
    /// By its first bytes. The server looks for itself; this only keeps proxies content.
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

/// A job to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Submission {
    /// A library as CSV, at most 8 MB and 10,000 rows.
    Import(Bytes),
    /// 1 to 5 photos.
    Scan(Vec<Photo>),
    /// 1 to 1,500 ISBNs.
    Enrich(Vec<String>),
}

/// A job that the server has accepted.
#[derive(Debug)]
pub struct Submitted {
    /// Its id and token.
    pub accepted: Accepted,
    /// Its progress, from the beginning.
    pub watch: Watch,
}

/// How one try to submit ended without an answer.
enum Lost {
    /// The answer will be the same next time.
    Final(Error),
    /// The connection broke, or nothing came; `silent`: although a stream was asked for and the
    /// server has the request.
    Answer { error: Error, silent: bool },
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        match error {
            Error::Unreachable { .. } | Error::TimedOut { .. } => Self::Answer {
                error,
                silent: false,
            },
            error => Self::Final(error),
        }
    }
}

impl Client {
    /// Starts a job.
    ///
    /// Where streams may be hoped for, the answer to the submission itself is asked to be the job's
    /// stream. A scan or an enrichment asks so only when this server's streams are known to work:
    /// if the answer were held back, photos would be sent twice. Whatever is submitted is submitted
    /// again, as the same job, when its answer is lost.
    pub async fn submit(&self, submission: &Submission) -> Result<Submitted, Error> {
        let shared = &self.shared;
        let streams_work = shared
            .stream_support()
            .map(|stream_support| stream_support.streams_work);
        let idempotency_key = Uuid::new_v4().to_string();
        let mut attached = match (shared.mode, streams_work) {
            (Mode::Poll, _) | (Mode::Auto, Some(false)) => false,
            (_, Some(true)) => true,
            (Mode::Auto | Mode::Sse, _) => matches!(submission, Submission::Import(_)),
        };
        let (mut connected, mut silence) = (false, false);
        let mut tries = 0;
        loop {
            let (request, body) = self.submission(submission)?;
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
                Lost::Final(error) => return Err(error),
                Lost::Answer { error, silent } => (error, silent),
            };
            connected |= taken.get() > 0;
            tries += 1;
            if !connected || tries > RESUBMISSIONS {
                return Err(error);
            }
            silence |= silent;
            attached = false;
            if !silent {
                let pause = shared
                    .timing
                    .retry
                    .saturating_mul(1 << (tries - 1))
                    .min(shared.timing.max_backoff);
                tokio::time::sleep(pause.mul_f64(1.0 + fastrand::f64() / 4.0)).await;
            }
        }
    }

    fn submission(&self, submission: &Submission) -> Result<(request::Builder, Body), Error> {
        let http = &self.shared.http;
        Ok(match submission {
            Submission::Import(csv) => (
                http.post("/api/v2/imports")
                    .header(CONTENT_TYPE, "text/csv"),
                Body::new([csv.clone()]),
            ),
            Submission::Scan(photos) => {
                let (body, content_type) = Body::multipart(photos);
                (
                    http.post("/api/batch-scan")
                        .header(CONTENT_TYPE, content_type),
                    body,
                )
            }
            Submission::Enrich(isbns) => {
                let json = serde_json::json!({ "barcodes": isbns }).to_string();
                let request = http
                    .post("/api/batch-enrich")
                    .header(CONTENT_TYPE, "application/json");
                (request, Body::new([Bytes::from(json)]))
            }
        })
    }

    async fn try_submit(
        &self,
        request: request::Builder,
        body: Body,
        attached: bool,
    ) -> Result<Submitted, Lost> {
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
                    Lost::Answer { error, silent }
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

    async fn read_accepted(&self, response: Response<Incoming>) -> Result<Submitted, Lost> {
        let accepted: Accepted = self.shared.http.read(response).await?;
        let watch = Watch::submitted(self, accepted.job_id.clone());
        Ok(Submitted { accepted, watch })
    }

    fn no_answer(&self, end: StreamEnd) -> Lost {
        let reason = "the answer ended before it named the job".to_owned();
        let error = Error::Unreachable {
            server: self.origin().to_owned(),
            reason,
        };
        Lost::Answer {
            error,
            silent: end == StreamEnd::Silent,
        }
    }
}
