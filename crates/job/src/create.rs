//! Making a job: from the first byte a client sends to a job that somebody works on.
//!
//! **Invariant:** the root, with its expiry, is written before anything else of a job, so nothing
//! is left without an owner; and no client is told of a job whose parts are not all written.

mod receiver;

use std::time::Duration;

use crate::document::{Item, Pipeline, Root, Stage, Uploaded, VERSION};
use crate::effects::{Effects, StoreError};
use crate::handover::Created;
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::lease::Lease;
use crate::plan::wave_size;
use crate::retry::read_fresh;
use crate::run::Run;
use crate::settings::Settings;
use crate::storage::{Stop, delete_parts_missing_from, encode_root, existing, read_root};
use crate::sweep::{self, UNACCEPTED_RETENTION};

pub use receiver::Receiver;

/// How long a job whose upload is being received may be silent.
const UPLOAD_FRESHNESS: Duration = Duration::from_secs(120);

/// What is to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
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
    StoreFull,
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

fn blank<E: Effects>(effects: &E, new: &NewJob) -> Root {
    let now = effects.now();
    Root {
        v: VERSION,
        id: new.id.clone(),
        pipeline: new.pipeline,
        route: new.route.to_owned(),
        token: new.token,
        created: now,
        updated: now,
        // Until it is accepted it is nobody's: what a broken upload leaves is swept soon.
        expires: now.plus(UNACCEPTED_RETENTION),
        stage: Stage::Receiving,
        seq: 0,
        epoch: Epoch::after(0, effects),
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
        fresh_until: now.plus(UPLOAD_FRESHNESS),
        pending_failure: None,
        failure: None,
        leftovers: Vec::new(),
    }
}

/// Answers whether an expired job has the name.
async fn reserve_name<E: Effects>(
    effects: &E,
    settings: &Settings,
    new: &NewJob,
) -> Result<bool, CreateError> {
    let mut name_was_used = false;
    if new.contended {
        check_name(effects, settings, &new.id, None).await?;
        name_was_used = sweep::release_name(effects, settings, &new.id).await?;
    }
    if sweep::store_has_capacity(effects, settings).await? {
        Ok(name_was_used)
    } else {
        Err(CreateError::StoreFull)
    }
}

/// Whether nobody but the creator of `own` has made a job of this name. Of a contended name this is
/// asked before every write that others can see: who has settled has nothing to fear, then, from
/// who began at the same moment and went on later.
async fn check_name<E: Effects>(
    effects: &E,
    settings: &Settings,
    id: &JobId,
    own: Option<&Epoch>,
) -> Result<(), CreateError> {
    match read_fresh(effects, settings, async || existing(effects, id).await).await? {
        Some(root) if root.stage != Stage::Receiving && Some(&root.epoch) != own => {
            Err(CreateError::Exists(Box::new(root)))
        }
        _ => Ok(()),
    }
}

/// The root first, then the lease. A name `is_used` that an expired job has, too.
async fn write_first_root<E: Effects>(
    effects: &E,
    settings: &Settings,
    new: &NewJob,
    name_was_used: bool,
) -> Result<(Root, Lease), CreateError> {
    let root = blank(effects, new);
    let own = Some(&root.epoch);
    if new.contended {
        check_name(effects, settings, &new.id, own).await?;
    }
    let bytes = encode_root(&root)?;
    effects.set(&keys::root(&root.id), &bytes).await?;
    let begun = async {
        if name_was_used {
            // Who sees this root deletes nothing more. What others were deleting has taken effect
            // by then, and that may have been this root.
            effects.sleep(settings.write_delay * 2).await;
            if read_root(effects, &root.id).await?.is_none() {
                effects.set(&keys::root(&root.id), &bytes).await?;
            }
        }
        if new.contended {
            check_name(effects, settings, &new.id, own).await?;
        }
        Ok(Lease::create(effects, &root.id, root.epoch.clone(), settings).await?)
    };
    match begun.await {
        Ok(lease) => Ok((root, lease)),
        Err(error) => {
            discard(effects, settings, &root, new.contended).await;
            Err(error)
        }
    }
}

/// Makes a job of items that are known already.
///
/// # Errors
/// [`CreateError`]; nothing of the job is left then.
pub async fn create_with_items<E: Effects>(
    effects: &E,
    settings: &Settings,
    new: &NewJob,
    items: &[Item],
) -> Result<Created, CreateError> {
    let name_was_used = reserve_name(effects, settings, new).await?;
    let (mut root, lease) = write_first_root(effects, settings, new, name_was_used).await?;
    let mut run = Run::new(effects, settings, root.clone(), lease);
    let plan = match run.write_items(keys::plan, items).await {
        Ok(plan) => plan,
        Err(stop) => {
            discard(effects, settings, &root, new.contended).await;
            return Err(stop.into());
        }
    };
    let (_, lease) = run.into_parts();
    root.plan = plan;
    root.total = u32::try_from(items.len()).unwrap_or(u32::MAX);
    root.wave = wave_size(items.len(), settings.wave_items);
    accept(effects, settings, root, lease, new.contended).await
}

async fn accept<E: Effects>(
    effects: &E,
    settings: &Settings,
    mut root: Root,
    lease: Lease,
    contended: bool,
) -> Result<Created, CreateError> {
    let accepted = async {
        if contended {
            check_name(effects, settings, &root.id, Some(&root.epoch)).await?;
        }
        let now = effects.now();
        root.stage = Stage::Queued;
        root.seq = 1;
        root.touch(now, settings);
        root.fresh_until = now.plus(settings.lease);
        effects
            .set(&keys::root(&root.id), &encode_root(&root)?)
            .await?;
        Ok(())
    };
    match accepted.await {
        Ok(()) => Ok(Created {
            root,
            lease,
            contended,
        }),
        Err(error) => {
            discard(effects, settings, &root, contended).await;
            Err(error)
        }
    }
}

/// Deletes what there is of a job that will not be. What cannot be deleted now is swept when the
/// root expires.
async fn discard<E: Effects>(effects: &E, settings: &Settings, root: &Root, contended: bool) {
    if contended {
        // The root may be somebody else's by now, so it stays; or the job is accepted after all.
        effects.sleep(settings.write_delay).await;
        if let Ok(standing) = read_root(effects, &root.id).await {
            delete_parts_missing_from(effects, root, standing.as_ref()).await;
        }
        return;
    }
    // First what names the rest: if it cannot be deleted, the job is accepted after all.
    if effects.delete(&keys::root(&root.id)).await.is_ok() {
        delete_parts_missing_from(effects, root, None).await;
        let _ = effects.delete(&keys::lease(&root.id)).await;
    }
}
