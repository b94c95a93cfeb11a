//! Candidates and choices of a person, where no provider knows a book or the match is doubtful.

use books::{Isbn, Near, NearReason, Record, Wanted};
use job::{ChosenBy, Item, Limits};
use serde::{Deserialize, Serialize};

use crate::book::BookProvider;
use crate::error::ApiError;
use crate::request::{self, BookBody};

/// A book that may be the wanted one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Candidate<'a> {
    /// Title.
    pub title: &'a str,
    /// Authors, first author first.
    pub authors: Vec<&'a str>,
    /// Year of the edition, else of the work's first publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// ISBN of the edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// Open Library work key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_key: Option<&'a str>,
    /// URL of the cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<&'a str>,
    /// The provider that knows the book.
    pub provider: BookProvider,
    /// The reason why the candidate was not taken.
    pub reason: CandidateReason,
    /// Whether it is the match that the book has now, which is doubtful: to choose it says that it
    /// is right. Absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_match: bool,
}

/// The reason why a candidate was not taken for the wanted book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CandidateReason {
    /// The candidate has the wanted ISBN, and another title or author.
    OtherBookOfNumber,
    /// Title and author agree, but others do as well, or they tell too little.
    Unsure,
    /// The candidate has the wanted title, and is by another author.
    OtherAuthor,
    /// The candidate is by the wanted author, and shares some of the title.
    OtherTitle,
    /// Any other reason.
    Other,
}

impl From<books::NearReason> for CandidateReason {
    fn from(reason: books::NearReason) -> Self {
        match reason {
            books::NearReason::OtherBookOfNumber => Self::OtherBookOfNumber,
            books::NearReason::Unsure => Self::Unsure,
            books::NearReason::OtherAuthor => Self::OtherAuthor,
            books::NearReason::OtherTitle => Self::OtherTitle,
            books::NearReason::Other => Self::Other,
        }
    }
}

impl<'a> Candidate<'a> {
    /// The candidates of an item: those that were not taken and, where it is doubtful and none of
    /// them, its match behind them.
    fn all(item: &'a Item, to_review: bool) -> Vec<Self> {
        let doubtful = item.record().filter(|_| to_review);
        let offer = |near: &'a Near| {
            let is_match = doubtful.is_some_and(|record| near.is_same_as(record));
            Self::of(&near.record, near.reason, is_match)
        };
        let mut candidates: Vec<_> = item.candidates.iter().map(offer).collect();
        if let Some(record) = doubtful
            && !candidates.iter().any(|candidate| candidate.is_match)
        {
            candidates.push(Self::of(record, NearReason::Unsure, true));
        }
        candidates
    }

    fn of(record: &'a Record, reason: NearReason, is_match: bool) -> Self {
        Self {
            title: record.title(),
            authors: record.authors.iter().map(|author| &*author.name).collect(),
            year: record.edition.year().or(record.work.first_published),
            isbn: record.edition.isbn().map(|isbn| isbn.to_string()),
            work_key: record.work.open_library_id.as_deref(),
            cover_url: record.cover_url(),
            provider: record.provider.into(),
            reason: reason.into(),
            is_match,
        }
    }
}

/// The way in which a person has said which book it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// One of the candidates was chosen.
    Candidate,
    /// The book was named by the ISBN of an edition.
    Isbn,
    /// The book was named by the key of a work.
    Work,
    /// The book was named by title and author.
    TitleAuthor,
    /// The person has said that it is none of the books that providers know.
    None,
}

impl From<ChosenBy> for Choice {
    fn from(by: ChosenBy) -> Self {
        match by {
            ChosenBy::Candidate => Self::Candidate,
            ChosenBy::Isbn => Self::Isbn,
            ChosenBy::Work => Self::Work,
            ChosenBy::TitleAuthor => Self::TitleAuthor,
            ChosenBy::None => Self::None,
        }
    }
}

/// The choice that a person has for a book of a job, or has made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Choosing<'a> {
    /// Whether a person should say which book it is: no provider knows it, its `matchConfidence` is
    /// 0.7 or less, or it was seen with less confidence than is enough; and nobody has chosen yet.
    /// Absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_review: bool,
    /// Whether too little is known of the book to ask anybody: no retry finds it before its title,
    /// author or number is mended. Absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_to_ask_by: bool,
    /// The way in which a person has chosen; absent when none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// Up to three candidates, the likeliest first, where no provider knows the book or the match
    /// is doubtful, and behind them the match that is doubtful, or was rejected. Absent when there
    /// are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate<'a>>,
}

impl<'a> Choosing<'a> {
    /// The choice for this item of a job; `to_review`: a person should look at it.
    pub fn of(item: &'a Item, to_review: bool) -> Self {
        Self {
            to_review,
            nothing_to_ask_by: item.found.is_some() && item.is_unaskable(),
            choice: item.choice.map(Choice::from),
            candidates: Candidate::all(item, to_review),
        }
    }
}

