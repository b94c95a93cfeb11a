//! Stores written by earlier versions are read, and what is written spells the same names:
//! `tests/fixtures/stored.json` holds one document of each kind as version 0.1.0 of November 2026
//! wrote it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::document::HandOver;
use crate::lease::LeaseDoc;
use crate::photo::PhotoReport;
use crate::provider::ProviderState;
use crate::sweep::SweepState;
use crate::token::Auth;
use crate::{Item, Report, Root, Stage};

#[derive(serde::Deserialize)]
struct Stored {
    key: String,
    value: Value,
}

fn stored() -> BTreeMap<String, Stored> {
    serde_json::from_str(include_str!("../tests/fixtures/stored.json")).unwrap()
}

/// Reads a document and writes it again: every name and value is the same.
fn reads<T: DeserializeOwned + Serialize>(name: &str, value: &Value) -> T {
    let read: T = serde_json::from_value(value.clone()).unwrap_or_else(|error| {
        panic!("{name}: {error}");
    });
    let written = serde_json::to_string(&read).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, *value, "{name}");
    read
}

#[test]
fn documents_of_earlier_versions_are_read_and_spelled_the_same() {
    let stored = stored();
    assert!(stored.len() > 30);
    for (name, Stored { key, value }) in &stored {
        let kind = match name.split_once(' ') {
            Some(("root" | "plan" | "segment", _)) => name.split(' ').next().unwrap(),
            _ => name,
        };
        match kind {
            "root" => {
                let root: Root = reads(name, value);
                assert_eq!(*key, crate::keys::root(&root.id), "{name}");
            }
            "end" => {
                let end: Root = reads(name, value);
                assert_eq!(*key, crate::keys::end(&end.id));
                assert!(end.stage.is_terminal());
            }
            "lease" => drop(reads::<LeaseDoc>(name, value)),
            "plan" | "segment" => assert!(!reads::<Vec<Item>>(name, value).is_empty()),
            "report of an import" | "report of a scan" => drop(reads::<Report>(name, value)),
            "report of a photo" => drop(reads::<PhotoReport>(name, value)),
            // Approximate, and soon written anew: fields may go.
            "provider" => drop(serde_json::from_value::<ProviderState>(value.clone()).unwrap()),
            "sweep" => drop(reads::<SweepState>(name, value)),
            "token generation" => drop(reads::<Auth>(name, value)),
            "hand-over" => assert!(reads::<HandOver>(name, value).made.is_some()),
            // Its presence is all that counts.
            "cancel mark" => assert!(key.ends_with("/cancel")),
            other => panic!("{other}: nobody reads it"),
        }
    }
}

#[test]
fn a_root_says_what_it_said_when_it_was_written() {
    let stored = stored();
    let root = |name: &str| reads::<Root>(name, &stored[name].value);
    let failed = root("root with a pending failure");
    assert!(failed.pending_failure.is_some());
    let looking = root("root ai_scan analyzing");
    assert_eq!(looking.stage, Stage::Analyzing);
    assert!(!looking.photos.is_empty());
    let complete = root("root csv_import complete");
    assert_eq!(complete.stored(), complete.total);
    assert_eq!(complete.processed(), complete.total);
}

#[test]
fn a_root_of_an_unknown_kind_of_request_is_read() {
    let mut value = stored().remove("root csv_import complete").unwrap().value;
    value["route"] = Value::from("from-the-future");
    let root: Root = serde_json::from_value(value).unwrap();
    assert_eq!(root.made_by, crate::MadeBy::Other);
}
