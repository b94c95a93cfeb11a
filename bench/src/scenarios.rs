//! What is measured.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use serde_json::json;

use crate::app::{App, component_size};
use crate::figures::Report;

/// What the command line takes.
pub const NAMES: [&str; 11] = [
    "all",
    "enrich-100",
    "enrich-10x100",
    "import-real",
    "import-1500",
    "import-10k",
    "latency-sse",
    "poll",
    "upload",
    "cold",
    "sizes",
];

/// The providers' answer time.
const DELAY: Duration = Duration::from_millis(20);
/// How many requests a run has in flight at a time.
const CONCURRENCY: f64 = 8.0;

const LIBRARY: &[u8] = include_bytes!("../../tests/data/goodreads_library_export.csv");

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Runs one scenario or all.
pub async fn run(name: &str, rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let wanted = |scenario: &str| name == "all" || name == scenario;
    if wanted("sizes") {
        for component in ["scan", "enrichment", "status", "relay"] {
            #[expect(clippy::cast_precision_loss, reason = "megabytes")]
            let size = component_size(component)? as f64 / 1e6;
            report.add("sizes", component, "MB", &[size]);
        }
    }
    if wanted("cold") {
        cold(rounds, report).await?;
    }
    if wanted("enrich-100") {
        enrich(rounds, report).await?;
    }
    if wanted("enrich-10x100") {
        enrich_ten(rounds, report).await?;
    }
    if wanted("import-real") {
        import("import-real", LIBRARY.to_vec(), rounds, report).await?;
    }
    if wanted("import-1500") {
        import("import-1500", stand_ins::library(1_500), rounds, report).await?;
    }
    if wanted("import-10k") {
        import(
            "import-10k",
            stand_ins::library(10_000),
            rounds.min(3),
            report,
        )
        .await?;
    }
    if wanted("latency-sse") {
        latency(report).await?;
    }
    if wanted("poll") {
        poll(report).await?;
    }
    if wanted("upload") {
        upload(rounds, report).await?;
    }
    Ok(())
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

async fn enrich_once(app: &App, isbns: &[String]) -> anyhow::Result<usize> {
    let body = serde_json::to_vec(&json!({ "barcodes": isbns }))?;
    let stream = app
        .submit("/api/batch-enrich", "application/json", body.into())
        .await?;
    Ok(app.follow(&stream).await?.0)
}

async fn enrich(rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let app = App::start(DELAY).await?;
    let isbns = isbns(100)?;
    enrich_once(&app, &isbns).await?;
    let (mut wall, mut bytes, mut requests, mut direct) = (vec![], vec![], vec![], vec![]);
    let cpu = app.cpu()?;
    for _ in 0..rounds * 4 {
        let before = app.provider_requests();
        let start = Instant::now();
        bytes.push(enrich_once(&app, &isbns).await? as f64);
        wall.push(ms(start.elapsed()));
        requests.push((app.provider_requests() - before) as f64);
    }
    let cpu = ms(app.cpu()? - cpu) / f64::from(rounds * 4);
    for _ in 0..rounds {
        let start = Instant::now();
        direct_request(&app, &isbns).await?;
        direct.push(ms(start.elapsed()));
    }
    report.add_against("enrich-100", "POST to completed", "ms", &wall, &direct);
    report.add("enrich-100", "host's processor time per job", "ms", &[cpu]);
    report.add("enrich-100", "bytes to the client", "B", &bytes);
    report.add("enrich-100", "outbound requests", "", &requests);
    Ok(())
}

/// The same books in one request to the provider itself.
async fn direct_request(app: &App, isbns: &[String]) -> anyhow::Result<()> {
    let query = format!("isbn:({})", isbns.join("+OR+"));
    let url = format!(
        "{}/search.json?q={query}&limit=200&fields=key,title,author_name,isbn",
        app.sandbox.open_library().base_url()
    );
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    let request = hyper::Request::get(url)
        .header("user-agent", "bench (bench@localhost)")
        .body(http_body_util::Empty::<Bytes>::new())?;
    let response = client.request(request).await?;
    ensure!(
        response.status() == 200,
        "the provider: {}",
        response.status()
    );
    http_body_util::BodyExt::collect(response.into_body()).await?;
    Ok(())
}

async fn enrich_ten(rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let app = App::start(DELAY).await?;
    let isbns = isbns(1_000)?;
    enrich_once(&app, &isbns[..100]).await?;
    let (mut wall, mut one) = (vec![], vec![]);
    let cpu = app.cpu()?;
    for _ in 0..rounds {
        let start = Instant::now();
        let mut jobs = Vec::new();
        for chunk in isbns.chunks(100) {
            jobs.push(enrich_once(&app, chunk));
        }
        futures_all(jobs).await?;
        wall.push(ms(start.elapsed()));
    }
    let cpu = ms(app.cpu()? - cpu) / f64::from(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        enrich_once(&app, &isbns[..100]).await?;
        one.push(ms(start.elapsed()));
    }
    report.add_against(
        "enrich-10x100",
        "until the last is completed",
        "ms",
        &wall,
        &one,
    );
    report.add(
        "enrich-10x100",
        "host's processor time, all ten",
        "ms",
        &[cpu],
    );
    report.add(
        "enrich-10x100",
        "host's peak memory",
        "MB",
        &[app.peak_memory()?],
    );
    Ok(())
}

/// Runs all at once on this task.
async fn futures_all<T>(
    jobs: Vec<impl Future<Output = anyhow::Result<T>>>,
) -> anyhow::Result<Vec<T>> {
    let mut jobs: Vec<_> = jobs.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = jobs.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (job, slot) in jobs.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match job.as_mut().poll(context) {
                    std::task::Poll::Ready(Ok(value)) => *slot = Some(value),
                    std::task::Poll::Ready(Err(error)) => {
                        return std::task::Poll::Ready(Err(error));
                    }
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(Ok(()))
        }
    })
    .await?;
    Ok(done.into_iter().flatten().collect())
}

