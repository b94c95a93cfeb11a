//! The times at which a book was read, begun, given up and acquired.

use super::columns::Column;
use super::field::Field;
use super::row::{Cells, Draft};
use super::status::{status, yes_or_no};
use super::values::{count, unbracketed};
use crate::ReadingStatus;
use crate::date::{DateError, PartialDate, month_by_name};
use crate::text::{clean, words};

/// The most dates of one cell.
const MAX_DATES: usize = 100;

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

    /// Reads the date of a status that names one, like "Finished on 2010-08-15".
    pub(super) fn date_in_status(&mut self, status: ReadingStatus, text: &str, column: &Column) {
        // "In lettura dal 03/2011": what comes before the date are words of the status.
        let is_date = |word: &&str| {
            let key = words(word).concat();
            word.contains(|c: char| c.is_numeric())
                || key.chars().count() > 2 && month_by_name(&key).is_some()
        };
        let mut rest = text
            .split_whitespace()
            .skip_while(|word| !is_date(word))
            .peekable();
        if rest.peek().is_none() {
            return;
        }
        let date = rest.collect::<Vec<_>>().join(" ");
        let Ok(date) = PartialDate::read(&date, column.dates) else {
            return;
        };
        match status {
            ReadingStatus::Read => self.add(date),
            ReadingStatus::CurrentlyReading => self.started = Some(date.to_string()),
            ReadingStatus::DidNotFinish => self.stopped = Some(date.to_string()),
            ReadingStatus::ToRead => {}
        }
    }

    pub(super) fn read(&mut self, column: &Column, text: &str, field: Field, draft: &mut Draft) {
        // "DNF 2020", "reading since May"
        if let Some(status) = status(text).filter(|_| yes_or_no(text).is_none()) {
            self.word = self.word.or(Some(status));
            return self.date_in_status(status, text, column);
        }
        match read_date(text, column) {
            Ok(date) => self.add(date),
            Err(DateError::Ambiguous { .. }) => {
                self.is_dated = true;
                draft.warn(ambiguous(column, text));
            }
            Err(DateError::Unreadable) => {
                let dates = several_dates(text, column);
                if let Some(period) = interval(text, column).filter(|_| is_interval(text)) {
                    self.periods.push(period);
                } else if !dates.is_empty() {
                    dates.into_iter().for_each(|date| self.add(date));
                } else if let Some(mark) = yes_or_no(text) {
                    self.mark = self.mark.or(Some(mark));
                } else if let Some(times) = times_in(text).filter(|_| field == Field::Read) {
                    self.count = Some(times);
                    self.mark = Some(times > 0);
                } else {
                    self.is_dated = field == Field::DateRead;
                    draft.not_understood(column, text);
                }
            }
        }
    }

    /// Reads days and intervals, as in "2023/01/15-2023/02/01, 2024/05/06".
    pub(super) fn periods(&mut self, column: &Column, text: &str, draft: &mut Draft) {
        if let Some(begun) = begun(text, column) {
            self.started = Some(begun);
            return;
        }
        // "March 4, 2021 → March 14, 2021"
        if let Some(whole) = interval(text, column) {
            return self.periods.push(whole);
        }
        let periods = text.split([',', ';', '\n']).map(str::trim);
        for period in periods.filter(|period| !period.is_empty()).take(MAX_DATES) {
            if let Some(begun) = begun(period, column) {
                self.started = Some(begun);
                continue;
            }
            match read_date(period, column) {
                Ok(date) => self.periods.push(date.to_string()),
                Err(_) => match interval(period, column) {
                    Some(interval) => self.periods.push(interval),
                    None => {
                        self.is_dated = true;
                        draft.not_understood(column, period);
                    }
                },
            }
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
        let last = self.days.iter().max().cloned().or(last_of_periods);
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

fn ambiguous(column: &Column, text: &str) -> String {
    format!(
        "{} \"{}\" left out: day and month cannot be told apart",
        column.reading_name(),
        clean(text, 60)
    )
}

/// The first date of a field.
pub(super) fn date(cells: &Cells<'_>, field: Field, draft: &mut Draft) -> Option<String> {
    let mut failed = None;
    for (column, text) in cells.all(field) {
        match read_date(text, column) {
            Ok(date) => return Some(date.to_string()),
            Err(_) if yes_or_no(text).is_some() => {}
            Err(error) => failed = failed.or(Some((column, text, error))),
        }
    }
    match failed {
        Some((column, text, DateError::Ambiguous { .. })) => draft.warn(ambiguous(column, text)),
        Some((column, text, DateError::Unreadable)) => draft.not_understood(column, text),
        None => {}
    }
    None
}

fn read_date(text: &str, column: &Column) -> Result<PartialDate, DateError> {
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
    PartialDate::read(text, column.dates)
}

/// The dates of a cell that lists several, like "2019-01-02; 2020-03-04".
fn several_dates(text: &str, column: &Column) -> Vec<PartialDate> {
    let mut text = text.to_owned();
    for and in [
        " and ", " und ", " et ", " y ", " e ", " en ", " og ", " och ", " и ", " i ",
    ] {
        text = text.replace(and, ";");
    }
    let parts: Vec<&str> = text
        .split([',', ';', '|', '\n', '&'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.len() < 2 || parts.len() > MAX_DATES {
        return Vec::new();
    }
    let dates: Option<Vec<PartialDate>> = parts
        .iter()
        .map(|part| read_date(part, column).ok())
        .collect();
    dates.unwrap_or_default()
}

/// Reads a number of times: "2", "2x", "x2", "twice".
fn times_in(text: &str) -> Option<u32> {
    match words(text).as_slice() {
        [once] if once == "once" => Some(1),
        [twice] if twice == "twice" => Some(2),
        _ => count(text.trim_start_matches(['x', 'X', '×'])),
    }
}

/// Whether a cell is a time from one day to another.
pub(super) fn is_interval(text: &str) -> bool {
    let is_day = |text: &str| PartialDate::parse(text).is_some_and(|date| date.day().is_some());
    ["→", " - ", " – ", " to ", " bis ", "/", " — "]
        .iter()
        .any(|between| {
            text.split_once(between)
                .is_some_and(|(from, to)| is_day(from) && is_day(to))
        })
}

/// The beginning of a time that has no end yet: "2023/05/01-", "2023-05-01|".
fn begun(text: &str, column: &Column) -> Option<String> {
    let begun = text.trim_end_matches(['-', '–', '→', '|', '/', '.', ' ']);
    (begun.len() < text.len() && !text.ends_with('.'))
        .then(|| read_date(begun, column).ok())?
        .map(|date| date.to_string())
}

/// Reads two dates with a hyphen, a slash or a word between them.
fn interval(text: &str, column: &Column) -> Option<String> {
    let separators = [
        "..", "→", " to ", " until ", " bis ", " au ", " - ", "–", "|", "-", "/",
    ];
    let splits = separators.iter().flat_map(|separator| {
        text.match_indices(separator)
            .map(|(at, found)| (&text[..at], &text[at + found.len()..]))
            .take(8)
    });
    let read = |text: &str| read_date(text.trim_matches(['.', ' ']), column).ok();
    // "|2021-05-12" has no beginning.
    splits
        .clone()
        .find_map(|(from, to)| Some(format!("{}/{}", read(from)?, read(to)?)))
        .or_else(|| {
            splits.clone().find_map(|(from, to)| {
                Some(read(Some(to).filter(|_| from.trim().is_empty())?)?.to_string())
            })
        })
}
