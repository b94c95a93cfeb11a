//! JSON requests: typed, bounded, and refused with the name of what is wrong.

mod list;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use books::{Isbn, Wanted};
use job::{JobId, Limits, Outcome};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use self::list::List;
use crate::error::ApiError;
use crate::photo_batch::{Data, PhotoBatch, ReceivedBatch};
use crate::upload::{CLIENT_REF, KEEP_FAILED};

/// Largest number of columns in a mapping: as many as a file may have.
const MAX_MAPPED_COLUMNS: usize = 512;
/// Longest `Idempotency-Key`, in characters.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;
/// Largest number of jobs that are followed on one stream or socket.
pub const MAX_FOLLOWED: usize = 20;
/// Longest token that is worth comparing, in bytes.
const MAX_TOKEN: usize = 512;

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
    /// As the parameter of this name, which wins.
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

/// A request to enrich, read.
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
    let wanted = match (&body.barcodes, &body.books) {
        (Some(barcodes), None) => {
            check_count("barcodes", barcodes.count(), limits.max_batch_items)?;
            barcodes
                .iter()
                .enumerate()
                .map(|(index, text)| {
                    let isbn = isbn("barcodes", Some(index), text, limits)?;
                    Ok(Wanted {
                        isbn: Some(isbn),
                        ..Wanted::default()
                    })
                })
                .collect::<Result<_, ApiError>>()?
        }
        (None, Some(books)) => {
            check_count("books", books.count(), limits.max_batch_items)?;
            books
                .iter()
                .enumerate()
                .map(|(index, book)| wanted(Some(index), book, limits))
                .collect::<Result<_, ApiError>>()?
        }
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

fn check_count(field: &str, count: usize, limit: usize) -> Result<(), ApiError> {
    match count {
        0 => Err(ApiError::empty_batch(field)),
        count if count > limit => Err(ApiError::batch_too_large(field, count, limit)),
        _ => Ok(()),
    }
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
    /// As the parameter of this name, which wins; only for a job.
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
    let by_isbn = |field: &str, list: &List<String>| {
        check_count(field, list.count(), most)?;
        let isbns = list.iter().enumerate();
        isbns
            .map(|(index, text)| {
                Ok(Wanted {
                    isbn: Some(isbn(field, Some(index), text, limits)?),
                    ..Wanted::default()
                })
            })
            .collect::<Result<Vec<Wanted>, ApiError>>()
    };
    let wanted = match (&body.isbns, &body.barcodes, &body.books) {
        (Some(isbns), None, None) => by_isbn("isbns", isbns)?,
        (None, Some(barcodes), None) => by_isbn("barcodes", barcodes)?,
        (None, None, Some(books)) => {
            check_count("books", books.count(), most)?;
            let books = books.iter().enumerate();
            books
                .map(|(index, book)| wanted(Some(index), book, limits))
                .collect::<Result<_, ApiError>>()?
        }
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
    /// As the parameter of this name, which wins.
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

/// The body of `POST /api/scan-bookshelf/cancel` and `/api/enrichment/cancel`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CancelBody {
    /// The job's name.
    #[serde(default)]
    pub job_id: Option<String>,
    /// Token that opens the job; may be sent as a header instead.
    #[serde(default)]
    pub token: Option<String>,
}

/// Reads [`CancelBody`]: the job and the token, if there is one.
///
/// # Errors
/// `INVALID_REQUEST`, `MISSING_PARAMETER`, `FILE_TOO_LARGE`.
pub fn cancel(body: &[u8], limits: &Limits) -> Result<(JobId, Option<String>), ApiError> {
    let body: CancelBody = read(body, limits.max_json_bytes)?;
    Ok((required_job_id(body.job_id.as_deref())?, body.token))
}

/// Longest `clientRef`, in characters.
pub const MAX_CLIENT_REF: usize = 256;

/// Reads the client's own name for its new job; empty when there is none.
///
/// # Errors
/// `INVALID_REQUEST`
pub fn client_ref(text: Option<&str>) -> Result<String, ApiError> {
    let text = text.unwrap_or_default();
    match text.chars().count() > MAX_CLIENT_REF {
        true => Err(client_ref_too_long()),
        false => Ok(text.to_owned()),
    }
}

/// The same of bytes that may be no text.
pub(crate) fn client_ref_of_bytes(bytes: &[u8]) -> Result<String, ApiError> {
    let text = std::str::from_utf8(bytes);
    client_ref(Some(text.map_err(|_| client_ref_no_text())?))
}

/// The error for a client's own name that is no text.
pub fn client_ref_no_text() -> ApiError {
    ApiError::invalid(CLIENT_REF, "is no text in UTF-8")
}

/// The error for a client's own name that is too long.
pub(crate) fn client_ref_too_long() -> ApiError {
    let limit = format!("has more than {MAX_CLIENT_REF} characters");
    ApiError::invalid(CLIENT_REF, limit)
}

/// Reads whether photos that cannot be looked at are kept as long as the job.
///
/// # Errors
/// `INVALID_REQUEST` when the text is neither true nor false.
pub fn keep_failed_photos(text: Option<&str>) -> Result<bool, ApiError> {
    match text.unwrap_or_default().trim() {
        "1" | "true" => Ok(true),
        "" | "0" | "false" => Ok(false),
        _ => Err(ApiError::invalid(KEEP_FAILED, "must be true or false")),
    }
}

/// The body of a request to try a job again; it may be left out. As in every body, fields that are
/// not described are ignored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RetryBody {
    /// The outcomes to try again; absent: all but `not_found`, which may be others at any time.
    /// Books that nobody reached before the job was stopped are an `error`. What cannot succeed is
    /// never tried: a title that says too little without an author, a photo that is no picture.
    #[serde(default)]
    pub only: Option<Vec<RetriedBody>>,
    /// As the parameter of this name, which wins.
    #[serde(default)]
    pub client_ref: Option<String>,
}

/// A request to try a job again, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrying {
    /// The outcomes that are tried again, each once.
    pub only: Vec<Outcome>,
    /// The client's own name for the new job, which messages repeat.
    pub client_ref: Option<String>,
}

