//! The meanings of a file's columns, and the ways in which their values are to be read.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

use super::CsvError;
use super::content;
use super::field::{Field, IDENTITIES};
use super::headers;
use super::people::listed;
use super::reading::{Certainty, ColumnReading, Reading, Samples};
use super::records::Record;
use super::status::{status, yes_or_no};
use super::table::{Table, no_list};
use super::times::is_interval;
use super::values::{Rating, is_duration, tidy};
use crate::date::{DateError, DateOrder, PartialDate, order_of, year_first};
use crate::name::{KnownNames, NameOrder, is_family_first, order_in};
use crate::text::{clean, words};
use crate::{Isbn, ReadingStatus};

/// The longest cell of names, in bytes, that is asked what the others mean: lists are long to read.
const MAX_TELLING: usize = 300;

/// Names of the columns that an export adds to rows that are to be mended: the row's number and its
/// problem. They have no data of a book.
pub const ADDED_COLUMNS: [&str; 2] = ["Import row", "Import problem"];

/// Names of columns of a person's middle name, comparable and written as one word.
const MIDDLE_NAMES: [&str; 4] = ["middle", "middlename", "mi", "middleinitial"];

/// A reader's own meanings of columns: the field's name, or `ignore`, by the column's header or its
/// number from 1. `#2` is the second column whatever the headers say.
pub type Mapping = BTreeMap<String, String>;

/// The program that wrote a file; it decides what some columns mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Goodreads,
    StoryGraph,
    LibraryThing,
    Calibre,
    BookWyrm,
    OpenLibrary,
    Hardcover,
    Libib,
    BookCatalogue,
    BookBuddy,
    ReadingList,
    Zotero,
    Libby,
    Inventaire,
    Kobo,
    Booklog,
    Other,
}

impl Program {
    /// The order of names that it writes in every file, if it has one.
    fn name_order(self) -> Option<NameOrder> {
        match self {
            Self::StoryGraph | Self::Goodreads => Some(NameOrder::FirstLast),
            Self::LibraryThing => Some(NameOrder::LastFirst),
            _ => None,
        }
    }
}

/// Names of columns, comparable and written as one word, that together tell a program.
const PROGRAMS: [(Program, &str, &[&str]); 18] = [
    (Program::StoryGraph, "StoryGraph", &["isbnuid"]),
    (
        Program::StoryGraph,
        "StoryGraph",
        &["readstatus", "moods", "starrating"],
    ),
    (Program::LibraryThing, "LibraryThing", &["primaryauthor"]),
    (Program::Goodreads, "Goodreads", &["exclusiveshelf"]),
    (Program::Goodreads, "Goodreads", &["authorlf"]),
    (Program::Calibre, "calibre", &["authorsort", "seriesindex"]),
    (Program::BookWyrm, "BookWyrm", &["authortext", "remoteid"]),
    (
        Program::OpenLibrary,
        "Open Library",
        &["workid", "editionid", "bookshelf"],
    ),
    (Program::Hardcover, "Hardcover", &["hardcoverbookid"]),
    (Program::Libib, "Libib", &["eanisbn13"]),
    (
        Program::BookCatalogue,
        "Book Catalogue",
        &["authordetails", "bookuuid"],
    ),
    (
        Program::BookBuddy,
        "BookBuddy",
        &["statusincompletedreason"],
    ),
    (
        Program::ReadingList,
        "Reading List",
        &["startedreading", "finishedreading", "googlebooksid"],
    ),
    (
        Program::Zotero,
        "Zotero",
        &["itemtype", "publicationtitle", "abstractnote"],
    ),
    (
        Program::Libby,
        "Libby",
        &["cover", "activity", "library", "timestamp"],
    ),
    (
        Program::Inventaire,
        "Inventaire",
        &["itemurl", "editionurl"],
    ),
    (Program::Kobo, "Kobo", &["readstatus", "percentread"]),
    (Program::Booklog, "Booklog", &["13桁isbn"]),
];

/// The meaning of one column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub field: Option<Field>,
    pub certainty: Certainty,
    /// The order of day and month where the header's language is spoken.
    language_order: DateOrder,
    pub dates: DateOrder,
    pub names: NameOrder,
    /// The highest rating of the column's scale.
    pub scale: f64,
    /// Whether ratings are marks as German schools give them: 1 is the best and 6 the worst.
    pub is_grade: bool,
    /// Whether a rating is that of the whole book among those of its parts: "Overall rating".
    pub is_whole: bool,
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
    is_doubtful: bool,
    filled: u32,
    /// Number of cells that were not understood.
    pub not_understood: Cell<u32>,
    /// First values of the column.
    samples: Vec<String>,
}

