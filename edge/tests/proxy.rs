//! Tests with ordinary HTTP clients.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use http::Method;
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head").1
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn requests_and_answers_pass_unchanged() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let answer = edge
        .raw(b"POST /a%2fb//c?q=1&q=%20 HTTP/1.1\r\nHost: app.example\r\nContent-Length: 5\r\nX-Own: 1\r\nConnection: close\r\n\r\nhello")
        .await;
    assert_eq!(status(&answer), "200");
    assert_eq!(body(&answer), "POST /a%2fb//c?q=1&q=%20 5");
    let seen = &app.world.seen(&Method::POST, "/")[0];
    assert_eq!(&seen.body[..], b"hello");
    assert_eq!(seen.header("x-own"), Some("1"));
    assert_eq!(seen.header("connection"), None);
    assert_eq!(seen.header("x-forwarded-host"), Some("app.example"));
    assert_eq!(
        seen.header("forwarded"),
        Some("for=127.0.0.1;proto=http;host=\"app.example\"")
    );
    assert_eq!(seen.header("x-edge-secret"), Some("shared"));
    let answer = edge
        .raw(b"HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(status(&answer), "200");
    assert!(answer.to_ascii_lowercase().contains("content-length: "));
    assert_eq!(body(&answer), "");
    let answer = edge
        .raw(b"GET /gone HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!((status(&answer), body(&answer)), ("404", "not here"));
}

/// A page whose name was made to stand for this machine is refused where the operator says which
/// names are served here: as a request and as a socket.
#[tokio::test]
async fn a_page_of_another_site_is_refused_where_the_names_are_known() {
    let app = App::start().await;
    let mut config = config();
    config.local_names = Some(["app.example".to_owned()].into_iter().collect());
    let edge = Served::start(config, &app).await;
    let ask = async |line: &str, more: &str| {
        let request = format!("{line} HTTP/1.1\r\n{more}Connection: close\r\n\r\n");
        status(&edge.raw(request.as_bytes()).await).to_owned()
    };
    for (line, more, expected) in [
        ("GET /x", "Host: app.example:8080\r\n", "200"),
        ("GET /x", "Host: localhost:8080\r\n", "200"),
        ("GET /x", "Host: 127.0.0.1\r\n", "200"),
        ("GET /x", "Host: evil.example\r\n", "421"),
        ("GET http://evil.example/x", "Host: localhost\r\n", "421"),
        (
            "GET /x",
            "Host: evil.example\r\nX-Forwarded-Host: localhost\r\n",
            "421",
        ),
        (
            "GET /ws/progress?jobId=a",
            "Host: evil.example\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            "421",
        ),
    ] {
        assert_eq!(ask(line, more).await, expected, "{line} {more}");
    }
}

#[tokio::test]
async fn what_a_client_claims_to_be_is_not_passed_on() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    edge.raw(
        b"GET /x HTTP/1.1\r\nHost: x\r\nX-Edge-Secret: guess\r\nX-Edge-Client: 1.1.1.1\r\nX-Edge-Other: 1\r\n\
        X-Edge-Park: unlimited\r\nX-Stream-Budget: 0\r\nX-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n\
        Connection: close, X-Named\r\nX-Named: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\n\r\n",
    )
    .await;
    let seen = &app.world.seen(&Method::GET, "/x")[0];
    let mut names: Vec<&str> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let ours = [
        "forwarded",
        "host",
        "x-edge-client",
        // Offered by the edge itself: it cannot know what is a stream.
        "x-edge-park",
        "x-edge-secret",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    assert_eq!(names, ours);
    assert_eq!(seen.header("x-edge-client"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-edge-park"), Some("any"));
    let answer = edge
        .raw(b"GET /private-headers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let head = answer
        .split_once("\r\n\r\n")
        .unwrap()
        .0
        .to_ascii_lowercase();
    for name in ["x-edge-label", "stream-key", "x-hop", "proxy-authenticate"] {
        assert!(!head.contains(name), "{head}");
    }
    assert!(head.contains("x-end: to-end"));
}

#[tokio::test]
async fn no_request_can_hide_in_another() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    let long = chunked.len();
    for (name, request, expected) in [
        (
            "CL then TE",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: {long}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"
            ),
            "200",
        ),
        (
            "TE then CL",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: {long}\r\n\r\n{chunked}"
            ),
            "200",
        ),
        (
            "two CL",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n{hidden}"
            ),
            "400",
        ),
        (
            "a list of CL",
            format!("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 5\r\n\r\n{hidden}"),
            "400",
        ),
        (
            "CL with a sign",
            format!("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n{hidden}"),
            "400",
        ),
        (
            "obs-fold",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n{hidden}"
            ),
            "400",
        ),
        (
            "space before the colon",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n{hidden}"
            ),
            "400",
        ),
        (
            "TE that is not chunked",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n{hidden}"
            ),
            "400",
        ),
        (
            "TE after chunked",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n{chunked}"
            ),
            "400",
        ),
        (
            "TE in HTTP/1.0",
            format!("POST /p HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
            "400",
        ),
        (
            "two hosts",
            format!("GET /p HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n{hidden}"),
            "400",
        ),
        (
            "no host",
            format!("GET /p HTTP/1.1\r\nConnection: close\r\n\r\n{hidden}"),
            "400",
        ),
        (
            "no host, as clients of HTTP/1.0 may",
            "GET /p HTTP/1.0\r\n\r\n".to_owned(),
            "200",
        ),
        (
            "a bare line feed in a value",
            format!(
                "GET /p HTTP/1.1\r\nHost: x\r\nX-A: 1\rX-B: 2\r\nConnection: close\r\n\r\n{hidden}"
            ),
            "400",
        ),
        (
            "a NUL",
            format!("GET /p HTTP/1.1\r\nHost: x\r\nX-A: \0\r\nConnection: close\r\n\r\n{hidden}"),
            "400",
        ),
        (
            "chunk size that is none",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{hidden}"
            ),
            "400",
        ),
        (
            "chunk size that overflows",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{hidden}"
            ),
            "400",
        ),
        (
            "chunk without its end",
            format!(
                "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n{hidden}"
            ),
            "400",
        ),
        (
            "absolute target",
            format!(
                "GET http://other.example/p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n{hidden}"
            ),
            "200",
        ),
        (
            "CONNECT",
            format!(
                "CONNECT other.example:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n{hidden}"
            ),
            "405",
        ),
        (
            "TRACE",
            format!("TRACE /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n{hidden}"),
            "405",
        ),
    ] {
        let answer = edge.raw(request.as_bytes()).await;
        // A body that breaks in the middle may also end the connection without an answer.
        let broken_body = name.starts_with("chunk")
            && (answer.is_empty() || status(&answer).starts_with(['4', '5']));
        assert!(
            status(&answer) == expected || broken_body,
            "{name}: {answer}"
        );
        assert_eq!(
            answer.matches("HTTP/1.").count(),
            usize::from(!answer.is_empty()),
            "{name}: {answer}"
        );
    }
    assert!(app.world.seen(&Method::GET, "/hidden").is_empty());
    for seen in app.world.seen(&Method::POST, "/p") {
        let framings = ["content-length", "transfer-encoding"]
            .iter()
            .filter(|name| seen.header(name).is_some());
        assert!(framings.count() <= 1);
        assert!(seen.body.is_empty());
    }
    let absolute = &app.world.seen(&Method::GET, "/p")[1];
    assert_eq!(
        (&*absolute.target, absolute.header("x-forwarded-host")),
        ("/p", Some("other.example"))
    );
}

