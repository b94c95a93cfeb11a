//! The look-up stage: waves of items through the metadata providers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use books::{Answer, Endpoints, Found, Lookup, Provider, Search, Wanted};
use futures::StreamExt;
use futures::future::{Either, LocalBoxFuture, select};
use futures::stream::FuturesUnordered;

use crate::document::{Item, Root, Stage};
use crate::effects::{Effects, HttpError, Request, Response, StoreError, Time, send_within};
use crate::keys;
use crate::provider::{Manners, PATIENCE, ProviderState, retry_after};
use crate::run::{Expect, Run, Stop};
use crate::work::{Done, Worker};

/// What a provider means that has had too many requests and does not say for how long.
const UNTOLD_PATIENCE: Duration = Duration::from_secs(60);
/// What a run keeps back of its budget for committing what a wave has found.
const COMMIT_TIME: Duration = Duration::from_secs(3);
/// How many waves ask at the same time. They are committed one by one; a run that dies has asked for
/// so many in vain.
const WAVES_AT_ONCE: usize = 4;
/// The pause before a failed request is tried once more.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How the metadata providers are asked.
#[derive(Clone, Debug)]
pub struct Enrichment {
    /// Where they are.
    pub endpoints: Endpoints,
    /// Who we are: names the application and a contact.
    pub user_agent: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// Requests in flight at the same time.
    pub concurrency: usize,
    /// How much Open Library may be asked.
    pub open_library: Manners,
    /// How much Google Books may be asked.
    pub google_books: Manners,
}

/// A provider's state as a run has it in hand.
struct Desk {
    state: ProviderState,
    manners: Manners,
    asked: u32,
    timed_out: u32,
    changed: bool,
}

impl Desk {
    /// Whether as many requests as may be in flight could go out now without waiting, and one more.
    fn has_spare(&self, concurrency: usize, now: Time) -> bool {
        let needed = u32::try_from(concurrency).unwrap_or(u32::MAX);
        self.state.spare(self.manners, now) > f64::from(needed)
    }
}

/// The providers' states as a run has them in hand, shared by all requests in flight.
pub struct Desks(BTreeMap<&'static str, RefCell<Desk>>);

impl Desks {
    /// Requests made, by provider.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, u32> {
        self.0
            .iter()
            .map(|(name, desk)| ((*name).to_owned(), desk.borrow().asked))
            .filter(|(_, asked)| *asked > 0)
            .collect()
    }

    /// Whether a provider did not answer in time.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0.values().any(|desk| desk.borrow().timed_out > 0)
    }

    /// How long until the first provider's breaker closes, if one is open.
    #[must_use]
    pub fn open<E: Effects>(&self, e: &E) -> Option<(&'static str, Duration)> {
        self.0
            .iter()
            .find_map(|(name, desk)| Some((*name, desk.borrow().state.open_for(e.now())?)))
    }

    /// As [`first_wave`].
    fn first_wave(&self) -> Expect {
        let desk = self.0.get(Provider::OpenLibrary.name());
        after_answers(desk.and_then(|desk| desk.borrow().state.answers_in()))
    }

    /// Tells the other runs what has become of the providers.
    pub async fn save<E: Effects>(&self, e: &E) {
        for (name, desk) in &self.0 {
            if !std::mem::take(&mut desk.borrow_mut().changed) {
                continue;
            }
            // Approximate by design: a lost update costs politeness, not correctness.
            let stored = ProviderState::load(e, name).await.unwrap_or_default();
            let state = desk.borrow().state.merged(&stored);
            if state.save(e, name).await.is_ok() {
                desk.borrow_mut().state = state;
            }
        }
    }
}

/// When the first wave of a job may be expected of which no request has been sent yet.
pub(crate) async fn first_wave<E: Effects>(e: &E) -> Expect {
    let state = ProviderState::load(e, Provider::OpenLibrary.name()).await;
    after_answers(state.unwrap_or_default().answers_in())
}

