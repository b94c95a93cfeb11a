//! Virtual time and the processes in it: a single-threaded executor whose every choice comes from
//! the seed.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::checks::{Checks, Violation};
use crate::scenario::Scenario;
use crate::store::{Damaged, Store, Write};

/// Microseconds of simulated time.
pub(crate) type Micros = u64;

/// A process, by number: one invocation of a component.
pub(crate) type Pid = usize;

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Act = Box<dyn FnOnce(&Rc<World>)>;

/// Largest number of events; a schedule with more does not end.
const MAX_EVENTS: u64 = 2_000_000;

/// The purpose of a process, which decides how its effects are treated and traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Receives a request that makes a job, and goes on as its first run.
    Creator,
    /// Works on a job: was started by the internal route.
    Run,
    /// Answers a stream.
    Stream,
    /// Answers a poll.
    Poll,
    /// Answers a `DELETE`.
    Cancel,
    /// Answers a choice for a book of an ended job.
    Chooser,
    /// Sweeps: deletes what has expired.
    Sweep,
}

/// The facts about a process besides its future.
pub(crate) struct Profile {
    pub role: Role,
    pub alive: Cell<bool>,
    /// The replica that the process talks to.
    pub replica: usize,
    /// Error of its wall clock, in microseconds.
    pub skew: i64,
    pub began: Micros,
    /// The time before which the process does nothing.
    pub paused_until: Cell<Micros>,
}

enum Event {
    Wake(Pid, u64),
    Poll(Pid),
    Kill(Pid),
    Apply(Write),
    Act(Act),
}

struct Entry {
    at: Micros,
    /// A random number that orders what happens at the same moment.
    lot: u32,
    number: u64,
    event: Event,
}

impl Entry {
    fn key(&self) -> (Micros, u32, u64) {
        (self.at, self.lot, self.number)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Whether a process has something to do.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Process {
    task: Task,
    flag: Arc<Flag>,
    /// Action when the process is gone, whichever way.
    exit: Option<Act>,
}

/// The state of a schedule: store, processes, clocks, checks.
pub(crate) struct World {
    pub scenario: Rc<Scenario>,
    pub rng: RefCell<fastrand::Rng>,
    pub store: RefCell<Store>,
    pub damaged: RefCell<Damaged>,
    pub checks: RefCell<Checks>,
    pub profiles: RefCell<Vec<Rc<Profile>>>,
    now: Cell<Micros>,
    /// Time from which on nothing goes wrong.
    calm_from: Cell<Micros>,
    /// Length of the jump of all wall clocks, in microseconds.
    jumped: Cell<i64>,
    queue: RefCell<BinaryHeap<Reverse<Entry>>>,
    numbers: Cell<u64>,
    timers: RefCell<HashMap<u64, Waker>>,
    spawned: RefCell<Vec<(Pid, Process)>>,
    trace: Option<RefCell<Vec<String>>>,
    faults: Cell<u64>,
    events: Cell<u64>,
}

impl World {
    pub(crate) fn new(scenario: Rc<Scenario>, traced: bool) -> Rc<Self> {
        let rng = fastrand::Rng::with_seed(scenario.seed ^ 0x5eed_0f5c_4ed0_1e55);
        Rc::new(Self {
            rng: RefCell::new(rng),
            store: RefCell::new(Store::new(&scenario)),
            damaged: RefCell::new(Damaged::new(scenario.damage)),
            checks: RefCell::new(Checks::new(&scenario)),
            calm_from: Cell::new(scenario.faults_until),
            scenario,
            profiles: RefCell::default(),
            now: Cell::new(0),
            jumped: Cell::new(0),
            queue: RefCell::default(),
            numbers: Cell::new(0),
            timers: RefCell::default(),
            spawned: RefCell::default(),
            trace: traced.then(RefCell::default),
            faults: Cell::new(0),
            events: Cell::new(0),
        })
    }

    pub(crate) fn now(&self) -> Micros {
        self.now.get()
    }

    pub(crate) fn calm_from(&self) -> Micros {
        self.calm_from.get()
    }

    /// Lets things go wrong once more, for so long.
    pub(crate) fn inject_faults_for(&self, time: Micros) {
        self.calm_from.set(self.now() + time);
    }

    /// Moves the clock to `at`: nothing has happened until then.
    pub(crate) fn wait_until(&self, at: Micros) {
        self.now.set(at.max(self.now()));
    }

    pub(crate) fn jump(&self, by: i64) {
        self.jumped.set(self.jumped.get() + by);
        self.faults.set(self.faults.get() + 1);
    }

    pub(crate) fn jumped(&self) -> i64 {
        self.jumped.get()
    }

    pub(crate) fn faults(&self) -> u64 {
        self.faults.get()
    }

    pub(crate) fn events(&self) -> u64 {
        self.events.get()
    }

    /// A random number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.rng.borrow_mut().u64(0..end.max(1))
    }

    pub(crate) fn chance(&self, probability: f64) -> bool {
        self.rng.borrow_mut().f64() < probability
    }

    /// Whether a fault happens now that is `often` times as likely as usual.
    pub(crate) fn fault(&self, often: f64) -> bool {
        let scenario = &self.scenario;
        let strikes = self.now() < self.calm_from() && self.chance(scenario.fault_rate * often);
        if strikes {
            self.faults.set(self.faults.get() + 1);
        }
        strikes
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let at = self.now();
            let line = format!("{:>6}.{:03} {}", at / 1_000_000, at / 1_000 % 1_000, line());
            trace.borrow_mut().push(line);
        }
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.trace
            .as_ref()
            .map(|trace| std::mem::take(&mut *trace.borrow_mut()))
            .unwrap_or_default()
    }

