//! Library exports, whole files as readers have them.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use books::{
    CsvErrorKind, Format, Isbn, Library, Mapping, ReadingStatus, Row, Series, read_csv,
    read_library, same_book_key,
};
use proptest::prelude::*;

const SAMPLE: &[u8] = include_bytes!("../../../tests/data/goodreads_library_export.csv");

fn read(csv: &str) -> Library {
    read_csv(csv.as_bytes(), 10_000).unwrap()
}

fn titles(library: &Library) -> Vec<&str> {
    (library.books.iter())
        .map(|row| row.wanted.title.as_str())
        .collect()
}

fn series(name: &str, position: &str) -> Option<Series> {
    Some(Series {
        name: name.into(),
        position: Some(position.into()),
    })
}

#[test]
fn a_real_goodreads_export_is_read_completely() {
    let library = read_csv(SAMPLE, 10_000).unwrap();
    assert_eq!(library.rows, 769);
    assert_eq!(library.books.len(), 767);
    assert_eq!(library.duplicates, 2);
    assert_eq!(library.rejected(), 0);
    let merged: Vec<_> = (library.problems.iter())
        .map(|problem| (problem.row, problem.error.as_str(), problem.rejected))
        .collect();
    assert_eq!(
        merged,
        [
            (
                373,
                "The same book as row 40: merged into it; its rating 3 was not taken",
                false
            ),
            (
                618,
                "The same book as row 136: merged into it; its format \"E-book\" was not taken; its ISBN 9780525559481 is another edition's",
                false
            ),
        ]
    );

    let with = |test: fn(&Row) -> bool| library.books.iter().filter(|row| test(row)).count();
    // 592 rows have one; the second "The Midnight Library" is left out with its own.
    assert_eq!(with(|row| row.wanted.isbn.is_some()), 591);
    assert_eq!(with(|row| row.wanted.author.is_empty()), 0);
    assert_eq!(with(|row| row.wanted.title.contains("#")), 0);
    assert_eq!(with(|row| row.wanted.author.contains("  ")), 0);
    assert_eq!(with(|row| row.imported.source.reading_status.is_none()), 0);
    assert_eq!(with(|row| row.imported.source.goodreads_id.is_none()), 0);

    let first = &library.books[0];
    assert_eq!(first.wanted.title, "Long Bright River");
    assert_eq!(first.wanted.author, "Liz Moore");
    assert_eq!(first.wanted.isbn, Isbn::parse("9780525540670").ok());
    let imported = &first.imported;
    assert_eq!(imported.row, 2);
    assert_eq!(imported.authors, ["Liz Moore"]);
    assert_eq!(imported.publisher.as_deref(), Some("Riverhead Books"));
    assert_eq!(
        (imported.year, imported.original_year),
        (Some(2020), Some(2020))
    );
    assert_eq!(imported.pages, Some(482));
    assert_eq!(imported.format, Some(Format::Hardcover));
    assert_eq!(
        serde_json::to_value(&imported.source).unwrap(),
        serde_json::json!({
            "readingStatus": "currently-reading", "dateAdded": "2025-08-09", "readCount": 1,
            "goodreadsId": "43834909"
        })
    );

    let at = |row| {
        library
            .books
            .iter()
            .find(|book| book.imported.row == row)
            .unwrap()
    };
    assert_eq!(
        at(4).imported.authors,
        ["Mariana Enríquez", "Megan McDowell"]
    );
    assert_eq!(
        at(3).imported.source.date_read.as_deref(),
        Some("2025-08-09")
    );
    assert_eq!(at(5).imported.series, series("We Solve Murders", "1"));
    // Without an ISBN and a date at its first row, with both at its second.
    assert_eq!(at(40).wanted.isbn, Isbn::parse("9781524798659").ok());
    let source = &at(40).imported.source;
    assert_eq!(source.date_read.as_deref(), Some("2022-04-12"));
    assert_eq!(source.user_rating, Some(4.0));
    let with_series = |row: &Row| {
        let given = row.imported.given_title.as_deref().unwrap_or_default();
        given.contains('#')
            && row
                .imported
                .series
                .as_ref()
                .is_some_and(|s| s.position.is_some())
    };
    assert_eq!(with(with_series), 104);
}

