//! Gemini's `generateContent` (<https://ai.google.dev/api/generate-content>).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::API_KEY;
use crate::behaviour::Quirk;
use crate::schema::{self, Dialect};
use crate::server::{ProtocolResponse, Request};
use crate::shelf::{Eye, Picture};

/// Names of the models that exist. The service's own list is longer.
const MODELS: [&str; 7] = [
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
    "gemini-4-flash",
    "gemini-flash-latest",
    "gemini-flash-lite-latest",
];
/// Names of models that today's keys cannot use any more.
const RETIRED: [&str; 3] = [
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
];
/// Names of models without the least level of thinking.
const WITHOUT_MINIMAL: [&str; 2] = ["gemini-3.7-flash", "gemini-3.8-flash"];
/// The version in the service's answers, which nobody takes for a model's.
const MODEL_VERSION: &str = "sandbox";
/// Number of characters that a token stands for, about.
const TOKEN: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Generate {
    contents: Vec<Content>,
    #[serde(alias = "system_instruction")]
    system_instruction: Option<Content>,
    #[serde(default, alias = "generation_config")]
    generation_config: GenerationConfig,
    #[serde(alias = "safety_settings")]
    #[allow(dead_code, reason = "accepted, as by the service")]
    safety_settings: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    role: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Part {
    text: Option<String>,
    #[serde(alias = "inline_data")]
    inline_data: Option<Blob>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Blob {
    #[serde(default, alias = "mime_type")]
    mime_type: String,
    #[serde(default)]
    data: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "accepted, as by the service")]
struct GenerationConfig {
    #[serde(alias = "response_mime_type")]
    response_mime_type: Option<String>,
    #[serde(alias = "response_schema")]
    response_schema: Option<Value>,
    response_json_schema: Option<Value>,
    #[serde(alias = "max_output_tokens")]
    max_output_tokens: Option<usize>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
    seed: Option<i64>,
    candidate_count: Option<u32>,
    stop_sequences: Option<Vec<String>>,
    media_resolution: Option<String>,
    #[serde(alias = "thinking_config")]
    thinking_config: Option<Thinking>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "accepted, as by the service")]
struct Thinking {
    #[serde(alias = "thinking_budget")]
    thinking_budget: Option<i32>,
    include_thoughts: Option<bool>,
    thinking_level: Option<String>,
}

/// Responds to one request.
pub(crate) fn answer(eye: &Eye, request: &Request, quirk: Option<Quirk>) -> ProtocolResponse {
    match request
        .header("x-goog-api-key")
        .or_else(|| request.parameter("key"))
    {
        Some(API_KEY) => {}
        Some(_) => return invalid_key(),
        None => return error(403),
    }
    let Some(model) = request.path.strip_prefix("/v1beta/models") else {
        return error(404);
    };
    if request.method == "GET" && model.is_empty() {
        let models: Vec<Value> = (MODELS.iter())
            .map(|name| {
                json!({"name": format!("models/{name}"), "version": MODEL_VERSION,
                "supportedGenerationMethods": ["generateContent"]})
            })
            .collect();
        return ProtocolResponse::json(200, &json!({"models": models}));
    }
    let model = model.trim_start_matches('/');
    let generate = model.strip_suffix(":generateContent");
    let Some(model) = generate.filter(|_| request.method == "POST") else {
        return error(404);
    };
    if RETIRED.contains(&model) {
        let message = format!(
            "This model models/{model} is no longer available to new users. Please update your code \
             to use a newer model for the latest features and improvements."
        );
        return status(404, "NOT_FOUND", &message, &[]);
    }
    if !MODELS.contains(&model) {
        let message = format!(
            "models/{model} is not found for API version v1beta, or is not supported for \
             generateContent. Call ListModels to see the list of available models and their \
             supported methods."
        );
        return status(404, "NOT_FOUND", &message, &[]);
    }
    if quirk == Some(Quirk::QuotaUsedUp) {
        let violations = json!([{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
            "quotaDimensions": {"location": "global", "model": model},
            "quotaValue": "20",
        }]);
        let quota = json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations});
        let retry =
            json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"});
        let message =
            "You exceeded your current quota, please check your plan and billing details.";
        return status(429, "RESOURCE_EXHAUSTED", message, &[quota, retry]);
    }
    generate_content(eye, model, request, quirk).unwrap_or_else(|message| invalid(&message))
}

/// The error document that stands behind a status.
pub(crate) fn error(code: u16) -> ProtocolResponse {
    let (name, message) = match code {
        403 => (
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). \
             Please use API Key or other form of API consumer identity to call this API.",
        ),
        404 => ("NOT_FOUND", "Requested entity was not found."),
        413 => (
            "INVALID_ARGUMENT",
            "Request payload size exceeds the limit: 20971520 bytes.",
        ),
        429 => (
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        503 => (
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
        ),
        504 => (
            "DEADLINE_EXCEEDED",
            "The request timed out. Please try again.",
        ),
        _ => (
            "INTERNAL",
            "An internal error has occurred. Please retry or report.",
        ),
    };
    let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"});
    let details = if code == 429 { vec![retry] } else { Vec::new() };
    status(code, name, message, &details)
}

fn status(code: u16, name: &str, message: &str, details: &[Value]) -> ProtocolResponse {
    let mut error = json!({"code": code, "message": message, "status": name});
    if !details.is_empty() {
        error["details"] = json!(details);
    }
    ProtocolResponse::json(code, &json!({"error": error}))
}

