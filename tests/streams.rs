//! The progress stream: its bytes, resuming, and its ends.

use crate::app;
use crate::photos::{self, scan_barcodes};

use std::collections::BTreeSet;
use std::time::Duration;

use app::socket::Socket;
use app::sse::{Event, Frame, Stream};
use app::{App, Job, LIBRARY, Setup, assert_in_order, eventually};
use serde_json::{Value, json};
use stand_ins::Fault;

/// Checks that `books` are those of the results, in order, each once.
fn assert_all_books(books: &[&Event], app: &App, job: &Job) {
    let results = app.results(job);
    let all = results["books"].as_array().unwrap();
    assert_eq!(books.len(), all.len());
    for (n, (event, book)) in books.iter().zip(all).enumerate() {
        assert_eq!(event.data["index"], n);
        assert_eq!(event.data["book"], *book);
    }
}

#[test]
fn every_book_arrives_once_although_the_client_leaves_five_times() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(50))
        .tuning("wave_items=100")
        .start();
    let job = app.import(LIBRARY);
    let path = format!("{}?books=1", job.sse_url);
    let mut events: Vec<Event> = Vec::new();
    for cut in 1..=5 {
        let last = events.last().map(|event| event.id.clone());
        let mut stream = app.resume(&path, last.as_deref());
        assert_eq!(stream.frame(), Some(Frame::Retry(5000)));
        let books = |events: &[Event]| events.iter().filter(|e| e.name == "book").count();
        while books(&events) < cut * 130 {
            events.push(stream.event().expect("the job is not over"));
        }
    }
    let last = events.last().unwrap().id.clone();
    let mut stream = app.resume(&path, Some(&last));
    events.extend(stream.rest());
    assert!(stream.is_finished());

    assert_in_order(&events);
    assert_eq!(events.last().unwrap().name, "completed");
    let books: Vec<&Event> = events.iter().filter(|event| event.name == "book").collect();
    assert_all_books(&books, &app, &job);
}

#[test]
fn every_book_arrives_once_although_the_server_dies() {
    let mut app = Setup::new()
        .variable("provider_timeout_s", "20")
        .tuning("wave_items=40 lease=600 lease_renew=200 write_delay=100")
        .start();
    app.hold_look_ups_at(300);
    let job = app.import(LIBRARY);
    let path = format!("{}?books=1", job.sse_url);
    let mut stream = app.resume(&path, None);
    let mut events = Vec::new();
    while events.len() < 150 {
        events.push(stream.event().unwrap());
    }
    app.kill();
    events.extend(stream.rest());
    assert!(!stream.is_finished(), "a dead server finishes nothing");
    app.go_on();
    app.start_again();
    let last = events.last().unwrap().id.clone();
    events.extend(app.resume(&path, Some(&last)).rest());
    assert_in_order(&events);
    let books: Vec<&Event> = events.iter().filter(|event| event.name == "book").collect();
    assert_all_books(&books, &app, &job);
}

/// The number of instances that status requests and streams hold.
fn status_instances(app: &App) -> u64 {
    app.counters()["components"]["status"]["instances_live"]
        .as_u64()
        .unwrap_or_default()
}

#[test]
fn the_clients_of_one_job_share_one_answer_of_the_application() {
    let (app, job) = waiting("heartbeat=100 stream_budget=60000");
    let other = app.import(&stand_ins::library(10));
    let spellings = [
        job.sse_url.clone(),
        format!("{}?books=1", job.sse_url),
        format!("/v3/jobs/imports/{}/stream", job.id),
        other.sse_url.clone(),
    ];
    let mut streams: Vec<Stream> = (0..40)
        .map(|n| app.stream(&spellings[n % spellings.len()]))
        .collect();
    eventually("each spelling of each job has one answer", || {
        status_instances(&app) == spellings.len() as u64
    });
    assert!(app.metrics().contains("\nedge_upstream_streams_open 4\n"));
    assert!(app.metrics().contains("\nedge_streams_open 40\n"));
    // Whoever came first may leave: the others hear of the job.
    for mut stream in streams.split_off(4) {
        while stream.frame() != Some(Frame::Heartbeat) {}
        drop(stream);
    }
    drop(streams);
    eventually("nobody follows them any more", || {
        status_instances(&app) == 0
    });
}

