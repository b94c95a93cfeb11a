//! Components that operations share: schemas, examples, parameters and errors, each described once.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::Code;

/// Collects the components that the operations refer to.
pub(super) struct Components {
    answers: SchemaGenerator,
    requests: SchemaGenerator,
    examples: BTreeMap<&'static str, Value>,
    responses: BTreeMap<String, Value>,
    codes: BTreeMap<String, String>,
}

impl Components {
    pub(super) fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings
        };
        let mut answers = settings()
            .for_serialize()
            .with_transform(RecursiveTransform(absent_is_not_null))
            .with_transform(RecursiveTransform(variants_are_an_enum))
            .into_generator();
        answers.subschema_for::<crate::error::Failed>();
        let codes = descriptions(&answers.definitions()["ErrorCode"]);
        Self {
            answers,
            requests: settings()
                .for_deserialize()
                .with_transform(RecursiveTransform(variants_are_an_enum))
                .into_generator(),
            examples: BTreeMap::new(),
            responses: BTreeMap::new(),
            codes,
        }
    }

    /// The generator of responses' schemas, for types that only their module knows.
    pub(super) fn answers(&mut self) -> &mut SchemaGenerator {
        &mut self.answers
    }

    /// The schema of a response.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().into()
    }

    /// The schema of a request.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().into()
    }

    /// References to fixtures, by name.
    pub(super) fn examples(&mut self, names: &[&'static str]) -> Value {
        let examples = names.iter().map(|name| {
            let fixture = fixture(name);
            let value = serde_json::from_str(&fixture).unwrap_or(Value::String(fixture));
            self.examples.insert(name, json!({"value": value}));
            let place = format!("#/components/examples/{name}");
            ((*name).to_owned(), json!({"$ref": place}))
        });
        Value::Object(examples.collect())
    }

    /// The error responses of an operation with these codes, by status; as problem documents on
    /// routes of V3.
    pub(super) fn errors(&mut self, codes: &[Code], is_v3: bool) -> Vec<(u16, Value)> {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in codes {
            by_status
                .entry(code.status().as_u16())
                .or_default()
                .push(*code);
        }
        by_status
            .into_iter()
            .map(|(status, codes)| (status, self.error(&codes, is_v3)))
            .collect()
    }

    fn error(&mut self, codes: &[Code], is_v3: bool) -> Value {
        let names: Vec<String> = codes
            .iter()
            .map(|code| json!(code).as_str().unwrap_or_default().to_owned())
            .collect();
        let prefix = if is_v3 { "V3." } else { "" };
        let key = format!("{prefix}{}", names.join("."));
        let place = format!("#/components/responses/{key}");
        let meanings: Vec<String> = names
            .iter()
            .map(|name| format!("`{name}`: {}", self.codes[name]))
            .collect();
        let (media, whole) = match is_v3 {
            true => (
                crate::problem::MEDIA_TYPE,
                self.answer::<crate::problem::Problem>(),
            ),
            false => ("application/json", self.answer::<crate::error::Failed>()),
        };
        let narrowed = match is_v3 {
            true => json!({"properties": {"code": {"enum": names}}}),
            // A linter takes what is narrowed for all that there may be.
            false => json!({"properties": {"error": {
                "properties": {"code": {"enum": names}}, "additionalProperties": true,
            }}}),
        };
        let mut content = json!({"schema": {"allOf": [whole, narrowed]}});
        if codes == [Code::NotFound] && !is_v3 {
            content["examples"] = self.examples(&["error"]);
        }
        let mut response = json!({
            "description": meanings.join("\n\n"),
            "content": {media: content},
        });
        let header = |description: &str, kind: &str| json!({"description": description, "schema": {"type": kind}});
        let mut headers = Map::new();
        if codes.iter().any(|code| code.may_tell_when()) {
            let retry = header("When to try again, in seconds", "integer");
            headers.insert("Retry-After".to_owned(), retry);
        }
        if codes.contains(&Code::MethodNotAllowed) {
            let allow = header("The methods that there are", "string");
            headers.insert("Allow".to_owned(), allow);
        }
        if !headers.is_empty() {
            response["headers"] = headers.into();
        }
        self.responses.insert(key, response);
        json!({"$ref": place})
    }

    /// The `components` object.
    pub(super) fn finish(mut self) -> Value {
        let mut schemas = self.answers.take_definitions(true);
        for (name, schema) in self.requests.take_definitions(true) {
            let before = schemas.insert(name.clone(), schema);
            assert!(before.is_none(), "{name} is an answer and a request");
        }
        json!({
            "schemas": schemas,
            "examples": self.examples,
            "responses": self.responses,
            "parameters": parameters(),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "The `authToken` that the creation of the job answered with",
                },
                "operator": {
                    "type": "http", "scheme": "bearer",
                    "description": "The operator's token, as it is configured",
                },
            },
        })
    }
}

