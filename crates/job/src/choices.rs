//! People's choices for single books of an ended job: a document of its own, laid over the results
//! when they are read. What the root names stays as it is.
//!
//! The store has no compare-and-swap, so of two who choose at the same moment one may write a
//! document without the other's choice. Everybody therefore looks again when all writes that may
//! have been under way have taken effect, and writes once more if the own choice is gone: nobody is
//! told that a choice is made before it is certain to stay.

use std::collections::BTreeMap;
use std::time::Duration;

use books::{Found, Record};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::document::{ChosenBy, Item, MAX_VALUE_BYTES, Root};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::Epoch;
use crate::keys;
use crate::storage::{Stop, to_json};
use crate::time::Time;

/// Largest number of books of one job that may be chosen.
pub const MAX_CHOICES: usize = 2_000;

/// Time for which a choice is tried while others choose at the same time.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// A person's statement which book it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// One of the book's candidates, by its number, from 0.
    Candidate(u32),
    /// The record that a provider has by the person's statement.
    Record(ChosenBy, Box<Record>),
    /// None of the books that providers know.
    Nothing,
}

/// The reasons why a choice is not made.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// The job has no book of this number.
    #[error("the job has no such book")]
    NoSuchBook,
    /// The book has no candidate of this number.
    #[error("the book has no such candidate")]
    NoSuchCandidate,
    /// [`MAX_CHOICES`] books of the job have been chosen already, or all choices together fill a
    /// value of the store.
    #[error("too many choices")]
    Full,
    /// Other choices for the job are written at the same time and may have overwritten this one.
    #[error("too many choose at once")]
    Busy,
    /// The store failed, or the results are damaged; the choice may have been made all the same.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl From<StoreError> for ChooseError {
    fn from(error: StoreError) -> Self {
        Self::Stop(error.into())
    }
}

/// The document under [`keys::choices`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Choices {
    /// The epoch of the job's end: a later job of the name has another.
    epoch: Epoch,
    /// The choices, by the number of the book.
    books: BTreeMap<u32, Choice>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Choice {
    at: Time,
    /// A random text that tells two choices of the same moment apart.
    nonce: String,
    by: ChosenBy,
    /// Number of the chosen candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    candidate: Option<u32>,
    /// The record that was chosen; also a candidate's, whose book may be lost, unless an earlier
    /// version wrote the choice or the document has no room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Box<Record>>,
    /// Whether the job had found the book.
    was_found: bool,
    /// Whether no provider had answered about the book.
    was_unanswered: bool,
    /// Whether a person was to look at the book; absent in choices of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    was_to_review: Option<bool>,
}

/// Adds the book's own match to its candidates, as the last, so that it can be confirmed, and who
/// rejects it can take it back.
fn offer_own_match(item: &mut Item) {
    item.candidates.extend(item.own_match());
}

impl Choice {
    /// Changes the item to what was chosen. It stays as it is where nothing says any more which
    /// record that was: the part that offered the candidate is lost.
    fn apply(&self, item: &mut Item) {
        offer_own_match(item);
        let candidate = self.candidate.and_then(|n| item.candidates.get(n as usize));
        let record = match candidate {
            Some(near) => Some(Box::new(near.record.clone())),
            None => self.record.clone(),
        };
        if record.is_none() && self.by != ChosenBy::None {
            return;
        }
        item.found = Some(record.map_or(Found::NotFound, Found::Record));
        item.choice = Some(self.by);
    }

    /// Whether this choice, or one that was made after it, stands in `choices` for the book.
    fn is_in(&self, choices: &Choices, index: u32) -> bool {
        let order = |choice: &Self| (choice.at, choice.nonce.clone());
        (choices.books.get(&index)).is_some_and(|there| order(there) >= order(self))
    }
}

impl Choices {
    /// Changes items to what people chose for them; `items[0]` is item `first` of the job.
    pub(crate) fn apply(&self, first: u32, items: &mut [Item]) {
        for (index, item) in (first..).zip(items) {
            if let Some(choice) = self.books.get(&index) {
                choice.apply(item);
            }
        }
    }
}

