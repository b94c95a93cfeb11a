//! Times as JSON documents hold them.

use chrono::{DateTime, SecondsFormat, Utc};
use job::Time;
use serde::{Serialize, Serializer};

/// The last moment with a four-digit year: 9999-12-31T23:59:59.999Z.
const LAST: u64 = 253_402_300_799_999;

/// `time` as ISO 8601 in UTC with milliseconds: `2026-01-31T09:15:02.125Z`.
pub fn iso(time: Time) -> String {
    Iso(time).to_string()
}

/// A moment that is written as ISO 8601 in UTC with milliseconds: `2026-01-31T09:15:02.125Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Iso(pub Time);

impl std::fmt::Display for Iso {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = i64::try_from(self.0.0.min(LAST)).unwrap_or_default();
        let time: DateTime<Utc> = DateTime::from_timestamp_millis(millis).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Iso {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "ISO 8601 in UTC with milliseconds",
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_a_zone() {
        for (millis, text) in [
            (1_769_850_902_125, "2026-01-31T09:15:02.125Z"),
            (1_769_850_890_000, "2026-01-31T09:14:50.000Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Iso(Time(millis)).to_string(), text);
        }
    }
}
