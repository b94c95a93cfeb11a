//! Cells that another cell contradicts, and words beside a value: each is kept or listed.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod shown;

use books::read_csv;
use shown::{check, read};

#[test]
fn words_beside_times_from_one_day_to_another() {
    check(
        "Title,Author,Date Read\n\
         A,Nan Ott,2021-03-04 - 2021-03-14 on holiday\n\
         B,Nan Ott,\"2021-03-04, 2021-05-06 with Bo\"\n\
         C,Nan Ott,2021-03-04 - 2021-03-14\n\
         D,Nan Ott,from 4 March 2021 to 14 March 2021\n",
        "A | Nan Ott | read | on 2021-03-14 | 2021-03-04/2021-03-14\n\
         B | Nan Ott | read | on 2021-05-06 | 2021-03-04 2021-05-06\n\
         C | Nan Ott | read | on 2021-03-14 | 2021-03-04/2021-03-14\n\
         D | Nan Ott | read | on 2021-03-14 | 2021-03-04/2021-03-14\n\
         ?2: Date Read \"2021-03-04 - 2021-03-14 on holiday\": only the date is kept\n\
         ?3: Date Read \"2021-05-06 with Bo\": only the date is kept",
    );
    check(
        "Title,Author,Dates Read\n\
         A,Nan Ott,\"2020-01-01-, 2021-01-01-\"\n\
         B,Nan Ott,2020/01/01-\n\
         C,Nan Ott,\"2020/01/01-2020/01/05, 2021/01/01-2021/01/09\"\n\
         D,Nan Ott,\"March 4, 2021 → March 14, 2021\"\n\
         E,Nan Ott,\"2020/01/01-2020/01/05 in Rome, 2021/01/01\"\n\
         F,Nan Ott,\"2020/01/01-, 2021/02/03-2021/02/10\"\n",
        "A | Nan Ott | reading | from 2021-01-01\n\
         B | Nan Ott | reading | from 2020-01-01\n\
         C | Nan Ott | read | on 2021-01-09 | 2020-01-01/2020-01-05 2021-01-01/2021-01-09\n\
         D | Nan Ott | read | on 2021-03-14 | 2021-03-04/2021-03-14\n\
         E | Nan Ott | read | on 2021-01-01 | 2020-01-01/2020-01-05 2021-01-01\n\
         F | Nan Ott | read | from 2020-01-01 | on 2021-02-10 | 2021-02-03/2021-02-10\n\
         ?2: Dates Read has two times without an end: the one begun 2020-01-01 was not taken\n\
         ?6: Dates Read \"2020/01/01-2020/01/05 in Rome\": only the date is kept",
    );
}

#[test]
fn a_series_in_a_column_that_differs_from_that_in_the_title() {
    check(
        "Title,Author,Series,Series Number\n\
         \"Grey Coast (Salt, #1)\",Nan Ott,Pepper,1\n\
         \"Grey Wave (Salt, #2)\",Nan Ott,The Salt Saga,2\n\
         \"Grey Hill (Salt, #3)\",Nan Ott,Salt #4,\n",
        "Grey Coast | Nan Ott | Salt #1\n\
         Grey Wave | Nan Ott | Salt #2\n\
         Grey Hill | Nan Ott | Salt #3\n\
         ?2: Series \"Pepper\" was not taken: another column says otherwise\n\
         ?4: Series \"Salt #4\" was not taken: another column says otherwise",
    );
}

/// Of two columns of one field each value is in the book or among its problems.
#[test]
fn two_columns_of_one_field() {
    for (columns, cells) in [
        ("Publisher,Verlag", "Qpod,Qace"),
        ("Series,Reihe", "Qsalt,Qpepper"),
        ("ASIN,ASIN", "B07LABC123,B07LABC124"),
        ("ISBN,ASIN", "9780525540670,0441172717"),
        ("Subtitle,Untertitel", "Qone,Qtwo"),
        ("Binding,Format", "Hardcover,Qother"),
        ("Binding,Format", "Qone,Qtwo"),
        ("Title,Titel", "Qone,Qtwo"),
        ("Pages,Seiten", "311,312"),
        ("Progress,Progress", "45%,3 of 17"),
        ("Goodreads ID,Goodreads ID", "311,312"),
        ("Work Key,Work Key", "OL311W,OL312W"),
        ("Work Key,Shelves", "qbroken,Qone"),
        ("Author,Author (Last First)", "Nan Qott,\"Qlind, Bo\""),
        ("Status,Date Started", "Reading since 2020-01-02,2021-03-04"),
        ("Year Published,Jahr", "1999,2001"),
    ] {
        let csv = format!("Title,Author,{columns}\nA Book,Some Body,{cells}\n");
        let library = read_csv(csv.as_bytes(), 10).unwrap();
        let told = format!(
            "{} {:?}",
            serde_json::to_string(&library.books[0]).unwrap(),
            library
                .problems
                .iter()
                .map(|problem| &problem.error)
                .collect::<Vec<_>>()
        );
        for cell in cells.split(',').map(|cell| cell.trim_matches('"')) {
            let cell = cell.trim_start_matches("Reading since ");
            let is_format = cell == "Hardcover" && told.contains("\"Hardcover\"");
            // A printed book's ASIN is its ISBN-10.
            let as_isbn13 = cell == "0441172717" && told.contains("9780441172719");
            assert!(
                told.contains(cell.trim()) || is_format || as_isbn13,
                "{columns}: {cell} is not in {told}"
            );
        }
    }
}

