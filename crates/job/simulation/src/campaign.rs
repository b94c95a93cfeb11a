//! Many schedules on many threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Failure, Options, Stats, run};

/// Runs a schedule for each seed of a range, until `enough` of them have failed; returns the
/// totals, and the failures by seed.
#[must_use]
pub fn campaign(
    seeds: std::ops::Range<u64>,
    threads: usize,
    options: Options,
    enough: usize,
) -> (Stats, Vec<Failure>) {
    let next = AtomicU64::new(seeds.start);
    let all = Mutex::new((Stats::default(), Vec::new()));
    let work = || {
        let mut stats = Stats::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            match run(seed, options) {
                Ok(one) => stats.add(&one),
                Err(failure) => {
                    stats.schedules += 1;
                    let mut all = all
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    all.1.push(*failure);
                    if all.1.len() >= enough {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                }
            }
        }
        let mut all = all
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        all.0.add(&stats);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let (stats, mut failures) = all
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    failures.sort_by_key(|failure| failure.seed);
    (stats, failures)
}
