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
use super::providers::{Asked, Awaited, Desks};
use crate::cadence::Expect;
use crate::effects::Effects;

/// Waves of items on their way through the providers. A wave asks in rounds, each for what the one
/// before did not find; while the first wave waits, those behind it ask.
pub(super) struct Flight<'a, E> {
    enrichment: &'a Enrichment,
    e: &'a E,
    desks: &'a Desks,
    /// Nothing is asked after this (monotonic) time.
    until: Option<Duration>,
    waves: VecDeque<Wave>,
    /// How many waves have landed: the number of the first.
    landed: usize,
    flying: FuturesUnordered<LocalBoxFuture<'a, (usize, Lookup, Asked)>>,
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

impl<'a, E: Effects> Flight<'a, E> {
    pub(super) fn new(
        enrichment: &'a Enrichment,
        e: &'a E,
        desks: &'a Desks,
        until: Option<Duration>,
    ) -> Self {
        Self {
            enrichment,
            e,
            desks,
            until,
            waves: VecDeque::new(),
            landed: 0,
            flying: FuturesUnordered::new(),
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
    pub(super) async fn first(&mut self) -> Vec<Found> {
        loop {
            self.send();
            if self.waves.front().is_none_or(Wave::is_over) {
                self.landed += 1;
                let wave = self.waves.pop_front();
                return wave.map_or_else(Vec::new, |wave| wave.search.finish());
            }
            if let Some((number, lookup, response)) = self.flying.next().await {
                self.answered(number, lookup, response);
            }
        }
    }

    /// Goes on while something else is done, whichever wave's turn it is.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            self.send();
            if self.flying.is_empty() {
                return work.await;
            }
            // What is to be sent goes first: a store may answer without ever letting anybody wait.
            match select(self.flying.next(), work.as_mut()).await {
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
    pub(super) fn expected(&self) -> Expect {
        let Some(wave) = self.waves.front() else {
            return self.desks.first_wave();
        };
        let Awaited { until, each } = wave.awaited.get();
        if wave.is_over() {
            Expect::In(Duration::ZERO)
        } else if each > Duration::ZERO {
            let first = until.saturating_sub(self.e.monotonic());
            Expect::Rounds { first, each }
        } else {
            self.desks.first_wave()
        }
    }

    /// Sends what may go out now, of the first wave first.
    fn send(&mut self) {
        for (behind, wave) in self.waves.iter_mut().enumerate() {
            wave.waiting.extend(wave.search.next());
            while self.flying.len() < self.enrichment.concurrency.max(1)
                && let Some(lookup) = wave.waiting.front()
            {
                let desk = &self.desks.0[lookup.provider.name()];
                // Nobody behind makes those in front wait for a rate.
                if behind > 0
                    && !desk
                        .borrow()
                        .has_spare(self.enrichment.concurrency, self.e.now())
                {
                    break;
                }
                let Some(lookup) = wave.waiting.pop_front() else {
                    break;
                };
                let request = self.enrichment.request(&wave.search, &lookup);
                let (enrichment, e, until) = (self.enrichment, self.e, self.until);
                let number = self.landed + behind;
                wave.out += 1;
                let awaited = wave.awaited.clone();
                self.flying.push(Box::pin(async move {
                    let response = enrichment.ask(e, desk, request, until, &awaited).await;
                    (number, lookup, response)
                }));
            }
        }
    }

    fn answered(&mut self, number: usize, lookup: Lookup, response: Asked) {
        let Some(wave) = self.waves.get_mut(number - self.landed) else {
            return;
        };
        wave.out -= 1;
        let desk = &self.desks.0[lookup.provider.name()];
        let answer = match response {
            Asked::Answered(body) => match wave.search.read(&lookup, &body) {
                Ok(records) => {
                    desk.borrow_mut().state.succeeded();
                    Answer::Records(records)
                }
                Err(error) => {
                    let mut desk = desk.borrow_mut();
                    desk.state.failed(self.e.now());
                    desk.changed = true;
                    self.e.log(
                        "provider-garbage",
                        serde_json::json!({"level": "warn",
                            "provider": lookup.provider.name(), "message": error.to_string()}),
                    );
                    Answer::Failed
                }
            },
            Asked::Failed => Answer::Failed,
            Asked::Refused => Answer::Refused,
        };
        wave.search.answered(lookup, answer);
    }
}
