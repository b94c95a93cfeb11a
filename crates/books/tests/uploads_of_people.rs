//! Uploads as programs in many languages and people make them, in `uploads_of_people.txt`: what
//! each shows, the file, and what its reader expects.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use cases::check_all;
use shown::check;

#[test]
fn every_upload_comes_to_what_its_reader_expects() {
    check_all(include_str!("uploads_of_people.txt"), 44);
}

/// Rows that a sheet has ready for more books are no rows of books: they would be too many.
#[test]
fn rows_that_are_not_filled_do_not_count() {
    let ready = ",,FALSE\n".repeat(500);
    check(
        &format!("Title,Author,Read?\nGrey Coast,Ann Ott,TRUE\n{ready}"),
        "Grey Coast | Ann Ott | read",
    );
}

#[test]
fn titles_that_are_words_of_boxes_and_of_statuses_are_titles() {
    check(
        "Title,Author,Read?\nFalse,,\nGrey Coast,Ann Ott,TRUE\n",
        "False\nGrey Coast | Ann Ott | read",
    );
    check(
        "Title,Author\nGrey Coast,Ann Ott\nRed Harbour,Bo Lind\nEmma,Jane Austen\nUnfinished,\nDune,Frank Herbert\n",
        "Grey Coast | Ann Ott\nRed Harbour | Bo Lind\nEmma | Jane Austen\nDune | Frank Herbert\n\
         !5: a heading, not a book",
    );
}
