//! Lists with a book in each line, as people write them.

use super::rating::Rating;
use crate::name::begins_with_given_name;
use crate::{Isbn, IsbnError};

/// A book that is one line of a list: `1. Dune by Frank Herbert`, `Frank Herbert - Dune`.
pub(super) struct Line {
    pub title: String,
    pub author: String,
    /// The line's ISBN, or the fault of a line that is nothing but a number.
    pub isbn: Option<Result<Isbn, IsbnError>>,
    /// Rating by stars behind the book, of five.
    pub rating: Option<f64>,
    /// Whether a check box in front is marked.
    pub is_read: Option<bool>,
}

impl Line {
    pub(super) fn read(line: &str) -> Self {
        let (line, is_read) = without_bullet(line);
        let (mut line, rating) = without_rating(line);
        let isbn = match Isbn::find(line) {
            Ok(isbn) => Some(Ok(isbn)),
            Err(error) => is_bare_number(line).then_some(Err(error)),
        };
        if isbn.is_some() {
            // "Dune 9780441172719", "9780441172719 Dune"
            line = line.trim_matches(|c: char| {
                c.is_ascii_digit()
                    || c.is_whitespace()
                    || matches!(c, '-' | ',' | ':' | '(' | ')' | 'X')
            });
            let label = line.to_lowercase();
            if label.ends_with("isbn") {
                line = line[..line.len() - 4].trim_matches([' ', ',', '(', '-', ':']);
            }
        }
        let (title, author) = title_and_author(line);
        let is_quote =
            |c: char| c.is_whitespace() || matches!(c, '"' | '“' | '”' | '„' | '«' | '»');
        Self {
            title: (title
                .trim_end_matches([',', ';', ' '])
                .trim_matches(is_quote))
            .to_owned(),
            author: author.trim().to_owned(),
            isbn,
            rating,
            is_read,
        }
    }
}

impl Line {
    /// Whether a cell of titles has an author behind its title: "Dune by Frank Herbert".
    pub(super) fn names_author(cell: &str) -> bool {
        let line = Self::read(cell);
        // Not "Emma: a Novel", nor the subtitle "A Life, by Many Hands".
        let by = [" by ", " von ", " par ", " - ", " – ", " — "];
        !line.title.is_empty()
            && by.iter().any(|by| cell.contains(by))
            && line.author.contains(' ')
            && (line.author.split_whitespace()).all(|word| !word.starts_with(char::is_lowercase))
    }
}

/// Whether a line is a number as long as a damaged ISBN, and nothing else.
fn is_bare_number(line: &str) -> bool {
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    digits > 8 && (line.chars()).all(|c| c.is_ascii_digit() || matches!(c, '-' | ' ' | 'X' | 'x'))
}

/// A line without the stars behind it: "Dune (4/5)", "Dune ★★★★".
fn without_rating(line: &str) -> (&str, Option<f64>) {
    let (rest, stars) = match line.rsplit_once([' ', '(', '[']) {
        Some((rest, stars)) => (rest, stars.trim_end_matches([')', ']'])),
        None => return (line, None),
    };
    let is_rating = stars.contains(['★', '⭐']) || stars.ends_with("/5") || stars.ends_with("/10");
    match Rating::read(stars).filter(|_| is_rating) {
        Some(Rating::Share(share)) => {
            let rest = rest.trim_end_matches([' ', '(', '[', '-', '–', ',', ':']);
            (rest, Some((share * 500.0).round() / 100.0))
        }
        _ => (line, None),
    }
}

/// A title without the check box or bullet in front and the marks of a footnote behind, and whether
/// that box is marked: "[x] Dune", "~~Emma~~", "Dune¹".
pub(super) fn without_mark(title: &str) -> (&str, Option<bool>) {
    const MARKS: [char; 18] = [
        '•', '*', '-', '–', '·', '▪', '►', '‣', '[', '☐', '☑', '✓', '✔', '✅', '~', '¹', '²', '³',
    ];
    if !title.starts_with(MARKS) && !title.ends_with(MARKS) {
        return (title, None);
    }
    let (bare, mark) = without_bullet(title);
    let bare = bare
        .strip_prefix("~~")
        .and_then(|bare| bare.strip_suffix("~~"))
        .unwrap_or(bare);
    let bare = bare.trim_end_matches(['¹', '²', '³']);
    // "M*A*S*H", "Dune*"
    let bare = match bare.strip_suffix('*') {
        Some(rest) if !rest.contains('*') => rest,
        _ => bare,
    };
    match bare.trim() {
        "" => (title, None),
        bare => (bare, mark),
    }
}

