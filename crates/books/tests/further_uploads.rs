//! Uploads of further programs and languages, in `further_uploads.txt`: what each shows, the file,
//! and what its reader expects.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use cases::check_all;
use shown::{check, read};

#[test]
fn every_upload_comes_to_what_its_reader_expects() {
    check_all(include_str!("further_uploads.txt"), 60);
}

#[test]
fn exports_of_programs_come_to_what_their_readers_expect() {
    check_all(include_str!("further_uploads_programs.txt"), 50);
}

#[test]
fn lists_made_by_hand_come_to_what_their_readers_expect() {
    check_all(include_str!("further_uploads_by_hand.txt"), 60);
}

#[test]
fn a_few_zeros_in_a_text_are_damage() {
    check(
        "Title,Author\0,Rating\nGrey\0 Coast,Nan Ott,4\n",
        "Grey Coast | Nan Ott | 4/5",
    );
    let zeros = b"Title,Author\nA,Nan Ott\n\0\0\0\0\0\0\0\0\0\0\0\0x";
    assert!(read(zeros).contains("binary"));
}

#[test]
fn words_tell_encodings_by_their_accents() {
    // "Cím;Szerző\nAz ajtó;Szabó Magda" in Windows-1250, of which 1252 makes "Szerzõ".
    let file =
        b"C\xedm;Szerz\xf5;Kiad\xf3\nAz ajt\xf3;Szab\xf3 Magda;Magvet\xf5\nX;Kert\xe9sz Imre;\n";
    assert_eq!(
        read(file),
        "Az ajtó | Magda Szabó | Magvető\nX | Imre Kertész"
    );
}

/// Of two columns of a field the one that the reader has named is taken.
#[test]
fn a_mapping_wins_over_a_known_column() {
    let mapping = [("Name".to_owned(), "title".to_owned())].into();
    let csv = b"Title,Name,Author\nDune,W\xc3\xbcste,FH\n";
    let library = books::read_library(csv, 10, &mapping).unwrap();
    assert_eq!(library.books[0].wanted.title, "Wüste");
    assert!(library.problems[0].error.contains("Dune"));
}

/// Many rows with one number, and long lists of people, cost what they weigh.
#[test]
fn rows_of_one_number_and_long_lists_of_people_are_read_in_time() {
    let rows = (0..2_000)
        .map(|at| format!("The Same Long Title With Many Words {at},Ann Ott,9780441005901\n"));
    let csv = format!("Title,Author,ISBN\n{}", rows.collect::<String>());
    assert_eq!(
        books::read_csv(csv.as_bytes(), 10_000).unwrap().books.len(),
        2_000
    );
}
