//! What `deploy/` holds, as far as it can be checked without Kubernetes, containers and Spin.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use glob::{MatchOptions, Pattern};
use host::counters::Snapshot;
use host::manifest::Manifest;
use host::metrics::Metrics;
use serde_json::{Value, json};

use crate::app::socket::Socket;
use crate::app::{App, LIBRARY, program};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("deploy").join(name)).unwrap()
}

fn manifest() -> Manifest {
    Manifest::load(&root().join("spin.toml")).unwrap()
}

pub(crate) fn documents(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(name)).unwrap()
}

fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|item| item[field].as_str().unwrap())
        .collect()
}

#[test]
fn spins_runtime_configuration_is_for_all_stores_of_the_application() {
    let config: toml::Table = read("runtime-config.toml").parse().unwrap();
    let stores = config["key_value_store"].as_table().unwrap();
    let manifest = manifest();
    let used: BTreeSet<&str> = manifest
        .components
        .values()
        .flat_map(|component| component.key_value_stores.iter().map(String::as_str))
        .collect();
    assert_eq!(
        stores.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        used
    );
    for store in stores.values() {
        assert_eq!(store["type"].as_str(), Some("redis"));
        redis::parse_redis_url(store["url"].as_str().unwrap()).unwrap();
    }
}

/// The first document of a kind.
fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let found = documents.iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

#[test]
fn custom_resources_are_as_their_definitions_want_them() {
    let schema: Value = serde_json::from_str(include_str!("data/kubernetes.schema.json")).unwrap();
    let defined = schema["$defs"].as_object().unwrap();
    let mut checked = BTreeSet::new();
    for document in documents("spinkube.yaml") {
        let kind = document["kind"].as_str().unwrap().to_owned();
        let Some(definition) = defined.get(&kind) else {
            // Kubernetes' own, of which `has_only` knows what is used here.
            assert!(["Deployment", "Service"].contains(&kind.as_str()), "{kind}");
            continue;
        };
        let errors = errors_by(definition, &document);
        assert!(errors.is_empty(), "{kind}: {errors:#?}");
        checked.insert(kind);
    }
    assert_eq!(
        checked.iter().collect::<BTreeSet<_>>(),
        defined.keys().collect()
    );
}

#[test]
fn the_spin_app_names_variables_that_there_are() {
    let documents = documents("spinkube.yaml");
    let app = of_kind(&documents, "SpinApp");
    let spec = &app["spec"];
    assert_eq!(
        texts(&spec["runtimeConfig"]["keyValueStores"], "name"),
        ["default"]
    );
    let manifest = manifest();
    for variable in spec["variables"].as_array().unwrap() {
        let known = &manifest.variables[variable["name"].as_str().unwrap()];
        let from_secret = variable["valueFrom"]["secretKeyRef"].is_object();
        assert_eq!(known.secret, from_secret, "{variable}");
    }
    for needed in [
        "operator_token",
        "public_url",
        "webhook_url",
        "webhook_secret",
    ] {
        let variables = spec["variables"].as_array().unwrap();
        assert!(variables.iter().any(|v| v["name"] == needed), "{needed}");
    }
    // An application without its executor is never started.
    let executor = of_kind(&documents, "SpinAppExecutor");
    assert_eq!(spec["executor"], executor["metadata"]["name"]);
    assert_eq!(
        app["metadata"]["namespace"],
        executor["metadata"]["namespace"]
    );
}

/// Who talks to whom, in names and ports.
#[test]
fn the_edge_finds_the_application_and_the_gateway_the_edge() {
    let documents = documents("spinkube.yaml");
    let of_kind = |kind| of_kind(&documents, kind);
    let (app, edge, service) = (
        of_kind("SpinApp"),
        of_kind("Deployment"),
        of_kind("Service"),
    );
    let container = &edge["spec"]["template"]["spec"]["containers"][0];
    let upstream = format!("http://{}", app["metadata"]["name"].as_str().unwrap());
    let environment = container["env"].as_array().unwrap();
    let value = |name: &str| {
        let found = environment.iter().find(|v| v["name"] == name);
        found.unwrap()["value"].as_str().unwrap()
    };
    assert_eq!(value("EDGE_UPSTREAM"), upstream);
    let ports = container["ports"].as_array().unwrap();
    let http = ports.iter().find(|port| port["name"] == "http").unwrap();
    let port = http["containerPort"].as_u64().unwrap();
    assert!(value("EDGE_LISTEN").ends_with(&format!(":{port}")));
    let scraped = &edge["spec"]["template"]["metadata"]["annotations"];
    let metrics = ports.iter().find(|port| port["name"] == "metrics").unwrap();
    let port = metrics["containerPort"].to_string();
    assert_eq!(scraped["prometheus.io/scrape"], "true");
    assert_eq!(scraped["prometheus.io/port"], port);
    assert!(value("EDGE_ADMIN").ends_with(&format!(":{port}")));
    let labels = &edge["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&edge["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "http");
    let (gateway, route) = (of_kind("Gateway"), &of_kind("HTTPRoute")["spec"]);
    let backend = &route["rules"][0]["backendRefs"][0];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"], service["spec"]["ports"][0]["port"]);
    let listener = &gateway["spec"]["listeners"][0];
    assert_eq!(route["parentRefs"][0]["name"], gateway["metadata"]["name"]);
    assert_eq!(route["parentRefs"][0]["sectionName"], listener["name"]);
    assert_eq!(route["hostnames"][0], listener["hostname"]);
}

