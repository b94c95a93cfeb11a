use std::time::Duration;

use books::{Found, Library, read_csv};
use job::Time;

use super::*;

fn root() -> Root {
    serde_json::from_value(serde_json::json!({
        "v": 1, "id": "job", "pipeline": "csv_import", "route": "imports", "token": true,
        "created": 0, "updated": 0, "expires": 1, "stage": "complete", "seq": 9,
        "epoch": {"term": 1, "nonce": "a"}, "fresh_until": 0,
    }))
    .unwrap()
}

/// The items of a library, each with an outcome.
fn items(library: &Library, found: impl Fn(usize) -> Found) -> Vec<Item> {
    let rows = library.books.iter().zip(&library.cells).enumerate();
    rows.map(|(at, (row, cells))| Item {
        imported: Some(row.imported.clone()),
        cells: cells.clone(),
        found: Some(found(at)),
        ..Item::wanted(row.wanted.clone())
    })
    .collect()
}

fn items_of(library: &Library) -> Vec<Item> {
    items(library, |_| Found::NotFound)
}

fn export(library: &Library, items: &[Item], format: Format, only: &str) -> String {
    let (root, report) = (
        root(),
        Report {
            problems: library.problems.clone(),
            reading: Some(library.reading.clone()),
            ..Report::default()
        },
    );
    let query = Query::parse(&format!("format=csv&only={only}"));
    let (_, only) = asked(&query).unwrap().unwrap();
    let mut export = Export::new(&root, &report, format, only);
    if export.needs_notes() {
        items.iter().for_each(|item| export.note(item));
    }
    let mut bytes = export.begin();
    for (index, item) in items.iter().enumerate() {
        bytes.extend(export.item(u32::try_from(index).unwrap(), item));
    }
    bytes.extend(export.end(Answered {
        at: Time(0),
        took: Duration::ZERO,
    }));
    String::from_utf8(bytes).unwrap()
}

const MIXED: &str = "My Stuff,Title,Author,ISBN,Finished,My Rating\n\
    a,Dune,Frank Herbert,9780441013593,13/05/2024,4\n\
    =cmd(),Nobody Knows,\"Doe, Jane\",,04/05/2024,5\n\
    b,,,12345,,\n\
    \"-c, d\",No Answer,Max Muster,\"=\"\"0525540679\"\"\",,3\n\
    e,,,,,,too,many,cells\n";

fn mixed() -> (Library, Vec<Item>) {
    let library = read_csv(MIXED.as_bytes(), 100).unwrap();
    let found = |at| match at {
        1 => Found::NotFound,
        2 => Found::Error,
        _ => Found::NotFound,
    };
    let mut items = items(&library, found);
    items.remove(0);
    (library, items)
}

#[test]
fn failed_rows_keep_their_columns_and_say_why_they_are_there() {
    let (library, items) = mixed();
    assert_eq!(
        export(&library, &items, Format::Csv, "failed"),
        "Import row,Import problem,My Stuff,Title,Author,ISBN,Finished,My Rating\r\n\
         4,\"Invalid ISBN (length), and no title\",b,,,12345\r\n\
         5,The metadata providers did not answer,\"'-c, d\",No Answer,Max Muster,\"=\"\"0525540679\"\"\",,3\r\n\
         6,\"9 fields, the header has 6\",e,,,,,,too,many,cells\r\n"
    );
    // The other rows told that the day comes first.
    assert_eq!(
        export(&library, &items, Format::Csv, "not_found"),
        "Import row,Import problem,My Stuff,Title,Author,ISBN,Finished,My Rating\r\n\
         3,Not found by any provider,'=cmd(),Nobody Knows,\"Doe, Jane\",,2024/05/04,5\r\n"
    );
}

