//! The rules by which two records are the same book.

use std::cell::OnceCell;
use std::ops::Deref;

use crate::entities::unescape;
use crate::name::{Person, is_nobody, pen_names, same_person, split_names};
use crate::provider::open_library::is_work_id;
use crate::text::words;
use crate::title::{Agreement, Title, is_other_book};
use crate::word_list::is_in;
use crate::{Edition, Isbn, Match, MatchedBy, Record, Wanted};

/// The keys of a library's row: two rows with one equal key are the same book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookKeys {
    /// The edition's ISBN.
    pub isbn: Option<Isbn>,
    /// Normalised title (with subtitle) and author; `None` without a title.
    pub title_author: Option<String>,
}

/// The keys by which a book is recognised as one that was there before.
///
/// Title and author alone make it the same book even when both have an ISBN and these differ:
/// the hardcover and the audiobook of one work count as one book, as readers count.
pub fn same_book_key(wanted: &Wanted) -> BookKeys {
    keys(wanted, Title::wanted(wanted).key())
}

/// The keys by which a book that was seen on a photo is recognised as one that was there before.
///
/// Two volumes are two books, also where the number stands in brackets; in a list, rows that differ
/// only in such a number may be one book ([`same_book_key`]).
pub fn seen_book_key(wanted: &Wanted) -> BookKeys {
    keys(wanted, Title::wanted(wanted).volume_key())
}

fn keys(wanted: &Wanted, title: String) -> BookKeys {
    let author = split_names(&wanted.author)
        .first()
        .map(|name| words(name).join(" "))
        .unwrap_or_default();
    BookKeys {
        isbn: wanted.isbn,
        title_author: (!title.is_empty()).then(|| format!("{title}\n{author}")),
    }
}

/// A wanted book, made ready for comparison once, when that is first needed: each answer about it
/// has many candidates.
pub(crate) struct Sought {
    wanted: Wanted,
    title: OnceCell<Title>,
    /// The names in its author's.
    names: OnceCell<Vec<String>>,
    /// The people whom its author's name may mean; `None`: nobody in particular.
    people: OnceCell<Option<Vec<Person>>>,
}

impl From<Wanted> for Sought {
    fn from(mut wanted: Wanted) -> Self {
        // "Six of Crows by Leigh Bardugo"
        if let Some((title, name)) = wanted.title.rsplit_once(" by ")
            && !title.is_empty()
            && words(name) == words(&wanted.author)
        {
            wanted.title.truncate(title.len());
        }
        Self {
            wanted,
            title: OnceCell::new(),
            names: OnceCell::new(),
            people: OnceCell::new(),
        }
    }
}

impl Deref for Sought {
    type Target = Wanted;

    fn deref(&self) -> &Wanted {
        &self.wanted
    }
}

impl Sought {
    pub(crate) fn title(&self) -> &Title {
        self.title.get_or_init(|| Title::wanted(&self.wanted))
    }

    fn names(&self) -> &[String] {
        self.names
            .get_or_init(|| split_names(&unescape(&self.wanted.author)))
    }

    fn people(&self) -> Option<&[Person]> {
        let people = self.people.get_or_init(|| {
            if is_nobody(&self.wanted.author) {
                return None;
            }
            let author = unescape(&self.wanted.author);
            let mut people: Vec<Person> =
                self.names().iter().map(|name| Person::of(name)).collect();
            let others = pen_names(&author);
            for name in std::iter::once(&*author).chain(others.iter().map(String::as_str)) {
                let person = Person::of(name);
                if !people.contains(&person) {
                    people.push(person);
                }
            }
            Some(people)
        });
        people.as_deref()
    }

