//! Deleting a job: what it has for itself, and the keys that a new job of its name would use, too.

use std::collections::BTreeMap;

use crate::document::{Root, Uploaded};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::storage::{delete_uploads, encode_root, is_damaged, read_end, read_root};

impl<E: Effects> Engine<'_, E> {
    /// Deletes `keys`, all that the store holds of an expired job.
    pub(crate) async fn delete_expired_job(
        &self,
        id: &JobId,
        keys: &[String],
    ) -> Result<(), StoreError> {
        let shared = shared_names(id);
        for key in keys.iter().filter(|key| !shared.contains(key)) {
            self.effects.delete(key).await?;
        }
        let there = shared.iter().filter(|key| keys.contains(key));
        self.delete_shared(id, there).await
    }

    /// Deletes a job that has ended, with its results: from now on there is no such job. What a
    /// crash in between leaves is deleted by the next sweep.
    ///
    /// # Errors
    /// When the store fails: the job may be gone already.
    pub async fn delete_ended(&self, end: &Root) -> Result<(), StoreError> {
        let effects = self.effects;
        let expired = Root {
            expires: effects.now(),
            ..end.clone()
        };
        let bytes = encode_root(&expired)?;
        for key in [keys::end(&end.id), keys::root(&end.id)] {
            effects.set(&key, &bytes).await?;
        }
        self.delete_parts(end).await?;
        if self.is_recent(end) {
            // What is left says that there was a job of this name, until that is swept, or the next
            // one takes its place: that one has another token.
            let left = encode_root(&nameless(expired))?;
            effects.set(&keys::root(&end.id), &left).await?;
            let [names @ .., _] = shared_names(&end.id);
            return self.delete_shared(&end.id, names.iter()).await;
        }
        let names = shared_names(&end.id);
        self.delete_shared(&end.id, names.iter()).await
    }

    /// Deletes what the job has for itself: the keys that no other job of its name uses.
    async fn delete_parts(&self, root: &Root) -> Result<(), StoreError> {
        delete_uploads(self.effects, root).await?;
        for part in root.parts() {
            self.effects.delete(&part.key).await?;
        }
        Ok(())
    }

    /// Deletes the keys of an expired job that a new job of its name uses, too: each right after a
    /// read that still shows the expired one.
    async fn delete_shared(
        &self,
        id: &JobId,
        keys: impl Iterator<Item = &String>,
    ) -> Result<(), StoreError> {
        let effects = self.effects;
        for key in keys {
            let gone = match self
                .read_fresh(async || key_owner(effects, id, true).await)
                .await?
            {
                KeyOwner::Job(root) => effects.now() >= root.expires,
                KeyOwner::Damaged => true,
                // A creation may be about to write its root.
                KeyOwner::Nothing => *key != keys::root(id),
                KeyOwner::NewerVersion => false,
            };
            if gone {
                effects.delete(key).await?;
            }
        }
        Ok(())
    }

    /// Frees a name that an expired job has, whose end would be believed over everything that a new
    /// job does. Its root stays and is overwritten by the new one. Returns the job, if there was
    /// one: other processes may be deleting it at this very moment.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn release_name(&self, id: &JobId) -> Result<Option<Root>, StoreError> {
        let effects = self.effects;
        let old = match read_end(effects, id).await? {
            Some(end) => Some(end),
            None => read_root(effects, id).await?,
        };
        let Some(old) = old.filter(|old| old.expired(effects.now())) else {
            return Ok(None);
        };
        self.delete_parts(&old).await?;
        let [names @ .., _] = shared_names(id);
        self.delete_shared(id, names.iter()).await?;
        Ok(Some(old))
    }
}

/// The owner of a job's keys.
pub(crate) enum KeyOwner {
    /// A job: its end, or else its root.
    Job(Box<Root>),
    /// A root that cannot be read.
    Damaged,
    /// No job: no root exists.
    Nothing,
    /// A job of a newer version, which this one leaves alone.
    NewerVersion,
}

/// Reads whose the keys of `id` are; `ended` when there is an end to read.
pub(crate) async fn key_owner<E: Effects>(
    effects: &E,
    id: &JobId,
    ended: bool,
) -> Result<KeyOwner, StoreError> {
    let document: Option<Root> = match ended {
        true => read_end(effects, id).await?,
        false => None,
    };
    let document = match document {
        Some(end) => Some(end),
        None => read_root(effects, id).await?,
    };
    Ok(match document {
        Some(document) => KeyOwner::Job(Box::new(document)),
        None => match effects.get(&keys::root(id)).await? {
            Some(bytes) if is_damaged(&bytes) => KeyOwner::Damaged,
            Some(_) => KeyOwner::NewerVersion,
            None => KeyOwner::Nothing,
        },
    })
}

/// The names of a job that the next job of its name uses, too. The root is the last: until it is
/// deleted the rest has an owner.
fn shared_names(id: &JobId) -> [String; 9] {
    [
        keys::auth(id),
        keys::cancel(id),
        keys::choices(id),
        keys::lease(id),
        keys::survived(id),
        keys::webhook(id),
        keys::webhook_wait(id),
        keys::end(id),
        keys::root(id),
    ]
}

/// Root that stays of a deleted job: it has nothing that the client has said.
fn nameless(root: Root) -> Root {
    Root {
        client: String::new(),
        content: String::new(),
        client_ref: String::new(),
        title: String::new(),
        last_id: String::new(),
        uploaded: Uploaded::default(),
        uploads: Vec::new(),
        plan: Vec::new(),
        segments: Vec::new(),
        report: None,
        photos: Vec::new(),
        scan: None,
        rows: None,
        retry: None,
        requests: BTreeMap::new(),
        failure: None,
        leftovers: Vec::new(),
        ..root
    }
}
