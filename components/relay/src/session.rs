//! The session of a socket: its jobs, and whether they may be seen.

use api::access::name_suffices;
use api::error::ApiError;
use api::ws::{Handshake, SocketJob};
use job::{Inspection, Root};
use platform::Exchange;

/// Reads the handshake of a socket, which every request of the edge about it repeats.
///
/// # Errors
/// What is wrong with it, or with the page it comes from.
pub(crate) fn of(exchange: &Exchange) -> Result<Handshake, ApiError> {
    let request = &exchange.request;
    // A refusal gives nobody a right, whoever names the page.
    let origin = request.header("x-edge-origin");
    if origin.is_some_and(|origin| !exchange.config.cors.allow(origin)) {
        return Err(ApiError::forbidden_origin());
    }
    let protocols = request.header("x-edge-protocol").unwrap_or_default();
    Handshake::parse(&request.query, protocols)
}

/// Looks at a job for a client that may see it; `Missing` when a job of this name may still come.
///
/// # Errors
/// `NOT_FOUND`, `UNAUTHORIZED`, or when the store fails.
pub(crate) async fn look(exchange: &Exchange, job: &SocketJob) -> Result<Inspection, ApiError> {
    let inspection = exchange
        .engine()
        .look(&job.id)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
    let admitted = match inspection.root() {
        Some(root) => admitted(exchange, job, root).await?,
        // There is no token yet that this one could be.
        None if job.token.is_some() => return Err(ApiError::no_such_job(&job.id)),
        None => exchange.config.legacy_tokenless,
    };
    if admitted {
        Ok(inspection)
    } else {
        Err(ApiError::unauthorized())
    }
}

/// Whether a client may see this job.
///
/// # Errors
/// When the store fails.
pub(crate) async fn admitted(
    exchange: &Exchange,
    job: &SocketJob,
    root: &Root,
) -> Result<bool, ApiError> {
    let Some(token) = &job.token else {
        return Ok(exchange.config.legacy_tokenless && name_suffices(root));
    };
    exchange
        .engine()
        .admits(root, token)
        .await
        .map_err(|error| exchange.store_failed(&error))
}
