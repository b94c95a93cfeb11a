//! What `deploy/` holds, as far as it can be checked without Kubernetes, containers and Spin.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use host::manifest::Manifest;
use serde_json::Value;

use crate::app::program;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("deploy").join(name)).unwrap()
}

fn manifest() -> Manifest {
    Manifest::load(&root().join("spin.toml")).unwrap()
}

fn documents(name: &str) -> Vec<Value> {
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

#[test]
fn the_spin_app_names_variables_that_there_are() {
    let documents = documents("spinkube.yaml");
    let kinds: Vec<&str> = documents
        .iter()
        .map(|d| d["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["SpinApp", "Deployment", "Service", "Ingress"]);
    let app = &documents[0];
    assert_eq!(app["apiVersion"], "core.spinkube.dev/v1alpha1");
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
}

/// Who talks to whom, in names and ports.
#[test]
fn the_edge_finds_the_application_and_the_ingress_the_edge() {
    let documents = documents("spinkube.yaml");
    let [app, edge, service, ingress] = &documents[..] else {
        panic!("four documents")
    };
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
    let labels = &edge["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&edge["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "http");
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
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
            None => assert_eq!(name, "SPIN_MAX_INSTANCE_COUNT"),
        }
    }
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
