//! The job engine in a simulated world. A seed decides everything: how the store behaves, when
//! which process goes on, dies or is paused, which answers are lost. The engine is the real one,
//! [`job`], over [`job::Effects`] of this crate's making; after every step the rules are checked.
//!
//! **Invariant:** a schedule is a function of its seed and [`Options`], so a seed that fails is a
//! reproduction: `cargo run --release -p simulation -- --seed S --trace`.

mod campaign;
mod checks;
mod clients;
mod effects;
mod mutation;
mod provider;
mod runs;
mod scenario;
mod shelf;
mod store;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

pub use campaign::campaign;
pub use checks::Violation;
pub use mutation::Mutation;
pub use scenario::{Options, Variant};

use crate::clients::Clients;
use crate::scenario::{JobPlan, Scenario, micros};
use crate::world::{Executor, Micros, World};

/// Longest time from the last fault to the end of a job that somebody watches.
const TIME_LIMIT: Micros = 120_000_000;
/// Longest time to a job's end where there is room for one job at a time: one that no client was
/// told of keeps its place for a day.
const TIME_LIMIT_WHEN_CROWDED: Micros = 30 * 3_600_000_000;

/// The totals of one schedule or of several.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Number of schedules that were run.
    pub schedules: u64,
    /// Number of events that were simulated.
    pub events: u64,
    /// Number of faults that were injected.
    pub faults: u64,
    /// Number of processes that were started.
    pub processes: u64,
    /// Longest time, in ms of simulated time, from the last fault to the last client's having what
    /// it wanted.
    pub longest_ms: u64,
    /// Number of messages that the webhook has got.
    pub messages: u64,
    /// Number of those among them that it had got before.
    pub repeated_messages: u64,
    /// Largest number of keys that a job had at once.
    pub most_keys: usize,
    /// Size of the largest root, in bytes.
    pub largest_root: usize,
    /// Size of the largest value, in bytes.
    pub largest_value: usize,
    /// Number of breaches of each rule that only holds while the store keeps within its write
    /// delay, in schedules in which it did not.
    pub beyond: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// Adds the totals of other schedules.
    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.events += other.events;
        self.faults += other.faults;
        self.processes += other.processes;
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        self.messages += other.messages;
        self.repeated_messages += other.repeated_messages;
        self.most_keys = self.most_keys.max(other.most_keys);
        self.largest_root = self.largest_root.max(other.largest_root);
        self.largest_value = self.largest_value.max(other.largest_value);
        for (rule, count) in &other.beyond {
            *self.beyond.entry(rule).or_default() += count;
        }
    }
}

/// A seed under which a rule is broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The rule, and the way in which it was broken.
    pub violation: Violation,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { rule, message } = &self.violation;
        write!(f, "seed {}: {rule}: {message}", self.seed)
    }
}

impl std::error::Error for Failure {}

/// Runs one schedule.
///
/// # Errors
/// [`Failure`] when a rule is broken.
pub fn run(seed: u64, options: Options) -> Result<Stats, Box<Failure>> {
    let world = World::new(Rc::new(Scenario::new(seed, options)), false);
    schedule(&world).map_err(|violation| Box::new(Failure { seed, violation }))
}

/// Runs one schedule; returns its trace, line by line, and its totals.
///
/// # Errors
/// [`Failure`] when a rule is broken.
pub fn trace(seed: u64, options: Options) -> (Vec<String>, Result<Stats, Box<Failure>>) {
    let world = World::new(Rc::new(Scenario::new(seed, options)), true);
    let result = schedule(&world).map_err(|violation| Box::new(Failure { seed, violation }));
    (world.take_trace(), result)
}

fn schedule(world: &Rc<World>) -> Result<Stats, Violation> {
    let scenario = Rc::clone(&world.scenario);
    let mut executor = Executor::new(world);
    if let Some((at, by)) = scenario.jump {
        world.act_in(at, move |world| {
            world.note(|| format!("   all clocks jump by {} s", by / 1_000_000));
            world.jump(by);
        });
    }
    clients::leave_expired(world, scenario.expired);
    let mut longest = 0;
    let mut all = run_until_content(world, &mut executor, |_| true, &mut longest)?;
    if all && scenario.chooses {
        world.inject_faults_for(world.below(10_000_000));
        all = wait_for(world, &mut executor, &mut longest, Clients::choose)?;
    }
    if all && scenario.retries {
        world.inject_faults_for(world.below(10_000_000));
        all = wait_for(world, &mut executor, &mut longest, Clients::retry)?;
    }
    if all && scenario.jobs.iter().any(|job| job.again) {
        all = repeat_jobs(world, &mut executor, &mut longest)?;
    }
    if all {
        check_expired(world, &mut executor)?;
    }
    let mut checks = world.checks.borrow_mut();
    if let Some(violation) = checks.violation.take() {
        return Err(violation);
    }
    let [messages, repeated_messages] = checks.messages();
    Ok(Stats {
        schedules: 1,
        events: world.events(),
        faults: world.faults(),
        processes: world.profiles.borrow().len() as u64,
        longest_ms: longest / 1_000,
        messages,
        repeated_messages,
        most_keys: checks.most_keys,
        largest_root: checks.largest_root,
        largest_value: checks.largest_value,
        beyond: std::mem::take(&mut checks.beyond),
    })
}

