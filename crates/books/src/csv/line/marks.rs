//! Marks around a book in a line or a cell: bullets, numbers, boxes, ratings, footnotes.

use crate::ReadingStatus;
use crate::csv::rating::Rating;
use crate::csv::status::{status, status_of_tag};
use crate::numeral::roman;
use crate::series::trailing_brackets;

/// Signs in front of a line, those of quoted mail among them.
const BULLETS: [char; 12] = ['•', '*', '-', '–', '·', '▪', '►', '‣', '>', '➤', '→', '+'];

/// Boxes and signs beside a book, and whether they say that it is read.
const BOXES: [(&str, bool); 12] = [
    ("[ ]", false),
    ("[]", false),
    ("[x]", true),
    ("[X]", true),
    ("☐", false),
    ("☑", true),
    ("✓", true),
    ("✔", true),
    ("✅", true),
    ("✗", false),
    ("✘", false),
    ("❌", false),
];

/// The status that a box says.
pub(in crate::csv) fn of_box(is_read: bool) -> ReadingStatus {
    match is_read {
        true => ReadingStatus::Read,
        false => ReadingStatus::ToRead,
    }
}

/// A line without the status behind its book: "Emma (finished)", "Dune [DNF]", "Persuasion ✓".
pub(super) fn without_status(line: &str, has_statuses: bool) -> (&str, Option<ReadingStatus>) {
    let marked = line.trim_end_matches('\u{fe0f}');
    for (mark, is_read) in BOXES {
        if let Some(rest) = marked.strip_suffix(mark)
            && rest.ends_with([' ', '\t'])
        {
            return (rest.trim_end(), Some(of_box(is_read)));
        }
    }
    match in_brackets(line) {
        Some((before, told, is_sure)) if is_sure || has_statuses => (before, Some(told)),
        _ => (line, None),
    }
}

/// Whether a status stands in brackets behind a line.
pub(super) fn has_status(line: &str) -> bool {
    in_brackets(line).is_some()
}

/// The status in brackets behind a line, the line before it, and whether it is no part of a title
/// even if no other line has one.
fn in_brackets(line: &str) -> Option<(&str, ReadingStatus, bool)> {
    let (before, inside) = trailing_brackets(line)?;
    // "Emma (Unfinished)" may be a title.
    let is_phrase = inside.starts_with(char::is_lowercase) || matches!(inside, "Read" | "Finished");
    let told = status_of_tag(inside).or_else(|| status(inside).filter(|_| is_phrase))?;
    let is_sure = matches!(&*inside.to_lowercase(), "read" | "finished" | "dnf" | "tbr");
    (!inside.contains(char::is_numeric)).then_some((before, told, is_sure))
}

/// A line without the stars behind it: "Dune (4/5)", "Dune ★★★★".
pub(super) fn without_rating(line: &str) -> (&str, Option<f64>) {
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
pub(in crate::csv) fn without_mark(title: &str) -> (&str, Option<bool>) {
    const MARKS: [char; 10] = ['[', '☐', '☑', '✓', '✔', '✅', '✗', '✘', '❌', '~'];
    let noted = without_note(title);
    if !title.starts_with(MARKS) && !title.starts_with(BULLETS) {
        return (noted, None);
    }
    let (bare, mark) = without_bullet(title);
    let bare = bare
        .strip_prefix("~~")
        .and_then(|bare| bare.strip_suffix("~~"))
        .unwrap_or(bare);
    let bare = without_note(bare);
    match bare.trim() {
        "" => (title, None),
        bare => (bare, mark),
    }
}

/// A title without the marks of footnotes behind it: "Dune¹", "Dune[2]", "Dune*", "Dune†"; not
/// "E=mc²".
pub(in crate::csv) fn without_note<'t>(title: &'t str) -> &'t str {
    let unsigned = |text: &'t str| text.trim_end_matches(['¹', '†', '‡']);
    let in_brackets = |bare: &'t str| {
        let (before, note) = bare.strip_suffix(']')?.rsplit_once('[')?;
        let is_note = note.len() < 3 && note.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // "Dune [2]" is a volume.
        (is_note && !note.is_empty() && !before.ends_with(' ')).then_some(before)
    };
    // "M*A*S*H", "*Dune*"
    let starred = |bare: &'t str| bare.strip_suffix('*').filter(|rest| !rest.contains('*'));
    let (mut title, mut bare) = (title, unsigned(title));
    while let Some(rest) = (in_brackets(bare).or_else(|| starred(bare)))
        && !rest.trim().is_empty()
    {
        (title, bare) = (rest, unsigned(rest));
    }
    match bare.trim_end() {
        "" => title,
        bare => bare,
    }
}