#[test]
fn of_check_boxes_the_one_that_does_not_count_is_named() {
    check(
        "Title,Author,Did not finish,Currently reading,Want to read\n\
         A,Nan Ott,yes,yes,\n\
         B,Nan Ott,no,yes,yes\n",
        "A | Nan Ott | given up\n\
         B | Nan Ott | reading\n\
         ?2: Currently reading \"yes\" was not taken: another column says otherwise\n\
         ?3: Want to read \"yes\" was not taken: another column says otherwise",
    );
    check(
        "Title,Author,Currently reading,Did not finish,Read\n\
         A,Nan Ott,yes,yes,\n\
         B,Nan Ott,yes,no,yes\n",
        "A | Nan Ott | given up\n\
         B | Nan Ott | reading\n\
         ?2: Currently reading \"yes\" was not taken: another column says otherwise\n\
         ?3: is marked as read, too: another column says otherwise",
    );
    check(
        "Title,Author,Status,Progress\nA,Nan Ott,dnf,100%\nB,Nan Ott,read,100%\n",
        "A | Nan Ott | given up\n\
         B | Nan Ott | read\n\
         ?2: Progress \"100%\" was not taken: another column says otherwise",
    );
}

#[test]
fn numbers_of_readings_that_differ() {
    check(
        "Title,Author,Status,Read Count\n\
         A,Nan Ott,Read x2,0\n\
         B,Nan Ott,Read x2,2\n\
         C,Nan Ott,Read x2,3\n",
        "A | Nan Ott | read | 2 times\n\
         B | Nan Ott | read | 2 times\n\
         C | Nan Ott | read | 3 times\n\
         ?2: read 0 times, says one column: another says more\n\
         ?4: read 2 times, says one column: another says more",
    );
}

#[test]
fn what_is_no_asin_in_a_column_of_them() {
    check(
        "Title,Author,ASIN\n\
         A,Nan Ott,9780441172710\n\
         B,Nan Ott,0441172710\n\
         C,Nan Ott,B07LABC123\n\
         D,Nan Ott,12345\n\
         E,Nan Ott,0441172717\n",
        "A | Nan Ott\n\
         B | Nan Ott\n\
         C | Nan Ott\n\
         D | Nan Ott\n\
         E | Nan Ott | 9780441172719\n\
         ?2: Invalid ISBN (check digit)\n\
         ?3: Invalid ISBN (check digit)\n\
         ?5: ASIN \"12345\" was not understood",
    );
}

#[test]
fn the_number_of_a_volume_is_compared_by_its_value() {
    check(
        "Title,Author\n\
         Grey Coast (#1),Nan Ott\n\
         Grey Coast (Book 1 of 6),Nan Ott\n\
         Grey Coast (Vol. 01),Nan Ott\n\
         Grey Coast (Book 2 of 6),Nan Ott\n\
         Grey Coast (Book One),Nan Ott\n\
         \"Grey Coast (Salt, #1)\",Nan Ott\n",
        "Grey Coast (#1) | Nan Ott | Salt #1\n\
         Grey Coast (Book 2 of 6) | Nan Ott\n\
         ?3: The same book as row 2: merged into it\n\
         ?4: The same book as row 2: merged into it\n\
         ?6: The same book as row 2: merged into it\n\
         ?7: The same book as row 2: merged into it",
    );
    check(
        "Title,Author,Series,Series Number\n\
         Salt,Nan Ott,Salt Saga,1-3\n\
         Salt,Nan Ott,Salt Saga,01 – 03\n\
         Salt,Nan Ott,Salt Saga,1-2\n",
        "Salt | Nan Ott | Salt Saga #1-3\n\
         Salt | Nan Ott | Salt Saga #1-2\n\
         ?3: The same book as row 2: merged into it",
    );
}

