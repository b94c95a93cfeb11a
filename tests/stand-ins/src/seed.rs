//! The seeded works: the sample library, the books of the sample shelf, and beside them what makes
//! real search results hard, books that are almost the one that was asked for.
//!
//! Title, author, publisher, year, pages, binding and ISBN are the sample's. All else is derived
//! from title and author and says that it is a sandbox's.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use isbn3::{Isbn10, Isbn13};
use serde::Deserialize;

use crate::catalogue::{Author, Edition, Work, stable_hash, words};

const LIBRARY: &str = include_str!("../../data/goodreads_library_export.csv");
const SHELF: &str = include_str!("../../data/bookshelf-13.json");

/// The description of every work, which nobody takes for a publisher's.
pub(crate) const DESCRIPTION: &str =
    "Sandbox description: this record comes from a local stand-in, not from a provider.";

/// Prefix of derived ISBNs: group 67 is not assigned, so none is a real book's.
const ISBN_PREFIX: &str = "97867";

/// Number of editions of the most popular works.
const MOST_POPULAR: u32 = 60;

const SUBJECTS: [&str; 8] = [
    "Sandbox fiction",
    "Sandbox history",
    "Sandbox biography",
    "Sandbox mystery",
    "Sandbox science",
    "Sandbox fantasy",
    "Sandbox classics",
    "Sandbox essays",
];
const PUBLISHERS: [&str; 4] = [
    "Sandbox House",
    "Stand-In Press",
    "Loopback Books",
    "Placeholder Editions",
];

/// A book of a list that names title and author, as the sample shelf's does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NamedBook {
    /// The title, without a subtitle.
    pub title: String,
    /// The author's name.
    pub author: String,
}

impl NamedBook {
    /// Whether a work is this book, however its author's first names are spelled.
    fn is(&self, work: &Work) -> bool {
        let main = |title: &str| words(title.split(": ").next().unwrap_or_default());
        let last = |name: &str| words(name).pop();
        main(&self.title) == main(&work.title)
            && (work.authors.iter()).any(|author| last(&author.name) == last(&self.author))
    }
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "Book Id")]
    id: String,
    #[serde(rename = "Title")]
    title: String,
    #[serde(rename = "Author")]
    author: String,
    #[serde(rename = "ISBN")]
    isbn10: String,
    #[serde(rename = "ISBN13")]
    isbn13: String,
    #[serde(rename = "Publisher")]
    publisher: String,
    #[serde(rename = "Binding")]
    binding: String,
    #[serde(rename = "Number of Pages")]
    pages: Option<u32>,
    #[serde(rename = "Year Published")]
    year: Option<i32>,
    #[serde(rename = "Original Publication Year")]
    original_year: Option<i32>,
}

/// The books on the sample shelf, in the order of the sample file.
pub(crate) fn shelf() -> anyhow::Result<Vec<NamedBook>> {
    serde_json::from_str(SHELF).context("the sample shelf's book list")
}

/// The books of the sample library as their spines name them.
pub(crate) fn library_spines() -> anyhow::Result<Vec<NamedBook>> {
    let mut spines = Vec::new();
    for row in csv::Reader::from_reader(LIBRARY.as_bytes()).deserialize() {
        let Row { title, author, .. } = row.context("the sample library")?;
        let title = without_series(&title);
        spines.push(NamedBook {
            title: title
                .split_once(": ")
                .map_or(title, |(main, _)| main)
                .to_owned(),
            author: author.split_whitespace().collect::<Vec<_>>().join(" "),
        });
    }
    Ok(spines)
}

