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
    let kept = library.cells.iter().zip(&library.repeated);
    let rows = library.books.iter().zip(kept).enumerate();
    rows.map(|(at, (row, (cells, repeated)))| Item {
        imported: Some(row.imported.clone()),
        cells: cells.clone(),
        repeated: repeated.clone(),
        found: Some(found(at)),
        ..Item::wanted(row.wanted.clone())
    })
    .collect()
}

fn items_of(library: &Library) -> Vec<Item> {
    items(library, |_| Found::NotFound)
}

fn export(library: &Library, items: &[Item], format: Format, only: &str) -> String {
    export_of(root(), library, items, format, only)
}

fn export_of(root: Root, library: &Library, items: &[Item], format: Format, only: &str) -> String {
    let (root, report) = (
        root,
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
    let text = String::from_utf8(bytes).unwrap();
    text.strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(&text)
        .to_owned()
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

#[test]
fn every_row_of_a_book_that_failed_is_in_the_file() {
    let file = "Title,Author,ISBN,Shelf\n\
        Nobody Knows,Jane Doe,,first\n\
        Dune,Frank Herbert,9780441013593,a\n\
        Nobody Knows,Jane Doe,,second\n\
        Dune,Frank Herbert,9780441013593,b\n\
        \"NOBODY KNOWS\",Jane Doe,,third\n";
    let library = read_csv(file.as_bytes(), 100).unwrap();
    assert_eq!((library.books.len(), library.duplicates), (2, 3));
    let items = items(&library, |at| match at {
        0 => Found::NotFound,
        _ => Found::Error,
    });
    let csv = export(&library, &items, Format::Csv, "not_found");
    assert_eq!(
        csv,
        "Import row,Import problem,Title,Author,ISBN,Shelf\r\n\
         2,Not found by any provider,Nobody Knows,Jane Doe,,first\r\n\
         4,\"Not found by any provider; the same book as row 2\",Nobody Knows,Jane Doe,,second\r\n\
         6,\"Not found by any provider; the same book as row 2\",NOBODY KNOWS,Jane Doe,,third\r\n"
    );
    // Nothing is in it twice, whatever else is asked for, and imported again it is the same.
    let csv = export(&library, &items, Format::Csv, "failed,not_found,warnings");
    assert_eq!(csv.lines().count(), 1 + 5, "{csv}");
    let again = read_csv(csv.as_bytes(), 100).unwrap();
    assert_eq!((again.books.len(), again.duplicates), (2, 3));
    let shelves = |library: &Library| -> Vec<_> {
        let rows = library.books.iter();
        rows.map(|row| row.imported.source.shelves.clone())
            .collect()
    };
    assert_eq!(shelves(&again), shelves(&library));
    let json = export(&library, &items, Format::Json, "not_found");
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let rows = document["data"]["rows"].as_array().unwrap();
    let numbers: Vec<_> = rows
        .iter()
        .map(|row| (&row["row"], &row["index"]))
        .collect();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.iter().all(|(_, index)| **index == 0), "{json}");
}

/// Rows without room are written as they were understood, and merged they say what all do: which
/// these are stands in the file and in the report.
#[test]
fn a_book_whose_rows_have_no_room_says_what_all_of_them_do() {
    let filler = "x".repeat(790_000);
    let short = "y".repeat(90_000);
    for (file, rows) in [
        // The second row has no room, the first.
        (
            format!(
                "Nobody Knows,Jane Doe,first,{filler}\nAnother,Jane Doe,,{filler}\n\
                 Nobody Knows,Jane Doe,second,{filler}\nNobody Knows,Jane Doe,third,z\n"
            ),
            "rows 4 and 5",
        ),
        (
            format!(
                // Its first row has a warning, whose cells are kept.
                "Another,Jane Doe,,{filler}\nAnother One,Jane Doe,,{filler}\n\
                 Nobody Knows,Jane Doe,first,{short},12345\nNobody Knows,Jane Doe,second,z,\n"
            ),
            "row 5",
        ),
    ] {
        let file = format!("Title,Author,Shelf,Odd,ISBN\n{file}");
        let library = read_csv(file.as_bytes(), 100).unwrap();
        for only in ["not_found", "not_found,warnings"] {
            let csv = export(&library, &items_of(&library), Format::Csv, only);
            let lines: Vec<_> = csv
                .lines()
                .filter(|line| line.contains("Nobody Knows"))
                .collect();
            assert_eq!(lines.len(), 1, "{only}: {rows}");
            assert!(lines[0].contains("first, second"), "{}", lines[0].len());
            let reason = format!("Not found by any provider; with {rows} of the file");
            assert!(lines[0].contains(&reason), "{}", &lines[0][..200]);
        }
        let merged = library.problems.iter().find(|problem| problem.row == 5);
        let error = &merged.unwrap().error;
        assert!(error.ends_with("; exports have both in one row"), "{error}");
    }
}

/// Many rows of one book are counted where they are not all named.
#[test]
fn a_thousand_rows_of_a_book_make_no_cell_that_a_spreadsheet_cuts() {
    let filler = "x".repeat(790_000);
    let mut file = format!("Title,Author,Odd\nA,Jane Doe,{filler}\nB Side,Jane Doe,{filler}\n");
    file.push_str(&format!("C Side,Jane Doe,{}\n", "x".repeat(19_800)));
    file.push_str(&"Nobody Knows,Jane Doe,z\n".repeat(2_000));
    let library = read_csv(file.as_bytes(), 9_999).unwrap();
    let csv = export(&library, &items_of(&library), Format::Csv, "not_found");
    let line = csv.lines().find(|line| line.contains("Nobody")).unwrap();
    assert!(line.contains("with rows 6, 7, "), "{line}");
    assert!(line.contains(" and 1899 more of the file"), "{line}");
}

#[test]
fn books_that_nobody_reached_are_in_the_file_with_the_reason() {
    let library = read_csv(
        b"Name,Title,Author\nmine,Dune,Frank Herbert\n,Babel,R. F. Kuang\n",
        9,
    )
    .unwrap();
    let mut items = items(&library, |_| Found::NotFound);
    items[1].found = None;
    for (stage, reason) in [
        ("canceled", "Not looked up: canceled"),
        ("error", "Not looked up: the job failed"),
    ] {
        let mut root = serde_json::to_value(root()).unwrap();
        root["stage"] = stage.into();
        let root: Root = serde_json::from_value(root).unwrap();
        let csv = export_of(root, &library, &items, Format::Csv, "failed");
        assert_eq!(
            csv,
            format!(
                "Import row,Import problem,Name,Title,Author\r\n3,{reason},,Babel,R. F. Kuang\r\n"
            )
        );
    }
    // What no retry can find says why.
    let library = read_csv(b"Title,Author\nIt,\n", 9).unwrap();
    let csv = export(
        &library,
        &self::items(&library, |_| Found::Error),
        Format::Csv,
        "failed",
    );
    assert!(
        csv.contains("2,Not looked up: the title says too little without an author,It"),
        "{csv}"
    );
}

/// A book that the store has lost leaves its place to no other, and says what it is.
#[test]
fn books_that_are_lost_are_rows_that_say_so() {
    let library = read_csv(b"Title,Author\nDune,Frank Herbert\n", 9).unwrap();
    let mut items = items_of(&library);
    items.insert(0, Item::lost());
    let lost = "Its result and its title are lost";
    let failed = export(&library, &items, Format::Csv, "failed");
    assert!(failed.contains(&format!("\r\n1,{lost},,")), "{failed}");
    let all = export(&library, &items, Format::Csv, "all");
    assert!(all.lines().nth(1).unwrap().contains(lost), "{all}");
    let again = read_csv(all.as_bytes(), 9).unwrap();
    assert_eq!((again.books.len(), again.rejected()), (1, 1));
    // By these fields the page knows it: tests/browser/choosing.test.js has the same.
    let lost = Item::lost();
    let spelled = serde_json::to_value(crate::book::ListedBook::of(&lost)).unwrap();
    let expected = serde_json::json!({
        "title": "", "authors": [], "author": "", "description": null, "categories": [],
        "enrichmentStatus": "error", "nothingToAskBy": true,
    });
    assert_eq!(spelled, expected);
}

/// What may be another book is no part of a library that other programs read: imported again, the
/// same question is open.
#[test]
fn a_doubtful_match_is_exported_once_a_person_has_confirmed_it() {
    let library = read_csv(b"Title,Author\nThe Holy Bible,Anonymous\n", 9).unwrap();
    let export_with = |confidence: f64, is_chosen: bool| {
        let record = serde_json::json!({
            "provider": "openlibrary", "authors": [{"name": "Anonymous"}],
            "work": {"title": "The Holy Bible: Translated", "open_library_id": "OL1W"},
            "edition": {"isbns": ["9780441013593"], "publisher": "A Publisher", "pages": 321},
            "matched": {"by": "title_author", "confidence": confidence},
        });
        let record: books::Record = serde_json::from_value(record).unwrap();
        let mut items = items(&library, |_| Found::Record(Box::new(record.clone())));
        if is_chosen {
            items[0].choice = Some(job::ChosenBy::Candidate);
        }
        let all = export(&library, &items, Format::Csv, "all");
        let known = ["9780441013593", "OL1W", "A Publisher", "321"];
        known.map(|known| all.contains(known))
    };
    assert_eq!(export_with(0.6, false), [false; 4]);
    assert_eq!(export_with(0.6, true), [true; 4]);
    assert_eq!(export_with(0.9, false), [true; 4]);
}

/// Without it a spreadsheet takes UTF-8 for the machine's own encoding. A library is for other
/// programs, which would take it for a part of the first column's name.
#[test]
fn a_table_to_mend_says_how_it_is_encoded() {
    let (library, items) = mixed();
    let query = |format: &str, only: &str| {
        let (root, report) = (root(), Report::default());
        let query = Query::parse(&format!("format={format}&only={only}"));
        let (format, only) = asked(&query).unwrap().unwrap();
        Export::new(&root, &report, format, only).begin()
    };
    assert!(query("csv", "failed").starts_with("\u{feff}Import row,".as_bytes()));
    assert!(query("csv", "all").starts_with(b"Book Id,"));
    assert!(query("json", "failed").starts_with(b"{"));
    let csv = format!(
        "\u{feff}{}",
        export(&library, &items, Format::Csv, "failed")
    );
    let again = read_csv(csv.as_bytes(), 100).unwrap();
    assert_eq!(again.rejected(), 2);
    assert_eq!(again.books.len(), 1);
}

/// A list of keys or numbers has no titles of its own: what was found has, and what was not is
/// known by its key.
#[test]
fn books_given_by_a_key_are_no_empty_rows() {
    let record = |title: &str, work: &str| {
        let record = serde_json::json!({
            "provider": "openlibrary", "work": {"title": title, "open_library_id": work}, "edition": {},
            "authors": [{"name": "An Author"}],
        });
        Found::Record(serde_json::from_value(record).unwrap())
    };
    let library = read_csv(b"Work Id\nOL82563W\nOL82564W\n", 9).unwrap();
    let items = items(&library, |at| match at {
        0 => record("A Title", "OL82563W"),
        _ => Found::NotFound,
    });
    let all = export(&library, &items, Format::Csv, "all");
    let lines: Vec<_> = all.lines().collect();
    assert!(lines[1].contains("A Title,An Author,"), "{all}");
    assert!(
        lines[1].contains("OL82563W") && lines[2].contains("OL82564W"),
        "{all}"
    );

    // Of a request.
    let mut root = serde_json::to_value(root()).unwrap();
    root["pipeline"] = "batch_enrichment".into();
    let root: Root = serde_json::from_value(root).unwrap();
    let items: Vec<Item> = items
        .into_iter()
        .map(|item| Item {
            imported: None,
            cells: Vec::new(),
            ..item
        })
        .collect();
    let library = Library::default();
    let all = export_of(root.clone(), &library, &items, Format::Csv, "all");
    assert!(
        all.lines().nth(1).unwrap().contains("A Title,An Author,"),
        "{all}"
    );
    let missing = export_of(root, &library, &items, Format::Csv, "not_found");
    assert_eq!(
        missing,
        "Import row,Import problem,Title,Author,ISBN13,Work Id\r\n2,Not found by any provider,,,,OL82564W\r\n"
    );
}
