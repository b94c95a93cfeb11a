//! Results, written as they are read: ten thousand books are never in memory together.

use std::time::Duration;

use api::error::ApiError;
use api::export::{self, Export};
use api::legacy::{AroundBooks, BookList};
use api::results::{Form, Writer};
use api::v3::Kind;
use futures::TryStreamExt;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderValue};
use job::effects::Log;
use job::{Engine, Inspection, Report, Root, Stop};
use platform::{Access, Exchange, Response, Spin};
use serde_json::json;

use crate::inspect;

/// Pause after which a client that came too early should ask again.
const TOO_EARLY: Duration = Duration::from_secs(2);
/// The number of bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// Answers with a job's results; `kind`: it must be of this kind, and is spelled as V3.
pub(crate) async fn serve(
    exchange: &mut Exchange,
    id: &str,
    kind: Option<Kind>,
) -> Result<Option<Response>, ApiError> {
    let id = api::request::job_id(id)?;
    let inspection = inspect(exchange, &id).await?;
    let is_other = |root| kind.is_some_and(|kind| !kind.is_of(root));
    let root = match inspection {
        Inspection::Missing => return Err(ApiError::no_such_job(&id)),
        Inspection::Running(root) | Inspection::Idle(root) | Inspection::Ended(root)
            if is_other(&root) =>
        {
            return Err(ApiError::no_such_job(&id));
        }
        Inspection::Running(root) | Inspection::Idle(root) => {
            exchange.authorize(&root, Access::Open, None).await?;
            return Err(ApiError::not_ready(&id, TOO_EARLY));
        }
        Inspection::Ended(root) => root,
    };
    exchange.authorize(&root, Access::Open, None).await?;
    let chosen = exchange.engine().with_choices(&root).await;
    let root = chosen.map_err(|stop| unreadable(exchange, stop))?;
    let query = &exchange.request.query;
    if let Some((format, only)) = export::asked(query)? {
        return send_export(exchange, &root, format, only).await;
    }
    let page = query.page()?;
    let form = match (kind, query.get("format")) {
        (None, format) => Form::v2(format)?,
        (Some(_), format) => Form::v3(format)?,
    };
    let report = report(exchange, &root).await?;
    let headers =
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let answered = exchange.answered();
    let Some(mut out) = exchange.stream(200, headers) else {
        return Ok(None);
    };
    let retention = exchange.config.settings.retention;
    let writer = Writer::new(&root, &report, page).in_form(form);
    match write(exchange.engine(), &mut out, writer, retention, answered).await {
        Ok(()) => out.finish().await,
        Err(problem) => {
            out.abort().await;
            broke_off(exchange, &root, &problem);
        }
    }
    Ok(None)
}

/// The error when what goes before the books cannot be read.
fn unreadable(exchange: &Exchange, stop: Stop) -> ApiError {
    match stop {
        Stop::Store(error) => exchange.store_failed(&error),
        stop => exchange.internal(&stop.to_string()),
    }
}

/// What the first stage of a job has reported.
pub(crate) async fn report(exchange: &Exchange, root: &Root) -> Result<Report, ApiError> {
    let report = exchange.engine().report(root).await;
    report.map_err(|stop| unreadable(exchange, stop))
}

/// Answers with a status document of the first apps that has the books of the job in it.
pub(crate) async fn send_status(
    exchange: &mut Exchange,
    root: &Root,
    document: AroundBooks,
    mut headers: HeaderMap,
) -> Result<Option<Response>, ApiError> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let Some(mut out) = exchange.stream(200, headers) else {
        return Ok(None);
    };
    match write_status(exchange.engine(), &mut out, root, document).await {
        Ok(()) => out.finish().await,
        Err(problem) => {
            out.abort().await;
            broke_off(exchange, root, &problem);
        }
    }
    Ok(None)
}

async fn write_status(
    engine: Engine<'_, Spin>,
    out: &mut platform::Writer,
    root: &Root,
    document: AroundBooks,
) -> Result<(), String> {
    let (mut buffer, mut list) = (document.before, BookList::default());
    let mut parts = engine.items(root, 0..root.results());
    while let Some(items) = parts.try_next().await.map_err(|stop| stop.to_string())? {
        for item in &items {
            buffer.extend(list.next(root, item));
            if buffer.len() >= BUFFER {
                flush(out, &mut buffer).await?;
            }
        }
    }
    buffer.extend(document.after);
    flush(out, &mut buffer).await
}

/// Answers with rows of the job.
async fn send_export(
    exchange: &mut Exchange,
    root: &Root,
    format: export::Format,
    only: export::RowFilter,
) -> Result<Option<Response>, ApiError> {
    let report = report(exchange, root).await?;
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(match format {
            export::Format::Csv => "text/csv; charset=utf-8",
            export::Format::Json => export::ROWS_TYPE,
        }),
    );
    if format == export::Format::Csv {
        let attachment = "attachment; filename=\"bookstrack.csv\"";
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(attachment));
    }
    let answered = exchange.answered();
    let Some(mut out) = exchange.stream(200, headers) else {
        return Ok(None);
    };
    let export = Export::new(root, &report, format, only);
    match write_export(exchange.engine(), &mut out, root, export, answered).await {
        Ok(()) => out.finish().await,
        Err(problem) => {
            out.abort().await;
            broke_off(exchange, root, &problem);
        }
    }
    Ok(None)
}

async fn write_export(
    engine: Engine<'_, Spin>,
    out: &mut platform::Writer,
    root: &Root,
    mut export: Export<'_>,
    answered: api::envelope::Answered,
) -> Result<(), String> {
    let everything = || engine.items(root, 0..root.results());
    if export.needs_notes() {
        let mut parts = everything();
        while let Some(items) = parts.try_next().await.map_err(|stop| stop.to_string())? {
            items.iter().for_each(|item| export.note(item));
        }
    }
    let mut buffer = export.begin();
    let (mut index, mut parts) = (0, everything());
    while let Some(items) = parts.try_next().await.map_err(|stop| stop.to_string())? {
        for item in &items {
            buffer.extend(export.item(index, item));
            index += 1;
            if buffer.len() >= BUFFER {
                flush(out, &mut buffer).await?;
            }
        }
    }
    buffer.extend(export.end(answered));
    flush(out, &mut buffer).await
}

async fn flush(out: &mut platform::Writer, buffer: &mut Vec<u8>) -> Result<(), String> {
    let written = out.write(buffer).await;
    buffer.clear();
    written.map_err(|_| "the client left".to_owned())
}

/// Logs that the results broke off. The status is sent already: a body cut short says that this is
/// not all.
fn broke_off(exchange: &Exchange, root: &Root, problem: &str) {
    exchange.spin.log(
        "results-broke-off",
        json!({"level": "warn", "jobId": root.id, "message": problem}),
    );
}

async fn write(
    engine: Engine<'_, Spin>,
    out: &mut platform::Writer,
    mut writer: Writer<'_>,
    retention: Duration,
    answered: api::envelope::Answered,
) -> Result<(), String> {
    let mut buffer = writer.begin();
    for list in writer.lists() {
        buffer.extend_from_slice(writer.open(*list));
        let mut parts = engine.items(writer.root(), writer.range());
        while let Some(items) = parts.try_next().await.map_err(|stop| stop.to_string())? {
            for item in &items {
                buffer.extend(writer.item(item));
                if buffer.len() >= BUFFER {
                    flush(out, &mut buffer).await?;
                }
            }
        }
        buffer.extend_from_slice(writer.close());
    }
    buffer.extend(writer.end(retention, answered));
    flush(out, &mut buffer).await
}
