//! Following a job for one watcher: when to look at the store, and what to tell next.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{Stream, StreamExt, select_all, unfold};

use crate::cadence::PollPacer;
use crate::document::{Item, Root};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::feed::Feed;
use crate::id::JobId;
use crate::keys;
use crate::look::{Inspection, is_valid};
use crate::observer::{Observer, Position, Step, StoreLag};
use crate::results::Reader;
use crate::silence::{self, Silence};
use crate::storage::{Stop, decode_root};
use crate::time::Time;

/// An event for a watcher, with all that is needed to spell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// The event.
    pub step: Step,
    /// The job's root at the time of the event.
    pub root: Root,
    /// The finished item, with a [`Step::Book`].
    pub item: Option<Box<Item>>,
}

/// The next action of whoever delivers to a watcher.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Deliver this, then ask again.
    Notify(Box<Notification>),
    /// Leave if you like: everything has been delivered, nothing is expected soon, and
    /// [`Engine::look_at_silence`] tells when to come back. Only where [`Watcher::may_leave`].
    Silent(Box<Silence>),
    /// The job does not exist any more.
    Gone,
    /// Everything has been delivered.
    Over,
}

/// Whether a watcher leaves a job.
enum Leaving {
    /// There may be news soon.
    No,
    /// Not before another look: what the last one showed of the run may hold no longer.
    AfterLook,
    /// Yes: everything has been delivered, and nothing is expected soon.
    Now(Box<Silence>),
}

/// The result of waiting for the run in the same invocation.
enum FeedUpdate {
    /// The run has written this root.
    Root(Box<Root>),
    /// The run has written nothing yet.
    Nothing,
    /// The run is over: it writes nothing more.
    Over,
}

/// Follows one job for one watcher.
///
/// [`Engine::watch`] makes one from an observer and the state that the job was found in. Then call
/// [`Watcher::next`], deliver what it returns, confirm with [`Watcher::mark_delivered`], and so on
/// until it returns [`Next::Over`] or [`Next::Gone`]. What was not confirmed is returned again, and
/// dropping the future of [`Watcher::next`] loses nothing, so a delivery can be abandoned at any
/// point. [`Watcher::all`] does this for several jobs at once.
///
/// Between notifications the watcher looks at the store, as often as its pacer says, and revives
/// the job when no run works on it. A watcher in the invocation of the job's run is given the run's
/// [`Feed`] by [`Watcher::with_feed`] and looks at the store only when the run is over.
///
/// ```
/// use job::effects::StoreError;
/// use job::{Effects, Engine, JobId, Next, Position};
///
/// /// Tells a client everything after the event that it has last seen.
/// async fn tell<E: Effects>(
///     engine: Engine<'_, E>,
///     id: JobId,
///     last: Option<Position>,
///     mut write: impl FnMut(&job::Notification),
/// ) -> Result<(), StoreError> {
///     let state = engine.inspect(&id).await?;
///     let mut watcher = engine.watch(id, engine.observer(last, false), state);
///     while let Next::Notify(notification) = watcher.next().await {
///         write(&notification);
///         watcher.mark_delivered(&notification);
///     }
///     Ok(())
/// }
/// ```
pub struct Watcher<'a, E> {
    engine: Engine<'a, E>,
    id: JobId,
    observer: Observer,
    reader: Reader,
    state: Option<Inspection>,
    /// The bytes of the root that was read last: most looks find the same again.
    bytes: Vec<u8>,
    /// Time until which identical bytes mean that a run works on the job.
    valid_until: Time,
    /// The feed of the run in the same invocation, until that is over.
    feed: Option<&'a Feed>,
    /// What tells whether the watcher leaves, if it may. (A function, so that components whose
    /// watchers always stay have none of this in them.)
    leaving: Option<fn(&Self) -> Leaving>,
    pacer: PollPacer,
    began: Duration,
    /// Time at which the read of the current state began: the state may be as old.
    looked: Duration,
    /// Sequence number of the root whose segment with the next book cannot be read, and the
    /// monotonic time since which.
    unreadable: Option<(u64, Duration)>,
    /// Time at which this watcher last revived or repaired the job.
    revived: Option<Duration>,
}

impl<'a, E: Effects> Engine<'a, E> {
    /// An observer that connects now and claims to have had the events up to `last`.
    #[must_use]
    pub fn observer(&self, last: Option<Position>, with_books: bool) -> Observer {
        Observer::new(last, with_books, self.effects.now(), self.settings)
    }

