//! The search of one wave of books through all providers, without doing any I/O.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::matching::{Candidates, Sought, accepted_by, as_before};
use crate::near::{self, Near};
use crate::provider::{google_books, open_library};
use crate::text::words;
use crate::{Isbn, Provider, Record, Wanted};

/// Largest number of bytes, encoded, of the query in a request URL, which is kept under 7 KB.
pub(crate) const MAX_QUERY: usize = 5_600;

/// The addresses of the providers, and the limits of one request to each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Base URL of Open Library, like `https://openlibrary.org`; `None` leaves it out.
    pub open_library: Option<String>,
    /// Google Books, if that is asked.
    pub google_books: Option<GoogleBooks>,
    /// Number of ISBNs in one request to Open Library, and of work keys likewise.
    pub isbns_per_request: usize,
    /// Number of titles in one request to Open Library.
    pub titles_per_request: usize,
}

/// The address of Google Books, the API key and the country.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct GoogleBooks {
    /// Base URL, like `https://www.googleapis.com/books/v1`.
    pub base: String,
    /// API key. Without one the service grants no request at all, so it is not asked.
    pub key: Option<String>,
    /// ISO 3166-1 code of the country to answer for: where it cannot tell from the address, as for
    /// servers in a cloud, Google refuses to answer at all. `None` leaves it to the address.
    pub country: Option<String>,
}

impl Default for Endpoints {
    /// The addresses of the real services; without a key Google Books is not asked.
    fn default() -> Self {
        Self {
            open_library: Some("https://openlibrary.org".to_owned()),
            google_books: Some(GoogleBooks {
                base: "https://www.googleapis.com/books/v1".to_owned(),
                key: None,
                country: None,
            }),
            isbns_per_request: 100,
            titles_per_request: 40,
        }
    }
}

/// The property of a book that a look-up asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LookupKey {
    /// The ISBN of the edition.
    Isbn,
    /// Title and, where there is one, author.
    Title,
    /// The key of the work at Open Library.
    WorkId,
}

/// Knowledge of a book from before its search.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// Every provider said that it does not know the book.
    Nothing,
    /// The record that was taken for this very question, by [the rules of today](crate::RULES).
    Same(Record),
    /// A record that was taken for a question of the same key, whatever the rules were.
    Answer(Record),
    /// A record with the book's ISBN, which somebody asked for with another title or author.
    Edition(Record),
}

/// One outbound request, for some books of the wave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The provider that is asked.
    pub provider: Provider,
    /// The property by which books are asked for.
    pub by: LookupKey,
    /// The books, as positions in the wave.
    pub items: Vec<usize>,
}

impl Lookup {
    /// Number of works at which an answer may have had no room for more: the request's own limit.
    fn most_works(&self) -> Option<usize> {
        let each = match (self.provider, self.by) {
            (Provider::GoogleBooks, _) => return None,
            (_, LookupKey::Title) => open_library::WORKS_PER_TITLE,
            (_, LookupKey::Isbn) => open_library::WORKS_PER_ISBN,
            // One key is one work.
            (_, LookupKey::WorkId) => return None,
        };
        Some(open_library::limit(self.items.len() * each))
    }
}

/// Number of works that an answer's records, in its order, are of.
fn works_in(records: &[Record]) -> usize {
    let works = records.iter().map(|record| &record.work);
    let is_next = |pair: &[Record]| pair[0].work != pair[1].work;
    works.len().min(1) + records.windows(2).filter(|pair| is_next(pair)).count()
}

/// A request without a body. Headers and time-outs are the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGet {
    /// Absolute URL, under 7 KB apart from the base. May hold an API key: not for logs.
    pub url: String,
}

/// The final outcome of a [`Lookup`], after all attempts: retries are the sender's.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The whole answer, as [`Reader::read`] understood it; without records the provider does not
    /// know the books.
    Records(Vec<Record>),
    /// A part of the answer: the provider may know more of the books than it tells.
    Part(Vec<Record>),
    /// The look-up failed: no answer, an error, or garbage.
    Failed,
    /// The look-up was not sent: the provider's breaker is open, or the budget is used up.
    Refused,
}

