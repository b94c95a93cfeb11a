//! What a row says of its reader: status, days of reading, shelves, notes.

use super::cells::Cells;
use super::draft::Draft;
use super::number::is_number;
use crate::csv::columns::{Columns, Program};
use crate::csv::field::Field;
use crate::csv::label::{Labels, split_labels, split_tags};
use crate::csv::status::{is_share, status, status_of_progress, status_of_tag, yes_or_no};
use crate::csv::times::{ONLY_STATUS, Times, date, date_of, times_in};
use crate::csv::values::{count, unbracketed};
use crate::{ReadingStatus, Source};

impl Columns {
    pub(super) fn source(&self, cells: &Cells<'_>, draft: &mut Draft) -> Source {
        let mut reading = Times::default();
        let mut labels = Labels::default();
        let mut stated = None;
        for (column, text) in cells.all(Field::Status) {
            let named = match self.program {
                Program::Kobo => status_of_kobo(text).or_else(|| status(text)),
                _ => status(text),
            }
            .or_else(|| status_of_code(text));
            let by_share = match named {
                None if is_share(text) => status_of_progress(text),
                _ => None,
            };
            if by_share == Some(ReadingStatus::CurrentlyReading) {
                let what = match text.contains('%') {
                    true => " itself is not kept",
                    false => ONLY_STATUS,
                };
                draft.list(column, text, what);
            }
            let named = named.or(by_share);
            // "read, owned"
            if named.is_none()
                && let Some(status) = split_labels(text).find_map(|label| status(&label))
            {
                if stated.is_some_and(|stated| stated != status) {
                    draft.not_taken(column, text);
                }
                stated = stated.or(Some(status));
                for label in split_labels(text) {
                    match self::status(&label) {
                        Some(other) if other == status => labels.add_status_word(&label),
                        _ => labels.add(&label),
                    }
                }
                continue;
            }
            match named {
                Some(status) => {
                    if stated.is_some_and(|stated| stated != status) {
                        draft.not_taken(column, text);
                    }
                    stated = stated.or(Some(status));
                    labels.add_status_word(text);
                    if by_share.is_none() && !reading.beside_status(status, text, column) {
                        draft.list(column, text, ONLY_STATUS);
                    }
                }
                // A program's code, and no shelf of the reader's.
                None if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    draft.not_understood(column, text);
                }
                None => {
                    if yes_or_no(text).is_some() {
                        draft.list(column, text, " says no status: kept as a shelf");
                    }
                    labels.add(text);
                }
            }
        }
        let paired = reading.pairs(cells);
        // "Last read" of a book that is not read to its end.
        let is_part = cells
            .all(Field::Progress)
            .any(|(_, text)| status_of_progress(text) == Some(ReadingStatus::CurrentlyReading));
        let mut of_status = None;
        for field in [Field::DateRead, Field::Read] {
            for (column, text) in cells.all(field) {
                if column
                    .ordinal
                    .is_some_and(|number| paired.contains(&number))
                {
                    continue;
                }
                let by_progress = is_part.then_some(ReadingStatus::CurrentlyReading);
                let status =
                    (stated.or(by_progress)).filter(|status| *status != ReadingStatus::Read);
                match status.filter(|_| column.is_day_of_status) {
                    // The day on which it was put on the list.
                    Some(ReadingStatus::ToRead) => of_status = Some((column, text)),
                    Some(_) => draft.list(column, text, ": the book was not read to its end"),
                    None => reading.read(column, text, field, draft),
                }
            }
        }
        let is_begun = cells.all(Field::DateStarted).next().is_some()
            && cells.all(Field::DateRead).next().is_none();
        for (column, text) in cells.all(Field::Unread) {
            match yes_or_no(text) {
                // "No" of a book that was begun and not finished.
                Some(false) if is_begun => {}
                Some(unread) => reading.mark = reading.mark.or(Some(!unread)),
                None => draft.not_understood(column, text),
            }
        }
        for (column, text) in cells.all(Field::DatesRead) {
            reading.periods(column, text, draft);
        }
        let mut marks = Vec::new();
        for (column, text) in cells.all(Field::StatusMark) {
            match (yes_or_no(text), column.mark) {
                (Some(true), Some(mark)) => marks.push((column, text, mark)),
                (Some(_), _) => {}
                // "DNF" of "45%"
                (None, Some(mark)) if is_share(text) => {
                    draft.list(column, text, ONLY_STATUS);
                    marks.push((column, text, mark));
                }
                (None, _) => draft.not_understood(column, text),
            }
        }
        let marked = marks.iter().map(|(.., mark)| *mark).max_by_key(status_rank);
        // "Read" beside "Want to read" has come true.
        for (column, text, _) in marks.iter().filter(|(.., mark)| Some(*mark) != marked) {
            draft.not_taken(column, text);
        }
        // "DNF" in place of stars.
        let by_rating = cells.all(Field::Rating).find_map(|(_, text)| status(text));
        let mut by_progress = None;
        for (column, text) in cells.all(Field::Progress) {
            let read = status(text).or_else(|| status_of_progress(text));
            let is_part = matches!(
                read,
                Some(ReadingStatus::CurrentlyReading | ReadingStatus::DidNotFinish)
            ) && text.contains(|c: char| c.is_numeric());
            if read.is_none() {
                draft.not_understood(column, text);
            } else if is_part {
                draft.list(column, text, " itself is not kept");
            }
            by_progress = by_progress.or(Some((column, text)).zip(read));
        }
        for (column, text) in cells.all(Field::DateStarted) {
            reading.whole_period(column, text, draft);
        }
        for (field, known) in [
            (Field::DateStarted, &mut reading.started),
            (Field::DateStopped, &mut reading.stopped),
        ] {
            if field == Field::DateStarted && !paired.is_empty() {
                continue;
            }
            let Some(own) = date(cells, field, draft) else {
                continue;
            };
            if let Some(other) = known.replace(own.clone())
                && !own.starts_with(&other)
            {
                draft.warn(format!(
                    "begun or given up on {other}, too: {own} was taken"
                ));
            }
        }

