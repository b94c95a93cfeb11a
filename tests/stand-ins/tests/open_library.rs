//! Tests of Open Library's protocol from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http;

use http::{get, send};
use serde_json::Value;
use stand_ins::{RateLimit, Sandbox, Settings, invented_isbn};

async fn sandbox() -> Sandbox {
    Sandbox::start(Settings::default()).await.unwrap()
}

async fn docs(sandbox: &Sandbox, parameters: &[(&str, &str)]) -> Vec<Value> {
    let reply = get(sandbox.open_library(), "/search.json", parameters).await;
    assert_eq!(reply.status, 200);
    reply.json()["docs"].as_array().unwrap().clone()
}

fn titles(docs: &[Value]) -> Vec<&str> {
    docs.iter()
        .map(|doc| doc["title"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn many_isbns_in_one_request_find_their_works_and_editions() {
    let sandbox = sandbox().await;
    let q = "isbn:(9780525540670 OR 9780593230381 OR 059365322X OR 9780000000002)";
    let fields =
        "key,title,author_name,isbn,editions,editions.key,editions.isbn,editions.publisher";
    let docs = docs(&sandbox, &[("q", q), ("fields", fields)]).await;
    let mut found = titles(&docs);
    found.sort_unstable();
    assert_eq!(
        found,
        ["Long Bright River", "The Message", "We Solve Murders"]
    );
    for doc in &docs {
        let editions = &doc["editions"];
        assert_eq!(editions["numFound"], 1);
        let edition = &editions["docs"][0];
        assert!(edition["key"].as_str().unwrap().starts_with("/books/OL"));
        let isbns = edition["isbn"].as_array().unwrap();
        assert!(
            isbns.iter().any(|isbn| q.contains(isbn.as_str().unwrap())),
            "{isbns:?}"
        );
        assert_eq!(
            doc.as_object().unwrap().len(),
            5,
            "only the fields asked for: {doc}"
        );
    }
}

#[tokio::test]
async fn a_title_finds_its_near_misses_too() {
    let sandbox = sandbox().await;
    let q = r#"title:"The Poppy War" AND author:"Kuang""#;
    let found = docs(&sandbox, &[("q", q)]).await;
    let found = titles(&found);
    for title in [
        "The Poppy War",
        "The Poppy War 2",
        "The Poppy War Study Guide",
    ] {
        assert!(found.contains(&title), "{title} in {found:?}");
    }
    let namesakes = docs(
        &sandbox,
        &[("title", "the poppy war"), ("author", "sandbox-greene")],
    )
    .await;
    assert_eq!(titles(&namesakes), ["The Poppy War"]);
}

#[tokio::test]
async fn pairs_keys_and_free_words_are_queries() {
    let sandbox = sandbox().await;
    let pairs = r#"(title:"Babel" AND author:"R.F. Kuang") OR (title:"The Sellout" AND author:"Paul Beatty")"#;
    let found = docs(
        &sandbox,
        &[("q", pairs), ("fields", "key,title,author_name")],
    )
    .await;
    assert!(titles(&found).contains(&"Babel"));
    assert!(titles(&found).contains(&"The Sellout"));

    let keys: Vec<&str> = found
        .iter()
        .map(|doc| doc["key"].as_str().unwrap())
        .collect();
    let q = format!("key:({})", keys.join(" OR "));
    assert_eq!(docs(&sandbox, &[("q", &q)]).await.len(), keys.len());

    let free = docs(&sandbox, &[("q", "luminaries catton -guide -summary")]).await;
    assert!(titles(&free).contains(&"The Luminaries"));
    assert!(!titles(&free).iter().any(|title| title.contains("Guide")));
}

#[tokio::test]
async fn every_book_of_the_shelf_is_known() {
    let sandbox = sandbox().await;
    let shelf: Value = serde_json::from_str(include_str!("../../data/bookshelf-13.json")).unwrap();
    for book in shelf.as_array().unwrap() {
        let (title, author) = (
            book["title"].as_str().unwrap(),
            book["author"].as_str().unwrap(),
        );
        let found = docs(&sandbox, &[("title", title), ("author", author)]).await;
        let exact = |doc: &&Value| doc["title"].as_str().unwrap().starts_with(title);
        assert!(found.iter().find(exact).is_some(), "{title}: {found:?}");
    }
}

#[tokio::test]
async fn limit_and_page_cut_the_results() {
    let sandbox = sandbox().await;
    let all = docs(&sandbox, &[("q", "title:war")]).await;
    assert!(all.len() > 3);
    let page = [("q", "title:war"), ("limit", "2"), ("page", "2")];
    let reply = get(sandbox.open_library(), "/search.json", &page)
        .await
        .json();
    assert_eq!(reply["numFound"], all.len());
    assert_eq!(reply["start"], 2);
    assert_eq!(reply["docs"].as_array().unwrap()[..], all[2..4]);
}

#[tokio::test]
async fn generated_books_are_found_by_isbn_and_title() {
    let sandbox = sandbox().await;
    let bytes = stand_ins::library(100);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let (mut known, mut rows) = (0, 0);
    for row in reader.records().map(Result::unwrap) {
        let isbn = row[6].trim_matches(['=', '"']);
        let q = match isbn {
            "" => format!(r#"(title:"{}" AND author:"{}")"#, &row[1], &row[2]),
            isbn => format!("isbn:({isbn})"),
        };
        let found = docs(&sandbox, &[("q", &q)]).await;
        assert!(
            found.iter().all(|doc| doc["title"] == row[1]),
            "{q}: {found:?}"
        );
        known += found.len();
        rows += 1;
    }
    assert_eq!((rows, known), (100, 96));
}

#[tokio::test]
async fn books_by_bibkeys_and_documents_by_key() {
    let sandbox = sandbox().await;
    let server = sandbox.open_library();
    let parameters = [
        ("bibkeys", "ISBN:9780525540670,ISBN:0000000000"),
        ("jscmd", "data"),
        ("format", "json"),
    ];
    let data = get(server, "/api/books", &parameters).await.json();
    let book = &data["ISBN:9780525540670"];
    assert_eq!(data.as_object().unwrap().len(), 1);
    assert_eq!(book["title"], "Long Bright River");
    assert_eq!(book["authors"][0]["name"], "Liz Moore");

    let moved = get(server, "/isbn/9780525540670.json", &[]).await;
    assert_eq!(moved.status, 302);
    let edition = get(server, moved.header("location").unwrap(), &[])
        .await
        .json();
    assert_eq!(edition["isbn_13"][0], "9780525540670");
    let work = edition["works"][0]["key"].as_str().unwrap();
    let work = get(server, &format!("{work}.json"), &[]).await.json();
    assert_eq!(work["title"], "Long Bright River");
    assert_eq!(get(server, "/works/OL1W.json", &[]).await.status, 404);
}

#[tokio::test]
async fn the_anonymous_the_verbose_and_the_hasty_are_refused() {
    let sandbox = Sandbox::start(Settings {
        open_library_rate: Some(RateLimit {
            per_second: 0.001,
            burst: 2,
            delay: 2,
        }),
        ..Settings::default()
    })
    .await
    .unwrap();
    let server = sandbox.open_library();
    let anonymous = send(
        server,
        "GET",
        "/search.json?q=a",
        &[("user-agent", "x/1")],
        Vec::new(),
    );
    assert_eq!(anonymous.await.unwrap().status, 403);
    let long = "x".repeat(9000);
    assert_eq!(
        get(server, "/search.json", &[("q", &long)]).await.status,
        414
    );
    assert_eq!(get(server, "/search.json", &[("q", "a")]).await.status, 200);
    let hasty = get(server, "/search.json", &[("q", "a")]).await;
    assert_eq!(hasty.status, 429);
    assert_eq!(hasty.header("retry-after"), None);
    assert_eq!(hasty.json()["status"], 429);
    assert_eq!(server.refused(), 1);
}

#[tokio::test]
async fn an_author_is_found_by_the_name_in_their_own_script_or_by_the_others_when_these_are_asked()
{
    let sandbox = sandbox().await;
    let found = async |q: &str| docs(&sandbox, &[("q", q)]).await.len();
    for (q, count) in [
        (r#"title:"The Glass Garden" AND author:"Vetrova""#, 0),
        (r#"title:"The Glass Garden" AND author:"Ветрова""#, 1),
        (
            r#"title:"Glass Garden" AND (author:"Vetrova" OR author_alternative_name:"Vetrova")"#,
            1,
        ),
    ] {
        assert_eq!(found(q).await, count, "{q}");
    }
}

#[tokio::test]
async fn a_lone_sign_leaves_a_hole_in_a_phrase() {
    let sandbox = sandbox().await;
    let found = async |title: &str| {
        docs(&sandbox, &[("q", &format!("title:\"{title}\""))])
            .await
            .len()
    };
    for (title, count) in [
        ("Ember & Frost", 1),
        ("Ember Frost", 0),
        ("Ember and Frost", 0),
        ("Copper & Rust", 1),
        ("Copper and Rust", 1),
        ("Copper Rust", 0),
        ("Tide Tables Vol 2", 1),
        ("Tide Tables", 3),
    ] {
        assert_eq!(found(title).await, count, "{title}");
    }
}

#[tokio::test]
async fn a_set_that_claims_its_volumes_isbns_comes_first() {
    let sandbox = sandbox().await;
    let isbns: Vec<String> = (1..4).map(invented_isbn).collect();
    let one = docs(&sandbox, &[("q", &format!("isbn:({})", isbns[0]))]).await;
    assert_eq!(one.len(), 2);
    let q = format!("isbn:({})", isbns.join(" OR "));
    let all = docs(&sandbox, &[("q", &q)]).await;
    assert_eq!(all.len(), 4);
    assert_eq!(titles(&all)[0], "The Long Road");
}

#[tokio::test]
async fn any_query_gets_an_answer() {
    let sandbox = sandbox().await;
    for q in [
        "(((",
        "title:",
        "isbn:(a OR",
        "\"",
        "-",
        "NOT",
        "é:ü OR *",
        "key:/",
        "^~+",
    ] {
        let reply = get(sandbox.open_library(), "/search.json", &[("q", q)]).await;
        assert_eq!(reply.status, 200, "{q}");
        reply.json();
    }
}

#[tokio::test]
async fn two_sandboxes_know_the_same() {
    let (one, other) = (sandbox().await, sandbox().await);
    let everything = [
        ("q", "title:the"),
        ("fields", "*,editions,editions.*"),
        ("limit", "1000"),
    ];
    let ask = |sandbox| get(Sandbox::open_library(sandbox), "/search.json", &everything);
    let (a, b) = (ask(&one).await.body, ask(&other).await.body);
    assert!(a.len() > 10_000);
    assert_eq!(a, b);
}
