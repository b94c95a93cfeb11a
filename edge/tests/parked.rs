//! Streams that the application leaves to the edge while they have nothing to say.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use futures::StreamExt;
use http::{Method, Request};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use support::{
    reader::{Reader, event},
    *,
};

const RETRY: &str = "retry: 5000\n\n";
/// What the application has said to parked streams, and what the edge says by itself.
const STILL: &str = ": still\n\n";
const BEAT: &str = ": heartbeat\n\n";

fn events(topic: &str) -> String {
    format!("/events/{topic}?key=e-{topic}&position=1&terminal=completed&snapshots=state&park=1")
}

fn socket(topic: &str) -> String {
    format!("topic={topic}&key=s-{topic}&park=1")
}

/// What comes after the signs of life.
async fn news(reader: &mut Reader) -> String {
    loop {
        let block = reader.block().await;
        if block != STILL && block != BEAT {
            return block;
        }
    }
}

async fn message(socket: &mut Socket) -> String {
    loop {
        let text = text(socket).await;
        if text != "still" {
            return text;
        }
    }
}

/// The streams that one request asked about at most.
fn most_asked(app: &App) -> usize {
    let questions = app.world.seen(&Method::POST, "/ws/session");
    let lengths = questions.iter().map(|seen| {
        let about: Vec<String> = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(
            seen.header("x-edge-parked"),
            Some(&*about.len().to_string())
        );
        about.len()
    });
    lengths.max().unwrap_or(0)
}

#[tokio::test]
async fn silent_streams_and_sockets_hold_no_answer_and_are_asked_about_together() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topics: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
    let (mut readers, mut sockets) = (Vec::new(), Vec::new());
    for name in &topics {
        app.world.topic(name).say("state", format!("{name} begins"));
        readers.push(Reader::open(&edge, &events(name), &[]).await);
        sockets.push(edge.connect(&socket(name)).await);
    }
    for (name, (reader, socket)) in topics.iter().zip(readers.iter_mut().zip(&mut sockets)) {
        let begins = format!("{name} begins");
        assert_eq!(reader.block().await, RETRY);
        assert_eq!(reader.block().await, event(1, "state", &begins));
        assert_eq!(message(socket).await, begins);
        // Each is kept alive as the application says.
        assert_eq!(reader.block().await, STILL);
        assert_eq!(text(socket).await, "still");
    }
    until(|| app.world.streams.load(SeqCst) == 0).await;
    edge.shows("edge_streams_parked 40").await;
    edge.shows("edge_upstream_streams_open 0").await;
    edge.shows("edge_upstream_sessions_open 0").await;
    until(|| most_asked(&app) > 1).await;
    // Nothing was lost, and it is nobody else's news.
    for name in topics.iter().step_by(3) {
        for n in 2..=4 {
            app.world.topic(name).say("message", format!("{name} {n}"));
        }
    }
    for (n, name) in topics.iter().enumerate().step_by(3) {
        for id in 2..=4 {
            let said = format!("{name} {id}");
            assert_eq!(news(&mut readers[n]).await, event(id, "message", &said));
            assert_eq!(message(&mut sockets[n]).await, said);
        }
    }
    edge.shows("edge_streams_parked 40").await;
    for name in &topics {
        let topic = app.world.topic(name);
        topic.say("completed", format!("{name} ends"));
    }
    for (name, mut reader) in topics.iter().zip(readers) {
        let block = news(&mut reader).await;
        assert!(block.contains(&format!("data: {name} ends\n")), "{block}");
        assert_eq!(reader.rest().await, (String::new(), true));
    }
    drop(sockets);
    edge.shows("edge_streams_parked 0").await;
    edge.shows("edge_streams_mended_total 0").await;
}

#[tokio::test]
async fn who_comes_later_joins_a_parked_stream_wherever_it_is() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("book", "1");
    let mut first = Reader::open(&edge, &events("a"), &[]).await;
    assert_eq!(first.block().await, RETRY);
    edge.shows("edge_streams_parked 1").await;
    topic.say("book", "2");
    let mut late = Reader::open(&edge, &events("a"), &[("last-event-id", "1")]).await;
    assert_eq!(late.block().await, RETRY);
    assert_eq!(news(&mut late).await, event(2, "book", "2"));
    edge.shows("edge_streams_parked 1").await;
    topic.say("completed", "all");
    for (reader, from) in [(&mut first, 1), (&mut late, 3)] {
        for n in from..=2 {
            assert_eq!(news(reader).await, event(n, "book", &n.to_string()));
        }
        assert_eq!(news(reader).await, event(3, "completed", "all"));
        assert_eq!(reader.rest().await, (String::new(), true));
    }
}

