//! Tests with WebSocket clients.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use futures::{SinkExt, StreamExt};
use http::Method;
use std::{net::Ipv4Addr, sync::atomic::Ordering::SeqCst, time::Duration};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

#[tokio::test]
async fn a_session_from_the_first_message_to_the_close() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("state", "queued");
    let (mut socket, response) = edge
        .try_connect(
            "topic=a&token=t%20t",
            &[
                ("sec-websocket-protocol", "auth.token, other"),
                ("origin", "http://localhost"),
                ("x-edge-secret", "guess"),
                ("x-edge-client", "1.2.3.4"),
                ("x-forwarded-for", "1.2.3.4"),
                ("user-agent", "app/1"),
            ],
        )
        .await
        .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "auth.token");
    assert!(!response.headers().contains_key("x-edge-protocol"));
    assert_eq!(text(&mut socket).await, "queued");
    topic.say("binary", "AAEC");
    assert_eq!(next(&mut socket).await, Message::binary(vec![0, 1, 2]));
    topic.say("message", "done");
    topic.say("close", OVER);
    assert_eq!(text(&mut socket).await, "done");
    assert_eq!(close_code(&mut socket).await, 1000);
    assert!(
        within(socket.next()).await.is_none(),
        "the connection is closed"
    );

    let seen = &app.world.seen(&Method::GET, "/ws/session")[0];
    assert_eq!(seen.target, "/ws/session?topic=a&token=t%20t");
    assert_eq!(seen.header("x-edge-secret"), Some("shared"));
    assert_eq!(seen.header("x-edge-client"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-edge-protocol"), Some("auth.token, other"));
    assert_eq!(seen.header("x-edge-origin"), Some("http://localhost"));
    assert_eq!(seen.header("user-agent"), Some("app/1"));
    assert_eq!(seen.header("upgrade"), None);
    until(|| app.world.streams.load(SeqCst) == 0).await;
}

#[tokio::test]
async fn every_request_about_a_socket_belongs_to_the_trace_of_its_handshake() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let trace = [
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("tracestate", "vendor=1"),
    ];
    let topic = app.world.topic("a");
    topic.say("state", "queued");
    let (mut socket, _) = edge.try_connect("topic=a&token=t", &trace).await.unwrap();
    assert_eq!(text(&mut socket).await, "queued");
    socket.send(Message::text("PING")).await.unwrap();
    assert_eq!(text(&mut socket).await, "PONG");
    app.world.cut(false);
    until(|| app.world.seen(&Method::GET, "/ws/session").len() == 2).await;
    topic.say("close", OVER);
    assert_eq!(close_code(&mut socket).await, 1000);
    let (opened, posted) = (Method::GET, Method::POST);
    for (method, times) in [(opened, 2), (posted, 1)] {
        let seen = app.world.seen(&method, "/ws/session");
        assert_eq!(seen.len(), times, "{method}");
        for request in seen {
            for (name, value) in trace {
                assert_eq!(request.header(name), Some(value), "{method}");
            }
        }
    }
}

/// A phone fetches what the last message tells of, and takes a close for the end of that.
#[tokio::test]
async fn a_client_has_time_to_close_the_socket_by_itself() {
    let mut patient = config();
    patient.times.linger = Duration::from_secs(60);
    let app = App::start().await;
    let edge = Served::start(patient, &app).await;
    let topic = app.world.topic("a");
    let mut socket = edge.connect("topic=a&token=t").await;
    topic.say("message", "done");
    topic.say("close", OVER);
    assert_eq!(text(&mut socket).await, "done");
    // Its messages are answered until it does.
    for _ in 0..3 {
        socket.send(Message::text("PING")).await.unwrap();
        assert_eq!(text(&mut socket).await, "PONG");
    }
    socket.close(None).await.unwrap();
    assert!(within(socket.next()).await.is_none_or(|end| end.is_ok()));
    until(|| app.world.streams.load(SeqCst) == 0).await;
}

#[tokio::test]
async fn a_client_that_never_closes_is_closed() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    let mut socket = edge.connect("topic=a&token=t").await;
    topic.say("message", "done");
    topic.say("close", OVER);
    assert_eq!(text(&mut socket).await, "done");
    assert_eq!(close_code(&mut socket).await, 1000);
}

