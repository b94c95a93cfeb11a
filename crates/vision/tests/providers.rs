//! What is sent to vision models, and what is made of all they can answer.

use std::time::Duration;

use serde_json::{Value, json};
use vision::{Prepared, Quality, Vision, VisionFailure};

const KEY: &str = "very-secret-key";

fn gemini() -> Vision {
    Vision::Gemini {
        base_url: "https://generativelanguage.googleapis.com/".into(),
        api_key: KEY.into(),
        model: "gemini-2.5-flash".into(),
    }
}

fn openai() -> Vision {
    Vision::OpenAi {
        base_url: "http://127.0.0.1:11434/v1".into(),
        api_key: Some(KEY.into()),
        model: "qwen2.5vl".into(),
    }
}

fn prepared() -> Prepared {
    Prepared {
        jpeg: vec![0xff, 0xd8, 0xff, 0xd9],
        width: 2048,
        height: 1536,
        quality: Quality {
            blur: 0.2,
            brightness: 120.0,
            contrast: 180.0,
            clipped: 0.0,
            glare_spots: 0,
            longest_side: 2048,
        },
        barcodes: vec![],
    }
}

fn header<'a>(post: &'a vision::HttpPost, name: &str) -> Option<&'a str> {
    post.headers
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}

/// An answer of each provider that contains this text.
fn answers(text: &str) -> [(Vision, Value); 2] {
    [
        (
            gemini(),
            json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}),
        ),
        (
            openai(),
            json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}),
        ),
    ]
}

fn read(
    vision: &Vision,
    status: u16,
    body: &Value,
) -> Result<Vec<vision::Detection>, VisionFailure> {
    vision.read(status, body.to_string().as_bytes(), (2048, 1536))
}

#[test]
fn gemini_is_asked_with_its_key_in_a_header_and_a_schema() {
    let post = gemini().request(&prepared());
    assert_eq!(
        post.url,
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    );
    assert_eq!(header(&post, "x-goog-api-key"), Some(KEY));
    let body: Value = serde_json::from_slice(&post.body).unwrap();
    let image = &body["contents"][0]["parts"][0]["inlineData"];
    assert_eq!(
        image,
        &json!({"mimeType": "image/jpeg", "data": "/9j/2Q=="})
    );
    let generation = &body["generationConfig"];
    assert_eq!(generation["responseMimeType"], "application/json");
    assert_eq!(generation["temperature"], 0);
    assert_eq!(generation["thinkingConfig"]["thinkingBudget"], 0);
    let book = &generation["responseSchema"]["properties"]["books"]["items"];
    for field in ["title", "author", "isbn", "confidence", "box"] {
        assert!(book["properties"][field]["type"].is_string(), "{field}");
    }
    assert!(
        body["systemInstruction"]["parts"][0]["text"]
            .as_str()
            .unwrap()
            .contains("spine")
    );
}

#[test]
fn a_model_that_cannot_be_told_not_to_think_is_not_told() {
    let config = |model: &str| {
        let vision = Vision::Gemini {
            base_url: "http://x".into(),
            api_key: KEY.into(),
            model: model.into(),
        };
        let body: Value = serde_json::from_slice(&vision.request(&prepared()).body).unwrap();
        body["generationConfig"]["thinkingConfig"].clone()
    };
    assert_eq!(config("gemini-2.0-flash"), Value::Null);
    assert_eq!(
        config("gemini-3-flash-preview"),
        json!({"thinkingLevel": "low"})
    );
}

#[test]
fn openai_servers_are_asked_with_a_data_url_and_a_strict_schema() {
    let post = openai().request(&prepared());
    assert_eq!(post.url, "http://127.0.0.1:11434/v1/chat/completions");
    assert_eq!(
        header(&post, "authorization"),
        Some("Bearer very-secret-key")
    );
    let body: Value = serde_json::from_slice(&post.body).unwrap();
    assert_eq!(body["model"], "qwen2.5vl");
    let parts = body["messages"][1]["content"].as_array().unwrap();
    assert_eq!(
        parts[0]["image_url"]["url"],
        "data:image/jpeg;base64,/9j/2Q=="
    );
    let format = &body["response_format"]["json_schema"];
    assert_eq!(format["strict"], true);
    // Strict mode: every property is required, and none may be added, at every level.
    let book = &format["schema"]["properties"]["books"]["items"];
    let properties = book["properties"].as_object().unwrap();
    assert_eq!(properties.len(), book["required"].as_array().unwrap().len());
    assert_eq!(book["additionalProperties"], false);

    let keyless = Vision::OpenAi {
        base_url: "http://127.0.0.1:11434/v1/".into(),
        api_key: None,
        model: "gpt-5-mini".into(),
    };
    let post = keyless.request(&prepared());
    assert_eq!(header(&post, "authorization"), None);
    assert_eq!(post.url, "http://127.0.0.1:11434/v1/chat/completions");
    let body: Value = serde_json::from_slice(&post.body).unwrap();
    assert_eq!(body.get("temperature"), None);
}

