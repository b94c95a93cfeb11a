//! Routes of the first apps about jobs.

use api::accepted::{LegacyReady, Refreshed};
use api::envelope;
use api::error::ApiError;
use api::legacy::{AroundBooks, JobState, ScanStatus};
use api::request;
use api::status::{Canceled, Document};
use job::effects::Clock;
use job::{JobId, Pipeline, Report, Root, Stage};
use platform::{Access, Exchange, Response};

use crate::{canceled, inspect, is_known, results, validators};

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

pub(crate) async fn serve(
    exchange: &mut Exchange,
    route: Route<'_>,
) -> Result<Option<Response>, ApiError> {
    let answer = match route {
        Route::ScanStatus(id) => return scan_status(exchange, &request::job_id(id)?).await,
        Route::ImportStatus(id) => return import_status(exchange, &request::job_id(id)?).await,
        Route::ScanReady(id) => {
            // Nothing waits for this, so there is nothing to do: late clients are brought up to
            // date by their first message.
            let id = request::job_id(id)?;
            bare(&LegacyReady::of(&id))
        }
        Route::JobState(id) => {
            let root = job(exchange, &request::job_id(id)?).await?;
            exchange
                .authorize(&root, Access::to_change(&root), None)
                .await?;
            bare(&JobState::of(&root))
        }
        Route::ImportCancel(id) => {
            let (status, root) = canceled(exchange, &request::job_id(id)?, None, true).await?;
            flat(exchange, status, &Canceled::of(&root))
        }
        Route::Cancel => {
            let body = exchange.small_json_body().await?;
            let (id, token) = request::cancel(&body, &exchange.config.settings.limits)?;
            let (status, root) = canceled(exchange, &id, token.as_deref(), true).await?;
            flat(exchange, status, &Canceled::of(&root))
        }
        Route::Refresh => refresh(exchange).await?,
    };
    Ok(Some(answer))
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

/// Answers with the status document of an import, which has its books when it has completed.
async fn import_status(exchange: &mut Exchange, id: &JobId) -> Result<Option<Response>, ApiError> {
    let root = job(exchange, id).await?;
    exchange.authorize(&root, Access::Open, None).await?;
    let etag = Document::of(&root).etag();
    if root.stage == Stage::Complete && !is_known(exchange, &etag) {
        let report = results::report(exchange, &root).await?;
        let document = AroundBooks::of_import(&root, &report, exchange.answered());
        if let Some(document) = document {
            return results::send_status(exchange, &root, document, validators(&etag)).await;
        }
    }
    Ok(Some(crate::conditional(exchange, &etag, &root, || {
        let answered = exchange.answered();
        let body = api::legacy::import_status(&root, &Report::default(), answered);
        Response::json(200, body)
    })))
}

/// Answers with the first app's status document: the results are in it when the scan is done.
async fn scan_status(exchange: &mut Exchange, id: &JobId) -> Result<Option<Response>, ApiError> {
    let root = job(exchange, id).await?;
    if root.pipeline != Pipeline::AiScan {
        return Err(ApiError::no_such_job(id));
    }
    exchange.authorize(&root, Access::Open, None).await?;
    let now = exchange.spin.now();
    let nothing = Report::default();
    let without_books = envelope::bare(&ScanStatus::of(&root, &[], &nothing, now));
    let etag =
        api::status::etag_of(&[Document::of(&root).spelled(), without_books.clone()].concat());
    if root.stage == Stage::Complete && !is_known(exchange, &etag) {
        let report = results::report(exchange, &root).await?;
        if let Some(document) = AroundBooks::of_scan(&root, &report, now) {
            return results::send_status(exchange, &root, document, validators(&etag)).await;
        }
    }
    Ok(Some(crate::conditional(exchange, &etag, &root, || {
        Response::json(200, without_books)
    })))
}

async fn refresh(exchange: &Exchange) -> Result<Response, ApiError> {
    let body = exchange.small_json_body().await?;
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
