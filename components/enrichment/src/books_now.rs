//! Books while the client waits: by their ISBNs.

use std::time::Duration;

use api::book::LookedUp;
use api::envelope;
use api::error::ApiError;
use api::request;
use api::v3;
use books::{Found, Isbn, Wanted};

use job::{Item, JobId, ProviderSessions};
use platform::client;
use platform::config;
use platform::exchange::{Answer, Exchange};

use crate::{Asked, JobRoute, make_of};

/// A route that answers with books.
pub(crate) enum Route {
    /// `POST /api/v2/books/enrich`: one.
    One,
    /// `POST /v3/books/enrich`: up to fifty, or a job of more.
    Several,
    /// `GET /v3/books/{isbn}`
    ByIsbn(String),
}

/// The route of a path, and its method.
pub(crate) fn route(path: &str) -> Option<(Route, &'static str)> {
    Some(match path {
        "/api/v2/books/enrich" => (Route::One, "POST"),
        "/v3/books/enrich" => (Route::Several, "POST"),
        path => {
            let isbn = path.strip_prefix("/v3/books/")?;
            let is_one_segment = !isbn.is_empty() && !isbn.contains('/');
            (
                Route::ByIsbn(is_one_segment.then(|| isbn.to_owned())?),
                "GET",
            )
        }
    })
}

/// Looks books up while the client waits; `None` when an answer has been sent.
pub(crate) async fn serve(
    exchange: &mut Exchange,
    route: Route,
) -> Result<Option<Answer>, ApiError> {
    match route {
        Route::One => one(exchange).await.map(Some),
        Route::Several => several(exchange).await,
        Route::ByIsbn(isbn) => by_isbn(exchange, &isbn).await.map(Some),
    }
}

async fn one(exchange: &Exchange) -> Result<Answer, ApiError> {
    let isbn = request::barcode(
        &exchange.json_body().await?,
        &exchange.config.settings.limits,
    )?;
    let looked = look_up(exchange, &[isbn]).await?;
    match looked.items.first().and_then(LookedUp::of) {
        Some(book) => Ok(Answer::json(
            200,
            envelope::success_with_flat_copy(&book, exchange.answered()),
        )),
        None => Err(looked.problem(exchange, isbn)),
    }
}

async fn by_isbn(exchange: &Exchange, text: &str) -> Result<Answer, ApiError> {
    let isbn = request::isbn_in_path(text, &exchange.config.settings.limits)?;
    admit(exchange).await?;
    let looked = look_up(exchange, &[isbn]).await?;
    match looked.items.first().filter(|item| item.succeeded()) {
        Some(item) => Ok(exchange.success(200, &v3::Book::of(item))),
        None => Err(looked.problem(exchange, isbn)),
    }
}

async fn several(exchange: &mut Exchange) -> Result<Option<Answer>, ApiError> {
    let body = exchange.json_body().await?;
    let asked = request::v3_books(&body, &exchange.config.settings.limits)?;
    if asked.is_async {
        let asked = Asked {
            job_id: None,
            wanted: asked.wanted,
        };
        make_of(exchange, JobRoute::V3, asked).await?;
        return Ok(None);
    }
    admit(exchange).await?;
    let isbns: Vec<Isbn> = asked
        .wanted
        .iter()
        .filter_map(|wanted| wanted.isbn)
        .collect();
    let looked = look_up(exchange, &isbns).await?;
    let (Some(first), true) = (isbns.first(), looked.items.iter().all(is_unanswered)) else {
        return Ok(Some(
            exchange.success(200, &v3::Enriched::of(&looked.items)),
        ));
    };
    Err(looked.problem(exchange, *first))
}

/// Counts the request as one of the client's jobs, for as long as a job counts that never comes.
async fn admit(exchange: &Exchange) -> Result<(), ApiError> {
    client::admit(exchange, &JobId::random(&exchange.spin)).await
}

/// Whether no provider gave an answer about an item.
fn is_unanswered(item: &Item) -> bool {
    matches!(item.found, Some(Found::Error | Found::CircuitOpen) | None)
}

/// What the providers said.
struct LookedUpNow {
    items: Vec<Item>,
    sessions: ProviderSessions,
}

async fn look_up(exchange: &Exchange, isbns: &[Isbn]) -> Result<LookedUpNow, ApiError> {
    let enrichment = config::enrichment();
    let sessions = enrichment
        .sessions(&exchange.spin)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
    let wanted: Vec<Wanted> = isbns
        .iter()
        .map(|isbn| Wanted {
            isbn: Some(*isbn),
            ..Wanted::default()
        })
        .collect();
    let found = enrichment
        .look_up(&exchange.spin, &sessions, wanted.clone(), None)
        .await;
    sessions.save(&exchange.spin).await;
    let items = wanted
        .into_iter()
        .zip(found)
        .map(|(wanted, found)| Item {
            found: Some(found),
            ..Item::wanted(wanted)
        })
        .collect();
    Ok(LookedUpNow { items, sessions })
}

impl LookedUpNow {
    /// Why there is no book of this ISBN, the first that was asked for.
    fn problem(&self, exchange: &Exchange, isbn: Isbn) -> ApiError {
        match self.items.first().and_then(|item| item.found.as_ref()) {
            Some(Found::NotFound) => ApiError::no_such_book(isbn),
            Some(Found::CircuitOpen) => match self.sessions.open(&exchange.spin) {
                Some((provider, left)) => ApiError::circuit_open(provider, left),
                None => ApiError::busy(Duration::from_secs(1)),
            },
            _ if self.sessions.timed_out() => ApiError::provider_timed_out(),
            _ => ApiError::provider_failed(),
        }
    }
}
