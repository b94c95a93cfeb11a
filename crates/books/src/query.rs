//! A reader's search at Open Library by words, instead of a look-up of one certain book.

use crate::Provider;
use crate::provider::open_library;
use crate::search::{HttpGet, Reader};

/// Largest number of characters of a text that are asked for.
const MAX_TEXT: usize = 200;

/// A reader's search for books. Texts may be empty; a hit must fit all that are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Words that may stand anywhere in a record.
    pub text: String,
    /// Words of the title.
    pub title: String,
    /// Words of an author's name.
    pub author: String,
    /// The number of the page of hits, from 1.
    pub page: u32,
    /// Largest number of hits on a page.
    pub limit: u32,
}

impl Query {
    /// Whether there is a word to search for.
    pub fn has_words(&self) -> bool {
        [&self.text, &self.title, &self.author]
            .iter()
            .any(|text| !plain_words(text).is_empty())
    }

    /// The request to Open Library at `base`.
    pub fn request(&self, base: &str) -> HttpGet {
        let parts = [
            ("q", plain_words(&self.text)),
            ("title", plain_words(&self.title)),
            ("author", plain_words(&self.author)),
        ];
        let parts: Vec<(&str, String)> = parts
            .into_iter()
            .filter(|(_, words)| !words.is_empty())
            .collect();
        let url =
            open_library::page_of_words(base, &parts, self.page.max(1), self.limit.clamp(1, 100));
        HttpGet { url }
    }

    /// The reader of the provider's answer.
    pub fn reader(&self) -> Reader {
        Reader::of_words(Provider::OpenLibrary)
    }
}

/// The words of a text without the search engine's syntax: what a reader types is never an
/// operator.
fn plain_words(text: &str) -> String {
    let text: String = text.chars().take(MAX_TEXT).collect();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let words: Vec<String> = words
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            "AND" | "OR" | "NOT" | "TO" => word.to_lowercase(),
            word => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_types_is_never_syntax() {
        for (typed, asked) in [
            ("the hobbit", "the hobbit"),
            ("title:\"x\" OR *", "title x or"),
            ("O'Brien, Flann", "O'Brien Flann"),
            ("(((", ""),
            ("Cien años", "Cien años"),
            ("a/b+c-d!e{f}[g]^h~i?j\\k&l|m", "a b c d e f g h i j k l m"),
        ] {
            assert_eq!(plain_words(typed), asked, "{typed}");
        }
        assert!(plain_words(&"x ".repeat(1000)).len() <= MAX_TEXT);
    }

    #[test]
    fn a_page_is_asked_for_by_its_words() {
        let query = Query {
            text: "hobbit".into(),
            author: "Tolkien".into(),
            page: 2,
            limit: 20,
            ..Query::default()
        };
        let url = query.request("https://openlibrary.org/").url;
        assert!(
            url.starts_with("https://openlibrary.org/search.json?q=hobbit&author=Tolkien&"),
            "{url}"
        );
        assert!(url.contains("&page=2&limit=20"), "{url}");
        assert!(query.has_words() && !Query::default().has_words());
    }

    #[test]
    fn hits_are_records_and_their_number_in_all() {
        let body = br#"{"numFound": 41, "docs": [
            {"key": "/works/OL1W", "title": "A", "author_name": ["B"],
             "editions": {"docs": [{"key": "/books/OL2M", "title": "A", "isbn": ["9780743273565"]}]}},
            {"key": "/works/OL3W", "title": "C"}, 7
        ]}"#;
        let reader = Query::default().reader();
        let records = reader.read(body).unwrap();
        assert_eq!((reader.total(), records.len()), (41, 2));
        assert_eq!(records[0].work.title, "A");
        assert!(reader.read(b"<html>").is_err());
    }
}
