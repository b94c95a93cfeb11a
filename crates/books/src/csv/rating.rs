//! Reading of ratings as people and programs write them.

use std::collections::HashSet;
use std::sync::OnceLock;

use crate::digits::ascii_digits;
use crate::numeral::{ordinal, place_number, roman};
use crate::text::{joined, words};
use crate::word_list::is_in;

/// A rating that can be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rating {
    /// No rating: 0, or five empty stars.
    None,
    /// A number on the scale of its column.
    Plain(f64),
    /// A number on a scale that the cell itself tells, as a share of 1.
    Share(f64),
}

impl Rating {
    /// Reads `4`, `4,5`, `3½`, `4/5`, `8 out of 10`, `80%`, `★★★★½`, `4 stars`, `力荐`.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Some(value) = bare_number(text) {
            return Some(Self::plain(value));
        }
        let text: String = ascii_digits(text)
            .chars()
            .filter(|c| !matches!(c, '\u{fe0f}' | '\u{fe0e}' | '\u{200d}'))
            .collect();
        let text = bare_rating(text.trim());
        if let Some(stars) = stars(text) {
            return Some(stars);
        }
        if let Some(quarters) = ["¼", "½", "¾"].iter().position(|part| *part == text) {
            return Some(Self::Plain((quarters as f64 + 1.0) / 4.0));
        }
        if let Some(stars) = word(text) {
            return Some(stars);
        }
        let numbers = numbers(text);
        let between = |from: usize, to: usize| text.get(from..to).unwrap_or_default().trim();
        match numbers.as_slice() {
            [] => None,
            [(value, _, end)] => {
                let rest = between(*end, text.len());
                if rest.starts_with('%') {
                    return Self::share(*value, 100.0);
                }
                // "5 - loved it"
                let words = rest.trim_start_matches(['-', '–', '—', ':', '=']);
                let rest = if words.starts_with(' ') { words } else { rest };
                let is_star = |c: char| !c.is_ascii_digit() && !matches!(c, '-' | ':' | '+');
                // "4 and a half"
                let half = match rest.trim_end().ends_with(" half") {
                    true => 0.5,
                    false => 0.0,
                };
                (text.find(|c: char| c.is_ascii_digit()) == Some(0) && rest.chars().all(is_star))
                    .then(|| Self::plain(*value + half))
            }
            // "3 1/2", "3 3/4"
            [(whole, ..), (part, _, end), (of @ (2.0 | 4.0), start, _)]
                if between(*end, *start) == "/" && part < of =>
            {
                Some(Self::plain(whole + part / of))
            }
            [(value, first, end), (scale, start, last)] => {
                let of = between(*end, *start);
                const OF: &str = "outof of von sur de su vande van z из starsoutof av avde af";
                let is_scale = is_in(OF, &joined(of));
                // Not "3–4", and no half behind stars.
                let is_fraction = of.contains(['/', '⁄', ':'])
                    && words(of).is_empty()
                    && !text[..*first].contains('*');
                let ends = !text[*last..].starts_with('/');
                ((is_scale || is_fraction) && ends && *scale > 0.0)
                    .then(|| Self::share(*value, *scale))
                    .flatten()
            }
            _ => None,
        }
    }

    fn plain(value: f64) -> Self {
        if value == 0.0 {
            Self::None
        } else {
            Self::Plain(value)
        }
    }

    fn share(value: f64, scale: f64) -> Option<Self> {
        if value == 0.0 {
            Some(Self::None)
        } else {
            (value > 0.0 && value <= scale).then_some(Self::Share(value / scale))
        }
    }
}

/// The number that is the whole of a text, in digits with a point or a comma between: most ratings.
fn bare_number(text: &str) -> Option<f64> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let signs = || bytes.iter().filter(|byte| !byte.is_ascii_digit());
    let is_number = is_digit(bytes.first())
        && is_digit(bytes.last())
        && signs().all(|byte| matches!(byte, b'.' | b','))
        && signs().count() < 2;
    is_number.then(|| text.replace(',', ".").parse().ok())?
}

/// The rating, of at most 5, of a mark as schools in English give it: "A-", "B+", "F".
pub(super) fn letter_grade(text: &str) -> Option<f64> {
    let (letter, sign) = text.split_at_checked(1)?;
    let whole = match letter {
        "A" | "a" => 5.0,
        "B" | "b" => 4.0,
        "C" | "c" => 3.0,
        "D" | "d" => 2.0,
        "E" | "e" | "F" | "f" => 1.0,
        _ => return None,
    };
    match sign {
        "" => Some(whole),
        "+" => Some((whole + 0.25_f64).min(5.0)),
        "-" | "−" | "–" => Some(whole - 0.25),
        _ => None,
    }
}

