//! Requests to enrich books, and the look-up stage of every job.

use api::accepted::LegacyEnrichment;
use api::envelope;
use api::error::ApiError;
use api::request::{self, Enrich};
use job::{CreateError, Item, Limits, MadeBy, NewJob, Pipeline, Root, content_of, distinct};
use platform::attached;
use platform::client;
use platform::config;
use platform::exchange::{Answer, Exchange};
use platform::runs::{self, Creation};

mod one;

platform::component!("enrichment", handle);

async fn handle(exchange: &mut Exchange) {
    if let Some(id) = runs::job_of(&exchange.request.path, "enrichment") {
        return runs::serve(exchange, &id, &config::enrichment()).await;
    }
    let route = match exchange.request.path.as_str() {
        "/api/batch-enrich" | "/v1/enrichment/batch" => Route::Batch,
        "/api/enrichment/start" => Route::LegacyStart,
        "/api/enrichment/batch" => Route::LegacyBatch,
        "/api/v2/books/enrich" => Route::One,
        _ => {
            let answer = exchange.failure(&ApiError::no_such_route());
            return exchange.send(answer).await;
        }
    };
    let result = match (exchange.request.method.as_str(), route) {
        ("POST", Route::One) => match one::serve(exchange).await {
            Ok(answer) => {
                exchange.send(answer).await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        ("POST", route) => make(exchange, route).await,
        _ => Err(ApiError::method_not_allowed("POST, OPTIONS")),
    };
    if let Err(error) = result {
        let answer = exchange.failure(&error);
        exchange.send(answer).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// Books of a request, as a job.
    Batch,
    /// The same for the first apps, by work ids.
    LegacyStart,
    /// The same for the first apps, by titles.
    LegacyBatch,
    /// One book at once.
    One,
}

impl Route {
    fn made_by(self) -> MadeBy {
        match self {
            Self::Batch | Self::One => MadeBy::BatchEnrich,
            Self::LegacyStart => MadeBy::EnrichmentStart,
            Self::LegacyBatch => MadeBy::EnrichmentBatch,
        }
    }

    /// The first apps choose the job's name and get no token.
    fn is_legacy(self) -> bool {
        matches!(self, Self::LegacyStart | Self::LegacyBatch)
    }

    fn read(self, body: &[u8], limits: &Limits) -> Result<Enrich, ApiError> {
        let enrich = match self {
            Self::LegacyStart => request::works(body, limits)?,
            Self::Batch | Self::LegacyBatch | Self::One => request::enrich(body, limits)?,
        };
        if self.is_legacy() && enrich.job_id.is_none() {
            return Err(ApiError::missing("jobId", "send the job's name"));
        }
        Ok(enrich)
    }

    async fn answer(self, exchange: &Exchange, root: &Root) -> Result<Answer, ApiError> {
        if !self.is_legacy() {
            return exchange.accepted(root).await;
        }
        // The first app accepts only 200.
        let body = envelope::success_twice(&LegacyEnrichment::of(root), exchange.answered());
        Ok(Answer::json(200, body))
    }
}

/// Makes a job of a request's books, and begins it.
async fn make(exchange: &mut Exchange, route: Route) -> Result<(), ApiError> {
    let body = exchange.json_body().await?;
    let enrich = route.read(&body, &exchange.config.settings.limits)?;
    let given = enrich.job_id.is_some();
    let new = NewJob {
        name: exchange.name(route.made_by(), enrich.job_id)?,
        pipeline: Pipeline::BatchEnrichment,
        made_by: route.made_by(),
        token: !route.is_legacy(),
        client: client::counted(exchange),
        provider: String::new(),
    };
    let items: Vec<Item> = distinct(enrich.wanted)
        .into_iter()
        .map(Item::wanted)
        .collect();
    client::admit(exchange, new.name.id()).await?;
    let creation = match exchange.engine().create(&new, &items).await {
        Ok(created) => Creation::New(Box::new(created)),
        // The same key, or the same request of a first app again, is the same job.
        Err(CreateError::Exists(root)) if !given || route.is_legacy() => {
            exchange
                .is_repetition(&new, given, &root, &content_of(&items))
                .await?;
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
