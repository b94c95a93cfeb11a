//! Creating a job: from the first byte that a client sends to a job that a run can work on.
//!
//! **Invariant:** the root, with its expiry, is written before anything else of a job, so nothing
//! is left without an owner; and no client is told of a job before all of its parts are written.

mod creation;
mod receiver;

use crate::content::ContentDigest;
use crate::document::Item;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::handover::Created;
use crate::keys;
use crate::plan::wave_size;
use crate::run::Run;

pub(crate) use creation::Creation;
pub use creation::{CreateError, Name, NewJob};
pub use receiver::Receiver;

impl<'a, E: Effects> Engine<'a, E> {
    /// Creates a job whose items are known.
    ///
    /// # Errors
    /// [`CreateError`]; nothing of the job is left then.
    pub async fn create(&self, new: &NewJob, items: &[Item]) -> Result<Created, CreateError> {
        let content = ContentDigest::of_items(items);
        let creation = Creation::reserve(*self, new).await?;
        let (mut root, lease) = creation.begin().await?;
        let mut run = Run::new(*self, root.clone(), lease);
        let plan = match run.write_items(keys::plan, items).await {
            Ok(plan) => plan,
            Err(stop) => {
                let error = stop.into();
                creation.fail(&root, &error).await;
                return Err(error);
            }
        };
        let lease = run.into_lease();
        root.content = content;
        root.plan = plan;
        root.total = u32::try_from(items.len()).unwrap_or(u32::MAX);
        root.wave = wave_size(items.len(), self.settings.wave_items);
        creation.accept(root, lease).await
    }

    /// Prepares to receive the files of a job. Nothing is written before the first chunk is full
    /// or everything is accepted.
    ///
    /// # Errors
    /// [`CreateError`]; nothing of the job is left then.
    pub async fn receive(&self, new: NewJob) -> Result<Receiver<'a, E>, CreateError> {
        Receiver::new(*self, new).await
    }
}
