//! Records that are the wanted book although they are called otherwise, and records that are not
//! although they are called alike: by title and author, and by ISBN.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod open_library;

use books::{Isbn, Wanted};
use open_library::taken;
use serde_json::{Value, json};

const ISBN: &str = "9780141439587";

fn record(title: &str, author: &str, isbn: Option<&str>) -> Value {
    json!({"key": "/works/OL1W", "title": title, "author_name": [author],
        "editions": {"docs": [{"key": "/books/OL1M", "title": title,
            "isbn": isbn.as_slice()}]}})
}

/// Whether a provider's only record is taken for the wanted book.
fn is_taken(wanted: Wanted, record: Value) -> bool {
    taken(wanted, &[record]).is_some()
}

fn by_title(title: &str, author: &str, other: &str, other_author: &str) -> bool {
    let wanted = Wanted {
        title: title.into(),
        author: author.into(),
        ..Wanted::default()
    };
    is_taken(wanted, record(other, other_author, None))
}

fn by_isbn(title: &str, author: &str, other: &str, other_author: &str) -> bool {
    let wanted = Wanted {
        title: title.into(),
        author: author.into(),
        isbn: Isbn::parse(ISBN).ok(),
        ..Wanted::default()
    };
    is_taken(wanted, record(other, other_author, Some(ISBN)))
}

/// Compares each pair of titles by one author, in both roles.
fn check(taken: fn(&str, &str, &str, &str) -> bool, expected: bool, pairs: &[(&str, &str)]) {
    let author = "Ann Author";
    let wrong: Vec<_> = (pairs.iter())
        .filter(|(wanted, other)| taken(wanted, author, other, author) != expected)
        .collect();
    assert!(wrong.is_empty(), "not {expected}: {wrong:#?}");
}

#[test]
fn editions_of_one_book_are_one_book() {
    check(
        by_title,
        true,
        &[
            ("Salt Sea: Deluxe Edition", "Salt Sea"),
            ("Salt Sea, 25th Anniversary Edition", "Salt Sea"),
            ("Salt Sea (Reissue)", "Salt Sea"),
            (
                "Salt Sea: 10th Anniversary Edition: A Memoir of the Coast",
                "Salt Sea: A Memoir of the Coast",
            ),
            ("Salt Sea: Sonderausgabe", "Salt Sea"),
            ("Salt Sea - Edición especial", "Salt Sea"),
            ("Salt Sea, Revised and Updated Edition", "Salt Sea"),
            ("Salt Sea", "Salt Sea, second edition"),
            ("Salt Sea (Unabridged)", "Salt Sea"),
            ("Salt Sea: Unabridged Audiobook", "Salt Sea"),
            ("Salt Sea [Audio CD]", "Salt Sea"),
            ("Salt Sea (Hörbuch)", "Salt Sea"),
            ("Salt Sea", "Salt Sea (Kindle Edition)"),
            ("Salt Sea (Movie Tie-In)", "Salt Sea"),
            ("Salt Sea: Large Print", "Salt Sea"),
        ],
    );
}

#[test]
fn numbers_are_one_number_in_digits_and_in_words() {
    check(
        by_title,
        true,
        &[
            ("The 39 Harbours", "The Thirty-Nine Harbours"),
            ("100 Years of Salt", "One Hundred Years of Salt"),
            ("20,000 Leagues of Salt", "Twenty Thousand Leagues of Salt"),
            ("Around the Sea in 80 Days", "Around the Sea in Eighty Days"),
            ("1984", "Nineteen Eighty-Four"),
            ("Twelve Years at Sea", "12 Years at Sea"),
            ("Salt Sea War II", "Salt Sea War Two"),
            ("Harry VI, Part II", "Harry VI, Part Two"),
            ("Salt Sea, Vol. XXI", "Salt Sea, Vol. 21"),
            ("Salt Sea, Vol. 30", "Salt Sea, Volume Thirty"),
            ("Salt Sea, Vol. XL", "Salt Sea 40"),
        ],
    );
    check(
        by_title,
        false,
        &[
            ("The 39 Harbours", "The Forty-Nine Harbours"),
            ("One Hundred Years of Salt", "One Thousand Years of Salt"),
            ("Harry IV, Part II", "Harry VI, Part Two"),
            ("Salt Sea, Vol. 30", "Salt Sea, Vol. 31"),
            ("Salt Sea, Vol. XL", "Salt Sea, Vol. LX"),
        ],
    );
}

