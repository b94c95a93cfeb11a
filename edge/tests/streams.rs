//! Tests with clients of ordinary event streams.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use http::Request;
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use support::{
    reader::{Reader, event},
    *,
};

#[tokio::test]
async fn a_stream_cut_after_every_event_is_unbroken() {
    for query in [
        "each=1",
        "each=1&retry=1",
        "each=3&terminal=completed,failed",
        "each=7",
    ] {
        let app = App::start().await;
        let edge = Served::start(config(), &app).await;
        let topic = app.world.topic("a");
        let mut reader = Reader::open(
            &edge,
            &format!("/events/a?{query}"),
            &[("accept", "text/event-stream")],
        )
        .await;
        let mut expected = "retry: 5000\n\n".to_owned();
        let talking = tokio::spawn(async move {
            for n in 1..=60 {
                topic.say("processing", n.to_string());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            topic.say("completed", "all");
        });
        for n in 1..=60 {
            expected.push_str(&event(n, "processing", &n.to_string()));
        }
        expected.push_str(&event(61, "completed", "all"));
        assert_eq!(reader.rest().await, (expected, true), "{query}");
        talking.await.unwrap();
        assert!(app.world.seen(&http::Method::GET, "/events/a").len() > 8);
        until(|| app.world.streams.load(SeqCst) == 0).await;
    }
}

#[tokio::test]
async fn each_chunk_is_one_event_and_the_readers_own_place_is_kept() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    for n in 1..=4 {
        topic.say("processing", n.to_string());
    }
    let mut reader = Reader::open(&edge, "/events/a", &[("last-event-id", "2")]).await;
    assert_eq!(reader.text().await, "retry: 5000\n\n");
    assert_eq!(reader.text().await, event(3, "processing", "3"));
    assert_eq!(reader.text().await, event(4, "processing", "4"));
    app.world.cut(false);
    topic.say("completed", "5");
    assert_eq!(reader.text().await, event(5, "completed", "5"));
    assert!(reader.chunk().await.is_none());
}

#[tokio::test]
async fn a_cut_before_the_first_event_keeps_the_readers_own_place() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("processing", "1");
    topic.say("processing", "2");
    let mut reader = Reader::open(&edge, "/events/a", &[("last-event-id", "2")]).await;
    assert_eq!(reader.text().await, "retry: 5000\n\n");
    app.world.cut(false);
    topic.say("completed", "3");
    assert_eq!(reader.rest().await, (event(3, "completed", "3"), true));
}

#[tokio::test]
async fn a_clean_end_is_an_end_unless_the_terminal_events_are_known() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("processing", "1");
    let mut plain = Reader::open(&edge, "/events/a", &[]).await;
    let mut known = Reader::open(&edge, "/events/a?terminal=completed", &[]).await;
    for reader in [&mut plain, &mut known] {
        assert_eq!(reader.text().await, "retry: 5000\n\n");
        assert_eq!(reader.text().await, event(1, "processing", "1"));
    }
    app.world.cut(true);
    assert!(plain.chunk().await.is_none());
    topic.say("completed", "2");
    assert_eq!(known.rest().await, (event(2, "completed", "2"), true));
}

#[tokio::test]
async fn a_stream_of_several_is_over_when_the_last_of_them_is() {
    for sharing in ["", "&key=k&position=1"] {
        for cleanly in [true, false] {
            let app = App::start().await;
            let edge = Served::start(config(), &app).await;
            let topic = app.world.topic("a");
            let path = format!("/events/a?terminal=completed&ends=2{sharing}");
            let mut reader = Reader::open(&edge, &path, &[]).await;
            topic.say("completed", "one");
            assert_eq!(reader.text().await, "retry: 5000\n\n");
            assert_eq!(reader.text().await, event(1, "completed", "one"));
            app.world.cut(cleanly);
            until(|| app.world.streams.load(SeqCst) == 0 || app.world.begun.load(SeqCst) == 2)
                .await;
            topic.say("processing", "the other");
            topic.say("completed", "the other");
            let rest = event(2, "processing", "the other") + &event(3, "completed", "the other");
            assert_eq!(reader.rest().await, (rest, true), "{path}, {cleanly}");
            assert_eq!(app.world.seen(&http::Method::GET, "/events/a").len(), 2);
        }
    }
}

#[tokio::test]
async fn heartbeats_go_on_while_the_upstream_is_away() {
    let app = App::start().await;
    let mut config = config();
    config.times.heartbeat = Duration::from_millis(30);
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    topic.say("processing", "1");
    let mut reader = Reader::open(&edge, "/events/a?finish=1", &[]).await;
    assert_eq!(reader.text().await, "retry: 5000\n\n");
    let first = reader.text_after_heartbeats().await;
    assert_eq!(first, event(1, "processing", "1"));
    app.kill().await;
    for _ in 0..3 {
        assert_eq!(reader.text().await, ": heartbeat\n\n");
    }
    topic.say("completed", "2");
    app.restart().await;
    let (rest, is_clean) = reader.rest().await;
    assert_eq!(
        rest.replace(": heartbeat\n\n", ""),
        event(2, "completed", "2")
    );
    assert!(is_clean);
    assert!(!edge.metric("edge_streams_mended_total 0").await);
}

