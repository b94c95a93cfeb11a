//! Reading of one cell: the dates in it, the times from one to another, how often a book was read.

use super::MAX_DATES;
use crate::csv::columns::Column;
use crate::csv::values::{count, unbracketed};
use crate::date::{
    DateError, DateOrder, Interval, PartialDate, month_by_name, names_two_months, short_year,
};
use crate::text::{joined, words};

/// A time without the milliseconds that it took: "2021-01-01|2021-02-01|3600".
pub(super) fn without_duration(part: &str) -> &str {
    match part.rsplit_once('|') {
        Some((times, took))
            if times.contains('|') && took.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            times
        }
        _ => part,
    }
}

/// The orders in which six digits may be a date.
pub(in crate::csv) const ORDERS: [DateOrder; 3] = [
    DateOrder::YearFirst,
    DateOrder::DayFirst,
    DateOrder::MonthFirst,
];

/// A date in six digits with its year in four: "201231" in the order of the year first.
pub(in crate::csv) fn short_date(text: &str, order: DateOrder) -> Option<String> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (first, second, third) = (&text[..2], &text[2..4], &text[4..]);
    Some(match order {
        DateOrder::DayFirst => format!("20{third}-{second}-{first}"),
        DateOrder::MonthFirst => format!("20{third}-{first}-{second}"),
        _ => format!("20{first}-{second}-{third}"),
    })
}

/// The name of a month and the two digits behind it: "June 21", "Jun-21", "Juni '21".
pub(in crate::csv) fn month_and_digits(text: &str) -> Option<(&str, u32)> {
    let (month, digits) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let month = month.trim_end_matches([' ', '-', '\'', '’', '.', ',', '/']);
    let is_month = month.chars().count() > 2 && month.chars().all(char::is_alphabetic);
    let is_apart = month.len() + 2 < text.len();
    (is_month && is_apart && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| month_by_name(&joined(month)).and(digits.parse().ok()))?
        .map(|digits| (month, digits))
}

/// Whether the digits behind a month can only be a year: "Juni '21", "May 98", and "Jun-21", as
/// spreadsheets show a month.
pub(in crate::csv) fn is_short_year(text: &str, digits: u32) -> bool {
    digits > 31 || text.contains(['\'', '’']) || text.find('-') == Some(3)
}

pub(super) fn read_date(text: &str, column: &Column) -> Result<PartialDate, DateError> {
    if let Some(date) = PartialDate::plain(text) {
        return own(date);
    }
    let text = unbracketed(text);
    let serial = text.split(['.', ',']).next().unwrap_or_default();
    if serial.len() == 5
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        && let Some(date) = serial.parse().ok().and_then(PartialDate::from_serial)
    {
        return Ok(date);
    }
    // "'20"
    if text.starts_with(['\'', '’', '‘'])
        && let Some(year) = short_year(text)
    {
        return PartialDate::read(&year.to_string(), column.dates);
    }
    // "202005", which is no day: the month is no year of these days, and no month.
    if text.len() == 6
        && let Some((year, month)) = text.split_at_checked(4)
        && matches!(year.parse(), Ok(1_913..=2_099))
        && !matches!(year[2..].parse(), Ok(0..=12))
        && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        return PartialDate::read(&format!("{year}-{month}"), column.dates);
    }
    if column.short_dates != DateOrder::Unknown
        && let Some(date) = short_date(text, column.short_dates)
    {
        return PartialDate::read(&date, column.dates);
    }
    if let Some((month, digits)) = month_and_digits(text)
        && (column.has_short_years || is_short_year(text, digits))
    {
        let century = if digits < 40 { 20 } else { 19 };
        return PartialDate::read(&format!("{month} {century}{digits:02}"), column.dates);
    }
    own(PartialDate::read(text, column.dates)?)
}

/// A date of a reader in our calendar.
fn own(mut date: PartialDate) -> Result<PartialDate, DateError> {
    // Of the Buddhist calendar, as in Thailand.
    if (2_443..2_643).contains(&date.year) {
        date.year -= 543;
    }
    // A year of the Persian or the Islamic calendar: nobody's list is so old.
    if date.year < 1_800 {
        return Err(DateError::Unreadable);
    }
    Ok(date)
}