/// Makes optional properties of a schema non-null: what may be absent is left out, never null.
fn absent_is_not_null(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        let names = required.as_array().into_iter().flatten();
        names.clone().any(|required| required == name)
    };
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
        let Value::Object(property) = property else {
            continue;
        };
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [kind] = types.as_slice() {
                let kind = kind.clone();
                property.insert("type".to_owned(), kind);
            }
        }
        if let Some(Value::Array(any)) = property.get_mut("anyOf") {
            any.retain(|schema| schema["type"] != "null");
            if let [Value::Object(only)] = any.as_mut_slice() {
                let only = std::mem::take(only);
                property.remove("anyOf");
                property.extend(only);
            }
        }
    }
}

/// Makes an `enum`, which every generator knows, of a list of variants that are texts; what each
/// means stays beside it.
fn variants_are_an_enum(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else {
        return;
    };
    let mut names = Vec::new();
    let mut meanings = Vec::new();
    for variant in variants {
        let meaning = variant["description"].as_str().unwrap_or_default();
        match (variant.get("const"), variant.get("enum")) {
            (Some(name), None) => {
                names.push(name.clone());
                meanings.push(Value::from(meaning));
            }
            (None, Some(Value::Array(several))) => {
                meanings.extend(several.iter().map(|_| Value::from(meaning)));
                names.extend(several.iter().cloned());
            }
            _ => return,
        }
    }
    if names.iter().any(|name| !name.is_string()) {
        return;
    }
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), names.into());
    if meanings.iter().any(|meaning| meaning != "") {
        schema.insert("x-enum-descriptions".to_owned(), meanings.into());
    }
}

impl Code {
    /// Whether the error's response may have a `Retry-After`.
    fn may_tell_when(self) -> bool {
        matches!(
            self,
            Self::NotReady | Self::RateLimitExceeded | Self::CircuitOpen | Self::ServiceBusy
        )
    }
}

/// Descriptions of the variants of an enum's schema.
fn descriptions(schema: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    variants
        .map(|variant| (text(&variant["const"]), text(&variant["description"])))
        .collect()
}

