//! Faults of a stand-in: what it does instead of answering as the real provider would on a good
//! day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::stable_hash;

/// Treatment of the requests that arrive after the server was told so.
///
/// As JSON (`POST /__behave`): `{"fault": "hang", "when": {"first": 3}, "delay_ms": 200}`; every
/// field may be left out, and `{}` is a healthy server again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The fault; `None`: none.
    pub fault: Option<Fault>,
    /// The requests that the fault happens to.
    pub when: When,
    /// Delay of these requests, in milliseconds, on top of the server's own.
    pub delay_ms: u64,
}

/// A selection among the requests since the behaviour was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// All requests.
    #[default]
    Always,
    /// The first n requests; the server is well afterwards.
    First(u64),
    /// All requests but the first n.
    After(u64),
    /// Every n-th request: the n-th, the 2n-th, and so on. Zero is none.
    Every(u64),
    /// This many in a hundred, the same ones each time.
    Percent(u64),
    /// Requests that arrive within so many milliseconds after the server was told so.
    Within(u64),
    /// Requests that ask for the book of this ISBN by its number, alone or with others.
    Isbn(u64),
}

/// A fault in the treatment of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A response with this status, the provider's own error body, and `Retry-After` when given.
    Status {
        /// HTTP status, 200 to 599.
        code: u16,
        /// Value of `Retry-After`: seconds or an HTTP date.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 200 with bytes that are neither JSON nor UTF-8.
    Garbage,
    /// 200 with the first half of the right answer, as if that were all.
    HalfJson,
    /// The head and half of the announced body, then the connection closes.
    CutShort,
    /// The head and half of the announced body, then nothing more, connection open.
    Stall,
    /// The request is read and never answered.
    Hang,
    /// The right answer, once the server has been told to behave in another way.
    Hold,
    /// The connection closes without an answer.
    Reset,
    /// 200 with works of which no edition is told, as Open Library's search does at times. No
    /// effect elsewhere.
    NoEditions,
    /// 200 with other books than the one asked for, as Google Books lists for some ISBNs: one
    /// without any number, one with its own. No effect elsewhere.
    OtherBook,
    /// A well-formed answer with an error of vision models. No effect on metadata providers.
    Vision(Quirk),
}

/// An error of a vision model in an answer that is otherwise in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// A safety block: no content, a reason instead.
    Refuse,
    /// The picture passed, the answer was filtered.
    Filtered,
    /// The token limit cuts the JSON in the middle of a book.
    Truncate,
    /// The JSON stands in a Markdown code fence, with a sentence before it.
    Fence,
    /// Prose, no JSON at all.
    Nonsense,
    /// Boxes in pixels of the picture sent, whatever was asked for.
    Pixels,
    /// Boxes in 0..1, whatever was asked for.
    Fractions,
    /// A missing confidence, for every book.
    NoConfidence,
    /// Every book twice, the second time in capitals and less sure.
    Duplicates,
    /// Every third book has an empty title.
    EmptyTitles,
    /// An empty list of books.
    Empty,
    /// The answer is withheld because it is printed text known by heart.
    Recite,
    /// The quota of the day is used up, or nothing is paid for.
    QuotaUsedUp,
    /// The list stands among the thoughts, and the answer is empty.
    Thought,
    /// Thoughts without a list, and an empty answer.
    OnlyThought,
    /// Boxes with the horizontal coordinate first, as the Qwen family gives them.
    HorizontalFirst,
    /// A server at home whose model sees no pictures.
    Blind,
}

impl Fault {
    /// Makes a behaviour with this fault for every request.
    pub fn always(self) -> Behaviour {
        self.when(When::Always)
    }

    /// Makes a behaviour with this fault for the first `n` requests.
    pub fn first(self, n: u64) -> Behaviour {
        self.when(When::First(n))
    }

    /// Makes a behaviour with this fault for the requests that `when` selects.
    pub fn when(self, when: When) -> Behaviour {
        Behaviour {
            fault: Some(self),
            when,
            delay_ms: 0,
        }
    }
}

impl Behaviour {
    /// A healthy server that takes this long for every request.
    pub fn slow(delay: Duration) -> Self {
        Self {
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            ..Self::default()
        }
    }

    /// Whether the fault happens to the `n`-th request (from 1) since the behaviour was set, which
    /// has this query.
    pub(crate) fn applies_to(&self, n: u64, age: Duration, query: &str) -> bool {
        match self.when {
            When::Always => true,
            When::First(count) => n <= count,
            When::After(count) => n > count,
            When::Every(step) => step != 0 && n.is_multiple_of(step),
            When::Percent(share) => stable_hash(&[n.to_string()]) % 100 < share,
            When::Within(time) => age < Duration::from_millis(time),
            When::Isbn(isbn) => query.contains(&isbn.to_string()),
        }
    }
}

impl From<Quirk> for Fault {
    fn from(quirk: Quirk) -> Self {
        Self::Vision(quirk)
    }
}