/// The meanings of a file's columns.
#[derive(Debug)]
pub(super) struct Columns {
    pub columns: Vec<Column>,
    pub program: Program,
    /// Whether each line is a book, with its author and its number in it.
    pub is_list: bool,
    /// Whether a column names both title and author.
    pub has_lines: bool,
    /// Whether books are told by their series and their number in it, for no column has titles.
    pub is_of_series: bool,
    /// Whether most rows name an author, and whether two do.
    pub names_authors: bool,
    pub has_authors: bool,
    /// Whether several rows have one title: then a number beside it is that of a volume.
    pub titles_repeat: bool,
    /// Position of the column of authors of whom each is written once, above all of the author's
    /// books.
    grouped_authors: Option<usize>,
    /// Position of the column that marks what its program has thrown away.
    pub bin: Option<usize>,
    /// Position of the column that says what each of the further people did for the book.
    pub roles: Option<usize>,
    /// The authors whom the rows name beyond doubt.
    pub known_names: KnownNames,
    /// Whether rows of one cell are books: a workbook stores no empty cells, and some files leave
    /// them out.
    has_lone_cells: bool,
    width: usize,
}

impl Columns {
    /// Decides the meanings by the headers, then by the columns' contents, unless the reader has
    /// stated them.
    pub(super) fn new(table: &Table<'_>, mapping: &Mapping) -> Result<Self, CsvError> {
        let sample = table.sample();
        let mut columns = match &table.header {
            Some(names) => by_headers(names, &sample),
            None => by_layout(&sample).unwrap_or_else(|| by_content(&sample)),
        };
        let keys: Vec<String> = (columns.iter())
            .map(|column| words(&column.name).concat())
            .collect();
        let program = PROGRAMS
            .iter()
            .find(|(_, _, all)| all.iter().all(|key| keys.iter().any(|other| other == key)))
            .map_or(Program::Other, |(program, ..)| *program);
        apply(mapping, &mut columns)?;
        if table.header.is_some() {
            keep_the_likeliest(&mut columns);
            distinguish_editions_from_publishers(&mut columns);
            leave_out_other_lengths(&mut columns);
            recognise_name_columns(&mut columns);
            prefer_the_readers_own(&mut columns);
            guess_title(&mut columns, &sample);
            recognise_whole_books(&mut columns, &sample);
        }
        let is_identity = |column: &Column| {
            column
                .field
                .is_some_and(|field| IDENTITIES.contains(&field))
        };
        let has = |field| {
            let mut columns = columns.iter();
            columns.any(|column: &Column| column.field == Some(field))
        };
        let is_of_series = has(Field::Series)
            && has(Field::SeriesPosition)
            && !has(Field::Title)
            && !has(Field::TitleAndAuthor);
        let names_books = is_of_series || columns.iter().any(is_identity);
        let mut columns = Self {
            is_list: table.header.is_none() && columns.len() == 1,
            has_lines: columns
                .iter()
                .any(|column| column.field == Some(Field::TitleAndAuthor)),
            is_of_series,
            names_authors: false,
            has_authors: false,
            titles_repeat: false,
            grouped_authors: None,
            bin: keys.iter().position(|key| key == "deleted"),
            roles: keys.iter().position(|key| key == "secondaryauthorroles"),
            known_names: KnownNames::default(),
            has_lone_cells: table.is_sheet,
            width: columns.len(),
            columns,
            program,
        };
        columns.decide_values(table);
        if !names_books {
            let names: Vec<&str> = (columns.columns.iter())
                .map(|column| &*column.name)
                .collect();
            return Err(CsvError {
                reading: Some(Box::new(Reading {
                    columns: columns.reading(),
                    ..Reading::default()
                })),
                ..no_list(&names.join(", "))
            });
        }
        Ok(columns)
    }

