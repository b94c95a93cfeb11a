//! Several hosts that share nothing but a Redis database, and serve one application.
//!
//! Where no redis-server is installed these tests say so and pass.

use crate::app;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use app::redis::{Server, Way};
use app::socket::Socket;
use app::sse::Event;
use app::{
    App, Job, LIBRARY, LIBRARY_ROWS, Setup, TIME_LIMIT, assert_adds_up, assert_in_order, count,
    ended_of_greedy, eventually,
};
use host::kv::{KvBackend, KvError, Redis, check_contract};
use serde_json::Value;

const STORE: &str = "default";

/// Long enough to be met in the middle.
fn slow(redis: &Server) -> Setup {
    Setup::new()
        .argument("--store")
        .argument(&redis.url())
        .provider_delay(Duration::from_millis(150))
        .tuning("wave_items=20")
}

/// An application whose imports of [`LIBRARY`] stop in the middle until they are to go on.
fn held(redis: &Server) -> App {
    let setup = Setup::new()
        .argument("--store")
        .argument(&redis.url())
        .variable("provider_timeout_s", "60");
    let app = setup.tuning("wave_items=20 cancel_wait=15000").start();
    app.hold_look_ups_at(200);
    app
}

fn with_books(job: &Job) -> String {
    format!("{}?books=1", job.sse_url)
}

fn books(events: &[Event]) -> Vec<&Value> {
    let books = events.iter().filter(|event| event.name == "book");
    books.map(|event| &event.data["book"]).collect()
}

/// Checks that the job ended well, and that `events` said so, with each book once.
fn assert_whole(app: &App, redis: &Server, job: &Job, events: &[Event]) {
    assert_in_order(events);
    assert_eq!(events.last().unwrap().name, "completed");
    let results = app.results(job);
    assert_adds_up(&results, LIBRARY_ROWS);
    let all: Vec<&Value> = results["books"].as_array().unwrap().iter().collect();
    assert_eq!(books(events), all);
    assert_eq!(redis.keys("job/*/up/*"), Vec::<String>::new());
}

/// All runs of a job that has ended, which its last run says a little later.
fn all_runs(apps: &[&App], job: &Job) -> Vec<Value> {
    let mut all = Vec::new();
    eventually("the last run is over", || {
        all = apps
            .iter()
            .flat_map(|app| app.runs("enrichment", job))
            .collect();
        all.iter().any(|run| run["stage"] == "complete")
    });
    all
}

#[test]
fn a_job_goes_on_at_another_host_when_its_own_dies() {
    let Some(redis) = Server::start() else { return };
    let mut one = held(&redis);
    let two = one.twin();
    let job = one.import(LIBRARY);
    let mut stream = two.stream(&with_books(&job));
    let mut events = Vec::new();
    while books(&events).len() < 60 {
        events.push(stream.event().expect("the job is not over"));
    }
    one.kill();
    two.go_on();
    events.extend(stream.rest());
    assert!(stream.is_finished());
    assert_whole(&two, &redis, &job, &events);
    assert_eq!(all_runs(&[&two], &job).len(), 1);

    one.start_again();
    assert_eq!(one.status(&job), two.status(&job));
    assert_eq!(one.results(&job), two.results(&job));
}

#[test]
fn a_stream_that_breaks_with_its_host_is_resumed_at_another() {
    let Some(redis) = Server::start() else { return };
    let one = held(&redis);
    let mut two = one.twin();
    let job = one.import(LIBRARY);
    let mut stream = two.stream(&with_books(&job));
    let mut events = Vec::new();
    while books(&events).len() < 60 {
        events.push(stream.event().expect("the job is not over"));
    }
    two.kill();
    one.go_on();
    events.extend(stream.rest());
    assert!(!stream.is_finished());
    let last = &events.last().unwrap().id;
    let rest = one.resume(&with_books(&job), Some(last)).rest();
    events.extend(rest);
    assert_whole(&one, &redis, &job, &events);
}

#[test]
fn hosts_agree_on_what_a_job_is() {
    let Some(redis) = Server::start() else { return };
    let one = slow(&redis).start();
    let two = one.twin();
    let job = one.import(LIBRARY);
    let (mut progress, mut hosts) = (0.0, [&one, &two].into_iter().cycle());
    eventually("the job ends", || {
        // By turns: no host tells less than the other has told.
        let status = hosts.next().unwrap().status(&job);
        let now = status["progress"].as_f64().unwrap();
        assert!(now >= progress, "{now} after {progress}");
        progress = now;
        status["status"] == "completed"
    });
    let tag = |app: &App| {
        let answer = app.get(&job.status_url);
        answer.header("etag").unwrap().to_owned()
    };
    assert_eq!(tag(&one), tag(&two));
    let unchanged = two
        .request("GET", &job.status_url)
        .header("if-none-match", &tag(&one));
    assert_eq!(unchanged.send().status(), 304);
    assert_eq!(one.results(&job), two.results(&job));
    let events = two.follow(&job);
    assert_eq!(events.last().unwrap().name, "completed");
    assert_eq!(one.follow(&job), events);
}

