//! Permits, counted in all and for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The factor by which one key may hold more than what is left free.
///
/// However many greedy clients there are, something is left for the next one: one alone gets four
/// fifths of all, two get four ninths each, ten get about a tenth each.
const SHARE: usize = 4;

/// The limit that stood in the way of a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The limit for all keys together.
    All,
    /// The limit for this key, or its share of all.
    Key,
}

/// Counts permits in all and for each key. Clones count together.
#[derive(Clone, Debug)]
pub struct Limiter<K: Eq + Hash + Clone> {
    all: usize,
    counts: Arc<Mutex<Counts<K>>>,
}

#[derive(Debug)]
struct Counts<K> {
    all: usize,
    by_key: HashMap<K, usize>,
    waiting: Vec<Waker>,
}

impl<K> Counts<K> {
    fn lock(counts: &Mutex<Self>) -> MutexGuard<'_, Self> {
        // Counts are whole after every statement, so a panic elsewhere does not spoil them.
        counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Limiter<K> {
    /// A limit of `all` permits at a time; `usize::MAX` is none.
    #[must_use]
    pub fn new(all: usize) -> Self {
        Self {
            all,
            counts: Arc::new(Mutex::new(Counts {
                all: 0,
                by_key: HashMap::new(),
                waiting: Vec::new(),
            })),
        }
    }

    /// Takes a permit for `key`, of which it may have `per_key`, and no more than four times as
    /// many as are left free.
    ///
    /// # Errors
    /// [`Full::All`] when no permit is free, [`Full::Key`] when this key has its share.
    pub fn acquire(&self, key: K, per_key: usize) -> Result<Permit<K>, Full> {
        let mut counts = Counts::lock(&self.counts);
        let free = self.all.saturating_sub(counts.all);
        if free == 0 {
            return Err(Full::All);
        }
        let held = counts.by_key.get(&key).copied().unwrap_or(0);
        if held >= per_key.min(free.saturating_mul(SHARE)) {
            return Err(Full::Key);
        }
        counts.all += 1;
        *counts.by_key.entry(key.clone()).or_insert(0) += 1;
        Ok(Permit {
            key,
            counts: self.counts.clone(),
        })
    }

    /// Takes a permit as [`Self::acquire`] does, or wakes the task up when one has been given back.
    pub fn poll_acquire(&self, key: &K, per_key: usize, context: &Context<'_>) -> Poll<Permit<K>> {
        if let Ok(permit) = self.acquire(key.clone(), per_key) {
            return Poll::Ready(permit);
        }
        let mut counts = Counts::lock(&self.counts);
        if !counts.waiting.iter().any(|w| w.will_wake(context.waker())) {
            counts.waiting.push(context.waker().clone());
        }
        drop(counts);
        // One may have been given back between the two looks.
        match self.acquire(key.clone(), per_key) {
            Ok(permit) => Poll::Ready(permit),
            Err(_) => Poll::Pending,
        }
    }

    /// The number of permits that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        Counts::lock(&self.counts).all
    }
}

/// A permit; dropping it gives it back.
#[derive(Debug)]
pub struct Permit<K: Eq + Hash> {
    key: K,
    counts: Arc<Mutex<Counts<K>>>,
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut counts = Counts::lock(&self.counts);
        counts.all -= 1;
        if let Some(count) = counts.by_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.by_key.remove(&self.key);
            }
        }
        let waiting = std::mem::take(&mut counts.waiting);
        drop(counts);
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    #[test]
    fn permits_count_up_and_down() {
        let limiter = Limiter::new(4);
        let a1 = limiter.acquire("a", 2).unwrap();
        let a2 = limiter.acquire("a", 2).unwrap();
        assert_eq!(limiter.acquire("a", 2).err(), Some(Full::Key));
        let b = limiter.acquire("b", 2).unwrap();
        let c = limiter.acquire("c", 2).unwrap();
        assert_eq!(limiter.acquire("d", 2).err(), Some(Full::All));
        drop(a1);
        assert!(limiter.acquire("a", 2).is_ok());
        drop((a2, b, c));
        assert!(Counts::lock(&limiter.counts).by_key.is_empty());
    }

    #[test]
    fn a_single_one_is_for_whoever_comes_first() {
        let limiter = Limiter::new(1);
        let only = limiter.acquire("a", usize::MAX);
        assert!(only.is_ok());
        assert_eq!(limiter.acquire("b", usize::MAX).err(), Some(Full::All));
    }

    #[test]
    fn who_waits_is_woken() {
        struct Woken(AtomicBool);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let limiter = Limiter::new(1);
        let held = limiter.acquire("a", 1).unwrap();
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let context = Context::from_waker(&waker);
        assert!(limiter.poll_acquire(&"b", 1, &context).is_pending());
        drop(held);
        assert!(woken.0.load(Ordering::Relaxed));
        assert!(limiter.poll_acquire(&"b", 1, &context).is_ready());
    }

    proptest! {
        /// Checks that greedy clients that take whatever they get leave something for one more.
        #[test]
        fn something_is_left_for_the_next_client(all in 40..500usize, greedy in 1..9usize) {
            let limiter = Limiter::new(all);
            let mut permits = Vec::new();
            loop {
                let before = permits.len();
                permits.extend((0..greedy).filter_map(|n| limiter.acquire(n, usize::MAX).ok()));
                if permits.len() == before {
                    break;
                }
            }
            prop_assert!(limiter.acquire(greedy, usize::MAX).is_ok());
            let counts = Counts::lock(&limiter.counts);
            let most = counts.by_key.values().max().copied().unwrap_or(0);
            let least = (0..greedy).map(|n| counts.by_key[&n]).min().unwrap_or(0);
            prop_assert!(most - least <= 1, "{most} {least}");
            prop_assert!(most * greedy >= all / 2, "what there is gets used");
        }
    }
}
