//! Query strings.

use crate::error::ApiError;
use crate::results::Page;

/// The parameters of a request (`application/x-www-form-urlencoded`, WHATWG URL). Of a name that
/// is there twice the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<Parameter>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameter {
    name: String,
    value: String,
    /// Whether it is UTF-8.
    is_text: bool,
}

impl Parameter {
    /// `spelled` is as it stands in the query.
    fn new((name, value): (String, String), spelled: &str) -> Self {
        // A client may say U+FFFD, too.
        let replaced = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
        let meant = replaced(spelled) + spelled.to_lowercase().matches("%ef%bf%bd").count();
        Self {
            is_text: replaced(&name) + replaced(&value) == meant,
            name,
            value,
        }
    }
}

impl Query {
    /// Reads what follows the `?`; never fails: bytes that are no UTF-8 become U+FFFD.
    pub fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let spelled = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .zip(spelled)
                .map(|(pair, spelled)| Parameter::new(pair, spelled))
                .collect(),
        )
    }

    /// The value of `name`; `None` when it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|parameter| parameter.name == name);
        first
            .map(|parameter| parameter.value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of a parameter that may be given once only, because it says what a request is for.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it has two, or one that is no UTF-8.
    pub fn get_once(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|parameter| parameter.name == name);
        match values.next() {
            Some(first) if !first.is_text => Err(ApiError::invalid(name, "is no text in UTF-8")),
            Some(first) if values.any(|other| other.value != first.value) => {
                Err(ApiError::said_twice(name))
            }
            _ => Ok(self.get(name)),
        }
    }

    /// Whether `name` is `1` or `true`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "true"))
    }

    /// The value of `name` as a number.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is not a number, or below `least`.
    pub fn number(&self, name: &str, least: u32) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.parse()
            .ok()
            .filter(|number| *number >= least)
            .map(Some)
            .ok_or_else(|| {
                ApiError::invalid(name, format!("must be a whole number from {least} on"))
            })
    }

    /// `offset` and `limit`; `None` when neither is there.
    ///
    /// # Errors
    /// `INVALID_REQUEST`.
    pub fn page(&self) -> Result<Option<Page>, ApiError> {
        let offset = self.number("offset", 0)?;
        let limit = self.number("limit", 1)?;
        Ok((offset.is_some() || limit.is_some()).then(|| Page {
            offset: offset.unwrap_or(0),
            limit,
        }))
    }
}
