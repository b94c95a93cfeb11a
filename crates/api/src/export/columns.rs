//! The columns of an export, and the values of a book in them, as an import reads them again.

use std::borrow::Cow;

use books::{ADDED_COLUMNS, Found, ReadingStatus};
use job::Item;

use crate::book::chosen;

/// A column of an export.
pub(super) struct Column<'a> {
    pub(super) name: Cow<'a, str>,
    /// The field that the column holds, as a mapping spells it.
    pub(super) field: Option<&'a str>,
    /// Whether days in the column are written in an order that a part of the file may not tell.
    pub(super) has_day_order: bool,
}

/// Columns of an exported library, with the fields of an import that they hold: those of Goodreads
/// first.
pub(super) const GOODREADS: &[(&str, &str)] = &[
    ("Book Id", "goodreadsId"),
    ("Title", "title"),
    ("Author", "author"),
    ("Author l-f", ""),
    ("Additional Authors", "moreAuthors"),
    ("ISBN", "isbn10"),
    ("ISBN13", "isbn"),
    ("My Rating", "rating"),
    ("Average Rating", ""),
    ("Publisher", "publisher"),
    ("Binding", "format"),
    ("Number of Pages", "pages"),
    ("Year Published", "year"),
    ("Original Publication Year", "originalYear"),
    ("Date Read", "dateRead"),
    ("Date Added", "dateAdded"),
    ("Bookshelves", "shelves"),
    ("Bookshelves with positions", ""),
    ("Exclusive Shelf", "status"),
    ("My Review", "review"),
    ("Spoiler", ""),
    ("Private Notes", "notes"),
    ("Read Count", "readCount"),
    ("Owned Copies", "ownedCopies"),
    ("Series", "series"),
    ("Series Number", "seriesPosition"),
    ("Dates Read", "datesRead"),
    ("Date Started", "dateStarted"),
    ("Stopped Date", "dateStopped"),
    ("Work Id", "workId"),
    ("ASIN", "asin"),
    ("LibraryThing Id", "librarythingId"),
];

/// Columns of a list of books that was no file, with their fields.
pub(super) const SHORT: &[(&str, &str)] = &[
    ("Title", "title"),
    ("Author", "author"),
    ("ISBN13", "isbn"),
    ("Work Id", "workId"),
];

/// Whether a column was added by an export of an earlier import.
pub(super) fn is_added(column: &books::ColumnReading) -> bool {
    ADDED_COLUMNS.contains(&column.name.as_str())
}

/// The columns of an imported file.
pub(super) fn original(reading: &books::Reading) -> Vec<Column<'_>> {
    let has_header = reading.header_row.is_some();
    let columns = reading.columns.iter();
    columns
        .filter(|column| !is_added(column))
        .map(|column| {
            let field = column.field.as_deref();
            let values = column.values.as_deref().unwrap_or_default();
            let name = match field {
                _ if !has_header => Cow::Owned(match field {
                    Some(field) => field.to_owned(),
                    None => format!("Column {}", column.name),
                }),
                // A few ratings do not tell out of how many they are.
                Some("rating") if values.starts_with("out of") && values != "out of 5" => {
                    let scale = values.trim_start_matches("out of ");
                    match column.name.contains(scale) {
                        true => Cow::Borrowed(&*column.name),
                        false => Cow::Owned(format!("{} ({values})", column.name)),
                    }
                }
                _ => Cow::Borrowed(&*column.name),
            };
            Column {
                name,
                field,
                has_day_order: values.contains("before"),
            }
        })
        .collect()
}

