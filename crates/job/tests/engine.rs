//! The engine on a store in memory, with a clock that moves when somebody sleeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "engine/full.rs"]
mod full;
#[path = "engine/stopped.rs"]
mod stopped;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use job::effects::{
    Clock, Costs, Dispatch, DispatchError, Entropy, Http, HttpError, Log, Request, Response,
    RunRequest, Store, StoreError, Turn,
};
use job::{
    Cancellation, Client, ContentDigest, CreateError, Created, CsvAnalysis, Engine, FailureCode,
    HandOver, Inspection, Item, JobId, Keyring, LeaseDoc, MAX_OVERVIEW_READS, MadeBy, Name, NewJob,
    Outcome, Pipeline, Receiver, RetryError, Root, Run, Settings, Stage, StageOutcome, Stop, Time,
    Webhook, Worker,
};
use serde_json::{Value, json};

const START: u64 = 1_790_000_000_000;

#[derive(Default)]
struct World {
    store: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Time that has passed, in microseconds.
    passed: Cell<u64>,
    random: Cell<u8>,
    /// Number of the next writes that fail.
    failing: Cell<u32>,
    /// Time after which a write that fails takes effect all the same, if it ever does.
    echo: Cell<Option<Duration>>,
    /// The writes that have failed and take effect later, each with the time of that.
    echoes: RefCell<Vec<(Duration, String, Vec<u8>)>>,
    /// Whether the disk is full: nothing can be written, but deleted.
    is_full: Cell<bool>,
    /// The latest time until which an entry of the queue for processors was to last, in ms from
    /// when it was written.
    longest_turn: Cell<u64>,
    /// The most bytes of values that the disk takes; 0: any number.
    most_bytes: Cell<usize>,
    /// Time for which what was deleted still takes its room on the disk.
    lingers: Cell<Duration>,
    /// What was deleted and takes room until then, in bytes.
    lingering: RefCell<Vec<(Duration, usize)>>,
    /// What was logged.
    logged: RefCell<Vec<(String, Value)>>,
    /// What the names of the keys that cannot be deleted begin with.
    kept: Cell<Option<&'static str>>,
    /// Whether nobody lives to see the keys that are listed.
    is_deadly: Cell<bool>,
    /// Number of times that the keys were listed.
    lists: Cell<usize>,
    /// Number of values read so far.
    reads: Cell<usize>,
    /// Time that passes until the answer to a read.
    slow: Cell<Duration>,
    /// The same, of a read of what was uploaded.
    slow_uploads: Cell<Duration>,
    /// Whether everything is gone when something that was uploaded is read.
    loses_jobs: Cell<bool>,
    /// A value that shows when some time has passed.
    late: RefCell<Option<(String, Vec<u8>)>>,
    /// Whether runs can be started: by those who start them later.
    starts_runs: Cell<bool>,
    /// The statuses that requests for runs are answered with, over and over, if there are any.
    refusals: RefCell<Vec<u16>>,
    /// The jobs of which a run was asked for.
    asked_for: RefCell<Vec<JobId>>,
    /// The hand-overs to runs that are to be started.
    handed_over: RefCell<Vec<HandOver>>,
}

impl World {
    fn write(&self) -> Result<(), StoreError> {
        let left = self.failing.get();
        self.failing.set(left.saturating_sub(1));
        match left {
            0 => Ok(()),
            _ => Err(StoreError("busy".to_owned())),
        }
    }

    fn pass(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap();
        self.passed.set(self.passed.get() + micros);
        let now = self.monotonic();
        let (due, later) = (self.echoes.take().into_iter()).partition(|(at, ..)| *at <= now);
        self.echoes.replace(later);
        let due: Vec<(Duration, String, Vec<u8>)> = due;
        let due = due.into_iter().map(|(_, key, value)| (key, value));
        self.store.borrow_mut().extend(due);
    }

    /// The bytes of what was deleted a moment ago.
    fn still_taken(&self) -> usize {
        let now = self.monotonic();
        let lingering = self.lingering.borrow();
        let left = lingering.iter().filter(|(until, _)| *until > now);
        left.map(|(_, bytes)| bytes).sum()
    }

    fn bytes(&self) -> usize {
        self.store.borrow().values().map(Vec::len).sum()
    }

    fn put(&self, key: &str, value: &Value) {
        let bytes = value.to_string().into_bytes();
        self.store.borrow_mut().insert(key.to_owned(), bytes);
    }

    fn root(&self, key: &str) -> Root {
        serde_json::from_slice(&self.store.borrow()[key]).unwrap()
    }

    fn has(&self, key: &str) -> bool {
        self.store.borrow().contains_key(key)
    }
}

impl Store for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        self.pass(self.slow.get());
        if key.contains("/up/") {
            self.pass(self.slow_uploads.get());
            if self.loses_jobs.get() {
                self.store.borrow_mut().clear();
            }
        }
        Ok(self.store.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        if let Err(error) = self.write() {
            if let Some(echo) = self.echo.get() {
                let echo = (self.monotonic() + echo, key.to_owned(), value.to_vec());
                self.echoes.borrow_mut().push(echo);
            }
            return Err(error);
        }
        if self.is_full.get() {
            return Err(StoreError("the disk is full".to_owned()));
        }
        if key == job::keys::COMPUTE {
            let queue: Value = serde_json::from_slice(value).unwrap();
            let ends = queue["entries"].as_array().unwrap().iter();
            let ends = ends.map(|entry| entry["until"].as_u64().unwrap() - self.now().0);
            let longest = ends.max().unwrap_or_default();
            self.longest_turn.set(longest.max(self.longest_turn.get()));
        }
        let mut store = self.store.borrow_mut();
        let most = self.most_bytes.get();
        if most > 0 {
            let others = store.iter().filter(|(other, _)| *other != key);
            let bytes = value.len() + others.map(|(_, value)| value.len()).sum::<usize>();
            let bytes = bytes + self.still_taken();
            if bytes > most {
                return Err(StoreError("database or disk is full".to_owned()));
            }
        }
        store.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.write()?;
        if self.kept.get().is_some_and(|kept| key.starts_with(kept)) {
            return Err(StoreError("not now".to_owned()));
        }
        if let Some(value) = self.store.borrow_mut().remove(key) {
            let until = self.monotonic() + self.lingers.get();
            self.lingering.borrow_mut().push((until, value.len()));
        }
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.lists.set(self.lists.get() + 1);
        if self.is_deadly.get() {
            std::future::pending::<()>().await;
        }
        Ok(self.store.borrow().keys().cloned().collect())
    }
}

impl Http for World {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        Err(HttpError::TimedOut)
    }
}

impl Clock for World {
    fn now(&self) -> Time {
        Time(START + self.passed.get() / 1_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.passed.get())
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
        self.store.borrow_mut().extend(self.late.take());
    }

    async fn yield_to_io(&self, _: Turn) {}
}

impl Entropy for World {
    fn random(&self) -> [u8; 16] {
        self.random.set(self.random.get().wrapping_add(1));
        [self.random.get(); 16]
    }
}

impl Log for World {
    fn log(&self, event: &str, line: Value) {
        self.logged.borrow_mut().push((event.to_owned(), line));
    }

    fn take_costs(&self) -> Costs {
        Costs::default()
    }
}

impl Dispatch for World {
    async fn start_run(&self, request: RunRequest<'_>) -> Result<(), DispatchError> {
        let asked = self.asked_for.borrow().len();
        self.asked_for.borrow_mut().push(request.root.id.clone());
        let refusals = self.refusals.borrow();
        if !refusals.is_empty() {
            return Err(DispatchError::status(refusals[asked % refusals.len()]));
        }
        if !self.starts_runs.get() {
            return Err(DispatchError("no run can be started".to_owned()));
        }
        self.handed_over
            .borrow_mut()
            .extend(request.hand_over.cloned());
        Ok(())
    }
}

fn done<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}

/// The root of a job that last made progress at `updated`, in ms from the beginning.
fn root(id: &str, stage: &str, updated: u64, more: Value) -> Value {
    let mut root = json!({
        "v": 1, "id": id, "pipeline": "batch_enrichment", "route": "batch-enrich", "token": true,
        "created": START, "updated": START + updated, "expires": START + 86_400_000,
        "stage": stage, "seq": 3, "epoch": {"term": 1, "nonce": "old"}, "fresh_until": START,
    });
    root.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    root
}