/// An outcome that may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetriedBody {
    /// Books about which no provider answered.
    Error,
    /// Books about which no provider could be asked.
    CircuitOpen,
    /// Books that no provider knows.
    NotFound,
    /// Photos that could not be looked at. They are looked at again if the scan was made with
    /// `keepFailedPhotos`; else the answer says which they are, to be sent again.
    FailedPhotos,
}

/// Reads [`RetryBody`].
///
/// # Errors
/// `INVALID_REQUEST`, `EMPTY_BATCH`, `FILE_TOO_LARGE`.
pub fn retry(body: &[u8], limits: &Limits) -> Result<Retrying, ApiError> {
    let RetryBody { only, client_ref } = match body.iter().all(u8::is_ascii_whitespace) {
        true => RetryBody::default(),
        false => read(body, limits.max_json_bytes)?,
    };
    let Some(only) = only else {
        return Ok(Retrying {
            only: Outcome::PASSING.to_vec(),
            client_ref,
        });
    };
    if only.is_empty() {
        return Err(ApiError::empty_batch("only"));
    }
    let outcomes = only.iter().map(|retried| match retried {
        RetriedBody::Error => Outcome::Error,
        RetriedBody::CircuitOpen => Outcome::CircuitOpen,
        RetriedBody::NotFound => Outcome::NotFound,
        RetriedBody::FailedPhotos => Outcome::FailedPhotos,
    });
    let outcomes: BTreeSet<Outcome> = outcomes.collect();
    Ok(Retrying {
        only: outcomes.into_iter().collect(),
        client_ref,
    })
}

/// The body of `POST /api/token/refresh`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RefreshBody {
    /// The job's name.
    #[serde(default)]
    pub job_id: Option<String>,
    /// The token that is to be exchanged.
    #[serde(default)]
    pub old_token: Option<String>,
}

/// Reads [`RefreshBody`]: the job and its token.
///
/// # Errors
/// `INVALID_REQUEST`, `MISSING_PARAMETER`, `FILE_TOO_LARGE`.
pub fn refresh(body: &[u8], limits: &Limits) -> Result<(JobId, String), ApiError> {
    let body: RefreshBody = read(body, limits.max_json_bytes)?;
    let token = body
        .old_token
        .ok_or_else(|| ApiError::missing("oldToken", "send the token to be replaced"))?;
    Ok((required_job_id(body.job_id.as_deref())?, token))
}

