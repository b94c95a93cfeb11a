//! The reasons why a model gives no books, read from the errors of its server.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::{Vision, shorten};

/// The reason why there are no detections. `Display` is the technical message; neither it nor the
/// user message contains a key or a part of the photo.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VisionFailure {
    /// The provider refuses requests for the moment: there were too many.
    #[error("the vision model takes no more requests for now (429)")]
    RateLimited {
        /// The pause that the body asks for; a `Retry-After` header may say more.
        retry_after: Option<Duration>,
    },
    /// The quota of a day, or all that was paid for, is used up.
    #[error("the quota of the vision model is used up: {message}")]
    QuotaUsedUp {
        /// The server's message, shortened.
        message: String,
        /// Whether the quota is renewed without anybody's doing anything.
        comes_back: bool,
    },
    /// The model's server failed.
    #[error("the vision model's server failed ({status}): {message}")]
    Server {
        /// The HTTP status.
        status: u16,
        /// The server's message, shortened.
        message: String,
    },
    /// The key is missing, wrong, or not allowed to use the model.
    #[error("the vision model refuses the API key ({status}): {message}")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// The server's message, shortened: it often says what to do.
        message: String,
    },
    /// The model does not exist, or no longer for this key.
    #[error(
        "the vision model {model} cannot be used, choose another one by the variable {variable} ({status}: {message})"
    )]
    NoSuchModel {
        /// The model asked for.
        model: String,
        /// The application's variable that names the model.
        variable: &'static str,
        /// The HTTP status.
        status: u16,
        /// The server's message, shortened.
        message: String,
    },
    /// The model's server does not accept the request: an unsupported option, a model that sees no
    /// pictures.
    #[error("the vision model does not accept the request ({status}): {message}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The server's message, shortened.
        message: String,
    },
    /// The model refuses to describe this photo.
    #[error("the vision model gave no answer for this photo ({reason})")]
    Refused {
        /// The provider's name of the reason, such as `SAFETY`.
        reason: String,
    },
    /// The answer was withheld for a reason that is not in the photo, as printed text that the
    /// model has learned by heart: another model may answer.
    #[error("the vision model withheld its answer ({reason}); another model may give one")]
    Withheld {
        /// The provider's name of the reason, such as `RECITATION`.
        reason: String,
    },
    /// The model came to its limit before the first book.
    #[error(
        "the vision model came to its limit of tokens before the first book: give its server a longer context"
    )]
    Cut,
    /// The model has thought, and answered nothing.
    #[error(
        "the vision model has thought but not answered: set the variable openai_reasoning_effort to none or low, or give its server a longer context"
    )]
    OnlyThought,
    /// The answer has no list of books.
    #[error("the vision model's answer cannot be used: {0}")]
    BadAnswer(&'static str),
}

impl VisionFailure {
    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Server { .. } | Self::BadAnswer(_) => true,
            Self::QuotaUsedUp { comes_back, .. } => *comes_back,
            _ => false,
        }
    }

    /// Whether the same request may succeed within seconds.
    pub fn passes_soon(&self) -> bool {
        self.is_retryable() && !matches!(self, Self::QuotaUsedUp { .. })
    }

    /// A sentence for the person who took the photo.
    pub fn user_message(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => {
                "Book recognition is very busy at the moment. Please try again in a minute."
            }
            Self::QuotaUsedUp {
                comes_back: true, ..
            } => "Book recognition has done all it may do today. Please try again tomorrow.",
            Self::Server { .. } => {
                "Book recognition is out of order for now. Please try again later."
            }
            Self::QuotaUsedUp { .. }
            | Self::Unauthorized { .. }
            | Self::NoSuchModel { .. }
            | Self::Rejected { .. }
            | Self::OnlyThought => {
                "Book recognition is not set up correctly. Please tell whoever runs this service."
            }
            Self::Refused { .. } => {
                "The recognition service would not look at this photo. Try one that shows only the books, without people or other things."
            }
            Self::Withheld { .. } => {
                "The recognition service would not say what is on this photo, which is not the photo's fault. Please tell whoever runs this service."
            }
            Self::Cut => {
                "There are more books on this photo than the recognition service can name. Please take several photos of fewer books."
            }
            Self::BadAnswer(_) => {
                "The recognition service gave an answer that makes no sense. Please try again."
            }
        }
    }
}

