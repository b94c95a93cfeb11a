//! Several batches of look-ups under way at the same time, finished in order.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use books::{Answer, Found, Lookup, Near, Provider, Search, SpineLookup, SpineSearch, SpinesFound};
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use super::providers::{Awaited, Enrichment, Question, Reply, get};
use super::sessions::ProviderSessions;
use crate::cadence::Forecast;
use crate::effects::Effects;

/// A search that says what to ask and understands the answers, without doing any I/O.
pub(super) trait Inquiry {
    /// One request.
    type Lookup: 'static;
    /// The result of the whole search.
    type Outcome: Default;

    /// Takes the look-ups that can be sent now.
    fn next(&mut self) -> Vec<Self::Lookup>;
    /// The provider that a look-up asks.
    fn provider(lookup: &Self::Lookup) -> Provider;
    /// The request of a look-up.
    fn question(&self, enrichment: &Enrichment, lookup: &Self::Lookup) -> Question;
    /// Splits a look-up that asked for too much into two, if it can be split.
    fn split(&mut self, lookup: &Self::Lookup) -> Option<(Self::Lookup, Self::Lookup)>;
    /// Takes in the outcome of a look-up.
    fn answered(&mut self, lookup: Self::Lookup, answer: Answer);
    /// Ends the search.
    fn finish(self) -> Self::Outcome;
}

impl Inquiry for Search {
    type Lookup = Lookup;
    /// One outcome for each book, and what a person may choose from instead.
    type Outcome = (Vec<Found>, Vec<Vec<Near>>);

    fn next(&mut self) -> Vec<Lookup> {
        self.next()
    }

    fn provider(lookup: &Lookup) -> Provider {
        lookup.provider
    }

    fn question(&self, enrichment: &Enrichment, lookup: &Lookup) -> Question {
        Question {
            provider: lookup.provider,
            request: get(enrichment, self.request(lookup).url),
            reader: self.reader(lookup),
            books: lookup.items.len(),
        }
    }

    fn split(&mut self, lookup: &Lookup) -> Option<(Lookup, Lookup)> {
        self.split(lookup)
    }

    fn answered(&mut self, lookup: Lookup, answer: Answer) {
        self.answered(lookup, answer);
    }

    fn finish(mut self) -> (Vec<Found>, Vec<Vec<Near>>) {
        let near = self.take_near();
        (self.finish(), near)
    }
}

impl Inquiry for SpineSearch {
    type Lookup = SpineLookup;
    type Outcome = SpinesFound;

    fn next(&mut self) -> Vec<SpineLookup> {
        self.next()
    }

    fn provider(_: &SpineLookup) -> Provider {
        Provider::OpenLibrary
    }

    fn question(&self, enrichment: &Enrichment, lookup: &SpineLookup) -> Question {
        Question {
            provider: Provider::OpenLibrary,
            request: get(enrichment, self.request(lookup).url),
            reader: self.reader(),
            books: lookup.spines.len(),
        }
    }

    fn split(&mut self, lookup: &SpineLookup) -> Option<(SpineLookup, SpineLookup)> {
        self.split(lookup)
    }

    fn answered(&mut self, lookup: SpineLookup, answer: Answer) {
        let records = match answer {
            Answer::Records(records) | Answer::Part(records) => Some(records),
            Answer::Failed | Answer::Refused => None,
        };
        self.answered(&lookup, records);
    }

    fn finish(self) -> SpinesFound {
        self.finish()
    }
}

/// Waves of items on their way through the providers. A wave asks in rounds, each for what the one
/// before did not find; while the first wave waits, those behind it ask.
pub(super) struct WavePipeline<'a, E, S: Inquiry = Search> {
    enrichment: &'a Enrichment,
    effects: &'a E,
    sessions: &'a ProviderSessions,
    /// Monotonic time after which no request is sent.
    until: Option<Duration>,
    waves: VecDeque<Wave<S>>,
    /// Number of waves that have landed, and so the number of the first one in `waves`.
    completed: usize,
    in_flight: FuturesUnordered<LocalBoxFuture<'a, (usize, S::Lookup, Reply)>>,
    /// A task that goes on beside the requests and never ends.
    background: Option<LocalBoxFuture<'a, ()>>,
    /// Whether a look-up that cannot be sent in time ends without an answer, instead of the run.
    ends_unsent: bool,
}

/// The state of the first wave.
pub(super) enum FirstWave<T> {
    /// The wave is over, with this outcome; for a search for books, one for each of its items.
    Found(T),
    /// Requests wait for a provider that does not answer; the wave goes on when this is asked
    /// again.
    Waiting,
    /// The run has no time left for the wave.
    OutOfTime,
}

/// An event while requests are in flight.
enum Event<L> {
    Answered(usize, L, Reply),
    /// Some of the requests wait for a provider that does not answer.
    Waiting,
    /// No request is in flight.
    Idle,
}

/// One wave: its search, and its requests under way.
struct Wave<S: Inquiry> {
    search: S,
    waiting: VecDeque<S::Lookup>,
    out: usize,
    awaited: Rc<Cell<Awaited>>,
    /// Whether some of its requests could not be sent in time.
    is_out_of_time: bool,
}

impl<S: Inquiry> Wave<S> {
    /// Whether the wave has sent everything that can be sent, and has all answers.
    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.out == 0 && !self.is_out_of_time
    }
}