#[test]
fn both_providers_answers_are_read_alike() {
    let text = r#"{"books":[{"title":"Babel","author":"R. F. Kuang","isbn":"","confidence":0.9,"box":[0,100,1000,200]}]}"#;
    for (vision, body) in answers(text) {
        let books = read(&vision, 200, &body).unwrap();
        assert_eq!(books.len(), 1);
        assert_eq!(
            (books[0].title.as_str(), books[0].author.as_str()),
            ("Babel", "R. F. Kuang")
        );
        let place = books[0].bounding_box;
        assert_eq!(
            (place.x1, place.y1, place.x2, place.y2),
            (0.1, 0.0, 0.2, 1.0)
        );
    }
    for (vision, body) in answers(r#"{"books":[]}"#) {
        assert_eq!(read(&vision, 200, &body), Ok(vec![]));
    }
    for (vision, body) in answers("I am sorry, Dave.") {
        assert!(matches!(
            read(&vision, 200, &body),
            Err(VisionFailure::BadAnswer(_))
        ));
    }
}

#[test]
fn thoughts_are_not_the_answer_and_parts_are_one_text() {
    let body = json!({"candidates": [{"finishReason": "MAX_TOKENS", "content": {"parts": [
        {"text": "{\"title\": \"A thought\"}", "thought": true},
        {"text": "{\"books\":[{\"title\":\"Ba"}, {"text": "bel\"},{\"title\":\"Rod"},
    ]}}]});
    let books = read(&gemini(), 200, &body).unwrap();
    assert_eq!(
        books.iter().map(|b| b.title.as_str()).collect::<Vec<_>>(),
        ["Babel"]
    );
}

#[test]
fn refusals_say_why_and_what_to_do() {
    for (vision, body, word) in [
        (
            gemini(),
            json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
            "PROHIBITED_CONTENT",
        ),
        (gemini(), json!({"candidates": []}), "no candidates"),
        (
            gemini(),
            json!({"candidates": [{"finishReason": "SAFETY"}]}),
            "SAFETY",
        ),
        (openai(), json!({"choices": []}), "no choices"),
        (
            openai(),
            json!({"choices": [{"message": {"content": null, "refusal": "I can't"}}]}),
            "refusal",
        ),
        (
            openai(),
            json!({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}),
            "content_filter",
        ),
    ] {
        let failure = read(&vision, 200, &body).unwrap_err();
        assert_eq!(
            failure,
            VisionFailure::Refused {
                reason: word.into()
            }
        );
        assert!(!failure.is_retryable());
        assert!(failure.user_message().contains("photo"));
    }
    // What was said before the filter stepped in counts.
    let late = json!({"candidates": [{"finishReason": "RECITATION", "content": {"parts": [
        {"text": "{\"books\":[{\"title\":\"Babel\"},{\"ti"}]}}]});
    assert_eq!(read(&gemini(), 200, &late).unwrap().len(), 1);
}

#[test]
fn failures_are_told_apart_by_what_can_be_done() {
    let echo = json!({"error": {"message": format!("bad key {KEY}\nfor model")}});
    let retry = json!({"error": {"details": [{"@type": "RetryInfo", "retryDelay": "34.5s"}]}});
    let key_invalid = json!({"error": {"details": [{"reason": "API_KEY_INVALID"}]}});
    for vision in [gemini(), openai()] {
        let failure = |status, body| read(&vision, status, body).unwrap_err();
        assert_eq!(
            failure(429, &retry),
            VisionFailure::RateLimited {
                retry_after: Some(Duration::from_millis(34_500))
            }
        );
        assert_eq!(
            failure(429, &json!(null)),
            VisionFailure::RateLimited { retry_after: None }
        );
        assert_eq!(failure(503, &echo), VisionFailure::Server { status: 503 });
        assert_eq!(
            failure(401, &echo),
            VisionFailure::Unauthorized { status: 401 }
        );
        assert_eq!(
            failure(400, &key_invalid),
            VisionFailure::Unauthorized { status: 400 }
        );
        for status in [400, 401, 404, 429, 500] {
            let failure = failure(status, &echo);
            let said = format!("{failure} {failure:?} {}", failure.user_message());
            assert!(!said.contains(KEY), "{said}");
            assert_eq!(failure.is_retryable(), matches!(status, 429 | 500));
        }
        assert!(
            failure(404, &json!({"error": "model not found"}))
                .to_string()
                .contains("not found")
        );
        assert!(matches!(
            vision.read(200, b"<html>", (1, 1)),
            Err(VisionFailure::BadAnswer(_))
        ));
    }
}

#[test]
fn keys_are_not_printed() {
    for vision in [gemini(), openai()] {
        assert!(!format!("{vision:?} {:?}", vision.request(&prepared())).contains(KEY));
    }
}
