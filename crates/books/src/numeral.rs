//! Numbers as titles spell them: in digits, in Roman and in words.

use crate::word_list::{Words, is_in};

/// English number words, from zero on.
const UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

/// English words for multiples of ten, from twenty on.
const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// The beginnings of the words for things in an order, from the first on: "zweiter", "deuxième".
const ORDINALS: [&str; 10] = [
    "first erst premi primer prim eerst перв pierwsz",
    "second zweit deuxiem segund tweed втор drug",
    "third dritt troisiem tercer terz terceir derd трет trzec",
    "fourth viert quatriem cuart quart vierd четверт czwart",
    "fifth funft cinquiem quint vijfd пят piat",
    "sixth sechst sixiem sext sest zesd шест szost",
    "seventh siebt septiem septim settim zevend седьм",
    "eighth acht huitiem octav ottav восьм",
    "ninth neunt neuviem noven девят",
    "tenth zehnt dixiem decim tiend десят",
];

/// Number words of other languages than English, from one on.
const CARDINALS: [&str; 10] = [
    "un une uno una um uma ein eins eine een",
    "deux zwei zwo dos due dois duas twee dwa два две",
    "trois drei tres tre drie trzy три",
    "quatre vier cuatro quattro quatro cztery четыре",
    "cinq funf cinco cinque vijf piec пять",
    "six sechs seis sei zes шесть",
    "sept sieben siete sette sete zeven семь",
    "huit acht ocho otto oito восемь",
    "neuf neun nueve nove negen девять",
    "dix zehn diez dieci dez tien десять",
];

/// Words of other languages than English for [`VALUES_OF_WORDS`]; those below eleven stay words:
/// "six", "sei" and "dos" are others elsewhere.
static WORDS_FROM_ELEVEN: Words = Words::new(
    "onze elf undici doce zwolf douze doze dodici twaalf treize trece treze dreizehn tredici dertien \
    quatorze catorce catorze vierzehn quattordici veertien quinze quince funfzehn quindici vijftien \
    sechzehn sedici zestien vingt veinte vinte zwanzig venti twintig trente treinta trinta dreissig \
    trenta dertig quarante cuarenta quarenta vierzig quaranta veertig cinquante cincuenta cinquenta \
    funfzig cinquanta vijftig soixante sesenta sessenta sechzig sessanta zestig setenta siebzig \
    settanta zeventig ochenta oitenta achtzig ottanta tachtig noventa neunzig novanta negentig cent \
    cien cem hundert cento honderd mille mil tausend duizend",
);

/// Those of them that are other words in English: numbers only where they begin a title and count
/// something, as in "Cent ans de solitude". "Blue Elf" is not "Blue 11".
const ALSO_ENGLISH: &str = "elf doze quince venti cent mil";

/// Values of [`WORDS_FROM_ELEVEN`], each with the number of words for it.
const VALUES_OF_WORDS: [(u32, usize); 16] = [
    (11, 3),
    (12, 6),
    (13, 6),
    (14, 6),
    (15, 5),
    (16, 3),
    (20, 6),
    (30, 6),
    (40, 6),
    (50, 6),
    (60, 6),
    (70, 4),
    (80, 5),
    (90, 4),
    (100, 6),
    (1_000, 4),
];

/// The value of one of [`WORDS_FROM_ELEVEN`].
fn value_from_eleven(word: &str) -> Option<u32> {
    let mut at = WORDS_FROM_ELEVEN.position(word)?;
    let value = VALUES_OF_WORDS.iter().find(|(_, words)| {
        let is_here = at < *words;
        at = at.saturating_sub(*words);
        is_here
    });
    value.map(|(value, _)| *value)
}

/// The number up to ten that one word spells.
fn up_to_ten(word: &str) -> Option<u32> {
    position(&CARDINALS, |other| other == word)
}

/// The number from eleven on that one word of another language than English spells.
fn foreign_word(word: &str) -> Option<u32> {
    if let Some(value) = value_from_eleven(word) {
        return Some(value);
    }
    // "zwanzigtausend", "ventimila"
    let thousands = ["tausend", "duizend", "mila"];
    if let Some(before) = thousands.iter().find_map(|end| word.strip_suffix(end)) {
        let thousands = up_to_ten(before).or_else(|| foreign_word(before))?;
        return thousands.checked_mul(1_000);
    }
    // "neununddreissig", "negenendertig"
    if !word.ends_with("ig") {
        return None;
    }
    ["und", "en"].iter().find_map(|and| {
        word.match_indices(and).find_map(|(at, _)| {
            Some(up_to_ten(&word[..at])? + value_from_eleven(&word[at + and.len()..])?)
        })
    })
}

