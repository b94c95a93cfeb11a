//! What an operator is shown: jobs of every client, providers, the store, settings. Nothing here is
//! a reader's: no title, no name of a file, no token.

use job::{
    Breaker, Event, Inspection, JobDetail, Overview, ProviderStatus, RateLimit, Root, Settings,
    Time, millis,
};
use serde::Serialize;

use crate::failure::FailureCode;
use crate::number::Whole;
use crate::status::{Pipeline, Stage, Status, is_zero};
use crate::time::Iso;

/// A job as an operator sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "OperatorJob"))]
pub struct Job<'a> {
    /// The job's name.
    pub job_id: &'a str,
    /// The kind of job.
    pub pipeline: Pipeline,
    /// The kind of request that created it.
    pub made_by: &'static str,
    /// State of the job.
    pub status: Status,
    /// The current stage.
    pub stage: Stage,
    /// Whether the job has no outcome and no run works on it: the next look of a client starts one.
    pub idle: bool,
    /// Time of its creation.
    pub created_at: Iso,
    /// Time of its last progress.
    pub updated_at: Iso,
    /// Time from its creation to its last progress, in ms.
    pub duration: u64,
    /// Number of items that are final.
    pub processed_count: u32,
    /// Number of items in all; 0 until they are known.
    pub total_count: u32,
    /// Number of items that were found.
    pub succeeded_count: u32,
    /// Number of items, among those not found, that no provider has answered about.
    #[serde(skip_serializing_if = "is_zero")]
    pub unanswered: u32,
    /// Number of items whose outcome was remembered.
    #[serde(skip_serializing_if = "is_zero")]
    pub remembered: u32,
    /// Number of requests to the metadata providers.
    pub requests: u32,
    /// Number of photos of a scan.
    #[serde(skip_serializing_if = "is_zero")]
    pub photos: u32,
    /// Number of photos that have been looked at.
    #[serde(skip_serializing_if = "is_zero")]
    pub processed_photos: u32,
    /// The reason why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<FailureCode>,
    /// Pseudonym of its client, as the documents that count clients' jobs have it; absent when the
    /// client is not counted.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub client: &'a str,
    /// The job that this one tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<&'a str>,
}

impl<'a> Job<'a> {
    /// The operator's view of the job with this root; `idle` says that no run works on it.
    pub fn of(root: &'a Root, idle: bool) -> Self {
        Self {
            job_id: root.id.as_str(),
            pipeline: root.pipeline.into(),
            made_by: root.made_by.as_str(),
            status: Status::of(root),
            stage: root.stage.into(),
            idle,
            created_at: Iso(root.created),
            updated_at: Iso(root.updated),
            duration: millis(root.elapsed()),
            processed_count: root.processed(),
            total_count: root.total,
            succeeded_count: root.succeeded,
            unanswered: root.unanswered,
            remembered: root.remembered,
            requests: root.requests.values().sum(),
            photos: u32::try_from(root.photos.len()).unwrap_or(u32::MAX),
            processed_photos: root.processed_photos(),
            code: root.failure.as_ref().map(|failure| failure.code.into()),
            client: &root.client,
            retry_of: root.retry.as_ref().map(|retry| retry.of.as_str()),
        }
    }

    /// The operator's view of a job that was found in this state, if there is one.
    pub fn of_state(state: &'a Inspection) -> Option<Self> {
        let idle = matches!(state, Inspection::Idle(_));
        state.root().map(|root| Self::of(root, idle))
    }
}

/// State of a provider's circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests go out.
    Closed,
    /// One request is to show that the provider is well again.
    HalfOpen,
    /// No request goes out.
    Open,
}

/// A metadata provider as an operator sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "OperatorProvider"))]
pub struct Provider {
    /// Name of the provider.
    pub name: &'static str,
    /// State of its circuit breaker.
    pub breaker: BreakerState,
    /// Time until which the breaker stays open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Iso>,
    /// Number of failures since the last success.
    pub failures: u32,
    /// Requests a second in the long run, as configured.
    pub rate: Whole,
    /// Requests at once after a pause, as configured.
    pub burst: Whole,
    /// Share of the rate at which it is asked at present; refusals lower it.
    pub pace: Whole,
    /// Average latency of its answers, in ms; absent while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
    /// Number of jobs that ask it at present.
    pub jobs: usize,
    /// Number of single look-ups and searches in the last seconds.
    pub look_ups: usize,
}

impl Provider {
    /// The operator's view of a provider.
    pub fn of(status: &ProviderStatus, limit: RateLimit) -> Self {
        Self {
            name: status.name,
            breaker: match status.breaker {
                Breaker::Closed => BreakerState::Closed,
                Breaker::HalfOpen => BreakerState::HalfOpen,
                Breaker::Open => BreakerState::Open,
            },
            open_until: status.open_until.map(Iso),
            failures: status.failures,
            rate: Whole(limit.per_second),
            burst: Whole(limit.burst),
            pace: Whole((status.pace * 1_000.0).round() / 1_000.0),
            latency: status.latency.map(millis),
            jobs: status.jobs.len(),
            look_ups: status.look_ups,
        }
    }
}

