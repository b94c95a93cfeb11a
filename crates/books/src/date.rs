//! Dates as people, exports and publishers write them, in ISO 8601.

/// A date that is known to the day, the month or the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartialDate {
    pub year: i32,
    month: Option<u8>,
    day: Option<u8>,
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

    /// Reads `2025/08/09`, `2025-08`, `2025`, `August 9, 2025`, `9 Aug. 2025`, `25.12.2025`,
    /// a date with a time behind it, and the like.
    ///
    /// Of two numbers that could both be the month (`03/04/2025`) neither is believed: only the
    /// year is known then.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // A time of day: 2025-08-09T10:00:00Z, 2025-08-09 10:00
        let text = match text.find([':', 'T']) {
            Some(at) if text.starts_with(|c: char| c.is_ascii_digit()) && at >= 10 => {
                let date = &text[..at];
                date.rsplit_once(' ').map_or(date, |(date, _)| date)
            }
            _ => text,
        };
        let mut month_name = None;
        let mut numbers = Vec::new();
        let tokens = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|token| !token.is_empty());
        for token in tokens {
            let digits = token.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            if digits.is_empty() {
                month_name = month_name.or_else(|| month_by_name(token));
            } else if digits.len() <= 8 && digits.bytes().all(|b| b.is_ascii_digit()) {
                numbers.push((digits.len(), digits.parse::<u32>().ok()?));
            }
            if numbers.len() > 3 {
                return None;
            }
        }
        let year_at = numbers.iter().position(|(length, _)| *length == 4);
        match (numbers.as_slice(), year_at, month_name) {
            (&[(8, ymd)], ..) => Self::new(ymd / 10_000, Some(ymd / 100 % 100), Some(ymd % 100)),
            (&[(_, year)], Some(_), month) => Self::new(year, month, None),
            (&[(_, a), (_, b)], Some(at), Some(month)) => {
                let (year, day) = if at == 0 { (a, b) } else { (b, a) };
                Self::new(year, Some(month), Some(day))
            }
            (&[(_, year), (_, month)], Some(0), None) => Self::new(year, Some(month), None),
            (&[(_, month), (_, year)], Some(1), None) => Self::new(year, Some(month), None),
            (&[(_, year), (_, month), (_, day)], Some(0), None) => {
                // Half-known dates are written with zeros.
                let month = Some(month).filter(|month| *month > 0);
                let day = Some(day).filter(|day| *day > 0 && month.is_some());
                Self::new(year, month, day)
            }
            (&[(_, a), (_, b), (_, year)], Some(2), None) => match (a, b) {
                (13.., _) => Self::new(year, Some(b), Some(a)),
                (_, 13..) => Self::new(year, Some(a), Some(b)),
                (a, b) if a == b => Self::new(year, Some(a), Some(b)),
                _ if text.contains('.') => Self::new(year, Some(b), Some(a)),
                _ => Self::new(year, None, None),
            },
            _ => None,
        }
    }

    /// `yyyy-mm-dd`, if the day is known.
    pub(crate) fn day(self) -> Option<String> {
        self.day.map(|_| self.to_string())
    }
}

impl std::fmt::Display for PartialDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
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

fn month_by_name(name: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.to_ascii_lowercase();
    if name.len() < 3 {
        return None;
    }
    MONTHS
        .iter()
        .position(|month| month.starts_with(&name) || (name == "sept" && *month == "september"))
        .map(|index| index as u32 + 1)
}

/// A year on its own: `2004`, `-750`, `2004.0`; `None` when it is not plausible as one.
pub(crate) fn year(text: &str) -> Option<i32> {
    let text = text.trim();
    let year: i32 = text.strip_suffix(".0").unwrap_or(text).parse().ok()?;
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
            "c1999",
            "2025-13-01",
            "2025-02-30",
            "2023-02-29",
            "0000-00-00",
            "99999999999999",
            "1 2 3 4 2025",
            "\u{661}\u{662}",
        ] {
            assert_eq!(PartialDate::parse(text), None, "{text}");
        }
        assert_eq!(PartialDate::parse("2025-08").unwrap().day(), None);
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
