//! One request and its response: what every component does the same way.

mod access;
mod serve;

use std::cell::RefCell;
use std::time::Duration;

use api::accepted::Accepted;
use api::envelope::Answered;
use api::error::ApiError;
use api::origin::Origin;
use api::{problem, v3};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use job::effects::{Clock, Entropy, Log, StoreError};
use job::{CreateError, Engine, JobId, MadeBy, Name, NewJob, Root, Time};
use serde_json::json;

pub use self::access::Access;
pub use self::serve::serve;
use crate::config::Config;
use crate::http::{Body, Disconnected, Incoming, Responder, Writer};
use crate::{Spin, client};

/// Pause that `Retry-After` asks for when the store fails.
const STORE_RETRY_AFTER: Duration = Duration::from_secs(2);
/// Pause that `Retry-After` asks for when the store is full.
const STORE_FULL_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Largest size, in bytes, of a body that says little, and of what is held of another before its
/// client is admitted.
const SMALL_BODY: usize = 64 << 10;

/// The header with the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One request and the means to respond to it: the argument of a component's handler.
pub struct Exchange {
    /// The effects of this invocation.
    pub spin: Spin,
    /// The configuration.
    pub config: Config,
    /// The request itself.
    pub request: Incoming,
    /// The request's id, in the log and in `X-Request-ID`.
    pub request_id: String,
    responder: Option<Responder>,
    /// The rest of a refused body, read for a moment after the response.
    refused: RefCell<Option<Body>>,
    /// The headers of every response, for CORS and security.
    headers: HeaderMap,
    began: Duration,
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers besides those for CORS and security.
    pub headers: HeaderMap,
    /// The body; empty for 204 and 304.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )]),
            body,
        }
    }

    /// Adds a header; an invalid value is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl Exchange {
    /// The engine on this invocation's effects, as configured.
    #[must_use]
    pub fn engine(&self) -> Engine<'_, Spin> {
        Engine::new(&self.spin, &self.config.settings, &self.config.keyring)
    }

    /// Whether the request is one of generation V3.
    #[must_use]
    pub fn is_v3(&self) -> bool {
        self.request.path.starts_with(api::v3::PREFIX)
    }

    /// Whether the client takes an event stream for an answer.
    #[must_use]
    pub fn accepts_event_stream(&self) -> bool {
        let accept = self.request.header("accept");
        accept.is_some_and(admission::names_event_stream)
    }

    /// The server's scheme and host as the client knows them.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let named = crate::client::origin(&self.request);
        if let Some((scheme, host)) = named.as_deref().and_then(|url| url.split_once("://")) {
            return Origin::new(scheme, host);
        }
        let (scheme, authority) = self.request.scheme_and_authority();
        Origin::new(scheme, &authority)
    }

    /// Time since the request came in.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.spin.monotonic().saturating_sub(self.began)
    }

    /// Time and duration of a response that is made now, for its metadata.
    #[must_use]
    pub fn answered(&self) -> Answered {
        Answered {
            at: self.spin.now(),
            took: self.took(),
        }
    }

    /// A response with a success envelope around `data`.
    #[must_use]
    pub fn success(&self, status: u16, data: &impl serde::Serialize) -> Response {
        Response::json(status, api::envelope::success(data, self.answered()))
    }

    /// The error's response in the form of the request's generation.
    #[must_use]
    pub fn failure(&self, error: &ApiError) -> Response {
        let now = self.spin.now();
        failure(error, now, &self.request.path, &self.request_id)
    }

    /// An internal error, logged under the id that the client is given; `what` is for the log only.
    #[must_use]
    pub fn internal(&self, what: &str) -> ApiError {
        let id = self.request_id.clone();
        self.spin.log(
            "internal-error",
            json!({"level": "error", "requestId": id, "path": self.request.path, "message": what}),
        );
        ApiError::internal(id)
    }

    /// The error when the store fails.
    #[must_use]
    pub fn store_failed(&self, error: &StoreError) -> ApiError {
        self.spin.log(
            "store-failed",
            json!({"level": "error", "path": self.request.path, "message": error.to_string()}),
        );
        ApiError::store_unavailable(STORE_RETRY_AFTER)
    }

    /// The error when a job could not be created.
    #[must_use]
    pub fn not_created(&self, id: &JobId, error: CreateError) -> ApiError {
        match error {
            CreateError::Exists(_) => ApiError::job_exists(id),
            CreateError::StoreFull => ApiError::busy(STORE_FULL_RETRY_AFTER),
            CreateError::Store(error) => self.store_failed(&error),
            CreateError::Internal(what) => self.internal(&what),
        }
    }

    /// The response to the request that created this job, and to its repetitions.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accepted(&self, root: &Root) -> Result<Response, ApiError> {
        let token = self.token(root).await?;
        Ok(match self.is_v3() {
            true => self.success(202, &v3::Accepted::of(root, &token, &self.origin())),
            false => self.success(202, &Accepted::of(root, &token)),
        })
    }

    /// The client's own name for its new job: the header `X-Client-Ref`, else the parameter
    /// `clientRef`, else what the body has under that name.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is too long, no text, or there twice.
    pub fn client_ref(&self, in_body: Option<&str>) -> Result<String, ApiError> {
        if self.request.has_binary_header("x-client-ref") {
            return Err(api::request::client_ref_no_text());
        }
        let header = self.request.header("x-client-ref");
        let header = header.filter(|text| !text.is_empty());
        let in_query = self.request.query.get_once("clientRef")?;
        let given = header.or(in_query);
        api::request::client_ref(given.or(in_body))
    }

    /// The name of a new job: the client's, or one derived from its `Idempotency-Key`, or a random
    /// one.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a malformed key.
    pub fn name(&self, made_by: MadeBy, given: Option<JobId>) -> Result<Name, ApiError> {
        let key = match self.request.has_binary_header("idempotency-key") {
            true => Some(""),
            false => self.request.header("idempotency-key"),
        };
        let key = key.map(api::request::idempotency_key).transpose()?;
        Ok(match (given, key) {
            (Some(id), _) => Name::Contended(id),
            (None, Some(key)) => {
                let client = client::counted(self);
                let keyring = &self.config.keyring;
                Name::Contended(keyring.derived_id(made_by, key, client.as_ref()))
            }
            (None, None) => Name::Ours(JobId::from_bytes(self.spin.random())),
        })
    }

    /// Whether a request that found its job's name taken is the same as the one that created the
    /// job: it is of the same kind and has the same content, or shows the job's token.
    ///
    /// # Errors
    /// `IDEMPOTENCY_KEY_REUSED` where the name follows from a key, `JOB_EXISTS` where the client
    /// `chose` it; when the store fails.
    pub async fn is_repetition(
        &self,
        new: &NewJob,
        chose: bool,
        root: &Root,
        content: &str,
    ) -> Result<(), ApiError> {
        let is_same = root.made_by == new.made_by && root.content == content;
        let shows_token = self.request.header("authorization").is_some();
        if (is_same && !content.is_empty())
            || (root.made_by == new.made_by
                && shows_token
                && self
                    .authorize(root, Access::TokenRequired, None)
                    .await
                    .is_ok())
        {
            return Ok(());
        }
        Err(match chose {
            true => ApiError::job_exists(&root.id),
            false => ApiError::idempotency_key_reused(),
        })
    }

    /// Reads the whole body of a JSON request that says little: which job is to be canceled, which
    /// book is looked up.
    ///
    /// # Errors
    /// When it is too long or breaks off.
    pub async fn small_json_body(&self) -> Result<Vec<u8>, ApiError> {
        let limits = &self.config.settings.limits;
        self.body(SMALL_BODY.min(limits.max_json_bytes)).await
    }

    /// Reads the whole body of a JSON request that may be long, probably of the job of this `name`.
    /// Before more of it is held than of a small one its client is admitted: the second answer is
    /// the name under which it counts, if it does, to be replaced by the job's
    /// ([`client::admit_instead`]).
    ///
    /// # Errors
    /// `RATE_LIMIT_EXCEEDED`; when it is too long or breaks off.
    pub async fn admitted_json_body(
        &self,
        name: &JobId,
    ) -> Result<(Vec<u8>, Option<JobId>), ApiError> {
        let limit = self.config.settings.limits.max_json_bytes;
        let (mut body, mut bytes) = (self.request.body(), Vec::new());
        if self
            .read(&mut body, &mut bytes, SMALL_BODY.min(limit))
            .await?
        {
            return Ok((bytes, None));
        }
        let counts_as = match client::admit_until_named(self, name).await {
            Ok(counts_as) => counts_as,
            Err(refusal) => {
                self.discard(body);
                return Err(refusal);
            }
        };
        match self.read(&mut body, &mut bytes, limit).await? {
            true => Ok((bytes, counts_as)),
            false => Err(self.too_large(body, limit)),
        }
    }

    /// Reads the whole body, of at most `limit` bytes.
    ///
    /// # Errors
    /// When it is too long or breaks off.
    pub async fn body(&self, limit: usize) -> Result<Vec<u8>, ApiError> {
        let (mut body, mut bytes) = (self.request.body(), Vec::new());
        match self.read(&mut body, &mut bytes, limit).await? {
            true => Ok(bytes),
            false => Err(self.too_large(body, limit)),
        }
    }

    /// Reads on, to the end of the body or beyond `limit` bytes in all; whether that was the end.
    async fn read(
        &self,
        body: &mut Body,
        bytes: &mut Vec<u8>,
        limit: usize,
    ) -> Result<bool, ApiError> {
        let expected = self.request.header("content-length");
        let expected = expected.and_then(|length| length.parse().ok());
        let read = body.read(bytes, limit, expected).await;
        read.map_err(|Disconnected| ApiError::invalid_body("broke off"))
    }

    fn too_large(&self, body: Body, limit: usize) -> ApiError {
        self.discard(body);
        ApiError::too_large("The request", limit)
    }

    /// Takes the rest of a body that is refused, to be read for a moment after the response.
    pub fn discard(&self, body: Body) {
        self.refused.replace(Some(body));
    }

    /// Sends a response; the handler may go on working afterwards. A second response is dropped.
    pub async fn send(&mut self, mut answer: Response) {
        if let Some(responder) = self.responder.take() {
            answer.headers.extend(self.headers.drain());
            responder
                .send(answer.status, answer.headers, &answer.body)
                .await;
            if let Some(refused) = self.refused.take() {
                refused.drain().await;
            }
        }
    }

    /// Sends an error's response. What the client is still sending is read for a moment afterwards.
    pub async fn refuse(&mut self, error: &ApiError) {
        if self.request.method == "POST" && self.refused.borrow().is_none() {
            let body = self.request.body();
            self.discard(body);
        }
        let answer = self.failure(error);
        self.send(answer).await;
    }

    /// Begins a response that is written as it comes. `None` when one has been sent.
    pub fn stream(&mut self, status: u16, mut headers: HeaderMap) -> Option<Writer> {
        let responder = self.responder.take()?;
        headers.extend(self.headers.drain());
        Some(responder.stream(status, &headers))
    }
}

/// The error's response in the form of the path's generation.
fn failure(error: &ApiError, now: Time, path: &str, request_id: &str) -> Response {
    let status = error.status().as_u16();
    let mut answer = if path.starts_with(v3::PREFIX) {
        let body = error.problem(now, path, request_id);
        Response::json(status, body).header(CONTENT_TYPE, problem::MEDIA_TYPE)
    } else {
        Response::json(status, error.body(now))
    };
    answer.headers.extend(error.headers());
    answer
}
