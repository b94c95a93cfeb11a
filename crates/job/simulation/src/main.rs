//! Runs schedules of the job engine until one fails.

use std::time::Instant;

use clap::Parser;
use simulation::{Mutation, Options, Variant};

/// Deterministic simulation of the job engine.
#[derive(Parser)]
struct Args {
    /// Number of seeds.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Number of threads; as many as there are processors when it is left out.
    #[arg(long)]
    threads: Option<usize>,
    /// The store's behaviour; by the seed when it is left out.
    #[arg(long)]
    variant: Option<Variant>,
    /// Let writes take longer than the engine may assume.
    #[arg(long)]
    unbounded: bool,
    /// Make a deliberate mistake.
    #[arg(long)]
    mutation: Option<Mutation>,
    /// Run this seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// Go on after a failure, and count.
    #[arg(long)]
    keep_going: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let options = Options {
        variant: args.variant,
        unbounded: args.unbounded,
        mutation: args.mutation,
    };
    if let Some(seed) = args.seed {
        let (trace, result) = simulation::trace(seed, options);
        if args.trace || result.is_err() {
            for line in trace {
                println!("{line}");
            }
        }
        println!("{:?}", result?);
        return Ok(());
    }
    let began = Instant::now();
    let threads = match args.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let end = args.start.saturating_add(args.seeds);
    let enough = if args.keep_going { usize::MAX } else { 1 };
    let (stats, failures) = simulation::campaign(args.start..end, threads, options, enough);
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for show")]
    let rate = stats.schedules as f64 / took;
    println!("{stats:#?}");
    println!("{rate:.0} schedules per second on {threads} threads, {took:.1} s");
    for failure in failures.iter().take(40) {
        println!("{failure}");
    }
    match failures.len() {
        0 => Ok(()),
        count => anyhow::bail!("{count} seeds fail"),
    }
}
