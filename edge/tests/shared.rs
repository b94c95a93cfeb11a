//! What the clients of one shared event stream meet.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use http::Method;
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use support::{
    reader::{Reader, event},
    *,
};

const RETRY: &str = "retry: 5000\n\n";

fn shared(more: &str) -> String {
    format!("/events/a?key=k&position=1&terminal=completed&snapshots=state{more}")
}

/// What is written of the entries `from + 1` to `to`, each of which says its number.
fn events(from: usize, to: usize) -> String {
    (from + 1..=to)
        .map(|n| event(n, "book", &n.to_string()))
        .collect()
}

async fn one_upstream(app: &App, edge: &Served, clients: usize) {
    until(|| app.world.streams.load(SeqCst) == 1).await;
    edge.shows("edge_upstream_streams_open 1").await;
    edge.shows(&format!("edge_streams_open {clients}")).await;
}

#[tokio::test]
async fn clients_of_one_key_share_one_upstream_wherever_they_begin() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    for n in 1..=20 {
        topic.say("book", n.to_string());
    }
    let mut readers = Vec::new();
    for from in 0..=20 {
        let last = from.to_string();
        let headers = [("last-event-id", &*last)];
        let headers = if from == 0 { &[][..] } else { &headers[..] };
        readers.push((from, Reader::open(&edge, &shared(""), headers).await));
    }
    one_upstream(&app, &edge, 21).await;
    for n in 21..=40 {
        topic.say("book", n.to_string());
    }
    topic.say("completed", "all");
    for (from, mut reader) in readers {
        let expected = format!(
            "{RETRY}{}{}",
            events(from, 40),
            event(41, "completed", "all")
        );
        assert_eq!(reader.rest().await, (expected, true), "after {from}");
    }
    until(|| app.world.streams.load(SeqCst) == 0).await;
    until(|| edge.edge.metrics().contains("edge_streams_open 0\n")).await;
}

#[tokio::test]
async fn a_restart_is_a_pause_for_all_clients() {
    let app = App::start().await;
    let mut config = config();
    config.times.heartbeat = Duration::from_millis(30);
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    topic.say("book", "1");
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(Reader::open(&edge, &shared(""), &[]).await);
    }
    one_upstream(&app, &edge, 20).await;
    app.kill().await;
    for reader in &mut readers {
        assert_eq!(reader.text().await, RETRY);
        assert_eq!(reader.text_after_heartbeats().await, event(1, "book", "1"));
        assert_eq!(reader.text().await, ": heartbeat\n\n");
    }
    for n in 2..=30 {
        topic.say("book", n.to_string());
    }
    topic.say("completed", "all");
    app.restart().await;
    for mut reader in readers {
        let (rest, is_clean) = reader.rest().await;
        let expected = format!("{}{}", events(1, 30), event(31, "completed", "all"));
        assert_eq!(rest.replace(": heartbeat\n\n", ""), expected);
        assert!(is_clean);
    }
    assert!(edge.metric("edge_streams_mended_total 1").await);
}

#[tokio::test]
async fn a_crowd_that_comes_at_once_needs_no_more_room_than_it_has_together() {
    let app = App::start().await;
    let mut config = config();
    config.limits.requests_per_address = 2;
    config.limits.upstream_streams = 2;
    config.times.abandoned = Duration::from_secs(600);
    let edge = Served::start(config, &app).await;
    app.world.topic("a").say("book", "1");
    let mut readers = Vec::new();
    for n in 1..=20 {
        let mut reader = Reader::open(&edge, &shared(""), &[]).await;
        for expected in [RETRY, &event(1, "book", "1")] {
            assert_eq!(reader.text().await, expected, "client {n}");
        }
        readers.push(reader);
        one_upstream(&app, &edge, n).await;
    }
}

#[tokio::test]
async fn who_began_a_stream_may_leave_it() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    let first = Reader::open(&edge, &shared(""), &[]).await;
    let mut second = Reader::open(&edge, &shared(""), &[]).await;
    assert_eq!(second.text().await, RETRY);
    one_upstream(&app, &edge, 2).await;
    drop(first);
    until(|| edge.edge.metrics().contains("edge_streams_open 1\n")).await;
    one_upstream(&app, &edge, 1).await;
    topic.say("completed", "1");
    assert_eq!(second.rest().await, (event(1, "completed", "1"), true));
}

