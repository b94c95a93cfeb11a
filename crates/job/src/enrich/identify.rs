//! Identification of the books that the lettering on a photo names, by Open Library's search for
//! words.

use std::time::Duration;

use books::SpineSearch;

use super::pipeline::WavePipeline;
use super::providers::Enrichment;
use super::sessions::ProviderSessions;
use super::waiting::{COMMIT_TIME, finish_in_time, hand_over_unfinished};
use crate::document::PhotoStep;
use crate::effects::Effects;
use crate::photo::{PhotoReport, StepResult};
use crate::run::Run;
use crate::storage::Stop;
use crate::work::StageOutcome;

impl Enrichment {
    /// Identifies the books of all photos whose lettering was read, then makes one list of them.
    pub(super) async fn identify<E: Effects>(
        &self,
        run: &mut Run<'_, E>,
        sessions: &ProviderSessions,
    ) -> Result<StageOutcome, Stop> {
        let effects = run.engine.effects;
        while let Some(index) = run.root.next_photo(PhotoStep::Identify) {
            let begun = effects.monotonic();
            let report = run.photo_report(index).await?;
            let Some(lettering) = report.lettering.clone() else {
                run.commit_photo(index, StepResult::Over(report), |_| {})
                    .await?;
                continue;
            };
            let late = Duration::from_millis(run.root.late_ms);
            let interval = run.engine.settings.commit_interval;
            let mut pipeline =
                WavePipeline::new(self, effects, sessions, run.deadline(COMMIT_TIME))
                    .ending_unsent(late > self.patience)
                    .with_background(sessions.keep_syncing(effects, interval));
            pipeline.add(SpineSearch::new(lettering.shelf.clone(), &self.endpoints));
            let found = finish_in_time(run, &mut pipeline, sessions).await?;
            drop(pipeline);
            let Some(found) = found else {
                return hand_over_unfinished(run, sessions, begun).await;
            };
            effects.log(
                "spines-identified",
                serde_json::json!({"jobId": run.root.id, "photo": index,
                    "lines": lettering.shelf.lettering.len(), "spines": lettering.shelf.spines.len(),
                    "books": found.books.len(), "unknown": found.unknown.len(),
                    "answered": found.complete}),
            );
            let mut report = PhotoReport {
                lettering: None,
                hint: lettering.hint(&found),
                ..report
            };
            for (detection, named) in lettering.detections(&found) {
                report.detections.push(detection);
                report.named.push(named);
            }
            let (outages, requests) = (sessions.outages(effects), sessions.requests());
            run.commit_photo(index, StepResult::Over(report), |root| {
                root.set_outages(outages);
                root.requests = requests;
                root.late_ms = 0;
            })
            .await?;
        }
        let model = vision::VisionKind::Spines.name();
        let threshold = run.root.scan.unwrap_or_default().threshold;
        run.conclude_photos(threshold, model).await
    }
}
