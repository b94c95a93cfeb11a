//! Which ended jobs go when the store is full: a pure function of what clients hold.

use std::time::Duration;

use crate::id::JobId;
use crate::time::Time;

/// Time for which an ended job stays although the store is full: its client is about to fetch the
/// results.
const GRACE: Duration = Duration::from_secs(60);

/// What a sweep makes room for.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// Nothing: only what has expired goes.
    Nothing,
    /// One more job of this client, where the number of keys is limited.
    Keys(&'a str),
    /// The bytes of a request of this client, by so many jobs at most: the store has said that it
    /// is full.
    Bytes(&'a str, usize),
}

/// An ended job, and how much it takes of what is scarce: keys or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) id: JobId,
    pub(super) ended: Time,
    pub(super) size: u64,
    /// Whether the operator's webhook is still to be told of it.
    pub(super) is_untold: bool,
}

/// What one client holds.
struct Holder {
    client: String,
    /// Of all its jobs, those under way included: they are not taken.
    size: u64,
    /// Its ended jobs, the oldest last, behind those of which nobody has been told.
    jobs: Vec<Held>,
}

/// What clients hold, by their names.
#[derive(Default)]
pub(super) struct Holdings(Vec<Holder>);

impl Holdings {
    /// Adds a job of this size, and what can be taken of it once it has `ended`.
    pub(super) fn add(&mut self, client: String, size: u64, ended: Option<Held>) {
        let at = self.position(&client).unwrap_or_else(|at| {
            let jobs = Vec::new();
            self.0.insert(
                at,
                Holder {
                    client,
                    size: 0,
                    jobs,
                },
            );
            at
        });
        let holder = &mut self.0[at];
        holder.size += size;
        if let Some(job) = ended {
            let goes_later =
                |held: &Held| (held.is_untold, held.ended) >= (job.is_untold, job.ended);
            let at = holder.jobs.partition_point(goes_later);
            holder.jobs.insert(at, job);
        }
    }

    fn position(&self, client: &str) -> Result<usize, usize> {
        (self.0).binary_search_by(|holder| holder.client.as_str().cmp(client))
    }

    /// Takes out the job that goes next to make room for a job of `asker`: the oldest of the client
    /// that holds most. Nobody who holds less than `asker` loses anything, and a job that has just
    /// ended goes only for another client, to whom its own would still leave as much. `None`: the
    /// asker is refused.
    pub(super) fn take(&mut self, asker: &str, now: Time) -> Option<Held> {
        let own = self.size(asker);
        let mut largest: Option<&mut Holder> = None;
        for holder in &mut self.0 {
            let Some(oldest) = holder.jobs.last() else {
                continue;
            };
            let is_own = holder.client == asker;
            let is_rich = !is_own && holder.size >= own + 2 * oldest.size;
            let may_lose = holder.size >= own && (is_rich || now.since(oldest.ended) >= GRACE);
            let is_larger = largest.as_ref().is_none_or(|other| {
                holder.size > other.size || holder.size == other.size && is_own
            });
            if may_lose && is_larger {
                largest = Some(holder);
            }
        }
        let holder = largest?;
        let job = holder.jobs.pop()?;
        holder.size = holder.size.saturating_sub(job.size);
        Some(job)
    }

    /// Whether nobody holds more than this client, who holds something.
    pub(super) fn is_largest(&self, client: &str) -> bool {
        let own = self.size(client);
        own > 0 && self.0.iter().all(|holder| holder.size <= own)
    }

    fn size(&self, client: &str) -> u64 {
        self.position(client).map_or(0, |at| self.0[at].size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour after the beginning.
    const NOW: Time = Time(3_600_000);

    /// Holdings of jobs, each with its client, its size and how many seconds ago it ended.
    fn holdings(jobs: &[(&str, u64, u64)]) -> Holdings {
        let mut holdings = Holdings::default();
        for (number, (client, size, ago)) in jobs.iter().enumerate() {
            let job = Held {
                id: JobId::parse(&format!("{client}-{number}")).unwrap(),
                ended: Time(NOW.0 - ago * 1_000),
                size: *size,
                is_untold: false,
            };
            holdings.add((*client).to_owned(), *size, Some(job));
        }
        holdings
    }

    /// The jobs that go for `asker`, in turn.
    fn taken(mut holdings: Holdings, asker: &str) -> Vec<String> {
        std::iter::from_fn(|| holdings.take(asker, NOW))
            .map(|job| job.id.to_string())
            .collect()
    }

    #[test]
    fn the_oldest_of_the_largest_holder_goes_first() {
        let held = || holdings(&[("a", 5, 900), ("b", 4, 100), ("b", 4, 300), ("c", 1, 800)]);
        assert_eq!(taken(held(), "d"), ["b-2", "a-0", "b-1", "c-3"]);
    }

    #[test]
    fn who_holds_most_is_refused_while_all_its_jobs_are_young() {
        let held = || holdings(&[("a", 3, 5), ("a", 3, 10), ("a", 3, 70), ("b", 2, 900)]);
        assert_eq!(
            taken(held(), "a"),
            ["a-2"],
            "and nobody else loses anything"
        );
        let mut held = held();
        assert!(held.is_largest("a") && !held.is_largest("b") && !held.is_largest("c"));
        let _ = held.take("a", NOW);
        assert_eq!(held.take("b", NOW).unwrap().id.as_str(), "b-3");
    }

    #[test]
    fn youth_does_not_protect_whoever_holds_most_from_others() {
        let held = holdings(&[("a", 3, 5), ("a", 3, 10), ("a", 3, 15)]);
        assert_eq!(
            taken(held, "b"),
            ["a-2", "a-1"],
            "its last is a small holder's"
        );
    }

    #[test]
    fn what_is_under_way_counts_and_is_not_taken() {
        let held = || {
            let mut held = holdings(&[("b", 4, 900), ("c", 2, 900)]);
            held.add("a".to_owned(), 9, None);
            held
        };
        assert_eq!(taken(held(), "a"), [] as [&str; 0]);
        assert!(held().is_largest("a") && !held().is_largest("b"));
        assert_eq!(taken(held(), "d"), ["b-0", "c-1"]);
        let mut beside = held();
        beside.add("c".to_owned(), 3, None);
        assert_eq!(taken(beside, "c"), ["c-1", "b-0"], "its own goes first");
    }

    #[test]
    fn jobs_that_somebody_was_told_of_go_first() {
        let mut held = holdings(&[("a", 1, 300), ("a", 1, 200)]);
        for (id, ago) in [("old", 900), ("new", 100)] {
            let job = Held {
                id: JobId::parse(id).unwrap(),
                ended: Time(NOW.0 - ago * 1_000),
                size: 1,
                is_untold: true,
            };
            held.add("a".to_owned(), 1, Some(job));
        }
        assert_eq!(taken(held, "a"), ["a-0", "a-1", "old", "new"]);
    }

    #[test]
    fn the_only_job_of_a_client_stays_for_a_minute() {
        let held = || holdings(&[("a", 3, 59), ("b", 3, 5)]);
        assert_eq!(taken(held(), "c"), [] as [&str; 0]);
        assert!(!held().is_largest("c"));
        let held = holdings(&[("a", 3, 60), ("b", 3, 5)]);
        assert_eq!(taken(held, "c"), ["a-0"]);
    }
}
