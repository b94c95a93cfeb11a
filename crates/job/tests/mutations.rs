//! Deliberate mistakes, each of which must be found.

use simulation::{Mutation, Options, campaign, run};

/// Number of schedules within which a mistake must be found.
const SCHEDULES: u64 = 20_000;

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn every_mistake_is_found() {
    let threads = std::thread::available_parallelism().map_or(2, Into::into);
    let mut missed = Vec::new();
    println!("{:<22} {:>6}  rule", "mistake", "seed");
    for mutation in Mutation::ALL {
        let options = Options {
            mutation: Some(mutation),
            ..Options::default()
        };
        let (_, failures) = campaign(0..SCHEDULES, threads, options, 1);
        // Seeds are taken in order, so the first that fails is also how many it took.
        match failures.first() {
            Some(failure) => {
                println!(
                    "{:<22} {:>6}  {}",
                    format!("{mutation:?}"),
                    failure.seed,
                    failure.violation.rule
                );
                // It is the mistake that is found, and nothing else.
                if let Err(failure) = run(failure.seed, Options::default()) {
                    panic!("{failure}");
                }
            }
            None => missed.push(mutation),
        }
    }
    assert_eq!(missed, [], "not found in {SCHEDULES} schedules");
}
