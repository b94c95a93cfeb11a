//! Tests of faults on demand, steering and counting.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http;

use std::time::{Duration, Instant};

use http::{AGENT, get, post, send};
use serde_json::json;
use stand_ins::{API_KEY, Behaviour, Fault, Sandbox, Settings, When};

const ASK: [(&str, &str); 2] = [("q", "title:war"), ("fields", "*")];
/// The ISBNs that [`ASK_BY_ISBN`] asks for.
const ISBNS: [u64; 2] = [9_780_439_708_180, 9_780_743_273_565];
const ASK_BY_ISBN: [(&str, &str); 2] = [
    ("q", "isbn:(9780439708180 OR 9780743273565)"),
    ("fields", "*"),
];

async fn sandbox() -> Sandbox {
    Sandbox::start(Settings::default()).await.unwrap()
}

#[tokio::test]
async fn faults_look_like_what_they_are_called() {
    let sandbox = sandbox().await;
    let server = sandbox.open_library();
    let healthy = get(server, "/search.json", &ASK).await;

    let retry_after = Some("7".to_owned());
    server.behave(
        Fault::Status {
            code: 503,
            retry_after,
        }
        .always(),
    );
    let busy = get(server, "/search.json", &ASK).await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("7")));

    server.behave(Fault::Garbage.always());
    let garbage = get(server, "/search.json", &ASK).await;
    assert_eq!(garbage.status, 200);
    assert!(std::str::from_utf8(&garbage.body).is_err());

    server.behave(Fault::HalfJson.always());
    let half = get(server, "/search.json", &ASK).await;
    assert_eq!(half.body, healthy.body.slice(..healthy.body.len() / 2));

    let target = "/search.json?q=title:war&fields=*";
    server.behave(Behaviour::default());
    let fields = [("q", "title:war"), ("fields", "key,editions,editions.key")];
    let told = get(server, "/search.json", &fields).await.json();
    server.behave(Fault::NoEditions.always());
    let bare = get(server, "/search.json", &fields).await.json();
    assert_eq!(bare["numFound"], told["numFound"]);
    for (bare, told) in std::iter::zip(
        bare["docs"].as_array().unwrap(),
        told["docs"].as_array().unwrap(),
    ) {
        assert_eq!(bare["key"], told["key"]);
        assert_eq!(told["editions"]["docs"].as_array().unwrap().len(), 1);
        assert_eq!(bare["editions"]["docs"], json!([]));
    }

    let google = sandbox.google_books();
    google.behave(Fault::OtherBook.always());
    let asked = [
        ("q", "isbn:9780593230381"),
        ("fields", "totalItems,items(id,volumeInfo)"),
        ("key", API_KEY),
    ];
    let other = get(google, "/books/v1/volumes", &asked).await;
    assert_eq!(other.status, 200);
    let other = other.json();
    assert_eq!(other["items"].as_array().unwrap().len(), 2);
    assert!(!other.to_string().contains("9780593230381"), "{other}");

    for broken in [Fault::Reset, Fault::CutShort] {
        server.behave(broken.always());
        assert!(
            send(server, "GET", target, &[AGENT], Vec::new())
                .await
                .is_err()
        );
    }
    for silent in [Fault::Hang, Fault::Stall] {
        server.behave(silent.always());
        let answer = send(server, "GET", target, &[AGENT], Vec::new());
        assert!(
            tokio::time::timeout(Duration::from_millis(100), answer)
                .await
                .is_err()
        );
    }
    server.behave(Fault::Hold.always());
    let mut held = std::pin::pin!(get(server, "/search.json", &ASK));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut held);
    assert!(early.await.is_err());
    server.behave(Behaviour::default());
    assert_eq!(held.await.body, healthy.body);
    assert_eq!(get(server, "/search.json", &ASK).await.body, healthy.body);
}

#[tokio::test]
async fn faults_strike_when_they_are_meant_to() {
    let sandbox = sandbox().await;
    let server = sandbox.open_library();
    let fault = Fault::Status {
        code: 500,
        retry_after: None,
    };
    for (when, expected) in [
        (When::First(2), [500, 500, 200, 200, 200, 200]),
        (When::After(2), [200, 200, 500, 500, 500, 500]),
        (When::Every(3), [200, 200, 500, 200, 200, 500]),
        (When::Every(0), [200; 6]),
    ] {
        server.behave(fault.clone().when(when));
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(get(server, "/search.json", &ASK).await.status);
        }
        assert_eq!(seen, expected, "{when:?}");
    }
    for (isbn, expected) in [(ISBNS[0], 500), (ISBNS[1], 500), (9_780_063_021_426, 200)] {
        server.behave(fault.clone().when(When::Isbn(isbn)));
        let answer = get(server, "/search.json", &ASK_BY_ISBN).await;
        assert_eq!(answer.status, expected, "{isbn}");
        assert_eq!(get(server, "/search.json", &ASK).await.status, 200);
    }
}

#[tokio::test]
async fn requests_take_as_long_as_they_were_told_to() {
    let sandbox = Sandbox::start(Settings {
        delay: Duration::from_millis(30),
        ..Settings::default()
    })
    .await
    .unwrap();
    let server = sandbox.google_books();
    server.behave(Behaviour::slow(Duration::from_millis(40)));
    let started = Instant::now();
    get(server, "/books/v1/volumes", &[("q", "war")]).await;
    assert!(started.elapsed() >= Duration::from_millis(70));
}

#[tokio::test]
async fn other_processes_steer_and_count() {
    let sandbox = sandbox().await;
    let server = sandbox.google_books();
    let behaviour =
        json!({"fault": {"status": {"code": 429, "retry_after": "3"}}, "when": {"first": 1}});
    assert_eq!(post(server, "/__behave", &[], &behaviour).await.status, 200);
    let parameters = [("q", "isbn:9780593230381"), ("key", API_KEY)];
    let limited = get(server, "/books/v1/volumes", &parameters).await;
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("3"))
    );
    assert_eq!(
        get(server, "/books/v1/volumes", &parameters).await.status,
        200
    );

    let seen = get(server, "/__requests", &[]).await.json();
    assert_eq!(seen["count"], 2);
    assert_eq!(
        seen["requests"][1]["query"],
        "q=isbn%3A9780593230381&key=sandbox-key"
    );
    assert_eq!(server.requests()[1].path, "/books/v1/volumes");

    post(server, "/__reset", &[], &json!({})).await;
    assert_eq!(server.count(), 0);
    for nonsense in [
        json!({"fault": "explode"}),
        json!({"when": "now"}),
        json!([1]),
    ] {
        let reply = post(server, "/__behave", &[], &nonsense).await;
        assert_eq!(reply.status, 400, "{nonsense}");
    }
}

#[tokio::test]
async fn a_dropped_sandbox_is_gone() {
    let sandbox = sandbox().await;
    let addr = sandbox.open_library().addr();
    drop(sandbox);
    // The accept loop ends at its next turn.
    let gone = async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone)
        .await
        .unwrap();
}
