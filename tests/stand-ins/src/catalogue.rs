//! The catalogue that the stand-ins share: works with their editions and authors, and the indexes
//! that find them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::generated::{self, GENERATED_WORKS};
use crate::lucene::Query;

/// A person as Open Library knows one.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    /// Open Library's key, `OL...A`.
    pub key: String,
    /// The name in the author's own script.
    pub name: String,
    /// The name in other scripts and spellings.
    pub other_names: Vec<String>,
}

/// One edition of a work.
#[derive(Clone, Debug)]
pub(crate) struct Edition {
    /// Open Library's key, `OL...M`.
    pub key: String,
    /// Title of the edition, when it is not the work's.
    pub title: Option<String>,
    /// ISBNs: the ISBN-13 first, then its ISBN-10 where there is one. May be empty.
    pub isbns: Vec<String>,
    pub publisher: String,
    /// The date as catalogues write it: `2020`, `May 2, 2014`, `2014-05`.
    pub publish_date: String,
    pub pages: Option<u32>,
    /// Language: a MARC code, three letters.
    pub language: &'static str,
    /// Open Library's cover number.
    pub cover: Option<u32>,
    pub format: &'static str,
}

/// One work. Fields that no sample file has are derived from title and author, the same at every
/// start.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// Open Library's key, `OL...W`.
    pub key: String,
    /// Google's volume id.
    pub volume: String,
    pub title: String,
    pub subtitle: Option<String>,
    pub authors: Vec<Author>,
    pub first_publish_year: Option<i32>,
    pub subjects: Vec<String>,
    pub description: String,
    pub goodreads_id: Option<String>,
    pub editions: Vec<Edition>,
    /// Number of editions that the provider claims; decides the order of results.
    pub popularity: u32,
    pub in_open_library: bool,
    pub in_google_books: bool,
}

impl Work {
    pub(crate) fn full_title(&self) -> String {
        match &self.subtitle {
            Some(subtitle) => format!("{}: {subtitle}", self.title),
            None => self.title.clone(),
        }
    }

    /// The edition that has this ISBN, in either length.
    pub(crate) fn edition_with(&self, isbn: &str) -> Option<&Edition> {
        self.editions
            .iter()
            .find(|edition| edition.isbns.iter().any(|known| known == isbn))
    }
}

/// The provider whose catalogue is searched: each lacks some works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    OpenLibrary,
    GoogleBooks,
}

/// A work in the catalogue: seeded ones count from 0, generated ones from [`GENERATED`].
pub(crate) type WorkId = u32;

const GENERATED: WorkId = 1 << 24;

struct Words {
    /// The titles of the work and of its editions, word by word in their places.
    titles: Vec<Vec<Place>>,
    authors: Vec<Vec<Place>>,
    other_names: Vec<Vec<Place>>,
    /// Texts that only a search without a field finds: subjects and publishers.
    others: Vec<Vec<Place>>,
}

impl Words {
    fn of(work: &Work) -> Self {
        let mut titles = vec![places(&work.full_title())];
        let own = work
            .editions
            .iter()
            .filter_map(|edition| edition.title.as_deref());
        titles.extend(own.map(places));
        let others = work.authors.iter().flat_map(|author| &author.other_names);
        let subjects = work.subjects.iter().map(String::as_str);
        let publishers = work
            .editions
            .iter()
            .map(|edition| edition.publisher.as_str());
        Self {
            titles,
            others: subjects.chain(publishers).map(places).collect(),
            authors: work.authors.iter().map(|a| places(&a.name)).collect(),
            other_names: others.map(|name| places(name)).collect(),
        }
    }
}

fn all_words(texts: &[Vec<Place>]) -> HashSet<&String> {
    texts.iter().flatten().flatten().collect()
}

/// Every work the stand-ins know. The generated library is not stored: its works are built when
/// an ISBN, a key or a title names one.
pub(crate) struct Catalogue {
    works: Vec<Work>,
    words: Vec<Words>,
    /// Works by ISBN. Several can claim one, as a set and its volume do.
    by_isbn: HashMap<String, Vec<WorkId>>,
    by_key: HashMap<String, WorkId>,
    by_title_word: HashMap<String, Vec<WorkId>>,
    by_author_word: HashMap<String, Vec<WorkId>>,
    by_other_name: HashMap<String, Vec<WorkId>>,
    by_other_word: HashMap<String, Vec<WorkId>>,
}