impl<'a, E: Effects, S: Inquiry> WavePipeline<'a, E, S> {
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
            background: None,
            ends_unsent: false,
        }
    }

    /// Lets `work`, which never ends, go on beside the requests.
    pub(super) fn with_background(mut self, work: impl Future<Output = ()> + 'a) -> Self {
        self.background = Some(work.boxed_local());
        self
    }

    /// Sets whether a look-up that cannot be sent in time ends without an answer.
    pub(super) fn ending_unsent(mut self, ends_unsent: bool) -> Self {
        self.ends_unsent = ends_unsent;
        self
    }

    pub(super) fn add(&mut self, search: S) {
        self.waves.push_back(Wave {
            search,
            waiting: VecDeque::new(),
            out: 0,
            awaited: Rc::default(),
            is_out_of_time: false,
        });
    }

    /// Waits for all answers to the first wave; those behind it come nearer meanwhile.
    pub(super) async fn finish_first_wave(&mut self) -> FirstWave<S::Outcome> {
        loop {
            self.send();
            if self.waves.front().is_none_or(Wave::is_over) {
                self.completed += 1;
                let wave = self.waves.pop_front();
                return FirstWave::Found(
                    wave.map_or_else(S::Outcome::default, |wave| wave.search.finish()),
                );
            }
            if self.waves.front().is_some_and(|wave| wave.is_out_of_time) {
                return FirstWave::OutOfTime;
            }
            match self.event().await {
                Event::Answered(number, lookup, reply) => self.answered(number, lookup, reply),
                Event::Waiting => return FirstWave::Waiting,
                Event::Idle => {}
            }
        }
    }

    /// Ends all waves as they are: what is not final counts as failed.
    pub(super) fn abandon(&mut self) -> Vec<S::Outcome> {
        self.in_flight.clear();
        let waves = self.waves.drain(..);
        waves.map(|wave| wave.search.finish()).collect()
    }

    async fn event(&mut self) -> Event<S::Lookup> {
        poll_fn(|context| {
            let answer = self.in_flight.poll_next_unpin(context);
            // After them: it tells the others what they ask.
            if let Some(work) = &mut self.background
                && work.poll_unpin(context).is_ready()
            {
                self.background = None;
            }
            match answer {
                Poll::Ready(Some((number, lookup, reply))) => {
                    Poll::Ready(Event::Answered(number, lookup, reply))
                }
                Poll::Ready(None) => Poll::Ready(Event::Idle),
                // Waits begin while requests are polled, nowhere else.
                Poll::Pending if self.sessions.take_new_wait() => Poll::Ready(Event::Waiting),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Drives all waves while `work` is done, whichever wave's turn it is.
    pub(super) async fn drive_while<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            self.send();
            if self.in_flight.is_empty() {
                return work.await;
            }
            // What is to be sent goes first: a store may answer without ever letting anybody wait.
            let step = poll_fn(|context| {
                if let Some(work) = &mut self.background {
                    let _ = work.poll_unpin(context);
                }
                match self.in_flight.poll_next_unpin(context) {
                    Poll::Ready(answer) => return Poll::Ready(Err(answer)),
                    Poll::Pending => {}
                }
                work.as_mut().poll(context).map(Ok)
            });
            match step.await {
                Ok(done) => return done,
                Err(Some((number, lookup, reply))) => self.answered(number, lookup, reply),
                Err(None) => {}
            }
        }
    }

    /// Expected time until the first wave lands; zero if all its answers are there.
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
        let most = self.sessions.most_in_flight(self.enrichment.concurrency);
        for (behind, wave) in self.waves.iter_mut().enumerate() {
            wave.waiting.extend(wave.search.next());
            while self.in_flight.len() < most
                && let Some(lookup) = wave.waiting.front()
            {
                let session = self.sessions.of(S::provider(lookup));
                // Nobody behind makes those in front wait.
                if behind > 0
                    && !session
                        .borrow()
                        .has_spare(self.enrichment.concurrency, self.effects)
                {
                    break;
                }
                let Some(lookup) = wave.waiting.pop_front() else {
                    break;
                };
                let question = wave.search.question(self.enrichment, &lookup);
                let (enrichment, effects, until) = (self.enrichment, self.effects, self.until);
                let sessions = self.sessions;
                let number = self.completed + behind;
                wave.out += 1;
                let awaited = wave.awaited.clone();
                self.in_flight.push(Box::pin(async move {
                    let reply = enrichment
                        .ask(effects, sessions, &question, until, &awaited)
                        .await;
                    (number, lookup, reply)
                }));
            }
        }
    }

    fn answered(&mut self, number: usize, lookup: S::Lookup, reply: Reply) {
        let Some(wave) = self.waves.get_mut(number - self.completed) else {
            return;
        };
        wave.out -= 1;
        let answer = match reply {
            Reply::Answered(records) => Answer::Records(records),
            Reply::Part(records) => Answer::Part(records),
            Reply::Failed => Answer::Failed,
            Reply::Refused => Answer::Refused,
            Reply::Split => match wave.search.split(&lookup) {
                Some((first, second)) => {
                    wave.waiting.push_front(second);
                    wave.waiting.push_front(first);
                    return;
                }
                None => Answer::Failed,
            },
            Reply::OutOfTime if self.ends_unsent => Answer::Refused,
            Reply::OutOfTime => {
                wave.is_out_of_time = true;
                return;
            }
        };
        wave.search.answered(lookup, answer);
    }
}
