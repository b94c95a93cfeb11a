//! The component `enrichment`: requests to enrich books, and the look-up stage of every job.
//!
//! Start at `handle`. A request is one of four: it makes a job of books (`make`), tries again what
//! an ended job did not find (`retry`), says which book one of its books is (`choose`), or is
//! answered at once, by a search or a look-up of one book (`books_now`). What is no client's
//! request is a run of the look-up stage: the engine's, with the providers as configured.

use std::time::Duration;

use api::accepted::{LegacyEnrichment, LegacyEnrichmentBatch};
use api::envelope;
use api::error::ApiError;
use api::request;
use books::Wanted;
use job::effects::Clock;
use job::{ContentDigest, CreateError, Item, JobId, Limits, MadeBy, NewJob, Pipeline, Root};
use platform::attached;
use platform::client;
use platform::config;
use platform::exchange::{Exchange, Response};
use platform::runs::{self, Creation};

mod books_now;
mod choose;
mod retry;

/// Time after a job's creation within which a client that has lost the answer asks again.
const ASKED_AGAIN_WITHIN: Duration = Duration::from_secs(120);

platform::component!("enrichment", handle);

async fn handle(exchange: &mut Exchange) {
    if let Some(id) = runs::job_of(&exchange.request.path, "enrichment") {
        return runs::serve(exchange, &id, &config::enrichment()).await;
    }
    let result = match route(&exchange.request.method, &exchange.request.path) {
        Ok(Route::Job(route)) => make(exchange, route).await,
        Ok(Route::Retry(route)) => retry::serve(exchange, route).await,
        Ok(Route::Choose(route)) => match choose::serve(exchange, route).await {
            Ok(answer) => {
                exchange.send(answer).await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        Ok(Route::Now(route)) => match books_now::serve(exchange, route).await {
            Ok(Some(answer)) => {
                exchange.send(answer).await;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        exchange.refuse(&error).await;
    }
}

/// The operation that a request to this component asks for.
enum Route {
    /// Making a job.
    Job(JobRoute),
    /// Choosing which book a book of an ended job is.
    Choose(choose::ChoiceTarget),
    /// Trying an ended job again.
    Retry(retry::RetryTarget),
    /// Looking books up while the client waits.
    Now(books_now::Route),
}

/// The route of a request; a path has one method.
fn route(method: &str, path: &str) -> Result<Route, ApiError> {
    let (route, allowed) = match path {
        "/api/batch-enrich" | "/v1/enrichment/batch" => (Route::Job(JobRoute::Batch), "POST"),
        "/api/enrichment/start" => (Route::Job(JobRoute::LegacyStart), "POST"),
        "/api/enrichment/batch" => (Route::Job(JobRoute::LegacyBatch), "POST"),
        "/v3/jobs/enrichment" => (Route::Job(JobRoute::V3), "POST"),
        path if let Some(route) = choose::route(path) => (Route::Choose(route), "PUT"),
        path if let Some(route) = retry::route(path) => (Route::Retry(route), "POST"),
        path => {
            let (route, allowed) = books_now::route(path).ok_or_else(ApiError::no_such_route)?;
            (Route::Now(route), allowed)
        }
    };
    match (allowed, method) {
        ("POST", "POST") | ("PUT", "PUT") | ("GET", "GET" | "HEAD") => Ok(route),
        ("PUT", _) => Err(ApiError::method_not_allowed("PUT, OPTIONS")),
        ("POST", _) => Err(ApiError::method_not_allowed("POST, OPTIONS")),
        _ => Err(ApiError::method_not_allowed("GET, OPTIONS")),
    }
}

/// A route that makes a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobRoute {
    /// Books of a request.
    Batch,
    /// Books of a request of the first app, by work ids: no token.
    LegacyStart,
    /// Books of a request of later apps, by titles.
    LegacyBatch,
    /// `POST /v3/jobs/enrichment`, and `/v3/books/enrich` that is to be asynchronous.
    V3,
}

/// The books that a request names, and the name that it gives to their job.
struct EnrichRequest {
    /// The client's name for the job.
    job_id: Option<JobId>,
    /// The client's own name for the job, which messages repeat.
    client_ref: Option<String>,
    /// The books to look up.
    wanted: Vec<Wanted>,
}

impl From<request::Enrich> for EnrichRequest {
    fn from(enrich: request::Enrich) -> Self {
        Self {
            job_id: enrich.job_id,
            client_ref: enrich.client_ref,
            wanted: enrich.wanted,
        }
    }
}

impl From<request::V3Enrich> for EnrichRequest {
    fn from(enrich: request::V3Enrich) -> Self {
        Self {
            job_id: None,
            client_ref: enrich.client_ref,
            wanted: enrich.wanted,
        }
    }
}

impl JobRoute {
    fn made_by(self) -> MadeBy {
        match self {
            Self::Batch => MadeBy::BatchEnrich,
            Self::LegacyStart => MadeBy::EnrichmentStart,
            Self::LegacyBatch => MadeBy::EnrichmentBatch,
            Self::V3 => MadeBy::V3Enrichment,
        }
    }

    /// Whether clients of the route choose the job's name.
    fn is_legacy(self) -> bool {
        matches!(self, Self::LegacyStart | Self::LegacyBatch)
    }

    fn read(self, body: &[u8], limits: &Limits) -> Result<EnrichRequest, ApiError> {
        let asked: EnrichRequest = match self {
            Self::LegacyStart => request::works(body, limits)?.into(),
            Self::Batch | Self::LegacyBatch => request::enrich(body, limits)?.into(),
            Self::V3 => request::v3_enrich(body, limits)?.into(),
        };
        if self.is_legacy() && asked.job_id.is_none() {
            return Err(ApiError::missing("jobId", "send the job's name"));
        }
        Ok(asked)
    }

    async fn answer(self, exchange: &Exchange, root: &Root) -> Result<Response, ApiError> {
        let answered = exchange.answered();
        Ok(match self {
            Self::Batch | Self::V3 => exchange.accepted(root).await?,
            Self::LegacyStart => {
                let started = LegacyEnrichment::of(root);
                Response::json(200, envelope::success_with_flat_copy(&started, answered))
            }
            Self::LegacyBatch => {
                let token = exchange.token(root).await?;
                let started = LegacyEnrichmentBatch::of(root, &token);
                Response::json(202, envelope::success_with_flat_copy(&started, answered))
            }
        })
    }
}

/// Makes a job of a request's books, and begins it.
async fn make(exchange: &mut Exchange, route: JobRoute) -> Result<(), ApiError> {
    // The client may name the job in the body; a key's job is known before.
    let name = exchange.name(route.made_by(), None)?.id().clone();
    let (body, counts_as) = exchange.admitted_json_body(&name).await?;
    let asked = route.read(&body, &exchange.config.settings.limits)?;
    make_of(exchange, route, asked, counts_as.as_ref()).await
}

/// Makes a job of these books, and begins it. It may count under another name so far.
async fn make_of(
    exchange: &mut Exchange,
    route: JobRoute,
    asked: EnrichRequest,
    counts_as: Option<&JobId>,
) -> Result<(), ApiError> {
    let given = asked.job_id.is_some();
    let new = NewJob {
        name: exchange.name(route.made_by(), asked.job_id)?,
        pipeline: Pipeline::BatchEnrichment,
        made_by: route.made_by(),
        token: route != JobRoute::LegacyStart,
        client: client::counted(exchange),
        provider: String::new(),
        client_ref: exchange.client_ref(asked.client_ref.as_deref())?,
    };
    let items = Item::distinct(asked.wanted);
    match counts_as {
        Some(another) => client::admit_instead(exchange, another, new.name.id()).await?,
        None => client::admit(exchange, new.name.id()).await?,
    }
    let creation = match exchange.engine().create(&new, &items).await {
        Ok(created) => Creation::New(Box::new(created)),
        // The same key, or the same request of an app again, is the same job.
        Err(CreateError::Exists(root)) if !given || route.is_legacy() => {
            let is_owner = match &new.client {
                Some(client) => client.is(&root.client),
                // It may be anybody's: only a lost answer is asked for so soon.
                None => {
                    let age = exchange.spin.now().since(root.created);
                    root.client.is_empty() && age < ASKED_AGAIN_WITHIN
                }
            };
            let content = match !given || !new.token || is_owner {
                true => ContentDigest::of_items(&items),
                // Whoever knows the job's name can read its books, and ask for the same.
                false => String::new(),
            };
            exchange.is_repetition(&new, given, &root, &content).await?;
            Creation::Existing(root)
        }
        Err(error) => return Err(exchange.not_created(new.name.id(), error)),
    };
    if !route.is_legacy() && attached::is_asked(exchange) {
        return attached::stream_and_run(exchange, creation, &config::enrichment()).await;
    }
    let answer = route.answer(exchange, creation.root()).await?;
    runs::answer_and_run(exchange, creation, answer, &config::enrichment()).await;
    Ok(())
}
