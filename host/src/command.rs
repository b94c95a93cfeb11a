//! The command line of the host: builds what is stale, loads the application and serves it, with
//! the edge before it.
//!
//! It is here and not in the binary because a binary compiles again what it uses of the library's
//! asynchronous code.

mod arguments;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use http::Request;
use http_body_util::Empty;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use self::arguments::{Cli, Command, FollowLogs, Paths, Storage, Up};
use crate::admin::Served;
use crate::app::{App, DRAIN, Settings};
use crate::build::When;
use crate::clients::{ClientSettings, StreamLimits};
use crate::edge::Sockets;
use crate::kv::{FaultPlan, KvBackend, Redis, Sqlite};
use crate::limits::Platform;
use crate::manifest::Manifest;
use crate::metrics::Metrics;
use crate::metrics::follow::{Follower, read_to_end};
use crate::traces::Traces;
use crate::variables::Variables;
use crate::{admin, build, edge, server};

impl Storage {
    async fn open(&self, state_dir: &Path) -> anyhow::Result<Arc<dyn KvBackend>> {
        match self {
            Self::Sqlite => {
                let file = state_dir.join("sqlite_key_value.db");
                let store = Sqlite::open(&file).with_context(|| {
                    format!("cannot open the key-value store {}", file.display())
                })?;
                Ok(Arc::new(store))
            }
            // The URL may hold a password.
            Self::Redis(url) => {
                let store = Redis::open(url).await;
                Ok(Arc::new(store.context("cannot open the store of --store")?))
            }
        }
    }
}

impl Paths {
    fn open(&self) -> anyhow::Result<(Manifest, PathBuf)> {
        let manifest = Manifest::load(&self.file)?;
        let state_dir = match &self.state_dir {
            Some(dir) => dir.clone(),
            None => manifest.dir.join(".spin"),
        };
        std::fs::create_dir_all(&state_dir)
            .with_context(|| format!("cannot make {}", state_dir.display()))?;
        Ok((manifest, state_dir))
    }
}

/// Does what the process's arguments say.
///
/// # Errors
/// A manifest, state directory, store, variable or address that cannot be used, a failed build, or
/// a component that cannot be loaded.
pub fn main() -> anyhow::Result<()> {
    crate::allocator::give_back_freed();
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match cli.command {
        Some(Command::Build(paths)) => {
            let (manifest, state_dir) = paths.open()?;
            build::build(&manifest, &state_dir, When::Always)
        }
        Some(Command::Metrics(follow)) => follow_logs(&follow),
        Some(Command::Up(up)) => run(*up),
        None => run(cli.up),
    }
}

fn run(up: Up) -> anyhow::Result<()> {
    let (manifest, state_dir) = up.paths.open()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let sandbox = match up.sandbox {
        false => None,
        true => {
            let settings = stand_ins::Settings {
                delay: up.sandbox_delay,
                ..stand_ins::Settings::default()
            };
            Some(runtime.block_on(stand_ins::Sandbox::start(settings))?)
        }
    };
    // The stand-ins serve more than every application uses. What is given by hand beats them.
    let mut overrides = sandbox.as_ref().map_or_else(Vec::new, |s| s.variables());
    overrides.retain(|(name, _)| manifest.variables.contains_key(name));
    overrides.extend(up.variable.iter().cloned());
    // Before anything slow: what is missing should not be found out after a build.
    let resolve = |overrides: &[_]| {
        Variables::resolve(&manifest.variables, overrides, |name| {
            std::env::var(name).ok()
        })
    };
    let mut variables = resolve(&overrides)?;
    if manifest.variables.contains_key(edge::SECRET_VARIABLE) && edge::secret(&variables).is_none()
    {
        overrides.push((edge::SECRET_VARIABLE.to_owned(), edge::random_secret()?));
        variables = resolve(&overrides)?;
    }
    if !up.no_build {
        let when = if up.build { When::Always } else { When::Stale };
        build::build(&manifest, &state_dir, when)?;
    }
    let served = runtime.block_on(serve(up, manifest, variables, state_dir));
    // Some threads cannot be stopped: one that asks a name server that never answers waits for it.
    runtime.shutdown_timeout(Duration::from_secs(3));
    served
}

/// Serves the metrics of log files for ever, or of the standard input until it ends.
fn follow_logs(follow: &FollowLogs) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::of_logs());
    let read = metrics.clone();
    let reading: Box<dyn FnOnce() -> std::io::Result<()> + Send> = match follow.logs.to_str() {
        Some("-") => Box::new(move || read_to_end(std::io::stdin().lock(), &read)),
        _ => {
            let mut follower = Follower::new(&follow.logs);
            follower
                .read(&metrics)
                .with_context(|| format!("cannot read {}", follow.logs.display()))?;
            Box::new(move || keep_reading(&mut follower, &read))
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(follow.listen)
            .await
            .with_context(|| format!("cannot listen on {}", follow.listen))?;
        println!("Metrics on http://{}/metrics", listener.local_addr()?);
        let names = follow.local_name.iter().cloned().collect();
        let serving = admin::serve(listener, Served::Logs(metrics), names);
        tokio::select! {
            () = serving => Ok(()),
            read = tokio::task::spawn_blocking(reading) => {
                read?.context("cannot read the standard input")
            }
        }
    })
}

