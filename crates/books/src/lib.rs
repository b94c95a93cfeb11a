//! Books: ISBNs, library exports, and metadata providers.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no randomness. A
//! [`Search`] says which requests may go out and what their answers mean; sending them, waiting
//! and giving up are its caller's.
//!
//! **Invariant**: a book is found by its ISBN, unless title and author say that it is another
//! book's, by its Open Library work key, or by a title and an author that both agree. A wrong book
//! is worse than none.

mod book;
mod csv;
mod date;
mod digits;
mod entities;
mod isbn;
mod lettering;
mod matching;
mod name;
mod near;
mod numeral;
mod other_book;
mod phrase;
mod provider;
mod query;
mod rules;
mod search;
mod series;
#[cfg(test)]
mod tally;
mod text;
mod title;
mod word_list;

pub use book::{
    Author, Edition, Format, Imported, Match, MatchedBy, Provider, ReadingStatus, Record, Series,
    Source, Wanted, Work,
};
pub use csv::{
    ADDED_COLUMNS, Certainty, ColumnReading, CsvError, CsvErrorKind, Library, Mapping, Problem,
    Reading, RepeatedRow, Row, check_meaning, field_names, other_kind, read_csv, read_library,
};
pub use isbn::{Isbn, IsbnError};
pub use lettering::{
    Lettering, Reach, Recognised, Shelf, Spine, SpineLookup, SpineSearch, SpinesFound,
    UnknownSpine, WordQuery,
};
pub use matching::{BookKeys, accepted, question_key, same_book_key, seen_book_key};
pub use near::{Near, NearReason};
pub use query::Query;
pub use rules::RULES;
pub use search::{
    Answer, Endpoints, Found, GarbageError, GoogleBooks, HttpGet, Known, Lookup, LookupKey, Reader,
    Search, is_askable,
};
