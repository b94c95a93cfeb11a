//! Making a job: from the first byte a client sends to a job that somebody works on.
//!
//! **Invariant:** the root, with its expiry, is written before anything else of a job, so nothing
//! is left without an owner; and no client is told of a job whose parts are not all written.

use std::time::Duration;

use crate::analyze::wave_size;
use crate::document::{Item, MAX_VALUE_BYTES, Pipeline, Root, Stage, Upload, Uploaded, VERSION};
use crate::effects::{Effects, StoreError};
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::lease::{self, Lease, LeaseDoc, Liveness, quickly};
use crate::run::{Run, Stop, delete_uploads, encode_root, read_end, read_root};
use crate::settings::Settings;
use crate::sweep;
use crate::work::{HandOver, patiently};

/// How long a job whose upload is being received may be silent.
const RECEIVING_PATIENCE: Duration = Duration::from_secs(120);
/// How long the root lives of a job that is not accepted yet: longer than clocks jump.
pub(crate) const UNACCEPTED_LIFE: Duration = Duration::from_secs(2 * 3600);

/// What is to be made.
#[derive(Clone, Debug)]
pub struct New {
    /// Its name.
    pub id: JobId,
    /// Whether somebody else may be making a job of this name at the same moment: a client chose
    /// it or it was derived from a client's key.
    pub contended: bool,
    /// Its kind.
    pub pipeline: Pipeline,
    /// Which route makes it, in a word.
    pub route: &'static str,
    /// Whether the client is given a token.
    pub token: bool,
    /// The vision provider that the client asks for; empty for the configured one.
    pub provider: String,
}

/// Why there is no new job.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is one of this name.
    #[error("there is a job of this name")]
    Exists(Box<Root>),
    /// The store has no room for another job now.
    #[error("the store is full")]
    Busy,
    /// The store failed.
    #[error("{0}")]
    Store(StoreError),
    /// A bug.
    #[error("{0}")]
    Internal(String),
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Stop> for CreateError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Store(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// An accepted job, to be worked on by the run that made it.
#[derive(Debug)]
pub struct Created {
    /// The job.
    pub root: Root,
    /// Its lease. Of a contended name it is only asked for: [`Created::settle`] tells.
    lease: Lease,
    contended: bool,
}

impl Created {
    /// What another run needs to take the job over from the invocation that made it.
    #[must_use]
    pub fn hand_over(&self) -> HandOver {
        HandOver {
            epoch: self.lease.epoch().clone(),
            seq: self.root.seq,
            made: self.contended.then(|| Box::new(self.root.clone())),
        }
    }

    /// The lease, once it is sure that no one else made a job of this name at the same moment.
    /// Costs nothing for names that this application made.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle<E: Effects>(
        self,
        e: &E,
        settings: &Settings,
    ) -> Result<Option<(Root, Lease)>, StoreError> {
        if !self.contended {
            return Ok(Some((self.root, self.lease)));
        }
        let lease = match settle(e, settings, &self.root).await? {
            Settled::Ours => self.lease,
            Settled::Under(lease) => lease,
            Settled::Theirs => return Ok(None),
        };
        Ok(match lease.renew(e, settings).await? {
            true => Some((self.root, lease)),
            false => None,
        })
    }
}

/// Whose job of a contended name stands.
pub(crate) enum Settled {
    /// The one that was made.
    Ours,
    /// The same, written again under this lease: its own was gone.
    Under(Lease),
    /// Another, or somebody goes on with this one.
    Theirs,
}

/// Waits until it is sure whether it is this job that was `made` under its name, which others may
/// have been using at the same moment. Somebody who was only making one and overwrote it may be dead
/// by now: then it is written again.
///
/// # Errors
/// The store's, when it goes on failing for longer than leases last.
pub(crate) async fn settle<E: Effects>(
    e: &E,
    settings: &Settings,
    made: &Root,
) -> Result<Settled, StoreError> {
    let until = e.monotonic() + settings.lease * 4;
    let mut claimed: Option<Lease> = None;
    loop {
        e.sleep(settings.write_delay * 2).await;
        let read = async || read_root(e, &made.id).await;
        match patiently(e, settings, read).await? {
            Some(root) if root.epoch == made.epoch => {
                return Ok(claimed.map_or(Settled::Ours, Settled::Under));
            }
            Some(root) if root.stage != Stage::Receiving => {
                forget_parts(e, made, Some(&root)).await;
                return Ok(Settled::Theirs);
            }
            Some(_) | None => {}
        }
        if let Err(error) = write_again(e, settings, made, &mut claimed).await
            && e.monotonic() >= until
        {
            return Err(error);
        }
    }
}