#[tokio::test]
async fn the_relay_refuses_with_its_own_status_and_body() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let Err(Error::Http(response)) = edge.try_connect("topic=a&token=wrong", &[]).await else {
        panic!("accepted")
    };
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(!response.headers().contains_key("x-internal"));
    assert_eq!(
        response.body().as_deref(),
        Some(&br#"{"error":"token"}"#[..])
    );
    app.world.is_down.store(true, SeqCst);
    assert_eq!(
        status_of(edge.try_connect("topic=a", &[]).await.unwrap_err()),
        503
    );
    app.kill().await;
    assert_eq!(
        status_of(edge.try_connect("topic=a", &[]).await.unwrap_err()),
        502
    );
    assert!(
        edge.metric("edge_handshakes_refused_total{status=\"401\"} 1")
            .await
    );
}

#[tokio::test]
async fn handshakes_that_are_none() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let head = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (request, status) in [
        (
            format!("GET /ws/progress HTTP/1.1\r\n{head}{key}Sec-WebSocket-Version: 12\r\n\r\n"),
            "426",
        ),
        (
            format!("GET /ws/progress HTTP/1.1\r\n{head}Sec-WebSocket-Version: 13\r\n\r\n"),
            "400",
        ),
        (
            format!(
                "GET /ws/progress HTTP/1.1\r\n{head}{key}{key}Sec-WebSocket-Version: 13\r\n\r\n"
            ),
            "400",
        ),
        (
            format!(
                "GET /ws/progress HTTP/1.1\r\n{head}{key}Sec-WebSocket-Version: 13\r\nContent-Length: 4\r\n\r\nGET "
            ),
            "400",
        ),
        (
            format!(
                "GET /ws/progress HTTP/1.1\r\n{head}Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ),
            "400",
        ),
    ] {
        let answer = edge.raw(request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}{answer}"
        );
    }
    assert!(
        app.world.seen.lock().unwrap().is_empty(),
        "nothing of this reaches the application"
    );
    // Elsewhere an upgrade is an ordinary request, without the upgrade.
    let answer = edge
        .raw(format!("GET /other HTTP/1.1\r\n{head}{key}Sec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n").as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(
        app.world.seen(&Method::GET, "/other")[0].header("upgrade"),
        None
    );
    // And the relay's own path is not there.
    let answer = edge
        .raw(b"GET /ws/session?topic=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[tokio::test]
async fn client_messages_are_answered_in_order() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut socket = edge.connect("topic=a&token=t").await;
    for message in ["PING", "two", "quiet", "hello"] {
        socket.send(Message::text(message)).await.unwrap();
    }
    socket.send(Message::binary(vec![1; 70])).await.unwrap();
    assert_eq!(text(&mut socket).await, "PONG");
    assert_eq!(text(&mut socket).await, "one");
    assert_eq!(next(&mut socket).await, Message::binary(vec![0, 1, 2]));
    assert_eq!(text(&mut socket).await, "text/plain; charset=utf-8: 5");
    assert_eq!(text(&mut socket).await, "application/msgpack: 70");
    let posted = app.world.seen(&Method::POST, "/ws/session?topic=a&token=t");
    assert_eq!(posted.len(), 5);
    assert_eq!(posted[0].header("x-edge-secret"), Some("shared"));
    socket.send(Message::text("bad")).await.unwrap();
    assert_eq!(text(&mut socket).await, "error");
    assert_eq!(close_code(&mut socket).await, 1002);
    for (message, code) in [("nonsense", 1011), ("forbidden", 1008)] {
        let mut socket = edge.connect("topic=a").await;
        socket.send(Message::text(message)).await.unwrap();
        assert_eq!(close_code(&mut socket).await, code, "{message}");
    }
}

#[tokio::test]
async fn many_messages_at_once_keep_their_order() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let (mut sink, mut stream) = edge.connect("topic=a").await.split();
    let sending = async {
        for n in 1..=300 {
            sink.send(Message::text("x".repeat(n))).await.unwrap();
        }
    };
    let receiving = async {
        for n in 1..=300 {
            let message = within(stream.next()).await.unwrap().unwrap();
            assert_eq!(
                message.into_text().unwrap(),
                format!("text/plain; charset=utf-8: {n}")
            );
        }
    };
    tokio::join!(sending, receiving);
}

