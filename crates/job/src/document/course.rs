//! The moments of a job's course that its root keeps: what an operator is told of its runs.

use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::millis;

/// The most moments that are kept: some 500 bytes.
const MAX_MOMENTS: usize = 32;

/// The moments of a job's course, oldest first. When there are too many the oldest commits go, so
/// that runs and waits are known longest.
///
/// Stored as words: the milliseconds since the job's creation, a letter, and a number or a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Course(String);

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment<'a> {
    /// Time since the job's creation.
    pub after: Duration,
    /// What happened then.
    pub event: Event<'a>,
}

/// What happens to a job while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A run of this term began, to which the one before had handed the job over.
    HandedOver(u64),
    /// A run of this term began because the one before had fallen silent.
    Claimed(u64),
    /// A commit of the first stage; this number of photos have been looked at.
    Analyzed(u64),
    /// A commit of the look-ups; this number of items are final.
    LookedUp(u64),
    /// The job began to wait for this provider.
    Waits(&'a str),
}

impl<'a> Event<'a> {
    fn letter(self) -> char {
        match self {
            Self::HandedOver(_) => 'h',
            Self::Claimed(_) => 'c',
            Self::Analyzed(_) => 'a',
            Self::LookedUp(_) => 'l',
            Self::Waits(_) => 'w',
        }
    }

    /// The event of this letter; `None`: a later version knows it.
    fn parse(letter: &str, rest: &'a str) -> Option<Self> {
        let number = || rest.parse().ok();
        Some(match letter {
            "h" => Self::HandedOver(number()?),
            "c" => Self::Claimed(number()?),
            "a" => Self::Analyzed(number()?),
            "l" => Self::LookedUp(number()?),
            "w" => Self::Waits(rest),
            _ => return None,
        })
    }
}

impl Course {
    /// Whether nothing has happened yet.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a moment.
    pub(crate) fn note(&mut self, after: Duration, event: Event<'_>) {
        let detail: &dyn Display = match &event {
            Event::Waits(provider) => provider,
            Event::HandedOver(number)
            | Event::Claimed(number)
            | Event::Analyzed(number)
            | Event::LookedUp(number) => number,
        };
        let space = if self.is_empty() { "" } else { " " };
        self.0 += &format!("{space}{}{}{detail}", millis(after), event.letter());
        if self.0.split(' ').count() > MAX_MOMENTS {
            self.forget_one();
        }
    }

    /// Forgets the oldest commit, or the oldest moment if there is none.
    fn forget_one(&mut self) {
        let is_commit = |word: &str| word.contains(['a', 'l']) && !word.contains('w');
        let mut begin = 0;
        for word in self.0.split(' ') {
            if is_commit(word) {
                break;
            }
            begin += word.len() + 1;
        }
        if begin >= self.0.len() {
            begin = 0;
        }
        let rest = self.0.get(begin..).unwrap_or_default();
        let end = rest.find(' ').map_or(self.0.len(), |at| begin + at + 1);
        self.0.replace_range(begin..end, "");
        if self.0.ends_with(' ') {
            self.0.pop();
        }
    }

    /// The moments that this version knows.
    pub fn moments(&self) -> impl Iterator<Item = Moment<'_>> {
        self.0.split(' ').filter_map(|word| {
            let at = word.find(|c: char| c.is_ascii_alphabetic())?;
            let (after, letter) = (word.get(..at)?, word.get(at..=at)?);
            Some(Moment {
                after: Duration::from_millis(after.parse().ok()?),
                event: Event::parse(letter, word.get(at + 1..)?)?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(course: &Course) -> Vec<(u64, Event<'_>)> {
        let moments = course.moments();
        moments.map(|m| (millis(m.after), m.event)).collect()
    }

    #[test]
    fn moments_are_read_as_they_were_noted() {
        let events = [
            (30, Event::Analyzed(0)),
            (900, Event::LookedUp(50)),
            (1_000, Event::Waits("google-books")),
            (30_000, Event::HandedOver(2)),
            (90_000, Event::Claimed(3)),
        ];
        let mut course = Course::default();
        for (after, event) in events {
            course.note(Duration::from_millis(after), event);
        }
        assert_eq!(course.0, "30a0 900l50 1000wgoogle-books 30000h2 90000c3");
        assert_eq!(moments(&course), events);
    }

    #[test]
    fn runs_and_waits_outlast_commits() {
        let mut course = Course::default();
        course.note(Duration::ZERO, Event::Claimed(2));
        course.note(Duration::ZERO, Event::Waits("openlibrary"));
        for n in 1..=1_000 {
            course.note(Duration::from_millis(n), Event::LookedUp(n));
        }
        let kept = moments(&course);
        assert_eq!(kept.len(), MAX_MOMENTS);
        assert_eq!(kept[0], (0, Event::Claimed(2)));
        assert_eq!(kept[1], (0, Event::Waits("openlibrary")));
        let commits: Vec<_> = (971..=1_000).map(|n| (n, Event::LookedUp(n))).collect();
        assert_eq!(kept[2..], commits);
        for term in 3..100 {
            course.note(Duration::from_secs(1), Event::HandedOver(term));
        }
        let runs: Vec<_> = (68..100)
            .map(|term| (1_000, Event::HandedOver(term)))
            .collect();
        assert_eq!(moments(&course), runs);
        // With only runs before it, the newest commit goes at once.
        course.note(Duration::from_secs(2), Event::LookedUp(7));
        assert_eq!(moments(&course), runs);
    }

    #[test]
    fn what_a_later_version_has_noted_or_damage_has_left_is_passed_over() {
        let course = Course("12z5 l 5 -1a2 7l é 9lé 8a3".to_owned());
        assert_eq!(moments(&course), [(8, Event::Analyzed(3))]);
        assert_eq!(moments(&Course::default()), []);
    }
}