/// Whether a text that stands alone in its row is a footnote: "* reread", "[1] second edition".
pub(in crate::csv) fn is_footnote(text: &str) -> bool {
    let is_numbered = |rest: &str| {
        let (number, _) = rest.split_once(']').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.starts_with(['*', '†', '‡', '¹', '²', '³'])
        || text.strip_prefix('[').is_some_and(is_numbered)
}

/// The number in front of a title, whether a sign sets it apart, and the title: "1. Emma",
/// "#2 Emma", "3 Emma".
pub(in crate::csv) fn number_before(title: &str) -> Option<(u32, bool, &str)> {
    let bare = title.trim_start_matches(['#', '№', '(', ' ']);
    let bare = ["No. ", "Nr. ", "Nº ", "N° ", "no. "]
        .iter()
        .find_map(|no| bare.strip_prefix(no))
        .unwrap_or(bare);
    let is_roman = |byte: &u8| matches!(byte, b'I' | b'V' | b'X');
    let in_digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let length = in_digits.max(bare.bytes().take_while(is_roman).count());
    let (counted, rest) = bare.split_at_checked(length).filter(|_| length < 6)?;
    let text = rest.trim_start_matches(['.', ')', ':', '-', '–', '、', '．', ' ']);
    let gap = &rest[..rest.len() - text.len()];
    let is_apart = gap.trim().len() + title.len() > bare.len();
    // "1.Emma"
    let is_close = matches!(gap, "." | ":") && text.starts_with(char::is_alphabetic);
    let number = match counted.parse() {
        Ok(number) => number,
        // "I. Emma", not "I Am Legend".
        Err(_) => roman(&counted.to_lowercase()).filter(|_| gap.starts_with(['.', ')', ':']))?,
    };
    (gap.ends_with([' ', '、', '．', ')']) && !text.is_empty() || is_close)
        .then_some((number, is_apart, text))
}

/// Whether a line is a point of a list: "- Emma", "1. Emma".
pub(in crate::csv) fn is_point(line: &str) -> bool {
    without_bullet(line).0.len() < line.trim().len()
}

/// A line without "1.", "2)", "-", "•" or "[x]" in front, and whether that box is marked.
pub(super) fn without_bullet<'l>(line: &'l str) -> (&'l str, Option<bool>) {
    let mut line = line.trim();
    let unmarked = |line: &'l str| {
        let bare = line.trim_start_matches(BULLETS);
        (bare.len() < line.len() && bare.starts_with(' ')).then_some(bare)
    };
    while let Some(bare) = unmarked(line) {
        line = bare.trim();
    }
    for (mark, is_read) in BOXES {
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
        // "1984. George Orwell"
        Some(rest) if (1..=3).contains(&digits) && rest.starts_with(' ') => (rest.trim(), None),
        _ => (line, None),
    }
}

/// A line without a number in a circle or a square in front: "1️⃣ Emma", "① Emma", not "Ⓐ Emma".
pub(super) fn without_circle(line: &str) -> Option<&str> {
    let bare = line.trim_start_matches(|c: char| {
        c.is_ascii_digit()
            || matches!(c, '\u{fe0f}' | '\u{20e3}' | '🔟' | '①'..='⒇' | '⓪'..='⓿' | '❶'..='➓')
    });
    let is_counted = !line[..line.len() - bare.len()].is_ascii() && !bare.trim().is_empty();
    is_counted.then(|| bare.trim())
}