    /// [`question_key`]
    pub(crate) fn question_key(&self) -> Option<String> {
        let title = self.title();
        let title = (!title.key().is_empty()).then(|| title.whole_key());
        let work_id = self.work_id.clone().filter(|id| is_work_id(id));
        if title.is_none() && self.isbn.is_none() && work_id.is_none() {
            return None;
        }
        let names = self.names().iter().map(|name| words(name).join(" "));
        let parts = [
            self.isbn.map(|isbn| isbn.to_string()).unwrap_or_default(),
            work_id.unwrap_or_default(),
            names.collect::<Vec<_>>().join(";"),
            title.unwrap_or_default(),
        ];
        Some(parts.join("\n"))
    }

    /// Whether its author is nobody in particular.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.people().is_none()
    }

    /// Whether one of the candidate's authors, in any of their names, is the wanted one.
    pub(crate) fn is_by_author_of(&self, candidate: &Candidate) -> bool {
        let people = self.people().unwrap_or_default();
        let is_wanted = |known: &Person| people.iter().any(|person| person.can_be(known));
        match self.has_vague_author() {
            true => candidate.people().iter().any(is_wanted),
            false => candidate.known_names().any(is_wanted),
        }
    }

    /// Whether its author's name can be that of several people.
    fn has_vague_author(&self) -> bool {
        self.people()
            .unwrap_or_default()
            .iter()
            .any(Person::is_vague)
    }
}

/// The text that stands for all that is asked of a book, however it is spelled; `None` when nothing
/// tells it from any other.
pub fn question_key(wanted: &Wanted) -> Option<String> {
    Sought::from(wanted.clone()).question_key()
}

/// The record as an answer to this question, if it is one: a record that answered another question,
/// or the same one at another time, goes through the same rules as one that was just given.
pub fn accepted(wanted: &Wanted, record: &Record) -> Option<Record> {
    accepted_by(&Sought::from(wanted.clone()), record.clone())
}

/// The record that was taken for this very question, as an answer to it now.
pub(crate) fn as_before(wanted: &Sought, mut record: Record) -> Record {
    let is_by_work = record
        .matched
        .is_some_and(|matched| matched.by == MatchedBy::Work);
    // The number that a record was asked by and has not itself is not kept in it.
    if let Some(isbn) = wanted.isbn
        && is_bare(&record)
        && !is_by_work
    {
        put_first(&mut record.edition.isbns, isbn);
    }
    record
}

/// [`accepted`], for a book that is prepared for comparison.
pub(crate) fn accepted_by(wanted: &Sought, mut record: Record) -> Option<Record> {
    let by = record.matched?.by;
    // The number that a record was asked by and has not itself is not kept in it.
    if let (Some(isbn), true) = (wanted.isbn, record.edition.isbns.is_empty()) {
        record.edition.isbns.push(isbn);
    }
    let candidates = Candidates::new(vec![record]);
    let by_title = || candidates.by_title(wanted);
    match by {
        MatchedBy::Isbn if wanted.isbn.is_some() => candidates.by_isbn(wanted),
        MatchedBy::Isbn | MatchedBy::TitleAuthor => by_title(),
        MatchedBy::Work => match &wanted.work_id {
            Some(id) => candidates.by_work_id(id),
            None => by_title(),
        },
    }
}

/// The records of an answer, made ready for comparison.
pub(crate) struct Candidates {
    candidates: Vec<Candidate>,
}

/// A record, made ready for comparison once, when that is first needed: many books are compared
/// with it.
pub(crate) struct Candidate {
    pub(crate) record: Record,
    titles: OnceCell<Titles>,
    people: OnceCell<Vec<Person>>,
}

pub(crate) struct Titles {
    pub(crate) work: Title,
    pub(crate) edition: Option<Title>,
}

impl Candidate {
    fn new(record: Record) -> Self {
        Self {
            record,
            titles: OnceCell::new(),
            people: OnceCell::new(),
        }
    }

