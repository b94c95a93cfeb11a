//! Reading the finished items of a job.
use crate::document::{Item, Part, Root};
use crate::effects::Effects;
use crate::storage::{Stop, read_part};
use std::ops::Range;

/// Reads items by their number, one segment at a time.
#[derive(Debug, Default)]
pub struct Reader {
    segment: Option<(Part, Vec<Item>)>,
}

impl Reader {
    /// Item `index` of the job, or `None` when it has not that many.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when the segment is not there: the root is out of date, look again.
    pub async fn item<E: Effects>(
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

/// The parts of the results that hold items of `range`, each with the part of it that is wanted.
#[must_use]
pub fn parts(root: &Root, range: &Range<u32>) -> Vec<(Part, Range<usize>)> {
    let mut first = 0;
    let mut parts = Vec::new();
    for part in &root.segments {
        let next = first + part.count;
        let from = range.start.max(first);
        let to = range.end.min(next);
        if from < to {
            parts.push((part.clone(), (from - first) as usize..(to - first) as usize));
        }
        first = next;
    }
    parts
}
