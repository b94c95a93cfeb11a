//! Reading the results of a job: its items, part by part or one by one, and its report.

use std::ops::Range;
use std::rc::Rc;

use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use serde_json::json;

use crate::choices::Choices;
use crate::document::{Item, Part, Report, Root};
use crate::effects::Effects;
use crate::engine::Engine;
use crate::storage::{Stop, decode, existing, read_part};

impl<'a, E: Effects> Engine<'a, E> {
    /// The items of `range` of the results, one stored part at a time: ten thousand books are never
    /// in memory together.
    ///
    /// Of a job that failed or was canceled, those that nobody reached have no outcome, nor have
    /// those whose part is lost: what was asked for is in the plan. Where a job has no plan any
    /// more, [`Item::lost`] stands for each item of a lost part, so that all others keep their
    /// numbers.
    ///
    /// Where people have chosen a book, the item is their choice.
    ///
    /// # Errors
    /// Of a job that has not ended, or is gone meanwhile, each part fails with [`Stop::Damaged`]
    /// when it is missing or unreadable; with [`Stop::Store`] when the store fails.
    pub fn items(
        &self,
        root: &Root,
        range: Range<u32>,
    ) -> impl Stream<Item = Result<Vec<Item>, Stop>> + Unpin + use<'a, E> {
        let (engine, root) = (*self, root.clone());
        stream::once(async move {
            let choices = engine.choices(&root).await?;
            let mut first = range.start;
            let items = engine.items_as_found(&root, range);
            Ok::<_, Stop>(items.map_ok(move |mut items| {
                choices.apply(first, &mut items);
                first += u32::try_from(items.len()).unwrap_or(u32::MAX);
                items
            }))
        })
        .try_flatten()
        .boxed_local()
    }

    /// The items as the job found them, without people's choices.
    pub(crate) fn items_as_found(
        &self,
        root: &Root,
        range: Range<u32>,
    ) -> impl Stream<Item = Result<Vec<Item>, Stop>> + Unpin + use<'a, E> {
        let (engine, root) = (*self, Rc::new(root.clone()));
        let mut next = range.start;
        stream::iter(root.result_parts(&range))
            .then(move |(part, wanted)| {
                let (root, first) = (Rc::clone(&root), next);
                next += u32::try_from(wanted.len()).unwrap_or(u32::MAX);
                async move { engine.items_of(&root, first, &part, wanted).await }
            })
            .boxed_local()
    }

    /// The items of this range of a part; the first of them is item `first` of the job.
    async fn items_of(
        &self,
        root: &Root,
        first: u32,
        part: &Part,
        wanted: Range<usize>,
    ) -> Result<Vec<Item>, Stop> {
        let read = async || self.items_within(part, &wanted).await;
        if let Some(items) = self.unless_lost(root, read).await? {
            return Ok(items);
        }
        let mut items = Vec::new();
        let end = first + u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        for (part, wanted) in root.planned_parts(&(first..end)) {
            match self.items_within(&part, &wanted).await {
                Ok(planned) => items.extend(planned),
                Err(Stop::Damaged(_)) => items.resize_with(items.len() + wanted.len(), Item::lost),
                Err(stop) => return Err(stop),
            }
        }
        items.resize_with(wanted.len(), Item::lost);
        Ok(items)
    }

    /// Reads something of a job; `None` when the job has ended and this is certain to be lost.
    async fn unless_lost<T>(
        &self,
        root: &Root,
        read: impl AsyncFn() -> Result<T, Stop>,
    ) -> Result<Option<T>, Stop> {
        let ended = self.effects.now().since(root.updated);
        let mut behind = (self.settings.write_delay * 2).saturating_sub(ended);
        let what = loop {
            match read().await {
                // A store that is behind may not show it yet.
                Err(Stop::Damaged(_)) if root.stage.is_terminal() && !behind.is_zero() => {
                    self.effects.sleep(std::mem::take(&mut behind)).await;
                }
                Err(Stop::Damaged(what)) if root.stage.is_terminal() => break what,
                read => return read.map(Some),
            }
        };
        // Nothing of a job that is gone is lost.
        let stands = async || existing(self.effects, &root.id).await;
        let stands = self.retry_briefly(stands).await?;
        if stands.is_none_or(|stands| stands.epoch != root.epoch) {
            return Err(Stop::Damaged(what));
        }
        let line = json!({"level": "error", "jobId": root.id, "message": what});
        self.effects.log("results-lost", line);
        Ok(None)
    }

    /// The items of this range of a part.
    async fn items_within(&self, part: &Part, wanted: &Range<usize>) -> Result<Vec<Item>, Stop> {
        // A part is immutable, so reading it once more changes nothing.
        let read = async || self.effects.get(&part.key).await;
        let mut items: Vec<Item> = decode(part, self.retry_briefly(read).await?)?;
        if items.len() < wanted.end {
            return Err(Stop::Damaged(format!("{} is short", part.key)));
        }
        items.truncate(wanted.end);
        items.drain(..wanted.start);
        Ok(items)
    }

    /// The ended job with its counts as its results are with these choices, where it was stopped:
    /// parts that are lost, which may be why it failed, had been counted.
    ///
    /// # Errors
    /// As [`Self::items`].
    pub(crate) async fn recounted(&self, root: &Root, choices: &Choices) -> Result<Root, Stop> {
        let mut root = root.clone();
        if !root.keeps_plan() || root.stored() == 0 {
            return Ok(root);
        }
        let (mut first, mut succeeded, mut unanswered, mut to_review) = (0, 0, 0, 0);
        let mut parts = self.items_as_found(&root, 0..root.stored());
        while let Some(mut items) = parts.try_next().await? {
            choices.apply(first, &mut items);
            first += u32::try_from(items.len()).unwrap_or(u32::MAX);
            let count = |is: fn(&Item) -> bool| {
                let items = items.iter().filter(|item| is(item));
                u32::try_from(items.count()).unwrap_or(u32::MAX)
            };
            succeeded += count(Item::succeeded);
            unanswered += count(Item::is_unanswered);
            to_review += root.count_to_review(&items);
        }
        root.failed = root.stored().saturating_sub(succeeded);
        (root.succeeded, root.unanswered) = (succeeded, unanswered);
        root.to_review = root.to_review.map(|_| to_review);
        Ok(root)
    }

    /// The first stage's report; empty when it wrote none, or it is lost.
    ///
    /// # Errors
    /// As [`Self::items`].
    pub async fn report(&self, root: &Root) -> Result<Report, Stop> {
        let Some(part) = &root.report else {
            return Ok(Report::default());
        };
        let read = async || read_part(self.effects, part).await;
        let report = self.unless_lost(root, read).await?;
        Ok(report.unwrap_or_else(|| Report {
            is_lost: true,
            ..Report::default()
        }))
    }
}

/// Reads items by their number, keeping the segment that was read last.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    segment: Option<(Part, Vec<Item>)>,
}

impl Reader {
    /// Item `index` of the job; `None` when the job has fewer.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when the segment is not there: the root is out of date, read it again.
    pub(crate) async fn item<E: Effects>(
        &mut self,
        effects: &E,
        root: &Root,
        index: u32,
    ) -> Result<Option<&Item>, Stop> {
        let mut first = 0;
        for part in &root.segments {
            if index < first + part.count {
                if self.segment.as_ref().map(|(part, _)| &part.key) != Some(&part.key) {
                    self.segment = Some((part.clone(), read_part(effects, part).await?));
                }
                let items = self.segment.as_ref().map(|(_, items)| items);
                return Ok(items.and_then(|items| items.get((index - first) as usize)));
            }
            first += part.count;
        }
        Ok(None)
    }
}
