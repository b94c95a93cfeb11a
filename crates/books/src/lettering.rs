//! Identification of the books that the lettering on a shelf names.
//!
//! What is read from spines are lines of text of which nobody knows which is a title and which an
//! author, some with wrong letters. [`Shelf::query`] makes a search of a spine's words that one
//! misread word does not spoil, and a [`SpineSearch`] the requests; [`Shelf::recognise`] takes from
//! the answers the books whose title and author explain what is written there. Title and author
//! then come from the record.
//!
//! **Invariant**: a wrong book is worse than none. A title of one word needs its author, as does
//! one that several authors have used; each line names one book, and each book is there once.

mod accept;
mod query;
mod search;
mod word;

use serde::{Deserialize, Serialize};

use crate::near::MAX_NEAR;
use crate::title::split_subtitle;
use crate::{Near, Record};
use accept::Fit;
pub use query::WordQuery;
pub use search::{SpineLookup, SpineSearch, SpinesFound, UnknownSpine};
use word::lettered_words;

/// Share of a spine's highest line from which on a line is large.
const LARGE: f32 = 0.6;

/// A line of text on the photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lettering {
    /// The text as it was read.
    pub text: String,
    /// The height of its letters, in any unit.
    pub height: f32,
}

/// The lines on one spine, as positions in [`Shelf::lettering`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spine {
    /// Lines on one axis.
    pub lines: Vec<usize>,
    /// Lines close beside those: of the same spine, or of the next.
    pub beside: Vec<usize>,
}

/// The lettering of one photo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shelf {
    /// All lines of the photo.
    pub lettering: Vec<Lettering>,
    /// The spines, each with its lines.
    pub spines: Vec<Spine>,
}

/// A book that a spine names.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognised {
    /// The spine, as a position in [`Shelf::spines`].
    pub spine: usize,
    /// The book's record.
    pub record: Record,
    /// Share of the lettering that the book explains, from 0 to 1.
    pub confidence: f32,
    /// The lines that the book explains, as positions in [`Shelf::lettering`].
    pub lines: Vec<usize>,
}

/// The lines of a spine that a query contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The large lines on its axis: title and author, not what is printed small about them.
    Large,
    /// The lines on its axis.
    Axis,
    /// The lines on its axis and those beside: titles in two lines, an author beside the title.
    Neighbours,
}

impl Shelf {
    /// The query for a spine; `None` when nothing on it can be searched for, or when it is that of
    /// a shorter reach.
    pub fn query(&self, spine: usize, reach: Reach) -> Option<WordQuery> {
        let spine = self.spines.get(spine)?;
        let texts = |lines: &[usize], least: f32| -> Vec<&str> {
            let lettering = |at: &usize| self.lettering.get(*at);
            let lines = lines.iter().filter_map(lettering);
            let lines = lines.filter(|line| line.height >= least);
            lines.map(|line| line.text.as_str()).collect()
        };
        let large = || WordQuery::nearly_all(&texts(&spine.lines, self.large(&spine.lines)));
        let alone = || WordQuery::some(&texts(&spine.lines, 0.0));
        match reach {
            Reach::Large => large(),
            Reach::Axis => alone().filter(|query| Some(query) != large().as_ref()),
            Reach::Neighbours => {
                let lines = [spine.lines.as_slice(), &spine.beside].concat();
                let all = WordQuery::some(&texts(&lines, 0.0));
                all.filter(|query| Some(query) != alone().as_ref())
            }
        }
    }

    /// The height from which on these lines are large: title and author rather than publisher,
    /// quotations and numbers.
    fn large(&self, lines: &[usize]) -> f32 {
        let lettering = |at: &usize| self.lettering.get(*at);
        let lines = lines.iter().filter_map(lettering);
        let worded = lines.filter(|line| has_words(&lettered_words(&line.text)));
        LARGE * worded.map(|line| line.height).fold(0.0, f32::max)
    }

    /// Whether a spine has lettering that can be a title's or an author's.
    pub fn is_lettered(&self, spine: usize) -> bool {
        let lines = self.spines.get(spine).map_or(&[][..], |spine| &spine.lines);
        let lettering = |at: &usize| self.lettering.get(*at);
        let words = lines.iter().filter_map(lettering);
        words
            .flat_map(|line| lettered_words(&line.text))
            .any(|word| query::is_name(&word))
    }

