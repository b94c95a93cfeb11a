//! Following a job for one watcher: when to look, and what to tell next.

use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{Stream, StreamExt, select_all, unfold};

use crate::cadence::pause_until_due;
use crate::document::{Item, Root};
use crate::effects::{Effects, StoreError, Time};
use crate::engine::Engine;
use crate::feed::Feed;
use crate::id::JobId;
use crate::keys;
use crate::look::{Inspection, is_valid};
use crate::observer::{Observer, Position, Step};
use crate::results::Reader;
use crate::storage::decode_root;

/// Sleeping so much longer than was asked for is usual: clocks are coarse. More than that says that
/// others need the machine.
const NORMAL_OVERSLEEP: Duration = Duration::from_millis(2);

/// Something to say to a watcher, with what it takes to say it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
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
    Notify(Box<Notification>),
    /// There is no such job (any more).
    Gone,
    /// Everything has been said.
    Over,
}

/// What the run beside a watcher has said.
enum FeedUpdate {
    /// This is the job now.
    Root(Box<Root>),
    /// Nothing yet.
    Nothing,
    /// It says nothing more.
    Over,
}

/// Follows one job for one watcher.
pub struct Watcher<'a, E> {
    engine: Engine<'a, E>,
    id: JobId,
    observer: Observer,
    reader: Reader,
    state: Option<Inspection>,
    /// The bytes of the root that the last look found: most looks find the same again.
    bytes: Vec<u8>,
    /// Until then it is enough that they are the same.
    valid_until: Time,
    /// The run beside this watcher, as long as it says anything.
    feed: Option<&'a Feed>,
    /// When something was last heard of the job.
    heard: Duration,
    /// How long it had been silent before.
    silent: Duration,
    /// No pause is shorter: that there is more to do than the machine can.
    min_pause: Duration,
    began: Duration,
    /// When the look was begun that is known: what it shows may be as old.
    looked: Duration,
    tended: Option<Duration>,
}

impl<'a, E: Effects> Engine<'a, E> {
    /// An observer that connects now and claims to have had events up to `last`.
    #[must_use]
    pub fn observer(&self, last: Option<Position>, with_books: bool) -> Observer {
        Observer::new(last, with_books, self.effects.now(), self.settings)
    }

    /// Follows a job from the state it was last found in.
    #[must_use]
    pub fn watch(&self, id: JobId, observer: Observer, state: Inspection) -> Watcher<'a, E> {
        Watcher::new(*self, id, observer, state)
    }
}