impl Catalogue {
    pub(crate) fn new(works: Vec<Work>) -> Self {
        let mut catalogue = Self {
            words: works.iter().map(Words::of).collect(),
            works: Vec::new(),
            by_isbn: HashMap::new(),
            by_key: HashMap::new(),
            by_title_word: HashMap::new(),
            by_author_word: HashMap::new(),
            by_other_name: HashMap::new(),
            by_other_word: HashMap::new(),
        };
        for (id, (work, words)) in (0..).zip(works.iter().zip(&catalogue.words)) {
            catalogue.by_key.insert(work.key.clone(), id);
            catalogue.by_key.insert(work.volume.clone(), id);
            for edition in &work.editions {
                catalogue.by_key.insert(edition.key.clone(), id);
                for isbn in &edition.isbns {
                    let ids = catalogue.by_isbn.entry(isbn.clone()).or_default();
                    ids.push(id);
                }
            }
            for (index, texts) in [
                (&mut catalogue.by_title_word, &words.titles),
                (&mut catalogue.by_author_word, &words.authors),
                (&mut catalogue.by_other_name, &words.other_names),
                (&mut catalogue.by_other_word, &words.others),
            ] {
                for word in all_words(texts) {
                    index.entry(word.clone()).or_default().push(id);
                }
            }
        }
        catalogue.works = works;
        catalogue
    }

    pub(crate) fn work(&self, id: WorkId) -> Cow<'_, Work> {
        match id.checked_sub(GENERATED) {
            None => Cow::Borrowed(&self.works[id as usize]),
            Some(index) => Cow::Owned(generated::work(index)),
        }
    }

    pub(crate) fn by_isbn(&self, isbn: &str) -> Option<WorkId> {
        self.all_by_isbn(isbn).first().copied()
    }

    fn all_by_isbn(&self, isbn: &str) -> Vec<WorkId> {
        match self.by_isbn.get(isbn) {
            Some(ids) => ids.clone(),
            None => generated::index_of_isbn(isbn)
                .map(|index| GENERATED + index)
                .into_iter()
                .collect(),
        }
    }

    /// Finds a work by its own key, an edition's key or a volume id.
    pub(crate) fn by_key(&self, key: &str) -> Option<WorkId> {
        let seeded = self.by_key.get(key).copied();
        seeded.or_else(|| Some(GENERATED + generated::index_of_key(key)?))
    }

    /// The works of one provider that match a query: first those that answer the most of its
    /// alternatives, as a search engine adds up the clauses that match, then the most popular.
    ///
    /// Limit: generated works are found by ISBN, key and title only; a query for nothing but an
    /// author, a subject or a negation finds seeded works.
    pub(crate) fn search(&self, query: &Query, shelf: Shelf) -> Vec<Cow<'_, Work>> {
        let mut ids = self.evaluate(query);
        ids.sort_unstable();
        ids.dedup();
        let mut works: Vec<_> = ids
            .into_iter()
            .map(|id| (id, self.work(id)))
            .filter(|(_, work)| match shelf {
                Shelf::OpenLibrary => work.in_open_library,
                Shelf::GoogleBooks => work.in_google_books,
            })
            .collect();
        works.sort_by_cached_key(|(id, work)| {
            let score = match self.words.get(*id as usize) {
                Some(words) => score(query, work, words),
                None => score(query, work, &Words::of(work)),
            };
            std::cmp::Reverse((score, work.popularity))
        });
        works.into_iter().map(|(_, work)| work).collect()
    }

    fn evaluate(&self, query: &Query) -> Vec<WorkId> {
        match query {
            Query::Any(branches) => branches.iter().flat_map(|q| self.evaluate(q)).collect(),
            Query::All(clauses) => {
                let fewest = |is_wanted: fn(&Query) -> bool| {
                    let wanted = clauses.iter().filter(|clause| is_wanted(clause));
                    wanted
                        .map(|clause| self.evaluate(clause))
                        .min_by_key(Vec::len)
                };
                let start = fewest(names_works)
                    .or_else(|| fewest(names_seeded_works))
                    .unwrap_or_else(|| self.seeded());
                self.keep(start, query)
            }
            Query::Not(_) => self.keep(self.seeded(), query),
            Query::Term { field, text } => match Field::named(field.as_deref()) {
                Field::Isbn => self.all_by_isbn(text),
                Field::Key => {
                    let key = text.rsplit('/').next().unwrap_or(text);
                    self.by_key(key).into_iter().collect()
                }
                Field::Title => {
                    let words = words(text);
                    let mut ids = self.with_words(&self.by_title_word, text);
                    ids.extend(generated::index_of_title(&words).map(|i| GENERATED + i));
                    self.keep(ids, query)
                }
                Field::Author => self.keep(self.with_words(&self.by_author_word, text), query),
                Field::OtherName => self.keep(self.with_words(&self.by_other_name, text), query),
                Field::Text => {
                    let mut ids = self.all_by_isbn(text);
                    for word in words(text).iter().flat_map(|word| spellings(word)) {
                        ids.extend(self.by_title_word.get(&word).into_iter().flatten());
                        ids.extend(self.by_author_word.get(&word).into_iter().flatten());
                        ids.extend(self.by_other_word.get(&word).into_iter().flatten());
                    }
                    ids.extend(generated::index_of_title(&words(text)).map(|i| GENERATED + i));
                    self.keep(ids, query)
                }
                Field::Subject | Field::Publisher | Field::Language | Field::Year => {
                    self.keep(self.seeded(), query)
                }
            },
        }
    }

    /// The works that have all words of a text, each in any of its spellings.
    fn with_words(&self, index: &HashMap<String, Vec<WorkId>>, text: &str) -> Vec<WorkId> {
        let mut common: Option<HashSet<WorkId>> = None;
        for word in words(text) {
            let spellings = spellings(&word);
            let ids: HashSet<WorkId> = (spellings.iter())
                .filter_map(|word| index.get(word.as_str()))
                .flatten()
                .copied()
                .collect();
            common = Some(match common {
                Some(common) => common.intersection(&ids).copied().collect(),
                None => ids,
            });
        }
        common.unwrap_or_default().into_iter().collect()
    }

    fn seeded(&self) -> Vec<WorkId> {
        (0..).take(self.works.len()).collect()
    }

    fn keep(&self, mut ids: Vec<WorkId>, query: &Query) -> Vec<WorkId> {
        ids.retain(|&id| {
            let work = self.work(id);
            match self.words.get(id as usize) {
                Some(words) => matches(query, &work, words),
                None => matches(query, &work, &Words::of(&work)),
            }
        });
        ids
    }
}