    pub(crate) fn titles(&self) -> &Titles {
        self.titles.get_or_init(|| {
            let Record { work, edition, .. } = &self.record;
            let of_work = Title::new(&work.title, work.subtitle.as_deref());
            // Most editions are called as their work.
            let is_of_work = |title: &str| title == work.title && edition.subtitle == work.subtitle;
            let of_edition = edition
                .title
                .as_deref()
                .map(|title| match is_of_work(title) {
                    true => of_work.clone(),
                    false => Title::new(title, edition.subtitle.as_deref()),
                });
            Titles {
                work: of_work,
                edition: of_edition,
            }
        })
    }

    /// Its authors, each in every name that is known.
    fn people(&self) -> &[Person] {
        self.people.get_or_init(|| {
            let names = self.record.authors.iter().map(|author| &author.name);
            let names = names.chain(&self.record.aliases);
            names.map(|name| Person::of(name)).collect()
        })
    }

    /// [`Self::people`] without aliases that are only a family name: many people have the same.
    fn known_names(&self) -> impl Iterator<Item = &Person> {
        let authors = self.record.authors.len();
        let people = self.people().iter().enumerate();
        people
            .filter(move |(at, person)| *at < authors || !person.is_family_name())
            .map(|(_, person)| person)
    }
}

impl Candidates {
    pub(crate) fn new(records: Vec<Record>) -> Self {
        Self {
            candidates: records.into_iter().map(Candidate::new).collect(),
        }
    }

    /// All candidates, in the order of the answer.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter()
    }

    /// The record of the edition with the wanted ISBN that is most likely the wanted book.
    ///
    /// Catalogues give an ISBN to box sets, too, and readers mistype: a record that has nothing in
    /// common with a title and author that are known is not taken, nor is another volume, nor a set
    /// for one of its volumes.
    pub(crate) fn by_isbn(&self, sought: &Sought) -> Option<Record> {
        let isbn = sought.isbn?;
        let (corroboration, record) = self
            .iter()
            .filter(|candidate| candidate.record.edition.isbns.contains(&isbn))
            .filter_map(|candidate| {
                Some((Corroboration::of(sought, candidate)?, &candidate.record))
            })
            // Stable: what the provider thought best stays first among equals.
            .min_by_key(|(corroboration, record)| {
                (corroboration.rank(), is_bare(record), has_no_cover(record))
            })?;
        let mut record = record.clone();
        put_first(&mut record.edition.isbns, isbn);
        record.matched = Some(Match {
            by: MatchedBy::Isbn,
            confidence: corroboration.confidence(),
        });
        Some(record)
    }

    /// The records of an answer none of which has any ISBN, as Google Books may answer to one.
    pub(crate) fn without_numbers(&self) -> Option<&Self> {
        let mut records = self.iter().map(|candidate| &candidate.record);
        records
            .all(|record| record.edition.isbns.is_empty())
            .then_some(self)
    }

    /// The record of the work with this Open Library key.
    pub(crate) fn by_work_id(&self, id: &str) -> Option<Record> {
        let mut record = self
            .iter()
            .map(|candidate| &candidate.record)
            .find(|record| record.work.open_library_id.as_deref() == Some(id))?
            .clone();
        record.matched = Some(Match {
            by: MatchedBy::Work,
            confidence: 1.0,
        });
        Some(record)
    }

    /// The record whose title and author both agree with what is wanted.
    ///
    /// An exact title goes before one whose subtitle differs. Of several works that agree only
    /// but for different subtitles none is taken. Without an author the title must be exact and
    /// say enough, and all records with that title must be one author's.
    pub(crate) fn by_title(&self, sought: &Sought) -> Option<Record> {
        let title = sought.title();
        let is_anonymous = sought.is_anonymous();
        let agreeing: Vec<(Agreement, &Candidate)> = self
            .iter()
            .filter_map(|candidate| Some((agreement(title, candidate.titles())?, candidate)))
            .filter(|(_, candidate)| is_anonymous || sought.is_by_author_of(candidate))
            .collect();
        let is_wanted_edition = |record: &Record| {
            (sought.isbn).is_some_and(|isbn| record.edition.isbns.contains(&isbn))
        };
        // Among equals the first, which the provider thought best.
        let first = agreeing.iter().min_by_key(|(agreement, candidate)| {
            (
                !agreement.is_exact(),
                agreement.is_doubtful,
                agreement.is_volume_open,
                !is_wanted_edition(&candidate.record),
            )
        })?;
        // A cover is a matter of editions, not of works.
        let is_no_worse = |other: &&(Agreement, &Candidate)| {
            let (record, best) = (&other.1.record, &first.1.record);
            other.0 == first.0
                && record.work == best.work
                && is_wanted_edition(record) == is_wanted_edition(best)
        };
        let with_cover = (agreeing.iter().filter(is_no_worse))
            .find(|(_, candidate)| !has_no_cover(&candidate.record));
        let (best, candidate) = with_cover.unwrap_or(first);
        if is_anonymous {
            let exact = || agreeing.iter().filter(|(a, ..)| a.is_exact());
            if !best.is_exact()
                || !title.is_distinctive()
                || exact().any(|(_, other)| !share_an_author(&candidate.record, &other.record))
            {
                return None;
            }
        } else {
            let has_namesake = || {
                sought.has_vague_author()
                    && (agreeing.iter())
                        .any(|(other, rival)| other == best && !share_a_name(candidate, rival))
            };
            let has_sibling = || {
                agreeing.iter().any(|(other, ..)| {
                    !best.left_out.is_empty()
                        && !other.left_out.is_empty()
                        && !other.left_out.starts_with(&best.left_out)
                        && !best.left_out.starts_with(&other.left_out)
                })
            };
            if has_namesake() || has_sibling() {
                return None;
            }
        }
        // A series and its volumes: the record may be any of them.
        let is_one_of_series = || {
            let mut others = self.iter().map(|candidate| &candidate.titles().work);
            candidate.titles().work.is_bare() && others.any(|other| other.is_sibling_of(title))
        };
        let mut found = with_edition_for(sought, candidate);
        found.matched = Some(Match {
            by: MatchedBy::TitleAuthor,
            confidence: match (is_anonymous, best.is_exact()) {
                (false, true) => 0.9,
                (false, false) if best.is_doubtful || is_one_of_series() => 0.7,
                (false, false) => 0.75,
                (true, _) => 0.6,
            },
        });
        Some(found)
    }
}

