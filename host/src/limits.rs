//! Limits of a platform on its applications, so that one can be tried here before it is deployed
//! there.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A platform with known limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Platform {
    /// Only the machine's limits: what `spin up` does.
    Local,
    /// Fermyon Cloud.
    FermyonCloud,
    /// Akamai Functions (Fermyon Wasm Functions).
    AkamaiFunctions,
}

impl Platform {
    /// The platform's limits.
    pub fn limits(self) -> Limits {
        const MEGABYTE: u64 = 1_000_000;
        const MEBIBYTE: u64 = 1 << 20;
        match self {
            Self::Local => Limits::default(),
            Self::FermyonCloud => Limits {
                handler: Some(Duration::from_secs(30)),
                request_body: Some(10 * MEGABYTE),
                response_body: Some(10 * MEGABYTE),
                value: Some(MEGABYTE),
                key: Some(255),
                keys: Some(1_024),
                outbound_per_hour: Some(500),
                ..Limits::default()
            },
            Self::AkamaiFunctions => Limits {
                handler: Some(Duration::from_secs(30)),
                request_body: Some(10 * MEBIBYTE),
                response_body: Some(10 * MEBIBYTE),
                memory: Some(128 * MEBIBYTE),
                value: Some(MEGABYTE),
                key: Some(8_000),
                reads_per_second: Some(1_000),
                writes_per_second: Some(50),
                ..Limits::default()
            },
        }
    }
}

/// Bounds on what an application may do; `None` is no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Time that a handler may run, from instantiation to its end; then it is dropped where it
    /// stands.
    pub handler: Option<Duration>,
    /// Largest size of a request's body, in bytes. A longer one that is announced is answered 413,
    /// another fails while it is read.
    pub request_body: Option<u64>,
    /// Largest size of a response's body, in bytes; a longer one is cut there and the transfer
    /// fails.
    pub response_body: Option<u64>,
    /// Largest size of one instance's linear memory, in bytes; growing beyond fails.
    pub memory: Option<u64>,
    /// Largest size of a stored value, in bytes.
    pub value: Option<u64>,
    /// Longest key, in bytes.
    pub key: Option<u64>,
    /// Largest number of keys in a store.
    pub keys: Option<u64>,
    /// Largest number of key-value reads in any second.
    pub reads_per_second: Option<u64>,
    /// Largest number of key-value writes in any second.
    pub writes_per_second: Option<u64>,
    /// Largest number of outbound requests in any hour, those to the application itself not
    /// counted.
    pub outbound_per_hour: Option<u64>,
}

impl Limits {
    /// Replaces one limit.
    pub fn set(&mut self, limit: Limit) {
        match limit {
            Limit::Handler(value) => self.handler = value,
            Limit::RequestBody(value) => self.request_body = value,
            Limit::ResponseBody(value) => self.response_body = value,
            Limit::Memory(value) => self.memory = value,
            Limit::Value(value) => self.value = value,
            Limit::Key(value) => self.key = value,
            Limit::Keys(value) => self.keys = value,
            Limit::ReadsPerSecond(value) => self.reads_per_second = value,
            Limit::WritesPerSecond(value) => self.writes_per_second = value,
            Limit::OutboundPerHour(value) => self.outbound_per_hour = value,
        }
    }

    /// Whether any limit on key-value storage is set.
    pub fn bound_storage(&self) -> bool {
        [
            self.value,
            self.key,
            self.keys,
            self.reads_per_second,
            self.writes_per_second,
        ]
        .iter()
        .any(Option::is_some)
    }
}

/// One limit, as written `name=value`: `handler=5s`, `keys=100`, `value=none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name in `Limits`"
)]
pub enum Limit {
    Handler(Option<Duration>),
    RequestBody(Option<u64>),
    ResponseBody(Option<u64>),
    Memory(Option<u64>),
    Value(Option<u64>),
    Key(Option<u64>),
    Keys(Option<u64>),
    ReadsPerSecond(Option<u64>),
    WritesPerSecond(Option<u64>),
    OutboundPerHour(Option<u64>),
}

/// The error when a text is not a limit.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidLimit {
    /// The text is not `name=value`, or has an unknown name.
    #[error(
        "expected name=value, name one of handler, request-body, response-body, memory, value, key, keys, reads-per-second, writes-per-second, outbound-per-hour"
    )]
    Name,
    /// The value is neither `none` nor a number (`handler`: a duration such as 5s).
    #[error("expected a whole number, or a duration such as 5s for `handler`, or none")]
    Value,
}

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let (name, value) = text.split_once('=').ok_or(InvalidLimit::Name)?;
        if name == "handler" {
            return match value {
                "none" => Ok(Self::Handler(None)),
                _ => humantime::parse_duration(value)
                    .map(|value| Self::Handler(Some(value)))
                    .map_err(|_| InvalidLimit::Value),
            };
        }
        let limit = match name {
            "request-body" => Limit::RequestBody,
            "response-body" => Limit::ResponseBody,
            "memory" => Limit::Memory,
            "value" => Limit::Value,
            "key" => Limit::Key,
            "keys" => Limit::Keys,
            "reads-per-second" => Limit::ReadsPerSecond,
            "writes-per-second" => Limit::WritesPerSecond,
            "outbound-per-hour" => Limit::OutboundPerHour,
            _ => return Err(InvalidLimit::Name),
        };
        match value {
            "none" => Ok(limit(None)),
            _ => match value.parse() {
                Ok(number) => Ok(limit(Some(number))),
                Err(_) => Err(InvalidLimit::Value),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_limit_can_be_replaced() {
        let mut limits = Platform::FermyonCloud.limits();
        limits.set("handler=150ms".parse().unwrap());
        limits.set("keys=none".parse().unwrap());
        limits.set("outbound-per-hour=3".parse().unwrap());
        assert_eq!(limits.handler, Some(Duration::from_millis(150)));
        assert_eq!(limits.keys, None);
        assert_eq!(limits.outbound_per_hour, Some(3));
        assert_eq!(limits.value, Some(1_000_000));
    }

    #[test]
    fn nonsense_is_refused() {
        for (text, error) in [
            ("handler", InvalidLimit::Name),
            ("handlers=1", InvalidLimit::Name),
            ("handler=5", InvalidLimit::Value),
            ("keys=many", InvalidLimit::Value),
            ("keys=-1", InvalidLimit::Value),
        ] {
            assert_eq!(text.parse::<Limit>(), Err(error), "{text}");
        }
    }
}
