//! Scenarios of whole jobs: duration and costs.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::future::try_join_all;

use super::{DELAY, enriching, importing, isbns, sample};
use crate::app::{App, CompiledApp, Setup, TIME_LIMIT};
use crate::client::{Client, Work, ms};
use crate::figures::{Figure, Report, Statistic, percentile};

/// Number of requests that a run has in flight at a time.
const CONCURRENCY: f64 = 8.0;

/// Delay of providers of which a library that is remembered must notice nothing.
const SLOW: Duration = Duration::from_millis(200);

/// The line that the run of an import logs that has asked providers.
const RUN_THAT_LOOKED_UP: &str = r#""start":"handed-over""#;

/// Measures jobs that enrich a hundred ISBNs.
pub(super) async fn enrich(
    compiled: &CompiledApp,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = "enrich-100";
    let app = compiled.start(Setup::default()).await?;
    let isbns = isbns(100)?;
    let work = enriching(&isbns)?;
    app.client.submit_and_follow(&work).await?;
    let mut direct = vec![];
    for _ in 0..rounds {
        let start = Instant::now();
        direct_request(&app, &isbns).await?;
        direct.push(ms(start.elapsed()));
    }
    for attached in [false, true] {
        let how = if attached { "attached" } else { "own stream" };
        let (mut wall, mut bytes, mut requests) = (vec![], vec![], vec![]);
        let cpu = app.cpu()?;
        for _ in 0..rounds {
            let before = app.provider_requests();
            let start = Instant::now();
            let log = match attached {
                true => app.client.attach(&work).await?,
                false => app.client.submit_and_follow(&work).await?,
            };
            wall.push(ms(start.elapsed()));
            bytes.push(sample(log.bytes));
            requests.push(sample(app.provider_requests() - before));
        }
        let cpu = ms(app.cpu()? - cpu) / f64::from(rounds);
        let figure = Figure::of(name, format!("{how}: POST to completed"), "ms", &wall);
        report.add(figure.against(&direct).goal(Statistic::P50, 60.0));
        let figure = Figure::of(
            name,
            format!("{how}: processor time of a job"),
            "ms",
            &[cpu],
        );
        report.add(figure.goal(Statistic::P50, 30.0));
        let figure = Figure::of(name, format!("{how}: bytes to the client"), "B", &bytes);
        report.add(figure.goal(Statistic::Max, 4_096.0));
        let figure = Figure::of(name, format!("{how}: outbound requests"), "", &requests);
        report.add(figure.goal(Statistic::Max, 4.0));
    }
    Ok(())
}

/// Asks the provider itself for these books, in one request.
async fn direct_request(app: &App, isbns: &[String]) -> anyhow::Result<()> {
    let base = app.sandbox().open_library().base_url();
    let address = base.strip_prefix("http://").context("http")?.parse()?;
    let query = format!("isbn:({})", isbns.join("+OR+"));
    let path = format!("/search.json?q={query}&limit=200&fields=key,title,author_name,isbn");
    let client = Client::new(address);
    let headers = [("user-agent", "bench (sandbox@example.org)")];
    let answer = client.ask("GET", &path, &headers, Bytes::new()).await?;
    ensure!(answer.status == 200, "the provider: {}", answer.status);
    Ok(())
}

/// Measures ten jobs at once that enrich a hundred ISBNs each.
pub(super) async fn enrich_ten(
    compiled: &CompiledApp,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = "enrich-10x100";
    let app = compiled.start(Setup::default()).await?;
    let isbns = isbns(1_000)?;
    let works = isbns.chunks(100).map(enriching);
    let works = works.collect::<anyhow::Result<Vec<Work>>>()?;
    let (mut wall, mut one) = (vec![], vec![]);
    let first = works.first().context("a job")?;
    app.client.submit_and_follow(first).await?;
    let cpu = app.cpu()?;
    for _ in 0..rounds {
        let start = Instant::now();
        try_join_all(works.iter().map(|work| app.client.submit_and_follow(work))).await?;
        wall.push(ms(start.elapsed()));
    }
    let cpu = ms(app.cpu()? - cpu) / f64::from(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        app.client.submit_and_follow(first).await?;
        one.push(ms(start.elapsed()));
    }
    let figure = Figure::of(name, "until the last is completed", "ms", &wall);
    report.add(figure.against(&one).goal(Statistic::P50, 150.0));
    let figure = Figure::of(name, "processor time, all ten", "ms", &[cpu]);
    report.add(figure.goal(Statistic::P50, 200.0));
    let figure = Figure::of(name, "host's peak memory", "MB", &[app.memory("VmHWM")?]);
    report.add(figure.goal(Statistic::P50, 120.0));
    Ok(())
}