    /// Decides by all rows how the columns' values are to be read.
    fn decide_values(&mut self, table: &Table<'_>) {
        let mut evidence = vec![Evidence::default(); self.columns.len()];
        let mut records = table.rows();
        let mut record = Record::default();
        let mut samples = Samples::default();
        let (mut rows, mut authors) = (0u32, 0u32);
        let mut groups = Groups::of(&self.columns);
        let title_at = (self.columns.iter()).position(|column| column.field == Some(Field::Title));
        let mut titles = HashSet::new();
        let is_unknown_program = self.program == Program::Other;
        let has_name_order = self.program.name_order().is_some();
        // A column of years may hold days of a reader, who has not read the book yet.
        let may_have_days = is_unknown_program && self.has(Field::Year);
        let mut lone = LoneCells::default();
        while records.read(&mut record) {
            lone.add(&record, self.width);
            // What stands in another column's place says nothing.
            if record.is_empty() || self.check_width(&record).is_err() {
                continue;
            }
            if let Some(groups) = &mut groups {
                groups.add(&record);
            }
            if let Some(at) = title_at.filter(|_| !self.titles_repeat) {
                let title = record.get(at).trim();
                self.titles_repeat = !title.is_empty() && !titles.insert(title.to_owned());
            }
            let mut names_author = false;
            let is_to_read = |(at, column): (usize, &Column)| {
                matches!(column.field, Some(Field::Status | Field::Shelves))
                    && status(record.get(at).trim()) == Some(ReadingStatus::ToRead)
            };
            let is_unread = may_have_days && self.columns.iter().enumerate().any(is_to_read);
            for (at, (column, evidence)) in self.columns.iter_mut().zip(&mut evidence).enumerate() {
                let mut cell = tidy(record.get(at));
                if cell.is_empty() {
                    continue;
                }
                if matches!(column.field, Some(Field::Author | Field::MoreAuthors))
                    && let Some(names) = listed(&cell)
                {
                    cell = names.into();
                }
                names_author |= matches!(
                    column.field,
                    Some(Field::Author | Field::AuthorLastFirst | Field::LastName)
                );
                let names = matches!(column.field, Some(Field::Author | Field::MoreAuthors));
                if is_unknown_program && names && cell.len() <= MAX_TELLING {
                    self.known_names.add(&cell);
                }
                samples.add(&mut column.samples, &cell);
                column.filled = column.filled.saturating_add(1);
                if column.mark.is_some() && yes_or_no(&cell).is_some() {
                    evidence.marks += 1;
                }
                match column.field {
                    Some(_) if has_name_order && names => {}
                    Some(field) => {
                        let days = evidence.days;
                        evidence.add(field, &cell);
                        evidence.unread_days += u32::from(is_unread) * (evidence.days - days);
                    }
                    None => evidence.add_unknown(&cell),
                }
            }
            // Not a heading between the books.
            if record
                .fields()
                .filter(|cell| !cell.trim().is_empty())
                .count()
                > 1
            {
                rows = rows.saturating_add(1);
                authors = authors.saturating_add(u32::from(names_author));
            }
        }
        let is_prose = |column: &Column| column.field.is_some_and(Field::is_prose);
        let are_texts = self.columns.last().is_some_and(is_prose);
        self.has_lone_cells |= lone.are_there() && !are_texts && self.names_book_first();
        self.has_authors = authors > 1;
        self.grouped_authors = groups.filter(Groups::are_there).map(|groups| groups.author);
        self.names_authors = authors > 1 && authors >= rows.saturating_mul(3).div_ceil(4);
        let has = |fields: &[Field]| fields.iter().any(|field| self.has(*field));
        let named = NamedFields {
            dates: has(&[Field::DateRead, Field::DatesRead]),
            added: has(&[Field::DateAdded]),
            is_unknown_program,
            publisher: has(&[Field::Publisher]),
            status: has(&[Field::Status, Field::Shelves, Field::Read]),
            rating: has(&[Field::Rating, Field::RatingOrNotes]),
        };
        let has_series = self.has(Field::Series);
        for (column, evidence) in self.columns.iter_mut().zip(&evidence) {
            column.decide_field(evidence, &named);
            // An inventory number.
            if column.field == Some(Field::SeriesPosition)
                && column.certainty != Certainty::Given
                && !has_series
                && !self.titles_repeat
                && headers::is_counter(&column.name)
            {
                column.field = None;
            }
        }
        let language = self
            .columns
            .iter()
            .map(|column| column.language_order)
            .find(|order| *order != DateOrder::Unknown)
            .unwrap_or_default();
        // One file is written by one program on one computer: its columns agree.
        let whole = evidence.iter().fold(Evidence::default(), Evidence::and);
        let of_file = whole.date_order().unwrap_or(language);
        for (column, evidence) in self.columns.iter_mut().zip(&evidence) {
            let told = headers::date_order_in(&column.name);
            column.dates = match (evidence.date_order(), told) {
                (Some(evident), _) => evident,
                (None, DateOrder::Unknown) => of_file,
                (None, told) => told,
            };
            column.names = match (self.program.name_order(), column.field) {
                (Some(order), _) => order,
                (None, Some(Field::AuthorLastFirst)) => NameOrder::LastFirst,
                (None, _) => evidence.name_order(),
            };
            let has_scale = match self.program {
                Program::Goodreads | Program::StoryGraph | Program::LibraryThing => Some(5.0),
                _ => headers::scale_in(&column.name),
            };
            column.scale = has_scale.unwrap_or_else(|| evidence.scale());
            column.lacks_zeros = evidence.lacks_zeros(&column.name);
            column.is_doubtful = match column.field {
                Some(field) if field.is_date() => {
                    column.dates == DateOrder::Unknown && evidence.ambiguous_days > 0
                }
                Some(Field::Rating) => {
                    has_scale.is_none() && !column.is_grade && evidence.is_scale_of_one_cell()
                }
                _ => false,
            };
        }
    }

    /// A row with the author of a row above, in a list that names each author once; `last` is the
    /// last author who was named.
    pub(super) fn with_author_above(&self, record: &Record, last: &mut String) -> Option<Record> {
        let is_author = |column: &Column| column.field == Some(Field::Author);
        let at = (self.grouped_authors).or_else(|| self.columns.iter().position(is_author))?;
        let author = record.get(at).trim();
        let is_again = is_ditto(author) && !last.is_empty();
        if !author.is_empty() && !is_again {
            author.clone_into(last);
            return None;
        }
        if author.is_empty() && self.grouped_authors.is_none() {
            return None;
        }
        let mut cells: Vec<String> = record.fields().map(str::to_owned).collect();
        last.clone_into(cells.get_mut(at)?);
        Some(Record::of(cells.iter().map(String::as_str)))
    }

    /// Whether one of the columns has this meaning.
    pub(super) fn has(&self, field: Field) -> bool {
        let mut columns = self.columns.iter();
        columns.any(|column| column.field == Some(field))
    }

