//! Whether the family name comes first: what commas, initials and capitals tell.

use super::company::{is_company, is_single_name};
use super::parts::Parts;
use super::separator::people;
use super::word::{
    begins_with_given_name, begins_with_particle, ends_with_particle, has_large_particle,
    is_dotted, is_in_capitals, is_initial, is_no_initials, is_one_word, is_patronymic, is_title,
    without_capitals,
};

/// The meaning of a comma in the names of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NameOrder {
    /// Unknown: each name decides for itself.
    #[default]
    Unknown,
    /// The comma comes after the family name: `Le Guin, Ursula K.`
    LastFirst,
    /// The comma comes between two people: `Terry Pratchett, Neil Gaiman`
    FirstLast,
    /// No comma is needed, for the family name comes first without one: `Levi Primo`
    FamilyFirst,
}

/// The meaning of commas in a cell, where it can be told.
pub(crate) fn order_in(cell: &str) -> Option<NameOrder> {
    let people = people(cell);
    if people.len() > 1 {
        return all_have_one_comma(&people).then_some(NameOrder::LastFirst);
    }
    let parts = Parts::of(people.first()?).0;
    match parts.as_slice() {
        [family, given] => match order_of_two(family, given) {
            Some(order) => Some(order),
            None if is_one_word(family) => Some(NameOrder::LastFirst),
            None => None,
        },
        [_, _, _, ..] => parts
            .iter()
            .all(|part| !is_one_word(part) && begins_with_given_name(part))
            .then_some(NameOrder::FirstLast),
        _ => None,
    }
}

/// The texts before and after the only comma of a cell, when each may be a whole name: "Douglas
/// Preston, Lincoln Child".
pub(super) fn two_sides(cell: &str) -> Option<(String, String)> {
    let people = people(cell.trim());
    let [person] = people.as_slice() else {
        return None;
    };
    let Parts(parts, suffixes) = Parts::of(person);
    let [family, given] = parts.as_slice() else {
        return None;
    };
    let first_of_given = given.split_whitespace().next().unwrap_or_default();
    let is_told = suffixes.iter().any(Option::is_some)
        || is_one_word(family)
        || is_one_word(given)
        || begins_with_particle(family)
        || has_large_particle(family)
        || ends_with_particle(given)
        || is_title(first_of_given)
        || given.split_whitespace().next_back().is_some_and(is_initial);
    (!is_told).then(|| (family.clone(), given.clone()))
}

pub(super) fn all_have_one_comma(people: &[&str]) -> bool {
    people
        .iter()
        .all(|chunk| chunk.matches(',').count() == 1 && Parts::of(chunk).0.len() == 2)
}

pub(super) fn is_last_first(family: &str, given: &str, order: NameOrder) -> bool {
    if order == NameOrder::FirstLast {
        return false;
    }
    match order_of_two(family, given) {
        Some(evident) => evident == NameOrder::LastFirst,
        None => {
            order == NameOrder::LastFirst || is_one_word(family) || is_one_word(given) || {
                // "Le Guin, Ursula K."
                given.split_whitespace().next_back().is_some_and(is_initial)
            }
        }
    }
}

/// The meaning of a comma between two parts, where they tell it by themselves.
fn order_of_two(family: &str, given: &str) -> Option<NameOrder> {
    let is_listed = |part: &str| family_and_initials(part).is_some();
    if is_company(family)
        || is_company(given)
        || is_single_name(family) && !is_one_word(given)
        || is_listed(family) && is_listed(given)
    {
        return Some(NameOrder::FirstLast);
    }
    // "von Goethe, Johann", "Saint-Exupéry, Antoine de"
    if begins_with_particle(family) || ends_with_particle(given) {
        return Some(NameOrder::LastFirst);
    }
    if is_one_word(family) || is_one_word(given) {
        return (is_one_word(family) && begins_with_given_name(given))
            .then_some(NameOrder::LastFirst);
    }
    match (
        begins_with_given_name(family),
        begins_with_given_name(given),
    ) {
        (true, true) => Some(NameOrder::FirstLast),
        (false, true) => Some(NameOrder::LastFirst),
        _ => None,
    }
}

