//! Position in a session stream: PROTOCOL.md, "The stream".

/// The counters of an event id; none of them ever goes down. An empty list is the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position(Box<[u64]>);

/// Largest number of counters in an id.
const MAX_COUNTERS: usize = 64;

impl Position {
    /// Reads `18`, `18.5` or `18,4,0`.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let mut counters = Vec::new();
        for counter in id.split([',', '.']) {
            // `parse` alone would take a leading plus.
            if counters.len() == MAX_COUNTERS || !counter.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            counters.push(counter.parse().ok()?);
        }
        Some(Self(counters.into()))
    }

    /// Whether this position includes everything up to `other`.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .enumerate()
            .all(|(i, theirs)| self.0.get(i).is_some_and(|ours| ours >= theirs))
    }

    /// The first counter in which `id` is higher.
    pub(crate) fn first_behind(&self, id: &Self) -> Option<usize> {
        id.0.iter()
            .enumerate()
            .position(|(i, theirs)| self.0.get(i).is_none_or(|ours| ours < theirs))
    }

    /// Moves the position to include the event `id`; `false` when it is included already.
    pub(crate) fn advance(&mut self, id: &Self) -> bool {
        if self.reaches(id) {
            return false;
        }
        let longer = self.0.len().max(id.0.len());
        self.0 = (0..longer)
            .filter_map(|i| self.0.get(i).max(id.0.get(i)).copied())
            .collect();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Position;
    use proptest::prelude::*;

    fn at(id: &str) -> Position {
        Position::parse(id).unwrap()
    }

    #[test]
    fn only_lists_of_counters_are_ids() {
        for id in ["0", "18", "18.5", "18,4,0", "18446744073709551615"] {
            assert!(Position::parse(id).is_some(), "{id}");
        }
        for id in [
            "",
            "x",
            "1,,2",
            "1.",
            "-1",
            "+1",
            "1 ",
            "18446744073709551616",
        ] {
            assert!(Position::parse(id).is_none(), "{id}");
        }
        assert!(Position::parse(&vec!["1"; 65].join(",")).is_none());
    }

    #[test]
    fn one_higher_counter_is_news() {
        let mut position = Position::default();
        assert!(position.advance(&at("3,0")));
        assert!(!position.advance(&at("3,0")));
        assert!(!position.advance(&at("2,0")));
        assert!(position.advance(&at("2,7")));
        assert_eq!(position, at("3,7"));
        assert!(position.reaches(&Position::default()));
        assert!(!Position::default().reaches(&position));
    }

    proptest! {
        #[test]
        fn advancing_reaches_and_never_goes_back(
            a in prop::collection::vec(0..5u64, 3), b in prop::collection::vec(0..5u64, 3)
        ) {
            let (a, b) = (Position(a.into()), Position(b.into()));
            let mut position = a.clone();
            let news = position.advance(&b);
            prop_assert_eq!(news, !a.reaches(&b));
            prop_assert!(position.reaches(&a) && position.reaches(&b));
        }
    }
}
