//! Stopping a job at a client's wish.
use crate::document::{Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::keys;
use crate::look::{Look, look};
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
    e: &E,
    settings: &Settings,
    id: &crate::JobId,
) -> Result<Cancellation, StoreError> {
    let until = e.monotonic() + settings.cancel_wait;
    match look(e, settings, id).await? {
        Look::Missing => return Ok(Cancellation::Missing),
        Look::Ended(root) => return Ok(Cancellation::Ended(root)),
        Look::Running(_) | Look::Idle(_) => e.set(&keys::cancel(id), b"{}").await?,
    }
    loop {
        let root = match look(e, settings, id).await? {
            Look::Missing => return Ok(Cancellation::Missing),
            Look::Ended(root) => {
                // The end may have come before the mark.
                let _ = e.delete(&keys::cancel(id)).await;
                return Ok(Cancellation::Ended(root));
            }
            Look::Idle(root) => {
                match end_without_worker(e, settings, root.clone(), Stage::Canceled, canceled())
                    .await
                {
                    Ok(Some(root)) => return Ok(Cancellation::Ended(root)),
                    Ok(None) | Err(Stop::Lost | Stop::Ended) => root,
                    Err(Stop::Store(error)) => return Err(error),
                    Err(_) => root,
                }
            }
            Look::Running(root) => root,
        };
        if e.monotonic() >= until {
            return Ok(Cancellation::Canceling(root));
        }
        e.sleep(settings.retry / 4).await;
    }
}
