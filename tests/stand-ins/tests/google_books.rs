//! Tests of Google Books' protocol from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http;

use http::get;
use serde_json::json;
use stand_ins::{API_KEY, Fault, Sandbox, Settings, When};

const VOLUMES: &str = "/books/v1/volumes";

async fn sandbox() -> Sandbox {
    Sandbox::start(Settings::default()).await.unwrap()
}

#[tokio::test]
async fn an_isbn_finds_its_volume() {
    let sandbox = sandbox().await;
    let reply = get(
        sandbox.google_books(),
        VOLUMES,
        &[("q", "isbn:9780593230381"), ("key", API_KEY)],
    )
    .await
    .json();
    assert_eq!(reply["kind"], "books#volumes");
    assert_eq!(reply["totalItems"], 1);
    let info = &reply["items"][0]["volumeInfo"];
    assert_eq!(info["title"], "The Message");
    assert_eq!(info["authors"], json!(["Ta-Nehisi Coates"]));
    assert_eq!(
        info["industryIdentifiers"],
        json!([
            {"type": "ISBN_13", "identifier": "9780593230381"},
            {"type": "ISBN_10", "identifier": "0593230388"},
        ])
    );
}

#[tokio::test]
async fn title_and_author_find_volumes_and_a_mask_trims_them() {
    let sandbox = sandbox().await;
    let q = r#"intitle:"The Poppy War" inauthor:"Kuang""#;
    let mask = "totalItems,items(volumeInfo(title))";
    let parameters = [
        ("q", q),
        ("maxResults", "2"),
        ("fields", mask),
        ("key", API_KEY),
    ];
    let reply = get(sandbox.google_books(), VOLUMES, &parameters)
        .await
        .json();
    assert!(reply["totalItems"].as_u64().unwrap() >= 2, "{reply}");
    let items = reply["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    for item in items {
        let title = item["volumeInfo"]["title"].as_str().unwrap();
        assert_eq!(item, &json!({"volumeInfo": {"title": title}}));
        assert!(title.contains("The Poppy War"));
    }
    assert!(reply.get("kind").is_none());
}

#[tokio::test]
async fn nothing_found_has_no_items() {
    let sandbox = sandbox().await;
    let reply = get(
        sandbox.google_books(),
        VOLUMES,
        &[("q", "isbn:9780000000002"), ("key", API_KEY)],
    )
    .await
    .json();
    assert_eq!(reply, json!({"kind": "books#volumes", "totalItems": 0}));
}

#[tokio::test]
async fn bad_requests_get_googles_errors() {
    let sandbox = sandbox().await;
    let server = sandbox.google_books();
    for (parameters, status, message) in [
        (
            &[("q", "a"), ("key", "wrong")][..],
            400,
            "API key not valid",
        ),
        (&[("q", "a")], 429, "Quota exceeded"),
        (&[("key", API_KEY)], 400, "Missing query"),
        (
            &[("q", "a"), ("maxResults", "41"), ("key", API_KEY)],
            400,
            "Invalid value '41'",
        ),
        (
            &[("q", "a"), ("fields", "items("), ("key", API_KEY)],
            400,
            "Invalid field selection",
        ),
    ] {
        let reply = get(server, VOLUMES, parameters).await;
        assert_eq!(reply.status, status, "{parameters:?}");
        let error = &reply.json()["error"];
        assert_eq!(error["code"], status);
        assert!(
            error["message"].as_str().unwrap().starts_with(message),
            "{error}"
        );
    }
    server.behave(
        Fault::Status {
            code: 429,
            retry_after: None,
        }
        .first(1),
    );
    let keyed = [("q", "a"), ("key", API_KEY)];
    let quota = get(server, VOLUMES, &keyed).await;
    assert_eq!(quota.status, 429);
    assert_eq!(quota.json()["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(get(server, VOLUMES, &keyed).await.status, 200);
    // As in its bad times.
    server.behave(
        Fault::Status {
            code: 503,
            retry_after: None,
        }
        .when(When::Percent(70)),
    );
    let mut failed = 0;
    for _ in 0..100 {
        failed += usize::from(get(server, VOLUMES, &keyed).await.status == 503);
    }
    assert!((55..85).contains(&failed), "{failed}");
}

#[tokio::test]
async fn it_knows_books_that_open_library_lacks_and_lacks_some_itself() {
    let sandbox = sandbox().await;
    let bytes = stand_ins::library(200);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let (mut only_here, mut nowhere) = (0, 0);
    for row in reader.records().map(Result::unwrap) {
        let isbn = row[6].trim_matches(['=', '"']).to_owned();
        if isbn.is_empty() {
            continue;
        }
        let q = format!("isbn:{isbn}");
        let here = &get(
            sandbox.google_books(),
            VOLUMES,
            &[("q", &q), ("key", API_KEY)],
        )
        .await
        .json()["totalItems"];
        let there = &get(sandbox.open_library(), "/search.json", &[("q", &q)])
            .await
            .json()["numFound"];
        match (here.as_u64(), there.as_u64()) {
            (Some(1), Some(0)) => only_here += 1,
            (Some(0), Some(0)) => nowhere += 1,
            _ => {}
        }
    }
    assert!(only_here > 0 && nowhere > 0, "{only_here} {nowhere}");
}
