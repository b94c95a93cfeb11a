//! The world as a process of the application sees it: [`job::Effects`] with everything that can go
//! wrong.
//!
//! The one assumption of the engine is kept: a `set` takes effect, or never, within
//! [`job::Settings::write_delay`] of its being asked for; where it follows a look that it depends
//! on, of that look. Beyond that any answer may take as long as it likes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use job::effects::{
    Clock, Costs, Dispatch, DispatchError, Entropy, Http, HttpError, Log, Request, Response,
    RunRequest, Store, StoreError, Turn,
};
use job::{HandOver, Time};

use crate::checks::{self, is_written_once};
use crate::mutation::Tampering;
use crate::scenario::{EPOCH, HOOKS, Variant, micros};
use crate::world::{Micros, Pid, Profile, Role, World};
use crate::{provider, runs};

/// The effects of one simulated process.
pub(crate) struct Process {
    pub world: Rc<World>,
    pub pid: Pid,
    profile: Rc<Profile>,
    /// Time at which the process last wrote a lease: from then on it writes because time is left,
    /// not because it looked.
    leased: Cell<Option<Micros>>,
    /// Time at which the process's last write of each key (or of any, where there is one queue)
    /// takes effect.
    arrivals: RefCell<HashMap<String, Micros>>,
    tampering: RefCell<Tampering>,
}

/// The outcome of an operation on the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OperationOutcome {
    Well,
    /// The operation is not done, and reports a failure.
    Failed,
    /// The operation is done, and reports a failure.
    AnswerLost,
    /// The process dies before the operation is done.
    DiesBefore,
    /// The process dies once the operation is done.
    DiesAfter,
}

/// Time for which what has failed or was stopped may still have effects: attempts at the webhook
/// have begun, and runs that were stopped send what they were about to.
const FAULTS_ECHO: Micros = 15_000_000;

impl Process {
    pub(crate) fn new(world: Rc<World>, pid: Pid, profile: Rc<Profile>) -> Self {
        let tampering = RefCell::new(Tampering::new(world.scenario.mutation, profile.role));
        Self {
            world,
            pid,
            profile,
            leased: Cell::new(None),
            arrivals: RefCell::default(),
            tampering,
        }
    }

    fn outcome(&self) -> OperationOutcome {
        if !self.world.fault(1.0) {
            return OperationOutcome::Well;
        }
        match self.world.below(8) {
            0..=1 => OperationOutcome::Failed,
            2..=3 => OperationOutcome::AnswerLost,
            4 => OperationOutcome::DiesBefore,
            5 => OperationOutcome::DiesAfter,
            _ => {
                let time = self
                    .world
                    .below(2 * micros(self.world.scenario.settings.lease));
                self.world.pause(self.pid, time);
                OperationOutcome::Well
            }
        }
    }

    /// Time that an operation takes on its way.
    fn latency(&self) -> Micros {
        let world = &self.world;
        if world.fault(0.5) {
            world.below(4_000_000)
        } else {
            200 + world.below(3_000)
        }
    }

    async fn die(&self) -> ! {
        self.world.kill_in(0, self.pid);
        std::future::pending().await
    }

    fn failure(&self) -> StoreError {
        StoreError("injected".to_owned())
    }

    /// Longest time from a write's being asked for to its taking effect. A look that a claim or a
    /// creation depends on is part of its write's time: the engine allows it half.
    fn bound(&self, key: &str) -> Micros {
        let scenario = &self.world.scenario;
        let bound = micros(scenario.settings.write_delay);
        let follows_a_look = self.leased.get().is_none() || self.profile.role == Role::Creator;
        if !scenario.bounded {
            bound * 6
        } else if follows_a_look && !is_written_once(key) {
            bound / 2 - 1_000
        } else {
            bound
        }
    }

    fn delay(&self, key: &str) -> Micros {
        let world = &self.world;
        let delay = match world.below(8) {
            0 => world.below(self.bound(key)),
            _ => world.below(20_000),
        };
        let key = match world.scenario.variant {
            Variant::Delayed => "everything",
            Variant::Immediate | Variant::Replicated => key,
        };
        let mut arrivals = self.arrivals.borrow_mut();
        let last = arrivals.get(key).copied().unwrap_or(0);
        let at = (world.now() + delay).max(last + 1);
        arrivals.insert(key.to_owned(), at);
        at - world.now()
    }

