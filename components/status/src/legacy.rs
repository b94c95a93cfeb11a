//! Routes of the first apps about jobs.

use api::accepted::{LegacyReady, Refreshed};
use api::envelope;
use api::error::ApiError;
use api::legacy::{JobState, ScanStatus, import_status};
use api::request;
use api::status::{Canceled, Document};
use futures::TryStreamExt;
use job::effects::Clock;
use job::{Item, JobId, Pipeline, Report, Root, Stage, Stop};
use platform::{Access, Exchange, Response};

use crate::{canceled, inspect};

/// The one method of a legacy route.
pub(crate) enum Method {
    Get,
    Post,
}

/// A legacy route.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    /// `GET /scan/status/{jobId}`
    ScanStatus(&'a str),
    /// `POST /scan/ready/{jobId}`
    ScanReady(&'a str),
    /// `GET /api/job-state/{jobId}`
    JobState(&'a str),
    /// `GET /v1/csv/status/{jobId}`
    ImportStatus(&'a str),
    /// `POST /v1/csv/cancel/{jobId}`
    ImportCancel(&'a str),
    /// `POST /api/scan-bookshelf/cancel`, `/api/enrichment/cancel`: the job is in the body.
    Cancel,
    /// `POST /api/token/refresh`
    Refresh,
}

/// The legacy route of these path segments.
pub(crate) fn route<'a>(parts: &[&'a str]) -> Option<(Route<'a>, Method)> {
    Some(match parts {
        ["scan", "status", id] => (Route::ScanStatus(id), Method::Get),
        ["scan", "ready", id] => (Route::ScanReady(id), Method::Post),
        ["api", "job-state", id] => (Route::JobState(id), Method::Get),
        ["v1", "csv", "status", id] => (Route::ImportStatus(id), Method::Get),
        ["v1", "csv", "cancel", id] => (Route::ImportCancel(id), Method::Post),
        ["api", "scan-bookshelf" | "enrichment", "cancel"] => (Route::Cancel, Method::Post),
        ["api", "token", "refresh"] => (Route::Refresh, Method::Post),
        _ => return None,
    })
}

pub(crate) async fn serve(exchange: &mut Exchange, route: Route<'_>) -> Result<Response, ApiError> {
    match route {
        Route::ScanStatus(id) => scan_status(exchange, &request::job_id(id)?).await,
        Route::ScanReady(id) => {
            // Nothing waits for this, so there is nothing to do: late clients are brought up to
            // date by their first message.
            let id = request::job_id(id)?;
            Ok(bare(&LegacyReady::of(&id)))
        }
        Route::JobState(id) => {
            let root = job(exchange, &request::job_id(id)?).await?;
            exchange
                .authorize(&root, Access::to_change(&root), None)
                .await?;
            Ok(bare(&JobState::of(&root)))
        }
        Route::ImportStatus(id) => {
            let root = job(exchange, &request::job_id(id)?).await?;
            exchange.authorize(&root, Access::Open, None).await?;
            let (items, report) = contents(exchange, &root).await?;
            let etag = Document::of(&root).etag();
            Ok(crate::conditional(exchange, &etag, &root, || {
                let answered = exchange.answered();
                Response::json(200, import_status(&root, &items, &report, answered))
            }))
        }
        Route::ImportCancel(id) => {
            let (status, root) = canceled(exchange, &request::job_id(id)?, None, true).await?;
            Ok(flat(exchange, status, &Canceled::of(&root)))
        }
        Route::Cancel => {
            let body = exchange.json_body().await?;
            let (id, token) = request::cancel(&body, &exchange.config.settings.limits)?;
            let (status, root) = canceled(exchange, &id, token.as_deref(), true).await?;
            Ok(flat(exchange, status, &Canceled::of(&root)))
        }
        Route::Refresh => refresh(exchange).await,
    }
}

fn bare(data: &impl serde::Serialize) -> Response {
    Response::json(200, envelope::bare(data))
}

fn flat(exchange: &Exchange, status: u16, data: &impl serde::Serialize) -> Response {
    Response::json(
        status,
        envelope::success_with_flat_copy(data, exchange.answered()),
    )
}

async fn job(exchange: &Exchange, id: &JobId) -> Result<Root, ApiError> {
    let inspection = inspect(exchange, id).await?;
    inspection
        .root()
        .cloned()
        .ok_or_else(|| ApiError::no_such_job(id))
}

/// Reads the items and the report of a job that has completed; both are empty for another.
async fn contents(exchange: &Exchange, root: &Root) -> Result<(Vec<Item>, Report), ApiError> {
    if root.stage != Stage::Complete {
        return Ok((Vec::new(), Report::default()));
    }
    let damaged = |stop: Stop| exchange.internal(&stop.to_string());
    let engine = exchange.engine();
    let stored = engine.items(root, 0..root.results()).try_concat();
    let items = stored.await.map_err(damaged)?;
    Ok((items, engine.report(root).await.map_err(damaged)?))
}

/// Answers with the first app's status document: the results are in it when the scan is done.
async fn scan_status(exchange: &Exchange, id: &JobId) -> Result<Response, ApiError> {
    let root = job(exchange, id).await?;
    if root.pipeline != Pipeline::AiScan {
        return Err(ApiError::no_such_job(id));
    }
    exchange.authorize(&root, Access::Open, None).await?;
    let (items, report) = contents(exchange, &root).await?;
    Ok(bare(&ScanStatus::of(
        &root,
        &items,
        &report,
        exchange.spin.now(),
    )))
}

async fn refresh(exchange: &Exchange) -> Result<Response, ApiError> {
    let body = exchange.json_body().await?;
    let (id, token) = request::refresh(&body, &exchange.config.settings.limits)?;
    let root = job(exchange, &id).await.map_err(|error| match error.code {
        // Whether a job exists is not told to whoever has no token of it.
        api::Code::NotFound => ApiError::unauthorized(),
        _ => error,
    })?;
    let next = exchange
        .engine()
        .refresh_token(&root, &token)
        .await
        .map_err(|error| exchange.store_failed(&error))?
        .ok_or_else(ApiError::unauthorized)?;
    let refreshed = Refreshed {
        job_id: id.as_str(),
        token: &next,
        expires_in: exchange.config.settings.token_life.as_secs(),
    };
    Ok(flat(exchange, 200, &refreshed))
}
