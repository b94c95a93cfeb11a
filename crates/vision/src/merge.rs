//! Merging all detections on all photos into one list of books.

use books::{BookKeys, Wanted, seen_book_key};

use crate::detection::Detection;

/// Share of a barcode that must lie in a book's box to belong to it: boxes of models are not exact.
const INSIDE: f32 = 0.8;

/// Part of the photo from which on a box tells nothing about the place of the book.
const EVERYWHERE: f32 = 0.95;

/// Merges the detections by barcodes and vision models. `photos[i]` has those on photo `i`, and
/// that number is written into [`Detection::photo`].
///
/// Two detections are one book when they have the same ISBN, or the same title and author as
/// [`books::seen_book_key`] sees them; an author that could not be read agrees with any, as long
/// as only one book of that title is there. The detection with the better confidence wins and
/// keeps its box; what it lacks it takes from the other. A barcode belongs to a book that a model
/// has found when it lies in that book's box on the same photo, the box is no guess at the whole
/// photo, no other book's box and no other barcode is in question, and no other ISBN was read on
/// the book; otherwise it stays a book of its own. Books are in the order in which they were
/// first seen.
pub fn merge(photos: Vec<Vec<Detection>>) -> Vec<Detection> {
    let mut books: Vec<Book> = Vec::new();
    for (number, mut photo) in photos.into_iter().enumerate() {
        assign_isbns(&mut photo);
        for mut detection in photo {
            detection.photo = number as u32;
            add(&mut books, Book::new(detection));
        }
    }
    // Only when all is known it is clear whether a title without author is ambiguous.
    let (known, anonymous): (Vec<Book>, Vec<Book>) =
        books.into_iter().partition(|book| !book.is_anonymous());
    let mut books = known;
    for book in anonymous {
        let same_title = |other: &Book| !other.is_anonymous() && other.title == book.title;
        let mut matching = (0..books.len()).filter(|i| same_title(&books[*i]));
        match (matching.next(), matching.next()) {
            (Some(only), None) if books[only].agrees_on_isbn(&book) => books[only].merge_with(book),
            _ => books.push(book),
        }
    }
    let mut in_order: Vec<Book> = Vec::with_capacity(books.len());
    for book in books {
        let place = in_order.partition_point(|known| known.first_seen <= book.first_seen);
        in_order.insert(place, book);
    }
    in_order.into_iter().map(|book| book.detection).collect()
}

/// The detections that are none of the `known` books, in the sense of [`merge`].
pub fn without(detections: Vec<Detection>, known: Vec<Detection>) -> Vec<Detection> {
    let known: Vec<Book> = known.into_iter().map(Book::new).collect();
    let is_known = |new: &Book| {
        let same_title = |old: &Book| {
            (old.is_anonymous() || new.is_anonymous())
                && old.title.is_some()
                && old.title == new.title
                && old.agrees_on_isbn(new)
        };
        known.iter().any(|old| old.is(new) || same_title(old))
    };
    let new = detections.into_iter().map(Book::new);
    new.filter(|book| !is_known(book))
        .map(|book| book.detection)
        .collect()
}

struct Book {
    detection: Detection,
    keys: BookKeys,
    /// The key of the title alone.
    title: Option<String>,
    /// Photo of the first detection, and its position in the photo's list.
    first_seen: usize,
}

impl Book {
    fn new(detection: Detection) -> Self {
        let wanted = |author: &str| Wanted {
            title: detection.title.clone(),
            author: author.to_owned(),
            isbn: detection.isbn,
            ..Wanted::default()
        };
        Self {
            keys: seen_book_key(&wanted(&detection.author)),
            title: seen_book_key(&wanted("")).title_author,
            detection,
            first_seen: 0,
        }
    }

    fn is_anonymous(&self) -> bool {
        self.title.is_some() && self.detection.author.is_empty()
    }

    fn is(&self, other: &Self) -> bool {
        let equal = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        (self.keys.isbn.is_some() && self.keys.isbn == other.keys.isbn)
            || equal(&self.keys.title_author, &other.keys.title_author)
    }

    fn agrees_on_isbn(&self, other: &Self) -> bool {
        match (self.keys.isbn, other.keys.isbn) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }

    fn merge_with(&mut self, other: Self) {
        let first_seen = self.first_seen.min(other.first_seen);
        let better = other.detection.confidence > self.detection.confidence;
        let (mut winner, loser) = if better {
            (other.detection, self.detection.clone())
        } else {
            (self.detection.clone(), other.detection)
        };
        // Title and author come from one reading: half of each would be nobody's book.
        if winner.title.is_empty() {
            winner.title = loser.title;
            winner.author = loser.author;
        } else if winner.author.is_empty() {
            winner.author = loser.author;
        }
        winner.isbn = winner.isbn.or(loser.isbn);
        *self = Self {
            first_seen,
            ..Self::new(winner)
        };
    }
}