/// Every seeded work. `more` are added to Open Library's, the most popular first; `unlisted` are
/// taken out of them.
pub(crate) fn works(more: &[NamedBook], unlisted: &[NamedBook]) -> anyhow::Result<Vec<Work>> {
    let mut seed = Seed::default();
    for row in csv::Reader::from_reader(LIBRARY.as_bytes()).deserialize() {
        seed.add_row(row.context("the sample library")?);
    }
    seed.works.extend(crate::invented::works());
    for spine in shelf()? {
        let at = seed.work(&spine.title, &spine.author);
        if seed.works[at].editions.is_empty() {
            seed.derive_editions(at);
        }
        seed.works[at].in_open_library = true;
        seed.add_near_misses(at, u64::MAX);
    }
    for (n, NamedBook { title, author }) in more.iter().enumerate() {
        let known = seed.works.len();
        let at = seed.work(title, author);
        if at == known {
            seed.derive_editions(at);
            seed.works[at].popularity =
                MOST_POPULAR - (n * MOST_POPULAR as usize / more.len()) as u32;
        }
        seed.works[at].in_open_library = true;
    }
    for work in &mut seed.works {
        work.in_open_library &= !unlisted.iter().any(|book| book.is(work));
    }
    Ok(seed.works)
}

#[derive(Default)]
struct Seed {
    works: Vec<Work>,
    by_name: HashMap<Vec<String>, usize>,
    numbers: HashSet<u64>,
}

impl Seed {
    fn add_row(&mut self, row: Row) {
        let known = self.works.len();
        let at = self.work(without_series(&row.title), &row.author);
        let hash = stable_hash(&[&row.title, &row.author]);
        let digits = |field: &str| field.trim_matches(['=', '"']).to_owned();
        let isbns = match (digits(&row.isbn13), digits(&row.isbn10)) {
            // Some printings no catalogue has: the work is found by its title only.
            _ if hash.is_multiple_of(33) => Vec::new(),
            (isbn13, _) if isbn13.len() == 13 => isbns(&isbn13[..12]),
            (_, isbn10) if isbn10.len() == 10 => isbns(&format!("978{}", &isbn10[..9])),
            _ => self.new_isbns(hash),
        };
        let edition = Edition {
            key: format!("OL{}M", self.number(hash)),
            title: None,
            isbns,
            publisher: if row.publisher.is_empty() {
                PUBLISHERS[0].to_owned()
            } else {
                row.publisher
            },
            publish_date: row.year.map(|year| year.to_string()).unwrap_or_default(),
            pages: row.pages,
            language: "eng",
            cover: cover(hash),
            format: if row.binding == "Hardcover" {
                "Hardcover"
            } else {
                "Paperback"
            },
        };
        let work = &mut self.works[at];
        work.editions.push(edition);
        work.first_publish_year = work.first_publish_year.or(row.original_year).or(row.year);
        work.goodreads_id.get_or_insert(row.id);
        if at == known {
            self.derive_editions(at);
            if hash.is_multiple_of(6) {
                self.add_near_misses(at, hash / 6);
            }
        }
    }

    /// The work of this title and author, made when it is new.
    fn work(&mut self, title: &str, author: &str) -> usize {
        let (main, subtitle) = match title.split_once(": ") {
            Some((main, subtitle)) => (main, Some(subtitle)),
            None => (title, None),
        };
        let mut name = words(main);
        name.extend(words(author));
        if let Some(&at) = self.by_name.get(&name) {
            return at;
        }
        let at = self.push(main, subtitle, &[author]);
        self.by_name.insert(name, at);
        at
    }

    fn push(&mut self, title: &str, subtitle: Option<&str>, authors: &[&str]) -> usize {
        let hash = stable_hash(&[title, subtitle.unwrap_or_default(), authors[0]]);
        let coverage = hash % 100;
        // Catalogues do not agree on where a title ends.
        let (title, subtitle) = match subtitle {
            Some(subtitle) if hash & 0x100 == 0 => (format!("{title}: {subtitle}"), None),
            subtitle => (title.to_owned(), subtitle.map(str::to_owned)),
        };
        let key = self.number(hash);
        self.works.push(Work {
            key: format!("OL{key}W"),
            volume: volume(hash),
            title,
            subtitle,
            authors: authors.iter().map(|name| author(name)).collect(),
            first_publish_year: None,
            subjects: subjects(hash),
            description: DESCRIPTION.to_owned(),
            goodreads_id: None,
            editions: Vec::new(),
            popularity: 1 + (hash >> 32) as u32 % MOST_POPULAR,
            in_open_library: coverage >= 6,
            in_google_books: (2..85).contains(&coverage),
        });
        self.works.len() - 1
    }