impl<E: Effects> Engine<'_, E> {
    /// Reads the choices for books of this job; none while it has not ended.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn choices(&self, root: &Root) -> Result<Choices, StoreError> {
        let none = || Choices {
            epoch: root.epoch.clone(),
            ..Choices::default()
        };
        if !root.stage.is_terminal() {
            return Ok(none());
        }
        let Some(bytes) = self.effects.get(&keys::choices(&root.id)).await? else {
            return Ok(none());
        };
        match serde_json::from_slice::<Choices>(&bytes) {
            Ok(choices) if choices.epoch == root.epoch => Ok(choices),
            Ok(_) => Ok(none()),
            Err(error) => {
                let message = error.to_string();
                self.effects.log(
                    "damaged-document",
                    serde_json::json!({"level": "error", "jobId": root.id, "message": message}),
                );
                Ok(none())
            }
        }
    }

    /// The root of an ended job, with the counts of its results after people's choices.
    ///
    /// # Errors
    /// As [`Self::items`].
    pub async fn with_choices(&self, root: &Root) -> Result<Root, Stop> {
        let choices = self.choices(root).await?;
        let mut root = self.recounted(root, &choices).await?;
        // They can be chosen, too.
        root.failed += root.unreached();
        root.unanswered += root.unreached();
        root.counts_unreached = true;
        // The others are counted with what was chosen for them.
        let counted = if root.keeps_plan() { root.stored() } else { 0 };
        for choice in choices.books.range(counted..).map(|(_, choice)| choice) {
            match (choice.was_found, choice.by != ChosenBy::None) {
                (false, true) => {
                    root.succeeded = root.succeeded.saturating_add(1);
                    root.failed = root.failed.saturating_sub(1);
                }
                (true, false) => {
                    // A book that a job carries over is not among its own.
                    match &mut root.retry {
                        Some(retry) if root.succeeded == 0 => {
                            retry.succeeded = retry.succeeded.saturating_sub(1);
                        }
                        _ => root.succeeded = root.succeeded.saturating_sub(1),
                    }
                    root.failed = root.failed.saturating_add(1);
                }
                _ => {}
            }
            let was_unknown = !choice.was_found && !choice.was_unanswered;
            if choice.was_to_review.unwrap_or(was_unknown) {
                root.to_review = root.to_review.map(|count| count.saturating_sub(1));
            }
            if choice.was_unanswered {
                match &mut root.retry {
                    Some(retry) if root.unanswered == 0 => {
                        retry.unanswered = retry.unanswered.saturating_sub(1);
                    }
                    _ => root.unanswered = root.unanswered.saturating_sub(1),
                }
            }
        }
        Ok(root)
    }

    /// Book `index` of an ended job as the job found it.
    async fn item_as_found(&self, root: &Root, index: u32) -> Result<Item, ChooseError> {
        let range = index..index.saturating_add(1);
        if let Some(mut items) = self.items_as_found(root, range).try_next().await?
            && let Some(item) = items.pop()
        {
            return Ok(item);
        }
        Err(ChooseError::NoSuchBook)
    }

    /// Writes a choice, unless it stands already, and looks whether it stands when all writes that
    /// may have been under way have taken effect: all choices then, or `None`.
    async fn try_to_choose(
        &self,
        root: &Root,
        index: u32,
        choice: &Choice,
    ) -> Result<Option<Choices>, ChooseError> {
        let effects = self.effects;
        let mut choices = self.read_fresh(async || self.choices(root).await).await?;
        if !choice.is_in(&choices, index) {
            choices.books.insert(index, choice.clone());
            let mut bytes = to_json(&choices)?;
            if bytes.len() > MAX_VALUE_BYTES {
                // The results have the candidates as well.
                let by_number = |choice: &&mut Choice| choice.candidate.is_some();
                for choice in choices.books.values_mut().filter(by_number) {
                    choice.record = None;
                }
                bytes = to_json(&choices)?;
            }
            if choices.books.len() > MAX_CHOICES || bytes.len() > MAX_VALUE_BYTES {
                return Err(ChooseError::Full);
            }
            effects.set(&keys::choices(&root.id), &bytes).await?;
        }
        // Our write takes effect within one delay; somebody who read before that writes within
        // another, which takes effect within a third.
        effects.sleep(self.settings.write_delay * 3).await;
        let choices = self.read_fresh(async || self.choices(root).await).await?;
        Ok(choice.is_in(&choices, index).then_some(choices))
    }

    /// Records a person's choice for book `index` of an ended job, and returns the book as it is
    /// then. Takes three write delays, so that the choice is certain to stay.
    ///
    /// # Errors
    /// [`ChooseError`].
    pub async fn choose(&self, root: &Root, index: u32, pick: Pick) -> Result<Item, ChooseError> {
        let effects = self.effects;
        let mut item = self.item_as_found(root, index).await?;
        offer_own_match(&mut item);
        let (by, candidate, record) = match pick {
            Pick::Candidate(n) => match item.candidates.get(n as usize) {
                Some(near) => {
                    let record = Some(Box::new(near.record.clone()));
                    (ChosenBy::Candidate, Some(n), record)
                }
                None => return Err(ChooseError::NoSuchCandidate),
            },
            Pick::Record(by, record) => (by, None, Some(record)),
            Pick::Nothing => (ChosenBy::None, None, None),
        };
        // Also where clocks differ the later choice of one book counts.
        let read = async || self.choices(root).await;
        let last = self.retry_briefly(read).await?.books.remove(&index);
        let after = last.map_or(Time(0), |last| Time(last.at.0.saturating_add(1)));
        let choice = Choice {
            at: effects.now().max(after),
            nonce: Epoch::after(0, effects.random()).nonce,
            by,
            candidate,
            record,
            was_found: item.succeeded(),
            was_unanswered: item.is_unanswered(),
            was_to_review: Some(root.is_to_review(&item)),
        };
        let until = effects.monotonic() + TIME_LIMIT;
        loop {
            match self.try_to_choose(root, index, &choice).await {
                Ok(Some(choices)) => {
                    // It may be a later one that stands.
                    choices.apply(index, std::slice::from_mut(&mut item));
                    return Ok(item);
                }
                Ok(None) if effects.monotonic() >= until => return Err(ChooseError::Busy),
                // A store that fails may only be busy. A write that failed may take effect all the
                // same: that is what the next look is for.
                Err(ChooseError::Stop(Stop::Store(error))) => {
                    if effects.monotonic() >= until {
                        return Err(error.into());
                    }
                }
                Ok(None) => {}
                Err(error) => return Err(error),
            }
            // Not in step with whoever was in the way.
            let jitter = u32::from(effects.random()[0]);
            effects
                .sleep(self.settings.retry + self.settings.write_delay * jitter / 256)
                .await;
        }
    }
}

impl<E: Effects> Engine<'_, E> {
    /// All items of an ended job's results with what was chosen at one moment: however often they
    /// are read, they are the same.
    pub(crate) fn items_with<'e>(
        &'e self,
        root: &'e Root,
        choices: &'e Choices,
    ) -> impl futures::Stream<Item = Result<Vec<Item>, Stop>> + Unpin + 'e {
        let mut first = 0;
        self.items_as_found(root, 0..root.results())
            .map_ok(move |mut items| {
                choices.apply(first, &mut items);
                first += u32::try_from(items.len()).unwrap_or(u32::MAX);
                items
            })
    }
}