        let mut by_label = None;
        for (_, text) in cells.all(Field::Shelves) {
            let labels_of = |text: &str| match text.starts_with('[') {
                true => split_tags(text),
                false => split_labels(text).collect(),
            };
            for label in labels_of(text) {
                match status(&label) {
                    Some(status) if by_label.is_none() => {
                        by_label = Some(status);
                        if stated.is_none() {
                            labels.add_status_word(&label);
                        }
                        labels.add(&label);
                    }
                    // The name of the shelf whose key was read before.
                    Some(status)
                        if self.program == Program::BookWyrm && by_label == Some(status) => {}
                    _ => labels.add(&label),
                }
            }
        }
        let mut by_tag = None;
        for (_, text) in cells.all(Field::Tags) {
            for label in split_tags(text) {
                by_tag = by_tag.or_else(|| status_of_tag(&label));
                labels.add(&label);
            }
        }
        let dates_say = reading.status();
        let is_begun = |status: &ReadingStatus| *status != ReadingStatus::ToRead;
        let reading_status = stated
            .or(marked.filter(is_begun))
            .or(by_label)
            .or(dates_say)
            .or(marked)
            .or(by_tag)
            .or(by_progress.map(|(_, status)| status))
            .or(by_rating)
            .or_else(|| {
                let mut counts = cells.all(Field::ReadCount);
                counts
                    .any(|(_, text)| times_in(text) > Some(0))
                    .then_some(ReadingStatus::Read)
            });
        let is_read = reading_status == Some(ReadingStatus::Read);
        if let Some(((column, text), ReadingStatus::Read)) = by_progress
            && !is_read
        {
            draft.not_taken(column, text);
        }
        if reading.mark == Some(true) && reading.count.is_none() && !is_read {
            draft.warn("is marked as read, too: another column says otherwise".to_owned());
        }
        if labels.are_cut {
            draft.warn("has shelves with a name of more than 100 characters: cut".to_owned());
        }
        let (shelves, too_many) = labels.finish();
        if too_many > 0 {
            draft.warn(format!("has {too_many} shelves more than are kept"));
        }
        let mut id = |field| {
            let (column, text) = cells.all(field).next()?;
            let id = unbracketed(text).rsplit('/').next().unwrap_or_default();
            let digits = id.split(['-', '.', '?']).next().unwrap_or_default();
            if !is_number(digits) {
                draft.not_understood(column, text);
            } else if text.contains(char::is_whitespace) {
                draft.list(column, text, ": only the number is kept");
            }
            Some(digits.to_owned()).filter(|id| is_number(id) && id != "0")
        };
        let (goodreads_id, librarything_id) = match self.program {
            Program::Goodreads => (id(Field::BookId), None),
            Program::LibraryThing => (None, id(Field::BookId)),
            _ => (id(Field::GoodreadsId), id(Field::LibraryThingId)),
        };
        let (date_read, dates_read) = reading.dates();
        let (user_rating, remarks) = self.rating(cells, reading_status, draft);
        let times = |text: &str| times_in(text).filter(|times| *times < 10_000);
        let counted = draft.first_read(cells.all(Field::ReadCount), times);
        if let (Some(counted), Some(other)) = (counted, reading.count)
            && counted != other
        {
            let least = counted.min(other);
            draft.warn(format!(
                "read {least} times, says one column: another says more"
            ));
        }
        let read_count = counted.max(reading.count).filter(|times| *times > 0);
        Source {
            user_rating,
            reading_status,
            date_read,
            dates_read,
            date_started: reading.started,
            date_stopped: reading.stopped,
            date_added: date(cells, Field::DateAdded, draft).or_else(|| date_of(of_status?, draft)),
            read_count,
            shelves,
            review: draft.prose(cells.all(Field::Review).map(|(_, text)| text), "review"),
            notes: draft.prose(
                cells.all(Field::Notes).map(|(_, text)| text).chain(remarks),
                "notes",
            ),
            owned_copies: owned_copies(cells, draft),
            asin: None,
            goodreads_id,
            librarything_id,
        }
    }
}