fn ended(world: &World, id: &str, client: &str, updated: u64) {
    let root = root(id, "complete", updated, json!({"client": client}));
    world.put(&format!("job/{id}"), &root);
    world.put(&format!("job/{id}/end"), &root);
}

#[test]
fn a_full_store_lets_the_oldest_jobs_of_the_biggest_holder_go() {
    let world = World::default();
    for number in 0..20 {
        ended(&world, &format!("greedy-{number:02}"), "greedy", number);
    }
    ended(&world, "modest", "modest", 0);
    ended(&world, "fresh", "greedy", 100_000);
    world.pass(Duration::from_secs(130));
    let settings = Settings {
        // Two of the greedy one's jobs are too many.
        max_keys: Some(44 + 25 - 3),
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    assert!(done(engine.store_has_capacity()).unwrap());
    for gone in ["greedy-00", "greedy-01"] {
        assert!(!world.has(&format!("job/{gone}")), "{gone}");
        assert!(!world.has(&format!("job/{gone}/end")), "{gone}");
    }
    for kept in ["greedy-02", "greedy-19", "modest", "fresh"] {
        assert!(world.has(&format!("job/{kept}")), "{kept}");
    }
}

/// Jobs are deleted for space though the operator's webhook is still to be told of them: a run that
/// told of one would write its root again.
#[test]
fn no_run_is_begun_to_tell_of_a_job_that_the_same_sweep_deletes() {
    // Before they expire, and after.
    for hours in [1, 25] {
        let (world, settings) = full_of_untold(hours);
        let keyring = Keyring::new(b"secret");
        let engine = Engine::new(&world, &settings, &keyring);
        assert!(done(engine.store_has_capacity()).unwrap());
        assert!(!world.has("job/job-00") && !world.has("job/job-01"));
        let asked_for = world.asked_for.take();
        assert_eq!(asked_for.len(), 10, "as many as a sweep begins");
        for id in asked_for {
            assert!(world.has(&format!("job/{id}/end")), "{id} after {hours} h");
        }
        let state: Value = serde_json::from_slice(&world.store.borrow()["sweep"]).unwrap();
        assert_eq!(state["untold"], 18);
    }
}

/// Twenty jobs that ended so many hours ago, of none of which the operator's webhook has been told:
/// two too many, by their keys.
fn full_of_untold(hours: u64) -> (World, Settings) {
    let world = World::default();
    world.starts_runs.set(true);
    for number in 0..20 {
        let id = format!("job-{number:02}");
        ended(&world, &id, "one", number);
        let untold = json!({"since": START + 10 * 3_600_000, "attempts": 1});
        world.put(&format!("job/{id}/webhook"), &untold);
    }
    world.pass(Duration::from_secs(hours * 3_600));
    let settings = Settings {
        // Each has three keys.
        max_keys: Some(60 + 25 - 4),
        webhook: Some(Webhook {
            url: "http://operator".to_owned(),
            key: vec![7; 24],
            long_wait: Webhook::LONG_WAIT,
        }),
        ..Settings::local()
    };
    (world, settings)
}

#[test]
fn a_sweep_that_cannot_delete_tells_the_webhook_all_the_same() {
    for hours in [1, 25] {
        let (world, settings) = full_of_untold(hours);
        world.kept.set(Some("job/job-00"));
        let keyring = Keyring::new(b"secret");
        let engine = Engine::new(&world, &settings, &keyring);
        assert!(done(engine.store_has_capacity()).is_err());
        let asked_for = world.asked_for.take();
        assert_eq!(asked_for.len(), 10, "{hours} h");
        assert!(!asked_for.contains(&JobId::parse("job-00").unwrap()));
    }
}

#[test]
fn a_disk_that_is_full_of_what_has_expired_frees_itself() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    for number in 0..20 {
        ended(&world, &format!("job-{number:02}"), "one", number);
    }
    world.is_full.set(true);
    let create = |id: &str| {
        let name = Name::Ours(JobId::parse(id).unwrap());
        let new = new_job(name, Pipeline::BatchEnrichment, MadeBy::BatchEnrich);
        done(engine.create(&new, &[]))
    };
    assert!(create("too-early").is_err());
    assert!(
        world.has("job/job-00/end"),
        "where nothing can be written jobs stay whole"
    );
    world.pass(Duration::from_secs(25 * 3_600));
    // No job can be created, so none ends whose run would sweep.
    assert!(create("new").is_err());
    for number in 0..20 {
        assert!(!world.has(&format!("job/job-{number:02}/end")), "{number}");
    }
}

/// Twenty jobs that have expired, and the first run that ends since, whose sweep does not get far.
fn world_of_failed_sweep(hinder: impl Fn(&World)) -> World {
    let world = World::default();
    for number in 0..20 {
        ended(&world, &format!("job-{number:02}"), "one", number);
    }
    world.pass(Duration::from_secs(25 * 3_600));
    hinder(&world);
    run_to_the_end(&world, "first");
    assert_eq!(world.lists.get(), 1);
    assert!(world.has("job/job-00/end"), "the sweep failed");
    world.kept.set(None);
    world.is_deadly.set(false);
    world
}

/// A job that is finished by its first run, after which the run sweeps if it is time.
fn run_to_the_end(world: &World, id: &str) {
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(world, &settings, &keyring);
    let expires = world.now().0 + 86_400_000;
    let fresh = root(id, "enriching", 0, json!({"expires": expires}));
    world.put(&format!("job/{id}"), &fresh);
    let id = JobId::parse(id).unwrap();
    let _ = engine.run(&id, None, &Finished).now_or_never();
}

#[test]
fn what_a_sweep_that_fails_has_left_is_not_left_for_ten_minutes() {
    let cannot_delete = |world: &World| world.kept.set(Some("job/job-"));
    let dies = |world: &World| world.is_deadly.set(true);
    for hinder in [cannot_delete, dies] {
        let world = world_of_failed_sweep(hinder);
        run_to_the_end(&world, "second");
        assert_eq!(world.lists.get(), 1, "it may be at work still");
        world.pass(Duration::from_secs(10));
        run_to_the_end(&world, "third");
        for number in 0..20 {
            assert!(!world.has(&format!("job/job-{number:02}/end")), "{number}");
        }
    }
}

