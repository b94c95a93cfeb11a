//! Counters of a running application's costs: for tests, benchmarks and the curious.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::window::Window;

/// Counts kept since the host started.
#[derive(Debug)]
pub struct Counters(Mutex<State>);

#[derive(Debug)]
struct State {
    snapshot: Snapshot,
    recent_writes: Window,
}

/// The counts at one moment. All are totals since the start, but those called live or peak.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Snapshot {
    /// Largest number of instances that there may be at a time.
    pub instances_max: u64,
    /// The counts of each component.
    pub components: BTreeMap<String, Component>,
    /// Outbound requests per host and port, those refused not counted; the application itself is
    /// `self`.
    pub outbound: BTreeMap<String, u64>,
    /// Number of outbound requests refused: by `allowed_outbound_hosts`, a limit or a fault.
    pub outbound_refused: u64,
    /// Largest number of key-value writes in one second.
    pub writes_per_second_peak: u64,
    /// Largest number of keys at a time, if the host was told to count them.
    pub keys_peak: u64,
}

/// The costs of one component.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Component {
    /// Number of requests that the component was given.
    pub requests: u64,
    /// Number of clients' requests that the component was not given for want of an instance.
    pub rejected: u64,
    /// Number of runs that found no room; another look at their jobs starts them later.
    pub runs_without_room: u64,
    /// Number of handlers that trapped, were stopped at a limit or sent no response.
    pub failed: u64,
    /// Number of instances that are live now.
    pub instances_live: u64,
    /// Largest number of instances that were live at a time.
    pub instances_peak: u64,
    /// Longest time that a handler ran, in milliseconds, its work after the response included.
    pub handler_longest_ms: u64,
    /// Largest linear memory that an instance has had at its end, in bytes.
    pub memory_peak: u64,
    /// The component's use of key-value storage.
    pub storage: Storage,
}

/// Use of key-value storage.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Storage {
    /// Number of calls of `get`.
    pub gets: u64,
    /// Number of calls of `set`.
    pub sets: u64,
    /// Number of calls of `delete`.
    pub deletes: u64,
    /// Number of calls of `exists`.
    pub exists: u64,
    /// Number of calls of `get-keys`.
    pub lists: u64,
    /// Number of operations that failed; they are counted above, too.
    pub errors: u64,
    /// Bytes of values read.
    pub bytes_read: u64,
    /// Bytes of values written.
    pub bytes_written: u64,
    /// Bytes of the largest value written.
    pub largest_value: u64,
}

/// A key-value operation that has been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Set { bytes: u64 },
    Delete,
    Exists,
    List,
}

impl Default for Counters {
    fn default() -> Self {
        Self(Mutex::new(State {
            snapshot: Snapshot::default(),
            recent_writes: Window::new(Duration::from_secs(1)),
        }))
    }
}

impl Counters {
    /// Counts of an application that may have so many instances at a time.
    pub(crate) fn new(max_instances: u32) -> Self {
        let counters = Self::default();
        counters.lock().snapshot.instances_max = max_instances.into();
        counters
    }

    /// The counts now.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counts are whole after every statement, so a panic elsewhere does not spoil them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn component(&self, id: &str, change: impl FnOnce(&mut Component)) {
        let mut state = self.lock();
        match state.snapshot.components.get_mut(id) {
            Some(component) => change(component),
            None => change(state.snapshot.components.entry(id.to_owned()).or_default()),
        }
    }

    pub(crate) fn rejected(&self, id: &str) {
        self.component(id, |c| c.rejected += 1);
    }

    pub(crate) fn run_without_room(&self, id: &str) {
        self.component(id, |c| c.runs_without_room += 1);
    }

    pub(crate) fn failed(&self, id: &str) {
        self.component(id, |c| c.failed += 1);
    }

    pub(crate) fn started(&self, id: &str) {
        self.component(id, |c| {
            c.requests += 1;
            c.instances_live += 1;
            c.instances_peak = c.instances_peak.max(c.instances_live);
        });
    }

    /// Counts the end of a handler; `memory` is the size of its instance's linear memory, in bytes.
    pub(crate) fn ended(&self, id: &str, ran: Duration, memory: usize, failed: bool) {
        let ms = u64::try_from(ran.as_millis()).unwrap_or(u64::MAX);
        self.component(id, |c| {
            c.failed += u64::from(failed);
            c.instances_live = c.instances_live.saturating_sub(1);
            c.handler_longest_ms = c.handler_longest_ms.max(ms);
            c.memory_peak = c.memory_peak.max(memory as u64);
        });
    }

    /// Counts an operation; `read` is the number of bytes that a `get` found.
    pub(crate) fn stored(&self, id: &str, operation: Operation, ok: bool, read: u64) {
        self.component(id, |c| {
            let storage = &mut c.storage;
            storage.errors += u64::from(!ok);
            match operation {
                Operation::Get => {
                    storage.gets += 1;
                    storage.bytes_read += read;
                }
                Operation::Set { bytes } => {
                    storage.sets += 1;
                    if ok {
                        storage.bytes_written += bytes;
                        storage.largest_value = storage.largest_value.max(bytes);
                    }
                }
                Operation::Delete => storage.deletes += 1,
                Operation::Exists => storage.exists += 1,
                Operation::List => storage.lists += 1,
            }
        });
        if matches!(operation, Operation::Set { .. } | Operation::Delete) {
            let mut state = self.lock();
            let now = Instant::now();
            state.recent_writes.admit(now, u64::MAX);
            let recent = state.recent_writes.count(now);
            let peak = &mut state.snapshot.writes_per_second_peak;
            *peak = recent.max(*peak);
        }
    }

    pub(crate) fn keys(&self, now: u64) {
        let peak = &mut self.lock().snapshot.keys_peak;
        *peak = now.max(*peak);
    }

    pub(crate) fn outbound(&self, host: &str) {
        *self
            .lock()
            .snapshot
            .outbound
            .entry(host.to_owned())
            .or_default() += 1;
    }

    pub(crate) fn outbound_refused(&self) {
        self.lock().snapshot.outbound_refused += 1;
    }
}