fn invalid(message: &str) -> ProtocolResponse {
    status(400, "INVALID_ARGUMENT", message, &[])
}

fn invalid_key() -> ProtocolResponse {
    let reason = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    });
    let message = "API key not valid. Please pass a valid API key.";
    status(400, "INVALID_ARGUMENT", message, &[reason])
}

/// Refuses parameters that a model of today does not accept.
fn check_parameters(model: &str, config: &GenerationConfig) -> Result<(), String> {
    if config.temperature.is_some() {
        return Err(format!("temperature is not supported by {model}."));
    }
    let Some(thinking) = &config.thinking_config else {
        return Ok(());
    };
    if thinking.thinking_budget == Some(0) {
        return Err("Budget 0 is invalid. This model only works in thinking mode.".to_owned());
    }
    match thinking.thinking_level.as_deref() {
        None | Some("low" | "medium" | "high") => Ok(()),
        Some("minimal") if !WITHOUT_MINIMAL.contains(&model) => Ok(()),
        Some(level) => Err(format!(
            "Thinking level {level} is not supported for this model."
        )),
    }
}

fn generate_content(
    eye: &Eye,
    model: &str,
    request: &Request,
    quirk: Option<Quirk>,
) -> Result<ProtocolResponse, String> {
    let request: Generate = serde_json::from_slice(&request.body)
        .map_err(|error| format!("Invalid JSON payload received. {error}"))?;
    if request.contents.is_empty() {
        return Err("* GenerateContentRequest.contents: contents is not specified".to_owned());
    }
    for content in request.contents.iter().chain(&request.system_instruction) {
        if content.parts.is_empty() {
            return Err("* GenerateContentRequest.contents.parts: must not be empty.".to_owned());
        }
        if !matches!(
            content.role.as_deref(),
            None | Some("user" | "model" | "system")
        ) {
            return Err("Please use a valid role: user, model.".to_owned());
        }
        if content
            .parts
            .iter()
            .any(|part| part.text.is_some() == part.inline_data.is_some())
        {
            return Err(
                "contents.parts.data: required oneof field 'data' must have one initialized field"
                    .to_owned(),
            );
        }
    }
    let config = &request.generation_config;
    check_parameters(model, config)?;
    let schema = match (&config.response_schema, &config.response_json_schema) {
        (Some(_), Some(_)) => {
            return Err(
                "Only one of response_schema and response_json_schema may be set.".to_owned(),
            );
        }
        (Some(schema), None) => Some((schema, Dialect::Gemini)),
        (None, Some(schema)) => Some((schema, Dialect::Json)),
        (None, None) => None,
    };
    if let Some((schema, dialect)) = schema {
        if config.response_mime_type.as_deref() != Some("application/json") {
            return Err(
                "response schema requires response_mime_type to be 'application/json'".to_owned(),
            );
        }
        schema::check(schema, dialect).map_err(|error| {
            format!("* GenerateContentRequest.generation_config.response_schema: {error}")
        })?;
    }
    let picture = picture(&request)?.ok_or("the stand-in reads book spines: send a picture")?;

    if quirk == Some(Quirk::Refuse) {
        return Ok(ProtocolResponse::json(
            200,
            &json!({
                "promptFeedback": {"blockReason": "SAFETY"},
                "usageMetadata": {"promptTokenCount": 258, "totalTokenCount": 258},
                "modelVersion": MODEL_VERSION,
            }),
        ));
    }
    let fallback = schema::default_schema();
    let schema = schema.map_or(&fallback, |(schema, _)| schema);
    let mut text = schema::text(schema, &eye.look(&picture), &picture, quirk);
    let mut finish = if quirk == Some(Quirk::Truncate) {
        "MAX_TOKENS"
    } else {
        "STOP"
    };
    if let Some(most) = config
        .max_output_tokens
        .map(|tokens| tokens.saturating_mul(TOKEN))
        && text.len() > most
    {
        text = schema::cut(&text, most);
        finish = "MAX_TOKENS";
    }
    let tokens = text.len().div_ceil(TOKEN);
    let candidate = match quirk {
        Some(Quirk::Filtered) => json!({"finishReason": "SAFETY", "index": 0, "safetyRatings": [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": true},
        ]}),
        Some(Quirk::Recite) => json!({"finishReason": "RECITATION", "index": 0}),
        _ => json!({
            "content": {"parts": [{"text": text}], "role": "model"},
            "finishReason": finish,
            "index": 0,
        }),
    };
    Ok(ProtocolResponse::json(
        200,
        &json!({
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": 258,
                "candidatesTokenCount": tokens,
                "totalTokenCount": 258 + tokens,
            },
            "modelVersion": MODEL_VERSION,
            "responseId": "sandbox",
        }),
    ))
}

/// The request's first picture; an error when any is not a picture.
fn picture(request: &Generate) -> Result<Option<Picture>, String> {
    let mut first = None;
    for part in request.contents.iter().flat_map(|content| &content.parts) {
        let Some(blob) = &part.inline_data else {
            continue;
        };
        if !blob.mime_type.starts_with("image/") {
            return Err(format!("Unsupported MIME type: {}", blob.mime_type));
        }
        let bytes = BASE64_STANDARD.decode(&blob.data).map_err(|_| {
            "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed"
        })?;
        let picture = Picture::decode(&blob.mime_type, &bytes)
            .map_err(|_| "Unable to process input image. Please retry or report.")?;
        first.get_or_insert(picture);
    }
    Ok(first)
}
