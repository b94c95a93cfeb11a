//! ISBN-10 and ISBN-13, in the spellings that people, shops and spreadsheets use.

use std::fmt;
use std::str::FromStr;

use isbn3::{Isbn10, Isbn13};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::digits::ascii_digits;

/// A valid ISBN in its canonical form: 13 digits that begin with 978 or 979 (ISO 2108).
///
/// An ISBN-10 and the ISBN-13 of the same book are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isbn([u8; 13]);

/// The reason why a text is not an ISBN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsbnError {
    /// The number has neither 10 nor 13 digits.
    #[error("Invalid ISBN (length)")]
    Length,
    /// The text has characters other than digits, separators and a final `X`.
    #[error("Invalid ISBN (characters)")]
    Characters,
    /// The check digit does not agree with the others.
    #[error("Invalid ISBN (check digit)")]
    CheckDigit,
    /// The number is that of a product that is not a book: neither 978 nor 979, or printed music
    /// (979-0).
    #[error("Invalid ISBN (prefix)")]
    Prefix,
    /// The number was rounded by a spreadsheet, like `9.78053E+12`: the digits are lost.
    #[error("Invalid ISBN (rounded by a spreadsheet)")]
    Rounded,
    /// The number is made up, though its check digit agrees, like `0000000000`.
    #[error("Invalid ISBN (placeholder)")]
    Placeholder,
}

impl Isbn {
    /// Reads an ISBN-10 or ISBN-13.
    ///
    /// Spaces, hyphens and dashes may stand anywhere; `ISBN`, `ISBN-13:` and the like may stand
    /// in front; the value may be wrapped as spreadsheets and LibraryThing do (`="978..."`,
    /// `[978...]`) or end in the `.0` of a number column.
    ///
    /// # Errors
    /// `IsbnError` says what the text is instead of an ISBN.
    pub fn parse(text: &str) -> Result<Self, IsbnError> {
        let text = ascii_digits(text);
        let bare = unwrap(&text);
        if is_scientific(bare) {
            return unrounded(bare).ok_or(IsbnError::Rounded);
        }
        let mut digits = [0u8; 13];
        let mut length = 0;
        for c in bare.chars() {
            let digit = match c {
                '0'..='9' => c as u8 - b'0',
                'x' | 'X' if length == 9 => 10,
                '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}' | '\u{ff0d}' | '\u{fe63}' => {
                    continue;
                }
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => {
                    continue;
                }
                c if c.is_whitespace() => continue,
                _ => return Err(IsbnError::Characters),
            };
            *digits.get_mut(length).ok_or(IsbnError::Length)? = digit;
            length += 1;
        }
        match length {
            10 => {
                let mut ten = [0; 10];
                ten.copy_from_slice(&digits[..10]);
                Isbn10::new(ten).map_err(|_| IsbnError::CheckDigit)?;
                let mut thirteen = [9, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                thirteen[3..12].copy_from_slice(&ten[..9]);
                let sum: u8 = thirteen[..12]
                    .chunks(2)
                    .map(|pair| pair[0] + 3 * pair[1])
                    .fold(0, |sum, more| (sum + more) % 10);
                thirteen[12] = (10 - sum) % 10;
                Ok(Self(thirteen.map(|digit| b'0' + digit)))
            }
            // An X in a longer number took the place of a digit.
            13 if digits[9] > 9 => Err(IsbnError::Characters),
            13 => {
                Isbn13::new(digits).map_err(|_| IsbnError::CheckDigit)?;
                match digits {
                    [9, 7, 9, 0, ..] => Err(IsbnError::Prefix),
                    [9, 7, 8 | 9, ..] => Ok(Self(digits.map(|digit| b'0' + digit))),
                    _ => Err(IsbnError::Prefix),
                }
            }
            _ => Err(IsbnError::Length),
        }
    }

    /// Finds the first ISBN in a cell of a table, which may hold more: several numbers, a
    /// qualifier or a price (`0140328726 (pbk.) : £4.95`), a shop's five-digit add-on, or the
    /// digits that are left when a spreadsheet has taken the leading zeros away.
    ///
    /// # Errors
    /// What is wrong with the cell as a whole, when there is none in it.
    pub(crate) fn find(cell: &str) -> Result<Self, IsbnError> {
        Self::find_whole(cell).or_else(|wrong| Self::restored(cell).ok_or(wrong))
    }

    /// The ISBN whose leading zeros a number column has dropped. Of other numbers every eleventh
    /// would be one.
    pub(crate) fn restored(cell: &str) -> Option<Self> {
        with_leading_zeros(ascii_digits(cell).trim())
    }

    /// Whether a cell is a number that may have lost its leading zeros.
    pub(crate) fn may_lack_zeros(cell: &str) -> bool {
        without_zeros(ascii_digits(cell).trim()).is_some()
    }

    /// Finds the first ISBN in a cell as [`Isbn::find`] does, but adds no leading zeros.
    ///
    /// # Errors
    /// What is wrong with the cell as a whole, when there is none in it.
    pub(crate) fn find_whole(cell: &str) -> Result<Self, IsbnError> {
        let wrong = match Self::parse(cell) {
            Ok(isbn) => return Ok(isbn),
            Err(wrong) => wrong,
        };
        let cell = ascii_digits(cell);
        let cell = cell.trim();
        // A bare number is what it was read as, unless an add-on stands behind it.
        if !matches!(cell.len(), 15 | 18) && cell.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong);
        }
        let is_separator = |c: char| matches!(c, ',' | ';' | '/' | '|' | '(' | ')' | ':' | '\n');
        let found = cell
            .split(is_separator)
            .take(MAX_NUMBERS)
            .find_map(first_in)
            // Grouped in threes, as a number column may be.
            .or_else(|| Self::parse(&cell.replace([',', '.'], "")).ok());
        found.ok_or(wrong)
    }

    /// Whether an ISBN is made up: one digit repeated, or digits that count up.
    pub(crate) fn is_placeholder(&self) -> bool {
        let core = &self.as_str()[3..12];
        let is_repeated = core
            .bytes()
            .all(|digit| core.starts_with(char::from(digit)));
        is_repeated || matches!(core, "012345678" | "123456789")
    }

    /// The 13 digits, without separators.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The ISBN-10 of the same book, without separators; there is none for 979.
    pub fn isbn10(&self) -> Option<String> {
        let nine = self.as_str().strip_prefix("978")?.get(..9)?;
        let sum: u32 = nine
            .bytes()
            .zip((2..=10).rev())
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        Some(match (11 - sum % 11) % 11 {
            10 => format!("{nine}X"),
            check => format!("{nine}{check}"),
        })
    }
}

