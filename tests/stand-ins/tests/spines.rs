//! Word queries as the reader of spines makes them, answered as Open Library answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http;

use books::{Endpoints, Lettering, Shelf, Spine, SpineSearch, SpinesFound, UnknownSpine};
use http::{AGENT, get, send};
use stand_ins::{Sandbox, Settings};

/// The sample shelf as it is read, wrong letters included: the lines of a spine, and after a `|`
/// those beside them.
const SAMPLE: [&str; 11] = [
    "THE / LUMINARIES / ELEANOR / CATTON",
    "This Is How It Always | Laurie Frankel",
    "Attached.8 | THE NEW SCIENCE OF ADULT ATTACHMENT AND / AMIR / LEVINE",
    "Ro / DHAM / CURTIS SITTENFELD",
    "J. Courtney S / Erienás and",
    "Conrad Heart of Darkness and Other Tales / OXFORD",
    "THE BODY KEEPS THE SCORE / BESSEL VAN DER KOLK, M.D. | BRAIN, MIND, AND BODY IN THE HEALING OF TRAUMA",
    "we will be killed with our families / Philip Gourevitch | We wisi toTirurm yor tiar-romorow",
    "BABEL / R.F. KUANG N",
    "THEPOPPYWARMAKBANG",
    "SELLOUT / PAUL BEATTY / PICADOR",
];

fn shelf(spines: &[&str]) -> Shelf {
    let mut shelf = Shelf::default();
    for spine in spines {
        let (lines, beside) = spine.split_once('|').unwrap_or((spine, ""));
        let mut add = |texts: &str| -> Vec<usize> {
            let texts = texts.split(" / ").map(str::trim).filter(|t| !t.is_empty());
            let at = |text: &str| {
                shelf.lettering.push(Lettering {
                    text: text.to_owned(),
                    height: 30.0,
                });
                shelf.lettering.len() - 1
            };
            texts.map(at).collect()
        };
        let (lines, beside) = (add(lines), add(beside));
        shelf.spines.push(Spine { lines, beside });
    }
    shelf
}

/// Searches as the application does, with one request after the other.
async fn search(sandbox: &Sandbox, shelf: Shelf) -> (SpinesFound, usize) {
    let base = sandbox.open_library().base_url();
    let endpoints = Endpoints {
        open_library: Some(base.clone()),
        ..Endpoints::default()
    };
    let mut search = SpineSearch::new(shelf, &endpoints);
    let mut requests = 0;
    loop {
        let lookups = search.next();
        if lookups.is_empty() {
            return (search.finish(), requests);
        }
        for lookup in lookups {
            let url = search.request(&lookup).url;
            let target = url.strip_prefix(&base).unwrap();
            let reply = send(sandbox.open_library(), "GET", target, &[AGENT], Vec::new());
            let reply = reply.await.unwrap();
            assert_eq!(reply.status, 200, "{url}");
            let records = search.reader().read(&reply.body).unwrap();
            search.answered(&lookup, Some(records));
            requests += 1;
        }
    }
}

#[tokio::test]
async fn the_books_of_the_sample_shelf_are_found_by_what_is_read_of_them() {
    let sandbox = Sandbox::start(Settings::default()).await.unwrap();
    let (found, requests) = search(&sandbox, shelf(&SAMPLE)).await;
    let mut titles: Vec<&str> = (found.books.iter())
        .map(|book| book.record.work.title.as_str())
        .collect();
    titles.sort_unstable();
    assert_eq!(
        titles,
        [
            "Attached",
            "Babel",
            "Heart of Darkness and Other Tales",
            "The Body Keeps the Score",
            "The Luminaries",
            "The Sellout",
            "This Is How It Always Is",
            "We Wish to Inform You That Tomorrow We Will Be Killed with Our Families",
        ]
    );
    assert!(found.complete);
    assert!(requests <= 4, "{requests} requests");
}

#[tokio::test]
async fn nobody_is_invented_for_a_shelf_that_the_catalogue_does_not_know() {
    let sandbox = Sandbox::start(Settings::default()).await.unwrap();
    let unknown = [
        "CHRISTINE NOSTLINGER / GRETCHEN SACKMEIER",
        "PROMISES OF THE HOUSE / ANTHONY BODY",
        "LONG BRIGHT NIGHT / MOORE",
        "KAFKA / DAS SCHLOSS",
    ];
    let (found, _) = search(&sandbox, shelf(&unknown)).await;
    assert_eq!(found.books, []);
    // What a person may choose from is out of the same answers.
    let titles = |unknown: &UnknownSpine| -> Vec<String> {
        let near = unknown.near.iter();
        near.map(|near| near.record.title().to_owned()).collect()
    };
    let unknown: Vec<_> = (found.unknown.iter())
        .map(|unknown| (unknown.spine, titles(unknown)))
        .collect();
    let some = |title: &str| vec![title.to_owned()];
    let expected = [
        (0, Vec::new()),
        (1, some("My Body")),
        (2, some("Long Bright River")),
        (3, Vec::new()),
    ];
    assert_eq!(unknown, expected);
}

#[tokio::test]
async fn words_are_all_required_unless_they_are_alternatives() {
    let sandbox = Sandbox::start(Settings::default()).await.unwrap();
    let titles = async |q: &str| -> Vec<String> {
        let reply = get(sandbox.open_library(), "/search.json", &[("q", q)]).await;
        let json = reply.json();
        let docs = json["docs"].as_array().unwrap().iter();
        docs.map(|doc| doc["title"].as_str().unwrap().to_owned())
            .collect()
    };
    let luminaries = titles("luminaries catton").await;
    assert!(luminaries.iter().any(|title| title == "The Luminaries"));
    assert!(luminaries.iter().all(|title| title.contains("Luminaries")));
    assert_eq!(titles("LUMINARIÉS catton").await, luminaries, "folded");
    let misread = titles("luminaries cattn").await;
    assert!(misread.is_empty(), "no wrong letter is forgiven");
    let clause = "((luminaries AND (cattn OR catton)) OR (cattn AND catton))";
    assert_eq!(titles(clause).await, luminaries);
    // Subjects and publishers are words of a work as well.
    let babel = titles("sandbox babel kuang").await;
    assert!(babel.iter().any(|title| title == "Babel"), "{babel:?}");
}
