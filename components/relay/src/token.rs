//! A socket that is open keeps the token it was opened with alive.

use std::time::Duration;

use job::Settings;
use job::effects::{Clock, Store, StoreError};
use job::keys;
use job::look::look;
use job::secret::{Auth, current_auth};
use platform::Exchange;

use crate::session::{Followed, Session};

/// How much of a token's life is left when it is extended: a twenty-fourth, well after clients may
/// have refreshed it for themselves.
fn margin(settings: &Settings) -> Duration {
    settings.token_life / 24
}

/// How often it is to be looked whether a token runs out, so that it cannot in between.
pub(crate) fn look_interval(settings: &Settings) -> Duration {
    margin(settings) / 4
}

/// Gives tokens that are about to run out their whole life again. What fails is tried again with
/// the next look, long before the token has run out.
pub(crate) async fn extend(exchange: &Exchange, session: &Session) {
    for job in &session.jobs {
        if job.token.is_some() {
            let _ = extend_one(exchange, job).await;
        }
    }
}

async fn extend_one(exchange: &Exchange, job: &Followed) -> Result<(), StoreError> {
    let (spin, settings) = (&exchange.spin, &exchange.config.settings);
    let look = look(spin, settings, &job.id).await?;
    let Some(root) = look.root().filter(|root| !root.stage.is_terminal()) else {
        return Ok(());
    };
    let auth = current_auth(spin, root, settings).await?;
    let now = spin.now();
    let ends_soon = auth.expires <= now.plus(margin(settings));
    if ends_soon && matches!(job.admitted(exchange, root).await, Ok(true)) {
        let extended = Auth {
            expires: now.plus(settings.token_life),
            ..auth
        };
        let bytes = serde_json::to_vec(&extended).unwrap_or_default();
        spin.set(&keys::auth(&job.id), &bytes).await?;
    }
    Ok(())
}