/// An instance that only saw who asks does not go on looking for news.
#[test]
fn who_joins_those_that_follow_a_job_costs_few_reads() {
    // (A stream that has a budget is not parked.)
    let (app, job) = waiting("stream_budget=60000");
    let streams: Vec<Stream> = (0..20)
        .map(|_| {
            let mut stream = app.stream(&job.sse_url);
            stream.event().expect("the job is not over");
            stream
        })
        .collect();
    eventually("one answer is read for all", || status_instances(&app) == 1);
    let reads = &app.counters()["components"]["status"]["storage"]["gets"];
    let reads = reads.as_u64().unwrap();
    // A hundred on a quiet machine, most of them by the one that goes on; 2,000 and more if all do.
    assert!(reads <= 1_000, "{reads}");
    drop(streams);
}

#[test]
fn every_book_arrives_once_wherever_a_client_joins_the_others() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(150))
        .tuning("wave_items=40")
        .start();
    let job = app.import(LIBRARY);
    let path = format!("{}?books=1", job.sse_url);
    let mut first = app.stream(&path);
    let mut told: Vec<Event> = Vec::new();
    let mut readers = Vec::new();
    while told.len() < 300 {
        let event = first.event().expect("the job is not over");
        if told.len().is_multiple_of(15) {
            // One begins at the beginning, one here, one somewhere in between.
            let last = [None, told.last(), told.get(told.len() / 2)];
            for last in last.map(|event| event.map(|event| event.id.clone())) {
                let mut stream = app.resume(&path, last.as_deref());
                readers.push(std::thread::spawn(move || {
                    let events = stream.rest();
                    (last, events, stream.is_finished())
                }));
            }
        }
        told.push(event);
    }
    told.extend(first.rest());
    assert_in_order(&told);
    let books = |events: &[Event]| -> Vec<u64> {
        let books = events.iter().filter(|event| event.name == "book");
        books
            .map(|event| event.data["index"].as_u64().unwrap())
            .collect()
    };
    let all = books(&told);
    assert_eq!(all, (0..all.len() as u64).collect::<Vec<_>>());
    for reader in readers {
        let (last, events, is_finished) = reader.join().unwrap();
        assert!(is_finished);
        assert_in_order(&events);
        assert_eq!(events.last(), told.last(), "after {last:?}");
        let had = last.as_ref().map_or(0, |id| {
            id.split_once('.').unwrap().1.parse::<usize>().unwrap()
        });
        assert_eq!(books(&events), all[had..], "after {last:?}");
    }
}

#[test]
fn a_stream_over_its_budget_is_cut_and_goes_on_where_it_stopped() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(100))
        .tuning("wave_items=40 stream_budget=300")
        .start();
    let job = app.import(LIBRARY);
    let mut events: Vec<Event> = Vec::new();
    let mut cuts = 0;
    loop {
        let last = events.last().map(|event| event.id.clone());
        let mut stream = app.resume(&job.sse_url, last.as_deref());
        let frames: Vec<Frame> = std::iter::from_fn(|| stream.frame()).collect();
        assert_eq!(frames.first(), Some(&Frame::Retry(5000)));
        let over = frames
            .iter()
            .any(|f| matches!(f, Frame::Event(event) if event.is_terminal()));
        assert_eq!(
            stream.is_finished(),
            over,
            "only the end of the job is a clean end"
        );
        assert_eq!(frames.last() == Some(&Frame::Retry(250)), !over);
        events.extend(frames.into_iter().filter_map(|frame| match frame {
            Frame::Event(event) => Some(event),
            Frame::Retry(_) | Frame::Heartbeat | Frame::Accepted(_) => None,
        }));
        if over {
            break;
        }
        cuts += 1;
    }
    assert!(cuts >= 2, "{cuts}");
    assert_in_order(&events);
    assert_eq!(events.last().unwrap().name, "completed");
}

#[test]
fn a_job_that_has_not_begun_is_initialized() {
    // Of a name that follows from a key, nobody begins before it is sure whose it is: for two write
    // delays, in which a slow machine, too, asks twice.
    let app = Setup::new().tuning("write_delay=4000 lease=24000").start();
    let request = app
        .request("POST", "/api/v2/imports")
        .header("idempotency-key", "k");
    let job = Job::of(
        &request
            .form("file", "a.csv", &stand_ins::library(10))
            .send()
            .data(202),
    );
    assert_eq!(app.status(&job)["status"], "initialized");
    let events = app.follow(&job);
    assert_in_order(&events);
    assert_eq!((&*events[0].name, &*events[0].id), ("initialized", "1"));
    assert_eq!(events[0].data["totalCount"], 0);
    assert_eq!(events.last().unwrap().name, "completed");
}

/// An application whose providers never answer, and a job that waits for them.
fn waiting(tuning: &str) -> (App, Job) {
    let app = Setup::new()
        .variable("provider_timeout_s", "20")
        .tuning(tuning)
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let job = app.import(&stand_ins::library(10));
    (app, job)
}

