//! The look-up stage: batches of items through the metadata providers.

mod identify;
mod pipeline;
mod providers;
mod search;
mod sessions;
mod waiting;

use std::collections::VecDeque;
use std::time::Duration;

use books::{Found, Isbn, Known, Near, Search, Wanted};

use crate::cadence::Forecast;
use crate::document::Outcome;
use crate::document::{Component, Item, Root, Stage};
use crate::effects::Effects;
use crate::engine::Engine;
use crate::keys;
use crate::memory::{self, Learned, RememberedBooks};
use crate::plan::Plan;
use crate::run::Run;
use crate::storage::Stop;
use crate::work::{StageOutcome, Worker};

use pipeline::{FirstWave, WavePipeline};
pub use providers::Enrichment;
pub use search::Searched;
pub use sessions::ProviderSessions;
use waiting::{COMMIT_TIME, finish_in_time, hand_over_unfinished};

/// Number of waves under way at the same time. They are committed one by one; a run that dies has
/// asked for so many in vain.
const WAVES_AT_ONCE: usize = 4;

impl<E: Effects> Worker<E> for Enrichment {
    fn handles(&self, root: &Root) -> bool {
        !root.stage.is_terminal()
            && root.stage != Stage::Receiving
            && root.next_component() == Component::Enrichment
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        let effects = run.engine.effects;
        let sessions = run
            .retry_while_leased(async || {
                let root = &run.root;
                self.sessions_of_run(effects, root.id.to_string(), &root.requests, &root.outages)
                    .await
            })
            .await?;
        run.renew_when_due().await?;
        let mut remembered_books = RememberedBooks::begin(run.engine).await;
        run.renew_when_due().await?;
        if run.root.stage == Stage::Queued {
            let expect = remembered_books.first_wave(sessions.first_wave());
            run.commit(expect, |root| root.stage = Stage::Enriching)
                .await?;
        }
        if run.root.stage == Stage::Analyzing {
            let identified = self.identify(run, &sessions).await;
            if !matches!(identified, Ok(StageOutcome::NextStage)) {
                sessions.save(effects).await;
                return identified;
            }
        }
        // Read for good by the stage before. The root goes on naming them until the next commit,
        // so that whoever does this again after a crash deletes them again.
        run.delete_uploads().await?;
        let result = self.waves(run, &sessions, &mut remembered_books).await;
        sessions.save(effects).await;
        result
    }

    async fn remember(&self, engine: Engine<'_, E>, learned: Learned) {
        memory::remember(engine, learned).await;
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
        let mut pipeline = WavePipeline::new(self, effects, sessions, until).ending_unsent(true);
        pipeline.add(Search::new(wanted, &self.endpoints));
        loop {
            if let FirstWave::Found((found, _)) = pipeline.finish_first_wave().await {
                return found;
            }
        }
    }

