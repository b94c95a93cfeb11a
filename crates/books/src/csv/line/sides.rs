//! Titles and authors on the two sides of a sign, as all lines of a list have them.

use std::collections::HashSet;

use super::marks::{has_status, without_circle};
use super::whole::year;
use super::{Bare, in_one_line, without_year};
use crate::name::{begins_with_given_name, likeness};
use crate::series::trailing_brackets;
use crate::text::joined;

/// A sign between title and author.
struct Sign {
    signs: &'static [&'static str],
    /// The tenths of a list's lines that have it where it stands between title and author.
    least: u32,
    /// How much a line on average is like a name on the author's side.
    likeness: u32,
}

// Indices in [`SIGNS`]: an author in brackets, behind "by", a dash, a colon, a full stop, a comma.
const BRACKETS: usize = 0;
const BY: usize = 1;
const DASH: usize = 2;
const COLON: usize = 3;
const STOP: usize = 4;
const COMMA: usize = 5;

/// The first so many words of `SIGNS[BY]` are English: no name has them inside.
const ENGLISH: usize = 4;

/// The first so many words of `SIGNS[BY]` are seldom a part of a title.
const SURE: usize = 8;

/// The signs in the order in which they are looked for.
const SIGNS: [Sign; 6] = [
    Sign {
        signs: &[],
        least: 6,
        likeness: 1,
    },
    Sign {
        signs: &[
            " by ", " By ", " BY ", " by: ", " von ", " von: ", " par ", " door ", " de ", " di ",
            " av ", " af ",
        ],
        least: 5,
        likeness: 0,
    },
    Sign {
        signs: &[
            " - ", " – ", " — ", " -- ", " / ", " | ", " ~ ", " · ", " • ", "\t", " ― ", "——",
        ],
        least: 3,
        likeness: 1,
    },
    Sign {
        signs: &[":", "："],
        least: 5,
        likeness: 2,
    },
    Sign {
        signs: &[". "],
        least: 8,
        likeness: 2,
    },
    Sign {
        signs: &[", ", "，", "、"],
        least: 8,
        likeness: 1,
    },
];

/// The texts beside the first sign of a kind, and those beside the last.
struct Sides<'l> {
    first: (&'l str, &'l str),
    last: (&'l str, &'l str),
}

impl<'l> Sides<'l> {
    fn of(line: &'l str, kind: usize) -> Option<Self> {
        if kind == BRACKETS {
            let (title, inside) = trailing_brackets(line)?;
            // "Emma (Jane Austen, 1815)"
            let author = match inside.rsplit_once(", ") {
                Some((author, last)) if year(last).is_some() => author,
                _ => inside,
            };
            let sides = (title, author);
            return Some(Self {
                first: sides,
                last: sides,
            });
        }
        if kind == BY {
            let sides = beside(line, place_of_by(line)?)?;
            return Some(Self {
                first: sides,
                last: sides,
            });
        }
        let places = || {
            (SIGNS[kind].signs.iter())
                .flat_map(move |sign| {
                    let places = line.match_indices(*sign);
                    places.map(move |(at, _)| (at, at + sign.len()))
                })
                // Behind an initial a full stop ends nothing.
                .filter(move |(at, _)| kind != STOP || ends_sentence(&line[..*at]))
        };
        let (mut first, last) = (places().min()?, places().max()?);
        // "Austen, Jane, Emma"
        if kind == COMMA
            && let Some(second) = places().filter(|place| *place > first).min()
            && line[first.1..second.0].split(' ').count() == 1
            && likeness(&line[..second.0]) > 2
        {
            first = second;
        }
        Some(Self {
            first: beside(line, first)?,
            last: beside(line, last)?,
        })
    }
}

/// The texts on both sides of a place.
fn beside(line: &str, (start, end): (usize, usize)) -> Option<(&str, &str)> {
    let sides = (line[..start].trim(), line[end..].trim());
    (!sides.0.is_empty() && !sides.1.is_empty()).then_some(sides)
}

/// The place of the word before the author. Words of other languages stand within names, too:
/// "Simone de Beauvoir", "Johann Wolfgang von Goethe".
fn place_of_by(line: &str) -> Option<(usize, usize)> {
    let places =
        |sign: &'static str| (line.match_indices(sign)).map(move |(at, _)| (at, at + sign.len()));
    let (english, others) = SIGNS[BY].signs.split_at(ENGLISH);
    // "CALL ME BY YOUR NAME"
    let is_title = |(start, end): &(usize, usize)| {
        let behind = &line[*end..];
        line[*start..].starts_with(" BY ")
            && !begins_with_given_name(behind)
            && likeness(behind) < 3
    };
    let places_of_by = english.iter().flat_map(|sign| places(sign));
    if let Some(last) = places_of_by.filter(|place| !is_title(place)).max() {
        return Some(last);
    }
    let others = || others.iter().flat_map(|sign| places(sign));
    let before_name = others().filter(|(_, end)| likeness(&line[*end..]) > 2);
    before_name.min().or_else(|| others().max())
}

fn ends_sentence(text: &str) -> bool {
    let last = text.rsplit([' ', '.']).next().unwrap_or_default();
    last.chars().count() > 1
}

/// The text before the first full stop that ends a sentence, and what follows it.
pub(in crate::csv) fn sentence(text: &str) -> Option<(&str, &str)> {
    Some(Sides::of(text, STOP)?.first)
}

/// What more than one line of a list has.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::csv) struct Habits {
    /// For each kind of sign, whether the authors are in front of it.
    authors: [Option<bool>; SIGNS.len()],
    /// Whether title, author and a third part stand beside dashes.
    pub(super) has_three_parts: bool,
    /// Whether statuses stand in brackets behind the books.
    pub(super) has_statuses: bool,
    /// Whether numbers in circles stand in front.
    pub(super) has_circles: bool,
}

