//! A search for works by some of several words.

use super::word::{is_distinctive, is_publisher, lettered_words};

/// Most words of a clause: with more it grows without finding more.
const MAX_WORDS: usize = 6;

/// Longest word, in letters: longer ones are several that were read as one, and are found nowhere.
const MAX_LETTERS: usize = 24;

/// Words of which a work's title and authors must contain some.
///
/// Open Library wants every word of a query and forgives no wrong letter: one misread word would
/// find nothing. Asking for any word finds only what is popular.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordQuery {
    words: Vec<String>,
    at_least: usize,
}

impl WordQuery {
    /// Makes a query for two of up to four words, three of five or six; `None` with fewer than two
    /// distinctive words: no book is accepted by one, and every popular work with that word would
    /// crowd the answer.
    pub(super) fn some(texts: &[&str]) -> Option<Self> {
        Self::new(texts, |words| if words < 5 { 2 } else { 3 })
    }

    /// Makes a query for all words but one, which may be misread: few works answer it, so that none
    /// is crowded out.
    pub(super) fn nearly_all(texts: &[&str]) -> Option<Self> {
        Self::new(texts, |words| (words - 1).max(2))
    }

    fn new(texts: &[&str], at_least: fn(usize) -> usize) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        for word in texts.iter().flat_map(|text| lettered_words(text)) {
            if is_name(&word) && !words.contains(&word) {
                words.push(word);
            }
        }
        // Stable: of equally long words the larger lettering's, which comes first, is taken.
        words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
        words.truncate(MAX_WORDS);
        (words.len() > 1).then(|| Self {
            at_least: at_least(words.len()),
            words,
        })
    }

    /// The words of the query, the longest first.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Number of the query's words that a work must have.
    pub fn at_least(&self) -> usize {
        self.at_least
    }

    /// The query in the syntax of Open Library's search, to be joined with others by `OR`.
    pub fn clause(&self) -> String {
        at_least(self.at_least(), &self.words)
    }
}

/// Whether a folded word of a spine can be one of a title or of an author.
pub(super) fn is_name(word: &str) -> bool {
    is_distinctive(word)
        && !is_publisher(word)
        && (3..=MAX_LETTERS).contains(&word.chars().count())
        && word.chars().all(char::is_alphabetic)
}

/// Spells "at least `count` of these words" in conjunctions and disjunctions.
fn at_least(count: usize, words: &[String]) -> String {
    match words {
        [only] => only.clone(),
        _ if count == 1 => format!("({})", words.join(" OR ")),
        _ if count == words.len() => format!("({})", words.join(" AND ")),
        [first, others @ ..] => format!(
            "(({first} AND {}) OR {})",
            at_least(count - 1, others),
            at_least(count, others)
        ),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(texts: &[&str]) -> Option<String> {
        WordQuery::some(texts).map(|query| query.clause())
    }

    #[test]
    fn a_clause_asks_for_some_of_the_distinctive_words() {
        assert_eq!(query(&["BABEL"]), None);
        assert_eq!(
            query(&["R.F. KUANG", "BABEL"]).as_deref(),
            Some("(kuang AND babel)")
        );
        assert_eq!(
            query(&["The Connected Child", "PURVIS", "PENGUIN", "9"]).as_deref(),
            Some("((connected AND (purvis OR child)) OR (purvis AND child))")
        );
        assert_eq!(query(&["of the", "12", "VINTAGE BOOKS", "I"]), None);
    }

    /// Whether a set of words satisfies a clause, by rewriting it until only its value is left.
    fn holds(clause: &str, words: &[&str]) -> bool {
        let mut value = clause
            .split(' ')
            .map(|token| {
                let word = token.trim_matches(['(', ')']);
                match word {
                    "AND" | "OR" => token.to_owned(),
                    _ => token.replace(word, if words.contains(&word) { "1" } else { "0" }),
                }
            })
            .collect::<Vec<_>>()
            .join(" ");
        loop {
            let mut next = value.clone();
            for (from, to) in [
                ("(1)", "1"),
                ("(0)", "0"),
                ("1 AND 1", "1"),
                ("1 AND 0", "0"),
                ("0 AND 1", "0"),
                ("0 AND 0", "0"),
                ("1 OR 1", "1"),
                ("1 OR 0", "1"),
                ("0 OR 1", "1"),
                ("0 OR 0", "0"),
            ] {
                next = next.replace(from, to);
            }
            if next == value {
                return value == "1";
            }
            value = next;
        }
    }

    #[test]
    fn a_clause_holds_for_as_many_words_as_it_asks_for() {
        let all = ["aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg"];
        for count in 2..all.len() {
            for query in [WordQuery::some, WordQuery::nearly_all] {
                let query = query(&all[..count]).unwrap();
                let clause = query.clause();
                for set in 0..1u32 << count {
                    let chosen: Vec<&str> = (0..count)
                        .filter(|at| set >> at & 1 == 1)
                        .map(|at| all[at])
                        .collect();
                    let expected = chosen.len() >= query.at_least();
                    assert_eq!(holds(&clause, &chosen), expected, "{clause}: {chosen:?}");
                }
                assert!(clause.len() < 400, "{clause}");
            }
        }
        assert_eq!(WordQuery::some(&all).unwrap().words().len(), MAX_WORDS);
    }

    #[test]
    fn a_strict_query_forgives_one_word() {
        let at_least = |texts: &[&str]| WordQuery::nearly_all(texts).map(|query| query.at_least());
        assert_eq!(at_least(&["BABEL"]), None);
        assert_eq!(at_least(&["BABEL", "KUANG"]), Some(2));
        assert_eq!(at_least(&["Wolf Hail", "MANTEL"]), Some(2));
        assert_eq!(at_least(&["Wolf Hail", "HILARY MANTEL"]), Some(3));
    }
}
