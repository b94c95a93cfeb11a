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
const CLEARING_PATIENCE: Duration = Duration::from_secs(5);

/// How often starting a run is tried before the job is given up.
const START_ATTEMPTS: u32 = 2;

/// A job as a look found it.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// There is none, or no more.
    Missing,
    /// Somebody works on it.
    Running(Root),
    /// It has no outcome, and nobody works on it.
    Idle(Root),
    /// It has an outcome.
    Ended(Root),
}

impl Look {
    /// A job that is known to have been worked on just now, or to be over.
    #[must_use]
    pub fn of(root: Root) -> Self {
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
pub async fn look<E: Effects>(e: &E, settings: &Settings, id: &JobId) -> Result<Look, StoreError> {
    let root = read_root(e, id).await?;
    Ok(judge(e, settings, root).await?.look)
}

/// What a look showed.
pub(crate) struct Judgement {
    pub(crate) look: Look,
    /// Until then somebody works on the job, as long as its root stays as it is.
    pub(crate) holds_until: Time,
}

impl From<Look> for Judgement {
    fn from(look: Look) -> Self {
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
pub(crate) async fn judge<E: Effects>(
    e: &E,
    settings: &Settings,
    root: Option<Root>,
) -> Result<Judgement, StoreError> {
    let Some(root) = root else {
        return Ok(Look::Missing.into());
    };
    let now = e.now();
    let outcome = |root: Root| match root.expired(now) {
        true => Look::Missing,
        false => Look::Ended(root),
    };
    if root.stage.is_terminal() {
        return Ok(outcome(root).into());
    }
    if holds(root.fresh_until, &root, now, settings) {
        let holds_until = root.fresh_until;
        let look = Look::Running(root);
        return Ok(Judgement { look, holds_until });
    }
    if let Some(end) = read_end(e, &root.id).await? {
        return Ok(outcome(end).into());
    }
    if root.expired(now) {
        return Ok(Look::Missing.into());
    }
    let lease = lease::read(e, &root.id).await?;
    Ok(match lease {
        Some(lease) if lease.liveness(now, settings) == Liveness::Live => Judgement {
            holds_until: lease.expires.min(now.plus(settings.lease)),
            look: Look::Running(root),
        },
        _ => Look::Idle(root).into(),
    })
}

/// Does for a job what its state asks of whoever sees it: starts a run when nobody works on it,
/// clears away what a dead run left. Never fails: the next look tries again.
pub async fn tend<E: Effects>(e: &E, settings: &Settings, keyring: &Keyring, look: &Look) {
    match look {
        Look::Idle(root) => revive(e, settings, keyring, root).await,
        Look::Ended(end) => {
            let unfinished =
                !end.leftovers.is_empty() && e.now().since(end.updated) >= CLEARING_PATIENCE;
            if unfinished {
                let _ = repair(e, end.clone()).await;
            }
        }
        Look::Missing | Look::Running(_) => {}
    }
}

async fn revive<E: Effects>(e: &E, settings: &Settings, keyring: &Keyring, root: &Root) {
    let mut problem = String::new();
    for _ in 0..START_ATTEMPTS {
        match start(e, settings, keyring, root, None).await {
            Ok(()) => return,
            Err(error) => problem = error.to_string(),
        }
    }
    e.log(
        "revival-failed",
        json!({"level": "warn", "jobId": root.id, "message": problem}),
    );
    if e.now().since(root.updated) >= settings.stall {
        give_up(e, settings, root, no_worker()).await;
    }
}

async fn give_up<E: Effects>(e: &E, settings: &Settings, root: &Root, failure: Failure) {
    let result = end_without_worker(e, settings, root.clone(), Stage::Error, failure).await;
    if let Err(stop) = result {
        e.log(
            "giving-up-failed",
            json!({"level": "warn", "jobId": root.id, "message": stop.to_string()}),
        );
    }
}
