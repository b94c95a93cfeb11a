//! Scenarios of many clients: ten thousand streams, and clients of jobs that stand still.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::future::try_join_all;
use futures::stream::{StreamExt, TryStreamExt, iter};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use stand_ins::Fault;
use tokio::net::TcpStream;

use super::{importing, sample};
use crate::app::{App, CompiledApp, Setup};
use crate::client::ms;
use crate::figures::{Figure, Report, Statistic};

/// Number of streams in all, and of jobs that they follow.
const STREAMS: usize = 10_000;
const JOBS: usize = 100;
/// Number of streams of each job that are told of every book.
const WITH_BOOKS: usize = 5;
/// Number of streams that one address opens.
const OF_ONE_ADDRESS: usize = 500;
/// Number of streams that are being opened at the same time.
const OPENING: usize = 64;

/// Number of jobs that stand still.
const SILENT: usize = 200;
/// Time from the jobs' last commit until their clients are watched, and for how long.
const SILENCE: Duration = Duration::from_secs(4);
const WATCHED: Duration = Duration::from_secs(6);

/// The address that the client of this number comes from.
fn address(client: usize) -> Ipv4Addr {
    let network = u8::try_from(client / OF_ONE_ADDRESS % 200).unwrap_or_default();
    Ipv4Addr::new(127, 0, 0, network + 2)
}

async fn submit(app: &App, rows: usize, jobs: usize) -> anyhow::Result<Vec<Value>> {
    let work = importing(stand_ins::library(rows));
    iter(0..jobs)
        .map(|_| app.client.submit(&work))
        .buffered(8)
        .try_collect()
        .await
}

/// Measures ten thousand streams on a hundred jobs that run.
pub(super) async fn many(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "crowd";
    let setup = Setup {
        delay: Duration::from_secs(4),
        tuning: "remember_books=0 wave_items=20",
        ..Setup::default()
    };
    let app = compiled.start(setup).await?;
    let accepted = submit(&app, 400, JOBS).await?;
    let urls: Vec<String> = accepted
        .iter()
        .map(|accepted| Ok(accepted["sseUrl"].as_str().context("sseUrl")?.to_owned()))
        .collect::<anyhow::Result<_>>()?;
    let alone = app.memory("VmRSS")?;
    let began = Instant::now();
    let streams: Vec<Incoming> = iter(0..STREAMS)
        .map(|n| {
            let books = if n / JOBS < WITH_BOOKS {
                "?books=1"
            } else {
                ""
            };
            let path = format!("{}{books}", urls[n % JOBS]);
            let app = &app;
            async move { app.client.hold_from(address(n), &path).await }
        })
        .buffered(OPENING)
        .try_collect()
        .await?;
    let opening = ms(began.elapsed()) / 1e3;
    let memory = (app.memory("VmRSS")? - alone) * 1024.0 / sample(STREAMS);
    let (cpu, began) = (app.cpu()?, Instant::now());
    let readers = streams
        .into_iter()
        .map(|stream| async move { tokio::spawn(events(stream)).await? });
    let told = try_join_all(readers).await?;
    let (cpu, time) = (ms(app.cpu()? - cpu), ms(began.elapsed()));
    for (n, ids) in told.iter().enumerate() {
        let books = ids.last().context("an end")?.1;
        let expected = if n / JOBS < WITH_BOOKS { 400 } else { 0 };
        ensure!(books == expected, "stream {n} was told of {books} books");
    }
    let most = app.memory("VmHWM")?;
    let figure = Figure::of(name, "10,000 streams: memory of one", "kB", &[memory]);
    report.add(figure.goal(Statistic::P50, 30.0));
    let figure = Figure::of(
        name,
        "10,000 streams: of a core, all",
        "%",
        &[100.0 * cpu / time],
    );
    report.add(figure.goal(Statistic::P50, 100.0));
    let figure = Figure::of(name, "10,000 streams: time to open them", "s", &[opening]);
    report.add(figure);
    report.add(Figure::of(
        name,
        "10,000 streams: host's peak memory",
        "MB",
        &[most],
    ));
    Ok(())
}

/// Reads a stream to its end; returns the ids of its events, which must go up, and end with that of
/// a completed job.
async fn events(mut stream: Incoming) -> anyhow::Result<Vec<(u64, u64)>> {
    let (mut ids, mut text, mut last) = (Vec::new(), String::new(), String::new());
    while let Some(frame) = stream.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        text.push_str(std::str::from_utf8(&data)?);
        while let Some(at) = text.find("\n\n") {
            let event: String = text.drain(..at + 2).collect();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let Some(id) = field("id: ") else {
                continue;
            };
            let (seq, books) = id.split_once('.').unwrap_or((id, "0"));
            let id = (seq.parse()?, books.parse()?);
            if let Some(before) = ids.last() {
                ensure!(id > *before, "{id:?} after {before:?}");
                ensure!(id.1 <= before.1 + 1, "{id:?} after {before:?}");
            }
            ids.push(id);
            field("event: ").unwrap_or_default().clone_into(&mut last);
        }
    }
    match last.as_str() {
        "completed" => Ok(ids),
        other => bail!("a stream ended after {other:?}"),
    }
}

/// Measures clients of jobs whose provider hangs: 200 streams and 200 sockets, each pair on a job
/// of its own.
pub(super) async fn silent(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "silent";
    let app = compiled.start(Setup::default()).await?;
    app.sandbox().open_library().behave(Fault::Hang.always());
    app.sandbox().google_books().behave(Fault::Hang.always());
    let accepted = submit(&app, 10, SILENT).await?;
    let runs = {
        tokio::time::sleep(SILENCE).await;
        share(&app).await?
    };
    let alone = app.memory("VmRSS")?;
    let (mut streams, mut sockets) = (Vec::new(), Vec::new());
    for accepted in &accepted {
        let text = |name: &str| accepted[name].as_str().context("accepted");
        streams.push(app.client.hold(text("sseUrl")?).await?);
        let (id, token) = (text("jobId")?, text("authToken")?);
        let address = app.client.address();
        let stream = TcpStream::connect(address).await?;
        let url = format!("ws://{address}/ws/progress?jobId={id}&token={token}&schema=2.0.0");
        sockets.push(tokio_tungstenite::client_async(url, stream).await?.0);
    }
    let memory = (app.memory("VmRSS")? - alone) * 1024.0 / sample(SILENT * 2);
    tokio::time::sleep(SILENCE).await;
    let all = share(&app).await?;
    let what = |what: &str| format!("200 streams and sockets: {what}");
    let figure = Figure::of(name, what("memory of one"), "kB", &[memory]);
    report.add(figure.goal(Statistic::P50, 60.0));
    let figure = Figure::of(name, what("of a core, all"), "%", &[all]);
    report.add(figure.goal(Statistic::P50, 2.0));
    let figure = Figure::of(
        name,
        "200 jobs without clients: of a core, all",
        "%",
        &[runs],
    );
    report.add(figure);
    drop((streams, sockets));
    Ok(())
}

/// The share of a core that the host uses, in percent.
async fn share(app: &App) -> anyhow::Result<f64> {
    let cpu = app.cpu()?;
    tokio::time::sleep(WATCHED).await;
    Ok(100.0 * ms(app.cpu()? - cpu) / ms(WATCHED))
}