/// The body of `POST /api/scan-bookshelf/batch`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScanBatchBody<'a> {
    /// The client's name for the job.
    #[serde(default, borrow)]
    job_id: Option<Cow<'a, str>>,
    /// The photos.
    #[serde(default)]
    images: Option<Vec<ImageBody>>,
    /// Whether photos that cannot be looked at are kept as long as the job, so that a retry looks
    /// at them again.
    #[serde(default)]
    keep_failed_photos: Option<bool>,
    /// As the parameter of this name, which wins.
    #[serde(default)]
    client_ref: Option<String>,
}

/// A photo of a batch.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ImageBody {
    /// Position of the photo; the list's order when absent.
    #[serde(default)]
    index: Option<u32>,
    /// Base64 (RFC 4648), with or without a `data:` URL in front.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    data: Option<Data>,
}

/// Reads the body of a batch of photos that is there already: see [`PhotoBatch`].
///
/// # Errors
/// Those of [`PhotoBatch::feed`] and [`PhotoBatch::end`].
pub fn scan_batch(body: &[u8], limits: &Limits) -> Result<ReceivedBatch, ApiError> {
    let mut batch = PhotoBatch::new(limits);
    batch.feed(body)?;
    batch.end()
}

/// What is left of a batch's body without its photos.
pub(crate) struct BatchDocument {
    /// The client's name for the job.
    pub id: JobId,
    /// The images' data, in the order of their indices.
    pub images: Vec<Option<Data>>,
    /// Whether failed photos are kept, if the body says so.
    pub keep_failed: Option<bool>,
    /// The client's own name for the job, which messages repeat.
    pub client_ref: Option<String>,
}

/// Reads what is left of a batch's body without its photos.
pub(crate) fn scan_batch_document(
    document: &[u8],
    limits: &Limits,
) -> Result<BatchDocument, ApiError> {
    let body: ScanBatchBody = read(document, limits.max_body_bytes)?;
    let id = required_job_id(body.job_id.as_deref())?;
    let mut images = body
        .images
        .ok_or_else(|| ApiError::missing("images", "send 1 to 5 photos in base64"))?;
    check_count("images", images.len(), limits.max_photos)?;
    images.sort_by_key(|image| image.index);
    Ok(BatchDocument {
        id,
        images: images.into_iter().map(|image| image.data).collect(),
        keep_failed: body.keep_failed_photos,
        client_ref: body.client_ref,
    })
}

/// Reads a jobId of a path, a query or a body.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn job_id(text: &str) -> Result<JobId, ApiError> {
    JobId::parse(text).map_err(|_| {
        ApiError::invalid(
            "jobId",
            "must be 1 to 100 characters of A-Z, a-z, 0-9, _ and -",
        )
    })
}

