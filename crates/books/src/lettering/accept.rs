//! The decision whether a work is the book that a spine names.

use super::word::{is_distinctive, is_number, is_order_number, is_publisher, is_read_as};
use super::{Shelf, Spine, has_words};
use crate::other_book::names_other_book;
use crate::text::words as words_of;
use crate::title::split_subtitle;
use crate::{NearReason, Record};

/// Least number of letters of words that may have been read as one.
const LEAST_JOINED: usize = 6;

/// The fit of a work to the lettering of a spine and its neighbours. Shares count letters, 0 to 1.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// Share of the title that was read on the spine or beside it.
    title: f32,
    /// Share of the title that was read on the spine itself.
    title_on_spine: f32,
    /// Whether an author's last name was read, by other words than the title's.
    author: bool,
    /// Whether it was read on the spine itself.
    author_on_spine: bool,
    /// Share of the spine's large lines that title and authors explain.
    explained: f32,
    /// Share of the large lines without the authors' names that the title explains.
    title_explains: f32,
    /// Number of letters of the title's distinctive words.
    letters: usize,
    /// Number of the title's words that count: the distinctive ones, or all when none is.
    words: usize,
    /// Number of the title's distinctive words.
    distinctive: usize,
    /// Number of the distinctive words that were read.
    words_read: usize,
    /// Whether a number in the title was not read: it is another volume.
    lacks_number: bool,
    /// Whether a word of the title was not read that makes another book of it: "Guide", "Set".
    lacks_kind: bool,
    /// Whether its subtitle has such a word.
    lacks_kind_below: bool,
    /// Whether words of the title were read as one: `UNTERDEM STURM`.
    has_joined: bool,
    /// Number of letters of the title's words that were read, small ones included.
    letters_read: usize,
    /// The lines of which a word was explained.
    pub lines: Vec<usize>,
}

/// A word that was read, and whether a word of the record has claimed it.
struct Read<'a> {
    word: &'a str,
    line: usize,
    on_spine: bool,
    large: bool,
    claimed: bool,
}