#[test]
fn a_mended_file_is_read_as_the_first_was() {
    let (library, items) = mixed();
    let csv = export(&library, &items, Format::Csv, "failed,not_found");
    let mended = csv.replace("b,,,12345", "b,,,9780441013593");
    let again = read_csv(mended.as_bytes(), 100).unwrap();
    let titles = |library: &Library| -> Vec<_> {
        let rows = library.books.iter();
        rows.map(|row| (row.wanted.clone(), row.imported.source.clone()))
            .collect()
    };
    let (before, after) = (titles(&library), titles(&again));
    assert_eq!(after.len(), 3, "{:?}", again.problems);
    assert_eq!((&after[0], &after[2]), (&before[1], &before[2]));
    assert_eq!(after[1].0.isbn, before[0].0.isbn);
    assert_eq!(again.problems.len(), 1);
    let names: Vec<_> = again
        .reading
        .columns
        .iter()
        .filter(|c| c.field.is_none())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    // What fails once more has the same columns again.
    let second = items_of(&again);
    let csv = export(&again, &second, Format::Csv, "failed,not_found");
    assert!(
        csv.starts_with("Import row,Import problem,My Stuff,Title,"),
        "{csv}"
    );
    assert!(
        csv.contains("\r\n2,Not found by any provider,'=cmd(),Nobody Knows,"),
        "{csv}"
    );
    assert!(
        csv.contains("\r\n5,\"11 fields, the header has 8\",e,,,,,,too,many,cells\r\n"),
        "{csv}"
    );
}

#[test]
fn reasons_are_no_titles_of_a_file_that_has_none() {
    let library = read_csv(b"ISBN\n9780441013593\n9780441013594\n", 10).unwrap();
    let items = items(&library, |_| Found::NotFound);
    let csv = export(&library, &items, Format::Csv, "failed,not_found");
    let again = read_csv(csv.as_bytes(), 10).unwrap();
    assert_eq!(again.books.len(), 1, "{csv}");
    assert_eq!(again.books[0].wanted, library.books[0].wanted);
}

#[test]
fn as_an_object_each_row_says_which_book_it_is() {
    let (library, items) = mixed();
    let text = export(&library, &items, Format::Json, "failed,not_found,warnings");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = document["data"]["rows"].as_array().unwrap();
    let short: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["row"].as_u64(),
                row["kind"].as_str(),
                row["index"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (Some(3), Some("not_found"), Some(0)),
            (Some(4), Some("rejected"), None),
            (Some(5), Some("failed"), Some(1)),
            (Some(6), Some("rejected"), None),
        ]
    );
}

/// Whatever a reading program exports, the library exported here is the same library.
#[test]
fn a_whole_library_comes_back_as_it_went() {
    let goodreads = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/data/goodreads_library_export.csv"
    ));
    let storygraph = "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,Read Count,Moods,Pace,Star Rating,Review,Tags,Owned?\n\
        \"Dune, Part 1\",\"Frank Herbert, Brian Herbert\",,9780441013593,hardcover,read,2023/02/01,2024/01/15,\"2020/01/01-2020/02/01, 2024/01/02-2024/01/15\",2,,,4.25,\"- first\n=second\",\"sci-fi, to buy\",Yes\n\
        -30-,,,,audio,did-not-finish,,,,,,,,,,No\n";
    let own = "Title,Subtitle,Author,Series,Volume,Started,Binding\n\
        The Left Hand,of Darkness,Ursula K. Le Guin,Hainish,4,2021-03,Scroll\n\
        \"Mort (Discworld, #4)\",,Terry Pratchett,,,,\n";
    for csv in [goodreads.unwrap(), storygraph.into(), own.into()] {
        let library = read_csv(&csv, 10_000).unwrap();
        let items = items(&library, |_| Found::NotFound);
        let exported = export(&library, &items, Format::Csv, "all");
        let again = read_csv(exported.as_bytes(), 10_000).unwrap();
        assert_eq!(again.rows as usize, library.books.len());
        for (before, after) in library.books.iter().zip(&again.books) {
            let mut after = after.clone();
            after.imported.row = before.imported.row;
            // With a subtitle of its own it was not the whole title.
            after
                .imported
                .given_title
                .clone_from(&before.imported.given_title);
            assert_eq!(*before, after);
        }
        assert_eq!(again.books.len(), library.books.len());
    }
}