/// Use of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StoreUse {
    /// Number of keys at the last count, with those reserved for running jobs.
    pub keys: usize,
    /// Time of that count, which the creation of a job makes now and then; absent when there was
    /// none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Iso>,
    /// The most keys that the store may have; absent where there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_keys: Option<usize>,
    /// Number of jobs of which the webhook was still to be told then.
    pub webhooks_pending: usize,
}

/// A client and the number of jobs that it has begun lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Holder<'a> {
    /// The client's pseudonym.
    pub client: &'a str,
    /// Number of its jobs, look-ups and searches of the last hour that still count.
    pub jobs: usize,
}

/// The settings in force. Times are in ms; of secrets only whether they are set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InForce<'a> {
    /// The profile of the platform.
    pub profile: &'a str,
    /// Version of the application.
    pub version: &'static str,
    /// Whether the providers are stand-ins.
    pub sandbox: bool,
    /// Whether jobs of the first apps' routes are open to whoever knows their name.
    pub legacy_tokenless: bool,
    /// Whether the ends of jobs are posted to a webhook.
    pub webhook: bool,
    /// How long a lease lasts.
    pub lease_ms: u64,
    /// How long a run may take; absent where there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_budget_ms: Option<u64>,
    /// How long an answer to a stream may last; absent where there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_budget_ms: Option<u64>,
    /// Time without progress after which a job has failed.
    pub stall_ms: u64,
    /// How long results are kept.
    pub retention_ms: u64,
    /// How long a token is valid.
    pub token_life_ms: u64,
    /// Number of jobs that may compute at the same time.
    pub compute_slots: usize,
    /// Number of jobs that one client may have under way; 0: any.
    pub max_jobs_per_client: usize,
    /// Number of books whose provider records are remembered; 0 where nothing is remembered.
    pub remembered_books: usize,
    /// Which secrets are set, among those that this component may know.
    pub secrets_set: Vec<&'static str>,
}

/// The configuration of an application that is not part of the engine's settings.
#[derive(Clone, Copy, Debug)]
pub struct Application<'a> {
    /// The profile of the platform.
    pub profile: &'a str,
    /// Version of the application.
    pub version: &'static str,
    /// Whether the providers are stand-ins.
    pub sandbox: bool,
    /// Whether jobs of the first apps' routes are open to whoever knows their name.
    pub legacy_tokenless: bool,
}

impl<'a> InForce<'a> {
    /// The settings in force: the engine's and the application's; `secrets` are names, each with
    /// whether it is set.
    pub fn of(
        settings: &Settings,
        application: Application<'a>,
        secrets: &[(&'static str, bool)],
    ) -> Self {
        let set = secrets.iter().filter(|(_, is_set)| *is_set);
        let Application {
            profile,
            version,
            sandbox,
            legacy_tokenless,
        } = application;
        Self {
            profile,
            version,
            sandbox,
            legacy_tokenless,
            webhook: settings.webhook.is_some(),
            lease_ms: millis(settings.lease),
            run_budget_ms: settings.run_budget.map(millis),
            stream_budget_ms: settings.stream_budget.map(millis),
            stall_ms: millis(settings.stall),
            retention_ms: millis(settings.retention),
            token_life_ms: millis(settings.token_life),
            compute_slots: settings.compute_slots,
            max_jobs_per_client: settings.limits.max_jobs_per_client,
            remembered_books: settings.remembered_books(),
            secrets_set: set.map(|(name, _)| *name).collect(),
        }
    }
}

/// The application as an operator sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "OperatorOverview"))]
pub struct Shown<'a> {
    /// Jobs, the newest first; those that ask a provider at present come before all others.
    pub jobs: Vec<Job<'a>>,
    /// The value of `before` that asks for older jobs; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than: Option<u64>,
    /// The metadata providers.
    pub providers: Vec<Provider>,
    /// Use of the store.
    pub store: StoreUse,
    /// The clients that have begun most jobs lately.
    pub holders: Vec<Holder<'a>>,
    /// The settings in force.
    pub settings: InForce<'a>,
}

impl<'a> Shown<'a> {
    /// Spells what the engine has read; `limits` are those of the providers, in their order.
    pub fn of(overview: &'a Overview, limits: &[RateLimit], settings: InForce<'a>) -> Self {
        let providers = overview.providers.iter().zip(limits);
        Self {
            jobs: overview.jobs.iter().filter_map(Job::of_state).collect(),
            older_than: overview.older_than.map(|time| time.0),
            providers: providers
                .map(|(status, limit)| Provider::of(status, *limit))
                .collect(),
            store: StoreUse {
                keys: overview.store.keys,
                counted_at: overview.store.counted.map(Iso),
                max_keys: overview.store.max_keys,
                webhooks_pending: overview.store.untold,
            },
            holders: (overview.holders.iter())
                .map(|(client, jobs)| Holder {
                    client,
                    jobs: *jobs,
                })
                .collect(),
            settings,
        }
    }
}

/// The time that a job has waited for a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waited<'a> {
    /// The provider.
    pub provider: &'a str,
    /// Time for which it has answered nothing, in ms.
    pub ms: u64,
    /// Time until which the job waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Iso>,
}

