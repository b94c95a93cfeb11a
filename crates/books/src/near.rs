//! Records that are not a wanted book as far as can be told, and that a person may take for it.

use serde::{Deserialize, Serialize};

use crate::matching::{Candidates, Titles, agreement, same_author, share_an_author};
use crate::name::is_nobody;
use crate::title::Title;
use crate::{Record, Wanted};

/// Number of records that a person may choose from.
pub(crate) const MAX_NEAR: usize = 3;

/// A record that was not taken for the wanted book, and may be it all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// The provider's record.
    pub record: Record,
    /// The reason why the record was not taken.
    pub reason: NearReason,
}

/// The reason why a record was not taken. The likeliest come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NearReason {
    /// The record has the wanted number, and another title or author.
    OtherBookOfNumber,
    /// Title and author agree, but others do as well, or they tell too little.
    Unsure,
    /// The record has the wanted title, and is by another author.
    OtherAuthor,
    /// The record is by the wanted author, and shares some of the title.
    OtherTitle,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

impl Near {
    /// Whether this record and the other are of one work, or say the same.
    #[must_use]
    pub fn is_same_as(&self, other: &Record) -> bool {
        is_same(&self.record, other)
    }
}

impl NearReason {
    /// The reason why this record was not taken; `None` when it has too little in common with the
    /// book.
    fn of(wanted: &Wanted, title: &Title, record: &Record, titles: &Titles) -> Option<Self> {
        let has_number = (wanted.isbn).is_some_and(|isbn| record.edition.isbns.contains(&isbn));
        let is_anonymous = is_nobody(&wanted.author);
        let has_author = !is_anonymous && same_author(wanted, record);
        let has_title = agreement(title, titles).is_some();
        match (has_number, has_title, has_author) {
            (_, true, true) => Some(Self::Unsure),
            (_, true, false) if is_anonymous => Some(Self::Unsure),
            (true, ..) => Some(Self::OtherBookOfNumber),
            (_, true, false) => Some(Self::OtherAuthor),
            (_, false, true) => {
                let edition = titles.edition.as_ref();
                let shares = title.shares_a_word(&titles.work) == Some(true)
                    || edition.is_some_and(|other| title.shares_a_word(other) == Some(true));
                shares.then_some(Self::OtherTitle)
            }
            (false, false, false) => None,
        }
    }
}

impl Candidates {
    /// The records that a person may take for the wanted book.
    pub(crate) fn near(&self, wanted: &Wanted) -> impl Iterator<Item = Near> {
        let title = Title::wanted(wanted);
        self.records().filter_map(move |(record, titles)| {
            let reason = NearReason::of(wanted, &title, record, titles)?;
            Some(Near {
                record: record.clone(),
                reason,
            })
        })
    }
}

/// Adds to the list what is likelier than its last, each work once.
pub(crate) fn merge(list: &mut Vec<Near>, more: impl Iterator<Item = Near>) {
    for near in more {
        if !list
            .iter()
            .any(|known| is_same(&known.record, &near.record))
        {
            list.push(near);
        }
    }
    // Stable: what the provider thought best stays first among equals.
    list.sort_by_key(|near| near.reason);
    list.truncate(MAX_NEAR);
}

/// Whether two records are of one work. Where one provider has no number of the work, they are if
/// title and author are the same, however they are spelled. (A box set claims its volumes' ISBNs.)
pub(crate) fn is_same(a: &Record, b: &Record) -> bool {
    if let (Some(a), Some(b)) = (&a.work.open_library_id, &b.work.open_library_id) {
        return a == b;
    }
    let key =
        |record: &Record| Title::new(&record.work.title, record.work.subtitle.as_deref()).key();
    let has_no_author = a.authors.is_empty() && b.authors.is_empty();
    key(a) == key(b) && (has_no_author || share_an_author(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Author, Edition, Isbn, Provider, Work};

    fn record(work: &str, title: &str, author: &str) -> Record {
        Record {
            provider: Provider::OpenLibrary,
            work: Work {
                title: title.into(),
                open_library_id: Some(work.into()),
                ..Work::default()
            },
            edition: Edition::default(),
            authors: vec![Author {
                name: author.into(),
                open_library_id: None,
            }],
            aliases: Vec::new(),
            matched: None,
        }
    }

    #[test]
    fn one_book_of_two_providers_is_one_candidate() {
        let ours = record("OL1W", "The Left Hand of Darkness", "Ursula K. Le Guin");
        let theirs = |title: &str, author: &str| {
            let mut theirs = record("", title, author);
            theirs.provider = Provider::GoogleBooks;
            theirs.work.open_library_id = None;
            theirs
        };
        assert!(is_same(
            &ours,
            &theirs("Left hand of darkness", "Ursula K. LeGuin")
        ));
        assert!(is_same(
            &theirs("left hand of darkness, the", "U. K. Le Guin"),
            &ours
        ));
        assert!(!is_same(
            &ours,
            &theirs("The Left Hand of Darkness", "SparkNotes")
        ));
        assert!(!is_same(
            &ours,
            &theirs("The Dispossessed", "Ursula K. Le Guin")
        ));
        let other_work = record("OL2W", "The Left Hand of Darkness", "Ursula K. Le Guin");
        assert!(!is_same(&ours, &other_work));
    }

    #[test]
    fn the_likeliest_come_first_and_each_says_why_it_was_not_taken() {
        let isbn = Isbn::parse("9780525540670").unwrap();
        let wanted = Wanted {
            title: "Dune".into(),
            author: "Frank Herbert".into(),
            isbn: Some(isbn),
            ..Wanted::default()
        };
        let mut numbered = record("OL1W", "Knitting for Beginners", "Ann Budd");
        numbered.edition.isbns = vec![isbn];
        let answer = Candidates::new(vec![
            record("OL2W", "Dune Messiah", "Frank Herbert"),
            record("OL3W", "Dune", "SparkNotes"),
            record("OL3W", "Dune", "SparkNotes"),
            record("OL4W", "Emma", "Jane Austen"),
            record("OL5W", "Children of Dune", "Frank Herbert"),
            numbered,
        ]);
        let mut near = Vec::new();
        merge(&mut near, answer.near(&wanted));
        let short: Vec<_> = near
            .iter()
            .map(|near| (near.record.work.title.as_str(), near.reason))
            .collect();
        assert_eq!(
            short,
            [
                ("Knitting for Beginners", NearReason::OtherBookOfNumber),
                ("Dune", NearReason::OtherAuthor),
                ("Dune Messiah", NearReason::OtherTitle),
            ]
        );
    }
}