/// The body of a 200 answer was not what the provider's interface promises.
#[derive(Debug, thiserror::Error)]
#[error("{} answered with something else than its API promises: {source}", .provider.name())]
pub struct GarbageError {
    provider: Provider,
    source: serde_json::Error,
}

/// Reads the answer to one request.
#[derive(Clone, Debug)]
pub struct Reader {
    provider: Provider,
    /// The ISBNs of the editions that were asked for.
    isbns: Vec<Isbn>,
    /// Number of hits in all, once an answer to words has told it.
    total: Option<Rc<Cell<u64>>>,
}

impl Reader {
    /// A reader of answers about works, whatever their editions.
    pub(crate) fn works(provider: Provider) -> Self {
        Self {
            provider,
            isbns: Vec::new(),
            total: None,
        }
    }

    /// Reads answers to questions by words.
    pub(crate) fn of_words(provider: Provider) -> Self {
        Self {
            provider,
            isbns: Vec::new(),
            total: Some(Rc::default()),
        }
    }

    /// Number of hits in all, of which the answer that was read last is a page.
    pub fn total(&self) -> u64 {
        self.total.as_ref().map_or(0, |total| total.get())
    }

    /// Reads the body of a `200` answer.
    ///
    /// # Errors
    /// `GarbageError` when the body is not what the provider answers with.
    pub fn read(&self, body: &[u8]) -> Result<Vec<Record>, GarbageError> {
        if let Some(total) = &self.total {
            total.set(open_library::total(body));
        }
        match self.provider {
            Provider::OpenLibrary => open_library::read(body, &self.isbns),
            Provider::GoogleBooks => google_books::read(body),
        }
        .map_err(|source| GarbageError {
            provider: self.provider,
            source,
        })
    }
}

/// The outcome of the search for one book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A provider knows the book: its record.
    Record(Box<Record>),
    /// All providers were asked, and answered that they do not know the book.
    NotFound,
    /// The look-up failed: no provider knew it, and at least one was asked and failed; or nobody
    /// was asked: there is nobody, or too little is known of the book to ask by.
    Error,
    /// The circuit breaker was open: no provider knew it, and at least one could not be asked for
    /// that reason or because the budget was used up.
    CircuitOpen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    OpenLibraryIds,
    /// Look-ups by ISBN once more, for books of whose edition nothing was told because the answer
    /// told of another wanted edition of the same work.
    OpenLibraryEditions,
    OpenLibraryTitles,
    GoogleBooks,
    /// Look-ups by title, for books whose ISBN Google Books does not know and whose title Open
    /// Library was not asked or did not answer.
    GoogleBooksTitles,
    Over,
}

impl Round {
    fn next(self) -> Self {
        match self {
            Self::OpenLibraryIds => Self::OpenLibraryEditions,
            Self::OpenLibraryEditions => Self::OpenLibraryTitles,
            Self::OpenLibraryTitles => Self::GoogleBooks,
            Self::GoogleBooks => Self::GoogleBooksTitles,
            Self::GoogleBooksTitles | Self::Over => Self::Over,
        }
    }
}

struct Item {
    wanted: Sought,
    found: Option<Box<Record>>,
    /// Whether a provider answered "no" to a look-up by title.
    title_denied: bool,
    /// Whether a provider answered "no" to any look-up.
    denied: bool,
    /// Whether nothing is given by which a book is known: no provider can have it.
    names_nothing: bool,
    /// Whether the work is found, and its edition may be found by a further look-up.
    lacks_edition: bool,
    /// Whether the outcome is known from before, without a look-up.
    is_known: bool,
    /// Records of the answers that were not taken.
    near: Vec<Near>,
    /// Providers that did not answer.
    silent: Vec<Provider>,
    failed: bool,
    refused: bool,
    awaited: u32,
}

impl Item {
    fn new(mut wanted: Wanted) -> Self {
        if words(&wanted.title).is_empty() {
            wanted.title.clear();
        }
        wanted.work_id = wanted.work_id.filter(|id| open_library::is_work_id(id));
        let wanted = Sought::from(wanted);
        Self {
            names_nothing: wanted.title.is_empty()
                && wanted.isbn.is_none()
                && wanted.work_id.is_none(),
            wanted,
            lacks_edition: false,
            is_known: false,
            found: None,
            title_denied: false,
            denied: false,
            near: Vec::new(),
            silent: Vec::new(),
            failed: false,
            refused: false,
            awaited: 0,
        }
    }

