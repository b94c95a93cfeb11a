//! The application's secret, and what is derived from it: tokens, run keys, names of jobs and
//! pseudonyms of clients. Each is an HMAC-SHA-256 (RFC 2104) under the
//! application's secret, bound to its purpose and its job, so none is stored.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::document::MadeBy;
use crate::effects::{Effects, StoreError};
use crate::id::JobId;
use crate::keys;
use crate::settings::Settings;

/// The application's secret, and the functions that derive tokens, keys and names from it.
#[derive(Clone)]
pub struct Keyring {
    secret: Vec<u8>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

/// A client, by the pseudonym that [`Keyring::client`] derives from its address:
/// hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client(pub(crate) String);

impl Client {
    /// Whether this is the client that a job names as its own.
    #[must_use]
    pub fn is(&self, pseudonym: &str) -> bool {
        self.0 == pseudonym
    }
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

/// Whether two secrets are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn constant_time_eq(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
