//! The memory of all instances together: what one grows by is taken from a common pool.
//!
//! When the pool is empty the client that has most of it gives: its largest instance ends. So no
//! client, and no number of them, can keep the others from the little that they need.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use admission::ClientKey;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wasmtime::ResourceLimiterAsync;

/// The unit in which the pool is counted.
const PAGE: usize = 64 << 10;

/// The bytes by which every instance may grow without asking the pool.
const FREE: usize = 256 << 10;

/// How long an instance waits for memory, and stands still meanwhile. After that its growing fails,
/// which ends it, so that instances that hold memory and wait for more cannot wait for one another
/// for ever.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

/// The memory that instances may have beyond what they begin with and [`FREE`].
#[derive(Clone)]
pub(crate) struct MemoryPool(Arc<Shared>);

struct Shared {
    wait: Duration,
    state: Mutex<State>,
    released: Notify,
}

struct State {
    free: usize,
    next: u64,
    holders: HashMap<u64, Holder>,
}

/// For whom an instance works: a client, until its request has been answered whole. What the
/// application does then, or by itself, is not made to end.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) client: ClientKey,
    pub(crate) is_answered: Arc<AtomicBool>,
}

struct Holder {
    asker: Option<Asker>,
    pages: usize,
    ended: CancellationToken,
}

impl Holder {
    /// The client that can be made to give this.
    fn client(&self) -> Option<ClientKey> {
        let asker = self.asker.as_ref()?;
        let is_open = !asker.is_answered.load(Ordering::Relaxed) && !self.ended.is_cancelled();
        is_open.then_some(asker.client)
    }
}

/// One instance's part of the pool, and its own limits.
pub(crate) struct InstanceMemory {
    pool: MemoryPool,
    number: u64,
    /// The platform's limit on one memory.
    limit: usize,
    grown: usize,
    pages: usize,
    fate: Fate,
}

/// The outcome of an instance that lacked memory.
#[derive(Clone, Default)]
pub(crate) struct Fate {
    starved: Arc<AtomicBool>,
    ended: CancellationToken,
}

impl Fate {
    /// Waits until the instance has to give its memory to others.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether there was no memory for the instance, or it had to give its own away.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed) || self.ended.is_cancelled()
    }
}