impl Habits {
    /// The habits of a list that may have all marks beside its books.
    const ALL: Self = Self {
        authors: [None; SIGNS.len()],
        has_three_parts: true,
        has_statuses: true,
        has_circles: true,
    };
}

/// What the lines of a list tell of it together.
#[derive(Default)]
pub(in crate::csv) struct Lines {
    all: u32,
    tallies: [Tally; SIGNS.len()],
    three_parts: u32,
    statuses: u32,
    circles: u32,
}

#[derive(Default)]
struct Tally {
    lines: u32,
    /// How much the texts on the left and on the right are like names.
    left: u32,
    right: u32,
    /// Number of single words on the left.
    single: u32,
    seen: [HashSet<String>; 2],
}

impl Lines {
    pub(in crate::csv) fn add(&mut self, cell: &str) {
        self.all += 1;
        let cell = &*in_one_line(cell);
        let (line, _) = without_year(Bare::of(cell, Habits::ALL).text);
        self.three_parts += u32::from(three_parts(line).is_some());
        self.statuses += u32::from(has_status(cell));
        self.circles += u32::from(without_circle(cell.trim()).is_some());
        for (kind, tally) in self.tallies.iter_mut().enumerate() {
            let Some(Sides { first, last }) = Sides::of(line, kind) else {
                continue;
            };
            let (left, right) = (first.0, last.1);
            let seen = &mut tally.seen;
            let mut score = |at: usize, text: &str| {
                let is_again = !seen[at].insert(joined(text));
                // A series is said again, too: "Star Wars: Heir to the Empire".
                likeness(text) + if is_again && kind != COLON { 2 } else { 0 }
            };
            tally.lines += 1;
            tally.left += score(0, left);
            tally.right += score(1, right);
            let is_single =
                !left.contains(' ') && (right.contains(' ') || right.contains(['\'', '’']));
            tally.single += u32::from(is_single && left.starts_with(char::is_uppercase));
        }
    }

    pub(in crate::csv) fn habits(&self) -> Habits {
        let mut habits = Habits {
            has_three_parts: self.three_parts > 1 && self.three_parts * 2 >= self.all,
            has_statuses: self.statuses > 1,
            has_circles: self.circles > 1,
            ..Habits::default()
        };
        for ((tally, sign), (kind, habit)) in
            (self.tallies.iter().zip(&SIGNS)).zip(habits.authors.iter_mut().enumerate())
        {
            let Tally {
                lines, left, right, ..
            } = *tally;
            if lines < 2 || lines * 10 < self.all * sign.least {
                continue;
            }
            let enough = lines * sign.likeness;
            *habit = match kind {
                BY | BRACKETS => (right >= enough).then_some(false),
                _ if left > right * 2 && left >= enough => Some(true),
                _ if right > left * 2 && right >= enough => Some(false),
                // "Camus, L'Étranger"
                COMMA if lines > 2 && tally.single * 10 >= lines * 8 => Some(true),
                _ => None,
            };
        }
        // "Las aventuras de Tom Sawyer - Mark Twain"
        if habits.authors[DASH].is_some() && self.tallies[DASH].lines >= self.tallies[BY].lines {
            habits.authors[BY] = None;
        }
        habits
    }
}

/// Whether one of two texts has several words.
fn have_several_words((left, right): (&str, &str)) -> bool {
    left.contains(' ') || right.contains(' ')
}

/// Title, author and what else stands behind dashes: "Emma – Jane Austen – Penguin".
pub(super) fn three_parts(line: &str) -> Option<(&str, &str, &str)> {
    let mut signs = SIGNS[DASH].signs.iter();
    let sign = signs.find(|sign| line.matches(**sign).count() == 2)?;
    let mut parts = line.split(sign).map(str::trim);
    let (title, author, third) = (parts.next()?, parts.next()?, parts.next()?);
    let is_sure = likeness(author) > 2 && likeness(title) < 3 && likeness(third) < 3;
    (is_sure && !title.is_empty() && !third.is_empty()).then_some((title, author, third))
}

/// Title and author of a line in a list with these habits.
pub(super) fn title_and_author(line: &str, habits: Habits) -> Option<(&str, &str)> {
    let kinds = || habits.authors.into_iter().enumerate();
    let with_habit = kinds().filter(|(_, habit)| habit.is_some());
    let others = kinds().filter(|(_, habit)| habit.is_none());
    for (kind, habit) in with_habit.chain(others) {
        let Some(Sides { first, last }) = Sides::of(line, kind) else {
            continue;
        };
        let (left, right) = (likeness(first.0), likeness(last.1));
        let is_author_first = match habit {
            // One line may be the other way round.
            Some(true) => !(kind == DASH && left == 0 && right > 2),
            // "Stand by Me"
            Some(false) if kind == BY && right == 0 && !have_several_words(last) => continue,
            Some(false) => kind == DASH && right == 0 && left > 2,
            None => match kind {
                BRACKETS | COMMA if right > 2 => false,
                BY if right > 0 && line.contains(" by ") => false,
                // "El diario de Ana Frank"
                BY if right > 2 && SIGNS[BY].signs[..SURE].iter().any(|by| line.contains(by)) => {
                    false
                }
                // "Jane Eyre - Charlotte Brontë": the title first is usual.
                DASH if left.max(right) > 2 => right < 3,
                // "三体——刘慈欣"
                DASH if !have_several_words(last) && last.1.starts_with(|c| c > '\u{2e80}') => {
                    false
                }
                _ => continue,
            },
        };
        return Some(match is_author_first {
            true => (first.1, first.0),
            false => last,
        });
    }
    None
}
