//! The choice among the records of an answer, and answers that tell less than there is: what is
//! taken, how sure it is, and what is asked again.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod open_library;

use std::collections::BTreeMap;

use books::{Answer, Found, Isbn, Known, Lookup, Record, Search, Wanted};
use open_library::{endpoints, search};
use serde_json::{Value, json};

const ISBN: &str = "9780141439587";
const OTHER: &str = "9780441172719";
const THIRD: &str = "9780525540670";

fn wanted(title: &str, author: &str, isbn: &str) -> Wanted {
    Wanted {
        title: title.into(),
        author: author.into(),
        isbn: Isbn::parse(isbn).ok(),
        ..Wanted::default()
    }
}

/// A work of one edition that has its title.
fn work(number: usize, title: &str, authors: &[&str], isbns: &[&str]) -> Value {
    json!({"key": format!("/works/OL{number}W"), "title": title, "author_name": authors,
        "editions": {"docs": [{"key": format!("/books/OL{number}M"), "title": title,
            "isbn": isbns}]}})
}

/// The record that is taken out of an answer, and whether a person should look at it.
fn taken(wanted: Wanted, docs: &[Value]) -> Option<(Record, bool)> {
    let record = open_library::taken(wanted, docs)?;
    let is_doubtful = record.matched.unwrap().is_doubtful();
    Some((record, is_doubtful))
}

fn title(wanted: Wanted, docs: &[Value]) -> Option<(String, bool)> {
    taken(wanted, docs).map(|(record, is_doubtful)| (record.work.title, is_doubtful))
}

fn sure(title: &str) -> Option<(String, bool)> {
    Some((title.to_owned(), false))
}

fn doubtful(title: &str) -> Option<(String, bool)> {
    Some((title.to_owned(), true))
}

#[test]
fn another_volume_is_not_the_book_because_its_series_and_its_number_are_the_same() {
    let goblet = work(
        1,
        "Harry Plotter and the Goblet of Ice",
        &["J. K. Rowler"],
        &[ISBN],
    );
    let chamber = "Harry Plotter and the Chamber of Dust";
    let rest = work(2, chamber, &["J. K. Rowler"], &[OTHER]);
    let row = || wanted(chamber, "J. K. Rowler", ISBN);
    assert_eq!(title(row(), std::slice::from_ref(&goblet)), None);
    assert_eq!(title(row(), &[goblet, rest]), sure(chamber));
    let silver = work(1, "The Silver Crown", &["J. K. Rowler"], &[ISBN]);
    let golden = wanted("The Golden Crown (Crowns, #2)", "J. K. Rowler", ISBN);
    assert_eq!(title(golden, &[silver]), doubtful("The Silver Crown"));
    // One word of several: the same book in another country. A translation keeps its names.
    for (ours, theirs, expected) in [
        (
            "Harry Plotter and the Baker's Stone",
            "Harry Plotter and the Miller's Stone",
            sure as fn(&str) -> _,
        ),
        (
            "Harry Plotter und die Kammer der Asche",
            "Harry Plotter and the Chamber of Dust",
            doubtful,
        ),
    ] {
        let record = work(1, theirs, &["J. K. Rowler"], &[ISBN]);
        let row = wanted(ours, "J. K. Rowler", ISBN);
        assert_eq!(title(row, &[record]), expected(theirs), "{ours}");
    }
}

#[test]
fn what_cannot_be_compared_is_not_sure() {
    let knitting = work(1, "Knitting for Beginners", &["Pam Stove"], &[ISBN]);
    let row = wanted("Мастер и писарь", "Михаил Булгар", ISBN);
    assert_eq!(
        title(row, std::slice::from_ref(&knitting)),
        doubtful("Knitting for Beginners")
    );
    let row = wanted("Мастер и писарь", "", ISBN);
    assert_eq!(
        title(row, std::slice::from_ref(&knitting)),
        doubtful("Knitting for Beginners")
    );
    let mut cooking = work(1, "きょうの料理", &["栗原はるみ"], &[ISBN]);
    cooking["author_alternative_name"] = json!(["Harumi Kurihara"]);
    let row = wanted("Norwegian Rain", "Haruki Murano", ISBN);
    assert_eq!(title(row, &[cooking.clone()]), doubtful("きょうの料理"));
    let row = wanted("Today's Kitchen", "Harumi Kurihara", ISBN);
    assert_eq!(title(row, &[cooking]), sure("きょうの料理"));
    // Only a number was given.
    assert_eq!(
        title(wanted("", "", ISBN), &[knitting]),
        sure("Knitting for Beginners")
    );
}