/// Writes the root of a job again that is `made`, if nobody else may be writing it; or claims its
/// lease for the next time, unless somebody has it.
async fn write_again<E: Effects>(
    e: &E,
    settings: &Settings,
    made: &Root,
    claimed: &mut Option<Lease>,
) -> Result<(), StoreError> {
    let epoch = claimed.as_ref().map_or(&made.epoch, Lease::epoch);
    let doc = quickly(e, settings, async || lease::read(e, &made.id).await).await?;
    let now = e.now();
    let may_write = |doc: &LeaseDoc| match doc.epoch == *epoch {
        true => now.plus(settings.write_delay * 2) < doc.expires,
        // Another creator's: that one, too, sees what stands before it goes on.
        false => doc.epoch.term == made.epoch.term && doc.liveness(now, settings) == Liveness::Live,
    };
    if doc.as_ref().is_some_and(may_write) {
        return e.set(&keys::root(&made.id), &encode_root(made)?).await;
    }
    if let Some(lease) = Lease::claim(e, &made.id, settings, made.epoch.term).await? {
        *claimed = Some(lease);
    }
    Ok(())
}

/// The job of this name, when there is one that has not expired.
///
/// # Errors
/// The store's.
pub async fn existing<E: Effects>(e: &E, id: &JobId) -> Result<Option<Root>, StoreError> {
    let root = match read_root(e, id).await? {
        Some(root) if !root.stage.is_terminal() => match read_end(e, id).await? {
            Some(end) => Some(end),
            None => Some(root),
        },
        other => other,
    };
    Ok(root.filter(|root| !root.expired(e.now())))
}

fn blank<E: Effects>(e: &E, new: &New) -> Root {
    let now = e.now();
    Root {
        v: VERSION,
        id: new.id.clone(),
        pipeline: new.pipeline,
        route: new.route.to_owned(),
        token: new.token,
        created: now,
        updated: now,
        // Until it is accepted it is nobody's: what a broken upload leaves is swept soon.
        expires: now.plus(UNACCEPTED_LIFE),
        stage: Stage::Receiving,
        seq: 0,
        epoch: Epoch::after(0, e),
        total: 0,
        succeeded: 0,
        failed: 0,
        title: String::new(),
        uploads: Vec::new(),
        uploaded: Uploaded::default(),
        plan: Vec::new(),
        wave: 0,
        segments: Vec::new(),
        report: None,
        rows: None,
        photos: Vec::new(),
        scan: None,
        requests: std::collections::BTreeMap::new(),
        due: None,
        due_every: 0,
        fresh_until: now.plus(RECEIVING_PATIENCE),
        verdict: None,
        failure: None,
        leftovers: Vec::new(),
    }
}

/// Answers whether an expired job has the name.
async fn admit<E: Effects>(e: &E, settings: &Settings, new: &New) -> Result<bool, CreateError> {
    let mut is_used = false;
    if new.contended {
        is_free(e, settings, &new.id, None).await?;
        is_used = sweep::free(e, settings, &new.id).await?;
    }
    if sweep::has_room(e, settings).await? {
        Ok(is_used)
    } else {
        Err(CreateError::Busy)
    }
}

/// Whether nobody but the creator of `own` has made a job of this name. Of a contended name this is
/// asked before every write that others can see: who has settled has nothing to fear, then, from
/// who began at the same moment and went on later.
async fn is_free<E: Effects>(
    e: &E,
    settings: &Settings,
    id: &JobId,
    own: Option<&Epoch>,
) -> Result<(), CreateError> {
    match quickly(e, settings, async || existing(e, id).await).await? {
        Some(root) if root.stage != Stage::Receiving && Some(&root.epoch) != own => {
            Err(CreateError::Exists(Box::new(root)))
        }
        _ => Ok(()),
    }
}

/// The root first, then the lease. A name `is_used` that an expired job has, too.
async fn begin<E: Effects>(
    e: &E,
    settings: &Settings,
    new: &New,
    is_used: bool,
) -> Result<(Root, Lease), CreateError> {
    let root = blank(e, new);
    let own = Some(&root.epoch);
    if new.contended {
        is_free(e, settings, &new.id, own).await?;
    }
    let bytes = encode_root(&root)?;
    e.set(&keys::root(&root.id), &bytes).await?;
    let begun = async {
        if is_used {
            // Who sees this root deletes nothing more. What others were deleting has taken effect
            // by then, and that may have been this root.
            e.sleep(settings.write_delay * 2).await;
            if read_root(e, &root.id).await?.is_none() {
                e.set(&keys::root(&root.id), &bytes).await?;
            }
        }
        if new.contended {
            is_free(e, settings, &new.id, own).await?;
        }
        Ok(Lease::first(e, &root.id, root.epoch.clone(), settings).await?)
    };
    match begun.await {
        Ok(lease) => Ok((root, lease)),
        Err(error) => {
            forget(e, settings, &root, new.contended).await;
            Err(error)
        }
    }
}