fn fixture(name: &str) -> String {
    let at = |kind| {
        format!(
            "{}/../../tests/fixtures/{name}.{kind}",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    std::fs::read_to_string(at("json"))
        .or_else(|_| std::fs::read_to_string(at("txt")))
        .unwrap_or_else(|error| panic!("fixture {name}: {error}"))
}

/// Every parameter, by the name under which [`super::routes`] asks for it.
fn parameters() -> Value {
    let parameter = |place: &str, name: &str, schema: Value, description: &str| {
        json!({
            "in": place, "name": name, "required": place == "path",
            "schema": schema, "description": description,
        })
    };
    let text = || json!({"type": "string"});
    let id = json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"});
    let number = |least: u32| json!({"type": "integer", "minimum": least});
    let key =
        json!({"type": "string", "minLength": 1, "maxLength": crate::request::MAX_IDEMPOTENCY_KEY});
    let client_ref = json!({"type": "string", "maxLength": crate::request::MAX_CLIENT_REF});
    let flag = json!({"type": "string", "enum": ["1", "true"]});
    let schema = json!({"type": "string", "enum": ["legacy", "1.0.0", "2.0.0", "v3"]});
    let isbn = json!({"type": "string", "minLength": 1, "maxLength": 17});
    let format =
        json!({"type": "string", "enum": ["full", "lite", "json", "csv"], "default": "full"});
    let export_format = json!({"type": "string", "enum": ["json", "csv"], "default": "json"});
    let only = json!({"type": "string", "examples": ["failed", "failed,not_found", "warnings", "review", "all"]});
    let provider = json!({"type": "string", "examples": ["gemini-flash", "gemini", "openai", "spines", "barcode"]});
    json!({
        "jobId": parameter("path", "jobId", id.clone(), "The job's name; UUIDs in either case, answered back as given"),
        "chosenJobId": parameter("query", "jobId", id, "The client's name for the job; made by the server when absent"),
        "idempotencyKey": parameter("header", "Idempotency-Key", key, "The same key answers with the same job and token for as long as the job is kept"),
        "clientRef": parameter("query", "clientRef", client_ref.clone(), "The client's own name for the job, repeated in its webhook events"),
        "clientRefHeader": parameter("header", "X-Client-Ref", client_ref, "The same, as a header; it wins over the parameter"),
        "importMapping": parameter("header", "X-Import-Mapping", text(), "With a raw body: what columns mean, as the part `mapping` says it in a form"),
        "importMappingParameter": parameter("query", "mapping", text(), "The same, as a parameter; the part and the header win over it"),
        "keepFailedPhotos": parameter("query", crate::upload::KEEP_FAILED, json!({"type": "string", "enum": ["1", "true", "0", "false"]}), "Keep photos that cannot be looked at as long as the job, so that a retry looks at them again; may be a part of the form instead"),
        "jobIds": parameter(
            "query",
            "jobIds",
            text(),
            "The jobs to follow, up to 20, separated by commas",
        ),
        "ifNoneMatch": parameter("header", "If-None-Match", text(), "Entity tags of the documents that the client has"),
        "lastEventId": parameter("header", "Last-Event-ID", text(), "The last event that the client has: it gets nothing again"),
        "lastEventIdQuery": parameter("query", "lastEventId", text(), "The same, for clients that cannot set headers"),
        "books": parameter("query", "books", flag, "Tell each book as it becomes final, each exactly once"),
        "events": parameter("query", "events", json!({"type": "string", "enum": ["photoscan"]}), "Name the events of a scan `photoscan.progress`, `photoscan.completed` and `photoscan.failed`"),
        "q": parameter("query", "q", text(), "Words to search for"),
        "mode": parameter("query", "mode", json!({"type": "string", "enum": ["text"]}), "How to search"),
        "page": parameter("query", "page", number(1), "Which page of the hits, from 1"),
        "hits": parameter("query", "limit", json!({"type": "integer", "minimum": 1, "maximum": crate::search::MAX_PAGE, "default": crate::search::PAGE}), "The most hits of a page"),
        "titleQuery": parameter("query", "title", text(), "Words of the title"),
        "authorQuery": parameter("query", "author", text(), "Words of an author's name"),
        "isbnQuery": parameter("query", "isbn", text(), "An ISBN with 10 or 13 digits, hyphens allowed"),
        "isbn": parameter("path", "isbn", isbn, "An ISBN with 10 or 13 digits, hyphens allowed"),
        "format": parameter("query", "format", format, "`lite`: title, authors, isbn, coverUrl and status of each book; `csv`: rows"),
        "before": parameter("query", "before", number(0), "The `olderThan` of the answer before"),
        "index": parameter("path", "index", number(0), "The book's place among the results, from 0"),
        "exportFormat": parameter("query", "format", export_format, "`csv`: rows"),
        "only": parameter("query", "only", only, "The rows to answer with, separated by commas: `failed` (could not be read, or nobody answered about their book), `not_found`, `warnings`, `review` (nobody knows the book or the match is doubtful, and nobody has chosen), `all`"),
        "offset": parameter("query", "offset", number(0), "Books to leave out; with it, or with `limit`, `metadata` has `total` and `nextOffset`"),
        "limit": parameter("query", "limit", number(1), "The most books to answer with"),
        "provider": parameter("header", "X-AI-Provider", provider, "Who looks at the photos; one that is unknown is the configured one"),
        "followed": parameter("query", "jobId", text(), "The job to follow; up to 20, separated by commas, on one socket"),
        "token": parameter("query", "token", text(), "The token of the job, or of each; a subprotocol `bookstrack-auth.{token}` says the same"),
        "schema": parameter("query", "schema", schema, "The generation of the messages. Absent: `v3` with a bare token as subprotocol, `2.0.0` with `bookstrack-auth.{token}`, `1.0.0` with `token`, else `legacy`"),
    })
}
