//! Libraries that are no usual tables, in `shapes.txt`: what each shows, the file, and what its
//! reader expects; other line ends; mappings that say how values are read.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use books::{Mapping, read_library};
use cases::check_all;
use shown::{check, line, read};

#[test]
fn every_shape_comes_to_what_its_reader_expects() {
    check_all(include_str!("shapes.txt"), 40);
}

#[test]
fn lines_end_in_many_ways() {
    for end in ["\n", "\r", "\r\n", "\u{2028}", "\u{85}", "\u{1e}"] {
        let file = ["Title,Author", "Grey Coast,Ann Ott", "Red Harbour,Bo Lind"].join(end);
        check(&file, "Grey Coast | Ann Ott\nRed Harbour | Bo Lind");
    }
}

#[test]
fn control_characters_separate_fields() {
    for sign in ["\u{1f}", "\u{1}"] {
        let file = format!("Title{sign}Author\nGrey Coast{sign}Ann Ott\n");
        check(&file, "Grey Coast | Ann Ott");
    }
}

#[test]
fn deep_and_wide_documents_are_bounded() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(deep.as_bytes()).starts_with("refused"));
    let deep = format!(
        "[{{\"title\":\"Grey Coast\",\"x\":{}1{}}}]",
        "{\"a\":".repeat(100),
        "}".repeat(100)
    );
    assert!(read(deep.as_bytes()).starts_with("Grey Coast"));
    let members = (0..2_000).map(|at| format!("\"k{at}\":1"));
    let wide = format!(
        "[{{\"title\":\"x\",{}}}]",
        members.collect::<Vec<_>>().join(",")
    );
    assert!(read(wide.as_bytes()).contains("members"));
    let many = format!("[{}{{}}]", "{\"title\":\"Grey Coast\"},".repeat(200));
    assert_eq!(read(many.as_bytes()), "refused: more than 100 rows");
}

/// What is written anew is not more than what is read: a file of many short cells would else take
/// many times its size in memory.
#[test]
fn rows_of_other_shapes_are_bounded() {
    for (header, row) in [
        ("Read,Reading\n", "Grey Coast,Red Harbour\n"),
        (
            "Title,Author,,Title,Author\n",
            "Grey Coast,Ann Ott,,Red Harbour,Bo Lind\n",
        ),
        ("", "Title: Grey Coast\nAuthor: Ann Ott\n\n"),
    ] {
        let file = format!("{header}{}", row.repeat(150));
        assert_eq!(
            read(file.as_bytes()),
            "refused: more than 100 rows",
            "{header}"
        );
    }
}

fn mapped(csv: &str, mapping: &[(&str, &str)]) -> Result<String, String> {
    let mapping: Mapping = (mapping.iter())
        .map(|(name, field)| ((*name).to_owned(), (*field).to_owned()))
        .collect();
    match read_library(csv.as_bytes(), 100, &mapping) {
        Ok(library) => {
            let books: Vec<String> = library.books.iter().map(line).collect();
            Ok(books.join("\n"))
        }
        Err(error) => {
            assert!(error.reading.is_some(), "{error}");
            Err(error.message)
        }
    }
}

#[test]
fn a_mapping_says_the_order_of_dates_and_the_scale_of_ratings() {
    let csv = "Title,Author,Date Read\nGrey Coast,Ann Ott,03/04/2020\n";
    let read = |how: &str| mapped(csv, &[("Date Read", how)]);
    let on = |date: &str| Ok(format!("Grey Coast | Ann Ott | read | on {date}"));
    assert_eq!(read("dateRead:day-first"), on("2020-04-03"));
    assert_eq!(read("dateRead: Month-First"), on("2020-03-04"));
    let csv = "Title,Author,Mark\nGrey Coast,Ann Ott,4\n";
    let read = |how: &str| mapped(csv, &[("Mark", how)]);
    assert_eq!(
        read("rating:20"),
        Ok("Grey Coast | Ann Ott | 1/5".to_owned())
    );
    assert_eq!(read("rating"), Ok("Grey Coast | Ann Ott | 4/5".to_owned()));
    for (how, message) in [
        ("rating:x", "the scale of ratings is a number"),
        ("rating:0", "the scale of ratings is a number"),
        ("dateRead:first", "day-first, month-first or year-first"),
        ("title:20", "only fields of dates and ratings"),
        (
            "writer",
            "there is no field \"writer\"; the fields are ignore, title,",
        ),
    ] {
        let error = read(how).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    let error = mapped(csv, &[("Marks given", "rating")]).unwrap_err();
    assert_eq!(
        error,
        "there is no column \"Marks given\"; the columns are Title, Author, Mark"
    );
}
