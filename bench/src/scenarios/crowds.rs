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
use crate::app::{App, CompiledApp, Front, Setup};
use crate::client::{Client, ms};
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

/// Time from the last stream's opening until the application is killed.
const BEFORE_THE_KILL: Duration = Duration::from_secs(3);

/// Pause after which a client whose stream was cut comes back.
const COMING_BACK: Duration = Duration::from_secs(1);

/// Number of jobs that stand still.
const SILENT: usize = 200;
/// Time from the opening of clients, of jobs that stand still, until they are watched, and for how
/// long.
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

/// Number of books of each job that runs.
const BOOKS: usize = 160;

/// The application with jobs that run for so long that all streams can be opened.
fn running() -> Setup {
    Setup {
        delay: Duration::from_secs(4),
        tuning: "remember_books=0 wave_items=20",
        ..Setup::default()
    }
}

/// The paths of the streams of jobs, one for each client.
fn paths(jobs: &[Value]) -> anyhow::Result<Vec<String>> {
    let path = |n: usize| {
        let url = jobs[n % JOBS]["sseUrl"].as_str().context("sseUrl")?;
        let books = if has_books(n) { "?books=1" } else { "" };
        Ok(format!("{url}{books}"))
    };
    (0..STREAMS).map(path).collect()
}

/// Whether the client of this number is told of every book.
fn has_books(client: usize) -> bool {
    client / JOBS < WITH_BOOKS
}

/// Opens a stream for each of these paths.
async fn open(client: &Client, paths: &[String]) -> anyhow::Result<Vec<Incoming>> {
    iter(paths.iter().enumerate())
        .map(|(n, path)| client.hold_from(address(n), path, None))
        .buffered(OPENING)
        .try_collect()
        .await
}

/// Reads streams to their ends; an error when an event was lost, doubled or out of order.
async fn read(
    client: &Client,
    paths: &[String],
    streams: Vec<Incoming>,
) -> anyhow::Result<Vec<Told>> {
    let readers = streams.into_iter().zip(paths).enumerate();
    let readers = readers.map(|(n, (stream, path))| {
        let (client, path) = (client.clone(), path.clone());
        async move { tokio::spawn(follow(client, n, path, stream)).await? }
    });
    let told = try_join_all(readers).await?;
    for (n, told) in told.iter().enumerate() {
        let expected = if has_books(n) { BOOKS as u64 } else { 0 };
        let books = told.events.last().context("an end")?.books;
        ensure!(books == expected, "stream {n} was told of {books} books");
    }
    Ok(told)
}