    /// Whether a title tells enough for an answer to be accepted.
    fn is_askable_by_title(&self) -> bool {
        let wanted = &self.wanted;
        !wanted.title.is_empty() && (!wanted.is_anonymous() || wanted.title().is_distinctive())
    }

    /// The property by which to ask for this book in a round, if at all.
    fn step(&self, round: Round) -> Option<LookupKey> {
        if self.is_known {
            return None;
        }
        if round == Round::OpenLibraryEditions {
            return self.lacks_edition.then_some(LookupKey::Isbn);
        }
        if self.found.is_some() {
            return None;
        }
        let by_isbn = self.wanted.isbn.map(|_| LookupKey::Isbn);
        let by_work = self.wanted.work_id.as_ref().map(|_| LookupKey::WorkId);
        let by_title = || self.is_askable_by_title().then_some(LookupKey::Title);
        let silent = |provider| self.silent.contains(&provider);
        match round {
            Round::OpenLibraryIds => by_isbn.or(by_work),
            Round::OpenLibraryEditions | Round::Over => None,
            // A provider that was just silent is not asked again for the same book.
            Round::OpenLibraryTitles if silent(Provider::OpenLibrary) => None,
            Round::OpenLibraryTitles => by_title().or(by_work.filter(|_| by_isbn.is_some())),
            Round::GoogleBooks => by_isbn.or_else(by_title),
            Round::GoogleBooksTitles => by_title().filter(|_| {
                by_isbn.is_some() && !self.title_denied && !silent(Provider::GoogleBooks)
            }),
        }
    }

    /// Takes what a part of an answer tells for sure; answers whether that is the book.
    fn look_through_part(&mut self, by: LookupKey, candidates: &Candidates) -> bool {
        const SURE: f32 = 0.9;
        let found = self.best_of(by, candidates);
        let is_sure = |record: &Record| (record.matched).is_some_and(|m| m.confidence >= SURE);
        match found.filter(is_sure) {
            Some(record) => {
                self.found = Some(Box::new(record));
                true
            }
            None => self.found.is_some(),
        }
    }

    fn best_of(&self, by: LookupKey, candidates: &Candidates) -> Option<Record> {
        match by {
            LookupKey::Isbn => (candidates.by_isbn(&self.wanted))
                .or_else(|| candidates.without_numbers()?.by_title(&self.wanted)),
            LookupKey::Title => candidates.by_title(&self.wanted),
            LookupKey::WorkId => {
                (self.wanted.work_id.as_deref()).and_then(|id| candidates.by_work_id(id))
            }
        }
    }

    fn look_through(&mut self, by: LookupKey, candidates: &Candidates) {
        match self.best_of(by, candidates) {
            Some(record) => {
                if record.matched.is_some_and(|matched| matched.is_doubtful()) {
                    near::merge(&mut self.near, candidates.near(&self.wanted));
                }
                self.found = Some(Box::new(record));
            }
            // Asked once more for its edition only.
            None if self.found.is_some() => {}
            None => {
                near::merge(&mut self.near, candidates.near(&self.wanted));
                self.denied = true;
                self.title_denied |= by == LookupKey::Title;
            }
        }
    }
}

/// Whether a provider can be asked for a book: it has a number or the key of a work, or a title
/// that tells enough for an answer to be accepted.
#[must_use]
pub fn is_askable(wanted: &Wanted) -> bool {
    let item = Item::new(wanted.clone());
    item.wanted.isbn.is_some() || item.wanted.work_id.is_some() || item.is_askable_by_title()
}

/// The search of one wave of books through all providers: which requests may go out now, and
/// what their answers mean.
///
/// Open Library is asked first, in batches: by ISBN (or work key), then by title for the rest.
/// Then Google Books, if there is a key for it, one request for each book that is still missing.
/// Titles whose answers could not be accepted anyway are not asked for.
///
/// **The one rule**: every [`Lookup`] that [`next`](Self::next) hands out must come back through
/// [`answered`](Self::answered), in any order; until all are back there is nothing more to do.
/// The search is over when `next` has nothing and nothing is out.
pub struct Search {
    items: Vec<Item>,
    endpoints: Endpoints,
    round: Option<Round>,
    outstanding: usize,
    /// Look-ups for what an answer had no room for, not handed out yet.
    again: Vec<Lookup>,
}

