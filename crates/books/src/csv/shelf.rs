//! Building a library from rows: those of the same book are merged.

use std::collections::HashMap;

use super::columns::Columns;
use super::records::{Format, Record};
use super::times::end_of;
use super::{Library, Problem, Row};
use crate::matching::same_book_key;
use crate::text::{clean, words};
use crate::title::Title;
use crate::{Isbn, ReadingStatus, Source, Wanted};

/// Number of problems that a [`Library`] lists; its counters include all.
const MAX_PROBLEMS: usize = 1_000;
/// Number of bytes of rejected rows and of rows with warnings that are kept as they stand in the
/// file.
const MAX_PROBLEM_CELLS: usize = 200_000;
/// Number of bytes of the rows of books that are kept so: two values of the store.
const MAX_BOOK_CELLS: usize = 1_600_000;
/// Number of books with the same key that a new row is compared with.
const MAX_COMPARED: usize = 64;
/// The longest review or note of a merged book (bytes).
const MAX_MERGED_PROSE: usize = 60_000;

/// A library being built.
#[derive(Default)]
pub(super) struct Shelf {
    pub library: Library,
    problem_cells: Room<MAX_PROBLEM_CELLS>,
    book_cells: Room<MAX_BOOK_CELLS>,
    by_isbn: HashMap<Isbn, Vec<usize>>,
    by_title: HashMap<String, Vec<usize>>,
    by_work: HashMap<String, usize>,
}

/// A budget of bytes for cells.
#[derive(Default)]
struct Room<const BYTES: usize> {
    used: usize,
}

impl<const BYTES: usize> Room<BYTES> {
    /// Takes cells within the budget; none when there is no room for all of them.
    fn take(&mut self, cells: Vec<String>) -> Vec<String> {
        // As JSON, with its quotes and commas.
        let size: usize = cells.iter().map(|cell| cell.len() + 3).sum();
        if self.used + size > BYTES {
            return Vec::new();
        }
        self.used += size;
        cells
    }
}

impl Shelf {
    /// Adds the book of a row, or records why the row is none.
    pub(super) fn add(&mut self, number: u32, columns: &Columns, record: &Record, format: Format) {
        let realigned = match columns.check_width(record) {
            Ok(()) => None,
            Err(error) => match columns.realigned(record, format.delimiter) {
                Some(realigned) => Some(realigned),
                None => return self.reject_row(number, columns, record, &error),
            },
        };
        let record = realigned
            .as_ref()
            .map_or(record, |realigned| &realigned.record);
        if columns.is_header(record) {
            return self.reject_row(number, columns, record, "the header once more, not a book");
        }
        if let Some(other) = columns.other_than_book(record) {
            return self.reject_row(number, columns, record, &format!("{other}, not a book"));
        }
        let draft = columns.row(number, record);
        let wanted = &draft.row.wanted;
        if let Some(other) = columns.no_title(record, &draft.row) {
            return self.reject_row(number, columns, record, &format!("{other}, not a book"));
        }
        if wanted.title.is_empty() && wanted.isbn.is_none() && wanted.work_id.is_none() {
            let error = match draft.bad_isbn {
                Some(error) => format!("{error}, and no title"),
                None => "no title and no ISBN".to_owned(),
            };
            return self.reject_row(number, columns, record, &error);
        }
        // Places in a series are compared with care: not every list says the first one's.
        let keys = same_book_key(&Wanted {
            series: None,
            ..wanted.clone()
        });
        let title_key = keys.title_author.filter(|_| !is_untitled(&wanted.title));
        let mut warnings = draft.warnings.clone();
        if let Some(error) = draft.bad_isbn {
            warnings.insert(0, error.to_string());
        }
        if let Some(realigned) = &realigned {
            warnings.push(format!(
                "\"{}\" was read as one field: the row has more separators than the header",
                clean(&realigned.whole, 100)
            ));
        }
        match self.same_book(&draft.row, keys.isbn, title_key.as_deref()) {
            Some(at) => {
                self.library.duplicates += 1;
                let kept = &mut self.library.books[at];
                let into = kept.imported.row;
                let mut note = format!("The same book as row {into}: merged into it");
                if let Some(lost) = merge(kept, &draft.row) {
                    note = format!("{note}; {lost}");
                }
                warnings.insert(0, note);
                self.index(at, keys.isbn, title_key);
            }
            None => {
                let others = keys.isbn.and_then(|isbn| self.by_isbn.get(&isbn)?.first());
                if let Some(other) = others {
                    let row = self.library.books[*other].imported.row;
                    warnings.push(format!(
                        "The same ISBN as row {row}, another title: kept as a book of its own"
                    ));
                }
                self.library.books.push(draft.row.clone());
                let cells = self.book_cells.take(record.cells());
                self.library.cells.push(cells);
                self.index(self.library.books.len() - 1, keys.isbn, title_key);
            }
        }
        if !warnings.is_empty() {
            let title = &draft.row.wanted.title;
            let isbn = columns.isbn_text(record);
            let warnings = warnings.join("; ");
            self.note(number, &isbn, title, &warnings, false, || record.cells());
        }
    }

