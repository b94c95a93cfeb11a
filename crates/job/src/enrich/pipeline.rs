//! Several batches of look-ups under way at the same time, finished in order.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use books::{Answer, Found, Lookup, Search, Wanted};
use futures::StreamExt;
use futures::future::{Either, LocalBoxFuture, select};
use futures::stream::FuturesUnordered;

use super::Enrichment;
use super::providers::{Awaited, ProviderSessions, Reply};
use crate::cadence::Forecast;
use crate::effects::Effects;

/// Waves of items on their way through the providers. A wave asks in rounds, each for what the one
/// before did not find; while the first wave waits, those behind it ask.
pub(super) struct WavePipeline<'a, E> {
    enrichment: &'a Enrichment,
    effects: &'a E,
    sessions: &'a ProviderSessions,
    /// Nothing is asked after this (monotonic) time.
    until: Option<Duration>,
    waves: VecDeque<Wave>,
    /// How many waves have landed: the number of the first.
    completed: usize,
    in_flight: FuturesUnordered<LocalBoxFuture<'a, (usize, Lookup, Reply)>>,
}

/// One wave, as far as it is.
struct Wave {
    search: Search,
    waiting: VecDeque<Lookup>,
    out: usize,
    awaited: Rc<Cell<Awaited>>,
}

impl Wave {
    /// Whether it has sent everything that can be sent, and has all answers.
    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.out == 0
    }
}

impl<'a, E: Effects> WavePipeline<'a, E> {
    pub(super) fn new(
        enrichment: &'a Enrichment,
        effects: &'a E,
        sessions: &'a ProviderSessions,
        until: Option<Duration>,
    ) -> Self {
        Self {
            enrichment,
            effects,
            sessions,
            until,
            waves: VecDeque::new(),
            completed: 0,
            in_flight: FuturesUnordered::new(),
        }
    }

    pub(super) fn add(&mut self, wanted: Vec<Wanted>) {
        self.waves.push_back(Wave {
            search: Search::new(wanted, &self.enrichment.endpoints),
            waiting: VecDeque::new(),
            out: 0,
            awaited: Rc::default(),
        });
    }

    /// Waits for all answers to the first wave; those behind it come nearer meanwhile.
    pub(super) async fn finish_front(&mut self) -> Vec<Found> {
        loop {
            self.send();
            if self.waves.front().is_none_or(Wave::is_over) {
                self.completed += 1;
                let wave = self.waves.pop_front();
                return wave.map_or_else(Vec::new, |wave| wave.search.finish());
            }
            if let Some((number, lookup, response)) = self.in_flight.next().await {
                self.answered(number, lookup, response);
            }
        }
    }

    /// Goes on while something else is done, whichever wave's turn it is.
    pub(super) async fn drive_while<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            self.send();
            if self.in_flight.is_empty() {
                return work.await;
            }
            // What is to be sent goes first: a store may answer without ever letting anybody wait.
            match select(self.in_flight.next(), work.as_mut()).await {
                Either::Left((answer, _)) => {
                    if let Some((number, lookup, response)) = answer {
                        self.answered(number, lookup, response);
                    }
                }
                Either::Right((done, _)) => return done,
            }
        }
    }

    /// When the first wave may land; at once if all its answers are there.
    pub(super) fn forecast(&self) -> Forecast {
        let Some(wave) = self.waves.front() else {
            return self.sessions.first_wave();
        };
        let Awaited { until, each } = wave.awaited.get();
        if wave.is_over() {
            Forecast::In(Duration::ZERO)
        } else if each > Duration::ZERO {
            let first = until.saturating_sub(self.effects.monotonic());
            Forecast::Rounds { first, each }
        } else {
            self.sessions.first_wave()
        }
    }

    /// Sends what may go out now, of the first wave first.
    fn send(&mut self) {
        for (behind, wave) in self.waves.iter_mut().enumerate() {
            wave.waiting.extend(wave.search.next());
            while self.in_flight.len() < self.enrichment.concurrency.max(1)
                && let Some(lookup) = wave.waiting.front()
            {
                let session = &self.sessions.0[lookup.provider.name()];
                // Nobody behind makes those in front wait for a rate.
                if behind > 0
                    && !session
                        .borrow()
                        .has_spare(self.enrichment.concurrency, self.effects.now())
                {
                    break;
                }
                let Some(lookup) = wave.waiting.pop_front() else {
                    break;
                };
                let request = self.enrichment.request(&wave.search, &lookup);
                let (enrichment, effects, until) = (self.enrichment, self.effects, self.until);
                let number = self.completed + behind;
                wave.out += 1;
                let awaited = wave.awaited.clone();
                self.in_flight.push(Box::pin(async move {
                    let response = enrichment
                        .ask(effects, session, request, until, &awaited)
                        .await;
                    (number, lookup, response)
                }));
            }
        }
    }

    fn answered(&mut self, number: usize, lookup: Lookup, response: Reply) {
        let Some(wave) = self.waves.get_mut(number - self.completed) else {
            return;
        };
        wave.out -= 1;
        let session = &self.sessions.0[lookup.provider.name()];
        let answer = match response {
            Reply::Answered(body) => match wave.search.read(&lookup, &body) {
                Ok(records) => {
                    session.borrow_mut().state.succeeded();
                    Answer::Records(records)
                }
                Err(error) => {
                    let mut session = session.borrow_mut();
                    session.state.failed(self.effects.now());
                    session.changed = true;
                    self.effects.log(
                        "provider-garbage",
                        serde_json::json!({"level": "warn",
                            "provider": lookup.provider.name(), "message": error.to_string()}),
                    );
                    Answer::Failed
                }
            },
            Reply::Failed => Answer::Failed,
            Reply::Refused => Answer::Refused,
        };
        wave.search.answered(lookup, answer);
    }
}
