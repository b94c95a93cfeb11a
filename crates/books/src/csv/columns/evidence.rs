//! Counts of cells that tell how a column is to be read.

use crate::Isbn;
use crate::csv::field::Field;
use crate::csv::line::{number_before, without_note};
use crate::csv::rating::{Rating, is_of_scale, letter_grade};
use crate::csv::status::{status, yes_or_no};
use crate::csv::times::{ORDERS, is_short_year, month_and_digits, short_date};
use crate::csv::values::is_duration;
use crate::date::{DateError, DateOrder, Interval, PartialDate, order_of, year_first};
use crate::name::{NameOrder, is_family_first, order_in};
use crate::text::words;

/// The longest cell of names, in bytes, that is read for the order of names in its column. Longer
/// ones are lists, which take long.
pub(super) const MAX_TELLING: usize = 300;

/// Counts of cells that tell how a column is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    pub(super) day_first: u32,
    pub(super) month_first: u32,
    /// Number of dates whose year can only be the first of three short numbers, and of those whose
    /// year can only be the last.
    pub(super) year_first: u32,
    pub(super) year_last: u32,
    /// Number of dates that read both ways.
    pub(super) ambiguous_days: u32,
    /// Number of dates in six digits, and of those that are days in each order.
    pub(super) short_dates: u32,
    pub(super) short_days: [u32; 3],
    /// Number of months with two digits behind them, of those whose digits are surely a year and of
    /// those that may be the day, and of months with a year in four.
    pub(super) short_months: u32,
    pub(super) sure_years: u32,
    pub(super) likely_days: u32,
    pub(super) whole_months: u32,
    /// Number of ratings that are words of the scale from "poor" to "excellent".
    pub(super) words: u32,
    pub(super) last_first: u32,
    pub(super) lists: u32,
    /// Number of names without a comma whose family name comes first, and of those whose does not.
    pub(super) family_first: u32,
    pub(super) given_first: u32,
    pub(super) ratings: u32,
    /// Number of ratings that are letters: "B+".
    pub(super) letters: u32,
    /// Number of cells that are a mark for yes or no.
    pub(super) marks: u32,
    /// Number of cells of nothing but stars, in a column of texts.
    pub(super) stars: u32,
    /// Number of cells that count up from one.
    pub(super) counted: u32,
    /// Number of titles behind a number that goes on from the one before, how many of those have a
    /// sign between them, and the last number.
    pub(super) numbered: u32,
    pub(super) set_apart: u32,
    pub(super) last_number: u32,
    pub(super) first_number: Option<u32>,
    /// Number of titles with the mark of a first footnote.
    pub(super) superscripts: u32,
    /// Number of titles with the mark of a footnote behind them.
    pub(super) noted: u32,
    /// Number of cells with a time from one day to another.
    pub(super) intervals: u32,
    /// Number of cells with a day, in a column of years or one that nobody knows.
    pub(super) days: u32,
    /// Of [`Self::days`], the number of this century or with a time of day, and the number in rows
    /// of books that are yet to be read.
    pub(super) recent_days: u32,
    pub(super) unread_days: u32,
    /// Number of titles that are short numbers.
    pub(super) places: u32,
    /// Number of cells that say how long something takes.
    pub(super) durations: u32,
    /// Number of whole ISBNs, of numbers that may have lost leading zeros, and of those that are
    /// ISBNs with them.
    pub(super) isbns: u32,
    pub(super) short_numbers: u32,
    pub(super) restored: u32,
    /// Number of cells with a status, in a column that nobody knows.
    pub(super) statuses: u32,
    /// Number of ratings that are shares of one, like the percentages of a workbook: 0.8.
    pub(super) shares: u32,
    /// Number of ratings of a quarter of one or three.
    pub(super) quarters: u32,
    /// Number of ratings with a sign behind them, as schools give marks: "2+".
    pub(super) signed: u32,
    /// Numbers of ratings that name their scale: of 5, and of 10.
    pub(super) told: [u32; 2],
    /// Numbers of ratings above 5, 10 and 20.
    pub(super) above: [u32; 3],
    pub(super) highest: f64,
}

