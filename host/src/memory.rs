//! A common pool for the memory of all instances: growth is taken from it.
//!
//! Who has least comes first. When the pool is empty the client that has most of it gives: its
//! largest instance ends. So no client, and no number of them, can keep the others from the little
//! that they need.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use admission::ClientKey;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wasmtime::ResourceLimiterAsync;

/// The unit in which the pool is counted, in bytes.
const PAGE: usize = 64 << 10;

/// The bytes by which every instance may grow without asking the pool. They count all the same,
/// until a quarter of the pool is given away like this.
const FREE: usize = 256 << 10;

/// Time for which an instance waits for memory, and stands still meanwhile. After that its growing
/// fails, which ends it, so that instances that hold memory and wait for more cannot wait for one
/// another for ever.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

/// The memory that instances may have beyond what they begin with.
#[derive(Clone)]
pub(crate) struct MemoryPool(Arc<Shared>);

struct Shared {
    wait: Duration,
    state: Mutex<State>,
}

/// The state of a pool; all sizes are in pages.
struct State {
    all: usize,
    /// Number of pages taken beyond [`FREE`].
    taken: usize,
    next: u64,
    holders: BTreeMap<u64, Holder>,
    /// Waiting holders, by their numbers.
    waiting: BTreeMap<u64, Waiting>,
}

/// The client for whom an instance works, until its request has been answered whole. What the
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

struct Waiting {
    more: usize,
    granted: oneshot::Sender<()>,
}

impl Holder {
    /// The client that can be made to give this memory up.
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
    /// Size of the instance's linear memories, in bytes. They never shrink.
    size: usize,
    pages: usize,
    shortage: MemoryShortage,
}

/// Whether an instance was refused memory, or is ended so that others get its own.
#[derive(Clone, Default)]
pub(crate) struct MemoryShortage {
    starved: Arc<AtomicBool>,
    ended: CancellationToken,
}

impl MemoryShortage {
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
                all: bytes / PAGE,
                taken: 0,
                next: 0,
                holders: BTreeMap::new(),
                waiting: BTreeMap::new(),
            }),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory for one instance that works for `asker`; `limit` is the platform's.
    pub(crate) fn instance(&self, asker: Option<Asker>, limit: Option<u64>) -> InstanceMemory {
        let shortage = MemoryShortage::default();
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        let holder = Holder {
            asker,
            pages: 0,
            ended: shortage.ended.clone(),
        };
        state.holders.insert(number, holder);
        InstanceMemory {
            pool: self.clone(),
            number,
            limit: limit.map_or(usize::MAX, |bytes| {
                usize::try_from(bytes).unwrap_or(usize::MAX)
            }),
            grown: 0,
            size: 0,
            pages: 0,
            shortage,
        }
    }
}

impl State {
    fn free(&self) -> usize {
        let small = self.holders.len() * (FREE / PAGE);
        let left = self.all.saturating_sub(self.taken);
        left.saturating_sub(small.min(self.all / 4))
    }

    fn give(&mut self, number: u64, pages: usize) {
        if let Some(holder) = self.holders.get_mut(&number) {
            holder.pages += pages;
            self.taken += pages;
        }
    }

    /// Gives free pages to those who wait, in their order; to none before the first, or what it
    /// waits for would be taken by others for ever.
    fn grant(&mut self) {
        while !self.waiting.is_empty() {
            let shares = Shares::of(self);
            let next = self.waiting.iter().map(|(number, waiting)| {
                let will_have = shares.with_more(self.holders.get(number), waiting.more);
                (will_have, *number, waiting.more)
            });
            let Some((will_have, number, more)) = next.min() else {
                return;
            };
            if self.free() < more {
                if let Some(victim) = self.victim(&shares, number, will_have, more) {
                    victim.ended.cancel();
                }
                return;
            }
            let waiting = self.waiting.remove(&number);
            // Who does not wait any more gets nothing.
            if waiting.is_some_and(|waiting| waiting.granted.send(()).is_ok()) {
                self.give(number, more);
            }
        }
    }

