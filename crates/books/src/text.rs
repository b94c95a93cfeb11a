//! Cleaning, cutting and normalisation of texts from outside.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// Collapses white space, drops control and formatting characters, and cuts after `max`
/// characters.
pub(crate) fn clean(text: &str, max: usize) -> String {
    if text.len() <= max && is_clean(text.as_bytes()) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut length = 0;
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = length > 0;
            continue;
        }
        if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
        {
            continue;
        }
        if length + usize::from(space) >= max {
            break;
        }
        if space {
            out.push(' ');
            length += 1;
            space = false;
        }
        out.push(c);
        length += 1;
    }
    out
}

/// Whether a text is ASCII and has nothing to be cleaned away: most are.
fn is_clean(text: &[u8]) -> bool {
    let mut before = b' ';
    for &byte in text {
        if !matches!(byte, b' '..=b'~') || byte == b' ' && before == b' ' {
            return false;
        }
        before = byte;
    }
    before != b' ' || text.is_empty()
}

/// A text in quotes for a message, cut after `max` characters: then it says how many there are
/// more.
pub(crate) fn quoted(text: &str, max: usize) -> String {
    let whole = clean(text, usize::MAX);
    let cut = clean(&whole, max);
    match whole.chars().count() - cut.chars().count() {
        0 => format!("\"{whole}\""),
        more => format!("\"{cut}…\" (and {more} characters more)"),
    }
}

/// Cleans a text as [`clean`] does; `None` when nothing is left.
pub(crate) fn non_empty(text: &str, max: usize) -> Option<String> {
    Some(clean(text, max)).filter(|text| !text.is_empty())
}

/// The words of a text without case, accents, apostrophes and punctuation: equal for two
/// spellings of the same words.
pub(crate) fn words(text: &str) -> Vec<String> {
    #[cfg(test)]
    crate::tally::count("words");
    if text.is_ascii() {
        return ascii_words(text.as_bytes());
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    let mut read = |c| match c {
        // Diacritics of Latin, Greek and Cyrillic; marks of other scripts are letters.
        '\u{300}'..='\u{36f}' => {}
        '\'' | '\u{2018}' | '\u{2019}' | '\u{2bc}' | '`' | '\u{b4}' => {}
        '&' | '+' => {
            end(&mut word);
            word.push_str("and");
            end(&mut word);
        }
        'ß' => word.push_str("ss"),
        'æ' => word.push_str("ae"),
        'œ' => word.push_str("oe"),
        'ø' => word.push('o'),
        'ł' => word.push('l'),
        'đ' | 'ð' => word.push('d'),
        'þ' => word.push_str("th"),
        'ı' => word.push('i'),
        c if c.is_alphanumeric() || is_combining_mark(c) => word.push(c),
        _ => end(&mut word),
    };
    let mut read_sign = |c: char| match c.is_ascii() {
        true => read(c.to_ascii_lowercase()),
        false => decompose_canonical(c, |part| part.to_lowercase().for_each(&mut read)),
    };
    for c in text.chars() {
        match in_letters(c) {
            Some(letters) => letters.chars().for_each(&mut read_sign),
            None => read_sign(c),
        }
    }
    end(&mut word);
    words
}

/// Letters and digits that a sign stands for, as far as titles and names have such signs. All of
/// Unicode's compatibility decompositions would be 60 KB in every component.
fn in_letters(c: char) -> Option<&'static str> {
    const ROMAN: [&str; 16] = [
        "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "l", "c", "d",
        "m",
    ];
    const FRACTIONS: [&str; 15] = [
        " 1 7", " 1 9", " 1 10", " 1 3", " 2 3", " 1 5", " 2 5", " 3 5", " 4 5", " 1 6", " 5 6",
        " 1 8", " 3 8", " 5 8", " 7 8",
    ];
    const LIGATURES: [&str; 7] = ["ff", "fi", "fl", "ffi", "ffl", "st", "st"];
    // Every printable sign of ASCII, as wide as a Chinese one.
    const WIDE: &str = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`\
        abcdefghijklmnopqrstuvwxyz{|}~";
    const DIGITS: &str = "0123456789";
    let nth = |from: char| c as usize - from as usize;
    match c {
        '\u{ff01}'..='\u{ff5e}' => WIDE.get(nth('\u{ff01}')..=nth('\u{ff01}')),
        '\u{2160}'..='\u{216f}' => ROMAN.get(nth('\u{2160}')).copied(),
        '\u{2170}'..='\u{217f}' => ROMAN.get(nth('\u{2170}')).copied(),
        '\u{2150}'..='\u{215e}' => FRACTIONS.get(nth('\u{2150}')).copied(),
        '\u{bc}' => Some(" 1 4"),
        '\u{bd}' => Some(" 1 2"),
        '\u{be}' => Some(" 3 4"),
        '\u{fb00}'..='\u{fb06}' => LIGATURES.get(nth('\u{fb00}')).copied(),
        '\u{b9}' => Some("1"),
        '\u{b2}' => Some("2"),
        '\u{b3}' => Some("3"),
        '\u{2070}' | '\u{2074}'..='\u{2079}' => DIGITS.get(nth('\u{2070}')..=nth('\u{2070}')),
        '\u{2080}'..='\u{2089}' => DIGITS.get(nth('\u{2080}')..=nth('\u{2080}')),
        'ª' => Some("a"),
        'º' => Some("o"),
        'ſ' => Some("s"),
        'ĳ' | 'Ĳ' => Some("ij"),
        '\u{2116}' => Some("no"),
        '\u{2122}' => Some("tm"),
        _ => None,
    }
}

/// The [`words`] of an ASCII text, without asking Unicode: most titles are ASCII.
fn ascii_words(text: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut end = |word: &mut Vec<u8>| {
        if !word.is_empty() {
            words.extend(String::from_utf8(std::mem::take(word)));
        }
    };
    for &byte in text {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' => word.push(byte),
            b'A'..=b'Z' => word.push(byte | 0x20),
            b'\'' | b'`' => {}
            other => {
                end(&mut word);
                if matches!(other, b'&' | b'+') {
                    word.extend_from_slice(b"and");
                    end(&mut word);
                }
            }
        }
    }
    end(&mut word);
    words
}