    /// Follows a job from the state that it was last found in.
    #[must_use]
    pub fn watch(&self, id: JobId, observer: Observer, state: Inspection) -> Watcher<'a, E> {
        let now = self.effects.monotonic();
        let silence = state.root().map_or(Duration::ZERO, |root| {
            self.effects.now().since(root.updated)
        });
        Watcher {
            engine: *self,
            id,
            observer,
            reader: Reader::default(),
            state: Some(state),
            bytes: Vec::new(),
            valid_until: Time::default(),
            feed: None,
            leaving: None,
            pacer: PollPacer::new(self.settings, now, silence),
            began: now,
            looked: now,
            unreadable: None,
            revived: None,
        }
    }
}

impl<'a, E: Effects> Watcher<'a, E> {
    /// Follows several jobs as one stream: each notification as it comes, with the number that its
    /// watcher has here, and as the last of a watcher [`Next::Gone`] or [`Next::Silent`]. Ends when
    /// every watcher is over.
    /// What the stream yields counts as delivered.
    pub fn all(
        watchers: impl IntoIterator<Item = (usize, Self)>,
    ) -> impl Stream<Item = (usize, Next)> + Unpin
    where
        Self: 'a,
    {
        select_all(watchers.into_iter().map(|(number, watcher)| {
            unfold(Some(watcher), move |watcher| async move {
                let mut watcher = watcher?;
                match watcher.next().await {
                    Next::Notify(notification) => {
                        watcher.mark_delivered(&notification);
                        Some(((number, Next::Notify(notification)), Some(watcher)))
                    }
                    last @ (Next::Gone | Next::Silent(_)) => Some(((number, last), None)),
                    Next::Over => None,
                }
            })
            .boxed_local()
        }))
    }

    /// Makes the watcher take commits from the feed of the run beside it; it does not look at the
    /// store until the run is over.
    #[must_use]
    pub fn with_feed(mut self, feed: &'a Feed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// Makes the watcher say when nobody need wait for the job's next news: [`Next::Silent`].
    #[must_use]
    pub fn may_leave(mut self, may: bool) -> Self {
        self.leaving = may.then_some(Self::leaving);
        self
    }

    /// The job's id.
    #[must_use]
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Whether the client had the job's outcome, and all its books, before it connected.
    #[must_use]
    pub fn has_everything(&self) -> bool {
        matches!(&self.state, Some(Inspection::Ended(end)) if self.observer.has_everything(end))
    }

    /// The position of the last delivered event.
    #[must_use]
    pub fn position(&self) -> Position {
        self.observer.position()
    }

    /// Waits for the next notification. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Next {
        loop {
            if self.observer.is_over() {
                return Next::Over;
            }
            match &self.state {
                Some(Inspection::Missing) => return Next::Gone,
                Some(_) => {
                    if let Some(notification) = self.notification().await {
                        return Next::Notify(Box::new(notification));
                    }
                }
                None => {}
            }
            let is_leaving = match self.leaving.map(|leaving| leaving(self)) {
                Some(Leaving::Now(silence)) => return Next::Silent(silence),
                Some(Leaving::AfterLook) => true,
                Some(Leaving::No) | None => false,
            };
            self.look_again(is_leaving).await;
        }
    }

    /// The next notification that the known state holds and that was not delivered yet.
    async fn notification(&mut self) -> Option<Notification> {
        let root = self.state.as_ref()?.root()?;
        let lag =
            match self.looked.saturating_sub(self.began) < self.engine.settings.write_delay * 2 {
                true => StoreLag::Possible,
                false => StoreLag::Over,
            };
        if !self.observer.verify(root, lag) {
            return None;
        }
        let step = self.observer.next(root, self.engine.effects.now())?;
        let item = match step {
            Step::Book(_, index) => {
                let Engine {
                    effects, settings, ..
                } = self.engine;
                let now = effects.monotonic();
                let is_lost = self.unreadable.is_some_and(|(seq, since)| {
                    seq == root.seq && now >= since + settings.write_delay * 2
                });
                match self.reader.item(effects, root, index).await {
                    Ok(item) => {
                        self.unreadable = None;
                        Some(Box::new(item?.clone()))
                    }
                    // It is lost, which may be why the job failed: no book follows.
                    Err(Stop::Damaged(_)) if root.stage.is_terminal() && is_lost => {
                        let step = self.observer.skip_books(root);
                        let root = root.clone();
                        let item = None;
                        return Some(Notification { step, root, item });
                    }
                    // It was merged into another one since the look, or the store does not show it
                    // yet.
                    Err(Stop::Damaged(_)) => {
                        // What another root names is another value.
                        if self.unreadable.is_none_or(|(seq, _)| seq != root.seq) {
                            self.unreadable = Some((root.seq, now));
                        }
                        return None;
                    }
                    Err(_) => return None,
                }
            }
            _ => None,
        };
        Some(Notification {
            step,
            root: root.clone(),
            item,
        })
    }

    /// Confirms that a notification was delivered.
    pub fn mark_delivered(&mut self, notification: &Notification) {
        let Notification { step, root, .. } = notification;
        let now = self.engine.effects.now();
        self.observer.mark_delivered(*step, root, now);
        if !matches!(step, Step::Book(..) | Step::Heartbeat) {
            self.pacer.record_news(self.engine.effects.monotonic());
        }
    }

