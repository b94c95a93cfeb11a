//! Tests of whole searches, against providers that are a few lines long.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::{HashMap, HashSet};

use books::{
    Answer, Endpoints, Found, GoogleBooks, Isbn, Known, Lookup, LookupKey, MatchedBy, Provider,
    Search, Wanted, read_csv,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const SAMPLE: &[u8] = include_bytes!("../../../tests/data/goodreads_library_export.csv");

fn endpoints() -> Endpoints {
    Endpoints {
        open_library: Some("http://ol".into()),
        google_books: Some(GoogleBooks {
            base: "http://gb".into(),
            key: Some("key".into()),
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
        series: None,
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
) -> (Vec<Found>, Vec<(Provider, LookupKey, usize)>) {
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
            (Provider::OpenLibrary, LookupKey::Isbn) => {
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
            (Provider::GoogleBooks, LookupKey::Title) => {
                vec![volume("Persuasion", "J. Austen", "")]
            }
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
    assert_eq!(found[5], Found::NotFound, "it names nothing");
    use LookupKey::*;
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
    assert_eq!(asked, [(Provider::OpenLibrary, LookupKey::WorkId, 2)]);
}

#[test]
fn what_a_silent_provider_means_for_a_book() {
    let wave = || vec![wanted("Dune", "Frank Herbert", "9780441172719")];
    use Provider::*;
    // (Open Library, Google Books) -> outcome; None is an empty answer.
    for (open_library, google_books, outcome) in [
        (None, None, Found::NotFound),
        (Some(Answer::Failed), None, Found::Error),
        (None, Some(Answer::Failed), Found::Error),
        (None, Some(Answer::Refused), Found::CircuitOpen),
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

/// Google Books finds volumes by numbers that it does not tell of them.
#[test]
fn a_volume_without_its_number_is_known_by_title_and_author() {
    let volume = |title: &str, author: &str| json!({"id": "abc", "volumeInfo": {"title": title, "authors": [author], "publisher": "House"}});
    let isbn = "9780441172719";
    for (asked, volumes, is_taken) in [
        (
            wanted("Dune", "Frank Herbert", isbn),
            vec![volume("Dune", "Frank Herbert")],
            true,
        ),
        (
            wanted("Dune", "Frank Herbert", isbn),
            vec![volume("Dune Messiah", "Frank Herbert")],
            false,
        ),
        (
            wanted("Dune", "Frank Herbert", isbn),
            vec![volume("Dune", "Brian Herbert")],
            false,
        ),
        (
            wanted("", "", isbn),
            vec![volume("Dune", "Frank Herbert")],
            false,
        ),
    ] {
        let (found, questions) =
            run(
                vec![asked.clone()],
                &endpoints(),
                |search, lookup| match lookup.provider {
                    Provider::OpenLibrary => docs(search, lookup, &[]),
                    Provider::GoogleBooks => docs(search, lookup, &volumes),
                },
            );
        let google = questions
            .iter()
            .filter(|asked| asked.0 == Provider::GoogleBooks);
        assert_eq!(google.count(), 1);
        let record = match &found[0] {
            Found::Record(record) => Some(record),
            _ => None,
        };
        assert_eq!(record.is_some(), is_taken, "{asked:?} {volumes:?}");
        // The reader's number, and nothing that another edition may have.
        if let Some(record) = record {
            assert_eq!(record.edition.isbns, [asked.isbn.unwrap()]);
            assert_eq!(record.edition.publisher, None);
            assert_eq!(record.matched.unwrap().by, MatchedBy::TitleAuthor);
        }
    }
}

/// A firewall may refuse single requests: those by ISBN are answered all the same.
#[test]
fn a_request_that_is_refused_takes_no_other_with_it() {
    let wave = vec![
        wanted("Dune", "Frank Herbert", "9780441172719"),
        wanted("Harbour of Glass", "Ann Author", ""),
    ];
    let (found, _) = run(wave, &endpoints(), |search, lookup| match lookup.by {
        LookupKey::Isbn => {
            let dune = doc("OL1W", "Dune", "Frank Herbert", "9780441172719");
            docs(search, lookup, &[dune])
        }
        _ => Answer::Failed,
    });
    assert_eq!(title_of(&found[0]), Some("Dune"));
    assert_eq!(found[1], Found::Error);
}

#[test]
fn google_books_is_asked_by_title_when_open_library_could_not_be() {
    let wave = vec![wanted("Dune", "Frank Herbert", "9780441172719")];
    let (found, _) = run(wave, &endpoints(), |search, lookup| {
        match (lookup.provider, lookup.by) {
            (Provider::OpenLibrary, _) => Answer::Failed,
            (_, LookupKey::Title) => docs(search, lookup, &[volume("Dune", "Frank Herbert", "")]),
            _ => docs(search, lookup, &[]),
        }
    });
    assert_eq!(title_of(&found[0]), Some("Dune"));
}

#[test]
fn a_book_that_nobody_was_asked_about_is_not_called_not_found() {
    let wave = vec![
        wanted("Dune", "Frank Herbert", ""),
        wanted("Emma", "Jane Austen", ""),
    ];
    let nobody = Endpoints {
        open_library: None,
        google_books: None,
        ..endpoints()
    };
    let (found, asked) = run(wave.clone(), &nobody, |_, _| Answer::Failed);
    assert_eq!(found, [Found::Error, Found::Error]);
    assert!(asked.is_empty());

    let unfinished = || Search::new(wave.clone(), &endpoints());
    assert_eq!(unfinished().finish(), [Found::Error, Found::Error]);
    let mut search = unfinished();
    assert_eq!(search.next().len(), 1);
    assert_eq!(search.finish(), [Found::Error, Found::Error]);
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
            LookupKey::Isbn => {
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
    assert!(longest < 7_168, "{longest}");
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
        let quotes = match provider {
            // The author is asked for by two names, the number in four spellings, "y" in two.
            Provider::OpenLibrary => 14,
            Provider::GoogleBooks => 4,
        };
        assert_eq!(query.matches("%22").count(), quotes, "{query}");
        for sign in ["%5C", "%7B", "%5B", "%5E", "%7E", "%3F", "*", "%00"] {
            assert!(!query.contains(sign), "{sign} in {query}");
        }
    }
}

/// One book's search at an Open Library that answers every question with these works.
fn find(wanted: Wanted, known: &[Value]) -> Found {
    let mut endpoints = endpoints();
    endpoints.google_books = None;
    let (mut found, _) = run(vec![wanted], &endpoints, |search, lookup| {
        docs(search, lookup, known)
    });
    found.remove(0)
}

fn matched(found: &Found) -> Option<(MatchedBy, bool)> {
    match found {
        Found::Record(record) => record.matched.map(|m| (m.by, m.confidence >= 0.7)),
        _ => None,
    }
}

/// The set of three, as the catalogue has it: one edition with the ISBNs of all its volumes.
fn box_set() -> Value {
    json!({"key": "/works/OL27448W", "title": "The Lord of the Rings", "author_name": ["J.R.R. Tolkien"],
        "isbn": ["9780345339706", "9780345339713", "9780345339737"],
        "editions": {"docs": [{"key": "/books/OL21171006M", "title": "The Lord of the Rings",
            "isbn": ["0345339703", "0345339711", "0345339738"]}]}})
}

#[test]
fn a_box_set_never_stands_for_one_of_its_volumes() {
    let volume = |key: &str, title: &str, isbn: &str| doc(key, title, "J. R. R. Tolkien", isbn);
    let known = [
        box_set(),
        volume("OL1W", "The Fellowship of the Ring", "9780345339706"),
        volume("OL2W", "The Two Towers", "9780345339713"),
        volume("OL3W", "The Return of the King", "9780345339737"),
    ];
    for (title, isbn) in [
        ("The Fellowship of the Ring", "9780345339706"),
        (
            "The Two Towers (The Lord of the Rings, #2)",
            "9780345339713",
        ),
        ("The Return of the King", "9780345339737"),
    ] {
        let found = find(wanted(title, "J.R.R. Tolkien", isbn), &known);
        let plain = title.split(" (").next();
        assert_eq!(title_of(&found), plain, "{title}");
        assert_eq!(matched(&found), Some((MatchedBy::Isbn, true)));
        // Only the set has the ISBN: the volume is found by its title, or not at all.
        let others: Vec<Value> = known
            .iter()
            .filter(|doc| doc["title"] != *plain.unwrap())
            .cloned()
            .collect();
        let found = find(wanted(title, "J.R.R. Tolkien", isbn), &others);
        assert_eq!(found, Found::NotFound, "{title}");
    }
    let set = wanted(
        "The Lord of the Rings (The Lord of the Rings, #1-3)",
        "J.R.R. Tolkien",
        "9780345339706",
    );
    assert_eq!(title_of(&find(set, &known)), Some("The Lord of the Rings"));
    let bare = wanted("", "", "9780345339706");
    assert!(matched(&find(bare, &known)).is_some());
}

#[test]
fn a_collection_never_stands_for_one_of_its_books() {
    for collection in [
        "The Complete Novels of Jane Austen",
        "Collected Works",
        "Three Novels",
        "Obras completas",
    ] {
        let known = [doc("OL9W", collection, "Jane Austen", "9780141439587")];
        let found = find(wanted("Emma", "Jane Austen", "9780141439587"), &known);
        assert_eq!(found, Found::NotFound, "{collection}");
        // Whoever has the collection finds it.
        let found = find(wanted(collection, "Jane Austen", "9780141439587"), &known);
        assert_eq!(title_of(&found), Some(collection));
        let found = find(wanted("", "", "9780141439587"), &known);
        assert_eq!(title_of(&found), Some(collection));
    }
}

#[test]
fn a_word_in_common_is_no_kinship_where_the_author_is_another() {
    let web = doc(
        "OL1W",
        "The Girl in the Spider's Web",
        "David Lagercrantz",
        "9780385354288",
    );
    let row = |title, author| wanted(title, author, "9780385354288");
    let known = std::slice::from_ref(&web);
    let found = find(row("The Girl on the Train", "Paula Hawkins"), known);
    assert_eq!(found, Found::NotFound);
    for (title, author) in [
        ("The Girl in the Spider Web", "Stieg Larsson"),
        ("Girl in the Web", "D. Lagercrantz"),
        ("Spider's Web", ""),
    ] {
        let found = find(row(title, author), known);
        assert!(matches!(found, Found::Record(_)), "{title} / {author}");
    }
}

#[test]
fn an_isbn_of_another_book_is_not_believed() {
    let dune = doc("OL1W", "Dune", "Frank Herbert", "9780441172719");
    let shore = doc(
        "OL2W",
        "The Farthest Shore",
        "Ursula K. Le Guin",
        "9780689845345",
    );
    let row = || wanted("The Farthest Shore", "Ursula Le Guin", "9780441172719");
    assert_eq!(find(row(), std::slice::from_ref(&dune)), Found::NotFound);
    let found = find(row(), &[dune.clone(), shore]);
    assert_eq!(title_of(&found), Some("The Farthest Shore"));
    assert_eq!(matched(&found), Some((MatchedBy::TitleAuthor, true)));
    // One of both is enough, and so is a title that cannot be compared.
    for (title, author) in [
        ("Dune", "Somebody Else"),
        ("The Desert Planet", "F. Herbert"),
        ("沙丘", "弗兰克·赫伯特"),
        ("Dune: the first part", ""),
        ("", "Frank Herbert"),
        ("", ""),
    ] {
        let found = find(
            wanted(title, author, "9780441172719"),
            std::slice::from_ref(&dune),
        );
        assert_eq!(title_of(&found), Some("Dune"), "{title} / {author}");
    }
}

/// A search by title tells of one edition of the work, whichever the catalogue prefers.
#[test]
fn a_hit_by_title_states_no_isbn_of_an_edition_that_is_not_the_reader_s() {
    let mut shore = doc(
        "OL2W",
        "The Farthest Shore",
        "Ursula K. Le Guin",
        "9780689845345",
    );
    let edition = |found: Found| match found {
        Found::Record(record) => {
            assert_eq!(record.matched.unwrap().by, MatchedBy::TitleAuthor);
            record.edition
        }
        other => panic!("{other:?}"),
    };
    let isbns = |edition: &books::Edition| -> Vec<String> {
        edition.isbns.iter().map(ToString::to_string).collect()
    };
    let row = |isbn: &str| wanted("The Farthest Shore", "Ursula Le Guin", isbn);
    // The reader has another edition, of which nobody knows more than its number.
    let others = edition(find(row("9780553268478"), std::slice::from_ref(&shore)));
    assert_eq!(isbns(&others), ["9780553268478"]);
    assert_eq!(others.publisher, None);
    // The reader has said nothing, and this one is called like the reader's.
    let told = edition(find(row(""), std::slice::from_ref(&shore)));
    assert_eq!(isbns(&told), ["9780689845345"]);
    assert_eq!(told.publisher.as_deref(), Some("House"));
    // This one is a translation.
    shore["editions"]["docs"][0]["title"] = json!("L'ultimo lido");
    let translated = edition(find(row(""), &[shore]));
    assert_eq!(isbns(&translated), [""; 0]);
    assert_eq!(translated.publisher, None);
}

#[test]
fn a_description_is_asked_for_and_read_in_each_of_its_forms() {
    let work_has = json!({"description": "Of a work."});
    let typed = json!({"description": {"type": "/type/text", "value": "Of a work."}});
    let (mut in_edition, none) = (json!({}), json!({"description": 7}));
    in_edition["editions"] = json!({"docs": [{"title": "Emma", "isbn": ["9780141439587"],
        "description": {"type": "/type/text", "value": "Of an edition."}}]});
    for (more, expected) in [
        (work_has, Some("Of a work.")),
        (typed, Some("Of a work.")),
        (in_edition, Some("Of an edition.")),
        (none, None),
    ] {
        let mut book = doc("OL1W", "Emma", "Jane Austen", "9780141439587");
        let fields = more.as_object().unwrap().clone();
        book.as_object_mut().unwrap().extend(fields);
        for isbn in ["9780141439587", ""] {
            let mut endpoints = endpoints();
            endpoints.google_books = None;
            let row = wanted("Emma", "Jane Austen", isbn);
            let (mut found, _) = run(vec![row], &endpoints, |search, lookup| {
                let url = search.request(lookup).url;
                assert!(url.contains("%2Cdescription%2C"), "{url}");
                docs(search, lookup, std::slice::from_ref(&book))
            });
            let Found::Record(record) = found.remove(0) else {
                panic!("{book} {isbn}");
            };
            assert_eq!(record.work.description.as_deref(), expected, "{book}");
        }
    }
}

#[test]
fn an_edition_that_is_told_of_goes_before_one_that_is_only_claimed_and_a_cover_before_none() {
    let mut bare = doc("OL1W", "Emma", "Jane Austen", "9780141439587");
    bare["editions"] = Value::Null;
    let mut told = doc("OL2W", "Emma", "Jane Austen", "9780141439587");
    told["editions"]["docs"][0]["key"] = json!("/books/OL5M");
    let mut covered = told.clone();
    covered["key"] = json!("/works/OL3W");
    covered["editions"]["docs"][0]["cover_i"] = json!(7);
    let key = |found: Found| match found {
        Found::Record(record) => record.work.open_library_id.unwrap(),
        other => panic!("{other:?}"),
    };
    let row = || wanted("Emma", "Jane Austen", "9780141439587");
    assert_eq!(key(find(row(), &[bare.clone(), told.clone()])), "OL2W");
    assert_eq!(key(find(row(), &[bare, told, covered])), "OL3W");
}

#[test]
fn volumes_get_their_own_record_or_none() {
    let volume = |key: &str, title: &str| doc(key, title, "Nia Naka", "");
    let known = [
        volume("OL1W", "Turn into Rain, Vol. 1"),
        volume("OL2W", "Turn into Rain, Volume Two"),
        volume("OL3W", "Turn into Rain 3"),
    ];
    for (title, expected) in [
        ("Turn into Rain, Vol. 1", Some("Turn into Rain, Vol. 1")),
        (
            "Turn into Rain (Turn into Rain, #2)",
            Some("Turn into Rain, Volume Two"),
        ),
        ("Turn into Rain, Volume III", Some("Turn into Rain 3")),
        ("Turn into Rain, Vol. 4", None),
        ("Turn into Rain", None),
    ] {
        let found = find(wanted(title, "Nia Naka", ""), &known);
        assert_eq!(title_of(&found), expected, "{title}");
    }
    // The number of one volume on another's row.
    let first = doc(
        "OL1W",
        "Turn into Rain, Vol. 1",
        "Nia Naka",
        "9780141439587",
    );
    let second = wanted("Turn into Rain, Vol. 2", "Nia Naka", "9780141439587");
    assert_eq!(find(second, &[first]), Found::NotFound);
}

#[test]
fn authors_are_known_by_all_their_names() {
    let mut war = doc("OL1W", "War and Peace", "Лев Толстой", "");
    war["author_alternative_name"] = json!(["Leo Tolstoy", "Lew Tolstoi", "L. N. Tolstoy"]);
    for name in ["Leo Tolstoy", "Tolstoy, Leo", "Лев Толстой", "Lew Tolstoi"] {
        let found = find(wanted("War & Peace", name, ""), std::slice::from_ref(&war));
        assert_eq!(title_of(&found), Some("War and Peace"), "{name}");
    }
    let found = find(wanted("War and Peace", "Alexei Tolstoy", ""), &[war]);
    assert_eq!(found, Found::NotFound);
}

#[test]
fn authors_in_their_own_script_are_found_by_the_names_that_readers_know() {
    for (title, author, native, others) in [
        (
            "Norwegian Wood",
            "Haruki Murakami",
            "村上春樹",
            &["Haruki Murakami"][..],
        ),
        (
            "The Three-Body Problem",
            "Liu Cixin",
            "刘慈欣",
            &["Cixin Liu", "Liu Cixin"],
        ),
        (
            "Before the Coffee Gets Cold",
            "Toshikazu Kawaguchi",
            "川口俊和",
            &["Toshikazu Kawaguchi"],
        ),
        (
            "Crime and Punishment",
            "Fyodor Dostoevsky",
            "Фёдор Михайлович Достоевский",
            &["Fyodor Dostoyevsky", "F. M. Dostoevsky"],
        ),
        (
            "Roadside Picnic",
            "Arkady Strugatsky",
            "Аркадий Стругацкий",
            &["Arkadij Strugatskij", "Arkady Strugatsky"],
        ),
    ] {
        let mut work = doc("OL1W", title, native, "");
        work["author_alternative_name"] = json!(others);
        let found = find(wanted(title, author, ""), std::slice::from_ref(&work));
        assert_eq!(title_of(&found), Some(title), "{author}");
        let found = find(wanted(title, "Somebody Else", ""), &[work]);
        assert_eq!(found, Found::NotFound, "{title}");
    }
}

#[test]
fn titles_with_an_ampersand_are_found_in_either_spelling() {
    for (title, other, author) in [
        ("Fire & Blood", "Fire and Blood", "George R.R. Martin"),
        (
            "Red, White & Royal Blue",
            "Red, White and Royal Blue",
            "Casey McQuiston",
        ),
        (
            "Daisy Jones & The Six",
            "Daisy Jones and the Six",
            "Taylor Jenkins Reid",
        ),
    ] {
        for (asked, known) in [(title, title), (title, other), (other, title)] {
            let found = find(wanted(asked, author, ""), &[doc("OL1W", known, author, "")]);
            assert_eq!(title_of(&found), Some(known), "{asked}");
        }
    }
}

#[test]
fn titles_whose_answers_would_not_be_accepted_are_not_asked_for() {
    let wave = vec![
        wanted("Focus", "", ""),
        wanted("Home", "Anonymous", ""),
        wanted("The Midnight Library", "", ""),
        wanted("Focus", "Somebody", ""),
    ];
    let (found, asked) = run(wave, &endpoints(), |search, lookup| {
        docs(search, lookup, &[])
    });
    assert_eq!(asked[0], (Provider::OpenLibrary, LookupKey::Title, 2));
    assert_eq!(
        found,
        [Found::Error, Found::Error, Found::NotFound, Found::NotFound]
    );
}

#[test]
fn google_books_is_not_asked_without_a_key() {
    let mut endpoints = endpoints();
    if let Some(google) = &mut endpoints.google_books {
        google.key = None;
    }
    let wave = vec![wanted("Dune", "Frank Herbert", "")];
    let (found, asked) = run(wave, &endpoints, |search, lookup| docs(search, lookup, &[]));
    assert_eq!(asked, [(Provider::OpenLibrary, LookupKey::Title, 1)]);
    assert_eq!(found, [Found::NotFound]);
}

#[test]
fn a_second_edition_of_a_work_is_asked_for_once_more() {
    let isbns = ["9780441172719", "9788587193391", "9783898975292"];
    let titles = ["Dune", "Duna", "Der Wüstenplanet"];
    let wave = (0..3)
        .map(|n| wanted(titles[n], "Frank Herbert", isbns[n]))
        .collect();
    let mut endpoints = endpoints();
    endpoints.google_books = None;
    let (found, asked) = run(wave, &endpoints, |search, lookup| {
        // One edition of each work, as `editions.rows=1` has it.
        let url = search.request(lookup).url;
        let told = (0..3).find(|n| url.contains(isbns[*n])).unwrap();
        let work = json!({"key": "/works/OL1W", "title": "Dune", "author_name": ["Frank Herbert"],
            "isbn": isbns, "editions": {"docs": [{"key": format!("/books/OL{told}M"),
                "title": titles[told], "isbn": [isbns[told]]}]}});
        docs(search, lookup, &[work])
    });
    assert_eq!(asked.len(), 2, "{asked:?}");
    let edition = |n: usize| match &found[n] {
        Found::Record(record) => record.edition.title.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!([edition(0), edition(1)], ["Dune", "Duna"]);
    assert!(matches!(found[2], Found::Record(_)));
}

#[test]
fn a_request_that_asks_for_too_much_is_split() {
    let wave = (0..5)
        .map(|n| wanted(&format!("Long Title {n}"), "A B", ""))
        .collect();
    let mut search = Search::new(wave, &endpoints());
    let lookup = search.next().remove(0);
    let (first, second) = search.split(&lookup).unwrap();
    assert_eq!((first.items.len(), second.items.len()), (2, 3));
    let titles: Vec<Value> = (0..5)
        .map(|n| doc("OL1W", &format!("Long Title {n}"), "A B", ""))
        .collect();
    let answer = docs(&search, &first, &titles);
    search.answered(first, answer.clone());
    assert!(search.next().is_empty(), "the other half is out");
    search.answered(second, answer);
    assert!(search.next().is_empty());
    assert!(
        search
            .finish()
            .iter()
            .all(|found| matches!(found, Found::Record(_)))
    );
    let mut search = Search::new(vec![wanted("Alone", "A B", "")], &endpoints());
    let lookup = search.next().remove(0);
    assert_eq!(search.split(&lookup), None);
}

#[test]
fn what_is_known_from_before_is_not_asked_for() {
    let known = match find(
        wanted("Dune", "Frank Herbert", "9780441172719"),
        &[doc("OL1W", "Dune", "Frank Herbert", "9780441172719")],
    ) {
        Found::Record(record) => *record,
        other => panic!("{other:?}"),
    };
    let wave = vec![
        wanted("Dune", "F. Herbert", ""),
        wanted("The Farthest Shore", "Ursula Le Guin", "9780441172719"),
        wanted("Nobody Knows It", "Some Body", ""),
        wanted("Emma", "Jane Austen", ""),
    ];
    let mut search = Search::new(wave, &endpoints());
    assert!(search.set_known(0, Known::Answer(known.clone())));
    assert!(!search.set_known(1, Known::Edition(known)), "another book");
    assert!(search.set_known(2, Known::Nothing));
    assert_eq!(search.next()[0].items, [1]);
}

/// The outcome of a question that is asked again is what it was, the reader's own number included,
/// which is not remembered where no edition is told of.
#[test]
fn what_was_taken_for_the_same_question_is_taken_as_it_was() {
    let isbn = "9780441172719";
    let told = doc("OL1W", "Dune", "Frank Herbert", isbn);
    let bare = json!({"key": "/works/OL2W", "title": "Dune", "author_name": ["Frank Herbert"], "isbn": [isbn]});
    let other = doc("OL3W", "Dune", "Frank Herbert", "9780593230381");
    for (known, asked) in [
        (told, wanted("Dune", "Frank Herbert", isbn)),
        (bare, wanted("Dune", "Frank Herbert", isbn)),
        (other.clone(), wanted("Dune", "Frank Herbert", isbn)),
        (other, wanted("Dune", "Frank Herbert", "")),
    ] {
        let first = find(asked.clone(), &[known]);
        let Found::Record(mut kept) = first.clone() else {
            panic!("{first:?}");
        };
        if kept.edition.open_library_id.is_none() {
            kept.edition.isbns.retain(|own| Some(*own) != asked.isbn);
        }
        let mut search = Search::new(vec![asked], &endpoints());
        assert!(search.set_known(0, Known::Same(*kept)));
        assert_eq!(search.next(), []);
        assert_eq!(search.finish(), [first]);
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