fn after_answers(each: Option<Duration>) -> Expect {
    match each {
        Some(each) => Expect::Rounds { first: each, each },
        None => Expect::Unknown,
    }
}

/// The answers that a wave waits for.
#[derive(Clone, Copy, Default)]
struct Awaited {
    /// When (monotonic) all are expected to what has been sent.
    until: Duration,
    /// How long the slowest provider takes for one; zero when nothing is known.
    each: Duration,
}

/// The different books of a request, in its order: what is asked twice is looked up once.
#[must_use]
pub fn distinct(wanted: Vec<Wanted>) -> Vec<Wanted> {
    let mut seen = HashSet::new();
    wanted
        .into_iter()
        .filter(|wanted| {
            let keys = books::same_book_key(wanted);
            let key = (keys.isbn, keys.title_author, wanted.work_id.clone());
            // What names nothing is nobody's duplicate.
            key == (None, None, None) || seen.insert(key)
        })
        .collect()
}

impl Enrichment {
    fn manners(&self, provider: Provider) -> Manners {
        match provider {
            Provider::OpenLibrary => self.open_library,
            Provider::GoogleBooks => self.google_books,
        }
    }

    /// Reads what is known of the providers; `asked` is what the job has asked them before.
    ///
    /// # Errors
    /// The store's.
    pub async fn desks<E: Effects>(
        &self,
        e: &E,
        asked: &BTreeMap<String, u32>,
    ) -> Result<Desks, StoreError> {
        let mut desks = BTreeMap::new();
        for provider in [Provider::OpenLibrary, Provider::GoogleBooks] {
            let name = provider.name();
            desks.insert(
                name,
                RefCell::new(Desk {
                    state: ProviderState::load(e, name).await?,
                    manners: self.manners(provider),
                    asked: asked.get(name).copied().unwrap_or(0),
                    timed_out: 0,
                    changed: false,
                }),
            );
        }
        Ok(Desks(desks))
    }

    /// Looks items up: one answer each, in order. Never fails: what cannot be asked, or not before
    /// the (monotonic) time `until`, is an answer too.
    pub async fn look_up<E: Effects>(
        &self,
        e: &E,
        desks: &Desks,
        wanted: Vec<Wanted>,
        until: Option<Duration>,
    ) -> Vec<Found> {
        let mut flight = Flight::new(self, e, desks, until);
        flight.add(wanted);
        flight.first().await
    }