impl Search {
    /// Begins a search.
    pub fn new(wanted: Vec<Wanted>, endpoints: &Endpoints) -> Self {
        Self {
            items: wanted.into_iter().map(Item::new).collect(),
            endpoints: endpoints.clone(),
            round: None,
            outstanding: 0,
            again: Vec::new(),
        }
    }

    /// Takes the knowledge of a book from before, so that no provider is asked about it. For books
    /// of a search that has not begun. Returns whether it is of use: a record of another question
    /// is not taken when it does not answer this one.
    pub fn set_known(&mut self, at: usize, known: Known) -> bool {
        let Some(item) = self.items.get_mut(at) else {
            return false;
        };
        let found = match known {
            Known::Nothing => {
                item.is_known = true;
                return true;
            }
            Known::Same(record) => Some(as_before(&item.wanted, record)),
            // An answer is looked at as if it had just come.
            Known::Answer(record) => accepted_by(&item.wanted, record),
            Known::Edition(record) => Candidates::new(vec![record]).by_isbn(&item.wanted),
        };
        item.is_known = found.is_some();
        item.found = found.map(Box::new);
        item.is_known
    }

    /// The text that stands for all that is asked of a book ([`crate::question_key`]).
    pub fn question_key(&self, at: usize) -> Option<String> {
        self.items.get(at)?.wanted.question_key()
    }

    /// Takes what a person could choose from when the same question was asked before.
    pub fn offer(&mut self, at: usize, near: Vec<Near>) {
        if let Some(item) = self.items.get_mut(at) {
            let near = near.into_iter();
            near::merge(
                &mut item.near,
                near.map(|near| (near.reason, Cow::Owned(near.record))),
            );
        }
    }

    /// Splits a look-up that asked for too much: each of the two asks for half of it. The one that
    /// is split need not come back any more. `None` when it asks for one book only.
    pub fn split(&mut self, lookup: &Lookup) -> Option<(Lookup, Lookup)> {
        if lookup.items.len() < 2 {
            return None;
        }
        self.outstanding += 1;
        let (first, second) = lookup.items.split_at(lookup.items.len() / 2);
        let half = |items: &[usize]| Lookup {
            items: items.to_vec(),
            ..lookup.clone()
        };
        Some((half(first), half(second)))
    }