/// Whether a clause's works are all found by looking up its words, generated ones included.
fn names_works(query: &Query) -> bool {
    match query {
        Query::Any(branches) => branches.iter().all(names_works),
        Query::All(clauses) => clauses.iter().any(names_works),
        Query::Not(_) => false,
        Query::Term { field, .. } => matches!(
            Field::named(field.as_deref()),
            Field::Isbn | Field::Key | Field::Title
        ),
    }
}

/// Whether a clause is words in any field, whose seeded works are all found by looking them up.
fn names_seeded_works(query: &Query) -> bool {
    match query {
        Query::Term { field, .. } => matches!(Field::named(field.as_deref()), Field::Text),
        _ => false,
    }
}

enum Field {
    Isbn,
    Key,
    Title,
    /// The name in the author's own script, and no other.
    Author,
    OtherName,
    Subject,
    Publisher,
    Language,
    Year,
    Text,
}

impl Field {
    fn named(name: Option<&str>) -> Self {
        match name {
            Some("isbn") => Self::Isbn,
            Some("key" | "edition_key") => Self::Key,
            Some("title" | "alternative_title" | "work_title") => Self::Title,
            Some("author" | "authors" | "author_name" | "by") => Self::Author,
            Some("author_alternative_name") => Self::OtherName,
            Some("subject") => Self::Subject,
            Some("publisher" | "publishers") => Self::Publisher,
            Some("language") => Self::Language,
            Some("first_publish_year") => Self::Year,
            // Open Library searches the words of a field that it does not have.
            _ => Self::Text,
        }
    }
}