    fn request(&self, search: &Search, lookup: &Lookup) -> Request {
        let mut request = Request::get(search.request(lookup).url);
        request.headers = vec![
            ("user-agent".to_owned(), self.user_agent.clone()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        request
    }

    async fn ask<E: Effects>(
        &self,
        e: &E,
        desk: &RefCell<Desk>,
        request: Request,
        until: Option<Duration>,
        awaited: &Cell<Awaited>,
    ) -> Asked {
        let left = |e: &E| match until {
            Some(until) => until.saturating_sub(e.monotonic()).min(self.timeout),
            None => self.timeout,
        };
        for attempt in 0..2 {
            if left(e) == Duration::ZERO {
                return Asked::Refused;
            }
            let wait = {
                let mut desk = desk.borrow_mut();
                if desk.state.open_for(e.now()).is_some() || desk.asked >= desk.manners.per_job {
                    return Asked::Refused;
                }
                desk.asked += 1;
                desk.changed = true;
                let manners = desk.manners;
                desk.state.take(manners, e.now())
            };
            let each = desk.borrow().state.answers_in().unwrap_or_default();
            let before = awaited.get();
            awaited.set(Awaited {
                until: before.until.max(e.monotonic() + wait + each),
                each: before.each.max(each),
            });
            if wait > Duration::ZERO {
                e.sleep(until.map_or(wait, |until| wait.min(until.saturating_sub(e.monotonic()))))
                    .await;
                if desk.borrow().state.open_for(e.now()).is_some() {
                    desk.borrow_mut().asked -= 1;
                    return Asked::Refused;
                }
            }
            let sent = e.monotonic();
            let result = send_within(e, left(e), request.clone()).await;
            let timed_out = matches!(result, Err(HttpError::TimedOut));
            let mut pause = RETRY_PAUSE;
            match classify(result) {
                Verdict::Good(body) => {
                    let mut desk = desk.borrow_mut();
                    desk.state.answered_in(e.monotonic().saturating_sub(sent));
                    desk.changed = true;
                    return Asked::Answered(body);
                }
                Verdict::Later(time) => {
                    if time > PATIENCE || attempt > 0 {
                        desk.borrow_mut().state.refused_for(e.now(), time);
                        return Asked::Refused;
                    }
                    desk.borrow_mut().state.hold(e.now(), time);
                    pause = Duration::ZERO;
                }
                Verdict::Bad(reason, again) => {
                    e.log(
                        "provider-failed",
                        serde_json::json!({"level": "warn", "url": host_of(&request.url), "message": reason}),
                    );
                    let mut desk = desk.borrow_mut();
                    if timed_out {
                        desk.state.timed_out(e.now());
                        desk.timed_out += 1;
                        return Asked::Failed;
                    }
                    desk.state.failed(e.now());
                    if !again {
                        return Asked::Failed;
                    }
                }
            }
            if attempt == 0 {
                e.sleep(pause).await;
            }
        }
        Asked::Failed
    }
}

/// Waves of items on their way through the providers. A wave asks in rounds, each for what the one
/// before did not find; while the first wave waits, those behind it ask.
struct Flight<'a, E> {
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
    fn new(
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

    fn add(&mut self, wanted: Vec<Wanted>) {
        self.waves.push_back(Wave {
            search: Search::new(wanted, &self.enrichment.endpoints),
            waiting: VecDeque::new(),
            out: 0,
            awaited: Rc::default(),
        });
    }

    /// Waits for all answers to the first wave; those behind it come nearer meanwhile.
    async fn first(&mut self) -> Vec<Found> {
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
    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
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
    fn expected(&self) -> Expect {
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

enum Asked {
    Answered(Vec<u8>),
    Failed,
    Refused,
}

enum Verdict {
    Good(Vec<u8>),
    Later(Duration),
    /// Whether the same request may fare better.
    Bad(String, bool),
}

fn classify(result: Result<Response, HttpError>) -> Verdict {
    match result {
        Ok(response) if response.status == 200 => Verdict::Good(response.body),
        Ok(response) if matches!(response.status, 429 | 503) => match retry_after(&response) {
            Some(time) => Verdict::Later(time),
            None if response.status == 429 => Verdict::Later(UNTOLD_PATIENCE),
            None => Verdict::Bad(format!("status {}", response.status), true),
        },
        Ok(response) => Verdict::Bad(
            format!("status {}", response.status),
            response.status >= 500,
        ),
        Err(error) => Verdict::Bad(error.to_string(), true),
    }
}

/// The part of a URL that may be logged: queries can carry keys.
fn host_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

impl<E: Effects> Worker<E> for Enrichment {
    fn does(&self, root: &Root) -> bool {
        root.stage == Stage::Enriching
            || (root.stage == Stage::Queued && root.pipeline.first_stage() == Stage::Enriching)
    }

    async fn work(&self, run: &mut Run<'_, E>) -> Result<Done, Stop> {
        let e = run.e;
        let desks = run
            .insist(async || self.desks(e, &run.root.requests).await)
            .await?;
        if run.root.stage == Stage::Queued {
            run.commit(desks.first_wave(), |root| root.stage = Stage::Enriching)
                .await?;
        }
        // Read for good by the stage before. The root goes on naming them until the next commit,
        // so that whoever does this again after a crash deletes them again.
        run.delete_uploads().await?;
        let result = self.waves(run, &desks).await;
        desks.save(e).await;
        result
    }
}

impl Enrichment {
    async fn waves<E: Effects>(&self, run: &mut Run<'_, E>, desks: &Desks) -> Result<Done, Stop> {
        let mut plan = Plan::default();
        let mut took = Duration::ZERO;
        let allowance = self.timeout * 2 + Duration::from_secs(1);
        // A platform that ends requests gets what could be asked in time.
        let mut flight = Flight::new(self, run.e, desks, run.deadline(COMMIT_TIME));
        let mut begun = VecDeque::new();
        let mut next = run.root.stored();
        while run.root.stored() < run.root.total {
            while next < run.root.total && begun.len() < WAVES_AT_ONCE {
                let is_timed = took > Duration::ZERO;
                if is_timed && !run.has_time_for(allowance.max(took)) {
                    break;
                }
                // How many fit a budget is known when one has been done.
                if !is_timed && !begun.is_empty() && run.settings.run_budget.is_some() {
                    break;
                }
                let items = plan.wave(run, next).await?;
                flight.add(items.iter().map(|item| item.wanted.clone()).collect());
                next = next.saturating_add(u32::try_from(items.len()).unwrap_or(u32::MAX));
                begun.push_back((run.e.monotonic(), items));
            }
            let Some((start, mut items)) = begun.pop_front() else {
                return Ok(Done::HandOver);
            };
            let found = run.guarded(async { Ok(flight.first().await) }).await?;
            for (item, found) in items.iter_mut().zip(found) {
                item.found = Some(found);
            }
            took = run.e.monotonic().saturating_sub(start);
            let succeeded = items.iter().filter(|item| item.succeeded()).count();
            let requests = desks.asked();
            let finished = u32::try_from(items.len()).unwrap_or(u32::MAX);
            let wait = run.until_commit();
            if wait > Duration::ZERO {
                run.guarded(async {
                    flight.beside(run.e.sleep(wait)).await;
                    Ok(())
                })
                .await?;
            }
            let segments = flight
                .beside(run.write_items(keys::segment, &items))
                .await?;
            let expect = match flight.expected() {
                // The end follows at once.
                _ if begun.is_empty() && next >= run.root.total => Expect::In(Duration::ZERO),
                Expect::In(time) => Expect::In(time.max(run.settings.commit_interval)),
                expect => expect,
            };
            run.commit(expect, |root| {
                root.segments.extend(segments);
                let succeeded = u32::try_from(succeeded).unwrap_or(u32::MAX);
                root.succeeded += succeeded;
                root.failed += finished.saturating_sub(succeeded);
                root.title = items
                    .iter()
                    .rev()
                    .find(|item| !item.wanted.title.is_empty())
                    .map_or_else(String::new, |item| shorten(&item.wanted.title));
                root.requests = requests;
                root.uploads.clear();
            })
            .await?;
            desks.save(run.e).await;
        }
        Ok(Done::Finished(Stage::Complete, None))
    }
}

/// Titles in the root are for show.
fn shorten(title: &str) -> String {
    match title.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.to_owned(),
    }
}

/// The part of the plan that was read last.
#[derive(Default)]
struct Plan {
    key: String,
    items: Vec<Item>,
}

impl Plan {
    /// The items of the wave that begins with item `from`: up to the next multiple of the job's wave
    /// size, so that every run that does this wave does the same one.
    async fn wave<E: Effects>(&mut self, run: &Run<'_, E>, from: u32) -> Result<Vec<Item>, Stop> {
        let root = &run.root;
        let wave = root.wave.max(1);
        let to = ((from / wave + 1).saturating_mul(wave)).min(root.total);
        let mut items = Vec::new();
        let mut first = 0;
        for part in &root.plan {
            let next = first + part.count;
            if next > from && first < to {
                if self.key != part.key {
                    self.items = run.part(part).await?;
                    self.key.clone_from(&part.key);
                }
                let start = (from.max(first) - first) as usize;
                let end = (to.min(next) - first) as usize;
                items.extend_from_slice(
                    self.items
                        .get(start..end)
                        .ok_or_else(|| Stop::Damaged(format!("{} is short", part.key)))?,
                );
            }
            first = next;
        }
        if items.is_empty() {
            return Err(Stop::Damaged("the plan ends before the job".to_owned()));
        }
        Ok(items)
    }
}