#[test]
fn a_text_that_is_cut_says_so_wherever_the_cut_falls() {
    for at in 95..105 {
        let tag = format!("{} {}", "x".repeat(at), "y".repeat(20));
        let told = read(format!("Title,Author,Tags\nA,Nan Ott,{tag}\n").as_bytes());
        assert!(told.contains("more than 100 characters"), "{at}: {told}");
    }
    let long = "Ann Ott ".repeat(60);
    for column in ["Author", "Series", "Binding"] {
        let told = read(format!("Title,{column}\nA Book,{long}\n").as_bytes());
        assert!(told.contains(" cut to "), "{column}: {told}");
    }
    let names: Vec<String> = (0..60).map(|at| format!("Ann Q{at}x")).collect();
    let told = read(format!("Title,Author\nA Book,{}\n", names.join("; ")).as_bytes());
    assert!(told.contains("no more than 50 authors"), "{told}");
}

/// What stands behind the last column is told, and the row is listed as it stands in the file.
#[test]
fn a_surplus_of_any_length_is_told() {
    let words: Vec<String> = (0..60).map(|at| format!("word{at}")).collect();
    let surplus = words.join(" ");
    let csv = format!("Title,Author,Rating\nEmma,Jane Austen,5,{surplus}\n");
    let library = read_csv(csv.as_bytes(), 10).unwrap();
    assert!(library.problems[0].error.contains(&surplus));
    assert_eq!(library.problems[0].cells[3], surplus);
    assert_eq!(library.cells[0][3], surplus);
    let surplus = surplus.repeat(10);
    let csv = format!("Title,Author,Rating\nEmma,Jane Austen,5,{surplus}\n");
    let library = read_csv(csv.as_bytes(), 10).unwrap();
    let rest = format!("(and {} characters more)", surplus.len() - 1_000);
    let told = &library.problems[0].error;
    assert!(told.contains(&rest), "{told}");
    assert_eq!(library.problems[0].cells[3], surplus);
}

#[test]
fn a_cell_of_several_lines_before_a_trailing_separator_is_one() {
    check(
        "Title,Author,Review,\n\
         A,Nan Ott,\"one\ntwo, three\",\n\
         B,Nan Ott,\"one\nC,Bo Lind,two,\nthree\",\n\
         D,\"Nan\nOtt\",ok,,\n",
        "A | Nan Ott | one\ntwo, three\n\
         B | Nan Ott | one\nC,Bo Lind,two,\nthree\n\
         D | Nan & Ott | ok",
    );
}

#[test]
fn a_column_of_quarters_is_one_of_shares() {
    check(
        "Title,Author,Rating\nA,Nan Ott,0.25\nB,Nan Ott,0.5\nC,Nan Ott,0.75\nD,Nan Ott,1\n",
        "A | Nan Ott | 1.25/5\nB | Nan Ott | 2.5/5\nC | Nan Ott | 3.75/5\nD | Nan Ott | 5/5",
    );
}

