//! The answer to a request for a job that is the job's stream: who asks for it hears of each commit
//! from the run that makes it, with no look at the store in between.

use std::time::Duration;

use api::accepted::Accepted;
use api::error::ApiError;
use api::request::accepts_event_stream;
use api::sse;
use futures::future::join;
use job::effects::Clock;
use job::look::Inspection;
use job::observer::Observer;
use job::watch::Watcher;
use job::work::{self, Worker};
use job::{Feed, RunMode, Settings};

use crate::exchange::Exchange;
use crate::runs::{Made, start_elsewhere};
use crate::spin::Spin;
use crate::stream::{self, Telling};

/// Whether the client asks for the stream.
#[must_use]
pub fn is_asked(exchange: &Exchange) -> bool {
    exchange
        .request
        .header("accept")
        .is_some_and(accepts_event_stream)
}

/// Answers with the job's stream, and works on the job beside it if it is new. The job goes on when
/// the client leaves; the stream goes on, by looking at the store, when another run takes over.
///
/// # Errors
/// The store's: nothing is answered then.
pub async fn begin(
    exchange: &mut Exchange,
    made: Made,
    worker: &impl Worker<Spin>,
) -> Result<(), ApiError> {
    let root = made.root().clone();
    let token = exchange.token(&root).await?;
    let (budget, come_back) = stream::budget(exchange);
    let telling = Telling {
        spelling: stream::spelling(exchange),
        opening: sse::accepted(&Accepted::of(&root, &token)),
        budget,
        come_back,
        transport: "attached",
    };
    let Some(writer) = exchange.stream(200, stream::headers()) else {
        return Ok(());
    };
    let exchange = &*exchange;
    let (spin, config) = (&exchange.spin, &exchange.config);
    let observer = Observer::new(None, telling.spelling.books, spin.now(), &config.settings);
    let watcher = Watcher::new(
        spin,
        &config.settings,
        &config.keyring,
        root.id.clone(),
        observer,
        Inspection::from_root(root),
    );
    match (made, time_to_work(&config.settings, exchange.took())) {
        (Made::New(created), Some(settings)) => {
            let feed = Feed::default();
            let watcher = watcher.beside(&feed);
            join(
                stream::follow(exchange, vec![watcher], writer, telling),
                work::run_created(
                    spin,
                    &settings,
                    &config.keyring,
                    *created,
                    Some(&feed),
                    worker,
                ),
            )
            .await;
        }
        (Made::New(created), None) => {
            join(
                stream::follow(exchange, vec![watcher], writer, telling),
                start_elsewhere(exchange, &created),
            )
            .await;
        }
        (Made::Known(_), _) => stream::follow(exchange, vec![watcher], writer, telling).await,
    }
    Ok(())
}

/// The settings of a run in this very invocation, which began so long ago; `None` where another had
/// better do it: the client may leave, and the handler with it, or the upload took too much of the
/// time that there is.
fn time_to_work(settings: &Settings, took: Duration) -> Option<Settings> {
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
