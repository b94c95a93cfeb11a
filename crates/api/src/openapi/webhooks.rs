//! The messages that the application posts to the operator's server.

use serde_json::{Map, Value, json};

use super::components::Components;
use crate::webhook::Message;

/// Types of the messages, and what each says.
const TYPES: [(&str, &str); 4] = [
    ("job.completed", "A job is over: every item is final"),
    ("job.failed", "A job has failed"),
    ("job.canceled", "A client has stopped a job"),
    (
        "job.waiting",
        "A job waits for a provider for long; it goes on by itself",
    ),
];

/// The `webhooks` object.
pub(super) fn describe(components: &mut Components) -> Value {
    let message = components.answer::<Message<'_>>();
    let text = || json!({"type": "string"});
    let header = |name: &str, description: &str| {
        json!({
            "in": "header", "name": name, "required": true, "schema": text(),
            "description": description,
        })
    };
    let describe = |(kind, summary): (&str, &str)| {
        let narrowed = json!({"properties": {"type": {"const": kind}}});
        let operation = json!({
            "operationId": kind.replace('.', "-"),
            "tags": ["server"],
            "summary": summary,
            "description": "Posted to the operator's `webhook_url`, as Standard Webhooks says: at least once, with \
                the same `webhook-id` each time, for a day after the first attempt. Redirects are not followed.",
            "security": [],
            "parameters": [
                header("webhook-id", "Name of the message: the same at every attempt"),
                header("webhook-timestamp", "Time of the attempt, in seconds since 1970"),
                header("webhook-signature", "`v1,` and the HMAC-SHA256, in base64, of id, timestamp and body with dots \
                    between, under the operator's secret"),
            ],
            "requestBody": {
                "required": true,
                "content": {"application/json": {"schema": {"allOf": [message, narrowed]}}},
            },
            "responses": {"2XX": {"description": "The message is taken; after any other answer, or none within 5 s, it \
                comes again"}},
        });
        (kind.to_owned(), json!({"post": operation}))
    };
    Value::Object(TYPES.into_iter().map(describe).collect::<Map<_, _>>())
}
