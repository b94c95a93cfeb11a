//! Requests of clients: typed, bounded, and refused with the name of what is wrong.

mod enrichment;
mod json;
mod list;
mod mapping;
mod parameters;

use job::{JobId, Limits, Outcome};
use serde::Deserialize;
use std::borrow::Cow;

pub use self::enrichment::{
    BarcodeBody, BookBody, Enrich, EnrichBody, MAX_SYNCHRONOUS, V3Enrich, V3EnrichBody, WorksBody,
    barcode, enrich, isbn_parameter, v3_books, v3_enrich, works,
};
pub(crate) use self::enrichment::{wanted, work_key};
pub(crate) use self::json::read;
pub use self::list::List;
pub use self::mapping::mapping;
pub use self::parameters::{
    MAX_CLIENT_REF, MAX_FOLLOWED, MAX_IDEMPOTENCY_KEY, bearer, client_ref, client_ref_no_text,
    idempotency_key, is_token_like, job_id, job_ids, keep_failed_photos, request_id,
};
pub(crate) use self::parameters::{client_ref_of_bytes, client_ref_too_long};
use crate::error::ApiError;
use crate::photo_batch::{Data, PhotoBatch, ReceivedBatch};

fn check_count(field: &str, count: usize, limit: usize) -> Result<(), ApiError> {
    match count {
        0 => Err(ApiError::empty_batch(field)),
        count if count > limit => Err(ApiError::batch_too_large(field, count, limit)),
        _ => Ok(()),
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
    /// The client's own name for the job, repeated in its webhook events; a `clientRef` in the
    /// query or a header `X-Client-Ref` wins.
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
    let named: Vec<Outcome> = outcomes.collect();
    let all = [
        Outcome::Error,
        Outcome::CircuitOpen,
        Outcome::NotFound,
        Outcome::FailedPhotos,
    ];
    Ok(Retrying {
        only: all.into_iter().filter(|one| named.contains(one)).collect(),
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
    /// The client's own name for the job, repeated in its webhook events; a `clientRef` in the
    /// query or a header `X-Client-Ref` wins.
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

/// A batch's body without its photos.
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

/// Reads a batch's body without its photos.
pub(crate) fn scan_batch_document(
    document: &[u8],
    limits: &Limits,
) -> Result<BatchDocument, ApiError> {
    let body: ScanBatchBody = read(document, limits.max_body_bytes)?;
    let id = required_job_id(body.job_id.as_deref())?;
    let images = body
        .images
        .ok_or_else(|| ApiError::missing("images", "send 1 to 5 photos in base64"))?;
    check_count("images", images.len(), limits.max_photos)?;
    let mut in_order: Vec<_> = Vec::with_capacity(images.len());
    for image in images {
        let place = in_order.partition_point(|(index, _)| *index <= image.index);
        in_order.insert(place, (image.index, image.data));
    }
    Ok(BatchDocument {
        id,
        images: in_order.into_iter().map(|(_, data)| data).collect(),
        keep_failed: body.keep_failed_photos,
        client_ref: body.client_ref,
    })
}

fn required_job_id(text: Option<&str>) -> Result<JobId, ApiError> {
    job_id(text.ok_or_else(|| ApiError::missing("jobId", "send the job's name"))?)
}
