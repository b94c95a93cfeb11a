//! Tests that the description is what the types say, and that what it says of itself is true.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::routes::description;
use crate::Code;

/// Finds every value with this key, at any depth.
fn find<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == key {
                    found.push(field);
                }
                find(field, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find(item, key, found)),
        _ => {}
    }
}

/// A validator for a schema of the description.
fn validator(description: &Value, schema: &Value) -> Validator {
    let whole = json!({"allOf": [schema], "components": description["components"]});
    jsonschema::draft202012::new(&whole).unwrap()
}

fn assert_valid(description: &Value, schema: &Value, value: &Value, what: &str) {
    let problems: Vec<String> = validator(description, schema)
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{what}: {problems:#?}");
}

/// The value that a reference names.
fn follow<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(place) => description
            .pointer(&place[1..])
            .unwrap_or_else(|| panic!("{place}")),
        None => value,
    }
}

/// Spells JSON with a line for each value `depth` levels down: small, and changes can be read.
fn lines(value: &Value, depth: usize) -> String {
    match value {
        Value::Object(fields) if depth > 0 => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, field)| format!("{}:{}", json!(name), lines(field, depth - 1)))
                .collect();
            format!("{{\n{}\n}}", fields.join(",\n"))
        }
        value => value.to_string(),
    }
}

#[test]
fn what_is_served_is_what_the_types_say() {
    let now = lines(&description(), 3) + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        std::fs::write(file, &now).unwrap();
        return;
    }
    assert!(
        now.as_bytes() == super::DESCRIPTION,
        "the description is out of date: UPDATE_OPENAPI=1 cargo test -p api openapi"
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let description = description();
    let mut references = Vec::new();
    find(&description, "$ref", &mut references);
    let named: BTreeSet<&str> = references
        .iter()
        .map(|place| place.as_str().unwrap())
        .collect();
    for place in &named {
        assert!(description.pointer(&place[1..]).is_some(), "{place}");
    }
    for (kind, components) in description["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            let place = format!("#/components/{kind}/{name}");
            let unasked = kind == "securitySchemes";
            assert!(unasked || named.contains(place.as_str()), "{place}");
        }
    }
}

#[test]
fn every_error_and_every_fixture_is_there() {
    let description = description();
    let mut codes = Vec::new();
    find(&description["components"]["responses"], "enum", &mut codes);
    let codes: BTreeSet<String> = codes
        .iter()
        .flat_map(|codes| codes.as_array().unwrap())
        .map(Value::to_string)
        .collect();
    assert_eq!(
        codes,
        Code::ALL
            .iter()
            .map(|code| json!(code).to_string())
            .collect()
    );

    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let fixtures: BTreeSet<String> = std::fs::read_dir(fixtures)
        .unwrap()
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let examples = description["components"]["examples"].as_object().unwrap();
    assert_eq!(examples.keys().cloned().collect::<BTreeSet<_>>(), fixtures);
}

#[test]
fn every_operation_has_its_own_name_and_a_success() {
    let description = description();
    let mut ids = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()));
            let responses = operation["responses"].as_object().unwrap();
            let good = responses.keys().any(|status| status.as_str() < "300");
            assert!(good, "{method} {path}");
        }
    }
}

#[test]
fn examples_are_what_their_schemas_say() {
    let description = description();
    let mut checked = 0;
    let mut contents = Vec::new();
    find(&description, "content", &mut contents);
    for content in contents {
        let media = &content["application/json"];
        for (name, example) in media["examples"].as_object().into_iter().flatten() {
            let value = &follow(&description, example)["value"];
            assert_valid(&description, &media["schema"], value, name);
            checked += 1;
        }
    }
    assert!(checked >= 17, "{checked}");
}

#[test]
fn events_and_messages_are_what_their_schemas_say() {
    let description = description();
    let examples = &description["components"]["examples"];
    let paths = &description["paths"];
    let stream = &paths["/api/v2/imports/{jobId}/stream"]["get"]["responses"]["200"]["content"]["text/event-stream"];
    for name in stream["examples"].as_object().unwrap().keys() {
        let text = examples[name]["value"].as_str().unwrap();
        let line = |start: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(start))
                .unwrap()
        };
        let data: Value = serde_json::from_str(line("data: ")).unwrap();
        assert_valid(
            &description,
            &stream["x-events"][line("event: ")],
            &data,
            name,
        );
    }
    let socket = &paths["/ws/progress"]["get"]["responses"]["101"];
    for name in socket["x-examples"].as_object().unwrap().keys() {
        let message = &examples[name]["value"];
        let schema = message["version"].as_str().unwrap_or("legacy");
        let kind = message["type"].as_str().unwrap();
        let schema = &socket["x-messages"][schema][kind];
        assert!(schema.is_object(), "{name}");
        assert_valid(&description, schema, message, name);
    }
}

#[test]
fn messages_of_the_webhook_are_what_their_schemas_say() {
    use job::{Notice, Time};

    let description = description();
    let root = |stage: &str| -> job::Root {
        serde_json::from_value(json!({
            "v": 1, "id": "job", "pipeline": "csv_import", "route": "imports", "token": true,
            "created": 0, "updated": 0, "expires": 1, "stage": stage, "seq": 9, "total": 3,
            "epoch": {"term": 1, "nonce": "a"}, "fresh_until": 0, "client_ref": "phone 7",
            "outages": {"open-library": {"waited_ms": 5, "waits_until": 60_000}},
        }))
        .unwrap()
    };
    let mut described = BTreeSet::new();
    for (stage, notice) in [
        ("complete", Notice::Ended),
        ("error", Notice::Ended),
        ("canceled", Notice::Ended),
        ("enriching", Notice::Waiting(Time(7))),
    ] {
        let body = crate::webhook::body(&root(stage), notice, &crate::origin::Origin::default());
        let body: Value = serde_json::from_slice(&body).unwrap();
        let kind = body["type"].as_str().unwrap();
        let operation = &description["webhooks"][kind]["post"];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{kind}");
        assert_valid(&description, schema, &body, kind);
        described.insert(kind.to_owned());
    }
    let webhooks = description["webhooks"].as_object().unwrap();
    assert_eq!(webhooks.keys().cloned().collect::<BTreeSet<_>>(), described);
}
