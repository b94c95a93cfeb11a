//! Texts from outside: made clean and short, and made comparable.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Collapses white space, drops control and formatting characters, and cuts after `max`
/// characters.
pub(crate) fn clean(text: &str, max: usize) -> String {
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

/// [`clean`], and `None` when nothing is left.
pub(crate) fn non_empty(text: &str, max: usize) -> Option<String> {
    Some(clean(text, max)).filter(|text| !text.is_empty())
}

/// The words of a text without case, accents, apostrophes and punctuation: equal for two
/// spellings of the same words.
pub(crate) fn words(text: &str) -> Vec<String> {
    if text.is_ascii() {
        // What the rest would do, without asking Unicode: most titles are ASCII.
        return text
            .replace(['\'', '`'], "")
            .replace(['&', '+'], " and ")
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    // "7½" decomposes to "71⁄2".
    let apart = text.chars().flat_map(|c| {
        let is_fraction = matches!(c, '\u{bc}'..='\u{be}' | '\u{2150}'..='\u{215e}');
        is_fraction.then_some(' ').into_iter().chain([c])
    });
    for c in apart.nfkd().flat_map(char::to_lowercase) {
        match c {
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
        }
    }
    end(&mut word);
    words
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
        ] {
            assert_eq!(words(a), words(b), "{a} / {b}");
        }
        assert_ne!(words("हिन्दी"), words("हन्द"));
        assert!(words("!?… —").is_empty());
        let ascii = "The 'Rock & Roll`s+A-B (c)_d";
        let mut other = words(&format!("{ascii} é"));
        assert_eq!(other.pop().as_deref(), Some("e"));
        assert_eq!(words(ascii), other);
    }
}
