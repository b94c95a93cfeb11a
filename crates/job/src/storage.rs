//! Reading and writing a job's documents.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::document::{Item, MAX_VALUE_BYTES, Part, Root, Upload, VERSION};
use crate::effects::{Effects, StoreError};
use crate::id::JobId;
use crate::keys;
use crate::time::Time;

/// The reason why a run stopped before the job's end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The lease is lost: another run holds it, or it ran out.
    #[error("the lease is lost")]
    Lost,
    /// The job has an outcome already.
    #[error("the job has ended")]
    Ended,
    /// A client wants the job to stop.
    #[error("canceled")]
    Canceled,
    /// The store refused for too long.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// A value that the root names is missing or damaged.
    #[error("damaged: {0}")]
    Damaged(String),
}

/// Reads the job's root; damage and unknown versions count as none.
///
/// # Errors
/// When the store fails.
pub(crate) async fn read_root<E: Effects>(
    effects: &E,
    id: &JobId,
) -> Result<Option<Root>, StoreError> {
    let bytes = effects.get(&keys::root(id)).await?;
    Ok(bytes.and_then(|bytes| decode_root(effects, id, &bytes)))
}

/// Reads the job's end, if it has one.
///
/// # Errors
/// When the store fails.
pub(crate) async fn read_end<E: Effects>(
    effects: &E,
    id: &JobId,
) -> Result<Option<Root>, StoreError> {
    let bytes = effects.get(&keys::end(id)).await?;
    Ok(bytes.and_then(|bytes| decode_root(effects, id, &bytes)))
}

/// Reads a root or an end; damage and unknown versions count as none.
pub(crate) fn decode_root<E: Effects>(effects: &E, id: &JobId, bytes: &[u8]) -> Option<Root> {
    match serde_json::from_slice::<Root>(bytes) {
        Ok(root) => (root.v <= VERSION).then_some(root),
        Err(error) => {
            effects.log(
                "damaged-document",
                serde_json::json!({"level": "error", "jobId": id, "message": error.to_string()}),
            );
            None
        }
    }
}

/// Whether a root or an end cannot be read by any version: one of a newer version is not damaged.
pub(crate) fn is_damaged(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err()
}

pub(crate) fn encode_root(root: &Root) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(root).map_err(|error| StoreError(error.to_string()))
}

pub(crate) async fn write_root<E: Effects>(effects: &E, root: &Root) -> Result<(), Stop> {
    effects
        .set(&keys::root(&root.id), &encode_root(root)?)
        .await?;
    Ok(())
}

/// Reads a value that a root names.
///
/// # Errors
/// [`Stop::Damaged`] when it is not there or not what it should be; when the store fails.
pub(crate) async fn read_part<E: Effects, T: DeserializeOwned>(
    effects: &E,
    part: &Part,
) -> Result<T, Stop> {
    decode(part, effects.get(&part.key).await?)
}

