//! A client's own mapping of a file's columns.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::ApiError;

/// Largest number of columns in a mapping: as many as a file may have.
const MAX_MAPPED_COLUMNS: usize = 512;

/// A mapping that names each column once: of two meanings one would be lost unsaid.
struct MappedOnce(books::Mapping);

impl<'de> Deserialize<'de> for MappedOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;

        impl<'de> Visitor<'de> for Columns {
            type Value = MappedOnce;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of fields by columns")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MappedOnce, A::Error> {
                let mut mapping = books::Mapping::new();
                while let Some((column, field)) = map.next_entry()? {
                    if mapping.insert(column, field).is_some() {
                        return Err(A::Error::custom("a column is named twice"));
                    }
                }
                Ok(MappedOnce(mapping))
            }
        }

        deserializer.deserialize_map(Columns)
    }
}

/// Parses a client's own mapping of a file's columns: a JSON object of fields (or `ignore`) by the
/// columns' headers, or their numbers from 1.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn mapping(json: &[u8]) -> Result<books::Mapping, ApiError> {
    const EXAMPLE: &str = r#"must be a JSON object like {"Titel": "title", "3": "ignore"}"#;
    let MappedOnce(mapping) =
        serde_json::from_slice(json).map_err(|_| ApiError::invalid("mapping", EXAMPLE))?;
    if mapping.len() > MAX_MAPPED_COLUMNS {
        return Err(ApiError::invalid(
            "mapping",
            format!("names more than {MAX_MAPPED_COLUMNS} columns"),
        ));
    }
    for (column, meaning) in &mapping {
        books::check_meaning(meaning).map_err(|error| {
            let column: String = column.chars().take(100).collect();
            ApiError::invalid("mapping", format!("column {column:?}: {error}"))
        })?;
    }
    Ok(mapping)
}