/// Adds a book, or merges it with all books that it turns out to be the same as: one of them may be
/// known by its ISBN only, another by its title.
fn add(books: &mut Vec<Book>, mut new: Book) {
    new.first_seen = books
        .iter()
        .map(|book| book.first_seen + 1)
        .max()
        .unwrap_or(0);
    while let Some(same) = books.iter().position(|book| book.is(&new)) {
        let mut book = books.remove(same);
        book.merge_with(new);
        new = book;
    }
    books.push(new);
}

/// Gives each barcode's ISBN to the book it certainly belongs to.
fn assign_isbns(photo: &mut [Detection]) {
    let is_barcode = |d: &Detection| d.title.is_empty() && d.isbn.is_some();
    let barcodes: Vec<Detection> = photo.iter().filter(|d| is_barcode(d)).cloned().collect();
    let inside = |code: &Detection, book: &Detection| {
        code.bounding_box.area() > 0.0
            && code.bounding_box.overlap(&book.bounding_box) >= INSIDE * code.bounding_box.area()
    };
    for code in &barcodes {
        let touched =
            |d: &&mut Detection| !is_barcode(d) && code.bounding_box.overlap(&d.bounding_box) > 0.0;
        let mut candidates: Vec<&mut Detection> = photo.iter_mut().filter(touched).collect();
        if let [book] = &mut candidates[..] {
            let sure = inside(code, book)
                && book.bounding_box.area() < EVERYWHERE
                && book.isbn.is_none()
                && barcodes.iter().filter(|other| inside(other, book)).count() == 1;
            if sure {
                book.isbn = code.isbn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoundingBox;
    use books::Isbn;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const GATSBY: &str = "9780743273565";
    const BABEL: &str = "9780063021426";

    fn at(x1: f32, y1: f32, x2: f32, y2: f32) -> BoundingBox {
        BoundingBox::new((x1, y1), (x2, y2))
    }

    fn book(title: &str, author: &str, confidence: f32, place: BoundingBox) -> Detection {
        Detection {
            title: title.into(),
            author: author.into(),
            isbn: None,
            confidence,
            bounding_box: place,
            photo: 0,
        }
    }

    fn barcode(isbn: &str, place: BoundingBox) -> Detection {
        Detection {
            isbn: Some(Isbn::parse(isbn).unwrap()),
            ..book("", "", 1.0, place)
        }
    }

    #[test]
    fn the_better_reading_of_a_book_on_two_photos_wins() {
        let merged = merge(vec![
            vec![book("babel", "R. F. Kuang", 0.5, at(0.0, 0.0, 0.1, 0.9))],
            vec![book("Babel", "R.F. Kuang", 0.9, at(0.5, 0.0, 0.6, 0.9))],
        ]);
        assert_eq!(merged.len(), 1);
        assert_eq!(merged[0].title, "Babel");
        assert_eq!(merged[0].photo, 1);
        assert_eq!(merged[0].bounding_box, at(0.5, 0.0, 0.6, 0.9));
    }

    #[test]
    fn a_barcode_in_one_books_box_is_that_book() {
        let merged = merge(vec![vec![
            barcode(BABEL, at(0.1, 0.1, 0.2, 0.2)),
            book("Babel", "R. F. Kuang", 0.7, at(0.05, 0.05, 0.4, 0.9)),
            book("Rodham", "Curtis Sittenfeld", 0.7, at(0.5, 0.05, 0.9, 0.9)),
        ]]);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].title, "Babel");
        assert_eq!(merged[0].isbn, Isbn::parse(BABEL).ok());
        assert_eq!(merged[0].confidence, 1.0);
        assert_eq!(merged[1].isbn, None);
    }

    #[test]
    fn a_barcode_that_could_be_anyones_stays_alone() {
        let code = barcode(BABEL, at(0.1, 0.1, 0.2, 0.2));
        let mine = book("Babel", "R. F. Kuang", 0.7, at(0.05, 0.05, 0.4, 0.9));
        let other_isbn = Detection {
            isbn: Isbn::parse(GATSBY).ok(),
            ..mine.clone()
        };
        let unplaced = book("Babel", "R. F. Kuang", 0.7, BoundingBox::default());
        let doubtful: [(&str, Vec<Detection>); 5] = [
            (
                "two books",
                vec![
                    mine.clone(),
                    book("Rodham", "", 0.7, at(0.15, 0.0, 0.9, 0.9)),
                ],
            ),
            (
                "two codes",
                vec![mine.clone(), barcode(GATSBY, at(0.2, 0.5, 0.3, 0.6))],
            ),
            ("another ISBN", vec![other_isbn]),
            ("no place", vec![unplaced]),
            (
                "beside",
                vec![book("Babel", "", 0.7, at(0.19, 0.05, 0.4, 0.9))],
            ),
        ];
        for (case, others) in doubtful {
            let count = others.len() + 1;
            let photo = std::iter::once(code.clone()).chain(others).collect();
            assert_eq!(merge(vec![photo]).len(), count, "{case}");
        }
    }

    #[test]
    fn an_unread_author_agrees_with_the_only_book_of_that_title() {
        let place = at(0.0, 0.0, 0.1, 0.9);
        let merged = merge(vec![
            vec![book("Babel", "", 0.9, place)],
            vec![book("Babel", "R. F. Kuang", 0.6, place)],
        ]);
        assert_eq!(merged.len(), 1);
        assert_eq!(
            (merged[0].author.as_str(), merged[0].confidence),
            ("R. F. Kuang", 0.9)
        );

        let two = merge(vec![
            vec![book("Attached", "", 0.9, place)],
            vec![
                book("Attached", "Amir Levine", 0.6, place),
                book("Attached", "Somebody Else", 0.6, place),
            ],
        ]);
        assert_eq!(two.len(), 3);
    }

    #[test]
    fn a_book_known_by_isbn_and_one_known_by_title_are_joined_by_a_third() {
        let place = at(0.0, 0.0, 0.1, 0.9);
        let both = Detection {
            isbn: Isbn::parse(BABEL).ok(),
            ..book("Babel", "R. F. Kuang", 0.4, place)
        };
        let merged = merge(vec![
            vec![barcode(BABEL, place)],
            vec![book("Babel", "R. F. Kuang", 0.8, place)],
            vec![both],
        ]);
        assert_eq!(merged.len(), 1);
        assert_eq!(merged[0].title, "Babel");
        assert_eq!(merged[0].confidence, 1.0);
    }

    /// Each volume is a book of its own, however it says which it is, and on several photos once.
    #[test]
    fn volumes_are_books_of_their_own() {
        let place = at(0.0, 0.0, 0.1, 0.9);
        for (first, second) in [
            ("Emma (1)", "Emma (2)"),
            ("Naruto (Vol. 5)", "Naruto (Vol. 6)"),
            ("Saga (Volume One)", "Saga (Volume Two)"),
            ("Der Zauberberg (Band 1)", "Der Zauberberg (Band 2)"),
            ("Saga 1", "Saga 2"),
            ("Berserk, Vol. 3", "Berserk, Vol. 4"),
        ] {
            for author in ["An Author", ""] {
                let [first, second] = [first, second].map(|title| book(title, author, 0.9, place));
                let seen = vec![first.clone(), second.clone()];
                let merged = merge(vec![seen.clone(), seen]);
                let titles: Vec<_> = merged.iter().map(|book| &*book.title).collect();
                assert_eq!(titles, [&*first.title, &*second.title], "{author}");
                assert_eq!(without(vec![second.clone()], vec![first]), [second]);
            }
        }
    }

    #[test]
    fn nothing_of_nothing() {
        assert_eq!(merge(vec![]), vec![]);
        assert_eq!(merge(vec![vec![], vec![]]), vec![]);
    }

    fn detections() -> impl Strategy<Value = Vec<Vec<Detection>>> {
        let one = (
            prop::sample::select(vec!["", "Babel", "Rodham", "The Sellout", "Attached"]),
            prop::sample::select(vec!["", "R. F. Kuang", "Paul Beatty"]),
            prop::option::of(prop::sample::select(vec![GATSBY, BABEL])),
            0.0f32..1.0,
            [0.0f32..1.0, 0.0..1.0, 0.0..1.0, 0.0..1.0],
        )
            .prop_map(
                |(title, author, isbn, confidence, [a, b, c, d])| Detection {
                    isbn: isbn.and_then(|isbn| Isbn::parse(isbn).ok()),
                    ..book(title, author, confidence, at(a, b, c, d))
                },
            );
        prop::collection::vec(prop::collection::vec(one, 0..8), 0..5)
    }

    proptest! {
        #[test]
        fn no_book_is_left_twice(photos in detections()) {
            let seen = photos.iter().flatten().count();
            let merged = merge(photos);
            prop_assert!(merged.len() <= seen);
            let isbns: Vec<_> = merged.iter().filter_map(|d| d.isbn).collect();
            let named: Vec<_> = merged
                .iter()
                .filter(|d| !d.title.is_empty() && !d.author.is_empty())
                .map(|d| (&d.title, &d.author))
                .collect();
            prop_assert_eq!(isbns.iter().collect::<BTreeSet<_>>().len(), isbns.len());
            prop_assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len());
        }
    }
}
