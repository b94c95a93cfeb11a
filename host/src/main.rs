//! The command line of the host: builds what is stale, loads the application and serves it, with
//! the edge before it. What it consists of is the library of the same name.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Parser, Subcommand};
use host::admin::Served;
use host::app::{App, DRAIN, Settings};
use host::build::When;
use host::clients::{ClientSettings, StreamLimits};
use host::edge::Sockets;
use host::kv::{Fault, FaultPlan, KvBackend, Redis, Sqlite};
use host::limits::{Limit, Platform};
use host::manifest::Manifest;
use host::metrics::Metrics;
use host::metrics::follow::Follower;
use host::traces::Traces;
use host::variables::Variables;
use host::{admin, build, edge, server};
use http::Request;
use http_body_util::Empty;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Runs the Spin application in this directory.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: Up,
}

#[derive(Subcommand)]
enum Command {
    /// Build what is stale and serve the application (what happens without a command, too)
    Up(Box<Up>),
    /// Run the build commands of spin.toml
    Build(Place),
    /// Serve, at /metrics, what the logs of an application that runs under Spin tell
    Metrics(FollowLogs),
}

#[derive(Args)]
struct Place {
    /// The manifest
    #[arg(long, short, default_value = "spin.toml")]
    file: PathBuf,
    /// The directory for data, logs and compiled code; `.spin` beside the manifest if not given
    #[arg(long)]
    state_dir: Option<PathBuf>,
}

#[derive(Args)]
struct FollowLogs {
    /// The directory in which Spin keeps the components' logs
    #[arg(long, value_name = "DIRECTORY", default_value = ".spin/logs")]
    logs: PathBuf,
    /// Address at which to serve /metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9091")]
    listen: SocketAddr,
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    place: Place,
    /// The address to serve on; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The store for data: `sqlite`, a file in the state directory, or the URL of a Redis database,
    /// which several hosts and Spins may share: redis://[[user]:password@]host[:port][/database],
    /// rediss:// with TLS. In the environment nobody else sees the password
    #[arg(
        long,
        value_name = "sqlite|URL",
        default_value = "sqlite",
        env = "HOST_STORE",
        hide_env_values = true
    )]
    store: Storage,
    /// The platform whose limits to enforce
    #[arg(long, value_enum, default_value = "local")]
    platform: Platform,
    /// Replace one of the platform's limits (repeatable), e.g. handler=5s, keys=100, value=none
    #[arg(long, value_name = "NAME=VALUE")]
    limit: Vec<Limit>,
    /// Make storage, network or clock misbehave (repeatable), e.g. store-delay=5ms, store-fail=0.1,
    /// store-read-only, store-full, outbound-delay=1s, outbound-fail=0.5, clock-ahead=1h,
    /// clock-behind=1h
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Give a variable a value (repeatable); it beats SPIN_VARIABLE_<NAME>
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    variable: Vec<(String, String)>,
    /// Start local stand-ins for the metadata and vision providers and use those: no network, no
    /// keys, invented data
    #[arg(long)]
    sandbox: bool,
    /// Least time that every answer of a stand-in takes
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = humantime::parse_duration)]
    sandbox_delay: Duration,
    /// Run all build commands first, stale or not
    #[arg(long)]
    build: bool,
    /// Do not build, whatever is stale
    #[arg(long, conflicts_with = "build")]
    no_build: bool,
    /// Serve what the application does and costs on this address, at /metrics (Prometheus) and
    /// /counters, and take faults at /faults
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Export traces of requests, runs and look-ups to the OpenTelemetry collector below this URL,
    /// at /v1/traces. The other variables of OpenTelemetry for OTLP over HTTP count, too
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp: Option<String>,
    /// Number of instances there may be at a time
    #[arg(long, env = "SPIN_MAX_INSTANCE_COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_instances: u32,
    /// Number of event streams that may be open at a time; beyond that clients get the state and
    /// poll. 20,000 if not given. Those that see the same are fed from one answer of the
    /// application: of such, and of those that feed WebSockets, there are no more, and at most nine
    /// tenths of the instances
    #[arg(long)]
    max_streams: Option<usize>,
    /// Number of event streams that one client address may have. Four times as many as are left
    /// free, that is four fifths of all for one alone, if not given
    #[arg(long)]
    max_streams_per_address: Option<usize>,
    /// Number of event streams that one path may have, that is one job. As with
    /// --max-streams-per-address if not given
    #[arg(long)]
    max_streams_per_job: Option<usize>,
    /// MB of memory that all instances may have together, beyond what they begin with. When there
    /// is no more, the client that has most gives
    #[arg(long, value_name = "MB", default_value_t = 288, value_parser = clap::value_parser!(u32).range(64..=65_536))]
    memory: u32,
    /// A proxy in front, or a network of such, whose X-Forwarded-For, -Proto and -Host are believed
    /// (repeatable), e.g. 10.0.0.0/8
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    trusted_proxy: Vec<ipnet::IpNet>,
    /// A name that requests from this machine may ask for, besides addresses and localhost
    /// (repeatable): that of a proxy's site, say
    #[arg(long, value_name = "NAME")]
    local_name: Vec<String>,
    /// Time for which a request's body may stand still before it is cut
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    idle_timeout: Duration,
}

/// The kind of store for data.
#[derive(Clone)]
enum Storage {
    Sqlite,
    Redis(String),
}

impl FromStr for Storage {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            url if url.starts_with("redis://") || url.starts_with("rediss://") => {
                Ok(Self::Redis(url.to_owned()))
            }
            _ => Err("expected sqlite, redis://... or rediss://..."),
        }
    }
}

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

/// Parses a network; an address alone is the network that has only it.
fn network(text: &str) -> Result<ipnet::IpNet, &'static str> {
    let address = text.parse::<std::net::IpAddr>().map(Into::into);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "expected an address or a network such as 10.0.0.0/8")
}

fn assignment(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Place {
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

fn main() -> anyhow::Result<()> {
    host::allocator::give_back_freed();
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match cli.command {
        Some(Command::Build(place)) => {
            let (manifest, state_dir) = place.open()?;
            build::build(&manifest, &state_dir, When::Always)
        }
        Some(Command::Metrics(follow)) => follow_logs(&follow),
        Some(Command::Up(up)) => run(*up),
        None => run(cli.up),
    }
}

fn run(up: Up) -> anyhow::Result<()> {
    let (manifest, state_dir) = up.place.open()?;
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
    runtime.block_on(serve(up, manifest, variables, state_dir))
}

/// Serves the metrics of log files for ever.
fn follow_logs(follow: &FollowLogs) -> anyhow::Result<()> {
    const PAUSE: Duration = Duration::from_secs(1);
    let metrics = Arc::new(Metrics::default());
    let mut follower = Follower::new(&follow.logs);
    follower
        .read(&metrics)
        .with_context(|| format!("cannot read {}", follow.logs.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(follow.listen)
            .await
            .with_context(|| format!("cannot listen on {}", follow.listen))?;
        println!("Metrics on http://{}/metrics", listener.local_addr()?);
        let read = metrics.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                if let Err(error) = follower.read(&read) {
                    tracing::warn!("cannot read the logs: {error}");
                }
            }
        });
        admin::serve(listener, Served::Logs(metrics)).await;
        Ok(())
    })
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
    let traces = match up.otlp.as_deref().filter(|endpoint| !endpoint.is_empty()) {
        None => None,
        Some(endpoint) => Some(Traces::export(
            &manifest.application.name,
            endpoint,
            |name| std::env::var(name).ok(),
        )?),
    };
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
            local_names: up.local_name.clone(),
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
