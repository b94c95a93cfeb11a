//! Lists as notes and mails have them: headings above the books, and below each its author, a
//! rating or remarks in lines of their own.

use super::headers;
use super::line::Line;
use super::rating::Rating;
use super::row::number_in;
use super::shape::{SHELF, Shaped, named_value, of_fields_in_lines};
use super::status::status;
use super::table::DELIMITERS;
use crate::name::likeness;

/// Words before an author in a line of its own, beside "by". A title may begin with them, too.
const BY: [&str; 7] = ["von", "par", "de", "door", "di", "por", "av"];

/// Most headings that say nothing of single books.
const MAX_LINES_ABOVE: usize = 20;

/// Signs in front of a line that is a point of a list.
const POINTS: [char; 6] = ['-', '*', '•', '–', '+', '·'];

#[derive(Default)]
struct Book<'l> {
    number: usize,
    line: &'l str,
    author: &'l str,
    rating: &'l str,
    isbn: &'l str,
    notes: String,
    shelf: &'l str,
}

impl<'l> Book<'l> {
    /// Takes a line below the book's own as its author, rating, ISBN or remark; false for a line
    /// that may be another book.
    fn take(&mut self, line: &'l str, is_point: bool) -> bool {
        if self.rating.is_empty() && is_rating(line) {
            self.rating = line;
        } else if let Some((_, rest)) = number_in(line) {
            let is_free = self.isbn.is_empty() && number_in(self.line).is_none();
            if !is_free || rest.contains(char::is_alphanumeric) {
                return false;
            }
            self.isbn = line;
        } else if let Some(author) = author(line).filter(|_| !is_point) {
            return std::mem::replace(&mut self.author, author).is_empty();
        } else if !is_point && self.author.is_empty() && self.is_above_name(line) {
            self.author = line;
        } else {
            let remark = line.trim_start_matches(POINTS).trim_start();
            if !self.is_above_remark(remark, is_point) {
                return false;
            }
            if !self.notes.is_empty() {
                self.notes.push('\n');
            }
            self.notes.push_str(remark);
        }
        true
    }

    /// Not "Frank Herbert" above "Jane Eyre", nor "Dune, Frank Herbert".
    fn is_above_name(&self, line: &str) -> bool {
        self.notes.is_empty() && !line.contains(',') && likeness(line) > likeness(self.line)
    }

    /// Titles below a name or a kind of books are not written as sentences.
    fn is_above_remark(&self, line: &str, is_point: bool) -> bool {
        let is_sentence = line.starts_with(char::is_lowercase) || line.ends_with(['.', '!']);
        let is_book = || {
            let is_first = !is_point && self.notes.is_empty();
            is_first && self.line.contains(char::is_uppercase) || Line::names_author(self.line)
        };
        is_sentence && !Line::names_author(line) && is_book()
    }
}

/// The table of a list in notes; `None` for other texts.
pub(super) fn of_notes(text: &str, max_rows: usize) -> Option<Shaped> {
    let text = text.trim_start_matches('\u{feff}');
    if names_columns(text) || is_table(text) {
        return None;
    }
    of_titles_above(text, max_rows)
        .or_else(|| list(text, max_rows, true))
        .or_else(|| list(text, max_rows, false))
}

/// The table of a list whose headings are the titles: "# Emma by Jane Austen", and below it
/// "Rating: 4" or a remark.
fn of_titles_above(text: &str, max_rows: usize) -> Option<Shaped> {
    let list = List::read(text, max_rows, false)?;
    if !list.has_signs || !list.has_remarks() || !list.has_titles_above() {
        return None;
    }
    fn level(line: &str) -> Option<(usize, &str)> {
        heading(line).filter(|(level, _)| *level < 7)
    }
    let deepest = (text.lines())
        .filter_map(|line| Some(level(line.trim())?.0))
        .max()?;
    let mut fields = String::with_capacity(text.len() * 2);
    let mut lines_above = Vec::new();
    let mut is_remark = false;
    for line in text.lines() {
        let mut line = line.trim();
        let is_title = level(line).is_some_and(|(level, _)| level == deepest);
        if let Some((_, name)) = level(line).filter(|_| !is_title) {
            lines_above.push(name.to_owned());
            line = "";
        }
        let goes_on = std::mem::replace(&mut is_remark, !is_title && !is_field(line));
        let named = match is_title {
            true => "Title / Author: ",
            false if is_remark && !goes_on && !line.is_empty() => "Notes: ",
            false => "",
        };
        is_remark &= goes_on || !line.is_empty();
        fields.extend([named, line.trim_start_matches(['#', ' ']), "\n"]);
    }
    let table = of_fields_in_lines(&fields, max_rows)?;
    (lines_above.len() <= MAX_LINES_ABOVE).then_some(Shaped {
        lines_above,
        ..table
    })
}