impl MemoryPool {
    /// A pool of so many bytes; an instance waits for some of them for `wait`.
    pub(crate) fn new(bytes: usize, wait: Duration) -> Self {
        Self(Arc::new(Shared {
            wait,
            state: Mutex::new(State {
                free: bytes / PAGE,
                next: 0,
                holders: HashMap::new(),
            }),
            released: Notify::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory for one instance that works for `asker`; `limit` is the platform's.
    pub(crate) fn instance(&self, asker: Option<Asker>, limit: Option<u64>) -> InstanceMemory {
        let fate = Fate::default();
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        let holder = Holder {
            asker,
            pages: 0,
            ended: fate.ended.clone(),
        };
        state.holders.insert(number, holder);
        InstanceMemory {
            pool: self.clone(),
            number,
            limit: limit.map_or(usize::MAX, |bytes| {
                usize::try_from(bytes).unwrap_or(usize::MAX)
            }),
            grown: 0,
            pages: 0,
            fate,
        }
    }
}

impl State {
    /// Makes the client that has most end its largest instance, if it has more than the one that
    /// wants some would have then.
    fn make_room(&mut self, wanting: u64, more: usize) {
        let of_wanting = self.holders.get(&wanting).and_then(Holder::client);
        let coming: usize = self
            .holders
            .values()
            .filter(|holder| holder.ended.is_cancelled())
            .map(|holder| holder.pages)
            .sum();
        if self.free + coming >= more {
            return;
        }
        let mut by_client: HashMap<ClientKey, usize> = HashMap::new();
        for holder in self.holders.values() {
            if let Some(client) = holder.client() {
                *by_client.entry(client).or_default() += holder.pages;
            }
        }
        let has = match of_wanting {
            Some(client) => by_client.get(&client).copied().unwrap_or(0),
            None => 0,
        };
        let Some((greedy, most)) = by_client.into_iter().max_by_key(|(_, pages)| *pages) else {
            return;
        };
        if most <= has + more {
            return;
        }
        let largest = self
            .holders
            .values()
            .filter(|holder| holder.client() == Some(greedy))
            .max_by_key(|holder| holder.pages);
        if let Some(largest) = largest {
            largest.ended.cancel();
        }
    }
}

impl InstanceMemory {
    /// The outcome of the instance for want of memory.
    pub(crate) fn fate(&self) -> Fate {
        self.fate.clone()
    }

    /// Takes from the pool what growing by `grown` bytes in all needs beyond what is held.
    async fn take(&mut self, grown: usize) -> bool {
        let wanted = grown.saturating_sub(FREE).div_ceil(PAGE);
        let more = wanted.saturating_sub(self.pages);
        if more == 0 {
            return true;
        }
        let until = Instant::now() + self.pool.0.wait;
        loop {
            let released = self.pool.0.released.notified();
            {
                let mut state = self.pool.lock();
                if state.free >= more {
                    state.free -= more;
                    self.pages += more;
                    if let Some(holder) = state.holders.get_mut(&self.number) {
                        holder.pages = self.pages;
                    }
                    return true;
                }
                state.make_room(self.number, more);
            }
            if timeout_at(until, released).await.is_err() {
                return false;
            }
        }
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.holders.remove(&self.number);
        state.free += self.pages;
        drop(state);
        self.pool.0.released.notify_waiters();
    }
}

#[wasmtime_wasi::async_trait]
impl ResourceLimiterAsync for InstanceMemory {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.limit || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if current == 0 {
            // What an instance begins with is mostly untouched.
            return Ok(true);
        }
        let grown = self.grown + desired.saturating_sub(current);
        if self.take(grown).await {
            self.grown = grown;
            return Ok(true);
        }
        self.fate.starved.store(true, Ordering::Relaxed);
        Ok(false)
    }

    async fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;
    const SOON: Duration = Duration::from_millis(20);

    fn client(n: u8) -> Option<Asker> {
        Some(Asker {
            client: ClientKey::of(std::net::IpAddr::from([192, 0, 2, n])),
            is_answered: Arc::default(),
        })
    }

    async fn grow(memory: &mut InstanceMemory, by: usize) -> bool {
        let (from, to) = (memory.grown + 1, memory.grown + 1 + by);
        memory.memory_growing(from, to, None).await.unwrap()
    }

    #[tokio::test]
    async fn instances_share_one_pool() {
        let pool = MemoryPool::new(10 * MB, SOON);
        let mut one = pool.instance(client(1), None);
        assert!(one.memory_growing(0, 100 * MB, None).await.unwrap());
        assert!(grow(&mut one, 6 * MB).await);
        let mut other = pool.instance(client(1), None);
        assert!(grow(&mut other, 4 * MB).await);
        assert!(!grow(&mut other, MB).await);
        assert!(other.fate().is_starved());
        drop(one);
        assert!(grow(&mut other, 6 * MB).await);
    }

    #[tokio::test]
    async fn memory_is_waited_for() {
        let pool = MemoryPool::new(10 * MB, Duration::from_secs(60));
        let mut one = pool.instance(None, None);
        assert!(grow(&mut one, 10 * MB).await);
        let mut other = pool.instance(None, None);
        let waiting = tokio::spawn(async move { grow(&mut other, 10 * MB).await });
        tokio::time::sleep(SOON).await;
        drop(one);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn the_client_that_has_most_gives_its_largest() {
        let pool = MemoryPool::new(10 * MB, Duration::from_secs(60));
        let mut greedy = [1, 6, 3].map(|_| pool.instance(client(1), None));
        for (memory, size) in greedy.iter_mut().zip([1, 6, 3]) {
            assert!(grow(memory, size * MB).await);
        }
        let mut modest = pool.instance(client(2), None);
        let wanting = tokio::spawn(async move { grow(&mut modest, 5 * MB).await });
        let [small, large, middle] = greedy;
        large.fate().ended().await;
        drop(large);
        assert!(wanting.await.unwrap());
        assert!(!small.fate().is_starved() && !middle.fate().is_starved());
    }

    #[tokio::test]
    async fn the_application_itself_is_not_made_to_end() {
        let pool = MemoryPool::new(10 * MB, SOON);
        let answered = client(1).inspect(|asker| asker.is_answered.store(true, Ordering::Relaxed));
        let mut run = pool.instance(answered, None);
        assert!(grow(&mut run, 10 * MB).await);
        let mut modest = pool.instance(client(2), None);
        assert!(!grow(&mut modest, 2 * MB).await);
        assert!(!run.fate().is_starved());
    }

    #[tokio::test]
    async fn a_platform_s_limit_is_not_the_pool_s_fault() {
        let mut memory = MemoryPool::new(10 * MB, SOON).instance(None, Some(4 << 20));
        assert!(memory.memory_growing(MB, 4 * MB, None).await.unwrap());
        assert!(!memory.memory_growing(4 * MB, 5 * MB, None).await.unwrap());
        assert!(!memory.fate().is_starved());
        assert!(!memory.memory_growing(MB, 2 * MB, Some(MB)).await.unwrap());
    }
}
