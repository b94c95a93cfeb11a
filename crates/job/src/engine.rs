//! The engine: everything that a program does with jobs, as methods of one type.

use crate::effects::Effects;
use crate::secret::Keyring;
use crate::settings::Settings;

/// The job engine of one invocation: the effects it runs on, its settings and its secret.
///
/// An engine holds no state of its own; all state is in the store. It is three references, made
/// for one request and copied freely. Its methods are defined beside what they work on:
///
/// - Creating: [`Engine::admit`] counts the job for its client, then [`Engine::create`] takes the
///   items of a request or [`Engine::receive`] the files of an upload. Both end in a
///   [`Created`](crate::Created) job.
/// - Running: [`Engine::run_created`] works on a job in the invocation that created it,
///   [`Engine::dispatch_created`] has another invocation do so; that one calls [`Engine::run`],
///   as does every later run of the job.
/// - Following: [`Engine::look`] reads the state a job is in; [`Engine::inspect`] also revives a
///   job that nobody works on; [`Engine::watch`] follows it and says what a client is to be told
///   next; [`Engine::look_at_silence`] looks at a job whose watchers have been let go meanwhile;
///   [`Engine::cancel`] stops it.
/// - Results: [`Engine::items`] and [`Engine::report`] read what an ended job has found,
///   [`Engine::choose`] records which book a person says that one is, [`Engine::retry`] makes a job
///   that looks up again what was not found, [`Engine::delete_ended`] deletes all of it.
/// - Operators: [`Engine::overview`] lists jobs, providers and the store, [`Engine::detail`] shows
///   one job's course.
/// - Turns: [`Engine::compute_turn`] and [`Engine::memory_turn`] are places in the queues for a
///   processor and for memory; [`Engine::wait_for_turn`] waits in one.
/// - Tokens: [`Engine::current_token`], [`Engine::admits`], [`Engine::refresh_token`] and
///   [`Engine::extend_token`].
/// - Space: [`Engine::store_has_capacity`] deletes expired jobs, as each run does at its end;
///   creating calls it by itself where keys are scarce.
///
/// A job from its creation to its books, where nothing ends an invocation before:
///
/// ```
/// use futures::TryStreamExt;
/// use job::{CreateError, Effects, Engine, Inspection, Item, NewJob, Worker};
///
/// async fn look_up<E: Effects>(
///     engine: Engine<'_, E>,
///     new: &NewJob,
///     items: &[Item],
///     worker: &impl Worker<E>,
/// ) -> Result<Vec<Item>, CreateError> {
///     let created = engine.create(new, items).await?;
///     engine.run_created(created, None, worker).await;
///     match engine.inspect(new.name.id()).await? {
///         Inspection::Ended(root) => {
///             let parts = engine.items(&root, 0..root.total);
///             Ok(parts.try_concat().await?)
///         }
///         // Another run goes on with it.
///         _ => Ok(Vec::new()),
///     }
/// }
/// ```
pub struct Engine<'a, E> {
    pub(crate) effects: &'a E,
    pub(crate) settings: &'a Settings,
    pub(crate) keyring: &'a Keyring,
}

impl<E> Clone for Engine<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Engine<'_, E> {}

impl<'a, E: Effects> Engine<'a, E> {
    /// An engine on these effects.
    #[must_use]
    pub fn new(effects: &'a E, settings: &'a Settings, keyring: &'a Keyring) -> Self {
        Self {
            effects,
            settings,
            keyring,
        }
    }
}
