//! Tests of the requests to vision models, and of the reading of all they can answer.

use std::time::Duration;

use serde_json::{Value, json};
use vision::{PhotoReading, Prepared, Quality, Vision, VisionFailure};

const KEY: &str = "very-secret-key";

fn gemini() -> Vision {
    Vision::Gemini {
        base_url: "https://generativelanguage.googleapis.com/".into(),
        api_key: KEY.into(),
        model: "gemini-3.5-flash-lite".into(),
    }
}

fn openai() -> Vision {
    Vision::OpenAi {
        base_url: "http://127.0.0.1:11434/v1".into(),
        api_key: Some(KEY.into()),
        model: "llava".into(),
        reasoning_effort: None,
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

fn reading(vision: &Vision, status: u16, body: &Value) -> Result<PhotoReading, VisionFailure> {
    vision.read(status, body.to_string().as_bytes(), (2048, 1536))
}

fn read(
    vision: &Vision,
    status: u16,
    body: &Value,
) -> Result<Vec<vision::Detection>, VisionFailure> {
    reading(vision, status, body).map(|reading| reading.books)
}

#[test]
fn gemini_is_asked_with_its_key_in_a_header_and_a_schema() {
    let post = gemini().request(&prepared());
    assert_eq!(
        post.url,
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash-lite:generateContent"
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
    assert_eq!(generation.get("temperature"), None);
    assert_eq!(generation["thinkingConfig"]["thinkingLevel"], "low");
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
fn each_generation_of_gemini_is_told_what_it_accepts() {
    let config = |model: &str| {
        let vision = Vision::Gemini {
            base_url: "http://x".into(),
            api_key: KEY.into(),
            model: model.into(),
        };
        let body: Value = serde_json::from_slice(&vision.request(&prepared()).body).unwrap();
        let generation = body["generationConfig"].clone();
        (
            generation["temperature"].clone(),
            generation["thinkingConfig"].clone(),
        )
    };
    let low = json!({"thinkingLevel": "low"});
    for (model, temperature, thinking) in [
        ("gemini-2.0-flash", json!(0), json!(null)),
        ("gemini-1.5-pro-002", json!(0), json!(null)),
        // Answered by gemini-3.5-flash-lite and gemini-3.8-flash from 1 December 2026 on.
        ("gemini-2.5-flash", json!(null), json!(null)),
        ("gemini-2.5-pro", json!(null), json!(null)),
        (
            "gemini-2.5-flash-lite-preview-09-2025",
            json!(0),
            json!({"thinkingBudget": 0}),
        ),
        (
            "gemini-2.5-pro-preview-06-05",
            json!(0),
            json!({"thinkingBudget": 128}),
        ),
        ("gemini-3-flash-preview", json!(null), low.clone()),
        ("gemini-3.5-flash-lite", json!(null), low.clone()),
        ("models/gemini-3.8-flash", json!(null), low.clone()),
        ("gemini-4-flash", json!(null), low.clone()),
        ("gemini-flash-latest", json!(null), low.clone()),
        ("gemini-flash-lite-latest", json!(null), low),
        ("something-else", json!(null), json!(null)),
    ] {
        assert_eq!(config(model), (temperature, thinking), "{model}");
    }
}

fn openai_with(model: &str, effort: Option<&str>) -> Vision {
    Vision::OpenAi {
        base_url: "http://x/v1".into(),
        api_key: None,
        model: model.into(),
        reasoning_effort: effort.map(Into::into),
    }
}

#[test]
fn models_of_openai_that_think_are_not_given_a_temperature() {
    let body = |model: &str, effort| -> Value {
        let post = openai_with(model, effort).request(&prepared());
        serde_json::from_slice(&post.body).unwrap()
    };
    for model in [
        "gpt-5-mini",
        "gpt-5.2",
        "gpt-6-luna",
        "openai/gpt-6",
        "o1",
        "o3-mini",
        "o4-mini",
        "gpt-10",
    ] {
        assert_eq!(body(model, None).get("temperature"), None, "{model}");
    }
    for model in [
        "gpt-4o-mini",
        "gpt-4.1",
        "qwen3-vl",
        "olmocr",
        "gpt-oss:20b",
        "opus",
    ] {
        assert_eq!(body(model, None)["temperature"], 0, "{model}");
    }
    assert_eq!(body("gpt-6-luna", None).get("reasoning_effort"), None);
    assert_eq!(body("gpt-6-luna", Some("low"))["reasoning_effort"], "low");
    assert_eq!(body("gemma4", Some("none"))["reasoning_effort"], "none");
}

#[test]
fn boxes_have_the_order_of_the_model_family() {
    let spine = json!({"books": [{"title": "Babel", "box": [500, 100, 600, 900]}]}).to_string();
    let body = json!({"choices": [{"message": {"content": spine}, "finish_reason": "stop"}]});
    for (model, told, x1) in [
        ("qwen2.5vl:7b", "[xmin, ymin, xmax, ymax]", 0.5),
        ("Qwen/Qwen3-VL-8B-Instruct", "[xmin, ymin, xmax, ymax]", 0.5),
        ("llava", "[ymin, xmin, ymax, xmax]", 0.1),
    ] {
        let vision = openai_with(model, None);
        let post = vision.request(&prepared());
        assert!(
            String::from_utf8_lossy(&post.body).contains(told),
            "{model}"
        );
        let books = read(&vision, 200, &body).unwrap();
        assert_eq!(books[0].bounding_box.x1, x1, "{model}");
    }
}

#[test]
fn what_a_model_thinks_is_read_when_it_says_nothing() {
    let list = r#"{"books":[{"title":"Babel"}]}"#;
    for name in ["reasoning", "reasoning_content"] {
        let answer = |thoughts: &str| json!({"choices": [{"message": {"content": "", name: thoughts}, "finish_reason": "stop"}]});
        let seen = read(&openai(), 200, &answer(list)).unwrap();
        assert_eq!(seen[0].title, "Babel");
        let failure = read(&openai(), 200, &answer("Let me look at the spines.")).unwrap_err();
        assert_eq!(failure, VisionFailure::OnlyThought);
        assert!(failure.to_string().contains("openai_reasoning_effort"));
        assert!(!failure.is_retryable());
    }
}

#[test]
fn an_answer_that_a_limit_has_cut_says_so() {
    let cut = r#"{"books":[{"title":"Babel"},{"title":"Rod"#;
    let bodies = |text: &str| {
        [
            (
                gemini(),
                json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "MAX_TOKENS"}]}),
            ),
            (
                openai(),
                json!({"choices": [{"message": {"content": text}, "finish_reason": "length"}]}),
            ),
        ]
    };
    for (vision, body) in bodies(cut) {
        let reading = reading(&vision, 200, &body).unwrap();
        assert_eq!((reading.books.len(), reading.is_cut), (1, true));
    }
    for (vision, body) in bodies(r#"{"bo"#) {
        assert_eq!(reading(&vision, 200, &body), Err(VisionFailure::Cut));
    }
    for (vision, body) in answers(r#"{"books":[]}"#) {
        assert!(!reading(&vision, 200, &body).unwrap().is_cut);
    }
}

