//! Building a library from rows: those of the same book are merged.

use std::collections::{HashMap, HashSet};

use super::columns::Columns;
use super::records::{Format, Record};
use super::row::is_same_place;
use super::status::status;
use super::times::{MAX_DATES, end_of};
use super::{Library, Problem, RepeatedRow, Row};
use crate::matching::same_book_key;
use crate::name::{Person, same_person};
use crate::numeral::{number, place_number};
use crate::series::{is_label, is_label_at_the_end, trailing_brackets};
use crate::text::{clean, has_letters, joined, quoted, words};
use crate::title::{Title, names_edition};
use crate::word_list::is_in;
use crate::{Format as Binding, Imported, Isbn, ReadingStatus, Source, Wanted};

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
/// Number of shelves of a merged book.
const MAX_MERGED_SHELVES: usize = 200;

/// A library being built.
#[derive(Default)]
pub(super) struct Shelf {
    pub library: Library,
    /// The numbers that the records have in the user's file, where they were arranged anew.
    numbers: Vec<u32>,
    problem_cells: Room<MAX_PROBLEM_CELLS>,
    book_cells: Room<MAX_BOOK_CELLS>,
    /// The books of each title, ISBN and work key.
    by_key: HashMap<String, Vec<usize>>,
    /// The last author of a list that names each once, above all of the author's books.
    author: String,
    /// The status that the last heading names.
    status: Option<ReadingStatus>,
    /// Whether a row was a heading.
    has_headings: bool,
    /// The comparable titles of books that have been compared: one number may be in every row.
    titles: Vec<Option<Box<Title>>>,
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
    /// Adds the book of a row, or records why the row is none; `remark` is a warning about it.
    pub(super) fn add(
        &mut self,
        number: u32,
        columns: &Columns,
        record: &Record,
        format: Format,
        remark: Option<String>,
    ) {
        let number = self.in_file(number);
        let realigned = match columns.check_width(record) {
            Ok(()) => None,
            Err(error) => match columns.realigned(record, format.delimiter) {
                Some(realigned) => Some(realigned),
                None => return self.leave_out(number, columns, record, &error),
            },
        };
        // As it stands in the file.
        let original = record;
        let record = realigned
            .as_ref()
            .map_or(record, |realigned| &realigned.record);
        let filled = columns.with_author_above(record, &mut self.author);
        let record = filled.as_ref().unwrap_or(record);
        let dated = columns.with_whole_dates(record);
        let record = dated.as_ref().unwrap_or(record);
        if columns.is_header(record) {
            return self.leave_out(number, columns, record, "the header once more, not a book");
        }
        if let Some(other) = columns.other_than_book(record) {
            return self.leave_out(number, columns, record, &format!("{other}, not a book"));
        }
        let mut draft = columns.row(number, record);
        let wanted = &draft.row.wanted;
        if let Some(other) = columns.no_title(record, &draft.row, self.has_headings) {
            self.has_headings |= other == "a heading";
            // "To read", where all books are below headings: else it may be a title.
            let is_headed = self.status.is_some() || self.library.books.is_empty();
            self.status = status(&draft.row.wanted.title)
                .filter(|_| other == "a heading" && is_headed)
                .or(self.status);
            return self.leave_out(number, columns, record, &format!("{other}, not a book"));
        }
        if wanted.title.is_empty() && wanted.isbn.is_none() && wanted.work_id.is_none() {
            let mut error = match draft.bad_isbn {
                Some(error) => format!("{error}, and no title"),
                None => "no title and no ISBN".to_owned(),
            };
            if draft.has_broken_cells {
                error = format!("{error}; {}", draft.warnings().join("; "));
            }
            return self.leave_out(number, columns, record, &error);
        }
        let told = &mut draft.row.imported.source.reading_status;
        *told = told.or(self.status);
        let wanted = &draft.row.wanted;
        // Places in a series are compared with care: not every list says the first one's.
        let keys = same_book_key(&Wanted {
            series: None,
            ..wanted.clone()
        });
        // Who wrote it is compared with care, too: in another order, and when some are named.
        let title_key = (keys.title_author).filter(|_| !is_untitled(&wanted.title));
        let mut warnings = draft.warnings();
        if let Some(error) = draft.bad_isbn {
            warnings.insert(0, error.to_string());
        }
        warnings.extend(realigned.as_ref().map(|realigned| realigned.remark.clone()));
        if filled.is_some() {
            warnings.push("no author of its own: taken from the row above".to_owned());
        }
        warnings.extend(remark);
        let title = draft.row.wanted.title.clone();
        match self.same_book(&draft.row, keys.isbn, title_key.as_deref()) {
            Some(at) => {
                self.library.duplicates += 1;
                let kept = &mut self.library.books[at];
                if let Some(known) = self.titles.get_mut(at) {
                    *known = None;
                }
                let into = kept.imported.row;
                let mut note = format!("The same book as row {into}: merged into it");
                if let Some(lost) = merge(kept, &draft.row) {
                    note = format!("{note}; {lost}");
                }
                if !self.repeat(at, number, original.cells()) {
                    note.push_str("; exports have both in one row");
                }
                warnings.insert(0, note);
                self.index(at, keys.isbn, title_key);
            }
            None => {
                let others = keys
                    .isbn
                    .and_then(|isbn| self.by_key.get(&isbn_key(isbn))?.first());
                if let Some(other) = others {
                    let row = self.library.books[*other].imported.row;
                    warnings.push(format!(
                        "The same ISBN as row {row}, another title: kept as a book of its own"
                    ));
                }
                self.library.books.push(std::mem::take(&mut draft.row));
                let cells = self.book_cells.take(original.cells());
                self.library.cells.push(cells);
                self.library.repeated.push(Vec::new());
                self.index(self.library.books.len() - 1, keys.isbn, title_key);
            }
        }
        if !warnings.is_empty() && self.has_room_for_problems() {
            let isbn = columns.isbn_text(record);
            let warnings = warnings.join("; ");
            self.note(number, &isbn, &title, &warnings, false, || original.cells());
        }
    }