#[tokio::test]
async fn a_message_may_have_64_kib_and_come_in_fragments() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut socket = edge.connect("topic=a").await;
    socket
        .send(Message::text("x".repeat(64 * 1024)))
        .await
        .unwrap();
    assert_eq!(text(&mut socket).await, "text/plain; charset=utf-8: 65536");
    let fragment =
        |code, last| Message::Frame(Frame::message(vec![b'x'; 30_000], OpCode::Data(code), last));
    socket.send(fragment(Data::Text, false)).await.unwrap();
    socket
        .send(Message::Ping(b"in between".to_vec().into()))
        .await
        .unwrap();
    socket.send(fragment(Data::Continue, true)).await.unwrap();
    assert_eq!(text(&mut socket).await, "text/plain; charset=utf-8: 60000");
    for code in [Data::Text, Data::Continue, Data::Continue] {
        socket.send(fragment(code, false)).await.unwrap();
    }
    assert_eq!(
        close_code(&mut socket).await,
        1009,
        "fragments together are too big"
    );
    let mut socket = edge.connect("topic=a").await;
    socket
        .send(Message::text("x".repeat(65 * 1024)))
        .await
        .unwrap();
    assert_eq!(close_code(&mut socket).await, 1009);
    assert_eq!(app.world.seen(&Method::POST, "/").len(), 2);
}

/// A client that speaks frames by hand, to break the rules.
async fn raw_socket(edge: &Served, query: &str) -> TcpStream {
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let request = format!(
        "GET /ws/progress?{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    assert!(
        String::from_utf8(head)
            .unwrap()
            .contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    stream
}

#[tokio::test]
async fn what_is_no_websocket_is_closed_with_the_reason() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    // (frame, close code): not masked; reserved bits; unknown opcode; invalid UTF-8.
    for (frame, code) in [
        (&b"\x81\x02hi"[..], 1002_u16),
        (b"\xf1\x82\0\0\0\0hi", 1002),
        (b"\x83\x82\0\0\0\0hi", 1002),
        (b"\x81\x82\0\0\0\0\xff\xff", 1007),
    ] {
        let mut stream = raw_socket(&edge, "topic=a").await;
        stream.write_all(frame).await.unwrap();
        let mut answer = [0; 4];
        within(stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer[0], 0x88, "a close frame");
        assert_eq!(
            u16::from_be_bytes([answer[2], answer[3]]),
            code,
            "{frame:?}"
        );
    }
}

#[tokio::test]
async fn frames_sent_together_with_the_handshake_are_not_lost() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let request = b"GET /ws/progress?topic=a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x84\0\0\0\0PING";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\x81\x04PONG") {
        answer.push(within(stream.read_u8()).await.unwrap());
    }
}

#[tokio::test]
async fn equal_streams_are_shared_and_each_handshake_is_authorised() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("state", "1");
    let mut sockets = Vec::new();
    for n in 0..10 {
        let mut socket = edge.connect(&format!("topic=a&key=k&token={n}")).await;
        assert_eq!(text(&mut socket).await, "1");
        sockets.push(socket);
    }
    assert_eq!(app.world.seen(&Method::GET, "/ws/session").len(), 10);
    assert_eq!(
        status_of(
            edge.try_connect("topic=a&key=k&token=wrong", &[])
                .await
                .unwrap_err()
        ),
        401
    );
    until(|| app.world.streams.load(SeqCst) == 1).await;
    topic.say("message", "2");
    topic.say("message", "3");
    // The one whose stream it was leaves; the others do not notice.
    let mut first = sockets.remove(0);
    first.close(None).await.unwrap();
    let mut private = edge.connect("topic=a").await;
    assert_eq!(text(&mut private).await, "1");
    topic.say("message", "4");
    for socket in &mut sockets {
        for expected in ["2", "3", "4"] {
            assert_eq!(text(socket).await, expected);
        }
    }
    assert_eq!(app.world.streams.load(SeqCst), 2);
    topic.say("close", OVER);
    for socket in &mut sockets {
        assert_eq!(close_code(socket).await, 1000);
    }
    until(|| app.world.streams.load(SeqCst) == 0).await;
}

