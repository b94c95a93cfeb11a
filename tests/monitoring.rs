//! Prometheus itself with what `deploy/monitoring` gives it, beside a running application.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault};

use crate::app::http::Request;
use crate::app::redis::free_port;
use crate::app::socket::Socket;
use crate::app::sse::Stream;
use crate::app::{App, Job, LIBRARY, can_run, eventually};
use crate::deploy::{documents, read, root};
use crate::metrics::{SHELF, WatchedEdge};
use crate::webhooks::Receiver;

/// ISBNs that no sample has, so that a provider is asked about them.
const UNKNOWN: [&str; 3] = ["9781234567897", "9780000000002", "9780000000019"];

/// Jobs that fail in each round, not by their users' fault: more than the alert allows.
const FAILURES: u64 = 7;

/// Whether Prometheus is installed.
fn is_installed() -> bool {
    let installed = ["prometheus", "promtool"]
        .iter()
        .all(|program| Command::new(program).arg("--version").output().is_ok());
    can_run("prometheus", installed, "PROMETHEUS_TESTS")
}

fn promtool(arguments: &[&str]) {
    let checked = Command::new("promtool")
        .args(arguments)
        .current_dir(root().join("deploy/monitoring"))
        .output()
        .unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(checked.status.success(), "{said}");
    println!("{said}");
}

/// Every alert fires when it should, and only then.
#[test]
fn alerts_fire_when_they_should() {
    let tests = documents("monitoring/alerts.test.yaml");
    let cases = tests[0]["tests"].as_array().unwrap().iter();
    let fired: BTreeSet<&str> = cases
        .flat_map(|case| case["alert_rule_test"].as_array().unwrap())
        .filter(|case| case["exp_alerts"] != json!([]))
        .map(|case| case["alertname"].as_str().unwrap())
        .collect();
    let rules = documents("monitoring/alerts.yaml");
    let rules = rules[0]["groups"][0]["rules"].as_array().unwrap().iter();
    let alerts: BTreeSet<&str> = rules.map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(fired, alerts);
    if is_installed() {
        promtool(&["check", "rules", "alerts.yaml"]);
        promtool(&["test", "rules", "alerts.test.yaml"]);
    }
}

/// A Prometheus with the configuration of `deploy/monitoring`, which looks more often than there,
/// and at these addresses.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _files: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(targets: &[(&str, SocketAddr)]) -> Self {
        let mut config = documents("monitoring/prometheus.yaml").remove(0);
        let often = json!({"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"});
        config["global"] = often;
        let alerts = root().join("deploy/monitoring/alerts.yaml");
        config["rule_files"] = json!([alerts.canonicalize().unwrap()]);
        let jobs = config["scrape_configs"].as_array_mut().unwrap();
        assert_eq!(jobs.len(), targets.len());
        for (job, (name, address)) in jobs.iter_mut().zip(targets) {
            assert_eq!(job["job_name"], *name);
            job.as_object_mut().unwrap().remove("dns_sd_configs");
            job["static_configs"] = json!([{"targets": [address.to_string()]}]);
        }
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        promtool(&["check", "config", file.to_str().unwrap()]);
        // Another process may take a port between its choice and its use.
        let started = (0..5).find_map(|_| Self::run(&file, files.path()));
        let (child, address) = started.expect("it starts");
        Self {
            child,
            address,
            _files: files,
        }
    }

    fn run(config: &Path, data: &Path) -> Option<(Child, SocketAddr)> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                data.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ended = false;
        eventually("Prometheus is ready", || {
            ended = child.try_wait().unwrap().is_some();
            let ready = || Request::new(address, "GET", "/-/ready").try_send();
            ended || ready().is_some_and(|answer| answer.status() == 200)
        });
        (!ended).then_some((child, address))
    }

    fn get(&self, path: &str) -> Value {
        let mut answer = Request::new(self.address, "GET", path).send().json();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The values of an expression now, without those that are none.
    fn query(&self, expression: &str) -> Vec<f64> {
        let mut encoded = String::new();
        for byte in expression.bytes() {
            let _ = write!(encoded, "%{byte:02x}");
        }
        let found = self.get(&format!("/api/v1/query?query={encoded}"));
        let series = found["result"].as_array().unwrap().iter();
        series
            .map(|one| one["value"][1].as_str().unwrap().parse::<f64>().unwrap())
            .filter(|value| !value.is_nan())
            .collect()
    }

    /// Waits until it has read what the application counts now.
    fn catch_up(&self, app: &App) {
        let ended = "bookstrack_jobs_ended_total";
        eventually("Prometheus has read it", || {
            let text = app.metrics();
            let samples = text.lines().filter(|line| line.starts_with(ended));
            let counted: f64 = samples
                .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
                .sum();
            self.query(&format!("sum({ended})")) == [counted]
        });
    }
}

/// The value of one sample of the host's metrics, by name and labels.
fn sample(app: &App, name: &str) -> Option<f64> {
    let text = app.metrics();
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    values.next().map(|value| value.trim().parse().unwrap())
}

