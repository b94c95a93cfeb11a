//! Files as readers have them, and what each comes to in the results of its import.
//!
//! `uploads/NAME.json` says what is expected of the file beside it: numbers of `books`,
//! `rejected` rows, `merged` rows and `warnings`, and values at paths into the results document
//! that it `is`, `contains` or is `not`.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use api::book::Book;
use api::results::RowProblem;
use books::{Library, Row, read_csv};
use job::Item;
use serde_json::{Value, json};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/uploads");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension != "json")
        })
        .collect();
    files.sort();
    files
}

/// The lists of a results document whose look-ups are still to come.
fn document(library: &Library) -> Value {
    let items: Vec<Item> = (library.books.iter().cloned())
        .map(|Row { wanted, imported }| Item {
            imported: Some(imported),
            ..Item::wanted(wanted)
        })
        .collect();
    let books: Vec<Book<'_>> = items.iter().map(Book::of).collect();
    let errors: Vec<RowProblem<'_>> = library.problems.iter().map(RowProblem::from).collect();
    json!({"books": books, "errors": errors, "reading": library.reading})
}

fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    let pointer = format!("/{}", path.replace('.', "/"));
    document.pointer(&pointer).unwrap_or(&Value::Null)
}

/// Differences from the expectation, a line for each.
fn failures(expected: &Value, library: &Library) -> String {
    let document = document(library);
    let mut failures = String::new();
    let mut check = |holds: bool, what: &str, expected: &Value, found: &Value| {
        if !holds {
            writeln!(failures, "    {what}: expected {expected}, found {found}").unwrap();
        }
    };
    let (books, warnings) = (library.books.len(), library.problems.len());
    for (what, expected) in expected.as_object().unwrap() {
        let most = |found: usize| (json!(found), expected.as_u64() <= Some(found as u64));
        let exactly = |found: usize| (json!(found), *expected == json!(found));
        let (found, holds) = match what.as_str() {
            "books" => exactly(books),
            "rejected" => exactly(library.rejected() as usize),
            "merged" => exactly(library.duplicates as usize),
            "warnings" => exactly(warnings),
            "warningsAtLeast" => most(warnings),
            "booksAndWarningsAtLeast" => most(books + warnings),
            "about" | "is" | "contains" | "not" => continue,
            _ => panic!("{what} says nothing"),
        };
        check(holds, what, expected, &found);
    }
    let values = |kind: &str| expected[kind].as_object().into_iter().flatten();
    for (path, expected) in values("is") {
        let found = at(&document, path);
        check(found == expected, path, expected, found);
    }
    for (path, expected) in values("contains") {
        let found = at(&document, path);
        let holds = found.to_string().contains(expected.as_str().unwrap());
        check(holds, path, expected, found);
    }
    for (path, unexpected) in values("not") {
        let found = at(&document, path);
        check(found != unexpected, path, unexpected, found);
    }
    failures
}

#[test]
fn every_file_comes_to_what_its_reader_expects() {
    let files = files();
    assert!(files.len() >= 62);
    let mut failed = String::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy();
        let expected = std::fs::read(file.with_extension("json")).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let failures = match read_csv(&std::fs::read(&file).unwrap(), 10_000) {
            Ok(library) => failures(&expected, &library),
            Err(error) => format!("    refused: {error}\n"),
        };
        if !failures.is_empty() {
            writeln!(failed, "{name}: {}\n{failures}", expected["about"]).unwrap();
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

/// What a reader has noted comes out in both generations.
#[test]
fn all_of_a_readers_data_is_in_the_results() {
    let csv = "Title,Author,Series,Series Number,Format,Original Publication Year,My Rating,Read Status,Date Read,\
        Dates Read,Date Started,Date Added,Read Count,Bookshelves,My Review,Private Notes,Owned Copies\n\
        \"Grey Coast (Salt, #2)\",Nan Ott,Salt,2,Hardcover,1965,4.5,read,2021-03-14,2021-03-01/2021-03-14; 2019-2020,\
        2021-03-01,2018-05-06,2,sea,Good,lent to Bo,3\n\
        Other,Bo Lind,,,wax tablet,,,did not finish,,,,,,,,,\n";
    let library = read_csv(csv.as_bytes(), 10).unwrap();
    assert_eq!(library.problems, []);
    let items: Vec<Item> = (library.books.into_iter())
        .map(|Row { wanted, imported }| Item {
            imported: Some(imported),
            ..Item::wanted(wanted)
        })
        .collect();
    let expected = [
        json!({
            "title": "Grey Coast (Salt, #2)",
            "series": {"name": "Salt", "position": "2"},
            "format": "Hardcover",
            "originalYear": 1965,
            "userRating": 4.5,
            "readingStatus": "read",
            "dateRead": "2021-03-14",
            "datesRead": ["2021-03-01/2021-03-14", "2019/2020"],
            "dateStarted": "2021-03-01",
            "dateAdded": "2018-05-06",
            "readCount": 2,
            "shelves": ["sea"],
            "review": "Good",
            "notes": "lent to Bo",
            "ownedCopies": 3,
        }),
        json!({"format": "wax tablet", "readingStatus": "did-not-finish"}),
    ];
    for (item, expected) in items.iter().zip(expected) {
        let v2 = serde_json::to_value(Book::of(item)).unwrap();
        let v3 = serde_json::to_value(api::v3::Book::of(item)).unwrap();
        assert_eq!(v2["source"], expected);
        assert_eq!(v3["source"], expected);
    }
}

#[test]
fn what_was_guessed_or_reads_both_ways_is_uncertain() {
    let reading = |file: &[u8]| {
        let library = read_csv(file, 10).unwrap();
        let reading = api::reading::Reading::from(&library.reading);
        serde_json::to_value(reading).unwrap()
    };
    for (file, expected) in [
        (
            &b"Title,Author,Date Read\nGrey Coast,Nan Ott,03/04/2020\n"[..],
            true,
        ),
        (
            b"Title,Author,Date Read\nGrey Coast,Nan Ott,03/04/2020-05/06/2020\n",
            true,
        ),
        (
            b"Title,Author,Date Read\nGrey Coast,Nan Ott,13/04/2020\n",
            false,
        ),
        (
            b"Title,Author,Date Read\nGrey Coast,Nan Ott,01/04/2020-13/04/2020\n",
            false,
        ),
        (
            b"Title,Author,Date Read\nGrey Coast,Nan Ott,2020-03-04\n",
            false,
        ),
        (
            b"Title,Author,Rating\nGrey Coast,Nan Ott,A\nBlue Coast,Nan Ott,B\n",
            true,
        ),
        (b"Title,Author\nL\xe9a,Nan Ott\n", true),
        ("Title,Author\nLéa,Nan Ott\n".as_bytes(), false),
    ] {
        let reading = reading(file);
        assert_eq!(
            reading["uncertain"],
            expected,
            "{}",
            String::from_utf8_lossy(file)
        );
    }
}