#[test]
fn the_same_library_in_other_encodings_is_the_same() {
    let text = std::str::from_utf8(SAMPLE).unwrap();
    let expected = read_csv(SAMPLE, 10_000).unwrap();
    let utf_16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let with_bom = [b"\xef\xbb\xbf", SAMPLE].concat();
    let windows = text.replace("\r\n", "\n").replace('\n', "\r\n");
    for bytes in [&utf_16, &with_bom, windows.as_bytes()] {
        let library = read_csv(bytes, 10_000).unwrap();
        assert!(library.books == expected.books && library.problems == expected.problems);
    }
}

#[test]
fn a_storygraph_export() {
    let library = read(
        "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,Read Count,Moods,Pace,Character- or Plot-Driven?,Strong Character Development?,Loveable Characters?,Diverse Characters?,Flawed Characters?,Star Rating,Review,Content Warnings,Content Warning Description,Tags,Owned?\n\
         Good Omens,\"Terry Pratchett, Neil Gaiman\",Martin Jarvis (Narrator),9780060853983,audio,read,2023/01/10,2024/03/15,\"2022/01/02-2022/01/09, 2024/03/01-2024/03/15\",2,,,,,,,,4.25,\"Two\nlines\",,,\"sci-fi, to-reread\",Yes\n\
         Piranesi,Susanna Clarke,,0b31b0a9-6c1c-4b6e-8a39-3b3a5d7a0a11,digital,did-not-finish,,,,0,,,,,,,,,,,,,No\n",
    );
    assert_eq!(titles(&library), ["Good Omens", "Piranesi"]);
    assert_eq!(
        library.problems,
        [],
        "an id of StoryGraph's own is no bad ISBN"
    );
    let omens = &library.books[0].imported;
    assert_eq!(omens.authors, ["Terry Pratchett", "Neil Gaiman"]);
    assert_eq!(omens.format, Some(Format::Audiobook));
    assert_eq!(
        serde_json::to_value(&omens.source).unwrap(),
        serde_json::json!({
            "userRating": 4.25, "readingStatus": "read", "dateRead": "2024-03-15",
            "datesRead": ["2022-01-02/2022-01-09", "2024-03-01/2024-03-15"],
            "dateAdded": "2023-01-10", "readCount": 2, "shelves": ["sci-fi", "to-reread"],
            "review": "Two\nlines", "ownedCopies": 1
        })
    );
    let piranesi = &library.books[1];
    assert_eq!(piranesi.wanted.isbn, None);
    assert_eq!(
        piranesi.imported.source.reading_status,
        Some(ReadingStatus::DidNotFinish)
    );
}

