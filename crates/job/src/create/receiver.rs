//! Receives the files of a job and stores them in chunks as they arrive.

use std::cell::Cell;
use std::time::Duration;

use super::creation::{CreateError, Creation, NewJob, UPLOAD_FRESHNESS};
use crate::document::{MAX_VALUE_BYTES, Root, Upload, Uploaded};
use crate::effects::Effects;
use crate::engine::Engine;
use crate::handover::Created;
use crate::id::Epoch;
use crate::keys;
use crate::lease::Lease;
use crate::sweep::UNACCEPTED_RETENTION;
use crate::time::millis;

/// Receives the files of one job.
///
/// Call [`Receiver::file`] for each file, [`Receiver::write`] for its bytes as they arrive, then
/// [`Receiver::accept`]. When anything fails, or the client leaves, call [`Receiver::abandon`]:
/// nothing of the upload is left then.
pub struct Receiver<'a, E> {
    engine: Engine<'a, E>,
    creation: Creation<'a, E>,
    begun: Option<(Root, Lease)>,
    uploads: Vec<Upload>,
    /// The bytes of the current file that are not written yet.
    buffer: Vec<u8>,
    /// The (monotonic) time from which on none of the writes that have failed can take effect any
    /// more; `None`: none has failed.
    is_sure_from: Option<Duration>,
    /// The time that may still be spent on writes that fail.
    patience: Duration,
    keeps_failed: bool,
}

impl<'a, E: Effects> Receiver<'a, E> {
    pub(super) async fn new(engine: Engine<'a, E>, new: NewJob) -> Result<Self, CreateError> {
        Ok(Self {
            engine,
            creation: Creation::reserve(engine, &new).await?,
            begun: None,
            uploads: Vec::new(),
            buffer: Vec::new(),
            is_sure_from: None,
            patience: engine.settings.write_delay * 4,
            keeps_failed: false,
        })
    }

    /// Begins the next file.
    ///
    /// # Errors
    /// When the store fails, or another job has got the name.
    pub async fn file(&mut self, name: &str) -> Result<(), CreateError> {
        self.flush().await?;
        self.uploads.push(Upload {
            name: name.chars().take(200).collect(),
            ..Upload::default()
        });
        Ok(())
    }

    /// Takes the client's own meanings of the current file's columns.
    pub fn mapping(&mut self, mapping: books::Mapping) {
        if let Some(upload) = self.uploads.last_mut() {
            upload.mapping = mapping;
        }
    }

    /// Keeps the photos whose analysis fails until the job expires: a retry analyses them again.
    pub fn keep_failed_photos(&mut self) {
        self.keeps_failed = true;
    }

    /// Takes the client's own name for the job, which has come with its files.
    pub fn client_ref(&mut self, name: String) {
        self.creation.new.client_ref = name;
    }

    /// Notes how long decoding or reading the current file takes, about.
    pub fn takes(&mut self, time: Duration) {
        if let Some(upload) = self.uploads.last_mut() {
            upload.takes_ms = u32::try_from(millis(time)).unwrap_or(u32::MAX);
        }
    }

