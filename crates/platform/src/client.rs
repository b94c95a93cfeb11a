//! Who asks, and whether that client has too many jobs under way.

use std::time::Duration;

use api::error::ApiError;
use job::{Client, JobId, constant_time_eq};

use crate::config;
use crate::exchange::Exchange;
use crate::http::Incoming;

/// How soon a client should ask again that has too many jobs under way.
const LIMIT_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The client of a request, if its jobs are counted.
fn counted(exchange: &Exchange) -> Option<Client> {
    let settings = &exchange.config.settings;
    if settings.limits.max_jobs_per_client == 0 {
        return None;
    }
    let address = address(&exchange.request, config::edge_secret().as_deref())?;
    if is_private(address) && !settings.count_private_clients {
        return None;
    }
    Some(exchange.config.keyring.client(&network(address)))
}

/// The address of the client: what the edge says, if it shows its secret, or else where the
/// connection comes from.
fn address<'a>(request: &'a Incoming, edge_secret: Option<&str>) -> Option<&'a str> {
    let shown = request.header("x-edge-secret");
    let is_edge = edge_secret
        .zip(shown)
        .is_some_and(|(a, b)| constant_time_eq(a, b));
    let told = request.header("x-edge-client").filter(|_| is_edge);
    let (address, _port) = match told {
        Some(told) => (told, ""),
        None => request.header("spin-client-addr")?.rsplit_once(':')?,
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let mapped = address.strip_prefix("::ffff:");
    Some(mapped.filter(|v4| v4.contains('.')).unwrap_or(address))
}

/// What counts as one client: an IPv4 address, or the /64 that an IPv6 client has to itself, whose
/// addresses need not all leave out the same zeros. (The standard library's reader and writer of
/// addresses would be the largest part of all this.)
fn network(address: &str) -> String {
    let mut groups = match address.contains(':') {
        true => ["0"; 8],
        false => return address.to_owned(),
    };
    let (head, tail) = address.split_once("::").unwrap_or((address, ""));
    for (group, given) in groups.iter_mut().zip(head.split(':')) {
        if !given.is_empty() {
            *group = given;
        }
    }
    for (group, given) in groups.iter_mut().rev().zip(tail.rsplit(':')) {
        if !given.is_empty() {
            *group = given;
        }
    }
    groups[..4].join(":")
}

/// Whether an address is of no public network.
fn is_private(address: &str) -> bool {
    if [
        "127.", "10.", "192.168.", "169.254.", "fc", "fd", "fe8", "fe9", "fea", "feb",
    ]
    .iter()
    .any(|network| address.starts_with(network))
    {
        return true;
    }
    let second = address
        .strip_prefix("172.")
        .and_then(|rest| rest.split('.').next());
    address == "::1"
        || second.is_some_and(|second| ("16".."32").contains(&second) && second.len() == 2)
}

/// Refuses a job to a client that has too many under way. A job that the same request has made
/// before is not refused, nor any because it could not be counted.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`.
pub async fn admit(exchange: &Exchange, job: &JobId) -> Result<(), ApiError> {
    let Some(client) = counted(exchange) else {
        return Ok(());
    };
    let admitted = exchange.engine().admit(&client, job).await;
    match admitted.unwrap_or(true) {
        true => Ok(()),
        false => Err(ApiError::rate_limited(LIMIT_RETRY_AFTER)),
    }
}