/// The number that words from the first on spell in another language than English, and how many of
/// them: "vingt mille", "quatre vingts", "treinta y nueve".
fn foreign(words: &[String]) -> Option<(u32, usize)> {
    let word = |at: usize| words.get(at).map(String::as_str);
    let (mut number, mut length) = match (word(0)?, word(1)) {
        ("quatre", Some("vingt" | "vingts")) => (80, 2),
        (first, _) => (foreign_word(first)?, 1),
    };
    if (20..100).contains(&number) && number % 10 == 0 {
        let and = usize::from(matches!(word(length), Some("y" | "e" | "et")));
        let unit = word(length + and).and_then(up_to_ten);
        if let Some(unit) = unit {
            number += unit;
            length += and + 1;
        }
    }
    if number < 1_000 && matches!(word(length), Some("mille" | "mil")) {
        number *= 1_000;
        length += 1;
    }
    Some((number, length))
}

/// Most letters that may follow the beginning of a number word.
const ENDING: usize = 3;

/// Whether a word begins as English number words do: most others are told so.
fn may_be_spelled(word: &str) -> bool {
    matches!(
        word.as_bytes().first(),
        Some(b'e' | b'f' | b'h' | b'n' | b'o' | b's' | b't' | b'z')
    )
}

/// The number that a comparable word spells: "2", "two" and "ii" are one number.
pub(crate) fn number(word: &str) -> Option<u32> {
    if word.len() <= 6 && word.bytes().all(|b| b.is_ascii_digit()) {
        return word.parse().ok();
    }
    let at = |list: &[&str]| list.iter().position(|other| *other == word);
    let number = match may_be_spelled(word) {
        true => at(&UNITS).or_else(|| Some((at(&TENS)? + 2) * 10)),
        false => None,
    };
    number
        .and_then(|number| u32::try_from(number).ok())
        // "mix" is a word.
        .or_else(|| roman(word).filter(|number| *number < 90))
}

/// English words for the things of an order from the first on, as far as they are no unit with
/// "th" behind it.
const IRREGULAR: [(&str, u32); 7] = [
    ("first", 1),
    ("second", 2),
    ("third", 3),
    ("fifth", 5),
    ("eighth", 8),
    ("ninth", 9),
    ("twelfth", 12),
];

/// The place that an English word names, in letters or with digits: "fifth", "5th", "twentieth".
pub(crate) fn english_ordinal(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    if !digits.is_empty() {
        let is_ending = matches!(&word[digits.len()..], "st" | "nd" | "rd" | "th");
        return digits
            .parse()
            .ok()
            .filter(|_| is_ending && digits.len() <= 4);
    }
    let irregular = IRREGULAR.iter().find(|(other, _)| *other == word);
    if let Some((_, number)) = irregular {
        return Some(*number);
    }
    let stem = word.strip_suffix("th")?;
    let ten = stem.strip_suffix("ie").map(|stem| format!("{stem}y"));
    let is_regular = |unit: &str| UNITS[4..].contains(&unit);
    match ten {
        Some(ten) => number(&ten).filter(|_| TENS.contains(&ten.as_str())),
        None => number(stem).filter(|_| is_regular(stem)),
    }
}

/// An English word for a place below a hundred.
pub(crate) fn ordinal_in_words(number: u32) -> Option<String> {
    if let Some((word, _)) = IRREGULAR.iter().find(|(_, place)| *place == number) {
        return Some((*word).to_owned());
    }
    let number = usize::try_from(number)
        .ok()
        .filter(|number| (1..100).contains(number))?;
    if let Some(unit) = UNITS.get(number) {
        return Some(format!("{unit}th"));
    }
    let ten = TENS.get(number / 10 - 2)?;
    match u32::try_from(number % 10).ok()? {
        0 => Some(format!("{}ieth", ten.trim_end_matches('y'))),
        unit => Some(format!("{ten} {}", ordinal_in_words(unit)?)),
    }
}

/// A place with digits: "21st".
pub(crate) fn ordinal_in_digits(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// The place that a comparable word names: "second", "zweiter", "deuxieme", "2nd".
pub(crate) fn ordinal(word: &str) -> Option<u32> {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return english_ordinal(word);
    }
    let begins = |stem: &str| {
        (word.strip_prefix(stem)).is_some_and(|ending| ending.chars().count() <= ENDING)
    };
    position(&ORDINALS, begins)
}

/// The number of a word that follows one for a volume, in any language of readers.
pub(crate) fn place_number(word: &str) -> Option<u32> {
    number(word)
        .or_else(|| up_to_ten(word))
        .or_else(|| ordinal(word))
}

