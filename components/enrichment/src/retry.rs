//! Retry of an ended job: a new job for what it did not find.

use api::accepted::failed_photos;
use api::error::ApiError;
use api::request;
use api::v3::Kind;
use job::{
    CreateError, Inspection, JobId, MadeBy, Name, NewJob, Pipeline, RetryError, Root,
    content_of_retry,
};
use platform::exchange::Exchange;
use platform::runs::{self, Creation};
use platform::{Access, client, config};

/// A job that is to be tried again, and the kind that it must be of.
pub(crate) struct RetryTarget {
    id: String,
    kind: Option<Kind>,
}

/// The job that a path names: `/api/v2/imports/{jobId}/retry`, `/v3/jobs/{kind}/{jobId}/retry`.
pub(crate) fn route(path: &str) -> Option<RetryTarget> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (id, kind) = match parts.as_slice() {
        ["api", "v2", "imports", id, "retry"] => (id, None),
        ["v3", "jobs", kind, id, "retry"] => (id, Some(Kind::parse(kind)?)),
        _ => return None,
    };
    Some(RetryTarget {
        id: (*id).to_owned(),
        kind,
    })
}

/// Makes the job that tries this one again, or answers with the one that does, and begins it.
pub(crate) async fn serve(exchange: &mut Exchange, route: RetryTarget) -> Result<(), ApiError> {
    let id = request::job_id(&route.id)?;
    let ended = ended_job(exchange, &id, route.kind).await?;
    let body = exchange.json_body().await?;
    let only = request::retry(&body, &exchange.config.settings.limits)?;
    // A job of its own generation's routes has the same name in every other's.
    let made_by = match ended.pipeline {
        Pipeline::CsvImport => MadeBy::Imports,
        Pipeline::AiScan => MadeBy::BatchScan,
        Pipeline::BatchEnrichment => MadeBy::BatchEnrich,
    };
    let new = NewJob {
        name: Name::Contended(exchange.config.keyring.retry_id(&ended, made_by)),
        pipeline: ended.pipeline,
        made_by,
        token: true,
        client: client::counted(exchange),
        provider: String::new(),
        client_ref: match exchange.client_ref()? {
            new if !new.is_empty() => new,
            _ => ended.client_ref.clone(),
        },
    };
    client::admit(exchange, new.name.id()).await?;
    let creation = match exchange.engine().retry(&new, &ended, &only).await {
        Ok(created) => Creation::New(Box::new(created)),
        Err(RetryError::Create(CreateError::Exists(root))) => {
            if root.content != content_of_retry(&ended, &only) {
                return Err(ApiError::tried_again(&root.id));
            }
            Creation::Existing(root)
        }
        Err(RetryError::Nothing) => {
            return Err(ApiError::nothing_to_retry(&id, failed_photos(&ended)));
        }
        Err(RetryError::Create(error)) => return Err(exchange.not_created(new.name.id(), error)),
    };
    let answer = exchange.accepted(creation.root()).await?;
    runs::answer_and_run(exchange, creation, answer, &config::enrichment()).await;
    Ok(())
}

/// The job of this name, which must have ended, for a client that may change it.
pub(crate) async fn ended_job(
    exchange: &Exchange,
    id: &JobId,
    kind: Option<Kind>,
) -> Result<Root, ApiError> {
    let inspection =
        (exchange.engine().inspect(id).await).map_err(|error| exchange.store_failed(&error))?;
    let is_running = matches!(inspection, Inspection::Running(_) | Inspection::Idle(_));
    let root = inspection
        .root()
        .filter(|root| kind.is_none_or(|kind| kind.is_of(root)));
    let root = root.ok_or_else(|| ApiError::no_such_job(id))?;
    exchange
        .authorize(root, Access::TokenRequired, None)
        .await?;
    match is_running {
        true => Err(ApiError::not_ready(id, api::status::POLL)),
        false => Ok(root.clone()),
    }
}