#[tokio::test]
async fn whoever_joins_while_much_is_said_gets_everything_once() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    let talking = tokio::spawn({
        let topic = topic.clone();
        async move {
            for n in 0..500 {
                topic.say("message", n.to_string());
                tokio::task::yield_now().await;
                if n % 10 == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            topic.say("close", OVER);
        }
    });
    let mut listening = tokio::task::JoinSet::new();
    for n in 0..40 {
        let mut socket = edge.connect(&format!("topic=a&key=k&n={n}")).await;
        listening.spawn(async move {
            let mut heard = Vec::new();
            while let Message::Text(text) = next(&mut socket).await {
                heard.push(text.to_string());
            }
            heard
        });
    }
    talking.await.unwrap();
    let all: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    while let Some(heard) = listening.join_next().await {
        assert_eq!(heard.unwrap(), all);
    }
}

#[tokio::test]
async fn a_lost_upstream_is_a_pause() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    let mut sockets = Vec::new();
    for n in 0..5 {
        sockets.push(edge.connect(&format!("topic=a&key=k&n={n}")).await);
        sockets.push(edge.connect("topic=a").await);
    }
    for round in 0..6 {
        topic.say("message", format!("{round}"));
        for socket in &mut sockets {
            assert_eq!(text(socket).await, format!("{round}"));
        }
        match round {
            0 | 1 => app.world.cut(round == 0),
            2 => {
                app.kill().await;
                // Instruction while the application is away.
                topic.say("message", "away");
                for socket in &mut sockets {
                    socket.send(Message::text("PING")).await.unwrap();
                }
                app.restart().await;
                for socket in &mut sockets {
                    let mut both = [text(socket).await, text(socket).await];
                    both.sort();
                    assert_eq!(both, ["PONG", "away"]);
                }
            }
            3 => {
                app.world.is_down.store(true, SeqCst);
                app.world.cut(false);
                until(|| app.world.seen(&Method::GET, "/ws/session").len() > 40).await;
                app.world.is_down.store(false, SeqCst);
            }
            _ => {}
        }
    }
    let resumed = app.world.seen(&Method::GET, "/ws/session");
    assert!(
        resumed
            .iter()
            .any(|seen| seen.header("last-event-id") == Some("2"))
    );
    topic.say("close", OVER);
    for socket in &mut sockets {
        assert_eq!(close_code(socket).await, 1000);
    }
}

#[tokio::test]
async fn an_upstream_that_stays_away_ends_in_1013() {
    let app = App::start().await;
    let mut config = config();
    config.times.give_up_after = Duration::from_millis(200);
    let edge = Served::start(config, &app).await;
    let mut watching = edge.connect("topic=a").await;
    app.world.is_down.store(true, SeqCst);
    app.world.cut(false);
    assert_eq!(close_code(&mut watching).await, 1013);
    app.world.is_down.store(false, SeqCst);
    let mut asking = edge.connect("topic=a").await;
    app.world.is_down.store(true, SeqCst);
    asking.send(Message::text("PING")).await.unwrap();
    assert_eq!(close_code(&mut asking).await, 1013);
}

#[tokio::test]
async fn a_revoked_token_ends_its_own_socket_only() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("state", "1");
    let mut good = edge.connect("topic=a&key=k&token=good").await;
    let mut bad = edge.connect("topic=a&key=k&token=bad").await;
    for socket in [&mut good, &mut bad] {
        assert_eq!(text(socket).await, "1");
    }
    until(|| app.world.streams.load(SeqCst) == 1).await;
    *app.world.revoked.lock().unwrap() = Some("bad".into());
    app.world.cut(false);
    assert_eq!(close_code(&mut bad).await, 1008);
    topic.say("state", "2");
    assert_eq!(text(&mut good).await, "2");
}

#[tokio::test]
async fn a_relay_that_breaks_the_protocol_is_1011() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let broken = [
        ("binary", "not base64!"),
        ("close", "{}"),
        ("close", r#"{"code":1006}"#),
    ];
    for (n, (event, data)) in broken.into_iter().enumerate() {
        app.world.topic(&n.to_string()).say(event, data);
        let mut socket = edge.connect(&format!("topic={n}")).await;
        assert_eq!(close_code(&mut socket).await, 1011, "{data}");
    }
}

