//! Many schedules, and every rule after every step.

use simulation::{Failure, Options, Variant, campaign, run, trace};

/// A failure with everything that led to it.
fn tell(failure: &Failure, options: Options) -> String {
    let (lines, _) = trace(failure.seed, options);
    format!("{}\n{failure}\n{options:?}", lines.join("\n"))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, Into::into)
}

#[test]
fn seeds_that_failed_once_do_not_fail_again() {
    for line in include_str!("seeds.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let seed: u64 = line.split(' ').next().unwrap().parse().unwrap();
        for variant in [None].into_iter().chain(Variant::ALL.map(Some)) {
            let options = Options {
                variant,
                ..Options::default()
            };
            if let Err(failure) = run(seed, options) {
                panic!("{}", tell(&failure, options));
            }
        }
    }
}

/// Number of schedules that are run: fewer without optimisation, which takes ten times as long.
const SCHEDULES: u64 = if cfg!(debug_assertions) {
    1_000
} else {
    20_000
};

#[test]
fn no_rule_is_broken_in_any_schedule() {
    let options = Options::default();
    let (stats, failures) = campaign(0..SCHEDULES, threads(), options, 1);
    if let Some(failure) = failures.first() {
        panic!("{}", tell(failure, options));
    }
    assert_eq!(stats.schedules, SCHEDULES);
    assert!(stats.faults > SCHEDULES, "{stats:?}");
    println!("{stats:#?}");
}

/// A schedule beyond the assumption in which a job has two ends. A run renews its lease, and the
/// write takes longer than leases are kept apart by, so another run claims the lease and cancels
/// the job, while the first completes it, merges its segments and deletes them. Both fences saw a
/// store in which the own lease stood: without compare-and-swap nothing else could be seen. Here
/// the complete end comes last and names what is there. Of the canceled one, believed before, the
/// segments are gone; if it came last, its results would stop where the first is missing, as those
/// of any job whose values are lost. No write delay within the assumption leads there.
const TWO_ENDS: u64 = 4433;

/// Writes take up to six times as long as the engine may assume: work is then done twice, and a
/// watcher may see it; but what is there at the end is whole.
#[test]
fn a_store_slower_than_assumed_corrupts_nothing() {
    let options = Options {
        unbounded: true,
        ..Options::default()
    };
    if let Err(failure) = run(TWO_ENDS, options) {
        panic!("{}", tell(&failure, options));
    }
    let (stats, failures) = campaign(0..SCHEDULES / 5, threads(), options, 1);
    if let Some(failure) = failures.first() {
        panic!("{}", tell(failure, options));
    }
    assert!(!stats.beyond.is_empty(), "the assumption is needed");
    println!("{:#?}", stats.beyond);
}

#[test]
fn a_seed_is_a_reproduction() {
    for seed in 0..20 {
        let first = trace(seed, Options::default()).0;
        let second = trace(seed, Options::default()).0;
        assert!(first == second, "seed {seed}");
        assert!(first.len() > 20, "seed {seed}");
    }
}
