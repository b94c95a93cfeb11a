//! Phrases to search for: those of a title that a provider's index can hold.

use crate::entities::unescape;
use crate::numeral::{
    english_ordinal, in_digits, in_words, ordinal_in_digits, ordinal_in_words, roman,
};
use crate::other_book::names_set;
use crate::series::{split_series, take_mark, trailing_brackets};
use crate::text::{clean, words};
use crate::title::{
    is_article, is_article_behind, is_conjunction, joined_letters_and_digits, split_subtitle,
};
use crate::word_list::is_in;

/// Largest number of words of a title that are searched for.
const MAX_WORDS: usize = 12;

/// The main parts of a title, in every spelling worth asking for, the best first: an index that
/// reads "&" and "and", "A.I." and "AI", "Vol. 2" and "2" as different words holds one of them
/// only.
///
/// Letters and digits keep their spelling; everything that a query language could understand is
/// a space.
pub(crate) fn search_phrases(title: &str) -> Vec<String> {
    let title = unescape(title);
    let (title, _) = split_series(&title);
    let mut title = title.as_str();
    while let Some((before, _)) = trailing_brackets(title) {
        title = before;
    }
    let (main, subtitle) = split_subtitle(title);
    // An index may have "L'Étranger" as one word.
    let mut elided = None;
    let main = match main.rsplit_once(", ") {
        Some((main, article)) if is_article_behind(article) => {
            if article.ends_with(['\'', '\u{2019}']) {
                elided = Some(format!("{article}{main}"));
            }
            main
        }
        _ => main,
    };
    let mut parts: Vec<&str> = main.split_whitespace().collect();
    if parts.len() > 1 && is_article(parts[0]) {
        parts.remove(0);
    }
    let main = parts.join(" ");
    let mut phrases = Vec::new();
    let mut add = |phrase: String| {
        if !phrase.is_empty() && !phrases.contains(&phrase) {
            phrases.push(phrase);
        }
    };
    let spelled = phrase(&main);
    if let Some(elided) = elided {
        add(phrase(&elided));
    }
    add(spelled.clone());
    // "Salt Sea Omnibus Edition" is in an index without its last word, too.
    if let [name @ .., set, last] = spelled.split(' ').collect::<Vec<_>>().as_slice()
        && last.eq_ignore_ascii_case("edition")
        && names_set(&words(set))
    {
        add(format!("{} {set}", name.join(" ")));
    }
    let has = |word: &str| {
        spelled
            .split(' ')
            .any(|other| other.eq_ignore_ascii_case(word))
    };
    if has("&") {
        add(replaced(&spelled, "&", "and"));
    }
    let inner = spelled.split(' ').skip(1).map(str::to_lowercase);
    if let Some(word) = inner.into_iter().find(|word| is_conjunction(word)) {
        add(replaced(&spelled, &word, "&"));
    }
    if spelled.contains('.') {
        add(spelled.replace('.', ""));
    }
    let mut rest = words(&joined_letters_and_digits(&main.replace('#', " no ")));
    if take_mark(&mut rest).is_none() {
        for other in other_spellings_of_numbers(&main) {
            add(other);
        }
    } else {
        // The words before the mark in their own spelling.
        let kept = spelled
            .split(' ')
            .scan(rest.len(), |left, part| {
                let length = words(part).len();
                *left = left.checked_sub(length)?;
                Some(part)
            })
            .collect::<Vec<_>>()
            .join(" ");
        add(kept.trim_end_matches([' ', '&']).to_owned());
    }
    // "Mistfall 2: The Hollow Crown": an index may have it without its series.
    if take_mark(&mut words(&main.replace('#', " no "))).is_some() || ends_with_place(&main) {
        let title: Vec<&str> = subtitle.split_whitespace().collect();
        let title = match title.as_slice() {
            [article, rest @ ..] if is_article(article) && !rest.is_empty() => rest,
            all => all,
        };
        let title = phrase(&title.join(" "));
        if !phrases.contains(&title) && title.chars().count() >= LEAST_BEHIND_SERIES {
            phrases.push(title);
        }
    }
    phrases
}

/// Number of letters from which on the title behind a series is asked for.
const LEAST_BEHIND_SERIES: usize = 8;

