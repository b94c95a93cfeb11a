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
    /// The bytes of a request of this client: the store has said that it is full.
    Bytes(&'a str),
}

/// An ended job, and how much it takes of what is scarce: keys or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) id: JobId,
    pub(super) ended: Time,
    pub(super) size: u64,
}

/// What one client holds.
struct Holder {
    client: String,
    size: u64,
    /// Its ended jobs, the oldest last.
    jobs: Vec<Held>,
}

/// What clients hold.
#[derive(Default)]
pub(super) struct Holdings(Vec<Holder>);

impl Holdings {
    pub(super) fn add(&mut self, client: String, job: Held) {
        let known = self.0.iter().position(|holder| holder.client == client);
        let at = known.unwrap_or(self.0.len());
        if known.is_none() {
            self.0.push(Holder {
                client,
                size: 0,
                jobs: Vec::new(),
            });
        }
        let holder = &mut self.0[at];
        holder.size += job.size;
        let later = holder.jobs.partition_point(|held| held.ended >= job.ended);
        holder.jobs.insert(later, job);
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
        let mut holders = self.0.iter();
        let own = holders.find(|holder| holder.client == client);
        own.map_or(0, |holder| holder.size)
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
            };
            holdings.add((*client).to_owned(), job);
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
    fn the_only_job_of_a_client_stays_for_a_minute() {
        let held = || holdings(&[("a", 3, 59), ("b", 3, 5)]);
        assert_eq!(taken(held(), "c"), [] as [&str; 0]);
        assert!(!held().is_largest("c"));
        let held = holdings(&[("a", 3, 60), ("b", 3, 5)]);
        assert_eq!(taken(held, "c"), ["a-0"]);
    }
}
