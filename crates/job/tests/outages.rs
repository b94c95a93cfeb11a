//! Whole jobs against providers that refuse, fail and are slow, in virtual time: nothing is lost to
//! a fault that passes, rates hold for all runs together, and nobody is asked twice for the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "outages/reading.rs"]
mod reading;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use books::{Endpoints, Found, GoogleBooks, Isbn, Wanted};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use job::effects::{
    Clock, Costs, Dispatch, DispatchError, Entropy, Http, HttpError, Log, Request, Response,
    RunRequest, Store, StoreError, Turn,
};
use job::{
    Cancellation, Engine, Enrichment, FirstStage, HandOver, Item, JobId, Keyring, MadeBy, Name,
    NewJob, Next, Pipeline, RateLimit, Root, Scan, Settings, Silence, Time,
};
use serde_json::{Value, json};
use vision::{BoundingBox, Detection, Vision, VisionKind};

/// The treatment of a request by a provider.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Treat {
    Answer,
    /// Answers after so many seconds.
    Slow(f64),
    Status(u16),
    /// Refuses, and says for how many seconds.
    RefuseFor(u16),
    /// Refuses as Google's services do, with this reason.
    Refuse(u16, &'static str),
    /// Answers nothing after 10 s to whoever asks for more than a few books, as Open Library does
    /// when its index has no time.
    CutAfterTenSeconds,
    /// Refuses whatever asks for this book.
    Filter(u32),
    Reset,
    Cut,
}

/// nginx's leaky bucket, as it stands before Open Library.
struct Bucket {
    per_second: f64,
    burst: f64,
    excess: f64,
    leaked: f64,
}

impl Bucket {
    fn admits(&mut self, now: f64) -> bool {
        let excess = (self.excess - (now - self.leaked) * self.per_second + 1.0).max(0.0);
        if excess > self.burst {
            return false;
        }
        (self.excess, self.leaked) = (excess, now);
        true
    }
}

type Plan = Box<dyn Fn(u32, f64) -> Treat>;

