//! Looking at a job: what it is now, and whether somebody works on it. Who looks and finds that
//! nobody does starts the next run: a job needs no scheduler.

use std::time::Duration;

use serde_json::json;

use crate::document::{Failure, Item, Root, Stage};
use crate::effects::{Effects, StoreError, Time};
use crate::id::JobId;
use crate::lease::{self, Liveness};
use crate::observer::{Observer, Step};
use crate::results::Reader;
use crate::run::{read_end, read_root, repair};
use crate::secret::Keyring;
use crate::settings::Settings;
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
    let Some(root) = read_root(e, id).await? else {
        return Ok(Look::Missing);
    };
    let now = e.now();
    if root.stage.is_terminal() {
        return Ok(if root.expired(now) {
            Look::Missing
        } else {
            Look::Ended(root)
        });
    }
    let longest = settings.lease * 2;
    let fresh = now < root.fresh_until
        && (root.stage == Stage::Receiving || root.fresh_until <= now.plus(longest));
    if fresh {
        return Ok(Look::Running(root));
    }
    if let Some(end) = read_end(e, id).await? {
        return Ok(if end.expired(now) {
            Look::Missing
        } else {
            Look::Ended(end)
        });
    }
    if root.expired(now) {
        return Ok(Look::Missing);
    }
    let live = lease::read(e, id)
        .await?
        .is_some_and(|lease| lease.liveness(now, settings) == Liveness::Live);
    Ok(if live {
        Look::Running(root)
    } else {
        Look::Idle(root)
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

/// Something to say to a watcher, with what it takes to say it.
#[derive(Clone, Debug, PartialEq)]
pub struct Saying {
    /// What.
    pub step: Step,
    /// The job as it was then.
    pub root: Root,
    /// The item, of [`Step::Book`].
    pub item: Option<Box<Item>>,
}

/// What a watcher is to do now.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Say this, then ask again.
    Say(Box<Saying>),
    /// There is no such job (any more).
    Gone,
    /// Everything has been said.
    Over,
}

/// Follows one job for one watcher.
pub struct Watcher<'a, E> {
    e: &'a E,
    settings: &'a Settings,
    keyring: &'a Keyring,
    id: JobId,
    observer: Observer,
    reader: Reader,
    look: Option<Look>,
    /// The pause before the next look.
    pause: Duration,
    looks: u32,
    began: Duration,
    tended: Option<Duration>,
}

impl<'a, E: Effects> Watcher<'a, E> {
    /// A watcher whose first look has been made.
    #[must_use]
    pub fn new(
        e: &'a E,
        settings: &'a Settings,
        keyring: &'a Keyring,
        id: JobId,
        observer: Observer,
        look: Look,
    ) -> Self {
        Self {
            e,
            settings,
            keyring,
            id,
            observer,
            reader: Reader::default(),
            look: Some(look),
            pause: settings.look_min,
            looks: 1,
            began: e.monotonic(),
            tended: None,
        }
    }

    /// How often the store was looked at.
    #[must_use]
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// Where the watcher is.
    #[must_use]
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Waits until there is something to say. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Next {
        loop {
            if self.observer.is_over() {
                return Next::Over;
            }
            if let Some(look) = &self.look {
                let Some(root) = look.root() else {
                    return Next::Gone;
                };
                let patient =
                    self.e.monotonic().saturating_sub(self.began) < self.settings.write_delay * 2;
                if self.observer.believe(root, patient) {
                    let now = self.e.now();
                    if let Some(step) = self.observer.next(root, now) {
                        let item = match step {
                            Step::Book(_, index) => {
                                match self.reader.item(self.e, root, index).await {
                                    Ok(Some(item)) => Some(Box::new(item.clone())),
                                    // Merged away since the look.
                                    Ok(None) | Err(_) => {
                                        self.look_again().await;
                                        continue;
                                    }
                                }
                            }
                            _ => None,
                        };
                        return Next::Say(Box::new(Saying {
                            step,
                            root: root.clone(),
                            item,
                        }));
                    }
                }
            }
            self.look_again().await;
        }
    }

    /// What [`Self::next`] answered has been said.
    pub fn said(&mut self, saying: &Saying) {
        self.observer.said(saying.step, &saying.root, self.e.now());
        if !matches!(saying.step, Step::Book(..) | Step::Heartbeat) {
            self.pause = self.settings.look_min;
        }
    }

    async fn look_again(&mut self) {
        self.e.sleep(self.time_to_next_look()).await;
        self.pause = (self.pause * 2).min(self.settings.look_max);
        self.looks += 1;
        match look(self.e, self.settings, &self.id).await {
            Ok(look) => {
                let idle = matches!(look, Look::Idle(_));
                let unfinished = matches!(&look, Look::Ended(end) if !end.leftovers.is_empty());
                let now = self.e.monotonic();
                let lately = self
                    .tended
                    .is_some_and(|at| now < at + self.settings.write_delay * 2);
                if (idle || unfinished) && !lately {
                    self.tended = Some(now);
                    tend(self.e, self.settings, self.keyring, &look).await;
                }
                self.look = Some(look);
            }
            // The store refuses: ask less often, and go on with what is known.
            Err(_) => self.pause = self.settings.look_max,
        }
    }

    /// Commits come when they are due: look closely then, and rarely before and long after.
    fn time_to_next_look(&self) -> Duration {
        let due = match &self.look {
            Some(Look::Running(root)) => root.due,
            _ => None,
        };
        let now = self.e.now();
        match due {
            Some(due) if due > now => until_due(due, now, self.settings),
            _ => self.pause,
        }
    }
}

fn until_due(due: Time, now: Time, settings: &Settings) -> Duration {
    due.since(now).min(settings.look_max).max(settings.look_min)
}
