//! Everything that only looks at jobs: status, progress stream, results, cancel; health, and the
//! web page.

mod legacy;
mod page;
mod results;
mod stream;

use api::capabilities::Health;
use api::error::ApiError;
use api::query::Query;
use api::request;
use api::status::{Canceled, Document};
use http::header::{CACHE_CONTROL, ETAG, RETRY_AFTER};
use job::cancel::{Cancellation, cancel};
use job::look::{Look, look, tend};
use job::{JobId, Root};
use platform::{Answer, Exchange};

platform::component!("status", handle);

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How soon a polling client should ask again, in seconds.
const POLL_AFTER: &str = "2";

/// What a path of this component means.
enum Route<'a> {
    Status(&'a str),
    Stream(Vec<JobId>),
    Results(&'a str),
    Cancel(&'a str),
    Legacy(legacy::Route<'a>),
    Health,
    Asset(&'static page::Asset),
}

/// The methods of a path, and what it means under each. A job may be named `stream`: only with
/// `jobIds` its path is that of the stream of several.
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

async fn handle(x: &mut Exchange) {
    let (method, path) = (x.request.method.clone(), x.request.path.clone());
    let query = query(x);
    let result = match route(&method, &path, query.get("jobIds")) {
        Ok(Route::Status(id)) => status(x, id).await,
        Ok(Route::Stream(ids)) => stream::serve(x, &ids).await,
        Ok(Route::Results(id)) => results::serve(x, id).await,
        Ok(Route::Cancel(id)) => cancel_job(x, id).await,
        Ok(Route::Legacy(route)) => legacy::serve(x, route).await.map(Some),
        Ok(Route::Health) => Ok(Some(x.success(200, &Health::of(VERSION)))),
        Ok(Route::Asset(asset)) => Ok(Some(page::answer(x, asset))),
        Err(error) => Err(error),
    };
    let answer = match result {
        Ok(Some(answer)) => answer,
        Ok(None) => return,
        Err(error) => x.failure(&error),
    };
    x.send(answer).await;
}

/// Looks at a job and tends to it.
async fn see(x: &Exchange, id: &JobId) -> Result<Look, ApiError> {
    let (spin, config) = (&x.spin, &x.config);
    let look = look(spin, &config.settings, id)
        .await
        .map_err(|error| x.store_failed(&error))?;
    tend(spin, &config.settings, &config.keyring, &look).await;
    Ok(look)
}

async fn status(x: &mut Exchange, id: &str) -> Result<Option<Answer>, ApiError> {
    let id = request::job_id(id)?;
    let look = see(x, &id).await?;
    let Some(root) = look.root() else {
        return Err(ApiError::no_such_job(&id));
    };
    x.authorize(root, false, None).await?;
    let document = Document::of(root);
    Ok(Some(conditional(x, &document, || {
        x.success(200, &document)
    })))
}

/// The full answer, or that the client's copy is still good; and when to ask again.
fn conditional(x: &Exchange, document: &Document, full: impl FnOnce() -> Answer) -> Answer {
    let etag = document.etag();
    let known = x
        .request
        .header("if-none-match")
        .is_some_and(|header| api::status::none_match(header, &etag));
    let answer = if known {
        Answer {
            status: 304,
            headers: http::HeaderMap::new(),
            body: Vec::new(),
        }
    } else {
        full()
    };
    let answer = answer.header(ETAG, &etag).header(CACHE_CONTROL, "no-cache");
    if document.is_over() {
        answer
    } else {
        answer.header(RETRY_AFTER, POLL_AFTER)
    }
}

async fn cancel_job(x: &mut Exchange, id: &str) -> Result<Option<Answer>, ApiError> {
    let id = request::job_id(id)?;
    let (status, root) = canceled(x, &id, None).await?;
    Ok(Some(x.success(status, &Canceled::of(&root))))
}

/// Cancels a job for a client that may; `token` is one that its body names. Answers the job as it
/// then is, and the status that goes with it.
async fn canceled(x: &Exchange, id: &JobId, token: Option<&str>) -> Result<(u16, Root), ApiError> {
    let look = look(&x.spin, &x.config.settings, id)
        .await
        .map_err(|error| x.store_failed(&error))?;
    let root = look.root().ok_or_else(|| ApiError::no_such_job(id))?;
    x.authorize(root, root.token, token).await?;
    let cancellation = cancel(&x.spin, &x.config.settings, id)
        .await
        .map_err(|error| x.store_failed(&error))?;
    match cancellation {
        Cancellation::Missing => Err(ApiError::no_such_job(id)),
        Cancellation::Ended(root) => Ok((200, root)),
        Cancellation::Canceling(root) => Ok((202, root)),
    }
}

/// The parameters of the request.
fn query(x: &Exchange) -> Query {
    Query::parse(&x.request.query)
}