/// A rating without brackets around it, and without what says that it is about so: "(4)", "~4",
/// "4+", "4/5*".
fn bare_rating(text: &str) -> &str {
    let is_digit = |c: char| c.is_ascii_digit();
    let bracketed = [('(', ')'), ('[', ']')].iter().find_map(|(open, close)| {
        let inside = text.strip_prefix(*open)?.strip_suffix(*close)?.trim();
        inside.starts_with(is_digit).then_some(inside)
    });
    let text = bracketed.unwrap_or(text);
    let text = text.strip_prefix(['~', '≈']).map_or(text, str::trim);
    // "★4"
    let number = text.trim_start_matches(|c: char| matches!(c, '★' | '⭐') || c.is_whitespace());
    let text = if number.starts_with(is_digit) {
        number
    } else {
        text
    };
    match text.strip_suffix(['+', '-', '−', '–', '*']) {
        Some(number) if number.ends_with(is_digit) && number.starts_with(is_digit) => number,
        _ => text,
    }
}

/// Whether a rating has words beside it that are not about stars: "5 - loved it".
pub(super) fn has_remark(text: &str) -> bool {
    const ABOUT_STARS: &str = "star stars out of from rating rated score point points pt pts stern sterne sternen \
        von punkt punkte note etoile etoiles sur estrella estrellas de estrela estrelas stella stelle su ster sterren van \
        gwiazdka gwiazdki gwiazdek z звезда звезды звезд из av af stjerne stjerner stjarna stjarnor hvezda hvezdy hvezd \
        heart hearts percent half and a 星 分 つ星 颗星 estrelles csillag yildiz tahti tahtea \
        ball balls puntos puntaje puntuacion punti pontos bal bald баллов балла балл оценка звездочек 점 点 点数 bintang sao \
        nota voto bewertung wertung noot ocena";
    if bare_number(text).is_some() {
        return false;
    }
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    let known = WORDS.get_or_init(|| words(ABOUT_STARS).into_iter().collect());
    let is_remark = |word: &String| {
        let word = word.trim_matches(|c: char| c.is_numeric());
        word.chars().any(char::is_alphabetic) && !known.contains(word)
    };
    self::word(text).is_none()
        && middle_of_scale(text).is_none()
        && words(text).iter().any(is_remark)
}

/// Reads filled and empty stars, hearts or asterisks, and a half.
fn stars(text: &str) -> Option<Rating> {
    const FILLED: &str = "★⭐🌟✭✮✯❤♥💛🖤💖💗💜💚💙🧡*";
    let text = match text.strip_suffix("1/2") {
        Some(stars) if stars.starts_with(['*', '★', '⭐']) => format!("{stars}½"),
        _ => text.to_owned(),
    };
    // Behind others it is a half.
    let text = match text.contains(|c| FILLED.contains(c)) {
        true => text,
        false => text.replace('✨', "★"),
    };
    let count = |signs: &str| text.chars().filter(|c| signs.contains(*c)).count() as f64;
    let is_sign = |c: char| "★⭐🌟✭✮✯❤♥💛🖤💖💗💜💚💙🧡☆✩½⯨⯪✨*".contains(c) || c.is_whitespace();
    if text.is_empty() || !text.chars().all(is_sign) {
        return None;
    }
    let half = if count("½⯨⯪✨") > 0.0 { 0.5 } else { 0.0 };
    let filled = match count(FILLED) {
        1.0 if text.starts_with('½') => half,
        whole => whole + half,
    };
    let all = filled.ceil() + count("☆✩");
    if filled == 0.0 {
        return Some(Rating::None);
    }
    let scale = if all > 5.0 { 10.0 } else { 5.0 };
    Rating::share(filled, scale)
}

/// Reads the words by which Douban and Goodreads name ratings, and numbers in words.
fn word(text: &str) -> Option<Rating> {
    let words = words(text);
    const STARS: &str = "star stars out of five stern sterne etoile etoiles estrella estrellas estrela estrelas stella \
        stelle ster sterren gwiazdka gwiazdki gwiazdek звезда звезды звезд";
    let is_stars = |word: &String| is_in(STARS, word);
    let is_spelled = |word: &str| {
        word.chars().count() > 2
            && word.chars().all(char::is_alphabetic)
            && roman(word).is_none()
            && ordinal(word).is_none()
    };
    if let [number, rest @ ..] = words.as_slice()
        && rest.iter().all(is_stars)
        && is_spelled(number)
        && let Some(value @ 0..=5) = place_number(number)
    {
        return Rating::share(f64::from(value), 5.0);
    }
    /// What names a rating of so many stars.
    const NAMES: [(f64, &str); 6] = [
        (
            5.0,
            "力荐 五星 itwasamazing amazing excellent outstanding perfect masterpiece lovedit \
            loveit ausgezeichnet hervorragend sehrgut excelente eccellente ottimo otimo \
            отлично",
        ),
        (
            4.0,
            "推荐 推薦 四星 reallylikedit verygood gut tresbien tresbon muybueno muybuena muybien \
            muitobom хорошо",
        ),
        (
            3.0,
            "还行 還行 三星 likedit average befriedigend mittelmassig durchschnittlich moyen",
        ),
        (2.0, "较差 較差 二星 itwasok fair ausreichend passable"),
        (
            1.0,
            "很差 一星 bad schlecht didnotlikeit didntlikeit poor terrible awful hatedit mangelhaft \
            ungenugend mauvais pessimo",
        ),
        (0.0, "unrated notrated norating ohnebewertung nonnote"),
    ];
    let name = words.concat();
    let (value, _) = NAMES.iter().find(|(_, names)| is_in(names, &name))?;
    match *value {
        0.0 => Some(Rating::None),
        value => Rating::share(value, 5.0),
    }
}

