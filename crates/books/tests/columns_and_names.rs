//! Files whose columns, names and marks people write in many ways, in `columns_and_names.txt`: what
//! each shows, the file, and what its reader expects; and what makes a reading uncertain.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use cases::check_all;
use shown::check;

#[test]
fn every_file_comes_to_what_its_reader_expects() {
    check_all(include_str!("columns_and_names.txt"), 21);
}

#[test]
fn the_isbn_of_a_volume_does_not_replace_its_series() {
    check(
        "ISBN,Series,Volume\n9780441172719,Salt,1\n",
        "Salt | 9780441172719 | Salt #1",
    );
}

fn is_uncertain(csv: &str) -> bool {
    let library = books::read_csv(csv.as_bytes(), 100).unwrap();
    library.reading.is_uncertain()
}

#[test]
fn a_column_that_was_mostly_not_understood_is_a_question() {
    for (column, cells, expected) in [
        ("Rating", ["A", "B", "B"], true),
        ("Rating", ["4", "B", "5"], false),
        ("ISBN", ["9.78E+12", "9.78E+12", "9.78E+12"], true),
        ("Pages", ["many", "few", "300"], true),
        ("Pages", ["300", "200", "100"], false),
    ] {
        let rows = (cells.iter().zip(["Grey", "Blue", "Red"]))
            .map(|(cell, title)| format!("{title} Coast,Ann Ott,{cell}\n"));
        let csv = format!("Title,Author,{column}\n{}", rows.collect::<String>());
        assert_eq!(is_uncertain(&csv), expected, "{csv}");
    }
}

#[test]
fn lists_of_people_films_and_music_are_a_question() {
    for csv in [
        "Name,Email,Phone\nBob Roy,b@example.org,1\nAnn Ott,a@example.org,2\n",
        "Title,Director,Year,Rating\nGrey Coast,Ann Ott,1999,4\n",
        "Title,Artist,Album\nGrey Coast,Ann Ott,Sea\n",
    ] {
        assert!(is_uncertain(csv), "{csv}");
    }
    assert!(!is_uncertain(
        "Title,Author,Year\nGrey Coast,Ann Ott,1999\n"
    ));
    // A library's list of readers and a comic's artist are no other thing.
    assert!(!is_uncertain(
        "Title,Author,Artist\nGrey Coast,Ann Ott,Bo Lind\n"
    ));
}