    fn index(&mut self, at: usize, isbn: Option<Isbn>, title_key: Option<String>) {
        let push = |list: &mut Vec<usize>| {
            if !list.contains(&at) && list.len() < MAX_COMPARED {
                list.push(at);
            }
        };
        if let Some(isbn) = isbn {
            push(self.by_isbn.entry(isbn).or_default());
        }
        if let Some(key) = title_key {
            push(self.by_title.entry(key).or_default());
        }
        if let Some(work) = &self.library.books[at].wanted.work_id {
            self.by_work.entry(work.clone()).or_insert(at);
        }
    }

    /// The earlier book that this row repeats.
    fn same_book(&self, row: &Row, isbn: Option<Isbn>, title_key: Option<&str>) -> Option<usize> {
        let books = &self.library.books;
        let by_isbn = isbn.and_then(|isbn| self.by_isbn.get(&isbn));
        let same_edition = by_isbn
            .into_iter()
            .flatten()
            .find(|at| titles_agree(&books[**at], row));
        let same_title = || {
            let by_title = title_key.and_then(|key| self.by_title.get(key));
            let mut candidates = by_title.into_iter().flatten();
            candidates.find(|at| can_be_one(&books[**at], row))
        };
        let same_work = || {
            let at = self.by_work.get(row.wanted.work_id.as_ref()?)?;
            titles_agree(&books[*at], row).then_some(at)
        };
        same_edition.or_else(same_title).or_else(same_work).copied()
    }

    /// Rejects a row, with its cells as they stand in the file.
    pub(super) fn reject_row(
        &mut self,
        number: u32,
        columns: &Columns,
        record: &Record,
        error: &str,
    ) {
        let (isbn, title) = (columns.isbn_text(record), columns.title_text(record));
        self.note(number, &isbn, &title, error, true, || record.cells());
    }

    /// Rejects a row that cannot be told from those behind it; `cells` are those of its first line.
    pub(super) fn reject_torn(
        &mut self,
        number: u32,
        columns: &Columns,
        record: &Record,
        cells: Vec<String>,
        error: &str,
    ) {
        let (isbn, title) = (columns.isbn_text(record), columns.title_text(record));
        self.note(number, &isbn, &title, error, true, || cells);
    }

    /// Rejects a record that cannot be read as a row.
    pub(super) fn reject(&mut self, number: u32, error: &str) {
        self.note(number, "", "", error, true, Vec::new);
    }

    fn note(
        &mut self,
        row: u32,
        isbn: &str,
        title: &str,
        error: &str,
        rejected: bool,
        cells: impl FnOnce() -> Vec<String>,
    ) {
        if self.library.problems.len() < MAX_PROBLEMS {
            let cells = self.problem_cells.take(cells());
            self.library.problems.push(Problem {
                row,
                isbn: clean(isbn, 40),
                title: clean(title, 500),
                error: error.to_owned(),
                rejected,
                cells,
            });
        }
    }
}

/// Whether a title stands for no title: different books are called so.
fn is_untitled(title: &str) -> bool {
    matches!(
        words(title).join(" ").as_str(),
        "" | "untitled"
            | "unknown"
            | "unknown title"
            | "no title"
            | "title"
            | "ohne titel"
            | "book"
            | "sans titre"
            | "sin titulo"
            | "sem titulo"
            | "senza titolo"
            | "unbekannt"
            | "inconnu"
            | "без названия"
            | "test"
            | "tbd"
    )
}

/// Whether two rows with one number are one book: volumes of a set, and a number typed into the
/// wrong row, have titles that differ.
fn titles_agree(a: &Row, b: &Row) -> bool {
    if a.wanted.title.is_empty() || b.wanted.title.is_empty() {
        return true;
    }
    let title = |row: &Row| Title::wanted(&row.wanted);
    places_agree(a, b) && title(a).agrees(&title(b)).is_some()
}