async fn import(name: &str, csv: Vec<u8>, rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let app = App::start(DELAY).await?;
    let csv = Bytes::from(csv);
    let (mut wall, mut bytes, mut requests) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        let before = app.provider_requests();
        let start = Instant::now();
        let stream = app
            .submit("/api/v2/imports", "text/csv", csv.clone())
            .await?;
        bytes.push(app.follow(&stream).await?.0 as f64);
        wall.push(ms(start.elapsed()));
        requests.push((app.provider_requests() - before) as f64);
    }
    let waits: Vec<f64> = requests
        .iter()
        .map(|requests| requests * ms(DELAY) / CONCURRENCY)
        .collect();
    report.add_against(name, "POST to completed", "ms", &wall, &waits);
    report.add(name, "outbound requests", "", &requests);
    report.add(name, "stream, bytes", "B", &bytes);
    Ok(())
}

async fn latency(report: &mut Report) -> anyhow::Result<()> {
    let app = App::start(DELAY).await?;
    let csv = Bytes::from(stand_ins::library(6_000));
    let mut late = Vec::new();
    for _ in 0..4 {
        let stream = app
            .submit("/api/v2/imports", "text/csv", csv.clone())
            .await?;
        // The first event tells what happened before the stream was opened.
        let (_, more) = app.follow(&stream).await?;
        late.extend(more.into_iter().skip(1).map(ms));
    }
    report.add("latency-sse", "commit to client, one stream", "ms", &late);
    Ok(())
}

async fn poll(report: &mut Report) -> anyhow::Result<()> {
    const REQUESTS: usize = 3_000;
    const CONNECTIONS: usize = 32;
    let app = App::start(DELAY).await?;
    let stream = app
        .submit("/api/v2/imports", "text/csv", LIBRARY.into())
        .await?;
    app.follow(&stream).await?;
    let status = stream.trim_end_matches("/stream").to_owned();
    let etag = app
        .ask("GET", &status, &[], Bytes::new())
        .await?
        .etag
        .unwrap_or_default();
    for (what, headers, expected) in [
        ("without If-None-Match", vec![], 200),
        (
            "with If-None-Match",
            vec![("if-none-match", etag.as_str())],
            304,
        ),
    ] {
        let cpu = app.cpu()?;
        let start = Instant::now();
        let workers = (0..CONNECTIONS).map(|_| async {
            let mut times = Vec::new();
            for _ in 0..REQUESTS / CONNECTIONS {
                let start = Instant::now();
                let answer = app.ask("GET", &status, &headers, Bytes::new()).await?;
                ensure!(answer.status == expected, "status {}", answer.status);
                times.push(ms(start.elapsed()));
            }
            Ok(times)
        });
        let times: Vec<f64> = futures_all(workers.collect()).await?.concat();
        let rate = times.len() as f64 / start.elapsed().as_secs_f64();
        let cpu = ms(app.cpu()? - cpu) / times.len() as f64;
        report.add("poll", &format!("{what}: time"), "ms", &times);
        report.add("poll", &format!("{what}: rate"), "1/s", &[rate]);
        report.add("poll", &format!("{what}: host's processor"), "ms", &[cpu]);
    }
    Ok(())
}

async fn upload(rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let app = App::start(DELAY).await?;
    let mut csv = b"Title,Author,Notes\n".to_vec();
    while csv.len() < 8_000_000 {
        csv.extend_from_slice(b"Babel,R. F. Kuang,");
        csv.resize(csv.len() + 4_000, b'x');
        csv.push(b'\n');
    }
    let csv = Bytes::from(csv);
    let (mut wall, mut limit) = (vec![], vec![]);
    let dir = tempfile::tempdir()?;
    let database = rusqlite::Connection::open(dir.path().join("limit.db"))?;
    database.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB NOT NULL)", ())?;
    for round in 0..rounds {
        let start = Instant::now();
        app.submit("/api/v2/imports", "text/csv", csv.clone())
            .await?;
        wall.push(ms(start.elapsed()));
        let start = Instant::now();
        for (n, chunk) in csv.chunks(900_000).enumerate() {
            database.execute(
                "INSERT INTO t VALUES (?1, ?2)",
                (format!("{round}.{n}"), chunk),
            )?;
        }
        limit.push(ms(start.elapsed()));
    }
    report.add_against("upload", "8 MB CSV, POST to 202", "ms", &wall, &limit);
    Ok(())
}

async fn cold(rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let (mut started, mut first) = (vec![], vec![]);
    for _ in 0..rounds {
        let app = App::start(DELAY).await?;
        started.push(ms(app.started));
        for path in ["/health", "/api/v2/capabilities", "/api/batch-enrich"] {
            let start = Instant::now();
            app.ask("GET", path, &[], Bytes::new()).await?;
            first.push(ms(start.elapsed()));
        }
    }
    report.add("cold", "start, compiled before", "ms", &started);
    report.add("cold", "first request to a component", "ms", &first);
    Ok(())
}
