//! The times at which a book was read, begun, given up and acquired.

mod cell;

use super::columns::Column;
use super::field::Field;
use super::row::{Cells, Draft};
use super::status::{is_share, status, status_of_progress, yes_or_no};
use super::values::count;
use crate::ReadingStatus;
use crate::date::{DateError, Interval, PartialDate, month_by_name, says_more};
use crate::text::joined;
pub(super) use cell::{ORDERS, is_short_year, month_and_digits, short_date, times_in};
use cell::{Time, begun, interval, read_date, several_dates, time, times_behind, without_duration};

/// The most dates of one cell.
pub(super) const MAX_DATES: usize = 100;

/// What becomes of a date with words beside it.
const ONLY_DATES: &str = ": only the date is kept";
/// What becomes of the share of a book that was read.
pub(super) const ONLY_STATUS: &str = ": only the status is kept";
/// What becomes of a date that reads both ways.
const AMBIGUOUS: &str = " left out: day and month cannot be told apart";

/// The times of a book's readings, as a row's cells tell.
#[derive(Default)]
pub(super) struct Times {
    days: Vec<String>,
    /// Months and years.
    parts: Vec<String>,
    periods: Vec<String>,
    pub started: Option<String>,
    pub stopped: Option<String>,
    /// The value of a yes or no.
    pub mark: Option<bool>,
    /// The status written in a column of dates.
    word: Option<ReadingStatus>,
    /// Whether there is a date that could not be read.
    is_dated: bool,
    pub count: Option<u32>,
}

impl Times {
    fn add(&mut self, date: PartialDate) {
        match date.day() {
            Some(day) => self.days.push(day),
            None => self.parts.push(date.to_string()),
        }
    }

    /// Reads what stands beside a status: its date ("Finished on 2010-08-15") or how often a book
    /// was read ("Read x2"). Returns whether all of it was understood.
    pub(super) fn beside_status(
        &mut self,
        status: ReadingStatus,
        text: &str,
        column: &Column,
    ) -> bool {
        // "1 - Read", as lists to choose from are numbered.
        let text = text.trim_start_matches(|c: char| c.is_ascii_digit());
        if !text.contains(|c: char| c.is_numeric()) {
            return true;
        }
        if let Some((text, times)) = times_behind(text).filter(|_| status == ReadingStatus::Read) {
            self.count = self.count.max(Some(times));
            return !text.contains(|c: char| c.is_numeric())
                || self.date_in_status(status, text, column);
        }
        self.date_in_status(status, text, column)
    }

    /// Reads the date of a status that names one. Returns whether it was kept.
    fn date_in_status(&mut self, status: ReadingStatus, text: &str, column: &Column) -> bool {
        // "In lettura dal 03/2011": what comes before the date are words of the status.
        let is_date = |word: &&str| {
            word.contains(|c: char| c.is_numeric()) || {
                let key = joined(word);
                key.chars().count() > 2 && month_by_name(&key).is_some()
            }
        };
        let mut rest = text
            .split_whitespace()
            .skip_while(|word| !is_date(word))
            .peekable();
        if rest.peek().is_none() {
            return !text.contains(|c: char| c.is_numeric());
        }
        let date = rest.collect::<Vec<_>>().join(" ");
        match time(&date, column) {
            Ok(Time::Date(day)) => {
                match status {
                    ReadingStatus::Read => self.add(day),
                    ReadingStatus::CurrentlyReading => self.started = Some(day.to_string()),
                    ReadingStatus::DidNotFinish => self.stopped = Some(day.to_string()),
                    ReadingStatus::ToRead => return false,
                }
                !says_more(&date)
            }
            Ok(Time::Interval(period))
                if status == ReadingStatus::Read && !period.is_reversed() =>
            {
                self.periods.push(period.to_string());
                !period.says_more
            }
            _ if status == ReadingStatus::Read => {
                let dates = several_dates(&date, column);
                let is_all = !dates.is_empty() && !dates.iter().any(|(_, part)| says_more(part));
                for (day, _) in dates {
                    self.add(day);
                }
                is_all
            }
            _ => false,
        }
    }