/// Checks that an object has no other fields than these.
fn has_only(object: &Value, known: &[&str]) {
    for name in object.as_object().unwrap().keys() {
        assert!(known.contains(&name.as_str()), "{name} of {object}");
    }
}

/// A quantity as Kubernetes writes it, like `100m` and `1.25Gi`.
fn quantity(value: &Value) -> f64 {
    let text = value.as_str().unwrap();
    let number = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[number.len()..] {
        "" => 1.0,
        "m" => 0.001,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        unit => panic!("{unit} of {text}"),
    };
    unit * number.parse::<f64>().unwrap()
}

/// What the edge takes of memory at its caps, by the figures of `bench/README.md`.
fn memory_of_edge() -> f64 {
    let limits = edge::Limits::default();
    (limits.streams * 22_400 + limits.sockets * 23_000 + limits.event_room) as f64
}

/// A misspelled limit is none, and a misspelled probe asks nothing.
#[test]
fn the_edges_deployment_has_fields_that_there_are_and_room_for_its_caps() {
    let documents = documents("spinkube.yaml");
    let top = ["apiVersion", "kind", "metadata", "spec"];
    let (edge, service) = (
        of_kind(&documents, "Deployment"),
        of_kind(&documents, "Service"),
    );
    has_only(edge, &top);
    has_only(&edge["spec"], &["replicas", "selector", "template"]);
    has_only(&edge["spec"]["template"], &["metadata", "spec"]);
    has_only(
        &edge["spec"]["template"]["spec"],
        &["containers", "terminationGracePeriodSeconds", "volumes"],
    );
    has_only(service, &top);
    has_only(&service["spec"], &["ports", "selector", "type"]);
    for port in service["spec"]["ports"].as_array().unwrap() {
        has_only(port, &["name", "port", "protocol", "targetPort"]);
    }
    let containers = &edge["spec"]["template"]["spec"]["containers"];
    for container in containers.as_array().unwrap() {
        has_only(
            container,
            &[
                "args",
                "env",
                "image",
                "livenessProbe",
                "name",
                "ports",
                "readinessProbe",
                "resources",
                "securityContext",
                "startupProbe",
                "volumeMounts",
            ],
        );
        for variable in container["env"].as_array().unwrap() {
            has_only(variable, &["name", "value", "valueFrom"]);
        }
        for port in container["ports"].as_array().unwrap() {
            has_only(port, &["containerPort", "name", "protocol"]);
        }
        has_only(
            &container["securityContext"],
            &[
                "allowPrivilegeEscalation",
                "capabilities",
                "readOnlyRootFilesystem",
                "runAsGroup",
                "runAsNonRoot",
                "runAsUser",
                "seccompProfile",
            ],
        );
        let ports = texts(&container["ports"], "name");
        for probe in ["readinessProbe", "livenessProbe"] {
            let probe = &container[probe];
            has_only(
                probe,
                &[
                    "failureThreshold",
                    "httpGet",
                    "initialDelaySeconds",
                    "periodSeconds",
                    "successThreshold",
                    "tcpSocket",
                    "timeoutSeconds",
                ],
            );
            let asked = match probe.get("httpGet") {
                Some(request) => {
                    has_only(request, &["path", "port"]);
                    request
                }
                None => {
                    has_only(&probe["tcpSocket"], &["port"]);
                    &probe["tcpSocket"]
                }
            };
            assert!(ports.contains(&asked["port"].as_str().unwrap()), "{probe}");
        }
        let resources = &container["resources"];
        has_only(resources, &["limits", "requests"]);
        for amounts in ["limits", "requests"] {
            has_only(&resources[amounts], &["cpu", "memory"]);
        }
        for (name, requested) in resources["requests"].as_object().unwrap() {
            if let Some(limit) = resources["limits"].get(name) {
                assert!(quantity(limit) >= quantity(requested), "{name}");
            }
        }
        let memory = quantity(&resources["limits"]["memory"]);
        assert!(memory >= memory_of_edge(), "{memory}");
    }
}

