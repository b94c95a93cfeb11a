//! The first stage of an import: read the file, plan its look-ups.

use std::time::Duration;

use books::{CsvErrorKind, Row};

use crate::compute::{LONG_ENOUGH_TO_WAIT, QueueTurn, Work};
use crate::document::{
    Failure, FailureCode, Item, MAX_VALUE_BYTES, Pipeline, Report, Root, RowCounts, Stage,
};
use crate::effects::Effects;
use crate::keys;
use crate::memory;
use crate::plan::wave_size;
use crate::provider::first_wave;
use crate::run::{Run, read_upload};
use crate::storage::{Stop, to_json};
use crate::work::{StageOutcome, Worker};

/// Number of attempts at a large file whose analysis is interrupted by the end of its run: it may
/// need more memory than there is.
const MAX_ATTEMPTS: u8 = 4;

/// Number of attempts at a file that is read at once: what ends its runs is the load of others,
/// which passes. Bounded all the same, should it be the file.
const MAX_ATTEMPTS_OF_SMALL: u8 = 16;

/// The worker for the first stage of an import: reads the file and plans its look-ups.
#[derive(Clone, Copy, Debug)]
pub struct CsvAnalysis;

impl<E: Effects> Worker<E> for CsvAnalysis {
    fn handles(&self, root: &Root) -> bool {
        root.pipeline == Pipeline::CsvImport && root.next_stage() == Stage::Analyzing
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        let uploads = run.root.uploads.iter();
        let times = uploads.map(|upload| {
            upload
                .takes()
                .max(QueueTurn::time_to_read(upload.bytes, false))
        });
        let takes: Duration = times.sum();
        let is_small = takes < LONG_ENOUGH_TO_WAIT;
        if run.deadly(run.root.attempts).await? >= max_attempts(is_small) {
            let failure = interrupted(is_small);
            return Ok(StageOutcome::Finished(Stage::Error, Some(failure)));
        }
        let mut turn = None;
        if !is_small {
            turn = run.wait_to_compute(Work::Short, takes).await?;
            if turn.is_none() {
                return Ok(StageOutcome::HandOver);
            }
        }
        run.begin_attempt(run.root.attempts, |root, attempts| {
            root.stage = Stage::Analyzing;
            root.attempts = attempts;
        })
        .await?;
        let Some(bytes) = read_upload(run, 0).await? else {
            return Ok(StageOutcome::Finished(
                Stage::Error,
                Some(Failure::internal("a part of the upload is missing")),
            ));
        };
        // Nothing is renewed while it is read. It may take longer on a busy machine; a run that
        // dies meanwhile blocks its job, and a slot, for as long.
        run.renew_for(takes * 2).await?;
        if let Some(turn) = &mut turn {
            run.engine.renew_turn_for(turn, takes * 2).await;
        }
        let max_rows = run.engine.settings.limits.max_csv_rows;
        let mapping = run
            .root
            .uploads
            .first()
            .map(|upload| upload.mapping.clone());
        let mapping = mapping.unwrap_or_default();
        let library = books::read_library(&bytes, max_rows, &mapping);
        if let Some(turn) = turn {
            run.engine.end_turn(turn).await;
        }
        let library = match library {
            Ok(library) => library,
            Err(error) => {
                return Ok(StageOutcome::Finished(
                    Stage::Error,
                    Some(Failure::from(&error)),
                ));
            }
        };
        drop(bytes);
        let counts = RowCounts {
            rows: library.rows,
            duplicates: library.duplicates,
            rejected: u32::try_from(library.books.len()).map_or(0, |books| {
                library.rows.saturating_sub(books + library.duplicates)
            }),
        };
        let report = Report {
            problems: library.problems,
            reading: Some(library.reading),
            ..Report::default()
        };
        let cells = library.cells.into_iter();
        let repeated = library.repeated.into_iter();
        let rows = (cells.chain(std::iter::repeat(Vec::new())))
            .zip(repeated.chain(std::iter::repeat(Vec::new())));
        let items: Vec<Item> = (library.books.into_iter().zip(rows))
            .map(|(Row { wanted, imported }, (cells, repeated))| Item {
                imported: Some(imported),
                cells,
                repeated,
                ..Item::wanted(wanted)
            })
            .collect();
        let plan = run.write_items(keys::plan, &items).await?;
        let report = if report == Report::default() {
            None
        } else {
            let report = fitting(report)?;
            Some(run.write_part(keys::report, 1, &report).await?)
        };
        let wave = wave_size(items.len(), run.engine.settings.wave_items);
        let expect = first_wave(run.engine.effects).await;
        let expect = memory::first_wave(run.engine, expect).await;
        run.commit(expect, |root| {
            root.stage = Stage::Enriching;
            root.total = u32::try_from(items.len()).unwrap_or(u32::MAX);
            root.rows = Some(counts);
            root.plan = plan;
            root.wave = wave;
            root.report = report;
        })
        .await?;
        run.is_trying = false;
        Ok(StageOutcome::NextStage)
    }
}

/// A report as JSON that fits one value: texts of a file may be as long as they like. The rows'
/// cells go first, then the last problems; the counts know of all.
fn fitting(mut report: Report) -> Result<Vec<u8>, Stop> {
    loop {
        let bytes = to_json(&report)?;
        if bytes.len() <= MAX_VALUE_BYTES || report.problems.is_empty() {
            return Ok(bytes);
        }
        if report
            .problems
            .iter()
            .any(|problem| !problem.cells.is_empty())
        {
            for problem in &mut report.problems {
                problem.cells.clear();
            }
        } else {
            report.problems.truncate(report.problems.len() / 2);
        }
    }
}

fn max_attempts(is_small: bool) -> u8 {
    if is_small {
        MAX_ATTEMPTS_OF_SMALL
    } else {
        MAX_ATTEMPTS
    }
}

fn interrupted(is_small: bool) -> Failure {
    let advice = if is_small {
        "We could not process this file now. Please try again later."
    } else {
        "We could not process this file. Please try a smaller part of it."
    };
    let attempts = max_attempts(is_small);
    Failure::new(
        FailureCode::EInternal,
        format!("the analysis of the file was interrupted {attempts} times"),
        advice,
        is_small,
    )
}

impl From<&books::CsvError> for Failure {
    /// The failure of an import whose file cannot be read.
    fn from(error: &books::CsvError) -> Self {
        let code = match error.kind {
            CsvErrorKind::Empty => FailureCode::ECsvEmpty,
            CsvErrorKind::ParseFailed | CsvErrorKind::Mapping => FailureCode::ECsvParseFailed,
            CsvErrorKind::TooManyRows => FailureCode::ECsvTooManyRows,
            CsvErrorKind::NoBooks => FailureCode::ENoBooksFound,
        };
        let failure = Self::new(
            code,
            error.message.clone(),
            error.user_message.clone(),
            false,
        );
        match error.row {
            Some(row) => failure.detail("row", row),
            None => failure,
        }
    }
}
