//! Choosing which books the doubtful ones of a job are.

use std::io::{self, Write};

use anyhow::{Result, bail};
use client::{Book, Candidate, Choice, Results};

use crate::view::{escaped, printable};

/// Reads a choice: the number of a candidate, an ISBN, a work's key, `none`, or a title.
///
/// # Errors
/// When it is none of these.
pub(crate) fn read(
    which: Option<&str>,
    title: Option<&str>,
    author: Option<&str>,
) -> Result<Choice> {
    if let Some(title) = title {
        return Ok(Choice::Title {
            title: title.to_owned(),
            author: author.unwrap_or_default().to_owned(),
        });
    }
    let Some(which) = which.map(str::trim) else {
        bail!(
            "say which book it is: the number of a candidate, an ISBN, a work's key, none, or --title and --author"
        );
    };
    let digits = which.bytes().filter(u8::is_ascii_digit).count();
    Ok(match which {
        "none" => Choice::None,
        key if key.starts_with("OL") && key.ends_with('W') => Choice::WorkKey(key.to_owned()),
        isbn if digits >= 9 => Choice::Isbn(isbn.to_owned()),
        number => match number.parse::<u32>() {
            Ok(number) if number > 0 => Choice::Candidate(number - 1),
            _ => bail!("{which:?} is no candidate's number, ISBN or work key, and not none"),
        },
    })
}

/// Prints the books that a person should choose, with their candidates.
pub(crate) fn list(results: &Results, as_json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    let books = results.books.iter().zip(1_u32..);
    let open: Vec<_> = books.filter(|(book, _)| book.to_review).collect();
    for (book, number) in &open {
        if as_json {
            let line = serde_json::json!({"book": number, "index": number - 1, "found": book});
            writeln!(out, "{}", escaped(&line.to_string()))?;
            continue;
        }
        writeln!(out, "{number:>5}  {}", printable(&described(book)))?;
        for (candidate, place) in book.candidates.iter().zip(1_u32..) {
            let text = printable(&offered(candidate));
            writeln!(out, "       {place}  {text}")?;
        }
    }
    if !as_json {
        let noun = if open.len() == 1 { "book" } else { "books" };
        writeln!(out, "{} {noun} to review", open.len())?;
    }
    Ok(())
}

/// Prints a book as it is after a choice.
pub(crate) fn print(number: u32, book: &Book, as_json: bool) -> Result<()> {
    let line = match as_json {
        true => escaped(&serde_json::to_string(book)?),
        false => printable(&format!("{number}: {}", described(book))),
    };
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

fn described(book: &Book) -> String {
    let author = match &book.author {
        Some(author) => author.clone(),
        None => book.authors.join(", "),
    };
    let title = if book.title.is_empty() {
        "(no title)"
    } else {
        &book.title
    };
    let isbn = book.isbn.as_deref().unwrap_or_default();
    let status = match book.enrichment_status.as_deref() {
        Some("success") if book.to_review => "may be another book",
        Some("success") => "",
        _ => "not found",
    };
    let parts = [title, &author, isbn, status];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

fn offered(candidate: &Candidate) -> String {
    let year = candidate.year.map(|year| year.to_string());
    let why = match candidate.reason.as_str() {
        _ if candidate.is_match => "the match, if it is right",
        "other_book_of_number" => "has this ISBN",
        "unsure" => "one of several",
        "other_author" => "has this title, by another author",
        "other_title" => "by this author, with another title",
        _ => "",
    };
    let parts = [
        candidate.title.clone(),
        candidate.authors.join(", "),
        year.unwrap_or_default(),
        candidate.isbn.clone().unwrap_or_default(),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    match why {
        "" => parts.join(", "),
        why => format!("{} ({why})", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_known_by_how_it_looks() {
        let which = |text| read(Some(text), None, None).ok();
        assert_eq!(which("2"), Some(Choice::Candidate(1)));
        assert_eq!(which("none"), Some(Choice::None));
        assert_eq!(which("OL82563W"), Some(Choice::WorkKey("OL82563W".into())));
        assert_eq!(
            which("978-0-441-01359-3"),
            Some(Choice::Isbn("978-0-441-01359-3".into()))
        );
        assert_eq!(which("080442957X"), Some(Choice::Isbn("080442957X".into())));
        for nothing in ["0", "first", "-1", ""] {
            assert_eq!(which(nothing), None, "{nothing}");
        }
        assert_eq!(read(None, None, None).ok(), None);
        let title = read(None, Some("Dune"), Some("Frank Herbert")).ok();
        let wanted = Choice::Title {
            title: "Dune".into(),
            author: "Frank Herbert".into(),
        };
        assert_eq!(title, Some(wanted));
    }
}