fn errors_by(schema: &Value, document: &Value) -> Vec<String> {
    jsonschema::validator_for(schema)
        .unwrap()
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Grafana drops a field that it does not know without a word.
#[test]
fn the_dashboard_is_as_grafana_wants_it() {
    let schema: Value = serde_json::from_str(include_str!("data/dashboard.schema.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&read("monitoring/dashboard.json")).unwrap();
    let errors = errors_by(&schema, &dashboard);
    assert!(errors.is_empty(), "{errors:#?}");
    for (field, value) in [
        ("/panels/0/type", "stats"),
        ("/panels/0/options/reduceOptions/calcs", "lastNotNull"),
        (
            "/panels/7/fieldConfig/defaults/custom/stacking/mode",
            "stacked",
        ),
        ("/templating/list/0/type", "data source"),
        ("/schemaVersion", "39"),
    ] {
        let mut wrong = dashboard.clone();
        *wrong.pointer_mut(field).unwrap() = value.into();
        assert!(!errors_by(&schema, &wrong).is_empty(), "{field}");
    }
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64()), "{}", panel["id"]);
    }
}

/// The samples that are served when everything that is counted has happened: a host's own, what is
/// counted of the lines that components log, and an edge's.
fn served() -> String {
    let metrics = Metrics::of_logs();
    for line in [
        json!({"event": "job-created", "jobId": "a", "pipeline": "csv_import"}),
        json!({"event": "job-ended", "pipeline": "csv_import", "outcome": "complete",
            "requests": {"openlibrary": 1}, "remembered": 1}),
        json!({"event": "run", "start": "created", "outcome": "finished", "costs": {"gets": 1,
            "failures": 1, "bytesWritten": 1,
            "asked": {"https://openlibrary.org 200 1": 1}}}),
        json!({"event": "stream-ended", "transport": "sse", "outcome": "over"}),
        json!({"event": "provider-state", "provider": "openlibrary", "openMs": 1, "pace": 1}),
        json!({"event": "turn-came", "queue": "compute", "waitedMs": 1}),
    ] {
        metrics.observe(line.to_string().as_bytes());
    }
    let mut host = Snapshot::default();
    host.components.entry("scan".to_owned()).or_default();
    // A family of an edge has no sample before a client comes.
    let app = App::start();
    let job = app.import(LIBRARY);
    let query = format!("jobId={}&token={}", job.id, job.token);
    let (_, code) = Socket::open(app.address(), &query, &[]).rest();
    assert_eq!(code, 1000);
    let served = app.metrics();
    let of_edge = served.lines().filter(|line| line.starts_with("edge_"));
    let of_edge = of_edge.flat_map(|line| [line, "\n"]).collect();
    let up = "up{job=\"host\"} 1\n".to_owned();
    [metrics.text(Some(&host)), of_edge, up].concat()
}

/// The comma-separated words between each `begin` and the next `end` of a text.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let parts = text.split(begin).skip(1);
    let lists = parts.filter_map(|part| Some(part.split_once(end)?.0));
    lists
        .flat_map(|list| list.split(',').map(str::trim))
        .collect()
}

/// The lines of what components are made of, without those that name something else, like the
/// outcome of a run, by a literal of its own.
fn lines_of_components() -> String {
    let mut lines = String::new();
    for pattern in ["crates/*/src/**/*.rs", "components/*/src/**/*.rs"] {
        for file in glob::glob(root().join(pattern).to_str().unwrap()).unwrap() {
            let text = std::fs::read_to_string(file.unwrap()).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for line in text.lines().filter(|line| !line.contains("=> \"")) {
                lines.extend([line, "\n"]);
            }
        }
    }
    lines
}