    /// Gives a work up to three editions in all.
    fn derive_editions(&mut self, at: usize) {
        let hash = stable_hash(&[&self.works[at].key]);
        let has = self.works[at].editions.len();
        let wanted = (1 + hash as usize % 3).max(has);
        let year = self.works[at].first_publish_year.unwrap_or(2000) as i64;
        for n in has as u64..wanted as u64 {
            let hash = stable_hash(&[&self.works[at].key, &n.to_string()]);
            let year = (year + (hash % 9) as i64).min(2025);
            let publish_date = match hash % 4 {
                0 => format!("May {}, {year}", 1 + hash % 28),
                1 => format!("{year}-0{}-1{}", 1 + hash % 9, hash % 10),
                2 => format!("October {year}"),
                _ => year.to_string(),
            };
            let edition = Edition {
                key: format!("OL{}M", self.number(hash)),
                title: None,
                isbns: self.new_isbns(hash),
                publisher: PUBLISHERS[hash as usize % PUBLISHERS.len()].to_owned(),
                publish_date,
                pages: (!hash.is_multiple_of(10)).then_some(150 + (hash >> 8) as u32 % 500),
                language: if n == 2 { "spa" } else { "eng" },
                cover: cover(hash),
                format: "Paperback",
            };
            self.works[at].editions.push(edition);
        }
    }

    /// Adds the books that a search for this one finds too and that are not it; bit n of `which`
    /// chooses the n-th kind.
    fn add_near_misses(&mut self, at: usize, which: u64) {
        let work = &self.works[at];
        let title = match work.title.split_once(": ") {
            Some((title, _)) => title.to_owned(),
            None => work.title.clone(),
        };
        let author = work.authors[0].name.clone();
        let namesake = "Marjorie Sandbox-Greene";
        let kinds: [(String, Option<&str>, &[&str]); 6] = [
            (
                format!("{title} Study Guide"),
                None,
                &[&author, "Sandbox Notes"],
            ),
            (
                format!("Summary of {title} by {author}"),
                None,
                &["Sandbox Notes"],
            ),
            (
                title.clone(),
                Some("Summary and Analysis"),
                &["Sandbox Notes"],
            ),
            (format!("{title} 3 Books Collection Set"), None, &[&author]),
            (format!("{title} 2"), None, &[&author]),
            (title.clone(), None, &[namesake]),
        ];
        for (n, (title, subtitle, authors)) in kinds.into_iter().enumerate() {
            if which >> n & 1 == 1 {
                let at = self.push(&title, subtitle, authors);
                self.works[at].in_open_library = true;
                self.works[at].first_publish_year = Some(2010 + n as i32);
                self.derive_editions(at);
            }
        }
    }

    /// A catalogue number that nothing else has.
    fn number(&mut self, hash: u64) -> u64 {
        let mut number = 100_000 + hash % 50_000_000;
        while !self.numbers.insert(number) {
            number += 1;
        }
        number
    }

    fn new_isbns(&mut self, hash: u64) -> Vec<String> {
        let number = self.number(hash) % 10_000_000;
        isbns(&format!("{ISBN_PREFIX}{number:07}"))
    }
}

/// The ISBN-13 and, where there is one, the ISBN-10 that begin with these twelve digits; nothing
/// when they are no twelve digits.
pub(crate) fn isbns(body: &str) -> Vec<String> {
    let mut digits = [0; 13];
    if body.len() != 12 || !body.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    for (digit, byte) in digits.iter_mut().zip(body.bytes()) {
        *digit = byte - b'0';
    }
    let isbn13 = (0..10).find_map(|check| {
        digits[12] = check;
        Isbn13::new(digits).ok()
    });
    let Some(isbn13) = isbn13 else {
        return Vec::new();
    };
    let mut isbns = vec![isbn13.to_string()];
    isbns.extend(
        Isbn10::try_from(isbn13)
            .ok()
            .map(|isbn10| isbn10.to_string()),
    );
    isbns
}

