//! Parameters, headers and single texts of requests.

use job::JobId;

use crate::error::ApiError;
use crate::upload::{CLIENT_REF, KEEP_FAILED};

/// Longest `Idempotency-Key`, in characters.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;

/// Largest number of jobs that are followed on one stream or socket.
pub const MAX_FOLLOWED: usize = 20;

/// Longest token that is worth comparing, in bytes.
const MAX_TOKEN: usize = 512;

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

/// Reads the client's own name for its new job from bytes that may be no text.
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
