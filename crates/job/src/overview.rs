//! What an operator is shown of the whole application: jobs of every client, the state of the
//! providers, the use of the store. All of it comes from a bounded number of reads, and nothing is
//! listed: the documents that count clients' jobs say which jobs there are.

use std::collections::BTreeSet;

use books::Provider;

use crate::clients::{self, Recorded};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::lease;
use crate::look::Inspection;
use crate::provider::{ProviderState, ProviderStatus};
use crate::sweep::{StoreUse, store_use};
use crate::time::Time;
use crate::webhook::PendingMessage;

/// The most jobs of one overview.
pub const MAX_LISTED: usize = 50;

/// The most names of jobs that one overview follows. A name may be that of a single look-up, of an
/// upload that was refused, or of a job that has expired.
const MAX_FOLLOWED: usize = 100;

/// The most values that one overview reads: the documents of clients, the providers', the sweep's,
/// and up to three for each name that it follows.
pub const MAX_OVERVIEW_READS: usize = keys::CLIENT_DIGITS.len() + 2 + 1 + 3 * MAX_FOLLOWED;

/// The most clients that are named with their number of jobs.
const MAX_HOLDERS: usize = 10;

/// The application as an operator sees it.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Jobs, the newest first; those that ask a provider at present come before all others.
    pub jobs: Vec<Inspection>,
    /// Time before which further jobs were begun that are not among these.
    pub older_than: Option<Time>,
    /// The metadata providers.
    pub providers: Vec<ProviderStatus>,
    /// Use of the store, as the last sweep has counted it.
    pub store: StoreUse,
    /// The clients that have begun most jobs lately, by their pseudonyms, with the number of them.
    pub holders: Vec<(String, usize)>,
}

/// One job as an operator sees it.
#[derive(Clone, Debug)]
pub struct JobDetail {
    /// The state it is in.
    pub state: Inspection,
    /// Number of the lease's holders so far: every run has a term of its own.
    pub term: u64,
    /// Time until which the present holder has the lease.
    pub leased_until: Option<Time>,
    /// Whether somebody has asked for the job to be canceled.
    pub is_to_be_canceled: bool,
    /// The message about it that the operator's webhook has not taken yet.
    pub undelivered: Option<PendingMessage>,
}

impl<E: Effects> Engine<'_, E> {
    /// Reads what an operator is shown; `before` is a time before which the jobs were begun. Reads
    /// at most [`MAX_OVERVIEW_READS`] values and changes nothing: no job is revived.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn overview(&self, before: Option<Time>) -> Result<Overview, StoreError> {
        let Engine { effects, .. } = *self;
        let now = effects.now();
        let mut recorded: Vec<Recorded> = Vec::new();
        for digit in keys::CLIENT_DIGITS {
            recorded.extend(clients::recorded(effects, digit, now).await?);
        }
        let holders = holders(&recorded);
        let mut providers = Vec::new();
        let mut names: Vec<(JobId, Option<Time>)> = Vec::new();
        for provider in [Provider::OpenLibrary, Provider::GoogleBooks] {
            let status = ProviderState::load(effects, provider.name())
                .await?
                .status(provider.name(), now);
            // Those that began long ago are known only here.
            let asking = status.jobs.iter().filter_map(|job| JobId::parse(job).ok());
            names.extend(asking.map(|job| (job, None)).filter(|_| before.is_none()));
            providers.push(status);
        }
        recorded.retain(|entry| before.is_none_or(|before| entry.at < before));
        recorded.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        names.extend(
            recorded
                .into_iter()
                .map(|entry| (entry.job, Some(entry.at))),
        );

        let (mut jobs, mut older_than) = (Vec::new(), None);
        let (mut followed, mut seen) = (0, BTreeSet::new());
        for (job, at) in names {
            if !seen.insert(job.as_str().to_owned()) {
                continue;
            }
            if followed == MAX_FOLLOWED || jobs.len() == MAX_LISTED {
                // What was begun in the same millisecond is shown twice rather than not at all.
                // Those that ask a provider, which come first, have no such time.
                older_than = Some(Time(at.unwrap_or(now).0.saturating_add(1)));
                break;
            }
            followed += 1;
            let state = self.look(&job).await?;
            if state.root().is_some_and(|root| root.seq > 0) {
                jobs.push(state);
            }
        }
        Ok(Overview {
            jobs,
            older_than,
            providers,
            store: store_use(effects, self.settings).await?,
            holders,
        })
    }

    /// Reads all that the store says of one job's course: at most eight values.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn detail(&self, id: &JobId) -> Result<Option<JobDetail>, StoreError> {
        let Engine { effects, .. } = *self;
        let state = self.look(id).await?;
        let Some(root) = state.root() else {
            return Ok(None);
        };
        let lease = match root.stage.is_terminal() {
            true => None,
            false => lease::read(effects, id).await?,
        };
        let leased = lease.as_ref().map_or(0, |lease| lease.epoch.term);
        Ok(Some(JobDetail {
            term: root.epoch.term.max(leased),
            leased_until: lease.map(|lease| lease.expires),
            is_to_be_canceled: effects.get(&keys::cancel(id)).await?.is_some(),
            undelivered: self.undelivered(id).await?,
            state,
        }))
    }
}

/// The clients with the most jobs.
fn holders(recorded: &[Recorded]) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for entry in recorded.iter().filter(|entry| !entry.client.is_empty()) {
        *counts.entry(&entry.client).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts
        .into_iter()
        .map(|(client, count)| (client.to_owned(), count))
        .collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(MAX_HOLDERS);
    counts
}
