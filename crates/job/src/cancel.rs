//! Canceling a job for a client.

use crate::document::{Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::look::Inspection;
use crate::storage::Stop;
use crate::work::canceled;

/// The state a job is in after a client asked to cancel it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancellation {
    /// No job has this name.
    Missing,
    /// The job has ended, canceled or with the outcome it had reached before.
    Ended(Root),
    /// The run that works on the job has not stopped yet; it will.
    Canceling(Root),
}

impl<E: Effects> Engine<'_, E> {
    /// Marks a job as canceled and waits for it to end, up to
    /// [`Settings::cancel_wait`](crate::Settings::cancel_wait). A job that no run works on is
    /// ended here.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cancel(&self, id: &JobId) -> Result<Cancellation, StoreError> {
        let effects = self.effects;
        let until = effects.monotonic() + self.settings.cancel_wait;
        match self.look(id).await? {
            Inspection::Missing => return Ok(Cancellation::Missing),
            Inspection::Ended(root) => return Ok(Cancellation::Ended(root)),
            Inspection::Running(_) | Inspection::Idle(_) => {
                effects.set(&keys::cancel(id), b"{}").await?;
            }
        }
        loop {
            let root = match self.look(id).await? {
                Inspection::Missing => return Ok(Cancellation::Missing),
                Inspection::Ended(root) => {
                    // The end may have come before the mark.
                    let _ = effects.delete(&keys::cancel(id)).await;
                    return Ok(Cancellation::Ended(root));
                }
                Inspection::Idle(root) => {
                    match self
                        .end_without_worker(root.clone(), Stage::Canceled, canceled())
                        .await
                    {
                        Ok(Some(root)) => return Ok(Cancellation::Ended(root)),
                        Ok(None) | Err(Stop::Lost | Stop::Ended) => root,
                        Err(Stop::Store(error)) => return Err(error),
                        Err(_) => root,
                    }
                }
                Inspection::Running(root) => root,
            };
            if effects.monotonic() >= until {
                return Ok(Cancellation::Canceling(root));
            }
            effects.sleep(self.settings.retry / 4).await;
        }
    }
}
