//! The list of items that a job looks up, and how it is cut into batches.

use std::collections::HashSet;
use std::vec;

use books::Wanted;

use crate::document::Item;
use crate::effects::Effects;
use crate::run::Run;
use crate::storage::Stop;

impl Item {
    /// The different books of a request, in its order: what is asked twice is looked up once.
    #[must_use]
    pub fn distinct(wanted: Vec<Wanted>) -> Vec<Self> {
        let mut seen = HashSet::new();
        let is_new = |wanted: &Wanted| {
            // What names nothing is nobody's duplicate. Volumes may differ in brackets only.
            books::question_key(wanted).is_none_or(|key| seen.insert(key))
        };
        wanted
            .into_iter()
            .filter(is_new)
            .map(Self::wanted)
            .collect()
    }
}

/// A reader of the plan, wave by wave: the items left of the part that was read last.
#[derive(Default)]
pub(crate) struct Plan {
    key: String,
    /// The number of items of the part that were taken out.
    taken: usize,
    items: vec::IntoIter<Item>,
}

impl Plan {
    /// The items of the wave that begins with item `from`: up to the next multiple of the job's
    /// wave size, so that every run that does this wave does the same one.
    pub(crate) async fn wave<E: Effects>(
        &mut self,
        run: &Run<'_, E>,
        from: u32,
    ) -> Result<Vec<Item>, Stop> {
        let root = &run.root;
        let wave = root.wave.max(1);
        let to = ((from / wave + 1).saturating_mul(wave)).min(root.total);
        let mut items = Vec::new();
        let mut first = 0;
        for part in &root.plan {
            let next = first + part.count;
            if next > from && first < to {
                let start = (from.max(first) - first) as usize;
                let end = (to.min(next) - first) as usize;
                if self.key != part.key || start < self.taken {
                    let all: Vec<Item> = run.read_part(part).await?;
                    self.key.clone_from(&part.key);
                    self.items = all.into_iter();
                    self.taken = 0;
                }
                let skipped = self.items.by_ref().take(start - self.taken).count();
                let before = items.len();
                items.extend(self.items.by_ref().take(end - start));
                let found = items.len() - before;
                self.taken += skipped + found;
                if found < end - start {
                    return Err(Stop::Damaged(format!("{} is short", part.key)));
                }
            }
            first = next;
        }
        if items.is_empty() {
            return Err(Stop::Damaged("the plan ends before the job".to_owned()));
        }
        Ok(items)
    }
}

/// Number of items of a wave: more for larger jobs, so that the number of commits (and with it what
/// watchers are told) stays bounded.
#[must_use]
pub(crate) fn wave_size(items: usize, least: usize) -> u32 {
    u32::try_from(items.div_ceil(40).max(least)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_twice_is_looked_up_once_and_volumes_are_no_repetition() {
        let wanted = |title: &str| Wanted {
            title: title.to_owned(),
            author: "Ann Lind".to_owned(),
            ..Wanted::default()
        };
        let titles = [
            "Naruta (Vol. 5)",
            "Naruta (Vol. 6)",
            "進撃の巨人(1)",
            "進撃の巨人(2)",
            "The Winter Ferry",
            "winter ferry",
            "",
            "",
        ];
        let items = Item::distinct(titles.map(wanted).to_vec());
        let kept: Vec<&str> = items.iter().map(|item| &*item.wanted.title).collect();
        let first = [0, 1, 2, 3, 4, 6, 7].map(|at| titles[at]);
        assert_eq!(kept, first);
    }
}
