//! Digits of other scripts.

use std::borrow::Cow;

/// The zero of each script whose decimal digits books are numbered with; the other nine follow.
const ZEROS: [char; 14] = [
    '٠', '۰', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '๐', '໐', '０',
];

/// A text with its Arabic, Indian, Thai and full-width digits as ASCII ones.
pub(crate) fn ascii_digits(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(ascii_digit).collect())
}

fn ascii_digit(c: char) -> char {
    ZEROS
        .iter()
        .filter_map(|zero| u32::from(c).checked_sub(u32::from(*zero)))
        .find(|distance| *distance < 10)
        .and_then(|distance| char::from_digit(distance, 10))
        .unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_are_digits() {
        for text in ["١٢٣", "۱۲۳", "१२३", "๑๒๓", "１２３", "123"] {
            assert_eq!(ascii_digits(text), "123", "{text}");
        }
        assert_eq!(ascii_digits("é一"), "é一");
    }
}