/// Runs until the clients of the chosen jobs have what they want; returns whether they have.
/// Records the longest time that this took after the last fault.
fn run_until_content(
    world: &Rc<World>,
    executor: &mut Executor,
    chosen: impl Fn(&JobPlan) -> bool,
    longest: &mut Micros,
) -> Result<bool, Violation> {
    wait_for(world, executor, longest, |world| {
        Clients::begin(world, chosen)
    })
}

/// Runs until clients have what they want, as [`run_until_content`] does.
fn wait_for(
    world: &Rc<World>,
    executor: &mut Executor,
    longest: &mut Micros,
    begin: impl FnOnce(&Rc<World>) -> Clients,
) -> Result<bool, Violation> {
    let clients = begin(world);
    let calm = world.calm_from();
    let patience = match world.scenario.settings.max_keys {
        None => TIME_LIMIT,
        Some(_) => TIME_LIMIT_WHEN_CROWDED,
    };
    executor.run(calm + patience, |_| clients.waiting.get() == 0)?;
    let waiting = clients.waiting.get();
    if waiting > 0 {
        let message = format!(
            "{waiting} clients wait {} s after the last fault: {}",
            patience / 1_000_000,
            world.checks.borrow().standing()
        );
        world.checks.borrow_mut().broken("ends", message);
    }
    if patience == TIME_LIMIT {
        *longest = world.now().saturating_sub(calm).max(*longest);
    }
    Ok(waiting == 0)
}

/// Makes jobs of the same names again when everything has expired and is not swept yet.
fn repeat_jobs(
    world: &Rc<World>,
    executor: &mut Executor,
    longest: &mut Micros,
) -> Result<bool, Violation> {
    check_rest(world, executor)?;
    let expiry = world.now() + micros(world.scenario.settings.retention) + 3 * 3_600_000_000;
    executor.run(expiry, |_| false)?;
    world.wait_until(expiry);
    world.note(|| "   everything has expired".to_owned());
    world.checks.borrow_mut().forget();
    clients::leave_swept(world);
    world.inject_faults_for(world.below(10_000_000));
    run_until_content(world, executor, |job| job.again, longest)
}

/// Checks what is left when every client knows the outcome.
fn check_rest(world: &Rc<World>, executor: &mut Executor) -> Result<(), Violation> {
    // Two more visitors, one after the other, find what is left to be cleared away.
    let mut now = world.now().max(world.calm_from());
    for _ in 0..2 {
        now += visit_after(&world.scenario);
        executor.run(now, |_| false)?;
        let delay = now.saturating_sub(world.now());
        world.act_in(delay, clients::visit);
    }
    now += 30_000_000;
    executor.run(now, |_| false)?;
    world.wait_until(now);
    let ahead = u64::try_from(world.jumped()).unwrap_or(0);
    world.checks.borrow_mut().check_quiet(
        &world.store.borrow(),
        world.now(),
        ahead,
        world.faults(),
    );
    Ok(())
}

/// Checks what is left when everything has expired.
fn check_expired(world: &Rc<World>, executor: &mut Executor) -> Result<(), Violation> {
    check_rest(world, executor)?;
    let mut now = world.now();
    // Two sweeps leave nothing.
    for _ in 0..2 {
        now += micros(world.scenario.settings.retention) + 3 * 3_600_000_000;
        executor.run(now, |_| false)?;
        let delay = now.saturating_sub(world.now());
        world.act_in(delay, clients::sweep);
        now += 30_000_000;
        executor.run(now, |_| false)?;
    }
    world.checks.borrow_mut().check_swept(&world.store.borrow());
    Ok(())
}

/// Time after which all jobs are asked for again: by the clock as it is then, the leftovers of an
/// ended job have been left long enough.
fn visit_after(scenario: &Scenario) -> Micros {
    match scenario.jump {
        Some((_, by)) if by < 0 => by.unsigned_abs() + 10_000_000,
        _ => 10_000_000,
    }
}