/// The body of a choice for one book: one of these; `null` says that it is none of the books that
/// providers know.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChoiceBody {
    /// Number of one of the book's candidates, from 0.
    #[serde(default)]
    pub candidate: Option<u32>,
    /// The ISBN of an edition.
    #[serde(default)]
    pub isbn: Option<String>,
    /// The Open Library key of a work, like `OL82563W`.
    #[serde(default)]
    pub work_key: Option<String>,
    /// A title, with `author`.
    #[serde(default)]
    pub title: Option<String>,
    /// The first author of the title.
    #[serde(default)]
    pub author: Option<String>,
}

/// A person's choice of the record for a book.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen {
    /// A candidate, by its number.
    Candidate(u32),
    /// A look-up, whose record is the book.
    LookUp(ChosenBy, Wanted),
    /// None of the books that providers know.
    Nothing,
}

impl Chosen {
    /// Reads a [`ChoiceBody`], or null.
    ///
    /// # Errors
    /// `INVALID_REQUEST`, `INVALID_ISBN`, `MISSING_PARAMETER`, `FILE_TOO_LARGE`.
    pub fn read(body: &[u8], limits: &Limits) -> Result<Self, ApiError> {
        if body.trim_ascii() == b"null" {
            return Ok(Self::Nothing);
        }
        let body: ChoiceBody = request::read(body, limits.max_json_bytes)?;
        let has_words = body.title.is_some() || body.author.is_some();
        match (body.candidate, body.isbn, body.work_key, has_words) {
            (Some(number), None, None, false) => Ok(Self::Candidate(number)),
            (None, Some(isbn), None, false) => {
                let isbn: Isbn = request::isbn_parameter(&isbn, limits)?;
                let wanted = Wanted {
                    isbn: Some(isbn),
                    ..Wanted::default()
                };
                Ok(Self::LookUp(ChosenBy::Isbn, wanted))
            }
            (None, None, Some(key), false) => {
                let key = request::work_key(&key)
                    .ok_or_else(|| ApiError::invalid("workKey", "must be like OL82563W"))?;
                let wanted = Wanted {
                    work_id: Some(key.to_owned()),
                    ..Wanted::default()
                };
                Ok(Self::LookUp(ChosenBy::Work, wanted))
            }
            (None, None, None, true) => {
                let book = BookBody {
                    title: body.title,
                    author: body.author,
                    isbn: None,
                };
                let wanted = request::wanted(None, &book, limits)?;
                Ok(Self::LookUp(ChosenBy::TitleAuthor, wanted))
            }
            (None, None, None, false) => Err(ApiError::missing(
                "candidate",
                "send candidate, isbn, workKey, or title and author; or null for none of them",
            )),
            _ => Err(ApiError::invalid(
                "candidate",
                "or isbn, or workKey, or title with author: send one of them",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn read(body: &str) -> Result<Chosen, Code> {
        Chosen::read(body.as_bytes(), &Limits::default()).map_err(|error| error.code)
    }

    #[test]
    fn a_choice_is_one_of_its_kinds() {
        assert_eq!(read("null"), Ok(Chosen::Nothing));
        assert_eq!(read(" null\n"), Ok(Chosen::Nothing));
        assert_eq!(read(r#"{"candidate": 2}"#), Ok(Chosen::Candidate(2)));
        let looked_up = |body: &str| match read(body) {
            Ok(Chosen::LookUp(by, wanted)) => (by, wanted),
            other => panic!("{body}: {other:?}"),
        };
        let (by, wanted) = looked_up(r#"{"isbn": "978-0-441-01359-3", "workKey": null}"#);
        assert_eq!(by, ChosenBy::Isbn);
        assert_eq!(wanted.isbn, Isbn::parse("9780441013593").ok());
        for key in ["OL82563W", "/works/OL82563W"] {
            let (by, wanted) = looked_up(&format!(r#"{{"workKey": "{key}"}}"#));
            assert_eq!(by, ChosenBy::Work);
            assert_eq!(wanted.work_id.as_deref(), Some("OL82563W"));
        }
        let (by, wanted) = looked_up(r#"{"title": " Dune ", "author": "Frank Herbert"}"#);
        assert_eq!(by, ChosenBy::TitleAuthor);
        assert_eq!((&*wanted.title, &*wanted.author), ("Dune", "Frank Herbert"));
    }

    #[test]
    fn what_is_no_choice_is_refused_with_its_name() {
        let long = format!(r#"{{"title": "{}"}}"#, "x".repeat(501));
        for (body, code) in [
            ("", Code::MissingParameter),
            ("[]", Code::InvalidRequest),
            ("7", Code::InvalidRequest),
            ("{}", Code::MissingParameter),
            (r#"{"candidate": null}"#, Code::MissingParameter),
            (r#"{"candidate": -1}"#, Code::InvalidRequest),
            (
                r#"{"candidate": 0, "isbn": "9780441013593"}"#,
                Code::InvalidRequest,
            ),
            (r#"{"isbn": "9780441013594"}"#, Code::InvalidIsbn),
            (r#"{"workKey": "OL1M"}"#, Code::InvalidRequest),
            (r#"{"title": " "}"#, Code::MissingParameter),
            (r#"{"author": "Frank Herbert"}"#, Code::MissingParameter),
            (&long, Code::InvalidRequest),
        ] {
            assert_eq!(read(body), Err(code), "{body}");
        }
    }
}
