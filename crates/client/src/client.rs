//! The client: its options, and a typed method for each request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::counters::Ending;
use crate::http::{Http, escaped};
use crate::submit::RESUBMISSIONS;
use crate::{
    Accepted, Book, Cancellation, Capabilities, Choice, Counters, Error, JobId, Mode, Page,
    Results, Rows, SearchResults, Snapshot, Transport, Watch,
};

/// A client of one server. Clones share connections, counters and what is known of the server.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub http: Http,
    pub mode: Mode,
    pub timing: Timing,
    stream_support: Mutex<Option<StreamSupport>>,
    counters: Mutex<Counters>,
}

/// Options of a [`Client`]; the default suits people and servers alike.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The transports that may be used.
    pub mode: Mode,
    /// Time limits.
    pub timing: Timing,
}

/// Time limits and pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Time-out of making a connection: 5 s.
    pub connect: Duration,
    /// Time-out of a response, while no upload moves: 30 s.
    pub request: Duration,
    /// Time-out of a stream's first byte, which a server sends at once: 5 s.
    pub first_byte: Duration,
    /// Time-out of any further byte of a stream; a server sends one every 15 s: 40 s.
    pub idle: Duration,
    /// Pause between polls, unless the server says otherwise: 2 s.
    pub poll: Duration,
    /// Pause before a stream is opened again, unless the server says otherwise: 1 s. Doubled while
    /// the server is away.
    pub retry: Duration,
    /// Longest pause before a stream is opened again: 15 s.
    pub max_backoff: Duration,
    /// Longest absence of a server that had answered before a watch ends with an error: 5 min.
    pub longest_outage: Duration,
    /// Lifetime of a [`StreamSupport`]: 30 min.
    pub stream_support: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            connect: s(5),
            request: s(30),
            first_byte: s(5),
            idle: s(40),
            poll: s(2),
            retry: s(1),
            max_backoff: s(15),
            longest_outage: s(300),
            stream_support: s(1800),
        }
    }
}

/// Whether streams of a server get through to this machine, as experience showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSupport {
    /// Whether event streams get through.
    pub streams_work: bool,
    /// The time from which on this is no longer believed.
    pub until: SystemTime,
}

impl Client {
    /// A client of the server at `address`, a scheme, a host and a port, with the default
    /// [`Options`].
    ///
    /// # Errors
    /// [`Error::Address`] when it is not of the form `http://host:port` or `https://host`.
    pub fn new(address: &str) -> Result<Self, Error> {
        Self::with(address, Options::default())
    }

