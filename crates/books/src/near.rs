//! Records that are not a wanted book as far as can be told, and that a person may take for it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Record;
use crate::matching::{Candidate, Candidates, Sought, agreement, share_an_author};
use crate::title::Title;

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
    /// book. Most records of an answer are of other books, and names tell that sooner than words of
    /// titles.
    fn of(sought: &Sought, candidate: &Candidate) -> Option<Self> {
        let (title, titles) = (sought.title(), candidate.titles());
        let is_anonymous = sought.is_anonymous();
        let has_number =
            || (sought.isbn).is_some_and(|isbn| candidate.record.edition.isbns.contains(&isbn));
        let has_author = || !is_anonymous && sought.is_by_author_of(candidate);
        if agreement(title, titles).is_some() {
            return Some(match () {
                () if is_anonymous || has_author() => Self::Unsure,
                () if has_number() => Self::OtherBookOfNumber,
                () => Self::OtherAuthor,
            });
        }
        if has_number() {
            return Some(Self::OtherBookOfNumber);
        }
        let edition = titles.edition.as_ref();
        let shares_a_word = || {
            title.shares_a_word(&titles.work) == Some(true)
                || edition.is_some_and(|other| title.shares_a_word(other) == Some(true))
        };
        (has_author() && shares_a_word()).then_some(Self::OtherTitle)
    }
}

impl Candidates {
    /// The records that a person may take for the wanted book.
    pub(crate) fn near(
        &self,
        sought: &Sought,
    ) -> impl Iterator<Item = (NearReason, Cow<'_, Record>)> {
        self.iter().filter_map(move |candidate| {
            let reason = NearReason::of(sought, candidate)?;
            Some((reason, Cow::Borrowed(&candidate.record)))
        })
    }
}

/// Adds to the list what is likelier than its last, each work once.
pub(crate) fn merge<'a>(
    list: &mut Vec<Near>,
    more: impl Iterator<Item = (NearReason, Cow<'a, Record>)>,
) {
    let known = std::mem::take(list).into_iter();
    let mut all: Vec<(NearReason, Cow<'a, Record>)> = known
        .map(|near| (near.reason, Cow::Owned(near.record)))
        .collect();
    for (reason, record) in more {
        if !all.iter().any(|(_, known)| is_same(known, &record)) {
            // Behind its equals: what the provider thought best stays first among them.
            let place = all.partition_point(|(known, _)| *known <= reason);
            all.insert(place, (reason, record));
        }
    }
    all.truncate(MAX_NEAR);
    list.extend(all.into_iter().map(|(reason, record)| Near {
        record: record.into_owned(),
        reason,
    }));
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
    use crate::{Author, Edition, Isbn, Provider, Wanted, Work};

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
        merge(&mut near, answer.near(&wanted.into()));
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
