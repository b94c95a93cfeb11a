//! Accidents and habits of spreadsheets: a header that was sorted into its rows, cells that are
//! not there, a sheet for each year, days without a year.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use std::io::{Cursor, Write};

use books::{Library, read_csv};
use cases::check_all;
use shown::{check, line};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

#[test]
fn accidents_of_spreadsheets_lose_nothing() {
    check_all(include_str!("spreadsheet_habits.txt"), 18);
}

#[test]
fn a_lone_cell_that_may_be_torn_off_is_no_book() {
    check(
        "Title,Author,Rating\nEmma,Jane Austen,4\nCut off\nDune,Frank Herbert,5\n",
        "Emma | Jane Austen | 4/5\nDune | Frank Herbert | 5/5\n!3: 1 field, the header has 3",
    );
}

#[test]
fn a_header_is_found_far_down_in_a_sorted_sheet() {
    let rows = |from: usize| {
        (from..from + 60)
            .map(|at| format!("Salt {at} and the Sea,Nan Ott,{}\n", at % 5 + 1))
            .collect::<String>()
    };
    let file = format!("{}Title,Author,Rating\n{}", rows(100), rows(200));
    let library = read_csv(file.as_bytes(), 1_000).unwrap();
    assert_eq!(library.books.len(), 120);
    assert_eq!(library.reading.header_row, Some(61));
    assert_eq!(
        line(&library.books[0]),
        "Salt 100 and the Sea | Nan Ott | 1/5"
    );
    assert!(library.reading.lines_above.is_empty());
}

