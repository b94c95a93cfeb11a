//! Lists as notes and mails have them: headings above the books, and below each its author, a
//! rating or remarks in lines of their own.

use super::headers;
use super::rating::Rating;
use super::shape::{SHELF, Shaped};
use super::status::status;
use super::table::DELIMITERS;
use crate::name::likeness;

/// Words before an author in a line of its own. A title may begin with them, too: in capitals only
/// the first, before a name.
const BY: [&str; 8] = ["by ", "von ", "par ", "de ", "door ", "di ", "por ", "av "];

/// Signs in front of a line that is a point of a list.
const POINTS: [char; 6] = ['-', '*', '•', '–', '+', '·'];

#[derive(Default)]
struct Book<'l> {
    number: usize,
    line: &'l str,
    author: &'l str,
    rating: &'l str,
    notes: String,
    shelf: &'l str,
}

impl<'l> Book<'l> {
    /// Takes a line below the book's own as its author, rating or remark.
    fn take(&mut self, line: &'l str, is_point: bool) -> bool {
        let by = author(line);
        let is_name = !is_point && self.notes.is_empty() && likeness(line) > 0;
        if self.rating.is_empty() && is_rating(line) {
            self.rating = line;
        } else if self.author.is_empty() && (by.is_some() || is_name) {
            self.author = by.unwrap_or(line);
            return true;
        } else {
            if !self.notes.is_empty() {
                self.notes.push('\n');
            }
            self.notes
                .push_str(line.trim_start_matches(POINTS).trim_start());
        }
        false
    }
}

/// The table of a list in notes; `None` for other texts.
pub(super) fn of_notes(text: &str, max_rows: usize) -> Option<Shaped> {
    let text = text.trim_start_matches('\u{feff}');
    if names_columns(text) {
        return None;
    }
    let are_paired = are_pairs(text);
    let mut books: Vec<Book<'_>> = Vec::new();
    // Headings that others or books stand below, each with its level.
    let mut above: Vec<(usize, &str)> = Vec::new();
    let (mut headings, mut authors, mut is_behind_gap) = (Vec::new(), 0, true);
    let mut has_signs = false;
    let mut margin = None;
    for (number, raw) in text.lines().enumerate() {
        let line = raw.trim();
        let (is_first, indent) = (is_behind_gap, raw.len() - raw.trim_start().len());
        is_behind_gap = line.is_empty();
        if line.is_empty()
            || line
                .chars()
                .all(|c| matches!(c, '-' | '=' | '_' | '*' | ' '))
        {
            continue;
        }
        if let Some((level, name)) = heading(line) {
            // "Title: a subtitle:" is none, unless others are.
            if level < 7 || books.is_empty() || !headings.is_empty() {
                above.retain(|(other, _)| *other < level);
                above.push((level, name));
                headings.push((name, books.len()));
                has_signs |= level < 7;
                continue;
            }
        }
        let is_point = (line.strip_prefix(POINTS)).is_some_and(|rest| rest.starts_with(' '));
        let is_below = indent > *margin.get_or_insert(indent);
        let is_by = !is_point && (author(line).is_some() || is_rating(line));
        let is_too_many = books.len() > max_rows;
        match books.last_mut() {
            Some(book) if is_below || is_by || are_paired && !is_first => {
                authors += usize::from(book.take(line, is_point));
            }
            _ if is_too_many => break,
            _ => books.push(Book {
                number: number + 1,
                line,
                shelf: above.last().map_or("", |(_, name)| *name),
                ..Book::default()
            }),
        }
    }
    let has_notes = books.iter().filter(|book| !book.notes.is_empty()).count();
    let is_told = |lines: usize| lines > 1 && lines * 2 >= books.len();
    // What stands above all of it alone is no shelf, unless it is a status.
    let mut lines_above = Vec::new();
    let used = |name: &str| books.iter().any(|book| book.shelf == name);
    let are_shelves = headings.iter().filter(|(name, _)| used(name)).count() > 1;
    let is_headed = headings.first().is_some_and(|(name, before)| {
        let is_telling = has_signs || are_shelves || status(name).is_some();
        *before == 0 && is_telling
    });
    if books.len() < 2 || !is_headed && !is_told(authors) && !is_told(has_notes) {
        return None;
    }
    for (name, _) in &headings {
        if !used(name) || !are_shelves && status(name).is_none() {
            lines_above.push((*name).to_owned());
        }
    }
    for book in &mut books {
        if !are_shelves && status(book.shelf).is_none() {
            book.shelf = "";
        }
    }
    let cells = |book: &Book<'_>| {
        [book.line, book.author, book.rating, &book.notes, book.shelf].map(str::to_owned)
    };
    let rows: Vec<_> = books.iter().map(cells).collect();
    let names = ["Title / Author", "Author", "Rating", "Notes", SHELF];
    let is_filled = |at: &usize| *at == 0 || rows.iter().any(|row| !row[*at].is_empty());
    let filled: Vec<usize> = (0..names.len()).filter(is_filled).collect();
    let mut table = Shaped::with_room(text.len() * 2);
    table.lines_above = lines_above;
    table.push(1, filled.iter().map(|at| names[*at]));
    for (row, book) in rows.iter().zip(&books) {
        table.push(book.number, filled.iter().map(|at| &row[*at]));
    }
    Some(table)
}

/// Whether one of the first lines names columns: then the text is a table.
fn names_columns(text: &str) -> bool {
    let is_known = |name: &&str| headers::known_meaning(name.trim_matches([' ', '"'])).is_some();
    text.lines().take(20).any(|line| {
        let names = || line.split(DELIMITERS.map(char::from));
        line.len() < 2_000 && names().filter(is_known).take(2).count() > 1
    })
}

/// The level and the text of a heading: "## Read in 2023", "To read:".
fn heading(line: &str) -> Option<(usize, &str)> {
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
    let small = || BY.iter().find_map(|by| line.strip_prefix(by));
    let name = small().or_else(|| {
        let name = line.strip_prefix("By ")?;
        (likeness(name) > 0).then_some(name)
    });
    name.filter(|name| name.starts_with(char::is_uppercase))
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
