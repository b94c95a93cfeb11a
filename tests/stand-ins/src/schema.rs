//! Spelling of detections in the form that a request's schema asks for.

use serde_json::{Map, Value, json};

use crate::behaviour::Quirk;
use crate::shelf::{Detection, Picture};

/// The error for a schema that cannot be followed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("{0}: the type is missing or unknown")]
    Type(String),
    #[error("{0}.properties: should be non-empty for OBJECT type")]
    NoProperties(String),
    #[error("{0}.items: missing field.")]
    NoItems(String),
    #[error("{path}.required: property '{name}' is not defined")]
    Required { path: String, name: String },
    #[error("Unknown name \"{name}\" at '{path}': Cannot find field.")]
    UnknownKeyword { path: String, name: String },
    #[error("{0}: 'additionalProperties' is required to be supplied and to be false.")]
    OpenObject(String),
    #[error(
        "{path}: 'required' is required to be an array including every key in properties. Missing '{name}'."
    )]
    Optional { path: String, name: String },
    #[error("the schema is nested too deeply")]
    TooDeep,
}

/// The provider whose rules a schema has to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dialect {
    /// Gemini's `responseSchema`: a subset of OpenAPI 3.0, other keywords are errors.
    Gemini,
    /// JSON Schema as it is.
    Json,
    /// OpenAI's `strict`: every property required, no others allowed.
    Strict,
}

const GEMINI_KEYWORDS: [&str; 22] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "items",
    "minimum",
    "maximum",
];

const MAX_DEPTH: usize = 16;

/// Checks a schema as the provider would.
pub(crate) fn check(schema: &Value, dialect: Dialect) -> Result<(), SchemaError> {
    check_at(schema, dialect, "schema", MAX_DEPTH)
}