/// Words beside a value, before it, behind it and in brackets, in each kind of column.
#[test]
fn words_beside_values_of_every_kind() {
    let columns: &[(&str, &[&str])] = &[
        (
            "Date Read",
            &[
                "2021-03-04",
                "March 2021",
                "2021-03-04 - 2021-03-14",
                "3/14/2021",
                "yes",
            ],
        ),
        (
            "Dates Read",
            &["2021/03/04-2021/03/14", "2021/03/04-, 2022/01/02"],
        ),
        ("Date Started", &["2021-03-04", "2021"]),
        ("My Rating", &["4", "4/5", "★★★★", "80%", "0"]),
        ("Pages", &["300", "300 pages", "1,234", "xii, 300 p."]),
        ("Year Published", &["2001", "c2001", "2001-02-03"]),
        ("Original Publication Year", &["2001", "44 BC"]),
        ("Read Count", &["2", "0"]),
        ("Owned", &["yes", "2"]),
        ("ISBN", &["9780441172719", "0441172717"]),
        ("ASIN", &["B07LABC123", "0441172717"]),
        ("Status", &["read", "Finished 2019", "Read x2", "45%"]),
        ("Read?", &["yes", "2021", "2", "no"]),
        ("Series", &["Salt #2", "Salt (2)"]),
        ("Progress", &["45%", "100%"]),
        ("Did not finish", &["yes"]),
        ("Work Key", &["OL1W", "/works/OL1W"]),
        (
            "Goodreads ID",
            &["123", "https://www.goodreads.com/book/show/123"],
        ),
    ];
    for (column, values) in columns {
        for value in *values {
            for form in [
                "{} qzxv",
                "qzxv {}",
                "{}, qzxv",
                "{} (qzxv)",
                "{}; qzxv",
                "{}\nqzxv",
            ] {
                let cell = form.replace("{}", value);
                let csv =
                    format!("Title,Author,{column}\nA,Nan Ott,\"{cell}\"\nB,Bo Lind,\"{value}\"\n");
                let told = read(csv.as_bytes());
                let library = read_csv(csv.as_bytes(), 10).unwrap();
                let is_used = library.reading.columns[2].field.is_some();
                let kept = serde_json::to_string(&library.books[0]).unwrap();
                let is_told = told.contains("qzxv") || kept.to_lowercase().contains("qzxv");
                assert!(!is_used || is_told, "{column} {cell:?}: {told}");
            }
        }
    }
}

#[test]
fn days_from_which_computers_count() {
    for day in [
        "1970-01-01",
        "1/1/1970",
        "1900-01-01",
        "1899-12-30",
        "31.12.1899",
        "1970-01-01T00:00:00Z",
    ] {
        check(
            &format!("Title,Author,Date Read,Date Added\nA,Nan Ott,{day},{day}\n"),
            "A | Nan Ott",
        );
    }
    let library = read_csv(b"Title,Author,Year\nA,Nan Ott,1970-01-01\n", 10).unwrap();
    assert_eq!(library.books[0].imported.year, Some(1970));
}

#[test]
fn labels_that_are_like_placeholders() {
    for label in ["NA", "SD", "ND", "OD", "TBD", "nil", "None"] {
        for column in ["Tags", "Shelves"] {
            let file = format!("Title,Author,{column}\nA,Nan Ott,{label}\n");
            let library = read_csv(file.as_bytes(), 10).unwrap();
            assert_eq!(
                library.books[0].imported.source.shelves,
                [label],
                "{column}"
            );
        }
        let file = format!("Title,Author,Notes\nA,Nan Ott,{label}\n");
        let library = read_csv(file.as_bytes(), 10).unwrap();
        assert_eq!(
            library.books[0].imported.source.notes.as_deref(),
            Some(label)
        );
    }
    for author in ["Unknown", "[Unknown]", "unbekannt"] {
        let file = format!("Title,Author\nGrey Coast,{author}\nA Sea,Nan Ott\n");
        let library = read_csv(file.as_bytes(), 10).unwrap();
        assert_eq!(library.books[0].wanted.author, "", "{author}");
    }
}

#[test]
fn a_decimal_comma_without_quotes() {
    let library = read_csv(
        b"Title,Author,Rating\nGrey Coast,Nan Ott,4,5\nA Sea,Bo Lind,3\n",
        10,
    )
    .unwrap();
    let book = &library.books[0];
    assert_eq!(
        (book.wanted.title.as_str(), book.wanted.author.as_str()),
        ("Grey Coast", "Nan Ott")
    );
    assert_eq!(book.imported.source.user_rating, Some(4.5));
}

#[test]
fn a_table_of_something_else_is_no_list_of_titles() {
    for file in [
        "Date,Description,Amount\n2021-01-01,Groceries,12.50\n2021-01-02,Rent,800\n",
        "Artist,Album,Year\nThe Coast,Arrival,1976\nThe Sea,Waves,1980\n",
    ] {
        assert!(read_csv(file.as_bytes(), 10).is_err(), "{file}");
    }
}

#[test]
fn an_english_edition_is_no_publisher() {
    let file = "Title,Author,Edition,Copies\nSums,Nan Ott,2nd,1\nSums,Nan Ott,3rd,1\n";
    let library = read_csv(file.as_bytes(), 10).unwrap();
    assert_eq!(library.books[0].imported.publisher, None);
    let file = "Titre,Auteur,\u{c9}dition\nSommes,Nan Ott,Gallimard\n";
    let library = read_csv(file.as_bytes(), 10).unwrap();
    assert_eq!(
        library.books[0].imported.publisher.as_deref(),
        Some("Gallimard")
    );
}
