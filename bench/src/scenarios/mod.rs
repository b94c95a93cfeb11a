//! The scenarios that are measured.

mod crowds;
mod jobs;
mod latency;
mod prepare;
mod requests;
mod spines;
mod streams;

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use serde_json::json;

use crate::app::CompiledApp;
use crate::client::Work;
use crate::figures::Report;

/// Delay of the providers' responses.
const DELAY: Duration = Duration::from_millis(20);

/// A reader's library of 769 rows.
const LIBRARY: &[u8] = include_bytes!("../../../tests/data/goodreads_library_export.csv");

const NAMES: [&str; 30] = [
    "sizes",
    "cold",
    "poll",
    "upload",
    "prepare",
    "enrich-100",
    "enrich-10x100",
    "import-real",
    "import-1500",
    "import-10k",
    "import-again",
    "latency-sse",
    "latency-book",
    "latency-attached",
    "latency-ws",
    "jobs-x",
    "streams-x",
    "crowd",
    "restart",
    "silent",
    "spines-photos",
    "spines-unlisted",
    "spines-large",
    "spines-cancel",
    "spines-load",
    "spines-budget",
    "spines",
    "latency",
    "import",
    "enrich",
];

/// Names that the command line takes: a scenario, all of those that begin alike, or all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ["all"].into_iter().chain(NAMES)
}

/// Runs the scenarios of this name; `photos` is a folder for those of reading spines.
pub(crate) async fn run(
    name: &str,
    rounds: u32,
    photos: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let wanted = |scenario: &str| name == "all" || scenario.starts_with(name);
    let compiled = &CompiledApp::up().await?;
    if wanted("sizes") {
        requests::sizes(report)?;
    }
    if wanted("cold") {
        requests::cold(compiled, rounds, report).await?;
    }
    if wanted("poll") {
        requests::poll(compiled, report).await?;
    }
    if wanted("upload") {
        requests::upload(compiled, rounds, report).await?;
    }
    if wanted("prepare") {
        prepare::run(compiled, rounds.min(3), report).await?;
    }
    if wanted("enrich-100") {
        jobs::enrich(compiled, rounds * 4, report).await?;
    }
    if wanted("enrich-10x100") {
        jobs::enrich_ten(compiled, rounds, report).await?;
    }
    for (scenario, csv, rounds) in [
        ("import-real", LIBRARY.to_vec(), rounds),
        ("import-1500", stand_ins::library(1_500), rounds),
        ("import-10k", stand_ins::library(10_000), rounds.min(3)),
    ] {
        if wanted(scenario) {
            jobs::import(compiled, scenario, csv, rounds, report).await?;
        }
    }
    if wanted("import-again") {
        jobs::import_again(compiled, LIBRARY, rounds * 4, report).await?;
    }
    if wanted("latency-sse") {
        latency::sse(compiled, report).await?;
    }
    if wanted("latency-book") {
        latency::first_book(compiled, report).await?;
    }
    if wanted("latency-attached") {
        latency::attached(compiled, report).await?;
    }
    if wanted("latency-ws") {
        latency::ws(compiled, report).await?;
    }
    if wanted("jobs-x") {
        jobs::many(compiled, report).await?;
    }
    if wanted("streams-x") {
        streams::many(compiled, report).await?;
    }
    if wanted("crowd") {
        crowds::many(compiled, report).await?;
    }
    if wanted("restart") {
        crowds::restarted(compiled, report).await?;
    }
    if wanted("silent") {
        crowds::silent(compiled, report).await?;
    }
    // Minutes of computing: only when asked for.
    if name.starts_with("spines") {
        let shelves = spines::Shelves::open(photos)?;
        spines::run(compiled, &wanted, &shelves, rounds, report).await?;
    }
    Ok(())
}

/// An import of a CSV file.
fn importing(csv: impl Into<Bytes>) -> Work {
    Work {
        path: "/api/v2/imports",
        kind: "text/csv",
        body: csv.into(),
    }
}

/// An enrichment of ISBNs.
fn enriching(isbns: &[String]) -> anyhow::Result<Work> {
    Ok(Work {
        path: "/api/batch-enrich",
        kind: "application/json",
        body: serde_json::to_vec(&json!({ "barcodes": isbns }))?.into(),
    })
}

/// The ISBNs of a library that the stand-ins know.
fn isbns(count: usize) -> anyhow::Result<Vec<String>> {
    let csv = String::from_utf8(stand_ins::library(count * 2))?;
    let isbns: Vec<String> = csv
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 13)
        .map(str::to_owned)
        .take(count)
        .collect();
    ensure!(isbns.len() == count, "the library has too few ISBNs");
    Ok(isbns)
}

/// A number as a sample.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn sample(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
