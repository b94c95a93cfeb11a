//! The look-up stage: batches of items through the metadata providers.

mod pipeline;
mod providers;

use std::collections::VecDeque;
use std::time::Duration;

use books::{Endpoints, Found, Wanted};

use crate::cadence::Forecast;
use crate::document::{Root, Stage};
use crate::effects::Effects;
use crate::keys;
use crate::plan::Plan;
use crate::provider::RateLimit;
use crate::run::Run;
use crate::storage::Stop;
use crate::work::{StageOutcome, Worker};

use pipeline::WavePipeline;
pub use providers::ProviderSessions;

pub(crate) use providers::first_wave;

/// What a run keeps back of its budget for committing what a wave has found.
const COMMIT_TIME: Duration = Duration::from_secs(3);

/// How many waves ask at the same time. They are committed one by one; a run that dies has asked for
/// so many in vain.
const WAVES_AT_ONCE: usize = 4;

/// How the metadata providers are asked.
#[derive(Clone, Debug)]
pub struct Enrichment {
    /// Where they are.
    pub endpoints: Endpoints,
    /// Who we are: names the application and a contact.
    pub user_agent: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// Requests in flight at the same time.
    pub concurrency: usize,
    /// How much Open Library may be asked.
    pub open_library: RateLimit,
    /// How much Google Books may be asked.
    pub google_books: RateLimit,
}

impl<E: Effects> Worker<E> for Enrichment {
    fn handles(&self, root: &Root) -> bool {
        root.stage == Stage::Enriching
            || (root.stage == Stage::Queued && root.pipeline.first_stage() == Stage::Enriching)
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        let effects = run.engine.effects;
        let sessions = run
            .retry_while_leased(async || self.sessions(effects, &run.root.requests).await)
            .await?;
        if run.root.stage == Stage::Queued {
            run.commit(sessions.first_wave(), |root| root.stage = Stage::Enriching)
                .await?;
        }
        // Read for good by the stage before. The root goes on naming them until the next commit,
        // so that whoever does this again after a crash deletes them again.
        run.delete_uploads().await?;
        let result = self.waves(run, &sessions).await;
        sessions.save(effects).await;
        result
    }
}

impl Enrichment {
    /// Looks items up: one answer each, in order. Never fails: what cannot be asked, or not before
    /// the (monotonic) time `until`, is an answer too.
    pub async fn look_up<E: Effects>(
        &self,
        effects: &E,
        sessions: &ProviderSessions,
        wanted: Vec<Wanted>,
        until: Option<Duration>,
    ) -> Vec<Found> {
        let mut pipeline = WavePipeline::new(self, effects, sessions, until);
        pipeline.add(wanted);
        pipeline.finish_front().await
    }

    async fn waves<E: Effects>(
        &self,
        run: &mut Run<'_, E>,
        sessions: &ProviderSessions,
    ) -> Result<StageOutcome, Stop> {
        let mut plan = Plan::default();
        let mut took = Duration::ZERO;
        let allowance = self.timeout * 2 + Duration::from_secs(1);
        // A platform that ends requests gets what could be asked in time.
        let mut pipeline = WavePipeline::new(
            self,
            run.engine.effects,
            sessions,
            run.deadline(COMMIT_TIME),
        );
        let mut begun = VecDeque::new();
        let mut next = run.root.stored();
        while run.root.stored() < run.root.total {
            while next < run.root.total && begun.len() < WAVES_AT_ONCE {
                let is_timed = took > Duration::ZERO;
                if is_timed && !run.has_time_for(allowance.max(took)) {
                    break;
                }
                // How many fit a budget is known when one has been done.
                if !is_timed && !begun.is_empty() && run.engine.settings.run_budget.is_some() {
                    break;
                }
                let items = plan.wave(run, next).await?;
                pipeline.add(items.iter().map(|item| item.wanted.clone()).collect());
                next = next.saturating_add(u32::try_from(items.len()).unwrap_or(u32::MAX));
                begun.push_back((run.engine.effects.monotonic(), items));
            }
            let Some((start, mut items)) = begun.pop_front() else {
                return Ok(StageOutcome::HandOver);
            };
            let found = run
                .guarded(async { Ok(pipeline.finish_front().await) })
                .await?;
            for (item, found) in items.iter_mut().zip(found) {
                item.found = Some(found);
            }
            took = run.engine.effects.monotonic().saturating_sub(start);
            let succeeded = items.iter().filter(|item| item.succeeded()).count();
            let requests = sessions.asked();
            let finished = u32::try_from(items.len()).unwrap_or(u32::MAX);
            let wait = run.pause_before_commit();
            if wait > Duration::ZERO {
                run.guarded(async {
                    pipeline.drive_while(run.engine.effects.sleep(wait)).await;
                    Ok(())
                })
                .await?;
            }
            let segments = pipeline
                .drive_while(run.write_items(keys::segment, &items))
                .await?;
            let expect = match pipeline.forecast() {
                // The end follows at once.
                _ if begun.is_empty() && next >= run.root.total => Forecast::In(Duration::ZERO),
                Forecast::In(time) => Forecast::In(time.max(run.engine.settings.commit_interval)),
                expect => expect,
            };
            run.commit(expect, |root| {
                root.segments.extend(segments);
                let succeeded = u32::try_from(succeeded).unwrap_or(u32::MAX);
                root.succeeded += succeeded;
                root.failed += finished.saturating_sub(succeeded);
                root.title = items
                    .iter()
                    .rev()
                    .find(|item| !item.wanted.title.is_empty())
                    .map_or_else(String::new, |item| shorten(&item.wanted.title));
                root.requests = requests;
                root.uploads.clear();
            })
            .await?;
            sessions.save(run.engine.effects).await;
        }
        Ok(StageOutcome::Finished(Stage::Complete, None))
    }
}

/// Titles in the root are for show.
fn shorten(title: &str) -> String {
    match title.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.to_owned(),
    }
}