#[tokio::test]
async fn a_slow_reader_gets_the_newest_state_and_every_message() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    let mut socket = edge.connect("topic=a").await;
    // Far more than the buffers on the way hold, all unread.
    let filler = "x".repeat(50_000);
    for n in 0..400 {
        topic.say("state", format!("{n} {filler}"));
        if n % 100 == 99 {
            topic.say("message", format!("kept {n}"));
        }
    }
    until(|| app.world.streams.load(SeqCst) == 1).await;
    // The edge has read everything when the relay's own message comes through to another socket.
    let mut other = edge.connect("topic=a").await;
    while text(&mut other).await != "kept 399" {}
    topic.say("message", "end");
    topic.say("close", OVER);
    let mut states = Vec::new();
    let mut kept = Vec::new();
    while let Message::Text(message) = next(&mut socket).await {
        match message.split_once(' ') {
            Some(("kept", _)) | None => kept.push(message.to_string()),
            Some((n, _)) => states.push(n.parse::<u32>().unwrap()),
        }
    }
    assert_eq!(kept, ["kept 99", "kept 199", "kept 299", "kept 399", "end"]);
    assert!(states.is_sorted());
    assert!(states.len() < 400, "a growing queue: {}", states.len());
    assert_eq!(states.last(), Some(&399));
}

