//! The application behind an edge: what clients see of limits, cuts and restarts.

use crate::app;
use crate::photos::{self, scan_barcodes};

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use app::http::Request;
use app::socket::Socket;
use app::sse::{Event, Frame, Stream};
use app::{App, Job, LIBRARY, Setup, assert_in_order, connect, eventually};
use edge::{Body, BoxError, Edge, HttpUpstream, Upstream};
use futures::future::BoxFuture;
use serde_json::Value;
use stand_ins::{Behaviour, Fault};

/// An application that comes back at another address.
#[derive(Clone)]
struct Moving(Arc<Mutex<Arc<HttpUpstream>>>);

impl Moving {
    fn at(address: SocketAddr) -> Arc<HttpUpstream> {
        Arc::new(HttpUpstream::new(&format!("http://{address}").parse().unwrap()).unwrap())
    }
}

impl Upstream for Moving {
    fn call(
        &self,
        request: tungstenite::http::Request<Body>,
    ) -> BoxFuture<'static, Result<tungstenite::http::Response<Body>, BoxError>> {
        self.0.lock().unwrap().call(request)
    }
}

/// An edge of its own in front of an application.
struct Front {
    upstream: Moving,
    edge: Edge,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Front {
    /// Variable and value of what the application and this edge share.
    const SECRET: (&str, &str) = ("edge_secret", "of-the-test");

    fn of(app: &App) -> Self {
        let upstream = Moving(Arc::new(Mutex::new(Moving::at(app.address()))));
        let config = edge::Config {
            secret: Some(Self::SECRET.1.to_owned()),
            ..edge::Config::default()
        };
        let edge = Edge::new(config, upstream.clone()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let serving = edge.clone();
        runtime.spawn(async move { serving.serve(listener, std::future::pending()).await });
        Self {
            upstream,
            edge,
            address,
            _runtime: runtime,
        }
    }

    /// The application is at another address now.
    fn follow(&self, app: &App) {
        *self.upstream.0.lock().unwrap() = Moving::at(app.address());
    }

    /// A counter without labels.
    fn count(&self, name: &str) -> u64 {
        let metrics = self.edge.metrics();
        let mut values = metrics
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.next().unwrap().parse().unwrap()
    }
}

#[test]
fn a_restart_of_the_application_is_a_pause_for_its_sockets() {
    let mut app = Setup::new()
        .variable("provider_timeout_s", "60")
        .tuning("wave_items=40")
        .variable(Front::SECRET.0, Front::SECRET.1)
        .start();
    let front = Front::of(&app);
    app.hold_look_ups();
    let job = app.import(LIBRARY);
    let clients: Vec<_> = (0..100)
        .map(|n| {
            let schema = ["legacy", "1.0.0", "2.0.0"][n % 3];
            let query = format!("jobId={}&token={}&schema={schema}", job.id, job.token);
            let mut socket = Socket::open(front.address, &query, &[]);
            let first = socket.json();
            thread::spawn(move || {
                let (mut messages, code) = socket.rest();
                messages.insert(0, first);
                (messages, code)
            })
        })
        .collect();
    app.hold_look_ups_at(400);
    app.wait_for_books(&job, 40);
    app.kill();
    app.go_on();
    app.start_again();
    front.follow(&app);
    for client in clients {
        let (messages, code) = client.join().unwrap();
        assert_eq!(code, 1000);
        let progress = |message: &Value| {
            let legacy = message["data"]["processedItems"].as_u64();
            legacy.or_else(|| message["payload"]["processedCount"].as_u64())
        };
        let seen: Vec<u64> = messages.iter().filter_map(progress).collect();
        assert!(seen.is_sorted(), "{seen:?}");
        let ends = messages
            .iter()
            .filter(|m| m["type"] == "job_complete" || m["data"]["currentStatus"] == "Complete");
        assert_eq!(ends.count(), 1);
        let mut states: Vec<Value> = messages;
        for state in &mut states {
            state["timestamp"].take();
        }
        let whole = states.len();
        states.dedup();
        assert_eq!(states.len(), whole, "nothing is said twice");
    }
    assert_eq!(app.status(&job)["status"], "completed");
}

#[test]
fn a_restart_of_the_application_is_a_pause_for_the_clients_of_its_streams() {
    let mut app = Setup::new()
        .variable("provider_timeout_s", "60")
        .tuning("wave_items=40 lease=600 lease_renew=200 write_delay=100")
        .variable(Front::SECRET.0, Front::SECRET.1)
        .start();
    let front = Front::of(&app);
    app.hold_look_ups();
    let job = app.import(LIBRARY);
    let path = format!("{}?books=1", job.sse_url);
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = Stream::open(Request::new(front.address, "GET", &path));
            thread::spawn(move || {
                let events = stream.rest();
                (events, stream.is_finished())
            })
        })
        .collect();
    // One that has ended by now, if the job has been silent for long.
    eventually("all follow one answer", || {
        front.count("edge_upstream_streams_open") + front.count("edge_streams_parked") == 1
    });
    assert_eq!(front.count("edge_streams_open"), 100);
    app.hold_look_ups_at(400);
    app.wait_for_books(&job, 40);
    app.kill();
    app.go_on();
    app.start_again();
    front.follow(&app);
    for client in clients {
        let (events, is_finished) = client.join().unwrap();
        assert!(is_finished);
        assert_in_order(&events);
        assert_eq!(events.last().unwrap().name, "completed");
        let books = events.iter().filter(|event| event.name == "book");
        let indexes: Vec<u64> = books.map(|e| e.data["index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, (0..indexes.len() as u64).collect::<Vec<_>>());
        let all = app.results(&job)["books"].as_array().unwrap().len();
        assert_eq!(indexes.len(), all);
    }
}

#[test]
fn an_event_stream_that_the_application_cuts_is_unbroken() {
    let app = Setup::new()
        .provider_delay(Duration::from_millis(100))
        .tuning("wave_items=40 stream_budget=300")
        .variable(Front::SECRET.0, Front::SECRET.1)
        .start();
    let front = Front::of(&app);
    let job = app.import(LIBRARY);
    let path = format!("{}?books=1", job.sse_url);
    let mut stream = Stream::open(Request::new(front.address, "GET", &path));
    let frames: Vec<Frame> = std::iter::from_fn(|| stream.frame()).collect();
    assert!(stream.is_finished());
    assert!(front.count("edge_streams_mended_total") >= 2);
    let mut events = Vec::new();
    for (n, frame) in frames.into_iter().enumerate() {
        match frame {
            Frame::Retry(_) => assert_eq!(n, 0, "cuts are not told"),
            Frame::Event(event) => events.push(event),
            Frame::Heartbeat | Frame::Accepted(_) => {}
        }
    }
    assert_in_order(&events);
    let books = events.iter().filter(|event| event.name == "book");
    let results = app.results(&job);
    assert_eq!(books.count(), results["books"].as_array().unwrap().len());
    assert_eq!(events.last().unwrap().name, "completed");
}

#[test]
fn a_stream_of_two_jobs_goes_on_when_one_of_them_is_over() {
    let mut app = Setup::new()
        .variable("provider_timeout_s", "20")
        .tuning("lease=600 lease_renew=200 write_delay=100")
        .variable(Front::SECRET.0, Front::SECRET.1)
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let front = Front::of(&app);
    let [one, other] = [3, 10].map(|books| app.import(&stand_ins::library(books)));
    let path = format!("/api/v2/imports/stream?jobIds={},{}", one.id, other.id);
    let mut stream = Stream::open(Request::new(front.address, "GET", &path));
    for job in [&one, &other] {
        eventually("its provider is asked", || {
            app.status(job)["status"] == "processing"
        });
    }
    let cancel = app.request("DELETE", &one.status_url).bearer(&one.token);
    cancel.send().data(200);
    let first = std::iter::from_fn(|| stream.event()).find(|event| event.is_terminal());
    assert_eq!(first.unwrap().data["jobId"], one.id.as_str());
    app.kill();
    app.sandbox.open_library().behave(Behaviour::default());
    app.start_again();
    front.follow(&app);
    let rest = stream.rest();
    assert!(stream.is_finished());
    let ends = rest.iter().filter(|event| event.is_terminal());
    let ends: Vec<_> = ends.map(|end| (&*end.name, &end.data["jobId"])).collect();
    assert_eq!(ends, [("completed", &Value::from(other.id.as_str()))]);
}

#[test]
fn the_clients_of_two_jobs_stay_when_one_of_them_is_deleted() {
    let app = Setup::new()
        .variable("provider_timeout_s", "20")
        .tuning("stream_budget=300")
        .variable(Front::SECRET.0, Front::SECRET.1)
        .start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let front = Front::of(&app);
    let job = app.import(&stand_ins::library(10));
    let deleted = scan_barcodes(&app, &[&photos::spines(1)]);
    let path = format!("/api/v2/imports/stream?jobIds={},{}", deleted.id, job.id);
    let mut streams = [(); 2].map(|()| Stream::open(Request::new(front.address, "GET", &path)));
    app.delete_scan(&deleted);
    let mended = || front.count("edge_streams_mended_total");
    let before = mended();
    eventually("it is resumed after that", || mended() > before + 2);
    let cancel = app.request("DELETE", &job.status_url).bearer(&job.token);
    cancel.send().data(200);
    for stream in &mut streams {
        let ends = stream.rest().into_iter().filter(Event::is_terminal);
        let ends: Vec<_> = ends.map(|end| end.data["jobId"].clone()).collect();
        assert_eq!(ends, [deleted.id.as_str(), job.id.as_str()]);
        assert!(stream.is_finished());
    }
}

#[test]
fn a_thousand_sockets_on_a_hundred_jobs_miss_nothing() {
    const SOCKETS: usize = 1_000;
    let most_of_one_address = edge::Limits::default().sockets_per_address;
    let app = Setup::new().provider_delay(Duration::from_secs(2)).start();
    let jobs: Vec<Job> = (0..100)
        .map(|_| app.import(&stand_ins::library(5)))
        .collect();
    let open = |n: usize, from: Ipv4Addr| {
        let job = &jobs[n % jobs.len()];
        let schema = ["legacy", "1.0.0", "2.0.0"][n % 3];
        let query = format!("jobId={}&token={}&schema={schema}", job.id, job.token);
        Socket::over(connect(from, app.address()), &query, &[])
    };
    let mut sockets = Vec::new();
    for n in 0..SOCKETS {
        let from = Ipv4Addr::new(127, 0, 0, if n < most_of_one_address { 1 } else { 2 });
        sockets.push(open(n, from).unwrap());
        if n + 1 == most_of_one_address {
            let one_more = open(n + 1, from);
            assert_eq!(one_more.err(), Some(429), "one address has its share");
        }
    }
    for (n, mut socket) in sockets.into_iter().enumerate() {
        let (messages, code) = socket.rest();
        let (last, before) = messages.split_last().unwrap();
        let is_end = |message: &Value| {
            message["type"] == "job_complete" || message["data"]["currentStatus"] == "Complete"
        };
        assert_eq!((code, is_end(last)), (1000, true), "socket {n}: {last}");
        assert!(!before.iter().any(is_end), "socket {n}");
        let job = jobs[n % jobs.len()].id.as_str();
        assert!(messages.iter().all(|message| message["jobId"] == job));
    }
}