/// The comparison of a record that claims the wanted ISBN with what is known of the book besides.
struct Corroboration {
    /// Likeness of the titles; `None`: they cannot be compared.
    title: Option<Likeness>,
    /// Whether the author is the same; `None`: they cannot be compared.
    same_author: Option<bool>,
    /// Whether the titles share words, and at most a word of each is missing in the other, and
    /// fewer than it has.
    shares_most: bool,
    /// Whether neither a title nor an author was given.
    is_bare_number: bool,
    /// Whether the record is that of a set, and none was asked for.
    is_set: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Agrees,
    SharesAWord,
    Differs,
}

impl Corroboration {
    /// Compares a record with the wanted book; `None` when it is another book.
    fn of(sought: &Sought, candidate: &Candidate) -> Option<Self> {
        let (title, record, titles) = (sought.title(), &candidate.record, candidate.titles());
        let likeness = if agreement(title, titles).is_some() {
            Some(Likeness::Agrees)
        } else {
            let with_work = title.shares_a_word(&titles.work);
            let with_edition =
                (titles.edition.as_ref()).and_then(|other| title.shares_a_word(other));
            match (with_work, with_edition) {
                (None, None) => None,
                (Some(true), _) | (_, Some(true)) => Some(Likeness::SharesAWord),
                // A work has its original's title, its edition may have none that is told.
                (Some(false), None) if titles.edition.is_none() && describes_edition(record) => {
                    None
                }
                _ => Some(Likeness::Differs),
            }
        };
        let same_author = (!sought.is_anonymous() && !record.authors.is_empty())
            .then(|| sought.is_by_author_of(candidate))
            .filter(|same| *same || in_one_script(sought, record));
        let says_set = titles.work.is_set() || titles.edition.as_ref().is_some_and(Title::is_set);
        // A translation may be listed with the numbers of its paperback and its e-book.
        let has_numbers_of_set = record.edition.isbns.len() >= ISBNS_OF_A_SET
            && !are_in_two_languages(
                &sought.wanted.title,
                (record.edition.title.as_ref()).unwrap_or(&record.work.title),
            );
        let corroboration = Self {
            title: likeness,
            same_author,
            shares_most: likeness == Some(Likeness::SharesAWord)
                && [Some(&titles.work), titles.edition.as_ref()]
                    .into_iter()
                    .flatten()
                    .any(|other| title.differs_by_a_word_at_most(other)),
            is_bare_number: !title.has_words() && sought.is_anonymous(),
            is_set: !title.is_set() && (says_set || has_numbers_of_set),
        };
        // Two volumes of one series share its name, and a translation has no word of its language.
        let is_sibling = || {
            let others = [Some(&titles.work), titles.edition.as_ref()];
            likeness == Some(Likeness::SharesAWord)
                && (others.into_iter().flatten()).all(|other| title.is_other_of_its_language(other))
        };
        // One word is no kinship where the author is another: "The Girl on the Train" and "The Girl
        // in the Spider's Web".
        let is_by_chance = || {
            likeness == Some(Likeness::SharesAWord)
                && same_author == Some(false)
                && !title.shares_most_words(&titles.work)
                && !(titles.edition.as_ref()).is_some_and(|other| title.shares_most_words(other))
        };
        let is_foreign =
            likeness == Some(Likeness::Differs) && same_author != Some(true) || is_by_chance();
        let is_other_volume = || {
            let volume = (titles.edition.as_ref())
                .and_then(Title::volume)
                .or(titles.work.volume());
            likeness.is_some()
                && likeness != Some(Likeness::Agrees)
                && title
                    .volume()
                    .is_some_and(|wanted| volume.is_some_and(|other| wanted != other))
        };
        let titles_of = || {
            [Some(&titles.work), titles.edition.as_ref()]
                .into_iter()
                .flatten()
        };
        // The number decides what a word of a subtitle leaves open.
        let is_confirmed = || {
            same_author != Some(false)
                && !has_numbers_of_set
                && titles_of().all(|other| title.differs_in_subtitle_only(other))
        };
        // One volume has one ISBN; a work of many is told apart by what it calls itself.
        let is_set =
            || likeness.is_some() && likeness != Some(Likeness::Agrees) && corroboration.is_set;
        // A sample of the book, or a summary.
        let is_about = || {
            likeness.is_some()
                && likeness != Some(Likeness::Agrees)
                && titles_of().any(|other| is_other_book(other, title))
        };
        let is_other = is_foreign
            || is_sibling()
            || is_other_volume()
            || (is_set() || is_about()) && !is_confirmed();
        (!is_other).then_some(corroboration)
    }

