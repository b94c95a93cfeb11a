//! Tables that stand otherwise than one to a file, in `tables_in_files.txt`: on their side, below
//! each other, beside each other; what each shows, the file, and what its reader expects.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
#[allow(dead_code, reason = "what is expected is in a file of its own")]
mod shown;

use books::{Library, read_csv};
use cases::check_all;
use shown::{line, read};

#[test]
fn every_table_comes_to_what_its_reader_expects() {
    check_all(include_str!("tables_in_files.txt"), 18);
}

fn library(csv: &str) -> Library {
    read_csv(csv.as_bytes(), 100).unwrap()
}

#[test]
fn the_report_says_that_a_table_was_on_its_side() {
    let library = library("Mine\nTitle,Grey Coast,,Red Harbour\nAuthor,Ann Ott,,Bo Lind\n");
    let reading = &library.reading;
    assert_eq!(
        reading.encoding,
        "a table on its side, its rows numbered by columns (UTF-8)"
    );
    assert_eq!(reading.lines_above, ["Mine"]);
    let names = reading.columns.iter().map(|column| &*column.name);
    assert_eq!(names.collect::<Vec<_>>(), ["Title", "Author"]);
    let numbers = library.books.iter().map(|book| book.imported.row);
    assert_eq!(numbers.collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn rows_of_tables_below_each_other_are_numbered_as_in_the_file() {
    let library = library("Mine\nRead\nTitle,Author\nA,Ann Ott\nWanted\nAuthor,Title\nBo Lind,B\n");
    let books = (library.books.iter()).map(|book| (book.imported.row, line(book)));
    let expected = [(4, "A | Ann Ott | read"), (7, "B | Bo Lind | Wanted")];
    assert_eq!(
        books.collect::<Vec<_>>(),
        expected.map(|(row, book)| (row, book.to_owned()))
    );
    let reading = &library.reading;
    assert_eq!(reading.lines_above, ["Mine"]);
    assert_eq!((reading.header_row, library.rows), (Some(3), 3));
    assert_eq!(reading.delimiter.as_deref(), Some(","));
}

#[test]
fn a_table_on_its_side_has_a_bound() {
    let wide = format!(
        "Title{}\nAuthor{}\n",
        ",A".repeat(600),
        ",Ann Ott".repeat(600)
    );
    assert!(read(wide.as_bytes()).contains("columns, at most"));
}

/// Columns of other tables do not make a file many times as long.
#[test]
fn tables_of_many_columns_below_each_other_are_bounded() {
    let names = |word: &str| {
        (0..200)
            .map(|at| format!(",{word} {at}"))
            .collect::<String>()
    };
    let rows = "Grey Coast,Ann Ott\n".repeat(5_000);
    let (one, other) = (names("One"), names("Other"));
    let csv = format!("Title,Author{one}\n{rows}Author,Title,Rating{other}\nAnn Ott,Emma\n{rows}");
    let library = read_csv(csv.as_bytes(), 20_000).unwrap();
    assert_eq!(library.reading.columns.len(), 202);
}