    fn push(&self, at: Micros, event: Event) {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let lot = self.rng.borrow_mut().u32(..);
        self.queue.borrow_mut().push(Reverse(Entry {
            at,
            lot,
            number,
            event,
        }));
    }

    pub(crate) fn act_in(&self, delay: Micros, act: impl FnOnce(&Rc<Self>) + 'static) {
        self.push(self.now() + delay, Event::Act(Box::new(act)));
    }

    pub(crate) fn apply_in(&self, delay: Micros, write: Write) {
        self.push(self.now() + delay, Event::Apply(write));
    }

    pub(crate) fn take_effect(&self, write: &Write) {
        let wins = self.store.borrow_mut().apply(write);
        self.note(|| {
            format!(
                "   {} of #{} {} at replica {}",
                write.key,
                write.pid,
                if wins { "takes effect" } else { "is too late" },
                write.replica
            )
        });
        if write.is_first {
            let store = self.store.borrow();
            self.checks
                .borrow_mut()
                .took_effect(&store, self.now(), write);
        }
    }

    pub(crate) fn kill_in(&self, delay: Micros, pid: Pid) {
        self.push(self.now() + delay, Event::Kill(pid));
    }

    pub(crate) fn profile(&self, pid: Pid) -> Rc<Profile> {
        Rc::clone(&self.profiles.borrow()[pid])
    }

    /// Starts a process; `exit` happens when it has ended or died.
    pub(crate) fn spawn<F: Future<Output = ()> + 'static>(
        self: &Rc<Self>,
        role: Role,
        body: impl FnOnce(crate::effects::Process) -> F,
        exit: impl FnOnce(&Rc<Self>) + 'static,
    ) -> Pid {
        let scenario = &self.scenario;
        let skew = i64::try_from(self.below(scenario.skew)).unwrap_or(0);
        let profile = Rc::new(Profile {
            role,
            alive: Cell::new(true),
            replica: usize::try_from(self.below(scenario.replicas as u64)).unwrap_or(0),
            skew: skew - i64::try_from(scenario.skew / 2).unwrap_or(0),
            began: self.now(),
            paused_until: Cell::new(0),
        });
        let pid = {
            let mut profiles = self.profiles.borrow_mut();
            profiles.push(Rc::clone(&profile));
            profiles.len() - 1
        };
        self.note(|| format!("#{pid} {role:?} begins, replica {}", profile.replica));
        let process = crate::effects::Process::new(Rc::clone(self), pid, profile);
        self.spawned.borrow_mut().push((
            pid,
            Process {
                task: Box::pin(body(process)),
                flag: Arc::new(Flag(AtomicBool::new(true))),
                exit: Some(Box::new(exit)),
            },
        ));
        // Now and then a process dies at a moment that is nobody's choice.
        if self.fault(4.0) {
            let life = self.below(6_000_000);
            self.kill_in(life, pid);
        }
        pid
    }

    /// Completes after `delay`.
    pub(crate) fn pass(self: &Rc<Self>, delay: Micros) -> Timer {
        Timer {
            world: Rc::clone(self),
            at: self.now() + delay,
            id: None,
        }
    }

    /// Stops a process, all of it, for a while.
    pub(crate) fn pause(&self, pid: Pid, time: Micros) {
        let profile = self.profile(pid);
        let until = self.now() + time;
        let already = profile.paused_until.get().max(self.now());
        if until > already {
            profile.paused_until.set(until);
        }
        self.note(|| format!("#{pid} is paused for {} ms", time / 1_000));
    }
}