/// Largest number of numbers in a cell that are looked at.
const MAX_NUMBERS: usize = 50;

/// The first ISBN among words with spaces between them, of which several may make one number.
fn first_in(part: &str) -> Option<Isbn> {
    let part = part.trim();
    if let Ok(isbn) = Isbn::parse(part) {
        return Some(isbn);
    }
    let words: Vec<&str> = part.split_whitespace().take(MAX_NUMBERS).collect();
    words.iter().enumerate().find_map(|(at, word)| {
        // "978 0 14 032872 1": as many words as an ISBN has parts.
        let longest = (at + 5).min(words.len());
        (at + 1..=longest)
            .rev()
            .find_map(|end| Isbn::parse(&words[at..end].concat()).ok())
            .or_else(|| without_add_on(word))
    })
}

/// The ISBN before the add-on of two or five digits that a scanner appends.
fn without_add_on(word: &str) -> Option<Isbn> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match word.len() {
        15 | 18 if is_number(word) => Isbn::parse(&word[..13]).ok(),
        _ => None,
    }
}

/// The ISBN-10 whose leading zeros a number column has dropped.
fn with_leading_zeros(digits: &str) -> Option<Isbn> {
    Isbn::parse(&format!("{:0>10}", without_zeros(digits)?)).ok()
}

/// The digits of a number that may be an ISBN-10 without its leading zeros.
fn without_zeros(digits: &str) -> Option<&str> {
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    let (number, check) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let is_check = matches!(check.as_bytes(), [b'0'..=b'9' | b'x' | b'X']);
    // Fewer digits than seven confirm nothing.
    ((7..=9).contains(&digits.len()) && is_number && is_check).then_some(digits)
}

/// The ISBN whose digits a number in scientific notation still has.
fn unrounded(text: &str) -> Option<Isbn> {
    let (mantissa, _) = text.split_once(['e', 'E'])?;
    // The last digit is the check digit: twelve digits and a lost zero are confirmed by it.
    if mantissa.bytes().filter(u8::is_ascii_digit).count() < 12 {
        return None;
    }
    let number: f64 = text.replace(',', ".").parse().ok()?;
    (number.fract() == 0.0 && number < 1e13).then(|| Isbn::parse(&format!("{number:.0}")).ok())?
}

fn unwrap(text: &str) -> &str {
    let text = text.trim_matches(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '=' | '"' | '\'' | '`' | '[' | ']' | '‘' | '’' | '“' | '”' | '\u{feff}'
            )
    });
    let text = match text.get(..4) {
        Some(label) if label.eq_ignore_ascii_case("isbn") => {
            let rest = text[4..].trim_start_matches([' ', '-', '_']);
            let unlabelled = ["13:", "10:", "13 ", "10 ", ":"]
                .iter()
                .find_map(|label| rest.strip_prefix(label));
            unlabelled.unwrap_or(rest)
        }
        _ => text,
    };
    text.strip_suffix(".0").unwrap_or(text)
}

fn is_scientific(text: &str) -> bool {
    if !text.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    mantissa.starts_with(|c: char| c.is_ascii_digit())
        && mantissa
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
        && !exponent.is_empty()
        && exponent.chars().all(|c| c.is_ascii_digit())
}

impl fmt::Display for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Isbn({self})")
    }
}

impl FromStr for Isbn {
    type Err = IsbnError;

    fn from_str(text: &str) -> Result<Self, IsbnError> {
        Self::parse(text)
    }
}

