//! Routes of the operator: what the application does for everybody.

use api::error::ApiError;
use api::operator::{Application, InForce, Job, Shown, Timeline};
use api::request;
use http::header::CACHE_CONTROL;
use job::Time;
use platform::{Exchange, Response, config};

use crate::{VERSION, stop};

/// A route of the operator.
pub(crate) enum Route<'a> {
    /// `GET /api/v2/operator`
    Overview,
    /// `GET /api/v2/operator/jobs/{jobId}`
    Job(&'a str),
    /// `DELETE /api/v2/operator/jobs/{jobId}`
    End(&'a str),
}

pub(crate) async fn serve(exchange: &Exchange, route: Route<'_>) -> Result<Response, ApiError> {
    exchange.authorize_operator()?;
    let answer = match route {
        Route::Overview => overview(exchange).await?,
        Route::Job(id) => {
            let id = request::job_id(id)?;
            let detail = exchange.engine().detail(&id).await;
            let detail = detail.map_err(|error| exchange.store_failed(&error))?;
            let timeline = detail.as_ref().and_then(Timeline::of);
            exchange.success(200, &timeline.ok_or_else(|| ApiError::no_such_job(&id))?)
        }
        Route::End(id) => {
            let (status, root) = stop(exchange, &request::job_id(id)?).await?;
            exchange.success(status, &Job::of(&root, false))
        }
    };
    Ok(answer.header(CACHE_CONTROL, "no-store"))
}

async fn overview(exchange: &Exchange) -> Result<Response, ApiError> {
    let query = &exchange.request.query;
    let before = query.get("before").map(|before| {
        let time = before.parse().map(Time);
        time.map_err(|_| ApiError::invalid("before", "must be the olderThan of an answer"))
    });
    let overview = exchange.engine().overview(before.transpose()?).await;
    let overview = overview.map_err(|error| exchange.store_failed(&error))?;
    let (config, profile) = (&exchange.config, config::profile());
    let enrichment = config::enrichment();
    let application = Application {
        profile: &profile,
        version: VERSION,
        sandbox: config.sandbox,
        legacy_tokenless: config.legacy_tokenless,
    };
    let settings = InForce::of(&config.settings, application, &config::secrets_set());
    let limits = [enrichment.open_library, enrichment.google_books];
    Ok(exchange.success(200, &Shown::of(&overview, &limits, settings)))
}