/// A misspelled metric is an empty panel, or an alert that never fires; so is an event that nobody
/// logs under this name any more.
#[test]
fn dashboard_and_alerts_ask_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&read("monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let asked = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let alerts = &documents("monitoring/alerts.yaml")[0]["groups"][0]["rules"];
    // Each with what is written beside it.
    let expressions: Vec<(String, String)> = asked
        .chain(alerts.as_array().unwrap())
        .map(|item| {
            let text = |part: &Value| part.as_str().unwrap_or_default().to_owned();
            let expression = text(&item["expr"]);
            let summary = text(&item["annotations"]["summary"]);
            let summary = summary.replace("{{ $labels.", "{{").replace(" }}", "}}");
            let legend = text(&item["legendFormat"]);
            (expression, [legend, summary].concat())
        })
        .collect();
    assert!(expressions.len() > 20);

    let served = served();
    let sources = lines_of_components();
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // Names, and the labels of each.
    let mut samples = BTreeMap::<&str, BTreeSet<&str>>::new();
    for line in served.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest.split('"').filter_map(|part| part.strip_suffix('='));
        let labels = labels.map(|label| label.trim_start_matches(['{', ',']));
        samples.entry(name).or_default().extend(labels);
    }
    for (expression, legend) in &expressions {
        let mut found = 0;
        // Prometheus says where it has read a sample.
        let mut all_labels = BTreeSet::from(["instance", "job"]);
        for (at, _) in expression.match_indices(|c: char| is_of_name(c)) {
            let word = &expression[at..];
            let word = &word[..word.find(|c| !is_of_name(c)).unwrap_or(word.len())];
            let is_whole = !expression[..at].ends_with(is_of_name);
            let is_metric = ["bookstrack_", "host_", "edge_"]
                .iter()
                .any(|prefix| word.starts_with(prefix));
            if !is_whole || !(is_metric || word == "up") {
                continue;
            }
            found += 1;
            let labels = samples.get(word);
            let labels = labels.unwrap_or_else(|| panic!("{word} in {expression}"));
            all_labels.extend(labels);
            let selector = expression[at + word.len()..].strip_prefix('{');
            let selector = selector.map_or("", |rest| &rest[..rest.find('}').unwrap()]);
            for matcher in selector.split(',').filter(|matcher| !matcher.is_empty()) {
                let (label, rest) = matcher.split_at(matcher.find(['=', '!']).unwrap());
                assert!(labels.contains(label), "{label} of {word} in {expression}");
                let values = rest.trim_start_matches(['=', '!', '~']).trim_matches('"');
                for value in values.split('|') {
                    let is_there = match label {
                        "event" => sources.contains(&format!("\"{value}\"")),
                        "code" => served.contains(&format!("code=\"{value}\"")),
                        _ => true,
                    };
                    assert!(is_there, "{label} {value} in {expression}");
                }
            }
        }
        assert!(found > 0, "{expression}");
        let kept = between(expression, "by (", ")");
        for label in &kept {
            assert!(all_labels.contains(label), "{label} in {expression}");
        }
        for label in between(legend, "{{", "}}") {
            let is_there = match expression.contains(" by (") {
                true => kept.contains(&label),
                false => all_labels.contains(label),
            };
            assert!(is_there, "{label} in {legend}, of {expression}");
        }
    }
}

#[test]
fn the_hosts_of_the_compose_file_understand_their_arguments() {
    let documents = documents("compose.yaml");
    let app = &documents[0]["services"]["app"];
    let environment = app["environment"].as_object().unwrap();
    let manifest = manifest();
    for name in environment.keys() {
        match name.strip_prefix("SPIN_VARIABLE_") {
            Some(variable) => assert!(manifest.variables.contains_key(&variable.to_lowercase())),
            None => assert!(
                ["SPIN_MAX_INSTANCE_COUNT", "OTEL_EXPORTER_OTLP_ENDPOINT"].contains(&name.as_str())
            ),
        }
    }
    let monitoring = &documents[0]["services"]["prometheus"];
    let scraped = self::documents("monitoring/prometheus.yaml");
    let jobs = &scraped[0]["scrape_configs"];
    let discovery = &jobs[0]["dns_sd_configs"][0];
    assert_eq!(discovery["names"], json!(["app"]));
    let admin = format!("--admin 0.0.0.0:{}", discovery["port"]);
    assert!(app["command"].as_str().unwrap().ends_with(&admin));
    let edge = &documents[0]["services"]["edge"]["environment"]["EDGE_ADMIN"];
    let edge = edge.as_str().unwrap().replace("0.0.0.0", "edge");
    assert_eq!(jobs[1]["static_configs"][0]["targets"][0], edge);
    let alerts = scraped[0]["rule_files"][0].as_str().unwrap();
    let mounted = format!("./monitoring/alerts.yaml:{alerts}:ro");
    assert_eq!(monitoring["volumes"][1], mounted);
    // What it has read outlives its container.
    assert_eq!(monitoring["volumes"][2], "prometheus:/prometheus");
    let volumes = documents[0]["volumes"].as_object().unwrap();
    assert!(volumes.contains_key("prometheus"));
    // Everything before `--help` is read.
    let command = app["command"].as_str().unwrap();
    let read = Command::new(program("host"))
        .args(command.split(' '))
        .arg("--help")
        .output()
        .unwrap();
    assert!(read.status.success(), "{command}");
    // The images are stages of the one Dockerfile.
    let dockerfile = self::read("Dockerfile");
    for service in ["app", "edge"] {
        let target = documents[0]["services"][service]["build"]["target"]
            .as_str()
            .unwrap();
        assert!(dockerfile.contains(&format!(" AS {target}\n")), "{target}");
    }
}