/// Whether a title ends with a small number, as that of a volume.
fn ends_with_place(main: &str) -> bool {
    let words = words(main);
    matches!(words.as_slice(), [_, .., last]
        if last.len() <= 2 && last.bytes().all(|b| b.is_ascii_digit()))
}

/// A title that has numbers with all of them in digits, or in words; and the number that ends one
/// as that of a volume.
fn other_spellings_of_numbers(main: &str) -> Vec<String> {
    let plain = words(&joined_letters_and_digits(main));
    let plain = &plain[..plain.len().min(MAX_WORDS)];
    let digits = in_digits(plain.to_vec());
    let spelled: Vec<String> = (digits.iter())
        .map(|word| in_words(word).unwrap_or_else(|| word.clone()))
        .collect();
    let mut others = Vec::new();
    // Words like "one" are more often no number, and are spelled so.
    if let [name @ .., last] = plain
        && !name.is_empty()
        && last.len() <= 2
        && last.bytes().all(|b| b.is_ascii_digit())
    {
        for label in ["Vol", "Volume"] {
            others.push(format!("{} {label} {last}", name.join(" ")));
        }
    }
    // "Annals of Dust II"
    if let [name @ .., last] = plain
        && !name.is_empty()
        && last.len() > 1
        && let Some(place) = roman(last).filter(|place| *place < 40)
    {
        others.push(format!("{} {place}", name.join(" ")));
    }
    let has_digits = main.bytes().any(|b| b.is_ascii_digit());
    if plain != digits.as_slice() || has_digits && words(main) != plain {
        // "20,000" is one word with its sign, and another one without.
        others.push(digits.join(" "));
        let last = digits.iter().map(|word| with_thousands(word));
        others.push(last.collect::<Vec<_>>().join(" "));
    }
    if !plain.iter().any(|word| is_in(ENGLISH, word)) {
        others.extend(beside_a_number(plain));
    }
    let spelled = spelled.join(" ");
    if spelled != plain.join(" ") {
        // "Hundred Years" is in "One Hundred Years" as well.
        let rest = spelled.strip_prefix("one ");
        let is_round = |rest: &&str| rest.starts_with("hundred") || rest.starts_with("thousand");
        others.push(rest.filter(is_round).map_or(spelled.clone(), str::to_owned));
    }
    others.extend(other_spelling_of_places(plain));
    others
}

/// Little words of English titles.
const ENGLISH: &str = "the of and with from his her to for my";

/// The longer of the parts of a title before and behind a number in digits, which an index may have
/// in words of any language: "100 años de soledad". A number at the end is that of a volume.
fn beside_a_number(plain: &[String]) -> Option<String> {
    let is_number = |word: &String| word.len() > 1 && word.bytes().all(|b| b.is_ascii_digit());
    let at = plain.iter().position(is_number)?;
    let (before, behind) = (&plain[..at], &plain[at + 1..]);
    let rest = if before.len() > behind.len() {
        before
    } else {
        behind
    };
    let phrase = rest.join(" ");
    let is_enough = rest.len() > 1 && phrase.len() >= LEAST_BEHIND_SERIES;
    (is_enough && !behind.is_empty()).then_some(phrase)
}

/// A title with its place in words instead of digits, or the other way round: "5th Wave".
fn other_spelling_of_places(plain: &[String]) -> Option<String> {
    let (at, place) =
        (plain.iter().enumerate()).find_map(|(at, word)| Some((at, english_ordinal(word)?)))?;
    let has_digits = plain[at].starts_with(|c: char| c.is_ascii_digit());
    let other = match has_digits {
        true => ordinal_in_words(place)?,
        false => ordinal_in_digits(place),
    };
    let mut words = plain.to_vec();
    words[at] = other;
    Some(words.join(" "))
}

/// "20000" as "20,000".
fn with_thousands(word: &str) -> String {
    let is_large = word.len() > 4 && word.len() <= 6 && word.bytes().all(|b| b.is_ascii_digit());
    match word.len().checked_sub(3) {
        Some(at) if is_large => format!("{},{}", &word[..at], &word[at..]),
        _ => word.to_owned(),
    }
}