/// Whether a line is a field of a book: "Rating: 4".
fn is_field(line: &str) -> bool {
    named_value(line).is_some_and(|(name, _)| headers::known_meaning(name).is_some())
}

/// The table of a list with lines below its books, where they have them throughout, or of one with
/// headings and a book in each other line.
fn list(text: &str, max_rows: usize, has_lines_below: bool) -> Option<Shaped> {
    let list = List::read(text, max_rows, has_lines_below)?;
    let has_lines = list.has_lines_below_throughout()?;
    (list.books.len() > 1 && !list.has_titles_above() && (has_lines || list.is_headed()))
        .then(|| list.table(text.len() * 2))?
}

/// A list as its lines have it.
#[derive(Default)]
struct List<'l> {
    books: Vec<Book<'l>>,
    /// Each with whether it has books.
    headings: Vec<(&'l str, bool)>,
    /// Places of the headings that others or books stand below, each with its level.
    above: Vec<(usize, usize)>,
    /// Whether a heading stands above the first book.
    is_first_above: bool,
    /// Whether a heading has signs in front: "## Read".
    has_signs: bool,
}

impl<'l> List<'l> {
    /// Reads all lines; `None` where one may be below a book or a book of its own.
    fn read(text: &'l str, max_rows: usize, has_lines_below: bool) -> Option<Self> {
        let are_paired = has_lines_below && are_pairs(text);
        let mut list = Self::default();
        let (mut is_behind_by, mut is_behind_gap) = (false, true);
        let mut margin = None;
        for (number, raw) in text.lines().enumerate() {
            let line = raw.trim();
            let (is_first, indent) = (is_behind_gap, raw.len() - raw.trim_start_matches(' ').len());
            is_behind_gap = line.is_empty();
            if line.is_empty()
                || line
                    .chars()
                    .all(|c| matches!(c, '-' | '=' | '_' | '*' | ' '))
            {
                continue;
            }
            if let Some((level, name)) = heading(line)
                && list.add_heading(level, name)
            {
                continue;
            }
            let is_point = (line.strip_prefix(POINTS)).is_some_and(|rest| rest.starts_with(' '));
            // A blank alone is a slip.
            let is_below = indent > *margin.get_or_insert(indent) + 1;
            let is_by = !is_point && author(line).is_some();
            // Two titles that begin with "By".
            if has_lines_below && is_by && is_behind_by {
                return None;
            }
            is_behind_by = is_by;
            let is_too_many = list.books.len() > max_rows;
            match list.books.last_mut() {
                Some(book)
                    if has_lines_below
                        && (is_below || is_by || is_rating(line) || are_paired && !is_first) =>
                {
                    if !book.take(line, is_point) {
                        return None;
                    }
                }
                _ if is_too_many => break,
                _ => list.add_book(number + 1, line),
            }
        }
        Some(list)
    }

    /// Adds a heading; false where the line is a title instead, like "Title: a subtitle:" behind
    /// books that stand under no heading.
    fn add_heading(&mut self, level: usize, name: &'l str) -> bool {
        let has_signs = level < 7;
        if !has_signs && !self.books.is_empty() && self.headings.is_empty() {
            return false;
        }
        self.above.retain(|(other, _)| *other < level);
        self.above.push((level, self.headings.len()));
        self.headings.push((name, false));
        self.is_first_above |= self.books.is_empty();
        self.has_signs |= has_signs;
        true
    }

    fn add_book(&mut self, number: usize, line: &'l str) {
        let heading = (self.above.last()).and_then(|(_, at)| self.headings.get_mut(*at));
        let shelf = heading.map_or("", |(name, has_books)| {
            *has_books = true;
            *name
        });
        self.books.push(Book {
            number,
            line,
            shelf,
            ..Book::default()
        });
    }

