//! Routes of V3 clients about jobs.

use api::ApiError;
use api::request;
use api::v3::{JobStatus, Kind, Status};
use job::{JobId, Root};
use platform::{Access, Exchange, Response};

use crate::{conditional, inspect, page, results, stop, stream};

/// A route of a job, or of the server's description.
pub(crate) enum Route<'a> {
    /// `GET /v3/jobs/{kind}/{jobId}`
    Status(Kind, &'a str),
    /// `GET /v3/jobs/{kind}/{jobId}/stream`
    Stream(Kind, &'a str),
    /// `GET /v3/jobs/{kind}/{jobId}/results`
    Results(Kind, &'a str),
    /// `DELETE /v3/jobs/{kind}/{jobId}`
    Cancel(Kind, &'a str),
    /// `DELETE /v3/jobs/scans/{jobId}/cleanup`
    Cleanup(Kind, &'a str),
    /// `GET /v3/openapi.json`, `/v3/docs`
    Asset(&'static page::Asset),
}

/// The routes of a path behind `/v3` for `GET` and for `DELETE`.
///
/// # Errors
/// `NOT_FOUND`
pub(crate) fn route<'a>(
    parts: &[&'a str],
) -> Result<(Option<Route<'a>>, Option<Route<'a>>), ApiError> {
    let asset = |path| page::asset(path).map(Route::Asset);
    match parts {
        ["openapi.json"] => Ok((asset("/openapi.json"), None)),
        ["docs"] => Ok((asset("/docs"), None)),
        ["jobs", kind, id, rest @ ..] => {
            let kind = Kind::parse(kind).ok_or_else(ApiError::no_such_route)?;
            match rest {
                [] => Ok((Some(Route::Status(kind, id)), Some(Route::Cancel(kind, id)))),
                ["stream"] => Ok((Some(Route::Stream(kind, id)), None)),
                ["results"] => Ok((Some(Route::Results(kind, id)), None)),
                ["cleanup"] if kind == Kind::Scans => Ok((None, Some(Route::Cleanup(kind, id)))),
                _ => Err(ApiError::no_such_route()),
            }
        }
        _ => Err(ApiError::no_such_route()),
    }
}

pub(crate) async fn serve(
    exchange: &mut Exchange,
    route: Route<'_>,
) -> Result<Option<Response>, ApiError> {
    match route {
        Route::Status(kind, id) => {
            let root = job(exchange, kind, &request::job_id(id)?).await?;
            exchange.authorize(&root, Access::Open, None).await?;
            let status = JobStatus::of(&root);
            let etag = api::status::etag_of(&api::envelope::bare(&status));
            Ok(Some(conditional(exchange, &etag, &root, || {
                exchange.success(200, &status)
            })))
        }
        Route::Stream(kind, id) => {
            stream::serve(exchange, &[request::job_id(id)?], Some(kind)).await
        }
        Route::Results(kind, id) => results::serve(exchange, id, Some(kind)).await,
        Route::Cancel(kind, id) => cancel(exchange, kind, &request::job_id(id)?)
            .await
            .map(Some),
        Route::Cleanup(kind, id) => cleanup(exchange, kind, &request::job_id(id)?)
            .await
            .map(Some),
        Route::Asset(asset) => Ok(Some(page::answer(exchange, asset))),
    }
}

/// The job of this name, if it is of this kind.
async fn job(exchange: &Exchange, kind: Kind, id: &JobId) -> Result<Root, ApiError> {
    let inspection = inspect(exchange, id).await?;
    let root = inspection.root().filter(|root| kind.is_of(root));
    root.cloned().ok_or_else(|| ApiError::no_such_job(id))
}

/// The job of this name for a client that may change it.
async fn job_to_change(exchange: &Exchange, kind: Kind, id: &JobId) -> Result<Root, ApiError> {
    let root = job(exchange, kind, id).await?;
    let access = exchange.access_to_cancel(&root, false);
    exchange.authorize(&root, access, None).await?;
    Ok(root)
}

/// Cancels a job; one that had ended before is a conflict.
async fn cancel(exchange: &Exchange, kind: Kind, id: &JobId) -> Result<Response, ApiError> {
    let root = job_to_change(exchange, kind, id).await?;
    if root.stage.is_terminal() {
        return Err(ApiError::job_ended(id, Status::of(&root).name()));
    }
    let (status, root) = stop(exchange, id).await?;
    Ok(exchange.success(status, &JobStatus::of(&root)))
}

/// Deletes a job with its results.
async fn cleanup(exchange: &Exchange, kind: Kind, id: &JobId) -> Result<Response, ApiError> {
    let mut root = job_to_change(exchange, kind, id).await?;
    if !root.stage.is_terminal() {
        let (status, stopped) = stop(exchange, id).await?;
        if status != 200 {
            return Err(ApiError::not_ready(id, api::status::POLL));
        }
        root = stopped;
    }
    exchange
        .engine()
        .delete_ended(&root)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
    Ok(Response {
        status: 204,
        headers: http::HeaderMap::new(),
        body: Vec::new(),
    })
}