    /// Rank of the record: the lower, the more likely it is the wanted book.
    fn rank(&self) -> (Option<Likeness>, bool, bool) {
        (self.title, self.is_set, self.same_author == Some(false))
    }

    fn confidence(&self) -> f32 {
        match (self.title, self.same_author) {
            (Some(Likeness::Agrees), Some(true) | None) => 1.0,
            (Some(Likeness::Agrees), Some(false)) => 0.9,
            // Nothing but the number was asked for.
            (None, None) if self.is_bare_number && !self.is_set => 0.95,
            (None, None) => 0.7,
            (None, Some(true)) => 0.9,
            (None, Some(false)) => 0.7,
            (Some(Likeness::SharesAWord), Some(true)) if self.shares_most => 0.85,
            (Some(Likeness::SharesAWord), _) => 0.7,
            (Some(Likeness::Differs), _) => 0.6,
        }
    }
}

/// Number of ISBNs from which on an edition of another title is a set that lists its volumes'.
const ISBNS_OF_A_SET: usize = 3;

/// Little words of titles by their languages, each in one of them only.
const LITTLE_WORDS: [&str; 8] = [
    "the of and with from his her to",
    "der das und im von dem den ein eine vom zum zur",
    "le les du des et dans aux une",
    "el los las y del al una",
    "il lo gli e della dei nel",
    "o os do dos da em uma",
    "het een van en de",
    "и в на с",
];

