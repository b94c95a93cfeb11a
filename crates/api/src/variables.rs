//! Reading the values of configuration variables: what is not a value of its variable is refused,
//! so that a typing mistake does not silently mean the default.

use std::fmt;

use crate::origin::Origin;

/// A variable whose value is none of those it can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVariable {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl InvalidVariable {
    fn new(name: &'static str, value: &str, expected: &'static str) -> Self {
        Self {
            name,
            value: value.to_owned(),
            expected,
        }
    }
}

impl fmt::Display for InvalidVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            expected,
        } = self;
        write!(f, "variable {name} is {value:?}: expected {expected}")
    }
}

impl std::error::Error for InvalidVariable {}

/// A boolean; `default` when the value is empty.
///
/// # Errors
/// [`InvalidVariable`] for any other word.
pub fn flag(name: &'static str, value: &str, default: bool) -> Result<bool, InvalidVariable> {
    match value.trim() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        "" => Ok(default),
        other => Err(InvalidVariable::new(name, other, "true or false")),
    }
}

/// A secret as it was understood. The error does not quote it.
///
/// # Errors
/// [`InvalidVariable`] when it was not.
pub fn required<T>(
    name: &'static str,
    understood: Option<T>,
    expected: &'static str,
) -> Result<T, InvalidVariable> {
    understood.ok_or_else(|| InvalidVariable::new(name, "(not shown)", expected))
}

/// A secret of at least `least` characters, or none when the value is empty. The error does not
/// quote it.
///
/// # Errors
/// [`InvalidVariable`] when it is shorter.
pub fn secret(
    name: &'static str,
    value: &str,
    least: usize,
    expected: &'static str,
) -> Result<Option<String>, InvalidVariable> {
    match value.trim() {
        "" => Ok(None),
        short if short.chars().count() < least => {
            Err(InvalidVariable::new(name, "(too short)", expected))
        }
        secret => Ok(Some(secret.to_owned())),
    }
}

/// Reads an origin, like `https://books.example.com`; an unknown one when the value is empty.
///
/// # Errors
/// [`InvalidVariable`] when it has no scheme, another one than those of the web, or a path.
pub fn origin(name: &'static str, value: &str) -> Result<Origin, InvalidVariable> {
    let value = value.trim();
    let text = value.strip_suffix('/').unwrap_or(value);
    let (scheme, authority) = text.split_once("://").unwrap_or_default();
    let origin = Origin::new(scheme, authority);
    match value.is_empty() || origin != Origin::default() {
        true => Ok(origin),
        false => Err(InvalidVariable::new(
            name,
            value,
            "an origin, like https://books.example.com",
        )),
    }
}

/// A country's code of two letters, as in ISO 3166, in capitals; none when the value is empty.
///
/// # Errors
/// [`InvalidVariable`] for anything else, such as a country's name.
pub fn country(name: &'static str, value: &str) -> Result<Option<String>, InvalidVariable> {
    match value.trim() {
        "" => Ok(None),
        code if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Ok(Some(code.to_ascii_uppercase()))
        }
        other => Err(InvalidVariable::new(
            name,
            other,
            "a country's code of two letters, like DE",
        )),
    }
}

/// The effort that a thinking model is asked to make, in OpenAI's words; none when the value is
/// empty, which leaves it to the server.
///
/// # Errors
/// [`InvalidVariable`] for any other word.
pub fn reasoning_effort(
    name: &'static str,
    value: &str,
) -> Result<Option<&'static str>, InvalidVariable> {
    const EFFORTS: [&str; 6] = ["none", "minimal", "low", "medium", "high", "xhigh"];
    let value = value.trim();
    let effort = EFFORTS.into_iter().find(|effort| *effort == value);
    match value.is_empty() || effort.is_some() {
        true => Ok(effort),
        false => Err(InvalidVariable::new(
            name,
            value,
            "none, minimal, low, medium, high or xhigh",
        )),
    }
}

/// A finite number from 0 on; `default` when the value is empty.
///
/// # Errors
/// [`InvalidVariable`] for anything else.
pub fn number(name: &'static str, value: &str, default: f64) -> Result<f64, InvalidVariable> {
    match value.trim() {
        "" => Ok(default),
        text => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite() && *number >= 0.0)
            .ok_or_else(|| InvalidVariable::new(name, text, "a number, 0 or more")),
    }
}

