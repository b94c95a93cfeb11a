//! Counts of the jobs that each client has under way, so that no client takes all the capacity
//! there is.
//!
//! The count is approximate: on a store without atomic operations, requests at the same moment may
//! overwrite each other's entries, and a client then has a few jobs more than its limit. A job
//! counts until somebody finds that it is over, which is checked when the client's count grows,
//! and for an hour at most.

use std::time::Duration;

use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::secret::Client;
use crate::storage::read_root;
use crate::time::Time;

/// Longest time for which a job counts against its client's limit.
const COUNTED_FOR: Duration = Duration::from_secs(3600);

/// Time for which a job that cannot be found counts: an entry is written before its job is created.
pub const UNSEEN_JOB_GRACE: Duration = Duration::from_secs(10);

/// The most entries of one document, so that none grows beyond what the store takes.
const MAX_ENTRIES: usize = 4_000;

/// The most jobs of a client that are checked before one more is admitted or refused: a refusal
/// must not cost more than a job.
const MAX_JOBS_CHECKED: usize = 16;

/// The key of the document that holds this client's jobs. Clients share a few documents: one for
/// each would be keys without end.
fn key(client: &Client) -> String {
    keys::clients(client.0.get(..1).unwrap_or_default())
}

/// One line of a document: a job of a client, and when it was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry<'a> {
    client: &'a str,
    job: &'a str,
    at: Time,
}

impl<'a> Entry<'a> {
    /// Reads a line; `None` when it is malformed.
    fn parse(line: &'a str) -> Option<Self> {
        let (client, rest) = line.split_once(' ')?;
        let (job, at) = rest.split_once(' ')?;
        Some(Self {
            client,
            job,
            at: Time(at.parse().ok()?),
        })
    }

    fn counts(&self, now: Time) -> bool {
        self.at <= now && now.since(self.at) < COUNTED_FOR
    }
}

/// Spells the document of these entries, the latest [`MAX_ENTRIES`] of them.
fn document(entries: &[Entry<'_>]) -> String {
    let excess = entries.len().saturating_sub(MAX_ENTRIES);
    let mut text = String::new();
    for Entry { client, job, at } in &entries[excess..] {
        for part in [client, " ", job, " ", &at.0.to_string(), "\n"] {
            text += part;
        }
    }
    text
}

impl<E: Effects> Engine<'_, E> {
    /// Admits `job` for `client` if the client is below its limit, and records it. Idempotent: a
    /// job that is recorded already is admitted.
    ///
    /// # Errors
    /// When the store fails: nothing is recorded then.
    pub async fn admit(&self, client: &Client, job: &JobId) -> Result<bool, StoreError> {
        let (key, now) = (key(client), self.effects.now());
        // What cannot be read counts as nothing: nobody is refused because of it.
        let stored = self.effects.get(&key).await?.unwrap_or_default();
        let stored = String::from_utf8(stored).unwrap_or_default();
        let mut entries: Vec<Entry<'_>> = stored
            .split('\n')
            .filter_map(Entry::parse)
            .filter(|entry| entry.counts(now))
            .collect();
        let client = client.0.as_str();
        let own = |entry: &&Entry<'_>| entry.client == client;
        if entries
            .iter()
            .filter(own)
            .any(|entry| entry.job == job.as_str())
        {
            return Ok(true);
        }
        let count = entries.iter().filter(own).count();
        let is_full = count >= self.settings.limits.max_jobs_per_client;
        let mut is_below_limit = !is_full;
        // Jobs that are over do not count. Checking is worth it when the client is at its limit,
        // and now and then before.
        if is_full || count % MAX_JOBS_CHECKED == MAX_JOBS_CHECKED - 1 {
            let over = self.jobs_that_are_over(&entries, client, now).await?;
            is_below_limit |= !over.is_empty();
            entries.retain(|entry| !over.contains(entry));
        }
        if is_below_limit {
            entries.push(Entry {
                client,
                job: job.as_str(),
                at: now,
            });
            let document = document(&entries);
            self.effects.set(&key, document.as_bytes()).await?;
        }
        Ok(is_below_limit)
    }

    /// The jobs of a client that no longer count, among at most [`MAX_JOBS_CHECKED`] that are
    /// checked, beginning anywhere: the oldest may be the ones that last.
    async fn jobs_that_are_over<'e>(
        &self,
        entries: &[Entry<'e>],
        client: &str,
        now: Time,
    ) -> Result<Vec<Entry<'e>>, StoreError> {
        let start = now.0 as usize % entries.len().max(1);
        let rotated = entries[start..].iter().chain(&entries[..start]);
        let mut over = Vec::new();
        for entry in rotated
            .filter(|entry| entry.client == client)
            .take(MAX_JOBS_CHECKED)
        {
            let mut is_over = now.since(entry.at) > UNSEEN_JOB_GRACE;
            if let Ok(id) = JobId::parse(entry.job)
                && let Some(root) = read_root(self.effects, &id).await?
            {
                is_over = root.stage.is_terminal() || root.expired(now);
            }
            if is_over {
                over.push(*entry);
            }
        }
        Ok(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_it_is_written_and_malformed_lines_are_dropped() {
        let entries: Vec<_> = "c1 a 10\nnonsense\nc2 b x\n\nc2 b 11\n"
            .split('\n')
            .filter_map(Entry::parse)
            .collect();
        assert_eq!(document(&entries), "c1 a 10\nc2 b 11\n");
    }

    #[test]
    fn a_document_keeps_the_latest_entries() {
        let entry = |at| Entry {
            client: "c",
            job: "j",
            at: Time(at),
        };
        let entries: Vec<_> = (0..4_005).map(entry).collect();
        let text = document(&entries);
        assert_eq!(text.lines().count(), MAX_ENTRIES);
        assert!(text.starts_with("c j 5\n"));
    }

    #[test]
    fn an_entry_counts_for_an_hour_and_never_from_the_future() {
        let now = Time(10_000_000);
        let at = |at| Entry {
            client: "c",
            job: "j",
            at: Time(at),
        };
        assert!(at(10_000_000).counts(now));
        assert!(at(6_400_001).counts(now));
        assert!(!at(6_400_000).counts(now));
        assert!(!at(10_000_001).counts(now));
    }
}
