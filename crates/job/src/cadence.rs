//! When the next commit of a job is expected, and when to look for it.

use std::time::Duration;

use crate::document::Root;
use crate::effects::{Time, millis};

/// When watchers may expect the commit after this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// Nobody can tell.
    Unknown,
    /// So long after this one.
    In(Duration),
    /// So long after this one, or so much later, or twice as much: each time when answers come of
    /// which nobody can tell whether they are the last.
    Rounds {
        /// When the answers come that are waited for now.
        first: Duration,
        /// How long others would take.
        each: Duration,
    },
}

impl Forecast {
    /// As [`Root::due`] and [`Root::due_every`] say it at `now`.
    pub(crate) fn to_fields(self, now: Time) -> (Option<Time>, u32) {
        match self {
            Self::Unknown => (None, 0),
            Self::In(time) => (Some(now.plus(time)), 0),
            Self::Rounds { first, each } => {
                let each = u32::try_from(each.as_millis()).unwrap_or(0).max(1);
                (Some(now.plus(first)), each)
            }
        }
    }
}

pub(crate) fn from_latency(each: Option<Duration>) -> Forecast {
    match each {
        Some(each) => Forecast::Rounds { first: each, each },
        None => Forecast::Unknown,
    }
}

/// Watchers stop looking closely for a commit that is so many rounds late.
const ROUNDS: u32 = 6;

/// How long until the next look, as far as that follows from when the commit is due: the closer that
/// is, the shorter, so that a commit that comes a little sooner or later is heard of late by no more
/// than a quarter of that. `None` when nothing is known of it any more.
pub(crate) fn pause_until_due(root: &Root, now: Time) -> Option<Duration> {
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
        pause_until_due(root, Time(1000 + now)).map(millis)
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