/// Whether a text has so many of ASCII's letters and digits: too many for most lists of words.
pub(crate) fn has_letters(text: &str, least: usize) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    letters.count() >= least
}

/// The [`words`] of a text as one.
pub(crate) fn joined(text: &str) -> String {
    if !text.is_ascii() {
        return words(text).concat();
    }
    let mut key = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' => key.push(byte),
            b'A'..=b'Z' => key.push(byte | 0x20),
            b'&' | b'+' => key.extend_from_slice(b"and"),
            _ => {}
        }
    }
    String::from_utf8(key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_has_single_spaces_and_no_controls() {
        assert_eq!(clean("  Liz    Moore\u{a0}\n", 100), "Liz Moore");
        assert_eq!(clean("a\u{0}b\u{7}\u{feff}c", 100), "abc");
        assert_eq!(clean("añb cd", 3), "añb");
        assert_eq!(clean("añb cd", 4), "añb");
        assert_eq!(clean("añb cd", 5), "añb c");
        assert_eq!(non_empty(" \t", 9), None);
        for untidy in ["a  b", " a", "a ", "a\tb", "a\u{7f}"] {
            assert_ne!(clean(untidy, 9), untidy);
        }
        assert_eq!(clean("tidy as it is", 13), "tidy as it is");
        assert_eq!(clean("tidy as it is", 12), "tidy as it i");
        assert_eq!(clean("", 9), "");
    }

    #[test]
    fn spellings_of_the_same_words_are_equal() {
        for (a, b) in [
            ("Cat\u{2019}s Cradle", "CATS CRADLE"),
            ("Mariana Enríquez", "mariana enri\u{301}quez"),
            ("Guns, Germs & Steel", "Guns Germs and Steel"),
            ("Smørås, Łódź", "smoras lodz"),
            ("Ta-Nehisi", "ta nehisi"),
            ("Ⅷ ﬁn", "viii fin"),
            ("7½ Ⅹ Ⅿ", "7 1/2 x m"),
            ("ＡＢ～ｚ　１", "ab z 1"),
            ("H₂O² n⁰ Nº №", "h2o2 n0 no no"),
            ("⅐ ⅞", "1/7 7/8"),
        ] {
            assert_eq!(words(a), words(b), "{a} / {b}");
        }
        assert_ne!(words("हिन्दी"), words("हन्द"));
        assert!(words("!?… —").is_empty());
        let ascii = "The 'Rock & Roll`s+A-B (c)_d";
        let mut other = words(&format!("{ascii} é"));
        assert_eq!(other.pop().as_deref(), Some("e"));
        assert_eq!(words(ascii), other);
        for text in [ascii, "Q&A + ü", "", "ab", "🙂 ß"] {
            assert_eq!(joined(text), words(text).concat());
        }
    }
}