/// Value of an item in a field, as an import reads it again.
pub(super) fn value(field: &str, item: &Item) -> String {
    let imported = item.imported.as_ref();
    let source = imported.map(|imported| &imported.source);
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
    let year = |year: Option<i32>| year.map_or_else(String::new, |year| year.to_string());
    let series = imported.and_then(|imported| imported.series.as_ref());
    match field {
        "title" => match imported.and_then(|imported| imported.given_title.as_deref()) {
            // With its series, as Goodreads writes it; else a subtitle was added.
            Some(given) if given.starts_with(&item.wanted.title) => given.to_owned(),
            _ => item.wanted.title.clone(),
        },
        "author" => item.wanted.author.clone(),
        "moreAuthors" => {
            let authors = imported.map_or(&[][..], |imported| &imported.authors);
            authors.get(1..).unwrap_or_default().join(", ")
        }
        "isbn" | "isbnOrId" => (item.wanted.isbn).map_or_else(String::new, |isbn| isbn.to_string()),
        "isbn10" => (item.wanted.isbn.and_then(|isbn| isbn.isbn10())).unwrap_or_default(),
        "workId" => text(item.wanted.work_id.as_ref()),
        "rating" => source
            .and_then(|source| source.user_rating)
            .map_or_else(String::new, |rating| rating.to_string()),
        "publisher" => text(imported.and_then(|imported| imported.publisher.as_ref())),
        "format" => imported
            .and_then(|imported| match imported.format {
                Some(format) => Some(format.name().to_owned()),
                None => imported.binding.clone(),
            })
            .unwrap_or_default(),
        "pages" => number(imported.and_then(|imported| imported.pages)),
        "year" => year(imported.and_then(|imported| imported.year)),
        "originalYear" => year(imported.and_then(|imported| imported.original_year)),
        "series" => series.map_or_else(String::new, |series| series.name.clone()),
        "seriesPosition" => text(series.and_then(|series| series.position.as_ref())),
        _ => match source {
            Some(source) => own_value(field, source),
            None => String::new(),
        },
    }
}

/// Value of a field of a reader's own data.
fn own_value(field: &str, source: &books::Source) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let date = |day: &Option<String>| slashed(day.as_deref().unwrap_or_default());
    let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
    match field {
        "goodreadsId" => text(&source.goodreads_id),
        "librarythingId" => text(&source.librarything_id),
        "asin" => text(&source.asin),
        "dateRead" => date(&source.date_read),
        "dateAdded" => date(&source.date_added),
        "dateStarted" => date(&source.date_started),
        "dateStopped" => date(&source.date_stopped),
        "datesRead" => {
            let period = |period: &String| match period.split_once('/') {
                Some((from, to)) => format!("{}-{}", slashed(from), slashed(to)),
                None => slashed(period),
            };
            let periods: Vec<String> = source.dates_read.iter().map(period).collect();
            periods.join(", ")
        }
        "shelves" => source.shelves.join(", "),
        "status" => match source.reading_status {
            Some(ReadingStatus::Read) => "read",
            Some(ReadingStatus::CurrentlyReading) => "currently-reading",
            Some(ReadingStatus::ToRead) => "to-read",
            Some(ReadingStatus::DidNotFinish) => "did-not-finish",
            None => "",
        }
        .to_owned(),
        "review" => text(&source.review),
        "notes" => text(&source.notes),
        "readCount" => number(source.read_count),
        "ownedCopies" => number(source.owned_copies),
        _ => String::new(),
    }
}

/// A day as Goodreads writes it; a month or a year as it is.
fn slashed(date: &str) -> String {
    match date.len() {
        10 => date.replace('-', "/"),
        _ => date.to_owned(),
    }
}

/// An item as its library has it, without a match that may be another book: the number of that one
/// would make it certain, here and elsewhere. (What has no title is known by its match alone.)
pub(super) fn as_certain(item: &Item) -> Cow<'_, Item> {
    let is_doubtful = item.succeeded() && item.is_to_be_reviewed();
    match is_doubtful && !item.wanted.title.is_empty() {
        true => Cow::Owned(Item {
            found: Some(Found::NotFound),
            ..item.clone()
        }),
        false => as_chosen(item),
    }
}

/// An item as its library has it when a person has said which book it is: with that book's title,
/// authors and numbers, so that an import finds it again.
pub(super) fn as_chosen(item: &Item) -> Cow<'_, Item> {
    let Some(record) = chosen(item) else {
        return Cow::Borrowed(item);
    };
    let mut item = item.clone();
    item.wanted.title = record.title().to_owned();
    item.wanted.isbn = record.edition.isbn().or(item.wanted.isbn);
    item.wanted.work_id.clone_from(&record.work.open_library_id);
    let authors = record.authors.iter().map(|author| author.name.clone());
    let authors: Vec<String> = authors.collect();
    if let Some(first) = authors.first() {
        item.wanted.author.clone_from(first);
    }
    if let Some(imported) = &mut item.imported {
        imported.given_title = None;
        imported.series = None;
        imported.authors = authors;
        // What is known of the edition goes before what the file says of another.
        if record.edition.publisher.is_some() {
            imported.publisher = None;
        }
        if record.edition.pages.is_some() {
            imported.pages = None;
        }
        if record.edition.published.is_some() {
            imported.year = None;
        }
    }
    Cow::Owned(item)
}
