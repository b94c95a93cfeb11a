//! Which books are the same.

use crate::name::{is_nobody, same_person, split_names};
use crate::text::words;
use crate::title::{Agreement, Title, is_other_book};
use crate::{Edition, Isbn, Record, Wanted};

/// What makes two rows of a library the same book: one equal key is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookKeys {
    /// The same edition.
    pub isbn: Option<Isbn>,
    /// Normalised title (with subtitle) and author; `None` without a title.
    pub title_author: Option<String>,
}

/// The keys by which a book is recognised as one that was there before.
///
/// Title and author alone make it the same book even when both have an ISBN and these differ:
/// the hardcover and the audiobook of one work count as one book, as readers count.
pub fn same_book_key(wanted: &Wanted) -> BookKeys {
    let title = Title::new(&wanted.title, None).key();
    let author = split_names(&wanted.author)
        .first()
        .map(|name| words(name).join(" "))
        .unwrap_or_default();
    BookKeys {
        isbn: wanted.isbn,
        title_author: (!title.is_empty()).then(|| format!("{title}\n{author}")),
    }
}

/// The records of an answer, made ready for comparison.
pub(crate) struct Candidates {
    records: Vec<(Record, Titles)>,
}

struct Titles {
    work: Title,
    edition: Option<Title>,
}

impl Candidates {
    pub(crate) fn new(records: Vec<Record>) -> Self {
        let titled = |record: Record| {
            let work = Title::new(&record.work.title, record.work.subtitle.as_deref());
            let edition = record
                .edition
                .title
                .as_deref()
                .map(|title| Title::new(title, record.edition.subtitle.as_deref()));
            (record, Titles { work, edition })
        };
        Self {
            records: records.into_iter().map(titled).collect(),
        }
    }

    /// The record of the edition with the wanted ISBN; its title does not matter.
    pub(crate) fn by_isbn(&self, isbn: Isbn) -> Option<Record> {
        let (record, _) = self
            .records
            .iter()
            .find(|(record, _)| record.edition.isbns.contains(&isbn))?;
        let mut record = record.clone();
        record.edition.isbns.retain(|other| *other != isbn);
        record.edition.isbns.insert(0, isbn);
        Some(record)
    }

    /// The record of the work with this Open Library key.
    pub(crate) fn by_work_id(&self, id: &str) -> Option<Record> {
        self.records
            .iter()
            .map(|(record, _)| record)
            .find(|record| record.work.open_library_id.as_deref() == Some(id))
            .cloned()
    }

    /// The record whose title and author both agree with what is wanted.
    ///
    /// An exact title goes before one whose subtitle differs. Of several works that agree only
    /// but for different subtitles none is taken. Without an author the title must be exact and
    /// say enough, and all records with that title must be one author's.
    pub(crate) fn by_title(&self, wanted: &Wanted) -> Option<Record> {
        let title = Title::new(&wanted.title, None);
        let mut agreeing: Vec<(Agreement, &Record, &Titles)> = self
            .records
            .iter()
            .filter_map(|(record, titles)| Some((agreement(&title, titles)?, record, titles)))
            .filter(|(_, record, _)| is_nobody(&wanted.author) || same_author(wanted, record))
            .collect();
        // Stable: what the provider thought best stays first among equals.
        agreeing.sort_by_key(|(agreement, ..)| *agreement != Agreement::Exact);
        let (best, record, titles) = agreeing.first()?;
        if is_nobody(&wanted.author) {
            let exact = || agreeing.iter().filter(|(a, ..)| *a == Agreement::Exact);
            if *best != Agreement::Exact
                || !title.is_distinctive()
                || exact().any(|(_, other, _)| !share_an_author(record, other))
            {
                return None;
            }
        } else if let Agreement::Partial(left_out) = best
            && agreeing.iter().any(|(other, ..)| match other {
                Agreement::Exact => false,
                Agreement::Partial(other) => {
                    !other.starts_with(left_out) && !left_out.starts_with(other)
                }
            })
        {
            return None;
        }
        Some(with_edition_for(wanted, &title, record, titles))
    }
}

fn agreement(wanted: &Title, titles: &Titles) -> Option<Agreement> {
    let by_work = wanted.agrees(&titles.work);
    // A translation has its own title; the work has the original's.
    let by_edition = (titles.edition.as_ref()).and_then(|edition| wanted.agrees(edition));
    match (by_work, by_edition) {
        (Some(Agreement::Exact), _) => Some(Agreement::Exact),
        (by_work, None) => by_work,
        (by_work, Some(_)) if is_other_book(&titles.work, wanted) => by_work,
        (None, by_edition) => by_edition,
        (Some(a), Some(b)) => Some(a.min(b)),
    }
}

/// Details of an edition are kept only when it is the wanted one, or when none was asked for and
/// its title is the wanted title.
fn with_edition_for(wanted: &Wanted, title: &Title, record: &Record, titles: &Titles) -> Record {
    let mut record = record.clone();
    let fits = match wanted.isbn {
        Some(isbn) => record.edition.isbns.contains(&isbn),
        None => titles
            .edition
            .as_ref()
            .is_some_and(|edition| title.agrees(edition).is_some()),
    };
    if !fits {
        record.edition = Edition {
            isbns: wanted.isbn.into_iter().collect(),
            title: Some(record.work.title.clone()),
            subtitle: record.work.subtitle.clone(),
            ..Edition::default()
        };
    } else if let Some(isbn) = wanted.isbn {
        record.edition.isbns.retain(|other| *other != isbn);
        record.edition.isbns.insert(0, isbn);
    }
    record
}

fn same_author(wanted: &Wanted, record: &Record) -> bool {
    let mut names = split_names(&wanted.author);
    names.push(wanted.author.clone());
    record
        .authors
        .iter()
        .any(|author| names.iter().any(|name| same_person(name, &author.name)))
}

fn share_an_author(a: &Record, b: &Record) -> bool {
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
            .by_title(&wanted(title, author))
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
    fn without_an_author_only_an_exact_telling_title_of_one_author_counts() {
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
            .by_title(&wanted("Sophie\u{2019}s World", "Jostein Gaarder"))
            .unwrap();
        assert_eq!(found.edition.publisher.as_deref(), Some("Orion"));
        let found = candidates
            .by_title(&wanted("Sofies verden", "Jostein Gaarder"))
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
        let found = candidates.by_title(&wanted).unwrap();
        assert_eq!(found.edition.isbns, [isbn]);
        assert_eq!(found.edition.publisher, None);
        wanted.isbn = Some(other);
        let found = candidates.by_title(&wanted).unwrap();
        assert_eq!(found.edition.publisher.as_deref(), Some("Ace"));
        assert_eq!(candidates.by_isbn(isbn), None);
        assert!(candidates.by_isbn(other).is_some());
    }

    #[test]
    fn a_box_set_is_not_the_book_that_its_edition_is_named_after() {
        let mut set = record("Dune Collection", &["Frank Herbert"]);
        set.edition.title = Some("Dune".into());
        assert_eq!(found("Dune", "Frank Herbert", vec![set]), None);
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