/// A workbook of sheets, each of rows of cells.
fn workbook(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, text: &str| {
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    };
    let (mut list, mut relations) = (String::new(), String::new());
    for (at, (name, rows)) in sheets.iter().enumerate() {
        let id = at + 1;
        list += &format!(r#"<sheet name="{name}" sheetId="{id}" r:id="r{id}"/>"#);
        relations += &format!(
            r#"<Relationship Id="r{id}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{id}.xml"/>"#
        );
        let mut data = String::new();
        for (row, cells) in rows.iter().enumerate() {
            data += &format!(r#"<row r="{}">"#, row + 1);
            for (column, cell) in cells.iter().enumerate() {
                let column = char::from(b'A' + u8::try_from(column).unwrap());
                let cell = cell.replace('&', "&amp;");
                let place = format!("{column}{}", row + 1);
                if cell.starts_with('#') {
                    data += &format!(r#"<c r="{place}" t="e"><v>{cell}</v></c>"#);
                } else if !cell.is_empty() {
                    data += &format!(r#"<c r="{place}" t="inlineStr"><is><t>{cell}</t></is></c>"#);
                }
            }
            data += "</row>";
        }
        part(
            &format!("xl/worksheets/sheet{id}.xml"),
            &format!(
                r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{data}</sheetData></worksheet>"#
            ),
        );
    }
    part(
        "xl/workbook.xml",
        &format!(
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{list}</sheets></workbook>"#
        ),
    );
    part(
        "xl/_rels/workbook.xml.rels",
        &format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>"#
        ),
    );
    part(
        "_rels/.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    );
    part(
        "[Content_Types].xml",
        r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#,
    );
    writer.finish().unwrap().into_inner()
}

fn library(sheets: &[(&str, &[&[&str]])]) -> Library {
    read_csv(&workbook(sheets), 100).unwrap()
}

fn lines(library: &Library) -> Vec<String> {
    library.books.iter().map(line).collect()
}

#[test]
fn a_row_of_one_cell_is_a_book_in_a_workbook() {
    let read = library(&[(
        "Books",
        &[
            &["Title", "Author", "Rating", "Notes"],
            &["Emma", "Jane Austen", "4", "x"],
            &["Persuasion"],
            &["Sanditon"],
            &["Dune", "Frank Herbert"],
        ],
    )]);
    assert_eq!(
        lines(&read),
        [
            "Emma | Jane Austen | 4/5 | x",
            "Persuasion",
            "Sanditon",
            "Dune | Frank Herbert"
        ]
    );
    let scanned = library(&[(
        "Books",
        &[
            &["ISBN", "Title", "Author"],
            &["9780141439587"],
            &["9780441172719"],
        ],
    )]);
    assert_eq!(lines(&scanned), ["9780141439587", "9780441172719"]);
}

#[test]
fn sheets_of_the_same_columns_are_one_list() {
    let read = library(&[
        ("About", &[&["My books, by year"]]),
        (
            "2020",
            &[
                &["Title", "Author", "Rating"],
                &["Emma", "Jane Austen", "4"],
                &[],
                &["Persuasion"],
            ],
        ),
        (
            "2021",
            &[
                &["All that I read"],
                &["Author", "Title", "Pages", "Rating"],
                &["Frank Herbert", "Dune", "500", "5"],
            ],
        ),
        (
            "To Read",
            &[&["Title", "Author"], &["Ulysses", "James Joyce"]],
        ),
        (
            "Films",
            &[&["Title", "Director"], &["Alien", "Ridley Scott"]],
        ),
    ]);
    assert_eq!(
        lines(&read),
        [
            "Emma | Jane Austen | 4/5 | 2020",
            "Persuasion | 2020",
            "Dune | Frank Herbert | 500 p. | 5/5 | 2021",
            "Ulysses | James Joyce | to-read"
        ]
    );
    let reading = &read.reading;
    assert_eq!(reading.sheet.as_deref(), Some("2020, 2021, To Read"));
    assert_eq!(reading.other_sheets, ["About", "Films"]);
    assert_eq!(reading.lines_above, ["All that I read"]);
}

#[test]
fn names_of_sheets_that_no_reader_gave_are_no_shelves() {
    let read = library(&[
        ("Sheet1", &[&["Title", "Author"], &["Emma", "Jane Austen"]]),
        (
            "Sheet2",
            &[&["Title", "Author"], &["Dune", "Frank Herbert"]],
        ),
    ]);
    assert_eq!(lines(&read), ["Emma | Jane Austen", "Dune | Frank Herbert"]);
    assert_eq!(read.reading.sheet.as_deref(), Some("Sheet1, Sheet2"));
}

#[test]
fn cells_of_a_workbook_are_never_read_as_text() {
    for (first, second) in [
        ("活着", "余华"),
        ("Godan", "Munshi Premchand"),
        ("The White \"Tiger\"", "Aravind Adiga"),
    ] {
        let read = library(&[(
            "Books",
            &[
                &[first, second],
                &["三体", "刘慈欣"],
                &["围城", "钱锺书"],
                &["平凡的世界", "路遥"],
            ],
        )]);
        assert_eq!(read.books[0].wanted.title, first);
        assert_eq!(read.books[0].imported.authors, [second]);
    }
    let read = library(&[(
        "Books",
        &[
            &["Dune, and more"],
            &["Emma \"x\""],
            &["Hyperion\nline two"],
        ],
    )]);
    let titles: Vec<_> = (read.books.iter())
        .map(|book| book.wanted.title.as_str())
        .collect();
    assert_eq!(titles.len(), 3);
    assert!(titles[0].starts_with("Dune") && !titles[0].contains('"'));
}

#[test]
fn punctuation_alone_tells_windows_1252() {
    let head = b"Title,Author\nEmma,Jane Austen\nDune,Frank Herbert\nThe Trial,Franz Kafka\n";
    for (bytes, title) in [
        (&b"Tom\x92s \x96 \x93X\x94\x85,Ann Bee"[..], "Tom’s – “X”…"),
        (b"A \x93Q\x94 B,Ann Bee", "A “Q” B"),
        (b"Q \x96 R,Ann Bee", "Q – R"),
        (b"It\x85,Ann Bee", "It…"),
        (b"\x805,Ann Bee", "€5"),
        (
            b"Stieg Larsson \x96 M\xe4n som hatar,S",
            "Stieg Larsson – Män som hatar",
        ),
        (b"Jo Nesb\xf8 books,Jo Nesb\xf8", "Jo Nesbø books"),
        (b"Peter H\xf8eg,Peter H\xf8eg", "Peter Høeg"),
        (b"Na\xefve,Ann Bee", "Naïve"),
        (b"\xbd Life,Ann Bee", "½ Life"),
    ] {
        for repeat in [1, 30] {
            let mut file = head[..13].to_vec();
            for _ in 0..repeat {
                file.extend(&head[13..]);
            }
            file.extend(bytes);
            let read = read_csv(&file, 1_000).unwrap();
            let last = &read.books.last().unwrap().wanted.title;
            assert_eq!(last, title, "{}", read.reading.encoding);
        }
    }
}

#[test]
fn errors_of_formulas_in_a_workbook_are_listed() {
    let rows: [&[&str]; 3] = [
        &["Title", "Author", "Pages"],
        &["Dune", "Frank Herbert", "#REF!"],
        &["#N/A", "Jane Austen", "300"],
    ];
    let library = library(&[("Books", &rows)]);
    assert_eq!(library.books.len(), 1);
    let errors: Vec<&str> = (library.problems.iter())
        .map(|problem| problem.error.as_str())
        .collect();
    assert_eq!(
        errors,
        [
            "Pages \"#REF!\" is the error of a formula",
            "no title and no ISBN; Title \"#N/A\" is the error of a formula"
        ]
    );
}