    /// Sends a write on its way; returns the time until it is acknowledged.
    fn issue(&self, key: &str, value: Option<&[u8]>) -> Micros {
        let world = &self.world;
        world.damaged.borrow_mut().written(key, value.is_some());
        let scenario = &world.scenario;
        world
            .checks
            .borrow_mut()
            .written(&world.store.borrow(), world.now(), self.pid, key, value);
        let write = world
            .store
            .borrow_mut()
            .issue(self.pid, self.profile.replica, key, value);
        match scenario.variant {
            Variant::Immediate => {
                let delay = self.delay(key);
                world.apply_in(delay, write);
                delay
            }
            Variant::Delayed => {
                world.apply_in(self.delay(key), write);
                self.latency()
            }
            Variant::Replicated => {
                for replica in 0..scenario.replicas {
                    if replica != self.profile.replica {
                        let mut copy = write.clone();
                        copy.replica = replica;
                        copy.is_first = false;
                        world.apply_in(self.delay(key), copy);
                    }
                }
                world.take_effect(&write);
                self.latency()
            }
        }
    }

    async fn write(&self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        let world = &self.world;
        let what = if value.is_some() { "set" } else { "delete" };
        let outcome = self.outcome();
        world.note(|| {
            let summary = value.map(|value| summary(key, value)).unwrap_or_default();
            format!("#{} {what} {key} {summary}{}", self.pid, outcome.note())
        });
        match outcome {
            OperationOutcome::DiesBefore => self.die().await,
            OperationOutcome::Failed => {
                world.pass(self.latency()).await;
                return Err(self.failure());
            }
            OperationOutcome::Well | OperationOutcome::AnswerLost | OperationOutcome::DiesAfter => {
            }
        }
        if value.is_some() && world.store.borrow().is_full(key) {
            world.note(|| format!("#{} finds the store full", self.pid));
            world.pass(self.latency()).await;
            return Err(StoreError("the store is full".to_owned()));
        }
        let latency = self.issue(key, value);
        if key.ends_with("/lease") {
            self.leased.set(Some(world.now()));
        }
        if outcome == OperationOutcome::DiesAfter {
            world.pass(world.below(latency + 1)).await;
            self.die().await
        }
        if outcome == OperationOutcome::AnswerLost {
            // Who asks may be told so before the write takes effect.
            world.pass(world.below(latency + 1)).await;
            return Err(self.failure());
        }
        world.pass(latency + 1).await;
        Ok(())
    }

    async fn read<T>(&self, key: &str, look: impl FnOnce() -> T) -> Result<T, StoreError> {
        let world = &self.world;
        let outcome = self.outcome();
        if outcome != OperationOutcome::Well {
            world.note(|| format!("#{} get {key}{}", self.pid, outcome.note()));
        }
        match outcome {
            OperationOutcome::DiesBefore | OperationOutcome::DiesAfter => self.die().await,
            OperationOutcome::Failed | OperationOutcome::AnswerLost => {
                world.pass(self.latency()).await;
                return Err(self.failure());
            }
            OperationOutcome::Well => {}
        }
        world.pass(self.latency()).await;
        let seen = look();
        world.pass(self.latency()).await;
        Ok(seen)
    }
}

impl OperationOutcome {
    fn note(self) -> &'static str {
        match self {
            Self::Well => "",
            Self::Failed => " FAILS",
            Self::AnswerLost => " LOSES ITS ANSWER",
            Self::DiesBefore => " is never done: DEATH",
            Self::DiesAfter => " is the last thing done: DEATH",
        }
    }
}

/// A short form of a value, for the trace.
fn summary(key: &str, value: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(value) else {
        return format!("({} bytes)", value.len());
    };
    match json.get("stage") {
        Some(stage) => format!(
            "(stage {} seq {} epoch {}-{} {}+{}/{}, {} segments, {} leftovers)",
            stage,
            json["seq"],
            json["epoch"]["term"],
            json["epoch"]["nonce"],
            json["succeeded"],
            json["failed"],
            json["total"],
            json["segments"].as_array().map_or(0, Vec::len),
            json["leftovers"].as_array().map_or(0, Vec::len),
        ),
        None if key.ends_with("/lease") => json.to_string(),
        None => format!("({} bytes)", value.len()),
    }
}

