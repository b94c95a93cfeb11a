//! The tokens that clients show to act on a job. A token is an HMAC of the job and of its token
//! generation: what the store holds is at most which generation counts, and until when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::keys;
use crate::secret::constant_time_eq;
use crate::time::{Time, millis};

/// The shortest time between two jobs of one name.
const NAME_REUSE_PERIOD: Duration = Duration::from_secs(60);
/// More jobs of one name are not created and deleted in that time.
const NAMES_IN_A_PERIOD: u32 = 1_000;
/// The time before its expiry in which a token can be exchanged for the next.
const REFRESH_WINDOW: Duration = Duration::from_secs(30 * 60);

/// Whether a job is one of those of its name that were created in the period of this token.
fn is_of_period(root: &Root, of_period: u32) -> bool {
    root.first_token.wrapping_sub(of_period) < NAMES_IN_A_PERIOD
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

impl<E: Effects> Engine<'_, E> {
    /// The generation of the first token of a job that is created now: not that of an `earlier` job
    /// of its name. Creations of one name at the same moment have the same one, so that it does not
    /// matter which of them stands.
    pub(crate) fn first_token(&self, created: Time, earlier: Option<&Root>) -> u32 {
        let of_period = self.token_of_period(created);
        match earlier {
            // Another creation is at it.
            Some(root) if root.stage == Stage::Receiving && !root.expired(created) => {
                root.first_token
            }
            Some(root) if is_of_period(root, of_period) => root.first_token.wrapping_add(1),
            Some(_) | None => of_period,
        }
    }

    /// Whether a job of this name that is created now could have the same first token.
    pub(crate) fn is_recent(&self, root: &Root) -> bool {
        is_of_period(root, self.token_of_period(self.effects.now()))
    }

    fn token_of_period(&self, created: Time) -> u32 {
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
        let expires = self.expiry(root, token).await?;
        Ok(expires.is_some_and(|expires| self.effects.now() < expires))
    }

    /// Whether `token` lets its client go on with the job's results: as [`Self::admits`], and that
    /// of an ended job as long as the job is kept, since its client may have slept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn admits_after_end(&self, root: &Root, token: &str) -> Result<bool, StoreError> {
        let kept = match root.stage.is_terminal() {
            true => root.expires,
            false => Time::default(),
        };
        let read = async || self.expiry(root, token).await;
        let expires = self.retry_briefly(read).await?;
        Ok(expires.is_some_and(|expires| self.effects.now() < expires.max(kept)))
    }

    /// The time at which `token` expires; `None` when it is not the current one.
    async fn expiry(&self, root: &Root, token: &str) -> Result<Option<Time>, StoreError> {
        let auth = self.current_auth(root).await?;
        let current = self.keyring.token(&root.id, auth.generation);
        Ok(constant_time_eq(&current, token).then_some(auth.expires))
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