/// Two subjects, chosen by a hash.
pub(crate) fn subjects(hash: u64) -> Vec<String> {
    let first = hash as usize % SUBJECTS.len();
    let second = (first + 1 + (hash >> 8) as usize % (SUBJECTS.len() - 1)) % SUBJECTS.len();
    [first, second].map(|n| SUBJECTS[n].to_owned()).to_vec()
}

fn author(name: &str) -> Author {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let hash = stable_hash(&words(&name).iter().map(String::as_str).collect::<Vec<_>>());
    // Catalogues do not agree on how initials are spaced.
    let name = if hash.is_multiple_of(2) {
        spaced_initials(&name)
    } else {
        name
    };
    Author {
        key: format!("OL{}A", 100_000 + hash % 50_000_000),
        name,
        other_names: Vec::new(),
    }
}

fn spaced_initials(name: &str) -> String {
    let mut spaced = String::new();
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        spaced.push(c);
        if c == '.' && chars.peek().is_some_and(|next| next.is_alphabetic()) {
            spaced.push(' ');
        }
    }
    spaced
}

/// A title without its series, which Goodreads writes behind it: `The Poppy War (The Poppy War,
/// #1)`.
fn without_series(title: &str) -> &str {
    match title.rsplit_once(" (") {
        Some((title, series)) if series.contains('#') => title,
        _ => title,
    }
}

fn cover(hash: u64) -> Option<u32> {
    (!hash.is_multiple_of(12)).then_some(1 + (hash >> 16) as u32 % 14_000_000)
}

/// A volume id in Google's form: twelve letters and digits.
fn volume(hash: u64) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";
    (0..12)
        .map(|n| char::from(ALPHABET[(hash >> (5 * n)) as usize & 31]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_isbn_names_one_thing() {
        let works = works(&[], &[]).unwrap();
        let mut seen = HashSet::new();
        // The invented set has its volumes' ISBNs.
        let sets = crate::invented::works();
        let is_single = |work: &&Work| sets.iter().all(|set| set.key != work.key);
        for work in works.iter().filter(is_single) {
            assert!(seen.insert(work.key.clone()), "{}", work.key);
            assert!(seen.insert(work.volume.clone()), "{}", work.volume);
            assert!(!work.editions.is_empty(), "{}", work.title);
            for edition in &work.editions {
                assert!(seen.insert(edition.key.clone()), "{}", edition.key);
                for isbn in &edition.isbns {
                    assert!(isbn.parse::<isbn3::Isbn>().is_ok(), "{isbn}");
                    assert!(seen.insert(isbn.clone()), "{isbn}");
                }
            }
        }
        let mut authors = HashMap::new();
        for author in works.iter().flat_map(|work| &work.authors) {
            let known = authors
                .entry(author.key.clone())
                .or_insert(words(&author.name));
            assert_eq!(*known, words(&author.name));
        }
    }

    #[test]
    fn coverage_is_as_the_documentation_says() {
        let works = works(&[], &[]).unwrap();
        let share = |known: fn(&Work) -> bool| {
            let sample = works.iter().filter(|work| work.goodreads_id.is_some());
            let (all, known) =
                sample.fold((0, 0), |(all, n), w| (all + 1, n + usize::from(known(w))));
            known as f64 / all as f64
        };
        assert!((0.02..0.06).contains(&share(|w| !w.in_open_library && w.in_google_books)));
        assert!((0.01..0.035).contains(&share(|w| !w.in_open_library && !w.in_google_books)));
    }
    #[test]
    fn a_book_is_listed_or_not_as_it_is_wanted() {
        let named = |title: &str, author: &str| NamedBook {
            title: title.to_owned(),
            author: author.to_owned(),
        };
        let more = [named("Of Two Winters", "Ida Lund")];
        let listed = |more: &[NamedBook], unlisted: &[NamedBook], book: &NamedBook| {
            let works = works(more, unlisted).unwrap();
            (works.iter()).any(|work| work.in_open_library && book.is(work))
        };
        assert!(!listed(&[], &[], &more[0]));
        assert!(listed(&more, &[], &more[0]));
        let sample = named("The Luminaries", "E. Catton");
        assert!(listed(&more, &[], &sample));
        assert!(!listed(&more, std::slice::from_ref(&sample), &sample));
    }
}
