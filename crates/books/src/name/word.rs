//! The words of which names consist: given names, particles, titles, initials.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::TITLES;
use crate::text::words;

/// Common given names, without accents: what tells `García Márquez, Gabriel` (one person) from
/// `Terry Pratchett, Neil Gaiman` (two). A translator may add to them.
const GIVEN_NAMES: &str = include_str!("given_names.txt");

pub(crate) fn begins_with_given_name(part: &str) -> bool {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| words(GIVEN_NAMES).into_iter().collect());
    words(part).first().is_some_and(|word| names.contains(word))
}

/// Whether a word is a small one that belongs to a family name: "von", "de la", "al".
pub(super) fn is_particle(word: &str) -> bool {
    const PARTICLES: [&str; 33] = [
        "von", "van", "vom", "zu", "zum", "zur", "de", "da", "di", "do", "dos", "das", "du", "des",
        "del", "della", "dello", "der", "den", "la", "le", "lo", "los", "las", "ten", "ter", "af",
        "av", "al", "el", "bin", "ibn", "y",
    ];
    PARTICLES.contains(&word) || matches!(word, "d'" | "d’" | "l'")
}

pub(super) fn begins_with_particle(part: &str) -> bool {
    part.split_whitespace().next().is_some_and(is_particle)
}

/// "Van der Post", "De Beauvoir"; "Van" alone is also a given name.
pub(super) fn has_large_particle(part: &str) -> bool {
    let is_longer = part.split_whitespace().count() > 2;
    begins_with_particle(&part.to_lowercase()) && (is_longer || !begins_with_given_name(part))
}

pub(super) fn ends_with_particle(part: &str) -> bool {
    !is_one_word(part) && part.split_whitespace().next_back().is_some_and(is_particle)
}

pub(super) fn is_title(part: &str) -> bool {
    TITLES.contains(&words(part).concat().as_str())
}

pub(super) fn is_one_word(part: &str) -> bool {
    part.split_whitespace().count() < 2
}

pub(super) fn is_initial(word: &str) -> bool {
    word.chars().filter(|c| c.is_alphanumeric()).count() == 1
}

/// Initials with their full stops: "J.", "J.R.R.".
pub(super) fn is_dotted(word: &str) -> bool {
    let letters = word.split('.').filter(|letters| !letters.is_empty());
    word.ends_with('.')
        && letters.clone().count() > 0
        && letters
            .clone()
            .all(|letters| letters.chars().count() == 1 && letters.chars().all(char::is_uppercase))
}

pub(super) fn is_patronymic(word: &str) -> bool {
    ["ович", "евич", "овна", "евна", "ична", "ovich", "evich"]
        .iter()
        .any(|end| word.ends_with(end) && word.chars().count() > end.chars().count() + 2)
}

/// A word in capitals only that is no initials: "CAMUS", "LE", "O'BRIEN".
pub(super) fn is_in_capitals(word: &str) -> bool {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    letters().count() > 1 && letters().all(char::is_uppercase) && !word.contains('.')
}

/// Whether a word in capitals can be said, and is not three given names: "ECO", not "JRR".
pub(super) fn is_no_initials(word: &str) -> bool {
    let letters = words(word).concat();
    let count = letters.chars().count();
    let is_vowel = |c: char| "aeiouyаеиоуыэюя".contains(c);
    count > 3 || count == 3 && letters.contains(is_vowel)
}

/// A part of a name as a reader writes it, if it is in capitals only: "AUSTEN", "LE GUIN",
/// "ANTOINE DE".
pub(super) fn recased(part: &str) -> String {
    let words = || part.split_whitespace();
    let is_capital = |word: &str| is_in_capitals(word) || is_initial(word) || is_dotted(word);
    if !words().all(is_capital) {
        return part.to_owned();
    }
    let recased = words()
        .enumerate()
        .map(|(at, word)| match word.to_lowercase() {
            particle if at > 0 && is_particle(&particle) => particle,
            _ => without_capitals(word),
        });
    recased.collect::<Vec<_>>().join(" ")
}

/// "CAMUS" as "Camus", "O'BRIEN-SMITH" as "O'Brien-Smith", "MCCULLOUGH" as "McCullough".
pub(super) fn without_capitals(word: &str) -> String {
    let is_number = word.bytes().all(|byte| matches!(byte, b'I' | b'V' | b'X'));
    if is_number
        || !is_in_capitals(word)
        || !is_no_initials(word)
            && !is_particle(&word.to_lowercase())
            && !begins_with_given_name(word)
    {
        return word.to_owned();
    }
    if word.len() > 2 && is_particle(&word.to_lowercase()) {
        return word.to_lowercase();
    }
    let mut before = ' ';
    let mut name = String::with_capacity(word.len());
    let is_mac = word.starts_with("MC") && word.len() > 4;
    for (at, c) in word.char_indices() {
        if before.is_alphabetic() && !(is_mac && at == 2) {
            name.extend(c.to_lowercase());
        } else {
            name.push(c);
        }
        before = c;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_given_name_is_listed_twice() {
        let mut seen = HashSet::new();
        for name in words(GIVEN_NAMES) {
            assert!(seen.insert(name.clone()), "{name}");
        }
    }
}
