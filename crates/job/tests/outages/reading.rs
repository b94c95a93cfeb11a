//! Reading spines, which computes for many seconds: a client's cancellation ends it soon, and runs
//! end before their platform would end them.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use books::{Lettering as Text, Shelf, Spine};
use futures::future::{Shared, pending};
use job::{
    Component, FailureCode, LeaseDoc, Lettering, PhotoStep, ReadLine, SpineReader, SpineReading,
    SpineStage, Stage,
};

use super::*;

/// The time that a step of reading may take.
const STEP: Duration = Duration::from_millis(400);

/// A photo of 16 by 16 black pixels.
const BLACK: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAADUlEQVR42mNgGAXIAAABEAABf80DtQAAAABJRU5Erk\
    Jggg==";

/// A reader that computes for long, and reads one line in the end.
#[derive(Clone)]
struct Slow {
    world: &'static World,
    /// Name of the lease, which must last until the next step.
    lease: String,
    /// Another process, which goes on while this one computes.
    beside: Shared<LocalBoxFuture<'static, ()>>,
    /// Whether there is nothing to be read.
    is_blank: bool,
    /// Number of steps that a photo takes.
    steps: usize,
    /// Number of those that are done.
    done: usize,
    /// Times at which steps began.
    began: Rc<RefCell<Vec<Duration>>>,
}

impl SpineReader for Slow {
    type Reading = Self;

    fn begin(&self, _: usize, _: usize, _: Vec<u8>, paused: Option<&[u8]>) -> Result<Self, String> {
        let done = paused.map_or(0, |done| usize::from_be_bytes(done.try_into().unwrap()));
        Ok(Self {
            done,
            ..self.clone()
        })
    }
}

impl SpineReading for Slow {
    fn step(&mut self) -> Result<f32, String> {
        let process = Process(self.world);
        self.began.borrow_mut().push(process.monotonic());
        self.world.compute(STEP, &mut self.beside);
        let store = self.world.store.borrow();
        let lease: LeaseDoc = serde_json::from_slice(&store[&self.lease]).unwrap();
        assert!(process.now() < lease.expires, "the lease is over");
        self.done += 1;
        Ok(self.done as f32 / self.steps as f32)
    }

    fn pause(&self) -> Option<Vec<u8>> {
        Some(self.done.to_be_bytes().to_vec())
    }

    fn finish(self) -> Lettering {
        if self.is_blank {
            return Lettering::default();
        }
        Lettering {
            shelf: Shelf {
                lettering: vec![Text {
                    text: "HARBOUR OF GLASS".to_owned(),
                    height: 30.0,
                }],
                spines: vec![Spine {
                    lines: vec![0],
                    beside: Vec::new(),
                }],
            },
            lines: vec![ReadLine {
                bounding_box: BoundingBox::default(),
                confidence: 0.9,
            }],
        }
    }
}

impl World {
    /// Lets so much time pass, in which only `beside` goes on.
    fn compute(&self, time: Duration, beside: &mut Shared<LocalBoxFuture<'static, ()>>) {
        let until = self.now.get() + u64::try_from(time.as_micros()).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let _ = beside.poll_unpin(&mut context);
            let mut timers = self.timers.borrow_mut();
            match timers.first_entry() {
                Some(next) if next.key().0 <= until => {
                    self.now.set(self.now.get().max(next.key().0));
                    next.remove();
                }
                _ => break,
            }
        }
        self.now.set(until);
    }
}

/// A cancellation while a photo was read.
#[derive(Debug)]
struct Canceled {
    /// The time until it was answered.
    answered: Duration,
    /// Number of steps that began before it, and after it.
    steps: [usize; 2],
}

/// An application without a vision model, and a scan of some photos by it.
struct Scanning {
    world: &'static World,
    process: &'static Process,
    engine: Engine<'static, Process>,
    id: JobId,
    first: &'static FirstStage,
    /// Creates the job, and does what comes before spines are read.
    create: LocalBoxFuture<'static, ()>,
}

fn scan(settings: Settings, photos: usize) -> Scanning {
    let world = World::new(|_, _| Treat::Answer);
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let settings: &'static Settings = Box::leak(Box::new(settings));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let engine = Engine::new(process, settings, keyring);
    let photos = vec![BASE64_STANDARD.decode(BLACK).unwrap(); photos];
    let NewScan { id, first, create } = new_scan(world, engine, Vec::new(), photos);
    Scanning {
        world,
        process,
        engine,
        id,
        first,
        create,
    }
}

impl Scanning {
    fn reader(&self, steps: usize, beside: Shared<LocalBoxFuture<'static, ()>>) -> Slow {
        Slow {
            world: self.world,
            lease: job::keys::lease(&self.id),
            beside,
            is_blank: false,
            steps,
            done: 0,
            began: Rc::default(),
        }
    }
}

/// The next run that is to be started.
async fn next_run(world: &World) -> (JobId, Option<HandOver>) {
    poll_fn(|_| match world.runs.borrow_mut().pop_front() {
        Some(run) => Poll::Ready(run),
        None => Poll::Pending,
    })
    .await
}

