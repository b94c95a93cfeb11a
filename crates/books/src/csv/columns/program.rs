//! The programs whose exports are known by the names of their columns.

use crate::name::NameOrder;

/// The program that wrote a file; it decides what some columns mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::csv) enum Program {
    Goodreads,
    StoryGraph,
    LibraryThing,
    Calibre,
    BookWyrm,
    OpenLibrary,
    Hardcover,
    Libib,
    BookCatalogue,
    BookBuddy,
    ReadingList,
    Zotero,
    Libby,
    Inventaire,
    Kobo,
    Booklog,
    Other,
}

impl Program {
    /// The order of names that it writes in every file, if it has one.
    pub(super) fn name_order(self) -> Option<NameOrder> {
        match self {
            Self::StoryGraph | Self::Goodreads => Some(NameOrder::FirstLast),
            Self::LibraryThing => Some(NameOrder::LastFirst),
            _ => None,
        }
    }
}

/// Names of columns, comparable and written as one word, that together tell a program.
pub(super) const PROGRAMS: [(Program, &str, &[&str]); 18] = [
    (Program::StoryGraph, "StoryGraph", &["isbnuid"]),
    (
        Program::StoryGraph,
        "StoryGraph",
        &["readstatus", "moods", "starrating"],
    ),
    (Program::LibraryThing, "LibraryThing", &["primaryauthor"]),
    (Program::Goodreads, "Goodreads", &["exclusiveshelf"]),
    (Program::Goodreads, "Goodreads", &["authorlf"]),
    (Program::Calibre, "calibre", &["authorsort", "seriesindex"]),
    (Program::BookWyrm, "BookWyrm", &["authortext", "remoteid"]),
    (
        Program::OpenLibrary,
        "Open Library",
        &["workid", "editionid", "bookshelf"],
    ),
    (Program::Hardcover, "Hardcover", &["hardcoverbookid"]),
    (Program::Libib, "Libib", &["eanisbn13"]),
    (
        Program::BookCatalogue,
        "Book Catalogue",
        &["authordetails", "bookuuid"],
    ),
    (
        Program::BookBuddy,
        "BookBuddy",
        &["statusincompletedreason"],
    ),
    (
        Program::ReadingList,
        "Reading List",
        &["startedreading", "finishedreading", "googlebooksid"],
    ),
    (
        Program::Zotero,
        "Zotero",
        &["itemtype", "publicationtitle", "abstractnote"],
    ),
    (
        Program::Libby,
        "Libby",
        &["cover", "activity", "library", "timestamp"],
    ),
    (
        Program::Inventaire,
        "Inventaire",
        &["itemurl", "editionurl"],
    ),
    (Program::Kobo, "Kobo", &["readstatus", "percentread"]),
    (Program::Booklog, "Booklog", &["13桁isbn"]),
];
