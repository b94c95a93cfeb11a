//! What an operator's monitoring reads: metrics of a host, of an edge, and of the logs of an
//! application that runs elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use edge::{Edge, HttpUpstream};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault};

use crate::app::http::Request;
use crate::app::sse::Stream;
use crate::app::{App, Job, LIBRARY, Setup, eventually, program, runtime};

pub(crate) const SHELF: &[u8] = include_bytes!("../components/status/sandbox/shelf.jpg");

/// ISBNs that no sample has, so that a provider is asked about them.
const UNKNOWN: [&str; 4] = [
    "9781234567897",
    "9780000000002",
    "9780000000019",
    "9780000000026",
];

/// A client's trace is in the log lines of every run of its job, whichever component it is handed
/// to.
#[test]
fn a_trace_goes_with_its_job() {
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let app = Setup::new().start();
    let request = app.request("POST", "/api/v2/imports");
    let traced = request.header("traceparent", &format!("00-{id}-00f067aa0ba902b7-01"));
    let job = Job::of(&traced.form("file", "library.csv", LIBRARY).send().data(202));
    app.finish(&job);
    let mut runs = Vec::new();
    eventually("the runs of both components are logged", || {
        runs = events(&app.logs(), "run");
        let is_of = |component: &str| runs.iter().any(|run| run["component"] == component);
        is_of("scan") && is_of("enrichment")
    });
    for run in &runs {
        assert_eq!(run["traceId"], id, "{run}");
    }
}

/// The lines of one event in a log.
fn events(log: &str, event: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str(&line[line.find('{')?..]).ok())
        .filter(|line: &Value| line["event"] == event)
        .collect()
}

/// The samples of one metric: labels and value. Jobs are counted from zero, of every kind: those
/// zeros are left out.
fn samples<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let from_zero = [
        "bookstrack_jobs_created_total",
        "bookstrack_jobs_ended_total",
    ];
    let from_zero = from_zero.contains(&name);
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let mut samples: Vec<&str> = lines
        .filter(|rest| rest.starts_with(['{', ' ']) && !(from_zero && rest.ends_with(" 0")))
        .collect();
    samples.sort_unstable();
    samples
}

/// To Prometheus a counter that appears with its first event has not grown.
#[test]
fn ends_of_jobs_are_counted_from_zero() {
    let text = App::start().metrics();
    let api: Value = serde_json::from_str(include_str!("../crates/api/openapi.json")).unwrap();
    let codes = api["components"]["schemas"]["FailureCode"]["enum"].clone();
    for pipeline in ["ai_scan", "batch_enrichment", "csv_import"] {
        let pipeline = format!("pipeline=\"{pipeline}\"");
        let created = format!("bookstrack_jobs_created_total{{{pipeline}}} 0\n");
        assert!(text.contains(&created), "{created}");
        let mut ends = vec![("complete", "none")];
        for code in codes.as_array().unwrap() {
            let code = code.as_str().unwrap();
            let canceled = code == "E_CANCELED";
            ends.push((if canceled { "canceled" } else { "error" }, code));
        }
        let name = format!("bookstrack_jobs_ended_total{{{pipeline},");
        assert_eq!(text.matches(&name).count(), ends.len());
        for (outcome, code) in ends {
            let sample = format!("{name}outcome=\"{outcome}\",code=\"{code}\"}} 0\n");
            assert!(text.contains(&sample), "{sample}");
        }
    }
}