impl Fit {
    /// Compares a work with a spine, without the lines that another book has used up.
    pub(super) fn measure(
        shelf: &Shelf,
        words: &[Vec<String>],
        spine: &Spine,
        record: &Record,
        is_used: &[bool],
    ) -> Self {
        let mut read = lettering(shelf, words, spine, is_used);
        let (main, subtitle) = split_subtitle(&record.work.title);
        let title = distinctive(main);
        let letters = |word: &str| word.chars().count();
        let mut fit = Self {
            letters: title.iter().map(|word| letters(word)).sum(),
            // A compound with a hyphen is one.
            words: title.len().min(main.split_whitespace().count()),
            distinctive: title.iter().filter(|word| is_distinctive(word)).count(),
            ..Self::default()
        };
        let (mut found, mut found_on_spine) = (0, 0);
        let mut count = |word: &str, on_spine: bool| {
            found += letters(word);
            fit.words_read += 1;
            found_on_spine += if on_spine { letters(word) } else { 0 };
        };
        let mut missing: Vec<&String> = Vec::new();
        for word in &title {
            match claim(&mut read, word) {
                Some(read) => count(word, read.on_spine),
                None => missing.push(word),
            }
        }
        let all = words_of(main);
        let runs = [3, 2].into_iter().flat_map(|length| all.windows(length));
        for run in runs {
            if !missing.iter().any(|word| run.contains(word)) {
                continue;
            }
            if let Some(on_spine) = claim_joined(&mut read, run) {
                let (joined, others) = missing.into_iter().partition(|word| run.contains(word));
                missing = others;
                let joined: Vec<&String> = joined;
                joined.iter().for_each(|word| count(word, on_spine));
                fit.has_joined = true;
            }
        }
        fit.lacks_number = missing.iter().any(|word| is_number(word));
        fit.lacks_kind = missing.iter().any(|word| names_other_book(word));
        let share = |part: usize, of: usize| part as f32 / of.max(1) as f32;
        let of_work = record.work.subtitle.as_deref().unwrap_or_default();
        fit.lacks_kind_below = [subtitle, of_work]
            .iter()
            .flat_map(|text| words_of(text))
            .any(|word| {
                let is_read = || read.iter().any(|read| is_read_as(&word, read.word));
                names_other_book(&word) && !is_read()
            });
        fit.title = share(found, fit.letters);
        fit.title_on_spine = share(found_on_spine, fit.letters);
        let mut names = record.authors.iter().map(|author| author.name.as_str());
        let names: Vec<Vec<String>> = names.by_ref().map(words_of).collect();
        for name in &names {
            let Some((last, others)) = name.split_last() else {
                continue;
            };
            if letters(last) < 2 {
                continue;
            }
            let claimed = claim(&mut read, last).map(|read| read.on_spine);
            let mut tails = [3, 2].into_iter().filter_map(|length| {
                let from = name.len().checked_sub(length)?;
                Some(&name[from..])
            });
            let claimed = claimed.or_else(|| tails.find_map(|tail| claim_joined(&mut read, tail)));
            if let Some(on_spine) = claimed {
                fit.author = true;
                fit.author_on_spine |= on_spine;
                for word in others {
                    claim(&mut read, word);
                }
            }
        }
        // A subtitle, a second mention and the small words explain lettering, but prove nothing.
        let known: Vec<String> = [
            words_of(&record.work.title),
            record
                .work
                .subtitle
                .as_deref()
                .map_or_else(Vec::new, words_of),
            names.concat(),
        ]
        .concat();
        let is_read = |word: &&String| read.iter().any(|read| is_read_as(word, read.word));
        fit.letters_read = all.iter().filter(is_read).map(|word| letters(word)).sum();
        let proven: Vec<usize> = read.iter().filter(|r| r.claimed).map(|r| r.line).collect();
        for read in &mut read {
            read.claimed |= known.iter().any(|word| is_read_as(word, read.word));
        }
        let large = |is_meant: &dyn Fn(&Read<'_>) -> bool| -> usize {
            read.iter()
                .filter(|r| r.on_spine && r.large && is_meant(r))
                .map(|r| letters(r.word))
                .sum()
        };
        let is_name = |r: &Read<'_>| names.iter().flatten().any(|name| is_read_as(name, r.word));
        fit.explained = share(large(&|r| r.claimed), large(&|_| true));
        fit.title_explains = match large(&|r| !is_name(r)) {
            0 => 1.0,
            others => share(large(&|r| r.claimed && !is_name(r)), others),
        };
        fit.lines = proven;
        fit.lines.sort_unstable();
        fit.lines.dedup();
        fit
    }

    /// Whether a candidate is the book on the spine. The limits are those that made no mistake on
    /// photos of shelves whose books were known, with and without the right books among the
    /// candidates.
    pub(super) fn is_accepted(&self) -> bool {
        // One word, or none but small ones, is a part of many titles: of the author's others, too.
        let (explained, title_explains) = match self.distinctive {
            0 => (0.9, 0.0),
            1 => (0.5, 0.6),
            _ => (0.5, 0.0),
        };
        let with_author = self.author
            && self.title >= 0.75
            && self.explained >= explained
            && self.title_explains >= title_explains
            && (self.title_on_spine > 0.3 || self.is_beside_author());
        let title_alone = self.words >= 2
            && self.letters >= 10
            && self.title >= 0.95
            && self.explained >= 0.8
            && self.title_on_spine > 0.3
            && !self.lacks_kind_below
            && !self.has_joined;
        let long_title = self.author
            && self.letters >= 12
            && self.words_read >= 2
            && self.title >= 0.55
            && self.explained >= 0.8;
        // A single letter is an initial of somebody, sooner or later.
        self.letters > 1
            && !self.lacks_number
            && !self.lacks_kind
            && (with_author || title_alone || long_title)
    }

