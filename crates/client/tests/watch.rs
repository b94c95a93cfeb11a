//! Tests of watching a job with all faults of server and network.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod server;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use client::{
    Client, Error, Event, Mode, Options, Photo, Status, StreamSupport, Submission, Tally, Timing,
    Transport, Update, Watch,
};
use http::StatusCode;
use server::{JOB, Server, Streams, TOKEN, fixture};

/// Options with short pauses, and without time-outs that a busy machine alone could exceed.
fn timing() -> Timing {
    let ms = Duration::from_millis;
    let (poll, retry, max_backoff) = (ms(20), ms(20), ms(100));
    Timing {
        poll,
        retry,
        max_backoff,
        longest_outage: Duration::from_secs(20),
        ..Timing::default()
    }
}

/// A client with short time-outs, for tests in which silence is the point.
fn impatient(server: &Server) -> Client {
    let (first_byte, idle) = (Duration::from_millis(700), Duration::from_millis(900));
    client_with(
        server,
        Mode::Auto,
        Timing {
            first_byte,
            idle,
            ..timing()
        },
    )
}

fn client(server: &Server) -> Client {
    client_with(server, Mode::Auto, timing())
}

fn client_with(server: &Server, mode: Mode, timing: Timing) -> Client {
    Client::with(&server.url(), Options { mode, timing }).unwrap()
}

fn import() -> Submission {
    Submission::Import(Bytes::from_static(b"Title,Author\nBabel,R. F. Kuang\n"))
}

/// The next event, and nothing about the connection.
async fn event(watch: &mut Watch) -> Option<Event> {
    loop {
        match watch.next().await.transpose().unwrap() {
            Some(Update::Event(event)) => return Some(event),
            Some(_) => {}
            None => return None,
        }
    }
}

/// Follows the job step by step, and says how many books each event counted.
async fn follow(server: &Server, watch: &mut Watch) -> Vec<u64> {
    let mut counts = Vec::new();
    while let Some(event) = event(watch).await {
        match &event {
            Event::Progress(s) | Event::Completed(s) | Event::Failed(s) => {
                counts.push(s.processed_count)
            }
            Event::Timeout(_) | Event::Book(_) => {}
        }
        server.advance();
    }
    counts
}

const WHOLE: [u64; 4] = [0, 50, 100, 150];

#[tokio::test]
async fn a_submission_is_answered_with_the_stream_itself() {
    let server = Server::start().await;
    let client = client(&server);
    let mut submitted = client.submit(&import()).await.unwrap();
    assert_eq!(submitted.accepted.job_id.as_str(), JOB);
    assert_eq!(submitted.accepted.auth_token.as_deref(), Some(TOKEN));
    assert_eq!(follow(&server, &mut submitted.watch).await, WHOLE);
    assert_eq!(server.requests(), ["POST /api/v2/imports"]);
    let counters = client.counters();
    assert_eq!(
        (
            counters.attached.opened,
            counters.attached.finished,
            counters.attached.events
        ),
        (1, 1, 4)
    );
    assert!(client.stream_support().unwrap().streams_work);
}

