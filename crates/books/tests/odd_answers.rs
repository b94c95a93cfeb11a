//! Answers of providers that are not as documented: what is an answer all the same, and what is
//! none.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use books::{Endpoints, GoogleBooks, Isbn, Lookup, Provider, Record, Search, Wanted};
use serde_json::{Value, json};

const ISBN: &str = "9780141439587";

/// A search that has asked this provider for a book by its ISBN.
fn asked(provider: Provider) -> (Search, Lookup) {
    let google = provider == Provider::GoogleBooks;
    let endpoints = Endpoints {
        open_library: (!google).then(|| "http://ol".into()),
        google_books: google.then(|| GoogleBooks {
            key: Some("key".into()),
            ..GoogleBooks::default()
        }),
        ..Endpoints::default()
    };
    let wanted = Wanted {
        isbn: Isbn::parse(ISBN).ok(),
        ..Wanted::default()
    };
    let mut search = Search::new(vec![wanted], &endpoints);
    let lookup = search.next().remove(0);
    assert_eq!(lookup.provider, provider);
    (search, lookup)
}

fn read(provider: Provider, body: &[u8]) -> Option<Vec<Record>> {
    let (search, lookup) = asked(provider);
    search.read(&lookup, body).ok()
}

#[test]
fn what_is_no_answer_is_no_answer() {
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0x56, 0x4a];
    let bodies: [&[u8]; 15] = [
        b"",
        b"null",
        b"true",
        b"[]",
        b"[[]]",
        b"{}",
        b"<!DOCTYPE html><html><body>Service Unavailable</body></html>",
        "\u{feff}<html>".as_bytes(),
        &gzip,
        br#"{"error": {"code": 503, "message": "backendFailed"}}"#,
        br#"{"docs": {"0": {"title": "Emma"}}"#,
        br#"{"numFound": 1, "docs": [{"title": "Em"#,
        br#"{"numFound": 37, "start": 0, "docs": []}"#,
        br#"{"numFound": 0, "docs": [], "totalItems": 0, "error": "Solr timed out"}"#,
        br#"{"totalItems": 1, "items": [{"volumeInfo": {"title": "Em"#,
    ];
    for body in bodies {
        for provider in [Provider::OpenLibrary, Provider::GoogleBooks] {
            let text = String::from_utf8_lossy(body);
            assert_eq!(read(provider, body), None, "{provider:?}: {text}");
        }
    }
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    assert_eq!(read(Provider::OpenLibrary, &deep), None);
}

fn docs(doc: Value, volume: Value) -> [(Provider, Value); 2] {
    let whole = json!({"title": "Persuasion", "isbn": [ISBN]});
    [
        (
            Provider::OpenLibrary,
            json!({"numFound": 2, "docs": [doc, whole]}),
        ),
        (
            Provider::GoogleBooks,
            json!({"totalItems": 2, "items": [{"volumeInfo": volume},
                {"volumeInfo": {"title": "Persuasion"}}]}),
        ),
    ]
}

#[test]
fn one_odd_field_spoils_nothing_else() {
    let doc = json!({"key": "/works/OL1W", "title": "Emma", "subtitle": "A Novel",
        "author_name": ["Jane Austen"], "author_key": ["OL1A"], "author_alternative_name": ["J. A."],
        "first_publish_year": 1815, "cover_i": 5, "subject": ["Love"], "number_of_pages_median": 300,
        "id_librarything": ["1"], "description": "Of a match", "isbn": [ISBN],
        "editions": {"docs": [{"key": "/books/OL1M", "title": "Emma", "isbn": [ISBN]}]}});
    let volume = json!({"title": "Emma", "subtitle": "A Novel", "authors": ["Jane Austen"],
        "publisher": "House", "publishedDate": "1815", "description": "Of a match",
        "industryIdentifiers": [{"type": "ISBN_13", "identifier": ISBN}], "pageCount": 300,
        "categories": ["Love"], "imageLinks": {"thumbnail": "http://x"}, "language": "en"});
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!(0.5),
        json!(""),
        json!("x"),
        json!([]),
        json!([null, [], {}, [[1]], "x", 7]),
        json!({}),
        json!({"docs": 5, "value": [], "thumbnail": {}}),
    ];
    for odd in odd {
        for name in doc.as_object().unwrap().keys() {
            let mut doc = doc.clone();
            doc[name] = odd.clone();
            let [(provider, body), _] = docs(doc, json!({}));
            let records = read(provider, body.to_string().as_bytes());
            let records = records.unwrap_or_else(|| panic!("{name}: {odd}"));
            let last = &records.last().unwrap().work.title;
            assert_eq!(last, "Persuasion", "{name}: {odd}");
            let is_title = name == "title";
            assert!(is_title || records[0].work.title == "Emma" || records.len() == 1);
        }
        for name in volume.as_object().unwrap().keys() {
            let mut volume = volume.clone();
            volume[name] = odd.clone();
            let [_, (provider, body)] = docs(json!({}), volume);
            let records = read(provider, body.to_string().as_bytes());
            let records = records.unwrap_or_else(|| panic!("{name}: {odd}"));
            assert_eq!(records.last().unwrap().work.title, "Persuasion");
            assert!(name == "title" || records[0].work.title == "Emma");
        }
    }
    for (provider, body) in [
        (
            Provider::OpenLibrary,
            r#"{"numFound": "1", "docs": [{"title": "Dune", "title": 1984, "isbn": [9780141439587],
                "isbn": 9780141439587, "first_publish_year": " 1949 ", "cover_i": "7"}], "numFound": 1}"#,
        ),
        (
            Provider::GoogleBooks,
            r#"{"totalItems": "1", "items": [{"volumeInfo": {"title": "Dune", "title": "1984",
                "industryIdentifiers": [{"identifier": "9780141439587", "identifier": "9780141439587"}],
                "pageCount": "300"}}], "totalItems": 1}"#,
        ),
    ] {
        let records = read(provider, body.as_bytes()).unwrap();
        let [record] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(record.work.title, "1984");
        assert_eq!(record.edition.isbn().unwrap().to_string(), ISBN);
        match provider {
            Provider::OpenLibrary => assert_eq!(record.work.first_published, Some(1949)),
            Provider::GoogleBooks => assert_eq!(record.edition.pages, Some(300)),
        }
    }
}

#[test]
fn a_record_without_end_has_its_bounds() {
    const MANY: usize = 20_000;
    let texts: Vec<String> = (0..MANY).map(|n| format!("Some text {n}")).collect();
    let long = "x".repeat(300_000);
    let doc = json!({"key": "/works/OL1W", "title": long, "author_name": texts,
        "author_alternative_name": texts, "subject": texts, "isbn": vec![ISBN; MANY],
        "editions": {"docs": [{"title": long, "isbn": vec![ISBN; MANY]}]}});
    let volume = json!({"title": long, "authors": texts, "description": long, "categories": texts,
        "industryIdentifiers": vec![json!({"identifier": ISBN}); MANY]});
    for (provider, body) in docs(doc, volume) {
        let records = read(provider, body.to_string().as_bytes()).unwrap();
        assert_eq!(records.len(), 2, "{provider:?}");
        let record = &records[0];
        assert!(record.work.title.len() <= 500);
        assert!(record.authors.len() <= 20 && record.aliases.len() <= 100);
        assert!(record.work.subjects.len() <= 8 && record.edition.isbns.len() <= 10);
        assert!(serde_json::to_string(record).unwrap().len() < 10_000);
    }
}
