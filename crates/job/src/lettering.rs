//! The text on the spines of one photo, and the detections that it becomes.

use books::{Found, Near, Reach, Recognised, Shelf, SpinesFound, UnknownSpine};
use serde::{Deserialize, Serialize};
use vision::{BoundingBox, Detection, MAX_TITLE, Severity, Suggestion, SuggestionKind};

/// The confidence of a spine whose words name no book: to be reviewed.
const CONFIDENCE_OF_WORDS: f32 = 0.3;

/// Least confidence of a line that is listed for review.
const SURE: f32 = 0.8;

/// Least confidence of a line that is listed by a single word, and least number of its letters:
/// emblems and scraps are short or unsure.
const SURE_WORD: f32 = 0.95;
const LONG_WORD: usize = 6;

/// Least confidences and length for large lettering. It is a title's or an author's, and often in a
/// typeface of which the network is less sure.
const SURE_IF_LARGE: f32 = 0.7;
const SURE_WORD_IF_LARGE: f32 = 0.9;
const LONG_WORD_IF_LARGE: usize = 5;

/// Ratio to the median height of the photo's lines from which on a line is large.
const LARGE: f32 = 1.5;

/// Number of spines read for each book identified from which on a photo counts as a bad one.
const SPINES_FOR_A_BOOK: usize = 3;

/// The lettering of one photo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lettering {
    /// The lines, and which of them belong together.
    pub shelf: Shelf,
    /// Position and confidence of each line of the shelf, in its order.
    pub lines: Vec<ReadLine>,
}

/// Position and confidence of a line that was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadLine {
    /// The line's position on the photo.
    pub bounding_box: BoundingBox,
    /// Confidence in its letters, 0 to 1.
    pub confidence: f32,
}

/// A reading whose run's time was over, for the next run to go on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PausedReading {
    /// Number of runs that have read.
    pub(crate) runs: u8,
    /// The state of the reading, in base64.
    pub(crate) state: String,
}

impl Lettering {
    /// The detections on the photo: the books that spines name, and the text on other spines.
    pub(crate) fn detections(&self, found: &SpinesFound) -> Vec<(Detection, Named)> {
        let books = found.books.iter().map(|book| self.book(book));
        let large_from = LARGE * self.median_height();
        let unknown = found.unknown.iter().filter_map(|spine| {
            let outcome = if found.complete {
                Found::NotFound
            } else {
                Found::Error
            };
            self.unknown(spine, outcome, large_from)
        });
        books.chain(unknown).collect()
    }

    fn book(&self, book: &Recognised) -> (Detection, Named) {
        let spine = self.shelf.spines.get(book.spine);
        let on_spine = spine.map_or(&[][..], |spine| &spine.lines);
        let title = shorten(&book.record.work.title, MAX_TITLE);
        let authors: Vec<&str> = book
            .record
            .authors
            .iter()
            .map(|a| a.name.as_str())
            .collect();
        let author = shorten(&authors.join(", "), vision::MAX_AUTHOR);
        let named = Named {
            title,
            author,
            found: Found::Record(Box::new(book.record.clone())),
            near: Vec::new(),
        };
        self.detection(named, book.confidence, book.lines.iter().chain(on_spine))
    }

    /// The detection of a spine that names no book, if enough of its lettering is sure. Lines count
    /// as large from the height `large_from` on.
    fn unknown(
        &self,
        unknown: &UnknownSpine,
        outcome: Found,
        large_from: f32,
    ) -> Option<(Detection, Named)> {
        let spine = self.shelf.spines.get(unknown.spine)?;
        let is_large = |at: usize| {
            let line = self.shelf.lettering.get(at);
            line.is_some_and(|line| line.height >= large_from)
        };
        let surer_than = |at: usize, least: f32| {
            let line = self.lines.get(at);
            line.is_some_and(|line| line.confidence >= least)
        };
        let is_sure = |at: &&usize| {
            let least = if is_large(**at) { SURE_IF_LARGE } else { SURE };
            surer_than(**at, least)
        };
        let lines: Vec<usize> = spine.lines.iter().filter(is_sure).copied().collect();
        let text = |at: &usize| Some(self.shelf.lettering.get(*at)?.text.trim());
        let texts: Vec<&str> = lines.iter().filter_map(text).collect();
        let text = texts.join(" ");
        let letters = |word: &str| word.chars().filter(|c| c.is_alphabetic()).count();
        let words = text.split_whitespace().filter(|word| letters(word) >= 3);
        let is_long = |at: &&usize| {
            let (least, long) = match is_large(**at) {
                true => (SURE_WORD_IF_LARGE, LONG_WORD_IF_LARGE),
                false => (SURE_WORD, LONG_WORD),
            };
            let text = self.shelf.lettering.get(**at).map_or("", |line| &line.text);
            surer_than(**at, least) && letters(text) >= long
        };
        (words.count() >= 2 || lines.iter().any(|at| is_long(&at))).then(|| {
            let named = Named {
                title: shorten(&text, MAX_TITLE),
                author: String::new(),
                found: outcome,
                near: unknown.near.clone(),
            };
            self.detection(named, CONFIDENCE_OF_WORDS, lines.iter())
        })
    }

