//! The search for all books of a shelf by the words on their spines, without doing any I/O.

use super::{Reach, Recognised, Shelf};
use crate::provider::open_library;
use crate::search::{MAX_QUERY, Reader};
use crate::{Endpoints, HttpGet, Near, Provider, Record};

/// Number of spines in one request. What one answer lists is shared by all of them, the most
/// popular first: with more, works that few people own would not be listed.
const SPINES_PER_REQUEST: usize = 6;

/// Number of works of an answer that are looked at for each of its spines.
const CANDIDATES: usize = 20;

/// One outbound request, for some spines of the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpineLookup {
    /// The spines, as positions in [`Shelf::spines`].
    pub spines: Vec<usize>,
    clauses: Vec<String>,
}

/// The books that a search has found on a shelf.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpinesFound {
    /// The books, the surest first.
    pub books: Vec<Recognised>,
    /// The spines with words of which no line belongs to a book.
    pub unknown: Vec<UnknownSpine>,
    /// Whether every request was answered: otherwise there may be more books.
    pub complete: bool,
}

/// A spine that names no book.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnknownSpine {
    /// The spine, as a position in [`Shelf::spines`].
    pub spine: usize,
    /// The records that a person may take for its book, the likeliest first.
    pub near: Vec<Near>,
}

/// The search for the books of a shelf at Open Library: which requests may go out now, and what
/// their answers mean.
///
/// Every spine is searched for by nearly all words of the large lines on its axis; what no book
/// explains is then searched for by some words of all its lines, and last together with the lines
/// beside it.
///
/// **The one rule**: every [`SpineLookup`] that [`next`](Self::next) hands out must come back
/// through [`answered`](Self::answered), in any order; until all are back there is nothing more to
/// do. The search is over when `next` has nothing and nothing is out.
pub struct SpineSearch {
    shelf: Shelf,
    base: Option<String>,
    candidates: Vec<Vec<Record>>,
    /// The last round that was handed out.
    reach: Option<Reach>,
    is_over: bool,
    outstanding: usize,
    complete: bool,
}

impl SpineSearch {
    /// Begins a search.
    pub fn new(shelf: Shelf, endpoints: &Endpoints) -> Self {
        Self {
            candidates: vec![Vec::new(); shelf.spines.len()],
            shelf,
            complete: endpoints.open_library.is_some(),
            is_over: endpoints.open_library.is_none(),
            base: endpoints.open_library.clone(),
            reach: None,
            outstanding: 0,
        }
    }

    /// All requests that can go out now, in parallel. Empty while answers are awaited, and when
    /// the search is over.
    #[expect(
        clippy::should_implement_trait,
        reason = "an empty answer is no end: an iterator would lie"
    )]
    pub fn next(&mut self) -> Vec<SpineLookup> {
        while self.outstanding == 0 && !self.is_over {
            let reach = match self.reach {
                None => Reach::Large,
                Some(Reach::Large) => Reach::Axis,
                Some(Reach::Axis) => Reach::Neighbours,
                Some(Reach::Neighbours) => {
                    self.is_over = true;
                    break;
                }
            };
            self.reach = Some(reach);
            let lookups = self.lookups(reach);
            self.outstanding = lookups.len();
            if !lookups.is_empty() {
                return lookups;
            }
        }
        Vec::new()
    }

    fn lookups(&self, reach: Reach) -> Vec<SpineLookup> {
        let explained = match reach {
            Reach::Large => Vec::new(),
            Reach::Axis | Reach::Neighbours => self.shelf.recognise(&self.candidates),
        };
        let mut lookups: Vec<SpineLookup> = Vec::new();
        let mut length = 0;
        for spine in 0..self.shelf.spines.len() {
            if self.is_explained(spine, &explained) {
                continue;
            }
            let Some(query) = self.shelf.query(spine, reach) else {
                continue;
            };
            let clause = query.clause();
            let cost = open_library::encoded_length(&clause);
            match lookups.last_mut() {
                Some(lookup)
                    if lookup.spines.len() < SPINES_PER_REQUEST && length + cost <= MAX_QUERY =>
                {
                    lookup.spines.push(spine);
                    lookup.clauses.push(clause);
                    length += cost;
                }
                _ => {
                    lookups.push(SpineLookup {
                        spines: vec![spine],
                        clauses: vec![clause],
                    });
                    length = cost;
                }
            }
        }
        lookups
    }

    /// Whether a line on the spine's axis belongs to a book.
    fn is_explained(&self, spine: usize, books: &[Recognised]) -> bool {
        let lines = &self.shelf.spines[spine].lines;
        books
            .iter()
            .any(|book| book.lines.iter().any(|line| lines.contains(line)))
    }

    /// Splits a look-up that asked for too much: each of the two asks for half of its spines. The
    /// one that is split need not come back any more. `None` when it asks for one spine only.
    pub fn split(&mut self, lookup: &SpineLookup) -> Option<(SpineLookup, SpineLookup)> {
        let middle = lookup.spines.len() / 2;
        if middle == 0 {
            return None;
        }
        self.outstanding += 1;
        let half = |spines: &[usize], clauses: &[String]| SpineLookup {
            spines: spines.to_vec(),
            clauses: clauses.to_vec(),
        };
        let (spines, clauses) = (&lookup.spines, &lookup.clauses);
        Some((
            half(&spines[..middle], &clauses[..middle]),
            half(&spines[middle..], &clauses[middle..]),
        ))
    }

    /// The request of a look-up that [`next`](Self::next) handed out.
    pub fn request(&self, lookup: &SpineLookup) -> HttpGet {
        let base = self.base.as_deref().unwrap_or_default();
        HttpGet {
            url: open_library::by_words(base, &lookup.clauses, CANDIDATES),
        }
    }

    /// The reader for the answer to such a request.
    pub fn reader(&self) -> Reader {
        Reader::works(Provider::OpenLibrary)
    }

    /// Takes in the answer to a look-up: the records of a whole answer, or `None` when there was
    /// none.
    pub fn answered(&mut self, lookup: &SpineLookup, records: Option<Vec<Record>>) {
        self.outstanding = self.outstanding.saturating_sub(1);
        let Some(records) = records else {
            self.complete = false;
            return;
        };
        for &spine in &lookup.spines {
            if let Some(candidates) = self.candidates.get_mut(spine) {
                candidates.extend(records.iter().cloned());
            }
        }
    }

    /// Ends the search; returns the books that the answers so far have told.
    pub fn finish(self) -> SpinesFound {
        let books = self.shelf.recognise(&self.candidates);
        let unknown = (0..self.shelf.spines.len())
            .filter(|&spine| !self.is_explained(spine, &books))
            .filter(|&spine| self.shelf.is_lettered(spine))
            .collect();
        SpinesFound {
            unknown: self.shelf.near(unknown, &self.candidates, &books),
            books,
            complete: self.complete && self.outstanding == 0 && self.is_over,
        }
    }
}