    /// A client of the server at `address`.
    ///
    /// # Errors
    /// [`Error::Address`] when it is not of the form `http://host:port` or `https://host`.
    pub fn with(address: &str, options: Options) -> Result<Self, Error> {
        let Options { mode, timing } = options;
        let http = Http::new(address, timing)?;
        let shared = Shared {
            http,
            mode,
            timing,
            stream_support: Mutex::default(),
            counters: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The server's address in its canonical spelling.
    pub fn origin(&self) -> &str {
        self.shared.http.origin()
    }

    /// Counts of the transports used so far, and of the ways in which they ended.
    pub fn counters(&self) -> Counters {
        *lock(&self.shared.counters)
    }

    /// The knowledge about this server's streams. A program that ends soon may keep it for the next
    /// ([`Client::assume_stream_support`]).
    pub fn stream_support(&self) -> Option<StreamSupport> {
        self.shared.stream_support()
    }

    /// Takes over what an earlier client found out about this server.
    pub fn assume_stream_support(&self, stream_support: StreamSupport) {
        *lock(&self.shared.stream_support) = Some(stream_support);
    }

    /// Follows a job to its end.
    pub fn watch(&self, job: &JobId) -> Watch {
        Watch::new(self, job.clone(), false)
    }

    /// Follows a job as [`Client::watch`] does, with a [`Book`](crate::Event::Book) event for each
    /// finished item, each once. Streams tell them as they come; those that polling could not bring
    /// are fetched at the end.
    pub fn watch_books(&self, job: &JobId) -> Watch {
        Watch::new(self, job.clone(), true)
    }

    /// Asks for the current state of a job.
    ///
    /// # Errors
    /// When the server refuses, cannot be reached, or answers something else; see [`Error`].
    pub async fn status(&self, job: &JobId) -> Result<Snapshot, Error> {
        let http = &self.shared.http;
        http.ask(http.get(&format!("/api/v2/imports/{job}")), Body::default())
            .await
    }

    /// Fetches the results of a job. `NOT_READY` while it runs.
    ///
    /// # Errors
    /// When the server refuses, cannot be reached, or answers something else; see [`Error`].
    pub async fn results(&self, job: &JobId) -> Result<Results, Error> {
        let http = &self.shared.http;
        http.ask(
            http.get(&format!("/api/v2/imports/{job}/results")),
            Body::default(),
        )
        .await
    }

    /// Fetches one page of the results of a job: at most `limit` books, from number `offset` on.
    ///
    /// # Errors
    /// `NOT_READY` while the job runs.
    pub async fn page(&self, job: &JobId, offset: u64, limit: u64) -> Result<Page, Error> {
        #[derive(Deserialize)]
        struct Paged {
            data: Results,
            metadata: Place,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Place {
            next_offset: Option<u64>,
        }
        let http = &self.shared.http;
        let path = format!("/api/v2/imports/{job}/results?offset={offset}&limit={limit}");
        let bytes = http.fetch(http.get(&path)).await?;
        let paged: Paged = serde_json::from_slice(&bytes).map_err(|e| http.protocol(e))?;
        Ok(Page {
            results: paged.data,
            next: paged.metadata.next_offset.filter(|next| *next > offset),
        })
    }

    /// Fetches rows of an ended import that somebody may want to mend, in the order of the file:
    /// `only` names which (`failed`, `not_found`, `warnings`, several with commas between).
    ///
    /// # Errors
    /// `NOT_READY` while the job runs.
    pub async fn rows(&self, job: &JobId, only: &str) -> Result<Rows, Error> {
        let http = &self.shared.http;
        let path = format!("/api/v2/imports/{job}/results?only={}", escaped(only));
        http.ask(http.get(&path), Body::default()).await
    }

    /// [`Client::rows`] as CSV, in the columns of the imported file: to be mended and imported
    /// again. `all` is the whole library in the columns of Goodreads.
    ///
    /// # Errors
    /// `NOT_READY` while the job runs.
    pub async fn rows_csv(&self, job: &JobId, only: &str) -> Result<String, Error> {
        let http = &self.shared.http;
        let only = escaped(only);
        let path = format!("/api/v2/imports/{job}/results?format=csv&only={only}");
        let bytes = http.fetch(http.get(&path)).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Searches for books that have these words; `page` counts from 1, `limit` is at most 100.
    ///
    /// # Errors
    /// When the provider that knows the words cannot be asked.
    pub async fn search(&self, words: &str, page: u32, limit: u32) -> Result<SearchResults, Error> {
        let http = &self.shared.http;
        let words = escaped(words);
        let path = format!("/api/v2/search?q={words}&page={page}&limit={limit}");
        http.ask(http.get(&path), Body::default()).await
    }

    /// Looks up one book by its ISBN, at once and without a job.
    ///
    /// # Errors
    /// `NOT_FOUND` when no provider knows it.
    pub async fn look_up(&self, isbn: &str) -> Result<Book, Error> {
        let http = &self.shared.http;
        let request = http
            .post("/api/v2/books/enrich")
            .header(CONTENT_TYPE, "application/json");
        let json = serde_json::json!({"barcode": isbn}).to_string();
        http.ask(request, Body::new([Bytes::from(json)])).await
    }

    /// Asks for what the server has configured, and for its limits.
    ///
    /// # Errors
    /// When the server refuses, cannot be reached, or answers something else; see [`Error`].
    pub async fn capabilities(&self) -> Result<Capabilities, Error> {
        let http = &self.shared.http;
        http.ask(http.get("/api/v2/capabilities"), Body::default())
            .await
    }

    /// Tries again what an ended job did not find: a new job, whose results are whole. `only` names
    /// the outcomes (`error`, `circuit_open`, `not_found`); none: those that may succeed at any
    /// time.
    /// The same request again is answered with the same job, so it is repeated when its answer is
    /// lost.
    ///
    /// # Errors
    /// `EMPTY_BATCH` when there is nothing to try again, `NOT_READY` while the job runs.
    pub async fn retry(
        &self,
        job: &JobId,
        token: Option<&str>,
        only: &[&str],
    ) -> Result<Accepted, Error> {
        let http = &self.shared.http;
        let json = match only {
            [] => serde_json::json!({}),
            only => serde_json::json!({"only": only}),
        };
        let json = Bytes::from(json.to_string());
        let mut tries = 0;
        loop {
            let request = http
                .post(&format!("/api/v2/imports/{job}/retry"))
                .header(CONTENT_TYPE, "application/json");
            let request = match token {
                Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
                None => request,
            };
            let body = Body::new([json.clone()]);
            let taken = body.taken();
            match http.ask(request, body).await {
                Err(error @ (Error::Unreachable { .. } | Error::TimedOut { .. }))
                    if (taken.get() > 0 || http.reached()) && tries < RESUBMISSIONS =>
                {
                    tries += 1;
                    self.shared.pause_before_resubmission(tries, &error).await;
                }
                answer => return answer,
            }
        }
    }

    /// Says which book number `index` of an ended job is, from 0, and answers it as it is then.
    /// What was answered stays; a choice whose answer was lost can be made again.
    ///
    /// # Errors
    /// `NOT_FOUND` when no provider knows such a book or the job has none of this number,
    /// `NOT_READY` while the job runs.
    pub async fn choose(
        &self,
        job: &JobId,
        token: Option<&str>,
        index: u64,
        choice: &Choice,
    ) -> Result<Book, Error> {
        let http = &self.shared.http;
        let request = http
            .put(&format!("/api/v2/imports/{job}/books/{index}"))
            .header(CONTENT_TYPE, "application/json");
        let request = match token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let body = Body::new([Bytes::from(choice.to_json().to_string())]);
        http.ask(request, body).await
    }

    /// Cancels a job; on an ended job it changes nothing. The token is the one that the submission
    /// was answered with.
    ///
    /// # Errors
    /// When the server refuses, cannot be reached, or answers something else; see [`Error`].
    pub async fn cancel(&self, job: &JobId, token: Option<&str>) -> Result<Cancellation, Error> {
        let http = &self.shared.http;
        let request = http.delete(&format!("/v1/jobs/{job}"));
        let request = match token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        http.ask(request, Body::default()).await
    }
}

impl Shared {
    /// Records whether streams get through.
    pub(crate) fn note_stream_support(&self, streams_work: bool) {
        let until = SystemTime::now() + self.timing.stream_support;
        *lock(&self.stream_support) = Some(StreamSupport {
            streams_work,
            until,
        });
    }

    pub(crate) fn stream_support(&self) -> Option<StreamSupport> {
        // A stream_support from far in the future was written under another clock.
        let now = SystemTime::now();
        let fresh = now..now + self.timing.stream_support * 2;
        lock(&self.stream_support).filter(|stream_support| fresh.contains(&stream_support.until))
    }

    pub(crate) fn streams_blocked(&self) -> bool {
        self.stream_support()
            .is_some_and(|stream_support| !stream_support.streams_work)
    }

    pub(crate) fn begin(self: &Arc<Self>, transport: Transport) -> Attempt {
        lock(&self.counters).of(transport).opened += 1;
        Attempt {
            shared: Arc::clone(self),
            transport,
            ended: false,
        }
    }
}

/// One use of a transport, which is counted whichever way it ends.
#[derive(Debug)]
pub(crate) struct Attempt {
    shared: Arc<Shared>,
    pub transport: Transport,
    ended: bool,
}

impl Attempt {
    pub(crate) fn event(&self) {
        lock(&self.shared.counters).of(self.transport).events += 1;
    }

    /// Counts how the attempt ended; only the first call counts.
    pub(crate) fn end(&mut self, ending: Ending) {
        if !std::mem::replace(&mut self.ended, true) {
            lock(&self.shared.counters).of(self.transport).end(ending);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.end(Ending::Left);
    }
}

/// Locks a mutex even after a panic: the values behind these locks are whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