/// Everything outside of the processes.
struct World {
    /// The current time, in microseconds.
    now: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    ids: Cell<u64>,
    store: RefCell<BTreeMap<String, Vec<u8>>>,
    treat: RefCell<Plan>,
    bucket: RefCell<Option<Bucket>>,
    /// Times of requests, in seconds, and whether they were refused by the bucket.
    asked: RefCell<Vec<(f64, bool)>>,
    /// Times of all uses of the store, in seconds, and whether they were writes.
    used: RefCell<Vec<(f64, bool)>>,
    /// Times at which runs told the others of Open Library, in seconds.
    told: RefCell<Vec<f64>>,
    /// Times at which what was learned of books was written.
    learned: RefCell<Vec<Time>>,
    /// Number of roots that said until when they wait.
    waits: Cell<u32>,
    runs: RefCell<VecDeque<(JobId, Option<HandOver>)>>,
    started: Cell<u32>,
    /// Number of times that a lease was written.
    leases: Cell<usize>,
    /// Time by which those who sleep wake up late, by that number.
    late: Cell<fn(usize) -> Duration>,
    /// The vision models that were asked, and the bytes of each request.
    looked: RefCell<Vec<(&'static str, usize)>>,
    /// Number of books that each vision model can name in one answer.
    can_name: Cell<[usize; 2]>,
}

const START: u64 = 1_790_000_000_000_000;

impl World {
    fn new(treat: impl Fn(u32, f64) -> Treat + 'static) -> &'static Self {
        Box::leak(Box::new(Self {
            now: Cell::new(START),
            timers: RefCell::default(),
            ids: Cell::new(0),
            store: RefCell::default(),
            treat: RefCell::new(Box::new(treat)),
            bucket: RefCell::new(None),
            asked: RefCell::default(),
            used: RefCell::default(),
            told: RefCell::default(),
            learned: RefCell::default(),
            waits: Cell::new(0),
            runs: RefCell::default(),
            started: Cell::new(0),
            leases: Cell::new(0),
            late: Cell::new(|_| Duration::ZERO),
            looked: RefCell::default(),
            can_name: Cell::default(),
        }))
    }

    fn behind_bucket(treat: impl Fn(u32, f64) -> Treat + 'static) -> &'static Self {
        let world = Self::new(treat);
        *world.bucket.borrow_mut() = Some(Bucket {
            per_second: 3.0,
            burst: 25.0,
            excess: 0.0,
            leaked: 0.0,
        });
        world
    }

    fn seconds(&self) -> f64 {
        (self.now.get() - START) as f64 / 1e6
    }

    fn id(&self) -> u64 {
        self.ids.set(self.ids.get() + 1);
        self.ids.get()
    }

    fn refused(&self) -> usize {
        self.asked.borrow().iter().filter(|asked| asked.1).count()
    }

    fn requests(&self) -> usize {
        self.asked.borrow().len()
    }

    /// Goes on until nothing is left to do.
    fn run(&self, tasks: &mut Vec<LocalBoxFuture<'static, ()>>) {
        // Whatever happens, everybody looks whether it was for them.
        let mut context = Context::from_waker(Waker::noop());
        loop {
            tasks.retain_mut(|task| task.poll_unpin(&mut context).is_pending());
            if tasks.is_empty() {
                return;
            }
            let Some(((at, _), waker)) = self.timers.borrow_mut().pop_first() else {
                return;
            };
            assert!(at < START + 4 * 3_600_000_000, "it never ends");
            self.now.set(self.now.get().max(at));
            waker.wake();
        }
    }
}

/// The vision models, in the order in which they are asked.
const MODELS: [&str; 2] = ["http://first", "http://second"];

/// The books on the photo that vision models are asked about.
const ON_PHOTO: [&str; 6] = [
    "Silent Harbour",
    "The Winter Ferry",
    "Fire and Bone",
    "The Salt Road",
    "A Quiet Orchard",
    "Night Trains North",
];

impl World {
    /// The answer of a vision model, which is cut when it can name fewer books than there are.
    fn look_at_photo(&self, request: &Request) -> Option<Response> {
        let at = (MODELS.iter()).position(|model| request.url.starts_with(model))?;
        let mut looked = self.looked.borrow_mut();
        looked.push((MODELS[at], request.body.len()));
        let can_name = self.can_name.get()[at];
        let books: Vec<Value> = (ON_PHOTO.iter().take(can_name).enumerate())
            .map(|(n, title)| {
                json!({"title": title, "author": "Ann Lind", "isbn": "", "confidence": 0.9,
                    "box": [0, n * 100, 1_000, n * 100 + 90]})
            })
            .collect();
        let is_cut = can_name < ON_PHOTO.len();
        let content = json!({"books": books}).to_string();
        let body = match at {
            0 => json!({"choices": [{"message": {"content": content},
                "finish_reason": if is_cut { "length" } else { "stop" }}]}),
            _ => json!({"candidates": [{"content": {"parts": [{"text": content}]},
                "finishReason": if is_cut { "MAX_TOKENS" } else { "STOP" }}]}),
        };
        Some(Response {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        })
    }
}

#[derive(Clone, Copy)]
struct Process(&'static World);

impl Process {
    async fn pass(&self, duration: Duration) {
        let world = self.0;
        let at = world.now.get() + u64::try_from(duration.as_micros()).unwrap();
        let id = world.id();
        poll_fn(|context| {
            if world.now.get() >= at {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            world.timers.borrow_mut().insert((at, id), waker);
            Poll::Pending
        })
        .await;
    }
}

impl Store for Process {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.used.borrow_mut().push((self.0.seconds(), false));
        self.pass(Duration::from_micros(200)).await;
        Ok(self.0.store.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.used.borrow_mut().push((self.0.seconds(), true));
        self.pass(Duration::from_micros(500)).await;
        if key.ends_with("/lease") {
            self.0.leases.set(self.0.leases.get() + 1);
        }
        if key == "provider/openlibrary" {
            self.0.told.borrow_mut().push(self.0.seconds());
        }
        if key.starts_with("books/") {
            self.0.learned.borrow_mut().push(self.now());
        }
        if key.starts_with("job/")
            && let Ok(root) = serde_json::from_slice::<Root>(value)
            && root.waiting(root.updated).is_some()
        {
            self.0.waits.set(self.0.waits.get() + 1);
        }
        self.0
            .store
            .borrow_mut()
            .insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.store.borrow_mut().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.store.borrow().keys().cloned().collect())
    }
}

impl Http for Process {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let world = self.0;
        if let Some(response) = world.look_at_photo(&request) {
            return Ok(response);
        }
        let is_admitted = (world.bucket.borrow_mut().as_mut())
            .is_none_or(|bucket| bucket.admits(world.seconds()));
        world
            .asked
            .borrow_mut()
            .push((world.seconds(), !is_admitted));
        let answer = |status, body: String| {
            Ok(Response {
                status,
                headers: Vec::new(),
                body: body.into_bytes(),
            })
        };
        if !is_admitted {
            return answer(429, r#"{"status": 429}"#.to_owned());
        }
        let number = u32::try_from(world.requests()).unwrap();
        let treat = world.treat.borrow()(number, world.seconds());
        let time = match treat {
            Treat::Slow(seconds) => Duration::from_secs_f64(seconds),
            Treat::CutAfterTenSeconds if asks_for_many(&request.url) => {
                Duration::from_millis(10_050)
            }
            _ => Duration::from_millis(500),
        };
        self.pass(time).await;
        match treat {
            Treat::Status(status) => answer(status, "<html>".to_owned()),
            Treat::RefuseFor(seconds) => Ok(Response {
                status: 503,
                headers: vec![("retry-after".to_owned(), seconds.to_string())],
                body: Vec::new(),
            }),
            Treat::Refuse(status, reason) => answer(
                status,
                json!({"error": {"code": status, "errors": [{"domain": "usageLimits",
                    "reason": reason}], "status": "PERMISSION_DENIED"}})
                .to_string(),
            ),
            Treat::CutAfterTenSeconds if asks_for_many(&request.url) => {
                answer(200, r#"{"numFound": 0, "start": 0, "docs": []}"#.to_owned())
            }
            Treat::Filter(book) if asks_for(&request.url, book) => answer(403, "<html>".to_owned()),
            Treat::CutAfterTenSeconds | Treat::Filter(_) => answer(200, known(&request.url)),
            Treat::Reset => Err(HttpError::Failed("reset".to_owned())),
            Treat::Cut => answer(200, r#"{"docs": [{"ti"#.to_owned()),
            Treat::Answer | Treat::Slow(_) => answer(200, known(&request.url)),
        }
    }
}

impl Clock for Process {
    fn now(&self) -> Time {
        Time(self.0.now.get() / 1_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.now.get())
    }

    async fn sleep(&self, duration: Duration) {
        let late = self.0.late.get()(self.0.leases.get());
        self.pass(duration + late).await;
    }

    async fn yield_to_io(&self, _: Turn) {}
}

impl Entropy for Process {
    fn random(&self) -> [u8; 16] {
        let mut state = self.0.id().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        std::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as u8
        })
    }
}

impl Log for Process {
    fn log(&self, _: &str, _: Value) {}

    fn take_costs(&self) -> Costs {
        Costs::default()
    }
}

impl Dispatch for Process {
    async fn start_run(&self, request: RunRequest<'_>) -> Result<(), DispatchError> {
        let run = (request.root.id.clone(), request.hand_over.cloned());
        self.0.runs.borrow_mut().push_back(run);
        Ok(())
    }
}

fn title(n: u32) -> String {
    format!("Harbour {n} of Glass")
}

fn isbn(n: u32) -> String {
    let twelve = format!("978{n:09}");
    let digits = twelve.bytes().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .zip([1, 3].into_iter().cycle())
        .map(|(d, w)| d * w)
        .sum();
    format!("{twelve}{}", (10 - sum % 10) % 10)
}

/// Item `n`; a third of them have no ISBN.
fn item(n: u32) -> Item {
    Item::wanted(Wanted {
        title: title(n),
        author: "Ann Author".to_owned(),
        isbn: Isbn::parse(&isbn(n)).ok().filter(|_| !n.is_multiple_of(3)),
        ..Wanted::default()
    })
}

/// An answer of a provider that knows every book.
fn known(url: &str) -> String {
    let query = url.split("q=").nth(1).unwrap_or_default();
    let query = query.split('&').next().unwrap_or_default();
    let numbers: Vec<u32> = if query.starts_with("isbn") {
        let digits = query.split(|c: char| !c.is_ascii_digit());
        let isbns =
            digits.filter_map(|digits| digits.len().checked_sub(13).map(|at| &digits[at..]));
        isbns.map(|isbn| isbn[3..12].parse().unwrap()).collect()
    } else {
        let numbers = query.split("Harbour+").skip(1);
        numbers
            .filter_map(|text| text.split('+').next()?.parse().ok())
            .collect()
    };
    let doc = |n: &u32| {
        json!({"key": format!("/works/OL{}W", n + 1), "title": title(*n), "author_name": ["Ann Author"],
            "isbn": [isbn(*n)], "editions": {"docs": [{"key": format!("/books/OL{}M", n + 1),
            "title": title(*n), "isbn": [isbn(*n)]}]}})
    };
    if url.starts_with("http://google") {
        let volume = |n: &u32| {
            json!({"id": format!("v{n}"), "volumeInfo": {"title": title(*n), "authors": ["Ann Author"],
                "industryIdentifiers": [{"type": "ISBN_13", "identifier": isbn(*n)}]}})
        };
        let items: Vec<Value> = numbers.iter().map(volume).collect();
        return json!({"totalItems": items.len(), "items": items}).to_string();
    }
    let docs: Vec<Value> = numbers.iter().map(doc).collect();
    json!({"numFound": docs.len(), "docs": docs}).to_string()
}

fn asks_for_many(url: &str) -> bool {
    url.matches("+OR+").count() > 30
}

fn asks_for(url: &str, book: u32) -> bool {
    url.contains(&isbn(book)) || url.contains(&format!("Harbour+{book}+"))
}

fn enrichment() -> Enrichment {
    Enrichment {
        endpoints: Endpoints {
            open_library: Some("http://openlibrary".to_owned()),
            google_books: Some(GoogleBooks {
                base: "http://google".to_owned(),
                key: None,
                country: None,
            }),
            ..Endpoints::default()
        },
        user_agent: "test".to_owned(),
        timeout: Duration::from_secs(12),
        patience: Duration::from_secs(300),
        concurrency: 8,
        open_library: RateLimit {
            per_second: 3.0,
            burst: 20.0,
            max_per_job: 1_000,
        },
        google_books: RateLimit {
            per_second: 5.0,
            burst: 10.0,
            max_per_job: 250,
        },
    }
}

/// A job under a name of its own.
fn new_job(world: &World) -> NewJob {
    NewJob {
        name: Name::Ours(JobId::from_bytes(u128::from(world.id()).to_be_bytes())),
        pipeline: Pipeline::BatchEnrichment,
        made_by: MadeBy::BatchEnrich,
        token: false,
        provider: String::new(),
        client_ref: String::new(),
        client: None,
    }
}

/// Looks up lists of books, all at the same time, and answers how the jobs ended.
fn import_on(world: &'static World, settings: Settings, lists: Vec<Vec<Item>>) -> Vec<Root> {
    import_from(world, settings, enrichment(), lists)
}

/// Runs an import from these providers.
fn import_from(
    world: &'static World,
    settings: Settings,
    enrichment: Enrichment,
    lists: Vec<Vec<Item>>,
) -> Vec<Root> {
    let settings: &'static Settings = Box::leak(Box::new(settings));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let enrichment: &'static Enrichment = Box::leak(Box::new(enrichment));
    let engine = Engine::new(process, settings, keyring);
    let mut tasks = Vec::new();
    let mut ids = Vec::new();
    for items in lists {
        let new = new_job(world);
        ids.push(new.name.id().clone());
        let create = async move {
            let created = engine.create(&new, &items).await.unwrap();
            engine.run_created(created, None, enrichment).await;
        };
        tasks.push(create.boxed_local());
    }
    loop {
        world.run(&mut tasks);
        let Some((id, hand_over)) = world.runs.borrow_mut().pop_front() else {
            break;
        };
        world.started.set(world.started.get() + 1);
        let run = async move { engine.run(&id, hand_over, enrichment).await };
        tasks.push(run.boxed_local());
    }
    let store = world.store.borrow();
    let end = |id: &JobId| serde_json::from_slice(&store[&job::keys::end(id)]).unwrap();
    ids.iter().map(end).collect()
}

fn import(world: &'static World, lists: Vec<Vec<Item>>) -> Vec<Root> {
    import_on(world, Settings::local(), lists)
}

fn list(books: std::ops::Range<u32>) -> Vec<Item> {
    books.map(item).collect()
}

/// Looks once whether a job is still silent.
async fn still_silent(engine: Engine<'_, Process>, silence: Silence) -> Option<Silence> {
    let look = engine.look_at_silence(&silence.id).await;
    look.unwrap().still_silent(silence).await.unwrap()
}

/// Follows a job to its end. One that may leave does so when the job is silent, and comes back when
/// a look says so, as an edge does; returns how often it left.
async fn follow(
    (process, settings): (&Process, &Settings),
    engine: Engine<'_, Process>,
    id: JobId,
    may_leave: bool,
) -> usize {
    let (mut last, mut left) = (None, 0);
    loop {
        let state = engine.inspect(&id).await.unwrap();
        let observer = engine.observer(last, false);
        let mut watcher = engine
            .watch(id.clone(), observer, state)
            .may_leave(may_leave);
        let mut silence = loop {
            match watcher.next().await {
                Next::Notify(notification) => watcher.mark_delivered(&notification),
                Next::Silent(silence) => break Some(*silence),
                Next::Gone | Next::Over => return left,
            }
        };
        (last, left) = (Some(watcher.position()), left + 1);
        while let Some(mut kept) = silence {
            let now = process.now();
            if kept.beat <= now {
                kept.beat = now.plus(settings.heartbeat);
            }
            process.sleep(kept.pause(now, settings)).await;
            silence = still_silent(engine, kept).await;
        }
    }
}

/// The reads and writes from the tenth to the thirtieth second of a job whose provider answers
/// after a minute, with so many watchers, and how often each of them left.
fn used_in_silence(watchers: usize, may_leave: bool) -> ([usize; 2], Vec<usize>) {
    let world = World::new(|_, _| Treat::Slow(60.0));
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let settings: &'static Settings = Box::leak(Box::new(Settings::local()));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let enrichment: &'static Enrichment = Box::leak(Box::new(Enrichment {
        timeout: Duration::from_secs(100),
        ..enrichment()
    }));
    let engine = Engine::new(process, settings, keyring);
    let new = new_job(world);
    let id = new.name.id().clone();
    let create = async move {
        let created = engine.create(&new, &list(0..10)).await.unwrap();
        engine.run_created(created, None, enrichment).await;
    };
    let mut tasks = vec![create.boxed_local()];
    let left = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..watchers {
        let id = id.clone();
        let left = left.clone();
        let watch = async move {
            process.sleep(Duration::from_secs(1)).await;
            let times = follow((process, settings), engine, id, may_leave).await;
            left.borrow_mut().push(times);
        };
        tasks.push(watch.boxed_local());
    }
    world.run(&mut tasks);
    let end = &world.store.borrow()[&job::keys::end(&id)];
    let end: Root = serde_json::from_slice(end).unwrap();
    assert_eq!(end.succeeded, 10);
    let used = world.used.borrow();
    let in_silence = used.iter().filter(|(at, _)| (10.0..30.0).contains(at));
    let writes = in_silence.clone().filter(|(_, is_write)| *is_write).count();
    let reads = in_silence.count() - writes;
    ([reads, writes], left.take())
}

/// Every look whether a client cancels is one read, every renewal of the lease one more and a
/// write; a watcher's look is one read, and two more when it believed the lease until then.
#[test]
fn a_job_that_waits_for_its_provider_and_who_watches_it_use_the_store_rarely() {
    let ([reads, writes], _) = used_in_silence(0, false);
    let ([with_one, writes_with_one], _) = used_in_silence(1, false);
    let ([with_ten, writes_with_ten], left) = used_in_silence(10, false);
    assert_eq!(left, [0; 10]);
    println!("{reads} reads, {with_one} and {with_ten} with watchers; {writes} writes");
    assert!(reads <= 12, "{reads}");
    assert!(writes <= 4, "{writes}");
    assert!(with_one - reads <= 20, "{with_one}");
    assert!(with_ten - reads <= 200, "{with_ten}");
    assert_eq!([writes_with_one, writes_with_ten], [writes; 2]);
}

/// A job of two waves, whose provider answers both questions of the first after so many seconds
/// each, and those of the other: who sleeps wakes up late, and the first run ends it all the same.
fn wait_in_one_run(seconds: [f64; 2], late: fn(usize) -> Duration) {
    let world = World::new(move |number, _| Treat::Slow(seconds[usize::from(number > 2)]));
    world.late.set(late);
    let slow = Enrichment {
        timeout: Duration::from_secs(200),
        ..enrichment()
    };
    let settings = Settings {
        wave_items: 5,
        ..Settings::local()
    };
    let roots = import_from(world, settings, slow, vec![list(0..10)]);
    assert_eq!((roots[0].succeeded, roots[0].epoch.term), (10, 1));
}

/// Its lease is not new when it begins to wait, and every renewal is as late as the first may be.
#[test]
fn a_run_that_always_wakes_up_late_keeps_its_lease() {
    for late in [
        |_| Duration::from_millis(700),
        |_| Duration::from_millis(1_400),
    ] {
        wait_in_one_run([0.45, 60.0], late);
    }
}

/// A lease that has been renewed late lasts longer, however long its run has waited already.
#[test]
fn a_run_that_waits_for_long_keeps_its_lease_when_it_wakes_up_late() {
    wait_in_one_run([60.0; 2], |leases| {
        Duration::from_millis(match leases {
            7 => 1_200,
            8 => 3_000,
            _ => 0,
        })
    });
}

/// A run that waits looks rarely, but in time for who cancels its job at any moment.
#[test]
fn who_cancels_a_job_that_waits_for_its_provider_hears_that_it_is_over() {
    for at in 0..40_u64 {
        let world = World::new(|_, _| Treat::Slow(90.0));
        let process: &'static Process = Box::leak(Box::new(Process(world)));
        let settings: &'static Settings = Box::leak(Box::new(Settings::local()));
        let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
        let enrichment: &'static Enrichment = Box::leak(Box::new(Enrichment {
            timeout: Duration::from_secs(100),
            ..enrichment()
        }));
        let engine = Engine::new(process, settings, keyring);
        let new = new_job(world);
        let id = new.name.id().clone();
        let create = async move {
            let created = engine.create(&new, &list(0..10)).await.unwrap();
            engine.run_created(created, None, enrichment).await;
        };
        let cancel = async move {
            process.sleep(Duration::from_millis(500 + at * 730)).await;
            let canceled = engine.cancel(&id).await.unwrap();
            assert!(matches!(canceled, Cancellation::Ended(_)), "{canceled:?}");
        };
        world.run(&mut vec![create.boxed_local(), cancel.boxed_local()]);
    }
}

/// Who has left a silent job, and has somebody look, costs no more reads than who stays, and comes
/// back once: for what the job says next.
#[test]
fn who_leaves_a_silent_job_is_called_back_when_it_speaks() {
    let ([reads, writes], _) = used_in_silence(0, false);
    let ([with_ten, writes_with_ten], left) = used_in_silence(10, true);
    println!("{reads} reads, {with_ten} with ten who left");
    let ([with_ten_who_stay, _], _) = used_in_silence(10, false);
    assert_eq!(left, [1; 10]);
    assert!(
        with_ten <= with_ten_who_stay,
        "{with_ten_who_stay} of ten who stay"
    );
    assert_eq!(writes_with_ten, writes);
}

/// Leaves a job whose first run has died, while that run has its lease.
async fn leave(process: &Process, engine: Engine<'_, Process>, new: &NewJob) -> Silence {
    drop(engine.create(new, &list(0..10)).await.unwrap());
    process.sleep(Duration::from_secs(5)).await;
    let state = engine.inspect(new.name.id()).await.unwrap();
    let watcher = engine.watch(new.name.id().clone(), engine.observer(None, false), state);
    let mut watcher = watcher.may_leave(true);
    let Next::Notify(notification) = watcher.next().await else {
        panic!("it has not been told what the job is");
    };
    watcher.mark_delivered(&notification);
    match watcher.next().await {
        Next::Silent(silence) => *silence,
        next => panic!("there is nothing to stay for, but {next:?}"),
    }
}

/// A watcher leaves only a job that a run works on, and is called back when that run has died, and
/// some time before the job is given up.
#[test]
fn who_leaves_a_silent_job_is_called_back_to_revive_it() {
    let world = World::new(|_, _| Treat::Answer);
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let settings = Settings::resolve("local", "lease=60000 stall=60000").unwrap();
    let settings: &'static Settings = Box::leak(Box::new(settings));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let engine = Engine::new(process, settings, keyring);
    let new = new_job(world);
    let id = new.name.id().clone();
    let look = async move {
        let silence = leave(process, engine, &new).await;
        let kept = still_silent(engine, silence.clone()).await;
        assert_eq!(kept.as_ref(), Some(&silence));
        let look = engine.look_at_silence(&id).await.unwrap();
        assert_eq!(look.root().unwrap().id, id);
        // Of another job it tells nothing.
        let other = engine
            .look_at_silence(&JobId::parse("other").unwrap())
            .await;
        let told = other.unwrap().still_silent(silence.clone()).await.unwrap();
        assert_eq!(told, None);
        // News of any kind, even if only the bytes tell.
        let key = job::keys::root(&id);
        let root = world.store.borrow()[&key].clone();
        world.store.borrow_mut().get_mut(&key).unwrap().push(b' ');
        assert_eq!(still_silent(engine, silence.clone()).await, None);
        world.store.borrow_mut().remove(&key);
        assert_eq!(still_silent(engine, silence.clone()).await, None);
        world.store.borrow_mut().insert(key, root);
        assert!(still_silent(engine, silence.clone()).await.is_some());
        // The job would be given up at a minute.
        process.sleep(Duration::from_secs(36)).await;
        assert_eq!(still_silent(engine, silence).await, None);
    };
    world.run(&mut vec![look.boxed_local()]);

    let patient = Settings::resolve("local", "lease=10000").unwrap();
    let settings: &'static Settings = Box::leak(Box::new(patient));
    let engine = Engine::new(process, settings, keyring);
    let new = new_job(world);
    let look = async move {
        let silence = leave(process, engine, &new).await;
        // No run works on it, once the lease of the one that died is over.
        process.sleep(Duration::from_secs(15)).await;
        assert_eq!(still_silent(engine, silence).await, None);
    };
    world.run(&mut vec![look.boxed_local()]);
}

/// What is known of a silent job may come from a machine whose clock shows another time: it is
/// believed only as far as it can be true.
#[test]
fn what_a_wrong_clock_says_of_a_silent_job_is_not_believed() {
    let world = World::new(|_, _| Treat::Answer);
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let settings = Settings::resolve("local", "lease=10000").unwrap();
    let settings: &'static Settings = Box::leak(Box::new(settings));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let engine = Engine::new(process, settings, keyring);
    let new = new_job(world);
    let look = async move {
        let silence = leave(process, engine, &new).await;
        let now = process.now();
        let hour = Duration::from_secs(3_600);
        let long_ago = Time(now.0 - 3_600_000);
        let with = |field: &str, time: Time| {
            let mut stored = serde_json::to_value(&silence).unwrap();
            assert!(stored[field].is_u64(), "{stored}");
            stored[field] = json!(time);
            serde_json::from_value::<Silence>(stored).unwrap()
        };
        // The run is known to work until then: the lease tells, and is asked again.
        for until in [now.plus(hour), long_ago, Time(u64::MAX)] {
            let kept = still_silent(engine, with("validUntil", until)).await;
            let kept = serde_json::to_value(kept.unwrap()).unwrap();
            let kept = kept["validUntil"].as_u64().unwrap();
            assert!(kept > now.0 && kept <= now.0 + 20_000, "{kept} at {now:?}");
        }
        // However many have left the job, it is read once for them, and its lease once.
        let before = world.used.borrow().len();
        let mut look = engine.look_at_silence(&silence.id).await.unwrap();
        for _ in 0..3 {
            let kept = look.still_silent(with("validUntil", long_ago)).await;
            assert!(kept.unwrap().is_some());
        }
        assert_eq!(world.used.borrow().len() - before, 2);
        // The last news came then: the next look comes soon, and not at once.
        let pause = |silence: &Silence| silence.pause(now, settings);
        for since in [now.plus(hour), Time(u64::MAX)] {
            let ahead = with("since", since);
            assert!(pause(&ahead) >= Duration::from_millis(50));
            assert!(pause(&ahead) <= pause(&silence));
            assert!(still_silent(engine, ahead).await.is_some());
        }
        // Whoever has been silent for so long is given up, which its watchers tell.
        assert_eq!(still_silent(engine, with("since", long_ago)).await, None);
        // A sign of life is due then.
        let interval = Duration::from_secs(15);
        let is_due = |beat| with("beat", beat).is_beat_due(now, interval, settings);
        assert!(is_due(long_ago) && is_due(now) && is_due(now.plus(hour)));
        assert!(is_due(Time(u64::MAX)));
        assert!(!is_due(now.plus(interval)));
        assert!(pause(&with("beat", long_ago)) >= Duration::from_millis(50));

        // When the run has died no clock keeps it alive.
        process.sleep(Duration::from_secs(15)).await;
        for until in [process.now().plus(hour), Time(u64::MAX), Time(0)] {
            assert_eq!(still_silent(engine, with("validUntil", until)).await, None);
        }
    };
    world.run(&mut vec![look.boxed_local()]);
}

#[test]
fn nothing_is_lost_to_a_fault_that_passes() {
    type Case = (&'static str, fn(u32, f64) -> Treat);
    let cases: [Case; 10] = [
        ("nothing", |_, _| Treat::Answer),
        ("one 429", |n, _| match n {
            5 => Treat::Status(429),
            _ => Treat::Answer,
        }),
        ("six 503 in a row", |n, _| match n {
            3..9 => Treat::Status(503),
            _ => Treat::Answer,
        }),
        ("a second of 503s", |_, at| match (2.0..3.0).contains(&at) {
            true => Treat::Status(503),
            false => Treat::Answer,
        }),
        ("one answer of 9 s", |n, _| match n {
            5 => Treat::Slow(9.0),
            _ => Treat::Answer,
        }),
        ("two answers of 9 s", |n, _| match n {
            5 | 9 => Treat::Slow(9.0),
            _ => Treat::Answer,
        }),
        ("two answers of 15 s", |n, _| match n {
            5 | 9 => Treat::Slow(15.0),
            _ => Treat::Answer,
        }),
        ("503, 500, a reset and a cut body", |n, _| match n {
            3 => Treat::Status(503),
            6 => Treat::Status(500),
            9 => Treat::Reset,
            12 => Treat::Cut,
            _ => Treat::Answer,
        }),
        ("half of all requests fail", |n, _| match n % 2 {
            0 => Treat::Status(503),
            _ => Treat::Answer,
        }),
        ("a total outage of two minutes", |_, at| match at < 120.0 {
            true => Treat::Status(503),
            false => Treat::Answer,
        }),
    ];
    for (what, treat) in cases {
        let world = World::new(treat);
        let root = import(world, vec![list(0..3_000)]).remove(0);
        println!(
            "{what}: {} found, {} unanswered, {} requests, {:.1} s, {} commits that wait",
            root.succeeded,
            root.unanswered,
            world.requests(),
            root.elapsed().as_secs_f64(),
            world.waits.get()
        );
        assert_eq!((root.succeeded, root.failed), (3_000, 0), "{what}");
    }
}

/// Open Library lets its index take ten seconds.
#[test]
fn answers_as_slow_as_the_service_allows_itself_are_waited_for() {
    let requests = |treat: fn(u32, f64) -> Treat| {
        let world = World::new(treat);
        let root = import(world, vec![list(0..3_000)]).remove(0);
        assert_eq!((root.succeeded, root.failed), (3_000, 0));
        world.requests()
    };
    let healthy = requests(|_, _| Treat::Answer);
    let slow = requests(|n, _| match n % 7 {
        0 => Treat::Slow(10.0),
        _ => Treat::Answer,
    });
    assert_eq!(slow, healthy, "no question is asked twice");
}

/// A filter that blocks an address for a moment, a page during a release, a redirection: all that
/// passes, too.
#[test]
fn refusals_of_the_requests_themselves_may_pass() {
    for status in [403, 404, 302] {
        let world = World::new(move |n, _| match n {
            0..8 => Treat::Status(status),
            _ => Treat::Answer,
        });
        let root = import(world, vec![list(0..1_000)]).remove(0);
        println!(
            "{status}: {} found, {} requests",
            root.succeeded,
            world.requests()
        );
        assert_eq!((root.succeeded, root.failed), (1_000, 0), "{status}");
    }
    // When it does not pass, nobody waits for long.
    let world = World::new(|_, _| Treat::Status(403));
    let root = import(world, vec![list(0..1_000)]).remove(0);
    assert_eq!((root.succeeded, root.unanswered), (0, 1_000));
    assert!(root.elapsed().as_secs() < 60, "{:?}", root.elapsed());
    assert!(world.requests() < 60, "{}", world.requests());
}

/// Nothing in such an answer says that it is a part.
#[test]
fn an_answer_that_the_index_had_no_time_for_proves_nothing() {
    let world = World::new(|_, _| Treat::CutAfterTenSeconds);
    let root = import(world, vec![list(0..400)]).remove(0);
    assert_eq!((root.succeeded, root.failed), (400, 0));
}

/// A filter that looks at the words of requests takes the one book, and none of its batch.
#[test]
fn a_book_that_a_filter_does_not_let_through_takes_no_other_with_it() {
    for book in [7, 9] {
        let world = World::new(move |_, _| Treat::Filter(book));
        let root = import(world, vec![list(0..200)]).remove(0);
        println!(
            "{book}: {} found, {} requests",
            root.succeeded,
            world.requests()
        );
        assert_eq!((root.succeeded, root.unanswered), (199, 1), "{book}");
        assert!(world.requests() < 80, "{}", world.requests());
    }
}

/// Google Books, with a key, and nobody else.
fn google_only() -> Enrichment {
    let mut enrichment = enrichment();
    enrichment.endpoints.open_library = None;
    if let Some(google) = &mut enrichment.endpoints.google_books {
        google.key = Some("a-key".to_owned());
    }
    enrichment
}

/// A quota of a day, and a key that is none, come back when somebody does something, or tomorrow.
#[test]
fn what_google_refuses_for_long_costs_no_import_its_time() {
    for (status, reason) in [
        (403, "dailyLimitExceeded"),
        (429, "RATE_LIMIT_EXCEEDED: Queries per day"),
        (400, "API_KEY_INVALID"),
        (400, "keyInvalid"),
        (403, "accessNotConfigured"),
        (403, "SERVICE_DISABLED"),
        (403, "ipRefererBlocked"),
    ] {
        let world = World::new(move |_, _| Treat::Refuse(status, reason));
        for job in 0..2 {
            let before = world.requests();
            let books = vec![list(0..30)];
            let root = import_from(world, Settings::local(), google_only(), books).remove(0);
            assert_eq!((root.succeeded, root.unanswered), (0, 30), "{reason}");
            let seconds = root.elapsed().as_secs_f64();
            let requests = world.requests() - before;
            println!("{status} {reason}, job {job}: {seconds} s, {requests} requests");
            // No wait for the breaker is among it.
            assert!(
                seconds < [15.0, 5.0][job],
                "{reason}: {seconds} s, job {job}"
            );
            assert!(requests <= [12, 0][job], "{reason}: {requests}, job {job}");
        }
    }
    for reason in ["userRateLimitExceeded", "rateLimitExceeded"] {
        let world = World::new(move |n, _| match n {
            0..7 => Treat::Refuse(403, reason),
            _ => Treat::Answer,
        });
        let books = vec![list(0..30)];
        let root = import_from(world, Settings::local(), google_only(), books).remove(0);
        assert_eq!((root.succeeded, root.failed), (30, 0), "{reason}");
    }
}

/// "503 backendFailed affects 30 to 80 % of requests" in Google's bad times.
#[test]
fn what_only_google_books_knows_is_found_in_its_bad_times() {
    for tenths in [3, 5, 7] {
        let world = World::new(
            move |n, _| match n.wrapping_mul(2_654_435_761) >> 16 & 1_023 {
                dice if dice < tenths * 102 => Treat::Status(503),
                _ => Treat::Answer,
            },
        );
        let books = list(0..20);
        let root = import_from(world, Settings::local(), google_only(), vec![books]).remove(0);
        println!(
            "{tenths}0 %: {} found, {} requests, {:.1} s",
            root.succeeded,
            world.requests(),
            root.elapsed().as_secs_f64()
        );
        assert_eq!((root.succeeded, root.failed), (20, 0), "{tenths}0 %");
    }
}

#[test]
fn an_outage_without_end_is_waited_for_visibly_and_counted_as_unanswered() {
    let world = World::new(|_, _| Treat::Status(503));
    let root = import(world, vec![list(0..3_000)]).remove(0);
    assert_eq!(
        (root.succeeded, root.failed, root.unanswered),
        (0, 3_000, 3_000)
    );
    let waited = root.elapsed().as_secs();
    println!(
        "given up after {waited} s and {} requests",
        world.requests()
    );
    assert!((240..360).contains(&waited), "{waited}");
    assert!(world.waits.get() >= 5, "{}", world.waits.get());
    assert!(world.requests() < 60, "{}", world.requests());
}

#[test]
fn where_runs_are_short_the_wait_is_a_chain_of_few() {
    let world = World::new(|_, at| match at < 120.0 {
        true => Treat::Status(503),
        false => Treat::Answer,
    });
    let root = import_on(world, Settings::cloud(), vec![list(0..1_000)]).remove(0);
    println!(
        "{} runs in {} s",
        world.started.get(),
        root.elapsed().as_secs()
    );
    assert_eq!((root.succeeded, root.failed), (1_000, 0));
    // The breaker may have opened for a minute just before the provider is well: three minutes in
    // all, in runs that stay as long as they can; one more looks the books up, one is the
    // creator's.
    let half_minutes = root.elapsed().as_secs() / 30;
    assert!(
        u64::from(world.started.get()) <= half_minutes + 3,
        "{} runs in {half_minutes} half minutes",
        world.started.get()
    );
}

/// A job's runs follow each other and share with nobody: one that handed over, with requests that
/// waited for their places, leaves nothing behind that makes the next ones wait.
#[test]
fn a_chain_of_short_runs_has_the_whole_rate() {
    let settings = Settings {
        run_budget: Some(Duration::from_secs(8)),
        wave_items: 2,
        ..Settings::cloud()
    };
    // Nobody knows the books: each is asked for by itself.
    let world = World::new(|_, _| Treat::Answer);
    let unknown = (0..100).map(|n| {
        Item::wanted(Wanted {
            title: format!("Lantern {n} of Glass"),
            author: "Ann Author".to_owned(),
            ..Wanted::default()
        })
    });
    let root = import_on(world, settings, vec![unknown.collect()]).remove(0);
    let seconds = root.elapsed().as_secs_f64();
    let asked = world.requests();
    println!(
        "{} runs, {asked} requests in {seconds:.1} s",
        world.started.get()
    );
    assert!(world.started.get() >= 2, "{}", world.started.get());
    let document: Value =
        serde_json::from_slice(&world.store.borrow()["provider/openlibrary"]).unwrap();
    assert_eq!(document.get("runs"), None, "nobody asks any more");
    // About half a second for each run.
    assert!(seconds < 30.0, "{seconds}");
}

/// A run that waits because it was refused asks nothing; the others hear of the refusal all the
/// same.
#[test]
fn a_refusal_is_told_to_the_other_runs_before_the_next_question() {
    let world = World::new(|number, _| match number {
        1..=3 => Treat::Status(429),
        _ => Treat::Answer,
    });
    let root = import(world, vec![list(0..1)]).remove(0);
    assert_eq!(root.succeeded, 1);
    let asked: Vec<f64> = world.asked.borrow().iter().map(|asked| asked.0).collect();
    // By then the provider is left alone for several seconds.
    let (refused, next) = (asked[2] + 0.5, asked[3]);
    assert!(next > refused + 4.0, "{asked:?}");
    let told = world.told.borrow();
    let is_soon = |at: &f64| (refused..refused + 1.5).contains(at);
    assert!(told.iter().any(is_soon), "{refused} {next} {told:?}");
}

/// What was asked before a refusal and is answered after it says nothing of now.
#[test]
fn an_answer_after_a_refusal_ends_no_wait() {
    // Whoever asks at the same time as those that are refused is answered later.
    let world = World::new(|number, at| match number % 2 {
        0 if number > 4 && at < 50.0 => Treat::RefuseFor(60),
        _ => Treat::Slow(0.8),
    });
    let root = import(world, vec![list(0..1_000)]).remove(0);
    assert_eq!((root.succeeded, root.failed), (1_000, 0));
    assert!(world.waits.get() >= 1, "nobody was told of the wait");
    let asked: Vec<f64> = world.asked.borrow().iter().map(|asked| asked.0).collect();
    let early = asked.iter().filter(|at| (2.5..60.0).contains(*at));
    assert_eq!(early.count(), 0, "{asked:?}");
}

#[test]
fn imports_at_once_share_the_rate_and_lose_nothing() {
    for count in [1, 2, 3, 4] {
        let world = World::behind_bucket(|_, _| Treat::Answer);
        let lists = (0..count)
            .map(|n| list(n * 1_000..(n + 1) * 1_000))
            .collect();
        let roots = import(world, lists);
        let found: u32 = roots.iter().map(|root| root.succeeded).sum();
        let last = world.asked.borrow().last().unwrap().0;
        let least = (world.requests() as f64 - 26.0) / 3.0;
        println!(
            "{count} imports: {found} found, {} requests, {} refused, {last:.1} s (bucket: {least:.1} s)",
            world.requests(),
            world.refused()
        );
        assert_eq!(found, count * 1_000);
        assert!(world.refused() <= 12, "{}", world.refused());
        assert!(last < least.max(5.0) * 4.0 + 10.0, "{last}");
    }
}

/// A treatment that refuses everything for a second from then on.
fn refuses_for_a_second(from: f64) -> impl Fn(u32, f64) -> Treat {
    move |_, at| match (from..from + 1.0).contains(&at) {
        true => Treat::Status(429),
        false => Treat::Answer,
    }
}

/// A book as it was seen on a photo.
fn seen(n: u32) -> Item {
    Item::detected(Detection {
        title: title(n),
        author: "Ann Author".to_owned(),
        isbn: None,
        confidence: 0.9,
        bounding_box: BoundingBox::new((0.0, 0.0), (0.1, 0.9)),
        photo: 0,
    })
}

/// Two imports and the books of a scan at once, while the provider refuses all for a second.
#[test]
fn imports_and_scans_at_once_lose_nothing_to_a_second_of_refusals() {
    for from in [0.0, 0.4, 1.0] {
        let world = World::behind_bucket(refuses_for_a_second(from));
        let on_photos: Vec<Item> = (600..640).map(seen).collect();
        let roots = import(world, vec![list(0..300), list(300..600), on_photos]);
        let found: Vec<u32> = roots.iter().map(|root| root.succeeded).collect();
        let last = world.asked.borrow().last().unwrap().0;
        println!(
            "from {from} s: {found:?} found, {} requests, {last:.1} s",
            world.requests()
        );
        assert_eq!(found, [300, 300, 40], "from {from} s");
        assert!(roots.iter().all(|root| root.unanswered == 0));
    }
}

/// Looks up so many single books at once: what became of each.
fn look_up_singly(world: &'static World, books: u32) -> Vec<Found> {
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let enrichment: &'static Enrichment = Box::leak(Box::new(enrichment()));
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    let mut tasks = Vec::new();
    for n in 0..books {
        let outcomes = Rc::clone(&outcomes);
        let look_up = async move {
            let sessions = enrichment.sessions(process).await.unwrap();
            let wanted = vec![item(3 * n + 1).wanted];
            let found = enrichment.look_up(process, &sessions, wanted, None).await;
            sessions.save(process).await;
            outcomes.borrow_mut().extend(found);
        };
        tasks.push(look_up.boxed_local());
    }
    world.run(&mut tasks);
    outcomes.take()
}

/// A book that could not be asked about now is never one that nobody knows.
#[test]
fn single_look_ups_in_a_second_of_refusals_are_found_or_told_to_come_back() {
    for from in [0.0, 0.4, 1.0] {
        let world = World::behind_bucket(refuses_for_a_second(from));
        let outcomes = look_up_singly(world, 20);
        let found = outcomes
            .iter()
            .filter(|found| matches!(found, Found::Record(_)));
        let found = found.count();
        println!("from {from} s: {found} of 20 found");
        assert_eq!(outcomes.len(), 20);
        assert!(!outcomes.contains(&Found::NotFound), "{outcomes:?}");
    }
}

#[test]
fn single_look_ups_at_once_keep_to_the_rate() {
    let world = World::behind_bucket(|_, _| Treat::Answer);
    let outcomes = look_up_singly(world, 60);
    let found = outcomes
        .iter()
        .filter(|found| matches!(found, Found::Record(_)))
        .count();
    let busy = outcomes
        .iter()
        .filter(|found| **found == Found::CircuitOpen)
        .count();
    let asked = world.asked.borrow();
    let in_first = asked.iter().filter(|(at, _)| *at < 1.0).count();
    println!(
        "{found} found, {busy} told to come back, {} refused, {in_first} in the first second, over after {:.1} s",
        asked.iter().filter(|asked| asked.1).count(),
        asked.last().unwrap().0
    );
    assert_eq!(found + busy, 60);
    assert!(found >= 50, "{found}");
    assert!(in_first <= 26, "{in_first}");
}

#[test]
fn a_library_that_was_imported_before_asks_nobody() {
    let world = World::new(|_, _| Treat::Answer);
    let first = import(world, vec![list(0..769)]).remove(0);
    let asked = world.requests();
    let bytes = |world: &World| {
        let store = world.store.borrow();
        let books = store.iter().filter(|(key, _)| key.starts_with("books/"));
        books.fold((0, 0), |(keys, bytes), (_, value)| {
            (keys + 1, bytes + value.len())
        })
    };
    println!(
        "first: {asked} requests, {:?}; remembered: {:?}",
        first.elapsed(),
        bytes(world)
    );
    // Nobody waits for it.
    let learned = world.learned.borrow().clone();
    assert!(learned.len() >= 2, "{learned:?}");
    assert!(learned.iter().all(|at| *at >= first.updated));
    let second = import(world, vec![list(0..769)]).remove(0);
    assert_eq!(*world.learned.borrow(), learned, "nothing was learned");
    assert_eq!(world.requests(), asked, "nobody is asked");
    assert_eq!((second.succeeded, second.remembered), (769, 769));
    println!("second: {:?}", second.elapsed());
    // Four waves of books that are known take one commit.
    assert_eq!(second.seq + 3, first.seq);
    let half = import(world, vec![list(400..1_169)]).remove(0);
    assert_eq!((half.succeeded, half.remembered), (769, 369));
    println!(
        "half of it new: {} requests, {:?}",
        world.requests() - asked,
        bytes(world)
    );

    // Off where keys or writes are scarce.
    for profile in ["fermyon-cloud", "akamai-functions"] {
        let settings = Settings::resolve(profile, "").unwrap();
        assert_eq!(settings.remembered_books(), 0, "{profile}");
        let world = World::new(|_, _| Treat::Answer);
        for _ in 0..2 {
            let root = import_on(world, settings.clone(), vec![list(0..100)]).remove(0);
            assert_eq!((root.succeeded, root.remembered), (100, 0));
        }
        assert_eq!(bytes(world), (0, 0), "{profile}");
    }
}

/// The forecasts for watchers are not the provider's, who is not asked: the first, and those of a
/// library that takes more than one commit.
#[test]
fn a_remembered_library_is_heard_of_at_once_however_slow_its_provider_is() {
    let world = World::new(|_, _| Treat::Slow(5.0));
    import(world, vec![list(0..1_000)]);
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let settings: &'static Settings = Box::leak(Box::new(Settings::local()));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let enrichment: &'static Enrichment = Box::leak(Box::new(enrichment()));
    let engine = Engine::new(process, settings, keyring);
    let new = new_job(world);
    let id = new.name.id().clone();
    let began = process.monotonic();
    let heard = Rc::new(Cell::new(None));
    let listener = heard.clone();
    let create = async move {
        let created = engine.create(&new, &list(0..1_000)).await.unwrap();
        let watch = async {
            let state = engine.inspect(&id).await.unwrap();
            let mut watcher = engine.watch(id, engine.observer(None, false), state);
            while let Next::Notify(notification) = watcher.next().await {
                watcher.mark_delivered(&notification);
            }
            listener.set(Some(process.monotonic() - began));
        };
        futures::join!(engine.run_created(created, None, enrichment), watch);
    };
    world.run(&mut vec![create.boxed_local()]);
    let heard = heard.get().unwrap();
    println!("heard of after {heard:?}");
    assert!(heard < Duration::from_millis(60), "{heard:?}");
}

/// A scan that is to be created.
struct NewScan {
    id: JobId,
    first: &'static FirstStage,
    /// Creates the job, and does its first stage.
    create: LocalBoxFuture<'static, ()>,
}

/// A scan of these photos, at which these models look; without any, spines are to be read.
fn new_scan(
    world: &'static World,
    engine: Engine<'static, Process>,
    models: Vec<Vision>,
    photos: Vec<Vec<u8>>,
) -> NewScan {
    let first: &'static FirstStage = Box::leak(Box::new(FirstStage {
        scan: Scan {
            reads_spines: models.is_empty(),
            models,
            preferred: VisionKind::OpenAi,
            timeout: Duration::from_secs(30),
            confidence_threshold: 0.6,
        },
    }));
    let new = NewJob {
        pipeline: Pipeline::AiScan,
        made_by: MadeBy::BatchScan,
        ..new_job(world)
    };
    let id = new.name.id().clone();
    let create = async move {
        let mut receiver = engine.receive(new).await.unwrap();
        for photo in photos {
            receiver.file("shelf").await.unwrap();
            receiver.write(&photo).await.unwrap();
        }
        let created = receiver.accept(String::new()).await.unwrap();
        engine.run_created(created, None, first).await;
    };
    NewScan {
        id,
        first,
        create: create.boxed_local(),
    }
}

