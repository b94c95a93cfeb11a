//! Look-ups and searches while the client waits.

use std::time::Duration;

use api::book::LookedUp;
use api::envelope;
use api::error::ApiError;
use api::request;
use api::search::{SearchResults, SearchResultsV2};
use api::v3;
use books::{Found, Isbn, Wanted};

use job::effects::Entropy;
use job::{Item, JobId, ProviderSessions, Searched};
use platform::client;
use platform::config;
use platform::exchange::{Exchange, Response};

use crate::{JobRoute, make_of};

/// The last page of a search that is asked for: providers take no more.
const MAX_PAGES: u32 = 100;

/// A route that answers with books.
pub(crate) enum Route {
    /// `POST /api/v2/books/enrich`: one book.
    One,
    /// `POST /v3/books/enrich`: up to fifty books, or a job of more.
    Several,
    /// `GET /v3/books/{isbn}`
    ByIsbn(String),
    /// A search by words, or by an ISBN.
    Search(SearchParameters, Shape),
}

/// The query parameters that a search reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchParameters {
    /// `q`: words of anything.
    Text,
    /// `q` or `title`: words of the title.
    Title,
    /// `isbn`
    Isbn,
    /// `title`, `author` and `isbn`, or some of them.
    Fields,
}

/// The generation whose shape a search's answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `/v1/search/*`, `/search/*`
    Apps,
    /// `/api/v2/search`
    V2,
    /// `/v3/books/search`
    V3,
}