    /// The reason why a person may take the candidate for the book on the spine although nobody
    /// else should; `None` when too little of it was read there.
    pub(super) fn nearness(&self) -> Option<NearReason> {
        let has_title = self.letters > 1
            && self.title >= 0.5
            && self.title_on_spine > 0.0
            && !self.lacks_number;
        let has_author = self.author_on_spine && self.words_read > 0;
        match (has_title, has_author) {
            (true, _) => Some(NearReason::Unsure),
            (false, true) => Some(NearReason::OtherTitle),
            (false, false) => None,
        }
    }

    /// Whether the whole title was read, beside a line that holds nothing but its author.
    fn is_beside_author(&self) -> bool {
        self.author_on_spine && self.title >= 0.95 && self.letters >= 6 && self.explained >= 0.8
    }

    /// Whether an author's last name was read.
    pub(super) fn has_author(&self) -> bool {
        self.author
    }

    /// The score of a candidate, from 0 to 1.
    pub(super) fn score(&self) -> f32 {
        let author = if self.author { 1.0 } else { 0.0 };
        0.5 * self.title + 0.25 * author + 0.25 * self.explained
    }

    /// The rank of a candidate among others, by its score; among equals the one of which more was
    /// read comes first, be it by an article.
    pub(super) fn rank(&self) -> f32 {
        self.score() + 1e-4 * self.letters_read.min(100) as f32
    }
}

/// The unused words of a spine, its own first.
fn lettering<'a>(
    shelf: &Shelf,
    words: &'a [Vec<String>],
    spine: &Spine,
    is_used: &[bool],
) -> Vec<Read<'a>> {
    let free = |lines: &[usize]| -> Vec<usize> {
        let free = |at: &&usize| is_used.get(**at) == Some(&false);
        lines.iter().filter(free).copied().collect()
    };
    let on_spine = free(&spine.lines);
    let large_from = shelf.large(&on_spine);
    // Where nothing else is lettered, short words count.
    let is_worded = large_from > 0.0;
    let mut read = Vec::new();
    for (lines, on_spine) in [(on_spine, true), (free(&spine.beside), false)] {
        for line in lines {
            let large = shelf.lettering[line].height >= large_from
                && (!is_worded || has_words(&words[line]));
            for word in words[line].iter().filter(|word| !is_publisher(word)) {
                read.push(Read {
                    word,
                    line,
                    on_spine,
                    large: large && !is_order_number(word),
                    claimed: false,
                });
            }
        }
    }
    read
}

/// Takes the first free word that may be this one, an exact one if there is, or two in a row that
/// are its halves: `HerzSchläge` is read as two words, and may be catalogued as one.
fn claim<'r, 'a>(read: &'r mut [Read<'a>], word: &str) -> Option<&'r Read<'a>> {
    let is_free = |read: &Read<'_>| !read.claimed;
    let exactly = read.iter().position(|r| is_free(r) && r.word == word);
    let nearly = || {
        read.iter()
            .position(|r| is_free(r) && is_read_as(word, r.word))
    };
    if let Some(at) = exactly.or_else(nearly) {
        read[at].claimed = true;
        return Some(&read[at]);
    }
    let at = read.windows(2).position(|pair| {
        let [a, b] = pair else { return false };
        a.line == b.line
            && is_free(a)
            && is_free(b)
            && is_read_as(word, &format!("{}{}", a.word, b.word))
    })?;
    read[at].claimed = true;
    read[at + 1].claimed = true;
    Some(&read[at])
}

/// Takes the free word that may be these in a row, read as one, and answers whether it is on the
/// spine.
fn claim_joined(read: &mut [Read<'_>], run: &[String]) -> Option<bool> {
    let joined = run.concat();
    if joined.chars().count() < LEAST_JOINED {
        return None;
    }
    let read = read
        .iter_mut()
        .find(|read| !read.claimed && is_read_as(&joined, read.word))?;
    read.claimed = true;
    Some(read.on_spine)
}

/// The distinctive words of a title; all of them when it has none, as `It`.
fn distinctive(title: &str) -> Vec<String> {
    let all = words_of(title);
    let distinctive: Vec<String> = all
        .iter()
        .filter(|word| is_distinctive(word))
        .cloned()
        .collect();
    if distinctive.is_empty() {
        all
    } else {
        distinctive
    }
}
