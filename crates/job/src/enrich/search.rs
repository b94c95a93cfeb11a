//! A client's search at a metadata provider, under the rate limit and the circuit breaker.

use std::cell::Cell;

use books::{Provider, Query, Record};

use super::providers::{Enrichment, Question, Reply, get};
use super::sessions::ProviderSessions;
use crate::effects::Effects;

/// The outcome of a search.
#[derive(Clone, Debug, PartialEq)]
pub enum Searched {
    /// A page of hits, which may hold none, and the number of hits in all.
    Hits(Vec<Record>, u64),
    /// The provider failed, or answered nonsense.
    Failed,
    /// The provider could not be asked: its breaker is open, or it takes no more for now.
    Refused,
}

impl Enrichment {
    /// Asks Open Library for a page of hits while a client waits.
    pub async fn search<E: Effects>(
        &self,
        effects: &E,
        sessions: &ProviderSessions,
        query: &Query,
    ) -> Searched {
        let Some(base) = &self.endpoints.open_library else {
            return Searched::Refused;
        };
        let question = Question {
            provider: Provider::OpenLibrary,
            request: get(self, query.request(base).url),
            reader: query.reader(),
            books: 1,
        };
        let awaited = Cell::default();
        let asked = self.ask(effects, sessions, &question, None, &awaited);
        match asked.await {
            Reply::Answered(mut records) | Reply::Part(mut records) => {
                records.truncate(query.limit as usize);
                Searched::Hits(records, question.reader.total())
            }
            Reply::Failed | Reply::Split | Reply::OutOfTime => Searched::Failed,
            Reply::Refused => Searched::Refused,
        }
    }
}