impl Vision {
    /// The failure that relays report with a successful status.
    pub(super) fn failure_in_success(&self, json: &Value, body: &[u8]) -> Option<VisionFailure> {
        let choice = &json["choices"][0];
        let (error, json) = match &json["error"] {
            Value::Null if choice["message"]["content"].is_null() => (&choice["error"], choice),
            error => (error, json),
        };
        let is_answered = json["choices"].is_array() || json["candidates"].is_array();
        if error.is_null() || is_answered {
            return None;
        }
        let code = error["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok());
        let status = code.filter(|code| (400..600).contains(code)).unwrap_or(502);
        Some(self.failure(status, json, body))
    }

    /// The failure that an answer with another status than success stands for.
    pub(super) fn failure(&self, status: u16, json: &Value, body: &[u8]) -> VisionFailure {
        // Gemini wraps its errors in a list when it streams, Ollama's are plain strings.
        let error = match json {
            Value::Array(list) => list.first().map_or(&Value::Null, |first| &first["error"]),
            _ => &json["error"],
        };
        // Servers at home explain themselves in plain text, proxies in HTML.
        let plain = String::from_utf8_lossy(&body[..body.len().min(1_000)]);
        let plain = plain.trim();
        let said = error["message"]
            .as_str()
            .or(error.as_str())
            .or_else(|| json["message"].as_str())
            .unwrap_or(match plain {
                text if !text.is_empty() && !text.starts_with(['<', '{', '[']) => text,
                _ => "no reason given",
            });
        let message = shorten(&self.without_key(said), 300);
        let details = error["details"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let said = said.to_ascii_lowercase();
        match status {
            // A model that this account may not use.
            403 if error["code"] == "model_not_found" || said.contains("access to model") => {
                self.no_such_model(status, message)
            }
            401 | 403 => VisionFailure::Unauthorized { status, message },
            400 if details.iter().any(|d| d["reason"] == "API_KEY_INVALID") => {
                VisionFailure::Unauthorized { status, message }
            }
            402 => VisionFailure::QuotaUsedUp {
                message,
                comes_back: false,
            },
            // The photo alone is more than the account may ask in a minute.
            429 if said.contains("request too large") => {
                VisionFailure::Rejected { status, message }
            }
            429 => rate_limited(error, details, message),
            // The model has been retired, never was, or is not for this key.
            404 | 410 => self.no_such_model(status, message),
            400 if error["code"] == "model_not_found"
                || said.contains("model") && is_about_absence(&said) =>
            {
                self.no_such_model(status, message)
            }
            // A server at home that lacks something lacks it the next time, too.
            500..=599 if lacks_sight(&said) => VisionFailure::Rejected { status, message },
            408 | 500..=599 => VisionFailure::Server { status, message },
            _ => VisionFailure::Rejected { status, message },
        }
    }

    fn no_such_model(&self, status: u16, message: String) -> VisionFailure {
        VisionFailure::NoSuchModel {
            model: shorten(self.model(), 80),
            variable: match self {
                Self::Gemini { .. } => "gemini_model",
                Self::OpenAi { .. } => "openai_model",
            },
            status,
            message,
        }
    }

    fn without_key(&self, text: &str) -> String {
        let key = match self {
            Self::Gemini { api_key, .. } => api_key.as_str(),
            Self::OpenAi { api_key, .. } => api_key.as_deref().unwrap_or_default(),
        };
        if key.is_empty() {
            return text.to_owned();
        }
        text.replace(key, "[key]")
    }
}

/// Whether an error of llama.cpp, Ollama or vLLM says that the model sees no pictures.
fn lacks_sight(said: &str) -> bool {
    ["image input", "mmproj", "multimodal", "vision"]
        .iter()
        .any(|word| said.contains(word))
}

fn is_about_absence(said: &str) -> bool {
    [
        "not found",
        "no longer",
        "does not exist",
        "deprecated",
        "retired",
        "decommissioned",
    ]
    .iter()
    .any(|word| said.contains(word))
}

/// The failure for a refusal because of too many requests, by the time after which it is worth
/// coming back.
fn rate_limited(error: &Value, details: &[Value], message: String) -> VisionFailure {
    let violations = || {
        details
            .iter()
            .filter_map(|detail| detail["violations"].as_array())
            .flatten()
    };
    let is_daily = violations().any(|violation| {
        violation["quotaId"]
            .as_str()
            .is_some_and(|id| id.contains("PerDay"))
    });
    let said = message.to_ascii_lowercase();
    // A value of zero is left out of Google's JSON.
    let is_none = violations().any(|violation| match &violation["quotaValue"] {
        Value::Null => said.contains("limit: 0"),
        value => value == "0",
    });
    let is_unpaid = ["insufficient_quota", "billing_hard_limit_reached"]
        .iter()
        .any(|code| error["code"] == *code || error["type"] == *code)
        || said.contains("credits are depleted")
        || said.contains("credit balance");
    if is_daily || is_none || is_unpaid {
        return VisionFailure::QuotaUsedUp {
            message,
            comes_back: is_daily && !is_none && !is_unpaid,
        };
    }
    VisionFailure::RateLimited {
        retry_after: details.iter().find_map(|detail| {
            let seconds = detail["retryDelay"]
                .as_str()?
                .strip_suffix('s')?
                .parse()
                .ok()?;
            Duration::try_from_secs_f64(seconds).ok()
        }),
    }
}