#[test]
fn places_in_a_series_are_read_in_the_languages_of_their_readers() {
    let places = [
        ("Salt Sea, Band zwei", 2),
        ("Salt Sea: Zweiter Band", 2),
        ("Salt Sea, tome deux", 2),
        ("Salt Sea : deuxième tome", 2),
        ("Salt Sea, Tomo segundo", 2),
        ("Salt Sea. Libro secondo", 2),
        ("Salt Sea, deel twee", 2),
        ("Salt Sea, del 2", 2),
        ("Salt Sea, osa 2", 2),
        ("Salt Sea, tom 2", 2),
        ("Salt Sea, cilt 2", 2),
        ("Salt Sea, díl 2", 2),
        ("Salt Sea, том 2", 2),
        ("Salt Sea, книга вторая", 2),
        ("Salt Sea 第2巻", 2),
        ("Salt Sea 2권", 2),
        ("Salt Sea, Second Book", 2),
        ("Salt Sea, Book the Second", 2),
        ("Salt Sea, Dritter Teil", 3),
        ("Salt Sea, troisième partie", 3),
        ("Salt Sea, tercera parte", 3),
        ("Salt Sea, volume terzo", 3),
    ];
    let records = ["Salt Sea, Vol. 1", "Salt Sea, Vol. 2", "Salt Sea, Vol. 3"];
    let mut wrong = Vec::new();
    for (title, place) in places {
        for (at, record) in records.iter().enumerate() {
            if by_title(title, "Ann Author", record, "Ann Author") != (at + 1 == place) {
                wrong.push((title, *record));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Names for a book that holds several.
const SETS: [&str; 26] = [
    "Salt Sea Box Set",
    "Salt Sea: The Complete Series",
    "Salt Sea Collection",
    "Salt Sea Bundle",
    "Salt Sea Omnibus",
    "Salt Sea: Books 1-3",
    "Salt Sea: Books 1, 2 & 3",
    "Salt Sea (Books 1 to 4)",
    "Salt Sea 3-Book Set",
    "Salt Sea: Three Book Bundle",
    "Salt Sea Trilogie",
    "Salt Sea: Die komplette Trilogie",
    "Salt Sea Gesamtausgabe",
    "Salt Sea: Alle Bände im Schuber",
    "Salt Sea Sammelband",
    "Salt Sea, coffret",
    "Salt Sea : l'intégrale",
    "Salt Sea, Tomes 1 à 3",
    "Salt Sea: trilogía completa",
    "Salt Sea: cofanetto",
    "Salt Sea: estuche",
    "Salt Sea Duology",
    "Salt Sea: The Entire Saga",
    "Salt Sea / Salt Shore / Salt Wind",
    "Salt Sea Boxset",
    "Salt Sea 3-in-1",
];

#[test]
fn a_set_is_no_volume_of_it_whatever_it_is_called() {
    let pairs = SETS.map(|set| ("Salt Sea", set));
    check(by_title, false, &pairs);
    check(by_isbn, false, &pairs);
    // Whoever has the set finds it.
    check(by_isbn, true, &SETS.map(|set| (set, set)));
    check(by_title, true, &SETS.map(|set| (set, set)));
}

#[test]
fn samples_guides_and_adaptations_are_no_book() {
    let others = [
        "Salt Sea: Free Preview",
        "Salt Sea (Sneak Peek)",
        "Salt Sea: Leseprobe",
        "Salt Sea - XXL-Leseprobe",
        "Salt Sea (extrait)",
        "Salt Sea: Chapter Sampler",
        "Salt Sea: An Excerpt",
        "Summary of Salt Sea",
        "Salt Sea by Ann Author: Summary and Analysis",
        "Salt Sea: A Teacher's Guide",
        "Salt Sea: Zusammenfassung",
        "Salt Sea: Lektürehilfe",
        "Salt Sea (SparkNotes Literature Guide)",
        "Salt Sea: Young Readers Edition",
        "Salt Sea: The Graphic Novel",
        "Salt Sea: Official Coloring Book",
    ];
    check(by_title, false, &others.map(|other| ("Salt Sea", other)));
    let samples = [
        "Salt Sea: Free Preview",
        "Salt Sea: Leseprobe",
        "Salt Sea (extrait)",
        "Salt Sea: Chapter Sampler",
        "Summary of Salt Sea",
    ];
    check(by_isbn, false, &samples.map(|other| ("Salt Sea", other)));
}

#[test]
fn a_title_that_leads_with_its_series_is_the_same_book() {
    check(
        by_title,
        true,
        &[
            ("Mistfall: The Hollow Crown", "The Hollow Crown"),
            ("The Hollow Crown", "Mistfall: The Hollow Crown"),
            ("Mistfall: The Hollow Crown", "The Hollow Crown: Mistfall"),
            (
                "The Hollow Crown (Mistfall #2)",
                "Mistfall: The Hollow Crown",
            ),
            ("The Hollow Crown: A Mistfall Novel", "The Hollow Crown"),
            ("Milk + Honey", "Milk and Honey"),
            ("Me, You & Us", "Me, You, and Us"),
        ],
    );
    check(
        by_title,
        false,
        &[
            ("Mistfall", "Mistfall: The Hollow Crown (Mistfall, #2)"),
            ("Mistfall: The Hollow Crown", "Mistfall: The Silver Gate"),
            ("The Hollow Crown", "Summary: The Hollow Crown"),
            ("The Hollow Crown", "A Study Guide: The Hollow Crown"),
        ],
    );
}

#[test]
fn a_book_with_another_title_in_another_country_is_found_by_its_isbn() {
    for (title, other) in [
        ("The Philosopher's Harbour", "The Sorcerer's Harbour"),
        ("Northern Ferries", "The Golden Compass Rose"),
        ("Der Schatten des Windes", "La sombra del viento"),
        ("Silent Harbour", "Тихая гавань"),
    ] {
        assert!(by_isbn(title, "Ann Author", other, "Ann Author"), "{title}");
        assert!(
            !by_title(title, "Ann Author", other, "Ann Author"),
            "{title}"
        );
    }
    let (title, other) = ("Northern Ferries", "The Golden Compass Rose");
    assert!(!by_isbn(title, "Ann Author", other, "Some Body"));
}

#[test]
fn a_title_that_two_authors_share_is_told_apart_by_them() {
    for (a, b, same) in [
        ("J.R.R. Tolkien", "John Ronald Reuel Tolkien", true),
        ("J R R Tolkien", "J. R. R. Tolkien", true),
        ("Dr. Seuss", "Seuss", true),
        ("Sir Arthur Conan Doyle", "Doyle, Arthur Conan", true),
        ("Dr. Brené Brown, PhD", "Brené Brown", true),
        ("Rev. W. Awdry", "Wilbert Awdry", true),
        ("Saint Augustine", "Augustine", true),
        ("St. Augustine", "Saint Augustine of Hippo", true),
        ("Augustine of Hippo", "Augustine", true),
        ("Lord Byron", "George Gordon Byron", true),
        ("Lady Gregory", "Augusta Gregory", true),
        ("Baroness Orczy", "Emma Orczy", true),
        ("Herr Dr. Karl Muster", "Karl Muster", true),
        ("Robert Downey, Jr", "Robert Downey Jr.", true),
        ("Alexandre Dumas père", "Alexandre Dumas", true),
        ("Alexandre Dumas fils", "Alexandre Dumas père", false),
        ("Murakami Haruki", "Haruki Murakami", true),
        ("MURAKAMI, Haruki", "Haruki Murakami", true),
        (
            "National Geographic",
            "National Geographic Society (U.S.)",
            true,
        ),
        ("Lonely Planet", "Lonely Planet Publications (Firm)", true),
        ("DK", "DK Publishing", true),
        ("DK Publishing, Inc.", "DK Publishing", true),
        ("The Onion", "Onion (Firm)", true),
        ("Homer, Emily Wilson (Translator)", "Homer", true),
        ("Homer; translated by Emily Wilson", "Homer", true),
        ("by Ann Author", "Ann Author", true),
        (
            "Ann Author (Author), Bea Reader (Narrator)",
            "Ann Author",
            true,
        ),
        ("Gaiman/Pratchett", "Terry Pratchett", true),
        ("Dan Brown", "Dale Brown", false),
        ("J. Brown", "Dan Brown", false),
        ("Brown University", "Dan Brown", false),
    ] {
        let title = "The Complete Silence";
        assert_eq!(by_title(title, a, title, b), same, "{a} / {b}");
    }
}
