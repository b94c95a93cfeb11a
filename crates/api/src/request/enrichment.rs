//! Requests to look books up.

use books::{Isbn, Wanted};
use job::{JobId, Limits};
use serde::Deserialize;

use super::json::read;
use super::list::List;
use super::parameters::job_id;
use super::{check_count, required_job_id};
use crate::error::ApiError;

/// The body of `POST /api/batch-enrich`, `/v1/enrichment/batch` and `/api/enrichment/batch`: either
/// barcodes or books.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EnrichBody {
    /// ISBNs.
    #[serde(default)]
    pub barcodes: Option<List<String>>,
    /// Titles, each with what else is known of the book.
    #[serde(default)]
    pub books: Option<List<BookBody>>,
    /// The client's name for the job.
    #[serde(default)]
    pub job_id: Option<String>,
    /// The client's own name for the job, repeated in its webhook events; a `clientRef` in the
    /// query or a header `X-Client-Ref` wins.
    #[serde(default)]
    pub client_ref: Option<String>,
}

/// A book to be looked up, as a request names it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BookBody {
    /// Title.
    #[serde(default)]
    pub title: Option<String>,
    /// First author.
    #[serde(default)]
    pub author: Option<String>,
    /// ISBN; a text that is none is not looked up.
    #[serde(default)]
    pub isbn: Option<String>,
}

/// What a valid enrichment request asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrich {
    /// The client's name for the job.
    pub job_id: Option<JobId>,
    /// The client's own name for the job, which messages repeat.
    pub client_ref: Option<String>,
    /// The books to look up, in the request's order; the same book may be there twice.
    pub wanted: Vec<Wanted>,
}

/// Reads [`EnrichBody`].
///
/// # Errors
/// `INVALID_REQUEST`, `MISSING_PARAMETER`, `INVALID_ISBN`, `EMPTY_BATCH`, `BATCH_TOO_LARGE`,
/// `FILE_TOO_LARGE`.
pub fn enrich(body: &[u8], limits: &Limits) -> Result<Enrich, ApiError> {
    let body: EnrichBody = read(body, limits.max_json_bytes)?;
    let most = limits.max_batch_items;
    let wanted = match (&body.barcodes, &body.books) {
        (Some(barcodes), None) => by_isbn("barcodes", barcodes, most, limits)?,
        (None, Some(books)) => by_book(books, most, limits)?,
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "barcodes",
                "and books are two kinds of request: send one of them",
            ));
        }
        (None, None) => {
            return Err(ApiError::missing(
                "barcodes",
                "send a list of ISBNs as barcodes, or a list of books",
            ));
        }
    };
    Ok(Enrich {
        job_id: body.job_id.as_deref().map(job_id).transpose()?,
        client_ref: body.client_ref,
        wanted,
    })
}

/// The books of a list of ISBNs, of which there may be so many.
fn by_isbn(
    field: &str,
    list: &List<String>,
    most: usize,
    limits: &Limits,
) -> Result<Vec<Wanted>, ApiError> {
    check_count(field, list.count(), most)?;
    let isbns = list.iter().enumerate();
    isbns
        .map(|(index, text)| {
            Ok(Wanted {
                isbn: Some(isbn(field, Some(index), text, limits)?),
                ..Wanted::default()
            })
        })
        .collect()
}

/// The books of a list `books`, of which there may be so many.
fn by_book(list: &List<BookBody>, most: usize, limits: &Limits) -> Result<Vec<Wanted>, ApiError> {
    check_count("books", list.count(), most)?;
    let books = list.iter().enumerate();
    books
        .map(|(index, book)| wanted(Some(index), book, limits))
        .collect()
}

fn isbn(field: &str, index: Option<usize>, text: &str, limits: &Limits) -> Result<Isbn, ApiError> {
    let isbn = if text.chars().count() > limits.max_isbn_chars {
        Err(books::IsbnError::Length)
    } else {
        Isbn::parse(text)
    };
    isbn.map_err(|problem| ApiError::invalid_isbn(field, index, problem))
}