    /// The instance that has to give up its memory: the largest of the client that has most, if
    /// that is more than the waiting client would have then. Of the same client, one that is larger
    /// than the waiting one wants to be.
    fn victim(
        &self,
        shares: &Shares,
        wanting: u64,
        will_have: usize,
        more: usize,
    ) -> Option<&Holder> {
        let ending = self
            .holders
            .values()
            .filter(|holder| holder.ended.is_cancelled());
        let coming: usize = ending.map(|holder| holder.pages).sum();
        if self.free() + coming >= more {
            return None;
        }
        let largest = |client| {
            let own = self.holders.iter().filter(move |(number, holder)| {
                **number != wanting && holder.client() == Some(client)
            });
            own.map(|(_, holder)| holder)
                .max_by_key(|holder| holder.pages)
        };
        let (&greedy, &most) = shares.by_client.iter().max_by_key(|(_, pages)| **pages)?;
        if most > will_have {
            return largest(greedy);
        }
        let wants = self.holders.get(&wanting)?;
        let own = wants.pages + more;
        largest(wants.client()?).filter(|largest| largest.pages > own)
    }
}

/// The shares of the pool at a moment.
struct Shares {
    by_client: HashMap<ClientKey, usize>,
    /// Number of pages that the application has for its own work.
    own: usize,
    /// Number of pages that the application may have before clients do.
    reserved: usize,
}

impl Shares {
    fn of(state: &State) -> Self {
        let mut shares = Self {
            by_client: HashMap::new(),
            own: 0,
            reserved: state.all / 2,
        };
        for holder in state.holders.values() {
            match holder.client() {
                Some(client) => *shares.by_client.entry(client).or_default() += holder.pages,
                None if holder.ended.is_cancelled() => {}
                None => shares.own += holder.pages,
            }
        }
        shares
    }

    /// The pages of an instance's client with so many more; what the application itself needs,
    /// within reason, counts for nothing: jobs that have been accepted come first.
    fn with_more(&self, holder: Option<&Holder>, more: usize) -> usize {
        let has = match holder.and_then(Holder::client) {
            Some(client) => self.by_client.get(&client).copied().unwrap_or_default(),
            None if self.own + more <= self.reserved => return 0,
            None => holder.map_or(0, |holder| holder.pages),
        };
        has + more
    }
}

impl InstanceMemory {
    /// The size of the instance's linear memories, in bytes: what they began with included.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Says, to who waits for the instance, whether it lacked memory.
    pub(crate) fn shortage(&self) -> MemoryShortage {
        self.shortage.clone()
    }

    /// Takes memory for a value of so many bytes, if it need not wait for it.
    pub(crate) fn has_room_for(&mut self, bytes: usize) -> bool {
        bytes < PAGE || self.takes_at_once(self.grown + bytes)
    }

    /// Waits for memory for a value of so many bytes. When there is none, growing fails later.
    pub(crate) async fn wait_for_room(&mut self, bytes: usize) {
        let _ = self.take(self.grown + bytes).await;
    }

    fn more(&self, grown: usize) -> usize {
        let wanted = grown.saturating_sub(FREE).div_ceil(PAGE);
        wanted.saturating_sub(self.pages)
    }

    /// Takes the pages for growing by `grown` bytes in all, if it need not wait.
    fn takes_at_once(&mut self, grown: usize) -> bool {
        let more = self.more(grown);
        if more == 0 {
            return true;
        }
        let mut state = self.pool.lock();
        let is_there = state.waiting.is_empty() && state.free() >= more;
        if is_there {
            state.give(self.number, more);
            self.pages += more;
        }
        is_there
    }

