//! The progress stream, of one job or of several: the events are those of each job's own stream, an
//! id holds where the reader is in each.

use api::error::ApiError;
use api::sse;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use job::{Inspection, JobId, StoreLag};
use platform::stream::{self, RETRY_POLLING, Telling, follow, headers, spelling};
use platform::{Access, Answer, Exchange};

use crate::{inspect, query};

/// Tells an edge which events end a stream: a runtime that fails may end the body as if all were well.
const EDGE_TERMINAL: HeaderName = HeaderName::from_static("x-edge-terminal");

pub(crate) async fn serve(
    exchange: &mut Exchange,
    ids: &[JobId],
) -> Result<Option<Answer>, ApiError> {
    let (query, spelling) = (query(exchange), spelling(exchange));
    let last = exchange
        .request
        .header("last-event-id")
        .or_else(|| query.get("lastEventId"))
        .and_then(|id| sse::positions(id, ids.len()))
        .unwrap_or_default();
    let mut jobs = Vec::with_capacity(ids.len());
    let mut has_everything = true;
    for (n, id) in ids.iter().enumerate() {
        let inspection = match inspect(exchange, id).await {
            // An EventSource takes any error for final: this one is not.
            Err(error) if error.code == api::Code::ServiceBusy => return come_back(exchange).await,
            inspection => inspection?,
        };
        let Some(root) = inspection.root() else {
            return Err(ApiError::no_such_job(id));
        };
        exchange.authorize(root, Access::Open, None).await?;
        let last = last.get(n).copied();
        let mut observer = exchange.engine().observer(last, spelling.books);
        if let Inspection::Ended(end) = &inspection {
            observer.verify(end, StoreLag::Over);
        }
        has_everything &=
            matches!(&inspection, Inspection::Ended(end) if observer.has_everything(end));
        jobs.push((observer, inspection));
    }
    if has_everything {
        return Ok(Some(Answer {
            status: 204,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }));
    }
    let (budget, come_back) = stream::budget(exchange);
    let mut headers = headers();
    headers.insert(EDGE_TERMINAL, HeaderValue::from_static(sse::ENDS));
    let Some(writer) = exchange.stream(200, headers) else {
        return Ok(None);
    };
    let engine = exchange.engine();
    let watchers = (ids.iter().zip(jobs))
        .map(|(id, (observer, inspection))| engine.watch(id.clone(), observer, inspection));
    let telling = Telling {
        spelling,
        opening: Vec::new(),
        budget,
        come_back,
        transport: "sse",
    };
    follow(exchange, watchers.collect(), writer, telling).await;
    Ok(None)
}

/// Begins a stream only to say that the client should try again.
async fn come_back(exchange: &mut Exchange) -> Result<Option<Answer>, ApiError> {
    if let Some(mut writer) = exchange.stream(200, headers()) {
        // A client that has left needs to know nothing.
        let _ = writer.write(&sse::retry(RETRY_POLLING)).await;
        writer.cut().await;
    }
    Ok(None)
}
