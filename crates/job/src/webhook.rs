//! Telling the operator's server that a job has ended, or waits for a provider for long: Standard
//! Webhooks, at least once.
//!
//! The document under [`keys::webhook`] is written before the job's end and deleted when the
//! server has taken the message, so a crash in between loses nothing. The run that ends the job
//! delivers. Those who look at the ended job, and the sweep, start a run that does when an attempt
//! is due: no client waits for the receiver. The document under [`keys::webhook_wait`] is written
//! before the commit that says that a long wait begins; runs deliver while they wait anyway, and
//! whoever tells of the end. Nobody's job waits for it.
//!
//! An attempt belongs to whoever has claimed it, as a lease does: of many who come by at once one
//! sends. The holder of the job's lease writes the document with its own claim; everybody else
//! reads the document, writes a claim, waits until each such write has taken effect, and sends if
//! the claim that is there then is its own. A claim lasts until [`PendingMessage::next`]: if its
//! owner dies, another looks later. A message comes twice only when what has sent it died before
//! that was written down, or was stopped for longer than its claim lasts.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use crate::document::{Notice, Root};
use crate::effects::{DispatchError, Effects, Request, StoreError, send_within};
use crate::engine::Engine;
use crate::id::{Epoch, JobId};
use crate::keys;
use crate::settings::{Settings, Webhook};
use crate::storage::read_end;
use crate::time::Time;

/// Time-out of one attempt.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first attempt that fails; it grows fourfold up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);
/// Time for which a message is tried.
const TRIED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Number of runs that one sweep starts to deliver messages.
const PER_SWEEP: usize = 10;
/// Number of marks that one sweep reads.
const LOOKED_AT: usize = 100;

impl Webhook {
    /// The key that a secret spells as the specification says: `whsec_`, which may be missing, and
    /// 24 to 64 bytes in base64. Anything else its receivers would read otherwise.
    #[must_use]
    pub fn key(secret: &str) -> Option<Vec<u8>> {
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let key = STANDARD.decode(encoded).ok()?;
        (24..=64).contains(&key.len()).then_some(key)
    }

