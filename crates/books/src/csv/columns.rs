//! The meanings of a file's columns, and the ways in which their values are to be read.

mod assign;
mod column;
mod evidence;
mod habits;
mod mapping;
mod program;
mod split_date;

use std::collections::HashSet;

use super::CsvError;
use super::field::{Field, IDENTITIES};
use super::headers;
use super::line::{Habits, Lines, is_point, number_before};
use super::people::listed;
use super::reading::{Certainty, ColumnReading, Reading, Samples};
use super::records::Record;
use super::row::Formats;
use super::status::{is_share, status, yes_or_no};
use super::table::{Table, no_list};
use super::values::tidy;
use crate::date::{DateOrder, PartialDate};
use crate::name::{KnownNames, NameOrder};
use crate::text::{joined, words};
use crate::word_list::is_in;
use crate::{Isbn, ReadingStatus};
use assign::{
    by_content, by_headers, by_layout, distinguish_editions_from_publishers, guess_title,
    keep_the_likeliest, leave_out_days_of_marks, leave_out_other_lengths, prefer_the_readers_own,
    recognise_name_columns, recognise_whole_books,
};
pub(super) use column::Column;
use column::NamedFields;
use evidence::{Evidence, MAX_TELLING};
use habits::{Groups, LoneCells, is_ditto};
use mapping::apply;
pub use mapping::{Mapping, check_meaning};
use program::PROGRAMS;
pub(super) use program::Program;
use split_date::SplitDate;

/// Names of the columns that an export adds to rows that are to be mended: the row's number and its
/// problem. They have no data of a book.
pub const ADDED_COLUMNS: [&str; 2] = ["Import row", "Import problem"];

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
    /// Where the authors stand in cells that name title and author.
    pub habits: Habits,
    /// Whether the titles of the rows count up in front, and whether notes stand behind some.
    numbers_titles: bool,
    pub has_footnotes: bool,
    /// Whether digits behind titles are marks of footnotes: "Dune²".
    pub has_superscripts: bool,
    /// Whether several rows have one title: then a number beside it is that of a volume.
    pub titles_repeat: bool,
    /// Position of the column of authors of whom each is written once, above all of the author's
    /// books.
    grouped_authors: Option<usize>,
    /// Dates whose year, month and day have columns of their own.
    split_dates: Vec<SplitDate>,
    /// Position of the column that marks what its program has thrown away.
    pub bin: Option<usize>,
    /// Whether a column says what each row lists: a book, a film.
    pub tells_kinds: bool,
    /// Position of the column that says what each of the further people did for the book.
    pub roles: Option<usize>,
    /// The first and the last row of a list in a letter that have the sign of a point in front.
    pub points: Option<(u32, u32)>,
    /// The authors whom the rows name beyond doubt.
    pub known_names: KnownNames,
    pub formats: Formats,
    /// Whether rows of one cell are books: a workbook stores no empty cells, and some files leave
    /// them out.
    has_lone_cells: bool,
    width: usize,
}

/// Whether a row may be [unfilled](Columns::is_unfilled), whatever its columns are.
pub(super) fn may_be_unfilled(record: &Record) -> bool {
    let is_number = |cell: &str| cell.len() < 7 && cell.bytes().all(|byte| byte.is_ascii_digit());
    let mut cells = record.fields().map(str::trim);
    cells.all(|cell| is_number(cell) || is_unmarked(cell))
}