fn places_agree(a: &Row, b: &Row) -> bool {
    let place = |row: &Row| row.imported.series.as_ref()?.position.clone();
    match (place(a), place(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// Whether two rows with one title and author are one book.
///
/// The hardcover and the audiobook of a work are, as readers count. Of rows that differ in
/// nothing but their number each is a book: the volumes of a set are listed so.
fn can_be_one(a: &Row, b: &Row) -> bool {
    let other_editions = || {
        let differ = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => words(a) != words(b),
            _ => false,
        };
        let formats = (a.imported.format, b.imported.format);
        matches!(formats, (Some(a), Some(b)) if a != b)
            || differ(&a.imported.publisher, &b.imported.publisher)
            || differ(&a.imported.binding, &b.imported.binding)
    };
    let other_works = match (&a.wanted.work_id, &b.wanted.work_id) {
        (Some(a), Some(b)) => a != b,
        _ => false,
    };
    let one_number = match (a.wanted.isbn, b.wanted.isbn) {
        (Some(a), Some(b)) => a == b || other_editions(),
        _ => true,
    };
    places_agree(a, b) && one_number && !other_works
}

/// Adds the data of a second row to a book; returns what there was no room for.
fn merge(kept: &mut Row, row: &Row) -> Option<String> {
    fn fill<T: Clone>(kept: &mut Option<T>, more: &Option<T>) {
        if kept.is_none() {
            kept.clone_from(more);
        }
    }
    let mut lost = Vec::new();
    let (wanted, more) = (&mut kept.wanted, &row.wanted);
    fill(&mut wanted.isbn, &more.isbn);
    fill(&mut wanted.work_id, &more.work_id);
    fill(&mut wanted.series, &more.series);
    if wanted.title.is_empty() {
        wanted.title.clone_from(&more.title);
    }
    if wanted.author.is_empty() {
        wanted.author.clone_from(&more.author);
    }
    if wanted.isbn != more.isbn
        && let Some(isbn) = more.isbn
    {
        lost.push(format!("its ISBN {isbn} is another edition's"));
    }
    let (imported, more) = (&mut kept.imported, &row.imported);
    if imported.authors.is_empty() {
        imported.authors.clone_from(&more.authors);
    }
    fill(&mut imported.series, &more.series);
    fill(&mut imported.publisher, &more.publisher);
    fill(&mut imported.year, &more.year);
    fill(&mut imported.original_year, &more.original_year);
    fill(&mut imported.pages, &more.pages);
    fill(&mut imported.format, &more.format);
    fill(&mut imported.binding, &more.binding);
    fill(&mut imported.given_title, &more.given_title);

    let (source, more) = (&mut imported.source, &more.source);
    if let (Some(kept), Some(other)) = (source.user_rating, more.user_rating)
        && kept != other
    {
        lost.push(format!("its rating {other} was not taken"));
    }
    fill(&mut source.user_rating, &more.user_rating);
    source.reading_status = best_status(source.reading_status, more.reading_status);
    merge_dates(source, more);
    source.read_count = source.read_count.max(more.read_count);
    source.owned_copies = source.owned_copies.max(more.owned_copies);
    for shelf in &more.shelves {
        let is_known = |known: &String| words(known) == words(shelf) && known.len() == shelf.len();
        if !source.shelves.iter().any(is_known) {
            source.shelves.push(shelf.clone());
        }
    }
    for (kept, more) in [
        (&mut source.review, &more.review),
        (&mut source.notes, &more.notes),
    ] {
        match (kept.as_mut(), more) {
            (Some(kept), Some(more)) if !kept.contains(more.as_str()) => {
                if kept.len() + more.len() < MAX_MERGED_PROSE {
                    kept.push_str("\n\n");
                    kept.push_str(more);
                } else {
                    lost.push("its review or notes are too long to add".to_owned());
                }
            }
            (Some(_), _) => {}
            (None, more) => kept.clone_from(more),
        }
    }
    fill(&mut source.asin, &more.asin);
    fill(&mut source.goodreads_id, &more.goodreads_id);
    fill(&mut source.librarything_id, &more.librarything_id);
    (!lost.is_empty()).then(|| lost.join("; "))
}

/// The status that is furthest along.
fn best_status(a: Option<ReadingStatus>, b: Option<ReadingStatus>) -> Option<ReadingStatus> {
    let rank = |status: &ReadingStatus| match status {
        ReadingStatus::ToRead => 0,
        ReadingStatus::DidNotFinish => 1,
        ReadingStatus::CurrentlyReading => 2,
        ReadingStatus::Read => 3,
    };
    [a, b].into_iter().flatten().max_by_key(rank)
}

/// Merges the readings of two rows: every time that either has; the first time the book came, the
/// last it was begun.
fn merge_dates(source: &mut Source, more: &Source) {
    let times = |source: &Source| -> Vec<String> {
        let mut times = source.dates_read.clone();
        if let Some(day) = &source.date_read
            && !times.iter().any(|time| end_of(time) == day)
        {
            times.push(match &source.date_started {
                Some(start) if start <= day => format!("{start}/{day}"),
                _ => day.clone(),
            });
        }
        times
    };
    let mut all = times(source);
    for time in times(more) {
        if !all.contains(&time) && !all.iter().any(|known| end_of(known) == time) {
            all.push(time);
        }
    }
    source.date_read = source.date_read.clone().max(more.date_read.clone());
    if all.len() > 1 || all.first() != source.date_read.as_ref() && !source.dates_read.is_empty() {
        all.sort_by(|a, b| end_of(a).cmp(end_of(b)));
        source.dates_read = all;
    }
    source.date_started = source.date_started.clone().max(more.date_started.clone());
    source.date_stopped = source.date_stopped.clone().max(more.date_stopped.clone());
    source.date_added = match (source.date_added.take(), more.date_added.clone()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}