#[test]
fn nobody_s_only_job_goes_in_the_minute_after_its_end() {
    let world = World::default();
    for number in 0..20 {
        ended(
            &world,
            &format!("job-{number:02}"),
            &format!("client-{number}"),
            number,
        );
    }
    world.pass(Duration::from_secs(50));
    let settings = Settings {
        max_keys: Some(50),
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    assert!(!done(engine.store_has_capacity()).unwrap());
    assert!(world.has("job/job-00"));
}

/// Asks for a job of the client at this address.
fn ask(engine: Engine<'_, World>, id: &str, address: &str) -> Result<JobId, CreateError> {
    let name = Name::Ours(JobId::parse(id).unwrap());
    let new = NewJob {
        client: Some(Keyring::new(b"secret").client(address)),
        ..new_job(name, Pipeline::BatchEnrichment, MadeBy::BatchEnrich)
    };
    let created = done(engine.create(&new, &[]))?;
    Ok(created.root.id)
}

/// Ends a job, with results of so many bytes.
fn end(world: &World, id: &JobId, bytes: usize) {
    let mut end = serde_json::to_value(world.root(&format!("job/{id}"))).unwrap();
    end["stage"] = json!("complete");
    if bytes > 0 {
        let key = format!("job/{id}/seg/1-x.0");
        end["segments"] = json!([{"key": key, "count": 0, "bytes": bytes}]);
        world.store.borrow_mut().insert(key, vec![b' '; bytes]);
    }
    world.put(&format!("job/{id}"), &end);
    world.put(&format!("job/{id}/end"), &end);
    world.store.borrow_mut().remove(&format!("job/{id}/lease"));
}

/// One client fills the store, and asks for more four times a second; its jobs end at once.
#[test]
fn who_comes_later_to_a_full_store_gets_in_at_once() {
    let world = World::default();
    let settings = Settings {
        max_keys: Some(100),
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    let (mut number, mut refused) = (0, 0);
    let mut be_greedy = || {
        for _ in 0..480 {
            number += 1;
            match ask(engine, &format!("greedy-{number:03}"), "1.1.1.1") {
                Ok(id) => end(&world, &id, 0),
                Err(CreateError::StoreFull) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            world.pass(Duration::from_millis(250));
        }
    };
    be_greedy();
    for late in ["late-1", "late-2", "late-3"] {
        end(&world, &ask(engine, late, "2.2.2.2").unwrap(), 0);
    }
    be_greedy();
    for late in ["late-1", "late-2", "late-3"] {
        assert!(world.has(&format!("job/{late}/end")), "{late}");
    }
    ask(engine, "another", "3.3.3.3").unwrap();
    assert!(refused > 500, "{refused}: who holds most is refused");
}

#[test]
fn a_full_disk_lets_the_oldest_jobs_of_whoever_holds_most_bytes_go() {
    const RESULTS: usize = 900_000;
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let modest = ask(engine, "modest", "2.2.2.2").unwrap();
    end(&world, &modest, RESULTS);
    for number in 0..30 {
        let id = ask(engine, &format!("greedy-{number:02}"), "1.1.1.1").unwrap();
        end(&world, &id, RESULTS);
        world.pass(Duration::from_secs(10));
    }
    world.put("books/page/0000000000001-a", &json!("remembered"));
    let bytes: usize = world.store.borrow().values().map(Vec::len).sum();
    // Not even the end of a job can be written.
    world.most_bytes.set(bytes);
    for number in 0..20 {
        ask(engine, &format!("late-{number}"), "3.3.3.3").unwrap();
    }
    assert!(!world.has("job/greedy-00") && !world.has("job/greedy-00/seg/1-x.0"));
    // Who cannot even note that it makes room takes one.
    for kept in ["modest", "greedy-01", "greedy-29"] {
        assert!(world.has(&format!("job/{kept}/seg/1-x.0")), "{kept}");
    }

    // An upload that does not fit makes room while it is received, a chunk at a time.
    let bytes: usize = world.store.borrow().values().map(Vec::len).sum();
    world.most_bytes.set(bytes + RESULTS / 2);
    let new = NewJob {
        client: Some(keyring.client("3.3.3.3")),
        ..new_job(
            Name::Ours(JobId::parse("large").unwrap()),
            Pipeline::CsvImport,
            MadeBy::Imports,
        )
    };
    let mut receiver = done(engine.receive(new)).unwrap();
    done(receiver.file("library.csv")).unwrap();
    done(receiver.write(&vec![b'x'; 7 * RESULTS])).unwrap();
    done(receiver.accept("content".to_owned())).unwrap();
    assert!(world.has("job/modest/end") && !world.has("job/greedy-01"));
    assert!(world.has("job/greedy-20"));
}

#[test]
fn a_run_that_finds_the_disk_full_makes_room_for_the_next() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    for number in 0..3 {
        let id = ask(engine, &format!("greedy-{number}"), "1.1.1.1").unwrap();
        end(&world, &id, 900_000);
    }
    world.pass(Duration::from_secs(100));
    let id = ask(engine, "mine", "2.2.2.2").unwrap();
    world.store.borrow_mut().remove("job/mine/lease");
    let bytes: usize = world.store.borrow().values().map(Vec::len).sum();
    world.most_bytes.set(bytes + 200);
    done(engine.run(&id, None, &Finished));
    assert!(!world.has("job/mine/end") && !world.has("job/greedy-0"));
    world.pass(settings.lease * 2);
    done(engine.run(&id, None, &Finished));
    assert!(world.has("job/mine/end"));
}

#[test]
fn a_store_that_is_only_busy_lets_nobody_s_job_go() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    for number in 0..20 {
        ended(&world, &format!("job-{number:02}"), "one", number);
    }
    world.pass(Duration::from_secs(100));
    world.failing.set(1);
    assert!(ask(engine, "late", "2.2.2.2").is_err());
    for number in 0..20 {
        assert!(world.has(&format!("job/job-{number:02}/end")), "{number}");
    }
}

/// Fifty jobs a second, each kept for a minute; one run in a few seconds sees to the rest.
#[test]
fn what_expires_goes_as_fast_as_it_comes_and_no_creation_waits_for_it() {
    let world = World::default();
    let settings = Settings {
        retention: Duration::from_secs(60),
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    let (mut made, mut most) = (0_u32, 0);
    while world.monotonic() < Duration::from_secs(1_800) {
        while u64::from(made) < 50 * world.monotonic().as_secs() {
            // Names are not in the order in which the jobs expire.
            let id = format!("{:08x}", made.wrapping_mul(2_654_435_761));
            let expires = json!({"expires": world.now().0 + 60_000});
            let root = root(&id, "complete", 0, expires);
            world.put(&format!("job/{id}"), &root);
            world.put(&format!("job/{id}/end"), &root);
            made += 1;
        }
        most = most.max(world.store.borrow().len() / 2);
        let id = JobId::parse("one-more").unwrap();
        let new = new_job(Name::Ours(id.clone()), Pipeline::CsvImport, MadeBy::Imports);
        let before = world.reads.get();
        drop(done(engine.receive(new)).unwrap());
        assert!(world.reads.get() - before <= 4, "it looks at no other job");
        world.store.borrow_mut().remove("job/one-more");
        world.store.borrow_mut().remove("job/one-more/lease");
        done(engine.run(&id, None, &Finished));
        world.pass(Duration::from_secs(1));
    }
    println!("at most {most} of {made} jobs");
    // Those of a minute, those that expire until they are looked for, every ten minutes, and those
    // that expire until all have been inspected, a twentieth of them with each sweep.
    assert!(most <= 50 * (60 + 600 + 400), "{most}");
}

/// Ten thousand jobs of many clients, and as many names of look-ups between them.
#[test]
fn an_overview_reads_a_bounded_number_of_values_however_many_jobs_there_are() {
    let world = World::default();
    let mut documents = vec![String::new(); 16];
    for number in 0..10_000_u64 {
        let (id, digit) = (format!("job-{number:05}"), number as usize % 16);
        let client = format!("{digit:x}-client");
        ended(&world, &id, &client, number);
        let at = START + number * 10;
        for name in [format!("look-up-{number}"), id] {
            documents[digit] += &format!("{client} {name} {at}\n");
        }
    }
    for (digit, document) in documents.into_iter().enumerate() {
        let key = format!("clients/{digit:x}");
        world.store.borrow_mut().insert(key, document.into_bytes());
    }
    world.pass(Duration::from_secs(150));
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let before = world.store.borrow().clone();
    let (mut older, mut listed) = (None, Vec::new());
    for _ in 0..3 {
        let reads = world.reads.get();
        let overview = done(engine.overview(older)).unwrap();
        let reads = world.reads.get() - reads;
        assert!(reads <= MAX_OVERVIEW_READS, "{reads}");
        assert_eq!(overview.holders.len(), 10);
        older = overview.older_than;
        let names = overview.jobs.iter().filter_map(Inspection::root);
        listed.extend(names.map(|root| root.id.to_string()));
    }
    listed.dedup();
    let newest = (10_000 - listed.len()..10_000).rev();
    let newest: Vec<String> = newest.map(|n| format!("job-{n:05}")).collect();
    assert_eq!(listed, newest);
    assert!(listed.len() >= 140, "{}", listed.len());
    assert_eq!(*world.store.borrow(), before, "a look changes nothing");
}

#[test]
fn jobs_of_clients_that_are_not_counted_are_listed_and_displace_nobody_s() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let client = keyring.client("192.0.2.1");
    let counted = JobId::parse("counted").unwrap();
    assert!(done(engine.admit(&client, &counted)).unwrap());
    ended(&world, "counted", "c", 0);
    for number in 0..9_000 {
        let id = JobId::parse(&format!("job-{number:04}")).unwrap();
        done(engine.record(&id)).unwrap();
        world.pass(Duration::from_millis(1));
    }
    ended(&world, "job-8999", "", 1);
    let overview = done(engine.overview(None)).unwrap();
    let first = overview.jobs[0].root().unwrap();
    assert_eq!(first.id.as_str(), "job-8999");
    let lines = |text: &Vec<u8>| text.iter().filter(|byte| **byte == b'\n').count();
    let entries: usize = world
        .store
        .borrow()
        .iter()
        .filter(|(key, _)| key.starts_with("clients/"))
        .map(|(_, document)| lines(document))
        .sum();
    assert!(entries <= 8_001, "{entries}");
    assert_eq!(overview.holders.len(), 1);
}

/// A job of 300 books, all of them finished, whose first segment is lost.
fn lost_segment(world: &World) -> JobId {
    let segments = json!([
        {"key": "job/a/seg/1-old.0", "count": 200, "bytes": 5},
        {"key": "job/a/seg/1-old.1", "count": 100, "bytes": 2},
    ]);
    let more = json!({"total": 300, "succeeded": 300, "segments": segments});
    world.put("job/a", &root("a", "enriching", 0, more));
    world.put("job/a/seg/1-old.1", &json!([]));
    world.pass(Duration::from_secs(60));
    JobId::parse("a").unwrap()
}

#[test]
fn a_job_whose_segment_is_lost_can_be_canceled() {
    let world = World::default();
    let id = lost_segment(&world);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let canceled = done(engine.cancel(&id)).unwrap();
    let Cancellation::Ended(end) = canceled else {
        panic!("{canceled:?}");
    };
    assert_eq!(end.stage, Stage::Canceled);
    assert_eq!(world.root("job/a/end").stage, Stage::Canceled);
    assert_eq!(world.root("job/a").stage, Stage::Canceled);
}

/// A worker that has nothing left to do.
struct Finished;

impl<E: job::Effects> Worker<E> for Finished {
    fn handles(&self, _: &Root) -> bool {
        true
    }

    async fn work(&self, _: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        Ok(StageOutcome::Finished(Stage::Complete, None))
    }
}

#[test]
fn a_job_whose_segment_is_lost_fails_with_its_next_run() {
    let world = World::default();
    let id = lost_segment(&world);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    done(engine.run(&id, None, &Finished));
    let state = done(engine.look(&id)).unwrap();
    let Inspection::Ended(end) = state else {
        panic!("{state:?}");
    };
    assert_eq!(end.stage, Stage::Error);
    let failure = end.failure.unwrap();
    assert_eq!(failure.code, FailureCode::EInternal);
    // Keys of the store are nobody's but the operator's.
    let told = format!("{} {}", failure.message, failure.user_message);
    assert!(!told.contains('/'), "{told}");
}

#[test]
fn an_end_that_is_damaged_is_written_again() {
    let world = World::default();
    world.put("job/a", &root("a", "enriching", 0, json!({})));
    let damage = b"\x00{".to_vec();
    world
        .store
        .borrow_mut()
        .insert("job/a/end".to_owned(), damage);
    world.pass(Duration::from_secs(60));
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    done(engine.run(&JobId::parse("a").unwrap(), None, &Finished));
    assert_eq!(world.root("job/a/end").stage, Stage::Complete);
}

#[test]
fn an_outcome_survives_the_loss_of_its_root() {
    let world = World::default();
    ended(&world, "a", "", 0);
    world.store.borrow_mut().remove("job/a");
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let state = done(engine.look(&JobId::parse("a").unwrap())).unwrap();
    assert!(matches!(state, Inspection::Ended(_)), "{state:?}");
}

fn new_job(name: Name, pipeline: Pipeline, made_by: MadeBy) -> NewJob {
    NewJob {
        name,
        pipeline,
        made_by,
        token: true,
        client: None,
        provider: String::new(),
        client_ref: String::new(),
    }
}

#[test]
fn a_slow_upload_keeps_its_job_fresh() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::from_bytes([1; 16]);
    let new = new_job(Name::Ours(id.clone()), Pipeline::CsvImport, MadeBy::Imports);
    let mut receiver = done(engine.receive(new)).unwrap();
    done(receiver.file("library.csv")).unwrap();
    done(receiver.write(&vec![b'x'; 900_000])).unwrap();
    for _ in 0..300 {
        world.pass(Duration::from_secs(1));
        done(receiver.write(&[b'x'; 2_000])).unwrap();
        let state = done(engine.look(&id)).unwrap();
        assert!(matches!(state, Inspection::Running(_)), "{state:?}");
    }
    let created = done(receiver.accept(String::new())).unwrap();
    assert_eq!(created.root.uploaded.bytes, 900_000 + 300 * 2_000);
}

