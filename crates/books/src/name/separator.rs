//! The people of a cell, apart from each other.

use super::role::is_role;

/// Signs and words between two people.
const SEPARATORS: [char; 13] = [
    ';', '|', '/', '&', '\n', '+', '、', '，', '；', '｜', '／', '\\', '•',
];

/// Words between two people, unless what stands beside them is a part of a name ("Ortega y
/// Gasset").
const CONJUNCTIONS: [&str; 18] = [
    " and ", " und ", " et ", " y ", " e ", " en ", " og ", " och ", " i ", " a ", " и ", " with ",
    " — ", " – ", " u. ", " feat. ", " feat ", " ft. ",
];

pub(super) fn people(cell: &str) -> Vec<&str> {
    let mut people: Vec<&str> = cell
        .split(SEPARATORS)
        .flat_map(people_by_role)
        .filter(|chunk| !chunk.trim().is_empty())
        .collect();
    let is_conjunction = |word: &str| CONJUNCTIONS.iter().any(|known| known.trim() == word);
    if !cell.split(' ').any(is_conjunction) {
        return people;
    }
    for conjunction in CONJUNCTIONS {
        people = people
            .into_iter()
            .flat_map(|chunk| split_at_conjunction(chunk, conjunction))
            .collect();
    }
    people
}

/// Splits people behind each of whom stands what they did:
/// "이민진 (지은이) 신승미 (옮긴이)", "山田花・作　佐藤葉・訳".
pub(super) fn people_by_role(chunk: &str) -> Vec<&str> {
    let spaced = || chunk.split('\u{3000}').map(str::trim);
    let has_role = |person: &str| {
        let role = person.rsplit(['・', ' ']).next().unwrap_or_default();
        role.len() < person.len() && is_role(role)
    };
    if chunk.contains('\u{3000}') && spaced().all(has_role) {
        return spaced().collect();
    }
    // "东野圭吾 著 刘姿君 译"
    let mut people = Vec::new();
    let mut begin = 0;
    if !chunk.is_ascii() {
        for (at, _) in chunk.match_indices(' ') {
            let role = chunk[..at].rsplit(' ').next().unwrap_or_default();
            if role > "\u{2e80}" && at > begin + role.len() && is_role(role) {
                people.push(&chunk[begin..at]);
                begin = at + 1;
            }
        }
    }
    let mut open = None;
    for (at, bracket) in chunk.match_indices(['(', ')']) {
        if bracket == "(" {
            open = Some(at);
            continue;
        }
        let is_end = open.take().is_some_and(|open| is_role(&chunk[open..at]));
        let behind = &chunk[at + 1..];
        let next = behind.strip_prefix(',').unwrap_or(behind);
        // "Ann Ott (Author) and Bo Lind (Illustrator)"
        let conjunction = CONJUNCTIONS.iter().find(|word| next.starts_with(**word));
        let next = conjunction.map_or(next, |word| &next[word.len() - 1..]);
        // "Ann Ott (Author), Bo Lind (Illustrator)"
        if is_end
            && let Some(next) = next.strip_prefix(' ')
            && next.starts_with(char::is_alphabetic)
        {
            people.push(&chunk[begin..=at]);
            begin = chunk.len() - next.len();
        }
    }
    people.push(&chunk[begin..]);
    people
}

fn split_at_conjunction<'a>(chunk: &'a str, conjunction: &str) -> Vec<&'a str> {
    let parts: Vec<&str> = chunk.split(conjunction).collect();
    let is_whole = |part: &&str| part.split_whitespace().count() > 1;
    let is_sure = matches!(conjunction, " and " | " feat. " | " ft. ");
    if parts.len() > 1 && (is_sure || parts.iter().all(is_whole)) {
        parts
    } else {
        vec![chunk]
    }
}