#[test]
fn a_silent_stream_beats() {
    let (app, job) = waiting("heartbeat=100");
    let mut stream = app.stream(&job.sse_url);
    let mut beats = 0;
    while beats < 3 {
        match stream.frame().unwrap() {
            Frame::Heartbeat => beats += 1,
            Frame::Event(event) => assert!(!event.is_terminal(), "{event:?}"),
            Frame::Retry(_) | Frame::Accepted(_) => {}
        }
    }
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send().data(200);
    let events = stream.rest();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&*events[0].name, &events[0].data["error"]["code"]),
        ("failed", &json!("E_CANCELED"))
    );
    assert!(stream.is_finished());
}

/// Number of instances of the components that answer streams and sockets.
fn listening(app: &App) -> u64 {
    let components = &app.counters()["components"];
    let live = |name: &str| components[name]["instances_live"].as_u64().unwrap();
    live("status") + live("relay")
}

/// (A stream that has a budget is not parked: see below.)
#[test]
fn who_follows_a_silent_job_holds_no_instance_and_hears_what_it_says() {
    let app = Setup::new()
        .variable("provider_timeout_s", "60")
        .tuning("heartbeat=1000 stream_budget=0")
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    app.sandbox.google_books().behave(Fault::Hang.always());
    let mut followed: Vec<(Job, Stream, Socket)> = (0..5)
        .map(|_| {
            let job = app.import(&stand_ins::library(10));
            let stream = app.stream(&job.sse_url);
            let query = format!("jobId={}&token={}&schema=2.0.0", job.id, job.token);
            (job, stream, Socket::open(app.address(), &query, &[]))
        })
        .collect();
    let parked = |number: usize| {
        let line = format!("edge_streams_parked {number}\n");
        eventually(&line, || app.metrics().contains(&line));
    };
    parked(10);
    eventually("nobody listens", || listening(&app) == 0);
    for (_, stream, socket) in &mut followed {
        while stream.frame() != Some(Frame::Heartbeat) {}
        assert_eq!(stream.frame(), Some(Frame::Heartbeat));
        while socket.json()["payload"]["keepAlive"] != true {}
        assert_eq!(socket.json()["payload"]["keepAlive"], true);
    }
    parked(10);
    for (number, (job, mut stream, mut socket)) in followed.into_iter().enumerate() {
        let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
        assert!(matches!(cancel.send().status(), 200 | 202));
        let events = stream.rest();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].data["error"]["code"], "E_CANCELED");
        assert!(stream.is_finished());
        let (messages, code) = socket.rest();
        let last = messages.last().unwrap();
        assert_eq!((&last["type"], code), (&json!("error"), 1000), "{last}");
        parked(8 - 2 * number);
    }
}

/// What a client says of the edge's business is nothing to the application: a stream that has a
/// budget lasts for that, however silent it is.
#[test]
fn no_client_can_have_its_stream_parked() {
    let (app, job) = waiting("stream_budget=5000");
    let request = app.request("GET", &job.sse_url);
    let mut stream = Stream::open(request.header("x-edge-park", "any"));
    let frames: Vec<Frame> = std::iter::from_fn(|| stream.frame()).collect();
    assert_eq!(frames.last(), Some(&Frame::Retry(250)), "{frames:?}");
    let parked = |frame: &Frame| matches!(frame, Frame::Event(event) if event.name == "parked");
    assert!(!frames.iter().any(parked), "{frames:?}");
}

#[test]
fn a_stream_of_a_job_that_stands_still_is_given_up() {
    let (app, job) = waiting("stall=700");
    eventually("it has begun", || app.sandbox.open_library().count() > 0);
    let mut stream = app.stream(&job.sse_url);
    let events = stream.rest();
    assert!(stream.is_finished());
    let timeout = events.last().unwrap();
    assert_eq!(timeout.name, "timeout");
    assert_eq!(timeout.data["error"], "timeout");
    assert_eq!(timeout.data["jobId"], job.id);
    assert_eq!(timeout.data["lastStatus"], "processing");
    assert!(timeout.data["lastProgress"].is_number());
    assert_eq!(
        app.status(&job)["status"],
        "processing",
        "the job itself may go on"
    );
}