#[test]
fn what_has_been_received_can_be_passed_on_chunk_by_chunk() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::from_bytes([1; 16]);
    let new = new_job(Name::Ours(id), Pipeline::AiScan, MadeBy::ScanBookshelfBatch);
    let mut receiver = done(engine.receive(new)).unwrap();
    let photos = [vec![b'a'; 2_000_000], vec![b'b'; 10], vec![b'c'; 950_000]];
    for photo in &photos {
        done(receiver.file("")).unwrap();
        for piece in photo.chunks(70_000) {
            done(receiver.write(piece)).unwrap();
        }
    }
    for (file, photo) in photos.iter().enumerate() {
        let mut whole = Vec::new();
        for number in 0.. {
            match done(receiver.read_back(file, number)).unwrap() {
                Some(chunk) => whole.extend_from_slice(&chunk),
                None => break,
            }
        }
        assert!(whole == *photo, "{file}");
    }
    assert_eq!(done(receiver.read_back(3, 0)).unwrap(), None);
    done(receiver.abandon());
    assert!(world.store.borrow().is_empty());
}

#[test]
fn a_job_whose_name_comes_late_counts_once() {
    let world = World::default();
    let (mut settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    settings.limits.max_jobs_per_client = 1;
    let engine = Engine::new(&world, &settings, &keyring);
    let client = keyring.client("192.0.2.1");
    let [before, own, next] = ["before", "own", "next"].map(|id| JobId::parse(id).unwrap());
    assert!(done(engine.admit(&client, &before)).unwrap());
    assert!(!done(engine.admit(&client, &own)).unwrap());
    assert!(done(engine.admit_instead(&client, Some(&before), &own)).unwrap());
    assert!(!done(engine.admit(&client, &next)).unwrap());
    // Nobody takes another client's place.
    let other = keyring.client("192.0.2.2");
    assert!(done(engine.admit_instead(&other, Some(&own), &next)).unwrap());
    assert!(!done(engine.admit(&client, &before)).unwrap());
}

#[test]
fn uploads_that_break_off_have_nobody_list_the_store() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    for number in 0..20 {
        let id = JobId::parse(&format!("job-{number}")).unwrap();
        let new = new_job(Name::Ours(id), Pipeline::CsvImport, MadeBy::Imports);
        let mut receiver = done(engine.receive(new)).unwrap();
        done(receiver.file("library.csv")).unwrap();
        done(receiver.write(&vec![b'x'; 2_000_000])).unwrap();
        assert!(world.store.borrow().len() > 1, "something is to be deleted");
        done(receiver.abandon());
        assert!(world.store.borrow().is_empty());
        world.pass(Duration::from_secs(6));
    }
    assert_eq!(world.lists.get(), 0);
}

#[test]
fn an_upload_is_not_accepted_once_its_job_was_ended() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::from_bytes([1; 16]);
    let new = new_job(Name::Ours(id.clone()), Pipeline::CsvImport, MadeBy::Imports);
    let mut receiver = done(engine.receive(new)).unwrap();
    done(receiver.file("library.csv")).unwrap();
    done(receiver.write(&vec![b'x'; 900_000])).unwrap();
    // Its process is paused, and somebody else ends what seems to have been left.
    world.pass(Duration::from_secs(200));
    done(engine.run(&id, None, &Finished));
    assert_eq!(world.root(&format!("job/{id}")).stage, Stage::Error);
    let error = done(receiver.accept(String::new())).unwrap_err();
    assert!(matches!(error, CreateError::Internal(_)), "{error}");
}

