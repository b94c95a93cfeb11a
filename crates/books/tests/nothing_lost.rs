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
        "[0-9](\\.[0-9]{1,3})? ?/ ?[1-9][0-9]{0,3}",
        "0[.,]0{0,3}[1-9]%?",
        "(yes|no|maybe|soon|★★★|4 stars|n/a|Summer 2019|c1999|12-34|Q3)",
        "[a-z]{2,9}",
        "[\\PC]{1,6}",
    ]
}

proptest! {
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
            || matches!(folded.trim_matches(|c: char| !c.is_alphanumeric()), "no" | "n" | "nd" | "od" | "sd" | "f" | "non" | "na" | "n/a" | "nan" | "nil" | "null" | "ka" | "tba" | "tbd" | "none" | "nei" | "nee" | "nie" | "nem" | "nej" | "ne" | "ei" | "not" | "false" | "nao" | "nein" | "faux" | "unset")
            || folded.chars().all(|c| c == '0' || !c.is_alphanumeric())
            // "0/5" is no rating.
            || column == "My Rating"
                && cell.split_once('/').is_some_and(|(part, _)| part.trim().chars().all(|c| "0.,-".contains(c)));
        prop_assert!(
            row != empty.books[0] || !library.problems.is_empty() || says_nothing,
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

#[test]
fn a_rating_too_small_to_keep_is_listed() {
    for cell in ["0.1/101", "1/5000", "0.05%", "0.001", "0.0049"] {
        let library = read(&["My Rating"], &[cell.to_owned()]);
        assert_eq!(library.books[0].imported.source.user_rating, None, "{cell}");
        assert!(
            library.problems[0].error.contains(cell),
            "{:?}",
            library.problems
        );
    }
}

#[test]
fn a_status_in_place_of_a_rating_is_taken_or_listed() {
    let columns = ["Status", "My Rating"];
    for (status, rating, listed) in [
        ("", "DNF", false),
        ("dnf", "DNF", false),
        ("read", "DNF", true),
        ("", "DNF 45%", true),
    ] {
        let library = read(&columns, &[status.to_owned(), rating.to_owned()]);
        assert_eq!(!library.problems.is_empty(), listed, "{status}, {rating}");
    }
}

#[test]
fn every_warning_of_a_row_is_counted() {
    let times: Vec<String> = (0..30).map(|n| format!("long ago, time {n}")).collect();
    let library = read(&["Dates Read"], &[times.join("; ")]);
    let warnings = &library.problems[0].error;
    assert!(warnings.contains("; and "), "{warnings}");
    assert!(warnings.ends_with(" warnings more"), "{warnings}");
}

/// A file of one column beside title and author.
fn one(column: &str, cell: &str) -> Library {
    read(&[column], &[cell.to_owned()])
}

#[test]
fn words_and_further_values_beside_a_value_are_kept_or_listed() {
    for (column, cell) in [
        ("Date Read", "20210304 with Bo"),
        ("Date Read", "20210304, 20220506"),
        ("Date Read", "20210304-20210320"),
        ("My Rating", "0 - hated it"),
        ("My Rating", "0/5 never again"),
        ("Status", "Finished 2019 x2"),
    ] {
        let library = one(column, cell);
        let row = serde_json::to_string(&library.books[0]).unwrap();
        let kept = match cell {
            "20210304, 20220506" => row.contains("2022-05-06"),
            "20210304-20210320" => row.contains("2021-03-20"),
            "Finished 2019 x2" => row.contains("2019"),
            "0 - hated it" => row.contains("hated"),
            "0/5 never again" => row.contains("never"),
            _ => false,
        };
        assert!(
            kept || !library.problems.is_empty(),
            "{column} {cell:?}: {row}"
        );
    }
    // A time of day says nothing more.
    for cell in ["20210304", "20210304T120000Z", "20210304 12:00"] {
        let library = one("Date Read", cell);
        assert!(
            library.problems.is_empty(),
            "{cell}: {:?}",
            library.problems
        );
    }
}

#[test]
fn a_family_name_alone_makes_no_second_person() {
    let csv =
        b"Title,Author\nA,\"Austen, Jane\"\nB,\"Herbert, Frank\"\nC,Garc\xc3\xada M\xc3\xa1rquez\n\
        D,\"Garc\xc3\xada M\xc3\xa1rquez, Gabriel Jos\xc3\xa9\"\n";
    let library = read_csv(csv, 10).unwrap();
    assert_eq!(
        library.books[3].wanted.author,
        "Gabriel José García Márquez"
    );
}

#[test]
fn a_place_of_one_without_a_series_is_no_problem() {
    let library = one("Series Index", "1.0");
    assert!(library.problems.is_empty(), "{:?}", library.problems);
}

#[test]
fn merged_rows_have_a_bounded_number_of_shelves_and_list_the_rest() {
    let rows = (0..400).map(|row| {
        let tags: Vec<String> = (0..50).map(|tag| format!("q{row}x{tag}")).collect();
        format!("A,Nan Ott,{}\n", tags.join(";"))
    });
    let csv = format!("Title,Author,Tags\n{}", rows.collect::<String>());
    let library = read_csv(csv.as_bytes(), 10_000).unwrap();
    assert_eq!(library.books.len(), 1);
    assert!(library.books[0].imported.source.shelves.len() <= 250);
    let listed = library
        .problems
        .iter()
        .any(|problem| problem.error.contains("too many to add"));
    assert!(listed);
}

#[test]
fn many_columns_of_authors_cost_what_they_weigh() {
    let names = |row: usize, column: usize| {
        let names = (0..50).map(|at| format!("Ann Q{row}x{column}y{at}"));
        names.collect::<Vec<_>>().join(";")
    };
    let header = vec!["Author"; 400].join(",");
    let rows = (0..4).map(|row| {
        let cells: Vec<String> = (0..400).map(|column| names(row, column)).collect();
        format!("T{row},{}\n", cells.join(","))
    });
    let csv = format!("Title,{header}\n{}", rows.collect::<String>());
    let library = read_csv(csv.as_bytes(), 10_000).unwrap();
    assert_eq!(library.books.len(), 4);
}

#[test]
fn a_date_beside_a_publisher_is_of_publication_unless_nearly_all_are_days() {
    let csv = b"Title,Author,Publisher,Date\nA,Nan Ott,Pod,2021-03-04\nB,Bo Lind,Pod,2019-05-06\nC,Cy Lund,Ace,2018\n";
    let library = read_csv(csv, 10).unwrap();
    let years: Vec<_> = library.books.iter().map(|row| row.imported.year).collect();
    assert_eq!(years, [Some(2021), Some(2019), Some(2018)]);
    assert_eq!(library.problems.len(), 2, "both days are listed");
}