#[tokio::test]
async fn an_application_that_cannot_be_asked_keeps_its_streams() {
    let app = App::start().await;
    app.world.knows_no_parking.store(true, SeqCst);
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("message", "1");
    let mut reader = Reader::open(&edge, &events("a"), &[]).await;
    let mut socket = edge.connect(&socket("a")).await;
    // One question is enough to know, whoever it was about.
    until(|| !app.world.seen(&Method::POST, "/ws/session").is_empty()).await;
    until(|| app.world.streams.load(SeqCst) == 2).await;
    edge.shows("edge_streams_parked 0").await;
    topic.say("message", "2");
    assert_eq!(message(&mut socket).await, "1");
    assert_eq!(message(&mut socket).await, "2");
    topic.say("completed", "all");
    let told = event(1, "message", "1") + &event(2, "message", "2");
    let expected = format!("{RETRY}{told}{}", event(3, "completed", "all"));
    assert_eq!(reader.rest().await, (expected, true));
}

#[tokio::test]
async fn a_restart_is_a_pause_for_parked_streams() {
    let app = App::start().await;
    let mut config = config();
    // Longer than between two questions: while there are answers the edge says nothing by itself.
    config.times.heartbeat = Duration::from_millis(500);
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    topic.say("message", "1");
    let mut reader = Reader::open(&edge, &events("a"), &[]).await;
    let mut socket = edge.connect(&socket("a")).await;
    assert_eq!(reader.block().await, RETRY);
    assert_eq!(news(&mut reader).await, event(1, "message", "1"));
    assert_eq!(message(&mut socket).await, "1");
    edge.shows("edge_streams_parked 2").await;
    app.kill().await;
    while reader.block().await != BEAT {}
    edge.shows("edge_streams_parked 2").await;
    topic.say("message", "2");
    app.restart().await;
    assert_eq!(news(&mut reader).await, event(2, "message", "2"));
    assert_eq!(message(&mut socket).await, "2");
    topic.say("completed", "all");
    assert_eq!(news(&mut reader).await, event(3, "completed", "all"));
    assert_eq!(reader.rest().await, (String::new(), true));
}

#[tokio::test]
async fn a_parked_stream_is_forgotten_with_its_last_client() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    app.world.topic("a").say("message", "1");
    let reader = Reader::open(&edge, &events("a"), &[]).await;
    let socket = edge.connect(&socket("a")).await;
    edge.shows("edge_streams_parked 2").await;
    drop((reader, socket));
    edge.shows("edge_streams_parked 0").await;
    // Nobody asks about what nobody follows; and who comes then begins anew.
    let mut again = Reader::open(&edge, &events("a"), &[]).await;
    assert_eq!(again.block().await, RETRY);
    assert_eq!(news(&mut again).await, event(1, "message", "1"));
    edge.shows("edge_streams_parked 1").await;
}

/// The requests for streams of a topic.
fn opened(app: &App, topic: &str) -> Vec<Seen> {
    app.world.seen(&Method::GET, &format!("/events/{topic}?"))
}

#[tokio::test]
async fn a_question_that_is_not_answered_is_asked_again() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("message", "1");
    let mut reader = Reader::open(&edge, &events("a"), &[]).await;
    assert_eq!(reader.block().await, RETRY);
    assert_eq!(news(&mut reader).await, event(1, "message", "1"));
    edge.shows("edge_streams_parked 1").await;
    app.world.refused_questions.store(3, SeqCst);
    until(|| app.world.refused_questions.load(SeqCst) == 0).await;
    while reader.block().await != STILL {}
    assert_eq!(opened(&app, "a").len(), 1, "it stayed parked");
    let refused = "edge_parked_questions_total{outcome=\"later\"} 3";
    edge.shows(refused).await;
    topic.say("completed", "all");
    assert_eq!(news(&mut reader).await, event(2, "completed", "all"));
    assert_eq!(reader.rest().await, (String::new(), true));
}

