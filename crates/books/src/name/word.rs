//! The words of which names consist: given names, particles, titles, initials.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::TITLES;
use crate::text::{joined, words};

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
    TITLES.contains(&joined(part).as_str())
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
    letters().count() > 1 && letters().all(|c| c.is_uppercase() || c == 'ß') && !word.contains('.')
}

/// Whether a word in capitals can be said, and is not three given names: "ECO", not "JRR".
pub(super) fn is_no_initials(word: &str) -> bool {
    let letters = joined(word);
    let count = letters.chars().count();
    let is_vowel = |c: char| "aeiouyаеиоуыэюя".contains(c);
    count > 3 || count == 3 && letters.contains(is_vowel)
}

/// Given names in front of a family name, as a reader writes them if they are in capitals: "LE
/// GUIN, URSULA". Companies stay as they are: "NASA, ESA".
pub(super) fn turned(family: &str, given: &str) -> String {
    let are_initials = given
        .split_whitespace()
        .all(|word| is_initial(word) || is_dotted(word));
    // "TOLKIEN, JRR", "JAMES, EL"
    let is_short = is_one_word(given) && family.len() > 4 && !is_no_initials(given);
    let is_known = begins_with_given_name(given);
    let recased = |part: &str, is_told| match is_told {
        true => recased(part),
        false => part.to_owned(),
    };
    let mut name = recased(given, is_known);
    name.push(' ');
    name.push_str(&recased(family, is_known || are_initials || is_short));
    name
}

/// A part of a name as a reader writes it, if it is in capitals only: "AUSTEN", "LE GUIN",
/// "ANTOINE DE".
fn recased(part: &str) -> String {
    let words = || part.split_whitespace();
    let is_saint = |word: &str| word == "ST.";
    let is_capital =
        |word: &str| is_in_capitals(word) || is_initial(word) || is_dotted(word) || is_saint(word);
    if !words().all(is_capital) {
        return part.to_owned();
    }
    let recased = words()
        .enumerate()
        .map(|(at, word)| match word.to_lowercase() {
            particle if at > 0 && is_particle(&particle) => particle,
            _ if is_saint(word) || word == "MC" => lowered(word),
            _ => without_capitals(word),
        });
    recased.collect::<Vec<_>>().join(" ")
}

/// "CAMUS" as "Camus", "O'BRIEN-SMITH" as "O'Brien-Smith", "MCCULLOUGH" as "McCullough".
pub(super) fn without_capitals(word: &str) -> String {
    let is_number = word.bytes().all(|byte| matches!(byte, b'I' | b'V' | b'X'));
    let small = word.to_lowercase();
    if is_number
        || !is_in_capitals(word)
        || !is_no_initials(word) && !is_particle(&small) && !begins_with_given_name(word)
    {
        return word.to_owned();
    }
    // Articles begin with a capital: "Le Guin", "Du Maurier", not "von Goethe".
    if is_particle(&small) && !matches!(&*small, "le" | "la" | "du" | "el") {
        return small;
    }
    match word.strip_prefix("MC") {
        Some(rest) if rest.len() > 2 => format!("Mc{}", lowered(rest)),
        _ => lowered(word),
    }
}

/// A word whose letters are small ones but for the first of each run: "O'BRIEN" as "O'Brien".
fn lowered(word: &str) -> String {
    let mut name = String::with_capacity(word.len());
    let runs = word.split_inclusive(|c: char| !c.is_alphabetic());
    for run in runs {
        let mut letters = run.chars();
        name.extend(letters.next());
        // As a whole, for a sigma is another one at the end; "İ" becomes "i" and a dot.
        let small = run.to_lowercase();
        name.extend(small.chars().skip(1).filter(|c| *c != '\u{307}'));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_become_small_letters() {
        for (word, expected) in [
            ("CAMUS", "Camus"),
            ("O'BRIEN-SMITH", "O'Brien-Smith"),
            ("MCCULLOUGH", "McCullough"),
            ("ΚΑΖΑΝΤΖΆΚΗΣ", "Καζαντζάκης"),
            ("ΝΊΚΟΣ", "Νίκος"),
            ("EMİNE", "Emine"),
            ("GROß", "Groß"),
            ("VON", "von"),
            ("DE", "de"),
            ("LE", "Le"),
            ("NHK", "NHK"),
            ("VIII", "VIII"),
        ] {
            assert_eq!(without_capitals(word), expected, "{word}");
        }
    }

    #[test]
    fn no_given_name_is_listed_twice() {
        let mut seen = HashSet::new();
        for name in words(GIVEN_NAMES) {
            assert!(seen.insert(name.clone()), "{name}");
        }
    }
}
