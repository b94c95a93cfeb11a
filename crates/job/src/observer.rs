//! What a watcher is told: a pure function from what it has seen, the job as it is, and the time,
//! to what is to be said next. SSE, WebSocket schemas and polling only spell it.
//!
//! **Invariants:** to one watcher, across all its connections, sequence numbers and progress never
//! go back, each finished book is said exactly once and in order, and after an outcome nothing.

use std::time::Duration;

use crate::document::{Root, Stage};
use crate::effects::Time;
use crate::settings::Settings;

/// A job that stood still may just have been revived by the very watcher that asks: it is given
/// this long. Shorter than the platforms let a stream last.
const REVIVAL_GRACE: Duration = Duration::from_secs(20);

/// Where a watcher is: the id of the last event it has.
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

/// What is to be said next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The job as it is, before it has begun.
    Initialized(Position),
    /// The job as it is.
    Processing(Position),
    /// Item `index` of the job is final.
    Book(Position, u32),
    /// The job is over: completed, failed or canceled, as its root says. Nothing follows.
    Ended(Position),
    /// Nothing has happened for so long that this watcher should go. Nothing follows.
    TimedOut(Position),
    /// Nothing has happened, and the line is still open.
    Heartbeat,
}

impl Step {
    /// Where the watcher is when this has been said; `None` when that is where it was before.
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

/// One watcher of one job.
#[derive(Clone, Debug)]
pub struct Observer {
    seen: Position,
    /// Nothing has been said yet on this connection.
    fresh: bool,
    /// What was seen last is the job's outcome.
    over: bool,
    processed: u32,
    with_books: bool,
    connected: Time,
    last_event: Time,
    heartbeat: Duration,
    stall: Duration,
}

impl Observer {
    /// A watcher that connects at `now` and says it has had events up to `last`. What it says is
    /// believed only if the job can have said it: see [`Self::verify`].
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

    /// Whether the watcher already had the job's outcome, and all its books, before it connected.
    #[must_use]
    pub fn has_everything(&self, root: &Root) -> bool {
        root.stage.is_terminal()
            && self.seen.seq >= root.seq
            && (!self.with_books || self.seen.books >= root.stored())
    }

    /// What to say next of the job as it is; `None` when there is no news. The caller says it, then
    /// calls [`Self::mark_delivered`], then asks again.
    #[must_use]
    pub fn next(&self, root: &Root, now: Time) -> Option<Step> {
        if self.over {
            return None;
        }
        let terminal = root.stage.is_terminal();
        // Of a job that is over, books are told under the number before the last, so that the
        // outcome's own is higher than all of them.
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

    /// What to tell of a job that is over when its remaining books cannot be read.
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

    /// Whether everything has been said that ever will be.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Where the watcher is.
    #[must_use]
    pub fn position(&self) -> Position {
        self.seen
    }
}