fn check_at(schema: &Value, dialect: Dialect, path: &str, depth: usize) -> Result<(), SchemaError> {
    let depth = depth.checked_sub(1).ok_or(SchemaError::TooDeep)?;
    let Some(fields) = schema.as_object() else {
        return Err(SchemaError::Type(path.to_owned()));
    };
    let unknown = |name: &&String| !GEMINI_KEYWORDS.contains(&name.as_str());
    if dialect == Dialect::Gemini
        && let Some(name) = fields.keys().find(unknown)
    {
        return Err(SchemaError::UnknownKeyword {
            path: path.to_owned(),
            name: name.clone(),
        });
    }
    if let Some(branches) = schema["anyOf"].as_array() {
        return branches
            .iter()
            .try_for_each(|branch| check_at(branch, dialect, path, depth));
    }
    match kind(schema).ok_or_else(|| SchemaError::Type(path.to_owned()))? {
        Kind::Object => {
            let properties = schema["properties"].as_object().filter(|p| !p.is_empty());
            let properties =
                properties.ok_or_else(|| SchemaError::NoProperties(path.to_owned()))?;
            let required: Vec<&str> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if let Some(name) = required
                .iter()
                .find(|name| !properties.contains_key(**name))
            {
                return Err(SchemaError::Required {
                    path: path.to_owned(),
                    name: (*name).to_owned(),
                });
            }
            if dialect == Dialect::Strict {
                if schema["additionalProperties"] != json!(false) {
                    return Err(SchemaError::OpenObject(path.to_owned()));
                }
                if let Some(name) = properties
                    .keys()
                    .find(|name| !required.contains(&name.as_str()))
                {
                    return Err(SchemaError::Optional {
                        path: path.to_owned(),
                        name: name.clone(),
                    });
                }
            }
            properties.iter().try_for_each(|(name, schema)| {
                check_at(
                    schema,
                    dialect,
                    &format!("{path}.properties[{name}]"),
                    depth,
                )
            })
        }
        Kind::Array => match schema.get("items") {
            Some(items) => check_at(items, dialect, &format!("{path}.items"), depth),
            None => Err(SchemaError::NoItems(path.to_owned())),
        },
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// The type that a schema names, in either dialect's spelling; of several, the first that is not
/// null.
fn kind(schema: &Value) -> Option<Kind> {
    let named = |name: &str| match name.to_ascii_lowercase().as_str() {
        "object" => Some(Kind::Object),
        "array" => Some(Kind::Array),
        "string" => Some(Kind::String),
        "number" | "integer" => Some(Kind::Number),
        "boolean" => Some(Kind::Boolean),
        "null" => Some(Kind::Null),
        _ => None,
    };
    match &schema["type"] {
        Value::String(name) => named(name),
        Value::Array(names) => {
            let kinds: Option<Vec<Kind>> = names.iter().map(|name| named(name.as_str()?)).collect();
            let kinds = kinds?;
            kinds
                .iter()
                .find(|kind| **kind != Kind::Null)
                .or(kinds.first())
                .copied()
        }
        _ => None,
    }
}

/// The schema that a model would be asked for in words when the request has none.
pub(crate) fn default_schema() -> Value {
    json!({"type": "object", "properties": {"books": {"type": "array", "items": {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "author": {"type": "string"},
            "confidence": {"type": "number"},
            "box": {"type": "array", "items": {"type": "integer"}},
        },
    }}}})
}

/// The model's whole text: the detections as JSON, changed by a quirk.
pub(crate) fn text(
    schema: &Value,
    detections: &[Detection],
    picture: &Picture,
    quirk: Option<Quirk>,
) -> String {
    let mut books = detections.to_vec();
    match quirk {
        Some(Quirk::Nonsense) => {
            return "I can see a lovely shelf with a number of books on it, some of them lying and \
                    some of them standing. Would you like me to describe the colours?"
                .to_owned();
        }
        Some(Quirk::Empty) => books.clear(),
        Some(Quirk::Duplicates) => {
            let again = detections.iter().map(|book| Detection {
                title: book.title.to_uppercase(),
                confidence: book.confidence / 2.0,
                ..book.clone()
            });
            books.extend(again);
        }
        Some(Quirk::EmptyTitles) => {
            for book in books.iter_mut().step_by(3) {
                book.title = String::from(" ");
            }
        }
        _ => {}
    }
    let writer = Writer {
        size: (f64::from(picture.width), f64::from(picture.height)),
        quirk,
    };
    let json = writer.whole(schema, &books).to_string();
    match quirk {
        Some(Quirk::Fence) => format!("Here are the books I found:\n```json\n{json}\n```\n"),
        Some(Quirk::Truncate) => cut(&json, json.len() * 3 / 5),
        _ => json,
    }
}

/// Cuts a text to at most this many bytes, whole characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

struct Writer {
    /// Width and height of the picture in pixels.
    size: (f64, f64),
    quirk: Option<Quirk>,
}

impl Writer {
    fn whole(&self, schema: &Value, books: &[Detection]) -> Value {
        match kind(schema) {
            Some(Kind::Array) => books
                .iter()
                .map(|book| self.book(&schema["items"], book))
                .collect(),
            Some(Kind::Object) => {
                let mut object = Map::new();
                for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                    let value = match kind(schema) {
                        Some(Kind::Array | Kind::Object) => self.whole(schema, books),
                        Some(Kind::Number) => json!(books.len()),
                        _ => plain(schema),
                    };
                    object.insert(name.clone(), value);
                }
                Value::Object(object)
            }
            _ => plain(schema),
        }
    }

    fn book(&self, schema: &Value, book: &Detection) -> Value {
        let mut object = Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let lower = name.to_ascii_lowercase();
            let value = match lower.as_str() {
                "title" => json!(book.title),
                "author" => json!(book.author),
                "authors" if kind(schema) == Some(Kind::Array) => json!([book.author]),
                "authors" => json!(book.author),
                "confidence" | "score" if self.quirk == Some(Quirk::NoConfidence) => continue,
                "confidence" | "score" => json!((book.confidence * 100.0).round() / 100.0),
                name if name.contains("box") || name.contains("bound") => {
                    self.corners(schema, book)
                }
                _ => plain(schema),
            };
            object.insert(name.clone(), value);
        }
        Value::Object(object)
    }

    /// Corners in thousandths, as vision models are trained to give them, unless the schema says
    /// that one is the most.
    fn corners(&self, schema: &Value, book: &Detection) -> Value {
        let [top, left, bottom, right] = book.corners;
        let coordinate = match kind(schema) {
            Some(Kind::Array) => &schema["items"],
            _ => schema["properties"]
                .as_object()
                .and_then(|p| p.values().next())
                .unwrap_or(schema),
        };
        let (x_unit, y_unit) = match self.quirk {
            Some(Quirk::Pixels) => self.size,
            Some(Quirk::Fractions) => (1.0, 1.0),
            _ if coordinate["maximum"].as_f64() == Some(1.0) => (1.0, 1.0),
            _ => (1000.0, 1000.0),
        };
        let number = |value: f64, unit: f64| {
            if unit == 1.0 {
                json!((value * 1e4).round() / 1e4)
            } else {
                json!((value * unit).round() as i64)
            }
        };
        let x = |value| number(value, x_unit);
        let y = |value| number(value, y_unit);
        if kind(schema) == Some(Kind::Array) {
            return match self.quirk {
                Some(Quirk::HorizontalFirst) => json!([x(left), y(top), x(right), y(bottom)]),
                _ => json!([y(top), x(left), y(bottom), x(right)]),
            };
        }
        let mut object = Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let value = match name.to_ascii_lowercase().replace('_', "").as_str() {
                "x1" | "xmin" | "left" | "x" => x(left),
                "y1" | "ymin" | "top" | "y" => y(top),
                "x2" | "xmax" | "right" => x(right),
                "y2" | "ymax" | "bottom" => y(bottom),
                "width" | "w" => x(right - left),
                "height" | "h" => y(bottom - top),
                _ => plain(schema),
            };
            object.insert(name.clone(), value);
        }
        Value::Object(object)
    }
}

