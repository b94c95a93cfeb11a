//! The envelope around every response of a V2, `/api` and `/v1` route.

use std::time::Duration;

use job::Time;
use serde::Serialize;

use crate::time::Iso;

/// Time of a response, and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Time of the response.
    pub at: Time,
    /// Time since the request came.
    pub took: Duration,
}

/// `metadata` of a success.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Time of the response.
    timestamp: Iso,
    /// Processing time, in ms.
    processing_time: u64,
}

impl From<Answered> for Metadata {
    fn from(answered: Answered) -> Self {
        Self {
            timestamp: Iso(answered.at),
            processing_time: u64::try_from(answered.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "{T}Answer"))]
pub(crate) struct Success<'a, T> {
    #[cfg_attr(test, schemars(extend("const" = true)))]
    success: bool,
    data: &'a T,
    metadata: Metadata,
}

/// The body of a success.
pub fn success(data: &impl Serialize, answered: Answered) -> Vec<u8> {
    json(&Success {
        success: true,
        data,
        metadata: answered.into(),
    })
}

/// The body of a success whose `data` is spelled already, as [`success`] would spell it.
pub fn success_of(data: &[u8], answered: Answered) -> Vec<u8> {
    let metadata = json(&Metadata::from(answered));
    [
        br#"{"success":true,"data":"#,
        data,
        br#","metadata":"#,
        &metadata,
        b"}",
    ]
    .concat()
}

/// A `data` object that repeats in itself that it is a success.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Successful{T}"))]
struct Successful<'a, T> {
    #[cfg_attr(test, schemars(extend("const" = true)))]
    success: bool,
    #[serde(flatten)]
    fields: &'a T,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Flat{T}Answer"))]
pub(crate) struct WithFlatCopy<'a, T> {
    #[serde(flatten)]
    fields: Successful<'a, T>,
    data: Successful<'a, T>,
    metadata: Metadata,
}

/// Body of a success for clients of two generations: the fields of `data`, which must serialise as
/// an object, are repeated beside it, and `success` is repeated in it.
pub fn success_with_flat_copy(data: &impl Serialize, answered: Answered) -> Vec<u8> {
    let successful = || Successful {
        success: true,
        fields: data,
    };
    json(&WithFlatCopy {
        fields: successful(),
        data: successful(),
        metadata: answered.into(),
    })
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "{T}AnswerBeside{U}"))]
pub(crate) struct Beside<'a, T, U> {
    #[cfg_attr(test, schemars(extend("const" = true)))]
    success: bool,
    data: &'a T,
    metadata: Metadata,
    #[serde(flatten)]
    beside: &'a U,
}

/// Body of a success for clients of two generations that read different things: one reads `data`,
/// the other the fields of `beside`, which must serialise as an object, at the top level.
pub fn success_beside(
    data: &impl Serialize,
    beside: &impl Serialize,
    answered: Answered,
) -> Vec<u8> {
    json(&Beside {
        success: true,
        data,
        metadata: answered.into(),
        beside,
    })
}

/// The body of a response without an envelope, as the first apps decode it.
pub fn bare(data: &impl Serialize) -> Vec<u8> {
    json(data)
}

/// Serialises to JSON. Cannot fail: maps of this crate's types have texts as keys.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own types serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Data {
        #[serde(rename = "jobId")]
        id: &'static str,
    }

    const ANSWERED: Answered = Answered {
        at: Time(1_769_850_902_125),
        took: Duration::from_millis(3),
    };

    #[test]
    fn data_that_is_spelled_already_stands_in_the_same_envelope() {
        let data = json(&Data { id: "a" });
        assert_eq!(
            success_of(&data, ANSWERED),
            success(&Data { id: "a" }, ANSWERED)
        );
    }

    #[test]
    fn success_has_data_and_metadata() {
        assert_eq!(
            String::from_utf8(success(&Data { id: "a" }, ANSWERED)).unwrap(),
            r#"{"success":true,"data":{"jobId":"a"},"metadata":{"timestamp":"2026-01-31T09:15:02.125Z","processingTime":3}}"#
        );
    }

    #[test]
    fn fields_stand_beside_data_for_older_clients() {
        assert_eq!(
            String::from_utf8(success_with_flat_copy(&Data { id: "a" }, ANSWERED)).unwrap(),
            r#"{"success":true,"jobId":"a","data":{"success":true,"jobId":"a"},"metadata":{"timestamp":"2026-01-31T09:15:02.125Z","processingTime":3}}"#
        );
    }
}