/// The application's secret is in the store: a token of one host is every host's.
#[test]
fn a_job_is_canceled_at_any_host() {
    let Some(redis) = Server::start() else { return };
    let one = held(&redis);
    let two = one.twin();
    let job = one.import(LIBRARY);
    one.wait_for_books(&job, 20);
    let cancel = || two.request("DELETE", &job.status_url);
    cancel().bearer("wrong").send().error(401, "UNAUTHORIZED");
    assert_eq!(cancel().bearer(&job.token).send().status(), 200);
    for app in [&one, &two] {
        assert_eq!(app.status(&job)["status"], "canceled");
    }
}

/// Both hosts are asked for the same job at the same moment.
fn make_twice(tuning: &str) {
    let Some(redis) = Server::start() else { return };
    let one = slow(&redis).tuning(tuning).start();
    let two = one.twin();
    let make = |app: &App| {
        let request = app.request("POST", "/api/v2/imports");
        let request = request.header("idempotency-key", "once");
        Job::of(
            &request
                .form("file", "library.csv", LIBRARY)
                .send()
                .data(202),
        )
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| make(&one));
        (make(&two), first.join().unwrap())
    });
    assert_eq!((&first.id, &first.token), (&second.id, &second.token));
    let events = one.stream(&with_books(&first)).rest();
    assert_whole(&two, &redis, &first, &events);
    let all = all_runs(&[&one, &two], &first);
    assert_eq!(all.len(), 1, "one run looks the books up: {all:?}");
}

#[test]
fn a_key_makes_one_job_at_whatever_host() {
    make_twice("wave_items=20");
}

#[test]
fn a_key_makes_one_job_where_its_makers_hand_over_at_once() {
    make_twice("wave_items=20 run_budget=25000");
}

#[test]
fn a_socket_follows_a_job_of_another_host() {
    let Some(redis) = Server::start() else { return };
    let one = held(&redis);
    let two = one.twin();
    let job = one.import(LIBRARY);
    let query = format!("jobId={}&token={}&schema=2.0.0", job.id, job.token);
    let mut socket = Socket::open(two.address(), &query, &[]);
    // The job does not go on before its progress has been told.
    socket.until("job_progress");
    one.hold_look_ups_at(400);
    socket.until("job_progress");
    one.go_on();
    let (messages, code) = socket.rest();
    assert_eq!(code, 1000);
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "job_complete", "{last}");
}

#[test]
fn a_dead_job_that_many_hosts_watch_is_taken_once() {
    let Some(redis) = Server::start() else { return };
    let mut one = held(&redis);
    let (two, three) = (one.twin(), one.twin());
    let job = one.import(LIBRARY);
    let watch = |app: &App| {
        let mut stream = app.stream(&with_books(&job));
        let events = stream.rest();
        assert!(stream.is_finished());
        events
    };
    thread::scope(|scope| {
        let watchers = [&two, &three, &two, &three].map(|app| scope.spawn(move || watch(app)));
        two.wait_for_books(&job, 60);
        one.kill();
        two.go_on();
        for watcher in watchers {
            assert_whole(&two, &redis, &job, &watcher.join().unwrap());
        }
    });
    let all = all_runs(&[&two, &three], &job);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["start"], "revived");
}

#[test]
fn jobs_in_memory_are_gone_when_redis_dies() {
    let Some(mut redis) = Server::start() else {
        return;
    };
    let one = held(&redis);
    let two = one.twin();
    let job = one.import(LIBRARY);
    one.wait_for_books(&job, 20);
    redis.kill();
    for app in [&one, &two] {
        let error = app.get(&job.status_url).error(503, "SERVICE_BUSY");
        assert_eq!(error["retryable"], true);
    }
    redis.start_again();
    for app in [&one, &two] {
        app.get(&job.status_url).error(404, "NOT_FOUND");
    }
    // What its run may still write is nobody's job.
    one.go_on();
    let new = two.import(LIBRARY);
    assert_ne!(new.id, job.id);
    assert_eq!(one.follow(&new).last().unwrap().name, "completed");
    one.get(&job.status_url).error(404, "NOT_FOUND");
}

#[test]
fn jobs_on_disk_go_on_when_redis_is_back() {
    let Some(mut redis) = Server::start_durable() else {
        return;
    };
    let one = held(&redis);
    let two = one.twin();
    let job = one.import(LIBRARY);
    let before = one.wait_for_books(&job, 60);
    redis.kill();
    two.get(&job.status_url).error(503, "SERVICE_BUSY");
    redis.start_again();
    let after = two.status(&job);
    let done = |status: &Value| count(status, "processedCount");
    assert!(done(&after) >= done(&before), "{after} after {before}");
    one.go_on();
    let events = two.stream(&with_books(&job)).rest();
    assert_whole(&one, &redis, &job, &events);
}