#[tokio::test]
async fn a_stream_that_is_called_for_nothing_again_and_again_is_not_parked() {
    let app = App::start().await;
    app.world.calls_in_vain.store(true, SeqCst);
    let mut config = config();
    config.times.retry_longest = Duration::from_secs(600);
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    let mut reader = Reader::open(&edge, &events("a"), &[]).await;
    assert_eq!(reader.block().await, RETRY);
    let offers = || -> Vec<bool> {
        let opened = opened(&app, "a");
        let offers = opened
            .iter()
            .map(|seen| seen.header("x-edge-park").is_some());
        offers.collect()
    };
    until(|| offers() == [true, true, false] && app.world.streams.load(SeqCst) == 1).await;
    // What it says makes up for that.
    app.world.calls_in_vain.store(false, SeqCst);
    topic.say("message", "1");
    assert_eq!(news(&mut reader).await, event(1, "message", "1"));
    app.world.cut(false);
    edge.shows("edge_streams_parked 1").await;
}

#[tokio::test]
async fn streams_that_are_called_at_once_take_turns_where_there_is_little_room() {
    let app = App::start().await;
    let mut config = config();
    config.limits.upstream_streams = 1;
    config.limits.upstream_sessions = 1;
    let edge = Served::start(config, &app).await;
    let topics: Vec<String> = (0..3).map(|n| format!("t{n}")).collect();
    let mut followed = Vec::new();
    for (n, name) in topics.iter().enumerate() {
        app.world.topic(name).say("message", "1");
        let mut reader = Reader::open(&edge, &events(name), &[]).await;
        assert_eq!(reader.block().await, RETRY);
        assert_eq!(news(&mut reader).await, event(1, "message", "1"));
        let mut socket = edge.connect(&socket(name)).await;
        assert_eq!(message(&mut socket).await, "1");
        edge.shows(&format!("edge_streams_parked {}", 2 * n + 2))
            .await;
        followed.push((reader, socket));
    }
    for name in &topics {
        app.world.topic(name).say("message", "2");
    }
    for (reader, socket) in &mut followed {
        assert_eq!(news(reader).await, event(2, "message", "2"));
        assert_eq!(message(socket).await, "2");
    }
    edge.shows("edge_streams_parked 6").await;
}

#[tokio::test]
async fn who_found_no_room_does_not_resume_without_any() {
    let app = App::start().await;
    let mut config = config();
    config.limits.upstream_streams = 1;
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    topic.say("message", "1");
    let path = events("a").replace("&park=1", "");
    let accept = [("accept", "text/event-stream")];
    let mut readers = Vec::new();
    for _ in 0..2 {
        let mut reader = Reader::open(&edge, &path, &accept).await;
        assert_eq!(reader.block().await, RETRY);
        assert_eq!(reader.block().await, event(1, "message", "1"));
        readers.push(reader);
    }
    let budget = |seen: &Seen| seen.header("x-stream-budget").map(str::to_owned);
    assert_eq!(budget(&opened(&app, "a")[1]), Some("0".to_owned()));
    until(|| app.world.streams.load(SeqCst) == 1).await;
    app.world.cut(false);
    until(|| opened(&app, "a").len() == 3).await;
    assert_eq!(budget(&opened(&app, "a")[2]), None);
    topic.say("completed", "all");
    for reader in &mut readers {
        assert_eq!(news(reader).await, event(2, "completed", "all"));
    }
}

#[tokio::test]
async fn a_restart_with_more_parked_streams_than_instances_is_a_pause() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topics: Vec<String> = (0..15).map(|n| format!("t{n}")).collect();
    let mut followed = Vec::new();
    for name in &topics {
        app.world.topic(name).say("message", "1");
        let mut reader = Reader::open(&edge, &events(name), &[]).await;
        assert_eq!(reader.block().await, RETRY);
        assert_eq!(news(&mut reader).await, event(1, "message", "1"));
        let mut socket = edge.connect(&socket(name)).await;
        assert_eq!(message(&mut socket).await, "1");
        followed.push((reader, socket));
    }
    edge.shows("edge_streams_parked 30").await;
    app.kill().await;
    for name in &topics {
        app.world.topic(name).say("message", "2");
    }
    app.world.most_streams.store(3, SeqCst);
    app.restart().await;
    for (reader, socket) in &mut followed {
        assert_eq!(news(reader).await, event(2, "message", "2"));
        assert_eq!(message(socket).await, "2");
    }
    edge.shows("edge_streams_parked 30").await;
}