/// Every request that a provider has seen is counted, also when the component waits for its answer
/// no longer, or the answer breaks off.
#[test]
fn a_provider_that_does_not_answer_is_in_its_figures() {
    let setup = Setup::new().variable("provider_timeout_s", "0.2");
    let app = setup.variable("provider_patience_s", "20").start();
    let open_library = app.sandbox.open_library();
    let host = format!("host=\"{}\"", open_library.addr());
    let counted = |status: &str| -> u64 {
        let text = app.metrics();
        let asked = samples(&text, "bookstrack_outbound_duration_seconds_count");
        let asked = asked
            .iter()
            .filter(|s| s.contains(&host) && s.contains(status));
        let counts = asked.map(|s| s.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        counts.sum()
    };
    let faults = [Fault::Hang, Fault::Stall, Fault::CutShort, Fault::Reset];
    for (fault, isbn) in faults.into_iter().zip(UNKNOWN) {
        let before = counted("status=\"none\"");
        open_library.behave(fault.clone().always());
        let job = app.enrich(&json!({"barcodes": [isbn]}));
        eventually(&format!("{fault:?} is counted"), || {
            counted("status=\"none\"") > before
        });
        open_library.behave(Behaviour::default());
        app.finish(&job);
        eventually(&format!("all requests are counted with {fault:?}"), || {
            counted("") == open_library.count()
        });
    }
    assert!(counted("status=\"200\"") >= 1);
}

/// An edge in front of an application, and the address at which it is watched.
pub(crate) struct WatchedEdge {
    pub(crate) clients: SocketAddr,
    pub(crate) monitoring: SocketAddr,
}

impl WatchedEdge {
    /// The variable and value that the application shares with its edge.
    pub(crate) const SECRET: (&str, &str) = ("edge_secret", "of-the-test");

    pub(crate) fn start(app: &App) -> Self {
        let upstream = format!("http://{}", app.address()).parse().unwrap();
        let config = edge::Config {
            secret: Some(Self::SECRET.1.to_owned()),
            ..edge::Config::default()
        };
        let edge = Edge::new(config, HttpUpstream::new(&upstream).unwrap()).unwrap();
        let [clients, monitoring] = [(); 2].map(|()| {
            let anywhere = tokio::net::TcpListener::bind("127.0.0.1:0");
            runtime().block_on(anywhere).unwrap()
        });
        let addresses = [&clients, &monitoring].map(|listener| listener.local_addr().unwrap());
        let (serving, counting) = (edge.clone(), edge);
        runtime().spawn(async move { serving.serve(clients, std::future::pending()).await });
        runtime().spawn(async move {
            let forever = std::future::pending();
            counting.serve_metrics(monitoring, forever).await;
        });
        Self {
            clients: addresses[0],
            monitoring: addresses[1],
        }
    }

    fn metrics(&self) -> String {
        Request::new(self.monitoring, "GET", "/metrics")
            .send()
            .text()
    }
}

/// `host metrics` on the logs of an application.
struct Follower {
    process: Child,
    address: SocketAddr,
}

impl Follower {
    fn start(logs: &OsStr) -> Self {
        let mut process = Command::new(program("host"))
            .args(["metrics", "--listen", "127.0.0.1:0"])
            .args(["--local-name", "monitor.example", "--logs"])
            .arg(logs)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut announced = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut announced)
            .unwrap();
        let address = announced.trim().strip_prefix("Metrics on http://").unwrap();
        let address = address.strip_suffix("/metrics").unwrap().parse().unwrap();
        Self { process, address }
    }

    fn metrics(&self) -> String {
        Request::new(self.address, "GET", "/metrics").send().text()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_import_a_scan_and_a_failed_job_are_counted() {
    let (secret, value) = WatchedEdge::SECRET;
    let app = Setup::new().variable(secret, value).start();
    let edge = WatchedEdge::start(&app);
    let upload = Request::new(edge.clients, "POST", "/api/v2/imports");
    let import = Job::of(&upload.form("file", "library.csv", LIBRARY).send().data(202));
    let mut stream = Stream::open(Request::new(edge.clients, "GET", &import.sse_url));
    stream.rest();
    assert!(stream.is_finished());
    let photo = app.request("POST", "/api/batch-scan");
    let scan = Job::of(&photo.body("image/jpeg", SHELF).send().data(202));
    assert_eq!(app.finish(&scan)["status"], "completed");
    let failed = app.import(b"a,b\n1,2\n");
    assert_eq!(app.finish(&failed)["status"], "failed");
    eventually("the ends of all are counted", || {
        samples(&app.metrics(), "bookstrack_jobs_ended_total").len() == 3
    });
    let text = app.metrics();
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    assert_eq!(
        samples(&text, "bookstrack_jobs_ended_total"),
        [
            "{pipeline=\"ai_scan\",outcome=\"complete\",code=\"none\"} 1",
            "{pipeline=\"csv_import\",outcome=\"complete\",code=\"none\"} 1",
            "{pipeline=\"csv_import\",outcome=\"error\",code=\"E_CSV_PARSE_FAILED\"} 1",
        ]
    );
    assert_eq!(
        samples(&text, "bookstrack_jobs_created_total"),
        ["{pipeline=\"ai_scan\"} 1", "{pipeline=\"csv_import\"} 2"]
    );
    assert_eq!(samples(&text, "bookstrack_jobs_running"), [" 0"]);
    // What the jobs themselves say that they have found and asked.
    let mut items = BTreeSet::new();
    let mut lookups = BTreeMap::<String, u32>::new();
    for (pipeline, job) in [("csv_import", &import), ("ai_scan", &scan)] {
        let root = app.root(job);
        assert!(root.succeeded > 0);
        for (result, count) in [("found", root.succeeded), ("missed", root.failed)] {
            items.insert(format!(
                "{{pipeline=\"{pipeline}\",result=\"{result}\"}} {count}"
            ));
        }
        for (provider, requests) in root.requests {
            *lookups.entry(provider).or_default() += requests;
        }
    }
    let lookups = lookups
        .into_iter()
        .map(|(provider, requests)| format!("{{provider=\"{provider}\"}} {requests}"));
    assert_eq!(
        samples(&text, "bookstrack_items_total"),
        Vec::from_iter(items)
    );
    assert_eq!(
        samples(&text, "bookstrack_lookups_total"),
        Vec::from_iter(lookups)
    );
    // What the providers have seen.
    let asked = "bookstrack_outbound_duration_seconds_count";
    for provider in [
        app.sandbox.open_library(),
        app.sandbox.google_books(),
        app.sandbox.gemini(),
    ] {
        let of = format!("{{host=\"{}\",status=\"200\"}} ", provider.addr());
        let found = samples(&text, asked);
        let found: Vec<&str> = found.iter().filter_map(|s| s.strip_prefix(&of)).collect();
        assert!(provider.count() > 0);
        assert_eq!(found, [provider.count().to_string()], "{of}");
    }
    assert!(!samples(&text, "host_component_requests_total").is_empty());
    assert_eq!(samples(&text, "edge_connections_open"), [" 0"]);
    // What went through the edge.
    let told = edge.metrics();
    assert!(told.ends_with("# EOF\n"));
    assert_eq!(
        samples(&told, "edge_requests_total"),
        ["{status=\"200\"} 1", "{status=\"202\"} 1"]
    );
    assert_eq!(samples(&told, "edge_streams_open"), [" 0"]);

    // The same of the logs, as of an application under Spin: of files, and of containers.
    let files = Follower::start(app.state().join("logs").as_os_str());
    let mut input = Follower::start(OsStr::new("-"));
    let containers = app
        .logs()
        .replace("[scan]", "[pod/bookstrack-1/bookstrack]");
    let mut pipe = input.process.stdin.take().unwrap();
    // Both, the host's standard error and the files, have every line: one is enough.
    let lines = containers.lines().filter(|line| line.starts_with('['));
    for line in lines {
        writeln!(pipe, "{line}").unwrap();
    }
    for follower in [&files, &input] {
        eventually("all is read", || {
            let followed = follower.metrics();
            samples(&followed, "bookstrack_jobs_ended_total").len() == 3
                && [
                    "bookstrack_jobs_created_total",
                    "bookstrack_jobs_ended_total",
                    "bookstrack_items_total",
                    "bookstrack_lookups_total",
                    "bookstrack_runs_total",
                    "bookstrack_storage_operations_total",
                    asked,
                ]
                .iter()
                .all(|name| samples(&followed, name) == samples(&app.metrics(), name))
        });
    }
    for (name, expected) in [("monitor.example", 200), ("evil.example", 421)] {
        let request = Request::new(files.address, "GET", "/metrics").host(name);
        assert_eq!(request.send().status(), expected, "{name}");
    }
    // Whoever follows a log that ends is not told old counts for ever.
    drop(pipe);
    let ended = input.process.wait().unwrap();
    assert!(ended.success());
}

/// The store's operations by component and kind, as one of the families counts them.
fn operations(text: &str, family: &str) -> BTreeSet<String> {
    let found = samples(text, &format!("{family}_storage_operations_total"));
    let found = found.iter().filter(|sample| !sample.ends_with(" 0"));
    found.map(|sample| (*sample).to_owned()).collect()
}

/// What components log of their use of the store is what they use: an answer with a job's own
/// stream, whose lines are two, is counted once, and what comes after a run's line is counted.
#[test]
fn every_operation_of_a_job_is_told_once() {
    let app = App::start();
    let attached = app.request("POST", "/api/v2/imports");
    let attached = attached.header("accept", "text/event-stream");
    let mut stream = Stream::open(attached.form("file", "library.csv", LIBRARY));
    stream.rest();
    assert!(stream.is_finished());
    app.import(&stand_ins::library(200));
    let (mut host, mut told) = Default::default();
    eventually("both imports are over, and what they did is told", || {
        let text = app.metrics();
        (host, told) = (operations(&text, "host"), operations(&text, "bookstrack"));
        samples(&text, "bookstrack_jobs_ended_total")
            == ["{pipeline=\"csv_import\",outcome=\"complete\",code=\"none\"} 2"]
            && host == told
    });
    assert!(told.len() >= 6, "{told:?}");
}
