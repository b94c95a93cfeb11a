//! The engine on a store in memory, with a clock that moves when somebody sleeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use job::effects::{
    Clock, Costs, Dispatch, DispatchError, Entropy, Http, HttpError, Log, Request, Response,
    RunRequest, Store, StoreError, Turn,
};
use job::{
    Cancellation, CreateError, Engine, FailureCode, Inspection, Item, JobId, Keyring, MadeBy, Name,
    NewJob, Pipeline, Root, Run, Settings, Stage, StageOutcome, Stop, Time, Worker, content_of,
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
        Ok(self.store.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.write()?;
        let mut store = self.store.borrow_mut();
        store.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.write()?;
        self.store.borrow_mut().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
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
    fn log(&self, _: &str, _: Value) {}

    fn costs(&self) -> Costs {
        Costs::default()
    }
}

impl Dispatch for World {
    async fn start_run(&self, _: RunRequest<'_>) -> Result<(), DispatchError> {
        Err(DispatchError("no run can be started".to_owned()))
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

#[test]
fn nobody_s_job_goes_in_the_minute_after_its_end() {
    let world = World::default();
    for number in 0..20 {
        ended(&world, &format!("job-{number:02}"), "one", number);
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
    assert_eq!(end.failure.unwrap().code, FailureCode::EInternal);
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
    assert_eq!(standing.content, content_of(&items("One")));
    assert_ne!(standing.content, content_of(&items("Two")));
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
        // The store is busy for a moment: the next chunk is refused, and so is deleting others.
        world.failing.set(6);
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
    let takes = job::time_to_read(8_000_000, false);
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
