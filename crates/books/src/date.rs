//! Reading of dates as people, exports and publishers write them, to ISO 8601.

mod interval;
mod months;
mod parts;

use crate::digits::ascii_digits;
pub(crate) use interval::Interval;
pub(crate) use months::month_by_name;
use parts::Parts;

/// A date that is known to the day, the month or the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartialDate {
    pub year: i32,
    pub(crate) month: Option<u8>,
    day: Option<u8>,
}

/// The order of day and month in dates written with numbers only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DateOrder {
    /// Unknown: a date that reads both ways is not believed.
    #[default]
    Unknown,
    /// Day first: `31/12/2020`.
    DayFirst,
    /// Month first: `12/31/2020`.
    MonthFirst,
    /// Year first, of two digits: `20/12/31`.
    YearFirst,
}

/// The reason why a text is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateError {
    /// The text is no date, or one that the calendar does not have.
    Unreadable,
    /// Day and month could be either way round; the year is known when it has four digits.
    Ambiguous { year: Option<i32> },
}

impl PartialDate {
    fn new(year: u32, month: Option<u32>, day: Option<u32>) -> Option<Self> {
        if !(1000..=2999).contains(&year) {
            return None;
        }
        let month = match month {
            Some(month @ 1..=12) => Some(month as u8),
            Some(_) => return None,
            None => None,
        };
        let day = match (month, day) {
            (Some(month), Some(day)) if (1..=days_in(year, month)).contains(&day) => {
                Some(day as u8)
            }
            (_, Some(_)) => return None,
            (_, None) => None,
        };
        Some(Self {
            year: year as i32,
            month,
            day,
        })
    }

    /// Reads `2025/08/09`, `2025-08`, `2025`, `August 9, 2025`, `9. August 2025`, `25.12.2025`,
    /// `2025年8月9日`, a date with a time beside it, and the like.
    ///
    /// Of two numbers that could both be the month (`03/04/2025`) neither is believed: only the
    /// year is known then.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match Self::read(text, DateOrder::Unknown) {
            Ok(date) => Some(date),
            Err(DateError::Ambiguous { year: Some(year) }) => {
                Self::new(u32::try_from(year).ok()?, None, None)
            }
            Err(_) => None,
        }
    }

    /// Reads a date of a column whose dates are known to have this order of day and month.
    ///
    /// # Errors
    /// [`DateError`]: there is no date, or it can be read in two ways.
    pub(crate) fn read(text: &str, order: DateOrder) -> Result<Self, DateError> {
        Parts::of(text).ok_or(DateError::Unreadable)?.date(order)
    }

    /// Reads a year, or a day with its year in front, in numbers alone: it can be read in one way
    /// only.
    pub(crate) fn plain(text: &str) -> Option<Self> {
        let is_plain = |byte| matches!(byte, b'0'..=b'9' | b'-' | b'/');
        if !(4..=10).contains(&text.len()) || !text.bytes().all(is_plain) {
            return None;
        }
        let parts = Parts::of(text)?;
        let has_year_first = matches!(parts.numbers.as_slice(), [(4, _)] | [(4, _), _, _]);
        let date = parts.date(DateOrder::Unknown).ok()?;
        // Half-known dates are written with zeros.
        (has_year_first && date.month.is_some() == date.day.is_some()).then_some(date)
    }

    /// The day of a spreadsheet's serial number: days since the end of 1899.
    pub(crate) fn from_serial(serial: u32) -> Option<Self> {
        // Only what can be meant as a day on which somebody read: 1954 to 2064.
        (20_000..60_000)
            .contains(&serial)
            .then(|| Self::from_unix_days(i64::from(serial) - 25_569))?
    }

    /// The day so many days after 1970-01-01 (Howard Hinnant's `civil_from_days`).
    fn from_unix_days(days: i64) -> Option<Self> {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self::new(
            u32::try_from(year).ok()?,
            u32::try_from(month).ok(),
            u32::try_from(day).ok(),
        )
    }

    /// The day of a week as ISO 8601 counts them, else the month that has the whole of it, else its
    /// year.
    fn of_week(year: u32, week: u32, day: Option<u32>) -> Option<Self> {
        if !(1_900..2_100).contains(&year) || !(1..=53).contains(&week) {
            return None;
        }
        let before = i64::from(year - 1);
        // The first week is that of the fourth of January.
        let fourth = 365 * before + before / 4 - before / 100 + before / 400 - 719_162 + 3;
        let monday = fourth - (fourth + 3).rem_euclid(7) + i64::from(week - 1) * 7;
        match day {
            Some(day @ 1..=7) => Self::from_unix_days(monday + i64::from(day - 1)),
            Some(_) => None,
            None => {
                let first = Self::from_unix_days(monday)?;
                let last = Self::from_unix_days(monday + 6)?;
                let month = first.month.filter(|_| first.month == last.month);
                Self::new(year, month.map(u32::from), None)
            }
        }
    }

    /// Spells the day as `yyyy-mm-dd`, if it is known.
    pub(crate) fn day(self) -> Option<String> {
        self.day.map(|_| self.to_string())
    }
}