/// Measures imports of a library.
pub(super) async fn import(
    compiled: &CompiledApp,
    name: &str,
    csv: Vec<u8>,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let work = importing(csv);
    let app = compiled.start(Setup::default()).await?;
    let (mut wall, mut attached, mut bytes, mut waits) = (vec![], vec![], vec![], vec![]);
    let mut requests = vec![];
    let cpu = app.cpu()?;
    for _ in 0..rounds {
        let before = app.provider_requests();
        let start = Instant::now();
        bytes.push(sample(app.client.submit_and_follow(&work).await?.bytes));
        wall.push(ms(start.elapsed()));
        let asked = sample(app.provider_requests() - before);
        requests.push(asked);
        // In whole rounds of as many as may be in flight: less is not to be had.
        waits.push((asked / CONCURRENCY).ceil() * ms(DELAY));
    }
    let cpu = ms(app.cpu()? - cpu) / f64::from(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        app.client.attach(&work).await?;
        attached.push(ms(start.elapsed()));
    }
    let figure = Figure::of(name, "own stream: POST to completed", "ms", &wall);
    let most = match name {
        "import-10k" => 2.0,
        _ => 1.5,
    };
    report.add(figure.against(&waits).goal(Statistic::Ratio, most));
    let figure = Figure::of(name, "attached: POST to completed", "ms", &attached);
    report.add(figure.against(&waits).goal(Statistic::Ratio, most));
    report.add(Figure::of(name, "processor time of a job", "ms", &[cpu]));
    let figure = Figure::of(name, "outbound requests", "", &requests);
    report.add(match name {
        "import-real" => figure.goal(Statistic::Max, 60.0),
        _ => figure,
    });
    let figure = Figure::of(name, "bytes to the client", "B", &bytes);
    report.add(figure.goal(Statistic::Max, 25_000.0));
    drop(app);
    let (written, size) = written(compiled, &work).await?;
    let figure = Figure::of(name, "bytes written to the store", "B", &[written]);
    report.add(figure.against(&[size]).goal(Statistic::Ratio, 4.0));
    Ok(())
}

/// Measures the import of a library that was imported before, from providers that would be slow.
pub(super) async fn import_again(
    compiled: &CompiledApp,
    csv: &[u8],
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = "import-again";
    let work = importing(csv.to_vec());
    let app = compiled
        .start(Setup {
            delay: SLOW,
            tuning: "",
            ..Setup::default()
        })
        .await?;
    let start = Instant::now();
    app.client.submit_and_follow(&work).await?;
    let first = ms(start.elapsed());
    // What was learned is written after the end.
    while app.logged(RUN_THAT_LOOKED_UP)? == 0 {
        ensure!(start.elapsed() < TIME_LIMIT, "the first import goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (mut wall, mut attached, mut read) = (vec![], vec![], vec![]);
    let before = app.provider_requests();
    let cpu = app.cpu()?;
    for _ in 0..rounds {
        let start = Instant::now();
        app.client.submit_and_follow(&work).await?;
        wall.push(ms(start.elapsed()));
        let start = Instant::now();
        app.client.attach(&work).await?;
        attached.push(ms(start.elapsed()));
        let start = Instant::now();
        books::read_csv(csv, usize::MAX)?;
        read.push(ms(start.elapsed()));
    }
    let cpu = ms(app.cpu()? - cpu) / f64::from(rounds * 2);
    let asked = sample(app.provider_requests() - before);
    report.add(Figure::of(name, "the first time", "ms", &[first]));
    let figure = Figure::of(name, "own stream: POST to completed", "ms", &wall);
    report.add(figure.against(&read).goal(Statistic::P50, 100.0));
    let figure = Figure::of(name, "attached: POST to completed", "ms", &attached);
    report.add(figure.against(&read).goal(Statistic::P50, 100.0));
    report.add(Figure::of(name, "processor time of a job", "ms", &[cpu]));
    let figure = Figure::of(name, "outbound requests", "", &[asked]);
    report.add(figure.goal(Statistic::Max, 0.0));
    Ok(())
}

/// Bytes that an import writes to the store, and the size in bytes of the results that stay there.
async fn written(compiled: &CompiledApp, work: &Work) -> anyhow::Result<(f64, f64)> {
    let app = compiled
        .start(Setup {
            counted: true,
            ..Setup::default()
        })
        .await?;
    app.client.submit_and_follow(work).await?;
    // The run that told of the end clears away what is superfluous.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let written = app.store_count("bytes_written").await?;
    Ok((sample(written), sample(app.stored("job/%/seg/%")?)))
}

/// Measures imports of a hundred books at once, in growing numbers.
pub(super) async fn many(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "jobs-x";
    let app = compiled.start(Setup::default()).await?;
    let work = importing(stand_ins::library(100));
    app.client.submit_and_follow(&work).await?;
    let mut alone = None;
    for jobs in [1_u32, 10, 100, 300] {
        let rounds = (30 / jobs).max(1);
        let (mut each, mut all) = (vec![], 0.0);
        let cpu = app.cpu()?;
        for _ in 0..rounds {
            let start = Instant::now();
            let done = (0..jobs).map(|_| async {
                app.client.submit_and_follow(&work).await?;
                anyhow::Ok(ms(start.elapsed()))
            });
            let done = try_join_all(done).await?;
            all += percentile(&done, 1.0);
            each.extend(done);
        }
        let count = f64::from(jobs * rounds);
        let cpu = ms(app.cpu()? - cpu) / count;
        let one_job = one_job(&app, jobs).await?;
        let what = |what: &str| format!("{jobs} at once: {what}");
        let figure = Figure::of(name, what("each, POST to completed"), "ms", &each);
        let median = percentile(&each, 0.5);
        report.add(figure.goal(Statistic::Max, (3.0 * median).round()));
        let figure = Figure::of(name, what("time over number"), "ms", &[all / count]);
        report.add(figure.against(&[one_job / f64::from(jobs)]));
        let figure = Figure::of(name, what("processor time over number"), "ms", &[cpu]);
        let least = *alone.get_or_insert(cpu);
        report.add(figure.against(&[least]).goal(Statistic::Ratio, 1.5));
    }
    Ok(())
}

/// Time that one import of as many books takes, as far as one may have.
async fn one_job(app: &App, hundreds: u32) -> anyhow::Result<f64> {
    let rows = (hundreds * 100).min(10_000);
    let work = importing(stand_ins::library(usize::try_from(rows)?));
    let start = Instant::now();
    app.client.submit_and_follow(&work).await?;
    Ok(ms(start.elapsed()) * f64::from(hundreds * 100) / f64::from(rows))
}
