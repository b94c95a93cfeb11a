//! One open event stream.

use std::collections::VecDeque;
use std::time::Duration;

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::sse::{Frame, Parser};
use crate::strategy::StreamEnd;

#[derive(Debug)]
pub(crate) struct Stream {
    body: Incoming,
    parser: Parser,
    frames: VecDeque<Frame>,
    idle: Duration,
    /// Time until which the next byte must come. It is kept between calls, so that a caller that
    /// asks again does not put it off.
    deadline: Instant,
    /// Number of events that were returned.
    pub events: u64,
}

impl Stream {
    /// Reads a response's body as a stream; `first` is the time-out of the first byte, `idle` that
    /// of any other.
    pub(crate) fn new(response: Response<Incoming>, first: Duration, idle: Duration) -> Self {
        Self {
            body: response.into_body(),
            parser: Parser::default(),
            frames: VecDeque::new(),
            idle,
            deadline: Instant::now() + first,
            events: 0,
        }
    }

    /// The pause that the stream asked clients to make before they come back; at least `least` when
    /// it said nothing else, so that it is not asked without a pause.
    pub(crate) fn retry(&self, least: Duration) -> Option<Duration> {
        let retry = self.parser.retry()?;
        Some(if self.events > 0 {
            retry
        } else {
            retry.max(least)
        })
    }

    /// The next event. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Frame, StreamEnd> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                self.events += 1;
                return Ok(frame);
            }
            match timeout_at(self.deadline, self.body.frame()).await {
                Err(_) if self.events > 0 => return Err(StreamEnd::Cut),
                Err(_) => return Err(StreamEnd::Silent),
                Ok(Some(Ok(piece))) => {
                    let Ok(bytes) = piece.into_data() else {
                        continue;
                    };
                    self.deadline = Instant::now() + self.idle;
                    self.frames
                        .extend(self.parser.push(&bytes).map_err(|_| StreamEnd::Refused)?);
                }
                // Without either it is none of this API, whatever comments it has: those of a
                // proxy.
                Ok(None | Some(Err(_))) if self.events > 0 || self.parser.retry().is_some() => {
                    return Err(StreamEnd::Cut);
                }
                Ok(None | Some(Err(_))) => return Err(StreamEnd::Useless),
            }
        }
    }
}