#[test]
fn a_name_used_again_has_another_token_and_the_content_of_its_own_request() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::parse("chosen").unwrap();
    let name = Name::Contended(id);
    let new = new_job(name, Pipeline::BatchEnrichment, MadeBy::BatchEnrich);
    let items = |title: &str| {
        let wanted = books::Wanted {
            title: title.to_owned(),
            ..books::Wanted::default()
        };
        [Item::wanted(wanted)]
    };
    let first = done(engine.create(&new, &items("One"))).unwrap().root;
    let token = done(engine.current_token(&first)).unwrap();
    let Err(CreateError::Exists(standing)) = done(engine.create(&new, &items("Two"))) else {
        panic!("the name is taken");
    };
    assert_eq!(standing.content, ContentDigest::of_items(&items("One")));
    assert_ne!(standing.content, ContentDigest::of_items(&items("Two")));
    world.pass(settings.retention + Duration::from_secs(3_600));
    let second = done(engine.create(&new, &items("One"))).unwrap().root;
    assert_ne!(done(engine.current_token(&second)).unwrap(), token);
    assert!(!done(engine.admits(&second, &token)).unwrap());
}

#[test]
fn a_name_deleted_and_used_again_at_once_has_another_token_each_time() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::parse("chosen").unwrap();
    let new = new_job(Name::Contended(id), Pipeline::CsvImport, MadeBy::V3Imports);
    let mut tokens: Vec<String> = Vec::new();
    for _ in 0..3 {
        let mut receiver = done(engine.receive(new.clone())).unwrap();
        done(receiver.file("my library.csv")).unwrap();
        done(receiver.write(b"title")).unwrap();
        let created = done(receiver.accept("same".to_owned())).unwrap().root;
        let token = done(engine.current_token(&created)).unwrap();
        for earlier in &tokens {
            assert!(!done(engine.admits(&created, earlier)).unwrap());
        }
        assert!(done(engine.admits(&created, &token)).unwrap());
        tokens.push(token);
        let mut end = serde_json::to_value(&created).unwrap();
        end["stage"] = json!("complete");
        world.put("job/chosen", &end);
        world.put("job/chosen/end", &end);
        done(engine.delete_ended(&world.root("job/chosen"))).unwrap();
        let look = done(engine.look(&created.id)).unwrap();
        assert_eq!(look, Inspection::Missing);
        // What is left of it tells nothing of it, and goes with the next sweep.
        let store = world.store.borrow();
        assert!(store.keys().all(|key| !key.starts_with("job/chosen/")));
        let left = String::from_utf8_lossy(&store["job/chosen"]);
        assert!(!left.contains("my library"), "{left}");
    }
    world.pass(Duration::from_secs(3 * 3_600));
    done(engine.store_has_capacity()).unwrap();
    assert!(!world.has("job/chosen"));
}

/// A job whose library comes next.
fn receiving_a_library(engine: Engine<'_, World>) -> Receiver<'_, World> {
    receiving_a_library_of(engine, JobId::from_bytes([1; 16]), None)
}

/// The same, of this name and client.
fn receiving_a_library_of(
    engine: Engine<'_, World>,
    id: JobId,
    client: Option<Client>,
) -> Receiver<'_, World> {
    let new = NewJob {
        client,
        ..new_job(Name::Ours(id), Pipeline::CsvImport, MadeBy::Imports)
    };
    let mut receiver = done(engine.receive(new)).unwrap();
    done(receiver.file("library.csv")).unwrap();
    receiver
}

#[test]
fn an_upload_goes_on_once_the_store_is_no_longer_busy() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let mut receiver = receiving_a_library(engine);
    for _ in 0..3 {
        done(receiver.write(&vec![b'x'; 600_000])).unwrap();
        let begins = world.store.borrow().is_empty();
        world.failing.set(if begins { 0 } else { 6 });
        done(receiver.write(&vec![b'x'; 300_000])).unwrap();
        assert_eq!(world.failing.get(), 0);
    }
    let created = done(receiver.accept(String::new())).unwrap();
    let chunks = created.root.uploads.iter().map(|upload| upload.chunks);
    assert_eq!(chunks.sum::<u32>(), 3);
}

/// A write that fails may take effect up to a write delay later; the one that repeats it, at once.
#[test]
fn an_upload_is_accepted_when_nothing_of_it_can_come_any_more() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let mut receiver = receiving_a_library(engine);
    done(receiver.write(&vec![b'x'; 900_000])).unwrap();
    world.echo.set(Some(settings.write_delay));
    world.failing.set(1);
    done(receiver.write(&vec![b'x'; 900_000])).unwrap();
    assert_eq!((world.failing.get(), world.echoes.borrow().len()), (0, 1));
    done(receiver.accept(String::new())).unwrap();
    assert_eq!(world.echoes.borrow().len(), 0);
}

/// A platform ends a request after some time, and what is received is not deleted then.
#[test]
fn a_store_that_is_busy_again_and_again_is_waited_for_once() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let mut receiver = receiving_a_library(engine);
    done(receiver.write(&vec![b'x'; 900_000])).unwrap();
    let (patience, began) = (settings.write_delay * 4, world.monotonic());
    let mut chunks = 0;
    let refused = loop {
        world.failing.set(15);
        match done(receiver.write(&vec![b'x'; 900_000])) {
            Ok(()) => chunks += 1,
            Err(error) => break error,
        }
        assert!(chunks < 20, "it goes on for ever");
    };
    assert!(matches!(refused, CreateError::Store(_)), "{refused}");
    assert!(chunks > 0);
    let waited = world.monotonic() - began;
    assert!(waited <= patience + settings.retry, "{waited:?}");
}

#[test]
fn of_an_upload_that_the_store_refuses_in_the_middle_nothing_is_left() {
    for name in ["ours", "contended"] {
        let world = World::default();
        let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
        let engine = Engine::new(&world, &settings, &keyring);
        let id = JobId::parse(name).unwrap();
        let name = match name {
            "ours" => Name::Ours(id),
            _ => Name::Contended(id),
        };
        let new = new_job(name, Pipeline::CsvImport, MadeBy::Imports);
        let mut receiver = done(engine.receive(new)).unwrap();
        done(receiver.file("library.csv")).unwrap();
        for _ in 0..3 {
            done(receiver.write(&vec![b'x'; 900_000])).unwrap();
        }
        // The store is busy for seconds: the next chunk is refused, and so is deleting others.
        world.failing.set(30);
        let refused = done(receiver.write(&vec![b'x'; 900_000])).unwrap_err();
        assert!(matches!(refused, CreateError::Store(_)), "{refused}");
        done(receiver.abandon());
        let store = world.store.borrow();
        let chunks = store.keys().filter(|key| key.contains("/up/"));
        assert_eq!(chunks.count(), 0);
    }
}

#[test]
fn previews_of_large_files_take_turns_with_the_jobs_that_compute() {
    let world = World::default();
    let settings = Settings {
        compute_slots: 1,
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    let limit = Duration::from_millis(500);
    let wait = |turn: &mut job::QueueTurn| done(engine.wait_for_turn(turn, limit));
    let takes = job::QueueTurn::time_to_read(8_000_000, false);
    let turn = || engine.compute_turn(None, takes);
    let (mut first, mut second) = (turn(), turn());
    assert!(wait(&mut first));
    assert!(!wait(&mut second), "there is one slot");
    // Large answers have a queue of their own.
    assert!(wait(&mut engine.memory_turn(None, 1_000_000)));
    done(engine.end_turn(first));
    assert!(wait(&mut second));
    // Who is gone is waited for no longer than its place lasts.
    let mut third = turn();
    world.pass(settings.lease * 2);
    assert!(wait(&mut third));
}

/// Nothing is renewed while a file is read.
#[test]
fn the_slot_of_a_preview_lasts_as_long_as_it_may_read_its_file() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let takes = job::QueueTurn::time_to_read(8_000_000, false);
    let mut turn = engine.compute_turn(None, takes);
    assert!(done(engine.wait_to_read(&mut turn, Duration::ZERO)));
    let life = Duration::from_millis(world.longest_turn.get());
    assert!(life >= takes * 2, "{life:?} for {takes:?}");
}

