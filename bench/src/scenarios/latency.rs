//! Scenarios of latency: from a worker's commit to the client's read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::StreamExt;
use futures::future::{try_join, try_join_all};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::{enriching, importing, isbns};
use crate::app::{App, CompiledApp, Setup};
use crate::client::{StreamLog, Work, ms};
use crate::figures::{Figure, Report, Statistic};
use crate::limits::{Broadcast, echo};

fn latencies(logs: Vec<StreamLog>) -> Vec<f64> {
    logs.into_iter().flat_map(|log| log.latencies).collect()
}

/// Measures the latency on jobs' own streams.
pub(super) async fn sse(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "latency-sse";
    let limit = Broadcast::start().await?;
    let pause = Duration::from_millis(25);

    let one = compiled.start(Setup::default()).await?;
    let library = importing(stand_ins::library(6_000));
    let mut logs = Vec::new();
    for _ in 0..4 {
        logs.push(one.client.submit_and_follow(&library).await?);
    }
    let native = limit.measure(1, 100, pause).await?;
    let figure = Figure::of(name, "1 job, 1 stream", "ms", &latencies(logs)).against(&native);
    report.add(figure.goal(Statistic::P50, 1.3).goal(Statistic::P99, 4.0));

    let mut logs = Vec::new();
    for _ in 0..2 {
        logs.extend(hundred_streams(&one, &library).await?);
    }
    let native = limit.measure(100, 40, pause).await?;
    let figure = Figure::of(name, "1 job, 100 streams", "ms", &latencies(logs)).against(&native);
    report.add(figure.goal(Statistic::P50, 2.0).goal(Statistic::P99, 8.0));
    drop(one);

    // Of a provider as slow as the real ones, and enough waves: else there are no commits to hear
    // of.
    let slow = Setup {
        delay: Duration::from_millis(500),
        tuning: "wave_items=20 remember_books=0",
        ..Setup::default()
    };
    let logs = many_jobs(compiled, slow, 100, 200, Duration::from_secs(2)).await?;
    let what = "100 jobs, 1 stream each, begun in 2 s";
    let figure = Figure::of(name, what, "ms", &logs).against(&native);
    report.add(figure.goal(Statistic::P50, 3.0).goal(Statistic::P99, 15.0));
    let slow = Setup {
        delay: Duration::from_millis(500),
        ..Setup::default()
    };
    let logs = many_jobs(compiled, slow, 100, 600, Duration::ZERO).await?;
    let what = "the same at once, 3 times the books";
    report.add(Figure::of(name, what, "ms", &logs).against(&native));
    thousand_jobs(compiled, report).await
}

/// Measures a thousand jobs that follow each other closely and wait ten seconds for each answer.
async fn thousand_jobs(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let setup = Setup {
        delay: Duration::from_secs(10),
        tuning: "wave_items=20 remember_books=0",
        arguments: &["--max-instances", "3000"],
        ..Setup::default()
    };
    let logs = many_jobs(compiled, setup, 1_000, 60, Duration::from_secs(40)).await?;
    let what = "1,000 jobs, 1 stream each, begun in 40 s";
    let figure = Figure::of("latency-sse", what, "ms", &logs);
    report.add(figure.goal(Statistic::P99, 50.0));
    Ok(())
}

/// So many imports of so many rows, begun evenly within so long.
async fn many_jobs(
    compiled: &CompiledApp,
    setup: Setup,
    jobs: u32,
    rows: usize,
    within: Duration,
) -> anyhow::Result<Vec<f64>> {
    let app = compiled.start(setup).await?;
    // How long providers take is known of those that have been asked before.
    let few = importing(stand_ins::library(20));
    app.client.submit_and_follow(&few).await?;
    let library = importing(stand_ins::library(rows));
    let jobs = (0..jobs).map(|job| {
        let (app, library) = (&app, &library);
        async move {
            tokio::time::sleep(within * job / jobs).await;
            app.client.submit_and_follow(library).await
        }
    });
    Ok(latencies(try_join_all(jobs).await?))
}

async fn hundred_streams(app: &App, work: &Work) -> anyhow::Result<Vec<StreamLog>> {
    let accepted = app.client.submit(work).await?;
    let path = accepted["sseUrl"].as_str().context("sseUrl")?;
    try_join_all((0..100).map(|_| app.client.follow(path))).await
}

