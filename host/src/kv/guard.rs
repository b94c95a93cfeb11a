//! A backend within a platform's limits.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{KvBackend, KvError};
use crate::counters::Counters;
use crate::limits::Limits;
use crate::window::Window;

/// Refuses what the limits do not allow, and counts the keys there are.
pub(crate) struct Guard {
    inner: Arc<dyn KvBackend>,
    limits: Limits,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

struct State {
    keys: HashSet<(String, String)>,
    reads: Window,
    writes: Window,
}

impl Guard {
    /// Makes a guard, and lists the keys of `stores` once.
    pub(crate) async fn new(
        inner: Arc<dyn KvBackend>,
        limits: Limits,
        counters: Arc<Counters>,
        stores: &[&str],
    ) -> Result<Self, KvError> {
        let mut keys = HashSet::new();
        for store in stores {
            let names = inner.keys(store).await?;
            keys.extend(names.into_iter().map(|key| (store.to_string(), key)));
        }
        counters.keys(keys.len() as u64);
        let state = State {
            keys,
            reads: Window::new(Duration::from_secs(1)),
            writes: Window::new(Duration::from_secs(1)),
        };
        Ok(Self {
            inner,
            limits,
            counters,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a read; fails when it is one more than the platform allows in a second.
    fn read(&self) -> Result<(), KvError> {
        let Some(limit) = self.limits.reads_per_second else {
            return Ok(());
        };
        let admitted = self.state().reads.admit(Instant::now(), limit);
        admitted.then_some(()).ok_or_else(|| {
            KvError::Other(format!("limit reached: {limit} key-value reads a second"))
        })
    }

    /// Counts a write; fails when it is one more than the platform allows in a second.
    fn write(&self) -> Result<(), KvError> {
        let Some(limit) = self.limits.writes_per_second else {
            return Ok(());
        };
        let admitted = self.state().writes.admit(Instant::now(), limit);
        admitted.then_some(()).ok_or_else(|| {
            KvError::Other(format!("limit reached: {limit} key-value writes a second"))
        })
    }
}

fn within(what: &str, size: usize, limit: Option<u64>) -> Result<(), KvError> {
    match limit {
        Some(limit) if size as u64 > limit => Err(KvError::Other(format!(
            "the {what} has {size} bytes, {limit} are allowed"
        ))),
        _ => Ok(()),
    }
}

#[async_trait]
impl KvBackend for Guard {
    async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.read()?;
        self.inner.get(store, key).await
    }

    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        within("key", key.len(), self.limits.key)?;
        within("value", value.len(), self.limits.value)?;
        self.write()?;
        let name = (store.to_owned(), key.to_owned());
        let new = {
            let mut state = self.state();
            let new = !state.keys.contains(&name);
            if new && let Some(limit) = self.limits.keys {
                let there = state.keys.iter().filter(|(s, _)| s == store).count() as u64;
                if there >= limit {
                    return Err(KvError::Other(format!(
                        "the store has {there} keys, {limit} are allowed"
                    )));
                }
            }
            // Before the write, so that two at once cannot both be the last one allowed.
            state.keys.insert(name.clone());
            new
        };
        let result = self.inner.set(store, key, value).await;
        let mut state = self.state();
        if result.is_err() && new {
            state.keys.remove(&name);
        }
        self.counters.keys(state.keys.len() as u64);
        result
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError> {
        self.write()?;
        self.inner.delete(store, key).await?;
        self.state()
            .keys
            .remove(&(store.to_owned(), key.to_owned()));
        Ok(())
    }

    async fn exists(&self, store: &str, key: &str) -> Result<bool, KvError> {
        self.read()?;
        self.inner.exists(store, key).await
    }

    async fn keys(&self, store: &str) -> Result<Vec<String>, KvError> {
        self.read()?;
        self.inner.keys(store).await
    }
}
