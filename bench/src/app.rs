//! The application under measurement: the host as its own process, and a client of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use stand_ins::Sandbox;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Nothing that is waited for takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn host() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let host = here.parent().context("a folder")?.join("host");
    ensure!(host.exists(), "no host beside {}", here.display());
    Ok(host)
}

/// Builds the host and the components.
pub fn build() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = std::process::Command::new(cargo)
        .args(["build", "--release", "-p", "host"])
        .current_dir(root())
        .status()?;
    ensure!(built.success(), "the host does not build");
    let built = std::process::Command::new(host()?)
        .arg("build")
        .current_dir(root())
        .stdout(Stdio::null())
        .status()?;
    ensure!(built.success(), "the components do not build");
    Ok(())
}

/// The size of a built component, in bytes.
pub fn component_size(name: &str) -> anyhow::Result<u64> {
    let path = root().join(format!("target/wasm32-wasip2/component/{name}.wasm"));
    Ok(std::fs::metadata(path)?.len())
}

/// A running application with its stand-ins.
pub struct App {
    /// The providers.
    pub sandbox: Sandbox,
    process: Child,
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    _state: tempfile::TempDir,
    /// From the start of the process until it served.
    pub started: Duration,
}

/// An answer: status, ETag and body.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// All of it.
    pub body: Bytes,
}

impl App {
    /// Starts stand-ins that take `delay` for every request, and the host.
    pub async fn start(delay: Duration) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(stand_ins::Settings {
            delay,
            ..stand_ins::Settings::default()
        })
        .await?;
        let state = tempfile::tempdir()?;
        // The first start compiles the components; the second is the one to measure.
        let mut warm = spawn(&sandbox, state.path())?;
        serving(&mut warm).await?;
        warm.kill().await?;
        let start = Instant::now();
        let mut process = spawn(&sandbox, state.path())?;
        let address = serving(&mut process).await?;
        let started = start.elapsed();
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Ok(Self {
            sandbox,
            process,
            address,
            client,
            _state: state,
            started,
        })
    }

    fn request(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
    }

    /// Asks and reads the whole answer.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::new(body))?).await?;
        let status = response.status().as_u16();
        let etag = response
            .headers()
            .get("etag")
            .and_then(|etag| etag.to_str().ok())
            .map(str::to_owned);
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, etag, body })
    }

    /// Makes a job and answers its stream's path.
    pub async fn submit(&self, path: &str, kind: &str, body: Bytes) -> anyhow::Result<String> {
        let answer = self
            .ask("POST", path, &[("content-type", kind)], body)
            .await?;
        ensure!(answer.status == 202, "status {}", answer.status);
        let answer: Value = serde_json::from_slice(&answer.body)?;
        Ok(answer["data"]["sseUrl"]
            .as_str()
            .context("sseUrl")?
            .to_owned())
    }

    /// Follows a stream to its end; answers its bytes, and for each event how long after the time
    /// that it names it was read.
    pub async fn follow(&self, path: &str) -> anyhow::Result<(usize, Vec<Duration>)> {
        let request = self.request("GET", path).body(Full::default())?;
        let mut body = self.client.request(request).await?.into_body();
        let mut bytes = 0;
        let mut late = Vec::new();
        let mut text = String::new();
        let end = Instant::now() + PATIENCE;
        while let Some(frame) = tokio::time::timeout_at(end.into(), body.frame()).await? {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
            bytes += data.len();
            text.push_str(std::str::from_utf8(&data)?);
            while let Some(at) = text.find("\n\n") {
                let event: String = text.drain(..at + 2).collect();
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let data: Value = serde_json::from_str(data.unwrap_or("null"))?;
                let time = data["updatedAt"].as_str().or(data["completedAt"].as_str());
                if let Some(written) = time.and_then(millis_of_day) {
                    let day = 86_400_000;
                    let now = u64::try_from(now.as_millis())? % day;
                    late.push(Duration::from_millis((now + day - written) % day));
                }
            }
        }
        Ok((bytes, late))
    }

    /// Processor time that the host has used.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let id = self.process.id().context("the host has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .context("stat")?
            .1
            .split_whitespace()
            .collect();
        // utime and stime, in ticks of 10 ms (proc(5)).
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The most memory that the host has held, in MB.
    pub fn peak_memory(&self) -> anyhow::Result<f64> {
        let id = self.process.id().context("the host has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let kb: f64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("VmHWM")?
            .parse()?;
        Ok(kb / 1024.0)
    }

    /// Requests that the providers have had.
    pub fn provider_requests(&self) -> u64 {
        self.sandbox.open_library().count() + self.sandbox.google_books().count()
    }
}

/// `2026-01-31T09:15:02.125Z` as milliseconds since midnight.
fn millis_of_day(time: &str) -> Option<u64> {
    let clock = time.split_once('T')?.1.strip_suffix('Z')?;
    let mut parts = clock.split([':', '.']).map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    Some(((next()? * 60 + next()?) * 60 + next()?) * 1000 + next()?)
}

fn spawn(sandbox: &Sandbox, state: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(host()?);
    command
        .current_dir(root())
        .args(["up", "--no-build", "--listen", "127.0.0.1:0", "--state-dir"])
        .arg(state)
        .args([
            "--variable",
            "token_secret=bench",
            "--variable",
            "contact=bench@localhost",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for (name, value) in sandbox.variables() {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    Ok(command.spawn()?)
}

async fn serving(process: &mut Child) -> anyhow::Result<String> {
    let mut lines = BufReader::new(process.stdout.take().context("stdout")?).lines();
    while let Some(line) = tokio::time::timeout(PATIENCE, lines.next_line()).await?? {
        if let Some((_, rest)) = line.split_once("on http://") {
            let address = rest.split('/').next().unwrap_or(rest).to_owned();
            // Read on, or the host could not write.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(address);
        }
    }
    bail!("the host does not start")
}
