//! The component `status`: routes about existing jobs: status, progress stream, results, cancel;
//! also health, the operator's view, and the web page.
//!
//! Start at `route`, which knows every path of all generations, and `handle` below it. Each
//! generation's spelling is in the crate `api`; `legacy` and `v3` say which of it belongs to which
//! path. A look at a job that nobody works on starts its next run, so clients that ask keep jobs
//! alive.

mod legacy;
mod operator;
mod page;
mod results;
mod stream;
mod v3;

use api::capabilities::Health;
use api::error::ApiError;
use api::request;
use api::status::{Canceled, Document};
use http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, RETRY_AFTER};
use job::{Cancellation, Inspection, JobId, Root};
use platform::{Access, Exchange, Response};

platform::component!("status", handle);

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Pause, in seconds, after which a polling client should ask again.
const POLL_AFTER: &str = "2";

/// The operation that a request to this component asks for.
enum Route<'a> {
    Status(&'a str),
    Stream(Vec<JobId>),
    Results(&'a str),
    Cancel(&'a str),
    V3(v3::Route<'a>),
    Operator(operator::Route<'a>),
    Legacy(legacy::Route<'a>),
    Health,
    Asset(&'static page::Asset),
}

/// The route of a path under a method. A job may be named `stream`: only with `jobIds` its path is
/// that of the stream of several.
fn route<'a>(method: &str, path: &'a str, job_ids: Option<&str>) -> Result<Route<'a>, ApiError> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (get, post, delete) = match parts.as_slice() {
        ["health"] => (Some(Route::Health), None, None),
        ["api", "v2", "imports", "stream"] if job_ids.is_some() => {
            let ids = request::job_ids("jobIds", job_ids)?;
            (Some(Route::Stream(ids)), None, None)
        }
        ["api", "v2", "imports", id] => (Some(Route::Status(id)), None, Some(Route::Cancel(id))),
        ["api", "v2", "imports", id, "stream"] => {
            (Some(Route::Stream(vec![request::job_id(id)?])), None, None)
        }
        ["v1", "jobs", id, "status"] => (Some(Route::Status(id)), None, None),
        ["api", "v2", "jobs", id, "cancel"] => (None, None, Some(Route::Cancel(id))),
        ["api", "v2", "operator"] => (Some(Route::Operator(operator::Route::Overview)), None, None),
        ["api", "v2", "operator", "jobs", id] => (
            Some(Route::Operator(operator::Route::Job(id))),
            None,
            Some(Route::Operator(operator::Route::End(id))),
        ),
        ["v3", rest @ ..] => {
            let (get, delete) = v3::route(rest)?;
            (get.map(Route::V3), None, delete.map(Route::V3))
        }
        ["api", "v2", "imports", id, "results"]
        | ["v1", "jobs", id, "results"]
        | ["v1", "csv" | "scan", "results", id] => (Some(Route::Results(id)), None, None),
        ["v1", "jobs", id] => (None, None, Some(Route::Cancel(id))),
        parts => match (page::asset(path), legacy::route(parts)) {
            (Some(asset), _) => (Some(Route::Asset(asset)), None, None),
            (None, Some((route, legacy::Method::Get))) => (Some(Route::Legacy(route)), None, None),
            (None, Some((route, legacy::Method::Post))) => (None, Some(Route::Legacy(route)), None),
            (None, None) => return Err(ApiError::no_such_route()),
        },
    };
    let allow = match (&get, &post, &delete) {
        (Some(_), _, Some(_)) => "GET, DELETE, OPTIONS",
        (Some(_), ..) => "GET, OPTIONS",
        (_, Some(_), _) => "POST, OPTIONS",
        _ => "DELETE, OPTIONS",
    };
    let route = match method {
        "GET" | "HEAD" => get,
        "POST" => post,
        "DELETE" => delete,
        _ => None,
    };
    route.ok_or_else(|| ApiError::method_not_allowed(allow))
}

async fn handle(exchange: &mut Exchange) {
    let (method, path) = (
        exchange.request.method.clone(),
        exchange.request.path.clone(),
    );
    let job_ids = exchange.request.query.get("jobIds");
    let result = match route(&method, &path, job_ids) {
        Ok(Route::Status(id)) => status(exchange, id).await,
        Ok(Route::Stream(ids)) => stream::serve(exchange, &ids, None).await,
        Ok(Route::Results(id)) => results::serve(exchange, id, None).await,
        Ok(Route::Cancel(id)) => cancel_job(exchange, id).await,
        Ok(Route::V3(route)) => v3::serve(exchange, route).await,
        Ok(Route::Operator(route)) => operator::serve(exchange, route).await.map(Some),
        Ok(Route::Legacy(route)) => legacy::serve(exchange, route).await,
        Ok(Route::Health) => Ok(Some(exchange.success(200, &Health::of(VERSION)))),
        Ok(Route::Asset(asset)) => Ok(Some(page::answer(exchange, asset))),
        Err(error) => Err(error),
    };
    match result {
        Ok(Some(answer)) => exchange.send(answer).await,
        Ok(None) => {}
        Err(error) => exchange.refuse(&error).await,
    }
}

/// Inspects a job, which revives it if no run works on it.
async fn inspect(exchange: &Exchange, id: &JobId) -> Result<Inspection, ApiError> {
    exchange
        .engine()
        .inspect(id)
        .await
        .map_err(|error| exchange.store_failed(&error))
}

async fn status(exchange: &mut Exchange, id: &str) -> Result<Option<Response>, ApiError> {
    let id = request::job_id(id)?;
    let inspection = inspect(exchange, &id).await?;
    let Some(root) = inspection.root() else {
        return Err(ApiError::no_such_job(&id));
    };
    exchange.authorize(root, Access::Open, None).await?;
    let document = Document::of(root).spelled();
    let etag = api::status::etag_of(&document);
    Ok(Some(conditional(exchange, &etag, root, || {
        let body = api::envelope::success_of(&document, exchange.answered());
        Response::json(200, body)
    })))
}

/// The full response, or `304` when the client's copy is still good; with the pause before the next
/// poll.
fn conditional(
    exchange: &Exchange,
    etag: &str,
    root: &Root,
    full: impl FnOnce() -> Response,
) -> Response {
    let mut answer = match is_known(exchange, etag) {
        true => Response {
            status: 304,
            headers: HeaderMap::new(),
            body: Vec::new(),
        },
        false => full(),
    };
    answer.headers.extend(validators(etag));
    if root.stage.is_terminal() {
        answer
    } else {
        answer.header(RETRY_AFTER, POLL_AFTER)
    }
}

/// Whether the client has a copy with this entity tag.
fn is_known(exchange: &Exchange, etag: &str) -> bool {
    let header = exchange.request.header("if-none-match");
    header.is_some_and(|header| api::status::none_match(header, etag))
}

/// The headers by which a client keeps a copy, and asks whether it is still good.
fn validators(etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::from_str(etag).map(|etag| (ETAG, etag)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers
}

async fn cancel_job(exchange: &mut Exchange, id: &str) -> Result<Option<Response>, ApiError> {
    let id = request::job_id(id)?;
    let (status, root) = canceled(exchange, &id, None, false).await?;
    Ok(Some(exchange.success(status, &Canceled::of(&root))))
}

/// Cancels a job for a client that may; `token` is one that its body names, `by_name` says that the
/// route is one of apps that never send one. Returns the job as it then is, and the HTTP status.
async fn canceled(
    exchange: &Exchange,
    id: &JobId,
    token: Option<&str>,
    by_name: bool,
) -> Result<(u16, Root), ApiError> {
    let inspection = exchange
        .engine()
        .look(id)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
    let root = inspection.root().ok_or_else(|| ApiError::no_such_job(id))?;
    exchange
        .authorize(root, exchange.access_to_cancel(root, by_name), token)
        .await?;
    stop(exchange, id).await
}

/// Cancels a job, and waits a while for its run to stop: `202` when it has not.
async fn stop(exchange: &Exchange, id: &JobId) -> Result<(u16, Root), ApiError> {
    let cancellation = exchange
        .engine()
        .cancel(id)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
    match cancellation {
        Cancellation::Missing => Err(ApiError::no_such_job(id)),
        Cancellation::Ended(root) => Ok((200, root)),
        Cancellation::Canceling(root) => Ok((202, root)),
    }
}
