//! The body of a response that tells an error.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::Code;
use crate::time::Iso;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "ErrorAnswer"))]
pub(crate) struct Failed<'a> {
    #[cfg_attr(test, schemars(extend("const" = false)))]
    pub(super) success: bool,
    #[serde(serialize_with = "null")]
    pub(super) data: (),
    pub(super) error: Error<'a>,
    pub(super) metadata: Metadata<'a>,
}

fn null<S: Serializer>((): &(), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_none()
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Error<'a> {
    pub(super) code: Code,
    pub(super) message: &'a str,
    pub(super) retryable: bool,
    /// Time to wait before the request is sent again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after_ms: Option<u64>,
    pub(super) details: Map<String, Value>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, schemars(rename = "ErrorMetadata"))]
pub(super) struct Metadata<'a> {
    pub(super) timestamp: Iso,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<&'a str>,
}
