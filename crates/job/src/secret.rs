//! Tokens, run keys, derived names and pseudonyms. Each is an HMAC-SHA-256 (RFC 2104) under the
//! application's secret, bound to its purpose and its job, so none is stored.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clients::Client;
use crate::document::{MadeBy, Root};
use crate::effects::{Effects, StoreError, Time, millis};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::settings::Settings;

/// The shortest time between two jobs of one name.
const NAME_REUSE_PERIOD: Duration = Duration::from_secs(60);
/// The time before its expiry in which a token can be exchanged for the next.
const REFRESH_WINDOW: Duration = Duration::from_secs(30 * 60);

/// The application's secret, and what is derived from it.
#[derive(Clone)]
pub struct Keyring {
    secret: Vec<u8>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

/// The document under [`keys::auth`]: which generation of a job's tokens counts, once one was
/// refreshed or extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Auth {
    /// The only generation that counts.
    generation: u32,
    /// Expiry of this generation.
    expires: Time,
}

impl Keyring {
    /// A keyring of a configured secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
        }
    }

    /// A keyring of the secret that the store holds, which the first use creates.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stored<E: Effects>(effects: &E, settings: &Settings) -> Result<Self, StoreError> {
        if let Some(secret) = effects.get(keys::SECRET).await? {
            return Ok(Self::new(&secret));
        }
        let secret = [effects.random(), effects.random()].concat();
        effects.set(keys::SECRET, &secret).await?;
        // Another first request may have written its own secret: both use the one that is there
        // afterwards.
        effects.sleep(settings.write_delay).await;
        effects.log(
            "secret-made",
            serde_json::json!({"level": "warn", "message":
                "no token_secret configured: made one and keep it in the store; whoever reads the store can forge tokens"}),
        );
        Ok(Self::new(
            &effects.get(keys::SECRET).await?.unwrap_or(secret),
        ))
    }

    fn mac(&self, purpose: &str, id: &str, more: &str) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any key length");
        for part in [purpose, id, more] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    fn hex(&self, purpose: &str, id: &str, more: &str) -> String {
        use std::fmt::Write as _;
        self.mac(purpose, id, more)
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }

    /// The token of a job in this generation.
    #[must_use]
    pub fn token(&self, id: &JobId, generation: u32) -> String {
        self.hex("token", id.as_str(), &generation.to_string())
    }

    /// The key that a request to run the job must show.
    #[must_use]
    pub fn run_key(&self, id: &JobId) -> String {
        self.hex("run", id.as_str(), "")
    }

    /// Whether `key` is the job's run key; in constant time.
    #[must_use]
    pub fn is_run_key(&self, id: &JobId, key: &str) -> bool {
        constant_time_eq(&self.run_key(id), key)
    }

    /// The id of the job that an `Idempotency-Key` names, among requests of one kind, and of one
    /// client where it is known.
    #[must_use]
    pub fn derived_id(&self, made_by: MadeBy, key: &str, client: Option<&Client>) -> JobId {
        let more = match client {
            // No key holds a space.
            Some(client) => format!("{key} {}", client.0),
            None => key.to_owned(),
        };
        let mac = self.mac("job", made_by.as_str(), &more);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        JobId::from_bytes(bytes)
    }

    /// The pseudonym of the client at this address: the store never holds the address itself.
    #[must_use]
    pub fn client(&self, address: &str) -> Client {
        let mut name = self.hex("client", address, "");
        name.truncate(16);
        Client(name)
    }
}

impl<E: Effects> Engine<'_, E> {
    /// The generation of the first token of a job that is created now: not that of an earlier job
    /// of its name. Creations of one name at the same moment have the same one, so that it does not
    /// matter which of them stands.
    pub(crate) fn first_token(&self, created: Time) -> u32 {
        let shortest = self.settings.retention.min(NAME_REUSE_PERIOD) / 2;
        let period = created.0 / millis(shortest).max(1);
        // Far from the generations that the refreshed tokens of an earlier job have.
        let [a, b, c, d, ..] = period.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        u32::from_be_bytes([a, b, c, d]).max(1)
    }

    /// Whether `token` opens the job now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn admits(&self, root: &Root, token: &str) -> Result<bool, StoreError> {
        let auth = self.current_auth(root).await?;
        let current = self.keyring.token(&root.id, auth.generation);
        Ok(constant_time_eq(&current, token) && self.effects.now() < auth.expires)
    }

    /// The token of the current generation, also when it has expired.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn current_token(&self, root: &Root) -> Result<String, StoreError> {
        let auth = self.current_auth(root).await?;
        Ok(self.keyring.token(&root.id, auth.generation))
    }

    /// Exchanges the current token for the next one, in the last [`REFRESH_WINDOW`] of its life;
    /// from then on only the next one counts. `None` when `token` is not the current one, or it is
    /// too early, or too late.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn refresh_token(
        &self,
        root: &Root,
        token: &str,
    ) -> Result<Option<String>, StoreError> {
        let auth = self.current_auth(root).await?;
        let now = self.effects.now();
        let life = self.settings.token_life;
        let is_current = constant_time_eq(&self.keyring.token(&root.id, auth.generation), token);
        let in_time = now < auth.expires && now.plus(REFRESH_WINDOW.min(life)) >= auth.expires;
        if !is_current || !in_time {
            return Ok(None);
        }
        let next = Auth {
            generation: auth.generation.wrapping_add(1),
            expires: now.plus(life),
        };
        self.write_auth(root, next).await?;
        Ok(Some(self.keyring.token(&root.id, next.generation)))
    }

    /// Extends the life of the current token if `token` is the current one and less than `margin`
    /// of its life is left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn extend_token(
        &self,
        root: &Root,
        token: &str,
        margin: Duration,
    ) -> Result<(), StoreError> {
        let auth = self.current_auth(root).await?;
        let now = self.effects.now();
        if auth.expires > now.plus(margin) || !self.admits(root, token).await? {
            return Ok(());
        }
        let expires = now.plus(self.settings.token_life);
        self.write_auth(root, Auth { expires, ..auth }).await
    }

    /// The token generation that counts.
    async fn current_auth(&self, root: &Root) -> Result<Auth, StoreError> {
        let stored = self.effects.get(&keys::auth(&root.id)).await?;
        Ok(stored
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or(Auth {
                generation: root.first_token,
                expires: root.created.plus(self.settings.token_life),
            }))
    }

    async fn write_auth(&self, root: &Root, auth: Auth) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(&auth).map_err(|error| StoreError(error.to_string()))?;
        self.effects.set(&keys::auth(&root.id), &bytes).await
    }
}

/// Whether two secrets are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn constant_time_eq(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
