//! Scenarios of single requests.

use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::future::try_join_all;

use super::{LIBRARY, importing, sample};
use crate::app::{App, Application, CompiledApp, Setup, component_size};
use crate::client::{Work, ms};
use crate::figures::{Figure, Report, Statistic};
use crate::limits::sqlite;

/// Number of bytes in each value of the store.
const CHUNK: usize = 900_000;

/// Measures the sizes of the components' files.
pub(super) fn sizes(report: &mut Report) -> anyhow::Result<()> {
    for (component, most) in [
        ("scan", 3_000_000.0),
        ("reader", 8_000_000.0),
        ("enrichment", 1_000_000.0),
        ("status", 1_000_000.0),
        ("relay", 1_000_000.0),
    ] {
        let size = sample(component_size(component)?);
        let figure = Figure::of("sizes", component, "B", &[size]);
        report.add(figure.goal(Statistic::P50, most));
    }
    Ok(())
}

fn empty() -> Setup {
    Setup {
        application: Application::Empty,
        ..Setup::default()
    }
}

/// Time that each path takes for the first time on a host that has just started.
async fn first(
    compiled: &CompiledApp,
    setup: Setup,
    paths: &[&str],
) -> anyhow::Result<(f64, Vec<f64>)> {
    let app = compiled.start(setup).await?;
    let mut times = Vec::new();
    for path in paths {
        let start = Instant::now();
        app.client.get(path).await?;
        times.push(ms(start.elapsed()));
    }
    Ok((ms(app.started), times))
}

/// Measures the first request to each component of a host that has just started, against that to an
/// empty one.
pub(super) async fn cold(
    compiled: &CompiledApp,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut started, mut over) = (vec![], vec![]);
    let (mut started_empty, mut least) = (vec![], vec![]);
    for _ in 0..rounds {
        let (start, times) = first(compiled, empty(), &["/", "/"]).await?;
        started_empty.push(start);
        least.extend(times.first());
        let empty = times.first().copied().unwrap_or_default();
        let paths = [
            "/health",
            "/api/v2/capabilities",
            "/api/batch-enrich",
            "/ws/session",
        ];
        let (start, times) = first(compiled, Setup::default(), &paths).await?;
        started.push(start);
        over.extend(times.iter().map(|time| time - empty));
    }
    let figure = Figure::of("cold", "start of the host, compiled before", "ms", &started);
    report.add(figure.against(&started_empty).goal(Statistic::P50, 1_000.0));
    let figure = Figure::of("cold", "first request to an empty component", "ms", &least);
    report.add(figure);
    let figure = Figure::of("cold", "first request to each, over that", "ms", &over);
    report.add(figure.goal(Statistic::P50, 5.0).goal(Statistic::Max, 5.0));
    Ok(())
}

/// Measures polls of a job's status on 32 connections.
pub(super) async fn poll(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let app = compiled.start(Setup::default()).await?;
    let work = importing(LIBRARY);
    let accepted = app.client.submit(&work).await?;
    let text = |name: &str| accepted[name].as_str().context("accepted");
    app.client.follow(text("sseUrl")?).await?;
    let status = text("statusUrl")?;
    let etag = app.client.get(status).await?.etag.unwrap_or_default();
    let known = [("if-none-match", etag.as_str())];
    let nothing = compiled.start(empty()).await?;
    poll_load(&nothing, "/", &[], 200, 300).await?;
    let least = poll_load(&nothing, "/", &[], 200, REQUESTS).await?;
    drop(nothing);
    poll_load(&app, "/health", &[], 200, 300).await?;
    let health = poll_load(&app, "/health", &[], 200, REQUESTS).await?;
    let plain = poll_load(&app, status, &[], 200, REQUESTS).await?;
    let conditional = poll_load(&app, status, &known, 304, REQUESTS).await?;
    for (what, asked) in [
        ("without If-None-Match", plain),
        ("with If-None-Match", conditional),
        ("/health", health),
    ] {
        let figure = Figure::of("poll", format!("{what}: time"), "ms", &asked.times);
        report.add(figure.against(&least.times));
        let figure = Figure::of("poll", format!("{what}: rate"), "1/s", &[asked.rate]);
        report.add(figure.against(&[least.rate]));
        let figure = Figure::of(
            "poll",
            format!("{what}: processor time"),
            "ms",
            &[asked.cpu],
        );
        let figure = figure.against(&[least.cpu]);
        report.add(match what {
            "/health" => figure,
            _ => figure.goal(Statistic::Ratio, 2.0),
        });
    }
    Ok(())
}

const REQUESTS: usize = 3_000;
const CONNECTIONS: usize = 32;

struct PollLoad {
    times: Vec<f64>,
    /// Requests a second.
    rate: f64,
    /// The host's processor time for one, in ms.
    cpu: f64,
}

async fn poll_load(
    app: &App,
    path: &str,
    headers: &[(&str, &str)],
    expected: u16,
    requests: usize,
) -> anyhow::Result<PollLoad> {
    let cpu = app.cpu()?;
    let start = Instant::now();
    let connections = (0..CONNECTIONS).map(|_| async {
        let mut times = Vec::new();
        for _ in 0..requests / CONNECTIONS {
            let start = Instant::now();
            let answer = app.client.ask("GET", path, headers, Bytes::new()).await?;
            ensure!(answer.status == expected, "status {}", answer.status);
            times.push(ms(start.elapsed()));
        }
        anyhow::Ok(times)
    });
    let times = try_join_all(connections).await?.concat();
    let count = sample(times.len());
    Ok(PollLoad {
        rate: count / start.elapsed().as_secs_f64(),
        cpu: ms(app.cpu()? - cpu) / count,
        times,
    })
}

/// Measures uploads of the largest files.
pub(super) async fn upload(
    compiled: &CompiledApp,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let app = compiled.start(Setup::default()).await?;
    let mut csv = b"Title,Author,Notes\n".to_vec();
    while csv.len() < 8_000_000 {
        csv.extend_from_slice(b"Babel,R. F. Kuang,");
        csv.resize(csv.len() + 4_000, b'x');
        csv.push(b'\n');
    }
    let mut photo = include_bytes!("../../../components/status/sandbox/shelf.jpg").to_vec();
    // What follows an image's end is nobody's business.
    photo.resize(4_000_000, 0);
    let photo = Work {
        path: "/api/batch-scan",
        kind: "image/jpeg",
        body: photo.into(),
    };
    for (what, work) in [
        ("8 MB CSV, POST to 202", importing(csv)),
        ("4 MB photo, POST to 202", photo),
    ] {
        let mut wall = vec![];
        for _ in 0..rounds {
            let start = Instant::now();
            let accepted = app.client.submit(&work).await?;
            wall.push(ms(start.elapsed()));
            // The next upload has the machine to itself.
            let stream = accepted["sseUrl"].as_str().context("sseUrl")?;
            app.client.follow(stream).await?;
        }
        let chunks: Vec<&[u8]> = work.body.chunks(CHUNK).collect();
        let dir = tempfile::tempdir_in(app.state())?;
        let limit = sqlite(dir.path(), &chunks, rounds)?;
        let figure = Figure::of("upload", what, "ms", &wall);
        report.add(figure.against(&limit).goal(Statistic::Ratio, 2.0));
    }
    Ok(())
}