#[tokio::test]
async fn a_stream_of_what_is_deleted_while_it_is_parked_is_over() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let mut followed = Vec::new();
    for name in ["a", "b"] {
        app.world.topic(name).say("message", "1");
        let mut reader = Reader::open(&edge, &events(name), &[]).await;
        assert_eq!(reader.block().await, RETRY);
        assert_eq!(news(&mut reader).await, event(1, "message", "1"));
        let mut socket = edge.connect(&socket(name)).await;
        assert_eq!(message(&mut socket).await, "1");
        followed.push((reader, socket));
    }
    edge.shows("edge_streams_parked 4").await;
    *app.world.forgotten.lock().unwrap() = Some("a".to_owned());
    let (mut reader, mut socket) = followed.remove(0);
    let (rest, is_clean) = reader.rest().await;
    assert_eq!(rest.replace(STILL, "").replace(BEAT, ""), "");
    assert!(is_clean);
    while let Some(Ok(frame)) = within(socket.next()).await {
        assert!(
            !frame.is_text() || frame.to_text().is_ok_and(|text| text == "still"),
            "{frame}"
        );
    }
    // Nobody else's stream has anything to do with it.
    edge.shows("edge_streams_parked 2").await;
    app.world.topic("b").say("message", "2");
    let (reader, socket) = &mut followed[0];
    assert_eq!(news(reader).await, event(2, "message", "2"));
    assert_eq!(message(socket).await, "2");
}

/// PROTOCOL.md, "Parked streams": who may not see the stream any more is cut short when it is
/// resumed with his headers, and so asks for himself; the others have it.
#[tokio::test]
async fn who_has_lost_his_right_is_cut_when_a_parked_stream_is_resumed() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("message", "1");
    let mut readers = Vec::new();
    // Streams are resumed with the headers of whoever came last.
    for token in ["good", "bad"] {
        let path = format!("{}&token={token}", events("a"));
        let mut reader = Reader::open(&edge, &path, &[]).await;
        assert_eq!(reader.block().await, RETRY);
        assert_eq!(news(&mut reader).await, event(1, "message", "1"));
        edge.shows("edge_streams_parked 1").await;
        readers.push(reader);
    }
    *app.world.revoked.lock().unwrap() = Some("bad".to_owned());
    // While there is nothing to say nobody is told anything that he might not see.
    for reader in &mut readers {
        while reader.block().await != STILL {}
    }
    topic.say("message", "2");
    topic.say("completed", "all");
    let (rest, is_clean) = readers[1].rest().await;
    assert_eq!(rest.replace(STILL, "").replace(BEAT, ""), "");
    assert!(!is_clean, "it is cut, so that its client comes back");
    assert_eq!(news(&mut readers[0]).await, event(2, "message", "2"));
    assert_eq!(news(&mut readers[0]).await, event(3, "completed", "all"));
    assert_eq!(readers[0].rest().await, (String::new(), true));
}

/// What a client says of parking does not reach the application: neither in place of what the edge
/// says, nor where the edge says nothing.
#[tokio::test]
async fn a_client_offers_nothing() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let own = [("x-edge-park", "any"), ("X-Edge-Parked", "1")];
    app.world.topic("a").say("message", "1");
    let offers = || -> Vec<Option<String>> {
        let opened = opened(&app, "a");
        let offers = opened.iter().map(|seen| seen.header("x-edge-park"));
        offers.map(|offer| offer.map(str::to_owned)).collect()
    };
    let mut reader = Reader::open(&edge, &events("a"), &own).await;
    assert_eq!(reader.block().await, RETRY);
    edge.shows("edge_streams_parked 1").await;
    let offered = offers();
    let posted = Reader::ask(&edge, Request::post("/echo"), &own).await;
    assert_eq!(posted.status, 200);
    let seen = app.world.seen(&Method::POST, "/echo");
    assert_eq!(seen[0].header("x-edge-park"), None);
    assert_eq!(seen[0].header("x-edge-parked"), None);

    // From here on the edge offers nothing for a minute.
    app.world.knows_no_parking.store(true, SeqCst);
    edge.shows("edge_streams_parked 0").await;
    let before = offers().len();
    let mut late = Reader::open(&edge, &events("a"), &own).await;
    assert_eq!(late.block().await, RETRY);
    assert_eq!(news(&mut late).await, event(1, "message", "1"));
    assert!(offered.iter().all(Option::is_some), "{offered:?}");
    // The late client's own request, and that of the stream which is open again.
    let since = offers().split_off(before);
    assert!(!since.is_empty(), "the late client has asked");
    assert!(since.iter().all(Option::is_none), "{since:?}");
}