/// Whether two titles have little words of different languages.
fn are_in_two_languages(a: &str, b: &str) -> bool {
    let language = |title: &str| {
        let words = words(title);
        let count = |list: &str| words.iter().filter(|word| is_in(list, word)).count();
        (LITTLE_WORDS.iter().map(|list| count(list)).enumerate())
            .filter(|(_, count)| *count > 0)
            .max_by_key(|(_, count)| *count)
            .map(|(language, _)| language)
    };
    matches!((language(a), language(b)), (Some(a), Some(b)) if a != b)
}

/// Whether the provider describes the edition itself, and does not only say that the work has its
/// ISBN.
fn describes_edition(record: &Record) -> bool {
    record.edition.open_library_id.is_some() || record.edition.google_volume_id.is_some()
}

fn is_bare(record: &Record) -> bool {
    !describes_edition(record)
}

fn has_no_cover(record: &Record) -> bool {
    record.cover_url().is_none()
}

fn in_one_script(wanted: &Wanted, record: &Record) -> bool {
    let is_latin = |name: &str| {
        words(name)
            .iter()
            .any(|word| word.bytes().any(|b| b.is_ascii_lowercase()))
    };
    let names = record.authors.iter().map(|author| &author.name);
    names
        .chain(&record.aliases)
        .any(|name| is_latin(name) == is_latin(&wanted.author))
}

fn put_first(isbns: &mut Vec<Isbn>, isbn: Isbn) {
    isbns.retain(|other| *other != isbn);
    isbns.insert(0, isbn);
}

pub(crate) fn agreement(wanted: &Title, titles: &Titles) -> Option<Agreement> {
    let by_work = wanted.agrees(&titles.work);
    // A translation has its own title; the work has the original's.
    let by_edition = (titles.edition.as_ref()).and_then(|edition| wanted.agrees(edition));
    match (by_work, by_edition) {
        (Some(by_work), _) if by_work.is_exact() => Some(by_work),
        (by_work, None) => by_work,
        (by_work, Some(_)) if is_other_book(&titles.work, wanted) => by_work,
        (None, by_edition) => by_edition,
        (Some(_), Some(by_edition)) if by_edition.is_exact() => Some(by_edition),
        (by_work, Some(_)) => by_work,
    }
}

/// The record, with details of the edition only when that is the wanted one, or when none was asked
/// for and its title is the wanted title.
fn with_edition_for(sought: &Sought, candidate: &Candidate) -> Record {
    let mut record = candidate.record.clone();
    let fits = match sought.isbn {
        Some(isbn) => record.edition.isbns.contains(&isbn),
        None => (candidate.titles().edition.as_ref())
            .is_some_and(|edition| sought.title().agrees(edition).is_some()),
    };
    if !fits {
        // A translation is known by its own title, whoever has it.
        let is_of_edition =
            sought.isbn.is_some() && (sought.title()).agrees(&candidate.titles().work).is_none();
        let (title, subtitle) = match record.edition.title.take() {
            Some(title) if is_of_edition => (title, record.edition.subtitle.take()),
            _ => (record.work.title.clone(), record.work.subtitle.clone()),
        };
        record.edition = Edition {
            isbns: sought.isbn.into_iter().collect(),
            title: Some(title),
            subtitle,
            ..Edition::default()
        };
    } else if let Some(isbn) = sought.isbn {
        put_first(&mut record.edition.isbns, isbn);
    }
    record
}