impl Serialize for Isbn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Isbn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_the_same_isbn() {
        for text in [
            "9780525540670",
            "978-0-525-54067-0",
            "978 0 525 54067 0",
            "978\u{2013}0525540670",
            "=\"9780525540670\"",
            "\"9780525540670\"",
            "'9780525540670",
            "[9780525540670]",
            "9780525540670.0",
            "ISBN 9780525540670",
            "ISBN: 978-0525540670",
            "isbn-13: 978-0525540670",
            "ISBN13 9780525540670",
            "0525540679",
            "0-525-54067-9",
            "=\"0525540679\"",
            "ISBN-10: 0525540679",
        ] {
            assert_eq!(
                Isbn::parse(text).map(|isbn| isbn.to_string()),
                Ok("9780525540670".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use IsbnError::*;
        for (text, error) in [
            ("", Length),
            ("978052554067", Length),
            ("97805255406700", Length),
            ("12345678901234567890", Length),
            ("9780525540671", CheckDigit),
            ("1234567890", CheckDigit),
            ("0525540678", CheckDigit),
            ("080442957Y", Characters),
            ("B07XYZ1234", Characters),
            ("X525540679", Characters),
            ("05255X0679", Characters),
            ("978052554X670", Characters),
            ("\u{661}234567890", CheckDigit),
            ("9.78053E+12", Rounded),
            ("9,78053E+12", Rounded),
            ("9.78e12", Rounded),
            ("4006381333931", Prefix),
            ("9790060115615", Prefix),
        ] {
            assert_eq!(Isbn::parse(text), Err(error), "{text}");
        }
        assert_eq!(CheckDigit.to_string(), "Invalid ISBN (check digit)");
    }

    #[test]
    fn a_cell_may_hold_more_than_one_isbn() {
        for (cell, isbn) in [
            ("9780102692464, 9780102771657", "9780102692464"),
            ("9780102850840; 9780102930030", "9780102850840"),
            ("9780103009223 9780103088419", "9780103009223"),
            ("0140328726 / 9780140328721", "9780140328721"),
            ("1234567890|9780140328721", "9780140328721"),
            ("0-14-032872-6 (pbk.) : £4.95", "9780140328721"),
            ("9780140328721 (hardcover)", "9780140328721"),
            ("hbk 9780140328721", "9780140328721"),
            ("ISBN 978 0 14 032872 1 hbk", "9780140328721"),
            ("978-1-873671-00-9 54499", "9781873671009"),
            ("978010332598952799", "9780103325989"),
            ("978014032872105", "9780140328721"),
            ("525540679", "9780525540670"),
            ("62316095", "9780062316097"),
            ("7117116", "9780007117116"),
            ("59365322X", "9780593653227"),
            ("525540679.0", "9780525540670"),
            ("٩٧٨٠١٠٣٤٠٥١٧٩", "9780103405179"),
            ("９７８０１０３４８４３６５", "9780103484365"),
            ("9.780525540670E+12", "9780525540670"),
            ("9,78052554067E+12", "9780525540670"),
            ("9,780,525,540,670", "9780525540670"),
            ("9.780.525.540.670", "9780525540670"),
        ] {
            let found = Isbn::find(cell).map(|isbn| isbn.to_string());
            assert_eq!(found.as_deref(), Ok(isbn), "{cell}");
        }
        for (cell, wrong) in [
            ("9.78053E+12", IsbnError::Rounded),
            ("9.78E+12", IsbnError::Rounded),
            ("9771234567003", IsbnError::Prefix),
            ("759606081234", IsbnError::Length),
            ("B0036G94XY", IsbnError::Characters),
            ("1089-778X", IsbnError::Characters),
            ("123456", IsbnError::Length),
            ("", IsbnError::Length),
        ] {
            assert_eq!(Isbn::find(cell), Err(wrong), "{cell}");
        }
    }

    #[test]
    fn made_up_numbers() {
        for text in ["0000000000", "1111111111", "9780000000002", "123456789X"] {
            assert!(Isbn::parse(text).unwrap().is_placeholder(), "{text}");
        }
        assert!(!Isbn::parse("9780525540670").unwrap().is_placeholder());
    }

    #[test]
    fn the_isbn_10_of_an_isbn_13() {
        let of = |text: &str| Isbn::parse(text).unwrap().isbn10();
        assert_eq!(of("9780525540670").as_deref(), Some("0525540679"));
        assert_eq!(of("9780593653227").as_deref(), Some("059365322X"));
        assert_eq!(of("059365322x").as_deref(), Some("059365322X"));
        assert_eq!(of("9791034735099"), None);
    }

    #[test]
    fn it_is_stored_as_a_string() {
        let isbn = Isbn::parse("0525540679").unwrap();
        assert_eq!(serde_json::to_string(&isbn).unwrap(), "\"9780525540670\"");
        assert_eq!(
            serde_json::from_str::<Isbn>("\"0525540679\"").unwrap(),
            isbn
        );
        assert!(serde_json::from_str::<Isbn>("\"1\"").is_err());
    }
}