/// Reads what is new in log files, once a second, for ever.
fn keep_reading(follower: &mut Follower, metrics: &Metrics) -> ! {
    const PAUSE: Duration = Duration::from_secs(1);
    loop {
        std::thread::sleep(PAUSE);
        if let Err(error) = follower.read(metrics) {
            tracing::warn!("cannot read the logs: {error}");
        }
    }
}

async fn serve(
    up: Up,
    manifest: Manifest,
    variables: Variables,
    state_dir: PathBuf,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(up.listen)
        .await
        .with_context(|| format!("cannot listen on {}; --listen takes another", up.listen))?;
    let admin_listener = match up.admin {
        None => None,
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address} for --admin"))?,
        ),
    };

    let mut limits = up.platform.limits();
    for limit in &up.limit {
        limits.set(*limit);
    }
    let mut fault = FaultPlan::default();
    for one in &up.fault {
        fault.set(*one);
    }
    let store = up.store.open(&state_dir).await?;
    let traces = Traces::export(&manifest.application.name, up.otlp.as_deref(), |name| {
        std::env::var(name).ok()
    })?;
    let usual = StreamLimits::of(up.max_instances);
    let settings = Settings {
        limits,
        fault,
        max_instances: up.max_instances,
        memory: (up.memory as usize) << 20,
        clients: ClientSettings {
            streams: StreamLimits {
                all: up.max_streams.unwrap_or(usual.all),
                upstream: usual.upstream.min(up.max_streams.unwrap_or(usize::MAX)),
                per_address: up.max_streams_per_address,
                per_target: up.max_streams_per_job,
            },
            upload: ::edge::UploadTimes {
                idle: up.idle_timeout,
                grace: up.idle_timeout,
                ..::edge::UploadTimes::default()
            },
            trusted_proxies: up.trusted_proxy.iter().copied().collect(),
            local_names: up.local_name.iter().cloned().collect(),
        },
        is_observed: up.admin.is_some(),
        traces,
    };
    let app = App::load(&manifest, &variables, store, &state_dir, settings).await?;

    let base = format!("http://{}", listener.local_addr()?);
    let mut announcement = format!("Serving {} on {base}\n", manifest.application.name);
    for route in app.router().routes() {
        announcement += &format!("  {}: {base}{}\n", route.component, route.raw);
    }
    if up.platform != Platform::Local {
        announcement += &format!("Limits of {:?} are enforced\n", up.platform);
    }
    if up.sandbox {
        announcement +=
            "SANDBOX: books and answers come from local stand-ins, nothing of it is real data\n";
    }
    let sockets = match edge::secret(&variables) {
        Some(secret) => Some(Sockets::new(app.clone(), secret, DRAIN)?),
        None => None,
    };
    if let Some(listener) = admin_listener {
        announcement += &format!("Counters on http://{}/counters\n", listener.local_addr()?);
        tokio::spawn(admin::serve(
            listener,
            Served::Application(app.clone(), sockets.clone()),
            up.local_name.iter().cloned().collect(),
        ));
    }
    app.set_local_addr(listener.local_addr()?);
    if edge::secret(&variables).is_some() {
        first_request(&app, &base).await;
    }
    // Before the announcement: its reader may send a signal at once.
    let signal = end_signal()?;
    std::io::stdout().write_all(announcement.as_bytes())?;
    server::serve(listener, app.clone(), sockets, signal, DRAIN).await?;
    if let Some(traces) = app.traces() {
        traces.flush().await;
    }
    Ok(())
}

/// Sends the application its first request, so that no client waits for what it does only once,
/// like making its secret in a new store. Whatever the response is, the application is served; nor
/// is it waited for any longer than this. Only an application with a relay is known to answer this
/// at all.
async fn first_request(app: &Arc<App>, base: &str) {
    const LONGEST: Duration = Duration::from_secs(2);
    let request = Request::get(format!("{base}/health"))
        .body(Empty::<Bytes>::new())
        .map(|request| app.handle(request, app.local_addr()));
    if let Ok(response) = request {
        let _ = tokio::time::timeout(LONGEST, response).await;
    }
}

/// Listens for Ctrl-C and SIGTERM from now on. A second one ends the process at once.
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut received = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(async move {
        received().await;
        eprintln!("Ending; once more ends at once");
        tokio::spawn(async move {
            received().await;
            std::process::exit(130);
        });
    })
}