/// Whether the parts alternate between family and given names: "Pratchett, Terry, Gaiman, Neil". In
/// a column of such names one that is known is enough.
pub(super) fn are_pairs(parts: &[String], order: NameOrder) -> bool {
    let is_given = |part: &String| begins_with_given_name(part) || is_initial(part);
    let mut pairs = parts.chunks(2);
    let known = parts
        .chunks(2)
        .filter(|pair| pair.get(1).is_some_and(is_given));
    let least = match order {
        // Two books of one family, or a column of pairs.
        NameOrder::LastFirst => 0,
        _ if parts.first() == parts.get(2) => 0,
        _ => parts.len() / 2,
    };
    parts.len().is_multiple_of(2)
        && pairs.all(|pair| is_one_word(&pair[0]) && (least == 0 || !is_company(&pair[1])))
        && (known.count() >= least)
        && !parts.iter().all(is_given)
}

/// A name without a comma, its family name last where it says by itself that it comes first:
/// "CAMUS Albert", "Толстой Л. Н.", "Толстой Лев Николаевич".
pub(super) fn given_name_first(name: &str, order: NameOrder) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let family = match words.as_slice() {
        [] | [_] => 0,
        [family, given] if order == NameOrder::FamilyFirst => {
            let is_turned = begins_with_given_name(family) && !begins_with_given_name(given);
            usize::from(!is_turned)
        }
        [_, initials @ ..]
            if !is_dotted(words[0]) && initials.iter().all(|word| is_dotted(word)) =>
        {
            1
        }
        [_, _, patronymic] if is_patronymic(patronymic) => 1,
        words => {
            let capitals = words.iter().take_while(|word| is_in_capitals(word)).count();
            let (family, given) = words.split_at(capitals);
            let is_given =
                begins_with_given_name(name) && !begins_with_given_name(&given.join(" "));
            match given {
                [_, ..] if family.iter().any(|word| is_no_initials(word)) && !is_given => capitals,
                _ => 0,
            }
        }
    };
    if family == 0 {
        // "JANE AUSTEN"
        let are_capitals = words
            .iter()
            .all(|word| is_in_capitals(word) || is_dotted(word));
        return match are_capitals
            && words.len() > 1
            && words.iter().any(|word| is_no_initials(word))
        {
            true => words
                .iter()
                .map(|word| without_capitals(word))
                .collect::<Vec<_>>()
                .join(" "),
            false => name.to_owned(),
        };
    }
    let (family, given) = words.split_at(family);
    // "KAFKA FRANZ"
    let are_capitals = given
        .iter()
        .all(|word| is_in_capitals(word) && is_no_initials(word));
    let given = given.iter().map(|word| match are_capitals {
        true => without_capitals(word),
        false => (*word).to_owned(),
    });
    let family = family.iter().map(|word| without_capitals(word));
    given.chain(family).collect::<Vec<_>>().join(" ")
}

/// Whether a name has its family name first and no comma, as far as its words tell.
pub(crate) fn is_family_first(name: &str) -> Option<bool> {
    match name.split_whitespace().collect::<Vec<_>>().as_slice() {
        [first, last] if !name.contains(',') => {
            match (begins_with_given_name(first), begins_with_given_name(last)) {
                (false, true) => Some(true),
                (true, false) => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Splits a name into the family name and the initials behind it: "Ott B.", "Ott BC".
pub(super) fn family_and_initials(part: &str) -> Option<(&str, &str)> {
    let (family, initials) = part.split_once(' ')?;
    let is_bare = |word: &str| {
        (1..=3).contains(&word.chars().count()) && word.chars().all(char::is_uppercase)
    };
    let are_initials = |word: &str| {
        is_dotted(word) || is_bare(word) && !begins_with_given_name(family) && word.len() < 6
    };
    (family.chars().count() > 1
        && !is_dotted(family)
        && !is_bare(family)
        && initials.split_whitespace().all(are_initials))
    .then_some((family, initials))
}
