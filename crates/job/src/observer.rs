//! The events that one watcher is told of one job: a pure function from what the watcher has had,
//! the job's root, and the time, to the next event. SSE, WebSocket schemas and polling only spell
//! it.
//!
//! **Invariants:** for one watcher, across all its connections, sequence numbers and progress never
//! go back, each finished book is delivered exactly once and in order, and nothing follows the
//! outcome.

use std::time::Duration;

use crate::document::{Root, Stage};
use crate::settings::Settings;
use crate::time::Time;

/// The time that a stalled job is given after a watcher connects, because the watcher may just have
/// revived it. Shorter than the platforms let a stream last.
const REVIVAL_GRACE: Duration = Duration::from_secs(20);

/// The position of a watcher: the id of the last event it has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The job's sequence number.
    pub seq: u64,
    /// Books delivered.
    pub books: u32,
}

impl Position {
    /// Reads an event id: `18`, or with books `18.100`. `None` when it is neither.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let digits = |text: &str| {
            (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
        };
        let (seq, books) = match id.split_once('.') {
            Some((seq, books)) => (digits(seq)?, digits(books)?.parse().ok()?),
            None => (digits(id)?, 0),
        };
        Some(Self {
            seq: seq.parse().ok()?,
            books,
        })
    }

    /// Spells the event id.
    #[must_use]
    pub fn id(self, with_books: bool) -> String {
        if with_books {
            format!("{}.{}", self.seq, self.books)
        } else {
            self.seq.to_string()
        }
    }
}

/// The next event for a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The state of a job that has not begun.
    Initialized(Position),
    /// The state of the job.
    Processing(Position),
    /// Item `index` of the job is final.
    Book(Position, u32),
    /// The job is over: completed, failed or canceled, as its root says. Nothing follows.
    Ended(Position),
    /// The job has made no progress for so long that the watcher should leave. Nothing follows.
    TimedOut(Position),
    /// A sign of life: there is no news.
    Heartbeat,
}

impl Step {
    /// The watcher's position once this is delivered; `None` when it does not change.
    #[must_use]
    pub fn position(self) -> Option<Position> {
        match self {
            Self::Initialized(at)
            | Self::Processing(at)
            | Self::Book(at, _)
            | Self::Ended(at)
            | Self::TimedOut(at) => Some(at),
            Self::Heartbeat => None,
        }
    }
}

/// Whether a store that is slow to agree may still show an older state than the watcher has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreLag {
    /// It may: the watcher has connected just now.
    Possible,
    /// Every write from before the watcher connected has taken effect.
    Over,
}

/// What one watcher has had of one job, and what it is due next.
///
/// Made for each connection from the position that the client claims. Call [`Observer::verify`]
/// with each root before [`Observer::next`]: a position that the job cannot have told is dropped.
/// Deliver what `next` returns, confirm it by [`Observer::mark_delivered`], and ask again; when it
/// returns nothing, come back with a newer root or a later time. [`Watcher`](crate::Watcher) does
/// all this against the store.
///
/// ```
/// use job::{Observer, Position, Settings, Step, StoreLag, Time};
///
/// # fn root(stage: &str, seq: u64) -> job::Root {
/// #     serde_json::from_value(serde_json::json!({
/// #         "v": 1, "id": "a", "pipeline": "csv_import", "route": "imports", "token": true,
/// #         "created": 0, "updated": 0, "expires": 9000, "stage": stage, "seq": seq,
/// #         "epoch": {"term": 1, "nonce": "0"}, "fresh_until": 0,
/// #     }))
/// #     .unwrap()
/// # }
/// let (now, settings) = (Time(1_000), Settings::local());
/// // A client comes back with `Last-Event-ID: 2`.
/// let mut observer = Observer::new(Position::parse("2"), false, now, &settings);
/// let running = root("enriching", 3);
/// assert!(observer.verify(&running, StoreLag::Over));
/// let step = observer.next(&running, now).unwrap();
/// assert!(matches!(step, Step::Processing(at) if at.seq == 3));
/// observer.mark_delivered(step, &running, now);
/// assert_eq!(observer.next(&running, now), None);
/// let ended = root("complete", 4);
/// let step = observer.next(&ended, now).unwrap();
/// observer.mark_delivered(step, &ended, now);
/// assert!(observer.is_over());
/// ```
#[derive(Clone, Debug)]
pub struct Observer {
    seen: Position,
    /// Nothing was delivered yet on this connection.
    fresh: bool,
    /// The job's outcome was delivered.
    over: bool,
    processed: u32,
    with_books: bool,
    connected: Time,
    last_event: Time,
    heartbeat: Duration,
    stall: Duration,
}