#[test]
fn whoever_has_the_end_is_sent_away_and_whoever_has_not_gets_it() {
    let app = App::start();
    let job = app.import(&stand_ins::library(12));
    app.finish(&job);
    let end = app.follow(&job);
    assert_eq!(end.len(), 1, "a job that is over has nothing else to say");
    let id = &end[0].id;

    let again = app
        .request("GET", &job.sse_url)
        .header("last-event-id", id)
        .send();
    assert_eq!((again.status(), again.body.len()), (204, 0));
    assert_eq!(
        app.get(&format!("{}?lastEventId={id}", job.sse_url))
            .status(),
        204
    );

    let (sequence, _) = end[0].position();
    let future = (sequence + 1).to_string();
    for foreign in [
        "0",
        "1",
        &future,
        "99999999999999999999",
        "x",
        "-1",
        "1.2.3",
    ] {
        let events = app.resume(&job.sse_url, Some(foreign)).rest();
        assert_eq!(events, end, "{foreign}");
    }

    let path = format!("{}?books=1", job.sse_url);
    let events = app.stream(&path).rest();
    assert_in_order(&events);
    assert_eq!(events.len(), 13);
    assert!(events[..12].iter().all(|event| event.name == "book"));
    for n in [0, 5, 11] {
        let rest = app.resume(&path, Some(&events[n].id)).rest();
        assert_eq!(rest, events[n + 1..], "after book {n}");
    }
    let last = &events[12].id;
    let again = app
        .request("GET", &path)
        .header("last-event-id", last)
        .send();
    assert_eq!(again.status(), 204);
}

#[test]
fn a_stream_needs_no_token_but_refuses_a_wrong_one() {
    let app = App::start();
    let job = app.import(&stand_ins::library(3));
    app.finish(&job);
    for path in [&job.sse_url, &job.status_url, &job.results_url] {
        assert_eq!(app.get(path).status(), 200);
        assert_eq!(
            app.request("GET", path).bearer(&job.token).send().status(),
            200
        );
        let wrong = app.request("GET", path).bearer("wrong").send();
        wrong.error(401, "UNAUTHORIZED");
    }
}

#[test]
fn titles_from_all_over_the_world_arrive_as_ascii() {
    let app = App::start();
    let csv = "Title,Author\nCien años de soledad,Gabriel García Márquez\n吾輩は猫である,夏目漱石\n𝔊,😀\n";
    let job = app.import(csv.as_bytes());
    // The reader of the stream refuses everything that is not ASCII.
    let events = app.stream(&format!("{}?books=1", job.sse_url)).rest();
    let titles: Vec<&Value> = events
        .iter()
        .filter(|event| event.name == "book")
        .map(|event| &event.data["book"]["title"])
        .collect();
    assert_eq!(titles, ["Cien años de soledad", "吾輩は猫である", "𝔊"]);
}

