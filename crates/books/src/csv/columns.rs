//! Which column of a file means what.

use super::decode::Table;
use super::{CsvError, CsvErrorKind};
use crate::text::{clean, words};

/// What a column can mean to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Title,
    Subtitle,
    Author,
    AuthorLastFirst,
    MoreAuthors,
    Isbn13,
    Isbn10,
    Isbn,
    /// StoryGraph's: an ISBN or an id of its own.
    IsbnOrId,
    /// LibraryThing's: all ISBNs of the work. Calibre's: ids of all kinds, `isbn:978...` among them.
    Isbns,
    Rating,
    Publisher,
    /// LibraryThing's: publisher, year, edition, binding and pages in one.
    Publication,
    Binding,
    Pages,
    Year,
    OriginalYear,
    DateRead,
    DatesRead,
    DateAdded,
    Shelves,
    Tags,
    Collections,
    Status,
    ReadCount,
    Series,
    SeriesPosition,
    BookId,
    GoodreadsId,
    /// Libib's: it keeps films, records and games, too.
    ItemType,
}

/// Whose export a file is; it decides what some columns mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Goodreads,
    StoryGraph,
    LibraryThing,
    Generic,
}

/// The names of columns, normalised. The first name of a field that a file has is taken.
const NAMES: &[(Field, &[&str])] = &[
    (
        Field::Title,
        &[
            "title",
            "book title",
            "booktitle",
            "book name",
            "book",
            "name",
            "titel",
            "titre",
            "titulo",
            "titolo",
            "buchtitel",
            "work title",
        ],
    ),
    (Field::Subtitle, &["subtitle", "sub title"]),
    (
        Field::Author,
        &[
            "author",
            "authors",
            "author name",
            "authorname",
            "author names",
            "author s",
            "primary author",
            "book author",
            "writer",
            "writers",
            "written by",
            "by",
            "creator",
            "creators",
            "autor",
            "autoren",
            "autores",
            "auteur",
            "auteurs",
            "autore",
            "autori",
            "author first last",
            "author full name",
            "main author",
        ],
    ),
    (
        Field::AuthorLastFirst,
        &[
            "author l f",
            "author last first",
            "author sort",
            "primary author last first",
        ],
    ),
    (
        Field::MoreAuthors,
        &[
            "additional authors",
            "secondary author",
            "secondary authors",
            "other authors",
            "co authors",
            "coauthors",
        ],
    ),
    (
        Field::Isbn13,
        &[
            "isbn13",
            "isbn 13",
            "ean",
            "ean13",
            "ean 13",
            "isbn 13 digits",
            "ean isbn13",
            "isbn ean",
        ],
    ),
    (Field::Isbn10, &["isbn10", "isbn 10", "upc isbn10"]),
    (
        Field::Isbn,
        &[
            "isbn",
            "isbn number",
            "isbn code",
            "isbn 10 13",
            "isbn10 13",
            "isbn 10 or 13",
            "isbn nummer",
            "barcode",
        ],
    ),
    (Field::IsbnOrId, &["isbn uid"]),
    (Field::Isbns, &["isbns", "identifiers"]),
    (
        Field::Rating,
        &[
            "my rating",
            "star rating",
            "rating",
            "user rating",
            "your rating",
            "stars",
        ],
    ),
    (
        Field::Publisher,
        &[
            "publisher",
            "publishers",
            "publisher name",
            "verlag",
            "editeur",
            "editorial",
        ],
    ),
    (Field::Publication, &["publication"]),
    (
        Field::Binding,
        &[
            "binding",
            "format",
            "media",
            "book format",
            "type of book",
            "edition format",
        ],
    ),
    (
        Field::Pages,
        &[
            "number of pages",
            "pages",
            "page count",
            "num pages",
            "no of pages",
            "pagecount",
            "length pages",
        ],
    ),
    (
        Field::Year,
        &[
            "year published",
            "publication year",
            "published year",
            "year",
            "date",
            "publication date",
            "published",
            "date published",
            "publish date",
            "pubdate",
            "release date",
            "jahr",
        ],
    ),
    (
        Field::OriginalYear,
        &[
            "original publication year",
            "original year",
            "first published",
            "original publication date",
            "originally published",
        ],
    ),
    (
        Field::DateRead,
        &[
            "date read",
            "last date read",
            "read date",
            "date finished",
            "finished",
            "end date",
            "date completed",
            "completed",
            "finished reading",
        ],
    ),
    (Field::DatesRead, &["dates read"]),
    (
        Field::DateAdded,
        &[
            "date added",
            "added",
            "acquired",
            "entry date",
            "date acquired",
            "added on",
        ],
    ),
    (
        Field::Shelves,
        &["bookshelves", "shelves", "bookshelf", "shelf"],
    ),
    (Field::Tags, &["tags", "my tags", "genres", "tag"]),
    (Field::Collections, &["collections", "collection"]),
    (
        Field::Status,
        &["exclusive shelf", "read status", "reading status", "status"],
    ),
    (Field::ReadCount, &["read count", "times read"]),
    (Field::Series, &["series", "series name", "series title"]),
    (
        Field::SeriesPosition,
        &[
            "series number",
            "series position",
            "number in series",
            "volume",
            "series no",
            "book number",
            "series index",
        ],
    ),
    (Field::BookId, &["book id"]),
    (Field::GoodreadsId, &["goodreads id", "goodreads book id"]),
    (Field::ItemType, &["item type"]),
];