    fn count(&self, has: impl Fn(&Book<'_>) -> bool) -> usize {
        self.books.iter().filter(|book| has(book)).count()
    }

    /// Whether the books have lines below them; `None` where so few have some that these may be
    /// books.
    fn has_lines_below_throughout(&self) -> Option<bool> {
        let lines_below = [
            self.count(|book| !book.author.is_empty()),
            self.count(|book| !book.notes.is_empty()),
            self.count(|book| !book.isbn.is_empty()),
        ];
        let is_told = |lines: usize| lines == 0 || lines > 1 && lines * 2 >= self.books.len();
        (lines_below.iter().all(|lines| is_told(*lines)))
            .then(|| lines_below.iter().any(|lines| *lines > 0))
    }

    /// Number of headings that have books.
    fn used_headings(&self) -> usize {
        self.headings.iter().filter(|(_, used)| *used).count()
    }

    /// Whether headings are shelves: what stands above all books alone is none, unless it is a
    /// status.
    fn has_shelves(&self) -> bool {
        self.used_headings() > 1
    }

    fn has_status(&self) -> bool {
        (self.headings.iter()).any(|(name, _)| status(name).is_some())
    }

    fn is_headed(&self) -> bool {
        self.is_first_above && (self.has_signs || self.has_shelves() || self.has_status())
    }

    /// Whether what stands below headings is seldom a book: a sentence, "Rating: 4".
    fn has_remarks(&self) -> bool {
        let is_remark = |book: &Book<'_>| book.line.ends_with(['.', '!']) || is_field(book.line);
        self.count(is_remark) * 2 >= self.books.len()
    }

    /// Whether the headings are the titles: "## Emma", a remark below.
    fn has_titles_above(&self) -> bool {
        let has_remarks = self.books.len() <= self.used_headings() || self.has_remarks();
        has_remarks && self.has_shelves() && !self.has_status()
    }

    /// The table; `None` with too many headings that say nothing of single books.
    fn table(self, room: usize) -> Option<Shaped> {
        let are_shelves = self.has_shelves();
        let is_shelf = |name: &str| are_shelves || status(name).is_some();
        let lines_above: Vec<String> = (self.headings.iter())
            .filter(|(name, has_books)| !has_books || !is_shelf(name))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if lines_above.len() > MAX_LINES_ABOVE {
            return None;
        }
        let cells = |book: &Book<'_>| {
            let (line, author, rating) = (book.line, book.author, book.rating);
            let shelf = if is_shelf(book.shelf) { book.shelf } else { "" };
            [line, author, rating, book.isbn, &book.notes, shelf].map(str::to_owned)
        };
        let rows: Vec<_> = self.books.iter().map(cells).collect();
        let names = ["Title / Author", "Author", "Rating", "ISBN", "Notes", SHELF];
        let is_filled = |at: &usize| *at == 0 || rows.iter().any(|row| !row[*at].is_empty());
        let filled: Vec<usize> = (0..names.len()).filter(is_filled).collect();
        let mut table = Shaped::with_room(room);
        table.lines_above = lines_above;
        table.push(1, filled.iter().map(|at| names[*at]));
        for (row, book) in rows.iter().zip(&self.books) {
            table.push(book.number, filled.iter().map(|at| &row[*at]));
        }
        Some(table)
    }
}

/// Whether one of the first lines names columns: then the text is a table.
fn names_columns(text: &str) -> bool {
    let is_known = |name: &&str| headers::known_meaning(name.trim_matches([' ', '"'])).is_some();
    text.lines().take(20).any(|line| {
        let names = || line.split(DELIMITERS.map(char::from));
        let is_only_name = || {
            let is_other = heading(line).is_some() || is_field(line) || is_rating(line.trim());
            !is_other && is_known(&line.trim())
        };
        line.len() < 2_000 && (names().filter(is_known).take(2).count() > 1 || is_only_name())
    })
}

/// Whether the lines are records with signs between their fields.
fn is_table(text: &str) -> bool {
    let (mut all, mut divided) = (0, 0);
    for line in text.lines().map(str::trim_end) {
        if line.contains('\t') || line.matches('"').count() % 2 > 0 {
            return true;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        all += 1;
        // A comma in a sentence has a blank behind.
        let commas = line.matches(',').count() > line.matches(", ").count();
        divided += usize::from(commas || line.contains([';', '|']));
    }
    divided * 2 > all
}

/// The level and the text of a heading: "## Read in 2023", "To read:".
pub(super) fn heading(line: &str) -> Option<(usize, &str)> {
    let bare = line.trim_start_matches('#');
    let level = line.len() - bare.len();
    if (1..7).contains(&level) && bare.starts_with(' ') {
        return Some((level, bare.trim_matches([' ', '#', ':'])));
    }
    let name = line.strip_suffix([':', '：'])?;
    (!line.starts_with(POINTS)).then_some((7, name.trim_matches(['*', '_', ' '])))
}

/// The author in a line that has nothing else: "by Jane Austen".
fn author(line: &str) -> Option<&str> {
    let (by, name) = line.split_once(' ')?;
    let least = match by {
        "by" | "By" => 1,
        _ if BY.contains(&by) => 3,
        _ => return None,
    };
    (likeness(name) >= least && name.starts_with(char::is_uppercase)).then_some(name)
}

fn is_rating(line: &str) -> bool {
    line.contains(['★', '⭐'])
        && !line.contains(char::is_alphabetic)
        && Rating::read(line).is_some()
}

/// Whether a text is pairs of lines, with a title and its author in each.
fn are_pairs(text: &str) -> bool {
    let (mut pairs, mut titles, mut authors) = (0, 0, 0);
    let mut lines = text.lines().map(str::trim).peekable();
    while lines.peek().is_some() {
        let group: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        match group.as_slice() {
            [] => {}
            [title, author] if likeness(author) > 0 => {
                pairs += 1;
                titles += likeness(title);
                authors += likeness(author);
            }
            _ => return false,
        }
    }
    pairs > 2 && authors >= pairs * 2 && authors > titles * 2
}