    /// The books among the candidates that the lettering names, the surest first. `candidates` are
    /// the records found for each spine, in the order of [`Shelf::spines`].
    pub fn recognise(&self, candidates: &[Vec<Record>]) -> Vec<Recognised> {
        let words = self.words();
        let mut is_used = vec![false; self.lettering.len()];
        let mut possible: Vec<(f32, usize, &Record)> = Vec::new();
        for (at, (spine, records)) in self.spines.iter().zip(candidates).enumerate() {
            for record in records {
                let fit = Fit::measure(self, &words, spine, record, &is_used);
                let is_one_of_many = || records.iter().any(|other| is_namesake(other, record));
                if fit.is_accepted() && (fit.has_author() || !is_one_of_many()) {
                    possible.push((fit.rank(), at, record));
                }
            }
        }
        // Stable: what the provider thought best stays first among equals.
        possible.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut recognised: Vec<Recognised> = Vec::new();
        for (_, at, record) in possible {
            if recognised
                .iter()
                .any(|other| is_same(&other.record, record))
            {
                continue;
            }
            // Lines may have been used up meanwhile.
            let fit = Fit::measure(self, &words, &self.spines[at], record, &is_used);
            if !fit.is_accepted() {
                continue;
            }
            for &line in &fit.lines {
                is_used[line] = true;
            }
            recognised.push(Recognised {
                spine: at,
                record: record.clone(),
                confidence: fit.score(),
                lines: fit.lines,
            });
        }
        recognised
    }

    /// The words of each line.
    fn words(&self) -> Vec<Vec<String>> {
        let lines = self.lettering.iter();
        lines.map(|line| lettered_words(&line.text)).collect()
    }

    /// Pairs these spines with records that a person may take for their books, the likeliest first.
    /// `candidates` are the records found for each spine of the shelf, `books` those that its other
    /// lettering names.
    fn near(
        &self,
        spines: Vec<usize>,
        candidates: &[Vec<Record>],
        books: &[Recognised],
    ) -> Vec<UnknownSpine> {
        let words = self.words();
        let mut is_used = vec![false; self.lettering.len()];
        for &line in books.iter().flat_map(|book| &book.lines) {
            is_used[line] = true;
        }
        let near = |spine: usize| -> Vec<Near> {
            self.near_one(
                &self.spines[spine],
                &candidates[spine],
                books,
                &words,
                &is_used,
            )
        };
        let unknown = spines.into_iter().map(|spine| UnknownSpine {
            spine,
            near: near(spine),
        });
        unknown.collect()
    }

    fn near_one(
        &self,
        spine: &Spine,
        records: &[Record],
        books: &[Recognised],
        words: &[Vec<String>],
        is_used: &[bool],
    ) -> Vec<Near> {
        let mut possible: Vec<(f32, Near)> = Vec::new();
        for record in records {
            let fit = Fit::measure(self, words, spine, record, is_used);
            let Some(reason) = fit.nearness() else {
                continue;
            };
            let is_there = possible
                .iter()
                .any(|(_, near)| is_same(&near.record, record))
                || books.iter().any(|book| is_same(&book.record, record));
            if !is_there {
                let record = record.clone();
                possible.push((fit.rank(), Near { record, reason }));
            }
        }
        // Stable: what the provider thought best stays first among equals.
        possible.sort_by(|a, b| b.0.total_cmp(&a.0));
        possible.truncate(MAX_NEAR);
        possible.into_iter().map(|(_, near)| near).collect()
    }
}

/// Whether a line is more than an emblem or a number, which are read as one or two letters, often
/// the highest of a spine.
fn has_words(words: &[String]) -> bool {
    words.iter().any(|word| word.chars().count() > 2)
}

/// Whether two works share their title and no author: a book, and notes to it. Works of nobody
/// with one title are the same to a reader.
fn is_namesake(a: &Record, b: &Record) -> bool {
    let title = |record: &Record| crate::text::words(split_subtitle(&record.work.title).0);
    let last = |record: &Record| -> Vec<String> {
        let names = record
            .authors
            .iter()
            .map(|author| crate::text::words(&author.name));
        names.filter_map(|mut name| name.pop()).collect()
    };
    let (first, second) = (last(a), last(b));
    let is_of_others = !first.iter().any(|name| second.contains(name));
    title(a) == title(b) && is_of_others && !(first.is_empty() && second.is_empty())
}

fn is_same(a: &Record, b: &Record) -> bool {
    match (&a.work.open_library_id, &b.work.open_library_id) {
        (Some(a), Some(b)) if a == b => true,
        _ => {
            let title = |record: &Record| crate::text::words(&record.work.title);
            let author = |record: &Record| {
                let first = record.authors.first();
                first.map(|author| crate::text::words(&author.name))
            };
            title(a) == title(b) && author(a) == author(b)
        }
    }
}

#[cfg(test)]
mod tests;
