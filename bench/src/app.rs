//! The application under measurement: the host as its own process, with stand-ins for the
//! providers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use stand_ins::Sandbox;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;

use crate::client::Client;

/// Time-out of everything that is waited for: nothing takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The path of the host beside this program, which the same build makes; builds it if there is
/// none.
async fn host() -> anyhow::Result<PathBuf> {
    let host = std::env::current_exe()?.with_file_name("host");
    if !host.exists() {
        eprintln!("Building the host: cargo build --release --bin host");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--bin", "host"]);
        // Beside this program, wherever that is.
        if let Some(target) = host.parent().and_then(Path::parent) {
            cargo.arg("--target-dir").arg(target);
        }
        let built = cargo.current_dir(root()).status().await?;
        ensure!(built.success(), "cargo build --release --bin host: {built}");
    }
    ensure!(host.exists(), "there is no {}", host.display());
    Ok(host)
}

/// The size of a built component, in bytes.
pub(crate) fn component_size(name: &str) -> anyhow::Result<u64> {
    let path = root().join(format!("target/wasm32-wasip2/component/{name}.wasm"));
    let file = std::fs::metadata(&path).with_context(|| path.display().to_string())?;
    Ok(file.len())
}

/// Time-out of building the components.
const BUILDING: Duration = Duration::from_secs(1_200);

/// The application that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    /// The application of this project.
    Bookstrack,
    /// One component that does nothing: others are held against it.
    Empty,
}

impl Application {
    fn manifest(self) -> &'static str {
        match self {
            Self::Bookstrack => "spin.toml",
            Self::Empty => "bench/empty/spin.toml",
        }
    }

    fn variables(self, sandbox: &Sandbox, setup: &Setup) -> Vec<(String, String)> {
        match self {
            Self::Empty => Vec::new(),
            Self::Bookstrack => {
                // A provider that hangs is waited for longer than a scenario lasts.
                let own = [
                    ("token_secret", "bench"),
                    ("tuning", setup.tuning),
                    ("provider_timeout_s", "60"),
                ];
                let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
                sandbox.variables().into_iter().chain(own).collect()
            }
        }
    }
}

/// The settings of an application to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The application.
    pub application: Application,
    /// Delay of every response of a provider.
    pub delay: Duration,
    /// The variable `tuning`.
    pub tuning: &'static str,
    /// Whether the host counts what requests cost: that costs a little itself.
    pub counted: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            application: Application::Bookstrack,
            delay: Duration::from_millis(20),
            // Each repetition is a first one.
            tuning: "remember_books=0",
            counted: false,
        }
    }
}

/// CompiledApp components, kept for all hosts of one measurement.
pub(crate) struct CompiledApp(tempfile::TempDir);

impl CompiledApp {
    /// Builds the components that are stale, and compiles all once.
    pub(crate) async fn up() -> anyhow::Result<Self> {
        let state = tempfile::tempdir()?;
        let providers = Providers::start(Duration::ZERO).await?;
        eprintln!("Building components that are not up to date");
        for application in [Application::Empty, Application::Bookstrack] {
            let setup = Setup {
                application,
                ..Setup::default()
            };
            let (mut process, _) = start(&providers.sandbox, state.path(), &setup, &[]).await?;
            process.kill().await?;
        }
        Ok(Self(state))
    }

    /// Starts stand-ins, and the host on an empty store.
    pub(crate) async fn start(&self, setup: Setup) -> anyhow::Result<App> {
        let providers = Providers::start(setup.delay).await?;
        let sandbox = &providers.sandbox;
        let state = tempfile::tempdir()?;
        std::os::unix::fs::symlink(
            self.0.path().join("compiled"),
            state.path().join("compiled"),
        )?;
        let began = Instant::now();
        let (process, addresses) = start(sandbox, state.path(), &setup, &["--no-build"]).await?;
        Ok(App {
            providers,
            process,
            client: Client::new(addresses.app),
            admin: addresses.admin.map(Client::new),
            state,
            started: began.elapsed(),
        })
    }
}

/// A running application with its stand-ins.
pub(crate) struct App {
    /// A client of the application.
    pub client: Client,
    /// Time from the start of the process until it served.
    pub started: Duration,
    providers: Providers,
    process: Child,
    admin: Option<Client>,
    state: tempfile::TempDir,
}

