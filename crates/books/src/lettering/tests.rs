use super::*;
use crate::{Author, Edition, Provider, Work};

fn record(title: &str, author: &str) -> Record {
    Record {
        provider: Provider::OpenLibrary,
        work: Work {
            title: title.into(),
            ..Work::default()
        },
        edition: Edition::default(),
        authors: vec![Author {
            name: author.into(),
            open_library_id: None,
        }],
        aliases: Vec::new(),
        matched: None,
    }
}

/// A shelf of spines, each with lines on its axis and, after a `|`, lines beside.
fn shelf(spines: &[&str]) -> Shelf {
    let mut shelf = Shelf::default();
    for spine in spines {
        let (lines, beside) = spine.split_once('|').unwrap_or((spine, ""));
        let mut add = |texts: &str| -> Vec<usize> {
            let texts = texts.split('/').map(str::trim).filter(|t| !t.is_empty());
            texts
                .map(|text| {
                    // Publishers and quotations are small.
                    let small = text.strip_prefix('~');
                    shelf.lettering.push(Lettering {
                        text: small.unwrap_or(text).to_owned(),
                        height: if small.is_some() { 10.0 } else { 30.0 },
                    });
                    shelf.lettering.len() - 1
                })
                .collect()
        };
        let (lines, beside) = (add(lines), add(beside));
        shelf.spines.push(Spine { lines, beside });
    }
    shelf
}

/// The titles recognised on a shelf whose every spine has all these candidates.
fn recognised(spines: &[&str], books: &[(&str, &str)]) -> Vec<String> {
    let shelf = shelf(spines);
    let records: Vec<Record> = books.iter().map(|(t, a)| record(t, a)).collect();
    let candidates = vec![records; shelf.spines.len()];
    let recognised = shelf.recognise(&candidates);
    recognised
        .into_iter()
        .map(|r| r.record.work.title)
        .collect()
}

#[test]
fn title_and_author_on_a_spine_are_a_book_whatever_their_order() {
    let books = [
        ("Heart of Darkness and Other Tales", "Joseph Conrad"),
        ("Heart of Darkness", "Joseph Conrad"),
        ("Lord Jim", "Joseph Conrad"),
    ];
    assert_eq!(
        recognised(
            &["Conrad Heart of Darkness and Other Tales / ~OXFORD"],
            &books
        ),
        ["Heart of Darkness and Other Tales"]
    );
    assert_eq!(
        recognised(&["HEART OF DARKNES / Josef Conrad"], &books),
        ["Heart of Darkness"]
    );
}

#[test]
fn a_title_of_one_word_needs_its_author() {
    let books = [("Christine", "Stephen King"), ("Babel", "R. F. Kuang")];
    assert_eq!(
        recognised(&["CHRISTINE / NÖSTLINGER"], &books),
        [] as [&str; 0]
    );
    assert_eq!(recognised(&["BABEL"], &books), [] as [&str; 0]);
    assert_eq!(recognised(&["BABEL / R.F. KUANG"], &books), ["Babel"]);
    assert_eq!(recognised(&["BABEL | R.F. KUANG"], &books), ["Babel"]);
    // The author's name in the title is not the author.
    assert_eq!(
        recognised(&["FOSSE"], &[("Fosse", "Jon Fosse")]),
        [] as [&str; 0]
    );
}

#[test]
fn a_title_without_author_must_explain_the_lettering() {
    let books = [("The Dark Is Rising", "Susan Cooper")];
    assert_eq!(
        recognised(&["THE DARK IS RISING"], &books),
        ["The Dark Is Rising"]
    );
    assert_eq!(
        recognised(&["DARK SKY RISING / HENRY LOUIS GATES"], &books),
        [] as [&str; 0]
    );
}

#[test]
fn another_book_of_the_author_is_not_this_one() {
    let books = [
        ("Blood Promise", "Greg Iles"),
        ("Mississippi Blood", "Greg Iles"),
    ];
    assert_eq!(
        recognised(&["PROMISES TO THE DEAD / GREG ILES"], &books),
        [] as [&str; 0]
    );
}

#[test]
fn each_line_names_one_book_and_each_book_is_there_once() {
    let books = [
        ("Wolf Hall", "Hilary Mantel"),
        ("Bring Up the Bodies", "Hilary Mantel"),
    ];
    // The second spine's title is read with the first's author beside it.
    assert_eq!(
        recognised(
            &[
                "WOLF HALL / HILARY MANTEL",
                "WOLF HALL / HILARY MANTEL",
                "BRING UP THE BODIES / MANTEL"
            ],
            &books
        )
        .len(),
        2
    );
    let shelf = shelf(&["EMMA / JANE AUSTEN"]);
    let candidates = vec![vec![
        record("Emma", "Jane Austen"),
        record("Emma", "Jane Austen"),
    ]];
    let found = shelf.recognise(&candidates);
    let [only] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(only.lines, [0, 1]);
    assert_eq!(only.spine, 0);
    assert!(only.confidence > 0.9);
}

#[test]
fn neighbours_are_searched_for_only_when_they_add_words() {
    let shelf = shelf(&["THE BODY KEEPS | THE SCORE / ~PENGUIN", "BABEL | ~9"]);
    let words = |spine, reach| {
        let query = shelf.query(spine, reach);
        query.map(|query| query.words().to_vec())
    };
    assert_eq!(words(0, Reach::Axis).unwrap(), ["keeps", "body"]);
    assert_eq!(
        words(0, Reach::Neighbours).unwrap(),
        ["keeps", "score", "body"]
    );
    assert_eq!(words(1, Reach::Axis).unwrap(), ["babel"]);
    assert_eq!(words(1, Reach::Neighbours), None);
    assert_eq!(words(2, Reach::Axis), None);
}

#[test]
fn positions_that_do_not_exist_are_passed_over() {
    let mut shelf = shelf(&["EMMA / JANE AUSTEN"]);
    shelf.spines[0].lines.push(99);
    shelf.spines[0].beside.push(7);
    let candidates = vec![vec![record("Emma", "Jane Austen")], Vec::new()];
    assert_eq!(shelf.recognise(&candidates).len(), 1);
    assert!(shelf.query(0, Reach::Axis).is_some());
    assert_eq!(shelf.recognise(&[]), []);
}