/// The place, from one on, in a list of words for each number.
fn position(list: &[&str], is_it: impl Fn(&str) -> bool) -> Option<u32> {
    let at = (list.iter()).position(|words| words.split(' ').any(&is_it))?;
    u32::try_from(at + 1).ok()
}

/// A Roman number in small letters and in its one right spelling.
pub(crate) fn roman(word: &str) -> Option<u32> {
    let value = |letter| match letter {
        b'i' => Some(1),
        b'v' => Some(5),
        b'x' => Some(10),
        b'l' => Some(50),
        b'c' => Some(100),
        b'd' => Some(500),
        b'm' => Some(1_000),
        _ => None,
    };
    if word.is_empty() || word.len() > 15 {
        return None;
    }
    let values: Vec<i32> = word.bytes().map(value).collect::<Option<_>>()?;
    let signed = values.iter().enumerate().map(|(at, value)| {
        let is_before_larger = values.get(at + 1).is_some_and(|next| next > value);
        if is_before_larger { -value } else { *value }
    });
    let sum = u32::try_from(signed.sum::<i32>()).ok()?;
    (spelled_in_roman(sum) == word).then_some(sum)
}

fn spelled_in_roman(mut number: u32) -> String {
    const LETTERS: [(u32, &str); 13] = [
        (1_000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    let mut word = String::new();
    for (value, letters) in LETTERS {
        while number >= value && word.len() < 16 {
            word.push_str(letters);
            number -= value;
        }
    }
    word
}

/// The number that words from the first on spell, and how many of them: "thirty nine", "one
/// hundred and one", "twenty thousand", "nineteen eighty four".
fn cardinal(words: &[String]) -> Option<(u32, usize)> {
    let unit = |word: &str| (1..20).find(|at| UNITS[*at as usize] == word);
    let ten = |word: &str| Some((TENS.iter().position(|other| *other == word)? as u32 + 2) * 10);
    let (mut thousands, mut current, mut length) = (0, 0, 0);
    // Whether the number may not grow by a unit, or by a ten, any more.
    let (mut has_unit, mut has_ten) = (false, false);
    for (at, word) in words.iter().enumerate() {
        if let Some(ten) = ten(word) {
            match (has_unit, has_ten) {
                (false, false) => current += ten,
                // A year: "nineteen eighty".
                (true, false) if thousands == 0 && (11..20).contains(&current) => {
                    current = current * 100 + ten;
                }
                _ => break,
            }
            (has_unit, has_ten) = (false, true);
        } else if let Some(unit) = unit(word) {
            if has_unit || has_ten && unit > 9 {
                break;
            }
            current += unit;
            has_unit = true;
        } else if word == "hundred" && current < 100 && !(current == 0 && thousands > 0) {
            current = current.max(1) * 100;
            (has_unit, has_ten) = (false, false);
        } else if word == "thousand" && thousands == 0 && current < 1_000 {
            thousands = current.max(1) * 1_000;
            current = 0;
            (has_unit, has_ten) = (false, false);
        } else if word == "and"
            && at > 0
            && matches!(words[at - 1].as_str(), "hundred" | "thousand")
        {
            continue;
        } else {
            break;
        }
        length = at + 1;
    }
    (length > 0).then_some((thousands + current, length))
}

/// A number in digits as English words: below a hundred, a year, or a round one; `None` for others.
pub(crate) fn in_words(word: &str) -> Option<String> {
    if !(1..=5).contains(&word.len()) || !word.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: usize = word.parse().ok()?;
    match (number, number % 100, number % 1_000) {
        (..100, ..) => below_hundred(number),
        (..1_000, 0, _) => Some(format!("{} hundred", below_hundred(number / 100)?)),
        (1_100..2_000, 10.., _) => Some(format!(
            "{} {}",
            below_hundred(number / 100)?,
            below_hundred(number % 100)?
        )),
        (_, _, 0) => Some(format!("{} thousand", below_hundred(number / 1_000)?)),
        _ => None,
    }
}

fn below_hundred(number: usize) -> Option<String> {
    if let Some(unit) = UNITS.get(number) {
        return Some((*unit).to_owned());
    }
    let ten = TENS.get(number / 10 - 2)?;
    Some(match number % 10 {
        0 => (*ten).to_owned(),
        unit => format!("{ten} {}", UNITS[unit]),
    })
}

/// Puts digits for each number that several of the words spell, or a word that is no other.
pub(crate) fn in_digits(words: Vec<String>) -> Vec<String> {
    let is_spelled = |word: &String| {
        let word = word.as_str();
        may_be_spelled(word)
            && (UNITS.contains(&word)
                || TENS.contains(&word)
                || matches!(word, "hundred" | "thousand"))
    };
    let is_foreign = |word: &String| foreign_word(word).is_some() || word == "quatre";
    if !words
        .iter()
        .any(|word| is_spelled(word) || is_foreign(word))
    {
        return words;
    }
    let mut out = Vec::with_capacity(words.len());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let is_number = |(_, length): &(u32, usize)| {
            *length > 1 || !is_in(ALSO_ENGLISH, word) || at == 0 && words.len() > 1
        };
        let number = cardinal(&words[at..]);
        match number.or_else(|| foreign(&words[at..]).filter(is_number)) {
            Some((number, length)) => {
                out.push(number.to_string());
                at += length;
            }
            None => {
                out.push(word.clone());
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_number_however_it_is_spelled() {
        for (word, expected) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("twenty", Some(20)),
            ("ninety", Some(90)),
            ("iv", Some(4)),
            ("xxi", Some(21)),
            ("xl", Some(40)),
            ("lxxxix", Some(89)),
            ("il", None),
            ("iiii", None),
            ("vv", None),
            ("", None),
            ("zweiter", None),
            ("mix", None),
            ("di", None),
            ("xc", None),
        ] {
            assert_eq!(number(word), expected, "{word}");
        }
    }

    #[test]
    fn roman_numbers_are_years() {
        for (word, expected) in [
            ("mcmxcix", Some(1999)),
            ("mmxx", Some(2020)),
            ("mdccclxxxviii", Some(1888)),
            ("mcdxcii", Some(1492)),
            ("mcmic", None),
            ("mmmmmmmmmmmmmmmm", None),
        ] {
            assert_eq!(roman(word), expected, "{word}");
        }
    }

    #[test]
    fn several_words_are_one_number() {
        for (words, expected) in [
            ("thirty nine steps", "39 steps"),
            ("one hundred years", "100 years"),
            ("hundred and one dogs", "101 dogs"),
            ("twenty thousand leagues", "20000 leagues"),
            ("nineteen eighty four", "1984"),
            ("two thousand and one", "2001"),
            ("one two three", "1 2 3"),
            ("thousand and", "1000 and"),
            ("salt and sea", "salt and sea"),
            ("four past midnight", "4 past midnight"),
            ("seven eleven", "7 11"),
            ("vingt mille lieues", "20000 lieues"),
            ("quatre vingts jours", "80 jours"),
            ("quatre vingt dix", "90"),
            ("trente et un jours", "31 jours"),
            ("zwanzigtausend meilen", "20000 meilen"),
            ("neununddreissig stufen", "39 stufen"),
            ("negenendertig treden", "39 treden"),
            ("ventimila leghe", "20000 leghe"),
            ("treinta y nueve escalones", "39 escalones"),
            ("cien anos y un dia", "100 anos y un dia"),
            ("mil soles", "1000 soles"),
            ("duizend zonnen", "1000 zonnen"),
            ("elf minuten", "11 minuten"),
            ("elf", "elf"),
            ("blue elf", "blue elf"),
            ("the last red cent", "the last red cent"),
            ("quatre soeurs", "quatre soeurs"),
            ("sei tausendmal konig", "sei tausendmal konig"),
            (
                "elftausendtausendtausendtausend",
                "elftausendtausendtausendtausend",
            ),
        ] {
            let words = words.split(' ').map(str::to_owned).collect();
            assert_eq!(in_digits(words).join(" "), expected);
        }
    }

    #[test]
    fn every_word_for_a_number_has_its_value() {
        let words = VALUES_OF_WORDS.iter().map(|(_, words)| words);
        assert_eq!(words.sum::<usize>(), WORDS_FROM_ELEVEN.len());
        for (word, value) in [
            ("onze", 11),
            ("douze", 12),
            ("dertien", 13),
            ("veertien", 14),
            ("vijftien", 15),
            ("sedici", 16),
            ("twintig", 20),
            ("dertig", 30),
            ("veertig", 40),
            ("vijftig", 50),
            ("zestig", 60),
            ("zeventig", 70),
            ("tachtig", 80),
            ("negentig", 90),
            ("honderd", 100),
            ("duizend", 1_000),
        ] {
            assert_eq!(foreign_word(word), Some(value), "{word}");
        }
    }

    #[test]
    fn places_are_read_in_many_languages() {
        for (word, place) in [
            ("zweiter", Some(2)),
            ("deuxieme", Some(2)),
            ("premiere", Some(1)),
            ("tercera", Some(3)),
            ("вторая", Some(2)),
            ("ii", Some(2)),
            ("deux", Some(2)),
            ("salt", None),
            ("dreizehn", None),
        ] {
            assert_eq!(place_number(word), place, "{word}");
        }
    }
}
