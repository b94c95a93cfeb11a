//! The application under measurement: the host as its own process, with stand-ins for the
//! providers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use stand_ins::{NamedBook, Sandbox};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;

use crate::client::Client;

/// Time-out of everything that is waited for: nothing takes this long unless it is broken.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The path of a program of this project beside this one, which the same build makes; builds it if
/// there is none.
async fn program(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.exists() {
        eprintln!("Building {name}: cargo build --release --bin {name}");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--bin", name]);
        // Beside this program, wherever that is.
        if let Some(target) = program.parent().and_then(Path::parent) {
            cargo.arg("--target-dir").arg(target);
        }
        let built = cargo.current_dir(root()).status().await?;
        ensure!(
            built.success(),
            "cargo build --release --bin {name}: {built}"
        );
    }
    ensure!(program.exists(), "there is no {}", program.display());
    Ok(program)
}

/// The size of a built component, in bytes.
pub(crate) fn component_size(name: &str) -> anyhow::Result<u64> {
    let path = root().join(format!("target/wasm32-wasip2/component/{name}.wasm"));
    let file = std::fs::metadata(&path).with_context(|| path.display().to_string())?;
    Ok(file.len())
}

/// Time-out of building the components.
const BUILDING: Duration = Duration::from_secs(1_200);

/// Secret that the application and its edge share.
const EDGE_SECRET: &str = "bench";

