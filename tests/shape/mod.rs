//! Messages against the contract's fixtures: a fixture names every field that a client requires.

#![allow(dead_code, reason = "every test file uses another part of it")]

use std::path::Path;

use serde_json::Value;

/// Fields that a fixture shows and that a message may leave out.
const OPTIONAL: &[&str] = &[
    "author",
    "categories",
    "coverImageURL",
    "coverUrl",
    "description",
    "details",
    "enriched",
    "etaMs",
    "firstPublicationYear",
    "isbn",
    "isbn10",
    "isbn13",
    "language",
    "openLibraryEditionID",
    "openLibraryID",
    "openLibraryWorkID",
    "pageCount",
    "provider",
    "publicationDate",
    "publicationYear",
    "publishedDate",
    "publisher",
    "source",
    "work",
];

/// Numbers that need not be whole.
const FRACTIONS: [&str; 2] = ["progress", "confidence"];

/// A fixture's text.
fn text(name: &str) -> String {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures"));
    std::fs::read_to_string(fixtures.join(name)).unwrap()
}

/// The message has every field of the fixture, of the same type.
pub(crate) fn assert_like(message: &Value, fixture: &str) {
    let expected = serde_json::from_str(&text(fixture)).unwrap();
    compare(&expected, message, fixture);
}

/// The same of an event's data.
pub(crate) fn assert_event_like(data: &Value, fixture: &str) {
    let text = text(fixture);
    let line = text.lines().find_map(|line| line.strip_prefix("data: "));
    let expected = serde_json::from_str(line.unwrap()).unwrap();
    compare(&expected, data, fixture);
}

fn may_be_absent(path: &str) -> bool {
    // Every error has details of its own.
    let mut names = path.rsplit(' ');
    names.next().is_some_and(|name| OPTIONAL.contains(&name)) || names.next() == Some("details")
}

fn compare(expected: &Value, actual: &Value, path: &str) {
    let same_type = match (expected, actual) {
        // Null where there is nothing to say.
        (Value::Null, _) => true,
        (Value::Object(fields), Value::Object(_)) => {
            for (name, expected) in fields {
                let path = format!("{path} {name}");
                match actual.get(name) {
                    Some(actual) => compare(expected, actual, &path),
                    None => assert!(may_be_absent(&path), "{path} is missing"),
                }
            }
            true
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if let Some(first) = expected.first() {
                for actual in actual {
                    compare(first, actual, path);
                }
            }
            true
        }
        (Value::Number(expected), Value::Number(actual)) => {
            let may_be_broken =
                expected.is_f64() || FRACTIONS.iter().any(|name| path.ends_with(name));
            may_be_broken || !actual.is_f64()
        }
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => true,
        _ => false,
    };
    assert!(same_type, "{path}: {actual} instead of {expected}");
}