#[tokio::test]
async fn bodies_are_limited() {
    let app = App::start().await;
    let mut config = config();
    config.limits.body_bytes = 1000;
    let edge = Served::start(config, &app).await;
    let answer = edge
        .raw(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
        .await;
    assert_eq!(status(&answer), "413");
    assert!(answer.contains("FILE_TOO_LARGE"));
    let mut chunked = b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..3 {
        chunked.extend(b"1f4\r\n");
        chunked.extend([b'x'; 500]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    assert_eq!(status(&edge.raw(&chunked).await), "413");
    assert!(app.world.seen(&Method::POST, "/p").is_empty());
    let exact = format!(
        "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{}",
        "x".repeat(1000)
    );
    assert_eq!(status(&edge.raw(exact.as_bytes()).await), "200");
}

#[tokio::test]
async fn a_body_is_asked_for_when_the_upstream_wants_it() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    stream.write_all(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut interim = vec![0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    within(stream.read_exact(&mut interim)).await.unwrap();
    assert_eq!(interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(body(&answer), "POST /p 5");
    assert_eq!(
        app.world.seen(&Method::POST, "/p")[0].header("expect"),
        None
    );
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_upstream() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut waiting = TcpStream::connect(edge.address).await.unwrap();
    waiting
        .write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    until(|| !app.world.seen(&Method::GET, "/hang").is_empty()).await;
    drop(waiting);
    until(|| app.world.aborted.load(SeqCst) == 1).await;
    let mut uploading = TcpStream::connect(edge.address).await.unwrap();
    uploading
        .write_all(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nhalf")
        .await
        .unwrap();
    until(|| app.world.begun.load(SeqCst) == 2).await;
    drop(uploading);
    until(|| app.world.aborted.load(SeqCst) == 2).await;
    assert!(
        app.world.seen(&Method::POST, "/p").is_empty(),
        "half a body is no request"
    );
}

#[tokio::test]
async fn a_client_that_shuts_down_its_writing_side_is_answered() {
    let app = App::start().await;
    let mut config = config();
    config.times.shut_down = Duration::from_secs(600);
    let edge = Served::start(config, &app).await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let request = b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    until(|| !app.world.seen(&Method::GET, "/held").is_empty()).await;
    let mut answer = Vec::new();
    let early = stream.read_to_end(&mut answer);
    let early = tokio::time::timeout(Duration::from_millis(100), early).await;
    assert!(early.is_err(), "{early:?}");
    app.world.released.notify_one();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!((status(&answer), body(&answer)), ("200", "late"));
}

#[tokio::test]
async fn a_body_that_ends_with_the_writing_side_is_no_request() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let half = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
    stream.write_all(half).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.is_empty() || status(&answer) == "400", "{answer}");
    assert!(app.world.seen(&Method::POST, "/p").is_empty());
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let app = App::start().await;
    let mut of_clients = config();
    of_clients.times.request_head = Duration::from_millis(200);
    of_clients.times.upload.idle = Duration::from_millis(200);
    let edge = Served::start(of_clients, &app).await;
    // A head that never ends, a body that never ends; an answer that never comes is the last.
    let answer = edge.raw(b"GET / HTTP/1.1\r\nHost").await;
    assert!(answer.is_empty() || status(&answer) == "408", "{answer}");
    let answer = edge
        .raw(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    assert!(status(&answer) == "408", "{answer}");
    // An idle connection after its first answer.
    let answer = edge.raw(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
    let mut of_the_application = config();
    of_the_application.times.response_head = Duration::from_millis(400);
    let edge = Served::start(of_the_application, &app).await;
    let answer = edge
        .raw(b"GET /hang HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(status(&answer), "504");
    assert!(answer.contains("\"retryable\":true"));
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502() {
    let app = App::start().await;
    app.kill().await;
    let edge = Served::start(config(), &app).await;
    let get = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&edge.raw(get).await), "502");
    app.restart().await;
    assert_eq!(status(&edge.raw(get).await), "200");
    assert!(edge.metric("edge_requests_total{status=\"502\"} 1").await);
}

#[tokio::test]
async fn an_answer_may_come_before_the_body_has() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let answer = edge
        .raw(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nonly this")
        .await;
    assert_eq!(
        (status(&answer), body(&answer)),
        ("409", "no need for the rest")
    );
}

#[tokio::test]
async fn a_silent_connection_makes_room_for_one_that_asks() {
    let app = App::start().await;
    let request = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for per_address in [2, 1_000] {
        let mut config = config();
        config.limits.connections_per_address = per_address;
        config.limits.connections = 2;
        let edge = Served::start(config, &app).await;
        let mut busy = TcpStream::connect(edge.address).await.unwrap();
        let hang = b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n";
        busy.write_all(hang).await.unwrap();
        until(|| !app.world.seen(&Method::GET, "/hang").is_empty()).await;
        let mut silent = TcpStream::connect(edge.address).await.unwrap();
        until(|| edge.edge.metrics().contains("edge_connections_open 2")).await;
        assert_eq!(status(&edge.raw(request).await), "200");
        let mut rest = Vec::new();
        let closed = within(silent.read_to_end(&mut rest)).await;
        assert!(
            closed.is_err() || rest.is_empty(),
            "the silent one is closed"
        );
        // A request under way keeps its connection.
        let two = [hang, hang].map(|_| TcpStream::connect(edge.address));
        let mut kept = Vec::new();
        for connecting in two {
            kept.push(connecting.await.unwrap());
        }
        assert_eq!(status(&edge.raw(request).await), "200");
        let mut byte = [0];
        let nothing = tokio::time::timeout(Duration::from_millis(100), busy.read(&mut byte));
        assert!(nothing.await.is_err(), "the busy one is still open");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_as_it_should_is_its_client_s_fault() {
    let app = App::start().await;
    let mut config = config();
    config.times.upload.grace = Duration::from_millis(500);
    let edge = Served::start(config, &app).await;
    let head = "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = edge
        .raw(format!("{head}5\r\nhello\r\nxyz\r\n").as_bytes())
        .await;
    assert_eq!(status(&answer), "400", "{answer}");
    assert!(answer.contains("\"retryable\":false"), "{answer}");
    for head in [
        head,
        "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
    ] {
        // A byte now and then is not enough.
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let dripping = tokio::spawn(async move {
            while writer.write_all(b"1\r\nx\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut answer = Vec::new();
        let _ = within(reader.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(status(&answer), "408", "{answer}");
        dripping.abort();
    }
    assert!(app.world.seen(&Method::POST, "/p").is_empty());
}

#[tokio::test]
async fn a_refusal_comes_at_once_and_the_rest_is_read_for_a_moment_only() {
    let app = App::start().await;
    let mut config = config();
    config.limits.body_bytes = 1000;
    config.times.upload.drain = Duration::from_millis(300);
    let edge = Served::start(config, &app).await;
    for (target, expected) in [("/p", "413"), ("/early", "409")] {
        let length = if target == "/p" { 100_000 } else { 900 };
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nx");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 1024];
        let n = within(stream.read(&mut answer)).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
        assert_eq!(status(&answer), expected, "{answer}");
        // The connection is closed although the rest never comes.
        let mut rest = Vec::new();
        let _ = within(stream.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn what_a_client_leaves_counts_until_the_application_has_noticed() {
    let request = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let leave = async |abandoned: Duration| {
        let app = App::start().await;
        let mut config = config();
        config.limits.requests_per_address = 1;
        config.times.abandoned = abandoned;
        let edge = Served::start(config, &app).await;
        let mut first = TcpStream::connect(edge.address).await.unwrap();
        let hang = b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n";
        first.write_all(hang).await.unwrap();
        until(|| !app.world.seen(&Method::GET, "/hang").is_empty()).await;
        drop(first);
        until(|| app.world.aborted.load(SeqCst) == 1).await;
        (app, edge)
    };
    let (_app, edge) = leave(Duration::from_secs(600)).await;
    assert_eq!(status(&edge.raw(request).await), "429");
    let left = std::time::Instant::now();
    let (_app, edge) = leave(Duration::from_millis(400)).await;
    within(async { while status(&edge.raw(request).await) != "200" {} }).await;
    assert!(
        left.elapsed() >= Duration::from_millis(400),
        "{:?}",
        left.elapsed()
    );
}

#[tokio::test]
async fn a_trusted_proxy_says_by_which_scheme_and_host_the_application_is_reached() {
    let app = App::start().await;
    let request = b"GET /x HTTP/1.1\r\nHost: inside\r\nX-Forwarded-For: 192.0.2.7\r\n\
        X-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example\r\nConnection: close\r\n\r\n";
    for (is_trusted, expected) in [
        (false, ["127.0.0.1", "http", "inside"]),
        (true, ["192.0.2.7", "https", "app.example"]),
    ] {
        let mut config = config();
        if is_trusted {
            let loopback = "127.0.0.0/8".parse().unwrap();
            config.trusted_proxies = [loopback].into_iter().collect();
        }
        let edge = Served::start(config, &app).await;
        assert_eq!(status(&edge.raw(request).await), "200");
        let seen = app.world.seen(&Method::GET, "/x").pop().unwrap();
        let names = ["x-edge-client", "x-forwarded-proto", "x-forwarded-host"];
        assert_eq!(names.map(|name| seen.header(name).unwrap()), expected);
    }
    let odd = b"GET /x HTTP/1.1\r\nHost: a/../b\r\nConnection: close\r\n\r\n";
    let edge = Served::start(config(), &app).await;
    assert_eq!(status(&edge.raw(odd).await), "400");
}

#[tokio::test]
async fn requests_under_way_are_limited_per_address() {
    let app = App::start().await;
    let mut config = config();
    config.limits.requests_per_address = 1;
    let edge = Served::start(config, &app).await;
    let mut first = TcpStream::connect(edge.address).await.unwrap();
    first
        .write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    until(|| !app.world.seen(&Method::GET, "/hang").is_empty()).await;
    let request = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&edge.raw(request).await), "429");
    // As the application's own errors: with the request's id, and below /v3 as a problem.
    let request =
        b"GET /v3/x HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine-1\r\nConnection: close\r\n\r\n";
    let answer = edge.raw(request).await;
    assert!(answer.contains("x-request-id: mine-1\r\n"), "{answer}");
    // Pages of any origin may read why, and when to come again.
    assert!(
        answer.contains("access-control-allow-origin: *\r\n")
            && answer.contains("access-control-expose-headers: Retry-After"),
        "{answer}"
    );
    assert!(
        answer.contains("content-type: application/problem+json\r\n"),
        "{answer}"
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"], 429);
    assert_eq!(problem["code"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(problem["detail"], problem["error"]["message"]);
    assert_eq!(problem["instance"], "/v3/x");
    assert_eq!(problem["retryAfterMs"], 5000);
    assert_eq!(problem["metadata"]["requestId"], "mine-1");
    let odd = b"GET /x HTTP/1.1\r\nHost: x\r\nX-Request-ID: a b\r\nConnection: close\r\n\r\n";
    let answer = edge.raw(odd).await;
    assert!(
        answer.contains("x-request-id: ") && !answer.contains("a b"),
        "{answer}"
    );
    drop(first);
    let request = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    within(async { while status(&edge.raw(request).await) != "200" {} }).await;
}
