//! Waiting for a provider, and giving up for this run, in sight of those who watch the job.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pipeline::{FirstWave, Inquiry, WavePipeline};
use super::sessions::ProviderSessions;
use crate::cadence::Forecast;
use crate::document::Outage;
use crate::effects::Effects;
use crate::run::Run;
use crate::storage::Stop;
use crate::time::Time;
use crate::work::StageOutcome;

/// Part of a run's budget reserved for committing what a wave has found.
pub(super) const COMMIT_TIME: Duration = Duration::from_secs(3);

/// Finishes the first wave of a run, however often it has to wait for a provider; `None` if the run
/// has no time left for it.
pub(super) async fn finish_in_time<E: Effects, S: Inquiry>(
    run: &mut Run<'_, E>,
    pipeline: &mut WavePipeline<'_, E, S>,
    sessions: &ProviderSessions,
) -> Result<Option<S::Outcome>, Stop> {
    loop {
        match run
            .guarded(async { Ok(pipeline.finish_first_wave().await) })
            .await?
        {
            FirstWave::Found(found) => return Ok(Some(found)),
            FirstWave::Waiting => commit_and_wait(run, pipeline, sessions).await?,
            FirstWave::OutOfTime => return Ok(None),
        }
    }
}

/// Waits for a provider as long as this run can: a run that ended sooner would only begin another
/// that waits.
async fn wait_for_providers<E: Effects>(
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
    let long_wait = note_long_wait(run, &outages).await?;
    run.commit(Forecast::Unknown, |root| {
        root.long_wait = long_wait;
        root.set_outages(outages);
        root.requests = requests;
        root.late_ms = root.late_ms.saturating_add(late);
    })
    .await?;
    Ok(StageOutcome::HandOver)
}

/// Commits that the job waits for a provider, and until when, so that watchers see it.
async fn commit_and_wait<E: Effects, S: Inquiry>(
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
    let long_wait = pipeline.drive_while(note_long_wait(run, &outages)).await?;
    pipeline
        .drive_while(run.commit(Forecast::In(wait), |root| {
            root.long_wait = long_wait;
            root.set_outages(outages);
            root.requests = requests;
        }))
        .await?;
    // Only as long as the job waits anyway.
    let left = until.map_or(Duration::ZERO, |until| until.since(effects.now()));
    if long_wait.is_some() && left > Duration::ZERO {
        let told = run.engine.deliver_wait(&run.root, run.epoch(), left);
        pipeline.drive_while(told).await;
    }
    Ok(())
}

/// The longest wait for a provider, with what the job has waited already.
fn longest_wait(outages: &BTreeMap<String, Outage>, now: Time) -> Duration {
    let waits = outages.values().filter_map(|outage| {
        let left = outage.waits_until?.since(now);
        Some(Duration::from_millis(outage.waited_ms) + left)
    });
    waits.max().unwrap_or_default()
}

/// The time since which the job waits for long, as the next commit says it. When a long wait
/// begins, the mark that the webhook is to be told comes first.
async fn note_long_wait<E: Effects>(
    run: &Run<'_, E>,
    outages: &BTreeMap<String, Outage>,
) -> Result<Option<Time>, Stop> {
    let engine = run.engine;
    let now = engine.effects.now();
    match &engine.settings.webhook {
        _ if run.root.long_wait.is_some() => return Ok(run.root.long_wait),
        Some(webhook) if longest_wait(outages, now) >= webhook.long_wait => {}
        _ => return Ok(None),
    }
    let note = async || {
        engine
            .note_wait_for_webhook(&run.root.id, run.epoch())
            .await
    };
    run.retry_while_leased(note).await?;
    Ok(Some(now))
}
