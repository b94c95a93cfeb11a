//! Reading the results of a job: its items, part by part or one by one, and its report.

use std::ops::Range;

use futures::stream::{self, Stream, StreamExt, TryStreamExt};

use crate::document::{Item, Part, Report, Root, Stage};
use crate::effects::Effects;
use crate::engine::Engine;
use crate::storage::{Stop, decode, read_part};

impl<'a, E: Effects> Engine<'a, E> {
    /// The items of `range` of the results, one stored part at a time: ten thousand books are never
    /// in memory together.
    ///
    /// Of a job that failed or was canceled, those that nobody reached have no outcome, and items
    /// end before the first part that is lost: that may be why it failed.
    ///
    /// Where people have chosen a book, the item is their choice.
    ///
    /// # Errors
    /// Each part fails with [`Stop::Damaged`] when it is missing or unreadable, with
    /// [`Stop::Store`] when the store fails.
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
        let may_be_cut = matches!(root.stage, Stage::Error | Stage::Canceled);
        let engine = *self;
        stream::iter(root.result_parts(&range))
            .then(move |(part, wanted)| async move {
                let read = async || engine.effects.get(&part.key).await;
                let mut items: Vec<Item> = decode(&part, engine.retry_briefly(read).await?)?;
                items.truncate(wanted.end);
                items.drain(..wanted.start.min(items.len()));
                Ok(items)
            })
            .take_while(move |part| {
                std::future::ready(!(may_be_cut && matches!(part, Err(Stop::Damaged(_)))))
            })
            .boxed_local()
    }

    /// The first stage's report; empty when it wrote none.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when the report is missing or unreadable, [`Stop::Store`] when the store
    /// fails.
    pub async fn report(&self, root: &Root) -> Result<Report, Stop> {
        match &root.report {
            Some(part) => read_part(self.effects, part).await,
            None => Ok(Report::default()),
        }
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
