//! Reading of times from one day to another, and of several dates in one text.

use super::parts::Parts;
use super::{DateError, DateOrder, PartialDate, order_of};

/// A time from one day, month or year to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub from: PartialDate,
    pub to: PartialDate,
    /// Whether the text has other words besides its two dates.
    pub says_more: bool,
}

/// Words and signs between beginning and end: first those that stand in no date.
const BETWEEN: [&str; 35] = [
    " to ",
    " till ",
    " til ",
    " until ",
    " thru ",
    " through ",
    " bis ",
    " au ",
    " à ",
    " al ",
    " a ",
    " até ",
    " hasta ",
    " tot ",
    " t/m ",
    " do ",
    " по ",
    " finished",
    " Finished",
    " - ",
    " – ",
    " — ",
    "...",
    "..",
    "…",
    "->",
    "→",
    "⟶",
    "~",
    "〜",
    "～",
    "至",
    "–",
    "—",
    "|",
];
/// Signs between beginning and end that may stand inside a date, too.
const BETWEEN_PARTS: [&str; 3] = ["--", "-", "/"];

/// Largest number of places at which a sign or word is tried.
const MAX_PLACES: usize = 8;

impl Interval {
    /// Reads two dates with a sign or a word between them. The first may leave out what the second
    /// says, as in "1.-5.3.2020", "Jan-Mar 2020" and "3/1-3/5/2020"; the second its month behind
    /// one with a name ("March 5-12, 2020"), and what stands in front of it where the year is first
    /// ("2020年3月1日-3月15日").
    ///
    /// # Errors
    /// [`DateError`]: there are no two dates, or one of them can be read in two ways.
    pub(crate) fn read(text: &str, order: DateOrder) -> Result<Self, DateError> {
        let mut wrong = DateError::Unreadable;
        // No two dates are so long or so short, or have no digit.
        if !(6..=100).contains(&text.len()) || !text.contains(|c: char| c.is_numeric()) {
            return Err(wrong);
        }
        for between in BETWEEN.iter().chain(&BETWEEN_PARTS) {
            for (at, _) in text.match_indices(between).take(MAX_PLACES) {
                let (from, to) = (&text[..at], &text[at + between.len()..]);
                // "2019-01-02 / 2020-03-04" are two dates.
                if *between == "/" && from.ends_with(' ') {
                    continue;
                }
                match Self::between(from, to, order) {
                    // "2021-06-03 at 10.15" has one date, and a sign that is a part of it.
                    Ok(interval) if BETWEEN_PARTS.contains(between) && !interval.is_even() => {}
                    Ok(interval) => return Ok(interval),
                    Err(error @ DateError::Ambiguous { .. }) => wrong = error,
                    Err(DateError::Unreadable) => {}
                }
            }
        }
        Err(wrong)
    }

    fn between(from: &str, to: &str, order: DateOrder) -> Result<Self, DateError> {
        let order = match order {
            // One cell has one order.
            DateOrder::Unknown => order_of(to).or_else(|| order_of(from)).unwrap_or_default(),
            known => known,
        };
        let (Some(first), Some(mut last)) = (Parts::of(from), Parts::of(to)) else {
            return Err(DateError::Unreadable);
        };
        if first.numbers.is_empty() && first.month.is_none() {
            return Err(DateError::Unreadable);
        }
        last.complete_by(&first);
        let to = last.date(order)?;
        let from = match first.date(order) {
            Err(DateError::Unreadable) => first.before(to, order)?,
            date => date?,
        };
        Ok(Self {
            from,
            to,
            says_more: first.says_more || last.says_more,
        })
    }

    /// Whether it ends before it begins.
    pub(crate) fn is_reversed(self) -> bool {
        self.from.key() > self.to.key()
    }

    /// Whether its ends are in order, and both are days, months or years.
    fn is_even(self) -> bool {
        !self.is_reversed()
            && self.from.day.is_some() == self.to.day.is_some()
            && self.from.month.is_some() == self.to.month.is_some()
    }

    /// Whether both its ends are days.
    pub(crate) fn is_of_days(self) -> bool {
        self.from.day.is_some() && self.to.day.is_some()
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.from, self.to)
    }
}

impl PartialDate {
    fn key(self) -> (i32, Option<u8>, Option<u8>) {
        (self.year, self.month, self.day)
    }
}

impl Parts {
    /// Takes from the beginning of a time what its end leaves out.
    fn complete_by(&mut self, first: &Self) {
        match (first.numbers.as_slice(), self.numbers.as_slice()) {
            // "2019-20", "2019–21"
            ([(4, from)], [(2, to)])
                if first.month.is_none() && self.month.is_none() && from % 100 < *to =>
            {
                self.numbers = vec![(4, from / 100 * 100 + to)];
            }
            // "March 5-12, 2020"
            ([(1..=2, _)], [(1..=2, _), (4, _)]) if self.month.is_none() => {
                self.month = first.month;
            }
            // "2020-03-01 - 03-15"
            ([(4, year), (_, month), _], [rest @ (1..=2, _), others @ ..])
                if self.month.is_none() && others.len() < 2 =>
            {
                let mut numbers = vec![(4, *year)];
                match others {
                    [other] => numbers.extend([*rest, *other]),
                    _ => numbers.extend([(2, *month), *rest]),
                }
                self.numbers = numbers;
            }
            _ => {}
        }
    }