#[test]
fn a_librarything_export_with_tabs_and_meaningless_quotes() {
    let tsv = "Book Id\tTitle\tSort Character\tPrimary Author\tPrimary Author Role\tSecondary Author\tSecondary Author Roles\tPublication\tDate\tReview\tRating\tMedia\tPage Count\tDate Read\tTags\tCollections\tISBN\tISBNs\n\
        101\tOn the Road\t1\tKerouac, Jack\t\tCharters, Ann|Cassady, Neal\t\tLibrary of America (2007), Edition: 1st, Hardcover, 864 pages\t2007\t\"Wild\" he said\t4.5\tHardcover\t864\t2008-02-03\tbeat, road\tYour library, Read but unowned\t[1598530127]\t1598530127, 9781598530124\n\
        102\t\"Howl\" and Other Poems\t1\tGinsberg, Allen\t\t\t\tCity Lights (1956)\t1956\t\t\tPaper Book\t\t\t\tTo read\t[]\t\n";
    let check = |library: Library| {
        assert_eq!(library.rows, 2);
        let road = &library.books[0];
        assert_eq!(road.wanted.title, "On the Road");
        assert_eq!(road.wanted.isbn, Isbn::parse("9781598530124").ok());
        assert_eq!(
            road.imported.authors,
            ["Jack Kerouac", "Ann Charters", "Neal Cassady"]
        );
        assert_eq!(
            road.imported.publisher.as_deref(),
            Some("Library of America")
        );
        assert_eq!(road.imported.year, Some(2007));
        assert_eq!(
            serde_json::to_value(&road.imported.source).unwrap(),
            serde_json::json!({
                "userRating": 4.5, "readingStatus": "read", "dateRead": "2008-02-03",
                "shelves": ["beat", "road"], "librarythingId": "101", "review": "\"Wild\" he said"
            })
        );
        let howl = &library.books[1];
        assert_eq!(howl.wanted.title, "\"Howl\" and Other Poems");
        assert_eq!(howl.wanted.isbn, None);
        assert_eq!(
            howl.imported.source.reading_status,
            Some(ReadingStatus::ToRead)
        );
    };
    check(read(tsv));
    let utf_16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(tsv.encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    check(read_csv(&utf_16, 10).unwrap());
}

#[test]
fn any_table_with_a_title_or_an_isbn_will_do() {
    let library = read("Book Title;Author Name;ISBN-13\nDune;Herbert, Frank;978-0-441-17271-9\n");
    assert_eq!(library.books[0].wanted.author, "Frank Herbert");
    assert_eq!(library.books[0].wanted.isbn, Isbn::parse("0441172717").ok());
    let library = read("isbn\n0441172717\n");
    assert_eq!(library.books[0].wanted.title, "");
    let library = read("title\nDune\n\n,\nEmma");
    assert_eq!(titles(&library), ["Dune", "Emma"]);
    let library = read("Title,Subtitle,Series,Series Number\nDune,A Novel,Dune Chronicles,1\n");
    assert_eq!(library.books[0].wanted.title, "Dune: A Novel");
    assert_eq!(
        library.books[0].imported.series,
        series("Dune Chronicles", "1")
    );
}

#[test]
fn exports_of_calibre_and_libib() {
    let calibre = read(
        "authors,author_sort,identifiers,isbn,pubdate,publisher,rating,series,series_index,title\n\
         Frank Herbert & Brian Herbert,\"Herbert, Frank\",\"goodreads:234225,isbn:9780441172719\",,\
         1965-08-01T00:00:00+00:00,Ace,4,Dune Chronicles,1.0,Dune\n\
         Somebody,Somebody,,,0101-01-01T00:00:00+00:00,,,,,Undated\n",
    );
    assert_eq!(calibre.books[1].imported.year, None);
    let row = &calibre.books[0];
    assert_eq!(row.wanted.isbn, Isbn::parse("9780441172719").ok());
    assert_eq!(row.imported.authors, ["Frank Herbert", "Brian Herbert"]);
    assert_eq!(row.imported.year, Some(1965));

    let libib = read(
        "item_type,title,creators,first_name,last_name,ean_isbn13,upc_isbn10,status,completed\n\
         book,The Dispossessed,Ursula K. Le Guin,Ursula,Le Guin,9780061054884,0061054887,Completed,\
         2020-02-01\n\
         movie,Arrival,Denis Villeneuve,Denis,Villeneuve,,,,\n",
    );
    assert_eq!(titles(&libib), ["The Dispossessed"]);
    let row = &libib.books[0];
    assert_eq!(row.wanted.isbn, Isbn::parse("9780061054884").ok());
    assert_eq!(row.imported.source.date_read.as_deref(), Some("2020-02-01"));
    let film = &libib.problems[0];
    assert_eq!((film.row, &*film.error), (3, "a film, not a book"));
    assert!(film.rejected);
}

#[test]
fn a_bad_isbn_is_a_warning_and_the_book_is_kept() {
    let library = read(
        "Title,Author,ISBN\nA Book,Somebody,1234567890\nB Book,Somebody,9.78053E+12\nC Book,Somebody,=\"\"\n,,1234567890\n",
    );
    assert_eq!(titles(&library), ["A Book", "B Book", "C Book"]);
    let problems: Vec<_> = (library.problems.iter())
        .map(|p| (p.row, p.isbn.as_str(), p.error.as_str(), p.rejected))
        .collect();
    assert_eq!(
        problems,
        [
            (2, "1234567890", "Invalid ISBN (check digit)", false),
            (
                3,
                "9.78053E+12",
                "Invalid ISBN (rounded by a spreadsheet)",
                false
            ),
            (
                5,
                "1234567890",
                "Invalid ISBN (check digit), and no title",
                true
            ),
        ]
    );
    assert_eq!((library.rows, library.rejected()), (4, 1));
}

#[test]
fn a_damaged_row_costs_only_itself() {
    let library = read(
        "Title,Author,ISBN,Year,Pages,Publisher\n\
         Dune,Frank Herbert,,1965,,\n\
         Too, many,fields,in,this,row,really\n\
         Nothing lost,Somebody,,2001\n\
         Cut off\n\
         Empty tail,Somebody,,,,,,\n\
         ,Nobody,,,,\n\
         \"Two\nlines\",Somebody,,,,\n",
    );
    assert_eq!(
        titles(&library),
        ["Dune", "Nothing lost", "Empty tail", "Two lines"]
    );
    let problems: Vec<_> = (library.problems.iter())
        .map(|p| (p.row, p.title.as_str(), p.error.as_str(), p.rejected))
        .collect();
    assert_eq!(
        problems,
        [
            (3, "Too", "7 fields, the header has 6", true),
            (5, "Cut off", "1 field, the header has 6", true),
            (7, "", "no title and no ISBN", true),
        ]
    );
    assert_eq!(library.books[3].imported.row, 8);
}

#[test]
fn a_quote_that_is_never_closed_costs_no_other_row() {
    let library = read(
        "Title,Author\nDune,Frank Herbert\n\"Emma,Jane Austen\nPersuasion,Jane Austen\nIt,Stephen King\n",
    );
    assert_eq!(titles(&library), ["Dune", "Emma", "Persuasion", "It"]);
    assert_eq!(library.problems.len(), 1);
    assert_eq!(library.problems[0].row, 3);
    let remark = "a quoted field is never closed: read without it";
    assert_eq!(library.problems[0].error, remark);
    assert_eq!(library.books[2].imported.row, 4);
}

#[test]
fn the_same_book_twice_is_one_book() {
    let library = read(
        "Title,Author,ISBN\n\
         Dune,Frank Herbert,9780441172719\n\
         DUNE: A Novel,Frank Herbert,0441172717\n\
         DUNE,\"Herbert, Frank\",\n\
         Dune,Somebody Else,\n\
         \"Saga (Saga, #1)\",Brian K. Vaughan,\n\
         \"Saga (Saga, #2)\",Brian K. Vaughan,\n\
         Emma,,\n\
         Emma,Jane Austen,\n",
    );
    assert_eq!(library.duplicates, 2);
    assert_eq!(
        titles(&library),
        ["Dune", "Dune", "Saga", "Saga", "Emma", "Emma"]
    );
    assert_eq!(library.rejected(), 0);
    let rows: Vec<u32> = library.problems.iter().map(|problem| problem.row).collect();
    assert_eq!(rows, [3, 4], "each merged row is listed");
}

#[test]
fn different_books_that_share_a_key_stay_apart() {
    for (csv, books) in [
        // One number on every volume of a set, or typed into the wrong row.
        (
            "Title,Author,ISBN\nThe Tower: Rings,J. Tolk,9780101029476\nThe Tower: Walls,J. Tolk,9780101029476\n\
             Cooking,Pam Stove,9780101029476\n",
            3,
        ),
        // Volumes told apart by their numbers, or by a column.
        (
            "Title,Author,ISBN\nCollected Works,Ada,9780100791909\nCollected Works,Ada,9780100871090\n",
            2,
        ),
        (
            "Title,Author,Band\nEiserner Garten,Kei Arata,1\nEiserner Garten,Kei Arata,2\n",
            2,
        ),
        // Titles and numbers that stand for none.
        ("Title,Author\nUntitled,\nUntitled,\n", 2),
        (
            "Title,Author,ISBN\nDune,Frank Herbert,0000000000\nEmma,Jane Austen,0000000000\n",
            2,
        ),
        // Two editions of one book.
        (
            "Title,Author,ISBN,Format\nDune,Frank Herbert,9780441172719,Paperback\n\
             Dune,Frank Herbert,9780593099322,Hardcover\n",
            1,
        ),
    ] {
        assert_eq!(read(csv).books.len(), books, "{csv}");
    }
}

#[test]
fn what_two_rows_say_of_one_book_is_added_up() {
    let library = read(
        "Title,Author,Status,Date Started,Date Read,My Rating,Shelves,Review,Owned,Series\n\
         Dune,Frank Herbert,to-read,,2018-01-02,,\"sf, desert\",Good,,\n\
         Dune,Frank Herbert,read,2020-03-01,2020-03-04,4.5,\"SF, worms\",Better,2,Dune (1)\n",
    );
    assert_eq!(library.books.len(), 1);
    let imported = &library.books[0].imported;
    assert_eq!(imported.series, series("Dune", "1"));
    assert_eq!(
        serde_json::to_value(&imported.source).unwrap(),
        serde_json::json!({
            "userRating": 4.5, "readingStatus": "read", "dateRead": "2020-03-04",
            "datesRead": ["2018-01-02", "2020-03-01/2020-03-04"], "dateStarted": "2020-03-01",
            "shelves": ["sf", "desert", "worms"], "review": "Good\n\nBetter", "ownedCopies": 2
        })
    );
}

#[test]
fn files_that_are_no_list_of_books() {
    use CsvErrorKind::*;
    let many = format!("Title\n{}", "A\n".repeat(11));
    let wide = format!("{}\n1\n", "x".repeat(100 * 1024));
    for (bytes, kind, row, message) in [
        (&b""[..], Empty, None, "the file is empty"),
        (b"\n \r\n", Empty, None, "the file is empty"),
        (b"Title,Author\n", Empty, None, "a header and no rows"),
        (b"Title,Author\n,\n\n", Empty, None, "a header and no rows"),
        (
            b"a,b,c\n1,2,3\n",
            ParseFailed,
            Some(1),
            "row 1: no column named like a title; found: a,b,c",
        ),
        (
            b"\xff\xd8\xff\xe0\0\x10JFIF\0",
            ParseFailed,
            None,
            "the file is a JPEG image, not CSV",
        ),
        (
            b"<!DOCTYPE html>\n<html>",
            ParseFailed,
            None,
            "the file is a web page, such as one that asks to log in, not CSV",
        ),
        (
            wide.as_bytes(),
            ParseFailed,
            Some(1),
            "row 1: the header is 102400 bytes long, at most 65536 are expected",
        ),
        (many.as_bytes(), TooManyRows, None, "more than 10 rows"),
        (
            b"Title,Author\n,x\n,y\n",
            NoBooks,
            Some(2),
            "none of 2 rows is a book; row 2: no title and no ISBN",
        ),
    ] {
        let error = read_csv(bytes, 10).unwrap_err();
        assert_eq!((error.kind, error.row), (kind, row), "{}", error.message);
        assert_eq!(error.message, message);
        assert!(
            error.user_message.ends_with(['.', '!']),
            "{}",
            error.user_message
        );
    }
    assert!(read_csv("Title\n".repeat(11).as_bytes(), 10).is_ok());
}

/// Two million rows took 44 s of a component's processor time before they were too many.
#[test]
fn many_more_rows_than_allowed_are_refused_before_their_cells_are_looked_at() {
    let mapping = Mapping::from([("Nowhere".to_owned(), "title".to_owned())]);
    let kind = |rows: usize| {
        let file = format!("Title,Author\n{}", "a,b\n".repeat(rows));
        read_library(file.as_bytes(), 10, &mapping)
            .unwrap_err()
            .kind
    };
    // That the mapping does not fit is not found out.
    assert_eq!(kind(21), CsvErrorKind::TooManyRows);
    // So few may be lines of half as many rows.
    assert_eq!(kind(20), CsvErrorKind::Mapping);
}

#[test]
fn problems_are_bounded_and_counters_are_not() {
    let library = read(&format!("Title,Author\nDune,x\n{}", ",y\n".repeat(3_000)));
    assert_eq!(library.problems.len(), 1_000);
    assert_eq!(library.rejected(), 3_000);
}

#[test]
fn texts_are_cut_to_their_limits() {
    let long = "x".repeat(5_000);
    let library = read(&format!("Title,Author,Publisher\n{long},{long},{long}\n"));
    let book = &library.books[0];
    assert_eq!(book.wanted.title.len(), 500);
    assert_eq!(book.wanted.author.len(), 300);
    assert_eq!(book.imported.publisher.as_ref().unwrap().len(), 300);
}

#[test]
fn hostile_quotes_do_not_take_quadratic_time() {
    // Each line opens a quote that swallows the next lines.
    let hostile = format!("Title,Author\n{}", "\"a\nb\"c,\"\n".repeat(20_000));
    match read_csv(hostile.as_bytes(), 1_000_000) {
        Ok(library) => check(&library),
        Err(error) => assert_ne!(error.kind, CsvErrorKind::TooManyRows),
    }
}

fn check(library: &Library) {
    let kept = library.books.len() as u32;
    assert_eq!(library.rows, kept + library.duplicates + library.rejected());
    let rejected = library.problems.iter().filter(|p| p.rejected).count() as u32;
    assert!(rejected == library.rejected() || library.problems.len() == 1_000);
    for pair in library.books.windows(2) {
        assert!(pair[0].imported.row < pair[1].imported.row);
    }
    for row in &library.books {
        assert!(!row.wanted.title.is_empty() || row.wanted.isbn.is_some());
        let again = serde_json::to_string(row).unwrap();
        assert_eq!(&serde_json::from_str::<Row>(&again).unwrap(), row);
        let _ = same_book_key(&row.wanted);
    }
}

/// Text that looks enough like a library to get past the header.
fn almost_csv() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just(String::new()),
        Just("=\"9780525540670\"".to_owned()),
        Just("\"".to_owned()),
        Just("\"a\nb\"".to_owned()),
        Just("Dune (Dune, #1)".to_owned()),
        Just("2024/03/15-2024/04/01".to_owned()),
        "[\\PC\"(),#;\t]{0,12}",
    ];
    let row = prop::collection::vec(field, 0..8).prop_map(|fields| fields.join(","));
    let header = prop_oneof![
        Just("Title,Author,ISBN,My Rating,Date Read,Bookshelves"),
        Just("Title,Authors,ISBN/UID,Read Status,Dates Read,Star Rating"),
        Just("Book Id\tTitle\tPrimary Author\tPublication\tISBN"),
        Just("isbn"),
        Just("\"Title;Author"),
    ];
    (
        header,
        prop::collection::vec(row, 0..30),
        prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    )
        .prop_map(|(header, rows, end)| format!("{header}{end}{}", rows.join(end)))
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        if let Ok(library) = read_csv(&bytes, 100) {
            check(&library);
        }
        let bytes = [b"Title,Author,ISBN\n", &bytes[..]].concat();
        if let Ok(library) = read_csv(&bytes, 100) {
            check(&library);
        }
    }

    #[test]
    fn any_almost_csv_has_an_answer(text in almost_csv(), cut in any::<prop::sample::Index>()) {
        for bytes in [text.as_bytes(), &text.as_bytes()[..cut.index(text.len() + 1)]] {
            match read_csv(bytes, 20) {
                Ok(library) => check(&library),
                Err(error) => prop_assert!(!error.message.is_empty()),
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..Default::default() })]

    #[test]
    fn a_damaged_sample_still_has_an_answer(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), length in 0usize..20_000
    ) {
        let mut bytes = SAMPLE[..length].to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(library) = read_csv(&bytes, 10_000) {
            check(&library);
        }
    }
}