/// The fields that make a file a list of books: a book can be looked up by each of them.
const IDENTITIES: [Field; 6] = [
    Field::Title,
    Field::Isbn13,
    Field::Isbn10,
    Field::Isbn,
    Field::IsbnOrId,
    Field::Isbns,
];

fn normalised(name: &str) -> String {
    words(&clean(name, 100)).join(" ")
}

/// How many of these columns are known.
pub(super) fn known(names: &[String]) -> usize {
    names
        .iter()
        .map(|name| normalised(name))
        .filter(|name| {
            NAMES
                .iter()
                .any(|(_, names)| names.contains(&name.as_str()))
        })
        .count()
}

/// Where each known field stands in a row.
#[derive(Debug)]
pub(super) struct Columns {
    at: Vec<(Field, usize)>,
    pub dialect: Dialect,
    width: usize,
}

impl Columns {
    pub(super) fn new(table: &Table<'_>) -> Result<Self, CsvError> {
        let names: Vec<String> = table.header.iter().map(|name| normalised(name)).collect();
        let column = |name: &str| names.iter().position(|other| other == name);
        let at: Vec<(Field, usize)> = NAMES
            .iter()
            .filter_map(|(field, names)| {
                let found = names.iter().find_map(|name| column(name))?;
                Some((*field, found))
            })
            .collect();
        if !IDENTITIES
            .iter()
            .any(|field| at.iter().any(|(known, _)| known == field))
        {
            let found = clean(&table.header.join(", "), 300);
            return Err(CsvError::new(
                CsvErrorKind::ParseFailed,
                Some(1),
                format!("row 1: no column named like a title; found: {found}"),
                "This file does not look like a list of books: it has no title column.",
            ));
        }
        let has = |name: &str| column(name).is_some();
        let dialect = if has("isbn uid") {
            Dialect::StoryGraph
        } else if has("primary author") {
            Dialect::LibraryThing
        } else if has("exclusive shelf") || has("author l f") {
            Dialect::Goodreads
        } else {
            Dialect::Generic
        };
        Ok(Self {
            at,
            dialect,
            width: names.len(),
        })
    }