#[tokio::test]
async fn an_upstream_that_has_nothing_more_ends_the_stream() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    // The terminal event itself is followed by a cut, and then there is a 204.
    topic.say("completed", "1");
    let mut reader = Reader::open(&edge, "/events/a?each=1&finish=1", &[]).await;
    assert_eq!(
        reader.rest().await,
        (
            format!("retry: 5000\n\n{}", event(1, "completed", "1")),
            true
        )
    );
}

#[tokio::test]
async fn an_upstream_that_stays_away_is_a_broken_transfer() {
    let app = App::start().await;
    let mut config = config();
    config.times.give_up_after = Duration::from_millis(150);
    let edge = Served::start(config, &app).await;
    app.world.topic("a").say("processing", "1");
    let mut reader = Reader::open(&edge, "/events/a", &[]).await;
    assert_eq!(reader.text().await, "retry: 5000\n\n");
    assert_eq!(reader.text().await, event(1, "processing", "1"));
    app.world.is_down.store(true, SeqCst);
    app.world.cut(false);
    assert_eq!(reader.rest().await, (String::new(), false));
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_upstream_stream() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let reader = Reader::open(&edge, "/events/a", &[]).await;
    until(|| app.world.streams.load(SeqCst) == 1).await;
    assert!(edge.metric("edge_streams_open 1").await);
    drop(reader);
    until(|| app.world.streams.load(SeqCst) == 0).await;
    until(|| edge.edge.metrics().contains("edge_streams_open 0\n")).await;
}

#[tokio::test]
async fn over_the_cap_a_stream_has_no_budget() {
    for accept in [&[("accept", "text/event-stream")][..], &[]] {
        let app = App::start().await;
        let mut config = config();
        config.limits.streams_per_target = 2;
        config.limits.streams_per_address = 3;
        let edge = Served::start(config, &app).await;
        for name in ["a", "b", "c"] {
            app.world.topic(name).say("processing", "now");
        }
        let now = format!("retry: 5000\n\n{}", event(1, "processing", "now"));
        let mut open = Vec::new();
        for path in [
            "/events/a",
            "/events/a",
            "/events/a",
            "/events/b",
            "/events/c",
        ] {
            let mut reader = Reader::open(&edge, path, accept).await;
            assert_eq!(reader.status, 200);
            let is_over = open.len() == 3 || (open.len() == 2 && path == "/events/a");
            if is_over {
                assert_eq!(reader.rest().await, (now.clone(), true), "{path}");
            } else {
                assert_eq!(reader.text().await, "retry: 5000\n\n");
                open.push(reader);
            }
        }
        assert_eq!(open.len(), 3);
        assert!(edge.metric("edge_streams_over_budget_total 2").await);
        drop(open);
        until(|| edge.edge.metrics().contains("edge_streams_open 0\n")).await;
        let mut reader = Reader::open(&edge, "/events/a", accept).await;
        app.world.topic("a").say("completed", "2");
        assert_eq!(
            reader.rest().await,
            (now + &event(2, "completed", "2"), true)
        );
    }
}

#[tokio::test]
async fn streams_that_answer_a_post_count() {
    let app = App::start().await;
    let mut config = config();
    config.limits.streams_per_address = 1;
    let edge = Served::start(config, &app).await;
    app.world.topic("a").say("processing", "now");
    let now = format!("retry: 5000\n\n{}", event(1, "processing", "now"));
    let post = || {
        let accept = [("accept", "\u{e9}, text/event-stream")];
        let edge = &edge;
        async move { Reader::ask(edge, Request::post("/events/a"), &accept).await }
    };
    let mut open = post().await;
    assert_eq!(open.text().await, "retry: 5000\n\n");
    assert!(edge.metric("edge_streams_open 1").await);
    assert!(edge.metric("edge_upstream_streams_open 1").await);
    assert_eq!(post().await.rest().await, (now.clone(), true));
    let mut other = Reader::open(&edge, "/events/a", &[]).await;
    assert_eq!(other.rest().await, (now, true));
    drop(open);
    until(|| app.world.streams.load(SeqCst) == 0).await;
    let mut again = post().await;
    app.world.topic("a").say("completed", "2");
    let (text, is_clean) = again.rest().await;
    assert!(text.ends_with(&event(2, "completed", "2")) && is_clean);
}

#[tokio::test]
async fn a_shutdown_breaks_streams_so_that_their_readers_come_back() {
    let app = App::start().await;
    let mut edge = Served::start(config(), &app).await;
    let mut reader = Reader::open(&edge, "/events/a", &[]).await;
    assert_eq!(reader.text().await, "retry: 5000\n\n");
    edge.stop();
    assert_eq!(reader.rest().await, (String::new(), false));
    within(edge.stopped()).await;
}