fn matches(query: &Query, work: &Work, index: &Words) -> bool {
    let (field, text) = match query {
        Query::Any(branches) => return branches.iter().any(|q| matches(q, work, index)),
        Query::All(clauses) => return clauses.iter().all(|q| matches(q, work, index)),
        Query::Not(clause) => return !matches(clause, work, index),
        Query::Term { field, text } => (field.as_deref(), text),
    };
    let any_of = |texts: &[Vec<Place>]| texts.iter().any(|places| contains(places, text));
    match Field::named(field) {
        Field::Isbn => work.edition_with(text).is_some(),
        Field::Key => {
            let key = text.rsplit('/').next().unwrap_or(text);
            work.key == key || work.editions.iter().any(|edition| edition.key == key)
        }
        Field::Title => any_of(&index.titles),
        Field::Author => any_of(&index.authors),
        Field::OtherName => any_of(&index.other_names),
        Field::Subject => work.subjects.iter().any(|s| contains(&places(s), text)),
        Field::Publisher => {
            let mut publishers = work.editions.iter().map(|e| places(&e.publisher));
            publishers.any(|publisher| contains(&publisher, text))
        }
        Field::Language => work.editions.iter().any(|e| e.language == text),
        Field::Year => (work.first_publish_year).is_some_and(|year| text.parse() == Ok(year)),
        Field::Text => {
            any_of(&index.titles)
                || any_of(&index.authors)
                || any_of(&index.others)
                || work.edition_with(text).is_some()
        }
    }
}

/// Number of the alternatives of a query that a work answers.
fn score(query: &Query, work: &Work, index: &Words) -> usize {
    match query {
        Query::Any(branches) => branches.iter().map(|q| score(q, work, index)).sum(),
        query => usize::from(matches(query, work, index)),
    }
}

/// One place of a text: a word, or nothing where a lone sign like "&" was.
type Place = Option<String>;

fn places(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for part in text.split_whitespace() {
        let before = places.len();
        places.extend(words(part).into_iter().map(Some));
        if places.len() == before {
            places.push(None);
        }
    }
    places
}

/// Whether a text contains a phrase, as Solr matches it: the words in this order and at these
/// distances. A hole where a lone sign was matches any word.
fn contains(text: &[Place], wanted: &str) -> bool {
    let wanted = places(wanted);
    let is_word = |place: &Place| place.is_some();
    let Some(first) = wanted.iter().position(is_word) else {
        return false;
    };
    let last = wanted.iter().rposition(is_word).unwrap_or(first);
    let wanted = &wanted[first..=last];
    let fits = |(there, wanted): (&Place, &Place)| match (there, wanted) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(there), Some(wanted)) => spellings(wanted).contains(there),
    };
    text.windows(wanted.len())
        .any(|window| window.iter().zip(wanted).all(fits))
}

/// The spellings of a query's word: Open Library's synonyms, which its index does not know.
fn spellings(word: &str) -> Vec<String> {
    const SYNONYMS: [&[&str]; 11] = [
        &["volume", "vol"],
        &["1", "one", "i"],
        &["2", "two", "ii"],
        &["3", "three", "iii"],
        &["4", "four", "iv"],
        &["5", "five", "v"],
        &["6", "six", "vi"],
        &["7", "seven", "vii"],
        &["8", "eight", "viii"],
        &["9", "nine", "ix"],
        &["10", "ten", "x"],
    ];
    let group = SYNONYMS.iter().find(|group| group.contains(&word));
    match group {
        Some(group) => group.iter().map(|word| (*word).to_owned()).collect(),
        None => vec![word.to_owned()],
    }
}

/// Words as a search engine indexes them: lower case, without accents, cut at anything that is no
/// letter or digit, except apostrophes, which leave no trace (`Cat’s` is `cats`).
pub(crate) fn words(text: &str) -> Vec<String> {
    text.nfd()
        .filter(|c| !is_combining_mark(*c) && !matches!(c, '\'' | '\u{2018}' | '\u{2019}'))
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A hash that depends on the bytes alone: not on the process, platform or release. FNV-1a with a
/// final mix, because its low bits alone are weak.
pub(crate) fn stable_hash<T: AsRef<[u8]>>(parts: &[T]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.as_ref().iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

const _: () = assert!(GENERATED.checked_add(GENERATED_WORKS).is_some());
