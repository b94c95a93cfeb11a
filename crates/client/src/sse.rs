//! Parser of event streams, after the HTML standard ("9.2.6 Interpreting an event stream"), with a
//! limit, which the standard has not: a faulty server or proxy must not fill this client's memory.

use std::time::Duration;

/// Largest size of an event in bytes, more than any of the contract: a `book` event has a few KB.
const MAX_EVENT: usize = 1 << 20;

/// One event of a stream, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Name of the event; `message` when the stream names none.
    pub event: String,
    pub data: String,
    /// The last id seen up to this event; empty when there was none.
    pub id: String,
}

/// The error for an event longer than [`MAX_EVENT`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// Whether the line before ended in CR: an LF now belongs to it.
    after_cr: bool,
    begun: bool,
    event: String,
    data: String,
    id: String,
    retry: Option<Duration>,
}

impl Parser {
    /// The pause before reconnecting that the stream last asked for.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Takes bytes; returns the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, TooLong> {
        let mut frames = Vec::new();
        for &byte in bytes {
            let continues_crlf = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                b'\n' if continues_crlf => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    frames.extend(self.end_line());
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > MAX_EVENT {
                return Err(TooLong);
            }
        }
        Ok(frames)
    }

    fn end_line(&mut self) -> Option<Frame> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let first = !std::mem::replace(&mut self.begun, true);
        let text = if first {
            text.strip_prefix('\u{feff}').unwrap_or(&text)
        } else {
            &text
        };
        if text.is_empty() {
            return self.dispatch();
        }
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Frame> {
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        // Every data line ended in a line feed; the last one does not count.
        data.pop()?;
        let event = if event.is_empty() {
            "message".to_owned()
        } else {
            event
        };
        Some(Frame {
            event,
            data,
            id: self.id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(text: &str) -> Vec<(String, String, String)> {
        let frames = Parser::default().push(text.as_bytes()).unwrap();
        frames
            .into_iter()
            .map(|f| (f.event, f.data, f.id))
            .collect()
    }

    fn frame(event: &str, data: &str, id: &str) -> (String, String, String) {
        (event.into(), data.into(), id.into())
    }

    #[test]
    fn the_contracts_form() {
        let text = "retry: 5000\n\n: heartbeat\n\nid: 18\nevent: processing\ndata: {\"a\":1}\n\n";
        assert_eq!(frames(text), [frame("processing", "{\"a\":1}", "18")]);
    }

    #[test]
    fn every_line_end_a_byte_order_mark_and_several_data_lines() {
        let text = "\u{feff}data:a\r\ndata: b\rdata\n\nid\ndata:  c\r\r";
        assert_eq!(
            frames(text),
            [frame("message", "a\nb\n", ""), frame("message", " c", "")]
        );
    }

    #[test]
    fn an_id_stays_until_the_next_and_one_with_nul_counts_for_nothing() {
        let text = "id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\n";
        assert_eq!(
            frames(text),
            [
                frame("message", "a", "1"),
                frame("message", "b", "1"),
                frame("message", "c", "1")
            ]
        );
    }

    #[test]
    fn an_event_that_is_cut_off_or_has_no_data_is_none() {
        assert_eq!(frames("event: completed\n\ndata: {\"half"), []);
    }

    #[test]
    fn retry_counts_only_as_digits() {
        let mut parser = Parser::default();
        parser
            .push(b"retry: 250\nretry: +3\nretry: soon\nretry:\nretry: 99999999999999999999999\n")
            .unwrap();
        assert_eq!(parser.retry(), Some(Duration::from_millis(250)));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(&vec![b'x'; MAX_EVENT + 1]), Err(TooLong));
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "y".repeat(1000));
        assert!((0..2000).any(|_| parser.push(line.as_bytes()).is_err()));
    }

    proptest! {
        /// Events are the same however the network cuts a stream into pieces.
        #[test]
        fn chunks_do_not_matter(bytes in prop::collection::vec(prop::sample::select(b"\n\r: aid\xffetv0".to_vec()), 0..200), cut in 0usize..200) {
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let whole = Parser::default().push(&bytes).unwrap();
            let mut parser = Parser::default();
            let mut pieces = parser.push(head).unwrap();
            pieces.extend(parser.push(tail).unwrap());
            prop_assert_eq!(whole, pieces);
        }
    }
}
