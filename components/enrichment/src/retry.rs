//! Retry of an ended job: a new job for what it did not find.

use api::error::ApiError;
use api::request;
use api::v3::Kind;
use job::{
    ContentDigest, CreateError, Inspection, JobId, MadeBy, Name, NewJob, Outcome, Pipeline,
    RetryError, Root,
};
use platform::exchange::Exchange;
use platform::runs::{self, Creation};
use platform::{Access, client, config};

/// A job that is to be tried again, and the kind that it must be of.
pub(crate) struct RetryTarget {
    id: String,
    kind: Option<Kind>,
    /// Whether the route is the operator's, who needs no token of the job and is told none.
    for_operator: bool,
}

/// The job that a path names: `/api/v2/imports/{jobId}/retry`, `/v3/jobs/{kind}/{jobId}/retry`,
/// and the operator's `/api/v2/operator/jobs/{jobId}/retry`.
pub(crate) fn route(path: &str) -> Option<RetryTarget> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (id, kind) = match parts.as_slice() {
        ["api", "v2", "imports", id, "retry"] => (id, None),
        ["api", "v2", "operator", "jobs", id, "retry"] => (id, None),
        ["v3", "jobs", kind, id, "retry"] => (id, Some(Kind::parse(kind)?)),
        _ => return None,
    };
    Some(RetryTarget {
        id: (*id).to_owned(),
        kind,
        for_operator: parts[2] == "operator",
    })
}

/// Makes the job that tries this one again, or answers with the one that does, and begins it.
pub(crate) async fn serve(exchange: &mut Exchange, route: RetryTarget) -> Result<(), ApiError> {
    if route.for_operator {
        exchange.authorize_operator()?;
    }
    let id = request::job_id(&route.id)?;
    let ended = match route.for_operator {
        true => over(&id, job(exchange, &id, None).await?)?,
        false => ended_job(exchange, &id, route.kind).await?,
    };
    let body = exchange.small_json_body().await?;
    let asked = request::retry(&body, &exchange.config.settings.limits)?;
    let only = asked.only;
    // A job of its own generation's routes has the same name in every other's.
    let made_by = match ended.pipeline {
        Pipeline::CsvImport => MadeBy::Imports,
        Pipeline::AiScan => MadeBy::BatchScan,
        Pipeline::BatchEnrichment => MadeBy::BatchEnrich,
    };
    let keyring = &exchange.config.keyring;
    let mut names = [
        keyring.retry_id(&ended, made_by),
        keyring.operators_retry_id(&ended, made_by),
    ];
    if route.for_operator {
        names.reverse();
    }
    let [own, others] = names;
    let content = ContentDigest::of_retry(&ended, &only);
    let client_ref = match exchange.client_ref(asked.client_ref.as_deref())? {
        new if !new.is_empty() => new,
        _ => ended.client_ref.clone(),
    };
    let engine = exchange.engine();
    let failed = |error| exchange.store_failed(&error);
    let (own, standing) = engine.own_retry(own, made_by).await.map_err(failed)?;
    // What the other of the two has begun is not done twice.
    let standing = match standing {
        Some(root) => Some(of_same_request(Box::new(root), &content)?),
        None => (engine
            .retry_of_another(&others, &content, &client_ref)
            .await)
            .map_err(failed)?
            .map(|root| Creation::Existing(Box::new(root))),
    };
    let creation = match standing {
        Some(creation) => creation,
        None => {
            let new = NewJob {
                name: Name::Contended(own),
                pipeline: ended.pipeline,
                made_by,
                token: true,
                client: match route.for_operator {
                    true => None,
                    false => client::counted(exchange),
                },
                provider: String::new(),
                client_ref,
            };
            match route.for_operator {
                true => client::record(exchange, new.name.id()).await,
                false => client::admit(exchange, new.name.id()).await?,
            }
            create(exchange, &new, &ended, &only, &content).await?
        }
    };
    let answer = match route.for_operator {
        true => exchange.success(202, &api::operator::Job::of(creation.root(), false)),
        false => exchange.accepted(creation.root()).await?,
    };
    runs::answer_and_run(exchange, creation, answer, &config::enrichment()).await;
    Ok(())
}

/// The retry that there is, if it is of the request with this digest.
fn of_same_request(root: Box<Root>, content: &str) -> Result<Creation, ApiError> {
    match root.content == content {
        true => Ok(Creation::Existing(root)),
        false => Err(ApiError::tried_again(&root.id)),
    }
}

/// Makes the job that tries these outcomes of an ended one again, or finds the one that does:
/// `content` is the digest of both.
async fn create(
    exchange: &Exchange,
    new: &NewJob,
    ended: &Root,
    only: &[Outcome],
    content: &str,
) -> Result<Creation, ApiError> {
    match exchange.engine().retry(new, ended, only).await {
        Ok(created) => Ok(Creation::New(Box::new(created))),
        Err(RetryError::Create(CreateError::Exists(root))) => of_same_request(root, content),
        Err(RetryError::Nothing(remedy)) => Err(ApiError::nothing_to_retry(&ended.id, remedy)),
        Err(RetryError::Create(error)) => Err(exchange.not_created(new.name.id(), error)),
    }
}

/// The job of this name, which must have ended, for a client that may change it.
pub(crate) async fn ended_job(
    exchange: &Exchange,
    id: &JobId,
    kind: Option<Kind>,
) -> Result<Root, ApiError> {
    let state = job(exchange, id, kind).await?;
    if let Some(root) = state.root() {
        exchange.authorize(root, Access::TokenOfKept, None).await?;
    }
    over(id, state)
}

/// The state of the job of this name, which is of this kind.
async fn job(exchange: &Exchange, id: &JobId, kind: Option<Kind>) -> Result<Inspection, ApiError> {
    let state = exchange.engine().inspect_patiently(id).await;
    let state = state.map_err(|error| exchange.store_failed(&error))?;
    let is_kind = |root: &Root| kind.is_none_or(|kind| kind.is_of(root));
    match state.root().is_some_and(is_kind) {
        true => Ok(state),
        false => Err(ApiError::no_such_job(id)),
    }
}

/// The end of a job in this state.
fn over(id: &JobId, state: Inspection) -> Result<Root, ApiError> {
    match state {
        Inspection::Ended(root) => Ok(root),
        Inspection::Missing => Err(ApiError::no_such_job(id)),
        Inspection::Running(_) | Inspection::Idle(_) => {
            Err(ApiError::not_ready(id, api::status::POLL))
        }
    }
}