    pub(super) fn read(&mut self, column: &Column, text: &str, field: Field, draft: &mut Draft) {
        // "DNF 2020", "reading since May"
        if let Some(status) = status(text).filter(|_| yes_or_no(text).is_none()) {
            // "Started 2020-03-01, finished 2020-03-15"
            if status == ReadingStatus::CurrentlyReading
                && let Ok(interval) = interval(text, column)
            {
                return self.add_period(interval, column, text, draft);
            }
            if self.word.is_some_and(|word| word != status) {
                draft.not_taken(column, text);
            }
            self.word = self.word.or(Some(status));
            if !self.beside_status(status, text, column) {
                draft.list(column, text, ONLY_STATUS);
            }
            return;
        }
        // "2020-03-01 -"
        if let Some(begun) = begun(text, column) {
            return self.begin(begun, column, text, draft);
        }
        let mut bare = text;
        // "x 2020", "yes (2020)"
        if let Some((mark, date)) = text.split_once([' ', ',', ':', '('])
            && yes_or_no(mark) == Some(true)
            && !mark.contains(|c: char| c.is_numeric())
            && date.contains(|c: char| c.is_numeric())
        {
            bare = date;
        }
        // "2020 x2"
        if let Some((date, times)) = times_behind(bare)
            && read_date(date, column).is_ok()
        {
            self.count = self.count.max(Some(times));
            bare = date;
        }
        match time(bare, column) {
            Ok(Time::Date(date)) => {
                list_words(bare, column, draft);
                self.add(date);
            }
            Ok(Time::Interval(interval)) => self.add_period(interval, column, bare, draft),
            Err(DateError::Ambiguous { .. }) => {
                self.is_dated = true;
                draft.list(column, text, AMBIGUOUS);
            }
            Err(DateError::Unreadable) => {
                let dates = several_dates(text, column);
                if !dates.is_empty() {
                    for (date, part) in dates {
                        list_words(&part, column, draft);
                        self.add(date);
                    }
                } else if let Some(mark) = yes_or_no(text) {
                    // "Not finished" may be begun.
                    if mark || !column.says_finished {
                        self.mark = self.mark.or(Some(mark));
                    }
                } else if let Some(status) = status_of_progress(text).filter(|_| is_share(text)) {
                    self.word = self.word.or(Some(status));
                    if status == ReadingStatus::CurrentlyReading {
                        draft.list(column, text, ONLY_STATUS);
                    }
                } else if let Some(times) = times_in(text).filter(|_| field == Field::Read) {
                    if self.count.is_some_and(|count| count != times) {
                        draft.not_taken(column, text);
                    }
                    if times_in(text) == count(text) {
                        draft.only_number(column, text);
                    }
                    self.count = self.count.max(Some(times));
                    self.mark = Some(times > 0);
                } else {
                    // "never" and "soon" are no days.
                    self.is_dated |=
                        field == Field::DateRead && text.contains(|c: char| c.is_numeric());
                    draft.not_understood(column, text);
                }
            }
        }
    }

    /// Adds the time of a cell that should only say when it began, if it says when it ended, too.
    pub(super) fn whole_period(&mut self, column: &Column, text: &str, draft: &mut Draft) {
        if let Ok(Time::Interval(interval)) = time(text, column) {
            self.add_period(interval, column, text, draft);
        }
    }

    /// Reads the times of a book whose readings are each in two columns, "Start 2" and "End 2", if
    /// all of them can be read; returns their numbers.
    pub(super) fn pairs(&mut self, cells: &Cells<'_>) -> Vec<u32> {
        let day = |column: &Column, text: &str| read_date(text, column).ok()?.day();
        let starts = || cells.all(Field::DateStarted);
        if starts().count() < 2 {
            return Vec::new();
        }
        let mut numbers = Vec::new();
        let mut periods = Vec::new();
        for (column, text) in starts() {
            let (Some(number), Some(start)) = (column.ordinal, day(column, text)) else {
                return Vec::new();
            };
            let mut ends = cells.all(Field::DateRead).chain(cells.all(Field::Read));
            if let Some((column, text)) = ends.find(|(column, _)| column.ordinal == Some(number)) {
                match day(column, text) {
                    Some(end) if start <= end => periods.push(format!("{start}/{end}")),
                    _ => return Vec::new(),
                }
            }
            self.started = self.started.take().max(Some(start));
            numbers.push(number);
        }
        self.periods.extend(periods);
        numbers
    }

    /// Reads days and intervals, as in "2023/01/15-2023/02/01, 2024/05/06".
    pub(super) fn periods(&mut self, column: &Column, text: &str, draft: &mut Draft) {
        let parts = || {
            let parts = text.split([',', ';', '\n']).map(str::trim);
            parts.filter(|part| !part.is_empty())
        };
        // "June 1, 2021"
        if parts().count() == 2
            && let Ok(date) = read_date(text, column)
        {
            list_words(text, column, draft);
            self.periods.push(date.to_string());
            return;
        }
        // "2023/01/15-, 2024/05/06" has no time from the one to the other, and
        // "March 4, 2021 → March 14, 2021" no part before its comma.
        let is_whole = |part: &str| {
            let part = without_duration(part);
            let has_year =
                (part.split(|c: char| !c.is_numeric())).any(|digits| digits.chars().count() > 3);
            begun(part, column).is_some()
                || interval(part, column).is_ok()
                || has_year && read_date(part, column).is_ok()
        };
        if let Ok(whole) = interval(text, column)
            && !parts().take(MAX_DATES).all(is_whole)
        {
            return self.add_period(whole, column, text, draft);
        }
        let mut parts = parts();
        for part in parts.by_ref().take(MAX_DATES) {
            let part = without_duration(part);
            if let Some(begun) = begun(part, column) {
                self.begin(begun, column, part, draft);
                continue;
            }
            match time(part, column) {
                Ok(Time::Date(date)) => {
                    list_words(part, column, draft);
                    self.periods.push(date.to_string());
                }
                Ok(Time::Interval(interval)) => self.add_period(interval, column, part, draft),
                Err(error) => {
                    let dates = several_dates(part, column);
                    if dates.is_empty() {
                        self.is_dated |= part.contains(|c: char| c.is_numeric());
                        match error {
                            DateError::Ambiguous { .. } => draft.list(column, part, AMBIGUOUS),
                            DateError::Unreadable => draft.not_understood(column, part),
                        }
                    }
                    for (date, part) in dates {
                        list_words(&part, column, draft);
                        self.periods.push(date.to_string());
                    }
                }
            }
        }
        Self::too_many_dates(parts.count(), column, draft);
    }