    /// The request with the message `id`, signed at `now`.
    fn request(&self, id: &str, now: Time, body: Vec<u8>) -> Request {
        let timestamp = (now.0 / 1_000).to_string();
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any key length");
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingMessage {
    /// Time at which the job was about to end.
    pub since: Time,
    /// Number of attempts that have begun.
    #[serde(default)]
    pub attempts: u32,
    /// Earliest time of the next attempt.
    #[serde(default)]
    pub next: Time,
    /// Whose the attempt under way is.
    #[serde(default)]
    claim: Option<Epoch>,
}

/// Time for which an attempt belongs to whoever has claimed it: the claim is settled, the receiver
/// has its time, and what is written then takes effect, by clocks that differ.
fn claim_life(settings: &Settings) -> Duration {
    settings.write_delay * 4 + TIMEOUT
}

impl PendingMessage {
    /// Whether the next attempt is due. A clock that has jumped must not silence it.
    fn is_due(&self, now: Time) -> bool {
        now >= self.next || self.next.since(now) > LONGEST_PAUSE
    }

    /// Whether it has been tried for long enough.
    fn is_over(&self, now: Time) -> bool {
        now.since(self.since) >= TRIED_FOR && self.since > Time(0)
    }

    /// Whether the holder of this claim may make the attempt, and has the time to.
    fn is_for(&self, claim: Option<&Epoch>, now: Time) -> bool {
        claim.is_some() && self.claim.as_ref() == claim && now.plus(TIMEOUT) <= self.next
    }

    /// What is stored while an attempt is made.
    fn claimed(self, claim: Option<Epoch>, now: Time, settings: &Settings) -> Self {
        Self {
            attempts: self.attempts.saturating_add(1),
            next: now.plus(claim_life(settings)),
            claim,
            ..self
        }
    }

    /// What is stored when an attempt has failed: the next one is due after a pause.
    fn failed(self, now: Time) -> Self {
        let earlier = self.attempts.saturating_sub(1);
        let pause = FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(earlier));
        Self {
            next: now.plus(pause.min(LONGEST_PAUSE)),
            claim: None,
            ..self
        }
    }
}

/// The id of a message: the same at every attempt, so that its receiver can tell.
fn message_id(root: &Root, notice: Notice) -> String {
    let id = format!("msg_{}_{}", root.id, root.created.0);
    match notice {
        Notice::Ended => id,
        Notice::Waiting(since) => format!("{id}_{}", since.0),
    }
}

/// Makes a message of the time since when it is due.
type NoticeSince = fn(Time) -> Notice;

/// An attempt to send a message, which this run has claimed.
struct Attempt {
    key: String,
    claimed: PendingMessage,
    notice: NoticeSince,
    /// The longest time to wait for its answer.
    limit: Duration,
}

impl<E: Effects> Engine<'_, E> {
    /// Writes the mark that the webhook is to be told of a job that is about to end: by the holder
    /// of the claim, who has just written it, or by anybody at once.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn note_for_webhook(
        &self,
        id: &JobId,
        claim: Option<&Epoch>,
    ) -> Result<(), StoreError> {
        if self.settings.webhook.is_none() {
            return Ok(());
        }
        self.mark(&keys::webhook(id), &self.new_message(claim))
            .await
    }

    /// Writes the mark that the webhook is to be told of a long wait that begins, by the holder of
    /// the claim, unless it is still to be told of another.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn note_wait_for_webhook(
        &self,
        id: &JobId,
        claim: &Epoch,
    ) -> Result<(), StoreError> {
        let key = keys::webhook_wait(id);
        if self.effects.get(&key).await?.is_some() {
            return Ok(());
        }
        self.mark(&key, &self.new_message(Some(claim))).await
    }

    fn new_message(&self, claim: Option<&Epoch>) -> PendingMessage {
        let now = self.effects.now();
        let new = PendingMessage {
            since: now,
            ..PendingMessage::default()
        };
        match claim {
            Some(claim) => new.claimed(Some(claim.clone()), now, self.settings),
            None => new,
        }
    }

    async fn mark(&self, key: &str, pending: &PendingMessage) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(pending).unwrap_or_default();
        self.effects.set(key, &bytes).await
    }

    /// Sends the messages about an ended job, unless they were delivered, or their next attempts
    /// are not due, or somebody else's: `claim` is the one of the run that has just ended it. Never
    /// fails: whoever comes by next tries again.
    pub(crate) async fn deliver_webhook(&self, end: &Root, claim: Option<&Epoch>) {
        let wait: NoticeSince = Notice::Waiting;
        let messages = [
            (keys::webhook_wait(&end.id), wait, None),
            (keys::webhook(&end.id), |_| Notice::Ended, claim),
        ];
        for (key, notice, claim) in messages {
            if let Some(claimed) = self.claim_message(&key, claim).await {
                let attempt = Attempt {
                    key,
                    claimed,
                    notice,
                    limit: TIMEOUT,
                };
                self.deliver(end, attempt).await;
            }
        }
    }

    /// Sends the message that a job waits for long, if an attempt is due, within `limit`: `claim`
    /// is the epoch of the lease under which the job waits, so nobody else does.
    pub(crate) async fn deliver_wait(&self, root: &Root, claim: &Epoch, limit: Duration) {
        let key = keys::webhook_wait(&root.id);
        let Some(pending) = self.pending_webhook_message(&key).await else {
            return;
        };
        let now = self.effects.now();
        let claimed = match pending.is_for(Some(claim), now) {
            true => pending,
            false if !pending.is_due(now) => return,
            false => {
                let claimed = pending.claimed(Some(claim.clone()), now, self.settings);
                if self.mark(&key, &claimed).await.is_err() {
                    return;
                }
                claimed
            }
        };
        let attempt = Attempt {
            key,
            claimed,
            notice: Notice::Waiting,
            limit: limit.min(TIMEOUT),
        };
        self.deliver(root, attempt).await;
    }

    /// The message under `key`, once its next attempt is this run's: it is under `claim` already,
    /// or due and claimed now, which takes two write delays.
    async fn claim_message(&self, key: &str, claim: Option<&Epoch>) -> Option<PendingMessage> {
        self.settings.webhook.as_ref()?;
        let effects = self.effects;
        let read = async || self.pending_message(key).await;
        let pending = self.read_fresh(read).await.ok().flatten()?;
        let now = effects.now();
        if pending.is_for(claim, now) {
            return Some(pending);
        }
        if !pending.is_due(now) {
            return None;
        }
        let own = Epoch::after(pending.attempts.into(), effects.random());
        let claimed = pending.claimed(Some(own), now, self.settings);
        // A write that reports an error may have been applied: what is read back tells.
        let _ = self.mark(key, &claimed).await;
        // Others may have read just before this write took effect; their own writes have taken
        // effect a write delay after that.
        effects.sleep(self.settings.write_delay * 2).await;
        let settled = self.pending_message(key).await.ok().flatten()?;
        (settled == claimed).then_some(claimed)
    }

    async fn pending_webhook_message(&self, key: &str) -> Option<PendingMessage> {
        self.settings.webhook.as_ref()?;
        self.pending_message(key).await.ok().flatten()
    }

    async fn deliver(&self, root: &Root, attempt: Attempt) {
        let Attempt {
            key,
            claimed,
            notice,
            limit,
        } = attempt;
        let Some(webhook) = &self.settings.webhook else {
            return;
        };
        let effects = self.effects;
        let notice = notice(claimed.since);
        let id = message_id(root, notice);
        let body = effects.spell_message(root, notice);
        let request = webhook.request(&id, effects.now(), body);
        let answer = send_within(effects, limit, request).await;
        let status = answer.as_ref().ok().map(|response| response.status);
        let problem = match answer {
            Ok(response) if (200..300).contains(&response.status) => None,
            Ok(response) => Some(format!("status {}", response.status)),
            Err(error) => Some(error.to_string()),
        };
        let mut line = json!({"jobId": root.id, "messageId": id, "attempt": claimed.attempts});
        if let Some(status) = status {
            line["status"] = json!(status);
        }
        let now = effects.now();
        let is_over = problem.is_none() || claimed.is_over(now);
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
            // After its claim it may be another's.
            false if claimed.is_due(now) => Ok(()),
            false => self.mark(&key, &claimed.failed(now)).await,
        };
        if let Err(error) = written {
            self.log_lost_state(root, &error);
        }
    }

    fn log_lost_state(&self, root: &Root, error: &StoreError) {
        let line = json!({"level": "warn", "jobId": root.id, "message": error.to_string()});
        self.effects.log("webhook-state-lost", line);
    }

    /// Reads the message that `key` holds; `None` when there is none to deliver.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn pending_message(
        &self,
        key: &str,
    ) -> Result<Option<PendingMessage>, StoreError> {
        let bytes = self.effects.get(key).await?;
        Ok(bytes.map(|bytes| serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// The message about a job's end that is not delivered yet, or else the one about a wait.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn undelivered(
        &self,
        id: &JobId,
    ) -> Result<Option<PendingMessage>, StoreError> {
        match self.pending_message(&keys::webhook(id)).await? {
            Some(pending) => Ok(Some(pending)),
            None => self.pending_message(&keys::webhook_wait(id)).await,
        }
    }

    /// Tries once more when the attempt of the run that has just ended the job has failed: the
    /// receiver may only be starting again, and perhaps nobody comes by for hours.
    pub(crate) async fn deliver_webhook_once_more(&self, end: &Root) {
        if self.settings.webhook.is_none() {
            return;
        }
        let Ok(Some(pending)) = self.undelivered(&end.id).await else {
            return;
        };
        let pause = pending.next.since(self.effects.now());
        if pause <= FIRST_PAUSE {
            self.effects.sleep(pause).await;
            self.deliver_webhook(end, None).await;
        }
    }

    /// Whether the webhook is to be told something of a job now.
    async fn is_message_due(&self, id: &JobId) -> bool {
        if self.settings.webhook.is_none() {
            return false;
        }
        let undelivered = self.undelivered(id).await.ok().flatten();
        undelivered.is_some_and(|pending| pending.is_due(self.effects.now()))
    }

    /// Starts a run that delivers the messages about an ended job, if an attempt is due. Never
    /// fails: whoever comes by next tries again.
    pub(crate) async fn have_webhook_delivered(&self, end: &Root) {
        if self.is_message_due(&end.id).await {
            let _ = self.start_delivery(end).await;
        }
    }

    /// Starts a run that finds the job ended. Not every component may reach the receiver.
    async fn start_delivery(&self, end: &Root) -> Result<(), DispatchError> {
        self.start(&end.without_reading(), None).await
    }

    /// Starts runs that deliver messages which are due: about some of these jobs, as far as they
    /// have ended, each time beginning with another.
    pub(crate) async fn have_webhooks_delivered(&self, jobs: &[&JobId]) {
        let count = jobs.len().max(1) as u64;
        let first = (self.effects.now().0 / 1_000 % count) as usize;
        let (before, after) = jobs.split_at(first.min(jobs.len()));
        let mut started = 0;
        for id in after.iter().chain(before).take(LOOKED_AT) {
            if self.is_message_due(id).await
                && let Ok(Some(end)) = read_end(self.effects, id).await
                && self.is_kept(&end).await
            {
                started += usize::from(self.start_delivery(&end).await.is_ok());
            }
            if started == PER_SWEEP {
                break;
            }
        }
    }

    /// Whether an ended job stays for as long as a message about it takes. Else the run would write
    /// what this sweep deletes.
    async fn is_kept(&self, end: &Root) -> bool {
        !end.expired(self.effects.now()) || self.is_still_to_be_told(&end.id).await != Ok(false)
    }

    /// Whether a job that has expired is kept a while: its end is still to be told.
    pub(crate) async fn is_still_to_be_told(&self, id: &JobId) -> Result<bool, StoreError> {
        let now = self.effects.now();
        let pending = match self.settings.webhook {
            Some(_) => self.undelivered(id).await?,
            None => None,
        };
        Ok(pending.is_some_and(|pending| !pending.is_over(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_two_hours_and_a_day_has_many() {
        let settings = Settings::local();
        let mut pending = PendingMessage::default();
        let mut now = Time(0);
        let mut pauses = Vec::new();
        while now.since(Time(0)) < TRIED_FOR {
            pending = pending.claimed(None, now, &settings).failed(now);
            pauses.push(pending.next.since(now).as_secs());
            now = pending.next;
        }
        assert_eq!(pauses[..7], [5, 20, 80, 320, 1_280, 5_120, 7_200]);
        assert_eq!(pauses.len(), 18);
    }

    /// The holder of a claim may send as long as the receiver's time fits into it; everybody else
    /// may try when it is over, on platforms of whatever write delay within 15 s.
    #[test]
    fn a_claim_is_its_holder_s_and_ends() {
        let (own, other) = (Epoch::after(1, [1; 16]), Epoch::after(1, [2; 16]));
        for settings in [Settings::local(), Settings::cloud()] {
            let begun = Time(1_000_000);
            let pending = PendingMessage::default().claimed(Some(own.clone()), begun, &settings);
            assert!(pending.is_for(Some(&own), begun.plus(settings.write_delay * 4)));
            assert!(!pending.is_for(Some(&other), begun));
            assert!(!pending.is_for(None, begun));
            assert!(!pending.is_for(Some(&own), begun.plus(settings.write_delay * 5)));
            assert!(!pending.is_due(begun.plus(TIMEOUT)));
            assert!(pending.is_due(begun.plus(Duration::from_secs(15))));
            assert!(!pending.clone().failed(begun).is_for(Some(&own), begun));
        }
    }

    /// As the version before has stored it.
    #[test]
    fn a_message_without_a_claim_is_read() {
        let stored = br#"{"since": 5, "attempts": 2, "next": 7}"#;
        let pending: PendingMessage = serde_json::from_slice(stored).unwrap();
        assert_eq!((pending.attempts, pending.claim), (2, None));
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn messages_are_signed_as_the_specification_says() {
        let webhook = Webhook {
            url: "https://hooks.example/".to_owned(),
            key: Webhook::key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(),
            long_wait: Webhook::LONG_WAIT,
        };
        let body = br#"{"test": 2432232314}"#.to_vec();
        let now = Time(1_614_265_330_000);
        let request = webhook.request("msg_p5jXN8AQM9LWM0D4loKWxJek", now, body);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(request.headers[3].1, signature);
        assert_eq!(request.headers[2].1, "1614265330");
        assert!(!format!("{webhook:?}").contains("key"));
    }

    #[test]
    fn a_secret_is_a_key_in_base64_and_long_enough() {
        let whole = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(Webhook::key(whole), Webhook::key(&format!("whsec_{whole}")));
        assert!(Webhook::key(whole).is_some());
        let (short, long) = (STANDARD.encode([7; 23]), STANDARD.encode([7; 65]));
        let without_padding = format!("whsec_{}", STANDARD.encode([7; 25]).trim_end_matches('='));
        for wrong in [
            "",
            "whsec_",
            "whsec_%%%",
            "a secret",
            &short,
            &long,
            &without_padding,
        ] {
            assert_eq!(Webhook::key(wrong), None, "{wrong}");
        }
    }
}
