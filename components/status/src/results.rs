//! Results, written as they are read: ten thousand books are never in memory together.

use std::time::Duration;

use api::error::ApiError;
use api::results::{Page, Writer};
use futures::TryStreamExt;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use job::effects::Log;
use job::{Engine, Inspection, Report, Root};
use platform::{Access, Answer, Exchange, Spin};
use serde_json::json;

use crate::{inspect, query};

/// How soon a client that came too early should ask again.
const TOO_EARLY: Duration = Duration::from_secs(2);
/// What is gathered before it is written.
const BUFFER: usize = 64 << 10;

pub(crate) async fn serve(exchange: &mut Exchange, id: &str) -> Result<Option<Answer>, ApiError> {
    let id = api::request::job_id(id)?;
    let root = match inspect(exchange, &id).await? {
        Inspection::Missing => return Err(ApiError::no_such_job(&id)),
        Inspection::Running(root) | Inspection::Idle(root) => {
            exchange.authorize(&root, Access::Open, None).await?;
            return Err(ApiError::not_ready(&id, TOO_EARLY));
        }
        Inspection::Ended(root) => root,
    };
    exchange.authorize(&root, Access::Open, None).await?;
    let page = query(exchange).page()?;
    let report = exchange
        .engine()
        .report(&root)
        .await
        .map_err(|stop| exchange.internal(&stop.to_string()))?;
    let headers =
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let answered = exchange.answered();
    let Some(mut out) = exchange.stream(200, headers) else {
        return Ok(None);
    };
    let retention = exchange.config.settings.retention;
    match write(
        exchange.engine(),
        &mut out,
        &root,
        page,
        &report,
        retention,
        answered,
    )
    .await
    {
        Ok(()) => out.finish().await,
        Err(problem) => {
            // The status is sent already: a body cut short says that this is not all.
            out.cut().await;
            exchange.spin.log(
                "results-broke-off",
                json!({"level": "warn", "jobId": root.id, "message": problem}),
            );
        }
    }
    Ok(None)
}

async fn write(
    engine: Engine<'_, Spin>,
    out: &mut platform::Writer,
    root: &Root,
    page: Option<Page>,
    report: &Report,
    retention: Duration,
    answered: api::envelope::Answered,
) -> Result<(), String> {
    let mut writer = Writer::new(root, page);
    let mut buffer = writer.begin();
    for list in writer.lists() {
        buffer.extend_from_slice(writer.open(*list));
        let mut parts = engine.items(root, writer.range());
        while let Some(items) = parts.try_next().await.map_err(|stop| stop.to_string())? {
            for item in &items {
                buffer.extend(writer.item(item));
                if buffer.len() >= BUFFER {
                    out.write(&buffer)
                        .await
                        .map_err(|_| "the client left".to_owned())?;
                    buffer.clear();
                }
            }
        }
        buffer.extend_from_slice(writer.close());
    }
    buffer.extend(writer.end(report, retention, answered));
    out.write(&buffer)
        .await
        .map_err(|_| "the client left".to_owned())
}