/// The part of the repository that images are built from: what `.dockerignore` does not exclude.
struct Context(Vec<(bool, Pattern)>);

impl Context {
    fn read() -> Self {
        let lines = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
        let lines = lines.lines().filter(|line| !line.starts_with('#'));
        let rule = |line: &str| {
            let pattern = line.strip_prefix('!');
            let excludes = pattern.is_none();
            (excludes, Pattern::new(pattern.unwrap_or(line)).unwrap())
        };
        Self(lines.map(rule).collect())
    }

    /// The last line that matches decides; one that matches a folder holds for all that is in it.
    fn has(&self, path: &str) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::new()
        };
        let names = |pattern: &Pattern| {
            let mut folders = Path::new(path).ancestors();
            folders.any(|folder| pattern.matches_path_with(folder, options))
        };
        let mut rules = self.0.iter().rev();
        let excludes = rules.find(|(_, pattern)| names(pattern));
        !excludes.is_some_and(|(excludes, _)| *excludes)
    }

    /// Copies it, as a builder is sent it.
    fn copy(&self, from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let (path, to) = (
                entry.as_ref().unwrap().path(),
                to.join(entry.unwrap().file_name()),
            );
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            if path.is_dir() {
                // Large, and asked about by name below.
                if ![".git", "node_modules", "target"]
                    .iter()
                    .any(|skipped| path.ends_with(skipped))
                {
                    self.copy(&path, &to);
                }
            } else if self.has(name) {
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(path, to).unwrap();
            }
        }
    }
}

#[test]
fn images_are_built_from_what_they_need_and_nothing_else() {
    let context = Context::read();
    let copy = tempfile::tempdir().unwrap();
    context.copy(&root(), copy.path());
    let compose = &documents("compose.yaml")[0]["services"];
    for service in ["app", "edge"] {
        assert_eq!(compose[service]["build"]["context"], "..");
    }
    // Every package of the workspace is there, or cargo reads none.
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(copy.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&metadata.stderr);
    assert!(metadata.status.success(), "{said}");
    // So is what the components are made of, and what is copied from there as it is.
    let watched = manifest().components.into_values().flat_map(|component| {
        let build = component.build.unwrap();
        let patterns = build.watch.into_iter();
        patterns.flat_map(|pattern| {
            let files = glob::glob(root().join(pattern).to_str().unwrap()).unwrap();
            files.map(|file| file.unwrap().strip_prefix(root()).unwrap().to_owned())
        })
    });
    let dockerfile = read("Dockerfile");
    let copied = dockerfile
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("/src/"))
        .filter(|name| !name.starts_with("target/"));
    let mut needed: Vec<PathBuf> = watched.chain(copied.map(PathBuf::from)).collect();
    needed.push("rust-toolchain.toml".into());
    needed.push(".cargo/config.toml".into());
    assert!(needed.len() > 300, "{}", needed.len());
    for name in needed {
        assert!(copy.path().join(&name).exists(), "{}", name.display());
    }
    for name in [
        ".env",
        ".git/config",
        ".spin/sqlite_key_value.db",
        ".cargo/credentials.toml",
        "cert.pem",
        "clients/typescript/node_modules/typescript/package.json",
        "deploy/compose.yaml",
        "docs/api.md",
        "edge/.env.local",
        "host/tls/key.pem",
        "spin.log",
        "state/secret",
        "target/release/host",
        "tests/browser/node_modules/playwright/package.json",
    ] {
        assert!(!context.has(name), "{name}");
    }
}