/// Whether an author can be the same in two records, by any name that is not a family name alone.
fn share_a_name(a: &Candidate, b: &Candidate) -> bool {
    a.known_names()
        .any(|name| b.known_names().any(|other| name.can_be(other)))
}

pub(crate) fn share_an_author(a: &Record, b: &Record) -> bool {
    a.authors.iter().any(|author| {
        b.authors
            .iter()
            .any(|other| same_person(&author.name, &other.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Author, Provider, Work};

    fn record(title: &str, authors: &[&str]) -> Record {
        Record {
            provider: Provider::OpenLibrary,
            work: Work {
                title: title.into(),
                ..Work::default()
            },
            matched: None,
            aliases: Vec::new(),
            edition: Edition::default(),
            authors: authors
                .iter()
                .map(|name| Author {
                    name: (*name).into(),
                    open_library_id: None,
                })
                .collect(),
        }
    }

    fn wanted(title: &str, author: &str) -> Wanted {
        Wanted {
            title: title.into(),
            author: author.into(),
            ..Wanted::default()
        }
    }

    fn found(title: &str, author: &str, records: Vec<Record>) -> Option<String> {
        Candidates::new(records)
            .by_title(&wanted(title, author).into())
            .map(|record| record.work.title)
    }

    #[test]
    fn title_and_author_must_both_agree() {
        let shelf = || {
            vec![
                record("Dune Messiah", &["Frank Herbert"]),
                record("Dune", &["SparkNotes"]),
                record("Dune", &["Brian Herbert"]),
                record("Dune: Books 1-3", &["Frank Herbert"]),
                record("Dune: A Novel", &["Frank Herbert"]),
                record("DUNE", &["Herbert, Frank"]),
            ]
        };
        assert_eq!(
            found("Dune (Dune, #1)", "Frank  Herbert", shelf()).as_deref(),
            Some("Dune: A Novel")
        );
        assert_eq!(found("Dune", "Frank Sinatra", shelf()), None);
        assert_eq!(found("Children of Dune", "Frank Herbert", shelf()), None);
        assert_eq!(
            found("Dune", "F. Herbert; Somebody Else", shelf()).as_deref(),
            Some("Dune: A Novel")
        );
    }

    #[test]
    fn an_exact_title_goes_before_one_with_another_subtitle() {
        let shelf = vec![
            record("Washington: The Early Years", &["Ron Chernow"]),
            record("Washington: A Life", &["Ron Chernow"]),
        ];
        assert_eq!(
            found("Washington: A Life", "Ron Chernow", shelf.clone()).as_deref(),
            Some("Washington: A Life")
        );
        assert_eq!(found("Washington", "Ron Chernow", shelf.clone()), None);
        assert_eq!(
            found("Washington", "Ron Chernow", shelf[1..].to_vec()).as_deref(),
            Some("Washington: A Life")
        );
    }

    #[test]
    fn without_an_author_only_an_exact_distinctive_title_of_one_author_counts() {
        let shelf = vec![
            record("The Midnight Library", &["Matt Haig"]),
            record("The Midnight Library", &["Haig, Matt"]),
            record("Home", &["Toni Morrison"]),
            record("The Gift", &["Lewis Hyde"]),
            record("The Black Echo", &["Michael Connelly"]),
            record("The Black Echo", &["Somebody Else"]),
            record("Sapiens: A Brief History", &["Yuval Noah Harari"]),
        ];
        let find = |title: &str| found(title, "", shelf.clone());
        assert!(find("The midnight library").is_some());
        assert_eq!(
            found("The Midnight Library", "Anonymous", shelf.clone()).as_deref(),
            Some("The Midnight Library")
        );
        assert_eq!(find("Home"), None);
        assert_eq!(find("The Gift"), None);
        assert_eq!(find("The Black Echo"), None);
        assert_eq!(find("Sapiens"), None);
    }

    #[test]
    fn a_translation_is_found_by_its_own_title() {
        let mut sofie = record("Sofies verden", &["Jostein Gaarder"]);
        sofie.edition.title = Some("Sophie's World".into());
        sofie.edition.publisher = Some("Orion".into());
        let candidates = Candidates::new(vec![sofie]);
        let found = candidates
            .by_title(&wanted("Sophie\u{2019}s World", "Jostein Gaarder").into())
            .unwrap();
        assert_eq!(found.edition.publisher.as_deref(), Some("Orion"));
        let found = candidates
            .by_title(&wanted("Sofies verden", "Jostein Gaarder").into())
            .unwrap();
        assert_eq!(found.edition.publisher, None);
        assert_eq!(found.edition.title.as_deref(), Some("Sofies verden"));
    }

    #[test]
    fn another_edition_lends_no_details_to_the_wanted_one() {
        let isbn = Isbn::parse("9780525540670").unwrap();
        let other = Isbn::parse("9780593230381").unwrap();
        let mut dune = record("Dune", &["Frank Herbert"]);
        dune.edition.title = Some("Dune".into());
        dune.edition.publisher = Some("Ace".into());
        dune.edition.isbns = vec![other];
        let candidates = Candidates::new(vec![dune]);
        let mut wanted = wanted("Dune", "Frank Herbert");
        wanted.isbn = Some(isbn);
        let found = candidates.by_title(&wanted.clone().into()).unwrap();
        assert_eq!(found.edition.isbns, [isbn]);
        assert_eq!(found.edition.publisher, None);
        wanted.isbn = Some(other);
        let found = candidates.by_title(&wanted.clone().into()).unwrap();
        assert_eq!(found.edition.publisher.as_deref(), Some("Ace"));
        assert!(candidates.by_isbn(&wanted.clone().into()).is_some());
        wanted.isbn = Some(isbn);
        assert_eq!(candidates.by_isbn(&wanted.into()), None);
    }

    #[test]
    fn a_box_set_is_not_the_book_that_its_edition_is_named_after() {
        let mut set = record("Dune Collection", &["Frank Herbert"]);
        set.edition.title = Some("Dune".into());
        assert_eq!(found("Dune", "Frank Herbert", vec![set]), None);
    }

    #[test]
    fn each_book_and_each_record_is_made_comparable_once() {
        let (books, records) = (40, 200);
        let wanted: Vec<Sought> = (0..books)
            .map(|n| wanted(&format!("Salt {n} Harbour"), "Ann Lind").into())
            .collect();
        let candidates = (0..records).map(|n| {
            let mut record = record(&format!("Salt {n} Ferry"), &["Ann Lind", "Bo Ek"]);
            record.edition.title = Some(format!("Ferry {n}"));
            record.aliases = vec!["A. Lind".to_owned()];
            record
        });
        let candidates = Candidates::new(candidates.collect());
        let before = ["titles", "people"].map(crate::tally::counted);
        for sought in &wanted {
            assert_eq!(candidates.by_isbn(sought), None);
            assert_eq!(candidates.by_title(sought), None);
            assert_eq!(candidates.near(sought).count(), records);
        }
        let after = ["titles", "people"].map(crate::tally::counted);
        assert_eq!(after[0] - before[0], books + records * 2);
        // The author's whole name, and each name in it.
        assert_eq!(after[1] - before[1], books * 2 + records * 3);
    }

    #[test]
    fn keys_of_the_same_book_are_equal() {
        let key = |title: &str, author: &str| same_book_key(&wanted(title, author)).title_author;
        assert_eq!(
            key("The Midnight Library", "Matt Haig"),
            key("midnight library", "Haig, Matt")
        );
        assert_ne!(key("Home", "Toni Morrison"), key("Home", "Harlan Coben"));
        assert_eq!(key("", "Matt Haig"), None);
    }
}
