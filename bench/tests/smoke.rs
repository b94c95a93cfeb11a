//! Test of the measurement itself: it runs and yields figures of the right kind. How long anything
//! takes is not tested: that depends on the machine and on who else is on it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use serde_json::Value;

/// The figures of a scenario.
fn figures(scenario: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args([scenario, "--rounds", "1", "--json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json = text.find("\n{").unwrap();
    let report: Value = serde_json::from_str(&text[json..]).unwrap();
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let figures = report["figures"].as_array().unwrap().clone();
    for figure in &figures {
        let number = |name: &str| figure[name].as_f64().unwrap();
        assert_eq!(figure["scenario"], scenario);
        assert!(number("samples") > 0.0, "{figure}");
        assert!(number("p50") <= number("p99"), "{figure}");
        assert!(number("p99") <= number("max"), "{figure}");
        let known = ["ms", "B", "MB", "kB", "1/s", "%", ""];
        assert!(known.contains(&figure["unit"].as_str().unwrap()));
        if let Some(limit) = figure.get("limit") {
            assert!(limit.as_f64().unwrap() > 0.0, "{figure}");
        }
    }
    figures
}

#[test]
fn a_job_is_measured_with_its_limit() {
    let figures = figures("enrich-100");
    let named = |what: &str| {
        let found = figures.iter().find(|figure| figure["what"] == what);
        found.unwrap_or_else(|| panic!("{what} in {figures:#?}"))
    };
    for how in ["own stream", "attached"] {
        let wall = named(&format!("{how}: POST to completed"));
        // No sooner than the provider answers.
        assert!(wall["p50"].as_f64().unwrap() >= 20.0, "{wall}");
        assert!(wall["limit"].as_f64().unwrap() >= 20.0, "{wall}");
        let requests = named(&format!("{how}: outbound requests"));
        assert!(requests["max"].as_f64().unwrap() <= 4.0, "{requests}");
    }
}

#[test]
fn every_component_has_a_size() {
    assert_eq!(figures("sizes").len(), 5);
}
