//! Retries of store operations, each with the bound that its caller needs.

use crate::effects::{Effects, StoreError};
use crate::settings::Settings;

/// Asks the store again for a little while when it fails: a run that does not begin costs its job a
/// lease's time.
pub(crate) async fn retry_briefly<E: Effects, T>(
    effects: &E,
    settings: &Settings,
    mut ask: impl AsyncFnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let until = effects.monotonic() + settings.write_delay * 2;
    loop {
        match ask().await {
            Err(_) if effects.monotonic() < until => effects.sleep(settings.retry).await,
            answer => return answer,
        }
    }
}

/// What a look sees that a write depends on. The write takes effect within [`Settings::write_delay`]
/// of the look only if the look itself took no more than half of it: a slower one is repeated.
///
/// # Errors
/// The store's; also when it stays slow.
pub(crate) async fn read_fresh<E: Effects, T>(
    effects: &E,
    settings: &Settings,
    mut look: impl AsyncFnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    for _ in 0..FRESH_READ_ATTEMPTS {
        let asked = effects.monotonic();
        let seen = look().await?;
        if effects.monotonic().saturating_sub(asked) <= settings.write_delay / 2 {
            return Ok(seen);
        }
    }
    Err(StoreError("the store is too slow".to_owned()))
}

/// How often a look is tried that has to be quick.
const FRESH_READ_ATTEMPTS: u32 = 3;