pub(crate) fn decode<T: DeserializeOwned>(part: &Part, bytes: Option<Vec<u8>>) -> Result<T, Stop> {
    let bytes = bytes.ok_or_else(|| Stop::Damaged(format!("{} is missing", part.key)))?;
    serde_json::from_slice(&bytes).map_err(|error| Stop::Damaged(format!("{}: {error}", part.key)))
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Stop> {
    serde_json::to_vec(value).map_err(|error| Stop::Damaged(error.to_string()))
}

/// Encodes items as JSON lists of at most [`MAX_VALUE_BYTES`] each.
pub(crate) fn encode(items: &[Item]) -> Result<Vec<(usize, Vec<u8>)>, Stop> {
    let mut lists = Vec::new();
    let mut list = Vec::new();
    let mut count = 0;
    for item in items {
        let bytes = to_json(item)?;
        if count > 0 && list.len() + bytes.len() + 2 > MAX_VALUE_BYTES {
            list.push(b']');
            lists.push((count, std::mem::take(&mut list)));
            count = 0;
        }
        list.push(if count == 0 { b'[' } else { b',' });
        list.extend_from_slice(&bytes);
        count += 1;
    }
    if count > 0 {
        list.push(b']');
        lists.push((count, list));
    }
    Ok(lists)
}

/// Splits neighbouring segments into groups that fit one value each.
pub(crate) fn groups(segments: &[Part]) -> Vec<&[Part]> {
    let mut groups = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (n, part) in segments.iter().enumerate() {
        let size = part.bytes as usize;
        if bytes + size > MAX_VALUE_BYTES && n > start {
            groups.push(&segments[start..n]);
            start = n;
            bytes = 0;
        }
        bytes += size;
    }
    groups.push(&segments[start..]);
    groups
}

/// Deletes the chunks of all uploads.
pub(crate) async fn delete_uploads<E: Effects>(effects: &E, root: &Root) -> Result<(), StoreError> {
    for upload in &root.uploads {
        for chunk in 0..upload.chunks {
            effects.delete(&upload.chunk(chunk)).await?;
        }
    }
    Ok(())
}

/// Deletes the leftovers of an ended job, and records in the root that they are gone. The root is
/// written once more only when everything is gone.
pub(crate) async fn delete_leftovers<E: Effects>(effects: &E, end: &mut Root) -> Result<(), Stop> {
    let leftovers = std::mem::take(&mut end.leftovers);
    for key in &leftovers {
        effects.delete(key).await?;
    }
    write_root(effects, end).await
}

/// Time for which the leftovers of an ended job are left to the run that ended it.
const CLEANUP_GRACE: Duration = Duration::from_secs(5);

/// Whether the run that ended a job has had its time to delete what is left of it.
pub(crate) fn is_past_cleanup(end: &Root, now: Time) -> bool {
    now.since(end.updated) >= CLEANUP_GRACE
}

/// Finishes what the run that ended the job could not: makes the root say so and clears the rest.
///
/// # Errors
/// The store's, [`Stop::Damaged`].
pub(crate) async fn repair<E: Effects>(effects: &E, mut end: Root) -> Result<Root, Stop> {
    delete_leftovers(effects, &mut end).await?;
    Ok(end)
}

/// The job of this name, when there is one that has not expired.
///
/// # Errors
/// When the store fails.
pub(crate) async fn existing<E: Effects>(
    effects: &E,
    id: &JobId,
) -> Result<Option<Root>, StoreError> {
    let root = match read_root(effects, id).await? {
        Some(root) if !root.stage.is_terminal() => match read_end(effects, id).await? {
            Some(end) => Some(end),
            None => Some(root),
        },
        other => other,
    };
    Ok(root.filter(|root| !root.expired(effects.now())))
}

/// Deletes the parts that `root` names and the `standing` root does not.
///
/// # Errors
/// When the store fails: all that could be deleted is.
pub(crate) async fn delete_parts_missing_from<E: Effects>(
    effects: &E,
    root: &Root,
    standing: Option<&Root>,
) -> Result<(), StoreError> {
    let uploads = standing.map_or(&[][..], |standing| &standing.uploads);
    let mut deleted = Ok(());
    // Photos that are not there have no key, in either root.
    let stands = |upload: &Upload| uploads.iter().any(|kept| kept.key == upload.key);
    for upload in root.uploads.iter().filter(|upload| !stands(upload)) {
        for chunk in 0..upload.chunks {
            deleted = effects.delete(&upload.chunk(chunk)).await.and(deleted);
        }
    }
    fn parts(root: &Root) -> impl Iterator<Item = &Part> {
        let library = root.retry.iter().flat_map(|retry| &retry.library);
        root.plan.iter().chain(library).chain(&root.report)
    }
    for part in parts(root) {
        if !standing.is_some_and(|standing| parts(standing).any(|kept| kept == part)) {
            deleted = effects.delete(&part.key).await.and(deleted);
        }
    }
    deleted
}