    /// The text of a field in a row, trimmed; empty when it is absent.
    pub(super) fn get<'a>(&self, fields: &'a [String], field: Field) -> &'a str {
        self.at
            .iter()
            .find(|(known, _)| *known == field)
            .and_then(|(_, at)| fields.get(*at))
            .map_or("", |text| text.trim())
    }

    /// The ISBN of a row as it stands in the file.
    pub(super) fn isbn_text(&self, fields: &[String]) -> String {
        [Field::Isbn13, Field::Isbn, Field::Isbn10, Field::IsbnOrId]
            .into_iter()
            .map(|field| unwrapped(self.get(fields, field)))
            .find(|text| !text.is_empty())
            .map_or(String::new(), |text| clean(text, 40))
    }

    /// The title of a row as it stands in the file.
    pub(super) fn title_text(&self, fields: &[String]) -> String {
        clean(self.get(fields, Field::Title), 500)
    }

    /// What a row says it is, if that is no book.
    pub(super) fn other_than_book(&self, fields: &[String]) -> Option<&'static str> {
        match normalised(self.get(fields, Field::ItemType)).as_str() {
            "movie" | "film" => Some("a film"),
            "music" | "album" => Some("music"),
            "game" | "video game" | "videogame" | "board game" => Some("a game"),
            _ => None,
        }
    }

    /// Whether a row has as many fields as the header.
    ///
    /// More are forgiven when they are empty. Fewer are forgiven down to a half: many programs
    /// leave out empty fields at the end, and a row that was cut off is rarely cut there.
    pub(super) fn check_width(&self, fields: &[String]) -> Result<(), String> {
        let count = fields.len();
        let is_too_long = || {
            fields[self.width..]
                .iter()
                .any(|field| !field.trim().is_empty())
        };
        if count > self.width && is_too_long() || count * 2 < self.width {
            let s = if count == 1 { "" } else { "s" };
            return Err(format!("{count} field{s}, the header has {}", self.width));
        }
        Ok(())
    }
}

/// A value without the wrapping that keeps spreadsheets from touching it: `="978..."`, `[978...]`.
pub(super) fn unwrapped(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '[' | ']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Result<Columns, CsvError> {
        Columns::new(&Table::new(header).unwrap())
    }

    #[test]
    fn columns_by_any_usual_name() {
        for header in [
            "Title,Author,ISBN",
            "title;AUTHORS;isbn-13",
            "Book Title,Author Name,ISBN13",
            " Title , Author(s) , ISBN 10 ",
            "book_title\tauthor_name\tISBN_13",
            "TITLE|WRITER|EAN",
        ] {
            let columns = columns(header).unwrap();
            let fields = [
                "Dune".to_owned(),
                "Frank Herbert".into(),
                "9780441172719".into(),
            ];
            assert_eq!(columns.title_text(&fields), "Dune", "{header}");
            assert_eq!(
                columns.get(&fields, Field::Author),
                "Frank Herbert",
                "{header}"
            );
            assert_eq!(columns.isbn_text(&fields), "9780441172719", "{header}");
        }
    }

    #[test]
    fn no_two_fields_share_a_name() {
        let mut seen = std::collections::HashSet::new();
        for (field, names) in NAMES {
            for name in *names {
                assert!(seen.insert(name), "{name} of {field:?}");
                assert_eq!(&normalised(name), name);
            }
        }
    }

    #[test]
    fn a_file_without_titles_is_no_list_of_books() {
        let error = columns("a,b,c").unwrap_err();
        assert_eq!(error.kind, CsvErrorKind::ParseFailed);
        assert_eq!(error.row, Some(1));
        assert_eq!(
            error.message,
            "row 1: no column named like a title; found: a, b, c"
        );
        assert_eq!(
            error.user_message,
            "This file does not look like a list of books: it has no title column."
        );
        assert!(columns("ISBN").is_ok());
        assert!(columns("Author,Rating").is_err());
    }

    #[test]
    fn whose_export_it_is() {
        for (header, dialect) in [
            (
                "Book Id,Title,Author,Author l-f,Exclusive Shelf",
                Dialect::Goodreads,
            ),
            (
                "Title,Authors,Contributors,ISBN/UID,Format",
                Dialect::StoryGraph,
            ),
            (
                "Book Id\tTitle\tPrimary Author\tSecondary Author",
                Dialect::LibraryThing,
            ),
            ("Title,Author", Dialect::Generic),
        ] {
            assert_eq!(columns(header).unwrap().dialect, dialect);
        }
    }
}
