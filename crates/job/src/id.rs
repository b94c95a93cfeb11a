//! Ids of jobs, and epochs of the runs that write for them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of a job: 1 to 100 characters of `[A-Za-z0-9_-]`, returned exactly as given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JobId(String);

/// A string that cannot be a [`JobId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a jobId is 1 to 100 characters of A-Z, a-z, 0-9, _ and -")]
pub struct InvalidJobId;

impl JobId {
    /// Reads a client's name for its job.
    ///
    /// # Errors
    /// [`InvalidJobId`] when it is empty, too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidJobId> {
        let fits = (1..=100).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        fits.then(|| Self(text.to_owned())).ok_or(InvalidJobId)
    }

    /// The UUID of version 4 made of these 16 bytes: a new name, when they are random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(
            uuid::Builder::from_random_bytes(bytes)
                .into_uuid()
                .to_string(),
        )
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The fencing epoch of one claim of a job's lease. `term` orders claims; `nonce` tells two claims
/// of the same term apart, so that no two runs ever write under the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Epoch {
    /// The term: higher with every claim.
    pub term: u64,
    /// A random text.
    pub nonce: String,
}

impl Epoch {
    /// The epoch of the next claim after `term`.
    #[must_use]
    pub fn after(term: u64, random: [u8; 16]) -> Self {
        use fmt::Write as _;
        let nonce = random[..6].iter().fold(String::new(), |mut nonce, byte| {
            let _ = write!(nonce, "{byte:02x}");
            nonce
        });
        Self {
            term: term.saturating_add(1),
            nonce,
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.term, self.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_are_kept_as_given_or_refused() {
        for good in [
            "a",
            "550E8400-e29b-41d4-a716-446655440000",
            &"x".repeat(100),
        ] {
            assert_eq!(JobId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a/b", "a b", "é", "a\n", &"x".repeat(101)] {
            assert_eq!(JobId::parse(bad), Err(InvalidJobId));
        }
    }
}
