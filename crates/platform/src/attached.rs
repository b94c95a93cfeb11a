//! A job's stream as the answer to the request that creates the job: the client gets each commit
//! from the run itself, without a look at the store in between.

use std::time::Duration;

use api::accepted::Accepted;
use api::error::ApiError;
use api::sse;
use api::v3;
use futures::future::join;
use job::{Engine, Feed, Inspection, RunMode, Settings, Worker};

use crate::exchange::Exchange;
use crate::runs::{Creation, start_elsewhere};
use crate::spin::Spin;
use crate::stream::{self, StreamOptions};

/// Whether the client asks for a stream as the response.
#[must_use]
pub fn is_asked(exchange: &Exchange) -> bool {
    exchange.accepts_event_stream()
}

/// Responds with the job's stream, and works on the job beside it if it is new. The job goes on
/// when the client leaves; the stream goes on from the store when another run takes over.
///
/// # Errors
/// When the store fails: nothing is answered then.
pub async fn stream_and_run(
    exchange: &mut Exchange,
    creation: Creation,
    worker: &impl Worker<Spin>,
) -> Result<(), ApiError> {
    let root = creation.root().clone();
    let token = exchange.token(&root).await?;
    let (budget, reconnect_after) = stream::budget(exchange);
    let options = StreamOptions {
        spelling: stream::spelling(exchange),
        opening: match exchange.is_v3() {
            true => sse::accepted(&v3::Accepted::of(&root, &token, &exchange.origin())),
            false => sse::accepted(&Accepted::of(&root, &token)),
        },
        budget,
        reconnect_after,
        transport: "attached",
        park: None,
    };
    let Some(writer) = exchange.stream(200, stream::headers()) else {
        return Ok(());
    };
    let exchange = &*exchange;
    let engine = exchange.engine();
    let observer = engine.observer(None, options.spelling.books);
    let watcher = engine.watch(root.id.clone(), observer, Inspection::from_root(root));
    match (
        creation,
        settings_for_run(&exchange.config.settings, exchange.took()),
    ) {
        (Creation::New(created), Some(settings)) => {
            let feed = Feed::default();
            let watcher = watcher.with_feed(&feed);
            let engine = Engine::new(&exchange.spin, &settings, &exchange.config.keyring);
            join(
                stream::follow(exchange, vec![watcher], writer, options),
                engine.run_created(*created, Some(&feed), worker),
            )
            .await;
        }
        (Creation::New(created), None) => {
            join(
                stream::follow(exchange, vec![watcher], writer, options),
                start_elsewhere(exchange, &created),
            )
            .await;
        }
        (Creation::Existing(_), _) => {
            stream::follow(exchange, vec![watcher], writer, options).await;
        }
    }
    Ok(())
}

/// The settings of a run in this invocation, with the budget that is left of it; `None` if the job
/// must be handed to another invocation: the client may leave, and the handler with it, or the
/// upload took too much of the time there is.
fn settings_for_run(settings: &Settings, took: Duration) -> Option<Settings> {
    if settings.run_mode == RunMode::Inline {
        return None;
    }
    let mut settings = settings.clone();
    if let Some(budget) = &mut settings.run_budget {
        if took > *budget / 10 {
            return None;
        }
        *budget -= took;
    }
    Some(settings)
}