    /// Adds a time of which `text` says when it began and ended.
    fn add_period(&mut self, period: Interval, column: &Column, text: &str, draft: &mut Draft) {
        if period.is_reversed() {
            draft.list(column, text, " ends before it begins");
            self.add(period.from);
            self.add(period.to);
            return;
        }
        if period.says_more {
            draft.list(column, text, ONLY_DATES);
        }
        self.periods.push(period.to_string());
    }

    /// Adds the beginning of a time without an end; the last of several is kept.
    fn begin(&mut self, begun: String, column: &Column, text: &str, draft: &mut Draft) {
        list_words(text, column, draft);
        let (earlier, last) = match self.started.take() {
            Some(other) if other < begun => (Some(other), begun),
            Some(other) => (Some(begun).filter(|begun| *begun != other), other),
            None => (None, begun),
        };
        if let Some(earlier) = earlier {
            let column = column.reading_name();
            draft.warn(format!(
                "{column} has two times without an end: the one begun {earlier} was not taken"
            ));
        }
        self.started = Some(last);
    }

    /// Lists the dates of a cell beyond the most that are kept.
    fn too_many_dates(more: usize, column: &Column, draft: &mut Draft) {
        if more > 0 {
            let column = column.reading_name();
            draft.warn(format!("{column} has {more} dates more than are kept"));
        }
    }

    pub(super) fn status(&self) -> Option<ReadingStatus> {
        let is_read = !self.days.is_empty()
            || !self.parts.is_empty()
            || !self.periods.is_empty()
            || self.is_dated
            || self.mark == Some(true);
        if let Some(word) = self.word {
            Some(word)
        } else if self.stopped.is_some() {
            Some(ReadingStatus::DidNotFinish)
        } else if is_read {
            Some(ReadingStatus::Read)
        } else if self.started.is_some() {
            Some(ReadingStatus::CurrentlyReading)
        } else {
            self.mark.map(|_| ReadingStatus::ToRead)
        }
    }

    /// Returns the last day on which the book was read, and all readings, unless that day is the
    /// only one.
    pub(super) fn dates(&mut self) -> (Option<String>, Vec<String>) {
        let mut all = std::mem::take(&mut self.periods);
        let last_of_periods = all
            .iter()
            .map(|period| end_of(period))
            .filter(|day| day.len() == 10)
            .max()
            .map(str::to_owned);
        let last = self.days.iter().max().cloned().max(last_of_periods);
        for day in self.days.iter().chain(&self.parts) {
            if !all
                .iter()
                .any(|period| end_of(period).starts_with(day.as_str()))
            {
                all.push(day.clone());
            }
        }
        if all.len() == 1 && all.first() == last.as_ref() {
            all.clear();
        }
        (last, all)
    }
}

/// The day on which a period ends.
pub(super) fn end_of(period: &str) -> &str {
    period.rsplit('/').next().unwrap_or(period)
}

/// Lists the words beside a date, which are not kept with it.
fn list_words(text: &str, column: &Column, draft: &mut Draft) {
    if says_more(text) {
        draft.list(column, text, ONLY_DATES);
    }
}

/// The first date of a field.
pub(super) fn date(cells: &Cells<'_>, field: Field, draft: &mut Draft) -> Option<String> {
    let mut first: Option<String> = None;
    for (column, text) in cells.all(field) {
        let date = time(text, column).map(|time| match time {
            Time::Date(date) => date,
            Time::Interval(interval) if field == Field::DateStarted => interval.from,
            Time::Interval(interval) => {
                draft.list(column, text, ": only its end is kept");
                interval.to
            }
        });
        match date.map(|date| date.to_string()) {
            // "2021-03-04" is known to be in "2021-03".
            Ok(date)
                if first
                    .as_ref()
                    .is_some_and(|first| !first.starts_with(&date)) =>
            {
                draft.not_taken(column, text);
            }
            Ok(date) => {
                list_words(text, column, draft);
                first = first.or(Some(date));
            }
            Err(_) if yes_or_no(text) == Some(false) => {}
            Err(DateError::Ambiguous { .. }) => draft.list(column, text, AMBIGUOUS),
            Err(DateError::Unreadable) => draft.not_understood(column, text),
        }
    }
    first
}

/// The date of a cell.
pub(super) fn date_of((column, text): (&Column, &str), draft: &mut Draft) -> Option<String> {
    match read_date(text, column) {
        Ok(date) => {
            list_words(text, column, draft);
            Some(date.to_string())
        }
        Err(_) => {
            draft.not_understood(column, text);
            None
        }
    }
}