/// Reads a book that somebody asks for: number `index` of a list, or the only one.
pub(crate) fn wanted(
    index: Option<usize>,
    book: &BookBody,
    limits: &Limits,
) -> Result<Wanted, ApiError> {
    let field = |name: &str| match index {
        Some(index) => format!("books[{index}].{name}"),
        None => name.to_owned(),
    };
    let text = |name: &str, value: &Option<String>, limit: usize| {
        let value = value.as_deref().unwrap_or_default().trim();
        if value.chars().count() > limit {
            let problem = format!("is too long: at most {limit} characters are allowed");
            return Err(ApiError::invalid(&field(name), problem));
        }
        Ok(value.to_owned())
    };
    let wanted = Wanted {
        title: text("title", &book.title, limits.max_title_chars)?,
        author: text("author", &book.author, limits.max_author_chars)?,
        isbn: Isbn::parse(&text("isbn", &book.isbn, limits.max_isbn_chars)?).ok(),
        work_id: None,
        series: None,
    };
    if wanted.title.is_empty() && wanted.isbn.is_none() {
        return Err(ApiError::missing(
            &field("title"),
            "a book is looked up by its title or its ISBN",
        ));
    }
    Ok(wanted)
}

/// The body of `POST /v3/jobs/enrichment` and `/v3/books/enrich`: ISBNs, or, for a job, books.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct V3EnrichBody {
    /// ISBNs.
    #[serde(default)]
    pub isbns: Option<List<String>>,
    /// ISBNs, under the name of the generation before.
    #[serde(default)]
    pub barcodes: Option<List<String>>,
    /// Titles, each with what else is known of the book; only for a job.
    #[serde(default)]
    pub books: Option<List<BookBody>>,
    /// Whether `/v3/books/enrich` makes a job of the request.
    #[serde(default, rename = "async")]
    pub is_async: Option<bool>,
    /// Ignored, and only read for the SDK: there is no search by meaning.
    #[serde(default)]
    pub include_embedding: Option<bool>,
    /// The client's own name for the job, if the request makes one, repeated in its webhook events;
    /// a `clientRef` in the query or a header `X-Client-Ref` wins.
    #[serde(default)]
    pub client_ref: Option<String>,
}

/// Largest number of ISBNs that `POST /v3/books/enrich` looks up while the client waits.
pub const MAX_SYNCHRONOUS: usize = 50;

/// A V3 request to enrich, read.
#[derive(Clone, Debug, PartialEq)]
pub struct V3Enrich {
    /// The books to look up, in the request's order; the same book may be there twice.
    pub wanted: Vec<Wanted>,
    /// The client's own name for the job, which messages repeat.
    pub client_ref: Option<String>,
    /// Whether to make a job of the request.
    pub is_async: bool,
}

/// Reads [`V3EnrichBody`] of a request that makes a job.
///
/// # Errors
/// `INVALID_REQUEST`, `MISSING_PARAMETER`, `INVALID_ISBN`, `EMPTY_BATCH`, `BATCH_TOO_LARGE`,
/// `FILE_TOO_LARGE`.
pub fn v3_enrich(body: &[u8], limits: &Limits) -> Result<V3Enrich, ApiError> {
    let body: V3EnrichBody = read(body, limits.max_json_bytes)?;
    v3_wanted(body, limits.max_batch_items, limits)
}

/// Reads [`V3EnrichBody`] of `POST /v3/books/enrich`.
///
/// # Errors
/// `INVALID_REQUEST`, `MISSING_PARAMETER`, `INVALID_ISBN`, `EMPTY_BATCH`, `BATCH_TOO_LARGE`,
/// `FILE_TOO_LARGE`.
pub fn v3_books(body: &[u8], limits: &Limits) -> Result<V3Enrich, ApiError> {
    let body: V3EnrichBody = read(body, limits.max_json_bytes)?;
    if body.is_async == Some(true) {
        return v3_wanted(body, limits.max_batch_items, limits);
    }
    if body.books.is_some() {
        return Err(ApiError::invalid(
            "books",
            "are looked up by a job only: send isbns, or async: true",
        ));
    }
    v3_wanted(body, MAX_SYNCHRONOUS, limits)
}

