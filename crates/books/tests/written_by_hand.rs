//! Files as people write them by hand or put them together, in `written_by_hand.txt`: Markdown,
//! notebooks, several lines in a cell, headers of another hand; what each shows, the file, and what
//! its reader expects.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
#[allow(dead_code, reason = "what is expected is in a file of its own")]
mod shown;

use books::read_csv;
use cases::check_all;

#[test]
fn every_file_comes_to_what_its_reader_expects() {
    check_all(include_str!("written_by_hand.txt"), 19);
}

#[test]
fn the_report_names_the_separator_of_the_rows() {
    let csv = "\"Title\";\"Author\"\n\"Grey, Coast\",\"Ann Ott\"\nRed Harbour,Bo Lind\n";
    let library = read_csv(csv.as_bytes(), 10).unwrap();
    assert_eq!(library.reading.delimiter.as_deref(), Some(","));
    let names = library.reading.columns.iter().map(|column| &*column.name);
    assert_eq!(names.collect::<Vec<_>>(), ["Title", "Author"]);
    assert_eq!(library.books[0].wanted.title, "Grey, Coast");
}