#[tokio::test]
async fn who_claims_more_than_the_application_knows_joins_nobody_until_that_shows() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("book", "1");
    let unknown = shared("").replace("&position=1", "");
    let mut ahead = Reader::open(&edge, &unknown, &[("last-event-id", "4")]).await;
    assert_eq!(ahead.text().await, RETRY);
    let mut behind = Reader::open(&edge, &unknown, &[("last-event-id", "2")]).await;
    assert_eq!(behind.text().await, RETRY);
    edge.shows("edge_upstream_streams_open 2").await;
    for n in 2..=5 {
        topic.say("book", n.to_string());
    }
    assert_eq!(ahead.text().await, event(5, "book", "5"));
    for n in 3..=5 {
        assert_eq!(behind.text().await, event(n, "book", &n.to_string()));
    }
    // As soon as it is known how far both are, they share a stream, and others with them.
    one_upstream(&app, &edge, 2).await;
    let mut third = Reader::open(&edge, &shared(""), &[]).await;
    one_upstream(&app, &edge, 3).await;
    topic.say("completed", "all");
    let end = event(6, "completed", "all");
    for reader in [&mut ahead, &mut behind] {
        assert_eq!(reader.rest().await, (end.clone(), true));
    }
    let all = format!("{RETRY}{}{end}", events(0, 5));
    assert_eq!(third.rest().await, (all, true));
}

#[tokio::test]
async fn a_claim_about_another_subject_is_nobodys_position() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("book", "1");
    let unknown = shared("&other=99999").replace("&position=1", "");
    let claim = [("last-event-id", "1,99999")];
    let mut liar = Reader::open(&edge, &unknown, &claim).await;
    assert_eq!(liar.text().await, RETRY);
    topic.say("book", "2");
    let event = |n: usize, other| format!("id: {n},{other}\nevent: book\ndata: {n}\n\n");
    assert_eq!(liar.text().await, event(2, 99999));
    let mut honest = Vec::new();
    for _ in 0..2 {
        honest.push(Reader::open(&edge, &shared("&other=13"), &[]).await);
    }
    for reader in &mut honest {
        let begun = [RETRY, &event(1, 13), &event(2, 13)];
        for expected in begun {
            assert_eq!(reader.text().await, expected);
        }
    }
    edge.shows("edge_upstream_streams_open 2").await;
    edge.shows("edge_streams_open 3").await;
}

#[tokio::test]
async fn who_waits_for_a_stream_that_ends_shares_the_next() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("book", "1");
    let ahead = Reader::open(&edge, &shared(""), &[("last-event-id", "5")]).await;
    let mut behind = Reader::open(&edge, &shared(""), &[]).await;
    for expected in [RETRY, &event(1, "book", "1")] {
        assert_eq!(behind.text().await, expected);
    }
    edge.shows("edge_upstream_streams_open 2").await;
    drop(ahead);
    edge.shows("edge_upstream_streams_open 1").await;
    let mut third = Reader::open(&edge, &shared(""), &[]).await;
    one_upstream(&app, &edge, 2).await;
    topic.say("completed", "2");
    let end = event(2, "completed", "2");
    assert_eq!(behind.rest().await, (end.clone(), true));
    let all = format!("{RETRY}{}{end}", events(0, 1));
    assert_eq!(third.rest().await, (all, true));
}