    /// Whether everything has been told of a job that has been silent for long.
    fn leaving(&self) -> Leaving {
        let Engine {
            effects, settings, ..
        } = self.engine;
        let now = effects.now();
        match &self.state {
            Some(Inspection::Running(root))
                if self.observer.is_level_with(root) && silence::is_long(root, now, settings) =>
            {
                if self.bytes.is_empty() {
                    return Leaving::AfterLook;
                }
                if !is_valid(self.valid_until, root, now, settings) {
                    return Leaving::No;
                }
                let beat = now.plus(self.observer.until_heartbeat(now));
                let silence = Silence::of(root, &self.bytes, self.valid_until, beat);
                Leaving::Now(Box::new(silence))
            }
            _ => Leaving::No,
        }
    }

    /// Waits until the state may have changed, and gets it. A watcher that is leaving looks at
    /// once: it lacks only what that look shows.
    async fn look_again(&mut self, is_leaving: bool) {
        let Engine {
            effects, settings, ..
        } = self.engine;
        match self.feed {
            None if is_leaving => {}
            None => self.pause().await,
            Some(feed) => match self.listen(feed).await {
                FeedUpdate::Root(root) => {
                    self.state = Some(Inspection::from_root(*root));
                    return;
                }
                FeedUpdate::Nothing => return,
                FeedUpdate::Over => self.feed = None,
            },
        }
        let asked = effects.monotonic();
        match self.look_once().await {
            Ok(None) => self.looked = asked,
            Ok(Some(state)) => {
                self.revive_or_repair(&state).await;
                self.state = Some(state);
                self.looked = asked;
            }
            // The store refuses: ask less often, and go on with what is known.
            Err(_) => effects.sleep(settings.retry).await,
        }
    }

    /// Sleeps until the next look.
    async fn pause(&mut self) {
        let effects = self.engine.effects;
        // The wall clock first: reading it takes time on some platforms.
        let wall = effects.now();
        let began = effects.monotonic();
        let distance = match &self.state {
            Some(Inspection::Running(root)) => root.due().distance(root.updated, wall),
            _ => None,
        };
        let look_max = self.engine.settings.look_max;
        let longest = match &self.state {
            // A heartbeat is not late because nothing is expected.
            Some(Inspection::Running(_)) => self.observer.until_heartbeat(wall).max(look_max),
            // Something is missing: a run, or a document that the store does not show.
            _ => look_max,
        };
        let pause = self.pacer.next_pause(distance, began).min(longest);
        effects.sleep(pause).await;
        let woke = effects.monotonic();
        self.pacer
            .record_oversleep(woke.saturating_sub(began + pause));
    }

    /// Revives or repairs the job, but not again before a run could have begun.
    async fn revive_or_repair(&mut self, state: &Inspection) {
        let is_needed = match state {
            Inspection::Idle(_) => true,
            Inspection::Ended(end) => !end.leftovers.is_empty(),
            Inspection::Missing | Inspection::Running(_) => false,
        };
        let now = self.engine.effects.monotonic();
        let pause = self.engine.settings.write_delay * 2;
        let is_recent = self.revived.is_some_and(|at| now < at + pause);
        if is_needed && !is_recent {
            self.revived = Some(now);
            self.engine.revive_or_repair(state).await;
        }
    }

    /// Reads the state as [`Engine::look`] does; `None` when nothing has changed.
    async fn look_once(&mut self) -> Result<Option<Inspection>, StoreError> {
        let Engine {
            effects, settings, ..
        } = self.engine;
        let bytes = effects.get(&keys::root(&self.id)).await?;
        if let (Some(bytes), Some(Inspection::Running(root))) = (&bytes, &self.state)
            && *bytes == self.bytes
            && is_valid(self.valid_until, root, effects.now(), settings)
        {
            return Ok(None);
        }
        let root = bytes
            .as_deref()
            .and_then(|bytes| decode_root(effects, &self.id, bytes));
        let assessment = self.engine.assess(root).await?;
        self.bytes = bytes.unwrap_or_default();
        self.valid_until = assessment.valid_until;
        Ok(Some(assessment.state))
    }

    /// Waits for the run in the same invocation, but not so long that a heartbeat would be late.
    async fn listen(&self, feed: &Feed) -> FeedUpdate {
        let silence = pin!(self.engine.effects.sleep(self.engine.settings.look_max));
        match select(pin!(feed.next()), silence).await {
            Either::Left((Some(root), _)) => FeedUpdate::Root(Box::new(root)),
            Either::Left((None, _)) => FeedUpdate::Over,
            Either::Right(((), _)) => FeedUpdate::Nothing,
        }
    }
}