/// The future of [`World::pass`].
pub(crate) struct Timer {
    world: Rc<World>,
    at: Micros,
    id: Option<(u64, Pid)>,
}

thread_local! {
    /// The process that is being polled, whose timers register.
    static CURRENT: Cell<Pid> = const { Cell::new(0) };
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.world.now() >= self.at {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        if let Some((id, _)) = self.id {
            self.world.timers.borrow_mut().insert(id, waker);
        } else {
            let pid = CURRENT.get();
            let id = self.world.numbers.get();
            self.world.timers.borrow_mut().insert(id, waker);
            self.world.push(self.at, Event::Wake(pid, id));
            self.id = Some((id, pid));
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some((id, _)) = self.id {
            self.world.timers.borrow_mut().remove(&id);
        }
    }
}

/// Runs a world's processes.
pub(crate) struct Executor {
    world: Rc<World>,
    processes: Vec<Option<Process>>,
}

impl Executor {
    pub(crate) fn new(world: &Rc<World>) -> Self {
        Self {
            world: Rc::clone(world),
            processes: Vec::new(),
        }
    }

    /// Lets time pass until `until` says so, nothing is left to happen, or `limit` is reached.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(crate) fn run(
        &mut self,
        limit: Micros,
        until: impl Fn(&World) -> bool,
    ) -> Result<(), Violation> {
        loop {
            self.begin_spawned();
            if let Some(violation) = self.world.checks.borrow_mut().violation.take() {
                return Err(violation);
            }
            if until(&self.world) {
                return Ok(());
            }
            let due = {
                let mut queue = self.world.queue.borrow_mut();
                match queue.peek() {
                    Some(Reverse(next)) if next.at <= limit => queue.pop(),
                    _ => None,
                }
            };
            let Some(Reverse(entry)) = due else {
                return Ok(());
            };
            let world = Rc::clone(&self.world);
            world.now.set(entry.at.max(world.now()));
            world.events.set(world.events.get() + 1);
            if world.events.get() > MAX_EVENTS {
                return Err(Violation::new("bounded", "the schedule does not end"));
            }
            match entry.event {
                Event::Wake(pid, id) => {
                    let until = world.profile(pid).paused_until.get();
                    if until > world.now() {
                        world.push(until, Event::Wake(pid, id));
                        continue;
                    }
                    let waker = world.timers.borrow_mut().remove(&id);
                    if let Some(waker) = waker {
                        waker.wake();
                        self.poll(pid);
                    }
                }
                Event::Poll(pid) => self.poll(pid),
                Event::Kill(pid) => {
                    if self.processes.get(pid).is_some_and(Option::is_some) {
                        world.note(|| format!("#{pid} DIES"));
                        self.end(pid);
                    }
                }
                Event::Apply(write) => world.take_effect(&write),
                Event::Act(act) => act(&world),
            }
        }
    }

    fn begin_spawned(&mut self) {
        let spawned = std::mem::take(&mut *self.world.spawned.borrow_mut());
        for (pid, process) in spawned {
            while self.processes.len() <= pid {
                self.processes.push(None);
            }
            self.processes[pid] = Some(process);
            self.world.push(self.world.now(), Event::Poll(pid));
        }
    }

    fn poll(&mut self, pid: Pid) {
        let Some(Some(process)) = self.processes.get_mut(pid) else {
            return;
        };
        let waker = Waker::from(Arc::clone(&process.flag));
        let mut cx = Context::from_waker(&waker);
        CURRENT.set(pid);
        while process.flag.0.swap(false, Ordering::Relaxed) {
            if process.task.as_mut().poll(&mut cx).is_ready() {
                self.end(pid);
                return;
            }
        }
    }

    fn end(&mut self, pid: Pid) {
        let world = Rc::clone(&self.world);
        if let Some(process) = self.processes.get_mut(pid).and_then(Option::take) {
            world.profile(pid).alive.set(false);
            drop(process.task);
            if let Some(exit) = process.exit {
                exit(&world);
            }
        }
    }
}