/// The stand-ins on threads of their own, so that the client reads while they make up answers.
struct Providers {
    sandbox: Sandbox,
    runtime: Option<Runtime>,
}

impl Providers {
    async fn start(delay: Duration) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let settings = stand_ins::Settings {
            delay,
            ..stand_ins::Settings::default()
        };
        let sandbox = runtime.spawn(Sandbox::start(settings)).await??;
        Ok(Self {
            sandbox,
            runtime: Some(runtime),
        })
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its threads is not for those of another runtime.
            runtime.shutdown_background();
        }
    }
}

impl App {
    /// The providers.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.providers.sandbox
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let id = self.process.id().context("the host has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }

    /// Processor time that the host has used, in steps of 10 ms.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        let fields = stat.rsplit_once(')').context("stat")?.1;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [user, system] = [11, 12].map(|n| fields.get(n).and_then(|n| n.parse::<u64>().ok()));
        let ticks = user.context("utime")? + system.context("stime")?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Memory of the host in MB: `VmRSS`, what it holds, or `VmHWM`, the most it has held.
    pub(crate) fn memory(&self, what: &str) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find(|line| line.starts_with(what));
        let kb: f64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("memory")?
            .parse()?;
        Ok(kb / 1024.0)
    }

    /// Number of requests that the metadata providers have had.
    pub(crate) fn provider_requests(&self) -> u64 {
        self.sandbox().open_library().count() + self.sandbox().google_books().count()
    }

    /// The sum of one count over all components' use of the store.
    pub(crate) async fn store_count(&self, name: &str) -> anyhow::Result<u64> {
        let admin = self.admin.as_ref().context("this host does not count")?;
        let counters = admin.get("/counters").await?.body;
        let counters: Value = serde_json::from_slice(&counters)?;
        let components = counters["components"].as_object().context("components")?;
        Ok(components
            .values()
            .filter_map(|component| component["storage"][name].as_u64())
            .sum())
    }

    /// The bytes of all values in the store under keys like this.
    pub(crate) fn stored(&self, keys: &str) -> anyhow::Result<u64> {
        let file = self.state.path().join("sqlite_key_value.db");
        let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let sum = "SELECT coalesce(sum(length(value)), 0) FROM spin_key_value WHERE key LIKE ?1";
        let bytes: i64 = store.query_row(sum, [keys], |row| row.get(0))?;
        Ok(u64::try_from(bytes)?)
    }

    /// The directory with the application's store.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }
}

struct Addresses {
    app: SocketAddr,
    admin: Option<SocketAddr>,
}

async fn start(
    sandbox: &Sandbox,
    state: &Path,
    setup: &Setup,
    build: &[&str],
) -> anyhow::Result<(Child, Addresses)> {
    let mut command = Command::new(host().await?);
    command
        .current_dir(root())
        .arg("up")
        .args(["--file", setup.application.manifest()])
        .args(build)
        .args(["--listen", "127.0.0.1:0", "--state-dir"])
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if setup.counted {
        command.args(["--admin", "127.0.0.1:0"]);
    }
    for (name, value) in setup.application.variables(sandbox, setup) {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    let mut process = command.spawn()?;
    let mut lines = BufReader::new(process.stdout.take().context("stdout")?).lines();
    let (mut app, mut admin) = (None, None);
    let patience = if build.is_empty() { BUILDING } else { PATIENCE };
    while let Some(line) = tokio::time::timeout(patience, lines.next_line()).await?? {
        let found = match line.split_once(" on http://") {
            Some(("Counters", address)) => Some((&mut admin, address)),
            Some((serving, address)) if serving.starts_with("Serving ") => {
                Some((&mut app, address))
            }
            _ => None,
        };
        if let Some((found, address)) = found {
            let address = address.split('/').next().unwrap_or(address);
            *found = Some(address.parse()?);
        }
        if let Some(app) = app
            && admin.is_some() == setup.counted
        {
            // Read on, or the host could not write.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((process, Addresses { app, admin }));
        }
    }
    bail!("the host does not start")
}
