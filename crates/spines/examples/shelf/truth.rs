//! What a person can read on photos of shelves, and how it is held against what was read.
//!
//! It is in a folder's `ground-truth.json`: `{"photo.jpg": [{"title": "...", "author": "..."}]}`.

use std::collections::BTreeMap;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Name of the file beside the photos.
pub(crate) const FILE: &str = "ground-truth.json";

/// The books on each photo, by the photo's file name.
pub(crate) type Truth = BTreeMap<String, Vec<Book>>;

/// A book on a photo.
#[derive(Clone, Deserialize)]
pub(crate) struct Book {
    pub title: String,
    pub author: String,
}

impl Book {
    /// Whether this is the book's title, whatever the subtitle.
    pub(crate) fn is_titled(&self, other: &str) -> bool {
        let title = |title: &str| words(title.split(':').next().unwrap_or_default());
        title(&self.title) == title(other)
    }
}

/// Whether words that hold three quarters of the title's letters were read, each with at most one
/// wrong letter, or two from eight letters on.
pub(crate) fn is_read(title: &str, read: &[String]) -> bool {
    let words = words(title);
    let all: usize = words.iter().map(|word| word.chars().count()).sum();
    let found: usize = words
        .iter()
        .filter(|word| read.iter().any(|other| is_nearly(word, other)))
        .map(|word| word.chars().count())
        .sum();
    4 * found >= 3 * all
}

fn is_nearly(word: &str, read: &str) -> bool {
    let (letters, others) = (word.chars().count(), read.chars().count());
    let allowed = match letters {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    };
    letters.abs_diff(others) <= allowed && strsim::levenshtein(word, read) <= allowed
}

/// The words of at least two letters in lower case, without accents, also parted where the case
/// changes inside.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in text.nfd().filter(|c| !is_combining_mark(*c)) {
        let is_new = !before.is_alphanumeric() || before.is_lowercase() && c.is_uppercase();
        if c.is_alphanumeric() {
            if is_new {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                match c {
                    'ß' => word.push_str("ss"),
                    c => word.extend(c.to_lowercase()),
                }
            }
        }
        if !matches!(c, '\'' | '\u{2019}') {
            before = c;
        }
    }
    words.retain(|word| word.chars().count() > 1);
    words
}