    /// Whether the first column is that of titles.
    fn names_book_first(&self) -> bool {
        (self.columns.first()).is_some_and(|column| column.field == Some(Field::Title))
    }

    /// The columns' meanings, for a reader to check.
    pub(super) fn reading(&self) -> Vec<ColumnReading> {
        (self.columns.iter()).map(Column::reading).collect()
    }

    /// The program's name.
    pub(super) fn program_name(&self) -> Option<&'static str> {
        PROGRAMS
            .iter()
            .find(|(program, ..)| *program == self.program)
            .map(|(_, name, _)| *name)
    }

    /// Whether a row has as many fields as the header.
    ///
    /// More are forgiven when they are empty, and fewer when there are at least two: many programs
    /// leave out empty fields at the end. A single one is more often a line that was torn off.
    /// A lone cell is a book where rows of one cell are usual, or when it is an ISBN.
    pub(super) fn check_width(&self, record: &Record) -> Result<(), String> {
        let count = record.count();
        let is_too_long = || {
            count > super::records::MAX_FIELDS
                || (self.width..count).any(|at| !record.get(at).trim().is_empty())
        };
        let is_lone = || {
            let is_number = self.columns.first().and_then(|column| column.field)
                == Some(Field::Isbn)
                && Isbn::find_whole(record.get(0)).is_ok();
            count == 1 && self.width > 2 && !self.has_lone_cells && !is_number
        };
        if count > self.width && is_too_long() || is_lone() {
            let s = if count == 1 { "" } else { "s" };
            return Err(format!("{count} field{s}, the header has {}", self.width));
        }
        Ok(())
    }
}

/// Whether a cell stands for the one above it.
fn is_ditto(cell: &str) -> bool {
    let bare: String = cell
        .chars()
        .filter(|c| !matches!(c, '-' | '–' | ' '))
        .collect();
    matches!(
        bare.to_lowercase().as_str(),
        "\"" | "″"
            | "〃"
            | "''"
            | "”"
            | "\"\""
            | "ditto"
            | "dto."
            | "dto"
            | "idem"
            | "dito"
            | "同上"
    )
}

/// Books below their author, who stands in a column before the titles and only once.
struct Groups {
    author: usize,
    title: usize,
    last: String,
    named: u32,
    blank: u32,
    /// Whether an author is named twice, or the first book has none: then a blank is a blank.
    is_other: bool,
}

impl Groups {
    fn of(columns: &[Column]) -> Option<Self> {
        let at = |field| {
            columns
                .iter()
                .position(|column| column.field == Some(field))
        };
        let (author, title) = (at(Field::Author)?, at(Field::Title)?);
        (author < title).then(|| Self {
            author,
            title,
            last: String::new(),
            named: 0,
            blank: 0,
            is_other: false,
        })
    }

    fn add(&mut self, record: &Record) {
        let author = record.get(self.author).trim();
        if record.get(self.title).trim().is_empty() {
            self.is_other |= author.is_empty();
        } else if author.is_empty() {
            self.blank += 1;
            self.is_other |= self.named == 0;
        } else {
            self.is_other |= self.last == author;
            self.named += 1;
            author.clone_into(&mut self.last);
        }
    }

    fn are_there(&self) -> bool {
        // One book without an author among many is one without.
        !self.is_other && self.blank > 1 && self.blank * 3 >= self.named
    }
}

/// The fields that headers of the file name already, so that no other column is taken for them.
struct NamedFields {
    dates: bool,
    added: bool,
    status: bool,
    rating: bool,
    is_unknown_program: bool,
    /// What is published has a date of publication, too.
    publisher: bool,
}

