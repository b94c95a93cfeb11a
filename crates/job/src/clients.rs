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

/// The most entries of one document that name no client.
const MAX_NAMELESS: usize = 500;

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

/// Reads a document. What is no text counts as nothing: nobody is refused because of it.
async fn read_document<E: Effects>(effects: &E, key: &str) -> Result<String, StoreError> {
    let stored = effects.get(key).await?.unwrap_or_default();
    Ok(String::from_utf8(stored).unwrap_or_default())
}

/// The entries of a document that still count, without malformed lines.
fn entries(stored: &str, now: Time) -> Vec<Entry<'_>> {
    let entries = stored.split('\n').filter_map(Entry::parse);
    entries.filter(|entry| entry.counts(now)).collect()
}

/// A job that was begun lately.
pub(crate) struct Recorded {
    /// The pseudonym of its client; empty when the client is not counted.
    pub(crate) client: String,
    pub(crate) job: JobId,
    /// Time at which it was admitted.
    pub(crate) at: Time,
}

/// Reads which jobs one document has.
///
/// # Errors
/// When the store fails.
pub(crate) async fn recorded<E: Effects>(
    effects: &E,
    digit: &str,
    now: Time,
) -> Result<Vec<Recorded>, StoreError> {
    let stored = read_document(effects, &keys::clients(digit)).await?;
    let known = entries(&stored, now).into_iter();
    let recorded = known.filter_map(|entry| {
        Some(Recorded {
            client: entry.client.to_owned(),
            job: JobId::parse(entry.job).ok()?,
            at: entry.at,
        })
    });
    Ok(recorded.collect())
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
        self.admit_instead(client, None, job).await
    }

    /// Whether `job` counts for `client`, who is admitted for it however many jobs it has.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self, client: &Client, job: &JobId) -> Result<bool, StoreError> {
        let stored = read_document(self.effects, &key(client)).await?;
        let entries = entries(&stored, self.effects.now());
        let (client, job) = (client.0.as_str(), job.as_str());
        let mut own = entries.iter().filter(|entry| entry.client == client);
        Ok(own.any(|entry| entry.job == job))
    }

    /// Admits `job` like [`admit`](Self::admit) when it has counted under `another` name so far,
    /// which no job has: that name no longer counts.
    ///
    /// # Errors
    /// When the store fails: nothing is recorded then.
    pub async fn admit_instead(
        &self,
        client: &Client,
        another: Option<&JobId>,
        job: &JobId,
    ) -> Result<bool, StoreError> {
        let (key, now) = (key(client), self.effects.now());
        let stored = read_document(self.effects, &key).await?;
        let mut entries = entries(&stored, now);
        let client = client.0.as_str();
        if let Some(another) = another {
            entries.retain(|entry| entry.client != client || entry.job != another.as_str());
        }
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

    /// Records a job whose client is not counted, so that an operator sees it: under no client, in
    /// a document that the job's name decides. No job is refused because of it.
    ///
    /// # Errors
    /// When the store fails: nothing is recorded then.
    pub async fn record(&self, job: &JobId) -> Result<(), StoreError> {
        let sum = job.as_str().bytes().map(usize::from).sum::<usize>();
        let key = keys::clients(keys::CLIENT_DIGITS[sum % keys::CLIENT_DIGITS.len()]);
        let now = self.effects.now();
        let stored = read_document(self.effects, &key).await?;
        let mut entries = entries(&stored, now);
        let is_nameless = |entry: &Entry<'_>| entry.client.is_empty();
        if entries.iter().any(|entry| entry.job == job.as_str()) {
            return Ok(());
        }
        // They must not displace those of clients that are counted.
        if entries.iter().filter(|entry| is_nameless(entry)).count() >= MAX_NAMELESS
            && let Some(oldest) = entries.iter().position(is_nameless)
        {
            entries.remove(oldest);
        }
        entries.push(Entry {
            client: "",
            job: job.as_str(),
            at: now,
        });
        let document = document(&entries);
        self.effects.set(&key, document.as_bytes()).await
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