/// The application that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    /// The application of this project.
    Bookstrack,
    /// One component that does nothing, to compare with.
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
                    ("profile", setup.profile),
                    ("token_secret", "bench"),
                    ("edge_secret", EDGE_SECRET),
                    ("tuning", setup.tuning),
                    ("provider_timeout_s", "60"),
                ];
                let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let no_key: &[_] = match setup.reads_spines {
                    true => &[("gemini_api_key", ""), ("openai_model", "")],
                    false => &[],
                };
                let no_key = no_key
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
                let theirs = sandbox.variables().into_iter();
                theirs.chain(own).chain(no_key).collect()
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
    /// The variable `profile`.
    pub profile: &'static str,
    /// More arguments of the host.
    pub arguments: &'static [&'static str],
    /// Whether there is no vision provider, so that spines are read.
    pub reads_spines: bool,
    /// Books that Open Library lists beside those of the samples, the most popular first.
    pub more_books: Vec<NamedBook>,
    /// Books that Open Library does not list.
    pub unlisted_books: Vec<NamedBook>,
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
            profile: "local",
            arguments: &[],
            reads_spines: false,
            more_books: Vec::new(),
            unlisted_books: Vec::new(),
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
        let providers = Providers::start(stand_ins::Settings::default()).await?;
        eprintln!("Building components that are not up to date");
        for application in [Application::Empty, Application::Bookstrack] {
            let setup = Setup {
                application,
                ..Setup::default()
            };
            let (mut process, _) =
                start(&providers.sandbox, state.path(), &setup, ANYWHERE, &[]).await?;
            process.kill().await?;
        }
        Ok(Self(state))
    }

    /// Starts stand-ins, and the host on an empty store.
    pub(crate) async fn start(&self, setup: Setup) -> anyhow::Result<App> {
        let providers = Providers::start(stand_ins::Settings {
            delay: setup.delay,
            more_books: setup.more_books.clone(),
            unlisted_books: setup.unlisted_books.clone(),
            ..stand_ins::Settings::default()
        })
        .await?;
        let sandbox = &providers.sandbox;
        let state = tempfile::tempdir()?;
        std::os::unix::fs::symlink(
            self.0.path().join("compiled"),
            state.path().join("compiled"),
        )?;
        let began = Instant::now();
        let (process, addresses) =
            start(sandbox, state.path(), &setup, ANYWHERE, &["--no-build"]).await?;
        Ok(App {
            setup,
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
    setup: Setup,
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
    async fn start(settings: stand_ins::Settings) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
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

    /// Kills the host, as `kill -9` does, and starts it again at the same address, on what its
    /// store holds.
    pub(crate) async fn kill_and_start_again(&mut self) -> anyhow::Result<()> {
        self.process.kill().await?;
        let address = self.client.address();
        let sandbox = &self.providers.sandbox;
        (self.process, _) = start(
            sandbox,
            self.state.path(),
            &self.setup,
            address,
            &["--no-build"],
        )
        .await?;
        Ok(())
    }

    /// Processor time that the host has used, in steps of 10 ms.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu(&self.process)
    }

    /// Memory of the host in MB: `VmRSS`, what it holds; `Pss`, the same with each page counted
    /// once, however many instances share it; or `VmHWM`, the most it has held.
    pub(crate) fn memory(&self, what: &str) -> anyhow::Result<f64> {
        memory(&self.process, what)
    }

    /// Number of requests that the metadata providers have had.
    pub(crate) fn provider_requests(&self) -> u64 {
        self.sandbox().open_library().count() + self.sandbox().google_books().count()
    }

    /// Everything that the host counts.
    pub(crate) async fn counters(&self) -> anyhow::Result<Value> {
        let admin = self.admin.as_ref().context("this host does not count")?;
        Ok(serde_json::from_slice(&admin.get("/counters").await?.body)?)
    }

    /// Number of lines in the components' logs that contain this text.
    pub(crate) fn logged(&self, text: &str) -> anyhow::Result<usize> {
        let mut count = 0;
        for log in std::fs::read_dir(self.state().join("logs"))? {
            let log = std::fs::read_to_string(log?.path())?;
            count += log.lines().filter(|line| line.contains(text)).count();
        }
        Ok(count)
    }

    /// The sum of one count over all components' use of the store.
    pub(crate) async fn store_count(&self, name: &str) -> anyhow::Result<u64> {
        let counters = self.counters().await?;
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

fn proc(process: &Child, file: &str) -> anyhow::Result<String> {
    let id = process.id().context("the process has ended")?;
    Ok(std::fs::read_to_string(format!("/proc/{id}/{file}"))?)
}

/// Processor time that a process has used, in steps of 10 ms.
fn cpu(process: &Child) -> anyhow::Result<Duration> {
    let stat = proc(process, "stat")?;
    let fields = stat.rsplit_once(')').context("stat")?.1;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let [user, system] = [11, 12].map(|n| fields.get(n).and_then(|n| n.parse::<u64>().ok()));
    let ticks = user.context("utime")? + system.context("stime")?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Memory of a process in MB.
fn memory(process: &Child, what: &str) -> anyhow::Result<f64> {
    let file = match what {
        "Pss" => "smaps_rollup",
        _ => "status",
    };
    let status = proc(process, file)?;
    let is_it = |line: &&str| {
        line.strip_prefix(what)
            .is_some_and(|rest| rest.starts_with(':'))
    };
    let line = status.lines().find(is_it);
    let kb: f64 = line
        .and_then(|line| line.split_whitespace().nth(1))
        .context("memory")?
        .parse()?;
    Ok(kb / 1024.0)
}

/// An edge of its own in front of an application, for clients that are to outlive it.
pub(crate) struct Front {
    /// A client of the application through the edge.
    pub client: Client,
    process: Child,
}

impl Front {
    /// Starts an edge in front of `app`.
    pub(crate) async fn of(app: &App) -> anyhow::Result<Self> {
        let mut command = Command::new(program("bookstrack-edge").await?);
        command
            .args(["--upstream", &format!("http://{}", app.client.address())])
            .args(["--listen", "127.0.0.1:0", "--secret", EDGE_SECRET])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .env("NO_COLOR", "1")
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        let mut lines = BufReader::new(process.stderr.take().context("stderr")?).lines();
        while let Some(line) = tokio::time::timeout(TIME_LIMIT, lines.next_line()).await?? {
            let listen = line.split_once("listen=").map(|(_, rest)| rest);
            let Some(address) = listen.and_then(|rest| rest.split(' ').next()) else {
                continue;
            };
            let client = Client::new(address.parse()?);
            // Read on, or the edge could not write.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(Self { client, process });
        }
        bail!("the edge does not start")
    }

    /// Memory of the edge in MB, as [`App::memory`] tells that of the host.
    pub(crate) fn memory(&self, what: &str) -> anyhow::Result<f64> {
        memory(&self.process, what)
    }

    /// Processor time that the edge has used, in steps of 10 ms.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu(&self.process)
    }
}

/// Any free port of this machine.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

struct Addresses {
    app: SocketAddr,
    admin: Option<SocketAddr>,
}

async fn start(
    sandbox: &Sandbox,
    state: &Path,
    setup: &Setup,
    listen: SocketAddr,
    build: &[&str],
) -> anyhow::Result<(Child, Addresses)> {
    let mut command = Command::new(program("host").await?);
    command
        .current_dir(root())
        .arg("up")
        .args(["--file", setup.application.manifest()])
        .args(build)
        .args(setup.arguments)
        .args(["--listen", &listen.to_string(), "--state-dir"])
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
    let patience = if build.is_empty() {
        BUILDING
    } else {
        TIME_LIMIT
    };
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
