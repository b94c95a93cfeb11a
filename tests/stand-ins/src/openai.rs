//! Chat completions with a picture, as OpenAI, Ollama, llama.cpp and vLLM speak them
//! (<https://platform.openai.com/docs/api-reference/chat>).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::API_KEY;
use crate::behaviour::Quirk;
use crate::schema::{self, Dialect};
use crate::server::{ProtocolResponse, Request};
use crate::shelf::{Eye, Picture};

/// Name of the model that the sandbox asks.
pub(crate) const MODEL: &str = "sandbox-vision";
/// Name of a model of today that always thinks, and has a temperature of its own.
const THINKING_MODEL: &str = "gpt-6-luna";
/// Name of a model whose boxes have the horizontal coordinate first.
const QWEN: &str = "qwen3-vl";
/// Number of characters that a token stands for, about.
const TOKEN: usize = 4;

#[derive(Deserialize)]
struct Completion {
    model: String,
    messages: Vec<Message>,
    response_format: Option<ResponseFormat>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    #[serde(default)]
    stream: bool,
    temperature: Option<f64>,
    reasoning_effort: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Content,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(#[allow(dead_code, reason = "told apart from parts")] String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text {
        #[allow(dead_code, reason = "has to be there")]
        text: String,
    },
    ImageUrl {
        image_url: ImageUrl,
    },
}

#[derive(Deserialize)]
struct ImageUrl {
    url: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: NamedSchema },
}

#[derive(Deserialize)]
struct NamedSchema {
    name: String,
    #[serde(default)]
    strict: bool,
    schema: Value,
}

/// A refusal of the request: message, parameter, code.
struct Invalid(String, Option<&'static str>, Option<&'static str>);

/// Responds to one request.
pub(crate) fn answer(eye: &Eye, request: &Request, quirk: Option<Quirk>) -> ProtocolResponse {
    let key = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    if key != Some(API_KEY) {
        return error(401);
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => ProtocolResponse::json(
            200,
            &json!({
                "object": "list",
                "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "sandbox"}],
            }),
        ),
        ("POST", "/v1/chat/completions") if quirk == Some(Quirk::QuotaUsedUp) => document(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            None,
            Some("insufficient_quota"),
        ),
        ("POST", "/v1/chat/completions") if quirk == Some(Quirk::Blind) => document(
            500,
            "image input is not supported - hint: if this is unexpected, you may need to provide the \
             mmproj",
            "server_error",
            None,
            None,
        ),
        ("POST", "/v1/chat/completions") => match complete(eye, &request.body, quirk) {
            Ok(body) => ProtocolResponse::json(200, &body),
            Err(Invalid(message, param, code)) => {
                let status = if code == Some("model_not_found") {
                    404
                } else {
                    400
                };
                document(status, &message, "invalid_request_error", param, code)
            }
        },
        (_, "/v1/models" | "/v1/chat/completions") => error(405),
        _ => error(404),
    }
}

/// The error document that stands behind a status.
pub(crate) fn error(status: u16) -> ProtocolResponse {
    let (message, kind, code) = match status {
        401 => (
            "Incorrect API key provided.",
            "invalid_request_error",
            Some("invalid_api_key"),
        ),
        404 => ("Invalid URL", "invalid_request_error", Some("unknown_url")),
        405 => (
            "Not allowed to use this method on this URL.",
            "invalid_request_error",
            Some("method_not_supported"),
        ),
        429 => (
            "Rate limit reached for requests.",
            "requests",
            Some("rate_limit_exceeded"),
        ),
        503 => ("The server is currently overloaded.", "server_error", None),
        _ => (
            "The server had an error while processing your request.",
            "server_error",
            None,
        ),
    };
    document(status, message, kind, None, code)
}