#[test]
fn a_number_that_a_set_claims_is_that_of_its_volume() {
    let set = |title| work(1, title, &["J. Tolkar"], &[OTHER, ISBN, THIRD]);
    let volume = work(2, "The Ash Tower", &["J. Tolkar"], &[ISBN]);
    for name in ["The Lords of Ash (Boxed Set)", "The Lords of Ash"] {
        let mut set = set(name);
        set["cover_i"] = json!(5);
        let number = || wanted("", "", ISBN);
        assert_eq!(
            title(number(), &[set.clone(), volume.clone()]),
            sure("The Ash Tower")
        );
        assert_eq!(title(number(), &[set]), doubtful(name));
    }
}

/// A work that many have published takes the room of all the others in a request.
#[test]
fn what_an_answer_has_no_room_for_is_asked_for_again() {
    let crowd: Vec<Value> = (0..600)
        .map(|n| work(n, "Hamletto", &["William Shakespare"], &[]))
        .collect();
    let mut books = vec![wanted("Hamletto", "William Shakespare", "")];
    let mut rare = BTreeMap::new();
    for n in 0..39 {
        let title = format!("Lantern {n} of Glass");
        rare.insert(title.clone(), work(1_000 + n, &title, &["Ann Author"], &[]));
        books.push(wanted(&title, "Ann Author", ""));
    }
    books.swap(0, 17);
    let all = books.clone();
    let (found, asked) = search(books, |_, lookup| {
        let titles = lookup.items.iter().map(|at| &all[*at].title);
        let mut docs: Vec<Value> = Vec::new();
        for title in titles {
            match rare.get(title) {
                Some(work) => docs.push(work.clone()),
                // The most popular come first.
                None => drop(docs.splice(0..0, crowd.iter().cloned())),
            }
        }
        docs.truncate((lookup.items.len() * 10).clamp(10, 500));
        docs
    });
    let count = found
        .iter()
        .filter(|found| matches!(found, Found::Record(_)));
    assert_eq!(count.count(), 40);
    assert!(asked <= 14, "{asked}");
}

#[test]
fn a_part_of_an_answer_proves_nothing_of_what_it_lacks() {
    let books = vec![
        wanted("Emma", "Jane Austen", ""),
        wanted("Persuasion", "Jane Austen", ""),
        wanted("Sanditon", "Jane Austen", ""),
    ];
    let mut search = Search::new(books, &endpoints());
    let part = |search: &Search, lookup: &Lookup, titles: &[&str]| {
        let docs: Vec<Value> = (titles.iter().enumerate())
            .map(|(n, title)| work(n, title, &["Jane Austen"], &[]))
            .collect();
        let body = json!({"numFound": docs.len(), "docs": docs}).to_string();
        search.read(lookup, body.as_bytes()).unwrap()
    };
    let all = search.next().remove(0);
    let records = part(&search, &all, &["Emma"]);
    search.answered(all, Answer::Part(records));
    let mut again = search.next();
    assert_eq!(again[0].items, [1, 2]);
    let pair = again.remove(0);
    let records = part(&search, &pair, &[]);
    search.answered(pair, Answer::Part(records));
    let mut again = search.next();
    assert_eq!(again.len(), 2);
    let (first, second) = (again.remove(0), again.remove(0));
    let records = part(&search, &first, &["Persuasion"]);
    search.answered(first, Answer::Records(records));
    search.answered(second, Answer::Part(Vec::new()));
    assert!(search.next().is_empty());
    let found = search.finish();
    assert!(matches!(found[0], Found::Record(_)));
    assert!(matches!(found[1], Found::Record(_)));
    assert_eq!(found[2], Found::Error, "nobody has said no");
}