#[tokio::test]
async fn whoever_leaves_too_much_unread_is_closed() {
    let app = App::start().await;
    let mut config = config();
    config.limits.unread_messages = 20;
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    let mut slow = edge.connect("topic=a&key=k").await;
    let mut quick = edge.connect("topic=a&key=k&n=2").await;
    // Both are on one stream, so that what one has got the other has been offered.
    until(|| app.world.streams.load(SeqCst) == 1).await;
    let filler = "x".repeat(400_000);
    for _ in 0..60 {
        topic.say("message", filler.clone());
        assert_eq!(text(&mut quick).await.len(), filler.len());
    }
    let mut read = 0;
    let code = loop {
        match next(&mut slow).await {
            Message::Text(_) => read += 1,
            Message::Close(Some(frame)) => break u16::from(frame.code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1013);
    assert!(read < 60);
}

#[tokio::test]
async fn a_client_whose_sockets_read_nothing_leaves_room_for_the_messages_of_others() {
    const MB: usize = 1 << 20;
    let app = App::start().await;
    let mut config = config();
    // Each message takes twice its length, and is more than the buffers on the way hold.
    config.limits.event_room = 48 * MB;
    config.times.crowded = Duration::from_millis(100);
    let edge = Served::start(config, &app).await;
    let [greedy, slow, quick] = [1, 2, 3].map(|n| Ipv4Addr::new(127, 0, 0, n));
    let mut unread = Vec::new();
    for (topic, client, megabytes) in [
        ("own", slow, 9),
        ("a", greedy, 12),
        ("b", greedy, 12),
        ("c", greedy, 12),
    ] {
        let query = format!("topic={topic}&key={topic}");
        unread.push(edge.connect_from(client, &query).await);
        let mut reader = edge.connect_from(quick, &query).await;
        let message = "x".repeat(megabytes * MB);
        app.world.topic(topic).say("message", message.as_str());
        assert!(text(&mut reader).await == message, "{topic}");
    }
    // It holds less than the other, and may take its time.
    assert_eq!(text(&mut unread[0]).await.len(), 9 * MB);
    let first = within(unread[1].next()).await;
    assert!(!matches!(first, Some(Ok(_))), "let go in the middle");
}

#[tokio::test]
async fn pings_are_sent_and_a_silent_peer_is_dropped() {
    let app = App::start().await;
    let mut config = config();
    config.times.ping = Duration::from_millis(50);
    // Long enough for an answer on a busy machine.
    let silence = Duration::from_secs(2);
    config.times.silence = silence;
    let edge = Served::start(config, &app).await;
    // Answers because tungstenite does while it reads.
    let mut alive = edge.connect("topic=a").await;
    let reading = tokio::spawn(async move { next(&mut alive).await });
    // Never answers: a half-open peer.
    let mut silent = raw_socket(&edge, "topic=a").await;
    let mut received = Vec::new();
    within(silent.read_to_end(&mut received)).await.ok();
    assert!(
        received.chunks(2).all(|frame| frame == b"\x89\x00"),
        "{received:?}"
    );
    assert!(
        received.len() >= 6,
        "some pings before it is dropped: {received:?}"
    );
    // As long again as the silent one was borne.
    tokio::time::sleep(silence).await;
    assert!(!reading.is_finished(), "whoever answers stays");
    assert!(
        edge.metric("edge_socket_closes_total{label=\"none\",code=\"1006\"} 1")
            .await
    );
    reading.abort();
}

#[tokio::test]
async fn the_clients_close_is_answered_and_counted() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut socket = edge.connect("topic=a&label=v1").await;
    until(|| {
        edge.edge
            .metrics()
            .contains("edge_sockets_open{label=\"v1\"} 1\n")
    })
    .await;
    socket.send(Message::text("PING")).await.unwrap();
    assert_eq!(text(&mut socket).await, "PONG");
    socket
        .close(Some(CloseFrame {
            code: CloseCode::Away,
            reason: "bye".into(),
        }))
        .await
        .unwrap();
    assert_eq!(close_code(&mut socket).await, 1001);
    until(|| app.world.streams.load(SeqCst) == 0).await;
    until(|| {
        edge.edge
            .metrics()
            .contains("edge_sockets_open{label=\"v1\"} 0\n")
    })
    .await;
    for line in [
        "edge_sockets_total{label=\"v1\"} 1",
        "edge_socket_closes_total{label=\"v1\",code=\"1001\"} 1",
        "edge_socket_messages_total{label=\"v1\",direction=\"in\"} 1",
        "edge_socket_bytes_total{label=\"v1\",direction=\"out\"} 4",
        "edge_socket_duration_seconds_count{label=\"v1\"} 1",
    ] {
        assert!(edge.metric(line).await, "{line}\n{}", edge.edge.metrics());
    }
    // A client that vanishes frees its stream too.
    drop(edge.connect("topic=a").await);
    until(|| app.world.streams.load(SeqCst) == 0).await;
}

#[tokio::test]
async fn sockets_are_limited_in_all_and_per_address_and_by_the_relay() {
    let app = App::start().await;
    let mut limited = config();
    limited.limits.sockets_per_address = 2;
    let edge = Served::start(limited, &app).await;
    let one = edge.connect("topic=a").await;
    let _two = edge.connect("topic=a").await;
    assert_eq!(
        status_of(edge.try_connect("topic=a", &[]).await.unwrap_err()),
        429
    );
    drop(one);
    within(async {
        while edge.try_connect("topic=a", &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;

    let mut limited = config();
    limited.limits.sockets = 1;
    let edge = Served::start(limited, &app).await;
    let _one = edge.connect("topic=a").await;
    assert_eq!(
        status_of(edge.try_connect("topic=a", &[]).await.unwrap_err()),
        503
    );

    let edge = Served::start(config(), &app).await;
    let mut waiting = edge.connect("topic=later&cap=wait;1").await;
    assert_eq!(
        status_of(
            edge.try_connect("topic=later&cap=wait;1", &[])
                .await
                .unwrap_err()
        ),
        503
    );
    app.world.topic("later").say("state", "here");
    assert_eq!(text(&mut waiting).await, "here");
    edge.connect("topic=later&cap=wait;1").await;
}

#[tokio::test]
async fn a_shutdown_closes_with_1012_and_drains() {
    let app = App::start().await;
    let mut config = config();
    config.times.drain = Duration::from_secs(2);
    config.times.close = Duration::from_secs(1);
    let mut edge = Served::start(config, &app).await;
    let mut polite = edge.connect("topic=a").await;
    let _deaf = raw_socket(&edge, "topic=a").await;
    edge.stop();
    assert_eq!(close_code(&mut polite).await, 1012);
    within(edge.stopped()).await;
    assert!(
        TcpStream::connect(edge.address).await.is_err(),
        "nobody listens any more"
    );
    until(|| app.world.streams.load(SeqCst) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sockets_on_a_hundred_streams_lose_nothing() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    for n in 0..100 {
        app.world.topic(&n.to_string()).say("message", "0");
    }
    let mut listening = tokio::task::JoinSet::new();
    for n in 0..1000 {
        let mut socket = edge.connect(&format!("topic={0}&key={0}", n % 100)).await;
        assert_eq!(text(&mut socket).await, "0");
        listening.spawn(async move {
            let mut heard = Vec::new();
            while let Message::Text(text) = next(&mut socket).await {
                heard.push(text.to_string());
            }
            heard
        });
    }
    until(|| app.world.streams.load(SeqCst) == 100).await;
    for round in 1..=20 {
        for n in 0..100 {
            app.world
                .topic(&n.to_string())
                .say("message", round.to_string());
        }
        tokio::task::yield_now().await;
    }
    for n in 0..100 {
        app.world.topic(&n.to_string()).say("close", OVER);
    }
    let all: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
    while let Some(heard) = listening.join_next().await {
        assert_eq!(heard.unwrap(), all);
    }
}