#[tokio::test]
async fn a_stream_whose_key_changes_is_a_pause_for_those_who_are_given_the_new_one() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    topic.say("book", "1");
    let mut readers = Vec::new();
    for token in ["good", "bad", "good"] {
        let target = shared(&format!("&token={token}"));
        readers.push(Reader::open(&edge, &target, &[]).await);
    }
    for reader in &mut readers {
        assert_eq!(reader.text().await, RETRY);
        assert_eq!(reader.text().await, event(1, "book", "1"));
    }
    one_upstream(&app, &edge, 3).await;
    let before = app.world.seen(&Method::GET, "/events").len();
    *app.world.key.lock().unwrap() = Some("another".to_owned());
    *app.world.revoked.lock().unwrap() = Some("bad".to_owned());
    app.world.cut(false);
    let mut revoked = readers.remove(1);
    assert_eq!(revoked.rest().await, (String::new(), false));
    one_upstream(&app, &edge, 2).await;
    let asked = app.world.seen(&Method::GET, "/events").len() - before;
    assert_eq!(asked, 3, "one request for each client");
    topic.say("completed", "2");
    for mut reader in readers {
        let end = event(2, "completed", "2");
        assert_eq!(reader.rest().await, (end, true));
    }
}

#[tokio::test]
async fn who_leaves_while_its_stream_is_asked_for_follows_no_other() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    let mut stays = Reader::open(&edge, &shared(""), &[]).await;
    let leaves = Reader::open(&edge, &shared(""), &[]).await;
    one_upstream(&app, &edge, 2).await;
    // The newest client is the first to ask, and is told of another key when it is gone.
    let before = app.world.seen(&Method::GET, "/events").len();
    *app.world.key.lock().unwrap() = Some("another".to_owned());
    app.world.holds_streams.store(true, SeqCst);
    app.world.cut(false);
    until(|| app.world.seen(&Method::GET, "/events").len() > before).await;
    drop(leaves);
    edge.shows("edge_streams_open 1").await;
    app.world.holds_streams.store(false, SeqCst);
    app.world.released.notify_one();
    one_upstream(&app, &edge, 1).await;
    topic.say("completed", "1");
    assert_eq!(stays.text().await, RETRY);
    assert_eq!(stays.rest().await, (event(1, "completed", "1"), true));
    until(|| app.world.streams.load(SeqCst) == 0).await;
}

#[tokio::test]
async fn each_resumes_with_its_own_right() {
    let app = App::start().await;
    let edge = Served::start(config(), &app).await;
    let topic = app.world.topic("a");
    let mut kept = Reader::open(&edge, &shared("&token=good"), &[]).await;
    let mut revoked = Reader::open(&edge, &shared("&token=bad"), &[]).await;
    for reader in [&mut kept, &mut revoked] {
        assert_eq!(reader.text().await, RETRY);
    }
    one_upstream(&app, &edge, 2).await;
    *app.world.revoked.lock().unwrap() = Some("bad".to_owned());
    app.world.cut(false);
    assert_eq!(revoked.rest().await, (String::new(), false));
    topic.say("completed", "1");
    assert_eq!(kept.rest().await, (event(1, "completed", "1"), true));
}

#[tokio::test]
async fn a_slow_reader_gets_the_newest_snapshot_and_every_book_or_is_cut() {
    let app = App::start().await;
    let mut config = config();
    config.limits.unread_events = 50;
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    let large = "x".repeat(60_000);
    let mut slow = Reader::open(&edge, &shared(""), &[]).await;
    let mut quick = Reader::open(&edge, &shared(""), &[]).await;
    for reader in [&mut slow, &mut quick] {
        assert_eq!(reader.text().await, RETRY);
    }
    one_upstream(&app, &edge, 2).await;
    // More than any buffer between edge and client holds.
    for n in 1..=300 {
        topic.say("state", large.as_str());
        assert!(quick.block().await == event(n, "state", &large), "{n}");
    }
    let last = event(300, "state", &large);
    let mut taken = 0;
    while slow.block().await != last {
        taken += 1;
    }
    assert!(taken < 299, "{taken}");
    for n in 301..=600 {
        topic.say("book", large.as_str());
        assert!(quick.block().await == event(n, "book", &large), "{n}");
    }
    let (rest, is_clean) = slow.rest().await;
    assert!(!is_clean, "it comes back for the rest");
    let mut at = 300;
    for part in rest
        .split_inclusive("\n\n")
        .filter(|part| part.ends_with("\n\n"))
    {
        at += 1;
        assert!(part == event(at, "book", &large), "{at}");
    }
    assert!(at < 600);
    topic.say("completed", "all");
    let last = at.to_string();
    let mut again = Reader::open(&edge, &shared(""), &[("last-event-id", &last)]).await;
    let (rest, is_clean) = again.rest().await;
    assert!(is_clean);
    assert_eq!(rest.matches("event: book").count(), 600 - at);
    assert_eq!(quick.rest().await, (event(601, "completed", "all"), true));
}