/// Runs of local jobs have no budget.
#[test]
fn who_holds_an_upload_in_memory_lets_another_run_wait_for_its_turn() {
    let world = World::default();
    world.starts_runs.set(true);
    let settings = Settings {
        compute_slots: 1,
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::parse("large").unwrap();
    let name = Name::Ours(id.clone());
    let new = new_job(name, Pipeline::CsvImport, MadeBy::Imports);
    let mut receiver = done(engine.receive(new)).unwrap();
    done(receiver.file("library.csv")).unwrap();
    let row = "A Title,An Author\n";
    let file = format!("Title,Author\n{}{}", row.repeat(5), " ".repeat(4_000_000));
    done(receiver.write(file.as_bytes())).unwrap();
    let created = done(receiver.accept(String::new())).unwrap();

    let takes = job::QueueTurn::time_to_read(8_000_000, false);
    let mut first = engine.compute_turn(None, takes);
    assert!(done(engine.wait_for_turn(&mut first, Duration::ZERO)));
    let began = world.monotonic();
    done(engine.run_created(created, None, &CsvAnalysis));
    let waited = world.monotonic() - began;
    assert!(waited < settings.lease, "{waited:?}");
    let next = world.handed_over.borrow_mut().pop().unwrap();
    let root = world.root("job/large");
    assert_eq!((root.stage, root.attempts), (Stage::Queued, 0));

    // A run that begins with nothing waits as long as it takes.
    let began = world.monotonic();
    done(engine.run(&id, Some(next), &CsvAnalysis));
    let waited = world.monotonic() - began;
    assert!(waited > settings.lease / 2, "{waited:?}");
    let root = world.root("job/large");
    assert_eq!((root.stage, root.attempts), (Stage::Enriching, 1));
    assert_eq!(world.handed_over.borrow().len(), 1, "for the look-ups");
}

/// A worker whose budget is used up in its first run, and who is done in the next.
#[derive(Default)]
struct TwoRuns {
    runs: Cell<u32>,
}

impl<E: job::Effects> Worker<E> for TwoRuns {
    fn handles(&self, root: &Root) -> bool {
        root.pipeline == Pipeline::BatchEnrichment
    }

    async fn work(&self, _: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        self.runs.set(self.runs.get() + 1);
        Ok(match self.runs.get() {
            1 => StageOutcome::HandOver,
            _ => StageOutcome::Finished(Stage::Complete, None),
        })
    }
}

/// A worker that notes how long the lease of the job `a` lasts when its run begins.
struct Lasting<'a> {
    world: &'a World,
    lasts: Cell<Duration>,
}

impl<E: job::Effects> Worker<E> for Lasting<'_> {
    fn handles(&self, _: &Root) -> bool {
        true
    }

    async fn work(&self, _: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        let lease: LeaseDoc =
            serde_json::from_slice(&self.world.store.borrow()["job/a/lease"]).unwrap();
        self.lasts.set(lease.expires.since(self.world.now()));
        Ok(StageOutcome::Finished(Stage::Complete, None))
    }
}

/// Whoever waits to see whose a name or a lease is renews it later than it otherwise would, but is
/// not late.
#[test]
fn a_lease_lasts_no_longer_because_it_was_settled_whose_it_is() {
    let (settings, keyring) = (Settings::cloud(), Keyring::new(b"secret"));
    let id = JobId::parse("a").unwrap();
    let lasting = |run: &dyn Fn(Engine<'_, World>, &Lasting<'_>)| {
        let world = World::default();
        let worker = Lasting {
            world: &world,
            lasts: Cell::default(),
        };
        run(Engine::new(&world, &settings, &keyring), &worker);
        worker.lasts.get()
    };
    let contended = lasting(&|engine, worker| {
        let name = Name::Contended(id.clone());
        let new = new_job(name, Pipeline::BatchEnrichment, MadeBy::BatchEnrich);
        let created = done(engine.create(&new, &[])).unwrap();
        done(engine.run_created(created, None, worker));
    });
    let revived = lasting(&|engine, worker| {
        let root = root("a", "enriching", 0, json!({}));
        worker.world.put("job/a", &root);
        done(engine.run(&id, None, worker));
    });
    assert_eq!([contended, revived], [settings.lease; 2]);
}

/// On a busy machine every answer is late, and a run needs some before it renews its lease.
#[test]
fn a_lease_that_is_taken_over_lasts_longer_on_a_slow_store() {
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let id = JobId::parse("a").unwrap();
    for slow in [0, 200].map(Duration::from_millis) {
        let world = World::default();
        world.starts_runs.set(true);
        let engine = Engine::new(&world, &settings, &keyring);
        let name = Name::Ours(id.clone());
        let new = new_job(name, Pipeline::BatchEnrichment, MadeBy::BatchEnrich);
        let created = done(engine.create(&new, &[])).unwrap();
        done(engine.run_created(created, None, &TwoRuns::default()));
        let hand_over = world.handed_over.borrow_mut().pop().unwrap();
        world.slow.set(slow);
        let worker = Lasting {
            world: &world,
            lasts: Cell::default(),
        };
        done(engine.run(&id, Some(hand_over), &worker));
        let lasts = worker.lasts.get();
        match slow.is_zero() {
            true => assert_eq!(lasts, settings.lease),
            // Although some of it has gone by.
            false => assert!(lasts > settings.lease, "{lasts:?}"),
        }
    }
}

/// What the documentation of `Root`, `Lease`, `Run` and `Worker` says, seen in the store.
#[test]
fn the_life_of_a_job() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::parse("a").unwrap();
    let lease = || world.store.borrow().get("job/a/lease").cloned();
    let epoch = || {
        serde_json::from_slice::<LeaseDoc>(&lease().unwrap())
            .unwrap()
            .epoch
    };

    // The creation writes the root and a lease, and has accepted the job: `seq` is 1.
    let new = new_job(
        Name::Contended(id.clone()),
        Pipeline::BatchEnrichment,
        MadeBy::BatchEnrich,
    );
    let created = done(engine.create(&new, &[])).unwrap();
    let root = world.root("job/a");
    assert_eq!((root.stage, root.seq), (Stage::Queued, 1));
    assert_eq!(root.epoch, epoch());

    // A run of the same invocation works under that lease. It hands over, but no other run can be
    // started here: the lease is left to expire, and nothing of the job is lost.
    let worker = TwoRuns::default();
    done(engine.run_created(created, None, &worker));
    let first = epoch();
    assert!(!world.has("job/a/end"));

    // While it may still write, no other run gets the job.
    done(engine.run(&id, None, &worker));
    assert_eq!((worker.runs.get(), epoch()), (1, first.clone()));

    // Later one claims the lease with the next term, and ends the job: the end is written, then
    // what nobody needs any more is deleted, and the root no longer names it.
    world.pass(Duration::from_secs(60));
    done(engine.run(&id, None, &worker));
    assert_eq!(worker.runs.get(), 2);
    let end = world.root("job/a/end");
    assert_eq!(end.stage, Stage::Complete);
    assert!(end.epoch.term > first.term);
    assert!(end.leftovers.contains(&"job/a/lease".to_owned()));
    assert_eq!(lease(), None);
    let root = world.root("job/a");
    assert_eq!((root.stage, root.leftovers.len()), (Stage::Complete, 0));
}

/// An ended scan that has kept photos of 3 bytes in these chunks, each as far as it is still there.
fn scan_with_kept_photos(world: &World, stage: &str, photos: &[&[Option<&str>]]) -> Root {
    let key = |photo: usize| format!("job/kept/up/1-old.{photo}");
    let uploads = |(at, chunks): (usize, &&[Option<&str>])| json!({"key": key(at), "chunks": chunks.len(), "bytes": 3});
    let uploads: Vec<Value> = photos.iter().enumerate().map(uploads).collect();
    for (at, chunks) in photos.iter().enumerate() {
        for (number, chunk) in chunks.iter().enumerate() {
            if let Some(bytes) = chunk {
                let key = format!("{}.{number}", key(at));
                world
                    .store
                    .borrow_mut()
                    .insert(key, bytes.as_bytes().to_vec());
            }
        }
    }
    let failed = json!({"status": "failed", "attempts": 1, "found": 0, "code": "E_VISION_FAILED"});
    let looked_at = match stage {
        "complete" => vec![failed; photos.len()],
        _ => Vec::new(),
    };
    let more = json!({
        "pipeline": "ai_scan", "route": "batch-scan", "uploads": uploads, "photos": looked_at,
        "uploaded": {"files": photos.len(), "keep_failed": true},
    });
    let root = root("kept", stage, 0, more);
    // Else a sweep takes the photos for nobody's.
    world.put("job/kept", &root);
    serde_json::from_value(root).unwrap()
}

