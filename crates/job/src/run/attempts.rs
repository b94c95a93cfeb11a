//! Attempts at a file or photo that may end the run. Only one that its run died with counts: a run
//! that could not keep the job, and lives, says so, and the machine's load ends no job.

use super::Run;
use crate::cadence::Forecast;
use crate::document::Root;
use crate::effects::{Effects, StoreError};
use crate::keys;
use crate::storage::{Stop, read_root, to_json};

/// Largest number of attempts at a step that are put down to the machine's load: work that is
/// longer than its lease by itself would else never end.
const MAX_SURVIVED: usize = 16;

impl<E: Effects> Run<'_, E> {
    /// Number of attempts at the current step that their runs may have died with, of those counted.
    pub(crate) async fn deadly(&self, attempts: u8) -> Result<u8, Stop> {
        if attempts == 0 {
            return Ok(0);
        }
        let survived = self.survived(self.root.tried_since).await?.len();
        let forgiven = u8::try_from(survived.min(MAX_SURVIVED)).unwrap_or(u8::MAX);
        Ok(attempts.saturating_sub(forgiven))
    }

    /// Commits that an attempt at the current step begins, of which there were so many `before`.
    pub(crate) async fn begin_attempt(
        &mut self,
        before: u8,
        count: impl FnOnce(&mut Root, u8),
    ) -> Result<(), Stop> {
        let term = self.epoch().term;
        // Also if it is not told that the commit has taken effect.
        self.is_trying = true;
        self.commit(Forecast::Unknown, |root| {
            if before == 0 {
                root.tried_since = term;
            }
            count(root, before.saturating_add(1));
        })
        .await
    }

    /// Says that this run leaves the job in the middle of an attempt, and lives. What cannot be
    /// read or written counts as a death; of a job that has ended, or is gone, nothing is said.
    pub(crate) async fn survive(&self) {
        if !self.is_trying {
            return;
        }
        let effects = self.engine.effects;
        let Ok(Some(root)) = read_root(effects, &self.root.id).await else {
            return;
        };
        let has_begun = root.epoch.term >= self.epoch().term;
        if root.created != self.root.created || root.stage.is_terminal() || !has_begun {
            return;
        }
        let Ok(mut survived) = self.survived(root.tried_since).await else {
            return;
        };
        survived.push(self.epoch().term);
        if let Ok(bytes) = to_json(&survived) {
            let _ = effects.set(&keys::survived(&root.id), &bytes).await;
        }
    }

    /// The terms of the runs that have survived an attempt, from the given one on.
    async fn survived(&self, since: u64) -> Result<Vec<u64>, StoreError> {
        let bytes = self.get(&keys::survived(&self.root.id)).await?;
        let terms = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut terms: Vec<u64> = terms.unwrap_or_default();
        terms.retain(|term| *term >= since);
        Ok(terms)
    }
}
