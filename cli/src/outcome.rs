//! The outcome of the command, and its exit code.

use std::process::ExitCode;

use client::{Error, Snapshot, Status};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandOutcome {
    Done,
    Error,
    Failed,
    Canceled,
    Unreachable,
    Stalled,
    Left,
}

impl CommandOutcome {
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
impl From<CommandOutcome> for ExitCode {
    fn from(outcome: CommandOutcome) -> Self {
        Self::from(match outcome {
            CommandOutcome::Done => 0,
            CommandOutcome::Error => 1,
            CommandOutcome::Failed => 3,
            CommandOutcome::Canceled => 4,
            CommandOutcome::Unreachable => 5,
            CommandOutcome::Stalled => 6,
            CommandOutcome::Left => 130,
        })
    }
}
