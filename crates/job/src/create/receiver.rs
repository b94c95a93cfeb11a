//! Receives the files of a job and stores them in chunks as they arrive.

use super::{
    CreateError, NewJob, UPLOAD_FRESHNESS, accept, check_name, discard, reserve_name,
    write_first_root,
};
use crate::document::{MAX_VALUE_BYTES, Root, Upload, Uploaded};
use crate::effects::Effects;
use crate::handover::Created;
use crate::id::Epoch;
use crate::keys;
use crate::lease::Lease;
use crate::settings::Settings;
use crate::storage::encode_root;
use crate::sweep::UNACCEPTED_RETENTION;

/// Receives the files of a job that begins with an upload, and writes them down as they come.
pub struct Receiver<'a, E> {
    effects: &'a E,
    settings: &'a Settings,
    new: NewJob,
    name_was_used: bool,
    begun: Option<(Root, Lease)>,
    uploads: Vec<Upload>,
    /// Of the file being received: what is not written yet.
    buffer: Vec<u8>,
}

impl<'a, E: Effects> Receiver<'a, E> {
    /// Ready to receive; nothing is written before the first chunk is full or all is accepted.
    ///
    /// # Errors
    /// [`CreateError::Exists`], [`CreateError::Busy`], the store's.
    pub async fn new(
        effects: &'a E,
        settings: &'a Settings,
        new: NewJob,
    ) -> Result<Self, CreateError> {
        Ok(Self {
            effects,
            settings,
            name_was_used: reserve_name(effects, settings, &new).await?,
            new,
            begun: None,
            uploads: Vec::new(),
            buffer: Vec::new(),
        })
    }

    /// Begins the next file.
    ///
    /// # Errors
    /// The store's.
    pub async fn file(&mut self, name: &str) -> Result<(), CreateError> {
        self.flush().await?;
        self.uploads.push(Upload {
            name: name.chars().take(200).collect(),
            ..Upload::default()
        });
        Ok(())
    }

    /// Size of the file being received, so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.uploads.last().map_or(0, |upload| upload.bytes)
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// The store's.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), CreateError> {
        while !bytes.is_empty() {
            let room = MAX_VALUE_BYTES - self.buffer.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            if let Some(upload) = self.uploads.last_mut() {
                upload.bytes += now.len() as u64;
            }
            bytes = later;
            if self.buffer.len() == MAX_VALUE_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Makes sure that there is a root, and that it is fresh enough for the next chunk.
    async fn begin(&mut self) -> Result<Epoch, CreateError> {
        match &mut self.begun {
            None => {
                let (root, lease) =
                    write_first_root(self.effects, self.settings, &self.new, self.name_was_used)
                        .await?;
                let epoch = root.epoch.clone();
                self.begun = Some((root, lease));
                Ok(epoch)
            }
            Some((root, _)) => {
                let now = self.effects.now();
                if root.fresh_until.since(now) < UPLOAD_FRESHNESS / 2 {
                    if self.new.contended {
                        check_name(self.effects, self.settings, &root.id, Some(&root.epoch))
                            .await?;
                    }
                    root.fresh_until = now.plus(UPLOAD_FRESHNESS);
                    root.expires = now.plus(UNACCEPTED_RETENTION);
                    self.effects
                        .set(&keys::root(&root.id), &encode_root(root)?)
                        .await?;
                }
                Ok(root.epoch.clone())
            }
        }
    }

    async fn flush(&mut self) -> Result<(), CreateError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let epoch = self.begin().await?;
        let file = u32::try_from(self.uploads.len().saturating_sub(1)).unwrap_or(u32::MAX);
        if let Some(upload) = self.uploads.last_mut() {
            upload.key = keys::upload(&self.new.id, &epoch, file);
            let key = upload.chunk(upload.chunks);
            // Counted first: a failed write may have taken effect.
            upload.chunks += 1;
            self.effects.set(&key, &self.buffer).await?;
        }
        self.buffer.clear();
        Ok(())
    }

    /// Everything has arrived: from now on the job exists.
    ///
    /// # Errors
    /// The store's; call [`Self::abandon`] then.
    pub async fn accept(&mut self) -> Result<Created, CreateError> {
        self.flush().await?;
        let epoch = self.begin().await?;
        if self.new.contended {
            check_name(self.effects, self.settings, &self.new.id, Some(&epoch)).await?;
        }
        let Some((mut root, mut lease)) = self.begun.take() else {
            return Err(CreateError::Internal("nothing was begun".to_owned()));
        };
        // A long upload uses a lease up; nobody else wants this one's as long as the root is fresh.
        let soon = self.effects.monotonic() + self.settings.lease / 4 * 3;
        if !lease.write_still_fits(soon, self.settings) {
            match Lease::create(self.effects, &root.id, root.epoch.clone(), self.settings).await {
                Ok(fresh) => lease = fresh,
                Err(error) => {
                    self.begun = Some((root, lease));
                    return Err(error.into());
                }
            }
        }
        root.uploaded = Uploaded {
            name: self
                .uploads
                .first()
                .map_or_else(String::new, |upload| upload.name.clone()),
            files: u32::try_from(self.uploads.len()).unwrap_or(u32::MAX),
            bytes: self.uploads.iter().map(|upload| upload.bytes).sum(),
            provider: self.new.provider.clone(),
        };
        root.uploads = std::mem::take(&mut self.uploads);
        accept(self.effects, self.settings, root, lease, self.new.contended).await
    }

    /// The upload is refused or broke off: nothing of it stays.
    pub async fn abandon(self) {
        if let Some((mut root, _)) = self.begun {
            root.uploads = self.uploads;
            discard(self.effects, self.settings, &root, self.new.contended).await;
        }
    }
}
