//! One column: its field, and the way in which its values are to be read.

use std::cell::Cell;

use super::assign::MIDDLE_NAMES;
use super::evidence::Evidence;
use crate::ReadingStatus;
use crate::csv::field::Field;
use crate::csv::headers;
use crate::csv::reading::{Certainty, ColumnReading};
use crate::csv::status::status;
use crate::date::DateOrder;
use crate::name::NameOrder;
use crate::text::{clean, joined};

/// The meaning of one column.
#[derive(Clone, Debug)]
pub(in crate::csv) struct Column {
    pub name: String,
    pub field: Option<Field>,
    pub certainty: Certainty,
    /// The order of day and month where the header's language is spoken.
    pub(super) language_order: DateOrder,
    pub dates: DateOrder,
    /// The order of dates in six digits, where all of the column agree: 201231.
    pub short_dates: DateOrder,
    /// Whether two digits behind a month are a year: "June 21".
    pub has_short_years: bool,
    pub names: NameOrder,
    /// The highest rating of the column's scale.
    pub scale: f64,
    /// The order of dates and the scale of ratings that the reader has stated.
    pub(super) told_order: Option<DateOrder>,
    pub(super) told_scale: Option<f64>,
    /// Whether ratings are marks as German schools give them: 1 is the best and 6 the worst.
    pub is_grade: bool,
    /// Whether a rating is that of the whole book among those of its parts: "Overall rating".
    pub is_whole: bool,
    /// Whether a rating is for a part of the book: its plot, its style.
    pub is_part: bool,
    /// Whether ratings are letters as schools in English give them: A is the best and F the worst.
    pub is_letter: bool,
    /// Whether ratings are words of the scale from "poor" to "excellent".
    pub has_words: bool,
    /// Whether a place in a series is one without a series, too: a volume.
    pub is_volume: bool,
    /// Whether a "no" leaves open whether reading has begun.
    pub says_finished: bool,
    /// Number of the person whose name is in several columns, and whether it is a middle name.
    pub person: u32,
    pub is_middle: bool,
    /// Number of the reading, in one of several columns of a kind.
    pub ordinal: Option<u32>,
    /// Whether a date read is that of the status, whatever it is.
    pub is_day_of_status: bool,
    /// The status that its header names, for a column of yes and no.
    pub mark: Option<ReadingStatus>,
    /// Whether short numbers among its ISBNs have lost their leading zeros.
    pub lacks_zeros: bool,
    /// Whether its values can be read in several ways, and too little tells in which.
    pub(super) is_doubtful: bool,
    pub(super) filled: u32,
    /// Number of cells that were not understood.
    pub not_understood: Cell<u32>,
    /// First values of the column.
    pub(super) samples: Vec<String>,
}

/// The fields that headers of the file name already, so that no other column is taken for them.
pub(super) struct NamedFields {
    pub(super) dates: bool,
    pub(super) added: bool,
    pub(super) status: bool,
    pub(super) rating: bool,
    pub(super) is_unknown_program: bool,
    /// Where a column names the publisher, another may have the date of publication.
    pub(super) publisher: bool,
}

