//! The fields of a book that a column can hold.

/// The meaning of a library's column, as an import's mapping spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Field {
    Title,
    /// A whole book in one cell: "Dune by Frank Herbert".
    TitleAndAuthor,
    Subtitle,
    Author,
    AuthorLastFirst,
    FirstName,
    LastName,
    MoreAuthors,
    Isbn,
    /// An ISBN, or an id of StoryGraph's own.
    IsbnOrId,
    /// All ISBNs of a work, or ids of all kinds with `isbn:978...` among them.
    Identifiers,
    /// Amazon's number, which for a printed book is its ISBN-10.
    Asin,
    /// Open Library's work key; LibraryThing calls a number of its own so.
    WorkId,
    Rating,
    /// A rating or a remark: "Note" means a mark in French, a remark in English.
    RatingOrNotes,
    Publisher,
    /// Publisher, year, edition, binding and pages in one, as LibraryThing writes them.
    Publication,
    Format,
    Pages,
    Year,
    OriginalYear,
    DateRead,
    DatesRead,
    DateStarted,
    DateStopped,
    DateAdded,
    Shelves,
    Tags,
    Status,
    /// Whether the book has the status that the header names: a column "Did not finish" of yes and
    /// no.
    StatusMark,
    /// The share of the book that was read, in percent.
    Progress,
    /// Whether the book was read: a yes or a no, the date, or the status.
    Read,
    /// Whether the book was not read.
    Unread,
    ReadCount,
    Series,
    SeriesPosition,
    Review,
    Notes,
    OwnedCopies,
    BookId,
    GoodreadsId,
    LibraryThingId,
    /// The kind of thing, in a collection that also holds films, records and articles.
    ItemType,
}

const NAMES: [(Field, &str); 43] = [
    (Field::Title, "title"),
    (Field::TitleAndAuthor, "titleAndAuthor"),
    (Field::Subtitle, "subtitle"),
    (Field::Author, "author"),
    (Field::AuthorLastFirst, "authorLastFirst"),
    (Field::FirstName, "authorFirstName"),
    (Field::LastName, "authorLastName"),
    (Field::MoreAuthors, "moreAuthors"),
    (Field::Isbn, "isbn"),
    (Field::IsbnOrId, "isbnOrId"),
    (Field::Identifiers, "identifiers"),
    (Field::Asin, "asin"),
    (Field::WorkId, "workId"),
    (Field::Rating, "rating"),
    (Field::RatingOrNotes, "ratingOrNotes"),
    (Field::Publisher, "publisher"),
    (Field::Publication, "publication"),
    (Field::Format, "format"),
    (Field::Pages, "pages"),
    (Field::Year, "year"),
    (Field::OriginalYear, "originalYear"),
    (Field::DateRead, "dateRead"),
    (Field::DatesRead, "datesRead"),
    (Field::DateStarted, "dateStarted"),
    (Field::DateStopped, "dateStopped"),
    (Field::DateAdded, "dateAdded"),
    (Field::Shelves, "shelves"),
    (Field::Tags, "tags"),
    (Field::Status, "status"),
    (Field::StatusMark, "statusMark"),
    (Field::Progress, "progress"),
    (Field::Read, "read"),
    (Field::Unread, "unread"),
    (Field::ReadCount, "readCount"),
    (Field::Series, "series"),
    (Field::SeriesPosition, "seriesPosition"),
    (Field::Review, "review"),
    (Field::Notes, "notes"),
    (Field::OwnedCopies, "ownedCopies"),
    (Field::BookId, "bookId"),
    (Field::GoodreadsId, "goodreadsId"),
    (Field::LibraryThingId, "librarythingId"),
    (Field::ItemType, "itemType"),
];

/// The fields by each of which a book can be looked up: a file without any of them is no list of
/// books.
pub(super) const IDENTITIES: [Field; 7] = [
    Field::Title,
    Field::TitleAndAuthor,
    Field::Isbn,
    Field::IsbnOrId,
    Field::Identifiers,
    Field::Asin,
    Field::WorkId,
];

impl Field {
    /// The field's name in a mapping and in a report.
    pub(super) fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(field, _)| *field == self)
            .map_or("", |(_, name)| name)
    }

    /// The field of this name, whatever its case.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .map(|(field, _)| *field)
    }

    /// Whether the field's cells hold dates of reading or adding, which have one order of day and
    /// month.
    pub(super) fn is_date(self) -> bool {
        matches!(
            self,
            Self::DateRead
                | Self::DatesRead
                | Self::DateStarted
                | Self::DateStopped
                | Self::DateAdded
                | Self::Read
        )
    }

    /// Whether the field's cells are words that stand for themselves, so that an address beside
    /// them or a tag of a web page is none of them.
    pub(super) fn is_wording(self) -> bool {
        matches!(
            self,
            Self::Title
                | Self::Subtitle
                | Self::Author
                | Self::AuthorLastFirst
                | Self::FirstName
                | Self::LastName
                | Self::MoreAuthors
                | Self::Publisher
                | Self::Format
                | Self::Series
                | Self::Shelves
                | Self::Tags
                | Self::Status
        )
    }

    /// Whether the field's cells are texts of several sentences.
    pub(super) fn is_prose(self) -> bool {
        matches!(self, Self::Review | Self::Notes | Self::RatingOrNotes)
    }

    /// Whether the field's cells have a form of their own, by which a cell in the wrong column is
    /// known.
    pub(super) fn has_form(self) -> bool {
        self.is_date()
            || matches!(
                self,
                Self::Isbn
                    | Self::IsbnOrId
                    | Self::Rating
                    | Self::Pages
                    | Self::Year
                    | Self::OriginalYear
                    | Self::ReadCount
                    | Self::GoodreadsId
                    | Self::BookId
            )
    }

    /// Whether several columns of the field add to each other; of other fields the first value is
    /// taken.
    pub(super) fn adds_up(self) -> bool {
        matches!(
            self,
            Self::MoreAuthors
                | Self::Shelves
                | Self::Tags
                | Self::StatusMark
                | Self::Review
                | Self::Notes
                | Self::RatingOrNotes
        )
    }
}

/// The names that a mapping may use, for a message.
pub fn field_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_one_name() {
        for (field, name) in NAMES {
            assert_eq!(field.name(), name);
            assert_eq!(Field::by_name(&name.to_uppercase()), Some(field));
        }
        assert_eq!(Field::by_name("ignore"), None);
    }
}
