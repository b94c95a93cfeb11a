//! Looking at a job: what it is now, and whether somebody works on it. Who looks and finds that
//! nobody does starts the next run: a job needs no scheduler.

use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{Stream, StreamExt, select_all, unfold};
use serde_json::json;

use crate::document::{Failure, Item, Root, Stage};
use crate::effects::{Effects, StoreError, Time, millis};
use crate::feed::Feed;
use crate::id::JobId;
use crate::keys;
use crate::lease::{self, Liveness};
use crate::observer::{Observer, Step};
use crate::results::Reader;
use crate::run::{decode_root, read_end, read_root, repair};
use crate::secret::Keyring;
use crate::settings::Settings;
use crate::work::{end_without_worker, no_worker, start};

/// How long an ended job's leftovers are left to the run that ended it.
const CLEARING_PATIENCE: Duration = Duration::from_secs(5);
/// Sleeping so much longer than was asked for is usual: clocks are coarse. More than that says that
/// others need the machine.
const USUAL_DELAY: Duration = Duration::from_millis(2);
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
struct Judgement {
    look: Look,
    /// Until then somebody works on the job, as long as its root stays as it is.
    holds_until: Time,
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
fn holds(until: Time, root: &Root, now: Time, settings: &Settings) -> bool {
    let longest = settings.lease * 2;
    now < until && (root.stage == Stage::Receiving || until <= now.plus(longest))
}

/// What a job is whose root this is.
async fn judge<E: Effects>(
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

/// What the run beside a watcher has said.
enum Heard {
    /// This is the job now.
    Root(Box<Root>),
    /// Nothing yet.
    Nothing,
    /// It says nothing more.
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
    /// The bytes of the root that the last look found: most looks find the same again.
    bytes: Vec<u8>,
    /// Until then it is enough that they are the same.
    holds_until: Time,
    /// The run beside this watcher, as long as it says anything.
    feed: Option<&'a Feed>,
    /// When something was last heard of the job.
    heard: Duration,
    /// How long it had been silent before.
    silent: Duration,
    /// No pause is shorter: that there is more to do than the machine can.
    least_pause: Duration,
    began: Duration,
    /// When the look was begun that is known: what it shows may be as old.
    looked: Duration,
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
        // No longer than it takes until a watcher looks as rarely as it ever does.
        let silent = look.root().map_or(Duration::ZERO, |root| {
            e.now().since(root.updated).min(settings.look_max * 40)
        });
        Self {
            e,
            settings,
            keyring,
            id,
            observer,
            reader: Reader::default(),
            look: Some(look),
            bytes: Vec::new(),
            holds_until: Time::default(),
            feed: None,
            heard: e.monotonic(),
            silent,
            least_pause: Duration::ZERO,
            began: e.monotonic(),
            looked: e.monotonic(),
            tended: None,
        }
    }

    /// The same beside the job's run: as long as that works, what it commits is heard from it, and
    /// the store is not looked at.
    #[must_use]
    pub fn beside(mut self, feed: &'a Feed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// The job's name.
    #[must_use]
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Whether its client had everything that there is to say before it connected.
    #[must_use]
    pub fn has_everything(&self) -> bool {
        matches!(&self.look, Some(Look::Ended(end)) if self.observer.has_everything(end))
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
                    self.looked.saturating_sub(self.began) < self.settings.write_delay * 2;
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
            self.heard = self.e.monotonic();
            self.silent = Duration::ZERO;
        }
    }

    async fn look_again(&mut self) {
        match self.feed {
            None => {
                let pause = self.next_pause();
                let began = self.e.monotonic();
                self.e.sleep(pause).await;
                let late = self.e.monotonic().saturating_sub(began + pause);
                let strain = late.saturating_sub(USUAL_DELAY).min(self.settings.look_max);
                self.least_pause = (self.least_pause * 7 + strain * 4) / 8;
            }
            Some(feed) => match self.listen(feed).await {
                Heard::Root(root) => {
                    self.look = Some(Look::of(*root));
                    return;
                }
                Heard::Nothing => return,
                Heard::Over => self.feed = None,
            },
        }
        let asked = self.e.monotonic();
        match self.look_once().await {
            Ok(None) => self.looked = asked,
            Ok(Some(look)) => {
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
                self.looked = asked;
            }
            // The store refuses: ask less often, and go on with what is known.
            Err(_) => self.e.sleep(self.settings.retry).await,
        }
    }

    /// [`look`]; `None` when it shows what the last one did.
    async fn look_once(&mut self) -> Result<Option<Look>, StoreError> {
        let bytes = self.e.get(&keys::root(&self.id)).await?;
        if let (Some(bytes), Some(Look::Running(root))) = (&bytes, &self.look)
            && *bytes == self.bytes
            && holds(self.holds_until, root, self.e.now(), self.settings)
        {
            return Ok(None);
        }
        let root = bytes
            .as_deref()
            .and_then(|bytes| decode_root(self.e, &self.id, bytes));
        let judgement = judge(self.e, self.settings, root).await?;
        self.bytes = bytes.unwrap_or_default();
        self.holds_until = judgement.holds_until;
        Ok(Some(judgement.look))
    }

    /// Waits for the run beside this watcher, but not so long that a heartbeat would be late.
    async fn listen(&self, feed: &Feed) -> Heard {
        let silence = std::pin::pin!(self.e.sleep(self.settings.look_max));
        match select(std::pin::pin!(feed.next()), silence).await {
            Either::Left((Some(root), _)) => Heard::Root(Box::new(root)),
            Either::Left((None, _)) => Heard::Over,
            Either::Right(((), _)) => Heard::Nothing,
        }
    }

    /// How long until the next look: short when a commit is due, else the longer the longer the job
    /// has been silent.
    fn next_pause(&self) -> Duration {
        let due = match &self.look {
            Some(Look::Running(root)) => until_due(root, self.e.now()),
            _ => None,
        };
        let silence = self.e.monotonic().saturating_sub(self.heard) + self.silent;
        // So that nobody hears of what was not foreseen later than by a fortieth of the time it took.
        let pause = due.unwrap_or(silence / 40);
        self.bearable(pause.clamp(self.settings.look_min, self.settings.look_max))
    }

    /// A pause that the machine can bear: where many look closely nobody would get his turn.
    fn bearable(&self, pause: Duration) -> Duration {
        pause.max(self.least_pause.min(self.settings.look_max))
    }
}

/// Follows several jobs as one: what is to be said of each as it comes, with the number that its
/// watcher has here; without a saying when the job is no more. Ends when everything has been said of
/// all. Whatever is taken counts as said.
pub fn together<'a, E: Effects + 'a>(
    watchers: impl IntoIterator<Item = (usize, Watcher<'a, E>)>,
) -> impl Stream<Item = (usize, Option<Box<Saying>>)> + Unpin + 'a {
    select_all(watchers.into_iter().map(|(number, watcher)| {
        unfold(Some(watcher), move |watcher| async move {
            let mut watcher = watcher?;
            match watcher.next().await {
                Next::Say(saying) => {
                    watcher.said(&saying);
                    Some(((number, Some(saying)), Some(watcher)))
                }
                Next::Gone => Some(((number, None), None)),
                Next::Over => None,
            }
        })
        .boxed_local()
    }))
}

/// Watchers stop looking closely for a commit that is so many rounds late.
const ROUNDS: u32 = 6;

/// How long until the next look, as far as that follows from when the commit is due: the closer that
/// is, the shorter, so that a commit that comes a little sooner or later is heard of late by no more
/// than a quarter of that. `None` when nothing is known of it any more.
fn until_due(root: &Root, now: Time) -> Option<Duration> {
    let due = root.due?;
    let each = Duration::from_millis(u64::from(root.due_every));
    let past = now.since(due);
    let distance = if now < due {
        due.since(now)
    } else if each.is_zero() {
        let expected = due.since(root.updated);
        (past <= expected / 8).then_some(past)?
    } else {
        let into = Duration::from_millis(millis(past) % millis(each));
        (past < each * ROUNDS).then(|| into.min(each - into))?
    };
    Some(distance / 4)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A job whose last commit was at 1,000 ms and whose next is expected after so many ms.
    fn expecting(after: Option<u64>) -> Root {
        let mut root = json!({
            "v": 1, "id": "a", "pipeline": "csv_import", "route": "imports", "token": true,
            "created": 0, "updated": 1000, "expires": 0, "stage": "enriching", "seq": 3,
            "epoch": {"term": 1, "nonce": "0"}, "fresh_until": 0,
        });
        if let Some(after) = after {
            root["due"] = json!(1000 + after);
        }
        serde_json::from_value(root).unwrap()
    }

    fn pause(root: &Root, now: u64) -> Option<u64> {
        until_due(root, Time(1000 + now)).map(millis)
    }

    #[test]
    fn the_closer_a_commit_is_the_closer_a_watcher_looks() {
        let root = expecting(Some(100));
        let looked: Vec<_> = [0, 40, 80, 96, 100, 104, 112]
            .map(|now| pause(&root, now))
            .into();
        let pauses = [25, 15, 5, 1, 0, 1, 3];
        assert_eq!(looked, pauses.map(Some));
        assert_eq!(pause(&root, 113), None, "it is late: nobody knows how late");
    }

    #[test]
    fn a_commit_that_comes_with_answers_is_looked_for_when_they_come() {
        let root = Root {
            due_every: 80,
            ..expecting(Some(30))
        };
        for round in 0..6 {
            let due = 30 + 80 * round;
            let looked: Vec<_> = [due, due + 20, due + 40, due + 60]
                .map(|now| pause(&root, now))
                .into();
            assert_eq!(looked, [0, 5, 10, 5].map(Some), "{round}");
        }
        assert_eq!(pause(&root, 30 + 80 * 6), None);
    }

    #[test]
    fn nothing_is_known_of_what_is_not_expected() {
        assert_eq!(pause(&expecting(None), 0), None);
        assert_eq!(pause(&expecting(Some(0)), 0), Some(0));
        assert_eq!(pause(&expecting(Some(0)), 1), None);
    }
}