/// Cancels a scan so long after its beginning, in the middle of a photo of so many steps.
fn cancel_while_reading(settings: Settings, after: Duration, steps: usize) -> Canceled {
    let scanning = scan(settings, 1);
    let (world, process, engine) = (scanning.world, scanning.process, scanning.engine);
    let told = Rc::new(Cell::new(None));
    let (teller, id) = (told.clone(), scanning.id.clone());
    let cancel = async move {
        process.sleep(after).await;
        let asked = process.monotonic();
        let answer = engine.cancel(&id).await.unwrap();
        assert!(
            matches!(&answer, Cancellation::Ended(root) if root.stage == Stage::Canceled),
            "{answer:?}"
        );
        teller.set(Some((asked, process.monotonic())));
    };
    let cancel = cancel.boxed_local().shared();
    let reader = scanning.reader(steps, cancel.clone());
    let began = reader.began.clone();
    let read = async move {
        let (id, hand_over) = next_run(world).await;
        engine.run(&id, hand_over, &SpineStage { reader }).await;
    };
    world.run(&mut vec![
        scanning.create,
        cancel.boxed_local(),
        read.boxed_local(),
    ]);
    let store = world.store.borrow();
    let end: Root = serde_json::from_slice(&store[&job::keys::end(&scanning.id)]).unwrap();
    assert_eq!(end.stage, Stage::Canceled);
    let uploads = job::keys::uploads(&scanning.id);
    assert!(!store.keys().any(|key| key.starts_with(&uploads)));
    let (asked, answered) = told.get().unwrap();
    let before = began.borrow().iter().filter(|time| **time <= asked).count();
    Canceled {
        answered: answered - asked,
        steps: [before, began.borrow().len() - before],
    }
}

/// The step that is under way is done, and one more when it begins before the cancellation shows.
#[test]
fn a_cancellation_while_spines_are_read_is_answered_within_a_second() {
    const STEPS: usize = 40;
    for profile in ["local", "akamai-functions"] {
        let settings = Settings::resolve(profile, "").unwrap();
        let (mut longest, mut most) = (Duration::ZERO, 0);
        for moment in 0..60 {
            let after = Duration::from_millis(1_000 + moment * 113);
            let canceled = cancel_while_reading(settings.clone(), after, STEPS);
            let [before, behind] = canceled.steps;
            assert!(before > 0 && before + behind < STEPS, "{canceled:?}");
            longest = longest.max(canceled.answered);
            most = most.max(behind);
        }
        println!("{profile}: {longest:?}, {most} more steps");
        assert!(longest < Duration::from_secs(1), "{profile}: {longest:?}");
        assert!(most <= 1, "{profile}: {most} more steps");
    }
}

/// Reads five photos of so many steps within a platform's limits: how long each run was, and for
/// which photos not all was read.
fn read_five(steps: usize) -> (Vec<Duration>, Vec<bool>) {
    let settings = Settings::resolve("akamai-functions", "").unwrap();
    let scanning = scan(settings, 5);
    let (world, process, engine) = (scanning.world, scanning.process, scanning.engine);
    let nobody = pending().boxed_local().shared();
    let stage = SpineStage {
        reader: scanning.reader(steps, nobody),
    };
    let runs = Rc::new(RefCell::new(Vec::new()));
    let (lengths, key) = (runs.clone(), job::keys::root(&scanning.id));
    let root = move || -> Root { serde_json::from_slice(&world.store.borrow()[&key]).unwrap() };
    let now = root.clone();
    let read = async move {
        loop {
            let (id, hand_over) = next_run(world).await;
            if now().next_component() != Component::Reader {
                return;
            }
            let began = process.monotonic();
            engine.run(&id, hand_over, &stage).await;
            lengths.borrow_mut().push(process.monotonic() - began);
        }
    };
    world.run(&mut vec![scanning.create, read.boxed_local()]);
    let photos = root().photos;
    for photo in &photos {
        assert_eq!((photo.step, photo.attempts), (PhotoStep::Identify, 0));
    }
    (
        runs.take(),
        photos.iter().map(|photo| photo.is_cut).collect(),
    )
}

/// Where a request ends after 30 s, and a photo takes 9 s, 70 s, or more than 20 runs have.
#[test]
fn each_photo_has_runs_of_its_own_that_end_in_time_and_go_on_with_what_was_read() {
    for (steps, runs_of_each, is_cut) in [(22, 1, false), (175, 4, false), (1_200, 20, true)] {
        let (runs, cut) = read_five(steps);
        println!("{runs:?}");
        assert_eq!(cut, [is_cut; 5]);
        assert_eq!(runs.len(), 5 * runs_of_each);
        let longest = runs.into_iter().max().unwrap();
        assert!(longest < Duration::from_secs(25), "{longest:?}");
    }
}

#[test]
fn whoever_sends_a_photo_on_which_nothing_can_be_read_is_told_what_would_help() {
    let scanning = scan(Settings::local(), 1);
    let (world, engine, first) = (scanning.world, scanning.engine, scanning.first);
    let nobody = pending().boxed_local().shared();
    let reader = Slow {
        is_blank: true,
        ..scanning.reader(3, nobody)
    };
    let read = async move {
        let (id, hand_over) = next_run(world).await;
        engine.run(&id, hand_over, &SpineStage { reader }).await;
        let (id, hand_over) = next_run(world).await;
        engine.run(&id, hand_over, first).await;
    };
    world.run(&mut vec![scanning.create, read.boxed_local()]);
    let store = world.store.borrow();
    let end: Root = serde_json::from_slice(&store[&job::keys::end(&scanning.id)]).unwrap();
    let failure = end.failure.unwrap();
    assert_eq!(failure.code, FailureCode::ENoBooksFound);
    let advice = &failure.user_message;
    assert!(advice.contains("one shelf at a time"), "{advice}");
}
