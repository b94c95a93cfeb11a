//! Reading spines, which computes for many seconds: a client's cancellation ends it soon.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use futures::future::Shared;
use job::{Lettering, SpineReader, SpineReading, SpineStage, Stage};

use super::*;

/// The time that a step of reading may take.
const STEP: Duration = Duration::from_millis(400);

/// Number of steps in which the photo would be read.
const STEPS: usize = 40;

/// A photo of 16 by 16 black pixels.
const BLACK: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAADUlEQVR42mNgGAXIAAABEAABf80DtQAAAABJRU5Erk\
    Jggg==";

/// A reader that computes and reads nothing.
#[derive(Clone)]
struct Slow {
    world: &'static World,
    /// Another process, which goes on while this one computes.
    beside: Shared<LocalBoxFuture<'static, ()>>,
    /// Times at which steps began.
    began: Rc<RefCell<Vec<Duration>>>,
}

impl SpineReader for Slow {
    type Reading = Self;

    fn begin(&self, _: usize, _: usize, _: Vec<u8>) -> Result<Self, String> {
        Ok(self.clone())
    }
}

impl SpineReading for Slow {
    fn step(&mut self) -> Result<f32, String> {
        let now = Process(self.world).monotonic();
        self.began.borrow_mut().push(now);
        self.world.compute(STEP, &mut self.beside);
        Ok(self.began.borrow().len() as f32 / STEPS as f32)
    }

    fn finish(self) -> Lettering {
        Lettering::default()
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

/// Cancels a scan so long after its beginning.
fn cancel_while_reading(settings: Settings, after: Duration) -> Canceled {
    let world = World::new(|_, _| Treat::Answer);
    let process: &'static Process = Box::leak(Box::new(Process(world)));
    let settings: &'static Settings = Box::leak(Box::new(settings));
    let keyring: &'static Keyring = Box::leak(Box::new(Keyring::new(b"secret")));
    let first: &'static FirstStage = Box::leak(Box::new(FirstStage {
        scan: Scan {
            models: Vec::new(),
            reads_spines: true,
            preferred: VisionKind::Gemini,
            timeout: Duration::from_secs(30),
            confidence_threshold: 0.6,
        },
    }));
    let engine = Engine::new(process, settings, keyring);
    let new = NewJob {
        pipeline: Pipeline::AiScan,
        made_by: MadeBy::BatchScan,
        ..new_job(world)
    };
    let id = new.name.id().clone();
    let create = async move {
        let mut receiver = engine.receive(new).await.unwrap();
        receiver.file("shelf.png").await.unwrap();
        let photo = BASE64_STANDARD.decode(BLACK).unwrap();
        receiver.write(&photo).await.unwrap();
        let created = receiver.accept(String::new()).await.unwrap();
        engine.run_created(created, None, first).await;
    };
    let told = Rc::new(Cell::new(None));
    let teller = told.clone();
    let name = id.clone();
    let cancel = async move {
        process.sleep(after).await;
        let asked = process.monotonic();
        let answer = engine.cancel(&name).await.unwrap();
        assert!(
            matches!(&answer, Cancellation::Ended(root) if root.stage == Stage::Canceled),
            "{answer:?}"
        );
        teller.set(Some((asked, process.monotonic())));
    };
    let cancel = cancel.boxed_local().shared();
    let reader = Slow {
        world,
        beside: cancel.clone(),
        began: Rc::default(),
    };
    let began = reader.began.clone();
    let read = async move {
        let next = |_: &mut Context<'_>| match world.runs.borrow_mut().pop_front() {
            Some(run) => Poll::Ready(run),
            None => Poll::Pending,
        };
        let (id, hand_over) = poll_fn(next).await;
        engine.run(&id, hand_over, &SpineStage { reader }).await;
    };
    world.run(&mut vec![
        create.boxed_local(),
        cancel.boxed_local(),
        read.boxed_local(),
    ]);
    let store = world.store.borrow();
    let end: Root = serde_json::from_slice(&store[&job::keys::end(&id)]).unwrap();
    assert_eq!(end.stage, Stage::Canceled);
    let uploads = job::keys::uploads(&id);
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
    for profile in ["local", "akamai-functions"] {
        let settings = Settings::resolve(profile, "").unwrap();
        let (mut longest, mut most) = (Duration::ZERO, 0);
        for moment in 0..60 {
            let after = Duration::from_millis(1_000 + moment * 113);
            let canceled = cancel_while_reading(settings.clone(), after);
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
