//! Reading of JSON bodies: bounded, and refused with the name of what is wrong.

use serde::Deserialize;

use crate::error::ApiError;

/// Reads a JSON body of bounded size; nesting is bounded by `serde_json` (128).
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8], limit: usize) -> Result<T, ApiError> {
    if body.len() > limit {
        return Err(ApiError::too_large("The body", limit));
    }
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        None => return Err(ApiError::missing("body", "send a JSON object")),
        // A list would be read as an object's values in order.
        Some(_) => return Err(ApiError::invalid_body("is not a JSON object")),
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        malformed(body, &path, error.inner())
    })?;
    json.end().map_err(|error| malformed(body, ".", &error))?;
    Ok(value)
}

/// The error for a body that is no JSON, or another than was expected: says where and what was
/// expected, and quotes nothing of the request, which may hold secrets.
fn malformed(body: &[u8], path: &str, error: &serde_json::Error) -> ApiError {
    // A number where one of several words is expected counts as an error of syntax.
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    if error.is_data() || is_json() {
        let text = error.to_string();
        let expected = text
            .rsplit_once(", expected ")
            .and_then(|(_, expected)| expected.split(" at line ").next())
            .filter(|expected| !expected.starts_with("struct"));
        let expected = match expected {
            Some("a sequence") => "a list",
            Some("u8" | "u16" | "u32" | "u64" | "usize") => "a whole number",
            Some("f64") => "a number",
            Some(expected) => expected,
            None if error.is_data() => "an object",
            None => "a text",
        };
        let field = if path == "." { "body" } else { path };
        if text.starts_with("duplicate field") {
            return ApiError::invalid(field, "has a field twice");
        }
        ApiError::invalid(field, format!("has the wrong type: expected {expected}"))
    } else {
        ApiError::invalid_body(format!(
            "is not JSON: see line {}, column {}",
            error.line(),
            error.column()
        ))
    }
}