    /// The median height of the photo's lines.
    fn median_height(&self) -> f32 {
        let lines = self.shelf.lettering.iter();
        let mut heights: Vec<f32> = lines.map(|line| line.height).collect();
        heights.sort_by(f32::total_cmp);
        heights.get(heights.len() / 2).copied().unwrap_or_default()
    }

    /// The detection of what a spine names, at the place of its `lines` on the photo.
    fn detection<'a>(
        &self,
        named: Named,
        confidence: f32,
        lines: impl Iterator<Item = &'a usize>,
    ) -> (Detection, Named) {
        let boxes = lines.filter_map(|at| Some(self.lines.get(*at)?.bounding_box));
        let detection = Detection {
            title: named.title.clone(),
            author: named.author.clone(),
            isbn: None,
            confidence,
            bounding_box: around(boxes),
            photo: 0,
        };
        (detection, named)
    }

    /// A hint for a better photo, when little of what was read named a book.
    pub(crate) fn hint(&self, found: &SpinesFound) -> Option<Suggestion> {
        let books = found.books.len();
        // A single word is a publisher's or a scrap too often to say anything of the photo.
        let can_be_asked = |spine: &&UnknownSpine| {
            let asked = |reach| self.shelf.query(spine.spine, reach).is_some();
            asked(Reach::Large) || asked(Reach::Axis)
        };
        let unknown = found.unknown.iter().filter(can_be_asked).count();
        (found.complete && unknown + books >= SPINES_FOR_A_BOOK * books.max(1)).then(go_closer)
    }
}

/// The look-up's outcome for a book named, or not named, by its spine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) title: String,
    pub(crate) author: String,
    pub(crate) found: Found,
    /// Records that a person may choose from, where none is the book for sure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) near: Vec<Near>,
}

/// The smallest box around others.
fn around(boxes: impl Iterator<Item = BoundingBox>) -> BoundingBox {
    let both = |a: BoundingBox, b: BoundingBox| {
        BoundingBox::new(
            (a.x1.min(b.x1), a.y1.min(b.y1)),
            (a.x2.max(b.x2), a.y2.max(b.y2)),
        )
    };
    boxes.reduce(both).unwrap_or_default()
}

fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The advice for a photo on which little was read.
pub(crate) fn go_closer() -> Suggestion {
    Suggestion {
        kind: SuggestionKind::Resolution,
        severity: Severity::Medium,
        message: "Only few spines could be read. Go closer: one shelf at a time, straight from the front."
            .to_owned(),
        affected_count: 1,
    }
}

#[cfg(test)]
mod tests {
    use books::{
        Author, Edition, Lettering as Text, NearReason, Provider, Record, Spine, Work as Book,
    };

    use super::*;

    /// Spines of lines, each with its confidence, one below the other.
    fn lettering(spines: &[&[(&str, f32)]]) -> Lettering {
        let mut lettering = Lettering::default();
        for (row, lines) in spines.iter().enumerate() {
            let first = lettering.lines.len();
            for (column, (text, confidence)) in lines.iter().enumerate() {
                let (x, y) = (column as f32 / 10.0, row as f32 / 10.0);
                lettering.shelf.lettering.push(Text {
                    text: (*text).to_owned(),
                    height: 10.0,
                });
                lettering.lines.push(ReadLine {
                    bounding_box: BoundingBox::new((x, y), (x + 0.1, y + 0.1)),
                    confidence: *confidence,
                });
            }
            lettering.shelf.spines.push(Spine {
                lines: (first..lettering.lines.len()).collect(),
                beside: Vec::new(),
            });
        }
        lettering
    }

    fn record(title: &str, author: &str) -> Record {
        Record {
            provider: Provider::OpenLibrary,
            work: Book {
                title: title.to_owned(),
                ..Book::default()
            },
            edition: Edition::default(),
            authors: vec![Author {
                name: author.to_owned(),
                open_library_id: None,
            }],
            aliases: Vec::new(),
            matched: None,
        }
    }

    fn found(lettering: &Lettering, titles: &[(&str, &str)], complete: bool) -> SpinesFound {
        let records: Vec<Record> = titles.iter().map(|(t, a)| record(t, a)).collect();
        let spines = lettering.shelf.spines.len();
        let books = lettering.shelf.recognise(&vec![records; spines]);
        let is_named = |spine: &usize| books.iter().any(|book| book.spine == *spine);
        SpinesFound {
            unknown: (0..spines)
                .filter(|spine| !is_named(spine))
                .map(|spine| UnknownSpine {
                    spine,
                    near: Vec::new(),
                })
                .collect(),
            books,
            complete,
        }
    }

