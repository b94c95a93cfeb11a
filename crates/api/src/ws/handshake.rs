//! The handshake of a socket: jobs, schema and token that it asks for.

use job::{JobId, Root};

use super::frame::Encoding;
use super::{Schema, TokenPlace};
use crate::access::speaks_v2_without_token;
use crate::error::ApiError;
use crate::query::Query;
use crate::request;

/// Prefix of a subprotocol that carries a token.
const TOKEN_PROTOCOL: &str = "bookstrack-auth.";

/// One job of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketJob {
    /// The job's name.
    pub id: JobId,
    /// The token that the client shows for the job.
    pub token: Option<String>,
}

/// The jobs that a socket is to follow, and the schema and encoding of their messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The generation of the messages, unless [`Self::schema_of`] a job says otherwise.
    schema: Schema,
    /// Whether the client neither named a schema nor showed a token.
    is_unspecified: bool,
    /// The encoding of the messages.
    pub encoding: Encoding,
    /// The jobs of the socket, 1 to [`request::MAX_FOLLOWED`].
    pub jobs: Vec<SocketJob>,
    /// The subprotocol to accept.
    pub protocol: Option<String>,
}

impl Handshake {
    /// Reads a query and the list of offered subprotocols.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an unknown schema or encoding; see [`request::job_ids`] for the names.
    pub fn parse(query: &Query, protocols: &str) -> Result<Self, ApiError> {
        let protocols = protocols.split(',').map(str::trim);
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
        })
    }

    /// The names of the jobs, for the log.
    pub fn job_ids(&self) -> Vec<&str> {
        self.jobs.iter().map(|job| job.id.as_str()).collect()
    }

    /// The generation of the messages about these jobs, as far as they are known.
    pub fn schema_of<'a>(&self, mut roots: impl Iterator<Item = &'a Root>) -> Schema {
        match self.is_unspecified && roots.any(speaks_v2_without_token) {
            true => Schema::V2,
            false => self.schema,
        }
    }

    /// Key of a stream that sockets can share: those with the same key have the same messages.
    /// `None` when it would be too long for the edge.
    pub fn stream_key(&self, schema: Schema) -> Option<String> {
        const LONGEST: usize = 256;
        let (schema, encoding) = (schema.name(), self.encoding.name());
        let key = format!("{schema} {encoding} {}", self.job_ids().join(","));
        // Visible characters only.
        Some(key.replace(' ', ";")).filter(|key| key.len() <= LONGEST)
    }
}

/// The jobs that a query names, each with the token in its place.
fn jobs(parameter: &str, ids: Option<&str>, tokens: &[&str]) -> Result<Vec<SocketJob>, ApiError> {
    let ids = request::job_ids(parameter, ids)?;
    let jobs = ids.into_iter().enumerate().map(|(n, id)| {
        let token = tokens.get(n).filter(|token| !token.is_empty());
        SocketJob {
            id,
            token: token.map(|&token| token.to_owned()),
        }
    });
    Ok(jobs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    const TOKEN: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(query: &str, protocols: &str) -> Result<Handshake, ApiError> {
        Handshake::parse(&Query::parse(query), protocols)
    }

    fn shown(query: &str, protocols: &str) -> (Schema, Vec<Option<String>>, Option<String>) {
        let handshake = parse(query, protocols).unwrap();
        let tokens = handshake.jobs.into_iter().map(|job| job.token);
        (handshake.schema, tokens.collect(), handshake.protocol)
    }

    #[test]
    fn a_token_s_place_tells_the_generation() {
        let token = Some(TOKEN.to_owned());
        assert_eq!(shown("jobId=a", ""), (Schema::Legacy, vec![None], None));
        assert_eq!(
            shown(&format!("jobId=a&token={TOKEN}"), ""),
            (Schema::V1, vec![token.clone()], None)
        );
        let prefixed = format!("bookstrack-auth.{TOKEN}");
        assert_eq!(
            shown("jobId=a", &prefixed),
            (Schema::V2, vec![token.clone()], Some(prefixed.clone()))
        );
        assert_eq!(
            shown("jobId=a&schema=1.0.0", &format!("other, {prefixed}")),
            (Schema::V1, vec![token.clone()], Some(prefixed))
        );
        assert_eq!(
            shown("jobId=a", TOKEN),
            (Schema::V3, vec![token], Some(TOKEN.to_owned()))
        );
    }

    #[test]
    fn each_job_has_the_token_in_its_place() {
        let (_, tokens, _) = shown("jobIds=a,b,c&tokens=x,,z", "");
        assert_eq!(tokens, [Some("x".to_owned()), None, Some("z".to_owned())]);
        let (_, tokens, _) = shown("jobIds=a,b&token=x,y,z,too,many", "");
        assert_eq!(tokens.len(), 2);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let many = vec!["a"; request::MAX_FOLLOWED + 1].join(",");
        for (query, code) in [
            ("", Code::MissingParameter),
            ("jobId=", Code::MissingParameter),
            ("jobId=a%20b", Code::InvalidRequest),
            ("jobIds=a,a", Code::InvalidRequest),
            (&*format!("jobIds={many}"), Code::InvalidRequest),
            ("jobId=a&schema=9", Code::InvalidRequest),
            ("jobId=a&encoding=xml", Code::InvalidRequest),
        ] {
            assert_eq!(parse(query, "").unwrap_err().code, code, "{query}");
        }
    }

    #[test]
    fn a_stream_s_key_is_short_and_visible_or_none() {
        let one = parse("jobId=a&encoding=msgpack", "").unwrap();
        assert_eq!(
            one.stream_key(Schema::V2).as_deref(),
            Some("2.0.0;msgpack;a")
        );
        let ids: Vec<String> = (0..4).map(|n| format!("{n}{}", "a".repeat(80))).collect();
        let long = parse(&format!("jobIds={}", ids.join(",")), "").unwrap();
        assert_eq!(long.stream_key(Schema::V2), None);
    }
}