/// Reads a list of the names of jobs that are to be followed together.
///
/// # Errors
/// `MISSING_PARAMETER`; `INVALID_REQUEST` for a name that is none or is there twice, or for more
/// than [`MAX_FOLLOWED`].
pub fn job_ids(parameter: &str, list: Option<&str>) -> Result<Vec<JobId>, ApiError> {
    let list = list.ok_or_else(|| ApiError::missing(parameter, "name the job to follow"))?;
    let mut ids = Vec::new();
    for id in list.split(',') {
        if ids.len() == MAX_FOLLOWED {
            let problem = format!("must name at most {MAX_FOLLOWED} jobs");
            return Err(ApiError::invalid(parameter, problem));
        }
        let id = job_id(id)?;
        if ids.contains(&id) {
            return Err(ApiError::invalid(parameter, "names a job twice"));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn required_job_id(text: Option<&str>) -> Result<JobId, ApiError> {
    job_id(text.ok_or_else(|| ApiError::missing("jobId", "send the job's name"))?)
}

/// Reads an `Idempotency-Key` header.
///
/// # Errors
/// `INVALID_REQUEST` unless it is 1 to 255 visible ASCII characters.
pub fn idempotency_key(header: &str) -> Result<&str, ApiError> {
    let key = header.trim();
    let fits = (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(key).ok_or_else(|| {
        ApiError::invalid(
            "Idempotency-Key",
            format!("must be 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters"),
        )
    })
}

/// A mapping that names each column once: of two meanings one would be lost unsaid.
struct MappedOnce(books::Mapping);

impl<'de> Deserialize<'de> for MappedOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;

        impl<'de> Visitor<'de> for Columns {
            type Value = MappedOnce;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of fields by columns")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MappedOnce, A::Error> {
                let mut mapping = books::Mapping::new();
                while let Some((column, field)) = map.next_entry()? {
                    if mapping.insert(column, field).is_some() {
                        return Err(A::Error::custom("a column is named twice"));
                    }
                }
                Ok(MappedOnce(mapping))
            }
        }

        deserializer.deserialize_map(Columns)
    }
}

/// Parses a client's own mapping of a file's columns: a JSON object of fields (or `ignore`) by the
/// columns' headers, or their numbers from 1.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn mapping(json: &[u8]) -> Result<books::Mapping, ApiError> {
    const EXAMPLE: &str = r#"must be a JSON object like {"Titel": "title", "3": "ignore"}"#;
    let MappedOnce(mapping) =
        serde_json::from_slice(json).map_err(|_| ApiError::invalid("mapping", EXAMPLE))?;
    if mapping.len() > MAX_MAPPED_COLUMNS {
        return Err(ApiError::invalid(
            "mapping",
            format!("names more than {MAX_MAPPED_COLUMNS} columns"),
        ));
    }
    for (column, meaning) in &mapping {
        books::check_meaning(meaning).map_err(|error| {
            let column: String = column.chars().take(100).collect();
            ApiError::invalid("mapping", format!("column {column:?}: {error}"))
        })?;
    }
    Ok(mapping)
}

/// The client's name for its request, if it is fit to be logged and echoed.
pub fn request_id(header: &str) -> Option<&str> {
    let id = header.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    ((1..=128).contains(&id.len()) && id.bytes().all(is_plain)).then_some(id)
}

/// The token of an `Authorization` header (RFC 6750); `None` when it holds none. What cannot be a
/// token becomes an empty one, which opens nothing.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    let token = if token.len() > MAX_TOKEN { "" } else { token };
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Whether a text may be a token by itself: long, and of nothing but letters, digits, `-` and `_`.
pub fn is_token_like(text: &str) -> bool {
    (32..=MAX_TOKEN).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether an `Accept` header names event streams. `*/*` does not: nobody gets one unasked.
pub fn accepts_event_stream(header: &str) -> bool {
    header.split(',').any(|range| {
        let essence = range.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

/// Reads a JSON body of bounded size; nesting is bounded by `serde_json` (128).
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8], limit: usize) -> Result<T, ApiError> {
    if body.len() > limit {
        return Err(ApiError::too_large("The body", limit));
    }
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        None => return Err(ApiError::missing("body", "send a JSON object")),
        // A list would be read as an object's values in order.
        Some(_) => return Err(ApiError::invalid_body("is not a JSON object")),
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        malformed(body, &path, error.inner())
    })?;
    json.end().map_err(|error| malformed(body, ".", &error))?;
    Ok(value)
}

/// The error for a body that is no JSON, or another than was expected: says where and what was
/// expected, and quotes nothing of the request, which may hold secrets.
fn malformed(body: &[u8], path: &str, error: &serde_json::Error) -> ApiError {
    // A number where one of several words is expected counts as an error of syntax.
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    if error.is_data() || is_json() {
        let text = error.to_string();
        let expected = text
            .rsplit_once(", expected ")
            .and_then(|(_, expected)| expected.split(" at line ").next())
            .filter(|expected| !expected.starts_with("struct"));
        let expected = match expected {
            Some("a sequence") => "a list",
            Some("u8" | "u16" | "u32" | "u64" | "usize") => "a whole number",
            Some("f64") => "a number",
            Some(expected) => expected,
            None if error.is_data() => "an object",
            None => "a text",
        };
        let field = if path == "." { "body" } else { path };
        if text.starts_with("duplicate field") {
            return ApiError::invalid(field, "has a field twice");
        }
        ApiError::invalid(field, format!("has the wrong type: expected {expected}"))
    } else {
        ApiError::invalid_body(format!(
            "is not JSON: see line {}, column {}",
            error.line(),
            error.column()
        ))
    }
}
