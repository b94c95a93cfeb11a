//! The parts of which routes are described: operations, bodies, responses.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::components::Components;
use crate::Code::{self, *};
use crate::request::MAX_CLIENT_REF;
use crate::upload::{CLIENT_REF, KEEP_FAILED};

/// One operation: a method of a path, described.
pub(super) struct Operation {
    pub(super) path: String,
    pub(super) method: &'static str,
    pub(super) body: Value,
}

impl Operation {
    pub(super) fn new(
        tag: &str,
        method: &'static str,
        path: &str,
        id: &str,
        summary: &str,
    ) -> Self {
        let body = json!({
            "operationId": id, "tags": [tag], "summary": summary, "parameters": [], "security": [],
            "responses": {},
        });
        let mut operation = Self {
            path: path.to_owned(),
            method,
            body,
        };
        if path.contains("{jobId}") {
            operation = operation.parameters(&["jobId"]);
        }
        operation
    }

    pub(super) fn about(mut self, text: &str) -> Self {
        self.body["description"] = json!(text);
        self
    }

    pub(super) fn parameters(mut self, names: &[&str]) -> Self {
        let list = self.body["parameters"].as_array_mut();
        let references = names
            .iter()
            .map(|name| json!({"$ref": format!("#/components/parameters/{name}")}));
        list.expect("made as a list").extend(references);
        self
    }

    pub(super) fn takes(mut self, content: Value) -> Self {
        self.body["requestBody"] = json!({"required": true, "content": content});
        self
    }

    /// Adds an optional body.
    pub(super) fn takes_optionally(mut self, content: Value) -> Self {
        self.body["requestBody"] = json!({"required": false, "content": content});
        self
    }

    pub(super) fn answers(mut self, status: u16, response: Value) -> Self {
        self.body["responses"][status.to_string()] = response;
        self
    }

    pub(super) fn fails(mut self, c: &mut Components, codes: &[Code]) -> Self {
        let codes = and(codes, &[MethodNotAllowed]);
        for (status, response) in c.errors(&codes, self.path.starts_with(crate::v3::PREFIX)) {
            self.body["responses"][status.to_string()] = response;
        }
        self
    }

    /// Requires the job's token.
    pub(super) fn only_with_token(mut self) -> Self {
        self.body["security"] = json!([{"token": []}]);
        self
    }

    /// Requires the operator's token.
    pub(super) fn only_for_operator(mut self) -> Self {
        self.body["security"] = json!([{"operator": []}]);
        self
    }

    /// Adds the job's token; jobs that have none need none.
    pub(super) fn with_token(mut self) -> Self {
        self.body["security"] = json!([{"token": []}, {}]);
        self
    }
}

pub(super) fn json_of(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

pub(super) fn response(description: &str, schema: Value, examples: Value) -> Value {
    let mut content = json_of(schema);
    if examples.as_object().is_some_and(|names| !names.is_empty()) {
        content["application/json"]["examples"] = examples;
    }
    json!({"description": description, "content": content})
}

/// A response with its examples.
pub(super) fn answer<T: JsonSchema>(
    c: &mut Components,
    about: &str,
    examples: &[&'static str],
) -> Value {
    let schema = c.answer::<T>();
    response(about, schema, c.examples(examples))
}

/// A body of `multipart/form-data` with files of this name.
pub(super) fn form(name: &str, about: &str, several: bool) -> Value {
    let file = json!({
        "type": "string", "contentEncoding": "binary",
        "contentMediaType": "application/octet-stream",
    });
    let part = if several {
        json!({"type": "array", "items": file, "minItems": 1, "description": about})
    } else {
        json!({
            "type": "string", "contentEncoding": "binary",
            "contentMediaType": "application/octet-stream", "description": about,
        })
    };
    let client_ref = json!({
        "type": "string", "maxLength": MAX_CLIENT_REF, "description": "The client's own name for the job; the parameter or header of this name wins",
    });
    json!({"schema": {"type": "object", "required": [name], "properties": {name: part, CLIENT_REF: client_ref}}})
}

/// A body of one photo, in every type that is decoded, or a form.
pub(super) fn photos(mut form: Value) -> Value {
    if let Some(parts) = form["schema"]["properties"].as_object_mut() {
        parts.insert(
            KEEP_FAILED.to_owned(),
            json!({"type": "string", "enum": ["true", "false"], "description": "Whether photos that cannot be looked at are kept for a retry; the parameter of this name says the same"}),
        );
    }
    let photo = |media: &str| {
        json!({"schema": {
            "type": "string", "contentEncoding": "binary", "contentMediaType": media,
        }})
    };
    json!({
        "multipart/form-data": form,
        "image/jpeg": photo("image/jpeg"),
        "image/png": photo("image/png"),
        "image/webp": photo("image/webp"),
    })
}

/// A body of one photo.
pub(super) fn photo() -> Value {
    let mut content = photos(json!({}));
    if let Some(content) = content.as_object_mut() {
        content.remove("multipart/form-data");
    }
    content
}

pub(super) fn and(codes: &[Code], more: &[Code]) -> Vec<Code> {
    let mut all = [codes, more].concat();
    all.sort_by_key(|code| Code::ALL.iter().position(|one| one == code));
    all
}
