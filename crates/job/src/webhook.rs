//! Telling the operator's server that a job has ended: Standard Webhooks, at least once.
//!
//! The document under [`keys::webhook`] is written before the job's end and deleted when the
//! server has taken the message, so a crash in between loses nothing. Whoever comes by delivers:
//! the run that ends the job, those who look at the ended job, the sweep. Nobody's job waits for
//! it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use crate::document::Root;
use crate::effects::{Effects, Request, StoreError, send_within};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::settings::Webhook;
use crate::storage::read_end;
use crate::time::Time;

/// Time-out of one attempt.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first attempt that fails; it grows fourfold up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);
/// Time for which a message is tried.
const TRIED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Number of messages that one sweep sends: a sweep makes a client wait.
pub(crate) const PER_SWEEP: usize = 2;

impl Webhook {
    fn key(&self) -> Vec<u8> {
        let encoded = self.secret.strip_prefix("whsec_");
        let decoded = encoded.and_then(|text| STANDARD.decode(text).ok());
        decoded.unwrap_or_else(|| self.secret.clone().into_bytes())
    }

    /// The request with the message `id`, signed at `now`.
    fn request(&self, id: &str, now: Time, body: Vec<u8>) -> Request {
        let timestamp = (now.0 / 1_000).to_string();
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key()).expect("any key length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", &body] {
            mac.update(part);
        }
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let header = |name: &str, value: String| (name.to_owned(), value);
        Request {
            method: "POST",
            url: self.url.clone(),
            headers: vec![
                header("content-type", "application/json".to_owned()),
                header("webhook-id", id.to_owned()),
                header("webhook-timestamp", timestamp),
                header("webhook-signature", format!("v1,{signature}")),
            ],
            body,
        }
    }
}

/// A message that is not delivered yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingMessage {
    /// Time at which the job was about to end.
    pub since: Time,
    /// Number of attempts that have failed.
    #[serde(default)]
    pub attempts: u32,
    /// Earliest time of the next attempt.
    #[serde(default)]
    pub next: Time,
}

impl PendingMessage {
    fn after_failure(self, now: Time) -> Self {
        let pause = FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(self.attempts));
        Self {
            attempts: self.attempts.saturating_add(1),
            next: now.plus(pause.min(LONGEST_PAUSE)),
            ..self
        }
    }
}

/// The id of a message: the same at every attempt, so that its receiver can tell.
fn message_id(end: &Root) -> String {
    format!("msg_{}_{}", end.id, end.created.0)
}

impl<E: Effects> Engine<'_, E> {
    /// Writes the mark that the webhook is to be told of a job that is about to end.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn note_for_webhook(&self, id: &JobId) -> Result<(), StoreError> {
        if self.settings.webhook.is_none() {
            return Ok(());
        }
        let pending = PendingMessage {
            since: self.effects.now(),
            ..PendingMessage::default()
        };
        let bytes = serde_json::to_vec(&pending).unwrap_or_default();
        self.effects.set(&keys::webhook(id), &bytes).await
    }

    /// Sends the message about an ended job, unless it was delivered, or its next attempt is not
    /// due. Never fails: whoever comes by next tries again.
    pub(crate) async fn deliver_webhook(&self, end: &Root) {
        let Some(webhook) = &self.settings.webhook else {
            return;
        };
        let effects = self.effects;
        let key = keys::webhook(&end.id);
        let Ok(Some(bytes)) = effects.get(&key).await else {
            return;
        };
        let pending: PendingMessage = serde_json::from_slice(&bytes).unwrap_or_default();
        let now = effects.now();
        // A clock that has jumped must not silence it.
        if now < pending.next && pending.next.since(now) <= LONGEST_PAUSE {
            return;
        }
        let id = message_id(end);
        let request = webhook.request(&id, now, effects.spell_end(end));
        let answer = send_within(effects, TIMEOUT, request).await;
        let status = answer.as_ref().ok().map(|response| response.status);
        let problem = match answer {
            Ok(response) if (200..300).contains(&response.status) => None,
            Ok(response) => Some(format!("status {}", response.status)),
            Err(error) => Some(error.to_string()),
        };
        let attempt = pending.attempts.saturating_add(1);
        let mut line = json!({"jobId": end.id, "messageId": id, "attempt": attempt});
        if let Some(status) = status {
            line["status"] = json!(status);
        }
        let is_over = problem.is_none()
            || effects.now().since(pending.since) >= TRIED_FOR && pending.since > Time(0);
        let event = match (&problem, is_over) {
            (None, _) => "webhook-delivered",
            (Some(_), true) => "webhook-given-up",
            (Some(_), false) => "webhook-failed",
        };
        if let Some(problem) = problem {
            line["level"] = json!("warn");
            line["message"] = json!(problem);
        }
        effects.log(event, line);
        let written = match is_over {
            true => effects.delete(&key).await,
            false => {
                let next = pending.after_failure(effects.now());
                let bytes = serde_json::to_vec(&next).unwrap_or_default();
                effects.set(&key, &bytes).await
            }
        };
        if let Err(error) = written {
            let line = json!({"level": "warn", "jobId": end.id, "message": error.to_string()});
            effects.log("webhook-state-lost", line);
        }
    }

    /// Sends the messages about some of these jobs, as far as they have ended.
    pub(crate) async fn deliver_webhooks(&self, jobs: impl Iterator<Item = &JobId>) {
        for id in jobs.take(PER_SWEEP) {
            if let Ok(Some(end)) = read_end(self.effects, id).await {
                self.deliver_webhook(&end).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_two_hours_and_a_day_has_many() {
        let mut pending = PendingMessage::default();
        let mut now = Time(0);
        let mut pauses = Vec::new();
        while now.since(Time(0)) < TRIED_FOR {
            pending = pending.after_failure(now);
            pauses.push(pending.next.since(now).as_secs());
            now = pending.next;
        }
        assert_eq!(pauses[..7], [5, 20, 80, 320, 1_280, 5_120, 7_200]);
        assert_eq!(pauses.len(), 18);
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn messages_are_signed_as_the_specification_says() {
        let webhook = Webhook {
            url: "https://hooks.example/".to_owned(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        };
        let body = br#"{"test": 2432232314}"#.to_vec();
        let now = Time(1_614_265_330_000);
        let request = webhook.request("msg_p5jXN8AQM9LWM0D4loKWxJek", now, body);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(request.headers[3].1, signature);
        assert_eq!(request.headers[2].1, "1614265330");
        assert!(!format!("{webhook:?}").contains("whsec"));
    }
}
