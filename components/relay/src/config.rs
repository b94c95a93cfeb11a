//! The variables that only this component has.

use std::time::Duration;

use job::secret::same;
use spin_sdk::variables;

/// How long a socket waits for its job to appear, unless configured otherwise.
const HOLD: Duration = Duration::from_secs(30);
/// The longest that can be configured.
const LONGEST_HOLD_S: f64 = 600.0;

/// What the operator says about sockets.
pub struct Config {
    /// Shared with the edge; `None`: there is none.
    edge_secret: Option<String>,
    /// How long a socket waits for its job to appear.
    pub hold: Duration,
}

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

impl Config {
    /// Reads the variables.
    pub fn read() -> Self {
        let edge_secret = variables::get("edge_secret").unwrap_or_default();
        let hold = variables::get("socket_hold_s").unwrap_or_default();
        Self {
            edge_secret: (!edge_secret.is_empty()).then_some(edge_secret),
            hold: hold
                .trim()
                .parse()
                .ok()
                .filter(|seconds| (0.0..=LONGEST_HOLD_S).contains(seconds))
                .map_or(HOLD, Duration::from_secs_f64),
        }
    }

    /// How far to believe a request that shows this secret.
    pub fn trust(&self, shown: Option<&str>) -> Trust {
        match &self.edge_secret {
            None => Trust::Credentials,
            Some(secret) if same(secret, shown.unwrap_or_default()) => Trust::All,
            Some(_) => Trust::Nothing,
        }
    }
}