/// A part of a whole, from 0 to 1; `default` when the value is empty.
///
/// # Errors
/// [`InvalidVariable`] for anything else, such as a percentage.
pub fn share(name: &'static str, value: &str, default: f64) -> Result<f64, InvalidVariable> {
    number(name, value, default)
        .ok()
        .filter(|share| *share <= 1.0)
        .ok_or_else(|| InvalidVariable::new(name, value.trim(), "a number from 0 to 1"))
}

/// The meaning of one of several words; the first when the value is empty. `expected` lists the
/// words for the message.
///
/// # Errors
/// [`InvalidVariable`] for any other word.
pub fn choice<T: Copy>(
    name: &'static str,
    value: &str,
    choices: &[(&str, T)],
    expected: &'static str,
) -> Result<T, InvalidVariable> {
    let value = value.trim();
    choices
        .iter()
        .find(|(word, _)| value.is_empty() || value == *word)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| InvalidVariable::new(name, value, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_two_letters() {
        assert_eq!(country("c", ""), Ok(None));
        assert_eq!(country("c", " de "), Ok(Some("DE".to_owned())));
        for value in ["Germany", "d1", "ß", "D"] {
            let error = country("c", value).unwrap_err().to_string();
            assert!(error.contains("two letters"), "{error}");
        }
    }

    #[test]
    fn a_share_is_no_percentage() {
        let read = |value| share("confidence_threshold", value, 0.6);
        assert_eq!(read(""), Ok(0.6));
        assert_eq!(read(" 0 "), Ok(0.0));
        assert_eq!(read("1"), Ok(1.0));
        for value in ["60", "1.01", "-0.1", "NaN", "60 %"] {
            let error = read(value).unwrap_err().to_string();
            let expected = format!("is {value:?}: expected a number from 0 to 1");
            assert!(error.ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn an_effort_is_one_of_six_words_or_left_to_the_server() {
        let read = |value| reasoning_effort("openai_reasoning_effort", value);
        assert_eq!(read(" "), Ok(None));
        // Another thing than leaving it to the server.
        assert_eq!(read("none"), Ok(Some("none")));
        assert_eq!(read(" xhigh "), Ok(Some("xhigh")));
        for value in ["hihg", "Low", "0", "off"] {
            let error = read(value).unwrap_err().to_string();
            let expected = "expected none, minimal, low, medium, high or xhigh";
            assert_eq!(
                error,
                format!("variable openai_reasoning_effort is {value:?}: {expected}")
            );
        }
    }

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        let url = |value| origin("public_url", value).map(|origin| origin.url("/x"));
        assert_eq!(url(""), Ok("/x".to_owned()));
        for value in ["https://books.example.com", " https://books.example.com/ "] {
            assert_eq!(url(value), Ok("https://books.example.com/x".to_owned()));
        }
        assert_eq!(
            url("http://[::1]:3000"),
            Ok("http://[::1]:3000/x".to_owned())
        );
        for value in [
            "books.example.com",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a b",
        ] {
            assert!(url(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_flag_is_one_of_eight_words() {
        for (value, expected) in [
            ("true", true),
            (" on ", true),
            ("1", true),
            ("yes", true),
            ("false", false),
            ("off", false),
            ("0", false),
            ("no", false),
            ("", true),
        ] {
            assert_eq!(flag("sandbox", value, true), Ok(expected), "{value:?}");
        }
        for value in ["ture", "True", "2", "enabled"] {
            let error = flag("sandbox", value, true).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("variable sandbox is {value:?}: expected true or false")
            );
        }
    }

    #[test]
    fn a_number_is_finite_and_not_negative() {
        assert_eq!(number("rate", "2.5", 1.0), Ok(2.5));
        assert_eq!(number("rate", "0", 1.0), Ok(0.0));
        assert_eq!(number("rate", " ", 1.0), Ok(1.0));
        for value in ["-1", "inf", "NaN", "3/s", "1,5"] {
            assert!(number("rate", value, 1.0).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_choice_is_one_of_its_words() {
        let choices = [("background", 1), ("inline", 2)];
        let read = |value| choice("run_mode", value, &choices, "background or inline");
        assert_eq!(read(""), Ok(1));
        assert_eq!(read("background"), Ok(1));
        assert_eq!(read(" inline"), Ok(2));
        let error = read("inlne").unwrap_err().to_string();
        assert_eq!(
            error,
            r#"variable run_mode is "inlne": expected background or inline"#
        );
    }
}
