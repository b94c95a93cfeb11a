//! Measures the application from outside, like a client: starts the host and stand-ins for the
//! providers on loopback, runs scenarios, prints a table and, with `--json`, the figures.

mod app;
mod client;
mod figures;
mod limits;
mod scenarios;

use std::path::PathBuf;

use clap::Parser;
use figures::Report;

/// Measure what the application costs.
#[derive(Parser)]
struct Cli {
    /// A scenario, or all of them
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(scenarios::names()), default_value = "all")]
    scenario: String,
    /// Photos for the scenarios of reading spines, with their `ground-truth.json`; the sample shelf
    /// if not given
    #[arg(long, value_name = "FOLDER")]
    photos: Option<PathBuf>,
    /// Print the figures as JSON after the table
    #[arg(long)]
    json: bool,
    /// Number of times that each scenario is repeated
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut report = Report::new();
    report.begin();
    let photos = cli.photos.as_deref();
    scenarios::run(&cli.scenario, cli.rounds, photos, &mut report).await?;
    if cli.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}