/// The least value that a schema allows, for fields that cannot be read off a spine.
fn plain(schema: &Value) -> Value {
    let null = schema["nullable"] == json!(true)
        || schema["type"]
            .as_array()
            .is_some_and(|types| types.iter().any(|t| t == "null"));
    if null {
        return Value::Null;
    }
    if let Some(value) = schema["enum"].as_array().and_then(|values| values.first()) {
        return value.clone();
    }
    match kind(schema) {
        Some(Kind::String) => json!(""),
        Some(Kind::Number) => json!(0),
        Some(Kind::Boolean) => json!(false),
        Some(Kind::Array) => json!([]),
        Some(Kind::Object) => json!({}),
        Some(Kind::Null) | None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_held_to_their_dialect() {
        use Dialect::{Gemini, Json, Strict};
        let books = default_schema();
        assert_eq!(check(&books, Gemini), Ok(()));
        assert!(matches!(
            check(&books, Strict),
            Err(SchemaError::OpenObject(_))
        ));
        for (schema, dialect) in [
            (json!("x"), Json),
            (json!({}), Json),
            (json!({"type": "OBJEKT"}), Gemini),
            (json!({"type": "OBJECT"}), Gemini),
            (json!({"type": "ARRAY"}), Gemini),
            (
                json!({"type": "STRING", "additionalProperties": false}),
                Gemini,
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}),
                Json,
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}),
                Strict,
            ),
        ] {
            assert!(check(&schema, dialect).is_err(), "{schema}");
        }
        let mut deep = json!({"type": "STRING"});
        for _ in 0..40 {
            deep = json!({"type": "ARRAY", "items": deep});
        }
        assert_eq!(check(&deep, Gemini), Err(SchemaError::TooDeep));
    }
}