fn replaced(phrase: &str, word: &str, by: &str) -> String {
    phrase
        .split(' ')
        .map(|part| {
            if part.eq_ignore_ascii_case(word) {
                by
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn phrase(main: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in main.split_whitespace() {
        if is_initials(part) {
            parts.push(part.to_owned());
            continue;
        }
        let spelled: String = part
            .chars()
            .map(|c| match c {
                '\u{2018}' | '\u{2019}' | '\'' => '\'',
                c if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) => c,
                '&' => '&',
                _ => ' ',
            })
            .collect();
        let told = |part: &&str| part.contains(char::is_alphanumeric) || *part == "&";
        parts.extend(spelled.split_whitespace().filter(told).map(str::to_owned));
    }
    parts.truncate(MAX_WORDS);
    let is_text = parts.iter().any(|part| part != "&");
    match is_text {
        true => clean(&parts.join(" "), 120),
        false => String::new(),
    }
}

/// Whether a word is letters with points between them, as in "A.I.".
fn is_initials(part: &str) -> bool {
    let mut letters = part.trim_end_matches('.').split('.');
    part.contains('.')
        && letters.clone().count() > 1
        && letters.all(|letter| {
            let mut chars = letter.chars();
            chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_holds_no_query_language() {
        for (title, phrases) in [
            ("The Poppy War (The Poppy War, #1)", &["Poppy War"][..]),
            ("Sapiens: A Brief History of Humankind", &["Sapiens"]),
            ("Cat\u{2019}s Cradle", &["Cat's Cradle"]),
            (
                "Who Gets \"Believed\"?* NOT OR",
                &["Who Gets Believed NOT OR"],
            ),
            ("Mariana \\ ~ ^2 {x} [y]", &["Mariana 2 x", "mariana two x"]),
            ("The", &["The"]),
            (": odd", &["odd"]),
            ("Les Misérables", &["Misérables"]),
            ("&", &[]),
        ] {
            assert_eq!(search_phrases(title), phrases, "{title}");
        }
    }

    #[test]
    fn every_spelling_that_an_index_may_hold_is_asked_for() {
        for (title, phrases) in [
            (
                "Daisy Jones & The Six",
                &[
                    "Daisy Jones & The Six",
                    "Daisy Jones and The Six",
                    "daisy jones and the 6",
                ][..],
            ),
            ("Salt &amp; Smoke", &["Salt & Smoke", "Salt and Smoke"]),
            ("Fire and Bone", &["Fire and Bone", "Fire & Bone"]),
            ("A.I. Superpowers", &["A.I. Superpowers", "AI Superpowers"]),
            ("Silent Harbour, The", &["Silent Harbour"]),
            ("A Winter Ferry", &["Winter Ferry"]),
            ("Salt Sea, Vol. 1", &["Salt Sea Vol 1", "Salt Sea"]),
            (
                "Salt Sea, Volume One: Tides",
                &["Salt Sea Volume One", "Salt Sea"],
            ),
            ("The Well of Ascent: Mistfall, Book 2", &["Well of Ascent"]),
            ("The 39 Stairs", &["39 Stairs", "thirty nine stairs"]),
            (
                "Twenty Thousand Leagues",
                &["Twenty Thousand Leagues", "20000 leagues", "20,000 leagues"],
            ),
            (
                "20,000 Leagues",
                &[
                    "20 000 Leagues",
                    "20000 leagues",
                    "20,000 leagues",
                    "twenty thousand leagues",
                ],
            ),
            ("1984", &["1984", "nineteen eighty four"]),
            (
                "Naruto 5",
                &["Naruto 5", "naruto Vol 5", "naruto Volume 5", "naruto five"],
            ),
            ("Naruto #5", &["Naruto 5", "Naruto"]),
            ("The 5th Wave", &["5th Wave", "fifth wave"]),
            ("Twelfth Night", &["Twelfth Night", "12th night"]),
            (
                "100 Years of Solitude",
                &["100 Years of Solitude", "hundred years of solitude"],
            ),
            (
                "Crimen y castigo",
                &["Crimen y castigo", "Crimen & castigo"],
            ),
            ("Avonden, De", &["Avonden"]),
        ] {
            assert_eq!(search_phrases(title), phrases, "{title}");
        }
    }
}