/// Whether a rating is a word of the scale from "poor" by "good" to "excellent" that no other scale
/// has.
pub(super) fn is_of_scale(text: &str) -> bool {
    const OF_SCALE: [&str; 8] = [
        "verygood", "fair", "tresbien", "tresbon", "muybueno", "muybuena", "muybien", "muitobom",
    ];
    text.len() < 20 && OF_SCALE.contains(&joined(text).as_str())
}

/// The rating by the middle word of that scale.
pub(super) fn middle_of_scale(text: &str) -> Option<f64> {
    const MIDDLE: [&str; 8] = [
        "good", "bien", "bon", "bonne", "bueno", "buena", "bom", "boa",
    ];
    MIDDLE.contains(&joined(text).as_str()).then_some(3.0)
}

/// The numbers in a text, with decimal point or comma or a half, and where they begin and end.
fn numbers(text: &str) -> Vec<(f64, usize, usize)> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let begin = at + begin;
        let rest = &text[begin..];
        let mut length = rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
            .unwrap_or(rest.len());
        let digits = rest[..length].trim_end_matches(['.', ',']);
        length = digits.len();
        let half = rest[length..].trim_start().strip_prefix(['¼', '½', '¾']);
        if let Ok(value) = digits.replace(',', ".").parse::<f64>() {
            let half_length = half.map_or(0, |after| rest.len() - length - after.len());
            length += half_length;
            let part = match rest[..length].chars().next_back() {
                Some('¼') => 0.25,
                Some('½') => 0.5,
                Some('¾') => 0.75,
                _ => 0.0,
            };
            let value = value + part;
            numbers.push((value, begin, begin + length));
        } else {
            return Vec::new();
        }
        at = begin + length;
        if numbers.len() > 3 {
            break;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_as_people_write_them() {
        use Rating::{Plain, Share};
        for (text, expected) in [
            ("4", Some(Plain(4.0))),
            ("3,5", Some(Plain(3.5))),
            ("5.000000", Some(Plain(5.0))),
            ("3½", Some(Plain(3.5))),
            ("3 1/2", Some(Plain(3.5))),
            ("4 stars", Some(Plain(4.0))),
            ("4.5 ⭐", Some(Plain(4.5))),
            ("٤", Some(Plain(4.0))),
            ("4/5", Some(Share(0.8))),
            ("4.5/5", Some(Share(0.9))),
            ("8/10", Some(Share(0.8))),
            ("16 / 20", Some(Share(0.8))),
            ("4 out of 5 stars", Some(Share(0.8))),
            ("4 stars (out of 5)", Some(Share(0.8))),
            ("4 [of 5]", Some(Share(0.8))),
            ("4 von 5 Sternen", Some(Share(0.8))),
            ("80%", Some(Share(0.8))),
            ("★★★★½", Some(Share(0.9))),
            ("★★★☆☆", Some(Share(0.6))),
            ("⭐⭐⭐⭐", Some(Share(0.8))),
            ("⭐️⭐️", Some(Share(0.4))),
            ("****", Some(Share(0.8))),
            ("★★★★★★★★☆☆", Some(Share(0.8))),
            ("力荐", Some(Share(1.0))),
            ("0", Some(Rating::None)),
            ("0.0", Some(Rating::None)),
            ("☆☆☆☆☆", Some(Rating::None)),
            ("not rated", Some(Rating::None)),
            ("3¾", Some(Plain(3.75))),
            ("¾", Some(Plain(0.75))),
            ("3 3/4", Some(Plain(3.75))),
            ("***1/2", Some(Share(0.7))),
            ("½★", Some(Share(0.1))),
            ("★½", Some(Share(0.3))),
            ("★4", Some(Plain(4.0))),
            ("⭐ 4.5", Some(Plain(4.5))),
            ("Four", Some(Share(0.8))),
            ("vier Sterne", Some(Share(0.8))),
            ("5/5 - loved it", Some(Share(1.0))),
            ("2.5/5,", Some(Share(0.5))),
            ("4 and a half", Some(Plain(4.5))),
            ("⭐⭐⭐⭐✨", Some(Share(0.9))),
            ("3–4", None),
            ("3-4", None),
            ("second", None),
            ("III", None),
            ("6/5", None),
            ("A+", None),
            ("good", None),
            ("-3", None),
            ("2021-03-04", None),
            ("", None),
        ] {
            assert_eq!(Rating::read(text), expected, "{text}");
        }
    }
}