    #[test]
    fn large_lettering_is_listed_although_the_network_is_less_sure_of_it() {
        let spines: &[&[(&str, f32)]] = &[
            &[("BABEL", 0.94)],
            &[("Thre Biue Lasl", 0.76)],
            &[("Ex", 0.99)],
            &[("scribbled words", 0.6)],
            &[("a longer line of words", 0.9)],
            &[("another line of words", 0.9)],
            &[("the line of an author", 0.9)],
            &[("the line of a publisher", 0.9)],
            &[("the line of a series", 0.9)],
        ];
        let listed = |height: f32| {
            let mut lettering = lettering(spines);
            for line in &mut lettering.shelf.lettering[..4] {
                line.height = height;
            }
            let detections = lettering.detections(&found(&lettering, &[], true));
            let titles = detections.into_iter().map(|(_, named)| named.title);
            titles
                .filter(|title| !title.contains("line of"))
                .collect::<Vec<_>>()
        };
        assert_eq!(listed(10.0), [""; 0]);
        assert_eq!(listed(20.0), ["BABEL", "Thre Biue Lasl"]);
    }

    #[test]
    fn a_book_is_called_what_its_record_says_and_is_where_its_lines_are() {
        let lettering = lettering(&[&[("WOLF HALL", 0.99), ("MANTEL", 0.97)]]);
        let found = found(&lettering, &[("Wolf Hall", "Hilary Mantel")], true);
        let detections = lettering.detections(&found);
        let [(book, named)] = detections.as_slice() else {
            panic!("{detections:?}");
        };
        assert_eq!(
            (book.title.as_str(), book.author.as_str()),
            ("Wolf Hall", "Hilary Mantel")
        );
        assert!(book.confidence > 0.8);
        assert_eq!(book.bounding_box, BoundingBox::new((0.0, 0.0), (0.2, 0.1)));
        assert!(matches!(named.found, Found::Record(_)));
        assert_eq!(lettering.hint(&found), None);
    }

    #[test]
    fn a_spine_that_names_no_book_keeps_what_a_person_may_choose_from() {
        let lettering = lettering(&[&[("Gärten in Wien", 0.95)]]);
        let mut found = found(&lettering, &[], true);
        let near = Near {
            record: record("Wiener Gärten", "Maria Auböck"),
            reason: NearReason::Unsure,
        };
        found.unknown[0].near = vec![near.clone()];
        let detections = lettering.detections(&found);
        let [(_, named)] = detections.as_slice() else {
            panic!("{detections:?}");
        };
        assert_eq!(named.near, [near]);
    }

    #[test]
    fn a_long_sure_word_is_listed_and_a_publisher_s_name_is_not() {
        let lettering = lettering(&[
            &[("PICASSO", 0.99)],
            &[("GOLDMANN", 0.99)],
            &[("Krimi", 0.99)],
            &[("MANTEL", 0.9)],
        ]);
        let mut all = found(&lettering, &[], true);
        all.unknown
            .retain(|spine| lettering.shelf.is_lettered(spine.spine));
        let detections = lettering.detections(&all);
        let titles: Vec<&str> = detections.iter().map(|d| d.0.title.as_str()).collect();
        assert_eq!(titles, ["PICASSO"]);
        // Such words alone do not make a photo a bad one.
        let named = self::lettering(&[&[("EMMA", 0.9), ("JANE AUSTEN", 0.9)]]);
        all.books = found(&named, &[("Emma", "Jane Austen")], true).books;
        assert_eq!(all.books.len(), 1);
        assert_eq!(lettering.hint(&all), None);
    }

    #[test]
    fn a_spine_that_names_no_book_is_its_sure_words_to_be_reviewed() {
        let lettering = lettering(&[
            &[("Gärten in Wien", 0.95), ("Xq?lr", 0.55)],
            &[("9", 0.99)],
            &[("SOME WORDS", 0.6)],
            &[("MORE WORDS", 0.6)],
        ]);
        for (complete, outcome) in [(true, Found::NotFound), (false, Found::Error)] {
            let found = found(&lettering, &[], complete);
            let detections = lettering.detections(&found);
            let [(spine, named)] = detections.as_slice() else {
                panic!("{detections:?}");
            };
            assert_eq!(spine.title, "Gärten in Wien");
            assert_eq!(spine.author, "");
            assert!(spine.confidence < 0.5);
            assert_eq!(spine.bounding_box, BoundingBox::new((0.0, 0.0), (0.1, 0.1)));
            assert_eq!(named.found, outcome);
            // Without an answer nobody knows whether the photo is to blame.
            assert_eq!(lettering.hint(&found).is_some(), complete);
        }
    }
}
