//! Whole searches, against providers that are a few lines long.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::{HashMap, HashSet};

use books::{
    Answer, By, Endpoints, Found, GoogleBooks, Isbn, Lookup, Provider, Search, Wanted, read_csv,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const SAMPLE: &[u8] = include_bytes!("../../../tests/data/goodreads_library_export.csv");

fn endpoints() -> Endpoints {
    Endpoints {
        open_library: Some("http://ol".into()),
        google_books: Some(GoogleBooks {
            base: "http://gb".into(),
            key: None,
            country: None,
        }),
        ..Endpoints::default()
    }
}

fn wanted(title: &str, author: &str, isbn: &str) -> Wanted {
    Wanted {
        title: title.into(),
        author: author.into(),
        isbn: Isbn::parse(isbn).ok(),
        work_id: None,
    }
}

fn doc(key: &str, title: &str, author: &str, isbn: &str) -> Value {
    json!({"key": format!("/works/{key}"), "title": title, "author_name": [author], "isbn": [isbn],
        "editions": {"docs": [{"title": title, "isbn": [isbn], "publisher": ["House"]}]}})
}

fn volume(title: &str, author: &str, isbn: &str) -> Value {
    json!({"volumeInfo": {"title": title, "authors": [author],
        "industryIdentifiers": [{"type": "ISBN_13", "identifier": isbn}]}})
}

/// Runs a search; `answer` stands for all providers. Returns what was asked, too.
fn run(
    wanted: Vec<Wanted>,
    endpoints: &Endpoints,
    mut answer: impl FnMut(&Search, &Lookup) -> Answer,
) -> (Vec<Found>, Vec<(Provider, By, usize)>) {
    let mut search = Search::new(wanted, endpoints);
    let mut asked = Vec::new();
    loop {
        let mut out = search.next();
        if out.is_empty() {
            return (search.finish(), asked);
        }
        assert!(
            search.next().is_empty(),
            "nothing more while answers are awaited"
        );
        // In whatever order they come back.
        out.reverse();
        for lookup in out {
            asked.push((lookup.provider, lookup.by, lookup.items.len()));
            let reply = answer(&search, &lookup);
            search.answered(lookup, reply);
        }
    }
}

fn docs(search: &Search, lookup: &Lookup, docs: &[Value]) -> Answer {
    let body = match lookup.provider {
        Provider::OpenLibrary => json!({"numFound": docs.len(), "docs": docs}),
        Provider::GoogleBooks => json!({"totalItems": docs.len(), "items": docs}),
    };
    Answer::Records(search.read(lookup, body.to_string().as_bytes()).unwrap())
}

fn title_of(found: &Found) -> Option<&str> {
    match found {
        Found::Record(record) => Some(&record.work.title),
        _ => None,
    }
}

#[test]
fn open_library_by_isbn_then_by_title_then_google_books_one_by_one() {
    let wave = vec![
        wanted("Dune", "Frank Herbert", "9780441172719"),
        wanted("Emma", "Jane Austen", "9780525540670"),
        wanted("Persuasion", "Jane Austen", ""),
        wanted("Rare", "Nobody Knows", ""),
        wanted("", "", "9780593230381"),
        wanted("", "Jane Austen", ""),
    ];
    let (found, asked) = run(wave, &endpoints(), |search, lookup| {
        let known: Vec<Value> = match (lookup.provider, lookup.by) {
            (Provider::OpenLibrary, By::Isbn) => {
                vec![doc(
                    "OL1W",
                    "Dune, with another title",
                    "F. H.",
                    "9780441172719",
                )]
            }
            (Provider::OpenLibrary, _) => vec![
                doc("OL2W", "Emma", "Jane Austen", "9780000000002"),
                doc("OL3W", "Persuasion: A Study Guide", "Jane Austen", ""),
            ],
            (Provider::GoogleBooks, By::Title) => vec![volume("Persuasion", "J. Austen", "")],
            (Provider::GoogleBooks, _) => vec![volume("The Message", "", "9780593230381")],
        };
        docs(search, lookup, &known)
    });
    assert_eq!(
        found.iter().map(title_of).collect::<Vec<_>>(),
        [
            Some("Dune, with another title"),
            Some("Emma"),
            Some("Persuasion"),
            None,
            Some("The Message"),
            None
        ]
    );
    assert_eq!(found[3], Found::NotFound);
    assert_eq!(found[5], Found::NotFound);
    use By::*;
    use Provider::*;
    assert_eq!(
        asked,
        [
            (OpenLibrary, Isbn, 3),
            (OpenLibrary, Title, 3),
            (GoogleBooks, Title, 1),
            (GoogleBooks, Title, 1),
            (GoogleBooks, Isbn, 1),
        ]
    );
}

#[test]
fn by_work_key() {
    let by_key = |id: &str| Wanted {
        work_id: Some(id.into()),
        ..Wanted::default()
    };
    let wave = vec![by_key("OL1W"), by_key("OL2W"), by_key("not a key")];
    let (found, asked) = run(wave, &endpoints(), |search, lookup| {
        docs(search, lookup, &[doc("OL2W", "Emma", "Jane Austen", "")])
    });
    assert_eq!(
        found.iter().map(title_of).collect::<Vec<_>>(),
        [None, Some("Emma"), None]
    );
    assert_eq!(asked, [(Provider::OpenLibrary, By::WorkId, 2)]);
}

#[test]
fn what_a_silent_provider_means_for_a_book() {
    let wave = || vec![wanted("Dune", "Frank Herbert", "9780441172719")];
    use Provider::*;
    // (Open Library, Google Books) -> outcome; None is an empty answer.
    for (open_library, google_books, outcome) in [
        (None, None, Found::NotFound),
        (Some(Answer::Failed), None, Found::NotFound),
        (None, Some(Answer::Failed), Found::NotFound),
        (Some(Answer::Failed), Some(Answer::Failed), Found::Error),
        (Some(Answer::Failed), Some(Answer::Refused), Found::Error),
        (
            Some(Answer::Refused),
            Some(Answer::Refused),
            Found::CircuitOpen,
        ),
    ] {
        let (found, asked) = run(wave(), &endpoints(), |search, lookup| {
            let silent = match lookup.provider {
                OpenLibrary => &open_library,
                GoogleBooks => &google_books,
            };
            silent.clone().unwrap_or_else(|| docs(search, lookup, &[]))
        });
        assert_eq!(found, [outcome], "{open_library:?}, {google_books:?}");
        let silent = asked.iter().filter(|asked| asked.0 == OpenLibrary).count();
        // One that does not answer is not asked again for the same book.
        assert_eq!(silent, if open_library.is_some() { 1 } else { 2 });
    }
}

#[test]
fn google_books_is_asked_by_title_when_open_library_could_not_be() {
    let wave = vec![wanted("Dune", "Frank Herbert", "9780441172719")];
    let (found, _) = run(wave, &endpoints(), |search, lookup| {
        match (lookup.provider, lookup.by) {
            (Provider::OpenLibrary, _) => Answer::Failed,
            (_, By::Title) => docs(search, lookup, &[volume("Dune", "Frank Herbert", "")]),
            _ => docs(search, lookup, &[]),
        }
    });
    assert_eq!(title_of(&found[0]), Some("Dune"));
}

#[test]
fn nobody_to_ask_is_not_found_and_an_unfinished_search_is_an_error() {
    let wave = vec![wanted("Dune", "Frank Herbert", ""), wanted("", "", "")];
    let nobody = Endpoints {
        open_library: None,
        google_books: None,
        ..endpoints()
    };
    let (found, asked) = run(wave.clone(), &nobody, |_, _| Answer::Failed);
    assert_eq!(found, [Found::NotFound, Found::NotFound]);
    assert!(asked.is_empty());

    let unfinished = || Search::new(wave.clone(), &endpoints());
    assert_eq!(unfinished().finish(), [Found::Error, Found::NotFound]);
    let mut search = unfinished();
    assert_eq!(search.next().len(), 1);
    assert_eq!(search.finish(), [Found::Error, Found::NotFound]);
}

#[test]
fn a_real_library_takes_few_short_requests() {
    let library = read_csv(SAMPLE, 10_000).unwrap();
    let wave: Vec<Wanted> = library.books.into_iter().map(|row| row.wanted).collect();
    let by_isbn: HashMap<String, (String, String)> = (wave.iter())
        .filter_map(|w| Some((w.isbn?.to_string(), (w.title.clone(), w.author.clone()))))
        .collect();
    let mut longest = 0;
    let (found, asked) = run(wave.clone(), &endpoints(), |search, lookup| {
        let url = search.request(lookup).url;
        longest = longest.max(url.len());
        let known: Vec<Value> = match lookup.by {
            By::Isbn => {
                let query = url.split('&').next().unwrap().to_owned();
                (by_isbn.iter())
                    .filter(|(isbn, _)| query.contains(*isbn))
                    .map(|(isbn, (title, author))| doc("OL1W", title, author, isbn))
                    .collect()
            }
            // Solr would have chosen by words; the matching must not need that.
            _ => wave
                .iter()
                .map(|w| doc("OL1W", &w.title, &w.author, ""))
                .collect(),
        };
        docs(search, lookup, &known)
    });
    for (found, wanted) in found.iter().zip(&wave) {
        assert_eq!(title_of(found), Some(wanted.title.as_str()));
    }
    assert!(longest < 4_096, "{longest}");
    assert!(asked.len() <= 12, "{asked:?}");
}

#[test]
fn titles_that_are_all_query_language_stay_inside_their_quotes() {
    let nasty = "\" OR *:* OR title:(\\ && || ! {x} [y] ^2 ~3 ? / + - )\u{0}\n é 日本";
    let search = |provider| {
        let mut endpoints = endpoints();
        match provider {
            Provider::OpenLibrary => endpoints.google_books = None,
            Provider::GoogleBooks => endpoints.open_library = None,
        }
        Search::new(vec![wanted(nasty, nasty, "")], &endpoints)
    };
    for provider in [Provider::OpenLibrary, Provider::GoogleBooks] {
        let mut search = search(provider);
        let lookup = search.next().remove(0);
        let url = search.request(&lookup).url;
        assert!(url.bytes().all(|b| b.is_ascii_graphic()), "{url}");
        let query = url.split_once("q=").unwrap().1.split('&').next().unwrap();
        assert_eq!(query.matches("%22").count(), 4, "{query}");
        for sign in ["%5C", "%7B", "%5B", "%5E", "%7E", "%3F", "*", "%00"] {
            assert!(!query.contains(sign), "{sign} in {query}");
        }
    }
}

/// JSON of any shape, with the names that answers use.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(Value::from("9780441172719")),
        Just(Value::from("/works/OL1W")),
        Just(Value::from("Dune (Dune, #1) [x] : ")),
    ];
    let names = prop::sample::select(vec![
        "docs",
        "items",
        "totalItems",
        "key",
        "title",
        "subtitle",
        "author_name",
        "author_key",
        "isbn",
        "editions",
        "subject",
        "cover_i",
        "publish_date",
        "language",
        "volumeInfo",
        "authors",
        "industryIdentifiers",
        "identifier",
        "imageLinks",
        "thumbnail",
        "pageCount",
        "publishedDate",
        "categories",
        "id",
        "first_publish_year",
    ]);
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    let title = prop_oneof![Just("Dune".to_owned()), "\\PC{0,30}", Just(String::new())];
    let author = prop_oneof![
        Just("Herbert, Frank".to_owned()),
        "\\PC{0,30}",
        Just(String::new())
    ];
    let isbn = prop_oneof![Just(""), Just("9780441172719"), Just("9780525540670")];
    let id = prop_oneof![
        Just(None),
        Just(Some("OL1W".to_owned())),
        Just(Some("x".to_owned()))
    ];
    (title, author, isbn, id).prop_map(|(title, author, isbn, work_id)| Wanted {
        work_id,
        ..wanted(&title, &author, isbn)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_answer_leads_to_one_outcome_per_book(
        wave in prop::collection::vec(any_wanted(), 0..12),
        answers in prop::collection::vec((0u8..4, any_json(), any_json()), 1..20),
    ) {
        let size = wave.len();
        let mut turn = 0;
        let mut asked = HashSet::new();
        let (found, _) = run(wave, &endpoints(), |search, lookup| {
            for at in &lookup.items {
                assert!(asked.insert((lookup.provider, lookup.by, *at)), "asked twice");
            }
            let url = search.request(lookup).url;
            assert!(url.len() < 4_096 && url.is_ascii());
            let (kind, docs, whole) = &answers[turn % answers.len()];
            turn += 1;
            let body = match kind {
                0 => return Answer::Failed,
                1 => return Answer::Refused,
                2 => whole.to_string(),
                _ => json!({"docs": [docs], "totalItems": 1, "items": [docs]}).to_string(),
            };
            match search.read(lookup, body.as_bytes()) {
                Ok(records) => Answer::Records(records),
                Err(garbage) => {
                    assert!(!garbage.to_string().is_empty());
                    Answer::Failed
                }
            }
        });
        prop_assert_eq!(found.len(), size);
        for found in found {
            let stored = serde_json::to_string(&found).unwrap();
            prop_assert_eq!(serde_json::from_str::<Found>(&stored).unwrap(), found);
        }
    }

    #[test]
    fn any_bytes_are_records_or_garbage(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut search = Search::new(vec![wanted("Dune", "", "9780441172719")], &endpoints());
        let lookup = search.next().remove(0);
        let _ = search.read(&lookup, &bytes);
        let google = Lookup { provider: Provider::GoogleBooks, ..lookup };
        let _ = search.read(&google, &bytes);
    }
}