/// Measures ten thousand streams on a hundred jobs that run.
pub(super) async fn many(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "crowd";
    let app = compiled.start(running()).await?;
    let paths = paths(&submit(&app, BOOKS, JOBS).await?)?;
    let began = Instant::now();
    let streams = open(&app.client, &paths).await?;
    let opening = began.elapsed();
    let held = memory_of(&app)?;
    let (cpu, began) = (app.cpu()?, Instant::now());
    read(&app.client, &paths, streams).await?;
    let (cpu, time) = (ms(app.cpu()? - cpu), ms(began.elapsed()));
    let most = app.memory("VmHWM")?;
    drop(app);
    // What the same jobs take that have run for as long without a stream.
    let app = compiled.start(running()).await?;
    submit(&app, BOOKS, JOBS).await?;
    tokio::time::sleep(opening).await;
    let jobs = memory_of(&app)?;
    let [memory, resident] = [0, 1].map(|n| (held[n] - jobs[n]) * 1024.0 / sample(STREAMS));
    let opening = ms(opening) / 1e3;
    let figure = Figure::of(name, "10,000 streams: memory of one", "kB", &[memory]);
    report.add(figure.goal(Statistic::P50, 30.0));
    let what = "10,000 streams: resident of one";
    report.add(Figure::of(name, what, "kB", &[resident]));
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

/// Measures what ten thousand streams see of an application that is killed, and started again,
/// behind an edge of its own.
pub(super) async fn restarted(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "restart";
    let mut app = compiled.start(running()).await?;
    let front = Front::of(&app).await?;
    let paths = paths(&submit(&app, BOOKS, JOBS).await?)?;
    let alone = front.memory("VmRSS")?;
    let began = Instant::now();
    let streams = open(&front.client, &paths).await?;
    let opening = ms(began.elapsed()) / 1e3;
    let memory = (front.memory("VmRSS")? - alone) * 1024.0 / sample(STREAMS);
    let (cpu, began) = (front.cpu()?, Instant::now());
    let client = front.client.clone();
    let reading = tokio::spawn(async move { read(&client, &paths, streams).await });
    tokio::time::sleep(BEFORE_THE_KILL).await;
    let killed = Instant::now();
    app.kill_and_start_again().await?;
    let away = ms(killed.elapsed()) / 1e3;
    let told = reading.await??;
    let (cpu, time) = (ms(front.cpu()? - cpu), ms(began.elapsed()));
    let mut pauses = Vec::with_capacity(told.len());
    for (n, told) in told.iter().enumerate() {
        let next = told.events.iter().find(|event| event.at > killed);
        ensure!(
            told.events.first().is_some_and(|event| event.at < killed),
            "stream {n} had heard of nothing before the kill"
        );
        let pause = next.context("an event after the kill")?.at - killed;
        pauses.push(ms(pause) / 1e3);
    }
    let returns: u32 = told.iter().map(|told| told.returns).sum();
    let figure = Figure::of(
        name,
        "10,000 streams: cut, and opened again",
        "",
        &[f64::from(returns)],
    );
    report.add(figure.goal(Statistic::Max, 0.0));
    for (what, samples) in [
        ("10,000 streams: time to open them", [opening].as_slice()),
        ("kill to the host's serving again", &[away]),
        ("10,000 streams: kill to the next event", &pauses),
    ] {
        report.add(Figure::of(name, what, "s", samples));
    }
    for (what, unit, value) in [
        ("edge's memory of one stream", "kB", memory),
        ("edge, of a core, all", "%", 100.0 * cpu / time),
    ] {
        let what = format!("10,000 streams: {what}");
        report.add(Figure::of(name, what, unit, &[value]));
    }
    Ok(())
}

/// An event that a client was told of.
struct Event {
    at: Instant,
    seq: u64,
    books: u64,
}

/// The events that a client has got.
#[derive(Default)]
struct Told {
    events: Vec<Event>,
    /// Number of times that its stream ended before the job did, and was opened again.
    returns: u32,
}

/// Reads a stream to the end of its job, which must complete; comes back, as a browser does, when
/// the stream ends before. The ids of all events must go up, and skip no book.
async fn follow(
    client: Client,
    number: usize,
    path: String,
    mut stream: Incoming,
) -> anyhow::Result<Told> {
    let (mut told, mut id) = (Told::default(), String::new());
    loop {
        let last = events(stream, &mut told.events).await?;
        match last.name.as_str() {
            "completed" => return Ok(told),
            "failed" | "canceled" => bail!("a job has {}", last.name),
            _ => told.returns += 1,
        }
        if !last.id.is_empty() {
            id = last.id;
        }
        tokio::time::sleep(COMING_BACK).await;
        stream = client.hold_from(address(number), &path, Some(&id)).await?;
    }
}

/// The last event of an answer.
#[derive(Default)]
struct Last {
    name: String,
    id: String,
}

async fn events(mut stream: Incoming, events: &mut Vec<Event>) -> anyhow::Result<Last> {
    let (mut text, mut last) = (String::new(), Last::default());
    while let Some(Ok(frame)) = stream.frame().await {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let at = Instant::now();
        text.push_str(std::str::from_utf8(&data)?);
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let Some(id) = field("id: ") else {
                continue;
            };
            let (seq, books) = id.split_once('.').unwrap_or((id, "0"));
            let (seq, books) = (seq.parse()?, books.parse()?);
            let before = events.last().map(|before| (before.seq, before.books));
            let before = before.unwrap_or_default();
            ensure!((seq, books) > before, "{id} after {before:?}");
            ensure!(books <= before.1 + 1, "{id} after {before:?}");
            events.push(Event { at, seq, books });
            field("event: ")
                .unwrap_or_default()
                .clone_into(&mut last.name);
            id.clone_into(&mut last.id);
        }
    }
    Ok(last)
}

/// Measures clients of jobs whose provider hangs: 200 streams and 200 sockets, each pair on a job
/// of its own.
pub(super) async fn silent(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "silent";
    let (app, _) = hanging(compiled).await?;
    tokio::time::sleep(SILENCE).await;
    let runs = share(&app).await?;
    let alone = memory_of(&app)?;
    drop(app);
    let (app, accepted) = hanging(compiled).await?;
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
    tokio::time::sleep(SILENCE).await;
    let all = share(&app).await?;
    let held = memory_of(&app)?;
    let of_one = |n: usize| (held[n] - alone[n]) * 1024.0 / sample(SILENT * 2);
    let what = |what: &str| format!("200 streams and sockets: {what}");
    let figure = Figure::of(name, what("memory of one"), "kB", &[of_one(0)]);
    report.add(figure.goal(Statistic::P50, 60.0));
    let resident = what("resident of one");
    report.add(Figure::of(name, resident, "kB", &[of_one(1)]));
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

/// The application with jobs whose provider hangs, and what was said of them.
async fn hanging(compiled: &CompiledApp) -> anyhow::Result<(App, Vec<Value>)> {
    let app = compiled.start(Setup::default()).await?;
    app.sandbox().open_library().behave(Fault::Hang.always());
    app.sandbox().google_books().behave(Fault::Hang.always());
    let accepted = submit(&app, 10, SILENT).await?;
    Ok((app, accepted))
}

/// The host's memory in MB: a page that its instances share counted once, and for each of them.
fn memory_of(app: &App) -> anyhow::Result<[f64; 2]> {
    Ok([app.memory("Pss")?, app.memory("VmRSS")?])
}

/// The share of a core that the host uses, in percent.
async fn share(app: &App) -> anyhow::Result<f64> {
    let cpu = app.cpu()?;
    tokio::time::sleep(WATCHED).await;
    Ok(100.0 * ms(app.cpu()? - cpu) / ms(WATCHED))
}