impl Column {
    /// Decides the field by the column's cells, where its header can mean several things.
    pub(super) fn decide_field(&mut self, evidence: &Evidence, has: &NamedFields) {
        if self.certainty == Certainty::Given || self.filled == 0 {
            return;
        }
        let by_cells = match self.field {
            // "Currently reading", "DNF": each with a check box.
            None | Some(Field::DatesRead) if evidence.marks == self.filled => Field::StatusMark,
            // "Abandoned", with the day.
            None if self.mark.is_some() && evidence.days == self.filled => match self.mark {
                Some(ReadingStatus::Read) => Field::DateRead,
                Some(ReadingStatus::CurrentlyReading) => Field::DateStarted,
                Some(ReadingStatus::DidNotFinish) => Field::DateStopped,
                _ => return,
            },
            // "How good (1-10)"
            None if !has.rating
                && evidence.ratings == self.filled
                && headers::scale_in(&self.name).is_some_and(|scale| evidence.highest <= scale) =>
            {
                self.certainty = Certainty::Likely;
                self.field = Some(Field::Rating);
                return;
            }
            None if !has.status && evidence.statuses == self.filled => {
                self.certainty = Certainty::Likely;
                self.field = Some(Field::Status);
                return;
            }
            // How long somebody reads aloud.
            Some(Field::Pages) if self.filled > 1 && evidence.durations * 2 > self.filled => {
                self.field = None;
                return;
            }
            // The number of the row.
            Some(Field::SeriesPosition)
                if evidence.counted == self.filled
                    && self.filled > 2
                    && headers::is_counter(&self.name) =>
            {
                self.field = None;
                return;
            }
            // A date of publication is no time from one day to another.
            Some(Field::Year)
                if evidence.intervals > 0
                    && (evidence.intervals + evidence.days) * 2 > self.filled =>
            {
                Field::DatesRead
            }
            Some(Field::Review | Field::Notes) if !has.rating && evidence.stars == self.filled => {
                Field::Rating
            }
            // "Date" alone, of recent days: a reader's own, for books are published in years.
            Some(Field::Year)
                if has.is_unknown_program
                    && evidence.days * 10 > self.filled * if has.publisher { 9 } else { 5 }
                    && evidence.recent_days * 10 >= evidence.days * 9
                    && headers::is_bare_date(&self.name) =>
            {
                let are_unread = evidence.unread_days * 10 >= evidence.days;
                let is_of_adding = !has.added && (has.dates || are_unread);
                if is_of_adding || !has.dates {
                    self.certainty = Certainty::Likely;
                    self.field = Some(match is_of_adding {
                        true => Field::DateAdded,
                        false => Field::DateRead,
                    });
                }
                return;
            }
            _ => return,
        };
        self.field = Some(by_cells);
        self.certainty = Certainty::Certain;
    }

    pub(super) fn new(name: &str, field: Option<Field>, certainty: Certainty) -> Self {
        let key = joined(name);
        let part = headers::person_part(name);
        Self {
            says_finished: headers::says_finished(name),
            person: part.map_or(1, |part| part.person),
            is_middle: part.is_some_and(|part| part.is_middle) || MIDDLE_NAMES.contains(&&*key),
            ordinal: headers::ordinal(name),
            name: clean(name, 200),
            field,
            certainty,
            language_order: headers::date_order_in(name),
            dates: DateOrder::Unknown,
            short_dates: DateOrder::Unknown,
            has_short_years: false,
            has_words: false,
            names: NameOrder::Unknown,
            scale: 5.0,
            told_order: None,
            told_scale: None,
            is_grade: headers::is_school_grade(name),
            is_part: headers::is_part_of_book(name),
            is_letter: false,
            is_whole: key.contains("overall") || key.contains("gesamt"),
            is_volume: !key.contains("serie") && !key.contains("index"),
            is_day_of_status: headers::is_day_of_status(name),
            mark: status(name),
            lacks_zeros: false,
            is_doubtful: false,
            filled: 0,
            not_understood: Cell::new(0),
            samples: Vec::new(),
        }
    }

    /// The column's name in a message.
    pub(in crate::csv) fn reading_name(&self) -> &str {
        &self.name
    }

    pub(super) fn reading(&self) -> ColumnReading {
        let values = self.field.and_then(|field| match field {
            field if field.is_date() => match self.dates {
                DateOrder::DayFirst => Some("day before month".to_owned()),
                DateOrder::MonthFirst => Some("month before day".to_owned()),
                DateOrder::YearFirst => Some("year before month".to_owned()),
                DateOrder::Unknown if self.is_doubtful => {
                    Some("day and month cannot be told apart".to_owned())
                }
                DateOrder::Unknown => None,
            },
            Field::Rating | Field::RatingOrNotes if self.is_grade => {
                Some("school marks, 1 is the best".to_owned())
            }
            Field::Rating if self.is_letter => Some("letters, A is the best".to_owned()),
            Field::Rating => Some(format!("out of {}", self.scale)),
            Field::Author
                if matches!(self.names, NameOrder::LastFirst | NameOrder::FamilyFirst) =>
            {
                Some("family name first".to_owned())
            }
            _ => None,
        });
        ColumnReading {
            name: self.name.clone(),
            field: self.field.map(|field| field.name().to_owned()),
            certainty: self.field.map(|_| self.certainty),
            values,
            filled: self.filled,
            samples: self.samples.clone(),
            doubtful: self.is_doubtful,
            not_understood: self.not_understood.get(),
        }
    }
}
