//! Lists in requests, which cost no more than what is used of them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Largest number of items that are kept of a list: more than any list may have.
const MOST_KEPT: usize = 2_000;

/// A list whose items beyond [`MOST_KEPT`] are counted only: an empty object of two bytes takes
/// seventy in memory, and the list is refused anyway.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T> {
    kept: Vec<T>,
    beyond: usize,
}

impl<T> List<T> {
    /// Number of items in the request.
    pub(super) fn count(&self) -> usize {
        self.kept.len() + self.beyond
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.kept
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = List {
                    kept: Vec::new(),
                    beyond: 0,
                };
                while list.kept.len() < MOST_KEPT {
                    match items.next_element()? {
                        Some(item) => list.kept.push(item),
                        None => return Ok(list),
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {
                    list.beyond += 1;
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// Serves the description of the API, which shows the defaults of fields.
#[cfg(test)]
impl<T: serde::Serialize> serde::Serialize for List<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.kept)
    }
}

#[cfg(test)]
impl<T: schemars::JsonSchema> schemars::JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<T>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_any_limit_is_counted_and_not_kept() {
        let many = format!("[{}\"\"]", "\"\",".repeat(100_000));
        let list: List<String> = serde_json::from_str(&many).unwrap();
        assert_eq!((list.count(), list.len()), (100_001, MOST_KEPT));
        let few: List<String> = serde_json::from_str("[\"a\", \"b\"]").unwrap();
        assert_eq!((few.count(), &few[1]), (2, &"b".to_owned()));
        for settings in [job::Settings::local(), job::Settings::cloud()] {
            assert!(settings.limits.max_batch_items <= MOST_KEPT);
        }
        const { assert!(crate::request::MAX_SYNCHRONOUS <= MOST_KEPT) };
    }
}
