//! Requests to Gemini, with the parameters that a model's generation accepts, and its answers.

use serde_json::{Value, json};

use super::{ModelOutput, QUESTION, Refusal, schema};

/// Largest number of tokens of an answer: enough for [`crate::MAX_BOOKS`] books.
const MAX_OUTPUT_TOKENS: u32 = 16_384;

/// The parameters that a generation of Gemini accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Generation {
    /// Models up to 2.0, which do not think.
    Early,
    /// Models 2.5, which think as many tokens as they are told.
    Second,
    /// Newer models, which think at a level, and have a temperature of their own.
    Current,
    /// Models without a number in their names, or whose requests the service sends to newer ones:
    /// they are told nothing that they could refuse.
    Unknown,
}

impl Generation {
    fn of(model: &str) -> Self {
        if model.ends_with("-latest") {
            return Self::Current;
        }
        // Retired on 1 December 2026; gemini-3.5-flash-lite, which answers for the one, refuses a
        // budget of 0.
        if matches!(model, "gemini-2.5-flash" | "gemini-2.5-pro") {
            return Self::Unknown;
        }
        let number = model.strip_prefix("gemini-").and_then(|name| {
            let end = name.find(|c: char| !c.is_ascii_digit() && c != '.');
            name[..end.unwrap_or(name.len())].parse::<f32>().ok()
        });
        match number {
            Some(number) if number < 2.5 => Self::Early,
            Some(number) if number < 3.0 => Self::Second,
            Some(_) => Self::Current,
            None => Self::Unknown,
        }
    }
}

pub(super) fn body(model: &str, instruction: &str, image: &str) -> Value {
    let mut generation = json!({
        "maxOutputTokens": MAX_OUTPUT_TOKENS,
        "responseMimeType": "application/json",
        "responseSchema": schema(include_str!("gemini.json")),
    });
    // Thinking takes longer than some platforms let a request live, and reading needs little.
    match Generation::of(model) {
        Generation::Early => generation["temperature"] = json!(0),
        Generation::Second => {
            generation["temperature"] = json!(0);
            // The larger model cannot be told not to think at all.
            let budget = if model.contains("pro") { 128 } else { 0 };
            generation["thinkingConfig"] = json!({"thinkingBudget": budget});
        }
        Generation::Current => generation["thinkingConfig"] = json!({"thinkingLevel": "low"}),
        Generation::Unknown => {}
    }
    json!({
        "systemInstruction": {"parts": [{"text": instruction}]},
        "contents": [{"role": "user", "parts": [
            {"inlineData": {"mimeType": "image/jpeg", "data": image}},
            {"text": QUESTION},
        ]}],
        "generationConfig": generation,
    })
}

pub(super) fn output(json: &Value) -> ModelOutput {
    let candidate = &json["candidates"][0];
    let parts = || {
        candidate["content"]["parts"]
            .as_array()
            .into_iter()
            .flatten()
    };
    let text_of = |is_thought: bool| -> String {
        parts()
            .filter(|part| (part["thought"] == true) == is_thought)
            .filter_map(|part| part["text"].as_str())
            .collect()
    };
    let blocked = json["promptFeedback"]["blockReason"].as_str();
    let photo = |reason: &str| Some(Refusal::Photo(reason.to_owned()));
    let refusal = match (blocked, candidate["finishReason"].as_str()) {
        (Some("OTHER" | "BLOCK_REASON_UNSPECIFIED"), _) => {
            blocked.map(|reason| Refusal::Answer(reason.to_owned()))
        }
        (Some(reason), _) => photo(reason),
        (None, Some("STOP" | "MAX_TOKENS" | "FINISH_REASON_UNSPECIFIED")) => None,
        (None, None) if candidate.is_null() => photo("no candidates"),
        (None, None) => None,
        (None, Some(reason))
            if reason.contains("SAFETY")
                || reason.contains("PROHIBITED")
                || reason == "BLOCKLIST"
                || reason == "SPII" =>
        {
            photo(reason)
        }
        // RECITATION, OTHER, LANGUAGE, MALFORMED_RESPONSE, and what will be invented.
        (None, Some(reason)) => Some(Refusal::Answer(reason.to_owned())),
    };
    ModelOutput {
        text: text_of(false),
        // A thought is not an answer of this service.
        thoughts: String::new(),
        refusal,
        is_cut: candidate["finishReason"] == "MAX_TOKENS",
    }
}
