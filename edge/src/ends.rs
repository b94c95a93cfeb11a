//! The end of an event stream, as its answers announce it: PROTOCOL.md, "Limits and ends". Pure.

use crate::headers::{EDGE_ENDS, EDGE_TERMINAL};
use http::{HeaderMap, HeaderName};

/// The events that end a stream, and how many of them are yet to come.
pub(crate) struct Ends {
    names: Vec<String>,
    left: usize,
    last_is_end: bool,
}

impl Ends {
    /// The ends that the first answer to a request announces.
    pub(crate) fn of(answer: &HeaderMap) -> Self {
        Self {
            names: names(answer, &EDGE_TERMINAL),
            left: left(answer),
            last_is_end: false,
        }
    }

    /// Whether the application says by which events a stream ends.
    pub(crate) fn are_known(&self) -> bool {
        !self.names.is_empty()
    }

    /// Begins to count for another answer, which tells so many.
    pub(crate) fn begin_again(&mut self, left: usize) {
        self.left = left;
    }

    /// Counts an event; true when it is an end.
    pub(crate) fn count(&mut self, event: &str) -> bool {
        self.last_is_end = self.names.iter().any(|name| name == event);
        self.left = self.left.saturating_sub(usize::from(self.last_is_end));
        self.last_is_end
    }

    /// Whether the last end was told, and nothing since.
    pub(crate) fn are_all_told(&self) -> bool {
        self.last_is_end && self.left == 0
    }
}

/// The names that a header lists.
pub(crate) fn names(headers: &HeaderMap, header: &HeaderName) -> Vec<String> {
    let listed = headers.get(header).and_then(|names| names.to_str().ok());
    let names = listed.into_iter().flat_map(|names| names.split(','));
    names.map(|name| name.trim().to_owned()).collect()
}

/// The number of ends that an answer tells.
pub(crate) fn left(answer: &HeaderMap) -> usize {
    let told = answer.get(EDGE_ENDS).and_then(|ends| ends.to_str().ok());
    told.and_then(|ends| ends.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
mod tests {
    use super::*;

    fn ends(announced: Option<&str>) -> Ends {
        let mut answer = HeaderMap::new();
        answer.insert(EDGE_TERMINAL, "completed, failed".parse().unwrap());
        if let Some(announced) = announced {
            answer.insert(EDGE_ENDS, announced.parse().unwrap());
        }
        Ends::of(&answer)
    }

    #[test]
    fn a_stream_is_over_with_the_last_end_that_was_announced() {
        // Where nothing is announced, one is the last unless something follows.
        for (announced, events, expected) in [
            (None, &["processing", "completed"][..], true),
            (None, &["completed", "processing"], false),
            (None, &["completed", "processing", "failed"], true),
            (Some("1"), &["failed"], true),
            (Some("2"), &["completed"], false),
            (Some("2"), &["completed", "processing"], false),
            (Some("2"), &["completed", "processing", "failed"], true),
            (Some("many"), &["completed"], true),
        ] {
            let mut ends = ends(announced);
            for event in events {
                ends.count(event);
            }
            assert_eq!(ends.are_all_told(), expected, "{announced:?} {events:?}");
        }
    }

    #[test]
    fn each_answer_announces_what_is_yet_to_come() {
        let mut ends = ends(Some("3"));
        assert!(ends.count("completed"));
        ends.begin_again(2);
        assert!(!ends.count("processing") && ends.count("completed") && !ends.are_all_told());
        ends.begin_again(1);
        assert!(!ends.are_all_told(), "the end of another subject");
        assert!(ends.count("failed") && ends.are_all_told());
    }
}