/// Whether a cell is a box without a mark.
fn is_unmarked(cell: &str) -> bool {
    const UNMARKED: &str = "false falsch faux falso falsche onwaar fałsz ложь";
    cell.len() < 9 && is_in(UNMARKED, &cell.to_lowercase())
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
            .map(|column| joined(&column.name))
            .collect();
        let program = PROGRAMS
            .iter()
            .find(|(_, _, all)| all.iter().all(|key| keys.iter().any(|other| other == key)))
            .map_or(Program::Other, |(program, ..)| *program);
        if let Err(error) = apply(mapping, &mut columns) {
            // What the file has is what a better mapping is made of.
            let reading = match Self::new(table, &Mapping::new()) {
                Ok(columns) => Some(Box::new(Reading {
                    columns: columns.reading(),
                    ..Reading::default()
                })),
                Err(unmapped) => unmapped.reading,
            };
            return Err(CsvError { reading, ..error });
        }
        let mut split_dates = Vec::new();
        if table.header.is_some() {
            keep_the_likeliest(&mut columns);
            distinguish_editions_from_publishers(&mut columns);
            leave_out_other_lengths(&mut columns);
            split_dates = split_date::recognise(&mut columns);
            recognise_name_columns(&mut columns);
            prefer_the_readers_own(&mut columns);
            guess_title(&mut columns, &sample);
            recognise_whole_books(&mut columns, &sample);
            leave_out_days_of_marks(&mut columns, &keys);
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
            habits: Habits::default(),
            numbers_titles: false,
            has_footnotes: false,
            has_superscripts: false,
            titles_repeat: false,
            grouped_authors: None,
            split_dates,
            bin: keys.iter().position(|key| key == "deleted"),
            tells_kinds: has(Field::ItemType) || keys.iter().any(|key| key == "mediatype"),
            points: None,
            roles: keys.iter().position(|key| key == "secondaryauthorroles"),
            known_names: KnownNames::default(),
            formats: Formats::default(),
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
        let mut lines = Lines::default();
        let (mut number, mut points, mut is_letter) = (0, Vec::new(), false);
        while records.read(&mut record) {
            number += 1;
            match is_point(record.get(0)) {
                true if self.is_list => points.push(number),
                // "Hello Ann,"
                _ => is_letter |= record.get(0).trim().ends_with([',', '!']),
            }
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
                if self.is_list || column.field == Some(Field::TitleAndAuthor) {
                    lines.add(&cell);
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
                if column.mark.is_some() && (yes_or_no(&cell).is_some() || is_share(&cell)) {
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
        if let [first, _, .., last] = points.as_slice()
            && is_letter
            && points.len() * 5 > (last - first) as usize * 3
        {
            self.points = Some((*first, *last));
        }
        let is_prose = |column: &Column| column.field.is_some_and(Field::is_prose);
        let are_texts = self.columns.last().is_some_and(is_prose);
        self.has_lone_cells |= lone.are_there() && !are_texts && self.names_book_first();
        self.has_authors = authors > 1;
        self.habits = lines.habits();
        let titles = || evidence.iter().zip(&self.columns);
        self.numbers_titles =
            titles().any(|(evidence, column)| evidence.counts_titles(column.filled));
        self.has_footnotes = titles().any(|(evidence, _)| evidence.noted > 0);
        self.has_superscripts = titles().any(|(evidence, _)| evidence.superscripts > 0);
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
        let is_title = |column: &&Column| column.field == Some(Field::Title);
        let lacks_place = has_series
            && !self.has(Field::SeriesPosition)
            && self.columns.iter().filter(is_title).count() > 1;
        for (column, evidence) in self.columns.iter_mut().zip(&evidence) {
            column.decide_field(evidence, &named);
            // "Book", beside the titles and their series.
            if lacks_place
                && is_title(&&*column)
                && column.filled > 0
                && evidence.places == column.filled
            {
                column.field = Some(Field::SeriesPosition);
                column.certainty = Certainty::Likely;
            }
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
        let stated = self.columns.iter().find_map(|column| column.told_order);
        let of_file = (whole.date_order().or(stated)).unwrap_or(language);
        // "Note" in other languages is a remark, or a rating of another scale.
        let has_marks = |(column, evidence): (&Column, &Evidence)| {
            evidence.signed > 0 && evidence.highest <= 6.0 && joined(&column.name) == "note"
        };
        let is_german = self.columns.iter().zip(&evidence).any(has_marks)
            && (self.columns.iter()).any(|column| headers::is_german(&column.name));
        for (at, (column, evidence)) in self.columns.iter_mut().zip(&evidence).enumerate() {
            let description = table
                .description
                .as_ref()
                .map_or("", |record| record.get(at));
            let told = match headers::date_order_in(&column.name) {
                DateOrder::Unknown => headers::date_order_in(description),
                told => told,
            };
            column.dates = match (column.told_order, evidence.date_order(), told) {
                (Some(stated), ..) => stated,
                (None, Some(evident), _) => evident,
                (None, None, DateOrder::Unknown) => of_file,
                (None, None, told) => told,
            };
            column.names = match (self.program.name_order(), column.field) {
                (Some(order), _) => order,
                (None, Some(Field::AuthorLastFirst)) => NameOrder::LastFirst,
                (None, _) => evidence.name_order(),
            };
            column.is_grade |= is_german && has_marks((column, evidence));
            column.is_grade &= column.told_scale.is_none();
            let has_scale = column.told_scale.or_else(|| match self.program {
                Program::Goodreads | Program::StoryGraph | Program::LibraryThing => Some(5.0),
                _ => headers::scale_in(&column.name).or_else(|| headers::scale_in(description)),
            });
            column.scale = has_scale.unwrap_or_else(|| evidence.scale());
            let is_grade = words(&column.name).iter().any(|word| word == "grade");
            column.is_letter =
                column.filled > u32::from(!is_grade) && evidence.letters == column.filled;
            column.short_dates = evidence.order_of_short_dates(column.dates);
            // Where days stand in front of months, "Juni 21" is a month.
            column.has_short_years = evidence.has_short_years() || language == DateOrder::DayFirst;
            column.has_words = evidence.words > 0;
            column.lacks_zeros = evidence.lacks_zeros(&column.name);
            column.is_doubtful = match column.field {
                Some(field) if field.is_date() => {
                    column.dates == DateOrder::Unknown && evidence.ambiguous_days > 0
                }
                Some(Field::Rating) => {
                    column.is_letter
                        || has_scale.is_none()
                            && !column.is_grade
                            && evidence.is_scale_of_one_cell()
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

    /// A row with the dates of several columns in one; `None` when it has none of these.
    pub(super) fn with_whole_dates(&self, record: &Record) -> Option<Record> {
        let dates: Vec<(usize, String)> = (self.split_dates.iter())
            .filter_map(|split| Some((split.year, split.of(record)?)))
            .collect();
        if dates.is_empty() {
            return None;
        }
        let mut cells: Vec<&str> = record.fields().collect();
        for (at, date) in &dates {
            cells[*at] = date;
        }
        Some(Record::of(cells.into_iter()))
    }

    /// A title without its number in a list that counts its titles: "1. Emma".
    pub(super) fn without_number<'t>(&self, title: &'t str) -> &'t str {
        match self.numbers_titles.then(|| number_before(title)).flatten() {
            Some((.., title)) => title,
            None => title,
        }
    }

    /// Whether a row is one that a form or a sheet has ready for a further book: a number, boxes
    /// without a mark.
    pub(super) fn is_unfilled(&self, record: &Record) -> bool {
        let mut cells = record.fields().map(str::trim).enumerate();
        cells.all(|(at, cell)| {
            let column = self.columns.get(at);
            let is_number = |column: &Column| {
                cell.bytes().all(|byte| byte.is_ascii_digit()) && headers::is_counter(&column.name)
            };
            let is_box = |column: &Column| {
                use Field::{OwnedCopies, Read, StatusMark, Unread};
                matches!(
                    column.field,
                    None | Some(OwnedCopies | Read | StatusMark | Unread)
                ) && is_unmarked(cell)
            };
            let is_unfilled =
                |column: &Column| column.field.is_none() && is_number(column) || is_box(column);
            cell.is_empty() || column.is_some_and(is_unfilled)
        })
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

/// Whether a cell is a date in any form.
pub(super) fn is_day(text: &str) -> bool {
    PartialDate::parse(text).is_some()
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
}
