//! The client of a request, the address that the application is reached by, and the limit on a
//! client's jobs.

use std::net::IpAddr;
use std::time::Duration;

use admission::{ClientKey, is_private};
use api::error::ApiError;
use job::effects::Entropy;
use job::{Client, JobId, constant_time_eq};

use crate::config;
use crate::exchange::Exchange;
use crate::http::Incoming;

/// Pause that `Retry-After` asks of a client with too many jobs under way.
const LIMIT_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The client of a request, if its jobs are counted.
#[must_use]
pub fn counted(exchange: &Exchange) -> Option<Client> {
    let settings = &exchange.config.settings;
    if settings.limits.max_jobs_per_client == 0 {
        return None;
    }
    let address = address(&exchange.request)?;
    if is_private(address) && !settings.count_private_clients {
        return None;
    }
    let key = ClientKey::of(address).to_string();
    Some(exchange.config.keyring.client(&key))
}

/// The value of a header that the edge has set; `None` when the request does not show the secret
/// that edge and application share.
fn edge_header<'a>(request: &'a Incoming, name: &str) -> Option<&'a str> {
    let shown = request.header("x-edge-secret")?;
    let is_edge = constant_time_eq(&config::edge_secret()?, shown);
    request.header(name).filter(|_| is_edge)
}

/// The address of the client: from the edge, or the platform where only that can tell, or from the
/// connection.
#[must_use]
pub fn address(request: &Incoming) -> Option<IpAddr> {
    let address = edge_header(request, "x-edge-client").or_else(|| {
        // Elsewhere clients can send it themselves.
        let is_akamai = config::profile() == "akamai-functions";
        request.header("true-client-ip").filter(|_| is_akamai)
    });
    admission::parse_address(address.or_else(|| request.header("spin-client-addr"))?)
}

/// The scheme and host that clients reach this application by, as in `https://app.example`, for
/// URLs in answers: what the edge says, or the URL of the request. A client's own `X-Forwarded-*`
/// count for nothing.
#[must_use]
pub fn origin(request: &Incoming) -> Option<String> {
    if let (Some(scheme), Some(host)) = (
        edge_header(request, "x-forwarded-proto"),
        edge_header(request, "x-forwarded-host"),
    ) {
        return Some(format!("{scheme}://{host}"));
    }
    let (scheme, rest) = request.header("spin-full-url")?.split_once("://")?;
    let host = rest
        .split(['/', '?'])
        .next()
        .filter(|host| !host.is_empty())?;
    // These platforms serve every application by TLS, which ends before the application.
    let scheme = match config::profile().as_str() {
        "fermyon-cloud" | "akamai-functions" => "https",
        _ => scheme,
    };
    Some(format!("{scheme}://{host}"))
}

/// Refuses a job to a client that has too many under way. A job that the same request created
/// before is not refused, nor one that cannot be counted because the store fails.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`.
pub async fn admit(exchange: &Exchange, job: &JobId) -> Result<(), ApiError> {
    let Some(client) = counted(exchange) else {
        record(exchange, job).await;
        return Ok(());
    };
    admit_as(exchange, &client, None, job).await
}

/// Admits a job like [`admit`] that was admitted under `another` name before its own was known:
/// that name no longer counts.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`.
pub async fn admit_instead(
    exchange: &Exchange,
    another: &JobId,
    job: &JobId,
) -> Result<(), ApiError> {
    match counted(exchange) {
        Some(client) => admit_as(exchange, &client, Some(another), job).await,
        None => admit(exchange, job).await,
    }
}

/// Admits a request that will make a job, though maybe not that of this `name`, under a name that
/// nobody has: that of a job that counts already would admit any other. Returns what it counts as;
/// `None` when it does not count, or as the job of this name, which is repeated then.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`.
pub(crate) async fn admit_until_named(
    exchange: &Exchange,
    name: &JobId,
) -> Result<Option<JobId>, ApiError> {
    let Some(client) = counted(exchange) else {
        return Ok(None);
    };
    if let Ok(true) = exchange.engine().counts(&client, name).await {
        return Ok(None);
    }
    let another = JobId::from_bytes(exchange.spin.random());
    admit_as(exchange, &client, None, &another).await?;
    Ok(Some(another))
}

/// Records a job whose client is not counted, where there is an operator to see it.
pub async fn record(exchange: &Exchange, job: &JobId) {
    if exchange.config.operator_token.is_some() {
        // A job that could not be recorded is a job all the same.
        let _ = exchange.engine().record(job).await;
    }
}

/// Refuses what is answered at once, a look-up or a preview, to a client that has too much under
/// way. It counts like a job of this `name`, which nobody else has.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`.
pub async fn admit_at_once(exchange: &Exchange, name: &JobId) -> Result<(), ApiError> {
    match counted(exchange) {
        Some(client) => admit_as(exchange, &client, None, name).await,
        None => Ok(()),
    }
}

async fn admit_as(
    exchange: &Exchange,
    client: &Client,
    another: Option<&JobId>,
    job: &JobId,
) -> Result<(), ApiError> {
    let admitted = (exchange.engine())
        .admit_instead(client, another, job)
        .await;
    match admitted.unwrap_or(true) {
        true => Ok(()),
        false => Err(ApiError::rate_limited(LIMIT_RETRY_AFTER)),
    }
}