#[test]
fn a_model_that_is_gone_is_told_from_a_server_that_fails() {
    let gone = "This model models/gemini-2.5-flash is no longer available to new users. Please update \
        your code to use a newer model for the latest features and improvements.";
    let failure = read(
        &gemini(),
        404,
        &json!({"error": {"code": 404, "message": gone, "status": "NOT_FOUND"}}),
    )
    .unwrap_err();
    let said = failure.to_string();
    for word in [
        "gemini-3.5-flash-lite",
        "gemini_model",
        "no longer available",
    ] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!failure.is_retryable());
    assert!(failure.user_message().contains("whoever runs"));
    for (status, body) in [
        (
            404,
            json!({"error": {"message": "The model `gpt-4o` has been deprecated", "code": "model_not_found"}}),
        ),
        (
            404,
            json!({"error": "model 'qwen9' not found, try pulling it first"}),
        ),
        (
            400,
            json!({"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}),
        ),
    ] {
        let failure = read(&openai(), status, &body).unwrap_err();
        assert!(failure.to_string().contains("openai_model"), "{failure}");
    }
}

#[test]
fn a_used_up_quota_is_told_from_a_busy_minute() {
    let quota = |id: &str, value: &str| {
        json!({"error": {"code": 429, "message": "You exceeded your current quota", "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
                {"quotaId": id, "quotaValue": value}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]}})
    };
    let daily = read(
        &gemini(),
        429,
        &quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20"),
    )
    .unwrap_err();
    assert!(daily.is_retryable() && !daily.passes_soon());
    assert!(daily.user_message().contains("tomorrow"));
    let none = read(
        &gemini(),
        429,
        &quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "0"),
    )
    .unwrap_err();
    assert!(!none.is_retryable());
    let minute = read(
        &gemini(),
        429,
        &quota("GenerateRequestsPerMinutePerProjectPerModel", "10"),
    )
    .unwrap_err();
    assert_eq!(
        minute,
        VisionFailure::RateLimited {
            retry_after: Some(Duration::from_secs(7))
        }
    );
    let unpaid = json!({"error": {"message": "You exceeded your current quota, please check your plan and \
        billing details.", "type": "insufficient_quota", "code": "insufficient_quota"}});
    let unpaid = read(&openai(), 429, &unpaid).unwrap_err();
    assert!(!unpaid.is_retryable() && !unpaid.passes_soon());
    assert!(unpaid.to_string().contains("billing"));
}

