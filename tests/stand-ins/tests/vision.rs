//! Tests of Gemini's and OpenAI's protocols from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{Reply, get, post, send};
use serde_json::{Value, json};
use stand_ins::{API_KEY, Fault, Quirk, Sandbox, Settings};

/// The sample shelf, as small as a careless client might send it.
const SAMPLE: &[u8] = include_bytes!("shelf-400x300.jpg");
const GEMINI: &str = "/v1beta/models/gemini-3.5-flash-lite:generateContent";
const OPENAI: &str = "/v1/chat/completions";

async fn sandbox() -> Sandbox {
    Sandbox::start(Settings::default()).await.unwrap()
}

fn book_schema(kind: fn(&str) -> String) -> Value {
    json!({"type": kind("object"), "required": ["books"], "properties": {"books": {
        "type": kind("array"),
        "items": {
            "type": kind("object"),
            "required": ["title", "author", "confidence", "box"],
            "properties": {
                "title": {"type": kind("string")},
                "author": {"type": kind("string")},
                "confidence": {"type": kind("number")},
                "box": {"type": kind("array"), "items": {"type": kind("integer")}},
            },
        },
    }}})
}

fn gemini_request() -> Value {
    json!({
        "systemInstruction": {"parts": [{"text": "Read the spines."}]},
        "contents": [{"role": "user", "parts": [
            {"inlineData": {"mimeType": "image/jpeg", "data": BASE64_STANDARD.encode(SAMPLE)}},
            {"text": "Which books are these?"},
        ]}],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseSchema": book_schema(str::to_uppercase),
            "maxOutputTokens": 8192,
            "thinkingConfig": {"thinkingLevel": "low"},
        },
    })
}

fn openai_request() -> Value {
    let mut schema = book_schema(str::to_owned);
    schema["additionalProperties"] = json!(false);
    schema["properties"]["books"]["items"]["additionalProperties"] = json!(false);
    let url = format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(SAMPLE));
    json!({
        "model": "sandbox-vision",
        "messages": [
            {"role": "system", "content": "Read the spines."},
            {"role": "user", "content": [
                {"type": "text", "text": "Which books are these?"},
                {"type": "image_url", "image_url": {"url": url}},
            ]},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "books", "strict": true, "schema": schema},
        },
    })
}

async fn ask_gemini(sandbox: &Sandbox, request: &Value) -> Reply {
    post(
        sandbox.gemini(),
        GEMINI,
        &[("x-goog-api-key", API_KEY)],
        request,
    )
    .await
}

async fn ask_openai(sandbox: &Sandbox, request: &Value) -> Reply {
    let bearer = format!("Bearer {API_KEY}");
    post(
        sandbox.openai(),
        OPENAI,
        &[("authorization", &bearer)],
        request,
    )
    .await
}

fn gemini_text(reply: &Reply) -> String {
    let text = &reply.json()["candidates"][0]["content"]["parts"][0]["text"];
    text.as_str()
        .unwrap_or_else(|| panic!("{}", reply.json()))
        .to_owned()
}

fn books(text: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(text).unwrap();
    answer["books"].as_array().unwrap().clone()
}

fn assert_is_sample_shelf(books: &[Value]) {
    let shelf: Vec<Value> =
        serde_json::from_str(include_str!("../../data/bookshelf-13.json")).unwrap();
    assert_eq!(books.len(), 13);
    for (book, expected) in books.iter().zip(&shelf) {
        assert_eq!(book["title"], expected["title"]);
        assert_eq!(book["author"], expected["author"]);
        assert!((0.0..=1.0).contains(&book["confidence"].as_f64().unwrap()));
        let corners: Vec<u64> = book["box"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .collect();
        let [top, left, bottom, right] = corners[..] else {
            panic!("{corners:?}")
        };
        assert!(top < bottom && bottom <= 1000 && left < right && right <= 1000);
    }
}

#[tokio::test]
async fn both_read_the_sample_shelf_in_the_form_asked_for() {
    let sandbox = sandbox().await;
    let reply = ask_gemini(&sandbox, &gemini_request()).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.json()["candidates"][0]["finishReason"], "STOP");
    assert_eq!(reply.json()["modelVersion"], "sandbox");
    assert_is_sample_shelf(&books(&gemini_text(&reply)));

    let reply = ask_openai(&sandbox, &openai_request()).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let choice = &reply.json()["choices"][0];
    assert_eq!(choice["finish_reason"], "stop");
    assert_is_sample_shelf(&books(choice["message"]["content"].as_str().unwrap()));
}

