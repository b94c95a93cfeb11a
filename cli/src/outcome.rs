//! The outcome of the command, and its exit code.

use std::process::ExitCode;

use client::{Error, Snapshot, Status};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Error,
    Failed,
    Canceled,
    Unreachable,
    Stalled,
    Left,
}

impl Outcome {
    pub fn of_job(snapshot: &Snapshot) -> Self {
        match snapshot.status {
            Status::Failed => Self::Failed,
            Status::Canceled => Self::Canceled,
            _ => Self::Done,
        }
    }

    pub fn of_error(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Error>() {
            Some(Error::Unreachable { .. } | Error::TimedOut { .. }) => Self::Unreachable,
            _ => Self::Error,
        }
    }
}

/// Exit codes as `--help` documents them. 2 is clap's.
impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Error => 1,
            Outcome::Failed => 3,
            Outcome::Canceled => 4,
            Outcome::Unreachable => 5,
            Outcome::Stalled => 6,
            Outcome::Left => 130,
        })
    }
}