impl Evidence {
    pub(super) fn add(&mut self, field: Field, cell: &str) {
        match field {
            // Tells nothing of other dates.
            field if field.is_date() && PartialDate::plain(cell).is_some() => {}
            field if field.is_date() => {
                // "01/02/2020–15/02/2020"
                let mut orders =
                    (cell.split(['–', '—', '→', '|', ';', ',', '-', ' '])).map(order_of);
                match order_of(cell).or_else(|| orders.find(Option::is_some)?) {
                    Some(DateOrder::DayFirst) => self.day_first += 1,
                    Some(DateOrder::MonthFirst) => self.month_first += 1,
                    _ => {
                        let wrong = PartialDate::read(cell, DateOrder::Unknown).err();
                        let is_ambiguous = match wrong {
                            Some(DateError::Unreadable) => {
                                Interval::read(cell, DateOrder::Unknown).err()
                            }
                            wrong => wrong,
                        };
                        self.ambiguous_days +=
                            u32::from(matches!(is_ambiguous, Some(DateError::Ambiguous { .. })));
                    }
                }
                if short_date(cell, DateOrder::Unknown).is_some() {
                    self.short_dates += 1;
                    for (count, order) in self.short_days.iter_mut().zip(ORDERS) {
                        let day = short_date(cell, order).and_then(|day| PartialDate::parse(&day));
                        // Nobody has read a book in 2031.
                        *count += u32::from(day.is_some_and(|day| day.year < 2031));
                    }
                }
                match month_and_digits(cell) {
                    Some((_, digits)) => {
                        self.short_months += 1;
                        self.sure_years += u32::from(is_short_year(cell, digits));
                        self.likely_days += u32::from(!(17..27).contains(&digits));
                    }
                    None => {
                        let month = PartialDate::parse(cell).filter(|date| date.month.is_some());
                        self.whole_months += u32::from(month.is_some_and(|it| it.day().is_none()));
                    }
                }
                match year_first(cell) {
                    Some(Some(true)) => self.year_first += 1,
                    Some(Some(false)) => self.year_last += 1,
                    _ => {}
                }
            }
            Field::Review | Field::Notes => {
                let is_star =
                    |c: char| c == '*' || c == '★' || c == '☆' || c == '⭐' || c == '\u{fe0f}';
                self.stars += u32::from(cell.chars().all(is_star));
            }
            Field::SeriesPosition => {
                self.counted += u32::from(cell.parse() == Ok(self.counted + 1));
            }
            Field::Title | Field::TitleAndAuthor => {
                let is_place = cell.len() < 5 && cell.parse::<f32>().is_ok();
                self.places += u32::from(is_place);
                self.noted += u32::from(without_note(cell).len() < cell.len());
                self.superscripts += u32::from(cell.ends_with('¹'));
                if let Some((number, is_apart, _)) = number_before(cell) {
                    let last = self.last_number;
                    let goes_on = number == last + 1
                        || is_apart && (number > last || number == 1 || number + 1 == last);
                    self.numbered += u32::from(goes_on);
                    self.set_apart += u32::from(is_apart);
                    self.first_number.get_or_insert(number);
                    self.last_number = number;
                }
            }
            Field::Year => {
                let interval = Interval::read(cell, DateOrder::DayFirst)
                    .or_else(|_| Interval::read(cell, DateOrder::MonthFirst));
                self.intervals += u32::from(interval.is_ok_and(Interval::is_of_days));
                // Either order: of day and month, only the year counts here.
                if let Ok(date) = PartialDate::read(cell, DateOrder::DayFirst)
                    .or_else(|_| PartialDate::read(cell, DateOrder::MonthFirst))
                    && date.day().is_some()
                {
                    self.days += 1;
                    self.recent_days += u32::from(date.year >= 2000 || cell.contains(':'));
                }
                self.add(Field::DateRead, cell);
            }
            Field::Pages => self.durations += u32::from(is_duration(cell)),
            Field::Isbn | Field::IsbnOrId | Field::Asin => {
                if Isbn::may_lack_zeros(cell) {
                    self.short_numbers += 1;
                    self.restored += u32::from(Isbn::restored(cell).is_some());
                } else {
                    self.isbns += u32::from(Isbn::find_whole(cell).is_ok());
                }
            }
            Field::Author | Field::MoreAuthors if cell.len() > MAX_TELLING => {}
            Field::Author | Field::MoreAuthors => match order_in(cell) {
                Some(NameOrder::LastFirst) => self.last_first += 1,
                Some(_) => self.lists += 1,
                None => match is_family_first(cell) {
                    Some(true) => self.family_first += 1,
                    Some(false) => self.given_first += 1,
                    None => {}
                },
            },
            Field::Rating | Field::RatingOrNotes => {
                let is_of = |scale: &str| cell.trim_end().ends_with(scale);
                self.told[0] += u32::from(is_of("/5") || cell.contains(['★', '⭐']));
                self.told[1] += u32::from(is_of("/10"));
                self.words += u32::from(is_of_scale(cell));
                self.letters += u32::from(letter_grade(cell.trim()).is_some());
                let is_signed = matches!(cell.trim().as_bytes(), [b'1'..=b'6', b'+' | b'-']);
                self.signed += u32::from(is_signed);
                if let Some(Rating::Plain(value)) = Rating::read(cell) {
                    self.ratings += 1;
                    self.highest = self.highest.max(value);
                    // Half a star and a quarter are usual.
                    let is_quarter = value * 4.0 % 1.0 == 0.0;
                    self.shares += u32::from((0.05..1.0).contains(&value) && !is_quarter);
                    self.quarters += u32::from(value == 0.25 || value == 0.75);
                    for (above, limit) in self.above.iter_mut().zip([5.0, 10.0, 20.0]) {
                        *above += u32::from(value > limit);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn add_unknown(&mut self, cell: &str) {
        self.days += u32::from(PartialDate::parse(cell).is_some());
        if let Some(Rating::Plain(value)) = Rating::read(cell) {
            self.ratings += 1;
            self.highest = self.highest.max(value);
        }
        self.statuses += u32::from(status(cell).is_some() && yes_or_no(cell).is_none());
    }

    pub(super) fn and(self, other: &Self) -> Self {
        Self {
            day_first: self.day_first + other.day_first,
            month_first: self.month_first + other.month_first,
            year_first: self.year_first + other.year_first,
            year_last: self.year_last + other.year_last,
            ..self
        }
    }

    /// The order of day and month. Both orders in one column are two habits: then each date speaks
    /// for itself.
    pub(super) fn date_order(&self) -> Option<DateOrder> {
        if self.year_first > 0 && self.year_last == 0 {
            return Some(DateOrder::YearFirst);
        }
        match (self.day_first, self.month_first) {
            (0, 0) => None,
            (_, 0) => Some(DateOrder::DayFirst),
            (0, _) => Some(DateOrder::MonthFirst),
            _ => Some(DateOrder::Unknown),
        }
    }

    /// The order of dates in six digits: the only one in which all are days, else `known` if it is
    /// one of these.
    pub(super) fn order_of_short_dates(&self, known: DateOrder) -> DateOrder {
        let fits = |at: usize| self.short_dates > 0 && self.short_days[at] == self.short_dates;
        let mut fitting = (0..ORDERS.len())
            .filter(|at| fits(*at))
            .map(|at| ORDERS[at]);
        match (fitting.next(), fitting.next()) {
            (Some(order), None) => order,
            (Some(first), Some(second)) if first == known || second == known => known,
            _ => DateOrder::Unknown,
        }
    }

    /// Whether the digits behind months are years: "June 21".
    pub(super) fn has_short_years(&self) -> bool {
        /// Number of months of which one would surely have another day.
        const MANY: u32 = 5;
        let months = self.short_months - self.sure_years;
        let days = self.likely_days.saturating_sub(self.sure_years);
        let told = self.sure_years + self.whole_months;
        // A single year does not tell that "Mar 20" and "June 21" are no days.
        days == 0 && (told >= months || months >= MANY)
    }

    /// Whether nearly all short numbers become ISBNs by leading zeros, and more than one number or
    /// the header says that they are some: a running number becomes one in every eleventh row.
    pub(super) fn lacks_zeros(&self, header: &str) -> bool {
        let is_told = self.isbns + self.restored > 1
            || words(header).iter().any(|word| word.contains("isbn"));
        is_told && self.restored * 5 >= self.short_numbers * 4
    }

    /// Whether nearly all titles, of which there are `titles`, are counted in front.
    pub(super) fn counts_titles(&self, titles: u32) -> bool {
        let least = if self.set_apart == self.numbered {
            2
        } else {
            3
        };
        // Not "2001: A Space Odyssey", "2061: Odyssey Three".
        let first = self.first_number.unwrap_or_default();
        let is_count = first <= titles || first.abs_diff(self.last_number) <= titles;
        is_count && self.numbered >= least && self.numbered * 10 >= titles * 9
    }

    pub(super) fn name_order(&self) -> NameOrder {
        if self.last_first > self.lists {
            NameOrder::LastFirst
        } else if self.family_first > 1 && self.family_first > self.given_first * 4 {
            NameOrder::FamilyFirst
        } else if self.lists > 0 && self.last_first == 0 {
            NameOrder::FirstLast
        } else {
            NameOrder::Unknown
        }
    }

    /// Whether a single rating tells that the scale is none of five.
    pub(super) fn is_scale_of_one_cell(&self) -> bool {
        match self.scale() {
            scale if scale < 5.0 => self.shares + self.quarters == 1,
            scale if scale > 5.0 => self.ratings > 0 && self.above[0] + self.told[1] == 1,
            _ => false,
        }
    }

    /// The smallest usual scale that holds the ratings; a single slip among many makes none.
    pub(super) fn scale(&self) -> f64 {
        let is_slip = |above: u32| above > 0 && above * 10 < self.ratings;
        let [above_5, above_10, above_20] = self.above;
        // Nobody gives quarters of a star and never more than one.
        if self.highest <= 1.0 && (self.shares > 0 || self.quarters > 0 && self.ratings > 1) {
            1.0
        } else if self.told[1] > self.told[0] && above_10 == 0 {
            10.0
        } else if above_5 == 0 || is_slip(above_5) || self.told[0] > above_5 {
            5.0
        } else if above_10 == 0 || is_slip(above_10) {
            10.0
        } else if above_20 == 0 || is_slip(above_20) {
            20.0
        } else {
            100.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_ratings_is_that_of_their_column() {
        let scale = |ratings: &[&str]| {
            let mut evidence = Evidence::default();
            for rating in ratings {
                evidence.add(Field::Rating, rating);
            }
            evidence.scale()
        };
        assert_eq!(scale(&["4", "3,5", "0"]), 5.0);
        assert_eq!(scale(&["8", "3"]), 10.0);
        assert_eq!(scale(&["16", "9"]), 20.0);
        assert_eq!(scale(&["80", "55"]), 100.0);
        assert_eq!(scale(&[]), 5.0);
        assert_eq!(scale(&["0.8", "1"]), 1.0);
        assert_eq!(scale(&["0.5", "1"]), 5.0);
        assert_eq!(scale(&["0.25", "0.5", "0.75", "1"]), 1.0);
        assert_eq!(scale(&["0.25", "0.5", "3"]), 5.0);
        assert_eq!(scale(&["10/10", "7/10", "5", "4"]), 10.0);
        assert_eq!(scale(&["4½", "4.5/5", "★★★★½", "6"]), 5.0);
        let slip = ["5", "4", "3", "4", "5", "9", "2", "3", "4", "5", "1", "2"];
        assert_eq!(scale(&slip), 5.0);
        let mut many = vec!["4"; 20];
        many.push("44");
        assert_eq!(scale(&many), 5.0);
    }
}
