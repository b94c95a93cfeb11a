//! The numbers by which a row names its book: ISBN, ASIN, programs' own.

use super::cells::Cells;
use super::draft::Draft;
use crate::csv::columns::Columns;
use crate::csv::field::Field;
use crate::csv::values::{has_words_beside_number, unbracketed};
use crate::{Isbn, IsbnError, Source};

impl Columns {
    /// The first valid ISBN of a row.
    pub(super) fn isbn(
        &self,
        cells: &Cells<'_>,
        draft: &mut Draft,
        source: &mut Source,
    ) -> Option<Isbn> {
        let mut found: Option<Isbn> = None;
        let mut wrong = None;
        for field in [Field::Isbn, Field::IsbnOrId, Field::Asin] {
            for (column, text) in cells.all(field) {
                let text = unbracketed(text);
                let restored = || Isbn::restored(text).filter(|_| column.lacks_zeros);
                match Isbn::find_whole(text).or_else(|wrong| restored().ok_or(wrong)) {
                    _ if text.is_empty() => {}
                    Ok(isbn) if isbn.is_placeholder() => {
                        wrong = wrong.or(Some(IsbnError::Placeholder));
                    }
                    Ok(isbn) => {
                        if has_words_beside_number(text) {
                            draft.list(column, text, ": only the number is kept");
                        }
                        let tokens = text.split(|c: char| !c.is_alphanumeric() && c != '-');
                        // Two take twenty characters.
                        let most = if text.len() < 20 { 0 } else { 20 };
                        for other in tokens
                            .take(most)
                            .filter_map(|token| Isbn::parse(token).ok())
                        {
                            if other != isbn {
                                draft.warn(format!("has another ISBN too: {other}"));
                            }
                        }
                        match found {
                            None => found = Some(isbn),
                            Some(other) if other == isbn => {}
                            Some(_) => draft.warn(format!("has another ISBN too: {isbn}")),
                        }
                    }
                    Err(_) if is_asin(text) => {
                        let asin = text.to_uppercase();
                        match &source.asin {
                            Some(other) if *other != asin => draft.not_taken(column, text),
                            _ => source.asin = Some(asin),
                        }
                    }
                    Err(IsbnError::CheckDigit | IsbnError::Rounded) if field != Field::Isbn => {
                        wrong = wrong.or(Some(IsbnError::CheckDigit));
                    }
                    // An id of the program's own.
                    Err(_) if field == Field::IsbnOrId && is_id(text) => {}
                    Err(_) if field != Field::Isbn => draft.not_understood(column, text),
                    Err(error) => {
                        (column.not_understood).set(column.not_understood.get().saturating_add(1));
                        wrong = wrong.or(Some(error));
                    }
                }
            }
        }
        for (_, text) in cells.all(Field::Identifiers) {
            for id in text.split([',', ';', ' ', '|']).take(50) {
                found =
                    found.or_else(|| Isbn::parse(id).ok().filter(|isbn| !isbn.is_placeholder()));
                if let Some((kind, id)) = id.split_once(':') {
                    let id = id.trim();
                    if kind.contains("goodreads") && is_number(id) {
                        source.goodreads_id = source.goodreads_id.take().or(Some(id.to_owned()));
                    } else if is_asin(id) {
                        source.asin = source.asin.take().or(Some(id.to_uppercase()));
                    }
                }
            }
        }
        match (found, wrong) {
            (None, wrong) => draft.bad_isbn = wrong,
            (Some(_), Some(wrong)) => draft.warn(format!("has another number too: {wrong}")),
            (Some(_), None) => {}
        }
        found
    }
}

/// The ISBN inside a title or a line, and the text without it: "Emma (ISBN 978-0-14-143958-7)".
pub(in crate::csv) fn number_in(text: &str) -> Option<(Isbn, String)> {
    let (isbn, mut rest) = first_number_in(text)?;
    // "ISBN-10: 0141439580, ISBN-13: 9780141439587"; a line may be nothing but numbers.
    for _ in 0..2 {
        match first_number_in(&rest) {
            Some((other, without)) if other == isbn => rest = without,
            _ => break,
        }
    }
    Some((isbn, rest))
}

fn first_number_in(text: &str) -> Option<(Isbn, String)> {
    // Most titles have no digits.
    if text.bytes().filter(u8::is_ascii_digit).count() < 9 {
        return None;
    }
    let isbn = Isbn::find_whole(text).ok()?;
    let (start, end) = span_of(isbn, text)?;
    let mut before = text[..start].trim_end();
    let mut after = text[end..].trim_start();
    loop {
        let bare = before.trim_end_matches([' ', ':', '-', '–', ',', ';', '/', '|', '#', '=', '"']);
        let at = bare.len().saturating_sub(7);
        let label = bare.get(at..).unwrap_or_default().to_lowercase();
        let label = ([
            "isbn-13", "isbn-10", "isbn 13", "isbn 10", "isbn13", "isbn10", "isbn", "ean",
        ]
        .iter())
        .find(|known| label.ends_with(**known));
        match label {
            Some(label) => before = &bare[..bare.len() - label.len()],
            None => {
                before = bare;
                break;
            }
        }
    }
    if let Some(opened) = before.strip_suffix(['(', '[']) {
        before = opened.trim_end_matches([' ', ',', ':', '-', '–']);
        after = after.trim_start_matches([')', ']']);
    }
    let signs = [' ', ':', '-', '–', ',', ';', '/', '|', '"', '\t'];
    after = after.trim_start_matches(signs).trim_end();
    let rest = match before.is_empty() || after.starts_with([')', ']']) {
        true => format!("{before}{after}"),
        false => format!("{before} {after}").trim_end().to_owned(),
    };
    // "9780525540670,1"
    let is_count = rest.len() < 3 && !rest.contains(char::is_alphabetic);
    Some((isbn, if is_count { String::new() } else { rest }))
}

/// Where a number stands in a text that has it, in bytes.
fn span_of(isbn: Isbn, text: &str) -> Option<(usize, usize)> {
    let forms = [Some(isbn.as_str().to_owned()), isbn.isbn10()];
    let digits = text.char_indices().filter(|(_, c)| c.is_ascii_digit());
    digits.map(|(start, _)| start).find_map(|start| {
        let mut number = String::new();
        for (at, c) in text[start..].char_indices() {
            if c.is_ascii_alphanumeric() {
                number.push(c.to_ascii_uppercase());
            } else if !matches!(c, ' ' | '-' | '\u{2010}'..='\u{2015}') {
                return None;
            }
            if number.len() > 9 && forms.iter().flatten().any(|form| *form == number) {
                return Some((start, start + at + c.len_utf8()));
            }
            if number.len() > 13 {
                return None;
            }
        }
        None
    })
}

pub(super) fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is a program's own number of a book, not words.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= 40
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Amazon's number of anything that is no printed book.
fn is_asin(text: &str) -> bool {
    text.len() == 10
        && text.starts_with(['B', 'b'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Open Library's key of a work, also as the end of an address.
pub(super) fn work_key(text: &str) -> Option<String> {
    let key = text.rsplit('/').next().unwrap_or_default().trim();
    let digits = key.strip_prefix("OL")?.strip_suffix('W')?;
    is_number(digits).then(|| key.to_owned())
}