/// Makes a job of items that are known already.
///
/// # Errors
/// [`CreateError`]; nothing of the job is left then.
pub async fn create_with_items<E: Effects>(
    e: &E,
    settings: &Settings,
    new: &New,
    items: &[Item],
) -> Result<Created, CreateError> {
    let is_used = admit(e, settings, new).await?;
    let (mut root, lease) = begin(e, settings, new, is_used).await?;
    let mut run = Run::new(e, settings, root.clone(), lease);
    let plan = match run.write_items(keys::plan, items).await {
        Ok(plan) => plan,
        Err(stop) => {
            forget(e, settings, &root, new.contended).await;
            return Err(stop.into());
        }
    };
    let (_, lease) = run.into_parts();
    root.plan = plan;
    root.total = u32::try_from(items.len()).unwrap_or(u32::MAX);
    root.wave = wave_size(items.len(), settings.wave_items);
    accept(e, settings, root, lease, new.contended).await
}

async fn accept<E: Effects>(
    e: &E,
    settings: &Settings,
    mut root: Root,
    lease: Lease,
    contended: bool,
) -> Result<Created, CreateError> {
    let accepted = async {
        if contended {
            is_free(e, settings, &root.id, Some(&root.epoch)).await?;
        }
        let now = e.now();
        root.stage = Stage::Queued;
        root.seq = 1;
        root.touch(now, settings);
        root.fresh_until = now.plus(settings.lease);
        e.set(&keys::root(&root.id), &encode_root(&root)?).await?;
        Ok(())
    };
    match accepted.await {
        Ok(()) => Ok(Created {
            root,
            lease,
            contended,
        }),
        Err(error) => {
            forget(e, settings, &root, contended).await;
            Err(error)
        }
    }
}

/// Deletes what there is of a job that will not be. What cannot be deleted now is swept when the
/// root expires.
async fn forget<E: Effects>(e: &E, settings: &Settings, root: &Root, contended: bool) {
    if contended {
        // The root may be somebody else's by now, so it stays; or the job is accepted after all.
        e.sleep(settings.write_delay).await;
        if let Ok(standing) = read_root(e, &root.id).await {
            forget_parts(e, root, standing.as_ref()).await;
        }
        return;
    }
    // First what names the rest: if it cannot be deleted, the job is accepted after all.
    if e.delete(&keys::root(&root.id)).await.is_ok() {
        forget_parts(e, root, None).await;
        let _ = e.delete(&keys::lease(&root.id)).await;
    }
}

/// Deletes what `root` names and the `standing` root does not.
pub(crate) async fn forget_parts<E: Effects>(e: &E, root: &Root, standing: Option<&Root>) {
    let uploads = standing.map_or(&[][..], |standing| &standing.uploads);
    if !root.uploads.iter().any(|upload| uploads.contains(upload)) {
        let _ = delete_uploads(e, root).await;
    }
    for part in &root.plan {
        if !standing.is_some_and(|standing| standing.plan.contains(part)) {
            let _ = e.delete(&part.key).await;
        }
    }
}

/// Receives the files of a job that begins with an upload, and writes them down as they come.
pub struct Receiver<'a, E> {
    e: &'a E,
    settings: &'a Settings,
    new: New,
    is_used: bool,
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
    pub async fn new(e: &'a E, settings: &'a Settings, new: New) -> Result<Self, CreateError> {
        Ok(Self {
            e,
            settings,
            is_used: admit(e, settings, &new).await?,
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
                let (root, lease) = begin(self.e, self.settings, &self.new, self.is_used).await?;
                let epoch = root.epoch.clone();
                self.begun = Some((root, lease));
                Ok(epoch)
            }
            Some((root, _)) => {
                let now = self.e.now();
                if root.fresh_until.since(now) < RECEIVING_PATIENCE / 2 {
                    if self.new.contended {
                        is_free(self.e, self.settings, &root.id, Some(&root.epoch)).await?;
                    }
                    root.fresh_until = now.plus(RECEIVING_PATIENCE);
                    root.expires = now.plus(UNACCEPTED_LIFE);
                    self.e
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
            self.e.set(&key, &self.buffer).await?;
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
            is_free(self.e, self.settings, &self.new.id, Some(&epoch)).await?;
        }
        let Some((mut root, mut lease)) = self.begun.take() else {
            return Err(CreateError::Internal("nothing was begun".to_owned()));
        };
        // A long upload uses a lease up; nobody else wants this one's as long as the root is fresh.
        let soon = self.e.monotonic() + self.settings.lease / 4 * 3;
        if !lease.has_room(soon, self.settings) {
            match Lease::first(self.e, &root.id, root.epoch.clone(), self.settings).await {
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
        accept(self.e, self.settings, root, lease, self.new.contended).await
    }

    /// The upload is refused or broke off: nothing of it stays.
    pub async fn abandon(self) {
        if let Some((mut root, _)) = self.begun {
            root.uploads = self.uploads;
            forget(self.e, self.settings, &root, self.new.contended).await;
        }
    }
}
