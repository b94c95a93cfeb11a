//! The simulated store: one register per key and replica, and writes on their way to it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use crate::scenario::{Damage, Scenario, Variant};
use crate::world::Pid;

type Bytes = Rc<[u8]>;

/// A `set` or `delete` that has been asked for and will take effect.
#[derive(Clone)]
pub(crate) struct Write {
    pub pid: Pid,
    pub replica: usize,
    /// Whether this is the write itself and not its copy for another replica.
    pub is_first: bool,
    pub key: Rc<str>,
    /// The value to write; `None` deletes.
    pub value: Option<Bytes>,
    /// Number of the write, in the order in which writes were asked for.
    pub version: u64,
}

struct Entry {
    value: Option<Bytes>,
    version: u64,
}

/// The replicas of the simulated store, and the writes under way.
pub(crate) struct Store {
    variant: Variant,
    replicas: Vec<BTreeMap<Rc<str>, Entry>>,
    /// Writes that have not taken effect, for the processes that asked for them to read.
    pending: Vec<Write>,
    /// Value of every key, as of the write that took effect last, or won.
    latest: BTreeMap<Rc<str>, Bytes>,
    versions: u64,
    max_keys: usize,
}

impl Store {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            variant: scenario.variant,
            replicas: (0..scenario.replicas).map(|_| BTreeMap::new()).collect(),
            pending: Vec::new(),
            latest: BTreeMap::new(),
            versions: 0,
            max_keys: scenario.settings.max_keys.unwrap_or(usize::MAX),
        }
    }

    /// Whether there is no room for a new key of this name.
    pub(crate) fn is_full(&self, key: &str) -> bool {
        self.latest.len() >= self.max_keys && !self.latest.contains_key(key)
    }

    /// Writes a value to all replicas at once.
    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        for replica in 0..self.replicas.len() {
            let mut write = self.issue(usize::MAX, replica, key, Some(value));
            write.is_first = replica == 0;
            self.apply(&write);
        }
    }

    /// Records a write; returns it with its place in the order of all.
    pub(crate) fn issue(
        &mut self,
        pid: Pid,
        replica: usize,
        key: &str,
        value: Option<&[u8]>,
    ) -> Write {
        self.versions += 1;
        let write = Write {
            pid,
            replica,
            is_first: true,
            key: Rc::from(key),
            value: value.map(Rc::from),
            version: self.versions,
        };
        if self.variant.acknowledges_early() {
            self.pending.push(write.clone());
        }
        write
    }

    /// Applies a write at its replica; whether it took effect. It does not where the last write
    /// wins and a later one is there already.
    pub(crate) fn apply(&mut self, write: &Write) -> bool {
        if self.variant.acknowledges_early() {
            self.pending
                .retain(|other| other.version != write.version || other.replica != write.replica);
        }
        if write.is_first {
            match &write.value {
                Some(value) => self.latest.insert(Rc::clone(&write.key), Rc::clone(value)),
                None => self.latest.remove(&write.key),
            };
        }
        let replica = &mut self.replicas[write.replica];
        let loses = self.variant.last_writer_wins()
            && replica
                .get(&write.key)
                .is_some_and(|entry| entry.version > write.version);
        if !loses {
            replica.insert(
                Rc::clone(&write.key),
                Entry {
                    value: write.value.clone(),
                    version: write.version,
                },
            );
        }
        !loses
    }

    /// The value that a process reads.
    pub(crate) fn get(&self, pid: Pid, replica: usize, key: &str) -> Option<Bytes> {
        match self.on_its_way(key, |write| write.pid == pid) {
            Some(write) => write.value.clone(),
            None => self.replicas[replica].get(key)?.value.clone(),
        }
    }

    fn on_its_way(&self, key: &str, whose: impl Fn(&Write) -> bool) -> Option<&Write> {
        self.pending
            .iter()
            .rev()
            .find(|write| *write.key == *key && whose(write))
    }

    /// The value that a process may expect of a key: what it wrote itself, or else what all
    /// processes see.
    pub(crate) fn view(&self, pid: Pid, key: &str) -> Option<&Bytes> {
        match self.on_its_way(key, |write| write.pid == pid) {
            Some(write) => write.value.as_ref(),
            None => self.latest(key),
        }
    }

    /// A value that is there or on its way.
    pub(crate) fn written(&self, key: &str) -> Option<&Bytes> {
        self.latest(key).or_else(|| {
            self.on_its_way(key, |write| write.value.is_some())
                .and_then(|write| write.value.as_ref())
        })
    }

    /// All keys that a replica holds.
    pub(crate) fn keys(&self, replica: usize) -> Vec<String> {
        self.replicas[replica]
            .iter()
            .filter(|(_, entry)| entry.value.is_some())
            .map(|(key, _)| key.to_string())
            .collect()
    }

    /// Value of a key, as of the write that took effect last, or won.
    pub(crate) fn latest(&self, key: &str) -> Option<&Bytes> {
        self.latest.get(key)
    }

    /// The keys with this prefix, as of [`Self::latest`].
    pub(crate) fn latest_keys<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Rc<str>> {
        self.latest
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(move |key| key.starts_with(prefix))
    }
}

/// The value that the store has lost or damaged, if it has.
pub(crate) struct Damaged {
    plan: Option<Damage>,
    seen: u32,
    key: Option<String>,
}

impl Damaged {
    pub(crate) fn new(plan: Option<Damage>) -> Self {
        Self {
            plan,
            seen: 0,
            key: None,
        }
    }

    /// Records that a key is written: what is written later is not damaged any more.
    pub(crate) fn written(&mut self, key: &str, has_value: bool) {
        if self.key.as_deref() == Some(key) {
            self.key = None;
        }
        if let Some(plan) = self.plan
            && has_value
            && key.contains(plan.kind)
        {
            self.seen += 1;
            if self.seen == plan.number {
                self.key = Some(key.to_owned());
            }
        }
    }

    /// The value that is read under a key whose value is damaged.
    pub(crate) fn instead_of(&self, key: &str) -> Option<Option<Vec<u8>>> {
        let plan = self.plan.filter(|_| self.key.as_deref() == Some(key))?;
        Some(plan.instead.map(<[u8]>::to_vec))
    }
}
