//! The trust in what a request says of its client.

use job::constant_time_eq;

/// The degree to which the application believes what a request says of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// All statements: the edge has shown the secret.
    All,
    /// Statements that give nobody a right that he has not: there is no secret to show.
    Credentials,
}

impl Trust {
    /// The trust in a request that shows `shown` where `secret` is configured; `None` when it does
    /// not come from the edge.
    pub(crate) fn of(secret: Option<&str>, shown: Option<&str>) -> Option<Self> {
        match secret {
            None => Some(Self::Credentials),
            Some(secret) => {
                constant_time_eq(secret, shown.unwrap_or_default()).then_some(Self::All)
            }
        }
    }
}
