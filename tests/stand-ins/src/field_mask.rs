//! Google's partial responses: `fields=items(id,volumeInfo/title),totalItems`.

use serde_json::{Map, Value};

/// The error for a mask that cannot be read.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("invalid field selection")]
pub(crate) struct InvalidMask;

const MAX_DEPTH: usize = 16;

/// A part of a mask: a field, and the fields wanted of its value (all, when none is named).
struct Part<'a> {
    name: &'a str,
    inner: Vec<Self>,
}

/// Reduces a document to the fields that the mask names.
pub(crate) fn apply(mask: &str, document: &Value) -> Result<Value, InvalidMask> {
    let (parts, rest) = list(mask, MAX_DEPTH)?;
    if !rest.is_empty() {
        return Err(InvalidMask);
    }
    Ok(select(&parts, document))
}

fn list(mut mask: &str, depth: usize) -> Result<(Vec<Part<'_>>, &str), InvalidMask> {
    let mut parts = Vec::new();
    loop {
        let (part, rest) = part(mask, depth)?;
        parts.push(part);
        match rest.strip_prefix(',') {
            Some(rest) => mask = rest,
            None => return Ok((parts, rest)),
        }
    }
}

fn part(mask: &str, depth: usize) -> Result<(Part<'_>, &str), InvalidMask> {
    let depth = depth.checked_sub(1).ok_or(InvalidMask)?;
    let end = mask.find(['(', ')', ',', '/']).unwrap_or(mask.len());
    let (name, rest) = mask.split_at(end);
    let name = name.trim();
    if name.is_empty() {
        return Err(InvalidMask);
    }
    let (inner, rest) = if let Some(rest) = rest.strip_prefix('/') {
        let (inner, rest) = part(rest, depth)?;
        (vec![inner], rest)
    } else if let Some(rest) = rest.strip_prefix('(') {
        let (inner, rest) = list(rest, depth)?;
        (inner, rest.strip_prefix(')').ok_or(InvalidMask)?)
    } else {
        (Vec::new(), rest)
    };
    Ok((Part { name, inner }, rest))
}

fn select(parts: &[Part<'_>], value: &Value) -> Value {
    match value {
        _ if parts.is_empty() => value.clone(),
        Value::Array(values) => values.iter().map(|value| select(parts, value)).collect(),
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (name, value) in fields {
                for part in parts
                    .iter()
                    .filter(|part| part.name == name || part.name == "*")
                {
                    let selected = select(&part.inner, value);
                    // `a/b,a/c` names parts of the same field.
                    match (kept.get_mut(name), selected) {
                        (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                        (_, selected) => {
                            kept.insert(name.clone(), selected);
                        }
                    }
                }
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keeps_what_is_named() {
        let document = json!({
            "kind": "k", "totalItems": 2,
            "items": [{"id": 1, "v": {"a": 1, "b": 2, "c": 3}}, {"id": 2, "v": {"a": 4}}],
        });
        for (mask, expected) in [
            ("totalItems", json!({"totalItems": 2})),
            (
                "items(id,v(a,b))",
                json!({"items": [{"id": 1, "v": {"a": 1, "b": 2}}, {"id": 2, "v": {"a": 4}}]}),
            ),
            (
                "items/v/c, kind",
                json!({"kind": "k", "items": [{"v": {"c": 3}}, {"v": {}}]}),
            ),
            (
                "items(v/a,v/b)",
                json!({"items": [{"v": {"a": 1, "b": 2}}, {"v": {"a": 4}}]}),
            ),
            ("*", document.clone()),
        ] {
            assert_eq!(apply(mask, &document), Ok(expected), "{mask}");
        }
    }

    #[test]
    fn broken_masks_are_errors() {
        for mask in ["", "a,", "a(", "a(b", "a)", "a/", "a(b))", "(a)"] {
            assert_eq!(apply(mask, &json!({})), Err(InvalidMask), "{mask}");
        }
        assert_eq!(apply(&"a(".repeat(10_000), &json!({})), Err(InvalidMask));
    }
}