/// Tries this job again, whatever may be tried: photos of the new job, and those to be sent again.
fn retry_photos(world: &World, ended: &Root) -> Result<(Root, Vec<usize>), Vec<usize>> {
    let (settings, keyring) = (Settings::local(), Keyring::new(&[7; 32]));
    let engine = Engine::new(world, &settings, &keyring);
    let name = Name::Contended(keyring.retry_id(ended, MadeBy::BatchScan));
    let new = new_job(name, Pipeline::AiScan, MadeBy::BatchScan);
    match done(engine.retry(&new, ended, &[Outcome::Error, Outcome::FailedPhotos])) {
        Ok(created) => {
            let lost = created.root.lost_photos().collect();
            Ok((created.root, lost))
        }
        Err(RetryError::Nothing(remedy)) => Err(remedy.photos),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn kept_photos_that_are_not_whole_are_to_be_sent_again() {
    let world = World::default();
    let (missing, damaged) = ([Some("ab"), None], [Some("ab"), Some("")]);
    let whole = [Some("ab"), Some("c")];
    let ended = scan_with_kept_photos(&world, "complete", &[&missing, &whole, &damaged]);
    let (root, lost) = retry_photos(&world, &ended).unwrap();
    assert_eq!(lost, [0, 2]);
    assert_eq!(root.retry.as_ref().unwrap().photos, [1]);
    let copies: Vec<u32> = root.uploads.iter().map(|upload| upload.chunks).collect();
    assert_eq!(copies, [0, 2, 0]);
    let stored = world.store.borrow();
    let copies = stored.keys().filter(|key| key.contains(root.id.as_str()));
    assert_eq!(copies.filter(|key| key.contains("/up/")).count(), 2);
}

#[test]
fn when_no_kept_photo_is_whole_there_is_nothing_to_retry_but_all_to_send() {
    let world = World::default();
    let ended = scan_with_kept_photos(&world, "complete", &[&[None], &[Some("ab")]]);
    assert_eq!(retry_photos(&world, &ended).unwrap_err(), [0, 1]);
    let left = world.store.borrow();
    assert!(
        !left
            .keys()
            .any(|key| key.contains("/up/") && !key.starts_with("job/kept/"))
    );
}

#[test]
fn a_scan_that_ended_before_it_began_keeps_its_photos() {
    for stage in ["canceled", "error"] {
        let world = World::default();
        let ended = scan_with_kept_photos(&world, stage, &[&[Some("abc")], &[None]]);
        assert_eq!(ended.kept_photos().collect::<Vec<_>>(), [0, 1]);
        let (root, lost) = retry_photos(&world, &ended).unwrap();
        assert_eq!((root.photos.len(), lost), (2, vec![1]), "{stage}");
        assert_eq!(root.retry.as_ref().unwrap().photos, [0]);
    }
}

#[test]
fn photos_of_a_scan_that_failed_early_are_to_be_sent_again() {
    let world = World::default();
    let mut ended = scan_with_kept_photos(&world, "error", &[&[None], &[None]]);
    ended.uploads.clear();
    ended.uploaded.keep_failed = false;
    assert_eq!(retry_photos(&world, &ended).unwrap_err(), [0, 1]);
}

/// What a repeated request, and one with nothing to do, cost: a few values, however many results
/// there are.
#[test]
fn a_retry_that_does_nothing_reads_no_results() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(&[7; 32]));
    let engine = Engine::new(&world, &settings, &keyring);
    let item = json!({"wanted": {"title": "A Title", "author": "An Author"}, "found": "error"});
    let part = json!([item.clone(), item]);
    world.put("job/a/seg/1-old.0", &part);
    let bytes = part.to_string().len();
    let segments = json!([{"key": "job/a/seg/1-old.0", "count": 2, "bytes": bytes}]);
    let counts = json!({"total": 2, "failed": 2, "unanswered": 2, "segments": segments});
    let ended: Root = serde_json::from_value(root("a", "complete", 0, counts)).unwrap();
    let name = Name::Contended(keyring.retry_id(&ended, MadeBy::BatchEnrich));
    let new = new_job(name, Pipeline::BatchEnrichment, MadeBy::BatchEnrich);
    let ask = |only: &[Outcome]| {
        let reads = world.reads.get();
        let answer = done(engine.retry(&new, &ended, only));
        (answer, world.reads.get() - reads)
    };
    let (nothing, reads) = ask(&[Outcome::NotFound]);
    assert!(
        matches!(nothing, Err(RetryError::Nothing(_))),
        "{nothing:?}"
    );
    assert_eq!(reads, 0);
    let created = ask(&[Outcome::Error]).0.unwrap();
    assert_eq!(created.root.total, 2);
    let before = world.store.borrow().clone();
    let (again, reads) = ask(&[Outcome::Error]);
    let exists = |error| matches!(error, RetryError::Create(CreateError::Exists(_)));
    assert!(again.is_err_and(exists));
    assert!(reads <= 2, "{reads}");
    assert_eq!(*world.store.borrow(), before);
}

#[test]
fn the_retry_of_another_is_taken_only_when_it_is_as_good_as_one_s_own() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::parse("other").unwrap();
    let take = |stage: &str, content: &str, client_ref: &str| {
        let more = json!({"content": content, "client_ref": client_ref});
        world.put("job/other", &root("other", stage, 0, more));
        let before = world.store.borrow().clone();
        let taken = done(engine.retry_of_another(&id, "same", "phone 7")).unwrap();
        assert_eq!(*world.store.borrow(), before, "a look changes nothing");
        taken.is_some()
    };
    world.pass(Duration::from_secs(3_600));
    for stage in ["queued", "enriching", "complete"] {
        assert!(take(stage, "same", "phone 7"), "{stage}");
        assert!(!take(stage, "another", "phone 7"), "{stage}");
        assert!(
            !take(stage, "same", ""),
            "{stage}: its messages name nobody"
        );
    }
    // Nobody has accepted it, and nobody is to be handed what another has stopped.
    assert!(!take("receiving", "", "phone 7"));
    assert!(!take("canceled", "same", "phone 7"));
    assert!(!take("error", "same", "phone 7"));
}

#[test]
fn an_expired_token_lets_its_client_go_on_with_what_is_kept_and_with_nothing_else() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let made = |stage: &str| -> Root {
        serde_json::from_value(root("a", stage, 0, json!({"first_token": 5}))).unwrap()
    };
    let (ended, running) = (made("complete"), made("enriching"));
    let token = done(engine.current_token(&ended)).unwrap();
    let admits = |root: &Root, token: &str| done(engine.admits_after_end(root, token)).unwrap();
    assert!(admits(&ended, &token) && admits(&running, &token));
    world.pass(settings.token_life);
    assert!(!done(engine.admits(&ended, &token)).unwrap());
    assert!(admits(&ended, &token) && !admits(&running, &token));
    assert!(!admits(&ended, "another"));
    world.pass(Duration::from_secs(24 * 3_600));
    assert!(!admits(&ended, &token), "the job has expired");
}

#[test]
fn a_retry_that_was_stopped_makes_place_for_the_next() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let first = JobId::parse("retry").unwrap();
    let own = || done(engine.own_retry(first.clone(), MadeBy::Imports)).unwrap();
    assert_eq!(own(), (first.clone(), None));
    let mut names = vec![first.clone()];
    for stage in ["canceled", "error", "canceled"] {
        let (name, _) = own();
        let key = format!("job/{name}");
        world.put(&key, &root(name.as_str(), "enriching", 0, json!({})));
        let (same, standing) = own();
        assert!(same == name && standing.is_some(), "one at a time");
        world.put(&key, &root(name.as_str(), stage, 0, json!({})));
        let (next, standing) = own();
        assert!(standing.is_none() && !names.contains(&next), "{stage}");
        names.push(next);
    }
}