fn v3_wanted(body: V3EnrichBody, most: usize, limits: &Limits) -> Result<V3Enrich, ApiError> {
    let is_async = body.is_async.unwrap_or_default();
    let wanted = match (&body.isbns, &body.barcodes, &body.books) {
        (Some(isbns), None, None) => by_isbn("isbns", isbns, most, limits)?,
        (None, Some(barcodes), None) => by_isbn("barcodes", barcodes, most, limits)?,
        (None, None, Some(books)) => by_book(books, most, limits)?,
        (None, None, None) => {
            return Err(ApiError::missing("isbns", "send a list of ISBNs"));
        }
        _ => {
            return Err(ApiError::invalid(
                "isbns",
                "and books are two kinds of request: send one of them",
            ));
        }
    };
    Ok(V3Enrich {
        wanted,
        client_ref: body.client_ref,
        is_async,
    })
}

/// The body of `POST /api/v2/books/enrich`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BarcodeBody {
    /// An ISBN.
    #[serde(default)]
    pub barcode: Option<String>,
}

/// Reads [`BarcodeBody`].
///
/// # Errors
/// `INVALID_REQUEST`, `MISSING_PARAMETER`, `INVALID_ISBN`, `FILE_TOO_LARGE`.
pub fn barcode(body: &[u8], limits: &Limits) -> Result<Isbn, ApiError> {
    let body: BarcodeBody = read(body, limits.max_json_bytes)?;
    let text = body
        .barcode
        .ok_or_else(|| ApiError::missing("barcode", "send the ISBN to look up"))?;
    isbn("barcode", None, &text, limits)
}

/// Reads the ISBN of a path or a query.
///
/// # Errors
/// `INVALID_ISBN`.
pub fn isbn_parameter(text: &str, limits: &Limits) -> Result<Isbn, ApiError> {
    isbn("isbn", None, text, limits)
}

/// The body of `POST /api/enrichment/start`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorksBody {
    /// The client's name for the job.
    #[serde(default)]
    pub job_id: Option<String>,
    /// Open Library work keys and ISBNs, mixed.
    #[serde(default)]
    pub work_ids: Option<List<String>>,
    /// The client's own name for the job, repeated in its webhook events; a `clientRef` in the
    /// query or a header `X-Client-Ref` wins.
    #[serde(default)]
    pub client_ref: Option<String>,
}

/// Reads [`WorksBody`]. An id that is no work key and no ISBN becomes an item that no provider
/// finds.
///
/// # Errors
/// `INVALID_REQUEST`, `MISSING_PARAMETER`, `EMPTY_BATCH`, `BATCH_TOO_LARGE`, `FILE_TOO_LARGE`.
pub fn works(body: &[u8], limits: &Limits) -> Result<Enrich, ApiError> {
    let body: WorksBody = read(body, limits.max_json_bytes)?;
    let id = required_job_id(body.job_id.as_deref())?;
    let work_ids = body
        .work_ids
        .ok_or_else(|| ApiError::missing("workIds", "send a list of work ids"))?;
    check_count("workIds", work_ids.count(), limits.max_batch_items)?;
    Ok(Enrich {
        job_id: Some(id),
        client_ref: body.client_ref,
        wanted: work_ids.iter().map(|id| work(id, limits)).collect(),
    })
}

/// The Open Library key of a work, with or without its path.
pub(crate) fn work_key(id: &str) -> Option<&str> {
    let id = id.trim();
    let key = id.strip_prefix("/works/").unwrap_or(id);
    let digits = key.strip_prefix("OL")?.strip_suffix('W')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && key.len() <= 20).then_some(key)
}

fn work(id: &str, limits: &Limits) -> Wanted {
    let id = id.trim();
    Wanted {
        work_id: work_key(id).map(str::to_owned),
        isbn: isbn("workIds", None, id, limits).ok(),
        ..Wanted::default()
    }
}
