//! Extension of tokens: an open socket keeps the token it was opened with alive.

use std::time::Duration;

use api::ws::{Handshake, SocketJob};
use job::Settings;
use job::effects::StoreError;
use platform::Exchange;

/// Rest of a token's life at which it is extended: a twenty-fourth, well after clients may have
/// refreshed it for themselves.
fn margin(settings: &Settings) -> Duration {
    settings.token_life / 24
}

/// Interval at which to look whether a token runs out, so that it cannot in between.
pub(crate) fn look_interval(settings: &Settings) -> Duration {
    margin(settings) / 4
}

/// Extends the tokens that are about to run out to their whole life. A failure is tried again with
/// the next look, long before the token has run out.
pub(crate) async fn extend(exchange: &Exchange, session: &Handshake) {
    for job in &session.jobs {
        if job.token.is_some() {
            let _ = extend_one(exchange, job).await;
        }
    }
}

async fn extend_one(exchange: &Exchange, job: &SocketJob) -> Result<(), StoreError> {
    let engine = exchange.engine();
    let inspection = engine.look(&job.id).await?;
    let root = inspection.root().filter(|root| !root.stage.is_terminal());
    match root.zip(job.token.as_deref()) {
        Some((root, token)) => {
            let margin = margin(&exchange.config.settings);
            engine.extend_token(root, token, margin).await
        }
        None => Ok(()),
    }
}
