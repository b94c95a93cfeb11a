//! Waiting for a provider, and giving up for this run, in sight of those who watch the job.

use std::time::Duration;

use super::pipeline::{Inquiry, WavePipeline};
use super::providers::ProviderSessions;
use crate::cadence::Forecast;
use crate::effects::Effects;
use crate::run::Run;
use crate::storage::Stop;
use crate::work::StageOutcome;

/// Part of a run's budget reserved for committing what a wave has found.
pub(super) const COMMIT_TIME: Duration = Duration::from_secs(3);

/// Waits for a provider as long as this run can: a run that ended sooner would only begin another
/// that waits.
pub(super) async fn wait_for_providers<E: Effects>(
    run: &mut Run<'_, E>,
    sessions: &ProviderSessions,
) -> Result<(), Stop> {
    let effects = run.engine.effects;
    let outages = sessions.outages(effects);
    let next = (outages.values())
        .filter_map(|outage| outage.waits_until)
        .min();
    if let (Some(next), Some(left)) = (next, run.time_to_wait()) {
        let wait = next.since(effects.now()).min(left);
        run.guarded(async {
            effects.sleep(wait).await;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Commits that the run has worked since `start` (monotonic) on what it could not finish.
pub(super) async fn hand_over_unfinished<E: Effects>(
    run: &mut Run<'_, E>,
    sessions: &ProviderSessions,
    start: Duration,
) -> Result<StageOutcome, Stop> {
    let effects = run.engine.effects;
    let late = effects.monotonic().saturating_sub(start);
    let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
    wait_for_providers(run, sessions).await?;
    let (outages, requests) = (sessions.outages(effects), sessions.requests());
    run.commit(Forecast::Unknown, |root| {
        root.outages = outages;
        root.requests = requests;
        root.late_ms = root.late_ms.saturating_add(late);
    })
    .await?;
    Ok(StageOutcome::HandOver)
}

/// Commits that the job waits for a provider, and until when, so that watchers see it.
pub(super) async fn commit_and_wait<E: Effects, S: Inquiry>(
    run: &mut Run<'_, E>,
    pipeline: &mut WavePipeline<'_, E, S>,
    sessions: &ProviderSessions,
) -> Result<(), Stop> {
    let effects = run.engine.effects;
    let outages = sessions.outages(effects);
    let requests = sessions.requests();
    let until = outages
        .values()
        .filter_map(|outage| outage.waits_until)
        .min();
    let wait = until.map_or(Duration::ZERO, |until| until.since(effects.now()));
    effects.log(
        "provider-awaited",
        serde_json::json!({"jobId": run.root.id, "outages": outages}),
    );
    pipeline
        .drive_while(run.commit(Forecast::In(wait), |root| {
            root.outages = outages;
            root.requests = requests;
        }))
        .await
}
