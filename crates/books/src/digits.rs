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

/// A text with digits for the Chinese numbers of a date: "二〇一九年十二月三日".
pub(crate) fn without_chinese_numbers(text: &str) -> Cow<'_, str> {
    const DIGITS: &str = "〇一二三四五六七八九";
    let value = |c: char| match c {
        '零' => Some(0),
        '十' => Some(10),
        c => DIGITS.chars().position(|digit| digit == c),
    };
    if text.is_ascii()
        || !text.contains(['年', '月', '日'])
        || !text.chars().any(|c| value(c).is_some())
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| value(c).is_none()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(length.max(first.len_utf8()));
        let values: Option<Vec<usize>> = number.chars().map(value).collect();
        rest = after;
        match values {
            // Not "星期一".
            Some(values) if after.starts_with(['年', '月', '日']) => match values.as_slice() {
                [tens @ .., 10] if tens.len() < 2 => {
                    out.push_str(&(tens.first().unwrap_or(&1) * 10).to_string());
                }
                [10, unit] => out.push_str(&(10 + unit).to_string()),
                [tens, 10, unit] => out.push_str(&(tens * 10 + unit).to_string()),
                digits => out.extend(digits.iter().map(ToString::to_string)),
            },
            _ => out.push_str(number),
        }
    }
    Cow::Owned(out)
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

    #[test]
    fn chinese_numbers_of_dates_are_digits() {
        for (text, digits) in [
            ("二〇一九年十二月三十一日", "2019年12月31日"),
            ("二零二〇年五月", "2020年5月"),
            ("令和二年十月二十日", "令和2年10月20日"),
            ("一", "一"),
            ("2020年5月4日 星期一", "2020年5月4日 星期一"),
            ("May 2020", "May 2020"),
        ] {
            assert_eq!(without_chinese_numbers(text), digits, "{text}");
        }
    }
}
