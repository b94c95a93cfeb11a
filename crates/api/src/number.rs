//! Numbers as deployed decoders read them.

use serde::{Serialize, Serializer};

/// A number that is written without a fraction when it has none: decoders in the field read `4`
/// where they expect an integer and fail on `4.0`, and clients compare bytes.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Whole(pub f64);

impl Serialize for Whole {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a small number without a fraction"
    )]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value) = *self;
        if value.fract() == 0.0 && value.abs() < 1e15 {
            serializer.serialize_i64(value as i64)
        } else {
            serializer.serialize_f64(value)
        }
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Whole {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number"})
    }
}

#[cfg(test)]
mod tests {
    use super::Whole;

    #[test]
    fn whole_numbers_have_no_fraction() {
        for (value, text) in [
            (4.0, "4"),
            (4.5, "4.5"),
            (0.0, "0"),
            (1.0, "1"),
            (0.33, "0.33"),
        ] {
            assert_eq!(serde_json::to_string(&Whole(value)).unwrap(), text);
        }
    }
}