    /// All requests that can go out now, in parallel. Empty while answers are awaited, unless one
    /// of them had no room for all books, and when the search is over.
    #[expect(
        clippy::should_implement_trait,
        reason = "an empty answer is no end: an iterator would lie"
    )]
    pub fn next(&mut self) -> Vec<Lookup> {
        if !self.again.is_empty() {
            return std::mem::take(&mut self.again);
        }
        while self.outstanding == 0 && self.round != Some(Round::Over) {
            let round = self.round.map_or(Round::OpenLibraryIds, Round::next);
            self.round = Some(round);
            if round == Round::OpenLibraryEditions {
                self.find_lacking_editions();
            }
            let lookups = self.lookups(round);
            for lookup in &lookups {
                for &at in &lookup.items {
                    self.items[at].awaited += 1;
                }
            }
            self.outstanding = lookups.len();
            if !lookups.is_empty() {
                return lookups;
            }
        }
        Vec::new()
    }

    /// Marks the books whose work was answered with another wanted edition.
    fn find_lacking_editions(&mut self) {
        let work = |item: &Item| item.found.as_ref()?.work.open_library_id.clone();
        let is_told = |item: &Item| {
            let edition = item.found.as_ref().map(|record| &record.edition);
            edition.is_some_and(|edition| edition.open_library_id.is_some())
        };
        let told: HashSet<String> = (self.items.iter())
            .filter(|item| is_told(item))
            .filter_map(work)
            .collect();
        for item in &mut self.items {
            let work = work(item);
            item.lacks_edition = item.wanted.isbn.is_some()
                && !item.is_known
                && !is_told(item)
                && work.is_some_and(|work| told.contains(&work));
        }
    }

    fn lookups(&self, round: Round) -> Vec<Lookup> {
        let provider = match round {
            Round::OpenLibraryIds | Round::OpenLibraryEditions | Round::OpenLibraryTitles => {
                Provider::OpenLibrary
            }
            Round::GoogleBooks | Round::GoogleBooksTitles => Provider::GoogleBooks,
            Round::Over => return Vec::new(),
        };
        let is_configured = match provider {
            Provider::OpenLibrary => self.endpoints.open_library.is_some(),
            Provider::GoogleBooks => {
                (self.endpoints.google_books.as_ref()).is_some_and(|google| google.key.is_some())
            }
        };
        if !is_configured {
            return Vec::new();
        }
        let mut lookups = Vec::new();
        for by in [LookupKey::Isbn, LookupKey::WorkId, LookupKey::Title] {
            let items = (0..self.items.len()).filter(|&at| self.items[at].step(round) == Some(by));
            lookups.extend(self.batches(provider, by, items));
        }
        lookups
    }

    fn batches(
        &self,
        provider: Provider,
        by: LookupKey,
        items: impl Iterator<Item = usize>,
    ) -> Vec<Lookup> {
        let most = match (provider, by) {
            (Provider::GoogleBooks, _) => 1,
            (Provider::OpenLibrary, LookupKey::Title) => self.endpoints.titles_per_request.max(1),
            (Provider::OpenLibrary, LookupKey::Isbn | LookupKey::WorkId) => {
                self.endpoints.isbns_per_request.max(1)
            }
        };
        let mut batches: Vec<Lookup> = Vec::new();
        let mut length = 0;
        for at in items {
            let wanted = &self.items[at].wanted;
            let cost = match by {
                LookupKey::Title => open_library::title_length(wanted),
                // "9780525540670+OR+", "%2Fworks%2FOL82563W+OR+"
                LookupKey::Isbn => 17,
                LookupKey::WorkId => 32,
            };
            match batches.last_mut() {
                Some(batch) if batch.items.len() < most && length + cost <= MAX_QUERY => {
                    batch.items.push(at);
                    length += cost;
                }
                _ => {
                    batches.push(Lookup {
                        provider,
                        by,
                        items: vec![at],
                    });
                    length = cost;
                }
            }
        }
        batches
    }

    /// The request of a look-up that [`next`](Self::next) handed out.
    pub fn request(&self, lookup: &Lookup) -> HttpGet {
        let wanted = || self.wanted(lookup);
        let url = match lookup.provider {
            Provider::OpenLibrary => {
                let base = self.endpoints.open_library.as_deref().unwrap_or_default();
                match lookup.by {
                    LookupKey::Isbn => open_library::by_isbn(base, self.isbns(lookup).into_iter()),
                    LookupKey::Title => open_library::by_title(base, wanted()),
                    LookupKey::WorkId => open_library::by_work_id(
                        base,
                        wanted().filter_map(|wanted| wanted.work_id.as_deref()),
                    ),
                }
            }
            Provider::GoogleBooks => {
                let nowhere = GoogleBooks::default();
                let google = self.endpoints.google_books.as_ref().unwrap_or(&nowhere);
                match (lookup.by, wanted().next()) {
                    (
                        LookupKey::Isbn,
                        Some(&Wanted {
                            isbn: Some(isbn), ..
                        }),
                    ) => google_books::by_isbn(google, isbn),
                    (_, Some(wanted)) => google_books::by_title(google, wanted),
                    (_, None) => google_books::by_title(google, &Wanted::default()),
                }
            }
        };
        HttpGet { url }
    }

    /// The reader for the answer to a look-up.
    pub fn reader(&self, lookup: &Lookup) -> Reader {
        Reader {
            provider: lookup.provider,
            total: None,
            isbns: match (lookup.provider, lookup.by) {
                (Provider::OpenLibrary, LookupKey::Isbn) => self.isbns(lookup),
                _ => Vec::new(),
            },
        }
    }

    /// Reads the body of a `200` answer to a look-up.
    ///
    /// # Errors
    /// `GarbageError` when the body is not what the provider answers with.
    pub fn read(&self, lookup: &Lookup, body: &[u8]) -> Result<Vec<Record>, GarbageError> {
        self.reader(lookup).read(body)
    }

    /// Takes in the outcome of a look-up.
    pub fn answered(&mut self, lookup: Lookup, answer: Answer) {
        self.outstanding = self.outstanding.saturating_sub(1);
        let most = lookup.most_works();
        let (answer, is_part) = match answer {
            Answer::Records(records) => {
                let is_full = most.is_some_and(|most| works_in(&records) == most);
                (
                    Ok(Candidates::new(records)),
                    is_full && lookup.items.len() > 1,
                )
            }
            Answer::Part(records) => (Ok(Candidates::new(records)), true),
            Answer::Failed => (Err(false), false),
            Answer::Refused => (Err(true), false),
        };
        let mut lacking = Vec::new();
        for &at in &lookup.items {
            let Some(item) = self.items.get_mut(at) else {
                continue;
            };
            item.awaited = item.awaited.saturating_sub(1);
            match &answer {
                Ok(candidates) if is_part => {
                    if !item.look_through_part(lookup.by, candidates) {
                        lacking.push(at);
                    }
                }
                Ok(candidates) => item.look_through(lookup.by, candidates),
                Err(refused) => {
                    item.silent.push(lookup.provider);
                    item.refused |= refused;
                    item.failed |= !refused;
                }
            }
        }
        self.ask_again(&lookup, &lacking);
    }

    /// Asks for books that an answer had no room, or no time, for: in halves, so that in the end
    /// each is asked for by itself. What such a request does not tell is not known.
    fn ask_again(&mut self, lookup: &Lookup, lacking: &[usize]) {
        if lookup.items.len() < 2 {
            for &at in lacking {
                self.items[at].silent.push(lookup.provider);
                self.items[at].failed = true;
            }
            return;
        }
        let half = lookup.items.len().div_ceil(2);
        for items in lacking.chunks(half) {
            self.outstanding += 1;
            for &at in items {
                self.items[at].awaited += 1;
            }
            self.again.push(Lookup {
                items: items.to_vec(),
                ..lookup.clone()
            });
        }
    }

    /// Takes the records that a person may choose from instead of each outcome of
    /// [`finish`](Self::finish), in order: out of answers that came anyway, of books that were not
    /// found or doubtfully.
    pub fn take_near(&mut self) -> Vec<Vec<Near>> {
        let items = self.items.iter_mut();
        items
            .map(|item| {
                let mut near = std::mem::take(&mut item.near);
                if let Some(found) = &item.found {
                    if !found.matched.is_some_and(|matched| matched.is_doubtful()) {
                        return Vec::new();
                    }
                    near.retain(|near| !near::is_same(&near.record, found));
                }
                near
            })
            .collect()
    }

    /// Ends the search: one outcome for each wanted book, in order. Books of look-ups that never
    /// came back, or were never handed out, count as failed.
    pub fn finish(self) -> Vec<Found> {
        let is_over = self.round == Some(Round::Over) || {
            let mut round = self.round.map_or(Round::OpenLibraryIds, Round::next);
            loop {
                if round == Round::Over {
                    break true;
                }
                if !self.lookups(round).is_empty() {
                    break false;
                }
                round = round.next();
            }
        };
        self.items
            .into_iter()
            .map(|item| match item.found {
                Some(record) => Found::Record(record),
                None if item.is_known => Found::NotFound,
                None if item.failed || item.awaited > 0 || !is_over => Found::Error,
                None if item.refused => Found::CircuitOpen,
                None if item.denied || item.names_nothing => Found::NotFound,
                None => Found::Error,
            })
            .collect()
    }

    fn wanted<'a>(&'a self, lookup: &'a Lookup) -> impl Iterator<Item = &'a Wanted> {
        let item = |&at: &usize| self.items.get(at);
        lookup
            .items
            .iter()
            .filter_map(item)
            .map(|item| &*item.wanted)
    }

    fn isbns(&self, lookup: &Lookup) -> Vec<Isbn> {
        self.wanted(lookup)
            .filter_map(|wanted| wanted.isbn)
            .collect()
    }
}