    /// Keeps one more row of a book; where there is no room for it, the numbers of its rows alone:
    /// merged, the first says what all of them do. Answers whether the cells are kept.
    fn repeat(&mut self, at: usize, row: u32, cells: Vec<String>) -> bool {
        let (Some(first), Some(repeated)) = (
            self.library.cells.get_mut(at),
            self.library.repeated.get_mut(at),
        ) else {
            return false;
        };
        let cells = match first.is_empty() {
            true => Vec::new(),
            false => self.book_cells.take(cells),
        };
        let is_kept = !cells.is_empty();
        if !is_kept {
            first.clear();
            repeated.iter_mut().for_each(|other| other.cells.clear());
        }
        repeated.push(RepeatedRow { row, cells });
        is_kept
    }

    fn index(&mut self, at: usize, isbn: Option<Isbn>, title_key: Option<String>) {
        let push = |list: &mut Vec<usize>| {
            if !list.contains(&at) && list.len() < MAX_COMPARED {
                list.push(at);
            }
        };
        if let Some(isbn) = isbn {
            push(self.by_key.entry(isbn_key(isbn)).or_default());
        }
        if let Some(key) = title_key {
            push(self.by_key.entry(title_of(&key)).or_default());
            push(self.by_key.entry(key).or_default());
        }
        if let Some(work) = &self.library.books[at].wanted.work_id {
            push(self.by_key.entry(work_key(work)).or_default());
        }
    }

    /// The earlier book that this row repeats. Rows with one number are one book if their titles
    /// agree: volumes of a set, and a number typed into the wrong row, have others.
    fn same_book(
        &mut self,
        row: &Row,
        isbn: Option<Isbn>,
        title_key: Option<&str>,
    ) -> Option<usize> {
        let books = &self.library.books;
        let titles = &mut self.titles;
        let mut title = None;
        let mut titles_agree = |at: usize| {
            let book = &books[at];
            if book.wanted.title.is_empty() || row.wanted.title.is_empty() {
                return true;
            }
            places_agree(book, row) && {
                if titles.len() <= at {
                    titles.resize_with(at + 1, || None);
                }
                let known = titles[at].get_or_insert_with(|| Title::wanted(&book.wanted).into());
                let title = title.get_or_insert_with(|| Title::wanted(&row.wanted));
                known.agrees(title).is_some()
            }
        };
        let by_isbn = isbn.and_then(|isbn| self.by_key.get(&isbn_key(isbn)));
        let same_edition = by_isbn.into_iter().flatten().find(|at| titles_agree(**at));
        let same_title = || {
            // Of one title and first author are fewer than of one title.
            let keys = title_key.map(|key| [key.to_owned(), title_of(key)]);
            let mut known = (keys.iter().flatten()).filter_map(|key| self.by_key.get(key));
            known.find_map(|known| known.iter().find(|at| can_be_one(&books[**at], row)))
        };
        let same_work = || {
            let at = self
                .by_key
                .get(&work_key(row.wanted.work_id.as_ref()?))?
                .first()?;
            titles_agree(*at).then_some(at)
        };
        same_edition.or_else(same_title).or_else(same_work).copied()
    }

