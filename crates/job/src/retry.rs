//! Retries of store operations, each with the bound that its caller needs. The third of this kind
//! is [`Run::retry_while_leased`](crate::Run), whose bound is the run's lease.

use crate::effects::{Effects, StoreError};
use crate::engine::Engine;

/// Number of reads that [`Engine::read_fresh`] makes before it gives up.
const FRESH_READ_ATTEMPTS: u32 = 3;

impl<E: Effects> Engine<'_, E> {
    /// Repeats a store operation that fails, for up to two write delays: a run that does not begin
    /// because of a short failure costs its job the time of a lease.
    pub(crate) async fn retry_briefly<T>(
        &self,
        mut operation: impl AsyncFnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let until = self.effects.monotonic() + self.settings.write_delay * 2;
        loop {
            match operation().await {
                Err(_) if self.effects.monotonic() < until => {
                    self.effects.sleep(self.settings.retry).await;
                }
                result => return result,
            }
        }
    }

    /// Reads something that the next write depends on. The write takes effect within
    /// [`Settings::write_delay`](crate::Settings::write_delay) of the read only if the read itself
    /// took at most half of it: a slower one is repeated.
    ///
    /// # Errors
    /// When the store fails, or stays too slow.
    pub(crate) async fn read_fresh<T>(
        &self,
        mut read: impl AsyncFnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for _ in 0..FRESH_READ_ATTEMPTS {
            let asked = self.effects.monotonic();
            let value = read().await?;
            if self.effects.monotonic().saturating_sub(asked) <= self.settings.write_delay / 2 {
                return Ok(value);
            }
        }
        Err(StoreError("the store is too slow".to_owned()))
    }
}