impl Observer {
    /// An observer for a watcher that connects at `now` and claims to have had the events up to
    /// `last`.
    #[must_use]
    pub fn new(last: Option<Position>, with_books: bool, now: Time, settings: &Settings) -> Self {
        let mut seen = last.unwrap_or_default();
        if !with_books {
            seen.books = 0;
        }
        Self {
            seen,
            fresh: true,
            over: false,
            processed: 0,
            with_books,
            connected: now,
            last_event: now,
            heartbeat: settings.heartbeat,
            stall: settings.stall,
        }
    }

    /// Checks that this job can have told what the watcher claims to have had, and drops the claim
    /// if not. While the job runs, a store that is slow to agree may only not show it yet: with
    /// [`StoreLag::Possible`] this returns `false` and keeps the claim; look again then.
    pub fn verify(&mut self, root: &Root, lag: StoreLag) -> bool {
        let plausible = self.seen.seq <= root.seq && self.seen.books <= root.stored();
        if plausible || !self.fresh {
            return true;
        }
        if lag == StoreLag::Possible && !root.stage.is_terminal() {
            return false;
        }
        self.seen = Position::default();
        true
    }

    /// Whether the watcher had the job's outcome, and all its books, before it connected.
    #[must_use]
    pub fn has_everything(&self, root: &Root) -> bool {
        root.stage.is_terminal()
            && self.seen.seq >= root.seq
            && (!self.with_books || self.seen.books >= root.stored())
    }

    /// The next event of the job whose root this is; `None` when there is no news. Deliver it, call
    /// [`Self::mark_delivered`], then ask again.
    #[must_use]
    pub fn next(&self, root: &Root, now: Time) -> Option<Step> {
        if self.over {
            return None;
        }
        let terminal = root.stage.is_terminal();
        // The books of a job that is over are delivered under the number before the last, so that
        // the outcome's number is higher than theirs.
        let told_under = if terminal {
            self.seen.seq.max(root.seq.saturating_sub(1))
        } else {
            self.seen.seq
        };
        let behind = self.with_books && self.seen.books < root.stored();
        let news = root.seq > self.seen.seq && root.processed() >= self.processed;
        if news && !terminal {
            let position = Position {
                seq: root.seq,
                books: self.seen.books,
            };
            return Some(if root.stage <= Stage::Queued {
                Step::Initialized(position)
            } else {
                Step::Processing(position)
            });
        }
        if behind && (terminal || root.seq >= self.seen.seq) {
            return Some(Step::Book(
                Position {
                    seq: told_under,
                    books: self.seen.books + 1,
                },
                self.seen.books,
            ));
        }
        if terminal {
            return Some(Step::Ended(Position {
                seq: root.seq.max(self.seen.seq),
                books: self.seen.books,
            }));
        }
        let stalled = now.since(root.updated) >= self.stall;
        if stalled && now.since(self.connected) >= self.stall.min(REVIVAL_GRACE) {
            return Some(Step::TimedOut(self.seen));
        }
        if now.since(self.last_event) >= self.heartbeat {
            return Some(Step::Heartbeat);
        }
        None
    }

    /// The outcome of a job that is over, without its remaining books: they cannot be read.
    #[must_use]
    pub(crate) fn skip_books(&self, root: &Root) -> Step {
        Step::Ended(Position {
            seq: root.seq.max(self.seen.seq),
            books: self.seen.books,
        })
    }

    /// Confirms that `step` was delivered, of this job, at `now`.
    pub fn mark_delivered(&mut self, step: Step, root: &Root, now: Time) {
        self.fresh = false;
        match step {
            Step::Initialized(at) | Step::Processing(at) => {
                self.seen = at;
                self.processed = root.processed();
            }
            Step::Book(at, _) => self.seen = at,
            Step::Ended(at) | Step::TimedOut(at) => {
                self.seen = at;
                self.over = true;
            }
            Step::Heartbeat => {}
        }
        self.last_event = now;
    }

    /// Whether the outcome was delivered: nothing follows.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The watcher's position.
    #[must_use]
    pub fn position(&self) -> Position {
        self.seen
    }
}