#[test]
fn a_stream_that_finds_no_room_says_the_state_and_when_to_come_back() {
    let (app, job) = waiting("");
    let other = app.import(&stand_ins::library(10));
    let several = format!("/api/v2/imports/stream?jobIds={},{}", job.id, other.id);
    for (path, jobs) in [(&job.sse_url, 1), (&several, 2)] {
        let request = app.request("GET", path).header("x-stream-budget", "0");
        let mut stream = Stream::open(request);
        let frames: Vec<Frame> = std::iter::from_fn(|| stream.frame()).collect();
        assert!(!stream.is_finished(), "the job is not over");
        let (first, rest) = frames.split_first().unwrap();
        let (last, states) = rest.split_last().unwrap();
        assert_eq!((first, last), (&Frame::Retry(5000), &Frame::Retry(2000)));
        // A job may go from one state to the next at that very moment, so it may say two.
        let told: BTreeSet<&str> = states
            .iter()
            .map(|frame| match frame {
                Frame::Event(event) => event.data["jobId"].as_str().unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told.len(), jobs, "{states:?}");
    }
}

/// A stream of several jobs, of which the others have ended, brings what is left of this one, which
/// is canceled, and is over with it.
fn assert_goes_on_with(app: &App, job: &Job, stream: &mut Stream) {
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send().data(200);
    let rest = stream.rest();
    assert!(stream.is_finished());
    assert!(
        rest.iter()
            .all(|event| event.data["jobId"] == job.id.as_str())
    );
    assert!(rest.last().unwrap().is_terminal());
}

#[test]
fn a_stream_of_two_jobs_goes_on_when_one_of_them_has_been_deleted() {
    let (app, job) = waiting("");
    let deleted = scan_barcodes(&app, &[&photos::spines(1)]);
    let path = format!("/api/v2/imports/stream?jobIds={},{}", deleted.id, job.id);
    let mut stream = app.stream(&path);
    let end = std::iter::from_fn(|| stream.event()).find(|event| event.is_terminal());
    let end = end.unwrap();
    assert_eq!(end.data["jobId"], deleted.id.as_str());
    drop(stream);
    app.delete_scan(&deleted);
    assert_goes_on_with(&app, &job, &mut app.resume(&path, Some(&end.id)));
}

#[test]
fn who_was_away_when_a_job_was_deleted_is_told_on_a_stream_of_several() {
    let (app, job) = waiting("");
    let deleted = scan_barcodes(&app, &[&photos::spines(1)]);
    app.delete_scan(&deleted);
    let path = format!("/api/v2/imports/stream?jobIds={},{}", deleted.id, job.id);
    let mut stream = app.resume(&path, Some("1,1"));
    let end = std::iter::from_fn(|| stream.event()).find(|event| event.is_terminal());
    let end = end.unwrap();
    assert_eq!(end.data["jobId"], deleted.id.as_str());
    assert_eq!(end.data["error"]["code"], "NOT_FOUND");
    drop(stream);
    assert_goes_on_with(&app, &job, &mut app.resume(&path, Some(&end.id)));
}

#[test]
fn no_id_of_a_stream_of_several_holds_a_position_that_a_job_has_not_come_to() {
    let (app, job) = waiting("write_delay=100");
    let other = app.import(&stand_ins::library(10));
    let path = format!("/api/v2/imports/stream?jobIds={},{}", job.id, other.id);
    let mut stream = app.resume(&path, Some("0,99999"));
    let mut told = BTreeSet::new();
    while told.len() < 2 {
        let event = stream.event().unwrap();
        let (_, second) = event.id.split_once(',').unwrap();
        assert!(second.parse::<u64>().unwrap() < 99_999, "{}", event.id);
        told.insert(event.data["jobId"].as_str().unwrap().to_owned());
    }
}

#[test]
fn a_socket_on_two_jobs_goes_on_when_one_of_them_has_been_deleted() {
    let (app, job) = waiting("stream_budget=300");
    let deleted = scan_barcodes(&app, &[&photos::spines(1)]);
    let ids = format!("{},{}", deleted.id, job.id);
    let query = format!("jobId={ids}&token={},{}", deleted.token, job.token);
    let mut socket = Socket::open(app.address(), &query, &[]);
    app.delete_scan(&deleted);
    let resumed = || {
        let metrics = app.metrics();
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix("edge_upstream_sessions_lost_total "));
        count.unwrap().parse::<u64>().unwrap()
    };
    let before = resumed();
    eventually("it is resumed after that", || resumed() > before + 1);
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send().data(200);
    let (messages, code) = socket.rest();
    assert_eq!(code, 1000);
    assert_eq!(messages.last().unwrap()["jobId"], job.id.as_str());
}

#[test]
fn a_stream_whose_reader_has_left_makes_room() {
    let app = Setup::new()
        .variable("provider_timeout_s", "20")
        .tuning("heartbeat=600000")
        .argument("--max-instances")
        .argument("4")
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let job = app.import(&stand_ins::library(10));
    for _ in 0..12 {
        eventually("there is room for another stream", || {
            let (head, _) = app.request("GET", &job.sse_url).open();
            head.status == 200
        });
    }
}

#[test]
fn no_stream_is_refused_because_the_store_is_busy() {
    // To an EventSource a refusal would be final.
    let app = Setup::new()
        .variable("token_secret", "of-the-test")
        .argument("--fault")
        .argument("store-fail=0.2")
        .start();
    let mut jobs = Vec::new();
    eventually("two jobs are made", || {
        let request = app.request("POST", "/api/v2/imports");
        let answer = request.form("file", "a.csv", &stand_ins::library(3)).send();
        if answer.status() == 202 {
            jobs.push(Job::of(&answer.data(202)));
        }
        jobs.len() == 2
    });
    let several = format!(
        "/api/v2/imports/stream?jobIds={},{}",
        jobs[0].id, jobs[1].id
    );
    for path in [&jobs[0].sse_url, &several] {
        for _ in 0..40 {
            let request = app.request("GET", path).header("x-stream-budget", "0");
            let mut stream = Stream::open(request);
            assert!(matches!(stream.frame(), Some(Frame::Retry(_))));
            while stream.frame().is_some() {}
        }
    }
}

#[test]
fn a_job_may_be_named_like_the_stream_of_several() {
    let app = App::start();
    let job = app.enrich(&json!({"jobId": "stream", "barcodes": ["9780439708180"]}));
    app.finish(&job);
    assert_eq!(app.follow(&job).last().unwrap().name, "completed");
    let both = app.stream("/api/v2/imports/stream?jobIds=stream").rest();
    assert_eq!(both, app.follow(&job));
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send().data(200);
}