/// Everything that the dashboard tells of happens: imports that ask and that remember, scans that
/// wait for each other, failures, a provider and a store that fail.
fn all_of_it(app: &App, unknown: &str) {
    for _ in 0..2 {
        app.follow(&app.import(LIBRARY));
    }
    let scan = || {
        let photo = app.request("POST", "/api/batch-scan");
        Job::of(&photo.body("image/jpeg", SHELF).send().data(202))
    };
    let models = [app.sandbox.gemini(), app.sandbox.openai()];
    let refusal = Fault::Status {
        code: 403,
        retry_after: None,
    };
    for model in models {
        model.behave(refusal.clone().always());
    }
    for _ in 0..FAILURES {
        assert_eq!(app.finish(&scan())["status"], "failed");
    }
    for model in models {
        model.behave(Behaviour::default());
    }
    let waited = "bookstrack_queue_wait_seconds_count{queue=\"compute\"}";
    let before = sample(app, waited);
    eventually("a scan waits for another", || {
        let scans = [(); 4].map(|()| scan());
        for scan in &scans {
            assert_eq!(app.finish(scan)["status"], "completed");
        }
        sample(app, waited) > before
    });
    let open_library = app.sandbox.open_library();
    open_library.behave(Behaviour::slow(Duration::from_millis(300)));
    let failures = "bookstrack_storage_failures_total{component=\"enrichment\"}";
    let before = sample(app, failures);
    eventually("the store fails a run", || {
        let job = app.import(&stand_ins::library(200));
        app.misbehave("store-fail=0.05");
        eventually("the job is over", || {
            let answer = app.get(&job.status_url);
            answer.status() == 200 && answer.data(200)["status"] == "completed"
        });
        app.misbehave("");
        sample(app, failures) > before
    });
    let status = Fault::Status {
        code: 503,
        retry_after: None,
    };
    open_library.behave(status.always());
    let awaited = "bookstrack_events_total{component=\"enrichment\",event=\"provider-awaited\",level=\"info\"}";
    let before = sample(app, awaited);
    let job = app.enrich(&json!({"barcodes": [unknown]}));
    eventually("it waits for the provider", || {
        sample(app, awaited) > before
    });
    open_library.behave(Behaviour::default());
    app.finish(&job);
}

/// An empty panel tells an operator nothing, and a query that Prometheus refuses is one.
#[test]
#[ignore = "takes a minute, and depends on when Prometheus looks"]
fn every_panel_has_data_and_an_alert_fires() {
    if !is_installed() {
        return;
    }
    let collector = Receiver::start("204 No Content");
    let setup = collector.setup().tuning("compute_slots=1");
    let (secret, value) = WatchedEdge::SECRET;
    let app = setup
        .variable(secret, value)
        .variable("provider_patience_s", "20")
        .start();
    let edge = WatchedEdge::start(&app);

    let prometheus = Prometheus::start(&[("host", app.admin()), ("edge", edge.monitoring)]);
    eventually("both are looked at", || {
        prometheus.query("up") == [1.0, 1.0]
    });
    all_of_it(&app, UNKNOWN[0]);
    prometheus.catch_up(&app);
    all_of_it(&app, UNKNOWN[1]);
    app.sandbox.open_library().behave(Fault::Hang.always());
    let running = app.enrich(&json!({"barcodes": [UNKNOWN[2]]}));
    let query = format!("jobId={}&token={}&schema=2.0.0", running.id, running.token);
    let _socket = Socket::open(edge.clients, &query, &[]);
    let _stream = Stream::open(Request::new(edge.clients, "GET", &running.sse_url));
    prometheus.catch_up(&app);

    let failed = "bookstrack_jobs_ended_total{outcome=\"error\"}";
    let failures = (2 * FAILURES) as f64;
    assert_eq!(prometheus.query(&format!("sum({failed})")), [failures]);
    // Those of the first round, too: their counters began at zero.
    let grown = prometheus.query(&format!("sum(increase({failed}[1h]))"));
    assert!(grown[0] >= failures, "{grown:?}");
    let dashboard: Value = serde_json::from_str(&read("monitoring/dashboard.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            // Grafana puts four times the interval there, or more.
            let expression = expression.replace("$__rate_interval", "1m");
            let what = format!("{} has data: {expression}", panel["title"]);
            eventually(&what, || !prometheus.query(&expression).is_empty());
            println!("{what}: {:?}", prometheus.query(&expression));
        }
    }

    let rules = prometheus.get("/api/v1/rules");
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    eventually("it fires", || {
        let alerts = prometheus.get("/api/v1/alerts");
        let mut alerts = alerts["alerts"].as_array().unwrap().iter();
        alerts.any(|alert| {
            alert["labels"]["alertname"] == "JobsFail"
                && alert["labels"]["code"] == "E_VISION_FAILED"
                && alert["state"] == "firing"
        })
    });
}
