//! Prometheus itself with what `deploy/monitoring` gives it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use serde_json::json;

use crate::deploy::{documents, root};

/// Whether Prometheus is installed. Where it is not, tests say so and pass, unless
/// `PROMETHEUS_TESTS=required` says that it must be.
fn is_installed() -> bool {
    let installed = Command::new("promtool").arg("--version").output().is_ok();
    let required = std::env::var("PROMETHEUS_TESTS").is_ok_and(|value| value == "required");
    assert!(installed || !required, "there is no prometheus");
    if !installed {
        // Past what the test harness captures.
        let _ = writeln!(std::io::stderr(), "not run: there is no prometheus");
    }
    installed
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