#[tokio::test]
async fn a_reader_that_was_cut_and_takes_nothing_does_not_set_the_pace() {
    let app = App::start().await;
    let mut config = config();
    config.limits.unread_events = 10;
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    let large = "x".repeat(300_000);
    let dead = Reader::open(&edge, &shared(""), &[]).await;
    let mut quick = Reader::open(&edge, &shared(""), &[]).await;
    let mut slow = Reader::open(&edge, &shared(""), &[]).await;
    for reader in [&mut quick, &mut slow] {
        assert_eq!(reader.text().await, RETRY);
    }
    one_upstream(&app, &edge, 3).await;
    // More than any buffer between edge and client holds.
    for n in 1..=100 {
        topic.say("book", large.as_str());
        for reader in [&mut quick, &mut slow] {
            assert!(reader.block().await == event(n, "book", &large), "{n}");
        }
    }
    drop(quick);
    edge.shows("edge_streams_open 2").await;
    for _ in 101..=200 {
        topic.say("book", large.as_str());
    }
    topic.say("completed", "all");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (rest, is_clean) = slow.rest().await;
    assert!(is_clean, "{} events", rest.matches("event: book").count());
    assert_eq!(rest.matches("event: book").count(), 100);
    drop(dead);
}

#[tokio::test]
async fn the_only_reader_of_a_stream_may_be_slow() {
    let app = App::start().await;
    let mut config = config();
    config.limits.unread_events = 10;
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    let large = "x".repeat(60_000);
    for _ in 0..500 {
        topic.say("book", large.as_str());
    }
    topic.say("completed", "all");
    let mut reader = Reader::open(&edge, &shared(""), &[]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (rest, is_clean) = reader.rest().await;
    assert!(is_clean);
    assert_eq!(rest.matches("event: book").count(), 500);
}

#[tokio::test]
async fn without_room_upstream_a_client_joins_what_others_follow_or_polls() {
    let app = App::start().await;
    let mut config = config();
    config.limits.upstream_streams = 1;
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    topic.say("book", "1");
    let accept = [("accept", "text/event-stream")];
    let begun = format!("{RETRY}{}", event(1, "book", "1"));
    let mut first = Reader::open(&edge, &shared(""), &accept).await;
    let mut joined = Reader::open(&edge, &shared(""), &accept).await;
    one_upstream(&app, &edge, 2).await;
    let other = shared("").replace("key=k", "key=other");
    let mut polling = Reader::open(&edge, &other, &accept).await;
    assert_eq!(polling.rest().await, (begun.clone(), true));
    topic.say("completed", "2");
    for reader in [&mut first, &mut joined] {
        let expected = begun.clone() + &event(2, "completed", "2");
        assert_eq!(reader.rest().await, (expected, true));
    }
}

#[tokio::test]
async fn where_budgets_are_not_mended_all_are_told_to_come_back() {
    let app = App::start().await;
    let mut config = config();
    config.mends_budgets = false;
    let edge = Served::start(config, &app).await;
    let topic = app.world.topic("a");
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(Reader::open(&edge, &shared("&each=2&retry=1"), &[]).await);
    }
    one_upstream(&app, &edge, 3).await;
    topic.say("book", "1");
    topic.say("book", "2");
    for mut reader in readers {
        let expected = format!("{RETRY}{}retry: 250\n\n", events(0, 2));
        assert_eq!(reader.rest().await, (expected, true));
    }
    // One that breaks off has been told, too.
    let mut reader = Reader::open(&edge, &shared("&each=3&retry=cut"), &[]).await;
    topic.say("book", "3");
    let expected = format!("{RETRY}{}retry: 250\n\n", events(0, 3));
    assert_eq!(reader.rest().await, (expected, false));
}
