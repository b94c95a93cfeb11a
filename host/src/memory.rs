//! The memory of all instances together: what one grows by is taken from a common pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::ResourceLimiterAsync;

/// What the pool is counted in.
const PAGE: usize = 64 << 10;

/// What every instance may have without asking the pool.
const FREE: usize = 2 << 20;

/// How long an instance waits for memory, and stands still meanwhile. After that its growing fails,
/// which ends it, so that instances that hold memory and wait for more cannot wait for one another
/// for ever.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

/// The memory that instances may have beyond [`FREE`] each.
#[derive(Clone)]
pub(crate) struct MemoryPool {
    pages: Arc<Semaphore>,
    wait: Duration,
}

/// One instance's part of it, and its own limits.
pub(crate) struct InstanceMemory {
    pool: MemoryPool,
    /// The platform's limit on one memory.
    limit: usize,
    used: usize,
    held: Option<OwnedSemaphorePermit>,
    starved: Arc<AtomicBool>,
}

impl MemoryPool {
    /// A pool of so many bytes; an instance waits for some of them for `wait`.
    pub(crate) fn new(bytes: usize, wait: Duration) -> Self {
        Self {
            pages: Arc::new(Semaphore::new(bytes / PAGE)),
            wait,
        }
    }

    /// Memory for one instance.
    pub(crate) fn instance(&self, limit: Option<u64>) -> InstanceMemory {
        InstanceMemory {
            pool: self.clone(),
            limit: limit.map_or(usize::MAX, |bytes| {
                usize::try_from(bytes).unwrap_or(usize::MAX)
            }),
            used: 0,
            held: None,
            starved: Arc::default(),
        }
    }
}

impl InstanceMemory {
    /// True, later, if the pool had nothing for it.
    pub(crate) fn starved(&self) -> Arc<AtomicBool> {
        self.starved.clone()
    }

    /// Takes from the pool what `used` bytes need beyond what is held.
    async fn take(&mut self, used: usize) -> bool {
        let wanted = used.saturating_sub(FREE).div_ceil(PAGE);
        let held = self
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = wanted.checked_sub(held).filter(|more| *more > 0) else {
            return true;
        };
        let Ok(more) = u32::try_from(more) else {
            return false;
        };
        let more = self.pool.pages.clone().acquire_many_owned(more);
        match tokio::time::timeout(self.pool.wait, more).await {
            Ok(Ok(more)) => {
                match &mut self.held {
                    Some(held) => held.merge(more),
                    None => self.held = Some(more),
                }
                true
            }
            Ok(Err(_)) | Err(_) => false,
        }
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
        let used = self.used + desired.saturating_sub(current);
        if self.take(used).await {
            self.used = used;
            return Ok(true);
        }
        self.starved.store(true, Ordering::Relaxed);
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

    #[tokio::test]
    async fn instances_share_one_pool() {
        let pool = MemoryPool::new(10 * MB, SOON);
        let mut one = pool.instance(None);
        assert!(one.memory_growing(0, 2 * MB, None).await.unwrap());
        assert!(one.memory_growing(2 * MB, 8 * MB, None).await.unwrap());
        let mut other = pool.instance(None);
        assert!(other.memory_growing(0, 6 * MB, None).await.unwrap());
        assert!(!other.memory_growing(6 * MB, 7 * MB, None).await.unwrap());
        assert!(other.starved().load(Ordering::Relaxed));
        drop(one);
        assert!(other.memory_growing(6 * MB, 12 * MB, None).await.unwrap());
    }

    #[tokio::test]
    async fn memory_is_waited_for() {
        let pool = MemoryPool::new(10 * MB, Duration::from_secs(60));
        let mut one = pool.instance(None);
        assert!(one.memory_growing(0, 12 * MB, None).await.unwrap());
        let mut other = pool.instance(None);
        let waiting = tokio::spawn(async move { other.memory_growing(0, 12 * MB, None).await });
        tokio::time::sleep(SOON).await;
        drop(one);
        assert!(waiting.await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn a_platform_s_limit_is_not_the_pool_s_fault() {
        let mut memory = MemoryPool::new(10 * MB, SOON).instance(Some(4 << 20));
        assert!(memory.memory_growing(0, 4 * MB, None).await.unwrap());
        assert!(!memory.memory_growing(4 * MB, 5 * MB, None).await.unwrap());
        assert!(!memory.starved().load(Ordering::Relaxed));
        assert!(!memory.memory_growing(0, 2 * MB, Some(MB)).await.unwrap());
    }
}
