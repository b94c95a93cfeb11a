//! Whether what a request says of its client is believed.

use job::secret::same;

/// How much of what a request says of its client is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// All of it: the edge has shown the secret.
    All,
    /// What gives nobody a right that he has not: there is no secret to show.
    Credentials,
    /// Nothing: the secret is wrong or missing.
    Nothing,
}

impl Trust {
    /// How far to believe a request that shows `shown` where `secret` is configured.
    pub fn of(secret: Option<&str>, shown: Option<&str>) -> Self {
        match secret {
            None => Self::Credentials,
            Some(secret) if same(secret, shown.unwrap_or_default()) => Self::All,
            Some(_) => Self::Nothing,
        }
    }
}
