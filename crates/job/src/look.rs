//! Inspecting a job: what state it is in, whether a run works on it, and restarting it when none
//! does. A job needs no scheduler, because everybody who inspects it revives it.

use std::time::Duration;

use serde_json::json;

use crate::document::{Failure, Root, Stage};
use crate::effects::{Effects, StoreError, Time};
use crate::id::JobId;
use crate::lease::{self, Liveness};
use crate::secret::Keyring;
use crate::settings::Settings;
use crate::storage::{read_end, read_root, repair};
use crate::work::{end_without_worker, no_worker, start};

/// How long an ended job's leftovers are left to the run that ended it.
const CLEANUP_GRACE: Duration = Duration::from_secs(5);

/// How often starting a run is tried before the job is given up.
const START_ATTEMPTS: u32 = 2;

/// A job as a look found it.
#[derive(Clone, Debug, PartialEq)]
pub enum Inspection {
    /// There is none, or no more.
    Missing,
    /// Somebody works on it.
    Running(Root),
    /// It has no outcome, and nobody works on it.
    Idle(Root),
    /// It has an outcome.
    Ended(Root),
}

impl Inspection {
    /// A job that is known to have been worked on just now, or to be over.
    #[must_use]
    pub fn from_root(root: Root) -> Self {
        if root.stage.is_terminal() {
            Self::Ended(root)
        } else {
            Self::Running(root)
        }
    }

    /// The job's document, if there is a job.
    #[must_use]
    pub fn root(&self) -> Option<&Root> {
        match self {
            Self::Missing => None,
            Self::Running(root) | Self::Idle(root) | Self::Ended(root) => Some(root),
        }
    }
}

/// Looks at a job: one `get` while it is fresh, three when it is not.
///
/// # Errors
/// The store's.
pub async fn look<E: Effects>(
    effects: &E,
    settings: &Settings,
    id: &JobId,
) -> Result<Inspection, StoreError> {
    let root = read_root(effects, id).await?;
    Ok(assess(effects, settings, root).await?.look)
}

/// What a look showed.
pub(crate) struct Assessment {
    pub(crate) look: Inspection,
    /// Until then somebody works on the job, as long as its root stays as it is.
    pub(crate) holds_until: Time,
}

impl From<Inspection> for Assessment {
    fn from(look: Inspection) -> Self {
        Self {
            look,
            holds_until: Time::default(),
        }
    }
}

/// Whether what held until then need not be asked again of a job whose root this is. A clock that
/// has jumped back must not make it hold for longer than a lease can.
pub(crate) fn holds(until: Time, root: &Root, now: Time, settings: &Settings) -> bool {
    let longest = settings.lease * 2;
    now < until && (root.stage == Stage::Receiving || until <= now.plus(longest))
}

/// What a job is whose root this is.
pub(crate) async fn assess<E: Effects>(
    effects: &E,
    settings: &Settings,
    root: Option<Root>,
) -> Result<Assessment, StoreError> {
    let Some(root) = root else {
        return Ok(Inspection::Missing.into());
    };
    let now = effects.now();
    let outcome = |root: Root| match root.expired(now) {
        true => Inspection::Missing,
        false => Inspection::Ended(root),
    };
    if root.stage.is_terminal() {
        return Ok(outcome(root).into());
    }
    if holds(root.fresh_until, &root, now, settings) {
        let holds_until = root.fresh_until;
        let look = Inspection::Running(root);
        return Ok(Assessment { look, holds_until });
    }
    if let Some(end) = read_end(effects, &root.id).await? {
        return Ok(outcome(end).into());
    }
    if root.expired(now) {
        return Ok(Inspection::Missing.into());
    }
    let lease = lease::read(effects, &root.id).await?;
    Ok(match lease {
        Some(lease) if lease.liveness(now, settings) == Liveness::Live => Assessment {
            holds_until: lease.expires.min(now.plus(settings.lease)),
            look: Inspection::Running(root),
        },
        _ => Inspection::Idle(root).into(),
    })
}

/// Does for a job what its state asks of whoever sees it: starts a run when nobody works on it,
/// clears away what a dead run left. Never fails: the next look tries again.
pub async fn revive_or_repair<E: Effects>(
    effects: &E,
    settings: &Settings,
    keyring: &Keyring,
    look: &Inspection,
) {
    match look {
        Inspection::Idle(root) => revive(effects, settings, keyring, root).await,
        Inspection::Ended(end) => {
            let unfinished =
                !end.leftovers.is_empty() && effects.now().since(end.updated) >= CLEANUP_GRACE;
            if unfinished {
                let _ = repair(effects, end.clone()).await;
            }
        }
        Inspection::Missing | Inspection::Running(_) => {}
    }
}

async fn revive<E: Effects>(effects: &E, settings: &Settings, keyring: &Keyring, root: &Root) {
    let mut problem = String::new();
    for _ in 0..START_ATTEMPTS {
        match start(effects, settings, keyring, root, None).await {
            Ok(()) => return,
            Err(error) => problem = error.to_string(),
        }
    }
    effects.log(
        "revival-failed",
        json!({"level": "warn", "jobId": root.id, "message": problem}),
    );
    if effects.now().since(root.updated) >= settings.stall {
        give_up(effects, settings, root, no_worker()).await;
    }
}

async fn give_up<E: Effects>(effects: &E, settings: &Settings, root: &Root, failure: Failure) {
    let result = end_without_worker(effects, settings, root.clone(), Stage::Error, failure).await;
    if let Err(stop) = result {
        effects.log(
            "giving-up-failed",
            json!({"level": "warn", "jobId": root.id, "message": stop.to_string()}),
        );
    }
}