fn document(
    status: u16,
    message: &str,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> ProtocolResponse {
    let error = json!({"message": message, "type": kind, "param": param, "code": code});
    ProtocolResponse::json(status, &json!({"error": error}))
}

fn complete(eye: &Eye, body: &[u8], quirk: Option<Quirk>) -> Result<Value, Invalid> {
    let request: Completion = serde_json::from_slice(body).map_err(|error| {
        Invalid(
            format!("We could not parse the body of your request: {error}"),
            None,
            None,
        )
    })?;
    if request.model == THINKING_MODEL && request.temperature.is_some() {
        return Err(Invalid(
            "Unsupported parameter: 'temperature' is not supported with this model.".to_owned(),
            Some("temperature"),
            Some("unsupported_parameter"),
        ));
    }
    let efforts = ["none", "minimal", "low", "medium", "high"];
    if (request.reasoning_effort.as_deref()).is_some_and(|effort| !efforts.contains(&effort)) {
        return Err(Invalid(
            "Invalid value for 'reasoning_effort'.".to_owned(),
            Some("reasoning_effort"),
            Some("invalid_value"),
        ));
    }
    let quirk = match request.model == QWEN {
        true => quirk.or(Some(Quirk::HorizontalFirst)),
        false => quirk,
    };
    if ![MODEL, THINKING_MODEL, QWEN].contains(&request.model.as_str()) {
        let message = format!(
            "The model `{}` does not exist or you do not have access to it.",
            request.model
        );
        return Err(Invalid(message, None, Some("model_not_found")));
    }
    if request.stream {
        return Err(Invalid(
            "the stand-in does not stream".to_owned(),
            Some("stream"),
            None,
        ));
    }
    let known = ["system", "developer", "user", "assistant"];
    if request.messages.is_empty()
        || request
            .messages
            .iter()
            .any(|m| !known.contains(&m.role.as_str()))
    {
        return Err(Invalid(
            "Invalid 'messages'.".to_owned(),
            Some("messages"),
            None,
        ));
    }
    let fallback = schema::default_schema();
    let schema = match &request.response_format {
        None | Some(ResponseFormat::Text | ResponseFormat::JsonObject) => &fallback,
        Some(ResponseFormat::JsonSchema { json_schema }) => {
            let dialect = if json_schema.strict {
                Dialect::Strict
            } else {
                Dialect::Json
            };
            schema::check(&json_schema.schema, dialect).map_err(|error| {
                let message = format!(
                    "Invalid schema for response_format '{}': {error}",
                    json_schema.name
                );
                Invalid(
                    message,
                    Some("response_format"),
                    Some("invalid_json_schema"),
                )
            })?;
            &json_schema.schema
        }
    };
    let picture = picture(&request.messages)?;

    let mut text = schema::text(schema, &eye.look(&picture), &picture, quirk);
    let mut finish = match quirk {
        Some(Quirk::Truncate) => "length",
        Some(Quirk::Filtered) => "content_filter",
        _ => "stop",
    };
    let most = request.max_completion_tokens.or(request.max_tokens);
    if let Some(most) = most.map(|tokens| tokens.saturating_mul(TOKEN))
        && text.len() > most
    {
        text = schema::cut(&text, most);
        finish = "length";
    }
    let tokens = text.len().div_ceil(TOKEN);
    let message = match quirk {
        Some(Quirk::Refuse) => json!({
            "role": "assistant", "content": null, "refusal": "I'm sorry, I can't assist with that request.",
        }),
        Some(Quirk::Filtered) => json!({"role": "assistant", "content": "", "refusal": null}),
        Some(Quirk::Thought) => json!({"role": "assistant", "content": "", "reasoning": text}),
        Some(Quirk::OnlyThought) => json!({
            "role": "assistant", "content": "", "reasoning": "The first spine from the left reads",
        }),
        _ => json!({"role": "assistant", "content": text, "refusal": null}),
    };
    Ok(json!({
        "id": "chatcmpl-sandbox",
        "object": "chat.completion",
        "created": 0,
        "model": request.model,
        "system_fingerprint": "sandbox",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
        "usage": {"prompt_tokens": 258, "completion_tokens": tokens, "total_tokens": 258 + tokens},
    }))
}

/// The request's first picture; an error when any is not a picture.
fn picture(messages: &[Message]) -> Result<Picture, Invalid> {
    let mut first = None;
    let parts = messages
        .iter()
        .filter_map(|message| match &message.content {
            Content::Parts(parts) => Some(parts),
            Content::Text(_) => None,
        });
    for part in parts.flatten() {
        let Part::ImageUrl { image_url } = part else {
            continue;
        };
        let bad = |message: &str, code| Invalid(message.to_owned(), Some("messages"), Some(code));
        let data = image_url
            .url
            .strip_prefix("data:")
            .and_then(|url| url.split_once(";base64,"));
        let (mime_type, data) = data.ok_or_else(|| {
            bad(
                "the stand-in fetches nothing: send a data URL",
                "invalid_image_url",
            )
        })?;
        let bytes = BASE64_STANDARD
            .decode(data)
            .map_err(|_| bad("Invalid base64 image_url.", "invalid_base64"))?;
        let picture = Picture::decode(mime_type, &bytes).map_err(|_| {
            bad(
                "You uploaded an unsupported image. Please make sure your image is valid.",
                "invalid_image_format",
            )
        })?;
        first.get_or_insert(picture);
    }
    first.ok_or_else(|| {
        Invalid(
            "the stand-in reads book spines: send a picture".to_owned(),
            Some("messages"),
            None,
        )
    })
}
