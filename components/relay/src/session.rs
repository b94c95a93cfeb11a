//! Whose socket it is, of which jobs, and whether it may be.

use std::net::IpAddr;

use api::access::{name_suffices, speaks_v2_without_token};
use api::error::ApiError;
use api::query::Query;
use api::request;
use api::ws::{Schema, TokenPlace};
use job::{Inspection, JobId, Root};
use platform::Exchange;

use crate::frame::Encoding;
use crate::trust::Trust;

/// A subprotocol that begins so carries a token.
const TOKEN_PROTOCOL: &str = "bookstrack-auth.";

/// One job of a socket.
pub(crate) struct Followed {
    /// The job's name.
    pub id: JobId,
    /// The token that the client shows for the job.
    pub token: Option<String>,
}

/// The contents of a WebSocket handshake. Every request of the edge about the socket repeats them.
pub(crate) struct Session {
    /// The generation of the messages, unless [`Self::schema_of`] a job says otherwise.
    schema: Schema,
    /// Whether the client neither named a schema nor showed a token.
    is_unspecified: bool,
    /// The encoding of the messages.
    pub encoding: Encoding,
    /// The jobs that the socket follows, 1 to [`request::MAX_FOLLOWED`].
    pub jobs: Vec<Followed>,
    /// The subprotocol to answer with.
    pub protocol: Option<String>,
    /// The client's address, when a trusted party says it.
    pub client: Option<IpAddr>,
}

impl Session {
    /// Reads a request about a socket.
    ///
    /// # Errors
    /// What is wrong with it, or with the page it comes from.
    pub(crate) fn of(exchange: &Exchange, trust: Trust) -> Result<Self, ApiError> {
        // A refusal gives nobody a right, whoever names the page.
        let origin = exchange.request.header("x-edge-origin");
        if origin.is_some_and(|origin| !exchange.config.cors.allow(origin)) {
            return Err(ApiError::forbidden_origin());
        }
        let query = Query::parse(&exchange.request.query);
        let protocols = exchange.request.header("x-edge-protocol");
        let protocols = protocols.unwrap_or_default().split(',').map(str::trim);
        let (prefixed, others): (Vec<&str>, Vec<&str>) =
            protocols.partition(|protocol| protocol.starts_with(TOKEN_PROTOCOL));
        let bare: Vec<&str> = others
            .into_iter()
            .filter(|protocol| request::is_token_like(protocol))
            .collect();
        let in_query = query.get("token").or_else(|| query.get("tokens"));
        let (place, offered, tokens): (_, _, Vec<&str>) = if !prefixed.is_empty() {
            let tokens = prefixed
                .iter()
                .filter_map(|protocol| protocol.strip_prefix(TOKEN_PROTOCOL));
            (
                TokenPlace::PrefixedProtocol,
                prefixed.first(),
                tokens.collect(),
            )
        } else if !bare.is_empty() {
            (TokenPlace::BareProtocol, bare.first(), bare.clone())
        } else if let Some(tokens) = in_query {
            (TokenPlace::Query, None, tokens.split(',').collect())
        } else {
            (TokenPlace::Nowhere, None, Vec::new())
        };
        let schema = Schema::choose(query.get("schema"), place)?;
        let encoding = match query.get("encoding") {
            None | Some("json") => Encoding::Json,
            Some("msgpack") => Encoding::MessagePack,
            Some(_) => return Err(ApiError::invalid("encoding", "must be json or msgpack")),
        };
        let (name, ids) = match query.get("jobIds") {
            Some(ids) if query.get("jobId").is_none() => ("jobIds", Some(ids)),
            _ => ("jobId", query.get("jobId")),
        };
        Ok(Self {
            schema,
            is_unspecified: place == TokenPlace::Nowhere && query.get("schema").is_none(),
            encoding,
            jobs: jobs(name, ids, &tokens)?,
            protocol: offered.map(|&protocol| protocol.to_owned()),
            client: exchange
                .request
                .header("x-edge-client")
                .filter(|_| trust == Trust::All)
                .and_then(|address| address.parse().ok()),
        })
    }

    /// The names of the jobs, for the log.
    pub(crate) fn job_ids(&self) -> Vec<&str> {
        self.jobs.iter().map(|job| job.id.as_str()).collect()
    }

    /// The generation of the messages about these jobs, as far as they are known.
    pub(crate) fn schema_of<'a>(&self, mut roots: impl Iterator<Item = &'a Root>) -> Schema {
        match self.is_unspecified && roots.any(speaks_v2_without_token) {
            true => Schema::V2,
            false => self.schema,
        }
    }

    /// The name of what streams can share: those with the same key say the same. `None` when it
    /// would be too long for the edge.
    pub(crate) fn key(&self, schema: Schema) -> Option<String> {
        const LONGEST: usize = 256;
        let (schema, encoding) = (schema.name(), self.encoding.name());
        let key = format!("{schema} {encoding} {}", self.job_ids().join(","));
        // Visible characters only.
        Some(key.replace(' ', ";")).filter(|key| key.len() <= LONGEST)
    }
}

/// The jobs that a query names, each with the token in its place.
fn jobs(parameter: &str, ids: Option<&str>, tokens: &[&str]) -> Result<Vec<Followed>, ApiError> {
    let ids = request::job_ids(parameter, ids)?;
    let jobs = ids.into_iter().enumerate().map(|(n, id)| {
        let token = tokens.get(n).filter(|token| !token.is_empty());
        Followed {
            id,
            token: token.map(|&token| token.to_owned()),
        }
    });
    Ok(jobs.collect())
}

impl Followed {
    /// Looks at the job for a client that may see it; `Missing` when a job of this name may still
    /// come.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAUTHORIZED`, or when the store fails.
    pub(crate) async fn look(&self, exchange: &Exchange) -> Result<Inspection, ApiError> {
        let inspection = exchange
            .engine()
            .look(&self.id)
            .await
            .map_err(|error| exchange.store_failed(&error))?;
        let admitted = match inspection.root() {
            Some(root) => self.admitted(exchange, root).await?,
            // There is no token yet that this one could be.
            None if self.token.is_some() => return Err(ApiError::no_such_job(&self.id)),
            None => exchange.config.legacy_tokenless,
        };
        if admitted {
            Ok(inspection)
        } else {
            Err(ApiError::unauthorized())
        }
    }

    /// Whether this client may see this job.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn admitted(
        &self,
        exchange: &Exchange,
        root: &Root,
    ) -> Result<bool, ApiError> {
        let Some(token) = &self.token else {
            return Ok(exchange.config.legacy_tokenless && name_suffices(root));
        };
        exchange
            .engine()
            .admits(root, token)
            .await
            .map_err(|error| exchange.store_failed(&error))
    }
}