#[test]
fn quotas_that_do_not_come_back_are_told_from_those_that_do() {
    let none = json!({"error": {"code": 429, "message": "You exceeded your current quota. * Quota exceeded for \
        metric: generate_content_free_tier_requests, limit: 0", "details": [{"violations": [
        {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}});
    let depleted =
        json!({"error": {"code": 429, "message": "Your prepayment credits are depleted."}});
    for (vision, status, body) in [
        (gemini(), 429, &none),
        (gemini(), 429, &depleted),
        (
            openai(),
            402,
            &json!({"error": {"message": "Insufficient credits", "code": 402}}),
        ),
    ] {
        let failure = read(&vision, status, body).unwrap_err();
        assert!(
            matches!(
                failure,
                VisionFailure::QuotaUsedUp {
                    comes_back: false,
                    ..
                }
            ),
            "{failure:?}"
        );
        assert!(!failure.is_retryable());
    }
    // A day's quota of which the value is not told comes back.
    let daily = json!({"error": {"message": "Quota exceeded, limit: 20", "details": [{"violations": [
        {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}});
    assert!(read(&gemini(), 429, &daily).unwrap_err().is_retryable());
    let large = json!({"error": {"message": "Request too large for gpt-6-luna on tokens per min (TPM): Limit 30000, \
        Requested 41000.", "type": "tokens", "code": "rate_limit_exceeded"}});
    let failure = read(&openai(), 429, &large).unwrap_err();
    assert!(matches!(failure, VisionFailure::Rejected { .. }));
    assert!(failure.to_string().contains("Limit 30000"), "{failure}");
}

#[test]
fn what_a_server_says_against_a_key_reaches_the_operator() {
    let disabled = json!({"error": {"code": 403, "message": "Generative Language API has not been used in project 5 \
        before or it is disabled. Enable it by visiting the console.", "details": [{"reason": "SERVICE_DISABLED"}]}});
    let leaked = json!({"error": {"code": 403, "message": "Your API key was reported as leaked."}});
    for (body, advice) in [(&disabled, "Enable it"), (&leaked, "leaked")] {
        let failure = read(&gemini(), 403, body).unwrap_err();
        assert!(matches!(failure, VisionFailure::Unauthorized { .. }));
        assert!(failure.to_string().contains(advice), "{failure}");
    }
    let model = json!({"error": {"message": "Project `p` does not have access to model `gpt-6`", "code": "model_not_found"}});
    let failure = read(&openai(), 403, &model).unwrap_err();
    assert!(matches!(failure, VisionFailure::NoSuchModel { .. }));
}

/// Relays answer 200 and tell of the error in the body.
#[test]
fn an_error_in_a_successful_answer_is_an_error_and_not_the_photos_fault() {
    let limited = json!({"error": {"message": "rate limited", "code": 429}});
    let failure = read(&openai(), 200, &limited).unwrap_err();
    assert!(
        matches!(failure, VisionFailure::RateLimited { .. }),
        "{failure:?}"
    );
    for body in [
        json!({"error": {"message": "upstream failed", "code": 502}}),
        json!({"error": {"message": "upstream failed"}}),
        json!({"choices": [{"error": {"message": "upstream failed", "code": 502}, "message": {"content": null}}]}),
    ] {
        let failure = read(&openai(), 200, &body).unwrap_err();
        assert!(
            matches!(failure, VisionFailure::Server { .. }),
            "{failure:?}"
        );
    }
    for vision in [gemini(), openai()] {
        let failure = read(&vision, 200, &json!({"usageMetadata": {}})).unwrap_err();
        assert!(failure.is_retryable(), "{failure:?}");
    }
}

#[test]
fn what_a_server_at_home_advises_reaches_its_operator() {
    let mmproj = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj";
    let failure = read(
        &openai(),
        500,
        &json!({"error": {"code": 500, "message": mmproj, "type": "server_error"}}),
    )
    .unwrap_err();
    assert!(failure.to_string().contains("mmproj"));
    assert!(!failure.passes_soon());
    let context = json!({"error": {"code": 400, "type": "exceed_context_size_error",
        "message": "the request exceeds the available context size, try increasing it"}});
    let failure = read(&openai(), 400, &context).unwrap_err();
    assert!(failure.to_string().contains("try increasing it"));
    let plain = openai().read(
        500,
        b"this model is missing data required for image input",
        (1, 1),
    );
    assert!(plain.unwrap_err().to_string().contains("missing data"));
}

#[test]
fn an_answer_that_is_withheld_is_not_the_photos_fault() {
    for reason in ["RECITATION", "OTHER", "MALFORMED_RESPONSE", "LANGUAGE"] {
        let failure = read(
            &gemini(),
            200,
            &json!({"candidates": [{"finishReason": reason}]}),
        )
        .unwrap_err();
        assert_eq!(
            failure,
            VisionFailure::Withheld {
                reason: reason.into()
            }
        );
        assert!(failure.user_message().contains("not the photo's fault"));
    }
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
    assert_eq!(body["model"], "llava");
    // Models do not agree on its name, and a limit cuts lists.
    for limit in ["max_tokens", "max_completion_tokens"] {
        assert_eq!(body.get(limit), None, "{limit}");
    }
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
        reasoning_effort: None,
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
        assert!(matches!(
            failure(503, &echo),
            VisionFailure::Server { status: 503, .. }
        ));
        for (status, body) in [(401, &echo), (400, &key_invalid)] {
            let failure = failure(status, body);
            assert!(matches!(failure, VisionFailure::Unauthorized { .. }));
        }
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

/// Google's answer to servers where it does not offer the service, as some clouds' are.
#[test]
fn a_place_that_is_not_served_is_told_to_the_operator() {
    let body = json!({"error": {"code": 400, "status": "FAILED_PRECONDITION",
        "message": "User location is not supported for the API use."}});
    let failure = read(&gemini(), 400, &body).unwrap_err();
    assert!(matches!(failure, VisionFailure::Rejected { .. }));
    assert!(failure.to_string().contains("location is not supported"));
    assert!(failure.user_message().contains("not set up correctly"));
    assert!(!failure.is_retryable());
}

#[test]
fn keys_are_not_printed() {
    for vision in [gemini(), openai()] {
        assert!(!format!("{vision:?} {:?}", vision.request(&prepared())).contains(KEY));
    }
}
