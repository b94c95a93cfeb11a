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
pub(crate) const REVIVAL_GRACE: Duration = Duration::from_secs(20);

/// The position of a watcher: the id of the last event it has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The job's sequence number.
    pub seq: u64,
    /// Number of books delivered.
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
    /// The watcher has connected just now: the store may still show an older state.
    Possible,
    /// Every write from before the watcher connected has taken effect.
    Over,
}

/// The state of one watcher of one job: what it has been sent, and what it is due next.
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
    /// Whether nothing was delivered yet on this connection.
    fresh: bool,
    /// Whether the job's outcome was delivered.
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

    /// The time until the next heartbeat is due if there is no news.
    pub(crate) fn until_heartbeat(&self, now: Time) -> Duration {
        self.heartbeat.saturating_sub(now.since(self.last_event))
    }

    /// The outcome of a job that is over, without its remaining books: they cannot be read.
    #[must_use]
    pub(crate) fn skip_books(&self, root: &Root) -> Step {
        Step::Ended(Position {
            seq: root.seq.max(self.seen.seq),
            books: self.seen.books,
        })
    }

    /// Whether the watcher has been told all that this root says.
    pub(crate) fn is_level_with(&self, root: &Root) -> bool {
        self.seen.seq == root.seq && (!self.with_books || self.seen.books == root.stored())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The job's last progress; local settings: a heartbeat after 15 s, a stall after 300 s.
    const UPDATED: Time = Time(1_000_000);

    /// A job with `stored` finished items under number `seq`.
    fn root(stage: &str, seq: u64, stored: u32) -> Root {
        serde_json::from_value(json!({
            "v": 1, "id": "a", "pipeline": "csv_import", "route": "imports", "token": true,
            "created": 0, "updated": UPDATED, "expires": u64::MAX, "stage": stage, "seq": seq,
            "epoch": {"term": 1, "nonce": "0"}, "fresh_until": 0, "total": 9,
            "succeeded": stored, "segments": [{"key": "k", "count": stored, "bytes": 1}],
        }))
        .unwrap()
    }

    fn at(seq: u64, books: u32) -> Position {
        Position { seq, books }
    }

    #[test]
    fn the_next_event_follows_from_what_was_delivered_and_what_the_job_is() {
        // The last event, whether books are wanted, the job, ms since its progress: the event.
        for (last, books, job, later, expected) in [
            (
                None,
                false,
                root("queued", 1, 0),
                0,
                Some(Step::Initialized(at(1, 0))),
            ),
            (
                None,
                false,
                root("enriching", 4, 2),
                0,
                Some(Step::Processing(at(4, 0))),
            ),
            (Some(at(4, 0)), false, root("enriching", 4, 2), 0, None),
            (
                Some(at(4, 0)),
                true,
                root("enriching", 4, 2),
                0,
                Some(Step::Book(at(4, 1), 0)),
            ),
            (Some(at(4, 2)), true, root("enriching", 4, 2), 0, None),
            (
                Some(at(4, 2)),
                true,
                root("complete", 6, 3),
                0,
                Some(Step::Book(at(5, 3), 2)),
            ),
            (
                Some(at(5, 3)),
                true,
                root("complete", 6, 3),
                0,
                Some(Step::Ended(at(6, 3))),
            ),
            (
                Some(at(4, 0)),
                false,
                root("canceled", 5, 1),
                0,
                Some(Step::Ended(at(5, 0))),
            ),
            (
                Some(at(6, 0)),
                false,
                root("error", 6, 1),
                0,
                Some(Step::Ended(at(6, 0))),
            ),
        ] {
            let now = UPDATED.plus(Duration::from_millis(later));
            let observer = Observer::new(last, books, now, &Settings::local());
            assert_eq!(
                observer.next(&job, now),
                expected,
                "{last:?}, {books}, {job:?}"
            );
        }
    }

    #[test]
    fn a_silent_job_is_a_heartbeat_and_a_stalled_one_the_end() {
        let job = root("enriching", 4, 0);
        // Seconds from the job's progress until the watcher connects, and until it asks.
        for (connected, asked, expected) in [
            (0, 14, None),
            (0, 15, Some(Step::Heartbeat)),
            (0, 299, Some(Step::Heartbeat)),
            (0, 300, Some(Step::TimedOut(at(4, 0)))),
            // One that has just connected may have revived the job.
            (900, 901, None),
            (900, 915, Some(Step::Heartbeat)),
            (900, 999, Some(Step::TimedOut(at(4, 0)))),
        ] {
            let time = |seconds| UPDATED.plus(Duration::from_secs(seconds));
            let last = Some(at(4, 0));
            let observer = Observer::new(last, false, time(connected), &Settings::local());
            assert_eq!(
                observer.next(&job, time(asked)),
                expected,
                "{connected}, {asked}"
            );
        }
    }

    #[test]
    fn a_claim_that_the_job_cannot_have_told_is_dropped() {
        for (last, job, lag, is_final, kept) in [
            (
                at(4, 2),
                root("enriching", 4, 2),
                StoreLag::Over,
                true,
                at(4, 2),
            ),
            (
                at(5, 0),
                root("enriching", 4, 2),
                StoreLag::Over,
                true,
                at(0, 0),
            ),
            (
                at(4, 3),
                root("enriching", 4, 2),
                StoreLag::Over,
                true,
                at(0, 0),
            ),
            // The store may only not show it yet; an outcome is never taken back.
            (
                at(5, 0),
                root("enriching", 4, 2),
                StoreLag::Possible,
                false,
                at(5, 0),
            ),
            (
                at(9, 0),
                root("complete", 6, 2),
                StoreLag::Possible,
                true,
                at(0, 0),
            ),
        ] {
            let mut observer = Observer::new(Some(last), true, UPDATED, &Settings::local());
            assert_eq!(observer.verify(&job, lag), is_final, "{last:?}, {lag:?}");
            assert_eq!(observer.position(), kept, "{last:?}, {lag:?}");
        }
    }

    #[test]
    fn nothing_follows_an_outcome() {
        let settings = Settings::local();
        let mut observer = Observer::new(None, false, UPDATED, &settings);
        let job = root("complete", 3, 1);
        let step = observer.next(&job, UPDATED).unwrap();
        observer.mark_delivered(step, &job, UPDATED);
        assert!(observer.is_over());
        assert_eq!(observer.next(&job, UPDATED.plus(settings.stall)), None);
        assert!(Observer::new(Some(at(3, 0)), false, UPDATED, &settings).has_everything(&job));
        assert!(!Observer::new(Some(at(3, 0)), true, UPDATED, &settings).has_everything(&job));
    }
}