impl<'a, E: Effects> Watcher<'a, E> {
    /// A watcher whose first look has been made.
    #[must_use]
    pub(crate) fn new(
        engine: Engine<'a, E>,
        id: JobId,
        observer: Observer,
        state: Inspection,
    ) -> Self {
        let Engine {
            effects, settings, ..
        } = engine;
        // No longer than it takes until a watcher looks as rarely as it ever does.
        let silent = state.root().map_or(Duration::ZERO, |root| {
            effects
                .now()
                .since(root.updated)
                .min(settings.look_max * 40)
        });
        Self {
            engine,
            id,
            observer,
            reader: Reader::default(),
            state: Some(state),
            bytes: Vec::new(),
            valid_until: Time::default(),
            feed: None,
            heard: effects.monotonic(),
            silent,
            min_pause: Duration::ZERO,
            began: effects.monotonic(),
            looked: effects.monotonic(),
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
        matches!(&self.state, Some(Inspection::Ended(end)) if self.observer.has_everything(end))
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
            if let Some(look) = &self.state {
                let Some(root) = look.root() else {
                    return Next::Gone;
                };
                let patient =
                    self.looked.saturating_sub(self.began) < self.engine.settings.write_delay * 2;
                if self.observer.believe(root, patient) {
                    let now = self.engine.effects.now();
                    if let Some(step) = self.observer.next(root, now) {
                        let item = match step {
                            Step::Book(_, index) => {
                                match self.reader.item(self.engine.effects, root, index).await {
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
                        return Next::Notify(Box::new(Notification {
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
    pub fn mark_delivered(&mut self, notification: &Notification) {
        self.observer.mark_delivered(
            notification.step,
            &notification.root,
            self.engine.effects.now(),
        );
        if !matches!(notification.step, Step::Book(..) | Step::Heartbeat) {
            self.heard = self.engine.effects.monotonic();
            self.silent = Duration::ZERO;
        }
    }

    async fn look_again(&mut self) {
        match self.feed {
            None => {
                let pause = self.next_pause();
                let began = self.engine.effects.monotonic();
                self.engine.effects.sleep(pause).await;
                let late = self
                    .engine
                    .effects
                    .monotonic()
                    .saturating_sub(began + pause);
                let strain = late
                    .saturating_sub(NORMAL_OVERSLEEP)
                    .min(self.engine.settings.look_max);
                self.min_pause = (self.min_pause * 7 + strain * 4) / 8;
            }
            Some(feed) => match self.listen(feed).await {
                FeedUpdate::Root(root) => {
                    self.state = Some(Inspection::from_root(*root));
                    return;
                }
                FeedUpdate::Nothing => return,
                FeedUpdate::Over => self.feed = None,
            },
        }
        let asked = self.engine.effects.monotonic();
        match self.look_once().await {
            Ok(None) => self.looked = asked,
            Ok(Some(look)) => {
                let idle = matches!(look, Inspection::Idle(_));
                let unfinished =
                    matches!(&look, Inspection::Ended(end) if !end.leftovers.is_empty());
                let now = self.engine.effects.monotonic();
                let lately = self
                    .tended
                    .is_some_and(|at| now < at + self.engine.settings.write_delay * 2);
                if (idle || unfinished) && !lately {
                    self.tended = Some(now);
                    self.engine.revive_or_repair(&look).await;
                }
                self.state = Some(look);
                self.looked = asked;
            }
            // The store refuses: ask less often, and go on with what is known.
            Err(_) => self.engine.effects.sleep(self.engine.settings.retry).await,
        }
    }

    /// [`look`]; `None` when it shows what the last one did.
    async fn look_once(&mut self) -> Result<Option<Inspection>, StoreError> {
        let bytes = self.engine.effects.get(&keys::root(&self.id)).await?;
        if let (Some(bytes), Some(Inspection::Running(root))) = (&bytes, &self.state)
            && *bytes == self.bytes
            && is_valid(
                self.valid_until,
                root,
                self.engine.effects.now(),
                self.engine.settings,
            )
        {
            return Ok(None);
        }
        let root = bytes
            .as_deref()
            .and_then(|bytes| decode_root(self.engine.effects, &self.id, bytes));
        let assessment = self.engine.assess(root).await?;
        self.bytes = bytes.unwrap_or_default();
        self.valid_until = assessment.valid_until;
        Ok(Some(assessment.state))
    }

    /// Waits for the run beside this watcher, but not so long that a heartbeat would be late.
    async fn listen(&self, feed: &Feed) -> FeedUpdate {
        let silence = std::pin::pin!(self.engine.effects.sleep(self.engine.settings.look_max));
        match select(std::pin::pin!(feed.next()), silence).await {
            Either::Left((Some(root), _)) => FeedUpdate::Root(Box::new(root)),
            Either::Left((None, _)) => FeedUpdate::Over,
            Either::Right(((), _)) => FeedUpdate::Nothing,
        }
    }

    /// How long until the next look: short when a commit is due, else the longer the longer the job
    /// has been silent.
    fn next_pause(&self) -> Duration {
        let due = match &self.state {
            Some(Inspection::Running(root)) => pause_until_due(root, self.engine.effects.now()),
            _ => None,
        };
        let silence = self.engine.effects.monotonic().saturating_sub(self.heard) + self.silent;
        // So that nobody hears of what was not foreseen later than by a fortieth of the time it took.
        let pause = due.unwrap_or(silence / 40);
        self.at_least_min_pause(
            pause.clamp(self.engine.settings.look_min, self.engine.settings.look_max),
        )
    }

    /// A pause that the machine can bear: where many look closely nobody would get his turn.
    fn at_least_min_pause(&self, pause: Duration) -> Duration {
        pause.max(self.min_pause.min(self.engine.settings.look_max))
    }
}

/// Follows several jobs as one stream: each notification as it comes, with the number that its
/// watcher has here, and [`Next::Gone`] when a job is no more. Ends when every watcher is over.
/// What the stream yields counts as delivered.
pub fn watch_all<'a, E: Effects + 'a>(
    watchers: impl IntoIterator<Item = (usize, Watcher<'a, E>)>,
) -> impl Stream<Item = (usize, Next)> + Unpin + 'a {
    select_all(watchers.into_iter().map(|(number, watcher)| {
        unfold(Some(watcher), move |watcher| async move {
            let mut watcher = watcher?;
            match watcher.next().await {
                Next::Notify(notification) => {
                    watcher.mark_delivered(&notification);
                    Some(((number, Next::Notify(notification)), Some(watcher)))
                }
                Next::Gone => Some(((number, Next::Gone), None)),
                Next::Over => None,
            }
        })
        .boxed_local()
    }))
}