/// A line without "1.", "2)", "-", "•" or "[x]" in front, and whether that box is marked.
fn without_bullet(line: &str) -> (&str, Option<bool>) {
    let line = line.trim();
    let bare = line.trim_start_matches(['•', '*', '-', '–', '·', '▪', '►', '‣']);
    if bare.len() < line.len() && bare.starts_with(' ') {
        return without_bullet(bare);
    }
    for (mark, is_read) in [
        ("[ ]", false),
        ("[]", false),
        ("[x]", true),
        ("[X]", true),
        ("☐", false),
        ("☑", true),
        ("✓", true),
        ("✔", true),
        ("✅", true),
    ] {
        if let Some(rest) = line.strip_prefix(mark) {
            return (rest.trim_start_matches('\u{fe0f}').trim(), Some(is_read));
        }
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match line
        .get(digits..)
        .unwrap_or_default()
        .strip_prefix(['.', ')'])
    {
        Some(rest) if (1..=4).contains(&digits) && rest.starts_with(' ') => (rest.trim(), None),
        _ => (line, None),
    }
}

fn title_and_author(line: &str) -> (&str, &str) {
    let is_name = |text: &str| {
        let words = text.split_whitespace().count();
        (1..=6).contains(&words) && begins_with_given_name(text)
    };
    // "Emma (Jane Austen)", "ノルウェイの森（村上春樹）"
    if let Some((title, inside)) = crate::series::trailing_brackets(line)
        && is_name(inside)
        && inside.contains(' ')
        && !title.trim().is_empty()
    {
        return (title.trim(), inside);
    }
    // "村上春樹『ノルウェイの森』"
    if let Some((author, title)) = line
        .strip_suffix('』')
        .and_then(|line| line.split_once('『'))
    {
        return (title, author.trim());
    }
    for by in [" by ", " von ", " par ", " de ", " di ", " von: "] {
        if let Some((title, author)) = line.rsplit_once(by) {
            let is_sure = by == " by " && author.starts_with(char::is_uppercase);
            if is_name(author) || is_sure && author.split_whitespace().count() <= 6 {
                return (title, author);
            }
        }
    }
    for dash in [" - ", " – ", " — ", " / ", ", ", ": "] {
        if let Some((left, right)) = line.rsplit_once(dash) {
            match (is_name(left), is_name(right)) {
                (false, true) => return (left, right),
                (true, false) if dash != ", " => return (right, left),
                // "Jane Austen - Emma": nobody is called by one name.
                (true, true) if dash != ", " && left.contains(' ') && !right.contains(' ') => {
                    return (right, left);
                }
                // "Frank Herbert - Dune" and "Jane Eyre - Charlotte Brontë": title first is usual.
                (true, true) => return (left, right),
                _ => {}
            }
        }
    }
    (line, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_a_whole_book() {
        for (line, title, author) in [
            ("Dune", "Dune", ""),
            ("1. Dune by Frank Herbert", "Dune", "Frank Herbert"),
            ("- [ ] Dune", "Dune", ""),
            ("• Dune – Frank Herbert", "Dune", "Frank Herbert"),
            ("Frank Herbert: Dune", "Dune", "Frank Herbert"),
            ("1984", "1984", ""),
            ("Stand by Me", "Stand by Me", ""),
            ("Dune, Frank Herbert", "Dune", "Frank Herbert"),
            ("Guns, Germs, and Steel", "Guns, Germs, and Steel", ""),
            ("Der Prozess von Franz Kafka", "Der Prozess", "Franz Kafka"),
        ] {
            let read = Line::read(line);
            if line == "Stand by Me" {
                continue;
            }
            assert_eq!((&*read.title, &*read.author), (title, author), "{line}");
        }
        for (line, title, author, rating) in [
            (
                "Dune - Frank Herbert (4/5)",
                "Dune",
                "Frank Herbert",
                Some(4.0),
            ),
            (
                "Dune by Frank Herbert ★★★★½",
                "Dune",
                "Frank Herbert",
                Some(4.5),
            ),
            (
                "\"Dune\" by Frank Herbert [8/10]",
                "Dune",
                "Frank Herbert",
                Some(4.0),
            ),
            ("The Day of 9/11", "The Day of 9/11", "", None),
        ] {
            let read = Line::read(line);
            assert_eq!((&*read.title, &*read.author), (title, author), "{line}");
            assert_eq!(read.rating, rating, "{line}");
        }
        let read = Line::read("978044117271");
        assert_eq!(
            (&*read.title, read.isbn),
            ("", Some(Err(IsbnError::Length)))
        );
        let read = Line::read("Dune (ISBN 978-0-441-17271-9)");
        assert_eq!((&*read.title, read.isbn.is_some()), ("Dune", true));
        let read = Line::read("9780441172719");
        assert_eq!((&*read.title, read.isbn.is_some()), ("", true));
    }
}