impl Column {
    /// Decides the field by the column's cells, where its header can mean several things.
    fn decide_field(&mut self, evidence: &Evidence, has: &NamedFields) {
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
            // A date of publication is no time from one day to another.
            // The number of the row.
            Some(Field::SeriesPosition)
                if evidence.counted == self.filled
                    && self.filled > 2
                    && headers::is_counter(&self.name) =>
            {
                self.field = None;
                return;
            }
            Some(Field::Year) if evidence.intervals * 2 > self.filled => Field::DatesRead,
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

    fn new(name: &str, field: Option<Field>, certainty: Certainty) -> Self {
        let key = words(name).concat();
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
            names: NameOrder::Unknown,
            scale: 5.0,
            is_grade: headers::is_school_grade(name),
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
    pub(super) fn reading_name(&self) -> &str {
        &self.name
    }

    fn reading(&self) -> ColumnReading {
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

fn by_headers(names: &[String], sample: &[Record]) -> Vec<Column> {
    let mut columns: Vec<Column> = (names.iter())
        .map(|name| match headers::meaning(name) {
            _ if ADDED_COLUMNS.contains(&name.as_str()) => {
                Column::new(name, None, Certainty::Given)
            }
            Some(meaning) => Column {
                language_order: meaning.order,
                ..Column::new(name, Some(meaning.field), meaning.certainty)
            },
            None => Column::new(name, None, Certainty::Guessed),
        })
        .collect();
    recognise_unnamed(&mut columns, sample);
    // "#" beside a series
    if columns
        .iter()
        .any(|column| column.field == Some(Field::Series))
    {
        for column in columns
            .iter_mut()
            .filter(|column| column.name.trim() == "#")
        {
            column.field = column.field.or(Some(Field::SeriesPosition));
        }
        // "Number" behind it
        for at in 1..columns.len() {
            let is_number = matches!(
                words(&columns[at].name).concat().as_str(),
                "number" | "no" | "nr" | "nummer" | "numero"
            );
            if is_number && columns[at - 1].field == Some(Field::Series) {
                columns[at].field = columns[at].field.or(Some(Field::SeriesPosition));
            }
        }
    }
    // Names in words that nobody knows: what stands below them tells.
    let has_known = |known: &[Field]| {
        let mut fields = columns.iter().filter_map(|column| column.field);
        fields.any(|field| known.contains(&field))
    };
    if !has_known(&IDENTITIES) && !has_known(&[Field::Author]) {
        for (column, field) in columns.iter_mut().zip(content::likely_fields_of(sample)) {
            column.field = column.field.or(field);
        }
    }
    columns
}

/// Takes columns without a name for what their cells are, where no other column is.
fn recognise_unnamed(columns: &mut [Column], sample: &[Record]) {
    for at in 0..columns.len() {
        let is_unknown = columns[at].field.is_none() && columns[at].certainty != Certainty::Given;
        if !is_unknown || !headers::is_no_name(&columns[at].name) {
            continue;
        }
        let has = |fields: &[Field]| {
            let mut known = columns.iter().filter_map(|column| column.field);
            known.any(|field| fields.contains(&field))
        };
        columns[at].field = content::field_of(sample, at).filter(|field| match field {
            Field::Isbn => !has(&[Field::Isbn, Field::IsbnOrId]),
            Field::Author => !has(&[Field::Author, Field::AuthorLastFirst, Field::LastName]),
            Field::Status => !has(&[Field::Status, Field::Shelves, Field::Read]),
            Field::Rating => !has(&[Field::Rating, Field::RatingOrNotes]),
            _ => !has(&[Field::DateRead, Field::DatesRead, Field::Read]),
        });
    }
}

/// The columns of a program's export that is known by its form, for it has no header.
fn by_layout(sample: &[Record]) -> Option<Vec<Column>> {
    content::is_booklog(sample).then(|| {
        let columns = content::BOOKLOG.iter();
        columns
            .map(|(name, field)| Column::new(name, *field, Certainty::Certain))
            .collect()
    })
}

fn by_content(sample: &[Record]) -> Vec<Column> {
    let fields = content::likely_fields_of(sample);
    let columns = fields.into_iter().enumerate();
    columns
        .map(|(at, field)| Column::new(&(at + 1).to_string(), field, Certainty::Guessed))
        .collect()
}

/// Takes a header that only resembles a known one for nothing where another is known.
fn keep_the_likeliest(columns: &mut [Column]) {
    for at in 0..columns.len() {
        let Some(field) = columns[at].field else {
            continue;
        };
        let is_better =
            |other: &Column| other.field == Some(field) && other.certainty > columns[at].certainty;
        if columns[at].certainty == Certainty::Likely
            && !field.adds_up()
            && columns.iter().any(is_better)
        {
            columns[at].field = None;
        }
    }
}

/// Takes "Edition" for the kind of book where another column names the publisher: in French alone
/// it is the publisher.
fn distinguish_editions_from_publishers(columns: &mut [Column]) {
    let is_edition = |column: &Column| words(&column.name).concat() == "edition";
    let is_publisher = |column: &Column| column.field == Some(Field::Publisher);
    let has_publisher = (columns.iter()).any(|column| is_publisher(column) && !is_edition(column));
    let is_english = |column: &Column| {
        let words = words(&column.name);
        (words.iter()).any(|word| matches!(word.as_str(), "title" | "author" | "authors" | "book"))
    };
    if has_publisher || columns.iter().any(is_english) {
        for column in columns.iter_mut() {
            let is_given = column.certainty == Certainty::Given;
            if is_publisher(column) && !is_given && is_edition(column) {
                column.field = Some(Field::Format);
            }
        }
    }
}

/// Takes a "Length" for none of pages where it is one of hours, or another column has the pages.
fn leave_out_other_lengths(columns: &mut [Column]) {
    let is_length = |column: &Column| {
        column.field == Some(Field::Pages)
            && words(&column.name)
                .first()
                .is_some_and(|word| word == "length")
    };
    let is_pages = |column: &Column| column.field == Some(Field::Pages);
    let has_other = columns
        .iter()
        .any(|column| is_pages(column) && !is_length(column));
    for column in columns.iter_mut() {
        let words = words(&column.name);
        let is_time = (words.iter()).any(|word| {
            matches!(
                word.as_str(),
                "h" | "hr" | "hrs" | "hours" | "min" | "mins" | "minutes" | "cm" | "inches"
            )
        });
        if is_length(column) && column.certainty != Certainty::Given && (has_other || is_time) {
            column.field = None;
        }
    }
}

/// Takes columns "First" and "Last" that are both there for the author's names.
fn recognise_name_columns(columns: &mut [Column]) {
    let at = |columns: &[Column], name: &str| {
        let is_so = |column: &Column| {
            column.certainty != Certainty::Given && words(&column.name).concat() == name
        };
        columns.iter().position(is_so)
    };
    if let (Some(first), Some(last)) = (at(columns, "first"), at(columns, "last")) {
        columns[first].field = Some(Field::FirstName);
        columns[last].field = Some(Field::LastName);
        columns[first].certainty = Certainty::Certain;
        columns[last].certainty = Certainty::Certain;
    }
    if columns
        .iter()
        .any(|column| column.field == Some(Field::LastName))
    {
        for column in columns.iter_mut() {
            let key = words(&column.name).concat();
            if column.field.is_none()
                && column.certainty != Certainty::Given
                && MIDDLE_NAMES.contains(&&*key)
            {
                column.field = Some(Field::FirstName);
                column.certainty = Certainty::Certain;
            }
        }
    }
}

/// Leaves out a rating that is everybody's: "Rating" beside "My Rating".
fn prefer_the_readers_own(columns: &mut [Column]) {
    let is_rating = |column: &Column| column.field == Some(Field::Rating);
    if columns
        .iter()
        .any(|column| is_rating(column) && headers::is_personal(&column.name))
    {
        for column in columns.iter_mut() {
            let is_given = column.certainty == Certainty::Given;
            if is_rating(column) && !is_given && !headers::is_personal(&column.name) {
                column.field = None;
            }
        }
    }
}

/// Whether a cell is a date in any form.
pub(super) fn is_day(text: &str) -> bool {
    PartialDate::parse(text).is_some()
}

fn guess_title(columns: &mut [Column], sample: &[Record]) {
    if columns
        .iter()
        .any(|column| column.field == Some(Field::Title))
    {
        return;
    }
    let has = |field| columns.iter().any(|column| column.field == Some(field));
    // Lists of comics have a series and a number. A reading log has keys and no titles.
    if !has(Field::Author) && !has(Field::Isbn) {
        return;
    }
    let unused: Vec<usize> = (0..columns.len())
        .filter(|at| columns[*at].field.is_none() && columns[*at].certainty != Certainty::Given)
        .filter(|at| !headers::is_role(&columns[*at].name))
        .collect();
    if let Some(at) = content::title_among(sample, &unused) {
        columns[at].field = Some(Field::Title);
        columns[at].certainty = Certainty::Guessed;
    }
}

/// Takes titles with an author behind each for both, where no other column has the authors: "Dune
/// by Frank Herbert".
fn recognise_whole_books(columns: &mut [Column], sample: &[Record]) {
    const AUTHORS: [Field; 6] = [
        Field::Author,
        Field::AuthorLastFirst,
        Field::FirstName,
        Field::LastName,
        Field::MoreAuthors,
        Field::TitleAndAuthor,
    ];
    let mut fields = columns.iter().filter_map(|column| column.field);
    if fields.any(|field| AUTHORS.contains(&field)) {
        return;
    }
    let titles = columns
        .iter_mut()
        .enumerate()
        .filter(|(_, column)| column.field == Some(Field::Title));
    if let [(at, column)] = titles.collect::<Vec<_>>().as_mut_slice()
        && column.certainty != Certainty::Given
        && content::are_whole_books(sample, *at)
    {
        column.field = Some(Field::TitleAndAuthor);
        column.certainty = Certainty::Likely;
    }
}

fn apply(mapping: &Mapping, columns: &mut [Column]) -> Result<(), CsvError> {
    let positions = columns.len();
    let position = |number: &str| {
        let number = number.parse::<usize>().ok()?;
        number.checked_sub(1).filter(|at| *at < positions)
    };
    let numbered = |name: &str| name.strip_prefix('#').and_then(position);
    // A number tells one column, a name all that have it: so the number has the last word.
    let (by_number, by_name): (Vec<_>, Vec<_>) =
        (mapping.iter()).partition(|(name, _)| numbered(name).is_some());
    for (name, field) in by_name.into_iter().chain(by_number) {
        let wanted = words(name).concat();
        let is_named = |column: &Column| {
            column.name == *name || !wanted.is_empty() && words(&column.name).concat() == wanted
        };
        let named = || {
            (0..columns.len())
                .filter(|at| is_named(&columns[*at]))
                .collect()
        };
        let meant: Vec<usize> = numbered(name).map_or_else(named, |at| vec![at]);
        let meant = match meant.is_empty() {
            true => position(name).into_iter().collect(),
            false => meant,
        };
        if meant.is_empty() {
            return Err(CsvError::mapping(format!(
                "there is no column {:?}",
                clean(name, 100)
            )));
        }
        let field = match Field::by_name(field.trim()) {
            Some(field) => Some(field),
            None if field.trim().eq_ignore_ascii_case("ignore") => None,
            None => {
                return Err(CsvError::mapping(format!(
                    "there is no field {:?}",
                    clean(field, 100)
                )));
            }
        };
        for at in meant {
            give(columns, at, field);
        }
    }
    Ok(())
}

/// Gives a column the reader's own meaning. One that was only guessed to mean the same changes
/// places with it, and is taken for what that column was, if it was guessed, too.
/// Rows of a single cell, in a table of three columns or more.
#[derive(Default)]
struct LoneCells {
    like_titles: u32,
    others: u32,
    /// Whether the row before has fewer cells than the header: one of them may have been torn.
    is_after_short: bool,
}

impl LoneCells {
    fn add(&mut self, record: &Record, width: usize) {
        /// Number of characters of the longest text that is taken for a title.
        const MAX_TITLE: usize = 100;
        let is_lone = record.count() == 1 && width > 2;
        if is_lone && !record.is_empty() {
            let cell = record.get(0).trim();
            let is_title = cell.starts_with(char::is_alphanumeric)
                && !cell.starts_with(char::is_lowercase)
                && cell.contains(char::is_alphabetic)
                && !cell.ends_with(['.', ':', '!', ')', ','])
                && !cell.contains('\n')
                && cell.chars().nth(MAX_TITLE).is_none();
            match is_title && !self.is_after_short {
                true => self.like_titles += 1,
                false => self.others += 1,
            }
        }
        self.is_after_short = !is_lone && record.count() < width;
    }

    /// Whether they are a habit.
    fn are_there(&self) -> bool {
        self.like_titles > 1 && self.others == 0
    }
}

fn give(columns: &mut [Column], at: usize, field: Option<Field>) {
    let was_guessed = columns[at].certainty == Certainty::Guessed;
    let before = columns[at].field.filter(|_| was_guessed);
    columns[at].field = field;
    columns[at].certainty = Certainty::Given;
    if field.is_none_or(Field::adds_up) {
        return;
    }
    for column in columns.iter_mut() {
        if column.field == field && column.certainty == Certainty::Guessed {
            column.field = before;
        }
    }
}

/// Counts of cells that tell how a column is to be read.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    day_first: u32,
    month_first: u32,
    /// Number of dates whose year can only be the first of three short numbers, and of those whose
    /// year can only be the last.
    year_first: u32,
    year_last: u32,
    /// Number of dates that read both ways.
    ambiguous_days: u32,
    last_first: u32,
    lists: u32,
    /// Number of names without a comma whose family name comes first, and of those whose does not.
    family_first: u32,
    given_first: u32,
    ratings: u32,
    /// Number of cells with a yes or no.
    marks: u32,
    /// Number of cells of nothing but stars, in a column of texts.
    stars: u32,
    /// Number of cells that count up from one.
    counted: u32,
    /// Number of cells with a time from one day to another.
    intervals: u32,
    /// Number of cells with a day, in a column of years or one that nobody knows.
    days: u32,
    /// Number of those of this century or with a time of day, and of those in rows of books that
    /// are yet to be read.
    recent_days: u32,
    unread_days: u32,
    /// Number of cells that say how long something takes.
    durations: u32,
    /// Number of whole ISBNs, of numbers that may have lost leading zeros, and of those that are
    /// ISBNs with them.
    isbns: u32,
    short_numbers: u32,
    restored: u32,
    /// Number of cells with a status, in a column that nobody knows.
    statuses: u32,
    /// Number of ratings that are shares of one, like the percentages of a workbook: 0.8.
    shares: u32,
    /// Number of ratings of a quarter of one or three.
    quarters: u32,
    /// Numbers of cells that say that they are of 5, and of 10.
    told: [u32; 2],
    /// Numbers of ratings above 5, 10 and 20.
    above: [u32; 3],
    highest: f64,
}

impl Evidence {
    fn add(&mut self, field: Field, cell: &str) {
        match field {
            field if field.is_date() => {
                // "01/02/2020–15/02/2020"
                let mut orders = (cell.split(['–', '—', '→', '|', ';', ',', '-'])).map(order_of);
                match order_of(cell).or_else(|| orders.find(Option::is_some)?) {
                    Some(DateOrder::DayFirst) => self.day_first += 1,
                    Some(DateOrder::MonthFirst) => self.month_first += 1,
                    _ => {
                        let read = PartialDate::read(cell, DateOrder::Unknown);
                        let is_ambiguous = matches!(read, Err(DateError::Ambiguous { .. }));
                        self.ambiguous_days += u32::from(is_ambiguous);
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
            Field::Year => {
                self.intervals += u32::from(is_interval(cell));
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

    fn add_unknown(&mut self, cell: &str) {
        self.days += u32::from(PartialDate::parse(cell).is_some());
        if let Some(Rating::Plain(value)) = Rating::read(cell) {
            self.ratings += 1;
            self.highest = self.highest.max(value);
        }
        self.statuses += u32::from(status(cell).is_some() && yes_or_no(cell).is_none());
    }

    fn and(self, other: &Self) -> Self {
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
    fn date_order(&self) -> Option<DateOrder> {
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

    /// Whether nearly all short numbers become ISBNs by leading zeros, and more than one number or
    /// the header says that they are some: a running number becomes one in every eleventh row.
    fn lacks_zeros(&self, header: &str) -> bool {
        let is_told = self.isbns + self.restored > 1
            || words(header).iter().any(|word| word.contains("isbn"));
        is_told && self.restored * 5 >= self.short_numbers * 4
    }

    fn name_order(&self) -> NameOrder {
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
    fn is_scale_of_one_cell(&self) -> bool {
        match self.scale() {
            scale if scale < 5.0 => self.shares + self.quarters == 1,
            scale if scale > 5.0 => self.ratings > 0 && self.above[0] + self.told[1] == 1,
            _ => false,
        }
    }

    /// The smallest usual scale that holds the ratings; a single slip among many makes none.
    fn scale(&self) -> f64 {
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
    use crate::csv::CsvErrorKind;
    use crate::csv::table::Hints;

    fn columns(csv: &str) -> Result<Columns, CsvError> {
        Columns::new(&Table::new(csv, &Hints::default())?, &Mapping::new())
    }

    #[test]
    fn a_file_without_titles_is_no_list_of_books() {
        let error = columns("a,b,c").unwrap_err();
        assert_eq!(error.kind, CsvErrorKind::ParseFailed);
        assert_eq!(error.row, Some(1));
        assert_eq!(
            error.message,
            "row 1: no column named like a title; found: a,b,c"
        );
        assert_eq!(
            error.user_message,
            "This file does not look like a list of books: it has no title column."
        );
        assert!(columns("ISBN").is_ok());
        assert!(columns("Author,Rating").is_err());
    }

    fn mapped(csv: &str, mapping: &[(&str, &str)]) -> Vec<Option<&'static str>> {
        let mapping = (mapping.iter())
            .map(|(name, field)| ((*name).to_owned(), (*field).to_owned()))
            .collect();
        let columns = Columns::new(
            &Table::new(csv, &Hints::new(&mapping, false)).unwrap(),
            &mapping,
        )
        .unwrap();
        (columns.columns.iter())
            .map(|column| column.field.map(Field::name))
            .collect()
    }

    #[test]
    fn a_name_tells_all_columns_that_have_it_and_a_number_one() {
        let csv = "Title,Author,Rating,Rating\nDune,FH,4,5\n";
        let [title, author] = [Some("title"), Some("author")];
        let both = mapped(csv, &[("Rating", "ignore")]);
        assert_eq!(both, [title, author, None, None]);
        let last = mapped(csv, &[("#4", "ignore")]);
        assert_eq!(last, [title, author, Some("rating"), None]);
        let but_last = mapped(csv, &[("Rating", "ignore"), ("#4", "rating")]);
        assert_eq!(but_last, [title, author, None, Some("rating")]);
        let digits = |name: &str| {
            let mut columns = ["2", "1"].map(|name| Column::new(name, None, Certainty::Guessed));
            let mapping = Mapping::from([(name.to_owned(), "tags".to_owned())]);
            apply(&mapping, &mut columns).unwrap();
            columns.map(|column| column.field)
        };
        assert_eq!(digits("2"), [Some(Field::Tags), None]);
        assert_eq!(digits("#2"), [None, Some(Field::Tags)]);
        let csv = "Series,#,Title,Author\nDune,1,Dune,FH\n";
        let series = Some("series");
        let ignored = mapped(csv, &[("#", "ignore")]);
        assert_eq!(ignored, [series, None, title, author]);
        let unnamed = mapped(",,Title\nFH,SF,Dune\n", &[("#2", "tags"), ("1", "author")]);
        assert_eq!(unnamed, [author, Some("tags"), title]);
    }

    #[test]
    fn a_guess_gives_way_to_what_the_reader_says() {
        let csv = "Frank Herbert;Dune\nJane Austen;Emma\nGeorge Orwell;1984\n";
        let guessed = mapped(csv, &[]);
        let [title, author] = [Some("title"), Some("author")];
        assert_eq!(guessed, [author, title]);
        let swapped = [title, author];
        assert_eq!(mapped(csv, &[("1", "title")]), swapped);
        assert_eq!(mapped(csv, &[("#2", "author")]), swapped);
        assert_eq!(mapped(csv, &[("1", "title"), ("2", "author")]), swapped);
        assert_eq!(mapped(csv, &[("1", "notes")]), [Some("notes"), title]);
    }

    #[test]
    fn a_file_that_lacks_only_a_title_shows_its_columns() {
        let csv = "Title,Author,Date Read\nDune,FH,2021-01-02\n";
        let table = Table::new(csv, &Hints::default()).unwrap();
        let mapping = Mapping::from([("Title".to_owned(), "notes".to_owned())]);
        let error = Columns::new(&table, &mapping).unwrap_err();
        let columns = error.reading.unwrap().columns;
        assert_eq!(columns[0].certainty, Some(Certainty::Given));
        assert_eq!(columns[1].samples, ["FH"]);
        assert_eq!(columns[2].field.as_deref(), Some("dateRead"));
    }

    #[test]
    fn whose_export_it_is() {
        for (header, program) in [
            (
                "Book Id,Title,Author,Author l-f,Exclusive Shelf",
                Program::Goodreads,
            ),
            (
                "Title,Authors,Contributors,ISBN/UID,Format",
                Program::StoryGraph,
            ),
            (
                "Book Id\tTitle\tPrimary Author\tSecondary Author",
                Program::LibraryThing,
            ),
            ("Title,Author", Program::Other),
        ] {
            assert_eq!(columns(header).unwrap().program, program);
        }
    }

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
