//! Requests to servers that speak OpenAI's chat completions, and their answers.

use serde_json::{Value, json};

use super::{ModelOutput, QUESTION, Refusal, schema};

pub(super) fn body(model: &str, effort: Option<&str>, instruction: &str, image: &str) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [
            {"role": "system", "content": instruction},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {
                    "url": format!("data:image/jpeg;base64,{image}"), "detail": "high",
                }},
                {"type": "text", "text": QUESTION},
            ]},
        ],
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "books",
            "strict": true,
            // Strict schemas want every property required and nothing else allowed.
            "schema": schema(include_str!("openai.json")),
        }},
    });
    // OpenAI's reasoning models refuse any temperature but their own.
    if !is_openai_reasoning(model) {
        body["temperature"] = json!(0);
    }
    if let Some(effort) = effort {
        body["reasoning_effort"] = json!(effort);
    }
    body
}

/// Whether the name is of OpenAI's models that think: `o1`, `o3-mini`, `gpt-5` and everything
/// newer.
fn is_openai_reasoning(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let number = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        rest[..end.unwrap_or(rest.len())].parse::<f32>().ok()
    };
    match name.strip_prefix("gpt-") {
        Some(rest) => number(rest).is_some_and(|number| number >= 5.0),
        None => name.strip_prefix('o').is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit()) && number(rest).is_some()
        }),
    }
}

pub(super) fn output(json: &Value) -> ModelOutput {
    let choice = &json["choices"][0];
    let message = &choice["message"];
    let text_of = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    };
    let photo = |reason: &str| Some(Refusal::Photo(reason.to_owned()));
    let refusal = if choice.is_null() {
        photo("no choices")
    } else if message["refusal"].as_str().is_some_and(|r| !r.is_empty()) {
        photo("refusal")
    } else if choice["finish_reason"] == "content_filter" {
        photo("content_filter")
    } else {
        None
    };
    // Ollama and vLLM, and older versions of vLLM.
    let thoughts = [&message["reasoning"], &message["reasoning_content"]];
    ModelOutput {
        text: text_of(&message["content"]),
        thoughts: thoughts.map(text_of).concat(),
        refusal,
        is_cut: choice["finish_reason"] == "length",
    }
}
