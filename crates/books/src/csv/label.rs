//! Shelves, tags and collections.

use crate::text::{clean, joined, non_empty};

const MAX_LABELS: usize = 50;

/// A reader's labels for a book, without those that only say its status.
#[derive(Default)]
pub(super) struct Labels {
    labels: Vec<String>,
    /// Comparable forms of the labels, and of those that the status repeats.
    seen: Vec<String>,
    status_words: Vec<String>,
    too_many: usize,
    /// Whether a label was longer than is kept.
    pub are_cut: bool,
}

impl Labels {
    /// Adds a label; another spelling of one that is there counts as the same.
    pub(super) fn add(&mut self, text: &str) {
        let Some(label) = non_empty(text, 100) else {
            return;
        };
        // One character more may be white space.
        self.are_cut |= text.len() > 100 && clean(text, 102) != label;
        let key = key(&label);
        // LibraryThing puts every book there.
        if key == "yourlibrary" || self.seen.contains(&key) {
            return;
        }
        if self.labels.len() >= MAX_LABELS {
            self.too_many += 1;
            return;
        }
        self.seen.push(key);
        self.labels.push(label);
    }

    /// Records a label that only repeats the status: a shelf of that name is none of the reader's
    /// own.
    pub(super) fn add_status_word(&mut self, label: &str) {
        self.status_words.push(key(label));
    }

    /// Returns the labels, and the number of those that were too many.
    pub(super) fn finish(self) -> (Vec<String>, usize) {
        let Self {
            labels,
            seen,
            status_words,
            too_many,
            ..
        } = self;
        let own = labels
            .into_iter()
            .zip(seen)
            .filter(|(_, key)| !status_words.contains(key))
            .map(|(label, _)| label);
        (own.collect(), too_many)
    }
}

fn key(label: &str) -> String {
    let mut key = joined(label);
    if key.is_empty() {
        return clean(label, 100);
    }
    // "C", "C++" and "C#" are three.
    key.extend(label.chars().filter(|c| "+#*!?$€%@=<>".contains(*c)));
    key
}

/// The labels in a cell, without the position that some programs write behind: "Favourites (#19)".
pub(super) fn split_labels(text: &str) -> impl Iterator<Item = String> {
    text.split([',', ';', '|', '\n', '、', '，'])
        .map(|label| {
            let label = label.trim();
            match label.rsplit_once(" (#") {
                Some((name, number)) if number.trim_end_matches(')').parse::<u32>().is_ok() => name,
                _ => label,
            }
        })
        .filter(|label| !label.is_empty())
        .map(str::to_owned)
}

/// The labels in a cell of tags, which some programs write as `["a","b"]`, `#a #b`, or, in Chinese
/// and Japanese, with spaces between.
pub(super) fn split_tags(text: &str) -> Vec<String> {
    let text = text.trim();
    let list = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .filter(|inside| inside.starts_with(['"', '\'']));
    if let Some(list) = list {
        let labels = split_labels(list);
        return labels
            .map(|label| label.trim_matches(['"', '\'']).to_owned())
            .collect();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let are_all =
        |test: &dyn Fn(&str) -> bool| words.len() > 1 && words.iter().all(|word| test(word));
    if are_all(&|word| word.len() > 1 && word.starts_with('#')) {
        let names = words.iter().map(|word| word.trim_start_matches('#'));
        return names.flat_map(split_labels).collect();
    }
    if are_all(&|word| word.chars().all(|c| c >= '\u{3040}' && c.is_alphanumeric())) {
        return words.iter().map(|word| (*word).to_owned()).collect();
    }
    split_labels(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_as_programs_write_them() {
        for text in ["a, b", "a;b", "[\"a\", \"b\"]", "['a', 'b']", "#a #b"] {
            assert_eq!(split_tags(text), ["a", "b"], "{text}");
        }
        assert_eq!(split_tags("科幻 小说"), ["科幻", "小说"]);
        assert_eq!(split_tags("science fiction"), ["science fiction"]);
        assert_eq!(split_tags("#1 best"), ["#1 best"]);
        assert_eq!(split_tags("[x]"), ["[x]"]);
    }

    #[test]
    fn labels_are_told_apart_by_their_words() {
        let mut labels = Labels::default();
        labels.add_status_word("to-read");
        for label in split_labels("To Read, sci-fi; Sci Fi|Owned (#3), Your library, 😀, ?") {
            labels.add(&label);
        }
        let (labels, too_many) = labels.finish();
        assert_eq!(labels, ["sci-fi", "Owned", "😀", "?"]);
        assert_eq!(too_many, 0);
    }
}