    /// Sets the numbers that the records have in what was read so far.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        self.numbers = numbers.iter().map(|number| self.in_file(*number)).collect();
    }

    /// The number in the user's file of the record with this number.
    pub(super) fn in_file(&self, number: u32) -> u32 {
        let at = number as usize;
        (self.numbers.get(at.saturating_sub(1)).copied()).unwrap_or(number)
    }

    /// Rejects a row, with its cells as they stand in the file.
    pub(super) fn reject_row(
        &mut self,
        number: u32,
        columns: &Columns,
        record: &Record,
        error: &str,
    ) {
        self.leave_out(self.in_file(number), columns, record, error);
    }

    fn leave_out(&mut self, number: u32, columns: &Columns, record: &Record, error: &str) {
        if !self.has_room_for_problems() {
            return;
        }
        let (isbn, title) = (columns.isbn_text(record), columns.title_text(record));
        self.note(number, &isbn, &title, error, true, || record.cells());
    }

    /// Rejects a record that cannot be read as a row.
    pub(super) fn reject(&mut self, number: u32, error: &str) {
        self.note(self.in_file(number), "", "", error, true, Vec::new);
    }

    fn has_room_for_problems(&self) -> bool {
        self.library.problems.len() < MAX_PROBLEMS
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
        if self.has_room_for_problems() {
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

/// The keys of an ISBN and of a work, unlike those of titles.
fn isbn_key(isbn: Isbn) -> String {
    format!("\t{isbn}")
}

fn work_key(work: &str) -> String {
    format!("\t{work}")
}

/// The title in a key of title and author.
fn title_of(key: &str) -> String {
    key.split('\n').next().unwrap_or_default().to_owned()
}

/// Whether a title stands for no title: different books are called so.
fn is_untitled(title: &str) -> bool {
    // The longest of them has twelve letters.
    if has_letters(title, 13) {
        return false;
    }
    const UNTITLED: &str = "untitled unknown unknowntitle notitle title ohnetitel book sanstitre \
        sintitulo semtitulo senzatitolo unbekannt inconnu безназвания test tbd";
    let key = joined(title);
    key.is_empty() || is_in(UNTITLED, &key)
}

/// What the brackets behind a title say besides an edition: a series, a volume, a year.
#[derive(Default)]
struct Brackets {
    words: Vec<String>,
    /// The numbers of parts and sets: "(1 of 3)", "(Books 1-7)".
    numbers: Vec<u32>,
    /// Whether they say nothing but which volume it is.
    is_volume: bool,
}

impl Brackets {
    fn of(row: &Row) -> Self {
        let given = row.imported.given_title.as_ref();
        let title = given.unwrap_or(&row.wanted.title);
        let title = title.replace(['（', '［'], "(").replace(['）', '］'], ")");
        let mut rest = title.as_str();
        while let Some((before, inside)) = trailing_brackets(rest) {
            let words = words(inside);
            if !names_edition(&words) && !words.iter().any(|word| EDITIONS.contains(&word.as_str()))
            {
                return Self::new(words);
            }
            rest = before;
        }
        Self::default()
    }

    fn new(mut words: Vec<String>) -> Self {
        // "1 of 6"
        if let [_, .., of, _] = words.as_slice()
            && is_of(of)
        {
            words.truncate(words.len() - 2);
        }
        // "Book One", "Vol. II"
        let is_counted = |at: usize| at > 0 && is_label(&words[at - 1]);
        let is_short =
            |word: &str| word.len() < 4 || word.bytes().any(|byte| !byte.is_ascii_digit());
        let is_number =
            |word: &str| is_short(word) && word.bytes().all(|byte| byte.is_ascii_digit());
        let value = |(at, word): (usize, &String)| {
            number(word).filter(|_| is_number(word) || is_counted(at))
        };
        let numbers = words.iter().enumerate().filter_map(value).collect();
        let is_place = |word: &String| {
            is_short(word) && place_number(word).is_some() || word.chars().all(is_of_volume)
        };
        let is_volume = words.iter().any(is_place)
            && (words.iter()).all(|word| is_label_at_the_end(word) || is_place(word));
        Self {
            words,
            numbers,
            is_volume,
        }
    }

    /// Whether two books whose titles differ in nothing else can be one. A book merged into
    /// another is lost, one that stays apart is not.
    fn agree(&self, other: &Self) -> bool {
        if !self.numbers.is_empty() && !other.numbers.is_empty() {
            return self.numbers == other.numbers;
        }
        let is_within = |a: &Self, b: &Self| a.words.iter().all(|word| b.words.contains(word));
        !self.numbers.is_empty()
            || !other.numbers.is_empty()
            || is_within(self, other)
            || is_within(other, self)
    }

    /// Whether these name a volume alone and the other title none.
    fn is_volume_of(&self, whole: &Self) -> bool {
        self.is_volume && whole.words.is_empty()
    }
}

/// Words in brackets that tell of an edition or a form.
const EDITIONS: [&str; 20] = [
    "ed",
    "edn",
    "edition",
    "aufl",
    "auflage",
    "edicion",
    "edizione",
    "classics",
    "kindle",
    "illustrated",
    "annotated",
    "deluxe",
    "abridged",
    "taschenbuch",
    "gebunden",
    "hardback",
    "softcover",
    "broche",
    "poche",
    "rilegato",
];

/// Whether a character counts volumes in Chinese and Japanese: "上", "第一卷".
fn is_of_volume(c: char) -> bool {
    "一二三四五六七八九十上中下前后後第卷巻册冊部集篇编編".contains(c)
}

/// Whether a word stands between the number of a volume and that of all.
fn is_of(word: &str) -> bool {
    is_in("of von sur de di z van из av af", word)
}

fn places_agree(a: &Row, b: &Row) -> bool {
    let place = |row: &Row| row.imported.series.as_ref()?.position.clone();
    let are_one_place = match (place(a), place(b)) {
        (Some(a), Some(b)) if !is_same_place(&a, &b) => return false,
        (Some(_), Some(_)) => true,
        _ => false,
    };
    let (in_a, in_b) = (Brackets::of(a), Brackets::of(b));
    in_a.agree(&in_b) && (are_one_place || !in_a.is_volume_of(&in_b) && !in_b.is_volume_of(&in_a))
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
    places_agree(a, b)
        && one_number
        && !other_works
        && are_same_people(&a.imported.authors, &b.imported.authors)
}

/// Whether the authors of two books with one title are the same, in any order, or those of one are
/// among those of the other.
fn are_same_people(a: &[String], b: &[String]) -> bool {
    let first = |names: &[String]| names.first().map(|name| words(name));
    if first(a) == first(b) {
        return true;
    }
    let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let people =
        |names: &[String]| -> Vec<Person> { names.iter().map(|name| Person::of(name)).collect() };
    let (few, many) = (people(few), people(many));
    !few.is_empty() && (few.iter()).all(|one| many.iter().any(|other| one.can_be(other)))
}

/// What a second row says otherwise of a book, which is not taken.
fn others(kept: &Row, row: &Row) -> Vec<String> {
    let (kept, more) = (&kept.imported, &row.imported);
    let text = |kept: &Option<String>, more: &Option<String>| match (kept, more) {
        (Some(kept), Some(more)) if words(kept) != words(more) => Some(more.clone()),
        _ => None,
    };
    fn number<T: PartialEq + ToString>(kept: Option<T>, more: Option<T>) -> Option<String> {
        (kept.is_some() && kept != more).then(|| Some(more?.to_string()))?
    }
    let format = |format: Option<Binding>| format.map(|format| format.name().to_owned());
    let series = |row: &Imported| Some(row.series.as_ref()?.name.clone());
    [
        ("publisher", text(&kept.publisher, &more.publisher)),
        ("year", number(kept.year, more.year)),
        (
            "original year",
            number(kept.original_year, more.original_year),
        ),
        ("number of pages", number(kept.pages, more.pages)),
        ("format", text(&format(kept.format), &format(more.format))),
        ("binding", text(&kept.binding, &more.binding)),
        ("series", text(&series(kept), &series(more))),
    ]
    .into_iter()
    .filter_map(|(what, other)| Some(format!("its {what} {} was not taken", quoted(&other?, 60))))
    .collect()
}

/// Adds the data of a second row to a book; returns what there was no room for.
fn merge(kept: &mut Row, row: &Row) -> Option<String> {
    fn fill<T: Clone>(kept: &mut Option<T>, more: &Option<T>) {
        if kept.is_none() {
            kept.clone_from(more);
        }
    }
    let mut lost = others(kept, row);
    let (wanted, more) = (&mut kept.wanted, &row.wanted);
    fill(&mut wanted.isbn, &more.isbn);
    fill(&mut wanted.work_id, &more.work_id);
    fill(&mut wanted.series, &more.series);
    if wanted.title.is_empty() {
        wanted.title.clone_from(&more.title);
        fill(&mut kept.imported.given_title, &row.imported.given_title);
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
    if imported.authors.len() < more.authors.len() {
        let known = std::mem::take(&mut imported.authors);
        let is_new = |name: &&String| !known.iter().any(|other| same_person(other, name));
        let new: Vec<String> = more.authors.iter().filter(is_new).cloned().collect();
        imported.authors = known;
        imported.authors.extend(new);
    }
    fill(&mut imported.series, &more.series);
    fill(&mut imported.publisher, &more.publisher);
    fill(&mut imported.year, &more.year);
    fill(&mut imported.original_year, &more.original_year);
    fill(&mut imported.pages, &more.pages);
    fill(&mut imported.format, &more.format);
    fill(&mut imported.binding, &more.binding);

    let (source, more) = (&mut imported.source, &more.source);
    if let (Some(kept), Some(other)) = (source.user_rating, more.user_rating)
        && kept != other
    {
        lost.push(format!("its rating {other} was not taken"));
    }
    fill(&mut source.user_rating, &more.user_rating);
    source.reading_status = best_status(source.reading_status, more.reading_status);
    let left = merge_dates(source, more);
    if left > 0 {
        lost.push(format!("{left} of its dates are too many to add"));
    }
    // Rows for one reading each count it.
    let dates = u32::try_from(source.dates_read.len()).unwrap_or(u32::MAX);
    let counted = source.read_count.max(more.read_count);
    source.read_count = counted.map(|count| count.max(dates));
    source.owned_copies = source.owned_copies.max(more.owned_copies);
    let key = |shelf: &String| format!("{} {}", shelf.len(), words(shelf).join(" "));
    let mut known: HashSet<_> = match more.shelves.is_empty() {
        true => HashSet::new(),
        false => source.shelves.iter().map(key).collect(),
    };
    let mut left = 0;
    for shelf in &more.shelves {
        match known.insert(key(shelf)) {
            true if source.shelves.len() < MAX_MERGED_SHELVES => source.shelves.push(shelf.clone()),
            true => left += 1,
            false => {}
        }
    }
    if left > 0 {
        lost.push(format!("{left} of its shelves are too many to add"));
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
/// last it was begun. Returns the number of dates that are too many.
fn merge_dates(source: &mut Source, more: &Source) -> usize {
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
    // A time whose end alone is in the other row is known.
    let keys = |time: &String| [time.clone(), end_of(time).to_owned()];
    let mut known: HashSet<String> = all.iter().flat_map(keys).collect();
    let mut left = 0;
    for time in times(more) {
        if !known.contains(&time) {
            if all.len() < MAX_DATES {
                known.extend(keys(&time));
                all.push(time);
            } else {
                left += 1;
            }
        }
    }
    source.date_read = source.date_read.clone().max(more.date_read.clone());
    let started = source.date_started.clone().max(more.date_started.clone());
    // A book that is read once more: its first reading has a beginning of its own.
    let is_read_again = started > source.date_read && all.iter().any(|time| time.contains('/'));
    if all.len() > 1
        || is_read_again
        || all.first() != source.date_read.as_ref() && !source.dates_read.is_empty()
    {
        source.dates_read.clear();
        for time in all {
            let place = (source.dates_read).partition_point(|known| end_of(known) <= end_of(&time));
            source.dates_read.insert(place, time);
        }
    }
    source.date_started = started;
    source.date_stopped = source.date_stopped.clone().max(more.date_stopped.clone());
    source.date_added = match (source.date_added.take(), more.date_added.clone()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    left
}