#[tokio::test]
async fn gemini_refuses_what_the_real_one_refuses() {
    let sandbox = sandbox().await;
    let request = gemini_request();
    let keyless = post(sandbox.gemini(), GEMINI, &[], &request).await;
    assert_eq!(
        (keyless.status, &keyless.json()["error"]["status"]),
        (403, &json!("PERMISSION_DENIED"))
    );
    let wrong = post(
        sandbox.gemini(),
        GEMINI,
        &[("x-goog-api-key", "wrong")],
        &request,
    )
    .await;
    assert_eq!(wrong.status, 400);
    assert_eq!(
        wrong.json()["error"]["details"][0]["reason"],
        "API_KEY_INVALID"
    );
    let path = "/v1beta/models/gemini-0:generateContent";
    let unknown = post(
        sandbox.gemini(),
        path,
        &[("x-goog-api-key", API_KEY)],
        &request,
    )
    .await;
    assert_eq!(unknown.status, 404);

    let data = "/contents/0/parts/0/inlineData/data";
    for (pointer, value) in [
        ("/contents", json!([])),
        ("/contents/0/parts", json!([])),
        ("/contents/0/parts/0", json!({})),
        ("/contents/0/parts/0", json!({"inlineDate": {}})),
        ("/contents/0/role", json!("assistant")),
        (
            "/contents/0/parts/0/inlineData/mimeType",
            json!("image/png"),
        ),
        ("/contents/0/parts/0/inlineData/mimeType", json!("text/csv")),
        (data, json!("***")),
        (data, json!("aGVsbG8=")),
        ("/generationConfig/responseMimeType", json!("text/plain")),
        (
            "/generationConfig/responseSchema",
            json!({"type": "OBJECT"}),
        ),
        (
            "/generationConfig/responseSchema/properties/books/items/properties/box",
            json!({"type": "ARRAY"}),
        ),
        ("/generationConfig", json!({"temprature": 0})),
    ] {
        let mut request = request.clone();
        *request.pointer_mut(pointer).unwrap() = value.clone();
        let reply = ask_gemini(&sandbox, &request).await;
        assert_eq!(
            reply.status,
            400,
            "{pointer} = {value}: {:.200}",
            reply.json()
        );
        assert_eq!(reply.json()["error"]["status"], "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn openai_refuses_what_the_real_one_refuses() {
    let sandbox = sandbox().await;
    let request = openai_request();
    let wrong = post(
        sandbox.openai(),
        OPENAI,
        &[("authorization", "Bearer x")],
        &request,
    )
    .await;
    assert_eq!(
        (wrong.status, &wrong.json()["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );
    let schema = "/response_format/json_schema/schema";
    let url = "/messages/1/content/1/image_url/url";
    for (pointer, value, status, code) in [
        ("/model", json!("gpt-0"), 404, json!("model_not_found")),
        ("/messages", json!([]), 400, Value::Null),
        ("/messages/0/role", json!("robot"), 400, Value::Null),
        (
            url,
            json!("data:image/jpeg;base64,***"),
            400,
            json!("invalid_base64"),
        ),
        (
            url,
            json!("data:image/png;base64,aGVsbG8="),
            400,
            json!("invalid_image_format"),
        ),
        (
            url,
            json!("https://example.org/a.jpg"),
            400,
            json!("invalid_image_url"),
        ),
        (
            schema,
            book_schema(str::to_owned),
            400,
            json!("invalid_json_schema"),
        ),
    ] {
        let mut request = request.clone();
        *request.pointer_mut(pointer).unwrap() = value;
        let reply = ask_openai(&sandbox, &request).await;
        assert_eq!(reply.status, status, "{pointer}: {}", reply.json());
        assert_eq!(reply.json()["error"]["code"], code, "{pointer}");
    }
    let bearer = format!("Bearer {API_KEY}");
    let headers = [("authorization", bearer.as_str())];
    let models = send(sandbox.openai(), "GET", "/v1/models", &headers, Vec::new())
        .await
        .unwrap();
    assert_eq!(models.json()["data"][0]["id"], "sandbox-vision");
}

#[tokio::test]
async fn gemini_gets_things_wrong_when_told_to() {
    let sandbox = sandbox().await;
    let request = gemini_request();
    let with = async |quirk| {
        sandbox.gemini().behave(Fault::Vision(quirk).first(1));
        ask_gemini(&sandbox, &request).await
    };
    let refused = with(Quirk::Refuse).await.json();
    assert!(refused.get("candidates").is_none());
    assert_eq!(refused["promptFeedback"]["blockReason"], "SAFETY");
    let filtered = with(Quirk::Filtered).await.json();
    assert_eq!(filtered["candidates"][0]["finishReason"], "SAFETY");
    assert!(filtered["candidates"][0].get("content").is_none());

    let truncated = with(Quirk::Truncate).await;
    assert_eq!(
        truncated.json()["candidates"][0]["finishReason"],
        "MAX_TOKENS"
    );
    assert!(serde_json::from_str::<Value>(&gemini_text(&truncated)).is_err());
    assert!(gemini_text(&truncated).contains("The Luminaries"));
    let fenced = gemini_text(&with(Quirk::Fence).await);
    let (_, json) = fenced.split_once("```json\n").unwrap();
    assert_is_sample_shelf(&books(json.split_once("```").unwrap().0));
    assert!(!gemini_text(&with(Quirk::Nonsense).await).contains('{'));

    let pixels = books(&gemini_text(&with(Quirk::Pixels).await));
    // Thousandths of 400 x 300 pixels.
    assert_eq!(pixels[1]["box"], json!([114, 43, 145, 215]));
    let fractions = books(&gemini_text(&with(Quirk::Fractions).await));
    assert!(
        fractions
            .iter()
            .all(|book| book["box"][3].as_f64().unwrap() <= 1.0)
    );
    let unsure = books(&gemini_text(&with(Quirk::NoConfidence).await));
    assert!(unsure.iter().all(|book| book.get("confidence").is_none()));
    assert_eq!(
        books(&gemini_text(&with(Quirk::Duplicates).await)).len(),
        26
    );
    let untitled = books(&gemini_text(&with(Quirk::EmptyTitles).await));
    assert_eq!(
        untitled.iter().filter(|book| book["title"] == " ").count(),
        5
    );
    assert!(books(&gemini_text(&with(Quirk::Empty).await)).is_empty());

    assert_is_sample_shelf(&books(&gemini_text(&ask_gemini(&sandbox, &request).await)));
}

#[tokio::test]
async fn openai_refuses_filters_and_cuts_when_told_to() {
    let sandbox = sandbox().await;
    let request = openai_request();
    for (quirk, finish) in [
        (Quirk::Refuse, "stop"),
        (Quirk::Filtered, "content_filter"),
        (Quirk::Truncate, "length"),
    ] {
        sandbox.openai().behave(Fault::from(quirk).always());
        let reply = ask_openai(&sandbox, &request).await.json();
        let choice = &reply["choices"][0];
        assert_eq!(choice["finish_reason"], finish);
        assert_eq!(
            choice["message"]["refusal"].is_string(),
            quirk == Quirk::Refuse
        );
    }
}

#[tokio::test]
async fn a_token_limit_cuts_the_answer() {
    let sandbox = sandbox().await;
    let mut request = gemini_request();
    request["generationConfig"]["maxOutputTokens"] = json!(50);
    let reply = ask_gemini(&sandbox, &request).await;
    assert_eq!(reply.json()["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert!(gemini_text(&reply).len() <= 200);
}

#[tokio::test]
async fn the_key_is_not_in_the_log() {
    let sandbox = sandbox().await;
    ask_gemini(&sandbox, &gemini_request()).await;
    let log = get(sandbox.gemini(), "/__requests", &[]).await;
    assert!(!String::from_utf8_lossy(&log.body).contains(API_KEY));
    assert_eq!(
        log.json()["requests"][0]["body_len"],
        gemini_request().to_string().len()
    );
}