/// Results that one run has committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Committed {
    /// The term of the run; 0 when it cannot be told.
    pub term: u64,
    /// Number of items.
    pub items: u32,
    /// Their size in bytes.
    pub bytes: u32,
}

/// One moment of a job's course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimelineMoment<'a> {
    /// The time.
    pub at: Iso,
    /// What happened: `handed-over` and `claimed` say how a run has got the job, `analyzed` and
    /// `looked-up` that it has committed, `waits` that the job waits for a provider from then on.
    pub event: &'static str,
    /// The term of the run that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// Number of photos that have been looked at, or of items that are final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// The provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'a str>,
}

impl<'a> TimelineMoment<'a> {
    fn of(created: Time, moment: job::Moment<'a>) -> Self {
        let (event, term, done, provider) = match moment.event {
            Event::HandedOver(term) => ("handed-over", Some(term), None, None),
            Event::Claimed(term) => ("claimed", Some(term), None, None),
            Event::Analyzed(photos) => ("analyzed", None, Some(photos), None),
            Event::LookedUp(items) => ("looked-up", None, Some(items), None),
            Event::Waits(provider) => ("waits", None, None, Some(provider)),
        };
        Self {
            at: Iso(created.plus(moment.after)),
            event,
            term,
            done,
            provider,
        }
    }
}

/// The course of a job, as far as the store tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Timeline<'a> {
    /// The job.
    pub job: Job<'a>,
    /// Number of commits so far.
    pub commits: u64,
    /// Number of runs that have held the lease, the creation being the first: each that is handed
    /// the lease, or claims it from a silent one, is one more.
    pub term: u64,
    /// Time until which the present run has the lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<Iso>,
    /// Time at which the next commit is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_commit_at: Option<Iso>,
    /// What has happened since the job was created, in order: 32 moments at most, of more without
    /// the oldest commits. A run that has committed nothing is not among them.
    pub course: Vec<TimelineMoment<'a>>,
    /// Results that are stored, in their order: while the job runs, those of each commit.
    pub results: Vec<Committed>,
    /// Number of requests to each provider.
    pub requests: std::collections::BTreeMap<&'a str, u32>,
    /// Providers that the job has waited for.
    pub waits: Vec<Waited<'a>>,
    /// Time, in ms, that runs have worked on the next items without having them done in time.
    pub late_ms: u64,
    /// Number of attempts at the file's analysis.
    pub attempts: u8,
    /// Number of bytes that were uploaded.
    pub uploaded_bytes: u64,
    /// Time at which the job and its results are forgotten.
    pub expires_at: Iso,
    /// Whether somebody has asked for the job to be canceled.
    pub canceling: bool,
    /// Whether the webhook is still to be told of its end, or of a long wait.
    pub webhook_pending: bool,
    /// Number of attempts at that so far; absent when there is nothing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_attempts: Option<u32>,
    /// Earliest time of the next; absent when there is nothing to tell, or it was not tried yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_next_at: Option<Iso>,
}

impl<'a> Timeline<'a> {
    /// Spells what the engine has read; `None` when there is no job.
    pub fn of(detail: &'a JobDetail) -> Option<Self> {
        let root = detail.state.root()?;
        let results = root.segments.iter().map(|part| Committed {
            term: term(&part.key),
            items: part.count,
            bytes: part.bytes,
        });
        let waits = root.outages.iter().map(|(provider, outage)| Waited {
            provider,
            ms: outage.waited_ms,
            until: outage.waits_until.map(Iso),
        });
        let requests = root.requests.iter();
        Some(Self {
            job: Job::of_state(&detail.state)?,
            commits: root.seq,
            term: detail.term,
            leased_until: detail.leased_until.map(Iso),
            next_commit_at: root.due.filter(|_| !root.stage.is_terminal()).map(Iso),
            course: (root.course.moments())
                .map(|moment| TimelineMoment::of(root.created, moment))
                .collect(),
            results: results.collect(),
            requests: requests.map(|(name, n)| (name.as_str(), *n)).collect(),
            waits: waits.collect(),
            late_ms: root.late_ms,
            attempts: root.attempts,
            uploaded_bytes: root.uploaded.bytes,
            expires_at: Iso(root.expires),
            canceling: detail.is_to_be_canceled && !root.stage.is_terminal(),
            webhook_pending: detail.undelivered.is_some(),
            webhook_attempts: detail.undelivered.as_ref().map(|message| message.attempts),
            webhook_next_at: (detail.undelivered.as_ref())
                .filter(|message| message.attempts > 0)
                .map(|message| Iso(message.next)),
        })
    }
}

/// The term of the run that wrote a part, from the part's key.
fn term(key: &str) -> u64 {
    let name = key.rsplit('/').next().unwrap_or_default();
    let term = name.split('-').next().unwrap_or_default();
    term.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::term;

    #[test]
    fn a_part_s_key_names_the_term_of_its_run() {
        assert_eq!(term("job/a-1/seg/12-00ff.3"), 12);
        assert_eq!(term("job/a/seg/x"), 0);
    }
}