/// Whether a text names two months: "Jan-Mar 2020".
pub(crate) fn names_two_months(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters > 5 && Parts::of(text).is_some_and(|parts| parts.has_two_months)
}

/// Whether a date has words beside it that say more: "2010 with my mother", "Summer 2019".
pub(crate) fn says_more(text: &str) -> bool {
    let Some(parts) = Parts::of(text) else {
        return false;
    };
    let is_day = || {
        parts
            .date(DateOrder::Unknown)
            .is_ok_and(|date| date.day.is_some())
    };
    parts.says_more || parts.is_part && !is_day()
}

/// The order of day and month in a date that reads only one way.
pub(crate) fn order_of(text: &str) -> Option<DateOrder> {
    let parts = Parts::of(text)?;
    match parts.numbers.as_slice() {
        // Not "1.-20.5."
        [(1..=2, a), (1..=2, b), (2.., _)]
            if parts.month.is_none() && !(parts.is_dotted && text.contains(['-', '–'])) =>
        {
            match (a, b) {
                (13..=31, 1..=12) => Some(DateOrder::DayFirst),
                (1..=12, 13..=31) => Some(DateOrder::MonthFirst),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a date's year of two digits is its first number: `Some(true)` when no year of these days
/// ends as its last does, `Some(false)` when none ends as its first, and `None` when its year is
/// told otherwise.
pub(crate) fn year_first(text: &str) -> Option<Option<bool>> {
    /// The last two digits of years in which a reader may have noted days.
    const YEARS: std::ops::RangeInclusive<u32> = 10..=27;
    let parts = Parts::of(text)?;
    match parts.numbers.as_slice() {
        [(2, a), (1..=2, 1..=12), (2, c)] if parts.month.is_none() => {
            Some(match (YEARS.contains(a), YEARS.contains(c)) {
                (true, false) => Some(true),
                (false, true) => Some(false),
                _ => None,
            })
        }
        // "3/14/21"
        [(1..=2, _), (1..=2, _), (2, _)] if parts.month.is_none() => Some(Some(false)),
        _ => None,
    }
}

/// The year that two digits stand for: 1941 to 2040.
fn whole_year(two_digits: u32) -> u32 {
    if two_digits <= 40 {
        2000 + two_digits
    } else {
        1900 + two_digits
    }
}

impl std::fmt::Display for PartialDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Each row has some, and years have four digits.
        let mut text = *b"0000-00-00";
        let mut year = self.year.unsigned_abs();
        for digit in text[..4].iter_mut().rev() {
            *digit += (year % 10) as u8;
            year /= 10;
        }
        let mut length = 4;
        for part in [self.month, self.day].into_iter().flatten() {
            text[length + 1] += part / 10;
            text[length + 2] += part % 10;
            length += 3;
        }
        f.write_str(std::str::from_utf8(&text[..length]).unwrap_or_default())
    }
}

fn days_in(year: u32, month: u8) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The year of an edition, of which people write two digits: "98", "'03".
pub(crate) fn short_year(text: &str) -> Option<i32> {
    let digits = text.trim().trim_start_matches(['\'', '’', '‘']);
    let is_short = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let year = digits.parse().ok().filter(|_| is_short)?;
    i32::try_from(whole_year(year)).ok()
}

/// Reads a year on its own: `2004`, `-750`, `2004.0`; `None` when it is not plausible as one.
pub(crate) fn year(text: &str) -> Option<i32> {
    let text = ascii_digits(text.trim());
    let year: i32 = text.strip_suffix(".0").unwrap_or(&text).parse().ok()?;
    (year != 0 && (-3000..3000).contains(&year)).then_some(year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_usual_form() {
        for (text, iso) in [
            ("2025/08/09", "2025-08-09"),
            ("2025-08-09", "2025-08-09"),
            ("2025-8-9", "2025-08-09"),
            ("20250809", "2025-08-09"),
            ("2025-08-09T10:11:12Z", "2025-08-09"),
            ("2025-08-09 10:11", "2025-08-09"),
            ("2025-08", "2025-08"),
            ("08/2025", "2025-08"),
            ("2025", "2025"),
            ("2025-00-00", "2025"),
            ("2025-08-00", "2025-08"),
            ("September 30, 2004", "2004-09-30"),
            ("Sept. 30, 2004", "2004-09-30"),
            ("30 Sep 2004", "2004-09-30"),
            ("30th September 2004", "2004-09-30"),
            ("2004 September 30", "2004-09-30"),
            ("Aug 2025", "2025-08"),
            ("25.12.2025", "2025-12-25"),
            ("05.04.2025", "2025-04-05"),
            ("12/25/2025", "2025-12-25"),
            ("25/12/2025", "2025-12-25"),
            ("04/05/2025", "2025"),
            ("08/01/90", "1990"),
            ("04/04/2025", "2025-04-04"),
            ("2024-02-29", "2024-02-29"),
        ] {
            let read = PartialDate::parse(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(iso), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "soon",
            "31",
            "2025-13-01",
            "2025-02-30",
            "2023-02-29",
            "0000-00-00",
            "99999999999999",
            "1 2 3 4 2025",
            "\u{661}\u{662}",
            "12/25/2O",
            "AH 1440",
            "1440 AH",
            "12 Muharram 1440 AH",
            "1440 هـ",
        ] {
            assert_eq!(PartialDate::parse(text), None, "{text}");
        }
        assert_eq!(PartialDate::parse("2025-08").unwrap().day(), None);
    }

    #[test]
    fn months_by_their_names_in_many_languages() {
        for (text, iso) in [
            ("15 mars 2023", "2023-03-15"),
            ("1er août 2023", "2023-08-01"),
            ("3. Mai 2021", "2021-05-03"),
            ("24. März 2021", "2021-03-24"),
            ("5 de enero de 2022", "2022-01-05"),
            ("12 de março de 2020", "2020-03-12"),
            ("7 luglio 2019", "2019-07-07"),
            ("7 mrt. 2019", "2019-03-07"),
            ("7 maart 2019", "2019-03-07"),
            ("2 lutego 2018", "2018-02-02"),
            ("11 stycznia 2018", "2018-01-11"),
            ("9 października 2018", "2018-10-09"),
            ("6 czerwca 2018", "2018-06-06"),
            ("14 февраля 2019 г.", "2019-02-14"),
            ("1 мая 2019", "2019-05-01"),
            ("3. července 2020", "2020-07-03"),
            ("3. června 2020", "2020-06-03"),
            ("3 maj 2020", "2020-05-03"),
            ("2021年5月3日", "2021-05-03"),
            ("2021년 5월 3일", "2021-05-03"),
            ("令和3年5月3日", "2021-05-03"),
            ("令和元年5月3日", "2019-05-03"),
            ("令和元年", "2019"),
            ("平成31年4月", "2019-04"),
            ("昭和64年", "1989"),
            ("民國108年5月3日", "2019-05-03"),
            ("2019年5月", "2019-05"),
            ("٢٠٢١-٠٥-٠٣", "2021-05-03"),
            ("15.IX.2009", "2009-09-15"),
            ("mar. 4 mai 2021", "2021-05-04"),
            ("Mar 4, 2021", "2021-03-04"),
            ("3. Jänner 2021", "2021-01-03"),
            ("3. toukokuuta 2021", "2021-05-03"),
            ("15. heinäkuuta 2020", "2020-07-15"),
            ("2020. augusztus 15.", "2020-08-15"),
            ("3 iunie 2021", "2021-06-03"),
            ("3 травня 2021 р.", "2021-05-03"),
            ("3 Μαΐου 2021", "2021-05-03"),
            ("15 Αυγούστου 2020", "2020-08-15"),
            ("٣ مايو ٢٠٢١", "2021-05-03"),
            ("3 במאי 2021", "2021-05-03"),
            ("3 मई 2021", "2021-05-03"),
            ("3. svibnja 2021.", "2021-05-03"),
            ("7 d'agost de 2020", "2020-08-07"),
            ("3 mei 2021", "2021-05-03"),
        ] {
            let read = PartialDate::parse(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(iso), "{text}");
        }
    }

    #[test]
    fn dates_of_spreadsheets_and_machines() {
        for (text, iso) in [
            ("c1999", "1999"),
            ("25/12/20", "2020-12-25"),
            ("12/25/20", "2020-12-25"),
            ("25-Dec-20", "2020-12-25"),
            ("Dec-20", "2020-12"),
            ("99/12/31", "1999-12-31"),
            ("20250809101112", "2025-08-09"),
            ("20250809T101112Z", "2025-08-09"),
            ("1620000000", "2021-05-03"),
            ("1620000000000", "2021-05-03"),
            ("2025/07/05 11:18:02.255349040", "2025-07-05"),
            ("March 3, 2026 9:15 AM", "2026-03-03"),
            ("Fri Jan 03 22:34:43 -0800 2020", "2020-01-03"),
            ("2025-07-05T23:59:59+02:00", "2025-07-05"),
            ("9:15 3/25/2026", "2026-03-25"),
            ("Q1 2020", "2020"),
        ] {
            let read = PartialDate::parse(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(iso), "{text}");
        }
    }

    #[test]
    fn the_order_of_the_column_decides() {
        let read = |text, order| PartialDate::read(text, order).map(|date| date.to_string());
        for (text, day_first, month_first) in [
            ("3/4/2021", "2021-04-03", "2021-03-04"),
            ("3/4/21", "2021-04-03", "2021-03-04"),
            ("3.4.2021", "2021-04-03", "2021-03-04"),
            ("25/12/2021", "2021-12-25", "2021-12-25"),
            ("2021-03-04", "2021-03-04", "2021-03-04"),
        ] {
            assert_eq!(read(text, DateOrder::DayFirst).as_deref(), Ok(day_first));
            assert_eq!(
                read(text, DateOrder::MonthFirst).as_deref(),
                Ok(month_first)
            );
        }
        assert_eq!(
            read("3/4/2021", DateOrder::Unknown),
            Err(DateError::Ambiguous { year: Some(2021) })
        );
        assert_eq!(
            read("3/4/21", DateOrder::Unknown),
            Err(DateError::Ambiguous { year: Some(2021) })
        );
        assert_eq!(order_of("25/12/2021"), Some(DateOrder::DayFirst));
        assert_eq!(order_of("12/25/21 10:15"), Some(DateOrder::MonthFirst));
        for text in ["3/4/2021", "2021/12/25", "Dec 25, 2021", "", "99/12/31"] {
            assert_eq!(order_of(text), None, "{text}");
        }
    }

    #[test]
    fn serial_numbers_of_spreadsheets() {
        let day = |serial| PartialDate::from_serial(serial).and_then(PartialDate::day);
        assert_eq!(day(44_319).as_deref(), Some("2021-05-03"));
        assert_eq!(day(43_890).as_deref(), Some("2020-02-29"));
        assert_eq!(day(2_021), None);
    }

    #[test]
    fn days_and_months_of_weeks() {
        for (text, iso) in [
            ("2021-W22-3", "2021-06-02"),
            ("2020W181", "2020-04-27"),
            ("2020-W01-1", "2019-12-30"),
            ("2021-W01-1", "2021-01-04"),
            ("2020-W53-5", "2021-01-01"),
            ("KW 20/2021", "2021-05"),
            ("week 20, 2021", "2021-05"),
            ("2020-W18", "2020"),
        ] {
            let read = PartialDate::parse(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(iso), "{text}");
        }
        assert!(!says_more("2021-W22-3"));
        assert!(says_more("2021-W22"));
    }

    #[test]
    fn years() {
        assert_eq!(year("2004"), Some(2004));
        assert_eq!(year("2004.0"), Some(2004));
        assert_eq!(year("-750"), Some(-750));
        assert_eq!(year("20040"), None);
        assert_eq!(year("0"), None);
        assert_eq!(year(""), None);
    }
}