/// Nothing is renewed while a library is read.
#[test]
fn the_slot_of_a_run_lasts_as_long_as_it_may_read_a_library() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let mut receiver = receiving_a_library(engine);
    let csv = b"Title,Author\n".repeat(192_000);
    done(receiver.write(&csv)).unwrap();
    let created = done(receiver.accept(String::new())).unwrap();
    done(engine.run_created(created, None, &CsvAnalysis));
    let takes = job::QueueTurn::time_to_read(csv.len() as u64, false);
    let life = Duration::from_millis(world.longest_turn.get());
    assert!(life >= takes * 2, "{life:?} for {takes:?}");
}

/// A library of this text and enough blanks that reading it is interrupted for good a few times.
fn large_library(engine: Engine<'_, World>, text: &str) -> Created {
    let mut receiver = receiving_a_library(engine);
    let file = format!("{text}{}", " ".repeat(4_000_000));
    done(receiver.write(file.as_bytes())).unwrap();
    done(receiver.accept(String::new())).unwrap()
}

#[test]
fn runs_that_lose_a_job_and_live_are_no_attempts_that_it_dies_of() {
    let world = World::default();
    world.starts_runs.set(true);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let text = format!("Title,Author\n{}", "A Title,An Author\n".repeat(5));
    let created = large_library(engine, &text);
    let id = created.root.id.clone();

    world.slow_uploads.set(settings.lease * 4);
    done(engine.run_created(created, None, &CsvAnalysis));
    let run = |times: u32| {
        for _ in 0..times {
            world.pass(settings.lease * 4);
            done(engine.run(&id, None, &CsvAnalysis));
        }
        world.root(&format!("job/{id}"))
    };
    // Four of them would have ended it.
    let last = run(15);
    assert_eq!((last.stage, last.attempts), (Stage::Analyzing, 16));
    // A file that takes longer than its lease by itself is given up all the same.
    let last = run(5);
    assert_eq!((last.stage, last.attempts), (Stage::Error, 20));
    assert_eq!(last.failure.unwrap().code, FailureCode::EInternal);
}

#[test]
fn a_run_that_is_too_late_to_say_that_a_file_is_none_is_no_death_of_the_job() {
    let world = World::default();
    world.starts_runs.set(true);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let created = large_library(engine, "a,b,c\n1,2,3\n");
    let id = created.root.id.clone();
    world.slow_uploads.set(settings.lease * 4);
    done(engine.run_created(created, None, &CsvAnalysis));
    for _ in 0..5 {
        world.pass(settings.lease * 4);
        done(engine.run(&id, None, &CsvAnalysis));
    }
    world.slow_uploads.set(Duration::ZERO);
    world.pass(settings.lease * 4);
    done(engine.run(&id, None, &CsvAnalysis));
    let end = world.root(&format!("job/{id}"));
    assert_eq!(end.failure.unwrap().code, FailureCode::ECsvParseFailed);
}

#[test]
fn an_attempt_counts_unless_its_own_run_has_survived_it() {
    // Four attempts since the third term. Who has survived says so in any order, and late; what
    // was survived before that was another step's.
    for (survived, is_given_up) in [
        (json!([]), true),
        (json!([1, 2]), true),
        (json!([3]), false),
        (json!([6, 4, 1]), false),
        // As the version before said it.
        (json!(9), true),
    ] {
        let world = World::default();
        world.starts_runs.set(true);
        let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
        let engine = Engine::new(&world, &settings, &keyring);
        let created = large_library(engine, "Title,Author\nA Title,An Author\n");
        let key = format!("job/{}", created.root.id);
        let mut root: Value = serde_json::from_slice(&world.store.borrow()[&key]).unwrap();
        root["attempts"] = json!(4);
        root["tried_since"] = json!(3);
        root["epoch"]["term"] = json!(6);
        world.put(&key, &root);
        world.put(&format!("{key}/survived"), &survived);
        world.pass(settings.lease * 4);
        done(engine.run(&created.root.id, None, &CsvAnalysis));
        let stage = world.root(&key).stage;
        assert_eq!(stage == Stage::Error, is_given_up, "{survived}: {stage:?}");
    }
}

#[test]
fn whoever_survives_an_attempt_is_noted_beside_the_others() {
    let world = World::default();
    world.starts_runs.set(true);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let created = large_library(engine, "Title,Author\nA Title,An Author\n");
    let id = created.root.id.clone();
    let first = created.root.epoch.term;
    world.slow_uploads.set(settings.lease * 4);
    // A run of a later term was faster to say so.
    let survived = format!("job/{id}/survived");
    world.put(&survived, &json!([first + 3]));
    done(engine.run_created(created, None, &CsvAnalysis));
    let noted = world.store.borrow()[&survived].clone();
    let mut noted: Vec<u64> = serde_json::from_slice(&noted).unwrap();
    noted.sort_unstable();
    assert_eq!(noted, [first, first + 3]);
}

#[test]
fn a_job_is_given_up_when_no_run_can_begin_and_not_when_there_is_no_room_for_one() {
    let photo = json!({"status": "pending", "step": "read", "attempts": 0, "found": 0});
    let scan = json!({"pipeline": "ai_scan", "photos": [photo]});
    for (made, refusals, is_given_up) in [
        (json!({}), vec![500], true),
        (json!({}), vec![503], false),
        (json!({}), vec![429], false),
        // There is no component that reads spines, and no room for the one that does without.
        (scan.clone(), vec![404, 503], false),
        (scan, vec![404, 500], true),
    ] {
        let world = World::default();
        let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
        let engine = Engine::new(&world, &settings, &keyring);
        world.put("job/a", &root("a", "analyzing", 0, made));
        world.refusals.replace(refusals.clone());
        world.pass(settings.stall * 2);
        done(engine.inspect(&JobId::parse("a").unwrap())).unwrap();
        let is_over = world.has("job/a/end");
        assert_eq!(is_over, is_given_up, "{refusals:?}");
    }
}

#[test]
fn who_waits_outside_of_the_queue_keeps_the_place_when_another_run_waits_on() {
    let world = World::default();
    world.starts_runs.set(true);
    let (settings, keyring) = (Settings::cloud(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    // The clock of the queue goes on, and is never without those who came before.
    let fill = |now: u64| {
        let times = (world.now().0, world.now().plus(settings.lease).0);
        let entries: Vec<Value> = (0..64)
            .map(|n| {
                json!({"job": format!("before-{n}"), "share": "s", "since": times.0,
                "until": times.1, "takes": 9_000, "place": 1, "computes": n < 2})
            })
            .collect();
        world.put(job::keys::COMPUTE, &json!({"entries": entries, "now": now}));
    };
    fill(50_000);
    let created = large_library(engine, "Title,Author\nA Title,An Author\n");
    let id = created.root.id.clone();
    done(engine.run_created(created, None, &CsvAnalysis));
    let root = || world.root(&format!("job/{id}"));
    let place = root().queue_place;
    assert!(place > 50_000, "{place}");
    fill(90_000);
    let given = world.handed_over.borrow_mut().pop();
    done(engine.run(&id, given, &CsvAnalysis));
    assert_eq!((root().stage, root().queue_place), (Stage::Queued, place));
    world.store.borrow_mut().remove(job::keys::COMPUTE);
    let given = world.handed_over.borrow_mut().pop();
    done(engine.run(&id, given, &CsvAnalysis));
    assert_eq!((root().stage, root().queue_place), (Stage::Enriching, 0));
}

#[test]
fn who_has_lost_a_job_that_is_gone_leaves_nothing() {
    let world = World::default();
    world.starts_runs.set(true);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let mut receiver = receiving_a_library(engine);
    done(receiver.write(b"Title,Author\nA Title,An Author\n")).unwrap();
    let created = done(receiver.accept(String::new())).unwrap();
    let id = created.root.id.clone();
    world.slow_uploads.set(settings.lease * 4);
    world.loses_jobs.set(true);
    done(engine.run_created(created, None, &CsvAnalysis));
    assert!(!world.has(&format!("job/{id}/survived")));
}