/// The route of a path, and its method.
pub(crate) fn route(path: &str) -> Option<(Route, &'static str)> {
    Some(match path {
        "/api/v2/books/enrich" => (Route::One, "POST"),
        "/v3/books/enrich" => (Route::Several, "POST"),
        "/v3/books/search" => (Route::Search(SearchParameters::Text, Shape::V3), "GET"),
        "/api/v2/search" => (Route::Search(SearchParameters::Text, Shape::V2), "GET"),
        "/v1/search/title" | "/search/title" => {
            (Route::Search(SearchParameters::Title, Shape::Apps), "GET")
        }
        "/v1/search/isbn" | "/search/isbn" => {
            (Route::Search(SearchParameters::Isbn, Shape::Apps), "GET")
        }
        "/v1/search/advanced" | "/search/advanced" => {
            (Route::Search(SearchParameters::Fields, Shape::Apps), "GET")
        }
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

/// Looks books up while the client waits; `None` when a response has been sent.
pub(crate) async fn serve(
    exchange: &mut Exchange,
    route: Route,
) -> Result<Option<Response>, ApiError> {
    match route {
        Route::One => enrich_one(exchange).await.map(Some),
        Route::Several => enrich_several(exchange).await,
        Route::ByIsbn(isbn) => by_isbn(exchange, &isbn).await.map(Some),
        Route::Search(kind, shape) => search(exchange, kind, shape).await.map(Some),
    }
}

/// A client's search: a book by its number, or books by words.
enum SearchTerms {
    /// One book, by its ISBN.
    Isbn(Isbn),
    /// The books that fit these words.
    Words(books::Query),
}

/// Reads the search in a request.
fn search_terms(exchange: &Exchange, kind: SearchParameters) -> Result<SearchTerms, ApiError> {
    let parameters = &exchange.request.query;
    match parameters.get("mode") {
        None | Some("text") => {}
        Some(_) => {
            let problem = "must be text: this server has no other search";
            return Err(ApiError::invalid("mode", problem));
        }
    }
    let text = |name: &str| parameters.get(name).unwrap_or_default().to_owned();
    let limits = &exchange.config.settings.limits;
    if let (SearchParameters::Isbn | SearchParameters::Fields, Some(isbn)) =
        (kind, parameters.get("isbn"))
    {
        return request::isbn_parameter(isbn, limits).map(SearchTerms::Isbn);
    }
    let mut query = books::Query {
        page: parameters.number("page", 1)?.unwrap_or(1).min(MAX_PAGES),
        limit: parameters
            .number("limit", 1)?
            .unwrap_or(api::search::PAGE)
            .min(api::search::MAX_PAGE),
        ..books::Query::default()
    };
    match kind {
        SearchParameters::Text => query.text = text("q"),
        SearchParameters::Title if parameters.get("q").is_some() => query.title = text("q"),
        SearchParameters::Title => query.title = text("title"),
        SearchParameters::Isbn => {
            return Err(ApiError::missing("isbn", "send the ISBN to look up"));
        }
        SearchParameters::Fields => (query.title, query.author) = (text("title"), text("author")),
    }
    if !query.has_words() {
        let field = match kind {
            SearchParameters::Fields => "title",
            _ => "q",
        };
        return Err(ApiError::missing(field, "send words to search for"));
    }
    Ok(SearchTerms::Words(query))
}

async fn search(
    exchange: &Exchange,
    kind: SearchParameters,
    shape: Shape,
) -> Result<Response, ApiError> {
    let terms = search_terms(exchange, kind)?;
    admit(exchange).await?;
    let (q, items, total, page, limit) = match terms {
        SearchTerms::Isbn(isbn) => {
            let looked = look_up(exchange, by_isbns(&[isbn])).await?;
            if looked.items.iter().all(is_unanswered) {
                return Err(looked.problem(exchange, ApiError::no_such_book(isbn)));
            }
            let mut items = looked.items;
            items.retain(Item::succeeded);
            let total = items.len() as u64;
            (isbn.to_string(), items, total, 1, 1)
        }
        SearchTerms::Words(query) => {
            let (items, total) = hits(exchange, &query).await?;
            let parts = [&query.text, &query.title, &query.author];
            let parts: Vec<&str> = parts.into_iter().map(|part| part.trim()).collect();
            let q = parts.join(" ").trim().to_owned();
            (q, items, total, query.page, query.limit)
        }
    };
    let answered = exchange.answered();
    Ok(match shape {
        Shape::V3 => exchange.success(200, &v3::Search::of(&q, &items, total, page, limit)),
        Shape::Apps => {
            let results = SearchResults::of(&items, total);
            Response::json(200, envelope::success_with_flat_copy(&results, answered))
        }
        Shape::V2 => {
            let took = u64::try_from(answered.took.as_millis()).unwrap_or(u64::MAX);
            let results = SearchResultsV2::of(&q, &items, total, took);
            Response::json(200, envelope::success_with_flat_copy(&results, answered))
        }
    })
}

/// Asks Open Library for a page of hits.
async fn hits(exchange: &Exchange, query: &books::Query) -> Result<(Vec<Item>, u64), ApiError> {
    let enrichment = config::enrichment();
    let sessions = enrichment
        .sessions(&exchange.spin)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
    let searched = enrichment.search(&exchange.spin, &sessions, query).await;
    sessions.save(&exchange.spin).await;
    match searched {
        Searched::Hits(records, total) => {
            let items = records.into_iter().map(|record| Item {
                found: Some(Found::Record(Box::new(record))),
                ..Item::wanted(Wanted::default())
            });
            Ok((items.collect(), total))
        }
        Searched::Refused => Err(match sessions.open(&exchange.spin) {
            Some((provider, left)) => ApiError::circuit_open(provider, left),
            None => ApiError::busy(Duration::from_secs(1)),
        }),
        Searched::Failed if sessions.timed_out() => Err(ApiError::provider_timed_out()),
        Searched::Failed => Err(ApiError::provider_failed()),
    }
}

async fn enrich_one(exchange: &Exchange) -> Result<Response, ApiError> {
    let isbn = request::barcode(
        &exchange.small_json_body().await?,
        &exchange.config.settings.limits,
    )?;
    admit(exchange).await?;
    let looked = look_up(exchange, by_isbns(&[isbn])).await?;
    match looked.items.first().and_then(LookedUp::of) {
        Some(book) => Ok(Response::json(
            200,
            envelope::success_with_flat_copy(&book, exchange.answered()),
        )),
        None => Err(looked.problem(exchange, ApiError::no_such_book(isbn))),
    }
}

async fn by_isbn(exchange: &Exchange, text: &str) -> Result<Response, ApiError> {
    let isbn = request::isbn_parameter(text, &exchange.config.settings.limits)?;
    admit(exchange).await?;
    let looked = look_up(exchange, by_isbns(&[isbn])).await?;
    match looked.items.first().filter(|item| item.succeeded()) {
        Some(item) => Ok(exchange.success(200, &v3::Book::of(item))),
        None => Err(looked.problem(exchange, ApiError::no_such_book(isbn))),
    }
}

async fn enrich_several(exchange: &mut Exchange) -> Result<Option<Response>, ApiError> {
    let name = exchange.name(JobRoute::V3.made_by(), None)?.id().clone();
    let (body, counts_as) = exchange.admitted_json_body(&name).await?;
    let asked = request::v3_books(&body, &exchange.config.settings.limits)?;
    if asked.is_async {
        make_of(exchange, JobRoute::V3, asked.into(), counts_as.as_ref()).await?;
        return Ok(None);
    }
    if counts_as.is_none() {
        admit(exchange).await?;
    }
    let isbns: Vec<Isbn> = asked
        .wanted
        .iter()
        .filter_map(|wanted| wanted.isbn)
        .collect();
    let looked = look_up(exchange, by_isbns(&isbns)).await?;
    let (Some(first), true) = (isbns.first(), looked.items.iter().all(is_unanswered)) else {
        return Ok(Some(
            exchange.success(200, &v3::Enriched::of(&looked.items)),
        ));
    };
    Err(looked.problem(exchange, ApiError::no_such_book(*first)))
}

/// Counts the request as one of the client's jobs, for as long as an unseen job counts.
pub(crate) async fn admit(exchange: &Exchange) -> Result<(), ApiError> {
    let name = JobId::from_bytes(exchange.spin.random());
    client::admit_at_once(exchange, &name).await
}

/// Whether no provider gave an answer about an item.
fn is_unanswered(item: &Item) -> bool {
    matches!(item.found, Some(Found::Error | Found::CircuitOpen) | None)
}

/// Books that were looked up while a client waits, and the providers' state after that.
pub(crate) struct LookedUpNow {
    items: Vec<Item>,
    sessions: ProviderSessions,
}

/// The books to look up for these ISBNs.
fn by_isbns(isbns: &[Isbn]) -> Vec<Wanted> {
    let wanted = |isbn: &Isbn| Wanted {
        isbn: Some(*isbn),
        ..Wanted::default()
    };
    isbns.iter().map(wanted).collect()
}

/// Asks the providers for these books.
pub(crate) async fn look_up(
    exchange: &Exchange,
    wanted: Vec<Wanted>,
) -> Result<LookedUpNow, ApiError> {
    let enrichment = config::enrichment();
    let sessions = enrichment
        .sessions(&exchange.spin)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
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
    /// The outcome of the first book.
    pub(crate) fn found(&self) -> Option<&Found> {
        self.items.first()?.found.as_ref()
    }

    /// Whether any provider was asked.
    pub(crate) fn has_asked(&self) -> bool {
        self.sessions.requests().values().any(|count| *count > 0)
    }

    /// The error when there is no such book, the first that was asked for; `unknown` if nobody
    /// knows it.
    pub(crate) fn problem(&self, exchange: &Exchange, unknown: ApiError) -> ApiError {
        match self.found() {
            Some(Found::NotFound) => unknown,
            Some(Found::CircuitOpen) => match self.sessions.open(&exchange.spin) {
                Some((provider, left)) => ApiError::circuit_open(provider, left),
                None => ApiError::busy(Duration::from_secs(1)),
            },
            _ if self.sessions.timed_out() => ApiError::provider_timed_out(),
            _ => ApiError::provider_failed(),
        }
    }
}
