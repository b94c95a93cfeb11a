//! The property that no cell is lost: in a column that is used it is understood, kept, or listed
//! with its row.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use books::{Library, read_csv};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

/// Columns whose cells are kept as they stand, whatever they are.
const TEXTS: [&str; 8] = [
    "Publisher",
    "Binding",
    "Shelves",
    "Tags",
    "Review",
    "Private Notes",
    "Series",
    "Status",
];
/// Columns whose cells are read as values.
const VALUES: [&str; 9] = [
    "My Rating",
    "Date Read",
    "Date Started",
    "Date Added",
    "Pages",
    "Year Published",
    "Original Publication Year",
    "Read Count",
    "Owned",
];

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

fn read(columns: &[&str], cells: &[String]) -> Library {
    let header = ["Title", "Author"].iter().chain(columns);
    let header: Vec<String> = header.map(|name| quoted(name)).collect();
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    let csv = format!(
        "{}\n\"A Book\",\"Some Body\",{}\n",
        header.join(","),
        cells.join(",")
    );
    read_csv(csv.as_bytes(), 10).unwrap()
}

/// Words that no status, placeholder or format is made of.
fn word() -> impl Strategy<Value = String> {
    "q[bcdfghjkmnpqrstvwxz]{3,8}"
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..4).prop_map(|words| words.join(" "))
}

/// Values that people write into columns of dates, ratings and numbers.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[1-9][0-9]{0,4}",
        "[1-9],[0-9]",
        "[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}",
        "20[0-9]{2}-[0-9]{2}-[0-9]{2}",
        "[1-9]/[1-9]",
        "(yes|no|maybe|soon|★★★|4 stars|n/a|Summer 2019|c1999|12-34|Q3)",
        "[a-z]{2,9}",
        "[\\PC]{1,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn texts_are_kept(cells in prop::collection::vec(text(), TEXTS.len())) {
        let library = read(&TEXTS, &cells);
        let row = serde_json::to_string(&library.books[0]).unwrap();
        for (column, cell) in TEXTS.iter().zip(&cells) {
            prop_assert!(row.contains(cell.as_str()), "{column} {cell:?} is not in {row}");
        }
        prop_assert!(library.problems.is_empty(), "{:?}", library.problems);
    }

    #[test]
    fn values_are_read_or_listed(at in 0..VALUES.len(), cell in value()) {
        let column = VALUES[at];
        let library = read(&[column], std::slice::from_ref(&cell));
        let empty = read(&[column], &[String::new()]);
        let mut row = library.books[0].clone();
        row.imported.row = empty.books[0].imported.row;
        // These say that there is nothing, with whatever accents.
        let folded: String = cell.to_lowercase().nfkd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).collect();
        let letters = cell.chars().filter(|c| c.is_alphanumeric()).count();
        let says_nothing = letters == 0
            || matches!(folded.trim(), "no" | "n" | "f" | "non" | "na" | "n/a" | "nan" | "nil" | "null" | "ka" | "tba" | "tbd" | "none" | "nei" | "nee" | "nie" | "nem" | "nej" | "ne" | "ei" | "not" | "false" | "nao" | "nein" | "faux" | "unset")
            || cell.chars().all(|c| c == '0' || !c.is_alphanumeric())
            // "0/5" is no rating.
            || column == "My Rating"
                && cell.split_once('/').is_some_and(|(part, _)| part.chars().all(|c| "0.,-".contains(c)));
        let is_yes = column == "Date Started" || column == "Date Added";
        prop_assert!(
            row != empty.books[0] || !library.problems.is_empty() || says_nothing || is_yes && cell.len() < 12 && cell.chars().all(char::is_alphanumeric),
            "{column} {cell:?} is lost"
        );
    }

    #[test]
    fn every_row_is_a_book_or_listed(rows in prop::collection::vec(("[a-c]{0,2}", "[d-e]{0,2}", "[0-9]{0,2}"), 1..20)) {
        let lines = rows.iter().map(|(title, author, number)| format!("{title},{author},{number}\n"));
        let csv = format!("Title,Author,Volume\n{}", lines.collect::<String>());
        if let Ok(library) = read_csv(csv.as_bytes(), 100) {
            let listed = library.problems.len() as u32;
            let books = library.books.len() as u32;
            prop_assert!(books + listed >= library.rows);
            prop_assert_eq!(library.rows, books + library.duplicates + library.rejected());
        }
    }
}
