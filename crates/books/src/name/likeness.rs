//! Whether a text that stands beside a title is the name of its author.

use super::company::is_single_name;
use super::order::{NameOrder, order_in};
use super::word::{begins_with_given_name, is_dotted, is_particle};
use crate::text::words;

/// Words with which titles begin, and names do not.
const ARTICLES: &str = "the a an der die das ein eine le la les l un une el los las il lo gli i o os as um uma het een \
    my our in on of for to at from";

/// How much a text is like the name of a person, or of several: 3 by a given name, initials or a
/// comma, 1 by its capitals alone, 0 not at all.
pub(crate) fn likeness(text: &str) -> u32 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_joint = |word: &str| matches!(word, "&" | "and" | "und" | "et" | "y" | "e" | "и" | "i");
    let joints = words.iter().filter(|word| is_joint(word)).count();
    let has_capitals = text.contains(char::is_uppercase);
    let is_part = |word: &&str| {
        !word.starts_with(char::is_lowercase)
            || !has_capitals
            || is_particle(word)
            || is_joint(word)
    };
    let least = if joints > 0 { 5 } else { 2 };
    if is_single_name(text) {
        return 3;
    }
    if !(least..=12).contains(&words.len())
        || text.len() > 120
        || text.contains(|c: char| c.is_ascii_digit() || matches!(c, '!' | '?' | '"' | ':'))
        || !words.iter().all(is_part)
    {
        return 0;
    }
    let are_initials = words
        .split_last()
        .is_some_and(|(_, given)| given.iter().all(|word| is_dotted(word)));
    if begins_with_given_name(text) || are_initials {
        return 3;
    }
    if order_in(text) == Some(NameOrder::LastFirst)
        && let Some((_, given)) = text.split_once(", ")
    {
        let is_known = begins_with_given_name(given) || given.split(' ').any(is_dotted);
        // "Discworld, Book Four"
        return match given.split(' ').count() {
            _ if is_known => 3,
            1 => 2,
            _ => 1,
        };
    }
    u32::from(
        words.len() < 5 && !begins_with_article(text) && !text.contains(',') && is_cased(text),
    )
}

fn begins_with_article(text: &str) -> bool {
    let first = words(text).into_iter().next().unwrap_or_default();
    text.contains(['\'', '’']) && text.find(['\'', '’']) == Some(1) && !text.starts_with('O')
        || ARTICLES.split(' ').any(|article| article == first)
}

fn is_cased(text: &str) -> bool {
    text.starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_titles() {
        for (text, expected) in [
            ("Jane Austen", 3),
            ("J. R. R. Tolkien", 3),
            ("Kafka, Franz", 3),
            ("Terry Pratchett & Neil Gaiman", 3),
            ("jane austen", 3),
            ("Homer", 3),
            ("Marius Katiliškis", 1),
            ("Great Expectations", 1),
            ("War and Peace", 0),
            ("Anne of Green Gables", 0),
            ("La Nausée", 0),
            ("L'Étranger", 0),
            ("Emma", 0),
            ("2001 A Space Odyssey", 0),
            ("", 0),
        ] {
            assert_eq!(likeness(text), expected, "{text}");
        }
    }
}