impl Store for Process {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let actual = self.tampering.borrow().key(key);
        let seen = self
            .read(key, || {
                let store = self.world.store.borrow();
                store
                    .get(self.pid, self.profile.replica, &actual)
                    .map(|value| value.to_vec())
            })
            .await?;
        let seen = match self.world.damaged.borrow().instead_of(key) {
            Some(instead) => instead,
            None => seen,
        };
        let answer = self.tampering.borrow_mut().read(key, seen);
        self.world.note(|| {
            let summary = match &answer {
                Some(value) => summary(key, value),
                None => "(nothing)".to_owned(),
            };
            format!("#{} has got {key} {summary}", self.pid)
        });
        Ok(answer)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let writes = self.tampering.borrow_mut().write(key, Some(value));
        self.write_all(writes).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let writes = self.tampering.borrow_mut().write(key, None);
        self.write_all(writes).await
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.read("all keys", || {
            self.world.store.borrow().keys(self.profile.replica)
        })
        .await
    }
}

impl Process {
    async fn write_all(&self, writes: Vec<crate::mutation::Op>) -> Result<(), StoreError> {
        for (key, value) in writes {
            self.write(&key, value.as_deref()).await?;
        }
        Ok(())
    }
}

impl Http for Process {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let world = &self.world;
        world.note(|| {
            let end = request.url.len().min(80);
            format!("#{} asks {}", self.pid, &request.url[..end])
        });
        if request.url == HOOKS {
            // It may take the message and not come to say so.
            let mut checks = world.checks.borrow_mut();
            checks.check_message(&request.body);
            let id = request
                .headers
                .iter()
                .find(|(name, _)| name == "webhook-id");
            let calm = world.calm_from() + FAULTS_ECHO;
            let calm = (world.now() > calm).then_some(calm);
            checks.check_message_id(id.map_or("", |(_, id)| id), calm);
        }
        if world.fault(1.0) {
            return provider::misbehave(world).await;
        }
        world.pass(5_000 + world.below(60_000)).await;
        let is_out = world.now() < world.scenario.outage_until;
        if is_out && provider::is_metadata(&request) {
            return Ok(provider::asks_for_a_pause());
        }
        Ok(provider::answer(&request))
    }
}

impl Clock for Process {
    fn now(&self) -> Time {
        let offset = self.profile.skew + self.world.jumped();
        let at = EPOCH
            .saturating_add(self.world.now())
            .saturating_add_signed(offset);
        Time(at / 1_000)
    }

    fn monotonic(&self) -> Duration {
        let now = match self.leased.get() {
            Some(at) if self.tampering.borrow().stops_clock() => at,
            _ => self.world.now(),
        };
        Duration::from_micros(now - self.profile.began)
    }

    async fn sleep(&self, duration: Duration) {
        let is_claim = self.profile.role == Role::Run
            && self.leased.get().is_some()
            && duration == self.world.scenario.settings.write_delay * 2;
        if is_claim && self.tampering.borrow().skips_wait() {
            return;
        }
        if self.tampering.borrow().chooses_at_once() {
            return;
        }
        let late = self.world.below(1_000);
        self.world.pass(micros(duration) + late).await;
    }

    async fn yield_to_io(&self, turn: Turn) {
        if turn == Turn::OwnListener {
            self.sleep(Duration::ZERO).await;
        }
        self.sleep(Duration::ZERO).await;
    }
}

impl Dispatch for Process {
    async fn start_run(&self, request: RunRequest<'_>) -> Result<(), DispatchError> {
        runs::start(self, request).await
    }

    fn spell_message(&self, root: &job::Root, notice: job::Notice) -> Vec<u8> {
        match notice {
            job::Notice::Ended => root.id.to_string().into_bytes(),
            job::Notice::Waiting(_) => format!("{}{}", checks::WAITING, root.id).into_bytes(),
        }
    }
}

impl Process {
    /// The hand-over that is sent when the engine passes `given`.
    pub(crate) fn hand_over(&self, given: Option<&HandOver>) -> Option<HandOver> {
        self.tampering.borrow().hand_over(given)
    }
}

impl Entropy for Process {
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        if self.profile.role == Role::Run && self.tampering.borrow().stops_dice() {
            return bytes;
        }
        self.world.rng.borrow_mut().fill(&mut bytes);
        bytes
    }
}

impl Log for Process {
    fn log(&self, event: &str, fields: serde_json::Value) {
        self.world
            .note(|| format!("#{} logs {event} {fields}", self.pid));
    }

    fn take_costs(&self) -> Costs {
        Costs::default()
    }
}
