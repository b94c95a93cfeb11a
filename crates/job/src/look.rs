//! Inspecting a job: the state it is in, whether a run works on it, and starting one when none
//! does. A job needs no scheduler, because every inspection revives it.

use serde_json::json;

use crate::document::{Component, Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::lease::{self, Liveness};
use crate::settings::Settings;
use crate::storage::{is_past_cleanup, read_end, read_root, repair};
use crate::time::Time;
use crate::work::no_worker;

/// Number of attempts to start a run before the job is given up.
const START_ATTEMPTS: u32 = 2;

/// The state a job was found in.
#[derive(Clone, Debug, PartialEq)]
pub enum Inspection {
    /// No job has this name, or it has expired.
    Missing,
    /// A run works on the job.
    Running(Root),
    /// The job has no outcome, and no run works on it.
    Idle(Root),
    /// The job has an outcome.
    Ended(Root),
}

impl Inspection {
    /// The state of a job that is known to have ended, or to have been worked on just now.
    #[must_use]
    pub fn from_root(root: Root) -> Self {
        if root.stage.is_terminal() {
            Self::Ended(root)
        } else {
            Self::Running(root)
        }
    }

    /// The job's root, if there is a job.
    #[must_use]
    pub fn root(&self) -> Option<&Root> {
        match self {
            Self::Missing => None,
            Self::Running(root) | Self::Idle(root) | Self::Ended(root) => Some(root),
        }
    }
}

/// A state, and how long it can be relied on.
pub(crate) struct Assessment {
    pub(crate) state: Inspection,
    /// Time until which a run is known to work on the job, as long as its root stays as it is.
    pub(crate) valid_until: Time,
}

impl From<Inspection> for Assessment {
    fn from(state: Inspection) -> Self {
        Self {
            state,
            valid_until: Time::default(),
        }
    }
}

/// Whether a state that is valid `until` then can still be relied on at `now`. A clock that has
/// jumped back must not make it valid for longer than a lease can last.
pub(crate) fn is_valid(until: Time, root: &Root, now: Time, settings: &Settings) -> bool {
    root.stage == Stage::Receiving && now < until || lasts(until, now, settings)
}

/// Whether a lease lasts `until` then, at `now`: that far ahead it is none.
pub(crate) fn lasts(until: Time, now: Time, settings: &Settings) -> bool {
    let longest = lease::longest(settings).max(settings.lease * 2);
    now < until && until <= now.plus(longest)
}

impl<E: Effects> Engine<'_, E> {
    /// Reads the state of a job and changes nothing: one `get` while the root is fresh, up to
    /// three when it is not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look(&self, id: &JobId) -> Result<Inspection, StoreError> {
        let root = match read_root(self.effects, id).await? {
            Some(root) => Some(root),
            // A root that is lost or damaged does not take the job's outcome with it.
            None => read_end(self.effects, id).await?,
        };
        Ok(self.assess(root).await?.state)
    }

    /// Reads the state of a job, as [`Self::look`] does, and does what the state asks for: starts
    /// a run when none works on the job, deletes what a run that died left of an ended one. What
    /// cannot be done now is left to the next inspection.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn inspect(&self, id: &JobId) -> Result<Inspection, StoreError> {
        let state = self.look(id).await?;
        self.revive_or_repair(&state).await;
        Ok(state)
    }

    /// As [`Self::inspect`], for a request that changes an ended job: a store that fails is asked
    /// again for a while.
    ///
    /// # Errors
    /// When the store keeps failing.
    pub async fn inspect_patiently(&self, id: &JobId) -> Result<Inspection, StoreError> {
        let state = self.retry_briefly(async || self.look(id).await).await?;
        self.revive_or_repair(&state).await;
        Ok(state)
    }

    /// The state of the job whose root this is.
    pub(crate) async fn assess(&self, root: Option<Root>) -> Result<Assessment, StoreError> {
        let Some(root) = root else {
            return Ok(Inspection::Missing.into());
        };
        let now = self.effects.now();
        let outcome = |root: Root| match root.expired(now) {
            true => Inspection::Missing,
            false => Inspection::Ended(root),
        };
        if root.stage.is_terminal() {
            return Ok(outcome(root).into());
        }
        if is_valid(root.fresh_until, &root, now, self.settings) {
            return Ok(Assessment {
                valid_until: root.fresh_until,
                state: Inspection::Running(root),
            });
        }
        if let Some(end) = read_end(self.effects, &root.id).await? {
            return Ok(outcome(end).into());
        }
        if root.expired(now) {
            return Ok(Inspection::Missing.into());
        }
        let lease = lease::read(self.effects, &root.id).await?;
        Ok(match lease {
            Some(lease) if lease.liveness(now, self.settings) == Liveness::Live => Assessment {
                valid_until: lease.expires.min(now.plus(lease::longest(self.settings))),
                state: Inspection::Running(root),
            },
            _ => Inspection::Idle(root).into(),
        })
    }

    /// Does what a state found by [`Self::look`] asks for: starts a run of a job that none works
    /// on, deletes what is left of an ended one. Never fails: the next inspection tries again.
    pub async fn revive_or_repair(&self, state: &Inspection) {
        match state {
            Inspection::Idle(root) => self.revive(root).await,
            Inspection::Ended(end) => {
                if !is_past_cleanup(end, self.effects.now()) {
                    return;
                }
                self.have_webhook_delivered(end).await;
                if !end.leftovers.is_empty() {
                    let _ = repair(self.effects, end.clone()).await;
                }
            }
            Inspection::Missing | Inspection::Running(_) => {}
        }
    }

    async fn revive(&self, root: &Root) {
        let mut problem = String::new();
        let mut is_busy = false;
        for _ in 0..START_ATTEMPTS {
            let mut started = self.start(root, None).await;
            if let Err(error) = &started
                && error.is_no_route()
                && root.next_component() == Component::Reader
            {
                // Another component finds that out once more, and goes on without it.
                started = self.start(&root.without_reading(), None).await;
            }
            match started {
                Ok(()) => return,
                Err(error) => {
                    problem = error.to_string();
                    is_busy = error.is_busy();
                    if is_busy {
                        break;
                    }
                }
            }
        }
        self.effects.log(
            "revival-failed",
            json!({"level": "warn", "jobId": root.id, "message": problem}),
        );
        // Where everybody waits, nothing is wrong with this job.
        if !is_busy && self.effects.now().since(root.updated) >= self.settings.stall {
            self.give_up(root).await;
        }
    }

    async fn give_up(&self, root: &Root) {
        let ended = self.end_without_worker(root.clone(), Stage::Error, no_worker());
        if let Err(stop) = ended.await {
            self.effects.log(
                "giving-up-failed",
                json!({"level": "warn", "jobId": root.id, "message": stop.to_string()}),
            );
        }
    }
}
