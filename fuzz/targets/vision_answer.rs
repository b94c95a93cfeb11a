//! Answers of vision models.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vision::Vision;

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (is_gemini, status, body) = input;
    let vision = match is_gemini {
        true => Vision::Gemini {
            base_url: "http://model".to_owned(),
            api_key: "key".to_owned(),
            model: "m".to_owned(),
        },
        false => Vision::OpenAi {
            base_url: "http://model/v1".to_owned(),
            api_key: None,
            model: "m".to_owned(),
            reasoning_effort: None,
        },
    };
    let status = [200, 200, 200, 400, 401, 404, 429, 500][usize::from(status % 8)];
    // A body that is nothing but the model's words is put where the model's words are.
    let words = String::from_utf8_lossy(body);
    let wrapped = match is_gemini {
        true => serde_json::json!({"candidates": [{"content": {"parts": [{"text": words}]}, "finishReason": "STOP"}]}),
        false => serde_json::json!({"choices": [{"message": {"content": words}, "finish_reason": "stop"}]}),
    };
    for body in [body, wrapped.to_string().as_bytes()] {
        let Ok(reading) = vision.read(status, body, (1_600, 1_200)) else {
            continue;
        };
        let detections = reading.books;
        assert!(detections.len() <= vision::MAX_BOOKS);
        for detection in &detections {
            assert!(!detection.title.is_empty());
            assert!(detection.title.chars().count() <= vision::MAX_TITLE);
            assert!((0.0..=1.0).contains(&detection.confidence));
        }
        let merged = vision::merge(vec![detections.clone(), detections]);
        assert!(merged.len() <= 2 * vision::MAX_BOOKS);
    }
});