    /// Takes from the pool the pages for growing by `grown` bytes in all beyond those that are
    /// held.
    async fn take(&mut self, grown: usize) -> bool {
        if self.takes_at_once(grown) {
            return true;
        }
        let more = self.more(grown);
        let (granted, mut grant) = oneshot::channel();
        {
            let mut state = self.pool.lock();
            state.waiting.insert(self.number, Waiting { more, granted });
            state.grant();
        }
        let wait = self.pool.0.wait;
        let is_granted = match timeout(wait, &mut grant).await {
            Ok(granted) => granted.is_ok(),
            Err(_) => {
                let mut state = self.pool.lock();
                state.waiting.remove(&self.number);
                // What another waited for behind this one may be there.
                state.grant();
                grant.try_recv().is_ok()
            }
        };
        if is_granted {
            self.pages += more;
        }
        is_granted
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.waiting.remove(&self.number);
        if let Some(holder) = state.holders.remove(&self.number) {
            state.taken -= holder.pages;
        }
        state.grant();
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
            self.size += desired;
            return Ok(true);
        }
        let grown = self.grown + desired.saturating_sub(current);
        if self.take(grown).await {
            self.grown = grown;
            self.size += desired.saturating_sub(current);
            return Ok(true);
        }
        self.shortage.starved.store(true, Ordering::Relaxed);
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
        assert!(other.shortage().is_starved());
        drop(one);
        assert!(grow(&mut other, 6 * MB).await);
    }

    #[tokio::test]
    async fn what_instances_begin_with_takes_a_quarter_at_most() {
        let pool = MemoryPool::new(8 * MB, SOON);
        let _many: Vec<InstanceMemory> = (0..100).map(|_| pool.instance(None, None)).collect();
        let mut one = pool.instance(client(1), None);
        assert!(grow(&mut one, 6 * MB).await);
        assert!(!grow(&mut one, MB).await);
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
        large.shortage().ended().await;
        drop(large);
        assert!(wanting.await.unwrap());
        assert!(!small.shortage().is_starved() && !middle.shortage().is_starved());
    }

    #[tokio::test]
    async fn a_client_s_larger_request_gives_to_its_smaller() {
        let pool = MemoryPool::new(10 * MB, Duration::from_secs(60));
        let mut large = pool.instance(client(1), None);
        assert!(grow(&mut large, 9 * MB).await);
        let mut small = pool.instance(client(1), None);
        let wanting = tokio::spawn(async move { grow(&mut small, 4 * MB).await });
        large.shortage().ended().await;
        drop(large);
        assert!(wanting.await.unwrap());
    }

    #[tokio::test]
    async fn who_wants_little_comes_before_those_who_have_much() {
        let pool = MemoryPool::new(10 * MB, Duration::from_secs(60));
        let mut run = pool.instance(None, None);
        assert!(grow(&mut run, 10 * MB).await);
        let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
        for (n, size) in [(1, 8), (2, 2), (3, 5)] {
            let (mut memory, said) = (pool.instance(client(n), None), said.clone());
            tokio::spawn(async move {
                assert!(grow(&mut memory, size * MB).await);
                said.send(n).unwrap();
                // It keeps what it has for a moment, and its answer is out.
                tokio::time::sleep(SOON).await;
            });
            tokio::task::yield_now().await;
        }
        drop(run);
        let order = [heard.recv().await, heard.recv().await, heard.recv().await];
        assert_eq!(order, [Some(2), Some(3), Some(1)]);
    }

    #[tokio::test]
    async fn accepted_work_comes_before_requests_until_it_has_half() {
        // Long enough for the requests to end on a busy machine.
        let pool = MemoryPool::new(10 * MB, Duration::from_secs(2));
        let mut open: Vec<InstanceMemory> =
            (1..=5).map(|n| pool.instance(client(n), None)).collect();
        for memory in &mut open {
            assert!(grow(memory, 2 * MB).await);
        }
        let mut run = pool.instance(None, None);
        let wanting = tokio::spawn(async move {
            let has = grow(&mut run, 3 * MB).await;
            (has, run)
        });
        while open.len() > 3 {
            tokio::task::yield_now().await;
            open.retain(|memory| !memory.shortage().is_starved());
        }
        let (has, mut run) = wanting.await.unwrap();
        assert!(has);
        assert!(!grow(&mut run, 6 * MB).await);
        assert!(open.iter().all(|memory| !memory.shortage().is_starved()));
    }

    #[tokio::test]
    async fn the_application_itself_is_not_made_to_end() {
        let pool = MemoryPool::new(10 * MB, SOON);
        let answered = client(1).inspect(|asker| asker.is_answered.store(true, Ordering::Relaxed));
        let mut run = pool.instance(answered, None);
        assert!(grow(&mut run, 10 * MB).await);
        let mut modest = pool.instance(client(2), None);
        assert!(!grow(&mut modest, 2 * MB).await);
        assert!(!run.shortage().is_starved());
    }

    #[tokio::test]
    async fn room_for_a_value_is_there_when_the_value_is() {
        let pool = MemoryPool::new(10 * MB, Duration::from_secs(60));
        let mut run = pool.instance(None, None);
        assert!(run.has_room_for(4 * MB));
        let mut other = pool.instance(None, None);
        assert!(!other.has_room_for(8 * MB));
        let waiting = tokio::spawn(async move {
            other.wait_for_room(8 * MB).await;
            // Nothing more is taken for it.
            other.takes_at_once(8 * MB)
        });
        tokio::time::sleep(SOON).await;
        drop(run);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn a_platform_s_limit_is_not_the_pool_s_fault() {
        let mut memory = MemoryPool::new(10 * MB, SOON).instance(None, Some(4 << 20));
        assert!(memory.memory_growing(MB, 4 * MB, None).await.unwrap());
        assert!(!memory.memory_growing(4 * MB, 5 * MB, None).await.unwrap());
        assert!(!memory.shortage().is_starved());
        assert!(!memory.memory_growing(MB, 2 * MB, Some(MB)).await.unwrap());
    }
}