/// The time from one day to another of a cell.
pub(super) fn interval(text: &str, column: &Column) -> Result<Interval, DateError> {
    let interval = Interval::read(unbracketed(text), column.dates)?;
    Ok(Interval {
        from: own(interval.from)?,
        to: own(interval.to)?,
        ..interval
    })
}

/// What a cell of dates says.
pub(super) enum Time {
    Date(PartialDate),
    Interval(Interval),
}

pub(super) fn time(text: &str, column: &Column) -> Result<Time, DateError> {
    match read_date(text, column) {
        Ok(date) if !names_two_months(text) => Ok(Time::Date(date)),
        date => match interval(text, column) {
            Ok(interval) => Ok(Time::Interval(interval)),
            Err(error @ DateError::Ambiguous { .. }) => Err(error),
            Err(DateError::Unreadable) => date.map(Time::Date),
        },
    }
}

/// The dates of a cell that lists several, like "2019-01-02; 2020-03-04", each with what it was
/// read from.
pub(super) fn several_dates(text: &str, column: &Column) -> Vec<(PartialDate, String)> {
    let mut text = text.to_owned();
    for and in [
        " and ", " und ", " et ", " y ", " e ", " en ", " og ", " och ", " и ", " i ",
    ] {
        text = text.replace(and, ";");
    }
    let text = text.replace(" / ", ";");
    let read = |part: &&str| Some((read_date(part, column).ok()?, (*part).to_owned()));
    for separators in [
        &[';', '|', '\n', '&'][..],
        &[';', '|', '\n', '&', ','],
        &[' '],
    ] {
        let parts: Vec<&str> = (text.split(separators).map(str::trim))
            .filter(|part| !part.is_empty())
            .collect();
        // "3 4 2020" is one.
        let is_short = |part: &&str| separators == [' '] && part.len() < 4;
        if !(2..=MAX_DATES).contains(&parts.len()) || parts.iter().any(is_short) {
            continue;
        }
        let dates: Option<Vec<_>> = parts.iter().map(read).collect();
        if let Some(dates) = dates {
            return dates;
        }
    }
    Vec::new()
}

/// Splits a text from the number of times behind it: "Read x2", "read 2 times".
pub(super) fn times_behind(text: &str) -> Option<(&str, u32)> {
    const TIMES: &str = "times mal fois veces vezes volte keer razy раза gånger ganger gange 回 次";
    let (mut text, mut last) = text.trim_end().rsplit_once(char::is_whitespace)?;
    let word = last.trim_end_matches(')').to_lowercase();
    let number = if TIMES.split_whitespace().any(|known| known == word) {
        (text, last) = text.trim_end().rsplit_once(char::is_whitespace)?;
        last.trim_start_matches('(')
    } else {
        let last = last.trim_matches(['(', ')']);
        (last.strip_prefix(['x', 'X', '×'])).or_else(|| last.strip_suffix(['x', 'X', '×']))?
    };
    Some((text, count(number)?))
}

/// Reads a number of times: "2", "2x", "x2", "twice".
pub(in crate::csv) fn times_in(text: &str) -> Option<u32> {
    // Most are digits.
    if text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return count(text);
    }
    match words(text).as_slice() {
        [once] if once == "once" => Some(1),
        [twice] if twice == "twice" => Some(2),
        _ => count(text.trim_start_matches(['x', 'X', '×'])),
    }
}

/// The beginning of a time that has no end yet: "2023/05/01-", "2023-05-01|".
pub(super) fn begun(text: &str, column: &Column) -> Option<String> {
    const NOW: [&str; 6] = ["present", "now", "ongoing", "today", "current", "heute"];
    /// Words before a time without an end.
    const SINCE: [&str; 7] = [
        "since ", "seit ", "depuis ", "desde ", "dal ", "sinds ", "od ",
    ];
    let text = text.trim_end();
    let since = SINCE.iter().find_map(|since| text.strip_prefix(since));
    if let Some(date) = since.and_then(|since| read_date(since, column).ok()) {
        return Some(date.to_string());
    }
    let now = NOW.iter().find_map(|now| text.strip_suffix(now));
    let from = now.unwrap_or(text);
    let begun = from.trim_end_matches(['-', '–', '→', '|', '/', '.', ' ']);
    (begun.len() < from.len() && !from.ends_with('.'))
        .then(|| read_date(begun, column).ok())?
        .map(|date| date.to_string())
}