/// Measures how soon a book is heard of when the last answer to the questions about it and its
/// neighbours, which are told of together, has come.
pub(super) async fn first_book(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let app = compiled.start(Setup::default()).await?;
    let work = importing(stand_ins::library(60));
    let mut times = Vec::new();
    for _ in 0..40 {
        let providers = [app.sandbox().open_library(), app.sandbox().google_books()];
        providers.iter().for_each(|provider| provider.reset());
        let accepted = app.client.submit(&work).await?;
        let path = accepted["sseUrl"].as_str().context("sseUrl")?;
        let log = app.client.follow(&format!("{path}?books=1")).await?;
        let answers = providers
            .iter()
            .filter_map(|provider| provider.last_answer());
        let (answer, book) = answers.max().zip(log.first_book).context("a book")?;
        let time = book.checked_duration_since(answer);
        times.push(ms(time.context("a book before the last answer")?));
    }
    let what = "last answer of a wave to its first book's event";
    let figure = Figure::of("latency-book", what, "ms", &times);
    report.add(figure.goal(Statistic::P50, 5.0));
    Ok(())
}

/// Measures the latency on the response to the request that makes the job.
pub(super) async fn attached(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "latency-attached";
    let limit = Broadcast::start().await?;
    let app = compiled.start(Setup::default()).await?;
    let native = limit.measure(1, 100, Duration::from_millis(25)).await?;
    let work = enriching(&isbns(1_500)?)?;
    let mut logs = Vec::new();
    for _ in 0..8 {
        logs.push(app.client.attach(&work).await?);
    }
    let figure = Figure::of(name, "enrichment, 1 stream", "ms", &latencies(logs)).against(&native);
    report.add(figure.goal(Statistic::P50, 0.5));

    let work = importing(stand_ins::library(6_000));
    let mut logs = Vec::new();
    for _ in 0..4 {
        logs.push(app.client.attach(&work).await?);
    }
    let what = "import (handed over after the reading)";
    report.add(Figure::of(name, what, "ms", &latencies(logs)).against(&native));
    Ok(())
}

/// Measures the latency through the relay and the edge, beside a stream of the same job: a message
/// does not say when its commit was made.
pub(super) async fn ws(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "latency-ws";
    let app = compiled.start(Setup::default()).await?;
    let work = importing(stand_ins::library(6_000));
    let mut over = vec![];
    for _ in 0..6 {
        let accepted = app.client.submit(&work).await?;
        let path = accepted["sseUrl"].as_str().context("sseUrl")?;
        let (logs, first_read) = try_join(app.client.follow(path), socket(&app, &accepted)).await?;
        for (processed, at) in first_read {
            if let Some(sse) = logs.first_read.get(&processed).filter(|_| processed > 0) {
                let earlier = ms(sse.saturating_duration_since(at));
                over.push(ms(at.saturating_duration_since(*sse)) - earlier);
            }
        }
    }
    let native = echo(100).await?;
    let figure = Figure::of(name, "after the stream of the same job", "ms", &over);
    report.add(figure.against(&native).goal(Statistic::P50, 2.0));
    Ok(())
}

/// Follows a job on a socket; returns the time at which each count of finished books was first
/// received.
async fn socket(app: &App, accepted: &Value) -> anyhow::Result<BTreeMap<u64, Instant>> {
    let text = |name: &str| accepted[name].as_str().context("accepted");
    let (id, token) = (text("jobId")?, text("authToken")?);
    let address = app.client.address();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{address}/ws/progress?jobId={id}&token={token}&schema=2.0.0");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;
    let (mut first_read, mut over) = (BTreeMap::new(), false);
    while let Some(message) = socket.next().await {
        let now = Instant::now();
        let Message::Text(text) = message? else {
            continue;
        };
        let message: Value = serde_json::from_str(&text)?;
        over |= message["type"] == "job_complete";
        if let Some(processed) = message["payload"]["processedCount"].as_u64() {
            first_read.entry(processed).or_insert(now);
        }
    }
    ensure!(over, "the socket ended before the job");
    Ok(first_read)
}
