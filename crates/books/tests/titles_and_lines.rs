//! Titles with more in their cells than the title, and lists of lines without columns, in
//! `titles_and_lines.txt`, `lines_of_lists.txt` and `notes_and_people.txt`: what each shows, the
//! file, and what its reader expects.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use cases::check_all;
use shown::check;

#[test]
fn every_list_comes_to_what_its_reader_expects() {
    check_all(include_str!("titles_and_lines.txt"), 40);
}

#[test]
fn lines_of_lists_are_split_where_their_authors_begin() {
    check_all(include_str!("lines_of_lists.txt"), 10);
}

#[test]
fn notes_and_people_come_to_what_their_readers_expect() {
    check_all(include_str!("notes_and_people.txt"), 80);
}

#[test]
fn a_title_stays_findable_as_it_was_given() {
    for (given, title) in [
        ("Emma (ISBN 9780141439587)", "Emma"),
        ("Emma (Unabridged)", "Emma"),
        ("Emma[1]", "Emma"),
    ] {
        let csv = format!("Title,Author\n{given},Jane Austen\n");
        let library = books::read_csv(csv.as_bytes(), 10).unwrap();
        let row = &library.books[0];
        assert_eq!(row.wanted.title, title);
        assert_eq!(row.imported.given_title.as_deref(), Some(given));
    }
}

#[test]
fn a_lone_count_behind_a_number_is_no_title() {
    check(
        "9780141439587,1\n9780441172719,2\n",
        "9780141439587\n9780441172719",
    );
}

#[test]
fn what_repeats_without_end_needs_no_stack() {
    let numbers = "9780141439587 ".repeat(14_000);
    let forms = format!("Dune {}", "(CD)".repeat(60_000));
    let bullets = format!("{}Dune", "- ".repeat(100_000));
    let notes = format!("Dune{}", "[1]".repeat(80_000));
    for text in [numbers, forms, bullets, notes] {
        for file in [
            format!("Title,Author\n{text},Ann Ott\n"),
            format!("Title / Author\n{text}\n"),
        ] {
            let small = std::thread::Builder::new().stack_size(256 << 10);
            let read = small.spawn(move || books::read_csv(file.as_bytes(), 10).unwrap());
            assert_eq!(read.unwrap().join().unwrap().books.len(), 1);
        }
    }
}

#[test]
fn a_book_is_found_again_among_many_of_its_title() {
    let mut file = "Title,Author,ISBN\n".to_owned();
    for at in 0..80 {
        let (one, other) = (b'a' + at / 26, b'a' + at % 26);
        let (one, other) = (char::from(one), char::from(other));
        file.push_str(&format!("Poems,Ann {one}{other}{one}ott,\n"));
    }
    let again = format!("{file}Poems,Ann dbdott,\n");
    let library = books::read_csv(again.as_bytes(), 100).unwrap();
    assert_eq!((library.books.len(), library.duplicates), (80, 1));
}