    /// The beginning of a time that ends then, of which less is written: "1.", "3/1", "March 3",
    /// "Jan".
    fn before(&self, to: PartialDate, order: DateOrder) -> Result<PartialDate, DateError> {
        let year = u32::try_from(to.year).unwrap_or_default();
        let end = to.month.map(u32::from);
        let of_year = |year| match (self.numbers.as_slice(), self.month) {
            ([], Some(month)) if to.day.is_none() => {
                PartialDate::new(year, Some(month), None).ok_or(DateError::Unreadable)
            }
            ([(1..=2, day)], Some(month)) if to.day.is_some() => {
                PartialDate::new(year, Some(month), Some(*day)).ok_or(DateError::Unreadable)
            }
            ([(1..=2, day)], None) if to.day.is_some() => {
                PartialDate::new(year, end, Some(*day)).ok_or(DateError::Unreadable)
            }
            ([(1..=2, a), (1..=2, b)], None) if to.day.is_some() => {
                self.in_order(*a, *b, year, order, Some(to.year))
            }
            _ => Err(DateError::Unreadable),
        };
        let from = of_year(year)?;
        let is_later = from.key() > to.key();
        match is_later && (self.month.is_some() || self.numbers.len() > 1) {
            // "28.12.-3.1.2021"
            true => of_year(year - 1),
            false if is_later => Err(DateError::Unreadable),
            false => Ok(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_from_one_day_to_another() {
        for (text, iso) in [
            ("2019-2020", "2019/2020"),
            ("2019–20", "2019/2020"),
            ("1.-5.3.2020", "2020-03-01/2020-03-05"),
            ("28.2.–3.3.2021", "2021-02-28/2021-03-03"),
            ("28.12.-3.1.2021", "2020-12-28/2021-01-03"),
            ("5.–12. März 2020", "2020-03-05/2020-03-12"),
            ("5-12 March 2020", "2020-03-05/2020-03-12"),
            ("March 5-12, 2020", "2020-03-05/2020-03-12"),
            ("Mar 5 - Apr 2, 2020", "2020-03-05/2020-04-02"),
            ("Jan-Mar 2020", "2020-01/2020-03"),
            ("Dec-Jan 2020", "2019-12/2020-01"),
            ("Dec 2019/Jan 2020", "2019-12/2020-01"),
            ("3/14-3/25/2020", "2020-03-14/2020-03-25"),
            ("01/02/2020–15/02/2020", "2020-02-01/2020-02-15"),
            ("from March 3 to April 5, 2020", "2020-03-03/2020-04-05"),
            ("vom 3.3.2020 bis 5.4.2020", "2020-03-03/2020-04-05"),
            ("du 3 au 15 mars 2020", "2020-03-03/2020-03-15"),
            (
                "del 3 de marzo al 5 de abril de 2020",
                "2020-03-03/2020-04-05",
            ),
            ("desde 3/3/2020 hasta 15/4/2020", "2020-03-03/2020-04-15"),
            (
                "de 3 de março a 15 de abril de 2020",
                "2020-03-03/2020-04-15",
            ),
            ("dal 3 marzo 2020 al 5 aprile 2020", "2020-03-03/2020-04-05"),
            ("3-3-2020 tot 15-4-2020", "2020-03-03/2020-04-15"),
            ("od 3.3.2020 do 5.4.2020", "2020-03-03/2020-04-05"),
            ("с 3 по 15 марта 2020", "2020-03-03/2020-03-15"),
            ("2020年3月1日～3月15日", "2020-03-01/2020-03-15"),
            ("2020-03-01 - 03-15", "2020-03-01/2020-03-15"),
            ("2020.03.01-2020.03.15", "2020-03-01/2020-03-15"),
            ("20200301-20200315", "2020-03-01/2020-03-15"),
            ("2020-03-01...2020-03-15", "2020-03-01/2020-03-15"),
            (
                "Started 1 March 2020, finished 15 March 2020",
                "2020-03-01/2020-03-15",
            ),
        ] {
            let read = Interval::read(text, DateOrder::Unknown);
            let read = read.map(|interval| (interval.to_string(), interval.says_more));
            assert_eq!(read, Ok((iso.to_owned(), false)), "{text}");
        }
    }

    #[test]
    fn the_order_of_the_column_is_that_of_both_ends() {
        for (text, day_first, month_first) in [
            (
                "01/02/2020-05/03/2020",
                "2020-02-01/2020-03-05",
                "2020-01-02/2020-05-03",
            ),
            (
                "3/1-3/5/2020",
                "2020-01-03/2020-05-03",
                "2020-03-01/2020-03-05",
            ),
            (
                "1/2 - 2/5/20",
                "2020-02-01/2020-05-02",
                "2020-01-02/2020-02-05",
            ),
        ] {
            let read = |order| Interval::read(text, order).map(|interval| interval.to_string());
            assert_eq!(
                read(DateOrder::DayFirst).as_deref(),
                Ok(day_first),
                "{text}"
            );
            assert_eq!(
                read(DateOrder::MonthFirst).as_deref(),
                Ok(month_first),
                "{text}"
            );
            let unknown = read(DateOrder::Unknown);
            assert!(
                matches!(unknown, Err(DateError::Ambiguous { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_from_one_day_to_another() {
        for text in [
            "2020-13-45",
            "2021-06-03 at 10.15",
            "2020-31-12",
            "555-1234",
            "12-5 March 2020",
            "soon - 2020",
            "1-2-3",
            "a - b",
            "2020 - x",
            "9780441172719",
            "978-0-441-17271-9",
            "",
        ] {
            let read = Interval::read(text, DateOrder::DayFirst);
            assert_eq!(read, Err(DateError::Unreadable), "{text}");
        }
    }
}
