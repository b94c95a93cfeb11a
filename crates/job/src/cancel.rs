//! Stopping a job at a client's wish.
use crate::document::{Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::keys;
use crate::look::{Inspection, look};
use crate::settings::Settings;
use crate::storage::Stop;
use crate::work::{canceled, end_without_worker};

/// What became of the wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancellation {
    /// There is no such job.
    Missing,
    /// The job has this outcome, which need not be that it was canceled.
    Ended(Root),
    /// The worker has not stopped yet; it will.
    Canceling(Root),
}

/// Marks a job as unwanted and waits, up to [`Settings::cancel_wait`], for what becomes true. A job
/// on which nobody works is ended here.
///
/// # Errors
/// The store's.
pub async fn cancel<E: Effects>(
    effects: &E,
    settings: &Settings,
    id: &crate::JobId,
) -> Result<Cancellation, StoreError> {
    let until = effects.monotonic() + settings.cancel_wait;
    match look(effects, settings, id).await? {
        Inspection::Missing => return Ok(Cancellation::Missing),
        Inspection::Ended(root) => return Ok(Cancellation::Ended(root)),
        Inspection::Running(_) | Inspection::Idle(_) => {
            effects.set(&keys::cancel(id), b"{}").await?
        }
    }
    loop {
        let root = match look(effects, settings, id).await? {
            Inspection::Missing => return Ok(Cancellation::Missing),
            Inspection::Ended(root) => {
                // The end may have come before the mark.
                let _ = effects.delete(&keys::cancel(id)).await;
                return Ok(Cancellation::Ended(root));
            }
            Inspection::Idle(root) => {
                match end_without_worker(
                    effects,
                    settings,
                    root.clone(),
                    Stage::Canceled,
                    canceled(),
                )
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
        effects.sleep(settings.retry / 4).await;
    }
}