    async fn waves<E: Effects>(
        &self,
        run: &mut Run<'_, E>,
        sessions: &ProviderSessions,
        remembered_books: &mut RememberedBooks,
    ) -> Result<StageOutcome, Stop> {
        let mut plan = Plan::default();
        let mut took = Duration::ZERO;
        // What does not come in time is asked again by the next run.
        let allowance = self.timeout + Duration::from_secs(1);
        let effects = run.engine.effects;
        // A platform that ends requests gets what could be asked in time: at first another run asks
        // again, in the end that is all there is.
        let late = Duration::from_millis(run.root.late_ms);
        let mut pipeline = WavePipeline::new(self, effects, sessions, run.deadline(COMMIT_TIME))
            .ending_unsent(late > self.patience)
            .with_background(sessions.keep_syncing(effects, run.engine.settings.commit_interval));
        // That nobody knew a book is no answer to somebody who wants it asked again.
        let retry = run.root.retry.as_ref();
        let asks_anew = retry.is_some_and(|retry| retry.only.contains(&Outcome::NotFound));
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
                let wanted: Vec<Wanted> = items.iter().map(Item::to_look_up).collect();
                let mut search = Search::new(wanted.clone(), &self.endpoints);
                let mut known = match asks_anew {
                    true => vec![false; wanted.len()],
                    false => {
                        remembered_books
                            .apply_to(effects, &mut search, &wanted)
                            .await
                    }
                };
                for (at, item) in items.iter().enumerate() {
                    if item.found.is_some() {
                        known[at] = search.set_known(at, Known::Nothing);
                    }
                }
                pipeline.add(search);
                next = next.saturating_add(u32::try_from(items.len()).unwrap_or(u32::MAX));
                begun.push_back((effects.monotonic(), items, known));
            }
            let Some((start, mut items, mut known)) = begun.pop_front() else {
                return Ok(StageOutcome::HandOver);
            };
            let Some(found) = finish_in_time(run, &mut pipeline, sessions).await? else {
                let outcome = hand_over_unfinished(run, sessions, start).await?;
                // What was found in vain, as far as it is final.
                begun.push_front((start, items, known));
                for (found, (_, mut items, known)) in pipeline.abandon().into_iter().zip(begun) {
                    set_outcomes(&mut items, found);
                    run.learned.add(&items, &known, effects.now());
                }
                return Ok(outcome);
            };
            let mut settled = settled_in(&items);
            set_outcomes(&mut items, found);
            // Waves about which nobody is asked take no time: one commit is for all of them.
            while is_known(&known) && begun.front().is_some_and(|(_, _, known)| is_known(known)) {
                let Some(found) = finish_in_time(run, &mut pipeline, sessions).await? else {
                    break;
                };
                let Some((_, mut more, more_known)) = begun.pop_front() else {
                    break;
                };
                settled += settled_in(&more);
                set_outcomes(&mut more, found);
                items.append(&mut more);
                known.extend(more_known);
            }
            let remembered = known.iter().filter(|known| **known).count() - settled;
            took = effects.monotonic().saturating_sub(start);
            let succeeded = items.iter().filter(|item| item.succeeded()).count();
            let unanswered = items.iter().filter(|item| item.is_unanswered()).count();
            let (requests, outages) = (sessions.requests(), sessions.outages(effects));
            let finished = u32::try_from(items.len()).unwrap_or(u32::MAX);
            let wait = run.pause_before_commit();
            if wait > Duration::ZERO {
                run.guarded(async {
                    pipeline.drive_while(effects.sleep(wait)).await;
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
                // Whether the next books are remembered is not known yet.
                of_answers if begun.is_empty() => remembered_books.first_wave(of_answers),
                Forecast::In(time) => Forecast::In(time.max(run.engine.settings.commit_interval)),
                expect => expect,
            };
            let committed = run
                .commit(expect, |root| {
                    root.segments.extend(segments);
                    // Runs of an earlier version have counted none.
                    if root.processed() == 0 || root.to_review.is_some() {
                        let to_review = root.count_to_review(&items);
                        root.to_review = Some(root.to_review.unwrap_or_default() + to_review);
                    }
                    let succeeded = u32::try_from(succeeded).unwrap_or(u32::MAX);
                    root.succeeded += succeeded;
                    root.failed += finished.saturating_sub(succeeded);
                    root.unanswered += u32::try_from(unanswered).unwrap_or(u32::MAX);
                    root.remembered += u32::try_from(remembered).unwrap_or(u32::MAX);
                    root.title = items.iter().rev().find_map(shown_title).unwrap_or_default();
                    root.last_id = items.last().and_then(shown_id).unwrap_or_default();
                    root.requests = requests;
                    root.set_outages(outages);
                    // Runs that gave up once need not try the next items for as long.
                    if unanswered == 0 {
                        root.late_ms = 0;
                    }
                    root.forget_uploads();
                })
                .await;
            // Those who listen need not wait for it.
            run.learned.add(&items, &known, effects.now());
            committed?;
        }
        Ok(StageOutcome::Finished(Stage::Complete, None))
    }
}

/// Number of items that have their outcome in the plan.
fn settled_in(items: &[Item]) -> usize {
    items.iter().filter(|item| item.found.is_some()).count()
}

/// Whether all items of a wave are known already, so that no provider is asked.
fn is_known(known: &[bool]) -> bool {
    known.iter().all(|known| *known)
}

/// Sets the outcomes of items, and what a person may choose from instead; fields that the plan
/// already has keep their values, candidates until there are new ones or nothing is left to choose.
fn set_outcomes(items: &mut [Item], (found, near): (Vec<Found>, Vec<Vec<Near>>)) {
    for ((item, found), near) in items.iter_mut().zip(found).zip(near) {
        item.found.get_or_insert(found);
        if item.succeeded() {
            item.cells.clear();
            item.repeated.clear();
        }
        if item.succeeded() || !near.is_empty() {
            item.candidates = near;
        }
    }
}

/// The title of an item that has one: as it was asked for, else as a provider knows it.
fn shown_title(item: &Item) -> Option<String> {
    let given = Some(item.wanted.title.as_str()).filter(|title| !title.is_empty());
    let title = given.or_else(|| Some(item.record()?.title()))?;
    Some(shorten(title))
}

/// The work key or the ISBN of an item: as it was asked for, else of what was found.
fn shown_id(item: &Item) -> Option<String> {
    let wanted = &item.wanted;
    let isbn = |isbn: Isbn| isbn.to_string();
    let asked = wanted.work_id.clone().or_else(|| wanted.isbn.map(isbn));
    asked.or_else(|| {
        let record = item.record()?;
        let work = record.work.open_library_id.clone();
        work.or_else(|| record.edition.isbn().map(isbn))
    })
}

/// Shortens a title for the root, where it is only shown.
fn shorten(title: &str) -> String {
    match title.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.to_owned(),
    }
}
