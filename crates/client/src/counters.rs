//! Counts of the transports used, and of the ways in which they ended.

use serde::Serialize;

/// The way in which progress comes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// The stream that answered the submission.
    Attached,
    /// `GET .../stream`.
    Sse,
    /// Repeated `GET` of the status.
    Poll,
}

/// The way in which one use of a transport ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Finished,
    Cut,
    Silent,
    Refused,
    Unreachable,
    Left,
}

/// Uses of one transport. Every use that was opened ends in exactly one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Number of connections tried, or, of [`Transport::Poll`], of times that polling began.
    pub opened: u64,
    /// Number of events, or changed status documents, received.
    pub events: u64,
    /// Number of uses that ended with the job's last event.
    pub finished: u64,
    /// Number of uses that ended before that: the connection broke, or the server ended its stream
    /// to be resumed.
    pub cut: u64,
    /// Number of uses that ended because nothing came within the time allowed.
    pub silent: u64,
    /// Number of uses that were answered with something else than a stream of this contract.
    pub refused: u64,
    /// Number of uses that found no connection.
    pub unreachable: u64,
    /// Number of uses given up by this side: not watched any longer, or another transport was
    /// tried.
    pub left: u64,
}

/// Counts of uses, for each transport.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Uses of the answer to the submission itself: [`Transport::Attached`].
    pub attached: Tally,
    /// Uses of the job's own event stream: [`Transport::Sse`].
    pub sse: Tally,
    /// Uses of polling: [`Transport::Poll`].
    pub poll: Tally,
}

impl Counters {
    pub(crate) fn of(&mut self, transport: Transport) -> &mut Tally {
        match transport {
            Transport::Attached => &mut self.attached,
            Transport::Sse => &mut self.sse,
            Transport::Poll => &mut self.poll,
        }
    }
}

impl Tally {
    pub(crate) fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Finished => self.finished += 1,
            Ending::Cut => self.cut += 1,
            Ending::Silent => self.silent += 1,
            Ending::Refused => self.refused += 1,
            Ending::Unreachable => self.unreachable += 1,
            Ending::Left => self.left += 1,
        }
    }
}