/// An answer that is remembered goes through the rules as if it had just come.
#[test]
fn a_remembered_record_answers_only_what_it_would_answer_now() {
    let row = wanted("Winter Bees", "Q. Vorn", ISBN);
    let mort = work(1, "La Mort du Chat", &["Q. Vorn"], &[ISBN]);
    let (mort, is_doubtful) = taken(row.clone(), &[mort]).unwrap();
    assert!(is_doubtful);
    let emma = work(2, "Emmaland", &["Jane Austen"], &[]);
    let (emma, _) = taken(wanted("Emmaland", "Jane Austen", ""), &[emma]).unwrap();
    let mut sofie = work(3, "Sofies verden", &["Jostein Gaarder"], &[OTHER]);
    sofie["editions"]["docs"][0]["title"] = json!("Sophie's World");
    let sophie = wanted("Sophie's World", "Jostein Gaarder", ISBN);
    let (sofie, _) = taken(sophie.clone(), &[sofie]).unwrap();
    for (row, record, is_taken) in [
        (row, &mort, true),
        (wanted("Winter Bees", "Q. Vorn", ""), &mort, false),
        (wanted("La mort du chat", "Q. Vorn", ""), &mort, true),
        (wanted("Emmaland", "J. Austen", ""), &emma, true),
        (
            wanted("Emmaland (Graphic Novel)", "Jane Austen", ""),
            &emma,
            false,
        ),
        (
            wanted("Emmaland (Box Set)", "Jane Austen", ""),
            &emma,
            false,
        ),
        (wanted("???", "Jane Austen", ""), &emma, false),
        (sophie, &sofie, true),
    ] {
        let mut search = Search::new(vec![row.clone()], &endpoints());
        let is_known = search.set_known(0, Known::Answer(record.clone()));
        assert_eq!(is_known, is_taken, "{row:?}");
    }
}

#[test]
fn what_a_record_says_in_brackets_is_looked_at() {
    let by = |title| work(1, title, &["William Shakespare"], &[]);
    let row = || wanted("Macdeath", "William Shakespare", "");
    for name in [
        "Macdeath (No Fear Shakespeare)",
        "Macdeath (Penguin Readers Level 5)",
        "Macdeath (BBC Radio Drama)",
        "Macdeath (First Chapter)",
    ] {
        assert_eq!(title(row(), &[by(name)]), doubtful(name), "{name}");
    }
    for name in [
        "Macdeath (Cliffs Notes)",
        "Macdeath [York Notes]",
        "Macdeath (Comics)",
        "Macdeath [gekürzte Lesung]",
        "Macdeath: Simplified Edition",
        "Macdeath: Brodie's Notes",
        "Macdeath: Teacher's Manual",
        "Macdeath: Lesson Plans",
        "Macdeath: Bande dessinée",
        "Macdeath: The Making of",
    ] {
        assert_eq!(title(row(), &[by(name)]), None, "{name}");
    }
    for name in [
        "Macdeath [Penguin Classics]",
        "Macdeath (Illustrated)",
        "Macdeath (Kindle Edition)",
        "Macdeath (1998)",
    ] {
        assert_eq!(title(row(), &[by(name)]), sure(name), "{name}");
    }
    let in_series = wanted("Mort (Diskwelt, #4)", "Ann Author", "");
    let record = work(1, "Mort (Diskwelt)", &["Ann Author"], &[]);
    assert_eq!(title(in_series, &[record]), sure("Mort (Diskwelt)"));
}

#[test]
fn a_cover_does_not_choose_between_works() {
    let plain = work(1, "Macdeath", &["William Shakespare"], &[]);
    let mut drawn = work(2, "Macdeath", &["Gareth Hinds", "William Shakespare"], &[]);
    drawn["cover_i"] = json!(5);
    let (record, _) = taken(
        wanted("Macdeath", "William Shakespare", ""),
        &[plain.clone(), drawn],
    )
    .unwrap();
    assert_eq!(record.work.open_library_id.as_deref(), Some("OL1W"));
}

