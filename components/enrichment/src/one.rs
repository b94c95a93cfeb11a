//! One book, synchronously.

use std::time::Duration;

use api::book::LookedUp;
use api::envelope;
use api::error::ApiError;
use api::request;
use books::{Found, Wanted};
use job::Item;
use platform::config;
use platform::exchange::{Answer, Exchange};

/// Looks the book up while the client waits.
pub(crate) async fn serve(exchange: &mut Exchange) -> Result<Answer, ApiError> {
    let isbn = request::barcode(
        &exchange.json_body().await?,
        &exchange.config.settings.limits,
    )?;
    let enrichment = config::enrichment();
    let sessions = enrichment
        .sessions(&exchange.spin)
        .await
        .map_err(|error| exchange.store_failed(&error))?;
    let wanted = Wanted {
        isbn: Some(isbn),
        ..Wanted::default()
    };
    let found = enrichment
        .look_up(&exchange.spin, &sessions, vec![wanted.clone()], None)
        .await
        .pop();
    sessions.save(&exchange.spin).await;
    let mut item = Item::wanted(wanted);
    item.found = found;
    if let Some(book) = LookedUp::of(&item) {
        return Ok(Answer::json(
            200,
            envelope::success_twice(&book, exchange.answered()),
        ));
    }
    Err(match item.found {
        Some(Found::NotFound) => ApiError::no_such_book(isbn),
        Some(Found::CircuitOpen) => match sessions.open(&exchange.spin) {
            Some((provider, left)) => ApiError::circuit_open(provider, left),
            None => ApiError::busy(Duration::from_secs(1)),
        },
        _ if sessions.timed_out() => ApiError::provider_timed_out(),
        _ => ApiError::provider_failed(),
    })
}