#[test]
fn a_redis_that_hangs_for_longer_than_a_lease_only_delays() {
    let Some(redis) = Server::start() else { return };
    let one = held(&redis);
    let two = one.twin();
    let job = one.import(LIBRARY);
    let streams = [&one, &two].map(|app| app.stream(&with_books(&job)));
    one.wait_for_books(&job, 60);
    redis.signal("STOP");
    eventually("its run gives up", || {
        !one.runs("enrichment", &job).is_empty()
    });
    redis.signal("CONT");
    one.go_on();
    for mut stream in streams {
        assert_whole(&two, &redis, &job, &stream.rest());
    }
    let all = all_runs(&[&one, &two], &job);
    assert_eq!(all.len(), 2, "one after the one that gave up: {all:?}");
}

#[test]
fn a_full_redis_lets_the_oldest_jobs_of_whoever_holds_most_go() {
    let Some(redis) = Server::start_small(40) else {
        return;
    };
    let mut store = redis.client();
    let mut is_full = false;
    let jobs = (0..60).take_while(|number| {
        let values = ended_of_greedy(*number, 900_000);
        is_full = redis::Commands::mset::<_, _, ()>(&mut store, &values).is_err();
        !is_full
    });
    let jobs = jobs.count();
    assert!(is_full && jobs > 20, "{jobs}");
    let app = slow(&redis).start();
    let job = app.import(LIBRARY);
    assert_eq!(app.follow(&job).last().unwrap().name, "completed");
    assert_adds_up(&app.results(&job), LIBRARY_ROWS);
    let left = redis.keys("job/greedy-*/seg/*").len();
    // 8 MB, and what the import needed itself.
    assert!((jobs - 20..jobs).contains(&left), "{left} of {jobs}");
}

#[test]
fn redis_keeps_the_contract_of_stores() {
    let Some(mut redis) = Server::start() else {
        return;
    };
    app::runtime().block_on(async {
        let store = Arc::new(Redis::open(&redis.url()).await.unwrap());
        check_contract(store.clone()).await;

        // In the schema of Spin: a key is a key, its value a string.
        store
            .set(STORE, "ours", b"\x00\xff".to_vec())
            .await
            .unwrap();
        let mut theirs = redis.client();
        let value: Vec<u8> = redis::Commands::get(&mut theirs, "ours").unwrap();
        assert_eq!(value, b"\x00\xff");
        let other = store.get("other", "ours").await;
        assert_eq!(other, Err(KvError::NoSuchStore));

        // More than one page, and names that are no text.
        let mut many = redis::pipe();
        for n in 0..2_500 {
            many.set(format!("many/{n}"), "").ignore();
        }
        many.set(b"\xff\xfe", "").ignore();
        many.query::<()>(&mut theirs).unwrap();
        assert_eq!(store.keys(STORE).await.unwrap().len(), 2_501);

        // Closed by Redis, as idle connections are.
        let closed: u64 = redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
            .query(&mut theirs)
            .unwrap();
        assert_eq!(closed, 1);
        store
            .get(STORE, "ours")
            .await
            .unwrap()
            .expect("it is there");

        // Not answering, or not there, Redis is an error of the store, until it is back.
        redis.signal("STOP");
        let hung = tokio::time::timeout(TIME_LIMIT, store.get(STORE, "ours"));
        let hung = hung.await.expect("it is waited for only so long");
        assert!(matches!(hung, Err(KvError::Other(_))), "{hung:?}");
        redis.signal("CONT");
        store
            .get(STORE, "ours")
            .await
            .unwrap()
            .expect("it is there");
        redis.kill();
        for _ in 0..3 {
            let gone = store.set(STORE, "ours", Vec::new()).await;
            assert!(matches!(gone, Err(KvError::Other(_))), "{gone:?}");
        }
        assert!(Redis::open(&redis.url()).await.is_err());
        redis.start_again();
        assert_eq!(store.get(STORE, "ours").await, Ok(None));
    });
}

/// As after a network has been away: what was sent meanwhile arrives when it is back.
#[test]
fn a_write_that_reaches_redis_late_has_no_effect() {
    let Some(redis) = Server::start() else { return };
    let way = Way::to(&redis);
    app::runtime().block_on(async {
        let store = Redis::open(&way.url()).await.unwrap();
        store.set(STORE, "root", b"old".to_vec()).await.unwrap();
        store.set(STORE, "end", b"old".to_vec()).await.unwrap();
        way.shut();
        let (late, delete) = tokio::join!(
            store.set(STORE, "root", b"late".to_vec()),
            store.delete(STORE, "end")
        );
        assert!(matches!(late, Err(KvError::Other(_))), "{late:?}");
        assert!(matches!(delete, Err(KvError::Other(_))), "{delete:?}");
        let mut others = redis.client();
        let _: () = redis::Commands::set(&mut others, "root", "new").unwrap();
        way.open();
        // Redis closes a connection when it has read it to its end.
        eventually("everything has arrived", || {
            let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut others).unwrap();
            list.lines().count() == 1
        });
        let after = store.get(STORE, "root").await;
        assert_eq!(after.unwrap().unwrap(), b"new");
        assert!(store.exists(STORE, "end").await.unwrap());
        store.delete(STORE, "root").await.unwrap();
        assert_eq!(store.get(STORE, "root").await, Ok(None));
    });
}