#[test]
fn two_books_in_one_are_neither_for_sure() {
    let both = "The Small Walker / The Tower of Kings";
    let record = work(1, both, &["J. Tolkar"], &[]);
    for name in ["The Small Walker", "The Tower of Kings"] {
        let found = title(wanted(name, "J. Tolkar", ""), std::slice::from_ref(&record));
        assert!(found.is_none_or(|(_, is_doubtful)| is_doubtful), "{name}");
    }
    assert_eq!(title(wanted(both, "J. Tolkar", ""), &[record]), sure(both));
    let list = "Winter Farm; Burma Nights; The Clerk's Son";
    let record = work(1, list, &["J. Tolkar"], &[]);
    assert_eq!(
        title(wanted("Winter Farm", "J. Tolkar", ""), &[record]),
        doubtful(list)
    );
    let mut record = work(1, "Winter Farm", &["J. Tolkar"], &[]);
    record["subtitle"] = json!("Burma Nights; Coming Down");
    record["editions"] = json!(null);
    assert_eq!(
        title(wanted("Winter Farm", "J. Tolkar", ""), &[record]),
        doubtful("Winter Farm")
    );
}

#[test]
fn a_family_name_is_not_its_bearer() {
    let mut toni = work(1, "Home Again", &["Toni Marson"], &[]);
    toni["author_alternative_name"] = json!(["Marson", "T. Marson"]);
    let row = |author| wanted("Home Again", author, "");
    assert_eq!(title(row("Vince Marson"), &[toni.clone()]), None);
    assert_eq!(
        title(row("Toni Marson"), &[toni.clone()]),
        sure("Home Again")
    );
    assert_eq!(title(row("Marson"), &[toni]), sure("Home Again"));
    let jane = work(1, "Ghost Lake", &["Jane Smith"], &[]);
    let john = work(2, "Ghost Lake", &["John Smith"], &[]);
    let again = work(3, "Ghost Lake", &["Smith, Jane"], &[]);
    for author in ["Smith", "J. Smith"] {
        let row = || wanted("Ghost Lake", author, "");
        assert_eq!(title(row(), &[jane.clone(), john.clone()]), None);
        assert_eq!(
            title(row(), &[jane.clone(), again.clone()]),
            sure("Ghost Lake")
        );
    }
}

#[test]
fn a_volume_is_not_the_book_that_its_series_is_called_after() {
    let row = |title| wanted(title, "R. Gar", "");
    let healer = "Second Light: Azure Healer";
    let record = work(1, healer, &["R. Gar"], &[]);
    assert_eq!(
        title(row("Azure Healer"), std::slice::from_ref(&record)),
        doubtful(healer)
    );
    assert_eq!(
        title(row("Azure Healer (Second Light, #2)"), &[record]),
        sure(healer)
    );
    for half in ["The Eye of Glass, Part 1", "The Eye of Glass (Part 1)"] {
        let record = work(1, half, &["R. Gar"], &[]);
        assert_eq!(
            title(row("The Eye of Glass (Wheel of Sand, #1)"), &[record]),
            None
        );
    }
}

#[test]
fn articles_behind_and_volumes_in_brackets_are_read() {
    for (ours, theirs) in [
        ("De avonden", "Avonden, De"),
        ("Étranger, L'", "L'étranger"),
        ("Crime do padre, O", "O crime do padre"),
        ("Salt Sea (Vol. 5)", "Salt Sea, Vol. 5"),
        ("Asterix der Gallier (Band 1)", "Asterix der Gallier"),
    ] {
        let record = work(1, theirs, &["Ann Author"], &[]);
        assert_eq!(
            title(wanted(ours, "Ann Author", ""), &[record]),
            sure(theirs),
            "{ours}"
        );
    }
}
