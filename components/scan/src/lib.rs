//! The component `scan`: uploads, the first stage of the jobs that they begin, previews of files,
//! and the server's capabilities.
//!
//! Start at `handle`. An upload is read as a stream into chunks of the store (`upload`), photos
//! are looked at as they come (`photo`); the job that it makes is then run by the engine's first
//! stage, in the same request or in one that the application sends to itself.

mod batch;
mod photo;
mod preview;
mod upload;

use api::capabilities::Capabilities;
use api::envelope;
use api::error::ApiError;
use api::v3;
use batch::receive_batch;
use job::FirstStage;
use platform::exchange::{Exchange, Response};
use platform::{attached, config, runs};
use preview::preview;
use upload::{Route, receive_upload};

platform::component!("scan", handle);

fn worker() -> FirstStage {
    FirstStage {
        scan: config::scan(),
    }
}

/// Answers with the configured features and every limit: here, because this component has the
/// providers' configuration, and its keys are nobody else's.
fn capabilities(exchange: &Exchange) -> Response {
    let features = config::features(exchange.config.sandbox);
    let capabilities = Capabilities::of(
        env!("CARGO_PKG_VERSION"),
        features,
        &exchange.config.settings,
        config::scan().confidence_threshold,
    );
    let v3 = v3::Capabilities::of(&capabilities, config::searches_a_minute());
    let body = match exchange.is_v3() {
        true => envelope::bare(&v3),
        false => envelope::success_beside(&capabilities, &v3, exchange.answered()),
    };
    Response::json(200, body)
}

async fn handle(exchange: &mut Exchange) {
    if let Some(id) = runs::job_of(&exchange.request.path, "scan") {
        return runs::serve(exchange, &id, &worker()).await;
    }
    let path = exchange.request.path.as_str();
    if matches!(path, "/api/v2/capabilities" | "/v3/capabilities") {
        let answer = match exchange.request.method.as_str() {
            "GET" | "HEAD" => capabilities(exchange),
            _ => exchange.failure(&ApiError::method_not_allowed("GET, OPTIONS")),
        };
        return exchange.send(answer).await;
    }
    if exchange.request.path == "/api/v2/imports/preview" {
        let result = match exchange.request.method.as_str() {
            "POST" => preview(exchange).await,
            _ => Err(ApiError::method_not_allowed("POST, OPTIONS")),
        };
        return match result {
            Ok(answer) => exchange.send(answer).await,
            Err(error) => exchange.refuse(&error).await,
        };
    }
    let Some(route) = Route::of(&exchange.request.path, &exchange.request.query) else {
        return exchange.refuse(&ApiError::no_such_route()).await;
    };
    let result = match (exchange.request.method.as_str(), route) {
        ("POST", Route::BookshelfBatch) => receive_batch(exchange, route).await,
        ("POST", _) => receive_upload(exchange, route).await,
        _ => Err(ApiError::method_not_allowed("POST, OPTIONS")),
    };
    let answered = match result {
        Ok(creation) if route.may_stream() && attached::is_asked(exchange) => {
            attached::stream_and_run(exchange, creation, &worker()).await
        }
        Ok(creation) => match route.answer(exchange, creation.root()).await {
            Ok(answer) => {
                runs::answer_and_run(exchange, creation, answer, &worker()).await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    if let Err(error) = answered {
        exchange.refuse(&error).await;
    }
}