/// Rank of a status: of several that are marked, the highest counts.
fn status_rank(status: &ReadingStatus) -> u8 {
    match status {
        ReadingStatus::ToRead => 0,
        ReadingStatus::Read => 1,
        ReadingStatus::CurrentlyReading => 2,
        ReadingStatus::DidNotFinish => 3,
    }
}

/// The status that a letter or a mark means in a column of statuses.
fn status_of_code(code: &str) -> Option<ReadingStatus> {
    match code {
        "R" | "r" | "✓" | "✔" | "✔️" | "✅" | "☑" => Some(ReadingStatus::Read),
        "CR" | "cr" => Some(ReadingStatus::CurrentlyReading),
        "WTR" | "wtr" | "TR" => Some(ReadingStatus::ToRead),
        _ => None,
    }
}

/// The status that a number means in the database of Kobo's readers.
fn status_of_kobo(code: &str) -> Option<ReadingStatus> {
    match code {
        "0" => Some(ReadingStatus::ToRead),
        "1" => Some(ReadingStatus::CurrentlyReading),
        "2" => Some(ReadingStatus::Read),
        _ => None,
    }
}

/// Number of copies that the reader owns: the most that a column says, for one may say only that it
/// is owned.
fn owned_copies(cells: &Cells<'_>, draft: &mut Draft) -> Option<u32> {
    let yes_or_no = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => None,
        false => yes_or_no(text),
    };
    let read = |text: &str| yes_or_no(text).map_or_else(|| count(text), |owned| Some(owned.into()));
    let mut most = None;
    for (column, text) in cells.all(Field::OwnedCopies) {
        match read(text) {
            Some(copies) => {
                if yes_or_no(text).is_none() {
                    draft.only_number(column, text);
                }
                most = most.max(Some(copies));
            }
            None => draft.not_understood(column, text),
        }
    }
    most.filter(|copies| *copies > 0)
}