    /// Takes the next bytes of the current file.
    ///
    /// # Errors
    /// When the store fails, or another job has got the name.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), CreateError> {
        if self.begun.is_some() {
            // A slow upload keeps its job fresh, too.
            self.begin().await?;
        }
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
                let (root, lease) = self.creation.begin().await?;
                let epoch = root.epoch.clone();
                self.begun = Some((root, lease));
                Ok(epoch)
            }
            Some((root, _)) => {
                let now = self.engine.effects.now();
                if root.fresh_until.since(now) < UPLOAD_FRESHNESS / 2 {
                    if now >= root.fresh_until && !self.creation.is_unchanged(root).await? {
                        let problem = "the upload took longer than its job was kept for it";
                        return Err(CreateError::Internal(problem.to_owned()));
                    }
                    root.fresh_until = now.plus(UPLOAD_FRESHNESS);
                    root.expires = now.plus(UNACCEPTED_RETENTION);
                    self.creation.write_root(root).await?;
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
            upload.key = keys::upload(self.creation.new.name.id(), &epoch, file);
            let key = upload.chunk(upload.chunks);
            // Counted first: a write that reports an error may have been applied.
            upload.chunks += 1;
            // A client who has sent megabytes does not send them again because the store was busy
            // with them for a moment. Nobody else writes under this name. However many chunks there
            // are, all of it must fit into the time that a platform gives to a request.
            let Engine {
                effects, settings, ..
            } = self.engine;
            let failed = Cell::new(false);
            let write = async || {
                let written = effects.set(&key, &self.buffer).await;
                failed.set(failed.get() || written.is_err());
                if let Err(error) = &written
                    && error.is_full()
                {
                    self.creation.make_room_after(error).await;
                }
                written
            };
            let began = effects.monotonic();
            let written = (self.creation)
                .retry_until(began + self.patience, write)
                .await;
            if failed.get() {
                let now = effects.monotonic();
                self.patience = self.patience.saturating_sub(now.saturating_sub(began));
                self.is_sure_from = Some(now + settings.write_delay);
            }
            written?;
            let taken = &self.creation.taken;
            taken.set(taken.get() + self.buffer.len() as u64);
        }
        self.buffer.clear();
        Ok(())
    }

    /// Takes the current file out again, which is whole: it was received to be read at once.
    ///
    /// # Errors
    /// When the store fails, or has lost a part of it.
    pub async fn take_back(&mut self) -> Result<Vec<u8>, CreateError> {
        let Some(upload) = self.uploads.last() else {
            return Ok(Vec::new());
        };
        let mut bytes = Vec::with_capacity(usize::try_from(upload.bytes).unwrap_or_default());
        for chunk in 0..upload.chunks {
            let key = upload.chunk(chunk);
            let Some(part) = self.engine.effects.get(&key).await? else {
                return Err(CreateError::Internal(format!("{key} is missing")));
            };
            bytes.extend_from_slice(&part);
        }
        bytes.append(&mut self.buffer);
        Ok(bytes)
    }

    /// A chunk of a file that has been received, to be passed on: the `chunk`th of the `file`th.
    /// `None` behind the last one.
    ///
    /// # Errors
    /// When the store fails, or has lost it.
    pub async fn read_back(
        &mut self,
        file: usize,
        chunk: u32,
    ) -> Result<Option<Vec<u8>>, CreateError> {
        self.flush().await?;
        let Some(upload) = self.uploads.get(file) else {
            return Ok(None);
        };
        if chunk >= upload.chunks {
            return Ok(None);
        }
        let key = upload.chunk(chunk);
        match self.engine.effects.get(&key).await? {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(CreateError::Internal(format!("{key} is missing"))),
        }
    }

    /// Accepts the job: everything has arrived, and from now on the job exists. `content` is the
    /// digest of the files.
    ///
    /// # Errors
    /// When the store fails, or another job has got the name; call [`Self::abandon`] then.
    pub async fn accept(&mut self, content: String) -> Result<Created, CreateError> {
        self.flush().await?;
        // The first run may delete what has come: none of it may take effect after that.
        self.wait_until_sure().await;
        let epoch = self.begin().await?;
        self.creation.check_name(Some(&epoch)).await?;
        let Some((mut root, mut lease)) = self.begun.take() else {
            return Err(CreateError::Internal("nothing was begun".to_owned()));
        };
        // A long upload uses its lease up; no other process wants it while the root is fresh.
        let settings = self.engine.settings;
        let soon = self.engine.effects.monotonic() + settings.lease / 4 * 3;
        if !lease.write_still_fits(soon, settings) {
            match Lease::create(self.engine, &root.id, root.epoch.clone()).await {
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
            provider: self.creation.new.provider.clone(),
            keep_failed: self.keeps_failed,
        };
        root.client_ref.clone_from(&self.creation.new.client_ref);
        root.content = content;
        root.uploads = std::mem::take(&mut self.uploads);
        self.creation.accept(root, lease).await
    }

    /// Waits until no write that has failed can take effect any more.
    async fn wait_until_sure(&self) {
        let effects = self.engine.effects;
        let left = self.is_sure_from.unwrap_or_default();
        let left = left.saturating_sub(effects.monotonic());
        if left > Duration::ZERO {
            effects.sleep(left).await;
        }
    }

    /// Deletes what has been received: the upload was refused or broke off.
    pub async fn abandon(self) {
        self.wait_until_sure().await;
        if let Some((mut root, _)) = self.begun {
            root.uploads = self.uploads;
            self.creation.discard(&root).await;
            if self.is_sure_from.is_some() {
                self.engine.sweep_after_failure().await;
            }
        }
    }
}