#[tokio::test]
async fn a_server_that_answers_in_json_is_asked_for_a_stream() {
    let server = Server::start().await;
    server.attached(false);
    let client = client(&server);
    let mut submitted = client.submit(&import()).await.unwrap();
    assert_eq!(follow(&server, &mut submitted.watch).await, WHOLE);
    assert_eq!(
        server.requests(),
        [
            "POST /api/v2/imports".into(),
            format!("GET /api/v2/imports/{JOB}/stream")
        ]
    );
    assert_eq!(
        (
            client.counters().attached.refused,
            client.counters().sse.finished
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn scans_and_enrichments_attach_once_streams_are_known_to_work() {
    let server = Server::start().await;
    let client = client(&server);
    let scan = Submission::Scan(vec![
        Photo {
            bytes: Bytes::from_static(b"\xff\xd8jpeg")
        };
        2
    ]);
    let mut first = client.submit(&scan).await.unwrap();
    assert_eq!(client.counters().attached.opened, 0);
    assert!(matches!(
        event(&mut first.watch).await,
        Some(Event::Progress(_))
    ));
    let enrich = Submission::Enrich(vec!["9780439708180".into()]);
    let _second = client.submit(&enrich).await.unwrap();
    assert_eq!(client.counters().attached.opened, 1);
    let submissions = server.submissions();
    let (content_type, body) = &submissions[0];
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let body = String::from_utf8_lossy(body);
    assert_eq!(body.matches(&format!("--{boundary}\r\n")).count(), 2);
    assert_eq!(body.matches("name=\"photos\"").count(), 2);
    assert!(
        body.contains("content-type: image/jpeg\r\n\r\n")
            && body.ends_with(&format!("--{boundary}--\r\n"))
    );
    assert_eq!(
        submissions[1],
        (
            "application/json".into(),
            Bytes::from(r#"{"barcodes":["9780439708180"]}"#)
        )
    );
}

#[tokio::test]
async fn a_stream_that_is_cut_again_and_again_loses_and_repeats_nothing() {
    let server = Server::start().await;
    server.streams(Streams::CutAfter(1));
    let client = client(&server);
    let mut submitted = client.submit(&import()).await.unwrap();
    assert_eq!(follow(&server, &mut submitted.watch).await, WHOLE);
    let stream = format!("GET /api/v2/imports/{JOB}/stream");
    let expected = [1, 9, 18].map(|id| format!("{stream} after {id}"));
    assert_eq!(server.requests()[1..], expected);
    assert_eq!(
        (client.counters().attached.cut, client.counters().sse.cut),
        (1, 2)
    );
}

#[tokio::test]
async fn every_book_comes_once_although_the_stream_is_cut() {
    let server = Server::start().await.with_books(20);
    server.streams(Streams::CutAfter(3));
    server.finish();
    let mut watch = client(&server).watch_books(&JOB.parse().unwrap());
    let mut indexes = Vec::new();
    while let Some(event) = event(&mut watch).await {
        if let Event::Book(book) = event {
            indexes.push(book["index"].as_u64().unwrap());
        }
    }
    assert_eq!(indexes, (0..20).collect::<Vec<_>>());
    assert!(server.count("GET") >= 7);
}

#[tokio::test]
async fn a_restart_of_the_server_is_a_pause() {
    let mut server = Server::start().await;
    let client = client(&server);
    let mut watch = client.submit(&import()).await.unwrap().watch;
    assert!(matches!(event(&mut watch).await, Some(Event::Progress(_))));
    server.stop().await;
    server.advance();
    loop {
        match watch.next().await.unwrap().unwrap() {
            Update::Lost { reason, pause } => {
                assert!(
                    reason.contains("cannot reach http://127.0.0.1:"),
                    "{reason}"
                );
                assert!(pause <= Duration::from_millis(125));
                break;
            }
            update => assert!(!matches!(update, Update::Event(_)), "{update:?}"),
        }
    }
    server.restart().await;
    assert_eq!(follow(&server, &mut watch).await, WHOLE[1..]);
    assert!(client.counters().sse.unreachable >= 1);
}

#[tokio::test]
async fn polling_survives_a_restart_too() {
    let mut server = Server::start().await;
    let client = client_with(&server, Mode::Poll, timing());
    let mut watch = client.submit(&import()).await.unwrap().watch;
    assert!(matches!(event(&mut watch).await, Some(Event::Progress(_))));
    server.stop().await;
    server.advance();
    while !matches!(watch.next().await.unwrap().unwrap(), Update::Lost { .. }) {}
    server.restart().await;
    assert_eq!(follow(&server, &mut watch).await, WHOLE[1..]);
    assert_eq!(
        server.count("GET /api/v2/imports/550e8400-e29b-41d4-a716-446655440000/stream"),
        0
    );
}

#[tokio::test]
async fn whatever_keeps_streams_from_getting_through_leads_to_polling() {
    for streams in [
        Streams::Silent,
        Streams::Mute,
        Streams::Html,
        Streams::Garbage,
        Streams::Empty,
        Streams::Status(StatusCode::FORBIDDEN),
        Streams::Status(StatusCode::BAD_GATEWAY),
    ] {
        let server = Server::start().await;
        server.attached(false);
        server.streams(streams);
        let client = impatient(&server);
        let mut watch = client.submit(&import()).await.unwrap().watch;
        assert_eq!(follow(&server, &mut watch).await, WHOLE, "{streams:?}");
        assert!(
            !client.stream_support().unwrap().streams_work,
            "{streams:?}"
        );
        let counters = client.counters();
        assert_eq!(
            (
                counters.poll.opened,
                counters.poll.finished,
                counters.sse.finished
            ),
            (1, 1, 0),
            "{streams:?}"
        );
        for tally in [counters.attached, counters.sse, counters.poll] {
            let Tally {
                opened,
                finished,
                cut,
                silent,
                refused,
                unreachable,
                left,
                ..
            } = tally;
            assert_eq!(
                opened,
                finished + cut + silent + refused + unreachable + left,
                "{streams:?}"
            );
        }
        // And it is remembered.
        let before = server.count(&format!("GET /api/v2/imports/{JOB}/stream"));
        let mut again = client.submit(&import()).await.unwrap().watch;
        assert!(matches!(event(&mut again).await, Some(Event::Completed(_))));
        assert_eq!(
            server.count(&format!("GET /api/v2/imports/{JOB}/stream")),
            before,
            "{streams:?}"
        );
    }
}

#[tokio::test]
async fn an_import_whose_answer_is_held_back_is_submitted_again_as_the_same_job() {
    let server = Server::start().await;
    server.streams(Streams::Silent);
    let client = impatient(&server);
    let mut submitted = client.submit(&import()).await.unwrap();
    assert_eq!(server.count("POST /api/v2/imports"), 2);
    assert_eq!(client.counters().attached.silent, 1);
    assert!(!client.stream_support().unwrap().streams_work);
    assert_eq!(follow(&server, &mut submitted.watch).await, WHOLE);
}

#[tokio::test]
async fn streams_are_tried_again_when_the_verdict_has_run_out() {
    let server = Server::start().await;
    let client = client(&server);
    let blocked_until = |until| {
        client.assume_stream_support(StreamSupport {
            streams_work: false,
            until,
        })
    };
    blocked_until(SystemTime::now() + Duration::from_secs(60));
    let mut watch = client.watch(&JOB.parse().unwrap());
    let mut transports = Vec::new();
    loop {
        match watch.next().await.unwrap().unwrap() {
            Update::Using(transport) => transports.push(transport),
            Update::Event(Event::Completed(_)) => break,
            Update::Event(_) if transports == [Transport::Poll, Transport::Sse] => server.finish(),
            Update::Event(_) => blocked_until(SystemTime::now()),
            _ => {}
        }
    }
    assert_eq!(transports, [Transport::Poll, Transport::Sse]);
    assert_eq!(
        (client.counters().poll.left, client.counters().sse.finished),
        (1, 1)
    );
    assert!(client.stream_support().unwrap().streams_work);
}

#[tokio::test]
async fn polling_sends_the_etag_and_repeats_no_event() {
    let server = Server::start().await;
    let client = client_with(&server, Mode::Poll, timing());
    let mut watch = client.watch(&JOB.parse().unwrap());
    assert!(matches!(event(&mut watch).await, Some(Event::Progress(_))));
    let quiet = tokio::time::timeout(Duration::from_millis(400), event(&mut watch)).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(server.count("GET") >= 2);
    server.finish();
    assert!(matches!(event(&mut watch).await, Some(Event::Completed(_))));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn forced_streams_do_not_poll() {
    let server = Server::start().await;
    server.streams(Streams::Html);
    let longest_outage = Duration::from_millis(300);
    let client = client_with(
        &server,
        Mode::Sse,
        Timing {
            longest_outage,
            ..timing()
        },
    );
    let mut watch = client.watch(&JOB.parse().unwrap());
    let error = loop {
        match watch.next().await.unwrap() {
            Ok(update) => assert!(matches!(update, Update::Lost { .. }), "{update:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert_eq!(
        server.count(&format!("GET /api/v2/imports/{JOB}/stream")),
        server.requests().len()
    );
}

#[tokio::test]
async fn a_busy_stream_with_a_busy_status_is_waited_for() {
    let server = Server::start().await;
    server.attached(false);
    server.status_works(false);
    server.streams(Streams::Status(StatusCode::SERVICE_UNAVAILABLE));
    let client = client(&server);
    let mut watch = client.submit(&import()).await.unwrap().watch;
    for _ in 0..5 {
        let update = watch.next().await.unwrap().unwrap();
        assert!(matches!(update, Update::Lost { .. }), "{update:?}");
    }
    assert_eq!(client.stream_support(), None);
    server.streams(Streams::Work);
    assert_eq!(follow(&server, &mut watch).await, WHOLE);
}

#[tokio::test]
async fn no_content_means_that_the_status_says_the_end() {
    let server = Server::start().await;
    server.streams(Streams::NoContent);
    server.finish();
    let client = client(&server);
    let mut watch = client.watch(&JOB.parse().unwrap());
    assert!(matches!(event(&mut watch).await, Some(Event::Completed(_))));
    assert_eq!(client.stream_support(), None);
}

#[tokio::test]
async fn failed_stalled_and_canceled_jobs_end_the_watch() {
    let server = Server::start().await;
    server.fail();
    let mut watch = client(&server).watch(&JOB.parse().unwrap());
    let Some(Event::Failed(failed)) = event(&mut watch).await else {
        panic!()
    };
    assert_eq!(failed.error.unwrap().code, "E_CSV_PARSE_FAILED");
    assert!(watch.next().await.is_none());

    let server = Server::start().await;
    server.stall();
    let mut watch = client(&server).watch(&JOB.parse().unwrap());
    assert!(matches!(event(&mut watch).await, Some(Event::Timeout(_))));
    assert!(watch.next().await.is_none());

    let server = Server::start().await;
    let client = client(&server);
    let mut submitted = client.submit(&import()).await.unwrap();
    let wrong = client
        .cancel(&submitted.accepted.job_id, Some("guess"))
        .await;
    assert!(matches!(wrong, Err(Error::Api(e)) if e.code == "UNAUTHORIZED" && e.status == 401));
    let done = client
        .cancel(
            &submitted.accepted.job_id,
            submitted.accepted.auth_token.as_deref(),
        )
        .await
        .unwrap();
    assert_eq!(done.status, Status::Canceled);
    let canceled = loop {
        match event(&mut submitted.watch).await.unwrap() {
            Event::Failed(canceled) => break canceled,
            event => assert!(matches!(event, Event::Progress(_)), "{event:?}"),
        }
    };
    assert_eq!(canceled.status, Status::Canceled);
}

#[tokio::test]
async fn a_watch_that_is_asked_in_bits_loses_nothing() {
    let server = Server::start().await;
    let client = client(&server);
    let mut watch = client.watch(&JOB.parse().unwrap());
    let mut counts = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(15), watch.next()).await {
            Err(_) => server.advance(),
            Ok(None) => break,
            Ok(Some(update)) => {
                if let Update::Event(Event::Progress(s) | Event::Completed(s)) = update.unwrap() {
                    counts.push(s.processed_count);
                }
            }
        }
    }
    assert!(
        counts.is_sorted() && counts.last() == Some(&150),
        "{counts:?}"
    );
}

#[tokio::test]
async fn an_unknown_job_and_an_absent_server_are_final() {
    let mut server = Server::start().await;
    let client = client(&server);
    let mut watch = client.watch(&"unknown".parse().unwrap());
    let error = watch.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&error, Error::Api(e) if e.code == "NOT_FOUND" && e.status == 404),
        "{error}"
    );
    assert!(error.to_string().starts_with("No job with this id"));
    assert!(watch.next().await.is_none());
    server.stop().await;
    let error = client
        .watch(&JOB.parse().unwrap())
        .next()
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let error = client.submit(&import()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_dropped_watch_is_counted_as_left() {
    let server = Server::start().await;
    let client = client(&server);
    let mut watch = client.watch(&JOB.parse().unwrap());
    assert!(event(&mut watch).await.is_some());
    drop(watch);
    assert_eq!(
        (client.counters().sse.opened, client.counters().sse.left),
        (1, 1)
    );
}

#[tokio::test]
async fn results_of_every_kind_are_read() {
    let server = Server::start().await;
    let client = client(&server);
    let job = JOB.parse().unwrap();
    let early = client.results(&job).await;
    assert!(matches!(early, Err(Error::Api(e)) if e.code == "NOT_READY"));
    server.finish();
    let results = client.results(&job).await.unwrap();
    assert_eq!(
        (
            results.books[0].title.as_str(),
            results.books[0].authors.len()
        ),
        ("The Great Gatsby", 1)
    );
    for name in [
        "results-import.json",
        "results-scan.json",
        "results-enrichment.json",
    ] {
        let mut envelope: serde_json::Value = serde_json::from_str(&fixture(name)).unwrap();
        let results: client::Results = serde_json::from_value(envelope["data"].clone()).unwrap();
        let mut again = serde_json::to_value(&results).unwrap();
        // A field that is absent means what one that is null does.
        for book in [&mut envelope["data"]["books"][0], &mut again["books"][0]] {
            book.as_object_mut()
                .unwrap()
                .retain(|_, value| !value.is_null());
        }
        assert_eq!(again, envelope["data"], "{name}");
    }
}

#[test]
fn addresses_and_job_ids_are_checked() {
    for wrong in [
        "",
        "localhost:3000",
        "ftp://host",
        "http://host/app",
        "http://user:secret@host",
        "http://h?x=1",
        "http://bücher.example/app",
        "http://user:secret@bücher.example",
    ] {
        assert!(
            matches!(Client::new(wrong), Err(Error::Address { .. })),
            "{wrong}"
        );
    }
    assert_eq!(
        Client::new("HTTP://Books.Example:80/").unwrap().origin(),
        "http://books.example:80"
    );
    assert_eq!(
        Client::new("https://Bücher.example/").unwrap().origin(),
        "https://xn--bcher-kva.example"
    );
    for wrong in ["", "a/b", "..", "a b", &"x".repeat(101)] {
        assert!(wrong.parse::<client::JobId>().is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_submitted_is_submitted_again_under_its_key_when_the_answer_breaks() {
    let server = Server::start().await;
    server.streams(Streams::Empty);
    let client = client(&server);
    let submitted = client.submit(&import()).await.unwrap();
    assert_eq!(submitted.accepted.job_id.as_str(), JOB);
    let keys = server.keys();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    assert_eq!(client.counters().attached.cut, 1);
    assert_eq!(client.stream_support(), None);
    // Each submission has a key of its own.
    server.streams(Streams::Work);
    client.submit(&import()).await.unwrap();
    server.streams(Streams::Empty);
    let scan = Submission::Scan(vec![Photo {
        bytes: Bytes::from_static(b"\xff\xd8"),
    }]);
    client.submit(&scan).await.unwrap();
    let keys = server.keys();
    assert_eq!(keys.len(), 5);
    assert!(keys[3].is_some() && keys[3] == keys[4], "{keys:?}");
    assert!(keys[2] != keys[0] && keys[3] != keys[2], "{keys:?}");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_resumed() {
    let server = Server::start().await;
    let client = impatient(&server);
    server.streams(Streams::HangAfter(1));
    let mut watch = client.submit(&import()).await.unwrap().watch;
    assert_eq!(follow(&server, &mut watch).await, WHOLE);
    let stream = format!("GET /api/v2/imports/{JOB}/stream");
    assert_eq!(
        server.requests()[1..],
        [1, 9, 18].map(|id| format!("{stream} after {id}"))
    );
}