/// Looks at a photo with two models that can name so many books in one answer; the root behind it,
/// and which models were asked how many bytes.
fn scan(can_name: [usize; 2]) -> (Root, Vec<(&'static str, usize)>) {
    let world = World::new(|_, _| Treat::Answer);
    world.can_name.set(can_name);
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let settings: &'static Settings = Box::leak(Box::new(Settings::local()));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let [first, second] = MODELS.map(str::to_owned);
    let models = vec![
        Vision::OpenAi {
            base_url: first,
            api_key: None,
            model: "qwen3-vl".to_owned(),
            reasoning_effort: None,
        },
        Vision::Gemini {
            base_url: second,
            api_key: "a-key".to_owned(),
            model: "gemini-3.5-flash-lite".to_owned(),
        },
    ];
    let engine = Engine::new(process, settings, keyring);
    let NewScan { id, create, .. } = new_scan(world, engine, models, vec![PHOTO.to_vec()]);
    world.run(&mut vec![create]);
    let root = serde_json::from_slice(&world.store.borrow()[&job::keys::root(&id)]).unwrap();
    let looked = world.looked.borrow().clone();
    (root, looked)
}

const PHOTO: &[u8] = include_bytes!("../../../tests/data/bookshelf-13.jpg");

#[test]
fn an_answer_that_is_cut_is_asked_for_in_halves_and_then_of_the_next_model() {
    let asked = |looked: &[(&'static str, usize)]| -> Vec<&str> {
        looked.iter().map(|(model, _)| *model).collect()
    };
    let [first, second] = MODELS;
    // The first model cannot name them all, not even on a half of the photo; the second can.
    let (root, looked) = scan([2, 6]);
    assert_eq!(asked(&looked), [first, first, first, second]);
    let (whole, halves) = (looked[0].1, &looked[1..3]);
    assert!(
        halves.iter().all(|half| half.1 < whole / 4 * 3),
        "{looked:?}"
    );
    let photo = &root.photos[0];
    assert_eq!((photo.found, photo.is_cut), (6, false));
    // Nobody can: what was named counts, and it is said that there is more.
    let (root, looked) = scan([2, 3]);
    assert_eq!(
        asked(&looked),
        [first, first, first, second, second, second]
    );
    let photo = &root.photos[0];
    assert_eq!((photo.found, photo.is_cut), (3, true));
    // One that names them all is asked once, and nobody else.
    let (root, looked) = scan([6, 6]);
    assert_eq!(asked(&looked), [first]);
    let photo = &root.photos[0];
    assert_eq!((photo.found, photo.is_cut), (6, false));
}

#[test]
fn failures_are_not_remembered() {
    let world = World::new(|n, _| match n {
        0..40 => Treat::Status(403),
        _ => Treat::Answer,
    });
    let first = import(world, vec![list(0..50)]).remove(0);
    assert!(first.unanswered > 0);
    *world.treat.borrow_mut() = Box::new(|_, _| Treat::Answer);
    let second = import(world, vec![list(0..50)]).remove(0);
    assert_eq!(
        (second.succeeded, second.remembered),
        (50, 50 - first.unanswered)
    );
}
